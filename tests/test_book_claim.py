"""Claims about the whole book, from end to end: proven, checked, forged, and what reports say of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from scenario_model_support import EXAMPLES, load_example
from sealing_support import Sealed, describe_files_anew, fastest_backend, rejected, resign, seal
from solvency_support import reserves_document
from typer.testing import CliRunner
from vectors.generate_risk_examples import limit, limits, options_market

from circuits.book_statement import compile_book
from circuits.claim_statement import ClaimDocumentError
from circuits.models.greek_conditions import Condition
from circuits.models.greeks_limits import BalancedBook
from primitives.assets import AssetList, parse_assets_json
from primitives.claims import BookClaim
from prover.book_claim import BookClaimProof, BookOutOfLimitsError, prove_book_claim
from prover.errors import ProverError
from prover.prove_book import prove_book
from prover.solvency import prove_solvency
from sealedbook.__main__ import app
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import Check
from verifier.claims import ExpectedDocuments
from verifier.findings import Level, Report
from verifier.market_checks import MarketPolicy
from verifier.report import bundle_report

FOLDER: Final = EXAMPLES / "balanced-book"
MODEL: Final = (FOLDER / "model.json").read_bytes()
MARKET: Final = (FOLDER / "market.json").read_bytes()
ACCOUNTS_MODEL: Final = (EXAMPLES / "greeks-limits" / "model.json").read_bytes()
PROOF: Final = "proofs/book.narg"


def sealed_example(folder: Path) -> Sealed:
    case, book = load_example("greeks-limits")
    ids = [asset.id for asset in case.assets]
    accounts = {
        name: {asset: amount for asset, amount in zip(ids, held, strict=True) if amount}
        for name, held in book.items()
    }
    return seal(folder, fastest_backend(), accounts, AssetList(case.assets), {"market.json": MARKET})


def prove(sealed: Sealed, model: bytes = MODEL, **options: Any) -> BookClaimProof:
    return prove_book_claim(
        sealed.bundle,
        sealed.vault.open_book(sealed.result.digest, None),
        sealed.issuer,
        sealed.backend,
        model=model,
        market=options.pop("market", MARKET),
        **options,
    )


def prove_accounts(sealed: Sealed) -> None:
    book = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(sealed.bundle, book, sealed.issuer, sealed.backend, model=ACCOUNTS_MODEL, market=MARKET)


def verify(sealed: Sealed, **options: Any) -> VerifiedBundle:
    return verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key, **options)


@pytest.fixture(scope="session")
def proven_once(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """With both claims."""
    made = sealed_example(tmp_path_factory.mktemp("balanced"))
    prove(made)
    prove_accounts(made)
    return made


@pytest.fixture
def proven(proven_once: Sealed, tmp_path: Path) -> Sealed:
    return proven_once.copy(tmp_path / "copy")


@pytest.fixture
def bare(tmp_path: Path) -> Sealed:
    return sealed_example(tmp_path / "bare")


def alter(sealed: Sealed, change: Callable[[Any], object] | None = None, **fields: Any) -> None:
    """The issuer signs an attestation whose claim about the book has other fields."""

    def apply(document: Any) -> None:
        claim = next(claim for claim in document["claims"] if claim["kind"] == "book")
        claim.update(fields)
        if change is not None:
            change(claim)
        describe_files_anew(sealed.bundle)(document)

    resign(sealed.bundle, sealed.issuer, apply)


def said(report: Report) -> dict[str, list[tuple[str, Level]]]:
    result: dict[str, list[tuple[str, Level]]] = {}
    for finding in report.findings:
        result.setdefault(finding.subject, []).append((finding.text, finding.level))
    return result


def test_both_claims_are_accepted(proven_once: Sealed) -> None:
    verified = verify(proven_once)
    (book,) = verified.books
    assert not book.documents_expected
    report = bundle_report(verified)
    assert "What it claims about the sum of all accounts is proven." in report.verdict
    assert {"W1-documents", "W2-statement", "W3-proof"} <= {check.value for check in report.checks}
    lines = said(report)
    assert lines["The whole book (book)"][0] == ("the book's net delta in BTC is within +-5", Level.PROVEN)
    assert {level for _, level in lines["The whole book (book)"]} == {Level.PROVEN}
    assert lines["Who is in the sum (book)"][0][1] is Level.NOT_PROVEN
    books: Any = report.figures["books"]
    assert [each["integral"] for each in books] == [True]


def test_without_a_claim_about_accounts_nothing_makes_amounts_whole(bare: Sealed) -> None:
    prove(bare)
    report = bundle_report(verify(bare))
    assert "not enough by itself" in report.verdict
    text, level = said(report)["The whole book (book)"][0]
    assert level is Level.NOT_PROVEN
    assert "no claim makes what every account holds in BTC-30D-65000-P, BTC-30D-75000-C" in text


def test_insisting_on_documents(proven_once: Sealed, bare: Sealed) -> None:
    both = ExpectedDocuments(ACCOUNTS_MODEL, MARKET, (ExpectedDocuments(MODEL),))
    for expected in (both, ExpectedDocuments(MODEL, MARKET), ExpectedDocuments(MODEL)):
        (book,) = verify(proven_once, expected=expected).books
        assert book.documents_expected is (expected.market is not None)
    assert verify(proven_once, expected=both).claims[0].documents_expected
    other = json.dumps(limits("balanced-book", [limit("delta", "delta", greatest="5")])).encode()
    with rejected(Check.BOOK_DOCUMENTS, "was made with another model than yours"):
        verify(proven_once, expected=ExpectedDocuments(other))
    with rejected(Check.CLAIM_DOCUMENTS, "another model than yours"):
        verify(proven_once, expected=ExpectedDocuments(other, None, (ExpectedDocuments(b"{}"),)))
    with rejected(Check.BOOK_DOCUMENTS, "no claim about the whole book"):
        verify(bare, expected=ExpectedDocuments(MODEL))
    prove(bare)
    with rejected(Check.BOOK_DOCUMENTS, "was made with another market than yours"):
        verify(bare, expected=ExpectedDocuments(MODEL, MARKET + b" "))
    with rejected(Check.CLAIM_DOCUMENTS, "has no claim about every account"):
        verify(bare, expected=ExpectedDocuments(ACCOUNTS_MODEL, MARKET))


def test_requiring_the_claim(proven_once: Sealed, bare: Sealed) -> None:
    assert verify(proven_once, required=["book", "accounts"]).books
    with rejected(Check.BUNDLE_CLAIMS, "you require a claim 'book'"):
        verify(bare, required=["book"])


def test_a_claim_called_book_is_not_of_that_kind(bare: Sealed) -> None:
    book = bare.vault.open_book(bare.result.digest, None)
    prove_book(bare.bundle, book, bare.issuer, bare.backend, model=ACCOUNTS_MODEL, market=MARKET, name="book")
    with rejected(Check.BUNDLE_CLAIMS, "you require a claim 'book'"):
        verify(bare, required=["book"])


def test_conditions_on_the_market_hold_for_it(bare: Sealed) -> None:
    prove(bare)
    with rejected(Check.MARKET_SOURCES, "claim 'book'"):
        verify(bare, market_policy=MarketPolicy(source_keys={"index": bare.issuer.public_key}))


def test_a_claim_replaces_one_of_its_name(bare: Sealed) -> None:
    prove(bare)
    other = json.dumps(limits("balanced-book", [limit("delta", "delta", greatest="5")])).encode()
    prove(bare, other)
    assert [path.name for path in bare.bundle.glob("book-model*")] == ["book-model.json"]
    prove(bare, name="second")
    assert sorted(path.name for path in bare.bundle.glob("book-model*")) == [
        "book-model-second.json",
        "book-model.json",
    ]
    names = [book.claim.name for book in verify(bare).books]
    assert names == ["book", "second"]
    reserves = reserves_document({"USD": 1}).replace(b'"0.01"', b'"4000000"')
    prove_solvency(
        bare.bundle,
        bare.vault.open_book(bare.result.digest, None),
        bare.issuer,
        bare.backend,
        reserves=reserves,
    )
    assert verify(bare).solvency
    assert len(verify(bare).books) == 2


def test_signing_anew_alone_changes_nothing(proven: Sealed) -> None:
    alter(proven)
    assert verify(proven).books


@pytest.mark.parametrize(
    ("fields", "check", "detail"),
    [
        ({"statement": "00" * 32}, Check.BOOK_STATEMENT, "compiled"),
        ({"model": "market.json"}, Check.BOOK_DOCUMENTS, "format"),
        ({"market": "book-model.json"}, Check.BOOK_DOCUMENTS, "market"),
        ({"model": "nowhere.json"}, Check.BUNDLE_ATTESTATION, "nowhere.json is claimed but not listed"),
        ({"batches": 1}, Check.BUNDLE_ATTESTATION, "unknown field 'batches'"),
        ({"statement": "00"}, Check.BUNDLE_ATTESTATION, "expected 32 bytes"),
        ({"name": "Book"}, Check.BUNDLE_ATTESTATION, "is not 1 to 40 lower-case"),
        ({"signatures": "market.json"}, Check.MARKET_SIGNATURES, "claim 'book'"),
    ],
)
def test_a_claim_with_other_fields(proven: Sealed, fields: dict[str, Any], check: Check, detail: str) -> None:
    alter(proven, **fields)
    with rejected(check, detail):
        verify(proven)


def test_forged_files(proven: Sealed) -> None:
    proof = proven.bundle / PROOF
    data = bytearray(proof.read_bytes())
    data[100] ^= 1
    proof.write_bytes(data)
    alter(proven)
    with rejected(Check.BOOK_PROOF, "claim 'book'"):
        verify(proven)
    proof.write_bytes(bytes(data) + b"\x00")
    alter(proven)
    with rejected(Check.BOOK_PROOF, "a proof of this statement has"):
        verify(proven)


def test_a_proof_of_another_book_is_refused(proven: Sealed, tmp_path: Path) -> None:
    other = sealed_example(tmp_path / "other")
    prove(other)
    (proven.bundle / PROOF).write_bytes((other.bundle / PROOF).read_bytes())
    alter(proven)
    with rejected(Check.BOOK_PROOF, "opening-equation"):
        verify(proven)


def test_a_book_beyond_its_limits(bare: Sealed) -> None:
    narrow = json.dumps(
        limits(
            "balanced-book",
            [limit("delta", "delta", least="-1", greatest="1"), limit("g", "gamma", least="0")],
        )
    ).encode()
    before = {path: path.read_bytes() for path in bare.folder.rglob("*") if path.is_file()}
    with pytest.raises(BookOutOfLimitsError, match="beyond 1 of its limits") as caught:
        prove(bare, narrow)
    (breach,) = caught.value.breaches
    assert breach.label == "delta"
    assert breach.side == "below"
    assert {path: path.read_bytes() for path in bare.folder.rglob("*") if path.is_file()} == before


def test_signatures_that_do_not_hold(bare: Sealed) -> None:
    with pytest.raises(ProverError, match="the market's signatures"):
        prove(bare, signatures=b"{}")


def test_its_form_round_trips() -> None:
    claim = BookClaim("book", "m.json", "k.json", bytes(32), "s.json")
    assert claim.file_names == ["k.json", "m.json", "s.json", "proofs/book.narg"]
    assert claim.own_documents == ["m.json", "s.json"]


def test_the_published_array_is_the_examples() -> None:
    assert json.loads(options_market().to_bytes()) == json.loads(MARKET)


# The command.


def run(sealed: Sealed, model: bytes, *options: str) -> Any:
    place = sealed.folder / "model.json"
    place.write_bytes(model)
    arguments = [
        "prove-book",
        str(sealed.bundle),
        "--vault",
        str(sealed.folder / "vault"),
        "--model",
        str(place),
    ]
    return CliRunner().invoke(app, [*arguments, *options])


def test_the_command(bare: Sealed) -> None:
    result = run(bare, MODEL)
    assert result.exit_code == 0, result.stderr
    assert "the book's net delta in BTC is within +-5" in result.stdout
    assert "no claim about every account" in " ".join(result.stdout.split())
    as_json = run(bare, MODEL, "--json", "--name", "greeks", "--market", str(FOLDER / "market.json"))
    document = json.loads(as_json.stdout)
    assert document["claim"] == "greeks"
    assert document["conditions"][1] == "the book's net gamma in BTC is not negative"
    checked = CliRunner().invoke(app, ["verify", str(bare.bundle), "--require", "greeks", "--json"])
    assert checked.exit_code == 0
    assert [book["name"] for book in json.loads(checked.stdout)["figures"]["books"]] == ["book", "greeks"]
    shown = CliRunner().invoke(app, ["inspect", str(bare.bundle)])
    assert "balanced book, 5 limits on the sum of all accounts" in shown.stdout


def test_the_command_refuses(bare: Sealed) -> None:
    narrow = json.dumps(limits("balanced-book", [limit("delta", "delta", least="-1", greatest="1")])).encode()
    result = run(bare, narrow)
    assert result.exit_code == 3
    assert "delta: below by" in result.stderr
    document = json.loads(run(bare, narrow, "--json").stdout)
    assert document["breaches"][0]["limit"] == "delta"
    assert document["breaches"][0]["unit"] == "delta"
    result = run(bare, ACCOUNTS_MODEL)
    assert result.exit_code == 3
    assert "is not 'balanced-book'" in result.stderr


def test_rows_that_could_wrap_at_totals_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coefficient that 64-bit positions cannot make wrap, and the totals of a million leaves can."""
    assets = parse_assets_json((FOLDER / "assets.json").read_bytes()).assets
    assert compile_book(MODEL, MARKET, assets, 1 << 20).statement.rows
    made = BalancedBook.conditions

    def large(self: BalancedBook, *inputs: Any) -> tuple[Condition, ...]:
        first = made(self, *inputs)[0]
        asset = next(iter(first.linear))
        return (replace(first, linear={asset: 1 << 185}, constant=0, span=7),)

    monkeypatch.setattr(BalancedBook, "conditions", large)
    assert compile_book(MODEL, MARKET, assets, 1).statement.rows
    with pytest.raises(ClaimDocumentError, match="could wrap around modulo the group order"):
        compile_book(MODEL, MARKET, assets, 1 << 20)
