//! The reference interpreter: what every other way to run a kernel is
//! compared with. It computes the equations one after the other as they stand
//! and knows no pattern.
//!
//! ```text
//! equation --lower--> graph of operations --place--> regions --run--> array
//! ```
//!
//! An operation is computed for a batch of points at once. A float sum or
//! product is accumulated in f64 and rounded once, functions are computed in
//! f64 and rounded. A reduction or an order that several points share is
//! computed once, so that a softmax is not quadratic.

mod branches;
mod column;
mod graph;
mod lower;
mod machine;
mod memo;
mod meter;
mod place;
mod pointwise;
mod rank;
mod read;
mod reduce;

#[cfg(test)]
pub(crate) mod tests;

use crate::arena::Id;
use crate::array::{Array, Element};
use crate::diagnostic::{Diagnostic, Kind};
use crate::launch::Launch;
use crate::tensor::{Kernel, Role, Tensor};
use graph::Graph;
use machine::{Arrays, Machine};
use meter::Meter;

/// Runs a kernel; `inputs` in the order of the kernel's inputs, of the shapes
/// in `launch`. Returns the outputs in order. `progress` is told the share
/// that is done, in 0 ..= 1, now and then.
pub fn interpret(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Array>, Diagnostic> {
    interpret_given(kernel, launch, inputs, &[], progress)
}

/// Like [`interpret`], but the tensors in `given` have the contents that are
/// given, whatever their equations say.
pub fn interpret_given(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    given: &[(Id<Tensor>, Array)],
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Array>, Diagnostic> {
    let mut computed = interpret_all(kernel, launch, inputs, given, progress)?;
    let take = |output: Id<Tensor>| {
        let given = || given.iter().find(|(id, _)| *id == output).map(|(_, array)| array.clone());
        computed[output.index()].take().or_else(given)
    };
    let outputs = kernel.tensors_of(Role::Output).map(take);
    Ok(outputs.map(|o| o.expect("every output has an equation")).collect())
}

/// Everything that the equations compute, by tensor; `None` for inputs and for
/// what is given.
pub fn interpret_all(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    given: &[(Id<Tensor>, Array)],
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Option<Array>>, Diagnostic> {
    let mut fixed: Vec<Option<&Array>> = vec![None; kernel.tensors.len()];
    for (id, array) in kernel.tensors_of(Role::Input).zip(inputs) {
        fixed[id.index()] = Some(array);
    }
    for (id, array) in given {
        fixed[id.index()] = Some(array);
    }
    let open: Vec<_> =
        kernel.equations.iter().filter(|e| fixed[e.tensor.index()].is_none()).collect();
    let graphs: Vec<_> = open.iter().map(|e| lower::lower(kernel, launch, e)).collect();
    let mut meter = Meter::new(graphs.iter().map(Graph::work).sum(), progress);
    let depth = graphs.iter().map(|g| g.depth).max().unwrap_or(0);
    on_a_stack_for(depth, || {
        let mut computed: Vec<Option<Array>> = vec![None; kernel.tensors.len()];
        for (equation, graph) in open.iter().zip(&graphs) {
            let mut target = zeros(kernel, launch, equation.tensor)?;
            let arrays = Arrays { fixed: &fixed, computed: &computed };
            Machine::new(kernel, graph, arrays, &mut meter).fill(&mut target);
            computed[equation.tensor.index()] = Some(target);
        }
        Ok(computed)
    })
}

fn zeros(kernel: &Kernel, launch: &Launch, tensor: Id<Tensor>) -> Result<Array, Diagnostic> {
    let (shape, Tensor { name, element, span, .. }) =
        (&launch.shapes[tensor.index()], &kernel.tensors[tensor]);
    let element = Element::of(*element);
    Array::zeros(element, shape).ok_or_else(|| {
        let bytes = shape.iter().fold(element.bytes() as u128, |n, &d| n.saturating_mul(d as u128));
        let message = format!("not enough memory for `{name}`, which needs {}", human(bytes));
        Diagnostic::new(Kind::OutOfMemory, *span, message)
            .here(format!("{} elements of {}", show_shape(shape), element.name()))
            .help("run it with smaller sizes")
    })
}

/// A number of bytes as people read it: `1.5 GiB`.
fn human(bytes: u128) -> String {
    const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let steps = (bytes.max(1).ilog2() / 10) as usize;
    match steps.min(UNITS.len() - 1) {
        0 => format!("{bytes} bytes"),
        unit => format!("{:.1} {}", bytes as f64 / 1024f64.powi(unit as i32), UNITS[unit]),
    }
}

fn show_shape(shape: &[usize]) -> String {
    let dimensions: Vec<_> = shape.iter().map(usize::to_string).collect();
    if dimensions.is_empty() { "1".to_owned() } else { dimensions.join(" x ") }
}

/// Runs `work` with room for `depth` nested regions, which is as deep as the
/// source nests `if` and reductions.
fn on_a_stack_for<T: Send>(depth: usize, work: impl FnOnce() -> T + Send) -> T {
    const BYTES_PER_REGION: usize = 16 << 10;
    if depth < 64 {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size((1 << 20) + depth * BYTES_PER_REGION)
            .spawn_scoped(scope, work)
            .expect("address space for a stack");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
