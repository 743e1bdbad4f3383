"""Nothing that others wrote can steer the terminal, or pass for a line of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from certificate_support import ASSETS, document_of, model, opening_of
from rich.text import Text
from sealing_support import fastest_backend
from typer.testing import CliRunner

from prover.certificate import make_certificate
from sealedbook.__main__ import app
from sealedbook.output import shown

EVIL = "\x1b[2J\x1b[1;1HACCEPTED\nproven  Solvency\x9b1A\u202e"


def said_about(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], terminal_width=500)
    return result.stdout + result.stderr


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A true certificate, with prices of an asset that the book does not have."""
    prices = [{"asset": asset.id, "price": "1"} for asset in ASSETS] + [{"asset": EVIL, "price": "1"}]
    market = {
        "format": "sealedbook/prices/v1",
        "as_of": "2026-01-31T00:00:00Z",
        "quote": "USD",
        "scale": 18,
        "prices": prices,
    }
    made = make_certificate(
        opening_of("alice", fastest_backend()),
        fastest_backend(),
        model=model("net-value"),
        market=json.dumps(market).encode(),
    )
    path = tmp_path / "certificate.json"
    path.write_bytes(made.to_bytes())
    altered = document_of(made)
    altered["model"] = EVIL
    (tmp_path / "altered.json").write_text(json.dumps(altered))
    return path


def check_harmless(text: str) -> None:
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\\x1b[2J" in text
    assert "proven  Solvency" not in [line.strip() for line in text.splitlines()]


def test_prices_in_a_certificate(certificate: Path) -> None:
    digest = opening_of("alice", fastest_backend()).book.digest().hex()
    said = said_about("verify-certificate", certificate, "--book-digest", digest)
    assert "ACCEPTED" in said
    check_harmless(said)


def test_documents_shown_by_inspect(certificate: Path) -> None:
    check_harmless(said_about("inspect", certificate.with_name("altered.json")))


def test_names_in_errors() -> None:
    check_harmless(said_about("verify", EVIL))


def test_text_is_shown_as_it_is_where_that_does_no_harm() -> None:
    for text in ("Jos\u00e9 \u20bf 1,000", "", "[bold]x[/]", "a\\[b]"):
        assert Text.from_markup(shown(text)).plain == text
    assert Text.from_markup(shown("a\tb\n\udc80\U0001f600")).plain == "a\\tb\\n\\udc80\U0001f600"
