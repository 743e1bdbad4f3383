//! Sums over sparse positions: `sum_u weights_u q_u`, and `<coefficients, q_u> + constant` for all u.

use super::lazy_sums::IntegerProductSum;
use crate::errors::KernelError;
use crate::field::Fr;
use crate::fixed_base::SparseRows;
use crate::parallel::{fill_chunks, map_ranges};

/// Accounts per task.
const CHUNK: usize = 1 << 11;

/// `sum_u weights_u q_u`: one scalar per asset.
pub fn weighted_sum(rows: &SparseRows, weights: &[Fr], assets: usize) -> Result<Vec<Fr>, KernelError> {
    rows.validate(weights.len(), assets)?;
    // A task adds at least as many entries as it has sums to merge.
    let entries_per_row = (rows.columns.len() / weights.len().max(1)).max(1);
    let chunk = CHUNK.max(assets / entries_per_row);
    let parts = map_ranges(weights.len(), chunk, |range| {
        let mut sums = vec![IntegerProductSum::ZERO; assets];
        for u in range {
            for (column, amount) in rows.row(u) {
                sums[column].add(&weights[u], amount);
            }
        }
        sums
    });
    let mut total = vec![IntegerProductSum::ZERO; assets];
    for part in &parts {
        total.iter_mut().zip(part).for_each(|(sum, addend)| sum.merge(addend));
    }
    Ok(total.iter().map(IntegerProductSum::reduce).collect())
}

/// `<coefficients, q_u> + constant`: one scalar per row.
pub fn evaluate(
    rows: &SparseRows,
    count: usize,
    coefficients: &[Fr],
    constant: &Fr,
) -> Result<Vec<Fr>, KernelError> {
    rows.validate(count, coefficients.len())?;
    let mut values = vec![Fr::ZERO; count];
    fill_chunks(&mut values, CHUNK, |offset, part| {
        for (u, value) in (offset..).zip(part) {
            let mut sum = IntegerProductSum::ZERO;
            for (column, amount) in rows.row(u) {
                sum.add(&coefficients[column], amount);
            }
            *value = sum.reduce().add(constant);
        }
    });
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples::scalars;

    const ROW_OFFSETS: [i64; 5] = [0, 3, 3, 4, 6];
    const COLUMNS: [i32; 6] = [0, 2, 2, 1, 0, 1];
    const AMOUNTS: [i64; 6] = [i64::MIN, 5, -7, i64::MAX, -1, 0];

    fn rows() -> SparseRows<'static> {
        SparseRows { row_offsets: &ROW_OFFSETS, columns: &COLUMNS, amounts: &AMOUNTS }
    }

    #[test]
    fn sums_agree_with_their_definition() {
        let (weights, coefficients, constant) =
            (scalars(9)[5..].to_vec(), scalars(12)[9..].to_vec(), scalars(20)[19]);
        let mut sums = vec![Fr::ZERO; 3];
        let mut values = vec![constant; 4];
        for u in 0..4 {
            for k in ROW_OFFSETS[u] as usize..ROW_OFFSETS[u + 1] as usize {
                let (column, amount) = (COLUMNS[k] as usize, Fr::from_i64(AMOUNTS[k]));
                sums[column] = sums[column].add(&weights[u].mul(&amount));
                values[u] = values[u].add(&coefficients[column].mul(&amount));
            }
        }
        assert!(weighted_sum(&rows(), &weights, 3) == Ok(sums));
        assert!(evaluate(&rows(), 4, &coefficients, &constant) == Ok(values));
    }

    #[test]
    fn malformed_positions_are_refused() {
        let one = scalars(3)[2];
        assert!(weighted_sum(&rows(), &[one; 3], 3).is_err());
        assert!(weighted_sum(&rows(), &[one; 4], 2).is_err());
        assert!(evaluate(&rows(), 5, &[one; 3], &one).is_err());
        assert!(evaluate(&rows(), 4, &[one; 2], &one).is_err());
    }
}
