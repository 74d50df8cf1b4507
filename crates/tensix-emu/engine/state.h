// The machine that kernels run on: cores with their L1, rings and fibers, and DRAM.
//
//   thread 0: core 0, core 2, ..     each core: reader, compute and writer fiber
//   thread 1: core 1, core 3, ..     NoC: a thread writes into the L1 of other cores
//
// What only fibers of one core touch is plain; what other cores reach is atomic.
#pragma once

#include <ucontext.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "emu/engine.h"
#include "emu/program.h"
#include "emu/sentence.h"

namespace emu {

// ---- where things are in L1 ----

constexpr uint32_t kSlotBytes = 2u << 20;  // each core's L1 begins at a multiple of it
constexpr uint32_t kSemaphores = 0x1000;   // offset of the first semaphore in a slot
constexpr uint32_t kSemaphoreBytes = 16;   // each has a word in 16 bytes of its own
constexpr uint32_t kRingsStart = 0x2000;   // offset of the first ring
constexpr uint32_t kChunk = 16;            // bytes whose state is known together

// What is known of 16 bytes of L1.
enum Chunk : uint8_t { kUnwritten, kWritten, kArriving };

// ---- what fibers wait for ----

struct Core;
struct Fiber;

struct Wait {
    enum Kind : uint8_t { Nothing, Pages, Space, WordIs, WordIsAtLeast };
    Kind kind = Nothing;
    uint32_t what = 0;  // a ring, or an L1 offset of a semaphore
    uint32_t need = 0;
};

// A transfer that no barrier has waited for: the bytes of L1 that it reads or fills.
struct Transfer {
    uint32_t offset;
    uint32_t bytes;
    Where at;
};

// A moment of a process, which is the reader or the writer of a core (order.cpp).
struct Moment {
    uint32_t process = ~0u;
    uint32_t count = 0;
};

// What those knew who changed a semaphore: its last setter, and who has counted it up since.
struct Known {
    std::vector<uint32_t> set;
    std::vector<uint32_t> added;
};

struct Fiber {
    Core* core = nullptr;
    Role role{};
    ucontext_t context{};
    void (*entry)() = nullptr;
    std::vector<uint32_t> arguments;
    enum State : uint8_t { Ready, Running, Blocked, Done, Faulted };
    State state = Ready;
    Wait wait;
    Where at;                         // the last call into the API
    std::vector<Transfer> arriving;   // reads, until the read barrier
    std::vector<Transfer> leaving;    // what is sent, until it has left
    std::vector<Transfer> returning;  // what is sent to itself, until the write barrier
    std::vector<Transfer> counting;   // increments of semaphores, until the atomic barrier
    std::vector<uint32_t> clock;      // signals that it knows of, by process
};

// A circular buffer of one core. Pages are counted from the start, without wrap.
struct Ring {
    const RingInfo* info = nullptr;
    uint64_t pushed = 0;
    uint64_t popped = 0;
    uint32_t waited = 0;
    std::atomic<uint32_t> first_reserved{0};  // page in the ring
    std::atomic<uint32_t> reserved{0};
    int producer = -1;  // role, once known
    int consumer = -1;
    Where reserved_at, pushed_at, waited_at;
    Moment reserved_moment;
    std::vector<Moment> landed;  // multicasts into pages that are not pushed yet
    std::unique_ptr<std::atomic<uint64_t>[]> versions;  // of pages

    uint32_t first_waited() const { return static_cast<uint32_t>(popped % info->pages); }
    uint32_t there() const { return static_cast<uint32_t>(pushed - popped); }
};

struct Core {
    uint32_t column = 0, row = 0, index = 0;
    std::byte* l1 = nullptr;
    std::unique_ptr<std::atomic<uint8_t>[]> chunks;
    Ring rings[kRings];
    Fiber fibers[kRoles];
    std::vector<Known> known;  // by semaphore
    Compute* compute = nullptr;
    Counters counters;
    ucontext_t* scheduler = nullptr;

    std::atomic_ref<uint32_t> word(uint32_t offset) const {
        return std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(l1 + offset));
    }
};

// ---- DRAM ----

// Who touched a page, so that the second one can be told.
struct PageLog {
    std::atomic<uint32_t> written_in{0};  // program, from 1; 0 is the host or nobody
    std::atomic<uint32_t> bytes{0};       // written in that program
    std::atomic<uint32_t> writer{0};      // core * 3 + role
    std::atomic<uint32_t> line{0};
    std::atomic<uint32_t> read_in{0};
    std::atomic<uint32_t> reader{0};
    std::atomic<uint32_t> reader_line{0};
};

struct Buffer {
    BufferInfo info;
    uint32_t pages = 0;
    enum BufferRole : uint8_t { Input, Output, Local } role = Input;
    std::byte* bytes = nullptr;
    std::unique_ptr<PageLog[]> log;
};

// ---- programs ----

struct KernelPlan {
    std::string library;
    std::vector<uint32_t> arguments;  // core by core
    void (*entry)() = nullptr;
};

struct ProgramPlan {
    ProgramInfo info;
    std::vector<uint32_t> semaphores;  // initial values
    KernelPlan kernels[kRoles];
};

struct Machine {
    std::string folder;
    uint32_t threads = 1;
    double limit_seconds = 60;
    Arch arch{};
    std::vector<Buffer> buffers;
    std::vector<ProgramPlan> programs;
    // Of the program that runs:
    uint32_t at_program = 0;
    std::vector<std::unique_ptr<Core>> cores;
    // Of all that ran, in order, core by core.
    std::vector<std::vector<Counters>> counters;

    const ProgramPlan& plan() const { return programs[at_program]; }
    Core* core_at(uint32_t column, uint32_t row) const {
        return cores[row * plan().info.columns + column].get();
    }
};

extern Machine machine;

}  // namespace emu
