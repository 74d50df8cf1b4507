//! What is wrong with a program: where, in a sentence, and whose equation it computes.

use std::fmt;

use crate::dataflow::{Op, Program, Step, budget, print};
use crate::diagnostic::{Diagnostic, Kind};
use crate::plan::EquationAt;
use crate::tensor::Kernel;

/// A mistake of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The step's name; `None` if it is the program's.
    pub step: Option<String>,
    /// The role's name.
    pub role: Option<&'static str>,
    /// The column and the row of the core that showed it.
    pub core: Option<[u32; 2]>,
    /// The loops and branches around the op, outermost first, and the op, as they print.
    pub path: Vec<String>,
    /// What is wrong, without a full stop.
    pub sentence: String,
    /// The equation that it computes.
    pub equation: Option<EquationAt>,
    /// If more is asked for than there is.
    pub budget: Option<Budget>,
}

/// A budget that is exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What takes how much.
    pub table: String,
    /// The way out.
    pub help: String,
}

impl Fault {
    /// A sentence, as yet without a place.
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self {
            step: None,
            role: None,
            core: None,
            path: Vec::new(),
            sentence: sentence.into(),
            equation: None,
            budget: None,
        }
    }

    /// As a mistake at the equation that is computed there.
    #[must_use]
    pub fn diagnostic(&self, kernel: &Kernel) -> Diagnostic {
        let place = self.equation.and_then(|at| kernel.equations.get(at));
        let span = place.map_or(kernel.span, |equation| equation.span);
        let diagnostic = Diagnostic::new(Kind::NotExpressible, span, self.sentence.clone());
        match &self.budget {
            Some(Budget { table, help }) => {
                diagnostic.help(format!("{help}; what takes the room:\n{}", table.trim_end()))
            }
            None => diagnostic.here(self.place()),
        }
    }

    /// "step gemm, compute of core 1, 0, in for kb in 0 .. 4 / pop a 2"
    fn place(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.step.as_ref().map(|step| format!("step {step}")));
        parts.extend(self.role.map(|role| match self.core {
            Some([column, row]) => format!("{role} of core {column}, {row}"),
            None => role.to_owned(),
        }));
        if !self.path.is_empty() {
            parts.push(format!("in {}", self.path.join(" / ")));
        }
        parts.join(", ")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        let colon = if place.is_empty() { "" } else { ": " };
        write!(f, "{place}{colon}{}", self.sentence)?;
        match &self.budget {
            Some(budget) => write!(f, "\n{}", budget.table),
            None => Ok(()),
        }
    }
}

/// Faults as they are found.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Of the program as a whole.
    pub(super) fn add(&mut self, sentence: String) {
        self.0.push(Fault::new(sentence));
    }

    /// More DRAM is asked for than there is.
    pub(super) fn over_dram(&mut self, sentence: String, table: String) {
        let help = "compute it in parts, from smaller tensors".to_owned();
        let budget = Some(Budget { table, help });
        self.0.push(Fault { budget, ..Fault::new(sentence) });
    }

    /// Of a step.
    pub(super) fn of<'a>(&'a mut self, program: &'a Program, step: &'a Step) -> OfStep<'a> {
        OfStep { faults: self, program, step }
    }

    pub(super) fn done(self) -> Result<(), Vec<Fault>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Faults of a step.
#[derive(Debug)]
pub(super) struct OfStep<'a> {
    faults: &'a mut Faults,
    program: &'a Program,
    step: &'a Step,
}

impl OfStep<'_> {
    /// The step, and the first equation of its region if no other is known.
    pub(super) fn add(&mut self, mut fault: Fault) {
        fault.step = Some(self.step.name.clone());
        let region = self.program.plan.regions.get(self.step.region);
        let first = region.and_then(|region| region.covers.first().copied());
        fault.equation = fault.equation.or(first);
        self.faults.0.push(fault);
    }

    pub(super) fn say(&mut self, sentence: impl Into<String>) {
        self.add(Fault::new(sentence));
    }

    /// More is asked for than there is.
    pub(super) fn over(&mut self, sentence: String, help: &str) {
        let budget = Budget { table: budget::table(self.step), help: help.to_owned() };
        self.add(Fault { budget: Some(budget), ..Fault::new(sentence) });
    }
}

/// Where an op stands.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    pub(super) role: &'static str,
    /// The loops and branches around it, and itself.
    pub(super) trail: Vec<&'a Op>,
    pub(super) equation: Option<EquationAt>,
}

impl Site<'_> {
    pub(super) fn fault(&self, program: &Program, step: &Step, sentence: String) -> Fault {
        let texts = self.trail.iter().map(|op| print::op_text(program, step, op));
        Fault {
            role: Some(self.role),
            path: texts.collect(),
            equation: self.equation,
            ..Fault::new(sentence)
        }
    }
}
