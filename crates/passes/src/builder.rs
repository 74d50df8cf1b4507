//! Expressions under construction: equal ones are made once, and operands whose
//! order does not matter are put in one order.
//!
//! Definitions are written over a common *pool* of variables (the first of range
//! M, the second of range K, ..), so that two that differ only in the names of
//! their variables are equal. No expression made here holds a reduction or an
//! order: these are definitions of tensors, see [`crate::hoist`].

use std::collections::{BTreeMap, HashMap};

use tilec_ir::facts::Facts;
use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{
    Binary, Expr, ExprKind, FactKind, Order, Reduction, Role, Tensor, Unary, Var,
};
use tilec_ir::walk::{direct, ints, reachable, vars_of_int};
use tilec_ir::{Arena, Atom, Id, IntId, Ints, Kernel, Scalar, diagnostic::Span};

use crate::flat::{Flat, Leaf, Target};
use crate::order::{Blind, key};

/// What a tensor holds, over pool variables.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    /// One variable per dimension.
    pub(crate) vars: Vec<Id<Var>>,
    /// The variables that a reduction or an order binds.
    pub(crate) bound: Vec<Id<Var>>,
    /// Where the value is needed; elsewhere it may not even be computable.
    pub(crate) guard: Option<Id<Expr>>,
    pub(crate) value: Value,
    /// Names of `vars`, then of `bound`.
    pub(crate) names: Vec<String>,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Map(Id<Expr>),
    Reduce(Reduction, Id<Expr>),
    Rank { order: Order, key: Id<Expr>, place: IntId },
}

/// A kernel under construction.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(crate) kernel: Kernel,
    pub(crate) facts: Facts,
    /// By tensor; inputs have none.
    pub(crate) definitions: Vec<Option<Definition>>,
    pub(crate) blind: Blind,
    /// By expression: the variables in it, sorted.
    vars: Vec<Vec<Id<Var>>>,
    known: HashMap<Vec<u64>, Id<Expr>>,
    pool: BTreeMap<(usize, IntId), Id<Var>>,
}

/// What stands for each variable that is replaced.
pub(crate) type Substitution = BTreeMap<Id<Var>, IntId>;

impl Builder {
    /// The declarations of `old`, with fresh integers and no equation yet.
    /// Tensors keep their handles.
    pub(crate) fn new(old: &Kernel) -> Self {
        let kernel = Kernel {
            facts: Vec::new(),
            vars: Arena::default(),
            ints: Ints::default(),
            exprs: Arena::default(),
            equations: Vec::new(),
            ..old.clone()
        };
        let mut builder = Self {
            kernel,
            facts: Facts::default(),
            definitions: vec![None; old.tensors.len()],
            blind: Blind::default(),
            vars: Vec::new(),
            known: HashMap::new(),
            pool: BTreeMap::new(),
        };
        builder.declare(old);
        builder
    }

    fn declare(&mut self, old: &Kernel) {
        for size in old.sizes.ids() {
            self.kernel.ints.of_atom(Atom::Size(size), None);
        }
        for fact in &old.facts {
            let mut fact = fact.clone();
            fact.kind = match fact.kind {
                FactKind::Equal(a, b) => FactKind::Equal(self.size(old, a), self.size(old, b)),
                FactKind::AtMost(a, b) => FactKind::AtMost(self.size(old, a), self.size(old, b)),
                FactKind::Less(a, b) => FactKind::Less(self.size(old, a), self.size(old, b)),
                FactKind::Sorted(tensor) => FactKind::Sorted(tensor),
                FactKind::Finite(tensor) => FactKind::Finite(tensor),
            };
            assume(&mut self.facts, &mut self.kernel.ints, fact.kind);
            self.kernel.facts.push(fact);
        }
        for (id, tensor) in old.tensors.iter() {
            let shape = tensor.shape.iter().map(|&dim| self.size(old, dim)).collect();
            self.kernel.tensors[id].shape = shape;
            self.kernel.tensors[id].element = self.scalar(old, tensor.element);
            self.blind.input(id);
        }
    }

    /// A size of the old kernel.
    pub(crate) fn size(&mut self, old: &Kernel, id: IntId) -> IntId {
        let map = Substitution::new();
        let rebuilt = Flat::of(&old.ints, id).rebuild(&mut Replace::new(self, &map));
        rebuilt.expect("a size stays as simple as it was")
    }

    /// A type of the old kernel.
    pub(crate) fn scalar(&mut self, old: &Kernel, scalar: Scalar) -> Scalar {
        if let Scalar::Idx(bound) = scalar { Scalar::Idx(self.size(old, bound)) } else { scalar }
    }

    /// The pool variable of a range at a position.
    pub(crate) fn pool(&mut self, position: usize, range: IntId) -> Id<Var> {
        let kernel = &mut self.kernel;
        *self.pool.entry((position, range)).or_insert_with(|| {
            let name = format!("v{position}");
            kernel.vars.push(Var { name, range, span: Span::default() })
        })
    }

    /// A variable as an integer.
    pub(crate) fn var(&mut self, var: Id<Var>) -> IntId {
        let range = self.kernel.vars[var].range;
        self.kernel.ints.of_atom(Atom::Var(var), Some(range))
    }

    /// An element of an integer tensor as an integer.
    pub(crate) fn read_int(&mut self, tensor: Id<Tensor>, index: Vec<IntId>) -> IntId {
        let bound = index_bound(self.kernel.tensors[tensor].element);
        self.kernel.ints.of_atom(Atom::Read(tensor, index), bound)
    }

    /// The value of an expression as an integer.
    pub(crate) fn int_of(&mut self, expr: Id<Expr>) -> IntId {
        match self.kernel.exprs[expr].kind.clone() {
            ExprKind::Int(id) => id,
            ExprKind::Read(tensor, index) => self.read_int(tensor, index),
            ExprKind::Float(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Select(..)
            | ExprKind::Convert(_)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(..)
            | ExprKind::Rank { .. } => {
                let bound = index_bound(self.kernel.exprs[expr].ty);
                self.kernel.ints.of_atom(Atom::Value(expr), bound)
            }
        }
    }

    /// An element of a tensor, of any type.
    pub(crate) fn read(&mut self, tensor: Id<Tensor>, index: Vec<IntId>, span: Span) -> Id<Expr> {
        let element = self.kernel.tensors[tensor].element;
        if let Scalar::Idx(_) = element {
            let id = self.read_int(tensor, index);
            return self.make(Expr { kind: ExprKind::Int(id), ty: element, span });
        }
        let ty = match element {
            Scalar::Bool => Scalar::Bool,
            _ if element.is_float() => Scalar::F32,
            _ => Scalar::I32,
        };
        self.make(Expr { kind: ExprKind::Read(tensor, index), ty, span })
    }

    /// The variables in an expression, sorted.
    pub(crate) fn vars_of(&self, expr: Id<Expr>) -> &[Id<Var>] {
        &self.vars[expr.index()]
    }

    /// The expression, or the equal one that there is.
    pub(crate) fn make(&mut self, expr: Expr) -> Id<Expr> {
        let mut expr = expr;
        if let Some(same) = self.tidy(&mut expr) {
            return same;
        }
        let code = key(&expr);
        if let Some(&known) = self.known.get(&code) {
            return known;
        }
        let vars = self.find_vars(&expr);
        self.blind.expr(&self.kernel, &expr);
        let id = self.kernel.exprs.push(expr);
        self.vars.push(vars);
        self.known.insert(code, id);
        id
    }

    fn find_vars(&self, expr: &Expr) -> Vec<Id<Var>> {
        let mut vars = Vec::new();
        let add = |vars: &mut Vec<_>, operand: Id<Expr>| vars.extend(&self.vars[operand.index()]);
        for operand in direct(&expr.kind) {
            add(&mut vars, operand);
        }
        for int in ints(expr) {
            vars.extend(vars_of_int(&self.kernel.ints, int));
            self.kernel.ints.visit_atoms(int, &mut |_, atom| {
                if let Atom::Value(value) = atom {
                    add(&mut vars, *value);
                }
            });
        }
        vars.sort_unstable();
        vars.dedup();
        vars
    }

    /// Brings an expression into the one form of all that compute the same bits;
    /// returns the operand that it is equal to, if it is.
    fn tidy(&mut self, expr: &mut Expr) -> Option<Id<Expr>> {
        let kind = |id: Id<Expr>| &self.kernel.exprs[id].kind;
        match expr.kind {
            ExprKind::Unary(unary @ (Unary::Neg | Unary::Not), x) => match *kind(x) {
                ExprKind::Unary(inner, y) if inner == unary => return Some(y),
                ExprKind::Float(value) if unary == Unary::Neg => {
                    expr.kind = ExprKind::Float(-value);
                }
                _ => {}
            },
            ExprKind::Select(test, a, b) => {
                let (test, mut a, mut b) = match *kind(test) {
                    ExprKind::Unary(Unary::Not, test) => (test, b, a),
                    _ => (test, a, b),
                };
                // Inside a branch its test is decided.
                if let ExprKind::Select(inner, then, _) = *kind(a)
                    && inner == test
                {
                    a = then;
                }
                if let ExprKind::Select(inner, _, other) = *kind(b)
                    && inner == test
                {
                    b = other;
                }
                expr.kind = ExprKind::Select(test, a, b);
            }
            ExprKind::Convert(x) => {
                let from = self.kernel.exprs[x].ty;
                let widens = expr.ty == Scalar::F32 && from.is_float()
                    || expr.ty == Scalar::I32 && from.is_integer();
                if widens {
                    return Some(x);
                }
            }
            ExprKind::Binary(binary, a, b) => {
                let (binary, a, b) = self.tidy_binary(binary, a, b);
                expr.kind = ExprKind::Binary(binary, a, b);
            }
            _ => {}
        }
        None
    }

    fn tidy_binary(&self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> (Binary, Id<Expr>, Id<Expr>) {
        let negated = |id: Id<Expr>| match self.kernel.exprs[id].kind {
            ExprKind::Unary(Unary::Neg, x) => Some(x),
            _ => None,
        };
        match op {
            Binary::Add => match (negated(a), negated(b)) {
                (None, Some(b)) => (Binary::Sub, a, b),
                (Some(a), None) => (Binary::Sub, b, a),
                _ => self.in_order(op, a, b),
            },
            Binary::Mul | Binary::Min | Binary::Max | Binary::Equal | Binary::NotEqual => {
                self.in_order(op, a, b)
            }
            Binary::Greater => (Binary::Less, b, a),
            Binary::AtLeast => (Binary::AtMost, b, a),
            Binary::Sub
            | Binary::Div
            | Binary::Rem
            | Binary::Less
            | Binary::AtMost
            | Binary::And
            | Binary::Or => (op, a, b),
        }
    }

    fn in_order(&self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> (Binary, Id<Expr>, Id<Expr>) {
        let rank = |id| self.blind.rank(&self.kernel, id, Some(op));
        if rank(b) < rank(a) { (op, b, a) } else { (op, a, b) }
    }

    /// An expression with variables replaced, all at once.
    pub(crate) fn substitute(
        &mut self,
        root: Id<Expr>,
        map: &Substitution,
    ) -> Result<Id<Expr>, TooComplex> {
        let mut target = Replace::new(self, map);
        if target.leaves(root) {
            return Ok(root);
        }
        for id in reachable(&target.builder.kernel, root) {
            if target.leaves(id) {
                target.done.insert(id, id);
                continue;
            }
            let expr = target.builder.kernel.exprs[id].clone();
            let kind = rebuild_kind(&expr.kind, &mut target)?;
            let made = target.builder.make(Expr { kind, ..expr });
            target.done.insert(id, made);
        }
        Ok(target.done[&root])
    }

    /// An integer with variables replaced, all at once.
    pub(crate) fn substitute_int(
        &mut self,
        id: IntId,
        map: &Substitution,
    ) -> Result<IntId, TooComplex> {
        let mut values = Vec::new();
        self.kernel.ints.visit_atoms(id, &mut |_, atom| {
            if let Atom::Value(value) = atom {
                values.push(*value);
            }
        });
        let mut done = BTreeMap::new();
        for value in values {
            done.insert(value, self.substitute(value, map)?);
        }
        let flat = Flat::of(&self.kernel.ints, id);
        flat.rebuild(&mut Replace { builder: self, map, done })
    }

    /// Adds a tensor for a definition.
    pub(crate) fn define(&mut self, tensor: Tensor, definition: Definition) -> Id<Tensor> {
        let id = self.kernel.tensors.push(tensor);
        self.blind.definition(&self.kernel, id, &definition);
        self.definitions.push(Some(definition));
        id
    }
}

pub(crate) fn assume(facts: &mut Facts, ints: &mut Ints, kind: FactKind) {
    match kind {
        FactKind::Equal(a, b) => facts.assume_equal(ints, a, b),
        FactKind::AtMost(a, b) => facts.assume_at_most(ints, a, b),
        FactKind::Less(a, b) => facts.assume_less(ints, a, b),
        FactKind::Sorted(_) | FactKind::Finite(_) => {}
    }
}

pub(crate) fn index_bound(ty: Scalar) -> Option<IntId> {
    if let Scalar::Idx(bound) = ty { Some(bound) } else { None }
}

/// Replaces variables within one builder.
struct Replace<'a> {
    builder: &'a mut Builder,
    map: &'a Substitution,
    done: BTreeMap<Id<Expr>, Id<Expr>>,
}

impl<'a> Replace<'a> {
    fn new(builder: &'a mut Builder, map: &'a Substitution) -> Self {
        Self { builder, map, done: BTreeMap::new() }
    }

    /// Whether nothing in an expression is replaced.
    fn leaves(&self, expr: Id<Expr>) -> bool {
        self.builder.vars_of(expr).iter().all(|var| !self.map.contains_key(var))
    }
}

/// What takes expressions somewhere else.
pub(crate) trait Rewrite {
    fn int(&mut self, id: IntId) -> Result<IntId, TooComplex>;

    /// What an operand has become.
    fn operand(&self, expr: Id<Expr>) -> Id<Expr>;
}

/// `kind` with its operands and its integers replaced.
pub(crate) fn rebuild_kind(kind: &ExprKind, to: &mut impl Rewrite) -> Result<ExprKind, TooComplex> {
    Ok(match kind {
        ExprKind::Float(x) => ExprKind::Float(*x),
        ExprKind::Int(id) => ExprKind::Int(to.int(*id)?),
        ExprKind::Read(tensor, index) => {
            ExprKind::Read(*tensor, index.iter().map(|&i| to.int(i)).collect::<Result<_, _>>()?)
        }
        ExprKind::Unary(unary, x) => ExprKind::Unary(*unary, to.operand(*x)),
        ExprKind::Binary(binary, a, b) => ExprKind::Binary(*binary, to.operand(*a), to.operand(*b)),
        ExprKind::Select(test, a, b) => {
            ExprKind::Select(to.operand(*test), to.operand(*a), to.operand(*b))
        }
        ExprKind::Convert(x) => ExprKind::Convert(to.operand(*x)),
        ExprKind::RoundStochastic(x, bits) => {
            ExprKind::RoundStochastic(to.operand(*x), to.operand(*bits))
        }
        ExprKind::Random(words) => ExprKind::Random(words.iter().map(|&x| to.operand(x)).collect()),
        ExprKind::Reduce(op, vars, x) => ExprKind::Reduce(*op, vars.clone(), to.operand(*x)),
        ExprKind::Rank { var, order, key, place } => ExprKind::Rank {
            var: *var,
            order: *order,
            key: to.operand(*key),
            place: to.int(*place)?,
        },
    })
}

impl Rewrite for Replace<'_> {
    fn int(&mut self, id: IntId) -> Result<IntId, TooComplex> {
        Flat::of(&self.builder.kernel.ints, id).rebuild(self)
    }

    fn operand(&self, expr: Id<Expr>) -> Id<Expr> {
        self.done[&expr]
    }
}

impl Target for Replace<'_> {
    fn ints(&mut self) -> &mut Ints {
        &mut self.builder.kernel.ints
    }

    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
        self.builder.facts.div(&mut self.builder.kernel.ints, p, d)
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex> {
        Ok(match leaf {
            Leaf::Size(size) => self.builder.kernel.ints.of_atom(Atom::Size(size), None),
            Leaf::Var(var) => match self.map.get(&var) {
                Some(&int) => int,
                None => self.builder.var(var),
            },
            Leaf::Read(tensor, index) => self.builder.read_int(tensor, index),
            Leaf::Value(expr) => {
                let expr = self.done.get(&expr).copied().unwrap_or(expr);
                self.builder.int_of(expr)
            }
        })
    }
}

/// A local tensor for a definition.
pub(crate) fn local(name: String, element: Scalar, shape: Vec<IntId>, span: Span) -> Tensor {
    Tensor { name, element, shape, role: Role::Local, span }
}
