//! The sumcheck of `sum eq(tau, .) b (1 - b)` over the account variables (`primitives.kernels`).
//!
//! The first J rounds read the Gram matrix of the bits, later ones a table of scalars, of which 2^-J times
//! as many entries are left as there are bits. Where accounts differ in few bits, all this is made from their
//! differences (`super::differences`).

use super::bit_table::BitTable;
use super::differences::Differences;
use super::folded_table::FoldedTable;
use super::gram::GramMatrix;
use super::lazy_sums::ProductSum;
use super::tensor::equality_table;
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::Fr;

/// J at most for tables of all bits. Each more doubles the work of the Gram matrix and halves that of the
/// later rounds.
const LEADING_VARIABLES: u32 = 5;

/// The table before J variables are bound.
enum Bits {
    Table(BitTable),
    Differences(Differences),
}

impl Bits {
    /// l and p.
    fn variables(&self) -> (usize, usize) {
        let (accounts, bits) = match self {
            Self::Table(table) => (table.account_variables(), table.bit_variables()),
            Self::Differences(differences) => (differences.account_variables(), differences.bit_variables()),
        };
        (accounts as usize, bits as usize)
    }

    /// J, at most l, and at least 1 if l is.
    fn leading(&self) -> usize {
        match self {
            Self::Table(table) => table.account_variables().min(LEADING_VARIABLES) as usize,
            Self::Differences(differences) => differences.leading() as usize,
        }
    }

    fn gram(&self, later: &[Fr], bit_weights: &[Fr]) -> GramMatrix {
        let account_weights = equality_table(later);
        match self {
            Self::Table(table) => GramMatrix::new(table, self.leading() as u32, account_weights, bit_weights),
            Self::Differences(differences) => differences.gram(&account_weights, bit_weights),
        }
    }

    fn folded(&self, challenges: &[Fr]) -> FoldedTable {
        match self {
            Self::Table(table) => FoldedTable::from_bits(table, challenges),
            Self::Differences(differences) => differences.folded(challenges),
        }
    }
}

/// What the table is, for as long as it is that.
enum State {
    Bits { bits: Bits, gram: Option<GramMatrix> },
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
        let bits = match Differences::new(&table) {
            Some(differences) => Bits::Differences(differences),
            None => Bits::Table(table),
        };
        Self::begin(bits, tau)
    }

    fn begin(bits: Bits, tau: Vec<Fr>) -> Result<Self, KernelError> {
        let (account_variables, bit_variables) = bits.variables();
        require_equal_lengths(tau.len(), account_variables + bit_variables)?;
        Ok(Self {
            account_variables,
            leading: bits.leading(),
            padded_width: 1 << bit_variables,
            column_weights: equality_table(&tau[account_variables..]),
            tau,
            challenges: Vec::with_capacity(account_variables),
            state: State::Bits { bits, gram: None },
        })
    }

    /// `(t_1, t_2)` of the next round.
    pub fn round_coefficients(&mut self) -> Result<(Fr, Fr), KernelError> {
        self.require_unbound()?;
        let bound = self.challenges.len();
        match &mut self.state {
            State::Bits { bits, gram } => {
                let later = &self.tau[self.leading..self.account_variables];
                let gram = gram.get_or_insert_with(|| bits.gram(later, &self.column_weights));
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
            State::Bits { bits, .. } if self.challenges.len() == self.leading => {
                self.state = State::Folded(bits.folded(&self.challenges));
            }
            State::Bits { .. } => {}
        }
        Ok(())
    }

    /// All entries that are left, padding included.
    pub fn table(&self) -> Vec<Fr> {
        match &self.state {
            State::Bits { bits, .. } => bits.folded(&self.challenges).padded(self.padded_width),
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
    // Of the symmetric products, pairs p < p' count twice.
    let product = |c: usize, other: usize| {
        over_rest(&|s| {
            let mut sum = ProductSum::ZERO;
            for (p, weight) in weights.iter().enumerate() {
                let (mut row, first) = (ProductSum::ZERO, if c == other { p + 1 } else { 0 });
                for (q, weight) in weights.iter().enumerate().skip(first) {
                    row.add(weight, gram.sum(index(p, c, s), index(q, other, s)));
                }
                let mut row = row.reduce();
                if c == other {
                    row = row.add(&row).add(&weight.mul(gram.sum(index(p, c, s), index(p, c, s))));
                }
                sum.add(weight, &row);
            }
            sum.reduce()
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
    use super::super::shared_line::samples::sparse_table;
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

    /// All rounds and all tables of a sumcheck of `bits`, each against its definition.
    fn assert_agrees(bits: &BitTable, begin: impl Fn(Vec<Fr>) -> Result<AccountSumcheck, KernelError>) {
        let padded = bits.padded_width();
        let cells = padded << bits.account_variables();
        let cell = |i: usize| if samples::bit(bits, i / padded, i % padded) { ONE } else { Fr::ZERO };
        let mut table: Vec<_> = (0..cells).map(cell).collect();
        let variables = cells.trailing_zeros() as usize;
        let (tau, rounds) = (scalars(variables + 3)[3..].to_vec(), scalars(variables + 9)[9..].to_vec());
        let mut sumcheck = begin(tau.clone()).unwrap();
        for j in 0..bits.account_variables() as usize {
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

    #[test]
    fn every_round_agrees_with_its_definition() {
        for (accounts, width) in [(1, 1), (2, 9), (3, 1), (5, 33), (16, 8), (17, 3), (100, 20), (700, 5)] {
            let bits = samples::table(accounts, width);
            assert_agrees(&bits, |tau| AccountSumcheck::new(samples::table(accounts, width), tau));
        }
    }

    #[test]
    fn rounds_from_differences_agree_with_their_definition() {
        // Mostly equal lines, all equal, all different.
        for (accounts, width, share, equal) in [(64, 4003, 9, 3), (128, 4096, 20, 1), (64, 4001, 0, 64)] {
            let bits = || sparse_table(accounts, width, share, equal);
            assert!(Differences::new(&bits()).is_some());
            assert_agrees(&bits(), |tau| AccountSumcheck::new(bits(), tau));
        }
        for (accounts, width) in [(1, 5), (2, 9), (16, 77), (64, 8), (256, 3)] {
            let bits = samples::table(accounts, width);
            for leading in bits.account_variables().min(1)..=bits.account_variables() {
                for line in [bits.account(0).to_vec(), vec![0; bits.stride()]] {
                    assert_agrees(&bits, |tau| {
                        let differences = Differences::with_leading(&bits, line.clone(), leading);
                        AccountSumcheck::begin(Bits::Differences(differences), tau)
                    });
                }
            }
        }
    }

    #[test]
    fn a_point_of_another_dimension_is_refused() {
        assert!(AccountSumcheck::new(samples::table(3, 5), scalars(4)).is_err());
        assert!(AccountSumcheck::new(samples::table(3, 5), scalars(5)).is_ok());
    }
}
