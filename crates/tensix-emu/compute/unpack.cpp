#include <bit>
#include <cstring>

#include "format.h"

namespace emu {
namespace {

template <class T>
T element(const std::byte* tile, uint32_t index) {
    T value;
    std::memcpy(&value, tile + index * sizeof(T), sizeof value);
    return value;
}

// The 16 bits of a half float: five bits of exponent stay as they are.
uint32_t half_fields(uint32_t bits) { return (bits & 0x8000) << 16 | (bits & 0x7fff) << 13; }

// A sign and 7 bits of magnitude below a shared exponent. The hardware normalizes it; a
// magnitude of 0 with a sign is -infinity, and an exponent may wrap.
uint32_t block_float(uint32_t code, uint32_t exponent) {
    uint32_t sign = code >> 7;
    uint32_t magnitude = code << 1 & 255;
    if (magnitude == 0) return sign ? 0xff800000 : 0;
    uint32_t zeros = uint32_t(std::countl_zero(uint8_t(magnitude)));
    return sign << 31 | ((exponent - zeros) & 255) << 23 | (magnitude << zeros & 0x7e) << 16;
}

// e4m3 in a half float's place; subnormals keep an exponent of 0, so that math takes them
// for 0.
uint32_t e4m3(uint32_t code) {
    uint32_t exponent = code >> 3 & 15;
    uint32_t padding = (code & 0x7f) == 0x7f ? 0x7f : 0;
    uint32_t half = (code & 0x80) << 8 | (exponent ? exponent + 8 : 0) << 10 | (code & 7) << 7;
    return half_fields(half | padding);
}

uint32_t e5m2(uint32_t code, Arch arch) {
    bool all_ones = arch == Arch::Blackhole && (code & 0x7f) == 0x7f;
    return half_fields(code << 8 | (all_ones ? 0xff : 0));
}

uint32_t f32_source(uint32_t bits, bool wide) {
    if (wide) return bits & 0xffffe000;
    return (bits & 0x7fffffff) < 0x800000 ? bits & 0x80000000 : bits & 0xffff0000;
}

template <class F>
void each(uint32_t* words, F of) {
    for (uint32_t i = 0; i < kElements; i++) words[i] = of(i);
}

}  // namespace

bool has_short_exponent(Format format) {
    return format == Format::Float16 || format == Format::Lf8 || format == Format::Fp8_e4m3;
}

bool is_byte(Format format) { return format == Format::UInt8; }

bool is_integer_word(Format format) { return format == Format::UInt32 || format == Format::Int32; }

void unpack_source(Format format, Arch arch, bool wide, const std::byte* tile, uint32_t* words) {
    auto byte = [&](uint32_t i) { return uint32_t(tile[i]); };
    auto half = [&](uint32_t i) { return uint32_t(element<uint16_t>(tile, i)); };
    switch (format) {
        case Format::Float32:
            return each(words, [&](uint32_t i) {
                return f32_source(element<uint32_t>(tile, i), wide);
            });
        case Format::Float16_b:
            return each(words, [&](uint32_t i) { return half(i) << 16; });
        case Format::Float16:
            return each(words, [&](uint32_t i) { return half_fields(half(i)); });
        case Format::Bfp8_b:
            return each(words, [&](uint32_t i) { return block_float(byte(64 + i), byte(i / 16)); });
        case Format::Fp8_e4m3:
            return each(words, [&](uint32_t i) { return e4m3(byte(i)); });
        case Format::Lf8:
            return each(words, [&](uint32_t i) { return e5m2(byte(i), arch); });
        case Format::UInt8:
            return each(words, byte);
        case Format::UInt16:
            return each(words, half);
        case Format::UInt32:
        case Format::Int32:
            return each(words, [&](uint32_t i) { return element<uint32_t>(tile, i); });
        case Format::Invalid:
            return;
    }
}

}  // namespace emu
