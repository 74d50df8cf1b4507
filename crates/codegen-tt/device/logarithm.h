// log(x) = e * ln 2 + log(1 + f) with x = 2^e * (1 + f) and 1 + f from sqrt(1/2) to sqrt(2).
//
// log(1 + f) = f - f^2 / 2 + f^3 * p(f), p a minimax polynomial of degree 7 (relative error of
// log(1 + f) 5.9e-9). ln 2 has two parts, of which the first has 9 bits. The sum goes from the
// smallest part to the largest. -inf of zeros and subnormals, NaN of negative numbers and NaN.
#pragma once

namespace tilec {

template <uint32_t a, uint32_t out>
inline void logarithm() {
    vector_unit([] {
        constant<R4, 0x00cafb0d>(); // 128 in the exponent, less the bits of sqrt(1/2)
        constant<R5, 0x40000000>(); // 128 in the exponent
        constant<R6, 0xbf000000>(); // -1/2
        each_vector([] {
            load<R0, a>();
            TTI_SFPMOV(0, R0, R1, 0);
            TTI_SFPIADD(0, R4, R1, SUM | ALL);
            TTI_SFPSHFT((-23) & 0xfff, 0, R1, 1); // e + 128
            TTI_SFPMOV(0, R1, R3, 0);
            TTI_SFPSHFT(23, 0, R3, 1);
            TTI_SFPIADD(0, R0, R3, DIFFERENCE | ALL);
            TTI_SFPIADD(0, R5, R3, SUM | ALL); // 1 + f
            TTI_SFPADD(R3, ONE, MINUS_ONE, R3, 0);
            TTI_SFPCAST(R1, R1, 0);
            TTI_SFPADDI(0xc300, R1, 0); // e = (e + 128) - 128
            constant<R2, 0xbd9c4f1f>();
            horner<R3, 0x3e02abd5>();
            horner<R3, 0xbe06c3d1>();
            horner<R3, 0x3e116d62>();
            horner<R3, 0xbe2a390e>();
            horner<R3, 0x3e4cd000>();
            horner<R3, 0xbe800114>();
            horner<R3, 0x3eaaaaaa>();
            TTI_SFPNOP;
            TTI_SFPMAD(R2, R3, R6, R2, 0); // -1/2 + f * p
            TTI_SFPMUL(R3, R3, ZERO, R7, 0);
            TTI_SFPNOP;
            TTI_SFPMUL(R2, R7, ZERO, R2, 0);
            constant<R7, 0xb95e8083>(); // ln 2 - 0.693359375
            TTI_SFPMAD(R1, R7, R2, R2, 0);
            TTI_SFPNOP;
            TTI_SFPADD(R2, ONE, R3, R2, 0);
            constant<R7, 0x3f318000>(); // 0.693359375
            TTI_SFPMAD(R1, R7, R2, R2, 0);
            TTI_SFPEXEXP(0, R0, R1, 1);
            where_zero<R1>();
            TTI_SFPLOADI(R2, 0, 0xff80);
            everywhere();
            where_not_zero<R1>();
            where_negative<R0>();
            TTI_SFPLOADI(R2, 0, 0x7fc0);
            everywhere();
            TTI_SFPIADD((-255) & 0xfff, R1, R1, IMMEDIATE | IF_NOT_NEGATIVE);
            where_not_negative<R0>();
            TTI_SFPMOV(0, R0, R2, 0); // inf and NaN
            everywhere();
            store<R2, out>();
        });
    });
}

} // namespace tilec
