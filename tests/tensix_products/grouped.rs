//! Products of rows, each with the matrix of its group: tables tell what there is to do, so
//! sizes of groups are what matters.

use tilec_ir::Array;
use tilec_ir::array::Data;
use tilec_ir::dataflow::{Move, Op, Work};
use tilec_tensix_emu::Counters;

use super::{CHIPS, parse, read, tensix};

/// A row for each of so many of every group, in an order that mixes them.
fn rows(sizes: &[usize], sorted: bool) -> Vec<i32> {
    let mut rows: Vec<_> = sizes
        .iter()
        .enumerate()
        .flat_map(|(group, &size)| {
            std::iter::repeat_n(i32::try_from(group).expect("they are few"), size)
        })
        .collect();
    if !sorted {
        let step = (1..rows.len()).rev().find(|step| is_coprime(*step, rows.len())).unwrap_or(1);
        rows = (0..rows.len()).map(|at| rows[at * step % rows.len()]).collect();
    }
    rows
}

fn is_coprime(a: usize, b: usize) -> bool {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

/// Groups as the last of the inputs.
fn with_groups(groups: Vec<i32>) -> impl FnOnce(Vec<Array>) -> Vec<Array> {
    move |mut inputs| {
        let last = inputs.last_mut().expect("groups are an input");
        assert_eq!(last.shape, [groups.len()]);
        last.data = Data::I32(groups);
        inputs
    }
}

#[test]
fn groups_of_all_sizes() {
    let text = read("tests/cases/idioms/grouped_gemm.tile");
    let module = parse(&text);
    let cases: [(&str, &[usize]); 2] =
        [("grouped_gemm", &[0, 1, 31, 0, 33, 63]), ("grouped_gemm_sorted", &[65, 0, 77, 0])];
    for (name, sizes) in cases {
        let groups = rows(sizes, name.ends_with("sorted"));
        let count = |length: usize| i64::try_from(length).unwrap();
        let set = [("R", count(groups.len())), ("N", 33), ("K", 65), ("E", count(sizes.len()))];
        for (chip, grid) in CHIPS.into_iter().zip([[2, 2], [3, 1]]) {
            let chip = tensix::with_grid(chip, grid);
            let ran =
                tensix::try_with((&text, &module), name, &chip, &set, with_groups(groups.clone()));
            if let Err(fault) = ran {
                panic!("{name} of {sizes:?} on {}: {fault}", chip.name);
            }
        }
    }
}

/// What the cores of the step that walks a list did.
fn of_the_product(
    name: &str,
    grid: [u32; 2],
    set: &[(&str, i64)],
    sizes: &[usize],
) -> Vec<Counters> {
    let text = read("tests/cases/idioms/grouped_gemm.tile");
    let module = parse(&text);
    let groups = with_groups(rows(sizes, name.ends_with("sorted")));
    let chip = tensix::with_grid("wormhole_n150", grid);
    let ran = tensix::try_with((&text, &module), name, &chip, set, groups);
    let (program, mut counters) = ran.unwrap_or_else(|fault| panic!("{sizes:?}: {fault}"));
    let deals = |op: &Op| matches!(op, Op::Move(Move::Work(Work::Deal(_))));
    let at = program.steps.iter().position(|step| step.reader.body.iter().any(deals));
    counters.swap_remove(at.expect("one step walks a list"))
}

/// The matrix of a group is read once by a core, however many tiles of rows it has.
#[test]
fn tiles_of_a_group_share_its_matrix() {
    let (n_tiles, k_tiles, tile_bytes) = (3, 16, 2048);
    let set = [("R", 96), ("N", 32 * n_tiles), ("K", 32 * k_tiles), ("E", 16)];
    let read = |tiles: [usize; 3]| {
        let sizes: Vec<_> = tiles.into_iter().chain([0; 13]).map(|tiles| 32 * tiles).collect();
        let cores = of_the_product("grouped_gemm_sorted", [1, 1], &set, &sizes);
        i64::try_from(cores[0].dram_read_bytes).unwrap()
    };
    assert_eq!(read([1, 1, 1]) - read([3, 0, 0]), 2 * n_tiles * k_tiles * tile_bytes);
}

/// With routing by Zipf's law no core does more than 1.2 times what the average one does.
#[test]
fn work_is_balanced_by_what_groups_have() {
    let sizes: Vec<usize> = (1..=16).map(|rank| 300 / rank).chain([0; 4]).collect();
    let (rows, groups) = (sizes.iter().sum::<usize>(), sizes.len());
    let count = |length: usize| i64::try_from(length).unwrap();
    let set = [("R", count(rows)), ("N", 256), ("K", 32), ("E", count(groups))];
    let cores = of_the_product("grouped_gemm", [3, 2], &set, &sizes);
    let products = cores.iter().map(|core| core.tile_products);
    let (most, all) = (products.clone().max().unwrap(), products.sum::<u64>());
    // Tiles of 32 rows for every group that has some, 8 tiles of columns, one of depth.
    let tiles: usize = sizes.iter().map(|size| size.div_ceil(32)).sum();
    assert_eq!(all, 8 * tiles as u64);
    let ratio = most as f64 * cores.len() as f64 / all as f64;
    assert!(ratio <= 1.2, "the busiest core has {ratio:.3} times the mean");
}
