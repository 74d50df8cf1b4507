//! Faults in emitted kernels: the emitter's own text with one thing wrong, which the
//! emulator must report with its kind, kernel and line. None may hang.
//!
//! The program is `examples/gemm_fp8` on 3 x 3 cores of each chip: FP8 operands decoded
//! once, multicast along rows and columns, scaled and accumulated in L1.

use std::collections::BTreeMap;
use std::time::Duration;

use tilec::arrays::{draw, to_bytes};
use tilec::stage::Compilation;
use tilec::tensix::Tensix;
use tilec_codegen_tt::Source;
use tilec_ir::launch;
use tilec_ir::tensor::Role;
use tilec_manifest::tensix::{Format, Programs, Value};
use tilec_tensix_emu::{Failure, Kind, Options, tilize};

const READER: &str = "reader.cpp";
const COMPUTE: &str = "compute.cpp";
const WRITER: &str = "writer.cpp";

/// Emitted programs, with inputs.
struct Case {
    programs: Programs,
    texts: BTreeMap<String, String>,
    inputs: BTreeMap<String, Vec<u8>>,
}

/// One wrong thing.
struct Fault {
    name: &'static str,
    change: Change,
    kind: Kind,
    /// The kernel that is named, and a text on the line.
    at: (&'static str, &'static str),
    /// Something that the sentence says.
    says: &'static str,
}

enum Change {
    /// The first line of a kernel that has the text is left out.
    Drop(&'static str, &'static str),
    /// The first occurrence of a text in a kernel becomes another.
    Replace(&'static str, &'static str, &'static str),
    /// Something in program.json.
    Program(fn(&mut Programs)),
}

fn emitted(chip: &str) -> Case {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("examples/gemm_fp8/gemm_fp8.tile"));
    let text = text.expect("the example is there");
    let module = tilec_frontend::check(&text).module;
    let kernel = &module.kernels[0];
    let chip = tilec_target::chip(chip).expect("it has a table");
    let sizes: Vec<_> = [("M", 65), ("N", 65), ("K", 512)].map(|(n, v)| (n.to_owned(), v)).into();
    let compilation = Compilation::new(kernel, &sizes).expect("the example compiles");
    let source = Source { file: "gemm_fp8.tile", text: &text };
    let tensix = Tensix::of(&module, &kernel.name, chip, source, sizes.clone());
    let tensix = tensix.expect("the kernel is there");
    let emitted = tensix.emit(&compilation.dataflow(&tensix).expect("it fits the chip"));
    let bound = launch::bind(kernel, &vec![None; kernel.tensors_of(Role::Input).count()], &sizes);
    let bound = bound.expect("the sizes are legal");
    let arrays = kernel.tensors_of(Role::Input).map(|id| {
        let array = draw::draw(kernel, &bound, id, 1).expect("it fits into memory");
        (kernel.tensors[id].name.clone(), to_bytes(&array.data))
    });
    let arrays: BTreeMap<_, _> = arrays.collect();
    let inputs = emitted.programs.buffers.iter().filter_map(|buffer| {
        let bytes = arrays.get(&buffer.tensor)?;
        Some((buffer.name.clone(), tilize(buffer, bytes)))
    });
    let inputs = inputs.collect();
    let texts = emitted.kernels.into_iter().map(|(file, text)| (file, joined(&text))).collect();
    Case { programs: emitted.programs, texts, inputs }
}

/// Each statement on one line, so that a fault is told without its line breaks.
fn joined(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let open = joined.ends_with(['(', ',']);
        let line = if open { line.trim_start() } else { line };
        let space = if joined.ends_with(',') { " " } else { "" };
        joined += &[if open { space } else { "\n" }, line].concat();
    }
    joined + "\n"
}

impl Case {
    fn apply(&mut self, change: &Change) {
        let (file, from) = match change {
            Change::Drop(file, part) => (file, part),
            Change::Replace(file, from, _) => (file, from),
            Change::Program(edit) => return edit(&mut self.programs),
        };
        let text = self.texts.get_mut(*file).expect("the kernel is there");
        let at = text.find(from).unwrap_or_else(|| panic!("`{from}` is not in {file}"));
        if let Change::Replace(_, from, to) = change {
            text.replace_range(at..at + from.len(), to);
            return;
        }
        let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        text.replace_range(begin..end, "");
    }

    fn run(&self) -> Result<(), Failure> {
        let limit = Duration::from_secs(60);
        let options = Options { threads: 1, limit, ..Options::default() };
        tilec_tensix_emu::run(&self.programs, &self.texts, &self.inputs, &options).map(|_| ())
    }
}

/// How the report differs from what is expected.
fn mistaken(chip: &str, fault: &Fault) -> Option<String> {
    let mut case = emitted(chip);
    case.apply(&fault.change);
    let (file, marker) = fault.at;
    let Err(found) = case.run() else { return Some(format!("{}: it ran", fault.name)) };
    let line = found
        .line
        .checked_sub(1)
        .and_then(|at| case.texts.get(&found.file)?.lines().nth(at as usize));
    let same = found.kind == fault.kind
        && found.file == file
        && line.is_some_and(|line| line.contains(marker))
        && found.sentence.contains(fault.says);
    (!same).then(|| format!("{}: {:?} {found}\n    in: {line:?}", fault.name, found.kind))
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "dropped push",
        change: Change::Drop(READER, "cb_push_back(cb_a, "),
        kind: Kind::Deadlock,
        at: (COMPUTE, "cb_wait_front(cb_a, "),
        says: "reserved at reader.cpp",
    },
    Fault {
        name: "dropped pop",
        change: Change::Drop(COMPUTE, "cb_pop_front(cb_a, "),
        kind: Kind::Deadlock,
        at: (READER, "cb_reserve_back(cb_a, "),
        says: "and not popped",
    },
    Fault {
        name: "extra wait",
        change: Change::Replace(
            WRITER,
            "cb_pop_front(cb_c, 1);",
            "cb_pop_front(cb_c, 1); cb_wait_front(cb_c, 1);",
        ),
        kind: Kind::Deadlock,
        at: (WRITER, "cb_wait_front(cb_c, 1)"),
        says: "0 of 1 pages are there (the compute has ended)",
    },
    Fault {
        name: "wait over capacity",
        change: Change::Replace(
            COMPUTE,
            "cb_wait_front(cb_a, a_block)",
            "cb_wait_front(cb_a, 3 * a_block)",
        ),
        kind: Kind::RingCapacity,
        at: (COMPUTE, "cb_wait_front(cb_a, 3"),
        says: "a holds",
    },
    Fault {
        name: "wrong tile index",
        change: Change::Replace(
            COMPUTE,
            "matmul_block(cb_a, cb_b, k,",
            "matmul_block(cb_a, cb_b, k + 1,",
        ),
        kind: Kind::RingWindow,
        at: (COMPUTE, "matmul_block(cb_a, cb_b, k + 1"),
        says: "of which 4 pages were waited for",
    },
    Fault {
        name: "wrong circular buffer",
        change: Change::Replace(COMPUTE, "copy_tile(cb_sa, 0", "copy_tile(cb_sb, 0"),
        kind: Kind::Init,
        at: (COMPUTE, "copy_tile(cb_sb, 0"),
        says: "sb",
    },
    Fault {
        name: "DST overflow",
        change: Change::Replace(COMPUTE, "copy_tile(cb_sb, 0, 2)", "copy_tile(cb_sb, 0, 4)"),
        kind: Kind::DstCapacity,
        at: (COMPUTE, "copy_tile(cb_sb, 0, 4)"),
        says: "4",
    },
    Fault {
        name: "pack before commit",
        change: Change::Drop(COMPUTE, "tile_regs_commit()"),
        kind: Kind::DstState,
        at: (COMPUTE, "tile_regs_wait()"),
        says: "commit",
    },
    Fault {
        name: "swapped operands",
        change: Change::Replace(COMPUTE, "matmul_block(cb_a, cb_b,", "matmul_block(cb_b, cb_a,"),
        kind: Kind::Operands,
        at: (COMPUTE, "matmul_block(cb_b, cb_a,"),
        says: "",
    },
    Fault {
        name: "missing init",
        change: Change::Drop(COMPUTE, "matmul_block_init("),
        kind: Kind::Init,
        at: (COMPUTE, "matmul_block(cb_a, cb_b,"),
        says: "",
    },
    Fault {
        name: "missing read barrier",
        change: Change::Drop(READER, "noc_async_read_barrier()"),
        kind: Kind::ReadInFlight,
        at: (READER, "cb_push_back(cb_a_raw, "),
        says: "is still arriving",
    },
    Fault {
        name: "missing write barrier",
        change: Change::Replace(
            WRITER,
            "noc_async_write_barrier();\n    cb_pop_front(cb_c",
            "cb_pop_front(cb_c",
        ),
        kind: Kind::WriteInFlight,
        at: (WRITER, "cb_pop_front(cb_c, "),
        says: "still sends these pages",
    },
    Fault {
        name: "missing semaphore",
        change: Change::Drop(READER, "noc_semaphore_wait(a_ready_word"),
        kind: Kind::Race,
        at: (READER, "noc_async_write_multicast"),
        says: "has not reserved page",
    },
    Fault {
        name: "semaphore off by one",
        change: Change::Replace(
            READER,
            "noc_semaphore_wait(a_ready_word, 2)",
            "noc_semaphore_wait(a_ready_word, 3)",
        ),
        kind: Kind::Deadlock,
        at: (READER, "noc_semaphore_wait(a_ready_word, 3)"),
        says: "noc_semaphore_wait(a_ready, 3): it is 2",
    },
    Fault {
        name: "wrong page size",
        change: Change::Replace(
            READER,
            "a_address, get_tile_size(cb_a_raw)",
            "a_address, get_tile_size(cb_a)",
        ),
        kind: Kind::PageSize,
        at: (READER, "noc_async_read_page("),
        says: "is given pages of 2048 bytes; they have 1024",
    },
    Fault {
        name: "wrong core argument",
        change: Change::Program(|programs| {
            let writer = &mut programs.programs[0].writer;
            let column = writer.arguments.iter_mut().find(|a| a.name == "core_column");
            column.expect("it is there").value = Value::PerCore(vec![0; 9]);
        }),
        kind: Kind::PageTwice,
        at: (WRITER, "noc_async_write_page("),
        says: "was already written by writer.cpp",
    },
    Fault {
        name: "buffer format mismatch",
        change: Change::Program(|programs| {
            let rings = &mut programs.programs[0].circular_buffers;
            let raw = rings.iter_mut().find(|ring| ring.name.contains("a_raw"));
            raw.expect("it is there").format = Format::Lf8;
        }),
        kind: Kind::Format,
        at: (READER, "noc_async_read_page("),
        says: "Lf8",
    },
    Fault {
        name: "multicast count off by one",
        change: Change::Replace(
            READER,
            "get_tile_size(cb_sa), GRID_COLUMNS - 1)",
            "get_tile_size(cb_sa), GRID_COLUMNS)",
        ),
        kind: Kind::Multicast,
        at: (READER, "noc_async_write_multicast("),
        says: "3 destinations are said; the rectangle has 2",
    },
    Fault {
        name: "L1 overrun",
        change: Change::Replace(
            READER,
            "a_block * get_tile_size(cb_a)",
            "3 * a_block * get_tile_size(cb_a)",
        ),
        kind: Kind::RingWrap,
        at: (READER, "noc_async_write_multicast"),
        says: "beyond its end",
    },
    Fault {
        name: "accumulator not cleared",
        change: Change::Replace(COMPUTE, "if (k_block == 0)", "if (k_block == 99)"),
        kind: Kind::Unwritten,
        at: (COMPUTE, "pack_tile<true>(0, cb_sums"),
        says: "nothing was written to page 0 of the ring sums",
    },
];

#[test]
fn emitted_programs_run_without_faults() {
    for chip in ["wormhole_n150", "blackhole_p150"] {
        emitted(chip).run().unwrap_or_else(|failure| panic!("{chip}: {failure}"));
    }
}

#[test]
fn each_fault_is_reported_with_kernel_and_line() {
    assert!(FAULTS.len() >= 20);
    for chip in ["wormhole_n150", "blackhole_p150"] {
        let wrong: Vec<_> = FAULTS.iter().filter_map(|fault| mistaken(chip, fault)).collect();
        assert!(wrong.is_empty(), "{} on {chip}:\n{}", wrong.len(), wrong.join("\n"));
    }
}
