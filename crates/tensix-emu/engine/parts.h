// What the files of the engine have for each other, by file.
#pragma once

#include <string>
#include <vector>

#include "state.h"

namespace emu {

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
// The ring of this index; a fault if the program has none.
Ring& ring_of(Fiber& fiber, uint32_t index, const char* call, const Where& at);
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
