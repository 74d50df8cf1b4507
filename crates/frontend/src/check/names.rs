//! Names of kernels, sizes and tensors: what they stand for, and what was
//! probably meant by one that stands for nothing.

use super::kernel::Checker;
use crate::ast::{self, Element, File, Item, Name};
use crate::report::Reports;
use std::collections::HashMap;
use tilec_ir::tensor::{Role, Size, Tensor};
use tilec_ir::{Diagnostic, Id, IntId, Kind, Scalar, Span, nearest};

/// What a name of the kernel stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named {
    /// A size parameter.
    Size(Id<Size>),
    /// A tensor.
    Tensor(Id<Tensor>),
}

/// Reports kernels of the same name.
pub(super) fn check_kernel_names(file: &File, reports: &mut Reports) {
    let mut first = HashMap::new();
    for item in &file.items {
        if let Item::Kernel(kernel) = item {
            let before = *first.entry(kernel.name.text.as_str()).or_insert(kernel.name.span);
            if before != kernel.name.span {
                reports.push(duplicate("kernel", &kernel.name, before));
            }
        }
    }
}

/// Two definitions of one name.
pub(super) fn duplicate(what: &str, name: &Name, before: Span) -> Diagnostic {
    Diagnostic::new(
        Kind::DuplicateName,
        name.span,
        format!("the {what} `{}` is defined twice", name.text),
    )
    .here("defined again here")
    .with(before, "defined here first")
    .help("give one of the two another name")
}

impl<'a> Checker<'a> {
    /// Size parameters.
    pub(super) fn declare_sizes(&mut self) {
        for param in &self.tree.sizes {
            let size = Size {
                name: param.name.text.clone(),
                default: param.default,
                span: param.name.span,
            };
            let id = self.kernel.sizes.push(size);
            self.define(&param.name, Named::Size(id));
        }
    }

    /// Inputs, outputs, and what else has an equation.
    pub(super) fn declare_tensors(&mut self) {
        let tree = self.tree;
        for (params, role) in [(&tree.inputs, Role::Input), (&tree.outputs, Role::Output)] {
            params.iter().for_each(|param| self.declare_param(param, role));
        }
        for equation in &tree.equations {
            match self.names.get(equation.name.text.as_str()) {
                None => {
                    let id = self.push_tensor(&equation.name, Scalar::F32, Vec::new(), Role::Local);
                    self.known[id.index()] = false;
                    self.names.insert(&equation.name.text, Named::Tensor(id));
                }
                Some(&Named::Size(size)) => {
                    let before = self.kernel.sizes[size].span;
                    self.report(duplicate("name", &equation.name, before));
                }
                Some(Named::Tensor(_)) => {}
            }
        }
    }

    fn declare_param(&mut self, param: &'a ast::Param, role: Role) {
        let element = self.element(param.element);
        let shape: Vec<_> = param.shape.iter().map(|&size| self.dimension(size)).collect();
        let known: Option<Vec<IntId>> = shape.into_iter().collect();
        let is_known = element.is_some() && known.is_some();
        // An unknown shape keeps its rank, for messages about sizes only.
        let id = self.push_tensor(
            &param.name,
            element.unwrap_or(Scalar::F32),
            known.unwrap_or_default(),
            role,
        );
        self.known[id.index()] = is_known;
        self.define(&param.name, Named::Tensor(id));
    }

    fn push_tensor(
        &mut self,
        name: &Name,
        element: Scalar,
        shape: Vec<IntId>,
        role: Role,
    ) -> Id<Tensor> {
        self.known.push(true);
        self.kernel.tensors.push(Tensor {
            name: name.text.clone(),
            element,
            shape,
            role,
            span: name.span,
        })
    }

    fn define(&mut self, name: &'a Name, named: Named) {
        if let Some(&before) = self.names.get(name.text.as_str()) {
            let before = self.span_of(before);
            self.report(duplicate("name", name, before));
        } else {
            self.names.insert(&name.text, named);
        }
    }

    /// Where a name is defined.
    pub(super) fn span_of(&self, named: Named) -> Span {
        match named {
            Named::Size(size) => self.kernel.sizes[size].span,
            Named::Tensor(tensor) => self.kernel.tensors[tensor].span,
        }
    }

    /// The tensor of a name.
    pub(super) fn tensor(&self, name: &str) -> Option<Id<Tensor>> {
        match self.names.get(name) {
            Some(Named::Tensor(tensor)) => Some(*tensor),
            Some(Named::Size(_)) | None => None,
        }
    }

    /// An element type.
    pub(super) fn element(&mut self, element: Element) -> Option<Scalar> {
        Some(match element {
            Element::F32 => Scalar::F32,
            Element::Bf16 => Scalar::Bf16,
            Element::F16 => Scalar::F16,
            Element::F8E4M3 => Scalar::F8E4M3,
            Element::F8E5M2 => Scalar::F8E5M2,
            Element::I32 => Scalar::I32,
            Element::I8 => Scalar::I8,
            Element::U8 => Scalar::U8,
            Element::Bool => Scalar::Bool,
            Element::Idx(size) => Scalar::Idx(self.dimension(size)?),
        })
    }

    /// A name that stands for nothing, with the nearest one that does.
    pub(super) fn unknown_name(&self, name: &Name, what: &str) -> Diagnostic {
        let report = self.mistake(
            Kind::UnknownName,
            name.span,
            format!("no {what} is called `{}`", name.text),
            "unknown",
        );
        if let (Some(&past), true) = (self.past.get(name.text.as_str()), self.frames.is_empty()) {
            return report
                .with(
                    past,
                    "an index variable of this name is known only in the parentheses after it",
                )
                .help("move the use inside, or give the reduction an equation of its own");
        }
        match self.nearest_name(&name.text) {
            Some(near) => report.help(format!("did you mean `{near}`?")),
            None => report.help(candidates(what)),
        }
    }

    /// Looks in the order of declaration, so that the answer is always the same.
    fn nearest_name(&self, name: &str) -> Option<String> {
        if let Some(frame) = self.frames.last() {
            return nearest(name, frame.callee.tree.params.iter().map(|p| p.text.as_str()))
                .map(str::to_owned);
        }
        let sizes = self.kernel.sizes.iter().map(|(_, size)| size.name.as_str());
        let tensors = self.kernel.tensors.iter().map(|(_, tensor)| tensor.name.as_str());
        let variables = self.open.iter().flat_map(|group| group.names.iter().copied());
        nearest(name, variables.chain(tensors).chain(sizes)).map(str::to_owned)
    }
}

/// Where names of a sort come from.
fn candidates(what: &str) -> &'static str {
    match what {
        "size" => "sizes are listed after the kernel's name: `kernel name[M, N]`",
        "input" => "inputs are listed in the parentheses after the sizes",
        "tensor" => "a tensor is an input, or has an equation in this kernel",
        _ => {
            "index variables are bound on the left of the equation, as in `y[i] = ..`, or by a reduction, as in `sum[i](..)`"
        }
    }
}
