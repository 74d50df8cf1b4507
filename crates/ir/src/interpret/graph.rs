//! An equation for one launch: operations on columns, placed in regions.
//!
//! Sizes are numbers here and every index of a read is one address. A node is
//! computed in exactly one region; the lanes of a region are
//!
//! ```text
//! root      points of the output
//! loop      lanes of the parent x points of the reduced variables
//! branch    those lanes of the parent that take it
//! ```
//!
//! A region reads values of its ancestors through imports, which are copied
//! when it is entered.

use crate::arena::{Arena, Id};
use crate::formats::Format;
use crate::tensor::{Binary, Order, Reduction, Tensor, Unary};

/// A handle of a node.
pub(super) type NodeId = Id<Node>;
/// A handle of a region.
pub(super) type RegionId = Id<Region>;

/// One equation.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Arena<Node>,
    pub(super) regions: Arena<Region>,
    pub(super) root: RegionId,
    /// What is stored.
    pub(super) value: NodeId,
    /// How deep regions nest.
    pub(super) depth: usize,
}

/// An operation and its class of values.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) op: Op,
    pub(super) class: Class,
    /// The variables that it depends on, as the nodes that hold them; sorted.
    pub(super) free: Vec<NodeId>,
    /// Whether it is computed only where its value is needed. If not, it may be
    /// computed where a guard fails, and then reads whatever is there.
    pub(super) strict: bool,
}

/// Classes of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Float,
    /// i32 values and exact indices.
    Int,
    Bool,
}

/// What a node computes.
#[derive(Debug)]
pub(super) enum Op {
    /// An index variable below its range; set by the region that binds it.
    Var(i64),
    /// A value of an ancestor; set on entry of its region.
    Import,
    Float(f32),
    Int(i64),
    /// `constant + sum of coefficient * product of factors`
    Linear(Linear),
    /// The floor of the quotient.
    FloorDiv(NodeId, NodeId),
    Read(Read),
    Unary(Unary, NodeId),
    Binary(Binary, NodeId, NodeId),
    /// `and`, `or`: the right side only where the left leaves it open.
    Shortcut {
        stops_at: bool,
        left: NodeId,
        right: Branch,
    },
    Select {
        test: NodeId,
        yes: Branch,
        no: Branch,
    },
    Convert(NodeId, Target),
    RoundStochastic(NodeId, NodeId, Format),
    Random(Vec<NodeId>),
    Reduce {
        reduction: Reduction,
        body: Body,
        memo: Option<NodeId>,
    },
    Rank {
        order: Order,
        body: Body,
        place: NodeId,
        prefix: usize,
        memo: Option<NodeId>,
    },
}

#[derive(Debug)]
pub(super) struct Linear {
    pub(super) constant: i64,
    pub(super) terms: Vec<(i64, Vec<NodeId>)>,
}

/// An element at a row-major position; of an `idx` type clamped to `0 ..= last`.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) tensor: Id<Tensor>,
    pub(super) address: NodeId,
    pub(super) last: Option<i64>,
}

/// A value needed by some lanes only. Without a region it is there anyway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub(super) region: Option<RegionId>,
    pub(super) value: NodeId,
}

/// A value for every point of a loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub(super) region: RegionId,
    pub(super) value: NodeId,
}

/// What a conversion makes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    F32,
    Narrow(Format),
    /// To the integers `low ..= high`.
    Int(i64, i64),
    Bool,
}

/// Where nodes are computed.
#[derive(Debug, Default)]
pub(super) struct Region {
    /// `None` for the root.
    pub(super) parent: Option<RegionId>,
    /// The variables that it binds, with their ranges; none for a branch.
    pub(super) vars: Vec<(NodeId, i64)>,
    /// Values of the parent, and the nodes that hold them here.
    pub(super) imports: Vec<(NodeId, NodeId)>,
    /// What is computed, in order.
    pub(super) nodes: Vec<NodeId>,
    /// About how many lanes it is run for in all.
    pub(super) points: f64,
}

impl Graph {
    /// About how many values are computed.
    pub(super) fn work(&self) -> f64 {
        self.regions.iter().map(|(_, region)| region.work(region.points)).sum()
    }
}

impl Region {
    pub(super) fn work(&self, lanes: f64) -> f64 {
        (1.0 + self.nodes.len() as f64) * lanes
    }
}

impl Op {
    /// Calls `visit` for every operand that is computed where the node is, and
    /// for those of regions with the region.
    pub(super) fn visit(&mut self, visit: &mut impl FnMut(&mut NodeId, Option<RegionId>)) {
        match self {
            Self::Var(_) | Self::Import | Self::Float(_) | Self::Int(_) => {}
            Self::Linear(linear) => {
                linear.terms.iter_mut().flat_map(|(_, f)| f).for_each(|x| visit(x, None));
            }
            Self::Read(read) => visit(&mut read.address, None),
            Self::Unary(_, x) | Self::Convert(x, _) => visit(x, None),
            Self::FloorDiv(a, b) | Self::Binary(_, a, b) | Self::RoundStochastic(a, b, _) => {
                visit(a, None);
                visit(b, None);
            }
            Self::Shortcut { left, right, .. } => {
                visit(left, None);
                visit(&mut right.value, right.region);
            }
            Self::Select { test, yes, no } => {
                visit(test, None);
                visit(&mut yes.value, yes.region);
                visit(&mut no.value, no.region);
            }
            Self::Random(words) => words.iter_mut().for_each(|x| visit(x, None)),
            Self::Reduce { body, memo, .. } => {
                memo.iter_mut().for_each(|x| visit(x, None));
                visit(&mut body.value, Some(body.region));
            }
            Self::Rank { body, place, memo, .. } => {
                memo.iter_mut().for_each(|x| visit(x, None));
                visit(place, None);
                visit(&mut body.value, Some(body.region));
            }
        }
    }
}
