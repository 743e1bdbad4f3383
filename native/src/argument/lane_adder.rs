//! Batches of affine additions in eight lanes, for processors with AVX-512 IFMA; elsewhere, and for the
//! exceptional cases, `crate::batch_affine`.
//!
//! The method is that of `crate::batch_affine`: one inversion for all denominators x2 - x1, with suffix
//! products. Positions go to sixteen chains, position i to chain i mod 16: two vectors of eight lanes. A
//! chain's product skips the pairs without that denominator (equal abscissas) or with an abscissa zero,
//! which is how the identity is stored; their sums are computed one by one.

use crate::batch_affine::{Adder, BatchAdder, Pairs};
use crate::point::{AffinePoint, JacobianPoint};

/// Below this number of additions, lanes and the inversion of sixteen chains do not pay.
const MINIMUM: usize = 64;

/// Scratch space for batches, reused between them.
#[derive(Default)]
pub struct LaneAdder {
    scalar: BatchAdder,
    #[cfg(target_arch = "x86_64")]
    chains: x86::Chains,
}

impl Adder for LaneAdder {
    const SHORT: usize = 64;

    fn add(&mut self, pairs: &mut impl Pairs) {
        #[cfg(target_arch = "x86_64")]
        if pairs.count() >= MINIMUM && x86::is_available() {
            // SAFETY: the processor has the features.
            return unsafe { self.chains.add(pairs) };
        }
        self.scalar.add(pairs);
    }
}

/// The sum of two points, for pairs that are rare or trivial.
fn exceptional_sum(left: &AffinePoint, right: &AffinePoint) -> AffinePoint {
    if left.is_identity() {
        *right
    } else if right.is_identity() {
        *left
    } else {
        JacobianPoint::from(left).add_affine(right).to_affine()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::__mmask8;

    use super::exceptional_sum;
    use crate::argument::lane_field::{Lanes, StoredLanes, Words, multiply_pairs, store_row};
    use crate::batch_affine::Pairs;
    use crate::field::Fp;
    use crate::point::AffinePoint;

    const LANES: usize = 8;
    /// Positions handled together: two vectors.
    const BLOCK: usize = 2 * LANES;
    /// Additions per inversion. The scratch space, 128 bytes each, stays in a second-level cache.
    const BATCH: usize = 2048;

    pub fn is_available() -> bool {
        std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512ifma")
    }

    /// What a block keeps between the passes.
    #[derive(Clone, Copy)]
    struct Block {
        denominators: [StoredLanes; 2],
        /// Products of the denominators of the blocks behind this one.
        suffix_products: [StoredLanes; 2],
        exceptional: [__mmask8; 2],
    }

    impl Block {
        const EMPTY: Self = Self {
            denominators: [StoredLanes::ZERO; 2],
            suffix_products: [StoredLanes::ZERO; 2],
            exceptional: [0; 2],
        };
    }

    #[derive(Default)]
    pub struct Chains {
        blocks: Vec<Block>,
    }

    /// Positions `start..stop`, at most eight, as operands; missing ones repeat the first.
    #[inline(always)]
    fn operands<P: Pairs>(pairs: &P, start: usize, stop: usize) -> [(&AffinePoint, &AffinePoint); LANES] {
        std::array::from_fn(|lane| pairs.operands(if start + lane < stop { start + lane } else { start }))
    }

    /// The mask of the lanes that hold a position.
    #[inline(always)]
    fn present(start: usize, stop: usize) -> __mmask8 {
        if start + LANES <= stop { 0xff } else { ((1u16 << stop.saturating_sub(start)) - 1) as __mmask8 }
    }

    impl Chains {
        #[target_feature(enable = "avx512f,avx512ifma")]
        pub fn add<P: Pairs>(&mut self, pairs: &mut P) {
            let count = pairs.count();
            for start in (0..count).step_by(BATCH) {
                self.add_batch(pairs, start, count.min(start + BATCH));
            }
        }

        #[target_feature(enable = "avx512f,avx512ifma")]
        fn add_batch<P: Pairs>(&mut self, pairs: &mut P, start: usize, stop: usize) {
            self.blocks.resize((stop - start).div_ceil(BLOCK), Block::EMPTY);
            let one = Lanes::one();
            let mut products = [one; 2];
            for (i, block) in self.blocks.iter_mut().enumerate().rev() {
                products = multiply_denominators(pairs, start + i * BLOCK, stop, block, &products);
            }
            let mut inverses = invert(&products);
            for (i, block) in self.blocks.iter().enumerate() {
                inverses = finish(pairs, start + i * BLOCK, stop, block, &inverses);
            }
        }
    }

    /// First pass over a block: its denominators, and the products that include them.
    ///
    /// Bounds: abscissas < p, denominators < 2p, products < 1.41p (or p, at the start).
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn multiply_denominators<P: Pairs>(
        pairs: &P,
        start: usize,
        stop: usize,
        block: &mut Block,
        products: &[Lanes; 2],
    ) -> [Lanes; 2] {
        let mut denominators = [Lanes::one(); 2];
        for half in 0..2 {
            let first = start + half * LANES;
            block.suffix_products[half].store(&products[half]);
            block.exceptional[half] = 0xff;
            if first < stop {
                let operands = operands(pairs, first, stop);
                let left = Words::load(operands.map(|(left, _)| &left.x));
                let right = Words::load(operands.map(|(_, right)| &right.x));
                let exceptional =
                    left.equal(&right) | left.is_zero() | right.is_zero() | !present(first, stop);
                block.exceptional[half] = exceptional;
                let difference = right.to_lanes().subtract(&left.to_lanes(), 1);
                denominators[half] = difference.select(exceptional, &denominators[half]);
            }
            block.denominators[half].store(&denominators[half]);
        }
        let shifted = [denominators[0].shifted(), denominators[1].shifted()];
        multiply_pairs([&shifted[0], &shifted[1]], [&products[0], &products[1]])
    }

    /// Second pass over a block: its sums. Takes and returns the inverses of the products that are left.
    ///
    /// Bounds: inverses and their products < 1.41p; numerators < 2p; slopes < 1.29p; their squares < 1.17p,
    /// `square - x1 - x2 + 2p` < 3.17p; `x1 - x3 + p` < 2p; `slope (x1 - x3) - y1 + p` < 2.27p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn finish<P: Pairs>(
        pairs: &mut P,
        start: usize,
        stop: usize,
        block: &Block,
        inverses: &[Lanes; 2],
    ) -> [Lanes; 2] {
        let shifted = [inverses[0].shifted(), inverses[1].shifted()];
        let shifted = [&shifted[0], &shifted[1]];
        let [suffix_0, suffix_1] = [block.suffix_products[0].load(), block.suffix_products[1].load()];
        let own_inverses = multiply_pairs(shifted, [&suffix_0, &suffix_1]);
        let [denominators_0, denominators_1] = [block.denominators[0].load(), block.denominators[1].load()];
        let rest = multiply_pairs(shifted, [&denominators_0, &denominators_1]);

        // The second vector of the last block may be empty: then it repeats the first.
        let firsts = [start, if start + LANES < stop { start + LANES } else { start }];
        let all = [operands(pairs, firsts[0], stop), operands(pairs, firsts[1], stop)];
        let left_x = all.map(|operands| Words::load(operands.map(|(left, _)| &left.x)).to_lanes());
        let left_y = all.map(|operands| Words::load(operands.map(|(left, _)| &left.y)).to_lanes());
        let right_x = all.map(|operands| Words::load(operands.map(|(_, right)| &right.x)).to_lanes());
        let right_y = all.map(|operands| Words::load(operands.map(|(_, right)| &right.y)).to_lanes());
        let numerators =
            [right_y[0].subtract(&left_y[0], 1).shifted(), right_y[1].subtract(&left_y[1], 1).shifted()];
        let slopes = multiply_pairs([&numerators[0], &numerators[1]], [&own_inverses[0], &own_inverses[1]]);
        let shifted = [slopes[0].shifted(), slopes[1].shifted()];
        let shifted = [&shifted[0], &shifted[1]];
        let squares = multiply_pairs(shifted, [&slopes[0], &slopes[1]]);

        let x = [
            squares[0].subtract(&left_x[0], 1).subtract(&right_x[0], 1).canonical(),
            squares[1].subtract(&left_x[1], 1).subtract(&right_x[1], 1).canonical(),
        ];
        let steps = [left_x[0].subtract(&x[0], 1), left_x[1].subtract(&x[1], 1)];
        let products = multiply_pairs(shifted, [&steps[0], &steps[1]]);
        for half in 0..2 {
            let first = start + half * LANES;
            let y = products[half].subtract(&left_y[half], 1).canonical();
            store(pairs, first, stop, block.exceptional[half], &x[half], &y);
        }
        rest
    }

    /// Stores the sums of a vector; those of exceptional lanes are computed here.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn store<P: Pairs>(
        pairs: &mut P,
        first: usize,
        stop: usize,
        exceptional: __mmask8,
        x: &Lanes,
        y: &Lanes,
    ) {
        let (x, y) = (Words::from_lanes(x).rows(), Words::from_lanes(y).rows());
        for lane in 0..LANES.min(stop.saturating_sub(first)) {
            let position = first + lane;
            if exceptional >> lane & 1 == 0 {
                let target = pairs.target(position);
                store_row(x[lane], &mut target.x);
                store_row(y[lane], &mut target.y);
            } else {
                let (left, right) = pairs.operands(position);
                let sum = exceptional_sum(left, right);
                *pairs.target(position) = sum;
            }
        }
    }

    /// The inverses of sixteen elements below 2p that are not zero, with one inversion.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn invert(products: &[Lanes; 2]) -> [Lanes; 2] {
        let mut elements = [Fp::ONE; BLOCK];
        for (half, lanes) in products.iter().enumerate() {
            let rows = Words::from_lanes(&lanes.canonical()).rows();
            for (element, row) in elements[half * LANES..].iter_mut().zip(rows) {
                store_row(row, element);
            }
        }
        let mut suffixes = [Fp::ONE; BLOCK + 1];
        for i in (0..BLOCK).rev() {
            suffixes[i] = suffixes[i + 1].mul(&elements[i]);
        }
        let mut inverse = suffixes[0].inverse();
        for i in 0..BLOCK {
            let rest = inverse.mul(&elements[i]);
            elements[i] = inverse.mul(&suffixes[i + 1]);
            inverse = rest;
        }
        let half = |start: usize| Words::load(std::array::from_fn(|lane| &elements[start + lane])).to_lanes();
        [half(0), half(LANES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch_affine::{Accumulate, Double, Indexed, Siblings};
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
        LaneAdder::default().add(&mut Accumulate { accumulators: &mut sums, addends: &right });
        assert!(sums == expected);
    }

    #[test]
    fn batches_of_every_size_around_the_limits() {
        let points = samples::subgroup_points(200);
        let mut adder = LaneAdder::default();
        for count in (60..100).chain([127, 128, 129, 2047, 2048, 2049, 2060, 4100]) {
            let left: Vec<_> = (0..count).map(|i| points[i % 100]).collect();
            let right: Vec<_> = (0..count).map(|i| points[100 + (i / 100 + 3 * i) % 100]).collect();
            let mut sums = left.clone();
            adder.add(&mut Accumulate { accumulators: &mut sums, addends: &right });
            assert!((0..count).all(|i| sums[i] == samples::add(&left[i], &right[i])), "{count}");
        }
    }

    #[test]
    fn long_sums_agree() {
        // Sums of sums: results are canonical and serve as operands again.
        let points = samples::subgroup_points(256);
        let mut adder = LaneAdder::default();
        let mut sums = points.clone();
        let mut expected = points.clone();
        for step in 1..20 {
            let addends: Vec<_> = (0..256).map(|i| points[(i + step) % 256]).collect();
            adder.add(&mut Accumulate { accumulators: &mut sums, addends: &addends });
            expected = expected.iter().zip(&addends).map(|(a, b)| samples::add(a, b)).collect();
            assert!(sums == expected);
        }
    }

    #[test]
    fn doublings_halvings_and_sums_in_place() {
        let points = samples::subgroup_points(160);
        let mut adder = LaneAdder::default();
        let mut doubles = points.clone();
        adder.add(&mut Double(&mut doubles));
        assert!(points.iter().zip(&doubles).all(|(point, double)| samples::add(point, point) == *double));
        let mut sums = vec![AffinePoint::IDENTITY; 80];
        adder.add(&mut Siblings { children: &points, sums: &mut sums });
        assert!((0..80).all(|i| sums[i] == samples::add(&points[2 * i], &points[2 * i + 1])));
        // A target that is an operand of an earlier entry.
        let mut in_place = points.clone();
        let entries: Vec<_> = (0..80).map(|i| (i, 2 * i, 2 * i + 1)).collect();
        adder.add(&mut Indexed { points: &mut in_place, entries: &entries });
        assert!(in_place[..80] == sums);
    }
}
