//! The Python module: conversions, errors and the release of the interpreter lock, and nothing else.

mod argument;
mod commitment_key;
mod functions;
mod point_vector;
mod row_kernel;
mod scalar_vector;
mod witness_kernel;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};

use crate::errors::KernelError;
use crate::field::Fr;

/// Raised with `(code, index)`: a constant of `primitives.decoding_reasons`, and the element or None.
mod exceptions {
    pyo3::create_exception!(
        _kernels,
        MalformedEncodingError,
        pyo3::exceptions::PyException,
        "Bytes are not a canonical encoding; the arguments are a reason code and an element or None."
    );
}
use exceptions::MalformedEncodingError;

impl From<KernelError> for PyErr {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Decoding { reason, index } => {
                MalformedEncodingError::new_err((reason.code(), index))
            }
            KernelError::UnequalLengths { .. }
            | KernelError::OddLength { .. }
            | KernelError::PartialElement
            | KernelError::SliceBounds { .. }
            | KernelError::RowOffsets(_)
            | KernelError::Column { .. }
            | KernelError::TooLong { .. }
            | KernelError::Shape(_) => PyValueError::new_err(error.to_string()),
        }
    }
}

/// An integer in `[0, r)`; `ValueError` for any other integer.
fn scalar_from_python(value: &Bound<'_, PyAny>) -> PyResult<Fr> {
    let refusal = || PyValueError::new_err("scalar is not in [0, r)");
    if !value.is_instance_of::<PyInt>() {
        return Err(PyTypeError::new_err("scalar is not an int"));
    }
    let encoded = value.call_method1("to_bytes", (32, "big")).map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(value.py()) { refusal() } else { error }
    })?;
    let bytes = encoded.cast::<PyBytes>()?.as_bytes();
    bytes.try_into().ok().and_then(Fr::from_be_bytes).ok_or_else(refusal)
}

/// The integer in `[0, r)`.
fn scalar_to_python<'py>(py: Python<'py>, scalar: &Fr) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, &scalar.to_be_bytes());
    py.get_type::<PyInt>().call_method1("from_bytes", (bytes, "big"))
}

/// `values[start..stop]`; `ValueError` unless `0 <= start <= stop <= len`.
fn checked_slice<T: Clone>(values: &[T], start: isize, stop: isize) -> Result<Vec<T>, KernelError> {
    let bounds = || Some((usize::try_from(start).ok()?, usize::try_from(stop).ok()?));
    bounds()
        .and_then(|(start, stop)| values.get(start..stop))
        .map(<[T]>::to_vec)
        .ok_or(KernelError::SliceBounds { start, stop, length: values.len() })
}

/// Rust kernels of sealedbook over BLS12-381. Use `primitives.native_backend`, not this module.
#[pymodule]
fn _kernels(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ABI_VERSION", functions::ABI_VERSION)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("MalformedEncodingError", module.py().get_type::<MalformedEncodingError>())?;
    module.add_class::<scalar_vector::ScalarVector>()?;
    module.add_class::<point_vector::PointVector>()?;
    module.add_class::<commitment_key::CommitmentKey>()?;
    module.add_class::<row_kernel::RowKernel>()?;
    module.add_class::<witness_kernel::WitnessKernel>()?;
    argument::register(module)?;
    functions::register(module)
}
