"""The examples of scenario models are what their generator writes, and read, compile and hold as they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scenario_model_support import EXAMPLES, load_example
from vectors.generate_scenario_examples import generate

from circuits.model_document import compile_model, read_definition
from primitives.strict_json import JsonError

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


OPTIONAL = {"sets", "ignored", "numbers", "scale", "cap", "position_bits"}


def objects(value: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document, with its path."""
    if isinstance(value, dict):
        yield path, value
        for name, inner in value.items():
            yield from objects(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from objects(inner, f"{path}[{place}]")


def refused(document: Any) -> JsonError:
    with pytest.raises(JsonError) as caught:
        read_definition(json.dumps(document).encode())
    return caught.value


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
            target[name] = -1
            assert refused(document).path == f"{path}.{name}"
            if name not in OPTIONAL:
                document, target = altered()
                del target[name]
                assert refused(document).path in (path, f"{path}.{name}")
