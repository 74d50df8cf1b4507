// Pages of buffers in DRAM: where they are, and who read and wrote them.
#include "parts.h"

namespace emu {

namespace {

uint32_t here(const Fiber& fiber) {
    return fiber.core->index * kRoles + static_cast<uint32_t>(fiber.role);
}

// Who `here` was, at a line.
std::string person(uint32_t id, uint32_t line) {
    const ProgramInfo& info = machine.plan().info;
    const uint32_t core = id / kRoles;
    return text("%s:%u on core (%u, %u)", info.files[id % kRoles].c_str(), line,
                core % info.columns, core / info.columns);
}

}  // namespace

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

std::byte* DramPlace::bytes() const {
    return buffer->bytes + uint64_t{page} * buffer->info.page_bytes + offset;
}

void check_format(const Buffer& buffer, const RingInfo& ring, const char* call, const Where& at) {
    if (buffer.info.format == ring.format) return;
    // 32 bits stay what they are, integers too, in a ring that bypasses the source registers.
    const auto has_32_bits = [](Format format) {
        return format == Format::Float32 || format == Format::UInt32 || format == Format::Int32;
    };
    if (has_32_bits(buffer.info.format) && has_32_bits(ring.format)) return;
    fault(Fault::Format,
          text("%s: %s holds %s and the ring %s %s", call, buffer.info.name.c_str(),
               format_name(buffer.info.format), ring.name.c_str(), format_name(ring.format)),
          at);
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

// A page of an output that nobody wrote; told beside one that was.
void check_outputs() {
    const ProgramInfo& info = machine.plan().info;
    for (const Buffer& buffer : machine.buffers) {
        if (buffer.role != Buffer::Output) continue;
        uint32_t line = 0, missing = buffer.pages, count = 0;
        for (uint32_t page = 0; page < buffer.pages; ++page) {
            const PageLog& log = buffer.log[page];
            if (log.bytes == buffer.info.page_bytes) {
                line = log.line;
                continue;
            }
            missing = std::min(missing, page);
            ++count;
        }
        if (count == 0) continue;
        add_failure({Fault::PageMissing,
                     text("%u of the %u pages of %s were never written, the first is page %u",
                          count, buffer.pages, buffer.info.name.c_str(), missing),
                     info.files[static_cast<size_t>(Role::Writer)], line, 0,
                     static_cast<uint32_t>(Role::Writer)});
    }
}

}  // namespace emu
