//! Where sums become results.
//!
//! A warp lays its sums in shared memory, 64 columns of 16 rows at a time, and takes
//! them up again as 8 neighbors of one row for each lane. The epilogue is computed
//! there: what it reads of a row or a column lies beside what the next lane reads, and
//! results are written 16 bytes at a time where their address allows it.

use tilec_ir::walk;

use super::Wide;
use super::outputs::Output;
use super::shape::INSTRUCTION_ROWS;

/// The most expressions of an epilogue that is written out for each row of a lane.
const FEW_EXPRESSIONS: usize = 12;
/// Elements of the staging memory of one warp.
const OF_WARP: u32 = 16 * 64;

impl<'p> Wide<'_, '_, 'p> {
    pub(super) fn put(&mut self) {
        let outputs = self.stored_outputs();
        let m = self.end_of_rows();
        let n = self.length(&self.contract.n.clone(), "all_n");
        let (ty, sum) = (self.class().cpp(), self.sum());
        self.say(&format!("{ty}* const $to = $staging + $warp * {OF_WARP};"));
        self.open_groups();
        if let (Some(segments), Some(beside)) = (self.segments.clone(), self.beside) {
            self.maxima(&segments, beside, &m, &n);
        }
        let columns = self.shape.output_columns_word();
        self.f.line("#pragma unroll");
        self.open(&format!("for (int $part = 0; $part < {columns}; $part += 64)"));
        let staged = match self.beside {
            Some(beside) => self.join(beside, &m, &n),
            None => format!("tilec::stage<$COLUMNS>($to, {sum}, $part);"),
        };
        self.say(&format!(
            "
            __syncwarp();
            {staged}
            __syncwarp();
            "
        ));
        let short = self.is_short(&outputs);
        if short {
            self.say(&format!(
                "const bool $whole = $tile.m + $ROWS <= {m} && $tile.n + {columns} <= {n};"
            ));
            self.open(&format!("if ($whole && $part + $lane % 8 * 8 < {columns})"));
            self.four_rows(&outputs);
            self.f.close_else();
        }
        self.f.line("#pragma unroll 1");
        self.open("for (int $i = 0; $i < 4; ++$i)");
        self.rows(&outputs, &m, &n);
        self.f.close();
        if short {
            self.f.close();
        }
        self.f.close();
        self.close_groups();
    }

    fn is_short(&self, outputs: &[Output<'p>]) -> bool {
        let count =
            |output: &Output<'p>| walk::reachable(self.f.kernel, output.equation.value).len();
        outputs.iter().skip(1).map(count).sum::<usize>() <= FEW_EXPRESSIONS
    }

    /// Where the 8 columns of a lane's row lie; the names of the row and the first column.
    fn position(&mut self) -> [String; 2] {
        let groups = self.shape.groups;
        let instance = groups * INSTRUCTION_ROWS;
        let of_group = if groups > 1 { "64 * $group + " } else { "" };
        let [row, column] = ["m_at", "n_at"].map(|name| self.f.local(name));
        self.say(&format!(
            "
            const int $row = 4 * $i + $lane / 8, $column = $lane % 8 * 8;
            const long long {row} =
                $tile.m + $instance * {instance} + {of_group}$warp % 4 * 16 + $row;
            const long long {column} = $tile.n + $part + $column;
            "
        ));
        let contract = self.contract;
        self.bind(&contract.batch, "$tile.batch");
        self.bind(&contract.m, &row);
        [row, column]
    }

    /// Binds rows and batch to where a lane's row lies, in place, so that what is not used
    /// is not written; returns the first column.
    fn bind_position(&mut self) -> &'static str {
        let groups = self.shape.groups;
        let instance = groups * INSTRUCTION_ROWS;
        let of_group = if groups > 1 { "64 * $group + " } else { "" };
        let row = format!(
            "static_cast<long long>($tile.m + $instance * {instance} + {of_group}$warp % 4 * 16 + \
             4 * $i + $lane / 8)"
        );
        let contract = self.contract;
        self.bind(&contract.batch, "$tile.batch");
        self.bind(&contract.m, &row);
        "static_cast<long long>($tile.n + $part + $lane % 8 * 8)"
    }

    /// All rows of a lane, where the tile is inside: nothing is asked between them.
    fn four_rows(&mut self, outputs: &[Output<'p>]) {
        let ty = self.class().cpp();
        let mut rows = self.declare_rows(outputs, 32);
        self.open_unrolled("$i", 4);
        let column = self.bind_position();
        self.say(&format!("alignas(16) {ty} $total[8];"));
        self.say("tilec::take_up($total, $to, 4 * $i + $lane / 8, $lane % 8 * 8);");
        self.open_unrolled("$e", 8);
        self.point(outputs, &rows, column, ["$total[$e]", "8 * $i + $e"]);
        self.f.close();
        self.f.close();
        if rows.iter().all(Option::is_none) {
            return;
        }
        self.narrow_rows(outputs, &mut rows);
        self.open_unrolled("$i", 4);
        let column = self.bind_position();
        self.bind(&self.contract.n, column);
        let first = self.words.fill(", 8 * $i");
        self.store_rows(outputs, &rows, &first);
        self.f.close();
    }

    /// The 8 columns of one row that a lane has.
    fn rows(&mut self, outputs: &[Output<'p>], m: &str, n: &str) {
        let [row, column] = self.position();
        let inside = if self.shape.output_columns().is_multiple_of(64) {
            String::new()
        } else {
            format!("$part + $column < {} && ", self.shape.output_columns_word())
        };
        self.open(&format!("if ({inside}{row} < {m} && {column} < {n})"));
        self.open(&format!("if ({column} + 8 <= {n})"));
        self.whole(outputs, &column);
        self.f.close_else();
        self.rest(outputs, &column, n);
        self.f.close();
        self.f.close();
    }

    /// All 8 columns are inside.
    fn whole(&mut self, outputs: &[Output<'p>], column: &str) {
        let ty = self.class().cpp();
        self.say(&format!("alignas(16) {ty} $total[8];"));
        self.say("tilec::take_up($total, $to, $row, $column);");
        let mut rows = self.declare_rows(outputs, 8);
        self.open_unrolled("$e", 8);
        self.point(outputs, &rows, column, ["$total[$e]", "$e"]);
        self.f.close();
        if rows.iter().any(Option::is_some) {
            self.bind(&self.contract.n, column);
            self.narrow_rows(outputs, &mut rows);
            self.store_rows(outputs, &rows, "");
        }
    }

    /// Some columns are outside.
    fn rest(&mut self, outputs: &[Output<'p>], column: &str, n: &str) {
        let rows = vec![None; outputs.len()];
        let ty = self.class().cpp();
        self.f.line("#pragma unroll 1");
        self.open(&format!("for (int $e = 0; {column} + $e < {n}; ++$e)"));
        self.say(&format!("const {ty} $total = $to[tilec::staged_at($row, $column) + $e];"));
        self.point(outputs, &rows, column, ["$total", "$e"]);
        self.f.close();
    }

    /// The results at one column.
    fn point(
        &mut self,
        outputs: &[Output<'p>],
        rows: &[Option<String>],
        column: &str,
        [total, at]: [&str; 2],
    ) {
        let contract = self.contract;
        self.bind(&contract.n, &format!("{column} + $e"));
        let [total, at] = [total, at].map(|word| self.words.fill(word));
        self.results(outputs, rows, &total, &at);
    }
}
