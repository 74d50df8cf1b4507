// Circular buffers: each role of a core keeps its own end.
#include "parts.h"

namespace emu {

Ring& ring_of(Fiber& fiber, uint32_t index, const char* call, const Where& at) {
    if (index >= kRings || fiber.core->rings[index].info == nullptr) {
        fault(Fault::RingUnknown,
              text("%s: the program has no circular buffer %u", call, index), at);
    }
    return fiber.core->rings[index];
}

namespace {

std::string pages(uint64_t count) {
    return text("%llu page%s", static_cast<unsigned long long>(count), count == 1 ? "" : "s");
}

void check_capacity(const Ring& ring, uint32_t count, const char* call, const Where& at) {
    if (count <= ring.info->pages) return;
    fault(Fault::RingCapacity,
          text("%s(%s, %u): %s holds %s", call, ring.info->name.c_str(), count,
               ring.info->name.c_str(), pages(ring.info->pages).c_str()),
          at);
}

// Each end of a ring belongs to one role: its pointer is that role's alone.
void take_end(int& end, Role role, const Ring& ring, const char* what, const Where& at) {
    if (end < 0) end = static_cast<int>(role);
    if (end == static_cast<int>(role)) return;
    fault(Fault::RingRole,
          text("the %s is a second %s of %s beside the %s", role_name(role), what,
               ring.info->name.c_str(), role_name(static_cast<Role>(end))),
          at);
}

// New pages of a window hold nothing that may be read.
void forget(Core& core, const Ring& ring, uint32_t from, uint32_t to) {
    const uint32_t bytes = ring.info->page_bytes;
    for (uint32_t page = from; page < to; ++page) {
        mark(core, ring.info->offset + page * bytes, bytes, kUnwritten);
    }
}

// Whether a page holds some rows of a tile, and waits for none. Who reads others is told.
bool holds_rows(const Core& core, uint32_t offset, uint32_t bytes) {
    bool written = false;
    for (uint32_t chunk = offset / kChunk; chunk * kChunk < offset + bytes; ++chunk) {
        const uint8_t state = core.chunks[chunk].load(std::memory_order_relaxed);
        if (state == kArriving) return false;
        written |= state == kWritten;
    }
    return written;
}

// Pages that are handed on must be there: written, and known to be.
void check_filled(const Fiber& fiber, Ring& ring, uint32_t first, uint32_t count, const Where& at) {
    const uint32_t bytes = ring.info->page_bytes;
    for (uint32_t page = first; page < first + count; ++page) {
        const uint32_t offset = ring.info->offset + page * bytes;
        if (holds_rows(*fiber.core, offset, bytes)) continue;
        check_written(fiber, offset, bytes, "cb_push_back", at);
    }
    if (has_landed(fiber, ring)) return;
    fault(Fault::Race,
          text("cb_push_back(%s, %u): another core fills these pages; wait until it says so",
               ring.info->name.c_str(), count),
          at);
}

// Pages that are handed back must not be sent any more.
void check_sent(const Fiber& fiber, const Ring& ring, uint32_t count, const Where& at) {
    const uint32_t bytes = ring.info->page_bytes;
    const Transfer* found = nullptr;
    const uint32_t begin = ring.info->offset + ring.first_waited() * bytes;
    if (!overlaps(fiber.leaving, begin, count * bytes, &found)) return;
    fault(Fault::WriteInFlight,
          text("cb_pop_front(%s, %u): %s still sends these pages; call noc_async_write_barrier() "
               "before",
               ring.info->name.c_str(), count, place(found->at).c_str()),
          at);
}

void check_end(const Ring& ring, uint32_t first, uint32_t count, const char* call,
               const Where& at) {
    if (first + count <= ring.info->pages) return;
    fault(Fault::RingWrap,
          text("%s(%s, %u): from page %u of %u it crosses the end; pages are contiguous, so "
               "counts must add up to exactly %u",
               call, ring.info->name.c_str(), count, first, ring.info->pages, ring.info->pages),
          at);
}

}  // namespace

const RingInfo& ring(uint32_t index, const Where& at) {
    return *ring_of(running(at), index, "the operand", at).info;
}

void ring_reserve(uint32_t index, uint32_t count, const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, "cb_reserve_back", at);
    check_capacity(ring, count, "cb_reserve_back", at);
    take_end(ring.producer, fiber.role, ring, "producer", at);
    block(fiber, {Wait::Space, index, count});
    const uint32_t first = static_cast<uint32_t>(ring.pushed % ring.info->pages);
    check_end(ring, first, count, "cb_reserve_back", at);
    const uint32_t before = ring.reserved.load(std::memory_order_relaxed);
    ring.reserved_at = at;
    if (count <= before) return;
    forget(*fiber.core, ring, first + before, first + count);
    ring.first_reserved.store(first, std::memory_order_relaxed);
    note_reserve(fiber, ring);
    ring.reserved.store(count, std::memory_order_release);
}

void ring_push(uint32_t index, uint32_t count, const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, "cb_push_back", at);
    check_capacity(ring, count, "cb_push_back", at);
    take_end(ring.producer, fiber.role, ring, "producer", at);
    const uint32_t reserved = ring.reserved.load(std::memory_order_relaxed);
    if (count > reserved) {
        fault(Fault::RingCount,
              text("cb_push_back(%s, %u): only %s reserved", ring.info->name.c_str(), count,
                   reserved == 1 ? "1 page is" : text("%u pages are", reserved).c_str()),
              at);
    }
    const uint32_t first = ring.first_reserved.load(std::memory_order_relaxed);
    check_filled(fiber, ring, first, count, at);
    ring.reserved.store(reserved - count, std::memory_order_relaxed);
    ring.first_reserved.store((first + count) % ring.info->pages, std::memory_order_relaxed);
    ring.pushed += count;
    ring.pushed_at = at;
}

void ring_wait(uint32_t index, uint32_t count, const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, "cb_wait_front", at);
    check_capacity(ring, count, "cb_wait_front", at);
    take_end(ring.consumer, fiber.role, ring, "consumer", at);
    ring.waited_at = at;
    block(fiber, {Wait::Pages, index, count});
    check_end(ring, ring.first_waited(), count, "cb_wait_front", at);
    ring.waited = std::max(ring.waited, count);
}

void ring_pop(uint32_t index, uint32_t count, const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, "cb_pop_front", at);
    check_capacity(ring, count, "cb_pop_front", at);
    take_end(ring.consumer, fiber.role, ring, "consumer", at);
    if (count > ring.waited) {
        fault(Fault::RingCount,
              text("cb_pop_front(%s, %u): only %s waited for", ring.info->name.c_str(), count,
                   ring.waited == 1 ? "1 page was" : text("%u pages were", ring.waited).c_str()),
              at);
    }
    check_sent(fiber, ring, count, at);
    ring.waited -= count;
    ring.popped += count;
}

uint32_t ring_write_address(uint32_t index, const Where& at) {
    Fiber& fiber = running(at);
    const Ring& ring = ring_of(fiber, index, "get_write_ptr", at);
    const uint32_t page = ring.first_reserved.load(std::memory_order_relaxed);
    return base_of(*fiber.core) + ring.info->offset + page * ring.info->page_bytes;
}

uint32_t ring_read_address(uint32_t index, const Where& at) {
    Fiber& fiber = running(at);
    const Ring& ring = ring_of(fiber, index, "get_read_ptr", at);
    return base_of(*fiber.core) + ring.info->offset + ring.first_waited() * ring.info->page_bytes;
}

void check_rings(const Core& core) {
    for (const Ring& ring : core.rings) {
        if (ring.info == nullptr || ring.pushed == ring.popped) continue;
        const bool waited = ring.waited > 0;
        const Where& at = waited ? ring.waited_at : ring.pushed_at;
        const int role = waited ? ring.consumer : ring.producer;
        add_failure({Fault::RingUnbalanced,
                     text("%s still holds %s at the end: %llu were pushed and %llu popped%s",
                          ring.info->name.c_str(), pages(ring.there()).c_str(),
                          static_cast<unsigned long long>(ring.pushed),
                          static_cast<unsigned long long>(ring.popped),
                          waited ? "; what was waited for here was not popped" : ""),
                     at.file_name(), at.line(), core.index, static_cast<uint32_t>(role)});
    }
}

}  // namespace emu
