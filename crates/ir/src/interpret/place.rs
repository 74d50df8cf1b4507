//! Decides where each node is computed.
//!
//! A node goes to the innermost region that holds all its uses, moved out of
//! every loop whose variables it does not depend on. So nothing is computed
//! twice for one lane of a region, however expressions share operands, and a
//! branch computes what only it needs.
//!
//! A node that several branches use is computed above them, perhaps for lanes
//! that need it nowhere. That is harmless: operations have no effects, and a
//! read that is not strict takes whatever is there.

use std::collections::HashMap;

use super::graph::{Branch, Class, Graph, Linear, Node, NodeId, Op, Region, RegionId};
use crate::arena::Arena;

/// Places the nodes that `value` needs in the region `root`.
pub(super) fn place(
    nodes: Arena<Node>,
    regions: Arena<Region>,
    root: RegionId,
    value: NodeId,
) -> Graph {
    let mut placing = Placing {
        home: vec![None; nodes.len()],
        uses: vec![Vec::new(); nodes.len()],
        nested: vec![Nested { depth: 0, innermost: root }; regions.len()],
        known: HashMap::new(),
        nodes,
        regions,
    };
    placing.pin_variables();
    placing.regions[root].points = placing.points_of(root);
    placing.uses[value.index()].push(Use { region: root, strict: true });
    let all: Vec<_> = placing.nodes.ids().collect();
    for &node in all.iter().rev() {
        placing.settle(node);
    }
    for &node in &all {
        placing.list(node);
    }
    let depth = placing.nested.iter().map(|n| n.depth).max().unwrap_or(0);
    Graph { nodes: placing.nodes, regions: placing.regions, root, value, depth }
}

struct Placing {
    nodes: Arena<Node>,
    regions: Arena<Region>,
    /// By node: where it is computed, if anything needs it.
    home: Vec<Option<RegionId>>,
    /// By node: where it is used.
    uses: Vec<Vec<Use>>,
    /// By region, once its owner is settled.
    nested: Vec<Nested>,
    /// Imports that there are.
    known: HashMap<(NodeId, RegionId), NodeId>,
}

#[derive(Clone, Copy)]
struct Use {
    region: RegionId,
    strict: bool,
}

#[derive(Clone, Copy)]
struct Nested {
    depth: usize,
    /// The innermost loop, or the root, that holds the region or is it.
    innermost: RegionId,
}

impl Placing {
    fn pin_variables(&mut self) {
        for (region, Region { vars, .. }) in self.regions.iter() {
            for (var, _) in vars {
                self.home[var.index()] = Some(region);
            }
        }
    }

    /// Chooses the home of a node whose users are all settled.
    fn settle(&mut self, node: NodeId) {
        let uses = std::mem::take(&mut self.uses[node.index()]);
        if uses.is_empty() || is_free_standing(&self.nodes[node].op) {
            return;
        }
        let lifted = uses.iter().map(|u| self.lift(u.region, node));
        let home = lifted.reduce(|a, b| self.common(a, b)).expect("uses were found");
        let strict = uses.iter().any(|u| u.strict && u.region == home);
        self.nodes[node].strict = strict;
        self.home[node.index()] = Some(home);
        self.with_op(node, |this, op| {
            if let Op::Reduce { body, memo, .. } | Op::Rank { body, memo, .. } = op {
                this.open_loop(body.region, home);
                *memo = this.memo_key(body.region, body.value, home);
            }
            op.visit(&mut |operand, region| {
                let region = region.unwrap_or(home);
                if region != home && region != this.nested[region.index()].innermost {
                    this.open_branch(region, home);
                }
                this.uses[operand.index()].push(Use { region, strict });
            });
        });
    }

    /// Lets `change` see the operation of a node and everything else.
    fn with_op(&mut self, node: NodeId, change: impl FnOnce(&mut Self, &mut Op)) {
        let mut op = std::mem::replace(&mut self.nodes[node].op, Op::Import);
        change(self, &mut op);
        self.nodes[node].op = op;
    }

    fn open_loop(&mut self, region: RegionId, home: RegionId) {
        let depth = self.nested[home.index()].depth + 1;
        self.nested[region.index()] = Nested { depth, innermost: region };
        self.regions[region].parent = Some(home);
        self.regions[region].points = self.regions[home].points * self.points_of(region);
    }

    fn open_branch(&mut self, region: RegionId, home: RegionId) {
        let Nested { depth, innermost } = self.nested[home.index()];
        self.nested[region.index()] = Nested { depth: depth + 1, innermost };
        self.regions[region].parent = Some(home);
        self.regions[region].points = self.regions[home].points;
    }

    fn points_of(&self, region: RegionId) -> f64 {
        self.regions[region].vars.iter().map(|&(_, range)| range as f64).product()
    }

    /// The region outside all loops around `from` that do not matter to `node`.
    fn lift(&self, mut from: RegionId, node: NodeId) -> RegionId {
        let free = &self.nodes[node].free;
        loop {
            let innermost = self.nested[from.index()].innermost;
            let Some(outside) = self.regions[innermost].parent else { return from };
            let binds = |(var, _): &(NodeId, i64)| free.binary_search(var).is_ok();
            if self.regions[innermost].vars.iter().any(binds) {
                return from;
            }
            from = outside;
        }
    }

    /// The innermost region that holds both.
    fn common(&self, mut a: RegionId, mut b: RegionId) -> RegionId {
        while a != b {
            let deeper = self.nested[a.index()].depth >= self.nested[b.index()].depth;
            let side = if deeper { &mut a } else { &mut b };
            *side = self.regions[*side].parent.expect("the root holds everything");
        }
        a
    }

    /// The node that numbers the contexts of a loop, if several lanes of its
    /// home share one. Replaces the estimate of the loop's points.
    fn memo_key(&mut self, region: RegionId, body: NodeId, home: RegionId) -> Option<NodeId> {
        let own = &self.regions[region].vars;
        let is_own = |var: &NodeId| own.iter().any(|(v, _)| v == var);
        let context: Vec<_> =
            self.nodes[body].free.iter().copied().filter(|var| !is_own(var)).collect();
        if !self.is_shared(&context, home) {
            return None;
        }
        let mut terms = Vec::new();
        let mut stride = 1i64;
        for &var in &context {
            let Op::Var(range) = self.nodes[var].op else { return None };
            terms.push((stride, vec![var]));
            stride = stride.checked_mul(range)?;
        }
        self.regions[region].points = stride as f64 * self.points_of(region);
        let op = Op::Linear(Linear { constant: 0, terms });
        let key = self.nodes.push(Node { op, class: Class::Int, free: context, strict: true });
        self.home.push(Some(home));
        self.uses.push(Vec::new());
        Some(key)
    }

    /// Whether a variable in scope, other than those of `context`, has several values.
    fn is_shared(&self, context: &[NodeId], home: RegionId) -> bool {
        let mut next = Some(home);
        while let Some(region) = next {
            let Region { vars, parent, .. } = &self.regions[region];
            if vars.iter().any(|(var, range)| *range > 1 && !context.contains(var)) {
                return true;
            }
            next = *parent;
        }
        false
    }

    /// Puts a node into its region and gives it imports for operands.
    fn list(&mut self, node: NodeId) {
        let Some(home) = self.home[node.index()] else { return };
        if matches!(self.nodes[node].op, Op::Var(_)) {
            return;
        }
        if let Op::Reduce { memo: Some(key), .. } | Op::Rank { memo: Some(key), .. } =
            self.nodes[node].op
        {
            self.use_imports(key, home);
            self.regions[home].nodes.push(key);
        }
        self.use_imports(node, home);
        self.regions[home].nodes.push(node);
    }

    fn use_imports(&mut self, node: NodeId, home: RegionId) {
        self.with_op(node, |this, op| {
            this.drop_empty_branches(op);
            op.visit(&mut |operand, region| {
                *operand = this.import(*operand, region.unwrap_or(home));
            });
        });
    }

    /// A branch whose value is computed outside has nothing of its own.
    fn drop_empty_branches(&self, op: &mut Op) {
        let check = |branch: &mut Branch| {
            if self.home[branch.value.index()] != branch.region {
                branch.region = None;
            }
        };
        if let Op::Select { yes, no, .. } = op {
            check(yes);
            check(no);
        } else if let Op::Shortcut { right, .. } = op {
            check(right);
        }
    }

    /// The node that holds the value of `node` in the region `at`.
    fn import(&mut self, node: NodeId, at: RegionId) -> NodeId {
        let Some(home) = self.home[node.index()] else { return node };
        let mut path = Vec::new();
        let mut region = at;
        while region != home {
            path.push(region);
            region = self.regions[region].parent.expect("a value is used below its home");
        }
        path.into_iter().rev().fold(node, |from, region| self.import_once(from, region))
    }

    fn import_once(&mut self, from: NodeId, region: RegionId) -> NodeId {
        if let Some(&known) = self.known.get(&(from, region)) {
            return known;
        }
        let class = self.nodes[from].class;
        let node = self.nodes.push(Node { op: Op::Import, class, free: Vec::new(), strict: true });
        self.home.push(Some(region));
        self.known.insert((from, region), node);
        self.regions[region].imports.push((from, node));
        node
    }
}

/// Whether a value is the same everywhere and needs no home.
fn is_free_standing(op: &Op) -> bool {
    matches!(op, Op::Float(_) | Op::Int(_) | Op::Var(_))
}
