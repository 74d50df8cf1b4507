//! What is said of sizes that cannot be found.

use super::solve::unknown_of;
use crate::arena::Id;
use crate::array::Element;
use crate::diagnostic::{Diagnostic, Kind};
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
        None if names.is_empty() => "it has no sizes".to_owned(),
        None => format!("its sizes are {}", names.join(", ")),
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
    let help = format!("it is declared as `{}`", declared(kernel, tensor));
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
fn declared(kernel: &Kernel, tensor: Id<Tensor>) -> String {
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
    // With all the others known, which inputs would tell it?
    let teller = kernel.tensors_of(Role::Input).find(|&tensor| {
        let dims = &kernel.tensors[tensor].shape;
        dims.iter().any(|&dim| unknown_of(kernel, dim, |other| other != size).is_some())
    });
    let help = match teller {
        Some(tensor) => format!(
            "give it with `--set {name}=..`, or give the input `{}: {}`",
            kernel.tensors[tensor].name,
            declared(kernel, tensor),
        ),
        None => format!("give it with `--set {name}=..`"),
    };
    Diagnostic::global(Kind::UnboundSize, message).help(help)
}
