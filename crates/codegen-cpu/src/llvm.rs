//! LLVM as a library: which machine, which passes, which output.

use std::sync::Once;

use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{
    CodeModel, FileType, InitializationConfig, RelocMode, Target, TargetMachine,
};

use crate::emit::Machine;

/// What code is made for.
#[derive(Clone, Debug)]
pub(crate) struct Platform {
    cpu: String,
    features: String,
    pub(crate) machine: Machine,
}

/// The oldest x86-64 that object files run on: any with AVX2 and FMA.
const PORTABLE: &str = "x86-64-v3";

impl Platform {
    /// The machine that this process runs on.
    pub(crate) fn host() -> Self {
        let cpu = TargetMachine::get_host_cpu_name().to_string();
        let features = TargetMachine::get_host_cpu_features().to_string();
        let machine = Machine::of(&features);
        Self { cpu, features, machine }
    }

    /// Any machine with AVX2 and FMA.
    pub(crate) fn portable() -> Self {
        Self { cpu: PORTABLE.to_owned(), features: String::new(), machine: Machine::AVX2 }
    }

    /// As attributes of functions.
    pub(crate) fn attributes(&self) -> String {
        let Self { cpu, features, machine } = self;
        let bits = machine.lanes * 32;
        let features = if features.is_empty() {
            String::new()
        } else {
            format!("\"target-features\"=\"{features}\" ")
        };
        format!("\"target-cpu\"=\"{cpu}\" {features}\"prefer-vector-width\"=\"{bits}\"")
    }

    fn target_machine(&self) -> Result<TargetMachine, String> {
        initialize();
        let triple = TargetMachine::get_default_triple();
        let target = Target::from_triple(&triple).map_err(|e| e.to_string())?;
        let level = OptimizationLevel::Default;
        let Self { cpu, features, .. } = self;
        target
            .create_target_machine(
                &triple,
                cpu,
                features,
                level,
                RelocMode::PIC,
                CodeModel::Default,
            )
            .ok_or_else(|| format!("LLVM has no target machine for `{cpu}`"))
    }

    /// Parses, verifies and optimizes a module.
    pub(crate) fn optimize<'c>(
        &self,
        context: &'c Context,
        text: &str,
    ) -> Result<Module<'c>, String> {
        let machine = self.target_machine()?;
        let module = parse(context, text);
        module.set_triple(&machine.get_triple());
        module.set_data_layout(&machine.get_target_data().get_data_layout());
        let options = PassBuilderOptions::create();
        // O3 and unrolling would only copy loops, which costs compile time:
        // vectors of several registers hide the latency as well.
        options.set_loop_unrolling(false);
        options.set_loop_slp_vectorization(false);
        options.set_loop_interleaving(true);
        module.run_passes("default<O2>", &machine, options).map_err(|e| e.to_string())?;
        Ok(module)
    }

    /// An object file.
    pub(crate) fn object(&self, text: &str) -> Result<Vec<u8>, String> {
        let context = Context::create();
        let module = self.optimize(&context, text)?;
        let machine = self.target_machine()?;
        let object = machine.write_to_memory_buffer(&module, FileType::Object);
        Ok(object.map_err(|e| e.to_string())?.as_slice().to_vec())
    }
}

/// Text that LLVM rejects is a mistake of the emitter.
fn parse<'c>(context: &'c Context, text: &str) -> Module<'c> {
    let buffer = MemoryBuffer::create_from_memory_range_copy(text.as_bytes(), "kernel");
    let module = match context.create_module_from_ir(buffer) {
        Ok(module) => module,
        Err(error) => panic!("{error}\n{text}"),
    };
    if let Err(error) = module.verify() {
        panic!("{error}\n{text}");
    }
    module
}

fn initialize() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| Target::initialize_x86(&InitializationConfig::default()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::emit;
    use crate::plan::plan;

    /// Code for machines that may not be this one: LLVM takes and compiles it.
    #[test]
    fn every_kind_of_machine() {
        let text = "kernel f[M, N, K](a: f8e4m3[M, K], b: i8[N, K], c: f32[N, K])
            -> (x: f32[M, N], y: i32[N, N], z: bf16[N, K])
            {
                x[m, n] = sum[k](a[m, k] * c[n, k])
                y[m, n] = sum[k](i32(b[m, k]) * b[n, k])
                z[n, k] = bf16(exp(c[n, k]) / max[j](c[n, j]))
            }";
        let kernel = &tilec_frontend::check(text).module.kernels[0];
        let cases = [
            ("x86-64", Machine::SSE),
            ("x86-64-v3", Machine::AVX2),
            ("x86-64-v4", Machine::AVX512),
        ];
        for (cpu, machine) in cases {
            let platform = Platform { cpu: cpu.to_owned(), features: String::new(), machine };
            let text = emit(kernel, &plan(kernel), machine, &platform.attributes());
            let object = platform.object(&text).unwrap();
            assert!(object.starts_with(b"\x7fELF"), "{cpu}");
        }
    }

    #[test]
    fn machines_by_their_features() {
        let cases = [
            ("+sse2,-avx2", Machine::SSE),
            ("+avx2,+fma,-avx512f", Machine::AVX2),
            ("+avx2,+fma,+avx512f,+avx512dq,+avx512vl", Machine::AVX512),
        ];
        for (features, expected) in cases {
            assert_eq!(Machine::of(features), expected, "{features}");
        }
    }
}
