//! Which thread has which elements of a row, and in which order the equations of a
//! rowwise region are computed.
//!
//! ```text
//! element (step * threads + thread) * vector + i  of the row, i < vector
//! ```
//!
//! Equations are computed in levels: what needs a reduction is a level above it. All
//! of a level share one pass over the row.

use std::collections::BTreeMap;

use tilec_ir::plan::{Part, Rowwise};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Reduction, Tensor, Var};
use tilec_ir::tile;
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Id, IntId, Kernel};

/// The loads that a thread has in flight where rows are not held.
const STREAMED_STEPS: u32 = 4;

/// The 32-bit registers of a multiprocessor, on all chips so far.
const MULTIPROCESSOR_REGISTERS: u32 = 64 << 10;

/// How rows lie in threads.
#[derive(Debug)]
pub(super) struct Layout<'p> {
    /// The covered equations in order.
    pub(super) parts: Vec<PartOf<'p>>,
    /// The region.
    pub(super) rowwise: &'p Rowwise,
    /// Threads that share a row.
    pub(super) threads: u32,
    /// Rows that a block has at once.
    pub(super) rows_per_block: u32,
    /// Threads of a block: whole warps.
    pub(super) block: u32,
    /// Elements that a thread reads at once.
    pub(super) vector: u32,
    /// Vectors that a thread has at once.
    pub(super) steps: u32,
    /// Whether these are the whole row.
    pub(super) held: bool,
    /// Whether every row is whole segments, if it has segments at all.
    pub(super) is_whole: bool,
}

/// A covered equation.
#[derive(Debug)]
pub(super) struct PartOf<'p> {
    pub(super) equation: &'p Equation,
    pub(super) kind: Kind<'p>,
    /// Whether its tensor is needed in memory.
    pub(super) stored: bool,
    /// How many reductions stand one after another before it.
    pub(super) level: usize,
    /// The other covered tensors that it reads.
    pub(super) needs: Vec<Id<Tensor>>,
}

/// What a covered equation is.
#[derive(Debug)]
pub(super) enum Kind<'p> {
    /// A reduction of the row.
    Reduction {
        /// The variables of the row, then that of the segment.
        vars: Vec<Id<Var>>,
        /// The reduced variable.
        column: Id<Var>,
        /// What is reduced, and where that is needed.
        sum: Reduce,
    },
    /// A value per row.
    PerRow {
        /// The variables of the row, then that of the segment.
        vars: Vec<Id<Var>>,
    },
    /// A value per element.
    Map {
        /// The variables of the row.
        rows: &'p [Id<Var>],
        /// The variable along the row.
        column: Id<Var>,
    },
}

/// `if guard then op[column](body) else otherwise`
#[derive(Clone, Copy, Debug)]
pub(super) struct Reduce {
    pub(super) op: Reduction,
    pub(super) body: Id<Expr>,
    /// The test, and the value where it does not hold.
    pub(super) guard: Option<(Id<Expr>, Id<Expr>)>,
}

impl Kind<'_> {
    /// The variables of the row, then that of the segment if there is one.
    pub(super) fn row_vars(&self) -> &[Id<Var>] {
        match self {
            Self::Reduction { vars, .. } | Self::PerRow { vars } => vars,
            Self::Map { rows, .. } => rows,
        }
    }

    /// The variable along the row.
    pub(super) fn column(&self) -> Option<Id<Var>> {
        match *self {
            Self::Reduction { column, .. } | Self::Map { column, .. } => Some(column),
            Self::PerRow { .. } => None,
        }
    }
}

impl<'p> Layout<'p> {
    pub(super) fn new(
        kernel: &'p Kernel,
        rowwise: &'p Rowwise,
        equations: &[&'p Equation],
        body: &tile::Rows,
        when: &[tile::Condition],
    ) -> Self {
        let is_whole = rowwise.segment.is_none_or(|s| is_multiple(kernel, rowwise.length, s));
        // Rows of several segments begin where vectors do if a vector fits into them evenly.
        let vector = whole_vector(body.vector, rowwise.segment);
        let even = is_multiple(kernel, rowwise.length, vector.into());
        let told = rowwise.segment.is_none() || !when.is_empty();
        let vector = if even || told { vector } else { 1 };
        let (threads, rows_per_block) = (body.threads_per_row, body.rows_per_block);
        Self {
            parts: parts(kernel, rowwise, equations),
            rowwise,
            threads,
            rows_per_block,
            block: (threads * rows_per_block).next_multiple_of(32),
            vector,
            steps: body.held.map_or(STREAMED_STEPS, |held| held.div_ceil(vector)).max(1),
            held: body.held.is_some(),
            is_whole,
        }
    }

    /// The C++ type of columns: of what is held, 32 bits are enough.
    pub(super) fn column_type(&self) -> &'static str {
        if self.held { "int" } else { "long long" }
    }

    /// The variables that tell a row, or a segment of one, as some equation has them.
    pub(super) fn row_vars(&self) -> impl Iterator<Item = Id<Var>> {
        let all = self.parts.iter().map(|part| part.kind.row_vars());
        let longest = all.max_by_key(|vars| vars.len()).unwrap_or(&[]);
        longest.iter().copied()
    }

    /// The last level that has equations.
    pub(super) fn last_level(&self) -> usize {
        self.parts.iter().map(|part| part.level).max().unwrap_or(0)
    }

    /// Whether every thread of a block belongs to a row.
    pub(super) fn block_is_full(&self) -> bool {
        self.block == self.threads * self.rows_per_block
    }

    /// Whether registers are left for a value of every element beside what is read.
    pub(super) fn can_keep(&self) -> bool {
        let registers = MULTIPROCESSOR_REGISTERS / self.block.max(256);
        self.held && self.steps * self.vector <= registers / 3
    }

    /// The covered equation of a tensor.
    pub(super) fn part_of(&self, tensor: Id<Tensor>) -> Option<&PartOf<'p>> {
        self.parts.iter().find(|part| part.equation.tensor == tensor)
    }
}

/// Whether a size is a multiple of a number, whatever its parameters are.
fn is_multiple(kernel: &Kernel, size: IntId, of: i64) -> bool {
    kernel.ints.get(size).terms().iter().all(|term| term.coefficient % of == 0)
}

/// The most elements, up to those asked for, that never cross the end of a segment.
fn whole_vector(vector: u32, segment: Option<i64>) -> u32 {
    let fits = |&v: &u32| segment.is_none_or(|segment| segment % i64::from(v) == 0);
    (1..=vector.max(1)).rev().find(fits).unwrap_or(1)
}

fn parts<'p>(kernel: &Kernel, rowwise: &'p Rowwise, equations: &[&'p Equation]) -> Vec<PartOf<'p>> {
    // Whether a covered tensor is a reduction, and its level.
    let mut before: BTreeMap<Id<Tensor>, (bool, usize)> = BTreeMap::new();
    let mut parts = Vec::new();
    for (part, &equation) in rowwise.parts.iter().zip(equations) {
        let (kind, stored) = kind(kernel, part, equation);
        let mut needs: Vec<_> = reachable(kernel, equation.value)
            .into_iter()
            .flat_map(|expr| reads(kernel, expr))
            .filter(|tensor| before.contains_key(tensor))
            .collect();
        needs.sort_unstable();
        needs.dedup();
        let levels = needs.iter().map(|t| before[t].1 + usize::from(before[t].0));
        let level = levels.max().unwrap_or(0);
        let is_reduction = matches!(kind, Kind::Reduction { .. });
        before.insert(equation.tensor, (is_reduction, level));
        parts.push(PartOf { equation, kind, stored, level, needs });
    }
    parts
}

fn kind<'p>(kernel: &Kernel, part: &'p Part, equation: &Equation) -> (Kind<'p>, bool) {
    match part {
        Part::Reduction { rows, segment, column, stored } => {
            let vars = rows.iter().chain(segment).copied().collect();
            let sum = reduce(kernel, equation);
            (Kind::Reduction { vars, column: *column, sum }, *stored)
        }
        Part::PerRow { rows, segment, stored } => {
            (Kind::PerRow { vars: rows.iter().chain(segment).copied().collect() }, *stored)
        }
        Part::Map { rows, column, stored } => (Kind::Map { rows, column: *column }, *stored),
    }
}

/// The reduction of an equation, which canonical form leaves at its outside.
fn reduce(kernel: &Kernel, equation: &Equation) -> Reduce {
    let kind = &kernel.exprs[equation.value].kind;
    let (guard, root) = if let &ExprKind::Select(test, then, otherwise) = kind {
        (Some((test, otherwise)), then)
    } else {
        (None, equation.value)
    };
    let ExprKind::Reduce(op, _, body) = kernel.exprs[root].kind else {
        panic!("the value of a reduction is one: {:?}", kernel.exprs[root])
    };
    Reduce { op, body, guard }
}
