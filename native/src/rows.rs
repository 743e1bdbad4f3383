//! Row values of a statement for a batch of accounts, packed straight into bits.
//!
//! For account u with positions q and auxiliary values x the values are `b + A_q q + A_x x`, one for each
//! row, computed modulo 2^128; `circuits.statement` guarantees that this is exact. The bits of the row
//! values, then of the auxiliary values, least significant first, are one line of the packed table.
//! Matrices are stored by columns, so that an account costs its non-zero positions only.
//!
//! An account that holds little of a wide statement has the values of the zero account in most rows. Its line is
//! a copy of the zero account's, with the bits of those values exchanged that its positions, and its auxiliary
//! values other than the zero account's, reach.

use std::fmt;
use std::ops::Range;

use crate::parallel::fill_chunks;

/// Largest width of a value in bits: it and 7 bits more fit a signed 128-bit integer.
pub const MAX_WIDTH: u8 = 120;

/// The check of an account that satisfies all of them.
pub const SATISFIED: i32 = -1;

const ACCOUNT_CHUNK: usize = 1024;
/// Bytes of lines that a task writes, at most about.
const CHUNK_BYTES: usize = 1 << 20;

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

    /// Entries of a column.
    fn column_length(&self, column: usize) -> usize {
        let length = |starts: &[usize]| starts[column + 1] - starts[column];
        length(&self.narrow.starts) + length(&self.wide.starts)
    }

    /// The rows of the entries of a column.
    fn column_rows(&self, column: usize) -> impl Iterator<Item = u32> {
        let narrow = &self.narrow.rows[self.narrow.starts[column]..self.narrow.starts[column + 1]];
        let wide = &self.wide.rows[self.wide.starts[column]..self.wide.starts[column + 1]];
        narrow.iter().chain(wide).copied()
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
    /// The first bit of each of these values in the line of an account.
    offsets: Vec<usize>,
    bytes: usize,
    /// The zero account: values, rows first, and line; `None` where it fails or is short.
    zero_values: Vec<i128>,
    zero_line: Option<Vec<u8>>,
}

/// Accounts with fewer values are always evaluated as a whole.
const MIN_VALUES: usize = 16;
/// An account whose values of at least 1 in `MAX_TOUCHED` are reached is evaluated as a whole.
const MAX_TOUCHED: usize = 4;

/// What one thread needs for one account after another.
struct Scratch {
    /// All values of an account that is evaluated as a whole.
    values: Vec<i128>,
    packer: BitPacker,
    /// The values of the zero account, between accounts.
    relative: Vec<i128>,
    /// Values that an account reaches, and one flag for each value.
    touched: Vec<u32>,
    is_touched: Vec<bool>,
    /// Auxiliary variables with another value than the zero account's.
    changed: Vec<u32>,
}

impl RowKernel {
    /// `widths` are those of the rows, one for each of `constants`, and then of the auxiliary variables, of which
    /// `zero_auxiliaries` are the values of the zero account. They decide what is fast, and no result.
    pub fn new(
        positions: &Columns,
        auxiliaries: &Columns,
        constants: Wide,
        widths: Vec<u8>,
        zero_auxiliaries: Wide,
    ) -> Result<Self, RowsError> {
        let (constants, zero_auxiliaries) = (constants.to_vec()?, zero_auxiliaries.to_vec()?);
        let mut kernel = Self {
            positions: Matrix::new(positions, constants.len())?,
            auxiliaries: Matrix::new(auxiliaries, constants.len())?,
            bytes: widths.iter().map(|&width| usize::from(width)).sum::<usize>().div_ceil(8),
            offsets: Vec::new(),
            zero_values: Vec::new(),
            zero_line: None,
            constants,
            widths,
        };
        if kernel.widths.len() != kernel.constants.len() + kernel.auxiliaries.column_count() {
            return Err(RowsError("one width is needed for each row and auxiliary variable"));
        }
        if kernel.widths.iter().any(|&width| width > MAX_WIDTH) {
            return Err(RowsError("a width is above 120 bits"));
        }
        if zero_auxiliaries.len() != kernel.auxiliaries.column_count() {
            return Err(RowsError("the zero account does not have one value for each auxiliary variable"));
        }
        let ends = kernel.widths.iter().scan(0, |end, &width| {
            *end += usize::from(width);
            Some(*end - usize::from(width))
        });
        kernel.offsets = ends.collect();
        kernel.set_zero_account(&zero_auxiliaries);
        Ok(kernel)
    }

    fn set_zero_account(&mut self, auxiliaries: &[i128]) {
        let mut values = [self.constants.as_slice(), auxiliaries].concat();
        for (variable, &value) in auxiliaries.iter().enumerate() {
            self.auxiliaries.add_column(&mut values, variable, value);
        }
        if values.len() >= MIN_VALUES && self.first_failing(&values) == SATISFIED {
            let mut packer = BitPacker::new(self.bytes);
            self.pack(&values, &mut packer);
            self.zero_line = Some(packer.bytes);
        }
        self.zero_values = values;
    }

    /// The line with these values, in place of what the packer holds.
    fn pack(&self, values: &[i128], packer: &mut BitPacker) {
        packer.bytes.clear();
        for (&value, &width) in values.iter().zip(&self.widths) {
            packer.push(value, width);
        }
        packer.align();
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
        let mut packed = vec![0; batch.len() * self.bytes];
        let chunk = ACCOUNT_CHUNK.min(CHUNK_BYTES / self.bytes.max(1)).max(1);
        let mut checks = vec![SATISFIED; batch.len()];
        let mut rest = packed.as_mut_slice();
        let mut tasks = Vec::with_capacity(batch.len().div_ceil(chunk));
        for checks in checks.chunks_mut(chunk) {
            let (lines, later) = rest.split_at_mut(checks.len() * self.bytes);
            rest = later;
            tasks.push((lines, checks));
        }
        fill_chunks(&mut tasks, 1, |task, parts| {
            let mut scratch = self.scratch();
            for (lines, checks) in parts {
                let mut rest = &mut **lines;
                for (account, check) in (task * chunk..).zip(checks.iter_mut()) {
                    let (line, later) = std::mem::take(&mut rest).split_at_mut(self.bytes);
                    *check = self.evaluate_account(batch, account, line, &mut scratch);
                    rest = later;
                }
            }
        });
        Ok((packed, checks))
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            values: vec![0; self.widths.len()],
            packer: BitPacker::new(self.bytes),
            relative: self.zero_values.clone(),
            touched: Vec::new(),
            is_touched: vec![false; self.widths.len()],
            changed: Vec::new(),
        }
    }

    /// Writes the line of one account, which is zero, and returns its check.
    fn evaluate_account(
        &self,
        batch: &AccountBatch,
        account: usize,
        line: &mut [u8],
        scratch: &mut Scratch,
    ) -> i32 {
        if let Some(zero_line) = &self.zero_line
            && self.find_changed(batch, account, &mut scratch.changed)
        {
            return self.evaluate_relative(batch, account, zero_line, line, scratch);
        }
        self.fill_values(batch, account, &mut scratch.values);
        let check = self.first_failing(&scratch.values);
        if check == SATISFIED {
            self.pack(&scratch.values, &mut scratch.packer);
            line.copy_from_slice(&scratch.packer.bytes);
        }
        check
    }

    /// Lists the auxiliary variables with another value than the zero account's; `false` if so many values
    /// are reached that the account is to be evaluated as a whole.
    fn find_changed(&self, batch: &AccountBatch, account: usize, changed: &mut Vec<u32>) -> bool {
        let most = self.widths.len() / MAX_TOUCHED;
        let columns = &batch.columns[batch.entries(account)];
        let mut reached: usize = 0;
        for &column in columns {
            reached += self.positions.column_length(column as usize);
        }
        changed.clear();
        if reached > most {
            return false;
        }
        let zero = &self.zero_values[self.constants.len()..];
        let first = account * zero.len();
        for (variable, value) in zero.iter().enumerate() {
            if batch.auxiliaries.get(first + variable) != *value {
                changed.push(variable as u32);
                reached += 1 + self.auxiliaries.column_length(variable);
            }
        }
        reached <= most
    }

    /// `evaluate_account` from the zero account's values: those that are reached are computed anew.
    fn evaluate_relative(
        &self,
        batch: &AccountBatch,
        account: usize,
        zero_line: &[u8],
        line: &mut [u8],
        scratch: &mut Scratch,
    ) -> i32 {
        let Scratch { relative, touched, is_touched, changed, .. } = scratch;
        let rows = self.constants.len();
        touched.clear();
        let mut touch = |index: u32| {
            if !is_touched[index as usize] {
                is_touched[index as usize] = true;
                touched.push(index);
            }
        };
        for entry in batch.entries(account) {
            let column = batch.columns[entry] as usize;
            self.positions.column_rows(column).for_each(&mut touch);
            self.positions.add_column(relative, column, i128::from(batch.amounts[entry]));
        }
        let first = account * (self.widths.len() - rows);
        for &variable in changed.iter() {
            let index = rows + variable as usize;
            let value = batch.auxiliaries.get(first + variable as usize);
            self.auxiliaries.column_rows(variable as usize).for_each(&mut touch);
            touch(index as u32);
            let difference = value.wrapping_sub(relative[index]);
            self.auxiliaries.add_column(relative, variable as usize, difference);
            relative[index] = value;
        }
        // Checks count the auxiliary variables first.
        let check = |index: usize| if index < rows { index + self.widths.len() - rows } else { index - rows };
        let failing =
            touched.iter().map(|&index| index as usize).filter(|&index| self.fails(index, relative));
        let failing = failing.map(check).min();
        if failing.is_none() {
            line.copy_from_slice(zero_line);
            for &index in touched.iter() {
                let index = index as usize;
                exchange_bits(line, self.offsets[index], relative[index] ^ self.zero_values[index]);
            }
        }
        for index in touched.iter().map(|&index| index as usize) {
            relative[index] = self.zero_values[index];
            is_touched[index] = false;
        }
        failing.map_or(SATISFIED, |check| check as i32)
    }

    fn fails(&self, index: usize, values: &[i128]) -> bool {
        values[index] >> self.widths[index] != 0
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
        let mut order = (rows..values.len()).chain(0..rows);
        order.position(|index| self.fails(index, values)).map_or(SATISFIED, |check| check as i32)
    }
}

/// Exclusive-or of the bits from `offset` on with a number below 2^120.
#[inline]
fn exchange_bits(line: &mut [u8], offset: usize, bits: i128) {
    let (shifted, line) = ((bits as u128) << (offset % 8), &mut line[offset / 8..]);
    if let Some(chunk) = line.first_chunk_mut::<16>() {
        *chunk = (u128::from_le_bytes(*chunk) ^ shifted).to_le_bytes();
    } else {
        line.iter_mut().zip(shifted.to_le_bytes()).for_each(|(byte, change)| *byte ^= change);
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
        let zero = Wide { high: &[0], low: &[2] };
        RowKernel::new(&positions, &auxiliaries, constants, vec![70, 7, 3], zero).unwrap()
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
    fn accounts_relative_to_the_zero_account_are_those_evaluated_as_a_whole() {
        // Asset a is in the rows 3 a .. 3 a + 3; variable v is in row 5 v. The zero account has the values v + 1.
        let (assets, variables) = (40, 12);
        let rows = 3 * assets;
        let starts: Vec<i64> = (0..=assets as i64).map(|a| 3 * a).collect();
        let row_indices: Vec<i32> = (0..rows as i32).collect();
        let coefficients: Vec<i64> = (0..rows as i64).map(|k| 7 * k - 100).collect();
        let highs: Vec<i64> = coefficients.iter().map(|&c| if c % 5 == 0 { c } else { c >> 63 }).collect();
        let lows: Vec<u64> = coefficients.iter().map(|&c| c as u64).collect();
        let positions =
            Columns { starts: &starts, rows: &row_indices, values: Wide { high: &highs, low: &lows } };
        let variable_starts: Vec<i64> = (0..=variables as i64).collect();
        let variable_rows: Vec<i32> = (0..variables as i32).map(|v| 5 * v).collect();
        let (zeros, ones) = (vec![0_i64; rows], vec![1_u64; rows]);
        let limbs = |n: usize| Wide { high: &zeros[..n], low: &ones[..n] };
        let auxiliaries =
            Columns { starts: &variable_starts, rows: &variable_rows, values: limbs(variables) };
        let middle: Vec<i64> = vec![1 << 46; rows];
        let widths: Vec<u8> = (0..rows).map(|row| 112 + (row % 9) as u8).chain(vec![4; variables]).collect();
        let kernel = |zero_low: &[u64]| {
            let constants = Wide { high: &middle, low: &ones };
            let zero = Wide { high: &zeros[..variables], low: zero_low };
            RowKernel::new(&positions, &auxiliaries, constants, widths.clone(), zero).unwrap()
        };
        let zero_low: Vec<u64> = (1..=variables as u64).collect();
        let relative = kernel(&zero_low);
        let whole = kernel(&vec![16; variables]);
        assert!(relative.zero_line.is_some() && whole.zero_line.is_none());

        let (mut offsets, mut columns, mut amounts) = (vec![0_i64], Vec::new(), Vec::new());
        let (mut high, mut low) = (Vec::new(), Vec::new());
        let accounts = 400_usize;
        for u in 0..accounts {
            let held = if u == 9 { assets } else { u % 7 };
            for entry in 0..held {
                columns.push(((entry * 11 + u) % assets) as i32);
                amounts.push(match u % 8 {
                    0 => 0,
                    1 => i64::MIN,
                    _ => (entry as i64 + 1) * (u as i64 - 200),
                });
            }
            offsets.push(columns.len() as i64);
            for (v, &zero) in zero_low.iter().enumerate() {
                // Some outside their width.
                let value = if (u + v) % 29 == 3 { zero as i64 - 9 } else { zero as i64 };
                high.push(value >> 63);
                low.push(value as u64);
            }
        }
        let auxiliaries = Wide { high: &high, low: &low };
        let batch = AccountBatch { row_offsets: &offsets, columns: &columns, amounts: &amounts, auxiliaries };
        let found = relative.evaluate(&batch).unwrap();
        assert!(found == whole.evaluate(&batch).unwrap());
        let failing = found.1.iter().filter(|&&check| check != SATISFIED).count();
        assert!((50..350).contains(&failing), "{failing}");
    }

    #[test]
    fn malformed_matrices_are_refused() {
        let one = Wide { high: &[0], low: &[1] };
        let empty = Columns { starts: &[0], rows: &[], values: NONE };
        let new = |positions: &Columns, widths: &[u8]| {
            RowKernel::new(positions, &empty, one, widths.to_vec(), NONE).map(|_| ()).unwrap_err().0
        };
        let stray = RowKernel::new(&empty, &empty, one, vec![1], one);
        assert!(stray.map(|_| ()).unwrap_err().0.contains("zero account"));
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
