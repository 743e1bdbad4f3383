//! Points of E: y^2 = x^3 + 4 over the base field, in affine and Jacobian coordinates.
//!
//! Everything here is correct for every point of E. blst's own scalar multiplications are not: they use
//! the endomorphism of G1 or addition formulas that fail on points of small order, so they are avoided.

use std::mem::MaybeUninit;

use blst::{blst_fp, blst_p1, blst_p1_affine};

use crate::field::{Fp, output_of};

/// A point in affine coordinates; the identity is (0, 0), which is not on the curve.
///
/// E has odd order, so no point has y = 0: y alone tells the identity from all others.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct AffinePoint {
    pub x: Fp,
    pub y: Fp,
}

// `AffinePoint` is passed to blst as a `blst_p1_affine`.
const _: () = assert!(size_of::<AffinePoint>() == size_of::<blst_p1_affine>());
const _: () = assert!(align_of::<AffinePoint>() == align_of::<blst_p1_affine>());
const _: () = assert!(std::mem::offset_of!(blst_p1_affine, y) == size_of::<blst_fp>());

impl AffinePoint {
    pub const IDENTITY: Self = Self { x: Fp::ZERO, y: Fp::ZERO };

    #[inline(always)]
    pub fn is_identity(&self) -> bool {
        self.y.is_zero()
    }

    #[inline(always)]
    pub fn negate_if(&self, negative: bool) -> Self {
        Self { x: self.x, y: self.y.negate_if(negative) }
    }

    #[inline(always)]
    pub(crate) fn as_blst(&self) -> *const blst_p1_affine {
        std::ptr::from_ref(self).cast()
    }

    #[inline(always)]
    fn from_blst(point: blst_p1_affine) -> Self {
        Self { x: Fp(point.x), y: Fp(point.y) }
    }

    /// Whether the point lies in G1, the subgroup of order r. The identity does.
    pub fn in_subgroup(&self) -> bool {
        // SAFETY: reads one affine point of equal layout (asserted above).
        self.is_identity() || unsafe { blst::blst_p1_affine_in_g1(self.as_blst()) }
    }

    /// Asks for the memory of a point that is needed soon.
    #[inline(always)]
    pub fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let start: *const i8 = std::ptr::from_ref(self).cast();
            // SAFETY: a prefetch has no effect on memory; both addresses lie inside the live reference.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(start);
                _mm_prefetch::<_MM_HINT_T0>(start.add(size_of::<Self>() - 1));
            }
        }
    }

    /// 48 bytes, compressed.
    #[inline]
    pub fn to_compressed(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        // SAFETY: writes 48 bytes, reads one affine point.
        unsafe { blst::blst_p1_affine_compress(bytes.as_mut_ptr(), self.as_blst()) };
        bytes
    }

    /// 96 bytes, uncompressed.
    #[inline]
    pub fn to_uncompressed(&self) -> [u8; 96] {
        let mut bytes = [0; 96];
        // SAFETY: writes 96 bytes, reads one affine point.
        unsafe { blst::blst_p1_affine_serialize(bytes.as_mut_ptr(), self.as_blst()) };
        bytes
    }

    /// RFC 9380 `hash_to_curve`, suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
    pub fn hash_to_curve(message: &[u8], domain: &[u8]) -> Self {
        JacobianPoint(output_of!(
            blst::blst_hash_to_g1,
            message.as_ptr(),
            message.len(),
            domain.as_ptr(),
            domain.len(),
            std::ptr::null(),
            0
        ))
        .to_affine()
    }
}

/// A point in Jacobian coordinates (X/Z^2, Y/Z^3); the identity has Z = 0.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct JacobianPoint(pub(crate) blst_p1);

impl JacobianPoint {
    pub const IDENTITY: Self = Self(blst_p1 { x: Fp::ZERO.0, y: Fp::ZERO.0, z: Fp::ZERO.0 });

    /// Complete addition.
    #[inline]
    pub fn add(&self, other: &Self) -> Self {
        Self(output_of!(blst::blst_p1_add_or_double, &self.0, &other.0))
    }

    /// Complete addition of an affine point.
    #[inline]
    pub fn add_affine(&self, other: &AffinePoint) -> Self {
        Self(output_of!(blst::blst_p1_add_or_double_affine, &self.0, other.as_blst()))
    }

    #[inline]
    pub fn double(&self) -> Self {
        Self(output_of!(blst::blst_p1_double, &self.0))
    }

    #[inline]
    pub fn negate_if(mut self, negative: bool) -> Self {
        // SAFETY: changes one point in place.
        unsafe { blst::blst_p1_cneg(&mut self.0, negative) };
        self
    }

    /// The point doubled `count` times.
    #[inline]
    pub fn double_times(&self, count: u32) -> Self {
        (0..count).fold(*self, |point, _| point.double())
    }

    pub fn to_affine(&self) -> AffinePoint {
        if self.0.z.l == [0; 6] {
            return AffinePoint::IDENTITY;
        }
        AffinePoint::from_blst(output_of!(blst::blst_p1_to_affine, &self.0))
    }

    /// Affine coordinates of many points, with one inversion for all.
    pub fn batch_to_affine(points: &[Self]) -> Vec<AffinePoint> {
        if points.is_empty() {
            return Vec::new();
        }
        let first: *const blst_p1 = points.as_ptr().cast();
        // A null second pointer says that the points follow each other in memory.
        let list = [first, std::ptr::null()];
        let mut output = vec![AffinePoint::IDENTITY; points.len()];
        // SAFETY: reads `points.len()` consecutive points (`JacobianPoint` is transparent over `blst_p1`),
        // writes as many affine points of equal layout (asserted above).
        unsafe { blst::blst_p1s_to_affine(output.as_mut_ptr().cast(), list.as_ptr(), points.len()) };
        output
    }
}

impl From<&AffinePoint> for JacobianPoint {
    fn from(point: &AffinePoint) -> Self {
        Self(output_of!(blst::blst_p1_from_affine, point.as_blst()))
    }
}

/// Reads x and the sign of y; the caller has dealt with the flags and the identity.
pub(crate) fn uncompress(bytes: &[u8; 48]) -> Result<AffinePoint, blst::BLST_ERROR> {
    let mut point = MaybeUninit::zeroed();
    // SAFETY: reads 48 bytes, writes at most one affine point; all-zero is a valid initial value.
    let (status, point) = unsafe {
        let status = blst::blst_p1_uncompress(point.as_mut_ptr(), bytes.as_ptr());
        (status, point.assume_init())
    };
    accept_outside_subgroup(status, point)
}

/// Reads x and y; the caller has dealt with the flags and the identity.
pub(crate) fn deserialize(bytes: &[u8; 96]) -> Result<AffinePoint, blst::BLST_ERROR> {
    let mut point = MaybeUninit::zeroed();
    // SAFETY: reads 96 bytes, writes at most one affine point; all-zero is a valid initial value.
    let (status, point) = unsafe {
        let status = blst::blst_p1_deserialize(point.as_mut_ptr(), bytes.as_ptr());
        (status, point.assume_init())
    };
    accept_outside_subgroup(status, point)
}

/// blst reports the two points with x = 0 (order 3) as outside the group, after decoding them; they are
/// points of E like any other here.
fn accept_outside_subgroup(
    status: blst::BLST_ERROR,
    point: blst_p1_affine,
) -> Result<AffinePoint, blst::BLST_ERROR> {
    match status {
        blst::BLST_ERROR::BLST_SUCCESS | blst::BLST_ERROR::BLST_POINT_NOT_IN_GROUP => {
            Ok(AffinePoint::from_blst(point))
        }
        error => Err(error),
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Points and reference arithmetic for the tests of this crate.

    use super::*;

    /// A point of order 3: x = 0.
    pub fn order_three() -> AffinePoint {
        let mut bytes = [0; 48];
        bytes[0] = 0x80;
        uncompress(&bytes).unwrap_or(AffinePoint::IDENTITY)
    }

    /// `count` distinct points of G1.
    pub fn subgroup_points(count: usize) -> Vec<AffinePoint> {
        (0..count).map(|i| AffinePoint::hash_to_curve(&i.to_le_bytes(), b"sealedbook kernel tests")).collect()
    }

    /// Points of G1, of E outside G1 (a point of G1 plus one of order 3), of order 3, and the identity.
    pub fn mixed_points(count: usize) -> Vec<AffinePoint> {
        let torsion = order_three();
        let mut points = subgroup_points(count);
        for (i, point) in points.iter_mut().enumerate() {
            *point = match i % 7 {
                2 => add(point, &torsion),
                3 => torsion,
                4 => torsion.negate_if(true),
                5 => AffinePoint::IDENTITY,
                _ => *point,
            };
        }
        points
    }

    /// The sum by blst's complete Jacobian addition.
    pub fn add(left: &AffinePoint, right: &AffinePoint) -> AffinePoint {
        JacobianPoint::from(left).add_affine(right).to_affine()
    }

    /// `scalar * point`, bit by bit, by blst's complete Jacobian addition.
    pub fn multiply(point: &AffinePoint, limbs: &[u64; 4]) -> AffinePoint {
        let mut sum = JacobianPoint::IDENTITY;
        for bit in (0..256).rev() {
            sum = sum.double();
            if limbs[bit / 64] >> (bit % 64) & 1 == 1 {
                sum = sum.add_affine(point);
            }
        }
        sum.to_affine()
    }

    /// Deterministic 255-bit scalars, the first few of them extreme.
    pub fn scalars(count: usize) -> Vec<crate::field::Fr> {
        use crate::field::Fr;
        (0..count)
            .map(|i| match i {
                0 => Fr::from_i64(-1),
                1 => Fr::ZERO,
                2 => Fr::from_i64(1),
                3 => Fr::from_i64(i64::MIN),
                _ => {
                    let mut bytes = [0; 64];
                    for (k, byte) in bytes.iter_mut().enumerate() {
                        *byte = (i * 131 + k * 197 + (i * k) % 251) as u8;
                    }
                    Fr::from_wide_be_bytes(&bytes)
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::samples::*;
    use super::*;

    #[test]
    fn order_three_point_is_decoded_and_recognised() {
        let torsion = order_three();
        assert!(!torsion.is_identity() && torsion.x.is_zero());
        assert!(!torsion.in_subgroup());
        assert!(multiply(&torsion, &[3, 0, 0, 0]).is_identity());
        assert!(multiply(&torsion, &[2, 0, 0, 0]) == torsion.negate_if(true));
    }

    #[test]
    fn identity_is_in_the_subgroup_and_negates_to_itself() {
        assert!(AffinePoint::IDENTITY.in_subgroup());
        assert!(AffinePoint::IDENTITY.negate_if(true).is_identity());
        assert!(JacobianPoint::from(&AffinePoint::IDENTITY).to_affine().is_identity());
    }

    #[test]
    fn batch_normalisation_agrees_with_the_single_one() {
        let points: Vec<_> =
            mixed_points(20).iter().map(|point| JacobianPoint::from(point).double()).collect();
        let batch = JacobianPoint::batch_to_affine(&points);
        assert!(points.iter().zip(&batch).all(|(point, affine)| point.to_affine() == *affine));
        assert!(JacobianPoint::batch_to_affine(&[]).is_empty());
    }
}
