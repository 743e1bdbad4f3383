//! Signed windows of integers: a stateless Booth recoding.
//!
//! An integer `0 <= v <= 2^bits - (1 unless v is that power itself)` is `sum_j d_j 2^(width j)` over
//! `count` windows. With the bits of window j and the bit below it read as one number
//! `t = floor(v / 2^(width j - 1)) mod 2^(width + 1)`, the digit is
//! `d_j = floor(t / 2) + (t mod 2) - 2^width [t >= 2^width]`, so that `|d_j| <= 2^(width - 1)`; the last
//! window leaves the correction out and is therefore not negative.

/// How integers up to `2^bits` are cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedWindows {
    width: u32,
    bits: u32,
}

impl SignedWindows {
    /// Windows of `width` bits (1 to 24) for integers `0 <= v <= 2^bits`.
    pub const fn new(width: u32, bits: u32) -> Self {
        Self { width, bits }
    }

    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Number of windows: the least for which the last digit is at most `2^(width - 1)`.
    pub const fn count(&self) -> u32 {
        (self.bits + 1).div_ceil(self.width)
    }

    /// Largest absolute value of a digit in any window.
    pub const fn max_digit(&self) -> u32 {
        1 << (self.width - 1)
    }

    /// Largest value of the last digit; no more than `max_digit`.
    pub const fn max_last_digit(&self) -> u32 {
        1 << (self.bits - self.width * (self.count() - 1))
    }

    /// The digit of window `window`; `limbs` is the integer, least significant limb first.
    #[inline(always)]
    pub fn digit<const LIMBS: usize>(&self, limbs: &[u64; LIMBS], window: u32) -> i32 {
        let low = self.width * window;
        let bits = if low == 0 { bits_from(limbs, 0) << 1 } else { bits_from(limbs, low - 1) }
            & ((2 << self.width) - 1);
        let rounded = (bits >> 1) + (bits & 1);
        if bits >> self.width != 0 && window + 1 < self.count() {
            rounded as i32 - (1 << self.width)
        } else {
            rounded as i32
        }
    }
}

/// At least 32 bits of the integer from bit `low` on (fewer at its end).
#[inline(always)]
fn bits_from<const LIMBS: usize>(limbs: &[u64; LIMBS], low: u32) -> u64 {
    let (limb, shift) = ((low / 64) as usize, low % 64);
    let current = limbs.get(limb).map_or(0, |bits| bits >> shift);
    match limbs.get(limb + 1) {
        Some(next) if shift > 0 => current | next << (64 - shift),
        _ => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Fr;
    use crate::point::samples;

    /// The integer that the digits spell, in F (no wrap-around: all values are below r).
    fn recompose<const LIMBS: usize>(windows: &SignedWindows, limbs: &[u64; LIMBS]) -> Fr {
        let base = Fr::from_i64(1 << windows.width());
        (0..windows.count()).rev().fold(Fr::ZERO, |value, window| {
            let digit = windows.digit(limbs, window);
            let last = window + 1 == windows.count();
            assert!(digit.unsigned_abs() <= windows.max_digit());
            assert!(!last || (digit >= 0 && digit as u32 <= windows.max_last_digit()));
            value.mul(&base).add(&Fr::from_i64(digit.into()))
        })
    }

    #[test]
    fn digits_spell_scalars_of_every_width() {
        for width in 1..=20 {
            let windows = SignedWindows::new(width, 255);
            assert!(windows.max_last_digit() <= windows.max_digit());
            for scalar in samples::scalars(40) {
                assert!(recompose(&windows, &scalar.to_limbs()) == scalar);
            }
        }
    }

    #[test]
    fn digits_spell_magnitudes_of_machine_integers() {
        let extremes =
            [0, 1, -1, i64::MAX, i64::MIN, i64::MIN + 1, 1 << 62, (1 << 62) - 1, 0x5555_5555_5555_5555];
        for width in 1..=20 {
            let windows = SignedWindows::new(width, 63);
            for value in extremes {
                let magnitude = value.unsigned_abs();
                let expected = Fr::from_i64(value).negate_if(value < 0);
                assert!(recompose(&windows, &[magnitude]) == expected, "{value} by {width}");
            }
        }
    }

    #[test]
    fn the_last_window_is_as_short_as_can_be() {
        assert_eq!(SignedWindows::new(16, 63).count(), 4);
        assert_eq!(SignedWindows::new(16, 63).max_last_digit(), 1 << 15);
        assert_eq!(SignedWindows::new(16, 255).count(), 16);
        assert_eq!(SignedWindows::new(13, 63).count(), 5);
        assert_eq!(SignedWindows::new(11, 63).max_last_digit(), 1 << 8);
    }
}
