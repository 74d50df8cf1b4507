#include <algorithm>
#include <bit>
#include <cstring>

#include "format.h"

namespace emu {
namespace {

uint32_t magnitude(uint32_t bits) { return bits & 0x7fffffff; }

// NaN as an infinity of the same sign.
uint32_t without_nan(uint32_t bits) {
    return magnitude(bits) > 0x7f800000 ? (bits & 0x80000000) | 0x7f800000 : bits;
}

// f32 to bf16, to nearest, ties away from 0.
uint32_t f32_to_bf16(uint32_t bits) {
    uint32_t rounded = (without_nan(bits) + 0x8000) >> 16;
    return (rounded & 0x7fff) < 0x80 ? 0 : rounded;
}

// f32 to a bf16 that has 6 bits of fraction, for a block of bfp8.
uint32_t f32_to_block(uint32_t bits) {
    uint32_t rounded = ((without_nan(bits) >> 16) + 1) & 0xfffe;
    return (rounded & 0x7fff) < 0x80 ? 0 : rounded;
}

// f32 to f16: to nearest at 10 bits of fraction, then the range is cut; f16 has neither
// infinity nor NaN here.
uint32_t f32_to_f16(uint32_t bits) {
    uint32_t rounded = (without_nan(bits) + 0x1000) >> 13;
    if ((rounded & 0x3ffff) < 0x400) rounded = 0;
    uint32_t sign = rounded >> 18 << 15;
    int exponent = int(rounded >> 10 & 255) - 112;
    if (exponent < 0) return sign;
    if (exponent > 31) return sign | 0x7fff;
    return sign | uint32_t(exponent) << 10 | (rounded & 0x3ff);
}

// f16 to e4m3: truncated and saturated at all ones; subnormals are 0.
uint32_t f16_to_e4m3(uint32_t bits) {
    uint32_t sign = bits >> 8 & 0x80, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
    if (exponent <= 8) return sign;
    if (exponent >= 24) return sign | 0x7f;
    return sign | (exponent - 8) << 3 | fraction >> 7;
}

uint32_t int_to_byte(uint32_t word) {
    return word & 0x80000000 ? 0 : std::min<uint32_t>(word, 255);
}

uint32_t f16_to_bf16(uint32_t bits) {
    uint32_t exponent = bits >> 10 & 31;
    return exponent ? (bits & 0x8000) | (exponent + 112) << 7 | (bits & 0x3ff) >> 3 : 0;
}

uint32_t f16_to_f32(uint32_t bits) {
    uint32_t sign = (bits & 0x8000) << 16, rest = bits & 0x7fff;
    return sign | (bits & 0x7c00 ? rest + (112 << 10) : rest) << 13;
}

// What DST itself holds for 16 bits: the fields of a bf16 the other way round.
uint32_t raw(uint32_t bf16) {
    return (bf16 & 0x8000) | (bf16 & 0x7f) << 8 | (bf16 >> 7 & 255);
}

// A word of 16-bit DST as a bf16 or f16 without NaN and subnormals.
uint32_t clean(uint32_t word, Narrow narrow) {
    if (narrow == Narrow::Half) return (word & 0x7fff) < 0x400 ? 0 : word;
    if ((word & 0x7fff) > 0x7f80) return (word & 0x8000) | 0x7f80;
    return (word & 0x7fff) < 0x80 ? 0 : word;
}

template <class T, class F>
void each(std::byte* tile, F of) {
    for (uint32_t i = 0; i < kElements; i++) {
        T value = T(of(i));
        std::memcpy(tile + i * sizeof value, &value, sizeof value);
    }
}

// 16 bf16 values as an exponent and 16 signs with 7 bits of magnitude.
void block(const uint32_t* values, std::byte* exponent, std::byte* codes) {
    auto exponent_of = [](uint32_t v) { return v >> 7 & 255; };
    uint32_t top = 0;
    for (int i = 0; i < 16; i++) top = std::max(top, exponent_of(values[i]));
    *exponent = std::byte(top);
    for (int i = 0; i < 16; i++) {
        uint32_t by = top - exponent_of(values[i]);
        uint32_t bits = (values[i] & 0x7f) | (exponent_of(values[i]) ? 0x80 : 0);
        bits = by >= 8 ? 0 : std::min((bits + (1u << by)) >> (by + 1), 0x7fu);
        codes[i] = std::byte(bits ? bits | (values[i] >> 15 & 1) << 7 : 0);
    }
}

template <class F>
void blocks(std::byte* tile, F of) {
    for (uint32_t i = 0; i < kElements; i += 16) {
        uint32_t values[16];
        for (uint32_t j = 0; j < 16; j++) values[j] = of(i + j);
        block(values, tile + i / 16, tile + 64 + i);
    }
}

void pack_wide(Format format, const uint32_t* words, std::byte* tile) {
    switch (format) {
        case Format::Float32:
        case Format::UInt32:
        case Format::Int32:
            return each<uint32_t>(tile, [&](uint32_t i) { return words[i]; });
        case Format::Float16_b:
            return each<uint16_t>(tile, [&](uint32_t i) { return f32_to_bf16(words[i]); });
        case Format::Float16:
            return each<uint16_t>(tile, [&](uint32_t i) { return f32_to_f16(words[i]); });
        case Format::UInt16:
            return each<uint16_t>(tile, [&](uint32_t i) { return raw(words[i] >> 16); });
        case Format::UInt8:
            return each<uint8_t>(tile, [&](uint32_t i) { return int_to_byte(words[i]); });
        case Format::Fp8_e4m3:
            return each<uint8_t>(tile, [&](uint32_t i) { return f16_to_e4m3(f32_to_f16(words[i])); });
        case Format::Bfp8_b:
            return blocks(tile, [&](uint32_t i) { return f32_to_block(words[i]); });
        case Format::Lf8:
        case Format::Invalid:
            return;
    }
}

void pack_narrow(Format format, Narrow narrow, const uint32_t* words, std::byte* tile) {
    auto value = [&](uint32_t i) { return clean(words[i], narrow); };
    bool half = narrow == Narrow::Half;
    auto bf16 = [&](uint32_t i) { return half ? f16_to_bf16(value(i)) : value(i); };
    if (format == Format::Float32) {
        each<uint32_t>(tile, [&](uint32_t i) {
            return half ? f16_to_f32(value(i)) : value(i) << 16;
        });
    } else if (format == Format::Float16) {
        each<uint16_t>(tile, value);
    } else if (format == Format::Float16_b) {
        each<uint16_t>(tile, bf16);
    } else if (format == Format::UInt16) {
        each<uint16_t>(tile, [&](uint32_t i) { return raw(words[i]); });
    } else {
        blocks(tile, [&](uint32_t i) { return (bf16(i) + 1) & 0xfffe; });
    }
}

float float_without_subnormal(uint32_t bits) {
    return std::bit_cast<float>(magnitude(bits) < 0x800000 ? bits & 0x80000000 : bits);
}

uint32_t f32_sum(uint32_t a, uint32_t b) {
    float sum = float_without_subnormal(a) + float_without_subnormal(b);
    uint32_t bits = std::bit_cast<uint32_t>(sum);
    if (magnitude(bits) > 0x7f800000) return 0x7fc00000;
    return magnitude(bits) < 0x800000 ? bits & 0x80000000 : bits;
}

}  // namespace

bool can_pack(Format format, Arch arch, bool wide) {
    switch (format) {
        case Format::Float32:
        case Format::Float16_b:
        case Format::Float16:
        case Format::Bfp8_b:
        case Format::UInt16:
            return true;
        case Format::UInt32:
        case Format::Int32:
        case Format::UInt8:
            return wide;
        case Format::Fp8_e4m3:
            return wide && arch == Arch::Blackhole;
        case Format::Lf8:
        case Format::Invalid:
            return false;
    }
    return false;
}

void pack(Format format, bool wide, Narrow narrow, const uint32_t* words, std::byte* tile) {
    wide ? pack_wide(format, words, tile) : pack_narrow(format, narrow, words, tile);
}

bool can_accumulate(Format format) { return format == Format::Float32; }

void accumulate(const std::byte* packed, std::byte* tile) {
    for (uint32_t i = 0; i < kElements * 4; i += 4) {
        uint32_t a, b;
        std::memcpy(&a, tile + i, 4);
        std::memcpy(&b, packed + i, 4);
        uint32_t sum = f32_sum(a, b);
        std::memcpy(tile + i, &sum, 4);
    }
}

}  // namespace emu
