//! Tile programs of the repository's own examples and cases, and what tile blocks
//! make of them.

use std::fs;
use std::path::{Path, PathBuf};

use tilec_ir::tile::{Body, Program, print};
use tilec_ir::{Diagnostic, Kernel, Module};
use tilec_passes::{compile_plan, normalize, recognize, specialize};
use tilec_target::{Chip, chip, chips};

fn parse(text: &str) -> Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

fn compile(
    module: &Module,
    at: usize,
    chip: &Chip,
    set: &[(String, i64)],
) -> Result<Program, Vec<Diagnostic>> {
    let kernel: &Kernel = &module.kernels[at];
    let plan = recognize(&normalize(&specialize(kernel, set)?));
    let tilings: Vec<_> = module.tilings.iter().filter(|tiling| tiling.kernel == at).collect();
    compile_plan(plan, kernel, chip, &tilings)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "tile") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn cuda_chips() -> impl Iterator<Item = &'static Chip> {
    chips().iter().filter(|chip| chip.family().target() == "cuda")
}

#[test]
fn every_case_compiles_for_every_chip() {
    for folder in ["examples", "tests/cases/contract", "tests/cases/rowwise", "tests/cases/idioms"]
    {
        for path in files(folder) {
            let module = parse(&fs::read_to_string(&path).expect("it can be read"));
            for at in 0..module.kernels.len() {
                for chip in cuda_chips() {
                    let program = compile(&module, at, chip, &[]);
                    let program = program.unwrap_or_else(|found| {
                        panic!("{}: {found:#?}", path.display());
                    });
                    let again = compile(&module, at, chip, &[]).expect("it did before");
                    assert_eq!(print::print(&program), print::print(&again));
                    if std::env::var("SHOW").is_ok_and(|show| show == chip.name) {
                        println!("{}", print::print(&program));
                    }
                }
            }
        }
    }
}

const SCALED: &str = "
kernel g[M, N, K](a: f8e4m3[M, K], b: f8e4m3[N, K], sa: f32[M, ceil(K / 128)],
    sb: f32[ceil(N / 128), ceil(K / 128)]) -> (c: bf16[M, N])
{
    acc[m, n] = sum[k](a[m, k] * sa[m, k / 128] * b[n, k] * sb[n / 128, k / 128])
    c[m, n]   = bf16(acc[m, n])
}";

/// The first variant of the first step, in short.
fn first(program: &Program) -> String {
    let variant = &program.steps[0].variants[0];
    let Body::Pipeline(body) = &variant.kernel.body else { return variant.kernel.name.clone() };
    let [m, n, k] = body.tile;
    let stages = body.channels[0].depth;
    format!("{m} x {n} x {k}, {stages} stages, {} in a cluster", body.cluster)
}

fn set(sizes: [i64; 3]) -> Vec<(String, i64)> {
    ["M", "N", "K"].into_iter().zip(sizes).map(|(name, size)| (name.to_owned(), size)).collect()
}

#[track_caller]
fn check_first(text: &str, sizes: [i64; 3], expected: &str) {
    let h200 = chip("h200").expect("it has a table");
    let program = compile(&parse(text), 0, h200, &set(sizes)).expect("it compiles");
    assert_eq!(first(&program), expected, "{sizes:?}: {}", program.steps[0].variants[0].chosen_by);
    // What is known to hold leaves nothing behind it.
    assert_eq!(program.steps[0].variants.len(), 1);
}

#[test]
fn known_sizes_take_the_quickest_tile() {
    let cases = [
        ([8192, 8192, 8192], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 4096, 4096], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 24576, 1536], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 32768, 512], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 7168, 16384], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 4096, 7168], "128 x 256 x 128, 4 stages, 2 in a cluster"),
        ([4096, 7168, 2048], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 2112, 7168], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([128, 7168, 16384], "128 x 128 x 128, 4 stages, 2 in a cluster"),
        ([128, 4096, 7168], "64 x 64 x 256, 5 stages, 1 in a cluster"),
        ([64, 7168, 2048], "64 x 64 x 256, 5 stages, 1 in a cluster"),
        ([16, 7168, 16384], "16 x 64 x 512, 5 stages, 1 in a cluster"),
        ([1, 2048, 4096], "8 x 64 x 512, 6 stages, 2 in a cluster"),
    ];
    for (sizes, expected) in cases {
        check_first(SCALED, sizes, expected);
    }
}

/// The mistakes of a tile block for the product, each with its way out.
#[track_caller]
fn check_block(chip_name: &str, settings: &str, expected: &str) {
    let text = format!("{SCALED}\ntile g on {chip_name} {{ acc: {settings} }}");
    let chip = chip(chip_name).expect("it has a table");
    match compile(&parse(&text), 0, chip, &[]) {
        Ok(program) => assert_eq!(program.steps[0].variants[0].chosen_by, expected, "{settings}"),
        Err(found) => {
            assert_eq!(found[0].message, expected, "{settings}");
            assert!(found[0].help.is_some() && !found[0].labels.is_empty(), "{found:?}");
        }
    }
}

#[test]
fn tile_blocks_win_or_say_what_does_not_fit() {
    for (settings, expected) in [
        ("m = 128, n = 192, k = 128, stages = 4, cluster = 2", "tile block"),
        ("m = 256, n = 128", "tile block"),
        ("m = 16, n = 64, k = 512, split = 2", "tile block"),
        ("swap = yes", "tile block"),
        ("unit = mma", "tile block"),
        ("unit = scalar", "tile block"),
        (
            "m = 128, n = 256, stages = 8",
            "m = 128, n = 256, k = 128 and stages = 8 need 431392 bytes of shared memory, \
             and a block of h200 has 232448",
        ),
        ("m = 72, swap = no", "m = 72 is no multiple of the 64 rows of the matrix instruction"),
        ("m = 128, n = 264", "no matrix instruction has the columns for n = 264"),
        ("k = 48", "k = 48 is no multiple of the 128 elements that make 128 bytes"),
        ("cluster = 16", "a cluster of 16 blocks is more than the 8 of h200"),
        (
            "unit = mma, k = 48",
            "m = 64, k = 48 is not made of matrix instructions of 16 rows and 32 of k",
        ),
        ("warps = 4", "`warps` is a setting of a rowwise equation, and this is none"),
    ] {
        check_block("h200", settings, expected);
    }
    check_block(
        "a100",
        "stages = 16",
        "m = 128, n = 128, k = 32 and stages = 16 need 327680 bytes of shared memory, \
         and a block of a100 has 166912",
    );
    check_block("l40s", "m = 64, n = 64", "tile block");
}

#[test]
fn scales_of_any_block_have_instructions_that_fit() {
    for block in [1, 2, 5, 7, 8, 16, 24, 32, 48, 64, 96, 128, 129, 256, 1000] {
        for types in ["f8e4m3", "bf16", "f16", "f32"] {
            let text = format!(
                "kernel g[M, N, K](a: {types}[M, K], b: {types}[N, K],
                     s: f32[M, ceil(K / {block})]) -> (c: f32[M, N])
                 {{ c[m, n] = sum[k](a[m, k] * b[n, k] * s[m, k / {block}]) }}"
            );
            for chip in cuda_chips() {
                let program = compile(&parse(&text), 0, chip, &[]);
                assert!(program.is_ok(), "{types} in blocks of {block} on {}", chip.name);
            }
        }
    }
}

#[test]
fn operands_that_lie_otherwise_are_copied_first() {
    let transposed = |element: &str| {
        format!(
            "kernel g[M, N, K](a: {element}[K, M], b: {element}[K, N]) -> (c: f32[M, N])
             {{ c[m, n] = sum[k](f32(a[k, m]) * f32(b[k, n])) }}"
        )
    };
    let regions = |element: &str, chip_name: &str, sizes: &[(String, i64)]| {
        let chip = chip(chip_name).expect("it has a table");
        let program = compile(&parse(&transposed(element)), 0, chip, sizes).expect("it compiles");
        tilec_ir::plan::verify::verify(&program.plan).expect("it verifies");
        tilec_ir::verify::verify(&program.plan.kernel).expect("it verifies");
        (
            program.plan.regions.len(),
            matches!(program.steps.last().expect("one").variants[0].kernel.body, Body::Pipeline(_)),
        )
    };
    assert_eq!(regions("f8e4m3", "h200", &[]), (3, true));
    assert_eq!(regions("bf16", "h200", &[]), (1, true));
    assert_eq!(regions("f8e4m3", "l40s", &[]), (1, false));
    // Where one operand is read once, copying it first does not pay.
    assert_eq!(regions("f8e4m3", "h200", &set([16, 4096, 4096])).0, 2);
}

#[test]
fn rows_are_cut_as_a_tile_block_says() {
    let rows = |settings: &str| {
        let text = format!(
            "kernel r[M, N](x: f32[M, N]) -> (y: f32[M, N])
             {{
                 total[m] = sum[n](x[m, n])
                 y[m, n]  = x[m, n] / total[m]
             }}
             tile r on h200 {{ y: {settings} }}"
        );
        let h200 = chip("h200").expect("it has a table");
        match compile(&parse(&text), 0, h200, &[]) {
            Ok(program) => program.steps[0].variants[0].kernel.threads.to_string(),
            Err(found) => found[0].message.clone(),
        }
    };
    assert_eq!(rows("warps = 4"), "256");
    assert_eq!(rows("warps = 4, rows = 3"), "384");
    assert_eq!(rows("rows = 8"), "256");
    assert_eq!(
        rows("warps = 32, rows = 2"),
        "2 rows of 1024 threads each are 2048 threads, and a block has at most 1024"
    );
    assert_eq!(rows("m = 128"), "`m` is a setting of a contraction equation, and this is none");
}

/// Whatever a tile block says, the program verifies or the mistake is told.
#[test]
fn no_tile_block_breaks_the_compiler() {
    let mut state = 1u64;
    let mut draw = |most: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let mut taken = 0;
    for round in 0..600 {
        let mut settings = Vec::new();
        for (name, step, count) in [
            ("m", 8, 64),
            ("n", 8, 64),
            ("k", 16, 32),
            ("stages", 1, 16),
            ("cluster", 1, 16),
            ("split", 1, 16),
        ] {
            if draw(2) == 0 {
                settings.push(format!("{name} = {}", step * (1 + draw(count))));
            }
        }
        let words = [
            ("share", ["a", "b", "b"]),
            ("swap", ["yes", "no", "no"]),
            ("unit", ["wgmma", "mma", "scalar"]),
        ];
        for (name, values) in words {
            if draw(4) == 0 {
                settings.push(format!("{name} = {}", values[draw(3) as usize]));
            }
        }
        if settings.is_empty() {
            continue;
        }
        let name = ["h200", "h200", "a100", "l40s"][round % 4];
        let wgmma = name == "h200";
        settings.retain(|s| {
            wgmma || !["cluster", "share", "swap", "unit"].iter().any(|x| s.starts_with(x))
        });
        if settings.is_empty() {
            continue;
        }
        let text = SCALED.replace("f8e4m3", ["f8e4m3", "bf16", "f32"][round % 3]);
        let text = format!("{text}\ntile g on {name} {{ acc: {} }}", settings.join(", "));
        let chip = chip(name).expect("it has a table");
        taken += u32::from(compile(&parse(&text), 0, chip, &[]).is_ok());
    }
    assert!(taken > 20, "only {taken} were taken");
}
