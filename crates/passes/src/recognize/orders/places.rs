//! Makes orders as long as what is read of them, and one of those that are the same.
//!
//! ```text
//! order[m, i < N] = argsort[n desc](x[m, n])[i]      read at [m, s], s < S
//!     ->  order[m, s < S] = argsort[n desc](x[m, n])[s]
//! best[m] = argmax[n](x[m, n])                       beside these places
//!     ->  best[m] = order[m, 0]
//! ```

use std::collections::BTreeMap;

use tilec_ir::plan::{EquationAt, Select};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Order, Role, Tensor, Var};
use tilec_ir::walk::postorder;
use tilec_ir::{Atom, Id, IntId, Scalar};

use super::{order_span, plain};
use crate::builder::{index_bound, local};
use crate::canonical::Body;
use crate::recognize::copy::{Renaming, alike, copy};
use crate::recognize::scene::{Scene, accesses, tensors_read};

/// Shortens and merges orders; whether there was anything to do.
pub(super) fn merge(scene: &mut Scene) -> bool {
    let mut changed = false;
    for at in 0..scene.stated.len() {
        changed |= shorten(scene, at).is_some();
    }
    changed || same(scene)
}

/// Leaves out the places of a local order that nothing reads.
fn shorten(scene: &mut Scene, at: EquationAt) -> Option<()> {
    let own = plain(scene, at)?;
    let (tensor, place) = (scene.kernel.equations[at].tensor, own.place?);
    if scene.kernel.tensors[tensor].role != Role::Local {
        return None;
    }
    let dim = scene.kernel.equations[at].vars.iter().position(|&var| var == place)?;
    let read = places_read(scene, tensor, dim);
    if let Some(only) = only_one(scene, &read) {
        return single(scene, at, &own, dim, only);
    }
    let most = most(scene, &read)?;
    if most == own.count || scene.facts.at_most(&mut scene.kernel.ints, own.count, most) {
        return None;
    }
    let var = Var { range: most, ..scene.kernel.vars[place].clone() };
    let var = scene.kernel.vars.push(var);
    let place = variable(scene, var);
    let place = scene.kernel.ints.add(own.first, place).ok()?;
    scene.kernel.tensors[tensor].shape[dim] = most;
    scene.kernel.equations[at].vars[dim] = var;
    set(scene, at, &own, place);
    Some(())
}

/// The places at which a tensor is read, each once.
fn places_read(scene: &Scene, tensor: Id<Tensor>, dim: usize) -> Vec<IntId> {
    let mut read = Vec::new();
    for &reader in &scene.readers[tensor.index()] {
        let all = accesses(&scene.kernel, scene.kernel.equations[reader].value).into_iter();
        read.extend(all.filter(|access| access.tensor == tensor).map(|access| access.index[dim]));
    }
    read.sort_unstable();
    read.dedup();
    read
}

/// The constant that is the only place read.
fn only_one(scene: &Scene, read: &[IntId]) -> Option<i64> {
    let [only] = read else { return None };
    scene.kernel.ints.as_constant(*only)
}

/// The end of the places that are read.
fn most(scene: &mut Scene, read: &[IntId]) -> Option<IntId> {
    let mut most: Option<IntId> = None;
    for &place in read {
        let ints = &mut scene.kernel.ints;
        let end = match (ints.as_constant(place), ints.get(place).as_atom()) {
            (Some(place), _) => ints.constant(place.checked_add(1)?),
            (None, Some(atom)) => ints.bound(atom)?,
            (None, None) => return None,
        };
        most = Some(match most {
            None => end,
            Some(most) if scene.facts.at_most(&mut scene.kernel.ints, end, most) => most,
            Some(most) if scene.facts.at_most(&mut scene.kernel.ints, most, end) => end,
            Some(_) => return None,
        });
    }
    most
}

/// An order of which one place is read: without a dimension for it.
fn single(scene: &mut Scene, at: EquationAt, own: &Select, dim: usize, only: i64) -> Option<()> {
    let tensor = scene.kernel.equations[at].tensor;
    let renaming = Renaming { dropped: Some((tensor, dim)), ..Renaming::default() };
    let mut values = Vec::new();
    for &reader in &scene.readers[tensor.index()] {
        let value = scene.kernel.equations[reader].value;
        values.push((reader, copy(&mut scene.kernel, &scene.facts, value, &renaming).ok()?));
    }
    let only = scene.kernel.ints.constant(only);
    let place = scene.kernel.ints.add(own.first, only).ok()?;
    for (reader, value) in values {
        scene.kernel.equations[reader].value = value;
        // What it states is read again once the equations are canonical again.
        if let Body::Rank { .. } = scene.stated[reader].body {
            scene.stated[reader].body = Body::Map(value);
        }
    }
    scene.kernel.tensors[tensor].shape.remove(dim);
    scene.kernel.equations[at].vars.remove(dim);
    set(scene, at, own, place);
    Some(())
}

/// The equation as this place of its order.
fn set(scene: &mut Scene, at: EquationAt, own: &Select, place: IntId) {
    let span = order_span(scene, at);
    let Select { column: var, order, key, length, .. } = *own;
    let kind = ExprKind::Rank { var, order, key, place };
    let ty = Scalar::Idx(length);
    scene.kernel.equations[at].value = scene.kernel.exprs.push(Expr { kind, ty, span });
    scene.stated[at].body = Body::Map(scene.kernel.equations[at].value);
}

fn variable(scene: &mut Scene, var: Id<Var>) -> IntId {
    let range = scene.kernel.vars[var].range;
    scene.kernel.ints.of_atom(Atom::Var(var), Some(range))
}

/// An equation of an order that others share.
struct Member {
    at: EquationAt,
    own: Select,
    /// Its rows in the order of the first member's.
    rows: Vec<Id<Var>>,
}

/// What orders that may be the same share: the end that is first, the length, and the
/// size of the key with what it reads.
type Likeness = (bool, IntId, usize, Vec<Id<Tensor>>);

/// Makes one order of those that are the same; whether there were any.
fn same(scene: &mut Scene) -> bool {
    let mut groups: BTreeMap<Likeness, Vec<Vec<Member>>> = BTreeMap::new();
    for at in 0..scene.stated.len() {
        let Some(own) = plain(scene, at) else { continue };
        let size = postorder(&scene.kernel, own.key).len();
        let reads = tensors_read(&scene.kernel, own.key);
        let likeness = (own.order == Order::Ascending, own.length, size, reads);
        let groups = groups.entry(likeness).or_default();
        let rows = groups.iter().position(|group| as_in(scene, &group[0], &own).is_some());
        match rows {
            Some(group) => {
                let rows = as_in(scene, &groups[group][0], &own);
                let rows = rows.expect("it was found like that");
                groups[group].push(Member { at, own, rows });
            }
            None => groups.push(vec![Member { at, rows: own.rows.clone(), own }]),
        }
    }
    let mut made = Vec::new();
    for group in groups.into_values().flatten().filter(|group| group.len() > 1) {
        made.extend(together(scene, &group));
    }
    let changed = !made.is_empty();
    made.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    for (at, equation) in made {
        scene.kernel.equations.insert(at, equation);
    }
    changed
}

/// The rows of an order in the order of a member's, if both are the same.
fn as_in(scene: &mut Scene, member: &Member, own: &Select) -> Option<Vec<Id<Var>>> {
    if member.rows.len() != own.rows.len() {
        return None;
    }
    let reversed: Vec<_> = own.rows.iter().rev().copied().collect();
    [own.rows.clone(), reversed].into_iter().find(|rows| {
        let ranges = |scene: &Scene, a: Id<Var>, b: Id<Var>| {
            scene.kernel.vars[a].range == scene.kernel.vars[b].range
        };
        let pairs = || member.rows.iter().copied().zip(rows.iter().copied());
        if !pairs().all(|(a, b)| ranges(scene, a, b)) {
            return false;
        }
        let mut renaming = Renaming::default();
        for (a, b) in pairs().chain([(member.own.column, own.column)]) {
            let b = variable(scene, b);
            renaming.vars.insert(a, b);
        }
        alike(&mut scene.kernel, &scene.facts, member.own.key, own.key, &renaming)
    })
}

/// The one order of a group, to stand before its first; its members read it.
fn together(scene: &mut Scene, group: &[Member]) -> Option<(EquationAt, Equation)> {
    let (leader, count) = covering(scene, group).or_else(|| first_ones(scene, group))?;
    let leader = &group[leader];
    let at = group.iter().map(|member| member.at).min()?;
    let equation = order(scene, leader, count);
    let tensor = equation.tensor;
    for member in group {
        let mut index = Vec::new();
        for &row in &member.rows {
            index.push(variable(scene, row));
        }
        if count.is_some() {
            let place = member.own.place.map(|place| variable(scene, place));
            let first = member.own.first;
            index.push(place.map_or(Some(first), |p| scene.kernel.ints.add(first, p).ok())?);
        }
        let ty = Scalar::Idx(member.own.length);
        let read = scene.kernel.ints.of_atom(Atom::Read(tensor, index), index_bound(ty));
        let span = order_span(scene, member.at);
        let value = scene.kernel.exprs.push(Expr { kind: ExprKind::Int(read), ty, span });
        scene.kernel.equations[member.at].value = value;
    }
    Some((at, equation))
}

/// The member whose places hold those of all others, from the first on.
fn covering(scene: &mut Scene, group: &[Member]) -> Option<(usize, Option<IntId>)> {
    (0..group.len()).find_map(|leader| {
        let own = &group[leader].own;
        let from_first = scene.kernel.ints.as_constant(own.first) == Some(0);
        let covers = |member: &Member| {
            let ints = &mut scene.kernel.ints;
            let end = ints.add(member.own.first, member.own.count);
            end.is_ok_and(|end| scene.facts.at_most(ints, end, own.count))
        };
        (from_first && own.place.is_some() && group.iter().all(covers))
            .then_some((leader, Some(own.count)))
    })
}

/// The places of members that are one each, if they are all the first ones.
fn first_ones(scene: &mut Scene, group: &[Member]) -> Option<(usize, Option<IntId>)> {
    let ints = &mut scene.kernel.ints;
    let place = |member: &Member| match member.own.place {
        None => ints.as_constant(member.own.first),
        Some(_) => None,
    };
    let mut places = group.iter().map(place).collect::<Option<Vec<_>>>()?;
    places.sort_unstable();
    places.dedup();
    let count = i64::try_from(places.len()).ok()?;
    places.into_iter().eq(0..count).then(|| (0, (count > 1).then(|| ints.constant(count))))
}

/// An order like the leader's of its own: this many places, or the first alone.
fn order(scene: &mut Scene, leader: &Member, count: Option<IntId>) -> Equation {
    let Member { at, own, rows } = leader;
    let span = order_span(scene, *at);
    let (mut renaming, mut vars) = (Renaming::default(), Vec::new());
    for &row in rows.iter().chain([&own.column]) {
        let var = scene.kernel.vars[row].clone();
        let var = scene.kernel.vars.push(var);
        let int = variable(scene, var);
        renaming.vars.insert(row, int);
        vars.push(var);
    }
    let column = vars.pop().expect("the column is the last");
    let key = copy(&mut scene.kernel, &scene.facts, own.key, &renaming);
    let key = key.expect("renaming variables keeps integers as simple as they were");
    let place = match count {
        None => scene.kernel.ints.constant(0),
        Some(range) => {
            let name = own.place.map_or("s", |place| scene.kernel.vars[place].name.as_str());
            let var = Var { name: name.to_owned(), range, span };
            vars.push(scene.kernel.vars.push(var));
            variable(scene, vars[vars.len() - 1])
        }
    };
    let kind = ExprKind::Rank { var: column, order: own.order, key, place };
    let ty = Scalar::Idx(own.length);
    let kernel = &mut scene.kernel;
    let value = kernel.exprs.push(Expr { kind, ty, span });
    let shape = vars.iter().map(|&var| kernel.vars[var].range).collect();
    let leader = kernel.equations[*at].tensor;
    let mut name = format!("{}'all", kernel.tensors[leader].name);
    if kernel.tensors[leader].role == Role::Local {
        // Nothing reads the leader any longer.
        std::mem::swap(&mut kernel.tensors[leader].name, &mut name);
    }
    let tensor = kernel.tensors.push(local(name, ty, shape, span));
    Equation { tensor, vars, value, span }
}
