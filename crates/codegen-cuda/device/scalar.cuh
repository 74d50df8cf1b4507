#ifndef TILEC_SCALAR_CUH
#define TILEC_SCALAR_CUH
#endif
