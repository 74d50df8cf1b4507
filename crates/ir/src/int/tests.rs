//! The algebra against plain arithmetic, and the identities that make handles
//! comparable.

use crate::arena::Id;
use crate::int::{Atom, IntId, TooComplex};
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
    Add(Box<Self>, Box<Self>),
    Sub(Box<Self>, Box<Self>),
    Mul(Box<Self>, Box<Self>),
    /// By a tree that is squared and incremented, so at least 1.
    Div(Box<Self>, Box<Self>),
    Rem(Box<Self>, Box<Self>),
    Ceil(Box<Self>, Box<Self>),
}

fn tree(random: &mut Random, depth: usize) -> Tree {
    if depth == 0 || random.below(6) == 0 {
        let constant = i64::try_from(random.below(9)).unwrap() - 4;
        return if random.below(3) > 0 {
            Tree::Atom(random.below(3))
        } else {
            Tree::Constant(constant)
        };
    }
    let a = Box::new(tree(random, depth - 1));
    let below = if random.below(3) == 0 { depth - 1 } else { 0 };
    let b = Box::new(tree(random, below));
    match random.below(6) {
        0 => Tree::Add(a, b),
        1 => Tree::Sub(a, b),
        2 => Tree::Mul(a, b),
        3 => Tree::Div(a, b),
        4 => Tree::Rem(a, b),
        _ => Tree::Ceil(a, b),
    }
}

fn plain(tree: &Tree, atoms: [i64; 3]) -> i64 {
    let of = |tree: &Tree| plain(tree, atoms);
    let positive = |tree: &Tree| of(tree) * of(tree) + 1;
    match tree {
        Tree::Atom(at) => atoms[*at],
        Tree::Constant(value) => *value,
        Tree::Add(a, b) => of(a) + of(b),
        Tree::Sub(a, b) => of(a) - of(b),
        Tree::Mul(a, b) => of(a) * of(b),
        Tree::Div(a, b) => of(a).div_euclid(positive(b)),
        Tree::Rem(a, b) => of(a).rem_euclid(positive(b)),
        Tree::Ceil(a, b) => -(-of(a)).div_euclid(positive(b)),
    }
}

fn interned(scope: &mut Scope, tree: &Tree) -> Result<IntId, TooComplex> {
    match tree {
        Tree::Atom(at) => Ok(scope.ints.of_atom(Atom::Var(Id::new(*at)), None)),
        Tree::Constant(value) => Ok(scope.ints.constant(*value)),
        Tree::Add(a, b) | Tree::Sub(a, b) | Tree::Mul(a, b) => {
            let (x, y) = (interned(scope, a)?, interned(scope, b)?);
            match tree {
                Tree::Add(..) => scope.ints.add(x, y),
                Tree::Sub(..) => scope.ints.sub(x, y),
                _ => scope.ints.mul(x, y),
            }
        }
        Tree::Div(a, b) | Tree::Rem(a, b) | Tree::Ceil(a, b) => {
            let (x, y) = (interned(scope, a)?, interned(scope, b)?);
            let one = scope.ints.constant(1);
            let y = scope.ints.mul(y, y).and_then(|y| scope.ints.add(y, one))?;
            match tree {
                Tree::Div(..) => scope.ints.div(x, y),
                Tree::Rem(..) => scope.ints.rem(x, y),
                _ => scope.ints.ceil_div(x, y),
            }
        }
    }
}

#[test]
fn agrees_with_plain_arithmetic() {
    let mut random = Random::new(3);
    let mut compared = 0;
    for case in 0..20_000 {
        let tree = tree(&mut random, 4);
        let mut scope = Scope::default();
        let Ok(int) = interned(&mut scope, &tree) else { continue };
        for _ in 0..8 {
            let atoms = [0; 3].map(|_| i64::try_from(random.below(11)).unwrap() - 5);
            let value = scope.ints.eval(int, &mut |atom| match atom {
                Atom::Var(var) => Some(atoms[var.index()]),
                _ => None,
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
