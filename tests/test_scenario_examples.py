"""The examples of scenario models are what their generator writes, and read, compile and hold as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_model_support import EXAMPLES, load_example
from vectors.generate_scenario_examples import generate

from circuits.model_document import compile_model

KINDS = [
    "paradex-portfolio-margin",
    "deribit-segregated-portfolio-margin",
    "deribit-cross-portfolio-margin",
    "span",
]


def test_examples_are_what_the_generator_writes(tmp_path: Path) -> None:
    generate(tmp_path)
    for kind in KINDS:
        names = {path.name for path in (tmp_path / kind).iterdir()}
        assert names == {"model.json", "market.json", "assets.json", "book.csv"}
        for name in names:
            assert (EXAMPLES / kind / name).read_bytes() == (tmp_path / kind / name).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_every_account_of_an_example_is_sufficient(kind: str) -> None:
    case, book = load_example(kind)
    compile_model((EXAMPLES / kind / "model.json").read_bytes(), case.assets, case.market)
    result = case.evaluate(list(book.values()))
    assert result.sufficient.all()
    assert len(book) >= 4
    assert any(not any(account) for account in book.values())
