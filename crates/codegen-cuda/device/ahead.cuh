// Several elements of a row, read at once and ahead of their use.
#ifndef TILEC_AHEAD_CUH
#define TILEC_AHEAD_CUH

namespace tilec {

// values[i] = row[at + i], for a row of `length` elements, at least one; past its end,
// the last one. Four at a time where their address allows it.
template <int Count>
__device__ __forceinline__ void read_ahead(float (&values)[Count], const float* row, long long at,
                                           long long length) {
    static_assert(Count % 4 == 0, "elements are read four at a time");
#pragma unroll
    for (int i = 0; i < Count; i += 4) {
        const float* const from = row + at + i;
        if (at + i + 4 <= length && reinterpret_cast<unsigned long long>(from) % 16 == 0) {
            const float4 four = __ldg(reinterpret_cast<const float4*>(from));
            values[i] = four.x;
            values[i + 1] = four.y;
            values[i + 2] = four.z;
            values[i + 3] = four.w;
        } else {
#pragma unroll
            for (int j = i; j < i + 4; ++j) {
                values[j] = __ldg(row + (at + j < length ? at + j : length - 1));
            }
        }
    }
}

}  // namespace tilec

#endif
