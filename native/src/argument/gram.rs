//! What the first rounds of the sumcheck need of the bits, in one pass and without the challenges.
//!
//! J  variables set aside, m = 2^J;  account u = x 2^(l-J) + y with x in {0,1}^J
//! B  the bits, as one vector B_x over the cells i = (y, k) for each x
//! e  the weights eq((tau_{J+1} .. tau_n), (y, k)) of the cells
//!
//! As long as only variables among the first J are bound, every entry of the bound table is a linear
//! combination of the bits B_x(i), with coefficients that depend on the challenges alone. So all sums of
//! squares and products of entries are quadratic forms of the Gram matrix
//!
//! ```text
//! S[x, x'] = sum_i e(i) B_x(i) B_x'(i)
//! ```
//!
//! which holds sums of weights over the common ones of two bit vectors. The weights are an outer product of
//! one over accounts and one over bits. For each index of the shorter ("outer") side, the weights of the
//! longer ("inner") side are summed eight at a time: a byte of `B_x & B_x'` picks one of the 256 sums of
//! subsets of eight weights. One multiplication per pair and outer index brings in the outer weight.

use std::ops::Range;

use super::bit_table::BitTable;
use super::lazy_sums::{DigitSum, Digits, ProductSum};
use crate::field::Fr;
use crate::parallel::{fill_chunks, map_ranges};

/// Outer indices per task: the bits of one byte.
const OUTER_BLOCK: usize = 8;
/// Groups of eight inner indices in a pass: their tables (8 kB each) stay in a second-level cache.
const GROUPS: usize = 32;
/// A tile holds the pairs of `TILE` vectors with `TILE` others.
const TILE: usize = 4;

/// The sums of the 256 subsets of eight weights.
type SubsetSums = [Digits; 256];
type Tile = [DigitSum; TILE * TILE];

/// The symmetric matrix S.
pub struct GramMatrix {
    size: usize,
    sums: Vec<Fr>,
}

impl GramMatrix {
    /// `leading` is J, at most l; the weights are `eq((tau_{J+1} .. tau_l), y)` for all y, and eq(tau_bits, k) for
    /// all k.
    pub fn new(table: &BitTable, leading: u32, account_weights: Vec<Fr>, bit_weights: &[Fr]) -> Self {
        let cells = Cells::new(table, leading);
        let bit_weights = bit_weights[..table.width()].to_vec();
        let (inner, outer) = if cells.inner_accounts {
            (account_weights, bit_weights)
        } else {
            (bit_weights, account_weights)
        };
        let sums = cells.sums(&subset_sums(&inner), &outer);
        Self::symmetric(1 << leading, &sums)
    }

    /// From all `size` times `size` sums.
    pub fn from_sums(size: usize, sums: Vec<Fr>) -> Self {
        debug_assert!(sums.len() == size * size);
        Self { size, sums }
    }

    /// S[x, x'].
    #[inline]
    pub fn sum(&self, x: usize, other: usize) -> &Fr {
        &self.sums[x * self.size + other]
    }

    /// From the sums of pairs x <= x' in the order of `pairs`; vectors beyond them are zero.
    fn symmetric(size: usize, sums: &[(usize, usize, Fr)]) -> Self {
        let mut matrix = Self { size, sums: vec![Fr::ZERO; size * size] };
        for (x, other, sum) in sums {
            matrix.sums[x * size + other] = *sum;
            matrix.sums[other * size + x] = *sum;
        }
        matrix
    }
}

/// The tables of all groups of eight weights; the last group is filled up with zeros.
fn subset_sums(weights: &[Fr]) -> Vec<SubsetSums> {
    let mut tables = vec![[Digits::ZERO; 256]; weights.len().div_ceil(8)];
    fill_chunks(&mut tables, GROUPS, |offset, part| {
        for (group, table) in part.iter_mut().enumerate() {
            let eight = &weights[8 * (offset + group)..];
            let mut sums = [Fr::ZERO; 256];
            for (bit, weight) in eight.iter().take(8).enumerate() {
                for subset in 0..1 << bit {
                    sums[1 << bit | subset] = sums[subset].add(weight);
                }
            }
            *table = std::array::from_fn(|subset| Digits::from(&sums[subset]));
        }
    });
    tables
}

/// The bits, seen as vectors B_x over inner and outer indices.
struct Cells<'a> {
    table: &'a BitTable,
    /// 2^(l-J), the accounts y of each x.
    accounts: usize,
    /// Number of vectors x that are not padding.
    vectors: usize,
    inner_accounts: bool,
}

impl<'a> Cells<'a> {
    fn new(table: &'a BitTable, leading: u32) -> Self {
        let accounts = 1 << (table.account_variables() - leading);
        let vectors = table.accounts().div_ceil(accounts);
        Self { table, accounts, vectors, inner_accounts: accounts > table.width() }
    }

    /// Byte `byte` of account y of vector x, zero in the padding.
    #[inline(always)]
    fn byte(&self, x: usize, y: usize, byte: usize) -> u8 {
        let u = x * self.accounts + y;
        if y < self.accounts && u < self.table.accounts() { self.table.account(u)[byte] } else { 0 }
    }

    /// `(x, x', S[x, x'])` for x <= x'.
    fn sums(&self, inner: &[SubsetSums], outer: &[Fr]) -> Vec<(usize, usize, Fr)> {
        let parts = map_ranges(outer.len(), OUTER_BLOCK, |range| self.block_sums(inner, outer, range));
        let pairs = (0..self.vectors).flat_map(|x| (x..self.vectors).map(move |other| (x, other)));
        let total = |pair: usize| parts.iter().fold(Fr::ZERO, |sum, part| sum.add(&part[pair]));
        pairs.enumerate().map(|(pair, (x, other))| (x, other, total(pair))).collect()
    }

    /// The contribution of a block of outer indices to the sum of every pair x <= x'.
    fn block_sums(&self, inner: &[SubsetSums], outer: &[Fr], block: Range<usize>) -> Vec<Fr> {
        let tiles = self.vectors.div_ceil(TILE);
        let mut sums = vec![[DigitSum::ZERO; TILE * TILE]; block.len() * tiles * (tiles + 1) / 2];
        let mut bytes = Vec::new();
        for first in (0..inner.len()).step_by(GROUPS) {
            let groups = first..inner.len().min(first + GROUPS);
            self.gather(block.clone(), groups.clone(), &mut bytes);
            let length = groups.len() * tiles;
            let parts = bytes.chunks_exact(length).zip(sums.chunks_exact_mut(tiles * (tiles + 1) / 2));
            for (bytes, sums) in parts {
                add_tiles(&inner[groups.clone()], bytes, tiles, sums);
            }
        }
        self.weigh(&sums, &outer[block], tiles)
    }

    /// `sum_o outer(o) sums(o)` for every pair.
    fn weigh(&self, sums: &[Tile], outer: &[Fr], tiles: usize) -> Vec<Fr> {
        let per_outer = tiles * (tiles + 1) / 2;
        let mut weighed = Vec::with_capacity(self.vectors * (self.vectors + 1) / 2);
        for x in 0..self.vectors {
            for other in x..self.vectors {
                let tile = tile_index(x / TILE, other / TILE, tiles);
                let mut total = ProductSum::ZERO;
                for (sums, weight) in sums.chunks_exact(per_outer).zip(outer) {
                    let sum = &sums[tile][x % TILE * TILE + other % TILE];
                    if sum.0 != [0; 8] {
                        total.add(&sum.reduce(), weight);
                    }
                }
                weighed.push(total.reduce());
            }
        }
        weighed
    }

    /// `bytes[(o, group, x / 4)][x % 4]`: the bits of B_x at one outer and eight inner indices.
    fn gather(&self, block: Range<usize>, groups: Range<usize>, bytes: &mut Vec<[u8; TILE]>) {
        let tiles = self.vectors.div_ceil(TILE);
        bytes.clear();
        bytes.resize(block.len() * groups.len() * tiles, [0; TILE]);
        for (position, group) in groups.clone().enumerate() {
            for x in 0..self.vectors {
                let eight: [u8; 8] = if self.inner_accounts {
                    let rows = std::array::from_fn(|i| self.byte(x, 8 * group + i, block.start / 8));
                    transpose(rows)
                } else {
                    std::array::from_fn(|o| {
                        if o < block.len() { self.byte(x, block.start + o, group) } else { 0 }
                    })
                };
                for (o, byte) in eight.into_iter().enumerate().take(block.len()) {
                    bytes[(o * groups.len() + position) * tiles + x / TILE][x % TILE] = byte;
                }
            }
        }
    }
}

/// Position of tile (i, j), i <= j, in the order (0,0), (0,1), .. (1,1), ..
fn tile_index(i: usize, j: usize, tiles: usize) -> usize {
    i * tiles - i * (i + 1) / 2 + j
}

/// Adds the sums of all groups to all tiles of one outer index; `bytes[(group, tile)]`.
fn add_tiles(tables: &[SubsetSums], bytes: &[[u8; TILE]], tiles: usize, sums: &mut [Tile]) {
    let occupied: Vec<bool> =
        (0..tiles).map(|i| bytes.iter().skip(i).step_by(tiles).any(|four| *four != [0; TILE])).collect();
    for i in (0..tiles).filter(|&i| occupied[i]) {
        for j in (i..tiles).filter(|&j| occupied[j]) {
            add_tile(tables, bytes, tiles, (i, j), &mut sums[tile_index(i, j, tiles)]);
        }
    }
}

/// Adds the sums of all groups to tile (i, j).
#[inline]
fn add_tile(
    tables: &[SubsetSums],
    bytes: &[[u8; TILE]],
    tiles: usize,
    position: (usize, usize),
    sums: &mut Tile,
) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has the feature.
        return unsafe { avx512::add_tile(tables, bytes, tiles, position, sums) };
    }
    add_tile_portably(tables, bytes, tiles, position, sums);
}

fn add_tile_portably(
    tables: &[SubsetSums],
    bytes: &[[u8; TILE]],
    tiles: usize,
    (i, j): (usize, usize),
    sums: &mut Tile,
) {
    for (table, bytes) in tables.iter().zip(bytes.chunks_exact(tiles)) {
        for (a, left) in bytes[i].into_iter().enumerate() {
            for (b, right) in bytes[j].into_iter().enumerate() {
                sums[a * TILE + b].add(&table[usize::from(left & right)]);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm256_load_si256, _mm512_add_epi64, _mm512_cvtepu32_epi64, _mm512_load_si512,
        _mm512_store_si512,
    };

    use super::{SubsetSums, TILE, Tile};
    use crate::argument::lazy_sums::{DigitSum, Digits};

    /// `add_tile` with the sums in vector registers.
    #[target_feature(enable = "avx512f")]
    pub fn add_tile(
        tables: &[SubsetSums],
        bytes: &[[u8; TILE]],
        tiles: usize,
        (i, j): (usize, usize),
        sums: &mut Tile,
    ) {
        let mut registers: [__m512i; TILE * TILE] = std::array::from_fn(|k| {
            let sum: *const DigitSum = &sums[k];
            // SAFETY: a `DigitSum` has 64 bytes and is aligned to as many.
            unsafe { _mm512_load_si512(sum.cast()) }
        });
        for (table, bytes) in tables.iter().zip(bytes.chunks_exact(tiles)) {
            let (left, right) = (bytes[i], bytes[j]);
            for a in 0..TILE {
                for b in 0..TILE {
                    let digits: *const Digits = &table[usize::from(left[a] & right[b])];
                    // SAFETY: a `Digits` has 32 bytes and is aligned to as many.
                    let digits = unsafe { _mm256_load_si256(digits.cast()) };
                    let register = &mut registers[a * TILE + b];
                    *register = _mm512_add_epi64(*register, _mm512_cvtepu32_epi64(digits));
                }
            }
        }
        for (sum, register) in sums.iter_mut().zip(registers) {
            let sum: *mut DigitSum = sum;
            // SAFETY: as above.
            unsafe { _mm512_store_si512(sum.cast(), register) };
        }
    }
}

/// Bit i of byte j of the result is bit j of byte i (Hacker's Delight, section 7-3).
#[inline(always)]
pub fn transpose(rows: [u8; 8]) -> [u8; 8] {
    let mut bits = u64::from_le_bytes(rows);
    for (shift, mask) in
        [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)]
    {
        let swapped = (bits ^ (bits >> shift)) & mask;
        bits ^= swapped ^ (swapped << shift);
    }
    bits.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::bit_table::samples;
    use super::super::tensor::equality_table;
    use super::*;
    use crate::point::samples::scalars;

    #[test]
    fn transposition() {
        let rows = [0x01, 0x80, 0xff, 0x00, 0x5a, 0x13, 0x37, 0xc4];
        let columns = transpose(rows);
        for (i, row) in rows.iter().enumerate() {
            for (j, column) in columns.iter().enumerate() {
                assert_eq!(row >> j & 1, column >> i & 1);
            }
        }
    }

    #[test]
    fn sums_agree_with_their_definition() {
        for (accounts, width, leading) in [
            (1, 3, 0),
            (2, 1, 1),
            (5, 9, 2),
            (16, 17, 4),
            (27, 300, 3),
            (700, 21, 4),
            (33, 5, 5),
            (600, 9, 1),
        ] {
            let table = samples::table(accounts, width);
            let tau = scalars((table.account_variables() + table.bit_variables()) as usize);
            let (before_bits, bits) = tau.split_at(table.account_variables() as usize);
            let account_weights = equality_table(&before_bits[leading as usize..]);
            let matrix = GramMatrix::new(&table, leading, account_weights, &equality_table(bits));
            let weights = equality_table(&tau[leading as usize..]);
            let (rows, padded) = (1 << (table.account_variables() - leading), table.padded_width());
            for x in 0..1 << leading {
                for other in 0..1 << leading {
                    let mut expected = Fr::ZERO;
                    for (i, weight) in weights.iter().enumerate() {
                        let bit = |x| samples::bit(&table, x * rows + i / padded, i % padded);
                        if bit(x) && bit(other) {
                            expected = expected.add(weight);
                        }
                    }
                    assert!(*matrix.sum(x, other) == expected, "{accounts} x {width}: {x}, {other}");
                }
            }
        }
    }

    #[test]
    fn the_portable_tile_agrees_with_the_vector_one() {
        let weights = scalars(24);
        let tables = subset_sums(&weights);
        let bytes: Vec<[u8; TILE]> = (0..6u8).map(|i| [i * 41, 255 - i, i, 0xa5 ^ i]).collect();
        let mut portable = [DigitSum([7; 8]); TILE * TILE];
        let mut chosen = portable;
        add_tile_portably(&tables, &bytes, 2, (0, 1), &mut portable);
        add_tile(&tables, &bytes, 2, (0, 1), &mut chosen);
        assert!(portable.iter().zip(&chosen).all(|(left, right)| left.0 == right.0));
    }
}
