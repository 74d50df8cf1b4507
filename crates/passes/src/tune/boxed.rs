//! Whether the results of a contraction can leave as they lie in registers.
//!
//! ```text
//! c[m, n] = bf16(acc[m, n] * s[m] + bias[n])    yes
//! c[m, n] = bf16(acc[m, n] + x[m, n])           no: x is read better in rows
//! c[n, m] = bf16(acc[m, n])                     no: neighbors along n lie apart
//! ```

use tilec_ir::plan::Contract;
use tilec_ir::tensor::{Equation, Expr, ExprKind, Tensor, Var};
use tilec_ir::walk::{ints, reachable};
use tilec_ir::{Atom, Id, Kernel, Scalar};

/// Whether a contraction stores one output of 16 bits that is dense in batch, rows and
/// columns, and reads nothing else for it that has both a row and a column.
pub(crate) fn boxed(kernel: &Kernel, contract: &Contract) -> bool {
    let [output] = contract.epilogue[..] else { return false };
    let output = &kernel.equations[output];
    let narrow = matches!(kernel.tensors[output.tensor].element, Scalar::Bf16 | Scalar::F16);
    // A variable belongs to one equation.
    let sum = kernel.equations.iter().find(|equation| equation.vars.contains(&contract.n[0]));
    let Some(sum) = sum.filter(|_| narrow && !contract.stored) else { return false };
    let Some(places) = places(kernel, sum, output) else { return false };
    let [batch, m, n] = [&contract.batch, &contract.m, &contract.n];
    let own = |vars: &[Id<Var>]| -> Vec<Id<Var>> {
        let pairs = places.iter().zip(&output.vars);
        pairs.filter(|(of_sum, _)| vars.contains(of_sum)).map(|(_, &var)| var).collect()
    };
    let factors = [contract.coefficient, contract.guard];
    places.iter().eq(batch.iter().chain(m).chain(n))
        && apart(kernel, output.value, sum.tensor, &own(m), &own(n))
        && factors.into_iter().flatten().all(|value| apart(kernel, value, sum.tensor, m, n))
}

/// Which variable of the sum each variable of its epilogue is; `None` where it does not read
/// the sum at its own point.
fn places(kernel: &Kernel, sum: &Equation, output: &Equation) -> Option<Vec<Id<Var>>> {
    let mut found: Vec<Option<Id<Var>>> = vec![None; output.vars.len()];
    for expr in reachable(kernel, output.value) {
        let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { continue };
        if *tensor != sum.tensor {
            continue;
        }
        for (&int, &of_sum) in index.iter().zip(&sum.vars) {
            let Some(Atom::Var(var)) = kernel.ints.as_atom(int) else { return None };
            let at = output.vars.iter().position(|own| own == var)?;
            if found[at].replace(of_sum).is_some_and(|before| before != of_sum) {
                return None;
            }
        }
    }
    found.into_iter().collect()
}

/// Whether no read under an expression, but that of the sum, uses variables of both
/// lists, or is gathered.
fn apart(
    kernel: &Kernel,
    value: Id<Expr>,
    sum: Id<Tensor>,
    rows: &[Id<Var>],
    columns: &[Id<Var>],
) -> bool {
    reachable(kernel, value).into_iter().all(|expr| {
        let ExprKind::Read(tensor, _) = &kernel.exprs[expr].kind else { return true };
        let [mut row, mut column, mut gathered] = [false; 3];
        for int in ints(&kernel.exprs[expr]) {
            kernel.ints.visit_atoms(int, &mut |_, atom| match atom {
                Atom::Var(var) => {
                    row |= rows.contains(var);
                    column |= columns.contains(var);
                }
                Atom::Read(..) | Atom::Value(_) => gathered = true,
                Atom::Size(_) | Atom::Div(..) => {}
            });
        }
        *tensor == sum || !(gathered || row && column)
    })
}
