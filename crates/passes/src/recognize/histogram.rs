//! Histograms: how many elements fall into each bin.
//!
//! ```text
//! count[e] = sum[t, s](if expert[t, s] == e then 1 else 0)
//! ```

use tilec_ir::plan::{EquationAt, Histogram};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Var};
use tilec_ir::{Atom, Id};

use super::scene::{Scene, bare};
use super::uses::uses;
use crate::canonical::Body;
use crate::products::Factor;

/// The histogram that an equation is.
pub(crate) fn histogram(scene: &mut Scene, at: EquationAt) -> Option<Histogram> {
    let Body::Sum { vars: over, terms } = scene.stated[at].body.clone() else { return None };
    let [product] = terms.as_slice() else { return None };
    let &[Factor { expr, inverse: false }] = product.factors.as_slice() else { return None };
    if scene.stated[at].guard.is_some() || !product.coefficient.is_one() {
        return None;
    }
    let kernel = &scene.kernel;
    let ExprKind::Select(test, value, zero) = kernel.exprs[expr].kind else { return None };
    let ExprKind::Binary(Binary::Equal, a, b) = kernel.exprs[test].kind else { return None };
    let vars = &kernel.equations[at].vars;
    let of = |bin: Id<Expr>, key: Id<Expr>| {
        let var = variable(scene, bin).filter(|var| vars.contains(var))?;
        let elements = uses(kernel, key);
        let varies = over.iter().any(|var| elements.contains_key(var));
        let apart = !elements.contains_key(&var) && !uses(kernel, value).contains_key(&var);
        (varies && apart && is_data(scene, key)).then_some((var, key))
    };
    let (bin, key) = of(a, b).or_else(|| of(b, a)).filter(|_| is_zero(scene, zero))?;
    let rows = vars.iter().copied().filter(|&var| var != bin).collect();
    Some(Histogram { rows, bin, over, key, value })
}

fn variable(scene: &Scene, expr: Id<Expr>) -> Option<Id<Var>> {
    let ExprKind::Int(int) = scene.kernel.exprs[expr].kind else { return None };
    bare(&scene.kernel, int)
}

/// Whether a key is read from somewhere: a formula of indices is a diagonal.
fn is_data(scene: &Scene, key: Id<Expr>) -> bool {
    match scene.kernel.exprs[key].kind {
        ExprKind::Int(int) => {
            let mut data = false;
            scene.kernel.ints.visit_atoms(int, &mut |_, atom| {
                data |= matches!(atom, Atom::Read(..) | Atom::Value(_));
            });
            data
        }
        _ => !super::scene::tensors_read(&scene.kernel, key).is_empty(),
    }
}

fn is_zero(scene: &Scene, expr: Id<Expr>) -> bool {
    match scene.kernel.exprs[expr].kind {
        ExprKind::Float(x) => x == 0.0,
        ExprKind::Int(int) => scene.kernel.ints.as_constant(int) == Some(0),
        _ => false,
    }
}
