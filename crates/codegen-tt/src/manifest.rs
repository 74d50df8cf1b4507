//! What `program.json` says: see [`tilec_manifest::tensix`].

use tilec_ir::dataflow::{Buffer, Circular, Format, Program, Step};
use tilec_ir::tensor::{self, Scalar};
use tilec_manifest::tensix::{
    self, CircularBuffer, Kernel, Math, Programs, Role, Semaphore, VERSION,
};

/// Everything that is run.
pub(crate) fn programs(
    program: &Program,
    sizes: &[(String, i64)],
    programs: Vec<tensix::Program>,
) -> Programs {
    Programs {
        version: VERSION,
        kernel: program.plan.kernel.name.clone(),
        chip: program.chip.clone(),
        arch: program.arch.clone(),
        sizes: sizes.to_vec(),
        buffers: program.buffers.iter().map(|at| buffer(program, at)).collect(),
        programs,
    }
}

/// A step with its reader, compute and writer kernel.
pub(crate) fn program(step: &Step, kernels: [Kernel; 3]) -> tensix::Program {
    let [reader, compute, writer] = kernels;
    let semaphore = |semaphore: &tilec_ir::dataflow::Semaphore| Semaphore {
        name: semaphore.name.clone(),
        initial: semaphore.initial,
    };
    tensix::Program {
        name: step.name.clone(),
        columns: step.grid[0],
        rows: step.grid[1],
        reader,
        compute,
        writer,
        math: Math {
            fidelity: format!("{:?}", step.fidelity),
            fp32_dest_acc: step.f32_dst,
            full_sync: step.full_sync,
        },
        circular_buffers: (0u32..).zip(&step.circular).map(circular).collect(),
        semaphores: step.semaphores.iter().map(semaphore).collect(),
    }
}

fn circular((index, ring): (u32, &Circular)) -> CircularBuffer {
    CircularBuffer {
        index,
        name: ring.name.clone(),
        format: format(ring.format),
        pages: ring.tiles,
        unpack_to_dst: ring.format == Format::Word,
    }
}

fn buffer(program: &Program, buffer: &Buffer) -> tensix::Buffer {
    let kernel = &program.plan.kernel;
    let tensor = &kernel.tensors[buffer.tensor];
    let mut same = program.buffers.iter().filter(|other| other.tensor == buffer.tensor);
    let is_first = same.next().is_some_and(|first| first.name == buffer.name);
    let size = |&size: &_| {
        let size = kernel.ints.as_constant(size).expect("all sizes are bound");
        u64::try_from(size).expect("sizes are never negative")
    };
    let dimensions = |list: &[usize]| {
        let number = |&at: &usize| u32::try_from(at).expect("tensors have few dimensions");
        list.iter().map(number).collect()
    };
    tensix::Buffer {
        name: buffer.name.clone(),
        tensor: tensor.name.clone(),
        role: match tensor.role {
            tensor::Role::Input => Role::Input,
            tensor::Role::Output if is_first => Role::Output,
            // A copy, for programs that read it otherwise.
            tensor::Role::Output => Role::Local,
            tensor::Role::Local => Role::Local,
        },
        element: element(tensor.element).to_owned(),
        shape: tensor.shape.iter().map(size).collect(),
        batch: dimensions(&buffer.batch),
        rows: dimensions(&buffer.rows),
        columns: dimensions(&buffer.columns),
        // Words of an integer tensor are the integers themselves.
        format: if tensor.element.is_integer()
            && matches!(buffer.format, Format::Word | Format::F32)
        {
            tensix::Format::Int32
        } else {
            format(buffer.format)
        },
        pages: buffer.pages(),
    }
}

fn element(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Idx(_) => "idx",
        Scalar::F32
        | Scalar::Bf16
        | Scalar::F16
        | Scalar::F8E4M3
        | Scalar::F8E5M2
        | Scalar::I32
        | Scalar::I8
        | Scalar::U8
        | Scalar::Bool => tilec_ir::Element::of(scalar).name(),
    }
}

/// A [`Format::Word`] is an f32 to everything but the copy to DST.
fn format(format: Format) -> tensix::Format {
    match format {
        Format::F32 | Format::Word => tensix::Format::Float32,
        Format::Bf16 => tensix::Format::Bfloat16,
        Format::F16 => tensix::Format::Float16,
        Format::Bfp8 => tensix::Format::Bfp8,
        Format::NativeE4M3 => tensix::Format::Fp8E4M3,
        Format::NativeE5M2 => tensix::Format::Lf8,
        Format::U16 => tensix::Format::UInt16,
        Format::Byte => tensix::Format::UInt8,
    }
}
