"""Solvency claims that must be rejected, each by the check that is there for it. The issuer signs every forgery."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from sealing_support import (
    ORDER_THREE,
    Sealed,
    describe_files_anew,
    fastest_backend,
    negated,
    plus,
    rejected,
    resign,
    seal,
)
from solvency_support import (
    SOLVENT,
    TOTALS,
    alter,
    claim_of,
    prove,
    reserves_document,
    statement_digest,
    verify,
)

from primitives.generators import Generators
from primitives.parameters import GROUP_ORDER, POINT_BYTES
from primitives.ratio import ONE, Ratio
from primitives.solvency import solvency_context
from primitives.totals import totals_document
from verifier.checks import Check, VerificationError
from verifier.solvency import verify_solvency_claim

EXACT: Final = reserves_document(TOTALS)
PROOF: Final = "proofs/solvency.narg"
Edit = Callable[[Any], object]


def sealed_with_proof(folder: Path, *, public: bool) -> Sealed:
    made = seal(folder, fastest_backend(), SOLVENT)
    prove(made, EXACT, publish_totals=public)
    return made


@pytest.fixture(scope="session")
def hidden_once(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return sealed_with_proof(tmp_path_factory.mktemp("hidden"), public=False)


@pytest.fixture(scope="session")
def public_once(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return sealed_with_proof(tmp_path_factory.mktemp("public"), public=True)


@pytest.fixture
def hidden(hidden_once: Sealed, tmp_path: Path) -> Sealed:
    return hidden_once.copy(tmp_path / "hidden")


@pytest.fixture
def public(public_once: Sealed, tmp_path: Path) -> Sealed:
    return public_once.copy(tmp_path / "public")


@pytest.fixture(params=["hidden", "public"])
def either(request: pytest.FixtureRequest) -> Sealed:
    made: Sealed = request.getfixturevalue(request.param)
    return made


def edited(data: bytes, edit: Edit) -> bytes:
    document = json.loads(data)
    edit(document)
    return json.dumps(document).encode()


def test_signing_anew_alone_changes_nothing(either: Sealed) -> None:
    alter(either)
    assert verify(either).solvency


def test_every_check_of_a_solvency_claim_has_a_test() -> None:
    text = Path(__file__).read_text()
    missing = [
        check.name for check in Check if check.value.startswith("S") and f"Check.{check.name}" not in text
    ]
    assert missing == []


# The attestation's form.


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"kind": "solvent"}, r"claims\[0\]\.kind: unknown kind 'solvent'"),
        ({"kind": "accounts"}, r"claims\[0\]: field 'model' is missing"),
        ({"name": "Solvency"}, "name: is not 1 to 40 lower-case"),
        ({"totals": "secret"}, "totals: 'secret' is not 'hidden' or 'public'"),
        ({"totals": "public"}, r"claims\[0\]: field 'totals_file' is missing"),
        ({"totals_file": "totals.json"}, r"claims\[0\]: unknown field 'totals_file'"),
        ({"ratio": {"numerator": 1, "denominator": 2}}, "numerator: a ratio below 1"),
        ({"ratio": {"numerator": 4, "denominator": 2}}, "numerator: the ratio is not in lowest terms"),
        ({"ratio": {"numerator": 1_000_001, "denominator": 1}}, "numerator: 1000001 is not between"),
        ({"ratio": {"numerator": 1, "denominator": 0}}, "denominator: 0 is not between"),
        ({"ratio": {"numerator": 1, "denominator": 1, "x": 1}}, r"ratio: unknown field 'x'"),
        ({"ratio": "1"}, "ratio: expected an object"),
        ({"statement": "00" * 31}, "statement: expected 32 bytes"),
        ({"reserves": "held.json"}, "held.json is claimed but not listed"),
        ({"name": "other"}, "proofs/other.narg is claimed but not listed"),
        ({"batches": 1}, r"claims\[0\]: unknown field 'batches'"),
    ],
)  # fmt: skip
def test_the_form_of_a_claim(hidden: Sealed, fields: dict[str, Any], detail: str) -> None:
    alter(hidden, **fields)
    with rejected(Check.BUNDLE_ATTESTATION, detail):
        verify(hidden)


def test_two_claims_with_one_proof_file_are_refused(hidden: Sealed) -> None:
    """An accounts claim "a" has the file that a solvency claim "a-000000" has."""
    shutil.copy(hidden.bundle / PROOF, hidden.bundle / "proofs/a-000000.narg")
    (hidden.bundle / PROOF).unlink()

    def change(document: Any) -> None:
        claim = claim_of(document)
        claim["name"] = "a-000000"
        accounts = {"kind": "accounts", "name": "a", "model": "model.json", "batches": 1}
        document["claims"].insert(0, {**accounts, "statement": "00" * 32})
        for entry in document["files"]:
            entry["name"] = entry["name"].replace("solvency.narg", "a-000000.narg")

    resign(hidden.bundle, hidden.issuer, change)
    with rejected(Check.BUNDLE_ATTESTATION, "two claims name one proof file"):
        verify(hidden)


# S1: reserves.

SOMEWHERE: Final = {"chain": "ETH", "address": "a", "balance": "1"}


@pytest.mark.parametrize(
    ("edit", "detail"),
    [
        (lambda d: d.update(format="sealedbook/reserves/v2"), r"\$\.format: expected"),
        (lambda d: d["assets"][0].update(asset="XRP"), "'XRP' is not an asset of the book"),
        (lambda d: d["assets"].append(d["assets"][0]), "asset 'BTC' appears twice"),
        (lambda d: d["assets"][0].update(addresses=[SOMEWHERE]), "is not the sum of the balances listed"),
        (lambda d: d["assets"][0].update(total="-1"), "is negative"),
    ],
)
def test_reserves_are_well_formed(either: Sealed, edit: Edit, detail: str) -> None:
    alter(either, {"reserves.json": edited(EXACT, edit)})
    with rejected(Check.SOLVENCY_RESERVES, f"claim 'solvency': reserves.json: .*{detail}"):
        verify(either)


# S2: statement.


def test_other_reserves_make_another_statement(either: Sealed) -> None:
    more = reserves_document({**TOTALS, "BTC": TOTALS["BTC"] + 1})
    alter(either, {"reserves.json": more})
    with rejected(Check.SOLVENCY_STATEMENT, f"compiled {statement_digest(either, more)}, claimed"):
        verify(either)


def test_another_ratio_makes_another_statement(either: Sealed) -> None:
    alter(either, ratio={"numerator": 21, "denominator": 20})
    with rejected(Check.SOLVENCY_STATEMENT, "compiled"):
        verify(either)


@pytest.mark.parametrize("left_out", list(TOTALS))
def test_other_assets_make_another_statement(either: Sealed, left_out: str) -> None:
    fewer = reserves_document({name: units for name, units in TOTALS.items() if name != left_out})
    alter(either, {"reserves.json": fewer})
    with rejected(Check.SOLVENCY_STATEMENT, "compiled"):
        verify(either)


# S3: totals.


@pytest.mark.parametrize(
    ("edit", "detail"),
    [
        (lambda d: d.update(format="x"), r"\$\.format: expected"),
        (lambda d: d.update(book="00" * 32), "book: is the digest of another book"),
        (lambda d: d["totals"].pop(), "has 2 entries, the book has 3 assets"),
        (lambda d: d["totals"].reverse(), r"is 'USD', the book has 'BTC' in this place"),
        (lambda d: d["totals"][0].update(total="2.0"), "'2.0' has superfluous zeros"),
        (lambda d: d["totals"][0].update(total="2e0"), "is not plain decimal text"),
        (lambda d: d["totals"][0].update(total="-0"), "is a negative zero"),
        (lambda d: d["totals"][1].update(total="36.893488147419103229"), "is beyond what so many leaves"),
        (lambda d: d["totals"][1].update(total="-36.893488147419103229"), "is beyond what so many leaves"),
        (lambda d: d["totals"][0].update(decimals=8), r"unknown field 'decimals'"),
        (lambda d: d.update(extra=1), "unknown field 'extra'"),
    ],
)
def test_public_totals_are_well_formed(public: Sealed, edit: Edit, detail: str) -> None:
    data = (public.bundle / "totals.json").read_bytes()
    alter(public, {"totals.json": edited(data, edit)})
    with rejected(Check.SOLVENCY_TOTALS, f"totals.json: .*{detail}"):
        verify(public)


# S4: the proof.


def test_other_reserves_with_their_statement_are_not_proven(hidden: Sealed) -> None:
    for btc in (TOTALS["BTC"] - 1, TOTALS["BTC"] + 1):
        other = reserves_document({**TOTALS, "BTC": btc})
        alter(hidden, {"reserves.json": other}, statement=statement_digest(hidden, other))
        with rejected(Check.SOLVENCY_PROOF, "opening-equation"):
            verify(hidden)


def test_other_reserves_under_public_totals_are_not_proven(public: Sealed) -> None:
    other = reserves_document({**TOTALS, "BTC": TOTALS["BTC"] + 1})
    alter(public, {"reserves.json": other}, statement=statement_digest(public, other))
    with rejected(Check.SOLVENCY_PROOF, "verification-equation"):
        verify(public)


def test_the_same_reserves_in_other_bytes_are_not_proven(either: Sealed) -> None:
    """Block heights, addresses and messages are bound, although the statement does not know of them."""
    alter(either, {"reserves.json": EXACT + b"\n"})
    with rejected(Check.SOLVENCY_PROOF, "equation"):
        verify(either)


def test_another_ratio_with_its_statement_is_not_proven(either: Sealed) -> None:
    ratio = Ratio(21, 20)
    alter(either, ratio=ratio.to_json(), statement=statement_digest(either, EXACT, ratio))
    with rejected(Check.SOLVENCY_PROOF, "equation"):
        verify(either)


def test_fewer_assets_with_their_statement_are_not_proven(either: Sealed) -> None:
    fewer = reserves_document({"BTC": TOTALS["BTC"], "ETH": TOTALS["ETH"]})
    alter(either, {"reserves.json": fewer}, statement=statement_digest(either, fewer))
    with rejected(Check.SOLVENCY_PROOF, "equation|a proof of this statement has"):
        verify(either)


def test_another_name_is_not_proven(either: Sealed) -> None:
    (either.bundle / PROOF).rename(either.bundle / "proofs/other.narg")

    def change(document: Any) -> None:
        claim_of(document)["name"] = "other"
        for entry in document["files"]:
            entry["name"] = entry["name"].replace("solvency.narg", "other.narg")

    resign(either.bundle, either.issuer, change)
    with rejected(Check.SOLVENCY_PROOF, "claim 'other': .*equation"):
        verify(either)


def test_other_totals_are_not_proven(public: Sealed) -> None:
    book = public.result.book
    for totals in ((TOTALS["BTC"] - 1, 3, TOTALS["USD"]), (TOTALS["BTC"], 3, TOTALS["USD"] - 1), (0, 0, 0)):
        alter(public, {"totals.json": totals_document(book, totals)})
        with rejected(Check.SOLVENCY_PROOF, "verification-equation"):
            verify(public)


def test_the_same_totals_in_other_bytes_are_not_proven(public: Sealed) -> None:
    data = (public.bundle / "totals.json").read_bytes()
    alter(public, {"totals.json": data + b" "})
    with rejected(Check.SOLVENCY_PROOF, "verification-equation"):
        verify(public)


def test_a_proof_about_the_root_of_another_book(either: Sealed, tmp_path: Path) -> None:
    """The same accounts, sealed once more: other blindings, another root."""
    other = seal(tmp_path / "other", either.backend, SOLVENT)
    prove(other, EXACT, publish_totals=(either.bundle / "totals.json").exists())
    alter(either, {PROOF: (other.bundle / PROOF).read_bytes()})
    with rejected(Check.SOLVENCY_PROOF, "equation"):
        verify(either)


@pytest.mark.parametrize("kind", ["hidden", "public"])
@pytest.mark.parametrize("change", ["negated", "doubled", "torsion", "not a point"])
def test_another_sum_than_that_of_the_leaves(request: pytest.FixtureRequest, kind: str, change: str) -> None:
    """Called with a root sum that no tree has: the proof is about this very point.

    A part outside G1 is refused with public totals, since sigma proofs demand G1, and has no influence on
    hidden ones, whose equation is multiplied by the cofactor.
    """
    sealed: Sealed = request.getfixturevalue(kind)
    bundle = verify(sealed)
    honest = bundle.root.sum
    forged = {
        "negated": negated(sealed.backend, honest),
        "doubled": plus(sealed.backend, honest, honest),
        "torsion": plus(sealed.backend, honest, ORDER_THREE),
        "not a point": bytes(POINT_BYTES),
    }[change]
    claim = bundle.solvency[0].claim
    with pytest.raises(VerificationError) as caught:
        verify_solvency_claim(sealed.bundle, bundle.attestation, claim, forged, sealed.backend)
    assert caught.value.check is Check.SOLVENCY_PROOF
    expected = {
        ("torsion", "public"): "MEMBERSHIP",
        ("not a point", "public"): "compress",
        ("not a point", "hidden"): "instance",
    }
    assert expected.get((change, kind), "equation") in caught.value.detail


def test_an_altered_proof(either: Sealed) -> None:
    honest = (either.bundle / PROOF).read_bytes()
    for offset in (0, POINT_BYTES - 1, POINT_BYTES, len(honest) // 2, len(honest) - 1):
        data = bytearray(honest)
        data[offset] ^= 1
        alter(either, {PROOF: bytes(data)})
        with rejected(Check.SOLVENCY_PROOF, "claim 'solvency'"):
            verify(either)


def test_a_proof_of_another_length(either: Sealed) -> None:
    honest = (either.bundle / PROOF).read_bytes()
    for data in (honest[:-1], honest + b"\0", b"", honest + honest):
        alter(either, {PROOF: data})
        with rejected(
            Check.SOLVENCY_PROOF, f"has {len(data)} bytes, a proof of this statement has {len(honest)}"
        ):
            verify(either)


def test_scalars_have_one_encoding(public: Sealed) -> None:
    """The response plus the group order, where that fits 32 bytes."""
    honest = (public.bundle / PROOF).read_bytes()
    response = int.from_bytes(honest[POINT_BYTES:], "big")
    alter(public, {PROOF: honest[:POINT_BYTES] + (response + GROUP_ORDER).to_bytes(32, "big")})
    with rejected(Check.SOLVENCY_PROOF, "group order"):
        verify(public)


def test_a_public_proof_is_no_hidden_one(hidden: Sealed, public: Sealed) -> None:
    alter(hidden, {PROOF: (public.bundle / PROOF).read_bytes()})
    with rejected(Check.SOLVENCY_PROOF, "has 80 bytes"):
        verify(hidden)


def test_documents_are_told_apart_by_their_roles(hidden_once: Sealed) -> None:
    book, digest = hidden_once.result.book, bytes(32)
    contexts = [
        solvency_context("a", book, b"x", None, digest),
        solvency_context("a", book, b"x", b"y", digest),
        solvency_context("a", book, b"y", b"x", digest),
        solvency_context("b", book, b"x", None, digest),
        solvency_context("a", replace(book, issuer="Other"), b"x", None, digest),
        solvency_context("a", book, b"x", None, bytes([1]) * 32),
    ]
    assert len(set(contexts)) == len(contexts)


# S5: the cover of public totals.


@pytest.mark.parametrize("ratio", [ONE, Ratio(21, 20)])
def test_public_totals_above_the_reserves(
    public: Sealed, ratio: Ratio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prover that skips its own check publishes an honest proof of totals that are not covered."""
    monkeypatch.setattr("prover.solvency.find_shortages", lambda *_: [])
    short = -(-TOTALS["BTC"] * ratio.numerator // ratio.denominator) - 1
    prove(public, reserves_document({"BTC": short}), publish_totals=True, ratio=ratio)
    with rejected(Check.SOLVENCY_COVER, r"claim 'solvency': BTC: .* short by 0\.00000001"):
        verify(public)


def test_the_generators_are_those_of_the_books_assets(public: Sealed) -> None:
    """The decimals of an asset changed: the book is another, and so are its generators."""
    attestation = verify(public).attestation
    generators = Generators(public.backend)
    asset = attestation.book.assets[0]
    other = replace(asset, decimals=asset.decimals + 1)
    assert generators.assets([asset]).to_compressed() != generators.assets([other]).to_compressed()

    def change(document: Any) -> None:
        describe_files_anew(public.bundle)(document)
        document["book"]["assets"][0]["decimals"] += 1

    resign(public.bundle, public.issuer, change)
    with pytest.raises(VerificationError) as caught:
        verify(public)
    assert caught.value.check in (Check.SOLVENCY_STATEMENT, Check.SOLVENCY_TOTALS)
