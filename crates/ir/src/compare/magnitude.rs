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
//!
//! `f(sum[k](a))` is needed as a value beside the magnitude of its sum. Each variable is
//! bound once in an equation, so such a value gets an equation of its own.

use std::collections::HashMap;

use super::Engine;
use crate::Atom;
use crate::arena::Id;
use crate::array::{Array, Element};
use crate::diagnostic::Diagnostic;
use crate::launch::Launch;
use crate::tensor::{
    Binary, Equation, Expr, ExprKind, Kernel, Reduction, Role, Scalar, Tensor, Unary, Var,
};
use crate::walk::{bound, operands, postorder};

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
    /// By old expression of the equation at hand that reduces something: a read of the
    /// tensor that holds its value, once it was needed.
    named: HashMap<Id<Expr>, Option<Id<Expr>>>,
}

impl Rewrite {
    fn new(kernel: &Kernel, launch: &Launch) -> Self {
        let mut new = kernel.clone();
        new.equations.clear();
        let (of, known) = (vec![None; kernel.tensors.len()], vec![None; kernel.exprs.len()]);
        Self { kernel: new, launch: launch.clone(), of, known, named: HashMap::new() }
    }

    fn equation(&mut self, old: &Kernel, equation: &Equation) {
        let tensor = &old.tensors[equation.tensor];
        if !tensor.element.is_float() {
            return;
        }
        self.named = outermost_reductions(old, equation.value);
        let order = postorder(old, equation.value);
        for &expr in order.iter().filter(|&&expr| old.exprs[expr].ty.is_float()) {
            let kind = self.magnitude(old, equation, expr);
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

    /// The value of an old expression, where the magnitude of what is in it may be needed too.
    fn value(&mut self, old: &Kernel, equation: &Equation, expr: Id<Expr>) -> Id<Expr> {
        let read = match self.named.get(&expr) {
            None => return expr,
            Some(Some(read)) => return *read,
            Some(None) => self.name(old, equation, expr),
        };
        self.named.insert(expr, Some(read));
        read
    }

    /// Gives a value of the equation at hand a tensor of its own.
    fn name(&mut self, old: &Kernel, equation: &Equation, value: Id<Expr>) -> Id<Expr> {
        let Expr { ty, span, .. } = old.exprs[value];
        let like = old.tensors[equation.tensor].clone();
        let tensor = Tensor { element: ty, role: Role::Local, ..like };
        let tensor = self.kernel.tensors.push(tensor);
        self.launch.shapes.push(self.launch.shapes[equation.tensor.index()].clone());
        self.kernel.equations.push(Equation { tensor, value, ..equation.clone() });
        let Kernel { ints, vars, .. } = &mut self.kernel;
        let index = |&var: &Id<Var>| ints.of_atom(Atom::Var(var), Some(vars[var].range));
        let index = equation.vars.iter().map(index).collect();
        self.kernel.exprs.push(Expr { kind: ExprKind::Read(tensor, index), ty, span })
    }

    fn magnitude(&mut self, old: &Kernel, equation: &Equation, expr: Id<Expr>) -> ExprKind {
        let own = self.own(old, equation, expr);
        own.unwrap_or_else(|| ExprKind::Unary(Unary::Abs, self.value(old, equation, expr)))
    }

    /// The magnitude of an expression that is made of other magnitudes.
    fn own(&mut self, old: &Kernel, equation: &Equation, expr: Id<Expr>) -> Option<ExprKind> {
        let known = |id: Id<Expr>| self.known[id.index()];
        Some(match &old.exprs[expr].kind {
            ExprKind::Float(x) => ExprKind::Float(x.abs()),
            ExprKind::Read(tensor, index) => {
                ExprKind::Read(self.of[tensor.index()]?, index.clone())
            }
            ExprKind::Unary(Unary::Neg | Unary::Abs, a)
            | ExprKind::Convert(a)
            | ExprKind::RoundStochastic(a, _) => self.kernel.exprs[known(*a)?].kind.clone(),
            ExprKind::Binary(op, a, b) => match (op, known(*a)?, known(*b)?) {
                (Binary::Add | Binary::Sub, a, b) => ExprKind::Binary(Binary::Add, a, b),
                (Binary::Mul, a, b) => ExprKind::Binary(Binary::Mul, a, b),
                (Binary::Min | Binary::Max, a, b) => ExprKind::Binary(Binary::Max, a, b),
                (Binary::Div, a, _) => {
                    let divisor = self.value(old, equation, *b);
                    let divisor = self.push(old, *b, ExprKind::Unary(Unary::Abs, divisor));
                    ExprKind::Binary(Binary::Div, a, divisor)
                }
                _ => return None,
            },
            ExprKind::Select(test, a, b) => {
                let (a, b) = (known(*a)?, known(*b)?);
                ExprKind::Select(self.value(old, equation, *test), a, b)
            }
            ExprKind::Reduce(Reduction::Sum, vars, body) => {
                let body = known(*body)?;
                let square = ExprKind::Binary(Binary::Mul, body, body);
                let square = self.push(old, expr, square);
                let sum = ExprKind::Reduce(Reduction::Sum, vars.clone(), square);
                ExprKind::Unary(Unary::Sqrt, self.push(old, expr, sum))
            }
            ExprKind::Reduce(Reduction::Max | Reduction::Min, vars, body) => {
                ExprKind::Reduce(Reduction::Max, vars.clone(), known(*body)?)
            }
            ExprKind::Int(_)
            | ExprKind::Unary(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(Reduction::Prod, ..)
            | ExprKind::Rank { .. } => return None,
        })
    }
}

/// The expressions that reduce something and are within no reduction themselves, so that
/// their values vary with nothing but the variables of the equation.
fn outermost_reductions(old: &Kernel, root: Id<Expr>) -> HashMap<Id<Expr>, Option<Id<Expr>>> {
    let reduces = |&expr: &Id<Expr>| !bound(&old.exprs[expr].kind).is_empty();
    let (mut found, mut open) = (HashMap::new(), vec![root]);
    while let Some(expr) = open.pop() {
        if postorder(old, expr).iter().any(reduces) && found.insert(expr, None).is_none() {
            open.extend(operands(old, expr).into_iter().filter(|_| !reduces(&expr)));
        }
    }
    found
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
