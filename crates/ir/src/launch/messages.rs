//! What is said of sizes that cannot be found or do not fit, with the way out:
//! which option or which input tells a size.

use super::solve::unknown_of;
use crate::arena::Id;
use crate::array::Element;
use crate::diagnostic::{Diagnostic, Kind};
use crate::int::{Atom, IntId};
use crate::int_text::show;
use crate::nearest::nearest;
use crate::tensor::{Kernel, Role, Scalar, Size, Tensor};

/// "dimension 2 of `a`"
pub(super) fn place(kernel: &Kernel, tensor: Id<Tensor>, position: usize) -> String {
    format!("dimension {} of `{}`", position + 1, kernel.tensors[tensor].name)
}

pub(super) fn unknown_size(kernel: &Kernel, name: &str) -> Diagnostic {
    let names: Vec<_> = kernel.sizes.iter().map(|(_, size)| size.name.as_str()).collect();
    let message = format!("kernel `{}` has no size `{name}`", kernel.name);
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it has no sizes: leave it out".to_owned(),
        None => match names.as_slice() {
            [only] => format!("its only size is {only}"),
            names => format!("its sizes are {}", names.join(", ")),
        },
    };
    Diagnostic::global(Kind::UnknownArgument, message).help(help)
}

pub(super) fn wrong_rank(kernel: &Kernel, tensor: Id<Tensor>, given: &[usize]) -> Diagnostic {
    let name = &kernel.tensors[tensor].name;
    let given_text: Vec<_> = given.iter().map(ToString::to_string).collect();
    let message = format!(
        "`{name}` has {} but is given {}, of shape [{}]",
        dimensions(kernel.tensors[tensor].shape.len()),
        dimensions(given.len()),
        given_text.join(", "),
    );
    let help = format!("give an array that fits its type, `{}`", declared(kernel, tensor));
    Diagnostic::global(Kind::WrongRank, message).help(help)
}

fn dimensions(count: usize) -> String {
    match count {
        0 => "no dimensions".to_owned(),
        1 => "1 dimension".to_owned(),
        _ => format!("{count} dimensions"),
    }
}

/// `bf16[M, N]`, or just `bf16`
pub(super) fn declared(kernel: &Kernel, tensor: Id<Tensor>) -> String {
    let tensor = &kernel.tensors[tensor];
    let element = if let Scalar::Idx(bound) = tensor.element {
        format!("idx<{}>", show(kernel, bound))
    } else {
        Element::of(tensor.element).name().to_owned()
    };
    let dims: Vec<_> = tensor.shape.iter().map(|&dim| show(kernel, dim)).collect();
    if dims.is_empty() { element } else { format!("{element}[{}]", dims.join(", ")) }
}

pub(super) fn unbound(kernel: &Kernel, size: Id<Size>) -> Diagnostic {
    let name = &kernel.sizes[size].name;
    let message = format!("nothing tells the size `{name}` of kernel `{}`", kernel.name);
    let help = match teller(kernel, size) {
        Some(tensor) => format!(
            "give it with `--set {name}=..`, or give the input `{}: {}`",
            kernel.tensors[tensor].name,
            declared(kernel, tensor),
        ),
        None => format!("give it with `--set {name}=..`"),
    };
    Diagnostic::global(Kind::UnboundSize, message).help(help)
}

/// The first input that would tell a size, were all the others known.
#[must_use]
pub fn teller(kernel: &Kernel, size: Id<Size>) -> Option<Id<Tensor>> {
    kernel.tensors_of(Role::Input).find(|&tensor| {
        let dims = &kernel.tensors[tensor].shape;
        dims.iter().any(|&dim| unknown_of(kernel, dim, |other| other != size).is_some())
    })
}

/// How to choose other values of the sizes that these are made of.
pub(super) fn choose(kernel: &Kernel, ints: &[IntId]) -> String {
    let mut held = Vec::new();
    for &int in ints {
        kernel.ints.visit_atoms(int, &mut |_, atom| {
            if let Atom::Size(size) = atom {
                held.push(*size);
            }
        });
    }
    held.sort_unstable();
    held.dedup();
    another(kernel, &held)
}

/// "choose another `N` or `S`, with `--set N=..` or by the shape of `x`"
pub(super) fn another(kernel: &Kernel, sizes: &[Id<Size>]) -> String {
    let quoted = |name: &String| format!("`{name}`");
    let names: Vec<_> = sizes.iter().map(|&size| &kernel.sizes[size].name).collect();
    let Some(first) = names.first() else {
        return "no sizes of a launch change it: correct the kernel".to_owned();
    };
    let mut inputs: Vec<_> = sizes.iter().filter_map(|&size| teller(kernel, size)).collect();
    inputs.sort_unstable();
    inputs.dedup();
    let inputs: Vec<_> = inputs.iter().map(|&input| quoted(&kernel.tensors[input].name)).collect();
    let shapes = match inputs.as_slice() {
        [] => String::new(),
        inputs => format!(" or by the shape of {}", inputs.join(" or ")),
    };
    let names: Vec<_> = names.iter().map(|&name| quoted(name)).collect();
    format!("choose another {}, with `--set {first}=..`{shapes}", names.join(" or "))
}
