// exp(x) = 2^k * exp(r) with k = round(x / ln 2) and r = x - k * ln 2, |r| <= 0.3466.
//
// Adding 1.5 * 2^23 rounds x / ln 2 to an integer, which is then in the last bits. ln 2 has two parts:
// the first has 9 bits, so that k times it is exact. exp(r) is 1 + r + r^2 * p(r), p a minimax
// polynomial of degree 4 (relative error of exp(r) 3.1e-9). k is added to the exponent. Beyond
// 88.7228317 exp is infinite, below -87.3365402 (where it is subnormal) it is 0.
#pragma once

namespace tilec {

template <uint32_t a, uint32_t out>
inline void exponential() {
    vector_unit([] {
        constant<R4, 0x3fb8aa3b>(); // 1 / ln 2
        constant<R5, 0x4b400000>(); // 1.5 * 2^23
        constant<R6, 0xbf318000>(); // -0.693359375
        each_vector([] {
            load<R0, a>();
            TTI_SFPMAD(R0, R4, R5, R1, 0);
            TTI_SFPNOP;
            TTI_SFPMAD(R5, MINUS_ONE, R1, R2, 0); // k
            TTI_SFPSHFT(23, 0, R1, 1);            // k where an exponent is
            TTI_SFPMAD(R2, R6, R0, R3, 0);
            constant<R7, 0x395e8083>(); // 0.693359375 - ln 2
            TTI_SFPMAD(R2, R7, R3, R3, 0);
            constant<R2, 0x3ab511d4>();
            horner<R3, 0x3c091d1b>();
            horner<R3, 0x3d2aac7a>();
            horner<R3, 0x3e2aaa48>();
            horner<R3, 0x3efffffe>();
            TTI_SFPNOP;
            TTI_SFPMAD(R2, R3, ONE, R2, 0);
            TTI_SFPNOP;
            TTI_SFPMAD(R2, R3, ONE, R2, 0);
            constant<R7, 0x42b17217>(); // the largest x with a finite result
            TTI_SFPIADD(0, R1, R2, SUM | ALL);
            TTI_SFPMAD(R0, MINUS_ONE, R7, R1, 0);
            constant<R7, 0x42aeac4f>(); // minus the smallest x with a normal result
            TTI_SFPADD(R0, ONE, R7, R3, 0);
            where_negative<R1>();
            TTI_SFPLOADI(R2, 0, 0x7f80);
            everywhere();
            where_negative<R3>();
            TTI_SFPMOV(0, ZERO, R2, 0);
            everywhere();
            TTI_SFPLOADI(R7, 0, 0x7f80);
            where_nan<R0, R1, R7>();
            TTI_SFPMOV(0, R0, R2, 0);
            everywhere();
            store<R2, out>();
        });
    });
}

} // namespace tilec
