#ifndef TILEC_INDEX_CUH
#define TILEC_INDEX_CUH
#endif
