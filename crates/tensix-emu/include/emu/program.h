// What runs: formats, rings, buffers and settings, as program.json has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace emu {

enum class Arch : uint8_t { Wormhole, Blackhole };

// How the elements of a 32x32 tile are stored; the values are the hardware's.
enum class Format : uint8_t {
    Float32 = 0,
    Float16 = 1,
    Float16_b = 5,
    Bfp8_b = 6,
    Int32 = 8,
    UInt16 = 9,
    Lf8 = 10,
    Fp8_e4m3 = 26,
    UInt32 = 24,
    UInt8 = 30,
    Invalid = 255,
};

// The bytes of a tile.
uint32_t tile_bytes(Format format);
const char* format_name(Format format);

enum class Role : uint8_t { Reader, Compute, Writer };
constexpr uint32_t kRoles = 3;
const char* role_name(Role role);

// A circular buffer, the same on all cores.
struct RingInfo {
    uint32_t index = 0;
    std::string name;
    Format format = Format::Invalid;
    uint32_t pages = 0;
    uint32_t page_bytes = 0;
    uint32_t offset = 0;         // in the L1 of each core
    bool unpack_to_dst = false;  // copies to DST bypass the source registers
};

// A tensor in DRAM.
struct BufferInfo {
    std::string name;
    Format format = Format::Invalid;
    uint32_t page_bytes = 0;
    uint32_t address = 0;
};

// How the compute kernel is configured.
struct MathInfo {
    uint32_t passes = 4;  // LoFi 1, HiFi2 2, HiFi3 3, HiFi4 4
    bool fp32_dest_acc = false;
    bool full_sync = false;
};

constexpr uint32_t kRings = 32;

struct ProgramInfo {
    std::string name;
    Arch arch = Arch::Wormhole;
    uint32_t columns = 0;
    uint32_t rows = 0;
    MathInfo math;
    // By index; those that the program doesn't have are `Format::Invalid`.
    RingInfo rings[kRings];
    std::vector<std::string> semaphores;
    std::string files[kRoles];
};

}  // namespace emu
