//! Texts that are nearly programs: whatever stands in a file, checking and
//! formatting it takes less than a second and bounded memory, and never panics.
//!
//! Seeds are the examples and all cases; each input is one of them after a few
//! mutations of bytes or of tokens, or one with something deep or huge in it.
//! `TILEC_FUZZ_SECONDS` sets how long (5), `TILEC_FUZZ_SEED` where to begin,
//! `TILEC_FUZZ_REPORT` a file for a summary as JSON. Findings stand under
//! `tests/cases/regressions/`, which are seeds too.

#![expect(clippy::print_stdout, reason = "a long run tells how far it is")]

#[path = "support/files.rs"]
mod files;
#[path = "support/mutate.rs"]
mod mutate;
#[path = "support/random.rs"]
mod random;

use std::time::{Duration, Instant};

use mutate::mutate;
use random::Random;
use tilec_ir::{Severity, verify};

const SLOW: Duration = Duration::from_secs(1);
const MOST_BYTES: u64 = 1 << 30;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What a run has seen.
#[derive(Debug, Default)]
struct Summary {
    inputs: u64,
    correct: u64,
    slowest: Duration,
    findings: Vec<String>,
}

/// Checks and formats a text. Correct programs also verify, keep their meaning
/// when formatted, and have a canonical form.
fn exercise(text: &str) -> bool {
    let checked = tilec_frontend::check(text);
    let formatted = tilec_frontend::format(text);
    for label in checked.diagnostics.iter().flat_map(|d| &d.labels) {
        let range = label.span.range();
        assert!(text.get(range.clone()).is_some(), "a label at {range:?} is no piece of the text");
    }
    for kernel in &checked.module.kernels {
        verify::assert_valid(kernel);
        verify::assert_valid(tilec_passes::normalize(kernel).kernel());
    }
    let correct = checked.diagnostics.iter().all(|d| d.severity() == Severity::Warning);
    if correct {
        let formatted = formatted.expect("what checks can be formatted");
        let again =
            tilec_frontend::format(&formatted).expect("what was formatted can be formatted");
        assert_eq!(formatted, again, "formatting is done after one round");
    }
    correct
}

fn run(seeds: &[String], seed: u64, until: Instant, progress: bool) -> Summary {
    let mut summary = Summary::default();
    let mut random = Random::new(seed);
    let mut told = Instant::now();
    while Instant::now() < until && summary.findings.len() < 10 {
        let text = mutate(seeds, &mut random);
        let start = cpu_time("thread-self");
        let outcome = std::panic::catch_unwind(|| exercise(&text));
        let took = cpu_time("thread-self").saturating_sub(start);
        summary.inputs += 1;
        summary.slowest = summary.slowest.max(took);
        match outcome {
            Ok(correct) => summary.correct += u64::from(correct),
            Err(_) => summary.findings.push(format!("panics:\n{text}")),
        }
        if took > SLOW {
            summary.findings.push(format!("takes {took:?}:\n{text}"));
        }
        if progress && told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            println!(
                "{} inputs, {} correct, slowest {:?}",
                summary.inputs, summary.correct, summary.slowest
            );
        }
    }
    summary
}

#[test]
fn mutated_programs_give_reports() {
    let folders = ["examples", "tests/cases"];
    let seeds: Vec<String> = folders
        .into_iter()
        .flat_map(files::tile_files)
        .filter_map(|path| String::from_utf8(std::fs::read(path).expect("cases can be read")).ok())
        .filter(|text| text.len() < 20_000)
        .collect();
    assert!(seeds.len() > 50, "only {} seeds", seeds.len());
    for text in &seeds {
        exercise(text);
    }
    let seconds = setting("TILEC_FUZZ_SECONDS", 5);
    let first = setting("TILEC_FUZZ_SEED", 0);
    let until = Instant::now() + Duration::from_secs(seconds);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let runs: Vec<Summary> = std::thread::scope(|scope| {
        let start = |at: u64| {
            let (seeds, seed) = (&seeds, first.wrapping_mul(1 << 20) + at);
            scope.spawn(move || run(seeds, seed, until, at == 0))
        };
        let running: Vec<_> = (0..threads).map(start).collect();
        running.into_iter().map(|thread| thread.join().expect("panics are caught")).collect()
    });
    let mut total = Summary::default();
    for run in runs {
        total.inputs += run.inputs;
        total.correct += run.correct;
        total.slowest = total.slowest.max(run.slowest);
        total.findings.extend(run.findings);
    }
    let peak = peak_bytes();
    report(&total, cpu_time("self").as_secs(), peak);
    assert!(total.findings.is_empty(), "{}", total.findings.join("\n\n"));
    // Where the system tells neither time nor memory, the limits would be empty words.
    assert!(cpu_time("self") > Duration::ZERO && peak > 0, "no /proc to measure with");
    assert!(peak < MOST_BYTES, "{peak} bytes of memory");
    assert!(total.inputs > 10 * seconds, "only {} inputs", total.inputs);
    assert!(total.correct > 0, "no mutation left a correct program");
}

/// The processor time of this process or thread, in hundredths of a second: on a
/// busy machine the clock on the wall would tell of the others.
fn cpu_time(whose: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{whose}/stat")).unwrap_or_default();
    // The second field is the name, in parentheses and with any character in it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The most memory this process ever had; 0 where the system does not tell.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn report(total: &Summary, cpu_seconds: u64, peak: u64) {
    let summary = serde_json::json!({
        "what": "byte-level and token-level fuzzing of checking, formatting and normalizing",
        "inputs": total.inputs,
        "correct_programs": total.correct,
        "cpu_seconds": cpu_seconds,
        "slowest_milliseconds": u64::try_from(total.slowest.as_millis()).unwrap_or(u64::MAX),
        "peak_memory_bytes": peak,
        "findings": total.findings.len(),
    });
    println!("{summary}");
    if let Ok(path) = std::env::var("TILEC_FUZZ_REPORT") {
        let text = serde_json::to_string_pretty(&summary).expect("numbers can be written");
        std::fs::write(path, text + "\n").expect("the report can be written");
    }
}

/// Inputs that no mutation is likely to reach.
#[test]
fn monsters_give_reports() {
    let kernel = |body: &str| format!("kernel k[N](x: f32[N]) -> (y: f32[N]) {{ y[i] = {body} }}");
    let monsters = [
        kernel(&("(".repeat(100_000) + "x[i]" + &")".repeat(100_000))),
        kernel(&("-".repeat(100_000) + "x[i]")),
        kernel(&("x[i] + ".repeat(100_000) + "x[i]")),
        kernel(&("not ".repeat(100_000) + "x[i]")),
        kernel(&("if ".repeat(100_000) + "x[i]")),
        kernel(&("x[".repeat(50_000) + "i" + &"]".repeat(50_000))),
        kernel(&("sum[k](".repeat(50_000) + "x[i]" + &")".repeat(50_000))),
        kernel(&"9".repeat(100_000)),
        kernel(&("1".to_owned() + &"0".repeat(400) + ".5e99999999999")),
        format!("kernel k[{}N](x: f32[N]) -> (y: f32[N]) {{ y[i] = x[i] }}", "N, ".repeat(100_000)),
        format!("kernel k[N](x: f32[{}N]) -> (y: f32[N]) {{ y[i] = x[i] }}", "N * ".repeat(10_000)),
        format!(
            "kernel k[N](x: f32[{}N{}]) -> () {{ }}",
            "ceil(".repeat(9_000),
            " / 3)".repeat(9_000)
        ),
        "a".repeat(1 << 20),
        "\0".repeat(1 << 20),
        "// ".repeat(1 << 20),
        "\n".repeat(1 << 20),
        "kernel ".repeat(100_000),
        "fn f(x) = f(x)\n".repeat(20_000),
        "\u{feff}\u{202e}kernel \u{1d55c}[N]".to_owned(),
    ];
    for (at, text) in monsters.iter().enumerate() {
        let start = Instant::now();
        exercise(text);
        let took = start.elapsed();
        assert!(took < 3 * SLOW, "monster {at} takes {took:?}");
    }
}
