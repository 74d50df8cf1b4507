//! The compute role: products on the matrix unit, copies to DST, the vector unit's
//! functions, and packing.

use tilec_ir::dataflow::{CircularAt, Math, Op};

use crate::kernel::Kernel;
use crate::vector;

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
    }

    pub(crate) fn math(&mut self, op: &Math) {
        match op {
            Math::Acquire => self.line("tile_regs_acquire();"),
            Math::Commit => self.line("tile_regs_commit();"),
            Math::AwaitMath => self.line("tile_regs_wait();"),
            Math::Release => self.line("tile_regs_release();"),
            Math::MultiplyInit { a, b, transpose, block } => {
                self.configure(op);
                let shape = self.block(*a, *b, *transpose, *block);
                let [a, b] = [*a, *b].map(|ring| self.ring(ring).to_owned());
                self.line(format!("matmul_block_init({a}, {b}, {shape});"));
            }
            Math::Multiply { a, b, a_at, b_at, dst, transpose, block } => {
                let shape = self.block(*a, *b, *transpose, *block);
                let [a_at, b_at] = [a_at, b_at].map(|at| self.index(at));
                let [a, b] = [*a, *b].map(|ring| self.ring(ring).to_owned());
                self.line(format!("matmul_block({a}, {b}, {a_at}, {b_at}, {dst}, {shape});"));
            }
            Math::CopyInit(ring) => {
                self.configure(op);
                let line = format!("copy_init({});", self.ring(*ring));
                self.line(line);
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
            Math::PackInit(_) => self.configure(op),
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

    /// Sets the formats that an init names, where they may not be set already.
    fn configure(&mut self, op: &Math) {
        let mut formats = self.formats;
        formats.set(self.step, op);
        let changed = formats != self.formats;
        self.formats = formats;
        if !changed {
            return;
        }
        let line = match op {
            Math::MultiplyInit { a, b, .. } => {
                let (a, b) = (self.ring(*a), self.ring(*b));
                format!("reconfig_data_format<SrcOrder::Reverse>({a}, {b});")
            }
            Math::CopyInit(ring) => format!("reconfig_data_format_srca({});", self.ring(*ring)),
            Math::PackInit(ring) => format!("pack_reconfig_data_format({});", self.ring(*ring)),
            _ => return,
        };
        self.line(line);
    }

    /// `transpose, columns, rows, depth`: named where the kernel has one shape of products.
    fn block(&self, a: CircularAt, b: CircularAt, transpose: bool, block: [u32; 3]) -> String {
        let product = (a, b, transpose, block);
        if self.needs.products.as_slice() == [product] {
            return "TRANSPOSED, BLOCK_COLUMNS, BLOCK_ROWS, BLOCK_DEPTH".to_owned();
        }
        let [rows, columns, depth] = block;
        format!("{}, {columns}, {rows}, {depth}", u8::from(transpose))
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
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Move(_)
            | Op::Math(_) => {}
        }
    }
}
