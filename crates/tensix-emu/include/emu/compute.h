// The compute side, for the headers of the compute API. Every function checks that what it
// needs was started, initialized and configured for the rings that it is given.
#pragma once

#include <cstdint>

#include "emu/engine.h"

namespace emu {

// ---- configuration ----

enum class Source : uint8_t { A, B };

// Configures sources and packer for the formats of these rings; before everything else.
void start_compute(uint32_t ring_a, uint32_t ring_b, uint32_t out, const Where& at);
void configure_source(Source source, uint32_t ring, const char* call, const Where& at);
// The form that believes what was configured before: nothing happens if the formats of
// both rings are the same.
void configure_source_from(Source source, uint32_t old, uint32_t ring, const char* call,
                           const Where& at);
void configure_packer(uint32_t ring, const char* call, const Where& at);
void configure_packer_from(uint32_t old, uint32_t ring, const char* call, const Where& at);
void configure_accumulation(bool adds, const Where& at);

// ---- sections of DST ----

void acquire_dst(const Where& at);
void commit_dst(const Where& at);
void wait_dst(const Where& at);
void release_dst(const Where& at);

// ---- the matrix unit ----

// Columns, rows and depth of a block, in tiles.
struct Block {
    bool transpose = false;
    uint32_t columns = 1, rows = 1, depth = 1;
    bool operator==(const Block&) const = default;
};

void init_matmul(uint32_t a, uint32_t b, const Block& block, const char* call, const Where& at);
// Adds to tiles `dst ..` of DST the product of the column of tiles `a_tile`, `a_tile + depth`,
// .. and the row of tiles `b_tile`, `b_tile + 1`, ..
void matmul(uint32_t a, uint32_t b, uint32_t a_tile, uint32_t b_tile, uint32_t dst,
            const Block& block, const char* call, const Where& at);
// The same for one tile; what the init said of transposition holds.
void matmul_tile(uint32_t a, uint32_t b, uint32_t a_tile, uint32_t b_tile, uint32_t dst,
                 const char* call, const Where& at);

enum class Binary : uint8_t { Add, Subtract, Multiply };
// What of a tile of b is used for all of a tile of a.
enum class Broadcast : uint8_t { None, Rows, Columns, Scalar };

void init_binary(Binary op, Broadcast broadcast, uint32_t a, uint32_t b, const char* call,
                 const Where& at);
void binary(Binary op, Broadcast broadcast, uint32_t a, uint32_t b, uint32_t a_tile,
            uint32_t b_tile, uint32_t dst, const char* call, const Where& at);

// ---- copies ----

void init_copy(uint32_t ring, bool transpose, const char* call, const Where& at);
void copy(uint32_t ring, uint32_t tile, uint32_t dst, bool transpose, const char* call,
          const Where& at);

// ---- rows of elements to tiles and back ----
// A strip is 32 rows of elements, as wide as some tiles, and takes as many pages as these.

// From now on the unpacker takes strips of `tiles` tiles, until `end_tilize`.
void init_tilize(uint32_t ring, uint32_t tiles, uint32_t out, const Where& at);
void end_tilize(uint32_t ring, uint32_t out, const Where& at);
// Makes tiles of the strip that begins with page `page`, by way of DST, and packs them to
// pages `to ..`.
void tilize(uint32_t ring, uint32_t tiles, uint32_t out, uint32_t page, uint32_t to,
            const Where& at);

// From now on the packer makes strips of `width` tiles, of which it fills `tiles` columns of
// tiles at a time, until `end_untilize`.
void init_untilize(uint32_t tiles, uint32_t width, uint32_t out, const char* call, const Where& at);
void end_untilize(uint32_t out, const Where& at);
// Packs tiles `dst ..` of DST to `rows` strips, to the columns of block `block`.
void untilize(uint32_t tiles, uint32_t width, uint32_t out, uint32_t rows, uint32_t block,
              uint32_t dst, const char* call, const Where& at);

// ---- sums and maxima within a tile ----

enum class Pool : uint8_t { Sum, Largest };
// What becomes one: the elements of a row, of a column, or all.
enum class Along : uint8_t { Row, Column, All };

// Prepares the pooling of tiles of `ring` with factors from `scaler`. From now on the packer
// keeps only the column, the row or the element that holds results, until `end_reduce`.
void init_reduce(Pool pool, Along along, uint32_t ring, uint32_t scaler, const char* call,
                 const Where& at);
void end_reduce(const Where& at);
// Adds to tile `dst` of DST (or takes the largest of it and) what becomes of a tile.
void reduce(Pool pool, Along along, uint32_t ring, uint32_t scaler, uint32_t tile,
            uint32_t scaler_tile, uint32_t dst, const char* call, const Where& at);

// ---- top-k: values in tiles 0 and 1 of DST, indices in tiles 2 and 3 ----

// Phases of a sort. Steps count if there is one phase.
struct Phases {
    uint32_t first, last, first_step, last_step;
};

void init_topk(const Where& at);
void topk_sort(uint32_t idst, bool ascending, const Phases& phases, const Where& at);
void topk_merge(uint32_t idst, bool least, int iteration, int k, const Where& at);
void topk_rebuild(uint32_t idst, bool ascending, int iteration, int k, int log_k, bool first_only,
                  const Where& at);

// ---- the packer ----

// In order: to the next page that was not packed since the last push.
void pack_next(uint32_t dst, uint32_t ring, const char* call, const Where& at);
void pack_to(uint32_t dst, uint32_t ring, uint32_t page, const char* call, const Where& at);
// Pushes pages of the compute kernel; packing in order starts anew.
void push_packed(uint32_t ring, uint32_t pages, const Where& at);

// ---- words ----

// Word `word` of the pages waited for, from the first word of page `tile` on.
uint32_t read_word(uint32_t ring, uint32_t tile, uint32_t word, const Where& at);

}  // namespace emu
