//! Several programs in a row, and what is wrong with program.json rather than with a kernel.

mod support;

use support::{Case, address, case};
use tilec_manifest::tensix::{Format, Role, Value};
use tilec_tensix_emu::Kind;

const READER: &str = r#"#include "api/dataflow/dataflow_api.h"

void kernel_main() {
    const auto x = TensorAccessor(TensorAccessorArgs<0>(), get_arg_val<uint32_t>(0));
    cb_reserve_back(0, 1);
    noc_async_read_page(0, x, get_write_ptr(0));
    noc_async_read_barrier();
    cb_push_back(0, 1);
}
"#;

const WRITER: &str = r#"#include "api/dataflow/dataflow_api.h"

void kernel_main() {
    const auto y = TensorAccessor(TensorAccessorArgs<0>(), get_arg_val<uint32_t>(0));
    cb_wait_front(0, 1);
    noc_async_write_page(0, y, get_read_ptr(0));
    noc_async_write_barrier();
    cb_pop_front(0, 1);
}
"#;

/// A program that copies the only page of a buffer to another.
fn copy(from: &str, to: &str) -> Case {
    case(1, 1)
        .ring(0, "page", Format::UInt16, 1)
        .reader(&[from], &[("from", address(from))], READER)
        .writer(&[to], &[("to", address(to))], WRITER)
}

/// `x` to `t` to `y`.
fn two() -> Case {
    let mut both = copy("x", "t")
        .input("x", Format::UInt16, 1)
        .output("y", Format::UInt16, 1)
        .buffer("t", Role::Local, Format::UInt16, 1);
    let mut second = copy("t", "y").programs.programs.remove(0);
    second.name = "q".to_owned();
    both.programs.programs.push(second);
    both
}

#[test]
fn a_program_reads_what_one_before_it_wrote() {
    let case = two();
    let outcome = case.run().unwrap();
    assert_eq!(outcome.outputs["y"], case.inputs["x"]);
    assert_eq!(outcome.outputs.len(), 1, "locals stay inside");
    assert_eq!(outcome.counters.len(), 2);
}

#[test]
fn the_order_of_programs_is_checked() {
    let mut swapped = two();
    swapped.programs.programs.swap(0, 1);
    let failure = swapped.failure();
    assert_eq!(
        (failure.kind, failure.program.as_str(), failure.line),
        (Kind::PageUnwritten, "q", 6)
    );
    assert!(
        failure.sentence.contains("page 0 of t is read before anything was written"),
        "{failure}"
    );
    let mut twice = two();
    twice.programs.programs[1].writer = twice.programs.programs[0].writer.clone();
    let failure = twice.failure();
    assert_eq!((failure.kind, failure.file.as_str()), (Kind::Race, "writer.cpp"), "{failure}");
    assert!(failure.sentence.contains("written and read in one program"), "{failure}");
}

#[test]
fn formats_of_buffers_and_rings_are_the_same() {
    let mut case = two();
    case.programs.programs[0].circular_buffers[0].format = Format::Bfloat16;
    let failure = case.failure();
    assert_eq!(
        (failure.kind, failure.file.as_str(), failure.line),
        (Kind::Format, "reader.cpp", 6)
    );
    let expected = "x holds UInt16 and the ring page Float16_b";
    assert!(failure.sentence.contains(expected), "{failure}");
}

#[test]
fn variables_that_cores_would_share_are_found() {
    for (from, to) in [
        ("void kernel_main() {\n", "uint32_t calls = 0;\nvoid kernel_main() {\n    ++calls;\n"),
        (
            "void kernel_main() {\n",
            "void kernel_main() {\n    static uint32_t calls = 1;\n    calls *= 2;\n",
        ),
    ] {
        let mut case = two();
        let text = case.texts.get_mut("reader.cpp").unwrap();
        *text = text.replace(from, to);
        let failure = case.failure();
        assert_eq!((failure.kind, failure.file.as_str()), (Kind::Race, "reader.cpp"), "{failure}");
        assert!(failure.sentence.contains("changes a variable outside"), "{failure}");
    }
    let mut case = two();
    let text = case.texts.get_mut("reader.cpp").unwrap();
    *text =
        text.replace("void kernel_main", "static const uint32_t four[] = {4};\nvoid kernel_main");
    case.run().unwrap();
}

/// A change to the whole case, and what is said of it.
type Change = (fn(&mut Case), Kind, &'static str);

#[test]
fn what_does_not_fit_together_is_refused() {
    let changes: [Change; 15] = [
        (|c| c.programs.version = 9, Kind::Program, "program.json has version 9"),
        (|c| c.programs.arch = "quasar".to_owned(), Kind::Program, "`quasar` is no architecture"),
        (|c| c.inputs.clear(), Kind::Program, "the input x has no pages"),
        (
            |c| c.inputs.get_mut("x").unwrap().truncate(9),
            Kind::Program,
            "the pages of x are 9 bytes, not 2048",
        ),
        (|c| c.texts.clear(), Kind::Program, "reader.cpp is missing"),
        (|c| c.programs.buffers[0].name = "a/b".to_owned(), Kind::Program, "`a/b` is no name"),
        (|c| c.programs.buffers[1].name = "x".to_owned(), Kind::Program, "two buffers are named x"),
        (|c| c.programs.programs[1].columns = 0, Kind::Program, "0 x 1 cores"),
        (
            |c| c.programs.programs[0].math.fidelity = "Lo".to_owned(),
            Kind::Program,
            "`Lo` is no math fidelity",
        ),
        (
            |c| c.programs.programs[0].circular_buffers[0].index = 32,
            Kind::Program,
            "page has index 32",
        ),
        (
            |c| c.programs.programs[0].circular_buffers[0].pages = 0,
            Kind::Program,
            "page has no pages",
        ),
        (
            |c| c.programs.programs[0].reader.accessors[0] = "z".to_owned(),
            Kind::Program,
            "the accessor of z, which is no buffer",
        ),
        (
            |c| c.programs.programs[0].reader.arguments[0].value = Value::PerCore(vec![1, 2]),
            Kind::Program,
            "from has 2 words for 1 cores",
        ),
        (
            |c| c.programs.programs[0].reader.arguments[0].value = Value::NocX(1),
            Kind::Program,
            "from is the core at 1 of 1",
        ),
        (
            |c| c.programs.programs[0].circular_buffers[0].pages = 733,
            Kind::L1Capacity,
            "circular buffers of 1501184 bytes; L1 has 1499136 for them (page 733 pages",
        ),
    ];
    for (change, kind, says) in changes {
        let mut case = two();
        change(&mut case);
        let failure = case.failure();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.sentence.contains(says), "{failure}; expected: {says}");
    }
}
