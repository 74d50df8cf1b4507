//! Wrong results that must be found, and right ones that must pass.

use super::*;
use crate::array::{Data, Element};
use crate::interpret::interpret;
use crate::interpret::tests::build::{Build, E, array};
use crate::tensor::{Binary, Order, Reduction, Scalar, Unary};

const LOOSE: Tolerance = Tolerance { row: 0.01, step: 1e-38 };
const EXACT: Tolerance = Tolerance { row: 0.0, step: 1e-38 };

fn noise(at: usize) -> f32 {
    crate::philox::uniform(crate::philox::random(2, &[at as i32])) * 2.0 - 1.0
}

/// Compares noise of a shape with what `change` makes of it.
fn check(
    shape: [usize; 2],
    tolerance: &Tolerance,
    change: impl Fn(&mut Array),
    passes: bool,
) -> Difference {
    let expected = array(Element::F32, &shape, noise);
    let mut actual = expected.clone();
    change(&mut actual);
    let difference = compare(&expected, &actual, tolerance);
    assert_eq!(difference.within(tolerance), passes, "{difference:?}");
    difference
}

#[test]
fn floats() {
    let scale = |by: f32| {
        move |a: &mut Array| {
            (0..a.len()).for_each(|at| a.set_f32(at, a.get_f32(at) * by));
        }
    };
    check([50, 20], &EXACT, |_| (), true);
    check([50, 20], &EXACT, |a| a.set_f32(7, a.get_f32(7).next_up()), false);
    check([50, 20], &LOOSE, scale(1.009), true);
    check([50, 20], &LOOSE, scale(1.011), false);
    check([0, 20], &LOOSE, |_| (), true);

    // One zeroed row in 20,000 is nothing to the global measure.
    let zero_row = |a: &mut Array| (40..60).for_each(|at| a.set_f32(at, 0.0));
    let found = check([20_000, 20], &LOOSE, zero_row, false);
    assert!(found.calc_diff <= LOOSE.calc_diff());
    assert_eq!((found.worst_row, found.worst_row_error), (2, 1.0));

    // One wrong element in 200,000 is nothing to the row.
    let found = check([1, 200_000], &LOOSE, |a| a.set_f32(9, -a.get_f32(9)), false);
    assert!(found.worst_row_error <= LOOSE.row);
    assert_eq!(found.worst_element, 9);
}

#[test]
fn what_is_not_finite_must_match() {
    let values = [1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let one = |x: f32| Array { element: Element::F32, shape: vec![1], data: Data::F32(vec![x]) };
    for (i, &x) in values.iter().enumerate() {
        for (j, &y) in values.iter().enumerate() {
            let difference = compare(&one(x), &one(y), &LOOSE);
            assert_eq!(difference.within(&LOOSE), i == j, "{x} {y}");
            assert_eq!(difference.first_mismatch, (i != j).then_some(0), "{x} {y}");
        }
    }
}

#[test]
fn integers_and_shapes() {
    let ints =
        |x: [i32; 3]| Array { element: Element::I32, shape: vec![3], data: Data::I32(x.into()) };
    let truncated = Tolerance { row: 0.01, step: 1.0 };
    let cases = [
        (ints([1, 2, 3]), EXACT, 0),
        (ints([1, 1, 4]), EXACT, 2),
        (ints([1, 1, 4]), truncated, 0),
        (ints([1, 0, 3]), truncated, 1),
        (ints([1, 1, 3]), LOOSE, 1),
        (Array { shape: vec![3, 1], ..ints([1, 2, 3]) }, LOOSE, 3),
        (array(Element::F32, &[3], |at| at as f32 + 1.0), LOOSE, 3),
    ];
    for (actual, tolerance, mismatches) in cases {
        let difference = compare(&ints([1, 2, 3]), &actual, &tolerance);
        assert_eq!(difference.mismatches, mismatches, "{actual:?}");
        assert_eq!(difference.within(&tolerance), mismatches == 0);
    }
}

/// `c[m, n] = ty(sum[k](a[m, k] * b[n, k]))`
fn product(operand: Scalar, ty: Scalar, k: i64) -> Tolerance {
    let mut b = Build::new();
    let [m, n, sk] = ["M", "N", "K"].map(|s| b.size(s));
    let at = b.tensor(Role::Input, "a", operand, &[m, sk]);
    let bt = b.tensor(Role::Input, "b", operand, &[n, sk]);
    let ct = b.tensor(Role::Output, "c", ty, &[m, n]);
    let ((vm, im), (vn, i_n), (vk, ik)) = (b.var(m), b.var(n), b.var(sk));
    let (x, y) = (b.read(at, &[im, ik]), b.read(bt, &[i_n, ik]));
    let term = b.binary(Binary::Mul, x, y);
    let sum = b.reduce(Reduction::Sum, &[vk], term);
    let value = b.convert(sum, ty);
    b.equation(ct, &[vm, vn], value);
    tolerance(&b.0, &b.launch(&[1, 1, k]), ct, &[])
}

#[test]
fn tolerances_follow_from_formats_and_lengths() {
    let u = 0.5f64.powi(24);
    let sum = |k: f64| u + 4.0 * k.sqrt() * u;
    let cases = [
        (Scalar::F32, Scalar::F32, 1024, sum(1024.0)),
        (Scalar::Bf16, Scalar::Bf16, 1024, sum(1024.0) + 2.0 * 0.5f64.powi(8)),
        (Scalar::F8E4M3, Scalar::F32, 256, sum(256.0)),
        (Scalar::I8, Scalar::I32, 4096, 0.0),
    ];
    for (operand, ty, k, expected) in cases {
        let actual = product(operand, ty, k).row;
        assert!((actual - expected).abs() <= 1e-15, "{operand:?} {ty:?} {k}: {actual:e}");
    }
    assert!(product(Scalar::I8, Scalar::I32, 4096).is_exact());
}

/// `index[t, s] = argsort[e desc](sum[d](x[t, d] * w[e, d]))[s]` and the value
/// `v[index[t, s]]`.
fn router() -> (Build, Launch, Vec<Array>) {
    let mut b = Build::new();
    let [t, e, d, s] = ["T", "E", "D", "S"].map(|name| b.size(name));
    let xt = b.tensor(Role::Input, "x", Scalar::F32, &[t, d]);
    let wt = b.tensor(Role::Input, "w", Scalar::F32, &[e, d]);
    let vt = b.tensor(Role::Input, "v", Scalar::F32, &[e]);
    let index = b.tensor(Role::Output, "index", Scalar::Idx(e), &[t, s]);
    let value = b.tensor(Role::Output, "value", Scalar::F32, &[t, s]);
    let ((v_t, i_t), (v_s, i_s)) = (b.var(t), b.var(s));
    let ((v_e, i_e), (v_d, i_d)) = (b.var(e), b.var(d));
    let (x, w) = (b.read(xt, &[i_t, i_d]), b.read(wt, &[i_e, i_d]));
    let term = b.binary(Binary::Mul, x, w);
    let key = b.reduce(Reduction::Sum, &[v_d], term);
    let rank = b.rank(v_e, Order::Descending, key, i_s);
    b.equation(index, &[v_t, v_s], rank);
    let ((v_t, i_t), (v_s, i_s)) = (b.var(t), b.var(s));
    let pick = b.gathered(index, &[i_t, i_s], e);
    let picked = b.read(vt, &[pick]);
    b.equation(value, &[v_t, v_s], picked);
    let launch = b.launch(&[8, 16, 32, 4]);
    // Experts 2 i and 2 i + 1 nearly tie: their weights differ by one unit.
    let nearly = |at: usize| {
        let w = noise(at / 64 * 32 + at % 32);
        if at / 32 % 2 == 1 && at.is_multiple_of(32) { w.next_up() } else { w }
    };
    let inputs = vec![
        array(Element::F32, &[8, 32], |at| noise(at + 9999)),
        array(Element::F32, &[16, 32], nearly),
        array(Element::F32, &[16], |at| at as f32),
    ];
    (b, launch, inputs)
}

#[test]
fn picks_are_compared_by_their_keys() {
    let (b, launch, inputs) = router();
    let outputs = interpret(&b.0, &launch, &inputs, &|_| ()).unwrap();
    let pick = |at: usize| outputs[0].get_i32(at);
    // Each case: picks that are changed, and how many verdicts of two hold.
    let cases = [
        ("the same", vec![], true),
        ("near-ties swapped", vec![(0, pick(0) ^ 1), (1, pick(1) ^ 1)], true),
        ("another expert", vec![(5, (pick(5) + 7) % 16)], false),
        ("one expert twice", vec![(1, pick(0))], false),
        ("out of range", vec![(3, 16)], false),
        ("negative", vec![(3, -1)], false),
    ];
    for (name, changes, passes) in cases {
        let mut index = outputs[0].clone();
        changes.iter().for_each(|&(at, to)| index.set_i32(at, to));
        // The value follows from the picks of the target, whatever they are.
        let value = |at| inputs[2].get_f32(index.get_i32(at).clamp(0, 15) as usize);
        let value = array(Element::F32, &[8, 4], value);
        let verdicts = super::check(&b.0, &launch, &inputs, &[index, value], &[], &|_| ()).unwrap();
        assert_eq!(verdicts[0].passes(), passes, "{name}: {verdicts:?}");
        assert!(verdicts[1].passes(), "{name}: {verdicts:?}");
    }
}

#[test]
fn licenses_allow_what_they_say_and_nothing_else() {
    assert_eq!(License::Tf32.error(1.0), 1.0 / 512.0);
    let cuts = License::Steps.error(16.0);
    assert!(
        cuts > 0.5f64.powi(11) && cuts < 0.5f64.powi(10) && cuts == License::Steps.error(4096.0)
    );
    assert_eq!(License::Unpromoted.error(16.0), 1.0 / 8192.0);
    assert_eq!(License::Unpromoted.error(320.0), 10.0 / 8192.0);
    assert_eq!(License::Aligned.error(320.0), 1.0 / 1024.0);
    assert_eq!([10, 11].map(|n| License::Upper(n).error(320.0)), [1.0 / 1024.0, 1.0 / 2048.0]);
    assert_eq!([License::Shared, License::Native].map(|l| l.error(1.0)), [1.0 / 64.0; 2]);
    assert_eq!([License::Polynomials, License::Cut].map(|l| l.error(1.0)), [0.0; 2]);
}

#[test]
fn units_of_a_target_are_allowed_their_errors_where_they_work() {
    // y[i] = exp(x[i]), z[i] = x[i] * x[i] / 3.0, w[i] = bf16(x[i])
    let mut b = Build::new();
    let n = b.size("N");
    let x = b.tensor(Role::Input, "x", Scalar::F32, &[n]);
    let y = b.tensor(Role::Output, "y", Scalar::F32, &[n]);
    let z = b.tensor(Role::Output, "z", Scalar::F32, &[n]);
    let w = b.tensor(Role::Output, "w", Scalar::Bf16, &[n]);
    let mut equation = |tensor, value: fn(&mut Build, E) -> E| {
        let (var, at) = b.var(n);
        let read = b.read(x, &[at]);
        let value = value(&mut b, read);
        b.equation(tensor, &[var], value);
    };
    equation(y, |b, x| b.unary(Unary::Exp, x));
    equation(z, |b, x| {
        let (square, three) = (b.binary(Binary::Mul, x, x), b.float(3.0));
        b.binary(Binary::Div, square, three)
    });
    equation(w, |b, x| b.convert(x, Scalar::Bf16));
    let of = |license| {
        let licenses: Vec<_> = b.0.tensors.ids().map(|id| (id, license)).collect();
        let rows = tolerance::errors(&b.0, &b.launch(&[4]), &licenses);
        b.0.tensors_of(Role::Output).map(|id| rows[id.index()].row).collect::<Vec<_>>()
    };
    let (plain, cut, polynomials) =
        (of(License::Aligned), of(License::Cut), of(License::Polynomials));
    let more = |rows: &[f64], at: usize| rows[at] - plain[at];
    assert!((more(&cut, 0) - 8.0 / 1024.0).abs() < 1e-9, "exp steepens what it is given: {cut:?}");
    assert!((more(&cut, 1) - 2.0 / 1024.0).abs() < 1e-9, "two reads: {cut:?}");
    assert!(plain[2] == 0.0 && cut[2] > 1.0 / 1024.0, "rounding is no longer exact: {cut:?}");
    assert_eq!(more(&polynomials, 0), 0.5f64.powi(21));
    assert!((more(&polynomials, 1) - 0.5f64.powi(21)).abs() < 1e-12, "the quotient");
    assert_eq!(polynomials[2], 0.0);
}

/// `y[m] = (1 + erf(s)) * s` with `s = sum[k](x[m, k])`: near zero where `s` is far below,
/// and steep there. The sum is needed as a value and by its magnitude.
#[test]
fn what_cancels_after_a_function_is_measured_against_what_was_added_up() {
    let mut b = Build::new();
    let [m, k] = ["M", "K"].map(|name| b.size(name));
    let x = b.tensor(Role::Input, "x", Scalar::F32, &[m, k]);
    let y = b.tensor(Role::Output, "y", Scalar::F32, &[m]);
    let ((v_m, i_m), (v_k, i_k)) = (b.var(m), b.var(k));
    let read = b.read(x, &[i_m, i_k]);
    let sum = b.reduce(Reduction::Sum, &[v_k], read);
    let (erf, one) = (b.unary(Unary::Erf, sum), b.float(1.0));
    let factor = b.binary(Binary::Add, one, erf);
    let value = b.binary(Binary::Mul, factor, sum);
    b.equation(y, &[v_m], value);
    let launch = b.launch(&[1, 2]);
    let inputs = vec![array(Element::F32, &[1, 2], |at| [-103.0, 100.0][at])];
    let [right] = &interpret(&b.0, &launch, &inputs, &|_| ()).unwrap()[..] else { unreachable!() };
    let passes = |error: f32| {
        let actual = array(Element::F32, &[1], |_| right.get_f32(0) + error);
        super::check(&b.0, &launch, &inputs, &[actual], &[], &|_| ()).unwrap()[0].passes()
    };
    assert!(right.get_f32(0).abs() < 1e-4);
    assert!(passes(0.0) && passes(1e-5), "a sum of hundreds has errors of about 1e-5");
    assert!(!passes(1e-2), "and no larger ones");
}
