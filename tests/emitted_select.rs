//! Emitted selections find what the interpreter finds, bit by bit, in every way that they
//! are tiled for chips, on the host under sanitizers: equal keys, keys an ulp apart, NaN,
//! zeros of both signs, and rows that lie in order.

#[path = "support/host.rs"]
mod host;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "another test generates kernels")]
mod random;

use host::Case;
use random::Random;
use tilec_codegen_cuda::{Emitted, Source, emit};
use tilec_ir::tensor::{Role, Tensor};
use tilec_ir::{Array, Data, Element, Id, Kernel, interpret, launch};
use tilec_manifest::{Condition, Formula};

const FILE: &str = "tests/cases/select/select.tile";

/// Sizes for each kernel: lanes, vectors and chunks that are full and that are not.
const SIZES: &[(&str, &[&[i64]])] = &[
    (
        "of_f32",
        &[&[2, 300, 7], &[1, 1, 1], &[1, 9001, 40], &[0, 5, 2], &[1, 18000, 1100], &[2, 8, 0]],
    ),
    ("of_bf16", &[&[2, 1, 3], &[2, 2, 264], &[1, 2, 4111]]),
    ("of_narrow", &[&[3, 200, 9], &[2, 1000, 32], &[1, 33, 33]]),
    ("later", &[&[2, 130, 31], &[1, 5000, 700], &[3, 2, 0]]),
    ("of_row", &[&[1], &[2048], &[16389]]),
];

/// What a row is made of.
#[derive(Clone, Copy, Debug)]
enum Keys {
    Random,
    Equal,
    AnUlpApart,
    Special,
    Rising,
    Falling,
}

const KEYS: [Keys; 6] =
    [Keys::Random, Keys::Equal, Keys::AnUlpApart, Keys::Special, Keys::Rising, Keys::Falling];

/// A kernel of the file, tiled for a chip.
struct Tiled {
    kernel: Kernel,
    emitted: Emitted,
}

fn tiled(chip: &str) -> Vec<Tiled> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = std::fs::read_to_string(path).expect("programs are text");
    let chip = tilec_target::chip(chip).expect("it has a table");
    let tile = |(at, kernel): (usize, &Kernel)| {
        let plan = tilec_passes::recognize(&tilec_passes::normalize(kernel));
        let program = tilec_passes::compile_plan(plan, kernel, chip, &[])
            .unwrap_or_else(|said| panic!("{}: {said:?}", kernel.name));
        let mut emitted = emit(&program, Source { file: FILE, text: &text });
        emitted.source = on_the_host(&emitted.source, at);
        for step in &mut emitted.manifest.steps {
            for launch in step.variants.iter_mut().flat_map(|variant| &mut variant.launches) {
                launch.function = format!("k{at}_{}", launch.function);
            }
        }
        Tiled { kernel: kernel.clone(), emitted }
    };
    tilec_frontend::check(&text).module.kernels.iter().enumerate().map(tile).collect()
}

/// The device code with its own names.
fn on_the_host(source: &str, at: usize) -> String {
    let device = source.split("#ifndef __CUDACC_RTC__").next().unwrap_or(source);
    let (mut text, mut heads) = (String::new(), false);
    for line in device.lines() {
        let named = heads && line.contains('(');
        text += &if named { format!("k{at}_{line}\n") } else { format!("{line}\n") };
        heads = line.starts_with("extern \"C\" __global__");
    }
    text
}

/// Whether a variant is right for sizes: all its conditions hold but those that only say
/// from where on it pays.
fn suits(of: &Tiled, launch: &launch::Launch, variant: usize) -> bool {
    let size = |name: &str| {
        let found = of.kernel.sizes.iter().find(|(_, size)| size.name == name);
        found.map(|(id, _)| launch.size(id))
    };
    let pays = |condition: &&Condition| !matches!(condition.left, Formula::Constant(_));
    let when = &of.emitted.manifest.steps[0].variants[variant].when;
    when.iter().filter(pays).all(|condition| condition.holds(&size) == Some(true))
}

fn draw(
    kernel: &Kernel,
    launch: &launch::Launch,
    id: Id<Tensor>,
    keys: Keys,
    random: &mut Random,
) -> Array {
    let shape = launch.shapes[id.index()].clone();
    let count: usize = shape.iter().product();
    let row = shape.last().copied().unwrap_or(1).max(1);
    let mut key = |at: usize| -> f32 {
        let drawn = random.below(1 << 20);
        let place = (at % row) as f32;
        match keys {
            Keys::Random => drawn as f32 / 1024.0 - 512.0,
            Keys::Equal => 3.0,
            Keys::AnUlpApart => f32::from_bits(1.0f32.to_bits() + (drawn % 3) as u32),
            Keys::Special => {
                let some = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-40, 2.0];
                some[drawn % some.len()]
            }
            Keys::Rising => place,
            Keys::Falling => -place,
        }
    };
    let element = Element::of(kernel.tensors[id].element);
    let data = match element {
        Element::F32 => Data::F32((0..count).map(key).collect()),
        Element::I32 => Data::I32((0..count).map(|at| key(at) as i32).collect()),
        Element::Bf16 => Data::B16((0..count).map(|at| (key(at).to_bits() >> 16) as u16).collect()),
        Element::F16
        | Element::F8E4M3
        | Element::F8E5M2
        | Element::I8
        | Element::U8
        | Element::Bool => panic!("no kernel of {FILE} takes {element:?}"),
    };
    Array { element, shape, data }
}

fn bits(array: &Array) -> Vec<u32> {
    match &array.data {
        Data::F32(x) => {
            x.iter().map(|x| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }).collect()
        }
        Data::I32(x) => x.iter().map(|&x| x.cast_unsigned()).collect(),
        Data::B16(x) => x.iter().map(|&x| x.into()).collect(),
        Data::B8(x) => x.iter().map(|&x| x.into()).collect(),
    }
}

fn check(chip: &str, only: &str, fewest: usize) {
    let (tiled, mut random, mut cases) = (tiled(chip), Random::new(7), Vec::new());
    let mut turn = 0;
    for (program, of) in tiled.iter().enumerate() {
        if !of.kernel.name.starts_with(only) {
            continue;
        }
        let [step] = of.emitted.manifest.steps.as_slice() else { panic!("one step is all") };
        let (_, sizes) =
            SIZES.iter().find(|(name, _)| *name == of.kernel.name).expect("it is there");
        for sizes in *sizes {
            let names = of.kernel.sizes.iter().map(|(_, size)| size.name.clone());
            let set: Vec<_> = names.zip(sizes.iter().copied()).collect();
            let none = vec![None; of.kernel.tensors_of(Role::Input).count()];
            let launch = launch::bind(&of.kernel, &none, &set).expect("sizes are possible");
            for variant in (0..step.variants.len()).filter(|&at| suits(of, &launch, at)) {
                let keys = KEYS[turn % KEYS.len()];
                turn += 1;
                let inputs = of.kernel.tensors_of(Role::Input);
                let inputs = inputs.map(|id| draw(&of.kernel, &launch, id, keys, &mut random));
                let (inputs, launch) = (inputs.collect(), launch.clone());
                let forced = Some([0, variant]);
                cases.push((keys, Case { kernel: &of.kernel, program, launch, inputs, forced }));
            }
        }
    }
    assert!(cases.len() >= fewest, "only {} cases", cases.len());
    let (keys, cases): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let programs: Vec<_> = tiled.iter().map(|of| of.emitted.clone()).collect();
    let all = host::run(&programs, &cases).unwrap_or_else(|said| panic!("{said}"));
    for ((case, keys), actual) in cases.iter().zip(keys).zip(&all) {
        let expected = interpret::interpret(case.kernel, &case.launch, &case.inputs, &|_| {})
            .expect("the tensors are small");
        let [_, variant] = case.forced.expect("each case is of a variant");
        let launches = &tiled[case.program].emitted.manifest.steps[0].variants[variant].launches;
        for (expected, actual) in expected.iter().zip(actual) {
            let name = &launches[0].function;
            let place = bits(expected).iter().zip(bits(actual)).position(|(a, b)| *a != b);
            assert_eq!(place, None, "{name} at {:?} of {keys:?} keys", case.launch.sizes);
        }
    }
}

#[test]
fn every_way_to_search_finds_what_the_interpreter_finds() {
    check("h200", "", 40);
}

/// With less shared memory.
#[test]
fn every_way_to_search_finds_it_on_small_chips() {
    check("l40s", "later", 6);
}
