//! Ops of the vector unit: maps, reductions and broadcasts of whole tiles of DST.

use super::{Dst, Index};
use crate::formats::Format;

/// An op of the vector unit on whole tiles of DST, as f32 where nothing else is said. A word
/// is a 32-bit integer in two's complement. `out` may be an operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector {
    /// One operand.
    Unary(UnaryVector, Dst, Dst),
    /// `out = a op b`
    Binary(BinaryVector, Dst, Dst, Dst),
    /// `out = a op constant`
    Constant(BinaryVector, Dst, f32, Dst),
    /// `out = a * b + c`, each step rounded as the unit does.
    MultiplyAdd([Dst; 3], Dst),
    /// `out = if test != 0 then a else b`
    Select([Dst; 3], Dst),
    /// `out = a op b`, of words.
    Word(WordVector, Dst, Dst, Dst),
    /// An f32 `a` rounded up or down to a narrower float, by the random bits of the word `b`.
    RoundStochastic(Format, Dst, Dst, Dst),
    /// Random bits, as words: `counter[0] = philox4x32_10(counter, seed)`, of which the other
    /// tiles of the counter are lost.
    Random {
        /// The first word of the key; the second one is 0.
        seed: Dst,
        /// Four words.
        counter: [Dst; 4],
    },
    /// Every element the same.
    Fill(f32, Dst),
    /// Every element the same word.
    FillWord(i32, Dst),
    /// Element `[r, c]` becomes `base + r` or `base + c`.
    Position {
        /// Whether columns are counted.
        columns: bool,
        /// What the first is; below 2^24.
        base: Index,
        /// Where to.
        dst: Dst,
    },
    /// Replaces columns (or rows) from `count` on by `fill`; a `count` of 32 or more does
    /// nothing.
    Keep {
        /// Whether columns are counted.
        columns: bool,
        /// How many stay.
        count: Index,
        /// The others.
        fill: f32,
        /// In place.
        dst: Dst,
    },
    /// Combines the columns of each row (or the rows of each column); every column (row)
    /// gets the result.
    Reduce {
        /// Whether columns are combined.
        columns: bool,
        /// By what: `Add`, `Multiply`, `Minimum` or `Maximum`.
        by: BinaryVector,
        /// In place.
        dst: Dst,
    },
    /// Row 0 to all rows, column 0 to all columns, or element 0, 0 to all.
    Broadcast(Spread, Dst),
}

/// What is repeated over a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spread {
    /// Row 0, to all rows.
    Row,
    /// Column 0, to all columns.
    Column,
    /// The first element, to all.
    Element,
}

/// Vector ops with one operand, `out = op(a)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryVector {
    /// A copy.
    Move,
    /// `-x`
    Negate,
    /// `abs(x)`
    Absolute,
    /// `exp(x)`
    Exponential,
    /// Natural logarithm.
    Logarithm,
    /// `sqrt(x)`
    SquareRoot,
    /// `1 / sqrt(x)`
    ReciprocalSquareRoot,
    /// `1 / x`
    Reciprocal,
    /// `tanh(x)`
    Tanh,
    /// `erf(x)`
    ErrorFunction,
    /// `floor(x)`
    Floor,
    /// 1 where 0, else 0.
    Not,
    /// To the nearest bf16, ties to even.
    RoundBf16,
    /// To the nearest f16, ties to even.
    RoundF16,
    /// A code of e4m3 in an integer to its value.
    DecodeE4M3,
    /// A code of e5m2 in an integer to its value.
    DecodeE5M2,
    /// The code of the nearest e4m3 (ties to even, saturating) in an integer.
    EncodeE4M3,
    /// The code of the nearest e5m2 (ties to even, saturating) in an integer.
    EncodeE5M2,
    /// A word to the nearest f32, ties to even.
    FromInteger,
    /// To a word, toward zero, saturating.
    ToInteger,
    /// The upper 24 bits of a word of random bits as a number in [0, 1).
    Uniform,
    /// The lower half of a word, ready to be packed as a 16-bit integer.
    LowerHalf,
    /// The upper half of a word, ready to be packed as a 16-bit integer.
    UpperHalf,
}

/// Ops on words. Sums and products wrap around; relations give the f32 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WordVector {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// The smaller.
    Minimum,
    /// The larger.
    Maximum,
    /// `floor(a / 2^b)`, for `b` from 0 to 31.
    ShiftRight,
    /// `a == b`
    Equal,
    /// `a < b`
    Less,
    /// The word whose lower 16 bits are those of `a` and whose upper ones are those of `b`.
    Join,
}

/// Vector ops with two operands; relations give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryVector {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// The smaller; NaN if either is; -0 below +0.
    Minimum,
    /// The larger; NaN if either is; -0 below +0.
    Maximum,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    AtMost,
    /// Both are not 0.
    And,
    /// One is not 0.
    Or,
}
