//! What recognizers find. Every folder of `tests/cases/spellings` holds spellings
//! of one program, which must give one plan up to names; every program of
//! `tests/cases/near_misses` must be declined, with a reason that names what
//! stands against it and the line. And every plan means what its program means:
//! its regions, written back as equations from their own data, are interpreted
//! beside it.

#[path = "support/expressions.rs"]
mod expressions;
#[path = "support/files.rs"]
mod files;
#[path = "support/kernels.rs"]
#[expect(dead_code, reason = "plans are compared by what they mean, not bit for bit")]
mod kernels;
#[path = "support/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tilec_ir::plan::{Plan, Region, RegionKind, verify as plan_verify};
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Kernel, compare, interpret, launch, verify};
use tilec_passes::{normalize, recognize};

fn kernels_of(path: &Path) -> Vec<Kernel> {
    let text = std::fs::read_to_string(path).expect("cases are text");
    let checked = tilec_frontend::check(&text);
    let errors: Vec<_> = checked
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity() == tilec_ir::Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    checked.module.kernels
}

fn plan(kernel: &Kernel) -> Plan {
    let plan = recognize(&normalize(kernel));
    if let Err(fault) = plan_verify::verify(&plan) {
        panic!("{fault}\n{plan}");
    }
    plan
}

fn snapshots(folder: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// The plan without the hints of what was staged by hand.
fn without_stages(mut plan: Plan) -> Plan {
    for region in &mut plan.regions {
        if let RegionKind::Select(select) = &mut region.kind {
            select.stages.clear();
        }
    }
    plan
}

#[test]
fn spellings_of_one_program_give_one_plan() {
    let mut folders: BTreeMap<PathBuf, Vec<(PathBuf, String)>> = BTreeMap::new();
    for path in files::tile_files("tests/cases/spellings") {
        let folder = path.parent().expect("a file has a folder").to_path_buf();
        for kernel in kernels_of(&path) {
            let text = without_stages(plan(&kernel)).without_names();
            folders.entry(folder.clone()).or_default().push((path.clone(), text));
        }
    }
    let mut taken = vec![];
    for (folder, texts) in folders {
        assert!(texts.len() >= 3, "{} holds {} spellings", folder.display(), texts.len());
        for (path, text) in &texts {
            assert!(*text == texts[0].1, "{}\n{}\n{text}", path.display(), texts[0].1);
        }
        let name = folder.file_name().expect("folders have names").to_string_lossy().into_owned();
        taken.push(name.clone());
        snapshots("spellings").bind(|| insta::assert_snapshot!(name, texts[0].1));
    }
    assert!(taken.contains(&"fp8_gemm".to_owned()), "{taken:?}");
    files::assert_no_stale_snapshots("spellings", &taken);
}

/// The regions, and each reason with its line.
fn reasons(path: &Path) -> String {
    let source = std::fs::read_to_string(path).expect("cases are text");
    let mut out = String::new();
    for kernel in kernels_of(path) {
        let plan = plan(&kernel);
        for region in &plan.regions {
            out += &format!("{}\n", tilec_ir::plan::text::title(&plan, region));
            if let RegionKind::Generic { why } = &region.kind {
                out += &format!("    because {why}\n");
            }
        }
        for declined in &plan.declined {
            let start = declined.span.start as usize;
            let line = source[..start].matches('\n').count() + 1;
            let text = source.lines().nth(line - 1).unwrap_or_default().trim();
            out += &format!("no {}: {}\n", declined.pattern, declined.reason);
            out += &format!("    line {line}: {text}\n");
        }
    }
    out
}

#[test]
fn near_misses_are_declined_with_a_reason() {
    let cases = files::tile_files("tests/cases/near_misses");
    assert!(cases.len() >= 20, "only {} near misses", cases.len());
    let mut taken = vec![];
    for path in cases {
        for kernel in kernels_of(&path) {
            let plan = plan(&kernel);
            let found = plan.regions.iter().find(|region| {
                matches!(region.kind, RegionKind::Contract(_) | RegionKind::Scan(_))
            });
            assert!(found.is_none(), "{} is taken\n{plan}", path.display());
            let select = |region: &Region| matches!(region.kind, RegionKind::Select(_));
            let why =
                plan.declined.iter().any(|declined| declined.pattern.starts_with("selection"));
            let taken = plan.regions.iter().any(select) && !why;
            assert!(!taken, "{} is a selection\n{plan}", path.display());
        }
        let name = path.file_stem().expect("cases have names").to_string_lossy().into_owned();
        taken.push(name.clone());
        snapshots("near_misses").bind(|| insta::assert_snapshot!(name, reasons(&path)));
    }
    files::assert_no_stale_snapshots("near_misses", &taken);
}

/// What the kernels of a program run as, in order.
#[test]
fn programs_run_as_few_regions() {
    for (path, kernel, expected) in [
        ("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8", "contraction"),
        ("examples/batched_gemm/batched_gemm.tile", "batched_gemm", "contraction"),
        ("examples/rmsnorm/rmsnorm.tile", "rmsnorm", "rowwise"),
        ("examples/softmax/softmax.tile", "softmax", "rowwise"),
        ("tests/cases/rowwise/norms.tile", "layernorm", "rowwise"),
        ("tests/cases/rowwise/norms.tile", "residual_rmsnorm", "rowwise"),
        ("tests/cases/rowwise/quantize.tile", "quantize_strips", "rowwise"),
        ("tests/cases/rowwise/quantize.tile", "quantize_rows", "rowwise"),
        ("tests/cases/contract/prologues.tile", "quantize_gemm", "rowwise, contraction"),
        ("tests/cases/contract/prologues.tile", "silu_gemm", "pointwise, contraction"),
        ("tests/cases/contract/prologues.tile", "mlp", "contraction, contraction"),
        ("tests/cases/contract/epilogues.tile", "all_at_once", "contraction"),
        ("tests/cases/contract/epilogues.tile", "two_outputs", "contraction"),
        ("tests/cases/contract/layouts.tile", "bf16_two_sums", "contraction"),
        ("tests/cases/contract/layouts.tile", "bf16_vector", "contraction"),
        ("tests/cases/idioms/gemm_i8.tile", "gemm_i8", "rowwise, rowwise, contraction"),
        ("tests/cases/idioms/prefix_sum.tile", "prefix_sum", "scan, scan, loops"),
    ] {
        let kernels = kernels_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let found = kernels.iter().find(|k| k.name == kernel);
        let plan = plan(found.unwrap_or_else(|| panic!("{path} has no {kernel}")));
        let names: Vec<_> = plan.regions.iter().map(|region| region.kind.name()).collect();
        assert_eq!(names.join(", "), expected, "{kernel}\n{plan}");
    }
}

/// An operand is stored only where it can be computed without the other axes: with
/// N = 0 there is no `z[m + N - 1]`.
#[test]
fn what_is_only_safe_inside_of_a_sum_stays_there() {
    for (operand, expected) in [
        ("exp(x[m, k] + z[m + N - 1])", "contraction"),
        ("exp(x[m, k] + y[m])", "pointwise, contraction"),
        ("x[m, k]", "contraction"),
        ("exp(y[m] + u[k])", "contraction"),
    ] {
        let text = format!(
            "kernel k[M, N, K](x: f32[M, K], y: f32[M], u: f32[K], z: f32[M + N], b: f32[N, K]) -> (c: f32[M, N]) \
             {{ c[m, n] = sum[k]({operand} * b[n, k]) }}"
        );
        let checked = tilec_frontend::check(&text);
        let plan = plan(checked.module.kernels.first().expect("it is right but for unused inputs"));
        let names: Vec<_> = plan.regions.iter().map(|region| region.kind.name()).collect();
        assert_eq!(names.join(", "), expected, "{operand}\n{plan}");
    }
}

fn every_program() -> impl Iterator<Item = Kernel> {
    let cases = ["canonical", "contract", "idioms", "near_misses", "rowwise", "spellings"];
    let cases = cases.into_iter().map(|folder| format!("tests/cases/{folder}"));
    let folders = std::iter::once("examples".to_owned()).chain(cases);
    folders.flat_map(|folder| files::tile_files(&folder)).flat_map(|path| kernels_of(&path))
}

/// Inputs for a launch of `kernel`, or nothing where its facts do not hold.
fn outputs(kernel: &Kernel, meaning: &Kernel, set: &[(String, i64)]) -> Option<Result<(), String>> {
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let sizes = launch::bind(kernel, &none, set).ok()?;
    let own = launch::bind(meaning, &none, set).expect("the facts are the same");
    let draw = |id| tilec::arrays::draw::draw(kernel, &sizes, id, 7).expect("it is small");
    let inputs: Vec<Array> = kernel.tensors_of(Role::Input).map(draw).collect();
    let made = interpret::interpret(meaning, &own, &inputs, &|_| {}).expect("it is small");
    let verdicts = compare::check(kernel, &sizes, &inputs, &made, &[], &|_| {}).expect("small");
    let fault = verdicts.into_iter().find(|verdict| !verdict.passes());
    let name = |id| &kernel.tensors[id].name;
    Some(fault.map_or(Ok(()), |verdict| Err(format!("{}: {verdict:?}", name(verdict.tensor)))))
}

#[test]
fn plans_mean_what_their_programs_mean() {
    let mut launched = 0;
    for kernel in every_program() {
        let plan = plan(&kernel);
        let meaning = plan.meaning();
        if let Err(fault) = verify::verify(&meaning) {
            panic!("{fault}\n{plan}");
        }
        for size in [2i64, 5, 12] {
            let set: Vec<_> = kernel.sizes.iter().map(|(_, s)| (s.name.clone(), size)).collect();
            match outputs(&kernel, &meaning, &set) {
                Some(Ok(())) => launched += 1,
                Some(Err(fault)) => panic!("{} at {set:?}: {fault}\n{plan}", kernel.name),
                None => {}
            }
        }
    }
    assert!(launched > 150, "only {launched} launches");
}

/// Contractions whose blocks end inside of the sizes.
#[test]
fn scales_mean_the_same_past_a_block() {
    for path in files::tile_files("tests/cases/spellings/fp8_gemm") {
        for kernel in kernels_of(&path) {
            let set =
                [("M", 3), ("N", 130), ("K", 300)].map(|(name, size)| (name.to_owned(), size));
            let outcome = outputs(&kernel, &plan(&kernel).meaning(), &set);
            assert_eq!(outcome, Some(Ok(())), "{}", path.display());
        }
    }
}

#[test]
fn plans_of_random_kernels_verify_and_mean_the_same() {
    let mut launched = 0;
    for seed in 0..400u64 {
        let program = kernels::generate(seed);
        let checked = tilec_frontend::check(&program.text);
        let Some(kernel) = checked.module.kernels.first() else { continue };
        let plan = plan(kernel);
        let meaning = plan.meaning();
        let valid = verify::verify(&meaning);
        assert!(valid.is_ok(), "seed {seed}: {valid:?}\n{}\n{plan}", program.text);
        if program.regroups && !program.finite {
            continue;
        }
        let size = |(name, least): &(String, usize)| {
            (name.clone(), i64::try_from((*least).max(3)).expect("sizes are small"))
        };
        let set: Vec<_> = program.sizes.iter().map(size).collect();
        let Some(outcome) = outputs(kernel, &meaning, &set) else { continue };
        assert!(outcome.is_ok(), "seed {seed}: {outcome:?}\n{}\n{plan}", program.text);
        launched += 1;
    }
    assert!(launched > 200, "only {launched} launches");
}

#[test]
fn the_same_program_gives_the_same_plan_twice() {
    for kernel in every_program() {
        assert_eq!(plan(&kernel).to_string(), plan(&kernel).to_string(), "{}", kernel.name);
    }
}

/// Every equation reads the one before; a small stack, as threads have.
#[test]
fn long_programs_are_planned_quickly() {
    for step in [
        "t@[n] + 1.5",
        "exp(t@[n]) + t@[N - 1 - n]",
        "sum[k](t@[k] * w[n, k])",
        "max[k](t@[k] + w[n, k])",
        "max[k](t@[k]) + t@[n]",
        "w[n, argmax[k](t@[k] + w[n, k])]",
        "t@[argsort[k desc](if k == argmax[i](t@[i]) then -inf else t@[k])[n]]",
    ] {
        let lines = (0..1000)
            .map(|at| format!("    t{}[n < N] = {}\n", at + 1, step.replace('@', &at.to_string())));
        let equations: String = lines.collect();
        let text = format!(
            "kernel chain[N](t0: f32[N], w: f32[N, N]) -> (y: f32[N])\n{{\n{equations}    y[n] = t1000[n]\n}}\n"
        );
        let checked = tilec_frontend::check(&text);
        let canonical = normalize(checked.module.kernels.first().expect("the program is right"));
        let start = std::time::Instant::now();
        let plan = recognize(&canonical);
        assert!(start.elapsed().as_secs() < 10, "{step} takes {:?}", start.elapsed());
        assert!(!plan.regions.is_empty(), "{step}");
    }
}
