//! Formulas as C++: sizes are fields of `sizes`, and operators those of `Integer`,
//! which are exact and know when they are not.

use tilec_manifest::{Formula, Operator};

use super::Of;

/// The expression of a formula, which may be a plain number.
pub(super) fn expression(of: &Of<'_>, formula: &Formula) -> String {
    let mut out = String::new();
    write(&mut out, of, formula);
    out
}

/// An expression that is an `Integer` for sure.
pub(super) fn whole(of: &Of<'_>, formula: &Formula) -> String {
    let mut out = String::new();
    write_whole(&mut out, of, formula);
    out
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

fn write(out: &mut String, of: &Of<'_>, formula: &Formula) {
    let (op, a, b) = match formula {
        Formula::Constant(value) => return *out += &literal(*value),
        Formula::Size(name) => {
            let position = of.manifest.sizes.iter().position(|size| size.name == *name);
            let position = position.expect("a manifest's formulas are over its sizes");
            *out += "sizes.";
            return *out += &of.fields.sizes[position];
        }
        Formula::Apply(op, a, b) => (*op, a, b),
    };
    match op {
        Operator::Add | Operator::Sub | Operator::Mul | Operator::Div => {
            write_left(out, of, a, op);
            *out += sign(op);
            write_right(out, of, b, op);
        }
        Operator::Min | Operator::Max => {
            *out += sign(op);
            write_whole(out, of, a);
            *out += ", ";
            write(out, of, b);
            *out += ")";
        }
    }
}

/// What stands between two operands, or before them.
fn sign(op: Operator) -> &'static str {
    match op {
        Operator::Add => " + ",
        Operator::Sub => " - ",
        Operator::Mul => " * ",
        Operator::Div => " / ",
        Operator::Min => "smaller(",
        Operator::Max => "larger(",
    }
}

/// Two plain numbers would be computed without noticing an overflow.
fn write_whole(out: &mut String, of: &Of<'_>, formula: &Formula) {
    match formula {
        Formula::Constant(value) => *out += &format!("Integer({})", literal(*value)),
        Formula::Size(_) | Formula::Apply(..) => write(out, of, formula),
    }
}

/// The left operand: of a product or a quotient a sum is in parentheses.
fn write_left(out: &mut String, of: &Of<'_>, formula: &Formula, op: Operator) {
    let binds = matches!(op, Operator::Mul | Operator::Div);
    let is_sum = matches!(formula, Formula::Apply(Operator::Add | Operator::Sub, ..));
    parenthesize(out, binds && is_sum, |out| write_whole(out, of, formula));
}

/// The right operand: in parentheses unless what is before it is a sum.
fn write_right(out: &mut String, of: &Of<'_>, formula: &Formula, op: Operator) {
    let is_loose = matches!(
        formula,
        Formula::Apply(Operator::Add | Operator::Sub | Operator::Mul | Operator::Div, ..)
    );
    parenthesize(out, op != Operator::Add && is_loose, |out| write(out, of, formula));
}

fn parenthesize(out: &mut String, needed: bool, write: impl FnOnce(&mut String)) {
    if needed {
        out.push('(');
    }
    write(out);
    if needed {
        out.push(')');
    }
}

fn literal(value: i64) -> String {
    match i32::try_from(value) {
        Ok(value) if value >= 0 => value.to_string(),
        Ok(value) => format!("({value})"),
        Err(_) if value == i64::MIN => "INT64_MIN".to_owned(),
        Err(_) => format!("INT64_C({value})"),
    }
}
