using EncodeTiled = CUresult (*)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *,
                                 const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
                                 const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
                                 CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

// The driver's function, found through the runtime so that nothing links libcuda.
inline EncodeTiled encode_tiled() {
    static const EncodeTiled found = [] {
        void *entry = nullptr;
        cudaDriverEntryPointQueryResult state = cudaDriverEntryPointSymbolNotFound;
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000,
                                         cudaEnableDefault, &state);
        return state == cudaDriverEntryPointSuccess ? reinterpret_cast<EncodeTiled>(entry)
                                                    : nullptr;
    }();
    return found;
}

// Describes a tensor for copies of boxes. Innermost dimension first; `strides` are in
// bytes and leave it out. What lies outside reads as zero. A tensor without elements
// has no description: the map stays all zero.
inline const char *describe(CUtensorMap &map, const char *name, CUtensorMapDataType element,
                            const void *base, std::initializer_list<Integer> sizes,
                            std::initializer_list<Integer> strides,
                            std::initializer_list<cuuint32_t> box, CUtensorMapSwizzle swizzle) {
    cuuint64_t size[5] = {};
    cuuint64_t stride[5] = {};
    const cuuint32_t step[5] = {1, 1, 1, 1, 1};
    cuuint32_t rank = 0;
    cuuint32_t strided = 0;
    bool fits = true;
    for (const Integer value : sizes) {
        if (value == 0) {
            return nullptr;
        }
        fits = fits && value.fits;
        size[rank++] = static_cast<cuuint64_t>(value.value);
    }
    for (const Integer value : strides) {
        fits = fits && value.fits;
        stride[strided++] = static_cast<cuuint64_t>(value.value);
    }
    if (!fits) {
        return refuse("a number that %s needs does not fit into 64 bits; launch smaller sizes",
                      name);
    }
    const EncodeTiled encode = encode_tiled();
    if (encode == nullptr) {
        return "the NVIDIA driver has no tensor maps; update it";
    }
    const CUresult result =
        encode(&map, element, rank, const_cast<void *>(base), size, stride, box.begin(), step,
               CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
               CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result != CUDA_SUCCESS) {
        return refuse("the driver refuses the tensor map of %s (error %d)", name,
                      static_cast<int>(result));
    }
    return nullptr;
}
