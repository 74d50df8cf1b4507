//! Tiles of contractions as measured on a chip: `measured/*.toml`, parsed once.
//!
//! What stands here is for classes of shapes (how sums are kept, how wide elements
//! are, how many rows and tiles there are), never for one shape. A chip without a
//! table is left to the tuner's model.

use std::sync::LazyLock;

use serde::Deserialize;

/// The tables, one for each chip that was measured.
const TABLES: [&str; 1] = [include_str!("../measured/h200.toml")];

/// The version of the tables' format that this code reads.
const FORMAT: u32 = 1;

/// What was measured on a chip.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    format: u32,
    /// The chip by the name of its table.
    pub chip: String,
    /// Tiles for many rows.
    pub wide: Vec<Wide>,
    /// Tiles for few rows, in order of preference.
    pub few: Vec<Few>,
}

/// What happens to partial sums of a contraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sums {
    /// They are multiplied by scales and added up in f32.
    Scaled,
    /// They are added up in f32.
    Promoted,
    /// They stay in the matrix unit.
    InPlace,
}

/// The operand that blocks of a cluster share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// That of the rows.
    A,
    /// That of the columns.
    B,
}

/// A tile for many rows, of contractions of one class.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wide {
    /// How sums are kept.
    pub sums: Sums,
    /// Bytes of an element.
    pub bytes: u32,
    /// The tile.
    pub tile: WideTile,
}

/// A tile and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideTile {
    /// Rows.
    pub m: u32,
    /// Columns.
    pub n: u32,
    /// What two blocks of a cluster share.
    pub share: Shared,
    /// Nanoseconds for each 128 bytes of `k`.
    pub block_ns: u32,
    /// Nanoseconds beside.
    pub tile_ns: u32,
    /// Whether it is offered where sizes are told at launch.
    #[serde(default)]
    pub at_launch: bool,
}

/// A tile for few rows, of contractions of one class.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Few {
    /// How sums are kept.
    pub sums: Sums,
    /// Bytes of an element.
    pub bytes: u32,
    /// The most rows of the output.
    pub most_m: u32,
    /// How many tiles of the whole output, in percent of the chip's multiprocessors.
    pub tiles: Range,
    /// The tile.
    pub tile: FewTile,
    /// What was measured, in words.
    pub measured: String,
}

/// From the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least.
    pub least: u32,
    /// The most; `u32::MAX` where there is no limit.
    #[serde(default = "unlimited")]
    pub most: u32,
}

fn unlimited() -> u32 {
    u32::MAX
}

/// A tile for few rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewTile {
    /// Rows; 0 is as many as there are, rounded up to 8.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
    /// Blocks of 128 bytes of `k` in a slot.
    pub blocks: u32,
    /// Warp groups that take turns on `k`.
    pub sharing: u32,
    /// Parts of `k` in a cluster.
    pub split: u32,
    /// Blocks that share the tiles of the columns.
    pub share: u32,
    /// Accumulators of partial sums.
    pub partials: u32,
}

/// What was measured on the chip of that name.
#[must_use]
pub fn measured(chip: &str) -> Option<&'static Measured> {
    static ALL: LazyLock<Vec<Measured>> = LazyLock::new(|| TABLES.map(parse).to_vec());
    ALL.iter().find(|measured| measured.chip == chip)
}

fn parse(table: &str) -> Measured {
    let measured: Measured = toml::from_str(table).expect("an embedded table is well-formed");
    assert_eq!(measured.format, FORMAT, "the table of {} is of another format", measured.chip);
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_of_a_chip_and_its_numbers_are_possible() {
        for table in TABLES.map(parse) {
            assert!(crate::chip(&table.chip).is_some(), "no chip is called {}", table.chip);
            for Wide { tile, .. } in &table.wide {
                assert!(tile.m % 64 == 0 && tile.n % 8 == 0 && tile.n <= 256, "{tile:?}");
                assert!(tile.block_ns > 0, "{tile:?} takes no time");
            }
            for few in &table.few {
                let FewTile { rows, columns, sharing, blocks, split, share, .. } = few.tile;
                assert!(rows % 8 == 0 && columns % 64 == 0 && blocks % sharing == 0, "{few:?}");
                assert!(split * share <= 8 && few.tiles.least < few.tiles.most, "{few:?}");
            }
        }
        assert_eq!(measured("a100"), None);
    }

    #[test]
    fn wider_tiles_take_longer() {
        for table in TABLES.map(parse) {
            for a in &table.wide {
                for b in table.wide.iter().filter(|b| (b.sums, b.bytes) == (a.sums, a.bytes)) {
                    if a.tile.m == b.tile.m && a.tile.n > b.tile.n {
                        assert!(a.tile.block_ns > b.tile.block_ns, "{a:?} {b:?}");
                    }
                }
            }
        }
    }
}
