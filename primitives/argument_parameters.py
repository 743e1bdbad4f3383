"""Shapes of the range argument: every length that prover and verifier derive, and nothing from a proof.

    U     accounts in the batch                       l = ceil(log2 U)       account variables
    W     sum of all widths of the statement          p = max(1, ceil(log2 W)), P = 2^p bits per account
    A     assets (columns of a leaf commitment)       n = l + p              variables of the bit table
    rho   R = 2^rho bits in a committed row           f                      folding rounds of the opening

The bit table b(u, k) has 2^l accounts of P bits, accounts before bits, most significant variable first;
it is zero for ``u >= U`` and for ``k >= W`` ("padding"). Row i holds the cells ``i R <= u P + k < (i+1) R``.
A row of padding only is not sent:

* R >= P: a row holds R/P whole accounts, the sent ones are ``0 <= i < ceil(U P / R)`` (none if W = 0);
* R <  P: an account is cut into P/R rows of which the first ``ceil(W / R)`` hold bits, so the sent ones
  are ``i = u P/R + v`` with ``u < U`` and ``v < ceil(W / R)``.

See docs/protocol-proofs.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from primitives.assets import Asset
from primitives.backend import Int64Array
from primitives.errors import SealedbookError
from primitives.parameters import POINT_BYTES, SCALAR_BYTES

MAX_VARIABLES: Final = 32
"""n at most: 2^32 bits in one proof are far beyond what a prover holds in memory."""
MAX_ROW_VARIABLES: Final = 20
"""rho at most: every column needs a generator of its own."""
MAX_FOLDING_ROUNDS: Final = 10

COEFFICIENTS_PER_ROUND: Final = 2
"""a_{j,1}, a_{j,2}: a round polynomial has degree 2 ..."""
COEFFICIENTS_IN_LAST_ROUND: Final = 4
"""... and degree 4 in the last round, where ``b + s X (1 - X)`` is squared."""

_CERTIFICATE_FOLDING_ROUNDS: Final = range(4, 8)
_BATCH_FOLDING_ROUNDS: Final = 2
_BATCH_ROW_VARIABLES: Final = (12, 14)


class ArgumentShapeError(SealedbookError):
    """The sizes asked for do not make a range argument."""


@dataclass(frozen=True, slots=True)
class ArgumentShape:
    """All lengths of one proof.

    `accounts` is U >= 1, `bits` is W >= 0, `assets` is A >= 1, `row_variables` is rho in ``[0, n]``,
    `folding_rounds` is f with ``2^f`` at most the length of the opened vector (so that no folding round
    has a half made of padding). Raises `ArgumentShapeError` otherwise, and beyond the ``MAX_`` limits.
    """

    accounts: int
    bits: int
    assets: int
    row_variables: int
    folding_rounds: int

    def __post_init__(self) -> None:
        if self.accounts < 1:
            raise ArgumentShapeError("a batch has at least one account")
        if self.bits < 0 or self.assets < 1:
            raise ArgumentShapeError("a statement has at least one asset and no negative number of bits")
        if self.variables > MAX_VARIABLES:
            raise ArgumentShapeError(f"{self.variables} variables, at most {MAX_VARIABLES} are allowed")
        if not 0 <= self.row_variables <= min(self.variables, MAX_ROW_VARIABLES):
            raise ArgumentShapeError(
                f"{self.row_variables} row variables are not between 0 and "
                f"{min(self.variables, MAX_ROW_VARIABLES)}"
            )
        if not 0 <= self.folding_rounds <= MAX_FOLDING_ROUNDS:
            raise ArgumentShapeError(
                f"{self.folding_rounds} folding rounds are not between 0 and {MAX_FOLDING_ROUNDS}"
            )
        if (1 << self.folding_rounds) > self.opening_length:
            raise ArgumentShapeError(
                f"{self.folding_rounds} folding rounds do not fit {self.opening_length} opened scalars"
            )

    @property
    def account_variables(self) -> int:
        """l, with ``U <= 2^l``."""
        return (self.accounts - 1).bit_length()

    @property
    def bit_variables(self) -> int:
        """p, with ``W <= 2^p`` and p >= 1."""
        return max(1, (self.bits - 1).bit_length()) if self.bits else 1

    @property
    def padded_bits(self) -> int:
        """P = 2^p."""
        return 1 << self.bit_variables

    @property
    def variables(self) -> int:
        """n = l + p."""
        return self.account_variables + self.bit_variables

    @property
    def columns(self) -> int:
        """R = 2^rho."""
        return 1 << self.row_variables

    @property
    def row_index_variables(self) -> int:
        """n - rho: the variables that choose a row; they are bound first."""
        return self.variables - self.row_variables

    @property
    def rows_per_account(self) -> int:
        """``ceil(W / R)``: sent rows of one account, where R < P."""
        return -(-self.bits // self.columns)

    @property
    def row_count(self) -> int:
        """Rows that are committed and sent."""
        if self.columns < self.padded_bits:
            return self.accounts * self.rows_per_account
        return -(-self.accounts * self.padded_bits // self.columns) if self.bits else 0

    def row_indices(self) -> Int64Array:
        """The indices i of the sent rows, ascending: `row_count` entries below ``2^(n - rho)``."""
        if self.columns >= self.padded_bits:
            return np.arange(self.row_count, dtype=np.int64)
        starts = np.arange(self.accounts, dtype=np.int64) * (self.padded_bits // self.columns)
        return (starts[:, None] + np.arange(self.rows_per_account, dtype=np.int64)[None, :]).reshape(-1)

    def round_degree(self, round_index: int) -> int:
        """The degree of t_j, for ``1 <= j <= n``: how many masked coefficients the round sends."""
        return COEFFICIENTS_IN_LAST_ROUND if round_index == self.variables else COEFFICIENTS_PER_ROUND

    @property
    def round_coefficient_count(self) -> int:
        """2n + 2: the coefficients of all rounds."""
        return COEFFICIENTS_PER_ROUND * (self.variables - 1) + COEFFICIENTS_IN_LAST_ROUND

    @property
    def mask_count(self) -> int:
        """2n + 3: one mask for each round coefficient, in order, then s."""
        return self.round_coefficient_count + 1

    @property
    def opening_length(self) -> int:
        """len = R + A + 2n + 3: the length of ``w = (bbar, omega qbar, omega^2 mu)``."""
        return self.columns + self.assets + self.mask_count

    @property
    def folded_length(self) -> int:
        """m' = ceil(len / 2^f): scalars sent after the last folding round."""
        return -(-self.opening_length >> self.folding_rounds)

    @property
    def padded_opening_length(self) -> int:
        """m' 2^f."""
        return self.folded_length << self.folding_rounds

    @property
    def proof_bytes(self) -> int:
        """The exact length of the proof.

        Points: D (`row_count`), M, K, A_t and B_t (2f). Scalars: round coefficients (2n + 2), y, z_H, z (m').
        """
        points = self.row_count + 2 + 2 * self.folding_rounds
        scalars = self.round_coefficient_count + 2 + self.folded_length
        return POINT_BYTES * points + SCALAR_BYTES * scalars


class SizedStatement(Protocol):
    """What fixes the lengths of a proof; implemented by `circuits.statement.Statement`."""

    @property
    def assets(self) -> Sequence[Asset]:
        """The assets of a leaf commitment."""
        ...

    @property
    def bit_count(self) -> int:
        """W."""
        ...


def certificate_profile(statement: SizedStatement) -> ArgumentShape:
    """The shape of a certificate (U = 1): R about 2 sqrt(P), and of f = 4 .. 7 the one with the shortest proof.

    The verifier calls this function too: a proof does not choose its shape.
    """
    bits, assets = statement.bit_count, len(statement.assets)
    bit_variables = ArgumentShape(1, bits, assets, 0, 0).bit_variables
    row_variables = min(bit_variables, (bit_variables + 1) // 2 + 1)
    unfolded = ArgumentShape(1, bits, assets, row_variables, 0)
    candidates = [
        ArgumentShape(1, bits, assets, row_variables, rounds)
        for rounds in _CERTIFICATE_FOLDING_ROUNDS
        if (1 << rounds) <= unfolded.opening_length
    ]
    return min(candidates, key=lambda shape: shape.proof_bytes, default=unfolded)


def batch_profile(statement: SizedStatement, accounts: int) -> ArgumentShape:
    """The shape of a batch of `accounts` accounts; the verifier calls this function too.

    The verifier's own work for a proof is one point per row and one per leaf, and the columns are shared by
    all proofs. So a row is as long as an account where 2^14 columns are enough for that, or longer, so that
    there are no more rows than columns: ``rho = max(p, ceil(n / 2))``, held between 12 and 14.
    """
    bits, assets = statement.bit_count, len(statement.assets)
    smallest = ArgumentShape(accounts, bits, assets, 0, 0)
    low, high = _BATCH_ROW_VARIABLES
    wanted = max(smallest.bit_variables, (smallest.variables + 1) // 2)
    row_variables = min(smallest.variables, max(low, min(high, wanted)))
    return ArgumentShape(accounts, bits, assets, row_variables, _BATCH_FOLDING_ROUNDS)
