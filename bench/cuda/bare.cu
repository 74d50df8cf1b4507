// The GPU's memory without a framework, for programs that run under a sanitizer:
// allocations are exactly as large as asked for, and hold nothing yet.
#include <cstddef>
#include <cuda_runtime.h>

// Null where there is not so much.
extern "C" void *bare_allocate(size_t bytes) {
    void *memory = nullptr;
    return cudaMalloc(&memory, bytes) == cudaSuccess ? memory : nullptr;
}

extern "C" const char *bare_copy(void *to, const void *from, size_t bytes) {
    const cudaError_t error = cudaMemcpy(to, from, bytes, cudaMemcpyDefault);
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

extern "C" const char *bare_finish() {
    const cudaError_t error = cudaDeviceSynchronize();
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

extern "C" void bare_free(void *memory) {
    cudaFree(memory);
}
