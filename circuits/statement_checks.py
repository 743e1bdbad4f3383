"""The checks that every statement passes when it is made; each raises `StatementError` with its own code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from circuits.rows import (
    MAX_AUXILIARIES,
    MAX_BITS,
    MAX_LABEL_LENGTH,
    MAX_ROWS,
    MAX_WIDTH,
    AffineForm,
    Auxiliary,
    Row,
)
from circuits.statement_errors import StatementCode, StatementError
from primitives.assets import Asset, AssetListError, validate_assets
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER


def check_parts(assets: Sequence[Asset], rows: Sequence[Row], auxiliaries: Sequence[Auxiliary]) -> None:
    """Everything about a statement that does not need its witness function.

    1. sizes and assets; 2. labels; 3. types and widths; 4. indices and coefficients; 5. no row can wrap.
    """
    for parts in (assets, rows, auxiliaries):
        if not isinstance(parts, tuple):
            raise StatementError(StatementCode.TYPE, "assets, rows and auxiliary variables must be tuples")
    _check_sizes(len(rows), len(auxiliaries))
    try:
        validate_assets(assets)
    except AssetListError as error:
        raise StatementError(StatementCode.ASSETS, str(error)) from error
    _check_labels([row.label for row in rows], "row")
    _check_labels([auxiliary.label for auxiliary in auxiliaries], "auxiliary variable")
    for auxiliary in auxiliaries:
        _check_width(auxiliary.width, minimum=1, name=f"auxiliary variable {auxiliary.label!r}")
    for row in rows:
        name = f"row {row.label!r}"
        _check_width(row.width, minimum=0, name=name)
        _check_integer(row.constant, name)
        _check_terms(row.positions, len(assets), f"{name}, positions")
        _check_terms(row.auxiliaries, len(auxiliaries), f"{name}, auxiliary variables")
    if sum(row.width for row in rows) + sum(auxiliary.width for auxiliary in auxiliaries) > MAX_BITS:
        raise StatementError(StatementCode.LIMIT, f"more than {MAX_BITS} bits")
    bounds = auxiliary_bounds(auxiliaries)
    for row in rows:
        check_no_wrap(row, bounds)


def auxiliary_bounds(auxiliaries: Sequence[Auxiliary]) -> list[int]:
    """``2^{w_x}`` for every auxiliary variable."""
    return [1 << auxiliary.width for auxiliary in auxiliaries]


def form_magnitude(form: AffineForm, auxiliary_bounds: Sequence[int]) -> int:
    """Upper bound of ``|A_q q + A_x x + b|`` for ``|q_a| <= 2^63`` and ``|x_v| <= auxiliary_bounds[v]``."""
    positions = sum(abs(coefficient) for _, coefficient in form.positions) * AMOUNT_LIMIT
    others = sum(abs(coefficient) * auxiliary_bounds[index] for index, coefficient in form.auxiliaries)
    return positions + others + abs(form.constant)


def check_no_wrap(row: Row, bounds: Sequence[int]) -> None:
    """``sum |A_q| 2^63 + sum |A_x| 2^{w_x} + |b| + 2^w < r``, as DESIGN section 4.5 asks.

    The proof shows ``value = A_q q + A_x x + b (mod r)`` for a value in ``[0, 2^w)``; both sides differ by
    less than r, so the equation holds over the integers whenever ``|q| <= 2^63``.
    """
    if form_magnitude(row, bounds) + (1 << row.width) >= GROUP_ORDER:
        raise StatementError(
            StatementCode.WRAP, f"row {row.label!r} could wrap around modulo the group order"
        )


def _check_sizes(rows: int, auxiliaries: int) -> None:
    if rows == 0 and auxiliaries == 0:
        raise StatementError(StatementCode.EMPTY, "a statement needs at least one row or auxiliary variable")
    limits = (
        ("rows", rows, MAX_ROWS),
        ("auxiliary variables", auxiliaries, MAX_AUXILIARIES),
    )
    for name, count, limit in limits:
        if count > limit:
            raise StatementError(StatementCode.LIMIT, f"{count} {name}, more than {limit}")


def _check_labels(labels: Iterable[str], kind: str) -> None:
    seen: set[str] = set()
    for label in labels:
        if not isinstance(label, str) or not 0 < len(label) <= MAX_LABEL_LENGTH or not label.isprintable():
            reason = f"a {kind} needs a label of 1 to {MAX_LABEL_LENGTH} printable characters"
            raise StatementError(StatementCode.LABEL, reason)
        if label in seen:
            raise StatementError(StatementCode.DUPLICATE_LABEL, f"two {kind}s are labelled {label!r}")
        seen.add(label)


def _check_integer(value: object, name: str) -> None:
    # bool and numpy integers would compare equal to Python integers and then overflow or print differently.
    if type(value) is not int:
        raise StatementError(StatementCode.TYPE, f"{name}: not a Python integer")


def _check_width(width: int, *, minimum: int, name: str) -> None:
    _check_integer(width, name)
    if not minimum <= width <= MAX_WIDTH:
        raise StatementError(StatementCode.WIDTH, f"{name}: width {width} is not in {minimum}..{MAX_WIDTH}")


def _check_terms(terms: Sequence[tuple[int, int]], count: int, name: str) -> None:
    previous = -1
    if not isinstance(terms, tuple):
        raise StatementError(StatementCode.TYPE, f"{name}: not a tuple")
    for index, coefficient in terms:
        if type(index) is not int or type(coefficient) is not int:
            raise StatementError(StatementCode.TYPE, f"{name}: not a Python integer")
        if not 0 <= index < count:
            raise StatementError(StatementCode.INDEX_RANGE, f"{name}: index {index} is not in 0..{count - 1}")
        if index <= previous:
            raise StatementError(StatementCode.INDEX_ORDER, f"{name}: indices must strictly increase")
        if coefficient == 0:
            raise StatementError(StatementCode.ZERO_COEFFICIENT, f"{name}: coefficient of {index} is zero")
        previous = index
