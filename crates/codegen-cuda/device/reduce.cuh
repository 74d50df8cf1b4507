#ifndef TILEC_REDUCE_CUH
#define TILEC_REDUCE_CUH
#endif
