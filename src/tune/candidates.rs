//! What is tried: for each region that takes settings, a list of settings. Those
//! that do not fit the chip are refused when they are compiled, and left out then.

use tilec_ir::plan::{Plan, RegionKind};
use tilec_ir::tensor::{Kernel, Role, Tensor};
use tilec_ir::tile::Side;
use tilec_ir::{Id, Scalar};
use tilec_passes::Settings;
use tilec_target::{Chip, Family};

/// A region that takes settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its position in the plan.
    pub at: usize,
    /// The equation of the source that a tile block names it by.
    pub tensor: Id<Tensor>,
    /// That equation's name.
    pub name: String,
}

/// The regions of a plan that take settings; `source` is the kernel as written.
#[must_use]
pub fn regions(plan: &Plan, source: &Kernel) -> Vec<Region> {
    let named = |at: usize, name: &str| {
        let is_it =
            |(_, tensor): &(Id<Tensor>, &Tensor)| tensor.name == name && tensor.role != Role::Input;
        let (tensor, _) = source.tensors.iter().find(is_it)?;
        Some(Region { at, tensor, name: name.to_owned() })
    };
    let takes =
        |kind: &RegionKind| matches!(kind, RegionKind::Contract(_) | RegionKind::Rowwise(_));
    let all = plan.regions.iter().enumerate().filter(|(_, region)| takes(&region.kind));
    let first = |(at, region): (usize, &tilec_ir::plan::Region)| {
        let tensors = region.covers.iter().map(|&at| plan.kernel.equations[at].tensor);
        tensors.map(|tensor| plan.kernel.tensors[tensor].name.as_str()).find_map(|n| named(at, n))
    };
    all.filter_map(first).collect()
}

/// What is tried for a region, in groups: a later group only where the chip takes
/// nothing of the ones before. `rows` are the values of `m` that it is tuned for.
#[must_use]
pub fn candidates(plan: &Plan, region: usize, chip: &Chip, rows: &[i64]) -> Vec<Vec<Settings>> {
    match &plan.regions[region].kind {
        RegionKind::Contract(contract) => {
            let depth = 128 / bytes(contract.a.element);
            let most = rows.iter().copied().max().unwrap_or(i64::MAX);
            let pipelines = match chip.family() {
                Family::Hopper => pipelines(depth, most),
                Family::Ampere | Family::Ada | Family::Blackwell | Family::Tensix => Vec::new(),
            };
            vec![pipelines, stepped(depth)]
        }
        RegionKind::Rowwise(_) => vec![rowwise()],
        RegionKind::Grouped(_)
        | RegionKind::Combine(_)
        | RegionKind::Histogram(_)
        | RegionKind::Scan(_)
        | RegionKind::Select(_)
        | RegionKind::Pointwise
        | RegionKind::Generic { .. } => Vec::new(),
    }
}

fn bytes(element: Scalar) -> u32 {
    match element {
        Scalar::F32 | Scalar::I32 | Scalar::Idx(_) => 4,
        Scalar::Bf16 | Scalar::F16 => 2,
        Scalar::F8E4M3 | Scalar::F8E5M2 | Scalar::I8 | Scalar::U8 | Scalar::Bool => 1,
    }
}

/// Rows up to which operands are also tried in each other's places.
const FEW_ROWS: i64 = 256;

fn pipelines(depth: u32, most_rows: i64) -> Vec<Settings> {
    let mut all = Vec::new();
    for n in [256, 224, 208, 192, 176, 160, 144, 128, 112, 96, 80, 64] {
        for share in [Some(Side::B), Some(Side::A), None] {
            for m in [128, 192, 256] {
                all.push(Settings {
                    m: Some(m),
                    n: Some(n),
                    cluster: Some(if share.is_some() { 2 } else { 1 }),
                    share,
                    swap: Some(false),
                    ..Settings::default()
                });
            }
        }
    }
    if most_rows > FEW_ROWS {
        return all;
    }
    let least = u32::try_from(most_rows.max(1)).unwrap_or(u32::MAX).next_multiple_of(8);
    let mut rows: Vec<u32> = [least, 16, 32, 64, 128].into_iter().filter(|m| *m <= least).collect();
    rows.sort_unstable();
    rows.dedup();
    for m in rows {
        for n in [64, 128, 256] {
            for blocks in [1, 2, 4] {
                for split in [1, 2, 4, 8] {
                    all.push(Settings {
                        m: Some(m),
                        n: Some(n),
                        k: Some(blocks * depth),
                        split: Some(split),
                        swap: Some(true),
                        ..Settings::default()
                    });
                }
            }
        }
    }
    all
}

fn stepped(depth: u32) -> Vec<Settings> {
    let mut all = Vec::new();
    for (m, n) in [(128, 256), (256, 128), (128, 128), (128, 64), (64, 128), (64, 64), (32, 64)] {
        for k in [depth / 2, depth] {
            for stages in [2, 3, 4] {
                all.push(Settings {
                    m: Some(m),
                    n: Some(n),
                    k: Some(k.max(16)),
                    stages: Some(stages),
                    ..Settings::default()
                });
            }
        }
    }
    all
}

fn rowwise() -> Vec<Settings> {
    let warps = [1, 2, 4, 8, 16, 32];
    let all = warps.into_iter().flat_map(|warps| [1, 2, 4, 8].map(|rows| (warps, rows)));
    let settings =
        |(warps, rows)| Settings { warps: Some(warps), rows: Some(rows), ..Settings::default() };
    // A block has at most 32 warps.
    all.filter(|(warps, rows)| warps * rows <= 32).map(settings).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;
    use crate::stage::Compilation;

    #[test]
    fn regions_are_found_by_the_names_of_the_source() {
        let check = |text: &str, names: &[&str]| {
            let program = Program::check(text);
            let kernel = program.kernel(None).unwrap();
            let plan = Compilation::new(kernel, &[]).unwrap().plan();
            let found = regions(&plan, kernel);
            assert_eq!(found.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), names);
            let h200 = tilec_target::chip("h200").unwrap();
            for region in found {
                let all = candidates(&plan, region.at, h200, &[16]).concat();
                assert!(all.len() > 5, "{}", region.name);
                for (at, settings) in all.iter().enumerate() {
                    assert!(!all[..at].contains(settings), "{settings:?} twice");
                }
            }
        };
        let head = "kernel k[M, N, K](a: f16[M, K], b: f16[N, K]) -> (c: f32[M, N]) {\n    ";
        check(&format!("{head}c[m, n] = sum[k](a[m, k] * b[n, k])\n}}\n"), &["c"]);
        check("kernel k[N](x: f32[N]) -> (y: f32[N]) {\n    y[n] = x[n]\n}\n", &[]);
    }
}
