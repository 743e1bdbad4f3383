//! Bit tables of U accounts with W bits each, packed.
//!
//! Bit k of account u is `(bits[u][k / 8] >> (k % 8)) & 1`; an account has `ceil(W / 8)` bytes, and bits
//! beyond W in the last one are zero. The table stands for 2^l accounts of P = 2^p >= max(2, W) bits.

use crate::errors::KernelError;

/// Most variables n = l + p of a table.
const MAX_VARIABLES: u32 = 32;
/// Bits moved at a time: whatever their offset in a byte, eight bytes hold them.
const STEP: usize = 57;

/// A packed bit table, validated.
pub struct BitTable {
    bits: Vec<u8>,
    accounts: usize,
    width: usize,
}

impl BitTable {
    /// `bits` holds `accounts` times `ceil(width / 8)` bytes; at least one account.
    pub fn new(bits: Vec<u8>, accounts: usize, width: usize) -> Result<Self, KernelError> {
        let table = Self { bits, accounts, width };
        if accounts == 0 || table.account_variables() + table.bit_variables() > MAX_VARIABLES {
            return Err(KernelError::Shape("number of accounts or bits is out of range"));
        }
        if table.bits.len() != accounts * table.stride() {
            return Err(KernelError::Shape("packed bits do not fit the number of accounts and bits"));
        }
        let used = width % 8;
        if used != 0 && (0..accounts).any(|u| table.account(u)[width / 8] >> used != 0) {
            return Err(KernelError::Shape("packed bits are set beyond the width"));
        }
        Ok(table)
    }

    /// U.
    pub fn accounts(&self) -> usize {
        self.accounts
    }

    /// W.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes of an account.
    pub fn stride(&self) -> usize {
        self.width.div_ceil(8)
    }

    /// l, the least with `U <= 2^l`.
    pub fn account_variables(&self) -> u32 {
        self.accounts.next_power_of_two().trailing_zeros()
    }

    /// p, the least with `W <= 2^p` and p >= 1.
    pub fn bit_variables(&self) -> u32 {
        self.width.next_power_of_two().trailing_zeros().max(1)
    }

    /// P = 2^p.
    pub fn padded_width(&self) -> usize {
        1 << self.bit_variables()
    }

    /// The bytes of account u.
    pub fn account(&self, u: usize) -> &[u8] {
        &self.bits[u * self.stride()..(u + 1) * self.stride()]
    }

    /// Number of rows of `columns` = 2^rho bits, rows made of padding only left out.
    pub fn row_count(&self, columns: usize) -> usize {
        if columns < self.padded_width() {
            self.accounts * self.width.div_ceil(columns)
        } else if self.width == 0 {
            0
        } else {
            self.accounts.div_ceil(columns / self.padded_width())
        }
    }

    /// Writes the row-th of these rows to `words`, 64 bits each, first column lowest.
    pub fn write_row(&self, row: usize, columns: usize, words: &mut [u64]) {
        words.fill(0);
        if columns < self.padded_width() {
            let rows_per_account = self.width.div_ceil(columns);
            let start = row % rows_per_account * columns;
            let count = columns.min(self.width - start);
            copy_bits(self.account(row / rows_per_account), start, count, words, 0);
        } else {
            let accounts_per_row = columns / self.padded_width();
            let first = row * accounts_per_row;
            for u in first..self.accounts.min(first + accounts_per_row) {
                copy_bits(self.account(u), 0, self.width, words, (u - first) * self.padded_width());
            }
        }
    }
}

/// Sets the zero bits `target..target + count` of `words` to the bits `start..start + count` of `bytes`.
fn copy_bits(bytes: &[u8], start: usize, count: usize, words: &mut [u64], target: usize) {
    let mut done = 0;
    if start.is_multiple_of(8) && target.is_multiple_of(64) {
        let (whole, _) = bytes[start / 8..].as_chunks::<8>();
        for (word, chunk) in words[target / 64..].iter_mut().zip(&whole[..whole.len().min(count / 64)]) {
            *word = u64::from_le_bytes(*chunk);
            done += 64;
        }
    }
    while done < count {
        let length = STEP.min(count - done);
        let value = bits_of_bytes(bytes, start + done) & ((1 << length) - 1);
        let (word, shift) = ((target + done) / 64, (target + done) % 64);
        words[word] |= value << shift;
        if shift + length > 64 {
            words[word + 1] |= value >> (64 - shift);
        }
        done += length;
    }
}

/// At least `STEP` bits from bit `start` on; zero beyond the end.
#[inline(always)]
fn bits_of_bytes(bytes: &[u8], start: usize) -> u64 {
    let rest = &bytes[start / 8..];
    let word = match rest.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    word >> (start % 8)
}

/// Bits `start..start + count` of `words` as one number; `count` is at most 32, the end is zero.
#[inline(always)]
pub fn bits_of_words(words: &[u64], start: usize, count: usize) -> usize {
    let (word, shift) = (start / 64, start % 64);
    let mut value = words[word] >> shift;
    if shift + count > 64
        && let Some(next) = words.get(word + 1)
    {
        value |= next << (64 - shift);
    }
    value as usize & ((1 << count) - 1)
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;

    /// A table with bits from a linear congruential generator.
    pub fn table(accounts: usize, width: usize) -> BitTable {
        let stride = width.div_ceil(8);
        let mut state = (accounts * 1009 + width) as u64;
        let mut bits = vec![0; accounts * stride];
        for byte in &mut bits {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 33) as u8;
        }
        if !width.is_multiple_of(8) {
            for last in bits.chunks_mut(stride).filter_map(<[u8]>::last_mut) {
                *last &= (1 << (width % 8)) - 1;
            }
        }
        BitTable::new(bits, accounts, width).unwrap()
    }

    /// Bit k of account u, zero in the padding.
    pub fn bit(table: &BitTable, u: usize, k: usize) -> bool {
        u < table.accounts() && k < table.width() && table.account(u)[k / 8] >> (k % 8) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_the_cells_of_the_padded_table() {
        for (accounts, width) in [(1, 1), (3, 2), (5, 3), (2, 63), (3, 64), (2, 65), (3, 130), (7, 12)] {
            let table = samples::table(accounts, width);
            let padded = table.padded_width();
            let variables = table.account_variables() + table.bit_variables();
            for columns in (0..=variables).map(|rho| 1usize << rho) {
                let mut words = vec![u64::MAX; columns.div_ceil(64)];
                let mut sent = 0;
                for index in 0..(1usize << variables) / columns {
                    let cells = index * columns..(index + 1) * columns;
                    if cells.clone().all(|i| i / padded >= accounts || i % padded >= width) {
                        continue;
                    }
                    table.write_row(sent, columns, &mut words);
                    for (column, i) in cells.enumerate() {
                        let found = bits_of_words(&words, column, 1) == 1;
                        assert_eq!(found, samples::bit(&table, i / padded, i % padded));
                    }
                    sent += 1;
                }
                assert_eq!(sent, table.row_count(columns), "{accounts} x {width} by {columns}");
            }
        }
    }

    #[test]
    fn malformed_tables_are_refused() {
        assert!(BitTable::new(vec![], 0, 8).is_err());
        assert!(BitTable::new(vec![0; 3], 2, 9).is_err());
        assert!(BitTable::new(vec![0, 2, 0, 0], 2, 9).is_err());
        assert!(BitTable::new(vec![0, 1, 0, 0], 2, 9).is_ok());
        assert!(BitTable::new(vec![], 3, 0).is_ok());
        assert!(BitTable::new(vec![], 1 << 32, 0).is_err());
    }
}
