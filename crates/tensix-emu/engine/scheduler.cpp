// Threads that run the fibers of their cores until nothing can go on.
//
// A thread that finds all its fibers blocked waits for an event: something that another
// core did to one of its cores. When every thread waits and no event has come since each
// looked, everything has ended or is deadlocked.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "parts.h"

namespace emu {

namespace {

std::mutex mutex;
std::condition_variable changed;
std::atomic<uint64_t> events{0};
uint32_t idle = 0;     // threads that wait, none of which has missed an event
uint32_t threads = 0;
bool over = false;

// Waits for an event after `seen`; false when there can be none.
bool wait_for_event(uint64_t seen) {
    std::unique_lock lock(mutex);
    if (over) return false;
    if (events.load() != seen) return true;
    if (++idle == threads) {
        over = true;
        changed.notify_all();
        return false;
    }
    changed.wait(lock, [&] { return over || events.load() != seen; });
    return !over;
}

// Runs the core's fibers until each is blocked or has ended; whether any ran.
bool run_core(Core& core) {
    bool any = false;
    for (bool ran = true; ran;) {
        ran = false;
        for (Fiber& fiber : core.fibers) {
            const bool runs = fiber.state == Fiber::Ready ||
                              (fiber.state == Fiber::Blocked && is_over(core, fiber.wait));
            if (!runs) continue;
            resume(fiber);
            ran = any = true;
        }
    }
    return any;
}

void run_thread(uint32_t thread) {
    use_signal_stack();
    ucontext_t scheduler;
    std::vector<Core*> mine;
    for (auto& core : machine.cores) {
        if (core->index % threads != thread) continue;
        core->scheduler = &scheduler;
        mine.push_back(core.get());
    }
    for (;;) {
        const uint64_t seen = events.load();
        bool any = false;
        for (Core* core : mine) any |= run_core(*core);
        if (!any && !wait_for_event(seen)) return;
    }
}

}  // namespace

bool is_over(const Core& core, const Wait& wait) {
    const Ring& ring = core.rings[wait.kind <= Wait::Space ? wait.what : 0];
    switch (wait.kind) {
        case Wait::Nothing: return true;
        case Wait::Pages: return ring.there() >= wait.need;
        case Wait::Space: return ring.info->pages - ring.there() >= wait.need;
        case Wait::WordIs: return core.word(wait.what).load(std::memory_order_acquire) == wait.need;
        case Wait::WordIsAtLeast:
            return core.word(wait.what).load(std::memory_order_acquire) >= wait.need;
    }
    return true;
}

void signal() {
    std::lock_guard lock(mutex);
    events.fetch_add(1);
    idle = 0;
    changed.notify_all();
}

void run_cores() {
    threads = std::min<uint32_t>(machine.threads, static_cast<uint32_t>(machine.cores.size()));
    idle = 0;
    over = false;
    std::vector<std::thread> others;
    for (uint32_t thread = 1; thread < threads; ++thread) others.emplace_back(run_thread, thread);
    run_thread(0);
    for (std::thread& thread : others) thread.join();
}

}  // namespace emu
