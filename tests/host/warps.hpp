// What the lanes of a warp tell each other, and what threads add up in memory.
#pragma once

#include "host.hpp"

inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }

namespace host {

// What all lanes of the warp give, folded from lane 0 on.
template <typename T, typename Fold>
T fold_warp(T value, T result, Fold fold) {
    if (running < 0) wait(own().all);
    const int warp = running / 32;
    std::memcpy(own().exchanged[running], &value, sizeof value);
    wait(own().warps[warp]);
    for (int lane = 0; lane < 32; ++lane) {
        T other;
        std::memcpy(&other, own().exchanged[warp * 32 + lane], sizeof other);
        result = fold(result, other, lane);
    }
    wait(own().warps[warp]);
    return result;
}

}  // namespace host

inline unsigned __ballot_sync(unsigned, bool test) {
    return host::fold_warp(test ? 1u : 0u, 0u, [](unsigned all, unsigned one, int lane) {
        return all | one << lane;
    });
}
inline bool __any_sync(unsigned mask, bool test) { return __ballot_sync(mask, test) != 0; }
inline unsigned __reduce_min_sync(unsigned, unsigned value) {
    return host::fold_warp(value, ~0u, [](unsigned a, unsigned b, int) { return b < a ? b : a; });
}
// Fibers change only where they wait, so nothing comes between.
template <typename T>
T atomicAdd(T* at, T more) {
    const T before = *at;
    *at += more;
    return before;
}

inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(x); }

namespace host {
static int any_of_block[most_members];
}

// Whether a test holds for some thread of the block.
inline int __syncthreads_or(int test) {
    int& any = host::any_of_block[host::member];
    if (test != 0) any = 1;
    __syncthreads();
    const int result = any;
    __syncthreads();
    any = 0;
    __syncthreads();
    return result;
}
