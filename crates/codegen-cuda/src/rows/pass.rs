//! One pass over a row: the maps of a level and the threads' parts of its
//! reductions, then the reductions joined.
//!
//! ```text
//! float row_square = 0.0f;
//! for each vector of this thread:
//!     for each element: row_square = fmaf(x, x, row_square);
//! row_square = tilec::reduce_row<tilec::Sum, THREADS>(row_square, ..);
//! ```

use std::collections::BTreeSet;

use tilec_ir::tensor::{Expr, ExprKind, Reduction, Tensor};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Id};

use crate::params::Access;
use crate::text::{Level, Text};
use crate::types::{self, Class};

use super::Rows;
use super::layout::{Kind, Layout, PartOf, Reduce};

/// A reduction while a pass runs.
#[derive(Debug)]
struct Total<'l, 'p> {
    part: &'l PartOf<'p>,
    reduce: Reduce,
    class: Class,
    /// Its C++ variable.
    name: String,
    /// The C++ condition under which it is needed.
    needed: Option<String>,
}

/// A map that a pass writes.
#[derive(Debug)]
struct Written<'l, 'p> {
    part: &'l PartOf<'p>,
    /// The pointer to its row and the vector that is filled, where whole vectors are written.
    vector: Option<(String, String)>,
}

impl<'l, 'p> Rows<'l, '_, 'p> {
    /// Writes the pass of a level.
    pub(super) fn pass(&mut self, level: usize) {
        let layout = self.layout;
        let parts: Vec<&'l PartOf<'p>> =
            layout.parts.iter().filter(|part| part.level == level).collect();
        let mut totals: Vec<_> = parts.iter().filter_map(|part| self.begin_total(part)).collect();
        let stored = |part: &&&PartOf<'_>| part.stored && matches!(part.kind, Kind::Map { .. });
        let maps: Vec<_> = parts.iter().filter(stored).map(|part| self.begin_map(part)).collect();
        for part in parts {
            self.find_divisors(part);
        }
        if layout.is_whole {
            self.chunks(level, &totals, &maps);
        } else {
            // Maps end with the row, reductions with the segment.
            self.chunks(level, &totals, &[]);
            self.chunks(level, &[], &maps);
        }
        for total in &mut totals {
            self.join_total(total);
        }
    }

    /// The elements of a row: held ones at once, else a chunk at a time.
    fn chunks(&mut self, level: usize, totals: &[Total<'l, 'p>], maps: &[Written<'l, 'p>]) {
        if totals.is_empty() && maps.is_empty() {
            return;
        }
        if self.layout.held {
            self.elements(level, totals, maps);
            return;
        }
        self.f.open("for (long long chunk = 0; chunk < length; chunk += STEPS * THREADS * VECTOR)");
        let strands = self.late_strands(level);
        self.load_strands(&strands);
        self.elements(level, totals, maps);
        self.f.close();
    }

    /// Declares a reduction, and whether it is needed.
    fn begin_total(&mut self, part: &'l PartOf<'p>) -> Option<Total<'l, 'p>> {
        let Kind::Reduction { sum: reduce, .. } = part.kind else { return None };
        self.f.cite(part.equation);
        let class = self.f.class(reduce.body);
        let base = format!("row_{}", self.f.kernel.tensors[part.equation.tensor].name);
        let (name, first) = (self.f.local(&base), self.f.identity(reduce.op, class));
        self.f.line(format!("{} {name} = {first};", class.cpp()));
        let needed = reduce.guard.map(|(test, _)| {
            self.provide_values(test);
            let test = self.f.value(test).to_string();
            self.f.declare("bool", "needed", test)
        });
        Some(Total { part, reduce, class, name, needed })
    }

    /// Says which map is written, and where its row begins.
    fn begin_map(&mut self, part: &'l PartOf<'p>) -> Written<'l, 'p> {
        self.f.cite(part.equation);
        let vector = self.is_written_along(part).then(|| {
            let vars = &part.equation.vars[..part.equation.vars.len() - 1];
            let lead: Vec<_> = vars.iter().map(|&var| Text::name(self.f.var(var))).collect();
            let row = self.row_pointer(part.equation.tensor, &lead, Access::Write);
            let base = format!("{}_vector", self.f.kernel.tensors[part.equation.tensor].name);
            (row, self.f.local(&base))
        });
        Written { part, vector }
    }

    /// The loops over this thread's elements.
    fn elements(&mut self, level: usize, totals: &[Total<'l, 'p>], maps: &[Written<'l, 'p>]) {
        self.open_steps(!maps.is_empty());
        if self.layout.held {
            for strand in self.late_strands(level) {
                self.load_in_place(&strand);
            }
        }
        for map in maps {
            self.declare_vector(map);
        }
        if self.layout.vector > 1 {
            self.f.line("#pragma unroll");
            self.f.open("for (int i = 0; i < VECTOR; ++i)");
        }
        self.element(level, totals, maps);
        if self.layout.vector > 1 {
            self.f.close();
        }
        for map in maps {
            self.store_vector(map);
        }
        self.close_steps();
    }

    /// Declares what the elements of a map are gathered in: values that are rounded
    /// together, or elements.
    fn declare_vector(&mut self, map: &Written<'l, 'p>) {
        let Some((_, vector)) = &map.vector else { return };
        let element = self.f.kernel.tensors[map.part.equation.tensor].element;
        self.f.line(if types::is_narrow(element) {
            format!("float {vector}[VECTOR];")
        } else {
            format!("tilec::Vector<{}, VECTOR> {vector};", types::element(element))
        });
    }

    fn store_vector(&mut self, map: &Written<'l, 'p>) {
        let Some((row, vector)) = &map.vector else { return };
        let element = self.f.kernel.tensors[map.part.equation.tensor].element;
        let elements = if types::is_narrow(element) {
            format!("tilec::narrow<{}>({vector})", types::element(element))
        } else {
            vector.clone()
        };
        self.f.line(format!("tilec::store({row} + column, {elements});"));
    }

    /// What is computed for one element.
    fn element(&mut self, level: usize, totals: &[Total<'l, 'p>], maps: &[Written<'l, 'p>]) {
        let parts = self.computed_per_element(totals, maps);
        for part in &parts {
            self.bind_column(part);
        }
        self.provide_strands(level, &parts);
        let mut done: Vec<(Id<Tensor>, Text)> = Vec::new();
        for part in parts {
            self.provide_values(part.equation.value);
            self.provide(part.equation.value, &done);
            self.provide_tests(part);
            self.provide_chosen(part);
            self.keep(level, part);
            if let Some(total) = totals.iter().find(|total| std::ptr::eq(total.part, part)) {
                self.add_element(total);
                continue;
            }
            let class = self.f.class(part.equation.value);
            let map = maps.iter().find(|map| std::ptr::eq(map.part, part));
            let is_read =
                self.layout.parts.iter().any(|other| {
                    other.needs.contains(&part.equation.tensor) && other.level == level
                });
            if is_read || map.is_none() {
                let value = self.f.value(part.equation.value).to_string();
                let base = format!("{}_value", self.f.kernel.tensors[part.equation.tensor].name);
                let value = Text::atom(self.f.declare(class.cpp(), &base, value));
                self.f.note_expr(part.equation.value, value.clone());
                done.push((part.equation.tensor, value));
            }
            if let Some(map) = map {
                self.write_element(map);
            }
        }
    }

    /// The reductions and stored maps of a pass and the maps that they are made of, in
    /// order.
    fn computed_per_element(
        &self,
        totals: &[Total<'l, 'p>],
        maps: &[Written<'l, 'p>],
    ) -> Vec<&'l PartOf<'p>> {
        let layout: &'l Layout<'p> = self.layout;
        let wanted = totals.iter().map(|t| t.part).chain(maps.iter().map(|m| m.part));
        let mut tensors: BTreeSet<_> = wanted.map(|part| part.equation.tensor).collect();
        // What an equation needs stands before it.
        for part in layout.parts.iter().rev() {
            if tensors.contains(&part.equation.tensor) {
                let needs = part.needs.iter().filter(|&&tensor| {
                    let needed = layout.part_of(tensor).expect("only covered tensors are noted");
                    matches!(needed.kind, Kind::Map { .. })
                });
                tensors.extend(needs);
            }
        }
        layout.parts.iter().filter(|part| tensors.contains(&part.equation.tensor)).collect()
    }

    /// Binds the variable along the row to the current element.
    fn bind_column(&mut self, part: &PartOf<'_>) {
        let Some(var) = part.kind.column() else { return };
        let inside = if self.layout.vector > 1 { "column + i" } else { "column" };
        let whole = match (self.segment_start(), &part.kind) {
            (Some(start), Kind::Map { .. }) => format!("{start} + {inside}"),
            _ if self.layout.held => format!("static_cast<long long>({inside})"),
            _ => inside.to_owned(),
        };
        self.f.bind(var, whole);
    }

    /// Notes the elements of the strands that some equations read.
    fn provide_strands(&mut self, level: usize, parts: &[&'l PartOf<'p>]) {
        let kept = self.kept_before(level);
        let mut used = BTreeSet::new();
        let mut open: Vec<_> = parts.iter().map(|part| part.equation.value).collect();
        while let Some(expr) = open.pop() {
            if !kept.contains(&expr) && used.insert(expr) {
                open.extend(tilec_ir::walk::operands(self.f.kernel, expr));
            }
        }
        for strand in self.strands.clone() {
            let reads: Vec<_> = strand.reads.intersection(&used).copied().collect();
            if reads.is_empty() {
                continue;
            }
            let value = self.strand_value(&strand);
            let tensor = &self.f.kernel.tensors[strand.tensor];
            let class = Class::of(tensor.element);
            let base = format!("{}_value", tensor.name);
            let name = self.f.declare(class.cpp(), &base, value.to_string());
            for read in reads {
                self.f.note_expr(read, Text::atom(name.clone()));
            }
        }
    }

    /// Notes the values of the row that an expression reads.
    pub(super) fn provide_values(&mut self, expr: Id<Expr>) {
        let values: Vec<_> = self.values.iter().map(|(&t, value)| (t, value.clone())).collect();
        self.provide(expr, &values);
    }

    /// Notes values of covered tensors that an expression reads.
    fn provide(&mut self, root: Id<Expr>, values: &[(Id<Tensor>, Text)]) {
        let value_of = |tensor: &Id<Tensor>| values.iter().find(|(t, _)| t == tensor);
        let kernel = self.f.kernel;
        for expr in reachable(kernel, root) {
            if let ExprKind::Read(tensor, _) = &kernel.exprs[expr].kind
                && let Some((_, value)) = value_of(tensor)
            {
                self.f.note_expr(expr, value.clone());
            }
            for int in tilec_ir::walk::ints(&kernel.exprs[expr]) {
                let mut atoms = Vec::new();
                kernel.ints.visit_atoms(int, &mut |id, atom| {
                    if let Atom::Read(tensor, _) = atom {
                        atoms.extend(value_of(tensor).map(|(_, value)| (id, value.clone())));
                    }
                });
                for (atom, value) in atoms {
                    self.f.note_atom(atom, value);
                }
            }
        }
    }

    /// Adds the current element to a reduction.
    fn add_element(&mut self, total: &Total<'l, 'p>) {
        if let Some(needed) = &total.needed {
            self.f.open(&format!("if ({needed})"));
        }
        self.f.add_to(&total.name, total.reduce.op, total.reduce.body);
        if total.needed.is_some() {
            self.f.close();
        }
    }

    /// Notes what earlier passes kept, and keeps what later ones need.
    fn keep(&mut self, level: usize, part: &PartOf<'_>) {
        let at = if self.layout.vector > 1 { "i" } else { "0" };
        let reached = reachable(self.f.kernel, part.equation.value);
        for kept in self.kept.clone() {
            let element = format!("{}[step][{at}]", kept.name);
            let own: Vec<_> = reached.iter().filter(|expr| kept.exprs.contains(expr)).collect();
            let Some(&&first) = own.first() else { continue };
            if kept.level == level {
                let value = self.f.value(first);
                if value.to_string() != element {
                    self.f.line(format!("{element} = {value};"));
                }
            }
            for &expr in own {
                self.f.note_expr(expr, Text::atom(element.clone()));
            }
        }
    }

    /// Writes the current element of a map, into its vector if it has one.
    fn write_element(&mut self, map: &Written<'l, 'p>) {
        let (tensor, value) = (map.part.equation.tensor, map.part.equation.value);
        if let Some((_, vector)) = &map.vector {
            let at = if self.layout.vector > 1 { "i" } else { "0" };
            let line = if types::is_narrow(self.f.kernel.tensors[tensor].element) {
                format!("{vector}[{at}] = {};", self.f.wide(tensor, value))
            } else {
                format!("{vector}.at[{at}] = {};", self.f.encoded(tensor, value))
            };
            self.f.line(line);
        } else {
            let encoded = self.f.encoded(tensor, value);
            let vars = &map.part.equation.vars;
            let index: Vec<_> = vars.iter().map(|&var| Text::name(self.f.var(var))).collect();
            self.f.store_encoded(tensor, &index, &encoded);
        }
    }

    /// Joins the threads' parts of a reduction.
    fn join_total(&mut self, total: &mut Total<'l, 'p>) {
        let (name, threads) = (total.name.clone(), self.layout.threads);
        let op = match total.reduce.op {
            Reduction::Sum => "tilec::Sum",
            Reduction::Prod => "tilec::Prod",
            Reduction::Max => "tilec::Max",
            Reduction::Min => "tilec::Min",
        };
        if threads > 32 {
            let of_warp = self.f.local(&format!("{name}_of_warp"));
            let (ty, warps) = (total.class.cpp(), self.layout.block / 32);
            self.f.line(format!("__shared__ {ty} {of_warp}[{warps}];"));
            self.f.line(format!("{name} = tilec::reduce_row<{op}, THREADS>({name}, {of_warp});"));
        } else if threads > 1 {
            self.f.line(format!("{name} = tilec::reduce_lanes<{op}, THREADS>({name});"));
        }
        if let (Some(needed), Some((_, otherwise))) = (&total.needed, total.reduce.guard) {
            self.provide_values(otherwise);
            self.f.open(&format!("if (!{needed})"));
            let value = self.f.value(otherwise);
            self.f.line(format!("{name} = {value};"));
            self.f.close();
        }
        self.keep_row_value(total.part, name);
    }

    /// `for` each vector of this thread that lies in the row; of a segment that is cut
    /// short, all of them or only those of `maps`.
    pub(super) fn open_steps(&mut self, maps: bool) {
        let first = Text::new("(step * THREADS + thread) * VECTOR", Level::Product);
        self.f.line("#pragma unroll");
        self.f.open("for (int step = 0; step < STEPS; ++step)");
        let start = if self.layout.held {
            first.to_string()
        } else {
            format!("chunk + {}", first.at(Level::Product))
        };
        self.f.line(format!("const {} column = {start};", self.layout.column_type()));
        if self.layout.is_whole || !maps {
            self.f.open("if (column < length)");
        } else {
            self.f.open("if (column < length && column < left)");
        }
        if !self.layout.is_whole {
            self.f.line("[[maybe_unused]] const bool inside = column < left;");
        }
    }

    /// The ends of what [`Self::open_steps`] began.
    pub(super) fn close_steps(&mut self) {
        self.f.close();
        self.f.close();
    }
}
