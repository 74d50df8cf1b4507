//! Times of compiled kernels on this machine, one line of JSON per row:
//! `{"name": "gemm_f32", "sizes": {"M": 1024, ..}, "seconds": [..]}`.
//!
//! Times are of a call on arrays that are in memory, without compiling and
//! without files; the first calls are left out. `bench/cpu.py` runs this beside
//! numpy. Names given as arguments choose rows.

use std::time::Instant;

use tilec_codegen_cpu::compile;
use tilec_ir::formats::Format;
use tilec_ir::tensor::{Kernel, Role};
use tilec_ir::{Array, Data, Element, launch, philox};

/// A kernel at one choice of sizes.
struct Row {
    name: &'static str,
    text: &'static str,
    kernel: &'static str,
    sizes: &'static [(&'static str, i64)],
}

const ROWS: &[Row] = &[
    Row {
        name: "gemm_f32",
        text: "kernel gemm[M, N, K](a: f32[M, K], b: f32[N, K]) -> (c: f32[M, N])
               { c[m, n] = sum[k](a[m, k] * b[n, k]) }",
        kernel: "gemm",
        sizes: &[("M", 1024), ("N", 1024), ("K", 1024)],
    },
    Row {
        name: "gemm_fp8",
        text: include_str!("gemm_fp8/gemm_fp8.tile"),
        kernel: "gemm_fp8",
        sizes: &[("M", 1024), ("N", 1024), ("K", 1024)],
    },
    Row {
        name: "topk",
        text: include_str!("topk/topk.tile"),
        kernel: "topk",
        sizes: &[("M", 64), ("N", 131_072), ("S", 64)],
    },
    Row {
        name: "topk_long",
        text: include_str!("topk/topk.tile"),
        kernel: "topk",
        sizes: &[("M", 1), ("N", 16_777_216), ("S", 16)],
    },
    Row {
        name: "topk_many",
        text: include_str!("topk/topk.tile"),
        kernel: "topk",
        sizes: &[("M", 1), ("N", 1_048_576), ("S", 2048)],
    },
    Row {
        name: "topk_short",
        text: include_str!("topk/topk.tile"),
        kernel: "topk",
        sizes: &[("M", 16_384), ("N", 256), ("S", 8)],
    },
    Row {
        name: "topk_all",
        text: include_str!("topk/topk.tile"),
        kernel: "topk",
        sizes: &[("M", 64), ("N", 16_384), ("S", 16_384)],
    },
    Row {
        name: "fused_moe",
        text: include_str!("fusedmoe/fusedmoe.tile"),
        kernel: "fused_moe",
        sizes: &[("T", 256), ("E", 16), ("S", 4), ("D", 512), ("F", 1024)],
    },
    Row {
        name: "moe_few",
        text: include_str!("../tests/cases/grouped/same/split.tile"),
        kernel: "split",
        sizes: &[("T", 8), ("E", 32), ("S", 8), ("D", 1024), ("F", 512)],
    },
    Row {
        name: "moe_zipf",
        text: include_str!("../tests/cases/grouped/same/fused.tile"),
        kernel: "fused",
        sizes: &[("T", 1024), ("E", 64), ("S", 8), ("D", 512), ("F", 256)],
    },
];

const WARM_UP: usize = 2;
const REPEATS: usize = 15;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    for row in ROWS.iter().filter(|r| chosen.is_empty() || chosen.iter().any(|c| c == r.name)) {
        let sizes = row.sizes.iter().map(|&(n, v)| (n.to_owned(), v.into()));
        let line = serde_json::json!({
            "name": row.name,
            "sizes": serde_json::Map::from_iter(sizes),
            "seconds": seconds(row),
        });
        print(&line.to_string());
    }
}

#[expect(clippy::print_stdout, reason = "an example is a program")]
fn print(line: &str) {
    println!("{line}");
}

fn seconds(row: &Row) -> Vec<f64> {
    let checked = tilec_frontend::check(row.text);
    let kernel = checked.module.kernels.iter().find(|k| k.name == row.kernel);
    let kernel = kernel.expect("the examples are programs without errors");
    let compiled = compile(kernel).expect("this machine has a target");
    let set: Vec<_> = row.sizes.iter().map(|&(n, v)| (n.to_owned(), v)).collect();
    let inputs = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &inputs, &set).expect("the sizes fit the kernel");
    let tensors = kernel.tensors_of(Role::Input).map(|id| id.index());
    let mut inputs: Vec<_> = tensors.map(|t| draw(kernel, t, &launch.shapes[t])).collect();
    if row.name == "moe_zipf" {
        follow_zipf(&mut inputs[1]);
    }
    let time = || {
        let start = Instant::now();
        compiled.run(&launch, &inputs).expect("there is enough memory");
        start.elapsed().as_secs_f64()
    };
    (0..WARM_UP + REPEATS).map(|_| time()).skip(WARM_UP).collect()
}

/// Makes the first experts of logits the likeliest.
fn follow_zipf(logit: &mut Array) {
    let experts = logit.shape[1];
    let Data::F32(values) = &mut logit.data else { unreachable!("logits are f32") };
    for (at, value) in values.iter_mut().enumerate() {
        *value -= 2.0 * ((at % experts + 1) as f32).ln();
    }
}

/// Floats in -1 .. 1, from the number of the tensor.
fn draw(kernel: &Kernel, tensor: usize, shape: &[usize]) -> Array {
    let element = Element::of(kernel.tensors[tilec_ir::Id::new(tensor)].element);
    let count: usize = shape.iter().product();
    let seed = i32::try_from(tensor).expect("a kernel has few tensors");
    let positions = 0..i32::try_from(count).expect("the sizes are small");
    let floats = positions.map(|i| 2.0 * philox::uniform(philox::random(seed, &[i])) - 1.0);
    let data = match (element, Format::of_element(element)) {
        (Element::F32, _) => Data::F32(floats.collect()),
        (_, Some(format)) if element.bytes() == 2 => {
            Data::B16(floats.map(|x| format.encode(x)).collect())
        }
        (_, Some(format)) => {
            let low_byte = |code: u16| code.to_le_bytes()[0];
            Data::B8(floats.map(|x| low_byte(format.encode(x))).collect())
        }
        (_, None) => unreachable!("the inputs of these kernels are floats"),
    };
    Array { element, shape: shape.to_vec(), data }
}
