//! The text of `tilec targets` and `tilec targets NAME`.
//!
//! Takes chips and gives plain text; where it goes is the driver's business.

use std::fmt::Write;

use crate::chip::{Chip, Cuda, Machine, Tensix, chips};
use crate::setting::{Scope, settings};

/// One line per target and chip: what `tilec targets` prints.
#[must_use]
pub fn describe_all() -> String {
    let mut text = line("TARGET", "CHIP", "WHAT");
    text += &line("cpu", "-", "this machine");
    for chip in chips() {
        text += &line(chip.family().target(), &chip.name, &chip.title);
    }
    text
}

/// The facts and the settings of one chip: what `tilec targets NAME` prints.
#[must_use]
pub fn describe(chip: &Chip) -> String {
    let mut text = format!("{}: {}\n\n", chip.name, chip.title);
    for (name, value) in facts(chip) {
        writeln!(text, "  {name:<26} {value}").expect("a String takes all text");
    }
    text += "\nsettings of an equation\n";
    text += &settings_of(chip, Scope::Equation);
    text += "\nsettings of the kernel\n";
    text += &settings_of(chip, Scope::Kernel);
    text += "\n* a precision license: it may change results, within what it says\n";
    text
}

fn line(target: &str, chip: &str, what: &str) -> String {
    format!("{target:<8}{chip:<14}{what}\n")
}

fn facts(chip: &Chip) -> Vec<(&'static str, String)> {
    let tera = |x: f64| format!("{} T/s", x / 1e12);
    let mut facts = vec![
        ("target", chip.family().target().to_owned()),
        ("family", chip.family().name().to_owned()),
    ];
    facts.extend(match &chip.machine {
        Machine::Hopper(cuda)
        | Machine::Ampere(cuda)
        | Machine::Ada(cuda)
        | Machine::Blackwell(cuda) => cuda_facts(cuda),
        Machine::Tensix(tensix) => tensix_facts(tensix),
    });
    facts.extend([
        ("memory", format!("{} GB", chip.memory.bytes / 1_000_000_000)),
        ("memory bandwidth", format!("{} GB/s", chip.memory.bytes_per_second / 1_000_000_000)),
        ("cache, as reported", cache(chip.memory.cache_bytes)),
        ("fp8 operations", chip.peak.fp8.map_or("none".to_owned(), tera)),
        ("i8 operations", chip.peak.i8.map_or("none".to_owned(), tera)),
        ("f16 and bf16 operations", tera(chip.peak.half)),
        ("tf32 operations", tera(chip.peak.tf32)),
        ("f32 operations", tera(chip.peak.fp32)),
    ]);
    facts
}

fn cache(bytes: u64) -> String {
    if bytes == 0 { "none".to_owned() } else { format!("{} KiB", bytes / 1024) }
}

fn tensix_facts(tensix: &Tensix) -> Vec<(&'static str, String)> {
    let [half, full] = [tensix.dst_tiles / 2, tensix.dst_tiles];
    let native = if tensix.native_e4m3 { "e4m3 and e5m2" } else { "e5m2" };
    let minus_one = if tensix.adds_minus_one { "added right" } else { "comes out as -2^27 units" };
    let words = if tensix.words_to_dst { "unchanged" } else { "as tf32" };
    vec![
        ("architecture", tensix.arch.clone()),
        ("cores", format!("{} columns by {} rows", tensix.columns, tensix.rows)),
        ("clock", format!("{} MHz", tensix.clock_hz / 1_000_000)),
        ("L1 for circular buffers", format!("{} bytes per core", tensix.l1_bytes)),
        ("circular buffers", format!("{} per core", tensix.circular_buffers)),
        (
            "DST, 16-bit tiles",
            format!("{half} in each of two sections, or {full}; half as many of f32"),
        ),
        ("f32 from memory to DST", words.to_owned()),
        ("a sum of -1 unit in the last place", minus_one.to_owned()),
        ("formats of its own for FP8", native.to_owned()),
        ("product of two tiles", format!("{} cycles a pass", tensix.tile_product_cycles)),
        ("network", format!("{} bytes a cycle, in each of two", tensix.noc_bytes_per_cycle)),
        ("banks of DRAM", tensix.dram_banks.to_string()),
        ("code of a kernel", format!("{} bytes per processor", tensix.kernel_text_bytes)),
    ]
}

fn cuda_facts(cuda: &Cuda) -> Vec<(&'static str, String)> {
    let [major, minor] = cuda.compute_capability;
    vec![
        ("architecture", format!("{}, compute capability {major}.{minor}", cuda.arch)),
        ("multiprocessors", cuda.multiprocessors.to_string()),
        ("shared memory of a block", format!("{} bytes", cuda.shared_bytes_per_block)),
        ("registers", format!("{} per multiprocessor", cuda.registers_per_multiprocessor)),
        (
            "blocks in a cluster",
            match (cuda.max_cluster_portable, cuda.max_cluster) {
                (1, 1) => "no clusters".to_owned(),
                (portable, most) => format!("{portable}, {most} if asked for"),
            },
        ),
    ]
}

fn settings_of(chip: &Chip, scope: Scope) -> String {
    let mut text = String::new();
    for setting in settings(chip.family()).filter(|setting| setting.scope == scope) {
        let mark = if setting.license { "*" } else { " " };
        let (name, accepted) = (&setting.name, setting.accepted());
        writeln!(text, "{mark} {name:<10} {accepted:<32} {}", setting.meaning)
            .expect("a String takes all text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_every_fact_and_setting() {
        let check = |name: &str, parts: &[&str]| {
            let chip = crate::chip(name).expect("it has a table");
            let text = describe(chip);
            for part in parts {
                assert!(text.contains(part), "no {part} in\n{text}");
            }
            for setting in settings(chip.family()) {
                assert!(text.contains(&setting.meaning), "no {} in\n{text}", setting.name);
            }
        };
        check("h200", &["sm_90a", "232448 bytes", "141 GB", "4800 GB/s", "1979 T/s", "494.7 T/s"]);
        check("wormhole_n150", &["8 columns by 8 rows", "1393312 bytes", "as tf32", "262 T/s"]);
        check("blackhole_p150", &["11 columns", "1461120 bytes", "e4m3 and e5m2", "512 GB/s"]);
        let all = describe_all();
        for target in ["cpu", "cuda", "tt"] {
            assert!(all.lines().any(|line| line.starts_with(target)), "no {target} in\n{all}");
        }
    }
}
