//! Why a contraction runs stepped on a chip that has pipelines: the first thing that a
//! pipeline does not take, for whoever reads the tile program.

use tilec_ir::plan::{Contract, Operand};
use tilec_ir::print::{print_expr, scalar};
use tilec_ir::tile::Unit;
use tilec_ir::{Kernel, Scalar};
use tilec_target::{Chip, Machine};

use crate::tune::product::{Layout, Matrix, Product};

/// The reason, of a contraction whose tiles no pipeline takes; `None` on a chip without any.
pub(super) fn stepped(
    kernel: &Kernel,
    contract: &Contract,
    product: &Product,
    chip: &Chip,
) -> Option<String> {
    let Machine::Hopper(_) = chip.machine else { return None };
    if product.unit == Unit::Scalar {
        let [a, b] = [&contract.a, &contract.b].map(|operand| scalar(kernel, operand.element));
        return Some(format!("no instruction multiplies {a} by {b}"));
    }
    let operands = [&contract.a, &contract.b].into_iter().zip(&product.operands);
    let mut reasons = operands.filter_map(|(operand, matrix)| {
        let reason = of_operand(product, matrix, operand)?;
        Some(format!("`{}` {reason}", print_expr(kernel, operand.expr)))
    });
    let scales = || "scales change within what one instruction adds up".to_owned();
    Some(reasons.next().unwrap_or_else(scales))
}

/// Why tiles of an operand are not what the instruction reads.
fn of_operand(product: &Product, matrix: &Matrix, operand: &Operand) -> Option<&'static str> {
    let Some(lies) = matrix.lies() else {
        return Some(match operand.read {
            Some(_) => {
                "is not stored in the type that is multiplied, and tiles are copied as they lie"
            }
            None => "is computed as it is read, and tiles are copied as they lie",
        });
    };
    let is_half = matches!(matrix.element, Scalar::Bf16 | Scalar::F16);
    match lies.layout {
        Layout::K if !matrix.known => Some("has more dimensions than copies of tiles know"),
        Layout::K if product.unit == Unit::Bf16 && matrix.element != Scalar::Bf16 => {
            Some("is widened to bf16, and tiles are copied as they lie")
        }
        Layout::K => None,
        Layout::Rows if !is_half => {
            Some("lies along its rows, which instructions read of 16 bits only")
        }
        Layout::Rows if product.filled => {
            Some("lies along its rows, and data tells where they are")
        }
        Layout::Rows => None,
        Layout::Batch => Some("lies along the batch"),
    }
}
