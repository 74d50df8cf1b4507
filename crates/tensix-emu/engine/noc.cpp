// The network: addresses, and transfers between DRAM and L1 or from core to core.
//
// Data is copied when a transfer starts, which is one of the orders that the hardware
// may choose; everything that could see another order is a fault, since a transfer is
// remembered until its barrier.
#include "emu/noc.h"

#include <cstring>

#include "parts.h"

namespace emu {

namespace {

// A whole page of DRAM must be a whole page of the ring.
void check_alignment(const Ring& ring, uint32_t offset, uint32_t bytes, const char* call,
                     const Where& at) {
    const uint32_t inside = (offset - ring.info->offset) % ring.info->page_bytes;
    if (bytes != ring.info->page_bytes || inside == 0) return;
    fault(Fault::RingWindow,
          text("%s: a page at byte %u of a page of %s lies across two pages", call, inside,
               ring.info->name.c_str()),
          at);
}

void check_size(uint32_t offset, uint32_t bytes, const char* call, const Where& at) {
    if (offset % kChunk == 0 && bytes % kChunk == 0 && bytes > 0) return;
    fault(Fault::Address,
          text("%s: %u bytes at byte %u of L1; both must be multiples of %u", call, bytes, offset,
               kChunk),
          at);
}

// Bytes of this core that are about to be sent: within a window, and written.
Place source_of(Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call, const Where& at) {
    check_size(offset, bytes, call, at);
    const Place place = place_of(fiber, offset, bytes, Access::Read, call, at);
    check_written(fiber, offset, bytes, call, at);
    return place;
}

void write_page(Fiber& fiber, const Place& source, uint32_t offset, uint64_t to, uint32_t bytes,
                const char* call, const Where& at) {
    const DramPlace target = dram_place(to, bytes, call, at);
    check_format(*target.buffer, *source.ring->info, call, at);
    check_alignment(*source.ring, offset, bytes, call, at);
    log_write(target, bytes, fiber, call, at);
    std::memcpy(target.bytes(), fiber.core->l1 + offset, bytes);
    fiber.core->counters.dram_written_bytes += bytes;
}

void write_core(Fiber& fiber, const Place& source, uint32_t offset, uint64_t to, uint32_t bytes,
                const char* call, const Where& at) {
    Core& core = one_core(to, call, at);
    const uint32_t target = offset_of(fiber, static_cast<uint32_t>(to), bytes, call, at);
    deliver(fiber, source, offset, core, target, bytes, call, at);
    fiber.core->counters.noc_bytes += bytes;
}

}  // namespace

// ---- addresses ----

AddressKind kind_of(uint64_t address) { return static_cast<AddressKind>(address >> 60); }

uint32_t noc_x(uint32_t column) {
    if (machine.arch == Arch::Wormhole) return 18 + column;
    return column < 7 ? 1 + column : 3 + column;  // columns 8 and 9 are no workers
}

uint32_t noc_y(uint32_t row) { return (machine.arch == Arch::Wormhole ? 18 : 2) + row; }

bool is_worker(uint32_t x, uint32_t) {
    return machine.arch == Arch::Wormhole || (x != 8 && x != 9);
}

uint64_t noc_core_address(uint32_t x, uint32_t y, uint32_t address) {
    return (uint64_t{kCore} << 60) | (uint64_t{y & 0xff} << 52) | (uint64_t{x & 0xff} << 44) |
           address;
}

uint64_t noc_cores_address(uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1, uint32_t address) {
    return (uint64_t{kCores} << 60) | (uint64_t{y1 & 63} << 54) | (uint64_t{x1 & 63} << 48) |
           (uint64_t{y0 & 63} << 42) | (uint64_t{x0 & 63} << 36) | address;
}

uint64_t noc_own_address(uint32_t address) {
    const Core& core = *running().core;
    return noc_core_address(noc_x(core.column), noc_y(core.row), address);
}

uint64_t noc_page_address(uint32_t config, uint32_t address, uint32_t page_bytes, uint32_t page,
                          uint32_t offset, const Where& at) {
    running(at);
    const uint32_t index = config >> 8;
    if (index >= machine.buffers.size()) {
        fault(Fault::Argument, "these compile-time arguments are no tensor's", at);
    }
    const BufferInfo& buffer = machine.buffers[index].info;
    if (address != buffer.address) {
        fault(Fault::Address,
              text("the accessor of %s is given 0x%x, which is not the address of %s",
                   buffer.name.c_str(), address, buffer.name.c_str()),
              at);
    }
    if (page_bytes != buffer.page_bytes) {
        fault(Fault::PageSize,
              text("the accessor of %s is given pages of %u bytes; they have %u",
                   buffer.name.c_str(), page_bytes, buffer.page_bytes),
              at);
    }
    return (uint64_t{kDram} << 60) | (uint64_t{index} << 44) |
           (uint64_t{page} * buffer.page_bytes + offset);
}

// ---- transfers ----

void noc_read(uint64_t from, uint32_t to, uint32_t bytes, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = offset_of(fiber, to, bytes, call, at);
    check_size(offset, bytes, call, at);
    if (kind_of(from) != kDram) {
        fault(Fault::Address, text("%s: the source is no page of a buffer", call), at);
    }
    const DramPlace source = dram_place(from, bytes, call, at);
    const Place place = place_of(fiber, offset, bytes, Access::Write, call, at);
    check_format(*source.buffer, *place.ring->info, call, at);
    check_alignment(*place.ring, offset, bytes, call, at);
    check_settled(fiber, offset, bytes, call, at);
    log_read(source, fiber, call, at);
    std::memcpy(fiber.core->l1 + offset, source.bytes(), bytes);
    mark(*fiber.core, offset, bytes, kArriving);
    touch(place, bytes);
    fiber.arriving.push_back({offset, bytes, at});
    fiber.core->counters.dram_read_bytes += bytes;
}

void noc_write(uint32_t from, uint64_t to, uint32_t bytes, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = offset_of(fiber, from, bytes, call, at);
    const Place source = source_of(fiber, offset, bytes, call, at);
    const auto write = kind_of(to) == kDram ? write_page : write_core;
    write(fiber, source, offset, to, bytes, call, at);
    fiber.leaving.push_back({offset, bytes, at});
}

void noc_multicast(uint32_t from, uint64_t to, uint32_t bytes, uint32_t count, bool with_self,
                   uint32_t noc, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = offset_of(fiber, from, bytes, call, at);
    const Place source = source_of(fiber, offset, bytes, call, at);
    const uint32_t target = offset_of(fiber, static_cast<uint32_t>(to), bytes, call, at);
    for (Core* core : cores_in(fiber, to, count, with_self, noc, call, at)) {
        deliver(fiber, source, offset, *core, target, bytes, call, at);
    }
    fiber.leaving.push_back({offset, bytes, at});
    fiber.core->counters.multicast_bytes += bytes;
}

// ---- barriers ----

namespace {

void arrive(Fiber& fiber, std::vector<Transfer>& transfers) {
    for (const Transfer& transfer : transfers) {
        mark(*fiber.core, transfer.offset, transfer.bytes, kWritten);
    }
    transfers.clear();
}

}  // namespace

void noc_read_barrier(const Where& at) {
    Fiber& fiber = running(at);
    arrive(fiber, fiber.arriving);
}

void noc_writes_flushed(const Where& at) { running(at).leaving.clear(); }

void noc_write_barrier(const Where& at) {
    Fiber& fiber = running(at);
    fiber.leaving.clear();
    arrive(fiber, fiber.returning);
}

void noc_atomic_barrier(const Where& at) { running(at).counting.clear(); }

}  // namespace emu
