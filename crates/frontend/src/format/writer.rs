//! Puts tokens and the comments between them on lines. Nothing is dropped: each
//! comment goes out before the token that follows it in the source.

use super::line::{Line, Pad};
use super::space::spaces;
use crate::lexer::Lexed;

/// What to do with empty lines of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blank {
    /// Leave them out.
    Drop,
    /// Keep one.
    Keep,
    /// Have one.
    Force,
}

/// How a token begins a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Its indentation.
    pub(super) indent: usize,
    /// The indentation of comments before it.
    pub(super) comments: usize,
    /// Empty lines before the first of these.
    pub(super) first: Blank,
    /// Empty lines between the last comment and the token.
    pub(super) last: Blank,
}

impl Start {
    /// Begins a line inside a construct.
    pub(super) fn inside(indent: usize) -> Self {
        Self { indent, comments: indent, first: Blank::Drop, last: Blank::Drop }
    }
}

/// The lines so far.
pub(super) struct Writer<'a> {
    text: &'a str,
    pub(super) lexed: &'a Lexed<'a>,
    pub(super) lines: Vec<Line>,
    /// Whether a space stands before each token.
    spaces: Vec<bool>,
    /// The first comment that has not gone out.
    comment: usize,
    /// Where the last token or comment that has gone out ends in the source.
    end: usize,
    /// The group of the line that is being written.
    group: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(text: &'a str, lexed: &'a Lexed<'a>) -> Self {
        let spaces = spaces(&lexed.tokens);
        Self { text, lexed, lines: Vec::new(), spaces, comment: 0, end: 0, group: 0 }
    }

    /// Begins another group of aligned lines.
    pub(super) fn new_group(&mut self) {
        self.group += 1;
    }

    /// Writes a token at the beginning of a line.
    pub(super) fn start(&mut self, at: usize, start: Start) {
        let before = self.lexed.spans[at].range().start;
        let apart = self.comments(before, start.comments, start.first);
        let blank = if apart { start.last } else { least(start.first, start.last) };
        let blank_before = self.blank(before, blank);
        self.open(start.indent, blank_before);
        self.append(at);
    }

    /// Writes a token behind the last, unless a comment stands between them.
    pub(super) fn join(&mut self, at: usize, indent: usize) {
        let before = self.lexed.spans[at].range().start;
        let lines = self.lines.len();
        let own = self.comments(before, indent, Blank::Drop);
        if own
            || self.lines.len() > lines
            || self.lines.last().is_none_or(|line| line.comment.is_some())
        {
            self.open(indent, false);
        } else if self.spaces[at] {
            self.last().push(' ');
        }
        self.append(at);
    }

    /// Writes a comma that the source lacks.
    pub(super) fn comma(&mut self) {
        self.last().push(',');
    }

    /// Aligns the end of the last line with its group, if it is the line that
    /// began at `line`.
    pub(super) fn pad(&mut self, token: usize, line: usize) {
        let width = self.lexed.spans[token].range().len();
        let group = self.group;
        if self.lines.len() == line
            && let Some(last) = self.lines.last_mut()
        {
            last.pad = Some(Pad { at: last.text.len() - width, group });
        }
    }

    /// Writes the comments at the end of the source.
    pub(super) fn finish(&mut self, blank: Blank) {
        self.comments(self.text.len(), 0, blank);
    }

    /// How wide tokens are on one line.
    pub(super) fn width(&self, range: std::ops::Range<usize>) -> usize {
        range.map(|at| self.lexed.spans[at].range().len() + usize::from(self.spaces[at])).sum()
    }

    /// Whether a comment stands between two tokens.
    pub(super) fn has_comment(&self, open: usize, close: usize) -> bool {
        let (from, to) = (self.lexed.spans[open].start, self.lexed.spans[close].start);
        let next = self.lexed.comments.partition_point(|comment| comment.start < from);
        self.lexed.comments.get(next).is_some_and(|comment| comment.start < to)
    }

    /// Writes the comments before a place. Returns whether one stands on a line
    /// of its own.
    fn comments(&mut self, before: usize, indent: usize, mut blank: Blank) -> bool {
        let mut own = false;
        while let Some(comment) =
            self.lexed.comments.get(self.comment).filter(|c| (c.start as usize) < before)
        {
            let written = self.text[comment.range()].to_owned();
            let same_line = !self.text[self.end..comment.range().start].contains('\n');
            match self.lines.last_mut().filter(|_| same_line) {
                Some(line) => line.comment = Some(written),
                None => {
                    let blank_before = self.blank(comment.range().start, blank);
                    self.open(indent, blank_before);
                    self.lines.last_mut().expect("a line was opened").comment = Some(written);
                    self.group += 1;
                    blank = Blank::Keep;
                    own = true;
                }
            }
            self.comment += 1;
            self.end = comment.range().end;
        }
        own
    }

    /// Whether an empty line stands before a place of the source.
    fn blank(&self, before: usize, blank: Blank) -> bool {
        match blank {
            Blank::Drop => false,
            Blank::Force => true,
            Blank::Keep => self.text[self.end..before].bytes().filter(|&b| b == b'\n').count() > 1,
        }
    }

    fn open(&mut self, indent: usize, blank_before: bool) {
        if blank_before {
            self.group += 1;
        }
        self.lines.push(Line { indent, blank_before, ..Line::default() });
    }

    fn append(&mut self, at: usize) {
        let range = self.lexed.spans[at].range();
        let written = &self.text[range.clone()];
        self.last().push_str(written);
        self.end = range.end;
    }

    /// The text of the last line.
    fn last(&mut self) -> &mut String {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        &mut self.lines.last_mut().expect("there is a line").text
    }
}

/// Of two wishes, the one for fewer empty lines, except that a forced one stands.
fn least(first: Blank, last: Blank) -> Blank {
    match (first, last) {
        (Blank::Force, _) => Blank::Force,
        (Blank::Keep, Blank::Drop) | (Blank::Drop, _) => Blank::Drop,
        (Blank::Keep, Blank::Keep | Blank::Force) => Blank::Keep,
    }
}
