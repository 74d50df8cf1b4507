//! Array files: what is written is read back bit for bit, NumPy's other layouts
//! are understood, and no bytes whatever make the decoders panic, hang or take
//! memory that the file does not have.

use std::time::Instant;

use proptest::prelude::*;
use tilec::arrays::{Format, decode, npy, safetensors};
use tilec_ir::{Array, Data, Element};

const ELEMENTS: [Element; 9] = [
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
const FORMATS: [Format; 2] = [Format::Npy, Format::Safetensors];
const SHAPES: [&[usize]; 6] = [&[], &[0], &[1], &[5], &[3, 0, 2], &[2, 3, 4]];

/// An array whose elements are the bits of 0xc0ffee01, 0xc0ffee02, ..
fn array(element: Element, shape: &[usize]) -> Array {
    let bits = 0..shape.iter().product::<usize>() as u32;
    let bits = bits.map(|i| 0xc0ff_ee01u32.wrapping_add(i * 0x0101_0101));
    let data = match element {
        Element::F32 => Data::F32(bits.map(f32::from_bits).collect()),
        Element::I32 => Data::I32(bits.map(u32::cast_signed).collect()),
        Element::Bf16 | Element::F16 => Data::B16(bits.map(|b| (b >> 8) as u16).collect()),
        Element::F8E4M3 | Element::F8E5M2 | Element::I8 | Element::U8 => {
            Data::B8(bits.map(|b| b as u8).collect())
        }
        Element::Bool => Data::B8(bits.map(|b| (b % 2) as u8).collect()),
    };
    Array { element, shape: shape.to_vec(), data }
}

fn encode(format: Format, array: &Array) -> Vec<u8> {
    match format {
        Format::Npy => npy::encode(array),
        Format::Safetensors => safetensors::encode(&[("x", array)]),
    }
}

#[test]
fn every_type_and_shape_comes_back() {
    for (format, element) in FORMATS.into_iter().flat_map(|f| ELEMENTS.map(|e| (f, e))) {
        for shape in SHAPES {
            let array = array(element, shape);
            let read = decode(format, &encode(format, &array), "x", element);
            assert_eq!(read.as_ref(), Ok(&array), "{format:?} {}", element.name());
        }
    }
}

/// A file as NumPy lays it out: version 1, a dictionary, the data.
fn numpy(dtype: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    file(&format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}\n"), data)
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).expect("headers of tests are short").to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

#[test]
fn layouts_of_numpy_are_read() {
    let floats = |values: &[f32]| Data::F32(values.to_vec());
    let bytes = |values: &[f32], big: bool| -> Vec<u8> {
        values.iter().flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
    };
    let columns = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
    let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    for (file, shape, data) in [
        (numpy("<f4", false, "(2, 3)", &bytes(&rows, false)), vec![2, 3], floats(&rows)),
        (numpy(">f4", false, "(2, 3)", &bytes(&rows, true)), vec![2, 3], floats(&rows)),
        (numpy("<f4", true, "(2, 3)", &bytes(&columns, false)), vec![2, 3], floats(&rows)),
        (numpy(">f4", true, "(2, 3)", &bytes(&columns, true)), vec![2, 3], floats(&rows)),
        (numpy("<f4", true, "(2, 0)", &[]), vec![2, 0], floats(&[])),
        (numpy("<f4", false, "()", &bytes(&[7.0], false)), vec![], floats(&[7.0])),
    ] {
        let read = npy::decode(&file, Element::F32);
        assert_eq!(read, Ok(Array { element: Element::F32, shape, data }));
    }
    for (dtype, element, bytes, data) in [
        (">i4", Element::I32, &[0, 0, 1, 2][..], Data::I32(vec![258])),
        (">u2", Element::Bf16, &[0x3f, 0x80], Data::B16(vec![0x3f80])),
        (">f2", Element::F16, &[0x3c, 0x01], Data::B16(vec![0x3c01])),
        ("|u1", Element::F8E4M3, &[0xfe], Data::B8(vec![0xfe])),
        ("|i1", Element::I8, &[0x80], Data::B8(vec![0x80])),
        ("|b1", Element::Bool, &[1], Data::B8(vec![1])),
    ] {
        let read = npy::decode(&numpy(dtype, false, "(1,)", bytes), element);
        assert_eq!(read, Ok(Array { element, shape: vec![1], data }), "{dtype}");
    }
}

/// Decodes as every type; gives what is said where it fails.
fn survive(bytes: &[u8]) -> Vec<String> {
    let start = Instant::now();
    let results = FORMATS.into_iter().flat_map(|f| ELEMENTS.map(|e| decode(f, bytes, "x", e)));
    let mut said = vec![];
    for result in results {
        match result {
            Ok(array) => assert_eq!(array.shape.iter().product::<usize>(), array.data.len()),
            Err(message) => said.push(message),
        }
    }
    assert!(start.elapsed().as_secs() < 5, "{} bytes take too long", bytes.len());
    said
}

#[test]
fn headers_that_promise_too_much_are_refused() {
    let deep = |open: &str, close: &str| {
        file(&format!("{}1{}", open.repeat(15_000), close.repeat(15_000)), &[])
    };
    let long = [b"\x93NUMPY\x02\x00\xff\xff\xff\xff", &b"{}"[..]].concat();
    for (bytes, says) in [
        (numpy("<f4", false, "(4,)", &[0; 15]), "is damaged"),
        (numpy("<f4", false, "(1000000000000,)", &[0; 16]), "is damaged"),
        (numpy("<f4", false, "(4294967296, 4294967296)", &[]), "more elements than can be counted"),
        (numpy("<f4", true, "(0, 4294967296, 4294967296)", &[]), "more elements than can be"),
        (numpy("<f4", false, "(99999999999999999999,)", &[]), "more elements than can be"),
        (numpy("<f4", false, "(-1,)", &[]), "is not a .npy file"),
        (numpy("|O", false, "(1,)", &[0; 8]), "holds"),
        (deep("(", ")"), "nested too deeply"),
        (deep("{", "}"), "nested too deeply"),
        (long, "its header is cut off"),
        (vec![], "is not a .npy file"),
    ] {
        let said = npy::decode(&bytes, Element::F32).expect_err("it is refused");
        assert!(said.contains(says), "{said}, not {says}");
        survive(&bytes);
    }
    let long = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let header = br#"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
    let large = [&(header.len() as u64).to_le_bytes()[..], header].concat();
    for bytes in [long, large] {
        let said = safetensors::decode(&bytes, "x", Element::F32).expect_err("it is refused");
        assert!(said.contains("is not a .safetensors file"), "{said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_an_array_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survive(&bytes);
    }

    #[test]
    fn mutated_files_are_an_array_or_an_error(
        format in prop::sample::select(&FORMATS[..]),
        element in prop::sample::select(&ELEMENTS[..]),
        shape in prop::sample::select(&SHAPES[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = encode(format, &array(element, shape));
        for (place, byte) in &changes {
            // Digits and brackets find more than bytes at large.
            let byte = if byte % 2 == 0 { *byte } else { b"0123456789(){}[],'"[usize::from(*byte) % 18] };
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        survive(&bytes);
    }
}
