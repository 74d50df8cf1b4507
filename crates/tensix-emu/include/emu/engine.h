// What the headers under api/ are made of: the functions of the core and the kernel that
// run at the moment. Each checks what it does and ends in `fault` where that is wrong.
//
// A kernel of a core is a fiber; the fibers of one core run on one thread, one at a time,
// until they block. So nothing here needs a lock, except what reaches other cores.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/fault.h"

namespace emu {

// What emu/program.h says of them is for the emulator alone.
struct ProgramInfo;
struct RingInfo;
enum class Role : uint8_t;

// ---- who runs ----

const ProgramInfo& program();
Role role();
// The logical place of the core in the program's rectangle.
uint32_t core_column();
uint32_t core_row();

// What a core did, for the report.
struct Counters {
    uint64_t dram_read_bytes = 0;
    uint64_t dram_written_bytes = 0;
    uint64_t noc_bytes = 0;        // core to core, one destination
    uint64_t multicast_bytes = 0;  // core to cores, counted once per multicast
    uint64_t tile_products = 0;    // 32x32x32, whatever the fidelity
    uint64_t wrong_sums = 0;       // of the matrix unit, by a fault of the chip; see matrix.h
};
Counters& counters();

// Run-time argument `index` of this kernel on this core.
uint32_t argument(int index, const Where& at);

// ---- rings ----
// A window is what a role has reserved and not pushed, or waited for and not popped; its
// pages are counted from its first one and never cross the end of the ring.

// The ring of this index; a fault if the program has none.
const RingInfo& ring(uint32_t index, const Where& at);

void ring_reserve(uint32_t index, uint32_t pages, const Where& at);
void ring_push(uint32_t index, uint32_t pages, const Where& at);
void ring_wait(uint32_t index, uint32_t pages, const Where& at);
void ring_pop(uint32_t index, uint32_t pages, const Where& at);

// L1 addresses of the first reserved page and of the first page of the consumer.
uint32_t ring_write_address(uint32_t index, const Where& at);
uint32_t ring_read_address(uint32_t index, const Where& at);

// A page of L1. `version` grows with every write to the page, so that what was decoded
// from it can be kept as long as `bytes` and `version` are the same.
struct Page {
    std::byte* bytes;
    uint64_t version;
};

// Page `tile` of those waited for; all of it was written. `call` names the API function
// for the message, such as "copy_tile".
Page page_waited(uint32_t index, uint32_t tile, const char* call, const Where& at);
// Page `tile` of those reserved, which the caller overwrites as a whole: it counts as
// written.
Page page_reserved(uint32_t index, uint32_t tile, const char* call, const Where& at);
// `bytes` bytes of the reserved pages, from byte `offset` of the first one, which the caller
// overwrites; they may lie in several pages.
std::byte* part_reserved(uint32_t index, uint32_t offset, uint32_t bytes, const char* call,
                         const Where& at);
// Page `tile` of those reserved, for a caller that adds to it: all of it was written since it
// was reserved.
Page page_accumulated(uint32_t index, uint32_t tile, const char* call, const Where& at);

// ---- the compute side, defined by compute/ ----

struct Compute;
// The state of the compute kernel of one core, when its program starts.
Compute* compute_begin(const ProgramInfo& program);
// Called in the compute kernel's fiber when it has returned: faults for what is left open
// (DST acquired), with the kernel's last place. Frees the state.
void compute_end(Compute* compute, const Where& last);
// The state of the current core.
Compute& compute();

}  // namespace emu
