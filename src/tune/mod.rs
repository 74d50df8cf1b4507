//! What `tilec tune` searches through and writes: candidates as settings, the best
//! of them as a tile block, and times as a measured table of a chip.
//!
//! Pure functions; measuring is the command line's.

mod candidates;
mod table;

pub use candidates::{Region, candidates, regions};
pub use table::{Sample, table};

use tilec_ir::tensor::SettingValue;
use tilec_passes::Settings;

/// Times of one candidate, one for each set of sizes, in seconds; `None` where it
/// did not run, or was wrong.
pub type Times = Vec<Option<f64>>;

/// The mean factor by which a candidate takes longer than another, over all sizes;
/// `None` where one of them did not run.
#[must_use]
pub fn ratio(times: &Times, base: &Times) -> Option<f64> {
    let logs = times.iter().zip(base).map(|(time, base)| Some(((*time)? / (*base)?).ln()));
    let logs = logs.collect::<Option<Vec<_>>>()?;
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    mean.is_finite().then(|| mean.exp())
}

/// The position of the candidate that takes the least time, the first of equals.
#[must_use]
pub fn best(all: &[Times], base: &Times) -> Option<usize> {
    let ratios = all.iter().map(|times| ratio(times, base)).enumerate();
    let known = ratios.filter_map(|(at, ratio)| Some((at, ratio?)));
    known.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at)
}

/// The tile block with these settings by equation, under the lines of a comment.
#[must_use]
pub fn block(
    kernel: &str,
    chip: &str,
    comment: &[String],
    settings: &[(String, Settings)],
) -> String {
    let mut text: String = comment.iter().map(|line| format!("// {line}\n")).collect();
    text += &format!("tile {kernel} on {chip} {{\n");
    for (equation, settings) in settings {
        text += &format!("    {equation}: {}\n", show(settings));
    }
    text + "}\n"
}

/// `m = 128, n = 192, swap = yes`
#[must_use]
pub fn show(settings: &Settings) -> String {
    let entries = settings.entries().into_iter().map(|(name, value)| match value {
        SettingValue::Integer(value) => format!("{name} = {value}"),
        SettingValue::Word(word) => format!("{name} = {word}"),
    });
    entries.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;

    #[test]
    fn the_best_is_best_over_all_sizes() {
        let base = vec![Some(1.0), Some(1.0)];
        let all = vec![
            base.clone(),
            vec![Some(0.1), None],
            vec![Some(0.5), Some(1.8)],
            vec![Some(0.9), Some(0.9)],
            vec![Some(0.9), Some(0.9)],
        ];
        assert_eq!(best(&all, &base), Some(3));
        assert_eq!(best(&[], &base), None);
        assert!((ratio(&all[2], &base).unwrap() - 0.9f64.sqrt()).abs() < 1e-12);
        assert_eq!(ratio(&all[1], &base), None);
        assert_eq!(ratio(&vec![Some(f64::NAN)], &vec![Some(1.0)]), None);
    }

    #[test]
    fn a_block_is_a_program_text_that_checks() {
        let settings = Settings { m: Some(128), n: Some(192), ..Settings::default() };
        let text = block(
            "k",
            "h200",
            &["two".to_owned(), "lines".to_owned()],
            &[("c".to_owned(), settings)],
        );
        assert!(
            text.starts_with("// two\n// lines\ntile k on h200 {\n    c: m = 128, n = 192\n}\n")
        );
        let program = "kernel k[M, N, K](a: f16[M, K], b: f16[N, K]) -> (c: f32[M, N]) {\n    \
            c[m, n] = sum[k](a[m, k] * b[n, k])\n}\n";
        let checked = Program::check(&format!("{program}{text}"));
        assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    }
}
