//! More than there is: refused with the table.

use crate::dataflow::testing::{LIMITS, Shape, copy, product, ring};
use crate::dataflow::verify::{Limits, diagnose, verify};
use crate::dataflow::{Argument, Format, Semaphore};

use super::refused;

#[test]
fn l1_is_refused_with_its_table_and_the_equation() {
    let program = product(Shape { grid: [1, 1], block: [16, 16], k: [8, 8] });
    let diagnostics = diagnose(&program, &LIMITS).unwrap_err();
    let [diagnostic] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(
        diagnostic.message,
        "the circular buffers of this equation take 2113536 bytes of L1 on each core, 720224 more than there are"
    );
    assert_eq!(diagnostic.labels[0].span, program.plan.kernel.equations[0].span);
    assert_eq!(
        diagnostic.help.as_deref(),
        Some(
            "smaller blocks (`m`, `n`, `k`) or fewer `stages` in a tile block take less; what takes the room:
a           256 x 2048 B bf16    524288 B  blocks of a
b           256 x 2048 B bf16    524288 B  blocks of b
sums        256 x 4096 B f32    1048576 B  partial sums of c
c             8 x 2048 B bf16     16384 B  tiles of c
in all                          2113536 B"
        )
    );
}

#[test]
fn what_exceeds_the_chip_is_refused() {
    refused(
        copy(),
        |program| {
            for at in 0..31 {
                program.steps[0].circular.push(ring(&format!("r{at}"), Format::Byte, 1, ""));
            }
        },
        "this equation takes 33 circular buffers, and a core has 32",
    );
    refused(copy(), |x| x.steps[0].grid = [9, 1], "it runs on 9 x 1 cores, and the chip has 8 x 8");
    refused(copy(), |x| x.steps[0].grid = [0, 1], "it runs on no core");
    refused(
        copy(),
        |program| {
            let argument = |at| Argument { name: format!("x{at}"), values: vec![0; 2] };
            program.steps[0].reader.arguments.extend((0..341).map(argument));
        },
        "the reader takes 345 arguments, of 341 at most",
    );
    refused(
        copy(),
        |program| {
            let semaphore = |at| Semaphore { name: format!("s{at}"), initial: 0 };
            program.steps[0].semaphores.extend((0..17).map(semaphore));
        },
        "it takes 17 semaphores, of 16",
    );
    let limits = Limits { dram_bytes: 32 * 1024 - 1, ..LIMITS };
    let faults = verify(&copy(), &limits).unwrap_err();
    assert_eq!(faults[0].sentence, "the tensors take 32768 bytes of DRAM, and the chip has 32767");
    let limits = Limits { dst_tiles: 8, ..LIMITS };
    let faults = verify(&copy(), &limits).unwrap_err();
    assert_eq!(faults[0].sentence, "it counts on 4 tiles of DST, of 2");
}
