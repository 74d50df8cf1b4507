//! The ops of the compute role in a line each; `d0` is tile 0 of DST.

use crate::dataflow::{BinaryVector, Dst, Math, Spread, UnaryVector, Vector, WordVector};

use super::role::Names;

/// `multiply a 0, b 4 -> d0 (2 x 4)`
pub(super) fn text(names: Names<'_>, op: &Math) -> String {
    match op {
        Math::Acquire => "acquire".to_owned(),
        Math::Commit => "commit".to_owned(),
        Math::AwaitMath => "await math".to_owned(),
        Math::Release => "release".to_owned(),
        Math::MultiplyInit { a, b, transpose, block } => {
            let (a, b) = (names.ring(*a), names.ring(*b));
            format!("multiply init {a}, {b}{}", block_text(*block, *transpose))
        }
        Math::Multiply { a, b, a_at, b_at, dst, transpose, block } => {
            let (a, b, shape) = (names.ring(*a), names.ring(*b), block_text(*block, *transpose));
            format!("multiply {a} {a_at}, {b} {b_at} -> d{dst}{shape}")
        }
        Math::CopyInit(ring) => format!("copy init {}", names.ring(*ring)),
        Math::Copy { from, at, dst } => format!("copy {} {at} -> d{dst}", names.ring(*from)),
        Math::Vector(op) => vector(op),
        Math::PackInit(ring) => format!("pack init {}", names.ring(*ring)),
        Math::PackAdds(true) => "pack adds".to_owned(),
        Math::PackAdds(false) => "pack overwrites".to_owned(),
        Math::Pack { dst, into, at: Some(at) } => {
            format!("pack d{dst} -> {} {at}", names.ring(*into))
        }
        Math::Pack { dst, into, at: None } => format!("pack d{dst} -> {}", names.ring(*into)),
    }
}

/// ` (2 x 4, depth 8, b transposed)`; nothing for one tile.
fn block_text([rows, columns, depth]: [u32; 3], transpose: bool) -> String {
    let transpose = if transpose { ", b transposed" } else { "" };
    match (rows, columns, depth) {
        (1, 1, 1) if transpose.is_empty() => String::new(),
        (rows, columns, depth) => format!(" ({rows} x {columns}, depth {depth}{transpose})"),
    }
}

fn vector(op: &Vector) -> String {
    match op {
        Vector::Unary(op, a, out) => format!("d{out} = {}(d{a})", unary(*op)),
        Vector::Binary(op, a, b, out) => binary(*op, *a, &format!("d{b}"), *out),
        Vector::Constant(op, a, constant, out) => binary(*op, *a, &format!("{constant:?}"), *out),
        Vector::MultiplyAdd([a, b, c], out) => format!("d{out} = d{a} * d{b} + d{c}"),
        Vector::Select([test, a, b], out) => format!("d{out} = if d{test} then d{a} else d{b}"),
        Vector::Word(op, a, b, out) => word(*op, *a, *b, *out),
        Vector::RoundStochastic(format, a, b, out) => {
            format!(
                "d{out} = round_stochastic<{}>(d{a}, d{b})",
                format!("{format:?}").to_lowercase()
            )
        }
        Vector::Random { seed, counter: [a, b, c, d] } => {
            format!("d{a} = random(d{seed}, d{a}, d{b}, d{c}, d{d})")
        }
        Vector::Fill(value, out) => format!("d{out} = {value:?}"),
        Vector::FillWord(value, out) => format!("d{out} = {value}"),
        Vector::Position { columns, base, dst } => {
            format!("d{dst} = {base} + {}", if *columns { "column" } else { "row" })
        }
        Vector::Keep { columns, count, fill, dst } => {
            format!("d{dst} = {fill:?} beyond {} {count}", if *columns { "column" } else { "row" })
        }
        Vector::Reduce { columns, by, dst } => {
            let along = if *columns { "columns" } else { "rows" };
            format!("d{dst} = {}(d{dst} along {along})", name(&format!("{by:?}")))
        }
        Vector::Broadcast(spread, dst) => {
            let what = match spread {
                Spread::Row => "row 0",
                Spread::Column => "column 0",
                Spread::Element => "element 0, 0",
            };
            format!("d{dst} = {what} of d{dst} everywhere")
        }
    }
}

fn unary(op: UnaryVector) -> String {
    name(&format!("{op:?}"))
}

/// `ReciprocalSquareRoot` as `reciprocal_square_root`.
fn name(camel: &str) -> String {
    let mut out = String::new();
    for (at, letter) in camel.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn binary(op: BinaryVector, a: Dst, b: &str, out: Dst) -> String {
    let sign = match op {
        BinaryVector::Add => "+",
        BinaryVector::Subtract => "-",
        BinaryVector::Multiply => "*",
        BinaryVector::Divide => "/",
        BinaryVector::Minimum => return format!("d{out} = min(d{a}, {b})"),
        BinaryVector::Maximum => return format!("d{out} = max(d{a}, {b})"),
        BinaryVector::Equal => "==",
        BinaryVector::NotEqual => "!=",
        BinaryVector::Less => "<",
        BinaryVector::AtMost => "<=",
        BinaryVector::And => "and",
        BinaryVector::Or => "or",
    };
    format!("d{out} = d{a} {sign} {b}")
}

fn word(op: WordVector, a: Dst, b: Dst, out: Dst) -> String {
    let sign = match op {
        WordVector::Add => "+",
        WordVector::Subtract => "-",
        WordVector::Multiply => "*",
        WordVector::Minimum => return format!("d{out} = min(word d{a}, d{b})"),
        WordVector::Maximum => return format!("d{out} = max(word d{a}, d{b})"),
        WordVector::ShiftRight => ">>",
        WordVector::Equal => "==",
        WordVector::Less => "<",
        WordVector::Join => return format!("d{out} = join(d{a}, d{b})"),
    };
    format!("d{out} = word d{a} {sign} d{b}")
}
