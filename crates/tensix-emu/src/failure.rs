//! What was wrong with a program, and where.

use std::fmt;

use serde::Deserialize;

/// A fault of a kernel, of its program, or of the host that should run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong.
    pub kind: Kind,
    /// The program by its name; empty where it is none's.
    pub program: String,
    /// The kernel's file as `program.json` names it; empty where it is none's.
    pub file: String,
    /// The line of the kernel, from 1; 0 where there is none.
    pub line: u32,
    /// Column and row of the first core that it happened on.
    pub core: Option<[u32; 2]>,
    /// What was found and expected.
    pub sentence: String,
}

/// Kinds of faults. The engine's have the names of `Fault` in `include/emu/fault.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The host lacks something, such as a C++ compiler.
    Host,
    /// `program.json`, the texts or the inputs don't fit together.
    Program,
    /// A kernel's text doesn't compile.
    Compile,
    /// Circular buffers that don't fit into L1.
    L1Capacity,
    /// Everything waits; the sentence says who waits on what.
    Deadlock,
    /// The time is up, without a deadlock.
    Timeout,
    /// A signal, such as that of a wild pointer.
    Crash,
    /// A run-time or compile-time argument that isn't there.
    Argument,
    /// No L1 address, no NoC address, no buffer.
    Address,
    /// A circular buffer that the program doesn't have.
    RingUnknown,
    /// More pages than the ring holds.
    RingCapacity,
    /// Pushed without reserve, or popped without wait.
    RingCount,
    /// A window or an access across the end of a ring.
    RingWrap,
    /// An access outside of the pages reserved or waited for.
    RingWindow,
    /// Pages that are left at the end.
    RingUnbalanced,
    /// Two producers or two consumers.
    RingRole,
    /// L1 that was read before anything was written there.
    Unwritten,
    /// A missing read barrier.
    ReadInFlight,
    /// A missing write barrier.
    WriteInFlight,
    /// A buffer and a ring, or a ring and an op, that differ in format.
    Format,
    /// An accessor whose page is not the buffer's.
    PageSize,
    /// A page that the buffer doesn't have.
    PageRange,
    /// A page that was read before it was written.
    PageUnwritten,
    /// A page that was written twice in one program.
    PageTwice,
    /// A page of an output that nobody wrote.
    PageMissing,
    /// An access that nothing orders after the one it needs.
    Race,
    /// A multicast's rectangle or count.
    Multicast,
    /// A semaphore that isn't there.
    Semaphore,
    /// A tile that DST doesn't have in this mode.
    DstCapacity,
    /// Math outside of acquire .. commit, or a pack outside of wait .. release.
    DstState,
    /// A tile of DST that was read before it was written.
    DstUnwritten,
    /// An op without its init, or with other rings than its init named.
    Init,
    /// Operands of different families of formats.
    Operands,
    /// Formats changed without a reconfiguration, or a mode that isn't supported.
    Configuration,
    /// A vector instruction that the unit doesn't have, or that comes too early.
    Instruction,
}

impl Failure {
    /// A failure before any kernel ran.
    pub(crate) fn before(kind: Kind, program: &str, sentence: String) -> Self {
        let (program, file) = (program.to_owned(), String::new());
        Self { kind, program, file, line: 0, core: None, sentence }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(to, "{}", self.file)?;
            if self.line > 0 {
                write!(to, ":{}", self.line)?;
            }
            if let Some([column, row]) = self.core {
                write!(to, " on core ({column}, {row})")?;
            }
            write!(to, ": ")?;
        }
        write!(to, "{}", self.sentence)
    }
}

impl std::error::Error for Failure {}
