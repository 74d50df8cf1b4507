// tt-metal's data-movement API, as far as kernels of ours use it: the names, the order of
// parameters and the meaning of 0.81.1. Each function takes its caller's place at the end.
#pragma once

#include "api/compile_time_args.h"
#include "api/tensor/tensor_accessor.h"
#include "emu/kernel.h"
#include "emu/noc.h"

// The NoC of this processor: 0 for a reader, 1 for a writer.
constexpr uint8_t noc_index = TILEC_NOC;

namespace emu {

// `my_x[noc]`: virtual coordinates are the same on both networks.
struct OwnX {
    uint8_t operator[](int) const { return static_cast<uint8_t>(noc_x(core_column())); }
};
struct OwnY {
    uint8_t operator[](int) const { return static_cast<uint8_t>(noc_y(core_row())); }
};

inline uint32_t address_of(const volatile void* pointer) {
    return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pointer));
}

}  // namespace emu

constexpr emu::OwnX my_x;
constexpr emu::OwnY my_y;

inline uint8_t get_absolute_logical_x() { return static_cast<uint8_t>(emu::core_column()); }
inline uint8_t get_absolute_logical_y() { return static_cast<uint8_t>(emu::core_row()); }
inline uint8_t get_relative_logical_x() { return static_cast<uint8_t>(emu::core_column()); }
inline uint8_t get_relative_logical_y() { return static_cast<uint8_t>(emu::core_row()); }

// ---- circular buffers ----

inline void cb_reserve_back(int32_t operand, int32_t num_pages, emu::Where at = emu::Where::current()) {
    emu::ring_reserve(static_cast<uint32_t>(operand), static_cast<uint32_t>(num_pages), at);
}
inline void cb_push_back(int32_t operand, int32_t num_pages, emu::Where at = emu::Where::current()) {
    emu::ring_push(static_cast<uint32_t>(operand), static_cast<uint32_t>(num_pages), at);
}
inline void cb_wait_front(int32_t operand, int32_t num_pages, emu::Where at = emu::Where::current()) {
    emu::ring_wait(static_cast<uint32_t>(operand), static_cast<uint32_t>(num_pages), at);
}
inline void cb_pop_front(int32_t operand, int32_t num_pages, emu::Where at = emu::Where::current()) {
    emu::ring_pop(static_cast<uint32_t>(operand), static_cast<uint32_t>(num_pages), at);
}
inline uint32_t get_write_ptr(uint32_t operand, emu::Where at = emu::Where::current()) {
    return emu::ring_write_address(operand, at);
}
inline uint32_t get_read_ptr(uint32_t operand, emu::Where at = emu::Where::current()) {
    return emu::ring_read_address(operand, at);
}

// ---- addresses ----

inline uint64_t get_noc_addr(uint32_t noc_x, uint32_t noc_y, uint32_t addr, uint8_t = noc_index) {
    return emu::noc_core_address(noc_x, noc_y, addr);
}
inline uint64_t get_noc_addr(uint32_t addr, uint8_t = noc_index) {
    return emu::noc_own_address(addr);
}
inline uint64_t get_noc_addr(uint32_t id, const TensorAccessor& addrgen, uint32_t offset = 0,
                             uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    return addrgen.get_noc_addr(id, offset, noc_index, at);
}
inline uint64_t get_noc_multicast_addr(uint32_t noc_x_start, uint32_t noc_y_start,
                                       uint32_t noc_x_end, uint32_t noc_y_end, uint32_t addr,
                                       uint8_t = noc_index) {
    return emu::noc_cores_address(noc_x_start, noc_y_start, noc_x_end, noc_y_end, addr);
}

// ---- reads and writes ----

inline void noc_async_read(uint64_t src_noc_addr, uint32_t dst_local_l1_addr, uint32_t size,
                           uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_read(src_noc_addr, dst_local_l1_addr, size, "noc_async_read", at);
}
inline void noc_async_write(uint32_t src_local_l1_addr, uint64_t dst_noc_addr, uint32_t size,
                            uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_write(src_local_l1_addr, dst_noc_addr, size, "noc_async_write", at);
}
inline void noc_async_read_page(uint32_t id, const TensorAccessor& addrgen,
                                uint32_t dst_local_l1_addr, uint32_t offset = 0,
                                uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_read(addrgen.get_noc_addr(id, offset, noc_index, at), dst_local_l1_addr,
                  addrgen.get_aligned_page_size(), "noc_async_read_page", at);
}
inline void noc_async_write_page(uint32_t id, const TensorAccessor& addrgen,
                                 uint32_t src_local_l1_addr, uint32_t size = 0,
                                 uint32_t offset = 0, uint8_t = noc_index,
                                 emu::Where at = emu::Where::current()) {
    emu::noc_write(src_local_l1_addr, addrgen.get_noc_addr(id, offset, noc_index, at),
                   size == 0 ? addrgen.get_aligned_page_size() : size, "noc_async_write_page", at);
}
inline void noc_async_write_multicast(uint32_t src_local_l1_addr, uint64_t dst_noc_addr_multicast,
                                      uint32_t size, uint32_t num_dests, bool = false,
                                      uint8_t noc = noc_index, uint8_t = 0,
                                      emu::Where at = emu::Where::current()) {
    emu::noc_multicast(src_local_l1_addr, dst_noc_addr_multicast, size, num_dests, false, noc,
                       "noc_async_write_multicast", at);
}
inline void noc_async_write_multicast_loopback_src(uint32_t src_local_l1_addr,
                                                   uint64_t dst_noc_addr_multicast, uint32_t size,
                                                   uint32_t num_dests, bool = false,
                                                   uint8_t noc = noc_index,
                                                   emu::Where at = emu::Where::current()) {
    emu::noc_multicast(src_local_l1_addr, dst_noc_addr_multicast, size, num_dests, true, noc,
                       "noc_async_write_multicast_loopback_src", at);
}

inline void noc_async_read_barrier(uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_read_barrier(at);
}
inline void noc_async_write_barrier(uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_write_barrier(at);
}
inline void noc_async_writes_flushed(uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_writes_flushed(at);
}
inline void noc_async_atomic_barrier(uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_atomic_barrier(at);
}
inline void noc_async_full_barrier(uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::noc_read_barrier(at);
    emu::noc_write_barrier(at);
    emu::noc_atomic_barrier(at);
}

// ---- semaphores ----

inline uintptr_t get_semaphore(uint32_t semaphore_id, emu::Where at = emu::Where::current()) {
    return emu::semaphore_address(semaphore_id, at);
}
inline void noc_semaphore_set(volatile tt_l1_ptr uint32_t* sem_addr, uint32_t val,
                              emu::Where at = emu::Where::current()) {
    emu::semaphore_set(emu::address_of(sem_addr), val, at);
}
inline void noc_semaphore_wait(volatile tt_l1_ptr uint32_t* sem_addr, uint32_t val,
                               emu::Where at = emu::Where::current()) {
    emu::semaphore_wait(emu::address_of(sem_addr), val, false, at);
}
inline void noc_semaphore_wait_min(volatile tt_l1_ptr uint32_t* sem_addr, uint32_t val,
                                   emu::Where at = emu::Where::current()) {
    emu::semaphore_wait(emu::address_of(sem_addr), val, true, at);
}
inline void noc_semaphore_inc(uint64_t addr, uint32_t incr, uint8_t = noc_index, uint8_t = 0,
                              emu::Where at = emu::Where::current()) {
    emu::semaphore_add(addr, incr, at);
}
inline void noc_semaphore_set_multicast(uint32_t src_local_l1_addr,
                                        uint64_t dst_noc_addr_multicast, uint32_t num_dests,
                                        bool = false, uint8_t noc = noc_index, uint8_t = 0,
                                        emu::Where at = emu::Where::current()) {
    emu::semaphore_send(src_local_l1_addr, dst_noc_addr_multicast, num_dests, false, noc,
                        "noc_semaphore_set_multicast", at);
}
inline void noc_semaphore_set_multicast_loopback_src(uint32_t src_local_l1_addr,
                                                     uint64_t dst_noc_addr_multicast,
                                                     uint32_t num_dests, bool = false,
                                                     uint8_t noc = noc_index,
                                                     emu::Where at = emu::Where::current()) {
    emu::semaphore_send(src_local_l1_addr, dst_noc_addr_multicast, num_dests, true, noc,
                        "noc_semaphore_set_multicast_loopback_src", at);
}
inline void noc_semaphore_set_remote(uint32_t src_local_l1_addr, uint64_t dst_noc_addr,
                                     uint8_t = noc_index, emu::Where at = emu::Where::current()) {
    emu::semaphore_send_one(src_local_l1_addr, dst_noc_addr, at);
}

// ---- single words of L1, for device headers of ours ----

#define TILEC_L1_LOAD(address) emu::l1_load(address, emu::Where::current())
#define TILEC_L1_STORE(address, value) emu::l1_store(address, value, emu::Where::current())
