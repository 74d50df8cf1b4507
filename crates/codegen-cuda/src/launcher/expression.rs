//! Formulas as C++: sizes are fields of `sizes`, and operators those of `Integer`,
//! which are exact and know when they are not.

use tilec_manifest::{Formula, Operator};

use super::Of;

/// The expression of a formula, which may be a plain number.
pub(super) fn expression(of: &Of<'_>, formula: &Formula) -> String {
    let (op, a, b) = match formula {
        Formula::Constant(value) => return literal(*value),
        Formula::Size(name) => {
            let position = of.manifest.sizes.iter().position(|size| size.name == *name);
            let position = position.expect("a manifest's formulas are over its sizes");
            return format!("sizes.{}", of.fields.sizes[position]);
        }
        Formula::Apply(op, a, b) => (*op, a, b),
    };
    // Two plain numbers would be computed without noticing an overflow.
    let (left, right) = (whole(of, a), expression(of, b));
    match op {
        Operator::Add => format!("{left} + {right}"),
        Operator::Sub => format!("{left} - {}", bind(b, right, false)),
        Operator::Mul => format!("{} * {}", bind(a, left, true), bind(b, right, false)),
        Operator::Div => format!("{} / {}", bind(a, left, true), bind(b, right, false)),
        Operator::Min => format!("smaller({left}, {right})"),
        Operator::Max => format!("larger({left}, {right})"),
    }
}

/// An expression that is an `Integer` for sure.
pub(super) fn whole(of: &Of<'_>, formula: &Formula) -> String {
    match formula {
        Formula::Constant(value) => format!("Integer({})", literal(*value)),
        Formula::Size(_) | Formula::Apply(..) => expression(of, formula),
    }
}

/// Formulas of which one is the largest.
pub(super) fn largest(formula: &Formula) -> Vec<&Formula> {
    let (mut open, mut found) = (vec![formula], Vec::new());
    while let Some(formula) = open.pop() {
        if let Formula::Apply(Operator::Max, a, b) = formula {
            open.extend([&**b, &**a]);
        } else {
            found.push(formula);
        }
    }
    found
}

/// The text in parentheses, where an operator beside it would bind a part of it. A
/// product may stand at the left of `*` and `/`.
fn bind(formula: &Formula, text: String, at_left: bool) -> String {
    let is_loose = match formula {
        Formula::Apply(Operator::Add | Operator::Sub, ..) => true,
        Formula::Apply(Operator::Mul | Operator::Div, ..) => !at_left,
        Formula::Apply(Operator::Min | Operator::Max, ..)
        | Formula::Constant(_)
        | Formula::Size(_) => false,
    };
    if is_loose { format!("({text})") } else { text }
}

fn literal(value: i64) -> String {
    match i32::try_from(value) {
        Ok(value) if value >= 0 => value.to_string(),
        Ok(value) => format!("({value})"),
        Err(_) if value == i64::MIN => "INT64_MIN".to_owned(),
        Err(_) => format!("INT64_C({value})"),
    }
}
