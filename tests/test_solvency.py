"""Reserves that cover the totals: proven hidden and public, verified by both backends, refused where short."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from sealing_support import AVAILABLE_BACKENDS, Sealed, fastest_backend, needs_native, resign, seal
from solvency_support import (
    SOLVENT,
    TOTALS,
    amount_text,
    prove,
    prove_accounts,
    reserves_document,
    statement_digest,
    verify,
)

from primitives.attestation import Attestation
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.claims import AccountsClaim, SolvencyClaim
from primitives.parameters import AMOUNT_LIMIT
from primitives.ratio import Ratio
from prover.book_totals import sum_book
from prover.errors import ProverError, VaultError
from prover.solvency import InsufficientReservesError, ReservesDocumentError
from verifier.bundle import verify_bundle
from verifier.checks import Check
from verifier.report import Level, bundle_report

EXACT: Final = reserves_document(TOTALS)
PLENTY: Final = reserves_document({name: 3 * units for name, units in TOTALS.items()})
LARGEST: Final = AMOUNT_LIMIT - 1


@pytest.fixture(scope="session")
def solvent(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """A book of three accounts without debts. Not to be changed: `Sealed.copy`."""
    return seal(tmp_path_factory.mktemp("solvent"), backend, SOLVENT)


@pytest.fixture
def copy(solvent: Sealed, tmp_path: Path) -> Sealed:
    return solvent.copy(tmp_path / "copy")


@pytest.fixture
def fast(tmp_path: Path) -> Sealed:
    """By the fastest backend, to be changed."""
    return seal(tmp_path / "fast", fastest_backend(), SOLVENT)


@pytest.mark.parametrize("public", [False, True], ids=["hidden", "public"])
def test_reserves_that_cover_exactly(copy: Sealed, public: bool) -> None:
    proof = prove(copy, EXACT, publish_totals=public)
    (verified,) = verify(copy).solvency
    assert verified.claim == proof.claim
    assert verified.statement == proof.statement
    assert [entry.total for entry in verified.reserves.assets] == list(TOTALS.values())
    assert verified.totals == (tuple(TOTALS.values()) if public else None)
    assert (copy.bundle / "reserves.json").read_bytes() == EXACT
    assert (copy.bundle / "totals.json").exists() == public
    assert (copy.bundle / "proofs/solvency.narg").stat().st_size == proof.proof_bytes


@needs_native
@pytest.mark.parametrize("public", [False, True], ids=["hidden", "public"])
def test_each_backend_verifies_what_the_other_proved(solvent: Sealed, tmp_path: Path, public: bool) -> None:
    copy = solvent.copy(tmp_path / "copy")
    prove(copy, EXACT, publish_totals=public)
    for name in AVAILABLE_BACKENDS:
        assert verify_bundle(copy.bundle, get_backend(name), issuer_key=None).solvency


def test_hidden_totals_are_nowhere_in_the_bundle(fast: Sealed) -> None:
    prove(fast, PLENTY)
    published = b"".join(path.read_bytes() for path in fast.bundle.rglob("*") if path.is_file())
    for text in ("200000000", "2500075", "25000.75"):
        assert text.encode() not in published
    prove(fast, PLENTY, publish_totals=True)
    assert b"25000.75" in (fast.bundle / "totals.json").read_bytes()


@pytest.mark.parametrize("public", [False, True], ids=["hidden", "public"])
@pytest.mark.parametrize("asset_id", list(TOTALS))
def test_one_base_unit_short_is_refused_and_nothing_is_written(
    fast: Sealed, asset_id: str, public: bool
) -> None:
    before = {path: path.read_bytes() for path in fast.folder.rglob("*") if path.is_file()}
    short = reserves_document({**TOTALS, asset_id: TOTALS[asset_id] - 1})
    with pytest.raises(InsufficientReservesError, match="do not cover 1 asset") as caught:
        prove(fast, short, publish_totals=public)
    (shortage,) = caught.value.shortages
    assert (shortage.asset.id, shortage.missing, shortage.required) == (asset_id, 1, TOTALS[asset_id])
    assert f"short by {amount_text(asset_id, 1)}" in str(caught.value)
    assert str(TOTALS[asset_id]) not in repr(shortage) + repr(caught.value.shortages)
    assert {path: path.read_bytes() for path in fast.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("ratio", "btc", "covers"),
    [
        ("1.05", 210_000_000, True),
        ("1.05", 209_999_999, False),
        ("1.3333", 266_660_000, True),
        ("1.3333", 266_659_999, False),
        ("99.9999", 19_999_980_000, True),
    ],
)
def test_the_ratio_is_exact(fast: Sealed, ratio: str, btc: int, covers: bool) -> None:
    reserves = reserves_document({"BTC": btc})
    if covers:
        prove(fast, reserves, ratio=Ratio.parse(ratio))
        assert str(verify(fast).solvency[0].claim.ratio) == ratio
    else:
        with pytest.raises(InsufficientReservesError, match=r"BTC: .* short by 0\.00000001"):
            prove(fast, reserves, ratio=Ratio.parse(ratio))


def test_the_least_that_covers_is_rounded_up(fast: Sealed) -> None:
    with pytest.raises(InsufficientReservesError) as caught:
        prove(fast, reserves_document({"ETH": 3}), ratio=Ratio.parse("1.05"))
    assert (caught.value.shortages[0].required, caught.value.shortages[0].missing) == (4, 1)
    prove(fast, reserves_document({"ETH": 4}), ratio=Ratio.parse("1.05"))
    assert verify(fast).solvency


@pytest.mark.parametrize("public", [False, True], ids=["hidden", "public"])
def test_totals_beyond_64_bits(backend: Backend, tmp_path: Path, public: bool) -> None:
    accounts = {f"account {i}": {"BTC": LARGEST, "USD": -LARGEST} for i in range(4)}
    sealed = seal(tmp_path / "large", backend, accounts, minimum_leaves=4)
    total = 4 * LARGEST
    assert total > AMOUNT_LIMIT
    with pytest.raises(InsufficientReservesError) as caught:
        prove(sealed, reserves_document({"BTC": total - 1}), publish_totals=public)
    assert caught.value.shortages[0].missing == 1
    prove(sealed, reserves_document({"BTC": total, "USD": 0}), publish_totals=public)
    (verified,) = verify(sealed).solvency
    assert verified.totals == ((total, 0, -total) if public else None)


@pytest.mark.parametrize("public", [False, True], ids=["hidden", "public"])
def test_negative_totals_need_no_reserves(sealed: Sealed, tmp_path: Path, public: bool) -> None:
    """In the common small book the accounts together owe USD."""
    copy = sealed.copy(tmp_path / "copy")
    prove(copy, reserves_document({"USD": 0}), publish_totals=public, ratio=Ratio(2, 1))
    (verified,) = verify(copy).solvency
    assert verified.totals is None or verified.totals[2] == 2 * 2_500_075 - 77_777_777


def test_reserves_may_exceed_what_leaves_can_hold(fast: Sealed) -> None:
    prove(fast, reserves_document({"BTC": (1 << 96) - 1}), ratio=Ratio.parse("99.9999"))
    assert verify(fast).solvency


def test_assets_in_any_order_make_one_statement(fast: Sealed) -> None:
    backwards = reserves_document(dict(reversed(TOTALS.items())))
    assert statement_digest(fast, backwards) == statement_digest(fast, EXACT)
    prove(fast, backwards)
    assert verify(fast).solvency


def test_a_claim_of_the_same_name_is_replaced_with_its_documents(fast: Sealed) -> None:
    prove(fast, EXACT, publish_totals=True)
    prove(fast, PLENTY)
    attestation = verify(fast).attestation
    assert [claim.name for claim in attestation.claims] == ["solvency"]
    assert {entry.name for entry in attestation.files} == {
        "leaves.bin", "market.json", "model.json", "proofs/solvency.narg", "reserves.json",
    }  # fmt: skip
    assert (fast.bundle / "reserves.json").read_bytes() == PLENTY


def test_claims_of_other_names_and_kinds_stay(fast: Sealed) -> None:
    prove_accounts(fast)
    prove(fast, EXACT)
    prove(fast, PLENTY, name="more", ratio=Ratio(3, 1), publish_totals=True)
    attestation = verify(fast).attestation
    assert [(type(claim), claim.name) for claim in attestation.claims] == [
        (AccountsClaim, "accounts"),
        (SolvencyClaim, "more"),
        (SolvencyClaim, "solvency"),
    ]
    assert (fast.bundle / "reserves.json").read_bytes() == EXACT
    assert (fast.bundle / "reserves-more.json").read_bytes() == PLENTY
    prove_accounts(fast)
    assert len(verify(fast).solvency) == 2


def test_two_claims_may_share_a_document(fast: Sealed) -> None:
    prove(fast, PLENTY)
    prove(fast, PLENTY, name="more", ratio=Ratio(2, 1))
    assert not (fast.bundle / "reserves-more.json").exists()
    prove(fast, EXACT, name="more")
    assert (fast.bundle / "reserves.json").read_bytes() == PLENTY
    assert (fast.bundle / "reserves-more.json").read_bytes() == EXACT
    assert len(verify(fast).solvency) == 2


def test_malformed_reserves_are_refused(fast: Sealed) -> None:
    with pytest.raises(
        ReservesDocumentError, match=r"reserves: \$\.assets\[0\]\.asset: 'XRP' is not an asset"
    ):
        prove(fast, EXACT.replace(b"BTC", b"XRP"))


def test_a_bundle_of_another_book_is_refused(fast: Sealed, tmp_path: Path) -> None:
    other = seal(tmp_path / "other", fast.backend, SOLVENT)
    shutil.rmtree(fast.bundle)
    shutil.copytree(other.bundle, fast.bundle)
    with pytest.raises(ProverError, match="holds another book"):
        prove(fast, EXACT)


def test_damaged_entries_are_noticed_before_proving(fast: Sealed) -> None:
    path = fast.vault_entry / "amounts.npy"
    amounts = np.load(path)
    amounts[0] += 1
    np.save(path, amounts)
    with pytest.raises(VaultError, match="do not add up to the sealed root"):
        prove(fast, PLENTY)


def test_sums_are_exact_across_chunks(fast: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    from primitives.generators import Generators

    monkeypatch.setattr("prover.book_totals._LEAVES_AT_ONCE", 1)
    seen: list[int] = []
    book = fast.vault.open_book(fast.result.digest, None)
    summed = sum_book(
        book, fast.backend, Generators(fast.backend), lambda stage, done, total: seen.append(done)
    )
    assert summed.totals == tuple(TOTALS.values())
    assert seen == [1, 2, 3, 4]
    assert str(TOTALS["BTC"]) not in repr(summed)
    assert str(summed.blinding) not in repr(summed)


# What a cheating prover can do about a proof.


def test_bits_of_a_negative_difference_do_not_pass(fast: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reserves are one short. The prover commits to the bits of ``value + 2^w`` instead."""
    from circuits.bits import pack
    from circuits.wide_integers import WideIntegers
    from verifier.checks import VerificationError

    def wrapped(statement, totals):  # type: ignore[no-untyped-def]
        values = [
            (row.constant + sum(c * totals[a] for a, c in row.positions)) % (1 << row.width)
            for row in statement.rows
        ]
        return pack(statement, WideIntegers.from_ints([values]), WideIntegers.zeros(1, 0))

    monkeypatch.setattr("prover.solvency.find_shortages", lambda *_: [])
    monkeypatch.setattr("prover.solvency.totals_bits", wrapped)
    prove(fast, EXACT)
    assert verify(fast).solvency
    prove(fast, reserves_document({**TOTALS, "BTC": TOTALS["BTC"] - 1}))
    with pytest.raises(VerificationError, match="opening-equation") as caught:
        verify(fast)
    assert caught.value.check is Check.SOLVENCY_PROOF


# Reports.


def test_the_report_says_what_totals_rest_on(fast: Sealed) -> None:
    prove(fast, EXACT)
    unbounded = bundle_report(verify(fast))
    assert "not enough by itself" in unbounded.verdict
    prove_accounts(fast)
    report = bundle_report(verify(fast))
    assert "The stated reserves cover the totals of BTC, ETH, USD." in report.verdict
    levels = {finding.subject: finding.level for finding in report.findings}
    assert levels["Stated reserves (solvency)"] is Level.PROVEN
    assert levels["Amounts in reserve"] is Level.CLAIMED
    assert "Reserves cover the totals" not in levels
    assert Check.SOLVENCY_PROOF in report.checks
    assert Check.SOLVENCY_COVER not in report.checks
    json.dumps(report.to_json())


def test_an_attestation_without_its_own_claim_is_what_it_was(fast: Sealed) -> None:
    """Proving and then dropping a claim leaves the files that were there before."""
    from prover.prove_book import without_claim

    before = Attestation.parse((fast.bundle / "attestation.json").read_bytes())
    prove(fast, EXACT, publish_totals=True)
    after = Attestation.parse((fast.bundle / "attestation.json").read_bytes())
    assert without_claim(after, "solvency") == before
    resign(fast.bundle, fast.issuer)
