//! Whether all ways to run a kernel agree.

use tilec_ir::tensor::{Role, Scalar};
use tilec_ir::{Array, Data, Element, Id, Kernel, Launch, Severity, launch, verify};

use super::kernels::Program;
use super::random::Random;

/// Runs a kernel in every way, at several sizes. Returns how many launches were
/// compared, or what is wrong.
pub(crate) fn agree(program: &Program, seed: u64) -> Result<usize, String> {
    let checked = tilec_frontend::check(&program.text);
    let errors = checked.diagnostics.iter().filter(|d| d.severity() == Severity::Error);
    if let Some(error) = errors.into_iter().next() {
        return Err(format!("does not check: {error:?}"));
    }
    let kernel = checked.module.kernels.first().ok_or("the file holds no kernel")?;
    verify::verify(kernel)?;
    let canonical = tilec_passes::normalize(kernel);
    let listing = || format!("\n{}", canonical);
    verify::verify(canonical.kernel()).map_err(|fault| fault + &listing())?;
    #[cfg(feature = "llvm")]
    let compiled = tilec_codegen_cpu::compile(kernel)?;
    let (mut random, mut launched) = (Random::new(seed ^ 0x5eed), 0);
    for special in [false, false, true] {
        let set = sizes(program, &mut random);
        let none = vec![None; kernel.tensors_of(Role::Input).count()];
        // Indices below a size of 0 are refused, as they should be.
        let Ok(launch) = launch::bind(kernel, &none, &set) else { continue };
        let inputs: Vec<_> = kernel
            .tensors_of(Role::Input)
            .map(|tensor| draw(kernel, &launch, tensor, special, &mut random))
            .collect();
        let describe = |what: &str, fault: String| {
            format!("{what} at {set:?}, special values: {special}: {fault}")
        };
        let expected = tilec_ir::interpret::interpret(kernel, &launch, &inputs, &|_| {})
            .map_err(|error| describe("interpreter", format!("{error:?}")))?;
        #[cfg(feature = "llvm")]
        {
            let actual = compiled
                .run(&launch, &inputs)
                .map_err(|error| describe("compiled", format!("{error:?}")))?;
            compare(program, kernel, &expected, &actual).map_err(|f| describe("compiled", f))?;
        }
        if !program.regroups || program.finite && !special {
            let own = launch::bind(canonical.kernel(), &none, &set)
                .map_err(|errors| describe("canonical", format!("{errors:?}") + &listing()))?;
            let actual = tilec_ir::interpret::interpret(canonical.kernel(), &own, &inputs, &|_| {})
                .map_err(|error| describe("canonical", format!("{error:?}") + &listing()))?;
            compare(program, kernel, &expected, &actual)
                .map_err(|fault| describe("canonical", fault + &listing()))?;
        }
        launched += 1;
    }
    Ok(launched)
}

pub(crate) fn sizes(program: &Program, random: &mut Random) -> Vec<(String, i64)> {
    let some = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13];
    let size = |(name, least): &(String, usize)| {
        let value = *random.pick(&some);
        (name.clone(), i64::try_from(value.max(*least)).expect("sizes are small"))
    };
    program.sizes.iter().map(size).collect()
}

pub(crate) fn draw(
    kernel: &Kernel,
    launch: &Launch,
    tensor: Id<tilec_ir::tensor::Tensor>,
    special: bool,
    random: &mut Random,
) -> Array {
    let scalar = kernel.tensors[tensor].element;
    let shape = &launch.shapes[tensor.index()];
    let mut array = Array::zeros(Element::of(scalar), shape).expect("the tensors are small");
    let bound = if let Scalar::Idx(bound) = scalar { Some(bound) } else { None };
    let bound = bound.and_then(|bound| {
        kernel.ints.eval(bound, &mut |atom| {
            if let tilec_ir::Atom::Size(size) = atom { Some(launch.size(*size)) } else { None }
        })
    });
    for at in 0..array.len() {
        match array.element {
            Element::Bool => array.set_bool(at, random.one_in(2)),
            Element::I32 if bound.is_some() => {
                let bound = usize::try_from(bound.unwrap_or(1)).unwrap_or(1).max(1);
                array.set_i32(at, i32::try_from(random.below(bound)).expect("sizes are small"));
            }
            Element::I32 if special && random.one_in(4) => {
                array.set_i32(at, *random.pick(&[i32::MIN, i32::MAX, -1, 1 << 30]));
            }
            Element::I32 | Element::I8 => array.set_i32(at, small(random)),
            Element::U8 => array.set_i32(at, small(random).abs()),
            Element::F32 | Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2
                if special && random.one_in(4) =>
            {
                let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-40, 0.0];
                array.set_f32(at, *random.pick(&specials));
            }
            Element::F32 | Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2 => {
                array.set_f32(at, small(random) as f32 * 0.5);
            }
        }
    }
    array
}

fn small(random: &mut Random) -> i32 {
    i32::try_from(random.below(9)).expect("it is below 9") - 4
}

/// Exact outputs bit for bit (but for the sign of zero), the others within a
/// thousandth of the largest value around.
pub(crate) fn compare(
    program: &Program,
    kernel: &Kernel,
    expected: &[Array],
    actual: &[Array],
) -> Result<(), String> {
    for ((id, x), y) in kernel.tensors_of(Role::Output).zip(expected).zip(actual) {
        let name = &kernel.tensors[id].name;
        if x.shape != y.shape || x.element != y.element {
            return Err(format!("{name} has another shape: {:?} for {:?}", y.shape, x.shape));
        }
        let Data::F32(_) = x.data else {
            if x.data != y.data {
                return Err(format!("{name}: expected {:?}, found {:?}", x.data, y.data));
            }
            continue;
        };
        let exact = !program.inexact.contains(name);
        let finite = (0..x.len()).map(|at| x.get_f32(at).abs()).filter(|v| v.is_finite());
        let allowed = if exact { 0.0 } else { 1e-3 * finite.fold(1.0, f32::max) };
        for at in 0..x.len() {
            let (a, b) = (x.get_f32(at), y.get_f32(at));
            let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= allowed;
            if !same {
                let kind = if exact { "exact" } else { "inexact" };
                return Err(format!("{name}[{at}] ({kind}): expected {a}, found {b}"));
            }
        }
    }
    Ok(())
}
