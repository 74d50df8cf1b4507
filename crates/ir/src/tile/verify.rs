//! The verifier of tile programs: what emitters may rely on.
//!
//! It takes any program and says the first thing that is wrong.

use crate::tile::Program;

/// What a chip allows a block, in the words of no chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Dynamic shared memory of a block, in bytes.
    pub shared_bytes: u32,
    /// Registers of a multiprocessor, shared by the threads of a block.
    pub registers: u32,
    /// Blocks of a cluster.
    pub cluster: u32,
}

/// Says what is wrong with a program, if anything is.
pub fn verify(program: &Program, _limits: &Limits) -> Result<(), String> {
    for step in &program.steps {
        let last = step.variants.last().ok_or_else(|| "a step without variants".to_owned())?;
        if !last.when.is_empty() {
            return Err(format!("{}: the last variant has conditions", last.kernel.name));
        }
    }
    Ok(())
}

/// Panics with what is wrong with a program that does not verify.
pub fn assert_valid(program: &Program, limits: &Limits) {
    if let Err(fault) = verify(program, limits) {
        panic!("the tile program does not verify: {fault}\n{program:#?}");
    }
}
