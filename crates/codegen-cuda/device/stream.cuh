// Loads of boxes that nobody reads again.
//
// The same as tma_load and tma_load_multicast, but the lines that they bring into
// the second-level cache are the first to leave it: what streams through displaces
// itself, and neither what others read again nor results that wait to be written.
#ifndef TILEC_STREAM_CUH
#define TILEC_STREAM_CUH

#include "tma.cuh"

namespace tilec {

// A cache policy for what is read once. PTX: createpolicy.fractional.
__device__ __forceinline__ u64 read_once() {
    u64 policy;
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}

// Loads a box of a matrix. PTX: cp.async.bulk.tensor.2d.L2::cache_hint.
__device__ __forceinline__ void tma_stream(u32 to, const TensorMap& map, u32 barrier, u64 policy,
                                           int x, int y) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".L2::cache_hint [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(to),
        "l"(&map), "r"(barrier), "r"(x), "r"(y), "l"(policy)
        : "memory");
}

// Loads a box of one matrix of a batch.
// PTX: cp.async.bulk.tensor.3d.L2::cache_hint.
__device__ __forceinline__ void tma_stream(u32 to, const TensorMap& map, u32 barrier, u64 policy,
                                           int x, int y, int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".L2::cache_hint [%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(to),
        "l"(&map), "r"(barrier), "r"(x), "r"(y), "r"(z), "l"(policy)
        : "memory");
}

// Loads a box into every block of the cluster whose bit is set in `blocks`.
// PTX: cp.async.bulk.tensor.2d.multicast::cluster.L2::cache_hint.
__device__ __forceinline__ void tma_stream_multicast(u32 to, const TensorMap& map, u32 barrier,
                                                     u16 blocks, u64 policy, int x, int y) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".multicast::cluster.L2::cache_hint [%0], [%1, {%4, %5}], [%2], %3, %6;" ::"r"(to),
        "l"(&map), "r"(barrier), "h"(blocks), "r"(x), "r"(y), "l"(policy)
        : "memory");
}

// The same for one matrix of a batch.
// PTX: cp.async.bulk.tensor.3d.multicast::cluster.L2::cache_hint.
__device__ __forceinline__ void tma_stream_multicast(u32 to, const TensorMap& map, u32 barrier,
                                                     u16 blocks, u64 policy, int x, int y, int z) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".multicast::cluster.L2::cache_hint [%0], [%1, {%4, %5, %6}], [%2], %3, %7;" ::"r"(to),
        "l"(&map), "r"(barrier), "h"(blocks), "r"(x), "r"(y), "r"(z), "l"(policy)
        : "memory");
}

}  // namespace tilec

#endif
