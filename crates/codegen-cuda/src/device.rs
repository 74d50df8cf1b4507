//! The hand-written device headers, `device/*.cuh`.
//!
//! A header says with `#include` which of its siblings it needs; nothing else is
//! included. An emitted source holds the headers that it needs, each once and after
//! what it is made of, with these lines left out.

use std::collections::BTreeSet;

macro_rules! headers {
    ($($(#[$doc:meta])* $name:ident = $file:literal),* $(,)?) => {
        /// A device header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Header { $($(#[$doc])* $name),* }

        impl Header {
            const ALL: &[Self] = &[$(Self::$name),*];

            /// Its file name and its text.
            fn file(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($file, include_str!(concat!("../device/", $file)))),*
                }
            }
        }
    };
}

headers! {
    /// Arithmetic of the language on `float` and `int`.
    Scalar = "scalar.cuh",
    /// Narrow floats.
    Convert = "convert.cuh",
    /// Random bits and stochastic rounding.
    Philox = "philox.cuh",
    /// Exact index arithmetic.
    Index = "index.cuh",
    /// Keys as words that sort.
    Order = "order.cuh",
    /// The k-th of a block's candidates.
    Radix = "radix.cuh",
    /// A block's candidates in order.
    Sort = "sort.cuh",
    /// The first elements of a row, by a block.
    Select = "select.cuh",
    /// A bound for the first elements of a row.
    SelectBound = "select_bound.cuh",
    /// The first elements of a row, by a warp.
    SelectWarp = "select_warp.cuh",
    /// Neighboring elements, of which only some may exist.
    Some = "some.cuh",
    /// Reductions over the threads of a warp or a block.
    Reduce = "reduce.cuh",
    /// Addresses in shared memory, warps and lanes.
    Shared = "shared.cuh",
    /// Barriers in shared memory.
    Mbarrier = "mbarrier.cuh",
    /// Boxes of tensors moved by the copy engine.
    Tma = "tma.cuh",
    /// Boxes that nobody reads again.
    Stream = "stream.cuh",
    /// What surrounds wgmma.
    Wgmma = "wgmma.cuh",
    /// Where a role stands in a ring of slots.
    Ring = "ring.cuh",
    /// Blocks of a cluster.
    Cluster = "cluster.cuh",
    /// Asynchronous copies of elements.
    Copy = "copy.cuh",
    /// 8 x 8 matrices between registers and shared memory.
    Matrix = "matrix.cuh",
    /// Several neighboring elements at once.
    Vector = "vector.cuh",
    /// Reductions over the threads that share a row.
    Row = "row.cuh",
    /// Matrix instructions of one warp.
    Mma = "mma.cuh",
    /// A warp's part of a product of tiles.
    Fragment = "fragment.cuh",
    /// A thread's part of a product of tiles.
    Outer = "outer.cuh",
    /// Quotients by one divisor.
    Divide = "divide.cuh",
    /// Tiles brought into shared memory by all threads.
    Lines = "lines.cuh",
    /// Which tile a work item is.
    Tiles = "tiles.cuh",
    /// Sums on their way to rows of results.
    Staging = "staging.cuh",
    /// Elements read ahead of their use.
    Ahead = "ahead.cuh",
    /// Results on their way out as boxes.
    Boxes = "boxes.cuh",
}

/// The texts of some headers, each after those that it includes.
pub(crate) fn text(needed: &BTreeSet<Header>) -> String {
    // Growing a long text step by step costs more than writing it.
    let all = Header::ALL.iter().map(|header| header.file().1.len()).sum();
    let (mut text, mut done) = (String::with_capacity(all), BTreeSet::new());
    needed.iter().for_each(|&header| embed(header, &mut done, &mut text));
    text
}

fn embed(header: Header, done: &mut BTreeSet<Header>, out: &mut String) {
    if !done.insert(header) {
        return;
    }
    let (_, text) = header.file();
    for included in text.lines().filter_map(included) {
        let found = Header::ALL.iter().find(|other| other.file().0 == included);
        embed(*found.expect("device headers include only each other"), done, out);
    }
    let lines = text.lines().filter(|line| included(line).is_none());
    lines.for_each(|line| {
        *out += line;
        out.push('\n');
    });
    out.push('\n');
}

/// The file that a line includes.
fn included(line: &str) -> Option<&str> {
    line.strip_prefix("#include \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_once_and_after_what_they_include() {
        let all = text(&Header::ALL.iter().copied().collect());
        assert!(!all.contains("#include"), "headers include only each other");
        for &header in Header::ALL {
            let (file, text) = header.file();
            let guard = format!("#define TILEC_{}_CUH", file.trim_end_matches(".cuh"));
            let guard = guard.to_uppercase().replace("#DEFINE", "#define");
            assert_eq!(all.matches(&guard).count(), 1, "{file}");
            for other in text.lines().filter_map(included) {
                let other = format!("TILEC_{}_CUH", other.trim_end_matches(".cuh").to_uppercase());
                assert!(all.find(&other) < all.find(&guard), "{other} comes before {file}");
            }
        }
    }
}
