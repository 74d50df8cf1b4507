//! Elements of arrays by address.

use std::cell::Cell;

use super::column::{Column, map};
use super::graph::Read;
use crate::array::{Array, Data, Element};
use crate::formats::Format;

/// Reads an element per lane. An address past the end reads a zero where
/// `strict` is not set; where it is, the proof that the checker made is wrong.
pub(super) fn read(read: &Read, array: &Array, address: &[i64], strict: bool, out: &mut Column) {
    let outside = Cell::new(None);
    match (&array.data, Format::of_element(array.element)) {
        (Data::F32(x), _) => gather(x, address, out.floats_mut(), &outside, |x| x),
        (Data::B16(x), Some(Format::Bf16)) => {
            gather(x, address, out.floats_mut(), &outside, |x| Format::Bf16.decode(x));
        }
        (Data::B16(x), Some(format)) => {
            gather(x, address, out.floats_mut(), &outside, |x| format.decode(x));
        }
        (Data::B8(x), Some(format)) => {
            let decode = |x| format.decode(u16::from(x));
            gather(x, address, out.floats_mut(), &outside, decode);
        }
        (Data::I32(x), _) => gather(x, address, out.ints_mut(), &outside, i64::from),
        (Data::B8(x), None) => bytes(array.element, x, address, out, &outside),
        (Data::B16(_), None) => unreachable!("only bf16 and f16 have two bytes"),
    }
    if strict && let Some(at) = outside.get() {
        panic!("element {at} of {} is read: {read:?}", array.len());
    }
    if let Some(last) = read.last {
        out.ints_mut().iter_mut().for_each(|x| *x = (*x).clamp(0, last));
    }
}

fn bytes(
    element: Element,
    x: &[u8],
    address: &[i64],
    out: &mut Column,
    outside: &Cell<Option<i64>>,
) {
    match element {
        Element::I8 => {
            let signed = |x: u8| i64::from(x.cast_signed());
            gather(x, address, out.ints_mut(), outside, signed);
        }
        Element::U8 => gather(x, address, out.ints_mut(), outside, i64::from),
        Element::Bool => gather(x, address, out.bools_mut(), outside, |x| x != 0),
        Element::F32
        | Element::Bf16
        | Element::F16
        | Element::F8E4M3
        | Element::F8E5M2
        | Element::I32 => unreachable!("not types of plain bytes"),
    }
}

/// Notes in `outside` an address that is none.
fn gather<T: Copy + Default, R>(
    x: &[T],
    address: &[i64],
    out: &mut Vec<R>,
    outside: &Cell<Option<i64>>,
    decode: impl Fn(T) -> R,
) {
    map(address, out, |at: i64| {
        // A negative address becomes one far past the end.
        let value = x.get(at.cast_unsigned() as usize).copied().unwrap_or_else(|| {
            outside.set(Some(at));
            T::default()
        });
        decode(value)
    });
}

/// Stores a column from `start` on, `lanes` values.
pub(super) fn store(array: &mut Array, start: usize, lanes: usize, column: &Column) {
    match (&mut array.data, column) {
        (Data::F32(to), Column::Float(x)) => fill(&mut to[start..start + lanes], x, |x| x),
        (Data::I32(to), Column::Int(x)) => fill(&mut to[start..start + lanes], x, |x| x as i32),
        (_, Column::Float(x)) => each(lanes, x, |i, x| array.set_f32(start + i, x)),
        (_, Column::Int(x)) => each(lanes, x, |i, x| array.set_i32(start + i, x as i32)),
        (_, Column::Bool(x)) => each(lanes, x, |i, x| array.set_bool(start + i, x)),
    }
}

fn fill<A: Copy, B: Clone>(to: &mut [B], from: &[A], f: impl Fn(A) -> B) {
    match from {
        &[x] => to.fill(f(x)),
        _ => to.iter_mut().zip(from).for_each(|(to, &x)| *to = f(x)),
    }
}

fn each<A: Copy>(lanes: usize, from: &[A], mut f: impl FnMut(usize, A)) {
    (0..lanes).for_each(|i| f(i, super::column::at(from, i)));
}
