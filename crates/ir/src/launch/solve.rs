//! Finds the value of every size parameter.
//!
//! A dimension that is linear in one unknown size tells it: `2 * F` is 64, so
//! F is 32; `M * N` tells N once M is known. What stands inside a division
//! (`ceil(K / 128)`) is only compared. Every given dimension is compared in the
//! end, so a size that is told twice is told consistently or refused.

use super::messages::{another, declared, place, unbound, unknown_size, wrong_rank};
use crate::arena::Id;
use crate::diagnostic::{Diagnostic, Kind};
use crate::int::{Atom, IntId};
use crate::int_text::show;
use crate::tensor::{Kernel, Role, Size, Tensor};

/// The value of every size, in order.
pub(super) fn sizes(
    kernel: &Kernel,
    inputs: &[Option<Vec<usize>>],
    set: &[(String, i64)],
) -> Result<Vec<i64>, Vec<Diagnostic>> {
    let mut bound = Bound { kernel, values: vec![None; kernel.sizes.len()], errors: Vec::new() };
    bound.set(set);
    let extents = bound.extents(inputs);
    bound.solve(&extents);
    for (id, size) in kernel.sizes.iter() {
        if let (None, Some(value)) = (&bound.values[id.index()], size.default) {
            bound.values[id.index()] = Some((value, Origin::Default));
        }
    }
    bound.solve(&extents);
    bound.compare(&extents);
    bound.finish()
}

/// The input whose shape tells each size when all inputs are given, in the order
/// of the sizes; defaults help only with what shapes alone do not tell.
#[must_use]
pub fn tellers(kernel: &Kernel) -> Vec<Option<Id<Tensor>>> {
    let mut tellers = vec![None; kernel.sizes.len()];
    let defaults: Vec<bool> = kernel.sizes.iter().map(|(_, s)| s.default.is_some()).collect();
    for use_defaults in [false, true] {
        loop {
            let known = |size: Id<Size>| {
                tellers[size.index()].is_some() || use_defaults && defaults[size.index()]
            };
            let told = kernel.tensors_of(Role::Input).find_map(|tensor| {
                let dims = kernel.tensors[tensor].shape.iter();
                let size = dims.into_iter().find_map(|&dim| unknown_of(kernel, dim, known))?;
                Some((size, tensor))
            });
            let Some((size, tensor)) = told else { break };
            tellers[size.index()] = Some(tensor);
        }
    }
    tellers
}

/// The only size that `dim` holds and that is not known, if `dim` is linear in it.
pub(super) fn unknown_of(
    kernel: &Kernel,
    dim: IntId,
    known: impl Fn(Id<Size>) -> bool,
) -> Option<Id<Size>> {
    let mut unknown = Vec::new();
    kernel.ints.visit_atoms(dim, &mut |_, atom| {
        if let Atom::Size(size) = atom
            && !known(*size)
        {
            unknown.push(*size);
        }
    });
    let &[size] = unknown.as_slice() else { return None };
    let is_it = |atom: &Atom| *atom == Atom::Size(size);
    // All its occurrences must be plain factors, one to a term.
    let mut linear = false;
    for term in kernel.ints.get(dim).terms() {
        let atoms = term.factors.iter().map(|&factor| kernel.ints.atom(factor));
        let count = atoms.clone().filter(|atom| is_it(atom)).count();
        let hidden = atoms.filter(|atom| !is_it(atom)).any(|atom| holds(kernel, atom, size));
        if count > 1 || hidden {
            return None;
        }
        linear |= count == 1;
    }
    linear.then_some(size)
}

fn holds(kernel: &Kernel, atom: &Atom, size: Id<Size>) -> bool {
    let Atom::Div(n, d) = atom else { return *atom == Atom::Size(size) };
    let mut found = false;
    for id in [*n, *d] {
        kernel.ints.visit_atoms(id, &mut |_, inner| found |= *inner == Atom::Size(size));
    }
    found
}

/// Who told a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Set,
    Dimension(Id<Tensor>, usize),
    Default,
}

/// One dimension of an input that is given.
struct Extent {
    tensor: Id<Tensor>,
    position: usize,
    dim: IntId,
    value: i64,
}

struct Bound<'a> {
    kernel: &'a Kernel,
    values: Vec<Option<(i64, Origin)>>,
    errors: Vec<Diagnostic>,
}

impl Bound<'_> {
    fn set(&mut self, set: &[(String, i64)]) {
        for (name, value) in set {
            let Some((id, _)) = self.kernel.sizes.iter().find(|(_, size)| size.name == *name)
            else {
                self.errors.push(unknown_size(self.kernel, name));
                continue;
            };
            if *value < 0 || *value > i64::from(i32::MAX) {
                let message =
                    format!("`{name}` cannot be {value}: a size is in 0 ..= {}", i32::MAX);
                let help = format!("give a size in that range: `--set {name}=..`");
                self.errors.push(Diagnostic::global(Kind::SizeOutOfRange, message).help(help));
            }
            match self.values[id.index()] {
                Some((other, _)) if other != *value => {
                    let message = format!("`{name}` is set to {other} and to {value}");
                    let help = "leave one of the two out";
                    self.errors.push(Diagnostic::global(Kind::SizeConflict, message).help(help));
                }
                _ => self.values[id.index()] = Some((*value, Origin::Set)),
            }
        }
    }

    /// The given dimensions, of inputs whose rank is right.
    fn extents(&mut self, inputs: &[Option<Vec<usize>>]) -> Vec<Extent> {
        let mut extents = Vec::new();
        for (tensor, given) in self.kernel.tensors_of(Role::Input).zip(inputs) {
            let (Some(given), shape) = (given, &self.kernel.tensors[tensor].shape) else {
                continue;
            };
            if given.len() != shape.len() {
                self.errors.push(wrong_rank(self.kernel, tensor, given));
                continue;
            }
            for (position, (&dim, &extent)) in shape.iter().zip(given).enumerate() {
                let value = i64::try_from(extent).unwrap_or(i64::MAX);
                extents.push(Extent { tensor, position, dim, value });
            }
        }
        extents
    }

    /// Solves one unknown after the other until nothing tells any more.
    fn solve(&mut self, extents: &[Extent]) {
        loop {
            let mut progress = false;
            for extent in extents {
                let known = |size: Id<Size>| self.values[size.index()].is_some();
                let Some(size) = unknown_of(self.kernel, extent.dim, known) else { continue };
                if let Some(value) = self.solve_one(extent, size) {
                    let origin = Origin::Dimension(extent.tensor, extent.position);
                    self.values[size.index()] = Some((value, origin));
                    progress = true;
                }
            }
            if !progress {
                return;
            }
        }
    }

    /// The value of `size` that makes the dimension what it is. Where there is
    /// none, one that makes it nearly so: the comparison will tell.
    fn solve_one(&self, extent: &Extent, size: Id<Size>) -> Option<i64> {
        let at = |value: i64| {
            self.kernel.ints.eval(extent.dim, &mut |atom| {
                if *atom == Atom::Size(size) { Some(value) } else { self.value(atom) }
            })
        };
        let (zero, one) = (at(0)?, at(1)?);
        let slope = one.checked_sub(zero)?;
        let value = extent.value.checked_sub(zero)?.checked_div_euclid(slope)?;
        Some(value.max(0))
    }

    fn value(&self, atom: &Atom) -> Option<i64> {
        match atom {
            Atom::Size(size) => self.values[size.index()].map(|(value, _)| value),
            Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
        }
    }

    fn compare(&mut self, extents: &[Extent]) {
        for extent in extents {
            let dim = extent.dim;
            let (mut complete, mut held) = (true, Vec::new());
            self.kernel.ints.visit_atoms(dim, &mut |_, atom| {
                if let Atom::Size(size) = atom {
                    complete &= self.values[size.index()].is_some();
                    held.push(*size);
                }
            });
            let value = self.kernel.ints.eval(dim, &mut |atom| self.value(atom));
            if complete && value != Some(extent.value) {
                self.errors.push(self.conflict(extent, value, &held));
            }
        }
    }

    /// "dimension 2 of `b` (`K`) is 65, but K = 64 (dimension 2 of `a`)"
    fn conflict(&self, extent: &Extent, value: Option<i64>, held: &[Id<Size>]) -> Diagnostic {
        let place = place(self.kernel, extent.tensor, extent.position);
        let text = show(self.kernel, extent.dim);
        if let Some(&size) = held.iter().find(|&&size| self.is_told_by(size, extent)) {
            let name = &self.kernel.sizes[size].name;
            let message =
                format!("{place} is {}, but no `{name}` makes `{text}` that", extent.value);
            return Diagnostic::global(Kind::SizeConflict, message).help(self.near(extent, size));
        }
        let reasons: Vec<_> = held.iter().filter_map(|&size| self.reason(size)).collect();
        let reasons = reasons.join(", ");
        let bare = matches!(self.kernel.ints.as_atom(extent.dim), Some(Atom::Size(_)));
        let expected = match value {
            _ if held.is_empty() => format!("it should be {text}"),
            _ if bare => reasons,
            Some(value) => format!("it should be {value}: {reasons}"),
            None => format!("it has no value: {reasons}"),
        };
        let stated = if held.is_empty() { String::new() } else { format!(" (`{text}`)") };
        let message = format!("{place}{stated} is {}, but {expected}", extent.value);
        Diagnostic::global(Kind::SizeConflict, message).help(self.way_out(extent, held))
    }

    /// "`N` = 2 makes it 4, and `N` = 3 makes it 6"
    fn near(&self, extent: &Extent, size: Id<Size>) -> String {
        let name = &self.kernel.sizes[size].name;
        let low = self.values[size.index()].map_or(0, |(value, _)| value);
        let makes = [low, low + 1].into_iter().filter_map(|size_value| {
            let value = self.kernel.ints.eval(extent.dim, &mut |atom| {
                if *atom == Atom::Size(size) { Some(size_value) } else { self.value(atom) }
            })?;
            Some(format!("`{name}` = {size_value} makes it {value}"))
        });
        makes.collect::<Vec<_>>().join(", and ")
    }

    /// "give `b` a dimension 2 of 64, or leave out `--set K=..`"
    fn way_out(&self, extent: &Extent, held: &[Id<Size>]) -> String {
        let tensor = &self.kernel.tensors[extent.tensor].name;
        let mut ways = vec![format!(
            "give `{tensor}: {}` a shape that fits",
            declared(self.kernel, extent.tensor)
        )];
        for &size in held {
            let name = &self.kernel.sizes[size].name;
            match self.values[size.index()] {
                Some((_, Origin::Set)) => {
                    ways.push(format!("leave out or change `--set {name}=..`"))
                }
                Some((_, Origin::Default)) => ways.push(format!("choose `--set {name}=..`")),
                Some((_, Origin::Dimension(other, _))) if other != extent.tensor => {
                    let other = &self.kernel.tensors[other].name;
                    ways.push(format!("give another `{other}`"));
                }
                Some((_, Origin::Dimension(..))) | None => {}
            }
        }
        ways.dedup();
        ways.join(", or ")
    }

    fn is_told_by(&self, size: Id<Size>, extent: &Extent) -> bool {
        let told = self.values[size.index()];
        told.is_some_and(|(_, origin)| origin == Origin::Dimension(extent.tensor, extent.position))
    }

    /// "K = 64 (dimension 2 of `a`)"
    fn reason(&self, size: Id<Size>) -> Option<String> {
        let (value, origin) = self.values[size.index()]?;
        let name = &self.kernel.sizes[size].name;
        let origin = match origin {
            Origin::Set => "set by name".to_owned(),
            Origin::Default => "the default".to_owned(),
            Origin::Dimension(tensor, position) => place(self.kernel, tensor, position),
        };
        Some(format!("{name} = {value} ({origin})"))
    }

    fn finish(mut self) -> Result<Vec<i64>, Vec<Diagnostic>> {
        // A size may be unknown only because of another mistake, so that is said first.
        let all_fits = self.errors.is_empty();
        for (id, value) in self.kernel.sizes.ids().zip(&self.values) {
            match value {
                None if all_fits => self.errors.push(unbound(self.kernel, id)),
                None => {}
                Some((value, Origin::Default | Origin::Dimension(..)))
                    if !(0..=i64::from(i32::MAX)).contains(value) =>
                {
                    let name = &self.kernel.sizes[id].name;
                    let message = format!("`{name}` is {value}: a size is in 0 ..= {}", i32::MAX);
                    let help = another(self.kernel, &[id]);
                    self.errors.push(Diagnostic::global(Kind::SizeOutOfRange, message).help(help));
                }
                Some(_) => {}
            }
        }
        let values = self.values.into_iter().map(|v| v.map_or(0, |(value, _)| value)).collect();
        if self.errors.is_empty() { Ok(values) } else { Err(self.errors) }
    }
}
