// What formats the parts of a core are set up for.
#include <string>

#include "state.h"

namespace emu {
namespace {

const char* name(Source source) { return source == Source::A ? "SrcA" : "SrcB"; }

std::string name(const Configured& c) {
    if (c.format == Format::Invalid) return "nothing";
    return std::string(format_name(c.format)) + (c.to_dst ? " straight to DST" : "");
}

std::string name(const RingInfo& ring) {
    return "ring " + ring.name + " (" + format_name(ring.format) + ")";
}

void check_supported(const RingInfo& ring, const char* call, const Where& at) {
    const Compute& core = compute();
    Arch arch = core.program.arch;
    auto refuse = [&](const char* why) {
        fault(Fault::Configuration, text("%s: %s: %s", call, name(ring).c_str(), why), at);
    };
    if (needs(ring).to_dst && arch == Arch::Wormhole) {
        refuse("on Wormhole 32-bit words don't get from L1 to DST unchanged");
    }
    if (ring.format == Format::Fp8_e4m3 && arch == Arch::Wormhole) {
        refuse("Wormhole has no e4m3");
    }
    if (!core.wide() && (needs(ring).to_dst || ring.format == Format::UInt8 ||
                         ring.format == Format::Fp8_e4m3)) {
        refuse("the format needs DST of 32-bit values (fp32_dest_acc)");
    }
}

}  // namespace

Configured needs(const RingInfo& ring) {
    return {ring.format, is_integer_word(ring.format) || ring.unpack_to_dst};
}

void check_started(const char* call, const Where& at) {
    if (compute().started) return;
    fault(Fault::Init, text("%s: compute_kernel_hw_startup must be called first", call), at);
}

void start_compute(uint32_t ring_a, uint32_t ring_b, uint32_t out, const Where& at) {
    const char* call = "compute_kernel_hw_startup";
    Compute& core = compute();
    if (core.started) fault(Fault::Init, text("%s is called twice", call), at);
    core.started = true;
    configure_source(Source::A, ring_a, call, at);
    configure_source(Source::B, ring_b, call, at);
    configure_packer(out, call, at);
}

void configure_source(Source source, uint32_t index, const char* call, const Where& at) {
    const RingInfo& ring = emu::ring(index, at);
    check_started(call, at);
    compute().source[static_cast<size_t>(source)] = needs(ring);
}

void configure_source_from(Source source, uint32_t old, uint32_t index, const char* call,
                           const Where& at) {
    if (needs(ring(old, at)) == needs(ring(index, at))) return check_started(call, at);
    configure_source(source, index, call, at);
}

void configure_packer(uint32_t index, const char* call, const Where& at) {
    const RingInfo& ring = emu::ring(index, at);
    check_started(call, at);
    compute().packer = {ring.format, false};
}

void configure_packer_from(uint32_t old, uint32_t index, const char* call, const Where& at) {
    if (ring(old, at).format == ring(index, at).format) return check_started(call, at);
    configure_packer(index, call, at);
}

void configure_accumulation(bool adds, const Where& at) {
    check_started("pack_reconfig_l1_acc", at);
    compute().accumulates = adds;
}

void check_source(Source source, const RingInfo& ring, const char* call, const Where& at) {
    check_supported(ring, call, at);
    const Configured& is = compute().source[static_cast<size_t>(source)];
    if (is == needs(ring)) return;
    fault(Fault::Configuration,
          text("%s: %s goes to %s, which is configured for %s; reconfig_data_format is missing",
               call, name(ring).c_str(), name(source), name(is).c_str()), at);
}

void check_init(Op op, uint32_t a, uint32_t b, const char* call, const Where& at) {
    check_started(call, at);
    const RingInfo &ring_a = ring(a, at), &ring_b = ring(b, at);
    const Init& init = compute().init;
    if (compute().tilizes && op != Op::Tilize) {
        fault(Fault::Init, text("%s: the unpacker still takes rows of elements, since tilize_init in "
                                "line %u; tilize_uninit is missing", call, *compute().tilizes), at);
    }
    if (init.op == Op::None) fault(Fault::Init, text("%s: its init is missing", call), at);
    if (init.op != op) {
        fault(Fault::Init, text("%s: the last init was %s in line %u", call, init.call, init.line), at);
    }
    if (init.a == a && init.b == b) return;
    const char *was_a = ring(init.a, at).name.c_str(), *was_b = ring(init.b, at).name.c_str();
    if (init.a == b && init.b == a) {
        fault(Fault::Operands,
              text("%s: operands %s and %s are swapped: %s in line %u names %s and %s", call,
                   ring_a.name.c_str(), ring_b.name.c_str(), init.call, init.line, was_a, was_b), at);
    }
    std::string is = a == b ? ring_a.name : ring_a.name + " and " + ring_b.name;
    std::string was = init.a == init.b ? was_a : std::string(was_a) + " and " + was_b;
    fault(Fault::Init, text("%s: it is used on %s, and %s in line %u was for %s", call, is.c_str(),
                            init.call, init.line, was.c_str()), at);
}

}  // namespace emu
