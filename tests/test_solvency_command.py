"""``sealedbook prove-solvency``: what it prints, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sealing_support import Sealed, fastest_backend, seal
from solvency_support import (
    SOLVENT,
    TOTALS,
    prove_accounts,
    reserves_document,
    signed_address,
    summa_address,
    verify,
)
from typer.testing import CliRunner

from sealedbook.__main__ import app


class Run:
    """The command in this process."""

    def __init__(self, sealed: Sealed, reserves: bytes, *options: str) -> None:
        document = sealed.folder / "reserves.json"
        document.write_bytes(reserves)
        places = ["prove-solvency", str(sealed.bundle), "--vault", str(sealed.folder / "vault")]
        result = CliRunner().invoke(app, [*places, "--reserves", str(document), *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        self.code = result.exit_code
        self.out = result.stdout
        self.said = " ".join((result.stdout + result.stderr).split())

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def fast(tmp_path: Path) -> Sealed:
    return seal(tmp_path / "fast", fastest_backend(), SOLVENT)


def files(sealed: Sealed) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sealed.folder.rglob("*") if path.is_file()}


def test_a_claim_is_added(fast: Sealed) -> None:
    run = Run(fast, reserves_document(TOTALS))
    assert run.code == 0
    assert "reserves of 3 asset(s) are at least the totals. Totals are hidden." in run.said
    assert "Note: the bundle has no claim about every account." in run.said
    assert verify(fast).solvency
    prove_accounts(fast)
    assert "Note" not in Run(fast, reserves_document(TOTALS)).said


def test_for_programs(fast: Sealed) -> None:
    reserves = reserves_document({"BTC": 3 * TOTALS["BTC"]})
    run = Run(fast, reserves, "--json", "--ratio", "1.5", "--totals", "public", "--name", "spot")
    assert run.code == 0
    (verified,) = verify(fast).solvency
    assert run.document == {
        "bundle": str(fast.bundle),
        "claim": "spot",
        "statement": verified.statement.digest().hex(),
        "totals": "public",
        "ratio": "1.5",
        "assets": ["BTC"],
        "proof_bytes": 80,
    }


def test_signatures_that_will_not_count_are_noted(fast: Sealed) -> None:
    good = signed_address(f"book {fast.result.digest.hex()}", balance="1")
    bad = good | {"message": "x", "chain": "Arbitrum"}
    run = Run(fast, reserves_document(TOTALS | {"BTC": 300_000_000}, {"BTC": [good, bad, summa_address()]}))
    assert run.code == 0
    assert run.said.count("Note: BTC") == 2
    assert f"BTC, Arbitrum address {bad['address']}: the signature is not by the address." in run.said
    assert f"{summa_address()['address']}: signed, but the message does not name this book." in run.said


@pytest.mark.parametrize("mode", ["hidden", "public"])
def test_short_reserves(fast: Sealed, mode: str) -> None:
    short = reserves_document({**TOTALS, "USD": TOTALS["USD"] - 100})
    (fast.folder / "reserves.json").write_bytes(short)
    before = files(fast)
    run = Run(fast, short, "--totals", mode)
    assert run.code == 3
    assert "USD: 25,000.75 required, 24,999.75 in reserve, short by 1" in run.said
    run = Run(fast, short, "--totals", mode, "--json")
    assert run.code == 3
    assert run.document == {
        "result": "refused",
        "short": [
            {"asset": "USD", "decimals": 2, "reserves": "2499975", "required": "2500075", "missing": "100"}
        ],
        "exit_code": 3,
    }
    assert files(fast) == before


@pytest.mark.parametrize(
    ("reserves", "options", "words"),
    [
        (reserves_document(TOTALS), ["--ratio", "0.5"], "a ratio below 1 would not be covered"),
        (reserves_document(TOTALS), ["--ratio", "1.00001"], "'1.00001' is not a ratio from 1 to 99.9999"),
        (reserves_document(TOTALS), ["--name", "A b"], "claim name 'A b' is not 1 to 40"),
        (b"{}", [], "reserves: $: field 'format' is missing"),
        (b"{", [], "reserves: $: not JSON"),
        (reserves_document(TOTALS).replace(b"USD", b"EUR"), [], "'EUR' is not an asset of the book"),
    ],
)
def test_what_is_refused(fast: Sealed, reserves: bytes, options: list[str], words: str) -> None:
    before = files(fast)
    run = Run(fast, reserves, *options)
    assert run.code == 3
    assert words in run.said
    (fast.folder / "reserves.json").unlink()
    assert files(fast) == before


def test_a_missing_document(fast: Sealed) -> None:
    result = CliRunner().invoke(
        app,
        [
            "prove-solvency",
            str(fast.bundle),
            "--vault",
            str(fast.folder / "vault"),
            "--reserves",
            "nowhere.json",
        ],
    )
    assert result.exit_code == 4
    assert "nowhere.json: No such file" in result.stderr
