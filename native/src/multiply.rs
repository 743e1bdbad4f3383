//! Variable-base multiplication of vectors of points, correct for every point of E.
//!
//! Long vectors: all points walk through doublings and additions in step, so that every step is one batch
//! of affine additions. Short vectors: one point after the other, doublings in Jacobian coordinates.

use crate::batch_affine::{
    Accumulate, Adder, BatchAdder, Double, SegmentedSum, SegmentedSums, Siblings, fill_multiples,
};
use crate::digits::SignedWindows;
use crate::errors::{KernelError, require_equal_lengths, require_even};
use crate::field::{Fr, bit_length};
use crate::parallel::{fill_chunks, map_ranges};
use crate::point::{AffinePoint, JacobianPoint};

/// Points per task and batch in step; their tables of multiples fit a second-level cache.
const CHUNK: usize = 512;
/// Up to this many points the inversion of each step costs more than Jacobian coordinates do.
const SHORT: usize = 12;
/// Window width; a table holds the multiples 1 to 2^(WINDOW - 1).
const WINDOW: u32 = 5;

/// `h_eff = 1 - x` of RFC 9380, section 8.8.1: maps E onto G1.
const COFACTOR: u64 = 0xd201_0000_0001_0001;

/// Element-wise sum.
pub fn add(left: &[AffinePoint], right: &[AffinePoint]) -> Result<Vec<AffinePoint>, KernelError> {
    require_equal_lengths(left.len(), right.len())?;
    let mut sums = left.to_vec();
    fill_chunks(&mut sums, CHUNK, |offset, accumulators| {
        let addends = &right[offset..offset + accumulators.len()];
        BatchAdder::default().add(&mut Accumulate { accumulators, addends });
    });
    Ok(sums)
}

/// Element-wise negation.
pub fn negate(points: &[AffinePoint]) -> Vec<AffinePoint> {
    points.iter().map(|point| point.negate_if(true)).collect()
}

/// The sum of all points.
pub fn sum(points: &[AffinePoint]) -> AffinePoint {
    let parts = map_ranges(points.len(), SegmentedSum::CAPACITY, |range| {
        let mut sum = SegmentedSum::default();
        points[range].iter().for_each(|point| sum.push(*point));
        sum.close_segment();
        let mut total = AffinePoint::IDENTITY;
        sum.reduce(|value| total = value);
        total
    });
    match parts.as_slice() {
        [] => AffinePoint::IDENTITY,
        [total] => *total,
        _ => sum(&parts),
    }
}

/// `sums[i] = points[2 i] + points[2 i + 1]`.
pub fn add_siblings(points: &[AffinePoint]) -> Result<Vec<AffinePoint>, KernelError> {
    let mut output = vec![AffinePoint::IDENTITY; require_even(points.len())?];
    fill_chunks(&mut output, CHUNK, |offset, sums| {
        let children = &points[2 * offset..2 * (offset + sums.len())];
        BatchAdder::default().add(&mut Siblings { children, sums });
    });
    Ok(output)
}

/// Every point times `h_eff`, by plain double-and-add.
pub fn multiply_by_cofactor(points: &[AffinePoint]) -> Vec<AffinePoint> {
    let mut output = points.to_vec();
    fill_chunks(&mut output, CHUNK, |offset, part| {
        let base = &points[offset..offset + part.len()];
        let lower_bits = (0..COFACTOR.ilog2()).rev().map(|bit| COFACTOR >> bit & 1 == 1);
        if part.len() <= SHORT {
            for (result, point) in part.iter_mut().zip(base) {
                let multiple = lower_bits.clone().fold(JacobianPoint::from(point), |sum, bit| {
                    let double = sum.double();
                    if bit { double.add_affine(point) } else { double }
                });
                *result = multiple.to_affine();
            }
            return;
        }
        let mut adder = BatchAdder::default();
        for bit in lower_bits {
            adder.add(&mut Double(part));
            if bit {
                adder.add(&mut Accumulate { accumulators: part, addends: base });
            }
        }
    });
    output
}

/// Element-wise product `factors_i * points_i`.
pub fn scale(points: &[AffinePoint], factors: &[Fr]) -> Result<Vec<AffinePoint>, KernelError> {
    require_equal_lengths(points.len(), factors.len())?;
    let limbs: Vec<_> = factors.iter().map(|factor| factor.to_limbs()).collect();
    let bits = limbs.iter().map(bit_length).max().unwrap_or(0);
    let mut output = vec![AffinePoint::IDENTITY; points.len()];
    fill_chunks(&mut output, CHUNK, |offset, part| {
        let range = offset..offset + part.len();
        multiply_chunk(&points[range.clone()], &|i| limbs[offset + i], bits, part);
    });
    Ok(output)
}

/// `challenge * left + right` over the two halves.
pub fn fold(points: &[AffinePoint], challenge: &Fr) -> Result<Vec<AffinePoint>, KernelError> {
    let half = require_even(points.len())?;
    let (left, right) = points.split_at(half);
    let limbs = challenge.to_limbs();
    let bits = bit_length(&limbs);
    let mut output = vec![AffinePoint::IDENTITY; half];
    fill_chunks(&mut output, CHUNK, |offset, part| {
        let range = offset..offset + part.len();
        multiply_chunk(&left[range.clone()], &|_| limbs, bits, part);
        BatchAdder::default().add(&mut Accumulate { accumulators: part, addends: &right[range] });
    });
    Ok(output)
}

/// `output[i] = factor(i) * points[i]` for factors of at most `bits` bits.
fn multiply_chunk(
    points: &[AffinePoint],
    factor: &impl Fn(usize) -> [u64; 4],
    bits: u32,
    output: &mut [AffinePoint],
) {
    if points.len() <= SHORT {
        for (i, (result, point)) in output.iter_mut().zip(points).enumerate() {
            *result = straus::<BatchAdder>(&[*point], &[factor(i)], bits).to_affine();
        }
        return;
    }
    let windows = SignedWindows::new(WINDOW, bits);
    let tables = multiples_in_step(points);
    let mut adder = BatchAdder::default();
    let mut addends = vec![AffinePoint::IDENTITY; points.len()];
    for window in (0..windows.count()).rev() {
        if window + 1 < windows.count() {
            for _ in 0..WINDOW {
                adder.add(&mut Double(output));
            }
        }
        for (i, addend) in addends.iter_mut().enumerate() {
            let digit = windows.digit(&factor(i), window);
            *addend = match (digit.unsigned_abs() as usize).checked_sub(1) {
                Some(multiple) => tables[multiple][i].negate_if(digit < 0),
                None => AffinePoint::IDENTITY,
            };
        }
        adder.add(&mut Accumulate { accumulators: output, addends: &addends });
    }
}

/// The multiples 1 to 2^(WINDOW - 1) of every point: `tables[m - 1][i] = m * points[i]`.
fn multiples_in_step(points: &[AffinePoint]) -> Vec<Vec<AffinePoint>> {
    let mut adder = BatchAdder::default();
    let mut tables = vec![points.to_vec()];
    for multiple in 2..=1usize << (WINDOW - 1) {
        // Half of it doubled, or one more than the one before.
        let mut next = tables[if multiple % 2 == 0 { multiple / 2 } else { multiple - 1 } - 1].clone();
        if multiple % 2 == 0 {
            adder.add(&mut Double(&mut next));
        } else {
            adder.add(&mut Accumulate { accumulators: &mut next, addends: points });
        }
        tables.push(next);
    }
    tables
}

/// `sum_i factors_i * points_i` with shared doublings (Straus), for factors of at most `bits` bits.
pub fn straus<A: Adder>(points: &[AffinePoint], factors: &[[u64; 4]], bits: u32) -> JacobianPoint {
    let windows = SignedWindows::new(WINDOW, bits);
    let row = windows.max_digit() as usize;
    let mut table = vec![AffinePoint::IDENTITY; row * points.len()];
    fill_multiples(&mut table, row, points);
    let mut sums = SegmentedSums::<A>::default();
    let mut window_sums = Vec::with_capacity(windows.count() as usize);
    for window in (0..windows.count()).rev() {
        for (multiples, factor) in table.chunks_exact(row).zip(factors) {
            let digit = windows.digit(factor, window);
            if let Some(multiple) = (digit.unsigned_abs() as usize).checked_sub(1) {
                sums.push(multiples[multiple].negate_if(digit < 0));
            }
        }
        sums.close_segment();
        if sums.pending() >= SegmentedSums::<A>::CAPACITY {
            sums.reduce(|sum| window_sums.push(sum));
        }
    }
    sums.reduce(|sum| window_sums.push(sum));
    window_sums.iter().fold(JacobianPoint::IDENTITY, |total, sum| total.double_times(WINDOW).add_affine(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples;

    /// Lengths on both sides of `SHORT` and `CHUNK`.
    const LENGTHS: [usize; 6] = [0, 1, SHORT, SHORT + 1, 40, CHUNK + 3];

    #[test]
    fn scale_agrees_with_double_and_add() {
        for length in LENGTHS {
            let (points, factors) = (samples::mixed_points(length), samples::scalars(length));
            let products = scale(&points, &factors);
            let expected: Vec<_> =
                points.iter().zip(&factors).map(|(p, s)| samples::multiply(p, &s.to_limbs())).collect();
            assert!(products == Ok(expected));
        }
    }

    #[test]
    fn fold_with_challenges_of_all_lengths() {
        let mut challenges = samples::scalars(6);
        challenges.push(Fr::from_i64(6700417));
        for half in [0, 1, SHORT, SHORT + 1, 40] {
            let points = samples::mixed_points(2 * half);
            for challenge in &challenges {
                let folded = fold(&points, challenge);
                let expected: Vec<_> = (0..half)
                    .map(|i| {
                        let product = samples::multiply(&points[i], &challenge.to_limbs());
                        samples::add(&product, &points[half + i])
                    })
                    .collect();
                assert!(folded == Ok(expected));
            }
        }
        assert!(fold(&samples::mixed_points(3), &challenges[0]) == Err(KernelError::OddLength { length: 3 }));
    }

    #[test]
    fn cofactor_clears_into_the_subgroup() {
        for length in LENGTHS {
            let points = samples::mixed_points(length);
            let cleared = multiply_by_cofactor(&points);
            assert!(cleared.iter().all(AffinePoint::in_subgroup));
            let limbs = [COFACTOR, 0, 0, 0];
            assert!(points.iter().zip(&cleared).all(|(p, c)| samples::multiply(p, &limbs) == *c));
        }
    }

    #[test]
    fn sums_of_any_length() {
        for length in [0, 1, 2, 3, SegmentedSum::CAPACITY - 1, SegmentedSum::CAPACITY + 5] {
            let points: Vec<_> = samples::mixed_points(14).into_iter().cycle().take(length).collect();
            let expected = points.iter().fold(JacobianPoint::IDENTITY, |sum, point| sum.add_affine(point));
            assert!(sum(&points) == expected.to_affine());
        }
    }
}
