//! Where sums meet and results are written.
//!
//! Each warpgroup writes its sums into a plane of shared memory, a row for each
//! column of the instruction. A block then takes its share of the elements: it adds
//! the planes of all parts of `k` in order, those of other blocks by reading their
//! shared memory, computes the epilogue and writes along `n`.

use std::collections::BTreeMap;

use tilec_ir::tensor::{Equation, ExprKind, Tensor, Var};
use tilec_ir::{Atom, Id, walk};

use super::Few;
use super::shape::{INSTRUCTION_ROWS, Shape};
use crate::text::Text;
use crate::types::Class;

impl Few<'_, '_, '_> {
    /// Writes this warpgroup's sums into its plane, and waits for all others.
    pub(super) fn stage(&mut self) {
        let Shape { parts, groups, columns, cluster, .. } = self.shape;
        if cluster > 1 {
            self.open("if (!$waited)");
            self.f.line("tilec::cluster_wait();");
            self.say("$waited = true;");
            self.f.close();
        }
        self.f.comment("The readers of the last tile must be through.");
        self.say(if parts > 1 {
            "if ($again) tilec::barrier_wait_cluster($parts_read, $parity ^ 1);"
        } else {
            "if ($again) tilec::named_sync(1, $MATH);"
        });
        self.say("$again = true;");
        let ty = self.class().cpp();
        let plane = if groups > 1 { " + $k_group * ($COLUMNS * $PITCH)" } else { "" };
        self.say(&format!(
            "
            {ty}* const $own = $staging{plane} + 2 * $quad * $PITCH +
                $row_group * {INSTRUCTION_ROWS} + $warp % 4 * 16 + $lane / 4;
            "
        ));
        self.f.line("#pragma unroll");
        self.say(&format!(
            "
            for (int $i = 0; $i < {}; ++$i) {{
                {ty}* const $at = $own + 8 * $i * $PITCH;
                $at[0] = $sum[4 * $i];
                $at[$PITCH] = $sum[4 * $i + 1];
                $at[8] = $sum[4 * $i + 2];
                $at[$PITCH + 8] = $sum[4 * $i + 3];
            }}
            tilec::named_sync(1, $MATH);
            ",
            columns / 8
        ));
        if parts > 1 {
            let first = self.first_of_parts();
            self.say(&format!(
                "
                if ($thread < {parts}) tilec::barrier_arrive_at($parts_full, {first}$thread);
                tilec::barrier_wait_cluster($parts_full, $parity);
                "
            ));
        }
    }

    /// The rank of the first block that has a part of this block's tile, and a plus.
    fn first_of_parts(&self) -> String {
        let Shape { parts, sharers, .. } = self.shape;
        if sharers > 1 { format!("$member * {parts} + ") } else { String::new() }
    }

    /// Adds the planes up, computes the epilogue and writes.
    pub(super) fn put(&mut self) {
        let parts = self.shape.parts;
        let (first, step) = if parts > 1 {
            ("$part * $MATH + $thread".to_owned(), format!("{parts} * $MATH"))
        } else {
            ("$thread".to_owned(), "$MATH".to_owned())
        };
        let m = self.length(&self.contract.m.clone(), "all_m");
        let n = self.length(&self.contract.n.clone(), "all_n");
        self.open(&format!("for (int $i = {first}; $i < $COLUMNS * $ROWS; $i += {step})"));
        self.say("const int $column = $i / $ROWS, $row = $i % $ROWS;");
        self.open(&format!("if ($tile.m + $column < {m} && $tile.n + $row < {n})"));
        self.total();
        self.bind("$tile.m + $column", "$tile.n + $row");
        self.results();
        self.f.close();
        self.f.close();
        if parts > 1 {
            let first = self.first_of_parts();
            self.say(&format!(
                "
                tilec::named_sync(1, $MATH);
                if ($thread < {parts}) tilec::barrier_arrive_at($parts_read, {first}$thread);
                $parity ^= 1;
                "
            ));
        }
    }

    /// The sum of one element over all planes, in order.
    fn total(&mut self) {
        let Shape { parts, groups, .. } = self.shape;
        let ty = self.class().cpp();
        self.say("const int $plane = $column * $PITCH + $row;");
        let mut terms = Vec::new();
        for part in 0..parts {
            for group in 0..groups {
                let at = if group == 0 {
                    "$plane".to_owned()
                } else {
                    format!("$plane + {group} * $COLUMNS * $PITCH")
                };
                terms.push(if parts == 1 {
                    format!("$staging[{at}]")
                } else {
                    self.remote(part, &at)
                });
            }
        }
        let (head, rest) = terms.split_first().expect("there is a plane");
        self.say(&format!("{ty} $total = {head};"));
        for term in rest {
            self.say(&format!("$total += {term};"));
        }
    }

    /// An element of the staging memory of the block with a part of `k`.
    fn remote(&self, part: u32, at: &str) -> String {
        let first = self.first_of_parts();
        let address = format!(
            "tilec::cluster_address(tilec::shared_address($staging + {at}), {first}{part})"
        );
        match self.class() {
            Class::Float => format!("tilec::cluster_load({address})"),
            Class::Integer | Class::Truth => {
                format!("__float_as_int(tilec::cluster_load({address}))")
            }
        }
    }

    /// Stores the sum where it is asked for, and what is computed from it.
    fn results(&mut self) {
        let sum = self.equations[0];
        let mut total = Text::atom(self.words.name("total"));
        if let Some(coefficient) = self.contract.coefficient {
            let (class, by) = (self.class(), self.f.value(coefficient));
            let product = self.f.combine(tilec_ir::tensor::Binary::Mul, class, &total, &by);
            let name = self.f.cx.names.tensor(sum.tensor).to_owned() + "_here";
            total = Text::atom(self.f.declare(class.cpp(), &name, product.to_string()));
        }
        let index: Vec<_> = sum.vars.iter().map(|&var| self.f.var(var)).collect();
        if self.contract.stored {
            let element = self.f.kernel.tensors[sum.tensor].element;
            let encoded = self.f.encode(element, &total);
            let at: Vec<_> = index.iter().cloned().map(Text::atom).collect();
            self.f.store_encoded(sum.tensor, &at, &encoded);
        }
        self.f.hold(sum.tensor, index.clone(), total);
        for equation in self.equations.split_off(1) {
            self.f.cite(equation);
            self.bind_epilogue(equation, sum.tensor, &index);
            let at: Vec<_> = equation.vars.iter().map(|&var| Text::atom(self.f.var(var))).collect();
            self.f.store(equation.tensor, &at, equation.value);
        }
    }

    /// Binds the variables of an equation that reads the sum at its own points.
    fn bind_epilogue(&mut self, equation: &Equation, sum: Id<Tensor>, index: &[String]) {
        let kernel = self.f.kernel;
        let mut bound = BTreeMap::new();
        for expr in walk::reachable(kernel, equation.value) {
            let ExprKind::Read(tensor, at) = &kernel.exprs[expr].kind else { continue };
            if *tensor == sum {
                for (&int, name) in at.iter().zip(index) {
                    if let Some(Atom::Var(var)) = kernel.ints.as_atom(int) {
                        bound.insert(*var, name.clone());
                    }
                }
            }
        }
        let by_position = |var: Id<Var>| equation.vars.iter().position(|&other| other == var);
        for &var in &equation.vars {
            let name = bound.get(&var).or_else(|| index.get(by_position(var)?));
            let name = name.expect("an epilogue has the points of its sum").clone();
            self.f.bind(var, name);
        }
    }
}
