//! The role that brings scales: for a chunk of periods of `k`, the product of all
//! scales for each column of the tile.
//!
//! Along the rows of the tile scales are constant, so what belongs to `b` is
//! multiplied in here, once for the block and not once for each element. Columns
//! and periods outside of the tensors get 0, and nothing is read for them.

use std::collections::BTreeSet;

use tilec_ir::tensor::{Binary, Var};
use tilec_ir::{Id, walk};

use super::Few;
use crate::points::decompose;
use crate::text::{Level, Text};
use crate::types::Class;

impl Few<'_, '_, '_> {
    pub(super) fn scales(&mut self) {
        let lanes = (self.shape.first_math_warp - 1) * 32;
        let chunk = self.shape.scales.map_or(1, |scales| scales.chunk);
        let each = (chunk * self.shape.columns).div_ceil(lanes);
        self.say(
            "
            const int $thread = static_cast<int>(threadIdx.x) - 32;
            tilec::Place<$SCALE_SLOTS> $scale_place;
            ",
        );
        self.open_items();
        self.open("for (int $k = $k_begin; $k < $k_end; $k += $CHUNK * $PERIOD)");
        self.say(&format!("float $values[{each}];"));
        self.f.line("#pragma unroll");
        self.open(&format!("for (int $i = 0; $i < {each}; ++$i)"));
        self.say(&format!(
            "
            const int $element = $i * {lanes} + $thread;
            const int $unit = $element % $CHUNK, $column = $element / $CHUNK;
            $values[$i] = 0.0f;
            "
        ));
        self.one(chunk, lanes, each);
        self.f.close();
        self.send(chunk, lanes, each);
        self.f.close();
        self.f.close();
    }

    /// The product of the scales of one column and period.
    fn one(&mut self, chunk: u32, lanes: u32, each: u32) {
        let m = self.length(&self.contract.m.clone(), "all_m");
        let n = self.length(&self.contract.n.clone(), "all_n");
        let inside = if chunk * self.shape.columns == lanes * each {
            String::new()
        } else {
            "$column < $COLUMNS && ".to_owned()
        };
        self.open(&format!(
            "if ({inside}$k + $unit * $PERIOD < $k_end && $tile.m + $column < {m} && $tile.n < {n})"
        ));
        let contract = self.contract;
        self.bind_used(&contract.batch, "$tile.batch");
        self.bind_used(&contract.m, "$tile.m + $column");
        self.bind_used(&contract.n, "$tile.n");
        self.bind_used(&contract.k, "$k + $unit * $PERIOD");
        for scale in &contract.scales {
            self.f.comment(&self.f.cx.source.cite(self.f.kernel.exprs[scale.expr].span));
        }
        let product = self.product();
        self.say(&format!("$values[$i] = {product};"));
        self.f.close();
    }

    /// Binds the variables of an axis, as far as scales use them.
    fn bind_used(&mut self, axis: &[Id<Var>], at: &str) {
        let (kernel, contract) = (self.f.kernel, self.contract);
        let exprs = contract.scales.iter().flat_map(|scale| walk::reachable(kernel, scale.expr));
        let ints = exprs.flat_map(|expr| walk::ints(&kernel.exprs[expr]));
        let used: BTreeSet<_> = ints.flat_map(|int| walk::vars_of_int(&kernel.ints, int)).collect();
        if axis.iter().all(|var| !used.contains(var)) {
            return;
        }
        let at = self.words.fill(at);
        let names = decompose(&mut self.f, axis, &at);
        for (var, name) in axis.iter().zip(names) {
            if !used.contains(var) {
                self.f.line(format!("static_cast<void>({name});"));
            }
        }
    }

    fn product(&mut self) -> Text {
        let contract = self.contract;
        let mut product: Option<Text> = None;
        for scale in &contract.scales {
            let value = self.f.value(scale.expr);
            let one = || Text::atom("1.0f");
            product = Some(match (product, scale.inverse) {
                (None, false) => value,
                (before, true) => {
                    Text::binary(Level::Product, &before.unwrap_or_else(one), "/", &value)
                }
                (Some(before), false) => self.f.combine(Binary::Mul, Class::Float, &before, &value),
            });
        }
        product.unwrap_or_else(|| Text::atom("1.0f"))
    }

    /// Writes a chunk into its slot.
    fn send(&mut self, chunk: u32, lanes: u32, each: u32) {
        let inside = if chunk * self.shape.columns == lanes * each {
            ""
        } else {
            "if ($column < $COLUMNS) "
        };
        self.say(
            "tilec::barrier_wait($scale_empty + 8 * $scale_place.slot, $scale_place.parity ^ 1);",
        );
        self.f.line("#pragma unroll");
        self.say(&format!(
            "
            for (int $i = 0; $i < {each}; ++$i) {{
                const int $element = $i * {lanes} + $thread;
                const int $unit = $scale_place.slot * $CHUNK + $element % $CHUNK;
                const int $column = $element / $CHUNK;
                {inside}$scales[$unit * $SCALE_PITCH + $column] = $values[$i];
            }}
            __syncwarp();
            if (tilec::elect_one()) tilec::barrier_arrive($scale_full + 8 * $scale_place.slot);
            $scale_place.next();
            "
        ));
    }
}
