//! Row values of a statement for a batch of accounts, packed straight into bits.
//!
//! For account u with positions q and auxiliary values x the values are `b + A_q q + A_x x`, one for each
//! row, computed modulo 2^128; `circuits.statement` guarantees that this is exact. The bits of the row
//! values, then of the auxiliary values, least significant first, are one line of the packed table.
//! Matrices are stored by columns, so that an account costs its non-zero positions only.

use std::fmt;
use std::ops::Range;

use crate::parallel::map_ranges;

/// Largest width of a value in bits: it and 7 bits more fit a signed 128-bit integer.
pub const MAX_WIDTH: u8 = 120;

/// The check of an account that satisfies all of them.
pub const SATISFIED: i32 = -1;

const ACCOUNT_CHUNK: usize = 1024;

/// Why a matrix or a batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsError(pub &'static str);

impl fmt::Display for RowsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for RowsError {}

/// Two limbs per value, `high * 2^64 + low`: the two's complement of a 128-bit integer.
#[derive(Clone, Copy)]
pub struct Wide<'a> {
    pub high: &'a [i64],
    pub low: &'a [u64],
}

impl Wide<'_> {
    pub(crate) fn to_vec(self) -> Result<Vec<i128>, RowsError> {
        if self.high.len() != self.low.len() {
            return Err(RowsError("limbs of wide integers have different lengths"));
        }
        Ok((0..self.high.len()).map(|index| self.get(index)).collect())
    }

    fn get(&self, index: usize) -> i128 {
        (i128::from(self.high[index]) << 64) | i128::from(self.low[index])
    }
}

/// A sparse matrix in compressed column form: column c has the entries `starts[c] <= k < starts[c+1]`,
/// with the value `values[k]` in row `rows[k]`; rows increase within a column.
pub struct Columns<'a> {
    pub starts: &'a [i64],
    pub rows: &'a [i32],
    pub values: Wide<'a>,
}

/// Checks a compressed form: `starts` rises from 0 to the number of indices, and indices are below `limit`.
pub(crate) fn check_compressed(starts: &[i64], indices: &[i32], limit: usize) -> Result<(), RowsError> {
    let ends = starts.first() == Some(&0)
        && starts.last().is_some_and(|&last| usize::try_from(last) == Ok(indices.len()));
    if !ends || !starts.is_sorted() {
        return Err(RowsError("offsets do not rise from 0 to the number of entries"));
    }
    if indices.iter().any(|&index| usize::try_from(index).map_or(true, |index| index >= limit)) {
        return Err(RowsError("an index is out of range"));
    }
    Ok(())
}

/// The entries of a matrix whose values have type V, by columns.
struct Entries<V> {
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<V>,
}

impl<V: Copy> Entries<V> {
    fn new(columns: &Columns, wide: &[i128], keep: impl Fn(i128) -> Option<V>) -> Self {
        let mut entries = Self { starts: vec![0], rows: Vec::new(), values: Vec::new() };
        for bounds in columns.starts.windows(2) {
            let range = bounds[0] as usize..bounds[1] as usize;
            for (row, &value) in columns.rows[range.clone()].iter().zip(&wide[range]) {
                if let Some(value) = keep(value) {
                    entries.rows.push(row.unsigned_abs());
                    entries.values.push(value);
                }
            }
            entries.starts.push(entries.rows.len());
        }
        entries
    }

    #[inline]
    fn add_to(&self, sums: &mut [i128], column: usize, product: impl Fn(V) -> i128) {
        let range = self.starts[column]..self.starts[column + 1];
        let (rows, values) = (&self.rows[range.clone()], &self.values[range]);
        let [first, .., last] = *rows else {
            if let ([row], [value]) = (rows, values) {
                add(&mut sums[*row as usize], product(*value));
            }
            return;
        };
        let span = first as usize..=last as usize;
        if span.clone().count() == rows.len() {
            // Consecutive rows, as a risk scenario per row makes them.
            for (sum, &value) in sums[span].iter_mut().zip(values) {
                add(sum, product(value));
            }
        } else {
            for (&row, &value) in rows.iter().zip(values) {
                add(&mut sums[row as usize], product(value));
            }
        }
    }
}

#[inline]
fn add(sum: &mut i128, addend: i128) {
    *sum = sum.wrapping_add(addend);
}

/// A matrix that is added up column by column. Most coefficients fit 64 bits and multiply in one step.
pub(crate) struct Matrix {
    narrow: Entries<i64>,
    wide: Entries<i128>,
}

impl Matrix {
    pub(crate) fn new(columns: &Columns, rows: usize) -> Result<Self, RowsError> {
        check_compressed(columns.starts, columns.rows, rows)?;
        let values = columns.values.to_vec()?;
        if values.len() != columns.rows.len() {
            return Err(RowsError("a matrix needs one value for each of its entries"));
        }
        let mut bounds = columns.starts.windows(2);
        if !bounds.all(|ends| columns.rows[ends[0] as usize..ends[1] as usize].is_sorted_by(|a, b| a < b)) {
            return Err(RowsError("the rows of a column do not increase"));
        }
        let narrow = |value: i128| i64::try_from(value).ok();
        Ok(Self {
            narrow: Entries::new(columns, &values, narrow),
            wide: Entries::new(columns, &values, |value| narrow(value).is_none().then_some(value)),
        })
    }

    fn column_count(&self) -> usize {
        self.narrow.starts.len() - 1
    }

    /// `sums += value * column`.
    pub(crate) fn add_column(&self, sums: &mut [i128], column: usize, value: i128) {
        if let Ok(narrow) = i64::try_from(value) {
            self.narrow.add_to(sums, column, |entry| i128::from(entry) * i128::from(narrow));
        } else {
            self.narrow.add_to(sums, column, |entry| i128::from(entry).wrapping_mul(value));
        }
        self.wide.add_to(sums, column, |entry| entry.wrapping_mul(value));
    }
}

/// Positions in compressed sparse row form, and the auxiliary values account by account.
pub struct AccountBatch<'a> {
    pub row_offsets: &'a [i64],
    pub columns: &'a [i32],
    pub amounts: &'a [i64],
    pub auxiliaries: Wide<'a>,
}

impl AccountBatch<'_> {
    fn len(&self) -> usize {
        self.row_offsets.len() - 1
    }

    fn entries(&self, account: usize) -> Range<usize> {
        self.row_offsets[account] as usize..self.row_offsets[account + 1] as usize
    }
}

/// The equation rows and auxiliary variables of one statement.
pub struct RowKernel {
    positions: Matrix,
    auxiliaries: Matrix,
    constants: Vec<i128>,
    /// Widths of the rows, then of the auxiliary variables.
    widths: Vec<u8>,
    bytes: usize,
}

impl RowKernel {
    /// `widths` are those of the rows, one for each of `constants`, and then of the auxiliary variables.
    pub fn new(
        positions: &Columns,
        auxiliaries: &Columns,
        constants: Wide,
        widths: Vec<u8>,
    ) -> Result<Self, RowsError> {
        let constants = constants.to_vec()?;
        let kernel = Self {
            positions: Matrix::new(positions, constants.len())?,
            auxiliaries: Matrix::new(auxiliaries, constants.len())?,
            bytes: widths.iter().map(|&width| usize::from(width)).sum::<usize>().div_ceil(8),
            constants,
            widths,
        };
        if kernel.widths.len() != kernel.constants.len() + kernel.auxiliaries.column_count() {
            return Err(RowsError("one width is needed for each row and auxiliary variable"));
        }
        if kernel.widths.iter().any(|&width| width > MAX_WIDTH) {
            return Err(RowsError("a width is above 120 bits"));
        }
        Ok(kernel)
    }

    /// Bytes of an account in the packed table.
    pub fn packed_bytes(&self) -> usize {
        self.bytes
    }

    /// The packed table, and for every account its first failing check or `SATISFIED`.
    ///
    /// Checks count the auxiliary variables first and then the rows. A failing account has no bits set.
    pub fn evaluate(&self, batch: &AccountBatch) -> Result<(Vec<u8>, Vec<i32>), RowsError> {
        check_compressed(batch.row_offsets, batch.columns, self.positions.column_count())?;
        if batch.amounts.len() != batch.columns.len() {
            return Err(RowsError("positions need one amount for each of their columns"));
        }
        let values = batch.len() * self.auxiliaries.column_count();
        if batch.auxiliaries.high.len() != values || batch.auxiliaries.low.len() != values {
            return Err(RowsError("auxiliary values are not one for each account and variable"));
        }
        let parts = map_ranges(batch.len(), ACCOUNT_CHUNK, |accounts| self.evaluate_range(batch, accounts));
        let mut packed = Vec::with_capacity(batch.len() * self.bytes);
        let mut checks = Vec::with_capacity(batch.len());
        for (part_packed, part_checks) in parts {
            packed.extend_from_slice(&part_packed);
            checks.extend_from_slice(&part_checks);
        }
        Ok((packed, checks))
    }

    fn evaluate_range(&self, batch: &AccountBatch, accounts: Range<usize>) -> (Vec<u8>, Vec<i32>) {
        let mut packer = BitPacker::new(accounts.len() * self.bytes);
        let mut checks = Vec::with_capacity(accounts.len());
        let mut values = vec![0; self.widths.len()];
        for account in accounts {
            self.fill_values(batch, account, &mut values);
            let check = self.first_failing(&values);
            checks.push(check);
            for (&value, &width) in values.iter().zip(&self.widths) {
                packer.push(if check == SATISFIED { value } else { 0 }, width);
            }
            packer.align();
        }
        (packer.bytes, checks)
    }

    /// The values of one account: rows, then auxiliary variables.
    fn fill_values(&self, batch: &AccountBatch, account: usize, values: &mut [i128]) {
        let (sums, auxiliaries) = values.split_at_mut(self.constants.len());
        sums.copy_from_slice(&self.constants);
        for entry in batch.entries(account) {
            let column = batch.columns[entry] as usize;
            self.positions.add_column(sums, column, i128::from(batch.amounts[entry]));
        }
        let first = account * auxiliaries.len();
        for (variable, value) in auxiliaries.iter_mut().enumerate() {
            *value = batch.auxiliaries.get(first + variable);
            if *value != 0 {
                self.auxiliaries.add_column(sums, variable, *value);
            }
        }
    }

    fn first_failing(&self, values: &[i128]) -> i32 {
        let rows = self.constants.len();
        let fails = |index: usize| values[index] >> self.widths[index] != 0;
        let mut order = (rows..values.len()).chain(0..rows);
        order.position(fails).map_or(SATISFIED, |check| check as i32)
    }
}

/// Appends values bit by bit to a byte string, least significant bits first.
struct BitPacker {
    bytes: Vec<u8>,
    pending: u128,
    /// Bits in `pending`, below 64 between calls.
    count: u32,
}

impl BitPacker {
    fn new(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity + 8), pending: 0, count: 0 }
    }

    /// Appends `value`, which is in `[0, 2^width)`.
    #[inline]
    fn push(&mut self, value: i128, width: u8) {
        let (low, high) = (value as u64, (value >> 64) as u64);
        self.push_word(low, u32::from(width.min(64)));
        if width > 64 {
            self.push_word(high, u32::from(width - 64));
        }
    }

    #[inline]
    fn push_word(&mut self, word: u64, width: u32) {
        self.pending |= u128::from(word) << self.count;
        self.count += width;
        if self.count >= 64 {
            self.bytes.extend_from_slice(&(self.pending as u64).to_le_bytes());
            self.pending >>= 64;
            self.count -= 64;
        }
    }

    /// Fills the last byte with zero bits.
    fn align(&mut self) {
        let bytes = self.count.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..bytes]);
        self.pending = 0;
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Wide = Wide { high: &[], low: &[] };

    /// `0 <= 3 q_0 - q_1 + x + 5 < 2^70` and `0 <= q_1 < 2^7`, with x of 3 bits.
    fn kernel() -> RowKernel {
        let values = Wide { high: &[0, -1, 0], low: &[3, u64::MAX, 1] };
        let positions = Columns { starts: &[0, 1, 3], rows: &[0, 0, 1], values };
        let auxiliaries = Columns { starts: &[0, 1], rows: &[0], values: Wide { high: &[0], low: &[1] } };
        let constants = Wide { high: &[0, 0], low: &[5, 0] };
        RowKernel::new(&positions, &auxiliaries, constants, vec![70, 7, 3]).unwrap()
    }

    fn evaluate(amounts: &[i64; 2], x: i128) -> (Vec<u8>, Vec<i32>) {
        let auxiliaries = Wide { high: &[(x >> 64) as i64], low: &[x as u64] };
        let batch = AccountBatch { row_offsets: &[0, 2], columns: &[0, 1], amounts, auxiliaries };
        kernel().evaluate(&batch).unwrap()
    }

    #[test]
    fn values_are_packed_in_order() {
        let (packed, checks) = evaluate(&[i64::MAX, 100], 6);
        let row = 3 * i128::from(i64::MAX) - 100 + 6 + 5;
        let expected = row | (100 << 70) | (6 << 77);
        assert_eq!(packed, expected.to_le_bytes()[..10]);
        assert_eq!(checks, [SATISFIED]);
    }

    #[test]
    fn the_first_failing_check_is_reported_and_its_account_left_empty() {
        for (amounts, x, check) in [([0, 0], 8, 0), ([0, 0], -1, 0), ([-2, 0], 0, 1), ([99, 128], 0, 2)] {
            assert_eq!(evaluate(&amounts, x), (vec![0; 10], vec![check]));
        }
    }

    #[test]
    fn results_do_not_depend_on_where_the_batch_is_cut() {
        let accounts = 2 * ACCOUNT_CHUNK + 1;
        let row_offsets: Vec<i64> = (0..=accounts as i64).collect();
        let amounts: Vec<i64> = (0..accounts as i64).collect();
        let (columns, zeros, high) = (vec![0; accounts], vec![0_u64; accounts], vec![0_i64; accounts]);
        let auxiliaries = Wide { high: &high, low: &zeros };
        let batch =
            AccountBatch { row_offsets: &row_offsets, columns: &columns, amounts: &amounts, auxiliaries };
        let (packed, checks) = kernel().evaluate(&batch).unwrap();
        assert!(checks.iter().all(|&check| check == SATISFIED));
        for (account, line) in packed.chunks(10).enumerate() {
            assert_eq!(line, &(3 * account as u128 + 5).to_le_bytes()[..10]);
        }
    }

    #[test]
    fn malformed_matrices_are_refused() {
        let one = Wide { high: &[0], low: &[1] };
        let empty = Columns { starts: &[0], rows: &[], values: NONE };
        let new = |positions: &Columns, widths: &[u8]| {
            RowKernel::new(positions, &empty, one, widths.to_vec()).map(|_| ()).unwrap_err().0
        };
        let matrix = |starts, rows| Columns { starts, rows, values: one };
        assert!(new(&matrix(&[0, 1], &[1]), &[1]).contains("index"));
        assert!(new(&matrix(&[0, 1], &[-1]), &[1]).contains("index"));
        assert!(new(&matrix(&[1, 1], &[0]), &[1]).contains("offsets"));
        assert!(new(&matrix(&[0, 2], &[0]), &[1]).contains("offsets"));
        assert!(new(&matrix(&[0, 2, 1], &[0]), &[1]).contains("offsets"));
        assert!(new(&matrix(&[], &[]), &[1]).contains("offsets"));
        assert!(new(&matrix(&[0, 0], &[]), &[1]).contains("one value"));
        let values = Wide { high: &[0, 0], low: &[1, 1] };
        assert!(new(&Columns { starts: &[0, 2], rows: &[0, 0], values }, &[1]).contains("increase"));
        assert!(new(&empty, &[1, 1]).contains("one width"));
        assert!(new(&empty, &[121]).contains("120"));
        let uneven = Columns { starts: &[0], rows: &[], values: Wide { high: &[0], low: &[] } };
        assert!(new(&uneven, &[1]).contains("different lengths"));
    }

    #[test]
    fn malformed_batches_are_refused() {
        let refused = |row_offsets, columns, amounts, auxiliaries| {
            let batch = AccountBatch { row_offsets, columns, amounts, auxiliaries };
            kernel().evaluate(&batch).unwrap_err().0
        };
        let one = Wide { high: &[0], low: &[0] };
        assert!(refused(&[], &[], &[], NONE).contains("offsets"));
        assert!(refused(&[0, 1], &[2], &[1], one).contains("index"));
        assert!(refused(&[0, 1], &[0], &[], one).contains("one amount"));
        assert!(refused(&[0, 0], &[], &[], NONE).contains("auxiliary values"));
        assert!(refused(&[0, 0], &[], &[], Wide { high: &[0], low: &[] }).contains("auxiliary values"));
    }
}
