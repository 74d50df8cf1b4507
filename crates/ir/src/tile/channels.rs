//! Checks of the channels of a pipeline.
//!
//! ```text
//! load --send--> operands --receive--> compute     an edge for each use of a channel
//! ```
//!
//! Roles and channels are a graph (petgraph). What one role sends, each reader must
//! receive and release as often, at the same loop: once per slot that the channel
//! has for the `k` of the loop around it. A schedule of all roles, each running
//! until it must wait, shows that none waits for ever.

use petgraph::algo::is_cyclic_directed;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::tile::verify::ensure;
use crate::tile::{ChannelId, Op, Pipeline, Role, RoleKind};

/// Slots that the schedule runs each channel through: some more than any has.
const ROUNDS: u32 = 3;

/// Says what is wrong with the channels of a pipeline, if anything is.
pub(super) fn check(pipeline: &Pipeline) -> Result<(), String> {
    for channel in &pipeline.channels {
        ensure(channel.depth > 0 && channel.slot_bytes > 0 && channel.k > 0, || {
            format!("channel {} has nothing in it", channel.name)
        })?;
        ensure(channel.slot_bytes.is_multiple_of(16), || {
            format!("a slot of {} is not a multiple of 16 bytes", channel.name)
        })?;
    }
    for role in &pipeline.roles {
        ensure(role.warps > 0 && role.instances > 0, || "a role without warps".to_owned())?;
        uses(pipeline, &role.body, None)?;
        order(role)?;
    }
    readers(pipeline)?;
    schedule(pipeline)
}

/// Every use of a channel stands in the loop over its slots, and there once.
fn uses(pipeline: &Pipeline, ops: &[Op], around: Option<ChannelId>) -> Result<(), String> {
    for op in ops {
        match op {
            Op::EachBlock(channel, body) => {
                let inner = pipeline.channels.get(*channel).ok_or("a loop over no channel")?;
                if let Some(outer) = around {
                    let outer = &pipeline.channels[outer];
                    ensure(outer.k > inner.k && outer.k.is_multiple_of(inner.k), || {
                        format!("slots of {} do not make one of {}", inner.name, outer.name)
                    })?;
                }
                uses(pipeline, body, Some(*channel))?;
            }
            Op::Send(channel)
            | Op::Receive(channel)
            | Op::Release(channel)
            | Op::Multiply(channel) => {
                let used = pipeline.channels.get(*channel).ok_or("use of no channel")?;
                let within = around.map(|around| pipeline.channels[around].k);
                ensure(within == Some(used.k), || {
                    format!("{} is used at another pace than it is filled", used.name)
                })?;
            }
            Op::Fill | Op::Accumulate | Op::Exchange | Op::Put => {}
        }
    }
    Ok(())
}

/// Sums are set before and written after all products; slots are multiplied while held.
fn order(role: &Role) -> Result<(), String> {
    let flat = flat(&role.body);
    let first = |wanted: &Op| flat.iter().position(|op| *op == wanted);
    match role.kind {
        RoleKind::Load => {
            let only = flat.iter().all(|op| matches!(op, Op::Send(_)));
            ensure(only && !flat.is_empty(), || "a loading role does not only send".to_owned())
        }
        RoleKind::Compute => {
            let multiply = flat.iter().position(|op| matches!(op, Op::Multiply(_)));
            let in_order = match (first(&Op::Fill), multiply, first(&Op::Put)) {
                (Some(fill), Some(multiply), Some(put)) => fill < multiply && multiply < put,
                _ => false,
            };
            ensure(in_order, || "a multiplying role does not fill, multiply and put".to_owned())?;
            let once = |wanted: &Op| flat.iter().filter(|op| **op == wanted).count() <= 1;
            ensure(once(&Op::Fill) && once(&Op::Put) && once(&Op::Exchange), || {
                "sums are set or written twice".to_owned()
            })?;
            held(&flat)
        }
    }
}

/// A slot is multiplied between its receipt and its release.
fn held(flat: &[&Op]) -> Result<(), String> {
    for (at, op) in flat.iter().enumerate() {
        let Op::Multiply(channel) = op else { continue };
        let received = flat[..at].contains(&&Op::Receive(*channel));
        let released = flat[at..].contains(&&Op::Release(*channel));
        ensure(received && released, || "a slot is multiplied that is not held".to_owned())?;
    }
    Ok(())
}

/// The operations of a body in order, those of loops once.
fn flat(ops: &[Op]) -> Vec<&Op> {
    let mut flat = Vec::new();
    let mut open: Vec<&Op> = ops.iter().rev().collect();
    while let Some(op) = open.pop() {
        if let Op::EachBlock(_, body) = op {
            open.extend(body.iter().rev());
        } else {
            flat.push(op);
        }
    }
    flat
}

/// One role sends on each channel; its readers are as many as it says, and each
/// receives and releases a slot once.
fn readers(pipeline: &Pipeline) -> Result<(), String> {
    let (graph, nodes) = graph(pipeline);
    ensure(!is_cyclic_directed(&graph), || "roles wait for each other's slots".to_owned())?;
    for (at, channel) in pipeline.channels.iter().enumerate() {
        let count =
            |role: &Role, wanted: &Op| flat(&role.body).iter().filter(|op| **op == wanted).count();
        let senders: u32 = pipeline
            .roles
            .iter()
            .filter(|role| count(role, &Op::Send(at)) > 0)
            .map(|role| role.instances)
            .sum();
        let sends: usize = pipeline.roles.iter().map(|role| count(role, &Op::Send(at))).sum();
        ensure(senders == 1 && sends == 1, || format!("{} is sent {sends} times", channel.name))?;
        let mut readers = 0;
        for role in &pipeline.roles {
            let (received, released) =
                (count(role, &Op::Receive(at)), count(role, &Op::Release(at)));
            ensure(received == released && received <= 1, || {
                format!("{} is received {received} and released {released} times", channel.name)
            })?;
            readers += if received > 0 { role.instances } else { 0 };
        }
        ensure(readers == channel.consumers && readers > 0, || {
            format!("{} is read by {readers}, not by {}", channel.name, channel.consumers)
        })?;
        let node = nodes[at];
        ensure(graph.neighbors(node).count() > 0, || format!("nothing reads {}", channel.name))?;
    }
    Ok(())
}

/// Channels and roles: an edge for each way that slots go.
fn graph(pipeline: &Pipeline) -> (DiGraph<(), ()>, Vec<NodeIndex>) {
    let mut graph = DiGraph::new();
    let channels: Vec<_> = pipeline.channels.iter().map(|_| graph.add_node(())).collect();
    for role in &pipeline.roles {
        let node = graph.add_node(());
        for op in flat(&role.body) {
            match op {
                Op::Send(channel) => {
                    graph.add_edge(node, channels[*channel], ());
                }
                Op::Receive(channel) => {
                    graph.add_edge(channels[*channel], node, ());
                }
                Op::EachBlock(..)
                | Op::Release(_)
                | Op::Multiply(_)
                | Op::Fill
                | Op::Accumulate
                | Op::Exchange
                | Op::Put => {}
            }
        }
    }
    (graph, channels)
}

/// Runs one work item of some slots: each role until it waits, in turn. Whoever waits at
/// the end waits for ever.
fn schedule(pipeline: &Pipeline) -> Result<(), String> {
    let longest =
        pipeline.channels.iter().map(|channel| channel.k * (channel.depth + ROUNDS)).max();
    let k = longest.unwrap_or(0);
    let programs: Vec<Vec<Op>> = pipeline
        .roles
        .iter()
        .flat_map(|role| vec![unrolled(pipeline, &role.body, k); role.instances as usize])
        .collect();
    let mut rings = vec![Ring::default(); pipeline.channels.len()];
    let mut at = vec![0; programs.len()];
    loop {
        let mut moved = false;
        for (role, program) in programs.iter().enumerate() {
            while let Some(op) = program.get(at[role])
                && step(pipeline, &mut rings, role, op)
            {
                at[role] += 1;
                moved = true;
            }
        }
        if programs.iter().zip(&at).all(|(program, &at)| at == program.len()) {
            return Ok(());
        }
        ensure(moved, || "the roles wait for each other for ever".to_owned())?;
    }
}

/// What has happened to a channel: slots sent, and received and released by each role.
#[derive(Clone, Debug, Default)]
struct Ring {
    sent: u32,
    received: Vec<u32>,
    released: Vec<u32>,
}

/// Takes one operation if it need not wait.
fn step(pipeline: &Pipeline, rings: &mut [Ring], role: usize, op: &Op) -> bool {
    let count = |of: &mut Vec<u32>| {
        if of.len() <= role {
            of.resize(role + 1, 0);
        }
    };
    match op {
        Op::Send(channel) => {
            let (ring, channel) = (&mut rings[*channel], &pipeline.channels[*channel]);
            let mut released: Vec<u32> = ring.released.iter().copied().filter(|&x| x > 0).collect();
            released.resize((channel.consumers as usize).max(released.len()), 0);
            let free = released.iter().min().copied().unwrap_or(0) + channel.depth;
            let may = ring.sent < free;
            ring.sent += u32::from(may);
            may
        }
        Op::Receive(channel) => {
            let ring = &mut rings[*channel];
            count(&mut ring.received);
            let may = ring.received[role] < ring.sent;
            ring.received[role] += u32::from(may);
            may
        }
        Op::Release(channel) => {
            let ring = &mut rings[*channel];
            count(&mut ring.released);
            ring.released[role] += 1;
            true
        }
        Op::EachBlock(..)
        | Op::Fill
        | Op::Multiply(_)
        | Op::Accumulate
        | Op::Exchange
        | Op::Put => true,
    }
}

/// A body with its loops written out for so much of `k`. Loops nest as deep as there are
/// channels with longer slots, which is at most two.
fn unrolled(pipeline: &Pipeline, ops: &[Op], k: u32) -> Vec<Op> {
    let mut out = Vec::new();
    for op in ops {
        if let Op::EachBlock(channel, body) = op {
            let slot = pipeline.channels[*channel].k;
            for _ in 0..k.div_ceil(slot) {
                out.extend(unrolled(pipeline, body, slot.min(k)));
            }
        } else {
            out.push(op.clone());
        }
    }
    out
}
