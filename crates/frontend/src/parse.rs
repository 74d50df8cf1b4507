//! Text to syntax tree. Whatever could be understood is returned, with a report
//! for everything that could not.
//!
//! The tokens are first split into items and equations ([`split`]), and each of
//! these is then read by its rule on its own: one bad equation costs one report,
//! and time stays linear. Brackets and nesting are checked before a rule runs,
//! so no input recurses deeper than the limit.
//!
//! ```text
//! text --lexer--> tokens --split--> runs of tokens --rules--> tree
//! ```

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "among sixty tokens, `_` means any other token"
)]

mod explain;
mod expression;
mod failure;
mod item;
mod limits;
mod slips;
pub(crate) mod split;
mod state;

use crate::ast::{Equation, ExprKind, File, Item, Kernel, Name, Tiling};
use crate::lexer::{Lexed, Token, lex};
use crate::report::Reports;
use chumsky::Parser;
use explain::{What, explain};
use item::Rules;
use split::{Part, Section};
use state::{Rule, State};
use std::ops::Range;
use tilec_ir::{Diagnostic, Kind, Span};

pub use limits::{DEEPEST_NESTING, DEEPEST_TREE};

/// How long a source may be, in bytes.
pub const LARGEST_SOURCE_BYTES: usize = 4 << 20;

/// Reads a file. The tree holds what could be understood.
#[must_use]
pub fn parse(text: &str) -> (File, Vec<Diagnostic>) {
    let mut reports = Reports::default();
    let file = match lex_within_limit(text, &mut reports) {
        Some(lexed) => read_file(text, &lexed, &mut reports),
        None => File::default(),
    };
    (file, reports.into_sorted())
}

/// The tokens of a text, unless it is too large.
pub(crate) fn lex_within_limit<'src>(
    text: &'src str,
    reports: &mut Reports,
) -> Option<Lexed<'src>> {
    if text.len() > LARGEST_SOURCE_BYTES {
        let message = format!(
            "the source is {} bytes long, and the limit is {LARGEST_SOURCE_BYTES}",
            text.len()
        );
        reports.push(
            Diagnostic::global(Kind::SourceTooLarge, message).help("split it into several files"),
        );
        return None;
    }
    Some(lex(text, reports))
}

/// Reads the tokens of a file.
pub(crate) fn read_file(text: &str, lexed: &Lexed<'_>, reports: &mut Reports) -> File {
    let state = State { exprs: Vec::new(), reports: Vec::new(), text, spans: &[] };
    let mut reader =
        Reader { text, lexed, rules: Rules::new(), state, reports, file: File::default() };
    for section in split::sections(lexed) {
        reader.section(&section);
    }
    let mut file = reader.file;
    for expr in reader.state.exprs {
        file.exprs.push(expr);
    }
    file
}

/// What reading a file needs at hand.
struct Reader<'a, 'src> {
    text: &'a str,
    lexed: &'src Lexed<'src>,
    rules: Rules<'src>,
    state: State<'src>,
    reports: &'a mut Reports,
    file: File,
}

impl<'src> Reader<'_, 'src> {
    /// Reads one part of the file.
    fn section(&mut self, section: &Section) {
        if self.reports.is_full() {
            self.reports.mark_dropped();
            return;
        }
        match section.part {
            Part::Kernel => self.kernel(section),
            Part::Function => self.function(section),
            Part::Tiling => self.tiling(section),
            Part::Stray => self.stray(&section.head),
        }
    }

    fn kernel(&mut self, section: &Section) {
        let head = self.run(self.rules.kernel.clone(), section.head.clone(), What::Kernel);
        let body = section.body.clone().unwrap_or_default();
        let chunks = split::equations(self.lexed, body);
        let equations: Vec<Equation> =
            chunks.into_iter().filter_map(|chunk| self.equation(chunk)).collect();
        self.check_closed(section);
        match head {
            Some(head) => {
                let span = head.span.to(self.end(section));
                self.file.items.push(Item::Kernel(Kernel { equations, span, ..head }));
            }
            None => self.note_unread(section),
        }
    }

    /// An equation; one whose value can't be read still defines its tensor.
    fn equation(&mut self, chunk: Range<usize>) -> Option<Equation> {
        if let Some(equation) = self.run(self.rules.equation.clone(), chunk.clone(), What::Equation)
        {
            return Some(equation);
        }
        if self.reports.is_full() {
            return None;
        }
        let span = self.lexed.spans[chunk.start].to(self.lexed.spans[chunk.end - 1]);
        let assign =
            self.lexed.tokens[chunk.clone()].iter().position(|&token| token == Token::Assign);
        let target =
            assign.map(|at| chunk.start..chunk.start + at + 1).and_then(|range| self.target(range));
        let (name, binders) = match (target, self.lexed.tokens[chunk.start]) {
            (Some(target), _) => target,
            (None, Token::Name(text)) => {
                (Name { text: text.to_owned(), span: self.lexed.spans[chunk.start] }, Vec::new())
            }
            _ => return None,
        };
        let value = self.state.push(ExprKind::Error, span);
        Some(Equation { name, binders, value, span })
    }

    /// The target of an equation that has been reported.
    fn target(&mut self, range: Range<usize>) -> Option<(Name, Vec<crate::ast::Binder>)> {
        let tokens = &self.lexed.tokens[range.clone()];
        let spans = &self.lexed.spans[range];
        limits::check_tokens(tokens, spans).ok()?;
        self.state.spans = spans;
        let before = self.state.exprs.len();
        let target = self.rules.target.parse_with_state(tokens, &mut self.state).into_result().ok();
        self.state.reports.clear();
        if target.is_none() || limits::check_tree(&self.state.exprs, before).is_err() {
            self.state.exprs.truncate(before);
            return None;
        }
        target
    }

    fn function(&mut self, section: &Section) {
        match self.run(self.rules.function.clone(), section.head.clone(), What::Function) {
            Some(function) => self.file.items.push(Item::Function(function)),
            None => self.note_unread(section),
        }
    }

    fn tiling(&mut self, section: &Section) {
        let head = self.run(self.rules.tiling.clone(), section.head.clone(), What::Tiling);
        let chunks = split::entries(self.lexed, section.body.clone().unwrap_or_default());
        let entry = |chunk| self.run(self.rules.entry.clone(), chunk, What::Entry);
        let entries = chunks.into_iter().filter_map(entry).collect();
        self.check_closed(section);
        if let Some((kernel, chip)) = head {
            let span = self.lexed.spans[section.head.start].to(self.end(section));
            self.file.items.push(Item::Tiling(Tiling { kernel, chip, entries, span }));
        }
    }

    /// Reports what is neither kernel, function nor tile block.
    fn stray(&mut self, range: &Range<usize>) {
        let span = self.lexed.spans[range.start];
        let report = Diagnostic::new(Kind::Expected, span, "expected `kernel`, `fn` or `tile`")
            .here("nothing else may stand outside a kernel");
        self.reports.push(match self.lexed.tokens[range.start] {
            Token::CloseBrace => report.help("this `}` closes nothing: leave it out"),
            _ => report.help("equations stand between the `{` and `}` of a kernel"),
        });
    }

    /// Runs a rule on a run of tokens and reports why it fails.
    fn run<O>(&mut self, rule: Rule<'src, O>, range: Range<usize>, what: What) -> Option<O> {
        if self.reports.is_full() {
            self.reports.mark_dropped();
            return None;
        }
        let before = self.state.exprs.len();
        let read = self.try_run(rule, &range, what);
        let sound = read.is_some() && self.state.reports.is_empty();
        self.state.reports.drain(..).for_each(|report| self.reports.push(report));
        let read = read.filter(|_| sound || what == What::Equation);
        if read.is_none() {
            self.state.exprs.truncate(before);
        }
        read
    }

    /// Runs a rule; what is wrong goes to the state's reports.
    fn try_run<O>(&mut self, rule: Rule<'src, O>, range: &Range<usize>, what: What) -> Option<O> {
        let tokens = &self.lexed.tokens[range.clone()];
        let spans = &self.lexed.spans[range.clone()];
        let opened =
            usize::from(what.ends_with_brace() && tokens.last() == Some(&Token::OpenBrace));
        let inner = tokens.len() - opened;
        if let Err(report) = limits::check_tokens(&tokens[..inner], &spans[..inner]) {
            self.state.reports.push(*report);
            return None;
        }
        self.state.spans = spans;
        let before = self.state.exprs.len();
        let (read, failures) = rule.parse_with_state(tokens, &mut self.state).into_output_errors();
        if !failures.is_empty() {
            let explain = |failure| explain(self.text, self.lexed, range, failure, what);
            self.state.reports = failures.into_iter().map(explain).collect();
            return None;
        }
        if let Err(report) = limits::check_tree(&self.state.exprs, before) {
            self.state.reports.push(*report);
            return None;
        }
        read
    }

    fn check_closed(&mut self, section: &Section) {
        if section.body.is_some() && !section.closed {
            let open = self.lexed.spans[section.head.end - 1];
            let last = self.end(section);
            self.reports.push(*limits::unclosed(
                Token::OpenBrace,
                open,
                last,
                "the item ends here",
            ));
        }
    }

    /// The last token of a part.
    fn end(&self, section: &Section) -> Span {
        let end = section
            .body
            .as_ref()
            .map_or(section.head.end, |body| body.end + usize::from(section.closed));
        self.lexed.spans[end - 1]
    }

    /// Keeps the name of an item that could not be read.
    fn note_unread(&mut self, section: &Section) {
        if let Some(&Token::Name(text)) = self.lexed.tokens.get(section.head.start + 1) {
            let span = self.lexed.spans[section.head.start + 1];
            self.file.unread.push(Name { text: text.to_owned(), span });
        }
    }
}
