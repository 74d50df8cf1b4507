//! Grouped products: a sum of one product of two operands, one of which is a matrix that
//! an index chooses that is data.
//!
//! ```text
//! sum[d](x[t, d] * w[expert[t, s], f, d])       rows t, s of the group expert[t, s]; n is f
//! if r < count[g] then sum[k](x[g, r, k] * w[g, n, k]) else 0           masked
//! ```
//!
//! The group may be any integer of the rows; what is known of its order makes the form.
//! Columns and reduced variables may not take part in the choice: then no matrix is chosen
//! but single elements, and there is nothing that rows of one group share.

mod close;
mod form;
mod weights;

use tilec_ir::plan::{EquationAt, Form, GroupedProduct};
use tilec_ir::tensor::{Expr, Var};
use tilec_ir::walk::vars_of_int;
use tilec_ir::{Id, IntId, Kernel};

use super::axes::Axes;
use super::close::not_bare;
use super::contract::{Weighed, assemble, is_fine, weigh};
use super::layout::layouts;
use super::scene::Scene;
use super::uses::{Use, Uses};
use super::{Outcome, Reason};
use crate::canonical::Body;

pub(crate) use form::masked;
pub(crate) use weights::plain;

/// A product with the order of its groups, and how many there are.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) form: Form,
    pub(crate) groups: IntId,
    pub(crate) product: GroupedProduct,
}

/// The grouped product that an equation is.
pub(crate) fn grouped(scene: &mut Scene, at: EquationAt) -> Outcome<Found> {
    let (reduced, terms) = match scene.stated[at].body.clone() {
        Body::Sum { vars, terms } => (vars, terms),
        Body::Reduce { op, vars, body } => return close::reduced(scene, at, op, &vars, body),
        Body::Rank { .. } | Body::Map(_) => return Ok(None),
    };
    let [product] = terms.as_slice() else { return close::several(scene, at, &terms, &reduced) };
    let weighed = product.factors.iter().map(|&factor| weigh(scene, factor));
    let (fine, rest): (Vec<_>, Vec<_>) =
        weighed.partition(|w| reduced.iter().any(|&var| is_fine(&w.uses, var)));
    let [first, second] = match <[Weighed; 2]>::try_from(fine) {
        Ok(pair) => pair,
        Err(fine) => return close::other(scene, at, &fine, &reduced),
    };
    let Some(sides) = Sides::of(scene, at, first, second) else { return Ok(None) };
    let group = sides.group(scene, &reduced)?;
    let axes = sides.axes(scene, at, &reduced, group)?;
    let contract = assemble(scene, at, product, rest, axes)?;
    let groups = sides.groups(scene, group);
    let form = form::form(scene, group, &contract.m);
    let weights = weights::weights(scene, &contract, group);
    let product = GroupedProduct { equation: at, contract, group, weights };
    Ok(Some(Found { form, groups, product }))
}

/// The operands of a product that may be grouped.
struct Sides {
    /// Of rows.
    a: Weighed,
    /// The matrices.
    b: Weighed,
    /// What of `b` is not chosen by data.
    plain: Uses,
}

impl Sides {
    /// `None` if neither operand is a matrix that data chooses.
    fn of(scene: &Scene, at: EquationAt, first: Weighed, second: Weighed) -> Option<Self> {
        let vars = &scene.kernel.equations[at].vars;
        let of = |a: &Weighed, b: &Weighed, own_columns: bool| {
            let chosen = choices(scene, b)
                .iter()
                .any(|&index| vars_in(&scene.kernel, index).iter().any(|var| vars.contains(var)));
            let plain = plain(&scene.kernel, b.factor.expr);
            let columns =
                vars.iter().any(|var| plain.contains_key(var) && !a.uses.contains_key(var));
            let both = vars.iter().any(|var| b.uses.contains_key(var) && a.uses.contains_key(var));
            (chosen && (columns || both && !own_columns)).then_some(plain)
        };
        // Rows may be scaled by group, but only matrices have columns that rows lack.
        for own_columns in [true, false] {
            if let Some(plain) = of(&first, &second, own_columns) {
                return Some(Self { a: first, b: second, plain });
            }
            if let Some(plain) = of(&second, &first, own_columns) {
                return Some(Self { a: second, b: first, plain });
            }
        }
        None
    }

    /// The one index that chooses.
    fn group(&self, scene: &Scene, reduced: &[Id<Var>]) -> Result<IntId, Reason> {
        let expr = self.b.factor.expr;
        let span = scene.kernel.exprs[expr].span;
        let quoted = scene.quote(expr);
        let refuse = |text: String| Err(Reason { text, span });
        if self.b.factor.inverse || self.a.factor.inverse {
            let by = if self.b.factor.inverse { quoted } else { scene.quote(self.a.factor.expr) };
            return refuse(format!(
                "it divides by {by}, which varies with every {}",
                scene.name(reduced[0])
            ));
        }
        let choices = choices(scene, &self.b);
        let text = |index| format!("`{}`", tilec_ir::show(&scene.kernel, index));
        let [group] = choices.as_slice() else {
            let all: Vec<_> = choices.iter().map(|&index| text(index)).collect();
            return refuse(format!(
                "{quoted} is chosen by {}, and rows of one group have one index in common",
                all.join(" and ")
            ));
        };
        let vars = vars_in(&scene.kernel, *group);
        if let Some(&var) = reduced.iter().find(|var| vars.contains(var)) {
            return refuse(format!(
                "{quoted} is chosen by {} anew along {}, which is reduced",
                text(*group),
                scene.name(var)
            ));
        }
        let column = |var: &&Id<Var>| self.plain.contains_key(var) && vars.contains(var);
        if let Some(&var) = self.b.uses.keys().find(|var| column(var)) {
            return refuse(mixed(&quoted, &text(*group), &scene.name(var)));
        }
        Ok(*group)
    }

    /// Which variables are rows, columns, batch and reduced.
    fn axes(
        &self,
        scene: &Scene,
        at: EquationAt,
        reduced: &[Id<Var>],
        group: IntId,
    ) -> Result<Axes, Reason> {
        let layout = layouts(scene, at).swap_remove(0);
        let by_group = vars_in(&scene.kernel, group);
        let in_a = |var: &Id<Var>| self.a.uses.contains_key(var) || by_group.contains(var);
        let in_b = |var: &Id<Var>| self.plain.contains_key(var);
        let n: Vec<_> = layout.iter().copied().filter(|var| in_b(var) && !in_a(var)).collect();
        let batch: Vec<_> = layout.iter().copied().filter(|var| in_b(var) && in_a(var)).collect();
        let m: Vec<_> = layout.iter().copied().filter(|var| !in_b(var)).collect();
        if n.is_empty() {
            let (a, b) = (scene.quote(self.a.factor.expr), scene.quote(self.b.factor.expr));
            let span = scene.kernel.exprs[self.b.factor.expr].span;
            let text = format!(
                "{b} has no column that {a} does not have: each row meets a vector of its own, \
                 and no matrix"
            );
            return Err(Reason { text, span });
        }
        for side in [&self.a, &self.b] {
            let expr = side.factor.expr;
            if let Some(var) = reduced.iter().find(|var| !side.uses.contains_key(var)) {
                let (quoted, name) = (scene.quote(expr), scene.name(*var));
                let text = format!("{quoted} does not vary with {name}, which is reduced too");
                return Err(Reason { text, span: scene.kernel.exprs[expr].span });
            }
            if let Some(reason) =
                gathers(scene, side, reduced).or_else(|| not_bare(scene, expr, reduced))
            {
                return Err(reason);
            }
        }
        let k = reduced.to_vec();
        let a = weights::rows(&scene.kernel, self.a.factor.expr, &batch, &m, &k);
        let b = weights::rows(&scene.kernel, self.b.factor.expr, &batch, &n, &k);
        Ok(Axes { batch, m, n, k, a, b })
    }

    /// How many groups there are: the dimension that the group indexes.
    fn groups(&self, scene: &Scene, group: IntId) -> IntId {
        let reads = weights::reads(&scene.kernel, self.b.factor.expr);
        let found = reads.into_iter().find_map(|(tensor, indices)| {
            let dim = indices.iter().position(|&index| index == group)?;
            Some(scene.kernel.tensors[tensor].shape[dim])
        });
        found.expect("the group is an index of the operand")
    }
}

fn mixed(quoted: &str, group: &str, var: &str) -> String {
    format!("{quoted} is chosen by {group} anew for every {var}, which is a column of it too")
}

/// A reduced variable that stands in an index that is data.
fn gathers(scene: &Scene, side: &Weighed, reduced: &[Id<Var>]) -> Option<Reason> {
    let gathered = |var: &&Id<Var>| matches!(side.uses.get(var), Some(Use::Gathered(_)));
    let var = reduced.iter().find(gathered)?;
    let (quoted, name) = (scene.quote(side.factor.expr), scene.name(*var));
    let text = format!("{quoted} gathers its elements along {name}, which is reduced");
    Some(Reason { text, span: scene.kernel.exprs[side.factor.expr].span })
}

/// The indices of an operand that are data, each once.
fn choices(scene: &Scene, side: &Weighed) -> Vec<IntId> {
    let mut found = Vec::new();
    for (_, indices) in weights::reads(&scene.kernel, side.factor.expr) {
        for index in indices {
            if weights::is_data(&scene.kernel, index) && !found.contains(&index) {
                found.push(index);
            }
        }
    }
    found
}

/// The variables of an index, also of the values in it.
fn vars_in(kernel: &Kernel, index: IntId) -> Vec<Id<Var>> {
    let mut found = vars_of_int(&kernel.ints, index);
    let mut values = Vec::new();
    kernel.ints.visit_atoms(index, &mut |_, atom| {
        if let tilec_ir::Atom::Value(value) = atom {
            values.push(*value);
        }
    });
    for value in values {
        found.extend(super::uses::uses(kernel, value).into_keys());
    }
    found
}

/// The reduced variables that tell which matrix an operand is.
pub(crate) fn slots(kernel: &Kernel, operand: Id<Expr>, reduced: &[Id<Var>]) -> Vec<Id<Var>> {
    let mut chosen = Vec::new();
    for (_, indices) in weights::reads(kernel, operand) {
        for index in indices.into_iter().filter(|&index| weights::is_data(kernel, index)) {
            chosen.extend(vars_in(kernel, index));
        }
    }
    reduced.iter().copied().filter(|var| chosen.contains(var)).collect()
}
