// Which tile of a matrix a work item is.
#ifndef TILEC_TILES_CUH
#define TILEC_TILES_CUH

namespace tilec {

// A tile by its position among tiles.
struct Tile {
    long long row;
    long long column;
};

// The tiles of a matrix in bands of 8 rows of tiles, each walked from left to right, so
// that items that run at the same time read the same lines of both operands.
__device__ __forceinline__ Tile banded_tile(long long item, long long rows, long long columns) {
    constexpr long long band_rows = 8;
    const long long band = item / (band_rows * columns);
    const long long left = rows - band * band_rows;
    const long long high = left < band_rows ? left : band_rows;
    const long long place = item - band * band_rows * columns;
    return {band * band_rows + place % high, place / high};
}

}  // namespace tilec

#endif
