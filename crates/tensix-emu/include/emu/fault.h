// What can be wrong with a kernel, and how it is reported.
//
// A fault ends the fiber that made it. Other fibers run on until they end or block, so
// that the set of faults doesn't depend on timing; then the one of the first core, and
// there of the most upstream kernel (reader, compute, writer), is reported.
#pragma once

#include <cstdint>
#include <source_location>

namespace emu {

// The place of a call in a kernel: every function of the API takes it as its last
// argument, `Where at = Where::current()`. Kernels carry `#line`, so that it names
// the kernel's own file.
using Where = std::source_location;

// Kinds of faults. The names in fault.cpp are those of `Kind` in src/failure.rs.
enum class Fault : uint8_t {
    // Data movement.
    Deadlock,        // everything waits
    Timeout,         // the time is up, without a deadlock
    Crash,           // a signal: a wild pointer, a division by zero
    Argument,        // a run-time or compile-time argument that isn't there
    Address,         // no L1 address, no NoC address, no buffer
    RingUnknown,     // a circular buffer that the program doesn't have
    RingCapacity,    // more pages than the ring has
    RingCount,       // pushed without reserve, popped without wait
    RingWrap,        // a window or a push across the end
    RingWindow,      // an access outside of what was reserved or waited for
    RingUnbalanced,  // pages or windows left at the end
    RingRole,        // two producers or two consumers
    Unwritten,       // L1 that was read before anything was written there
    ReadInFlight,    // a missing read barrier
    WriteInFlight,   // a missing write barrier
    Format,          // a buffer and a ring, or a ring and an op, that differ in format
    PageSize,        // an accessor whose page is not the buffer's
    PageRange,       // a page that the buffer doesn't have
    PageUnwritten,   // a page read before it was written
    PageTwice,       // a page written twice in one program
    PageMissing,     // an output page that nobody wrote
    Race,            // an access that nothing orders after the one it needs
    Multicast,       // a rectangle or a count that is wrong
    Semaphore,       // a semaphore that isn't there, or is changed while it is sent
    // Compute.
    DstCapacity,     // a tile that DST doesn't have in this mode
    DstState,        // math outside of acquire .. commit, pack outside of wait .. release
    DstUnwritten,    // a tile of DST that was read before it was written
    Init,            // an op without its init, or with other rings than its init named
    Operands,        // operand formats of different families, or swapped
    Configuration,   // formats changed without a reconfiguration; an unsupported mode
    Instruction,     // a vector instruction that the unit doesn't have or that comes too early
};

// Reports the fault of the current fiber and doesn't come back. The sentence, in the manner of
// printf, names the thing and says what was found and expected, without a full stop.
[[noreturn, gnu::format(printf, 3, 4)]] void fault(Fault kind, const Where& at, const char* format,
                                                   ...);

}  // namespace emu
