//! Data movement that is right: pages through rings, across cores and between programs.

mod support;

use support::{address, case, page_of};
use tilec_manifest::tensix::{Format, Value};

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
