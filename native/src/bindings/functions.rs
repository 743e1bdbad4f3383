//! The functions of the module.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::point_vector::PointVector;
use super::scalar_vector::ScalarVector;
use crate::point::AffinePoint;
use crate::{encoding, msm, parallel, scalar, tree};

/// Raised by one whenever names, arguments or meanings in this module change, so that
/// `primitives.native_backend` can refuse a binary that was built from other sources.
pub const ABI_VERSION: u32 = 7;

#[pyfunction]
fn set_thread_count(count: usize) {
    parallel::set_thread_count(count);
}

#[pyfunction]
fn thread_count() -> usize {
    parallel::thread_count()
}

#[pyfunction]
fn scalars_from_int64(py: Python<'_>, values: PyReadonlyArray1<'_, i64>) -> ScalarVector {
    let values: Vec<i64> = values.as_array().iter().copied().collect();
    ScalarVector(py.detach(|| scalar::from_i64(&values)))
}

#[pyfunction]
fn scalars_from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<ScalarVector> {
    Ok(ScalarVector(py.detach(|| encoding::scalars_from_bytes(data))?))
}

#[pyfunction]
fn scalars_from_wide_bytes(py: Python<'_>, data: &[u8]) -> PyResult<ScalarVector> {
    Ok(ScalarVector(py.detach(|| encoding::scalars_from_wide_bytes(data))?))
}

#[pyfunction]
fn hash_to_curve(py: Python<'_>, messages: Vec<PyBackedBytes>, domain: &[u8]) -> PointVector {
    PointVector(py.detach(|| encoding::hash_to_curve(&messages, domain)))
}

#[pyfunction]
fn points_from_compressed(py: Python<'_>, data: &[u8]) -> PyResult<PointVector> {
    Ok(PointVector(py.detach(|| encoding::points_from_compressed(data))?))
}

#[pyfunction]
fn points_from_uncompressed(py: Python<'_>, data: &[u8]) -> PyResult<PointVector> {
    Ok(PointVector(py.detach(|| encoding::points_from_uncompressed(data))?))
}

#[pyfunction]
fn identity(count: usize) -> PointVector {
    PointVector(vec![AffinePoint::IDENTITY; count])
}

#[pyfunction]
fn multi_scalar_multiply(
    py: Python<'_>,
    points: &PointVector,
    scalars: &ScalarVector,
) -> PyResult<PointVector> {
    let sum = py.detach(|| msm::multi_scalar_multiply(&points.0, &scalars.0))?;
    Ok(PointVector(vec![sum]))
}

#[pyfunction]
fn blst_pippenger(py: Python<'_>, points: &PointVector, scalars: &ScalarVector) -> PyResult<PointVector> {
    let sum = py.detach(|| msm::blst_pippenger(&points.0, &scalars.0))?;
    Ok(PointVector(vec![sum]))
}

#[pyfunction]
fn sum_tree_leaf_hashes<'py>(
    py: Python<'py>,
    tags: &[u8],
    commitments: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let hashes = py.detach(|| tree::leaf_hashes(tags, commitments))?;
    Ok(PyBytes::new(py, &hashes))
}

#[pyfunction]
fn sum_tree_level<'py>(
    py: Python<'py>,
    hashes: &[u8],
    sums: &PointVector,
) -> PyResult<(Bound<'py, PyBytes>, PointVector)> {
    let (hashes, sums) = py.detach(|| tree::level(hashes, &sums.0))?;
    Ok((PyBytes::new(py, &hashes), PointVector(sums)))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(set_thread_count, module)?)?;
    module.add_function(wrap_pyfunction!(thread_count, module)?)?;
    module.add_function(wrap_pyfunction!(scalars_from_int64, module)?)?;
    module.add_function(wrap_pyfunction!(scalars_from_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(scalars_from_wide_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(hash_to_curve, module)?)?;
    module.add_function(wrap_pyfunction!(points_from_compressed, module)?)?;
    module.add_function(wrap_pyfunction!(points_from_uncompressed, module)?)?;
    module.add_function(wrap_pyfunction!(identity, module)?)?;
    module.add_function(wrap_pyfunction!(multi_scalar_multiply, module)?)?;
    module.add_function(wrap_pyfunction!(blst_pippenger, module)?)?;
    module.add_function(wrap_pyfunction!(sum_tree_leaf_hashes, module)?)?;
    module.add_function(wrap_pyfunction!(sum_tree_level, module)?)
}
