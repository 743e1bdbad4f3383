//! Tables of products over the bits of an index, first variable most significant.

use super::lazy_sums::ONE;
use crate::field::Fr;

/// `table[i] = prod_j factors[j][bit j of i]`: 2^len elements.
pub fn tensor_table(factors: &[[Fr; 2]]) -> Vec<Fr> {
    let mut table = Vec::with_capacity(1 << factors.len());
    table.push(ONE);
    for [at_zero, at_one] in factors.iter().rev() {
        for i in 0..table.len() {
            let value: Fr = table[i];
            table.push(value.mul(at_one));
            table[i] = value.mul(at_zero);
        }
    }
    table
}

/// `eq(point, i)` for all i in {0,1}^len.
pub fn equality_table(point: &[Fr]) -> Vec<Fr> {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(ONE);
    for x in point.iter().rev() {
        for i in 0..table.len() {
            let value: Fr = table[i];
            let at_one = value.mul(x);
            table.push(at_one);
            table[i] = value.sub(&at_one);
        }
    }
    table
}
