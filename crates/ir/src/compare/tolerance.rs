//! How far a right result may be from the interpreter's, from the formats and
//! the lengths of the sums alone.
//!
//! The relative error of a tensor, in the norm of a row, is followed through
//! the equations to first order. With u = 2^-24 and u' the unit roundoff of a
//! narrow format:
//!
//! ```text
//! a * b, a / b               error a + error b + u
//! a + b, a - b, max, if      the larger error + u
//! exp log tanh .. of a       8 * error a + 4 u      they steepen what they are given
//! sum over n                 error + 4 sqrt(n) u    a random walk of roundings, four times over
//! .. by a license            + what it allows       see [`License`]
//! prod over n                n * (error + u)
//! bf16(a), ..                error a + 2 u'         next to a tie, the other neighbor
//! ```
//!
//! Sums that cancel to far less than the root of their length, and differences
//! of nearly equal numbers, are worse than that: where they are, errors are
//! measured against the magnitude of what was added up.

use std::collections::HashMap;

use crate::arena::Id;
use crate::formats::Format;
use crate::launch::Launch;
use crate::tensor::{Binary, Expr, ExprKind, Kernel, Reduction, Scalar, Tensor, Unary, Var};
use crate::{Atom, IntId, walk};

/// Half the distance from 1 to the next f32.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// What is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance {
    /// The largest error of a row, relative to its norm. Zero means exact.
    pub row: f64,
    /// A difference that is none: of floats the distance of their subnormals,
    /// of truncated floats 1, of other integers 0.
    pub step: f64,
}

impl Tolerance {
    /// Whether nothing that is rounded leads here.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.row == 0.0
    }

    /// The largest error of an element, relative to itself or to the root mean
    /// square of its row, whichever is larger: eight deviations.
    #[must_use]
    pub fn element(&self) -> f64 {
        8.0 * self.row
    }

    /// The largest `calc_diff` that errors of this size can make: the square of
    /// the relative error over two, twice over for the root of the norms.
    #[must_use]
    pub fn calc_diff(&self) -> f64 {
        (self.row * self.row).max(1e-14)
    }
}

/// What lets an equation be computed less precisely: a license of a tile block, or the
/// units of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum License {
    /// Factors are cut to tf32, 10 fraction bits: each product is too small by
    /// less than 2^-9 of itself.
    Tf32,
    /// Products of FP8 on a tensor core, promoted to f32 every 128. It adds the running sum
    /// and 32 products in a step, each cut to 13 fraction bits of the largest of the 33: 8
    /// times the root mean square of a product where sums have 128 terms at most. Cuts of
    /// 2^-13 of that, spread evenly, make 8 * sqrt(33 / 32 / 3) * 2^-13 of a sum, for any
    /// number of steps.
    Steps,
    /// Partial sums of products of FP8 stay in the tensor core, which keeps 14 bits
    /// at each of its steps of 32 products.
    Unpromoted,
    /// Factors are stored in blocks of 16 that share an exponent: each is off by less than
    /// 2^-7 of the largest of its block.
    Shared,
    /// FP8 factors are read in a chip's own format, which takes what is below 2^-6 wrongly.
    Native,
    /// Sums of products on a matrix unit that aligns eight products to the largest and rounds
    /// them to 12 bits of it: each is off by 2^-12 of the largest at most, either way alike.
    /// With a largest of up to twice the root mean square twice over, that is 2^-10 of a sum.
    Aligned,
    /// Products of the lower bits of both factors are left out: each product is too small by
    /// less than 2^-n of itself, for this n.
    Upper(i32),
    /// Quotients, roots and elementary functions by polynomials of f32: within 2^-21, of
    /// which the worst, `erf`, was measured to use three fifths.
    Polynomials,
    /// Every f32 is read through a register that keeps 10 fraction bits of it, and cuts
    /// off the others.
    Cut,
}

impl License {
    /// The error that it allows in a sum of so many terms, relative to the sum of
    /// their absolute values.
    #[must_use]
    pub fn error(self, terms: f64) -> f64 {
        match self {
            Self::Tf32 => 0.5f64.powi(9),
            Self::Steps => 8.0 * (33.0f64 / 32.0 / 3.0).sqrt() * 0.5f64.powi(13),
            Self::Unpromoted => 0.5f64.powi(13) * (terms / 32.0).max(1.0),
            Self::Shared | Self::Native => 0.5f64.powi(6),
            Self::Aligned => 0.5f64.powi(10),
            Self::Upper(n) => 0.5f64.powi(n),
            Self::Polynomials | Self::Cut => 0.0,
        }
    }

    /// The error that it allows in an expression that is no sum, relative to itself.
    fn error_of(self, kernel: &Kernel, kind: &ExprKind) -> f64 {
        match (self, kind) {
            (Self::Polynomials, ExprKind::Binary(Binary::Div, ..)) => 0.5f64.powi(21),
            (Self::Polynomials, ExprKind::Unary(op, _)) if !is_exact(*op) => 0.5f64.powi(21),
            (Self::Cut, ExprKind::Read(tensor, _))
                if kernel.tensors[*tensor].element == Scalar::F32 =>
            {
                0.5f64.powi(10)
            }
            _ => 0.0,
        }
    }
}

/// What is allowed of an output, or of any other tensor; the sums of some equations are licensed.
#[must_use]
pub fn tolerance(
    kernel: &Kernel,
    launch: &Launch,
    tensor: Id<Tensor>,
    licenses: &[(Id<Tensor>, License)],
) -> Tolerance {
    errors(kernel, launch, licenses)[tensor.index()]
}

/// What is allowed, by tensor; the sums of some equations are licensed.
pub(super) fn errors(
    kernel: &Kernel,
    launch: &Launch,
    licenses: &[(Id<Tensor>, License)],
) -> Vec<Tolerance> {
    let terms = |vars: &[Id<Var>]| terms(kernel, launch, vars);
    errors_for(kernel, &Sums { terms: &terms, licenses })
}

/// What is allowed if a reduction over variables has so many terms.
pub(super) fn errors_for(kernel: &Kernel, sums: &Sums<'_>) -> Vec<Tolerance> {
    let mut tensors: Vec<_> = kernel.tensors.iter().map(|(_, t)| start(t)).collect();
    for equation in &kernel.equations {
        let of = |(tensor, _): &&(Id<Tensor>, License)| *tensor == equation.tensor;
        let licenses: Vec<_> = sums.licenses.iter().filter(of).copied().collect();
        let sums = Sums { terms: sums.terms, licenses: &licenses };
        let row = error_of(kernel, &sums, &tensors, equation.value);
        let tolerance = &mut tensors[equation.tensor.index()];
        tolerance.row = row;
        if row > 0.0 && is_truncated(kernel, equation.value) {
            tolerance.step = 1.0;
        }
    }
    tensors
}

/// What is known of sums.
pub(super) struct Sums<'a> {
    /// How many terms a reduction over variables has.
    pub(super) terms: &'a dyn Fn(&[Id<Var>]) -> f64,
    /// What the sums of some equations may do.
    pub(super) licenses: &'a [(Id<Tensor>, License)],
}

/// Whether an integer was a float: next to the next one it may go either way.
fn is_truncated(kernel: &Kernel, value: Id<Expr>) -> bool {
    let is_float = |x: Id<Expr>| kernel.exprs[x].ty.is_float();
    let mut value = value;
    while let ExprKind::Convert(from) = kernel.exprs[value].kind
        && !is_float(value)
    {
        if is_float(from) {
            return true;
        }
        value = from;
    }
    false
}

fn start(tensor: &Tensor) -> Tolerance {
    let step = match Format::of(tensor.element) {
        Some(format) => 2.0 * format.underflow(),
        None if tensor.element.is_float() => f64::from(f32::MIN_POSITIVE),
        None => 0.0,
    };
    Tolerance { row: 0.0, step }
}

/// The error of an expression, given those of the tensors that it reads.
pub(super) fn error_of(
    kernel: &Kernel,
    sums: &Sums<'_>,
    tensors: &[Tolerance],
    root: Id<Expr>,
) -> f64 {
    let mut errors: HashMap<Id<Expr>, f64> = HashMap::new();
    for id in walk::reachable(kernel, root) {
        let read = walk::reads(kernel, id).into_iter().map(|t| tensors[t.index()].row);
        let read = read.fold(0.0, f64::max);
        let own = own_error(kernel, sums, id, &|x| errors[&x]);
        let kind = &kernel.exprs[id].kind;
        let licensed = sums.licenses.iter().map(|(_, license)| license.error_of(kernel, kind));
        errors.insert(id, own.max(read) + licensed.sum::<f64>());
    }
    errors[&root]
}

fn own_error(
    kernel: &Kernel,
    sums: &Sums<'_>,
    id: Id<Expr>,
    error: &dyn Fn(Id<Expr>) -> f64,
) -> f64 {
    let Expr { kind, ty, .. } = &kernel.exprs[id];
    let unit = if ty.is_float() { UNIT } else { 0.0 };
    let largest = || walk::operands(kernel, id).into_iter().map(error).fold(0.0, f64::max);
    match kind {
        ExprKind::Float(_) | ExprKind::Random(_) => 0.0,
        ExprKind::Unary(op, x) => of_unary(*op, error(*x)),
        ExprKind::Binary(Binary::Mul | Binary::Div, a, b) => error(*a) + error(*b) + unit,
        ExprKind::Binary(Binary::Add | Binary::Sub, ..) => largest() + unit,
        ExprKind::Binary(..)
        | ExprKind::Select(..)
        | ExprKind::Int(_)
        | ExprKind::Read(..)
        | ExprKind::Rank { .. } => largest(),
        ExprKind::Convert(_) => largest() + of_conversion(*ty, largest()),
        ExprKind::RoundStochastic(..) => largest() + 2.0 * of_conversion(*ty, largest()),
        ExprKind::Reduce(reduction, vars, body) => {
            let terms = (sums.terms)(vars);
            let plain = of_reduction(kernel, *reduction, terms, *body, error(*body));
            let is_sum = *reduction == Reduction::Sum && ty.is_float();
            let licenses = sums.licenses.iter().filter(|_| is_sum);
            plain + licenses.map(|(_, license)| license.error(terms)).sum::<f64>()
        }
    }
}

fn is_exact(op: Unary) -> bool {
    match op {
        Unary::Neg | Unary::Not | Unary::Abs | Unary::Floor | Unary::Uniform => true,
        Unary::Sqrt | Unary::Rsqrt | Unary::Exp | Unary::Log | Unary::Tanh | Unary::Erf => false,
    }
}

fn of_unary(op: Unary, error: f64) -> f64 {
    match op {
        Unary::Neg | Unary::Not | Unary::Abs | Unary::Floor | Unary::Uniform => error,
        Unary::Sqrt | Unary::Rsqrt => error + 2.0 * UNIT,
        Unary::Exp | Unary::Log | Unary::Tanh | Unary::Erf => 8.0 * error + 4.0 * UNIT,
    }
}

/// What is exact stays exact: every target rounds alike.
fn of_conversion(ty: Scalar, error: f64) -> f64 {
    match Format::of(ty) {
        Some(format) if error > 0.0 => 2.0 * format.unit_roundoff(),
        _ => 0.0,
    }
}

fn of_reduction(
    kernel: &Kernel,
    reduction: Reduction,
    terms: f64,
    body: Id<Expr>,
    error: f64,
) -> f64 {
    match reduction {
        Reduction::Max | Reduction::Min => error,
        _ if !kernel.exprs[body].ty.is_float() => error,
        Reduction::Prod => terms * (error + UNIT),
        Reduction::Sum => error + 4.0 * terms.sqrt() * UNIT,
    }
}

pub(super) fn terms(kernel: &Kernel, launch: &Launch, vars: &[Id<Var>]) -> f64 {
    let range = |var: &Id<Var>| size(kernel, launch, kernel.vars[*var].range) as f64;
    vars.iter().map(range).product()
}

pub(super) fn size(kernel: &Kernel, launch: &Launch, int: IntId) -> i64 {
    let value = kernel.ints.eval(int, &mut |atom| match atom {
        Atom::Size(size) => Some(launch.sizes[size.index()]),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    });
    value.expect("a launch is refused where a size leaves 64 bits")
}
