//! Kernels on the emulator of Tensix cores, compared with the interpreter.

use std::collections::BTreeMap;
use std::fmt;

use tilec::arrays::{draw, from_bytes, to_bytes};
use tilec::licenses::{licenses, tensix_units};
use tilec::stage::Compilation;
use tilec::tensix::Tensix;
use tilec_codegen_tt::Source;
use tilec_ir::compare::{Verdict, check_with};
use tilec_ir::dataflow::{Move, Op, Program, Step, verify};
use tilec_ir::interpret::interpret_all;
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Diagnostic, Element, Kernel, Launch, Module, launch};
use tilec_target::{Chip, Machine, chip};
use tilec_tensix_emu::{Counters, Failure, Options, tilize, untilize};

/// What a kernel of a module for a chip and sizes makes of inputs in the emulator.
///
/// # Panics
/// If it doesn't compile, or the emulator finds a fault.
#[allow(dead_code, reason = "tests that draw their inputs don't need it")]
pub(crate) fn outputs(
    (text, module): (&str, &Module),
    name: &str,
    chip: &Chip,
    set: &[(&str, i64)],
    inputs: &[Array],
) -> (Program, Vec<Array>) {
    let bound = bind(module, name, set, inputs.iter().map(|input| Some(input.shape.clone())));
    let options = Options::default();
    let done = execute((text, module), name, chip, &bound, set, inputs, &options)
        .unwrap_or_else(|fault| panic!("{name} on {} with {set:?}: {fault}", chip.name));
    (done.program, done.outputs)
}

/// A chip of which only so many columns and rows of cores are there.
#[allow(dead_code, reason = "some tests take whole chips")]
pub(crate) fn with_grid(name: &str, grid: [u32; 2]) -> Chip {
    let mut chip = chip(name).expect("it has a table").clone();
    let Machine::Tensix(tensix) = &mut chip.machine else { panic!("{name} is no Tensix") };
    [tensix.columns, tensix.rows] = grid;
    chip
}

fn named<'m>(module: &'m Module, name: &str) -> &'m Kernel {
    module.kernels.iter().find(|kernel| kernel.name == name).expect("it is there")
}

fn owned(set: &[(&str, i64)]) -> Vec<(String, i64)> {
    set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

/// Sizes that are set, and told by the shapes of inputs where they are known.
fn bind(
    module: &Module,
    name: &str,
    set: &[(&str, i64)],
    shapes: impl Iterator<Item = Option<Vec<usize>>>,
) -> launch::Launch {
    launch::bind(named(module, name), &shapes.collect::<Vec<_>>(), &owned(set))
        .unwrap_or_else(|found| panic!("{name} with {set:?}: {found:#?}"))
}

/// Why a kernel did not run.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It can't be compiled for the chip.
    Refused(Vec<Diagnostic>),
    /// The emulator found a fault, or a result is not what it may be.
    Wrong(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(found) => write!(f, "{found:#?}"),
            Self::Wrong(fault) => f.write_str(fault),
        }
    }
}

/// Compiles a kernel and runs it in the emulator.
fn execute(
    (text, module): (&str, &Module),
    name: &str,
    chip: &Chip,
    bound: &launch::Launch,
    set: &[(&str, i64)],
    inputs: &[Array],
    options: &Options,
) -> Result<Executed, Fault> {
    let kernel = named(module, name);
    let sizes = tilec::tensix::bound(kernel, &owned(set));
    let compilation = Compilation::new(kernel, &sizes).map_err(Fault::Refused)?;
    let source = Source { file: "test.tile", text };
    let tensix = Tensix::of(module, name, chip, source, sizes).expect("it is there");
    let program = compilation.dataflow(&tensix).map_err(Fault::Refused)?;
    let (outputs, counters) = emulate(kernel, bound, &tensix.emit(&program), inputs, options)
        .map_err(|failure| Fault::Wrong(format!("{failure:#?}")))?;
    Ok(Executed { program, outputs, counters })
}

/// What the emulator gave.
struct Executed {
    program: Program,
    outputs: Vec<Array>,
    counters: Vec<Vec<Counters>>,
}

/// What a run gave.
struct Run {
    program: Program,
    verdicts: Vec<Verdict>,
    counters: Vec<Vec<Counters>>,
}

/// Compiles a kernel of a module for a chip and sizes, runs it in the emulator on inputs that
/// are drawn, then changed, and compares the outputs with the interpreter's.
fn run(
    (text, module): (&str, &Module),
    name: &str,
    chip: &Chip,
    set: &[(&str, i64)],
    changed: impl FnOnce(Vec<Array>) -> Vec<Array>,
    options: &Options,
) -> Result<Run, Fault> {
    let kernel = named(module, name);
    let unknown = kernel.tensors_of(Role::Input).map(|_| None);
    let bound = bind(module, name, set, unknown);
    let drawn = kernel
        .tensors_of(Role::Input)
        .map(|tensor| draw::draw(kernel, &bound, tensor, 1).expect("it fits into memory"));
    let inputs = changed(drawn.collect());
    let Executed { program, outputs, counters } =
        execute((text, module), name, chip, &bound, set, &inputs, options)?;
    let mut allowed = licenses(module, kernel, &chip.name);
    allowed.extend(tensix_units(kernel, &bound, chip.tensix()));
    let engine = |kernel: &_, launch: &_, inputs: &_, given: &_| {
        interpret_all(kernel, launch, inputs, given, &|_| {})
    };
    let verdicts = check_with(&engine, kernel, &bound, &inputs, &outputs, &[], &allowed)
        .map_err(|found| Fault::Wrong(format!("the interpreter says {found:#?}")))?;
    Ok(Run { program, verdicts, counters })
}

/// As [`try_on`], on a chip by name.
///
/// # Panics
/// If it is refused or goes wrong.
pub(crate) fn check(source: (&str, &Module), name: &str, chip: &str, set: &[(&str, i64)]) {
    check_on(source, name, tilec_target::chip(chip).expect("it has a table"), set);
}

/// As [`check`], on a chip that need not be one of the tables.
pub(crate) fn check_on(source: (&str, &Module), name: &str, chip: &Chip, set: &[(&str, i64)]) {
    if let Err(fault) = try_on(source, name, chip, set, &Options::default()) {
        panic!("{name} on {} with {set:?}: {fault}", chip.name);
    }
}

/// Runs a kernel in the emulator; every output must be what it may be by the interpreter.
pub(crate) fn try_on(
    source: (&str, &Module),
    name: &str,
    chip: &Chip,
    set: &[(&str, i64)],
    options: &Options,
) -> Result<(), Fault> {
    let run = run(source, name, chip, set, |inputs| inputs, options)?;
    right(&run)
}

/// As [`try_on`] with inputs that are changed after they were drawn; gives the program, and what
/// the cores of each of its steps did.
#[allow(dead_code, reason = "most tests take inputs as they are drawn")]
pub(crate) fn try_with(
    source: (&str, &Module),
    name: &str,
    chip: &Chip,
    set: &[(&str, i64)],
    changed: impl FnOnce(Vec<Array>) -> Vec<Array>,
) -> Result<(Program, Vec<Vec<Counters>>), Fault> {
    let run = run(source, name, chip, set, changed, &Options::default())?;
    right(&run)?;
    Ok((run.program, run.counters))
}

fn right(run: &Run) -> Result<(), Fault> {
    match run.verdicts.iter().find(|verdict| !verdict.passes()) {
        Some(verdict) => Err(Fault::Wrong(format!("{verdict:#?}"))),
        None => same_counts(run).map_err(Fault::Wrong),
    }
}

/// What the emulator counted is what the verifier of dataflow programs counts; at most that where
/// lists tell what there is to do. How often elements of a table are fetched is for data to say.
fn same_counts(run: &Run) -> Result<(), String> {
    let planned = verify::traffic(&run.program);
    for ((step, planned), cores) in run.program.steps.iter().zip(&planned).zip(&run.counters) {
        let sum = |of: fn(&Counters) -> u64| cores.iter().map(of).sum::<u64>();
        let most = cores.iter().map(|core| core.tile_products).max().unwrap_or(0);
        let elements = has(step, &|op| matches!(op, Op::Move(Move::Elements(_))));
        let read = if elements { planned.dram_read } else { sum(|core| core.dram_read_bytes) };
        let written = sum(|core| core.dram_written_bytes);
        let counted = [read, written, sum(|core| core.multicast_bytes), most];
        let expected =
            [planned.dram_read, planned.dram_written, planned.multicast, planned.products.most];
        let less = counted.iter().zip(&expected).all(|(counted, expected)| counted <= expected);
        let learns = has(step, &|op| matches!(op, Op::Learn { .. }));
        if counted != expected && !(less && (learns || elements)) {
            return Err(format!("planned {expected:?} bytes and products, counted {counted:?}"));
        }
    }
    Ok(())
}

/// Whether a role of a step has such an op.
fn has(step: &Step, wanted: &dyn Fn(&Op) -> bool) -> bool {
    fn any(body: &[Op], wanted: &dyn Fn(&Op) -> bool) -> bool {
        body.iter().any(|op| match op {
            Op::If { then, otherwise, .. } => any(then, wanted) || any(otherwise, wanted),
            Op::Loop { body, .. } => any(body, wanted),
            op => wanted(op),
        })
    }
    step.roles().iter().any(|(_, role)| any(&role.body, wanted))
}

fn emulate(
    kernel: &Kernel,
    launch: &Launch,
    emitted: &tilec_codegen_tt::Emitted,
    inputs: &[Array],
    options: &Options,
) -> Result<(Vec<Array>, Vec<Vec<Counters>>), Failure> {
    let programs = &emitted.programs;
    let texts: BTreeMap<_, _> = emitted.kernels.iter().cloned().collect();
    let named: BTreeMap<_, _> = kernel
        .tensors_of(Role::Input)
        .zip(inputs)
        .map(|(tensor, array)| (kernel.tensors[tensor].name.as_str(), array))
        .collect();
    let input = |buffer: &&tilec_manifest::tensix::Buffer| {
        buffer.role == tilec_manifest::tensix::Role::Input
    };
    let pages = programs.buffers.iter().filter(input).map(|buffer| {
        (buffer.name.clone(), tilize(buffer, &to_bytes(&named[buffer.tensor.as_str()].data)))
    });
    let outcome = tilec_tensix_emu::run(programs, &texts, &pages.collect(), options)?;
    let outputs = kernel.tensors_of(Role::Output).map(|tensor| {
        let shape = launch.shapes[tensor.index()].clone();
        let tensor = &kernel.tensors[tensor];
        let buffer = programs.buffers.iter().find(|buffer| buffer.tensor == tensor.name);
        let element = Element::of(tensor.element);
        match buffer {
            Some(buffer) => {
                let bytes = untilize(buffer, &outcome.outputs[&buffer.name]);
                Array { element, shape, data: from_bytes(element, &bytes) }
            }
            // Nothing is in it, so nothing computes it.
            None => Array::zeros(element, &shape).expect("it is empty"),
        }
    });
    Ok((outputs.collect(), outcome.counters))
}
