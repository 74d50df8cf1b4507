//! What equations of a row have in common.
//!
//! * A costly value that two passes need (`exp(x[m, n] - top[m])`) is kept in
//!   registers by the first where the row is held.
//! * Quotients by a value of the row share what can be computed from the divisor
//!   alone; see divide.cuh.
//!
//! Two expressions are the same if they are spelled the same from the strands and the
//! values of the row on; [`Spelling`] numbers them.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::tensor::{Binary, Expr, ExprKind, Unary, Var};
use tilec_ir::walk::{direct, ints, reachable};
use tilec_ir::{Atom, Id, IntId, Kernel};

use crate::device::Header;
use crate::types::Class;

use super::Rows;
use super::layout::{Kind, PartOf};

/// The most values that are kept from pass to pass.
const MOST_KEPT: usize = 2;

/// A value that one pass keeps for later ones.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The expressions that are this value.
    pub(super) exprs: BTreeSet<Id<Expr>>,
    /// The level whose pass computes it.
    pub(super) level: usize,
    /// The array that holds it.
    pub(super) name: String,
}

/// Numbers of expressions; equal ones have the same value at the same element.
#[derive(Debug, Default)]
struct Spelling {
    known: BTreeMap<String, usize>,
    numbers: BTreeMap<Id<Expr>, usize>,
}

impl Spelling {
    fn number(&mut self, spelled: String) -> usize {
        let next = self.known.len();
        *self.known.entry(spelled).or_insert(next)
    }
}

/// An expression that is computed at an element of a pass.
#[derive(Clone, Copy, Debug)]
struct Computed {
    expr: Id<Expr>,
    level: usize,
    /// Whether it is computed whatever tests say.
    always: bool,
}

impl Rows<'_, '_, '_> {
    /// Declares what passes keep for each other.
    pub(super) fn find_kept(&mut self) {
        if !self.layout.can_keep() {
            return;
        }
        let (spelling, computed) = self.spelled();
        let mut by_number: BTreeMap<usize, Vec<Computed>> = BTreeMap::new();
        for one in computed {
            by_number.entry(spelling.numbers[&one.expr]).or_default().push(one);
        }
        let mut inside: BTreeSet<Id<Expr>> = BTreeSet::new();
        // Later numbers are larger expressions.
        for (_, same) in by_number.into_iter().rev() {
            let first = same.iter().filter(|one| one.always).map(|one| one.level).min();
            let Some(level) = first else { continue };
            let later = same.iter().any(|one| one.level > level);
            let exprs: BTreeSet<_> =
                same.iter().filter(|one| one.level >= level).map(|one| one.expr).collect();
            if !later || self.kept.len() == MOST_KEPT || exprs.is_subset(&inside) {
                continue;
            }
            for &expr in &exprs {
                inside.extend(reachable(self.f.kernel, expr));
            }
            let name = self.f.local("kept");
            self.f.line(format!("float {name}[STEPS][VECTOR];"));
            self.kept.push(Kept { exprs, level, name });
        }
    }

    /// What the passes before a level keep.
    pub(super) fn kept_before(&self, level: usize) -> BTreeSet<Id<Expr>> {
        let before = self.kept.iter().filter(|kept| kept.level < level);
        before.flat_map(|kept| kept.exprs.iter().copied()).collect()
    }

    /// The costly expressions that vary along the row, spelled.
    fn spelled(&self) -> (Spelling, Vec<Computed>) {
        let (mut spelling, mut computed) = (Spelling::default(), Vec::new());
        for part in &self.layout.parts {
            let always = always(self.f.kernel, part.equation.value);
            for expr in reachable(self.f.kernel, part.equation.value) {
                let spelled = self.spell(&mut spelling, part, expr);
                let number = spelling.number(spelled);
                spelling.numbers.insert(expr, number);
                if self.is_costly(expr) && self.varies(part, expr) {
                    let always = always.contains(&expr);
                    computed.push(Computed { expr, level: part.level, always });
                }
            }
        }
        (spelling, computed)
    }

    /// The spelling of an expression whose operands are numbered.
    fn spell(&self, spelling: &mut Spelling, part: &PartOf<'_>, expr: Id<Expr>) -> String {
        if let Some(at) = self.strands.iter().position(|strand| strand.reads.contains(&expr)) {
            return format!("strand {at}");
        }
        let kernel = self.f.kernel;
        let node = &kernel.exprs[expr];
        if let ExprKind::Read(tensor, _) = &node.kind
            && let Some(of_row) = self.layout.part_of(*tensor)
            && !matches!(of_row.kind, Kind::Map { .. })
        {
            return format!("value {}", tensor.index());
        }
        let operands: Vec<_> = direct(&node.kind).iter().map(|e| spelling.numbers[e]).collect();
        let numbers: Vec<_> =
            ints(node).iter().map(|&int| spell_int(kernel, spelling, part, int)).collect();
        let what = match &node.kind {
            ExprKind::Float(value) => format!("{:x}", value.to_bits()),
            ExprKind::Int(_) => "int".to_owned(),
            ExprKind::Read(tensor, _) => format!("read {}", tensor.index()),
            ExprKind::Unary(op, _) => format!("{op:?}"),
            ExprKind::Binary(op, ..) => format!("{op:?}"),
            ExprKind::Select(..) => "select".to_owned(),
            ExprKind::Convert(_) => "convert".to_owned(),
            ExprKind::RoundStochastic(..) => "stochastic".to_owned(),
            ExprKind::Random(_) => "random".to_owned(),
            ExprKind::Reduce(..) | ExprKind::Rank { .. } => format!("own {}", expr.index()),
        };
        format!("{what} {:?} {operands:?} {numbers:?}", node.ty)
    }

    /// Whether computing it again costs more than keeping it.
    fn is_costly(&self, expr: Id<Expr>) -> bool {
        let ExprKind::Unary(op, _) = &self.f.kernel.exprs[expr].kind else { return false };
        match op {
            Unary::Exp | Unary::Log | Unary::Sqrt | Unary::Rsqrt | Unary::Tanh | Unary::Erf => true,
            Unary::Neg | Unary::Not | Unary::Abs | Unary::Floor | Unary::Uniform => false,
        }
    }

    /// Whether an expression has another value at every element of the row.
    pub(super) fn varies(&self, part: &PartOf<'_>, root: Id<Expr>) -> bool {
        let kernel = self.f.kernel;
        let column = part.kind.column();
        reachable(kernel, root).into_iter().any(|expr| {
            let kind = &kernel.exprs[expr].kind;
            let tensor = if let ExprKind::Read(tensor, _) = kind { Some(*tensor) } else { None };
            let read = tensor.and_then(|tensor| self.layout.part_of(tensor));
            let reads_map = read.is_some_and(|part| matches!(part.kind, Kind::Map { .. }));
            // A value of a segment is indexed by the column, and still the same all along it.
            let by_column = read.is_none()
                && ints(&kernel.exprs[expr]).iter().any(|&int| {
                    let mut found = false;
                    kernel.ints.visit_atoms(int, &mut |_, atom| {
                        found |= matches!(atom, Atom::Var(var) if Some(*var) == column);
                    });
                    found
                });
            reads_map || by_column
        })
    }

    /// Declares the divisors by which an equation divides whatever tests say, and which
    /// are the same all along the row.
    pub(super) fn find_divisors(&mut self, part: &PartOf<'_>) {
        let kernel = self.f.kernel;
        for expr in always(kernel, part.equation.value) {
            let ExprKind::Binary(Binary::Div, a, b) = kernel.exprs[expr].kind else { continue };
            let is_float = Class::of(kernel.exprs[expr].ty) == Class::Float;
            let shared = is_float && self.varies(part, a) && !self.varies(part, b);
            if !shared || self.f.divisors.contains_key(&b) || is_power_of_two(kernel, b) {
                continue;
            }
            self.f.need(Header::Divide);
            self.provide_values(b);
            let divisor = self.f.value(b).to_string();
            // Compilers do not see that they divide twice by the same.
            let divisor = self.spelled.get(&divisor).unwrap_or(&divisor).clone();
            let name = self.f.local("by");
            self.f.line(format!("const tilec::Divisor {name}({divisor});"));
            self.f.divisors.insert(b, name);
        }
    }
}

/// Whether dividing by an expression only changes an exponent.
fn is_power_of_two(kernel: &Kernel, expr: Id<Expr>) -> bool {
    matches!(kernel.exprs[expr].kind, ExprKind::Float(value) if value.to_bits() & 0x7f_ffff == 0)
}

/// What is computed for an expression whatever the tests in it say.
fn always(kernel: &Kernel, root: Id<Expr>) -> BTreeSet<Id<Expr>> {
    let (mut reached, mut open) = (BTreeSet::from([root]), vec![root]);
    while let Some(expr) = open.pop() {
        let kind = &kernel.exprs[expr].kind;
        let operands = if let ExprKind::Select(first, ..)
        | ExprKind::Binary(Binary::And | Binary::Or, first, _) = kind
        {
            vec![*first]
        } else {
            direct(kind)
        };
        open.extend(operands.into_iter().filter(|&operand| reached.insert(operand)));
    }
    reached
}

/// An integer with its variables by what they are: of the row, or along it.
fn spell_int(kernel: &Kernel, spelling: &Spelling, part: &PartOf<'_>, int: IntId) -> String {
    let mut text = String::new();
    for term in kernel.ints.get(int).terms() {
        text += &format!("+{}", term.coefficient);
        for &factor in &term.factors {
            text += &match kernel.ints.atom(factor) {
                Atom::Size(size) => format!("*size {}", size.index()),
                Atom::Var(var) => format!("*{}", spell_var(part, *var)),
                // Divisions nest no deeper than the source does.
                &Atom::Div(p, d) => {
                    let [p, d] = [p, d].map(|int| spell_int(kernel, spelling, part, int));
                    format!("*({p})/({d})")
                }
                Atom::Read(tensor, index) => {
                    let index: Vec<_> =
                        index.iter().map(|&int| spell_int(kernel, spelling, part, int)).collect();
                    format!("*{}{index:?}", tensor.index())
                }
                Atom::Value(expr) => match spelling.numbers.get(expr) {
                    Some(number) => format!("*value {number}"),
                    None => format!("*own {}", expr.index()),
                },
            };
        }
    }
    text
}

fn spell_var(part: &PartOf<'_>, var: Id<Var>) -> String {
    if let Some(at) = part.kind.row_vars().iter().position(|&v| v == var) {
        return format!("row {at}");
    }
    if part.kind.column() == Some(var) {
        // Where there are segments, a map counts columns from the start of the row.
        let along = if matches!(part.kind, Kind::Map { .. }) { "row" } else { "segment" };
        return format!("column of {along}");
    }
    format!("var {}", var.index())
}
