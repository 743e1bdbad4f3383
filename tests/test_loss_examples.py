"""The examples of models of losses are what their generator writes, and every field of them is checked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from scenario_model_support import EXAMPLES, load_example
from test_scenario_examples import objects, refused
from vectors.generate_loss_examples import generate

from bench.risk_shortfall import shortfall_cases
from circuits.modelling.explanation import explain

KINDS = ("expected-shortfall", "value-at-risk", "stress")
PAGES = Path(__file__).parent.parent / "docs" / "models"
OPTIONAL = {
    "charges", "perpetual", "option", "numbers", "weight", "elapsed_days", "multiple", "addition", "underlying",
    "volatility", "change", "points",
}  # fmt: skip
"""Fields that a document of these may leave out; in a measure ``elapsed_days`` and ``volatility`` are needed."""


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
    result = case.evaluate(list(book.values()))
    assert result.sufficient.all()
    assert max(result.requirement) > 0
    assert any(not any(account) for account in book.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_model_is_read_and_checked(kind: str) -> None:
    """Unknown fields, missing ones, and values of another type are refused where they stand."""
    text = (EXAMPLES / kind / "model.json").read_text()
    for place, (path, found) in enumerate(objects(json.loads(text))):

        def altered(place: int = place) -> tuple[Any, dict[str, Any]]:
            document = json.loads(text)
            return document, list(objects(document))[place][1]

        document, target = altered()
        target["other"] = "1"
        error = refused(document)
        assert (error.path, "unknown field 'other'" in str(error)) == (path, True)
        for name in found:
            document, target = altered()
            target[name] = [-1] if isinstance(found[name], int) else -1
            assert refused(document).path == f"{path}.{name}"
            if name not in OPTIONAL or "measures" in path:
                document, target = altered()
                del target[name]
                assert refused(document).path in (path, f"{path}.{name}")


def test_the_pages_have_the_sizes_that_models_have() -> None:
    sizes: dict[str, list[tuple[int, int]]] = {}
    for case in shortfall_cases(quick=False):
        size, kind = explain(case.model), case.definition.kind
        sizes.setdefault(kind, []).append((size.rows, size.bits))
    for kind, found in sizes.items():
        page = (PAGES / f"{kind}.md").read_text()
        rows = re.findall(
            r"^\| (?:250|500) \|(?: (?:equal|decay [0-9.]+) \|)? ([0-9,]+) \| ([0-9,]+) \|",
            page,
            re.MULTILINE,
        )
        assert sorted((int(a), int(b.replace(",", ""))) for a, b in rows) == sorted(found)
