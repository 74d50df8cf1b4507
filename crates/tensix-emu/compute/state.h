// What the compute kernel of a core has configured, and the units that it drives.
#pragma once

#include <cstdint>
#include <optional>

#include "dst.h"
#include "emu/compute.h"
#include "emu/engine.h"
#include "emu/sentence.h"
#include "matrix.h"
#include "sfpu.h"

namespace emu {

// What an init prepares.
enum class Op : uint8_t { None, Matmul, Copy, Transpose, Binary, Reduce, Tilize };

// The init that counts, and what it was for.
struct Init {
    Op op = Op::None;
    const char* call = "";
    uint32_t a = 0, b = 0;  // rings
    Block block;
    Binary binary = Binary::Add;
    Broadcast broadcast = Broadcast::None;
    uint32_t line = 0;
    Pool pool = Pool::Sum;
    Along along = Along::All;
};

// What the packer makes of tiles, if it makes strips.
struct Strips {
    uint32_t tiles = 0, width = 0;  // columns of tiles at a time, and of a strip
    uint32_t out = 0;
    uint32_t line = 0;
};

// What a source or the packer is configured for.
struct Configured {
    Format format = Format::Invalid;
    bool to_dst = false;  // words go straight to DST
    bool operator==(const Configured&) const = default;
};

// A decoded tile is kept as long as the page that it was made of doesn't change.
struct Decoded {
    const std::byte* page = nullptr;
    uint64_t version = 0;
    bool transpose = false;
    Factor factor;
};
constexpr uint32_t kKept = 64;

// What top-k left in the buffer of instructions, which it runs again without looking.
struct Replay {
    bool sort = false;   // of topk_local_sort
    int iteration = -1;  // of topk_rebuild ..
    int k = 0;           // .. for this k
};

struct Compute {
    const ProgramInfo& program;
    bool started = false;
    Configured source[2];
    Configured packer;
    bool accumulates = false;        // packing adds to L1
    std::optional<Along> kept_of;    // the packer keeps results of reduce_tile alone
    uint32_t kept_since = 0;         // the line of the init that said so
    uint32_t packed[kRings] = {};    // pages packed in order since the last push
    std::optional<uint32_t> tilizes;  // the unpacker takes strips, since the init of this line
    std::optional<Strips> strips;     // the packer makes them
    bool tracks_indices = false;     // the vector unit moves indices with values, for top-k
    Replay replay;
    Init init;
    Dst dst;
    VectorUnit unit;
    Decoded kept[2][kKept];          // of SrcA and SrcB

    explicit Compute(const ProgramInfo& info) : program(info) { dst.begin(info.math); }
    bool wide() const { return dst.wide; }
};

// The configuration that a ring needs.
Configured needs(const RingInfo& ring);
// A fault unless compute_kernel_hw_startup was called.
void check_started(const char* call, const Where& at);
// A fault unless the source is configured for the ring.
void check_source(Source source, const RingInfo& ring, const char* call, const Where& at);
// A fault unless the last init was `op` for these rings.
void check_init(Op op, uint32_t a, uint32_t b, const char* call, const Where& at);

// Copies the bytes of a tile, face by face, to DST, as the sources and the adder let them
// through; a fault unless they are configured for its ring.
void check_copied(const RingInfo& ring, const char* call, const Where& at);
void copy_to_dst(const RingInfo& ring, const std::byte* bytes, DstTile& to);
// A fault if DST can't be packed to the ring now.
void check_packer(const RingInfo& ring, const char* call, const Where& at);

// Which quarters of faces hold what a tile is reduced to, and whether a word is of it.
uint32_t quarters_of(Along along);
bool is_result(Along along, uint32_t word);

}  // namespace emu
