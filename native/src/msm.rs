//! Multi-scalar multiplication: Pippenger's buckets filled by batch-affine additions.
//!
//! `sum_i s_i P_i = sum_j 2^(width j) sum_b b S_{j,b}`, where the bucket `S_{j,b}` is the sum of `±P_i` over
//! the points whose signed digit in window j is `±b`. No endomorphism is used: correct for all of E.

use std::ops::Range;

use crate::batch_affine::SegmentedSum;
use crate::digits::SignedWindows;
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::{Fr, bit_length};
use crate::multiply::straus;
use crate::parallel::{map_ranges, thread_count};
use crate::point::{AffinePoint, JacobianPoint};

/// Up to this many points Straus's method in Jacobian coordinates is faster.
const SHORT: usize = 24;
/// How many gathered points ahead memory is asked for.
const PREFETCH_DISTANCE: usize = 12;
/// Marks a negated point in a list of positions.
const NEGATIVE: u32 = 1 << 31;

/// `sum_i scalars_i * points_i`, scalars taken as integers in `[0, r)`. Variable time.
pub fn multi_scalar_multiply(points: &[AffinePoint], scalars: &[Fr]) -> Result<AffinePoint, KernelError> {
    require_equal_lengths(points.len(), scalars.len())?;
    if points.len() >= NEGATIVE as usize {
        return Err(KernelError::TooLong { length: points.len() });
    }
    let limbs: Vec<_> = scalars.iter().map(|scalar| scalar.to_limbs()).collect();
    let bits = limbs.iter().map(bit_length).max().unwrap_or(0);
    if bits == 0 {
        return Ok(AffinePoint::IDENTITY);
    }
    if points.len() <= SHORT {
        return Ok(straus(points, &limbs, SignedWindows::new(4, bits)).to_affine());
    }
    Ok(pippenger(points, &limbs, bits).to_affine())
}

/// The window width with the fewest point additions: one per point and window, two per bucket.
fn window_width(points: usize, bits: u32) -> u32 {
    let cost = |width: u32| {
        let windows = SignedWindows::new(width, bits);
        windows.count() as usize * (points + 2 * windows.max_digit() as usize)
    };
    (2..=20).min_by_key(|&width| cost(width)).unwrap_or(2)
}

/// All windows, each over pieces of the points where there are more threads than windows.
fn pippenger(points: &[AffinePoint], limbs: &[[u64; 4]], bits: u32) -> JacobianPoint {
    let windows = SignedWindows::new(window_width(points.len(), bits), bits);
    let count = windows.count() as usize;
    let pieces = thread_count().div_ceil(count);
    let piece_length = points.len().div_ceil(pieces);
    let sums = map_ranges(count * pieces, 1, |task| {
        let (window, piece) = (task.start / pieces, task.start % pieces);
        let start = (piece * piece_length).min(points.len());
        let range = start..(start + piece_length).min(points.len());
        window_sum(&points[range.clone()], &limbs[range], windows, window as u32)
    });
    sums.chunks(pieces).rev().fold(JacobianPoint::IDENTITY, |total, window| {
        window.iter().fold(total.double_times(windows.width()), |sum, part| sum.add(part))
    })
}

/// `sum_i d_i P_i` with the digits d_i of one window.
fn window_sum(
    points: &[AffinePoint],
    limbs: &[[u64; 4]],
    windows: SignedWindows,
    window: u32,
) -> JacobianPoint {
    let (positions, bounds) = sort_by_bucket(limbs, windows, window);
    let mut sums = SegmentedSum::default();
    // Bucket 0 is left out of the sort and stays empty.
    let mut buckets = Vec::with_capacity(bounds.len() + 1);
    buckets.push(AffinePoint::IDENTITY);
    for bucket in bounds {
        for i in bucket {
            if let Some(&ahead) = positions.get(i + PREFETCH_DISTANCE) {
                points[(ahead & !NEGATIVE) as usize].prefetch();
            }
            let position = positions[i];
            sums.push(points[(position & !NEGATIVE) as usize].negate_if(position & NEGATIVE != 0));
        }
        sums.close_segment();
        if sums.pending() >= SegmentedSum::CAPACITY {
            sums.reduce(|sum| buckets.push(sum));
        }
    }
    sums.reduce(|sum| buckets.push(sum));
    weighted_sum(&buckets)
}

/// Positions of the points with a non-zero digit, ordered by its absolute value b (a counting sort), and
/// for b = 1, 2, .. where in that order its positions are.
fn sort_by_bucket(limbs: &[[u64; 4]], windows: SignedWindows, window: u32) -> (Vec<u32>, Vec<Range<usize>>) {
    let digits: Vec<i32> = limbs.iter().map(|scalar| windows.digit(scalar, window)).collect();
    let largest = digits.iter().map(|digit| digit.unsigned_abs()).max().unwrap_or(0) as usize;
    let mut lengths = vec![0usize; largest + 1];
    for digit in &digits {
        lengths[digit.unsigned_abs() as usize] += 1;
    }
    let mut bounds = Vec::with_capacity(largest);
    let mut next = 0;
    for length in &lengths[1..] {
        bounds.push(next..next + length);
        next += length;
    }
    let mut positions = vec![0; next];
    let mut cursors: Vec<usize> = bounds.iter().map(|range| range.start).collect();
    for (i, digit) in digits.iter().enumerate() {
        if let Some(bucket) = (digit.unsigned_abs() as usize).checked_sub(1) {
            positions[cursors[bucket]] = i as u32 | if *digit < 0 { NEGATIVE } else { 0 };
            cursors[bucket] += 1;
        }
    }
    (positions, bounds)
}

/// `sum_b b S_b`.
///
/// With `b = h m + l`, m a power of two near the square root, that is `m sum_h h R_h + sum_l l C_l` for the
/// row sums `R_h = sum_l S_{hm+l}` and column sums `C_l = sum_h S_{hm+l}`, which are batches of affine
/// additions; only the two short sums that remain are sequential.
fn weighted_sum(buckets: &[AffinePoint]) -> JacobianPoint {
    let log = usize::BITS - buckets.len().leading_zeros();
    let shift = log / 2;
    let columns = 1 << shift;
    let mut sums = SegmentedSum::default();
    let mut rows = Vec::with_capacity(buckets.len() / columns + 1);
    for row in buckets.chunks(columns) {
        row.iter().for_each(|point| sums.push(*point));
        sums.close_segment();
        if sums.pending() >= SegmentedSum::CAPACITY {
            sums.reduce(|sum| rows.push(sum));
        }
    }
    sums.reduce(|sum| rows.push(sum));
    let mut column_sums = Vec::with_capacity(columns);
    for column in 0..columns {
        buckets.iter().skip(column).step_by(columns).for_each(|point| sums.push(*point));
        sums.close_segment();
        if sums.pending() >= SegmentedSum::CAPACITY {
            sums.reduce(|sum| column_sums.push(sum));
        }
    }
    sums.reduce(|sum| column_sums.push(sum));
    running_sum(&rows).double_times(shift).add(&running_sum(&column_sums))
}

/// `sum_k k Q_k` as the sum of all suffix sums but the first.
fn running_sum(points: &[AffinePoint]) -> JacobianPoint {
    let start = (JacobianPoint::IDENTITY, JacobianPoint::IDENTITY);
    let (total, _) = points.iter().skip(1).rev().fold(start, |(total, suffix), point| {
        let suffix = suffix.add_affine(point);
        (total.add(&suffix), suffix)
    });
    total
}

/// blst's own Pippenger on one thread, for comparison; it has no say in any result of this crate.
///
/// blst picks a method by the number of points; correct for points of G1.
pub fn blst_pippenger(points: &[AffinePoint], scalars: &[Fr]) -> Result<AffinePoint, KernelError> {
    require_equal_lengths(points.len(), scalars.len())?;
    if points.is_empty() {
        return Ok(AffinePoint::IDENTITY);
    }
    let bytes: Vec<u8> =
        scalars.iter().flat_map(|scalar| scalar.to_limbs().into_iter().flat_map(u64::to_le_bytes)).collect();
    let point_list = [points[0].as_blst(), std::ptr::null()];
    let scalar_list = [bytes.as_ptr(), std::ptr::null()];
    let mut output = JacobianPoint::IDENTITY;
    // SAFETY: a null second pointer says that the inputs are consecutive: `points.len()` points of equal
    // layout and as many 32-byte scalars, all live and (for scalars) in `bytes`. `scratch` has the size, in
    // 8-byte words, that blst asks for.
    unsafe {
        let words = blst::blst_p1s_mult_pippenger_scratch_sizeof(points.len()).div_ceil(8);
        let mut scratch = vec![0u64; words];
        blst::blst_p1s_mult_pippenger(
            &mut output.0,
            point_list.as_ptr(),
            points.len(),
            scalar_list.as_ptr(),
            255,
            scratch.as_mut_ptr(),
        );
    }
    Ok(output.to_affine())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples;

    fn naive(points: &[AffinePoint], scalars: &[Fr]) -> AffinePoint {
        points.iter().zip(scalars).fold(AffinePoint::IDENTITY, |sum, (point, scalar)| {
            samples::add(&sum, &samples::multiply(point, &scalar.to_limbs()))
        })
    }

    #[test]
    fn agrees_with_double_and_add_outside_the_subgroup_too() {
        for length in [0, 1, 2, SHORT, SHORT + 1, 100, 300] {
            let (points, scalars) = (samples::mixed_points(length), samples::scalars(length));
            assert!(multi_scalar_multiply(&points, &scalars) == Ok(naive(&points, &scalars)));
        }
    }

    #[test]
    fn equal_points_and_scalars_share_buckets() {
        let point = samples::subgroup_points(1)[0];
        for length in [2, 3, 64, 1000] {
            let points = vec![point; length];
            let scalars = vec![Fr::from_i64(-3); length];
            let total = Fr::from_i64(-3).mul(&Fr::from_i64(length as i64));
            let expected = samples::multiply(&point, &total.to_limbs());
            assert!(multi_scalar_multiply(&points, &scalars) == Ok(expected));
        }
    }

    #[test]
    fn cancelling_terms_and_zero_scalars() {
        let mut points = samples::mixed_points(50);
        points.extend(points.clone().iter().map(|point| point.negate_if(true)));
        let scalars = [samples::scalars(50), samples::scalars(50)].concat();
        assert!(multi_scalar_multiply(&points, &scalars) == Ok(AffinePoint::IDENTITY));
        assert!(multi_scalar_multiply(&points, &[Fr::ZERO; 100]) == Ok(AffinePoint::IDENTITY));
    }

    #[test]
    fn more_threads_than_windows() {
        let (points, scalars) = (samples::mixed_points(90), samples::scalars(90));
        let bits = 20;
        let small: Vec<_> = scalars.iter().map(|scalar| [scalar.to_limbs()[0] & 0xf_ffff, 0, 0, 0]).collect();
        let expected = points.iter().zip(&small).fold(AffinePoint::IDENTITY, |sum, (point, limbs)| {
            samples::add(&sum, &samples::multiply(point, limbs))
        });
        for threads in [1, 3, 17] {
            crate::parallel::set_thread_count(threads);
            assert!(pippenger(&points, &small, bits).to_affine() == expected);
        }
    }

    #[test]
    fn blst_agrees_inside_the_subgroup() {
        let (points, scalars) = (samples::subgroup_points(200), samples::scalars(200));
        assert!(blst_pippenger(&points, &scalars) == multi_scalar_multiply(&points, &scalars));
    }
}
