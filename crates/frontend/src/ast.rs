//! The syntax tree of a `.tile` file: what was written, where, and nothing else.
//!
//! Expressions live in one arena per file in evaluation order (operands before
//! the expression that uses them), so that no walk and no drop needs the stack.
//! Names are kept as written; nothing is resolved.

use tilec_ir::{Arena, Id, Span};

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Kernels, functions and tile blocks in the order of the source.
    pub items: Vec<Item>,
    /// Every expression and size of the file.
    pub exprs: Arena<Expr>,
    /// Names of kernels and functions that stand in the source but could not be
    /// read, so that nobody calls them unknown as well.
    pub unread: Vec<Name>,
}

/// What stands at the top level of a file.
#[derive(Clone, Debug)]
pub enum Item {
    /// `kernel ..`
    Kernel(Kernel),
    /// `fn ..`
    Function(Function),
    /// `tile .. on ..`
    Tiling(Tiling),
}

/// `kernel name[sizes](inputs) -> (outputs) where facts { equations }`
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The kernel's name.
    pub name: Name,
    /// Size parameters.
    pub sizes: Vec<SizeParam>,
    /// Inputs in order.
    pub inputs: Vec<Param>,
    /// Outputs in order.
    pub outputs: Vec<Param>,
    /// What the `where` clause states.
    pub facts: Vec<Fact>,
    /// Equations in the order of the source.
    pub equations: Vec<Equation>,
    /// The whole kernel.
    pub span: Span,
}

/// `S` or `S = 8`
#[derive(Clone, Debug)]
pub struct SizeParam {
    /// Its name.
    pub name: Name,
    /// The value it has unless something says otherwise.
    pub default: Option<i64>,
}

/// `name: type`
#[derive(Clone, Debug)]
pub struct Param {
    /// The tensor's name.
    pub name: Name,
    /// Its element type.
    pub element: Element,
    /// Its dimensions; none for a scalar.
    pub shape: Vec<Id<Expr>>,
    /// The whole parameter.
    pub span: Span,
}

/// An element type as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element {
    /// f32
    F32,
    /// bf16
    Bf16,
    /// f16
    F16,
    /// f8e4m3
    F8E4M3,
    /// f8e5m2
    F8E5M2,
    /// i32
    I32,
    /// i8
    I8,
    /// u8
    U8,
    /// bool
    Bool,
    /// `idx<N>`
    Idx(Id<Expr>),
}

/// One fact of a `where` clause.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it states.
    pub kind: FactKind,
    /// The whole fact.
    pub span: Span,
}

/// What a fact states.
#[derive(Clone, Debug)]
pub enum FactKind {
    /// `a == b`, `a <= b`, `a < b`
    Compare(Id<Expr>, Relation, Id<Expr>),
    /// `sorted(x)`
    Sorted(Name),
    /// `finite(x)`
    Finite(Name),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// `fn name(params) = body`
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Name>,
    /// What it computes.
    pub body: Id<Expr>,
    /// The whole definition.
    pub span: Span,
}

/// `name[binders] = value`
#[derive(Clone, Debug)]
pub struct Equation {
    /// The tensor it defines.
    pub name: Name,
    /// Its index variables; none for a scalar.
    pub binders: Vec<Binder>,
    /// What it computes.
    pub value: Id<Expr>,
    /// The whole equation.
    pub span: Span,
}

/// `i` or `i < N`
#[derive(Clone, Debug)]
pub struct Binder {
    /// The index variable.
    pub name: Name,
    /// Its range, if written.
    pub range: Option<Id<Expr>>,
    /// The whole binder.
    pub span: Span,
}

/// An expression or a size, with its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is. Sizes use the arithmetic, `Name`, `Integer` and
/// `Ceil` kinds only.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `12`
    Integer(i64),
    /// `1.5`, `1e-6`
    Fraction(f32),
    /// `inf`
    Infinity,
    /// `ceil(X / 128)`, in sizes
    Ceil(Id<Expr>, Id<Expr>),
    /// `name`
    Name(Name),
    /// `name[indices]`
    Read(Name, Vec<Id<Expr>>),
    /// `name(arguments)`, also `min` and `max` of two arguments
    Call(Name, Vec<Id<Expr>>),
    /// `bf16(x)`, `idx<N>(x)`
    Convert(Element, Vec<Id<Expr>>),
    /// `round_stochastic<f8e4m3>(x, r)`
    RoundStochastic(Element, Vec<Id<Expr>>),
    /// `-x`
    Negate(Id<Expr>),
    /// `not x`
    Not(Id<Expr>),
    /// `a + b` and the like
    Arithmetic(Arithmetic, Id<Expr>, Id<Expr>),
    /// `a <= b` and the like
    Compare(Relation, Id<Expr>, Id<Expr>),
    /// `a and b`
    And(Id<Expr>, Id<Expr>),
    /// `a or b`
    Or(Id<Expr>, Id<Expr>),
    /// `if test then a else b`
    If(Id<Expr>, Id<Expr>, Id<Expr>),
    /// `sum[i, j < N](body)`
    Reduce(Reduction, Vec<Binder>, Id<Expr>),
    /// `argsort[v desc](key)[place]`; `argmax[v](key)` has no place
    Argsort {
        /// The variable whose values are put in order.
        binder: Binder,
        /// Largest first.
        descending: bool,
        /// What they are ordered by.
        key: Id<Expr>,
        /// Which of the sorted indices is meant; `None` for `argmax`.
        place: Option<Id<Expr>>,
    },
    /// Something that could not be read and has been reported.
    Error,
}

impl ExprKind {
    /// Calls `visit` with every expression and size that this one is made of
    /// directly, in the order of the source.
    pub fn each_operand(&self, mut visit: impl FnMut(Id<Expr>)) {
        let range = |binder: &Binder, visit: &mut dyn FnMut(Id<Expr>)| {
            binder.range.into_iter().for_each(visit)
        };
        match self {
            Self::Integer(_) | Self::Fraction(_) | Self::Infinity | Self::Name(_) | Self::Error => {
            }
            Self::Negate(a) | Self::Not(a) => visit(*a),
            Self::Ceil(a, b)
            | Self::Arithmetic(_, a, b)
            | Self::Compare(_, a, b)
            | Self::And(a, b)
            | Self::Or(a, b) => [*a, *b].into_iter().for_each(visit),
            Self::If(a, b, c) => [*a, *b, *c].into_iter().for_each(visit),
            Self::Read(_, list) | Self::Call(_, list) => list.iter().copied().for_each(visit),
            Self::Convert(element, list) | Self::RoundStochastic(element, list) => {
                if let Element::Idx(size) = element {
                    visit(*size);
                }
                list.iter().copied().for_each(visit);
            }
            Self::Reduce(_, binders, body) => {
                binders.iter().for_each(|binder| range(binder, &mut visit));
                visit(*body);
            }
            Self::Argsort { binder, descending: _, key, place } => {
                range(binder, &mut visit);
                visit(*key);
                place.iter().copied().for_each(visit);
            }
        }
    }
}

/// Arithmetic of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

/// The four reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// `sum`
    Sum,
    /// `prod`
    Prod,
    /// `max`
    Max,
    /// `min`
    Min,
}

/// `tile kernel on chip { key: settings }`
#[derive(Clone, Debug)]
pub struct Tiling {
    /// The kernel it cuts.
    pub kernel: Name,
    /// The chip it is for.
    pub chip: Name,
    /// Settings by equation or kernel.
    pub entries: Vec<Entry>,
    /// The whole block.
    pub span: Span,
}

/// `key: setting, setting`
#[derive(Clone, Debug)]
pub struct Entry {
    /// An equation or the kernel.
    pub key: Name,
    /// Its settings.
    pub settings: Vec<Setting>,
}

/// `name = value`
#[derive(Clone, Debug)]
pub struct Setting {
    /// Which setting.
    pub name: Name,
    /// Its value.
    pub value: SettingValue,
    /// Where the value stands.
    pub span: Span,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// `128`
    Integer(i64),
    /// `never`
    Word(String),
}
