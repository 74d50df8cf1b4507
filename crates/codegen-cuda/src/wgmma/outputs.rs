//! What is computed from one sum and written: the sum where it is asked for, and the
//! equations of the epilogue.
//!
//! ```text
//! acc[m, n]                      the sum, with its coefficient and its guard
//! c[m, n] = bf16(acc[m, n])      an output whose last index is n: 8 neighbors at once
//! d[n, m] = acc[m, n]            any other: element by element
//! ```

use tilec_ir::plan::Contract;
use tilec_ir::tensor::{Binary, Equation, ExprKind, Tensor, Var};
use tilec_ir::{Atom, Id, Kernel, walk};

use super::Wide;
use crate::device::Header;
use crate::params::Access;
use crate::text::{Level, Text};
use crate::types;

/// A tensor that the kernel writes, or a value that a later equation needs.
#[derive(Clone, Debug)]
pub(super) struct Output<'p> {
    pub(super) equation: &'p Equation,
    /// For each of its variables, which variable of the sum's equation it is.
    pub(super) places: Vec<usize>,
    /// Whether neighbors along `n` are neighbors in memory.
    pub(super) in_rows: bool,
    /// Whether it is written.
    pub(super) stored: bool,
    /// Whether a later equation reads it.
    pub(super) read: bool,
}

impl<'p> Wide<'_, '_, 'p> {
    /// The sum, then its epilogue.
    pub(super) fn outputs(&self) -> Vec<Output<'p>> {
        let kernel = self.f.kernel;
        let sum = self.equations[0];
        let mut outputs: Vec<Output<'p>> = Vec::new();
        for (at, &equation) in self.equations.iter().enumerate() {
            let places = match at {
                0 => (0..sum.vars.len()).collect(),
                1 if self.beside.is_some() => self.places_beside(sum, equation),
                _ => places(kernel, equation, &outputs),
            };
            let later = &self.equations[at + 1..];
            let read = later.iter().any(|later| reads(kernel, later, equation.tensor));
            let stored = at > 0 || self.contract.stored;
            let in_rows = self.in_rows(sum, &places);
            outputs.push(Output { equation, places, in_rows, stored, read });
        }
        outputs
    }

    /// Whether the last variables are those of `n`, in order.
    fn in_rows(&self, sum: &Equation, places: &[usize]) -> bool {
        let n = &self.contract.n;
        let Some(first) = places.len().checked_sub(n.len()) else { return false };
        places[first..].iter().map(|&place| sum.vars[place]).eq(n.iter().copied())
    }

    /// Declares an array of neighbors for each output that is written in rows.
    pub(super) fn declare_rows(
        &mut self,
        outputs: &[Output<'p>],
        count: u32,
    ) -> Vec<Option<String>> {
        let mut rows = Vec::new();
        for output in outputs {
            if !(output.stored && output.in_rows) {
                rows.push(None);
                continue;
            }
            let tensor = output.equation.tensor;
            let name = self.f.local(&format!("{}_row", self.f.cx.names.tensor(tensor)));
            let element = self.f.kernel.tensors[tensor].element;
            // Narrow floats are rounded in pairs, when all are there.
            let ty = if types::is_narrow(element) { "float" } else { types::element(element) };
            self.f.line(format!("alignas(16) {ty} {name}[{count}];"));
            rows.push(Some(name));
        }
        rows
    }

    /// Computes all outputs at the bound point, of which `total` is the sum. Those with
    /// an array in `rows` go to its element `at`, others to memory.
    pub(super) fn results(
        &mut self,
        outputs: &[Output<'p>],
        rows: &[Option<String>],
        total: &str,
        at: &str,
    ) {
        let mut known: Vec<(Id<Tensor>, Text)> = Vec::new();
        for (which, (output, row)) in outputs.iter().zip(rows).enumerate() {
            let equation = output.equation;
            if self.beside.is_some() {
                self.put_finished(output, row.as_ref(), total, at);
                continue;
            }
            self.bind_output(output);
            let element = self.f.kernel.tensors[equation.tensor].element;
            let encoded = if which == 0 {
                let value = self.total(self.contract, equation, total);
                known.push((equation.tensor, value.clone()));
                self.f.encode(element, &value)
            } else {
                self.f.cite(equation);
                self.note_known(equation, &known);
                if output.read {
                    let value = self.declare_value(equation);
                    known.push((equation.tensor, value));
                }
                match row {
                    Some(_) if types::is_narrow(element) => self.wide_value(equation),
                    Some(_) | None => self.f.encoded(equation.tensor, equation.value),
                }
            };
            match (output.stored, row) {
                (false, _) => {}
                (true, Some(row)) => self.f.line(format!("{row}[{at}] = {encoded};")),
                (true, None) => {
                    let index = self.index(output);
                    self.f.store_encoded(equation.tensor, &index, &encoded);
                }
            }
        }
    }

    /// Rounds the arrays of neighbors that are to be narrow.
    pub(super) fn narrow_rows(&mut self, outputs: &[Output<'p>], rows: &mut [Option<String>]) {
        for (output, row) in outputs.iter().zip(rows) {
            let element = self.f.kernel.tensors[output.equation.tensor].element;
            if let Some(name) = row
                && types::is_narrow(element)
            {
                self.f.need(Header::Vector);
                let narrow = self.f.local("narrow_row");
                let element = types::element(element);
                self.f.line(format!("const auto {narrow} = tilec::narrow<{element}>({name});"));
                *row = Some(format!("{narrow}.at"));
            }
        }
    }

    /// Writes 8 neighbors of each array, the first of them at the bound point.
    pub(super) fn store_rows(
        &mut self,
        outputs: &[Output<'p>],
        rows: &[Option<String>],
        first: &str,
    ) {
        for (output, row) in outputs.iter().zip(rows) {
            let Some(row) = row else { continue };
            self.bind_output(output);
            let tensor = output.equation.tensor;
            let index = self.index(output);
            let offset = self.f.offset(&self.f.kernel.tensors[tensor].shape, &index);
            let pointer = self.f.pointer(tensor, Access::Write);
            let to = Text::binary(Level::Sum, &Text::atom(pointer), "+", &offset);
            self.f.line(format!("tilec::store_neighbors<8>({to}, {row}{first});"));
        }
    }

    /// The value of an equation that makes narrow floats, before it is rounded.
    pub(super) fn wide_value(&mut self, equation: &Equation) -> Text {
        let value = equation.value;
        if let ExprKind::Convert(wide) = self.f.kernel.exprs[value].kind
            && self.f.known_expr(value).is_none()
        {
            let text = self.f.value(wide);
            return self.f.as_float(wide, text);
        }
        self.f.value(value)
    }

    /// Binds an equation's variables to those of the sum.
    pub(super) fn bind_output(&mut self, output: &Output<'p>) {
        if let Some(segments) = self.segments.clone() {
            self.bind_result(&segments);
            return;
        }
        let sum = self.equations[0];
        for (&var, &place) in output.equation.vars.iter().zip(&output.places) {
            let name = self.f.var(sum.vars[place]);
            self.f.bind(var, name);
        }
    }

    pub(super) fn index(&self, output: &Output<'p>) -> Vec<Text> {
        output.equation.vars.iter().map(|&var| Text::name(self.f.var(var))).collect()
    }

    /// `guard ? coefficient * sum : 0`; rows that there are not are never stored.
    pub(super) fn total(&mut self, contract: &Contract, equation: &Equation, sum: &str) -> Text {
        let class = self.class();
        let mut value = Text::atom(sum);
        if let Some(coefficient) = contract.coefficient {
            let factor = self.f.value(coefficient);
            value = self.f.combine(Binary::Mul, class, &factor, &value);
        }
        let guard = contract.guard.filter(|_| contract.filled.is_none());
        if let Some(guard) = guard {
            let zero = if self.sums_are_float() { "0.0f" } else { "0" };
            let test = self.f.value(guard).at(Level::Or);
            let text = format!("{test} ? {} : {zero}", value.at(Level::Or));
            value = Text::new(text, Level::Choice);
        }
        if contract.coefficient.is_none() && guard.is_none() {
            return value;
        }
        let base = format!("{}_value", self.f.kernel.tensors[equation.tensor].name);
        Text::atom(self.f.declare(class.cpp(), &base, value.to_string()))
    }

    /// Notes the elements at hand that an equation reads.
    pub(super) fn note_known(&mut self, equation: &Equation, known: &[(Id<Tensor>, Text)]) {
        let kernel = self.f.kernel;
        for expr in walk::reachable(kernel, equation.value) {
            if let ExprKind::Read(tensor, _) = &kernel.exprs[expr].kind
                && let Some((_, value)) = known.iter().find(|(other, _)| other == tensor)
            {
                self.f.note_expr(expr, value.clone());
            }
        }
    }

    fn declare_value(&mut self, equation: &Equation) -> Text {
        let class = self.f.class(equation.value);
        let value = self.f.value(equation.value).to_string();
        let base = format!("{}_value", self.f.kernel.tensors[equation.tensor].name);
        let value = Text::atom(self.f.declare(class.cpp(), &base, value));
        self.f.note_expr(equation.value, value.clone());
        value
    }
}

/// Whether an equation reads a tensor.
fn reads(kernel: &Kernel, equation: &Equation, tensor: Id<Tensor>) -> bool {
    let mut all = walk::reachable(kernel, equation.value).into_iter();
    all.any(|expr| matches!(&kernel.exprs[expr].kind, ExprKind::Read(other, _) if *other == tensor))
}

/// Which variable of the sum each variable of an epilogue is: it reads the sum, or what
/// was made of it, at its own point.
fn places(kernel: &Kernel, equation: &Equation, before: &[Output<'_>]) -> Vec<usize> {
    let mut found: Vec<(Id<Var>, usize)> = Vec::new();
    for expr in walk::reachable(kernel, equation.value) {
        let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { continue };
        let Some(read) = before.iter().find(|output| output.equation.tensor == *tensor) else {
            continue;
        };
        for (&int, &place) in index.iter().zip(&read.places) {
            if let Some(Atom::Var(var)) = kernel.ints.as_atom(int) {
                found.push((*var, place));
            }
        }
    }
    let place = |(at, var): (usize, &Id<Var>)| {
        let known = found.iter().find(|(other, _)| other == var);
        known.map_or(at, |&(_, place)| place)
    };
    equation.vars.iter().enumerate().map(place).collect()
}
