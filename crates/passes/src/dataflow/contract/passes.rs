//! In how many passes the matrix unit multiplies, and what is left out where that is one less
//! than all.
//!
//! One pass takes a leading 1 and 6 bits of the fraction of `a`, and 4 of that of `b`:
//!
//! ```text
//! pass 1   a upper * b upper        pass 3   a lower * b upper
//! pass 2   a upper * b lower        pass 4   a lower * b lower
//! ```

use tilec_ir::Scalar;
use tilec_ir::dataflow::Fidelity;
use tilec_ir::plan::Contract;
use tilec_target::Tensix;

use super::format::significant_bits;
use super::operand::{Operand, Side};

/// Bits of a fraction that one pass takes, of `a` and of `b`.
const UPPER: [u32; 2] = [6, 4];

/// As many passes as the fractions of the operands need.
pub(super) fn fidelity(operands: &[Operand; 2], left_out: Option<i32>) -> Fidelity {
    let [a, b] = [Side::A, Side::B].map(|side| operands[side as usize].fraction_bits);
    match (a > UPPER[0], b > UPPER[1]) {
        (false, false) => Fidelity::LoFi,
        (false, true) => Fidelity::HiFi2,
        (true, true) if left_out.is_none() => Fidelity::HiFi4,
        (true, _) => Fidelity::HiFi3,
    }
}

/// If a chip leaves out the fourth pass of a contraction: each product is too small by less
/// than 2^-n of itself, for this n.
///
/// On a chip that does not [add -1 unit](Tensix::adds_minus_one) the fourth pass is what leads
/// there, so that it costs more than it brings. Integers don't: they are multiples of a unit
/// that the sum's last place never reaches.
#[must_use]
pub fn left_out(contract: &Contract, tensix: &Tensix) -> Option<i32> {
    let elements = [contract.a.element, contract.b.element];
    let [a, b] = elements.map(significant_bits);
    let four = a > UPPER[0] && b > UPPER[1] && elements.iter().all(|element| element.is_float());
    // The lower bits of `a` are less than 2^-6 of it and those of `b` less than 2^-4, those of a
    // bf16 in `a` at most 2^-7.
    let lost = if elements[0] == Scalar::Bf16 { 11 } else { 10 };
    (four && !tensix.adds_minus_one).then_some(lost)
}
