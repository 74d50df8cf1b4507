//! From text to a checked program: the front end's checks and those that need
//! the chip tables.

use tilec_ir::tensor::{Setting, SettingValue, Tiling, TilingEntry};
use tilec_ir::{Diagnostic, Kernel, Kind, Module, Severity};
use tilec_target::{Chip, RefusalKind, Scope, Value, check_setting};

/// A source text with what it means and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The kernels without errors, and their tile blocks.
    pub module: Module,
    /// Errors and warnings, in the order of the source.
    pub diagnostics: Vec<Diagnostic>,
}

impl Program {
    /// Parses and checks a source.
    #[must_use]
    pub fn check(text: &str) -> Self {
        let checked = tilec_frontend::check(text);
        let mut diagnostics = checked.diagnostics;
        for tiling in &checked.module.tilings {
            check_tiling(tiling, &mut diagnostics);
        }
        diagnostics.sort_by_key(|d| d.labels.first().map(|label| label.span));
        Self { module: checked.module, diagnostics }
    }

    /// Whether anything is wrong enough to stop.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity() == Severity::Error)
    }

    /// The kernel of that name, or the only one of the file.
    pub fn kernel(&self, name: Option<&str>) -> Result<&Kernel, String> {
        let kernels = &self.module.kernels;
        let names: Vec<_> = kernels.iter().map(|kernel| kernel.name.as_str()).collect();
        match (name, kernels.as_slice()) {
            (None, [kernel]) => Ok(kernel),
            (None, []) => Err("the file has no kernel".to_owned()),
            (None, _) => Err(format!(
                "the file has several kernels; choose one with --kernel: {}",
                names.join(", ")
            )),
            (Some(name), _) => kernels.iter().find(|kernel| kernel.name == name).ok_or_else(|| {
                format!("the file has no kernel `{name}`, only {}", names.join(", "))
            }),
        }
    }
}

fn check_tiling(tiling: &Tiling, diagnostics: &mut Vec<Diagnostic>) {
    let Some(chip) = tilec_target::chip(&tiling.chip) else {
        let known: Vec<_> = tilec_target::chips().iter().map(|chip| chip.name.as_str()).collect();
        let message = format!("no chip is called `{}`", tiling.chip);
        let diagnostic = Diagnostic::new(Kind::UnknownChip, tiling.chip_span, message);
        diagnostics.push(diagnostic.help(format!("the known chips are {}", known.join(", "))));
        return;
    };
    for entry in &tiling.entries {
        diagnostics.extend(entry.settings.iter().filter_map(|s| check_one(chip, entry, s)));
    }
}

fn check_one(chip: &Chip, entry: &TilingEntry, setting: &Setting) -> Option<Diagnostic> {
    let scope = if entry.region.is_some() { Scope::Equation } else { Scope::Kernel };
    let value = match &setting.value {
        SettingValue::Integer(value) => Value::Integer(*value),
        SettingValue::Word(word) => Value::Word(word),
    };
    let refusal = check_setting(chip.family(), scope, &setting.name, value).err()?;
    let kind = match refusal.kind {
        RefusalKind::Unknown => Kind::UnknownSetting,
        RefusalKind::Scope | RefusalKind::Value => Kind::BadSetting,
    };
    Some(Diagnostic::new(kind, setting.span, refusal.message).help(refusal.help))
}
