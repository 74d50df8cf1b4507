// Runs the programs of a plan, one after the other: `engine FOLDER`.
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <cstdio>

#include "parts.h"

namespace emu {

Machine machine;

// guard.cpp
void guard_against_crashes();
void guard_against_hangs();

void fail_to_start(const std::string& sentence) {
    std::fprintf(stderr, "%s\n", sentence.c_str());
    _exit(2);
}

namespace {

void load_kernel(KernelPlan& kernel, const std::string& file, uint32_t role) {
    void* library = dlopen(kernel.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) fail_to_start(dlerror());
    void* entry = dlsym(library, "tilec_kernel_main");
    if (entry == nullptr) fail_to_start(dlerror());
    kernel.entry = reinterpret_cast<void (*)()>(entry);
    link_map* map = nullptr;
    dlinfo(library, RTLD_DI_LINKMAP, &map);
    note_statics(reinterpret_cast<const void*>(map->l_addr), file, role);
}

uint32_t end_of_rings(const ProgramInfo& info) {
    uint32_t end = kRingsStart;
    for (const RingInfo& ring : info.rings) {
        end = std::max(end, ring.offset + ring.pages * ring.page_bytes);
    }
    return end;
}

void set_fiber(Core& core, Role role, const ProgramPlan& plan) {
    Fiber& fiber = core.fibers[static_cast<size_t>(role)];
    const KernelPlan& kernel = plan.kernels[static_cast<size_t>(role)];
    const size_t words = kernel.arguments.size() / (plan.info.columns * plan.info.rows);
    fiber.core = &core;
    fiber.role = role;
    fiber.entry = kernel.entry;
    const auto begin = kernel.arguments.begin() + static_cast<ptrdiff_t>(core.index * words);
    fiber.arguments.assign(begin, begin + static_cast<ptrdiff_t>(words));
    start_clock(fiber);
    make_fiber(fiber);
}

std::unique_ptr<Core> make_core(uint32_t index, const ProgramPlan& plan) {
    auto core = std::make_unique<Core>();
    core->index = index;
    core->column = index % plan.info.columns;
    core->row = index / plan.info.columns;
    open_l1(*core, end_of_rings(plan.info));
    core->known.resize(plan.semaphores.size());
    for (uint32_t id = 0; id < plan.semaphores.size(); ++id) {
        core->word(kSemaphores + id * kSemaphoreBytes).store(plan.semaphores[id]);
    }
    for (uint32_t ring = 0; ring < kRings; ++ring) {
        if (plan.info.rings[ring].format == Format::Invalid) continue;
        core->rings[ring].info = &plan.info.rings[ring];
        const uint32_t pages = plan.info.rings[ring].pages;
        core->rings[ring].versions = std::make_unique<std::atomic<uint64_t>[]>(pages);
    }
    core->compute = compute_begin(plan.info);
    for (uint32_t role = 0; role < kRoles; ++role) set_fiber(*core, static_cast<Role>(role), plan);
    return core;
}

void check_end() {
    if (has_failure()) return;
    for (const auto& core : machine.cores) {
        for (const Fiber& fiber : core->fibers) {
            if (fiber.state != Fiber::Done) return add_failure(explain_deadlock());
        }
    }
    for (const auto& core : machine.cores) check_rings(*core);
    check_statics();
}

void run_program(uint32_t index) {
    ProgramPlan& plan = machine.programs[index];
    machine.at_program = index;
    for (uint32_t role = 0; role < kRoles; ++role) {
        load_kernel(plan.kernels[role], plan.info.files[role], role);
    }
    machine.cores.reserve(plan.info.columns * plan.info.rows);
    for (uint32_t core = 0; core < plan.info.columns * plan.info.rows; ++core) {
        machine.cores.push_back(make_core(core, plan));
    }
    run_cores();
    check_end();
    std::vector<Counters>& counters = machine.counters.emplace_back();
    for (const auto& core : machine.cores) {
        counters.push_back(core->counters);
        close_l1(*core);
    }
    if (has_failure()) finish();
    machine.cores.clear();
}

}  // namespace

// ---- who runs ----

const ProgramInfo& program() { return machine.plan().info; }
Role role() { return running().role; }
uint32_t core_column() { return running().core->column; }
uint32_t core_row() { return running().core->row; }
Counters& counters() { return running().core->counters; }
Compute& compute() { return *running().core->compute; }

uint32_t argument(int index, const Where& at) {
    const Fiber& fiber = running(at);
    const size_t count = fiber.arguments.size();
    if (index < 0 || static_cast<size_t>(index) >= count) {
        fault(Fault::Argument,
              text("get_arg_val(%d): the %s has %zu argument%s", index, role_name(fiber.role),
                   count, count == 1 ? "" : "s"),
              at);
    }
    return fiber.arguments[static_cast<size_t>(index)];
}

}  // namespace emu

int main(int count, char** words) {
    using namespace emu;
    if (count != 2) fail_to_start("usage: engine FOLDER");
    load_plan(words[1]);
    guard_against_crashes();
    guard_against_hangs();
    for (uint32_t index = 0; index < machine.programs.size(); ++index) run_program(index);
    check_outputs();
    if (!has_failure()) save_buffers();
    finish();
}
