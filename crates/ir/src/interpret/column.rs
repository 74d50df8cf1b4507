//! Columns: the values of a node for all lanes of a batch. A column of one
//! value stands for that value in every lane.

use super::graph::Class;

/// The values of one node.
#[derive(Clone, Debug)]
pub(super) enum Column {
    Float(Vec<f32>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
}

impl Column {
    pub(super) fn new(class: Class) -> Self {
        match class {
            Class::Float => Self::Float(Vec::new()),
            Class::Int => Self::Int(Vec::new()),
            Class::Bool => Self::Bool(Vec::new()),
        }
    }

    pub(super) fn floats(&self) -> &[f32] {
        match self {
            Self::Float(x) => x,
            Self::Int(_) | Self::Bool(_) => mismatch(),
        }
    }

    pub(super) fn ints(&self) -> &[i64] {
        match self {
            Self::Int(x) => x,
            Self::Float(_) | Self::Bool(_) => mismatch(),
        }
    }

    pub(super) fn bools(&self) -> &[bool] {
        match self {
            Self::Bool(x) => x,
            Self::Float(_) | Self::Int(_) => mismatch(),
        }
    }

    pub(super) fn floats_mut(&mut self) -> &mut Vec<f32> {
        match self {
            Self::Float(x) => x,
            Self::Int(_) | Self::Bool(_) => mismatch(),
        }
    }

    pub(super) fn ints_mut(&mut self) -> &mut Vec<i64> {
        match self {
            Self::Int(x) => x,
            Self::Float(_) | Self::Bool(_) => mismatch(),
        }
    }

    pub(super) fn bools_mut(&mut self) -> &mut Vec<bool> {
        match self {
            Self::Bool(x) => x,
            Self::Float(_) | Self::Int(_) => mismatch(),
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Float(x) => x.clear(),
            Self::Int(x) => x.clear(),
            Self::Bool(x) => x.clear(),
        }
    }

    /// Sets this to the chosen lanes of `from`, `tiles` times over.
    pub(super) fn import(&mut self, from: &Self, lanes: Option<&[u32]>, tiles: usize) {
        match (self, from) {
            (Self::Float(to), Self::Float(from)) => import(to, from, lanes, tiles),
            (Self::Int(to), Self::Int(from)) => import(to, from, lanes, tiles),
            (Self::Bool(to), Self::Bool(from)) => import(to, from, lanes, tiles),
            _ => mismatch(),
        }
    }

    /// Sets lane `to[i]` to the i-th value of `from`.
    pub(super) fn scatter(&mut self, from: &Self, to: &[u32]) {
        match (self, from) {
            (Self::Float(x), Self::Float(y)) => scatter(x, y, to),
            (Self::Int(x), Self::Int(y)) => scatter(x, y, to),
            (Self::Bool(x), Self::Bool(y)) => scatter(x, y, to),
            _ => mismatch(),
        }
    }

    /// Sets some lanes to the same lanes of `from`.
    pub(super) fn copy_lanes(&mut self, from: &Self, lanes: &[u32]) {
        match (self, from) {
            (Self::Float(x), Self::Float(y)) => copy_lanes(x, y, lanes),
            (Self::Int(x), Self::Int(y)) => copy_lanes(x, y, lanes),
            (Self::Bool(x), Self::Bool(y)) => copy_lanes(x, y, lanes),
            _ => mismatch(),
        }
    }

    /// Makes room for `lanes` values, whatever they are.
    pub(super) fn resize(&mut self, lanes: usize) {
        match self {
            Self::Float(x) => x.resize(lanes, 0.0),
            Self::Int(x) => x.resize(lanes, 0),
            Self::Bool(x) => x.resize(lanes, false),
        }
    }
}

/// The value of one lane.
pub(super) fn at<T: Copy>(column: &[T], lane: usize) -> T {
    if column.len() == 1 { column[0] } else { column[lane] }
}

/// Sets `out` to `f` of every value.
pub(super) fn map<A: Copy, R>(a: &[A], out: &mut Vec<R>, f: impl Fn(A) -> R) {
    out.clear();
    out.extend(a.iter().map(|&x| f(x)));
}

/// Sets `out` to `f` of every pair of values.
pub(super) fn zip<A: Copy, B: Copy, R>(a: &[A], b: &[B], out: &mut Vec<R>, f: impl Fn(A, B) -> R) {
    out.clear();
    match (a, b) {
        (&[a], b) => out.extend(b.iter().map(|&b| f(a, b))),
        (a, &[b]) => out.extend(a.iter().map(|&a| f(a, b))),
        (a, b) => out.extend(a.iter().zip(b).map(|(&a, &b)| f(a, b))),
    }
}

fn import<T: Copy>(to: &mut Vec<T>, from: &[T], lanes: Option<&[u32]>, tiles: usize) {
    to.clear();
    if from.len() == 1 {
        to.push(from[0]);
        return;
    }
    for _ in 0..tiles {
        match lanes {
            None => to.extend_from_slice(from),
            Some(lanes) => to.extend(lanes.iter().map(|&lane| from[lane as usize])),
        }
    }
}

fn scatter<T: Copy>(out: &mut [T], from: &[T], to: &[u32]) {
    for (i, &lane) in to.iter().enumerate() {
        out[lane as usize] = at(from, i);
    }
}

fn copy_lanes<T: Copy>(out: &mut [T], from: &[T], lanes: &[u32]) {
    for &lane in lanes {
        out[lane as usize] = at(from, lane as usize);
    }
}

fn mismatch() -> ! {
    panic!("classes of values meet, as the verifier of the tensor IR states")
}
