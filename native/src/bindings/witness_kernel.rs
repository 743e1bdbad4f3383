//! `WitnessKernel`.

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::row_kernel::{Limbs, Matrix, OwnedMatrix, copy_of};
use crate::rows::{RowsError, Wide};
use crate::witness::{self, FormTerms, Operation, Positions, Step};

/// The steps of a witness, ready for batches of accounts.
#[pyclass(frozen, module = "native._kernels")]
pub struct WitnessKernel(witness::WitnessKernel);

/// Limbs (high, low) of one line per account.
type Values<'py> = (Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<u64>>);

fn operation_of(code: u32, rank: u32) -> Result<Operation, RowsError> {
    match code {
        0 => Ok(Operation::Maximum),
        1 => Ok(Operation::Minimum),
        2 => Ok(Operation::Indicator),
        3 => Ok(Operation::OrderStatistic(rank)),
        _ => Err(RowsError("a step has an unknown operation")),
    }
}

#[pymethods]
impl WitnessKernel {
    #[new]
    fn new(
        positions: Matrix<'_>,
        terms: Matrix<'_>,
        constants: Limbs<'_>,
        steps: Vec<(u32, u32, usize)>,
    ) -> PyResult<Self> {
        let (positions, terms) = (OwnedMatrix::new(&positions), OwnedMatrix::new(&terms));
        let (high, low) = (copy_of(&constants.0), copy_of(&constants.1));
        let columns = terms.columns();
        let terms = FormTerms { starts: columns.starts, variables: columns.rows, values: columns.values };
        let steps = steps
            .into_iter()
            .map(|(code, rank, forms_end)| Ok(Step { operation: operation_of(code, rank)?, forms_end }))
            .collect::<Result<Vec<_>, RowsError>>()?;
        let constants = Wide { high: &high, low: &low };
        Ok(Self(witness::WitnessKernel::new(&positions.columns(), &terms, constants, &steps)?))
    }

    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        row_offsets: PyReadonlyArray1<'py, i64>,
        columns: PyReadonlyArray1<'py, i32>,
        amounts: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Values<'py>> {
        let row_offsets = copy_of(&row_offsets);
        let (columns, amounts) = (copy_of(&columns), copy_of(&amounts));
        let (high, low) = py.detach(|| {
            self.0.evaluate(&Positions { row_offsets: &row_offsets, columns: &columns, amounts: &amounts })
        })?;
        let shape = (row_offsets.len() - 1, self.0.variable_count());
        let malformed = |error: numpy::ndarray::ShapeError| PyValueError::new_err(error.to_string());
        let high = Array2::from_shape_vec(shape, high).map_err(malformed)?;
        let low = Array2::from_shape_vec(shape, low).map_err(malformed)?;
        Ok((high.into_pyarray(py), low.into_pyarray(py)))
    }
}
