//! Checks of the workspace: what is stored between steps has a place, and pieces
//! that are needed at the same time lie apart.

use std::collections::BTreeMap;

use crate::Id;
use crate::int::{Atom, IntId, Ints};
use crate::plan::{Part, RegionKind};
use crate::tensor::{FactKind, Kernel, Role, Tensor};
use crate::tile::verify::ensure;
use crate::tile::{Program, Scratch, Workspace};
use crate::walk::{reachable, reads};

/// What a piece begins at a multiple of, in bytes.
const ALIGNMENT: i64 = 256;

/// Says what is wrong with the workspace of a program, if anything is.
pub(super) fn check(program: &Program) -> Result<(), String> {
    let kernel = &program.plan.kernel;
    let lives = lives(program);
    let life = |holds: Scratch| match holds {
        Scratch::Partials(at) | Scratch::Counters(at) => Some((at, at)),
        Scratch::Tensor(tensor) => lives.get(&tensor).copied(),
    };
    for tensor in kernel.tensors_of(Role::Local) {
        if is_elsewhere(program, tensor) {
            continue;
        }
        let read_outside = life(Scratch::Tensor(tensor)).is_some_and(|(first, last)| last > first)
            || is_stored(program, tensor);
        let placed = program.workspace.iter().any(|piece| piece.holds == Scratch::Tensor(tensor));
        ensure(placed || !read_outside, || {
            format!("{} is read by another step and has no place", kernel.tensors[tensor].name)
        })?;
    }
    let mut ints = kernel.ints.clone();
    let samples: Vec<_> = SAMPLES.iter().filter(|sample| is_possible(kernel, sample)).collect();
    for (at, piece) in program.workspace.iter().enumerate() {
        let alignment = ints.constant(ALIGNMENT);
        let rest = ints.rem(piece.offset, alignment).ok();
        ensure(rest.and_then(|rest| ints.as_constant(rest)) == Some(0), || {
            format!("{:?} does not begin at a multiple of {ALIGNMENT} bytes", piece.holds)
        })?;
        for other in &program.workspace[..at] {
            ensure(other.holds != piece.holds, || format!("{:?} has two places", piece.holds))?;
            let both = meet(life(piece.holds), life(other.holds));
            ensure(!both || apart(&samples, &ints, piece, other), || {
                format!("{:?} and {:?} overlap while both are needed", other.holds, piece.holds)
            })?;
        }
    }
    Ok(())
}

/// Whether a tensor stays in the registers of a dual contraction.
fn is_elsewhere(program: &Program, tensor: Id<Tensor>) -> bool {
    let kernel = &program.plan.kernel;
    let makes = |at: &usize| kernel.equations[*at].tensor == tensor;
    let mut regions = program.plan.regions.iter();
    let step = regions.position(|region| region.covers.iter().any(makes));
    step.is_some_and(|step| program.is_elsewhere(step))
}

/// Whether a tensor is said to be stored.
fn is_stored(program: &Program, tensor: Id<Tensor>) -> bool {
    let kernel = &program.plan.kernel;
    program.plan.regions.iter().any(|region| {
        let at = region.covers.iter().position(|&at| kernel.equations[at].tensor == tensor);
        match (&region.kind, at) {
            (RegionKind::Contract(contract), Some(0)) => contract.stored,
            (RegionKind::Select(select), Some(0)) => select.stored,
            (RegionKind::Combine(combine), Some(0)) => combine.stored,
            (RegionKind::Rowwise(rowwise), Some(at)) => match rowwise.parts[at] {
                Part::Reduction { stored, .. }
                | Part::PerRow { stored, .. }
                | Part::Map { stored, .. } => stored,
            },
            (
                RegionKind::Contract(_)
                | RegionKind::Grouped(_)
                | RegionKind::Combine(_)
                | RegionKind::Histogram(_)
                | RegionKind::Scan(_)
                | RegionKind::Select(_)
                | RegionKind::Pointwise
                | RegionKind::Generic { .. },
                Some(_),
            ) => true,
            (_, None) => false,
        }
    })
}

/// The first and the last step that need a tensor, for all that steps make or read.
fn lives(program: &Program) -> BTreeMap<Id<Tensor>, (usize, usize)> {
    let kernel = &program.plan.kernel;
    let mut lives = BTreeMap::new();
    for (at, region) in program.plan.regions.iter().enumerate() {
        let latest = program.latest(at);
        for &equation in &region.covers {
            let equation = &kernel.equations[equation];
            let read = reachable(kernel, equation.value);
            let read = read.into_iter().flat_map(|expr| reads(kernel, expr));
            for tensor in read.chain([equation.tensor]) {
                let life = lives.entry(tensor).or_insert((at, at));
                life.1 = life.1.max(latest);
            }
        }
    }
    lives
}

fn meet(a: Option<(usize, usize)>, b: Option<(usize, usize)>) -> bool {
    matches!((a, b), (Some((a, a_last)), Some((b, b_last))) if a <= b_last && b <= a_last)
}

/// Values that sizes are given to compare formulas: no proof, but no formula that is
/// wrong for some sizes is right for all of these.
const SAMPLES: [[i64; 3]; 6] =
    [[1, 1, 1], [7, 3, 64], [128, 1000, 9], [4096, 5, 5], [33, 4097, 2], [2, 2, 70_000]];

/// Whether one ends before the other begins, at sizes for which both are something and
/// the facts of the kernel hold, on which a shared place may rest.
fn apart(samples: &[&[i64; 3]], ints: &Ints, a: &Workspace, b: &Workspace) -> bool {
    samples.iter().all(|sample| {
        let value = |id: IntId| value(ints, sample, id);
        let all = [a.offset, a.bytes, b.offset, b.bytes].map(value);
        let [Some(a), Some(a_bytes), Some(b), Some(b_bytes)] = all else { return true };
        a_bytes <= 0
            || b_bytes <= 0
            || a.saturating_add(a_bytes) <= b
            || b.saturating_add(b_bytes) <= a
    })
}

/// Whether sizes agree with the facts of a kernel.
fn is_possible(kernel: &Kernel, sample: &[i64; 3]) -> bool {
    kernel.facts.iter().all(|fact| {
        let of = |id: IntId| value(&kernel.ints, sample, id);
        match fact.kind {
            FactKind::Equal(a, b) => of(a) == of(b),
            FactKind::AtMost(a, b) => of(a) <= of(b),
            FactKind::Less(a, b) => of(a) < of(b),
            FactKind::Sorted(_) | FactKind::Finite(_) => true,
        }
    })
}

fn value(ints: &Ints, sample: &[i64; 3], id: IntId) -> Option<i64> {
    ints.eval(id, &mut |atom| match atom {
        Atom::Size(size) => Some(sample[size.index() % sample.len()]),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    })
}
