// A thread's part of a product of two tiles in shared memory, in plain arithmetic.
//
// Tiles have a line per k with the rows along it. A thread takes rows in groups of
// up to four, which one read brings; its groups are `Apart` rows from each other.
// Products are rounded with their sums (fma), in the order of k.
#ifndef TILEC_OUTER_CUH
#define TILEC_OUTER_CUH

namespace tilec {

// a * b + sum: f32 with one rounding, i32 wrapping.
__device__ __forceinline__ float multiply_add(float a, float b, float sum) {
    return fmaf(a, b, sum);
}
__device__ __forceinline__ int multiply_add(int a, int b, int sum) {
    return static_cast<int>(static_cast<unsigned>(a) * static_cast<unsigned>(b) +
                            static_cast<unsigned>(sum));
}

// Reads `Count` values in groups of `Group`, `Apart` values from one group to the next.
template <int Group, int Apart, int Count, class T>
__device__ __forceinline__ void load_groups(T (&to)[Count], const T* from) {
    struct alignas(sizeof(T) * Group) Read {
        T at[Group];
    };
#pragma unroll
    for (int i = 0; i < Count; i += Group) {
        const Read read = *reinterpret_cast<const Read*>(from + i / Group * Apart);
#pragma unroll
        for (int j = 0; j < Group; ++j) {
            to[i + j] = read.at[j];
        }
    }
}

// How many of `count` rows lie next to each other.
__device__ constexpr int outer_group(int count) {
    return count % 4 == 0 ? 4 : count % 2 == 0 ? 2 : 1;
}

// Where this thread's row `r` lies in its tile, from the thread's first row on.
template <int Count, int Apart>
__device__ __forceinline__ int outer_row(int r) {
    constexpr int group = outer_group(Count);
    return r / group * Apart + r % group;
}

// sums += a b over `Depth` lines, `LineA` and `LineB` values apart, for this thread's
// `Rows` rows of tile `a` and `Columns` rows of tile `b`, which begin there.
template <int Depth, int LineA, int ApartA, int LineB, int ApartB, int Rows, int Columns, class T>
__device__ __forceinline__ void outer_products(T (&sums)[Rows][Columns], const T* a, const T* b) {
    constexpr int group_a = outer_group(Rows);
    constexpr int group_b = outer_group(Columns);
#pragma unroll
    for (int k = 0; k < Depth; ++k) {
        T rows[Rows];
        T columns[Columns];
        load_groups<group_a, ApartA>(rows, a + k * LineA);
        load_groups<group_b, ApartB>(columns, b + k * LineB);
#pragma unroll
        for (int i = 0; i < Rows; ++i) {
#pragma unroll
            for (int j = 0; j < Columns; ++j) {
                sums[i][j] = multiply_add(rows[i], columns[j], sums[i][j]);
            }
        }
    }
}

// sums += parts, times the scales of their row and their column; parts = 0.
template <int Rows, int Columns>
__device__ __forceinline__ void promote(float (&sums)[Rows][Columns],
                                        float (&parts)[Rows][Columns],
                                        const float (&row_scale)[Rows],
                                        const float (&column_scale)[Columns]) {
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
#pragma unroll
        for (int j = 0; j < Columns; ++j) {
            sums[i][j] = fmaf(parts[i][j], row_scale[i] * column_scale[j], sums[i][j]);
            parts[i][j] = 0.0f;
        }
    }
}

// Writes this thread's sums to a tile with lines of `Line` values; `to` is its first.
template <int Line, int ApartA, int ApartB, int Rows, int Columns, class T>
__device__ __forceinline__ void put_sums(T* to, const T (&sums)[Rows][Columns]) {
#pragma unroll
    for (int i = 0; i < Rows; ++i) {
#pragma unroll
        for (int j = 0; j < Columns; ++j) {
            to[outer_row<Rows, ApartA>(i) * Line + outer_row<Columns, ApartB>(j)] = sums[i][j];
        }
    }
}

}  // namespace tilec

#endif
