// Boxes of tensors between global and shared memory, moved by the copy engine.
//
// A tensor map describes up to five axes, the innermost first, and the box that
// one instruction moves. Out of range elements read as zeros and are not
// written. Coordinates are in elements, innermost first, and may lie outside.
// A load counts its bytes, zeros included, at a barrier; a store is waited for
// by groups. One thread issues each of these.
#ifndef TILEC_TMA_CUH
#define TILEC_TMA_CUH

#include "shared.cuh"

namespace tilec {

// What cuTensorMapEncodeTiled makes: the driver's CUtensorMap, byte for byte.
// Passed as a `const __grid_constant__` parameter of the kernel.
struct alignas(64) TensorMap {
    u64 opaque[16];
};

// Brings a tensor map near before its first use. PTX: prefetch.tensormap.
__device__ __forceinline__ void tma_prefetch(const TensorMap& map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// Loads a box of a matrix. PTX: cp.async.bulk.tensor.2d.
__device__ __forceinline__ void tma_load(u32 to, const TensorMap& map, u32 barrier, int x, int y) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
        "[%0], [%1, {%3, %4}], [%2];" ::"r"(to),
        "l"(&map), "r"(barrier), "r"(x), "r"(y)
        : "memory");
}

// Loads a box of one matrix of a batch. PTX: cp.async.bulk.tensor.3d.
__device__ __forceinline__ void tma_load(u32 to, const TensorMap& map, u32 barrier, int x, int y,
                                         int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes "
        "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(to),
        "l"(&map), "r"(barrier), "r"(x), "r"(y), "r"(z)
        : "memory");
}

// Loads a box into the same place of every block of the cluster whose bit is
// set in `blocks`, and counts its bytes at each one's own barrier.
// PTX: cp.async.bulk.tensor.2d.multicast::cluster.
__device__ __forceinline__ void tma_load_multicast(u32 to, const TensorMap& map, u32 barrier,
                                                   u16 blocks, int x, int y) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".multicast::cluster [%0], [%1, {%4, %5}], [%2], %3;" ::"r"(to),
        "l"(&map), "r"(barrier), "h"(blocks), "r"(x), "r"(y)
        : "memory");
}

// The same for one matrix of a batch.
// PTX: cp.async.bulk.tensor.3d.multicast::cluster.
__device__ __forceinline__ void tma_load_multicast(u32 to, const TensorMap& map, u32 barrier,
                                                   u16 blocks, int x, int y, int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".multicast::cluster [%0], [%1, {%4, %5, %6}], [%2], %3;" ::"r"(to),
        "l"(&map), "r"(barrier), "h"(blocks), "r"(x), "r"(y), "r"(z)
        : "memory");
}

// Stores a box of a matrix. PTX: cp.async.bulk.tensor.2d.global.shared::cta.
__device__ __forceinline__ void tma_store(const TensorMap& map, u32 from, int x, int y) {
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::
                     "l"(&map),
                 "r"(from), "r"(x), "r"(y)
                 : "memory");
}

// Stores a box of one matrix of a batch.
// PTX: cp.async.bulk.tensor.3d.global.shared::cta.
__device__ __forceinline__ void tma_store(const TensorMap& map, u32 from, int x, int y, int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(
            &map),
        "r"(from), "r"(x), "r"(y), "r"(z)
        : "memory");
}

// Closes a group of this thread's stores. PTX: cp.async.bulk.commit_group.
__device__ __forceinline__ void tma_store_commit() {
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

// Waits until all but the latest `Pending` groups have been read from shared
// memory, which may then be written again.
// PTX: cp.async.bulk.wait_group.read.
template <int Pending>
__device__ __forceinline__ void tma_store_wait() {
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Pending) : "memory");
}

// Waits until all but the latest `Pending` groups are complete and their
// writes can be seen. PTX: cp.async.bulk.wait_group.
template <int Pending>
__device__ __forceinline__ void tma_store_wait_done() {
    asm volatile("cp.async.bulk.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace tilec

#endif
