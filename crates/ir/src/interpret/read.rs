//! Elements of arrays by address.

use super::column::{Column, map};
use super::graph::Read;
use crate::array::{Array, Data, Element};
use crate::formats::Format;

/// Reads an element per lane. An address past the end reads a zero where
/// `strict` is not set; where it is, the proof that the checker made is wrong.
pub(super) fn read(read: &Read, array: &Array, address: &[i64], strict: bool, out: &mut Column) {
    let inside = |at: i64| usize::try_from(at).is_ok_and(|at| at < array.len());
    if strict && let Some(at) = address.iter().find(|&&at| !inside(at)) {
        panic!("element {at} of a tensor of {} is read: {read:?}", array.len());
    }
    match (&array.data, Format::of_element(array.element)) {
        (Data::F32(x), _) => map(address, out.floats_mut(), |at| get(x, at)),
        (Data::B16(x), Some(Format::Bf16)) => {
            map(address, out.floats_mut(), |at| Format::Bf16.decode(get(x, at)));
        }
        (Data::B16(x), Some(format)) => {
            map(address, out.floats_mut(), |at| format.decode(get(x, at)));
        }
        (Data::B8(x), Some(format)) => {
            map(address, out.floats_mut(), |at| format.decode(u16::from(get(x, at))));
        }
        (Data::I32(x), _) => map(address, out.ints_mut(), |at| i64::from(get(x, at))),
        (Data::B8(x), None) => bytes(array.element, x, address, out),
        (Data::B16(_), None) => unreachable!("only bf16 and f16 have two bytes"),
    }
    if let Some(last) = read.last {
        out.ints_mut().iter_mut().for_each(|x| *x = (*x).clamp(0, last));
    }
}

fn bytes(element: Element, x: &[u8], address: &[i64], out: &mut Column) {
    match element {
        Element::I8 => {
            map(address, out.ints_mut(), |at| i64::from(get(x, at).cast_signed()));
        }
        Element::U8 => map(address, out.ints_mut(), |at| i64::from(get(x, at))),
        Element::Bool => map(address, out.bools_mut(), |at| get(x, at) != 0),
        Element::F32
        | Element::Bf16
        | Element::F16
        | Element::F8E4M3
        | Element::F8E5M2
        | Element::I32 => unreachable!("not types of plain bytes"),
    }
}

fn get<T: Copy + Default>(x: &[T], at: i64) -> T {
    usize::try_from(at).ok().and_then(|at| x.get(at).copied()).unwrap_or_default()
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
