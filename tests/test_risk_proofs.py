"""Limits on Greeks and allocations, from end to end: a book proven and verified, a certificate, the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from scenario_model_support import EXAMPLES, Account, load_example
from sealing_support import Sealed, fastest_backend, seal
from typer.testing import CliRunner
from vectors.generate_risk_examples import ASSETS, GREEK_BOOK, SPOT_ASSETS, SPOT_BOOK, limit, limits

from circuits.prices import scaled_decimal
from primitives.assets import Asset, AssetList
from prover.prove_book import StatementFailsError, prove_book
from sealedbook.__main__ import app
from verifier.bundle import verify_bundle
from verifier.findings import Level
from verifier.report import bundle_report

CASES = [("greeks-limits", ASSETS, GREEK_BOOK), ("allocation", SPOT_ASSETS, SPOT_BOOK)]


def units(assets: Sequence[Asset], held: Mapping[str, str]) -> dict[str, int]:
    decimals = {asset.id: asset.decimals for asset in assets}
    return {asset: scaled_decimal(amount, decimals[asset]) for asset, amount in held.items()}


def sealed_book(folder: Path, assets: Sequence[Asset], book: Mapping[str, Mapping[str, str]]) -> Sealed:
    accounts = {name: units(assets, held) for name, held in book.items()}
    return seal(folder, fastest_backend(), accounts, AssetList(tuple(assets)), {})


def prove(sealed: Sealed, kind: str) -> None:
    folder = EXAMPLES / kind
    prove_book(
        sealed.bundle,
        sealed.vault.open_book(sealed.result.digest, None),
        sealed.issuer,
        sealed.backend,
        model=(folder / "model.json").read_bytes(),
        market=(folder / "market.json").read_bytes(),
        workers=1,
    )


@pytest.mark.parametrize(("kind", "assets", "book"), CASES, ids=[case[0] for case in CASES])
def test_a_book_is_proven_and_verified(kind: str, assets: Any, book: Any, tmp_path: Path) -> None:
    sealed = sealed_book(tmp_path / "enough", assets, book)
    prove(sealed, kind)
    verified = verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)
    report = bundle_report(verified)
    every = [finding for finding in report.findings if finding.subject == "Every account (accounts)"]
    assert every
    assert {finding.level for finding in every} == {Level.PROVEN}
    broken = {**book, "alice": {**book["alice"], assets[-1].id: "-1"}}
    with pytest.raises(StatementFailsError) as caught:
        prove(sealed_book(tmp_path / "broken", assets, broken), kind)
    assert {failure.account for failure in caught.value.failures} == {"alice"}


def test_a_certificate_of_limits_that_nothing_would_break(tmp_path: Path) -> None:
    """Of one account: neutral after a hedge, which an empty account is not."""
    sealed = sealed_book(tmp_path / "sealed", ASSETS, GREEK_BOOK)
    opening = tmp_path / "opening.json"
    opening.write_bytes(sealed.opening("alice").to_bytes())
    hedge = [{"asset": "BTC-PERP", "amount": "-6"}]
    market = EXAMPLES / "greeks-limits" / "market.json"
    for name, tolerance, code in (("wide.json", "2", 0), ("narrow.json", "0.0001", 3)):
        entry = limit("hedged", "delta", measure="hedged", least=f"-{tolerance}", greatest=tolerance)
        (tmp_path / name).write_text(json.dumps(limits("greeks-limits", [entry], hedge=hedge)))
        places = [
            "--statement",
            str(tmp_path / name),
            "--market",
            str(market),
            "--out",
            str(tmp_path / f"c-{name}"),
        ]
        result = CliRunner().invoke(app, ["certify", str(opening), *places])
        assert result.exit_code == code, result.output
    shown = CliRunner().invoke(
        app, ["verify-certificate", str(tmp_path / "c-wide.json"), "--bundle", str(sealed.bundle), "--json"]
    )
    assert shown.exit_code == 0, shown.output
    assert "after the hedge of the document, is within +-2" in shown.stdout


def test_a_balanced_book_is_no_certificate(tmp_path: Path) -> None:
    sealed = sealed_book(tmp_path / "sealed", ASSETS, GREEK_BOOK)
    opening = tmp_path / "opening.json"
    opening.write_bytes(sealed.opening("alice").to_bytes())
    folder = EXAMPLES / "balanced-book"
    places = ["--statement", str(folder / "model.json"), "--market", str(folder / "market.json")]
    result = CliRunner().invoke(app, ["certify", str(opening), *places, "--out", str(tmp_path / "c.json")])
    assert result.exit_code == 3
    assert "is about the sum of all accounts, not about an account" in " ".join(result.output.split())


@pytest.mark.parametrize("kind", ["greeks-limits", "allocation"])
def test_margins_are_evaluated(kind: str, tmp_path: Path) -> None:
    folder = EXAMPLES / kind
    runner = CliRunner()
    imported = ["import", str(folder / "book.csv"), "--assets", str(folder / "assets.json")]
    assert runner.invoke(app, [*imported, "--out", str(tmp_path / "book")]).exit_code == 0
    options = ["--model", str(folder / "model.json"), "--market", str(folder / "market.json")]
    result = runner.invoke(
        app,
        ["margin", "evaluate", str(tmp_path / "book"), *options, "--out", str(tmp_path / "m.csv"), "--json"],
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["insufficient"], document["unprovable"]) == (0, 0)


def test_a_model_is_explained() -> None:
    case, book = load_example("greeks-limits")
    accounts: list[Account] = list(book.values())
    assert case.evaluate(accounts).sufficient.all()
    folder = EXAMPLES / "greeks-limits"
    arguments = ["--market", str(folder / "market.json"), "--assets", str(folder / "assets.json")]
    result = CliRunner().invoke(app, ["model", "explain", str(folder / "model.json"), *arguments])
    assert result.exit_code == 0, result.output
    assert "gross vega" in result.output
