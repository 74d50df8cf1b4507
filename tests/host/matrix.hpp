// What the device headers copy.cuh, matrix.cuh, mma.cuh and shared.cuh do, on the host:
// copies happen at once, and a warp's matrix instructions are plain loops over what its
// lanes hold. Written from the layouts that those headers describe.
#pragma once

#include "host.hpp"

#define TILEC_COPY_CUH
#define TILEC_MATRIX_CUH
#define TILEC_MMA_CUH
#define TILEC_SHARED_CUH

namespace host {

inline unsigned (&lanes())[32][8] { return own().given[running / 32]; }
inline void meet() { wait(own().warps[running / 32]); }

inline unsigned read_word(unsigned at) {
    unsigned word;
    std::memcpy(&word, own().shared + at, 4);
    return word;
}

inline float small_float(unsigned code, int mantissa, int exponent, int bias, bool infinities) {
    const unsigned all = (1u << (mantissa + exponent)) - 1, size = code & all;
    const unsigned top = all >> mantissa << mantissa;
    const float sign = code >> (mantissa + exponent) & 1 ? -1.0f : 1.0f;
    if (infinities && size == top) return sign * INFINITY;
    if (infinities ? size > top : size == all) return NAN;
    const int power = static_cast<int>(size >> mantissa);
    const int fraction = static_cast<int>(size & ((1u << mantissa) - 1));
    const int whole = power == 0 ? fraction : fraction + (1 << mantissa);
    return sign * std::ldexp(static_cast<float>(whole), (power == 0 ? 1 : power) - bias - mantissa);
}

struct Bf16 {
    static constexpr int bytes = 2;
    static float value(const unsigned char* at) {
        unsigned short bits;
        std::memcpy(&bits, at, 2);
        return same_bits<float>(static_cast<unsigned>(bits) << 16);
    }
};
struct F16 {
    static constexpr int bytes = 2;
    static float value(const unsigned char* at) {
        unsigned short bits;
        std::memcpy(&bits, at, 2);
        return small_float(bits, 10, 5, 15, true);
    }
};
struct E4m3 {
    static constexpr int bytes = 1;
    static float value(const unsigned char* at) { return small_float(*at, 3, 4, 7, false); }
};
struct E5m2 {
    static constexpr int bytes = 1;
    static float value(const unsigned char* at) { return small_float(*at, 2, 5, 15, true); }
};
struct Tf32 {
    static constexpr int bytes = 4;
    static float value(const unsigned char* at) {
        unsigned bits;
        std::memcpy(&bits, at, 4);
        if ((bits & 0x7fffffffu) < 0x7f800000u) bits += 0x1000u;
        return same_bits<float>(bits & 0xffffe000u);
    }
};
struct I8 {
    static constexpr int bytes = 1;
    static int value(const unsigned char* at) { return static_cast<signed char>(*at); }
};
struct U8 {
    static constexpr int bytes = 1;
    static int value(const unsigned char* at) { return *at; }
};

// D += A B of one warp, as mma.cuh lays it out.
template <class SumType, class A, class B>
struct Mma {
    using Sum = SumType;
    static void step(Sum (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
        const int lane = running % 32, g = lane / 4, t = lane % 4;
        auto& all = lanes();
        std::memcpy(all[lane], a, sizeof a);
        std::memcpy(all[lane] + 4, b, sizeof b);
        meet();
        for (int e = 0; e < 4; ++e) {
            const int row = e / 2, column = 2 * t + e % 2;
            unsigned char left[32], right[32];
            for (int q = 0; q < 4; ++q) {
                for (int half = 0; half < 2; ++half) {
                    std::memcpy(left + 16 * half + 4 * q, &all[4 * g + q][2 * half + row], 4);
                    std::memcpy(right + 16 * half + 4 * q, &all[4 * column + q][4 + half], 4);
                }
            }
            Sum sum = d[e];
            for (int k = 0; k < 32 / A::bytes; ++k) {
                sum += A::value(left + k * A::bytes) * B::value(right + k * B::bytes);
            }
            d[e] = sum;
        }
        meet();
    }
};

}  // namespace host

namespace tilec {

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

inline u32 shared_address(const void* pointer) {
    return static_cast<u32>(static_cast<const unsigned char*>(pointer) - host::own().shared);
}
inline int uniform_warp() { return static_cast<int>(threadIdx.x) / 32; }
inline int lane() { return static_cast<int>(threadIdx.x) % 32; }

inline void copy_at_once(u32 to, const void* from, bool valid, int bytes) {
    if (valid && reinterpret_cast<uintptr_t>(from) % bytes != 0) {
        std::fprintf(stderr, "a copy of %d bytes is not aligned\n", bytes);
        std::exit(1);
    }
    if (valid) std::memcpy(host::own().shared + to, from, bytes);
    else std::memset(host::own().shared + to, 0, bytes);
}
inline void copy_4(u32 to, const void* from, bool valid) { copy_at_once(to, from, valid, 4); }
inline void copy_8(u32 to, const void* from, bool valid) { copy_at_once(to, from, valid, 8); }
inline void copy_16(u32 to, const void* from, bool valid) { copy_at_once(to, from, valid, 16); }
inline void copy_commit() {}
template <int Pending>
void copy_wait() {}

inline void load_matrices(u32 (&to)[4], u32 row_address) {
    auto& all = host::lanes();
    all[lane()][0] = row_address;
    host::meet();
    for (int j = 0; j < 4; ++j) {
        to[j] = host::read_word(all[8 * j + lane() / 4][0] + 4 * (lane() % 4));
    }
    host::meet();
}

inline void load_matrices_transposed(u32 (&to)[4], u32 row_address) {
    auto& all = host::lanes();
    all[lane()][0] = row_address;
    host::meet();
    for (int j = 0; j < 4; ++j) {
        to[j] = 0;
        for (int half = 0; half < 2; ++half) {
            unsigned short element;
            const u32 row = all[8 * j + 2 * (lane() % 4) + half][0];
            std::memcpy(&element, host::own().shared + row + 2 * (lane() / 4), 2);
            to[j] |= static_cast<u32>(element) << (16 * half);
        }
    }
    host::meet();
}

inline void store_matrices(u32 row_address, u32 a, u32 b, u32 c, u32 d) {
    auto& all = host::lanes();
    all[lane()][0] = row_address;
    host::meet();
    const u32 given[4] = {a, b, c, d};
    for (int j = 0; j < 4; ++j) {
        const u32 to = all[8 * j + lane() / 4][0] + 4 * (lane() % 4);
        std::memcpy(host::own().shared + to, &given[j], 4);
    }
    host::meet();
}
inline u32 swizzle_128(u32 row, u32 column) { return row * 128 + (column ^ (row % 8 * 16)); }

using MmaBf16 = host::Mma<float, host::Bf16, host::Bf16>;
using MmaF16 = host::Mma<float, host::F16, host::F16>;
using MmaTf32 = host::Mma<float, host::Tf32, host::Tf32>;
using MmaI8I8 = host::Mma<int, host::I8, host::I8>;
using MmaI8U8 = host::Mma<int, host::I8, host::U8>;
using MmaU8I8 = host::Mma<int, host::U8, host::I8>;
using MmaU8U8 = host::Mma<int, host::U8, host::U8>;
using MmaE4m3E4m3 = host::Mma<float, host::E4m3, host::E4m3>;
using MmaE4m3E5m2 = host::Mma<float, host::E4m3, host::E5m2>;
using MmaE5m2E4m3 = host::Mma<float, host::E5m2, host::E4m3>;
using MmaE5m2E5m2 = host::Mma<float, host::E5m2, host::E5m2>;

}  // namespace tilec
