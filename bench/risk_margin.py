"""Models around a margin model, and balances: size, time to evaluate, prove and verify an account.

Every figure stands beside that of the inner model alone. Times are of one thread but where they say otherwise.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from bench.commit import one_thread
from bench.figures import Figure, median_seconds
from bench.model_case import Document, ModelCase
from bench.model_cases import model_cases, pmrm2
from bench.models import Proving
from circuits.modelling.explanation import explain
from circuits.positions import PositionBatch
from primitives.argument_parameters import batch_profile
from primitives.assets import Asset, AssetList
from primitives.backend import Backend
from prover.balances_report import BalancesDefinition, write_balances
from prover.book.store import Book, BookWriter
from prover.liquidation_prices import UNIT, PriceGrid, Verdict, first_crossing

_PROVEN_BITS: Final = 1 << 24
_EVALUATED: Final = 1 << 13
_POINTS: Final = (1, 5, 20)


def risk_margin_figures(backend: Backend, *, quick: bool) -> list[Figure]:
    """Sizes and times of all cases, then of balances and liquidation prices."""
    figures: list[Figure] = []
    for case in _cases(quick=quick):
        figures += _case_figures(backend, case, quick=quick)
    perpetuals = _perpetuals()
    return [
        *figures,
        *_balances_figures(backend, perpetuals, quick=quick),
        _price_figure(backend, perpetuals, quick=quick),
    ]


def _cases(*, quick: bool) -> Iterator[ModelCase]:
    base = _perpetuals()
    yield base
    yield _wrapped(base, "capital-adequacy", "at 105 %", numerator=105, denominator=100)
    column = Asset("withdrawal", 6)
    yield _wrapped(
        base,
        "withdrawable",
        "with a second floor",
        column,
        asset=base.cash,
        column=column.id,
        open_notional_share="0.1",
    )
    yield _wrapped(base, "insured", "margin", Asset("shortfall", 6), shortfall="shortfall", measure="margin")
    for count in _POINTS[:2] if quick else _POINTS:
        yield _wrapped(base, "survives", f"{count} points", points=_points(base, count))
    yield _wrapped(base, "survives", "independent moves", independent=[{"name": "any 5 %", "price": "0.05"}])
    if not quick:
        options = pmrm2(7, 30)
        yield options
        moves = [{"of": "ETH", "price": "-0.1", "volatility": "0.2"}]
        points = [{"name": "now", "moves": []}, {"name": "crash", "moves": moves}]
        yield _wrapped(options, "survives", "2 points, options priced anew", points=points)


def _perpetuals() -> ModelCase:
    """20 perpetuals in two tiers each."""
    return next(case for case in model_cases(quick=True) if case.definition.kind == "hyperliquid-perpetuals")


def _wrapped(base: ModelCase, kind: str, what: str, *columns: Asset, **fields: Any) -> ModelCase:
    inner = {name: value for name, value in base.document.items() if name != "format"}
    document: Document = {
        "format": base.document["format"],
        "kind": kind,
        "version": 1,
        "margin": inner,
        **fields,
    }
    varied = base.varied or tuple(asset.id for asset in base.assets if asset.id != base.cash)
    return replace(
        base,
        name=f"{kind}, {what}: {base.name}",
        document=document,
        assets=(*base.assets, *columns),
        published=None,
        varied=varied,
    )


def _points(base: ModelCase, count: int) -> list[Document]:
    """Every second one down, every second one up, further and further."""
    underlyings = [each["id"] for each in json.loads(json.dumps(base.market_document))["underlyings"]]
    changes = [f"{'-' if number % 2 else ''}0.{number:02}".rstrip("0") for number in range(1, count + 1)]
    return [
        {"name": f"point {change}", "moves": [{"of": of, "price": change} for of in underlyings]}
        for change in changes
    ]


def _case_figures(backend: Backend, case: ModelCase, *, quick: bool) -> list[Figure]:
    size = explain(case.model)
    statement = case.model.compile()
    bits = _PROVEN_BITS >> (6 if quick else 0)
    accounts = max(2, 1 << ((bits // statement.bit_count).bit_length() - 1))
    evaluated = case.accounts(1 << 9 if quick else _EVALUATED, backend)
    evaluate = case.evaluator(backend)
    evaluate(evaluated)
    evaluating = median_seconds(lambda: evaluate(evaluated), 3) / evaluated.account_count * 1e6
    work = Proving(backend, statement, case.accounts(accounts, backend), batch_profile(statement, accounts))
    with one_thread():
        proof = work.prove()
        proving = median_seconds(work.prove, 3) / accounts * 1e6
        verifying = median_seconds(lambda: work.verifier.verify(work.instance, proof), 3) / accounts * 1e6
    return [
        Figure(f"{case.name}: rows", size.rows, "rows"),
        Figure("  bits", size.bits, "bits/account"),
        Figure("  booleans", size.booleans, "booleans"),
        Figure("  margin evaluated", evaluating, "us/account", note="all threads"),
        Figure("  proven", proving, "us/account", note=f"{accounts:,} accounts"),
        Figure("  verified", verifying, "us/account"),
        Figure("  proof", len(proof) / accounts, "bytes/account"),
    ]


def _balances_figures(backend: Backend, case: ModelCase, *, quick: bool) -> list[Figure]:
    """The whole report, from a book folder to a Parquet file."""
    accounts = case.accounts(1 << 9 if quick else 1 << 15, backend)
    model, market = (json.dumps(each).encode() for each in (case.document, case.market_document))
    definition = BalancesDefinition(case.cash)
    with tempfile.TemporaryDirectory() as name:
        book = _book(Path(name) / "book", accounts, case.assets)
        out = Path(name) / "balances.parquet"

        def report() -> None:
            write_balances(
                book, out, backend, definition=definition, model=model, market=market, replace=True
            )

        report()
        seconds = median_seconds(report, 3)
    return [
        Figure("balances of a book", seconds / accounts.account_count * 1e6, "us/account", note=case.name)
    ]


def _book(folder: Path, accounts: PositionBatch, assets: tuple[Asset, ...]) -> Book:
    folder.mkdir()
    writer = BookWriter(folder, AssetList(assets))
    counts = np.diff(accounts.row_offsets)
    ids = pa.array([f"{number:012}" for number in range(accounts.account_count)], pa.string())
    owners = ids.take(pa.array(np.repeat(np.arange(accounts.account_count), counts)))
    writer.add_part(
        pa.table({"account": ids, "positions": counts.astype(np.int32)}),
        pa.table({"account": owners, "asset": accounts.columns, "amount": accounts.amounts}),
    )
    writer.finish({"kind": "bench"})
    return Book.open(folder)


def _price_figure(backend: Backend, case: ModelCase, *, quick: bool) -> Figure:
    """Both directions of a grid of 2 x 20 prices, and six bisections; the first run, with its compilations, counts."""
    accounts = case.accounts(1 << 9 if quick else 1 << 15, backend)
    market = case.market
    if market is None:
        raise ValueError("the case has no market")
    underlying = _points(case, 1)[0]["moves"][0]["of"]
    verdict = Verdict(
        lambda moved: case.definition.evaluator(case.assets, moved, backend), market, underlying
    )

    def search() -> None:
        for points in PriceGrid().points():
            first_crossing(verdict, accounts, points, 6)

    seconds = _once(search)
    note = f"{case.name}, brackets of {0.0475 / (1 << 6):.2%} below, lattice of 1/{UNIT:,}"
    return Figure(
        "liquidation prices of one underlying",
        seconds / accounts.account_count * 1e6,
        "us/account",
        note=note,
    )


def _once(work: Callable[[], None]) -> float:
    return median_seconds(work, 1)
