//! Element-wise operations on vectors of scalars.

use crate::errors::{KernelError, require_equal_lengths, require_even};
use crate::field::Fr;
use crate::parallel::{fill_chunks, map_ranges};

/// Elements per task: about 0.1 ms of multiplications.
const CHUNK: usize = 1 << 12;

/// `f(left_i, right_i)` for all i.
fn combine(left: &[Fr], right: &[Fr], f: impl Fn(&Fr, &Fr) -> Fr + Sync + Send) -> Vec<Fr> {
    let mut output = vec![Fr::ZERO; left.len()];
    fill_chunks(&mut output, CHUNK, |offset, part| {
        let pairs = left[offset..].iter().zip(&right[offset..]);
        for (result, (a, b)) in part.iter_mut().zip(pairs) {
            *result = f(a, b);
        }
    });
    output
}

/// Element-wise sum.
pub fn add(left: &[Fr], right: &[Fr]) -> Result<Vec<Fr>, KernelError> {
    require_equal_lengths(left.len(), right.len())?;
    Ok(combine(left, right, Fr::add))
}

/// Element-wise difference.
pub fn sub(left: &[Fr], right: &[Fr]) -> Result<Vec<Fr>, KernelError> {
    require_equal_lengths(left.len(), right.len())?;
    Ok(combine(left, right, Fr::sub))
}

/// Element-wise product.
pub fn multiply(left: &[Fr], right: &[Fr]) -> Result<Vec<Fr>, KernelError> {
    require_equal_lengths(left.len(), right.len())?;
    Ok(combine(left, right, Fr::mul))
}

/// Every element times `factor`.
pub fn scale(values: &[Fr], factor: &Fr) -> Vec<Fr> {
    combine(values, values, |value, _| value.mul(factor))
}

/// `left + challenge * right` over the two halves.
pub fn fold(values: &[Fr], challenge: &Fr) -> Result<Vec<Fr>, KernelError> {
    let (left, right) = values.split_at(require_even(values.len())?);
    Ok(combine(left, right, |a, b| a.add(&challenge.mul(b))))
}

/// The sum of `term(i)` for i in `0..length`.
fn sum_terms(length: usize, term: impl Fn(usize) -> Fr + Sync + Send) -> Fr {
    map_ranges(length, CHUNK, |range| range.fold(Fr::ZERO, |sum, i| sum.add(&term(i))))
        .iter()
        .fold(Fr::ZERO, |sum, part| sum.add(part))
}

/// The inner product.
pub fn inner(left: &[Fr], right: &[Fr]) -> Result<Fr, KernelError> {
    require_equal_lengths(left.len(), right.len())?;
    Ok(sum_terms(left.len(), |i| left[i].mul(&right[i])))
}

/// The sum of all elements.
pub fn sum(values: &[Fr]) -> Fr {
    sum_terms(values.len(), |i| values[i])
}

/// Signed machine integers modulo r.
pub fn from_i64(values: &[i64]) -> Vec<Fr> {
    let mut output = vec![Fr::ZERO; values.len()];
    fill_chunks(&mut output, CHUNK, |offset, part| {
        for (result, value) in part.iter_mut().zip(&values[offset..]) {
            *result = Fr::from_i64(*value);
        }
    });
    output
}
