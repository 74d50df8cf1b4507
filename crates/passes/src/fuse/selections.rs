//! What joins a selection: pointwise equations that read its index in its own rows.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]
//! value[m, s] = x[m, index[m, s]]              at its own place
//! shift[m]    = x[m, index[m, 0]]              at a place of its row
//! ```

use tilec_ir::Id;
use tilec_ir::plan::{EquationAt, Gathered, Select};
use tilec_ir::tensor::Var;

use super::groups::{Groups, Kind};
use crate::recognize::scene::{Scene, accesses, bare};

/// Makes an equation part of the last selection that it reads in its own rows.
pub(super) fn join(groups: &mut Groups, scene: &Scene, at: EquationAt) -> bool {
    for group in groups.read_by(at).into_iter().rev() {
        let Kind::Select(select) = &groups.groups[group].kind else { continue };
        let covers = &groups.groups[group].covers;
        // What reads what is gathered waits for it.
        if groups.reads[at].iter().any(|dep| covers[1..].contains(dep)) {
            continue;
        }
        let Some(gathered) = gathered(scene, select, covers[0], at) else { continue };
        if !groups.may_join(at, group) {
            continue;
        }
        groups.add(at, group);
        if let Kind::Select(select) = &mut groups.groups[group].kind {
            select.gathered.push(gathered);
            select.gathered.sort_by_key(|one| one.equation);
        }
        return true;
    }
    false
}

/// How an equation lies in the rows of a selection, if it does.
fn gathered(scene: &Scene, select: &Select, index: EquationAt, at: EquationAt) -> Option<Gathered> {
    let kernel = &scene.kernel;
    let (index, equation) = (&kernel.equations[index], &kernel.equations[at]);
    let mut rows: Option<Vec<Id<Var>>> = None;
    for access in accesses(kernel, equation.value) {
        if access.tensor != index.tensor {
            continue;
        }
        let at_row = |row: &Id<Var>| {
            let dim = index.vars.iter().position(|var| var == row)?;
            bare(kernel, access.index[dim])
        };
        let own = select.rows.iter().map(at_row).collect::<Option<Vec<_>>>()?;
        if *rows.get_or_insert_with(|| own.clone()) != own {
            return None;
        }
    }
    let rows = rows?;
    let mut left = equation.vars.iter().copied().filter(|var| !rows.contains(var));
    let place = left.next();
    let range = |var: Id<Var>| kernel.vars[var].range;
    let fits = left.next().is_none()
        && equation.vars.len() == rows.len() + usize::from(place.is_some())
        && rows.iter().zip(&select.rows).all(|(&a, &b)| range(a) == range(b))
        && place.is_none_or(|place| range(place) == select.count);
    fits.then_some(Gathered { equation: at, rows, place })
}
