//! Multi-scalar multiplication: Pippenger's buckets filled by batch-affine additions.
//!
//! `sum_i s_i P_i = sum_j 2^(width j) sum_b b S_{j,b}`, where the bucket `S_{j,b}` is the sum of `±P_i` over
//! the points whose signed digit in window j is `±b`. No endomorphism is used: correct for all of E.

use std::ops::Range;

use crate::batch_affine::{Accumulate, Adder, BatchAdder, SegmentedSums};
use crate::digits::SignedWindows;
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::{Fr, bit_length};
use crate::multiply::straus;
use crate::parallel::{map_ranges, thread_count};
use crate::point::{AffinePoint, JacobianPoint};

/// Windows are treated together until they have this many digits: fuller batches.
const GROUP_DIGITS: usize = 1 << 14;
/// How many gathered points ahead memory is asked for.
const PREFETCH_DISTANCE: usize = 12;
/// Marks a negated point in a list of positions.
const NEGATIVE: u32 = 1 << 31;

/// `sum_i scalars_i * points_i`, scalars taken as integers in `[0, r)`. Variable time.
pub fn multi_scalar_multiply(points: &[AffinePoint], scalars: &[Fr]) -> Result<AffinePoint, KernelError> {
    multi_scalar_multiply_by::<BatchAdder>(points, scalars)
}

/// `multi_scalar_multiply` with additions of a chosen kind.
pub fn multi_scalar_multiply_by<A: Adder>(
    points: &[AffinePoint],
    scalars: &[Fr],
) -> Result<AffinePoint, KernelError> {
    require_equal_lengths(points.len(), scalars.len())?;
    if points.len() >= NEGATIVE as usize {
        return Err(KernelError::TooLong { length: points.len() });
    }
    let limbs: Vec<_> = scalars.iter().map(|scalar| scalar.to_limbs()).collect();
    let bits = limbs.iter().map(bit_length).max().unwrap_or(0);
    if bits == 0 {
        return Ok(AffinePoint::IDENTITY);
    }
    if points.len() <= A::SHORT {
        return Ok(straus::<A>(points, &limbs, bits).to_affine());
    }
    Ok(pippenger::<A>(points, &limbs, bits).to_affine())
}

/// The window width with the fewest point additions: one per point and window, two per bucket.
fn window_width(points: usize, bits: u32) -> u32 {
    let cost = |width: u32| {
        let windows = SignedWindows::new(width, bits);
        windows.count() as usize * (points + 2 * windows.max_digit() as usize)
    };
    (2..=20).min_by_key(|&width| cost(width)).unwrap_or(2)
}

/// Groups of windows, each over pieces of the points where there are more threads than windows.
fn pippenger<A: Adder>(points: &[AffinePoint], limbs: &[[u64; 4]], bits: u32) -> JacobianPoint {
    let windows = SignedWindows::new(window_width(points.len(), bits), bits);
    let count = windows.count() as usize;
    let threads = thread_count();
    let pieces = threads.div_ceil(count);
    let piece_length = points.len().div_ceil(pieces);
    let group = (GROUP_DIGITS / points.len()).clamp(1, count.div_ceil(threads).max(1));
    let groups = count.div_ceil(group);
    let sums = map_ranges(pieces * groups, 1, |task| {
        let (piece, group_index) = (task.start / groups, task.start % groups);
        let start = (piece * piece_length).min(points.len());
        let range = start..(start + piece_length).min(points.len());
        let first = group_index * group;
        bucket_lists::<A>(&points[range.clone()], &limbs[range], windows, first..(first + group).min(count))
    });
    // The lists follow each other piece by piece, each from the lowest window to the highest. All of them are
    // summed in step: a batch then has an addition for each list, and not a few for each inversion.
    let sums = weighted_sums::<A>(&sums.concat(), windows.max_digit() as usize + 1);
    (0..count).rev().fold(JacobianPoint::IDENTITY, |total, window| {
        let total = total.double_times(windows.width());
        sums.iter().skip(window).step_by(count).fold(total, |total, sum| total.add(sum))
    })
}

/// For each window `j` of a group the lists (`short_lists`) of `sum_i d_{i,j} P_i`.
fn bucket_lists<A: Adder>(
    points: &[AffinePoint],
    limbs: &[[u64; 4]],
    windows: SignedWindows,
    group: Range<usize>,
) -> Vec<AffinePoint> {
    let size = windows.max_digit() as usize + 1;
    let mut sums = SegmentedSums::<A>::default();
    let mut buckets = Vec::with_capacity(size * group.len());
    for window in group {
        let (positions, bounds) = sort_by_bucket(limbs, windows, window as u32);
        for bucket in bounds {
            for i in bucket {
                if let Some(&ahead) = positions.get(i + PREFETCH_DISTANCE) {
                    points[(ahead & !NEGATIVE) as usize].prefetch();
                }
                let position = positions[i];
                sums.push(points[(position & !NEGATIVE) as usize].negate_if(position & NEGATIVE != 0));
            }
            sums.close_segment();
            if sums.pending() >= SegmentedSums::<A>::CAPACITY {
                sums.reduce(|sum| buckets.push(sum));
            }
        }
    }
    sums.reduce(|sum| buckets.push(sum));
    short_lists::<A>(&buckets, size)
}

/// Positions of the points with a non-zero digit, ordered by its absolute value b (a counting sort), and
/// for b = 0 (an empty range), 1, 2, .. where in that order its positions are.
fn sort_by_bucket(limbs: &[[u64; 4]], windows: SignedWindows, window: u32) -> (Vec<u32>, Vec<Range<usize>>) {
    let digits: Vec<i32> = limbs.iter().map(|scalar| windows.digit(scalar, window)).collect();
    let mut lengths = vec![0usize; windows.max_digit() as usize + 1];
    for digit in digits.iter().filter(|&&digit| digit != 0) {
        lengths[digit.unsigned_abs() as usize] += 1;
    }
    let mut next = 0;
    let bounds: Vec<_> = lengths
        .iter()
        .map(|length| {
            next += length;
            next - length..next
        })
        .collect();
    let mut positions = vec![0; next];
    let mut cursors: Vec<usize> = bounds.iter().map(|range| range.start).collect();
    for (i, &digit) in digits.iter().enumerate().filter(|&(_, &digit)| digit != 0) {
        let cursor = &mut cursors[digit.unsigned_abs() as usize];
        positions[*cursor] = i as u32 | if digit < 0 { NEGATIVE } else { 0 };
        *cursor += 1;
    }
    (positions, bounds)
}

/// m, a power of two near the square root of `size`, as its exponent, and the length of the lists for it.
fn short_length(size: usize) -> (u32, usize) {
    let shift = size.ilog2().div_ceil(2);
    (shift, size.div_ceil(1 << shift).max(1 << shift))
}

/// Two short lists in place of each list of `size` buckets S_b, b from 0.
///
/// With `b = h m + l`, `sum_b b S_b = m sum_h h R_h + sum_l l C_l` for the row sums `R_h = sum_l S_{hm+l}` and
/// the column sums `C_l = sum_h S_{hm+l}`, which are batches of affine additions. Both lists are padded to one
/// length.
fn short_lists<A: Adder>(buckets: &[AffinePoint], size: usize) -> Vec<AffinePoint> {
    let (shift, length) = short_length(size);
    let columns = 1 << shift;
    let rows = size.div_ceil(columns);
    let mut lists = Vec::with_capacity(2 * length * (buckets.len() / size));
    let mut sums = SegmentedSums::<A>::default();
    for list in buckets.chunks_exact(size) {
        for row in 0..length {
            let row = (row * columns).min(size)..((row + 1) * columns).min(size);
            list[row].iter().for_each(|point| sums.push(*point));
            sums.close_segment();
        }
        for column in 0..length {
            let column =
                list.iter().skip(column).step_by(columns).take(if column < columns { rows } else { 0 });
            column.for_each(|point| sums.push(*point));
            sums.close_segment();
        }
        if sums.pending() >= SegmentedSums::<A>::CAPACITY {
            sums.reduce(|sum| lists.push(sum));
        }
    }
    sums.reduce(|sum| lists.push(sum));
    lists
}

/// `sum_b b S_b` for each pair of lists that `short_lists` makes of `size` buckets.
fn weighted_sums<A: Adder>(lists: &[AffinePoint], size: usize) -> Vec<JacobianPoint> {
    let (shift, length) = short_length(size);
    let totals = running_sums::<A>(lists, length);
    let combine =
        |pair: &[AffinePoint]| JacobianPoint::from(&pair[0]).double_times(shift).add_affine(&pair[1]);
    totals.chunks_exact(2).map(combine).collect()
}

/// `sum_k k Q_k`, k from 0, for each list of `length` points: the sum of all suffix sums but the first, all
/// lists in step.
fn running_sums<A: Adder>(lists: &[AffinePoint], length: usize) -> Vec<AffinePoint> {
    let count = lists.len() / length;
    let mut adder = A::default();
    let mut suffixes = vec![AffinePoint::IDENTITY; count];
    let mut totals = suffixes.clone();
    for k in (1..length).rev() {
        let addends: Vec<_> = lists.iter().skip(k).step_by(length).copied().collect();
        adder.add(&mut Accumulate { accumulators: &mut suffixes, addends: &addends });
        adder.add(&mut Accumulate { accumulators: &mut totals, addends: &suffixes });
    }
    totals
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
        for length in [0, 1, 2, BatchAdder::SHORT, BatchAdder::SHORT + 1, 300] {
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
            assert!(pippenger::<BatchAdder>(&points, &small, bits).to_affine() == expected);
        }
    }

    #[test]
    fn blst_agrees_inside_the_subgroup() {
        let (points, scalars) = (samples::subgroup_points(200), samples::scalars(200));
        assert!(blst_pippenger(&points, &scalars) == multi_scalar_multiply(&points, &scalars));
    }
}
