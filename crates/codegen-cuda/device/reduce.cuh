// Reductions over the threads of a warp or of a block, always in the same order.
#ifndef TILEC_REDUCE_CUH
#define TILEC_REDUCE_CUH

#include "scalar.cuh"

namespace tilec {

struct Sum {
    __device__ __forceinline__ static float combine(float a, float b) { return a + b; }
    __device__ __forceinline__ static int combine(int a, int b) { return add(a, b); }
};
struct Prod {
    __device__ __forceinline__ static float combine(float a, float b) { return a * b; }
    __device__ __forceinline__ static int combine(int a, int b) { return multiply(a, b); }
};
struct Max {
    template <typename T>
    __device__ __forceinline__ static T combine(T a, T b) {
        return maximum(a, b);
    }
};
struct Min {
    template <typename T>
    __device__ __forceinline__ static T combine(T a, T b) {
        return minimum(a, b);
    }
};

// Over the 32 lanes of a warp, all of which call it; all get the result.
template <typename Op, typename T>
__device__ __forceinline__ T reduce_warp(T x) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        x = Op::combine(x, __shfl_xor_sync(0xffffffffu, x, distance));
    }
    return x;
}

// Over a block of `Threads`, whole warps, all of which call it; all get the
// result. `first` is what a reduction of nothing gives.
template <typename Op, int Threads, typename T>
__device__ __forceinline__ T reduce_block(T x, T first) {
    static_assert(Threads % 32 == 0 && Threads <= 1024, "a block is at most 32 whole warps");
    __shared__ T of_warp[Threads / 32];
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    x = reduce_warp<Op>(x);
    if (lane == 0) of_warp[warp] = x;
    __syncthreads();
    x = reduce_warp<Op>(lane < Threads / 32 ? of_warp[lane] : first);
    // The next reduction writes the same words.
    __syncthreads();
    return x;
}

// The sum of x over the threads before this one in a block of `Threads`, whole
// warps, all of which call it; `all` becomes the sum over all.
template <int Threads, typename T>
__device__ __forceinline__ T sum_before(T x, T& all) {
    static_assert(Threads % 32 == 0 && Threads <= 1024, "a block is at most 32 whole warps");
    __shared__ T of_warp[32];
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    // Not inclusive minus x, which would cancel and make NaN of infinities.
    T before = 0, upto = x;
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
        const T other = __shfl_up_sync(0xffffffffu, upto, distance);
        if (lane >= distance) {
            before = distance == 1 ? other : Sum::combine(other, before);
            upto = Sum::combine(other, upto);
        }
    }
    if (lane == 31) of_warp[warp] = upto;
    __syncthreads();
    T sum = 0, earlier = 0;
    for (int i = 0; i < Threads / 32; ++i) {
        if (i == warp) earlier = sum;
        sum = Sum::combine(sum, of_warp[i]);
    }
    all = sum;
    // The next call writes the same words.
    __syncthreads();
    return warp == 0 ? before : Sum::combine(earlier, before);
}

}  // namespace tilec

#endif
