//! Grouped products that share their rows, their groups and the operand of rows: gate and
//! up of one expert.

use tilec_ir::plan::{EquationAt, Grouped, GroupedProduct};
use tilec_ir::{Atom, Id, tensor::Expr, tensor::Var};

use super::groups::{Groups, Kind};
use crate::recognize::grouped::Found;
use crate::recognize::scene::Scene;
use crate::recognize::{Renaming, alike};

/// Makes a product part of a region with the same rows, or a region of its own.
pub(super) fn join(groups: &mut Groups, scene: &mut Scene, at: EquationAt, found: Found) {
    let Found { form, groups: groups_of, product } = found;
    for group in (0..groups.groups.len()).rev() {
        let (Kind::Grouped(of), covers) =
            (&groups.groups[group].kind, &groups.groups[group].covers)
        else {
            continue;
        };
        let apart = groups.reads[at].iter().all(|dep| !covers.contains(dep));
        let first = of.products[0].clone();
        let fits = of.form == form && of.groups == groups_of && apart;
        if fits && groups.may_join(at, group) && share(scene, &first, &product) {
            if let Kind::Grouped(of) = &mut groups.groups[group].kind {
                of.products.push(product);
            }
            groups.add(at, group);
            return;
        }
    }
    let products = vec![product];
    let grouped = Grouped { form, groups: groups_of, products, epilogue: Vec::new() };
    groups.push(at, Kind::Grouped(grouped));
}

/// Whether two products have the same rows, groups and operand `a`.
fn share(scene: &mut Scene, first: &GroupedProduct, second: &GroupedProduct) -> bool {
    let lists = |product: &GroupedProduct| {
        let contract = &product.contract;
        [contract.batch.clone(), contract.m.clone(), contract.k.clone()]
    };
    let (own, other) = (lists(first), lists(second));
    let mut renaming = Renaming::default();
    for (own, other) in own.iter().zip(&other) {
        if own.len() != other.len() {
            return false;
        }
        for (&own, &other) in own.iter().zip(other) {
            let range = scene.kernel.vars[own].range;
            if range != scene.kernel.vars[other].range {
                return false;
            }
            renaming.vars.insert(other, variable(scene, own));
        }
    }
    let group = |scene: &mut Scene, product: &GroupedProduct| -> Id<Expr> {
        let expr = scene.kernel.exprs[product.contract.a.expr].clone();
        let kind = tilec_ir::tensor::ExprKind::Int(product.group);
        let ty = tilec_ir::Scalar::I32;
        scene.kernel.exprs.push(Expr { kind, ty, span: expr.span })
    };
    let groups = [group(scene, second), group(scene, first)];
    let rows = [second.contract.a.expr, first.contract.a.expr];
    [groups, rows]
        .into_iter()
        .all(|[second, first]| alike(&mut scene.kernel, &scene.facts, second, first, &renaming))
}

fn variable(scene: &mut Scene, var: Id<Var>) -> tilec_ir::IntId {
    let range = scene.kernel.vars[var].range;
    scene.kernel.ints.of_atom(Atom::Var(var), Some(range))
}
