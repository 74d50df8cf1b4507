#ifndef TILEC_PHILOX_CUH
#define TILEC_PHILOX_CUH
#endif
