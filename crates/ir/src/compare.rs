//! Compares what a target computed with what the interpreter says.
//!
//! Floats are compared by row (along the last dimension) and as a whole, within
//! a [`Tolerance`] that follows from the formats and the lengths of the sums;
//! integers and bools that no rounding can reach are compared exactly.
//!
//! A selection after float sums may differ where keys nearly tie. The picks of
//! the target are then checked by their keys, and the rest is compared with
//! what the interpreter says given these picks.

mod magnitude;
mod measure;
mod picks;
#[cfg(test)]
mod tests;
mod tolerance;

pub use measure::{Difference, compare};
pub use picks::{expose, uncertain_picks};
pub use tolerance::{License, Tolerance, tolerance};

use crate::arena::Id;
use crate::array::Array;
use crate::diagnostic::Diagnostic;
use crate::interpret::interpret_all;
use crate::launch::Launch;
use crate::tensor::{Kernel, Role, Tensor};
use tolerance::errors;

/// How one tensor of a target compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Which tensor.
    pub tensor: Id<Tensor>,
    /// What was measured.
    pub difference: Difference,
    /// What is allowed.
    pub tolerance: Tolerance,
}

impl Verdict {
    /// Whether what was measured is allowed.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.difference.within(&self.tolerance)
    }
}

/// What computes everything that the equations of a kernel define, by tensor;
/// `None` for inputs and for the tensors whose contents are given.
pub type Engine<'a> = dyn Fn(&Kernel, &Launch, &[Array], &[(Id<Tensor>, Array)]) -> Computed + 'a;

/// What an [`Engine`] gives.
pub type Computed = Result<Vec<Option<Array>>, Diagnostic>;

/// Compares the outputs of a target, in the order of the kernel's outputs, with
/// the interpreter's. `locals` are other tensors that the target computed; the
/// picks among them (see [`uncertain_picks`] and [`expose`]) make the
/// comparison immune to near-ties, and get a verdict too.
pub fn check(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    outputs: &[Array],
    locals: &[(Id<Tensor>, Array)],
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Verdict>, Diagnostic> {
    let interpret = |kernel: &_, launch: &_, inputs: &_, given: &_| {
        interpret_all(kernel, launch, inputs, given, progress)
    };
    check_with(&interpret, kernel, launch, inputs, outputs, locals, &[])
}

/// Like [`check`], against what this engine computes. The target was free to use
/// `licenses` in the sums of these equations.
pub fn check_with(
    engine: &Engine<'_>,
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    outputs: &[Array],
    locals: &[(Id<Tensor>, Array)],
    licenses: &[(Id<Tensor>, License)],
) -> Result<Vec<Verdict>, Diagnostic> {
    let mut actual: Vec<(Id<Tensor>, &Array)> =
        kernel.tensors_of(Role::Output).zip(outputs).collect();
    actual.extend(locals.iter().map(|(id, array)| (*id, array)));
    let uncertain = uncertain_picks(kernel);
    let picks: Vec<_> = actual.iter().filter(|(id, _)| uncertain.contains(id)).collect();
    let given: Vec<_> = picks.iter().map(|(id, array)| (*id, (*array).clone())).collect();
    let expected = engine(kernel, launch, inputs, &given)?;
    let errors = errors(kernel, launch, licenses);
    let mut verdicts = Vec::new();
    for &(tensor, array) in &actual {
        let difference = match &expected[tensor.index()] {
            Some(expected) => compare(expected, array, &errors[tensor.index()]),
            None => picks::compare(engine, kernel, launch, inputs, &given, &expected, tensor)?,
        };
        verdicts.push(Verdict { tensor, difference, tolerance: errors[tensor.index()] });
    }
    if verdicts.iter().all(Verdict::passes) {
        return Ok(verdicts);
    }
    // What differs may only have canceled: then its errors are small beside what
    // was added up.
    let known = magnitude::known(&expected, &given);
    let magnitudes = magnitude::magnitudes(engine, kernel, launch, inputs, &known)?;
    for verdict in verdicts.iter_mut().filter(|verdict| !verdict.passes()) {
        let at = verdict.tensor.index();
        let (Some(expected), Some(magnitudes)) = (&expected[at], &magnitudes[at]) else { continue };
        let actual =
            actual.iter().find(|(id, _)| *id == verdict.tensor).expect("it was compared").1;
        let tolerance = &verdict.tolerance;
        verdict.difference = measure::compare_scaled(expected, actual, tolerance, Some(magnitudes));
    }
    Ok(verdicts)
}
