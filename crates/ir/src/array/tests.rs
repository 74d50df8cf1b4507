//! Reading back what was written, for every element type.

use super::*;

const ALL: [Element; 9] = [
    Element::F32,
    Element::Bf16,
    Element::F16,
    Element::F8E4M3,
    Element::F8E5M2,
    Element::I32,
    Element::I8,
    Element::U8,
    Element::Bool,
];

#[test]
fn values_come_back_converted() {
    // What `300.5` and `-3` become in each type.
    let expected = [
        (300.5, -3.0),
        (300.0, -3.0),
        (300.5, -3.0),
        (288.0, -3.0),
        (320.0, -3.0),
        (300.0, -3.0),
        (127.0, -3.0),
        (255.0, 0.0),
        (1.0, 1.0),
    ];
    for (element, (large, negative)) in ALL.into_iter().zip(expected) {
        let mut array = Array::zeros(element, &[2, 2]).unwrap();
        array.set_f32(1, 300.5);
        array.set_i32(2, -3);
        array.set_bool(3, true);
        let values: Vec<_> = (0..4).map(|at| array.get_f32(at)).collect();
        assert_eq!(values, [0.0, large, negative, 1.0], "{element:?}");
        assert_eq!(array.get_i32(1), large as i32, "{element:?}");
        assert_eq!([0, 3].map(|at| array.get_bool(at)), [false, true], "{element:?}");
    }
}

#[test]
fn what_can_not_be_allocated_is_none() {
    assert_eq!(Array::zeros(Element::F32, &[usize::MAX, 2]), None);
    assert_eq!(Array::zeros(Element::U8, &[1 << 31, 1 << 31]), None);
    assert_eq!(Array::zeros(Element::F32, &[usize::MAX, 0]).map(|a| a.len()), Some(0));
}
