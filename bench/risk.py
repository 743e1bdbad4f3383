"""Risk: per model rows, bits, evaluation, proving and verification; certificates, books and markets made anew.

Proving is compared with what the argument costs a bit, measured before each group of models in the same run on rows of
random bits (`bench.models`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from bench.figures import Figure, print_figures
from bench.models import PROVEN_BITS, PROVING_TARGET, unit_cost
from bench.risk_margin import risk_margin_figures
from bench.risk_portfolio import portfolio_figures
from bench.risk_realtime import realtime_figures
from bench.risk_rebalancing import rebalancing_figures
from bench.risk_shortfall import shortfall_figures
from primitives.backends import get_backend

_BITS: Final = "  bits"
_PROVEN: Final = "  proven"


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of risk."""
    backend = get_backend("native")
    bits = PROVEN_BITS >> (8 if quick else 0)
    groups: tuple[Callable[[], Iterable[Figure]], ...] = (
        lambda: risk_margin_figures(backend, quick=quick),
        lambda: portfolio_figures(quick=quick),
        lambda: shortfall_figures(quick=quick),
    )
    figures: list[Figure] = []
    for group in groups:
        unit = unit_cost(backend, bits)
        figures.append(Figure("argument, per bit", unit, "us/bit", note="rows of random bits"))
        figures += with_shares(group(), unit)
    figures += rebalancing_figures(quick=quick)
    figures += realtime_figures(quick=quick)
    print_figures("risk", figures, as_json=as_json)


def with_shares(figures: Iterable[Figure], unit: float) -> Iterator[Figure]:
    """The figures; after the time of proving an account, its share of bits times `unit`, microseconds a bit."""
    bits = 0.0
    for figure in figures:
        yield figure
        if figure.name == _BITS:
            bits = figure.value
        elif figure.name == _PROVEN and figure.unit == "us/account":
            yield Figure(
                "  proven, share of bits x unit cost", figure.value / (unit * bits), "", PROVING_TARGET
            )
