//! The first rounds of the sumcheck, and what the table folds to, from the bits in which accounts differ from
//! a shared line z (`super::shared_line`).
//!
//! J variables set aside, n = 2^J;  account u = x A + y with x < n, y < A = 2^(l-J);  e(y, k) the weights
//! of the cells, as in `super::gram`. U = 2^l. With `Z = sum_k e(k) z(k)`, `D = b xor z` and
//!
//! ```text
//! C[x]     = sum e D_x z                        the bits of z that x has not
//! G[x, x'] = sum e D_x D_x'
//! ```
//!
//! the Gram matrix of the bits is `S[x, x'] = Z - C[x] - C[x'] + G[x, x']`: where both accounts differ from
//! z, `d d' = 1`, and `d z = -D z`, and the weights of all y add up to one. The work is a pass over the
//! differences, and one addition for each bit in which two accounts x, x' of one y both differ from z.

use std::ops::Range;

use super::bit_table::BitTable;
use super::folded_table::FoldedTable;
use super::gram::GramMatrix;
use super::lazy_sums::{DigitSum, Digits, ONE};
use super::shared_line::SharedLine;
use super::tensor::equality_table;
use crate::field::Fr;
use crate::parallel::{fill_chunks, map_ranges};

/// Bytes of a line per task, a multiple of eight.
const BLOCK: usize = 512;
/// Tasks for the rows of G: each goes through all lists.
const TASKS: usize = 4;
/// A list as long as this is worth tables of the sums of all subsets of four of its eight weights,
const SHORT: usize = 5;
/// and as long as this, of all eight.
const LONG: usize = 64;
/// J at most: the matrices have 4^J elements.
const MAX_LEADING: u32 = 9;

/// Account x of a list differs from z in these bits of the list's byte.
#[derive(Clone, Copy)]
struct Difference {
    x: u16,
    bits: u8,
}

/// The differences in up to `BLOCK` consecutive bytes of the lines.
struct Block {
    first_byte: usize,
    /// List `byte A + y` is `starts[..]..starts[.. + 1]`; x increases in a list.
    starts: Vec<u32>,
    differences: Vec<Difference>,
}

impl Block {
    fn new(table: &BitTable, shared: &[u8], first_byte: usize, rows: usize) -> Self {
        let bytes = first_byte..shared.len().min(first_byte + BLOCK);
        let mut found = Vec::new();
        let mut starts = vec![0; bytes.len() * rows + 1];
        for u in 0..table.accounts() {
            let (x, y) = ((u / rows) as u16, u % rows);
            for_each_difference(&table.account(u)[bytes.clone()], &shared[bytes.clone()], |byte, bits| {
                let list = (byte * rows + y) as u32;
                starts[list as usize + 1] += 1;
                found.push((list, Difference { x, bits }));
            });
        }
        for list in 1..starts.len() {
            starts[list] += starts[list - 1];
        }
        // Each list is filled from its start, which so moves to its end: that of the next list.
        let mut differences = vec![Difference { x: 0, bits: 0 }; found.len()];
        for (list, difference) in found {
            let next = &mut starts[list as usize];
            differences[*next as usize] = difference;
            *next += 1;
        }
        starts.rotate_right(1);
        starts[0] = 0;
        Self { first_byte, starts, differences }
    }

    /// The lists that are not empty, each with its number.
    fn lists(&self) -> impl Iterator<Item = (usize, &[Difference])> {
        let bounds = self.starts.windows(2).enumerate().filter(|(_, bounds)| bounds[0] < bounds[1]);
        bounds.map(|(list, bounds)| (list, &self.differences[bounds[0] as usize..bounds[1] as usize]))
    }
}

/// Calls `found` with the place and the exclusive-or of the bytes of two lines that differ.
#[inline]
fn for_each_difference(line: &[u8], other: &[u8], mut found: impl FnMut(usize, u8)) {
    let ((words, rest), (other_words, other_rest)) = (line.as_chunks::<8>(), other.as_chunks::<8>());
    for (word, (left, right)) in words.iter().zip(other_words).enumerate() {
        let mut bits = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        while bits != 0 {
            let byte = bits.trailing_zeros() as usize / 8;
            found(8 * word + byte, (bits >> (8 * byte)) as u8);
            bits &= !(0xff << (8 * byte));
        }
    }
    for (place, (left, right)) in rest.iter().zip(other_rest).enumerate() {
        if left != right {
            found(8 * words.len() + place, left ^ right);
        }
    }
}

/// What all accounts differ in from z, by bytes of the line.
pub struct Differences {
    shared: Vec<u8>,
    width: usize,
    bit_variables: u32,
    leading: u32,
    /// A.
    rows: usize,
    blocks: Vec<Block>,
}

impl Differences {
    /// `None` where rounds over the bits as they are cost no more.
    pub fn new(table: &BitTable) -> Option<Self> {
        let shared = SharedLine::find(table)?;
        let leading = choose_leading(table, &shared)?;
        Some(Self::with_leading(table, shared.bytes().to_vec(), leading))
    }

    /// Of a table with a power of two of accounts, relative to any line, with any J up to l.
    pub(super) fn with_leading(table: &BitTable, shared: Vec<u8>, leading: u32) -> Self {
        let rows = table.accounts() >> leading;
        let blocks = map_ranges(shared.len(), BLOCK, |range| Block::new(table, &shared, range.start, rows));
        let (width, bit_variables) = (table.width(), table.bit_variables());
        Self { width, bit_variables, leading, rows, blocks, shared }
    }

    /// l.
    pub fn account_variables(&self) -> u32 {
        self.leading + self.rows.trailing_zeros()
    }

    /// p.
    pub fn bit_variables(&self) -> u32 {
        self.bit_variables
    }

    /// J.
    pub fn leading(&self) -> u32 {
        self.leading
    }

    /// S, with the weights `eq((tau_{J+1} .. tau_l), y)` and eq(tau_bits, k).
    pub fn gram(&self, row_weights: &[Fr], bit_weights: &[Fr]) -> GramMatrix {
        let shared_sum = (0..self.width).filter(|&k| self.shared[k / 8] >> (k % 8) & 1 == 1);
        let shared_sum = shared_sum.fold(Fr::ZERO, |sum, k| sum.add(&bit_weights[k]));
        let weights: Vec<_> = map_ranges(self.blocks.len(), 1, |range| {
            self.list_weights(&self.blocks[range.start], row_weights, bit_weights)
        });
        let size = 1usize << self.leading;
        // A row of sums is G[x, .] for x' >= x, then C[x].
        let mut sums = vec![DigitSum::ZERO; size * (size + 1)];
        fill_chunks(&mut sums, size.div_ceil(TASKS) * (size + 1), |offset, part| {
            let first = offset / (size + 1);
            for (block, weights) in self.blocks.iter().zip(&weights) {
                self.add_block(block, weights, first, part);
            }
        });
        let cleared: Vec<_> = sums.chunks_exact(size + 1).map(|row| row[size].reduce()).collect();
        let mut matrix = vec![Fr::ZERO; size * size];
        fill_chunks(&mut matrix, size.div_ceil(TASKS) * size, |offset, part| {
            for (x, row) in (offset / size..).zip(part.chunks_exact_mut(size)) {
                let base = shared_sum.sub(&cleared[x]);
                for (other, sum) in row.iter_mut().enumerate() {
                    let common = &sums[x.min(other) * (size + 1) + x.max(other)];
                    *sum = base.sub(&cleared[other]);
                    if common.0 != [0; 8] {
                        *sum = sum.add(&common.reduce());
                    }
                }
            }
        });
        GramMatrix::from_sums(size, matrix)
    }

    /// The eight weights of each list of a block that is not empty, in order.
    fn list_weights(&self, block: &Block, row_weights: &[Fr], bit_weights: &[Fr]) -> Vec<[Fr; 8]> {
        let weights = |list: usize| {
            let (byte, row) = (block.first_byte + list / self.rows, &row_weights[list % self.rows]);
            std::array::from_fn(|bit| bit_weights.get(8 * byte + bit).map_or(Fr::ZERO, |w| w.mul(row)))
        };
        block.lists().map(|(list, _)| weights(list)).collect()
    }

    /// Adds the lists of a block to the rows of sums from `first` on.
    fn add_block(&self, block: &Block, weights: &[[Fr; 8]], first: usize, sums: &mut [DigitSum]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the feature.
            return unsafe { self.add_block_by_vectors(block, weights, first, sums) };
        }
        self.add_block_portably(block, weights, first, sums);
    }

    /// `add_block_portably` with a sum in one vector register.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn add_block_by_vectors(&self, block: &Block, weights: &[[Fr; 8]], first: usize, sums: &mut [DigitSum]) {
        self.add_block_portably(block, weights, first, sums);
    }

    #[inline(always)]
    fn add_block_portably(&self, block: &Block, weights: &[[Fr; 8]], first: usize, sums: &mut [DigitSum]) {
        let length = (1usize << self.leading) + 1;
        let end = first + sums.len() / length;
        for ((list, differences), weights) in block.lists().zip(weights) {
            let start = differences.partition_point(|difference| usize::from(difference.x) < first);
            let stop = differences.partition_point(|difference| usize::from(difference.x) < end);
            if start == stop {
                continue;
            }
            let shared = self.shared[block.first_byte + list / self.rows];
            let digits = weights.each_ref().map(Digits::from);
            let (rows, others) = (start..stop, differences);
            if differences.len() < SHORT {
                add_list(rows, others, shared, first, length, sums, |sum, mut bits| {
                    while bits != 0 {
                        sum.add(&digits[bits.trailing_zeros() as usize]);
                        bits &= bits - 1;
                    }
                });
            } else if differences.len() < LONG {
                let lower: [DigitSum; 16] = subset_sums(&digits[..4]);
                let upper: [DigitSum; 16] = subset_sums(&digits[4..]);
                add_list(rows, others, shared, first, length, sums, |sum, bits| {
                    sum.merge(&lower[usize::from(bits & 15)]);
                    sum.merge(&upper[usize::from(bits >> 4)]);
                });
            } else {
                let table: [DigitSum; 256] = subset_sums(&digits);
                add_list(rows, others, shared, first, length, sums, |sum, bits| {
                    sum.merge(&table[usize::from(bits)]);
                });
            }
        }
    }

    /// `b_j(y, k) = sum_x eq((r_1 .. r_j), x) b(x 2^(l-j) + y, k)` for j <= J challenges r.
    pub fn folded(&self, challenges: &[Fr]) -> FoldedTable {
        let weights = equality_table(challenges);
        // Account x A + y of a list has the most significant j bits of x bound; the others number rows.
        let later = self.leading as usize - challenges.len();
        let rows = self.rows << later;
        let parts = map_ranges(self.blocks.len(), 1, |range| {
            self.folded_block(&self.blocks[range.start], &weights, later)
        });
        let mut values = vec![Fr::ZERO; rows * self.width];
        fill_chunks(&mut values, self.width.max(1), |offset, row| {
            for (cells, part) in row.chunks_mut(8 * BLOCK).zip(&parts) {
                let start = offset / self.width * (part.len() / rows);
                cells.copy_from_slice(&part[start..start + cells.len()]);
            }
        });
        FoldedTable::from_values(rows, self.width, values)
    }

    /// The cells of a block, row by row, eight for each byte: `z + sum_x eq d_x`.
    fn folded_block(&self, block: &Block, weights: &[Fr], later: usize) -> Vec<Fr> {
        let bytes = (block.starts.len() - 1) / self.rows;
        let shared = &self.shared[block.first_byte..block.first_byte + bytes];
        let of_shared = |bit: usize| if shared[bit / 8] >> (bit % 8) & 1 == 1 { ONE } else { Fr::ZERO };
        let row: Vec<_> = (0..8 * bytes).map(of_shared).collect();
        let mut cells = row.repeat(self.rows << later);
        for (list, differences) in block.lists() {
            let (byte, y) = (list / self.rows, list % self.rows);
            for difference in differences {
                let x = usize::from(difference.x);
                let row = (x & ((1 << later) - 1)) * self.rows + y;
                let weight = &weights[x >> later];
                let first = (row * bytes + byte) * 8;
                let mut bits = difference.bits;
                while bits != 0 {
                    let bit = bits.trailing_zeros() as usize;
                    let cell = &mut cells[first + bit];
                    *cell = if shared[byte] >> bit & 1 == 1 { cell.sub(weight) } else { cell.add(weight) };
                    bits &= bits - 1;
                }
            }
        }
        cells
    }
}

/// Adds to the rows of the given differences of one list what they have in common with those after them,
/// and the bits of z that they have not; `sums` starts with the row of `first`.
#[inline(always)]
fn add_list(
    rows: Range<usize>,
    differences: &[Difference],
    shared: u8,
    first: usize,
    length: usize,
    sums: &mut [DigitSum],
    mut add: impl FnMut(&mut DigitSum, u8),
) {
    for place in rows {
        let Difference { x, bits } = differences[place];
        let row = &mut sums[(usize::from(x) - first) * length..][..length];
        add(&mut row[length - 1], bits & shared);
        for other in &differences[place..] {
            add(&mut row[usize::from(other.x)], bits & other.bits);
        }
    }
}

/// The sums of all subsets of log2(SIZE) weights.
#[inline(always)]
fn subset_sums<const SIZE: usize>(weights: &[Digits]) -> [DigitSum; SIZE] {
    let mut sums = [DigitSum::ZERO; SIZE];
    for (bit, weight) in weights.iter().enumerate() {
        for subset in 0..1 << bit {
            let mut sum = sums[subset];
            sum.add(weight);
            sums[1 << bit | subset] = sum;
        }
    }
    sums
}

/// The J of least cost in nanoseconds, if that is well below the cost without differences.
fn choose_leading(table: &BitTable, shared: &SharedLine) -> Option<u32> {
    let variables = table.account_variables();
    let (bits, accounts) = (table.width() as f64, table.accounts() as f64);
    let (single, common) = shared.expected_differences();
    let cost = |leading: &u32| {
        let (size, rows) = (f64::from(1u32 << leading), accounts / f64::from(1u32 << leading));
        // Additions, with on average two bits in common; the matrices; the table that is left.
        let additions = rows * (size * single + size * size / 2.0 * common) * 2.0;
        let later_rounds = if *leading == variables { 30.0 } else { 160.0 };
        3.0 * additions + 30.0 * size * size + later_rounds * rows * bits
    };
    let best = (1..=variables.min(MAX_LEADING)).min_by(|left, right| cost(left).total_cmp(&cost(right)))?;
    (cost(&best) < 2.0 * bits * accounts).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::super::bit_table::samples;
    use super::super::shared_line::samples::sparse_table;
    use super::*;
    use crate::point::samples::scalars;

    #[test]
    fn differences_are_found_whatever_the_length() {
        for length in [0, 1, 7, 8, 9, 24, 30] {
            let line: Vec<u8> = (0..length).map(|i| i as u8 * 37).collect();
            let mut other = line.clone();
            for place in (0..length).filter(|place| place % 3 == 1 || *place == 7) {
                other[place] ^= 1 << (place % 8) | 1;
            }
            let mut found = Vec::new();
            for_each_difference(&line, &other, |place, bits| found.push((place, bits)));
            let expected = (0..length).map(|i| (i, line[i] ^ other[i])).filter(|(_, bits)| *bits != 0);
            assert!(found == expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn portable_sums_agree_with_those_of_vectors() {
        // Lists shorter and longer than the limits for tables, relative to the line of an account and to none.
        for (table, leading) in [(sparse_table(256, 300, 40, 9), 8), (samples::table(128, 33), 7)] {
            for shared in [table.account(0).to_vec(), vec![0; table.stride()]] {
                let differences = Differences::with_leading(&table, shared, leading);
                let weights = scalars(8 * 300);
                for block in &differences.blocks {
                    let lists = block.lists().count();
                    let weights: Vec<[Fr; 8]> = weights
                        .chunks_exact(8)
                        .cycle()
                        .take(lists)
                        .map(|w| std::array::from_fn(|i| w[i]))
                        .collect();
                    let length = (1 << leading) + 1;
                    for first in [0, 64] {
                        let mut portable = vec![DigitSum::ZERO; 64 * length];
                        let mut chosen = portable.clone();
                        differences.add_block_portably(block, &weights, first, &mut portable);
                        differences.add_block(block, &weights, first, &mut chosen);
                        assert!(portable.iter().any(|sum| sum.0 != [0; 8]));
                        assert!(portable.iter().zip(&chosen).all(|(left, right)| left.0 == right.0));
                    }
                }
            }
        }
    }

    #[test]
    fn the_account_variables_set_aside_follow_the_cost() {
        // Few accounts of a wide statement: all variables. Many accounts: some are left to the folded table.
        let few = Differences::new(&sparse_table(64, 8000, 4, 3)).unwrap();
        assert_eq!((few.leading(), few.account_variables()), (6, 6));
        let many = Differences::new(&sparse_table(4096, 1100, 9, 3)).unwrap();
        assert!(many.leading() < many.account_variables() && many.leading() <= MAX_LEADING);
        assert!(Differences::new(&samples::table(64, 8000)).is_none());
    }
}
