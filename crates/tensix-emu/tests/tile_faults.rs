//! Compute kernels that reduce a tile, and are wrong in one place: the kind that the emulator
//! reports, and the line.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::time::Duration;

use support::{Case, address, case};
use tilec_manifest::tensix::Format;
use tilec_tensix_emu::Kind;

const REDUCE: &str = include_str!("kernels/reduce_compute.cpp");

const READER: &str = "#include \"api/dataflow/dataflow_api.h\"

template <uint32_t ring, class Arguments>
void read(Arguments arguments) {
    const auto from = TensorAccessor(arguments, get_arg_val<uint32_t>(ring), get_tile_size(ring));
    cb_reserve_back(ring, 1);
    noc_async_read_page(0, from, get_write_ptr(ring));
    noc_async_read_barrier();
    cb_push_back(ring, 1);
}

void kernel_main() {
    constexpr auto first = TensorAccessorArgs<0>();
    constexpr auto second = TensorAccessorArgs<first.next_compile_time_args_offset()>();
    read<0>(first);
    read<1>(second);
}
";

const WRITER: &str = "#include \"api/dataflow/dataflow_api.h\"

void kernel_main() {
    constexpr auto arguments = TensorAccessorArgs<0>();
    const auto to = TensorAccessor(arguments, get_arg_val<uint32_t>(0), get_tile_size(16));
    for (uint32_t page = 0; page < 3; ++page) {
        cb_wait_front(16, 1);
        noc_async_write_page(page, to, get_read_ptr(16));
        noc_async_write_barrier();
        cb_pop_front(16, 1);
    }
}
";

fn value(row: usize, column: usize) -> u16 {
    ((row * 5 + column * 3) % 7) as u16
}

/// A tile of bf16 in memory: four faces, row by row.
fn tile(value: impl Fn(usize, usize) -> u16) -> Vec<u8> {
    let mut bytes = vec![0; 2048];
    for (row, column) in (0..32).flat_map(|row| (0..32).map(move |column| (row, column))) {
        let at = (row / 16 * 2 + column / 16) * 256 + row % 16 * 16 + column % 16;
        let bits = (f32::from(value(row, column)).to_bits() >> 16) as u16;
        bytes[at * 2..at * 2 + 2].copy_from_slice(&bits.to_le_bytes());
    }
    bytes
}

fn reduced(text: &str) -> Case {
    let addresses = ["a", "ones"].map(|name| (name, address(name)));
    let mut case = case(1, 1)
        .input("a", Format::Bfloat16, 1)
        .input("ones", Format::Bfloat16, 1)
        .output("out", Format::Bfloat16, 3)
        .ring(0, "a", Format::Bfloat16, 1)
        .ring(1, "ones", Format::Bfloat16, 1)
        .ring(16, "out", Format::Bfloat16, 2)
        .reader(&["a", "ones"], &addresses, READER)
        .compute(&[], text)
        .writer(&["out"], &[("out", address("out"))], WRITER);
    case.inputs.insert("a".to_owned(), tile(value));
    case.inputs.insert("ones".to_owned(), tile(|_, _| 1));
    case.options.limit = Duration::from_secs(20);
    case
}

#[test]
fn a_tile_is_reduced() {
    let largest = |column| (0..32).map(|row| value(row, column)).max().unwrap();
    let sum = |row| (0..32).map(|column| value(row, column)).sum();
    let pages = [
        tile(|row, column| if row == 0 { largest(column) } else { 0 }),
        tile(|row, column| if column == 0 { sum(row) } else { 0 }),
        tile(value),
    ];
    assert_eq!(reduced(REDUCE).run().unwrap().outputs["out"], pages.concat());
}

/// What is replaced, by what, and what is reported: the kind, a text on the line that is named,
/// and something that the sentence says.
type Fault = (&'static str, &'static str, Kind, &'static str, &'static str);

const FAULTS: [Fault; 10] = [
    (
        "    reduce_init<PoolType::MAX, ReduceDim::REDUCE_COL>(a, ones, out);\n",
        "",
        Kind::Init,
        "REDUCE_COL>(a, ones, 0, 0, 1)",
        "its init is missing",
    ),
    (
        "reduce_tile<PoolType::MAX, ReduceDim::REDUCE_COL>",
        "reduce_tile<PoolType::SUM, ReduceDim::REDUCE_COL>",
        Kind::Init,
        "SUM, ReduceDim::REDUCE_COL",
        "another kind of value or another dimension",
    ),
    (
        "REDUCE_COL>(a, ones, 0, 0, 1)",
        "REDUCE_COL>(a, ones, 0, 0, 4)",
        Kind::DstCapacity,
        "(a, ones, 0, 0, 4)",
        "tile 4 of DST is used, which has 4 tiles",
    ),
    (
        "pack_one(1, out);",
        "pack_one(2, out);",
        Kind::DstUnwritten,
        "pack_tile(",
        "tile 2 of DST was not",
    ),
    (
        "REDUCE_ROW>(a, ones, 0, 0, 0)",
        "REDUCE_ROW>(ones, a, 0, 0, 0)",
        Kind::Operands,
        "REDUCE_ROW>(ones, a, 0, 0, 0)",
        "are swapped",
    ),
    (
        "REDUCE_ROW>(a, ones, 0, 0, 0)",
        "REDUCE_ROW>(a, ones, 1, 0, 0)",
        Kind::RingWindow,
        "REDUCE_ROW>(a, ones, 1, 0, 0)",
        "page 1",
    ),
    ("    reduce_uninit(a);\n", "", Kind::Init, "pack_tile(", "reduce_uninit is missing"),
    (
        "pack_one(1, out);\n    reduce_uninit();",
        "reduce_uninit();\n    pack_one(1, out);",
        Kind::DstUnwritten,
        "pack_tile(",
        "tile 1 of DST was written in part only",
    ),
    (
        "a = 0, ones = 1",
        "a = 1, ones = 0",
        Kind::Operands,
        "REDUCE_COL>(a, ones, 0, 0, 1)",
        "must be 1 where largest values are sought",
    ),
    (
        "    cb_wait_front(ones, 1);\n",
        "",
        Kind::RingWindow,
        "REDUCE_COL>(a, ones, 0, 0, 1)",
        "ones",
    ),
];

/// The line, from 1, of the only line that has the marker.
fn line_of(text: &str, marker: &str) -> u32 {
    let mut lines = text.lines().zip(1..).filter(|(line, _)| line.contains(marker));
    let found = lines.next().unwrap_or_else(|| panic!("no line has `{marker}`")).1;
    assert!(lines.next().is_none(), "several lines have `{marker}`");
    found
}

#[test]
fn faults_are_reported() {
    for (from, to, kind, at, says) in FAULTS {
        assert_eq!(REDUCE.matches(from).count(), 1, "`{from}`");
        let text = REDUCE.replace(from, to);
        let found = reduced(&text).failure();
        let line = line_of(&text, at);
        assert_eq!(
            (found.kind, found.file.as_str(), found.line),
            (kind, "compute.cpp", line),
            "{found}"
        );
        assert!(found.sentence.contains(says), "{found}");
    }
}
