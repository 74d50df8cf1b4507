//! The precision licenses that tile blocks give, as what `--check` allows for them.

use tilec_ir::compare::License;
use tilec_ir::tensor::{ExprKind, Reduction, Setting, SettingValue, Tensor};
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Id, Kernel, Module};

/// The licensed sums of a kernel on a chip. Tile blocks name equations of the
/// kernel of the same name in `module`; tensors are those of `kernel`, which may
/// have been specialized since.
#[must_use]
pub fn licenses(module: &Module, kernel: &Kernel, chip: &str) -> Vec<(Id<Tensor>, License)> {
    let mut found = Vec::new();
    for tiling in module.tilings.iter().filter(|tiling| tiling.chip == chip) {
        let written = &module.kernels[tiling.kernel];
        if written.name != kernel.name {
            continue;
        }
        for entry in &tiling.entries {
            let name = entry.region.map(|tensor| &written.tensors[tensor].name);
            let region = kernel.tensors.iter().find(|(_, tensor)| Some(&tensor.name) == name);
            let licenses = entry.settings.iter().filter_map(license);
            let sums = region.map(|(tensor, _)| sums_of(kernel, tensor)).unwrap_or_default();
            found.extend(licenses.flat_map(|license| sums.iter().map(move |&sum| (sum, license))));
        }
    }
    found
}

fn license(setting: &Setting) -> Option<License> {
    let SettingValue::Word(word) = &setting.value else { return None };
    match (setting.name.as_str(), word.as_str()) {
        ("tf32", "yes") => Some(License::Tf32),
        ("promote", "never") => Some(License::Unpromoted),
        _ => None,
    }
}

/// The nearest equations with sums on the way from a tensor to the inputs.
fn sums_of(kernel: &Kernel, tensor: Id<Tensor>) -> Vec<Id<Tensor>> {
    let (mut sums, mut seen, mut open) = (vec![], vec![tensor], vec![tensor]);
    while let Some(tensor) = open.pop() {
        let Some(equation) = kernel.equations.iter().find(|e| e.tensor == tensor) else { continue };
        let inside = reachable(kernel, equation.value);
        let is_sum = |kind: &ExprKind| matches!(kind, ExprKind::Reduce(Reduction::Sum, ..));
        if inside.iter().any(|&expr| is_sum(&kernel.exprs[expr].kind)) {
            sums.push(tensor);
            continue;
        }
        for read in inside.into_iter().flat_map(|expr| reads(kernel, expr)) {
            if !seen.contains(&read) {
                seen.push(read);
                open.push(read);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;

    #[test]
    fn a_license_reaches_the_sums_before_the_equation_that_it_names() {
        let text = "
kernel two[M, K](a: f32[M, K], b: f32[M, K]) -> (c: f32[M], d: f32[M])
{
    s[m] = sum[k](a[m, k] * b[m, k])
    c[m] = s[m] + 1.0
    d[m] = sum[k](a[m, k])
}
tile two on h200 { c: tf32 = yes }
tile two on a100 { d: tf32 = yes }
";
        let module = Program::check(text).module;
        let names = |chip| {
            let found = licenses(&module, &module.kernels[0], chip);
            let name = |(t, _): &(Id<Tensor>, _)| module.kernels[0].tensors[*t].name.clone();
            found.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names("h200"), ["s"]);
        assert_eq!(names("a100"), ["d"]);
        assert_eq!(names("l40s"), [""; 0]);
    }
}
