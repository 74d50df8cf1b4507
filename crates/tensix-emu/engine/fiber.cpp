// Fibers: a kernel of a core with a stack of its own.
#include <sys/mman.h>

#include "parts.h"

namespace emu {

namespace {

constexpr size_t kStackBytes = 256 << 10;
constexpr size_t kGuardBytes = 4096;

thread_local Fiber* current = nullptr;

// A stack with a page below it that faults, so that an overflow is seen.
void* make_stack() {
    void* memory = mmap(nullptr, kStackBytes + kGuardBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail_to_start("there is no memory for the stacks of kernels");
    mprotect(memory, kGuardBytes, PROT_NONE);
    return static_cast<std::byte*>(memory) + kGuardBytes;
}

const char* transfer_name(int list) {
    const char* names[] = {"reads", "writes", "writes to this core itself",
                           "increments of semaphores"};
    return names[list];
}

const char* barrier_name(int list) {
    const char* names[] = {"noc_async_read_barrier", "noc_async_write_barrier",
                           "noc_async_write_barrier", "noc_async_atomic_barrier"};
    return names[list];
}

// A kernel must not end before its transfers have.
void check_transfers(const Fiber& fiber) {
    const std::vector<Transfer>* lists[] = {&fiber.arriving, &fiber.leaving, &fiber.returning,
                                            &fiber.counting};
    for (int list = 0; list < 4; ++list) {
        if (lists[list]->empty()) continue;
        fault(list == 0 ? Fault::ReadInFlight : Fault::WriteInFlight,
              text("the kernel ends with %s in flight; call %s() after them", transfer_name(list),
                   barrier_name(list)),
              lists[list]->front().at);
    }
}

void run_kernel() {
    Fiber& fiber = *current;
    fiber.entry();
    if (fiber.role == Role::Compute) {
        Compute* compute = fiber.core->compute;
        fiber.core->compute = nullptr;
        compute_end(compute, fiber.at);
    }
    check_transfers(fiber);
    leave(fiber, Fiber::Done);
}

}  // namespace

Fiber& running() { return *current; }

Fiber* running_or_null() { return current; }

Fiber* any_running() {
    for (const auto& core : machine.cores) {
        for (Fiber& fiber : core->fibers) {
            if (fiber.state == Fiber::Running) return &fiber;
        }
    }
    return nullptr;
}

Fiber& running(const Where& at) {
    current->at = at;
    return *current;
}

void make_fiber(Fiber& fiber) {
    // Stacks are used again by the next program: fibers of one never outlive it.
    static std::vector<void*> stacks;
    const size_t at = fiber.core->index * kRoles + static_cast<size_t>(fiber.role);
    while (stacks.size() <= at) stacks.push_back(make_stack());
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = stacks[at];
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, run_kernel, 0);
}

void resume(Fiber& fiber) {
    current = &fiber;
    fiber.state = Fiber::Running;
    swapcontext(fiber.core->scheduler, &fiber.context);
    current = nullptr;
}

void block(Fiber& fiber, Wait wait) {
    while (!is_over(*fiber.core, wait)) {
        fiber.wait = wait;
        fiber.state = Fiber::Blocked;
        swapcontext(&fiber.context, fiber.core->scheduler);
    }
}

void leave(Fiber& fiber, Fiber::State state) {
    fiber.state = state;
    setcontext(fiber.core->scheduler);
    __builtin_unreachable();
}

}  // namespace emu
