// Faults, and the report that the driver reads: report.json.
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <mutex>

#include "parts.h"

namespace emu {

namespace {

std::mutex failures_mutex;
std::vector<Failure> failures;

// By `Fault`; `Kind` in src/failure.rs has the same names.
constexpr const char* kNames[] = {
    "deadlock",       "timeout",       "crash",          "argument",       "address",
    "ring_unknown",   "ring_capacity", "ring_count",     "ring_wrap",      "ring_window",
    "ring_unbalanced", "ring_role",    "unwritten",      "read_in_flight", "write_in_flight",
    "format",         "page_size",     "page_range",     "page_unwritten", "page_twice",
    "page_missing",   "race",          "multicast",      "semaphore",      "dst_capacity",
    "dst_state",      "dst_unwritten", "init",           "operands",       "configuration",
    "instruction",
};

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < ' ') continue;
        out += c;
    }
    return out + '"';
}

std::string printed(const char* format, va_list list) {
    va_list again;
    va_copy(again, list);
    std::string out(static_cast<size_t>(std::max(vsnprintf(nullptr, 0, format, list), 0)), '\0');
    vsnprintf(out.data(), out.size() + 1, format, again);
    va_end(again);
    return out;
}

// The first core's, and there the most upstream kernel's: the same in every run.
const Failure& first_failure() {
    const Failure* first = &failures.front();
    for (const Failure& failure : failures) {
        if (std::pair(failure.core, failure.role) < std::pair(first->core, first->role)) {
            first = &failure;
        }
    }
    return *first;
}

std::string failure_text() {
    const Failure& failure = first_failure();
    const bool started = machine.at_program < machine.programs.size();
    const ProgramInfo info = started ? machine.plan().info : ProgramInfo{};
    const uint32_t columns = std::max(info.columns, 1u);
    return text("{\"kind\": %s, \"program\": %s, \"file\": %s, \"line\": %u, \"core\": [%u, %u], "
                "\"role\": %s, \"sentence\": ",
                quoted(fault_name(failure.kind)).c_str(), quoted(info.name).c_str(),
                quoted(failure.file).c_str(), failure.line, failure.core % columns,
                failure.core / columns, quoted(role_name(static_cast<Role>(failure.role))).c_str()) +
           quoted(failure.sentence) + "}";
}

std::string counters_text(const Counters& c) {
    const auto number = [](uint64_t value) { return std::to_string(value); };
    return "{\"dram_read_bytes\": " + number(c.dram_read_bytes) +
           ", \"dram_written_bytes\": " + number(c.dram_written_bytes) +
           ", \"noc_bytes\": " + number(c.noc_bytes) +
           ", \"multicast_bytes\": " + number(c.multicast_bytes) +
           ", \"tile_products\": " + number(c.tile_products) +
           ", \"wrong_sums\": " + number(c.wrong_sums) + "}";
}

void write_report() {
    std::ofstream file(machine.folder + "/report.json");
    file << "{\"failure\": " << (failures.empty() ? "null" : failure_text());
    file << ", \"programs\": [";
    for (size_t program = 0; program < machine.counters.size(); ++program) {
        file << (program == 0 ? "" : ", ") << "[";
        for (size_t core = 0; core < machine.counters[program].size(); ++core) {
            file << (core == 0 ? "" : ", ") << counters_text(machine.counters[program][core]);
        }
        file << "]";
    }
    file << "]}\n";
}

}  // namespace

const char* fault_name(Fault kind) { return kNames[static_cast<size_t>(kind)]; }

std::string text(const char* format, ...) {
    va_list list;
    va_start(list, format);
    std::string out = printed(format, list);
    va_end(list);
    return out;
}

std::string place(const Where& at) { return text("%s:%u", at.file_name(), at.line()); }

void add_failure(Failure failure) {
    std::lock_guard lock(failures_mutex);
    failures.push_back(std::move(failure));
}

bool has_failure() {
    std::lock_guard lock(failures_mutex);
    return !failures.empty();
}

void fault(Fault kind, const std::string& sentence, const Where& at) {
    Fiber& fiber = running();
    add_failure({kind, sentence, at.file_name(), at.line(), fiber.core->index,
                 static_cast<uint32_t>(fiber.role)});
    leave(fiber, Fiber::Faulted);
}

void fault(Fault kind, const Where& at, const char* format, ...) {
    va_list list;
    va_start(list, format);
    const std::string sentence = printed(format, list);
    va_end(list);
    fault(kind, sentence, at);
}

void finish() {
    // The one who comes second, such as the watch over time, waits for the end.
    static std::atomic_flag finishing;
    while (finishing.test_and_set()) pause();
    write_report();
    _exit(0);
}

}  // namespace emu
