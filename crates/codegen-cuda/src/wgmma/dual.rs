//! What is different where one kernel computes both products of a dual contraction.
//!
//! ```text
//! slot       rows of a | rows of the first b | rows of the second b
//! sums       a quarter of $COLUMNS of the first product, then as many of the second
//! results    made of both where they are, 64 columns at a time, then put like sums
//! ```
//!
//! The matrix instructions know nothing of it: `b` is as many rows. A thread has the sums of
//! both products at the same rows and columns, so that nothing is exchanged.

use std::sync::LazyLock;

use tilec_ir::Id;
use tilec_ir::plan::{Contract, RegionKind, Varies};
use tilec_ir::tensor::{Equation, Tensor};
use tilec_ir::tile::{Dual, Pipeline, Program, Step};

use super::Wide;
use super::outputs::Output;
use super::shape::INSTRUCTION_ROWS;
use crate::context::Context;
use crate::text::Text;
use crate::types;

/// The words of these templates beside those of all.
const MORE_WORDS: [&str; 2] = ["peak", "result"];

/// Every word that a template may use.
pub(super) static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| [super::WORDS, &MORE_WORDS].concat());

/// The second product of a dual contraction.
pub(super) fn beside<'p>(program: &'p Program, pipeline: &Pipeline) -> Option<&'p Contract> {
    let Dual { products: [_, second], .. } = pipeline.dual?;
    let RegionKind::Contract(contract) = &program.plan.regions[second].kind else { return None };
    Some(contract)
}

/// The sum, or both, then the epilogue.
pub(super) fn equations<'p>(
    cx: &Context<'p>,
    step: &Step,
    pipeline: &Pipeline,
) -> Vec<&'p Equation> {
    let plan = &cx.program.plan;
    let products = pipeline.dual.map_or(Vec::new(), |dual| dual.products.to_vec());
    let before = products.into_iter().filter(|&product| product != step.region);
    let before = before.map(|product| &plan.kernel.equations[plan.regions[product].covers[0]]);
    before.chain(cx.equations(step)).collect()
}

impl<'p> Wide<'_, '_, 'p> {
    /// Which variable of the first sum's equation each of the second's is.
    pub(super) fn places_beside(&self, sum: &Equation, equation: &Equation) -> Vec<usize> {
        let beside = self.beside.expect("there is a second sum");
        let axes = |of: &Contract| [&of.batch[..], &of.m, &of.n].concat();
        let (own, other) = (axes(self.contract), axes(beside));
        let place = |var| {
            let axis = other.iter().position(|other| other == var);
            let axis = axis.expect("variables of a sum are those of its axes");
            let place = sum.vars.iter().position(|var| *var == own[axis]);
            place.expect("both have the same axes")
        };
        equation.vars.iter().map(place).collect()
    }

    /// What is written: of a dual contraction nothing but its result.
    pub(super) fn stored_outputs(&self) -> Vec<Output<'p>> {
        if let Some(segments) = &self.segments {
            return vec![segments.output()];
        }
        let outputs = self.outputs();
        let sums = if self.beside.is_some() { 2 } else { 0 };
        outputs.into_iter().skip(sums).collect()
    }

    /// A result that was made where the sums are: to element `at` of a row, or to memory.
    pub(super) fn put_finished(
        &mut self,
        output: &Output<'p>,
        row: Option<&String>,
        total: &str,
        at: &str,
    ) {
        let tensor = output.equation.tensor;
        let element = self.f.kernel.tensors[tensor].element;
        // Rows of narrow floats are rounded in pairs.
        if let Some(row) = row.filter(|_| types::is_narrow(element)) {
            self.f.line(format!("{row}[{at}] = {total};"));
            return;
        }
        let encoded = self.f.encode(element, &Text::atom(total));
        if let Some(row) = row {
            self.f.line(format!("{row}[{at}] = {encoded};"));
            return;
        }
        self.bind_output(output);
        let index = self.index(output);
        self.f.store_encoded(tensor, &index, &encoded);
    }

    /// Makes the results of 64 columns of both sums, so many at a time that they stay in
    /// registers; gives what stages them.
    pub(super) fn join(&mut self, beside: &'p Contract, m: &str, n: &str) -> String {
        self.say("float $result[32]; // of both sums");
        self.open_unrolled("$i", 32);
        let in_part = !self.shape.output_columns().is_multiple_of(64);
        if in_part {
            self.open("if ($part + 8 * ($i / 4) < $COLUMNS / 2)");
        }
        let known = self.both_sums(beside, ["$part / 2 + ", "$part + "], m, n);
        let value = match self.segments.clone() {
            Some(segments) => self.result_of_segment(&segments, known),
            None => self.result_of_point(&known),
        };
        self.say(&format!("$result[$i] = {value};"));
        if in_part {
            self.f.close();
        }
        self.f.close();
        "tilec::stage<64>($to, $result, 0);".to_owned()
    }

    /// The sums of both products at element `i` of a lane's fragment, behind `from`: elements,
    /// and columns.
    pub(super) fn both_sums(
        &mut self,
        beside: &'p Contract,
        from: [&str; 2],
        m: &str,
        n: &str,
    ) -> Vec<(Id<Tensor>, Text)> {
        self.bind_fragment(beside, from[1], m, n);
        let (sum, from) = (self.sum(), from[0]);
        let of_first = self.words.fill(&format!("{sum}[{from}$i]"));
        let of_second = self.words.fill(&format!("{sum}[$COLUMNS / 4 + {from}$i]"));
        let [first, second] = [self.equations[0], self.equations[1]];
        vec![
            (first.tensor, self.total(self.contract, first, &of_first)),
            (second.tensor, self.total(beside, second, &of_second)),
        ]
    }

    /// What the epilogue makes of the sums at one point.
    fn result_of_point(&mut self, known: &[(Id<Tensor>, Text)]) -> Text {
        let outputs = self.outputs();
        let output = outputs.last().expect("there is a result");
        self.bind_output(output);
        self.f.cite(output.equation);
        self.note_known(output.equation, known);
        self.wide_value(output.equation)
    }

    /// Binds variables to the place of element `i` of a lane's fragment, or to the last row
    /// and column where it lies outside: what is made there goes nowhere.
    fn bind_fragment(&mut self, beside: &Contract, from: &str, m: &str, n: &str) {
        let instance = self.shape.groups * INSTRUCTION_ROWS;
        let of_group = if self.shape.groups > 1 { "64 * $group + " } else { "" };
        let row = format!(
            "min(static_cast<long long>($tile.m + $instance * {instance} + {of_group}$warp % 4 * 16 \
             + $lane / 4 + 8 * ($i / 2 % 2)), static_cast<long long>({m}) - 1)"
        );
        let column = format!(
            "min(static_cast<long long>($tile.n + {from}8 * ($i / 4) + $lane % 4 * 2 + $i % 2), \
             static_cast<long long>({n}) - 1)"
        );
        for contract in [self.contract, beside] {
            self.bind(&contract.batch, "$tile.batch");
            self.bind(&contract.m, &row);
            self.bind(&contract.n, &column);
        }
    }

    /// The scales of columns: half of the lanes that bring some have those of each product.
    pub(super) fn column_scales_of_both(&mut self, beside: &'p Contract) {
        let n = self.length(&self.contract.n.clone(), "all_n");
        self.say(&format!(
            "
            const int $column = $tile.n + $lane % ($SEGMENTS / 2) * $SEGMENT;
            const long long $at = $column < {n} ? $column : {n} - 1;
            "
        ));
        self.open("if ($lane < $SEGMENTS / 2)");
        self.column_scales_of(self.contract);
        self.f.close_else();
        self.column_scales_of(beside);
        self.f.close();
    }

    fn column_scales_of(&mut self, contract: &'p Contract) {
        self.bind(&contract.batch, "$tile.batch");
        self.bind(&contract.n, "$at");
        let scales = contract.scales.iter().filter(|scale| scale.n != Varies::No);
        let scales: Vec<_> = scales.collect();
        self.read(contract, &scales, "$values[0]");
    }
}
