//! The cycles that ops of the vector unit are taken to need, against the instructions of
//! the device headers' functions: every instruction is replaced by one that counts.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use tilec_ir::dataflow::cycles::vector_cycles;
use tilec_ir::dataflow::{
    BinaryVector as Binary, Index, Spread, UnaryVector as Unary, Vector, WordVector as Word,
};
use tilec_ir::formats::Format;

/// Headers without functions of the vector unit.
const OTHERS: [&str; 5] = ["elements.h", "l1.h", "rank.h", "start.h", "work.h"];

const UNARY: [(Unary, &str); 23] = [
    (Unary::Move, "move"),
    (Unary::Negate, "negate"),
    (Unary::Absolute, "absolute"),
    (Unary::Exponential, "exponential"),
    (Unary::Logarithm, "logarithm"),
    (Unary::SquareRoot, "square_root"),
    (Unary::ReciprocalSquareRoot, "reciprocal_square_root"),
    (Unary::Reciprocal, "reciprocal"),
    (Unary::Tanh, "hyperbolic_tangent"),
    (Unary::ErrorFunction, "error_function"),
    (Unary::Floor, "floor"),
    (Unary::Not, "logical_not"),
    (Unary::RoundBf16, "round_bf16"),
    (Unary::RoundF16, "round_f16"),
    (Unary::DecodeE4M3, "decode_e4m3"),
    (Unary::DecodeE5M2, "decode_e5m2"),
    (Unary::EncodeE4M3, "encode_e4m3"),
    (Unary::EncodeE5M2, "encode_e5m2"),
    (Unary::FromInteger, "from_integer"),
    (Unary::ToInteger, "to_integer"),
    (Unary::Uniform, "uniform"),
    (Unary::LowerHalf, "lower_half"),
    (Unary::UpperHalf, "upper_half"),
];

const WORDS: [(Word, &str); 9] = [
    (Word::Add, "add_words"),
    (Word::Subtract, "subtract_words"),
    (Word::Multiply, "multiply_words"),
    (Word::Minimum, "minimum_words"),
    (Word::Maximum, "maximum_words"),
    (Word::ShiftRight, "shift_words_right"),
    (Word::Equal, "equal_words"),
    (Word::Less, "less_words"),
    (Word::Join, "join_words"),
];

const NARROW: [(Format, &str); 4] = [
    (Format::F8E4M3, "round_stochastic_e4m3"),
    (Format::F8E5M2, "round_stochastic_e5m2"),
    (Format::Bf16, "round_stochastic_bf16"),
    (Format::F16, "round_stochastic_f16"),
];

const BINARY: [(Binary, &str); 12] = [
    (Binary::Add, "add"),
    (Binary::Subtract, "subtract"),
    (Binary::Multiply, "multiply"),
    (Binary::Divide, "divide"),
    (Binary::Minimum, "minimum"),
    (Binary::Maximum, "maximum"),
    (Binary::Equal, "equal"),
    (Binary::NotEqual, "not_equal"),
    (Binary::Less, "less"),
    (Binary::AtMost, "at_most"),
    (Binary::And, "logical_and"),
    (Binary::Or, "logical_or"),
];

/// Every op with a call of its function.
fn calls() -> Vec<(Vector, String)> {
    let mut calls = Vec::new();
    for (op, name) in UNARY {
        calls.push((Vector::Unary(op, 0, 1), format!("{name}<0, 1>()")));
    }
    for (op, name) in BINARY {
        calls.push((Vector::Binary(op, 0, 1, 2), format!("{name}<0, 1, 2>()")));
        let constant = Vector::Constant(op, 0, 1.1, 2);
        calls.push((constant, format!("{name}_constant<0, 0x3f8ccccd, 2>()")));
    }
    for (op, name) in WORDS {
        calls.push((Vector::Word(op, 0, 1, 2), format!("{name}<0, 1, 2>()")));
    }
    for (format, name) in NARROW {
        calls.push((Vector::RoundStochastic(format, 0, 1, 2), format!("{name}<0, 1, 2>()")));
    }
    let counter = [1, 2, 3, 4];
    calls.push((Vector::Random { seed: 0, counter }, "random<0, 1, 2, 3, 4>()".to_owned()));
    calls.push((Vector::FillWord(70000, 0), "fill<70000, 0>()".to_owned()));
    for (columns, along) in [(true, "columns"), (false, "rows")] {
        for (by, name) in [BINARY[0], BINARY[2], BINARY[4], BINARY[5]] {
            let call = format!("reduce_{along}_{name}<0>()");
            calls.push((Vector::Reduce { columns, by, dst: 0 }, call));
        }
        let (base, count) = (Index::from(33), Index::from(5));
        let position = if columns { "column_index" } else { "row_index" };
        calls.push((Vector::Position { columns, base, dst: 0 }, format!("{position}<0>(33)")));
        let keep = Vector::Keep { columns, count, fill: 0.0, dst: 0 };
        calls.push((keep, format!("keep_{along}<0, 0>(5)")));
    }
    for (spread, name) in
        [(Spread::Row, "row"), (Spread::Column, "column"), (Spread::Element, "element")]
    {
        calls.push((Vector::Broadcast(spread, 0), format!("broadcast_{name}<0>()")));
    }
    calls.extend([
        (Vector::MultiplyAdd([0, 1, 2], 3), "multiply_add<0, 1, 2, 3>()".to_owned()),
        (Vector::Select([0, 1, 2], 3), "select<0, 1, 2, 3>()".to_owned()),
        (Vector::Fill(1.1, 0), "fill<0x3f8ccccd, 0>()".to_owned()),
    ]);
    calls
}

/// What stands for the vendor's header: instructions that count themselves.
fn counting(headers: &str) -> String {
    let mut out = "#pragma once\n#include <cstdint>\n#define TRISC_MATH\n\
        inline uint64_t instructions = 0;\n\
        namespace ckernel {\n\
        struct p_stall { enum { STALL_SFPU, STALL_CFG, MATH, WAIT_SFPU }; };\n\
        struct p_setrwc { enum { CLR_NONE, SET_D }; };\n\
        inline int get_dest_buffer_base() { return 0; }\n}\n"
        .to_owned();
    let apart = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let mut names: Vec<_> = headers.split(apart).filter(|word| word.starts_with("TT")).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let bare = headers.contains(&format!("{name};"));
        let arguments = if bare { "" } else { "(...)" };
        writeln!(out, "#define {name}{arguments} (instructions++)").expect("a String takes text");
    }
    out
}

#[test]
fn cycles_are_the_instructions_of_the_functions() {
    let folder = tempfile::tempdir().expect("there is room");
    let device = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/codegen-tt/device");
    let mut files: Vec<_> = std::fs::read_dir(&device)
        .expect("the headers are there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !OTHERS.contains(&name.as_str()))
        .collect();
    files.sort();
    // The helpers of the other headers come first.
    files.sort_by_key(|name| !["lanes.h", "horner.h", "word.h"].contains(&name.as_str()));
    files.insert(0, "start.h".to_owned());
    let text = |name: &String| std::fs::read_to_string(device.join(name)).expect("it is text");
    let headers: String =
        files.iter().map(text).map(|text| text.replace("#pragma once", "")).collect();
    let calls = calls();
    let mut main = format!("{headers}\n#include <cstdio>\nint main() {{\n");
    for (_, call) in &calls {
        let count =
            format!("instructions = 0; tilec::{call}; std::printf(\"%d\\n\", int(instructions));");
        writeln!(main, "{count}").expect("a String takes text");
    }
    main += "}\n";
    let stub = folder.path().join("api/compute");
    std::fs::create_dir_all(&stub).expect("there is room");
    std::fs::write(stub.join("common_globals.h"), counting(&headers)).expect("there is room");
    std::fs::write(folder.path().join("count.cpp"), main).expect("there is room");
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let mut command = Command::new(compiler);
    command.args(["-std=c++20", "-I.", "count.cpp", "-o", "count"]).current_dir(folder.path());
    let done = command.output().expect("there is a C++ compiler");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let run = Command::new(folder.path().join("count")).output().expect("it was just made");
    let counted = String::from_utf8(run.stdout).expect("it prints numbers");
    let counted: Vec<u64> = counted.lines().map(|line| line.parse().expect("a number")).collect();
    assert_eq!(counted.len(), calls.len());
    for ((op, call), counted) in calls.iter().zip(counted) {
        // Loading a constant takes up to two of them.
        let said = vector_cycles(op);
        assert!(said.abs_diff(counted) <= 2, "{call}: {counted} instructions, taken for {said}");
    }
}
