//! The ways in which a region is run, one after the other until one does.
//!
//! ```text
//! tiles                          what the math units are for
//! element by element             integers, and reads at an index that is data
//! tiles, what lies otherwise     copied element by element first
//! ```
//!
//! Where none of them will do, reads that tiles can't say become equations of their own, and
//! all is tried again. What is refused in the end is what tiles were refused for first.

use tilec_ir::dataflow::Step;
use tilec_ir::{Diagnostic, Kind};

use super::draft::Draft;
use super::gather::{self, Reads};
use super::{elements, in_tiles};
use crate::tune::settings::Given;

/// The steps of all regions.
///
/// # Errors
/// What can't be run of each region.
pub(super) fn steps(
    draft: &mut Draft<'_>,
    given: Vec<Given<'_>>,
) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let (mut steps, mut diagnostics) = (Vec::new(), Vec::new());
    // What is left to be done, the next one last.
    let mut left: Vec<_> = given.into_iter().rev().map(Attempt::new).collect();
    let mut at = 0;
    while let Some(mut attempt) = left.pop() {
        let fault = match region(draft, at, &attempt.given) {
            Ok(more) => {
                steps.extend(more);
                at += 1;
                continue;
            }
            Err(fault) => fault,
        };
        let possible = is_about_tiles(&fault);
        let fault = attempt.fault.take().unwrap_or(fault);
        match attempt.further.pop().filter(|_| possible) {
            Some(reads) => {
                let made = gather::apart(&mut draft.plan, at, reads);
                left.push(Attempt { fault: Some(fault), ..attempt });
                left.extend((0..made).map(|_| Attempt::new(Given::default())));
            }
            None => {
                diagnostics.extend(fault);
                at += 1;
            }
        }
    }
    if diagnostics.is_empty() { Ok(steps) } else { Err(diagnostics) }
}

/// A region that is still to be run.
struct Attempt<'a> {
    given: Given<'a>,
    /// Why it could not be run as it was.
    fault: Option<Vec<Diagnostic>>,
    /// What may be taken out of it, the next one last.
    further: Vec<Reads>,
}

impl<'a> Attempt<'a> {
    fn new(given: Given<'a>) -> Self {
        Self { given, fault: None, further: vec![Reads::Odd, Reads::Gathered] }
    }
}

/// Whether other ways can help: what tiles can't say, not what is asked for in vain.
fn is_about_tiles(fault: &[Diagnostic]) -> bool {
    fault.iter().all(|fault| fault.kind == Kind::NotExpressible)
}

/// The steps of a region as it is.
fn region(
    draft: &mut Draft<'_>,
    at: usize,
    given: &Given<'_>,
) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let buffers = draft.buffers.len();
    let fault = match in_tiles(draft, at, given) {
        Ok(steps) => return Ok(steps),
        Err(fault) => fault,
    };
    draft.forget(buffers);
    if !is_about_tiles(&fault) {
        return Err(fault);
    }
    if let Some(steps) = elements::steps(draft, at) {
        return steps.map_err(|fault| vec![fault]);
    }
    draft.turns = true;
    let turned = in_tiles(draft, at, given);
    draft.turns = false;
    let Ok(after) = turned else {
        draft.forget(buffers);
        return Err(fault);
    };
    let copies = draft.take_turned();
    let mut steps: Vec<_> = copies
        .into_iter()
        .filter_map(|[from, into]| elements::copy(draft, at, from, into))
        .collect();
    steps.extend(after);
    Ok(steps)
}
