//! Every code, every neighbor and every midpoint, against plain searches.

use super::*;

/// The finite values that are not negative, ascending, with their codes.
fn ladder(format: Format) -> Vec<(f32, u16)> {
    let half = format.codes() / 2;
    let codes = (0..half).map(|code| u16::try_from(code).unwrap());
    let values: Vec<_> =
        codes.map(|code| (format.decode(code), code)).filter(|(x, _)| x.is_finite()).collect();
    assert!(values.is_sorted_by(|a, b| a.0 < b.0), "{format:?}");
    values
}

fn check(format: Format, x: f32, expected: f32) {
    for (x, expected) in [(x, expected), (-x, -expected)] {
        let actual = format.round(x);
        assert_eq!(actual.to_bits(), expected.to_bits(), "{format:?}({x:e}) is {actual:e}");
    }
}

#[test]
fn codes_survive_a_round_trip() {
    for format in Format::ALL {
        for code in 0..format.codes() {
            let code = u16::try_from(code).unwrap();
            let x = format.decode(code);
            let back = format.encode(x);
            let saturates = x.is_infinite() && format == Format::F8E5M2;
            if x.is_nan() {
                assert!(format.decode(back).is_nan(), "{format:?} {code:x}");
                assert_eq!(format.decode(back).is_sign_negative(), x.is_sign_negative());
            } else if saturates {
                assert_eq!(format.decode(back), 57344f32.copysign(x));
            } else {
                assert_eq!(back, code, "{format:?} {code:x} is {x:e}");
            }
        }
    }
}

#[test]
fn values_are_those_of_the_standard() {
    let cases = [
        (Format::F8E4M3, 0x01, 2f32.powi(-9)),
        (Format::F8E4M3, 0x07, 7.0 * 2f32.powi(-9)),
        (Format::F8E4M3, 0x08, 2f32.powi(-6)),
        (Format::F8E4M3, 0x38, 1.0),
        (Format::F8E4M3, 0x7e, 448.0),
        (Format::F8E4M3, 0xfe, -448.0),
        (Format::F8E5M2, 0x01, 2f32.powi(-16)),
        (Format::F8E5M2, 0x04, 2f32.powi(-14)),
        (Format::F8E5M2, 0x3c, 1.0),
        (Format::F8E5M2, 0x7b, 57344.0),
        (Format::F8E5M2, 0x7c, f32::INFINITY),
        (Format::F8E5M2, 0xfc, f32::NEG_INFINITY),
    ];
    for (format, code, expected) in cases {
        assert_eq!(format.decode(code), expected, "{format:?} {code:x}");
    }
    assert!(Format::F8E4M3.decode(0x7f).is_nan() && Format::F8E4M3.decode(0xff).is_nan());
    assert!((0x7d..=0x7f).all(|code| Format::F8E5M2.decode(code).is_nan()));
}

#[test]
fn nearest_with_ties_to_even_at_every_midpoint() {
    for format in Format::ALL {
        for pair in ladder(format).windows(2) {
            let [(low, code), (high, next)] = [pair[0], pair[1]];
            let middle = f64::midpoint(f64::from(low), f64::from(high)) as f32;
            check(format, middle.next_down(), low);
            check(format, middle.next_up(), high);
            let even = if code % 2 == 0 { low } else { high };
            assert_ne!(code % 2, next % 2);
            check(format, middle, even);
        }
    }
}

#[test]
fn past_the_largest_value() {
    let cases = [
        (Format::F8E4M3, 464.0, 448.0),
        (Format::F8E4M3, 1e30, 448.0),
        (Format::F8E4M3, f32::INFINITY, 448.0),
        (Format::F8E5M2, 61440.0, 57344.0),
        (Format::F8E5M2, f32::INFINITY, 57344.0),
        (Format::F16, 65519.0, 65504.0),
        (Format::F16, 65520.0, f32::INFINITY),
        (Format::Bf16, f32::MAX, f32::INFINITY),
        (Format::Bf16, f32::INFINITY, f32::INFINITY),
    ];
    for (format, x, expected) in cases {
        check(format, x, expected);
    }
}

/// 865,551 values spread over all f32 against a search of the ladder.
#[test]
fn fp8_agrees_with_a_search() {
    for format in [Format::F8E4M3, Format::F8E5M2] {
        let ladder = ladder(format);
        for i in 0..865_551u32 {
            let x = f32::from_bits(i.wrapping_mul(4961) & 0x7fff_ffff);
            if x.is_nan() {
                assert!(format.round(x).is_nan());
                continue;
            }
            let above = ladder.partition_point(|&(value, _)| value < x);
            let Some(&(high, high_code)) = ladder.get(above) else {
                check(format, x, format.largest());
                continue;
            };
            let (low, _) = ladder[above.saturating_sub(1)];
            let (down, up) = (f64::from(x) - f64::from(low), f64::from(high) - f64::from(x));
            let take_high = up < down || up == down && high_code % 2 == 0;
            check(format, x, if take_high { high } else { low });
        }
    }
}

fn check_stochastic(format: Format, x: f32, random: u32, expected: f32) {
    for sign in [1.0, -1.0] {
        let actual = format.round_stochastic(sign * x, random.cast_signed());
        assert_eq!(actual.to_bits(), (sign * expected).to_bits(), "{format:?} {x:e} {random:x}");
    }
}

#[test]
fn stochastic_rounding_has_an_exact_threshold() {
    let smallest = 2f32.powi(-9);
    let cases = [
        // A quarter of the way from 1 to 1.125.
        (Format::F8E4M3, 1.03125, 0x3fff_ffff, 1.125),
        (Format::F8E4M3, 1.03125, 0x4000_0000, 1.0),
        // Half of the smallest value, and an f32 far below it.
        (Format::F8E4M3, 0.5 * smallest, 0x7fff_ffff, smallest),
        (Format::F8E4M3, 0.5 * smallest, 0x8000_0000, 0.0),
        (Format::F8E4M3, 1e-45, 0, smallest),
        (Format::F8E4M3, 1e-45, 1, 0.0),
        // Across a power of two: between 1.875 and 2.
        (Format::F8E4M3, 1.9375, 0x7fff_ffff, 2.0),
        (Format::F8E4M3, 1.9375, 0x8000_0000, 1.875),
        (Format::F8E4M3, 460.0, 0, 448.0),
        (Format::F8E4M3, f32::INFINITY, 0, 448.0),
        (Format::F8E5M2, f32::INFINITY, 0, 57344.0),
        (Format::F16, 65520.0, 0x7fff_ffff, f32::INFINITY),
        (Format::F16, 65520.0, 0x8000_0000, 65504.0),
        (Format::F16, 65536.0, u32::MAX, f32::INFINITY),
        (Format::Bf16, f32::INFINITY, 0, f32::INFINITY),
        (Format::Bf16, 0.0, 0, 0.0),
    ];
    for (format, x, random, expected) in cases {
        check_stochastic(format, x, random, expected);
    }
    assert!(Format::ALL.iter().all(|f| f.round_stochastic(f32::NAN, 5).is_nan()));
}

#[test]
fn stochastic_rounding_keeps_values_of_the_format() {
    for format in Format::ALL {
        for (x, _) in ladder(format) {
            check_stochastic(format, x, 0, x);
        }
    }
}

/// The mean of 2^16 roundings is within five standard deviations of the value.
#[test]
fn stochastic_rounding_is_unbiased() {
    for (format, x) in
        [(Format::F8E4M3, 1.04), (Format::F8E5M2, 3.3), (Format::Bf16, 1.001), (Format::F16, 7e-8)]
    {
        let count = 1 << 16;
        let total: f64 = (0..count)
            .map(|i| f64::from(format.round_stochastic(x, crate::philox::random(1, &[i]))))
            .sum();
        let step = 2.0 * format.underflow().max(f64::from(x) * 2.0 * format.unit_roundoff());
        let error = (total / f64::from(count) - f64::from(x)).abs();
        assert!(error < 5.0 * step / f64::from(count).sqrt(), "{format:?} {x}: off by {error:e}");
        assert!(error < f64::from((format.round(x) - x).abs()), "{format:?} {x}: as nearest");
    }
}
