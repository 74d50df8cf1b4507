//! What is known while a function is written: which value each variable has,
//! and which expressions were computed already.
//!
//! Scopes follow the blocks of the function. A value found in a scope was
//! computed in a block that dominates the current one, so it is used again.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::tensor::{Expr, Role, Scalar, Var};
use tilec_ir::{AtomId, Id, IntId, Kernel};

use super::function::{Function, Loop, Value};
use super::vector::Machine;
use crate::plan::Plan;

/// What a function is written in terms of.
#[derive(Debug)]
pub(crate) struct Context<'k> {
    pub(crate) kernel: &'k Kernel,
    pub(crate) plan: &'k Plan,
    pub(crate) machine: Machine,
    pub(crate) f: Function,
    /// Clamp every read into its buffer; see [`crate::plan::Step::clamped`].
    pub(crate) clamped: bool,
    /// The buffers that the function uses.
    pub(crate) used: BTreeSet<usize>,
    scopes: Vec<Scope>,
}

/// What was computed in one block.
#[derive(Debug, Default)]
struct Scope {
    vars: BTreeMap<Id<Var>, Value>,
    atoms: BTreeMap<AtomId, Value>,
    ints: BTreeMap<IntId, Value>,
    exprs: BTreeMap<Id<Expr>, Value>,
}

impl<'k> Context<'k> {
    pub(crate) fn new(kernel: &'k Kernel, plan: &'k Plan, machine: Machine) -> Self {
        Self {
            kernel,
            plan,
            machine,
            f: Function::default(),
            clamped: false,
            used: BTreeSet::new(),
            scopes: vec![Scope::default()],
        }
    }

    /// Enters a block: a branch or the body of a loop.
    pub(crate) fn enter(&mut self) {
        self.scopes.push(Scope::default());
    }

    /// Leaves it and forgets what it computed.
    pub(crate) fn leave(&mut self) {
        self.scopes.pop();
    }

    /// From here on `var` has this value.
    pub(crate) fn bind(&mut self, var: Id<Var>, value: &Value) {
        self.scope().vars.insert(var, value.clone());
    }

    /// From here on the atom has this value, whatever it says.
    pub(crate) fn bind_atom(&mut self, atom: AtomId, value: &Value) {
        self.scope().atoms.insert(atom, value.clone());
    }

    fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("the outermost scope is never left")
    }

    pub(crate) fn var(&self, var: Id<Var>) -> Value {
        let known = self.scopes.iter().rev().find_map(|s| s.vars.get(&var));
        known.cloned().unwrap_or_else(|| {
            let name = &self.kernel.vars[var].name;
            panic!("`{name}` is used where it is not bound, in {:#?}", self.kernel.equations)
        })
    }

    pub(crate) fn known_atom(&self, atom: AtomId) -> Option<Value> {
        self.scopes.iter().rev().find_map(|s| s.atoms.get(&atom)).cloned()
    }

    pub(crate) fn known_int(&self, int: IntId) -> Option<Value> {
        self.scopes.iter().rev().find_map(|s| s.ints.get(&int)).cloned()
    }

    pub(crate) fn note_int(&mut self, int: IntId, value: &Value) {
        self.scope().ints.insert(int, value.clone());
    }

    pub(crate) fn known_expr(&self, expr: Id<Expr>) -> Option<Value> {
        self.scopes.iter().rev().find_map(|s| s.exprs.get(&expr)).cloned()
    }

    pub(crate) fn note_expr(&mut self, expr: Id<Expr>, value: &Value) {
        self.scope().exprs.insert(expr, value.clone());
    }

    /// Begins `for var in 0 .. range`.
    pub(crate) fn begin_var(&mut self, var: Id<Var>, carry: &[(&'static str, Value)]) -> Loop {
        let high = self.int(self.kernel.vars[var].range);
        let entered = self.f.begin_loop((&0.into(), &high, &1.into()), carry);
        self.enter();
        self.bind(var, &entered.index);
        entered
    }

    /// Begins nested loops over `vars`, all of which carry the same values.
    pub(crate) fn begin_vars(
        &mut self,
        vars: &[Id<Var>],
        carry: &[(&'static str, Value)],
    ) -> (Vec<Loop>, Vec<Value>) {
        let mut loops = Vec::new();
        let mut values: Vec<Value> = carry.iter().map(|(_, v)| v.clone()).collect();
        for &var in vars {
            let carry: Vec<_> =
                carry.iter().zip(&values).map(|((t, _), v)| (*t, v.clone())).collect();
            let entered = self.begin_var(var, &carry);
            values.clone_from(&entered.carried);
            loops.push(entered);
        }
        (loops, values)
    }

    /// Ends them; returns what they carried out.
    pub(crate) fn end_vars(&mut self, loops: Vec<Loop>, mut carry: Vec<Value>) -> Vec<Value> {
        for ended in loops.into_iter().rev() {
            self.leave();
            carry = self.f.end_loop(ended, &carry);
        }
        carry
    }

    /// The pointer to a buffer.
    pub(crate) fn pointer(&mut self, buffer: usize) -> Value {
        self.used.insert(buffer);
        Value::new(format_args!("%t{buffer}"))
    }

    /// Binds `vars` to the digits of `flat` in the mixed radix of their ranges.
    pub(crate) fn bind_flat(&mut self, vars: &[Id<Var>], flat: &Value) {
        let mut rest = flat.clone();
        for (n, &var) in vars.iter().enumerate().rev() {
            if n == 0 {
                self.bind(var, &rest);
            } else {
                let range = self.int(self.kernel.vars[var].range);
                let (quotient, digit) = self.f.div_rem(&rest, &range);
                self.bind(var, &digit);
                rest = quotient;
            }
        }
    }

    /// How many points the ranges of `vars` have.
    pub(crate) fn count(&mut self, vars: &[Id<Var>]) -> Value {
        let ranges: Vec<_> = vars.iter().map(|&v| self.kernel.vars[v].range).collect();
        self.product(&ranges)
    }

    /// The product of some sizes.
    pub(crate) fn product(&mut self, sizes: &[IntId]) -> Value {
        let mut product = Value::from(1);
        for &size in sizes {
            let size = self.int(size);
            product = self.f.mul(&product, &size);
        }
        product
    }

    /// Where an element of a buffer lies, counted in elements.
    pub(crate) fn offset(&mut self, buffer: usize, index: &[Value]) -> Value {
        let plan = self.plan;
        let mut offset: Option<Value> = None;
        for (&size, index) in plan.buffers[buffer].shape.iter().zip(index) {
            let size = self.int(size);
            let mut index = index.clone();
            if self.clamped {
                let last = self.f.sub(&size, &1.into());
                let low = self.f.min(&index, &last);
                index = self.f.max(&low, &0.into());
            }
            offset = Some(match offset {
                Some(before) => {
                    let row = self.f.mul(&before, &size);
                    self.f.add(&row, &index)
                }
                None => index,
            });
        }
        offset.unwrap_or_else(|| 0.into())
    }

    /// Reads an element: f32, i32 or i1.
    pub(crate) fn read(&mut self, buffer: usize, index: &[Value]) -> Value {
        let mut offset = self.offset(buffer, index);
        let mut pointer = self.pointer(buffer);
        let plan = self.plan;
        let Some(declared) = plan.buffers.get(buffer) else { unreachable!("buffers are numbered") };
        if self.clamped {
            // An empty buffer has nothing to read; any readable word will do.
            let count = self.product(&declared.shape);
            let some = self.f.def(format_args!("icmp sgt i64 {count}, 0"));
            pointer = self.f.def(format_args!("select i1 {some}, ptr {pointer}, ptr %args"));
            offset = self.f.def(format_args!("select i1 {some}, i64 {offset}, i64 0"));
        }
        let value = self.decode(declared.element, &pointer, &offset);
        match (declared.element, self.role(buffer)) {
            (Scalar::Idx(range), Some(Role::Input)) => {
                let range = self.int(range);
                let range = self.f.def(format_args!("trunc i64 {range} to i32"));
                self.clamp_index(&value, &range)
            }
            _ => value,
        }
    }

    /// The value clamped into 0 .. range - 1, all i32.
    pub(crate) fn clamp_index(&mut self, value: &Value, range: &Value) -> Value {
        let last = self.f.def(format_args!("sub i32 {range}, 1"));
        let low = self.f.def(format_args!("call i32 @llvm.smin.i32(i32 {value}, i32 {last})"));
        self.f.def(format_args!("call i32 @llvm.smax.i32(i32 {low}, i32 0)"))
    }

    fn role(&self, buffer: usize) -> Option<Role> {
        let tensors = &self.kernel.tensors;
        (buffer < tensors.len()).then(|| tensors[Id::new(buffer)].role)
    }

    /// Writes an element of a value's class.
    pub(crate) fn write(&mut self, buffer: usize, value: &Value, index: &[Value]) {
        let element = self.plan.buffers[buffer].element;
        let clamped = std::mem::take(&mut self.clamped);
        let offset = self.offset(buffer, index);
        self.clamped = clamped;
        let pointer = self.pointer(buffer);
        self.encode(element, value, &pointer, &offset);
    }
}
