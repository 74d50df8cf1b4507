//! A thread for several points that are neighbors along the innermost variable, whose
//! elements it reads and writes at once.
//!
//! ```text
//! x_s = load_some(&x[m, n0..])    what every point reads in a row
//! for i in 0 .. V: y_s[i] = ..    one point after the other
//! store_some(&y[m, n0..], y_s)
//! ```
//!
//! Rows need not be multiples of V long, nor aligned: the device headers see to it.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::tensor::{Equation, Expr, ExprKind, Tensor, Var};
use tilec_ir::{Atom, AtomId, Id, IntId, walk};

use super::single::element;
use super::{PERHAPS, declare_as, declare_count, decompose};
use crate::device::Header;
use crate::function::Function;
use crate::params::Access;
use crate::text::{Level, Text};
use crate::types;

/// An element of each point that lies beside that of the next point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    tensor: Id<Tensor>,
    /// Its indices, with the innermost variable as the last.
    index: Vec<IntId>,
}

/// The names of a thread's points.
#[derive(Debug)]
struct Names {
    /// The variables of the first point.
    first: Vec<String>,
    /// How many of the points there are.
    left: String,
    vector: u32,
}

pub(super) fn write(f: &mut Function<'_, '_>, equations: &[&Equation], vector: u32, threads: u32) {
    f.need(Header::Some);
    f.need(Header::Index);
    let (inner, outer) = equations[0].vars.split_last().expect("the points have an inner variable");
    let length = f.int(f.kernel.vars[*inner].range);
    let length = f.declare("long long", "length", length.to_string());
    let runs = f.declare("long long", "runs", format!("({length} + {}) / {vector}", vector - 1));
    let rows = declare_count(f, outer, "rows");
    let run = f.local("run");
    let first = format!("{run} = blockIdx.x * {threads}ll + threadIdx.x");
    let step = format!("{run} += gridDim.x * {threads}ll");
    f.open(&format!("for (long long {first}; {run} < {rows} * {runs}; {step})"));
    let row = f.declare("long long", "row", format!("tilec::divide_index({run}, {runs})"));
    let mut names = decompose(f, outer, &row);
    let start = format!("({run} - {row} * {runs}) * {vector}");
    let inner_name = f.kernel.vars[*inner].name.clone();
    names.push(f.declare("long long", &format!("{inner_name}_first"), start));
    let left = f.declare("long long", "left", format!("{length} - {}", names[outer.len()]));
    let names = Names { first: names, left, vector };
    match equations {
        [equation] if whole_rows(f, equation).is_some() => either(f, equation, &names, &inner_name),
        _ => points(f, equations, &names, &inner_name),
    }
    f.close();
}

fn points(f: &mut Function<'_, '_>, equations: &[&Equation], names: &Names, inner: &str) {
    let loaded = load_rows(f, equations, names);
    each_point(f, equations, names, &loaded, inner);
}

/// A test that is the same for all points of a row, and what they are where it holds and
/// where not.
fn whole_rows(f: &Function<'_, '_>, equation: &Equation) -> Option<[Id<Expr>; 3]> {
    let inner = *equation.vars.last()?;
    let ExprKind::Select(test, then, other) = f.kernel.exprs[equation.value].kind else {
        return None;
    };
    let mut ints = walk::reachable(f.kernel, test)
        .into_iter()
        .flat_map(|expr| walk::ints(&f.kernel.exprs[expr]));
    (!ints.any(|int| varies(f, int, inner))).then_some([test, then, other])
}

/// Tests once for all points of a thread, so that what is read where the test holds is read
/// at once.
fn either(f: &mut Function<'_, '_>, equation: &Equation, names: &Names, inner: &str) {
    let [test, then, other] = whole_rows(f, equation).expect("called for such");
    bind(f, equation, &names.first);
    let test = f.value(test);
    f.open(&format!("if ({test})"));
    points(f, &[&Equation { value: then, ..equation.clone() }], names, inner);
    f.close_else();
    points(f, &[&Equation { value: other, ..equation.clone() }], names, inner);
    f.close();
}

/// Reads what lies in rows; gives the names of the vectors.
fn load_rows(
    f: &mut Function<'_, '_>,
    equations: &[&Equation],
    names: &Names,
) -> Vec<BTreeMap<Row, String>> {
    let mut loaded = Vec::new();
    let made: BTreeSet<_> = equations.iter().map(|equation| equation.tensor).collect();
    for equation in equations {
        bind(f, equation, &names.first);
        let mut vectors = BTreeMap::new();
        for row in rows(f, equation).into_iter().filter(|row| !made.contains(&row.tensor)) {
            let declared = &f.kernel.tensors[row.tensor];
            let index: Vec<_> = row.index.iter().map(|&i| f.int(i)).collect();
            let offset = f.offset(&declared.shape, &index);
            let pointer = f.pointer(row.tensor, Access::Read);
            let name = format!("{}_row", f.cx.names.tensor(row.tensor));
            let (vector, left) = (names.vector, &names.left);
            let load = format!(
                "tilec::load_some<{vector}>({pointer} + {}, {left})",
                offset.at(Level::Sum)
            );
            vectors.insert(row, f.declare("auto", &name, load));
        }
        loaded.push(vectors);
    }
    loaded
}

/// Computes every point and writes all of them.
fn each_point(
    f: &mut Function<'_, '_>,
    equations: &[&Equation],
    names: &Names,
    loaded: &[BTreeMap<Row, String>],
    inner: &str,
) {
    let Names { first, left, vector } = names;
    let stored: Vec<_> = equations.iter().filter(|e| f.cx.is_stored(e.tensor)).collect();
    let same = same_for_all(f, loaded);
    let mut results = BTreeMap::new();
    for equation in &stored {
        let ty = types::element(f.kernel.tensors[equation.tensor].element);
        let base = format!("{}_row", f.cx.names.tensor(equation.tensor));
        let name = f.local(&base);
        f.line(format!("tilec::Vector<{ty}, {vector}> {name}{{}};"));
        results.insert(equation.tensor, name);
    }
    let i = f.local("i");
    f.line("#pragma unroll");
    f.open(&format!("for (int {i} = 0; {i} < {vector}; ++{i})"));
    f.line(format!("if ({i} >= {left}) break;"));
    let (start, outer) = first.split_last().expect("the points have an inner variable");
    let mut point = outer.to_vec();
    point.push(declare_as(f, PERHAPS, inner, &format!("{start} + {i}")));
    for (at, (equation, vectors)) in equations.iter().zip(loaded).enumerate() {
        bind(f, equation, &point);
        for (atom, value) in &same {
            f.note_atom(*atom, value.clone());
        }
        for (row, name) in vectors {
            let index = row.index.iter().map(|&i| f.int(i).to_string()).collect();
            let value = f.decode(row.tensor, Text::atom(format!("{name}.at[{i}]")));
            f.hold(row.tensor, index, value);
        }
        let later = at + 1 < equations.len();
        let element = match copied(f, equation, vectors) {
            Some(name) if !later => Text::atom(format!("{name}.at[{i}]")),
            _ => element(f, equation, &point, later),
        };
        if let Some(name) = results.get(&equation.tensor) {
            f.line(format!("{name}.at[{i}] = {element};"));
        }
    }
    f.close();
    for equation in stored {
        let index: Vec<_> = first.iter().cloned().map(Text::atom).collect();
        let offset = f.offset(&f.kernel.tensors[equation.tensor].shape, &index);
        let pointer = f.pointer(equation.tensor, Access::Write);
        let (name, offset) = (&results[&equation.tensor], offset.at(Level::Sum));
        f.line(format!("tilec::store_some<{vector}>({pointer} + {offset}, {name}, {left});"));
    }
}

/// Parts of the indices of rows, which the first point has computed for all.
fn same_for_all(f: &Function<'_, '_>, loaded: &[BTreeMap<Row, String>]) -> Vec<(AtomId, Text)> {
    let mut same = Vec::new();
    for row in loaded.iter().flat_map(BTreeMap::keys) {
        let (_, others) = row.index.split_last().expect("the innermost variable is the last");
        for &other in others {
            f.kernel.ints.visit_atoms(other, &mut |id, _| {
                same.extend(f.known_atom(id).map(|value| (id, value)));
            });
        }
    }
    same
}

/// The vector that an equation copies as it is.
fn copied<'a>(
    f: &Function<'_, '_>,
    equation: &Equation,
    vectors: &'a BTreeMap<Row, String>,
) -> Option<&'a String> {
    let ExprKind::Convert(read) = f.kernel.exprs[equation.value].kind else { return None };
    let ExprKind::Read(tensor, index) = &f.kernel.exprs[read].kind else { return None };
    let [from, to] = [*tensor, equation.tensor].map(|of| f.kernel.tensors[of].element);
    let row = Row { tensor: *tensor, index: index.clone() };
    vectors.get(&row).filter(|_| from == to && types::is_narrow(from))
}

/// The reads of an equation that every point makes, each beside that of the next point.
fn rows(f: &Function<'_, '_>, equation: &Equation) -> BTreeSet<Row> {
    let inner = *equation.vars.last().expect("the points have an inner variable");
    let mut rows = BTreeSet::new();
    for expr in f.eager(&[equation.value]) {
        if let ExprKind::Read(tensor, index) = &f.kernel.exprs[expr].kind
            && let Some((&last, others)) = index.split_last()
            && f.kernel.ints.as_atom(last) == Some(&Atom::Var(inner))
            && others.iter().all(|&other| !varies(f, other, inner))
        {
            rows.insert(Row { tensor: *tensor, index: index.clone() });
        }
    }
    rows
}

/// Whether an integer depends on a variable.
fn varies(f: &Function<'_, '_>, int: IntId, var: Id<Var>) -> bool {
    let (mut open, mut seen) = (vec![int], BTreeSet::new());
    while let Some(int) = open.pop() {
        if !seen.insert(int) {
            continue;
        }
        if walk::vars_of_int(&f.kernel.ints, int).contains(&var) {
            return true;
        }
        f.kernel.ints.visit_atoms(int, &mut |_, atom| {
            if let Atom::Value(value) = atom {
                let inside = walk::reachable(f.kernel, *value).into_iter();
                open.extend(inside.flat_map(|expr| walk::ints(&f.kernel.exprs[expr])));
            }
        });
    }
    false
}

fn bind(f: &mut Function<'_, '_>, equation: &Equation, names: &[String]) {
    for (&var, name) in equation.vars.iter().zip(names) {
        f.bind(var, name.clone());
    }
}
