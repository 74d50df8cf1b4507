//! What passes, and what is counted on the way.

use std::time::Instant;

use crate::dataflow::testing::{LIMITS, Shape, copy, each, product};
use crate::dataflow::verify::{Share, Traffic, traffic, verify};
use crate::dataflow::{Index, Math, Op, Test};

use super::change;

/// A product of 4096 x 4096 x 4096 on 8 x 8 cores.
const LARGE: Shape = Shape { grid: [8, 8], block: [16, 16], k: [128, 2] };

#[test]
fn programs_that_are_right_pass() {
    verify(&copy(), &LIMITS).unwrap();
    for grid in [[1, 1], [2, 1], [1, 2], [2, 2], [3, 2], [4, 4]] {
        for k in [[1, 1], [4, 1], [6, 2]] {
            verify(&product(Shape { grid, block: [2, 4], k }), &LIMITS).unwrap();
        }
    }
}

#[test]
fn tiles_that_move_are_counted() {
    let tile = 2048;
    let share = |each: u64| Share { most: each, mean: each as f64 };
    let expected = Traffic {
        dram_read: 8 * tile,
        dram_written: 8 * tile,
        multicast: 0,
        noc: 16 * tile,
        noc_of_core: 8 * tile,
        busy_cores: 2,
        products: share(0),
        vector_ops: share(4),
        vector_cycles: share(4 * 436),
        copies: share(4),
        packs: share(4),
    };
    assert_eq!(traffic(&copy()), [expected]);
}

#[test]
fn loops_that_run_longer_each_time_are_counted_so() {
    let mut program = copy();
    change(&mut program.steps[0].compute.body, 0, |op| match op {
        Op::Math(Math::Vector(_)) => {
            let count = Index::named("tile") + 1;
            Some(vec![each("again", count, vec![op.clone()])])
        }
        _ => None,
    });
    verify(&program, &LIMITS).unwrap();
    assert_eq!(traffic(&program)[0].vector_ops, Share { most: 10, mean: 10.0 });
}

#[test]
fn loops_that_depend_on_a_number_around_them_are_run_for_each() {
    let mut program = copy();
    change(&mut program.steps[0].compute.body, 0, |op| match op {
        Op::Math(Math::Vector(_)) => {
            let test = Test::Less("again".into(), "tile".into());
            let some = Op::If { test, then: vec![op.clone()], otherwise: Vec::new() };
            Some(vec![op.clone(), each("again", 2, vec![some])])
        }
        _ => None,
    });
    verify(&program, &LIMITS).unwrap();
    assert_eq!(traffic(&program)[0].vector_ops, Share { most: 9, mean: 9.0 });
}

#[test]
fn multicasts_count_once_sent_and_at_each_core_received() {
    let found = traffic(&product(Shape { grid: [2, 3], block: [2, 4], k: [6, 1] }))[0];
    let (a, b, c) = (6 * 6 * 2048, 8 * 6 * 2048, 6 * 8 * 2048);
    assert_eq!((found.dram_read, found.dram_written), (a + b, c));
    assert_eq!(found.multicast, a + b);
    assert_eq!(found.noc, a + b + c + a + 2 * b);
    assert_eq!(found.products, Share { most: 2 * 4 * 6, mean: 48.0 });
}

#[test]
fn large_programs_take_a_moment() {
    let program = product(LARGE);
    let start = Instant::now();
    verify(&program, &LIMITS).unwrap();
    let took = start.elapsed();
    assert!(took.as_secs() < 5, "{took:?}");
    let found = traffic(&program)[0];
    assert_eq!(found.dram_read + found.dram_written, 3 * 4096 * 4096 * 2);
    assert_eq!(found.products, Share { most: 16 * 16 * 128, mean: 32768.0 });
}
