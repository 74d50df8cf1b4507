//! Tile blocks: the kernel and the equations that they name. Chips and settings
//! belong to the tables of the targets and are checked there.

use crate::ast::{self, Entry, File, Item, SettingValue};
use crate::report::Reports;
use std::collections::{HashMap, HashSet};
use tilec_ir::tensor::{self, Tiling, TilingEntry};
use tilec_ir::{Diagnostic, Kernel, Kind, Span, nearest};

/// Resolves the tile blocks of a file; those of kernels with mistakes are
/// checked and left out.
pub(super) fn check(file: &File, kernels: &[Kernel], reports: &mut Reports) -> Vec<Tiling> {
    let mut trees: HashMap<&str, &ast::Kernel> = HashMap::new();
    for item in &file.items {
        if let Item::Kernel(kernel) = item {
            trees.entry(&kernel.name.text).or_insert(kernel);
        }
    }
    let places: HashMap<&str, usize> =
        kernels.iter().enumerate().rev().map(|(at, kernel)| (kernel.name.as_str(), at)).collect();
    let mut blocks = HashMap::new();
    let mut tilings = Vec::new();
    for item in &file.items {
        let Item::Tiling(tiling) = item else { continue };
        let before = blocks
            .insert((tiling.kernel.text.as_str(), tiling.chip.text.as_str()), tiling.kernel.span);
        if let Some(before) = before {
            reports.push(second_block(tiling, before));
        }
        match trees.get(tiling.kernel.text.as_str()) {
            Some(tree) => {
                let place = places.get(tiling.kernel.text.as_str()).copied();
                tilings.extend(resolve(tiling, tree, place.map(|at| (at, &kernels[at])), reports));
            }
            None if file.unread.iter().any(|name| name.text == tiling.kernel.text) => {}
            None => reports.push(unknown_kernel(tiling, file)),
        }
    }
    tilings
}

fn second_block(tiling: &ast::Tiling, before: Span) -> Diagnostic {
    let message =
        format!("there are two tile blocks for `{}` on `{}`", tiling.kernel.text, tiling.chip.text);
    Diagnostic::new(Kind::DuplicateSetting, tiling.kernel.span, message)
        .here("the second one")
        .with(before, "the first one")
        .help("write all settings into one block")
}

fn unknown_kernel(tiling: &ast::Tiling, file: &File) -> Diagnostic {
    let names = file.items.iter().filter_map(|item| match item {
        Item::Kernel(kernel) => Some(kernel.name.text.as_str()),
        Item::Function(_) | Item::Tiling(_) => None,
    });
    let message = format!("no kernel of this file is called `{}`", tiling.kernel.text);
    let report = Diagnostic::new(Kind::UnknownKernel, tiling.kernel.span, message).here("unknown");
    match nearest(&tiling.kernel.text, names) {
        Some(near) => report.help(format!("did you mean `{near}`?")),
        None => report.help("a tile block stands in the file of its kernel"),
    }
}

fn resolve(
    tiling: &ast::Tiling,
    tree: &ast::Kernel,
    kernel: Option<(usize, &Kernel)>,
    reports: &mut Reports,
) -> Option<Tiling> {
    let equations: HashSet<&str> =
        tree.equations.iter().map(|equation| equation.name.text.as_str()).collect();
    let mut given = HashMap::new();
    let mut sound = true;
    for entry in &tiling.entries {
        let key = entry.key.text.as_str();
        let inputs = || tree.inputs.iter().any(|input| input.name.text == key);
        if key != tree.name.text && (!equations.contains(key) || inputs()) {
            sound = false;
            reports.push(unknown_region(entry, tree));
        }
        for setting in &entry.settings {
            if let Some(before) = given.insert((key, setting.name.text.as_str()), setting.name.span)
            {
                sound = false;
                reports.push(second_setting(&setting.name, before));
            }
        }
    }
    let (at, kernel) = kernel.filter(|_| sound)?;
    let ids: HashMap<&str, _> =
        kernel.tensors.iter().map(|(id, tensor)| (tensor.name.as_str(), id)).collect();
    let entry = |entry: &Entry| TilingEntry {
        // An equation of the kernel's name comes first.
        region: ids.get(entry.key.text.as_str()).copied(),
        span: entry.key.span,
        settings: entry.settings.iter().map(setting).collect(),
    };
    Some(Tiling {
        kernel: at,
        chip: tiling.chip.text.clone(),
        chip_span: tiling.chip.span,
        entries: tiling.entries.iter().map(entry).collect(),
        span: tiling.span,
    })
}

fn setting(setting: &ast::Setting) -> tensor::Setting {
    let value = match &setting.value {
        SettingValue::Integer(value) => tensor::SettingValue::Integer(*value),
        SettingValue::Word(word) => tensor::SettingValue::Word(word.clone()),
    };
    tensor::Setting {
        name: setting.name.text.clone(),
        value,
        span: setting.name.span.to(setting.span),
    }
}

fn unknown_region(entry: &Entry, tree: &ast::Kernel) -> Diagnostic {
    let key = &entry.key;
    let kernel = &tree.name.text;
    if let Some(input) = tree.inputs.iter().find(|input| input.name.text == key.text) {
        return Diagnostic::new(
            Kind::UnknownRegion,
            key.span,
            format!("`{}` is an input of `{kernel}`, and nothing computes it", key.text),
        )
        .here("settings are for equations")
        .with(input.span, "declared here")
        .help(format!("name the equation that reads it, or `{kernel}` for the whole kernel"));
    }
    let names =
        tree.equations.iter().map(|equation| equation.name.text.as_str()).chain([kernel.as_str()]);
    let report = Diagnostic::new(
        Kind::UnknownRegion,
        key.span,
        format!("the kernel `{kernel}` has no equation `{}`", key.text),
    )
    .here("unknown");
    match nearest(&key.text, names) {
        Some(near) => report.help(format!("did you mean `{near}`?")),
        None => report.help(format!("name an equation, or `{kernel}` for the whole kernel")),
    }
}

fn second_setting(name: &ast::Name, before: Span) -> Diagnostic {
    Diagnostic::new(
        Kind::DuplicateSetting,
        name.span,
        format!("the setting `{}` is given twice", name.text),
    )
    .here("given again here")
    .with(before, "given here first")
    .help("leave one of them out")
}
