//! Kernels that are wrong in one place, and what the emulator says about each: the kind,
//! the kernel and the line. None may hang.
//!
//! A fault is a right program, which the first test runs, with one text replaced; the line
//! expected is the one that has the fault's marker in the changed text.

mod support;

use std::time::Duration;

use support::Case;
use tilec_tensix_emu::Kind;

/// One wrong thing in a kernel of a program that is right.
struct Fault {
    /// What is wrong, as issue trackers call it.
    name: &'static str,
    /// The kernel that is changed, and the text that is replaced (once).
    change: (&'static str, &'static str, &'static str),
    kind: Kind,
    /// The kernel that is named, and a text on its line.
    at: (&'static str, &'static str),
    /// Something that the sentence says.
    says: &'static str,
}

/// The line, from 1, of the only line that has the marker.
fn line_of(text: &str, marker: &str) -> u32 {
    let mut lines = text.lines().zip(1..).filter(|(line, _)| line.contains(marker));
    let found = lines.next().unwrap_or_else(|| panic!("no line has `{marker}`")).1;
    assert!(lines.next().is_none(), "several lines have `{marker}`");
    found
}

#[track_caller]
fn check(base: fn() -> Case, faults: &[Fault]) {
    let wrong: Vec<String> = faults.iter().filter_map(|fault| mistaken(base(), fault)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), faults.len(), wrong.join("\n"));
}

/// How the report differs from what is expected.
fn mistaken(mut case: Case, fault: &Fault) -> Option<String> {
    let (file, from, to) = fault.change;
    let text = case.texts.get_mut(file).expect("the kernel exists");
    assert_eq!(text.matches(from).count(), 1, "{}: `{from}` in {file}", fault.name);
    *text = text.replace(from, to);
    case.options.limit = Duration::from_secs(20);
    let (file, marker) = fault.at;
    let line = line_of(&case.texts[file], marker);
    match case.run() {
        Ok(_) => Some(format!("{}: it ran", fault.name)),
        Err(found) => {
            let same = (found.kind, found.file.as_str(), found.line) == (fault.kind, file, line)
                && found.sentence.contains(fault.says);
            (!same).then(|| {
                format!("{}: {:?} {found}; expected {file}:{line}", fault.name, found.kind)
            })
        }
    }
}

#[test]
fn the_programs_are_right_without_their_faults() {
    support::share().run().unwrap();
}

const READER: &str = "reader.cpp";
const WRITER: &str = "writer.cpp";

#[test]
fn faults_of_rings() {
    check(
        support::share,
        &[
            Fault {
                name: "dropped push",
                change: (READER, "        cb_push_back(shared, block);\n", ""),
                kind: Kind::Deadlock,
                at: (WRITER, "cb_wait_front"),
                says: "cb_wait_front(shared, 2): 0 of 2 pages are there; 2 reserved at reader.cpp:26 and not pushed (the reader has ended)",
            },
            Fault {
                name: "dropped pop",
                change: (WRITER, "        cb_pop_front(shared, block);\n", ""),
                kind: Kind::Deadlock,
                at: (READER, "cb_reserve_back"),
                says: "2 waited for at writer.cpp:15 and not popped (the writer has ended)",
            },
            Fault {
                name: "pages left at the end",
                change: (WRITER, "constexpr uint32_t pages = 10;", "constexpr uint32_t pages = 8;"),
                kind: Kind::RingUnbalanced,
                at: (READER, "cb_push_back"),
                says: "shared still holds 2 pages at the end: 10 were pushed and 8 popped",
            },
            Fault {
                name: "extra wait",
                change: (WRITER, "    }\n}\n", "    }\n    cb_wait_front(shared, 1);\n}\n"),
                kind: Kind::Deadlock,
                at: (WRITER, "cb_wait_front(shared, 1)"),
                says: "0 of 1 pages are there (the reader has ended)",
            },
            Fault {
                name: "wait over capacity",
                change: (
                    WRITER,
                    "cb_wait_front(shared, block)",
                    "cb_wait_front(shared, 3 * block)",
                ),
                kind: Kind::RingCapacity,
                at: (WRITER, "cb_wait_front"),
                says: "cb_wait_front(shared, 6): shared holds 4 pages",
            },
            Fault {
                name: "wrong circular buffer",
                change: (WRITER, "cb_pop_front(shared, block)", "cb_pop_front(7, block)"),
                kind: Kind::RingUnknown,
                at: (WRITER, "cb_pop_front"),
                says: "cb_pop_front: the program has no circular buffer 7",
            },
            Fault {
                name: "push without reserve",
                change: (READER, "cb_push_back(shared, block)", "cb_push_back(shared, 2 * block)"),
                kind: Kind::RingCount,
                at: (READER, "cb_push_back"),
                says: "only 2 pages are reserved",
            },
            Fault {
                name: "pop without wait",
                change: (WRITER, "cb_wait_front(shared, block)", "cb_wait_front(shared, 1)"),
                kind: Kind::RingWindow,
                at: (WRITER, "noc_async_write_page"),
                says: "page 1 of the ring shared is not among those that the writer has",
            },
            Fault {
                name: "blocks that don't wrap",
                change: (
                    READER,
                    "cb_reserve_back(shared, block)",
                    "cb_reserve_back(shared, block + 1)",
                ),
                kind: Kind::RingWrap,
                at: (READER, "cb_reserve_back"),
                says: "from page 2 of 4 it crosses the end",
            },
            Fault {
                name: "a second consumer",
                change: (
                    READER,
                    "cb_push_back(shared, block);",
                    "cb_push_back(shared, block); cb_wait_front(shared, 1);",
                ),
                kind: Kind::RingRole,
                at: (READER, "cb_wait_front"),
                says: "the reader is a second consumer of shared beside the writer",
            },
        ],
    );
}

#[test]
fn faults_of_transfers() {
    check(
        support::share,
        &[
            Fault {
                name: "missing read barrier",
                change: (READER, "            noc_async_read_barrier();\n", ""),
                kind: Kind::ReadInFlight,
                at: (READER, "noc_async_write_multicast"),
                says: "page 0 of the ring shared is still arriving",
            },
            Fault {
                name: "missing write barrier",
                change: (WRITER, "        noc_async_write_barrier();\n", ""),
                kind: Kind::WriteInFlight,
                at: (WRITER, "cb_pop_front"),
                says: "writer.cpp:18 still sends these pages; call noc_async_write_barrier()",
            },
            Fault {
                name: "wrong page size",
                change: (
                    READER,
                    "TensorAccessor(x_args, x_address, tile_bytes)",
                    "TensorAccessor(x_args, x_address, 2 * tile_bytes)",
                ),
                kind: Kind::PageSize,
                at: (READER, "noc_async_read_page"),
                says: "the accessor of x is given pages of 4096 bytes; they have 2048",
            },
            Fault {
                name: "wrong core argument: an address",
                change: (READER, "get_arg_val<uint32_t>(0)", "get_arg_val<uint32_t>(3)"),
                kind: Kind::Address,
                at: (READER, "noc_async_read_page"),
                says: "which is not the address of x",
            },
            Fault {
                name: "wrong core argument: a core's number",
                change: (WRITER, "get_arg_val<uint32_t>(1)", "get_arg_val<uint32_t>(1) / 2"),
                kind: Kind::PageTwice,
                at: (WRITER, "noc_async_write_page"),
                says: "of y was already written by writer.cpp:18 on core (0, 0)",
            },
            Fault {
                name: "an argument too many",
                change: (READER, "get_arg_val<uint32_t>(7)", "get_arg_val<uint32_t>(8)"),
                kind: Kind::Argument,
                at: (READER, "get_arg_val<uint32_t>(8)"),
                says: "the reader has 8 arguments",
            },
            Fault {
                name: "a page that isn't there",
                change: (READER, "kb * block + page, x", "kb * block + page + 1, x"),
                kind: Kind::PageRange,
                at: (READER, "noc_async_read_page"),
                says: "page 10 of x, which has 10",
            },
            Fault {
                name: "a page that nobody writes",
                change: (
                    WRITER,
                    "            const uint32_t to =",
                    "            if (column == 2 && first + page == 9) continue;\n            const uint32_t to =",
                ),
                kind: Kind::PageMissing,
                at: (WRITER, "noc_async_write_page"),
                says: "1 of the 30 pages of y were never written, the first is page 29",
            },
            Fault {
                name: "a page between two",
                change: (READER, "x, pages + page * tile_bytes", "x, pages + page * 1024"),
                kind: Kind::RingWindow,
                at: (READER, "noc_async_read_page"),
                says: "a page at byte 1024 of a page of shared lies across two pages",
            },
            Fault {
                name: "L1 overrun",
                change: (READER, "page < block; ++page", "page < 2 * block + 1; ++page"),
                kind: Kind::RingWindow,
                at: (READER, "noc_async_read_page"),
                says: "page 2 of the ring shared is not among those that the reader has reserved",
            },
            Fault {
                name: "writing what was never filled",
                change: (READER, "page < block; ++page", "page + 1 < block; ++page"),
                kind: Kind::Unwritten,
                at: (READER, "noc_async_write_multicast"),
                says: "nothing was written to page 1 of the ring shared since it was reserved",
            },
        ],
    );
}

#[test]
fn faults_of_cores_with_each_other() {
    check(
        support::share,
        &[
            Fault {
                name: "missing semaphore: the sender doesn't wait",
                change: (READER, "            noc_semaphore_wait(ready_word, others);\n", ""),
                kind: Kind::Race,
                at: (READER, "noc_async_write_multicast"),
                says: "core (1, 0) has not reserved page 0 of the ring shared",
            },
            Fault {
                name: "the sender waits for one of two",
                change: (
                    READER,
                    "noc_semaphore_wait(ready_word, others)",
                    "noc_semaphore_wait_min(ready_word, 1)",
                ),
                kind: Kind::Race,
                at: (READER, "noc_async_write_multicast"),
                says: "core (1, 0) has not said that it reserved page 0 of the ring shared",
            },
            Fault {
                name: "the signal goes before what it signals",
                change: (
                    READER,
                    "            noc_async_write_multicast(pages, there, block * tile_bytes, others);\n            noc_semaphore_set(valid_word, 1);\n            const uint64_t signal = get_noc_multicast_addr(first_x, row_y, last_x, row_y, valid);\n            noc_semaphore_set_multicast(valid, signal, others);\n",
                    "            noc_semaphore_set(valid_word, 1);\n            const uint64_t signal = get_noc_multicast_addr(first_x, row_y, last_x, row_y, valid);\n            noc_semaphore_set_multicast(valid, signal, others);\n            noc_async_write_multicast(pages, there, block * tile_bytes, others);\n",
                ),
                kind: Kind::Race,
                at: (READER, "cb_push_back"),
                says: "another core fills these pages; wait until it says so",
            },
            Fault {
                name: "missing semaphore: the receiver doesn't wait",
                change: (READER, "            noc_semaphore_wait(valid_word, 1);\n", ""),
                kind: Kind::Unwritten,
                at: (READER, "cb_push_back"),
                says: "nothing was written to page",
            },
            Fault {
                name: "the receiver doesn't reset what it waits for",
                change: (READER, "            noc_semaphore_set(valid_word, 0);\n", ""),
                kind: Kind::Unwritten,
                at: (READER, "cb_push_back"),
                says: "nothing was written to page",
            },
            Fault {
                name: "semaphore off by one",
                change: (
                    READER,
                    "noc_semaphore_wait(ready_word, others)",
                    "noc_semaphore_wait(ready_word, columns)",
                ),
                kind: Kind::Deadlock,
                at: (READER, "noc_semaphore_wait(ready_word, columns)"),
                says: "noc_semaphore_wait(ready, 3): it is 2",
            },
            Fault {
                name: "multicast count off by one",
                change: (READER, "block * tile_bytes, others)", "block * tile_bytes, columns)"),
                kind: Kind::Multicast,
                at: (READER, "noc_async_write_multicast"),
                says: "3 destinations are said; the rectangle has 2 beside the sender",
            },
            Fault {
                name: "a rectangle for the other NoC",
                change: (
                    READER,
                    "get_noc_multicast_addr(first_x, row_y, last_x, row_y, pages)",
                    "get_noc_multicast_addr(last_x, row_y, first_x, row_y, pages)",
                ),
                kind: Kind::Multicast,
                at: (READER, "noc_async_write_multicast"),
                says: "on NoC 0 a rectangle starts at its upper left core",
            },
            Fault {
                name: "a rectangle beyond the program's cores",
                change: (
                    READER,
                    "get_noc_multicast_addr(first_x, row_y, last_x, row_y, pages)",
                    "get_noc_multicast_addr(first_x, row_y, last_x + 1, row_y, pages)",
                ),
                kind: Kind::Multicast,
                at: (READER, "noc_async_write_multicast"),
                says: "leaves the cores of the program",
            },
            Fault {
                name: "logical coordinates for a core",
                change: (
                    READER,
                    "get_noc_addr(sender_x[sender], row_y, ready)",
                    "get_noc_addr(sender, 0, ready)",
                ),
                kind: Kind::Address,
                at: (READER, "noc_semaphore_inc"),
                says: "the program has no core at NoC x 0, y 0",
            },
            Fault {
                name: "a semaphore changed while it is sent",
                change: (READER, "            noc_async_writes_flushed();\n", ""),
                kind: Kind::WriteInFlight,
                at: (READER, "noc_semaphore_set(valid_word, 0)"),
                says: "reader.cpp:40 is still sending the word",
            },
            Fault {
                name: "a semaphore that isn't there",
                change: (READER, "get_semaphore(1)", "get_semaphore(2)"),
                kind: Kind::Semaphore,
                at: (READER, "get_semaphore(2)"),
                says: "the program has 2 semaphores",
            },
            Fault {
                name: "an increment in flight at the end",
                change: (READER, "    noc_async_atomic_barrier();\n", ""),
                kind: Kind::WriteInFlight,
                at: (READER, "noc_semaphore_inc"),
                says: "the kernel ends with increments of semaphores in flight",
            },
        ],
    );
}

#[test]
fn kernels_that_harm_the_process() {
    check(
        support::share,
        &[
            Fault {
                name: "a wild pointer",
                change: (
                    WRITER,
                    "        cb_pop_front",
                    "        *(volatile int*)8 = 0;\n        cb_pop_front",
                ),
                kind: Kind::Crash,
                at: (WRITER, "noc_async_write_barrier"),
                says: "the kernel crashed after this call: it reached for memory that isn't there",
            },
            Fault {
                name: "a division by zero",
                change: (
                    WRITER,
                    "constexpr uint32_t pages = 10;",
                    "volatile uint32_t zero = 0; const uint32_t pages = 10 / zero;",
                ),
                kind: Kind::Crash,
                at: (WRITER, "get_arg_val<uint32_t>(1)"),
                says: "divided an integer by 0",
            },
            Fault {
                name: "no end to recursion",
                change: (
                    WRITER,
                    "        cb_pop_front",
                    "        auto deep = [](auto self, volatile int* n) -> int { volatile int m = *n; return self(self, &m) + m; };\n        volatile int n = 0;\n        deep(deep, &n);\n        cb_pop_front",
                ),
                kind: Kind::Crash,
                at: (WRITER, "noc_async_write_barrier"),
                says: "or its stack overflowed",
            },
            Fault {
                name: "text that isn't C++",
                change: (WRITER, "const uint32_t y_address =", "const uint32_t z_address ="),
                kind: Kind::Compile,
                at: (WRITER, "TensorAccessor(y_args"),
                says: "y_address",
            },
        ],
    );
}

#[test]
fn a_kernel_that_runs_for_ever_is_stopped() {
    let mut case = support::share();
    let text = case.texts.get_mut(WRITER).unwrap();
    *text = text.replace(
        "        cb_pop_front",
        "        for (volatile int i = 0;; i = i + 1) {}\n        cb_pop_front",
    );
    case.options.limit = Duration::from_secs(1);
    let failure = case.failure();
    assert_eq!((failure.kind, failure.line), (Kind::Timeout, 20), "{failure}");
}
