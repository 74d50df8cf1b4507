//! How long the vector unit takes for an item.

use tilec_ir::dataflow::{Index, Math, Op, cycles};

/// Cycles of the vector unit in a body: loops of a known length as often as they run, others
/// once, of branches the longer one.
pub(crate) fn vector_cycles(body: &[Op]) -> f64 {
    let of_op = |op: &Op| match op {
        Op::Loop { count: Index::Number(count), body, .. } => {
            vector_cycles(body) * f64::from(*count)
        }
        Op::Loop { body, .. } => vector_cycles(body),
        Op::If { then, otherwise, .. } => vector_cycles(then).max(vector_cycles(otherwise)),
        Op::Math(Math::Vector(op)) => cycles::vector_cycles(op) as f64,
        Op::Math(_)
        | Op::Move(_)
        | Op::Equation(_)
        | Op::Comment(_)
        | Op::Let(..)
        | Op::Learn { .. }
        | Op::Reserve(..)
        | Op::Push(..)
        | Op::Wait(..)
        | Op::Pop(..) => 0.0,
    };
    body.iter().map(of_op).sum()
}
