//! What is printed, of programs built by hand.

use crate::dataflow::testing::{Shape, copy, product};

use super::print;

#[test]
fn a_program_prints_as_it_runs() {
    assert_eq!(
        print(&copy()),
        "\
dataflow test on wormhole_n150 (wormhole)

buffers
  x           bf16, 64 x 128 in 8 pages; input x, rows 0, columns 1
  c           bf16, 64 x 128 in 8 pages; output c, rows 0, columns 1

step c: 2 x 1 cores  by hand
  math        HiFi4, 32-bit DST of 4 tiles
  constants
    TILES         = 4     of a core
  L1
    x             2 x 2048 B bf16      4096 B  tiles of x
    c             2 x 2048 B bf16      4096 B  tiles of c
    in all                             8192 B
  reader
    first       0 4
    for tile in 0 .. TILES
      reserve x 1
      read x[first + tile] -> x 0
      read barrier
      push x 1
  compute
    # c: bf16 = 0.0
    copy init x
    pack init c
    for tile in 0 .. TILES
      wait x 1
      reserve c 1
      acquire
      copy x 0 -> d0
      d1 = round_bf16(d0)
      commit
      await math
      pack d1 -> c 0
      release
      pop x 1
      push c 1
  writer
    first       0 4
    for tile in 0 .. TILES
      wait c 1
      write c 0 -> c[first + tile]
      write barrier
      pop c 1
"
    );
}

#[test]
fn what_is_sent_prints_too() {
    let text = print(&product(Shape { grid: [2, 2], block: [2, 4], k: [2, 1] }));
    for line in [
        "  semaphores\n    a_ready\n    a_valid\n",
        "      if core_column == kb % 2\n        for row in 0 .. ROWS\n",
        "            read a[(core_row * ROWS + row) * K_TILES + kb * K_BLOCK + at] -> a row * K_BLOCK + at\n",
        "        until a_ready 1\n        set a_ready 0\n        multicast a 2 -> a of the row\n",
        "      else\n        set a_valid 0\n        signal a_ready of kb % 2 in the row\n",
        "multiply a row * K_BLOCK + at, b at * COLUMNS + part * 4 -> d0 (1 x 4, depth 1)\n",
        "        pack overwrites\n      else\n        pack adds\n",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}
