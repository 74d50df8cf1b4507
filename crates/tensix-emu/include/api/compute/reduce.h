// Sums, averages and maxima of the rows, the columns or all elements of a tile.
#pragma once

#include "api/compute/common.h"

namespace ckernel {

enum class PoolType : uint8_t { SUM, AVG, MAX, MIN };
enum class ReduceDim : uint8_t { REDUCE_ROW, REDUCE_COL, REDUCE_SCALAR };

}  // namespace ckernel

namespace emu {

// An average is a sum: its scaler makes it one.
constexpr Pool pool_of(ckernel::PoolType type) {
    return type == ckernel::PoolType::MAX ? Pool::Largest : Pool::Sum;
}

constexpr Along along_of(ckernel::ReduceDim dim) {
    switch (dim) {
        case ckernel::ReduceDim::REDUCE_ROW: return Along::Row;
        case ckernel::ReduceDim::REDUCE_COL: return Along::Column;
        case ckernel::ReduceDim::REDUCE_SCALAR: return Along::All;
    }
    return Along::All;
}

}  // namespace emu

namespace ckernel {

template <PoolType reduce_type, ReduceDim reduce_dim, bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void reduce_init(uint32_t icb, uint32_t icb_scaler, uint32_t ocb,
                      Where at = Where::current()) {
    static_assert(reduce_type != PoolType::MIN, "the matrix unit has no smallest value");
    emu::ring(ocb, at);
    emu::init_reduce(emu::pool_of(reduce_type), emu::along_of(reduce_dim), icb, icb_scaler,
                     "reduce_init", at);
}

ALWI void reduce_uninit(uint32_t icb = 0, Where at = Where::current()) {
    static_cast<void>(icb);
    emu::end_reduce(at);
}

template <PoolType reduce_type, ReduceDim reduce_dim, bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void reduce_tile(uint32_t icb, uint32_t icb_scaler, uint32_t itile, uint32_t itile_scaler,
                      uint32_t idst, Where at = Where::current()) {
    emu::reduce(emu::pool_of(reduce_type), emu::along_of(reduce_dim), icb, icb_scaler, itile,
                itile_scaler, idst, "reduce_tile", at);
}

template <PoolType reduce_type, ReduceDim reduce_dim, bool is_fp32_dest_acc_en = DST_ACCUM_MODE>
ALWI void reduce_block(uint32_t icb, uint32_t icb_scaler, uint32_t start_itile,
                       uint32_t itile_scaler, uint32_t start_idst, uint32_t ntiles,
                       Where at = Where::current()) {
    for (uint32_t i = 0; i < ntiles; ++i) {
        emu::reduce(emu::pool_of(reduce_type), emu::along_of(reduce_dim), icb, icb_scaler,
                    start_itile + i, itile_scaler, start_idst + i, "reduce_block", at);
    }
}

}  // namespace ckernel
