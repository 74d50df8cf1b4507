//! Puts elements of a whole order in the place of survivors and their pieces.
//!
//! ```text
//! near[m, pick[m, s] / S, pick[m, s] % S]   ->   all[m, s] % L
//! pick[m, s] / S                            ->   all[m, s] / L
//! ```
//!
//! Where each piece keeps one element, `pick[m, s]` itself is the piece.

use std::collections::BTreeMap;

use tilec_ir::int::TooComplex;
use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Equation, Expr, ExprKind, Role, Tensor, Var};
use tilec_ir::walk::postorder;
use tilec_ir::{Atom, Facts, Id, IntId, Ints, Kernel};

use super::{Dim, Pieces, digits, variable};
use crate::builder::{Rewrite, index_bound, rebuild_kind};
use crate::flat::{Flat, Leaf, Target};
use crate::recognize::scene::{Scene, tensors_read};

/// What reads the second stage reads the whole order.
pub(super) fn resolve(
    scene: &mut Scene,
    at: EquationAt,
    pieces: &Pieces,
    tensor: Id<Tensor>,
) -> Result<(), String> {
    let pick = scene.kernel.equations[at].tensor;
    let name = scene.kernel.tensors[pick].name.clone();
    if scene.kernel.tensors[pick].role == Role::Output {
        return Err(format!("`{name}` is an output, and tells survivors, not elements"));
    }
    let mut values = Vec::new();
    for &reader in &scene.readers[pick.index()] {
        let value = scene.kernel.equations[reader].value;
        let resolver = Resolver::new(&mut scene.kernel, &scene.facts, at, pieces, tensor);
        let resolved = resolver.rewrite(value);
        let value = resolved.ok().filter(|&v| !tensors_read(&scene.kernel, v).contains(&pick));
        let by = &scene.kernel.tensors[scene.kernel.equations[reader].tensor].name;
        values.push((
            reader,
            value.ok_or_else(|| {
                format!("`{by}` needs `{name}` itself, and not only the element that it stands for")
            })?,
        ));
    }
    for (reader, value) in values {
        scene.kernel.equations[reader].value = value;
    }
    let all = std::mem::replace(&mut scene.kernel.tensors[pick].name, format!("{name}'near"));
    scene.kernel.tensors[tensor].name = all;
    Ok(())
}

struct Resolver<'a> {
    kernel: &'a mut Kernel,
    facts: &'a Facts,
    done: BTreeMap<Id<Expr>, Id<Expr>>,
    /// The second stage, and its variables.
    pick: Id<Tensor>,
    vars: Vec<Id<Var>>,
    pieces: &'a Pieces,
    near: Id<Tensor>,
    /// The whole order.
    all: Id<Tensor>,
}

impl<'a> Resolver<'a> {
    fn new(
        kernel: &'a mut Kernel,
        facts: &'a Facts,
        at: EquationAt,
        pieces: &'a Pieces,
        all: Id<Tensor>,
    ) -> Self {
        let Equation { tensor: pick, vars, .. } = kernel.equations[at].clone();
        let near = kernel.equations[pieces.near].tensor;
        Self { kernel, facts, done: BTreeMap::new(), pick, vars, pieces, near, all }
    }

    fn rewrite(mut self, root: Id<Expr>) -> Result<Id<Expr>, TooComplex> {
        for expr in postorder(self.kernel, root) {
            let Expr { kind, ty, span } = self.kernel.exprs[expr].clone();
            let kind = rebuild_kind(&kind, &mut self)?;
            let made = self.kernel.exprs.push(Expr { kind, ty, span });
            self.done.insert(expr, made);
        }
        Ok(self.done[&root])
    }

    fn read(&mut self, tensor: Id<Tensor>, index: Vec<IntId>) -> IntId {
        let bound = index_bound(self.kernel.tensors[tensor].element);
        self.kernel.ints.of_atom(Atom::Read(tensor, index), bound)
    }

    /// The piece in which an element of the whole order lies.
    fn piece(&mut self, index: Vec<IntId>) -> Result<IntId, TooComplex> {
        let element = self.read(self.all, index);
        self.facts.div(&mut self.kernel.ints, element, self.pieces.first.length)
    }

    /// The element `near[m, pick / S, pick % S]` within its piece, if it is that of a `pick`.
    fn within(&mut self, index: &[IntId]) -> Result<Option<IntId>, TooComplex> {
        let Some(own) = self.survivor(index) else { return Ok(None) };
        let pick = self.read(self.pick, own.clone());
        let (piece, place) = if self.pieces.chunks.is_empty() {
            (pick, pick)
        } else {
            let piece = self.piece(own.clone())?;
            let before = self.kernel.ints.mul(piece, self.pieces.first.count)?;
            let place = self.kernel.ints.sub(pick, before)?;
            (piece, if self.is_piece() { self.kernel.ints.constant(0) } else { place })
        };
        let numbers = digits(self.kernel, self.facts, piece, &self.pieces.chunks)?;
        let matches = |(&dim, &index): (&Dim, &IntId)| match dim {
            Dim::Row(row) => {
                self.vars.iter().position(|&var| var == row).is_some_and(|at| own[at] == index)
            }
            Dim::Piece(at) => index == numbers[at],
            Dim::Place => index == place,
        };
        if !self.pieces.dims.iter().zip(index).all(matches) {
            return Ok(None);
        }
        let element = self.read(self.all, own);
        if self.pieces.chunks.is_empty() {
            return Ok(Some(element));
        }
        let before = self.kernel.ints.mul(piece, self.pieces.first.length)?;
        self.kernel.ints.sub(element, before).map(Some)
    }

    /// The index of the survivor whose place, or piece, stands in an index of `near`.
    fn survivor(&self, index: &[IntId]) -> Option<Vec<IntId>> {
        let ints = &self.kernel.ints;
        let mut found = None;
        for (&dim, &index) in self.pieces.dims.iter().zip(index) {
            if matches!(dim, Dim::Row(_)) {
                continue;
            }
            ints.visit_atoms(index, &mut |_, atom| match atom {
                Atom::Read(tensor, own) if *tensor == self.pick || *tensor == self.all => {
                    found.get_or_insert_with(|| own.clone());
                }
                _ => {}
            });
        }
        found
    }

    /// How many pieces `d` survivors are, if no piece is cut.
    fn whole_pieces(&mut self, d: IntId) -> Option<IntId> {
        let (ints, kept) = (&mut self.kernel.ints, self.pieces.first.count);
        let pieces = self.facts.div(ints, d, kept).ok()?;
        let whole = ints.mul(pieces, kept).ok()? == d;
        (whole && !self.pieces.chunks.is_empty()).then_some(pieces)
    }

    /// Whether each piece keeps one, so that a survivor is a piece.
    fn is_piece(&self) -> bool {
        !self.pieces.chunks.is_empty()
            && self.kernel.ints.as_constant(self.pieces.first.count) == Some(1)
    }
}

impl Rewrite for Resolver<'_> {
    fn int(&mut self, id: IntId) -> Result<IntId, TooComplex> {
        Flat::of(&self.kernel.ints, id).rebuild(self)
    }

    fn operand(&self, expr: Id<Expr>) -> Id<Expr> {
        self.done[&expr]
    }
}

impl Target for Resolver<'_> {
    fn ints(&mut self) -> &mut Ints {
        &mut self.kernel.ints
    }

    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
        if let Some(Atom::Read(tensor, index)) = self.kernel.ints.as_atom(p).cloned()
            && tensor == self.pick
            && let Some(pieces) = self.whole_pieces(d)
        {
            let piece = self.piece(index)?;
            return self.facts.div(&mut self.kernel.ints, piece, pieces);
        }
        self.facts.div(&mut self.kernel.ints, p, d)
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex> {
        match leaf {
            Leaf::Size(size) => Ok(self.kernel.ints.of_atom(Atom::Size(size), None)),
            Leaf::Var(var) => Ok(variable(self.kernel, var)),
            Leaf::Read(tensor, index) if tensor == self.pick && self.is_piece() => {
                self.piece(index)
            }
            Leaf::Read(tensor, index) => {
                let within = if tensor == self.near { self.within(&index)? } else { None };
                Ok(within.unwrap_or_else(|| self.read(tensor, index)))
            }
            Leaf::Value(value) => {
                let value = self.done.get(&value).copied().unwrap_or(value);
                match self.kernel.exprs[value].kind {
                    ExprKind::Int(id) => Ok(id),
                    _ => {
                        let bound = index_bound(self.kernel.exprs[value].ty);
                        Ok(self.kernel.ints.of_atom(Atom::Value(value), bound))
                    }
                }
            }
        }
    }
}
