//! The base field and the scalar field: safe wrappers of blst's Montgomery arithmetic.

use std::mem::MaybeUninit;

use blst::{blst_fp, blst_fr, blst_scalar};

/// An element of the base field (order p), in Montgomery form, always reduced.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Fp(pub(crate) blst_fp);

/// An element of the scalar field F (order r), in Montgomery form, always reduced.
///
/// There is no `Debug`: scalars are often secret.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Fr(pub(crate) blst_fr);

/// Calls a blst function that only writes its first argument, and returns what it wrote.
macro_rules! output_of {
    ($function:path, $($argument:expr),+) => {{
        let mut output = MaybeUninit::uninit();
        // SAFETY: blst writes the whole of its output and reads exactly one value behind every input
        // pointer; the inputs are live references (or plain integers), disjoint from the output.
        unsafe {
            $function(output.as_mut_ptr(), $($argument),+);
            output.assume_init()
        }
    }};
}
pub(crate) use output_of;

impl Fp {
    pub const ZERO: Self = Self(blst_fp { l: [0; 6] });

    /// 2^384 mod p, the Montgomery form of one.
    pub const ONE: Self = Self(blst_fp {
        l: [
            0x7609_0000_0002_fffd,
            0xebf4_000b_c40c_0002,
            0x5f48_9857_53c7_58ba,
            0x77ce_5853_7052_5745,
            0x5c07_1a97_a256_ec6d,
            0x15f6_5ec3_fa80_e493,
        ],
    });

    #[inline(always)]
    pub fn is_zero(&self) -> bool {
        self.0.l.iter().fold(0, |bits, limb| bits | limb) == 0
    }

    /// Whether the elements are equal; usually decided by the first limb.
    #[inline(always)]
    pub fn equals(&self, other: &Self) -> bool {
        self.0.l[0] == other.0.l[0] && self.0.l == other.0.l
    }

    // The innermost loops write results to where they stay: a copy made of a value that blst has just
    // written in 8-byte words costs a stall, because wider loads wait for all of them.

    /// `*self = left * right`.
    #[inline(always)]
    pub fn set_product(&mut self, left: &Self, right: &Self) {
        // SAFETY: writes one field element, reads two; all pointers come from live references.
        unsafe { blst::blst_fp_mul(&mut self.0, &left.0, &right.0) };
    }

    /// `*self *= factor`.
    #[inline(always)]
    pub fn multiply_by(&mut self, factor: &Self) {
        let output: *mut blst_fp = &mut self.0;
        // SAFETY: writes one field element, reads two; blst allows the output to be an input.
        unsafe { blst::blst_fp_mul(output, output, &factor.0) };
    }

    /// `*self = left - right`.
    #[inline(always)]
    pub fn set_difference(&mut self, left: &Self, right: &Self) {
        // SAFETY: writes one field element, reads two; all pointers come from live references.
        unsafe { blst::blst_fp_sub(&mut self.0, &left.0, &right.0) };
    }

    /// `*self -= other`.
    #[inline(always)]
    pub fn subtract(&mut self, other: &Self) {
        let output: *mut blst_fp = &mut self.0;
        // SAFETY: writes one field element, reads two; blst allows the output to be an input.
        unsafe { blst::blst_fp_sub(output, output, &other.0) };
    }

    /// `*self = 2 value`.
    #[inline(always)]
    pub fn set_double(&mut self, value: &Self) {
        // SAFETY: writes one field element, reads one (twice); both pointers come from live references.
        unsafe { blst::blst_fp_add(&mut self.0, &value.0, &value.0) };
    }

    /// `*self *= 3`.
    #[inline(always)]
    pub fn triple(&mut self) {
        let output: *mut blst_fp = &mut self.0;
        // SAFETY: writes one field element, reads one; blst allows the output to be the input.
        unsafe { blst::blst_fp_mul_by_3(output, output) };
    }

    /// `*self = root * root`.
    #[inline(always)]
    pub fn set_square(&mut self, root: &Self) {
        // SAFETY: writes one field element, reads one; both pointers come from live references.
        unsafe { blst::blst_fp_sqr(&mut self.0, &root.0) };
    }

    #[inline(always)]
    pub fn mul(&self, other: &Self) -> Self {
        Self(output_of!(blst::blst_fp_mul, &self.0, &other.0))
    }

    #[inline(always)]
    pub fn negate_if(&self, negative: bool) -> Self {
        Self(output_of!(blst::blst_fp_cneg, &self.0, negative))
    }

    /// The inverse, and zero for zero.
    pub fn inverse(&self) -> Self {
        Self(output_of!(blst::blst_fp_eucl_inverse, &self.0))
    }
}

impl Fr {
    pub const ZERO: Self = Self(blst_fr { l: [0; 4] });

    #[inline(always)]
    pub fn add(&self, other: &Self) -> Self {
        Self(output_of!(blst::blst_fr_add, &self.0, &other.0))
    }

    #[inline(always)]
    pub fn sub(&self, other: &Self) -> Self {
        Self(output_of!(blst::blst_fr_sub, &self.0, &other.0))
    }

    #[inline(always)]
    pub fn mul(&self, other: &Self) -> Self {
        Self(output_of!(blst::blst_fr_mul, &self.0, &other.0))
    }

    #[inline(always)]
    pub fn negate_if(&self, negative: bool) -> Self {
        Self(output_of!(blst::blst_fr_cneg, &self.0, negative))
    }

    /// The inverse, and zero for zero.
    pub fn inverse(&self) -> Self {
        Self(output_of!(blst::blst_fr_eucl_inverse, &self.0))
    }

    /// The element congruent to a signed machine integer.
    #[inline]
    pub fn from_i64(value: i64) -> Self {
        let limbs = [value.unsigned_abs(), 0, 0, 0];
        Self(output_of!(blst::blst_fr_from_uint64, limbs.as_ptr())).negate_if(value < 0)
    }

    /// The integer in `[0, r)`, as four 64-bit limbs, least significant first.
    #[inline]
    pub fn to_limbs(self) -> [u64; 4] {
        let mut limbs = [0u64; 4];
        // SAFETY: blst writes four 64-bit words to the output and reads one field element.
        unsafe { blst::blst_uint64_from_fr(limbs.as_mut_ptr(), &self.0) };
        limbs
    }

    /// Strict: `None` unless the 32 big-endian bytes are an integer below r.
    #[inline]
    pub fn from_be_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let scalar: blst_scalar = output_of!(blst::blst_scalar_from_bendian, bytes.as_ptr());
        // SAFETY: reads one scalar.
        if !unsafe { blst::blst_scalar_fr_check(&scalar) } {
            return None;
        }
        Some(Self(output_of!(blst::blst_fr_from_scalar, &scalar)))
    }

    /// A 64-byte big-endian integer modulo r.
    #[inline]
    pub fn from_wide_be_bytes(bytes: &[u8; 64]) -> Self {
        let mut scalar = blst_scalar { b: [0; 32] };
        // SAFETY: reads the 64 bytes announced, writes one reduced scalar. The flag returned says only
        // whether the result is non-zero, and zero is as good as any other element here.
        unsafe { blst::blst_scalar_from_be_bytes(&mut scalar, bytes.as_ptr(), bytes.len()) };
        Self(output_of!(blst::blst_fr_from_scalar, &scalar))
    }

    /// 32 bytes, big-endian, canonical.
    #[inline]
    pub fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.to_limbs().iter().rev()) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }
}

/// Number of bits of an integer given as limbs, least significant first.
pub fn bit_length(limbs: &[u64; 4]) -> u32 {
    match limbs.iter().rposition(|&limb| limb != 0) {
        Some(top) => 64 * (top as u32 + 1) - limbs[top].leading_zeros(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_neutral_and_its_own_inverse() {
        assert!(Fp::ONE.mul(&Fp::ONE) == Fp::ONE);
        assert!(Fp::ONE.inverse() == Fp::ONE);
        assert!(Fp::ZERO.inverse().is_zero());
        assert!(Fp::ZERO.negate_if(true).is_zero());
    }

    #[test]
    fn integers_round_trip() {
        for value in [0, 1, -1, 7, i64::MAX, i64::MIN] {
            let element = Fr::from_i64(value);
            assert!(Fr::from_be_bytes(&element.to_be_bytes()) == Some(element));
            assert!(
                element.add(&Fr::from_i64(1)) == Fr::from_i64(value.wrapping_add(1)) || value == i64::MAX
            );
        }
        assert_eq!(Fr::from_i64(i64::MIN).negate_if(true).to_limbs(), [1 << 63, 0, 0, 0]);
    }

    #[test]
    fn the_group_order_is_refused() {
        let mut order = Fr::from_i64(-1).to_be_bytes();
        order[31] += 1;
        assert!(Fr::from_be_bytes(&order).is_none());
        assert!(Fr::from_be_bytes(&[0xff; 32]).is_none());
    }

    #[test]
    fn wide_bytes_reduce() {
        // 2^256 = (2^64)^4.
        let mut bytes = [0; 64];
        bytes[31] = 1;
        let two_to_32 = Fr::from_i64(1 << 32);
        let two_to_64 = two_to_32.mul(&two_to_32);
        let two_to_128 = two_to_64.mul(&two_to_64);
        assert!(Fr::from_wide_be_bytes(&bytes) == two_to_128.mul(&two_to_128));
        assert!(Fr::from_wide_be_bytes(&[0; 64]) == Fr::ZERO);
    }

    #[test]
    fn bit_lengths() {
        assert_eq!(bit_length(&[0; 4]), 0);
        assert_eq!(bit_length(&[1, 0, 0, 0]), 1);
        assert_eq!(bit_length(&[0, 1, 0, 0]), 65);
        assert_eq!(bit_length(&[0, 0, 0, 1 << 63]), 256);
    }
}
