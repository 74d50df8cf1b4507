// The text of this thread's last refusal.
inline thread_local char refusal[512];

// Makes a sentence that stays until the thread's next refusal.
inline const char *refuse(const char *format, ...) {
    va_list values;
    va_start(values, format);
    std::vsnprintf(refusal, sizeof refusal, format, values);
    va_end(values);
    return refusal;
}

// An exact integer, or one that does not fit into 64 bits.
struct Integer {
    int64_t value;
    bool fits;
    Integer(int64_t value, bool fits = true) : value(value), fits(fits) {}
    long long shown() const { return value; }
};

// Calls, since the size of a workspace may take hundreds: optimized as one, they take a
// compiler longer than the kernels.
[[gnu::noinline]] inline Integer operator+(Integer a, Integer b) {
    const uint64_t sum = static_cast<uint64_t>(a.value) + static_cast<uint64_t>(b.value);
    const int64_t value = static_cast<int64_t>(sum);
    // A wrapped sum of two numbers of one sign has the other sign.
    const bool wrapped = (a.value < 0) == (b.value < 0) && (value < 0) != (a.value < 0);
    return Integer(value, a.fits && b.fits && !wrapped);
}

[[gnu::noinline]] inline Integer operator-(Integer a, Integer b) {
    const uint64_t difference = static_cast<uint64_t>(a.value) - static_cast<uint64_t>(b.value);
    const int64_t value = static_cast<int64_t>(difference);
    const bool wrapped = (a.value < 0) != (b.value < 0) && (value < 0) != (a.value < 0);
    return Integer(value, a.fits && b.fits && !wrapped);
}

[[gnu::noinline]] inline Integer operator*(Integer a, Integer b) {
    const uint64_t product = static_cast<uint64_t>(a.value) * static_cast<uint64_t>(b.value);
    const int64_t value = static_cast<int64_t>(product);
    const bool negates_least = a.value == -1 && b.value == INT64_MIN;
    const bool exact = a.value == 0 || (!negates_least && value / a.value == b.value);
    return Integer(value, a.fits && b.fits && exact);
}

// The floor of the quotient, by a divisor of at least 1.
[[gnu::noinline]] inline Integer operator/(Integer a, Integer b) {
    if (b.value < 1) {
        return Integer(0, false);
    }
    return Integer(a.value / b.value - (a.value % b.value < 0), a.fits && b.fits);
}

[[gnu::noinline]] inline Integer smaller(Integer a, Integer b) {
    return Integer(a.value < b.value ? a.value : b.value, a.fits && b.fits);
}

[[gnu::noinline]] inline Integer larger(Integer a, Integer b) {
    return Integer(a.value < b.value ? b.value : a.value, a.fits && b.fits);
}

inline bool operator==(Integer a, Integer b) { return a.fits && b.fits && a.value == b.value; }
inline bool operator<=(Integer a, Integer b) { return a.fits && b.fits && a.value <= b.value; }
inline bool operator<(Integer a, Integer b) { return a.fits && b.fits && a.value < b.value; }

// Where a value lies, as launches want it.
template <class T>
void *at(const T &value) {
    return const_cast<void *>(static_cast<const void *>(&value));
}

inline const char *check_size(const char *name, Integer size) {
    if (size.value < 0 || size.value > INT32_MAX) {
        return refuse("the size %s is %lld, and sizes are from 0 to 2147483647", name,
                      size.shown());
    }
    return nullptr;
}

inline const char *check_address(const char *name, const void *address, int64_t alignment) {
    if (address == nullptr) {
        return refuse("the address of %s is null", name);
    }
    if (reinterpret_cast<uintptr_t>(address) % static_cast<uintptr_t>(alignment) != 0) {
        return refuse("the address of %s is not a multiple of %lld bytes", name,
                      static_cast<long long>(alignment));
    }
    return nullptr;
}

inline const char *check_tensor(const char *name, const void *address,
                                std::initializer_list<Integer> shape, int64_t element_bytes,
                                int64_t alignment) {
    Integer bytes = element_bytes;
    int position = 0;
    for (const Integer dimension : shape) {
        if (!dimension.fits) {
            return refuse("a number that %s needs does not fit into 64 bits; launch smaller sizes",
                          name);
        }
        if (dimension.value < 0 || dimension.value > INT32_MAX) {
            return refuse("dimension %d of %s is %lld, and dimensions are from 0 to 2147483647",
                          position, name, dimension.shown());
        }
        bytes = bytes * dimension;
        position += 1;
    }
    if (!bytes.fits) {
        return refuse("%s has more bytes than 64-bit addresses reach", name);
    }
    if (bytes.value == 0 && address == nullptr) {
        return nullptr;
    }
    return check_address(name, address, alignment);
}

inline const char *check_workspace(Integer needed, const void *workspace, int64_t bytes) {
    if (!needed.fits || needed.value < 0) {
        return refuse("a number that %s needs does not fit into 64 bits; launch smaller sizes",
                      "the workspace");
    }
    if (needed.value == 0) {
        return nullptr;
    }
    if (bytes < needed.value) {
        return refuse("the workspace has %lld bytes, and this launch needs %lld",
                      static_cast<long long>(bytes), needed.shown());
    }
    return check_address("the workspace", workspace, 256);
}

// Asks the device that is current in this thread for its compute capability.
inline const char *check_device(const char *arch, int major, int minor, bool exactly) {
    int device = 0;
    int has_major = 0;
    int has_minor = 0;
    cudaError_t error = cudaGetDevice(&device);
    if (error == cudaSuccess) {
        error = cudaDeviceGetAttribute(&has_major, cudaDevAttrComputeCapabilityMajor, device);
    }
    if (error == cudaSuccess) {
        error = cudaDeviceGetAttribute(&has_minor, cudaDevAttrComputeCapabilityMinor, device);
    }
    if (error != cudaSuccess) {
        cudaGetLastError();
        return refuse("there is no GPU to launch on: %s", cudaGetErrorString(error));
    }
    const int has = has_major * 10 + has_minor;
    const int needs = major * 10 + minor;
    if (has < needs || (exactly && has != needs)) {
        return refuse("this kernel is compiled for %s, and the device has compute capability %d.%d",
                      arch, has_major, has_minor);
    }
    return nullptr;
}

struct Blocks {
    Integer x, y, z;
    bool none() const { return x == 0 || y == 0 || z == 0; }
};

// Puts one launch into the stream; asks for what it needs beyond the ordinary first.
inline const char *start(const char *name, const void *function, Blocks grid, dim3 block,
                         dim3 cluster, unsigned shared_bytes, void **parameters,
                         cudaStream_t stream) {
    if (!grid.x.fits || !grid.y.fits || !grid.z.fits) {
        return refuse("a number that %s needs does not fit into 64 bits; launch smaller sizes",
                      name);
    }
    if (grid.x.value > INT32_MAX || grid.y.value > 65535 || grid.z.value > 65535) {
        return refuse("%s needs more blocks than a grid can have; launch smaller sizes", name);
    }
    cudaError_t error = cudaSuccess;
    if (shared_bytes > 48 * 1024) {
        error = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(shared_bytes));
    }
    const unsigned clustered = cluster.x * cluster.y * cluster.z;
    if (error == cudaSuccess && clustered > 8) {
        error = cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    }
    if (error == cudaSuccess) {
        cudaLaunchAttribute attribute = {};
        attribute.id = cudaLaunchAttributeClusterDimension;
        attribute.val.clusterDim.x = cluster.x;
        attribute.val.clusterDim.y = cluster.y;
        attribute.val.clusterDim.z = cluster.z;
        cudaLaunchConfig_t config = {};
        config.gridDim = dim3(static_cast<unsigned>(grid.x.value),
                              static_cast<unsigned>(grid.y.value),
                              static_cast<unsigned>(grid.z.value));
        config.blockDim = block;
        config.dynamicSmemBytes = shared_bytes;
        config.stream = stream;
        config.attrs = &attribute;
        config.numAttrs = clustered > 1 ? 1 : 0;
        error = cudaLaunchKernelExC(&config, function, parameters);
    }
    if (error != cudaSuccess) {
        cudaGetLastError();
        return refuse("launching %s failed: %s", name, cudaGetErrorString(error));
    }
    return nullptr;
}
