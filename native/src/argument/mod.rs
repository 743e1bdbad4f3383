//! Kernels of the range argument's prover: everything that touches a whole table of bits or all positions
//! of a batch (`primitives.kernels` describes the operations).

pub mod account_sumcheck;
pub mod bit_sumcheck;
pub mod bit_table;
pub mod differences;
pub mod folded_table;
pub mod gram;
pub mod lane_adder;
#[cfg(target_arch = "x86_64")]
mod lane_field;
pub mod lazy_sums;
pub mod opening;
pub mod positions;
pub mod row_commitments;
pub mod shared_line;
pub mod tensor;
