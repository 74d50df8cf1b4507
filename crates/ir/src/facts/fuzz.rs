//! Soundness by brute force: whatever is proved of random polynomials under
//! random facts holds for all small values that satisfy the facts.
//!
//! For each random `g`, its smallest value `m` over those is found by trying
//! them all; `m + 1 <= g` must never be proved. That `m <= g` is proved often
//! enough shows that the test tests something.

use std::time::{Duration, Instant};

use crate::int::{Atom, IntId, Ints};
use crate::testing::{Random, Scope};

/// Sizes A and B, variables under random ranges, and maybe any integer `x`.
const VARIABLES: [&str; 8] = [
    "i < A, j < B",
    "i < A, j < A",
    "i < A * B, j < B",
    "i < A + 1, j < A - B",
    "i < ceil(A / 2), j < 2",
    "i < A * 2, j < ceil(B / 3)",
    "i < A, j < B, x",
    "i < B + 2, x",
];

/// One assignment: the values of A and B, and of the variables in order.
type Point = ([i64; 2], Vec<i64>);

fn value(scope: &Scope, id: IntId, (sizes, vars): &Point) -> Option<i64> {
    scope.ints.eval(id, &mut |atom| match atom {
        Atom::Size(size) => sizes.get(size.index()).copied(),
        Atom::Var(var) => vars.get(var.index()).copied(),
        Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    })
}

/// All small values within the ranges.
fn points(scope: &Scope) -> Vec<Point> {
    let mut points = Vec::new();
    for sizes in (0..25).map(|n| [n / 5, n % 5]) {
        let mut partial = vec![Vec::new()];
        for (_, var) in scope.vars.iter() {
            let range = value(scope, var.range, &(sizes, Vec::new())).unwrap();
            let free = scope.ints.as_constant(var.range) == Some(0);
            let values = if free { -2..3 } else { 0..range.min(7) };
            partial = partial
                .into_iter()
                .flat_map(|p: Vec<i64>| values.clone().map(move |v| [p.as_slice(), &[v]].concat()))
                .collect();
        }
        points.extend(partial.into_iter().map(|vars| (sizes, vars)));
    }
    points
}

fn names(scope: &Scope) -> Vec<String> {
    let vars = scope.vars.iter().map(|(_, var)| var.name.clone());
    ["A", "B"].map(str::to_owned).into_iter().chain(vars).collect()
}

/// A random expression. `B + 1` and constants are positive, so they may divide.
fn expression(random: &mut Random, names: &[String], depth: usize) -> String {
    if depth == 0 || random.below(5) == 0 {
        let constant = random.below(4).to_string();
        return if random.below(4) == 0 { constant } else { random.pick(names).clone() };
    }
    let a = expression(random, names, depth - 1);
    let divisors = ["2", "3", "4", "(B + 1)", "(A + 1)", "(2 * B + 2)"];
    let divisor = divisors[random.below(divisors.len())];
    match random.below(8) {
        0 | 1 => format!("({a} + {})", expression(random, names, depth - 1)),
        2 => format!("({a} - {})", expression(random, names, depth - 1)),
        3 | 4 => format!("({a} * {})", expression(random, names, depth - 1)),
        5 | 6 => format!("({a} / {divisor})"),
        _ => format!("({a} % {divisor})"),
    }
}

fn facts(random: &mut Random, names: &[String]) -> Vec<String> {
    let fixed = ["A % 2 == 0", "A == B", "A <= B", "1 <= A", "B % (A + 1) == 0", "1 <= i"];
    let fact = |random: &mut Random| match random.below(2) {
        0 => fixed[random.below(fixed.len())].to_owned(),
        _ => {
            let relation = ["<=", "<", "=="][random.below(3)];
            let [a, b] = [2, 1].map(|depth| expression(random, names, depth));
            format!("{a} {relation} {b}")
        }
    };
    (0..random.below(3)).map(|_| fact(random)).collect()
}

fn holds(scope: &Scope, fact: (IntId, &str, IntId), point: &Point) -> bool {
    let pair = value(scope, fact.0, point).zip(value(scope, fact.2, point));
    pair.is_some_and(|(a, b)| match fact.1 {
        "==" => a == b,
        "<=" => a <= b,
        _ => a < b,
    })
}

/// A scope with random facts, and the points where they hold.
fn world(random: &mut Random) -> (Scope, Vec<String>, Vec<Point>) {
    let mut scope = Scope::new("", "");
    scope.int("A + B");
    scope.declare(VARIABLES[random.below(VARIABLES.len())]);
    let names = names(&scope);
    let mut points = points(&scope);
    let facts = facts(random, &names);
    for text in &facts {
        // As a checker does: each fact is read with those before it in scope.
        let fact = scope.comparison(text);
        points.retain(|point| holds(&scope, fact, point));
        scope.assume(text);
    }
    (scope, facts, points)
}

#[test]
fn whatever_is_proved_is_true() {
    let mut random = Random::new(7);
    let (mut asked, mut proved) = (0, 0);
    for case in 0..cases(12_000) {
        let (mut scope, facts, points) = world(&mut random);
        let text = expression(&mut random, &names(&scope), 3);
        let goal = scope.int(&text);
        let values = points.iter().filter_map(|point| value(&scope, goal, point));
        let Some(least) = values.min() else {
            continue;
        };
        asked += 1;
        let mut at_least = |bound: i64| {
            let bound = scope.ints.constant(bound);
            scope.facts.at_most(&mut scope.ints, bound, goal)
        };
        proved += usize::from(at_least(least));
        assert!(!at_least(least + 1), "case {case}: {facts:?} |- {} <= {text}", least + 1);
    }
    assert!(asked * 2 > cases(12_000) && proved * 3 > asked, "{proved} of {asked}");
}

#[test]
fn simplified_divisions_and_ranges_are_true() {
    let mut random = Random::new(11);
    let mut ranges = 0;
    for case in 0..cases(4_000) {
        let (mut scope, facts, points) = world(&mut random);
        let text = expression(&mut random, &names(&scope), 2);
        let divisor = ["2", "4", "B + 1", "A * B + 1"][random.below(4)];
        let (a, d) = (scope.int(&text), scope.int(divisor));
        let Scope { ints, facts: known, .. } = &mut scope;
        let (quotient, rest) = (known.div(ints, a, d).unwrap(), known.rem(ints, a, d).unwrap());
        let divides = known.divides(ints, d, a);
        let range = known.range(ints, a);
        let contradictory = known.contradictory(ints);
        let bounds = bounds(ints);
        ranges += usize::from(range.is_some());
        let what = format!("case {case}: {facts:?}, {text} by {divisor}");
        assert!(!contradictory || points.is_empty(), "{what}");
        for point in &points {
            let of = |id| value(&scope, id, point);
            let Some((x, by)) = of(a).zip(of(d)) else { continue };
            assert_eq!(of(quotient), Some(x.div_euclid(by)), "{what} at {point:?}");
            assert_eq!(of(rest), Some(x.rem_euclid(by)), "{what} at {point:?}");
            assert!(!divides || x.rem_euclid(by) == 0, "{what} at {point:?}");
            for &(atom, bound) in &bounds {
                let Some((atom, bound)) = of(atom).zip(of(bound)) else { continue };
                assert!((0..bound).contains(&atom), "bounds in {what} at {point:?}");
            }
            if let Some(range) = range {
                assert!((0..of(range).unwrap()).contains(&x), "range of {what} at {point:?}");
            }
        }
    }
    assert!(ranges * 5 > cases(4_000), "only {ranges} ranges");
}

/// Every bounded atom with its bound.
fn bounds(ints: &mut Ints) -> Vec<(IntId, IntId)> {
    let bounded = ints.atoms().filter_map(|(id, atom)| Some((atom.clone(), ints.bound(id)?)));
    let bounded: Vec<_> = bounded.collect();
    bounded.into_iter().map(|(atom, bound)| (ints.of_atom(atom, None), bound)).collect()
}

/// `TILEC_FUZZ` multiplies how many cases are tried.
fn cases(usual: usize) -> usize {
    let factor = std::env::var("TILEC_FUZZ").ok().and_then(|text| text.parse().ok());
    usual * factor.unwrap_or(1)
}

/// 600 facts, many of them 60 terms long, and goals of every kind.
#[test]
fn stays_quick_under_many_long_facts() {
    const COUNT: usize = 60;
    let sum = |term: &dyn Fn(usize) -> String| (0..COUNT).map(term).collect::<Vec<_>>().join(" + ");
    let mut scope = Scope::default();
    scope.declare(&(0..COUNT).map(|i| format!("v{i} < N{i}")).collect::<Vec<_>>().join(","));
    for k in 0..200 {
        let [a, b, c] = [k % COUNT, (k + 3) % COUNT, k * 7 % COUNT];
        let weighted = sum(&|i| format!("N{i} * {}", i * k % 7 + 1));
        let products = sum(&|i| format!("N{i} * N{}", (i + k) % COUNT));
        scope.assume(&format!("{weighted} <= {products} + {k}"));
        scope.assume(&format!("N{a} * {} == N{b} + N{c}", k % 5));
        scope.assume(&format!("N{a} <= N{b} + v{b} * v{c}"));
    }
    let start = Instant::now();
    for goal in [
        sum(&|i| format!("v{i}")) + " < 5",
        sum(&|i| format!("v{i} * N{}", (i + 1) % COUNT)) + " < N1 * N2",
        "v1 * N3 + v3 + 1 < N1 * N3".to_owned(),
    ] {
        assert!(!scope.proves(&goal), "{goal}");
        let (a, _, b) = scope.comparison(&goal);
        scope.facts.missing(&mut scope.ints, a, b);
        scope.facts.missing_exact(&mut scope.ints, a, b);
        scope.facts.range(&mut scope.ints, a);
    }
    assert!(scope.proves("v1 * N3 + v3 < N1 * N3"));
    // About 0.05 s; what it guards against is minutes.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
