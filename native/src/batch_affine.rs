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
//! The denominators d_0..d_{n-1} of a batch are inverted together (Montgomery's trick), even and odd
//! positions in a chain each, so that a processor finds two independent multiplications at any time. With
//! the suffix products s_i = d_i d_{i+2} d_{i+4} .. and v_i = 1/s_i, step i gives 1/d_i = v_i s_{i+2} and
//! v_{i+2} = v_i d_i. An addition so costs 5 multiplications and a squaring. Sums without a slope (an
//! identity among the operands, or opposite operands) take d_i = 1 and are decided again in the second
//! pass.

use crate::field::Fp;
use crate::point::AffinePoint;

/// Additions per inversion: the inversion (about 75 multiplications) is then below 2% of the work, and
/// the scratch space (2 x 48 bytes each) stays well inside a second-level cache.
const BATCH: usize = 1024;

/// Pairs of points, addressed by position, whose sums are wanted.
///
/// Positions are read in any order and stored in ascending order. Storing the sum at a position must not
/// change the operands of a later one.
pub trait Pairs {
    fn count(&self) -> usize;
    fn operands(&self, position: usize) -> (&AffinePoint, &AffinePoint);
    /// Where the sum goes.
    fn target(&mut self, position: usize) -> &mut AffinePoint;
}

/// A way of adding pairs in batches. All ways give the same sums.
pub trait Adder: Default {
    /// Up to this many points, multi-scalar multiplication is faster with a table of multiples of each point
    /// (Straus) than with buckets.
    const SHORT: usize;

    /// Adds all pairs.
    fn add(&mut self, pairs: &mut impl Pairs);
}

impl Adder for BatchAdder {
    const SHORT: usize = 100;

    fn add(&mut self, pairs: &mut impl Pairs) {
        BatchAdder::add(self, pairs);
    }
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

    fn add_batch(&mut self, pairs: &mut impl Pairs, start: usize, stop: usize) {
        let length = stop - start;
        self.denominators.resize(length, Fp::ONE);
        self.suffix_products.resize(length + 2, Fp::ONE);
        self.suffix_products[length..].fill(Fp::ONE);
        for i in (0..length).rev() {
            let (left, right) = pairs.operands(start + i);
            set_slope_denominator(&mut self.denominators[i], left, right);
            let (product, rest) = self.suffix_products[i..].split_at_mut(1);
            product[0].set_product(&rest[1], &self.denominators[i]);
        }
        // 1/s_0 and 1/s_1 from one inversion.
        let [even, odd] = [self.suffix_products[0], self.suffix_products[1]];
        let inverse = even.mul(&odd).inverse();
        let mut inverses = [inverse.mul(&odd), inverse.mul(&even)];
        for i in (0..length - 1).step_by(2) {
            self.finish(pairs, start, i, &mut inverses);
        }
        if length % 2 == 1 {
            let [mut last, _] = inverses.map(|inverse| [inverse]);
            self.finish(pairs, start, length - 1, &mut last);
        }
    }

    /// The sums at the positions `i..i + LANES`, step by step side by side.
    #[inline(always)]
    fn finish<const LANES: usize>(
        &self,
        pairs: &mut impl Pairs,
        start: usize,
        i: usize,
        inverses: &mut [Fp; LANES],
    ) {
        let mut slopes = [Fp::ZERO; LANES];
        for lane in 0..LANES {
            slopes[lane].set_product(&inverses[lane], &self.suffix_products[i + lane + 2]);
        }
        for (lane, inverse) in inverses.iter_mut().enumerate() {
            inverse.multiply_by(&self.denominators[i + lane]);
        }
        let operands: [_; LANES] = std::array::from_fn(|lane| pairs.operands(start + i + lane));
        let mut numerators = [Fp::ZERO; LANES];
        let mut sums = [Sum::OnSlope; LANES];
        for lane in 0..LANES {
            sums[lane] = set_slope_numerator(&mut numerators[lane], operands[lane]);
        }
        for lane in 0..LANES {
            slopes[lane].multiply_by(&numerators[lane]);
        }
        let mut abscissas = [Fp::ZERO; LANES];
        for lane in 0..LANES {
            abscissas[lane].set_square(&slopes[lane]);
        }
        for lane in 0..LANES {
            let (left, right) = operands[lane];
            abscissas[lane].subtract(&left.x);
            abscissas[lane].subtract(&right.x);
            numerators[lane].set_difference(&left.x, &abscissas[lane]);
        }
        for lane in 0..LANES {
            slopes[lane].multiply_by(&numerators[lane]);
        }
        for lane in 0..LANES {
            let (left, right) = operands[lane];
            slopes[lane].subtract(&left.y);
            (abscissas[lane], slopes[lane]) = match sums[lane] {
                Sum::OnSlope => continue,
                Sum::Left => (left.x, left.y),
                Sum::Right => (right.x, right.y),
                Sum::Identity => (Fp::ZERO, Fp::ZERO),
            };
        }
        for lane in 0..LANES {
            let target = pairs.target(start + i + lane);
            target.x = abscissas[lane];
            target.y = slopes[lane];
        }
    }
}

/// x2 - x1, or 2 y1 for a doubling, or 1 where no slope exists. Never zero: no point of E has y = 0.
#[inline(always)]
fn set_slope_denominator(denominator: &mut Fp, left: &AffinePoint, right: &AffinePoint) {
    if left.is_identity() || right.is_identity() {
        *denominator = Fp::ONE;
    } else if !left.x.equals(&right.x) {
        denominator.set_difference(&right.x, &left.x);
    } else if left.y.equals(&right.y) {
        denominator.set_double(&left.y);
    } else {
        *denominator = Fp::ONE;
    }
}

/// What a sum is.
#[derive(Clone, Copy)]
enum Sum {
    OnSlope,
    Left,
    Right,
    Identity,
}

/// y2 - y1, or 3 x1^2 for a doubling; left alone where no slope exists.
#[inline(always)]
fn set_slope_numerator(numerator: &mut Fp, (left, right): (&AffinePoint, &AffinePoint)) -> Sum {
    if left.is_identity() {
        return Sum::Right;
    }
    if right.is_identity() {
        return Sum::Left;
    }
    if !left.x.equals(&right.x) {
        numerator.set_difference(&right.y, &left.y);
    } else if left.y.equals(&right.y) {
        numerator.set_square(&left.x);
        numerator.triple();
    } else {
        return Sum::Identity;
    }
    Sum::OnSlope
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
    fn target(&mut self, position: usize) -> &mut AffinePoint {
        &mut self.accumulators[position]
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
    fn target(&mut self, position: usize) -> &mut AffinePoint {
        &mut self.0[position]
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
    fn target(&mut self, position: usize) -> &mut AffinePoint {
        &mut self.sums[position]
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
    fn target(&mut self, position: usize) -> &mut AffinePoint {
        &mut self.points[self.entries[position].0 as usize]
    }
}

/// Fills each row of `table` (`row` points; the last row may be shorter) with the multiples 1, 2, 3, .. of
/// its base: from the first `known` multiples the next `known` follow in one batch,
/// `(known + i) B = known B + i B`.
pub fn fill_multiples(table: &mut [AffinePoint], row: usize, bases: &[AffinePoint]) {
    let mut adder = BatchAdder::default();
    let mut entries = Vec::new();
    for (multiples, base) in table.chunks_mut(row).zip(bases) {
        multiples[0] = *base;
    }
    let mut known = 1;
    while known < row {
        entries.clear();
        for start in (0..table.len()).step_by(row) {
            let length = row.min(table.len() - start);
            for i in 0..known.min(length.saturating_sub(known)) {
                entries.push(((start + known + i) as u32, (start + known - 1) as u32, (start + i) as u32));
            }
        }
        adder.add(&mut Indexed { points: table, entries: &entries });
        known *= 2;
    }
}

/// Sums of many short lists of points at once: all lists are halved together, first with last, until one
/// point of each is left, so that even lists of a few points fill whole batches.
#[derive(Default)]
pub struct SegmentedSums<A> {
    points: Vec<AffinePoint>,
    /// Where each closed segment starts, and how many points of it are left.
    segments: Vec<(u32, u32)>,
    open_start: usize,
    entries: Vec<(u32, u32, u32)>,
    adder: A,
}

/// Sums of short lists by blst's arithmetic.
pub type SegmentedSum = SegmentedSums<BatchAdder>;

impl<A: Adder> SegmentedSums<A> {
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
