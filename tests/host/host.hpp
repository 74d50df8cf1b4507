// Just enough of CUDA to run emitted functions on the host: every thread of a block
// is a fiber where they wait for each other, and one cluster (mostly of one block) runs
// after the other.
//
// Barriers and shuffles switch to the next fiber until all that take part are there.
// Where none can go on, the block has deadlocked and the program ends with an error.
// Every tensor is an allocation of its own, for a sanitizer to watch.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include <ucontext.h>

#define __CUDACC_RTC__
#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)
#define __grid_constant__

struct Dim3 {
    unsigned x, y, z;
};
static Dim3 threadIdx, blockIdx, blockDim, gridDim;

struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

template <typename To, typename From>
To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline float __int_as_float(int x) { return same_bits<float>(x); }
inline int __float_as_int(float x) { return same_bits<int>(x); }
inline double __longlong_as_double(long long x) { return same_bits<double>(x); }
inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline int __float2int_rz(float x) {
    if (x != x) return 0;
    if (x >= 2147483648.0f) return 2147483647;
    if (x < -2147483648.0f) return -2147483647 - 1;
    return static_cast<int>(x);
}
template <typename T>
T __ldg(const T* from) {
    return *from;
}
template <typename T>
T min(T a, T b) {
    return b < a ? b : a;
}
inline int min(int a, long long b) { return b < a ? static_cast<int>(b) : a; }
template <typename T>
T max(T a, T b) {
    return a < b ? b : a;
}

namespace host {

// Where some fibers wait for each other.
struct Barrier {
    int expected = 0, arrived = 0;
    long long phase = 0;
    bool complete() {
        if (arrived < expected || expected == 0) return false;
        arrived = 0;
        ++phase;
        return true;
    }
};

struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool done = false;
};

// What the threads of a block share.
struct Block {
    Barrier all;
    Barrier warps[32];
    Barrier named[16];
    unsigned char exchanged[1024][16];
    // What each lane gives to an instruction of its warp.
    unsigned given[32][32][8];
    alignas(1024) unsigned char shared[256 << 10];
};

constexpr int stack_bytes = 256 << 10;
constexpr int most_members = 16;
static std::vector<std::unique_ptr<Fiber>> fibers;
static ucontext_t scheduler;
// The thread that runs, and its block's rank in the cluster.
static int running, member;
static int members = 1;
static bool moved;
static Block blocks[most_members];
static Barrier cluster;
static const std::function<void()>* body;

inline Block& own() { return blocks[member]; }

inline void finish() {
    (*body)();
    fibers[member * blockDim.x + running]->done = true;
    moved = true;
    for (Barrier* barrier : {&own().all, &own().warps[running / 32], &cluster}) {
        --barrier->expected;
        barrier->complete();
    }
}

// Lets others run.
inline void step_aside() {
    const Dim3 thread = threadIdx, block = blockIdx;
    const int me = running, rank = member;
    swapcontext(&fibers[rank * blockDim.x + me]->context, &scheduler);
    threadIdx = thread, blockIdx = block;
    running = me, member = rank;
}

inline void wait(Barrier& barrier) {
    if (running < 0) {
        std::fprintf(stderr, "threads wait for each other that run one after the other\n");
        std::exit(1);
    }
    const long long phase = barrier.phase;
    ++barrier.arrived;
    moved = true;
    if (barrier.complete()) return;
    while (barrier.phase == phase) step_aside();
    moved = true;
}

inline void begin(Block& block, int threads) {
    block.all = Barrier{threads};
    for (int warp = 0; warp < 32; ++warp) {
        const int left = threads - warp * 32;
        block.warps[warp] = Barrier{left < 0 ? 0 : left > 32 ? 32 : left};
    }
    for (Barrier& barrier : block.named) barrier = Barrier{};
    std::memset(block.shared, 0xc5, sizeof block.shared);
}

inline void begin(Fiber& fiber) {
    fiber.done = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = &scheduler;
    makecontext(&fiber.context, finish, 0);
}

// Runs the blocks from `first` on that are one cluster.
inline void run_cluster(long long first, int threads) {
    const int all = members * threads;
    cluster = Barrier{all};
    for (int rank = 0; rank < members; ++rank) begin(blocks[rank], threads);
    while (static_cast<int>(fibers.size()) < all) {
        fibers.push_back(std::make_unique<Fiber>());
        fibers.back()->stack.reset(new char[stack_bytes]);
    }
    for (int at = 0; at < all; ++at) begin(*fibers[at]);
    for (bool alive = true; alive;) {
        alive = moved = false;
        for (int at = 0; at < all; ++at) {
            if (fibers[at]->done) continue;
            alive = true;
            member = at / threads, running = at % threads;
            blockIdx = Dim3{static_cast<unsigned>(first + member), 0, 0};
            threadIdx = Dim3{static_cast<unsigned>(running), 0, 0};
            swapcontext(&scheduler, &fibers[at]->context);
        }
        if (alive && !moved) {
            std::fprintf(stderr, "block %lld has deadlocked\n", first);
            std::exit(1);
        }
    }
}

// Runs the threads one after the other.
inline void run_apart(int threads) {
    running = -1;
    for (int thread = 0; thread < threads; ++thread) {
        threadIdx = Dim3{static_cast<unsigned>(thread), 0, 0};
        (*body)();
    }
}

inline void launch(long long grid, int threads, int in_cluster, bool together,
                   const std::function<void()>& function) {
    body = &function;
    members = in_cluster;
    blockDim = Dim3{static_cast<unsigned>(threads), 1, 1};
    gridDim = Dim3{static_cast<unsigned>(grid), 1, 1};
    for (long long at = 0; at < grid; at += in_cluster) {
        blockIdx = Dim3{static_cast<unsigned>(at), 0, 0};
        together ? run_cluster(at, threads) : run_apart(threads);
    }
}

template <typename T>
T exchange(T value, int from) {
    if (running < 0) wait(own().all);
    static_assert(sizeof(T) <= 16, "the slots are that large");
    const int me = running, warp = me / 32;
    std::memcpy(own().exchanged[me], &value, sizeof value);
    wait(own().warps[warp]);
    T result;
    std::memcpy(&result, own().exchanged[warp * 32 + from], sizeof result);
    wait(own().warps[warp]);
    return result;
}

// Memory of exactly so many bytes, full of garbage.
struct Memory {
    unsigned char* bytes;
    explicit Memory(size_t count) : bytes(static_cast<unsigned char*>(std::malloc(count))) {
        std::memset(bytes, 0xc5, count);
    }
    Memory(const Memory&) = delete;
    ~Memory() { std::free(bytes); }
    void read(size_t count) const {
        if (std::fread(bytes, 1, count, stdin) != count) std::exit(3);
    }
    void write(size_t count) const { std::fwrite(bytes, 1, count, stdout); }
};

// An address of whatever the parameter points to.
struct Pointer {
    unsigned char* at;
    template <typename T>
    operator T*() const {
        return reinterpret_cast<T*>(at);
    }
};

// A value of whatever type the parameter has.
struct Value {
    const unsigned char* at;
    template <typename T>
    operator T() const {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
};

}  // namespace host

inline void __syncthreads() { host::wait(host::own().all); }
inline void __syncwarp(unsigned = 0xffffffffu) {
    host::wait(host::own().warps[host::running < 0 ? 0 : host::running / 32]);
}
template <typename T>
T __shfl_sync(unsigned, T value, int from) {
    return host::exchange(value, from & 31);
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int distance) {
    return host::exchange(value, (host::running & 31) ^ distance);
}
template <typename T>
T __shfl_up_sync(unsigned, T value, int distance) {
    const int lane = host::running & 31;
    return host::exchange(value, lane >= distance ? lane - distance : lane);
}
template <typename T>
T __shfl_down_sync(unsigned, T value, int distance) {
    const int lane = host::running & 31;
    return host::exchange(value, lane + distance < 32 ? lane + distance : lane);
}
