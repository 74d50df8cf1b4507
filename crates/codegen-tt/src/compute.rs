//! The compute role: products on the matrix unit, copies to DST, the vector unit's
//! functions, and packing.

use tilec_ir::dataflow::{CircularAt, Math, Op};

use crate::kernel::Kernel;
use crate::vector;

/// The names of a product's shape: whether `b` is transposed, columns, rows, depth.
pub(crate) const PRODUCT: [&str; 4] =
    ["RIGHT_TRANSPOSED", "DST_COLUMNS", "DST_ROWS", "LEFT_STRIDE"];

/// The first inits of a role, which the chip's start-up has to know.
#[derive(Clone, Copy, Debug, Default)]
struct First<'p> {
    operands: Option<&'p Math>,
    packed: Option<CircularAt>,
}

impl Kernel<'_> {
    /// `compute_kernel_hw_startup` for the formats of the first inits. A role without
    /// any does nothing, and needs none.
    pub(crate) fn start_compute(&mut self) {
        let mut first = First::default();
        find(&self.role.body, &mut first);
        let Some(packed) = first.packed else { return };
        let startup = match first.operands {
            Some(Math::MultiplyInit { a, b, .. }) => {
                let (a, b) = (self.ring(*a), self.ring(*b));
                format!("compute_kernel_hw_startup<SrcOrder::Reverse>({a}, {b}, ")
            }
            Some(Math::CopyInit(ring)) => {
                format!("compute_kernel_hw_startup({}, ", self.ring(*ring))
            }
            // What is packed was made in DST: the packer's ring stands for an operand.
            _ => format!("compute_kernel_hw_startup({}, ", self.ring(packed)),
        };
        let line = format!("{startup}{});", self.ring(packed));
        self.line(line);
        let pack = Math::PackInit(packed);
        for op in first.operands.into_iter().chain([&pack]) {
            self.formats.set(self.step, op);
        }
        // It sets formats, but gives the math unit nothing to do.
        self.formats.task = None;
    }

    pub(crate) fn math(&mut self, op: &Math) {
        match op {
            Math::Acquire => self.line("tile_regs_acquire();"),
            Math::Commit => self.line("tile_regs_commit();"),
            Math::AwaitMath => self.line("tile_regs_wait();"),
            Math::Release => self.line("tile_regs_release();"),
            Math::MultiplyInit { .. } | Math::CopyInit(_) | Math::PackInit(_) => self.init(op),
            Math::Multiply { a, b, a_at, b_at, dst, transpose, block } => {
                let shape = self.block(*a, *b, *transpose, *block);
                let [a_at, b_at] = [a_at, b_at].map(|at| self.index(at));
                let [a, b] = [*a, *b].map(|ring| self.ring(ring).to_owned());
                let operands = [a, b, a_at, b_at, dst.to_string()];
                self.call("matmul_block", &[&operands[..], &shape[..]].concat());
            }
            Math::Copy { from, at, dst } => {
                let at = self.index(at);
                let line = format!("copy_tile({}, {at}, {dst});", self.ring(*from));
                self.line(line);
            }
            Math::Vector(op) => {
                let line = vector::call(op, &mut self.names);
                self.line(line);
            }
            Math::PackAdds(adds) => {
                self.line(format!("pack_reconfig_l1_acc({});", u8::from(*adds)))
            }
            Math::Pack { dst, into, at: None } => {
                let line = format!("pack_tile({dst}, {});", self.ring(*into));
                self.line(line);
            }
            Math::Pack { dst, into, at: Some(at) } => {
                let at = self.index(at);
                let line = format!("pack_tile<true>({dst}, {}, {at});", self.ring(*into));
                self.line(line);
            }
        }
    }

    /// What an init sets, where it may not be set already.
    fn init(&mut self, op: &Math) {
        let before = self.formats;
        self.formats.set(self.step, op);
        let now = self.formats;
        let sources = [now.source_a != before.source_a, now.source_b != before.source_b];
        match op {
            Math::MultiplyInit { a, b, transpose, block } => {
                let shape = self.block(*a, *b, *transpose, *block);
                let (a, b) = (self.ring(*a).to_owned(), self.ring(*b).to_owned());
                if sources != [false, false] {
                    self.line(format!("reconfig_data_format<SrcOrder::Reverse>({a}, {b});"));
                }
                if now.task != before.task {
                    self.call("matmul_block_init", &[&[a, b], &shape[..]].concat());
                }
            }
            Math::CopyInit(ring) => {
                let ring = self.ring(*ring).to_owned();
                match sources {
                    [_, true] => self.line(format!("reconfig_data_format({ring}, {ring});")),
                    [true, _] => self.line(format!("reconfig_data_format_srca({ring});")),
                    [false, false] => {}
                }
                if now.task != before.task {
                    self.line(format!("copy_init({ring});"));
                }
            }
            Math::PackInit(ring) => {
                if now.packed != before.packed {
                    let line = format!("pack_reconfig_data_format({});", self.ring(*ring));
                    self.line(line);
                }
            }
            Math::Acquire
            | Math::Commit
            | Math::AwaitMath
            | Math::Release
            | Math::Multiply { .. }
            | Math::Copy { .. }
            | Math::Vector(_)
            | Math::PackAdds(_)
            | Math::Pack { .. } => {}
        }
    }

    /// `transpose, columns, rows, depth`: named where the kernel has one shape of products.
    fn block(&self, a: CircularAt, b: CircularAt, transpose: bool, block: [u32; 3]) -> [String; 4] {
        if self.needs.products.as_slice() == [(a, b, transpose, block)] {
            return PRODUCT.map(str::to_owned);
        }
        let [rows, columns, depth] = block;
        [u32::from(transpose), columns, rows, depth].map(|number| number.to_string())
    }
}

/// Finds the first inits in the order of the text.
fn find<'p>(ops: &'p [Op], first: &mut First<'p>) {
    for op in ops {
        match op {
            Op::Loop { body, .. } => find(body, first),
            Op::If { then, otherwise, .. } => {
                find(then, first);
                find(otherwise, first);
            }
            Op::Math(math @ (Math::MultiplyInit { .. } | Math::CopyInit(_))) => {
                first.operands.get_or_insert(math);
            }
            Op::Math(Math::PackInit(ring)) => {
                first.packed.get_or_insert(*ring);
            }
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Let(..)
            | Op::Learn { .. }
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Move(_)
            | Op::Math(_) => {}
        }
    }
}
