// The network: pages between DRAM and L1, and bytes from one L1 to others.
//
// Data is copied when a transfer starts, which is one of the orders that the hardware
// may choose; everything that could see another order is a fault, since a transfer is
// remembered until its barrier.
#include <cstring>

#include "emu/noc.h"
#include "state.h"

namespace emu {

// l1.cpp
void check_not_leaving(const Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call,
                       const Where& at);

namespace {

// ---- addresses ----
// unicast    1 | y 8 | x 8 | unused | L1 address 32
// multicast  2 | y1 6 | x1 6 | y0 6 | x0 6 | unused | L1 address 32
// DRAM       3 | buffer 16 | byte 44

enum Kind : uint64_t { kCore = 1, kCores = 2, kDram = 3 };

Kind kind_of(uint64_t address) { return static_cast<Kind>(address >> 60); }

struct DramPlace {
    Buffer* buffer;
    uint32_t page;
    uint32_t offset;  // in the page
};

DramPlace dram_place(uint64_t address, uint32_t bytes, const char* call, const Where& at) {
    Buffer& buffer = machine.buffers[(address >> 44) & 0xffff];
    const uint64_t byte = address & ((uint64_t{1} << 44) - 1);
    const auto page = static_cast<uint32_t>(byte / buffer.info.page_bytes);
    const auto offset = static_cast<uint32_t>(byte % buffer.info.page_bytes);
    if (page >= buffer.pages) {
        fault(Fault::PageRange,
              text("%s: page %u of %s, which has %u", call, page, buffer.info.name.c_str(),
                   buffer.pages),
              at);
    }
    if (offset + bytes > buffer.info.page_bytes) {
        fault(Fault::PageSize,
              text("%s: %u bytes from byte %u of a page of %s, which has %u bytes; other pages "
                   "lie in other banks",
                   call, bytes, offset, buffer.info.name.c_str(), buffer.info.page_bytes),
              at);
    }
    return {&buffer, page, offset};
}

// Tiles of one format are nothing in another, whatever their size.
void check_format(const Buffer& buffer, const RingInfo& ring, const char* call, const Where& at) {
    const bool same = buffer.info.format == ring.format;
    // 32-bit values are carried unchanged, as words.
    const bool words = tile_bytes(buffer.info.format) == 4096 && ring.format == Format::UInt32;
    const bool back = tile_bytes(ring.format) == 4096 && buffer.info.format == Format::UInt32;
    if (same || words || back) return;
    fault(Fault::Format,
          text("%s: %s holds %s and the ring %s %s", call, buffer.info.name.c_str(),
               format_name(buffer.info.format), ring.name.c_str(), format_name(ring.format)),
          at);
}

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

uint32_t here(const Fiber& fiber) {
    return fiber.core->index * kRoles + static_cast<uint32_t>(fiber.role);
}

std::string person(uint32_t id, uint32_t line) {
    const ProgramInfo& info = machine.plan().info;
    const uint32_t core = id / kRoles;
    return text("%s:%u on core (%u, %u)", info.files[id % kRoles].c_str(), line,
                core % info.columns, core / info.columns);
}

void log_read(const DramPlace& place, const Fiber& fiber, const char* call, const Where& at) {
    PageLog& log = place.buffer->log[place.page];
    const uint32_t now = machine.at_program + 1;
    log.reader.store(here(fiber));
    log.reader_line.store(at.line());
    log.read_in.store(now);
    const uint32_t written = log.written_in.load();
    if (written == now) {
        fault(Fault::Race,
              text("%s: page %u of %s is read and written in one program, by %s", call, place.page,
                   place.buffer->info.name.c_str(), person(log.writer, log.line).c_str()),
              at);
    }
    if (place.buffer->role == Buffer::Input || written != 0) return;
    fault(Fault::PageUnwritten,
          text("%s: page %u of %s is read before anything was written there", call, place.page,
               place.buffer->info.name.c_str()),
          at);
}

void log_write(const DramPlace& place, uint32_t bytes, const Fiber& fiber, const char* call,
               const Where& at) {
    PageLog& log = place.buffer->log[place.page];
    const std::string& name = place.buffer->info.name;
    const uint32_t now = machine.at_program + 1;
    if (place.buffer->role == Buffer::Input) {
        fault(Fault::PageTwice, text("%s: %s is an input", call, name.c_str()), at);
    }
    const uint32_t writer = log.writer.load(), line = log.line.load();
    if (log.written_in.exchange(now) != now) log.bytes.store(0);
    if (log.bytes.fetch_add(bytes) + bytes > place.buffer->info.page_bytes) {
        fault(Fault::PageTwice,
              text("%s: page %u of %s was already written by %s", call, place.page, name.c_str(),
                   person(writer, line).c_str()),
              at);
    }
    log.writer.store(here(fiber));
    log.line.store(at.line());
    if (log.read_in.load() != now) return;
    fault(Fault::Race,
          text("%s: page %u of %s is written and read in one program, by %s", call, place.page,
               name.c_str(), person(log.reader, log.reader_line).c_str()),
          at);
}

// ---- cores ----

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

Core& one_core(uint64_t address, const char* call, const Where& at) {
    const uint32_t y = (address >> 52) & 0xff, x = (address >> 44) & 0xff;
    Core* core = core_at_noc(x, y);
    if (kind_of(address) != kCore || core == nullptr) {
        fault(Fault::Address, text("%s: the program has no core at NoC x %u, y %u", call, x, y),
              at);
    }
    return *core;
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

// The cores of a rectangle, the sender only `with_self`; their count must be as said.
std::vector<Core*> cores_in(const Fiber& fiber, uint64_t address, uint32_t count, bool with_self,
                            uint32_t noc, const char* call, const Where& at) {
    const Rectangle r = rectangle_of(address, noc, call, at);
    std::vector<Core*> cores;
    uint32_t places = 0;
    for (uint32_t y = r.y0; y <= r.y1; ++y) {
        for (uint32_t x = r.x0; x <= r.x1; ++x) {
            if (!is_worker(x, y)) continue;
            ++places;
            Core* core = core_at_noc(x, y);
            if (core == nullptr) {
                fault(Fault::Multicast,
                      text("%s: the rectangle x %u to %u, y %u to %u leaves the cores of the "
                           "program",
                           call, r.x0, r.x1, r.y0, r.y1),
                      at);
            }
            if (with_self || core != fiber.core) cores.push_back(core);
        }
    }
    if (cores.size() == count && count > 0) return cores;
    const bool self = !with_self && places > cores.size();
    fault(Fault::Multicast,
          text("%s: %u destinations are said and the rectangle has %zu%s", call, count,
               cores.size(), self ? " beside the sender" : ""),
          at);
}

// Bytes of this core that are about to be sent.
Place source_of(Fiber& fiber, uint32_t offset, uint32_t bytes, const char* call, const Where& at) {
    const Place place = place_of(fiber, offset, bytes, Access::Read, call, at);
    check_written(fiber, offset, bytes, call, at);
    return place;
}

// Copies bytes to the same or another ring of a core, which must have reserved the pages.
void deliver(const Fiber& fiber, const Place& source, uint32_t from, Core& core, uint32_t to,
             uint32_t bytes, const char* call, const Where& at) {
    for (Ring& ring : core.rings) {
        if (ring.info == nullptr || to < ring.info->offset) continue;
        const uint32_t inside = to - ring.info->offset;
        const uint32_t page_bytes = ring.info->page_bytes;
        if (inside + bytes > ring.info->pages * page_bytes) continue;
        if (ring.info->format != source.ring->info->format) {
            fault(Fault::Format,
                  text("%s: the ring %s holds %s and the ring %s %s", call,
                       source.ring->info->name.c_str(), format_name(source.ring->info->format),
                       ring.info->name.c_str(), format_name(ring.info->format)),
                  at);
        }
        const uint32_t reserved = ring.reserved.load(std::memory_order_acquire);
        const uint32_t first = ring.first_reserved.load(std::memory_order_relaxed);
        const uint32_t begin = inside / page_bytes;
        const uint32_t end = (inside + bytes + page_bytes - 1) / page_bytes;
        if (begin < first || end > first + reserved) {
            fault(Fault::Race,
                  text("%s: core (%u, %u) has not reserved page %u of the ring %s; wait until it "
                       "says so",
                       call, core.column, core.row, begin, ring.info->name.c_str()),
                  at);
        }
        std::memcpy(core.l1 + to, fiber.core->l1 + from, bytes);
        mark(core, to, bytes, kWritten);
        touch({&ring, begin}, bytes);
        return;
    }
    fault(Fault::Address, text("%s: byte %u of L1 is in no circular buffer", call, to), at);
}

void check_size(uint32_t offset, uint32_t bytes, const char* call, const Where& at) {
    if (offset % kChunk == 0 && bytes % kChunk == 0 && bytes > 0) return;
    fault(Fault::Address,
          text("%s: %u bytes at byte %u of L1; both must be multiples of %u", call, bytes, offset,
               kChunk),
          at);
}

}  // namespace

// ---- addresses, for the headers ----

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
    const Buffer& buffer = machine.buffers[index];
    if (address != buffer.info.address) {
        fault(Fault::Address,
              text("the accessor of %s is given the address 0x%x, which is not that of %s",
                   buffer.info.name.c_str(), address, buffer.info.name.c_str()),
              at);
    }
    if (page_bytes != buffer.info.page_bytes) {
        fault(Fault::PageSize,
              text("the accessor of %s is given pages of %u bytes; they have %u",
                   buffer.info.name.c_str(), page_bytes, buffer.info.page_bytes),
              at);
    }
    return (uint64_t{kDram} << 60) | (uint64_t{index} << 44) |
           (uint64_t{page} * buffer.info.page_bytes + offset);
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
    check_not_leaving(fiber, offset, bytes, call, at);
    log_read(source, fiber, call, at);
    std::memcpy(fiber.core->l1 + offset,
                source.buffer->bytes + uint64_t{source.page} * source.buffer->info.page_bytes +
                    source.offset,
                bytes);
    mark(*fiber.core, offset, bytes, kArriving);
    touch(place, bytes);
    fiber.arriving.push_back({offset, bytes, at});
    fiber.core->counters.dram_read_bytes += bytes;
}

void noc_write(uint32_t from, uint64_t to, uint32_t bytes, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = offset_of(fiber, from, bytes, call, at);
    check_size(offset, bytes, call, at);
    const Place place = source_of(fiber, offset, bytes, call, at);
    fiber.leaving.push_back({offset, bytes, at});
    if (kind_of(to) != kDram) {
        Core& core = one_core(to, call, at);
        const uint32_t target = offset_of(fiber, static_cast<uint32_t>(to), bytes, call, at);
        deliver(fiber, place, offset, core, target, bytes, call, at);
        fiber.core->counters.noc_bytes += bytes;
        return;
    }
    const DramPlace target = dram_place(to, bytes, call, at);
    check_format(*target.buffer, *place.ring->info, call, at);
    check_alignment(*place.ring, offset, bytes, call, at);
    log_write(target, bytes, fiber, call, at);
    std::memcpy(target.buffer->bytes + uint64_t{target.page} * target.buffer->info.page_bytes +
                    target.offset,
                fiber.core->l1 + offset, bytes);
    fiber.core->counters.dram_written_bytes += bytes;
}

void noc_multicast(uint32_t from, uint64_t to, uint32_t bytes, uint32_t count, bool with_self,
                   uint32_t noc, const char* call, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = offset_of(fiber, from, bytes, call, at);
    check_size(offset, bytes, call, at);
    const Place place = source_of(fiber, offset, bytes, call, at);
    const uint32_t target = offset_of(fiber, static_cast<uint32_t>(to), bytes, call, at);
    for (Core* core : cores_in(fiber, to, count, with_self, noc, call, at)) {
        if (core == fiber.core && target == offset) continue;
        deliver(fiber, place, offset, *core, target, bytes, call, at);
    }
    fiber.leaving.push_back({offset, bytes, at});
    fiber.core->counters.multicast_bytes += bytes;
}

void noc_read_barrier(const Where& at) {
    Fiber& fiber = running(at);
    for (const Transfer& transfer : fiber.arriving) {
        mark(*fiber.core, transfer.offset, transfer.bytes, kWritten);
    }
    fiber.arriving.clear();
}

void noc_write_barrier(const Where& at) { running(at).leaving.clear(); }

void noc_atomic_barrier(const Where& at) { running(at).counting.clear(); }

// ---- semaphores ----

namespace {

// The offset of a semaphore's word.
uint32_t semaphore_at(const Fiber& fiber, uint32_t address, const char* call, const Where& at) {
    const uint32_t offset = offset_of(fiber, address, 4, call, at);
    const uint32_t count = static_cast<uint32_t>(machine.plan().semaphores.size());
    const bool inside = offset >= kSemaphores && offset < kSemaphores + count * kSemaphoreBytes;
    if (inside && offset % kSemaphoreBytes == 0) return offset;
    fault(Fault::Semaphore, text("%s: 0x%x is the address of no semaphore", call, address), at);
}

}  // namespace

uint32_t semaphore_address(uint32_t id, const Where& at) {
    Fiber& fiber = running(at);
    const size_t count = machine.plan().semaphores.size();
    if (id >= count) {
        fault(Fault::Semaphore,
              text("get_semaphore(%u): the program has %zu semaphore%s", id, count,
                   count == 1 ? "" : "s"),
              at);
    }
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(fiber.core->l1)) + kSemaphores +
           id * kSemaphoreBytes;
}

void semaphore_set(uint32_t address, uint32_t value, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = semaphore_at(fiber, address, "noc_semaphore_set", at);
    auto word = fiber.core->word(offset);
    if (word.load(std::memory_order_relaxed) != value) {
        const Transfer* found = nullptr;
        for (const Fiber& other : fiber.core->fibers) {
            if (!overlaps(other.leaving, offset, 4, &found)) continue;
            fault(Fault::WriteInFlight,
                  text("noc_semaphore_set: %s is still sending the word; call "
                       "noc_async_writes_flushed() after it",
                       place(found->at).c_str()),
                  at);
        }
    }
    word.store(value, std::memory_order_release);
}

void semaphore_wait(uint32_t address, uint32_t value, bool at_least, const Where& at) {
    Fiber& fiber = running(at);
    const char* call = at_least ? "noc_semaphore_wait_min" : "noc_semaphore_wait";
    const uint32_t offset = semaphore_at(fiber, address, call, at);
    block(fiber, {at_least ? Wait::WordIsAtLeast : Wait::WordIs, offset, value});
}

void semaphore_add(uint64_t to, uint32_t value, const Where& at) {
    Fiber& fiber = running(at);
    Core& core = one_core(to, "noc_semaphore_inc", at);
    const uint32_t offset =
        semaphore_at(fiber, static_cast<uint32_t>(to), "noc_semaphore_inc", at);
    fiber.counting.push_back({offset, 4, at});
    core.word(offset).fetch_add(value, std::memory_order_acq_rel);
    signal();
}

void semaphore_send(uint32_t from, uint64_t to, uint32_t count, bool with_self, uint32_t noc,
                    const char* call, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = semaphore_at(fiber, from, call, at);
    const uint32_t target = semaphore_at(fiber, static_cast<uint32_t>(to), call, at);
    const uint32_t value = fiber.core->word(offset).load(std::memory_order_acquire);
    for (Core* core : cores_in(fiber, to, count, with_self, noc, call, at)) {
        core->word(target).store(value, std::memory_order_release);
    }
    fiber.leaving.push_back({offset, 4, at});
    signal();
}

void semaphore_send_one(uint32_t from, uint64_t to, const Where& at) {
    Fiber& fiber = running(at);
    const char* call = "noc_semaphore_set_remote";
    const uint32_t offset = semaphore_at(fiber, from, call, at);
    const uint32_t target = semaphore_at(fiber, static_cast<uint32_t>(to), call, at);
    const uint32_t value = fiber.core->word(offset).load(std::memory_order_acquire);
    one_core(to, call, at).word(target).store(value, std::memory_order_release);
    fiber.leaving.push_back({offset, 4, at});
    signal();
}

}  // namespace emu
