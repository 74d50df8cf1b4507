//! The canonical form: every folder of `tests/cases/canonical/same` holds spellings
//! of one program, which must come out as one text up to the names of what is
//! local; every folder of `different` holds programs that must not.
//!
//! That the form means what the program means is shown on every idiom here, and
//! on random kernels in `fuzz_kernels.rs`.

#[path = "support/files.rs"]
mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tilec_ir::tensor::{Equation, Expr, ExprKind, Reduction, Role};
use tilec_ir::{Array, Kernel, compare, launch, verify};
use tilec_passes::{Body, Canonical, normalize, specialize};

fn kernels(path: &Path) -> Vec<Kernel> {
    let text = std::fs::read_to_string(path).expect("cases are text");
    let checked = tilec_frontend::check(&text);
    assert!(checked.diagnostics.is_empty(), "{}: {:#?}", path.display(), checked.diagnostics);
    checked.module.kernels
}

fn canonical(kernel: &Kernel) -> Canonical {
    let canonical = normalize(kernel);
    let fault = verify::verify(canonical.kernel()).err();
    assert!(fault.is_none(), "{}\n{canonical}", fault.unwrap_or_default());
    canonical
}

/// The canonical texts of each folder below `tests/cases/canonical/<kind>`.
fn folders(kind: &str) -> BTreeMap<PathBuf, Vec<String>> {
    let mut folders: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in files::tile_files(&format!("tests/cases/canonical/{kind}")) {
        let folder = path.parent().expect("a file has a folder").to_path_buf();
        for kernel in kernels(&path) {
            folders.entry(folder.clone()).or_default().push(canonical(&kernel).without_names());
        }
    }
    assert!(folders.len() >= 3, "only {} folders", folders.len());
    folders
}

#[test]
fn spellings_of_one_program_come_out_as_one() {
    for (folder, texts) in folders("same") {
        assert!(texts.len() >= 2, "{} holds one spelling", folder.display());
        for text in &texts {
            assert!(*text == texts[0], "{}\n{}\n{text}", folder.display(), texts[0]);
        }
    }
}

#[test]
fn programs_that_differ_stay_different() {
    for (folder, texts) in folders("different") {
        for (at, text) in texts.iter().enumerate() {
            assert!(!texts[..at].contains(text), "{}\n{text}", folder.display());
        }
    }
}

fn every_program() -> impl Iterator<Item = Kernel> {
    let folders = ["examples", "tests/cases/idioms", "tests/cases/canonical"];
    folders.into_iter().flat_map(files::tile_files).flat_map(|path| kernels(&path))
}

#[test]
fn the_form_is_what_it_says() {
    for kernel in every_program() {
        let canonical = canonical(&kernel);
        let kernel = canonical.kernel();
        assert_eq!(kernel.equations.len(), canonical.equations().len());
        for (equation, stated) in kernel.equations.iter().zip(canonical.equations()) {
            check_equation(&canonical, equation, &stated.body);
        }
        let again = normalize(kernel);
        assert_eq!(again.without_names(), canonical.without_names(), "it is its own form");
    }
}

fn check_equation(canonical: &Canonical, equation: &Equation, body: &Body) {
    let kernel = canonical.kernel();
    let reductions = tilec_ir::walk::reachable(kernel, equation.value);
    let reductions = reductions.into_iter().filter(|&expr| {
        let Expr { kind, .. } = &kernel.exprs[expr];
        matches!(kind, ExprKind::Reduce(..) | ExprKind::Rank { .. })
    });
    let expected = usize::from(!matches!(body, Body::Map(_)));
    assert_eq!(reductions.count(), expected, "one reduction an equation\n{canonical}");
    if let Body::Sum { terms, .. } = body {
        let ty = kernel.exprs[equation.value].ty;
        assert!(ty.is_float() || terms.len() == 1, "a sum of i32 is one product\n{canonical}");
    }
    if let Body::Reduce { op, .. } = body {
        assert_ne!(*op, Reduction::Sum, "a sum is a list of products");
    }
    if let Body::Map(_) = body {
        let role = kernel.tensors[equation.tensor].role;
        assert_eq!(role, Role::Output, "small pointwise equations are inlined\n{canonical}");
    }
}

#[test]
fn the_form_means_the_same() {
    let mut launched = 0;
    for kernel in every_program() {
        let canonical = canonical(&kernel);
        for size in [1i64, 3, 5] {
            let set: Vec<_> =
                kernel.sizes.iter().map(|(_, s)| (s.name.clone(), 4 * size)).collect();
            let none = vec![None; kernel.tensors_of(Role::Input).count()];
            let Ok(sizes) = launch::bind(&kernel, &none, &set) else { continue };
            let own =
                launch::bind(canonical.kernel(), &none, &set).expect("the facts are the same");
            let draw = |id| tilec::arrays::draw::draw(&kernel, &sizes, id, 7).expect("it is small");
            let inputs: Vec<Array> = kernel.tensors_of(Role::Input).map(draw).collect();
            let run = |kernel: &Kernel, launch| {
                tilec_ir::interpret::interpret(kernel, launch, &inputs, &|_| {})
                    .expect("it is small")
            };
            let outputs = run(canonical.kernel(), &own);
            let verdicts = compare::check(&kernel, &sizes, &inputs, &outputs, &[], &|_| {});
            for verdict in verdicts.expect("it is small") {
                let name = &kernel.tensors[verdict.tensor].name;
                assert!(
                    verdict.passes(),
                    "{}.{name} at {set:?}: {verdict:?}\n{canonical}",
                    kernel.name
                );
            }
            launched += 1;
        }
    }
    assert!(launched > 50, "only {launched} launches");
}

/// Every equation reads the one before; a small stack, as threads have.
#[test]
fn long_chains_neither_blow_up_nor_overflow() {
    let steps = [
        "t@[n] + 1.5",
        "t@[n] * t@[N - 1 - n]",
        "sum[k](t@[k] * w[n, k])",
        "if 1 <= n then t@[n - 1] else 0",
        "max[k](t@[k]) + t@[n]",
    ];
    for step in steps {
        let count = 2000;
        let lines = (0..count)
            .map(|at| format!("    t{}[n < N] = {}\n", at + 1, step.replace('@', &at.to_string())));
        let equations: String = lines.collect();
        let text = format!(
            "kernel chain[N](t0: f32[N], w: f32[N, N]) -> (y: f32[N])\n{{\n{equations}    y[n] = t{count}[n]\n}}\n"
        );
        let checked = tilec_frontend::check(&text);
        let kernel = checked.module.kernels.first().expect("the program is right");
        let start = std::time::Instant::now();
        let canonical = canonical(kernel);
        assert!(start.elapsed().as_secs() < 20, "{step} takes {:?}", start.elapsed());
        let made = canonical.kernel();
        assert!(made.equations.len() <= 2 * count, "{step}: {} equations", made.equations.len());
        assert!(made.exprs.len() <= 64 * count, "{step}: {} expressions", made.exprs.len());
        assert!(made.equations.iter().all(|e| made.tensors[e.tensor].role != Role::Input));
    }
}

#[test]
fn binding_sizes_leaves_the_meaning() {
    let [kernel] = kernels(&files::tile_files("examples/gemm_fp8")[0]).try_into().expect("one");
    let set = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    };
    let bound = specialize(&kernel, &set(&[("K", 256), ("N", 64)])).expect("both are sizes");
    verify::assert_valid(&bound);
    assert_eq!(bound.sizes.len(), 1);
    let text = tilec_ir::print::print(&bound);
    assert!(text.contains("a: f8e4m3[M, 256]") && text.contains("sa: f32[M, 2]"), "{text}");
    let cases = [
        (set(&[("Q", 1)]), "unknown-argument"),
        (set(&[("K", -1)]), "size-out-of-range"),
        (set(&[("K", 1), ("K", 2)]), "size-conflict"),
    ];
    for (set, code) in cases {
        let errors = specialize(&kernel, &set).expect_err("it can't be bound");
        assert_eq!(errors[0].kind.code(), code);
    }
}
