//! The tensor IR: what is computed, as checked equations.
//!
//! A [`Kernel`] is a list of equations in dependency order. Equation
//! `t[v0, v1] = value` gives, for every point of the ranges of its variables,
//! one element of `t`; the ranges are the shape of `t`. Values are of three
//! classes: f32 (every float type reads as its f32 value), i32 (wrapping; i8,
//! u8 and idx read as it) and bool. Narrow types appear only as the type of a
//! conversion and of a tensor.
//!
//! * Integers built from index variables, sizes, literals and `idx` values are
//!   [`ExprKind::Int`]: exact, never wrapping. A launch whose sizes would let
//!   one leave i32 is refused. All other integer arithmetic wraps.
//! * Only the taken branch of a [`ExprKind::Select`] is evaluated, and the right
//!   side of `and` and `or` only where the left leaves it open. What a test
//!   establishes is a fact there, and every access is proved in range with it.
//! * A float `sum` is f32 in no particular order, and factors may be regrouped
//!   but not across a conversion. `max` and `min` (both forms) propagate NaN
//!   and order -0 below +0. Empty: 0, 1, -inf (i32: the smallest), +inf (i32:
//!   the largest).
//! * [`ExprKind::Rank`] is the place-th of the variable's values ordered by key:
//!   equal keys keep the lower value first (-0 equals +0), NaN comes last.
//!
//! `tensor -> canonical -> plan`: see `tilec-passes` for the next level.

use crate::arena::{Arena, Id};
use crate::diagnostic::Span;
use crate::int::{IntId, Ints};

/// The checked contents of a file.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Kernels in the order of the source.
    pub kernels: Vec<Kernel>,
    /// Tile blocks in the order of the source, names resolved.
    pub tilings: Vec<Tiling>,
}

/// A checked kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Where its header stands.
    pub span: Span,
    /// Size parameters in order.
    pub sizes: Arena<Size>,
    /// What the `where` clause states.
    pub facts: Vec<Fact>,
    /// Inputs in order, then outputs in order, then the rest.
    pub tensors: Arena<Tensor>,
    /// Index variables; each binder of the source is a variable of its own.
    pub vars: Arena<Var>,
    /// Sizes and index expressions.
    pub ints: Ints,
    /// Expressions in evaluation order: operands come before their users.
    pub exprs: Arena<Expr>,
    /// Equations in dependency order: an equation comes after all it reads.
    pub equations: Vec<Equation>,
}

/// A size parameter.
#[derive(Clone, Debug)]
pub struct Size {
    /// Its name.
    pub name: String,
    /// The value it has unless something says otherwise.
    pub default: Option<i64>,
    /// Where it is declared.
    pub span: Span,
}

/// A fact of the `where` clause.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it states.
    pub kind: FactKind,
    /// As written, to be quoted when it does not hold.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// What a fact states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// `a == b`
    Equal(IntId, IntId),
    /// `a <= b`
    AtMost(IntId, IntId),
    /// `a < b`
    Less(IntId, IntId),
    /// The input is ascending along its last dimension.
    Sorted(Id<Tensor>),
    /// The input holds no NaN and no infinity.
    Finite(Id<Tensor>),
}

/// A tensor or, without dimensions, a scalar.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub element: Scalar,
    /// Its dimensions.
    pub shape: Vec<IntId>,
    /// Who fills it.
    pub role: Role,
    /// Where it is declared or defined.
    pub span: Span,
}

/// Who fills a tensor and who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Given by the caller.
    Input,
    /// Computed for the caller.
    Output,
    /// Computed for other equations.
    Local,
}

/// Element types, also the types of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// IEEE binary32.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE binary16.
    F16,
    /// OCP FP8 E4M3 ("fn"): largest 448, no infinity.
    F8E4M3,
    /// OCP FP8 E5M2: largest 57344, with infinities.
    F8E5M2,
    /// 32-bit two's complement, wrapping.
    I32,
    /// 8-bit two's complement.
    I8,
    /// 8-bit unsigned.
    U8,
    /// false or true, stored as one byte 0 or 1.
    Bool,
    /// 0 .. N - 1, stored as i32.
    Idx(IntId),
}

/// An index variable: 0 .. range - 1.
#[derive(Clone, Debug)]
pub struct Var {
    /// Its name in the source; not unique.
    pub name: String,
    /// Its exclusive upper bound.
    pub range: IntId,
    /// Where it is bound.
    pub span: Span,
}

/// `tensor[vars] = value`
#[derive(Clone, Debug)]
pub struct Equation {
    /// What it defines.
    pub tensor: Id<Tensor>,
    /// One variable per dimension, all different.
    pub vars: Vec<Id<Var>>,
    /// Of the tensor's element type, or of one that widens to it.
    pub value: Id<Expr>,
    /// The whole equation.
    pub span: Span,
}

/// A typed expression with its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type: F32, I32 or Bool, or a narrow or idx type where it was written.
    pub ty: Scalar,
    /// Where.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A float literal, possibly infinite.
    Float(f32),
    /// Exact index arithmetic, an integer literal, a size, or an idx value.
    Int(IntId),
    /// An element of a tensor that is not of an idx type.
    Read(Id<Tensor>, Vec<IntId>),
    /// One operand.
    Unary(Unary, Id<Expr>),
    /// Two operands of the same class.
    Binary(Binary, Id<Expr>, Id<Expr>),
    /// `if test then a else b`
    Select(Id<Expr>, Id<Expr>, Id<Expr>),
    /// To the type of the expression: floats round to nearest even (to FP8
    /// saturating), integers clamp, floats to integers truncate and saturate.
    Convert(Id<Expr>),
    /// The float, rounded to the type of the expression by the random bits.
    RoundStochastic(Id<Expr>, Id<Expr>),
    /// Philox4x32-10: seed, then at most four words of the counter; 32 bits.
    Random(Vec<Id<Expr>>),
    /// A reduction over the ranges of its variables.
    Reduce(Reduction, Vec<Id<Var>>, Id<Expr>),
    /// The index at a place of the sorted order; of type `idx<range>`.
    Rank {
        /// The variable whose values are put in order.
        var: Id<Var>,
        /// Which end comes first.
        order: Order,
        /// What they are ordered by: a float or an integer.
        key: Id<Expr>,
        /// Which one is meant; proved in 0 .. range - 1. Does not use `var`.
        place: IntId,
    },
}

/// Operations on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `-x`, also of integers (wrapping)
    Neg,
    /// `not x`
    Not,
    /// `abs(x)`, also of integers (wrapping)
    Abs,
    /// `exp(x)`
    Exp,
    /// natural logarithm
    Log,
    /// `sqrt(x)`
    Sqrt,
    /// `1 / sqrt(x)`
    Rsqrt,
    /// `tanh(x)`
    Tanh,
    /// `erf(x)`
    Erf,
    /// `floor(x)`
    Floor,
    /// The upper 24 of 32 bits as a float in [0, 1): `uniform` of `random`.
    Uniform,
}

/// Operations on two operands of the same class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`; of integers the floor, by a divisor proved not to be zero
    Div,
    /// `a % b`; of integers only, with the sign of the divisor
    Rem,
    /// `min(a, b)`
    Min,
    /// `max(a, b)`
    Max,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    AtMost,
    /// `a > b`
    Greater,
    /// `a >= b`
    AtLeast,
    /// `a and b`
    And,
    /// `a or b`
    Or,
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Empty: 0.
    Sum,
    /// Empty: 1.
    Prod,
    /// Empty: -inf, or the smallest i32.
    Max,
    /// Empty: +inf, or the largest i32.
    Min,
}

/// Which end of the order comes first; NaN is last in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// A tile block, names resolved; whether a setting fits its region is decided
/// once regions are known.
#[derive(Clone, Debug)]
pub struct Tiling {
    /// Which kernel of the module.
    pub kernel: usize,
    /// The chip's name.
    pub chip: String,
    /// Where the chip's name stands.
    pub chip_span: Span,
    /// Settings by what they are for.
    pub entries: Vec<TilingEntry>,
    /// The whole block.
    pub span: Span,
}

/// The settings of one region or of the kernel.
#[derive(Clone, Debug)]
pub struct TilingEntry {
    /// The tensor whose equation ends the region; `None` for the whole kernel.
    pub region: Option<Id<Tensor>>,
    /// Where the key stands.
    pub span: Span,
    /// The settings in order.
    pub settings: Vec<Setting>,
}

/// `name = value`
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: SettingValue,
    /// The whole setting.
    pub span: Span,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// A number.
    Integer(i64),
    /// A word.
    Word(String),
}

impl Scalar {
    /// Whether values of this type are f32 values.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::Bf16 | Self::F16 | Self::F8E4M3 | Self::F8E5M2)
    }

    /// Whether values of this type are i32 values.
    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Self::I32 | Self::I8 | Self::U8 | Self::Idx(_))
    }
}

impl Kernel {
    /// Tensors of one role, in order.
    pub fn tensors_of(&self, role: Role) -> impl Iterator<Item = Id<Tensor>> {
        self.tensors.iter().filter(move |(_, tensor)| tensor.role == role).map(|(id, _)| id)
    }
}
