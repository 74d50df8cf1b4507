//! The matrix instructions of Hopper as functions, generated for the shapes and
//! types that a program uses.
//!
//! ```text
//! tilec::wgmma_64x16x32_e4m3_e4m3(sums, a, b, add)     sums = a b, or sums + a b
//! ```
//!
//! `a` and `b` are descriptors of operands in shared memory (`device/wgmma.cuh`), of
//! 64 rows and of `columns` rows. Each function stands once in a source.

use std::fmt::Write;

use tilec_ir::Scalar;

use crate::device::Header;
use crate::function::Function;

/// A warpgroup's matrix instruction, in its own terms: `a` has its 64 rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wgmma {
    /// Columns of the result: a multiple of 8 up to 256.
    pub(crate) columns: u32,
    /// Products per result.
    pub(crate) depth: u32,
    /// The elements of `a` and of `b`.
    pub(crate) elements: [Scalar; 2],
    /// Whether `a` and `b` lie with the products innermost; others are of 16 bits.
    pub(crate) k_major: [bool; 2],
}

impl Wgmma {
    /// Embeds the function in the source; returns its qualified name.
    pub(crate) fn need(&self, f: &mut Function<'_, '_>) -> String {
        f.need(Header::Wgmma);
        let name = self.name();
        f.cx.need_instruction(&name, || self.text(&name));
        format!("tilec::{name}")
    }

    fn name(&self) -> String {
        let Self { columns, depth, elements, .. } = self;
        let [a, b] = elements.map(ptx);
        let [a_t, b_t] = self.k_major.map(|k_major| if k_major { "" } else { "t" });
        format!("wgmma_64x{columns}x{depth}_{a}{a_t}_{b}{b_t}")
    }

    /// Accumulators of a thread.
    fn sums(&self) -> u32 {
        self.columns / 2
    }

    fn text(&self, name: &str) -> String {
        let count = self.sums();
        let [a, b] = self.elements.map(ptx);
        let integers = matches!(self.elements[0], Scalar::I8 | Scalar::U8);
        let (ty, wide, class) = if integers { ("int", "s32", 'r') } else { ("float", "f32", 'f') };
        let list = |item: &dyn Fn(u32) -> String| {
            let lines: Vec<_> = (0..count).map(item).collect();
            lines.chunks(8).map(|line| line.join(", ")).collect::<Vec<_>>()
        };
        let registers = list(&|i| format!("%{i}")).join(", \"\n        \"");
        let outputs = list(&|i| format!("\"+{class}\"(sums[{i}])")).join(",\n          ");
        let (first, second, predicate) = (count, count + 1, count + 2);
        let Self { columns, depth, .. } = self;
        let mut text = String::new();
        let shape = format!("wgmma.mma_async.sync.aligned.m64n{columns}k{depth}.{wide}.{a}.{b}");
        write!(
            text,
            "// PTX: {shape}.\n\
             __device__ __forceinline__ void {name}(\n    {ty} (&sums)[{count}], u64 a, u64 b, bool add) {{\n    \
             asm volatile(\n        \"{{\\n\\t.reg .pred p;\\n\\tsetp.ne.b32 p, %{predicate}, 0;\\n\\t\"\n        \
             \"{shape} \"\n        \"{{{registers}}}, \"\n        \
             \"%{first}, %{second}, p{};\\n\\t}}\"\n        : {outputs}\n        \
             : \"l\"(a), \"l\"(b), \"r\"(static_cast<int>(add)));\n}}\n",
            self.immediates()
        )
        .expect("a string takes all text");
        text
    }

    /// What follows the predicate: the signs of the operands, and whether they are
    /// transposed where they can be.
    fn immediates(&self) -> String {
        match self.elements[0] {
            Scalar::I8 | Scalar::U8 => String::new(),
            Scalar::Bf16 | Scalar::F16 => {
                let [a, b] = self.k_major.map(|k_major| u32::from(!k_major));
                format!(", 1, 1, {a}, {b}")
            }
            Scalar::F32
            | Scalar::F8E4M3
            | Scalar::F8E5M2
            | Scalar::I32
            | Scalar::Bool
            | Scalar::Idx(_) => ", 1, 1".to_owned(),
        }
    }
}

/// The type of an operand as PTX names it.
fn ptx(element: Scalar) -> &'static str {
    match element {
        Scalar::Bf16 => "bf16",
        Scalar::F16 => "f16",
        Scalar::F32 => "tf32",
        Scalar::F8E4M3 => "e4m3",
        Scalar::F8E5M2 => "e5m2",
        Scalar::I8 => "s8",
        Scalar::U8 => "u8",
        Scalar::I32 | Scalar::Bool | Scalar::Idx(_) => {
            panic!("{element:?} is no operand of a matrix instruction")
        }
    }
}
