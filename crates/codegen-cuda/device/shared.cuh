// Addresses in shared memory, and who am I within a block.
//
// Every instruction of Hopper that touches shared memory takes a 32-bit address
// in the window of the block. All other headers speak of shared memory through
// such addresses, so that no pointer is converted twice.
#ifndef TILEC_SHARED_CUH
#define TILEC_SHARED_CUH

namespace tilec {

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

// The 32-bit address of something in the shared memory of this block.
__device__ __forceinline__ u32 shared_address(const void* pointer) {
    return static_cast<u32>(__cvta_generic_to_shared(pointer));
}

// The warp's index in the block, in a register that the compiler knows to be
// the same for all 32 lanes, so that branches on it do not diverge.
__device__ __forceinline__ int uniform_warp() {
    return __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32, 0);
}

// Lane within the warp, 0 to 31.
__device__ __forceinline__ int lane() {
    return static_cast<int>(threadIdx.x) % 32;
}

// True in exactly one lane of a converged warp. PTX: elect.sync.
__device__ __forceinline__ bool elect_one() {
    u32 chosen;
    asm volatile(
        "{\n\t.reg .pred p;\n\t"
        "elect.sync _|p, 0xffffffff;\n\t"
        "selp.u32 %0, 1, 0, p;\n\t}"
        : "=r"(chosen));
    return chosen != 0;
}

// Makes what this thread wrote to shared memory by ordinary stores visible to
// the copy engine and the tensor cores. PTX: fence.proxy.async.shared::cta.
__device__ __forceinline__ void fence_shared_to_async() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Waits until `threads` threads have come to barrier `id` (1 to 15; 0 is that
// of __syncthreads). PTX: bar.sync.
__device__ __forceinline__ void named_sync(int id, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Counts toward barrier `id` without waiting. PTX: bar.arrive.
__device__ __forceinline__ void named_arrive(int id, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

}  // namespace tilec

#endif
