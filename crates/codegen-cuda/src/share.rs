//! The functions of all variants, written by several threads.
//!
//! What a function becomes depends on no other one, so each thread takes a run of neighboring
//! variants with a [`Context`] of its own. Put together in order, they are what one thread
//! would have written, byte for byte.

use std::{panic, thread};

use tilec_ir::tile::{Step, Variant};
use tilec_manifest::Launch;

use crate::context::Context;

/// How many threads there are at most; a run of more of them ends hardly sooner.
const THREADS: usize = 4;

/// How many variants are worth a thread.
const VARIANTS: usize = 8;

/// Writes one variant's functions into the context.
type Write = fn(&mut Context<'_>, &Step, &Variant) -> Vec<Launch>;

/// Writes the functions of all variants; gives what launches them, by step and variant.
pub(crate) fn launches(cx: &mut Context<'_>, write: Write) -> Vec<Vec<Vec<Launch>>> {
    let steps = &cx.program.steps;
    let variants = steps.iter().flat_map(|step| step.variants.iter().map(move |v| (step, v)));
    let all: Vec<_> = variants.collect();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(THREADS).min(all.len() / VARIANTS).max(1);
    let runs = all.chunks(all.len().div_ceil(threads).max(1));
    let mut written = in_order(cx, runs, write).into_iter();
    let of_step = |step: &Step| written.by_ref().take(step.variants.len()).collect();
    steps.iter().map(of_step).collect()
}

/// The launches of all runs, of which the first is this thread's.
fn in_order<'a>(
    cx: &mut Context<'_>,
    mut runs: impl Iterator<Item = &'a [(&'a Step, &'a Variant)]>,
    write: Write,
) -> Vec<Vec<Launch>> {
    let one = |cx: &mut Context<'_>, run: &[(&Step, &Variant)]| -> Vec<Vec<Launch>> {
        run.iter().map(|(step, variant)| write(cx, step, variant)).collect()
    };
    let first = runs.next().unwrap_or_default();
    thread::scope(|scope| {
        let others = runs.map(|run| {
            let mut part = cx.beside();
            scope.spawn(move || (one(&mut part, run), part))
        });
        let others: Vec<_> = others.collect();
        let mut launches = one(cx, first);
        for other in others {
            let (more, part) = other.join().unwrap_or_else(|why| panic::resume_unwind(why));
            launches.extend(more);
            cx.take(part);
        }
        launches
    })
}
