//! The `where` clause: what it states about sizes is known from then on, what
//! it states about inputs is passed on.

use super::kernel::Checker;
use super::sizes::operands_first;
use crate::ast::{self, Arithmetic, ExprKind, Name, Relation};
use tilec_ir::facts::Mark;
use tilec_ir::tensor::{Fact, FactKind, Role, Tensor};
use tilec_ir::{Diagnostic, Id, IntId, Kind, Span};

impl Checker<'_> {
    /// Facts about sizes, each checked with the ones before it.
    pub(super) fn state_facts(&mut self) {
        let mut marks = Vec::new();
        // A division needs facts of its own, wherever these stand.
        let mut facts: Vec<&ast::Fact> = self.tree.facts.iter().collect();
        facts.sort_by_key(|fact| self.divides(fact));
        for fact in &facts {
            if let ast::FactKind::Compare(a, relation, b) = fact.kind
                && let (Some(a), Some(b)) = (self.size(a), self.size(b))
            {
                self.compare_sizes(fact, a, relation, b);
            }
            marks.push(self.facts.mark());
        }
        if self.facts.contradictory(&mut self.kernel.ints) {
            self.report_contradiction(&facts, &marks);
        }
    }

    /// Whether a division stands in a fact.
    fn divides(&self, fact: &ast::Fact) -> bool {
        let ast::FactKind::Compare(a, _, b) = fact.kind else { return false };
        let file = self.source.file;
        let mut parts = [a, b].into_iter().flat_map(|side| operands_first(file, side));
        parts.any(|id| {
            matches!(
                file.exprs[id].kind,
                ExprKind::Ceil(..) | ExprKind::Arithmetic(Arithmetic::Div | Arithmetic::Rem, ..)
            )
        })
    }

    fn compare_sizes(&mut self, fact: &ast::Fact, a: IntId, relation: Relation, b: IntId) {
        let ints = &mut self.kernel.ints;
        let kind = match relation {
            Relation::Equal => {
                self.facts.assume_equal(ints, a, b);
                FactKind::Equal(a, b)
            }
            Relation::AtMost => {
                self.facts.assume_at_most(ints, a, b);
                FactKind::AtMost(a, b)
            }
            Relation::Less => {
                self.facts.assume_less(ints, a, b);
                FactKind::Less(a, b)
            }
            Relation::NotEqual | Relation::Greater | Relation::AtLeast => {
                let report = Diagnostic::new(
                    Kind::BadFact,
                    fact.span,
                    "a fact compares with `==`, `<=` or `<`",
                )
                .here("this comparison cannot be stated")
                .help("swap the sides of `>` and `>=`");
                return self.report(report);
            }
        };
        self.push_fact(kind, fact.span);
    }

    fn push_fact(&mut self, kind: FactKind, span: Span) {
        let text = self.source.text.get(span.range()).unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.kernel.facts.push(Fact { kind, text, span });
    }

    /// Names the first fact that contradicts those before it.
    fn report_contradiction(&mut self, stated: &[&ast::Fact], marks: &[Mark]) {
        let facts = &self.facts;
        let ints = &mut self.kernel.ints;
        let first = marks.partition_point(|&mark| {
            let mut before = facts.clone();
            before.reset(mark);
            !before.contradictory(ints)
        });
        let at = first.min(stated.len().saturating_sub(1));
        let Some(fact) = stated.get(at) else { return };
        let mut report = Diagnostic::new(
            Kind::Contradiction,
            fact.span,
            "no sizes satisfy all of these facts",
        )
        .here("this contradicts what is stated before")
        .help(
            "a kernel with facts that exclude each other can never be launched: drop or change one",
        );
        for earlier in stated[..at].iter().rev().take(3) {
            report = report.with(earlier.span, "stated here");
        }
        self.report(report);
    }

    /// Facts about inputs; puts all facts in the order of the source.
    pub(super) fn state_properties(&mut self) {
        for fact in &self.tree.facts {
            let kind = match &fact.kind {
                ast::FactKind::Compare(..) => continue,
                ast::FactKind::Sorted(name) => self.property(name, "sorted").map(FactKind::Sorted),
                ast::FactKind::Finite(name) => self.property(name, "finite").map(FactKind::Finite),
            };
            if let Some(kind) = kind {
                self.push_fact(kind, fact.span);
            }
        }
        self.kernel.facts.sort_by_key(|fact| fact.span);
    }

    fn property(&mut self, name: &Name, property: &str) -> Option<Id<Tensor>> {
        let Some(id) = self.tensor(&name.text) else {
            let report = self.unknown_name(name, "input");
            self.report(report);
            return None;
        };
        let tensor = &self.kernel.tensors[id];
        if !self.known[id.index()] && tensor.role == Role::Input {
            return None;
        }
        let numeric = tensor.element.is_float() || tensor.element.is_integer();
        let problem = match property {
            _ if tensor.role != Role::Input => "is not an input",
            "finite" if !tensor.element.is_float() => "holds no floats",
            "sorted" if tensor.shape.is_empty() => "is a scalar",
            "sorted" if !numeric => "holds no numbers",
            _ => return Some(id),
        };
        let report = Diagnostic::new(Kind::BadFact, name.span, format!("`{}` {problem}, so `{property}` cannot be stated of it", name.text))
            .here(problem)
            .with(tensor.span, "declared here")
            .help(match property {
                "finite" => "`finite` is a property of inputs of a float type",
                _ => "`sorted` is a property of inputs with at least one dimension, of a float or integer type",
            });
        self.report(report);
        None
    }
}
