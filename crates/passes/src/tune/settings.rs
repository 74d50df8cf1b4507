//! The settings of tile blocks, by region.
//!
//! A key of a tile block names an equation of the source; its settings go to the
//! region which that equation ended in: the region that defines it, or the one that
//! it was inlined into. A setting of another kind of region is a mistake, so a tile
//! block is also an assertion about what was recognized.

use tilec_ir::plan::{Plan, Region, RegionKind};
use tilec_ir::tensor::{ExprKind, Kernel, Setting, SettingValue, Tensor, Tiling, TilingEntry};
use tilec_ir::tile::Side;
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Diagnostic, Id, Kind};
use tilec_target::Chip;

use crate::tune::product::Licenses;

/// What is set for one region; what is not is for the model to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Rows of a tile.
    pub m: Option<u32>,
    /// Columns of a tile.
    pub n: Option<u32>,
    /// Elements of `k` in flight at a time.
    pub k: Option<u32>,
    /// Tiles in flight.
    pub stages: Option<u32>,
    /// Blocks of a cluster.
    pub cluster: Option<u32>,
    /// Whose tiles they share.
    pub share: Option<Side>,
    /// Parts of `k`.
    pub split: Option<u32>,
    /// Whether the columns take the row side of the instruction.
    pub swap: Option<bool>,
    /// Whether one kernel computes both products of a dual contraction.
    pub dual: bool,
    /// What multiplies.
    pub unit: Option<Wanted>,
    /// Warps that share a row.
    pub warps: Option<u32>,
    /// Rows of a block.
    pub rows: Option<u32>,
    /// FP8 sums stay in the matrix unit.
    pub promote_never: bool,
    /// f32 factors are cut to tf32.
    pub tf32: bool,
    /// FP8 is multiplied in the chip's own format.
    pub fp8_native: bool,
    /// bf16 inputs share exponents.
    pub bfp8: bool,
}

/// What is to multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Matrix instructions that read shared memory.
    Wgmma,
    /// Matrix instructions that read registers.
    Mma,
    /// Plain arithmetic.
    Scalar,
}

/// The settings of one region with their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given<'a> {
    pub(crate) settings: Settings,
    pub(crate) places: Vec<&'a Setting>,
}

/// The kinds of regions that settings are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Contraction,
    Rowwise,
}

impl For {
    fn name(self) -> &'static str {
        match self {
            Self::Contraction => "contraction",
            Self::Rowwise => "rowwise",
        }
    }
}

/// What a setting is called and what it is set to, in the order of the table.
type Entry = (&'static str, SettingValue);

impl Settings {
    /// Whether nothing is said of how to cut; licenses say nothing of that.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == self.only_licenses()
    }

    /// The same licenses, and nothing said of how to cut.
    #[must_use]
    pub fn only_licenses(&self) -> Self {
        let Self { promote_never, tf32, fp8_native, bfp8, .. } = *self;
        Self { promote_never, tf32, fp8_native, bfp8, ..Self::default() }
    }

    /// The precision licenses.
    pub(crate) fn licenses(&self) -> Licenses {
        Licenses { promote_never: self.promote_never, tf32: self.tf32 }
    }

    /// As settings of a tile block.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let integer = |name, value: Option<u32>| {
            value.map(|value| (name, SettingValue::Integer(value.into())))
        };
        let word = |name, value: Option<&str>| {
            value.map(|word| (name, SettingValue::Word(word.to_owned())))
        };
        let share = self.share.map(|side| if side == Side::A { "a" } else { "b" });
        let unit = self.unit.map(|unit| match unit {
            Wanted::Wgmma => "wgmma",
            Wanted::Mma => "mma",
            Wanted::Scalar => "scalar",
        });
        let all = [
            integer("m", self.m),
            integer("n", self.n),
            integer("k", self.k),
            integer("stages", self.stages),
            integer("cluster", self.cluster),
            word("share", share),
            integer("split", self.split),
            word("swap", self.swap.map(|swap| if swap { "yes" } else { "no" })),
            word("dual", self.dual.then_some("yes")),
            word("unit", unit),
            integer("warps", self.warps),
            integer("rows", self.rows),
            word("promote", self.promote_never.then_some("never")),
            word("tf32", self.tf32.then_some("yes")),
            word("fp8", self.fp8_native.then_some("native")),
            word("storage", self.bfp8.then_some("bfp8")),
        ];
        all.into_iter().flatten().collect()
    }

    /// A tile block with these settings for the equation of `tensor`; `kernel` is the
    /// position of its kernel in the module.
    #[must_use]
    pub fn tiling(&self, kernel: usize, tensor: Id<Tensor>, chip: &Chip) -> Tiling {
        let span = tilec_ir::Span::default();
        let entries = self.entries().into_iter();
        let settings =
            entries.map(|(name, value)| Setting { name: name.to_owned(), value, span }).collect();
        let entry = TilingEntry { region: Some(tensor), span, settings };
        Tiling { kernel, chip: chip.name.clone(), chip_span: span, entries: vec![entry], span }
    }

    /// Takes one setting over; `None` where it is none of a region's.
    fn take(&mut self, setting: &Setting) -> Option<For> {
        let number = match &setting.value {
            SettingValue::Integer(value) => u32::try_from(*value).ok(),
            SettingValue::Word(_) => None,
        };
        let word = match &setting.value {
            SettingValue::Integer(_) => "",
            SettingValue::Word(word) => word.as_str(),
        };
        let of = match setting.name.as_str() {
            "warps" | "rows" => For::Rowwise,
            _ => For::Contraction,
        };
        match setting.name.as_str() {
            "m" => self.m = number,
            "n" => self.n = number,
            "k" => self.k = number,
            "stages" => self.stages = number,
            "cluster" => self.cluster = number,
            "split" => self.split = number,
            "warps" => self.warps = number,
            "rows" => self.rows = number,
            "share" => self.share = Some(if word == "a" { Side::A } else { Side::B }),
            "swap" => self.swap = Some(word == "yes"),
            "dual" => self.dual = word == "yes",
            "promote" => self.promote_never = word == "never",
            "tf32" => self.tf32 = word == "yes",
            "fp8" => self.fp8_native = word == "native",
            "storage" => self.bfp8 = word == "bfp8",
            "unit" => {
                self.unit = Some(match word {
                    "mma" => Wanted::Mma,
                    "scalar" => Wanted::Scalar,
                    _ => Wanted::Wgmma,
                });
            }
            _ => return None,
        }
        Some(of)
    }
}

/// What the tile blocks for a chip set, by region.
pub(crate) fn by_region<'a>(
    plan: &Plan,
    source: &Kernel,
    chip: &Chip,
    tilings: &[&'a Tiling],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Given<'a>> {
    let mut given = vec![Given::default(); plan.regions.len()];
    for tiling in tilings.iter().filter(|tiling| tiling.chip == chip.name) {
        for entry in &tiling.entries {
            match entry.region {
                None => kernel_settings(plan, entry, diagnostics),
                Some(tensor) => match region_of(plan, source, tensor) {
                    Some(at) => region_settings(plan, at, entry, &mut given[at], diagnostics),
                    None => diagnostics.push(nowhere(source, tensor, entry)),
                },
            }
        }
    }
    given
}

fn region_settings<'a>(
    plan: &Plan,
    at: usize,
    entry: &'a TilingEntry,
    given: &mut Given<'a>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let region = &plan.regions[at];
    // Rows that both products of a dual contraction end in stand for these.
    let dual = entry.settings.iter().any(|setting| setting.name == "dual");
    for setting in &entry.settings {
        let Some(wanted) = given.settings.take(setting) else { continue };
        let fits = match (&region.kind, wanted) {
            (RegionKind::Contract(_), For::Contraction)
            | (RegionKind::Rowwise(_), For::Rowwise) => true,
            (RegionKind::Rowwise(_), For::Contraction) if dual => true,
            (
                RegionKind::Contract(_)
                | RegionKind::Rowwise(_)
                | RegionKind::Grouped(_)
                | RegionKind::Combine(_)
                | RegionKind::Histogram(_)
                | RegionKind::Scan(_)
                | RegionKind::Select(_)
                | RegionKind::Pointwise
                | RegionKind::Generic { .. },
                For::Contraction | For::Rowwise,
            ) => false,
        };
        if fits {
            given.places.push(setting);
        } else {
            diagnostics.push(other_kind(plan, region, setting, wanted));
        }
    }
}

fn other_kind(plan: &Plan, region: &Region, setting: &Setting, wanted: For) -> Diagnostic {
    let what = wanted.name();
    let message = format!("`{}` is a setting of a {what} equation, and this is none", setting.name);
    let found = kind_name(&region.kind);
    let declined = plan
        .declined
        .iter()
        .find(|declined| region.covers.contains(&declined.equation) && declined.pattern == what);
    let mut diagnostic = Diagnostic::new(Kind::BadSetting, setting.span, message).help(format!(
        "it was recognized as {found}; take the setting out, or change the equation"
    ));
    if let Some(declined) = declined {
        let why = format!("no {what}, because {}", declined.reason);
        diagnostic = diagnostic.with(declined.span, why);
    }
    diagnostic
}

/// What a region is, in words.
#[must_use]
pub fn kind_name(kind: &RegionKind) -> &'static str {
    match kind {
        RegionKind::Contract(_) => "a contraction",
        RegionKind::Grouped(_) => "a grouped contraction",
        RegionKind::Combine(_) => "rows added up",
        RegionKind::Histogram(_) => "a histogram",
        RegionKind::Rowwise(_) => "rowwise",
        RegionKind::Scan(_) => "a running sum",
        RegionKind::Select(_) => "a selection",
        RegionKind::Pointwise => "pointwise",
        RegionKind::Generic { .. } => "generic loops",
    }
}

fn kernel_settings(plan: &Plan, entry: &TilingEntry, diagnostics: &mut Vec<Diagnostic>) {
    for setting in entry.settings.iter().filter(|setting| setting.name == "launches") {
        let launches = plan.regions.len();
        if launches > 1 {
            let message = format!("the kernel takes {launches} launches, not one");
            diagnostics.push(
                Diagnostic::new(Kind::BadSetting, setting.span, message)
                    .help("take the setting out; `tilec explain` lists the launches"),
            );
        }
    }
}

fn nowhere(source: &Kernel, tensor: Id<Tensor>, entry: &TilingEntry) -> Diagnostic {
    let name = &source.tensors[tensor].name;
    Diagnostic::new(
        Kind::BadSetting,
        entry.span,
        format!("`{name}` is not computed, because no output needs it"),
    )
    .help("take its settings out")
}

/// The region that the equation of a tensor of the source ended in.
fn region_of(plan: &Plan, source: &Kernel, tensor: Id<Tensor>) -> Option<usize> {
    let mut wanted = vec![tensor];
    let mut at = 0;
    while let Some(&tensor) = wanted.get(at) {
        at += 1;
        if let Some(region) = region_named(plan, &source.tensors[tensor].name) {
            return Some(region);
        }
        // It was inlined into those that read it, in the order of the source.
        for equation in &source.equations {
            let reads_it = reachable(source, equation.value)
                .into_iter()
                .any(|expr| reads(source, expr).contains(&tensor));
            if reads_it && !wanted.contains(&equation.tensor) {
                wanted.push(equation.tensor);
            }
        }
    }
    None
}

fn region_named(plan: &Plan, name: &str) -> Option<usize> {
    let defines = |region: &Region| {
        let equations = region.covers.iter().map(|&at| &plan.kernel.equations[at]);
        equations.into_iter().any(|equation| plan.kernel.tensors[equation.tensor].name == name)
    };
    plan.regions.iter().position(defines)
}

/// Whether the value of an equation is an order by place.
pub(crate) fn is_rank(kernel: &Kernel, region: &Region) -> bool {
    region.covers.iter().any(|&at| {
        let root = kernel.equations[at].value;
        let root = match kernel.exprs[root].kind {
            ExprKind::Select(_, then, _) => then,
            _ => root,
        };
        matches!(kernel.exprs[root].kind, ExprKind::Rank { .. })
    })
}
