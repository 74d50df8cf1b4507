// Reads plan.txt, which the driver made from program.json, and the pages of buffers.
//
// Each line is a word and its numbers and names, separated by spaces; a path is the last.
#include <sys/mman.h>

#include <fstream>
#include <sstream>

#include "parts.h"

namespace emu {

namespace {

struct FormatRow {
    const char* name;
    Format format;
    uint32_t bytes;
};

constexpr FormatRow kFormats[] = {
    {"Float32", Format::Float32, 4096},   {"Float16_b", Format::Float16_b, 2048},
    {"Float16", Format::Float16, 2048},   {"Bfp8_b", Format::Bfp8_b, 1088},
    {"Fp8_e4m3", Format::Fp8_e4m3, 1024}, {"Lf8", Format::Lf8, 1024},
    {"UInt32", Format::UInt32, 4096},     {"Int32", Format::Int32, 4096},
    {"UInt16", Format::UInt16, 2048},     {"UInt8", Format::UInt8, 1024},
};

Format format_of(const std::string& name) {
    for (const FormatRow& row : kFormats) {
        if (name == row.name) return row.format;
    }
    fail_to_start("plan.txt names the unknown format " + name);
}

const FormatRow* row_of(Format format) {
    for (const FormatRow& row : kFormats) {
        if (format == row.format) return &row;
    }
    return nullptr;
}

std::string rest(std::istream& line) {
    std::string path;
    std::getline(line >> std::ws, path);
    return path;
}

std::byte* make_pages(uint64_t bytes) {
    void* memory = mmap(nullptr, bytes + 1, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail_to_start("there is no memory for the buffers");
    return static_cast<std::byte*>(memory);
}

// buffer NAME FORMAT PAGES ADDRESS ROLE
void read_buffer(std::istream& line) {
    Buffer buffer;
    std::string format, role;
    line >> buffer.info.name >> format >> buffer.pages >> buffer.info.address >> role;
    buffer.info.format = format_of(format);
    buffer.info.page_bytes = tile_bytes(buffer.info.format);
    buffer.role = role == "input" ? Buffer::Input : role == "output" ? Buffer::Output : Buffer::Local;
    const uint64_t bytes = uint64_t{buffer.pages} * buffer.info.page_bytes;
    buffer.bytes = make_pages(bytes);
    buffer.log = std::make_unique<PageLog[]>(buffer.pages);
    if (buffer.role == Buffer::Input) {
        std::ifstream file(machine.folder + "/" + buffer.info.name + ".pages", std::ios::binary);
        file.read(reinterpret_cast<char*>(buffer.bytes), static_cast<std::streamsize>(bytes));
        if (!file) fail_to_start("the pages of " + buffer.info.name + " are missing or too few");
    }
    machine.buffers.push_back(std::move(buffer));
}

// program NAME COLUMNS ROWS PASSES FP32 FULL
void read_program(std::istream& line) {
    ProgramPlan plan;
    ProgramInfo& info = plan.info;
    info.arch = machine.arch;
    line >> info.name >> info.columns >> info.rows >> info.math.passes >>
        info.math.fp32_dest_acc >> info.math.full_sync;
    machine.programs.push_back(std::move(plan));
}

// ring INDEX OFFSET PAGES FORMAT UNPACK-TO-DST NAME
void read_ring(std::istream& line, ProgramInfo& info) {
    RingInfo ring;
    std::string format;
    line >> ring.index >> ring.offset >> ring.pages >> format >> ring.unpack_to_dst >> ring.name;
    ring.format = format_of(format);
    ring.page_bytes = tile_bytes(ring.format);
    info.rings[ring.index % kRings] = ring;
}

// kernel ROLE LIBRARY FILE, then the arguments of all cores on the next line
void read_kernel(std::istream& line, std::istream& plan, ProgramPlan& program) {
    uint32_t role = 0;
    line >> role;
    KernelPlan& kernel = program.kernels[role % kRoles];
    line >> kernel.library;
    program.info.files[role % kRoles] = rest(line);
    std::string words;
    std::getline(plan, words);
    std::istringstream arguments(words);
    for (uint32_t word = 0; arguments >> word;) kernel.arguments.push_back(word);
}

void read_line(const std::string& text, std::istream& plan) {
    std::istringstream line(text);
    std::string word;
    line >> word;
    if (word == "arch") {
        machine.arch = rest(line) == "blackhole" ? Arch::Blackhole : Arch::Wormhole;
    } else if (word == "threads") {
        line >> machine.threads;
    } else if (word == "limit") {
        line >> machine.limit_seconds;
    } else if (word == "buffer") {
        read_buffer(line);
    } else if (word == "program") {
        read_program(line);
    } else if (word == "ring") {
        read_ring(line, machine.programs.back().info);
    } else if (word == "semaphore") {
        ProgramPlan& program = machine.programs.back();
        line >> program.semaphores.emplace_back();
        program.info.semaphores.push_back(rest(line));
    } else if (word == "kernel") {
        read_kernel(line, plan, machine.programs.back());
    }
}

}  // namespace

uint32_t tile_bytes(Format format) {
    const FormatRow* row = row_of(format);
    return row == nullptr ? 0 : row->bytes;
}

const char* format_name(Format format) {
    const FormatRow* row = row_of(format);
    return row == nullptr ? "no format" : row->name;
}

const char* role_name(Role role) {
    const char* names[] = {"reader", "compute", "writer"};
    return names[static_cast<uint32_t>(role)];
}

void load_plan(const std::string& folder) {
    machine.folder = folder;
    std::ifstream plan(folder + "/plan.txt");
    if (!plan) fail_to_start("plan.txt is missing");
    for (std::string line; std::getline(plan, line);) read_line(line, plan);
}

void save_buffers() {
    for (const Buffer& buffer : machine.buffers) {
        if (buffer.role != Buffer::Output) continue;
        std::ofstream file(machine.folder + "/" + buffer.info.name + ".pages", std::ios::binary);
        file.write(reinterpret_cast<const char*>(buffer.bytes),
                   static_cast<std::streamsize>(uint64_t{buffer.pages} * buffer.info.page_bytes));
    }
}

}  // namespace emu
