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

// ---- the files of the engine, by topic ----

// plan.cpp
void load_plan(const std::string& folder);
void save_buffers();

// fiber.cpp
// The fiber that runs on this thread; remembers `at` as its last place.
Fiber& running(const Where& at);
Fiber& running();
Fiber* running_or_null();
// A fiber that runs on whichever thread; null if none does.
Fiber* any_running();
void make_fiber(Fiber& fiber);
void resume(Fiber& fiber);
// Gives the thread to others until the wait is over.
void block(Fiber& fiber, Wait wait);
[[noreturn]] void leave(Fiber& fiber, Fiber::State state);

// scheduler.cpp
bool is_over(const Core& core, const Wait& wait);
// Tells threads that wait that something they may wait for has changed.
void signal();
// Runs the current program on all cores until every fiber has ended, faulted or blocked.
void run_cores();

// ring.cpp
// Faults for what is left in rings.
void check_rings(const Core& core);

// l1.cpp
void open_l1(Core& core, uint32_t bytes);
void close_l1(Core& core);
// The offset of an address in the core's own L1, with `bytes` of it inside.
uint32_t offset_of(const Fiber& fiber, uint32_t address, uint32_t bytes, const char* call,
                   const Where& at);
// Ring and page that hold these bytes; a fault where they leave a ring or the window.
struct Place {
    Ring* ring;
    uint32_t page;
};
enum class Access : uint8_t { Read, Write };
Place place_of(Fiber& fiber, uint32_t offset, uint32_t bytes, Access access, const char* call,
               const Where& at);
void check_written(const Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call,
                   const Where& at);
// Nothing of this core reads or fills these bytes any more.
void check_settled(const Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call,
                   const Where& at);
void mark(Core& core, uint32_t offset, uint32_t bytes, Chunk chunk);
void touch(const Place& place, uint32_t bytes);
bool overlaps(const std::vector<Transfer>& transfers, uint32_t offset, uint32_t bytes,
              const Transfer** found);
uint32_t base_of(const Core& core);

// dram.cpp
struct DramPlace {
    Buffer* buffer;
    uint32_t page;
    uint32_t offset;  // in the page
    std::byte* bytes() const;
};
DramPlace dram_place(uint64_t address, uint32_t bytes, const char* call, const Where& at);
// Tiles of one format are nothing in another, whatever their size.
void check_format(const Buffer& buffer, const RingInfo& ring, const char* call, const Where& at);
void log_read(const DramPlace& place, const Fiber& fiber, const char* call, const Where& at);
void log_write(const DramPlace& place, uint32_t bytes, const Fiber& fiber, const char* call,
               const Where& at);
// A fault for pages of outputs that nobody wrote.
void check_outputs();

// noc.cpp: what 64 bits of NoC address are
//   core   1 | y 8 | x 8 | unused | L1 address 32
//   cores  2 | y1 6 | x1 6 | y0 6 | x0 6 | unused | L1 address 32
//   DRAM   3 | buffer 16 | byte 44
enum AddressKind : uint64_t { kCore = 1, kCores = 2, kDram = 3 };
AddressKind kind_of(uint64_t address);

// multicast.cpp
Core& one_core(uint64_t address, const char* call, const Where& at);
// The cores of a rectangle, the sender only `with_self`; there must be `count`.
std::vector<Core*> cores_in(const Fiber& fiber, uint64_t address, uint32_t count, bool with_self,
                            uint32_t noc, const char* call, const Where& at);
// Copies bytes into reserved pages of a core.
void deliver(Fiber& fiber, const Place& source, uint32_t from, Core& core, uint32_t to,
             uint32_t bytes, const char* call, const Where& at);

// order.cpp
void start_clock(Fiber& fiber);
void note_reserve(const Fiber& fiber, Ring& ring);
// Whether the sender knows that the ring's pages are reserved; then it fills them.
bool note_landing(const Fiber& sender, Ring& ring);
// Whether the fiber knows that what fills the ring's pages is there.
bool has_landed(const Fiber& fiber, Ring& ring);
void note_signal(Fiber& from, Core& to, uint32_t semaphore, bool adds);
void note_sent(Fiber& from);
// The semaphore has what the fiber waited for; `all` if only all that was counted up makes
// it so, and not some of it.
void note_seen(Fiber& fiber, uint32_t semaphore, bool all);

// report.cpp
// A fault as it is reported.
struct Failure {
    Fault kind;
    std::string sentence, file;
    uint32_t line = 0;
    uint32_t core = 0;
    uint32_t role = 0;
};
void add_failure(Failure failure);
bool has_failure();
// Writes report.json and ends the process.
[[noreturn]] void finish();
const char* fault_name(Fault kind);
std::string place(const Where& at);

// deadlock.cpp
// What every fiber waits for, and which one to name first.
Failure explain_deadlock();

// statics.cpp
// Remembers the variables of a kernel's library, which was loaded at `base`.
void note_statics(const void* base, const std::string& file, uint32_t role);
// Faults for those that have changed.
void check_statics();

// guard.cpp
// Gives this thread a stack for signals.
void use_signal_stack();

// main.cpp
// Ends the process with a sentence on standard error: the plan is wrong, or the host.
[[noreturn]] void fail_to_start(const std::string& sentence);

}  // namespace emu
