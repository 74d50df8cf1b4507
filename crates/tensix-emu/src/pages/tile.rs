//! A tile of 1,024 elements, in the order of faces, as the bytes of a page.

use half::{bf16, f16};
use tilec_manifest::tensix::Format;

use super::element::Element;

/// Appends the page of a tile, given the bits of its elements.
pub(super) fn encode(format: Format, element: Element, bits: &[u32; 1024], into: &mut Vec<u8>) {
    let width = format.tile_bytes() as usize / 1024;
    if format == Format::Bfp8 {
        return encode_bfp8(&bits.map(|bits| element.value(bits)), into);
    }
    for &bits in bits {
        into.extend(&store(format, element, bits).to_le_bytes()[..width]);
    }
}

/// The bits of the elements of a page.
pub(super) fn decode(format: Format, element: Element, page: &[u8]) -> [u32; 1024] {
    let width = page.len() / 1024;
    if format == Format::Bfp8 {
        return decode_bfp8(page).map(|value| element.bits(value));
    }
    std::array::from_fn(|at| {
        let mut bytes = [0; 4];
        bytes[..width].copy_from_slice(&page[at * width..][..width]);
        load(format, element, u32::from_le_bytes(bytes))
    })
}

/// What a format makes of an element that is not simply its bits.
fn converts(format: Format, element: Element) -> bool {
    match format {
        Format::Float32 => element != Element::F32,
        Format::Bfloat16 => element.is_float() && element != Element::Bf16,
        Format::Float16 => element.is_float() && element != Element::F16,
        Format::Bfp8 => true,
        Format::Fp8E4M3
        | Format::Lf8
        | Format::UInt32
        | Format::Int32
        | Format::UInt16
        | Format::UInt8 => false,
    }
}

/// The bits in a page.
fn store(format: Format, element: Element, bits: u32) -> u32 {
    if !converts(format, element) {
        return bits;
    }
    let value = element.value(bits);
    match format {
        Format::Bfloat16 => bf16::from_f32(value).to_bits().into(),
        Format::Float16 => f16::from_f32(value).to_bits().into(),
        Format::Float32
        | Format::Bfp8
        | Format::Fp8E4M3
        | Format::Lf8
        | Format::UInt32
        | Format::Int32
        | Format::UInt16
        | Format::UInt8 => value.to_bits(),
    }
}

/// The bits of an element.
fn load(format: Format, element: Element, bits: u32) -> u32 {
    if !converts(format, element) {
        return bits;
    }
    let half = u16::try_from(bits & 0xffff).expect("it is masked");
    match format {
        Format::Bfloat16 => element.bits(bf16::from_bits(half).to_f32()),
        Format::Float16 => element.bits(f16::from_bits(half).to_f32()),
        Format::Float32
        | Format::Bfp8
        | Format::Fp8E4M3
        | Format::Lf8
        | Format::UInt32
        | Format::Int32
        | Format::UInt16
        | Format::UInt8 => element.bits(f32::from_bits(bits)),
    }
}

/// 16 values, a row of a face, share the largest exponent. Each keeps its sign and 7 bits
/// of magnitude, rounded to the nearest (ties to even), at most 127; subnormals are 0. A
/// magnitude of 64 is 1.0 times the power of the exponent.
fn encode_bfp8(values: &[f32; 1024], into: &mut Vec<u8>) {
    let exponent = |value: &f32| value.to_bits() >> 23 & 0xff;
    let shared = |row: &[f32]| row.iter().map(exponent).max().unwrap_or(0);
    into.extend(values.chunks(16).map(|row| shared(row).to_le_bytes()[0]));
    for row in values.chunks(16) {
        let scale = 2f64.powi(133 - shared(row).cast_signed());
        into.extend(row.iter().map(|value| {
            let normal = if exponent(value) == 0 { 0.0 } else { f64::from(value.abs()) };
            // A NaN has the largest exponent of all, and no magnitude: it becomes 127.
            let magnitude = (normal * scale).round_ties_even().min(127.0) as u8;
            let sign = u8::from(magnitude > 0 && value.is_sign_negative());
            sign << 7 | magnitude
        }));
    }
}

fn decode_bfp8(page: &[u8]) -> [f32; 1024] {
    let (exponents, codes) = page.split_at(64);
    std::array::from_fn(|at| {
        let magnitude =
            f64::from(codes[at] & 0x7f) * 2f64.powi(i32::from(exponents[at / 16]) - 133);
        if codes[at] >> 7 == 1 { -magnitude as f32 } else { magnitude as f32 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bfp8(values: &[f32]) -> Vec<f32> {
        let tile = std::array::from_fn(|at| values.get(at).copied().unwrap_or(0.0));
        let mut page = Vec::new();
        encode_bfp8(&tile, &mut page);
        assert_eq!(page.len(), 1088);
        decode_bfp8(&page)[..values.len()].to_vec()
    }

    #[test]
    fn sixteen_values_share_an_exponent() {
        let exact = [1.0, -1.5, 0.015625, 1.984375, 0.0, -0.03125];
        assert_eq!(bfp8(&exact), exact);
        assert_eq!(bfp8(&[1.0, 1.0 / 128.0, 3.0 / 128.0]), [1.0, 0.0, 2.0 / 64.0], "ties to even");
        assert_eq!(bfp8(&[1.999, -1e-40]), [1.984375, 0.0], "at most 127; no subnormals");
        let mut rows = [1e-3; 32];
        rows[0] = 512.0;
        assert_eq!(bfp8(&rows)[1], 0.0, "the row of the large value");
        assert!((bfp8(&rows)[16] - 1e-3).abs() < 1e-5, "the next one has its own exponent");
    }

    #[test]
    fn codes_of_fp8_have_their_values() {
        let known =
            [(0x38, 1.0), (0x7e, 448.0), (0x01, 1.0 / 512.0), (0xb8, -1.0), (0x08, 1.0 / 64.0)];
        for (code, value) in known {
            assert_eq!(Element::E4M3.value(code), value);
            assert_eq!(Element::E4M3.bits(value), code);
        }
        assert!(Element::E4M3.value(0x7f).is_nan());
        assert_eq!(Element::E5M2.value(0x3c), 1.0);
    }
}
