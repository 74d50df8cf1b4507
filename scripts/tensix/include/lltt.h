// Stands in for the vendor compiler's lltt.h: the replay buffer, by the instruction itself.
//
// A kernel records instructions into the buffer, or has a part of it issued again. The word
// of the instruction has a start, a length, and whether it records and also executes.
#pragma once

#include <cstdint>

extern volatile uint32_t __instrn_buffer[];

namespace lltt {

enum ExecBool : bool { NoExec, Exec };

constexpr uint32_t replay_word(unsigned start, unsigned length, unsigned execute, unsigned record) {
    return (4u << 24) | (start << 14) | (length << 4) | (execute << 1) | record;
}

constexpr uint32_t replay_insn(unsigned start, unsigned length) {
    return replay_word(start, length, 0, 0);
}

// Words that are constants are instructions; others go through the core's instruction buffer.
#define LLTT_ISSUE(word)                                             \
    do {                                                             \
        const uint32_t issued = (word);                              \
        if (__builtin_constant_p(issued)) {                          \
            __asm__ volatile(".ttinsn %0" : : "i"(issued) : "memory"); \
        } else {                                                     \
            __instrn_buffer[0] = issued;                             \
        }                                                            \
    } while (0)

template <ExecBool execute = NoExec>
[[gnu::always_inline]] inline void record(unsigned start, unsigned length) {
    LLTT_ISSUE(replay_word(start, length, execute, 1));
}

[[gnu::always_inline]] inline void replay(unsigned start, unsigned length) {
    LLTT_ISSUE(replay_word(start, length, 0, 0));
}

} // namespace lltt
