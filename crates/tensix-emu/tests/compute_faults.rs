//! Compute kernels that are wrong in one place, and what the emulator says about each: the
//! kind, the kernel and the line.
//!
//! The program adds two products of tiles in L1, then a tile of integers in DST. A fault is
//! that program with one text of its compute kernel replaced.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::time::Duration;

use support::{Case, address, case};
use tilec_manifest::tensix::Format;
use tilec_tensix_emu::Kind;

const COMPUTE: &str = include_str!("kernels/sum_compute.cpp");

/// Element `row`, `column` of a tile in memory: four faces, row by row.
fn place(row: usize, column: usize) -> usize {
    (row / 16 * 2 + column / 16) * 256 + row % 16 * 16 + column % 16
}

/// Tiles of bf16 whose elements are small integers.
fn tiles(count: usize, value: impl Fn(usize, usize, usize) -> u8) -> Vec<u8> {
    let mut bytes = vec![0; count * 2048];
    for tile in 0..count {
        for (row, column) in (0..32).flat_map(|row| (0..32).map(move |column| (row, column))) {
            let bits = (f32::from(value(tile, row, column)).to_bits() >> 16) as u16;
            let at = tile * 2048 + place(row, column) * 2;
            bytes[at..at + 2].copy_from_slice(&bits.to_le_bytes());
        }
    }
    bytes
}

fn a(tile: usize, row: usize, column: usize) -> u8 {
    u8::from((tile + row * column).is_multiple_of(3))
}

fn b(tile: usize, row: usize, column: usize) -> u8 {
    ((tile * 5 + row * 3 + column) % 4) as u8
}

fn code(row: usize, column: usize) -> u8 {
    ((row * 7 + column * 11) % 64) as u8
}

/// The program without a fault.
fn sum(arch: &str) -> Case {
    let mut codes = vec![0; 1024];
    for (row, column) in (0..32).flat_map(|row| (0..32).map(move |column| (row, column))) {
        codes[place(row, column)] = code(row, column);
    }
    let addresses = ["a", "b", "codes"].map(|name| (name, address(name)));
    let mut case = case(1, 1)
        .input("a", Format::Bfloat16, 2)
        .input("b", Format::Bfloat16, 2)
        .input("codes", Format::UInt8, 1)
        .output("out", Format::Bfloat16, 1)
        .ring(0, "a", Format::Bfloat16, 2)
        .ring(1, "b", Format::Bfloat16, 2)
        .ring(2, "codes", Format::UInt8, 1)
        .ring(3, "partial", Format::Float32, 1)
        .ring(4, "out", Format::Bfloat16, 1)
        .reader(&["a", "b", "codes"], &addresses, include_str!("kernels/sum_reader.cpp"))
        .compute(&[], COMPUTE)
        .writer(&["out"], &[("out", address("out"))], include_str!("kernels/sum_writer.cpp"));
    case.inputs.insert("a".to_owned(), tiles(2, a));
    case.inputs.insert("b".to_owned(), tiles(2, b));
    case.inputs.insert("codes".to_owned(), codes);
    arch.clone_into(&mut case.programs.arch);
    case.options.limit = Duration::from_secs(20);
    case
}

#[test]
fn the_program_is_right_without_its_faults() {
    let expected = tiles(1, |_, row, column| {
        let product = |tile| (0..32).map(|k| a(tile, row, k) * b(tile, k, column)).sum::<u8>();
        product(0) + product(1) + code(row, column)
    });
    for arch in ["wormhole", "blackhole"] {
        assert_eq!(sum(arch).run().unwrap().outputs["out"], expected, "{arch}");
    }
}

/// One wrong thing in the compute kernel.
struct Fault {
    /// What is wrong, as issue trackers call it.
    name: &'static str,
    /// The text that is replaced (once).
    from: &'static str,
    to: &'static str,
    kind: Kind,
    /// A text on the line that is named, in the changed kernel.
    at: &'static str,
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

/// How the report differs from what is expected.
fn mistaken(fault: &Fault) -> Option<String> {
    let Fault { name, from, to, kind, at, says } = *fault;
    assert_eq!(COMPUTE.matches(from).count(), 1, "{name}: `{from}`");
    let text = COMPUTE.replace(from, to);
    let line = line_of(&text, at);
    let mut case = sum("wormhole");
    case.texts.insert("compute.cpp".to_owned(), text);
    match case.run() {
        Ok(_) => Some(format!("{name}: it ran")),
        Err(found) => {
            let same = (found.kind, found.file.as_str(), found.line) == (kind, "compute.cpp", line);
            (!same || !found.sentence.contains(says))
                .then(|| format!("{name}: {:?} {found}; expected {kind:?} at {line}", found.kind))
        }
    }
}

#[track_caller]
fn check(faults: &[Fault]) {
    let wrong: Vec<String> = faults.iter().filter_map(mistaken).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), faults.len(), wrong.join("\n"));
}

#[test]
fn faults_of_dst() {
    check(&[
        Fault {
            name: "DST overflow",
            from: "copy_tile(codes, 0, 1);",
            to: "copy_tile(codes, 0, 4);",
            kind: Kind::DstCapacity,
            at: "copy_tile(codes",
            says: "tile 4 of DST is used, which has 4 tiles (32-bit values, half sync)",
        },
        Fault {
            name: "pack before commit",
            from: "        tile_regs_commit();\n        cb_pop_front(a, 1);",
            to: "        cb_pop_front(a, 1);",
            kind: Kind::DstState,
            at: "        tile_regs_wait();",
            says: "nothing is committed, so that the packer waits for ever",
        },
        Fault {
            name: "pack before wait",
            from: "    tile_regs_wait();  // the sum\n",
            to: "",
            kind: Kind::DstState,
            at: "pack_tile(0, out)",
            says: "the packer needs DST, between tile_regs_wait and tile_regs_release",
        },
        Fault {
            name: "math before acquire",
            from: "        tile_regs_acquire();\n        matmul",
            to: "        matmul",
            kind: Kind::DstState,
            at: "matmul_tiles(a",
            says: "math needs DST, between tile_regs_acquire and tile_regs_commit",
        },
        Fault {
            name: "missing release",
            from: "        tile_regs_release();\n",
            to: "",
            kind: Kind::DstState,
            at: "        tile_regs_wait();",
            says: "the packer has waited in line 37 and not released",
        },
        Fault {
            name: "release left out at the end",
            from: "    tile_regs_release();  // the sum\n",
            to: "",
            kind: Kind::DstState,
            at: "tile_regs_wait();  // the sum",
            says: "tile_regs_release is missing",
        },
        Fault {
            name: "acquired twice",
            from: "    tile_regs_acquire();  // the sum\n",
            to: "    tile_regs_acquire();\n    tile_regs_acquire();  // again\n",
            kind: Kind::DstState,
            at: "// again",
            says: "DST is still acquired from line 47",
        },
        Fault {
            name: "packing a tile that was not written",
            from: "pack_tile(0, out)",
            to: "pack_tile(2, out)",
            kind: Kind::DstUnwritten,
            at: "pack_tile(2, out)",
            says: "tile 2 of DST was not written since tile_regs_acquire",
        },
        Fault {
            name: "a vector of a tile that was not written",
            from: "    copy_tile(codes, 0, 1);\n",
            to: "",
            kind: Kind::DstUnwritten,
            at: "InstrModLoadStore::INT32, ADDR_MOD_3, 64",
            says: "SFPLOAD: rows 0 to 3 of a tile of DST were not written",
        },
    ]);
}

#[test]
fn faults_of_operands() {
    check(&[
        Fault {
            name: "wrong tile index",
            from: "matmul_tiles(a, b, 0, 0, 0)",
            to: "matmul_tiles(a, b, 0, 1, 0)",
            kind: Kind::RingWindow,
            at: "matmul_tiles(a",
            says: "matmul_tiles",
        },
        Fault {
            name: "wrong circular buffer",
            from: "copy_tile(partial, 0, 0)",
            to: "copy_tile(9, 0, 0)",
            kind: Kind::RingUnknown,
            at: "copy_tile(9",
            says: "no circular buffer 9",
        },
        Fault {
            name: "another circular buffer",
            from: "copy_tile(codes, 0, 1)",
            to: "copy_tile(partial, 0, 1)",
            kind: Kind::Init,
            at: "copy_tile(partial, 0, 1)",
            says: "copy_tile: it is used on partial, and copy_init in line 52 was for codes",
        },
        Fault {
            name: "swapped operands",
            from: "matmul_tiles(a, b, 0, 0, 0)",
            to: "matmul_tiles(b, a, 0, 0, 0)",
            kind: Kind::Operands,
            at: "matmul_tiles(b",
            says: "operands b and a are swapped: matmul_init in line 27 names a and b",
        },
        Fault {
            name: "operands of different kinds",
            from: "matmul_init(a, b)",
            to: "matmul_init(a, codes)",
            kind: Kind::Operands,
            at: "matmul_init(a",
            says: "ring codes holds UInt8, which the matrix unit doesn't take",
        },
        Fault {
            name: "pack outside of what is reserved",
            from: "pack_tile<true>(0, partial, 0)",
            to: "pack_tile<true>(0, partial, 1)",
            kind: Kind::RingWindow,
            at: "pack_tile<true>",
            says: "pack_tile",
        },
        Fault {
            name: "accumulator not cleared",
            from: "pack_reconfig_l1_acc(k > 0)",
            to: "pack_reconfig_l1_acc(1)",
            kind: Kind::Unwritten,
            at: "pack_tile<true>",
            says: "pack_tile",
        },
        Fault {
            name: "accumulation left on",
            from: "    pack_reconfig_l1_acc(0);\n",
            to: "",
            kind: Kind::Configuration,
            at: "pack_tile(0, out)",
            says: "pack_reconfig_l1_acc is on, and packing can't add to ring out (Float16_b)",
        },
    ]);
}

#[test]
fn faults_of_inits() {
    check(&[
        Fault {
            name: "missing startup",
            from: "    compute_kernel_hw_startup<SrcOrder::Reverse>(a, b, partial);\n",
            to: "",
            kind: Kind::Init,
            at: "matmul_init(a, b)",
            says: "compute_kernel_hw_startup must be called first",
        },
        Fault {
            name: "missing init",
            from: "    matmul_init(a, b);\n",
            to: "",
            kind: Kind::Init,
            at: "matmul_tiles(a",
            says: "matmul_tiles: its init is missing",
        },
        Fault {
            name: "the init of another op",
            from: "    copy_init(partial);\n",
            to: "",
            kind: Kind::Init,
            at: "copy_tile(partial",
            says: "copy_tile: the last init was matmul_init in line 27",
        },
        Fault {
            name: "missing reconfiguration of a source",
            from: "    reconfig_data_format(partial, partial);\n",
            to: "",
            kind: Kind::Configuration,
            at: "copy_tile(partial",
            says: "ring partial (Float32) goes to SrcA, which is configured for Float16_b",
        },
        Fault {
            name: "one source reconfigured of two",
            from: "reconfig_data_format(codes, codes)",
            to: "reconfig_data_format_srca(codes)",
            kind: Kind::Configuration,
            at: "copy_tile(codes",
            says: "whose SrcB is configured for Float32; reconfig_data_format(ring, ring) sets both",
        },
        Fault {
            name: "reconfiguration that trusts the wrong ring",
            from: "reconfig_data_format(partial, partial)",
            to: "reconfig_data_format(partial, partial, partial, partial)",
            kind: Kind::Configuration,
            at: "copy_tile(partial",
            says: "reconfig_data_format is missing",
        },
        Fault {
            name: "missing reconfiguration of the packer",
            from: "    pack_reconfig_data_format(out);\n",
            to: "",
            kind: Kind::Configuration,
            at: "pack_tile(0, out)",
            says: "ring out holds Float16_b, and the packer is configured for Float32",
        },
        Fault {
            name: "operands that are not reversed",
            from: "compute_kernel_hw_startup<SrcOrder::Reverse>(a, b, partial)",
            to: "compute_kernel_hw_startup(codes, b, partial)",
            kind: Kind::Configuration,
            at: "matmul_tiles(a",
            says: "ring b (Float16_b) goes to SrcA, which is configured for UInt8",
        },
    ]);
}

#[test]
fn faults_of_instructions() {
    check(&[
        Fault {
            name: "a late result",
            from: "        TTI_SFPNOP;  // the sum is late\n",
            to: "",
            kind: Kind::Instruction,
            at: "TTI_SFPSTORE",
            says: "SFPSTORE: register 0 is used in the instruction after the one that computes it",
        },
        Fault {
            name: "a register that was not set",
            from: "TTI_SFPCAST(p_sfpu::LREG1, p_sfpu::LREG1, 0)",
            to: "TTI_SFPCAST(p_sfpu::LREG2, p_sfpu::LREG1, 0)",
            kind: Kind::Instruction,
            at: "TTI_SFPCAST",
            says: "SFPCAST: register 2 was never set",
        },
        Fault {
            name: "a constant that was not set",
            from: "p_sfpu::LREG0, p_sfpu::LCONST_1, p_sfpu::LREG1",
            to: "p_sfpu::LREG0, p_sfpu::LCONST_1, p_sfpu::LREG12",
            kind: Kind::Instruction,
            at: "TTI_SFPADD",
            says: "constant register 12 was not set by SFPCONFIG",
        },
        Fault {
            name: "an address mode that nobody set",
            from: "TTI_SFPSTORE(p_sfpu::LREG0, InstrModLoadStore::FP32, ADDR_MOD_3, 0)",
            to: "TTI_SFPSTORE(p_sfpu::LREG0, InstrModLoadStore::FP32, ADDR_MOD_2, 0)",
            kind: Kind::Instruction,
            at: "TTI_SFPSTORE",
            says: "address mode 2 is not known to leave the row of DST where it is",
        },
        Fault {
            name: "a mode that the chip doesn't have",
            from: "TTI_SFPCAST(p_sfpu::LREG1, p_sfpu::LREG1, 0)",
            to: "TTI_SFPCAST(p_sfpu::LREG1, p_sfpu::LREG1, 3)",
            kind: Kind::Instruction,
            at: "TTI_SFPCAST",
            says: "SFPCAST: mode 3 is not supported on Wormhole",
        },
        Fault {
            name: "rows that are not set back",
            from: "    TTI_SETRWC(p_setrwc::CLR_NONE, 0, 0, 0, 0, p_setrwc::SET_D);\n}",
            to: "    TTI_SFPLOAD(p_sfpu::LREG0, 3, ADDR_MOD_3, 192);\n}",
            kind: Kind::DstCapacity,
            at: "ADDR_MOD_3, 192",
            says: "SFPLOAD: tile 4 of DST is used",
        },
    ]);
}
