// What a kernel does to the process itself: signals, and running for ever.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "parts.h"

namespace emu {

namespace {

// Named with the last call that the kernel made into the API.
Failure failure_of(const Fiber& fiber, Fault kind, const std::string& sentence) {
    return {kind, sentence, fiber.at.file_name(), fiber.at.line(), fiber.core->index,
            static_cast<uint32_t>(fiber.role)};
}

const char* signal_text(int number) {
    switch (number) {
        case SIGSEGV:
        case SIGBUS: return "it reached for memory that isn't there, or its stack overflowed";
        case SIGFPE: return "it divided an integer by 0";
        case SIGILL: return "it ran into code that isn't there";
        default: return "it ended itself";
    }
}

// The process is lost, so nothing here needs to be safe for one that goes on.
void on_signal(int number) {
    const Fiber* fiber = running_or_null();
    if (fiber == nullptr) _exit(3);
    add_failure(failure_of(*fiber, Fault::Crash,
                           text("the kernel crashed after this call: %s", signal_text(number))));
    finish();
}

}  // namespace

void use_signal_stack() {
    // Kernels run on stacks of their own, which may be what is exhausted.
    stack_t stack{};
    stack.ss_size = 64 << 10;
    stack.ss_sp = std::malloc(stack.ss_size);
    sigaltstack(&stack, nullptr);
}

void guard_against_crashes() {
    use_signal_stack();
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
        sigaction(number, &action, nullptr);
    }
}

void guard_against_hangs() {
    std::thread([] {
        std::this_thread::sleep_for(std::chrono::duration<double>(machine.limit_seconds));
        const std::string sentence =
            text("the kernel still ran after %g seconds, this being its last call",
                 machine.limit_seconds);
        const Fiber* fiber = any_running();
        if (fiber != nullptr) add_failure(failure_of(*fiber, Fault::Timeout, sentence));
        finish();
    }).detach();
}

}  // namespace emu
