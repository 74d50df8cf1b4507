//! Text to checked equations: names, types, ranges, bounds and facts.
//!
//! Every mistake of a text is collected in one run. What a mistake leaves
//! undefined is *unknown*, and nothing is said about what is unknown, so that
//! one mistake is one report. Kernels with a mistake are left out of the module.
//!
//! ```text
//! parse -> functions -> each kernel: names, facts, order, equations -> tile blocks
//! ```

mod arithmetic;
mod binders;
mod bounds;
mod calls;
mod conflicts;
mod convert;
mod depth;
mod equation;
mod expression;
mod facts;
mod foreign;
mod functions;
mod guards;
mod kernel;
mod names;
mod order;
mod reduce;
mod report;
mod sizes;
mod store;
mod tilings;
mod types;
mod unbound;
mod usage;
mod uses;

use crate::ast::{self, Item};
use crate::parse::{lex_within_limit, read_file};
use crate::report::Reports;
use functions::Functions;
use tilec_ir::tensor::Module;
use tilec_ir::{Diagnostic, Span};

/// What a text means, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The kernels without mistakes, and the tile blocks of these.
    pub module: Module,
    /// All mistakes and warnings, in the order of the source.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a text.
///
/// ```
/// let checked = tilec_frontend::check(
///     "kernel twice[N](x: f32[N]) -> (y: f32[N]) { y[i] = 2 * x[i] }",
/// );
/// assert!(checked.diagnostics.is_empty());
/// assert_eq!(checked.module.kernels[0].name, "twice");
/// ```
#[must_use]
pub fn check(text: &str) -> Checked {
    let mut reports = Reports::default();
    let Some(lexed) = lex_within_limit(text, &mut reports) else {
        return Checked { module: Module::default(), diagnostics: reports.into_sorted() };
    };
    let file = read_file(text, &lexed, &mut reports);
    let module = Source { text, file: &file, syntax: reports.places() }.check(&mut reports);
    Checked { module, diagnostics: reports.into_sorted() }
}

/// A text that has been read.
#[derive(Debug)]
struct Source<'a> {
    text: &'a str,
    file: &'a ast::File,
    /// Where it could not be read.
    syntax: Vec<Span>,
}

impl Source<'_> {
    fn check(&self, reports: &mut Reports) -> Module {
        names::check_kernel_names(self.file, reports);
        let functions = Functions::of(self.file, reports);
        let mut module = Module::default();
        let mut warnings = Vec::new();
        for item in &self.file.items {
            if let Item::Kernel(kernel) = item {
                module.kernels.extend(kernel::check(
                    self,
                    &functions,
                    kernel,
                    reports,
                    &mut warnings,
                ));
            }
        }
        module.tilings = tilings::check(self.file, &module.kernels, reports);
        // Warnings never take the place of a mistake, and are never too many.
        for warning in warnings {
            if !reports.is_full() {
                reports.push(warning);
            }
        }
        module
    }

    /// Whether some part of a kernel could not be read.
    fn is_damaged(&self, kernel: &ast::Kernel) -> bool {
        let inside =
            |place: &Span| kernel.span.start <= place.start && place.start <= kernel.span.end;
        self.syntax.iter().any(inside)
    }
}
