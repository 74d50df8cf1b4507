// Instructions of the vector unit that choose lanes, or move values between them.
#include <cstring>

#include "instruction.h"

namespace emu {

void sfpsetcc(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSETCC", at};
    in.mode(mode, {0, 2, 4, 6});
    in.none(immediate);
    in.none(d);
    if (!unit().condition.masked) in.wrong("lanes are not masked: SFPENCC has turned it off");
    const uint32_t* from = source(in, c);
    narrow_to([&](uint32_t i) {
        switch (mode) {
            case 0: return int32_t(from[i]) < 0;
            case 2: return from[i] != 0;
            case 4: return int32_t(from[i]) >= 0;
            default: return from[i] == 0;
        }
    });
    finish();
}

void sfpencc(Field immediate, Field, Field d, Field mode, Where at) {
    Instruction in{"SFPENCC", at};
    in.mode(mode, {0, 10});
    in.none(d);
    Condition& c = unit().condition;
    if (mode == 0) {
        in.none(immediate);
        c.lanes = ~0u;
    } else {
        c.lanes = immediate & 2 ? ~0u : 0;
        c.masked = immediate & 1;
    }
    finish();
}

void sfpcompc(Field, Field, Field d, Field, Where at) {
    Instruction in{"SFPCOMPC", at};
    in.none(d);
    VectorUnit& u = unit();
    if (!u.condition.masked) in.wrong("lanes are not masked: SFPENCC has turned it off");
    uint32_t outer = u.depth ? u.stack[u.depth - 1].lanes : ~0u;
    u.condition.lanes = outer & ~u.condition.lanes;
    finish();
}

void sfppushc(Field immediate, Field, Field d, Field mode, Where at) {
    Instruction in{"SFPPUSHC", at};
    in.mode(mode, {0});
    in.none(immediate);
    in.none(d);
    VectorUnit& u = unit();
    if (u.depth == kConditions) in.wrong("8 conditions are on the stack, which is full");
    u.stack[u.depth++] = u.condition;
    finish();
}

void sfppopc(Field immediate, Field, Field d, Field mode, Where at) {
    Instruction in{"SFPPOPC", at};
    in.mode(mode, {0});
    in.none(immediate);
    in.none(d);
    VectorUnit& u = unit();
    if (u.depth == 0) in.wrong("no condition is on the stack");
    u.condition = u.stack[--u.depth];
    finish();
}

namespace {

// d against c in the order of sign and magnitude: narrows lanes (mode 1) or writes all
// ones or zeros (mode 8).
template <class F>
void compare(const Instruction& in, Field immediate, Field c, Field d, Field mode, F holds) {
    in.blackhole();
    in.mode(mode, {1, 8});
    in.none(immediate);
    check_target(in, d);
    const uint32_t *x = source(in, d), *y = source(in, c);
    auto test = [&](uint32_t i) { return holds(order(x[i]), order(y[i])); };
    if (mode == 1) {
        narrow_to(test);
        return finish();
    }
    each_lane(d, [&](uint32_t i) { return test(i) ? ~0u : 0u; });
}

}  // namespace

void sfple(Field immediate, Field c, Field d, Field mode, Where at) {
    compare({"SFPLE", at}, immediate, c, d, mode, [](int32_t x, int32_t y) { return x <= y; });
}

void sfpgt(Field immediate, Field c, Field d, Field mode, Where at) {
    compare({"SFPGT", at}, immediate, c, d, mode, [](int32_t x, int32_t y) { return x > y; });
}

void sfpswap(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSWAP", at};
    in.mode(mode, {0, 1, 2, 3, 9});
    in.none(immediate);
    check_target(in, c);
    check_target(in, d);
    // Lanes whose smaller value goes to d; the others get the larger one.
    uint32_t smaller = mode == 9 ? 0 : mode == 2 ? 0x0000ffff : mode == 3 ? 0x00ff00ff : ~0u;
    const uint32_t *x = source(in, c), *y = source(in, d);
    uint32_t to_c[kLanes], to_d[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
        bool less = order(x[i]) < order(y[i]);
        bool swap = mode == 0 || (smaller >> i & 1 ? less : !less);
        to_c[i] = swap ? y[i] : x[i];
        to_d[i] = swap ? x[i] : y[i];
    }
    write(c, to_c);
    write(d, to_d);
    finish(1u << c | 1u << d);
}

void sfptransp(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPTRANSP", at};
    in.none(immediate | c | d | mode);
    VectorUnit& u = unit();
    for (uint32_t reg = 0; reg < 8; ++reg) {
        if (u.known >> reg & 1) source(in, reg);
    }
    uint32_t old[8][kLanes];
    std::memcpy(old, u.registers, sizeof old);
    uint32_t known = u.known;
    for (uint32_t reg = 0; reg < 8; ++reg) {
        uint32_t first = reg & ~3u, values[kLanes];
        for (uint32_t i = 0; i < kLanes; ++i) values[i] = old[first + i / 8][reg % 4 * 8 + i % 8];
        write(reg, values);
        if ((known >> first & 15) != 15) u.known &= ~(1u << reg);
    }
    finish();
}

void sfpshft2(Field immediate, Field c, Field d, Field mode, Where at) {
    Instruction in{"SFPSHFT2", at};
    check_target(in, d);
    if (wormhole()) {
        in.mode(mode, {3, 5});
    } else {
        in.mode(mode, {3, 4, 5});
    }
    const uint32_t* from = source(in, c);
    if (mode == 5) {
        const uint32_t* x = source(in, immediate);
        return each_lane(d, [&](uint32_t i) { return shifted_by(x[i], int32_t(from[i]), false); });
    }
    in.none(immediate);
    uint32_t values[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
        values[i] = i % 8 ? from[i - 1] : mode == 3 ? from[i + 7] : 0;
    }
    write(d, values);
    finish(1u << d);
}

void sfpnop() { finish(); }

}  // namespace emu
