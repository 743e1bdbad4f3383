"""Statements: what is proved of every account, as integer linear rows (DESIGN sections 3 and 4.1).

Symbols: an account has positions ``q`` (one integer per asset, ``|q_a| < 2^63``) and auxiliary integers
``x``. Equation row i of m demands

    0 <= A_q[i] q + A_x[i] x + b[i] < 2^{w_i}

and auxiliary variable v demands ``0 <= x_v < 2^{w_v}``. A proof commits to the bits of every row value
and of every auxiliary variable. Bit k of an account runs over the equation rows in order, then over the
auxiliary variables in order, within a value from the least significant bit up. ``W`` is the number of
bits and ``P = 2^p >= max(2, W)`` the padded number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from circuits.positions import PositionBatch
from circuits.rows import Auxiliary, Row, Scope
from circuits.statement_checks import auxiliary_bounds, check_parts, form_magnitude
from circuits.statement_encoding import STATEMENT_DIGEST_LABEL, decode_parts, encode_parts
from circuits.statement_errors import StatementCode, StatementError
from circuits.wide_integers import WIDE_LIMIT, WideIntegers
from primitives.assets import Asset
from primitives.parameters import GROUP_ORDER

__all__ = [
    "Auxiliary",
    "LinearWeights",
    "Row",
    "Scope",
    "Statement",
    "StatementCode",
    "StatementError",
    "WitnessFunction",
    "parse_canonical",
]

WitnessFunction = Callable[[PositionBatch], WideIntegers]
"""Maps the positions of n accounts to the ``[n, auxiliary variables]`` table of values that satisfy the
rows whenever any values do. Deterministic, and independent between accounts."""


@dataclass(frozen=True)
class LinearWeights:
    """The weighted sum of all equation rows as one linear form; see `Statement.linear_weights`."""

    values: Sequence[int]
    """One weight per row, then per auxiliary variable, in [0, r): of the lowest bit of each."""
    widths: Sequence[int]
    """Bits of the rows, then of the auxiliary variables."""
    positions: Sequence[int]
    """c_a, one per asset of the statement, in [0, r)."""
    constant: int
    """kappa, in [0, r)."""

    @cached_property
    def bits(self) -> list[int]:
        """lambda_k, one per bit (W of them), in [0, r)."""
        pairs = zip(self.values, self.widths, strict=True)
        return [(value << bit) % GROUP_ORDER for value, width in pairs for bit in range(width)]


@dataclass(frozen=True)
class Statement:
    """Rows and auxiliary variables over the assets of a book. Immutable, valid once it exists.

    `assets` are all assets of the book, in its order: they fix the generators. `witness` computes the
    auxiliary values (None: there are no auxiliary variables, or zero satisfies them for the zero account).
    `scope` BOOK demands that the zero account satisfies every row, since padding leaves are proved too.

    Equality and `digest` are about meaning up to labels' text: `witness` and `scope` do not take part.
    Raises `StatementError`; its code names the check.
    """

    assets: tuple[Asset, ...]
    rows: tuple[Row, ...]
    auxiliaries: tuple[Auxiliary, ...] = ()
    witness: WitnessFunction | None = field(default=None, compare=False)
    scope: Scope = field(default=Scope.BOOK, compare=False)

    def __post_init__(self) -> None:
        check_parts(self.assets, self.rows, self.auxiliaries)
        if self.scope is Scope.BOOK:
            self._check_zero_account()

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Widths of the values in bit order: equation rows, then auxiliary variables."""
        return (*(row.width for row in self.rows), *(auxiliary.width for auxiliary in self.auxiliaries))

    @cached_property
    def bit_offsets(self) -> tuple[int, ...]:
        """First bit of each value in bit order, and W at the end: ``len(widths) + 1`` entries."""
        return tuple(accumulate(self.widths, initial=0))

    @property
    def row_bit_offsets(self) -> tuple[int, ...]:
        """First bit of each equation row."""
        return self.bit_offsets[: len(self.rows)]

    @property
    def auxiliary_bit_offsets(self) -> tuple[int, ...]:
        """First bit of each auxiliary variable."""
        return self.bit_offsets[len(self.rows) : -1]

    @property
    def bit_count(self) -> int:
        """W, the sum of all widths."""
        return self.bit_offsets[-1]

    @property
    def log2_padded_bits(self) -> int:
        """p, at least 1."""
        return max(1, (self.bit_count - 1).bit_length())

    @property
    def padded_bits(self) -> int:
        """P = 2^p, the smallest power of two with ``P >= max(2, W)``."""
        return 1 << self.log2_padded_bits

    @cached_property
    def fits_wide(self) -> bool:
        """Whether no row value can leave ``[-2^127, 2^127)``, so that 128-bit arithmetic is exact."""
        return not self.rows_beyond_wide

    @cached_property
    def rows_beyond_wide(self) -> tuple[int, ...]:
        """Indices of the rows whose value could leave ``[-2^127, 2^127)``; usually none."""
        bounds = auxiliary_bounds(self.auxiliaries)
        magnitudes = (form_magnitude(row, bounds) for row in self.rows)
        return tuple(index for index, magnitude in enumerate(magnitudes) if magnitude >= WIDE_LIMIT)

    def canonical_bytes(self) -> bytes:
        """The canonical form (docs/statements.md): assets, widths, rows; no labels."""
        return self._canonical_form

    @cached_property
    def _canonical_form(self) -> bytes:
        return encode_parts(self.assets, self.rows, self.auxiliaries)

    def digest(self) -> bytes:
        """``SHA-256("sealedbook/v1/statement-digest" || 0x00 || canonical_bytes)``."""
        return hashlib.sha256(STATEMENT_DIGEST_LABEL + self.canonical_bytes()).digest()

    def linear_weights(self, alpha: int) -> LinearWeights:
        """All equation rows as one linear form, with weight ``alpha^(i+1)`` on row i (0-based).

            sum_i alpha^(i+1) (value_i - A_x[i] x - A_q[i] q - b_i) = sum_k lambda_k b_k - <c, q> - kappa

        where value_i and x are read from the bits b_k. Hence ``lambda_k = alpha^(i+1) 2^j`` for bit j of
        row i, ``lambda_k = -2^j sum_i alpha^(i+1) A_x[i,v]`` for bit j of auxiliary variable v,
        ``c_a = sum_i alpha^(i+1) A_q[i,a]`` and ``kappa = sum_i alpha^(i+1) b_i``, all modulo r.
        """
        positions = [0] * len(self.assets)
        values = [0] * len(self.widths)
        constant, weight = 0, 1
        for index, row in enumerate(self.rows):
            weight = weight * alpha % GROUP_ORDER
            values[index] = weight
            constant += weight * row.constant
            for asset, coefficient in row.positions:
                positions[asset] += weight * coefficient
            for variable, coefficient in row.auxiliaries:
                values[len(self.rows) + variable] -= weight * coefficient
        return LinearWeights(
            [value % GROUP_ORDER for value in values],
            self.widths,
            [c % GROUP_ORDER for c in positions],
            constant % GROUP_ORDER,
        )

    def auxiliary_values(self, batch: PositionBatch) -> WideIntegers:
        """The witness: values of the auxiliary variables for every account of `batch`.

        Raises `StatementError` (code ``witness``) if there are variables but no witness function, or if
        it returns a table of another shape. The values are not checked against widths here.
        """
        shape = (batch.account_count, len(self.auxiliaries))
        if not self.auxiliaries:
            return WideIntegers.zeros(*shape)
        if self.witness is None:
            raise StatementError(StatementCode.WITNESS, "auxiliary variables, but no witness function")
        values = self.witness(batch)
        if values.shape != shape:
            raise StatementError(StatementCode.WITNESS, f"table of shape {values.shape} instead of {shape}")
        return values

    def _check_zero_account(self) -> None:
        if self.witness is None:
            values = [0] * len(self.auxiliaries)
        else:
            values = self.auxiliary_values(PositionBatch.zeros(1)).to_ints()[0]
        for auxiliary, value in zip(self.auxiliaries, values, strict=True):
            if not 0 <= value < 1 << auxiliary.width:
                reason = f"auxiliary variable {auxiliary.label!r} does not fit for the zero account"
                raise StatementError(StatementCode.ZERO_ACCOUNT, reason)
        for row in self.rows:
            value = row.constant + sum(coefficient * values[index] for index, coefficient in row.auxiliaries)
            if not 0 <= value < 1 << row.width:
                reason = f"row {row.label!r} fails for the zero account"
                raise StatementError(StatementCode.ZERO_ACCOUNT, reason)

    def __repr__(self) -> str:
        counts = f"assets={len(self.assets)}, rows={len(self.rows)}, auxiliaries={len(self.auxiliaries)}"
        return f"Statement({counts}, bits={self.bit_count}, scope={self.scope.value!r})"


def parse_canonical(
    data: bytes, *, witness: WitnessFunction | None = None, scope: Scope = Scope.BOOK
) -> Statement:
    """Strict inverse of `Statement.canonical_bytes`, with numbered labels; for test vectors and tools.

    Raises `primitives.errors.DecodingError` for bytes in another form, `StatementError` for their content.
    """
    assets, rows, auxiliaries = decode_parts(data)
    return Statement(assets, rows, auxiliaries, witness, scope)
