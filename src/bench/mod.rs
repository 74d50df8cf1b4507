//! What `tilec bench` measures: how much work a launch is, how long the chip must
//! take for it at least, and measurements as a table, as JSON and as a plot.
//!
//! Pure functions; running on a GPU and writing files is the command line's.

mod date;
mod plot;
mod work;

pub use date::date;
pub use plot::plot;
pub use work::{Rate, Work, work};

use serde::Serialize;

/// The version of the JSON format.
const FORMAT: u32 = 1;

/// Everything about one run of `tilec bench`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The version of this format.
    pub format: u32,
    /// The day, as 2026-01-31, in UTC.
    pub date: String,
    /// What was typed.
    pub command: Vec<String>,
    /// What the driver calls the GPU.
    pub device: String,
    /// The chip table that tiles were chosen by, and whose peaks shares are of.
    pub chip: String,
    /// The compiler of the emitted source.
    pub compiler: String,
    /// The kernel.
    pub kernel: String,
    /// Launches before the first that counts.
    pub warm_up: usize,
    /// Launches that count.
    pub repeats: usize,
    /// Bytes written before each launch to empty the cache.
    pub flush_bytes: u64,
    /// One per set of sizes.
    pub rows: Vec<Row>,
}

/// The measurement of one set of sizes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Size parameters and their values.
    pub sizes: Vec<(String, i64)>,
    /// The middle of the times, in seconds.
    pub median_seconds: f64,
    /// The shortest.
    pub shortest_seconds: f64,
    /// The longest.
    pub longest_seconds: f64,
    /// Bytes of all inputs and outputs, each counted once.
    pub bytes: f64,
    /// Operations of the contractions, a multiply and an add counted as two.
    pub operations: f64,
    /// What the chip needs at least, by its table.
    pub bound_seconds: f64,
}

impl Report {
    /// The version that this code writes.
    #[must_use]
    pub fn format() -> u32 {
        FORMAT
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("a report holds nothing that JSON cannot") + "\n"
    }
}

impl Row {
    /// `M=128, N=64`
    #[must_use]
    pub fn label(&self) -> String {
        let sizes = self.sizes.iter().map(|(name, value)| format!("{name}={value}"));
        sizes.collect::<Vec<_>>().join(", ")
    }

    /// Bytes per second.
    #[must_use]
    pub fn bandwidth(&self) -> f64 {
        self.bytes / self.median_seconds
    }

    /// Operations per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.operations / self.median_seconds
    }

    /// The share of what the chip can do: the least time over the measured one.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.bound_seconds / self.median_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(m: i64, median_seconds: f64) -> Row {
        Row {
            sizes: vec![("M".to_owned(), m), ("N".to_owned(), 64)],
            median_seconds,
            shortest_seconds: median_seconds / 2.0,
            longest_seconds: median_seconds * 2.0,
            bytes: 1e9,
            operations: 4e12,
            bound_seconds: 1e-3,
        }
    }

    fn report() -> Report {
        Report {
            format: Report::format(),
            date: "2026-01-31".to_owned(),
            command: vec!["tilec".to_owned(), "bench".to_owned()],
            device: "NVIDIA H200".to_owned(),
            chip: "h200".to_owned(),
            compiler: "NVRTC 13.0".to_owned(),
            kernel: "a<b".to_owned(),
            warm_up: 3,
            repeats: 20,
            flush_bytes: 512 << 20,
            rows: vec![row(1, 2e-3), row(128, 4e-3)],
        }
    }

    #[test]
    fn rates_follow_from_the_median() {
        let row = row(1, 2e-3);
        assert_eq!((row.bandwidth(), row.rate(), row.share()), (5e11, 2e15, 0.5));
        assert_eq!(row.label(), "M=1, N=64");
    }

    #[test]
    fn json_has_the_version_and_every_row() {
        let json: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(json["format"], 1);
        assert_eq!(json["rows"][1]["sizes"][0], serde_json::json!(["M", 128]));
        assert_eq!(json["rows"][1]["median_seconds"], 4e-3);
    }

    #[test]
    fn plots_show_every_row_and_escape_names() {
        let svg = plot(&report()).unwrap();
        for part in ["<svg", "M=1, N=64", "M=128, N=64", "50 %", "25 %", "a&lt;b", "</svg>"] {
            assert!(svg.contains(part), "no {part} in\n{svg}");
        }
        let empty = plot(&Report { rows: vec![], ..report() }).unwrap();
        assert!(empty.contains("</svg>"));
        let broken = plot(&Report { rows: vec![row(1, f64::NAN)], ..report() }).unwrap();
        assert!(broken.contains("</svg>"));
    }
}
