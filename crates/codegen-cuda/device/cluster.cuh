// Blocks that run together and see each other's shared memory.
//
// The rank of a block and the addresses of its peers; a barrier over all
// threads of the cluster. A block must not leave while a peer may still read,
// write or signal its shared memory: cluster_sync is the last thing it does.
#ifndef TILEC_CLUSTER_CUH
#define TILEC_CLUSTER_CUH

#include "shared.cuh"

namespace tilec {

// This block's rank in its cluster. PTX: %cluster_ctarank.
__device__ __forceinline__ u32 cluster_rank() {
    u32 rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

// Counts this thread at the cluster's barrier; its writes before are released.
// PTX: barrier.cluster.arrive.
__device__ __forceinline__ void cluster_arrive() {
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}

// Waits until all threads of the cluster have arrived.
// PTX: barrier.cluster.wait.
__device__ __forceinline__ void cluster_wait() {
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// Both, for every thread of the cluster.
__device__ __forceinline__ void cluster_sync() {
    cluster_arrive();
    cluster_wait();
}

// The cluster-wide address of a shared address as block `rank` sees it.
// PTX: mapa.
__device__ __forceinline__ u32 cluster_address(u32 address, u32 rank) {
    u32 remote;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(address), "r"(rank));
    return remote;
}

// Reads one float at a cluster-wide address. PTX: ld.shared::cluster.
__device__ __forceinline__ float cluster_load(u32 remote) {
    float value;
    asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(value) : "r"(remote) : "memory");
    return value;
}

// Reads four floats at a cluster-wide address aligned to 16 bytes.
// PTX: ld.shared::cluster.v4.
__device__ __forceinline__ float4 cluster_load4(u32 remote) {
    float4 v;
    asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                 : "r"(remote)
                 : "memory");
    return v;
}

// Writes one float at a cluster-wide address. PTX: st.shared::cluster.
__device__ __forceinline__ void cluster_store(u32 remote, float value) {
    asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(remote), "f"(value) : "memory");
}

// Writes four floats at a cluster-wide address aligned to 16 bytes.
// PTX: st.shared::cluster.v4.
__device__ __forceinline__ void cluster_store4(u32 remote, float4 v) {
    asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(remote), "f"(v.x),
                 "f"(v.y), "f"(v.z), "f"(v.w)
                 : "memory");
}

}  // namespace tilec

#endif
