"""Risk: per model rows, bits, evaluation, proving and verification; certificates, books and markets made anew."""

from __future__ import annotations

from bench.figures import Figure, print_figures
from bench.risk_margin import risk_margin_figures
from bench.risk_portfolio import portfolio_figures
from bench.risk_realtime import realtime_figures
from bench.risk_shortfall import shortfall_figures
from primitives.backends import get_backend


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of risk."""
    backend = get_backend("native")
    figures: list[Figure] = [
        *risk_margin_figures(backend, quick=quick),
        *portfolio_figures(quick=quick),
        *shortfall_figures(quick=quick),
        *realtime_figures(quick=quick),
    ]
    print_figures("risk", figures, as_json=as_json)
