//! `CommitmentKey`.

use numpy::{Element, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::point_vector::PointVector;
use super::scalar_vector::ScalarVector;
use crate::fixed_base::{self, SparseRows};

/// Fixed-base tables for asset generators and a blinding generator.
#[pyclass(frozen, module = "native._kernels")]
pub struct CommitmentKey(fixed_base::CommitmentKey);

/// A copy: other threads may write to the array while the kernel runs without the interpreter lock.
pub(super) fn copy_of<T: Element + Copy>(array: &PyReadonlyArray1<'_, T>) -> Vec<T> {
    array.as_array().iter().copied().collect()
}

#[pymethods]
impl CommitmentKey {
    #[new]
    fn new(
        generators: &PointVector,
        blinding_generator: &PointVector,
        expected_rows: usize,
    ) -> PyResult<Self> {
        let [blinding_generator] = blinding_generator.0[..] else {
            return Err(PyValueError::new_err("blinding_generator is not a vector of length one"));
        };
        Ok(Self(fixed_base::CommitmentKey::new(&generators.0, blinding_generator, expected_rows)))
    }

    fn commit(
        &self,
        py: Python<'_>,
        row_offsets: PyReadonlyArray1<'_, i64>,
        columns: PyReadonlyArray1<'_, i32>,
        amounts: PyReadonlyArray1<'_, i64>,
        blindings: &ScalarVector,
    ) -> PyResult<PointVector> {
        let row_offsets = copy_of(&row_offsets);
        let (columns, amounts) = (copy_of(&columns), copy_of(&amounts));
        let commitments = py.detach(|| {
            let rows = SparseRows { row_offsets: &row_offsets, columns: &columns, amounts: &amounts };
            self.0.commit(&rows, &blindings.0)
        })?;
        Ok(PointVector(commitments))
    }
}
