//! Equations of a kernel to definitions of a [`Builder`]: pointwise tensors are
//! put in the place of their reads, reductions and orders become tensors.
//!
//! A pointwise definition over [`MAX_INLINE`] nodes stays a tensor, so neither a
//! chain of ten thousand equations nor one that doubles each time blows up. So
//! does one whose indices would become too complex where it is read.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{Equation, Expr, ExprKind, Role, Tensor, Var};
use tilec_ir::walk::{ints, postorder, reachable};
use tilec_ir::{Atom, Id, IntId, Ints, Kernel, Scalar};

use crate::builder::{Builder, Definition, Rewrite, Substitution, Value, rebuild_kind};
use crate::canonical::guarded;
use crate::flat::{Flat, Leaf, Target};
use crate::hoist::{Hoisted, Shared, Surroundings, hoist};
use crate::scope::{Scopes, Step};
use crate::sums::{reduce, regroup};

/// The largest definition that is put in the place of its reads.
pub(crate) const MAX_INLINE: usize = 64;

/// Positions of the pool from here on are for variables that are bound.
const BOUND: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Translator<'a> {
    pub(crate) old: &'a Kernel,
    pub(crate) builder: Builder,
    pub(crate) shared: Shared,
    /// Sums that may become part of the sum that reads them.
    pub(crate) mergeable: BTreeSet<Id<Tensor>>,
    /// Tensors of `old` whose sums may.
    merge: Option<&'a BTreeSet<Id<Tensor>>>,
    /// Whether reads of a tensor are replaced by its definition.
    inline: Vec<bool>,
    /// By variable of `old`.
    vars: Vec<Option<Id<Var>>>,
    // The equation that is being translated.
    done: BTreeMap<Id<Expr>, Id<Expr>>,
    pub(crate) names: BTreeMap<Id<Var>, String>,
    pub(crate) equation: Option<Id<Tensor>>,
    made: usize,
    pub(crate) fresh: usize,
    plain: bool,
    again: bool,
}

/// Translates all equations. `merge` holds the tensors whose sums may move into
/// the sum that reads them, of a kernel that is canonical otherwise.
pub(crate) fn translate<'a>(
    old: &'a Kernel,
    merge: Option<&'a BTreeSet<Id<Tensor>>>,
) -> Translator<'a> {
    let mut translator = Translator {
        old,
        builder: Builder::new(old),
        shared: Shared::default(),
        mergeable: BTreeSet::new(),
        merge,
        inline: vec![false; old.tensors.len()],
        vars: vec![None; old.vars.len()],
        done: BTreeMap::new(),
        names: BTreeMap::new(),
        equation: None,
        made: 0,
        fresh: 0,
        plain: false,
        again: merge.is_some(),
    };
    for equation in &old.equations {
        translator.equation(equation);
    }
    translator
}

impl Translator<'_> {
    fn equation(&mut self, equation: &Equation) {
        self.done.clear();
        self.names.clear();
        self.equation = Some(equation.tensor);
        self.made = 0;
        let mut vars = Vec::new();
        for (at, &var) in equation.vars.iter().enumerate() {
            vars.push(self.bind(var, at));
        }
        let order = postorder(self.old, equation.value);
        let scopes = Scopes::of(self.old, &order);
        let (_, root) = guarded(self.old, equation.value);
        for expr in order {
            let made = self.expr(expr, &scopes, &vars, expr == root);
            self.done.insert(expr, made);
        }
        // A guard of the canonical form goes with the tensor of its reduction.
        let value = if self.again { self.done[&root] } else { self.done[&equation.value] };
        self.define(equation, vars, value);
    }

    fn bind(&mut self, var: Id<Var>, position: usize) -> Id<Var> {
        let range = self.builder.size(self.old, self.old.vars[var].range);
        let bound = self.builder.pool(position, range);
        self.vars[var.index()] = Some(bound);
        self.names.insert(bound, self.old.vars[var].name.clone());
        bound
    }

    fn define(&mut self, equation: &Equation, vars: Vec<Id<Var>>, value: Id<Expr>) {
        let names = vars.iter().map(|var| self.names[var].clone()).collect();
        let definition = Definition {
            vars,
            bound: Vec::new(),
            guard: None,
            value: Value::Map(value),
            names,
            span: equation.span,
        };
        let tensor = equation.tensor;
        self.builder.blind.definition(&self.builder.kernel, tensor, &definition);
        self.builder.definitions[tensor.index()] = Some(definition);
        self.inline[tensor.index()] = self.weight(value) <= MAX_INLINE;
    }

    /// Nodes and atoms, counted up to the limit.
    fn weight(&self, value: Id<Expr>) -> usize {
        let kernel = &self.builder.kernel;
        let mut weight = 0;
        for expr in reachable(kernel, value) {
            weight += 1;
            for int in ints(&kernel.exprs[expr]) {
                kernel.ints.visit_atoms(int, &mut |_, _| weight += 1);
            }
            if weight > MAX_INLINE {
                break;
            }
        }
        weight
    }

    fn expr(&mut self, id: Id<Expr>, scopes: &Scopes, vars: &[Id<Var>], root: bool) -> Id<Expr> {
        let expr = &self.old.exprs[id];
        let ty = self.builder.scalar(self.old, expr.ty);
        match &expr.kind {
            ExprKind::Read(tensor, index) => {
                let index = index.iter().map(|&i| self.whole_int(i)).collect();
                self.read(*tensor, index, expr)
            }
            ExprKind::Reduce(op, bound, body) => {
                let around = self.around(id, scopes, vars);
                let bound = self.bound(bound);
                let body = self.done[body];
                let hoisted =
                    Hoisted { value: Value::Reduce(*op, body), bound, ty, span: expr.span };
                reduce(self, hoisted, &around, root)
            }
            ExprKind::Rank { var, order, key, place } => {
                let around = self.around(id, scopes, vars);
                let bound = self.bound(std::slice::from_ref(var));
                let value = Value::Rank {
                    order: *order,
                    key: self.done[key],
                    place: self.whole_int(*place),
                };
                let ty = Scalar::Idx(self.builder.kernel.vars[bound[0]].range);
                self.hoist(Hoisted { value, bound, ty, span: expr.span }, &around, root)
            }
            ExprKind::Int(int) => {
                let kind = ExprKind::Int(self.whole_int(*int));
                self.builder.make(Expr { kind, ty, span: expr.span })
            }
            kind => {
                let kind = rebuild_kind(kind, self).expect("a node without integers");
                let made = self.builder.make(Expr { kind, ty, span: expr.span });
                regroup(&mut self.builder, made)
            }
        }
    }

    /// The new variables of a binder. They were bound when the body was reached.
    fn bound(&mut self, vars: &[Id<Var>]) -> Vec<Id<Var>> {
        vars.iter().map(|&var| self.var(var)).collect()
    }

    fn var(&mut self, var: Id<Var>) -> Id<Var> {
        match self.vars[var.index()] {
            Some(bound) => bound,
            None => self.bind(var, BOUND + var.index()),
        }
    }

    fn around(&mut self, id: Id<Expr>, scopes: &Scopes, vars: &[Id<Var>]) -> Surroundings {
        let mut around = Surroundings { vars: vars.to_vec(), tests: Vec::new() };
        for step in scopes.around(id) {
            match step {
                Step::When(test, outcome) => around.tests.push((self.done[test], *outcome)),
                Step::Bind(vars) => {
                    let vars = self.bound(vars);
                    around.vars.extend(vars);
                }
            }
        }
        around
    }

    /// A reduction or an order, as a read of its tensor.
    pub(crate) fn hoist(
        &mut self,
        hoisted: Hoisted,
        around: &Surroundings,
        root: bool,
    ) -> Id<Expr> {
        let equation = self.equation.map(|id| self.old.tensors[id].clone());
        let owner = equation.filter(|tensor| root && tensor.role == Role::Local);
        let (names, made) = (self.names.clone(), &mut self.made);
        let stem = self.equation.map_or("", |id| self.old.tensors[id].name.as_str());
        let mut name = || match &owner {
            Some(tensor) => tensor.name.clone(),
            None => {
                *made += 1;
                format!("{stem}'{made}")
            }
        };
        let names = |var: Id<Var>| names.get(&var).cloned().unwrap_or_else(|| "v".to_owned());
        let (tensor, index) =
            hoist(&mut self.builder, &mut self.shared, &hoisted, around, &names, &mut name)
                .expect("renaming variables keeps integers as simple as they were");
        if let Some(owner) = &owner {
            self.builder.kernel.tensors[tensor].name.clone_from(&owner.name);
            if self.equation.is_some_and(|id| self.merge.is_some_and(|merge| merge.contains(&id))) {
                self.mergeable.insert(tensor);
            }
        } else {
            self.mergeable.remove(&tensor);
        }
        self.builder.read(tensor, index, hoisted.span)
    }

    /// An element of a tensor, or what it is defined as.
    fn read(&mut self, tensor: Id<Tensor>, index: Vec<IntId>, expr: &Expr) -> Id<Expr> {
        match self.instance(tensor, &index) {
            Ok(Some(value)) => value,
            Ok(None) | Err(TooComplex) => self.builder.read(tensor, index, expr.span),
        }
    }

    /// The definition of a pointwise tensor at an index.
    fn instance(
        &mut self,
        tensor: Id<Tensor>,
        index: &[IntId],
    ) -> Result<Option<Id<Expr>>, TooComplex> {
        if !self.inline[tensor.index()] || self.plain {
            return Ok(None);
        }
        let Some(definition) = &self.builder.definitions[tensor.index()] else { return Ok(None) };
        let Value::Map(value) = definition.value else { return Ok(None) };
        let vars = definition.vars.clone();
        let map: Substitution = vars.into_iter().zip(index.iter().copied()).collect();
        self.builder.substitute(value, &map).map(Some)
    }

    /// An integer of the old kernel; nothing is inlined into it if that would
    /// make it too complex.
    fn whole_int(&mut self, id: IntId) -> IntId {
        if let Ok(int) = self.int(id) {
            return int;
        }
        self.plain = true;
        let int = self.int(id);
        self.plain = false;
        int.expect("renaming variables keeps integers as simple as they were")
    }
}

impl Rewrite for Translator<'_> {
    fn int(&mut self, id: IntId) -> Result<IntId, TooComplex> {
        let made = Flat::of(&self.old.ints, id).rebuild(self)?;
        let atoms = Flat::of(&self.builder.kernel.ints, made).atoms();
        if atoms > MAX_INLINE && !self.plain { Err(TooComplex) } else { Ok(made) }
    }

    fn operand(&self, expr: Id<Expr>) -> Id<Expr> {
        self.done[&expr]
    }
}

impl Target for Translator<'_> {
    fn ints(&mut self) -> &mut Ints {
        &mut self.builder.kernel.ints
    }

    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
        self.builder.facts.div(&mut self.builder.kernel.ints, p, d)
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex> {
        Ok(match leaf {
            Leaf::Size(size) => self.builder.kernel.ints.of_atom(Atom::Size(size), None),
            Leaf::Var(var) => {
                let var = self.var(var);
                self.builder.var(var)
            }
            Leaf::Value(expr) => self.builder.int_of(self.done[&expr]),
            Leaf::Read(tensor, index) => match self.instance(tensor, &index)? {
                Some(value) => self.builder.int_of(value),
                None => self.builder.read_int(tensor, index),
            },
        })
    }
}
