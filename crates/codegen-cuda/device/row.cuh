// Reductions over the threads that share a row, in a fixed order.
//
// Lanes exchange their parts pairwise, then warps through shared memory. Each
// operation gives the same bits whichever side comes first, so all threads of a
// row end with the same value, and with the same one in every run.
#ifndef TILEC_ROW_CUH
#define TILEC_ROW_CUH

#include "reduce.cuh"

namespace tilec {

// Over `Lanes` neighboring lanes, a power of two up to 32; the whole warp calls it.
template <typename Op, int Lanes, typename T>
__device__ __forceinline__ T reduce_lanes(T x) {
#pragma unroll
    for (int distance = Lanes / 2; distance > 0; distance /= 2) {
        x = Op::combine(x, __shfl_xor_sync(0xffffffffu, x, distance));
    }
    return x;
}

// Over `Threads` neighboring threads: a power of two up to 32, or whole warps. The
// whole block calls it. `of_warp` has a place for each warp of the block, and
// nothing else uses it until the block synchronizes again.
template <typename Op, int Threads, typename T>
__device__ __forceinline__ T reduce_row(T x, T* of_warp) {
    constexpr int warps = Threads / 32;
    const int warp = static_cast<int>(threadIdx.x) / 32;
    x = reduce_lanes<Op, 32>(x);
    if (threadIdx.x % 32 == 0) of_warp[warp] = x;
    __syncthreads();
    const T* parts = of_warp + warp / warps * warps;
    x = parts[0];
#pragma unroll
    for (int other = 1; other < warps; ++other) x = Op::combine(x, parts[other]);
    return x;
}

}  // namespace tilec

#endif
