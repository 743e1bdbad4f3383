"""Expected Shortfall and Value at Risk over 250 and 500 returns: size beside the catalogue's, and time an account.

One underlying with 41 instruments, a made-up history, losses in 10^-4 USD. `shortfall_figures` is a part of
``python -m bench risk``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from bench.commit import one_thread
from bench.figures import Figure, median_cpu_seconds, median_seconds
from bench.model_case import ModelCase, Published
from bench.model_cases import AS_OF, CASH, derivatives_market
from bench.models import Proving
from circuits.market.example_history import example_history
from circuits.market.history_document import history_to_json
from circuits.modelling.explanation import explain
from primitives.argument_parameters import batch_profile
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.claims import MAX_BATCH_CELLS

_SEED: Final = 20260820
_INSTRUMENTS: Final = 41
_EVALUATED: Final = 1 << 14
_EVALUATED_TARGET: Final = 100.0
"""Microseconds an account: a hundred thousand in ten seconds."""
_PUBLISHED: Final = {
    ("expected-shortfall", 250): Published(251, 30.0),
    ("expected-shortfall", 500): Published(501, 60.0),
    ("value-at-risk", 250): Published(251, 15.5, 250),
    ("value-at-risk", 500): Published(501, 31.0, 500),
}


def shortfall_cases(*, quick: bool) -> Iterator[ModelCase]:
    """The cases of the catalogue, one with weights."""
    for (kind, returns), published in _PUBLISHED.items():
        if not quick or returns == 250:
            level = "0.975" if kind == "expected-shortfall" else "0.99"
            yield _case(kind, returns, level, published)
    yield _case("expected-shortfall", 250, "0.975", None, decay="0.97")


def shortfall_figures(*, quick: bool) -> list[Figure]:
    """Rows, bits, and microseconds of an account: evaluated (all threads), proven and verified (one thread)."""
    backend = get_backend("native")
    figures: list[Figure] = []
    for case in shortfall_cases(quick=quick):
        figures += _figures(backend, case, quick=quick)
    return figures


def _case(kind: str, returns: int, level: str, published: Published | None, **changes: Any) -> ModelCase:
    market, ids = derivatives_market(_INSTRUMENTS, 1, expiries=5)
    prices = {entry["id"]: Decimal(entry["index"]) for entry in market["underlyings"]}
    history = example_history(_SEED, returns + 1, prices, last=AS_OF - timedelta(hours=8))
    measure = {
        "name": "one day",
        "level": level,
        "returns": returns,
        "horizon": 1,
        "sampling": "overlapping",
        "shocks": "relative",
        "volatility": "history",
        "elapsed_days": "0",
    }
    document = {
        "format": "sealedbook/model/v1",
        "kind": kind,
        "version": 1,
        "measures": [measure | changes],
        "bound": {"kind": "margin"},
    }
    weighted = ", weighted" if changes else ""
    return ModelCase(
        f"{kind}, {float(level):.1%} of {returns} returns{weighted}, {_INSTRUMENTS} instruments",
        document,
        market | {"history": history_to_json(history)},
        (*(Asset(name, 2) for name in ids), Asset(CASH, 6)),
        CASH,
        amount=10**4,
        published=published,
        held=8,
    )


def _figures(backend: Backend, case: ModelCase, *, quick: bool) -> list[Figure]:
    size, table = explain(case.model), case.published
    note = (
        ""
        if table is None
        else f"table: {table.rows:,} rows, {table.kilobits:g} kbit, {table.booleans} booleans"
    )
    count = 1 << 9 if quick else _EVALUATED
    accounts, evaluate = case.accounts(count, backend), case.evaluator(backend)
    evaluating = median_seconds(lambda: evaluate(accounts), 3) / count * 1e6
    statement = case.model.compile()
    cells = MAX_BATCH_CELLS >> (8 if quick else 0)
    proven = max(2, 1 << ((cells // statement.bit_count).bit_length() - 1))
    work = Proving(backend, statement, case.accounts(proven, backend), batch_profile(statement, proven))
    with one_thread():
        proof = work.prove()
        assigning = median_cpu_seconds(lambda: work.assigner.assign(work.positions), 3) / proven * 1e6
        proving = median_cpu_seconds(work.prove, 3) / proven * 1e6
        verifying = median_cpu_seconds(lambda: work.verifier.verify(work.instance, proof), 3) / proven * 1e6
    return [
        Figure(f"{case.name}: rows", size.rows, "rows", note=note),
        Figure("  bits", size.bits, "bits/account"),
        Figure("  booleans", size.booleans, "booleans"),
        Figure("  margin evaluated", evaluating, "us/account", _EVALUATED_TARGET, note=f"{count:,} accounts"),
        Figure("  statement evaluated", assigning, "us/account"),
        Figure("  proven", proving, "us/account", note=f"{proven:,} accounts"),
        Figure("  verified", verifying, "us/account"),
        Figure("  proof", len(proof) / proven, "bytes/account"),
    ]
