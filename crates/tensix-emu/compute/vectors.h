// How hot loops are compiled: once for each of the host's vector instruction sets, chosen
// when the program starts.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define EMU_VECTORIZED                                                       \
    [[gnu::target_clones("default", "arch=haswell", "arch=skylake-avx512"),  \
      gnu::optimize("O3", "no-math-errno", "no-trapping-math")]]
#else
#define EMU_VECTORIZED
#endif
