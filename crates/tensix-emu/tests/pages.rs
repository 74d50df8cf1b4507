//! Arrays as pages and back, against the definition of a buffer's layout.

use tilec_manifest::tensix::{Buffer, Format, Role};
use tilec_tensix_emu::{tilize, untilize};

fn buffer(element: &str, format: Format, shape: &[u64], split: [&[u32]; 3]) -> Buffer {
    let [batch, rows, columns] = split.map(<[u32]>::to_vec);
    let extent = |of: &[u32]| of.iter().map(|&d| shape[d as usize]).product::<u64>();
    let pages = extent(&batch) * extent(&rows).div_ceil(32) * extent(&columns).div_ceil(32);
    Buffer {
        name: "x".to_owned(),
        tensor: "x".to_owned(),
        role: Role::Input,
        element: element.to_owned(),
        shape: shape.to_vec(),
        batch,
        rows,
        columns,
        format,
        pages,
    }
}

fn bytes(count: u64, width: u64) -> Vec<u8> {
    (0..count).flat_map(|at| at.to_le_bytes().into_iter().take(width as usize)).collect()
}

/// The 32-bit word at a row and a column of a page.
fn word(pages: &[u8], page: usize, row: usize, column: usize) -> u32 {
    let face = row / 16 * 2 + column / 16;
    let at = page * 4096 + (face * 256 + row % 16 * 16 + column % 16) * 4;
    u32::from_le_bytes(pages[at..at + 4].try_into().expect("it is 4 bytes"))
}

#[test]
fn pages_are_row_by_row_and_padded_with_zeros() {
    let x = buffer("i32", Format::Int32, &[2, 33, 40], [&[0], &[1], &[2]]);
    let pages = tilize(&x, &bytes(2 * 33 * 40, 4));
    assert_eq!(pages.len(), 8 * 4096);
    let value = |b: u32, r: u32, c: u32| (b * 33 + r) * 40 + c;
    assert_eq!(word(&pages, 0, 17, 5), value(0, 17, 5));
    assert_eq!(word(&pages, 1, 3, 7), value(0, 3, 39));
    assert_eq!(word(&pages, 1, 3, 8), 0, "beyond the last column");
    assert_eq!(word(&pages, 6, 0, 31), value(1, 32, 31));
    assert_eq!(word(&pages, 6, 1, 0), 0, "beyond the last row");
}

#[test]
fn dimensions_are_flattened_in_the_order_that_is_said() {
    let x = buffer("i32", Format::Int32, &[3, 5, 7], [&[], &[2, 0], &[1]]);
    let pages = tilize(&x, &bytes(3 * 5 * 7, 4));
    assert_eq!(word(&pages, 0, 4 * 3 + 2, 1), 2 * 35 + 7 + 4, "row (4, 2) and column 1");
    let scalar = buffer("i32", Format::Int32, &[], [&[], &[], &[]]);
    assert_eq!(word(&tilize(&scalar, &[9, 0, 0, 0]), 0, 0, 0), 9);
}

#[test]
fn untilize_undoes_tilize() {
    let splits: [[&[u32]; 3]; 4] =
        [[&[0], &[1], &[2]], [&[], &[0, 1], &[2]], [&[1], &[2], &[0]], [&[2, 0], &[], &[1]]];
    for (element, format, width) in [
        ("f32", Format::Float32, 4),
        ("f32", Format::UInt32, 4),
        ("bf16", Format::Bfloat16, 2),
        ("bf16", Format::Float32, 2),
        ("f16", Format::Float16, 2),
        ("f8e4m3", Format::UInt8, 1),
        ("f8e5m2", Format::Lf8, 1),
        ("i8", Format::Int32, 1),
        ("bool", Format::UInt8, 1),
    ] {
        for split in splits {
            let x = buffer(element, format, &[2, 35, 67], split);
            // Small enough for no NaN, whose bits a conversion may change.
            let elements = bytes(2 * 35 * 67, width);
            assert_eq!(untilize(&x, &tilize(&x, &elements)), elements, "{element} {format:?}");
        }
    }
}

#[test]
fn floats_are_converted_where_the_format_is_another() {
    let one = buffer("bf16", Format::Float32, &[1], [&[], &[], &[0]]);
    assert_eq!(word(&tilize(&one, &[0x80, 0x3f]), 0, 0, 0), 1f32.to_bits());
    let block = buffer("f32", Format::Bfp8, &[16], [&[], &[], &[0]]);
    let values: Vec<f32> = (0..16).map(|at| at as f32 - 8.0).collect();
    let elements: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let pages = tilize(&block, &elements);
    assert_eq!((pages.len(), pages[0], pages[64]), (1088, 130, 0x80 | 64));
    assert_eq!(untilize(&block, &pages), elements);
}

#[test]
fn words_lie_as_halves_in_16_bits() {
    // The halves are a dimension behind the others: all lower ones, then all upper ones.
    let mut x = buffer("idx", Format::UInt16, &[2, 35, 67, 2], [&[3, 0], &[1], &[2]]);
    x.shape.truncate(3);
    let elements: Vec<u8> =
        (0..2 * 35 * 67_u32).flat_map(|at| (at * 70_001).to_le_bytes()).collect();
    let pages = tilize(&x, &elements);
    assert_eq!(pages.len(), 24 * 2048);
    let half = |page: usize| u16::from_le_bytes([pages[page * 2048 + 2], pages[page * 2048 + 3]]);
    let [lower, upper] = [half(0), half(12)].map(u32::from);
    assert_eq!(upper << 16 | lower, 70_001, "the second element");
    assert_eq!(untilize(&x, &pages), elements);
}
