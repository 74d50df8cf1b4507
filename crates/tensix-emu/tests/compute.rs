//! Each call of the compute API, and each instruction of the vector unit, against numpy:
//! `tests/model` writes kernels, tiles and what documents say must come out.
//!
//! Integers, copies and packing must agree bit by bit; products and sums within what the
//! unit's alignment of terms explains, which the model derives from the operands. All pages
//! must also be those that the vendor's open simulator gave, bit by bit: of it,
//! `tests/model/recorded.json` keeps hashes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use support::{Case, address, case};
use tilec_manifest::tensix::Format;
use tilec_tensix_emu::Outcome;

/// A case as `tests/model/__main__.py` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: String,
    text: String,
    inputs: Vec<Input>,
    direct: Vec<u32>,
    output: Output,
    archs: Vec<String>,
    fp32_dest_acc: bool,
    full_sync: bool,
    fidelity: String,
    exact: Option<String>,
    near: Option<String>,
    bound: Option<String>,
    /// Sums that the chip's matrix unit gets wrong.
    wrong_sums: u64,
    /// The hash of the kernel and its tiles.
    #[serde(rename = "of")]
    _of: String,
    /// The hash of the simulator's pages, by architecture.
    recorded: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    format: Format,
    pages: u64,
    file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    format: Format,
    pages: u64,
}

/// The Python that `make setup` made, or none, which is a failure where tests must be complete.
fn python() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing; run make setup", path.display());
    eprintln!("skipped: {} is missing, which compares with numpy; run make setup", path.display());
    None
}

/// Reads all tiles of the inputs at once.
fn reader(inputs: &[Input]) -> String {
    let mut text = "#include \"api/dataflow/dataflow_api.h\"\n\nvoid kernel_main() {\n".to_owned();
    let mut offset = "0".to_owned();
    for (ring, input) in inputs.iter().enumerate() {
        let pages = input.pages;
        text += &format!(
            "    constexpr auto args{ring} = TensorAccessorArgs<{offset}>();
    const auto from{ring} =
        TensorAccessor(args{ring}, get_arg_val<uint32_t>({ring}), get_tile_size({ring}));
    cb_reserve_back({ring}, {pages});
    for (uint32_t page = 0; page < {pages}; ++page) {{
        noc_async_read_page(page, from{ring}, get_write_ptr({ring}) + page * get_tile_size({ring}));
    }}
    noc_async_read_barrier();
    cb_push_back({ring}, {pages});
"
        );
        offset = format!("args{ring}.next_compile_time_args_offset()");
    }
    text + "}\n"
}

fn writer(pages: u64) -> String {
    format!(
        "#include \"api/dataflow/dataflow_api.h\"

void kernel_main() {{
    constexpr auto args = TensorAccessorArgs<0>();
    const auto to = TensorAccessor(args, get_arg_val<uint32_t>(0), get_tile_size(16));
    for (uint32_t page = 0; page < {pages}; ++page) {{
        cb_wait_front(16, 1);
        noc_async_write_page(page, to, get_read_ptr(16));
        noc_async_write_barrier();
        cb_pop_front(16, 1);
    }}
}}
"
    )
}

/// The program that runs a case on a chip.
fn program(model: &Model, arch: &str, folder: &Path) -> Case {
    let names: Vec<String> = (0..model.inputs.len()).map(|ring| format!("in{ring}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut made = case(1, 1);
    for (input, name) in model.inputs.iter().zip(&names) {
        made = made.input(name, input.format, input.pages);
        made.inputs.insert((*name).to_owned(), std::fs::read(folder.join(&input.file)).unwrap());
    }
    for ((ring, input), name) in (0..).zip(&model.inputs).zip(&names) {
        made = made.ring(ring, name, input.format, u32::try_from(input.pages).unwrap());
    }
    let pages = u32::try_from(model.output.pages).unwrap();
    let addresses: Vec<_> = names.iter().map(|&name| (name, address(name))).collect();
    made = made
        .output("out", model.output.format, model.output.pages)
        .ring(16, "out", model.output.format, pages)
        .reader(&names, &addresses, &reader(&model.inputs))
        .compute(&[], &model.text)
        .writer(&["out"], &[("out", address("out"))], &writer(model.output.pages));
    arch.clone_into(&mut made.programs.arch);
    let program = &mut made.programs.programs[0];
    program.math.fidelity.clone_from(&model.fidelity);
    program.math.fp32_dest_acc = model.fp32_dest_acc;
    program.math.full_sync = model.full_sync;
    for &ring in &model.direct {
        program.circular_buffers[ring as usize].unpack_to_dst = true;
    }
    made
}

fn doubles(folder: &Path, file: &str) -> Vec<f64> {
    let bytes = std::fs::read(folder.join(file)).unwrap();
    bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

/// The first thing that differs from the model.
fn difference(model: &Model, found: &[u8], folder: &Path) -> Option<String> {
    if let Some(file) = &model.exact {
        let expected = std::fs::read(folder.join(file)).unwrap();
        assert_eq!(found.len(), expected.len(), "{}", model.name);
        let at = found.iter().zip(&expected).position(|(a, b)| a != b)?;
        return Some(format!("byte {at} is {:#x}, not {:#x}", found[at], expected[at]));
    }
    // What no document tells is the simulator's alone.
    let near = doubles(folder, model.near.as_ref()?);
    let bound = doubles(folder, model.bound.as_ref().expect("a bound of what is near"));
    assert_eq!([found.len(), bound.len() * 4], [near.len() * 4; 2], "{}", model.name);
    let values = found.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    let mut compared = values.zip(near).zip(bound).enumerate();
    compared.find_map(|(at, ((is, should), within))| {
        // A NaN is no nearer than anything else.
        let close = (f64::from(is) - should).abs() <= within;
        (!close).then(|| format!("element {at} is {is}, not {should} +- {within:e}"))
    })
}

/// FNV-1a of 64 bits, as 16 digits.
fn fnv(bytes: &[u8]) -> String {
    let step = |value: u64, byte: &u8| (value ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Whether the pages are not the simulator's.
fn unlike_simulator(model: &Model, arch: &str, found: &[u8]) -> Option<String> {
    match model.recorded.get(arch) {
        Some(hash) if *hash == fnv(found) => None,
        Some(hash) => Some(format!("the simulator's pages have hash {hash}, these {}", fnv(found))),
        None => {
            Some("the simulator's pages are not recorded; see tests/model/record.py".to_owned())
        }
    }
}

/// Whether other sums are said to be wrong than are.
fn miscounted(model: &Model, outcome: &Outcome) -> Option<String> {
    let count: u64 = outcome.counters.iter().flatten().map(|core| core.wrong_sums).sum();
    (count != model.wrong_sums).then(|| format!("{count} wrong sums, not {}", model.wrong_sums))
}

fn mistaken(model: &Model, arch: &str, folder: &Path) -> Option<String> {
    let difference = match program(model, arch, folder).run() {
        Ok(outcome) => {
            let found = &outcome.outputs["out"];
            difference(model, found, folder)
                .or_else(|| unlike_simulator(model, arch, found))
                .or_else(|| miscounted(model, &outcome))?
        }
        Err(failure) => failure.to_string(),
    };
    Some(format!("{} on {arch}: {difference}", model.name))
}

#[test]
fn calls_agree_with_numpy() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model");
    let made = Command::new(python).arg("-B").arg(model).arg(folder.path()).status().unwrap();
    assert!(made.success(), "tests/model failed");
    let listed = std::fs::read(folder.path().join("cases.json")).unwrap();
    let models: Vec<Model> = serde_json::from_slice(&listed).unwrap();
    assert!(models.len() > 40, "only {} cases", models.len());
    let pairs: Vec<(&Model, &String)> =
        models.iter().flat_map(|model| model.archs.iter().map(move |arch| (model, arch))).collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = pairs
            .chunks(pairs.len().div_ceil(2))
            .map(|part| {
                scope.spawn(|| {
                    let run =
                        |&(model, arch): &(&Model, &String)| mistaken(model, arch, folder.path());
                    part.iter().filter_map(run).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), pairs.len(), wrong.join("\n"));
}
