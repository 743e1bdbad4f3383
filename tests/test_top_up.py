"""Top-up certificates: what they show, what no prover can make them show, and the commands around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from certificate_support import at_least
from sealing_support import ASSETS as SEALED_ASSETS
from sealing_support import Sealed, fastest_backend, rejected
from top_up_support import (
    MARKET,
    MODEL,
    SEED,
    TOP_UP,
    commit,
    document_of,
    inner_model,
    market,
    opening_of,
    top_up,
    verify,
)
from typer.testing import CliRunner

import prover.top_up
from circuits.insufficiency import InsufficiencyError, combine, insufficiency_statement
from circuits.rows import Row, Scope
from circuits.statement import Statement
from circuits.top_up_statement import amount_statement
from primitives import sigma
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.top_up import HiddenAmount, MinimalTerms, PublicAmount, TopUpCertificate
from prover.certificate_refusal import CertificateRefusedError
from prover.insufficiency_multipliers import find_multipliers
from prover.openings import make_opening
from prover.top_up import TopUpError, TopUpRandomness, TopUpRequest, make_top_up
from sealedbook.__main__ import app
from sealedbook.output import ExitCode
from verifier.checks import Check
from verifier.findings import Level
from verifier.top_up import verify_top_up_in_bundle
from verifier.top_up_report import top_up_report

BACKEND = fastest_backend()


def test_one_base_unit_less_is_refused() -> None:
    with pytest.raises(CertificateRefusedError, match=r"margin: short by 0\.000001 USD"):
        top_up(amount=TOP_UP - 1)


def test_a_smaller_amount_is_never_shown_to_be_the_smallest() -> None:
    with pytest.raises(TopUpError, match="that 1 base units less are not enough cannot be shown"):
        top_up(amount=TOP_UP + 1, minimal_step=1)
    assert verify(top_up(amount=TOP_UP + 1, minimal_step=2), BACKEND).terms.minimal is not None


def test_every_certificate_hides_its_amount_behind_a_blinding_of_its_own() -> None:
    certificates = [
        top_up(randomness=TopUpRandomness.fresh()).terms.after,
        top_up(randomness=TopUpRandomness.fresh()).terms.after,
        top_up().terms.after,
        top_up(amount=TOP_UP + 1).terms.after,
    ]
    assert len(set(certificates)) == len(certificates)
    first, second = (top_up(amount=TOP_UP + more, hidden=HiddenAmount(40)) for more in (0, 1))
    # A seed that repeats does not give away the difference of two amounts.
    gained = commit(BACKEND, [1, 0, 0, 0, 0], 0)
    points = BACKEND.points_from_compressed(first.terms.after + second.terms.after)
    difference = points.slice(1, 2).add(points.slice(0, 1).negate())
    assert difference.to_compressed() != gained


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"amount": 0}, "not a positive number"),
        ({"amount": 1 << 63}, "not a positive number"),
        ({"asset": "XRP"}, "'XRP' is not an asset of the book"),
        ({"taken_from": "USDT"}, "is not another column"),
        ({"taken_from": "BTCUSDT"}, "is not another column"),
        ({"hidden": HiddenAmount(35)}, "beyond the range"),
        ({"hidden": HiddenAmount(40, TOP_UP - 1)}, "beyond the range"),
        ({"source": "pair"}, "not another account of the same book"),
        ({"source": "fund", "taken_from": "wallet USDT"}, "from another account or from another column"),
        ({"minimal_step": TOP_UP + 1}, "a step is positive, and at most the amount"),
        ({"amount": (1 << 63) - 1}, r"would hold 2\^63 base units"),
    ],
)
def test_what_is_not_certified(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(TopUpError, match=reason):
        top_up(**options)


def test_a_payer_that_cannot_pay_is_refused() -> None:
    with pytest.raises(CertificateRefusedError, match="margin: short by"):
        top_up(source="poor")


def test_a_payer_of_another_book_is_refused() -> None:
    request = TopUpRequest("USDT", TOP_UP, source=opening_of("fund", BACKEND, "Another Exchange"))
    with pytest.raises(TopUpError, match="not another account of the same book"):
        make_top_up(opening_of("pair", BACKEND), BACKEND, request, model=MODEL, market=MARKET)


# Provers that do not keep to the rules: every proof but one is sound, and that one is missing.


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Sigma proofs are made whatever the witness is."""
    with monkeypatch.context() as patch:
        patch.setattr(sigma, "_check_witness", lambda relation, witness: None)
        yield patch


def _stated(amount: PublicAmount | HiddenAmount) -> Any:
    return lambda self: amount


def test_more_arrives_than_is_stated(careless: pytest.MonkeyPatch) -> None:
    careless.setattr(prover.top_up._TopUp, "_amount", _stated(PublicAmount(1)))
    with rejected(Check.TOP_UP_AMOUNT, "verification-equation"):
        verify(top_up(), BACKEND)


def test_more_arrives_than_can_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bits of the amount are cut to fit: they do not recompose to what the commitment holds."""
    monkeypatch.setattr(prover.top_up._TopUp, "_amount", _stated(HiddenAmount(30)))
    proving = prover.top_up._TopUp._prove

    def cut(self: Any, instance: Any, statement: Any, account: Any, purpose: bytes) -> bytes:
        if purpose == b"amount":
            account = replace(account, amounts={0: account.amounts[0] % (1 << 30)})
        return proving(self, instance, statement, account, purpose)

    monkeypatch.setattr(prover.top_up._TopUp, "_prove", cut)
    with rejected(Check.TOP_UP_AMOUNT, "opening-equation"):
        verify(top_up(), BACKEND)


def test_another_asset_comes_along(careless: pytest.MonkeyPatch) -> None:
    """The account is given a position beside the amount that is stated."""
    moving = prover.top_up._Account.after

    def more(self: Any, moves: dict[Asset, int]) -> Any:
        bitcoin = next(asset for asset in self._opening.book.assets if asset.id == "BTCUSDT")
        return moving(self, {**moves, bitcoin: 10_000_000})

    careless.setattr(prover.top_up._Account, "after", more)
    with rejected(Check.TOP_UP_AMOUNT, "verification-equation"):
        verify(top_up(amount=1), BACKEND)


@pytest.mark.parametrize("hidden", [None, HiddenAmount(40)])
def test_the_payer_loses_less(careless: pytest.MonkeyPatch, hidden: HiddenAmount | None) -> None:
    moving = prover.top_up._Account.after

    def less(self: Any, moves: dict[Asset, int]) -> Any:
        return moving(self, {asset: max(amount, -5) for asset, amount in moves.items()})

    careless.setattr(prover.top_up._Account, "after", less)
    with rejected(Check.TOP_UP_CONSERVED, "verification-equation"):
        verify(top_up(source="fund", hidden=hidden), BACKEND)


def test_an_account_pays_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gains and loses are two accounts that might be: every proof holds, and nothing was paid."""

    def itself(self: Any, opening: Any, asset: Asset) -> Any:
        account = prover.top_up._Account(
            self._backend, self._generators, opening, self._randomness, b"source"
        )
        return account.after({asset: -self._request.amount})

    monkeypatch.setattr(prover.top_up._TopUp, "_source", itself)
    with rejected(Check.TOP_UP_SOURCE, "leaf 0 would pay itself"):
        verify(top_up("fund", 5, source="fund"), BACKEND)


def test_more_than_the_smallest_is_called_the_smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multipliers of the true smallest amount, for a larger one: the row is negative."""
    honest = top_up(minimal_step=1)
    assert honest.terms.minimal is not None
    multipliers = honest.terms.minimal.multipliers
    monkeypatch.setattr(prover.top_up, "find_multipliers", lambda statement, account: multipliers)
    with pytest.raises(CertificateRefusedError, match="one step less is not enough"):
        top_up(amount=TOP_UP + 1, minimal_step=1)


@pytest.mark.parametrize("hidden", [None, HiddenAmount(41)])
def test_an_account_that_was_not_short_is_called_short(
    monkeypatch: pytest.MonkeyPatch, hidden: HiddenAmount | None
) -> None:
    """More is taken away than was added: that this is too much says nothing of the account before."""

    def unchecked(self: Any, statement: Statement, after: Any, moves: dict[Asset, int]) -> Any:
        place, step = self._assets.index(next(iter(moves))), self._request.minimal_step
        multipliers = find_multipliers(
            statement, {**after.amounts, place: after.amounts.get(place, 0) - step}
        )
        return MinimalTerms(step, multipliers), insufficiency_statement(
            statement, multipliers, {place: 1}, step
        )

    monkeypatch.setattr(prover.top_up._TopUp, "_minimal", unchecked)
    # Nor is it shown that the amount is at least the step.
    monkeypatch.setattr(
        prover.top_up, "amount_statement", lambda assets, amount, _=None: amount_statement(assets, amount)
    )
    certificate = top_up("fund", 1, minimal_step=1 << 40, hidden=hidden)
    if hidden is None:
        with rejected(Check.TOP_UP_MINIMAL, "the step is larger than the amount"):
            verify(certificate, BACKEND)
    else:
        with rejected(Check.TOP_UP_AMOUNT, "length"):
            verify(certificate, BACKEND)


# Farkas' lemma.


def _statement(*rows: Row, auxiliaries: int = 0) -> Statement:
    from circuits.rows import Auxiliary

    variables = tuple(Auxiliary(f"x{number}", 60) for number in range(auxiliaries))
    return Statement((Asset("A", 0), Asset("B", 0)), rows, variables, scope=Scope.ACCOUNT)


def test_a_combination_eliminates_what_the_prover_chooses() -> None:
    """q - x >= 0 and x - b >= 0: q - b >= 0 whatever x is."""
    upper = Row("q - x", ((0, 1),), ((0, -1),), 0, 60)
    lower = Row("x - b", ((1, -1),), ((0, 1),), 0, 60)
    statement = _statement(upper, lower, auxiliaries=1)
    assert combine(statement.rows, [(0, 1), (1, 1)]) == ({0: 1, 1: -1}, 0)
    made = insufficiency_statement(statement, [(0, 1), (1, 1)], {0: 1}, 5)
    assert made.rows[0] == Row("one step less is not enough", ((0, -1), (1, 1)), (), 4, 3)
    with pytest.raises(InsufficiencyError, match="variable 0 has a positive coefficient"):
        insufficiency_statement(statement, [(0, 1), (1, 2)], {0: 1}, 5)
    with pytest.raises(InsufficiencyError, match="does not grow with what is moved"):
        insufficiency_statement(statement, [(0, 1), (1, 1)], {1: 1}, 5)
    with pytest.raises(InsufficiencyError, match="row 2 of 2"):
        combine(statement.rows, [(2, 1)])
    with pytest.raises(InsufficiencyError, match="the multiplier is not positive"):
        combine(statement.rows, [(0, -1)])
    with pytest.raises(InsufficiencyError, match="takes 121 bits"):
        insufficiency_statement(statement, [(0, 1 << 120), (1, 1)], {0: 1}, 1)


# Reports and commands.


@pytest.mark.parametrize(
    ("options", "subject", "level", "part"),
    [
        ({}, "Conservation", Level.NOT_PROVEN, "must leave some other account, or be new reserves"),
        ({"source": "fund"}, "Conservation", Level.PROVEN, "the account at leaf 0 loses what this one gains"),
        ({"taken_from": "wallet USDT"}, "Conservation", Level.PROVEN, "the same account"),
        ({}, "The top-up", Level.PROVEN, "39,555.555556 USDT, and no other change"),
        ({"hidden": HiddenAmount(40)}, "The top-up", Level.PROVEN, "at most 1,099,511.627775"),
        ({"hidden": HiddenAmount(40, 5 * 10**10)}, "The top-up", Level.PROVEN, "hidden amount of USDT, at most 50,000"),
        ({}, "Smallest amount", Level.NOT_PROVEN, "less might have been enough"),
        ({"minimal_step": 1}, "Smallest amount", Level.PROVEN, "with 0.000001 USDT less"),
        ({}, "Whether it happened", Level.NOT_PROVEN, "as it would be"),
    ],
)  # fmt: skip
def test_what_a_report_says(options: dict[str, Any], subject: str, level: Level, part: str) -> None:
    report = top_up_report(verify(top_up(**options), BACKEND))
    findings = [finding for finding in report.findings if finding.subject == subject]
    assert [finding.level for finding in findings] == [level]
    assert part in findings[0].text
    assert "400" not in json.dumps(report.to_json()["findings"])


def test_the_checks_of_a_report_are_those_that_were_made() -> None:
    optional = {Check.TOP_UP_AUDIENCE, Check.TOP_UP_SOURCE, Check.TOP_UP_CONSERVED, Check.TOP_UP_SOURCE_PROOF}
    optional |= {Check.TOP_UP_MINIMAL}
    made = set(top_up_report(verify(top_up(), BACKEND)).checks)
    assert made == {check for check in Check if check.value[0] == "T"} - optional
    whole = top_up(source="fund", minimal_step=1)
    made = set(top_up_report(verify(whole, BACKEND)).checks)
    assert made == {check for check in Check if check.value[0] == "T"} - {Check.TOP_UP_AUDIENCE}


def test_nothing_secret_is_in_a_certificate() -> None:
    opening = opening_of("pair", BACKEND)
    data = top_up(hidden=HiddenAmount(40), source="fund").to_bytes()
    secrets = [
        opening.salt.hex(),
        f"{opening.blinding:064x}",
        str(TOP_UP),
        "400000000000",
        '"pair"',
        '"fund"',
    ]
    assert [secret for secret in secrets if secret.encode() in data] == []
    assert TopUpCertificate.parse(data).to_bytes() == data


def test_against_a_bundle(sealed: Sealed, backend: Backend) -> None:
    """A statement without a market: at least 100 USD after a deposit into an account that owes."""
    book = sealed.vault.open_book(sealed.result.digest, None)
    opening, payer = (make_opening(book, account, backend) for account in ("dave", "alice"))
    assert next(asset.id for asset in SEALED_ASSETS if asset.decimals == 2) == "USD"
    certificate = make_top_up(
        opening, backend, TopUpRequest("USD", 77_787_777), model=at_least("100", "USD"), randomness=SEED
    )
    verified = verify_top_up_in_bundle(certificate.to_bytes(), sealed.bundle, backend, issuer_key=None)
    assert verified.signed is not None
    with rejected(Check.TOP_UP_ROOT, "the certificate is for book .*, the bundle holds"):
        verify_top_up_in_bundle(top_up().to_bytes(), sealed.bundle, backend, issuer_key=None)
    with rejected(Check.BUNDLE_ISSUER, "you expect"):
        verify_top_up_in_bundle(certificate.to_bytes(), sealed.bundle, backend, issuer_key=bytes(32))
    with rejected(Check.TOP_UP_LEAF, "another leaf at index"):
        document = document_of(certificate) | {"leaf": document_of(certificate)["leaf"] | {"tag": "00" * 32}}
        data = json.dumps(document).encode()
        verify_top_up_in_bundle(data, sealed.bundle, backend, issuer_key=None)
    moved = make_top_up(
        opening,
        backend,
        TopUpRequest("USD", 1, source=payer),
        model=at_least("-777777.76", "USD"),
        randomness=SEED,
    )
    document = document_of(moved)
    document["source"]["leaf"]["tag"] = "00" * 32
    with rejected(Check.TOP_UP_SOURCE, "another leaf at index"):
        verify_top_up_in_bundle(json.dumps(document).encode(), sealed.bundle, backend, issuer_key=None)
    document["source"]["leaf"]["index"] = 4096
    with rejected(Check.TOP_UP_SOURCE, "leaf 4096 of a book with 8 leaves"):
        verify_top_up_in_bundle(json.dumps(document).encode(), sealed.bundle, backend, issuer_key=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pair.json").write_bytes(opening_of("pair", BACKEND).to_bytes())
    (tmp_path / "fund.json").write_bytes(opening_of("fund", BACKEND).to_bytes())
    (tmp_path / "model.json").write_bytes(MODEL)
    (tmp_path / "market.json").write_bytes(MARKET)
    return tmp_path


def _run(folder: Path, *words: str) -> tuple[int, Any]:
    paths = [str(folder / word) if word.endswith(".json") else word for word in words]
    result = CliRunner().invoke(app, [*paths, "--json"])
    return result.exit_code, json.loads(result.stdout)


def _certify(folder: Path, *more: str, out: str = "top-up.json") -> tuple[int, Any]:
    fixed = ("--statement", "model.json", "--market", "market.json", "--out", out)
    return _run(folder, "certify-top-up", "pair.json", *fixed, *more)


def test_the_commands(folder: Path) -> None:
    code, made = _certify(
        folder, "--asset", "USDT", "--amount", "39555.555556", "--source", "fund.json", "--smallest",
        "--hide-bits", "40", "--limit", "50000", "--audience", "Clearing AG",
    )  # fmt: skip
    assert (code, made["smallest_step"], made["source_leaf_index"]) == (0, "0.000001", 0)
    digest = opening_of("pair", BACKEND).book.digest().hex()
    code, report = _run(
        folder, "verify-top-up", "top-up.json", "--book-digest", digest, "--audience", "Clearing AG",
        "--statement", "model.json", "--market", "market.json",
    )  # fmt: skip
    assert (code, report["result"], report["figures"]["documents_expected"]) == (0, "accepted", True)
    code, report = _run(folder, "verify-top-up", "top-up.json", "--book-digest", digest, "--audience", "Bank")
    assert (code, report["check"]) == (ExitCode.REJECTED, "T3-audience")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "give --asset and --amount, or --policy"),
        (["--asset", "XRP", "--amount", "1"], "'XRP' is not an asset"),
        (["--asset", "USDT", "--amount", "0.0000001"], "--amount"),
        (["--asset", "USDT", "--amount", "0"], "is not above 0"),
        (["--asset", "USDT", "--amount", "1", "--limit", "2"], "--limit goes with --hide-bits"),
        (["--asset", "USDT", "--amount", "1", "--hide-bits", "8", "--limit", "2"], "more than 8 bits"),
        (["--asset", "USDT", "--amount", "39555.555555"], "short by 0.000001 USD"),
    ],
)
def test_what_the_command_refuses(folder: Path, options: list[str], reason: str) -> None:
    code, error = _certify(folder, *options)
    assert code == ExitCode.REFUSED_INPUT
    assert reason in error["detail"]
    assert not (folder / "top-up.json").exists()


def _policy(folder: Path, *assets: dict[str, Any], trigger: int = 1) -> str:
    document = {
        "format": "sealedbook/rebalancing-policy/v1",
        "trigger": {"margin_ratio": {"numerator": trigger, "denominator": 100}},
        "target": {"margin_ratio": {"numerator": min(90, trigger), "denominator": 100}},
        "assets": list(assets),
    }
    (folder / "policy.json").write_text(json.dumps(document))
    (folder / "model.json").write_text(json.dumps(inner_model()))
    return "policy.json"


WALLET: Any = {"asset": "USDT", "reserve": {"column": "wallet USDT"}}
OUTSIDE: Any = {"asset": "USDT", "reserve": {"unlimited": True}}
PLEDGED: Any = {**OUTSIDE, "credit": {"decimals": 6, "price": "1", "tiers": [{"ratio": "1"}]}}
LITTLE: Any = {"asset": "USDT", "reserve": {"amount": "10"}}


def test_a_policy_says_what_is_certified(folder: Path) -> None:
    code, made = _certify(folder, "--policy", _policy(folder, WALLET, trigger=100), "--smallest")
    assert (code, made["top_up"]["amount"], made["taken_from"]) == (0, str(TOP_UP), "wallet USDT")
    code, made = _certify(
        folder, "--policy", _policy(folder, {**OUTSIDE, "lot": "0.01"}, trigger=100), "--smallest"
    )
    assert (code, made["top_up"]["amount"], made["smallest_step"]) == (0, "39555560000", "0.01")


@pytest.mark.parametrize(
    ("assets", "trigger", "options", "reason"),
    [
        ([OUTSIDE], 100, ["--asset", "USDT"], "leave out --asset"),
        ([LITTLE], 100, [], "does not restore the account"),
        ([PLEDGED], 100, [], "one asset of the book"),
        ([LITTLE, {**OUTSIDE, "asset": "entry cost"}], 100, [], "one asset of the book"),
        ([{**WALLET, "fee": {"fixed": "1"}}], 100, [], "is charged a fee"),
    ],
)
def test_policies_that_are_not_certified(
    folder: Path, assets: list[dict[str, Any]], trigger: int, options: list[str], reason: str
) -> None:
    code, error = _certify(folder, "--policy", _policy(folder, *assets, trigger=trigger), *options)
    assert code == ExitCode.REFUSED_INPUT
    assert reason in error["detail"]


def test_an_account_that_was_not_called_is_not_certified(folder: Path) -> None:
    (folder / "market.json").write_bytes(market("70000"))
    code, error = _certify(folder, "--policy", _policy(folder, WALLET, trigger=100))
    assert (code, "is not below the trigger" in error["detail"]) == (ExitCode.REFUSED_INPUT, True)


def test_no_other_file_is_overwritten(folder: Path) -> None:
    code, error = _certify(folder, "--asset", "USDT", "--amount", "40000", out="model.json")
    assert code == ExitCode.REFUSED_INPUT
    assert "exists and is no top-up certificate" in error["detail"]
    assert (folder / "model.json").read_bytes() == MODEL
