//! The one place that is `unsafe`: machine code in memory, and calls into it.
//!
//! [`Jit`] owns the code and the LLVM context that the code's module lives in.
//! A call passes the words of the argument structure; that the pointers among
//! them are good for what the kernel reads and writes is checked by
//! [`crate::run`], which makes all of them from arrays of the launch's shapes.

#![allow(unsafe_code, reason = "calls compiled code through its address")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ffi::c_void;
use std::fmt;
use std::ptr::NonNull;

use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::execution_engine::ExecutionEngine;
use inkwell::module::Module;
use rayon::prelude::*;

type Entry = unsafe extern "C" fn(*const u64) -> i64;
type Body = unsafe extern "C" fn(*mut c_void, i64, i64);

/// Compiled code that can be called.
pub(crate) struct Jit {
    run: Entry,
    workspace: Entry,
    // Dropped before the context that it refers to.
    _engine: ExecutionEngine<'static>,
    _context: Box<Context>,
}

// SAFETY: after construction the engine and its context are only kept alive;
// no method of theirs is called, and the code itself has no mutable state.
unsafe impl Send for Jit {}
// SAFETY: as above.
unsafe impl Sync for Jit {}

impl fmt::Debug for Jit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jit").finish_non_exhaustive()
    }
}

impl Jit {
    /// Compiles the module that `build` makes in a new context.
    pub(crate) fn new(
        name: &str,
        build: impl FnOnce(&'static Context) -> Result<Module<'static>, String>,
    ) -> Result<Self, String> {
        let context = Box::new(Context::create());
        // SAFETY: the box is kept beside all that borrows from it, and is
        // dropped last; its contents do not move with it.
        let borrowed: &'static Context = unsafe { &*std::ptr::from_ref(&*context) };
        let module = build(borrowed)?;
        let engine = module
            .create_jit_execution_engine(OptimizationLevel::Default)
            .map_err(|e| e.to_string())?;
        let entry = |suffix: &str| {
            let address = engine.get_function_address(&format!("{name}_{suffix}"));
            let address = address.map_err(|e| e.to_string())?;
            // SAFETY: the emitter defines both functions with one pointer as
            // parameter and an integer as result.
            Ok::<_, String>(unsafe { std::mem::transmute::<usize, Entry>(address) })
        };
        let (run, workspace) = (entry("run")?, entry("workspace")?);
        Ok(Self { run, workspace, _engine: engine, _context: context })
    }

    /// The bytes of workspace for these arguments.
    pub(crate) fn workspace(&self, words: &[u64]) -> i64 {
        // SAFETY: reads sizes and the number of workers from `words` only.
        unsafe { (self.workspace)(words.as_ptr()) }
    }

    /// Runs the kernel; whether it found its sizes to agree.
    ///
    /// The words must be those of [`crate::emit::Words`], with pointers that
    /// are good for the shapes that the sizes give.
    pub(crate) fn run(&self, words: &[u64]) -> bool {
        // SAFETY: see above; `crate::run` makes the words.
        let code = unsafe { (self.run)(words.as_ptr()) };
        code & 0xffff_ffff == 0
    }
}

/// Memory for one run: zeroed, 64-byte aligned.
#[derive(Debug)]
pub(crate) struct Workspace {
    memory: NonNull<u8>,
    layout: Layout,
}

impl Workspace {
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes.max(64), 64).ok()?;
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { memory, layout })
    }

    pub(crate) fn address(&self) -> u64 {
        self.memory.as_ptr().addr() as u64
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) }
    }
}

/// The address of the callback that runs tasks on rayon's threads.
pub(crate) fn parallel_for_address() -> u64 {
    let callback: extern "C" fn(*mut c_void, i64, Body, *mut c_void) = parallel_for;
    callback as usize as u64
}

/// How many tasks run at a time.
pub(crate) fn workers() -> usize {
    rayon::current_num_threads()
}

extern "C" fn parallel_for(_context: *mut c_void, tasks: i64, body: Body, closure: *mut c_void) {
    let closure = closure.addr();
    let expose = std::ptr::with_exposed_provenance_mut::<c_void>;
    let tasks = usize::try_from(tasks).expect("only several tasks run in parallel");
    (0..tasks).into_par_iter().with_max_len(1).for_each(|task| {
        let task = i64::try_from(task).expect("it is less than their number");
        let worker = rayon::current_thread_index().unwrap_or(0);
        let worker = i64::try_from(worker).expect("there are few threads");
        // SAFETY: the body is a task of the kernel that called; the closure is
        // on that caller's stack until all tasks are done.
        unsafe { body(expose(closure), task, worker) }
    });
}
