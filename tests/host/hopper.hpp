// What the device headers cluster.cuh, mbarrier.cuh, stream.cuh, tma.cuh and wgmma.cuh do,
// on the host: the copy engine copies at once and counts its bytes, barriers switch to
// the next fiber, and each thread computes its own part of a matrix instruction when it
// is issued. So what is shown is that the right bytes meet the right ones; that
// something is waited for is shown only where another fiber must run first.
#pragma once

#include <map>
#include <utility>

#include "matrix.hpp"

#define TILEC_CLUSTER_CUH
#define TILEC_MBARRIER_CUH
#define TILEC_STREAM_CUH
#define TILEC_TMA_CUH
#define TILEC_WGMMA_CUH

namespace host {

[[noreturn]] inline void fail(const char* what, unsigned where) {
    std::fprintf(stderr, "block %u, thread %u: %s (%u)\n", blockIdx.x, threadIdx.x, what, where);
    std::exit(1);
}

// An address of a peer holds its rank + 1 above the 20 bits of the address.
inline int rank_of(unsigned address) {
    return address >> 20 == 0 ? member : static_cast<int>(address >> 20) - 1;
}
inline unsigned char* at(unsigned address, unsigned bytes) {
    const unsigned offset = address & 0xfffffu;
    if (rank_of(address) >= members) fail("no such block in the cluster", address);
    if (offset + bytes > sizeof own().shared) fail("outside of shared memory", address);
    return blocks[rank_of(address)].shared + offset;
}

struct Counter {
    long long expected = 0, pending = 0, bytes = 0;
    unsigned phase = 0;
    void settle() {
        if (pending > 0 || bytes != 0) return;
        pending = expected;
        ++phase;
        moved = true;
    }
};
static std::map<std::pair<int, unsigned>, Counter> counters;
// The phase of the cluster's barrier in which each thread arrived.
static long long phases[most_members * 1024];

inline Counter& counter(unsigned address) {
    const auto found = counters.find({rank_of(address), address & 0xfffffu});
    if (found == counters.end()) fail("a barrier that was not set up", address);
    return found->second;
}
inline void arrive(unsigned address) {
    Counter& barrier = counter(address);
    if (--barrier.pending < 0) fail("one arrival too many", address);
    barrier.settle();
}
inline void come(unsigned address, long long bytes) {
    Counter& barrier = counter(address);
    barrier.bytes -= bytes;
    barrier.settle();
}

// A tensor map: sizes and boxes, innermost first.
struct Map {
    unsigned char* base;
    int element, rank, swizzle;
    long long sizes[5], strides[5], box[5];
};
static std::vector<Map> maps;

// Where a byte lies, counted from a multiple of 1024, after the swizzle.
inline unsigned swizzled(unsigned address, int bytes) {
    const unsigned mask = bytes == 128 ? 7 : bytes == 64 ? 3 : bytes == 32 ? 1 : 0;
    return address ^ ((address >> 7 & mask) << 4);
}

// Moves a box between shared and global memory; gives its bytes.
inline long long move_box(const Map& map, unsigned shared, const int (&from)[5], bool load) {
    if (shared % (map.swizzle == 0 ? 128 : 8 * map.swizzle) != 0) fail("a box is not aligned", shared);
    long long count = 1;
    for (int axis = 0; axis < map.rank; ++axis) count *= map.box[axis];
    for (long long i = 0; i < count; ++i) {
        long long left = i, offset = 0;
        bool inside = true;
        for (int axis = 0; axis < map.rank; ++axis) {
            const long long x = from[axis] + left % map.box[axis];
            left /= map.box[axis];
            inside = inside && x >= 0 && x < map.sizes[axis];
            offset += x * (axis == 0 ? map.element : map.strides[axis]);
        }
        const unsigned place = shared + static_cast<unsigned>(i) * map.element;
        unsigned char* const here = at(swizzled(place, map.swizzle), map.element);
        if (load && inside) std::memcpy(here, map.base + offset, map.element);
        else if (load) std::memset(here, 0, map.element);
        else if (inside) std::memcpy(map.base + offset, here, map.element);
    }
    return count * map.element;
}

// The value of an operand at a row and a byte of k (or, where rows lie innermost, at an
// element of k).
template <class T, bool KInner>
auto operand(unsigned long long descriptor, int row, int k) {
    const auto field = [&](int shift) { return static_cast<unsigned>(descriptor >> shift & 0x3fff) << 4; };
    const unsigned start = field(0), leading = field(16), stride = field(32);
    if (descriptor >> 62 != 1) fail("an operand that is not swizzled in 128 bytes", start);
    const unsigned place = KInner ? start + row / 8 * stride + row % 8 * 128 + k * T::bytes
                                  : start + row / 64 * leading + k / 8 * stride + k % 8 * 128 +
                                        row % 64 * T::bytes;
    return T::value(at(swizzled(place, 128), T::bytes));
}

template <class A, bool AInner, class B, bool BInner, class Sum, int Count>
void wgmma(Sum (&sums)[Count], unsigned long long a, unsigned long long b, bool add) {
    const int thread = running % 128, first = thread / 32 * 16 + thread % 32 / 4;
    constexpr int depth = 32 / A::bytes;
    Sum rows[2][depth];
    for (int k = 0; k < depth; ++k) {
        for (int half = 0; half < 2; ++half) {
            rows[half][k] = operand<A, AInner>(a, first + 8 * half, k);
        }
    }
    for (int i = 0; i < Count; i += 4) {
        for (int odd = 0; odd < 2; ++odd) {
            const int column = 2 * i + thread % 4 * 2 + odd;
            Sum upper = add ? sums[i + odd] : 0, lower = add ? sums[i + 2 + odd] : 0;
            for (int k = 0; k < depth; ++k) {
                const Sum value = operand<B, BInner>(b, column, k);
                upper += rows[0][k] * value;
                lower += rows[1][k] * value;
            }
            sums[i + odd] = upper;
            sums[i + 2 + odd] = lower;
        }
    }
}

}  // namespace host

namespace tilec {

inline bool elect_one() { return lane() == 0; }
inline void fence_shared_to_async() {}
inline void named_arrive(int id, int threads) {
    host::Barrier& barrier = host::own().named[id];
    barrier.expected = threads;
    ++barrier.arrived;
    host::moved = true;
    barrier.complete();
}
inline void named_sync(int id, int threads) {
    host::own().named[id].expected = threads;
    host::wait(host::own().named[id]);
}

inline u32 cluster_rank() { return static_cast<u32>(host::member); }
inline void cluster_sync() { host::wait(host::cluster); }
inline void cluster_arrive() {
    host::phases[host::member * blockDim.x + threadIdx.x] = host::cluster.phase;
    ++host::cluster.arrived;
    host::moved = true;
    host::cluster.complete();
}
inline void cluster_wait() {
    const long long phase = host::phases[host::member * blockDim.x + threadIdx.x];
    while (host::cluster.phase == phase) host::step_aside();
    host::moved = true;
}
inline u32 cluster_address(u32 address, u32 rank) { return (rank + 1) << 20 | address; }
inline float cluster_load(u32 from) {
    float value;
    std::memcpy(&value, host::at(from, 4), 4);
    return value;
}
inline float4 cluster_load4(u32 from) {
    float4 value;
    std::memcpy(&value, host::at(from, 16), 16);
    return value;
}
inline void cluster_store(u32 to, float value) { std::memcpy(host::at(to, 4), &value, 4); }
inline void cluster_store4(u32 to, float4 value) { std::memcpy(host::at(to, 16), &value, 16); }

inline void barrier_init(u32 barrier, u32 arrivals) {
    host::counters[{host::member, barrier}] = {arrivals, arrivals, 0, 0};
}
inline void barrier_init_fence() {}
inline void barrier_expect(u32 barrier, u32 bytes) {
    host::counter(barrier).bytes += bytes;
    host::arrive(barrier);
}
inline void barrier_arrive(u32 barrier) { host::arrive(barrier); }
inline void barrier_arrive_at(u32 barrier, u32 rank) { host::arrive(cluster_address(barrier, rank)); }
inline void barrier_free_at(u32 barrier, u32 rank) { host::arrive(cluster_address(barrier, rank)); }
inline void barrier_arrive_after_copies(u32 barrier) { host::arrive(barrier); }
inline void barrier_wait(u32 barrier, u32 parity) {
    while ((host::counter(barrier).phase & 1) == parity) host::step_aside();
    host::moved = true;
}
inline void barrier_wait_cluster(u32 barrier, u32 parity) { barrier_wait(barrier, parity); }

struct alignas(64) TensorMap {
    u64 opaque[16];
};
inline const host::Map& described(const TensorMap& map) {
    if (map.opaque[0] == 0) host::fail("a tensor map that was not made", 0);
    return host::maps[map.opaque[0] - 1];
}
inline void tma_prefetch(const TensorMap&) {}
inline void tma_load(u32 to, const TensorMap& map, u32 barrier, int x, int y, int z = 0) {
    const int from[5] = {x, y, z};
    host::come(barrier, host::move_box(described(map), to, from, true));
}
inline void tma_load_multicast(u32 to, const TensorMap& map, u32 barrier, u16 blocks, int x, int y,
                               int z = 0) {
    for (u32 rank = 0; rank < 16; ++rank) {
        if (blocks >> rank & 1) {
            tma_load(cluster_address(to, rank), map, cluster_address(barrier, rank), x, y, z);
        }
    }
}
inline u64 read_once() { return 0; }
inline void tma_stream(u32 to, const TensorMap& map, u32 barrier, u64, int x, int y, int z = 0) {
    tma_load(to, map, barrier, x, y, z);
}
inline void tma_stream_multicast(u32 to, const TensorMap& map, u32 barrier, u16 blocks, u64, int x,
                                 int y, int z = 0) {
    tma_load_multicast(to, map, barrier, blocks, x, y, z);
}
inline void tma_store(const TensorMap& map, u32 from, int x, int y, int z = 0) {
    const int to[5] = {x, y, z};
    host::move_box(described(map), from, to, false);
}
inline void tma_store_commit() {}
template <int Pending>
void tma_store_wait() {}
template <int Pending>
void tma_store_wait_done() {}

enum class Swizzle : u32 { None = 0, Bytes128 = 1, Bytes64 = 2, Bytes32 = 3 };
inline u64 matrix_descriptor(u32 address, u32 leading, u32 stride, Swizzle swizzle) {
    return static_cast<u64>((address & 0x3ffffu) >> 4) | static_cast<u64>(leading >> 4) << 16 |
           static_cast<u64>(stride >> 4) << 32 | static_cast<u64>(swizzle) << 62;
}
inline u64 rows_of_128_bytes(u32 address) {
    return matrix_descriptor(address, 16, 1024, Swizzle::Bytes128);
}
inline u64 boxes_of_64_rows(u32 address) {
    return matrix_descriptor(address, 64 * 128, 1024, Swizzle::Bytes128);
}
inline void wgmma_fence() {}
inline void wgmma_commit() {}
template <int Pending>
void wgmma_wait() {}
template <typename T, int Count>
void pin(T (&)[Count]) {}
template <int Count>
void registers_down() {}
template <int Count>
void registers_up() {}

}  // namespace tilec

namespace host {

// A tensor map as the driver would make one; all zeros over a dimension of 0.
inline tilec::TensorMap map(unsigned char* base, int element, int swizzle,
                            std::initializer_list<long long> sizes,
                            std::initializer_list<long long> strides,
                            std::initializer_list<long long> box) {
    Map map{base, element, static_cast<int>(sizes.size()), swizzle, {}, {}, {}};
    std::copy(sizes.begin(), sizes.end(), map.sizes);
    std::copy(strides.begin(), strides.end(), map.strides + 1);
    std::copy(box.begin(), box.end(), map.box);
    tilec::TensorMap made{};
    for (const long long size : sizes) {
        if (size == 0) return made;
    }
    for (const long long stride : strides) {
        if (stride % 16 != 0) fail("a stride of a tensor map is no multiple of 16", 0);
    }
    maps.push_back(map);
    made.opaque[0] = maps.size();
    return made;
}

}  // namespace host
