//! What becomes of a reduction before it is given a tensor.
//!
//! ```text
//! sum[k](2 * s[m] * a[m, k])                 ->  2 * s[m] * sum[k](a[m, k])
//! sum[k, j](a[k])                            ->  f32(J) * sum[k](a[k])
//! sum[b](s[b] * sum[i < 128](a[b, i]))       ->  sum[b, i](s[b] * a[b, i])
//! sum[b, i < 128](a[b * 128 + i])            ->  sum[k](a[k])
//! sum[k]((x[k] - z) * y[k])          (i32)   ->  sum[k](x[k] * y[k]) - z * sum[k](y[k])
//! ```
//!
//! Sums of i32 wrap, so they are exact however they are grouped, and each product
//! becomes a sum of its own. For floats this is the grouping that the language
//! allows: within one product, and not across a conversion. An inner sum moves
//! into the outer one only if nothing else reads it, and each element once.

use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Reduction, Tensor, Unary, Var};
use tilec_ir::{Atom, Id, IntId, Scalar};

use crate::builder::{Builder, Definition, Substitution, Value};
use crate::hoist::{Hoisted, Surroundings};
use crate::join::join;
use crate::products::{Coefficient, Factor, Product, products, render, sort};
use crate::safe::is_safe;
use crate::translate::Translator;

/// Positions of the pool from here on are for variables of merged sums.
pub(crate) const MERGED: usize = 1 << 24;

/// The value of a reduction, its tensors made.
pub(crate) fn reduce(
    translator: &mut Translator<'_>,
    hoisted: Hoisted,
    around: &Surroundings,
    root: bool,
) -> Id<Expr> {
    let Value::Reduce(Reduction::Sum, body) = hoisted.value else {
        return translator.hoist(hoisted, around, root);
    };
    let mut sum = Summing { hoisted, around, root };
    let mut terms = products(&translator.builder.kernel, body);
    while let [only] = terms.as_slice()
        && let Some(merged) = sum.merge(translator, only)
    {
        terms = merged;
    }
    join(translator, &mut sum.hoisted.bound, &mut terms);
    sort(&translator.builder, &mut terms);
    let (ty, span) = (sum.hoisted.ty, sum.hoisted.span);
    if terms.len() > 1 && ty.is_float() {
        return sum.together(translator, &terms);
    }
    sum.root &= terms.len() == 1;
    let mut out: Vec<_> = terms.iter().map(|term| sum.apart(translator, term)).collect();
    sort(&translator.builder, &mut out);
    render(&mut translator.builder, &out, ty, span)
}

/// The most factors that are put in order around a sum.
const MAX_FACTORS: usize = 16;

/// A product of floats with a sum among its factors, in the canonical order: it
/// may as well have been written inside of the sum.
pub(crate) fn regroup(builder: &mut Builder, expr: Id<Expr>) -> Id<Expr> {
    let Expr { kind, ty, span } = builder.kernel.exprs[expr].clone();
    let is_product = matches!(
        kind,
        ExprKind::Binary(Binary::Mul | Binary::Div, ..) | ExprKind::Unary(Unary::Neg, _)
    );
    if !is_product || !ty.is_float() || !is_short(builder, expr) {
        return expr;
    }
    let mut terms = products(&builder.kernel, expr);
    let [only] = terms.as_slice() else { return expr };
    let is_sum = |factor: &Factor| !factor.inverse && sum_behind(builder, factor.expr).is_some();
    if !only.factors.iter().any(is_sum) {
        return expr;
    }
    sort(builder, &mut terms);
    render(builder, &terms, ty, span)
}

/// Whether a product has few factors; looks at no more than these.
fn is_short(builder: &Builder, expr: Id<Expr>) -> bool {
    let (mut seen, mut open) = (0, vec![expr]);
    while let Some(expr) = open.pop() {
        seen += 1;
        match builder.kernel.exprs[expr].kind {
            ExprKind::Binary(Binary::Mul | Binary::Div, a, b) => open.extend([a, b]),
            ExprKind::Unary(Unary::Neg, x) => open.push(x),
            _ => {}
        }
        if seen > 2 * MAX_FACTORS {
            return false;
        }
    }
    true
}

/// The definition that an expression reads, if it is a sum.
fn sum_behind(builder: &Builder, expr: Id<Expr>) -> Option<(Id<Tensor>, &Definition)> {
    let ExprKind::Read(tensor, _) = builder.kernel.exprs[expr].kind else { return None };
    let definition = builder.definitions[tensor.index()].as_ref()?;
    let is_sum = matches!(definition.value, Value::Reduce(Reduction::Sum, _));
    is_sum.then_some((tensor, definition))
}

struct Summing<'a> {
    hoisted: Hoisted,
    around: &'a Surroundings,
    root: bool,
}

impl Summing<'_> {
    /// One sum of all terms.
    fn together(&self, translator: &mut Translator<'_>, terms: &[Product]) -> Id<Expr> {
        let (ty, span) = (self.hoisted.ty, self.hoisted.span);
        let body = render(&mut translator.builder, terms, ty, span);
        let value = Value::Reduce(Reduction::Sum, body);
        translator.hoist(Hoisted { value, ..self.hoisted.clone() }, self.around, self.root)
    }

    /// The sum of one product, with all that does not vary outside of it.
    fn apart(&self, translator: &mut Translator<'_>, term: &Product) -> Product {
        let (inside, outside) = self.split(translator, term);
        let (ty, span) = (self.hoisted.ty, self.hoisted.span);
        let used =
            |var: &Id<Var>| inside.iter().any(|f| translator.builder.vars_of(f.expr).contains(var));
        let varies = |factor: &Factor| {
            let vars = translator.builder.vars_of(factor.expr);
            self.hoisted.bound.iter().any(|var| vars.contains(var))
        };
        // What stays inside only for its safety needs every variable.
        let all = inside.iter().any(|factor| !varies(factor));
        let (bound, counted): (Vec<_>, Vec<_>) =
            self.hoisted.bound.iter().copied().partition(|var| all || used(var));
        let mut product = Product { coefficient: term.coefficient, factors: outside };
        for var in counted {
            let count = self.count(translator, var);
            product.factors.push(Factor { expr: count, inverse: false });
        }
        if !bound.is_empty() {
            let core = Product { coefficient: Coefficient::one(ty), factors: inside };
            let body = render(&mut translator.builder, &[core], ty, span);
            let hoisted = Hoisted {
                value: Value::Reduce(Reduction::Sum, body),
                bound,
                ..self.hoisted.clone()
            };
            let plain = product.factors.is_empty() && product.coefficient == Coefficient::one(ty);
            let expr = translator.hoist(hoisted, self.around, self.root && plain);
            product.factors.push(Factor { expr, inverse: false });
        }
        product
    }

    /// The factors that stay in the sum, and those that may leave it.
    fn split(&self, translator: &mut Translator<'_>, term: &Product) -> (Vec<Factor>, Vec<Factor>) {
        let builder = &mut translator.builder;
        let bound = &self.hoisted.bound;
        term.factors.iter().partition(|factor| {
            let varies = bound.iter().any(|var| builder.vars_of(factor.expr).contains(var));
            varies || !is_safe(builder, factor.expr)
        })
    }

    /// How often a value is added that does not depend on `var`.
    fn count(&self, translator: &mut Translator<'_>, var: Id<Var>) -> Id<Expr> {
        let builder = &mut translator.builder;
        let (ty, span) = (self.hoisted.ty, self.hoisted.span);
        let kind = ExprKind::Int(builder.kernel.vars[var].range);
        let count = builder.make(Expr { kind, ty: Scalar::I32, span });
        if !ty.is_float() {
            return count;
        }
        builder.make(Expr { kind: ExprKind::Convert(count), ty, span })
    }

    /// The terms with one inner sum moved in, if there is one.
    fn merge(&mut self, translator: &mut Translator<'_>, term: &Product) -> Option<Vec<Product>> {
        let at = term
            .factors
            .iter()
            .position(|factor| self.inner(translator, term, *factor).is_some())?;
        let (tensor, index) = self.inner(translator, term, term.factors[at])?;
        let definition = translator.builder.definitions[tensor.index()].clone()?;
        let (inner, bound) = instance(translator, &definition, &index).ok()?;
        let mut rest = term.factors.clone();
        rest.remove(at);
        let mut terms = products(&translator.builder.kernel, inner);
        for product in &mut terms {
            product.coefficient = product.coefficient.times(term.coefficient);
            product.factors.extend(&rest);
        }
        self.hoisted.bound.extend(bound);
        Some(terms)
    }

    /// Whether each element of an inner sum is read once, so that none is computed
    /// again and again: all variables around it stand bare in its index.
    fn each_once(&self, translator: &Translator<'_>, term: &Product, index: &[IntId]) -> bool {
        let builder = &translator.builder;
        let bare: Vec<_> = index.iter().filter_map(|&i| builder.kernel.ints.as_atom(i)).collect();
        let free = term.factors.iter().flat_map(|factor| builder.vars_of(factor.expr));
        free.chain(&self.hoisted.bound).all(|var| bare.contains(&&Atom::Var(*var)))
    }

    /// The sum behind a factor, if it can move into this one.
    fn inner(
        &self,
        translator: &Translator<'_>,
        term: &Product,
        factor: Factor,
    ) -> Option<(Id<Tensor>, Vec<IntId>)> {
        let builder = &translator.builder;
        let (tensor, definition) = sum_behind(builder, factor.expr)?;
        let ExprKind::Read(_, index) = &builder.kernel.exprs[factor.expr].kind else {
            return None;
        };
        let may = translator.mergeable.contains(&tensor) && definition.guard.is_none();
        let merges = may && !factor.inverse && self.each_once(translator, term, index);
        merges.then(|| (tensor, index.clone()))
    }
}

/// The body of a sum at an index, over variables of its own.
fn instance(
    translator: &mut Translator<'_>,
    definition: &Definition,
    index: &[IntId],
) -> Result<(Id<Expr>, Vec<Id<Var>>), TooComplex> {
    let Value::Reduce(_, body) = definition.value else { return Err(TooComplex) };
    let vars = definition.vars.iter().copied();
    let mut map: Substitution = vars.zip(index.iter().copied()).collect();
    let mut fresh = Vec::new();
    let names = definition.names.iter().skip(definition.vars.len());
    for (&var, name) in definition.bound.iter().zip(names) {
        let range = translator.builder.kernel.vars[var].range;
        let own = translator.builder.pool(MERGED + translator.fresh, range);
        translator.fresh += 1;
        translator.names.insert(own, name.clone());
        fresh.push(own);
        let own = translator.builder.var(own);
        map.insert(var, own);
    }
    let body = translator.builder.substitute(body, &map)?;
    Ok((body, fresh))
}
