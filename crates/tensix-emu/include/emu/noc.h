// The network and L1, for the headers of the data-movement API.
#pragma once

#include <cstdint>

#include "emu/engine.h"

namespace emu {

// ---- places ----

// NoC coordinates of a column and a row of the program; they differ from the logical
// ones, as on the chip.
uint32_t noc_x(uint32_t column);
uint32_t noc_y(uint32_t row);
// Whether a core of these coordinates can run programs.
bool is_worker(uint32_t x, uint32_t y);

uint64_t noc_core_address(uint32_t x, uint32_t y, uint32_t address);
uint64_t noc_cores_address(uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1, uint32_t address);
uint64_t noc_own_address(uint32_t address);
// A byte of a page of the buffer that `config`, the first word of an accessor's
// compile-time arguments, tells; `address` and `page_bytes` must be that buffer's.
uint64_t noc_page_address(uint32_t config, uint32_t address, uint32_t page_bytes, uint32_t page,
                          uint32_t offset, const Where& at);

// ---- transfers; `call` is the API function, for messages ----

void noc_read(uint64_t from, uint32_t to, uint32_t bytes, const char* call, const Where& at);
void noc_write(uint32_t from, uint64_t to, uint32_t bytes, const char* call, const Where& at);
// `count` destinations, among them this core only `with_self`.
void noc_multicast(uint32_t from, uint64_t to, uint32_t bytes, uint32_t count, bool with_self,
                   uint32_t noc, const char* call, const Where& at);
void noc_read_barrier(const Where& at);
// What is sent has left L1, so that its pages can be written again.
void noc_writes_flushed(const Where& at);
// It has also arrived, so that what came back to this core can be pushed.
void noc_write_barrier(const Where& at);
void noc_atomic_barrier(const Where& at);

// ---- semaphores ----

uint32_t semaphore_address(uint32_t id, const Where& at);
void semaphore_set(uint32_t address, uint32_t value, const Where& at);
void semaphore_wait(uint32_t address, uint32_t value, bool at_least, const Where& at);
void semaphore_add(uint64_t to, uint32_t value, const Where& at);
// Sends this core's word to the same or another semaphore of other cores.
void semaphore_send(uint32_t from, uint64_t to, uint32_t count, bool with_self, uint32_t noc,
                    const char* call, const Where& at);
void semaphore_send_one(uint32_t from, uint64_t to, const Where& at);

// ---- L1, a word at a time ----

uint32_t l1_load(uint32_t address, const Where& at);
void l1_store(uint32_t address, uint32_t value, const Where& at);

}  // namespace emu
