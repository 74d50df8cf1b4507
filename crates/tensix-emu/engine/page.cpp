// Pages of rings as the compute side reads and writes them: within a window, and written.
#include "parts.h"

namespace emu {

namespace {

Page page_at(Core& core, const Ring& ring, uint32_t page) {
    return {core.l1 + ring.info->offset + page * ring.info->page_bytes,
            ring.versions[page].load(std::memory_order_relaxed)};
}

uint32_t page_offset(const Ring& ring, uint32_t page) {
    return ring.info->offset + page * ring.info->page_bytes;
}

// The page in the ring of page `tile` of those reserved.
uint32_t reserved_page(const Fiber& fiber, const Ring& ring, uint32_t tile, const char* call,
                       const Where& at) {
    const uint32_t reserved = ring.reserved.load(std::memory_order_relaxed);
    const bool mine = ring.producer == static_cast<int>(fiber.role);
    if (!mine || tile >= reserved) {
        fault(Fault::RingWindow,
              text("%s: page %u of %s, of which %s reserved", call, tile, ring.info->name.c_str(),
                   mine && reserved == 1 ? "1 page is"
                                         : text("%u pages are", mine ? reserved : 0).c_str()),
              at);
    }
    return ring.first_reserved.load(std::memory_order_relaxed) + tile;
}

}  // namespace

Page page_waited(uint32_t index, uint32_t tile, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, call, at);
    const bool mine = ring.consumer == static_cast<int>(fiber.role);
    if (!mine || tile >= ring.waited) {
        fault(Fault::RingWindow,
              text("%s: page %u of %s, of which %s waited for", call, tile,
                   ring.info->name.c_str(),
                   mine && ring.waited == 1 ? "1 page was"
                                            : text("%u pages were", mine ? ring.waited : 0).c_str()),
              at);
    }
    const uint32_t page = ring.first_waited() + tile;
    check_written(fiber, page_offset(ring, page), ring.info->page_bytes, call, at);
    return page_at(*fiber.core, ring, page);
}

Page page_reserved(uint32_t index, uint32_t tile, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, call, at);
    const uint32_t page = reserved_page(fiber, ring, tile, call, at);
    mark(*fiber.core, page_offset(ring, page), ring.info->page_bytes, kWritten);
    ring.versions[page].fetch_add(1, std::memory_order_relaxed);
    return page_at(*fiber.core, ring, page);
}

std::byte* part_reserved(uint32_t index, uint32_t offset, uint32_t bytes, const char* call,
                         const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, call, at);
    const uint32_t size = ring.info->page_bytes;
    const uint32_t first = reserved_page(fiber, ring, offset / size, call, at);
    const uint32_t last = reserved_page(fiber, ring, (offset + bytes - 1) / size, call, at);
    const uint32_t from = page_offset(ring, first) + offset % size;
    mark(*fiber.core, from, bytes, kWritten);
    for (uint32_t page = first; page <= last; ++page) {
        ring.versions[page].fetch_add(1, std::memory_order_relaxed);
    }
    return fiber.core->l1 + from;
}

Page page_accumulated(uint32_t index, uint32_t tile, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    Ring& ring = ring_of(fiber, index, call, at);
    const uint32_t page = reserved_page(fiber, ring, tile, call, at);
    check_written(fiber, page_offset(ring, page), ring.info->page_bytes, call, at);
    ring.versions[page].fetch_add(1, std::memory_order_relaxed);
    return page_at(*fiber.core, ring, page);
}

}  // namespace emu
