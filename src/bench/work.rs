//! How much work a launch is: the bytes that must move and the operations of its
//! contractions, and how long a chip takes for them at least.
//!
//! ```text
//! bound = max(bytes / bandwidth, sum of operations / peak rate of their type)
//! ```
//!
//! Every input and output counts once; what a kernel moves besides is its own fault.

use tilec_ir::plan::{Plan, RegionKind};
use tilec_ir::tensor::{Role, Scalar};
use tilec_ir::{Atom, Element, Id, IntId, Kernel, Launch, tensor::Var};
use tilec_target::Chip;

/// The rate that limits a contraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Products of FP8 values.
    Fp8,
    /// Products of 8-bit integers.
    I8,
    /// Products of f16 or bf16 values.
    Half,
    /// Everything else.
    Fp32,
}

/// The work of a launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// Bytes of all inputs and outputs.
    pub bytes: f64,
    /// Operations of each contraction.
    pub operations: Vec<(Rate, f64)>,
}

impl Work {
    /// Operations of all contractions.
    #[must_use]
    pub fn total_operations(&self) -> f64 {
        // A sum of nothing would be -0.
        self.operations.iter().fold(0.0, |sum, (_, count)| sum + count)
    }

    /// What a chip needs at least, in seconds.
    #[must_use]
    pub fn bound_seconds(&self, chip: &Chip) -> f64 {
        let peak = chip.peak;
        let seconds = self.operations.iter().map(|&(rate, count)| {
            let per_second = match rate {
                Rate::Fp8 => peak.fp8.unwrap_or(peak.half),
                Rate::I8 => peak.i8.unwrap_or(peak.half),
                Rate::Half => peak.half,
                Rate::Fp32 => peak.fp32,
            };
            count / per_second
        });
        f64::max(self.bytes / chip.memory.bytes_per_second as f64, seconds.fold(0.0, |a, b| a + b))
    }
}

/// The work of a launch of a kernel whose plan this is.
#[must_use]
pub fn work(kernel: &Kernel, plan: &Plan, launch: &Launch) -> Work {
    let tensors = kernel.tensors.iter().zip(&launch.shapes);
    let moved = tensors.filter(|((_, tensor), _)| tensor.role != Role::Local);
    let bytes = moved.map(|((_, tensor), shape)| {
        let elements: f64 = shape.iter().map(|&d| d as f64).product();
        elements * Element::of(tensor.element).bytes() as f64
    });
    let contractions = plan.regions.iter().flat_map(|region| match &region.kind {
        RegionKind::Contract(contract) => vec![contract],
        RegionKind::Grouped(grouped) => {
            grouped.products.iter().map(|product| &product.contract).collect()
        }
        RegionKind::Rowwise(_)
        | RegionKind::Combine(_)
        | RegionKind::Histogram(_)
        | RegionKind::Scan(_)
        | RegionKind::Select(_)
        | RegionKind::Pointwise
        | RegionKind::Generic { .. } => Vec::new(),
    });
    let operations = contractions.map(|contract| {
        let axes = [&contract.batch, &contract.m, &contract.n, &contract.k];
        let points: f64 =
            axes.into_iter().flatten().map(|&var| extent(&plan.kernel, launch, var)).product();
        (rate(contract.a.element, contract.b.element), 2.0 * points)
    });
    Work { bytes: bytes.sum(), operations: operations.collect() }
}

/// How many values a variable has.
fn extent(kernel: &Kernel, launch: &Launch, var: Id<Var>) -> f64 {
    value(kernel, launch, kernel.vars[var].range).unwrap_or(0) as f64
}

fn value(kernel: &Kernel, launch: &Launch, int: IntId) -> Option<i64> {
    kernel.ints.eval(int, &mut |atom| match atom {
        Atom::Size(size) => launch.sizes.get(size.index()).copied(),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    })
}

/// The rate of the wider of two operands.
fn rate(a: Scalar, b: Scalar) -> Rate {
    let of = |scalar| match scalar {
        Scalar::F8E4M3 | Scalar::F8E5M2 => Rate::Fp8,
        Scalar::I8 | Scalar::U8 | Scalar::Bool => Rate::I8,
        Scalar::Bf16 | Scalar::F16 => Rate::Half,
        Scalar::F32 | Scalar::I32 | Scalar::Idx(_) => Rate::Fp32,
    };
    match (of(a), of(b)) {
        (a, b) if a == b => a,
        (Rate::Fp32, _) | (_, Rate::Fp32) => Rate::Fp32,
        (_, _) => Rate::Half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;
    use crate::stage::Compilation;
    use tilec_ir::launch;

    #[test]
    fn a_product_is_bytes_and_operations() {
        let program = Program::check(
            "kernel k[M, N, K](a: f8e4m3[M, K], b: f8e4m3[N, K]) -> (c: bf16[M, N]) {\n    \
             c[m, n] = bf16(sum[k](a[m, k] * b[n, k]))\n}\n",
        );
        let kernel = program.kernel(None).unwrap();
        let set = [("M", 2), ("N", 3), ("K", 128)].map(|(name, value)| (name.to_owned(), value));
        let launch = launch::bind(kernel, &[None, None], &set).unwrap();
        let compilation = Compilation::new(kernel, &[]).unwrap();
        let work = work(kernel, &compilation.plan(), &launch);
        assert_eq!(work.bytes, 2.0 * 128.0 + 3.0 * 128.0 + 12.0);
        assert_eq!(work.operations, [(Rate::Fp8, 2.0 * 2.0 * 3.0 * 128.0)]);
        let h200 = tilec_target::chip("h200").unwrap();
        assert_eq!(work.bound_seconds(h200), work.bytes / 4.8e12);
    }

    #[test]
    fn the_wider_operand_decides() {
        assert_eq!(rate(Scalar::F8E4M3, Scalar::F8E5M2), Rate::Fp8);
        assert_eq!(rate(Scalar::F8E4M3, Scalar::Bf16), Rate::Half);
        assert_eq!(rate(Scalar::Bf16, Scalar::F32), Rate::Fp32);
        assert_eq!(rate(Scalar::I8, Scalar::I8), Rate::I8);
    }
}
