// Says who waits on what when nothing can go on.
#include <algorithm>

#include "parts.h"

namespace emu {

namespace {

const char* verb(const Fiber& fiber) {
    return fiber.state == Fiber::Done ? "has ended" : "waits too";
}

// The other end of the ring that the fiber waits for; null where nobody has touched it.
const Fiber* partner(const Fiber& fiber) {
    const Wait& wait = fiber.wait;
    if (wait.kind > Wait::Space) return nullptr;
    const Ring& ring = fiber.core->rings[wait.what];
    const int role = wait.kind == Wait::Pages ? ring.producer : ring.consumer;
    return role < 0 ? nullptr : &fiber.core->fibers[role];
}

// What the other end holds on to, if that would help.
std::string held(const Fiber& fiber) {
    const Ring& ring = fiber.core->rings[fiber.wait.what];
    const uint32_t reserved = ring.reserved.load();
    if (fiber.wait.kind == Wait::Pages && reserved > 0) {
        return text("; %u reserved at %s and not pushed", reserved, place(ring.reserved_at).c_str());
    }
    if (fiber.wait.kind == Wait::Space && ring.waited > 0) {
        return text("; %u waited for at %s and not popped", ring.waited,
                    place(ring.waited_at).c_str());
    }
    return "";
}

std::string ring_wait_text(const Fiber& fiber) {
    const Wait& wait = fiber.wait;
    const Ring& ring = fiber.core->rings[wait.what];
    const bool pages = wait.kind == Wait::Pages;
    const uint32_t have = pages ? ring.there() : ring.info->pages - ring.there();
    const Fiber* other = partner(fiber);
    std::string who = pages ? "nobody pushes to it" : "nobody pops from it";
    if (other != nullptr) {
        who = text("the %s %s", role_name(other->role), verb(*other));
    }
    return text("%s(%s, %u): %u of %u pages are %s", pages ? "cb_wait_front" : "cb_reserve_back",
                ring.info->name.c_str(), wait.need, have, wait.need, pages ? "there" : "free") +
           held(fiber) + " (" + who + ")";
}

std::string wait_text(const Fiber& fiber) {
    const Wait& wait = fiber.wait;
    if (wait.kind <= Wait::Space) return ring_wait_text(fiber);
    const uint32_t id = (wait.what - kSemaphores) / kSemaphoreBytes;
    const bool exact = wait.kind == Wait::WordIs;
    return text("%s(%s, %u): it is %u", exact ? "noc_semaphore_wait" : "noc_semaphore_wait_min",
                machine.plan().info.semaphores[id].c_str(), wait.need,
                fiber.core->word(wait.what).load());
}

// Fibers of different cores that wait in the same way are told once.
struct Group {
    const Fiber* first;
    std::string text;
    uint32_t count;
};

std::vector<Group> groups() {
    std::vector<Group> groups;
    for (const auto& core : machine.cores) {
        for (const Fiber& fiber : core->fibers) {
            if (fiber.state != Fiber::Blocked) continue;
            const std::string text = place(fiber.at) + ": " + wait_text(fiber);
            Group* same = nullptr;
            for (Group& group : groups) {
                if (group.text == text) same = &group;
            }
            if (same == nullptr) groups.push_back({&fiber, text, 0});
            (same == nullptr ? groups.back() : *same).count += 1;
        }
    }
    return groups;
}

// The fiber of the same core that would have to go on first; null if none can be told.
const Fiber* needed(const Fiber& fiber) {
    if (fiber.wait.kind > Wait::Space) return nullptr;
    if (const Fiber* other = partner(fiber)) return other;
    for (const Role role : {Role::Compute, Role::Reader, Role::Writer}) {
        const Fiber& other = fiber.core->fibers[static_cast<size_t>(role)];
        if (&other != &fiber && other.state == Fiber::Blocked) return &other;
    }
    return nullptr;
}

// How surely a wait is the cause and not what follows from it.
enum Cause { Ended, Cycle, Semaphore, Unknown };

struct Suspect {
    const Fiber* fiber;
    Cause cause;
};

// Follows who waits for whom to one whose partner has ended, to a semaphore, or around: of
// those in a circle, one whose partner keeps the pages that it waits for.
Suspect suspect(const Fiber& first) {
    std::vector<const Fiber*> path;
    for (const Fiber* at = &first;;) {
        path.push_back(at);
        const Fiber* next = needed(*at);
        if (next == nullptr) return {at, at->wait.kind > Wait::Space ? Semaphore : Ended};
        if (next->state == Fiber::Done) return {at, Ended};
        const auto again = std::find(path.begin(), path.end(), next);
        at = next;
        if (again == path.end()) continue;
        for (auto member = again; member != path.end(); ++member) {
            if (!held(**member).empty()) return {*member, Cycle};
        }
        return {at, Unknown};
    }
}

const Fiber& culprit(const std::vector<Group>& groups) {
    Suspect best{groups.front().first, Unknown};
    for (const Group& group : groups) {
        const Suspect found = suspect(*group.first);
        if (found.cause < best.cause) best = found;
    }
    return *best.fiber;
}

}  // namespace

Failure explain_deadlock() {
    constexpr size_t kMost = 12;
    const std::vector<Group> waiting = groups();
    std::string sentence = "nothing can go on";
    for (size_t at = 0; at < waiting.size() && at < kMost; ++at) {
        const Group& group = waiting[at];
        const Core& core = *group.first->core;
        sentence += text("%s core (%u, %u)", at == 0 ? ":" : ";", core.column, core.row);
        if (group.count > 1) sentence += text(" and %u more", group.count - 1);
        sentence += " at " + group.text;
    }
    if (waiting.size() > kMost) sentence += text("; and %zu more", waiting.size() - kMost);
    const Fiber& fiber = culprit(waiting);
    return {Fault::Deadlock, sentence, fiber.at.file_name(), fiber.at.line(), fiber.core->index,
            static_cast<uint32_t>(fiber.role)};
}

}  // namespace emu
