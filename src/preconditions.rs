//! What a kernel presumes of the values of its inputs, checked on the data. Names the
//! first offender of each kind and input.
//!
//! Indices are few beside what they choose, so they are checked wherever their values
//! are at hand; all that is presumed is checked where that is asked for.

use std::cmp::Ordering;

use tilec_ir::tensor::{FactKind, Role, Tensor};
use tilec_ir::{Array, Atom, Data, Diagnostic, Id, Kernel, Kind, Launch, Scalar};

/// The inputs of the type `idx`.
#[must_use]
pub fn indices(kernel: &Kernel) -> Vec<Id<Tensor>> {
    let is_index = |&id: &Id<Tensor>| matches!(kernel.tensors[id].element, Scalar::Idx(_));
    kernel.tensors_of(Role::Input).filter(is_index).collect()
}

/// The inputs of whose values anything is presumed.
#[must_use]
pub fn subjects(kernel: &Kernel) -> Vec<Id<Tensor>> {
    let in_fact = |id: Id<Tensor>| {
        let about = |kind| matches!(kind, FactKind::Sorted(of) | FactKind::Finite(of) if of == id);
        kernel.facts.iter().any(|fact| about(fact.kind))
    };
    let all = indices(kernel);
    kernel.tensors_of(Role::Input).filter(|&id| all.contains(&id) || in_fact(id)).collect()
}

/// Checks `sorted`, `finite` and the range of `idx` inputs; inputs in the order
/// of the kernel's.
#[must_use]
pub fn check(kernel: &Kernel, launch: &Launch, inputs: &[Array]) -> Vec<Diagnostic> {
    let arrays: Vec<_> = kernel.tensors_of(Role::Input).zip(inputs).collect();
    check_some(kernel, launch, &arrays)
}

/// The same of these inputs alone.
#[must_use]
pub fn check_some(
    kernel: &Kernel,
    launch: &Launch,
    arrays: &[(Id<Tensor>, &Array)],
) -> Vec<Diagnostic> {
    let of =
        |tensor: Id<Tensor>| arrays.iter().find(|(id, _)| *id == tensor).map(|(_, array)| *array);
    let facts = kernel.facts.iter().filter_map(|fact| {
        let (at, promise) = match fact.kind {
            FactKind::Sorted(id) => {
                let (tensor, array) = (&kernel.tensors[id], of(id)?);
                let later = first_unsorted(array)?;
                let (before, after) =
                    (place(tensor, array, later - 1), place(tensor, array, later));
                (format!("{before}, but then {after}"), "promises that every row ascends")
            }
            FactKind::Finite(id) => {
                let (tensor, array) = (&kernel.tensors[id], of(id)?);
                let at = place(tensor, array, first_infinite(array)?);
                (at, "promises that no element is NaN or infinite")
            }
            FactKind::Equal(..) | FactKind::AtMost(..) | FactKind::Less(..) => return None,
        };
        let message = format!("`{}` does not hold: {at}", fact.text);
        let diagnostic = Diagnostic::new(Kind::BadData, fact.span, message).here(promise);
        Some(diagnostic.help("give data that fits, or drop the fact"))
    });
    facts
        .chain(arrays.iter().filter_map(|&(id, array)| out_of_range(kernel, launch, id, array)))
        .collect()
}

fn first_unsorted(array: &Array) -> Option<usize> {
    let row = array.shape.last().copied().unwrap_or(1).max(1);
    let descends = |&i: &usize| {
        i % row != 0
            && match &array.data {
                Data::I32(x) => x[i - 1] > x[i],
                Data::F32(_) | Data::B16(_) | Data::B8(_) => {
                    let order = array.get_f32(i - 1).partial_cmp(&array.get_f32(i));
                    // Nothing is sorted around a NaN.
                    order.is_none_or(Ordering::is_gt)
                }
            }
    };
    (1..array.data.len()).find(descends)
}

fn first_infinite(array: &Array) -> Option<usize> {
    (0..array.data.len()).find(|&i| !array.get_f32(i).is_finite())
}

fn out_of_range(
    kernel: &Kernel,
    launch: &Launch,
    id: Id<Tensor>,
    array: &Array,
) -> Option<Diagnostic> {
    let tensor = &kernel.tensors[id];
    let (Scalar::Idx(bound), Data::I32(values)) = (tensor.element, &array.data) else {
        return None;
    };
    let bound = kernel.ints.eval(bound, &mut |atom| match atom {
        Atom::Size(size) => Some(launch.sizes[size.index()]),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    })?;
    let offender = values.iter().position(|&v| !(0..bound).contains(&i64::from(v)))?;
    let at = place(tensor, array, offender);
    let message = format!("{at} is not in 0 .. {}", bound - 1);
    let label = format!("its values index something of size {bound}");
    let help = "correct the data; a launch that does not check reads such a value as the nearest \
                index";
    Some(Diagnostic::new(Kind::BadData, tensor.span, message).here(label).help(help))
}

/// `x[3, 5] = nan`
fn place(tensor: &Tensor, array: &Array, offender: usize) -> String {
    let mut rest = offender;
    let mut index = vec![];
    for &dimension in array.shape.iter().rev() {
        index.push((rest % dimension).to_string());
        rest /= dimension;
    }
    index.reverse();
    let value = match &array.data {
        Data::I32(x) => x[offender].to_string(),
        Data::F32(_) | Data::B16(_) | Data::B8(_) => array.get_f32(offender).to_string(),
    };
    if index.is_empty() {
        format!("{} = {value}", tensor.name)
    } else {
        format!("{}[{}] = {value}", tensor.name, index.join(", "))
    }
}
