//! Random kernels: every one checks, verifies and prints, and the interpreter,
//! the compiled kernel and the canonical form agree, at sizes that include 0 and
//! 1 and on data that includes NaN, infinities and subnormals.
//!
//! `TILEC_FUZZ_KERNELS` sets how many kernels (2,000), `TILEC_FUZZ_SEED` the first
//! seed. What was found once stands under `tests/cases/regressions/`.

#[path = "support/agree.rs"]
mod agree;
#[path = "support/expressions.rs"]
mod expressions;
#[path = "support/kernels.rs"]
mod kernels;
#[path = "support/random.rs"]
mod random;

use std::sync::atomic::{AtomicUsize, Ordering};

use kernels::generate;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn random_kernels_agree() {
    let (count, first) = (number("TILEC_FUZZ_KERNELS", 2000), number("TILEC_FUZZ_SEED", 0));
    let (next, runs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = std::sync::Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let stop = failures.lock().expect("no thread panics here").len() >= 5;
                    if at >= count || stop {
                        break;
                    }
                    let seed = (first + at) as u64;
                    let program = generate(seed);
                    let checked = std::panic::catch_unwind(|| agree::agree(&program, seed));
                    match checked {
                        Ok(Ok(launched)) => {
                            runs.fetch_add(launched, Ordering::Relaxed);
                        }
                        Ok(Err(fault)) => {
                            let text = format!("seed {seed}: {fault}\n{}", program.text);
                            failures.lock().expect("no thread panics here").push(text);
                        }
                        Err(_) => {
                            let text = format!("seed {seed} panics\n{}", program.text);
                            failures.lock().expect("no thread panics here").push(text);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panics here");
    assert!(failures.is_empty(), "{} failures\n\n{}", failures.len(), failures.join("\n\n"));
    let runs = runs.into_inner();
    assert!(runs >= count, "only {runs} launches of {count} kernels");
}
