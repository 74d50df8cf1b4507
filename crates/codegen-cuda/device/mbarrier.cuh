// Barriers in shared memory that count arrivals and bytes: `full` and `empty`
// of a ring of buffers.
//
// A barrier completes a phase when its count of arrivals and the bytes that it
// was told to expect have both come; waiting names the parity of the phase.
// A ring of depth D starts with parity 0 at the consumer and 1 at the producer
// (the phase "before the first" counts as complete).
#ifndef TILEC_MBARRIER_CUH
#define TILEC_MBARRIER_CUH

#include "shared.cuh"

namespace tilec {

// Sets up a barrier for `arrivals` arrivals a phase. One thread does this, then
// barrier_init_fence, then the block (or the cluster) synchronizes.
// PTX: mbarrier.init.
__device__ __forceinline__ void barrier_init(u32 barrier, u32 arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals));
}

// Makes initialized barriers visible to the copy engine and to the other
// blocks of the cluster. PTX: fence.mbarrier_init.
__device__ __forceinline__ void barrier_init_fence() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// Arrives once and raises the bytes that the current phase waits for.
// PTX: mbarrier.arrive.expect_tx.
__device__ __forceinline__ void barrier_expect(u32 barrier, u32 bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
                 "r"(bytes)
                 : "memory");
}

// Arrives once. PTX: mbarrier.arrive.
__device__ __forceinline__ void barrier_arrive(u32 barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Arrives once at the same barrier of block `rank` of the cluster; this
// thread's writes before are released to it, through a fence of device scope.
// PTX: mapa, mbarrier.arrive.release.cluster.
__device__ __forceinline__ void barrier_arrive_at(u32 barrier, u32 rank) {
    asm volatile(
        "{\n\t.reg .b32 remote;\n\t"
        "mapa.shared::cluster.u32 remote, %0, %1;\n\t"
        "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n\t}" ::"r"(barrier),
        "r"(rank)
        : "memory");
}

// Arrives once at the same barrier of block `rank`, to say that this warp's
// matrix instructions have read a buffer that the copy engine may fill again.
// Only a wait for those instructions has to stand before it: it orders nothing
// else across the cluster, since that costs a fence of device scope, about a
// microsecond. PTX: mapa, mbarrier.arrive.shared::cluster.
__device__ __forceinline__ void barrier_free_at(u32 barrier, u32 rank) {
    asm volatile(
        "{\n\t.reg .b32 remote;\n\t"
        "mapa.shared::cluster.u32 remote, %0, %1;\n\t"
        "mbarrier.arrive.shared::cluster.b64 _, [remote];\n\t}" ::"r"(barrier),
        "r"(rank)
        : "memory");
}

// Arrives once when every cp.async that this thread has issued is complete.
// The barrier's count must include it. PTX: cp.async.mbarrier.arrive.noinc.
__device__ __forceinline__ void barrier_arrive_after_copies(u32 barrier) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier)
                 : "memory");
}

// True when the phase of this parity is complete; may wait a bounded time.
// PTX: mbarrier.try_wait.parity.
__device__ __forceinline__ bool barrier_try_wait(u32 barrier, u32 parity) {
    u32 done;
    asm volatile(
        "{\n\t.reg .pred p;\n\t"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\t"
        "selp.u32 %0, 1, 0, p;\n\t}"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
    return done != 0;
}

// Waits for the phase of this parity.
__device__ __forceinline__ void barrier_wait(u32 barrier, u32 parity) {
    while (!barrier_try_wait(barrier, parity)) {
    }
}

// The same where other blocks of the cluster arrive at the barrier: their
// accesses before the arrival happen before what follows.
// PTX: mbarrier.try_wait.parity.acquire.cluster.
__device__ __forceinline__ void barrier_wait_cluster(u32 barrier, u32 parity) {
    u32 done = 0;
    while (done == 0) {
        asm volatile(
            "{\n\t.reg .pred p;\n\t"
            "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n\t"
            "selp.u32 %0, 1, 0, p;\n\t}"
            : "=r"(done)
            : "r"(barrier), "r"(parity)
            : "memory");
    }
}

}  // namespace tilec

#endif
