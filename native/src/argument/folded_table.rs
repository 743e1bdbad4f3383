//! The bound table once its entries are scalars: `b_j(y, k)` for all y, and for k below the width.

use super::bit_table::BitTable;
use super::gram::transpose;
use super::lazy_sums::ProductSum;
use super::tensor::equality_table;
use crate::field::Fr;
use crate::parallel::{fill_chunks, map_ranges};

/// Entries per task, about: 0.1 to 0.3 ms.
const CHUNK: usize = 1 << 12;

/// `rows` (a power of two) times `width` scalars.
pub struct FoldedTable {
    rows: usize,
    width: usize,
    values: Vec<Fr>,
}

impl FoldedTable {
    /// `b_j(y, k) = sum_x eq((r_1 .. r_j), x) b(x 2^(l-j) + y, k)` for the challenges r.
    ///
    /// The values of x are taken eight at a time: their bits at one cell pick one of 256 sums of weights.
    pub fn from_bits(table: &BitTable, challenges: &[Fr]) -> Self {
        let rows = 1usize << (table.account_variables() as usize - challenges.len());
        let width = table.width();
        let sums: Vec<_> = equality_table(challenges).chunks(8).map(subset_sums).collect();
        let mut values = vec![Fr::ZERO; rows * width];
        let rows_per_task = (CHUNK / width.max(1)).max(1);
        fill_chunks(&mut values, rows_per_task * width, |offset, part| {
            for (y, row) in (offset / width..).zip(part.chunks_exact_mut(width)) {
                for (group, sums) in sums.iter().enumerate() {
                    add_group(table, rows, 8 * group, y, sums, row);
                }
            }
        });
        Self { rows, width, values }
    }

    /// From `rows` times `width` values, row by row.
    pub fn from_values(rows: usize, width: usize, values: Vec<Fr>) -> Self {
        debug_assert!(values.len() == rows * width);
        Self { rows, width, values }
    }

    /// `(t_1, t_2)` of the round that binds the next variable, the first of those that number the rows:
    /// with `d = b_1 - b_0` and weights e, `t_1 = sum e d (1 - 2 b_0)` and `t_2 = - sum e d^2`.
    ///
    /// `e(y, k) = row_weights[y] column_weights[k]` for the y below half the rows.
    pub fn round_coefficients(&self, row_weights: &[Fr], column_weights: &[Fr]) -> (Fr, Fr) {
        let half = self.rows / 2;
        let rows_per_task = (CHUNK / self.width.max(1)).max(1);
        let parts = map_ranges(half, rows_per_task, |range| {
            let (mut linear, mut quadratic) = (ProductSum::ZERO, ProductSum::ZERO);
            for y in range {
                let (row_linear, row_square) = self.row_sums(y, y + half, column_weights);
                linear.add(&row_linear, &row_weights[y]);
                quadratic.add(&row_square, &row_weights[y]);
            }
            (linear.reduce(), quadratic.reduce())
        });
        let (linear, squares) =
            parts.iter().fold((Fr::ZERO, Fr::ZERO), |sums, part| (sums.0.add(&part.0), sums.1.add(&part.1)));
        (linear, Fr::ZERO.sub(&squares))
    }

    /// `sum_k w d (1 - 2 b_0)` and `sum_k w d^2` for the rows of b_0 and b_1.
    fn row_sums(&self, zero: usize, one: usize, weights: &[Fr]) -> (Fr, Fr) {
        let (mut sum, mut products, mut squares) = (Fr::ZERO, ProductSum::ZERO, ProductSum::ZERO);
        for ((b_0, b_1), weight) in self.row(zero).iter().zip(self.row(one)).zip(weights) {
            let slope = b_1.sub(b_0);
            if slope != Fr::ZERO {
                let weighted = slope.mul(weight);
                sum = sum.add(&weighted);
                products.add(&weighted, b_0);
                squares.add(&weighted, &slope);
            }
        }
        let products = products.reduce();
        (sum.sub(&products).sub(&products), squares.reduce())
    }

    /// Sets the first of the variables that number the rows.
    pub fn bind(&mut self, challenge: &Fr) {
        let half = self.values.len() / 2;
        let (zero, one) = self.values.split_at(half);
        let mut bound = vec![Fr::ZERO; half];
        fill_chunks(&mut bound, CHUNK, |offset, part| {
            let pairs = zero[offset..].iter().zip(&one[offset..]);
            for (value, (b_0, b_1)) in part.iter_mut().zip(pairs) {
                let slope = b_1.sub(b_0);
                *value = if slope == Fr::ZERO { *b_0 } else { b_0.add(&slope.mul(challenge)) };
            }
        });
        self.values = bound;
        self.rows /= 2;
    }

    /// All rows, filled up with zeros to `padded_width` entries.
    pub fn padded(&self, padded_width: usize) -> Vec<Fr> {
        let mut table = vec![Fr::ZERO; self.rows * padded_width];
        for (y, row) in table.chunks_exact_mut(padded_width).enumerate() {
            row[..self.width].copy_from_slice(self.row(y));
        }
        table
    }

    fn row(&self, y: usize) -> &[Fr] {
        &self.values[y * self.width..(y + 1) * self.width]
    }
}

/// The sums of all subsets of at most eight weights.
fn subset_sums(weights: &[Fr]) -> Vec<Fr> {
    let mut sums = vec![Fr::ZERO];
    for weight in weights {
        sums.extend_from_within(..);
        let half = sums.len() / 2;
        sums[half..].iter_mut().for_each(|sum| *sum = sum.add(weight));
    }
    sums
}

/// Adds, for every k, the sum that the bits of accounts `(first + i) rows + y`, i < 8, pick.
fn add_group(table: &BitTable, rows: usize, first: usize, y: usize, sums: &[Fr], row: &mut [Fr]) {
    for (byte, cells) in row.chunks_mut(8).enumerate() {
        let bits = std::array::from_fn(|i| {
            let u = (first + i) * rows + y;
            if 1 << i < sums.len() && u < table.accounts() { table.account(u)[byte] } else { 0 }
        });
        for (cell, subset) in cells.iter_mut().zip(transpose(bits)) {
            if subset != 0 {
                let sum = &sums[usize::from(subset)];
                *cell = if first == 0 { *sum } else { cell.add(sum) };
            }
        }
    }
}
