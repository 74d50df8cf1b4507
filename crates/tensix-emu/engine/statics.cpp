// Variables that a kernel keeps outside of its functions, or static inside. On the chip
// each core has its own; here all cores would share them, so that changing one is a fault.
#include <link.h>

#include <cstring>

#include "parts.h"

namespace emu {

namespace {

struct Segment {
    const std::byte* begin;
    std::vector<std::byte> bytes;  // as they were after loading
};

struct Statics {
    ElfW(Addr) base = 0;
    std::string file;
    uint32_t role = 0;
    std::vector<Segment> segments;
};

std::vector<Statics> all_statics;

int add_segments(dl_phdr_info* info, size_t, void* data) {
    auto& statics = *static_cast<Statics*>(data);
    if (info->dlpi_addr != statics.base) return 0;
    for (const ElfW(Phdr)* header = info->dlpi_phdr; header != info->dlpi_phdr + info->dlpi_phnum;
         ++header) {
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W) == 0) continue;
        const auto* begin = reinterpret_cast<const std::byte*>(info->dlpi_addr + header->p_vaddr);
        statics.segments.push_back({begin, {begin, begin + header->p_memsz}});
    }
    return 1;
}

bool is_changed(const Statics& statics) {
    for (const Segment& segment : statics.segments) {
        if (std::memcmp(segment.begin, segment.bytes.data(), segment.bytes.size()) != 0) return true;
    }
    return false;
}

}  // namespace

void note_statics(const void* base, const std::string& file, uint32_t role) {
    Statics statics{reinterpret_cast<ElfW(Addr)>(base), file, role, {}};
    dl_iterate_phdr(add_segments, &statics);
    all_statics.push_back(std::move(statics));
}

void check_statics() {
    for (const Statics& statics : all_statics) {
        if (!is_changed(statics)) continue;
        add_failure({Fault::Race,
                     "the kernel changes a variable outside of its functions, or a static one; "
                     "each core has its own on the chip, which is not emulated",
                     statics.file, 0, 0, statics.role});
    }
    all_statics.clear();
}

}  // namespace emu
