// Where a role stands in a ring of slots.
#ifndef TILEC_RING_CUH
#define TILEC_RING_CUH

#include "shared.cuh"

namespace tilec {

// The slot that comes next, and the parity of the phase in which it is full. It is
// free for its producer in the phase of the other parity.
template <int Slots>
struct Place {
    int slot = 0;
    u32 parity = 0;

    __device__ __forceinline__ void next() {
        if (++slot == Slots) {
            slot = 0;
            parity ^= 1;
        }
    }
};

}  // namespace tilec

#endif
