//! The sumcheck over the bit variables, once all accounts are bound (`primitives.kernels`).
//!
//! b   the bound table, P entries;  lambda'_k = lambda_k / eq(tau_bits, k)
//! In the variable of the round b is `b_0 + d X` and lambda' is `l_0 + g X`; e are the weights of the later
//! variables. Without its constant, `sum e [b (1 - b) + lambda' b]` is `a_1 X + a_2 X^2` with
//!
//! ```text
//! a_1 = sum e d (1 - 2 b_0 + l_0) + e b_0 g
//! a_2 = sum e d (g - d)
//! ```

use super::lazy_sums::{ONE, ProductSum};
use super::tensor::{equality_table, tensor_table};
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::Fr;
use crate::parallel::{fill_chunks, map_ranges};
use crate::scalar;

/// Entries per task: 0.1 to 0.3 ms.
const CHUNK: usize = 1 << 12;

/// The tables of b and lambda' while the bit variables are bound, first variable first.
pub struct BitSumcheck {
    table: Vec<Fr>,
    weights: Vec<Fr>,
    /// e, of the next round: half as many entries.
    equality: Vec<Fr>,
}

impl BitSumcheck {
    /// Begin with the P entries of b, the lambda_k (P at most) and tau_bits.
    pub fn new(table: Vec<Fr>, bit_weights: &[Fr], tau: &[Fr]) -> Result<Self, KernelError> {
        if tau.is_empty() || table.len() != 1 << tau.len() || bit_weights.len() > table.len() {
            return Err(KernelError::Shape("table and weights do not fit the number of bit variables"));
        }
        if tau.iter().any(|x| *x == Fr::ZERO || *x == ONE) {
            return Err(KernelError::Shape("a coordinate of tau is 0 or 1"));
        }
        let weights = divide_by_equality(bit_weights, tau);
        Ok(Self { equality: equality_table(&tau[1..]), table, weights })
    }

    /// `(a_1, a_2)` of the next round.
    pub fn round_coefficients(&self) -> Result<(Fr, Fr), KernelError> {
        let half = self.half()?;
        let parts = map_ranges(half, CHUNK, |range| {
            let (mut linear, mut quadratic) = (ProductSum::ZERO, ProductSum::ZERO);
            for i in range {
                let (b_0, b_1) = (&self.table[i], &self.table[half + i]);
                if *b_0 == Fr::ZERO && *b_1 == Fr::ZERO {
                    continue;
                }
                let (l_0, equality) = (&self.weights[i], &self.equality[i]);
                let (slope, weight_slope) = (b_1.sub(b_0), self.weights[half + i].sub(l_0));
                let weighted = slope.mul(equality);
                linear.add(&weighted, &ONE.sub(b_0).sub(b_0).add(l_0));
                linear.add(&b_0.mul(equality), &weight_slope);
                quadratic.add(&weighted, &weight_slope.sub(&slope));
            }
            (linear.reduce(), quadratic.reduce())
        });
        Ok(parts.iter().fold((Fr::ZERO, Fr::ZERO), |sums, part| (sums.0.add(&part.0), sums.1.add(&part.1))))
    }

    /// Set the next variable.
    pub fn bind(&mut self, challenge: &Fr) -> Result<(), KernelError> {
        self.half()?;
        bind_first(&mut self.table, challenge);
        bind_first(&mut self.weights, challenge);
        // What is left of eq without its first variable is the sum over that variable.
        if self.equality.len() > 1 {
            let (zero, one) = self.equality.split_at(self.equality.len() / 2);
            self.equality = scalar::add(zero, one)?;
        }
        Ok(())
    }

    /// The entries of b that are left.
    pub fn table(&self) -> &[Fr] {
        &self.table
    }

    /// The entries of lambda' that are left.
    pub fn weights(&self) -> &[Fr] {
        &self.weights
    }

    fn half(&self) -> Result<usize, KernelError> {
        if self.table.len() == 1 {
            return Err(KernelError::Shape("all bit variables are bound"));
        }
        Ok(self.table.len() / 2)
    }
}

/// Replaces a table by `(1 - x) zero + x one` of its two halves.
fn bind_first(table: &mut Vec<Fr>, challenge: &Fr) {
    let half = table.len() / 2;
    let (zero, one) = table.split_at_mut(half);
    fill_chunks(zero, CHUNK, |offset, part| {
        for (value, at_one) in part.iter_mut().zip(&one[offset..]) {
            let slope = at_one.sub(value);
            if slope != Fr::ZERO {
                *value = value.add(&slope.mul(challenge));
            }
        }
    });
    table.truncate(half);
}

/// `lambda_k / eq(tau, k)`, zero where lambda has no more entries; 1/eq is a product of two tables of about
/// 2^(p/2) entries.
fn divide_by_equality(bit_weights: &[Fr], tau: &[Fr]) -> Vec<Fr> {
    let inverses: Vec<_> = tau.iter().map(|x| [ONE.sub(x).inverse(), x.inverse()]).collect();
    let (first, later) = inverses.split_at(tau.len() / 2);
    let (upper, lower) = (tensor_table(first), tensor_table(later));
    let mut weights = vec![Fr::ZERO; 1 << tau.len()];
    fill_chunks(&mut weights[..bit_weights.len()], CHUNK, |offset, part| {
        for (k, weight) in (offset..).zip(part) {
            let inverse = upper[k / lower.len()].mul(&lower[k % lower.len()]);
            *weight = bit_weights[k].mul(&inverse);
        }
    });
    weights
}

/// `value_i 2^j` for `j < widths_i`, value after value: the weights of the bits of several numbers.
pub fn bit_weights(values: &[Fr], widths: &[u8]) -> Result<Vec<Fr>, KernelError> {
    require_equal_lengths(values.len(), widths.len())?;
    let mut weights = Vec::with_capacity(widths.iter().map(|&width| usize::from(width)).sum());
    for (value, &width) in values.iter().zip(widths) {
        let powers = std::iter::successors(Some(*value), |power| Some(power.add(power)));
        weights.extend(powers.take(usize::from(width)));
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples::scalars;

    /// `(a_1, a_2)` from the values of the sum at 0, 1 and -1.
    fn definition(table: &[Fr], weights: &[Fr], later: &[Fr]) -> (Fr, Fr) {
        let equality = equality_table(later);
        let half = table.len() / 2;
        let at = |x: i64| {
            let x = Fr::from_i64(x);
            let value = |values: &[Fr], i: usize| values[i].add(&x.mul(&values[half + i].sub(&values[i])));
            (0..half).fold(Fr::ZERO, |sum, i| {
                let (b, weight) = (value(table, i), value(weights, i));
                sum.add(&equality[i].mul(&b.mul(&ONE.sub(&b).add(&weight))))
            })
        };
        let halved = Fr::from_i64(2).inverse();
        let (even, odd) = (at(1).add(&at(-1)).mul(&halved), at(1).sub(&at(-1)).mul(&halved));
        (odd, even.sub(&at(0)))
    }

    /// `x (one - zero)` of the halves of a table.
    fn slopes(table: &[Fr], x: &Fr) -> Vec<Fr> {
        let (zero, one) = table.split_at(table.len() / 2);
        scalar::scale(&scalar::sub(one, zero).unwrap(), x)
    }

    #[test]
    fn every_round_agrees_with_its_definition() {
        for (variables, width) in [(1usize, 2), (1, 0), (2, 3), (5, 20), (13, 5000), (14, 1 << 14)] {
            let tau = scalars(variables + 6)[6..].to_vec();
            let (mut table, lambda) = (scalars(1 << variables), scalars(width + 7)[7..].to_vec());
            table[width..].fill(Fr::ZERO);
            let mut weights = lambda.clone();
            weights.resize(1 << variables, Fr::ZERO);
            for (weight, equality) in weights.iter_mut().zip(equality_table(&tau)) {
                *weight = weight.mul(&equality.inverse());
            }
            let mut sumcheck = BitSumcheck::new(table.clone(), &lambda, &tau).unwrap();
            for (j, challenge) in scalars(variables + 5)[5..].iter().enumerate() {
                assert!(sumcheck.table() == table && sumcheck.weights() == weights);
                let expected = definition(&table, &weights, &tau[j + 1..]);
                assert!(sumcheck.round_coefficients() == Ok(expected));
                sumcheck.bind(challenge).unwrap();
                for values in [&mut table, &mut weights] {
                    *values = scalar::add(&values[..values.len() / 2], &slopes(values, challenge)).unwrap();
                }
            }
            assert!(sumcheck.table() == table && sumcheck.weights() == weights);
            assert!(sumcheck.round_coefficients().is_err() && sumcheck.bind(&ONE).is_err());
        }
    }

    #[test]
    fn other_sizes_and_degenerate_points_are_refused() {
        let (values, tau) = (scalars(8), scalars(9)[6..].to_vec());
        let new = |table: usize, weights: usize, tau: &[Fr]| {
            BitSumcheck::new(values[..table].to_vec(), &values[..weights], tau).is_ok()
        };
        assert!(new(8, 8, &tau) && new(8, 3, &tau));
        assert!(!new(7, 3, &tau) && !new(4, 5, &tau[1..]) && !new(1, 1, &[]));
        assert!(!new(8, 8, &[tau[0], ONE, tau[1]]) && !new(8, 8, &[tau[0], tau[1], Fr::ZERO]));
    }

    #[test]
    fn weights_of_bits_are_doubled_within_a_value() {
        let values = scalars(3);
        let weights = bit_weights(&values, &[3, 0, 1]).unwrap();
        let double = |x: &Fr| x.add(x);
        let two = double(&values[0]);
        assert!(weights == [values[0], two, double(&two), values[2]]);
        assert!(bit_weights(&values, &[3, 0]).is_err());
    }
}
