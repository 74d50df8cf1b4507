//! Gives computed operands and scales of contractions tensors of their own.
//!
//! ```text
//! y[m, n] = sum[f](bf16(gelu(up[m, f])) * down[n, f])
//!     ->  y'a[m, f] = bf16(gelu(up[m, f]))      y[m, n] = sum[f](y'a[m, f] * down[n, f])
//! ```
//!
//! An operand is read once per tile of the other, so what it costs to compute
//! would be paid many times, and matrix units want it in memory in its narrow
//! type, `k` innermost. The equation then joins whatever makes what it reads.
//! Only what is as large as something it reads is stored, so that a window over a
//! signal or an outer product is not blown up; conversions that widen, and what
//! may only be evaluated inside of its sum, stay where they are. Exact: the type
//! holds every value.

use std::collections::BTreeSet;

use tilec_ir::diagnostic::Span;
use tilec_ir::plan::{Combine, Contract, EquationAt, Operand, Scale};
use tilec_ir::tensor::{Binary, Equation, Expr, ExprKind, Reduction, Tensor, Var};
use tilec_ir::{Arena, Facts, Id, IntId, Kernel, Scalar};

use super::combine::combine;
use super::contract::contract;
use super::copy::{Renaming, alike, copy};
use super::grouped::grouped;
use super::narrow::narrowest;
use super::scene::{Scene, accesses, bare};
use super::slots::guarded;
use super::uses::{Use, uses};
use crate::builder::local;
use crate::canonical::{Body, Canonical};
use crate::products::Factor;
use crate::safe::is_safe_over;

/// A factor that is to be stored.
struct Wanted {
    factor: Factor,
    /// Of the tensor: variables, or blocks of them.
    dims: Vec<(Id<Var>, Option<i64>)>,
    element: Scalar,
    suffix: String,
}

/// A tensor that was derived.
struct Derived {
    tensor: Id<Tensor>,
    vars: Vec<Id<Var>>,
    /// The lengths of blocks, where they are told by them.
    blocks: Vec<Option<i64>>,
    value: Id<Expr>,
}

/// The same equations, and those of computed operands.
pub(crate) fn derive(canonical: &Canonical) -> Canonical {
    let mut scene = Scene::of(canonical.clone());
    let wanted: Vec<_> = (0..scene.stated.len()).map(|at| wanted(&mut scene, at)).collect();
    if wanted.iter().all(Vec::is_empty) {
        return canonical.clone();
    }
    let mut kernel = canonical.kernel().clone();
    let equations = std::mem::take(&mut kernel.equations);
    let mut deriver = Deriver { kernel, facts: scene.facts.clone(), made: Vec::new() };
    for (at, (equation, wanted)) in equations.into_iter().zip(wanted).enumerate() {
        let mut factors = factors(&scene, at);
        for one in wanted {
            let name = format!("{}'{}", scene.kernel.tensors[equation.tensor].name, one.suffix);
            if let Some(read) = deriver.read_of(&one, name) {
                for factor in factors.iter_mut().filter(|factor| **factor == one.factor) {
                    factor.expr = read;
                }
            }
        }
        deriver.push(equation, &factors, canonical, at);
    }
    Canonical::of(deriver.kernel)
}

/// The factors of an equation that is one sum of one product.
fn factors(scene: &Scene, at: EquationAt) -> Vec<Factor> {
    match &scene.stated[at].body {
        Body::Sum { terms, .. } if terms.len() == 1 => terms[0].factors.clone(),
        Body::Sum { .. } | Body::Reduce { .. } | Body::Rank { .. } | Body::Map(_) => Vec::new(),
    }
}

fn wanted(scene: &mut Scene, at: EquationAt) -> Vec<Wanted> {
    if let Some(combine) = combine(scene, at) {
        return weights(scene, &combine);
    }
    let grouped = grouped(scene, at).ok().flatten().map(|found| found.product.contract);
    // Rows of groups are needed but for a few, and those that are not can be computed too.
    let found = grouped
        .or_else(|| contract(scene, at).ok().flatten().filter(|found| found.guard.is_none()));
    let Some(found) = found else { return Vec::new() };
    let rows = [&found.m, &found.n];
    let operands = [&found.a, &found.b].into_iter().zip(rows).zip(["a", "b"]);
    let mut wanted: Vec<_> = operands
        .filter_map(|((operand, rows), name)| of_operand(scene, &found, operand, rows, name))
        .collect();
    let scales = found.scales.iter().enumerate();
    wanted.extend(scales.filter_map(|(at, scale)| of_scale(scene, &found, scale, at)));
    wanted.retain(|wanted| is_safe(scene, wanted));
    wanted
}

/// What rows of slots are weighed with, each a tensor of its own: there are far fewer
/// weights than elements that they weigh.
fn weights(scene: &mut Scene, combine: &Combine) -> Vec<Wanted> {
    let order = [combine.rows.as_slice(), &combine.slots].concat();
    let computed = combine.weights.iter().enumerate();
    let computed = computed.filter(|(_, weight)| is_computed(&scene.kernel, weight.expr));
    let mut wanted: Vec<_> = computed
        .map(|(number, weight)| {
            let used = uses(&scene.kernel, weight.expr);
            let dims = order.iter().filter(|var| used.contains_key(var)).map(|&var| (var, None));
            Wanted {
                factor: Factor { expr: weight.expr, inverse: weight.inverse },
                dims: dims.collect(),
                element: narrowest(&scene.kernel, weight.expr),
                suffix: format!("w{}", number + 1),
            }
        })
        .collect();
    wanted.retain(|wanted| is_safe(scene, wanted));
    wanted
}

/// Whether a factor can be computed at every point of its tensor, also where the
/// axes that it ignores are empty.
fn is_safe(scene: &mut Scene, wanted: &Wanted) -> bool {
    let kernel = &mut scene.kernel;
    let ranges = wanted.dims.iter().map(|&(var, _)| kernel.vars[var].range).collect();
    is_safe_over(kernel, &scene.facts, wanted.factor.expr, ranges)
}

fn of_operand(
    scene: &Scene,
    found: &Contract,
    operand: &Operand,
    rows: &[Id<Var>],
    name: &str,
) -> Option<Wanted> {
    let kernel = &scene.kernel;
    if operand.read.is_some() || !is_computed(kernel, operand.expr) {
        return None;
    }
    let used = uses(kernel, operand.expr);
    let order = found.batch.iter().chain(rows).chain(&found.k).copied();
    let vars: Vec<_> = order.filter(|var| used.contains_key(var)).collect();
    let as_large = accesses(kernel, operand.expr).iter().any(|access| {
        let held: Vec<_> = access.index.iter().filter_map(|&i| bare(kernel, i)).collect();
        vars.iter().all(|var| held.contains(var))
    });
    as_large.then(|| Wanted {
        factor: Factor { expr: operand.expr, inverse: false },
        dims: vars.into_iter().map(|var| (var, None)).collect(),
        element: operand.element,
        suffix: name.to_owned(),
    })
}

/// Whether an operand is more than an access and conversions that widen it.
fn is_computed(kernel: &Kernel, expr: Id<Expr>) -> bool {
    match kernel.exprs[expr].kind {
        ExprKind::Read(..) | ExprKind::Int(_) | ExprKind::Float(_) => false,
        ExprKind::Convert(x) if kernel.exprs[expr].ty == Scalar::F32 => is_computed(kernel, x),
        _ => true,
    }
}

fn of_scale(scene: &Scene, found: &Contract, scale: &Scale, at: usize) -> Option<Wanted> {
    let kernel = &scene.kernel;
    if found.k.len() > 1 || !is_computed(kernel, scale.expr) {
        return None;
    }
    let used = uses(kernel, scale.expr);
    let order = found.batch.iter().chain(&found.m).chain(&found.n).chain(&found.k);
    let dim = |var: &Id<Var>| match used.get(var)? {
        Use::Blocks(length) => Some(Ok((*var, Some(*length)))),
        Use::Each => Some(Ok((*var, None))),
        Use::Gathered(_) => Some(Err(())),
    };
    let dims = order.filter_map(dim).collect::<Result<_, _>>().ok()?;
    Some(Wanted {
        factor: Factor { expr: scale.expr, inverse: scale.inverse },
        dims,
        element: narrowest(kernel, scale.expr),
        suffix: format!("s{}", at + 1),
    })
}

/// The kernel that grows.
struct Deriver {
    kernel: Kernel,
    facts: Facts,
    made: Vec<Derived>,
}

impl Deriver {
    /// A read of what is wanted, from the tensor that there is or a new one.
    fn read_of(&mut self, wanted: &Wanted, name: String) -> Option<Id<Expr>> {
        let at = match (0..self.made.len()).find(|&at| self.is_made(at, wanted)) {
            Some(at) => at,
            None => self.define(wanted, name)?,
        };
        let tensor = self.made[at].tensor;
        let index: Vec<_> =
            wanted.dims.iter().map(|&dim| self.place(dim)).collect::<Option<_>>()?;
        let Expr { ty, span, .. } = self.kernel.exprs[wanted.factor.expr];
        let ty = if ty.is_float() { Scalar::F32 } else { Scalar::I32 };
        Some(self.kernel.exprs.push(Expr { kind: ExprKind::Read(tensor, index), ty, span }))
    }

    fn is_made(&mut self, at: usize, wanted: &Wanted) -> bool {
        let Derived { vars, blocks, value, .. } = &self.made[at];
        let (vars, value) = (vars.clone(), *value);
        if !blocks.iter().eq(wanted.dims.iter().map(|(_, block)| block)) {
            return false;
        }
        let same_ranges = |(own, (var, block)): (&Id<Var>, &(Id<Var>, Option<i64>))| {
            block.is_some() || self.kernel.vars[*own].range == self.kernel.vars[*var].range
        };
        if !vars.iter().zip(&wanted.dims).all(same_ranges) {
            return false;
        }
        let renaming = renaming(&mut self.kernel, &wanted.dims, &vars);
        alike(&mut self.kernel, &self.facts, wanted.factor.expr, value, &renaming)
    }

    /// The position of a new tensor, defined by an equation.
    fn define(&mut self, wanted: &Wanted, name: String) -> Option<usize> {
        let span = self.kernel.exprs[wanted.factor.expr].span;
        let mut vars = Vec::new();
        for &(var, block) in &wanted.dims {
            let Var { name, range, .. } = self.kernel.vars[var].clone();
            let range = match block {
                None => range,
                Some(length) => {
                    let length = self.kernel.ints.constant(length);
                    self.kernel.ints.ceil_div(range, length).ok()?
                }
            };
            vars.push(self.kernel.vars.push(Var { name, range, span }));
        }
        let renaming = renaming(&mut self.kernel, &wanted.dims, &vars);
        let value = copy(&mut self.kernel, &self.facts, wanted.factor.expr, &renaming).ok()?;
        let shape = vars.iter().map(|&var| self.kernel.vars[var].range).collect();
        let tensor = local(unique(&self.kernel.tensors, name), wanted.element, shape, span);
        let tensor = self.kernel.tensors.push(tensor);
        let stored = self.converted(value, wanted.element);
        let equation = Equation { tensor, vars: vars.clone(), value: stored, span };
        self.kernel.equations.push(equation);
        let blocks = wanted.dims.iter().map(|&(_, block)| block).collect();
        self.made.push(Derived { tensor, vars, blocks, value });
        Some(self.made.len() - 1)
    }

    /// The value in the type of its tensor, which holds it exactly.
    fn converted(&mut self, value: Id<Expr>, element: Scalar) -> Id<Expr> {
        let Expr { ty, span, .. } = self.kernel.exprs[value];
        let wide = matches!(element, Scalar::F32 | Scalar::I32);
        if ty == element || wide {
            return value;
        }
        self.kernel.exprs.push(Expr { kind: ExprKind::Convert(value), ty: element, span })
    }

    /// A variable, or its block, as an index.
    fn place(&mut self, (var, block): (Id<Var>, Option<i64>)) -> Option<IntId> {
        let int = variable(&mut self.kernel, var);
        let Some(length) = block else { return Some(int) };
        let length = self.kernel.ints.constant(length);
        self.facts.div(&mut self.kernel.ints, int, length).ok()
    }

    /// The equation with these factors.
    fn push(&mut self, equation: Equation, factors: &[Factor], canonical: &Canonical, at: usize) {
        let body = match &canonical.equations()[at].body {
            Body::Sum { vars, terms } if terms.len() == 1 && terms[0].factors != factors => {
                Some((vars.clone(), terms[0].coefficient))
            }
            Body::Sum { .. } | Body::Reduce { .. } | Body::Rank { .. } | Body::Map(_) => None,
        };
        let Some((vars, coefficient)) = body else {
            self.kernel.equations.push(equation);
            return;
        };
        debug_assert!(coefficient.is_one(), "a single product has no coefficient of its own");
        let span = equation.span;
        let value = self.product(factors, span);
        let ty = self.kernel.exprs[value].ty;
        let kind = ExprKind::Reduce(Reduction::Sum, vars, value);
        let value = self.kernel.exprs.push(Expr { kind, ty, span });
        let value = guarded(&mut self.kernel, canonical.equations()[at].guard, value);
        self.kernel.equations.push(Equation { value, ..equation });
    }

    fn product(&mut self, factors: &[Factor], span: Span) -> Id<Expr> {
        let mut value = factors[0].expr;
        for factor in &factors[1..] {
            let op = if factor.inverse { Binary::Div } else { Binary::Mul };
            let ty = if self.kernel.exprs[value].ty.is_float() { Scalar::F32 } else { Scalar::I32 };
            let kind = ExprKind::Binary(op, value, factor.expr);
            value = self.kernel.exprs.push(Expr { kind, ty, span });
        }
        value
    }
}

fn variable(kernel: &mut Kernel, var: Id<Var>) -> IntId {
    let range = kernel.vars[var].range;
    kernel.ints.of_atom(tilec_ir::Atom::Var(var), Some(range))
}

fn renaming(kernel: &mut Kernel, dims: &[(Id<Var>, Option<i64>)], vars: &[Id<Var>]) -> Renaming {
    let mut renaming = Renaming::default();
    for (&(var, block), &own) in dims.iter().zip(vars) {
        let own = variable(kernel, own);
        match block {
            None => drop(renaming.vars.insert(var, own)),
            Some(length) => drop(renaming.blocks.insert(var, (length, own))),
        }
    }
    renaming
}

pub(crate) fn unique(tensors: &Arena<Tensor>, stem: String) -> String {
    let taken: BTreeSet<_> = tensors.iter().map(|(_, tensor)| tensor.name.as_str()).collect();
    let mut name = stem.clone();
    let mut at = 1;
    while taken.contains(name.as_str()) {
        at += 1;
        name = format!("{stem}{at}");
    }
    name
}
