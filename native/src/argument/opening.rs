//! Multi-scalar multiplications of the prover: in lanes where the processor has them, and without the
//! zeros of which the vectors of an opening consist for the most part.

use super::lane_adder::LaneAdder;
use crate::errors::{KernelError, require_equal_lengths};
use crate::field::Fr;
use crate::msm::multi_scalar_multiply_by;
use crate::point::AffinePoint;

/// `sum_i scalars_i * points_i`. Variable time.
pub fn multi_scalar_multiply(points: &[AffinePoint], scalars: &[Fr]) -> Result<AffinePoint, KernelError> {
    require_equal_lengths(points.len(), scalars.len())?;
    let zeros = scalars.iter().filter(|scalar| **scalar == Fr::ZERO).count();
    if zeros <= scalars.len() / 8 {
        return multi_scalar_multiply_by::<LaneAdder>(points, scalars);
    }
    let terms = points.iter().zip(scalars).filter(|(_, scalar)| **scalar != Fr::ZERO);
    let (points, scalars): (Vec<_>, Vec<_>) = terms.unzip();
    multi_scalar_multiply_by::<LaneAdder>(&points, &scalars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msm;
    use crate::point::samples::{mixed_points, scalars};

    #[test]
    fn agrees_with_the_other_arithmetic_whatever_is_zero() {
        for length in [0, 1, 3, 99, 101, 400, 1500] {
            let points = mixed_points(length);
            for keep in [1, 2, 7] {
                let mut scalars = scalars(length);
                for (i, scalar) in scalars.iter_mut().enumerate() {
                    if i % keep != 0 {
                        *scalar = Fr::ZERO;
                    }
                }
                let expected = msm::multi_scalar_multiply(&points, &scalars);
                assert!(multi_scalar_multiply(&points, &scalars) == expected);
            }
        }
        assert!(multi_scalar_multiply(&mixed_points(2), &scalars(1)).is_err());
    }
}
