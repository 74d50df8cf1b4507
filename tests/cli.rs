//! The command line as scripts see it: words, exit codes, and one clear sentence
//! for each way in which a file or an argument can be wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const SCALE: &str =
    "kernel scale[N](x: f32[N], by: f32) -> (y: f32[N]) {\n    y[i] = x[i] * by\n}\n";
const PAIR: &str = "kernel pair[M, N](a: f32[M, N], b: f32[M, N]) -> (c: f32[M, N]) {\n    c[m, n] = a[m, n] + b[m, n]\n}\n";
const NARROW: &str =
    "kernel narrow[N](x: f8e4m3[N], g: bf16[N]) -> (y: f16[N]) {\n    y[i] = f16(x[i] * g[i])\n}\n";

/// A folder with some programs, where commands are run.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let place = Self(folder);
        for (name, text) in [("scale.tile", SCALE), ("pair.tile", PAIR), ("narrow.tile", NARROW)] {
            place.write(name, text.as_bytes());
        }
        place.write("wrong.tile", SCALE.replace("by\n", "bye\n").as_bytes());
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).expect("the folder is writable");
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tilec"));
        command.current_dir(self.path()).args(arguments.split_whitespace());
        command.output().expect("the command starts")
    }

    /// Runs a command and checks its exit code and what it says.
    #[track_caller]
    fn check(&self, arguments: &str, code: i32, says: &str) {
        let output = self.run(arguments);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "tilec {arguments}\n{said}");
        assert!(said.contains(says), "tilec {arguments}\nsaid {said}\nnot {says}");
        assert!(!said.contains('\u{1b}'), "colors off a terminal: {said:?}");
        assert!(!said.contains("panicked"), "{said}");
    }

    fn write_npy<T: npyz::AutoSerialize>(&self, name: &str, shape: &[u64], values: Vec<T>) {
        use npyz::WriterBuilder;
        let mut bytes = vec![];
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(shape)
            .writer(&mut bytes)
            .begin_nd()
            .expect("the header can be written");
        writer.extend(values).expect("memory takes all bytes");
        writer.finish().expect("there are as many values as the shape says");
        self.write(name, &bytes);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn exit_codes_and_words() {
    let place = Place::new();
    place.check("check scale.tile pair.tile", 0, "");
    place.check("check scale.tile wrong.tile", 1, "wrong.tile:2:");
    place.check("check", 2, "Usage");
    place.check("frobnicate scale.tile", 2, "frobnicate");
    place.check("run scale.tile --target gpu", 2, "[possible values: cpu, cuda, tt]");
    place.check("run scale.tile --target cpu --set N", 2, "NAME=INT");
    place.check("run scale.tile --target cpu --set N=-1", 2, "at least 0");
    place.check("run scale.tile --target cpu --set N=99999999999999999999", 2, "is not an integer");
    place.check("compile scale.tile --target tt", 2, "the size N is not bound");
    place.check("compile scale.tile --target tt", 2, "--set N=");
    place.check("run wrong.tile --target cuda --set N=4", 1, "wrong.tile:2:");
    place.check("compile wrong.tile --target tt --emit canonical", 1, "wrong.tile:2:");
    place.check("compile scale.tile --target cuda --chip h2000", 2, "no chip is called `h2000`");
    place.check("compile scale.tile --target tt --chip h200", 2, "belongs to --target cuda");
    place.check("targets", 0, "h200");
    place.check("targets h200", 0, "132");
    place.check("targets h2000", 2, "h200");
    place.check("completions bash", 0, "complete");
    place.check("explain scale.tile", 0, "scale");
    place.check("phases", 0, "5.1");
    place.check("--help", 0, "compile");
}

#[test]
fn every_subcommand_has_help_and_is_completed_in_every_shell() {
    let place = Place::new();
    let shells = ["bash", "elvish", "fish", "powershell", "zsh"];
    let scripts = shells.map(|shell| text(&place.run(&format!("completions {shell}")).stdout));
    for (command, option) in [
        ("check", "--message-format"),
        ("fmt", "--check"),
        ("explain", "--chip"),
        ("targets", "[NAME]"),
        ("completions", "<SHELL>"),
        ("compile", "--emit"),
        ("run", "--input"),
        ("bench", "--json"),
        ("tune", "--kernel"),
        ("phases", "--message-format"),
    ] {
        place.check(&format!("{command} --help"), 0, option);
        for script in &scripts {
            assert!(script.contains(command), "{command} is not completed:\n{script}");
        }
    }
    place.check("completions tcsh", 2, "possible values");
}

#[test]
fn a_path_that_is_no_program_gets_one_sentence() {
    let place = Place::new();
    fs::create_dir(place.path().join("folder.tile")).unwrap();
    place.write("binary.tile", b"\x7fELF\x02\x01\x01\0\0\0\0\0");
    place.write("latin.tile", b"// caf\xe9\n");
    place.write("empty.tile", b"");
    let huge = fs::File::create(place.path().join("huge.tile")).unwrap();
    huge.set_len(1 << 30).unwrap();
    for command in ["check", "fmt", "explain"] {
        place.check(&format!("{command} folder.tile"), 2, "`folder.tile` is a directory");
        place.check(&format!("{command} missing.tile"), 2, "there is no file `missing.tile`");
        place.check(&format!("{command} binary.tile"), 1, "binary file");
        place.check(&format!("{command} latin.tile"), 1, "line 1 is not UTF-8");
        place.check(&format!("{command} huge.tile"), 1, "larger than");
    }
    place.check("run empty.tile --target cpu", 2, "the file has no kernel");
    place.check("run scale.tile --kernel skale --target cpu", 2, "no kernel `skale`, only scale");
    place.write("two.tile", format!("{SCALE}{PAIR}").as_bytes());
    place.check("run two.tile --target cpu", 2, "choose one with --kernel: scale, pair");
}

#[test]
fn an_array_that_does_not_fit_gets_one_sentence() {
    let place = Place::new();
    place.write_npy("f64.npy", &[4], vec![0.0f64; 4]);
    place.write_npy("matrix.npy", &[2, 2], vec![0.0f32; 4]);
    place.write_npy("four.npy", &[2, 4], vec![0.0f32; 8]);
    place.write_npy("five.npy", &[2, 5], vec![0.0f32; 10]);
    place.write("not.npy", b"hello");
    place.write("cut.npy", &fs::read(place.path().join("four.npy")).unwrap()[..140]);
    place.write("not.safetensors", b"hello");
    let run = |rest: &str| format!("run scale.tile --target cpu {rest}");
    place.check(&run("--input x=f64.npy"), 2, "holds float64, but f32 is needed");
    place.check(&run("--input x=matrix.npy"), 2, "x");
    place.check(&run("--input z=four.npy"), 2, "no input `z`; its inputs are x, by");
    place.check(&run("--input x=four.npy --input x=four.npy"), 2, "given twice");
    place.check(&run("--input x=missing.npy"), 2, "`missing.npy`, given for `x`, cannot be read");
    place.check(&run("--input x=."), 2, "should end in .npy or .safetensors");
    place.check(&run("--input x=not.npy"), 2, "is not a .npy file");
    place.check(&run("--input x=cut.npy"), 2, "`cut.npy`, given for `x`, is damaged");
    place.check(&run("--input x=not.safetensors"), 2, "is not a .safetensors file");
    place.check(&run("--set N=4 --output z=z.npy"), 2, "no output `z`; its outputs are y");
    place.check(&run("--set N=4 --output y=y.txt"), 2, "should end in .npy or .safetensors");
    place.check(&run("--set N=4 --output y=no/such/folder/y.npy"), 2, "cannot be written");
    place.check(&run(""), 2, "N");
    place.check("run pair.tile --target cpu --input a=four.npy --input b=five.npy", 2, "N");
    place.check("run pair.tile --target cpu --set M=2147483647 --set N=2147483647", 3, "available");
}

#[test]
fn places_for_outputs_are_checked_before_anything_runs() {
    let place = Place::new();
    place.write("two.tile", b"kernel two[N](x: f32[N]) -> (y: f32[N], z: f32[N]) {\n    y[i] = x[i]\n    z[i] = x[i] * 2.0\n}\n");
    place.write("locked.npy", b"");
    let locked = place.path().join("locked.npy");
    let mut permissions = fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions).unwrap();
    fs::create_dir(place.path().join("folder.npy")).unwrap();
    let run = |outputs: &str, code: i32, says: &str| {
        let output = place.run(&format!("run two.tile --target cpu --set N=3 {outputs}"));
        assert_eq!(output.status.code(), Some(code), "{outputs}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{outputs}: {}", text(&output.stderr));
        assert_eq!(output.stdout.is_empty(), code != 0, "{outputs} ran first");
    };
    let twice = "`same.npy` is given for both `y` and `z`";
    run("--output y=same.npy --output z=same.npy", 2, twice);
    run("--output y=./same.npy --output z=same.npy", 2, twice);
    run("--output y=no/such/y.npy", 2, "`no/such/y.npy` cannot be written");
    run("--output y=folder.npy", 2, "`folder.npy` cannot be written");
    run("--output y=y.txt", 2, "should end in .npy or .safetensors");
    // The superuser may write everything.
    if fs::OpenOptions::new().write(true).open(&locked).is_err() {
        run("--output y=locked.npy", 2, "`locked.npy` cannot be written");
    }
    run("--output y=./same.safetensors --output z=same.safetensors", 0, "");
    let bytes = fs::read(place.path().join("same.safetensors")).unwrap();
    for name in ["y", "z"] {
        let array = tilec::arrays::safetensors::decode(&bytes, name, tilec_ir::Element::F32);
        assert_eq!(array.unwrap().shape, [3], "both outputs are in the one file");
    }
}

#[test]
fn a_file_larger_than_memory_is_not_read() {
    let place = Place::new();
    let huge = fs::File::create(place.path().join("huge.npy")).unwrap();
    if huge.set_len(1 << 42).is_ok() {
        place.check("run scale.tile --target cpu --input x=huge.npy", 3, "reading it takes twice");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_an_error_unless_nobody_reads() {
    let place = Place::new();
    let run = |stdout: std::process::Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tilec"));
        command.current_dir(place.path()).args(["explain", "scale.tile"]).stdout(stdout);
        let output = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (code, said) = run(full.into());
    assert!(code == Some(2) && said.contains("standard output cannot be written"), "{said}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run(writer.into()), (Some(0), String::new()));
}

#[test]
fn arrays_go_in_and_out_of_both_formats() {
    let place = Place::new();
    place.write_npy("x.npy", &[3], vec![1.0f32, -2.0, 0.5]);
    place.write_npy("by.npy", &[], vec![4.0f32]);
    let run = "run scale.tile --target cpu --input x=x.npy --input by=by.npy --check";
    place.check(&format!("{run} --output y=y.npy"), 0, "y");
    place.check(&format!("{run} --output y=y.safetensors"), 0, "y");
    let read = |name: &str| {
        let bytes = fs::read(place.path().join(name)).unwrap();
        let format = tilec::arrays::Format::of(Path::new(name)).unwrap();
        tilec::arrays::decode(format, &bytes, "y", tilec_ir::Element::F32).unwrap().data
    };
    assert_eq!(read("y.npy"), tilec_ir::Data::F32(vec![4.0, -8.0, 2.0]));
    assert_eq!(read("y.safetensors"), tilec_ir::Data::F32(vec![4.0, -8.0, 2.0]));
}

#[test]
fn narrow_floats_travel_as_bit_patterns_and_as_types() {
    let place = Place::new();
    // 1.5 and -448 as e4m3; 2.0 and 0.5 as bf16; 3.0 and -224 as f16.
    place.write_npy("x.npy", &[2], vec![0x3cu8, 0xfe]);
    place.write_npy("g.npy", &[2], vec![0x4000u16, 0x3f00]);
    let run = "run narrow.tile --target cpu --input x=x.npy --input g=g.npy --check";
    place.check(&format!("{run} --output y=y.npy"), 0, "f16");
    let bytes = fs::read(place.path().join("y.npy")).unwrap();
    let y = tilec::arrays::decode(tilec::arrays::Format::Npy, &bytes, "y", tilec_ir::Element::F16)
        .unwrap();
    assert_eq!(y.data, tilec_ir::Data::B16(vec![0x4200, 0xdb00]));
}

#[test]
fn column_major_arrays_are_read_by_their_indices() {
    use npyz::WriterBuilder;
    let place = Place::new();
    let mut bytes = vec![];
    let options =
        npyz::WriteOptions::new().default_dtype().shape(&[2, 3]).order(npyz::Order::Fortran);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend([1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0]).unwrap();
    writer.finish().unwrap();
    place.write("a.npy", &bytes);
    place.write_npy("b.npy", &[2, 3], vec![0.0f32; 6]);
    place.check(
        "run pair.tile --target cpu --input a=a.npy --input b=b.npy --output c=c.npy",
        0,
        "c",
    );
    let bytes = fs::read(place.path().join("c.npy")).unwrap();
    let c = tilec::arrays::decode(tilec::arrays::Format::Npy, &bytes, "c", tilec_ir::Element::F32)
        .unwrap();
    assert_eq!(c.data, tilec_ir::Data::F32(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
}

#[test]
fn scalars_are_shown_as_their_values() {
    let place = Place::new();
    place.write("draw.tile", b"kernel draw[N](seed: i32, by: f32) -> (y: f32[N]) {\n    y[i] = uniform(seed, i) * by\n}\n");
    let run = "run draw.tile --target cpu --set N=3 --input seed=-123456789 --input by=1e-7";
    place.check(run, 0, " -123456789 ");
    place.check(run, 0, " 1e-7 ");
}

#[test]
fn missing_inputs_are_the_same_for_the_same_seed() {
    let place = Place::new();
    let run = |seed: u32, name: &str| {
        place.check(
            &format!("run scale.tile --target cpu --set N=65 --seed {seed} --output y={name}"),
            0,
            "seed",
        );
        fs::read(place.path().join(name)).unwrap()
    };
    assert_eq!(run(1, "a.npy"), run(1, "b.npy"));
    assert_ne!(run(1, "a.npy"), run(2, "c.npy"));
}

#[test]
fn messages_for_editors_are_one_object_a_line() {
    let place = Place::new();
    let output = place.run("check wrong.tile --message-format json");
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = text(&output.stderr)
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect();
    let error = lines
        .iter()
        .find(|line| line["kind"] == "unknown-name")
        .expect("the unknown name is reported");
    assert_eq!(error["file"], "wrong.tile");
    assert_eq!(error["labels"][0]["line"], 2);
    assert_eq!(error["labels"][0]["column"], 19);
}

#[test]
fn fmt_changes_layout_once_and_keeps_the_rest() {
    let place = Place::new();
    place.write("ugly.tile", b"kernel   k[N]( x:f32[N] )->(y:f32[N]){ // why\n  y[i]=x[i]+1.0 }");
    place.check("fmt --check ugly.tile", 1, "ugly.tile would change");
    place.check("fmt ugly.tile", 0, "");
    place.check("fmt --check ugly.tile", 0, "");
    let formatted = fs::read_to_string(place.path().join("ugly.tile")).unwrap();
    assert!(formatted.contains("// why") && formatted.contains("y[i] = x[i] + 1.0"), "{formatted}");
    place.check("fmt wrong.tile", 0, "");
    place.write("broken.tile", b"kernel k[N](x: f32[N] -> (y: f32[N]) { y[i] = }");
    place.check("fmt broken.tile", 1, "broken.tile:1:");
    assert_eq!(
        fs::read(place.path().join("broken.tile")).unwrap(),
        b"kernel k[N](x: f32[N] -> (y: f32[N]) { y[i] = }"
    );
}

#[test]
fn without_a_gpu_there_is_one_sentence() {
    let place = Place::new();
    for command in ["run", "bench", "tune"] {
        let mut tilec = Command::new(env!("CARGO_BIN_EXE_tilec"));
        // A machine with a GPU is told to hide it.
        tilec.current_dir(place.path()).env("CUDA_VISIBLE_DEVICES", "");
        let output = tilec.args([command, "scale.tile", "--target", "cuda", "--set", "N=4"]);
        let output = output.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{command}: {said}");
        assert!(said.contains("NVIDIA driver") && said.lines().count() == 1, "{command}: {said}");
    }
    place.check("run scale.tile --target cuda --chip h2000", 2, "no chip is called `h2000`");
    place.check("run scale.tile --target cuda --repeat 0", 2, "0 is not in 1..");
    place.check("run scale.tile --target cpu --set N=4 --specialize", 2, "--target cuda");
    place.check("bench scale.tile --target cpu --set N=4", 2, "--target cuda");
    place.check("tune scale.tile --target cpu --set N=4", 2, "--target cuda");
    place.check("bench scale.tile --target cuda --sizes N", 2, "NAME=INT");
}

#[test]
fn tensix_programs_are_written_explained_and_run() {
    let place = Place::new();
    place.check("compile scale.tile --target tt --set N=70 -o out", 0, "run.py");
    for file in ["reader.cpp", "compute.cpp", "writer.cpp", "program.json", "run.py"] {
        assert!(place.path().join("out").join(file).is_file(), "{file}");
    }
    place.check("compile scale.tile --target tt --set N=70 --emit dataflow", 0, "dataflow scale");
    place.check("compile scale.tile --target tt --emit dataflow", 2, "N is not bound");
    place.check("compile scale.tile --target tt --emit canonical", 0, "by");
    place.check("compile scale.tile --target tt --set N=70 --emit tile", 3, "--target cuda");
    place.check("compile scale.tile --target cpu --emit dataflow", 3, "--target tt");
    place.check("compile scale.tile --target cuda --emit dataflow", 3, "--target tt");
    place.check("compile scale.tile --target tt --set M=70", 2, "no size `M`");
    place.check("explain scale.tile --target tt --set N=70", 0, "steps of scale on wormhole_n150");
    place.check("explain scale.tile --chip blackhole_p150 --set N=70", 0, "on blackhole_p150");
    place.check("explain scale.tile --target tt", 2, "N is not bound");
    place.check("run scale.tile --target tt --set N=70 --check --repeat 2", 0, "agrees");
    place.check("run scale.tile --target tt --set N=70 --specialize", 2, "--target cuda");
    place.check("run scale.tile --target tt --set N=70 --device 0", 2, "emulator or ttnn");
    place.check("run scale.tile --target tt --set N=70 --device board", 2, "neither the number");
    place.check("run scale.tile --target cpu --set N=70 --device ttnn", 2, "--target tt");
    place.check("bench scale.tile --target tt --set N=4", 2, "--target cuda");
}

#[test]
fn what_tensix_has_no_way_to_run_is_exit_code_3() {
    let place = Place::new();
    let text = "kernel running[N](x: f32[N]) -> (y: f32[N]) \
                { y[i] = sum[j](if j <= i then x[j] else 0.0) }";
    place.write("running.tile", text.as_bytes());
    place.check("compile running.tile --target tt --set N=70", 3, "running.tile:1:");
    let block = format!("{SCALE}\ntile scale on wormhole_n150 {{ y: m = 33 }}\n");
    place.write("block.tile", block.as_bytes());
    place.check("compile block.tile --target tt --set N=70", 1, "`m` does not take this value");
}

#[test]
fn without_ttnn_there_is_one_sentence() {
    let place = Place::new();
    for (python, says) in [("no-such-python", "cannot be started"), ("false", "run.py failed")] {
        let mut tilec = Command::new(env!("CARGO_BIN_EXE_tilec"));
        tilec.current_dir(place.path()).env("TILEC_PYTHON", python);
        let arguments = "run scale.tile --target tt --set N=4 --device ttnn";
        let output = tilec.args(arguments.split_whitespace()).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(says) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn repeated_runs_are_compared() {
    let place = Place::new();
    place.check("run scale.tile --target cpu --set N=100 --repeat 3", 0, "computed");
}

#[cfg(feature = "llvm")]
#[test]
fn compile_writes_an_object_a_header_and_the_stages() {
    let place = Place::new();
    place.check("compile scale.tile --target cpu -o out", 0, "wrote");
    let files = |folder: &str| {
        let entries = fs::read_dir(place.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(files("out"), ["scale.h", "scale.o"]);
    place.check("compile scale.tile --target cpu -o all --emit all", 0, "wrote");
    let stages = [
        "scale.1.tensor.txt",
        "scale.2.specialized.txt",
        "scale.3.canonical.txt",
        "scale.4.plan.json",
        "scale.4.plan.txt",
        "scale.5.ll",
    ];
    assert_eq!(files("all"), [&stages[..], &["scale.h", "scale.o"]].concat());
    place.check("compile scale.tile --target cpu --emit tensor", 0, "y: f32[i < N] = x[i] * by");
    place.check("compile scale.tile --target cpu --emit specialized --set N=16", 0, "16");
    place.check("compile scale.tile --target cpu --set M=16", 2, "M");
    let first = fs::read(place.path().join("out/scale.o")).unwrap();
    place.check("compile scale.tile --target cpu -o again", 0, "wrote");
    assert_eq!(
        first,
        fs::read(place.path().join("again/scale.o")).unwrap(),
        "the same input gives the same bytes"
    );
}
