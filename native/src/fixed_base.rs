//! Pedersen vector commitments `C_u = sum_a q[u,a] G_a + rho_u H` from tables of multiples.
//!
//! For every generator G and window j the table holds `m 2^(width j) G` for 1 <= m <= 2^(width - 1). A
//! commitment is then a sum of one (possibly negated) table entry per non-zero digit of each amount and of
//! the blinding, and the sums of many rows are formed together in batches of affine additions.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::batch_affine::{Adder, BatchAdder, SegmentedSums, fill_multiples};
use crate::digits::SignedWindows;
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::Fr;
use crate::parallel::{fill_chunks, map_ranges};
use crate::point::{AffinePoint, JacobianPoint};

/// Amounts are int64: magnitudes up to 2^63.
const AMOUNT_BITS: u32 = 63;
/// Blindings are below r < 2^255.
const BLINDING_BITS: u32 = 255;
/// Upper bound, in bytes, on all tables of one key together.
const TABLE_BUDGET: usize = 1 << 30;
/// Wider windows save less than their memory traffic costs.
const MAX_WIDTH: u32 = 16;
/// Assets that a row of a book with many assets is assumed to hold, for the choice of the width.
const TYPICAL_ROW: usize = 32;
/// Rows per task: one to twenty milliseconds.
const ROW_CHUNK: usize = 256;
/// Table entries built per task where a window is shorter than that.
const BUILD_CHUNK: usize = 1 << 12;
/// How many gathered entries ahead memory is asked for.
const PREFETCH_DISTANCE: usize = 12;

/// A batch of sparse rows in compressed sparse row form.
pub struct SparseRows<'a> {
    pub row_offsets: &'a [i64],
    pub columns: &'a [i32],
    pub amounts: &'a [i64],
}

impl SparseRows<'_> {
    /// Checks all that `commit` relies on; `rows` rows over `assets` columns.
    pub(crate) fn validate(&self, rows: usize, assets: usize) -> Result<(), KernelError> {
        require_equal_lengths(self.columns.len(), self.amounts.len())?;
        let [first, .., last] = self.row_offsets else {
            // The only valid list of fewer than two offsets is the single 0 of no rows.
            return match (rows, self.row_offsets, self.columns) {
                (0, [0], []) => Ok(()),
                _ => Err(KernelError::RowOffsets("do not fit the number of rows and entries")),
            };
        };
        if self.row_offsets.len() != rows + 1 {
            return Err(KernelError::RowOffsets("must have one entry more than there are rows"));
        }
        if *first != 0 {
            return Err(KernelError::RowOffsets("must start at 0"));
        }
        if usize::try_from(*last) != Ok(self.columns.len()) {
            return Err(KernelError::RowOffsets("must end at the number of entries"));
        }
        if self.row_offsets.is_sorted() {
            let outside = |column: &i32| usize::try_from(*column).map_or(true, |column| column >= assets);
            match self.columns.iter().position(outside) {
                Some(entry) => Err(KernelError::Column { entry, columns: assets }),
                None => Ok(()),
            }
        } else {
            Err(KernelError::RowOffsets("must not decrease"))
        }
    }

    /// Column and amount of every entry of a row of validated rows.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (usize, i64)> {
        let entries = self.row_offsets[row] as usize..self.row_offsets[row + 1] as usize;
        let columns = self.columns[entries.clone()].iter();
        columns.zip(&self.amounts[entries]).map(|(column, amount)| (*column as usize, *amount))
    }
}

/// A generator and, once it has been used, its table.
struct Base {
    generator: AffinePoint,
    table: OnceLock<Vec<AffinePoint>>,
}

impl Base {
    fn new(generator: AffinePoint) -> Self {
        Self { generator, table: OnceLock::new() }
    }

    fn entries(&self) -> &[AffinePoint] {
        self.table.get().map_or(&[], Vec::as_slice)
    }
}

/// One addend of a commitment: an entry of the table of a base.
#[derive(Clone, Copy)]
struct Addend {
    base: u32,
    position: u32,
    negative: bool,
}

/// Fixed-base tables for the asset generators and H, built on first use of each.
pub struct CommitmentKey {
    /// The asset generators, then H.
    bases: Vec<Base>,
    amount_windows: SignedWindows,
    blinding_windows: SignedWindows,
    /// Held while tables are built. Never taken by a thread of the pool, so waiting cannot deadlock.
    building: Mutex<()>,
}

impl CommitmentKey {
    /// `expected_rows` decides the window widths, and so speed and memory, but no result.
    pub fn new(generators: &[AffinePoint], blinding_generator: AffinePoint, expected_rows: usize) -> Self {
        let assets = generators.len();
        let uses = expected_rows.saturating_mul(TYPICAL_ROW) / assets.max(TYPICAL_ROW);
        let bases = generators.iter().chain([&blinding_generator]).map(|generator| Base::new(*generator));
        Self {
            bases: bases.collect(),
            amount_windows: choose_windows(AMOUNT_BITS, uses, TABLE_BUDGET / 8 * 7 / assets.max(1)),
            blinding_windows: choose_windows(BLINDING_BITS, expected_rows, TABLE_BUDGET / 8),
            building: Mutex::new(()),
        }
    }

    /// Number of asset generators.
    pub fn assets(&self) -> usize {
        self.bases.len() - 1
    }

    /// One commitment per row.
    pub fn commit(&self, rows: &SparseRows, blindings: &[Fr]) -> Result<Vec<AffinePoint>, KernelError> {
        self.commit_by::<BatchAdder>(rows, blindings)
    }

    /// `commit` with the given way of adding.
    pub fn commit_by<A: Adder>(
        &self,
        rows: &SparseRows,
        blindings: &[Fr],
    ) -> Result<Vec<AffinePoint>, KernelError> {
        rows.validate(blindings.len(), self.assets())?;
        self.build_tables(rows.columns, !blindings.is_empty());
        let tables: Vec<&[AffinePoint]> = self.bases.iter().map(Base::entries).collect();
        let mut output = vec![AffinePoint::IDENTITY; blindings.len()];
        fill_chunks(&mut output, ROW_CHUNK, |offset, commitments| {
            self.commit_chunk::<A>(rows, blindings, &tables, offset, commitments);
        });
        Ok(output)
    }

    /// Builds the tables that these columns (and, if there are rows at all, blindings) need.
    fn build_tables(&self, columns: &[i32], blindings: bool) {
        let mut used = vec![false; self.bases.len()];
        for &column in columns {
            used[column as usize] = true;
        }
        used[self.assets()] = blindings;
        let missing = || {
            let missing = |&base: &usize| used[base] && self.bases[base].table.get().is_none();
            (0..self.bases.len()).filter(missing).collect::<Vec<_>>()
        };
        if missing().is_empty() {
            return;
        }
        let _guard = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = missing();
        map_ranges(missing.len(), 1, |range| {
            for &base in &missing[range] {
                let table = build_table(&self.bases[base].generator, self.windows(base));
                // Only the holder of the lock sets tables, so that this one is not set yet.
                let _ = self.bases[base].table.set(table);
            }
        });
    }

    fn windows(&self, base: usize) -> SignedWindows {
        if base == self.assets() { self.blinding_windows } else { self.amount_windows }
    }

    /// The commitments of the rows from `offset` on.
    fn commit_chunk<A: Adder>(
        &self,
        rows: &SparseRows,
        blindings: &[Fr],
        tables: &[&[AffinePoint]],
        offset: usize,
        commitments: &mut [AffinePoint],
    ) {
        let mut sums = SegmentedSums::<A>::default();
        let mut addends = Vec::with_capacity(SegmentedSums::<A>::CAPACITY);
        let mut row_ends = Vec::new();
        let mut output = commitments.iter_mut();
        for (row, blinding) in blindings.iter().enumerate().skip(offset).take(output.len()) {
            self.push_row(rows, row, blinding, &mut addends);
            row_ends.push(addends.len());
            if addends.len() >= SegmentedSums::<A>::CAPACITY {
                gather(tables, &addends, &row_ends, &mut sums);
                sums.reduce(|sum| output.next().into_iter().for_each(|commitment| *commitment = sum));
                addends.clear();
                row_ends.clear();
            }
        }
        gather(tables, &addends, &row_ends, &mut sums);
        sums.reduce(|sum| output.next().into_iter().for_each(|commitment| *commitment = sum));
    }

    /// The addends of one commitment: one per non-zero digit.
    #[inline]
    fn push_row(&self, rows: &SparseRows, row: usize, blinding: &Fr, addends: &mut Vec<Addend>) {
        let entries = rows.row_offsets[row] as usize..rows.row_offsets[row + 1] as usize;
        for (column, amount) in rows.columns[entries.clone()].iter().zip(&rows.amounts[entries]) {
            let magnitude = [amount.unsigned_abs()];
            push_digits(self.amount_windows, *column as u32, &magnitude, *amount < 0, addends);
        }
        push_digits(self.blinding_windows, self.assets() as u32, &blinding.to_limbs(), false, addends);
    }
}

#[inline(always)]
fn push_digits<const LIMBS: usize>(
    windows: SignedWindows,
    base: u32,
    limbs: &[u64; LIMBS],
    negative: bool,
    addends: &mut Vec<Addend>,
) {
    for window in 0..windows.count() {
        let digit = windows.digit(limbs, window);
        if let Some(multiple) = digit.unsigned_abs().checked_sub(1) {
            let position = window * windows.max_digit() + multiple;
            addends.push(Addend { base, position, negative: negative != (digit < 0) });
        }
    }
}

/// Copies the addends from the tables, row by row.
fn gather<A: Adder>(
    tables: &[&[AffinePoint]],
    addends: &[Addend],
    row_ends: &[usize],
    sums: &mut SegmentedSums<A>,
) {
    let entry = |addend: &Addend| &tables[addend.base as usize][addend.position as usize];
    let mut next = 0;
    for &end in row_ends {
        for i in next..end {
            if let Some(ahead) = addends.get(i + PREFETCH_DISTANCE) {
                entry(ahead).prefetch();
            }
            sums.push(entry(&addends[i]).negate_if(addends[i].negative));
        }
        sums.close_segment();
        next = end;
    }
}

/// Number of entries in the table of one base.
fn table_length(windows: SignedWindows) -> usize {
    (windows.count() as usize - 1) * windows.max_digit() as usize + windows.max_last_digit() as usize
}

/// The windows with the fewest additions, to build the table and use it `uses` times, within `budget`
/// bytes per table (or the narrowest windows, where nothing fits).
fn choose_windows(bits: u32, uses: usize, budget: usize) -> SignedWindows {
    let cost = |windows: &SignedWindows| {
        (windows.count() as usize).saturating_mul(uses).saturating_add(table_length(*windows))
    };
    (3..=MAX_WIDTH)
        .map(|width| SignedWindows::new(width, bits))
        .filter(|windows| table_length(*windows) * size_of::<AffinePoint>() <= budget)
        .min_by_key(cost)
        .unwrap_or(SignedWindows::new(2, bits))
}

/// The table of one generator: window after window, multiples in ascending order.
fn build_table(generator: &AffinePoint, windows: SignedWindows) -> Vec<AffinePoint> {
    let first = JacobianPoint::from(generator);
    let bases: Vec<_> =
        std::iter::successors(Some(first), |previous| Some(previous.double_times(windows.width())))
            .take(windows.count() as usize)
            .collect();
    let bases = JacobianPoint::batch_to_affine(&bases);
    let row = windows.max_digit() as usize;
    let mut table = Vec::with_capacity(table_length(windows));
    prefer_huge_pages(&mut table);
    table.resize(table_length(windows), AffinePoint::IDENTITY);
    fill_chunks(&mut table, row * (BUILD_CHUNK / row).max(1), |offset, part| {
        fill_multiples(part, row, &bases[offset / row..]);
    });
    table
}

/// Asks for huge pages behind a large table that has not been written yet: entries are read at random,
/// and with small pages most reads would miss the address translation caches too.
fn prefer_huge_pages(table: &mut Vec<AffinePoint>) {
    #[cfg(target_os = "linux")]
    {
        const HUGE_PAGE: usize = 1 << 21;
        let start = table.as_mut_ptr().addr().next_multiple_of(HUGE_PAGE);
        let end = table.as_mut_ptr().addr() + table.capacity() * size_of::<AffinePoint>();
        if start + HUGE_PAGE <= end {
            // SAFETY: the range lies inside the allocation of the table; the advice changes no contents,
            // and where it is refused nothing is lost.
            unsafe {
                let range = table.as_mut_ptr().cast::<libc::c_void>().with_addr(start);
                libc::madvise(range, end - start, libc::MADV_HUGEPAGE);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = table;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples;

    /// Rows with extreme amounts, repeated columns and no entries.
    const ROW_OFFSETS: [i64; 7] = [0, 3, 3, 5, 9, 10, 12];
    const COLUMNS: [i32; 12] = [0, 1, 2, 3, 3, 4, 5, 6, 0, 2, 1, 1];
    const AMOUNTS: [i64; 12] =
        [i64::MAX, i64::MIN, 0, -1, 1, 123_456_789_012, -5, i64::MIN + 1, 1, i64::MIN, 7, 7];

    fn rows() -> SparseRows<'static> {
        SparseRows { row_offsets: &ROW_OFFSETS, columns: &COLUMNS, amounts: &AMOUNTS }
    }

    fn naive(generators: &[AffinePoint], h: &AffinePoint, blindings: &[Fr]) -> Vec<AffinePoint> {
        let commitment = |row: usize| {
            let start = samples::multiply(h, &blindings[row].to_limbs());
            (ROW_OFFSETS[row] as usize..ROW_OFFSETS[row + 1] as usize).fold(start, |sum, k| {
                let limbs = [AMOUNTS[k].unsigned_abs(), 0, 0, 0];
                let term = samples::multiply(&generators[COLUMNS[k] as usize], &limbs);
                samples::add(&sum, &term.negate_if(AMOUNTS[k] < 0))
            })
        };
        (0..blindings.len()).map(commitment).collect()
    }

    #[test]
    fn commitments_agree_with_double_and_add_for_every_width() {
        // Among the generators are points of order 3, outside G1, and the identity.
        let generators = samples::mixed_points(7);
        let h = samples::subgroup_points(8)[7];
        let blindings = samples::scalars(6);
        let expected = naive(&generators, &h, &blindings);
        for width in [2, 3, 5, 8, 11] {
            let mut key = CommitmentKey::new(&generators, h, 1);
            key.amount_windows = SignedWindows::new(width, AMOUNT_BITS);
            key.blinding_windows = SignedWindows::new(width, BLINDING_BITS);
            assert!(key.commit(&rows(), &blindings) == Ok(expected.clone()));
        }
    }

    #[test]
    fn widths_grow_with_the_rows_and_stop_at_the_budget() {
        let small = choose_windows(AMOUNT_BITS, 1, TABLE_BUDGET);
        let large = choose_windows(AMOUNT_BITS, 1 << 20, TABLE_BUDGET);
        assert!(small.width() < 6 && large.width() == MAX_WIDTH);
        let bounded = choose_windows(AMOUNT_BITS, 1 << 20, 200_000);
        assert!(table_length(bounded) * size_of::<AffinePoint>() <= 200_000);
        assert_eq!(choose_windows(AMOUNT_BITS, 1 << 20, 0).width(), 2);
    }

    #[test]
    fn malformed_rows_are_refused() {
        let key = CommitmentKey::new(&samples::subgroup_points(2), samples::subgroup_points(3)[2], 1);
        let refused = |row_offsets: &[i64], columns: &[i32], rows: usize| {
            let amounts = vec![1; columns.len()];
            key.commit(&SparseRows { row_offsets, columns, amounts: &amounts }, &vec![Fr::ZERO; rows])
                .is_err()
        };
        assert!(!refused(&[0, 1], &[1], 1));
        assert!(!refused(&[0], &[], 0));
        assert!(refused(&[], &[], 0));
        assert!(refused(&[1], &[], 0));
        assert!(refused(&[0], &[0], 0));
        assert!(refused(&[0], &[], 1));
        assert!(refused(&[0, 0], &[], 0));
        assert!(refused(&[1, 1], &[1], 1));
        assert!(refused(&[0, 2], &[1], 1));
        assert!(refused(&[0, 2, 1], &[1], 2));
        assert!(refused(&[0, -1, 1], &[1], 2));
        assert!(refused(&[0, 1], &[2], 1));
        assert!(refused(&[0, 1], &[-1], 1));
    }
}
