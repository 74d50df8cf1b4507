// A driver and an NVRTC that do nothing but remember: enough for the calls of the
// runtime to be tried, and timed, on a machine without a GPU. Memory of its "GPUs"
// is the process's own; launches are counted, and the last one is kept.
//
// Built by test_cuda_calls.py as libcuda.so and, once more, as libnvrtc.so. Types are written
// out, so that no header of CUDA is needed.

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICES = 2, OK = 0, INVALID = 1, FULL = 2, NO_DEVICE = 100, CAPTURE_UNSAFE = 900 };

typedef unsigned long long u64;

typedef struct {
    unsigned grid[3], block[3], shared_bytes;
    void* stream;
    void* attributes;
    unsigned attribute_count;
} Config;

// What a test reads and sets, by these names.
struct {
    long launches;
    long maps_encoded;
    long maps_moved;
    long modules_loaded;
    long allocations;
    long frees;
    long waits;
    u64 stream;
    u64 context;
    u64 words[8];  // the first word of each of the first parameters of the last launch
    unsigned grid[3];
    long capturing;  // set by the test: every stream is being captured
    long words_wanted;  // set by the test: how many parameters the launches have
    long full;  // set by the test: no memory is left
} fake;

static _Thread_local void* current;
static _Thread_local int relaxed;
static int contexts[DEVICES];

// A number of the environment, which is there before any of a test's own code runs.
static int number(const char* name, int otherwise) {
    const char* text = getenv(name);
    return text ? atoi(text) : otherwise;
}

int cuDriverGetVersion(int* version) { *version = number("FAKE_DRIVER", 13000); return OK; }
int cuInit(unsigned flags) { (void)flags; return OK; }
int cuDeviceGetCount(int* count) { *count = number("FAKE_DEVICES", DEVICES); return OK; }
int cuDeviceGet(int* device, int index) { *device = index; return index < DEVICES ? OK : NO_DEVICE; }
int cuDeviceGetName(char* name, int length, int device) {
    (void)device;
    strncpy(name, "NVIDIA H200", length);
    return OK;
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
    (void)device;
    switch (attribute) {
    case 75: *value = 9; break;     // the major compute capability
    case 76: *value = 0; break;     // the minor one
    case 16: *value = 132; break;   // multiprocessors
    case 38: *value = 50 << 20; break;  // bytes of the L2 cache
    default: *value = 1;
    }
    return OK;
}
int cuDevicePrimaryCtxRetain(void** context, int device) { *context = &contexts[device]; return OK; }
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return OK; }
int cuCtxGetCurrent(void** context) { *context = current; return OK; }
int cuCtxSetCurrent(void* context) { current = context; return OK; }
int cuCtxSynchronize(void) { fake.waits++; return OK; }
int cuStreamSynchronize(void* stream) { (void)stream; fake.waits++; return OK; }
int cuStreamIsCapturing(void* stream, int* status) {
    (void)stream;
    *status = (int)fake.capturing;
    return OK;
}
int cuThreadExchangeStreamCaptureMode(int* mode) {
    int previous = relaxed;
    relaxed = *mode;
    *mode = previous;
    return OK;
}

// What a driver refuses while a stream of the thread is captured, unless relaxed.
static int unsafe_now(void) { return fake.capturing && relaxed != 2; }

int cuMemAlloc_v2(u64* address, size_t bytes) {
    if (unsafe_now()) return CAPTURE_UNSAFE;
    if (fake.full) return FULL;
    fake.allocations++;
    *address = (u64)aligned_alloc(256, (bytes + 255) / 256 * 256);
    return OK;
}
int cuMemFree_v2(u64 address) { fake.frees++; free((void*)address); return OK; }

int cuMemcpyDtoH_v2(void* to, u64 from, size_t bytes) {
    if (unsafe_now()) return CAPTURE_UNSAFE;
    memcpy(to, (void*)from, bytes);
    return OK;
}

int cuModuleLoadData(void** module, const void* image) {
    if (unsafe_now()) return CAPTURE_UNSAFE;
    (void)image;
    fake.modules_loaded++;
    *module = &fake;
    return OK;
}
int cuModuleUnload(void* module) { (void)module; return OK; }
int cuModuleGetFunction(void** function, void* module, const char* name) {
    (void)module; (void)name;
    *function = &fake;
    return OK;
}
int cuFuncSetAttribute(void* function, int attribute, int value) {
    (void)function; (void)attribute; (void)value;
    return OK;
}
int cuFuncGetAttribute(int* value, int attribute, void* function) {
    (void)attribute; (void)function;
    *value = 0;
    return OK;
}
int cuTensorMapEncodeTiled(u64* map, int type, unsigned rank, void* address, ...) {
    (void)type; (void)rank;
    if ((u64)address % 16) return INVALID;
    fake.maps_encoded++;
    memset(map, 0x11, 128);
    map[0] = (u64)address;
    return OK;
}
int cuTensorMapReplaceAddress(u64* map, void* address) {
    if ((u64)address % 16) return INVALID;
    fake.maps_moved++;
    map[0] = (u64)address;
    return OK;
}
int cuLaunchKernelEx(const Config* config, void* function, void** parameters, void** extra) {
    (void)function; (void)extra;
    fake.launches++;
    fake.stream = (u64)config->stream;
    fake.context = (u64)((int*)current - contexts);
    memcpy(fake.grid, config->grid, sizeof fake.grid);
    for (long i = 0; i < fake.words_wanted; i++) memcpy(&fake.words[i], parameters[i], 8);
    return OK;
}
int cuPointerGetAttribute(void* value, int attribute, u64 address) {
    (void)attribute; (void)address;
    *(int*)value = 0;
    return OK;
}
int cuGetErrorString(int error, const char** text) { (void)error; *text = "the fake driver says no"; return OK; }
int cuGetErrorName(int error, const char** text) { (void)error; *text = "FAKE"; return OK; }

// NVRTC, which makes the same four bytes of everything, and a line in a file for each
// time that it does.

int nvrtcVersion(int* major, int* minor) { *major = 13; *minor = 0; return OK; }
int nvrtcCreateProgram(void** program, const char* source, const char* name, int headers,
                       const char* const* texts, const char* const* names) {
    (void)source; (void)name; (void)headers; (void)texts; (void)names;
    *program = &fake;
    return OK;
}
int nvrtcCompileProgram(void* program, int count, const char* const* options) {
    (void)program; (void)count; (void)options;
    const char* log = getenv("FAKE_NVRTC_LOG");
    if (log) {
        int file = open(log, O_WRONLY | O_APPEND | O_CREAT, 0644);
        if (write(file, "compiled\n", 9) != 9) return INVALID;
        close(file);
    }
    usleep(100000);
    return number("FAKE_NVRTC_FAILS", OK);
}
int nvrtcDestroyProgram(void** program) { (void)program; return OK; }
int nvrtcGetCUBINSize(void* program, size_t* bytes) { (void)program; *bytes = 4; return OK; }
int nvrtcGetCUBIN(void* program, char* bytes) { (void)program; memcpy(bytes, "FAKE", 4); return OK; }
int nvrtcGetProgramLogSize(void* program, size_t* bytes) { (void)program; *bytes = 1; return OK; }
int nvrtcGetProgramLog(void* program, char* text) { (void)program; *text = 0; return OK; }
const char* nvrtcGetErrorString(int error) { (void)error; return "the fake NVRTC says no"; }
