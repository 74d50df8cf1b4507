//! One `__global__` function while it is written: its lines, its parameters and
//! what its names mean at the current place.
//!
//! ```text
//! let mut f = cx.begin("scale_rows");
//! f.open("for (long long m = blockIdx.x; m < M; m += gridDim.x)");   a block is a scope
//! f.bind(var, "m");                                                 what a variable is here
//! let value = f.value(expr);                                        C++ of an expression
//! f.store(tensor, &["m".into()], expr);
//! f.close();
//! launches.push(f.finish(shape));
//! ```
//!
//! Parameters appear by being asked for ([`Function::pointer`], [`Function::size`]).
//! What was computed in a scope is used again there and in scopes inside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use tilec_cpp::Writer;
use tilec_ir::tensor::{Equation, Expr, Role, Size, Tensor, Var};
use tilec_ir::tile::Scratch;
use tilec_ir::{AtomId, Id, Kernel};
use tilec_manifest::{Formula, Launch, Parameter, TensorMap};

use crate::context::Context;
use crate::device::Header;
use crate::names::OWN;
use crate::params::{Access, Key, Params};
use crate::text::Text;
use crate::types;

/// A function that is being written.
#[derive(Debug)]
pub(crate) struct Function<'f, 'p> {
    pub(crate) cx: &'f mut Context<'p>,
    /// The equations.
    pub(crate) kernel: &'p Kernel,
    /// The body so far.
    pub(crate) out: Writer,
    /// Clamp every read into its tensor; see [`crate::value`].
    pub(crate) clamped: bool,
    /// Divisors with what their quotients share; see `device/divide.cuh`.
    pub(crate) divisors: BTreeMap<Id<Expr>, String>,
    /// How many expressions were written.
    pub(crate) written: usize,
    name: String,
    params: Params,
    scopes: Vec<Scope>,
}

/// What names mean in one block.
#[derive(Debug, Default)]
struct Scope {
    vars: BTreeMap<Id<Var>, String>,
    atoms: BTreeMap<AtomId, Text>,
    exprs: BTreeMap<Id<Expr>, Text>,
    held: Vec<Held>,
    /// Whether what outer scopes computed is of no use, as a variable has another value.
    fresh: bool,
    locals: BTreeSet<String>,
}

/// An element that is at hand: no read of it goes to memory.
#[derive(Clone, Debug)]
struct Held {
    tensor: Id<Tensor>,
    index: Vec<String>,
    value: Text,
}

/// How a function is launched.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Blocks.
    pub(crate) grid: [Formula; 3],
    /// Threads of a block along x.
    pub(crate) threads: u32,
    /// Blocks of a cluster along x; 1 is none.
    pub(crate) cluster: u32,
    /// Bytes of dynamic shared memory.
    pub(crate) shared_bytes: u32,
    /// Blocks that must fit on one multiprocessor, where that is a promise.
    pub(crate) resident: Option<u32>,
}

impl<'f, 'p> Function<'f, 'p> {
    pub(crate) fn new(cx: &'f mut Context<'p>, name: &str) -> Self {
        let kernel = cx.kernel();
        Self {
            cx,
            kernel,
            out: Writer::default().part(1),
            clamped: false,
            divisors: BTreeMap::new(),
            written: 0,
            name: name.to_owned(),
            params: Params::default(),
            scopes: vec![Scope::default()],
        }
    }

    /// A line of code.
    pub(crate) fn line(&mut self, code: impl AsRef<str>) {
        self.out.line(code);
    }

    /// A line comment.
    pub(crate) fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format!("// {line}").trim_end().trim_end_matches('\\'));
        }
    }

    /// The comment that every equation gets: what it says in the source, and where.
    pub(crate) fn cite(&mut self, equation: &Equation) {
        let tensor = &self.kernel.tensors[equation.tensor].name;
        let text = self.cx.source.cite_equation(tensor, equation.span);
        self.comment(&text);
    }

    /// `head {`: a block, which is a scope.
    pub(crate) fn open(&mut self, head: &str) {
        self.out.open(head);
        self.enter();
    }

    /// The end of that block.
    pub(crate) fn close(&mut self) {
        self.leave();
        self.out.close("");
    }

    /// The end of that block and the beginning of `else {`.
    pub(crate) fn close_else(&mut self) {
        self.leave();
        self.out.between("else");
        self.enter();
    }

    /// Begins a scope without a block.
    pub(crate) fn enter(&mut self) {
        self.scopes.push(Scope::default());
    }

    /// Ends it and forgets what it computed.
    pub(crate) fn leave(&mut self) {
        self.scopes.pop();
    }

    /// How many scopes there are.
    pub(crate) fn depth(&self) -> usize {
        self.scopes.len()
    }

    /// The scopes whose computed values still hold, innermost first.
    fn valid(&self) -> impl Iterator<Item = &Scope> {
        let mut fresh = false;
        self.scopes
            .iter()
            .rev()
            .take_while(move |scope| !std::mem::replace(&mut fresh, scope.fresh))
    }

    fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("the outermost scope is never left")
    }

    /// A name for something local, like `base`, that nothing visible has.
    pub(crate) fn local(&mut self, base: &str) -> String {
        let live = |name: &str| {
            self.scopes.iter().any(|scope| scope.locals.contains(name)) || self.params.has(name)
        };
        let name = self.cx.names.local(base, live);
        self.scope().locals.insert(name.clone());
        name
    }

    /// Gives back a name of the current scope that was not used.
    pub(crate) fn forget(&mut self, name: &str) {
        self.scope().locals.remove(name);
    }

    /// Keeps the words of [`OWN`] for lines that are written as they stand.
    pub(crate) fn claim(&mut self) {
        for &name in OWN {
            let claimed = self.local(name);
            debug_assert_eq!(claimed, name, "no tensor and no size has it");
        }
    }

    /// `const TY NAME = VALUE;` with a name like `base`, which it returns.
    pub(crate) fn declare(&mut self, ty: &str, base: &str, value: impl AsRef<str>) -> String {
        let name = self.local(base);
        self.line(format!("const {ty} {name} = {};", value.as_ref()));
        name
    }

    /// From here on `var` is this C++ expression, a `long long` or an `int`. What was
    /// computed with another value of it is computed again.
    pub(crate) fn bind(&mut self, var: Id<Var>, value: impl Into<String>) {
        let value = value.into();
        let before = self.scopes.iter().rev().find_map(|scope| scope.vars.get(&var));
        let again = before.is_some_and(|before| *before != value);
        let scope = self.scope();
        if again {
            scope.atoms.clear();
            scope.exprs.clear();
            scope.fresh = true;
        }
        scope.vars.insert(var, value);
    }

    /// From here on this element need not be read: it is this C++ value, of the
    /// class of the tensor's values. `index` is as [`Function::int`] writes it.
    pub(crate) fn hold(&mut self, tensor: Id<Tensor>, index: Vec<String>, value: Text) {
        self.scope().held.push(Held { tensor, index, value });
    }

    pub(crate) fn held(&self, tensor: Id<Tensor>, index: &[String]) -> Option<Text> {
        let held = self.scopes.iter().rev().flat_map(|scope| scope.held.iter().rev());
        let mut held = held.filter(|held| held.tensor == tensor && held.index == index);
        held.next().map(|held| held.value.clone())
    }

    pub(crate) fn var(&self, var: Id<Var>) -> String {
        let known = self.scopes.iter().rev().find_map(|scope| scope.vars.get(&var));
        known.cloned().unwrap_or_else(|| {
            let name = &self.kernel.vars[var].name;
            panic!("`{name}` is not bound in {}: {:#?}", self.name, self.kernel.equations)
        })
    }

    pub(crate) fn known_atom(&self, atom: AtomId) -> Option<Text> {
        self.valid().find_map(|scope| scope.atoms.get(&atom)).cloned()
    }

    pub(crate) fn note_atom(&mut self, atom: AtomId, value: Text) {
        self.scope().atoms.insert(atom, value);
    }

    pub(crate) fn known_expr(&self, expr: Id<Expr>) -> Option<Text> {
        self.valid().find_map(|scope| scope.exprs.get(&expr)).cloned()
    }

    pub(crate) fn note_expr(&mut self, expr: Id<Expr>, value: Text) {
        self.scope().exprs.insert(expr, value);
    }

    /// What `write` writes, as a part of its own in a scope of its own, and its
    /// result.
    pub(crate) fn part<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> (Writer, T) {
        let part = self.out.part(1);
        let outer = std::mem::replace(&mut self.out, part);
        self.enter();
        let result = write(self);
        self.leave();
        (std::mem::replace(&mut self.out, outer), result)
    }

    /// Embeds a device header in the source.
    pub(crate) fn need(&mut self, header: Header) {
        self.cx.need(header);
    }

    /// The pointer to a tensor's elements.
    pub(crate) fn pointer(&mut self, tensor: Id<Tensor>, access: Access) -> String {
        let element = self.kernel.tensors[tensor].element;
        if types::is_narrow(element) {
            self.need(Header::Convert);
        }
        let name = self.cx.names.tensor(tensor).to_owned();
        let base = self.cx.base(tensor);
        self.params.memory(Key::Tensor(tensor), &name, types::element(element), base, access);
        name
    }

    /// The pointer to a piece of the workspace with elements of a C++ type.
    pub(crate) fn scratch(&mut self, holds: Scratch, ty: &str, name: &str) -> String {
        let key = Key::Scratch(name.to_owned());
        let known = self.params.name(&key);
        let made = known.unwrap_or_else(|| self.outer_local(name));
        let base = self.cx.scratch(holds);
        self.params.memory(key.clone(), &made, ty, base.clone(), Access::Read);
        self.params.memory(key, &made, ty, base, Access::Write);
        made
    }

    /// A scalar input, an element of its tensor by value.
    pub(crate) fn scalar(&mut self, tensor: Id<Tensor>) -> String {
        let declared = &self.kernel.tensors[tensor];
        assert!(declared.role == Role::Input, "only inputs are passed by value");
        if types::is_narrow(declared.element) {
            self.need(Header::Convert);
        }
        let name = self.cx.names.tensor(tensor).to_owned();
        let parameter = Parameter::Scalar(declared.name.clone());
        let ty = types::element(declared.element);
        self.params.value(Key::Scalar(tensor), &name, ty, parameter);
        name
    }

    /// A size parameter, a `long long`.
    pub(crate) fn size(&mut self, size: Id<Size>) -> String {
        let name = self.cx.names.size(size).to_owned();
        let formula = Formula::Size(self.kernel.sizes[size].name.clone());
        self.params.value(Key::Size(size), &name, "long long", Parameter::Size(formula));
        name
    }

    /// An integer over sizes that the launch computes, a `long long`.
    pub(crate) fn launch_int(&mut self, formula: Formula, name: &str) -> String {
        let key = Key::Formula(name.to_owned());
        let made = self.params.name(&key).unwrap_or_else(|| self.outer_local(name));
        self.params.value(key, &made, "long long", Parameter::Size(formula));
        made
    }

    /// A tensor map, a `tilec::TensorMap`.
    pub(crate) fn tensor_map(&mut self, map: TensorMap, name: &str) -> String {
        self.need(Header::Tma);
        let key = Key::Map(name.to_owned());
        let made = self.params.name(&key).unwrap_or_else(|| self.outer_local(name));
        let ty = "const __grid_constant__ tilec::TensorMap";
        self.params.value(key, &made, ty, Parameter::TensorMap(map));
        made
    }

    /// A name that is visible in the whole function.
    fn outer_local(&mut self, base: &str) -> String {
        let name = self.local(base);
        let outer = self.scopes.first_mut().expect("the outermost scope is never left");
        outer.locals.insert(name.clone());
        name
    }

    /// Writes the function into the source.
    pub(crate) fn finish(self, shape: Shape) -> Launch {
        let Shape { grid, threads, cluster, shared_bytes, resident } = shape;
        let (declarations, parameters) = self.params.finish();
        let mut bounds = threads.to_string();
        if let Some(resident) = resident {
            write!(bounds, ", {resident}").expect("a string takes all text");
        }
        let mut out = Writer::default();
        out.line(format!("extern \"C\" __global__ void __launch_bounds__({bounds})"));
        let one_line = format!("{}({})", self.name, declarations.join(", "));
        if one_line.len() <= 100 {
            out.line(one_line);
        } else {
            out.line(format!("{}(", self.name));
            let last = declarations.len() - 1;
            for (at, declaration) in declarations.iter().enumerate() {
                let comma = if at == last { ")" } else { "," };
                out.line(format!("    {declaration}{comma}"));
            }
        }
        out.line("{").append(self.out).line("}").line("");
        self.cx.functions.push(out.finish());
        Launch {
            function: self.name,
            grid,
            block: [threads, 1, 1],
            cluster: [cluster, 1, 1],
            shared_bytes,
            parameters,
        }
    }
}
