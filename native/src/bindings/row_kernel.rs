//! `RowKernel`.

use numpy::ndarray::Array2;
use numpy::{Element, IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::rows::{self, AccountBatch, Columns, RowsError, Wide};

impl From<RowsError> for PyErr {
    fn from(error: RowsError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// The rows and auxiliary variables of a statement, ready for batches of accounts.
#[pyclass(frozen, module = "native._kernels")]
pub struct RowKernel(rows::RowKernel);

/// Two limbs of wide integers, as arrays of Python.
pub(super) type Limbs<'py> = (PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, u64>);
/// A matrix in compressed column form: starts, rows, values.
pub(super) type Matrix<'py> = (PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, i32>, Limbs<'py>);
/// A packed table, and the first failing check of every account.
type Evaluated<'py> = (Bound<'py, PyArray2<u8>>, Bound<'py, PyArray1<i32>>);

/// A copy: other threads may write to the array while the kernel runs without the interpreter lock.
pub(super) fn copy_of<T: Element + Copy>(array: &PyReadonlyArray1<'_, T>) -> Vec<T> {
    array.as_slice().map_or_else(|_| array.as_array().iter().copied().collect(), <[T]>::to_vec)
}

/// The same of a table, line by line.
fn copy_of_table<T: Element + Copy>(table: &PyReadonlyArray2<'_, T>) -> Vec<T> {
    table.as_slice().map_or_else(|_| table.as_array().iter().copied().collect(), <[T]>::to_vec)
}

pub(super) struct OwnedMatrix {
    starts: Vec<i64>,
    rows: Vec<i32>,
    high: Vec<i64>,
    low: Vec<u64>,
}

impl OwnedMatrix {
    pub(super) fn new((starts, rows, (high, low)): &Matrix<'_>) -> Self {
        Self { starts: copy_of(starts), rows: copy_of(rows), high: copy_of(high), low: copy_of(low) }
    }

    pub(super) fn columns(&self) -> Columns<'_> {
        let values = Wide { high: &self.high, low: &self.low };
        Columns { starts: &self.starts, rows: &self.rows, values }
    }
}

#[pymethods]
impl RowKernel {
    #[new]
    fn new(
        positions: Matrix<'_>,
        auxiliaries: Matrix<'_>,
        constants: Limbs<'_>,
        widths: Vec<u8>,
        zero_auxiliaries: Limbs<'_>,
    ) -> PyResult<Self> {
        let (positions, auxiliaries) = (OwnedMatrix::new(&positions), OwnedMatrix::new(&auxiliaries));
        let (high, low) = (copy_of(&constants.0), copy_of(&constants.1));
        let constants = Wide { high: &high, low: &low };
        let (zero_high, zero_low) = (copy_of(&zero_auxiliaries.0), copy_of(&zero_auxiliaries.1));
        let zero = Wide { high: &zero_high, low: &zero_low };
        let (positions, auxiliaries) = (positions.columns(), auxiliaries.columns());
        Ok(Self(rows::RowKernel::new(&positions, &auxiliaries, constants, widths, zero)?))
    }

    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        row_offsets: PyReadonlyArray1<'py, i64>,
        columns: PyReadonlyArray1<'py, i32>,
        amounts: PyReadonlyArray1<'py, i64>,
        auxiliaries_high: PyReadonlyArray2<'py, i64>,
        auxiliaries_low: PyReadonlyArray2<'py, u64>,
    ) -> PyResult<Evaluated<'py>> {
        let row_offsets = copy_of(&row_offsets);
        let (columns, amounts) = (copy_of(&columns), copy_of(&amounts));
        let (high, low) = (copy_of_table(&auxiliaries_high), copy_of_table(&auxiliaries_low));
        let (packed, checks) = py.detach(|| {
            let auxiliaries = Wide { high: &high, low: &low };
            self.0.evaluate(&AccountBatch {
                row_offsets: &row_offsets,
                columns: &columns,
                amounts: &amounts,
                auxiliaries,
            })
        })?;
        let shape = (checks.len(), self.0.packed_bytes());
        let packed = Array2::from_shape_vec(shape, packed)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((packed.into_pyarray(py), checks.into_pyarray(py)))
    }
}
