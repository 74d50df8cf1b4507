//! How long work takes on a GPU: events around each of several launches, with the
//! cache emptied before each, and the median of them.
#![allow(unsafe_code, reason = "the driver is a C library")]

use cudarc::driver::{result, sys};

use crate::device::{Device, Stream, failed};
use crate::error::Error;
use crate::memory::Buffer;

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Launches before the first that counts.
    pub warm_up: usize,
    /// Launches that count.
    pub repeats: usize,
    /// Bytes that are written before each launch, so that none of its inputs is
    /// still in the cache; 0 leaves the cache alone.
    pub flush_bytes: u64,
}

impl Default for Method {
    fn default() -> Self {
        Self { warm_up: 3, repeats: 20, flush_bytes: 512 << 20 }
    }
}

/// Times of launches, in seconds, sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Times(Vec<f64>);

impl Times {
    /// Sorts what was measured; there is at least one.
    #[must_use]
    pub fn new(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self(seconds)
    }

    /// The middle one, or the mean of the two in the middle.
    #[must_use]
    pub fn median(&self) -> f64 {
        let (low, high) = (self.0.len().saturating_sub(1) / 2, self.0.len() / 2);
        let at = |position: usize| self.0.get(position).copied().unwrap_or(f64::NAN);
        f64::midpoint(at(low), at(high))
    }

    /// The shortest.
    #[must_use]
    pub fn shortest(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// The longest.
    #[must_use]
    pub fn longest(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// Measures `launch`, which puts its work into the stream; `progress` is told the
/// share that is done.
pub fn measure(
    device: &Device,
    stream: &Stream,
    method: Method,
    mut launch: impl FnMut() -> Result<(), Error>,
) -> Result<Times, Error> {
    let flushed = Buffer::new(device, method.flush_bytes)?;
    for _ in 0..method.warm_up {
        flushed.fill(0, stream)?;
        launch()?;
    }
    stream.synchronize()?;
    let events = (0..method.repeats).map(|_| Ok((Event::new(device)?, Event::new(device)?)));
    let events = events.collect::<Result<Vec<_>, Error>>()?;
    for (start, end) in &events {
        flushed.fill(0, stream)?;
        start.record(stream)?;
        launch()?;
        end.record(stream)?;
    }
    stream.synchronize()?;
    let seconds = events.iter().map(|(start, end)| start.seconds_until(end));
    Ok(Times::new(seconds.collect::<Result<_, _>>()?))
}

/// A mark in a stream that knows when it was passed.
#[derive(Debug)]
struct Event {
    device: Device,
    handle: sys::CUevent,
}

impl Event {
    fn new(device: &Device) -> Result<Self, Error> {
        device.enter()?;
        let handle = result::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT)
            .map_err(|e| failed("create an event", e))?;
        Ok(Self { device: device.clone(), handle })
    }

    fn record(&self, stream: &Stream) -> Result<(), Error> {
        self.device.enter()?;
        // SAFETY: event and stream are alive and of the same context.
        unsafe { result::event::record(self.handle, stream.handle) }
            .map_err(|e| failed("record an event", e))
    }

    fn seconds_until(&self, end: &Self) -> Result<f64, Error> {
        // SAFETY: both are alive and were recorded in one stream that has been waited for.
        let milliseconds = unsafe { result::event::elapsed(self.handle, end.handle) };
        let milliseconds = milliseconds.map_err(|e| failed("read an event", e))?;
        Ok(f64::from(milliseconds) / 1e3)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if self.device.enter().is_ok() {
            // SAFETY: created by `new`, destroyed only here; a failure leaks an event.
            let _ = unsafe { result::event::destroy(self.handle) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_know_their_middle() {
        let of = |seconds: &[f64]| {
            let times = Times::new(seconds.to_vec());
            (times.shortest(), times.median(), times.longest())
        };
        assert_eq!(of(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), (1.0, 2.5, 4.0));
        assert_eq!(of(&[5.0]), (5.0, 5.0, 5.0));
        assert!(Times::new(vec![]).median().is_nan());
    }
}
