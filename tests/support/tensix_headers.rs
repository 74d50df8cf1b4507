//! Emitted Tensix kernels read by clang with the vendor's kernel headers, as they are: names,
//! arity, template arguments and include paths, for each of the five processors of a core.
//!
//! The vendor's headers take clang longer than a kernel does, so it is given several kernels at
//! a time ([`batches`]): those of one processor that include the same headers, each in a
//! namespace of its own.
//!
//! What `scripts/setup-tensix.sh` installs is needed; where it is missing, [`headers`] says what
//! is skipped. What passed once is remembered under `target/tensix-headers`, by a hash
//! of all that clang was given; comments do not count.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tilec_manifest::tensix::{Kernel, Math, Program};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A processor of a core, by the kernel that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// A kernel that a processor of a program runs.
#[derive(Clone, Debug)]
pub(crate) struct Reading<'a> {
    /// What an error calls it.
    pub(crate) name: String,
    pub(crate) arch: &'a str,
    pub(crate) program: &'a Program,
    pub(crate) processor: Processor,
    pub(crate) text: String,
}

/// Kernels that clang reads at once.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    arch: String,
    processor: Processor,
    /// The option that gives the compile-time arguments.
    accessors: String,
    /// The header that the runtime writes for each program.
    descriptors: String,
    /// What the kernels include.
    includes: String,
    /// Names and texts.
    kernels: Vec<(String, String)>,
}

/// So many kernels are read at once at most, for a machine's processors to share the work.
const LARGEST_BATCH: usize = 16;

/// Sorts kernels into batches. Of kernels that differ in comments alone the first is read.
pub(crate) fn batches(readings: Vec<Reading<'_>>) -> Vec<Batch> {
    let mut sorted: BTreeMap<_, BTreeMap<String, (String, String)>> = BTreeMap::new();
    for Reading { name, arch, program, processor, text } in readings {
        let includes: String = text
            .lines()
            .filter(|line| line.starts_with("#include"))
            .flat_map(|l| [l, "\n"])
            .collect();
        let math = (processor.source() == "trisck.cc").then_some(&program.math);
        let accessors = arguments(processor.kernel(program));
        let key = (arch.to_owned(), processor, accessors, descriptors(math), includes);
        sorted.entry(key).or_default().entry(code(&text)).or_insert((name, text));
    }
    let mut batches = vec![];
    for ((arch, processor, accessors, descriptors, includes), kernels) in sorted {
        let kernels: Vec<_> = kernels.into_values().collect();
        batches.extend(kernels.chunks(LARGEST_BATCH).map(|kernels| Batch {
            arch: arch.clone(),
            processor,
            accessors: accessors.clone(),
            descriptors: descriptors.clone(),
            includes: includes.clone(),
            kernels: kernels.to_vec(),
        }));
    }
    batches
}

impl Batch {
    /// Its kernels in one text. Macros end with the kernel that defines them.
    fn text(&self) -> String {
        let mut text = self.includes.clone();
        let mut calls = String::new();
        for (at, (name, kernel)) in self.kernels.iter().enumerate() {
            let macros = kernel.lines().filter_map(|line| line.strip_prefix("#define "));
            let names = macros.map(|rest| rest.split(['(', ' ']).next().unwrap_or_default());
            let undone: String = names.map(|name| format!("#undef {name}\n")).collect();
            writeln!(
                text,
                "namespace kernel_{at} {{\nvoid kernel_main();\n#line 1 {name:?}\n{kernel}\n}}\n{undone}"
            )
            .expect("a string can be written to");
            writeln!(calls, "    kernel_{at}::kernel_main();").expect("a string can be written to");
        }
        text + "void kernel_main() {\n" + &calls + "}\n"
    }

    /// Has clang read it. An error is what clang said.
    pub(crate) fn read(&self, headers: &Path) -> Result<(), String> {
        let [wrapper, before] = self.processor.wrapper();
        let files = [
            ("chlkc_descriptors.h", self.descriptors.clone()),
            ("defines_generated.h", String::new()),
            (wrapper, format!("{before}void kernel_main();\n#include \"kernel.cpp\"\n")),
            ("kernel.cpp", self.text()),
        ];
        let memory = Path::new(ROOT).join("target/tensix-headers");
        let key = self.key(&files);
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
        let output = self.clang(headers, &folder).output().expect("clang starts");
        std::fs::remove_dir_all(&folder).expect("it was just made");
        if output.status.success() {
            std::fs::write(memory.join(key), "").expect("target can be written to");
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}, as {:?}:\n{said}", self.arch, self.processor))
    }

    fn clang(&self, headers: &Path, folder: &Path) -> Command {
        let Self { arch, processor, .. } = self;
        let mut clang = Command::new("clang-19");
        clang.current_dir(folder).args(FLAGS).args(definitions(arch)).args(processor.definitions());
        let own = Path::new(ROOT).join("scripts/tensix/include");
        clang.arg(&self.accessors).arg("-I.").arg("-I").arg(own);
        let standard = standard_headers().expect("they were found");
        for folder in standard.into_iter().chain(folders(headers, arch)) {
            clang.arg("-isystem").arg(folder);
        }
        let sources = headers.join("tt_metal/hw/firmware/src/tt-1xx");
        clang.arg(sources.join(processor.source()));
        clang
    }

    fn key(&self, files: &[(&str, String)]) -> String {
        let mut hasher = DefaultHasher::new();
        for (name, text) in files {
            (name, code(text)).hash(&mut hasher);
        }
        let stand_in = Path::new(ROOT).join(".tensix/made-from");
        std::fs::read(stand_in).unwrap_or_default().hash(&mut hasher);
        (FLAGS, definitions(&self.arch), self.processor, &self.accessors).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// A text without its comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    lines.flat_map(|line| [line, "\n"]).collect()
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

/// A kernel's compile-time arguments: two words for the accessor of each buffer, that it is
/// interleaved over banks of DRAM, and the bytes of a page.
fn arguments(kernel: &Kernel) -> String {
    let words: Vec<_> = kernel.accessors.iter().map(|_| "2,4096").collect();
    format!("-DKERNEL_COMPILE_TIME_ARGS={}", words.join(","))
}

/// The header that the runtime writes for each program: the mode of math, and formats and sizes
/// of tiles by ring. Those are values that no kernel is compiled by, so all are bf16 here.
fn descriptors(math: Option<&Math>) -> String {
    let usual = Math { fidelity: "HiFi4".to_owned(), fp32_dest_acc: true, full_sync: false };
    let math = math.unwrap_or(&usual);
    let fidelity = math.fidelity.trim_start_matches("HiFi").parse().unwrap_or(0_u32);
    let sync = if math.full_sync { "SyncFull" } else { "SyncHalf" };
    let mut text = format!(
        "#pragma once\n#include \"llk_defs.h\"\n\
         constexpr auto MATH_FIDELITY = static_cast<ckernel::MathFidelity>({fidelity});\n\
         constexpr bool APPROX = false;\n\
         constexpr bool DST_ACCUM_MODE = {};\n\
         #define DST_SYNC_MODE DstSync::{sync}\n",
        math.fp32_dest_acc
    );
    let of_side = [
        ("uint8_t", "tile_num_faces", 4),
        ("uint8_t", "partial_face", 0),
        ("uint8_t", "tile_face_r_dim", 16),
        ("uint8_t", "narrow_tile", 0),
        ("uint8_t", "tile_r_dim", 32),
        ("uint8_t", "tile_c_dim", 32),
        ("uint8_t", "num_faces_r_dim", 2),
        ("uint8_t", "num_faces_c_dim", 2),
        ("uint16_t", "tile_size", 2048),
        ("uint8_t", "src_format", BFLOAT16),
        ("uint8_t", "dst_format", BFLOAT16),
    ];
    for (side, (kind, name, value)) in
        ["unpack", "pack"].into_iter().flat_map(|side| of_side.map(|array| (side, array)))
    {
        let values = vec![value.to_string(); 32].join(", ");
        writeln!(text, "[[maybe_unused]] constexpr {kind} {side}_{name}[32] = {{{values}}};")
            .expect("a string can be written to");
    }
    text
}

/// The number of bf16 in the vendor's headers.
const BFLOAT16: u32 = 5;
