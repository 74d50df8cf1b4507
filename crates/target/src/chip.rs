//! Chips: the tables under `chips/`, parsed once.
//!
//! A table says what is common to all chips at its top and what only one family
//! has under `[machine.FAMILY]`. A field that is not known here is refused, so a
//! misspelled fact cannot be silently absent.

use std::sync::LazyLock;

use serde::Deserialize;

/// The tables, in the order in which `tilec targets` lists them.
const TABLES: [&str; 1] = [include_str!("../chips/h200.toml")];

/// The version of the tables' format that this code reads.
const FORMAT: u32 = 1;

/// One chip.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chip {
    format: u32,
    /// The name that a tile block and `--chip` use.
    pub name: String,
    /// The name that people use.
    pub title: String,
    /// The memory that all of its processors share.
    pub memory: Memory,
    /// Its arithmetic rates.
    pub peak: Peak,
    /// What only its family has.
    pub machine: Machine,
}

/// The memory that all processors of a chip share.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its bandwidth, reads and writes together.
    pub bytes_per_second: u64,
    /// The size in bytes of the cache before it, as the driver reports it.
    pub cache_bytes: u64,
}

/// Dense operations per second; a multiply and an add are two.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// Products of FP8 values.
    pub fp8: f64,
    /// Products of 8-bit integers.
    pub i8: f64,
    /// Products of f16 or bf16 values.
    pub half: f64,
    /// Products of f32 values rounded to tf32.
    pub tf32: f64,
    /// f32 arithmetic outside the matrix units.
    pub fp32: f64,
}

/// What only the family of a chip has.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Machine {
    /// A chip of the Hopper family.
    Hopper(Hopper),
}

/// The facts of a Hopper chip.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hopper {
    /// The architecture that the compiler of the emitted source is asked for.
    pub arch: String,
    /// Major and minor compute capability.
    pub compute_capability: [u32; 2],
    /// How many multiprocessors there are.
    pub multiprocessors: u32,
    /// The most dynamic shared memory that one block can have, in bytes.
    pub shared_bytes_per_block: u32,
    /// 32-bit registers of one multiprocessor.
    pub registers_per_multiprocessor: u32,
    /// The most blocks in a cluster on every chip of the family.
    pub max_cluster_portable: u32,
    /// The most blocks in a cluster on this chip.
    pub max_cluster: u32,
}

/// Chips that take the same settings and the same emitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// NVIDIA's chips of compute capability 9.0.
    Hopper,
    /// Tenstorrent's chips of Tensix cores.
    Tensix,
}

impl Family {
    /// The word in tables and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hopper => "hopper",
            Self::Tensix => "tensix",
        }
    }

    /// The value of `--target` that reaches it.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::Hopper => "cuda",
            Self::Tensix => "tt",
        }
    }
}

impl Chip {
    /// The family, which decides the settings and the emitter.
    #[must_use]
    pub fn family(&self) -> Family {
        match self.machine {
            Machine::Hopper(_) => Family::Hopper,
        }
    }
}

/// Every chip that has a table, in a fixed order.
#[must_use]
pub fn chips() -> &'static [Chip] {
    static CHIPS: LazyLock<Vec<Chip>> = LazyLock::new(|| TABLES.map(parse).to_vec());
    &CHIPS
}

/// The chip of that name.
#[must_use]
pub fn chip(name: &str) -> Option<&'static Chip> {
    chips().iter().find(|chip| chip.name == name)
}

fn parse(table: &str) -> Chip {
    let chip: Chip = toml::from_str(table).expect("an embedded chip table is well-formed");
    assert_eq!(chip.format, FORMAT, "the table of {} is of another format", chip.name);
    chip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_parse_and_names_are_unique() {
        for (at, chip) in chips().iter().enumerate() {
            let found = chips().iter().position(|other| other.name == chip.name);
            assert_eq!(found, Some(at), "{} has two tables", chip.name);
        }
    }

    #[test]
    fn h200_has_the_facts_that_tiles_are_checked_against() {
        let Machine::Hopper(hopper) = &chip("h200").expect("it has a table").machine;
        assert_eq!(hopper.shared_bytes_per_block, 227 * 1024);
        assert_eq!(hopper.arch, "sm_90a");
        assert_eq!(chip("h100x"), None);
    }

    #[test]
    fn an_unknown_fact_is_refused() {
        let misspelled = TABLES[0].replace("multiprocessors =", "multiprocesors =");
        assert!(toml::from_str::<Chip>(&misspelled).is_err());
        let extra = TABLES[0].replace("[memory]", "[memory]\nbanks = 5");
        assert!(toml::from_str::<Chip>(&extra).is_err());
    }
}
