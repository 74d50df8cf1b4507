// Matrix products of one warp: D += A B, with A of 16 rows, B of 8 columns and
// 32 bytes of k, whatever the elements are.
//
// Lane l holds, with g = l / 4 and t = l % 4:
//   A  4 bytes at 4 t of row g, of row g + 8, and at 16 + 4 t of both
//   B  4 bytes at 4 t of column g, and at 16 + 4 t
//   D  columns 2 t and 2 t + 1 of row g, then of row g + 8
// so one way to read tiles of bytes serves every type (see fragment.cuh).
#ifndef TILEC_MMA_CUH
#define TILEC_MMA_CUH

#include "shared.cuh"

namespace tilec {

// Writes a struct `NAME` whose `step` is the instruction `mma.sync.aligned.SHAPE`.
// `Sum` is the type of D: float or int.
#define TILEC_MMA(NAME, SHAPE, SUM, LETTER)                                                      \
    struct NAME {                                                                                \
        using Sum = SUM;                                                                         \
        __device__ __forceinline__ static void step(SUM (&d)[4], const u32 (&a)[4],              \
                                                    const u32 (&b)[2]) {                         \
            asm("mma.sync.aligned." SHAPE " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "      \
                "{%0, %1, %2, %3};"                                                              \
                : "+" LETTER(d[0]), "+" LETTER(d[1]), "+" LETTER(d[2]), "+" LETTER(d[3])         \
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));             \
        }                                                                                        \
    }

TILEC_MMA(MmaBf16, "m16n8k16.row.col.f32.bf16.bf16.f32", float, "f");
TILEC_MMA(MmaF16, "m16n8k16.row.col.f32.f16.f16.f32", float, "f");
TILEC_MMA(MmaI8I8, "m16n8k32.row.col.s32.s8.s8.s32", int, "r");
TILEC_MMA(MmaI8U8, "m16n8k32.row.col.s32.s8.u8.s32", int, "r");
TILEC_MMA(MmaU8I8, "m16n8k32.row.col.s32.u8.s8.s32", int, "r");
TILEC_MMA(MmaU8U8, "m16n8k32.row.col.s32.u8.u8.s32", int, "r");
TILEC_MMA(MmaTf32Bits, "m16n8k8.row.col.f32.tf32.tf32.f32", float, "f");
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 890
TILEC_MMA(MmaE4m3E4m3, "m16n8k32.row.col.f32.e4m3.e4m3.f32", float, "f");
TILEC_MMA(MmaE4m3E5m2, "m16n8k32.row.col.f32.e4m3.e5m2.f32", float, "f");
TILEC_MMA(MmaE5m2E4m3, "m16n8k32.row.col.f32.e5m2.e4m3.f32", float, "f");
TILEC_MMA(MmaE5m2E5m2, "m16n8k32.row.col.f32.e5m2.e5m2.f32", float, "f");
#endif

#undef TILEC_MMA

// Reads four 8 x 8 matrices of 16-bit elements, each transposed. PTX: ldmatrix.x4.trans.
__device__ __forceinline__ void load_matrices_transposed(u32 (&to)[4], u32 row_address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row_address)
                 : "memory");
}

// f32 to the nearest tf32, ties away from zero. PTX: cvt.rna.tf32.f32.
__device__ __forceinline__ u32 nearest_tf32(u32 bits) {
    u32 rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(bits)));
    return rounded;
}

// f32 operands, rounded to tf32 here: the instruction alone would cut bits off.
struct MmaTf32 {
    using Sum = float;
    __device__ __forceinline__ static void step(float (&d)[4], const u32 (&a)[4],
                                                const u32 (&b)[2]) {
        const u32 rows[4] = {nearest_tf32(a[0]), nearest_tf32(a[1]), nearest_tf32(a[2]),
                             nearest_tf32(a[3])};
        const u32 columns[2] = {nearest_tf32(b[0]), nearest_tf32(b[1])};
        MmaTf32Bits::step(d, rows, columns);
    }
};

}  // namespace tilec

#endif
