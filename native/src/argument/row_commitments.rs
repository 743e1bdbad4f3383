//! Commitments to rows of bits: `D_i = sum_c row_i[c] B_c + delta_i H`.
//!
//! Columns are taken in groups of `width`; a table holds the sums of all subsets of a group, so that a row
//! costs one addition per group that is not zero. Additions of different rows, and of a few groups of one
//! row into separate lanes, are independent, and are made in batches with one inversion.
//!
//! Where accounts have most bits in common with a line z (`super::shared_line`), the rows of z are committed to
//! once, and a row costs additions only for the groups in which it differs from the row of z at its place:
//!
//! ```text
//! D_i = D_z + sum_groups (T[bits that row_i has and z has not] - T[bits that z has and row_i has not]) + delta_i H
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use super::bit_table::{BitTable, bits_of_words};
use super::lane_adder::LaneAdder;
use super::shared_line::SharedLine;
use crate::batch_affine::{Adder, Indexed, Pairs, SegmentedSums};
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::Fr;
use crate::fixed_base::{self, SparseRows};
use crate::parallel::fill_chunks;
use crate::point::AffinePoint;

/// Rows per task.
const ROWS: usize = 128;
/// Additions that a batch should have, so that its inversion costs little.
const BATCH: usize = 1024;
/// Upper bound, in bytes, on the tables of one key.
const TABLE_BUDGET: usize = 96 << 20;
/// Upper bound on the columns of a group.
const MAX_WIDTH: usize = 12;
/// Tables are made anew for more rows when this many times as many have been seen.
const GROWTH: usize = 4;
/// Table entries built per task.
const BUILD_CHUNK: usize = 1 << 12;

/// The sums of all subsets of each group of columns.
struct SubsetTables {
    width: usize,
    /// Group g starts at `g << width`; its subset m is the entry m.
    entries: Vec<AffinePoint>,
}

impl SubsetTables {
    fn new(columns: &[AffinePoint], width: usize) -> Self {
        let mut entries = vec![AffinePoint::IDENTITY; columns.len().div_ceil(width) << width];
        let groups_per_task = (BUILD_CHUNK >> width).max(1);
        fill_chunks(&mut entries, groups_per_task << width, |offset, part| {
            fill_subset_sums(part, width, &columns[(offset >> width) * width..]);
        });
        Self { width, entries }
    }
}

/// Fills the tables of consecutive groups: subsets with highest element b are B_b plus the subsets below.
fn fill_subset_sums(tables: &mut [AffinePoint], width: usize, columns: &[AffinePoint]) {
    let mut adder = LaneAdder::default();
    let mut additions = Vec::new();
    for bit in 0..width {
        additions.clear();
        let starts = (0..tables.len()).step_by(1 << width);
        for (start, column) in starts.zip(columns.iter().skip(bit).step_by(width)) {
            let first = start + (1 << bit);
            tables[first] = *column;
            additions.extend((1..1 << bit).map(|m| ((first + m) as u32, first as u32, (start + m) as u32)));
        }
        adder.add(&mut Indexed { points: tables, entries: &additions });
    }
}

/// What a key has made for a number of rows.
struct Tables {
    /// Rows that differ from others in all groups; others count for less.
    whole_rows: usize,
    subsets: SubsetTables,
    blinding: fixed_base::CommitmentKey,
}

#[derive(Default)]
struct Prepared {
    rows_seen: usize,
    whole_rows_seen: usize,
    tables: Option<Arc<Tables>>,
}

/// The columns B_c and H, with tables that grow with use.
pub struct RowCommitmentKey {
    columns: Vec<AffinePoint>,
    blinding_generator: AffinePoint,
    /// Held while tables are built. Never taken by a thread of the pool, so waiting cannot deadlock.
    prepared: Mutex<Prepared>,
}

impl RowCommitmentKey {
    /// A key for rows of `columns.len()` bits, a power of two.
    pub fn new(columns: Vec<AffinePoint>, blinding_generator: AffinePoint) -> Result<Self, KernelError> {
        if !columns.len().is_power_of_two() {
            return Err(KernelError::Shape("the number of columns is not a power of two"));
        }
        Ok(Self { columns, blinding_generator, prepared: Mutex::default() })
    }

    /// One commitment for each row of the table that is not padding.
    pub fn commit(&self, table: &BitTable, blindings: &[Fr]) -> Result<Vec<AffinePoint>, KernelError> {
        require_equal_lengths(blindings.len(), table.row_count(self.columns.len()))?;
        let shared = SharedLine::find(table).filter(|_| table.accounts() >= self.accounts_per_row(table));
        let share = shared.as_ref().map_or(1.0, SharedLine::differing_share);
        let tables = self.tables(blindings.len(), share);
        let no_entries = vec![0; blindings.len() + 1];
        let rows = SparseRows { row_offsets: &no_entries, columns: &[], amounts: &[] };
        let mut commitments = tables.blinding.commit_by::<LaneAdder>(&rows, blindings)?;
        if let Some(shared) = shared {
            let shared = SharedRows::new(&shared, table, self.columns.len(), &tables.subsets)?;
            fill_chunks(&mut commitments, ROWS, |first, commitments| {
                shared.add_differences(table, first, &tables.subsets, commitments);
            });
        } else {
            fill_chunks(&mut commitments, ROWS, |first, commitments| {
                RowAdder::new(table, self.columns.len(), first, commitments).add_groups(&tables.subsets);
            });
        }
        Ok(commitments)
    }

    /// Whole accounts in a row, or 1.
    fn accounts_per_row(&self, table: &BitTable) -> usize {
        (self.columns.len() / table.padded_width()).max(1)
    }

    /// Tables fit for the rows seen so far and `rows` more, each of which needs `share` of its groups.
    fn tables(&self, rows: usize, share: f64) -> Arc<Tables> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.rows_seen = prepared.rows_seen.saturating_add(rows);
        let whole_rows = (rows as f64 * share).ceil() as usize;
        prepared.whole_rows_seen = prepared.whole_rows_seen.saturating_add(whole_rows);
        let (rows, whole_rows) = (prepared.rows_seen, prepared.whole_rows_seen);
        if let Some(tables) = &prepared.tables
            && (whole_rows < tables.whole_rows.saturating_mul(GROWTH)
                || tables.subsets.width == choose_width(self.columns.len(), whole_rows))
        {
            return tables.clone();
        }
        let tables = Arc::new(Tables {
            whole_rows,
            subsets: SubsetTables::new(&self.columns, choose_width(self.columns.len(), whole_rows)),
            blinding: fixed_base::CommitmentKey::new(&[], self.blinding_generator, rows),
        });
        prepared.tables = Some(tables.clone());
        tables
    }
}

/// The width with the fewest additions, to build the tables and commit to `rows` rows, within the budget.
fn choose_width(columns: usize, rows: usize) -> usize {
    let groups = |width: usize| columns.div_ceil(width);
    (1..=MAX_WIDTH)
        .filter(|width| (groups(*width) << width) * size_of::<AffinePoint>() <= TABLE_BUDGET)
        .min_by_key(|width| groups(*width).saturating_mul(rows.saturating_add(1 << width)))
        .unwrap_or(1)
}

/// `lanes[target] += entries[addend]` for each `(target, addend)`.
struct AddEntries<'a> {
    lanes: &'a mut [AffinePoint],
    entries: &'a [AffinePoint],
    additions: &'a [(u32, u32)],
}

impl Pairs for AddEntries<'_> {
    fn count(&self) -> usize {
        self.additions.len()
    }

    #[inline(always)]
    fn operands(&self, position: usize) -> (&AffinePoint, &AffinePoint) {
        let (target, addend) = self.additions[position];
        (&self.lanes[target as usize], &self.entries[addend as usize])
    }

    #[inline(always)]
    fn target(&mut self, position: usize) -> &mut AffinePoint {
        &mut self.lanes[self.additions[position].0 as usize]
    }
}

/// The sums of a few rows in the making.
struct RowAdder<'a> {
    sums: &'a mut [AffinePoint],
    /// The bits of the rows, `words_per_row` words each.
    words: Vec<u64>,
    words_per_row: usize,
    /// Lane `i * sums.len() + row` of `lanes_per_row` lanes i.
    lanes: Vec<AffinePoint>,
    lanes_per_row: usize,
    adder: LaneAdder,
}

impl<'a> RowAdder<'a> {
    /// For the rows `first..first + sums.len()`; `sums` hold what the bits are added to.
    fn new(table: &BitTable, columns: usize, first: usize, sums: &'a mut [AffinePoint]) -> Self {
        let words_per_row = columns.div_ceil(64);
        let mut words = vec![0; words_per_row * sums.len()];
        for (row, words) in (first..).zip(words.chunks_exact_mut(words_per_row)) {
            table.write_row(row, columns, words);
        }
        let lanes_per_row = (BATCH / sums.len()).next_power_of_two().min(columns.div_ceil(8)).max(1);
        let mut lanes = vec![AffinePoint::IDENTITY; lanes_per_row * sums.len()];
        lanes[..sums.len()].copy_from_slice(sums);
        Self { sums, words, words_per_row, lanes, lanes_per_row, adder: LaneAdder::default() }
    }

    /// Adds the table entries of all groups, and the lanes of each row together.
    fn add_groups(mut self, tables: &SubsetTables) {
        let mut additions = Vec::with_capacity(2 * BATCH);
        // Lanes of each row that have an addition waiting.
        let mut taken = vec![0u32; self.sums.len()];
        let columns = 64 * self.words_per_row;
        for (group, start) in (0..columns).step_by(tables.width).enumerate() {
            let length = tables.width.min(columns - start);
            let mut full = false;
            for (row, words) in self.words.chunks_exact(self.words_per_row).enumerate() {
                let subset = bits_of_words(words, start, length);
                if subset != 0 {
                    let position = (group << tables.width) + subset;
                    tables.entries[position].prefetch();
                    let lane = taken[row] as usize * self.sums.len() + row;
                    additions.push((lane as u32, position as u32));
                    taken[row] += 1;
                    full |= taken[row] as usize == self.lanes_per_row;
                }
            }
            if full || additions.len() >= BATCH {
                self.flush(tables, &mut additions);
                taken.fill(0);
            }
        }
        self.flush(tables, &mut additions);
        self.add_lanes();
    }

    fn flush(&mut self, tables: &SubsetTables, additions: &mut Vec<(u32, u32)>) {
        if !additions.is_empty() {
            self.adder.add(&mut AddEntries { lanes: &mut self.lanes, entries: &tables.entries, additions });
            additions.clear();
        }
    }

    /// Halves the lanes until one is left.
    fn add_lanes(mut self) {
        let mut count = self.lanes_per_row * self.sums.len();
        while count > self.sums.len() {
            count /= 2;
            let additions: Vec<_> = (0..count as u32).map(|i| (i, i, i + count as u32)).collect();
            self.adder.add(&mut Indexed { points: &mut self.lanes, entries: &additions });
        }
        self.sums.copy_from_slice(&self.lanes[..self.sums.len()]);
    }
}

/// The rows that accounts would have whose bits are all those of z: as many as an account has, or one where
/// a row holds whole accounts.
struct SharedRows {
    columns: usize,
    words_per_row: usize,
    words: Vec<u64>,
    sums: Vec<AffinePoint>,
}

impl SharedRows {
    /// A row of the table holds no padding in place of accounts: their number is a power of two, and not
    /// below that of the accounts of a row.
    fn new(
        shared: &SharedLine,
        table: &BitTable,
        columns: usize,
        tables: &SubsetTables,
    ) -> Result<Self, KernelError> {
        let accounts = (columns / table.padded_width()).max(1);
        let line = BitTable::new(shared.bytes().repeat(accounts), accounts, table.width())?;
        let words_per_row = columns.div_ceil(64);
        let mut words = vec![0; words_per_row * line.row_count(columns)];
        for (row, words) in words.chunks_exact_mut(words_per_row).enumerate() {
            line.write_row(row, columns, words);
        }
        let mut sums = vec![AffinePoint::IDENTITY; line.row_count(columns)];
        fill_chunks(&mut sums, ROWS, |first, sums| {
            RowAdder::new(&line, columns, first, sums).add_groups(tables);
        });
        Ok(Self { columns, words_per_row, words, sums })
    }

    /// Adds to `sums` the rows from `first` on.
    fn add_differences(
        &self,
        table: &BitTable,
        first: usize,
        tables: &SubsetTables,
        sums: &mut [AffinePoint],
    ) {
        let mut adder = SegmentedSums::<LaneAdder>::default();
        let mut words = vec![0; self.words_per_row];
        let mut subsets = Vec::new();
        let mut done = 0;
        for row in 0..sums.len() {
            table.write_row(first + row, self.columns, &mut words);
            let place = (first + row) % self.sums.len();
            let shared = &self.words[place * self.words_per_row..][..self.words_per_row];
            subsets.clear();
            differing_subsets(&words, shared, tables, &mut subsets);
            adder.push(sums[row]);
            adder.push(self.sums[place]);
            for &(entry, negative) in &subsets {
                let entry = &tables.entries[entry];
                adder.push(if negative { entry.negate_if(true) } else { *entry });
            }
            adder.close_segment();
            if adder.pending() >= SegmentedSums::<LaneAdder>::CAPACITY || row + 1 == sums.len() {
                let mut waiting = sums[done..=row].iter_mut();
                adder.reduce(|sum| {
                    if let Some(place) = waiting.next() {
                        *place = sum;
                    }
                });
                done = row + 1;
            }
        }
    }
}

/// The table entries to add, or to subtract, to get from the row `shared` to the row `words`.
fn differing_subsets(words: &[u64], shared: &[u64], tables: &SubsetTables, subsets: &mut Vec<(usize, bool)>) {
    let mut add = |group: usize, subset: usize, negative: bool| {
        if subset != 0 {
            let entry = (group << tables.width) + subset;
            tables.entries[entry].prefetch();
            subsets.push((entry, negative));
        }
    };
    // The first column that is not done with.
    let mut column = 0;
    for (word, (left, right)) in words.iter().zip(shared).enumerate() {
        let differing = left ^ right;
        // Of this word, columns that belong to a group done with in the last one are passed over.
        column = column.max(64 * word);
        while column < 64 * (word + 1) && differing >> (column % 64) != 0 {
            let first = column + (differing >> (column % 64)).trailing_zeros() as usize;
            let group = first / tables.width;
            let start = group * tables.width;
            let length = tables.width.min(64 * words.len() - start);
            let (has, had) = (bits_of_words(words, start, length), bits_of_words(shared, start, length));
            add(group, has & !had, false);
            add(group, had & !has, true);
            column = start + tables.width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bit_table::samples;
    use super::super::shared_line::samples::sparse_table;
    use super::*;
    use crate::point::samples::{add, mixed_points, multiply, scalars, subgroup_points};

    fn naive(
        table: &BitTable,
        columns: &[AffinePoint],
        h: &AffinePoint,
        blindings: &[Fr],
    ) -> Vec<AffinePoint> {
        let mut words = vec![0; columns.len().div_ceil(64)];
        let row = |(row, blinding): (usize, &Fr)| {
            table.write_row(row, columns.len(), &mut words);
            let blinding = multiply(h, &blinding.to_limbs());
            let ones = (0..columns.len()).filter(|&c| bits_of_words(&words, c, 1) == 1);
            ones.fold(blinding, |sum, c| add(&sum, &columns[c]))
        };
        blindings.iter().enumerate().map(row).collect()
    }

    #[test]
    fn commitments_agree_with_sums_of_columns() {
        for (accounts, width, columns) in
            [(1, 3, 1), (5, 9, 2), (3, 9, 16), (9, 5, 64), (4, 130, 64), (2, 100, 256), (300, 11, 8)]
        {
            let table = samples::table(accounts, width);
            let points = mixed_points(columns);
            let h = subgroup_points(3)[2];
            let key = RowCommitmentKey::new(points.clone(), h).unwrap();
            let blindings = scalars(table.row_count(columns));
            let expected = naive(&table, &points, &h, &blindings);
            // Again and again: with every use the tables may be others.
            for _ in 0..3 {
                assert!(key.commit(&table, &blindings) == Ok(expected.clone()));
            }
            assert!(key.commit(&table, &blindings[1..]).is_err());
        }
    }

    #[test]
    fn commitments_to_rows_that_have_most_in_common() {
        for (accounts, width, columns, share) in [
            (64, 1030, 512, 9),
            (64, 1030, 1 << 12, 9),
            (64, 1030, 1 << 17, 9),
            (128, 1024, 2048, 20),
            (64, 1025, 16, 0),
            (64, 1024, 1024, 3),
        ] {
            let table = sparse_table(accounts, width, share, 5);
            assert!(SharedLine::find(&table).is_some());
            let points: Vec<_> = mixed_points(61).into_iter().cycle().take(columns).collect();
            let h = subgroup_points(3)[2];
            let key = RowCommitmentKey::new(points.clone(), h).unwrap();
            let blindings = scalars(table.row_count(columns));
            let expected = naive(&table, &points, &h, &blindings);
            for _ in 0..3 {
                assert!(key.commit(&table, &blindings) == Ok(expected.clone()));
            }
        }
    }

    #[test]
    fn differing_subsets_lead_from_one_row_to_the_other() {
        for width in 1..=MAX_WIDTH {
            let tables = SubsetTables::new(&mixed_points(192), width);
            for seed in 1..40u64 {
                let word = |i: u64| {
                    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7 * i as u32) & !(seed << i)
                };
                let words: Vec<u64> = (0..3).map(word).collect();
                let shared: Vec<u64> =
                    words.iter().zip(3..).map(|(w, i)| w ^ (word(i) & word(i + 9))).collect();
                let mut subsets = Vec::new();
                differing_subsets(&words, &shared, &tables, &mut subsets);
                let mut reached = shared.clone();
                for (entry, negative) in subsets {
                    for bit in (0..width).filter(|bit| entry >> bit & 1 == 1) {
                        let column = (entry >> width) * width + bit;
                        assert_eq!(reached[column / 64] >> (column % 64) & 1 == 1, negative);
                        reached[column / 64] ^= 1 << (column % 64);
                    }
                }
                assert!(reached == words);
            }
        }
    }

    #[test]
    fn subset_tables_of_every_width() {
        let columns = mixed_points(13);
        for width in 1..=7 {
            let tables = SubsetTables::new(&columns, width);
            for (position, entry) in tables.entries.iter().enumerate() {
                let (group, subset) = (position >> width, position & ((1 << width) - 1));
                let elements = (0..width).filter(|bit| subset >> bit & 1 == 1);
                let points: Vec<_> = elements.filter_map(|bit| columns.get(group * width + bit)).collect();
                if points.len() == subset.count_ones() as usize {
                    let sum = points.iter().fold(AffinePoint::IDENTITY, |sum, point| add(&sum, point));
                    assert!(*entry == sum);
                }
            }
        }
    }

    #[test]
    fn widths_grow_with_the_rows_and_stop_at_the_budget() {
        assert!(choose_width(128, 25) < 6);
        assert!(choose_width(4096, 1 << 10) >= 8);
        let widest = choose_width(1 << 14, 1 << 30);
        assert!(((1usize << 14).div_ceil(widest) << widest) * size_of::<AffinePoint>() <= TABLE_BUDGET);
        assert!(RowCommitmentKey::new(subgroup_points(3), AffinePoint::IDENTITY).is_err());
    }
}
