//! Integers computed from the sizes of a launch.
//!
//! In JSON a formula is a number, a name, or an array of an operator and its
//! operands: `["/", ["+", "M", 127], 128]`. [`std::fmt::Display`] writes it as C.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An integer that depends on sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Formula {
    /// A number.
    Constant(i64),
    /// A size parameter by name.
    Size(String),
    /// An operator and its operands.
    Apply(Operator, Box<Formula>, Box<Formula>),
}

/// Operators of formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Operator {
    /// `a + b`
    #[serde(rename = "+")]
    Add,
    /// `a - b`
    #[serde(rename = "-")]
    Sub,
    /// `a * b`
    #[serde(rename = "*")]
    Mul,
    /// The floor of `a / b`, with b >= 1.
    #[serde(rename = "/")]
    Div,
    /// The smaller.
    #[serde(rename = "min")]
    Min,
    /// The larger.
    #[serde(rename = "max")]
    Max,
}

impl Formula {
    /// `op(a, b)`, computed where both are numbers.
    #[must_use]
    pub fn apply(op: Operator, a: Self, b: Self) -> Self {
        if let (Self::Constant(x), Self::Constant(y)) = (&a, &b)
            && let Some(value) = op.eval(*x, *y)
        {
            return Self::Constant(value);
        }
        match (op, &a, &b) {
            (Operator::Add, Self::Constant(0), _) | (Operator::Mul, Self::Constant(1), _) => b,
            (Operator::Add | Operator::Sub, _, Self::Constant(0))
            | (Operator::Mul | Operator::Div, _, Self::Constant(1)) => a,
            _ => Self::Apply(op, Box::new(a), Box::new(b)),
        }
    }

    /// `ceil(self / d)`
    #[must_use]
    pub fn ceil_div(self, d: i64) -> Self {
        let up = Self::apply(Operator::Add, self, Self::Constant(d - 1));
        Self::apply(Operator::Div, up, Self::Constant(d))
    }

    /// The smallest multiple of `d` that is at least this.
    #[must_use]
    pub fn round_up(self, d: i64) -> Self {
        Self::apply(Operator::Mul, self.ceil_div(d), Self::Constant(d))
    }

    /// Its value; `None` where a name is unknown, a divisor is not positive, or a
    /// step leaves 64 bits.
    pub fn eval(&self, size: &impl Fn(&str) -> Option<i64>) -> Option<i64> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Size(name) => size(name),
            Self::Apply(op, a, b) => op.eval(a.eval(size)?, b.eval(size)?),
        }
    }
}

impl Operator {
    fn eval(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Self::Add => a.checked_add(b),
            Self::Sub => a.checked_sub(b),
            Self::Mul => a.checked_mul(b),
            Self::Div => (b > 0).then(|| a.div_euclid(b)),
            Self::Min => Some(a.min(b)),
            Self::Max => Some(a.max(b)),
        }
    }
}

impl From<i64> for Formula {
    fn from(value: i64) -> Self {
        Self::Constant(value)
    }
}

/// As C: `tilec_floor_div`, `tilec_min` and `tilec_max` are functions of two
/// `int64_t` that the emitted source defines.
impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Size(name) => f.write_str(name),
            Self::Apply(Operator::Add, a, b) => write!(f, "({a} + {b})"),
            Self::Apply(Operator::Sub, a, b) => write!(f, "({a} - {b})"),
            Self::Apply(Operator::Mul, a, b) => write!(f, "{a} * {b}"),
            Self::Apply(Operator::Div, a, b) => write!(f, "tilec_floor_div({a}, {b})"),
            Self::Apply(Operator::Min, a, b) => write!(f, "tilec_min({a}, {b})"),
            Self::Apply(Operator::Max, a, b) => write!(f, "tilec_max({a}, {b})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles() -> Formula {
        let rows = Formula::Size("M".to_owned()).ceil_div(128);
        Formula::apply(Operator::Mul, rows, Formula::Size("N".to_owned()).ceil_div(192))
    }

    #[test]
    fn formulas_evaluate_print_and_survive_json() {
        let size = |name: &str| match name {
            "M" => Some(129),
            "N" => Some(192),
            _ => None,
        };
        assert_eq!(tiles().eval(&size), Some(2));
        let c = "tilec_floor_div((M + 127), 128) * tilec_floor_div((N + 191), 192)";
        assert_eq!(tiles().to_string(), c);
        let json = serde_json::to_string(&tiles()).expect("a formula is JSON");
        assert_eq!(json, r#"["*",["/",["+","M",127],128],["/",["+","N",191],192]]"#);
        assert_eq!(serde_json::from_str::<Formula>(&json).expect("it was written"), tiles());
    }

    #[test]
    fn what_cannot_be_computed_is_none() {
        let huge = Formula::apply(Operator::Mul, i64::MAX.into(), Formula::Size("M".to_owned()));
        assert_eq!(huge.eval(&|_| Some(2)), None);
        assert_eq!(huge.eval(&|_| None), None);
        let by_zero = Formula::apply(Operator::Div, 1.into(), 0.into());
        assert_eq!(by_zero.eval(&|_| None), None);
    }
}
