//! The role that brings scales: for each period of `k` one for each row of the tile,
//! and one for each segment of columns.
//!
//! ```text
//! two warps   half of the rows each      row = sa[m, k / 128]
//! one warp    a lane for each segment    column = sb[n / 128, k / 128]
//! ```
//!
//! Each lane reads several periods ahead into registers, in one piece where the scale is
//! a row of a tensor along `k`, and hands out one slot at a time. Positions outside of
//! the tensors are clamped: what comes of them is never written.

use tilec_ir::plan::{Contract, Scale, Varies};
use tilec_ir::tensor::{ExprKind, Tensor};
use tilec_ir::{Atom, Id, IntId, Scalar};

use super::Wide;
use crate::device::Header;
use crate::params::Access;
use crate::text::{Level, Text};

/// Periods that are read ahead, where a lane has few rows of tensors; and where it has
/// more, or computes scales.
const AHEAD: [u32; 2] = [8, 4];

impl Wide<'_, '_, '_> {
    pub(super) fn scales(&mut self) {
        self.f.need(Header::Ahead);
        let first = self.shape.math_warps() + 1;
        let (each, ahead) = (self.rows_each(), self.ahead());
        self.say(&format!(
            "
            const int $helper = $warp - {first}, $lane = tilec::lane();
            tilec::Place<$SLOTS> $place;
            "
        ));
        self.open_items();
        self.open(&format!("for (int $k = 0; $k < $depth; $k += {ahead} * $PERIOD)"));
        self.say(&format!("float $values[{each}][{ahead}];"));
        self.open("if ($helper < 2)");
        self.row_scales();
        self.f.close_else();
        match self.beside {
            Some(beside) => self.column_scales_of_both(beside),
            None => self.column_scales(),
        }
        self.f.close();
        self.hand_out();
        self.f.close();
        self.f.close();
    }

    /// Rows of the tile that a lane of two warps has.
    fn rows_each(&self) -> u32 {
        self.shape.rows / 64
    }

    /// Periods that are read at a time: whole slots.
    fn ahead(&self) -> u32 {
        let computed = {
            let contracts = [Some(self.contract), self.beside].into_iter().flatten();
            let is_computed =
                |of: &Contract| of.scales.iter().any(|s| self.row_of(of, s).is_none());
            contracts.into_iter().any(is_computed)
        };
        let wanted = AHEAD[usize::from(self.rows_each() > 2 || computed)];
        let slot = self.shape.periods();
        slot * (wanted / slot).max(1)
    }

    fn row_scales(&mut self) {
        let m = self.end_of_rows();
        let each = self.rows_each();
        self.open_unrolled("$i", each);
        let contract = self.contract;
        let scales: Vec<_> = contract.scales.iter().filter(|scale| scale.n == Varies::No).collect();
        if scales.iter().any(|scale| scale.m != Varies::No) {
            self.say(&format!(
                "
                const int $row = $tile.m + $helper * ($ROWS / 2) + 32 * $i + $lane;
                const long long $at = $row < {m} ? $row : {m} - 1;
                "
            ));
            self.bind(&contract.m, "$at");
        }
        self.bind(&contract.batch, "$tile.batch");
        self.read(contract, &scales, "$values[$i]");
        self.f.close();
    }

    fn column_scales(&mut self) {
        let n = self.length(&self.contract.n.clone(), "all_n");
        let contract = self.contract;
        let scales: Vec<_> = contract.scales.iter().filter(|scale| scale.n != Varies::No).collect();
        if !scales.is_empty() {
            self.say(&format!(
                "
                const int $column = $tile.n + ($lane < $SEGMENTS ? $lane : 0) * $SEGMENT;
                const long long $at = $column < {n} ? $column : {n} - 1;
                "
            ));
            self.bind(&contract.n, "$at");
        }
        self.bind(&contract.batch, "$tile.batch");
        self.read(contract, &scales, "$values[0]");
    }

    /// `to[j]` is the product of some scales in the period that is `j` ahead.
    pub(super) fn read(&mut self, contract: &Contract, scales: &[&Scale], to: &str) {
        let mut is_first = true;
        for scale in scales {
            let cited = self.f.cx.source.cite(self.f.kernel.exprs[scale.expr].span);
            self.f.comment(&cited);
            match self.row_of(contract, scale) {
                Some((tensor, index)) => self.read_row(tensor, &index, to, is_first),
                None => self.read_each(contract, scale, to, is_first),
            }
            is_first = false;
        }
        if is_first {
            self.open_unrolled("$j", self.ahead());
            self.say(&format!("{to}[$j] = 1.0f;"));
            self.f.close();
        }
    }

    /// The tensor and the indices before the last of a scale that is an element of an
    /// f32 tensor, the next period's next to it.
    fn row_of(&self, contract: &Contract, scale: &Scale) -> Option<(Id<Tensor>, Vec<IntId>)> {
        let kernel = self.f.kernel;
        let ExprKind::Read(tensor, index) = &kernel.exprs[scale.expr].kind else { return None };
        let (&last, before) = index.split_last()?;
        let [k] = contract.k[..] else { return None };
        let &Atom::Div(p, d) = kernel.ints.as_atom(last)? else { return None };
        let along_k = matches!(kernel.ints.as_atom(p), Some(Atom::Var(var)) if *var == k)
            && kernel.ints.as_constant(d) == Some(i64::from(self.shape.period));
        let plain = kernel.tensors[*tensor].element == Scalar::F32
            && !scale.inverse
            && matches!(self.shape.periods(), 1 | 2 | 4 | 8);
        (along_k && plain).then(|| (*tensor, before.to_vec()))
    }

    fn read_row(&mut self, tensor: Id<Tensor>, index: &[IntId], to: &str, is_first: bool) {
        let shape = &self.f.kernel.tensors[tensor].shape;
        let (&length, before) = shape.split_last().expect("it is indexed by k");
        let index: Vec<_> = index.iter().map(|&int| self.f.int(int)).collect();
        let row = self.f.offset(before, &index);
        let length = self.f.int(length);
        let pointer = Text::atom(self.f.pointer(tensor, Access::Read));
        let offset = Text::binary(Level::Product, &row, "*", &length);
        let from = Text::binary(Level::Sum, &pointer, "+", &offset);
        let ahead = self.ahead();
        if is_first {
            self.say(&format!("tilec::read_ahead({to}, {from}, $k / $PERIOD, {length});"));
            return;
        }
        self.say(&format!(
            "
            float $more[{ahead}];
            tilec::read_ahead($more, {from}, $k / $PERIOD, {length});
            "
        ));
        self.open_unrolled("$j", ahead);
        self.say(&format!("{to}[$j] *= $more[$j];"));
        self.f.close();
    }

    /// A scale that is computed, period by period.
    fn read_each(&mut self, contract: &Contract, scale: &Scale, to: &str, is_first: bool) {
        self.open_unrolled("$j", self.ahead());
        self.say("const int $k_at = min($k + $j * $PERIOD, $depth - 1);");
        self.bind(&contract.k, "$k_at");
        let value = self.f.value(scale.expr);
        let line = match (is_first, scale.inverse) {
            (true, false) => format!("{to}[$j] = {value};"),
            (true, true) => format!("{to}[$j] = 1.0f / {};", value.at(Level::Sign)),
            (false, false) => format!("{to}[$j] *= {value};"),
            (false, true) => format!("{to}[$j] /= {value};"),
        };
        self.say(&line);
        self.f.close();
    }

    /// Writes the periods of one slot after the other, as slots become free.
    fn hand_out(&mut self) {
        let (ahead, slot) = (self.ahead(), self.shape.periods());
        self.f.line("#pragma unroll");
        self.open(&format!("for (int $j = 0; $j < {ahead}; $j += {slot})"));
        self.open("if ($k + $j * $PERIOD < $depth)");
        self.say(
            "
            tilec::barrier_wait($empty + 8 * $place.slot, $place.parity ^ 1);
            float* const $to = $scales + $place.slot * $SLOT_SCALES + $lane;
            ",
        );
        if slot == 1 {
            self.hand_out_period("$to", "$j");
        } else {
            self.open_unrolled("$period", slot);
            self.say("float* const $here = $to + $period * $SCALES;");
            self.hand_out_period("$here", "$j + $period");
            self.f.close();
        }
        self.say(
            "
            __syncwarp();
            if (tilec::elect_one()) tilec::barrier_arrive($full + 8 * $place.slot);
            $place.next();
            ",
        );
        self.f.close();
        self.f.close();
    }

    fn hand_out_period(&mut self, to: &str, at: &str) {
        let each = self.rows_each();
        self.say(&format!(
            "
            if ($helper < 2) {{
                #pragma unroll
                for (int $i = 0; $i < {each}; ++$i) {{
                    {to}[$helper * ($ROWS / 2) + 32 * $i] = $values[$i][{at}];
                }}
            }} else if ($lane < $SEGMENTS) {{
                {to}[$ROWS] = $values[0][{at}];
            }}
            "
        ));
    }
}
