//! Which equation needs which, and what nobody needs.

use super::kernel::Checker;
use super::order::{Order, order};
use super::sizes::operands_first;
use crate::ast::{Equation, ExprKind, Param};
use std::collections::HashMap;
use tilec_ir::tensor::{FactKind, Kernel, Role, Tensor};
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind, Scalar, Span, walk};

/// How much of a ring is shown.
const SHOWN_OF_RING: usize = 8;

/// What the equations of a kernel need.
#[derive(Debug)]
pub(super) struct Dependencies {
    /// Equations to be checked, each after those it needs.
    pub(super) order: Vec<usize>,
    /// By equation: the tensors that it reads, each once, with one place.
    reads: Vec<Vec<(Id<Tensor>, Span)>>,
}

impl<'a> Checker<'a> {
    /// Orders the equations, and reports those that are too many, too few, or
    /// need each other.
    pub(super) fn find_dependencies(&mut self, damaged: bool) -> Dependencies {
        let tree = self.tree;
        let mut definitions: HashMap<Id<Tensor>, usize> = HashMap::new();
        let mut taken = Vec::new();
        for (at, equation) in tree.equations.iter().enumerate() {
            let Some(id) = self.tensor(&equation.name.text) else { continue };
            let is_output = |param: &Param| param.name.text == equation.name.text;
            if self.kernel.tensors[id].role == Role::Input {
                // An output of the same name has been reported.
                if !tree.outputs.iter().any(is_output) {
                    self.report_equation_for_input(equation, id);
                }
            } else if let Some(&first) = definitions.get(&id) {
                self.report_second_equation(equation, &tree.equations[first]);
            } else {
                definitions.insert(id, at);
                taken.push(at);
            }
        }
        if !damaged {
            self.report_missing(&definitions);
        }
        let reads: Vec<_> = tree.equations.iter().map(|equation| self.reads_of(equation)).collect();
        let needs = |list: &Vec<(Id<Tensor>, Span)>| -> Vec<usize> {
            list.iter().filter_map(|(id, _)| definitions.get(id).copied()).collect()
        };
        let Order { order, rings } = order(&reads.iter().map(needs).collect::<Vec<_>>());
        rings.iter().for_each(|ring| self.report_cycle(ring, &reads));
        let mut is_taken = vec![false; tree.equations.len()];
        taken.into_iter().for_each(|at| is_taken[at] = true);
        Dependencies { order: order.into_iter().filter(|&at| is_taken[at]).collect(), reads }
    }

    /// The tensors that an equation reads.
    fn reads_of(&self, equation: &'a Equation) -> Vec<(Id<Tensor>, Span)> {
        let mut reads = Vec::new();
        for id in operands_first(self.source.file, equation.value) {
            let expr = &self.source.file.exprs[id];
            if let ExprKind::Read(name, _) | ExprKind::Name(name) = &expr.kind
                && let Some(tensor) = self.tensor(&name.text)
            {
                reads.push((tensor, expr.span));
            }
        }
        reads.sort();
        reads.dedup_by_key(|(tensor, _)| *tensor);
        reads
    }

    fn report_equation_for_input(&mut self, equation: &Equation, id: Id<Tensor>) {
        let tensor = &self.kernel.tensors[id];
        let message = format!("`{}` is an input, so it cannot have an equation", tensor.name);
        let report = Diagnostic::new(Kind::EquationForInput, equation.name.span, message)
            .here("defined here")
            .with(tensor.span, "an input")
            .help("give the result another name");
        self.report(report);
    }

    fn report_second_equation(&mut self, equation: &Equation, first: &Equation) {
        let message = format!("`{}` has two equations", equation.name.text);
        let report = Diagnostic::new(Kind::DuplicateEquation, equation.name.span, message)
            .here("defined again here")
            .with(first.name.span, "defined here first")
            .help("a tensor is defined once: give one of the two another name");
        self.report(report);
    }

    fn report_missing(&mut self, definitions: &HashMap<Id<Tensor>, usize>) {
        let outputs: Vec<_> = self.kernel.tensors_of(Role::Output).collect();
        for id in outputs.into_iter().filter(|id| !definitions.contains_key(id)) {
            let tensor = &self.kernel.tensors[id];
            if self.tensor(&tensor.name) != Some(id) {
                continue;
            }
            let message = format!("the output `{}` has no equation", tensor.name);
            let report = Diagnostic::new(Kind::MissingEquation, tensor.span, message)
                .here("declared here")
                .help(format!("add `{} = ..`", target(&tensor.name, tensor.shape.len())));
            self.report(report);
        }
    }

    fn report_cycle(&mut self, ring: &[usize], reads: &[Vec<(Id<Tensor>, Span)>]) {
        let equations = &self.tree.equations;
        let name = |at: usize| &equations[at].name;
        let first = name(ring[0]);
        let message = match ring {
            [_] => format!("the equation of `{}` needs its own result", first.text),
            _ => {
                let mut names: Vec<_> = ring
                    .iter()
                    .take(SHOWN_OF_RING)
                    .map(|&at| format!("`{}`", name(at).text))
                    .collect();
                if ring.len() > SHOWN_OF_RING {
                    names.push(format!("and {} more", ring.len() - SHOWN_OF_RING));
                }
                format!("the equations of {} need each other", names.join(", "))
            }
        };
        let mut report = Diagnostic::new(Kind::Cycle, first.span, message).here("defined here");
        for (step, &at) in ring.iter().enumerate().take(SHOWN_OF_RING) {
            let next = name(ring[(step + 1) % ring.len()]);
            let read = reads[at].iter().find(|(id, _)| self.kernel.tensors[*id].name == next.text);
            if let Some(&(_, span)) = read {
                report = report.with(span, format!("`{}` needs `{}`", name(at).text, next.text));
            }
        }
        self.report(report.help("an equation defines all elements at once: a loop over steps is written as a reduction, or unrolled"));
    }

    /// Warns of inputs that nothing reads and equations that no output needs.
    pub(super) fn warn_of_unused(&mut self, dependencies: &Dependencies) {
        let count = self.kernel.tensors.len();
        let mut read = vec![false; count];
        dependencies.reads.iter().flatten().for_each(|(id, _)| read[id.index()] = true);
        let inputs: Vec<_> =
            self.kernel.tensors_of(Role::Input).filter(|id| !read[id.index()]).collect();
        for id in inputs {
            let tensor = &self.kernel.tensors[id];
            let report = Diagnostic::new(
                Kind::UnusedInput,
                tensor.span,
                format!("nothing reads the input `{}`", tensor.name),
            )
            .here("declared here")
            .help("leave it out, or read it in an equation");
            self.report(report);
        }
        let mut needed = vec![false; count];
        self.kernel.tensors_of(Role::Output).for_each(|id| needed[id.index()] = true);
        for &at in dependencies.order.iter().rev() {
            let equation = &self.tree.equations[at];
            let Some(id) = self.tensor(&equation.name.text) else { continue };
            if needed[id.index()] {
                dependencies.reads[at].iter().for_each(|(id, _)| needed[id.index()] = true);
            } else {
                let message = format!("no output needs `{}`", equation.name.text);
                let report = Diagnostic::new(Kind::UnusedEquation, equation.name.span, message)
                    .here("defined here")
                    .help("leave it out, or read it in another equation");
                self.report(report);
            }
        }
    }

    /// Reports sizes without a default that nothing of a kernel without mistakes
    /// depends on: every launch would have to give them, for nothing.
    pub(super) fn check_sizes_are_used(&mut self) {
        let used = used_sizes(&self.kernel);
        let sizes = self.kernel.sizes.iter();
        let unused = sizes.filter(|(id, size)| !used[id.index()] && size.default.is_none());
        let reports: Vec<_> = unused.map(|(_, size)| unused_size(&size.name, size.span)).collect();
        reports.into_iter().for_each(|report| self.report(report));
    }
}

/// By size: whether a shape, a type, a range, a fact or a value depends on it.
fn used_sizes(kernel: &Kernel) -> Vec<bool> {
    let mut ints: Vec<IntId> = Vec::new();
    for (_, tensor) in kernel.tensors.iter() {
        ints.extend(&tensor.shape);
        if let Scalar::Idx(bound) = tensor.element {
            ints.push(bound);
        }
    }
    ints.extend(kernel.vars.iter().map(|(_, var)| var.range));
    ints.extend(kernel.exprs.iter().flat_map(|(_, expr)| walk::ints(expr)));
    for fact in &kernel.facts {
        match fact.kind {
            FactKind::Equal(a, b) | FactKind::AtMost(a, b) | FactKind::Less(a, b) => {
                ints.extend([a, b]);
            }
            FactKind::Sorted(_) | FactKind::Finite(_) => {}
        }
    }
    ints.sort_unstable();
    ints.dedup();
    let mut used = vec![false; kernel.sizes.len()];
    for int in ints {
        kernel.ints.visit_atoms(int, &mut |_, atom| {
            if let Atom::Size(size) = atom {
                used[size.index()] = true;
            }
        });
    }
    used
}

fn unused_size(name: &str, span: Span) -> Diagnostic {
    let message = format!("nothing depends on the size `{name}`, and no input tells it");
    Diagnostic::new(Kind::UnusedSize, span, message).here("declared here").help("leave it out")
}

/// The left-hand side of an equation.
fn target(name: &str, rank: usize) -> String {
    let variables: Vec<_> = ["i", "j", "k", "l"].into_iter().cycle().take(rank).collect();
    if rank == 0 { name.to_owned() } else { format!("{name}[{}]", variables.join(", ")) }
}
