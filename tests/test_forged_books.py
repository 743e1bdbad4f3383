"""Books that satisfy a claim in form only: forged leaves, and what verification and report make of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from forged_books import ASSETS, BACKEND, Account, ForgedBook, widened
from sealing_support import rejected

from circuits.claim_statement import compile_claim
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import Check
from verifier.findings import Level, Report
from verifier.report import bundle_report

PRICES: Final = {
    "quote": "USD",
    "scale": 10,
    "prices": [{"asset": "BTC", "price": "65000"}, {"asset": "USD", "price": "1"}],
}
DEBT: Final = -10 * 10**8
EMPTY: Final = Account("", {})


def model(kind: str, **fields: Any) -> bytes:
    return json.dumps({"format": "sealedbook/model/v1", "kind": kind, **fields}).encode()


NET_VALUE: Final = model("net-value", prices=PRICES)
SUMMED: Final = model("net-value", prices=PRICES, positions="summed")
NON_NEGATIVE: Final = model("non-negative")


def verify(folder: Path) -> VerifiedBundle:
    return verify_bundle(folder, BACKEND, issuer_key=None)


def findings(report: Report, subject: str) -> list[tuple[str, Level]]:
    return [(found.text, found.level) for found in report.findings if found.subject == subject]


def fraction_that_pays(debt: int, value: int) -> int:
    """The USD "amount" with which a debt in BTC has this net value, modulo the group order."""
    (row, *_) = compile_claim(SUMMED, None, ASSETS).rows
    weights = dict(row.positions)
    return (value - weights[0] * debt) * pow(weights[1], -1, GROUP_ORDER) % GROUP_ORDER


INSOLVENT: Final = Account("mallory", {"BTC": DEBT, "USD": fraction_that_pays(DEBT, 5)})


# What no proof can be made of


@pytest.mark.parametrize(
    ("amounts", "document"),
    [
        ({"BTC": -1}, NON_NEGATIVE),
        ({"USD": AMOUNT_LIMIT}, NON_NEGATIVE),
        ({"BTC": GROUP_ORDER - AMOUNT_LIMIT}, NON_NEGATIVE),
        ({"USD": (GROUP_ORDER + 1) // 2}, NON_NEGATIVE),
        ({"BTC": -1}, NET_VALUE),
        ({"BTC": -100, "USD": 1}, NET_VALUE),
        ({"BTC": AMOUNT_LIMIT}, NET_VALUE),
        ({"USD": -AMOUNT_LIMIT - 1, "BTC": 1 << 70}, NET_VALUE),
        (INSOLVENT.amounts, NET_VALUE),
        ({"BTC": 1 << 200, "USD": -(1 << 200)}, NET_VALUE),
    ],
)
@pytest.mark.parametrize("leaf", [0, 3], ids=["account", "padding"])
def test_a_leaf_that_violates_the_statement(
    tmp_path: Path, amounts: dict[str, int], document: bytes, leaf: int
) -> None:
    accounts = [Account("alice", {"BTC": 5}), Account("bob", {"USD": 7}), EMPTY, EMPTY]
    verify(ForgedBook(accounts).publish(tmp_path / "honest", document))
    accounts[leaf] = Account(accounts[leaf].name, amounts)
    bundle = ForgedBook(accounts).publish(tmp_path / "forged", document)
    with rejected(Check.CLAIM_PROOFS, "^proofs/accounts-000000.narg: opening-equation"):
        verify(bundle)


@pytest.mark.parametrize(
    ("width", "check", "detail"),
    [
        (64, Check.CLAIM_PROOFS, "opening-equation"),
        (90, Check.CLAIM_PROOF_FILES, r"has \d+ bytes, a proof of this shape has"),
    ],
    ids=["same-length", "longer"],
)
def test_a_proof_for_wider_rows(tmp_path: Path, width: int, check: Check, detail: str) -> None:
    """With rows wide enough the same account has a proof, but not of this statement."""
    book = ForgedBook([Account("mallory", {"BTC": (1 << width) - 1}), EMPTY])
    bundle = book.publish(
        tmp_path / "bundle", NON_NEGATIVE, change=lambda statement: widened(statement, width)
    )
    with rejected(check, detail):
        verify(bundle)


# What can be proven of "summed" positions, and what the report says of it


def test_a_claim_that_rests_on_sums_is_not_called_proven_of_each_account(tmp_path: Path) -> None:
    """A debt of 10 BTC, made up for by a fraction of a cent modulo the group order: the equation holds."""
    bundle = ForgedBook([INSOLVENT, Account("alice", {"BTC": 5})]).publish(tmp_path / "bundle", SUMMED)
    report = bundle_report(verify(bundle))
    assert findings(report, "Every account (accounts)") == []
    ((text, level),) = findings(report, "Each single account (accounts)")
    assert level is Level.NOT_PROVEN
    assert text == (
        "net value: 0 <= 6500000 BTC + 100000000 USD < 2^90: modulo the group order only, because no row makes "
        "BTC, USD whole numbers"
    )
    assert "Not all that it claims about every account is proven" in report.verdict
    assert '"integral": false' in json.dumps(report.to_json())


def test_rows_of_their_own_stay_proven_beside_one_that_rests_on_sums(tmp_path: Path) -> None:
    members = [
        {"kind": "non-negative", "assets": ["USD"]},
        {"kind": "net-value", "prices": PRICES, "positions": "summed"},
    ]
    bundle = ForgedBook([Account("alice", {"BTC": 5}), EMPTY]).publish(
        tmp_path / "bundle", model("all", models=members)
    )
    report = bundle_report(verify(bundle))
    proven = [("USD non-negative: 0 <= USD < 2^63", Level.PROVEN)]
    assert findings(report, "Every account (accounts)") == proven
    ((text, _),) = findings(report, "Each single account (accounts)")
    assert text.endswith("because no row makes BTC whole numbers")


def test_what_is_proven_of_each_account_is_called_so(tmp_path: Path) -> None:
    bundle = ForgedBook([Account("alice", {"BTC": 5}), EMPTY]).publish(tmp_path / "bundle", NET_VALUE)
    report = bundle_report(verify(bundle))
    ((_, level),) = findings(report, "Every account (accounts)")
    assert level is Level.PROVEN
    assert findings(report, "Each single account (accounts)") == []
    assert findings(report, "Other assets") == []
    assert "What it claims about every account is proven." in report.verdict


def test_assets_that_no_claim_speaks_of_are_named(tmp_path: Path) -> None:
    """A debt in USD does not trouble a claim about BTC."""
    book = ForgedBook([Account("alice", {"BTC": 5, "USD": -(10**12)}), EMPTY])
    bundle = book.publish(tmp_path / "bundle", model("non-negative", assets=["BTC"]))
    report = bundle_report(verify(bundle))
    text = "USD: no claim speaks of them; an account may hold or owe any amount"
    assert findings(report, "Other assets") == [(text, Level.NOT_PROVEN)]
