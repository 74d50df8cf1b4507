//! What must hold of the sizes of a launch: the facts, and that every tensor
//! can exist.

use super::messages::choose;
use crate::diagnostic::{Diagnostic, Kind};
use crate::int::{Atom, IntId};
use crate::int_text::{show, show_sizes};
use crate::tensor::{Fact, FactKind, Kernel, Role, Scalar, Tensor};

/// The largest dimension: an index must fit i32.
pub(super) const MAX_DIMENSION: i64 = i32::MAX as i64;

/// Checks every fact about sizes. Facts about values are preconditions.
pub(super) fn facts(kernel: &Kernel, sizes: &[i64]) -> Result<(), Vec<Diagnostic>> {
    let broken = kernel.facts.iter().filter_map(|fact| broken(kernel, sizes, fact));
    let broken: Vec<_> = broken.collect();
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

fn broken(kernel: &Kernel, sizes: &[i64], fact: &Fact) -> Option<Diagnostic> {
    let (a, b) = match fact.kind {
        FactKind::Equal(a, b) | FactKind::AtMost(a, b) | FactKind::Less(a, b) => (a, b),
        FactKind::Sorted(_) | FactKind::Finite(_) => return None,
    };
    let values = value(kernel, sizes, a).zip(value(kernel, sizes, b));
    let holds = values.is_some_and(|(x, y)| match fact.kind {
        FactKind::Equal(..) => x == y,
        FactKind::AtMost(..) => x <= y,
        FactKind::Less(..) => x < y,
        FactKind::Sorted(_) | FactKind::Finite(_) => true,
    });
    if holds {
        return None;
    }
    let known = show_sizes(kernel, &[a, b], sizes);
    let known = if known.is_empty() { known } else { format!(": {known}") };
    let message = format!("`{}` does not hold{known}", fact.text);
    let diagnostic = Diagnostic::new(Kind::FactViolated, fact.span, message).here("stated here");
    Some(diagnostic.help(choose(kernel, &[a, b])))
}

/// The shape of every tensor.
pub(super) fn shapes(kernel: &Kernel, sizes: &[i64]) -> Result<Vec<Vec<usize>>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut shapes = Vec::new();
    for (_, tensor) in kernel.tensors.iter() {
        let dims = tensor.shape.iter().enumerate();
        let dims = dims.map(|(at, &dim)| dimension(kernel, sizes, tensor, at, dim));
        match dims.collect::<Result<Vec<_>, _>>() {
            Ok(shape) => {
                errors.extend(bad_index_type(kernel, sizes, tensor, &shape));
                shapes.push(shape);
            }
            Err(error) => errors.push(*error),
        }
    }
    if errors.is_empty() { Ok(shapes) } else { Err(errors) }
}

fn dimension(
    kernel: &Kernel,
    sizes: &[i64],
    tensor: &Tensor,
    at: usize,
    dim: IntId,
) -> Result<usize, Box<Diagnostic>> {
    let value = value(kernel, sizes, dim);
    let fits = value.filter(|&value| (0..=MAX_DIMENSION).contains(&value));
    fits.and_then(|value| usize::try_from(value).ok()).ok_or_else(|| {
        let what = format!("dimension {} of `{}`", at + 1, tensor.name);
        Box::new(out_of_range(kernel, sizes, tensor, &what, dim, value))
    })
}

/// "`x` would be ..": a value past the limits, and why it is what it is.
fn out_of_range(
    kernel: &Kernel,
    sizes: &[i64],
    tensor: &Tensor,
    what: &str,
    dim: IntId,
    value: Option<i64>,
) -> Diagnostic {
    let text = show(kernel, dim);
    let value = value.map_or("out of range".to_owned(), |value| value.to_string());
    let known = show_sizes(kernel, &[dim], sizes);
    let message = format!("{what} is `{text}` = {value}, not in 0 ..= {MAX_DIMENSION}");
    let message = if known.is_empty() { message } else { format!("{message}: {known}") };
    let diagnostic = Diagnostic::new(Kind::SizeOutOfRange, tensor.span, message);
    diagnostic.here("declared here").help(choose(kernel, &[dim]))
}

/// `idx<N>` needs an N of at most 2^31 - 1, and of at least 1 for an input that
/// has elements.
fn bad_index_type(
    kernel: &Kernel,
    sizes: &[i64],
    tensor: &Tensor,
    shape: &[usize],
) -> Option<Diagnostic> {
    let Scalar::Idx(bound) = tensor.element else { return None };
    let value = value(kernel, sizes, bound);
    if value.is_none_or(|value| !(0..=MAX_DIMENSION).contains(&value)) {
        let what = format!("the bound of the indices in `{}`", tensor.name);
        return Some(out_of_range(kernel, sizes, tensor, &what, bound, value));
    }
    if value != Some(0) || tensor.role != Role::Input || shape.contains(&0) {
        return None;
    }
    let text = show(kernel, bound);
    let message = format!("`{}` holds indices below `{text}`, which is 0", tensor.name);
    let diagnostic = Diagnostic::new(Kind::SizeOutOfRange, tensor.span, message);
    let help = format!("make `{text}` at least 1, or `{}` empty", tensor.name);
    Some(diagnostic.here("declared here").help(help))
}

/// The value of a polynomial over sizes.
pub(super) fn value(kernel: &Kernel, sizes: &[i64], id: IntId) -> Option<i64> {
    kernel.ints.eval(id, &mut |atom| match atom {
        Atom::Size(size) => sizes.get(size.index()).copied(),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    })
}
