//! Where sums become results that leave as boxes: one output of 16 bits, dense in batch,
//! rows and columns, of an epilogue that reads nothing but what a row or a column has.
//!
//! ```text
//! sums --epilogue, rounded in pairs--> a box of 16 x 64 per warp --copy engine--> c
//! ```
//!
//! Results are computed where the sums are, so that nothing waits but the box: a warp has
//! two, and fills one while the other leaves. Where rows of the output are no multiple
//! of 16 bytes no tensor map can say where a box goes, and the warp writes it itself.

use tilec_manifest::{Formula, Operator, Swizzle, TensorMap};

use super::Wide;
use super::outputs::Output;
use super::shape::INSTRUCTION_ROWS;
use crate::params::Access;
use crate::{formula, types};

/// What addresses and rows of a tensor map are multiples of, in bytes.
const ALIGNMENT: u32 = 16;
/// Columns of a box: 128 bytes.
const BOX_COLUMNS: u32 = 64;
/// Rows of a box.
const BOX_ROWS: u32 = 16;
/// Bytes of both boxes of a warp.
const OF_WARP: u32 = 2 * BOX_ROWS * BOX_COLUMNS * 2;

impl<'p> Wide<'_, '_, 'p> {
    /// Adds the tensor map of the output to the function's parameters.
    pub(super) fn output_map(&mut self) -> Option<String> {
        if !self.shape.boxes {
            return None;
        }
        let output = self.boxed();
        let (kernel, contract, tensor) = (self.f.kernel, self.contract, output.equation.tensor);
        let size =
            |vars: &[_]| formula::product(kernel, vars.iter().map(|&var| kernel.vars[var].range));
        let element = kernel.tensors[tensor].element;
        let [m, n] = [&contract.m, &contract.n].map(|vars| size(vars));
        let bytes = i64::from(types::bytes(element));
        // Where rows are no multiple of that, the map is made but not used.
        let row = Formula::apply(Operator::Mul, n.clone(), bytes.into()).round_up(ALIGNMENT.into());
        let mut sizes = vec![n, m.clone()];
        let mut strides = vec![row.clone()];
        let mut tile = vec![BOX_COLUMNS, BOX_ROWS];
        if !contract.batch.is_empty() {
            sizes.push(size(&contract.batch));
            strides.push(Formula::apply(Operator::Mul, row, m));
            tile.push(1);
        }
        let element = types::map_element(element);
        self.f.cx.align(tensor, ALIGNMENT);
        let base = self.f.cx.base(tensor);
        let name = format!("{}_map", self.f.cx.names.tensor(tensor));
        let map = TensorMap { base, element, sizes, strides, tile, swizzle: Swizzle::B128 };
        Some(self.f.tensor_map(map, &name))
    }

    /// The one output that is stored.
    fn boxed(&self) -> Output<'p> {
        let outputs = self.outputs();
        outputs.last().expect("there is an output").clone()
    }

    /// What stands before all items.
    pub(super) fn first_box(&mut self) {
        self.say(&format!(
            "
            const tilec::u32 $boxes = $staging + $warp * {OF_WARP};
            tilec::u32 $other = 0;
            "
        ));
    }

    /// Waits until the copy engine has read all boxes: shared memory goes with the block.
    pub(super) fn last_box(&mut self) {
        self.f.line("tilec::tma_store_wait<0>();");
    }

    pub(super) fn put_boxes(&mut self, map: &str) {
        let [m, n] = [("all_m", &self.contract.m), ("all_n", &self.contract.n)]
            .map(|(word, vars)| self.length(vars, word));
        self.open_groups();
        self.f.line("#pragma unroll");
        self.open("for (int $part = 0; $part < $COLUMNS; $part += 64)");
        let outputs = self.outputs();
        self.say(
            "
            // The last box may hold columns of the one before, too.
            const int $from = min($part, $COLUMNS - 64);
            const tilec::u32 $box = $boxes + $other;
            if ($lane == 0) tilec::tma_store_wait<1>();
            __syncwarp();
            ",
        );
        let mut rows = self.declare_rows(&outputs, 32);
        self.open_unrolled("$i", 32);
        self.bind_clamped(&m, &n);
        let sum = self.sum();
        let [total, at] =
            [format!("{sum}[$from / 2 + $i]"), "$i".to_owned()].map(|word| self.words.fill(&word));
        self.results(&outputs, &rows, &total, &at);
        self.f.close();
        self.narrow_rows(&outputs, &mut rows);
        let narrow = rows.pop().flatten().expect("the last output is stored in rows");
        self.leave(map, &narrow, &m, &n);
        self.f.close();
        self.close_groups();
    }

    /// Sends a box on its way.
    fn leave(&mut self, map: &str, narrow: &str, m: &str, n: &str) {
        let row = self.first_row();
        let batched = !self.contract.batch.is_empty();
        let batch = if batched { ", $tile.batch" } else { "" };
        self.say(&format!("tilec::lay_box($box, {narrow});"));
        self.open(&format!("if ({n} % 8 == 0)"));
        self.say(&format!(
            "
            tilec::fence_shared_to_async();
            __syncwarp();
            if ($lane == 0) {{
                tilec::tma_store({map}, $box, $tile.n + $from, {row}{batch});
                tilec::tma_store_commit();
            }}
            "
        ));
        self.f.close_else();
        let pointer = {
            let tensor = self.boxed().equation.tensor;
            self.f.pointer(tensor, Access::Write)
        };
        let before = if batched {
            format!("(static_cast<long long>($tile.batch) * {m} + {row})")
        } else {
            format!("static_cast<long long>({row})")
        };
        self.say(&format!(
            "
            __syncwarp();
            tilec::store_box({pointer} + {before} * {n} + $tile.n + $from,
                             $shared + ($box - $ring), {n}, {m} - ({row}), {n} - $tile.n - $from);
            "
        ));
        self.f.close();
        self.say(&format!("$other ^= {};", OF_WARP / 2));
    }

    /// The first row of a warp's box.
    fn first_row(&self) -> String {
        let instance = self.shape.groups * INSTRUCTION_ROWS;
        let of_group = if self.shape.groups > 1 { "64 * $group + " } else { "" };
        format!("$tile.m + $instance * {instance} + {of_group}$warp % 4 * 16")
    }

    /// Binds variables to the place of element `i` of a lane's fragment, or to the last
    /// row and column where it lies outside: what is computed there goes nowhere.
    fn bind_clamped(&mut self, m: &str, n: &str) {
        let row = format!(
            "min(static_cast<long long>({} + $lane / 4 + 8 * ($i / 2 % 2)), {m} - 1)",
            self.first_row()
        );
        let column = format!(
            "min(static_cast<long long>($tile.n + $from + 8 * ($i / 4) + $lane % 4 * 2 + $i % 2), {n} - 1)"
        );
        let contract = self.contract;
        self.bind(&contract.batch, "$tile.batch");
        self.bind(&contract.m, &row);
        self.bind(&contract.n, &column);
    }
}
