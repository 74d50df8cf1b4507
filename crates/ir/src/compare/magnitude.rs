//! How large the values of a kernel would be if nothing canceled: the size that
//! rounding errors are measured against where a sum comes out near zero.
//!
//! ```text
//! |a + b|, |a - b|    |a| + |b|              |if t then a else b|   if t then |a| else |b|
//! |a * b|, |a / b|    |a| * |b|, |a| / |b|   |sum[k](a)|            sqrt(sum[k](|a|^2))
//! |max(a, b)|         max(|a|, |b|)          |f(a)|                 abs(f(a))
//! ```
//!
//! A sum of n terms of random sign has about the size of the root above, and its
//! rounding errors about that times the bound of the tolerance.

use super::Engine;
use crate::arena::Id;
use crate::array::{Array, Element};
use crate::diagnostic::Diagnostic;
use crate::launch::Launch;
use crate::tensor::{
    Binary, Equation, Expr, ExprKind, Kernel, Reduction, Role, Scalar, Tensor, Unary,
};
use crate::walk::{bound, postorder};

/// The magnitudes of the float tensors that equations define, by tensor, given
/// what all equations compute.
pub(super) fn magnitudes(
    engine: &Engine<'_>,
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    known: &[(Id<Tensor>, Array)],
) -> Result<Vec<Option<Array>>, Diagnostic> {
    let mut rewrite = Rewrite::new(kernel, launch);
    for equation in &kernel.equations {
        rewrite.equation(kernel, equation);
    }
    let Rewrite { kernel: rewritten, launch, of, .. } = rewrite;
    let mut computed = engine(&rewritten, &launch, inputs, known)?;
    Ok(of.iter().map(|tensor| computed[tensor.as_ref()?.index()].take()).collect())
}

/// The kernel that computes magnitudes, from the values that the tensors of the
/// old one are given.
struct Rewrite {
    kernel: Kernel,
    launch: Launch,
    /// By old tensor: its magnitude.
    of: Vec<Option<Id<Tensor>>>,
    /// By old expression: its magnitude, in the equation at hand.
    known: Vec<Option<Id<Expr>>>,
}

impl Rewrite {
    fn new(kernel: &Kernel, launch: &Launch) -> Self {
        let mut new = kernel.clone();
        new.equations.clear();
        let (of, known) = (vec![None; kernel.tensors.len()], vec![None; kernel.exprs.len()]);
        Self { kernel: new, launch: launch.clone(), of, known }
    }

    fn equation(&mut self, old: &Kernel, equation: &Equation) {
        let tensor = &old.tensors[equation.tensor];
        if !tensor.element.is_float() {
            return;
        }
        let order = postorder(old, equation.value);
        for &expr in order.iter().filter(|&&expr| old.exprs[expr].ty.is_float()) {
            let kind = self.magnitude(old, expr);
            self.known[expr.index()] = Some(self.push(old, expr, kind));
        }
        let mut value = self.known[equation.value.index()].expect("its value is a float");
        if !self.binds_once(value) {
            let kind = ExprKind::Unary(Unary::Abs, equation.value);
            value = self.push(old, equation.value, kind);
        }
        let magnitude = Tensor { element: Scalar::F32, role: Role::Local, ..tensor.clone() };
        let magnitude = self.kernel.tensors.push(magnitude);
        self.launch.shapes.push(self.launch.shapes[equation.tensor.index()].clone());
        self.of[equation.tensor.index()] = Some(magnitude);
        self.kernel.equations.push(Equation { tensor: magnitude, value, ..equation.clone() });
    }

    fn push(&mut self, old: &Kernel, like: Id<Expr>, kind: ExprKind) -> Id<Expr> {
        self.kernel.exprs.push(Expr { kind, ty: Scalar::F32, span: old.exprs[like].span })
    }

    /// Whether no variable is bound both for a value and for its magnitude.
    fn binds_once(&self, value: Id<Expr>) -> bool {
        let order = postorder(&self.kernel, value);
        let mut vars: Vec<_> =
            order.iter().flat_map(|&e| bound(&self.kernel.exprs[e].kind)).collect();
        let count = vars.len();
        vars.sort();
        vars.dedup();
        vars.len() == count
    }

    fn magnitude(&mut self, old: &Kernel, expr: Id<Expr>) -> ExprKind {
        let known = |id: Id<Expr>| self.known[id.index()];
        let absolute = ExprKind::Unary(Unary::Abs, expr);
        match &old.exprs[expr].kind {
            ExprKind::Float(x) => ExprKind::Float(x.abs()),
            ExprKind::Read(tensor, index) => match self.of[tensor.index()] {
                Some(magnitude) => ExprKind::Read(magnitude, index.clone()),
                None => absolute,
            },
            ExprKind::Unary(Unary::Neg | Unary::Abs, a)
            | ExprKind::Convert(a)
            | ExprKind::RoundStochastic(a, _) => match known(*a) {
                Some(a) => self.kernel.exprs[a].kind.clone(),
                None => absolute,
            },
            ExprKind::Binary(op, a, b) => match (op, known(*a), known(*b)) {
                (Binary::Add | Binary::Sub, Some(a), Some(b)) => {
                    ExprKind::Binary(Binary::Add, a, b)
                }
                (Binary::Mul, Some(a), Some(b)) => ExprKind::Binary(Binary::Mul, a, b),
                (Binary::Min | Binary::Max, Some(a), Some(b)) => {
                    ExprKind::Binary(Binary::Max, a, b)
                }
                (Binary::Div, Some(a), Some(_)) => {
                    let divisor = self.push(old, *b, ExprKind::Unary(Unary::Abs, *b));
                    ExprKind::Binary(Binary::Div, a, divisor)
                }
                _ => absolute,
            },
            ExprKind::Select(test, a, b) => match (known(*a), known(*b)) {
                (Some(a), Some(b)) => ExprKind::Select(*test, a, b),
                _ => absolute,
            },
            ExprKind::Reduce(Reduction::Sum, vars, body) => match known(*body) {
                Some(body) => {
                    let square = ExprKind::Binary(Binary::Mul, body, body);
                    let square = self.push(old, expr, square);
                    let sum = ExprKind::Reduce(Reduction::Sum, vars.clone(), square);
                    ExprKind::Unary(Unary::Sqrt, self.push(old, expr, sum))
                }
                None => absolute,
            },
            ExprKind::Reduce(Reduction::Max | Reduction::Min, vars, body) => match known(*body) {
                Some(body) => ExprKind::Reduce(Reduction::Max, vars.clone(), body),
                None => absolute,
            },
            ExprKind::Int(_)
            | ExprKind::Unary(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(Reduction::Prod, ..)
            | ExprKind::Rank { .. } => absolute,
        }
    }
}

/// What is known of all tensors: what the interpreter computed, and what was given.
pub(super) fn known(
    computed: &[Option<Array>],
    given: &[(Id<Tensor>, Array)],
) -> Vec<(Id<Tensor>, Array)> {
    let computed = computed.iter().enumerate();
    let computed = computed.filter_map(|(at, array)| Some((Id::new(at), array.clone()?)));
    computed.chain(given.iter().cloned()).collect()
}

/// The magnitude of an element, where it is a finite number.
pub(super) fn at(magnitudes: Option<&Array>, position: usize) -> f64 {
    let Some(array) = magnitudes else { return 0.0 };
    debug_assert_eq!(array.element, Element::F32, "magnitudes are f32");
    let value = f64::from(array.get_f32(position));
    if value.is_finite() { value } else { 0.0 }
}
