//! Compute kernels that reduce a tile, sort columns or change layouts, and are wrong in one
//! place: the kind that the emulator reports, and the line.

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
    constexpr uint32_t pages = PAGES;
    cb_reserve_back(ring, pages);
    for (uint32_t page = 0; page < pages; ++page) {
        noc_async_read_page(page, from, get_write_ptr(ring) + page * get_tile_size(ring));
    }
    noc_async_read_barrier();
    cb_push_back(ring, pages);
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
    for (uint32_t page = 0; page < PAGES; ++page) {
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

/// A program with two inputs of as many pages, and an output.
fn program(text: &str, inputs: [(&str, Format, Vec<u8>); 2], out: (Format, u64)) -> Case {
    let pages = inputs[0].2.len() as u64 / u64::from(inputs[0].1.tile_bytes());
    let names = [inputs[0].0, inputs[1].0];
    let mut case = case(1, 1);
    for (ring, (name, format, _)) in (0..).zip(&inputs) {
        case = case.input(name, *format, pages).ring(ring, name, *format, pages as u32);
    }
    let mut case = case
        .output("out", out.0, out.1)
        .ring(16, "out", out.0, 2)
        .reader(
            &names,
            &names.map(|name| (name, address(name))),
            &READER.replace("PAGES", &pages.to_string()),
        )
        .compute(&[], text)
        .writer(&["out"], &[("out", address("out"))], &WRITER.replace("PAGES", &out.1.to_string()));
    for (name, _, bytes) in inputs {
        case.inputs.insert(name.to_owned(), bytes);
    }
    case.options.limit = Duration::from_secs(20);
    case
}

fn reduced(text: &str) -> Case {
    let ones = tile(|_, _| 1);
    let inputs = [("a", Format::Bfloat16, tile(value)), ("ones", Format::Bfloat16, ones)];
    program(text, inputs, (Format::Bfloat16, 3))
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

#[track_caller]
fn check(text: &str, case: fn(&str) -> Case, faults: &[Fault]) {
    for &(from, to, kind, at, says) in faults {
        assert_eq!(text.matches(from).count(), 1, "`{from}`");
        let text = text.replace(from, to);
        let found = case(&text).failure();
        let (file, line) = ("compute.cpp", line_of(&text, at));
        assert_eq!((found.kind, found.file.as_str(), found.line), (kind, file, line), "{found}");
        assert!(found.sentence.contains(says), "{found}");
    }
}

#[test]
fn faults_of_reductions() {
    check(REDUCE, reduced, &FAULTS);
}

const TOPK: &str = include_str!("kernels/topk_compute.cpp");

/// The tile of 16-bit integers.
fn integers(value: impl Fn(usize, usize) -> u16) -> Vec<u8> {
    let mut bytes = vec![0; 2048];
    for (row, column) in (0..32).flat_map(|row| (0..32).map(move |column| (row, column))) {
        let at = (row / 16 * 2 + column / 16) * 256 + row % 16 * 16 + column % 16;
        bytes[at * 2..at * 2 + 2].copy_from_slice(&value(row, column).to_le_bytes());
    }
    bytes
}

fn sorted(text: &str) -> Case {
    let key = |row: usize, column: usize| ((row * 37 + column) % 64) as u16;
    let values = [tile(key), tile(|row, column| key(row + 32, column))].concat();
    let numbers = [integers(|row, _| row as u16), integers(|row, _| row as u16 + 32)].concat();
    let inputs = [("values", Format::Bfloat16, values), ("numbers", Format::UInt16, numbers)];
    let mut case = program(text, inputs, (Format::UInt16, 2));
    case.programs.programs[0].math.fp32_dest_acc = false;
    case
}

#[test]
fn columns_are_sorted() {
    let outcome = sorted(TOPK).run().unwrap();
    // The row of the value 63 - row of a column.
    let expected = |row: usize, column: usize| {
        (0..64).find(|place| (place * 37 + column) % 64 == 63 - row).unwrap() as u16
    };
    let page = &outcome.outputs["out"][..2048];
    let eight = integers(expected);
    for face in 0..2 {
        let rows = face * 512..face * 512 + 8 * 32;
        assert_eq!(page[rows.clone()], eight[rows]);
    }
}

#[test]
fn faults_of_top_k() {
    let sort = "topk_local_sort(0, 0, log_k - 1)";
    let merge = "topk_merge<false>(0, round, k)";
    let rebuild = "topk_rebuild(0, false, round, k, log_k, 0)";
    check(
        TOPK,
        sorted,
        &[
            ("    topk_tile_init();\n", "", Kind::Init, sort, "topk_tile_init, is missing"),
            (sort, "topk_local_sort(1, 0, 2)", Kind::Operands, "_sort(1, 0, 2)", "must be 0"),
            (
                sort,
                "topk_local_sort(0, 0, 6)",
                Kind::Operands,
                "_sort(0, 0, 6)",
                "there are 0 to 5",
            ),
            (
                sort,
                "topk_local_sort(0, 0, 2, 1)",
                Kind::Init,
                "_sort(0, 0, 2, 1)",
                "begins with phase 1",
            ),
            (
                "    copy_tile(numbers, 1, 3);\n",
                "",
                Kind::DstUnwritten,
                sort,
                "tile 3 of DST (indices)",
            ),
            (merge, "topk_merge<false>(0, round, 12)", Kind::Operands, "round, 12)", "k is 12"),
            (
                rebuild,
                "topk_rebuild(0, false, round, k, 4, 0)",
                Kind::Operands,
                "k, 4, 0",
                "logk is 4",
            ),
            (
                "copy_tile(numbers, 1, 3)",
                "copy_tile(numbers, 1, 8)",
                Kind::DstCapacity,
                "1, 8)",
                "has 8 tiles",
            ),
            (
                "copy_init(numbers);",
                "copy_init(values);",
                Kind::Init,
                "copy_tile(numbers, 0, 2)",
                "was for values",
            ),
        ],
    );
}

const STRIPS: &str = include_str!("kernels/strips_compute.cpp");

fn turned(text: &str) -> Case {
    let inputs = ["a", "unused"].map(|name| {
        let tiles = [tile(value), tile(|row, column| value(column, row) + 1)].concat();
        (name, Format::Bfloat16, tiles)
    });
    let case = program(text, inputs, (Format::Bfloat16, 3));
    // The second input is not of this program.
    let mut case = case.ring(2, "rows", Format::Bfloat16, 2);
    case.texts.insert(
        "reader.cpp".to_owned(),
        READER.replace("PAGES", "2").replace("    read<1>(second);\n", ""),
    );
    case
}

#[test]
fn tiles_become_rows_and_tiles_again() {
    let [first, second] = [tile(value), tile(|row, column| value(column, row) + 1)];
    let expected = [first.clone(), first, second].concat();
    assert_eq!(turned(STRIPS).run().unwrap().outputs["out"], expected);
}

#[test]
fn faults_of_strips() {
    let blocks = "pack_untilize_block<1, 2>(a, 1, rows, 1)";
    check(
        STRIPS,
        turned,
        &[
            (
                "    tilize_init(rows, 2, out);\n",
                "",
                Kind::Init,
                "tilize_block(rows",
                "the last init was",
            ),
            (
                "tilize_init(rows, 2, out)",
                "tilize_init(rows, 1, out)",
                Kind::Init,
                "tilize_block(rows",
                "was for 1",
            ),
            (
                "tilize_block(rows, 2, out)",
                "tilize_block(rows, 2, out, 1)",
                Kind::Operands,
                "2, out, 1)",
                "within a strip",
            ),
            (
                "    tilize_uninit(rows, out);\n",
                "",
                Kind::Init,
                "copy_tile(a, 1, 0)",
                "tilize_uninit is missing",
            ),
            (
                "    pack_untilize_uninit(rows);\n",
                "",
                Kind::Init,
                "tilize_block(rows",
                "pack_untilize_uninit is missing",
            ),
            (
                blocks,
                "pack_untilize_block<1, 2>(a, 1, rows, 2)",
                Kind::Operands,
                "1, rows, 2)",
                "a strip has 2 blocks",
            ),
            (
                blocks,
                "pack_untilize_block<1, 2>(a, 2, rows, 1)",
                Kind::Operands,
                "(a, 2, rows",
                "must be 1",
            ),
            (
                blocks,
                "pack_untilize_block<2, 2>(a, 1, rows, 1)",
                Kind::Init,
                "<2, 2>",
                "was for 1 of 2",
            ),
            (
                "    pack_untilize_block<1, 2>(a, 1, rows, 1);\n",
                "",
                Kind::Unwritten,
                "tilize_block(rows",
                "rows",
            ),
            (
                "cb_reserve_back(rows, 2)",
                "cb_reserve_back(rows, 1)",
                Kind::RingWindow,
                "(a, 1, rows, 0)",
                "of rows",
            ),
        ],
    );
}
