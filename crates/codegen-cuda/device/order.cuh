// Keys as words that sort as the language orders: NaN last in both directions,
// -0 equal to +0.
#ifndef TILEC_ORDER_CUH
#define TILEC_ORDER_CUH

namespace tilec {

__device__ __forceinline__ unsigned order_word(float key, bool descending) {
    if (key != key) return 0xffffffffu;
    // Adding 0 makes one of both zeros.
    const int bits = __float_as_int(key + 0.0f);
    // Negative numbers turn around, and come before all others.
    const unsigned turned = static_cast<unsigned>(bits >> 31) | 0x80000000u;
    const unsigned ascending = static_cast<unsigned>(bits) ^ turned;
    return descending ? ~ascending : ascending;
}

__device__ __forceinline__ unsigned order_word(int key, bool descending) {
    const unsigned ascending = static_cast<unsigned>(key) ^ 0x80000000u;
    return descending ? ~ascending : ascending;
}

}  // namespace tilec

#endif
