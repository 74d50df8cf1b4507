// Semaphores: words of L1 that cores wait for.
#include "emu/noc.h"
#include "parts.h"

namespace emu {

namespace {

// The offset of a semaphore's word.
uint32_t semaphore_at(const Fiber& fiber, uint32_t address, const char* call, const Where& at) {
    const uint32_t offset = offset_of(fiber, address, 4, call, at);
    const auto count = static_cast<uint32_t>(machine.plan().semaphores.size());
    const bool inside = offset >= kSemaphores && offset < kSemaphores + count * kSemaphoreBytes;
    if (inside && offset % kSemaphoreBytes == 0) return offset;
    fault(Fault::Semaphore, text("%s: 0x%x is the address of no semaphore", call, address), at);
}

uint32_t id_of(uint32_t offset) { return (offset - kSemaphores) / kSemaphoreBytes; }

// The word must not change while it is being sent.
void check_not_sent(const Fiber& fiber, uint32_t offset, const Where& at) {
    const Transfer* found = nullptr;
    for (const Fiber& other : fiber.core->fibers) {
        if (!overlaps(other.leaving, offset, 4, &found)) continue;
        fault(Fault::WriteInFlight,
              text("noc_semaphore_set: %s is still sending the word; call "
                   "noc_async_writes_flushed() after it",
                   place(found->at).c_str()),
              at);
    }
}

void send(Fiber& fiber, uint32_t from, Core& to, uint32_t target) {
    const uint32_t value = fiber.core->word(from).load(std::memory_order_acquire);
    note_signal(fiber, to, id_of(target), false);
    to.word(target).store(value, std::memory_order_release);
}

// The word of this core leaves; others may go on.
void sent(Fiber& fiber, uint32_t offset, const Where& at) {
    note_sent(fiber);
    fiber.leaving.push_back({offset, 4, at});
    signal();
}

}  // namespace

uint32_t semaphore_address(uint32_t id, const Where& at) {
    const Fiber& fiber = running(at);
    const size_t count = machine.plan().semaphores.size();
    if (id >= count) {
        fault(Fault::Semaphore,
              text("get_semaphore(%u): the program has %zu semaphore%s", id, count,
                   count == 1 ? "" : "s"),
              at);
    }
    return base_of(*fiber.core) + kSemaphores + id * kSemaphoreBytes;
}

void semaphore_set(uint32_t address, uint32_t value, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = semaphore_at(fiber, address, "noc_semaphore_set", at);
    auto word = fiber.core->word(offset);
    if (word.load(std::memory_order_relaxed) != value) check_not_sent(fiber, offset, at);
    note_signal(fiber, *fiber.core, id_of(offset), false);
    note_sent(fiber);
    word.store(value, std::memory_order_release);
}

void semaphore_wait(uint32_t address, uint32_t value, bool at_least, const Where& at) {
    Fiber& fiber = running(at);
    const char* call = at_least ? "noc_semaphore_wait_min" : "noc_semaphore_wait";
    const uint32_t offset = semaphore_at(fiber, address, call, at);
    block(fiber, {at_least ? Wait::WordIsAtLeast : Wait::WordIs, offset, value});
    // More than what was waited for doesn't say whose counts would have been enough.
    note_seen(fiber, id_of(offset), !at_least || fiber.core->word(offset).load() == value);
}

void semaphore_add(uint64_t to, uint32_t value, const Where& at) {
    Fiber& fiber = running(at);
    Core& core = one_core(to, "noc_semaphore_inc", at);
    const uint32_t offset =
        semaphore_at(fiber, static_cast<uint32_t>(to), "noc_semaphore_inc", at);
    note_signal(fiber, core, id_of(offset), true);
    core.word(offset).fetch_add(value, std::memory_order_acq_rel);
    note_sent(fiber);
    fiber.counting.push_back({offset, 4, at});
    signal();
}

void semaphore_send(uint32_t from, uint64_t to, uint32_t count, bool with_self, uint32_t noc,
                    const char* call, const Where& at) {
    Fiber& fiber = running(at);
    const uint32_t offset = semaphore_at(fiber, from, call, at);
    const uint32_t target = semaphore_at(fiber, static_cast<uint32_t>(to), call, at);
    for (Core* core : cores_in(fiber, to, count, with_self, noc, call, at)) {
        send(fiber, offset, *core, target);
    }
    sent(fiber, offset, at);
}

void semaphore_send_one(uint32_t from, uint64_t to, const Where& at) {
    Fiber& fiber = running(at);
    const char* call = "noc_semaphore_set_remote";
    const uint32_t offset = semaphore_at(fiber, from, call, at);
    const uint32_t target = semaphore_at(fiber, static_cast<uint32_t>(to), call, at);
    send(fiber, offset, one_core(to, call, at), target);
    sent(fiber, offset, at);
}

}  // namespace emu
