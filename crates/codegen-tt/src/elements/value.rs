//! Expressions of integers and truths as C++, at one element.
//!
//! ```text
//! sum[g](if g < e then count[g] else 0)
//!     int32_t sum = 0;
//!     for (int32_t g = 0; g < 8; ++g) {
//!         const bool holds = g < e;
//!         int32_t chosen;
//!         if (holds) {
//!             const int32_t count_value = ..;
//!             chosen = count_value;
//!         } else {
//!             chosen = 0;
//!         }
//!         sum = tilec::whole_sum(sum, chosen);
//!     }
//! ```
//!
//! Every value has a name or is a literal. Only the branch that is taken is computed, since
//! another one may read what is not there. A float is its bits, which are passed on as they are
//! stored; of 32 bits, they are also compared.

use std::collections::BTreeMap;

use tilec_cpp::Writer;
use tilec_ir::dataflow::Table;
use tilec_ir::tensor::{
    Binary, Expr, ExprKind, Kernel as Ir, Reduction, Scalar, Tensor, Unary, Var,
};
use tilec_ir::{Atom, AtomId, Format, Id, IntId, walk};

use super::functions;
use super::integer::literal;
use crate::kernel::Kernel;

/// What C++ takes a value as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// An integer of 32 bits.
    Whole,
    /// False or true.
    Truth,
    /// The bits of a float, of the narrow type that is stored, or an f32.
    Bits,
}

impl Class {
    pub(super) fn of(ty: Scalar) -> Self {
        match ty {
            Scalar::Bool => Self::Truth,
            _ if ty.is_float() => Self::Bits,
            Scalar::F32
            | Scalar::Bf16
            | Scalar::F16
            | Scalar::F8E4M3
            | Scalar::F8E5M2
            | Scalar::I32
            | Scalar::I8
            | Scalar::U8
            | Scalar::Idx(_) => Self::Whole,
        }
    }

    fn cpp(self) -> &'static str {
        match self {
            Self::Whole => "int32_t",
            Self::Truth => "bool",
            Self::Bits => "uint32_t",
        }
    }
}

/// What has a name between two braces.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) vars: BTreeMap<Id<Var>, String>,
    pub(super) atoms: BTreeMap<AtomId, String>,
    pub(super) exprs: BTreeMap<Id<Expr>, String>,
}

/// An equation that is written down.
#[derive(Debug)]
pub(super) struct Values<'a, 'p> {
    pub(super) writer: &'a mut Kernel<'p>,
    pub(super) kernel: &'p Ir,
    pub(super) tables: &'a [Table],
    /// The type of the elements that are stored.
    pub(super) element: Scalar,
    pub(super) scopes: Vec<Scope>,
}

impl Values<'_, '_> {
    /// The value of an expression as the bits of an element.
    pub(super) fn bits(&mut self, expr: Id<Expr>) -> String {
        let value = self.value(expr);
        match Class::of(self.kernel.exprs[expr].ty) {
            Class::Truth => format!("{value} ? 1 : 0"),
            Class::Whole | Class::Bits => value,
        }
    }

    /// The bits of an element of the only table; of halves of words, the one that is last of
    /// its place.
    pub(super) fn copied(&mut self, place: &[Option<String>]) -> String {
        let place: Vec<String> = place.iter().flatten().cloned().collect();
        let table = self.tables[0];
        let tensor = self.writer.program.buffers[table.buffer].tensor;
        let rank = self.kernel.tensors[tensor].shape.len();
        let copied = self.element(&table, &place[..rank]);
        match place.get(rank) {
            Some(half) => format!("{copied} >> {half} * 16"),
            None => copied,
        }
    }

    /// The value of an expression as a name or a literal.
    pub(super) fn value(&mut self, root: Id<Expr>) -> String {
        // What comes first in the arena is computed first: no recursion but into branches.
        for expr in self.eager(root) {
            if self.known(expr).is_none() {
                let text = self.node(expr);
                self.scope().exprs.insert(expr, text);
            }
        }
        self.known(root).expect("it was just computed")
    }

    pub(super) fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("an equation has a scope")
    }

    fn known(&self, expr: Id<Expr>) -> Option<String> {
        self.scopes.iter().rev().find_map(|scope| scope.exprs.get(&expr)).cloned()
    }

    fn operand(&self, expr: Id<Expr>) -> String {
        self.known(expr).expect("operands are computed before their users")
    }

    pub(super) fn var(&self, var: Id<Var>) -> String {
        let known = self.scopes.iter().rev().find_map(|scope| scope.vars.get(&var));
        known.expect("a variable is bound around its uses").clone()
    }

    /// A name for a value.
    pub(super) fn declare(&mut self, class: Class, name: &str, text: &str) -> String {
        let name = self.writer.names.make(name);
        self.writer.line(format!("const {} {name} = {text};", class.cpp()));
        name
    }

    /// What is computed for an expression whatever the tests in it say, in order.
    fn eager(&self, root: Id<Expr>) -> Vec<Id<Expr>> {
        let mut reached = std::collections::BTreeSet::from([root]);
        let mut open = vec![root];
        while let Some(expr) = open.pop() {
            if self.known(expr).is_none() {
                let operands = self.eager_operands(expr);
                open.extend(operands.into_iter().filter(|&x| reached.insert(x)));
            }
        }
        reached.into_iter().collect()
    }

    fn eager_operands(&self, id: Id<Expr>) -> Vec<Id<Expr>> {
        let expr = &self.kernel.exprs[id];
        let mut operands = match expr.kind {
            ExprKind::Select(test, ..) => vec![test],
            ExprKind::Binary(Binary::And | Binary::Or, a, _) => vec![a],
            ExprKind::Reduce(..) => Vec::new(),
            ExprKind::Float(_)
            | ExprKind::Int(_)
            | ExprKind::Read(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Convert(_)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Rank { .. } => walk::direct(&expr.kind),
        };
        for int in walk::ints(expr) {
            self.kernel.ints.visit_atoms(int, &mut |_, atom| {
                if let Atom::Value(value) = atom {
                    operands.push(*value);
                }
            });
        }
        operands
    }

    fn node(&mut self, id: Id<Expr>) -> String {
        let kernel = self.kernel;
        let Expr { kind, ty, .. } = &kernel.exprs[id];
        match kind {
            ExprKind::Float(value) => self.float(*value),
            ExprKind::Int(int) => self.int(*int),
            ExprKind::Read(tensor, index) => self.read(*tensor, index),
            &ExprKind::Unary(op, a) => self.unary(op, a),
            &ExprKind::Binary(op @ (Binary::And | Binary::Or), a, b) => self.connect(op, a, b),
            &ExprKind::Binary(op, a, b) => self.binary(op, a, b),
            &ExprKind::Select(test, a, b) => self.select(test, a, b, Class::of(*ty)),
            &ExprKind::Convert(a) => self.convert(a, *ty),
            ExprKind::Reduce(op, vars, term) => self.reduce(*op, vars, *term),
            ExprKind::RoundStochastic(..) | ExprKind::Random(_) | ExprKind::Rank { .. } => {
                unreachable!("no elements are made of it: {kind:?}")
            }
        }
    }

    fn float(&self, value: f32) -> String {
        let bits = match Format::of(self.element) {
            Some(format) => u32::from(format.encode(value)),
            None => value.to_bits(),
        };
        format!("{bits:#x}")
    }

    /// An element of a tensor; an index that was given is held to its range.
    pub(super) fn read(&mut self, tensor: Id<Tensor>, index: &[IntId]) -> String {
        let kernel = self.kernel;
        let index: Vec<String> = index.iter().map(|&int| self.int(int)).collect();
        let of_tensor = |table: &&Table| self.writer.program.buffers[table.buffer].tensor == tensor;
        let table = *self.tables.iter().find(of_tensor).expect("all that is read is a table");
        let bits = self.element(&table, &index);
        let declared = &kernel.tensors[tensor];
        let (class, text) = match declared.element {
            Scalar::Bool => (Class::Truth, format!("{bits} != 0")),
            Scalar::I8 => (Class::Whole, format!("static_cast<int8_t>({bits})")),
            Scalar::Idx(bound) => {
                let last = kernel.ints.as_constant(bound).expect("all sizes are bound") - 1;
                let last = literal(last.max(0));
                let wrapped = format!("tilec::wrapped({bits})");
                (Class::Whole, format!("tilec::whole_clamped({wrapped}, 0, {last})"))
            }
            Scalar::I32 | Scalar::U8 => (Class::Whole, format!("tilec::wrapped({bits})")),
            // As the upper half of an f32, where that is what is stored or compared.
            Scalar::Bf16 if self.element != Scalar::Bf16 => (Class::Bits, format!("{bits} << 16")),
            Scalar::F32 | Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => {
                (Class::Bits, bits)
            }
        };
        self.declare(class, &format!("{}_value", declared.name), &text)
    }

    /// The bits of an element of a table.
    pub(super) fn element(&mut self, table: &Table, index: &[String]) -> String {
        let program = self.writer.program;
        let buffer = &program.buffers[table.buffer];
        let groups = [&buffer.batch, &buffer.rows, &buffer.columns];
        let [matrix, row, column] = groups.map(|dims| {
            let mut flat = String::new();
            for &dim in dims {
                let length = self.kernel.tensors[buffer.tensor].shape[dim];
                let length = self.kernel.ints.as_constant(length).expect("all sizes are bound");
                flat = match flat.contains(' ') {
                    _ if flat.is_empty() => index[dim].clone(),
                    true => format!("({flat}) * {length} + {}", index[dim]),
                    false => format!("{flat} * {length} + {}", index[dim]),
                };
            }
            if flat.is_empty() { "0".to_owned() } else { flat }
        });
        let bytes = Kernel::bytes_of(self.kernel.tensors[buffer.tensor].element);
        let name = &self.writer.tables[&table.ring];
        format!("tilec::table_element<{bytes}>({name}, {matrix}, {row}, {column})")
    }

    fn unary(&mut self, op: Unary, a: Id<Expr>) -> String {
        let a = self.operand(a);
        match (op, functions::unary(op)) {
            (Unary::Neg, Some(name)) => {
                self.declare(Class::Whole, "negative", &format!("tilec::{name}(0, {a})"))
            }
            (_, Some(name)) => {
                self.declare(Class::Whole, "magnitude", &format!("tilec::{name}({a})"))
            }
            (_, None) => self.declare(Class::Truth, "fails", &format!("!{a}")),
        }
    }

    fn binary(&mut self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> String {
        let float = self.kernel.exprs[a].ty.is_float();
        let [a, b] = [a, b].map(|operand| self.operand(operand));
        if let Some((name, turned, fails)) = functions::relation(op).filter(|_| float) {
            let [a, b] = if turned { [b, a] } else { [a, b] };
            let not = if fails { "!" } else { "" };
            return self.declare(Class::Truth, "holds", &format!("{not}tilec::{name}({a}, {b})"));
        }
        let relation = match op {
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Less => "<",
            Binary::AtMost => "<=",
            Binary::Greater => ">",
            Binary::AtLeast => ">=",
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::Rem
            | Binary::Min
            | Binary::Max
            | Binary::And
            | Binary::Or => {
                let name = functions::binary(op).expect("all others are functions");
                return self.declare(Class::Whole, "value", &format!("tilec::{name}({a}, {b})"));
            }
        };
        self.declare(Class::Truth, "holds", &format!("{a} {relation} {b}"))
    }

    /// `a and b` or `a or b`, where `b` is computed only if it decides.
    fn connect(&mut self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> String {
        let a = self.operand(a);
        let name = self.writer.names.make("both");
        let test = if op == Binary::And { name.clone() } else { format!("!{name}") };
        self.writer.line(format!("bool {name} = {a};"));
        self.writer.out.open(&format!("if ({test})"));
        let b = self.inside(Scope::default(), |values| values.value(b));
        self.writer.line(format!("{name} = {b};"));
        self.writer.out.close("");
        name
    }

    fn select(&mut self, test: Id<Expr>, a: Id<Expr>, b: Id<Expr>, class: Class) -> String {
        let test = self.operand(test);
        let name = self.writer.names.make("chosen");
        let [(first, a), (second, b)] = [a, b].map(|branch| self.part(branch));
        if first.is_empty() && second.is_empty() {
            self.writer.line(format!("const {} {name} = {test} ? {a} : {b};", class.cpp()));
            return name;
        }
        self.writer.line(format!("{} {name};", class.cpp()));
        let out = &mut self.writer.out;
        out.open(&format!("if ({test})")).append(first).line(format!("{name} = {a};"));
        out.between("else").append(second).line(format!("{name} = {b};")).close("");
        name
    }

    /// What a branch computes, to be written later, and its value.
    fn part(&mut self, branch: Id<Expr>) -> (Writer, String) {
        let part = self.writer.out.part(1);
        let before = std::mem::replace(&mut self.writer.out, part);
        let value = self.inside(Scope::default(), |values| values.value(branch));
        (std::mem::replace(&mut self.writer.out, before), value)
    }

    pub(super) fn inside<T>(&mut self, scope: Scope, write: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes.push(scope);
        let written = write(self);
        self.scopes.pop();
        written
    }

    fn convert(&mut self, from: Id<Expr>, to: Scalar) -> String {
        let value = self.operand(from);
        let from = Class::of(self.kernel.exprs[from].ty);
        let (least, most) = match (from, to) {
            (Class::Whole, Scalar::Bool) => {
                return self.declare(Class::Truth, "holds", &format!("{value} != 0"));
            }
            (Class::Truth, _) if to != Scalar::Bool => {
                return self.declare(Class::Whole, "counted", &format!("{value} ? 1 : 0"));
            }
            (Class::Whole, Scalar::Idx(bound)) => {
                let bound = self.kernel.ints.as_constant(bound).expect("all sizes are bound");
                (0, (bound - 1).max(0))
            }
            (Class::Whole, Scalar::I8) => (-128, 127),
            (Class::Whole, Scalar::U8) => (0, 255),
            _ => return value,
        };
        let [least, most] = [least, most].map(literal);
        let text = format!("tilec::whole_clamped({value}, {least}, {most})");
        self.declare(Class::Whole, "within", &text)
    }

    /// Opens a loop over each variable.
    pub(super) fn loops(&mut self, vars: &[Id<Var>]) -> Scope {
        let mut scope = Scope::default();
        for &var in vars {
            let count = self.range(var);
            let name = self.writer.names.make(&self.kernel.vars[var].name);
            let head = format!("for (int32_t {name} = 0; {name} < {count}; ++{name})");
            self.writer.out.open(&head);
            scope.vars.insert(var, name);
        }
        scope
    }

    pub(super) fn range(&self, var: Id<Var>) -> i64 {
        let range = self.kernel.vars[var].range;
        self.kernel.ints.as_constant(range).expect("all sizes are bound")
    }

    fn reduce(&mut self, op: Reduction, vars: &[Id<Var>], term: Id<Expr>) -> String {
        let (name, nothing) = match op {
            Reduction::Sum => ("sum", 0),
            Reduction::Prod => ("product", 1),
            Reduction::Max => ("most", i64::from(i32::MIN)),
            Reduction::Min => ("least", i64::from(i32::MAX)),
        };
        let total = self.writer.names.make(name);
        self.writer.line(format!("int32_t {total} = {};", literal(nothing)));
        let scope = self.loops(vars);
        let value = self.inside(scope, |values| values.value(term));
        let function = functions::reduction(op);
        self.writer.line(format!("{total} = tilec::{function}({total}, {value});"));
        vars.iter().for_each(|_| _ = self.writer.out.close(""));
        total
    }
}
