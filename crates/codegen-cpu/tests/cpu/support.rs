//! One `check`: a kernel's text, at several sizes, compiled and interpreted.

use tilec_codegen_cpu::{Compiled, compile};
use tilec_ir::interpret::interpret;
use tilec_ir::tensor::{Kernel, Role, Size, Tensor};
use tilec_ir::{Array, Atom, Data, Element, Id, Launch, Scalar, formats::Format, launch, philox};

/// Equal up to rounding of single operations.
pub(crate) fn check(text: &str, sizes: &[&[i64]]) {
    check_within(2e-7, text, sizes);
}

/// The kernel of a text without errors.
pub(crate) fn kernel(text: &str) -> Kernel {
    let mut checked = tilec_frontend::check(text);
    assert_eq!(checked.module.kernels.len(), 1, "{:#?}", checked.diagnostics);
    checked.module.kernels.remove(0)
}

/// The launch at given sizes, and inputs for it.
pub(crate) fn launch(kernel: &Kernel, sizes: &[i64]) -> (Launch, Vec<Array>) {
    let names = kernel.sizes.iter().map(|(_, size)| size.name.clone());
    let set: Vec<_> = names.zip(sizes.iter().copied()).collect();
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &none, &set).unwrap();
    let inputs = draw_all(kernel, &launch);
    (launch, inputs)
}

/// A launch and inputs for it.
pub(crate) struct Drawn {
    pub(crate) launch: Launch,
    pub(crate) inputs: Vec<Array>,
}

/// Up to `most` launches at sizes out of `values` that the kernel's facts allow.
pub(crate) fn launches(kernel: &Kernel, values: &[i64], most: usize) -> Vec<Drawn> {
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
pub(crate) fn check_within(bound: f32, text: &str, sizes: &[&[i64]]) {
    let kernel = &kernel(text);
    let compiled = compile(kernel).unwrap();
    for sizes in sizes {
        let (launch, inputs) = launch(kernel, sizes);
        agree("", bound, kernel, &compiled, &launch, &inputs);
    }
}

/// One launch, compiled twice run and interpreted once.
pub(crate) fn agree(
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
    // One step of a narrow format is larger than what is allowed to f32.
    let bound = match Format::of_element(expected.element) {
        Some(format) => f64::from(bound).max(2.2 * format.unit_roundoff()),
        None if expected.element == Element::F32 => f64::from(bound),
        None => 0.0,
    };
    let (x, y) = (values(expected), values(actual));
    let largest = x.iter().filter(|x| x.is_finite()).fold(0f64, |m, x| m.max(x.abs()));
    for (at, (x, y)) in x.iter().zip(&y).enumerate() {
        let same = x == y || x.is_nan() && y.is_nan();
        assert!(same || (x - y).abs() <= bound * largest, "{name}: element {at} is {y}, not {x}");
    }
}

fn bits(array: &Array) -> Vec<u64> {
    values(array).iter().map(|x| x.to_bits()).collect()
}

fn values(array: &Array) -> Vec<f64> {
    let format = Format::of_element(array.element);
    let decode = |code: u16| match format {
        Some(format) => f64::from(format.decode(code)),
        None => f64::from(code),
    };
    match &array.data {
        Data::F32(x) => x.iter().map(|&x| f64::from(x)).collect(),
        Data::I32(x) => x.iter().map(|&x| f64::from(x)).collect(),
        Data::B16(x) => x.iter().map(|&x| decode(x)).collect(),
        Data::B8(x) => x.iter().map(|&x| decode(u16::from(x))).collect(),
    }
}

/// The exclusive bound of the elements of an index tensor.
fn index_bound(kernel: &Kernel, element: Scalar, sizes: &[i64]) -> Option<u32> {
    let Scalar::Idx(range) = element else { return None };
    let size = |atom: &Atom| {
        let Atom::Size(size) = atom else { return None };
        Some(sizes[size.index()])
    };
    let bound = kernel.ints.eval(range, &mut { size }).unwrap();
    u32::try_from(bound.max(1)).ok()
}

/// Values of about 1, integers of a few bits, indices in range.
fn draw(kernel: &Kernel, id: Id<Tensor>, shape: &[usize], sizes: &[i64]) -> Array {
    let scalar = kernel.tensors[id].element;
    let element = Element::of(scalar);
    let bound = index_bound(kernel, scalar, sizes);
    let word = |i: usize| philox::random(id.index() as i32, &[i as i32]).cast_unsigned();
    let float = |i: usize| (word(i) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let integer = |i: usize| match bound {
        Some(bound) => (word(i) % bound) as i32,
        None => (word(i) % 101) as i32 - 20,
    };
    let each = 0..shape.iter().product();
    let data = match (element, Format::of_element(element)) {
        (Element::F32, _) => Data::F32(each.map(float).collect()),
        (Element::I32, _) => Data::I32(each.map(integer).collect()),
        (Element::Bool, _) => Data::B8(each.map(|i| (word(i) % 2) as u8).collect()),
        (_, None) => Data::B8(each.map(|i| (word(i) % 251) as u8).collect()),
        (_, Some(format)) if element.bytes() == 2 => {
            Data::B16(each.map(|i| format.encode(float(i))).collect())
        }
        (_, Some(format)) => Data::B8(each.map(|i| format.encode(float(i)) as u8).collect()),
    };
    Array { element, shape: shape.to_vec(), data }
}
