//! What can go wrong below the bindings.

use std::fmt;

/// Why an encoding is refused. `code` names a constant of `primitives.decoding_reasons`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodingReason {
    Length,
    ScalarRange,
    CompressionFlag,
    CompressionFlagSet,
    IdentityBits,
    SignFlag,
    CoordinateRange,
    NotOnCurve,
}

impl DecodingReason {
    pub fn code(self) -> &'static str {
        match self {
            Self::Length => "LENGTH",
            Self::ScalarRange => "SCALAR_RANGE",
            Self::CompressionFlag => "COMPRESSION_FLAG",
            Self::CompressionFlagSet => "COMPRESSION_FLAG_SET",
            Self::IdentityBits => "IDENTITY_BITS",
            Self::SignFlag => "SIGN_FLAG",
            Self::CoordinateRange => "COORDINATE_RANGE",
            Self::NotOnCurve => "NOT_ON_CURVE",
        }
    }
}

/// An error of a kernel. Messages carry sizes and positions only, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelError {
    /// Bytes are not the canonical encoding of what they should be.
    Decoding { reason: DecodingReason, index: Option<usize> },
    /// Two vectors that are combined element by element have different lengths.
    UnequalLengths { left: usize, right: usize },
    /// A vector that is split into halves has an odd length.
    OddLength { length: usize },
    /// Bytes are not a whole number of hashes or points.
    PartialElement,
    /// A slice does not satisfy `0 <= start <= stop <= length`.
    SliceBounds { start: isize, stop: isize, length: usize },
    /// The row offsets of a sparse matrix are malformed.
    RowOffsets(&'static str),
    /// A column index of a sparse matrix is outside the matrix.
    Column { entry: usize, columns: usize },
    /// A vector is longer than the kernels' 32-bit positions can address.
    TooLong { length: usize },
    /// Sizes of a table or a vector that do not belong together.
    Shape(&'static str),
}

impl fmt::Display for KernelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decoding { reason, index: Some(index) } => {
                write!(formatter, "element {index}: {}", reason.code())
            }
            Self::Decoding { reason, index: None } => write!(formatter, "{}", reason.code()),
            Self::UnequalLengths { left, right } => {
                write!(formatter, "lengths differ: {left} and {right}")
            }
            Self::OddLength { length } => write!(formatter, "length is odd: {length}"),
            Self::PartialElement => write!(formatter, "length is not a multiple of the element size"),
            Self::SliceBounds { start, stop, length } => {
                write!(formatter, "slice {start}:{stop} is outside a vector of length {length}")
            }
            Self::RowOffsets(why) => write!(formatter, "row_offsets {why}"),
            Self::Column { entry, columns } => {
                write!(formatter, "entry {entry}: column is not in [0, {columns})")
            }
            Self::TooLong { length } => write!(formatter, "vector is too long: {length} elements"),
            Self::Shape(why) => write!(formatter, "{why}"),
        }
    }
}

impl std::error::Error for KernelError {}

/// `UnequalLengths` unless the two lengths agree.
pub fn require_equal_lengths(left: usize, right: usize) -> Result<(), KernelError> {
    if left == right { Ok(()) } else { Err(KernelError::UnequalLengths { left, right }) }
}

/// Half of an even length.
pub fn require_even(length: usize) -> Result<usize, KernelError> {
    if length.is_multiple_of(2) { Ok(length / 2) } else { Err(KernelError::OddLength { length }) }
}
