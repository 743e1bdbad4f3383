//! `ScalarVector`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{checked_slice, scalar_from_python, scalar_to_python};
use crate::errors::KernelError;
use crate::field::Fr;
use crate::{encoding, scalar};

/// An immutable vector of scalars.
#[pyclass(frozen, module = "native._kernels")]
pub struct ScalarVector(pub(super) Vec<Fr>);

/// An element-wise operation on two vectors.
type BinaryOperation = fn(&[Fr], &[Fr]) -> Result<Vec<Fr>, KernelError>;

impl ScalarVector {
    /// An operation on two vectors, without the interpreter lock.
    fn combine(&self, py: Python<'_>, other: &Self, operation: BinaryOperation) -> PyResult<Self> {
        Ok(Self(py.detach(|| operation(&self.0, &other.0))?))
    }
}

#[pymethods]
impl ScalarVector {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn slice(&self, start: isize, stop: isize) -> PyResult<Self> {
        Ok(Self(checked_slice(&self.0, start, stop)?))
    }

    fn concat(&self, other: &Self) -> Self {
        Self([self.0.as_slice(), &other.0].concat())
    }

    fn to_ints<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.0.iter().map(|scalar| scalar_to_python(py, scalar)).collect()
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| encoding::scalars_to_bytes(&self.0)))
    }

    fn add(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        self.combine(py, other, scalar::add)
    }

    fn sub(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        self.combine(py, other, scalar::sub)
    }

    fn multiply(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        self.combine(py, other, scalar::multiply)
    }

    fn scale(&self, py: Python<'_>, factor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let factor = scalar_from_python(factor)?;
        Ok(Self(py.detach(|| scalar::scale(&self.0, &factor))))
    }

    fn inner<'py>(&self, py: Python<'py>, other: &Self) -> PyResult<Bound<'py, PyAny>> {
        let product = py.detach(|| scalar::inner(&self.0, &other.0))?;
        scalar_to_python(py, &product)
    }

    fn sum<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let sum = py.detach(|| scalar::sum(&self.0));
        scalar_to_python(py, &sum)
    }

    fn fold(&self, py: Python<'_>, challenge: &Bound<'_, PyAny>) -> PyResult<Self> {
        let challenge = scalar_from_python(challenge)?;
        Ok(Self(py.detach(|| scalar::fold(&self.0, &challenge))?))
    }
}
