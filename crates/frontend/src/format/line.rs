//! Lines of formatted text, and the columns that are aligned between them.

/// The widest left part that takes part in alignment; a wider one would push
/// its neighbors too far to the right.
const WIDEST_ALIGNED: usize = 40;

/// One line of the result.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Spaces before the text.
    pub(super) indent: usize,
    /// Tokens with their spaces.
    pub(super) text: String,
    /// Where spaces may be inserted, and the group that is aligned there.
    pub(super) pad: Option<Pad>,
    /// A comment at the end of the line, or alone on it.
    pub(super) comment: Option<String>,
    /// Whether an empty line stands before it.
    pub(super) blank_before: bool,
}

/// A column that the lines of a group share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pad {
    /// The byte of the text that comes into the column.
    pub(super) at: usize,
    /// Lines with the same number are aligned; numbers ascend.
    pub(super) group: usize,
}

/// Aligns the groups.
pub(super) fn align(lines: &mut [Line]) {
    let takes_part = |line: &Line| line.pad.filter(|pad| pad.at <= WIDEST_ALIGNED);
    let groups =
        lines.iter().filter_map(takes_part).map(|pad| pad.group).max().map_or(0, |last| last + 1);
    let mut columns = vec![0; groups];
    for pad in lines.iter().filter_map(takes_part) {
        columns[pad.group] = columns[pad.group].max(pad.at);
    }
    for line in lines {
        if let Some(pad) = takes_part(line) {
            let spaces = " ".repeat(columns[pad.group] - pad.at);
            line.text.insert_str(pad.at, &spaces);
        }
    }
}

/// The lines as one text.
pub(super) fn render(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        if line.blank_before && !out.is_empty() {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n(' ', line.indent));
        out.push_str(&line.text);
        if let Some(comment) = &line.comment {
            if !line.text.is_empty() {
                out.push_str("  ");
            }
            out.push_str(comment);
        }
        out.push('\n');
    }
    out
}
