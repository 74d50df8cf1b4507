//! Lays the workspace out: where each stored local tensor and each set of partial
//! sums lies while it is needed.
//!
//! ```text
//! piece   needed from the step that writes it to the last that reads it
//! offset  the end of the largest neighbors below it, all rounded up to 256 bytes
//! ```
//!
//! Sizes are formulas, so pieces with disjoint lives share an offset only where one
//! provably holds the other. First fit in the order of the steps.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::plan::{Plan, RegionKind};
use tilec_ir::tensor::{Role, Tensor};
use tilec_ir::tile::{Body, By, Exchange, Program, Scratch, Select, Workspace};
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Diagnostic, Id, IntId};

use crate::tune::product::bytes;
use crate::tune::symbols::Symbols;
use crate::tune::{is_stored, too_complex};

/// What pieces begin at a multiple of, in bytes.
const ALIGNMENT: u32 = 256;

/// A piece and the steps in which it is needed.
struct Piece {
    holds: Scratch,
    bytes: IntId,
    first: usize,
    last: usize,
}

/// Gives every piece of scratch memory its place.
///
/// # Errors
/// Where a size or an offset is too complex a formula.
pub fn allocate(program: &mut Program) -> Result<(), Vec<Diagnostic>> {
    let mut pieces = Vec::new();
    for (tensor, (first, last)) in lives(program) {
        let shape = program.plan.kernel.tensors[tensor].shape.clone();
        let element = bytes(program.plan.kernel.tensors[tensor].element);
        let mut sizes = Symbols::new(&mut program.plan.kernel);
        let elements = sizes.product(shape);
        let bytes = elements.and_then(|elements| sizes.times(elements, element));
        let bytes = bytes.ok_or_else(|| vec![too_complex(&program.plan, first)])?;
        pieces.push(Piece { holds: Scratch::Tensor(tensor), bytes, first, last });
    }
    for at in 0..program.steps.len() {
        if let Some(bytes) = kept(program, at) {
            pieces.push(Piece { holds: Scratch::Partials(at), bytes, first: at, last: at });
        }
        if let Some(bytes) = partials(program, at).map_err(|fault| vec![fault])? {
            pieces.push(Piece { holds: Scratch::Partials(at), bytes, first: at, last: at });
        }
    }
    pieces.sort_by_key(|piece| piece.first);
    program.workspace = place(program, pieces)?;
    Ok(())
}

/// The stored local tensors, each with the first and the last step that needs it.
fn lives(program: &Program) -> BTreeMap<Id<Tensor>, (usize, usize)> {
    let plan = &program.plan;
    let mut lives = BTreeMap::new();
    let unstored = unstored(plan);
    for (at, region) in plan.regions.iter().enumerate() {
        let (latest, is_elsewhere) = (program.latest(at), program.is_elsewhere(at));
        for &equation in &region.covers {
            let equation = &plan.kernel.equations[equation];
            let local = plan.kernel.tensors[equation.tensor].role == Role::Local && !is_elsewhere;
            if local && !unstored.contains(&equation.tensor) {
                lives.entry(equation.tensor).or_insert((at, at));
            }
            for expr in reachable(&plan.kernel, equation.value) {
                for tensor in reads(&plan.kernel, expr) {
                    if let Some((_, last)) = lives.get_mut(&tensor) {
                        *last = latest.max(*last);
                    }
                }
            }
        }
    }
    lives
}

/// Tensors that stay in registers.
fn unstored(plan: &Plan) -> BTreeSet<Id<Tensor>> {
    let mut unstored = BTreeSet::new();
    for region in &plan.regions {
        let tensor = |at: usize| plan.kernel.equations[region.covers[at]].tensor;
        match &region.kind {
            RegionKind::Contract(contract) if !contract.stored => {
                unstored.insert(tensor(0));
            }
            RegionKind::Select(select) if !select.stored => {
                unstored.insert(tensor(0));
            }
            RegionKind::Combine(combine) if !combine.stored => {
                unstored.insert(tensor(0));
            }
            RegionKind::Rowwise(rowwise) => {
                let parts = rowwise.parts.iter().enumerate();
                unstored
                    .extend(parts.filter(|(_, part)| !is_stored(part)).map(|(at, _)| tensor(at)));
            }
            RegionKind::Contract(_)
            | RegionKind::Grouped(_)
            | RegionKind::Combine(_)
            | RegionKind::Histogram(_)
            | RegionKind::Scan(_)
            | RegionKind::Select(_)
            | RegionKind::Pointwise
            | RegionKind::Generic { .. } => {}
        }
    }
    unstored
}

/// Bytes of the partial sums of a step: those of its variant with the most parts.
fn partials(program: &mut Program, at: usize) -> Result<Option<IntId>, Diagnostic> {
    let parts = program.steps[at].variants.iter().map(|variant| match &variant.kernel.body {
        Body::Stepped(stepped) => stepped.split,
        Body::Pipeline(pipeline) if pipeline.exchange == Exchange::Workspace => pipeline.split,
        Body::Pipeline(_)
        | Body::Rows(_)
        | Body::Scan(_)
        | Body::Points(_)
        | Body::Select(_)
        | Body::Ranks(_)
        | Body::Within(_) => 1,
    });
    let most = parts.max().unwrap_or(1);
    let RegionKind::Contract(contract) = &program.plan.regions[at].kind else { return Ok(None) };
    if most <= 1 {
        return Ok(None);
    }
    let contract = contract.clone();
    let mut sizes = Symbols::new(&mut program.plan.kernel);
    let outer = [contract.batch, contract.m, contract.n].concat();
    let elements = sizes.ranges(&outer);
    let bytes = elements.and_then(|elements| sizes.times(elements, 4 * most));
    bytes.map(Some).ok_or_else(|| too_complex(&program.plan, at))
}

/// Bytes of what the parts of rows keep, of their bounds and counts, in the largest variant.
fn kept(program: &mut Program, at: usize) -> Option<IntId> {
    let words = program.steps[at].variants.iter().filter_map(|variant| {
        let Body::Select(Select { by: By::Parts(parts), .. }) = &variant.kernel.body else {
            return None;
        };
        let words = i64::from(parts.kept) + 2;
        Some(words * i64::from(parts.count) * i64::from(parts.rows))
    });
    let words = words.max()?;
    Some(program.plan.kernel.ints.constant(8 * words))
}

fn place(program: &mut Program, pieces: Vec<Piece>) -> Result<Vec<Workspace>, Vec<Diagnostic>> {
    let mut placed: Vec<(Piece, Workspace)> = Vec::new();
    for piece in pieces {
        let region = piece.first;
        let mut sizes = Symbols::new(&mut program.plan.kernel);
        let offset = reuse(&mut sizes, &piece, &placed).or_else(|| after_all(&mut sizes, &placed));
        let offset = offset.ok_or_else(|| vec![too_complex(&program.plan, region)])?;
        let workspace = Workspace { holds: piece.holds, bytes: piece.bytes, offset };
        placed.push((piece, workspace));
    }
    Ok(placed.into_iter().map(|(_, workspace)| workspace).collect())
}

/// The place of a piece that is no longer needed and provably at least as large, unless
/// one that was put there since is still needed.
fn reuse(sizes: &mut Symbols<'_>, piece: &Piece, placed: &[(Piece, Workspace)]) -> Option<IntId> {
    placed.iter().find_map(|(other, place)| {
        let free = placed
            .iter()
            .all(|(living, at)| at.offset != place.offset || living.last < piece.first);
        let fits =
            other.last < piece.first && sizes.surely_at_most(piece.bytes, first_of(placed, place));
        (free && fits).then_some(place.offset)
    })
}

/// The bytes of the piece that a place was made for.
fn first_of(placed: &[(Piece, Workspace)], place: &Workspace) -> IntId {
    let made = placed.iter().find(|(_, at)| at.offset == place.offset);
    made.map_or(place.bytes, |(_, at)| at.bytes)
}

/// The end of all places, which are one after another.
fn after_all(sizes: &mut Symbols<'_>, placed: &[(Piece, Workspace)]) -> Option<IntId> {
    let mut end = sizes.constant(0);
    let mut seen = BTreeSet::new();
    for (_, place) in placed {
        if seen.insert(place.offset) {
            let bytes = sizes.round_up(place.bytes, ALIGNMENT)?;
            end = sizes.add(end, bytes)?;
        }
    }
    Some(end)
}
