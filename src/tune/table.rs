//! Times of tiles for many rows as a measured table of a chip, in the format of
//! `crates/target/measured`.
//!
//! ```text
//! time = waves * (tile_ns + block_ns * blocks of k)
//! ```
//!
//! The two numbers are fitted to the times of one tile at several sizes, with least
//! squares of the relative error. What the shipped table says of few rows is kept.

use tilec_target::measured::{Few, Shared, Sums, measured};

/// The time of one tile at one set of sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How sums are kept.
    pub sums: Sums,
    /// Bytes of an element.
    pub bytes: u32,
    /// Rows of the tile.
    pub m: u32,
    /// Columns of the tile.
    pub n: u32,
    /// What two blocks of a cluster share.
    pub share: Shared,
    /// How often all multiprocessors take a tile.
    pub waves: f64,
    /// Blocks of 128 bytes of `k`.
    pub blocks: f64,
    /// The measured time.
    pub seconds: f64,
}

impl Sample {
    fn is_of(&self, other: &Self) -> bool {
        let tile = |s: &Self| (s.sums, s.bytes, s.m, s.n, s.share);
        tile(self) == tile(other)
    }
}

/// The table of a chip with what was measured, in the order of the samples; tiles
/// that were measured at fewer than two depths are left out.
#[must_use]
pub fn table(chip: &str, comment: &[String], samples: &[Sample]) -> String {
    let mut wides = String::new();
    for (at, sample) in samples.iter().enumerate() {
        if samples[..at].iter().any(|earlier| earlier.is_of(sample)) {
            continue;
        }
        let of_it: Vec<_> = samples.iter().filter(|other| other.is_of(sample)).collect();
        if let Some((tile_ns, block_ns)) = fit(&of_it) {
            wides += &wide(sample, tile_ns, block_ns);
        }
    }
    let fews: String = measured(chip).iter().flat_map(|shipped| &shipped.few).map(few).collect();
    let mut text: String = comment.iter().map(|line| format!("# {line}\n")).collect();
    text += &format!("format = 1\nchip = \"{chip}\"\n");
    for (name, rows) in [("wide", &wides), ("few", &fews)] {
        if rows.is_empty() {
            text += &format!("{name} = []\n");
        }
    }
    text + &wides + &fews
}

/// Nanoseconds per tile and per block of `k`; `None` where the samples do not tell.
fn fit(samples: &[&Sample]) -> Option<(f64, f64)> {
    // Rows of the least-squares problem: waves / time and waves * blocks / time,
    // which should add up to 1.
    let (mut aa, mut ab, mut bb, mut a1, mut b1) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for sample in samples {
        let a = sample.waves / sample.seconds;
        let b = a * sample.blocks;
        (aa, ab, bb) = (aa + a * a, ab + a * b, bb + b * b);
        (a1, b1) = (a1 + a, b1 + b);
    }
    let determinant = aa * bb - ab * ab;
    let tells = determinant > 1e-9 * aa * bb;
    if !tells {
        return None;
    }
    let tile = (a1 * bb - b1 * ab) / determinant;
    let block = (b1 * aa - a1 * ab) / determinant;
    // A start that would take less than no time: everything goes with k.
    let (tile, block) = if tile < 0.0 { (0.0, b1 / bb) } else { (tile, block) };
    (block > 0.0).then_some((tile * 1e9, block * 1e9))
}

fn wide(sample: &Sample, tile_ns: f64, block_ns: f64) -> String {
    let share = if sample.share == Shared::A { "a" } else { "b" };
    format!(
        "\n[[wide]]\nsums = \"{}\"\nbytes = {}\ntile = {{ m = {}, n = {}, share = \"{share}\", \
         block_ns = {block_ns:.0}, tile_ns = {tile_ns:.0}{} }}\n",
        sums(sample.sums),
        sample.bytes,
        sample.m,
        sample.n,
        if offered_at_launch(sample) { ", at_launch = true" } else { "" }
    )
}

/// What the shipped table offers where sizes are told at launch stays offered.
fn offered_at_launch(sample: &Sample) -> bool {
    tilec_target::chips().iter().filter_map(|chip| measured(&chip.name)).any(|table| {
        table.wide.iter().any(|wide| {
            let tile = wide.tile;
            let same = (wide.sums, wide.bytes, tile.m, tile.n, tile.share)
                == (sample.sums, sample.bytes, sample.m, sample.n, sample.share);
            same && tile.at_launch
        })
    })
}

fn few(few: &Few) -> String {
    let tile = few.tile;
    format!(
        "\n[[few]]\nsums = \"{}\"\nbytes = {}\nmost_m = {}\ntiles = {{ least = {}, most = {} }}\n\
         tile = {{ rows = {}, columns = {}, blocks = {}, sharing = {}, split = {}, share = {}, \
         partials = {} }}\nmeasured = {:?}\n",
        sums(few.sums),
        few.bytes,
        few.most_m,
        few.tiles.least,
        few.tiles.most,
        tile.rows,
        tile.columns,
        tile.blocks,
        tile.sharing,
        tile.split,
        tile.share,
        tile.partials,
        few.measured
    )
}

fn sums(sums: Sums) -> &'static str {
    match sums {
        Sums::Scaled => "scaled",
        Sums::Promoted => "promoted",
        Sums::InPlace => "in_place",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilec_target::measured::Measured;

    fn sample(n: u32, waves: f64, blocks: f64) -> Sample {
        let seconds = waves * (800e-9 + blocks * 500e-9);
        let (sums, share) = (Sums::Scaled, Shared::B);
        Sample { sums, bytes: 1, m: 128, n, share, waves, blocks, seconds }
    }

    #[test]
    fn times_become_the_numbers_that_they_were_made_of() {
        let samples = [sample(256, 4.0, 8.0), sample(256, 2.0, 64.0), sample(64, 1.0, 8.0)];
        let text = table("h200", &["a comment".to_owned()], &samples);
        let parsed: Measured = toml::from_str(&text).unwrap_or_else(|e| panic!("{e} in\n{text}"));
        let [wide] = parsed.wide.as_slice() else { panic!("one tile was measured twice: {text}") };
        assert_eq!((wide.tile.n, wide.tile.block_ns, wide.tile.tile_ns), (256, 500, 800));
        assert_eq!(parsed.few, measured("h200").unwrap().few);
        assert_eq!(parsed.chip, "h200");
    }

    #[test]
    fn a_chip_without_a_table_gets_a_first_one() {
        let text = table("a100", &[], &[]);
        let parsed: Measured = toml::from_str(&text).unwrap_or_else(|e| panic!("{e} in\n{text}"));
        assert!(parsed.wide.is_empty() && parsed.few.is_empty());
        let text = table("a100", &[], &[sample(64, 1.0, 8.0), sample(64, 1.0, 9.0)]);
        let parsed: Measured = toml::from_str(&text).unwrap_or_else(|e| panic!("{e} in\n{text}"));
        assert_eq!(parsed.wide.len(), 1);
    }

    #[test]
    fn what_starts_in_no_time_goes_with_k_alone() {
        let with = |blocks: f64, seconds| Sample { seconds, ..sample(64, 1.0, blocks) };
        let samples = [with(8.0, 3e-6), with(64.0, 40e-6)];
        let (tile, block) = fit(&samples.each_ref()).unwrap();
        assert!(tile == 0.0 && block > 300.0, "{tile} {block}");
    }
}
