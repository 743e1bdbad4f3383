//! Sums of many elements, and of many products, of F that are reduced modulo r once at the end.
//!
//! r   the order of F, four 64-bit limbs, 2^254 < r < 2^255
//! An element a is stored in Montgomery form, as the integer a 2^256 mod r.

use crate::field::Fr;

/// r, least significant limb first.
const ORDER: [u64; 4] =
    [0xffff_ffff_0000_0001, 0x53bd_a402_fffe_5bfe, 0x3339_d808_09a1_d805, 0x73ed_a753_299d_7d48];
/// -r^-1 modulo 2^64.
const NEGATED_INVERSE: u64 = 0xffff_fffe_ffff_ffff;

/// One: 2^256 mod r.
pub const ONE: Fr =
    from_limbs([0x0000_0001_ffff_fffe, 0x5884_b7fa_0003_4802, 0x998c_4fef_ecbc_4ff5, 0x1824_b159_acc5_056f]);

/// The element whose Montgomery form is the given integer below r.
const fn from_limbs(limbs: [u64; 4]) -> Fr {
    Fr(blst::blst_fr { l: limbs })
}

#[inline(always)]
fn limbs_of(element: &Fr) -> &[u64; 4] {
    &element.0.l
}

/// `a + b + carry`, and the new carry (0 or 1).
#[inline(always)]
fn add_carry(a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(a) + u128::from(b) + u128::from(carry);
    (sum as u64, (sum >> 64) as u64)
}

/// `a b + c + carry`, which cannot overflow, in two words.
#[inline(always)]
fn multiply_add(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(carry);
    (sum as u64, (sum >> 64) as u64)
}

/// `value - factor * r`, modulo 2^320.
#[inline(always)]
fn subtract_multiple(value: [u64; 5], factor: u64) -> [u64; 5] {
    let (mut result, mut product_carry, mut borrow) = ([0; 5], 0, false);
    for i in 0..5 {
        let limb = if i < 4 { ORDER[i] } else { 0 };
        let (low, high) = multiply_add(limb, factor, 0, product_carry);
        product_carry = high;
        let (difference, first) = value[i].overflowing_sub(low);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        (result[i], borrow) = (difference, first | second);
    }
    result
}

#[inline(always)]
fn at_least_order(value: &[u64; 5]) -> bool {
    if value[4] != 0 {
        return true;
    }
    for i in (0..4).rev() {
        if value[i] != ORDER[i] {
            return value[i] > ORDER[i];
        }
    }
    true
}

/// A 320-bit integer below 2^318 modulo r, as the Montgomery form of the result.
///
/// With the top limbs t = floor(v / 2^192), the quotient estimate q = floor(t / (floor(r / 2^192) + 1)) is
/// at most floor(v / r), and smaller by at most 2: v - q r needs at most two more subtractions.
#[inline]
fn reduce(mut value: [u64; 5]) -> Fr {
    if value[4] != 0 {
        let top = u128::from(value[4]) << 64 | u128::from(value[3]);
        value = subtract_multiple(value, (top / u128::from(ORDER[3] + 1)) as u64);
    }
    while at_least_order(&value) {
        value = subtract_multiple(value, 1);
    }
    from_limbs([value[0], value[1], value[2], value[3]])
}

/// An element as eight 32-bit digits of its Montgomery form: what `DigitSum` adds up.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub struct Digits(pub [u32; 8]);

impl Digits {
    pub const ZERO: Self = Self([0; 8]);
}

impl From<&Fr> for Digits {
    #[inline]
    fn from(element: &Fr) -> Self {
        let limbs = limbs_of(element);
        Self(std::array::from_fn(|i| (limbs[i / 2] >> (32 * (i % 2))) as u32))
    }
}

/// A sum of at most 2^32 elements, digit by digit without carries.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct DigitSum(pub [u64; 8]);

impl DigitSum {
    pub const ZERO: Self = Self([0; 8]);

    #[inline(always)]
    pub fn add(&mut self, digits: &Digits) {
        for (sum, digit) in self.0.iter_mut().zip(&digits.0) {
            *sum += u64::from(*digit);
        }
    }

    /// Adds another such sum; together they have at most 2^32 elements.
    #[inline(always)]
    pub fn merge(&mut self, other: &Self) {
        for (sum, digit) in self.0.iter_mut().zip(&other.0) {
            *sum += digit;
        }
    }

    #[inline]
    pub fn reduce(&self) -> Fr {
        let (mut value, mut carry) = ([0; 5], 0u128);
        for (i, limb) in value[..4].iter_mut().enumerate() {
            carry += u128::from(self.0[2 * i]) + (u128::from(self.0[2 * i + 1]) << 32);
            *limb = carry as u64;
            carry >>= 64;
        }
        value[4] = carry as u64;
        reduce(value)
    }
}

/// A sum of at most 2^62 products of two elements.
#[derive(Clone, Copy)]
pub struct ProductSum([u64; 9]);

impl ProductSum {
    pub const ZERO: Self = Self([0; 9]);

    /// Adds `left * right`.
    #[inline(always)]
    pub fn add(&mut self, left: &Fr, right: &Fr) {
        let (a, b) = (limbs_of(left), limbs_of(right));
        let mut product = [0; 8];
        for i in 0..4 {
            let mut carry = 0;
            for j in 0..4 {
                (product[i + j], carry) = multiply_add(a[i], b[j], product[i + j], carry);
            }
            product[i + 4] = carry;
        }
        let mut carry = 0;
        for (sum, limb) in self.0.iter_mut().zip(product) {
            (*sum, carry) = add_carry(*sum, limb, carry);
        }
        self.0[8] += carry;
    }

    /// The sum, by Montgomery's reduction: `v 2^-256` modulo r for the integer v of nine limbs.
    #[inline]
    pub fn reduce(&self) -> Fr {
        let mut value = self.0;
        let mut top = 0;
        for i in 0..4 {
            let factor = value[i].wrapping_mul(NEGATED_INVERSE);
            let mut carry = 0;
            for j in 0..4 {
                (value[i + j], carry) = multiply_add(factor, ORDER[j], value[i + j], carry);
            }
            for limb in &mut value[i + 4..] {
                (*limb, carry) = add_carry(*limb, 0, carry);
            }
            top += carry;
        }
        // Below 2^62 products of two integers below 2^255 make a sum below 2^572, and factor * r adds less
        // than 2^511: nothing leaves the ninth limb.
        debug_assert!(top == 0);
        reduce([value[4], value[5], value[6], value[7], value[8]])
    }
}

/// A sum of at most 2^60 products of an element and a signed machine integer, in two's complement.
#[derive(Clone, Copy)]
pub struct IntegerProductSum([u64; 6]);

impl IntegerProductSum {
    pub const ZERO: Self = Self([0; 6]);

    /// Adds `element * integer`. Without a branch: signs of amounts are not predictable.
    #[inline(always)]
    pub fn add(&mut self, element: &Fr, integer: i64) {
        let (factor, mut high) = (integer.unsigned_abs(), 0);
        let mut product = [0; 6];
        for (limb, part) in product.iter_mut().zip(limbs_of(element)) {
            (*limb, high) = multiply_add(factor, *part, 0, high);
        }
        product[4] = high;
        // A product is subtracted as its complement plus one.
        let mut carry = u64::from(integer < 0);
        let complement = carry.wrapping_neg();
        for (limb, part) in self.0.iter_mut().zip(product) {
            (*limb, carry) = add_carry(*limb, part ^ complement, carry);
        }
    }

    /// Adds another such sum.
    pub fn merge(&mut self, other: &Self) {
        let mut carry = 0;
        for (limb, part) in self.0.iter_mut().zip(other.0) {
            (*limb, carry) = add_carry(*limb, part, carry);
        }
    }

    pub fn reduce(&self) -> Fr {
        let negative = self.0[5] >> 63 == 1;
        let complement = u64::from(negative).wrapping_neg();
        let mut carry = u64::from(negative);
        let magnitude = self.0.map(|limb| {
            let (limb, next) = add_carry(limb ^ complement, 0, carry);
            carry = next;
            limb
        });
        reduce_six(&magnitude).negate_if(negative)
    }
}

/// A 384-bit integer modulo r: `high 2^192 + low` with both parts below r.
fn reduce_six(value: &[u64; 6]) -> Fr {
    let low = from_limbs([value[0], value[1], value[2], 0]);
    let high = from_limbs([value[3], value[4], value[5], 0]);
    // As a Montgomery product: high 2^192 = (high) (2^448) 2^-256.
    let two_to_192 = from_limbs([0, 0, 0, 1]);
    low.add(&high.mul(&two_to_192.mul(&two_to_512())))
}

/// The Montgomery form of 2^256: `2^512 mod r`.
fn two_to_512() -> Fr {
    // Montgomery form of 2^k for 2^k as an integer below r, from blst's conversion, squared: 2^128 2^128.
    let two_to_64 = Fr::from_i64(1 << 32).mul(&Fr::from_i64(1 << 32));
    let two_to_128 = two_to_64.mul(&two_to_64);
    two_to_128.mul(&two_to_128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples;

    fn sum(terms: impl IntoIterator<Item = Fr>) -> Fr {
        terms.into_iter().fold(Fr::ZERO, |sum, term| sum.add(&term))
    }

    #[test]
    fn one_is_one() {
        assert!(ONE == Fr::from_i64(1));
    }

    #[test]
    fn sums_of_digits() {
        let scalars = samples::scalars(100);
        let mut lazy = DigitSum::ZERO;
        assert!(lazy.reduce() == Fr::ZERO);
        for scalar in &scalars {
            lazy.add(&Digits::from(scalar));
        }
        assert!(lazy.reduce() == sum(scalars.iter().copied()));
        let mut doubled = lazy;
        doubled.merge(&lazy);
        assert!(doubled.reduce() == lazy.reduce().add(&lazy.reduce()));
        // 2^32 - 1 times the largest integer of 256 bits, near the limit of the digits.
        let largest = DigitSum([u64::from(u32::MAX) * u64::from(u32::MAX); 8]);
        let digit = Fr::from_i64(i64::from(u32::MAX));
        let ones = Fr::from_i64(-1).add(&two_to_512()).mul(&inverse_of_montgomery_factor());
        assert!(largest.reduce() == ones.mul(&digit));
    }

    /// 2^-256: an integer v as limbs is the element v 2^-256.
    fn inverse_of_montgomery_factor() -> Fr {
        from_limbs([1, 0, 0, 0])
    }

    #[test]
    fn multiples_of_the_order_reduce_to_zero() {
        for factor in [1u64, 2, 3, 5, 1 << 40, (1 << 62) - 1] {
            let mut value = [0; 5];
            let mut carry = 0;
            for i in 0..4 {
                (value[i], carry) = multiply_add(ORDER[i], factor, 0, carry);
            }
            value[4] = carry;
            assert!(reduce(value) == Fr::ZERO);
            value[0] += 1;
            assert!(reduce(value) == from_limbs([1, 0, 0, 0]));
        }
    }

    #[test]
    fn sums_of_products() {
        let scalars = samples::scalars(64);
        let mut lazy = ProductSum::ZERO;
        assert!(lazy.reduce() == Fr::ZERO);
        for pair in scalars.windows(2) {
            lazy.add(&pair[0], &pair[1]);
        }
        assert!(lazy.reduce() == sum(scalars.windows(2).map(|pair| pair[0].mul(&pair[1]))));
        let mut largest = ProductSum::ZERO;
        for _ in 0..1000 {
            largest.add(&from_limbs([u64::MAX - 1, 0, 0, 0]), &scalars[0]);
            largest.add(&scalars[0], &scalars[0]);
        }
        let expected = from_limbs([u64::MAX - 1, 0, 0, 0]).mul(&scalars[0]).add(&ONE);
        assert!(largest.reduce() == expected.mul(&Fr::from_i64(1000)));
    }

    #[test]
    fn sums_of_integer_products() {
        let scalars = samples::scalars(40);
        let integers = [i64::MIN, i64::MAX, -1, 0, 1, 7, -123_456_789];
        let mut lazy = IntegerProductSum::ZERO;
        let mut expected = Fr::ZERO;
        for (i, scalar) in scalars.iter().enumerate() {
            let integer = integers[i % integers.len()];
            lazy.add(scalar, integer);
            expected = expected.add(&scalar.mul(&Fr::from_i64(integer)));
        }
        assert!(lazy.reduce() == expected);
        let mut doubled = lazy;
        doubled.merge(&lazy);
        assert!(doubled.reduce() == expected.add(&expected));
    }
}
