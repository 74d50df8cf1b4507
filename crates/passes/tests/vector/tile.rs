//! Tiles, and tensors as tiles.

use tilec_ir::dataflow::Buffer;
use tilec_ir::{Array, Data, Element};

/// The bits of 32 x 32 elements, row by row; narrow elements are zero-extended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tile(pub(crate) [u32; 1024]);

impl Tile {
    pub(crate) fn map(&self, f: impl Fn(u32) -> u32) -> Self {
        Self(self.0.map(f))
    }

    pub(crate) fn zip(&self, other: &Self, f: impl Fn(u32, u32) -> u32) -> Self {
        Self(std::array::from_fn(|at| f(self.0[at], other.0[at])))
    }

    pub(crate) fn floats(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        self.zip(other, |a, b| f(f32::from_bits(a), f32::from_bits(b)).to_bits())
    }
}

/// A number of things in memory.
pub(crate) fn count(number: u64) -> usize {
    usize::try_from(number).expect("tests are small")
}

/// The pages of a buffer that holds a tensor.
pub(crate) fn tilize(array: &Array, buffer: &Buffer) -> Vec<Tile> {
    let mut pages = vec![Tile([0; 1024]); count(buffer.pages())];
    each(array, buffer, |page, element, at, half| {
        let word = bits(array, at);
        pages[page].0[element] = half.map_or(word, |half| word >> (16 * half) & 0xffff);
    });
    pages
}

/// The tensor that lies in pages.
pub(crate) fn untilize(
    pages: &[Tile],
    buffer: &Buffer,
    element: Element,
    shape: &[usize],
) -> Array {
    let array = Array::zeros(element, shape).expect("it is small");
    let mut result = array.clone();
    each(&array, buffer, |page, element, at, half| {
        let (bits, before) = (pages[page].0[element], self::bits(&result, at));
        let whole =
            half.map_or(bits, |half| before & 0xffff_u32 << (16 - 16 * half) | bits << (16 * half));
        set(&mut result, at, whole);
    });
    result
}

/// By element of a tensor: its page, its place there, its place in row-major order and, of
/// words in halves, which half.
fn each(array: &Array, buffer: &Buffer, mut f: impl FnMut(usize, usize, usize, Option<usize>)) {
    let [rows, columns] = buffer.tiles().map(count);
    let rank = array.shape.len();
    let halves = buffer.batch.contains(&rank);
    let mut shape = array.shape.clone();
    shape.push(if halves { 2 } else { 1 });
    for point in 0..array.len() * shape[rank] {
        let mut rest = point;
        let mut index = vec![0; shape.len()];
        for dim in (0..shape.len()).rev() {
            index[dim] = rest % shape[dim];
            rest /= shape[dim];
        }
        let (at, half) = (point / shape[rank], halves.then_some(index[rank]));
        let flat =
            |dims: &[usize]| dims.iter().fold(0, |flat, &dim| flat * shape[dim] + index[dim]);
        let [b, r, c] = [&buffer.batch, &buffer.rows, &buffer.columns].map(|dims| flat(dims));
        let page = (b * rows + r / 32) * columns + c / 32;
        f(page, r % 32 * 32 + c % 32, at, half);
    }
}

fn bits(array: &Array, at: usize) -> u32 {
    match &array.data {
        Data::F32(x) => x[at].to_bits(),
        Data::I32(x) => x[at].cast_unsigned(),
        Data::B16(x) => x[at].into(),
        Data::B8(x) => x[at].into(),
    }
}

fn set(array: &mut Array, at: usize, bits: u32) {
    match &mut array.data {
        Data::F32(x) => x[at] = f32::from_bits(bits),
        Data::I32(x) => x[at] = bits.cast_signed(),
        Data::B16(x) => x[at] = u16::try_from(bits).expect("16 bits"),
        Data::B8(x) => x[at] = u8::try_from(bits).expect("8 bits"),
    }
}
