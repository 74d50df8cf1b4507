// The L1 memory of a core: bytes at a fixed address, and what is known of them.
//
// Kernels keep L1 addresses in 32 bits and cast them to pointers, so each core's slot
// lies below 4 GB, at a multiple of its size. All cores have the same layout: an
// address of this core stands for the same offset on another.
#include <sys/mman.h>

#include "parts.h"

namespace emu {

namespace {

constexpr uintptr_t kFirstSlot = 0x40000000;  // above what the loader uses, below 4 GB

}  // namespace

void open_l1(Core& core, uint32_t bytes) {
    void* wanted = reinterpret_cast<void*>(kFirstSlot + uintptr_t{core.index} * kSlotBytes);
    void* memory = mmap(wanted, kSlotBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory != wanted) fail_to_start("the memory below 4 GB that L1 needs is taken");
    core.l1 = static_cast<std::byte*>(memory);
    core.chunks = std::make_unique<std::atomic<uint8_t>[]>(bytes / kChunk + 1);
}

uint32_t base_of(const Core& core) {
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(core.l1));
}

void close_l1(Core& core) { munmap(core.l1, kSlotBytes); }

uint32_t offset_of(const Fiber& fiber, uint32_t address, uint32_t bytes, const char* call,
                   const Where& at) {
    const uint32_t offset = address - base_of(*fiber.core);
    if (offset >= kSlotBytes || bytes > kSlotBytes - offset) {
        fault(Fault::Address,
              text("%s: 0x%x is no address in the L1 of this core", call, address), at);
    }
    return offset;
}

// The ring that the bytes lie in.
static Ring& ring_at(Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call,
                     const Where& at) {
    for (Ring& ring : fiber.core->rings) {
        if (ring.info == nullptr) continue;
        const uint32_t size = ring.info->pages * ring.info->page_bytes;
        if (offset < ring.info->offset || offset - ring.info->offset >= size) continue;
        if (bytes <= size - (offset - ring.info->offset)) return ring;
        fault(Fault::RingWrap,
              text("%s: %u bytes from byte %u of %s go beyond its end at %u", call, bytes,
                   offset - ring.info->offset, ring.info->name.c_str(), size),
              at);
    }
    fault(Fault::Address, text("%s: byte %u of L1 is in no circular buffer", call, offset), at);
}

Place place_of(Fiber& fiber, uint32_t offset, uint32_t bytes, Access access, const char* call,
               const Where& at) {
    Ring& ring = ring_at(fiber, offset, bytes, call, at);
    const uint32_t first = (offset - ring.info->offset) / ring.info->page_bytes;
    const uint32_t end = (offset - ring.info->offset + bytes + ring.info->page_bytes - 1) /
                         ring.info->page_bytes;
    const int role = static_cast<int>(fiber.role);
    const uint32_t reserved = ring.reserved.load(std::memory_order_relaxed);
    const uint32_t from = ring.first_reserved.load(std::memory_order_relaxed);
    const bool in_reserved = ring.producer == role && first >= from && end <= from + reserved;
    const bool in_waited = ring.consumer == role && first >= ring.first_waited() &&
                           end <= ring.first_waited() + ring.waited;
    if (in_reserved || (access == Access::Read && in_waited)) return {&ring, first};
    fault(Fault::RingWindow,
          text("%s: page %u of the ring %s is not among those that the %s has reserved%s", call,
               in_reserved ? first : end - 1, ring.info->name.c_str(), role_name(fiber.role),
               access == Access::Read ? " or waited for" : ""),
          at);
}

void check_written(const Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call,
                   const Where& at) {
    const auto* chunks = fiber.core->chunks.get();
    for (uint32_t chunk = offset / kChunk; chunk * kChunk < offset + bytes; ++chunk) {
        const uint8_t state = chunks[chunk].load(std::memory_order_relaxed);
        if (state == kWritten) continue;
        std::string where = "L1";
        for (const Ring& ring : fiber.core->rings) {
            if (ring.info == nullptr || chunk * kChunk < ring.info->offset) continue;
            const uint32_t inside = chunk * kChunk - ring.info->offset;
            if (inside >= ring.info->pages * ring.info->page_bytes) continue;
            where = text("page %u of the ring %s", inside / ring.info->page_bytes,
                         ring.info->name.c_str());
        }
        const bool arrives = state == kArriving;
        fault(arrives ? Fault::ReadInFlight : Fault::Unwritten,
              text(arrives ? "%s: %s is still arriving; call noc_async_read_barrier() before, or "
                             "noc_async_write_barrier() for what is sent to this core itself"
                           : "%s: nothing was written to %s since it was reserved",
                   call, where.c_str()),
              at);
    }
}

void check_settled(const Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call,
                   const Where& at) {
    const Transfer* found = nullptr;
    for (const Fiber& other : fiber.core->fibers) {
        if (overlaps(other.arriving, offset, bytes, &found)) {
            fault(Fault::ReadInFlight,
                  text("%s: %s still reads into these bytes; call noc_async_read_barrier() before",
                       call, place(found->at).c_str()),
                  at);
        }
        if (overlaps(other.leaving, offset, bytes, &found)) {
            fault(Fault::WriteInFlight,
                  text("%s: %s still sends these bytes; call noc_async_writes_flushed() before",
                       call, place(found->at).c_str()),
                  at);
        }
    }
}

void mark(Core& core, uint32_t offset, uint32_t bytes, Chunk state) {
    for (uint32_t chunk = offset / kChunk; chunk * kChunk < offset + bytes; ++chunk) {
        core.chunks[chunk].store(state, std::memory_order_relaxed);
    }
}

void touch(const Place& place, uint32_t bytes) {
    const uint32_t page_bytes = place.ring->info->page_bytes;
    for (uint32_t page = 0; page * page_bytes < bytes; ++page) {
        place.ring->versions[place.page + page].fetch_add(1, std::memory_order_relaxed);
    }
}

bool overlaps(const std::vector<Transfer>& transfers, uint32_t offset, uint32_t bytes,
              const Transfer** found) {
    for (const Transfer& transfer : transfers) {
        if (transfer.offset >= offset + bytes || offset >= transfer.offset + transfer.bytes) continue;
        if (found != nullptr) *found = &transfer;
        return true;
    }
    return false;
}

// ---- single words, for TILEC_L1_LOAD and TILEC_L1_STORE ----

uint32_t l1_load(uint32_t address, const Where& at) {
    Fiber& fiber = running(at);
    if (address % 4 != 0) fault(Fault::Address, text("L1 load: 0x%x is no address of a word", address), at);
    const uint32_t offset = offset_of(fiber, address, 4, "L1 load", at);
    place_of(fiber, offset, 4, Access::Read, "L1 load", at);
    check_written(fiber, offset, 4, "L1 load", at);
    return fiber.core->word(offset).load(std::memory_order_relaxed);
}

namespace {

// A kernel may write a few words of a page, such as a column. The others then count as
// written too, but hold what no result can hide: NaN in each float format.
void fill_unwritten(Core& core, const Place& place) {
    const RingInfo& info = *place.ring->info;
    const uint32_t begin = info.offset + place.page * info.page_bytes;
    for (uint32_t offset = begin; offset < begin + info.page_bytes; offset += kChunk) {
        auto& chunk = core.chunks[offset / kChunk];
        if (chunk.load(std::memory_order_relaxed) != kUnwritten) continue;
        std::fill_n(core.l1 + offset, kChunk, std::byte{0xff});
        chunk.store(kWritten, std::memory_order_relaxed);
    }
}

}  // namespace

void l1_store(uint32_t address, uint32_t value, const Where& at) {
    Fiber& fiber = running(at);
    if (address % 4 != 0) fault(Fault::Address, text("L1 store: 0x%x is no address of a word", address), at);
    const uint32_t offset = offset_of(fiber, address, 4, "L1 store", at);
    const Place place = place_of(fiber, offset, 4, Access::Write, "L1 store", at);
    check_settled(fiber, offset, 4, "L1 store", at);
    fill_unwritten(*fiber.core, place);
    touch(place, 4);
    fiber.core->word(offset).store(value, std::memory_order_relaxed);
}

}  // namespace emu
