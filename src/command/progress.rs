//! A progress bar for work that takes more than a second, on terminals.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Parts that the bar is divided into.
const PARTS: u64 = 1000;

/// Does `work`, which tells the share that is done in 0 ..= 1; work that never
/// tells shows as a spinner.
pub(crate) fn with_progress<T>(
    what: &'static str,
    work: impl FnOnce(&(dyn Fn(f64) + Sync)) -> T,
) -> T {
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (finished, wait) = mpsc::channel::<()>();
        let done = &done;
        scope.spawn(move || show(what, done, &wait));
        let result = work(&|share| done.store((share * PARTS as f64) as u64, Ordering::Relaxed));
        drop(finished);
        result
    })
}

fn show(what: &'static str, done: &AtomicU64, wait: &mpsc::Receiver<()>) {
    if wait.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::new(PARTS).with_message(what);
    let style = ProgressStyle::with_template("{msg} {spinner} {bar:40} {percent}% {elapsed}");
    bar.set_style(style.expect("the template is well-formed"));
    while wait.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        bar.set_position(done.load(Ordering::Relaxed));
        bar.tick();
    }
    bar.finish_and_clear();
}
