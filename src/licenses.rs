//! What `--check` allows a target: the precision licenses that tile blocks give, and what the
//! units of a chip can't do better.

use tilec_ir::compare::License;
use tilec_ir::plan::{Contract, EquationAt, Operand, Plan, Region, RegionKind};
use tilec_ir::tensor::{ExprKind, Reduction, Scalar, Setting, SettingValue, Tensor};
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Id, Kernel, Launch, Module};
use tilec_passes::{left_out, normalize, recognize, specialize};
use tilec_target::{Chip, Tensix};

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
        ("storage", "bfp8") => Some(License::Shared),
        ("fp8", "native") => Some(License::Native),
        _ => None,
    }
}

/// What the units of Tensix cores do to the equations of a kernel at the sizes of a launch:
/// products are summed on the matrix unit, and all else that is computed, by the vector unit.
///
/// # Panics
/// If the launch is one of another kernel.
#[must_use]
pub fn tensix_units(kernel: &Kernel, launch: &Launch, chip: &Tensix) -> Vec<(Id<Tensor>, License)> {
    // Programs are made for their sizes, at which more may be a sum of products.
    let names = kernel.sizes.iter().map(|(_, size)| size.name.clone());
    let sizes: Vec<_> = names.zip(launch.sizes.iter().copied()).collect();
    let bound = specialize(kernel, &sizes).expect("the launch has bound the sizes");
    let plan = recognize(&normalize(&bound));
    let mut found = Vec::new();
    let moved = moved(kernel, &plan);
    for equation in kernel.equations.iter().filter(|of| !moved.contains(&of.tensor)) {
        found.push((equation.tensor, License::Polynomials));
        if !chip.words_to_dst {
            found.push((equation.tensor, License::Cut));
        }
    }
    for (tensor, contract) in contractions(kernel, &plan) {
        found.push((tensor, License::Aligned));
        found.extend(left_out(&contract, chip).map(|n| (tensor, License::Upper(n))));
    }
    found
}

/// The tensors whose elements no unit computes: the places of keys that stand in memory,
/// and what is read there.
fn moved(kernel: &Kernel, plan: &Plan) -> Vec<Id<Tensor>> {
    let is_read = |expr| matches!(plan.kernel.exprs[expr].kind, ExprKind::Read(..));
    let of_region = |region: &Region| {
        let RegionKind::Select(select) = &region.kind else { return Vec::new() };
        let (index, gathered) = (region.covers[0], &region.covers[1..]);
        let read = |at: &EquationAt| is_read(plan.kernel.equations[*at].value);
        let read = gathered.iter().copied().filter(read);
        if is_read(select.key) { std::iter::once(index).chain(read).collect() } else { Vec::new() }
    };
    let equations = plan.regions.iter().flat_map(of_region);
    let tensors = equations.filter_map(|at| {
        let name = &plan.kernel.tensors[plan.kernel.equations[at].tensor].name;
        kernel.tensors.iter().find(|(_, tensor)| tensor.name == *name).map(|(id, _)| id)
    });
    tensors.collect()
}

/// What the tensor cores of a GPU do to the sums of a kernel.
#[must_use]
pub fn cuda_units(kernel: &Kernel, chip: &Chip) -> Vec<(Id<Tensor>, License)> {
    let fp8 = |operand: &Operand| matches!(operand.element, Scalar::F8E4M3 | Scalar::F8E5M2);
    let mut found = contractions(kernel, &recognize(&normalize(kernel)));
    found.retain(|(_, contract)| chip.peak.fp8.is_some() && fp8(&contract.a) && fp8(&contract.b));
    found.into_iter().map(|(tensor, _)| (tensor, License::Steps)).collect()
}

/// The contractions of a kernel's plan, each with the tensor whose equation has its sum.
fn contractions(kernel: &Kernel, plan: &Plan) -> Vec<(Id<Tensor>, Contract)> {
    let of_region = |region: &Region| match &region.kind {
        RegionKind::Contract(contract) => vec![(region.covers[0], contract.clone())],
        RegionKind::Grouped(grouped) => {
            grouped.products.iter().map(|of| (of.equation, of.contract.clone())).collect()
        }
        RegionKind::Combine(_)
        | RegionKind::Histogram(_)
        | RegionKind::Rowwise(_)
        | RegionKind::Scan(_)
        | RegionKind::Select(_)
        | RegionKind::Pointwise
        | RegionKind::Generic { .. } => Vec::new(),
    };
    let named = |(at, contract): (EquationAt, Contract)| {
        let sum = plan.kernel.equations[at].tensor;
        // A sum that was a part of an equation is named after it: `acc'1`.
        let name = plan.kernel.tensors[sum].name.split('\'').next()?;
        let (tensor, _) = kernel.tensors.iter().find(|(_, tensor)| tensor.name == name)?;
        Some((tensor, contract))
    };
    plan.regions.iter().flat_map(of_region).filter_map(named).collect()
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
    use tilec_ir::launch;
    use tilec_ir::tensor::Role;

    use super::*;
    use crate::program::Program;

    /// A launch in which every size is this one.
    fn launch_of(kernel: &Kernel, size: i64) -> Launch {
        let inputs = vec![None; kernel.tensors_of(Role::Input).count()];
        let sizes = kernel.sizes.iter().map(|(_, one)| (one.name.clone(), size));
        launch::bind(kernel, &inputs, &sizes.collect::<Vec<_>>()).expect("the sizes fit")
    }

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

    #[test]
    fn tensor_cores_take_sums_of_products_of_fp8() {
        let text = "
kernel two[M, N, K](a: f8e4m3[M, K], b: f8e5m2[N, K], x: bf16[N, K]) -> (c: f32[M, N], d: f32[M, N])
{
    c[m, n] = sum[k](a[m, k] * b[n, k]) + 1.0
    d[m, n] = sum[k](a[m, k] * x[n, k])
}
";
        let module = Program::check(text).module;
        let kernel = &module.kernels[0];
        let names = |chip: &str| {
            let found = cuda_units(kernel, tilec_target::chip(chip).expect("it has a table"));
            found.into_iter().map(|(t, _)| kernel.tensors[t].name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("h200"), ["c"]);
        assert_eq!(names("a100"), [""; 0]);
    }

    #[test]
    fn the_units_of_a_chip_reach_the_sums_that_they_compute() {
        let text = "
kernel two[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: f32[M, N], d: f32[M])
{
    c[m, n] = exp(sum[k](a[m, k] * b[n, k])) + 1.0
    d[m] = sum[k](f32(a[m, k]))
}
";
        let module = Program::check(text).module;
        let kernel = &module.kernels[0];
        let names = |chip: &str, wanted| {
            let chip = tilec_target::chip(chip).expect("it has a table").tensix();
            let launch = launch_of(kernel, 65);
            let found = tensix_units(kernel, &launch, chip).into_iter();
            let found = found.filter(|(_, license)| *license == wanted);
            found.map(|(t, _)| kernel.tensors[t].name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("wormhole_n150", License::Aligned), ["c"]);
        assert_eq!(names("wormhole_n150", License::Upper(11)), ["c"]);
        assert_eq!(names("blackhole_p150", License::Upper(11)), [""; 0]);
        assert_eq!(names("wormhole_n150", License::Cut), ["c", "d"]);
        assert_eq!(names("blackhole_p150", License::Cut), [""; 0]);
        assert_eq!(names("blackhole_p150", License::Polynomials), ["c", "d"]);
    }

    #[test]
    fn sums_that_are_products_at_a_size_are_allowed_what_products_are() {
        let text = "
kernel scaled[M, N, K](a: bf16[M, K], b: bf16[N, K], s: f32[M, N, ceil(K / 128)]) -> (c: f32[M, N])
{
    c[m, n] = sum[k](a[m, k] * b[n, k] * s[m, n, k / 128])
}
";
        let module = Program::check(text).module;
        let kernel = &module.kernels[0];
        let chip = tilec_target::chip("blackhole_p150").expect("it has a table").tensix();
        let aligned = |size| {
            let found = tensix_units(kernel, &launch_of(kernel, size), chip);
            found.iter().any(|(_, license)| *license == License::Aligned)
        };
        assert_eq!([aligned(65), aligned(129)], [true, false]);
    }

    #[test]
    fn what_is_only_moved_keeps_its_bits() {
        let text = "
kernel top[M, N, S](x: f32[M, N], y: f32[M, N])
    -> (at: idx<N>[M, S], v: f32[M, S], w: f32[M, S], u: idx<N>[M])
where 1 <= S, S <= N
{
    at[m, s] = argsort[n desc](x[m, n])[s]
    v[m, s] = x[m, at[m, s]]
    w[m, s] = exp(y[m, at[m, s]])
    u[m] = argmax[n](x[m, n] * y[m, n])
}
";
        let module = Program::check(text).module;
        let kernel = &module.kernels[0];
        let chip = tilec_target::chip("wormhole_n150").expect("it has a table").tensix();
        let found = tensix_units(kernel, &launch_of(kernel, 65), chip).into_iter();
        let found = found.filter(|(_, license)| *license == License::Cut);
        let names: Vec<_> = found.map(|(t, _)| kernel.tensors[t].name.clone()).collect();
        assert_eq!(names, ["w", "u"]);
    }
}
