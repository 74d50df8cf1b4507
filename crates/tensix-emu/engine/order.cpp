// What one core knows of another through semaphores, so that a race is found under every
// schedule, also where it happened to go well.
//
// Every process (reader or writer of a core) has a clock: how many signals it gave, and of
// how many of each other process it knows. What it does now follows a moment of another
// process if it knows of the signal that came after that moment:
//
//   core 1: reserve; valid = 0; ready of core 0 += 1            wait valid == 1; push
//   core 0:          wait ready == 1; multicast; valid of all = 1
#include <mutex>

#include "parts.h"

namespace emu {

namespace {

// Clocks of all processes and semaphores; signals are rare enough for one lock.
std::mutex order_mutex;

uint32_t process_of(const Fiber& fiber) {
    return 2 * fiber.core->index + (fiber.role == Role::Writer ? 1 : 0);
}

void join(std::vector<uint32_t>& into, const std::vector<uint32_t>& from) {
    if (into.size() < from.size()) into.resize(from.size());
    for (size_t at = 0; at < from.size(); ++at) into[at] = std::max(into[at], from[at]);
}

bool knows(const Fiber& fiber, const Moment& moment) {
    return moment.process < fiber.clock.size() && fiber.clock[moment.process] >= moment.count;
}

}  // namespace

void start_clock(Fiber& fiber) {
    fiber.clock.assign(2 * machine.plan().info.columns * machine.plan().info.rows, 0);
    fiber.clock[process_of(fiber)] = 1;
}

Moment now(const Fiber& fiber) {
    const uint32_t process = process_of(fiber);
    return {process, fiber.clock[process]};
}

void note_reserve(const Fiber& fiber, Ring& ring) {
    if (fiber.role == Role::Compute || machine.plan().semaphores.empty()) return;
    std::lock_guard lock(order_mutex);
    ring.reserved_moment = now(fiber);
}

bool note_landing(const Fiber& sender, Ring& ring) {
    std::lock_guard lock(order_mutex);
    if (!knows(sender, ring.reserved_moment)) return false;
    ring.landed.push_back(now(sender));
    return true;
}

bool has_landed(const Fiber& fiber, Ring& ring) {
    if (fiber.role == Role::Compute || machine.plan().semaphores.empty()) return true;
    std::lock_guard lock(order_mutex);
    const std::vector<Moment> landed = std::move(ring.landed);
    ring.landed.clear();
    for (const Moment& moment : landed) {
        if (!knows(fiber, moment)) return false;
    }
    return true;
}

void note_signal(Fiber& from, Core& to, uint32_t semaphore, bool adds) {
    std::lock_guard lock(order_mutex);
    Known& known = to.known[semaphore];
    if (adds) return join(known.added, from.clock);
    known.set = from.clock;
    known.added.clear();
}

void note_sent(Fiber& from) {
    std::lock_guard lock(order_mutex);
    from.clock[process_of(from)] += 1;
}

void note_seen(Fiber& fiber, uint32_t semaphore, bool all) {
    std::lock_guard lock(order_mutex);
    const Known& known = fiber.core->known[semaphore];
    join(fiber.clock, known.set);
    if (all) join(fiber.clock, known.added);
}

}  // namespace emu
