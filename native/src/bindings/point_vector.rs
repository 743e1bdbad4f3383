//! `PointVector`.

use numpy::{PyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::scalar_vector::ScalarVector;
use super::{checked_slice, scalar_from_python};
use crate::parallel::map_ranges;
use crate::point::AffinePoint;
use crate::{encoding, multiply};

/// Points per task of a subgroup check (about 50 us each).
const SUBGROUP_CHUNK: usize = 16;

/// An immutable vector of points of E.
#[pyclass(frozen, module = "native._kernels")]
pub struct PointVector(pub(super) Vec<AffinePoint>);

#[pymethods]
impl PointVector {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn slice(&self, start: isize, stop: isize) -> PyResult<Self> {
        Ok(Self(checked_slice(&self.0, start, stop)?))
    }

    fn concat(&self, other: &Self) -> Self {
        Self([self.0.as_slice(), &other.0].concat())
    }

    fn to_compressed<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| encoding::points_to_compressed(&self.0)))
    }

    fn to_uncompressed<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| encoding::points_to_uncompressed(&self.0)))
    }

    fn add(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        Ok(Self(py.detach(|| multiply::add(&self.0, &other.0))?))
    }

    fn negate(&self, py: Python<'_>) -> Self {
        Self(py.detach(|| multiply::negate(&self.0)))
    }

    fn scale(&self, py: Python<'_>, factors: &ScalarVector) -> PyResult<Self> {
        Ok(Self(py.detach(|| multiply::scale(&self.0, &factors.0))?))
    }

    fn sum(&self, py: Python<'_>) -> Self {
        Self(vec![py.detach(|| multiply::sum(&self.0))])
    }

    fn fold(&self, py: Python<'_>, challenge: &Bound<'_, PyAny>) -> PyResult<Self> {
        let challenge = scalar_from_python(challenge)?;
        Ok(Self(py.detach(|| multiply::fold(&self.0, &challenge))?))
    }

    fn multiply_by_cofactor(&self, py: Python<'_>) -> Self {
        Self(py.detach(|| multiply::multiply_by_cofactor(&self.0)))
    }

    fn identity_mask<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<bool>> {
        let mask: Vec<bool> = self.0.iter().map(AffinePoint::is_identity).collect();
        mask.to_pyarray(py)
    }

    fn subgroup_mask<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<bool>> {
        let mask = py.detach(|| {
            let part = |range: std::ops::Range<usize>| -> Vec<bool> {
                self.0[range].iter().map(AffinePoint::in_subgroup).collect()
            };
            map_ranges(self.0.len(), SUBGROUP_CHUNK, part).concat()
        });
        mask.to_pyarray(py)
    }
}
