//! One kernel: what is known while it is checked, and the order of the checks.
//!
//! Takes a syntax tree, gives a kernel of the tensor IR if it has no mistake.
//! Equations are checked in the order of their needs, so that the types and
//! shapes of what an equation reads are known.

use super::Source;
use super::binders::{Bound, Group};
use super::expression::{Frame, Operand, Step};
use super::functions::Functions;
use super::names::Named;
use super::uses::Uses;
use crate::ast;
use crate::report::Reports;
use std::collections::{HashMap, HashSet};
use tilec_ir::facts::Mark;
use tilec_ir::tensor::{Expr, ExprKind};
use tilec_ir::{Diagnostic, Facts, Id, IntId, Ints, Kernel, Scalar, Span};

/// How many steps the expressions of a kernel may take, functions expanded.
const MOST_STEPS: usize = 2_000_000;

/// What is known of the kernel that is being checked.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) functions: &'a Functions<'a>,
    pub(super) tree: &'a ast::Kernel,
    pub(super) reports: &'a mut Reports,
    pub(super) warnings: &'a mut Vec<Diagnostic>,
    /// Whether the kernel has a mistake.
    pub(super) failed: bool,
    pub(super) kernel: Kernel,
    pub(super) facts: Facts,
    /// Sizes and tensors.
    pub(super) names: HashMap<&'a str, Named>,
    /// By tensor: whether its type and shape are known.
    pub(super) known: Vec<bool>,
    /// Index variables in scope; the last of a list is meant.
    pub(super) scope: HashMap<&'a str, Vec<Bound>>,
    /// What the variables of this equation index bare.
    pub(super) uses: Uses,
    /// The functions being expanded, the innermost last.
    pub(super) frames: Vec<Frame<'a>>,
    /// What is left to do of the expression, the next last.
    pub(super) steps: Vec<Step>,
    /// Operands of what is still to be built.
    pub(super) operands: Vec<Operand>,
    /// Binders whose body is being checked, and those whose body has been.
    pub(super) open: Vec<Group<'a>>,
    pub(super) closed: Vec<Group<'a>>,
    /// Where to return to when a branch ends.
    pub(super) marks: Vec<Mark>,
    /// Variables of this equation that have gone out of scope.
    pub(super) past: HashMap<&'a str, Span>,
    /// The equation being checked.
    pub(super) equation: Option<&'a ast::Equation>,
    /// Unknown names that this equation has been told of.
    pub(super) told: HashSet<&'a str>,
    /// Missing facts about divisors that have been asked for.
    pub(super) asked: HashSet<String>,
    /// How many steps are left.
    pub(super) budget: usize,
}

/// Checks a kernel; `None` if it has a mistake.
pub(super) fn check<'a>(
    source: &'a Source<'a>,
    functions: &'a Functions<'a>,
    tree: &'a ast::Kernel,
    reports: &'a mut Reports,
    warnings: &'a mut Vec<Diagnostic>,
) -> Option<Kernel> {
    let mut checker = Checker::new(source, functions, tree, reports, warnings);
    let damaged = source.is_damaged(tree);
    checker.declare_sizes();
    checker.state_facts();
    checker.declare_tensors();
    checker.state_properties();
    let dependencies = checker.find_dependencies(damaged);
    for at in dependencies.order.iter().copied() {
        if checker.budget == 0 {
            break;
        }
        checker.check_equation(&tree.equations[at]);
    }
    if !checker.failed && !damaged {
        checker.check_sizes_are_used();
        checker.warn_of_unused(&dependencies);
    }
    (!checker.failed && !damaged).then_some(checker.kernel)
}

impl<'a> Checker<'a> {
    fn new(
        source: &'a Source<'a>,
        functions: &'a Functions<'a>,
        tree: &'a ast::Kernel,
        reports: &'a mut Reports,
        warnings: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let kernel = Kernel {
            name: tree.name.text.clone(),
            span: tree.name.span,
            sizes: Default::default(),
            facts: Vec::new(),
            tensors: Default::default(),
            vars: Default::default(),
            ints: Ints::default(),
            exprs: Default::default(),
            equations: Vec::new(),
        };
        Self {
            source,
            functions,
            tree,
            reports,
            warnings,
            failed: false,
            kernel,
            facts: Facts::default(),
            names: HashMap::new(),
            known: Vec::new(),
            scope: HashMap::new(),
            uses: Uses::default(),
            frames: Vec::new(),
            steps: Vec::new(),
            operands: Vec::new(),
            open: Vec::new(),
            closed: Vec::new(),
            marks: Vec::new(),
            past: HashMap::new(),
            equation: None,
            told: HashSet::new(),
            asked: HashSet::new(),
            budget: MOST_STEPS,
        }
    }

    /// Adds an expression that stands at a place of the current tree.
    pub(super) fn add(&mut self, kind: ExprKind, ty: Scalar, span: Span) -> Id<Expr> {
        let span = self.place(span);
        self.kernel.exprs.push(Expr { kind, ty, span })
    }

    /// An integer, printed.
    pub(super) fn show(&self, int: IntId) -> String {
        tilec_ir::show(&self.kernel, int)
    }

    /// An element type, printed.
    pub(super) fn show_type(&self, ty: Scalar) -> String {
        match ty {
            Scalar::F32 => "f32".into(),
            Scalar::Bf16 => "bf16".into(),
            Scalar::F16 => "f16".into(),
            Scalar::F8E4M3 => "f8e4m3".into(),
            Scalar::F8E5M2 => "f8e5m2".into(),
            Scalar::I32 => "i32".into(),
            Scalar::I8 => "i8".into(),
            Scalar::U8 => "u8".into(),
            Scalar::Bool => "bool".into(),
            Scalar::Idx(n) => format!("idx<{}>", self.show(n)),
        }
    }
}
