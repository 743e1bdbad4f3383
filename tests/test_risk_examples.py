"""The examples of limits on risk are what their generator writes, and hold as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_model_support import EXAMPLES, load_example
from vectors.generate_risk_examples import generate

from circuits.book_statement import compile_book, find_breaches

KINDS = ["greeks-limits", "balanced-book", "allocation"]


def test_examples_are_what_the_generator_writes(tmp_path: Path) -> None:
    generate(tmp_path)
    for kind in KINDS:
        names = {path.name for path in (tmp_path / kind).iterdir()}
        assert names == {"model.json", "market.json", "assets.json", "book.csv"}
        for name in names:
            assert (EXAMPLES / kind / name).read_bytes() == (tmp_path / kind / name).read_bytes()


def test_every_account_is_within_its_limits() -> None:
    case, book = load_example("greeks-limits")
    assert case.evaluate(list(book.values())).sufficient.all()


@pytest.mark.parametrize("leaves", [8, 1 << 32])
def test_the_book_is_within_its_limits(leaves: int) -> None:
    case, book = load_example("greeks-limits")
    folder = EXAMPLES / "balanced-book"
    model, market = (folder / "model.json").read_bytes(), (folder / "market.json").read_bytes()
    compiled = compile_book(model, market, case.assets, leaves)
    totals = [sum(column) for column in zip(*book.values(), strict=True)]
    assert find_breaches(compiled, totals) == []
