//! Emitted Tensix kernels read by clang with the vendor's kernel headers, as they are: names,
//! arity, template arguments and include paths, for each of the five processors of a core.
//!
//! What `scripts/setup-tensix.sh` installs is needed; where it is missing, [`headers`] says what
//! is skipped. What passed once is remembered under `target/tensix-headers`, by a hash
//! of all that clang was given; comments do not count.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tilec_manifest::tensix::{CircularBuffer, Format, Kernel, Program};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A processor of a core, by the kernel that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Processor {
    Reader,
    Unpack,
    Math,
    Pack,
    Writer,
}

impl Processor {
    pub(crate) const ALL: [Self; 5] =
        [Self::Reader, Self::Unpack, Self::Math, Self::Pack, Self::Writer];

    /// Its kernel.
    pub(crate) fn kernel(self, program: &Program) -> &Kernel {
        match self {
            Self::Reader => &program.reader,
            Self::Unpack | Self::Math | Self::Pack => &program.compute,
            Self::Writer => &program.writer,
        }
    }

    /// The source of the vendor's that includes the kernel.
    fn source(self) -> &'static str {
        match self {
            Self::Reader => "ncrisck.cc",
            Self::Unpack | Self::Math | Self::Pack => "trisck.cc",
            Self::Writer => "brisck.cc",
        }
    }

    /// The file that it includes, and what stands in it before the kernel.
    fn wrapper(self) -> [&'static str; 2] {
        match self {
            Self::Reader | Self::Writer => ["kernel_includes.hpp", ""],
            Self::Unpack => ["chlkc_unpack.cpp", "#define TRISC_UNPACK\n"],
            Self::Math => ["chlkc_math.cpp", "#define TRISC_MATH\n"],
            Self::Pack => ["chlkc_pack.cpp", "#define TRISC_PACK\n"],
        }
    }

    /// What the runtime defines for it.
    fn definitions(self) -> &'static [&'static str] {
        match self {
            Self::Reader => &["-DPROCESSOR_INDEX=1", "-DCOMPILE_FOR_NCRISC", "-DNOC_INDEX=0"],
            Self::Unpack => &["-DPROCESSOR_INDEX=2", "-DCOMPILE_FOR_TRISC=0", "-DUCK_CHLKC_UNPACK"],
            Self::Math => &["-DPROCESSOR_INDEX=3", "-DCOMPILE_FOR_TRISC=1", "-DUCK_CHLKC_MATH"],
            Self::Pack => &["-DPROCESSOR_INDEX=4", "-DCOMPILE_FOR_TRISC=2", "-DUCK_CHLKC_PACK"],
            Self::Writer => &["-DPROCESSOR_INDEX=0", "-DCOMPILE_FOR_BRISC", "-DNOC_INDEX=1"],
        }
    }
}

/// What the runtime defines for all processors of an architecture.
fn definitions(arch: &str) -> &'static [&'static str] {
    match arch {
        "wormhole" => &[
            "-DARCH_WORMHOLE",
            "-D__riscv_xtttensixwh=1",
            "-DIS_NOT_POW2_NUM_DRAM_BANKS=1",
            "-DIS_NOT_POW2_NUM_L1_BANKS=1",
            "-DNUM_DRAM_BANKS=12",
            "-DNUM_L1_BANKS=72",
            "-DPCIE_NOC_X=0",
            "-DPCIE_NOC_Y=3",
            "-DROUTING_FW_ENABLED",
        ],
        "blackhole" => &[
            "-DARCH_BLACKHOLE",
            "-D__riscv_xtttensixbh=1",
            "-DIS_NOT_POW2_NUM_L1_BANKS=1",
            "-DLOG_BASE_2_OF_NUM_DRAM_BANKS=3",
            "-DNUM_DRAM_BANKS=8",
            "-DNUM_L1_BANKS=140",
            "-DPCIE_NOC_X=19",
            "-DPCIE_NOC_Y=24",
        ],
        other => panic!("nothing is known of {other}"),
    }
}

const FLAGS: [&str; 20] = [
    "--target=riscv32-unknown-elf",
    "-march=rv32im_zicsr_zba_zbb",
    "-mabi=ilp32",
    "-fsyntax-only",
    "-std=gnu++20",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-attributes",
    "-fno-exceptions",
    "-fno-rtti",
    "-nostdinc++",
    "-DTENSIX_FIRMWARE",
    "-DKERNEL_BUILD",
    "-DLOCAL_MEM_EN=0",
    "-DDISABLE_SFPLOADMACRO",
    "-DPROGRAMMABLE_CORE_TYPE=0",
    "-DDISPATCH_MESSAGE_ADDR=0",
    "-DFULL_KERNEL_NAME=\"kernel\"",
    "-DNOC_MODE=0",
];

/// Where the vendor's headers are, if they are installed.
///
/// # Panics
/// If they are not, where `CI` is set.
pub(crate) fn headers() -> Option<PathBuf> {
    let headers = Path::new(ROOT).join(".tensix/headers/ttnn");
    let clang = Command::new("clang-19").arg("--version").output();
    if clang.is_ok() && headers.exists() && standard_headers().is_some() {
        return Some(headers);
    }
    let said = "what is emitted for Tensix is not read with the vendor's headers: \
                scripts/setup-tensix.sh has not installed them";
    assert!(std::env::var_os("CI").is_none(), "{said}");
    eprintln!("skipped: {said}");
    None
}

/// The C++ library's headers for a processor without an operating system.
fn standard_headers() -> Option<[PathBuf; 3]> {
    let versions = std::fs::read_dir("/usr/include/newlib/c++").ok()?;
    let newlib = versions.filter_map(|entry| Some(entry.ok()?.path())).max()?;
    let own = newlib.join("arm-none-eabi");
    Some([newlib, own, "/usr/lib/picolibc/riscv64-unknown-elf/include".into()])
}

/// Reads a kernel's text as a processor's of a program. An error is what clang said.
pub(crate) fn read(
    headers: &Path,
    arch: &str,
    program: &Program,
    processor: Processor,
    text: &str,
) -> Result<(), String> {
    let [wrapper, before] = processor.wrapper();
    let accessors = arguments(processor.kernel(program), program);
    let files = [
        ("chlkc_descriptors.h", descriptors(program)),
        ("defines_generated.h", String::new()),
        (wrapper, format!("{before}void kernel_main();\n#include \"kernel.cpp\"\n")),
        ("kernel.cpp", text.to_owned()),
    ];
    let memory = Path::new(ROOT).join("target/tensix-headers");
    let key = key(arch, processor, &accessors, &files);
    if memory.join(&key).exists() {
        return Ok(());
    }
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = memory.join(format!("reading-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("target can be written to");
    for (name, text) in &files {
        std::fs::write(folder.join(name), text).expect("target can be written to");
    }
    let metal = headers.join("tt_metal");
    let mut clang = Command::new("clang-19");
    clang.current_dir(&folder).args(FLAGS).args(definitions(arch)).args(processor.definitions());
    clang.arg(accessors).arg("-I.").arg("-I").arg(Path::new(ROOT).join("scripts/tensix/include"));
    let standard = standard_headers().expect("they were found");
    for folder in standard.into_iter().chain(folders(headers, arch)) {
        clang.arg("-isystem").arg(folder);
    }
    clang.arg(metal.join("hw/firmware/src/tt-1xx").join(processor.source()));
    let output = clang.output().expect("clang starts");
    std::fs::remove_dir_all(&folder).expect("it was just made");
    if output.status.success() {
        std::fs::write(memory.join(key), "").expect("target can be written to");
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Where the runtime looks for headers.
fn folders(headers: &Path, arch: &str) -> Vec<PathBuf> {
    let (chip, definitions) = match arch {
        "wormhole" => ("wormhole_b0", "wormhole_b0_defines"),
        _ => ("blackhole", "blackhole_defines"),
    };
    let metal = [
        "hw/inc".to_owned(),
        "tt-llk/common".to_owned(),
        "tt-llk/tools/include".to_owned(),
        "hostdevcommon/api".to_owned(),
        "api".to_owned(),
        format!("hw/ckernels/{chip}/metal/common"),
        format!("hw/ckernels/{chip}/metal/llk_io"),
        "hw/inc/internal/tt-1xx".to_owned(),
        format!("hw/inc/internal/tt-1xx/{arch}"),
        format!("hw/inc/internal/tt-1xx/{arch}/{definitions}"),
        format!("hw/inc/internal/tt-1xx/{arch}/noc"),
        format!("tt-llk/tt_llk_{chip}/common/inc"),
        format!("tt-llk/tt_llk_{chip}/llk_lib"),
        format!("tt-llk/tt_llk_{chip}/llk_lib/hal"),
        format!("hw/ckernels/{chip}/metal/llk_api"),
        format!("hw/ckernels/{chip}/metal/llk_api/llk_sfpu"),
        "hw/firmware/src/tt-1xx".to_owned(),
    ];
    let metal = metal.map(|folder| headers.join("tt_metal").join(folder));
    [headers.to_owned()].into_iter().chain(metal).collect()
}

fn key(arch: &str, processor: Processor, accessors: &str, files: &[(&str, String)]) -> String {
    let mut hasher = DefaultHasher::new();
    for (name, text) in files {
        name.hash(&mut hasher);
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
        code.for_each(|line| line.hash(&mut hasher));
    }
    let stand_in = Path::new(ROOT).join(".tensix/made-from");
    std::fs::read(stand_in).unwrap_or_default().hash(&mut hasher);
    (FLAGS, definitions(arch), processor, accessors).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A kernel's compile-time arguments: two words for the accessor of each buffer, that it is
/// interleaved over banks of DRAM, and the bytes of a page.
fn arguments(kernel: &Kernel, program: &Program) -> String {
    let page = program.circular_buffers.iter().map(|ring| ring.format.tile_bytes()).max();
    let words: Vec<_> =
        kernel.accessors.iter().map(|_| format!("2,{}", page.unwrap_or(4096))).collect();
    format!("-DKERNEL_COMPILE_TIME_ARGS={}", words.join(","))
}

/// The header that the runtime writes for each program: formats and sizes of tiles, by ring.
fn descriptors(program: &Program) -> String {
    let mut text = "#pragma once\n#include \"llk_defs.h\"\n".to_owned();
    let fidelity = program.math.fidelity.trim_start_matches("HiFi").parse().unwrap_or(0_u32);
    let sync = if program.math.full_sync { "SyncFull" } else { "SyncHalf" };
    let f32_dst = program.math.fp32_dest_acc;
    write!(
        text,
        "constexpr auto MATH_FIDELITY = static_cast<ckernel::MathFidelity>({fidelity});\n\
         constexpr bool APPROX = false;\n\
         constexpr bool DST_ACCUM_MODE = {f32_dst};\n\
         #define DST_SYNC_MODE DstSync::{sync}\n"
    )
    .expect("a string can be written to");
    let mut array = |kind: &str, name: &str, value: &dyn Fn(&CircularBuffer) -> u32, other: u32| {
        let ring = |at| program.circular_buffers.iter().find(|ring| ring.index == at);
        let values: Vec<_> = (0..32).map(|at| ring(at).map_or(other, value).to_string()).collect();
        let values = values.join(", ");
        writeln!(text, "[[maybe_unused]] constexpr {kind} {name}[32] = {{{values}}};")
            .expect("a string can be written to");
    };
    for side in ["unpack", "pack"] {
        for (name, value) in [
            ("tile_num_faces", 4),
            ("partial_face", 0),
            ("tile_face_r_dim", 16),
            ("narrow_tile", 0),
            ("tile_r_dim", 32),
            ("tile_c_dim", 32),
            ("num_faces_r_dim", 2),
            ("num_faces_c_dim", 2),
        ] {
            array("uint8_t", &format!("{side}_{name}"), &|_| value, value);
        }
        array("uint16_t", &format!("{side}_tile_size"), &|ring| ring.format.tile_bytes(), 1088);
    }
    array("uint8_t", "unpack_src_format", &|ring| code(ring.format), 255);
    array("uint8_t", "unpack_dst_format", &in_registers, 255);
    let in_dst = |ring: &CircularBuffer| if f32_dst { 0 } else { code(ring.format) };
    array("uint8_t", "pack_src_format", &in_dst, 255);
    array("uint8_t", "pack_dst_format", &|ring| code(ring.format), 255);
    text
}

/// The number of a format in the vendor's headers.
fn code(format: Format) -> u32 {
    match format {
        Format::Float32 => 0,
        Format::Float16 => 1,
        Format::Bfloat16 => 5,
        Format::Bfp8 => 6,
        Format::Int32 => 8,
        Format::UInt16 => 9,
        Format::Lf8 => 10,
        Format::UInt32 => 24,
        Format::Fp8E4M3 => 26,
        Format::UInt8 => 30,
    }
}

/// That of what the unpacker makes of it: an f32 becomes tf32 (4) in the source registers.
fn in_registers(ring: &CircularBuffer) -> u32 {
    let is_tf32 = ring.format == Format::Float32 && !ring.unpack_to_dst;
    if is_tf32 { 4 } else { code(ring.format) }
}
