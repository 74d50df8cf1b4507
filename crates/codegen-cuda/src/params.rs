//! Parameters of one emitted function: what the launch passes, and under which
//! name the body has it.
//!
//! Each is added where the body first needs it. Their order is that of
//! [`Key`], whatever the order in which they were added: tensors as declared,
//! scratch memory, tensor maps, scalars, sizes.

use std::collections::BTreeMap;

use tilec_ir::Id;
use tilec_ir::tensor::{Size, Tensor};
use tilec_manifest::{Base, Parameter};

/// What a parameter is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The elements of a tensor.
    Tensor(Id<Tensor>),
    /// A piece of scratch memory, by its name in the function.
    Scratch(String),
    /// A tensor map, by its name in the function.
    Map(String),
    /// A scalar input.
    Scalar(Id<Tensor>),
    /// A size parameter.
    Size(Id<Size>),
    /// An integer over sizes, computed at launch, by its name in the function.
    Formula(String),
}

/// What the body does with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads it.
    Read,
    /// It writes it.
    Write,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    /// The C++ type, for memory that of an element.
    ty: String,
    /// For memory: whether it is read, and whether it is written.
    memory: Option<(bool, bool)>,
    parameter: Parameter,
}

/// The parameters of a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    entries: BTreeMap<Key, Entry>,
}

impl Params {
    /// The name of a parameter that was added before.
    pub(crate) fn name(&self, key: &Key) -> Option<String> {
        self.entries.get(key).map(|entry| entry.name.clone())
    }

    /// Whether a parameter has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.values().any(|entry| entry.name == name)
    }

    /// Adds memory, or notes one more way in which it is used.
    pub(crate) fn memory(&mut self, key: Key, name: &str, ty: &str, base: Base, access: Access) {
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            name: name.to_owned(),
            ty: ty.to_owned(),
            memory: Some((false, false)),
            parameter: Parameter::Pointer(base),
        });
        if let Some((read, written)) = &mut entry.memory {
            match access {
                Access::Read => *read = true,
                Access::Write => *written = true,
            }
        }
    }

    /// Adds what is passed by value.
    pub(crate) fn value(&mut self, key: Key, name: &str, ty: &str, parameter: Parameter) {
        let entry = || Entry { name: name.to_owned(), ty: ty.to_owned(), memory: None, parameter };
        self.entries.entry(key).or_insert_with(entry);
    }

    /// The declarations and what is passed, in the same order.
    pub(crate) fn finish(self) -> (Vec<String>, Vec<Parameter>) {
        let declare = |entry: Entry| {
            let Entry { name, ty, memory, parameter } = entry;
            let declaration = match memory {
                None => format!("{ty} {name}"),
                // Tensors do not overlap; one that is read and written is its own alias.
                Some((true, true)) => format!("{ty}* {name}"),
                Some((false, true)) => format!("{ty}* __restrict__ {name}"),
                Some((_, false)) => format!("const {ty}* __restrict__ {name}"),
            };
            (declaration, parameter)
        };
        self.entries.into_values().map(declare).unzip()
    }
}
