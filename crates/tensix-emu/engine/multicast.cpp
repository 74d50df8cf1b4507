// Bytes from the L1 of one core to that of others: who they are, and whether they are ready.
#include <cstring>

#include "emu/noc.h"
#include "parts.h"

namespace emu {

namespace {

struct Rectangle {
    uint32_t x0, y0, x1, y1;
};

// The core at NoC coordinates; null if the program doesn't run there.
Core* core_at_noc(uint32_t x, uint32_t y) {
    for (auto& core : machine.cores) {
        if (noc_x(core->column) == x && noc_y(core->row) == y) return core.get();
    }
    return nullptr;
}

Rectangle rectangle_of(uint64_t address, uint32_t noc, const char* call, const Where& at) {
    if (kind_of(address) != kCores) {
        fault(Fault::Multicast, text("%s: the destination is no rectangle", call), at);
    }
    const auto field = [&](int shift) { return static_cast<uint32_t>((address >> shift) & 63); };
    Rectangle r{field(36), field(42), field(48), field(54)};
    if (noc == 1) {
        std::swap(r.x0, r.x1);
        std::swap(r.y0, r.y1);
    }
    if (r.x0 <= r.x1 && r.y0 <= r.y1) return r;
    fault(Fault::Multicast,
          noc == 1 ? text("%s: on NoC 1 a rectangle starts at its lower right core", call)
                   : text("%s: on NoC 0 a rectangle starts at its upper left core", call),
          at);
}

// The ring of a core that these bytes lie in; null if they lie in none.
Ring* ring_around(Core& core, uint32_t offset, uint32_t bytes) {
    for (Ring& ring : core.rings) {
        if (ring.info == nullptr || offset < ring.info->offset) continue;
        if (offset - ring.info->offset + bytes <= ring.info->pages * ring.info->page_bytes) {
            return &ring;
        }
    }
    return nullptr;
}

// The pages of the ring must be reserved there, and this core must know it.
void check_ready(const Fiber& fiber, const Core& core, Ring& ring, uint32_t first, uint32_t end,
                 const char* call, const Where& at) {
    const uint32_t reserved = ring.reserved.load(std::memory_order_acquire);
    const uint32_t from = ring.first_reserved.load(std::memory_order_relaxed);
    const bool inside = first >= from && end <= from + reserved;
    if (inside && (&core == fiber.core || note_landing(fiber, ring))) return;
    fault(Fault::Race,
          text("%s: core (%u, %u) has not %s page %u of the ring %s; wait until it has", call,
               core.column, core.row, inside ? "said that it reserved" : "reserved", first,
               ring.info->name.c_str()),
          at);
}

}  // namespace

Core& one_core(uint64_t address, const char* call, const Where& at) {
    const uint32_t y = (address >> 52) & 0xff, x = (address >> 44) & 0xff;
    Core* core = core_at_noc(x, y);
    if (kind_of(address) != kCore || core == nullptr) {
        fault(Fault::Address, text("%s: the program has no core at NoC x %u, y %u", call, x, y),
              at);
    }
    return *core;
}

std::vector<Core*> cores_in(const Fiber& fiber, uint64_t address, uint32_t count, bool with_self,
                            uint32_t noc, const char* call, const Where& at) {
    const Rectangle r = rectangle_of(address, noc, call, at);
    std::vector<Core*> cores;
    bool around = false;
    for (uint32_t y = r.y0; y <= r.y1; ++y) {
        for (uint32_t x = r.x0; x <= r.x1; ++x) {
            if (!is_worker(x, y)) continue;
            Core* core = core_at_noc(x, y);
            if (core == nullptr) {
                fault(Fault::Multicast,
                      text("%s: the rectangle x %u to %u, y %u to %u leaves the cores of the "
                           "program",
                           call, r.x0, r.x1, r.y0, r.y1),
                      at);
            }
            around |= core == fiber.core;
            if (with_self || core != fiber.core) cores.push_back(core);
        }
    }
    if (cores.size() == count && count > 0 && (around || !with_self)) return cores;
    fault(Fault::Multicast,
          text("%s: %u destinations are said; the rectangle has %zu%s", call, count, cores.size(),
               around && !with_self ? " beside the sender" : ""),
          at);
}

void deliver(Fiber& fiber, const Place& source, uint32_t from, Core& core, uint32_t to,
             uint32_t bytes, const char* call, const Where& at) {
    Ring* ring = ring_around(core, to, bytes);
    if (ring == nullptr) {
        fault(Fault::Address, text("%s: %u bytes at byte %u of L1 are in no circular buffer", call,
                                   bytes, to),
              at);
    }
    const RingInfo& info = *ring->info;
    if (info.format != source.ring->info->format) {
        fault(Fault::Format,
              text("%s: the ring %s holds %s and the ring %s %s", call,
                   source.ring->info->name.c_str(), format_name(source.ring->info->format),
                   info.name.c_str(), format_name(info.format)),
              at);
    }
    const uint32_t first = (to - info.offset) / info.page_bytes;
    const uint32_t end = (to - info.offset + bytes + info.page_bytes - 1) / info.page_bytes;
    check_ready(fiber, core, *ring, first, end, call, at);
    std::memmove(core.l1 + to, fiber.core->l1 + from, bytes);
    touch({ring, first}, bytes);
    const bool returns = &core == fiber.core;
    mark(core, to, bytes, returns ? kArriving : kWritten);
    if (returns) fiber.returning.push_back({to, bytes, at});
}

}  // namespace emu
