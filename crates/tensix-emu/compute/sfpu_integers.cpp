// Instructions of the vector unit on integers and bits.
#include <bit>

#include "instruction.h"

namespace emu {

void sfpiadd(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPIADD", at};
    check_target(in, d);
    in.mode(mode, {0, 1, 2, 4, 5, 6, 8, 9, 10});
    if (immediate > 0xfff) in.wrong(text("immediate %u has more than 12 bits", immediate));
    const uint32_t* from = source(in, c);
    const uint32_t* old = mode & 1 ? from : source(in, d);
    uint32_t values[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
        values[i] = from[i] + (mode & 1 ? sign_extended(immediate) : mode & 2 ? 0u - old[i] : old[i]);
    }
    write(d, values);
    if (!(mode & 4)) {
        narrow_to([&](uint32_t i) { return (int32_t(values[i]) < 0) != bool(mode & 8); });
    }
    finish();
}

void sfpshft(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSHFT", at};
    check_target(in, d);
    if (wormhole()) {
        in.mode(mode, {0, 1});
    } else {
        in.mode(mode, {0, 1, 2, 3, 5, 7});
    }
    if (!(mode & 1)) in.none(immediate);
    if (immediate > 0xfff) in.wrong(text("immediate %u has more than 12 bits", immediate));
    const uint32_t* by = mode & 1 ? nullptr : source(in, c);
    const uint32_t* from = source(in, mode & 4 ? c : d);
    each_lane(d, [&](uint32_t i) {
        int32_t places = int32_t(by ? by[i] : sign_extended(immediate));
        return shifted_by(from[i], places, mode & 2);
    });
}

namespace {

template <class F>
void bitwise(const Instruction& in, Field immediate, Field c, Field d, Field mode, F f) {
    check_target(in, d);
    Field b = d;
    if (mode == 1 && !wormhole()) {
        b = immediate;
    } else {
        in.mode(mode, {0});
        in.none(immediate);
    }
    const uint32_t *x = source(in, b), *y = source(in, c);
    each_lane(d, [&](uint32_t i) { return f(x[i], y[i]); });
}

}  // namespace

void sfpand(Field immediate, Field c, Field d, Field mode, Where at) {
    bitwise({"SFPAND", at}, immediate, c, d, mode, [](uint32_t x, uint32_t y) { return x & y; });
}

void sfpor(Field immediate, Field c, Field d, Field mode, Where at) {
    bitwise({"SFPOR", at}, immediate, c, d, mode, [](uint32_t x, uint32_t y) { return x | y; });
}

void sfpxor(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPXOR", at};
    in.mode(mode, {0});
    bitwise(in, immediate, c, d, mode, [](uint32_t x, uint32_t y) { return x ^ y; });
}

void sfpnot(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPNOT", at};
    check_target(in, d);
    in.mode(mode, {0});
    in.none(immediate);
    const uint32_t* from = source(in, c);
    each_lane(d, [&](uint32_t i) { return ~from[i]; });
}

void sfplz(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPLZ", at};
    check_target(in, d);
    in.mode(mode, {0, 2, 4});
    in.none(immediate);
    const uint32_t* from = source(in, c);
    uint32_t operands[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) operands[i] = mode & 4 ? from[i] & 0x7fffffff : from[i];
    each_lane(d, [&](uint32_t i) { return uint32_t(std::countl_zero(operands[i])); });
    if (mode & 2) narrow_to([&](uint32_t i) { return operands[i] != 0; });
}

}  // namespace emu
