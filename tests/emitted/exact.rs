//! What must be right to the last bit, and what must be emitted at all: conversions of
//! every code and beside every tie, and expressions that are deep or widely shared.

use tilec_codegen_cuda::{Source, emit};
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Data, interpret, launch};

use crate::CUTS;
use crate::generic::generic;
use crate::host::{self, Case};
use crate::random::Random;

#[test]
fn conversions_are_exact() {
    let encode = "kernel k[N](x: f32[N], r: i32[N]) -> (
            a: f8e4m3[N], b: f8e5m2[N], c: bf16[N], d: f16[N], e: i32[N], f: i8[N], g: u8[N],
            h: f8e4m3[N], i: f8e5m2[N], j: bf16[N], l: f16[N])
        {
            a[n] = f8e4m3(x[n])
            b[n] = f8e5m2(x[n])
            c[n] = bf16(x[n])
            d[n] = f16(x[n])
            e[n] = i32(x[n])
            f[n] = i8(x[n])
            g[n] = u8(x[n])
            h[n] = round_stochastic<f8e4m3>(x[n], r[n])
            i[n] = round_stochastic<f8e5m2>(x[n], r[n])
            j[n] = round_stochastic<bf16>(x[n], r[n])
            l[n] = round_stochastic<f16>(x[n], r[n])
        }";
    // Every sign, exponent and upper mantissa, on and beside what lies halfway.
    let low = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
    let bits = (0..1 << 16).flat_map(|high: u32| low.map(|low| high << 16 | low));
    let x: Vec<_> = bits.map(f32::from_bits).collect();
    let mut random = Random::new(7);
    let r = x.iter().map(|_| random.bits() as i32).collect();
    check_exactly(encode, vec![Data::F32(x), Data::I32(r)]);
    let decode = "kernel k[N](a: f8e4m3[N], b: f8e5m2[N], c: bf16[N], d: f16[N]) -> (
            e: f32[N], f: f32[N], g: f32[N], h: f32[N])
        {
            e[n] = f32(a[n])
            f[n] = f32(b[n])
            g[n] = f32(c[n])
            h[n] = f32(d[n])
        }";
    let codes: Vec<u16> = (0..=u16::MAX).collect();
    let bytes: Vec<u8> = codes.iter().map(|code| code.to_le_bytes()[0]).collect();
    let (wide, narrow) = (Data::B16(codes), Data::B8(bytes));
    check_exactly(decode, vec![narrow.clone(), narrow, wide.clone(), wide]);
}

/// Runs a kernel of vectors on this data, and compares every bit but those of NaN in f32.
fn check_exactly(text: &str, data: Vec<Data>) {
    let checked = tilec_frontend::check(text);
    let canonical = tilec_passes::normalize(&checked.module.kernels[0]);
    let tiled = generic(canonical.kernel(), "sm_80", CUTS[0]);
    let emitted = emit(&tiled, Source { file: "k.tile", text });
    let kernel = &tiled.plan.kernel;
    let length = data[0].len();
    let elements = kernel.tensors_of(Role::Input).map(|id| kernel.tensors[id].element);
    let inputs = elements.zip(data).map(|(element, data)| {
        let element = tilec_ir::Element::of(element);
        Array { element, shape: vec![length], data }
    });
    let inputs: Vec<_> = inputs.collect();
    let shapes: Vec<_> = inputs.iter().map(|array| Some(array.shape.clone())).collect();
    let launch = launch::bind(kernel, &shapes, &[]).expect("any size will do");
    let expected = interpret::interpret(kernel, &launch, &inputs, &|_| {}).expect("it is small");
    let case = Case { kernel, program: 0, launch, inputs, forced: None };
    let actual = host::run(&[emitted], &[case]).unwrap_or_else(|said| panic!("{said}"));
    for ((id, x), y) in kernel.tensors_of(Role::Output).zip(&expected).zip(&actual[0]) {
        let name = &kernel.tensors[id].name;
        for at in 0..x.len() {
            let same = match (&x.data, &y.data) {
                (Data::F32(x), Data::F32(y)) => {
                    x[at].to_bits() == y[at].to_bits() || x[at].is_nan() && y[at].is_nan()
                }
                (Data::I32(x), Data::I32(y)) => x[at] == y[at],
                (Data::B16(x), Data::B16(y)) => x[at] == y[at],
                (Data::B8(x), Data::B8(y)) => x[at] == y[at],
                _ => false,
            };
            assert!(same, "{name}[{at}]: {} {}", x.get_f32(at), y.get_f32(at));
        }
    }
}

#[test]
fn deep_and_shared_expressions_are_emitted_soon() {
    // What every line uses twice, in branches that read, doubles with each line.
    let shared = (0..60).map(|at| {
        format!(
            "t{next}[n] = if t{at}[n] < 1 then t{at}[n] + x[n] else t{at}[n] - x[n]\n",
            next = at + 1
        )
    });
    let shared = format!("t0[n] = x[n]\n{}y[n] = t60[n]", shared.collect::<String>());
    let chain =
        (0..120).map(|at| format!("if n == {at} then x[n] * {at} else ")).collect::<String>();
    let sum = (0..900).map(|at| format!("x[n] * {at}.5 + ")).collect::<String>();
    for body in [shared, format!("y[n] = {chain}x[n]"), format!("y[n] = {sum}x[n]")] {
        let text = format!("kernel k[N](x: f32[N]) -> (y: f32[N]) {{\n{body}\n}}");
        let checked = tilec_frontend::check(&text);
        assert!(checked.diagnostics.is_empty(), "{:?}", checked.diagnostics);
        let canonical = tilec_passes::normalize(&checked.module.kernels[0]);
        let tiled = generic(canonical.kernel(), "sm_90a", CUTS[0]);
        let emitted = emit(&tiled, Source { file: "k.tile", text: &text });
        assert!(emitted.source.len() < 4 << 20, "{} bytes", emitted.source.len());
        let kernel = &tiled.plan.kernel;
        let launch = launch::bind(kernel, &[Some(vec![70])], &[]).expect("any size will do");
        let x = (0..70).map(|at| at as f32 * 0.25 - 4.0).collect();
        let inputs =
            vec![Array { element: tilec_ir::Element::F32, shape: vec![70], data: Data::F32(x) }];
        let expected =
            interpret::interpret(kernel, &launch, &inputs, &|_| {}).expect("it is small");
        let case = Case { kernel, program: 0, launch, inputs, forced: None };
        let actual = host::run(&[emitted], &[case]).unwrap_or_else(|said| panic!("{said}"));
        for at in 0..70 {
            let (x, y) = (expected[0].get_f32(at), actual[0][0].get_f32(at));
            assert!((x - y).abs() <= 1e-4 * x.abs(), "{at}: {x} {y}\n{text}");
        }
    }
}
