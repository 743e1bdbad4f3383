"""Making certificates, what is in them and what is not, and what a verifier reports."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import pytest
from certificate_support import (
    ASSETS,
    AT_LEAST,
    AUDIENCE,
    MARKET,
    NET_VALUE,
    NET_VALUE_AT_MARKET,
    at_least,
    certificate_of,
    document_of,
    model,
    one_leaf_book,
    opening_of,
    verify,
)
from sealing_support import Sealed, fastest_backend

from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.rows import Row, Scope
from circuits.statement import Statement
from primitives.argument_parameters import certificate_profile
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.certificate import (
    MAX_AUDIENCE_LENGTH,
    AudienceError,
    Certificate,
    canonical_audience,
    typed_audience,
)
from primitives.opening import Opening
from primitives.parameters import GROUP_ORDER, SCALAR_BYTES
from prover.certificate import CertificateRefusedError, make_certificate
from verifier.certificate import ExpectedTerms, verify_certificate_in_bundle
from verifier.certificate_report import certificate_report
from verifier.claims import ExpectedDocuments
from verifier.opening import TrustedRoot
from verifier.report import Level, Report

FAST = fastest_backend()


# Round trips


@pytest.mark.parametrize(
    ("account", "statement", "market"),
    [
        ("alice", at_least("2"), None),
        ("alice", NET_VALUE, None),
        ("alice", NET_VALUE_AT_MARKET, MARKET),
        ("carol", at_least("-0.5"), None),
        ("carol", model("bounded"), None),
    ],
)
def test_round_trip(backend: Backend, account: str, statement: bytes, market: bytes | None) -> None:
    """With fresh randomness: another proof every time, each accepted, also by the other backend."""
    opening = opening_of(account, backend)
    made = [
        make_certificate(opening, backend, model=statement, market=market, audience=AUDIENCE)
        for _ in range(2)
    ]
    assert made[0].proof != made[1].proof
    for certificate in made:
        for verifier in (backend, FAST):
            verified = verify(certificate, verifier, expected=ExpectedTerms(AUDIENCE))
            assert verified.certificate == certificate
            assert len(certificate.proof) == certificate_profile(verified.statement).proof_bytes


def test_an_account_of_a_sealed_bundle(sealed: Sealed) -> None:
    opening = sealed.opening("alice")
    certificate = make_certificate(opening, sealed.backend, model=at_least("1.5"), audience=None)
    key = sealed.issuer.public_key
    for issuer_key in (None, key):
        verified = verify_certificate_in_bundle(
            certificate.to_bytes(), sealed.bundle, sealed.backend, issuer_key=issuer_key
        )
        assert verified.signed is not None
        assert verified.signed.key_expected is (issuer_key is not None)
        assert verified.book_bound


def test_a_book_of_one_leaf_has_an_empty_path() -> None:
    """Its root is the leaf."""
    opening = one_leaf_book(FAST, [300_000_000, 0, 0], 77)
    certificate = make_certificate(opening, FAST, model=AT_LEAST)
    assert certificate.path == ()
    verify(certificate, FAST, trusted=TrustedRoot(root_hash=opening.book.root.hash))


@pytest.mark.parametrize("assets", [3, 53, 1000])
def test_size_of_a_large_certificate(assets: int) -> None:
    """33 rows of 96 bits, as a margin model over 33 scenarios has them."""
    book = tuple(Asset(f"A{index}", 0) for index in range(assets))
    rows = tuple(Row(f"scenario {i}", ((0, 1), (assets - 1, i + 1)), (), 0, 96) for i in range(33))
    assert certificate_profile(Statement(book, rows)).proof_bytes <= 3_500


def test_form_is_read_back() -> None:
    for certificate in (certificate_of("alice"), certificate_of("bob", NET_VALUE_AT_MARKET, MARKET, None)):
        data = certificate.to_bytes()
        assert Certificate.parse(data) == certificate
        assert Certificate.parse(json.dumps(json.loads(data), indent=7).encode()) == certificate


# Bytes of documents


@pytest.mark.parametrize("extra", ["\n", "\r\n", "\t ", "  \n\n"])
def test_documents_keep_their_bytes(extra: str) -> None:
    statement = AT_LEAST + extra.encode()
    certificate = make_certificate(opening_of("alice", FAST), FAST, model=statement)
    assert Certificate.parse(certificate.to_bytes()).terms.model == statement
    verify(certificate, FAST, expected=ExpectedTerms(documents=ExpectedDocuments(model=statement)))


def test_documents_that_are_no_text_are_refused() -> None:
    with pytest.raises(ClaimDocumentError, match=r"model: .*not UTF-8"):
        make_certificate(opening_of("alice", FAST), FAST, model=AT_LEAST + b"\xff")
    with pytest.raises(ClaimDocumentError, match=r"market: .*not UTF-8"):
        make_certificate(opening_of("alice", FAST), FAST, model=AT_LEAST, market=b"\xff")


# Audience


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not 0"),
        ("x" * (MAX_AUDIENCE_LENGTH + 1), "not 201"),
        ("two\nlines", "control characters"),
        (" blank", "surrounding blanks"),
        ("Pru\u0308fer", "Normalization Form C"),
        ("\ud800", "control characters"),
    ],
)
def test_audiences_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(AudienceError, match=reason):
        canonical_audience(text)


def test_what_people_type_is_brought_into_form() -> None:
    assert typed_audience("  Pru\u0308fer \n") == "Pr\u00fcfer"
    assert canonical_audience("x" * MAX_AUDIENCE_LENGTH) == "x" * MAX_AUDIENCE_LENGTH
    with pytest.raises(AudienceError, match="not 0"):
        typed_audience("  ")


# Accounts that do not satisfy


@pytest.mark.parametrize(
    ("account", "statement", "market", "message"),
    [
        ("alice", at_least("2.5"), None, "BTC at least 2.5: short by 0.5 BTC"),
        ("carol", at_least("1"), None, "BTC at least 1: short by 1.5 BTC"),
        (
            "alice",
            model("net-value-at-least", value="200000"),
            MARKET,
            "net value at least 200000 USD: short by 15,678.67 USD",
        ),
        ("carol", model("non-negative"), None, "BTC non-negative: short by 0.5 BTC"),
        (
            "alice",
            model("net-value", width=10),
            MARKET,
            "net value: above its bound by 184,321.3299998977 USD",
        ),
        (
            "carol",
            model("all", models=[
                {"kind": "net-value", "assets": ["BTC"], "prices": {
                    "quote": quote, "scale": 9, "prices": [{"asset": "BTC", "price": "1"}]}}
                for quote in ("USD", "EUR")
            ]),
            None,
            "net value: short by 500,000,000 units of the row",
        ),
    ],
)  # fmt: skip
def test_how_short_an_account_is(account: str, statement: bytes, market: bytes | None, message: str) -> None:
    with pytest.raises(CertificateRefusedError, match=re.escape(message)) as caught:
        make_certificate(opening_of(account, FAST), FAST, model=statement, market=market)
    shortfall = caught.value.shortfall
    assert shortfall.is_excess is ("above" in message)
    assert str(shortfall.amount) not in repr(shortfall)
    assert shortfall.text not in repr(shortfall)


def test_a_base_unit_short_is_short() -> None:
    with pytest.raises(CertificateRefusedError, match=r"short by 0\.00000001 BTC"):
        make_certificate(opening_of("alice", FAST), FAST, model=at_least("2.00000001"))


def test_nothing_of_the_positions_is_in_reprs() -> None:
    opening = opening_of("alice", FAST)
    assert "200000000" not in repr(opening)
    with pytest.raises(CertificateRefusedError) as caught:
        make_certificate(opening, FAST, model=at_least("3"))
    assert "200000000" not in str(caught.value)


# The whole list of assets


def test_the_statement_is_about_every_asset_of_the_book() -> None:
    """Not about those that the opening lists: a debt in another asset counts."""
    terms = certificate_of("alice", NET_VALUE_AT_MARKET, MARKET).terms
    statement = compile_claim(terms.model, terms.market, ASSETS, scope=Scope.ACCOUNT)
    assert statement.digest() == terms.statement_digest
    assert statement.assets == ASSETS
    assert {p.asset.id for p in opening_of("alice", FAST).positions} == {"BTC", "USD"}
    with pytest.raises(CertificateRefusedError, match="net value"):
        make_certificate(
            opening_of("carol", FAST), FAST, market=MARKET,
            model=model("net-value-at-least", value="1000000"),
        )  # fmt: skip


# Secrets


SHORTEST_SEARCHED = 5
"""Shorter texts turn up in hexadecimal or base64 by chance."""


def spellings(value: int | bytes) -> set[bytes]:
    """Ways in which a secret could stand in a file: raw, hexadecimal, base64 at every offset, decimal."""
    if isinstance(value, int):
        size = SCALAR_BYTES if value >> 64 else 8
        raws = [value.to_bytes(size, "big"), value.to_bytes(size, "little")]
        texts = {str(value).encode()}
    else:
        raws, texts = [value], set()
    for raw in raws:
        texts |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
        for skip, mixed in ((0, 0), (1, 2), (2, 3)):
            encoded = base64.b64encode(bytes(skip) + raw)
            texts.add(encoded[mixed : len(encoded) - 4])
    return {text for text in texts if len(text) >= SHORTEST_SEARCHED}


def secrets_of(opening: Opening) -> list[int | bytes]:
    return [
        opening.account.encode(),
        opening.salt,
        opening.blinding,
        GROUP_ORDER - opening.blinding,
        *(position.amount for position in opening.positions),
        *(position.amount % (1 << 64) for position in opening.positions),
    ]


@pytest.mark.parametrize("account", ["alice", "bob"])
def test_a_certificate_holds_no_secret(account: str) -> None:
    opening = opening_of(account, FAST)
    for statement, market in ((AT_LEAST, None), (NET_VALUE, None), (NET_VALUE_AT_MARKET, MARKET)):
        certificate = certificate_of(account, statement, market)
        document = document_of(certificate)
        leaf = bytes.fromhex(document["leaf"]["tag"] + document["leaf"]["commitment"])
        haystacks = [certificate.to_bytes(), certificate.proof, leaf]
        for secret in secrets_of(opening):
            for spelling in spellings(secret):
                assert not any(spelling in haystack for haystack in haystacks), spelling


def test_the_search_for_secrets_finds_them() -> None:
    opening = opening_of("alice", FAST)
    found = opening.to_bytes()
    for secret in (opening.account.encode(), opening.salt, opening.blinding):
        assert any(spelling in found for spelling in spellings(secret))
    for skip in range(3):
        packed = base64.b64encode(bytes(range(skip)) + opening.salt + b"tail")
        assert any(spelling in packed for spelling in spellings(opening.salt))


def test_a_certificate_has_no_other_fields() -> None:
    document = document_of(certificate_of("alice", NET_VALUE_AT_MARKET, MARKET))
    assert set(document) == {
        "format", "book", "leaf", "path", "model", "market", "audience", "statement", "proof",
    }  # fmt: skip
    assert set(document["leaf"]) == {"index", "tag", "commitment"}


# Reports


def report_on(certificate: Certificate, expected: ExpectedTerms | None = None, **trusted: bytes) -> Report:
    root = TrustedRoot(**trusted) if trusted else None
    return certificate_report(verify(certificate, FAST, expected=expected, trusted=root))


def levels(report: Report, subject: str) -> list[tuple[str, Level]]:
    return [(found.text, found.level) for found in report.findings if found.subject == subject]


def test_the_report_says_what_is_proven_in_plain_words() -> None:
    report = report_on(certificate_of("alice"))
    assert report.verdict == "The account at leaf 2 holds at least 1.5 BTC."
    assert levels(report, "The account") == [("holds at least 1.5 BTC", Level.PROVEN)]
    assert levels(report, "Whole amounts") == [("BTC: whole numbers of base units", Level.PROVEN)]
    assert levels(report, "Other assets")[0][0].startswith("ETH, USD: ")
    limits = (
        "Other assets",
        "Whose account it is",
        "Still true today",
        "Debts elsewhere",
        "Reserves behind it",
    )
    for subject in limits:
        ((_, level),) = levels(report, subject)
        assert level is Level.NOT_PROVEN
    ((text, _),) = levels(report, "Still true today")
    assert "2026-01-31T00:00:00Z" in text
    assert levels(report, "Exact positions")[0][1] is Level.HIDDEN
    assert report.figures["integral"] is True
    assert report.figures["facts"] == ["holds at least 1.5 BTC"]


def test_a_verdict_of_many_facts_is_cut_short() -> None:
    models = [{"kind": "at-least", "asset": "BTC", "amount": f"0.{n}"} for n in range(1, 10)]
    report = report_on(make_certificate(opening_of("alice", FAST), FAST, model=model("all", models=models)))
    assert report.verdict.endswith("holds at least 0.4 BTC; and 5 more.")
    assert len(levels(report, "The account")) == 9


def test_bounds_alone_are_no_fact() -> None:
    report = report_on(certificate_of("carol", model("bounded")))
    assert report.verdict == "The account at leaf 0 holds and owes amounts in range."
    assert levels(report, "The account") == []
    assert levels(report, "Other assets") == []


def test_the_report_says_for_whom_it_was_made() -> None:
    ((text, level),) = levels(report_on(certificate_of("alice")), "Made for")
    assert (repr(AUDIENCE) in text, level) == (True, Level.CLAIMED)
    insisted = report_on(certificate_of("alice"), ExpectedTerms(AUDIENCE))
    assert levels(insisted, "Made for")[0][1] is Level.PROVEN
    ((text, level),) = levels(report_on(certificate_of("alice", audience=None)), "Made for")
    assert (text.startswith("nobody in particular"), level) == (True, Level.CLAIMED)


def test_the_report_says_who_chose_the_prices() -> None:
    certificate = certificate_of("bob", NET_VALUE_AT_MARKET, MARKET)
    cases = (
        (ExpectedDocuments(), Level.CLAIMED, Level.CLAIMED, False),
        (ExpectedDocuments(market=MARKET), Level.CLAIMED, Level.RECOMPUTED, False),
        (ExpectedDocuments(model=NET_VALUE_AT_MARKET), Level.RECOMPUTED, Level.CLAIMED, False),
        (ExpectedDocuments(NET_VALUE_AT_MARKET, MARKET), Level.RECOMPUTED, Level.RECOMPUTED, True),
    )
    for documents, of_statement, of_market, whole in cases:
        report = report_on(certificate, ExpectedTerms(documents=documents))
        assert levels(report, "Statement")[0][1] is of_statement
        assert levels(report, "Market")[0][1] is of_market
        ((text, level),) = levels(report, "Market prices")
        assert level is of_market
        assert "BTC 65000.12" in text
        assert report.figures["documents_expected"] is whole


def test_prices_in_the_statement_are_the_makers_unless_insisted_on() -> None:
    certificate = certificate_of("alice", NET_VALUE)
    ((text, level),) = levels(report_on(certificate), "Prices")
    assert (text.startswith("in 'USD': BTC 65000.12, USD 1 (chosen by"), level) == (True, Level.CLAIMED)
    insisted = report_on(certificate, ExpectedTerms(documents=ExpectedDocuments(model=NET_VALUE)))
    assert levels(insisted, "Prices")[0][1] is Level.RECOMPUTED
    assert insisted.figures["documents_expected"] is True


def test_against_a_root_alone_issuer_and_time_are_only_claimed() -> None:
    book = opening_of("alice", FAST).book
    alone = report_on(certificate_of("alice"), root_hash=book.root.hash)
    bound = report_on(certificate_of("alice"), book_digest=book.digest())
    for subject in ("Issuer", "As of"):
        assert levels(alone, subject)[0][1] is Level.CLAIMED
        assert levels(bound, subject)[0][1] is Level.RECOMPUTED


def test_checks_of_a_report_are_those_that_were_made(sealed_once: Sealed) -> None:
    names = [check.value for check in report_on(certificate_of("alice")).checks]
    made = ["K1-form", "K2-root", "K4-leaf", "K5-path", "K6-root-hash", "K7-root-sum", "K8-documents",
            "K9-statement", "K10-proof"]  # fmt: skip
    assert names == made
    insisted = report_on(certificate_of("alice"), ExpectedTerms(AUDIENCE))
    assert [check.value for check in insisted.checks] == [*made[:2], "K3-audience", *made[2:]]
    backend = sealed_once.backend
    certificate = make_certificate(sealed_once.opening("alice"), backend, model=at_least("1"))
    in_bundle = verify_certificate_in_bundle(
        certificate.to_bytes(), sealed_once.bundle, backend, issuer_key=sealed_once.issuer.public_key
    )
    report = certificate_report(in_bundle)
    attested = ["B1-files", "B2-attestation", "B3-issuer", "B4-signature"]
    assert [check.value for check in report.checks] == [*attested, *made]
    assert levels(report, "Issuer")[0][1] is Level.SIGNED
    assert "published at this index" in levels(report, f"Leaf {in_bundle.terms.leaf.index}")[0][0]


def test_the_report_warns_of_positions_that_need_not_be_integers() -> None:
    """No document compiles to such a statement; what was compiled is looked at all the same."""
    verified = verify(certificate_of("alice", NET_VALUE), FAST)
    rows = tuple(row for row in verified.statement.rows if row.label != "USD bounded")
    loose = replace(verified, statement=Statement(ASSETS, rows, scope=Scope.ACCOUNT))
    report = certificate_report(loose)
    ((text, level),) = levels(report, "Whole amounts")
    assert (text.startswith("USD: no row makes the position an integer"), level) == (True, Level.NOT_PROVEN)
    assert report.figures["integral"] is False


def test_a_report_is_json() -> None:
    document = report_on(certificate_of("alice"), ExpectedTerms(AUDIENCE)).to_json()
    text = json.dumps(document)
    assert document["kind"] == "certificate"
    for position in opening_of("alice", FAST).positions:
        assert str(position.amount) not in text
