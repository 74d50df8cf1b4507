//! What is pasted is complete, and nothing more.

use std::collections::BTreeSet;

use tilec_ir::dataflow::{BinaryVector, Index, Spread, UnaryVector, Vector, WordVector};
use tilec_ir::formats::Format;

use super::{HEADERS, MOVERS, defined, headers, items, used};
use crate::vector;

const UNARY: [UnaryVector; 23] = [
    UnaryVector::Move,
    UnaryVector::Negate,
    UnaryVector::Absolute,
    UnaryVector::Exponential,
    UnaryVector::Logarithm,
    UnaryVector::SquareRoot,
    UnaryVector::ReciprocalSquareRoot,
    UnaryVector::Reciprocal,
    UnaryVector::Tanh,
    UnaryVector::ErrorFunction,
    UnaryVector::Floor,
    UnaryVector::Not,
    UnaryVector::RoundBf16,
    UnaryVector::RoundF16,
    UnaryVector::DecodeE4M3,
    UnaryVector::DecodeE5M2,
    UnaryVector::EncodeE4M3,
    UnaryVector::EncodeE5M2,
    UnaryVector::FromInteger,
    UnaryVector::ToInteger,
    UnaryVector::Uniform,
    UnaryVector::LowerHalf,
    UnaryVector::UpperHalf,
];

const WORDS: [WordVector; 9] = [
    WordVector::Add,
    WordVector::Subtract,
    WordVector::Multiply,
    WordVector::Minimum,
    WordVector::Maximum,
    WordVector::ShiftRight,
    WordVector::Equal,
    WordVector::Less,
    WordVector::Join,
];

/// Functions of the reader and the writer.
const MOVING: [&str; 32] = [
    "add_to_element",
    "clear_list",
    "copy_column",
    "fetch_elements",
    "float_code",
    "integer_code",
    "list_bytes",
    "merge_list",
    "offer_row",
    "open_table",
    "put_element",
    "put_elements",
    "put_indices",
    "read_rows",
    "real_at_most",
    "real_equal",
    "real_less",
    "sort_list",
    "table_bits",
    "table_element",
    "whole_clamped",
    "whole_difference",
    "whole_least",
    "whole_magnitude",
    "whole_most",
    "whole_product",
    "whole_quotient",
    "whole_rest",
    "whole_sum",
    "wrapped",
    "write_rows",
    "zero_tile",
];

const NARROW: [Format; 4] = [Format::F8E4M3, Format::F8E5M2, Format::Bf16, Format::F16];

const BINARY: [BinaryVector; 12] = [
    BinaryVector::Add,
    BinaryVector::Subtract,
    BinaryVector::Multiply,
    BinaryVector::Divide,
    BinaryVector::Minimum,
    BinaryVector::Maximum,
    BinaryVector::Equal,
    BinaryVector::NotEqual,
    BinaryVector::Less,
    BinaryVector::AtMost,
    BinaryVector::And,
    BinaryVector::Or,
];

const REDUCERS: [BinaryVector; 4] =
    [BinaryVector::Add, BinaryVector::Multiply, BinaryVector::Minimum, BinaryVector::Maximum];

/// Every op of the vector unit, by the name of its function; and those of L1.
fn functions() -> BTreeSet<String> {
    let mut ops =
        vec![Vector::MultiplyAdd([0, 1, 2], 3), Vector::Select([0, 1, 2], 3), Vector::Fill(1.0, 0)];
    ops.extend(UNARY.map(|op| Vector::Unary(op, 0, 1)));
    ops.extend(BINARY.map(|op| Vector::Binary(op, 0, 1, 2)));
    ops.extend(BINARY.map(|op| Vector::Constant(op, 0, 1.0, 2)));
    ops.extend(WORDS.map(|op| Vector::Word(op, 0, 1, 2)));
    ops.extend(NARROW.map(|format| Vector::RoundStochastic(format, 0, 1, 2)));
    ops.extend([Vector::Random { seed: 0, counter: [1, 2, 3, 4] }, Vector::FillWord(-1, 0)]);
    let spreads = [Spread::Row, Spread::Column, Spread::Element];
    ops.extend(spreads.map(|spread| Vector::Broadcast(spread, 0)));
    for columns in [false, true] {
        ops.push(Vector::Position { columns, base: Index::Number(0), dst: 0 });
        ops.push(Vector::Keep { columns, count: Index::Number(1), fill: 0.0, dst: 0 });
        ops.extend(REDUCERS.map(|by| Vector::Reduce { columns, by, dst: 0 }));
    }
    let names = ops.iter().map(vector::function);
    names.chain(MOVING.map(str::to_owned)).collect()
}

fn pasted(functions: &[&str]) -> String {
    headers(&functions.iter().map(|&function| function.to_owned()).collect()).join("\n")
}

#[test]
fn every_op_has_one_function() {
    let all = HEADERS.into_iter().chain(MOVERS);
    let names: Vec<&str> = all.flat_map(items).flat_map(defined).collect();
    for function in functions() {
        let found = names.iter().filter(|name| **name == function).count();
        assert_eq!(found, 1, "{function}");
    }
    let unique: BTreeSet<&&str> = names.iter().collect();
    let macros = names.iter().filter(|name| name.starts_with("TILEC_") || **name == "STAY");
    // Each of two branches of the preprocessor defines these two.
    assert_eq!(names.len() - unique.len(), 2, "{:?}", macros.collect::<Vec<_>>());
}

#[test]
fn what_is_pasted_defines_what_it_uses() {
    for function in functions() {
        let all = if MOVING.contains(&&*function) { &MOVERS[..] } else { &HEADERS };
        let known: BTreeSet<&str> = all.iter().flat_map(|x| items(x)).flat_map(defined).collect();
        let text = pasted(&[&function]);
        let defined: BTreeSet<&str> = text.split("\n\n").flat_map(defined).collect();
        let missing: Vec<&str> =
            used(&text).filter(|word| known.contains(word) && !defined.contains(word)).collect();
        assert_eq!(missing, [""; 0], "{function} in\n{text}");
    }
}

#[test]
fn nothing_is_pasted_without_a_use() {
    assert_eq!(pasted(&[]), "");
    let text = pasted(&["add"]);
    for absent in ["multiply", "subtract", "with_constant", "where_nan", "L1", "#pragma once"] {
        assert!(!text.contains(absent), "{absent} in\n{text}");
    }
    assert!(text.contains("inline void add()") && text.contains("inline void start()"));
    assert!(!pasted(&["zero_tile"]).contains("copy_column"));
}
