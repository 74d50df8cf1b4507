//! One `check`: a kernel's text, at several sizes, compiled and interpreted.

use tilec_codegen_cpu::{Compiled, compile};
use tilec_ir::interpret::interpret;
use tilec_ir::tensor::{Kernel, Role, Size, Tensor};
use tilec_ir::{Array, Data, Element, Id, Launch, formats::Format, launch, philox};

/// Equal up to rounding of single operations.
pub fn check(text: &str, sizes: &[&[i64]]) {
    check_within(2e-7, text, sizes);
}

/// The kernel of a text without errors.
pub fn kernel(text: &str) -> Kernel {
    let mut checked = tilec_frontend::check(text);
    assert_eq!(checked.module.kernels.len(), 1, "{:#?}", checked.diagnostics);
    checked.module.kernels.remove(0)
}

/// The launch at given sizes, and inputs for it.
pub fn launch(kernel: &Kernel, sizes: &[i64]) -> (Launch, Vec<Array>) {
    let names = kernel.sizes.iter().map(|(_, size)| size.name.clone());
    let set: Vec<_> = names.zip(sizes.iter().copied()).collect();
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &none, &set).unwrap();
    let inputs = draw_all(kernel, &launch);
    (launch, inputs)
}

/// A launch and inputs for it.
pub struct Drawn {
    pub launch: Launch,
    pub inputs: Vec<Array>,
}

/// Up to `most` launches at sizes out of `values` that the kernel's facts allow.
pub fn launches(kernel: &Kernel, values: &[i64], most: usize) -> Vec<Drawn> {
    let choose = |n: i32| -> Vec<(String, i64)> {
        let pick = |(id, size): (Id<Size>, &Size)| {
            let word = philox::random(n, &[id.index() as i32]).cast_unsigned() as usize;
            (size.name.clone(), values[word % values.len()])
        };
        kernel.sizes.iter().map(pick).collect()
    };
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let bound = (0..2000).filter_map(|n| launch::bind(kernel, &none, &choose(n)).ok());
    let drawn = bound.map(|launch| Drawn { inputs: draw_all(kernel, &launch), launch });
    drawn.take(most).collect()
}

fn draw_all(kernel: &Kernel, launch: &Launch) -> Vec<Array> {
    let draw = |id: Id<Tensor>| draw(kernel, id, &launch.shapes[id.index()], &launch.sizes);
    kernel.tensors_of(Role::Input).map(draw).collect()
}

/// Equal within `bound` times the largest value of each output.
pub fn check_within(bound: f32, text: &str, sizes: &[&[i64]]) {
    let kernel = &kernel(text);
    let compiled = compile(kernel).unwrap();
    for sizes in sizes {
        let (launch, inputs) = launch(kernel, sizes);
        agree("", bound, kernel, &compiled, &launch, &inputs);
    }
}

/// One launch, compiled twice run and interpreted once.
pub fn agree(
    name: &str,
    bound: f32,
    kernel: &Kernel,
    compiled: &Compiled,
    launch: &Launch,
    inputs: &[Array],
) {
    let sizes = &launch.sizes;
    let expected = interpret(kernel, launch, inputs, &|_| ()).unwrap();
    let actual = compiled.run(launch, inputs).unwrap();
    let again = compiled.run(launch, inputs).unwrap();
    for ((id, expected), (actual, again)) in
        kernel.tensors_of(Role::Output).zip(&expected).zip(actual.iter().zip(&again))
    {
        let name = format!("{name} {} at {sizes:?}", kernel.tensors[id].name);
        assert_eq!(bits(actual), bits(again), "{name}: two runs differ");
        compare(&name, bound, expected, actual);
    }
}

fn compare(name: &str, bound: f32, expected: &Array, actual: &Array) {
    assert_eq!(expected.shape, actual.shape, "{name}");
    let (x, y) = (values(expected), values(actual));
    let largest = x.iter().filter(|x| x.is_finite()).fold(0f32, |m, x| m.max(x.abs()));
    let exact = !matches!(
        expected.element,
        Element::F32 | Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2
    );
    let bound = match expected.element {
        _ if exact => 0.0,
        Element::F8E4M3 => bound.max(0.07),
        Element::F8E5M2 => bound.max(0.13),
        Element::Bf16 => bound.max(0.005),
        Element::F16 => bound.max(0.0006),
        _ => bound,
    };
    for (at, (x, y)) in x.iter().zip(&y).enumerate() {
        let same = x == y || x.is_nan() && y.is_nan();
        assert!(same || (x - y).abs() <= bound * largest, "{name}: element {at} is {y}, not {x}");
    }
}

fn bits(array: &Array) -> Vec<u32> {
    values(array).iter().map(|x| x.to_bits()).collect()
}

/// All elements as f32; those of i32 tensors here are small or compared as rounded.
fn values(array: &Array) -> Vec<f32> {
    match (&array.data, array.element) {
        (Data::F32(x), _) => x.clone(),
        (Data::I32(x), _) => x.iter().map(|&x| x as f32).collect(),
        (Data::B16(x), element) => {
            let format = Format::of_element(element).unwrap();
            x.iter().map(|&x| format.decode(x)).collect()
        }
        (Data::B8(x), element) => match Format::of_element(element) {
            Some(format) => x.iter().map(|&x| format.decode(u16::from(x))).collect(),
            None => x.iter().map(|&x| f32::from(x)).collect(),
        },
    }
}

/// Values of about 1, integers of a few bits with some large ones, indices in range.
fn draw(kernel: &Kernel, id: Id<Tensor>, shape: &[usize], sizes: &[i64]) -> Array {
    let element = Element::of(kernel.tensors[id].element);
    let bound = match kernel.tensors[id].element {
        tilec_ir::Scalar::Idx(range) => kernel
            .ints
            .eval(range, &mut |atom| match atom {
                tilec_ir::Atom::Size(size) => Some(sizes[size.index()]),
                _ => None,
            })
            .unwrap()
            .max(1),
        _ => i64::MAX,
    };
    let word = |i: usize| philox::random(id.index() as i32, &[i as i32]).cast_unsigned();
    let float = |i: usize| (word(i) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let count = shape.iter().product();
    let data = match element {
        Element::F32 => Data::F32((0..count).map(float).collect()),
        Element::I32 => Data::I32(
            (0..count)
                .map(|i| {
                    if bound == i64::MAX {
                        (word(i) % 101) as i32 - 20
                    } else {
                        (i64::from(word(i)) % bound) as i32
                    }
                })
                .collect(),
        ),
        Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2 => {
            let format = Format::of_element(element).unwrap();
            let codes = (0..count).map(|i| format.encode(float(i)));
            match element.bytes() {
                2 => Data::B16(codes.collect()),
                _ => Data::B8(codes.map(|c| c as u8).collect()),
            }
        }
        Element::I8 | Element::U8 => Data::B8((0..count).map(|i| (word(i) % 251) as u8).collect()),
        Element::Bool => Data::B8((0..count).map(|i| (word(i) % 2) as u8).collect()),
    };
    Array { element, shape: shape.to_vec(), data }
}
