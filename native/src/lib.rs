//! Vector kernels over BLS12-381 G1 and its scalar field, on top of blst. No protocol logic.
//!
//! Variable time throughout: the prover runs these on its own machine.

pub mod argument;
pub mod batch_affine;
pub mod digits;
pub mod encoding;
pub mod errors;
pub mod field;
pub mod fixed_base;
pub mod msm;
pub mod multiply;
pub mod parallel;
pub mod point;
pub mod rows;
pub mod scalar;
pub mod tree;
pub mod witness;

#[cfg(feature = "python")]
mod bindings;
