//! Semaphores, and what one core knows of another through them.
//!
//! Every process (the reader or the writer of a core) has a clock: how many signals it
//! has given, and of how many of each other process it knows, directly or through
//! others. An op *follows* another if its process knows of the signal that came after
//! that one. Then, and only then, their order is the same under every schedule:
//!
//! ```text
//! core 1: reserve a; set valid 0; signal ready of 0       until valid 1; push a
//! core 0:                    until ready 1; multicast a; signal valid of the row
//! ```
//!
//! A semaphore is in order if whoever changes it knows of all that was done to it before
//! (counting up commutes with counting up), and if nobody who waits could have gone on by
//! what it held before the change that it waits for.

/// Which process: two for each core, the reader and then the writer.
pub(super) type Process = usize;

/// A moment of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) process: Process,
    pub(super) count: u32,
}

/// What every process knows.
#[derive(Debug)]
pub(super) struct Clocks(Vec<Vec<u32>>);

impl Clocks {
    pub(super) fn new(processes: usize) -> Self {
        let clock = |own: usize| (0..processes).map(|other| u32::from(own == other)).collect();
        Self((0..processes).map(clock).collect())
    }

    /// The moment that a process is in.
    pub(super) fn now(&self, process: Process) -> Moment {
        Moment { process, count: self.0[process][process] }
    }

    /// Whether what a process does next follows that moment.
    pub(super) fn follows(&self, process: Process, moment: Moment) -> bool {
        self.0[process][moment.process] >= moment.count
    }
}

/// A semaphore of one core.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) value: u32,
    /// What those who changed it knew.
    known: Vec<u32>,
    /// Who last gave it a value (not counted it up), and what it held before.
    set: Option<(Moment, u32)>,
    /// Who counted it up since.
    added: Vec<Moment>,
    /// Who found the value waited for, since.
    seen: Vec<Moment>,
}

impl Word {
    pub(super) fn new(value: u32) -> Self {
        Self { value, known: Vec::new(), set: None, added: Vec::new(), seen: Vec::new() }
    }

    /// A process gives it a value.
    pub(super) fn set(
        &mut self,
        clocks: &mut Clocks,
        process: Process,
        value: u32,
    ) -> Result<(), Race> {
        self.after_others(clocks, process)?;
        let unordered = self.added.iter().find(|&&moment| !clocks.follows(process, moment));
        if let Some(&moment) = unordered {
            return Err(Race::Concurrent(moment.process));
        }
        self.set = Some((clocks.now(process), self.value));
        self.added.clear();
        self.seen.clear();
        self.value = value;
        self.known.clone_from(&clocks.0[process]);
        clocks.0[process][process] += 1;
        Ok(())
    }

    /// A process counts it up.
    pub(super) fn add(&mut self, clocks: &mut Clocks, process: Process) -> Result<(), Race> {
        self.after_others(clocks, process)?;
        self.added.push(clocks.now(process));
        self.value += 1;
        join(&mut self.known, &clocks.0[process]);
        clocks.0[process][process] += 1;
        Ok(())
    }

    /// A process goes on if it has this value.
    pub(super) fn until(
        &mut self,
        clocks: &mut Clocks,
        process: Process,
        value: u32,
    ) -> Result<bool, Race> {
        if self.value != value {
            return Ok(false);
        }
        if let Some((moment, before)) = self.set
            && before == value
            && !clocks.follows(process, moment)
        {
            return Err(Race::Stale(moment.process));
        }
        join(&mut clocks.0[process], &self.known);
        self.seen.push(clocks.now(process));
        Ok(true)
    }

    /// What was set and what was seen must be known to who changes it.
    fn after_others(&self, clocks: &Clocks, process: Process) -> Result<(), Race> {
        let set = self.set.iter().map(|set| set.0);
        let unordered = set.chain(self.seen.iter().copied());
        match unordered.into_iter().find(|&moment| !clocks.follows(process, moment)) {
            Some(moment) => Err(Race::Concurrent(moment.process)),
            None => Ok(()),
        }
    }
}

/// An order that only this schedule has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Race {
    /// The process may do its part before or after.
    Concurrent(Process),
    /// The process may not yet have changed it, and it held the value waited for.
    Stale(Process),
}

fn join(into: &mut Vec<u32>, other: &[u32]) {
    into.resize(other.len().max(into.len()), 0);
    for (into, &other) in into.iter_mut().zip(other) {
        *into = (*into).max(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two receivers and a sender, by process.
    const ONE: Process = 0;
    const OTHER: Process = 1;
    const SENDER: Process = 2;

    #[test]
    fn who_counts_up_need_not_know_who_else_does() {
        let (mut clocks, mut ready) = (Clocks::new(3), Word::new(0));
        let before = clocks.now(ONE);
        ready.add(&mut clocks, ONE).unwrap();
        assert_eq!(ready.until(&mut clocks, SENDER, 2), Ok(false));
        ready.add(&mut clocks, OTHER).unwrap();
        assert!(!clocks.follows(SENDER, before));
        assert_eq!(ready.until(&mut clocks, SENDER, 2), Ok(true));
        assert!(clocks.follows(SENDER, before));
        assert!(!clocks.follows(OTHER, before));
        ready.set(&mut clocks, SENDER, 0).unwrap();
        // The sender is not known to have been told.
        assert_eq!(ready.add(&mut clocks, ONE), Err(Race::Concurrent(SENDER)));
    }

    #[test]
    fn nobody_changes_what_others_may_still_change_or_wait_for() {
        let (mut clocks, mut ready) = (Clocks::new(3), Word::new(0));
        ready.add(&mut clocks, ONE).unwrap();
        assert_eq!(ready.set(&mut clocks, SENDER, 0), Err(Race::Concurrent(ONE)));
        let mut valid = Word::new(0);
        valid.set(&mut clocks, SENDER, 1).unwrap();
        assert_eq!(valid.until(&mut clocks, ONE, 1), Ok(true));
        assert_eq!(valid.set(&mut clocks, OTHER, 1), Err(Race::Concurrent(SENDER)));
        assert_eq!(valid.set(&mut clocks, SENDER, 2), Err(Race::Concurrent(ONE)));
    }

    #[test]
    fn nobody_waits_for_what_was_there_before() {
        let (mut clocks, mut valid) = (Clocks::new(3), Word::new(1));
        valid.set(&mut clocks, SENDER, 1).unwrap();
        assert_eq!(valid.until(&mut clocks, ONE, 1), Err(Race::Stale(SENDER)));
        assert_eq!(valid.until(&mut clocks, SENDER, 1), Ok(true));
    }
}
