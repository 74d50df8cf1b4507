//! What joins a selection: pointwise equations that read its index at its own points.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]
//! value[m, s] = x[m, index[m, s]]
//! ```

use tilec_ir::Id;
use tilec_ir::plan::{EquationAt, Gathered, Select};
use tilec_ir::tensor::Var;

use super::groups::{Groups, Kind};
use crate::recognize::scene::{Scene, accesses, bare};

/// Makes an equation part of the last selection that it reads at its own points.
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

/// How an equation lies at the places of a selection, if it does.
fn gathered(scene: &Scene, select: &Select, index: EquationAt, at: EquationAt) -> Option<Gathered> {
    let kernel = &scene.kernel;
    let (index, equation) = (&kernel.equations[index], &kernel.equations[at]);
    let reads = accesses(kernel, equation.value).into_iter();
    let mut reads = reads.filter(|access| access.tensor == index.tensor);
    let own = reads.next()?.index;
    let vars = own.iter().map(|&i| bare(kernel, i)).collect::<Option<Vec<_>>>()?;
    let stands = |var: Id<Var>| {
        let dim = index.vars.iter().position(|&of| of == var)?;
        let range = |var: Id<Var>| kernel.vars[var].range;
        (range(vars[dim]) == range(var)).then_some(vars[dim])
    };
    let rows = select.rows.iter().map(|&row| stands(row)).collect::<Option<Vec<_>>>()?;
    let place = select.place.map(stands);
    let all = vars.iter().all(|var| equation.vars.contains(var));
    let distinct = equation.vars.iter().all(|var| vars.contains(var));
    let fits = all
        && distinct
        && vars.len() == equation.vars.len()
        && place != Some(None)
        && reads.all(|access| access.index == own);
    fits.then_some(Gathered { equation: at, rows, place: place.flatten() })
}
