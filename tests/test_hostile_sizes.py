"""Documents of the largest sizes cost what their bytes cost, and not the square of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import InvalidOperation
from pathlib import Path
from typing import Final

import pytest

from circuits import claim_statement
from circuits.builder import StatementBuilder
from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.rows import Form, Scope
from circuits.statement_errors import StatementError
from circuits.witness import positive_part
from primitives.assets import Asset, parse_assets_json
from primitives.attestation import LEAVES_NAME, Attestation, BundleFile, SealedBook
from primitives.sum_tree import SumNode

EXAMPLE: Final = Path(__file__).parents[1] / "examples/models/deribit-cross-portfolio-margin"


class CountedFiles(tuple[BundleFile, ...]):
    """How often somebody goes through all of them."""

    passes = 0

    def __iter__(self) -> Iterator[BundleFile]:
        type(self).passes += 1
        return super().__iter__()


def test_files_are_found_without_a_search_for_each() -> None:
    names = [LEAVES_NAME, *(f"proofs/accounts-{batch:06d}.narg" for batch in range(100))]
    files = CountedFiles(BundleFile(name, 1, bytes(32)) for name in names)
    book = SealedBook(
        "x",
        bytes(32),
        datetime(2026, 1, 31, tzinfo=UTC),
        (Asset("BTC", 8),),
        2,
        bytes(32),
        SumNode(bytes(32), bytes(48)),
    )
    attestation = Attestation(book, files)
    assert [attestation.file(name).name for name in names] == names
    assert CountedFiles.passes == 1
    with pytest.raises(KeyError):
        attestation.file("proofs")


def test_auxiliary_values_beyond_128_bits_are_a_fault_of_the_model() -> None:
    builder = StatementBuilder((Asset("BTC", 8),), Scope.BOOK)
    builder.add_auxiliary("large", 100, positive_part(Form(((0, 1 << 64),))))
    with pytest.raises(StatementError, match="witness: step 0 could leave the range of 128-bit integers"):
        builder.build()


def test_prices_beyond_what_a_statement_can_count_are_refused() -> None:
    """An index price of 10^12 in a market of options: a refusal, as of any document that makes no statement."""
    assets, model, market = (
        (EXAMPLE / f"{name}.json").read_bytes() for name in ("assets", "model", "market")
    )
    listed = parse_assets_json(assets).assets
    compile_claim(model, market, listed)
    document = json.loads(market)
    document["underlyings"][1]["index"] = "1000000000000"
    with pytest.raises(ClaimDocumentError, match="could leave the range of 128-bit integers"):
        compile_claim(model, json.dumps(document).encode(), listed)


@pytest.mark.parametrize(
    ("example", "place", "value", "reason"),
    [
        (
            "deribit-segregated-portfolio-margin",
            ("pairs", 0, "extended", "moves", 1),
            "0.000000000000000001",
            "model: scale: an entry exceeds 64 bits",
        ),
    ],
)
def test_numbers_of_models_that_cannot_be_computed_with(
    example: str, place: tuple[str | int, ...], value: str, reason: str
) -> None:
    folder = EXAMPLE.with_name(example)
    assets, model, market = ((folder / f"{name}.json").read_bytes() for name in ("assets", "model", "market"))
    document = json.loads(model)
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(ClaimDocumentError, match=reason):
        compile_claim(json.dumps(document).encode(), market, parse_assets_json(assets).assets)


def test_arithmetic_that_fails_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InvalidOperation

    monkeypatch.setattr(claim_statement, "compile_model", fail)
    with pytest.raises(ClaimDocumentError, match=r"cannot be computed with \(InvalidOperation\)"):
        compile_claim(b"{}", None, ())
