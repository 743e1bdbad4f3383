"""Rust kernels of sealedbook over BLS12-381. Use `primitives.native_backend`, not this module.

Vectors are accepted as the interface types of `primitives.backend`, so that these classes implement them;
a vector of another backend raises `TypeError`. Shapes, ranges and errors are described there.
"""

from collections.abc import Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from primitives import backend

__all__ = [
    "ABI_VERSION",
    "AccountSumcheck",
    "BitSumcheck",
    "CommitmentKey",
    "MalformedEncodingError",
    "PointVector",
    "RowCommitmentKey",
    "RowKernel",
    "ScalarVector",
    "WitnessKernel",
    "__version__",
    "bit_weights",
    "blst_pippenger",
    "evaluate_positions",
    "hash_to_curve",
    "identity",
    "multi_scalar_multiply",
    "points_from_compressed",
    "points_from_uncompressed",
    "prover_multi_scalar_multiply",
    "scalars_from_bytes",
    "scalars_from_int64",
    "scalars_from_wide_bytes",
    "set_thread_count",
    "sum_positions",
    "sum_tree_leaf_hashes",
    "sum_tree_level",
    "thread_count",
]

ABI_VERSION: Final[int]
__version__: Final[str]

class MalformedEncodingError(Exception):
    """Bytes are not a canonical encoding; the arguments are a reason code and an element or None."""

@final
class ScalarVector:
    def __len__(self, /) -> int: ...
    def slice(self, /, start: int, stop: int) -> ScalarVector: ...
    def concat(self, /, other: backend.ScalarVector) -> ScalarVector: ...
    def to_ints(self, /) -> list[int]: ...
    def to_bytes(self, /) -> bytes: ...
    def add(self, /, other: backend.ScalarVector) -> ScalarVector: ...
    def sub(self, /, other: backend.ScalarVector) -> ScalarVector: ...
    def multiply(self, /, other: backend.ScalarVector) -> ScalarVector: ...
    def scale(self, /, factor: int) -> ScalarVector: ...
    def inner(self, /, other: backend.ScalarVector) -> int: ...
    def sum(self, /) -> int: ...
    def fold(self, /, challenge: int) -> ScalarVector: ...

@final
class PointVector:
    def __len__(self, /) -> int: ...
    def slice(self, /, start: int, stop: int) -> PointVector: ...
    def concat(self, /, other: backend.PointVector) -> PointVector: ...
    def to_compressed(self, /) -> bytes: ...
    def to_uncompressed(self, /) -> bytes: ...
    def add(self, /, other: backend.PointVector) -> PointVector: ...
    def negate(self, /) -> PointVector: ...
    def scale(self, /, factors: backend.ScalarVector) -> PointVector: ...
    def sum(self, /) -> PointVector: ...
    def fold(self, /, challenge: int) -> PointVector: ...
    def multiply_by_cofactor(self, /) -> PointVector: ...
    def identity_mask(self, /) -> NDArray[np.bool_]: ...
    def subgroup_mask(self, /) -> NDArray[np.bool_]: ...

@final
class CommitmentKey:
    def __new__(
        cls,
        generators: backend.PointVector,
        blinding_generator: backend.PointVector,
        expected_rows: int,
    ) -> CommitmentKey: ...
    def commit(
        self,
        /,
        row_offsets: NDArray[np.int64],
        columns: NDArray[np.int32],
        amounts: NDArray[np.int64],
        blindings: backend.ScalarVector,
    ) -> PointVector: ...

_Limbs = tuple[NDArray[np.int64], NDArray[np.uint64]]
_Matrix = tuple[NDArray[np.int64], NDArray[np.int32], _Limbs]

@final
class RowKernel:
    """Rows of a statement, ready for batches of accounts; `primitives.native_rows` describes it."""

    def __new__(
        cls,
        positions: _Matrix,
        auxiliaries: _Matrix,
        constants: _Limbs,
        widths: Sequence[int],
        zero_auxiliaries: _Limbs,
    ) -> RowKernel: ...
    def evaluate(
        self,
        /,
        row_offsets: NDArray[np.int64],
        columns: NDArray[np.int32],
        amounts: NDArray[np.int64],
        auxiliaries_high: NDArray[np.int64],
        auxiliaries_low: NDArray[np.uint64],
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]: ...

@final
class WitnessKernel:
    """Steps of a witness, ready for batches of accounts; `primitives.native_witness` describes it."""

    def __new__(
        cls, positions: _Matrix, terms: _Matrix, constants: _Limbs, steps: Sequence[tuple[int, int, int]]
    ) -> WitnessKernel: ...
    def evaluate(
        self,
        /,
        row_offsets: NDArray[np.int64],
        columns: NDArray[np.int32],
        amounts: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]: ...

@final
class RowCommitmentKey:
    """See `primitives.kernels.RowCommitmentKey`; `width` is W."""

    def __new__(
        cls, columns: backend.PointVector, blinding_generator: backend.PointVector
    ) -> RowCommitmentKey: ...
    def commit(
        self, /, bits: NDArray[np.uint8], width: int, blindings: backend.ScalarVector
    ) -> PointVector: ...

@final
class AccountSumcheck:
    """See `primitives.kernels.AccountSumcheck`; `width` is W, `tau` has l + p elements."""

    def __new__(cls, bits: NDArray[np.uint8], width: int, tau: backend.ScalarVector) -> AccountSumcheck: ...
    def round_coefficients(self, /) -> tuple[int, int]: ...
    def bind(self, /, challenge: int) -> None: ...
    def table(self, /) -> ScalarVector: ...

@final
class BitSumcheck:
    """See `primitives.kernels.BitSumcheck`; `tau` has p elements, `table` 2^p."""

    def __new__(
        cls, table: backend.ScalarVector, bit_weights: backend.ScalarVector, tau: backend.ScalarVector
    ) -> BitSumcheck: ...
    def round_coefficients(self, /) -> tuple[int, int]: ...
    def bind(self, /, challenge: int) -> None: ...
    def table(self, /) -> ScalarVector: ...
    def weights(self, /) -> ScalarVector: ...

def set_thread_count(count: int) -> None: ...
def thread_count() -> int: ...
def bit_weights(values: backend.ScalarVector, widths: Sequence[int]) -> ScalarVector: ...
def scalars_from_int64(values: NDArray[np.int64]) -> ScalarVector: ...
def scalars_from_bytes(data: bytes) -> ScalarVector: ...
def scalars_from_wide_bytes(data: bytes) -> ScalarVector: ...
def hash_to_curve(messages: Sequence[bytes], domain: bytes) -> PointVector: ...
def points_from_compressed(data: bytes) -> PointVector: ...
def points_from_uncompressed(data: bytes) -> PointVector: ...
def identity(count: int) -> PointVector: ...
def multi_scalar_multiply(points: backend.PointVector, scalars: backend.ScalarVector) -> PointVector: ...
def blst_pippenger(points: backend.PointVector, scalars: backend.ScalarVector) -> PointVector: ...
def sum_tree_leaf_hashes(tags: bytes, commitments: bytes) -> bytes: ...
def sum_tree_level(hashes: bytes, sums: backend.PointVector) -> tuple[bytes, PointVector]: ...
def sum_positions(
    row_offsets: NDArray[np.int64],
    columns: NDArray[np.int32],
    amounts: NDArray[np.int64],
    weights: backend.ScalarVector,
    assets: int,
) -> ScalarVector: ...
def evaluate_positions(
    row_offsets: NDArray[np.int64],
    columns: NDArray[np.int32],
    amounts: NDArray[np.int64],
    coefficients: backend.ScalarVector,
    constant: int,
) -> ScalarVector: ...
def prover_multi_scalar_multiply(
    points: backend.PointVector, scalars: backend.ScalarVector
) -> PointVector: ...
