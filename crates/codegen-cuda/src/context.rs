//! What is known and made while a program is emitted.
//!
//! A family of kernels gets a [`Context`], begins a [`Function`] for each
//! `__global__` function that it writes, and gives back its launches.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::tensor::{Equation, ExprKind, Tensor};
use tilec_ir::tile::{self, Grid, Program, Scratch, Step};
use tilec_ir::walk::direct;
use tilec_ir::{Atom, Id, IntId, Kernel};
use tilec_manifest::{Base, Formula, Operator};

use crate::device::Header;
use crate::function::Function;
use crate::names::ProgramNames;
use crate::{formula, types};
use tilec_cpp::Source;

/// The largest grid along x.
const MOST_BLOCKS: i64 = i32::MAX as i64;

/// The state of [`crate::emit`].
#[derive(Debug)]
pub(crate) struct Context<'p> {
    /// What is emitted.
    pub(crate) program: &'p Program,
    /// The text that it comes from.
    pub(crate) source: Source<'p>,
    /// Names that all functions share.
    pub(crate) names: ProgramNames,
    /// The functions written so far, each with an empty line behind it.
    pub(crate) functions: Vec<String>,
    /// The device headers that they need.
    pub(crate) headers: BTreeSet<Header>,
    /// The generated functions around single instructions, by name.
    pub(crate) instructions: BTreeMap<String, String>,
    alignments: BTreeMap<Id<Tensor>, u32>,
    /// By expression: whether it reads no tensor and loops nowhere.
    pure: Vec<bool>,
}

impl<'p> Context<'p> {
    pub(crate) fn new(program: &'p Program, source: Source<'p>) -> Self {
        let kernel = &program.plan.kernel;
        Self {
            program,
            source,
            names: ProgramNames::new(kernel),
            functions: Vec::new(),
            headers: BTreeSet::new(),
            instructions: BTreeMap::new(),
            alignments: BTreeMap::new(),
            pure: pure_expressions(kernel),
        }
    }

    /// A context for functions of the same program that another thread writes.
    pub(crate) fn beside(&self) -> Self {
        Self {
            program: self.program,
            source: self.source,
            names: self.names.clone(),
            functions: Vec::new(),
            headers: BTreeSet::new(),
            instructions: BTreeMap::new(),
            alignments: BTreeMap::new(),
            pure: self.pure.clone(),
        }
    }

    /// Adds what that thread made, behind what is here.
    pub(crate) fn take(&mut self, other: Self) {
        self.functions.extend(other.functions);
        self.headers.extend(other.headers);
        for (name, text) in other.instructions {
            self.instructions.entry(name).or_insert(text);
        }
        for (tensor, bytes) in other.alignments {
            self.align(tensor, bytes);
        }
    }

    /// The equations.
    pub(crate) fn kernel(&self) -> &'p Kernel {
        &self.program.plan.kernel
    }

    /// The equations that a step computes, in order.
    pub(crate) fn equations(&self, step: &Step) -> Vec<&'p Equation> {
        let plan = &self.program.plan;
        let covers = &plan.regions[step.region].covers;
        covers.iter().map(|&at| &plan.kernel.equations[at]).collect()
    }

    /// Embeds a device header in the source.
    pub(crate) fn need(&mut self, header: Header) {
        self.headers.insert(header);
    }

    /// Adds a generated function of the namespace `tilec`, once.
    pub(crate) fn need_instruction(&mut self, name: &str, text: impl FnOnce() -> String) {
        if !self.instructions.contains_key(name) {
            self.instructions.insert(name.to_owned(), text());
        }
    }

    /// An integer over sizes for the manifest.
    pub(crate) fn formula(&self, int: IntId) -> Formula {
        formula::formula(self.kernel(), int)
    }

    /// Begins the `__global__` function of this name.
    pub(crate) fn begin(&mut self, name: &str) -> Function<'_, 'p> {
        Function::new(self, name)
    }

    /// Whether an expression may be computed where it is not needed, at no risk
    /// and at little cost.
    pub(crate) fn is_pure(&self, expr: Id<tilec_ir::tensor::Expr>) -> bool {
        self.pure[expr.index()]
    }

    /// Where a tensor lies.
    pub(crate) fn base(&self, tensor: Id<Tensor>) -> Base {
        let declared = &self.kernel().tensors[tensor];
        match declared.role {
            tilec_ir::tensor::Role::Input | tilec_ir::tensor::Role::Output => {
                Base::Argument(declared.name.clone())
            }
            tilec_ir::tensor::Role::Local => self.scratch(Scratch::Tensor(tensor)),
        }
    }

    /// Whether a tensor lies in memory: it is an argument, or has a place in the
    /// workspace.
    pub(crate) fn is_stored(&self, tensor: Id<Tensor>) -> bool {
        let local = self.kernel().tensors[tensor].role == tilec_ir::tensor::Role::Local;
        let holds = Scratch::Tensor(tensor);
        !local || self.program.workspace.iter().any(|piece| piece.holds == holds)
    }

    /// Where a piece of the workspace lies.
    pub(crate) fn scratch(&self, holds: Scratch) -> Base {
        let piece = self.program.workspace.iter().find(|piece| piece.holds == holds);
        let piece = piece.unwrap_or_else(|| panic!("{holds:?} has no place in the workspace"));
        Base::Workspace(self.formula(piece.offset))
    }

    /// The blocks of a launch without clusters. Every function takes items in
    /// strides of its grid, so that a grid cut short is still correct.
    pub(crate) fn grid(&self, kernel: &tile::Kernel) -> [Formula; 3] {
        let (items, most) = match kernel.grid {
            Grid::PerItem { items } => (items, MOST_BLOCKS),
            Grid::Persistent { items, blocks } => (items, i64::from(blocks)),
        };
        let blocks = Formula::apply(Operator::Min, self.formula(items), most.into());
        [blocks, 1.into(), 1.into()]
    }

    /// Promises that functions read or write a tensor in pieces of so many bytes, from
    /// its start.
    pub(crate) fn align(&mut self, tensor: Id<Tensor>, bytes: u32) {
        let before = self.alignments.entry(tensor).or_insert(1);
        *before = bytes.max(*before);
    }

    /// What the address of a tensor must be a multiple of, in bytes.
    pub(crate) fn alignment(&self, tensor: Id<Tensor>) -> u32 {
        let asked = self.alignments.get(&tensor).copied().unwrap_or(1);
        asked.max(self.element_bytes(tensor))
    }

    /// The bytes of an element of a tensor.
    pub(crate) fn element_bytes(&self, tensor: Id<Tensor>) -> u32 {
        types::bytes(self.kernel().tensors[tensor].element)
    }
}

fn pure_expressions(kernel: &Kernel) -> Vec<bool> {
    let mut pure: Vec<bool> = Vec::new();
    for (_, expr) in kernel.exprs.iter() {
        let here =
            !matches!(expr.kind, ExprKind::Read(..) | ExprKind::Reduce(..) | ExprKind::Rank { .. });
        let mut is_pure = here && direct(&expr.kind).iter().all(|e| pure[e.index()]);
        for int in tilec_ir::walk::ints(expr) {
            kernel.ints.visit_atoms(int, &mut |_, atom| match atom {
                Atom::Read(..) => is_pure = false,
                Atom::Value(e) => is_pure &= pure[e.index()],
                Atom::Size(_) | Atom::Var(_) | Atom::Div(..) => {}
            });
        }
        pure.push(is_pure);
    }
    pure
}
