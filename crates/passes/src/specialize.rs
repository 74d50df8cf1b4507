//! Binds size parameters to numbers (`--set K=4096`).
//!
//! Takes a verified kernel; gives a verified kernel whose bound sizes are
//! constants in every shape, range and index, with as much folded as integers
//! fold. Facts that hold are dropped; one that does not is a diagnostic, as are
//! a name that is no size, a number that is none, and a shape that cannot be.
//! Tensors, variables and expressions keep their handles.

use tilec_ir::diagnostic::Kind;
use tilec_ir::facts::Facts;
use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{Expr, ExprKind, Fact, FactKind, Scalar};
use tilec_ir::{Arena, Atom, Diagnostic, IntId, Ints, Kernel, nearest, show};

use crate::flat::{Flat, Leaf, Target};

const MAX_SIZE: i64 = i32::MAX as i64;

/// The kernel with the given sizes bound.
pub fn specialize(kernel: &Kernel, set: &[(String, i64)]) -> Result<Kernel, Vec<Diagnostic>> {
    let values = values(kernel, set)?;
    if values.iter().all(Option::is_none) {
        return Ok(kernel.clone());
    }
    let mut binding = Binding::new(kernel, &values);
    let facts = binding.facts_left(set)?;
    let rebuilt = binding.kernel(facts).map_err(|TooComplex| {
        vec![Diagnostic::global(
            Kind::SizeOutOfRange,
            format!("with {} an index leaves 64 bits", show_set(set)),
        )]
    })?;
    shapes(&rebuilt, set)?;
    Ok(rebuilt)
}

/// The value of every size that is bound.
fn values(kernel: &Kernel, set: &[(String, i64)]) -> Result<Vec<Option<i64>>, Vec<Diagnostic>> {
    let mut values = vec![None; kernel.sizes.len()];
    let mut errors = Vec::new();
    for (name, value) in set {
        let known = kernel.sizes.iter().find(|(_, size)| size.name == *name);
        let Some((id, size)) = known else {
            errors.push(unknown(kernel, name));
            continue;
        };
        if !(0..=MAX_SIZE).contains(value) {
            let message = format!("{name} = {value} is not in 0 ..= {MAX_SIZE}");
            errors.push(Diagnostic::new(Kind::SizeOutOfRange, size.span, message));
        } else if values[id.index()].replace(*value).is_some_and(|before| before != *value) {
            let message = format!("{name} is given two values");
            errors.push(Diagnostic::new(Kind::SizeConflict, size.span, message));
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn unknown(kernel: &Kernel, name: &str) -> Diagnostic {
    let names: Vec<_> = kernel.sizes.iter().map(|(_, size)| size.name.as_str()).collect();
    let message = format!("kernel `{}` has no size `{name}`", kernel.name);
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its sizes are {}", names.join(", ")),
    };
    Diagnostic::global(Kind::UnknownArgument, message).help(help)
}

fn show_set(set: &[(String, i64)]) -> String {
    let texts: Vec<_> = set.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    texts.join(", ")
}

/// A kernel on its way to other integers.
struct Binding<'a> {
    old: &'a Kernel,
    kernel: Kernel,
    sizes: Vec<IntId>,
    known: Facts,
}

impl Target for Binding<'_> {
    fn ints(&mut self) -> &mut Ints {
        &mut self.kernel.ints
    }

    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
        self.known.div(&mut self.kernel.ints, p, d)
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex> {
        let (atom, bound) = match leaf {
            Leaf::Size(size) => return Ok(self.sizes[size.index()]),
            Leaf::Var(var) => (Atom::Var(var), Some(self.kernel.vars[var].range)),
            Leaf::Read(tensor, index) => {
                let bound = index_bound(self.kernel.tensors[tensor].element);
                (Atom::Read(tensor, index), bound)
            }
            Leaf::Value(expr) => (Atom::Value(expr), index_bound(self.kernel.exprs[expr].ty)),
        };
        Ok(self.kernel.ints.of_atom(atom, bound))
    }
}

fn index_bound(ty: Scalar) -> Option<IntId> {
    if let Scalar::Idx(bound) = ty { Some(bound) } else { None }
}

impl<'a> Binding<'a> {
    fn new(old: &'a Kernel, values: &[Option<i64>]) -> Self {
        let mut kernel = Kernel {
            sizes: Arena::default(),
            ints: Ints::default(),
            facts: Vec::new(),
            ..old.clone()
        };
        let mut sizes = Vec::new();
        for ((_, size), value) in old.sizes.iter().zip(values) {
            sizes.push(match value {
                Some(value) => kernel.ints.constant(*value),
                None => {
                    let id = kernel.sizes.push(size.clone());
                    kernel.ints.of_atom(Atom::Size(id), None)
                }
            });
        }
        Self { old, kernel, sizes, known: Facts::default() }
    }

    fn int(&mut self, id: IntId) -> Result<IntId, TooComplex> {
        Flat::of(&self.old.ints, id).rebuild(self)
    }

    /// The facts that are left, as they were; those that are decided must hold.
    fn facts_left(&mut self, set: &[(String, i64)]) -> Result<Vec<Fact>, Vec<Diagnostic>> {
        let (mut left, mut errors) = (Vec::new(), Vec::new());
        for fact in &self.old.facts {
            match self.fact(fact) {
                None => left.push(fact.clone()),
                Some(true) => {}
                Some(false) => {
                    let message = format!("`{}` does not hold: {}", fact.text, show_set(set));
                    let error = Diagnostic::new(Kind::FactViolated, fact.span, message);
                    errors.push(error.here("stated here"));
                }
            }
        }
        if errors.is_empty() { Ok(left) } else { Err(errors) }
    }

    /// Whether a fact is decided, and how. What is too large is left to the launch.
    fn fact(&mut self, fact: &Fact) -> Option<bool> {
        let (a, b) = match fact.kind {
            FactKind::Equal(a, b) | FactKind::AtMost(a, b) | FactKind::Less(a, b) => (a, b),
            FactKind::Sorted(_) | FactKind::Finite(_) => return None,
        };
        let (a, b) = (self.int(a).ok()?, self.int(b).ok()?);
        let ints = &self.kernel.ints;
        let (a, b) = (ints.as_constant(a)?, ints.as_constant(b)?);
        match fact.kind {
            FactKind::Equal(..) => Some(a == b),
            FactKind::AtMost(..) => Some(a <= b),
            FactKind::Less(..) => Some(a < b),
            FactKind::Sorted(_) | FactKind::Finite(_) => None,
        }
    }

    fn fact_kind(&mut self, kind: FactKind) -> Result<FactKind, TooComplex> {
        Ok(match kind {
            FactKind::Equal(a, b) => FactKind::Equal(self.int(a)?, self.int(b)?),
            FactKind::AtMost(a, b) => FactKind::AtMost(self.int(a)?, self.int(b)?),
            FactKind::Less(a, b) => FactKind::Less(self.int(a)?, self.int(b)?),
            FactKind::Sorted(tensor) => FactKind::Sorted(tensor),
            FactKind::Finite(tensor) => FactKind::Finite(tensor),
        })
    }

    /// Everything but the sizes and the facts, in the order that bounds need.
    fn kernel(mut self, facts: Vec<Fact>) -> Result<Kernel, TooComplex> {
        for mut fact in facts {
            fact.kind = self.fact_kind(fact.kind)?;
            match fact.kind {
                FactKind::Equal(a, b) => self.known.assume_equal(&mut self.kernel.ints, a, b),
                FactKind::AtMost(a, b) => self.known.assume_at_most(&mut self.kernel.ints, a, b),
                FactKind::Less(a, b) => self.known.assume_less(&mut self.kernel.ints, a, b),
                FactKind::Sorted(_) | FactKind::Finite(_) => {}
            }
            self.kernel.facts.push(fact);
        }
        for (id, tensor) in self.old.tensors.iter() {
            let shape = tensor.shape.iter().map(|&dim| self.int(dim)).collect::<Result<_, _>>()?;
            self.kernel.tensors[id].shape = shape;
            self.kernel.tensors[id].element = self.scalar(tensor.element)?;
        }
        for (id, var) in self.old.vars.iter() {
            self.kernel.vars[id].range = self.int(var.range)?;
        }
        for (id, expr) in self.old.exprs.iter() {
            self.kernel.exprs[id].ty = self.scalar(expr.ty)?;
            self.kernel.exprs[id].kind = self.expr(expr)?;
        }
        Ok(self.kernel)
    }

    fn scalar(&mut self, scalar: Scalar) -> Result<Scalar, TooComplex> {
        Ok(if let Scalar::Idx(bound) = scalar { Scalar::Idx(self.int(bound)?) } else { scalar })
    }

    fn expr(&mut self, expr: &Expr) -> Result<ExprKind, TooComplex> {
        Ok(match &expr.kind {
            ExprKind::Int(id) => ExprKind::Int(self.int(*id)?),
            ExprKind::Read(tensor, index) => {
                let index = index.iter().map(|&i| self.int(i)).collect::<Result<_, _>>()?;
                ExprKind::Read(*tensor, index)
            }
            ExprKind::Rank { var, order, key, place } => {
                ExprKind::Rank { var: *var, order: *order, key: *key, place: self.int(*place)? }
            }
            ExprKind::Float(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Select(..)
            | ExprKind::Convert(_)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(..) => expr.kind.clone(),
        })
    }
}

/// Every dimension that is decided can be one.
fn shapes(kernel: &Kernel, set: &[(String, i64)]) -> Result<(), Vec<Diagnostic>> {
    let mut errors = Vec::new();
    for (_, tensor) in kernel.tensors.iter() {
        for (at, &dim) in tensor.shape.iter().enumerate() {
            let value = kernel.ints.as_constant(dim);
            if value.is_some_and(|value| !(0..=MAX_SIZE).contains(&value)) {
                let (dim, set) = (show(kernel, dim), show_set(set));
                let what = format!("dimension {} of `{}`", at + 1, tensor.name);
                let message = format!("{what} is {dim}, not in 0 ..= {MAX_SIZE}: {set}");
                errors.push(Diagnostic::new(Kind::SizeOutOfRange, tensor.span, message));
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
