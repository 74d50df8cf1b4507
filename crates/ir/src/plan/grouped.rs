//! Grouped contractions, what adds their rows up again, and the counts of groups.
//!
//! ```text
//! gate[t, s, f] = sum[d](x[t, d] * w[expert[t, s], f, d])                 grouped
//! out[t, d]     = sum[s](weight[t, s] * y[t, s, d])                       combined
//! count[e]      = sum[t, s](if expert[t, s] == e then 1 else 0)           a histogram
//! ```
//!
//! A row is a point of the row variables, its group an integer of these alone, and only
//! the group tells which matrix the row goes through. How many rows a group has, where
//! they begin and how they are permuted is nowhere stored: it follows from the group.
//! Nothing is known of the groups of rows: they may be empty, hold every row, and repeat
//! within a token.

use crate::arena::Id;
use crate::int::IntId;
use crate::plan::{Axis, Contract, EquationAt};
use crate::tensor::{Expr, ExprKind, Kernel, Scalar, Tensor, Var};

/// Products that share their rows, their groups and the operand `a`:
///
/// ```text
/// up[r, f]   = sum[d](x[r, d] * w_up[group(r), f, d])
/// gate[r, f] = sum[d](x[r, d] * w_gate[group(r), f, d])
/// h[r, f]    = silu(gate[r, f]) * up[r, f]                the epilogue
/// ```
#[derive(Clone, Debug)]
pub struct Grouped {
    /// How rows of one group are found.
    pub form: Form,
    /// How many groups there are: groups are 0 .. groups - 1.
    pub groups: IntId,
    /// At least one, in the order of their equations. Variables at one position of their
    /// lists `batch`, `m` and `k` have one meaning.
    pub products: Vec<GroupedProduct>,
    /// Pointwise equations over the same points that read the sums; with the equations of
    /// the products they are [`crate::plan::Region::covers`].
    pub epilogue: Vec<EquationAt>,
}

/// One product of a grouped region.
#[derive(Clone, Debug)]
pub struct GroupedProduct {
    /// The sum.
    pub equation: EquationAt,
    /// The product of a row with its matrix. `m` is every variable that tells rows, also
    /// one that `a` does not use (the slot of a token), so it need not be adjacent in `a`.
    /// `b` is the matrix of the row's group; its own epilogue is empty.
    pub contract: Contract,
    /// The group of a row, of the variables in `batch` and `m` alone.
    pub group: IntId,
    /// Where `b` lies, if it is a plain read but for its group, maybe [`widened`].
    pub weights: Option<Weights>,
}

/// `w[group, f, d]`: the matrices of all groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Which tensor.
    pub tensor: Id<Tensor>,
    /// Its dimensions, outermost first.
    pub dims: Vec<WeightDim>,
}

/// A dimension of the matrices of all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightDim {
    /// The group.
    Group,
    /// An axis, from this place on: `w[group, F + f, d]`.
    Axis {
        /// Which.
        axis: Axis,
        /// Of sizes alone.
        offset: IntId,
    },
    /// One place of sizes: `w[1, group, f, d]`.
    Fixed(IntId),
}

/// What is known of the groups of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing: rows of a group may stand anywhere.
    Unsorted,
    /// Groups ascend with the rows, so that rows of a group are next to each other. A
    /// precondition of the launch, not checked there.
    Contiguous,
    /// Groups ascend with the rows by construction: the group of row `r` is how many
    /// `offset[e + 1]` are at most `r`, and the last group for rows past the end.
    Offsets {
        /// The tensor of offsets, of one more elements than there are groups.
        offset: Id<Tensor>,
    },
    /// Each group has room for as many rows as the range of `row`, of which the first
    /// `count` are needed; the sum of others is 0.
    Masked {
        /// The variable of the rows within a group.
        row: Id<Var>,
        /// How many are needed: an i32 of the other rows' variables, possibly negative or
        /// past the room.
        count: Id<Expr>,
    },
}

/// Rows of several slots, weighed and added up, slot by slot in their order:
///
/// ```text
/// out[rows, columns] = sum[slots](value[rows, slots, columns] * weights[rows, slots])
/// ```
#[derive(Clone, Debug)]
pub struct Combine {
    /// Variables that tell what is added up to: tokens.
    pub rows: Vec<Id<Var>>,
    /// Variables of the value that no weight uses.
    pub columns: Vec<Id<Var>>,
    /// The reduced variables.
    pub slots: Vec<Id<Var>>,
    /// What is added up: made by a grouped region.
    pub value: Id<Expr>,
    /// What it is weighed with, each an f32 of `rows` and `slots`.
    pub weights: Vec<Weight>,
    /// Pointwise equations over the same points that read the sum; also in
    /// [`crate::plan::Region::covers`].
    pub epilogue: Vec<EquationAt>,
    /// Whether the sum itself must be stored.
    pub stored: bool,
}

/// A factor of what is combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Its value.
    pub expr: Id<Expr>,
    /// Whether it divides.
    pub inverse: bool,
}

/// `count[rows, bin] = sum[over](if key == bin then value else 0)`
#[derive(Clone, Debug)]
pub struct Histogram {
    /// The variables of the counts besides `bin`.
    pub rows: Vec<Id<Var>>,
    /// The variable that tells the bin.
    pub bin: Id<Var>,
    /// The reduced variables.
    pub over: Vec<Id<Var>>,
    /// Which bin an element counts for: an i32 that need not be one; does not use `bin`.
    pub key: Id<Expr>,
    /// What it adds there, an i32 or f32; does not use `bin`.
    pub value: Id<Expr>,
}

/// What an operand is before conversions that widen it: `f32(w[e, f, d])` of an i8 `w`.
#[must_use]
pub fn widened(kernel: &Kernel, operand: Id<Expr>) -> Id<Expr> {
    let mut operand = operand;
    while let Expr { kind: ExprKind::Convert(x), ty: Scalar::F32, .. } = kernel.exprs[operand] {
        operand = x;
    }
    operand
}

impl Grouped {
    /// The products that share rows, without what follows them.
    #[must_use]
    pub fn equations(&self) -> Vec<EquationAt> {
        self.products.iter().map(|product| product.equation).collect()
    }
}
