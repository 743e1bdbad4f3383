//! The sumcheck of `sum eq(tau, .) b (1 - b)` over the account variables (`primitives.kernels`).
//!
//! The first J rounds read the Gram matrix of the bits, later ones a table of scalars, of which 2^-J times
//! as many entries are left as there are bits.

use super::bit_table::BitTable;
use super::folded_table::FoldedTable;
use super::gram::GramMatrix;
use super::tensor::equality_table;
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::Fr;

/// J at most. Each more doubles the work of the Gram matrix and halves that of the later rounds.
const LEADING_VARIABLES: u32 = 5;

/// What the table is, for as long as it is that.
enum State {
    Bits { table: BitTable, gram: Option<GramMatrix> },
    Folded(FoldedTable),
}

/// The bit table while its account variables are bound.
pub struct AccountSumcheck {
    state: State,
    account_variables: usize,
    leading: usize,
    padded_width: usize,
    tau: Vec<Fr>,
    column_weights: Vec<Fr>,
    challenges: Vec<Fr>,
}

impl AccountSumcheck {
    /// Begin at the point `tau` of l + p coordinates.
    pub fn new(table: BitTable, tau: Vec<Fr>) -> Result<Self, KernelError> {
        let account_variables = table.account_variables() as usize;
        require_equal_lengths(tau.len(), account_variables + table.bit_variables() as usize)?;
        Ok(Self {
            account_variables,
            leading: account_variables.min(LEADING_VARIABLES as usize),
            padded_width: table.padded_width(),
            column_weights: equality_table(&tau[account_variables..]),
            tau,
            challenges: Vec::with_capacity(account_variables),
            state: State::Bits { table, gram: None },
        })
    }

    /// `(t_1, t_2)` of the next round.
    pub fn round_coefficients(&mut self) -> Result<(Fr, Fr), KernelError> {
        self.require_unbound()?;
        let bound = self.challenges.len();
        match &mut self.state {
            State::Bits { table, gram } => {
                let gram = gram.get_or_insert_with(|| GramMatrix::new(table, self.leading as u32, &self.tau));
                Ok(leading_round(gram, &self.challenges, &self.tau[bound + 1..self.leading]))
            }
            State::Folded(table) => {
                let row_weights = equality_table(&self.tau[bound + 1..self.account_variables]);
                Ok(table.round_coefficients(&row_weights, &self.column_weights))
            }
        }
    }

    /// Set the next account variable.
    pub fn bind(&mut self, challenge: Fr) -> Result<(), KernelError> {
        self.require_unbound()?;
        self.challenges.push(challenge);
        match &mut self.state {
            State::Folded(table) => table.bind(&challenge),
            State::Bits { table, .. } if self.challenges.len() == self.leading => {
                self.state = State::Folded(FoldedTable::from_bits(table, &self.challenges));
            }
            State::Bits { .. } => {}
        }
        Ok(())
    }

    /// All entries that are left, padding included.
    pub fn table(&self) -> Vec<Fr> {
        match &self.state {
            State::Bits { table, .. } => {
                FoldedTable::from_bits(table, &self.challenges).padded(self.padded_width)
            }
            State::Folded(table) => table.padded(self.padded_width),
        }
    }

    fn require_unbound(&self) -> Result<(), KernelError> {
        if self.challenges.len() == self.account_variables {
            return Err(KernelError::Shape("all account variables are bound"));
        }
        Ok(())
    }
}

/// A round among the first J, after the challenges r_1 .. r_j; `later` are tau_{j+2} .. tau_J.
///
/// With x = (p, c, s), where p are the j bound variables, c is the one of the round and s the rest, and with
/// weights w_p = eq(r, p) and e_s = eq(later, s), the sums over all cells are
///
/// ```text
/// L_c    = sum e b_c      = sum_s e_s sum_p w_p S[(p,c,s), (p,c,s)]              (bits are their squares)
/// Q_cc'  = sum e b_c b_c' = sum_s e_s sum_p sum_p' w_p w_p' S[(p,c,s), (p',c',s)]
/// t_1    = sum e d (1 - 2 b_0) = L_1 - L_0 - 2 (Q_01 - Q_00)
/// t_2    = - sum e d^2         = - (Q_11 - 2 Q_01 + Q_00)
/// ```
fn leading_round(gram: &GramMatrix, challenges: &[Fr], later: &[Fr]) -> (Fr, Fr) {
    let weights = equality_table(challenges);
    let rest = equality_table(later);
    let index = |p: usize, c: usize, s: usize| (2 * p + c) * rest.len() + s;
    let over_rest = |term: &dyn Fn(usize) -> Fr| {
        rest.iter().enumerate().fold(Fr::ZERO, |sum, (s, weight)| sum.add(&weight.mul(&term(s))))
    };
    let linear = |c: usize| {
        over_rest(&|s| {
            weights.iter().enumerate().fold(Fr::ZERO, |sum, (p, weight)| {
                sum.add(&weight.mul(gram.sum(index(p, c, s), index(p, c, s))))
            })
        })
    };
    let product = |c: usize, other: usize| {
        over_rest(&|s| {
            weights.iter().enumerate().fold(Fr::ZERO, |sum, (p, weight)| {
                let row = weights.iter().enumerate().fold(Fr::ZERO, |sum, (q, weight)| {
                    sum.add(&weight.mul(gram.sum(index(p, c, s), index(q, other, s))))
                });
                sum.add(&weight.mul(&row))
            })
        })
    };
    let (q_00, q_01, q_11) = (product(0, 0), product(0, 1), product(1, 1));
    let cross = q_01.sub(&q_00);
    let slope = linear(1).sub(&linear(0));
    (slope.sub(&cross).sub(&cross), cross.sub(&q_11).add(&q_01))
}

#[cfg(test)]
mod tests {
    use super::super::bit_table::samples;
    use super::super::lazy_sums::ONE;
    use super::*;
    use crate::point::samples::scalars;

    /// `(t_1, t_2)` by their definition on the whole table.
    fn definition(table: &[Fr], later: &[Fr]) -> (Fr, Fr) {
        let weights = equality_table(later);
        let (zero, one) = table.split_at(table.len() / 2);
        let (mut linear, mut quadratic) = (Fr::ZERO, Fr::ZERO);
        for ((weight, b_0), b_1) in weights.iter().zip(zero).zip(one) {
            let slope = b_1.sub(b_0);
            let weighted = weight.mul(&slope);
            linear = linear.add(&weighted.mul(&ONE.sub(b_0).sub(b_0)));
            quadratic = quadratic.sub(&weighted.mul(&slope));
        }
        (linear, quadratic)
    }

    #[test]
    fn every_round_agrees_with_its_definition() {
        for (accounts, width) in [(1, 1), (2, 9), (3, 1), (5, 33), (16, 8), (17, 3), (100, 20), (700, 5)] {
            let bits = samples::table(accounts, width);
            let padded = bits.padded_width();
            let cells = padded << bits.account_variables();
            let mut table: Vec<_> = (0..cells)
                .map(|i| if samples::bit(&bits, i / padded, i % padded) { ONE } else { Fr::ZERO })
                .collect();
            let variables = cells.trailing_zeros() as usize;
            let (tau, rounds) = (scalars(variables + 3)[3..].to_vec(), scalars(variables + 9)[9..].to_vec());
            let account_variables = bits.account_variables() as usize;
            let mut sumcheck = AccountSumcheck::new(bits, tau.clone()).unwrap();
            for j in 0..account_variables {
                assert!(sumcheck.table() == table);
                assert!(sumcheck.round_coefficients() == Ok(definition(&table, &tau[j + 1..])));
                sumcheck.bind(rounds[j]).unwrap();
                let (zero, one) = table.split_at(table.len() / 2);
                table = zero.iter().zip(one).map(|(a, b)| a.add(&rounds[j].mul(&b.sub(a)))).collect();
            }
            assert!(sumcheck.table() == table);
            assert!(sumcheck.round_coefficients().is_err());
            assert!(sumcheck.bind(ONE).is_err());
        }
    }

    #[test]
    fn a_point_of_another_dimension_is_refused() {
        assert!(AccountSumcheck::new(samples::table(3, 5), scalars(4)).is_err());
        assert!(AccountSumcheck::new(samples::table(3, 5), scalars(5)).is_ok());
    }
}
