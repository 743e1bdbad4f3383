"""Models of losses in the product: import, commit, prove, verify, open, certify, and the report of margins."""

from __future__ import annotations

import csv
import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenario_model_support import EXAMPLES, load_example
from sealing_support import fastest_backend, needs_native
from test_cli import run

from circuits.assignment import NotSatisfiedError, RowAssigner
from circuits.market.document import parse_market
from circuits.market_figures import FigureKind, compare_markets
from circuits.positions import PositionBatch
from sealedbook.output import ExitCode

KINDS = ("expected-shortfall", "value-at-risk", "stress")


def accepted(*arguments: object) -> str:
    done = run(*arguments)
    assert done.code == ExitCode.ACCEPTED, done.said
    return done.said


@needs_native
@pytest.mark.parametrize("kind", KINDS)
def test_from_a_book_to_a_certificate(kind: str, tmp_path: Path) -> None:
    example, folder = EXAMPLES / kind, tmp_path
    documents = ("--model", example / "model.json", "--market", example / "market.json")
    accepted("import", example / "book.csv", "--assets", example / "assets.json", "--out", folder / "book")
    accepted("commit", folder / "book", "--out", folder / "bundle", "--vault", folder / "vault")
    accepted("prove", folder / "bundle", "--vault", folder / "vault", *documents)
    said = accepted("verify", folder / "bundle")
    case, book = load_example(kind)
    (condition,) = case.definition.words().conditions
    assert " ".join(condition.split())[:80] in said
    opening, certificate = folder / "opening.json", folder / "certificate.json"
    vault = ("--vault", folder / "vault")
    accepted("open", folder / "bundle", "--account", "writer", *vault, "--out", opening)
    public = ("--statement", example / "model.json", "--market", example / "market.json")
    accepted("certify", opening, *public, "--out", certificate)
    accepted("verify-certificate", certificate, "--bundle", folder / "bundle")
    accepted("margin", "evaluate", folder / "book", *documents, "--out", folder / "margins.csv")
    with (folder / "margins.csv").open(newline="") as file:
        rows = {row["account"]: row for row in csv.DictReader(file)}
    result = case.evaluate(list(book.values()))
    for place, name in enumerate(book):
        assert rows[name]["sufficient"] == "true"
        assert rows[name]["fails"] == ""
        figures = [str(rows[name][column]) for column in ("equity", "requirement")]
        expected = [int(result.equity[place]), int(result.requirement[place])]
        assert [round(float(figure) * 10**6) for figure in figures] == expected
    worst = rows["writer"]["worst_scenario"]
    assert worst == ("rally" if kind == "stress" else worst)
    if kind != "stress":
        assert worst.startswith(("one day: 20", "two days: 20"))
        assert " to 202" in worst


@needs_native
def test_the_report_and_the_statement_agree_for_weights(tmp_path: Path) -> None:
    """Weights are not for the native kernel of witnesses, and change nothing else."""
    case, book = load_example("expected-shortfall")
    weighted = case.altered(lambda d: d["measures"][0].update(decay="0.97", name="weighted"))
    market: Any = weighted.market
    plain = type(weighted)(
        weighted.document, type(market)(market.snapshot, None, market.history), case.assets
    )
    generator = np.random.default_rng(4)
    accounts = [*book.values(), *generator.integers(-9_000, 9_000, size=(40, len(case.assets))).tolist()]
    balanced = plain.balanced(accounts, "USD")
    assigner = RowAssigner(plain.model.compile(), fastest_backend())
    assigner.assign(PositionBatch.from_mappings([dict(enumerate(account)) for account in balanced]))
    short = [[account[0] - 1, *account[1:]] for account in balanced]
    with pytest.raises(NotSatisfiedError) as caught:
        assigner.assign(PositionBatch.from_mappings([dict(enumerate(account)) for account in short]))
    assert [violation.label for violation in caught.value.violations] == ["margin"] * len(short)


def test_closes_are_figures_that_markets_are_compared_by() -> None:
    """A history that was changed after the fact is found, and its new days do not hide new things."""
    document = parse_market((EXAMPLES / "value-at-risk" / "market.json").read_bytes())
    assert document.history is not None
    first = document.history.series[0]
    rewritten = dataclasses.replace(first, closes=(first.closes[0] * Decimal("1.01"), *first.closes[1:]))
    history = dataclasses.replace(document.history, series=(rewritten, *document.history.series[1:]))
    found = compare_markets(document, dataclasses.replace(document, history=history))
    assert found.largest.name.kind is FigureKind.CLOSE
    assert str(found.largest.name) == "close of underlying 'BTC' at 2025-12-04T00:00:00Z"
    assert found.largest.basis_points == 100
    bare = compare_markets(dataclasses.replace(document, history=None), document)
    assert [str(name) for name in bare.new] == [
        "close of underlying 'BTC', 260 times",
        "close of underlying 'ETH', 260 times",
        "past volatility of underlying 'BTC', 260 times",
        "past volatility of underlying 'ETH', 260 times",
    ]
    assert bare.gone == ()
