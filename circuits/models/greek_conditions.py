"""Limits on Greeks at a market: conditions on positions, the same for one account and for a book's totals.

A limit of a document becomes conditions

    0 <= b + sum_i c_i q_i - sum_i a_i |q_i|        and, where there is a `span`,  ... <= span

in units of the Greek's scale, with g_i the entry of asset i in the risk array and h the hedge of the document:

    net, hedged   least <= sum_i g_i (q_i + h_i) <= greatest     c = g, b = sum g h - least, span = greatest - least
    gross         sum_i |g_i| |q_i| <= greatest                  a = |g|, b = greatest
    equity        d S |sum_i delta_i q_i| <= n sum_i v_i q_i     twice, c = n v -+ d S delta, for the share n/d

S delta is rounded to the nearest 1/d value unit: a signed coefficient has no safe direction, so the
integer is the definition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from circuits.market.decimals import decimal_text
from circuits.market.risk_array import Greek
from circuits.market.snapshot import Contract, Instrument, Option, Settlement, Spot
from circuits.modelling.errors import ModelError
from circuits.models.greek_limit_document import GreekLimit, LimitDocument, Measure
from circuits.models.risk_inputs import RiskInputs, rounded
from circuits.prices import InexactDecimalError, scaled_decimal

MIN_ENTRY: Final = 100
"""Units of a Greek per base unit: what is rounded, or published one off, is then off by 1 % at most."""


@dataclass(frozen=True)
class Condition:
    """See the module's text; `label` names its row. `is_value`: counted in ``1/scale`` value unit, not in Greeks."""

    label: str
    limit: GreekLimit
    linear: Mapping[str, int]
    gross: Mapping[str, int]
    constant: int
    span: int | None = None
    is_value: bool = False
    scale: int = 1

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset that it uses, each once."""
        return tuple({**self.linear, **self.gross})

    def value(self, positions: Mapping[str, int]) -> int:
        """``b + sum c q - sum a |q|``."""
        linear = sum(c * positions.get(asset, 0) for asset, c in self.linear.items())
        return (
            self.constant + linear - sum(a * abs(positions.get(asset, 0)) for asset, a in self.gross.items())
        )

    def holds(self, positions: Mapping[str, int]) -> bool:
        """Whether the condition does."""
        value = self.value(positions)
        return value >= 0 and (self.span is None or value <= self.span)


def conditions(document: LimitDocument, inputs: RiskInputs) -> tuple[Condition, ...]:
    """All conditions of a document, in the order of its limits. Raises `ModelError` naming the entry."""
    hedge = _hedge_units(document, inputs)
    return tuple(
        condition for limit in document.limits for condition in _of_limit(limit, document, inputs, hedge)
    )


def _of_limit(
    limit: GreekLimit, document: LimitDocument, inputs: RiskInputs, hedge: Mapping[str, int]
) -> Iterator[Condition]:
    members = limit.members(inputs.instruments, inputs.snapshot)
    path = limit.path.removeprefix("$.")
    if not members:
        raise ModelError(f"{path}: no asset of the book is written on {limit.underlying!r} in these expiries")
    entries = inputs.greeks(limit.greek)
    _check_resolution(path, limit.greek, {asset: inputs.instruments[asset] for asset in members}, entries)
    greeks = {asset: entries[asset] for asset in members if entries[asset]}
    if limit.measure is Measure.EQUITY:
        yield from _against_equity(limit, inputs, members)
    elif limit.measure is Measure.GROSS:
        sizes = {asset: abs(entry) for asset, entry in greeks.items()}
        yield Condition(limit.name, limit, {}, sizes, limit.greatest or 0)
    else:
        held = hedge if limit.measure is Measure.HEDGED else {}
        base = sum(entry * held.get(asset, 0) for asset, entry in greeks.items())
        yield _net(limit, greeks, base)


def _net(limit: GreekLimit, greeks: Mapping[str, int], base: int) -> Condition:
    if limit.least is None:
        negated = {asset: -entry for asset, entry in greeks.items()}
        return Condition(limit.name, limit, negated, {}, (limit.greatest or 0) - base)
    span = None if limit.greatest is None else limit.greatest - limit.least
    return Condition(limit.name, limit, greeks, {}, base - limit.least, span)


def _against_equity(limit: GreekLimit, inputs: RiskInputs, members: list[str]) -> Iterator[Condition]:
    share = limit.share or 0
    scale = next(row.scale for row in inputs.array.greeks if row.greek is Greek.DELTA)
    deltas = inputs.delta_values(scale)
    numerator, denominator = share.numerator, share.denominator
    worth = rounded({asset: denominator * deltas[asset] for asset in members})
    for name, sign in (("long", -1), ("short", 1)):
        linear = {asset: numerator * value for asset, value in inputs.values().items()}
        for asset, delta in worth.items():
            linear[asset] = linear.get(asset, 0) + sign * delta
        kept = {asset: c for asset, c in linear.items() if c}
        yield Condition(f"{limit.name}: {name}", limit, kept, {}, 0, is_value=True, scale=numerator)


def _hedge_units(document: LimitDocument, inputs: RiskInputs) -> dict[str, int]:
    units = {}
    for asset, amount in document.hedge.items():
        if asset not in inputs.instruments:
            raise ModelError(f"hedge: asset {asset!r} is not in the book, or is ignored")
        try:
            units[asset] = scaled_decimal(decimal_text(amount), inputs.decimals[asset])
        except InexactDecimalError as error:
            raise ModelError(f"hedge: {decimal_text(amount)} of {asset!r} is {error}") from error
    return units


def _check_resolution(
    path: str, greek: Greek, members: Mapping[str, Instrument], entries: Mapping[str, int]
) -> None:
    """Entries are rounded to whole units, and published ones may be one off: a coarse scale would hide any exposure.

    Linear instruments have a delta, each `MIN_ENTRY` units at least; of options the largest entry has. Those far out
    of the money have next to nothing of any Greek, and may round to 0.
    """
    for asset, instrument in members.items():
        is_linear = isinstance(instrument, Spot) or (
            isinstance(instrument, Contract) and instrument.settlement is Settlement.LINEAR
        )
        if greek is Greek.DELTA and is_linear and abs(entries[asset]) < MIN_ENTRY:
            raise _too_coarse(path, greek, f"a base unit of {asset!r}", abs(entries[asset]))
    options = [asset for asset, instrument in members.items() if isinstance(instrument, Option)]
    if options:
        largest = max(options, key=lambda asset: abs(entries[asset]))
        if abs(entries[largest]) < MIN_ENTRY:
            raise _too_coarse(
                path, greek, f"a base unit of every option up to {largest!r}", abs(entries[largest])
            )


def _too_coarse(path: str, greek: Greek, of: str, entry: int) -> ModelError:
    return ModelError(
        f"{path}: the {greek.value} of {of} rounds to {entry} units, which says little: give scales.{greek.value} more "
        f"digits, until it is {MIN_ENTRY}"
    )
