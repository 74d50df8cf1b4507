//! Inputs that the caller did not give, drawn from a seed: the same seed gives
//! the same data on every machine.
//!
//! Floats are standard normal, except scales and scalars (an epsilon, a
//! temperature), which are in 0.5 .. 1.5; `idx<N>` is in range, other integers
//! small, a tensor that must be sorted is sorted. Logarithms and cosines are
//! libm's, since those of systems differ in the last digit.

use tilec_ir::formats::Format;
use tilec_ir::philox::philox4x32_10;
use tilec_ir::tensor::{Binary, ExprKind, FactKind, Tensor};
use tilec_ir::walk::bound;
use tilec_ir::{Array, Atom, Data, Element, Id, IntId, Kernel, Launch, Scalar};

/// Draws an input of the shape it has in `launch`; `None` if it does not fit
/// into memory.
#[must_use]
pub fn draw(kernel: &Kernel, launch: &Launch, tensor: Id<Tensor>, seed: u64) -> Option<Array> {
    let element = Element::of(kernel.tensors[tensor].element);
    let mut array = Array::zeros(element, &launch.shapes[tensor.index()])?;
    // Scalars are temperatures, shares, epsilons: rarely negative, seldom tiny.
    let positive = array.shape.is_empty() || is_scale(kernel, tensor);
    let mut bits =
        Bits { key: [seed as u32, (seed >> 32) as u32], stream: tensor.index() as u32, count: 0 };
    let range = integer_range(kernel, launch, tensor);
    for at in 0..array.len() {
        match element {
            Element::I32 => array.set_i32(at, bits.below(range).cast_signed()),
            Element::I8 | Element::U8 => {
                array.set_i32(at, bits.below(256).cast_signed() - least(element))
            }
            Element::Bool => array.set_bool(at, bits.below(2) == 1),
            Element::F32 | Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2 => {
                array.set_f32(at, bits.float(positive));
            }
        }
    }
    if kernel.facts.iter().any(|fact| fact.kind == FactKind::Sorted(tensor)) {
        sort_rows(&mut array);
    }
    Some(array)
}

/// How far below zero the 8-bit integers of a type begin.
fn least(element: Element) -> i32 {
    if element == Element::I8 { 128 } else { 0 }
}

/// One past the largest integer drawn: the N of `idx<N>`, else 64.
fn integer_range(kernel: &Kernel, launch: &Launch, tensor: Id<Tensor>) -> u32 {
    let Scalar::Idx(bound) = kernel.tensors[tensor].element else { return 64 };
    let size = |atom: &Atom| match atom {
        Atom::Size(size) => Some(launch.sizes[size.index()]),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    };
    let bound = kernel.ints.eval(bound, &mut { size }).and_then(|n| u32::try_from(n).ok());
    bound.unwrap_or(1).max(1)
}

fn sort_rows(array: &mut Array) {
    let row = array.shape.last().copied().unwrap_or(1).max(1);
    let float =
        |bits: u16| Format::of_element(array.element).map_or(0.0, |format| format.decode(bits));
    let integer = |bits: u8| {
        if array.element == Element::I8 { i32::from(bits.cast_signed()) } else { i32::from(bits) }
    };
    let narrow = |&bits: &u8| (integer(bits), float(bits.into()));
    match &mut array.data {
        Data::F32(x) => x.chunks_mut(row).for_each(|r| r.sort_by(f32::total_cmp)),
        Data::I32(x) => x.chunks_mut(row).for_each(<[i32]>::sort),
        Data::B16(x) => {
            x.chunks_mut(row).for_each(|r| r.sort_by(|&a, &b| float(a).total_cmp(&float(b))))
        }
        Data::B8(x) if Format::of_element(array.element).is_some() => {
            x.chunks_mut(row).for_each(|r| r.sort_by(|a, b| narrow(a).1.total_cmp(&narrow(b).1)));
        }
        Data::B8(x) => x.chunks_mut(row).for_each(|r| r.sort_by_key(|bits| narrow(bits).0)),
    }
}

/// Whether the float input is only ever a factor that is coarser than another
/// factor of its product and that no sum runs over finely: a block, row or
/// column scale, but not the vector of a matrix-vector product.
fn is_scale(kernel: &Kernel, tensor: Id<Tensor>) -> bool {
    let reads = kernel.exprs.iter().filter_map(|(id, expr)| {
        let ExprKind::Read(read, index) = &expr.kind else { return None };
        (*read == tensor).then_some((id, index))
    });
    let mut any = false;
    for (id, index) in reads {
        any = true;
        if !coarser_factor(kernel, id, index) {
            return false;
        }
    }
    any
}

/// Whether the read `id` is multiplied by, or divides, something that depends
/// finely on all its variables and on one more.
fn coarser_factor(kernel: &Kernel, id: Id<tilec_ir::tensor::Expr>, index: &[IntId]) -> bool {
    let vars = fine_vars(kernel, index);
    let reduced = |var: &Id<tilec_ir::tensor::Var>| {
        kernel.exprs.iter().any(|(_, expr)| bound(&expr.kind).contains(var))
    };
    if vars.iter().any(reduced) {
        return false;
    }
    let factors = product_around(kernel, id);
    factors.iter().any(|&factor| {
        let ExprKind::Read(other, other_index) = &kernel.exprs[factor].kind else { return false };
        let others = fine_vars(kernel, other_index);
        factor != id
            && kernel.tensors[*other].element.is_float()
            && others.len() > vars.len()
            && vars.iter().all(|v| others.contains(v))
    })
}

/// The leaves of the largest product or quotient that `id` is a factor of.
fn product_around(
    kernel: &Kernel,
    id: Id<tilec_ir::tensor::Expr>,
) -> Vec<Id<tilec_ir::tensor::Expr>> {
    let mut root = id;
    for (user, expr) in kernel.exprs.iter().skip(id.index() + 1) {
        if let ExprKind::Binary(Binary::Mul | Binary::Div, a, b) = expr.kind
            && (a == root || b == root)
        {
            root = user;
        }
    }
    let (mut leaves, mut stack) = (vec![], vec![root]);
    while let Some(next) = stack.pop() {
        if let ExprKind::Binary(Binary::Mul | Binary::Div, a, b) = kernel.exprs[next].kind {
            stack.extend([a, b]);
        } else {
            leaves.push(next);
        }
    }
    leaves
}

/// The variables that an access depends on finely: as an index of their own.
fn fine_vars(kernel: &Kernel, index: &[IntId]) -> Vec<Id<tilec_ir::tensor::Var>> {
    let var = |&i: &IntId| match kernel.ints.as_atom(i) {
        Some(&Atom::Var(var)) => Some(var),
        _ => None,
    };
    index.iter().filter_map(var).collect()
}

/// A stream of random words: Philox with the tensor and the position as counter.
struct Bits {
    key: [u32; 2],
    stream: u32,
    count: u64,
}

impl Bits {
    fn block(&mut self) -> [u32; 4] {
        let counter = [self.count as u32, (self.count >> 32) as u32, self.stream, 0];
        self.count += 1;
        philox4x32_10(counter, self.key)
    }

    /// An integer in 0 .. bound - 1.
    fn below(&mut self, bound: u32) -> u32 {
        self.block()[0] % bound
    }

    /// Standard normal by Box-Muller, or uniform in 0.5 .. 1.5.
    fn float(&mut self, positive: bool) -> f32 {
        let [a, b, ..] = self.block().map(|w| (f64::from(w) + 0.5) / 4_294_967_296.0);
        let normal = (-2.0 * libm::log(a)).sqrt() * libm::cos(std::f64::consts::TAU * b);
        if positive { (0.5 + a) as f32 } else { normal as f32 }
    }
}
