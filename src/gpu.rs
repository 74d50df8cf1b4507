//! What a GPU is to this compiler: the chip table that fits it, and the arguments
//! of a launch in the order of a manifest.
//!
//! Pure functions; opening a GPU and running on it is the command line's.

use tilec_ir::tensor::Role;
use tilec_ir::{Array, Kernel, Launch};
use tilec_manifest::{Arch, Manifest};
use tilec_target::Chip;

use crate::arrays;

/// The table for a GPU: that of its name, else the nearest one whose code it runs
/// (of its own generation if there is one, then the one with the most alike
/// multiprocessors).
#[must_use]
pub fn chip_for(
    name: &str,
    (major, minor): (u32, u32),
    multiprocessors: u32,
) -> Option<&'static Chip> {
    let words = |text: &str| text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "_");
    let name = words(name);
    let chips = || tilec_target::chips().iter().filter(|chip| chip.family().target() == "cuda");
    let runs = |chip: &&Chip| {
        Arch::parse(&chip.cuda().arch).is_some_and(|arch| arch.on(major, minor).is_some())
    };
    let named = chips().filter(runs).find(|chip| name.contains(&chip.name));
    let distance = |chip: &&Chip| {
        let [other, _] = chip.cuda().compute_capability;
        (major.abs_diff(other), multiprocessors.abs_diff(chip.cuda().multiprocessors))
    };
    named.or_else(|| chips().filter(runs).min_by_key(distance))
}

/// The values of a manifest's sizes in a launch.
#[must_use]
pub fn sizes(manifest: &Manifest, kernel: &Kernel, launch: &Launch) -> Vec<i64> {
    let value = |name: &str| {
        let size = kernel.sizes.iter().find(|(_, size)| size.name == name);
        launch.size(size.expect("a manifest's sizes are the kernel's").0)
    };
    manifest.sizes.iter().map(|size| value(&size.name)).collect()
}

/// An argument of a launch on the GPU.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// An input tensor's bytes.
    Input(Vec<u8>),
    /// An input scalar's bytes, from the first.
    Scalar([u8; 4]),
    /// The output at this position of the kernel's outputs.
    Output(usize),
}

/// The arguments of a launch in the order of the manifest.
#[must_use]
pub fn arguments(manifest: &Manifest, kernel: &Kernel, inputs: &[Array]) -> Vec<Argument> {
    let position = |role: Role, name: &str| {
        let position = kernel.tensors_of(role).position(|id| kernel.tensors[id].name == name);
        position.expect("a manifest's arguments are the kernel's")
    };
    let argument = |argument: &tilec_manifest::Argument| {
        if argument.output {
            return Argument::Output(position(Role::Output, &argument.name));
        }
        let array = &inputs[position(Role::Input, &argument.name)];
        let bytes = arrays::to_bytes(&array.data);
        match (argument.shape.is_empty(), bytes.as_slice()) {
            (true, &[a]) => Argument::Scalar([a, 0, 0, 0]),
            (true, &[a, b]) => Argument::Scalar([a, b, 0, 0]),
            (true, &[a, b, c, d]) => Argument::Scalar([a, b, c, d]),
            (_, _) => Argument::Input(bytes),
        }
    };
    manifest.arguments.iter().map(argument).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_have_tables() {
        let check = |name: &str, capability, multiprocessors, expected: Option<&str>| {
            let chip = chip_for(name, capability, multiprocessors);
            assert_eq!(chip.map(|chip| chip.name.as_str()), expected, "{name}");
        };
        check("NVIDIA H200", (9, 0), 132, Some("h200"));
        check("NVIDIA H100 80GB HBM3", (9, 0), 132, Some("h100"));
        check("NVIDIA A100-SXM4-80GB", (8, 0), 108, Some("a100"));
        check("NVIDIA L40S", (8, 9), 142, Some("l40s"));
        check("NVIDIA RTX PRO 6000 Blackwell Server Edition", (12, 0), 188, Some("rtx_pro_6000"));
        // Others run what is written for their generation, or an older one.
        check("NVIDIA GeForce RTX 4090", (8, 9), 128, Some("l40s"));
        check("NVIDIA A10", (8, 6), 72, Some("a100"));
        check("NVIDIA B200", (10, 0), 148, Some("l40s"));
        check("Tesla V100", (7, 0), 80, None);
    }
}
