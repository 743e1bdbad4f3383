"""Margin models in the product: failures in the model's own terms, markets recompiled by verifiers, imported books."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from modelling_support import batch_of
from scenario_model_support import EXAMPLES, Account, load_example
from sealing_support import Sealed, fastest_backend, seal
from test_cli import Outcome, run

import circuits.models.risk_inputs
from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.evaluate import Violation
from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek, RiskArray, compute_risk_array
from circuits.model_document import read_definition
from circuits.models.paradex_portfolio_margin import DELTA_SCALE, ParadexPortfolioMargin
from primitives.assets import AssetList
from primitives.attestation import Attestation
from prover.certificate import CertificateRefusedError, make_certificate
from prover.failure_terms import FailureExplainer
from prover.prove_book import StatementFailsError, prove_book
from sealedbook.output import ExitCode
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.certificate import verify_certificate_against_root
from verifier.checks import Check, VerificationError
from verifier.opening import TrustedRoot

KIND = "paradex-portfolio-margin"
MODEL = (EXAMPLES / KIND / "model.json").read_bytes()
MARKET = (EXAMPLES / KIND / "market.json").read_bytes()
CASE, BOOK = load_example(KIND)
POOLS = EXAMPLES / "cross-collateral-pools.json"
SAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vectors" / "books" / "published_samples.json").read_text()
)["binance"]


def seal_accounts(folder: Path, accounts: Mapping[str, Account]) -> Sealed:
    ids = [asset.id for asset in CASE.assets]
    held = {
        name: {asset: amount for asset, amount in zip(ids, account, strict=True) if amount}
        for name, account in accounts.items()
    }
    return seal(folder, fastest_backend(), held, AssetList(CASE.assets), {})


def prove(sealed: Sealed, market: bytes = MARKET) -> None:
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(sealed.bundle, secrets, sealed.issuer, sealed.backend, model=MODEL, market=market, workers=1)


def verify(sealed: Sealed) -> VerifiedBundle:
    return verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)


def short_by_one() -> Account:
    (account,) = CASE.balanced([BOOK["hedger"]], "USDC")
    return [account[0] - 1, *account[1:]]


# Failures in the terms of the model, to the operator and the holder alone


def test_a_failing_account_is_told_in_the_quote_currency(tmp_path: Path) -> None:
    sealed = seal_accounts(tmp_path / "s", {**BOOK, "short": short_by_one()})
    with pytest.raises(StatementFailsError) as caught:
        prove(sealed)
    (failure,) = caught.value.failures
    assert (failure.account, failure.row, failure.shortfall) == ("short", "margin", 1)
    assert failure.describe() == (
        "account 'short': margin: short by 0.000001 USD; equity 33,086.877299 USD, requirement 33,086.8773 USD, "
        "worst scenario BTC: spot +500 %, volatility +40 %"
    )
    assert failure.describe() in str(caught.value)
    assert "33" not in repr(failure)
    names = {path.name for path in sealed.bundle.iterdir()}
    assert names == {"attestation.json", "attestation.sig", "leaves.bin"}


def test_the_command_tells_it_too(tmp_path: Path) -> None:
    sealed = seal_accounts(tmp_path / "s", {"short": short_by_one()})
    done = run(
        "prove", sealed.bundle, "--vault", sealed.folder / "vault", "--model", EXAMPLES / KIND / "model.json",
        "--market", EXAMPLES / KIND / "market.json", "--json",
    )  # fmt: skip
    assert done.code == ExitCode.REFUSED_INPUT
    (first,) = done.document["first"]
    assert first["text"].startswith("account 'short': margin: short by 0.000001 USD; equity")


def explained(violation: Violation, account: Account) -> str:
    statement = compile_claim(MODEL, MARKET, CASE.assets)
    terms = FailureExplainer(MODEL, MARKET, statement).explain(violation, batch_of([account]))
    assert terms is not None
    return terms.describe()


def test_rows_of_positions_are_told_in_whole_units() -> None:
    above = Violation(0, "USDC bounded", (1 << 51) + 1_499_999, 51)
    assert explained(above, [1, 0, 0, 0, 0, 0]) == "above its bound by 1.5 USDC"
    below = Violation(0, "USDC bounded", -2_000_000, 51)
    assert explained(below, [1, 0, 0, 0, 0, 0]) == "short by 2 USDC"


def test_an_account_beyond_the_bounds_is_told_so() -> None:
    beyond = Violation(0, "margin", (1 << 60) + 4, 60)
    assert explained(beyond, [1, 0, 0, 0, 0, 0]) == (
        "above its bound by 5 units of the row; an account must stay within the cap and the position_bits of the "
        "model's numbers"
    )


def test_what_the_model_does_not_count_as_short_is_told_in_units_of_the_row() -> None:
    assert explained(Violation(0, "margin", -7, 60), [5, 0, 0, 0, 0, 0]) == "short by 7 units of the row"


def test_simple_models_have_no_terms() -> None:
    model = b'{"format": "sealedbook/model/v1", "kind": "non-negative"}'
    statement = compile_claim(model, None, CASE.assets)
    violation = Violation(0, statement.rows[0].label, -1, 63)
    assert (
        FailureExplainer(model, None, statement).explain(violation, batch_of([[-1, 0, 0, 0, 0, 0]])) is None
    )


def test_a_holder_certifies_under_the_model_or_is_told_how_short(tmp_path: Path) -> None:
    sealed = seal_accounts(tmp_path / "s", {**BOOK, "short": short_by_one()})
    certificate = make_certificate(sealed.opening("hedger"), sealed.backend, model=MODEL, market=MARKET)
    root = TrustedRoot(book_digest=sealed.result.digest)
    verified = verify_certificate_against_root(certificate.to_bytes(), root, sealed.backend)
    assert [row.label for row in verified.statement.rows].count("margin") == 1
    with pytest.raises(
        CertificateRefusedError, match=r"margin: short by 0\.000001 USD; equity 33,086\.877299 USD"
    ):
        make_certificate(sealed.opening("short"), sealed.backend, model=MODEL, market=MARKET)


# The market is recompiled, and its risk array recomputed


def published(change: int) -> bytes:
    """The market with its risk array, the last option's first profit changed."""
    definition = read_definition(MODEL)
    assert isinstance(definition, ParadexPortfolioMargin)
    snapshot = CASE.market.snapshot
    scenarios = definition.scenario_set(["BTC", "HYPE"])
    array = compute_risk_array(snapshot, scenarios, CASE.assets, {Greek.DELTA: DELTA_SCALE})
    profits = array.profits.copy()
    profits[0, [asset.id for asset in CASE.assets].index("BTC-30D-65000-P")] += change
    altered: RiskArray = replace(array, profits=profits)
    return MarketDocument(snapshot, altered).to_bytes()


@pytest.mark.parametrize("change", [0, 1, -1])
def test_a_published_risk_array_may_be_one_unit_off(change: int, tmp_path: Path) -> None:
    sealed = seal_accounts(tmp_path / "s", BOOK)
    prove(sealed, published(change))
    (claim,) = verify(sealed).claims
    assert claim.statement.digest() == compile_claim(MODEL, published(change), CASE.assets).digest()
    assert (sealed.bundle / "market.json").read_bytes() == published(change)


def test_a_risk_array_two_units_off_is_refused_by_prover_and_verifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = seal_accounts(tmp_path / "s", BOOK)
    with pytest.raises(ClaimDocumentError, match=r"model: .*BTC-30D-65000-P"):
        prove(sealed, published(2))
    with monkeypatch.context() as patch:
        patch.setattr(circuits.models.risk_inputs, "check_risk_array", lambda *_: None)
        prove(sealed, published(2))
    with pytest.raises(VerificationError, match="BTC-30D-65000-P") as caught:
        verify(sealed)
    assert caught.value.check is Check.CLAIM_DOCUMENTS


def test_verifiers_insist_on_the_documents_of_several_claims(tmp_path: Path) -> None:
    """Every claim was made with one of the models, and one of the markets, that were given."""
    sealed = seal_accounts(tmp_path / "s", BOOK)
    prove(sealed)
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    bounded = b'{"format": "sealedbook/model/v1", "kind": "bounded"}'
    prove_book(
        sealed.bundle,
        secrets,
        sealed.issuer,
        sealed.backend,
        model=bounded,
        market=MARKET,
        name="bounded",
        workers=1,
    )
    (tmp_path / "bounded.json").write_bytes(bounded)
    example, other = EXAMPLES / KIND, tmp_path / "bounded.json"
    both = ("--model", example / "model.json", "--market", example / "market.json", "--model", other)
    words = ("verify", sealed.bundle, "--json")
    assert run(*words, *both).code == ExitCode.ACCEPTED
    for named in (both[:4], both[4:]):
        done = run(*words, *named)
        assert (done.code, done.document["check"]) == (ExitCode.REJECTED, Check.CLAIM_DOCUMENTS.value)


# The imported sample of another proof system


def imported(folder: Path, *words: object) -> Outcome:
    for name, rows in (("users.csv", SAMPLE["users"]), ("prices.csv", SAMPLE["prices"])):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    done = run(
        "import", folder / "users.csv", "--from", "binance", "--prices", folder / "prices.csv",
        "--out", folder / "book", "--json", *words,
    )  # fmt: skip
    assert done.code == ExitCode.ACCEPTED
    sealed = run("commit", folder / "book", "--out", folder / "bundle", "--vault", folder / "vault", "--json")
    assert sealed.code == ExitCode.ACCEPTED
    return run("prove", folder / "bundle", "--vault", folder / "vault", "--model", POOLS, "--json")


def test_the_sample_as_it_is_is_refused_and_its_rule_breakers_are_named(tmp_path: Path) -> None:
    done = imported(tmp_path)
    assert done.code == ExitCode.REFUSED_INPUT
    assert {failure["account"] for failure in done.document["first"]} == set(SAMPLE["rule_breakers"])
    texts = {failure["account"][-1]: failure["text"] for failure in done.document["first"]}
    assert texts["0"].endswith("BTC pools within equity: short by 71.83561749 BTC")
    assert (
        "collateral covers debts: short by 1,335.02395821122 USDT; equity 133,502.39647897888" in texts["1"]
    )
    assert not (tmp_path / "bundle" / "model.json").exists()


def test_the_rest_of_the_sample_proves_and_is_recompiled_from_what_is_published(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    done = imported(tmp_path, "--reject-file", rejects, "--reject-rule-breakers")
    assert done.code == ExitCode.ACCEPTED
    with rejects.open(newline="") as file:
        assert {row["account"] for row in csv.DictReader(file)} == set(SAMPLE["rule_breakers"])
    bundle = tmp_path / "bundle"
    assert run("verify", bundle, "--issuer-key", tmp_path / "vault" / "issuer.pub").code == ExitCode.ACCEPTED
    attestation = Attestation.parse((bundle / "attestation.json").read_bytes())
    model, market = ((bundle / name).read_bytes() for name in ("model.json", "market.json"))
    statement = compile_claim(model, market, attestation.book.assets)
    assert done.document["statement"] == statement.digest().hex()
    labels = [row.label for row in statement.rows]
    assert {"collateral covers debts", "SHIB pools within equity"} <= set(labels)


def test_kinder_tiers_than_the_published_ones_are_refused_by_verifiers(tmp_path: Path) -> None:
    """The rule breakers, proven under tiers that count everything in full: not under the agreed market."""
    agreed = imported(tmp_path, "--reject-file", tmp_path / "rejects.csv", "--reject-rule-breakers")
    assert agreed.code == ExitCode.ACCEPTED
    market = json.loads((tmp_path / "bundle" / "market.json").read_bytes())
    market["assets"][0]["pools"]["loan"][-1]["percent"] = 9
    (tmp_path / "agreed.json").write_text(json.dumps(market))
    done = run("verify", tmp_path / "bundle", "--market", tmp_path / "agreed.json", "--json")
    assert (done.code, done.document["check"]) == (ExitCode.REJECTED, Check.CLAIM_DOCUMENTS.value)
