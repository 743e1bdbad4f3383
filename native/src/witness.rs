//! Auxiliary values of a statement for a batch of accounts: maxima, minima, signs and order statistics of
//! affine forms, one step per variable (`circuits.witness_steps`).
//!
//! The zero account's values are known beforehand. For an account with positions, only the steps that an asset
//! or a variable with another value than the zero account's reaches are computed, so that a wide book whose
//! accounts hold little costs little. All sums are modulo 2^128; the caller knows from bounds that this is exact.

use crate::parallel::map_ranges;
use crate::rows::{Columns, Matrix, RowsError, Wide, check_compressed};
use std::ops::Range;

const ACCOUNT_CHUNK: usize = 1024;

/// What a step makes of the values of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The greatest, and at least 0.
    Maximum,
    /// The least, and at least 0.
    Minimum,
    /// 1 where the only form is at least 0, else 0.
    Indicator,
    /// The rank-th largest, counted from 1, and at least 0.
    OrderStatistic(u32),
}

/// One step: its operation, and where its forms end; they begin where those of the step before end.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub operation: Operation,
    pub forms_end: usize,
}

/// The terms of the forms in auxiliary variables: form f has `variables[k]` times `values[k]` for
/// `starts[f] <= k < starts[f+1]`.
pub struct FormTerms<'a> {
    pub starts: &'a [i64],
    pub variables: &'a [i32],
    pub values: Wide<'a>,
}

/// Positions in compressed sparse row form.
pub struct Positions<'a> {
    pub row_offsets: &'a [i64],
    pub columns: &'a [i32],
    pub amounts: &'a [i64],
}

/// The steps of one witness function.
pub struct WitnessKernel {
    positions: Matrix,
    constants: Vec<i128>,
    steps: Vec<(Operation, Range<usize>)>,
    term_starts: Vec<usize>,
    terms: Vec<(u32, i128)>,
    /// Steps that each asset reaches, and that each variable reaches.
    reached_by_asset: Vec<Vec<u32>>,
    reached_by_variable: Vec<Vec<u32>>,
    zero_values: Vec<i128>,
}

/// What one thread needs for one account after another.
struct Scratch {
    sums: Vec<i128>,
    /// One bit per step: still to be computed.
    pending: Vec<u64>,
    ranked: Vec<i128>,
}

impl WitnessKernel {
    /// `positions` has one column per asset and one row per form, `constants` one entry per form.
    pub fn new(
        positions: &Columns,
        terms: &FormTerms,
        constants: Wide,
        steps: &[Step],
    ) -> Result<Self, RowsError> {
        let constants = constants.to_vec()?;
        let steps = check_steps(steps, constants.len())?;
        check_compressed(terms.starts, terms.variables, steps.len())?;
        if terms.starts.len() != constants.len() + 1 {
            return Err(RowsError("terms are not given form by form"));
        }
        let values = terms.values.to_vec()?;
        if values.len() != terms.variables.len() {
            return Err(RowsError("a form needs one value for each of its variables"));
        }
        let mut kernel = Self {
            positions: Matrix::new(positions, constants.len())?,
            constants,
            term_starts: terms.starts.iter().map(|&start| start.unsigned_abs() as usize).collect(),
            terms: terms.variables.iter().map(|variable| variable.unsigned_abs()).zip(values).collect(),
            reached_by_asset: Vec::new(),
            reached_by_variable: vec![Vec::new(); steps.len()],
            zero_values: Vec::new(),
            steps,
        };
        kernel.index_steps(positions)?;
        let mut values = vec![0; kernel.steps.len()];
        let mut scratch = kernel.scratch();
        for step in 0..kernel.steps.len() {
            kernel.mark(step, &mut scratch);
        }
        kernel.compute(&mut values, &mut scratch);
        kernel.zero_values = values;
        Ok(kernel)
    }

    /// Which steps each asset and each variable reaches; refuses variables that are not computed before.
    fn index_steps(&mut self, positions: &Columns) -> Result<(), RowsError> {
        let mut step_of_form = Vec::with_capacity(self.constants.len());
        for (step, (_, forms)) in self.steps.iter().enumerate() {
            step_of_form.extend(forms.clone().map(|_| step as u32));
            for form in forms.clone() {
                for &(variable, _) in &self.terms[self.term_starts[form]..self.term_starts[form + 1]] {
                    if variable as usize >= step {
                        return Err(RowsError("a step uses a variable that is not computed before it"));
                    }
                    self.reached_by_variable[variable as usize].push(step as u32);
                }
            }
        }
        for bounds in positions.starts.windows(2) {
            let forms = &positions.rows[bounds[0] as usize..bounds[1] as usize];
            let steps = forms.iter().map(|&form| step_of_form[form as usize]).collect();
            self.reached_by_asset.push(without_repetitions(steps));
        }
        for steps in &mut self.reached_by_variable {
            *steps = without_repetitions(std::mem::take(steps));
        }
        Ok(())
    }

    /// Number of auxiliary variables.
    pub fn variable_count(&self) -> usize {
        self.steps.len()
    }

    /// The values, account by account: high and low limbs.
    pub fn evaluate(&self, batch: &Positions) -> Result<(Vec<i64>, Vec<u64>), RowsError> {
        check_compressed(batch.row_offsets, batch.columns, self.reached_by_asset.len())?;
        if batch.amounts.len() != batch.columns.len() {
            return Err(RowsError("positions need one amount for each of their columns"));
        }
        let accounts = batch.row_offsets.len() - 1;
        let parts = map_ranges(accounts, ACCOUNT_CHUNK, |range| self.evaluate_range(batch, range));
        let mut high = Vec::with_capacity(accounts * self.steps.len());
        let mut low = Vec::with_capacity(accounts * self.steps.len());
        for (part_high, part_low) in parts {
            high.extend_from_slice(&part_high);
            low.extend_from_slice(&part_low);
        }
        Ok((high, low))
    }

    fn evaluate_range(&self, batch: &Positions, accounts: Range<usize>) -> (Vec<i64>, Vec<u64>) {
        let mut high = Vec::with_capacity(accounts.len() * self.steps.len());
        let mut low = Vec::with_capacity(accounts.len() * self.steps.len());
        let mut scratch = self.scratch();
        let mut values = self.zero_values.clone();
        for account in accounts {
            let entries = batch.row_offsets[account] as usize..batch.row_offsets[account + 1] as usize;
            values.copy_from_slice(&self.zero_values);
            for &asset in &batch.columns[entries.clone()] {
                for &step in &self.reached_by_asset[asset as usize] {
                    self.mark(step as usize, &mut scratch);
                }
            }
            for entry in entries {
                let (asset, amount) = (batch.columns[entry] as usize, i128::from(batch.amounts[entry]));
                self.positions.add_column(&mut scratch.sums, asset, amount);
            }
            self.compute(&mut values, &mut scratch);
            high.extend(values.iter().map(|&value| (value >> 64) as i64));
            low.extend(values.iter().map(|&value| value as u64));
        }
        (high, low)
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            sums: self.constants.clone(),
            pending: vec![0; self.steps.len().div_ceil(64)],
            ranked: Vec::new(),
        }
    }

    /// Makes a step pending, its sums without any position yet.
    #[inline]
    fn mark(&self, step: usize, scratch: &mut Scratch) {
        let (word, bit) = (step / 64, 1 << (step % 64));
        if scratch.pending[word] & bit == 0 {
            scratch.pending[word] |= bit;
            let forms = self.steps[step].1.clone();
            scratch.sums[forms.clone()].copy_from_slice(&self.constants[forms]);
        }
    }

    /// Computes the pending steps in order, and those that their values reach.
    fn compute(&self, values: &mut [i128], scratch: &mut Scratch) {
        for word in 0..scratch.pending.len() {
            while scratch.pending[word] != 0 {
                let step = 64 * word + scratch.pending[word].trailing_zeros() as usize;
                let value = self.step_value(step, values, scratch);
                scratch.pending[word] &= scratch.pending[word] - 1;
                if value != values[step] {
                    values[step] = value;
                    for &reached in &self.reached_by_variable[step] {
                        self.mark(reached as usize, scratch);
                    }
                }
            }
        }
    }

    fn step_value(&self, step: usize, values: &[i128], scratch: &mut Scratch) -> i128 {
        let (operation, forms) = &self.steps[step];
        let sums = &scratch.sums;
        let mut found = forms.clone().map(|form| self.form_value(form, sums[form], values));
        match *operation {
            Operation::Maximum => found.fold(0, i128::max),
            Operation::Minimum => found.fold(i128::MAX, i128::min).max(0),
            Operation::Indicator => i128::from(found.next().is_some_and(|value| value >= 0)),
            Operation::OrderStatistic(rank) => {
                scratch.ranked.clear();
                scratch.ranked.extend(found);
                let place = scratch.ranked.len() - rank as usize;
                (*scratch.ranked.select_nth_unstable(place).1).max(0)
            }
        }
    }

    #[inline]
    fn form_value(&self, form: usize, sum: i128, values: &[i128]) -> i128 {
        let terms = &self.terms[self.term_starts[form]..self.term_starts[form + 1]];
        terms.iter().fold(sum, |total, &(variable, coefficient)| {
            total.wrapping_add(coefficient.wrapping_mul(values[variable as usize]))
        })
    }
}

fn check_steps(steps: &[Step], forms: usize) -> Result<Vec<(Operation, Range<usize>)>, RowsError> {
    let mut checked = Vec::with_capacity(steps.len());
    let mut start = 0;
    for step in steps {
        let range = start..step.forms_end;
        let is_valid = match step.operation {
            Operation::Maximum | Operation::Minimum => !range.is_empty(),
            Operation::Indicator => range.len() == 1,
            Operation::OrderStatistic(rank) => (1..=range.len()).contains(&(rank as usize)),
        };
        if !is_valid || step.forms_end > forms {
            return Err(RowsError("a step does not have the forms that its operation needs"));
        }
        start = step.forms_end;
        checked.push((step.operation, range));
    }
    if start != forms {
        return Err(RowsError("forms are left over after the last step"));
    }
    Ok(checked)
}

fn without_repetitions(mut steps: Vec<u32>) -> Vec<u32> {
    steps.sort_unstable();
    steps.dedup();
    steps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const OPERATIONS: [Operation; 5] = [
        Operation::Maximum,
        Operation::Minimum,
        Operation::Indicator,
        Operation::OrderStatistic(2),
        Operation::Maximum,
    ];

    /// x0 = max(0, q0, 5 - q1), x1 = max(0, min(q0, x0 + 3)), x2 = [x1 - 4 >= 0],
    /// x3 = max(0, second largest of q0, q1, 7), x4 = max(0, x2 + x3).
    fn kernel() -> WitnessKernel {
        let rows = [0, 2, 5, 1, 6];
        let (high, low) = ([0, 0, 0, -1, 0], [1, 1, 1, u64::MAX, 1]);
        let positions = Columns { starts: &[0, 3, 5], rows: &rows, values: Wide { high: &high, low: &low } };
        let terms = FormTerms {
            starts: &[0, 0, 0, 0, 1, 2, 2, 2, 2, 4],
            variables: &[0, 1, 2, 3],
            values: Wide { high: &[0; 4], low: &[1; 4] },
        };
        let constants = Wide {
            high: &[0, 0, 0, 0, -1, 0, 0, 0, 0],
            low: &[0, 5, 0, 3, 4_u64.wrapping_neg(), 0, 0, 7, 0],
        };
        let ends = [2, 4, 5, 8, 9];
        let steps: Vec<Step> = OPERATIONS
            .iter()
            .zip(ends)
            .map(|(&operation, forms_end)| Step { operation, forms_end })
            .collect();
        WitnessKernel::new(&positions, &terms, constants, &steps).unwrap()
    }

    fn expected(q: [i128; 2]) -> [i128; 5] {
        let x0 = q[0].max(5 - q[1]).max(0);
        let x1 = q[0].min(x0 + 3).max(0);
        let x2 = i128::from(x1 >= 4);
        let mut ranked = [q[0], q[1], 7];
        ranked.sort_unstable();
        let x3 = ranked[1].max(0);
        [x0, x1, x2, x3, x2 + x3]
    }

    fn evaluate(accounts: &[[i64; 2]]) -> Vec<i128> {
        let (mut offsets, mut columns, mut amounts) = (vec![0], Vec::new(), Vec::new());
        for account in accounts {
            for (asset, &amount) in account.iter().enumerate().filter(|(_, amount)| **amount != 0) {
                columns.push(asset as i32);
                amounts.push(amount);
            }
            offsets.push(columns.len() as i64);
        }
        let batch = Positions { row_offsets: &offsets, columns: &columns, amounts: &amounts };
        let (high, low) = kernel().evaluate(&batch).unwrap();
        high.iter().zip(low).map(|(&high, low)| (i128::from(high) << 64) | i128::from(low)).collect()
    }

    #[test]
    fn steps_are_computed_in_order_with_or_without_positions() {
        let mut accounts = Vec::new();
        for first in [-9, -1, 0, 1, 3, 4, 5, 8, i64::MAX] {
            for second in [i64::MIN + 1, -3, 0, 2, 5, 6, 7, 9] {
                accounts.push([first, second]);
            }
        }
        accounts.push([0, 0]);
        let wanted: Vec<i128> =
            accounts.iter().flat_map(|account| expected(account.map(i128::from))).collect();
        assert_eq!(evaluate(&accounts), wanted);
    }

    #[test]
    fn results_do_not_depend_on_where_the_batch_is_cut() {
        let accounts: Vec<[i64; 2]> =
            (0..2 * ACCOUNT_CHUNK as i64 + 1).map(|u| [u % 11 - 5, u % 7 - 3]).collect();
        let wanted: Vec<i128> =
            accounts.iter().flat_map(|account| expected(account.map(i128::from))).collect();
        assert_eq!(evaluate(&accounts), wanted);
    }

    #[test]
    fn malformed_steps_and_batches_are_refused() {
        let one = Wide { high: &[0], low: &[1] };
        let none = Wide { high: &[], low: &[] };
        let positions = Columns { starts: &[0, 1], rows: &[0], values: one };
        let new = |terms: &FormTerms, steps: &[Step]| {
            WitnessKernel::new(&positions, terms, one, steps).map(|_| ()).unwrap_err().0
        };
        let plain = FormTerms { starts: &[0, 0], variables: &[], values: none };
        let step = |operation, forms_end| Step { operation, forms_end };
        assert!(new(&plain, &[]).contains("left over"));
        assert!(new(&plain, &[step(Operation::Maximum, 0)]).contains("forms that its operation"));
        assert!(new(&plain, &[step(Operation::Maximum, 2)]).contains("forms that its operation"));
        assert!(new(&plain, &[step(Operation::OrderStatistic(0), 1)]).contains("forms that its operation"));
        assert!(new(&plain, &[step(Operation::OrderStatistic(2), 1)]).contains("forms that its operation"));
        let only = [step(Operation::Indicator, 1)];
        let itself = FormTerms { starts: &[0, 1], variables: &[0], values: one };
        assert!(new(&itself, &only).contains("not computed before"));
        let beyond = FormTerms { starts: &[0, 1], variables: &[1], values: one };
        assert!(new(&beyond, &only).contains("index"));
        let short = FormTerms { starts: &[0], variables: &[], values: none };
        assert!(new(&short, &only).contains("form by form"));
        let unvalued = FormTerms { starts: &[0, 1], variables: &[0], values: none };
        assert!(new(&unvalued, &only).contains("one value"));
        let kernel = WitnessKernel::new(&positions, &plain, one, &only).unwrap();
        let refused = |row_offsets, columns, amounts| {
            kernel.evaluate(&Positions { row_offsets, columns, amounts }).unwrap_err().0
        };
        assert!(refused(&[0, 1], &[1], &[1]).contains("index"));
        assert!(refused(&[0, 1], &[0], &[]).contains("one amount"));
    }
}
