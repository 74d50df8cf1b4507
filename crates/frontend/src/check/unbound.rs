//! Index variables that nothing binds: mostly a sum that was left out.
//!
//! ```text
//! c[m, n] = a[m, k] * b[k, n]    to sum over it, write `sum[k](a[m, k] * b[k, n])`
//! ```
//!
//! Each name is told once for each equation, with all its uses. What is
//! proposed is a sum around the smallest expression that holds them all.

use super::kernel::Checker;
use crate::ast::{self, Binder, ExprKind, Name};
use tilec_ir::{Diagnostic, Id, Kind, Span, nearest};

/// How many uses are shown.
const MOST_USES: usize = 4;

/// Where an equation uses a name that nothing binds there.
#[derive(Debug, Default)]
struct Unbound {
    uses: Vec<Span>,
    /// Whether one of the uses is in an index.
    indexes: bool,
    /// The smallest expression with all uses, whole reads being one.
    around: Option<Id<ast::Expr>>,
    /// A reduction elsewhere in the equation that binds the name.
    elsewhere: Option<Span>,
}

/// An expression of the equation.
struct Node {
    id: Id<ast::Expr>,
    /// The place of the one that it is part of.
    parent: usize,
    /// The place of the outermost read that it is an index of.
    read: Option<usize>,
    /// Whether the name is bound here.
    bound: bool,
    /// How many uses are in it.
    uses: usize,
}

impl<'a> Checker<'a> {
    /// Reports a name that stands for nothing, unless the equation has been told.
    pub(super) fn report_unknown_value(&mut self, name: &'a Name) {
        self.failed = true;
        if !self.told.insert(&name.text) || self.reports.is_full() {
            return;
        }
        let unbound = self.find_unbound(&name.text);
        let mut report = match unbound.elsewhere {
            Some(binder) => out_of_its_sum(name, binder),
            None if unbound.indexes => self.unbound_index(name, &unbound),
            None => self.unknown_name(name, "tensor, size or index variable"),
        };
        let others = unbound.uses.iter().filter(|&&span| span != name.span);
        for &span in others.take(MOST_USES) {
            report = report.with(span, "used here too");
        }
        self.report(report);
    }

    fn unbound_index(&self, name: &Name, unbound: &Unbound) -> Diagnostic {
        let text = &name.text;
        let report =
            Diagnostic::new(Kind::UnknownName, name.span, format!("`{text}` is not bound here"))
                .here("no index variable of this name is in scope");
        let variables = self.open.iter().flat_map(|group| group.names.iter().copied());
        if let Some(near) = nearest(text, variables) {
            return report.help(format!("did you mean `{near}`?"));
        }
        let around = unbound.around.map_or("..".into(), |id| self.quote(self.tree_of(id).span));
        let sum = format!("to sum over it, write `sum[{text}]({around})`");
        match unbound.uses.len() {
            1 => report.help(format!(
                "{sum}; other index variables are bound on the left of the equation"
            )),
            _ => report.help(sum),
        }
    }

    fn find_unbound(&self, name: &str) -> Unbound {
        let mut found = Unbound::default();
        let Some(equation) = self.equation else { return found };
        let mut nodes = self.nodes(equation.value, name, &mut found.elsewhere);
        for at in 0..nodes.len() {
            let expr = self.tree_of(nodes[at].id);
            if !nodes[at].bound && matches!(&expr.kind, ExprKind::Name(n) if n.text == name) {
                found.uses.push(expr.span);
                found.indexes |= nodes[at].read.is_some();
                let whole = nodes[at].read.unwrap_or(at);
                nodes[whole].uses += 1;
            }
        }
        found.uses.sort_unstable();
        // Parts come after the whole: the last with all uses is the smallest.
        for at in (0..nodes.len()).rev() {
            if nodes[at].uses == found.uses.len() {
                found.around = Some(nodes[at].id);
                break;
            }
            let (parent, uses) = (nodes[at].parent, nodes[at].uses);
            nodes[parent].uses += uses;
        }
        found
    }

    /// The expressions of an equation, each before its parts; notes a reduction
    /// that binds the name.
    fn nodes(&self, root: Id<ast::Expr>, name: &str, elsewhere: &mut Option<Span>) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut open = vec![Node { id: root, parent: 0, read: None, bound: false, uses: 0 }];
        while let Some(node) = open.pop() {
            let (at, kind) = (nodes.len(), &self.tree_of(node.id).kind);
            let is_read = matches!(kind, ExprKind::Read(..));
            let read = node.read.or(is_read.then_some(at));
            let mut part = |id, binders: &[Binder]| {
                let binder = binders.iter().find(|binder| binder.name.text == name);
                *elsewhere = elsewhere.or(binder.map(|binder| binder.name.span));
                let bound = node.bound || binder.is_some();
                open.push(Node { id, parent: at, read, bound, uses: 0 });
            };
            parts(kind, &mut part);
            nodes.push(node);
        }
        nodes
    }
}

/// The parts of an expression that are values, with what is bound there.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else binds variables")]
fn parts(kind: &ExprKind, part: &mut impl FnMut(Id<ast::Expr>, &[Binder])) {
    match kind {
        ExprKind::Reduce(_, binders, body) => part(*body, binders),
        ExprKind::Argsort { binder, key, place, descending: _ } => {
            part(*key, std::slice::from_ref(binder));
            place.iter().for_each(|&place| part(place, &[]));
        }
        kind => kind.each_operand(|operand| part(operand, &[])),
    }
}

fn out_of_its_sum(name: &Name, binder: Span) -> Diagnostic {
    let message = format!("`{}` is not bound here", name.text);
    Diagnostic::new(Kind::UnknownName, name.span, message)
        .here("outside of the parentheses that it is bound for")
        .with(binder, "an index variable of this name is known only in the parentheses after it")
        .help("move the use inside, or give the reduction an equation of its own")
}
