//! Philox4x32-10, the counter-based generator of Salmon et al. ("Parallel
//! random numbers: as easy as 1, 2, 3"): a bit mixer from a counter and a key
//! to 128 random bits, without state.

/// `random(seed, i, ..)`: the first word, with the seed as the first word of
/// the key and up to four arguments as the counter; what is missing is 0.
#[must_use]
pub fn random(seed: i32, arguments: &[i32]) -> i32 {
    let mut counter = [0; 4];
    for (word, argument) in counter.iter_mut().zip(arguments) {
        *word = argument.cast_unsigned();
    }
    philox4x32_10(counter, [seed.cast_unsigned(), 0])[0].cast_signed()
}

/// 32 random bits as a float in [0, 1): the upper 24 of them.
#[must_use]
pub fn uniform(bits: i32) -> f32 {
    (bits.cast_unsigned() >> 8) as f32 * 2f32.powi(-24)
}

/// All four words.
#[must_use]
pub fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let (high0, low0) = product(0xd251_1f53, counter[0]);
        let (high1, low1) = product(0xcd9e_8d57, counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    counter
}

fn product(a: u32, b: u32) -> (u32, u32) {
    let wide = u64::from(a) * u64::from(b);
    ((wide >> 32) as u32, wide as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_answers() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32_10(counter, key), expected, "{counter:x?} {key:x?}");
        }
    }

    #[test]
    fn missing_arguments_are_zero_and_all_count() {
        assert_eq!(random(0, &[]).cast_unsigned(), 0x6627_e8d5);
        assert_eq!(random(7, &[3]), random(7, &[3, 0, 0, 0]));
        for at in 0..4 {
            let mut other = [1, 2, 3, 4];
            other[at] += 1;
            assert_ne!(random(7, &[1, 2, 3, 4]), random(7, &other), "argument {at}");
        }
        assert_ne!(random(7, &[1]), random(8, &[1]));
    }

    #[test]
    fn uniform_stays_below_one() {
        assert_eq!(uniform(0), 0.0);
        assert_eq!(uniform(-1), 1.0 - 2f32.powi(-24));
    }
}
