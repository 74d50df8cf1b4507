//! exp, log, tanh and erf: all of f32, within 4 units in the last place.

use crate::support::kernel;
use tilec_ir::{Array, Data, Element, Launch};

const ALLOWED: f64 = 4.0;

/// Runs `y[n] = NAME(x[n])` over f32 of every sign and exponent, and compares
/// with what `exact` gives.
#[track_caller]
fn check(name: &str, exact: impl Fn(f64) -> f64) {
    let mut x: Vec<f32> = (0..2_000_003u32).map(|i| f32::from_bits(i.wrapping_mul(2147))).collect();
    x.extend((0..400_000).map(|i| (i - 200_000) as f32 * 1e-3));
    x.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1.0, f32::MIN_POSITIVE]);
    let text = format!("kernel f[N](x: f32[N]) -> (y: f32[N]) {{ y[n] = {name}(x[n]) }}");
    let shape = vec![x.len()];
    let launch = Launch { sizes: vec![x.len() as i64], shapes: vec![shape.clone(), shape.clone()] };
    let input = Array { element: Element::F32, shape, data: Data::F32(x.clone()) };
    let outputs =
        tilec_codegen_cpu::compile(&kernel(&text)).unwrap().run(&launch, &[input]).unwrap();
    let Data::F32(y) = &outputs[0].data else { panic!("not f32") };
    for (x, &y) in x.iter().zip(y) {
        let right = exact(f64::from(*x));
        let error = units(right, y);
        assert!(error <= ALLOWED, "{name}({x:e}) is {y:e}, not {right:e}: {error} units");
        let signed = y != 0.0 || y.is_sign_negative() == right.is_sign_negative();
        assert!(signed, "{name}({x:e}) is {y:e}, not {right:e}");
    }
}

/// The error in units of the last place of the right value.
fn units(right: f64, y: f32) -> f64 {
    let rounded = right as f32;
    if rounded.to_bits() == y.to_bits() || rounded.is_nan() && y.is_nan() {
        return 0.0;
    }
    if !rounded.is_finite() || !y.is_finite() {
        return f64::INFINITY;
    }
    let unit = f64::from(rounded.abs().next_up()) - f64::from(rounded.abs());
    (right - f64::from(y)).abs() / unit
}

#[test]
fn exponential() {
    check("exp", f64::exp);
}

#[test]
fn logarithm() {
    check("log", f64::ln);
}

#[test]
fn hyperbolic_tangent() {
    check("tanh", f64::tanh);
}

#[test]
fn error_function() {
    check("erf", libm::erf);
}

/// The check itself can fail.
#[test]
fn units_are_counted() {
    let cases = [
        (1.0, 1.0, 0.0),
        (1.0, 1.0f32.next_up(), 1.0),
        (f64::INFINITY, f32::MAX, f64::INFINITY),
        (0.0, -0.0, 0.0),
    ];
    for (right, y, expected) in cases {
        assert_eq!(units(right, y), expected, "{right} {y}");
    }
}
