//! Complete affine addition of many independent pairs with one field inversion.
//!
//! For P = (x1, y1), Q = (x2, y2), P + Q = (x3, y3):
//!
//! ```text
//! slope = (y2 - y1) / (x2 - x1)       or, if P = Q,  3 x1^2 / (2 y1)
//! x3    = slope^2 - x1 - x2
//! y3    = slope (x1 - x3) - y1
//! ```
//!
//! The denominators d_0..d_{n-1} of a batch are inverted together (Montgomery's trick): with the suffix
//! products s_i = d_i d_{i+1} .. d_{n-1} and v_0 = 1/s_0, step i gives 1/d_i = v_i s_{i+1} and
//! v_{i+1} = v_i d_i. An addition so costs 5 multiplications and a squaring. Cases without a denominator
//! (an identity among the operands, or opposite operands) take d_i = 1 and are decided again in the
//! second pass.

use crate::field::Fp;
use crate::point::AffinePoint;

/// Additions per inversion: the inversion (about 75 multiplications) is then below 2% of the work, and
/// the scratch space (2 x 48 bytes each) stays well inside a second-level cache.
const BATCH: usize = 1024;

/// Pairs of points, addressed by position, whose sums are wanted.
///
/// Positions are read in any order and stored in ascending order. `store(i)` must not change what
/// `operands(j)` returns for any `j > i`.
pub trait Pairs {
    fn count(&self) -> usize;
    fn operands(&self, position: usize) -> (&AffinePoint, &AffinePoint);
    fn store(&mut self, position: usize, sum: AffinePoint);
}

/// Scratch space for batches, reused between them.
#[derive(Default)]
pub struct BatchAdder {
    denominators: Vec<Fp>,
    suffix_products: Vec<Fp>,
}

impl BatchAdder {
    /// Adds all pairs.
    pub fn add(&mut self, pairs: &mut impl Pairs) {
        let count = pairs.count();
        let mut start = 0;
        while start < count {
            let stop = (start + BATCH).min(count);
            self.add_batch(pairs, start, stop);
            start = stop;
        }
    }

    #[inline(always)]
    fn add_batch(&mut self, pairs: &mut impl Pairs, start: usize, stop: usize) {
        let length = stop - start;
        self.denominators.resize(length, Fp::ONE);
        self.suffix_products.resize(length + 1, Fp::ONE);
        let denominators = &mut self.denominators[..length];
        let suffix_products = &mut self.suffix_products[..=length];

        let mut product = Fp::ONE;
        suffix_products[length] = product;
        for i in (0..length).rev() {
            let (left, right) = pairs.operands(start + i);
            let denominator = slope_denominator(left, right);
            product = product.mul(&denominator);
            denominators[i] = denominator;
            suffix_products[i] = product;
        }
        let mut inverse = product.inverse();
        for i in 0..length {
            let (left, right) = pairs.operands(start + i);
            let sum = sum_with_inverse(left, right, &inverse.mul(&suffix_products[i + 1]));
            inverse = inverse.mul(&denominators[i]);
            pairs.store(start + i, sum);
        }
    }
}

/// x2 - x1, or 2 y1 for a doubling, or 1 where no slope exists. Never zero: no point of E has y = 0.
#[inline(always)]
fn slope_denominator(left: &AffinePoint, right: &AffinePoint) -> Fp {
    if left.is_identity() || right.is_identity() {
        return Fp::ONE;
    }
    if left.x != right.x {
        return right.x.sub(&left.x);
    }
    if left.y == right.y { left.y.add(&left.y) } else { Fp::ONE }
}

/// The sum, given the inverse of `slope_denominator`.
#[inline(always)]
fn sum_with_inverse(left: &AffinePoint, right: &AffinePoint, inverse: &Fp) -> AffinePoint {
    if left.is_identity() {
        return *right;
    }
    if right.is_identity() {
        return *left;
    }
    let numerator = if left.x != right.x {
        right.y.sub(&left.y)
    } else if left.y == right.y {
        left.x.square().triple()
    } else {
        return AffinePoint::IDENTITY;
    };
    let slope = numerator.mul(inverse);
    let x = slope.square().sub(&left.x).sub(&right.x);
    let y = slope.mul(&left.x.sub(&x)).sub(&left.y);
    AffinePoint { x, y }
}

/// `accumulators[i] += addends[i]`.
pub struct Accumulate<'a> {
    pub accumulators: &'a mut [AffinePoint],
    pub addends: &'a [AffinePoint],
}

impl Pairs for Accumulate<'_> {
    fn count(&self) -> usize {
        self.accumulators.len().min(self.addends.len())
    }

    #[inline(always)]
    fn operands(&self, position: usize) -> (&AffinePoint, &AffinePoint) {
        (&self.accumulators[position], &self.addends[position])
    }

    #[inline(always)]
    fn store(&mut self, position: usize, sum: AffinePoint) {
        self.accumulators[position] = sum;
    }
}

/// `points[i] += points[i]`.
pub struct Double<'a>(pub &'a mut [AffinePoint]);

impl Pairs for Double<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn operands(&self, position: usize) -> (&AffinePoint, &AffinePoint) {
        (&self.0[position], &self.0[position])
    }

    #[inline(always)]
    fn store(&mut self, position: usize, sum: AffinePoint) {
        self.0[position] = sum;
    }
}

/// `sums[i] = children[2 i] + children[2 i + 1]`.
pub struct Siblings<'a> {
    pub children: &'a [AffinePoint],
    pub sums: &'a mut [AffinePoint],
}

impl Pairs for Siblings<'_> {
    fn count(&self) -> usize {
        self.sums.len().min(self.children.len() / 2)
    }

    #[inline(always)]
    fn operands(&self, position: usize) -> (&AffinePoint, &AffinePoint) {
        (&self.children[2 * position], &self.children[2 * position + 1])
    }

    #[inline(always)]
    fn store(&mut self, position: usize, sum: AffinePoint) {
        self.sums[position] = sum;
    }
}

/// `points[target] = points[left] + points[right]` for each `(target, left, right)`.
///
/// No target may be an operand of a later entry.
pub struct Indexed<'a> {
    pub points: &'a mut [AffinePoint],
    pub entries: &'a [(u32, u32, u32)],
}

impl Pairs for Indexed<'_> {
    fn count(&self) -> usize {
        self.entries.len()
    }

    #[inline(always)]
    fn operands(&self, position: usize) -> (&AffinePoint, &AffinePoint) {
        let (_, left, right) = self.entries[position];
        (&self.points[left as usize], &self.points[right as usize])
    }

    #[inline(always)]
    fn store(&mut self, position: usize, sum: AffinePoint) {
        self.points[self.entries[position].0 as usize] = sum;
    }
}

/// Sums of many short lists of points at once: all lists are halved together, first with last, until one
/// point of each is left, so that even lists of a few points fill whole batches.
#[derive(Default)]
pub struct SegmentedSum {
    points: Vec<AffinePoint>,
    /// Where each closed segment starts, and how many points of it are left.
    segments: Vec<(u32, u32)>,
    open_start: usize,
    entries: Vec<(u32, u32, u32)>,
    adder: BatchAdder,
}

impl SegmentedSum {
    /// Enough points to fill the batches of the first levels; callers reduce when `pending` reaches it.
    pub const CAPACITY: usize = 4 * BATCH;

    /// Appends a point to the open segment.
    #[inline(always)]
    pub fn push(&mut self, point: AffinePoint) {
        self.points.push(point);
    }

    /// Ends the open segment, which may be empty, and opens the next.
    #[inline(always)]
    pub fn close_segment(&mut self) {
        self.segments.push((self.open_start as u32, (self.points.len() - self.open_start) as u32));
        self.open_start = self.points.len();
    }

    /// Number of points held, never more than 2^31 by the callers' limits.
    #[inline(always)]
    pub fn pending(&self) -> usize {
        self.points.len()
    }

    /// Hands the sum of every closed segment to `emit`, in order, and starts afresh.
    pub fn reduce(&mut self, mut emit: impl FnMut(AffinePoint)) {
        let Self { points, segments, entries, adder, .. } = self;
        loop {
            entries.clear();
            let mut longest = 0;
            for &(start, length) in segments.iter() {
                longest = longest.max(length);
                entries.extend((0..length / 2).map(|k| (start + k, start + k, start + length - 1 - k)));
            }
            if longest <= 1 {
                break;
            }
            adder.add(&mut Indexed { points, entries });
            for (_, length) in segments.iter_mut() {
                *length = length.div_ceil(2);
            }
        }
        for &(start, length) in segments.iter() {
            emit(if length == 0 { AffinePoint::IDENTITY } else { points[start as usize] });
        }
        points.clear();
        segments.clear();
        self.open_start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples;

    /// Every pair of: identity, points of order 3, of G1, outside G1, with all equal and opposite pairs.
    fn exceptional_pairs() -> (Vec<AffinePoint>, Vec<AffinePoint>) {
        let mut points = samples::mixed_points(14);
        points.extend(points.clone().iter().map(|point| point.negate_if(true)));
        let left: Vec<_> = points.iter().flat_map(|point| vec![*point; points.len()]).collect();
        let right: Vec<_> = points.iter().flat_map(|_| points.clone()).collect();
        (left, right)
    }

    #[test]
    fn every_exceptional_case_agrees_with_complete_jacobian_addition() {
        let (left, right) = exceptional_pairs();
        let expected: Vec<_> = left.iter().zip(&right).map(|(a, b)| samples::add(a, b)).collect();
        let mut sums = left.clone();
        BatchAdder::default().add(&mut Accumulate { accumulators: &mut sums, addends: &right });
        assert!(sums == expected);
    }

    #[test]
    fn batches_of_every_size_around_the_limit() {
        let points = samples::mixed_points(28);
        for count in [0, 1, 2, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 3] {
            let left: Vec<_> = (0..count).map(|i| points[i % 28]).collect();
            let right: Vec<_> = (0..count).map(|i| points[(i / 28) % 28]).collect();
            let mut sums = left.clone();
            BatchAdder::default().add(&mut Accumulate { accumulators: &mut sums, addends: &right });
            assert!((0..count).all(|i| sums[i] == samples::add(&left[i], &right[i])));
        }
    }

    #[test]
    fn doubling_and_siblings() {
        let points = samples::mixed_points(16);
        let mut adder = BatchAdder::default();
        let mut doubles = points.clone();
        adder.add(&mut Double(&mut doubles));
        assert!(points.iter().zip(&doubles).all(|(point, double)| samples::add(point, point) == *double));
        let mut sums = vec![AffinePoint::IDENTITY; 8];
        adder.add(&mut Siblings { children: &points, sums: &mut sums });
        assert!((0..8).all(|i| sums[i] == samples::add(&points[2 * i], &points[2 * i + 1])));
    }

    #[test]
    fn segments_of_all_lengths() {
        let points = samples::mixed_points(60);
        let mut sums = SegmentedSum::default();
        for repetition in 0..2 {
            let mut expected = Vec::new();
            let mut next = 0;
            for length in [0, 1, 2, 3, 5, 0, 8, 17, 1, 20] {
                let mut sum = AffinePoint::IDENTITY;
                for point in &points[next..next + length] {
                    sums.push(*point);
                    sum = samples::add(&sum, point);
                }
                next += length;
                sums.close_segment();
                expected.push(sum);
            }
            assert_eq!(sums.pending(), next, "repetition {repetition}");
            let mut found = Vec::new();
            sums.reduce(|sum| found.push(sum));
            assert!(found == expected);
            assert_eq!(sums.pending(), 0);
        }
    }
}
