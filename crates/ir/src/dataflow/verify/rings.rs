//! Reserve, push, wait and pop.

use crate::dataflow::CircularAt;
use crate::dataflow::budget::plural;

use super::machine::{COMPUTE, Flow, Machine, Task};
use super::state::Page;

impl Machine<'_> {
    pub(super) fn reserve(
        &mut self,
        task: usize,
        ring: CircularAt,
        count: u32,
    ) -> Result<Flow, String> {
        let Task { core, role, ref mut state, .. } = self.tasks[task];
        let shared = &self.cores[core].rings[ring];
        let capacity = u64::from(self.step.circular[ring].tiles);
        let free = capacity - (shared.pushed - shared.popped);
        if u64::from(count) > free {
            return Ok(Flow::Waits);
        }
        let reserved = &mut state.views[ring].reserved;
        if reserved.len() < count as usize {
            reserved.resize(count as usize, Page::Empty);
        }
        self.aligned(ring, shared.pushed, count)?;
        if role != COMPUTE && !self.step.semaphores.is_empty() {
            let now = self.clocks.now(self.tasks[task].process());
            self.cores[core].rings[ring].reserved = Some(now);
        }
        Ok(Flow::Done)
    }

    pub(super) fn push(&mut self, task: usize, ring: CircularAt, count: u32) -> Result<(), String> {
        let name = self.ring_name(ring);
        let core = self.tasks[task].core;
        self.arrived(task, ring)?;
        let view = &mut self.tasks[task].state.views[ring];
        let reserved = view.reserved.len();
        if count as usize > reserved {
            return Err(format!("{count} of {name} are pushed, and {reserved} are reserved"));
        }
        for (at, page) in view.reserved.drain(..count as usize).enumerate() {
            match page {
                Page::Filled => {}
                Page::Empty => {
                    return Err(format!("page {at} of {name} is pushed, and nothing is in it"));
                }
                Page::Coming => {
                    return Err(format!("page {at} of {name} is pushed before a read barrier"));
                }
                Page::Returning | Page::Leaving => {
                    return Err(format!("page {at} of {name} is pushed before a write barrier"));
                }
            }
        }
        view.next = 0;
        self.cores[core].rings[ring].pushed += u64::from(count);
        Ok(())
    }

    pub(super) fn wait(
        &mut self,
        task: usize,
        ring: CircularAt,
        count: u32,
    ) -> Result<Flow, String> {
        let Task { core, ref mut state, .. } = self.tasks[task];
        let shared = &self.cores[core].rings[ring];
        if u64::from(count) > shared.pushed - shared.popped {
            return Ok(Flow::Waits);
        }
        let view = &mut state.views[ring];
        view.waited = view.waited.max(count);
        self.aligned(ring, shared.popped, count)?;
        Ok(Flow::Done)
    }

    pub(super) fn pop(&mut self, task: usize, ring: CircularAt, count: u32) -> Result<(), String> {
        let name = self.ring_name(ring);
        let Task { core, ref mut state, .. } = self.tasks[task];
        let view = &mut state.views[ring];
        if count > view.waited {
            let waited = view.waited;
            return Err(format!("{count} of {name} are popped, and {waited} were waited for"));
        }
        if view.sending {
            return Err(format!("pages of {name} are popped before a write barrier"));
        }
        view.waited -= count;
        self.cores[core].rings[ring].popped += u64::from(count);
        Ok(())
    }

    /// Pages from a position of the ring on lie before its end.
    fn aligned(&self, ring: CircularAt, position: u64, count: u32) -> Result<(), String> {
        let (name, tiles) = (self.ring_name(ring), self.step.circular[ring].tiles);
        let first = position % u64::from(tiles);
        if first + u64::from(count) <= u64::from(tiles) {
            return Ok(());
        }
        Err(format!("{count} pages from {first} of {name} do not end where its {tiles} tiles end"))
    }
}

/// What a task leaves in a ring: pages never popped, reads never waited for.
pub(super) fn left_over(machine: &Machine<'_>, task: &Task) -> Option<String> {
    let rings = machine.step.circular.iter().zip(&machine.cores[task.core].rings);
    let mut views = rings.zip(&task.state.views);
    views.find_map(|((ring, shared), view)| {
        let (name, left) = (&ring.name, shared.pushed - shared.popped);
        let coming = view.reserved.contains(&Page::Coming);
        if view.reserved.contains(&Page::Leaving) {
            return Some(format!("pages of {name} are sent, and no write barrier follows"));
        }
        if left > 0 {
            return Some(format!("{} of {name} pushed and never popped", plural(left, "page")));
        }
        coming.then(|| format!("pages of {name} are read, and no read barrier follows"))
    })
}
