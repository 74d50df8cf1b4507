//! Chips: the tables under `chips/`, parsed once.
//!
//! A table says what is common to all chips at its top and what only one family
//! has under `[machine.FAMILY]`. A field that is not known here is refused, so a
//! misspelled fact cannot be silently absent.

use std::sync::LazyLock;

use serde::Deserialize;

/// The tables, in the order in which `tilec targets` lists them.
const TABLES: [&str; 7] = [
    include_str!("../chips/h200.toml"),
    include_str!("../chips/h100.toml"),
    include_str!("../chips/a100.toml"),
    include_str!("../chips/l40s.toml"),
    include_str!("../chips/rtx_pro_6000.toml"),
    include_str!("../chips/wormhole_n150.toml"),
    include_str!("../chips/blackhole_p150.toml"),
];

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
    /// The size in bytes of the cache before it, as the driver reports it; 0 without one.
    pub cache_bytes: u64,
}

/// Dense operations per second; a multiply and an add are two.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// Products of FP8 values; `None` where no instruction takes them.
    pub fp8: Option<f64>,
    /// Products of 8-bit integers; `None` where no instruction that is used takes them.
    pub i8: Option<f64>,
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
    /// A chip of the Hopper family: asynchronous copies of whole tiles, matrix
    /// instructions that read shared memory, clusters.
    Hopper(Cuda),
    /// A chip of the Ampere family: matrix instructions on registers.
    Ampere(Cuda),
    /// A chip of the Ada family: Ampere's instructions, and FP8.
    Ada(Cuda),
    /// A workstation chip of the Blackwell family: programmed as Ada is.
    Blackwell(Cuda),
    /// A grid of cores with a memory each, which move tiles to one another.
    Tensix(Tensix),
}

/// The facts of a chip that runs CUDA.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cuda {
    /// The architecture that the compiler of the emitted source is asked for.
    pub arch: String,
    /// Major and minor compute capability.
    pub compute_capability: [u32; 2],
    /// How many multiprocessors there are.
    pub multiprocessors: u32,
    /// The most threads that one multiprocessor holds at a time.
    pub threads_per_multiprocessor: u32,
    /// The most dynamic shared memory that one block can have, in bytes.
    pub shared_bytes_per_block: u32,
    /// Shared memory of one multiprocessor, in bytes; each block takes 1 KiB more
    /// of it than it asks for.
    pub shared_bytes_per_multiprocessor: u32,
    /// 32-bit registers of one multiprocessor.
    pub registers_per_multiprocessor: u32,
    /// The most blocks in a cluster on every chip of the family; 1 without clusters.
    #[serde(default = "one")]
    pub max_cluster_portable: u32,
    /// The most blocks in a cluster on this chip.
    #[serde(default = "one")]
    pub max_cluster: u32,
}

/// The facts of a chip of Tensix cores.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensix {
    /// `wormhole` or `blackhole`.
    pub arch: String,
    /// Columns of the grid of cores that every board of this kind offers to programs.
    pub columns: u32,
    /// Rows of that grid.
    pub rows: u32,
    /// Bytes of a core's L1 memory that circular buffers may take.
    pub l1_bytes: u32,
    /// Over how many banks of DRAM the pages of a buffer are spread.
    pub dram_banks: u32,
    /// Cycles per second.
    pub clock_hz: u64,
    /// The most circular buffers on a core.
    pub circular_buffers: u32,
    /// The most bytes of code of one processor's kernel.
    pub kernel_text_bytes: u32,
    /// Tiles of 16-bit values in DST as a whole; half as many of 32 bits, and half of those
    /// in each section where it is cut in two.
    pub dst_tiles: u32,
    /// Whether it has an 8-bit format of its own with 4 exponent bits; all have one with 5.
    pub native_e4m3: bool,
    /// Whether 32-bit words can be copied to DST unchanged. Else they go through a
    /// register that keeps 10 fraction bits of an f32.
    pub words_to_dst: bool,
    /// Whether the matrix unit's sums of f32 are right where they are -1 unit in the last place.
    /// Else they come out as -2^27 units.
    pub adds_minus_one: bool,
    /// Cycles of a product of two 32x32 tiles in one pass; two, three or four times as
    /// many at higher fidelities.
    pub tile_product_cycles: u32,
    /// Bytes that each of a core's two ports to the network moves in a cycle.
    pub noc_bytes_per_cycle: u32,
}

fn one() -> u32 {
    1
}

/// Chips that take the same settings and the same emitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// NVIDIA's chips of compute capability 9.0.
    Hopper,
    /// NVIDIA's chips of compute capability 8.0.
    Ampere,
    /// NVIDIA's chips of compute capability 8.9.
    Ada,
    /// NVIDIA's chips of compute capability 12.0.
    Blackwell,
    /// Tenstorrent's chips of Tensix cores.
    Tensix,
}

impl Family {
    /// The word in tables and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hopper => "hopper",
            Self::Ampere => "ampere",
            Self::Ada => "ada",
            Self::Blackwell => "blackwell",
            Self::Tensix => "tensix",
        }
    }

    /// The value of `--target` that reaches it.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::Hopper | Self::Ampere | Self::Ada | Self::Blackwell => "cuda",
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
            Machine::Ampere(_) => Family::Ampere,
            Machine::Ada(_) => Family::Ada,
            Machine::Blackwell(_) => Family::Blackwell,
            Machine::Tensix(_) => Family::Tensix,
        }
    }

    /// The facts that chips which run CUDA have.
    ///
    /// # Panics
    /// On other chips: who compiles for CUDA asks for the target first.
    #[must_use]
    pub fn cuda(&self) -> &Cuda {
        match &self.machine {
            Machine::Hopper(cuda)
            | Machine::Ampere(cuda)
            | Machine::Ada(cuda)
            | Machine::Blackwell(cuda) => cuda,
            Machine::Tensix(_) => panic!("{} does not run CUDA", self.name),
        }
    }

    /// The facts that chips of Tensix cores have.
    ///
    /// # Panics
    /// On other chips: who compiles for Tensix asks for the target first.
    #[must_use]
    pub fn tensix(&self) -> &Tensix {
        match &self.machine {
            Machine::Tensix(tensix) => tensix,
            Machine::Hopper(_) | Machine::Ampere(_) | Machine::Ada(_) | Machine::Blackwell(_) => {
                panic!("{} has no Tensix cores", self.name)
            }
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
    fn chips_have_the_facts_that_tiles_are_checked_against() {
        let facts = |name: &str| {
            let chip = chip(name).expect("it has a table");
            let cuda = chip.cuda();
            (
                &*cuda.arch,
                cuda.shared_bytes_per_block / 1024,
                chip.peak.fp8.is_some(),
                cuda.max_cluster,
            )
        };
        assert_eq!(facts("h200"), ("sm_90a", 227, true, 16));
        assert_eq!(facts("h100"), ("sm_90a", 227, true, 16));
        assert_eq!(facts("a100"), ("sm_80", 163, false, 1));
        assert_eq!(facts("l40s"), ("sm_89", 99, true, 1));
        assert_eq!(facts("rtx_pro_6000"), ("sm_120", 99, true, 1));
        assert_eq!(chip("h100x"), None);
    }

    #[test]
    fn rates_of_tensix_chips_follow_from_their_grids() {
        for (name, cores) in [("wormhole_n150", 64), ("blackhole_p150", 110)] {
            let chip = chip(name).expect("it has a table");
            let tensix = chip.tensix();
            assert_eq!(tensix.columns * tensix.rows, cores);
            let cycles = f64::from(cores) * tensix.clock_hz as f64;
            let one_pass = cycles * 65536.0 / f64::from(tensix.tile_product_cycles);
            let passes = if tensix.adds_minus_one { 4.0 } else { 3.0 };
            let close = |rate: f64, computed: f64| (rate / computed - 1.0).abs() < 0.01;
            assert!(close(chip.peak.fp8.expect("it has FP8"), one_pass), "{name}");
            assert!(close(chip.peak.half, one_pass / passes), "{name}");
            assert!(close(chip.peak.fp32, cycles * 64.0), "{name}");
        }
    }

    #[test]
    fn an_unknown_fact_is_refused() {
        let misspelled = TABLES[0].replace("multiprocessors =", "multiprocesors =");
        assert!(toml::from_str::<Chip>(&misspelled).is_err());
        let extra = TABLES[0].replace("[memory]", "[memory]\nbanks = 5");
        assert!(toml::from_str::<Chip>(&extra).is_err());
    }
}
