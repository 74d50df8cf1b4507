//! Both sums of a dual contraction as numbers in FP8 with a scale for each segment of a row.
//!
//! ```text
//! peak     the maximum of a row of the tile: of a lane's columns, then of four lanes
//! scale    made of it, one for each row and segment          to memory
//! result   made of the sums and of it, element by element    put like sums
//! ```
//!
//! A tile has as many columns of the output as a segment, so that it knows all of it. Its rows
//! may be those of a group, in which case tables tell whose they are.

use tilec_ir::plan::{Contract, Part, RegionKind, Rowwise};
use tilec_ir::tensor::{Equation, ExprKind, Tensor, Var};
use tilec_ir::tile::{Pipeline, Program};
use tilec_ir::{Id, IntId, walk};

use super::Wide;
use super::outputs::Output;
use super::shape::INSTRUCTION_ROWS;
use crate::device::Header;
use crate::text::Text;

/// What is made along rows.
#[derive(Clone, Debug)]
pub(super) struct Segments<'p> {
    rowwise: &'p Rowwise,
    equations: Vec<&'p Equation>,
    /// Which row, by its number, a row of the tile is.
    row: Option<IntId>,
}

/// What a step makes along rows, if it does.
pub(super) fn of<'p>(
    program: &'p Program,
    region: usize,
    pipeline: &Pipeline,
) -> Option<Segments<'p>> {
    let RegionKind::Rowwise(rowwise) = &program.plan.regions[region].kind else { return None };
    let covers = program.plan.regions[region].covers.iter();
    let equations = covers.map(|&at| &program.plan.kernel.equations[at]).collect();
    Some(Segments { rowwise, equations, row: pipeline.dual?.row })
}

impl<'p> Segments<'p> {
    fn parts(&self) -> impl Iterator<Item = (&'p Part, &'p Equation)> + use<'p> {
        self.rowwise.parts.iter().zip(self.equations.clone())
    }

    /// The part that is a maximum, and its equation.
    fn maximum(&self) -> (&'p Part, &'p Equation) {
        let mut parts = self.parts();
        let found = parts.find(|(part, _)| matches!(part, Part::Reduction { .. }));
        found.expect("there is a maximum")
    }

    /// The result, with the variables of rows and of the column.
    fn result(&self) -> (&'p Equation, &'p [Id<Var>], Id<Var>) {
        let found = self.parts().find_map(|(part, equation)| match part {
            Part::Map { rows, column, .. } => Some((equation, &rows[..], *column)),
            Part::PerRow { .. } | Part::Reduction { .. } => None,
        });
        found.expect("there is a result")
    }

    /// What is written in rows.
    pub(super) fn output(&self) -> Output<'p> {
        let (equation, _, column) = self.result();
        let in_rows = equation.vars.last() == Some(&column);
        Output { equation, places: Vec::new(), in_rows, stored: true, read: false }
    }
}

impl<'p> Wide<'_, '_, 'p> {
    /// The maximum of each of a lane's two rows, and what is stored of each.
    pub(super) fn maxima(
        &mut self,
        segments: &Segments<'p>,
        beside: &'p Contract,
        m: &str,
        n: &str,
    ) {
        self.f.need(Header::Row);
        let (Part::Reduction { rows, segment, column, .. }, equation) = segments.maximum() else {
            unreachable!("a maximum is a reduction")
        };
        let ExprKind::Reduce(op, _, body) = self.f.kernel.exprs[equation.value].kind else {
            unreachable!("a maximum is a reduction")
        };
        let class = self.f.class(body);
        let first = self.f.identity(op, class);
        self.f.cite(equation);
        self.say(&format!("float $peak[2] = {{{first}, {first}}}; // of the segment of a row"));
        self.open_unrolled("$i", self.shape.columns / 4);
        let known = self.both_sums(beside, ["", ""], m, n);
        self.bind_rows_used(segments, equation, rows, &known);
        if let Some(segment) = segment {
            let at = self.segment();
            self.f.bind(*segment, at);
        }
        let at = self.words.fill("8 * ($i / 4) + $lane % 4 * 2 + $i % 2");
        self.f.bind(*column, format!("({at})"));
        self.note_known(equation, &known);
        let peak = self.words.fill("$peak[$i / 2 % 2]");
        self.f.add_to(&peak, op, body);
        self.f.close();
        self.open_unrolled("$j", 2);
        self.say("$peak[$j] = tilec::reduce_lanes<tilec::Max, 4>($peak[$j]);");
        self.stored_per_row(segments, m);
        self.f.close();
    }

    /// What is stored of a row's segment: one lane of the four that share a row.
    fn stored_per_row(&mut self, segments: &Segments<'p>, m: &str) {
        let peak = (segments.maximum().1.tensor, Text::atom(self.words.fill("$peak[$j]")));
        let instance = self.shape.groups * INSTRUCTION_ROWS;
        let of_group = if self.shape.groups > 1 { "64 * $group + " } else { "" };
        for (part, equation) in segments.parts() {
            let Part::PerRow { rows, segment, .. } = part else { continue };
            self.say(&format!(
                "
                const int $row = $tile.m + $instance * {instance} + {of_group}$warp % 4 * 16
                    + $lane / 4 + 8 * $j;
                "
            ));
            self.open(&format!("if ($lane % 4 == 0 && $row < {m})"));
            self.bind(&self.contract.batch, "$tile.batch");
            self.bind(&self.contract.m, "$row");
            self.bind_rows(segments, rows);
            if let Some(segment) = segment {
                let at = self.segment();
                self.f.bind(*segment, at);
            }
            self.f.cite(equation);
            self.note_known(equation, std::slice::from_ref(&peak));
            let encoded = self.f.encoded(equation.tensor, equation.value);
            let index = equation.vars.iter().map(|&var| Text::name(self.f.var(var)));
            let index: Vec<_> = index.collect();
            self.f.store_encoded(equation.tensor, &index, &encoded);
            self.f.close();
        }
    }

    /// The result at element `i` of a part of a lane's fragment.
    pub(super) fn result_of_segment(
        &mut self,
        segments: &Segments<'p>,
        mut known: Vec<(Id<Tensor>, Text)>,
    ) -> Text {
        let peak = self.words.fill("$peak[$i / 2 % 2]");
        known.push((segments.maximum().1.tensor, Text::atom(peak)));
        let (equation, rows, column) = segments.result();
        self.bind_rows_used(segments, equation, rows, &known);
        let at = self.f.var(self.contract.n[0]);
        self.f.bind(column, at);
        self.f.cite(equation);
        self.note_known(equation, &known);
        self.wide_value(equation)
    }

    /// Binds the result's variables to the row and the column that are bound.
    pub(super) fn bind_result(&mut self, segments: &Segments<'p>) {
        let (_, rows, column) = segments.result();
        self.bind_rows(segments, rows);
        let at = self.f.var(self.contract.n[0]);
        self.f.bind(column, at);
    }

    /// The number of the tile's segment.
    fn segment(&self) -> String {
        self.words.fill("($tile.n / ($COLUMNS / 2))")
    }

    /// Binds variables of rows to what the bound row of the tile is.
    fn bind_rows(&mut self, segments: &Segments<'p>, rows: &[Id<Var>]) {
        match segments.row {
            Some(number) => {
                let number = self.f.int(number).to_string();
                let number = self.f.declare("long long", "row_number", number);
                self.bind(rows, &number);
            }
            None => {
                let own = self.contract.batch.iter().chain(&self.contract.m);
                for (&row, &var) in rows.iter().zip(own) {
                    let at = self.f.var(var);
                    self.f.bind(row, at);
                }
            }
        }
    }

    /// The same where an equation uses them other than in what is known.
    fn bind_rows_used(
        &mut self,
        segments: &Segments<'p>,
        equation: &Equation,
        rows: &[Id<Var>],
        known: &[(Id<Tensor>, Text)],
    ) {
        let kernel = self.f.kernel;
        let is_known = |tensor: Id<Tensor>| known.iter().any(|(of, _)| *of == tensor);
        let uses = walk::reachable(kernel, equation.value).into_iter().any(|expr| {
            let read = &kernel.exprs[expr];
            let known = matches!(read.kind, ExprKind::Read(tensor, _) if is_known(tensor));
            let mut ints = walk::ints(read).into_iter();
            !known
                && ints.any(|int| {
                    let vars = walk::vars_of_int(&kernel.ints, int);
                    vars.iter().any(|var| rows.contains(var))
                })
        });
        if uses {
            self.bind_rows(segments, rows);
        }
    }
}
