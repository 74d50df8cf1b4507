//! Kernels built by hand against plain loops.

pub(crate) mod build;

use build::{Build, E, array};

use crate::array::{Array, Element};
use crate::tensor::{Binary, ExprKind, Order, Reduction, Role, Scalar, Unary};

fn noise(at: usize) -> f32 {
    crate::philox::uniform(crate::philox::random(1, &[at as i32])) * 2.0 - 1.0
}

fn check(name: &str, actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len(), "{name}");
    for (at, (a, e)) in actual.iter().zip(expected).enumerate() {
        let same = a.to_bits() == e.to_bits() || a.is_nan() && e.is_nan();
        assert!(same, "{name}: element {at} is {a:e}, not {e:e}");
    }
}

#[test]
fn block_scaled_product() {
    let mut b = Build::new();
    let [m, n, k] = ["M", "N", "K"].map(|s| b.size(s));
    let c128 = b.number(128);
    let blocks = b.0.ints.ceil_div(k, c128).unwrap();
    let at = b.tensor(Role::Input, "a", Scalar::F8E4M3, &[m, k]);
    let bt = b.tensor(Role::Input, "b", Scalar::Bf16, &[n, k]);
    let st = b.tensor(Role::Input, "s", Scalar::F32, &[m, blocks]);
    let ct = b.tensor(Role::Output, "c", Scalar::Bf16, &[m, n]);
    let ((vm, im), (vn, i_n), (vk, ik)) = (b.var(m), b.var(n), b.var(k));
    let block = b.0.ints.div(ik, c128).unwrap();
    let (a, x, s) = (b.read(at, &[im, ik]), b.read(bt, &[i_n, ik]), b.read(st, &[im, block]));
    let product = b.binary(Binary::Mul, a, s);
    let product = b.binary(Binary::Mul, product, x);
    let sum = b.reduce(Reduction::Sum, &[vk], product);
    let rounded = b.convert(sum, Scalar::Bf16);
    b.equation(ct, &[vm, vn], rounded);
    for (m, n, k) in [(3, 5, 300), (1, 2000, 7), (40, 33, 129), (0, 4, 4), (4, 3, 0), (1, 1, 5000)]
    {
        let blocks = usize::div_ceil(k, 128);
        let a = array(Element::F8E4M3, &[m, k], noise);
        let x = array(Element::Bf16, &[n, k], |i| noise(i + 7));
        let s = array(Element::F32, &[m, blocks], |i| noise(i + 11));
        let expected: Vec<_> = (0..m * n)
            .map(|i| {
                let (row, column) = (i / n, i % n);
                let term = |k_: usize| {
                    let product = a.get_f32(row * k + k_) * s.get_f32(row * blocks + k_ / 128);
                    f64::from(product * x.get_f32(column * k + k_))
                };
                half::bf16::from_f32((0..k).map(term).fold(0.0, |a, b| a + b) as f32).to_f32()
            })
            .collect();
        let sizes = [m, n, k].map(|s| s as i64);
        check(&format!("{m} {n} {k}"), &b.run(&sizes, &[a, x, s]), &expected);
    }
}

/// `y[i, j] = exp(x[i, j]) / sum[k](exp(..))` over rows or columns, as one
/// equation: quadratic per row unless the sum is shared.
fn softmax(along_rows: bool) -> Build {
    let mut b = Build::new();
    let [m, n] = ["M", "N"].map(|s| b.size(s));
    let xt = b.tensor(Role::Input, "x", Scalar::F32, &[m, n]);
    let yt = b.tensor(Role::Output, "y", Scalar::F32, &[m, n]);
    let ((vi, i), (vj, j)) = (b.var(m), b.var(n));
    let (vk, k) = b.var(if along_rows { n } else { m });
    let x = b.read(xt, &if along_rows { [i, k] } else { [k, j] });
    let e = b.unary(Unary::Exp, x);
    let sum = b.reduce(Reduction::Sum, &[vk], e);
    let x = b.read(xt, &[i, j]);
    let e = b.unary(Unary::Exp, x);
    let quotient = b.binary(Binary::Div, e, sum);
    b.equation(yt, &[vi, vj], quotient);
    b
}

#[test]
fn shared_sums_are_computed_once() {
    // Without sharing this is 10^11 terms.
    let (m, n) = (2000, 2000);
    let x = array(Element::F32, &[m, n], noise);
    let e = |i: usize, j: usize| f64::from(x.get_f32(i * n + j)).exp() as f32;
    for along_rows in [true, false] {
        let sum = |i: usize| -> f32 {
            let term = |j| f64::from(if along_rows { e(i, j) } else { e(j, i) });
            (0..n).map(term).sum::<f64>() as f32
        };
        let sums: Vec<_> = (0..m).map(sum).collect();
        let pick = |at: usize| sums[if along_rows { at / n } else { at % n }];
        let expected: Vec<_> = (0..m * n).map(|at| e(at / n, at % n) / pick(at)).collect();
        let actual = softmax(along_rows).run(&[m as i64, n as i64], std::slice::from_ref(&x));
        check("softmax", &actual, &expected);
    }
}

/// `y[m, s] = argsort[n order](x[m, n])[s]`, or with the places outermost.
fn order_of(order: Order, element: Scalar, places_first: bool) -> Build {
    let mut b = Build::new();
    let [m, n, s] = ["M", "N", "S"].map(|s| b.size(s));
    let xt = b.tensor(Role::Input, "x", element, &[m, n]);
    let shape = if places_first { [s, m] } else { [m, s] };
    let yt = b.tensor(Role::Output, "y", Scalar::Idx(n), &shape);
    let ((vm, im), (vs, is), (vn, i_n)) = (b.var(m), b.var(s), b.var(n));
    let key = b.read(xt, &[im, i_n]);
    let rank = b.rank(vn, order, key, is);
    b.equation(yt, &if places_first { [vs, vm] } else { [vm, vs] }, rank);
    b
}

#[test]
fn orders_of_keys() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = [1.0, nan, -0.0, 0.0, inf, -inf, 1.0, -nan, -2.0, 0.0];
    let floats =
        Array { element: Element::F32, shape: vec![1, 10], data: crate::Data::F32(x.into()) };
    let ints = [5, i32::MIN, 0, i32::MAX, 5, -1, 0, 5, -1, i32::MIN];
    let ints =
        Array { element: Element::I32, shape: vec![1, 10], data: crate::Data::I32(ints.into()) };
    let cases: [(_, _, &Array, [u8; 10]); 4] = [
        (Order::Ascending, Scalar::F32, &floats, [5, 8, 2, 3, 9, 0, 6, 4, 1, 7]),
        (Order::Descending, Scalar::F32, &floats, [4, 0, 6, 2, 3, 9, 8, 5, 1, 7]),
        (Order::Ascending, Scalar::I32, &ints, [1, 9, 5, 8, 2, 6, 0, 4, 7, 3]),
        (Order::Descending, Scalar::I32, &ints, [3, 0, 4, 7, 2, 6, 5, 8, 1, 9]),
    ];
    for (order, ty, x, expected) in cases {
        for kept in [10, 4, 1] {
            let actual =
                order_of(order, ty, false).run(&[1, 10, kept as i64], std::slice::from_ref(x));
            check(
                "order",
                &actual,
                &expected[..kept].iter().map(|&i| f32::from(i)).collect::<Vec<_>>(),
            );
        }
    }
}

#[test]
fn orders_are_shared_between_places() {
    let (m, n, s) = (300, 3000, 40);
    let x = array(Element::F32, &[m, n], noise);
    for places_first in [false, true] {
        let b = order_of(Order::Descending, Scalar::F32, places_first);
        let actual = b.run(&[m as i64, n as i64, s as i64], std::slice::from_ref(&x));
        for row in 0..m {
            let mut sorted: Vec<_> = (0..n).collect();
            sorted.sort_by(|&a, &b| x.get_f32(row * n + b).total_cmp(&x.get_f32(row * n + a)));
            for (place, &index) in sorted.iter().enumerate().take(s) {
                let at = if places_first { place * m + row } else { row * s + place };
                assert_eq!(actual[at], index as f32, "{row} {place}");
            }
        }
    }
}

/// A kernel `y[i] = f(i, x[i])` over N floats.
fn pointwise(f: impl FnOnce(&mut Build, E, E) -> E) -> Build {
    let mut b = Build::new();
    let n = b.size("N");
    let xt = b.tensor(Role::Input, "x", Scalar::F32, &[n]);
    let yt = b.tensor(Role::Output, "y", Scalar::F32, &[n]);
    let (vi, i) = b.var(n);
    let (x, i) = (b.read(xt, &[i]), b.int(i));
    let value = f(&mut b, i, x);
    b.equation(yt, &[vi], value);
    b
}

#[test]
fn only_the_taken_branch_is_read() {
    // if i < 1 then 0 else if x[i] < 0 then x[i - 1] else x[0]
    let mut b = Build::new();
    let n = b.size("N");
    let xt = b.tensor(Role::Input, "x", Scalar::F32, &[n]);
    let yt = b.tensor(Role::Output, "y", Scalar::F32, &[n]);
    let (vi, i) = b.var(n);
    let (zero, one) = (b.number(0), b.number(1));
    let before = b.0.ints.sub(i, one).unwrap();
    let (here, before, first) = (b.read(xt, &[i]), b.read(xt, &[before]), b.read(xt, &[zero]));
    let (i, one, zero) = (b.int(i), b.int(one), b.float(0.0));
    let negative = b.binary(Binary::Less, here, zero);
    let inner = b.select(negative, before, first);
    let is_first = b.binary(Binary::Less, i, one);
    let value = b.select(is_first, zero, inner);
    b.equation(yt, &[vi], value);
    for n in [0, 1, 2, 3000] {
        let x = array(Element::F32, &[n], noise);
        let at = |i: usize| x.get_f32(i);
        let y = |i: usize| {
            if i < 1 {
                0.0
            } else if at(i) < 0.0 {
                at(i - 1)
            } else {
                at(0)
            }
        };
        let expected: Vec<_> = (0..n).map(y).collect();
        check("branches", &b.run(&[n as i64], std::slice::from_ref(&x)), &expected);
    }
}

/// Tests and branches that share operands, nested so deep that computing an
/// operand once per use would never end.
#[test]
fn shared_operands_are_computed_once() {
    let b = pointwise(|b, _, x| {
        let mut value = x;
        let zero = b.float(0.0);
        for _ in 0..200 {
            let test = b.binary(Binary::Less, value, zero);
            let negated = b.unary(Unary::Neg, value);
            let selected = b.select(test, negated, value);
            let sum = b.binary(Binary::Add, selected, value);
            let half = b.float(0.5);
            value = b.binary(Binary::Mul, sum, half);
        }
        value
    });
    let x = array(Element::F32, &[3000], noise);
    let expected: Vec<_> = (0..3000).map(|i| x.get_f32(i).max(0.0)).collect();
    check("shared", &b.run(&[3000], &[x]), &expected);
}

#[test]
fn deep_nesting_needs_no_stack() {
    // if x < 1 then (if x < 2 then .. else 2) else 1
    let b = pointwise(|b, _, x| {
        let mut value = b.unary(Unary::Neg, x);
        for level in (0..1000u16).rev() {
            let level = b.float(f32::from(level));
            let test = b.binary(Binary::Less, level, x);
            value = b.binary(Binary::Add, value, x);
            value = b.select(test, value, level);
        }
        value
    });
    let x = array(Element::F32, &[2], |at| if at == 0 { 5.5 } else { 2000.0 });
    let run = move || b.run(&[2], &[x]);
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap();
    let mut expected = 6.0;
    (0..6).for_each(|_| expected += 5.5);
    check("nested", &thread.join().unwrap(), &[expected, -2000.0 + 1000.0 * 2000.0]);
}

#[test]
fn both_and_either_stop_early() {
    // (1 <= i and x[i - 1] < 0) or (x[i] < 0): the read would be out of range.
    let mut b = Build::new();
    let n = b.size("N");
    let xt = b.tensor(Role::Input, "x", Scalar::F32, &[n]);
    let yt = b.tensor(Role::Output, "y", Scalar::Bool, &[n]);
    let (vi, i) = b.var(n);
    let one = b.number(1);
    let before = b.0.ints.sub(i, one).unwrap();
    let (here, before, zero) = (b.read(xt, &[i]), b.read(xt, &[before]), b.float(0.0));
    let (i, one) = (b.int(i), b.int(one));
    let inside = b.binary(Binary::AtMost, one, i);
    let left = b.binary(Binary::Less, before, zero);
    let left = b.binary(Binary::And, inside, left);
    let right = b.binary(Binary::Less, here, zero);
    let value = b.binary(Binary::Or, left, right);
    b.equation(yt, &[vi], value);
    for n in [1, 5, 2000] {
        let x = array(Element::F32, &[n], noise);
        let y = |i: usize| i >= 1 && x.get_f32(i - 1) < 0.0 || x.get_f32(i) < 0.0;
        let expected: Vec<_> = (0..n).map(|i| f32::from(u8::from(y(i)))).collect();
        check("shortcut", &b.run(&[n as i64], std::slice::from_ref(&x)), &expected);
    }
}

#[test]
fn reductions_of_floats() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let cases: [(_, &[f32], f32); 15] = [
        (Reduction::Sum, &[], 0.0),
        (Reduction::Prod, &[], 1.0),
        (Reduction::Max, &[], -inf),
        (Reduction::Min, &[], inf),
        (Reduction::Sum, &[1.0, 2.5, -4.0], -0.5),
        // Accumulated in f64.
        (Reduction::Sum, &[16_777_216.0, 1.0, -16_777_216.0], 1.0),
        (Reduction::Prod, &[1e30, 1e30, 1e-30], 1e30),
        (Reduction::Max, &[-0.0, 0.0], 0.0),
        (Reduction::Max, &[0.0, -0.0], 0.0),
        (Reduction::Min, &[0.0, -0.0], -0.0),
        (Reduction::Max, &[1.0, nan, 2.0], nan),
        (Reduction::Min, &[nan, -inf], nan),
        (Reduction::Max, &[-3.0, -inf], -3.0),
        (Reduction::Min, &[3.0, inf], 3.0),
        (Reduction::Sum, &[inf, -inf], nan),
    ];
    for (reduction, x, expected) in cases {
        let mut b = Build::new();
        let n = b.size("N");
        let xt = b.tensor(Role::Input, "x", Scalar::F32, &[n]);
        let yt = b.tensor(Role::Output, "y", Scalar::F32, &[]);
        let (vi, i) = b.var(n);
        let x_i = b.read(xt, &[i]);
        let value = b.reduce(reduction, &[vi], x_i);
        b.equation(yt, &[], value);
        let input = array(Element::F32, &[x.len()], |at| x[at]);
        check(&format!("{reduction:?} {x:?}"), &b.run(&[x.len() as i64], &[input]), &[expected]);
    }
}

#[test]
fn integers_wrap_and_floor() {
    let (min, max) = (i32::MIN, i32::MAX);
    let cases = [
        (Binary::Add, max, 1, min),
        (Binary::Sub, min, 1, max),
        (Binary::Mul, 65536, 65536, 0),
        (Binary::Mul, max, max, 1),
        (Binary::Div, -7, 2, -4),
        (Binary::Div, 7, -2, -4),
        (Binary::Div, -8, 2, -4),
        (Binary::Div, min, -1, min),
        (Binary::Rem, -7, 2, 1),
        (Binary::Rem, 7, -2, -1),
        (Binary::Rem, min, -1, 0),
        (Binary::Min, -1, 1, -1),
        (Binary::Max, -1, 1, 1),
    ];
    for (op, x, y, expected) in cases {
        let mut b = Build::new();
        let [xt, yt] = ["x", "y"].map(|name| b.tensor(Role::Input, name, Scalar::I32, &[]));
        let zt = b.tensor(Role::Output, "z", Scalar::I32, &[]);
        let (left, right) = (b.read(xt, &[]), b.read(yt, &[]));
        let value = b.binary(op, left, right);
        b.equation(zt, &[], value);
        let scalar =
            |x| Array { element: Element::I32, shape: vec![], data: crate::Data::I32(vec![x]) };
        let inputs = [scalar(x), scalar(y)];
        let z = super::interpret(&b.0, &b.launch(&[]), &inputs, &|_| ()).unwrap();
        assert_eq!(z[0].get_i32(0), expected, "{op:?} {x} {y}");
    }
}

#[test]
fn conversions() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let index = |b: &mut Build| Scalar::Idx(b.number(10));
    let to = |ty: Scalar| move |_: &mut Build| ty;
    type Ty<'a> = &'a dyn Fn(&mut Build) -> Scalar;
    let cases: [(&str, Ty<'_>, [f32; 6], [f32; 6]); 5] = [
        (
            "i32",
            &to(Scalar::I32),
            [-1.9, nan, 3e9, -inf, 2.9, 0.0],
            [-1.0, 0.0, 2147483648.0, -2147483648.0, 2.0, 0.0],
        ),
        (
            "i8",
            &to(Scalar::I8),
            [-1.9, nan, 300.0, -inf, 127.9, 0.0],
            [-1.0, 0.0, 127.0, -128.0, 127.0, 0.0],
        ),
        (
            "u8",
            &to(Scalar::U8),
            [-1.9, nan, 300.0, inf, 254.9, 0.0],
            [0.0, 0.0, 255.0, 255.0, 254.0, 0.0],
        ),
        (
            "f8e4m3",
            &to(Scalar::F8E4M3),
            [-1.06, nan, 500.0, -inf, 0.001, 1.0],
            [-1.0, nan, 448.0, -448.0, 0.001953125, 1.0],
        ),
        ("idx", &index, [-5.0, nan, 9.5, 10.0, 3.0, inf], [0.0, 0.0, 9.0, 9.0, 3.0, 9.0]),
    ];
    for (name, ty, x, expected) in cases {
        let b = pointwise(|b, _, x| {
            let ty = ty(b);
            // Conversions to idx take integers.
            let x = if ty.is_float() { x } else { b.convert(x, Scalar::I32) };
            let narrow = if ty == Scalar::I32 { x } else { b.convert(x, ty) };
            b.convert(narrow, Scalar::F32)
        });
        check(name, &b.run(&[6], &[array(Element::F32, &[6], |at| x[at])]), &expected);
    }
}

#[test]
fn indices_of_inputs_are_clamped() {
    // y[i] = x[j[i]]
    let mut b = Build::new();
    let n = b.size("N");
    let xt = b.tensor(Role::Input, "x", Scalar::F32, &[n]);
    let jt = b.tensor(Role::Input, "j", Scalar::Idx(n), &[n]);
    let yt = b.tensor(Role::Output, "y", Scalar::F32, &[n]);
    let (vi, i) = b.var(n);
    let j = b.gathered(jt, &[i], n);
    let value = b.read(xt, &[j]);
    b.equation(yt, &[vi], value);
    let x = array(Element::F32, &[4], |at| at as f32);
    let j =
        Array { element: Element::I32, shape: vec![4], data: crate::Data::I32(vec![3, -7, 99, 1]) };
    check("clamped", &b.run(&[4], &[x, j]), &[3.0, 0.0, 3.0, 1.0]);
}

#[test]
fn random_bits() {
    let b = pointwise(|b, i, x| {
        let seven = b.number(7);
        let seed = b.int(seven);
        let bits = b.expr(ExprKind::Random(vec![seed, i]), Scalar::I32);
        let rounded = b.expr(ExprKind::RoundStochastic(x, bits), Scalar::F8E4M3);
        let share = b.unary(Unary::Uniform, bits);
        b.binary(Binary::Add, rounded, share)
    });
    let x = array(Element::F32, &[2000], noise);
    let y = |i: usize| {
        let bits = crate::philox::random(7, &[i as i32]);
        crate::Format::F8E4M3.round_stochastic(x.get_f32(i), bits) + crate::philox::uniform(bits)
    };
    let expected: Vec<_> = (0..2000).map(y).collect();
    check("random", &b.run(&[2000], std::slice::from_ref(&x)), &expected);
}

#[test]
fn functions() {
    type Function = fn(f64) -> f64;
    let cases: [(Unary, Function); 9] = [
        (Unary::Neg, |x| -x),
        (Unary::Abs, f64::abs),
        (Unary::Exp, f64::exp),
        (Unary::Log, f64::ln),
        (Unary::Sqrt, f64::sqrt),
        (Unary::Rsqrt, |x| 1.0 / x.sqrt()),
        (Unary::Tanh, f64::tanh),
        (Unary::Erf, libm::erf),
        (Unary::Floor, f64::floor),
    ];
    let x = [0.0, -0.0, 1.0, -1.5, 100.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40];
    for (op, f) in cases {
        let b = pointwise(|b, _, x| b.unary(op, x));
        let expected = x.map(|x| f(f64::from(x)) as f32);
        let input = array(Element::F32, &[x.len()], |at| x[at]);
        check(&format!("{op:?}"), &b.run(&[x.len() as i64], &[input]), &expected);
    }
}

#[test]
fn too_little_memory_is_a_diagnostic() {
    let mut b = Build::new();
    let n = b.size("N");
    let yt = b.tensor(Role::Output, "y", Scalar::F32, &[n, n, n]);
    let vars = [n; 3].map(|n| b.var(n).0);
    let one = b.float(1.0);
    b.equation(yt, &vars, one);
    let launch = b.launch(&[1 << 18]);
    let error = super::interpret(&b.0, &launch, &[], &|_| ()).unwrap_err();
    assert_eq!(error.kind, crate::Kind::OutOfMemory);
    assert_eq!(error.message, "not enough memory for `y`, which needs 64.0 PiB");
}
