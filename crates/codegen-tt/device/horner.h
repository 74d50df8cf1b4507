// A step of Horner's scheme: R2 = R2 * x + the f32 with these bits. Loading the coefficient into
// R7 takes the time that the product before needs.
#pragma once

namespace tilec {

template <uint32_t x, uint32_t bits>
inline void horner() {
    TTI_SFPLOADI(R7, 10, bits & 0xffff);
    TTI_SFPLOADI(R7, 8, bits >> 16);
    TTI_SFPMAD(R2, x, R7, R2, 0);
}

} // namespace tilec
