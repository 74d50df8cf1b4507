//! Whether index arithmetic stays within i32 at the sizes of a launch.
//!
//! Guards are not looked at, so a launch may be refused that would have been
//! fine, never the other way around. Code under an empty range is not evaluated
//! and not looked at.

use super::check::{MAX_DIMENSION, value};
use super::interval::{I32, Ranges};
use super::messages::choose;
use crate::arena::Id;
use crate::diagnostic::{Diagnostic, Kind, Span};
use crate::int::{Atom, IntId};
use crate::int_text::{show, show_sizes};
use crate::poly::Poly;
use crate::tensor::{Expr, ExprKind, Kernel, Var};

/// Refuses a launch in which an exact integer could leave i32, or a step of an
/// index could leave 64 bits.
pub(super) fn check(kernel: &Kernel, sizes: &[i64]) -> Result<(), Vec<Diagnostic>> {
    let ranges = Ranges::new(kernel, sizes);
    let mut walk =
        Walk { ranges: &ranges, errors: Vec::new(), seen: vec![false; kernel.exprs.len()] };
    for equation in &kernel.equations {
        if walk.all_run(&equation.vars) {
            walk.expression(equation.value);
        }
    }
    if walk.errors.is_empty() { Ok(()) } else { Err(walk.errors) }
}

struct Walk<'a> {
    ranges: &'a Ranges<'a>,
    errors: Vec<Diagnostic>,
    seen: Vec<bool>,
}

impl Walk<'_> {
    /// Whether every variable has a value; refuses ranges past the limit.
    fn all_run(&mut self, vars: &[Id<Var>]) -> bool {
        let Ranges { kernel, sizes, .. } = *self.ranges;
        let mut all = true;
        for &id in vars {
            let var = &kernel.vars[id];
            let range = value(kernel, sizes, var.range);
            if range.is_none_or(|range| range > MAX_DIMENSION) {
                let what = format!("the range of `{}`", var.name);
                self.errors.push(overflow(self.ranges, &what, var.range, var.span));
            }
            all &= range.is_some_and(|range| range > 0);
        }
        all
    }

    fn expression(&mut self, root: Id<Expr>) {
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut self.seen[id.index()], true) {
                continue;
            }
            let expr = &self.ranges.kernel.exprs[id];
            match &expr.kind {
                ExprKind::Int(int) => self.value(*int, expr.span),
                ExprKind::Read(_, index) => {
                    index.iter().for_each(|&int| self.index(int, expr.span));
                }
                ExprKind::Unary(_, x) | ExprKind::Convert(x) => open.push(*x),
                ExprKind::Binary(_, x, y) | ExprKind::RoundStochastic(x, y) => open.extend([x, y]),
                ExprKind::Select(test, x, y) => open.extend([test, x, y]),
                ExprKind::Random(words) => open.extend(words),
                ExprKind::Reduce(_, vars, body) => {
                    if self.all_run(vars) {
                        open.push(*body);
                    }
                }
                ExprKind::Rank { var, key, place, .. } => {
                    self.index(*place, expr.span);
                    if self.all_run(&[*var]) {
                        open.push(*key);
                    }
                }
                ExprKind::Float(_) => {}
            }
            self.inside(id, &mut open);
        }
    }

    /// Values that an integer is made of are evaluated with it.
    fn inside(&self, id: Id<Expr>, open: &mut Vec<Id<Expr>>) {
        let kernel = self.ranges.kernel;
        let ints: &[IntId] = match &kernel.exprs[id].kind {
            ExprKind::Int(int) | ExprKind::Rank { place: int, .. } => &[*int],
            ExprKind::Read(_, index) => index,
            ExprKind::Float(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Select(..)
            | ExprKind::Convert(_)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(..) => &[],
        };
        for &int in ints {
            kernel.ints.visit_atoms(int, &mut |_, atom| {
                if let Atom::Value(expr) = atom {
                    open.push(*expr);
                }
            });
        }
    }

    fn value(&mut self, int: IntId, span: Span) {
        let (low, high) = self.ranges.of(&Poly::of(&self.ranges.kernel.ints, int));
        if low <= high && (low < I32.0 || high > I32.1) {
            let text = format!("`{}`", show(self.ranges.kernel, int));
            self.errors.push(overflow(self.ranges, &text, int, span));
        } else {
            self.index(int, span);
        }
    }

    /// Indices are proved in range; their steps must fit 64 bits.
    fn index(&mut self, int: IntId, span: Span) {
        if !self.ranges.steps_fit(int) {
            let text = format!("`{}`", show(self.ranges.kernel, int));
            self.errors.push(overflow(self.ranges, &text, int, span));
        }
    }
}

fn overflow(ranges: &Ranges<'_>, what: &str, int: IntId, span: Span) -> Diagnostic {
    // What the sizes of the ranges are is what people can change.
    let mut held = vec![int];
    ranges.kernel.ints.visit_atoms(int, &mut |id, _| held.extend(ranges.kernel.ints.bound(id)));
    let known = show_sizes(ranges.kernel, &held, ranges.sizes);
    let known = if known.is_empty() { known } else { format!(" with {known}") };
    let message = format!("{what} can leave the range of i32{known}");
    Diagnostic::new(Kind::IndexOverflow, span, message)
        .here("evaluated here")
        .help(format!("it fits at smaller sizes: {}", choose(ranges.kernel, &held)))
}
