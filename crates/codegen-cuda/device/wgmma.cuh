// What surrounds the matrix instructions of a warpgroup (128 threads, 64 rows).
//
// The instructions themselves are generated for the shapes and types that a
// kernel uses. They run asynchronously: fence, issue some, commit them as a
// group, wait for groups. Between the first of these and the wait nothing may
// touch the accumulators.
//
// Fragment of the accumulators of 64 x n: with t = thread in the warpgroup,
// element 4j + e of thread t lies in row 16 (t / 32) + (t % 32) / 4 + 8 (e / 2)
// and column 8j + 2 (t % 4) + e % 2.
#ifndef TILEC_WGMMA_CUH
#define TILEC_WGMMA_CUH

#include "shared.cuh"

namespace tilec {

// How rows of a tile lie in shared memory: the bytes of a row within which
// 16-byte units are permuted by the row's number modulo 8, as the copy engine
// does for the mode of the same name. The values are those of the descriptor.
enum class Swizzle : u32 { None = 0, Bytes128 = 1, Bytes64 = 2, Bytes32 = 3 };

// Describes an operand to the tensor core: its shared address (without the top
// bits), the distance in bytes between groups of 8 rows (`stride`) and between
// column units (`leading`, of meaning only where the mode has one), and the
// swizzle. Moving along k by 32 bytes within a 128-byte row adds 2.
__device__ __forceinline__ u64 matrix_descriptor(u32 address, u32 leading, u32 stride,
                                                 Swizzle swizzle) {
    return static_cast<u64>((address & 0x3ffffu) >> 4) | static_cast<u64>(leading >> 4) << 16 |
           static_cast<u64>(stride >> 4) << 32 | static_cast<u64>(swizzle) << 62;
}

// An operand whose rows are 128 bytes of k, swizzled in 128 bytes: its groups
// of 8 rows lie 1024 bytes apart. The address is a multiple of 1024.
__device__ __forceinline__ u64 rows_of_128_bytes(u32 address) {
    return matrix_descriptor(address, 16, 1024, Swizzle::Bytes128);
}

// An operand of 16-bit elements whose rows lie innermost: boxes of 64 rows by 64 of k,
// one after the other, each 64 lines of 128 bytes swizzled in 128 bytes. Moving along k
// by 16 adds 128. The address is a multiple of 1024.
__device__ __forceinline__ u64 boxes_of_64_rows(u32 address) {
    return matrix_descriptor(address, 64 * 128, 1024, Swizzle::Bytes128);
}

// Orders earlier accesses to registers and shared memory before the matrix
// instructions that follow. PTX: wgmma.fence.
__device__ __forceinline__ void wgmma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

// Closes a group of matrix instructions. PTX: wgmma.commit_group.
__device__ __forceinline__ void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Waits until at most `Pending` groups run. PTX: wgmma.wait_group.
template <int Pending>
__device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}

// Keeps the compiler from moving uses of accumulators across this point: it
// cannot see that a wait, and not the instruction, produces their values.
template <typename T, int Count>
__device__ __forceinline__ void pin(T (&accumulators)[Count]) {
#pragma unroll
    for (int i = 0; i < Count; ++i) {
        if constexpr (sizeof(T) == 4 && static_cast<T>(0.5f) != static_cast<T>(0)) {
            asm volatile("" : "+f"(accumulators[i])::"memory");
        } else {
            asm volatile("" : "+r"(accumulators[i])::"memory");
        }
    }
}

// Gives registers back to the block's pool, down to `Count` a thread. Every
// warp of the warpgroup does this. PTX: setmaxnreg.dec.
template <int Count>
__device__ __forceinline__ void registers_down() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}

// Takes registers from the block's pool, up to `Count` a thread, and waits
// until they are there. PTX: setmaxnreg.inc.
template <int Count>
__device__ __forceinline__ void registers_up() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}

}  // namespace tilec

#endif
