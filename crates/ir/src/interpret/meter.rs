//! Tells how far the work has come.

/// Work done and to do, in computed values.
pub(super) struct Meter<'a> {
    total: f64,
    done: f64,
    told: f64,
    progress: &'a (dyn Fn(f64) + Sync),
}

impl<'a> Meter<'a> {
    pub(super) fn new(total: f64, progress: &'a (dyn Fn(f64) + Sync)) -> Self {
        Self { total, done: 0.0, told: 0.0, progress }
    }

    /// The share is an estimate, so it may stand at 1 before the end.
    pub(super) fn add(&mut self, work: f64) {
        const INTERVAL: f64 = (1u32 << 22) as f64;
        self.done += work;
        if self.done - self.told > INTERVAL {
            self.told = self.done;
            (self.progress)((self.done / self.total).min(1.0));
        }
    }
}
