//! The elements that a thread takes at once, as numbers that sort.
//!
//! ```text
//! for each vector of the chunk:                    in the row, or its last one again
//!     x_row[..] = load<VECTOR>(&x[m, at])          what the key reads along the row
//! for each element of them:
//!     own[..] = ranked(order_word(key), n)         all ones where there is no such element
//! ```
//!
//! Nothing is tested before it is read, so that all reads of a chunk are under way at
//! once, and those of the next one while this is searched; rows are whole vectors, by the
//! conditions of the variant.

use std::collections::BTreeSet;

use tilec_ir::tensor::{ExprKind, Order, Tensor};
use tilec_ir::walk::{ints, reachable};
use tilec_ir::{Atom, Id, IntId};

use super::Selected;
use crate::device::Header;
use crate::function::Function;
use crate::params::Access;
use crate::text::{Level, Text};
use crate::types::{self, Class};

/// Which elements a thread takes.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    /// Elements of the thread, a C++ constant.
    pub(super) each: &'a str,
    /// Threads that take a chunk together, a C++ constant, and this one's number.
    pub(super) threads: &'a str,
    pub(super) thread: &'a str,
    /// The chunk's first element, and the end of what is searched.
    pub(super) start: &'a str,
    pub(super) end: &'a str,
    /// How many vectors a sample is apart; a chunk otherwise.
    pub(super) stride: Option<&'a str>,
    /// Which of several chunks on their way it is.
    pub(super) turn: Option<&'a str>,
    /// Elements less than this one are left out.
    pub(super) above: Option<&'a str>,
    /// Whether an element has 32 bits instead of 64.
    pub(super) packed: bool,
}

impl Chunk<'_> {
    /// Where in the arrays of rows the vector of the element `j` lies.
    fn slot(&self, j: &str, vector: u32) -> String {
        let own = format!("{j} / {vector}");
        self.turn.map_or(own.clone(), |turn| format!("{turn} * {} / {vector} + {own}", self.each))
    }
}

/// A read along the row: its tensor and indices.
type Along = (Id<Tensor>, Vec<IntId>);

/// Reads along the row, with the arrays that a chunk of each is read into.
pub(super) type Rows = Vec<(Along, String)>;

impl Selected<'_> {
    /// Declares the arrays that chunks are read into.
    pub(super) fn rows(&self, f: &mut Function<'_, '_>, each: &str) -> Rows {
        if self.vector == 1 {
            return Vec::new();
        }
        f.need(Header::Vector);
        let mut rows = Vec::new();
        for (tensor, index) in self.along(f) {
            let (element, vector) = (f.kernel.tensors[tensor].element, self.vector);
            let name = f.local(&format!("{}_row", f.cx.names.tensor(tensor)));
            let ty = types::element(element);
            f.line(format!("tilec::Vector<{ty}, {vector}> {name}[{each} / {vector}];"));
            f.cx.align(tensor, (types::bytes(element) * vector).min(16));
            rows.push(((tensor, index), name));
        }
        rows
    }

    /// Begins to read a chunk.
    pub(super) fn fetch(&self, f: &mut Function<'_, '_>, chunk: &Chunk<'_>, rows: &Rows) {
        if rows.is_empty() {
            return;
        }
        let (j, vector) = (f.local("j"), self.vector);
        let (_, read) = self.open_vectors(f, chunk, &j);
        f.bind(self.select.column, read);
        for ((tensor, index), name) in rows {
            let at: Vec<_> = index.iter().map(|&i| f.int(i)).collect();
            let offset = f.offset(&f.kernel.tensors[*tensor].shape, &at);
            let pointer = f.pointer(*tensor, Access::Read);
            let offset = offset.at(Level::Sum);
            let slot = chunk.slot(&j, vector);
            f.line(format!("{name}[{slot}] = tilec::load<{vector}>({pointer} + {offset});"));
        }
        f.close();
    }

    /// Begins the loop over the vectors of a chunk; gives the names of where one begins,
    /// and where it is read: in the row.
    fn open_vectors(
        &self,
        f: &mut Function<'_, '_>,
        chunk: &Chunk<'_>,
        j: &str,
    ) -> (String, String) {
        let Chunk { each, threads, thread, start, end, stride, .. } = chunk;
        let vector = self.vector;
        f.line("#pragma unroll");
        f.open(&format!("for (int {j} = 0; {j} < {each}; {j} += {vector})"));
        let of_chunk = format!("{j} / {vector} * {threads} + {thread}");
        let place = match stride {
            Some(stride) => format!("tilec::place_in_sample({of_chunk}, {stride}) * {vector}"),
            None => format!("({of_chunk}) * {vector}"),
        };
        let first = f.declare("long long", "at", format!("{start} + {place}").replace("0 + ", ""));
        let last = format!("{end} - {vector}");
        let read = f.declare("long long", "read", format!("{first} < {end} ? {first} : {last}"));
        (first, read)
    }

    /// Declares `own` and fills it with a chunk that was read; returns its name.
    pub(super) fn own(&self, f: &mut Function<'_, '_>, chunk: &Chunk<'_>, rows: &Rows) -> String {
        let (vector, own, j) = (self.vector, f.local("own"), f.local("j"));
        let (ty, make) = if chunk.packed {
            ("unsigned", "tilec::packed")
        } else {
            ("tilec::Ranked", "tilec::ranked")
        };
        f.line(format!("{ty} {own}[{}];", chunk.each));
        let (first, read) = self.open_vectors(f, chunk, &j);
        let i = f.local("i");
        f.line("#pragma unroll");
        f.open(&format!("for (int {i} = 0; {i} < {vector}; ++{i})"));
        let name = f.kernel.vars[self.select.column].name.clone();
        let column = f.declare("long long", &name, format!("{read} + {i}"));
        f.bind(self.select.column, column.clone());
        self.provide(f, rows, &format!("[{j} / {vector}].at[{i}]"));
        let word = self.word(f);
        let element = format!("{make}({word}, static_cast<unsigned>({column}))");
        let element = f.declare(ty, "element", element);
        let mut taken = format!("{first} < {}", chunk.end);
        if let Some(above) = chunk.above {
            taken += &format!(" && {element} >= {above}");
        }
        f.line(format!("{own}[{j} + {i}] = {taken} ? {element} : ~{ty}{{0}};"));
        f.close();
        f.close();
        own
    }

    /// Declares `keys` and fills it with those of a chunk that was read; returns its name.
    pub(super) fn keys(&self, f: &mut Function<'_, '_>, chunk: &Chunk<'_>, rows: &Rows) -> String {
        let (vector, keys, j) = (self.vector, f.local("keys"), f.local("j"));
        f.line(format!("{} {keys}[{}];", f.class(self.select.key).cpp(), chunk.each));
        if self.is_read_along(f) {
            // Elements are told by their position in what was read.
            f.line("#pragma unroll");
            f.open(&format!("for (int {j} = 0; {j} < {}; {j} += {vector})", chunk.each));
            f.bind(self.select.column, j.clone());
        } else {
            let (_, read) = self.open_vectors(f, chunk, &j);
            f.bind(self.select.column, read);
        }
        let i = f.local("i");
        let column = f.var(self.select.column);
        f.line("#pragma unroll");
        f.open(&format!("for (int {i} = 0; {i} < {vector}; ++{i})"));
        f.bind(self.select.column, format!("({column} + {i})"));
        self.provide(f, rows, &format!("[{}].at[{i}]", chunk.slot(&j, vector)));
        let key = f.value(self.select.key);
        f.line(format!("{keys}[{j} + {i}] = {key};"));
        f.close();
        f.close();
        keys
    }

    /// The key at the current element as a word that sorts as the language orders.
    fn word(&self, f: &mut Function<'_, '_>) -> String {
        f.need(Header::Order);
        let key = f.value(self.select.key);
        debug_assert!(f.class(self.select.key) != Class::Truth, "keys are numbers");
        let descending = self.select.order == Order::Descending;
        let word = format!("tilec::order_word({key}, {descending})");
        f.declare("unsigned", "word", word)
    }

    /// What the key reads whatever tests say, each element beside the next.
    fn along(&self, f: &Function<'_, '_>) -> BTreeSet<Along> {
        let kernel = f.kernel;
        let mut along = BTreeSet::new();
        for expr in f.eager(&[self.select.key]) {
            if let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind
                && let Some((&last, others)) = index.split_last()
                && kernel.ints.as_atom(last) == Some(&Atom::Var(self.select.column))
                && kernel.tensors[*tensor].shape.last() == Some(&self.select.length)
                && others.iter().all(|&other| !varies(f, other, self.select.column))
            {
                along.insert((*tensor, index.clone()));
            }
        }
        along
    }

    /// Whether the key asks for nothing of the column but what is read along the row.
    fn is_read_along(&self, f: &Function<'_, '_>) -> bool {
        let along = self.along(f);
        let is_along = |kind: &ExprKind| {
            let ExprKind::Read(tensor, index) = kind else { return false };
            along.contains(&(*tensor, index.clone()))
        };
        let exprs = reachable(f.kernel, self.select.key).into_iter().map(|e| &f.kernel.exprs[e]);
        let mut ints = exprs.filter(|expr| !is_along(&expr.kind)).flat_map(ints);
        self.vector > 1 && ints.all(|int| !varies(f, int, self.select.column))
    }

    /// Notes the current element of each row.
    fn provide(&self, f: &mut Function<'_, '_>, rows: &Rows, element: &str) {
        for ((tensor, index), name) in rows {
            let at = index.iter().map(|&i| f.int(i).to_string()).collect();
            let value = f.decode(*tensor, Text::atom(format!("{name}{element}")));
            f.hold(*tensor, at, value);
        }
    }
}

/// Whether an integer may depend on a variable.
fn varies(f: &Function<'_, '_>, int: IntId, var: Id<tilec_ir::tensor::Var>) -> bool {
    let mut varies = tilec_ir::walk::vars_of_int(&f.kernel.ints, int).contains(&var);
    f.kernel.ints.visit_atoms(int, &mut |_, atom| varies |= matches!(atom, Atom::Value(_)));
    varies
}
