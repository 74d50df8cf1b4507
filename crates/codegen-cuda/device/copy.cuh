// Asynchronous copies of single elements into shared memory.
//
// A thread issues copies and then either has a barrier count them
// (barrier_arrive_after_copies) or commits and waits for groups. Where `valid`
// is false nothing is read and zeros are written, so the address may be any.
#ifndef TILEC_COPY_CUH
#define TILEC_COPY_CUH

#include "shared.cuh"

namespace tilec {

// Copies 4 bytes, through the first-level cache. PTX: cp.async.ca.
__device__ __forceinline__ void copy_4(u32 to, const void* from, bool valid) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from),
                 "r"(valid ? 4 : 0)
                 : "memory");
}

// Copies 8 bytes, through the first-level cache. PTX: cp.async.ca.
__device__ __forceinline__ void copy_8(u32 to, const void* from, bool valid) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from),
                 "r"(valid ? 8 : 0)
                 : "memory");
}

// Copies 16 bytes, past the first-level cache; both addresses are multiples of
// 16. PTX: cp.async.cg.
__device__ __forceinline__ void copy_16(u32 to, const void* from, bool valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
                 "r"(valid ? 16 : 0)
                 : "memory");
}

// Closes a group of this thread's copies. PTX: cp.async.commit_group.
__device__ __forceinline__ void copy_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until at most `Pending` groups are under way. PTX: cp.async.wait_group.
template <int Pending>
__device__ __forceinline__ void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace tilec

#endif
