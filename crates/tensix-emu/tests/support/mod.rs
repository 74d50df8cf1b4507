//! Small programs for tests: kernels as text, with the program.json that they need.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;

use tilec_manifest::tensix::{
    Argument, Buffer, CircularBuffer, Format, Kernel, Math, Program, Programs, Role, Semaphore,
    VERSION, Value,
};
use tilec_tensix_emu::{Failure, Options, Outcome};

/// A run of one program, `p`, with the kernels reader.cpp, compute.cpp and writer.cpp.
pub(crate) struct Case {
    pub(crate) programs: Programs,
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) inputs: BTreeMap<String, Vec<u8>>,
    pub(crate) options: Options,
}

fn kernel(file: &str) -> Kernel {
    Kernel { file: file.to_owned(), accessors: Vec::new(), arguments: Vec::new() }
}

/// A program of `columns` x `rows` cores whose kernels do nothing.
pub(crate) fn case(columns: u32, rows: u32) -> Case {
    let program = Program {
        name: "p".to_owned(),
        columns,
        rows,
        reader: kernel("reader.cpp"),
        compute: kernel("compute.cpp"),
        writer: kernel("writer.cpp"),
        math: Math { fidelity: "HiFi4".to_owned(), fp32_dest_acc: true, full_sync: false },
        circular_buffers: Vec::new(),
        semaphores: Vec::new(),
    };
    let programs = Programs {
        version: VERSION,
        kernel: "test".to_owned(),
        chip: "wormhole_n150".to_owned(),
        arch: "wormhole".to_owned(),
        sizes: Vec::new(),
        buffers: Vec::new(),
        programs: vec![program],
    };
    let nothing = "void kernel_main() {}\n".to_owned();
    let files = ["reader.cpp", "compute.cpp", "writer.cpp"];
    let texts = files.map(|file| (file.to_owned(), nothing.clone())).into();
    let options = Options { threads: 1, ..Options::default() };
    Case { programs, texts, inputs: BTreeMap::new(), options }
}

impl Case {
    fn program(&mut self) -> &mut Program {
        &mut self.programs.programs[0]
    }

    /// A buffer in DRAM.
    pub(crate) fn buffer(mut self, name: &str, role: Role, format: Format, pages: u64) -> Self {
        self.programs.buffers.push(Buffer {
            name: name.to_owned(),
            tensor: name.to_owned(),
            role,
            element: "f32".to_owned(),
            shape: vec![pages * 32, 32],
            batch: Vec::new(),
            rows: vec![0],
            columns: vec![1],
            format,
            pages,
        });
        self
    }

    /// An input, each of whose pages is filled with bytes that tell it.
    pub(crate) fn input(mut self, name: &str, format: Format, pages: u64) -> Self {
        let bytes = (0..pages).flat_map(|page| page_of(page, format)).collect();
        self.inputs.insert(name.to_owned(), bytes);
        self.buffer(name, Role::Input, format, pages)
    }

    pub(crate) fn output(self, name: &str, format: Format, pages: u64) -> Self {
        self.buffer(name, Role::Output, format, pages)
    }

    pub(crate) fn ring(mut self, index: u32, name: &str, format: Format, pages: u32) -> Self {
        let ring =
            CircularBuffer { index, name: name.to_owned(), format, pages, unpack_to_dst: false };
        self.program().circular_buffers.push(ring);
        self
    }

    pub(crate) fn semaphore(mut self, name: &str, initial: u32) -> Self {
        self.program().semaphores.push(Semaphore { name: name.to_owned(), initial });
        self
    }

    /// The reader: what its accessors are of, its arguments and its text.
    pub(crate) fn reader(
        mut self,
        accessors: &[&str],
        arguments: &[(&str, Value)],
        text: &str,
    ) -> Self {
        fill(&mut self.program().reader, accessors, arguments);
        self.texts.insert("reader.cpp".to_owned(), text.to_owned());
        self
    }

    pub(crate) fn compute(mut self, arguments: &[(&str, Value)], text: &str) -> Self {
        fill(&mut self.program().compute, &[], arguments);
        self.texts.insert("compute.cpp".to_owned(), text.to_owned());
        self
    }

    pub(crate) fn writer(
        mut self,
        accessors: &[&str],
        arguments: &[(&str, Value)],
        text: &str,
    ) -> Self {
        fill(&mut self.program().writer, accessors, arguments);
        self.texts.insert("writer.cpp".to_owned(), text.to_owned());
        self
    }

    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        tilec_tensix_emu::run(&self.programs, &self.texts, &self.inputs, &self.options)
    }

    /// What is wrong; it must be something.
    #[track_caller]
    pub(crate) fn failure(&self) -> Failure {
        match self.run() {
            Err(failure) => failure,
            Ok(_) => panic!("it ran without a fault"),
        }
    }
}

fn fill(kernel: &mut Kernel, accessors: &[&str], arguments: &[(&str, Value)]) {
    kernel.accessors = accessors.iter().map(|&name| name.to_owned()).collect();
    kernel.arguments = arguments
        .iter()
        .map(|(name, value)| Argument { name: (*name).to_owned(), value: value.clone() })
        .collect();
}

/// The bytes of page `page` of an input.
pub(crate) fn page_of(page: u64, format: Format) -> Vec<u8> {
    (0..u64::from(format.tile_bytes())).map(|at| (page * 7 + at * 13 + at / 256) as u8).collect()
}

pub(crate) fn address(buffer: &str) -> Value {
    Value::Address(buffer.to_owned())
}

pub(crate) fn all(value: u32, cores: usize) -> Value {
    Value::PerCore(vec![value; cores])
}

/// Three cores of a row that share what each reads: `x` has 10 pages, and `y` gets them
/// three times.
pub(crate) fn share() -> Case {
    let place = ("column", Value::PerCore(vec![0, 1, 2]));
    let arguments = [
        ("x_address", address("x")),
        place.clone(),
        ("row_y", Value::NocY(0)),
        ("first_x", Value::NocX(0)),
        ("last_x", Value::NocX(2)),
        ("sender_x0", Value::NocX(0)),
        ("sender_x1", Value::NocX(1)),
        ("sender_x2", Value::NocX(2)),
    ];
    case(3, 1)
        .input("x", Format::Bfloat16, 10)
        .output("y", Format::Bfloat16, 30)
        .ring(0, "shared", Format::Bfloat16, 4)
        .semaphore("ready", 0)
        .semaphore("valid", 0)
        .reader(&["x"], &arguments, include_str!("../kernels/share_reader.cpp"))
        .writer(
            &["y"],
            &[("y_address", address("y")), place],
            include_str!("../kernels/share_writer.cpp"),
        )
}
