//! The compute role with one thing wrong.

use crate::dataflow::testing::{LIMITS, Shape, copy, copy_tile, product, vector};
use crate::dataflow::verify::{Limits, verify};
use crate::dataflow::{CircularAt, Format, Index, Math, Op, Program, Test, UnaryVector, Vector};

use super::{change, refused, remove};

const A: CircularAt = 0;
const SUMS: CircularAt = 2;
const SMALL: Shape = Shape { grid: [1, 1], block: [2, 4], k: [2, 1] };

/// Removes a math op.
fn without(math: &Math) -> impl FnOnce(&mut Program) {
    let op = Op::Math(math.clone());
    move |program| remove(&mut program.steps[0].compute.body, 0, |other| *other == op)
}

/// Changes the product.
fn multiply(edit: impl Fn(&mut Math)) -> impl FnOnce(&mut Program) {
    move |program| {
        change(&mut program.steps[0].compute.body, 0, |op| match op {
            Op::Math(math @ Math::Multiply { .. }) => {
                let mut math = math.clone();
                edit(&mut math);
                Some(vec![Op::Math(math)])
            }
            _ => None,
        });
    }
}

#[test]
fn sections_of_dst_are_handed_on_in_order() {
    refused(copy(), without(&Math::Acquire), "a section of DST is not acquired, so math has none");
    refused(
        copy(),
        without(&Math::Commit),
        "a section of DST is acquired, which this does not follow",
    );
    refused(
        copy(),
        without(&Math::AwaitMath),
        "a section of DST is committed, so the packer has none",
    );
    refused(copy(), without(&Math::Release), "a section of DST is with the packer, which");
    refused(
        copy(),
        |x| x.steps[0].compute.body.push(Op::Math(Math::Acquire)),
        "a section of DST is never released",
    );
}

#[test]
fn units_are_set_up_first() {
    let missing = "no init of the same circular buffer comes before it";
    refused(copy(), without(&Math::CopyInit(0)), missing);
    refused(copy(), without(&Math::PackInit(1)), missing);
    refused(
        product(SMALL),
        without(&Math::CopyInit(SUMS)),
        "no init of the same circular buffer comes before it",
    );
    refused(
        product(SMALL),
        multiply(|math| {
            if let Math::Multiply { transpose, .. } = math {
                *transpose = true;
            }
        }),
        "no init of the same operands and block comes before it",
    );
}

#[test]
fn tiles_of_dst_are_there_and_written() {
    let into = |tile| {
        move |program: &mut Program| {
            change(&mut program.steps[0].compute.body, 0, |op| match op {
                Op::Math(Math::Copy { .. }) => Some(vec![copy_tile(0, 0, tile)]),
                _ => None,
            });
        }
    };
    refused(copy(), into(4), "tile 4 of DST is used, which has 4 here");
    refused(copy(), into(2), "tile 0 of DST is read, and nothing is in it");
    refused(
        product(SMALL),
        multiply(|math| {
            if let Math::Multiply { dst, .. } = math {
                *dst = 1;
            }
        }),
        "tile 4 of DST is used, which has 4 here",
    );
    refused(
        copy(),
        |program| {
            change(&mut program.steps[0].compute.body, 0, |op| match op {
                Op::Math(Math::Vector(_)) => Some(vec![vector(Vector::Position {
                    columns: true,
                    base: Index::from(1 << 24),
                    dst: 1,
                })]),
                _ => None,
            });
        },
        "positions from 16777216 on are not exact in f32",
    );
}

#[test]
fn products_take_tiles_waited_for() {
    refused(
        product(SMALL),
        multiply(|math| {
            if let Math::Multiply { a_at, .. } = math {
                *a_at = a_at.clone() + 1;
            }
        }),
        "compute of core 0, 0, in for kb in 0 .. K_BLOCKS / for row in 0 .. ROWS / \
         for part in 0 .. COLUMNS / 4 / for at in 0 .. K_BLOCK / \
         multiply a row * K_BLOCK + at + 1, b at * COLUMNS + part * 4 -> d0 (1 x 4, depth 1): \
         page 2 of a is not among the 2 waited for",
    );
    refused(
        product(SMALL),
        multiply(|math| {
            if let Math::Multiply { b_at, .. } = math {
                *b_at = b_at.clone() + 1;
            }
        }),
        "page 4 of b is not among the 4 waited for",
    );
}

#[test]
fn rows_of_a_block_are_waited_for_too() {
    let wide = [2, 2, 2];
    refused(
        product(SMALL),
        |program| {
            multiply(|math| {
                if let Math::Multiply { block, .. } = math {
                    *block = wide;
                }
            })(program);
            change(&mut program.steps[0].compute.body, 0, |op| match op {
                Op::Math(Math::MultiplyInit { a, b, transpose, .. }) => {
                    let (a, b, transpose) = (*a, *b, *transpose);
                    Some(vec![Op::Math(Math::MultiplyInit { a, b, transpose, block: wide })])
                }
                _ => None,
            });
        },
        "page 2 of a is not among the 2 waited for",
    );
}

#[test]
fn a_section_of_dst_begins_empty() {
    refused(
        copy(),
        |program| {
            change(&mut program.steps[0].compute.body, 0, |op| match op {
                Op::Math(Math::Copy { .. }) => Some(vec![Op::If {
                    test: Test::Equal("tile".into(), 0.into()),
                    then: vec![op.clone()],
                    otherwise: Vec::new(),
                }]),
                _ => None,
            });
        },
        "tile 0 of DST is read, and nothing is in it",
    );
}

#[test]
fn packing_adds_only_to_what_is_there() {
    let first = |math: Math| {
        move |program: &mut Program| {
            change(&mut program.steps[0].compute.body, 0, |op| match op {
                Op::Math(Math::PackAdds(false)) => Some(vec![Op::Math(math.clone())]),
                _ => None,
            });
        }
    };
    refused(
        product(SMALL),
        first(Math::PackAdds(true)),
        "page 0 of sums is added to, and nothing is in it",
    );
    refused(
        product(SMALL),
        |program| {
            program.steps[0].circular[SUMS].format = Format::Bf16;
        },
        "sums is added to, and holds no f32",
    );
}

#[test]
fn formats_meet() {
    let format = |ring: CircularAt, format: Format| {
        move |program: &mut Program| program.steps[0].circular[ring].format = format
    };
    let other = "pages of x are bf16, not f16 as the circular buffer";
    refused(copy(), format(0, Format::F16), other);
    refused(copy(), |x| x.buffers[1].format = Format::Bfp8, "pages of c are bfp8, not bf16");
    refused(
        product(SMALL),
        |program| {
            program.steps[0].circular[A].format = Format::F16;
            program.buffers[0].format = Format::F16;
        },
        "exponents of f16 and bf16 are of two sizes",
    );
    refused(product(SMALL), format(A, Format::Byte), "the matrix unit takes no bytes");
    refused(product(SMALL), format(A, Format::Word), "the matrix unit takes no words");
    refused(copy(), format(0, Format::Word), "the chip copies no words to DST");
    refused(copy(), format(0, Format::NativeE4M3), "the chip has no e4m3 of its own");
    refused(copy(), |x| x.steps[0].f32_dst = false, "the vector unit takes a DST of 32 bits");
    refused(
        product(SMALL),
        |program| {
            program.steps[0].f32_dst = false;
        },
        "f32 take a DST of 32 bits",
    );
    refused(
        copy(),
        |program| {
            program.steps[0].f32_dst = false;
            program.steps[0].circular[0].format = Format::NativeE5M2;
        },
        "the chip's own FP8 takes a DST of 32 bits",
    );
}

#[test]
fn a_chip_that_copies_words_may() {
    let mut program = copy();
    program.steps[0].circular[0].format = Format::Word;
    program.buffers[0].format = Format::F32;
    verify(&program, &Limits { words_to_dst: true, ..LIMITS }).unwrap();
}

#[test]
fn roles_do_their_own() {
    let round = vector(Vector::Unary(UnaryVector::RoundBf16, 0, 0));
    refused(copy(), |x| x.steps[0].reader.body.push(round), "the reader computes nothing");
    refused(
        copy(),
        |x| x.steps[0].compute.body.push(Op::Move(crate::dataflow::Move::ReadBarrier)),
        "the compute role moves nothing itself",
    );
}
