//! Kernels of the range argument: `RowCommitmentKey`, `AccountSumcheck`, sums over positions.

use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::commitment_key::copy_of;
use super::point_vector::PointVector;
use super::scalar_vector::ScalarVector;
use super::{scalar_from_python, scalar_to_python};
use crate::argument::bit_table::BitTable;
use crate::argument::{account_sumcheck, bit_sumcheck, opening, positions, row_commitments};
use crate::fixed_base::SparseRows;

/// A validated copy of packed bits: other threads may write to the array while a kernel runs.
fn bit_table(py: Python<'_>, bits: &PyReadonlyArray2<'_, u8>, width: usize) -> PyResult<BitTable> {
    let array = bits.as_array();
    let accounts = array.nrows();
    let bits = array.as_slice().map_or_else(|| array.iter().copied().collect(), <[u8]>::to_vec);
    Ok(py.detach(|| BitTable::new(bits, accounts, width))?)
}

/// The columns B_c and H, with tables that grow with use.
#[pyclass(frozen, module = "native._kernels")]
pub struct RowCommitmentKey(row_commitments::RowCommitmentKey);

#[pymethods]
impl RowCommitmentKey {
    #[new]
    fn new(columns: &PointVector, blinding_generator: &PointVector) -> PyResult<Self> {
        let [blinding_generator] = blinding_generator.0[..] else {
            return Err(PyValueError::new_err("blinding_generator is not a vector of length one"));
        };
        Ok(Self(row_commitments::RowCommitmentKey::new(columns.0.clone(), blinding_generator)?))
    }

    fn commit(
        &self,
        py: Python<'_>,
        bits: PyReadonlyArray2<'_, u8>,
        width: usize,
        blindings: &ScalarVector,
    ) -> PyResult<PointVector> {
        let table = bit_table(py, &bits, width)?;
        Ok(PointVector(py.detach(|| self.0.commit(&table, &blindings.0))?))
    }
}

/// The sumcheck over the account variables of a bit table.
#[pyclass(frozen, module = "native._kernels")]
pub struct AccountSumcheck(Mutex<account_sumcheck::AccountSumcheck>);

impl AccountSumcheck {
    /// The state; to be called without the interpreter lock, which its holder may wait for.
    fn state(&self) -> MutexGuard<'_, account_sumcheck::AccountSumcheck> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl AccountSumcheck {
    #[new]
    fn new(
        py: Python<'_>,
        bits: PyReadonlyArray2<'_, u8>,
        width: usize,
        tau: &ScalarVector,
    ) -> PyResult<Self> {
        let table = bit_table(py, &bits, width)?;
        let state = py.detach(|| account_sumcheck::AccountSumcheck::new(table, tau.0.clone()))?;
        Ok(Self(Mutex::new(state)))
    }

    fn round_coefficients<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (linear, quadratic) = py.detach(|| self.state().round_coefficients())?;
        Ok((scalar_to_python(py, &linear)?, scalar_to_python(py, &quadratic)?))
    }

    fn bind(&self, py: Python<'_>, challenge: &Bound<'_, PyAny>) -> PyResult<()> {
        let challenge = scalar_from_python(challenge)?;
        Ok(py.detach(|| self.state().bind(challenge))?)
    }

    fn table(&self, py: Python<'_>) -> ScalarVector {
        ScalarVector(py.detach(|| self.state().table()))
    }
}

/// The sumcheck over the bit variables.
#[pyclass(frozen, module = "native._kernels")]
pub struct BitSumcheck(Mutex<bit_sumcheck::BitSumcheck>);

impl BitSumcheck {
    /// The state; to be called without the interpreter lock, which its holder may wait for.
    fn state(&self) -> MutexGuard<'_, bit_sumcheck::BitSumcheck> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl BitSumcheck {
    #[new]
    fn new(
        py: Python<'_>,
        table: &ScalarVector,
        bit_weights: &ScalarVector,
        tau: &ScalarVector,
    ) -> PyResult<Self> {
        let begin = || bit_sumcheck::BitSumcheck::new(table.0.clone(), &bit_weights.0, &tau.0);
        Ok(Self(Mutex::new(py.detach(begin)?)))
    }

    fn round_coefficients<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (linear, quadratic) = py.detach(|| self.state().round_coefficients())?;
        Ok((scalar_to_python(py, &linear)?, scalar_to_python(py, &quadratic)?))
    }

    fn bind(&self, py: Python<'_>, challenge: &Bound<'_, PyAny>) -> PyResult<()> {
        let challenge = scalar_from_python(challenge)?;
        Ok(py.detach(|| self.state().bind(&challenge))?)
    }

    fn table(&self, py: Python<'_>) -> ScalarVector {
        ScalarVector(py.detach(|| self.state().table().to_vec()))
    }

    fn weights(&self, py: Python<'_>) -> ScalarVector {
        ScalarVector(py.detach(|| self.state().weights().to_vec()))
    }
}

/// `value_i 2^j` for `j < widths_i`.
#[pyfunction]
fn bit_weights(py: Python<'_>, values: &ScalarVector, widths: Vec<u8>) -> PyResult<ScalarVector> {
    Ok(ScalarVector(py.detach(|| bit_sumcheck::bit_weights(&values.0, &widths))?))
}

#[pyfunction]
fn sum_positions(
    py: Python<'_>,
    row_offsets: PyReadonlyArray1<'_, i64>,
    columns: PyReadonlyArray1<'_, i32>,
    amounts: PyReadonlyArray1<'_, i64>,
    weights: &ScalarVector,
    assets: usize,
) -> PyResult<ScalarVector> {
    let row_offsets = copy_of(&row_offsets);
    let (columns, amounts) = (copy_of(&columns), copy_of(&amounts));
    let rows = SparseRows { row_offsets: &row_offsets, columns: &columns, amounts: &amounts };
    Ok(ScalarVector(py.detach(|| positions::weighted_sum(&rows, &weights.0, assets))?))
}

#[pyfunction]
fn evaluate_positions(
    py: Python<'_>,
    row_offsets: PyReadonlyArray1<'_, i64>,
    columns: PyReadonlyArray1<'_, i32>,
    amounts: PyReadonlyArray1<'_, i64>,
    coefficients: &ScalarVector,
    constant: &Bound<'_, PyAny>,
) -> PyResult<ScalarVector> {
    let constant = scalar_from_python(constant)?;
    let row_offsets = copy_of(&row_offsets);
    let (columns, amounts) = (copy_of(&columns), copy_of(&amounts));
    let rows = SparseRows { row_offsets: &row_offsets, columns: &columns, amounts: &amounts };
    let count = row_offsets.len().saturating_sub(1);
    Ok(ScalarVector(py.detach(|| positions::evaluate(&rows, count, &coefficients.0, &constant))?))
}

/// `multi_scalar_multiply` in the arithmetic of the prover's kernels.
#[pyfunction]
fn prover_multi_scalar_multiply(
    py: Python<'_>,
    points: &PointVector,
    scalars: &ScalarVector,
) -> PyResult<PointVector> {
    let sum = py.detach(|| opening::multi_scalar_multiply(&points.0, &scalars.0))?;
    Ok(PointVector(vec![sum]))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RowCommitmentKey>()?;
    module.add_class::<AccountSumcheck>()?;
    module.add_class::<BitSumcheck>()?;
    module.add_function(wrap_pyfunction!(bit_weights, module)?)?;
    module.add_function(wrap_pyfunction!(sum_positions, module)?)?;
    module.add_function(wrap_pyfunction!(evaluate_positions, module)?)?;
    module.add_function(wrap_pyfunction!(prover_multi_scalar_multiply, module)?)
}
