//! Joins equations into regions.
//!
//! ```text
//! acc[m, n] = sum[k](..)        \
//! c[m, n]   = bf16(acc[m, n])   /  one contraction with an epilogue
//! square[m] = sum[n](..)        \
//! y[m, n]   = .. square[m] ..   /  one rowwise region
//! ```
//!
//! Equations are taken in their order. A pointwise one joins the contraction that
//! it reads at its own points, else rows that it shares, else a pointwise region
//! over the same points; a reduction joins rows that it shares. Nothing joins a
//! region that something else it reads waits for. Regions come out in an order of
//! their dependencies.

mod grouped;
mod groups;
mod rows;
mod selections;

use tilec_ir::plan::{Declined, EquationAt, Plan, Region, RegionKind};
use tilec_ir::tensor::Role;

use crate::recognize::scene::{Scene, bare};
use crate::recognize::{Found, same_points};
use groups::{Group, Groups, Kind};
use rows::Rows;

/// The plan of what was found, one entry per equation.
pub(crate) fn fuse(mut scene: Scene, found: Vec<Found>, declined: Vec<Declined>) -> Plan {
    let mut groups = Groups::of(&scene);
    for (at, found) in found.into_iter().enumerate() {
        match found {
            Found::Contract(contract) => groups.push(at, Kind::Contract(*contract)),
            Found::Grouped(found) => grouped::join(&mut groups, &mut scene, at, *found),
            Found::Combine(combine) => groups.push(at, Kind::Combine(combine)),
            Found::Histogram(histogram) => groups.push(at, Kind::Histogram(histogram)),
            Found::Scan(scan) => groups.push(at, Kind::Scan(scan)),
            Found::Select(select) => groups.push(at, Kind::Select(*select)),
            Found::Generic(why) => groups.push(at, Kind::Generic(why)),
            Found::Row(piece) => {
                if !rows::join_reduction(&mut groups, &mut scene, at, &piece) {
                    let rows = Rows::new(&scene.kernel, at, &piece);
                    groups.push(at, Kind::Rows(rows));
                }
            }
            Found::Pointwise => {
                let joined = join_sum(&mut groups, &scene, at)
                    || selections::join(&mut groups, &scene, at)
                    || rows::join_map(&mut groups, &mut scene, at)
                    || join_pointwise(&mut groups, &scene, at);
                if !joined {
                    groups.push(at, Kind::Pointwise);
                }
            }
        }
    }
    // What came before the rows that it shares.
    for group in groups.single() {
        if let Some(at) = groups.empty(group)
            && !rows::join_map(&mut groups, &mut scene, at)
        {
            groups.add(at, group);
        }
    }
    let order = groups.order();
    let mut slots: Vec<_> = groups.groups.into_iter().map(Some).collect();
    let regions = order.into_iter().filter_map(|at| slots[at].take());
    let regions = regions.filter(|group| !group.covers.is_empty());
    let regions = regions.map(|group| region(&scene, group)).collect();
    Plan { kernel: scene.kernel, regions, declined, sorted: Vec::new() }
}

/// Makes an equation part of the epilogue of the last sum of products that it reads.
fn join_sum(groups: &mut Groups, scene: &Scene, at: EquationAt) -> bool {
    let equation = &scene.kernel.equations[at];
    for group in groups.read_by(at).into_iter().rev() {
        let Group { covers, kind } = &groups.groups[group];
        let sums = match kind {
            Kind::Contract(_) | Kind::Combine(_) => vec![covers[0]],
            Kind::Grouped(grouped) => grouped.equations(),
            Kind::Histogram(_)
            | Kind::Scan(_)
            | Kind::Select(_)
            | Kind::Rows(_)
            | Kind::Pointwise
            | Kind::Generic(_) => continue,
        };
        let read: Vec<_> =
            groups.reads[at].iter().copied().filter(|dep| covers.contains(dep)).collect();
        let only_sums = read.iter().all(|dep| sums.contains(dep));
        let tensor = |dep: EquationAt| scene.kernel.equations[dep].tensor;
        let here =
            read.iter().all(|&dep| same_points(&scene.kernel, tensor(dep), equation).is_some());
        if here && only_sums && groups.may_join(at, group) {
            match &mut groups.groups[group].kind {
                Kind::Contract(contract) => contract.epilogue.push(at),
                Kind::Combine(combine) => combine.epilogue.push(at),
                Kind::Grouped(grouped) => grouped.epilogue.push(at),
                Kind::Histogram(_)
                | Kind::Scan(_)
                | Kind::Select(_)
                | Kind::Rows(_)
                | Kind::Pointwise
                | Kind::Generic(_) => {}
            }
            groups.add(at, group);
            return true;
        }
    }
    false
}

/// Makes an equation part of a pointwise region over the same points: one whose
/// results it reads there, or the last.
fn join_pointwise(groups: &mut Groups, scene: &Scene, at: EquationAt) -> bool {
    let equation = &scene.kernel.equations[at];
    let ranges = |at: EquationAt| {
        let vars = scene.kernel.equations[at].vars.iter();
        vars.map(|&var| scene.kernel.vars[var].range).collect::<Vec<_>>()
    };
    let last = groups.points.insert(ranges(at), groups.groups.len());
    for group in groups.read_by(at).into_iter().rev().chain(last) {
        let Group { covers, kind: Kind::Pointwise } = &groups.groups[group] else { continue };
        let own = groups.reads[at].iter().filter(|dep| covers.contains(dep));
        let in_place = own.into_iter().all(|&dep| {
            let tensor = scene.kernel.equations[dep].tensor;
            let index = same_points(&scene.kernel, tensor, equation);
            index.is_some_and(|index| {
                let vars = index.iter().map(|&i| bare(&scene.kernel, i));
                vars.eq(equation.vars.iter().map(|&var| Some(var)))
            })
        });
        let same = ranges(covers[0]) == ranges(at);
        if same && in_place && groups.may_join(at, group) {
            groups.points.insert(ranges(at), group);
            groups.add(at, group);
            return true;
        }
    }
    false
}

fn region(scene: &Scene, group: Group) -> Region {
    let Group { covers, kind } = group;
    let kind = match kind {
        Kind::Contract(mut contract) => {
            contract.stored = is_stored(scene, &covers, covers[0]);
            RegionKind::Contract(contract)
        }
        Kind::Grouped(mut grouped) => {
            for product in &mut grouped.products {
                product.contract.stored = is_stored(scene, &covers, product.equation);
            }
            RegionKind::Grouped(grouped)
        }
        Kind::Combine(mut combine) => {
            combine.stored = is_stored(scene, &covers, covers[0]);
            RegionKind::Combine(combine)
        }
        Kind::Histogram(histogram) => RegionKind::Histogram(histogram),
        Kind::Scan(scan) => RegionKind::Scan(scan),
        Kind::Select(mut select) => {
            select.stored = is_stored(scene, &covers, covers[0]);
            RegionKind::Select(select)
        }
        Kind::Rows(rows) => RegionKind::Rowwise(rows.finish(&|at| is_stored(scene, &covers, at))),
        Kind::Pointwise => RegionKind::Pointwise,
        Kind::Generic(why) => RegionKind::Generic { why },
    };
    Region { covers, kind }
}

/// Whether anyone outside of a region needs what an equation makes.
fn is_stored(scene: &Scene, covers: &[EquationAt], at: EquationAt) -> bool {
    let tensor = scene.kernel.equations[at].tensor;
    scene.kernel.tensors[tensor].role == Role::Output
        || scene.readers[tensor.index()].iter().any(|reader| !covers.contains(reader))
}
