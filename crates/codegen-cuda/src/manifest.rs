//! The manifest of an emitted program: arguments, checks, workspace and launches.

use tilec_ir::tensor::Role;
use tilec_ir::tile::{self, Program, Step};
use tilec_manifest::{
    Argument, Condition, Formula, Launch, Manifest, Operator, Relation, SizeParameter, VERSION,
    Variant,
};

use crate::context::Context;
use crate::{checks, types};

/// The manifest of a program whose variants have these launches, by step. The hash of
/// the source is left empty: the source's launcher is made from the manifest.
pub(crate) fn manifest(cx: &Context<'_>, launches: Vec<Vec<Vec<Launch>>>) -> Manifest {
    let kernel = cx.kernel();
    let program = cx.program;
    let sizes = kernel
        .sizes
        .iter()
        .map(|(_, size)| SizeParameter { name: size.name.clone(), default: size.default });
    Manifest {
        version: VERSION,
        kernel: kernel.name.clone(),
        chip: program.chip.clone(),
        arch: program.arch.clone(),
        source_sha256: String::new(),
        sizes: sizes.collect(),
        arguments: arguments(cx),
        checks: checks::checks(kernel),
        workspace_bytes: workspace_bytes(cx, program),
        steps: program.steps.iter().zip(launches).map(|(s, l)| step(cx, s, l)).collect(),
    }
}

fn arguments(cx: &Context<'_>) -> Vec<Argument> {
    let kernel = cx.kernel();
    let roles = [Role::Input, Role::Output].into_iter();
    let tensors = roles.flat_map(|role| kernel.tensors_of(role));
    let argument = |id| {
        let tensor = &kernel.tensors[id];
        Argument {
            name: tensor.name.clone(),
            output: tensor.role == Role::Output,
            element: types::manifest_name(tensor.element).to_owned(),
            element_bytes: types::bytes(tensor.element),
            shape: tensor.shape.iter().map(|&size| cx.formula(size)).collect(),
            alignment: cx.alignment(id),
        }
    };
    tensors.map(argument).collect()
}

/// The end of the last piece; pieces may overlap.
fn workspace_bytes(cx: &Context<'_>, program: &Program) -> Formula {
    let ends = program.workspace.iter().map(|piece| {
        Formula::apply(Operator::Add, cx.formula(piece.offset), cx.formula(piece.bytes))
    });
    ends.reduce(|a, b| Formula::apply(Operator::Max, a, b)).unwrap_or(Formula::Constant(0))
}

fn step(cx: &Context<'_>, step: &Step, launches: Vec<Vec<Launch>>) -> tilec_manifest::Step {
    let kernel = cx.kernel();
    let computes = cx.equations(step).into_iter().map(|equation| {
        let name = &kernel.tensors[equation.tensor].name;
        format!("{name} (line {})", cx.source.line(equation.span))
    });
    let variants = step.variants.iter().zip(launches).map(|(variant, launches)| {
        let when = variant.when.iter().map(|&when| condition(cx, when)).collect();
        Variant { when, launches }
    });
    tilec_manifest::Step { computes: computes.collect(), variants: variants.collect() }
}

fn condition(cx: &Context<'_>, condition: tile::Condition) -> Condition {
    let (a, relation, b) = match condition {
        tile::Condition::Equal(a, b) => (a, Relation::Equal, b),
        tile::Condition::AtMost(a, b) => (a, Relation::AtMost, b),
    };
    Condition { left: cx.formula(a), relation, right: cx.formula(b) }
}
