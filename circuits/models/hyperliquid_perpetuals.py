"""Hyperliquid perpetuals: margin tiers with a maximal leverage (docs/models/hyperliquid-perpetuals.md).

A preset of `circuits.models.linear_perpetuals`. With L_k the maximal leverage of tier k:

    maintenance   rate 1 / (2 L_k), half the initial rate at maximal leverage, less a deduction that makes it continuous
    initial       1 / L_k of the whole notional: jumps at the bounds, a boolean for each tier
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar, Final

from circuits.modelling import ChargeTable
from circuits.modelling.definition import Numbers
from circuits.models.linear_perpetuals import LinearPerpetuals
from circuits.models.perpetual_charges import RateTable, StepTable
from circuits.models.perpetual_documents import parse_tables, read_tiers
from primitives.strict_json import JsonObject

MAX_LEVERAGE: Final = 1_000


@dataclass(frozen=True)
class HyperliquidPerpetuals(LinearPerpetuals):
    """As ``linear-perpetuals``, with ``margin`` (``initial`` or ``maintenance``) and tables of leverages.

    ``tables`` lists ``{"name", "tiers": [{"from", "max_leverage"}]}``; the last tier of an initial margin ends at
    the cap of ``numbers``.
    """

    kind: ClassVar[str] = "hyperliquid-perpetuals"
    title: ClassVar[str] = "Hyperliquid perpetuals, margin tiers of maximal leverage"

    @classmethod
    def read_tables(cls, fields: JsonObject, numbers: Numbers) -> dict[str, RateTable]:
        """The fields ``margin`` and ``tables``."""
        margin = fields.text("margin", max_length=16)
        if margin not in ("initial", "maintenance"):
            raise fields.fail("margin", f"{margin!r} is not 'initial' or 'maintenance'")
        if margin == "maintenance":
            return parse_tables(fields, _maintenance)
        return parse_tables(fields, lambda entry: _initial(entry, numbers))


def _maintenance(fields: JsonObject) -> ChargeTable:
    return ChargeTable(tuple((lower, rate / 2) for lower, rate in _tiers(fields)))


def _initial(fields: JsonObject, numbers: Numbers) -> StepTable:
    """Upper bounds are the lower ones of the next tier."""
    tiers = _tiers(fields)
    cap = Fraction(numbers.cap)
    if tiers[-1][0] >= cap:
        raise fields.fail("tiers", f"the last tier begins beyond the model's cap, {numbers.cap}")
    steps = [(upper, rate) for (_, rate), (upper, _) in pairwise([*tiers, (cap, Fraction(0))])]
    return StepTable(tuple(steps))


def _tiers(fields: JsonObject) -> tuple[tuple[Fraction, Fraction], ...]:
    """Lower bounds with the initial rates ``1 / L``."""
    return read_tiers(fields, "tiers", "from", _read_leverage)


def _read_leverage(fields: JsonObject) -> Fraction:
    return Fraction(1, fields.integer("max_leverage", minimum=1, maximum=MAX_LEVERAGE))
