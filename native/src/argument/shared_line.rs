//! What the lines of a bit table have in common.
//!
//! An account holds few of the assets of a wide book, and the rows of an asset that it does not hold have the
//! values of the zero account: its line of the table differs from everybody's in few bytes. The kernels work
//! relative to a line z of bytes that most accounts have, which they find themselves:
//!
//! ```text
//! b(u, k) = z(k) + d(u, k),    d in {-1, 0, 1},    D(u, k) = |d(u, k)| = b(u, k) xor z(k)
//! ```
//!
//! Results do not depend on z, only their cost does.

use super::bit_table::BitTable;

/// Accounts that are looked at to find z. With fewer accounts nothing is gained.
const SAMPLE: usize = 64;
/// Lines shorter than this cost little as they are.
const MIN_STRIDE: usize = 128;
/// Of all bytes of a line, those that differ are at most 1 of `MIN_IDLE`.
const MIN_IDLE: usize = 6;

/// The line z of a table whose accounts have most bytes in common.
pub struct SharedLine {
    bytes: Vec<u8>,
    /// In how many accounts of the sample a byte differs.
    differing: Vec<u8>,
}

impl SharedLine {
    /// `None` where the accounts have little in common or are few, or are no power of two.
    pub fn find(table: &BitTable) -> Option<Self> {
        let accounts = table.accounts();
        if accounts < SAMPLE || !accounts.is_power_of_two() || table.stride() < MIN_STRIDE {
            return None;
        }
        let sample = (0..SAMPLE).map(|i| table.account(i * (accounts / SAMPLE)));
        let bytes = majority(sample.clone(), table.stride());
        let mut differing = vec![0u8; bytes.len()];
        for line in sample {
            for ((count, byte), shared) in differing.iter_mut().zip(line).zip(&bytes) {
                *count += u8::from(byte != shared);
            }
        }
        let total: usize = differing.iter().map(|&count| usize::from(count)).sum();
        (total * MIN_IDLE <= SAMPLE * bytes.len()).then_some(Self { bytes, differing })
    }

    /// The bytes of z.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The share of an account's bytes that differ from z, by estimate.
    pub fn differing_share(&self) -> f64 {
        self.expected_differences().0 / self.bytes.len() as f64
    }

    /// Estimates: how many bytes of an account differ from z, and how many such bytes two accounts have
    /// at the same place.
    pub fn expected_differences(&self) -> (f64, f64) {
        let samples = SAMPLE as f64;
        let counts = || self.differing.iter().map(|&count| f64::from(count));
        let single = counts().sum::<f64>() / samples;
        let common = counts().map(|count| count * (count - 1.0)).sum::<f64>();
        (single, common / (samples * (samples - 1.0)))
    }
}

/// For each place the byte that more than half of the lines have, if there is one (Boyer and Moore, "MJRTY").
fn majority<'a>(lines: impl Iterator<Item = &'a [u8]>, length: usize) -> Vec<u8> {
    let (mut candidates, mut leads) = (vec![0u8; length], vec![0u8; length]);
    for line in lines {
        for ((candidate, lead), &byte) in candidates.iter_mut().zip(&mut leads).zip(line) {
            let is_new = *lead == 0;
            *candidate = if is_new { byte } else { *candidate };
            *lead = if is_new || *candidate == byte { *lead + 1 } else { *lead - 1 };
        }
    }
    candidates
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::argument::bit_table::samples::table;

    /// A table of `accounts` lines that are a common one but for about `share` of 256 of their bytes; the
    /// first `equal` lines are the common one itself, and the last line is another one altogether.
    pub fn sparse_table(accounts: usize, width: usize, share: u8, equal: usize) -> BitTable {
        let (values, places) = (table(accounts, width), table(accounts, 8 * width));
        let common = values.account(accounts / 2).to_vec();
        let mut bits = Vec::with_capacity(accounts * common.len());
        for u in 0..accounts {
            let chosen = values.account(u).iter().zip(places.account(u)).zip(&common);
            bits.extend(chosen.map(|((value, place), shared)| {
                if u >= equal && (*place < share || u + 1 == accounts) { *value } else { *shared }
            }));
        }
        BitTable::new(bits, accounts, width).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::super::bit_table::samples::table;
    use super::samples::sparse_table;
    use super::*;

    #[test]
    fn the_majority_is_found_where_there_is_one() {
        let lines: [&[u8]; 5] = [&[1, 7, 0], &[2, 7, 9], &[1, 7, 9], &[1, 3, 0], &[4, 2, 9]];
        assert_eq!(majority(lines.into_iter(), 3), [1, 7, 9]);
    }

    #[test]
    fn lines_with_little_in_common_or_few_are_left_alone() {
        let sparse = sparse_table(128, 2003, 9, 3);
        let shared = SharedLine::find(&sparse).unwrap();
        assert!(shared.bytes() == sparse.account(0));
        let (single, common) = shared.expected_differences();
        assert!(single > 0.0 && single < 251.0 / 6.0 && common < single);
        assert!(SharedLine::find(&table(128, 2003)).is_none());
        assert!(SharedLine::find(&sparse_table(127, 2003, 9, 3)).is_none());
        assert!(SharedLine::find(&sparse_table(32, 2003, 9, 3)).is_none());
        assert!(SharedLine::find(&sparse_table(128, 500, 9, 3)).is_none());
    }
}
