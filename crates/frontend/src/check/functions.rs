//! Functions of the file and of the prelude.
//!
//! What can be said of a function without a call is said once, here: names,
//! numbers of arguments, rings, and what may not stand in a body. A function
//! with such a mistake is *broken*: its calls are unknown. Types are checked
//! where it is called.

use super::calls::{BUILTINS, Builtin, argument_count};
use super::depth::depth;
use super::foreign::suggestion;
use super::names::duplicate;
use super::order::{Order, order};
use super::sizes::operands_first;
use crate::ast::{self, ExprKind, File, Item, Name};
use crate::report::Reports;
use std::collections::HashMap;
use std::sync::OnceLock;
use tilec_ir::{Diagnostic, Kind, Span, nearest};

/// The prelude.
const PRELUDE: &str = include_str!("prelude.tile");

/// A function that can be called.
#[derive(Debug)]
pub(super) struct Callee<'a> {
    pub(super) tree: &'a ast::Function,
    pub(super) file: &'a File,
    /// Whether it stands in the user's file.
    pub(super) own: bool,
    /// The place of each parameter.
    pub(super) parameters: HashMap<&'a str, usize>,
    /// Whether it has a mistake, which has been reported.
    pub(super) broken: bool,
    /// How deep it is once expanded.
    pub(super) depth: u32,
}

/// All functions.
#[derive(Debug, Default)]
pub(super) struct Functions<'a> {
    callees: Vec<Callee<'a>>,
    by_name: HashMap<&'a str, usize>,
    /// Names that stand in the file but could not be read.
    unread: Vec<&'a str>,
}

fn prelude() -> &'static File {
    static FILE: OnceLock<File> = OnceLock::new();
    FILE.get_or_init(|| {
        let (file, mistakes) = crate::parse::parse(PRELUDE);
        assert!(mistakes.is_empty(), "the prelude can be read: {mistakes:?}");
        file
    })
}

impl<'a> Functions<'a> {
    /// Collects and checks the functions of a file.
    pub(super) fn of(file: &'a File, reports: &mut Reports) -> Self {
        let mut functions = Self::default();
        functions.unread.extend(file.unread.iter().map(|name| name.text.as_str()));
        functions.add(prelude(), false, reports);
        functions.add(file, true, reports);
        let broken: Vec<_> =
            (0..functions.callees.len()).map(|at| functions.check(at, reports)).collect();
        functions.check_rings(reports);
        for (callee, broken) in functions.callees.iter_mut().zip(broken) {
            callee.broken |= broken;
        }
        functions
    }

    /// The function of a name; built-in ones are not among them.
    pub(super) fn get(&self, name: &str) -> Option<&Callee<'a>> {
        self.by_name.get(name).map(|&at| &self.callees[at])
    }

    /// Whether a name is that of a function.
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.get(name).is_some() || Builtin::of(name).is_some()
    }

    /// The way out of an unknown function.
    pub(super) fn suggestion(&self, name: &str, given: usize) -> String {
        if self.unread.contains(&name) {
            return "its definition could not be read".into();
        }
        suggestion(name, given, self.callees.iter().map(|callee| callee.tree.name.text.as_str()))
    }

    fn add(&mut self, file: &'a File, own: bool, reports: &mut Reports) {
        for item in &file.items {
            let Item::Function(tree) = item else { continue };
            if let Some(report) = self.name_taken(&tree.name) {
                reports.push(report);
                continue;
            }
            let parameters =
                tree.params.iter().enumerate().map(|(at, name)| (name.text.as_str(), at)).collect();
            self.by_name.insert(&tree.name.text, self.callees.len());
            self.callees.push(Callee { tree, file, own, parameters, broken: false, depth: 1 });
        }
    }

    fn name_taken(&self, name: &Name) -> Option<Diagnostic> {
        if BUILTINS.iter().any(|(builtin, _)| *builtin == name.text) {
            let message = format!("`{}` is built in", name.text);
            let report =
                Diagnostic::new(Kind::ReservedName, name.span, message).here("defined here");
            return Some(report.help("give the function another name"));
        }
        let before = self.get(&name.text)?;
        if before.own {
            return Some(duplicate("function", name, before.tree.name.span));
        }
        let message = format!("the function `{}` is defined twice", name.text);
        let report = Diagnostic::new(Kind::DuplicateName, name.span, message)
            .here("the prelude has it already");
        Some(report.help("leave it out to use the one of the prelude, or give it another name"))
    }

    /// Whether a function has a mistake.
    fn check(&self, at: usize, reports: &mut Reports) -> bool {
        let callee = &self.callees[at];
        let mut found = Vec::new();
        for (at, name) in callee.tree.params.iter().enumerate() {
            if callee.parameters.get(name.text.as_str()) != Some(&at) {
                let first = callee.tree.params.iter().find(|first| first.text == name.text);
                let later = &callee.tree.params[callee.parameters[name.text.as_str()]];
                found.push(duplicate(
                    "parameter",
                    later,
                    first.map_or(name.span, |first| first.span),
                ));
            }
        }
        let mut unreadable = false;
        for id in operands_first(callee.file, callee.tree.body) {
            let expr = &callee.file.exprs[id];
            unreadable |= matches!(expr.kind, ExprKind::Error);
            found.extend(self.mistake_in_body(callee, expr));
        }
        let broken = unreadable || !found.is_empty();
        found.into_iter().for_each(|report| reports.push(report));
        broken
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all else may stand in a function")]
    fn mistake_in_body(&self, callee: &Callee<'_>, expr: &ast::Expr) -> Option<Diagnostic> {
        match &expr.kind {
            ExprKind::Read(tensor, _) => {
                let help = "pass the element as an argument, and index it at the call".to_owned();
                Some(not_in_function(
                    &callee.tree.name,
                    expr.span,
                    &format!("the tensor `{}`", tensor.text),
                    help,
                ))
            }
            ExprKind::Reduce(..) | ExprKind::Argsort { .. } => {
                let help =
                    "give the reduction an equation of its own, and pass its value as an argument"
                        .to_owned();
                Some(not_in_function(&callee.tree.name, expr.span, "a reduction", help))
            }
            ExprKind::Name(name) if !callee.parameters.contains_key(name.text.as_str()) => {
                let known = callee.tree.params.iter().map(|param| param.text.as_str());
                let message = format!(
                    "the function `{}` has no parameter `{}`",
                    callee.tree.name.text, name.text
                );
                let report = Diagnostic::new(Kind::UnknownName, name.span, message).here("unknown");
                Some(match nearest(&name.text, known) {
                    Some(near) => report.help(format!("did you mean `{near}`?")),
                    None => {
                        report.help("a function sees its parameters only: pass it as an argument")
                    }
                })
            }
            ExprKind::Call(name, arguments) => self.mistake_in_call(name, arguments.len()),
            _ => None,
        }
    }

    fn mistake_in_call(&self, name: &Name, given: usize) -> Option<Diagnostic> {
        if Builtin::of(&name.text).is_some() {
            return None;
        }
        let Some(callee) = self.get(&name.text) else {
            let message = format!("no function is called `{}`", name.text);
            let report = Diagnostic::new(Kind::UnknownFunction, name.span, message).here("unknown");
            return Some(report.help(self.suggestion(&name.text, given)));
        };
        let count = callee.tree.params.len();
        let (kind, message, here) = argument_count(&name.text, (count, count), given)?;
        Some(Diagnostic::new(kind, name.span, message).here(here).help("add or remove arguments"))
    }

    /// Reports functions that call themselves; all that depend on these are
    /// broken, all others get their depths.
    fn check_rings(&mut self, reports: &mut Reports) {
        let calls: Vec<Vec<(usize, Span)>> =
            self.callees.iter().map(|callee| self.calls_of(callee)).collect();
        let needs: Vec<Vec<usize>> =
            calls.iter().map(|list| list.iter().map(|&(at, _)| at).collect()).collect();
        let Order { order, rings } = order(&needs);
        for ring in &rings {
            reports.push(self.ring(ring, &calls));
        }
        let mut fine = vec![false; self.callees.len()];
        for at in order {
            fine[at] = true;
            self.callees[at].depth = depth(self.callees[at].file, self.callees[at].tree.body, self);
        }
        self.callees.iter_mut().zip(fine).for_each(|(callee, fine)| callee.broken |= !fine);
    }

    /// The functions that one calls, each once.
    fn calls_of(&self, callee: &Callee<'_>) -> Vec<(usize, Span)> {
        let mut calls = Vec::new();
        for id in operands_first(callee.file, callee.tree.body) {
            if let ExprKind::Call(name, _) = &callee.file.exprs[id].kind
                && let Some(&at) = self.by_name.get(name.text.as_str())
            {
                calls.push((at, name.span));
            }
        }
        calls.sort_by_key(|&(at, _)| at);
        calls.dedup_by_key(|&mut (at, _)| at);
        calls
    }

    fn ring(&self, ring: &[usize], calls: &[Vec<(usize, Span)>]) -> Diagnostic {
        let name = |at: usize| &self.callees[at].tree.name;
        let first = name(ring[0]);
        let mut report = Diagnostic::new(
            Kind::RecursiveFunction,
            first.span,
            format!("the function `{}` calls itself", first.text),
        )
        .here("defined here");
        for (step, &at) in ring.iter().enumerate() {
            let next = ring[(step + 1) % ring.len()];
            if let Some(&(_, span)) = calls[at].iter().find(|&&(called, _)| called == next) {
                report =
                    report.with(span, format!("`{}` calls `{}`", name(at).text, name(next).text));
            }
        }
        report.help("functions are expanded where they are called, so they cannot be recursive: write a reduction instead")
    }
}

fn not_in_function(function: &Name, span: Span, what: &str, help: String) -> Diagnostic {
    let message = format!("{what} may not stand in the function `{}`", function.text);
    Diagnostic::new(Kind::NotInFunction, span, message)
        .here("functions compute with their arguments only")
        .with(function.span, "in this function")
        .help(help)
}
