//! Definitions of a [`Builder`] to a kernel: what the outputs need, in the order
//! in which they need it, with variables of its own for each equation.
//!
//! An output that is nothing but a reduction takes the place of its tensor.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::diagnostic::Span;
use tilec_ir::facts::Facts;
use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{Equation, Expr, ExprKind, FactKind, Role, Tensor, Var};
use tilec_ir::walk::{ints, postorder};
use tilec_ir::{Arena, Atom, Id, IntId, Ints, Kernel, Scalar};

use crate::builder::{Builder, Definition, Rewrite, Value, assume, index_bound, rebuild_kind};
use crate::flat::{Flat, Leaf, Target};

/// The kernel of all that the outputs need.
pub(crate) fn emit(builder: &Builder) -> Kernel {
    let claims = claims(builder);
    let order = needed(builder, &claims);
    let mut emitter = Emitter::new(builder, &claims, &order);
    for tensor in order {
        emitter.equation(tensor);
    }
    emitter.kernel
}

/// By tensor: the output that takes its place, and by dimension of the output
/// the dimension of the tensor.
type Claims = BTreeMap<Id<Tensor>, (Id<Tensor>, Vec<usize>)>;

fn claims(builder: &Builder) -> Claims {
    let mut claims = Claims::new();
    for output in builder.kernel.tensors_of(Role::Output) {
        if let Some((tensor, dims)) = claimed(builder, output) {
            claims.entry(tensor).or_insert((output, dims));
        }
    }
    claims
}

/// The tensor that an output is a mere transpose of.
fn claimed(builder: &Builder, output: Id<Tensor>) -> Option<(Id<Tensor>, Vec<usize>)> {
    let kernel = &builder.kernel;
    let definition = builder.definitions[output.index()].as_ref()?;
    let Value::Map(value) = definition.value else { return None };
    let (tensor, index) = match &kernel.exprs[value].kind {
        ExprKind::Read(tensor, index) => (*tensor, index),
        ExprKind::Int(id) => match kernel.ints.as_atom(*id)? {
            Atom::Read(tensor, index) => (*tensor, index),
            Atom::Size(_) | Atom::Var(_) | Atom::Div(..) | Atom::Value(_) => return None,
        },
        _ => return None,
    };
    let local = kernel.tensors[tensor].role == Role::Local;
    let same = kernel.tensors[tensor].element == kernel.tensors[output].element;
    if !local || !same || index.len() != definition.vars.len() {
        return None;
    }
    let position = |var: &Id<Var>| {
        index.iter().position(|&i| kernel.ints.as_atom(i) == Some(&Atom::Var(*var)))
    };
    let dims = definition.vars.iter().map(position).collect::<Option<Vec<_>>>()?;
    let of = |(&var, &dim): (&Id<Var>, &usize)| {
        (kernel.vars[var].range, kernel.tensors[tensor].shape[dim])
    };
    let all = definition.vars.iter().zip(&dims).map(of).all(|(a, b)| is_same(builder, a, b));
    all.then_some((tensor, dims))
}

/// Whether two sizes are known to be equal, and not one a part of the other.
fn is_same(builder: &Builder, a: IntId, b: IntId) -> bool {
    a == b || builder.facts.equal(&mut builder.kernel.ints.clone(), a, b)
}

/// Tensors in the order in which the outputs need them.
fn needed(builder: &Builder, claims: &Claims) -> Vec<Id<Tensor>> {
    let (mut order, mut reached) = (Vec::new(), BTreeSet::new());
    let outputs: Vec<_> = builder.kernel.tensors_of(Role::Output).collect();
    let taken: BTreeMap<_, _> = claims.iter().map(|(&t, (output, _))| (*output, t)).collect();
    let resolve = |tensor: Id<Tensor>| taken.get(&tensor).copied().unwrap_or(tensor);
    let mut open: Vec<_> = outputs.iter().rev().map(|&output| (resolve(output), false)).collect();
    while let Some((tensor, done)) = open.pop() {
        if done {
            order.push(tensor);
            continue;
        }
        let Some(definition) = &builder.definitions[tensor.index()] else { continue };
        if reached.insert(tensor) {
            open.push((tensor, true));
            let reads = reads(builder, definition);
            open.extend(reads.into_iter().rev().map(|tensor| (resolve(tensor), false)));
        }
    }
    order
}

/// The tensors that a definition reads, in the order in which they are written.
pub(crate) fn reads(builder: &Builder, definition: &Definition) -> Vec<Id<Tensor>> {
    let mut found = Vec::new();
    let roots = match definition.value {
        Value::Map(expr) | Value::Reduce(_, expr) => vec![expr],
        Value::Rank { key, place, .. } => {
            let mut roots = vec![key];
            builder.kernel.ints.visit_atoms(place, &mut |_, atom| match atom {
                Atom::Read(tensor, _) => found.push(*tensor),
                Atom::Value(expr) => roots.push(*expr),
                Atom::Size(_) | Atom::Var(_) | Atom::Div(..) => {}
            });
            roots
        }
    };
    for root in definition.guard.into_iter().chain(roots) {
        for expr in postorder(&builder.kernel, root) {
            found.extend(tilec_ir::walk::reads(&builder.kernel, expr));
        }
    }
    found
}

struct Emitter<'a> {
    builder: &'a Builder,
    claims: &'a Claims,
    kernel: Kernel,
    facts: Facts,
    /// By tensor of the builder.
    tensors: Vec<Option<Id<Tensor>>>,
    vars: BTreeMap<Id<Var>, Id<Var>>,
    done: BTreeMap<Id<Expr>, Id<Expr>>,
}

impl<'a> Emitter<'a> {
    fn new(builder: &'a Builder, claims: &'a Claims, order: &[Id<Tensor>]) -> Self {
        let kernel = Kernel {
            facts: Vec::new(),
            tensors: Arena::default(),
            vars: Arena::default(),
            ints: Ints::default(),
            exprs: Arena::default(),
            equations: Vec::new(),
            ..builder.kernel.clone()
        };
        let tensors = vec![None; builder.kernel.tensors.len()];
        let (vars, done) = (BTreeMap::new(), BTreeMap::new());
        let facts = Facts::default();
        let mut emitter = Self { builder, claims, kernel, facts, tensors, vars, done };
        for size in builder.kernel.sizes.ids() {
            emitter.kernel.ints.of_atom(Atom::Size(size), None);
        }
        emitter.facts();
        let fixed = [Role::Input, Role::Output].into_iter();
        for id in fixed.flat_map(|role| builder.kernel.tensors_of(role).collect::<Vec<_>>()) {
            emitter.tensor(id);
        }
        for &id in order {
            if !claims.contains_key(&id) {
                emitter.tensor(id);
            }
        }
        emitter.unique_names();
        emitter
    }

    fn facts(&mut self) {
        for fact in &self.builder.kernel.facts {
            let mut fact = fact.clone();
            fact.kind = match fact.kind {
                FactKind::Equal(a, b) => FactKind::Equal(self.size(a), self.size(b)),
                FactKind::AtMost(a, b) => FactKind::AtMost(self.size(a), self.size(b)),
                FactKind::Less(a, b) => FactKind::Less(self.size(a), self.size(b)),
                // Inputs come first, so they keep their handles.
                FactKind::Sorted(tensor) => FactKind::Sorted(tensor),
                FactKind::Finite(tensor) => FactKind::Finite(tensor),
            };
            assume(&mut self.facts, &mut self.kernel.ints, fact.kind);
            self.kernel.facts.push(fact);
        }
    }

    fn tensor(&mut self, id: Id<Tensor>) {
        if self.tensors[id.index()].is_some() {
            return;
        }
        let mut tensor = self.builder.kernel.tensors[id].clone();
        tensor.shape = tensor.shape.iter().map(|&dim| self.size(dim)).collect();
        tensor.element = self.scalar(tensor.element);
        self.tensors[id.index()] = Some(self.kernel.tensors.push(tensor));
    }

    fn unique_names(&mut self) {
        let mut taken = BTreeSet::new();
        for id in self.kernel.tensors.ids() {
            let stem = self.kernel.tensors[id].name.clone();
            let (mut name, mut at) = (stem.clone(), 1);
            while !taken.insert(name.clone()) {
                at += 1;
                name = format!("{stem}'{at}");
            }
            self.kernel.tensors[id].name = name;
        }
    }

    fn size(&mut self, id: IntId) -> IntId {
        self.int(id).expect("a size stays as simple as it was")
    }

    fn scalar(&mut self, scalar: Scalar) -> Scalar {
        if let Scalar::Idx(bound) = scalar { Scalar::Idx(self.size(bound)) } else { scalar }
    }

    fn equation(&mut self, id: Id<Tensor>) {
        let builder = self.builder;
        let Some(definition) = &builder.definitions[id.index()] else { return };
        self.vars.clear();
        self.done.clear();
        let vars = self.bind(definition);
        let value = self.value(definition, &vars[definition.vars.len()..]);
        let value = self.guard(definition, value);
        let (tensor, vars) = match self.claims.get(&id) {
            Some((output, dims)) => (*output, dims.iter().map(|&at| vars[at]).collect()),
            None => (id, vars[..definition.vars.len()].to_vec()),
        };
        let tensor = self.tensors[tensor.index()].expect("what is emitted was declared");
        self.kernel.equations.push(Equation { tensor, vars, value, span: definition.span });
    }

    /// Fresh variables, named as in the source and unlike each other.
    fn bind(&mut self, definition: &Definition) -> Vec<Id<Var>> {
        let (mut fresh, mut taken) = (Vec::new(), BTreeSet::new());
        let vars = definition.vars.iter().chain(&definition.bound);
        for (&var, name) in vars.zip(&definition.names) {
            let mut name = name.clone();
            while !taken.insert(name.clone()) {
                name.push('\'');
            }
            let old = &self.builder.kernel.vars[var];
            let (range, span) = (self.size(old.range), definition.span);
            let own = self.kernel.vars.push(Var { name, range, span });
            self.vars.insert(var, own);
            fresh.push(own);
        }
        fresh
    }

    fn value(&mut self, definition: &Definition, bound: &[Id<Var>]) -> Id<Expr> {
        let span = definition.span;
        match definition.value {
            Value::Map(expr) => self.expr(expr),
            Value::Reduce(op, body) => {
                let body = self.expr(body);
                let ty = self.kernel.exprs[body].ty;
                let ty = if ty.is_float() { Scalar::F32 } else { Scalar::I32 };
                self.push(ExprKind::Reduce(op, bound.to_vec(), body), ty, span)
            }
            Value::Rank { order, key, place } => {
                let (var, key) = (bound[0], self.expr(key));
                let mut values = Vec::new();
                self.builder.kernel.ints.visit_atoms(place, &mut |_, atom| {
                    if let Atom::Value(value) = atom {
                        values.push(*value);
                    }
                });
                values.into_iter().for_each(|value| {
                    self.expr(value);
                });
                let place = self.size(place);
                let ty = Scalar::Idx(self.kernel.vars[var].range);
                self.push(ExprKind::Rank { var, order, key, place }, ty, span)
            }
        }
    }

    /// Zero where the value is not needed.
    fn guard(&mut self, definition: &Definition, value: Id<Expr>) -> Id<Expr> {
        let Some(guard) = definition.guard else { return value };
        let test = self.expr(guard);
        let (ty, span) = (self.kernel.exprs[value].ty, definition.span);
        let zero = match ty.is_float() {
            true => ExprKind::Float(0.0),
            false => ExprKind::Int(self.kernel.ints.constant(0)),
        };
        let zero = self.push(zero, ty, span);
        self.push(ExprKind::Select(test, value, zero), ty, span)
    }

    fn push(&mut self, kind: ExprKind, ty: Scalar, span: Span) -> Id<Expr> {
        self.kernel.exprs.push(Expr { kind, ty, span })
    }

    fn expr(&mut self, root: Id<Expr>) -> Id<Expr> {
        let builder = self.builder;
        for id in postorder(&builder.kernel, root) {
            if self.done.contains_key(&id) {
                continue;
            }
            let expr = &builder.kernel.exprs[id];
            let kind = rebuild_kind(&expr.kind, self);
            let mut kind = kind.expect("renaming variables keeps integers as simple as they were");
            if let ExprKind::Read(tensor, index) = kind {
                let (tensor, index) = self.place(tensor, index);
                kind = ExprKind::Read(tensor, index);
            }
            let ty = self.scalar(expr.ty);
            let made = self.push(kind, ty, expr.span);
            self.done.insert(id, made);
        }
        self.done[&root]
    }

    /// A read of a tensor of the builder.
    fn place(&self, tensor: Id<Tensor>, index: Vec<IntId>) -> (Id<Tensor>, Vec<IntId>) {
        let (tensor, index) = match self.claims.get(&tensor) {
            Some((output, dims)) => (*output, dims.iter().map(|&at| index[at]).collect()),
            None => (tensor, index),
        };
        (self.tensors[tensor.index()].expect("what is read was declared"), index)
    }
}

impl Rewrite for Emitter<'_> {
    fn int(&mut self, id: IntId) -> Result<IntId, TooComplex> {
        Flat::of(&self.builder.kernel.ints, id).rebuild(self)
    }

    fn operand(&self, expr: Id<Expr>) -> Id<Expr> {
        self.done[&expr]
    }
}

impl Target for Emitter<'_> {
    fn ints(&mut self) -> &mut Ints {
        &mut self.kernel.ints
    }

    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
        self.facts.div(&mut self.kernel.ints, p, d)
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex> {
        let (atom, bound) = match leaf {
            Leaf::Size(size) => (Atom::Size(size), None),
            Leaf::Var(var) => {
                let own = self.vars[&var];
                (Atom::Var(own), Some(self.kernel.vars[own].range))
            }
            Leaf::Read(tensor, index) => {
                let (tensor, index) = self.place(tensor, index);
                let bound = index_bound(self.kernel.tensors[tensor].element);
                (Atom::Read(tensor, index), bound)
            }
            Leaf::Value(value) => {
                let value = self.done[&value];
                match self.kernel.exprs[value].kind {
                    ExprKind::Int(id) => return Ok(id),
                    _ => (Atom::Value(value), index_bound(self.kernel.exprs[value].ty)),
                }
            }
        };
        Ok(self.kernel.ints.of_atom(atom, bound))
    }
}

/// How often each tensor is read: distinct accesses, summed over equations.
pub(crate) fn uses(kernel: &Kernel) -> Vec<usize> {
    let mut uses = vec![0; kernel.tensors.len()];
    for equation in &kernel.equations {
        let mut atoms = BTreeSet::new();
        for expr in postorder(kernel, equation.value) {
            if let ExprKind::Read(tensor, _) = kernel.exprs[expr].kind {
                uses[tensor.index()] += 1;
            }
            for int in ints(&kernel.exprs[expr]) {
                kernel.ints.visit_atoms(int, &mut |at, atom| {
                    if let Atom::Read(tensor, _) = atom
                        && atoms.insert(at)
                    {
                        uses[tensor.index()] += 1;
                    }
                });
            }
        }
    }
    uses
}
