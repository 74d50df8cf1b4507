//! Sums of products, taken apart and put together.
//!
//! ```text
//! 2 * a[k] * -b[k] / c       ->   -2 * [a[k], b[k], 1/c]
//! a[k] * b[k] - d[k]         ->   1 * [a[k], b[k]],  -1 * [d[k]]
//! (x[k] - z) * y[k]   (i32)  ->   1 * [x[k], y[k]],  -1 * [z, y[k]]
//! ```
//!
//! Floats are taken apart along `+`, `-`, `*` and `/` as they stand; i32, which
//! wraps and so is exact, is also multiplied out. Nothing else is looked into: a
//! conversion, a branch or a function is one factor. Only the body of a `sum`
//! may be regrouped like this.

use std::collections::BTreeMap;

use tilec_ir::diagnostic::Span;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Unary};
use tilec_ir::{Id, Kernel, Scalar};

use crate::builder::Builder;

/// The most products that i32 is multiplied out to.
const MAX_PRODUCTS: usize = 32;

/// `expr`, or `1 / expr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor {
    /// Neither a product nor, in i32, a sum.
    pub expr: Id<Expr>,
    /// Whether it divides.
    pub inverse: bool,
}

/// The constant of a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coefficient {
    /// In a sum of f32.
    Float(f32),
    /// In a sum of i32, which wraps.
    Int(i32),
}

/// `coefficient * factors[0] * factors[1] * ..`
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Never 0 in a sum of i32.
    pub coefficient: Coefficient,
    /// Inputs first, in the order of their declarations.
    pub factors: Vec<Factor>,
}

/// The products that an expression is the sum of.
#[must_use]
pub fn products(kernel: &Kernel, root: Id<Expr>) -> Vec<Product> {
    if kernel.exprs[root].ty.is_float() { float_sum(kernel, root) } else { int_sum(kernel, root) }
}

fn float_sum(kernel: &Kernel, root: Id<Expr>) -> Vec<Product> {
    let (mut found, mut open) = (Vec::new(), vec![(root, 1.0)]);
    while let Some((expr, sign)) = open.pop() {
        match kernel.exprs[expr].kind {
            ExprKind::Binary(Binary::Add, a, b) => open.extend([(b, sign), (a, sign)]),
            ExprKind::Binary(Binary::Sub, a, b) => open.extend([(b, -sign), (a, sign)]),
            ExprKind::Unary(Unary::Neg, x) if is_sum(kernel, x) => open.push((x, -sign)),
            _ => found.push(float_product(kernel, expr, sign)),
        }
    }
    found
}

fn is_sum(kernel: &Kernel, expr: Id<Expr>) -> bool {
    matches!(kernel.exprs[expr].kind, ExprKind::Binary(Binary::Add | Binary::Sub, ..))
}

fn float_product(kernel: &Kernel, root: Id<Expr>, sign: f32) -> Product {
    let (mut coefficient, mut factors) = (sign, Vec::new());
    let mut open = vec![(root, false)];
    while let Some((expr, inverse)) = open.pop() {
        match kernel.exprs[expr].kind {
            ExprKind::Binary(Binary::Mul, a, b) => open.extend([(b, inverse), (a, inverse)]),
            ExprKind::Binary(Binary::Div, a, b) => open.extend([(b, !inverse), (a, inverse)]),
            ExprKind::Unary(Unary::Neg, x) => {
                coefficient = -coefficient;
                open.push((x, inverse));
            }
            ExprKind::Float(x) => match absorb(coefficient, x, inverse) {
                Some(product) => coefficient = product,
                None => factors.push(Factor { expr, inverse }),
            },
            _ => factors.push(Factor { expr, inverse }),
        }
    }
    Product { coefficient: Coefficient::Float(coefficient), factors }
}

/// The coefficient with a literal in it, where that changes nothing but the
/// grouping: a quotient must be exact, and nothing may over- or underflow.
fn absorb(coefficient: f32, literal: f32, inverse: bool) -> Option<f32> {
    let exact = literal.is_normal() && literal.to_bits() & 0x007f_ffff == 0;
    let product = match inverse {
        false => coefficient * literal,
        true if exact => coefficient / literal,
        true => return None,
    };
    product.is_normal().then_some(product)
}

/// Bottom-up, so that what is used twice is multiplied out once.
fn int_sum(kernel: &Kernel, root: Id<Expr>) -> Vec<Product> {
    let mut sums: BTreeMap<Id<Expr>, Sum> = BTreeMap::new();
    let mut open = vec![(root, false)];
    while let Some((expr, ready)) = open.pop() {
        if sums.contains_key(&expr) {
            continue;
        }
        let operands = ring_operands(kernel, expr);
        if !ready && !operands.is_empty() {
            open.push((expr, true));
            open.extend(operands.into_iter().map(|x| (x, false)));
            continue;
        }
        let sum = combine(kernel, expr, &sums);
        let sum = if sum.len() > MAX_PRODUCTS { atomic(expr) } else { sum };
        sums.insert(expr, sum);
    }
    let sum = sums.remove(&root).unwrap_or_default();
    let product = |(exprs, coefficient): (Vec<Id<Expr>>, i32)| Product {
        coefficient: Coefficient::Int(coefficient),
        factors: exprs.into_iter().map(|expr| Factor { expr, inverse: false }).collect(),
    };
    sum.into_iter().map(product).collect()
}

/// Factors, sorted, and what they are multiplied with.
type Sum = BTreeMap<Vec<Id<Expr>>, i32>;

fn ring_operands(kernel: &Kernel, expr: Id<Expr>) -> Vec<Id<Expr>> {
    match kernel.exprs[expr].kind {
        ExprKind::Binary(Binary::Add | Binary::Sub | Binary::Mul, a, b) => vec![a, b],
        ExprKind::Unary(Unary::Neg, x) => vec![x],
        _ => Vec::new(),
    }
}

fn combine(kernel: &Kernel, expr: Id<Expr>, sums: &BTreeMap<Id<Expr>, Sum>) -> Sum {
    let mut out = Sum::new();
    let mut add = |factors: Vec<_>, coefficient: i32| {
        let total = out.entry(factors).or_insert(0);
        *total = total.wrapping_add(coefficient);
    };
    let each = |x: &Id<Expr>| sums[x].iter().map(|(f, &c)| (f.clone(), c)).collect::<Vec<_>>();
    match &kernel.exprs[expr].kind {
        ExprKind::Binary(op @ (Binary::Add | Binary::Sub), a, b) => {
            each(a).into_iter().for_each(|(f, c)| add(f, c));
            let sign = if *op == Binary::Add { 1 } else { -1i32 };
            each(b).into_iter().for_each(|(f, c)| add(f, c.wrapping_mul(sign)));
        }
        ExprKind::Binary(Binary::Mul, a, b) => {
            if sums[a].len() * sums[b].len() > MAX_PRODUCTS {
                return atomic(expr);
            }
            for (f, c) in each(a) {
                for (g, d) in each(b) {
                    let mut factors = [f.clone(), g].concat();
                    factors.sort_unstable();
                    add(factors, c.wrapping_mul(d));
                }
            }
        }
        ExprKind::Unary(Unary::Neg, x) => {
            each(x).into_iter().for_each(|(f, c)| add(f, c.wrapping_neg()));
        }
        ExprKind::Int(id) => match kernel.ints.as_constant(*id).map(i32::try_from) {
            Some(Ok(value)) => add(Vec::new(), value),
            _ => return atomic(expr),
        },
        _ => return atomic(expr),
    }
    out.retain(|_, coefficient| *coefficient != 0);
    out
}

fn atomic(expr: Id<Expr>) -> Sum {
    Sum::from([(vec![expr], 1)])
}

impl Coefficient {
    /// The product of two of one type.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => Self::Float(a * b),
            (Self::Int(a), Self::Int(b)) => Self::Int(a.wrapping_mul(b)),
            (a @ Self::Float(_), Self::Int(_)) | (a @ Self::Int(_), Self::Float(_)) => a,
        }
    }

    /// The product of nothing.
    #[must_use]
    pub fn one(ty: Scalar) -> Self {
        if ty.is_float() { Self::Float(1.0) } else { Self::Int(1) }
    }

    pub(crate) fn is_one(self) -> bool {
        self == Self::Float(1.0) || self == Self::Int(1)
    }

    fn is_negative(self) -> bool {
        match self {
            Self::Float(x) => x < 0.0,
            Self::Int(x) => x < 0 && x != i32::MIN,
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::Float(x) => Self::Float(-x),
            Self::Int(x) => Self::Int(x.wrapping_neg()),
        }
    }
}

/// Puts factors and products into the canonical order.
pub(crate) fn sort(builder: &Builder, products: &mut [Product]) {
    let rank = |factor: &Factor| builder.blind.rank(&builder.kernel, factor.expr, None);
    for product in products.iter_mut() {
        product.factors.sort_by_key(|factor| (factor.inverse, rank(factor)));
    }
    products.sort_by_cached_key(|product| {
        let ranks: Vec<_> = product.factors.iter().map(|f| (f.inverse, rank(f))).collect();
        (std::cmp::Reverse(ranks.len()), ranks)
    });
}

/// The sum of the products as an expression of type f32 or i32.
pub(crate) fn render(
    builder: &mut Builder,
    products: &[Product],
    ty: Scalar,
    span: Span,
) -> Id<Expr> {
    let mut total = None;
    for product in products {
        total = Some(match total {
            None => render_product(builder, product, ty, span),
            Some(sum) => {
                let negative = product.coefficient.is_negative() && !product.factors.is_empty();
                let coefficient = product.coefficient;
                let coefficient = if negative { coefficient.negated() } else { coefficient };
                let product = Product { coefficient, factors: product.factors.clone() };
                let product = render_product(builder, &product, ty, span);
                let op = if negative { Binary::Sub } else { Binary::Add };
                builder.make(Expr { kind: ExprKind::Binary(op, sum, product), ty, span })
            }
        });
    }
    match total {
        Some(total) => total,
        None => constant(builder, Coefficient::one(ty).times(zero(ty)), ty, span),
    }
}

fn zero(ty: Scalar) -> Coefficient {
    if ty.is_float() { Coefficient::Float(0.0) } else { Coefficient::Int(0) }
}

fn render_product(builder: &mut Builder, product: &Product, ty: Scalar, span: Span) -> Id<Expr> {
    let mut value = None;
    let minus_one = product.coefficient.is_negative() && product.coefficient.negated().is_one();
    let only_divisors = product.factors.iter().all(|factor| factor.inverse);
    let negate = minus_one && !only_divisors;
    for factor in product.factors.iter().filter(|factor| !factor.inverse) {
        value = Some(match value {
            None => factor.expr,
            Some(value) => binary(builder, Binary::Mul, value, factor.expr, ty, span),
        });
    }
    if only_divisors || !(product.coefficient.is_one() || negate) {
        let coefficient = constant(builder, product.coefficient, ty, span);
        value = Some(match value {
            None => coefficient,
            Some(value) => binary(builder, Binary::Mul, value, coefficient, ty, span),
        });
    }
    let mut value = value.unwrap_or_else(|| constant(builder, product.coefficient, ty, span));
    for factor in product.factors.iter().filter(|factor| factor.inverse) {
        value = binary(builder, Binary::Div, value, factor.expr, ty, span);
    }
    if negate {
        value = builder.make(Expr { kind: ExprKind::Unary(Unary::Neg, value), ty, span });
    }
    value
}

fn binary(
    builder: &mut Builder,
    op: Binary,
    a: Id<Expr>,
    b: Id<Expr>,
    ty: Scalar,
    span: Span,
) -> Id<Expr> {
    builder.make(Expr { kind: ExprKind::Binary(op, a, b), ty, span })
}

fn constant(builder: &mut Builder, value: Coefficient, ty: Scalar, span: Span) -> Id<Expr> {
    let kind = match value {
        Coefficient::Float(x) => ExprKind::Float(x),
        Coefficient::Int(x) => ExprKind::Int(builder.kernel.ints.constant(i64::from(x))),
    };
    builder.make(Expr { kind, ty, span })
}
