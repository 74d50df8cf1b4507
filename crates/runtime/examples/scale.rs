//! A program that is written and launched by hand: `y = by * x`, for few rows by one
//! function and for many by another that runs in clusters with much shared memory
//! and is given a tensor map.
//!
//! ```text
//! cargo run -p tilec-runtime --example scale
//! ```
//!
//! Prints one line per size and ends with 1 if anything is wrong.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::process::ExitCode;

use tilec_manifest::{
    Argument, Base, Condition, Formula, Launch, Manifest, MapElement, Operator, Parameter,
    Relation, SizeParameter, Step, Swizzle, TensorMap, VERSION, Variant,
};
use tilec_runtime::time::{Method, measure};
use tilec_runtime::{Buffer, Cache, Device, Error, Given, Program, Stream};

const SOURCE: &str = r#"
namespace tilec {
struct alignas(64) TensorMap {
    unsigned long long opaque[16];
};
}

extern "C" __global__ void few(const float *x, float *y, float by, long long n, char *scratch) {
    const long long i = blockIdx.x * 128LL + threadIdx.x;
    if (i < n) {
        y[i] = by * x[i];
        scratch[i % 256] = 1;
    }
}

extern "C" __global__ void many(const __grid_constant__ tilec::TensorMap map, const float *x,
                                float *y, float by, long long n) {
    extern __shared__ float staged[];
    unsigned blocks;
    asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(blocks));
    const long long i = blockIdx.x * 128LL + threadIdx.x;
    if (i < n) {
        // The last of the 64 KiB, so that they must be there.
        staged[16384 - 128 + threadIdx.x] = by * x[i];
        y[i] = map.opaque[0] != 0 && blocks == 2 ? staged[16384 - 128 + threadIdx.x] : -1.0f;
    }
}
"#;

fn size(name: &str) -> Formula {
    Formula::Size(name.to_owned())
}

fn elements() -> Formula {
    Formula::apply(Operator::Mul, size("M"), size("N"))
}

fn launch(function: &str, cluster: u32, shared_bytes: u32, parameters: Vec<Parameter>) -> Launch {
    Launch {
        function: function.to_owned(),
        grid: [elements().round_up(256).ceil_div(128), 1.into(), 1.into()],
        block: [128, 1, 1],
        cluster: [cluster, 1, 1],
        shared_bytes,
        parameters,
    }
}

fn manifest() -> Manifest {
    let pointer = |name: &str| Parameter::Pointer(Base::Argument(name.to_owned()));
    let by = || Parameter::Scalar("by".to_owned());
    let count = || Parameter::Size(elements());
    let scratch = Parameter::Pointer(Base::Workspace(256.into()));
    let map = Parameter::TensorMap(TensorMap {
        base: Base::Argument("x".to_owned()),
        element: MapElement::F32,
        sizes: vec![size("N"), size("M")],
        strides: vec![Formula::apply(Operator::Mul, size("N"), 4.into())],
        tile: vec![32, 8],
        swizzle: Swizzle::B128,
    });
    let few = launch("few", 1, 0, vec![pointer("x"), pointer("y"), by(), count(), scratch]);
    let many = launch("many", 2, 64 << 10, vec![map, pointer("x"), pointer("y"), by(), count()]);
    let small = Condition { left: size("M"), relation: Relation::AtMost, right: 16.into() };
    let argument = |name: &str, output, shape| Argument {
        name: name.to_owned(),
        output,
        element: "f32".to_owned(),
        element_bytes: 4,
        shape,
        alignment: 16,
    };
    Manifest {
        version: VERSION,
        kernel: "scale".to_owned(),
        chip: "h200".to_owned(),
        arch: "sm_90a".to_owned(),
        source_sha256: String::new(),
        sizes: ["M", "N"]
            .map(|name| SizeParameter { name: name.to_owned(), default: None })
            .to_vec(),
        arguments: vec![
            argument("x", false, vec![size("M"), size("N")]),
            argument("by", false, vec![]),
            argument("y", true, vec![size("M"), size("N")]),
        ],
        checks: vec![],
        workspace_bytes: 512.into(),
        steps: vec![Step {
            computes: vec!["y (line 3)".to_owned()],
            variants: vec![
                Variant { when: vec![small], launches: vec![few] },
                Variant { when: vec![], launches: vec![many] },
            ],
        }],
    }
}

/// Whether a launch with these sizes computes the right thing; says so.
fn is_right(program: &Program, stream: &Stream, sizes: [i64; 2]) -> Result<bool, Error> {
    let device = program.device();
    let count = sizes.iter().product::<i64>();
    let x: Vec<u8> = (0..count).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let (x, y) = (Buffer::of(device, &x)?, Buffer::new(device, x.len() as u64)?);
    y.fill(0xff, stream)?;
    let workspace = Buffer::new(device, program.workspace_bytes(&sizes)?)?;
    let arguments = [Given::Buffer(&x), Given::Scalar(2.0f32.to_le_bytes()), Given::Buffer(&y)];
    let launch = || program.launch_on(&sizes, &arguments, &workspace, stream);
    launch()?;
    stream.synchronize()?;
    let bytes = y.read()?;
    let (values, _) = bytes.as_chunks();
    let mut values = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).enumerate();
    let right = values.all(|(i, value)| value == 2.0 * i as f32);
    let times = measure(device, stream, Method::default(), launch)?;
    let word = if right { "right" } else { "WRONG" };
    println!("{sizes:?}: {word}, {:.1} us", times.median() * 1e6);
    Ok(right)
}

fn run() -> Result<bool, Error> {
    let device = Device::open(0)?;
    println!("{}, compute capability {:?}", device.name, device.capability);
    let program = Program::load_with(&device, SOURCE, &manifest(), &Cache::from_environment())?;
    let stream = device.stream()?;
    let mut right = true;
    for sizes in [[1, 4], [16, 128], [17, 128], [4096, 4096], [0, 4], [5, 0]] {
        right &= is_right(&program, &stream, sizes)?;
    }
    println!("{}: {:?}", program.compiler(), program.loading());
    let refused = program.launch_on(&[-1, 4], &[], &Buffer::new(&device, 0)?, &stream);
    println!("{}", refused.expect_err("a negative size is refused"));
    Ok(right)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}
