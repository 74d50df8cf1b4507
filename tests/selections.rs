//! Selections, however they are written: what is recognized as one gives every index that
//! the program gives, on keys that are often equal, NaN or infinite; and what is declined
//! would not have. Beside the cases, programs of stages and rounds are made at random, most
//! of them wrong in some way.

#[path = "support/files.rs"]
mod files;
#[path = "support/random.rs"]
mod random;

use std::path::Path;

use random::Random;
use tilec_ir::plan::{Plan, Region, RegionKind};
use tilec_ir::tensor::{Expr, ExprKind, FactKind, Order, Role, Tensor};
use tilec_ir::{Array, Element, Id, Kernel, interpret, launch};
use tilec_passes::{normalize, recognize};

fn kernels_of(path: &Path) -> Vec<Kernel> {
    kernels(&std::fs::read_to_string(path).expect("cases are text"))
}

fn kernels(text: &str) -> Vec<Kernel> {
    let checked = tilec_frontend::check(text);
    let error = |d: &&tilec_ir::Diagnostic| d.severity() == tilec_ir::Severity::Error;
    let errors: Vec<_> = checked.diagnostics.iter().filter(error).collect();
    assert!(errors.is_empty(), "{text}\n{errors:#?}");
    checked.module.kernels
}

fn plan(kernel: &Kernel) -> Plan {
    recognize(&normalize(kernel))
}

/// Stages by hand are one selection, and stay as a hint.
#[test]
fn what_is_staged_by_hand_is_one_selection() {
    for (path, kernel, along, expected) in [
        ("examples/topk/topk.tile", "topk", "n < N", ""),
        ("examples/topk/topk.tile", "topk_staged", "l < C * L", "S of each of C pieces of L"),
        (
            "tests/cases/spellings/top_k/staged.tile",
            "three",
            "l < N",
            "S of each of B * C pieces of L, S of each of B pieces of C * S",
        ),
        ("tests/cases/spellings/top_k/ends.tile", "again", "n < N", "P of each of 1 pieces of N"),
        (
            "tests/cases/spellings/arg_max/arg_max.tile",
            "pieces",
            "l < N",
            "1 of each of C pieces of L",
        ),
    ] {
        let kernels = kernels_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let found = kernels.iter().find(|k| k.name == kernel);
        let plan = plan(found.unwrap_or_else(|| panic!("{path} has no {kernel}")));
        let [region] = plan.regions.as_slice() else { panic!("{kernel}\n{plan}") };
        let lines = tilec_ir::plan::text::lines(&plan, region);
        let of = |what: &str| {
            let found = lines.iter().filter_map(|line| line.strip_prefix(what));
            found.map(str::trim).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(of("staged"), expected, "{kernel}\n{plan}");
        assert_eq!(of("along"), format!("{along}, largest first"), "{kernel}\n{plan}");
    }
}

/// Keys that are often equal and, where nothing says that they are finite, NaN or an end.
fn ties(kernel: &Kernel, launch: &launch::Launch, id: Id<Tensor>, seed: u64) -> Array {
    let mut array = tilec::arrays::draw::draw(kernel, launch, id, seed).expect("it is small");
    let finite = kernel.facts.iter().any(|fact| fact.kind == FactKind::Finite(id));
    let all =
        [0.0, -0.0, 1.0, -1.5, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let floats = if finite { &all[..6] } else { &all[..] };
    let mut random = Random::new(seed ^ id.index() as u64);
    for at in 0..array.len() {
        if array.element == Element::I8 {
            array.set_i32(at, *random.pick(&[-128, -127, 5]));
        } else if array.element == Element::F32 {
            array.set_f32(at, *random.pick(floats));
        }
    }
    array
}

/// The sizes `A=1 B=2`, those that a kernel has.
fn sizes(kernel: &Kernel, text: &str) -> Vec<(String, i64)> {
    let known = |name: &str| kernel.sizes.iter().any(|(_, size)| size.name == name);
    let pairs = text.split(' ').filter_map(|pair| pair.split_once('='));
    let of =
        |(name, value): (&str, &str)| (name.to_owned(), value.parse().expect("sizes are numbers"));
    pairs.filter(|(name, _)| known(name)).map(of).collect()
}

/// Whether two kernels give the same indices; `None` where the facts of the first don't hold.
fn same_indices(kernel: &Kernel, other: &Kernel, text: &str, seeds: u64) -> Option<bool> {
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &none, &sizes(kernel, text)).ok()?;
    let own = launch::bind(other, &none, &sizes(other, text)).expect("the facts are the same");
    let same = (0..seeds).all(|seed| {
        let inputs: Vec<_> =
            kernel.tensors_of(Role::Input).map(|id| ties(kernel, &launch, id, seed)).collect();
        let run = |kernel: &Kernel, launch: &launch::Launch| {
            interpret::interpret(kernel, launch, &inputs, &|_| {}).expect("it is small")
        };
        let (expected, found) = (run(kernel, &launch), run(other, &own));
        let indices = |arrays: Vec<Array>| {
            arrays.into_iter().filter(|a| a.element == Element::I32).collect::<Vec<_>>()
        };
        indices(expected) == indices(found)
    });
    Some(same)
}

/// Sizes for which the facts of the cases hold: pieces of rows, more and fewer places.
const SIZES: [&str; 7] = [
    "M=3 N=12 B=1 C=3 L=4 P=3 S=2 T=3 E=9",
    "M=2 N=12 B=2 C=3 L=2 P=2 S=2 T=2 E=2",
    "M=2 N=40 B=5 C=8 L=5 P=5 S=4 T=1 E=7",
    "M=1 N=40 B=5 C=2 L=4 P=4 S=4 T=5 E=4",
    "M=2 N=3 B=1 C=1 L=3 P=3 S=3 T=2 E=3",
    "M=60 N=2 B=1 C=2 L=1 P=1 S=1 T=2 E=3",
    "M=3 N=12 B=1 C=3 L=4 P=2 S=4 T=2 E=5",
];

fn cases() -> Vec<Kernel> {
    let folders = ["arg_max", "route", "row_ranges", "top_3", "top_k"];
    let folders = folders.into_iter().map(|folder| format!("tests/cases/spellings/{folder}"));
    let mut paths: Vec<_> = folders.flat_map(|folder| files::tile_files(&folder)).collect();
    paths.extend(files::tile_files("tests/cases/near_misses").into_iter().filter(|path| {
        let name = path.file_name().expect("files have names").to_string_lossy().into_owned();
        name.starts_with("rounds") || name.starts_with("stages")
    }));
    let topk = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/topk/topk.tile");
    paths.into_iter().chain([topk]).flat_map(|path| kernels_of(&path)).collect()
}

#[test]
fn selections_keep_the_order_of_equal_keys() {
    for kernel in cases() {
        let plan = plan(&kernel);
        let meaning = plan.meaning();
        let verdicts = SIZES.iter().filter_map(|text| same_indices(&kernel, &meaning, text, 20));
        let verdicts: Vec<_> = verdicts.collect();
        assert!(!verdicts.is_empty(), "{} was never launched\n{plan}", kernel.name);
        assert!(verdicts.iter().all(|&same| same), "{}\n{plan}", kernel.name);
    }
}

/// The comparison above sees an order, a place or a limit that is wrong.
#[test]
fn a_wrong_selection_is_noticed() {
    let text =
        "kernel k[M, N, S](x: f32[M, N], length: i32[M]) -> (index: idx<N>[M, S]) where S <= N
        { index[m, s] = argsort[n desc](if n < length[m] then x[m, n] else -inf)[s] }";
    let kernel = &kernels(text)[0];
    let right = plan(kernel);
    for wrong in 0..4 {
        let mut plan = right.clone();
        let Plan { kernel: own, regions, .. } = &mut plan;
        let RegionKind::Select(select) = &mut regions[0].kind else { panic!("{right}") };
        match wrong {
            0 => {}
            1 => select.order = Order::Ascending,
            2 => select.first = own.ints.constant(1),
            _ => {
                let limit = own.exprs[select.limit.expect("rows have an end")].clone();
                let one = ExprKind::Int(own.ints.constant(1));
                select.limit = Some(own.exprs.push(Expr { kind: one, ..limit }));
            }
        }
        let same = same_indices(kernel, &plan.meaning(), "M=5 N=12 S=3", 20);
        assert_eq!(same, Some(wrong == 0), "{wrong}: {plan}");
    }
}

/// What is declined for its meaning is another function than the plain selection.
#[test]
fn near_misses_are_no_selections() {
    for (name, index) in [
        ("rounds_of_anything", "second[m] = argsort[n desc](x[m, n])[1]"),
        ("rounds_by_value", "second[m] = argsort[n desc](x[m, n])[1]"),
        ("rounds_of_another_key", "second[m] = argsort[n desc](x[m, n])[1]"),
        ("rounds_past_the_largest", "second[m] = argsort[n desc](x[m, n] * 2)[1]"),
        ("rounds_within_the_range", "second[m] = argsort[n desc](x[m, n])[1]"),
        ("stages_that_keep_too_few", "index[m, s] = argsort[j desc](x[m, j])[s]"),
        ("stages_place_by_place", "index[m, s] = argsort[j desc](x[m, j])[s]"),
        ("stages_by_two_keys", "index[m, s] = argsort[j desc](x[m, j])[s]"),
        ("stages_from_both_ends", "index[m, s] = argsort[j desc](x[m, j])[s]"),
        ("stages_without_the_first", "index[m, s] = argsort[j desc](x[m, j])[1 + s]"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/near_misses");
        let text = std::fs::read_to_string(path.join(format!("{name}.tile"))).expect("a case");
        let output = index.split('[').next().expect("an index has a name");
        // The same kernel with this equation in the place of that which it is no longer.
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{output}[")));
        let line = line.expect("the case has the output");
        let plain = &kernels_with_warnings(&text.replace(line, index))[0];
        let kernel = &kernels(&text)[0];
        let differs = SIZES.iter().any(|text| same_indices(kernel, plain, text, 60) == Some(false));
        assert!(differs, "{name} is `{index}` after all");
    }
}

/// Programs in which some equations are no longer needed.
fn kernels_with_warnings(text: &str) -> Vec<Kernel> {
    tilec_frontend::check(text).module.kernels
}

/// Two stages that are one order, or are not quite.
fn stages(random: &mut Random) -> String {
    let order = |random: &mut Random| *random.pick(&["asc", "desc", "desc", "desc"]);
    let (first, last) = (order(random), order(random));
    let last = if random.one_in(3) { last } else { first };
    let key = *random.pick(&["x[m, @]", "-x[m, @]", "abs(x[m, @])", "x[m, @] * x[m, @]"]);
    let other = if random.one_in(5) { "x[m, @]" } else { key };
    let (c, l) = (1 + random.below(3), 3 + random.below(2));
    let kept = 1 + random.below(3);
    let dropped = if random.one_in(5) { random.below(l - kept + 1) } else { 0 };
    let wanted = 1 + random.below(kept.min(2)) + usize::from(random.one_in(4));
    let wanted = wanted.min(c * kept);
    let start = if random.one_in(3) { random.below(c * kept - wanted + 1) } else { 0 };
    let survivor = |j: &str| match last == first && c > 1 && dropped == 0 && kept == 3 {
        true => format!("{j} % {c} * {l} + near[m, {j} % {c}, {j} / {c}]"),
        false => format!("{j} / {kept} * {l} + near[m, {j} / {kept}, {j} % {kept}]"),
    };
    let n = c * l;
    let near = key.replace('@', &format!("c * {l} + l"));
    let pick = other.replace('@', &format!("({})", survivor("j")));
    format!(
        "kernel stages[M](x: f32[M, {n}]) -> (index: idx<{n}>[M, {wanted}])\n{{\n    \
         near[m, c < {c}, p < {kept}] = argsort[l < {l} {first}]({near})[{dropped} + p]\n    \
         pick[m, s < {wanted}] = argsort[j < {} {last}]({pick})[{start} + s]\n    \
         index[m, s] = {}\n}}\n",
        c * kept,
        survivor("pick[m, s]"),
    )
}

/// Rounds that are places of one order, or are not quite.
fn rounds(random: &mut Random) -> String {
    let (n, count) = (2 + random.below(4), 2 + random.below(3));
    let order = *random.pick(&["asc", "desc"]);
    let key = *random.pick(&[
        "x[m, n]",
        "-x[m, n]",
        "abs(x[m, n])",
        "tanh(x[m, n])",
        "x[m, n] * 2",
        "1 / (1 + exp(x[m, n]))",
    ]);
    let finite = if random.one_in(4) { "" } else { "where finite(x)\n" };
    let mut text = String::new();
    let mut outputs = Vec::new();
    for round in 0..count.min(n) {
        let masks = ["-inf", "inf", "-1", "2", "-1.5"];
        let mask = match order {
            _ if random.one_in(4) => *random.pick(&masks),
            "asc" => "inf",
            _ => "-inf",
        };
        let all: Vec<_> = (0..round).filter(|_| !random.one_in(6)).collect();
        let tests: Vec<_> = all.iter().map(|r| format!("n == w{r}[m]")).collect();
        let key = match tests.is_empty() {
            true => key.to_owned(),
            false => format!("if {} then {mask} else {key}", tests.join(" or ")),
        };
        let place = if random.one_in(4) { random.below(n) } else { 0 };
        text += &format!("    w{round}[m] = argsort[n < {n} {order}]({key})[{place}]\n");
        outputs.push(format!("w{round}: idx<{n}>[M]"));
    }
    let outputs = outputs.join(", ");
    format!("kernel rounds[M](x: f32[M, {n}]) -> ({outputs})\n{finite}{{\n{text}}}\n")
}

/// How many orders a plan makes.
fn orders(plan: &Plan) -> usize {
    let order = |region: &&Region| {
        matches!(region.kind, RegionKind::Select(_) | RegionKind::Generic { .. })
    };
    plan.regions.iter().filter(order).count()
}

#[test]
fn random_stages_and_rounds_mean_the_same() {
    let (mut merged, mut apart) = (0, 0);
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let text = if seed % 2 == 0 { stages(&mut random) } else { rounds(&mut random) };
        let kernel = &kernels(&text)[0];
        let plan = plan(kernel);
        let same = same_indices(kernel, &plan.meaning(), "M=7", 6);
        assert_eq!(same, Some(true), "seed {seed}\n{text}\n{plan}");
        let one = plan.declined.is_empty() && orders(&plan) == 1;
        if one { merged += 1 } else { apart += 1 }
    }
    assert!(merged > 80 && apart > 80, "{merged} became one order, {apart} did not");
}
