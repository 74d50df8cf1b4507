// Sentences of faults as the emulator puts them together. Headers of kernels do without: what
// they include is read again for each kernel, and <string> takes longer than all of them.
#pragma once

#include <string>

#include "emu/fault.h"

namespace emu {

// As the other `fault`, with a sentence that is there already.
[[noreturn]] void fault(Fault kind, const std::string& sentence, const Where& at);

// Text in the manner of printf.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

}  // namespace emu
