//! Whole numbers of a role: page numbers, counts and tests of them.
//!
//! Values are 32-bit and never negative; a verifier runs every role, so that an
//! underflow or a division by zero cannot reach a chip.

use std::fmt;
use std::ops::{Add, Div, Mul, Rem, Sub};

/// A whole number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    /// A literal.
    Number(u32),
    /// A constant of the step, an argument, a `Let` or a loop's counter of the role.
    Named(String),
    /// The column of this core in the rectangle.
    CoreColumn,
    /// The row of this core in the rectangle.
    CoreRow,
    /// Two numbers.
    Binary(Operator, Box<[Index; 2]>),
}

/// An operation on two whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `a + b`
    Add,
    /// `a - b`, not below 0
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`, rounded down
    Div,
    /// `a % b`
    Rem,
    /// The smaller.
    Min,
}

/// A relation of two whole numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `a == b`
    Equal(Index, Index),
    /// `a < b`
    Less(Index, Index),
    /// Both hold.
    Both(Box<[Test; 2]>),
}

impl Index {
    /// A name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::Named(name.to_owned())
    }

    /// The smaller of two.
    #[must_use]
    pub fn min(self, other: impl Into<Self>) -> Self {
        binary(Operator::Min, self, other.into())
    }

    /// Its value: of names, as `lookup` says; of the core at `[column, row]`. An error
    /// says what went wrong: a name that nothing has, an underflow, an overflow or a division by 0.
    pub fn value(
        &self,
        core: [u32; 2],
        lookup: &impl Fn(&str) -> Option<u32>,
    ) -> Result<u32, String> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Named(name) => lookup(name).ok_or_else(|| format!("nothing is named {name}")),
            Self::CoreColumn => Ok(core[0]),
            Self::CoreRow => Ok(core[1]),
            Self::Binary(operator, operands) => {
                let [a, b] = [&operands[0], &operands[1]].map(|x| x.value(core, lookup));
                operator.apply(a?, b?).ok_or_else(|| format!("{self} has no value"))
            }
        }
    }
}

impl Operator {
    pub(super) fn apply(self, a: u32, b: u32) -> Option<u32> {
        match self {
            Self::Add => a.checked_add(b),
            Self::Sub => a.checked_sub(b),
            Self::Mul => a.checked_mul(b),
            Self::Div => a.checked_div(b),
            Self::Rem => a.checked_rem(b),
            Self::Min => Some(a.min(b)),
        }
    }
}

impl Test {
    /// Whether it holds; see [`Index::value`].
    pub fn holds(
        &self,
        core: [u32; 2],
        lookup: &impl Fn(&str) -> Option<u32>,
    ) -> Result<bool, String> {
        match self {
            Self::Equal(a, b) => Ok(a.value(core, lookup)? == b.value(core, lookup)?),
            Self::Less(a, b) => Ok(a.value(core, lookup)? < b.value(core, lookup)?),
            Self::Both(tests) => Ok(tests[0].holds(core, lookup)? && tests[1].holds(core, lookup)?),
        }
    }
}

/// Two numbers as one, what is trivial left out.
fn binary(operator: Operator, a: Index, b: Index) -> Index {
    use Index::Number;
    use Operator::{Add, Div, Mul, Sub};
    match (operator, a, b) {
        (_, Number(a), Number(b)) if operator.apply(a, b).is_some() => {
            Number(operator.apply(a, b).expect("it was just seen to have a value"))
        }
        (Add, a, Number(0)) | (Add, Number(0), a) | (Sub, a, Number(0)) => a,
        (Mul, a, Number(1)) | (Mul, Number(1), a) | (Div, a, Number(1)) => a,
        (Mul, _, Number(0)) | (Mul, Number(0), _) => Number(0),
        (Div, a, Number(b)) if let Some(quotient) = quotient(&a, b) => quotient,
        (operator, a, b) => Index::Binary(operator, Box::new([a, b])),
    }
}

/// `x * 12 / 4` is `x * 3`.
fn quotient(a: &Index, by: u32) -> Option<Index> {
    let Index::Binary(Operator::Mul, factors) = a else { return None };
    let [x, Index::Number(times)] = &**factors else { return None };
    let quotient = times.checked_div(by).filter(|_| times % by == 0)?;
    Some(binary(Operator::Mul, x.clone(), Index::Number(quotient)))
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<T: Into<Index>> $trait<T> for Index {
            type Output = Index;

            fn $method(self, other: T) -> Index {
                binary(Operator::$trait, self, other.into())
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
operator!(Rem, rem);

impl From<u32> for Index {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Index {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

/// As C++ writes it, where the core's place is `core_column` and `core_row`, and `std::min`
/// the smaller of two.
impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Named(name) => f.write_str(name),
            Self::CoreColumn => f.write_str("core_column"),
            Self::CoreRow => f.write_str("core_row"),
            Self::Binary(Operator::Min, operands) => {
                write!(f, "std::min<uint32_t>({}, {})", operands[0], operands[1])
            }
            Self::Binary(operator, operands) => {
                let [a, b] = [&operands[0], &operands[1]];
                let (level, sign) = operator.level();
                a.write_at(f, level)?;
                write!(f, " {sign} ")?;
                b.write_at(f, level + 1)
            }
        }
    }
}

impl Operator {
    /// How tightly it binds, and its sign.
    fn level(self) -> (u8, &'static str) {
        match self {
            Self::Add => (1, "+"),
            Self::Sub => (1, "-"),
            Self::Mul => (2, "*"),
            Self::Div => (2, "/"),
            Self::Rem => (2, "%"),
            Self::Min => (3, "min"),
        }
    }
}

impl Index {
    /// In parentheses if it binds less tightly than `level`.
    fn write_at(&self, f: &mut fmt::Formatter<'_>, level: u8) -> fmt::Result {
        match self {
            Self::Binary(operator, _) if operator.level().0 < level => write!(f, "({self})"),
            Self::Number(_)
            | Self::Named(_)
            | Self::CoreColumn
            | Self::CoreRow
            | Self::Binary(..) => write!(f, "{self}"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(a, b) => write!(f, "{a} == {b}"),
            Self::Less(a, b) => write!(f, "{a} < {b}"),
            Self::Both(tests) => write!(f, "{} && {}", tests[0], tests[1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_print_as_they_are_computed() {
        let [m, k] = ["m", "k"].map(Index::named);
        let index = (m.clone() + 1) * (k.clone() - m.clone() % 4u32) / 2;
        assert_eq!(index.to_string(), "(m + 1) * (k - m % 4) / 2");
        let lookup =
            |name: &str| [("m", 5), ("k", 9)].into_iter().find(|x| x.0 == name).map(|x| x.1);
        assert_eq!(index.value([0, 0], &lookup), Ok(24));
        assert_eq!((m.clone() - k).value([0, 0], &lookup), Err("m - k has no value".to_owned()));
        assert!((m / 0).value([0, 0], &lookup).is_err());
        assert_eq!((Index::from(2) * 3 + 0).to_string(), "6");
        assert_eq!(
            (Index::CoreColumn - (Index::CoreRow - 1)).to_string(),
            "core_column - (core_row - 1)"
        );
    }
}
