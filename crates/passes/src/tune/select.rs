//! Selections: who finds the first elements of a row, by its length, the number of
//! places, and how many rows there are.
//!
//! ```text
//! short rows, few places      a warp holds the row
//! middling rows, few places   a block holds the row
//! few long rows               as many parts as keep all processors busy, then one block
//! long rows                   a block, with a bound that a sample suggests
//! rows that fit at once       a block of few threads
//! anything                    a block
//! ```

use std::collections::BTreeSet;

use tilec_ir::plan::{Gathered, Plan, Region, Select};
use tilec_ir::tensor::{Expr, ExprKind, Tensor, Var};
use tilec_ir::tile::select::is_narrow;
use tilec_ir::tile::{Bound, By, Candidates, Condition, Parts, Select as Body};
use tilec_ir::walk::{ints, reachable, reads};
use tilec_ir::{Atom, Id, IntId, Kernel};
use tilec_target::Chip;

use crate::tune::cut::{Choice, Cut, narrow};
use crate::tune::product::bytes;
use crate::tune::symbols::Symbols;

/// Whether blocks and warps search for a selection. Where it is not, each key is compared
/// with all others: where the key has no value for some rows, and where something is
/// gathered from other places than its own.
pub(crate) fn is_searched(plan: &Plan, region: &Region, select: &Select) -> bool {
    let kernel = &plan.kernel;
    let index = &kernel.equations[region.covers[0]];
    let at_own_place = |gathered: &Gathered| {
        let own_of = |&var: &Id<Var>| match select.rows.iter().position(|&row| row == var) {
            Some(row) => Some(gathered.rows[row]),
            None => gathered.place,
        };
        let own: Option<Vec<_>> = index.vars.iter().map(own_of).collect();
        let is_own = |at: &Vec<IntId>| own.as_ref().is_some_and(|own| is_at(kernel, at, own));
        read_at(kernel, kernel.equations[gathered.equation].value, index.tensor).iter().all(is_own)
    };
    select.guard.is_none() && select.gathered.iter().all(at_own_place)
}

/// Whether indices are these variables.
fn is_at(kernel: &Kernel, at: &[IntId], vars: &[Id<Var>]) -> bool {
    let pairs = at.iter().zip(vars);
    at.len() == vars.len()
        && pairs.into_iter().all(|(&at, &var)| kernel.ints.as_atom(at) == Some(&Atom::Var(var)))
}

/// Where an expression reads a tensor.
fn read_at(kernel: &Kernel, root: Id<Expr>, wanted: Id<Tensor>) -> Vec<Vec<IntId>> {
    let mut found = Vec::new();
    for expr in reachable(kernel, root) {
        if !reads(kernel, expr).contains(&wanted) {
            continue;
        }
        if let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind
            && *tensor == wanted
        {
            found.push(index.clone());
        }
        for int in ints(&kernel.exprs[expr]) {
            kernel.ints.visit_atoms(int, &mut |_, atom| {
                if let Atom::Read(tensor, index) = atom
                    && *tensor == wanted
                {
                    found.push(index.clone());
                }
            });
        }
    }
    found
}

/// The longest row that a warp holds, in elements of a lane; for longer ones a block is
/// quicker (64 x 1024, 32 places on an H200: 7 us instead of 27).
const LANES: [u32; 2] = [4, 8];
/// The most places that a warp finds: each takes its time. No more than it has lanes.
const FEW: i64 = 16;
/// Elements of a row from which on as many blocks as there may be share it.
const LONG: i64 = 256 << 10;
/// The fewest elements of a part.
const PART: i64 = 8 << 10;
/// The most rows that are cut into parts however many places are wanted: a block each
/// keeps enough of the memory busy (64 x 131072 on an H200: 45 us for 2048 places, 65 in
/// parts; 35 for 64 places, 30 in parts).
const FEW_ROWS: i64 = 16;
/// The most places for which rows are cut into parts.
const MANY: i64 = 4096;
/// One of how many elements a sample tells enough of a row.
const SPARSE: i64 = 256;
/// The most places that a block finds in a row that it holds, and that parts keep of more
/// rows than a few.
const HELD: i64 = 128;

/// The choices for a selection; `None` where a grid is too complex a formula.
pub(crate) fn choices(
    sizes: &mut Symbols<'_>,
    select: &Select,
    chip: &Chip,
) -> Option<Vec<Choice>> {
    let wanted = sizes.add(select.first, select.count)?;
    let of = Of { select, wanted, vector: vector(sizes.kernel, select) };
    let mut choices = Vec::new();
    for vector in [of.vector, 1] {
        let aligned = sizes.divides(vector, select.length);
        let Some(when) = aligned.and_then(|aligned| sizes.open([aligned])) else { continue };
        for (more, cut, why) in ways(sizes, &of, vector, chip)? {
            let Some(when) = sizes.open(when.iter().copied().chain(more)) else { continue };
            let last = when.is_empty();
            let chosen_by = format!("model: {why}");
            choices.push(Choice { when, cut: Cut::Select(cut), chosen_by });
            if last {
                return Some(choices);
            }
        }
        if vector == 1 {
            break;
        }
    }
    Some(choices)
}

/// What is chosen for.
struct Of<'a> {
    select: &'a Select,
    /// Places up to the last that is wanted.
    wanted: IntId,
    /// Elements that lie side by side in 16 bytes.
    vector: u32,
}

type Way = (Vec<Condition>, Body, String);

/// In order of preference; the last has no conditions of its own.
fn ways(sizes: &mut Symbols<'_>, of: &Of<'_>, vector: u32, chip: &Chip) -> Option<Vec<Way>> {
    let mut ways = Vec::new();
    if vector > 1 || of.vector == 1 {
        ways.extend(warps(sizes, of, vector));
        ways.extend(held(sizes, of, vector));
        ways.extend(parts(sizes, of, vector, chip));
        ways.extend(sampled(sizes, of, vector, chip)?);
    }
    let bound = Bound::Candidates;
    let small = Candidates { threads: 256, per_thread: 16, capacity: 5120, bound };
    let when = vec![sizes.at_most(of.select.length, i64::from(small.chunk()))];
    let why = format!("rows of up to {} are taken at once", small.chunk());
    ways.push((when, Body { vector, by: By::Block(small) }, why));
    let by = By::Block(candidates(vector, chip));
    ways.push((Vec::new(), Body { vector, by }, "a block streams rows of any length".to_owned()));
    Some(ways)
}

/// As many candidates as there is room for beside those of another block; two vectors of
/// each thread are under way.
fn candidates(vector: u32, chip: &Chip) -> Candidates {
    let per_thread = (2 * vector).max(8);
    let bound = Bound::Candidates;
    let large = Candidates { threads: 512, per_thread, capacity: 12 << 10, bound };
    if large.shared_bytes() <= chip.cuda().shared_bytes_per_block {
        return large;
    }
    Candidates { per_thread: 8, capacity: 8 << 10, ..large }
}

/// A block that a sample tells which elements to leave out, beside others.
const OF_SAMPLE: Candidates =
    Candidates { threads: 512, per_thread: 8, capacity: 6656, bound: Bound::Sample };
/// The same where a processor has no second row.
const WIDE: Candidates = Candidates { threads: 1024, capacity: 10752, ..OF_SAMPLE };

fn sampled(sizes: &mut Symbols<'_>, of: &Of<'_>, vector: u32, chip: &Chip) -> Option<[Way; 2]> {
    let rows = sizes.ranges(&of.select.rows)?;
    let wide = sizes.at_most(rows, i64::from(chip.cuda().multiprocessors));
    let mut way = |block: Candidates, more: Option<Condition>| {
        let when = [
            sizes.at_least(of.select.length, i64::from(block.chunk())),
            sizes.at_most(of.select.length, SPARSE * i64::from(block.chunk())),
            sizes.at_most(of.wanted, i64::from(block.round())),
        ];
        let why = format!("a sample of {} suggests a bound", block.chunk());
        let body = Body { vector, by: By::Block(block) };
        (when.into_iter().chain(more).collect(), body, why)
    };
    Some([way(WIDE, Some(wide)), way(OF_SAMPLE, None)])
}

fn held(sizes: &mut Symbols<'_>, of: &Of<'_>, vector: u32) -> Option<Way> {
    let per_thread = 16;
    let bound = Bound::Row { per_thread };
    let block = Candidates { threads: 256, per_thread: vector.max(4), capacity: 3072, bound };
    let longest = per_thread * block.threads;
    let when = vec![
        sizes.at_least(of.select.length, i64::from(longest / 8)),
        sizes.at_most(of.select.length, i64::from(longest)),
        sizes.at_most(of.wanted, HELD),
    ];
    let why = format!("a block holds rows of up to {longest}");
    (per_thread.is_multiple_of(vector)).then_some((
        when,
        Body { vector, by: By::Block(block) },
        why,
    ))
}

/// The block that joins parts, whose registers are few.
fn joining(vector: u32, chip: &Chip) -> Candidates {
    let (threads, per_thread) = if vector > 4 { (512, 8) } else { (1024, 4) };
    let capacity = 16 << 10;
    let large = Candidates { threads, per_thread, capacity, bound: Bound::Candidates };
    if large.shared_bytes() <= chip.cuda().shared_bytes_per_block {
        return large;
    }
    Candidates { capacity: 8 << 10, ..large }
}

fn warps(sizes: &mut Symbols<'_>, of: &Of<'_>, vector: u32) -> Vec<Way> {
    let known = sizes.value(of.select.length);
    let lanes = LANES.iter().copied().filter(|lane| match known {
        Some(length) => length <= i64::from(32 * lane),
        // Each is a kernel to compile.
        None => *lane == 8,
    });
    let packed = is_narrow(sizes.kernel, of.select.key);
    let lanes: Vec<_> = lanes.filter(|lane| lane.is_multiple_of(vector)).collect();
    let lanes = lanes.into_iter().take(1);
    lanes
        .map(|per_lane| {
            let when = vec![
                sizes.at_most(of.select.length, i64::from(32 * per_lane)),
                sizes.at_most(of.wanted, FEW),
            ];
            let why = format!("a warp holds rows of up to {}", 32 * per_lane);
            (when, Body { vector, by: By::Warp { per_lane, packed } }, why)
        })
        .collect()
}

/// Parts for as few rows as would leave processors idle. Where the number of rows is told
/// at launch, there is a variant for one row, for several, and for many.
fn parts(sizes: &mut Symbols<'_>, of: &Of<'_>, vector: u32, chip: &Chip) -> Vec<Way> {
    let processors = i64::from(chip.cuda().multiprocessors);
    let Some(rows) = sizes.ranges(&of.select.rows) else { return Vec::new() };
    let most: Vec<i64> = match sizes.value(rows) {
        Some(rows) => vec![rows.max(1)],
        None => vec![2, FEW_ROWS, processors / 2],
    };
    let ways = most.into_iter().filter_map(|most| {
        let known = sizes.value(of.select.length).unwrap_or(1 << 20);
        let count = (2 * processors / most).min(known / PART);
        (count > 1).then(|| cut_into(sizes, of, vector, chip, [most, count]))?
    });
    ways.collect()
}

/// At most `rows` rows in `count` parts each.
fn cut_into(
    sizes: &mut Symbols<'_>,
    of: &Of<'_>,
    vector: u32,
    chip: &Chip,
    [rows, count]: [i64; 2],
) -> Option<Way> {
    // Whole lines of 128 bytes.
    let length = sizes.ceil(of.select.length, narrow(count))?;
    let length = sizes.round_up(length, 64)?;
    let join = joining(vector, chip);
    let (many, shortest) = if rows <= FEW_ROWS {
        (MANY.min(i64::from(join.round())), (PART * count).min(LONG))
    } else {
        (HELD, LONG / 2)
    };
    let most = sizes.value(of.wanted).unwrap_or(many).min(many);
    let kept = kept(most, count);
    let part = of_part(sizes.value(length), kept, vector, chip);
    if kept > part.round() {
        return None;
    }
    let all = sizes.ranges(&of.select.rows)?;
    let when = vec![
        sizes.at_most(all, rows),
        sizes.at_least(of.select.length, shortest),
        sizes.at_least(of.wanted, 1),
        sizes.at_most(of.wanted, many),
    ];
    let (count, rows) = (narrow(count), narrow(rows));
    let by = By::Parts(Parts { part, join, count, length, kept, rows });
    let why = format!("{count} parts of each row are searched at the same time");
    Some((when, Body { vector, by }, why))
}

/// The block of a part. One that is short is held; one that keeps few elements needs no
/// sample for a bound, since its first ones tell enough.
fn of_part(length: Option<i64>, kept: u32, vector: u32, chip: &Chip) -> Candidates {
    let per_thread = 16;
    let held = i64::from(OF_SAMPLE.threads * per_thread);
    if i64::from(kept) > HELD {
        OF_SAMPLE
    } else if length.is_some_and(|length| length <= held) {
        Candidates { bound: Bound::Row { per_thread }, ..OF_SAMPLE }
    } else {
        candidates(vector, chip)
    }
}

/// How many elements a part keeps: several times its share, which others make up for.
fn kept(wanted: i64, parts: i64) -> u32 {
    narrow(wanted.min(4 * wanted / parts + 32).max(1))
}

/// Elements that a thread reads at once: those that lie side by side in what the key
/// reads along the row.
fn vector(kernel: &Kernel, select: &Select) -> u32 {
    let mut widest = None;
    for tensor in along(kernel, select) {
        widest = widest.max(Some(bytes(kernel.tensors[tensor].element)));
    }
    widest.map_or(1, |bytes| (16 / bytes).min(8))
}

/// The tensors whose rows the key reads from end to end.
fn along(kernel: &Kernel, select: &Select) -> BTreeSet<Id<Tensor>> {
    let mut found = BTreeSet::new();
    for expr in reachable(kernel, select.key) {
        if let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind
            && let Some(&last) = index.last()
            && kernel.ints.as_atom(last) == Some(&Atom::Var(select.column))
            && kernel.tensors[*tensor].shape.last() == Some(&select.length)
        {
            found.insert(*tensor);
        }
    }
    found
}
