//! Grouped products: what a mixture of experts is recognized as, however it is written,
//! what is not one and why, and that plans and the loops that stand for them where a chip
//! has nothing better mean what the program means.

#[path = "support/files.rs"]
mod files;

use std::path::Path;

use tilec_codegen_cuda::{Source, emit};
use tilec_ir::plan::{Form, Plan, RegionKind, WeightDim, text, verify};
use tilec_ir::tensor::{ExprKind, Role, Scalar};
use tilec_ir::tile::print;
use tilec_ir::{Array, Kernel, compare, interpret, launch};
use tilec_passes::{compile_plan, normalize, recognize};

fn kernels_of(path: &Path) -> Vec<Kernel> {
    let text = std::fs::read_to_string(path).expect("cases are text");
    let checked = tilec_frontend::check(&text);
    assert!(checked.diagnostics.is_empty(), "{}: {:#?}", path.display(), checked.diagnostics);
    checked.module.kernels
}

fn cases(folder: &str) -> Vec<Kernel> {
    let paths = files::tile_files(&format!("tests/cases/grouped/{folder}"));
    paths.iter().flat_map(|path| kernels_of(path)).collect()
}

fn plan(kernel: &Kernel) -> Plan {
    let plan = recognize(&normalize(kernel));
    if let Err(fault) = verify::verify(&plan) {
        panic!("{fault}\n{plan}");
    }
    plan
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/grouped");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.to_owned(), text));
}

#[test]
fn spellings_of_the_layer_give_one_plan_and_others_what_one_expects() {
    let mut taken = vec!["same".to_owned()];
    let same = cases("same");
    let first = plan(&same[0]).without_names();
    for kernel in &same {
        let found = plan(kernel).without_names();
        assert!(found == first, "{}\n{found}\n{}\n{first}", kernel.name, same[0].name);
    }
    snapshot("same", &first);
    let others = cases("plans");
    assert!(same.len() >= 6 && same.len() + others.len() >= 18, "spellings are missing");
    for kernel in &others {
        snapshot(&kernel.name, &plan(kernel).to_string());
        taken.push(kernel.name.clone());
    }
    for path in files::tile_files("tests/cases/grouped/declined") {
        let name = path.file_stem().expect("cases have names").to_string_lossy().into_owned();
        snapshot(&name, &reasons(&path));
        taken.push(name);
    }
    files::assert_no_stale_snapshots("grouped", &taken);
}

/// Two products by one kernel where a tile block asks for it, as it is cut and emitted; what is
/// close to it is told why it is not.
#[test]
fn dual_contractions_are_cut_or_declined() {
    let chip = tilec_target::chip("h200").expect("it has a table");
    let mut taken = Vec::new();
    let folders = ["tests/cases/dual", "tests/dual_refused"];
    for path in folders.into_iter().flat_map(files::tile_files) {
        let text = std::fs::read_to_string(&path).expect("cases are text");
        let checked = tilec_frontend::check(&text);
        assert!(checked.diagnostics.is_empty(), "{}: {:#?}", path.display(), checked.diagnostics);
        let mut reasons = String::new();
        for (at, kernel) in checked.module.kernels.iter().enumerate() {
            let tilings = checked.module.tilings.iter().filter(|tiling| tiling.kernel == at);
            let tilings: Vec<_> = tilings.collect();
            match compile_plan(plan(kernel), kernel, chip, &tilings) {
                Ok(program) => {
                    taken.push(kernel.name.clone());
                    let file = path.file_name().expect("cases have names").to_string_lossy();
                    let emitted = emit(&program, Source { file: &file, text: &text });
                    let steps = print::print(&program);
                    dual_snapshot(&kernel.name, &(steps + "\n" + dual_function(&emitted.source)));
                }
                Err(said) => {
                    for diagnostic in said {
                        let help = diagnostic.help.unwrap_or_default();
                        reasons +=
                            &format!("{}: {}\n    {help}\n", kernel.name, diagnostic.message);
                    }
                }
            }
        }
        if !reasons.is_empty() {
            dual_snapshot("declined", &reasons);
            taken.push("declined".to_owned());
        }
    }
    assert!(taken.len() >= 6, "{taken:?}");
    files::assert_no_stale_snapshots("dual", &taken);
}

/// The function that multiplies by two matrices.
fn dual_function(source: &str) -> &str {
    let name = source.find("_dual_").expect("there is a dual contraction");
    let begin = source[..name].rfind("extern \"C\"").expect("functions begin so");
    let end = begin + source[begin..].find("\n}\n").expect("functions end") + 3;
    &source[begin..end]
}

fn dual_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/dual");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.to_owned(), text));
}

/// The regions of a near miss, and each reason with its line.
fn reasons(path: &Path) -> String {
    let source = std::fs::read_to_string(path).expect("cases are text");
    let mut out = String::new();
    for kernel in kernels_of(path) {
        let plan = plan(&kernel);
        let found = plan
            .regions
            .iter()
            .any(|region| matches!(region.kind, RegionKind::Grouped(_) | RegionKind::Contract(_)));
        assert!(!found, "{} is taken\n{plan}", path.display());
        assert!(!plan.declined.is_empty(), "{} has no reason\n{plan}", path.display());
        for region in &plan.regions {
            out += &format!("{}\n", text::title(&plan, region));
        }
        for declined in &plan.declined {
            let line = source[..declined.span.start as usize].matches('\n').count();
            let line = source.lines().nth(line).unwrap_or_default().trim();
            out += &format!("no {}: {}\n    {line}\n", declined.pattern, declined.reason);
        }
    }
    out
}

/// What every layer runs as, with the slots of `out` in their order.
#[test]
fn layers_are_routed_grouped_and_combined() {
    for (file, kernel, expected) in [
        (
            "fusedmoe",
            "fused_moe",
            "contraction, selection, grouped contraction, rowwise, grouped contraction, combine",
        ),
        (
            "shared",
            "fused_moe_shared",
            "contraction, contraction, contraction, contraction, selection, grouped contraction, \
             grouped contraction, rowwise, combine",
        ),
        (
            "capacity",
            "fused_moe_capacity",
            "contraction, selection, loops, grouped contraction, grouped contraction, rowwise, \
             combine",
        ),
    ] {
        let path = format!("{}/examples/fusedmoe/{file}.tile", env!("CARGO_MANIFEST_DIR"));
        let kernels = kernels_of(Path::new(&path));
        let found = kernels.iter().find(|k| k.name == kernel).expect("the example has the kernel");
        let plan = plan(found);
        let names: Vec<_> = plan.regions.iter().map(|region| region.kind.name()).collect();
        assert_eq!(names.join(", "), expected, "{kernel}\n{plan}");
    }
}

/// Sizes at which groups are empty, hold everything, or are one.
const SIZES: [&str; 14] = [
    "T=7 D=5 F=6 E=4 S=2 C=3 R=9 K=5 N=6 G=3 L=2 P=2 H=2 B=2 Q=3",
    "T=0 D=5 F=6 E=4 S=2 C=3 R=0 K=5 N=6 G=3 L=2 P=2 H=2 B=2 Q=0",
    "T=1 D=3 F=2 E=8 S=1 C=1 R=1 K=3 N=2 G=4 L=2 P=1 H=1 B=1 Q=1",
    "T=5 D=4 F=3 E=1 S=1 C=2 R=5 K=4 N=3 G=1 L=2 P=1 H=3 B=1 Q=5",
    "T=6 D=1 F=1 E=3 S=3 C=4 R=6 K=1 N=1 G=2 L=2 P=2 H=1 B=3 Q=2",
    "T=4 D=130 F=129 E=2 S=2 C=9 R=4 K=130 N=129 G=2 L=3 P=1 H=2 B=2 Q=2",
    "T=65 D=2 F=2 E=2 S=2 C=64 R=77 K=2 N=2 G=2 L=2 P=2 H=1 B=5 Q=13",
    "T=63 D=2 F=1 E=2 S=1 C=64 R=63 K=2 N=1 G=2 L=2 P=1 H=1 B=1 Q=63",
    "T=65 D=1 F=2 E=1 S=1 C=64 R=127 K=1 N=2 G=2 L=2 P=1 H=1 B=1 Q=64",
    "T=64 D=2 F=1 E=3 S=2 C=64 R=128 K=2 N=1 G=2 L=2 P=1 H=1 B=1 Q=65",
    "T=43 D=1 F=2 E=5 S=3 C=64 R=129 K=1 N=2 G=3 L=2 P=2 H=1 B=3 Q=43",
    "T=150 D=1 F=2 E=3 S=2 C=64 R=300 K=1 N=2 G=3 L=2 P=2 H=1 B=2 Q=150",
    "T=3 D=0 F=4 E=2 S=2 C=1 R=3 K=0 N=4 G=2 L=2 P=2 H=2 B=2 Q=2",
    "T=3 D=4 F=0 E=2 S=2 C=1 R=3 K=4 N=0 G=2 L=2 P=2 H=2 B=2 Q=2",
];

/// How groups are spread over rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    Drawn,
    AllToOne,
}

/// Whether `meaning` gives what the kernel gives; `None` where its facts don't hold.
fn agrees(kernel: &Kernel, meaning: &Kernel, sizes: &str, spread: Spread) -> Option<bool> {
    let known = |name: &str| kernel.sizes.iter().any(|(_, size)| size.name == name);
    let pairs = sizes.split(' ').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.filter(|(name, _)| known(name));
    let set: Vec<_> =
        pairs.map(|(name, n)| (name.to_owned(), n.parse().expect("a size"))).collect();
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let sizes = launch::bind(kernel, &none, &set).ok()?;
    let own = launch::bind(meaning, &none, &set).expect("the facts are the same");
    let inputs = kernel.tensors_of(Role::Input).map(|id| {
        let mut array = tilec::arrays::draw::draw(kernel, &sizes, id, 11).expect("it is small");
        let is_group = matches!(kernel.tensors[id].element, Scalar::Idx(_));
        if spread == Spread::AllToOne && is_group {
            let all = array.len();
            (0..all).for_each(|at| array.set_i32(at, array.get_i32(all - 1)));
        }
        array
    });
    let inputs: Vec<Array> = inputs.collect();
    let made = interpret::interpret(meaning, &own, &inputs, &|_| {}).expect("it is small");
    let verdicts = compare::check(kernel, &sizes, &inputs, &made, &[], &|_| {}).expect("small");
    Some(verdicts.iter().all(|verdict| verdict.passes()))
}

fn all() -> Vec<Kernel> {
    let paths = files::tile_files("examples/fusedmoe");
    let examples = paths.iter().flat_map(|path| kernels_of(path));
    let folders = ["same", "plans", "declined"].into_iter().flat_map(cases);
    examples.chain(folders).collect()
}

fn assert_agree(kernel: &Kernel, plan: &Plan) {
    let meaning = plan.meaning();
    if let Err(fault) = tilec_ir::verify::verify(&meaning) {
        panic!("{}: {fault}\n{plan}", kernel.name);
    }
    let mut launched = 0;
    for sizes in SIZES {
        for spread in [Spread::Drawn, Spread::AllToOne] {
            let verdict = agrees(kernel, &meaning, sizes, spread);
            assert!(verdict != Some(false), "{} at {sizes}, {spread:?}\n{plan}", kernel.name);
            launched += usize::from(verdict.is_some());
        }
    }
    assert!(launched >= 8, "{} was launched {launched} times\n{plan}", kernel.name);
}

#[test]
fn plans_mean_what_their_programs_mean() {
    all().iter().for_each(|kernel| assert_agree(kernel, &plan(kernel)));
}

/// Chips multiply tiles of one group, or run loops; both mean the same.
#[test]
fn tiles_and_loops_stand_for_grouped_products() {
    for kernel in all() {
        let chip = tilec_target::chip("h200").expect("it is known");
        let program = compile_plan(plan(&kernel), &kernel, chip, &[]);
        let program = program.unwrap_or_else(|said| panic!("{}: {said:?}", kernel.name));
        assert_agree(&kernel, &program.plan);
        let tiles = |region: &&tilec_ir::plan::Region| matches!(&region.kind, RegionKind::Contract(contract) if contract.filled.is_some());
        let tiles = program.plan.regions.iter().filter(tiles).count();
        let expected = match kernel.name.as_str() {
            "fused_moe" | "fused_moe_shared" | "fused_moe_capacity" | "fused_moe_fp8"
            | "fused_moe_f16" | "fused_moe_i8" => 3,
            "split" | "offset" | "halves" => 3,
            "sorted_rows" | "by_offsets" => 3,
            "drop" | "scaled_groups" => 2,
            "integers" | "channels" | "blocks" | "grouped_top_k" => 1,
            "heads" | "by_count" => 0,
            _ => continue,
        };
        assert_eq!(tiles, expected, "{}\n{}", kernel.name, program.plan);
    }
}

/// Blocks that share tiles must take the same ones, which data would have to tell them.
#[test]
fn blocks_of_a_cluster_do_not_share_grouped_rows() {
    let text = "kernel g[R, N, K, E](x: bf16[R, K], w: bf16[E, N, K], group: idx<E>[R]) -> (y: bf16[R, N])\n\
        { acc[r, n] = sum[k](x[r, k] * w[group[r], n, k])\n y[r, n] = bf16(acc[r, n]) }\n\
        tile g on h200 { acc: cluster = 2, share = b }";
    let checked = tilec_frontend::check(text);
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    let kernel = &checked.module.kernels[0];
    let chip = tilec_target::chip("h200").expect("it is known");
    let tilings: Vec<_> = checked.module.tilings.iter().collect();
    let said = compile_plan(plan(kernel), kernel, chip, &tilings).expect_err("it is refused");
    assert!(said[0].message.contains("each for itself"), "{said:#?}");
}

/// The comparison above sees a group, a matrix, a weight or a bin that is wrong.
#[test]
fn a_wrong_region_is_noticed() {
    let layer = &cases("plans").into_iter().find(|k| k.name == "offset").expect("it is a case");
    let drop = &cases("plans").into_iter().find(|k| k.name == "drop").expect("it is a case");
    let masked = &cases("plans").into_iter().find(|k| k.name == "by_count").expect("it is a case");
    type Spoil = fn(&mut Plan);
    let wrong: [(&Kernel, Spoil); 6] = [
        (layer, |plan| {
            let zero = plan.kernel.ints.constant(0);
            grouped(plan).products[0].group = zero;
        }),
        (layer, |plan| {
            let zero = plan.kernel.ints.constant(0);
            for product in &mut grouped(plan).products {
                for dim in &mut product.weights.as_mut().expect("it lies plainly").dims {
                    if let WeightDim::Axis { offset, .. } = dim {
                        *offset = zero;
                    }
                }
            }
        }),
        (layer, |plan| {
            for region in &mut plan.regions {
                if let RegionKind::Combine(combine) = &mut region.kind {
                    combine.weights.clear();
                }
            }
        }),
        (drop, |plan| {
            grouped(plan).products[0].contract.a = grouped(plan).products[0].contract.b.clone()
        }),
        (drop, |plan| {
            for region in &mut plan.regions {
                if let RegionKind::Histogram(histogram) = &mut region.kind {
                    histogram.key = histogram.value;
                }
            }
        }),
        (masked, |plan| {
            let two = plan.kernel.ints.constant(2);
            let Form::Masked { count, .. } = grouped(plan).form else { panic!("it is masked") };
            let kind = ExprKind::Int(two);
            let two = tilec_ir::tensor::Expr { kind, ..plan.kernel.exprs[count].clone() };
            let two = plan.kernel.exprs.push(two);
            if let Form::Masked { count, .. } = &mut grouped(plan).form {
                *count = two;
            }
        }),
    ];
    for (at, (kernel, wrong)) in wrong.into_iter().enumerate() {
        let mut plan = plan(kernel);
        assert_eq!(agrees(kernel, &plan.meaning(), SIZES[0], Spread::Drawn), Some(true), "{plan}");
        wrong(&mut plan);
        let verdict = agrees(kernel, &plan.meaning(), SIZES[0], Spread::Drawn);
        assert_eq!(verdict, Some(false), "{at}: {plan}");
    }
}

/// The first grouped region of a plan.
fn grouped(plan: &mut Plan) -> &mut tilec_ir::plan::Grouped {
    let mut regions = plan.regions.iter_mut();
    let found = regions.find_map(|region| {
        let RegionKind::Grouped(grouped) = &mut region.kind else { return None };
        Some(grouped)
    });
    found.expect("there is a grouped region")
}
