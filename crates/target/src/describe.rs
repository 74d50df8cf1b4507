//! The text of `tilec targets` and `tilec targets NAME`.
//!
//! Takes chips and gives plain text; where it goes is the driver's business.

use std::fmt::Write;

use crate::chip::{Chip, Cuda, chips};
use crate::setting::{Scope, settings};

/// The targets that chips belong to.
const TARGETS: [&str; 2] = ["cuda", "tt"];

/// One line per target and chip: what `tilec targets` prints.
#[must_use]
pub fn describe_all() -> String {
    let mut text = line("TARGET", "CHIP", "WHAT");
    text += &line("cpu", "-", "this machine");
    for chip in chips() {
        text += &line(chip.family().target(), &chip.name, &chip.title);
    }
    for target in TARGETS {
        if !chips().iter().any(|chip| chip.family().target() == target) {
            text += &line(target, "-", "no chip has a table yet");
        }
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
    facts.extend(cuda_facts(chip.cuda()));
    facts.extend([
        ("memory", format!("{} GB", chip.memory.bytes / 1_000_000_000)),
        ("memory bandwidth", format!("{} GB/s", chip.memory.bytes_per_second / 1_000_000_000)),
        ("cache, as reported", format!("{} KiB", chip.memory.cache_bytes / 1024)),
        ("fp8 operations", chip.peak.fp8.map_or("none".to_owned(), tera)),
        ("i8 operations", tera(chip.peak.i8)),
        ("f16 and bf16 operations", tera(chip.peak.half)),
        ("tf32 operations", tera(chip.peak.tf32)),
        ("f32 operations", tera(chip.peak.fp32)),
    ]);
    facts
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
        let chip = crate::chip("h200").expect("it has a table");
        let text = describe(chip);
        for part in ["sm_90a", "232448 bytes", "141 GB", "4800 GB/s", "1979 T/s", "494.7 T/s"] {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
        for setting in settings(chip.family()) {
            assert!(text.contains(&setting.meaning), "no {} in\n{text}", setting.name);
        }
        let all = describe_all();
        for target in ["cpu", "cuda", "tt"] {
            assert!(all.lines().any(|line| line.starts_with(target)), "no {target} in\n{all}");
        }
    }
}
