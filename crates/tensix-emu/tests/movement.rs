//! Data movement that is right: pages through rings, across cores and between programs.

mod support;

use support::{address, case, page_of};
use tilec_manifest::tensix::{Format, Value};
use tilec_tensix_emu::Kind;

const READER: &str = r#"#include "api/dataflow/dataflow_api.h"

void kernel_main() {
    const uint32_t x_address = get_arg_val<uint32_t>(0);
    const uint32_t first = get_arg_val<uint32_t>(1);
    const uint32_t count = get_arg_val<uint32_t>(2);
    constexpr auto x_args = TensorAccessorArgs<0>();
    const auto x = TensorAccessor(x_args, x_address, get_tile_size(0));
    for (uint32_t page = first; page < first + count; ++page) {
        cb_reserve_back(0, 1);
        noc_async_read_page(page, x, get_write_ptr(0));
        noc_async_read_barrier();
        cb_push_back(0, 1);
    }
}
"#;

const WRITER: &str = r#"#include "api/dataflow/dataflow_api.h"

void kernel_main() {
    const uint32_t y_address = get_arg_val<uint32_t>(0);
    const uint32_t first = get_arg_val<uint32_t>(1);
    const uint32_t count = get_arg_val<uint32_t>(2);
    constexpr auto y_args = TensorAccessorArgs<0>();
    const auto y = TensorAccessor(y_args, y_address, get_tile_size(0));
    for (uint32_t page = first; page < first + count; ++page) {
        cb_wait_front(0, 1);
        noc_async_write_page(page, y, get_read_ptr(0));
        noc_async_write_barrier();
        cb_pop_front(0, 1);
    }
}
"#;

/// A copy of as many pages as the cores have to do, in a ring of `depth` pages.
fn copy(format: Format, work: &[u32], depth: u32) -> support::Case {
    let first = work.iter().scan(0, |sum, &n| Some(std::mem::replace(sum, *sum + n))).collect();
    let pages = u64::from(work.iter().sum::<u32>());
    let arguments = |buffer| {
        let per_core = |words: &Vec<u32>| Value::PerCore(words.clone());
        [
            ("address", address(buffer)),
            ("first", per_core(&first)),
            ("count", per_core(&work.to_vec())),
        ]
    };
    case(work.len() as u32, 1)
        .input("x", format, pages)
        .output("y", format, pages)
        .ring(0, "pages", format, depth)
        .reader(&["x"], &arguments("x"), READER)
        .writer(&["y"], &arguments("y"), WRITER)
}

#[test]
fn a_copy_moves_every_byte_and_counts_them() {
    for (format, work, depth) in [
        (Format::Bfloat16, &[1][..], 1),
        (Format::Float32, &[5], 2),
        (Format::Bfp8, &[0, 3, 1], 3),
        (Format::UInt8, &[40; 8], 4),
    ] {
        for threads in [1, 4] {
            let mut case = copy(format, work, depth);
            case.options.threads = threads;
            let outcome = case.run().unwrap();
            assert_eq!(outcome.outputs["y"], case.inputs["x"], "{format:?} {work:?}");
            for (core, &pages) in outcome.counters[0].iter().zip(work) {
                let bytes = u64::from(pages * format.tile_bytes());
                assert_eq!((core.dram_read_bytes, core.dram_written_bytes), (bytes, bytes));
                assert_eq!((core.noc_bytes, core.multicast_bytes, core.tile_products), (0, 0, 0));
            }
        }
    }
    assert_eq!(page_of(1, Format::UInt8).len(), 1024);
}

#[test]
fn multicast_blocks_reach_every_core() {
    for (arch, threads) in [("wormhole", 1), ("blackhole", 1), ("wormhole", 3), ("blackhole", 2)] {
        let mut case = support::share();
        case.programs.arch = arch.to_owned();
        case.options.threads = threads;
        let outcome = case.run().unwrap();
        assert_eq!(outcome.outputs["y"], case.inputs["x"].repeat(3));
        let tile = u64::from(Format::Bfloat16.tile_bytes());
        let blocks: Vec<u64> =
            outcome.counters[0].iter().map(|core| core.multicast_bytes / (2 * tile)).collect();
        assert_eq!(blocks, [2, 2, 1], "blocks 0 and 3, 1 and 4, 2");
        let read: u64 = outcome.counters[0].iter().map(|core| core.dram_read_bytes).sum();
        assert_eq!(read, 10 * tile, "each page is read once");
    }
}

/// The reader's kernel on NoC 1, where a rectangle starts at its lower right core.
fn share_on_noc_1() -> support::Case {
    let mut case = support::share();
    let program = &mut case.programs.programs[0];
    std::mem::swap(&mut program.reader, &mut program.writer);
    program.writer.arguments.swap(3, 4);
    case
}

#[test]
fn rectangles_of_noc_1_are_the_other_way_round() {
    let mut case = share_on_noc_1();
    assert_eq!(case.run().unwrap().outputs["y"], case.inputs["x"].repeat(3));
    case.programs.programs[0].writer.arguments.swap(3, 4);
    let failure = case.failure();
    assert_eq!(failure.kind, Kind::Multicast);
    assert!(
        failure.sentence.contains("on NoC 1 a rectangle starts at its lower right"),
        "{failure}"
    );
}

/// Each block goes through a ring of the sender's own, and from there to all with itself.
fn share_with_itself(barrier: &str) -> support::Case {
    let mut case = support::share().ring(1, "own", Format::Bfloat16, 2);
    let text = case.texts.get_mut("reader.cpp").expect("there is a reader");
    for (from, to) in [
        (
            "    for (uint32_t kb",
            "    cb_reserve_back(1, block);\n    const uint32_t own = get_write_ptr(1);\n    for (uint32_t kb",
        ),
        ("x, pages + page", "x, own + page"),
        (
            "noc_async_write_multicast(pages, there, block * tile_bytes, others)",
            "noc_async_write_multicast_loopback_src(own, there, block * tile_bytes, columns)",
        ),
        ("noc_async_writes_flushed", barrier),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        *text = text.replace(from, to);
    }
    case
}

#[test]
fn a_multicast_to_itself_arrives_with_the_write_barrier() {
    let case = share_with_itself("noc_async_write_barrier");
    assert_eq!(case.run().unwrap().outputs["y"], case.inputs["x"].repeat(3));
    let failure = share_with_itself("noc_async_writes_flushed").failure();
    assert_eq!((failure.kind, failure.file.as_str()), (Kind::ReadInFlight, "reader.cpp"));
    assert!(
        failure.sentence.contains("cb_push_back: page 0 of the ring shared is still arriving"),
        "{failure}"
    );
}

const WORDS: &str = r#"#include "api/dataflow/dataflow_api.h"

// Reverses the words of a page in L1.
void kernel_main() {
    const auto x = TensorAccessor(TensorAccessorArgs<0>(), get_arg_val<uint32_t>(0));
    cb_reserve_back(0, 1);
    cb_reserve_back(1, 1);
    const uint32_t from = get_write_ptr(0), to = get_write_ptr(1);
    noc_async_read(get_noc_addr(0, x, 2048), from, 2048);
    noc_async_read(x.get_noc_addr(0), from + 2048, 2048);
    noc_async_read_barrier();
    for (uint32_t at = 0; at < 4096; at += 4) {
        TILEC_L1_STORE(to + 4092 - at, TILEC_L1_LOAD(from + at));
    }
    cb_push_back(1, 1);
}
"#;

const ONE_PAGE: &str = r#"#include "api/dataflow/dataflow_api.h"

void kernel_main() {
    const auto y = TensorAccessor(TensorAccessorArgs<0>(), get_arg_val<uint32_t>(0));
    cb_wait_front(1, 1);
    noc_async_write_page(0, y, get_read_ptr(1), 1024);
    noc_async_write(get_read_ptr(1) + 1024, get_noc_addr(0, y, 1024), 3072);
    noc_async_writes_flushed();
    cb_pop_front(1, 1);
}
"#;

fn words() -> support::Case {
    case(1, 1)
        .input("x", Format::UInt32, 1)
        .output("y", Format::UInt32, 1)
        .ring(0, "from", Format::UInt32, 1)
        .ring(1, "to", Format::UInt32, 1)
        .reader(&["x"], &[("x", address("x"))], WORDS)
        .writer(&["y"], &[("y", address("y"))], ONE_PAGE)
}

#[test]
fn words_and_parts_of_pages_move() {
    let case = words();
    let halves = [&case.inputs["x"][2048..], &case.inputs["x"][..2048]].concat();
    let reversed: Vec<u8> = halves.chunks(4).rev().flatten().copied().collect();
    assert_eq!(case.run().unwrap().outputs["y"], reversed);
}

#[test]
fn words_are_checked() {
    for (from, to, kind, says) in [
        ("from + at)", "from + at + 4)", Kind::Address, "is in no circular buffer"),
        ("from + at)", "to + at)", Kind::Unwritten, "nothing was written to page 0 of the ring to"),
        ("from + at)", "from + at + 2)", Kind::Address, "is no address of a word"),
        ("from + at)", "at)", Kind::Address, "is no address in the L1 of this core"),
        ("    noc_async_read_barrier();\n", "", Kind::ReadInFlight, "is still arriving"),
    ] {
        let mut case = words();
        let text = case.texts.get_mut("reader.cpp").unwrap();
        assert_eq!(text.matches(from).count(), 1);
        *text = text.replace(from, to);
        let line = text.lines().position(|line| line.contains("TILEC_L1_LOAD")).unwrap() + 1;
        let failure = case.failure();
        assert_eq!((failure.kind, failure.line as usize), (kind, line), "{to}: {failure}");
        assert!(failure.sentence.contains(says), "{failure}");
    }
}
