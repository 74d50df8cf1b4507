//! What is read along a row: a strand is the row of one tensor that every pass over
//! the row goes along.
//!
//! ```text
//! x[m, n]   with m of the row and n along it: elements x_row[n]
//! w[n]      the same for all rows
//! ```
//!
//! Only reads that are in range for every row and every column, whatever tests stand
//! around them, are strands, since a strand is loaded before any test. Everything
//! else is read where it is needed.

use std::collections::BTreeSet;

use tilec_ir::tensor::{Expr, ExprKind, Role, Tensor, Var};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Id, IntId};

use crate::params::Access;
use crate::text::{Level, Text};
use crate::types;

use super::Rows;
use super::layout::{Kind, PartOf};

/// A row of a tensor.
#[derive(Clone, Debug)]
pub(super) struct Strand {
    pub(super) tensor: Id<Tensor>,
    /// The indices before the last, as C++.
    lead: Vec<String>,
    /// The expressions that read it.
    pub(super) reads: BTreeSet<Id<Expr>>,
    /// The levels whose passes read it.
    pub(super) levels: BTreeSet<usize>,
    /// The pointer to its first element.
    row: String,
    /// The vectors that hold it.
    pub(super) vectors: String,
}

impl Strand {
    /// Whether it is another one for every row, so that it is worth loading early.
    fn is_of_the_row(&self) -> bool {
        !self.lead.is_empty()
    }
}

impl Rows<'_, '_, '_> {
    /// Finds the strands of all equations and declares where they begin.
    pub(super) fn find_strands(&mut self) {
        let layout = self.layout;
        for part in &layout.parts {
            for expr in reachable(self.f.kernel, part.equation.value) {
                if let Some((tensor, lead)) = self.strand_of(part, expr) {
                    let lead: Vec<_> = lead.iter().map(|&i| self.f.int(i)).collect();
                    self.add_strand(tensor, &lead, part, expr);
                }
            }
        }
    }

    /// The tensor and the indices before the last, where an expression reads a strand.
    fn strand_of(&self, part: &PartOf<'_>, expr: Id<Expr>) -> Option<(Id<Tensor>, Vec<IntId>)> {
        let kernel = self.f.kernel;
        let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { return None };
        let (&last, lead) = index.split_last()?;
        let (&length, sizes) = kernel.tensors[*tensor].shape.split_last()?;
        let along = self.is_column(part, last) && length == self.layout.rowwise.length;
        let lies = along && self.layout.part_of(*tensor).is_none();
        let bare = |(&index, &size): (&IntId, &IntId)| match kernel.ints.as_atom(index) {
            Some(Atom::Var(var)) => {
                part.kind.row_vars().contains(var) && kernel.vars[*var].range == size
            }
            _ => false,
        };
        let inside = lead.iter().zip(sizes).all(bare);
        (lies && inside).then(|| (*tensor, lead.to_vec()))
    }

    /// Whether an index is the column of an equation: its variable, or that of its
    /// segment times the segment's length plus the variable.
    pub(super) fn is_column(&self, part: &PartOf<'_>, index: IntId) -> bool {
        let ints = &self.f.kernel.ints;
        let is = |atom: &Atom, var: Id<Var>| *atom == Atom::Var(var);
        match (&part.kind, self.layout.rowwise.segment) {
            (Kind::PerRow { .. }, _) => false,
            (Kind::Reduction { column, vars, .. }, Some(length)) => {
                let [a, b] = ints.get(index).terms() else { return false };
                let of = |term: &tilec_ir::int::Term, var, by| {
                    term.coefficient == by
                        && matches!(term.factors[..], [atom] if is(ints.atom(atom), var))
                };
                let Some(&segment) = vars.last() else { return false };
                of(a, segment, length) && of(b, *column, 1)
                    || of(b, segment, length) && of(a, *column, 1)
            }
            (Kind::Reduction { column, .. } | Kind::Map { column, .. }, _) => {
                ints.as_atom(index).is_some_and(|atom| is(atom, *column))
            }
        }
    }

    fn add_strand(&mut self, tensor: Id<Tensor>, lead: &[Text], part: &PartOf<'_>, expr: Id<Expr>) {
        let key: Vec<_> = lead.iter().map(ToString::to_string).collect();
        let known = self.strands.iter().position(|s| s.tensor == tensor && s.lead == key);
        let at = known.unwrap_or_else(|| {
            let row = self.row_pointer(tensor, lead, Access::Read);
            let vectors = self.f.local(&format!("{}_held", self.f.kernel.tensors[tensor].name));
            let (reads, levels) = (BTreeSet::new(), BTreeSet::new());
            self.strands.push(Strand { tensor, lead: key, reads, levels, row, vectors });
            self.strands.len() - 1
        });
        self.strands[at].reads.insert(expr);
        self.strands[at].levels.insert(part.level);
    }

    /// The pointer to the first element of a row, or of a segment, of a tensor.
    pub(super) fn row_pointer(
        &mut self,
        tensor: Id<Tensor>,
        lead: &[Text],
        access: Access,
    ) -> String {
        let declared = &self.f.kernel.tensors[tensor];
        let bytes = types::bytes(declared.element) * self.layout.vector;
        let f = &mut self.f;
        f.cx.align(tensor, bytes.min(16));
        let pointer = f.pointer(tensor, access);
        let (&length, sizes) = declared.shape.split_last().expect("a row has a dimension");
        let mut offset = (!lead.is_empty()).then(|| {
            let (row, length) = (f.offset(sizes, lead), f.int(length));
            Text::binary(Level::Product, &row, "*", &length)
        });
        if let Some(start) = self.segment_start() {
            let start = Text::new(start, Level::Product);
            offset = Some(match offset {
                Some(row) => Text::binary(Level::Sum, &row, "+", &start),
                None => start,
            });
        }
        let Some(offset) = offset else { return pointer };
        let f = &mut self.f;
        let name = f.local(&format!("{}_row", declared.name));
        let constant = if access == Access::Read { "const " } else { "" };
        let ty = types::element(declared.element);
        f.line(format!("{constant}{ty}* const {name} = {pointer} + {offset};"));
        name
    }

    /// Declares and loads what the whole row needs, before anything is computed.
    pub(super) fn load_row(&mut self) {
        let early: Vec<_> = self.strands.iter().filter(|s| s.is_of_the_row()).cloned().collect();
        self.load_strands(&early);
    }

    /// The strands that a pass loads where it uses them.
    pub(super) fn late_strands(&self, level: usize) -> Vec<Strand> {
        let late =
            |s: &&Strand| s.levels.contains(&level) && !(self.layout.held && s.is_of_the_row());
        self.strands.iter().filter(late).cloned().collect()
    }

    /// Declares vectors and loads them, all before the first is used.
    pub(super) fn load_strands(&mut self, strands: &[Strand]) {
        if strands.is_empty() {
            return;
        }
        for strand in strands {
            let ty = types::element(self.f.kernel.tensors[strand.tensor].element);
            self.f.line(format!("tilec::Vector<{ty}, VECTOR> {}[STEPS];", strand.vectors));
        }
        self.open_steps(false);
        for strand in strands {
            let (vectors, load) = (&strand.vectors, self.load(strand));
            self.f.line(format!("{vectors}[step] = {load};"));
        }
        self.close_steps();
    }

    /// The vector of a strand at the current step; what lies past the row is zero, and
    /// not read.
    fn load(&self, strand: &Strand) -> String {
        let load = format!("tilec::load<VECTOR>({} + column)", strand.row);
        if self.layout.is_whole {
            return load;
        }
        let ty = types::element(self.f.kernel.tensors[strand.tensor].element);
        format!("column < left ? {load} : tilec::Vector<{ty}, VECTOR>{{}}")
    }

    /// Declares the vector of a strand at the current step.
    pub(super) fn load_in_place(&mut self, strand: &Strand) {
        let (vector, load) = (&strand.vectors, self.load(strand));
        self.f.line(format!("const auto {vector} = {load};"));
    }

    /// The value of a strand's element at the current step, and at `i` of its vector.
    pub(super) fn strand_value(&mut self, strand: &Strand) -> Text {
        let at = if self.layout.vector == 1 { "0" } else { "i" };
        let in_place = self.layout.held && !strand.is_of_the_row();
        let step = if in_place { "" } else { "[step]" };
        let vector = format!("{}{step}", strand.vectors);
        if types::is_narrow(self.f.kernel.tensors[strand.tensor].element) {
            return Text::atom(format!("tilec::to_float_at({vector}, {at})"));
        }
        self.f.decode(strand.tensor, Text::atom(format!("{vector}.at[{at}]")))
    }

    /// Whether a tensor has the row's columns innermost, so that vectors fit into it.
    pub(super) fn is_written_along(&self, part: &PartOf<'_>) -> bool {
        let tensor = &self.f.kernel.tensors[part.equation.tensor];
        let last = part.equation.vars.last().copied();
        debug_assert!(tensor.role != Role::Input, "inputs have no equations");
        last.is_some()
            && last == part.kind.column()
            && tensor.shape.last() == Some(&self.layout.rowwise.length)
    }
}
