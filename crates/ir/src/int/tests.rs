//! The algebra against plain arithmetic, and the identities that make handles
//! comparable.

use crate::arena::Id;
use crate::int::{Atom, IntId, Ints, TooComplex};
use crate::testing::{Random, Scope};

#[test]
fn equal_integers_have_equal_handles() {
    for (a, b) in [
        ("j / S * S + j % S", "j"),
        ("(c + l) * (c - l)", "c * c - l * l"),
        ("(c * S + l * S) / S", "c + l"),
        ("(c * S + l) / S", "c + l / S"),
        ("(c * S + l) % S", "l % S"),
        ("j / 4 / 32", "j / 128"),
        ("2 * j / 4", "j / 2"),
        ("(2 * j + 4) / 6", "(j + 2) / 3"),
        ("(128 * j + 3) / 128", "j"),
        ("(c * 128 + 256) % 128", "0"),
        ("ceil((2 * S) / 2)", "S"),
        ("ceil((C * S) / S)", "C"),
        ("(C * S + S * D) / (C + D)", "S"),
        ("ceil((C + D) / (C + D))", "1"),
        ("0 - 7 / 2", "0 - 3"),
        ("(0 - 7) / 2", "0 - 4"),
        ("(0 - 7) % 2", "1"),
        ("(0 - 1) / S", "0 - 1"),
        ("(j - 1) / 128", "(j + 127) / 128 - 1"),
    ] {
        let mut scope = Scope::new("j < J, c < C, l < L", "");
        assert_eq!(scope.int(a), scope.int(b), "{a} is not {b}");
    }
}

#[test]
fn different_integers_have_different_handles() {
    for (a, b) in [
        ("j / 2 * 2", "j"),
        ("(j + l) / 2", "j / 2 + l / 2"),
        ("j / S", "j / (S + 1)"),
        ("ceil(S / 128)", "S / 128"),
        ("(S + C) / S", "1"),
    ] {
        let mut scope = Scope::new("j < J, l < L, c < C", "");
        assert_ne!(scope.int(a), scope.int(b), "{a} is not {b}");
    }
}

/// An expression over three atoms, as data, to be computed in two ways.
enum Tree {
    Atom(usize),
    Constant(i64),
    Apply(Op, Box<Self>, Box<Self>),
}

/// Divisors are squared and incremented, so at least 1.
#[derive(Clone, Copy)]
enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Ceil,
}

fn tree(random: &mut Random, depth: usize) -> Tree {
    if depth == 0 || random.below(6) == 0 {
        let constant = i64::try_from(random.below(9)).unwrap() - 4;
        let is_atom = random.below(3) > 0;
        return if is_atom { Tree::Atom(random.below(3)) } else { Tree::Constant(constant) };
    }
    let op = *random.pick(&[Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Rem, Op::Ceil]);
    let a = Box::new(tree(random, depth - 1));
    let below = if random.below(3) == 0 { depth - 1 } else { 0 };
    Tree::Apply(op, a, Box::new(tree(random, below)))
}

fn plain(tree: &Tree, atoms: [i64; 3]) -> i64 {
    let (op, a, b) = match tree {
        Tree::Atom(at) => return atoms[*at],
        Tree::Constant(value) => return *value,
        Tree::Apply(op, a, b) => (op, plain(a, atoms), plain(b, atoms)),
    };
    let positive = b * b + 1;
    match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a.div_euclid(positive),
        Op::Rem => a.rem_euclid(positive),
        Op::Ceil => -(-a).div_euclid(positive),
    }
}

fn interned(ints: &mut Ints, tree: &Tree) -> Result<IntId, TooComplex> {
    let (op, a, b) = match tree {
        Tree::Atom(at) => return Ok(ints.of_atom(Atom::Var(Id::new(*at)), None)),
        Tree::Constant(value) => return Ok(ints.constant(*value)),
        Tree::Apply(op, a, b) => (op, interned(ints, a)?, interned(ints, b)?),
    };
    let one = ints.constant(1);
    let positive = ints.mul(b, b).and_then(|square| ints.add(square, one))?;
    match op {
        Op::Add => ints.add(a, b),
        Op::Sub => ints.sub(a, b),
        Op::Mul => ints.mul(a, b),
        Op::Div => ints.div(a, positive),
        Op::Rem => ints.rem(a, positive),
        Op::Ceil => ints.ceil_div(a, positive),
    }
}

#[test]
fn agrees_with_plain_arithmetic() {
    let mut random = Random::new(3);
    let mut compared = 0;
    for case in 0..20_000 {
        let tree = tree(&mut random, 4);
        let mut ints = Ints::default();
        let Ok(int) = interned(&mut ints, &tree) else { continue };
        for _ in 0..8 {
            let atoms = [0; 3].map(|_| i64::try_from(random.below(11)).unwrap() - 5);
            let value = ints.eval(int, &mut |atom| match atom {
                Atom::Var(var) => Some(atoms[var.index()]),
                Atom::Size(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
            });
            assert_eq!(value, Some(plain(&tree, atoms)), "case {case} at {atoms:?}");
            compared += 1;
        }
    }
    assert!(compared > 100_000, "{compared}");
}

#[test]
fn refuses_what_is_too_large() {
    let mut scope = Scope::new("", "");
    let (mut square, mut sum) = (scope.int("A + B"), scope.int("0"));
    let huge = scope.ints.constant(i64::MAX);
    assert_eq!(scope.ints.add(huge, huge), Err(TooComplex));
    assert_eq!(scope.ints.mul(huge, huge), Err(TooComplex));
    assert_eq!(
        (0..8).try_for_each(|_| scope.ints.mul(square, square).map(|x| square = x)),
        Err(TooComplex)
    );
    let zero = scope.ints.constant(0);
    assert_eq!(scope.ints.div(huge, zero), Err(TooComplex));
    let grown = (0..300).try_for_each(|size| {
        let size = scope.ints.of_atom(Atom::Size(Id::new(size)), None);
        scope.ints.add(sum, size).map(|x| sum = x)
    });
    assert_eq!(grown, Err(TooComplex));
}
