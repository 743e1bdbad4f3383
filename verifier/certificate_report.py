"""What a verified certificate shows about one account, and what it does not."""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

from circuits.claim_statement import model_words
from circuits.describe import describe
from circuits.document_prices import inline_prices, market_prices
from circuits.integrality import loose_positions
from circuits.modelling.words import ModelWords
from circuits.plain_words import account_facts, used_assets
from circuits.prices import PriceList
from circuits.statement import Statement
from primitives.assets import Asset
from primitives.attestation import SealedBook, format_time
from primitives.certificate import CertifiedLeaf
from primitives.strict_json import Json
from verifier.attestation import SignedAttestation
from verifier.certificate import ExpectedTerms, VerifiedCertificate
from verifier.checks import Check
from verifier.model_findings import condition_findings, model_findings, row_findings, words_figures
from verifier.report import (
    Finding,
    Level,
    Report,
    attestation_checks,
    book_figures,
    issuer_findings,
)


class ShownTerms(Protocol):
    """What the terms of a certificate of any kind have."""

    @property
    def book(self) -> SealedBook:
        """The sealed book."""
        ...

    @property
    def leaf(self) -> CertifiedLeaf:
        """The published leaf."""
        ...

    @property
    def model(self) -> bytes:
        """The model document."""
        ...

    @property
    def market(self) -> bytes | None:
        """The market document."""
        ...

    @property
    def audience(self) -> str | None:
        """For whom."""
        ...


class Shown(Protocol):
    """A verified certificate of any kind."""

    @property
    def terms(self) -> ShownTerms:
        """What is certified."""
        ...

    @property
    def signed(self) -> SignedAttestation | None:
        """The attestation of the bundle, if there is one."""
        ...

    @property
    def book_bound(self) -> bool:
        """Whether issuer and time are bound to what the reader trusts."""
        ...

    @property
    def expected(self) -> ExpectedTerms:
        """What the reader insists on."""
        ...


_SHOWN_FACTS: Final = 4
_SHOWN_LINES: Final = 12


def certificate_report(verified: VerifiedCertificate, *, rows: bool = False) -> Report:
    """The report on a verified certificate, for whoever it was shown to; with `rows`, every row as a formula."""
    terms, signed = verified.terms, verified.signed
    words = model_words(terms.model)
    return Report(
        kind="certificate",
        verdict=_verdict(verified, words),
        checks=tuple(check for check in Check if _was_made(check, verified)),
        findings=(
            *_proven(verified, words),
            *(row_findings("", verified.statement) if rows else ()),
            *document_findings(verified),
            *audience_findings(verified),
            *place_findings(verified),
            *_limits(verified),
        ),
        figures={
            **book_figures(terms.book),
            "leaf_index": terms.leaf.index,
            "leaf_tag": terms.leaf.tag.hex(),
            "leaf_commitment": terms.leaf.commitment.hex(),
            "facts": list[Json](_facts(verified, words)),
            "model": None if words is None else words_figures(words),
            "rows": list[Json](describe(verified.statement)),
            "integral": not loose_positions(verified.statement.rows, verified.statement.auxiliaries),
            "statement": verified.statement.digest().hex(),
            "model_sha256": hashlib.sha256(terms.model).hexdigest(),
            "market_sha256": None if terms.market is None else hashlib.sha256(terms.market).hexdigest(),
            "documents_expected": documents_expected(verified),
            "audience": terms.audience,
            "audience_expected": verified.expected.audience is not None,
            "proof_bytes": len(verified.certificate.proof),
            "issuer_key_expected": signed.key_expected if signed else False,
        },
    )


def _was_made(check: Check, verified: VerifiedCertificate) -> bool:
    if check is Check.CERTIFICATE_AUDIENCE:
        return verified.expected.audience is not None
    signed = verified.signed
    return check.value.startswith("K") or (signed is not None and check in attestation_checks(signed))


def _facts(verified: VerifiedCertificate, words: ModelWords | None) -> list[str]:
    return account_facts(verified.statement) if words is None else list(words.conditions)


def _verdict(verified: VerifiedCertificate, words: ModelWords | None) -> str:
    if words is not None:
        return f"The account at leaf {verified.terms.leaf.index} meets {words.title}."
    facts = account_facts(verified.statement) or ["holds and owes amounts in range"]
    rest = len(facts) - _SHOWN_FACTS
    said = "; ".join(facts[:_SHOWN_FACTS]) + (f"; and {rest:,} more" if rest > 0 else "")
    return f"The account at leaf {verified.terms.leaf.index} {said}."


def _proven(verified: VerifiedCertificate, words: ModelWords | None) -> list[Finding]:
    """What the proof shows; that positions are integers, or that they need not be."""
    statement = verified.statement
    if words is None:
        findings = _proven_rows(statement)
    else:
        findings = [
            *condition_findings("The account", words, statement),
            *model_findings("", words, statement),
        ]
    return [*findings, whole_amounts(statement)]


def _proven_rows(statement: Statement) -> list[Finding]:
    """Row by row, in words and in base units."""
    facts = account_facts(statement)
    findings = [Finding("The account", fact, Level.PROVEN) for fact in facts[:_SHOWN_LINES]]
    lines = describe(statement)
    rest = f"; and {len(lines) - _SHOWN_LINES:,} more" if len(lines) > _SHOWN_LINES else ""
    return [*findings, Finding("In base units", "; ".join(lines[:_SHOWN_LINES]) + rest, Level.PROVEN)]


def whole_amounts(statement: Statement) -> Finding:
    """That positions are integers, or that they need not be."""
    loose = [statement.assets[index] for index in loose_positions(statement.rows, statement.auxiliaries)]
    if loose:
        text = f"{_names(loose)}: no row makes the position an integer, so what rests on it means nothing"
        return Finding("Whole amounts", text, Level.NOT_PROVEN)
    text = f"{_names(used_assets(statement))}: whole numbers of base units"
    return Finding("Whole amounts", text, Level.PROVEN)


def document_findings(verified: Shown) -> list[Finding]:
    """Who chose statement and prices."""
    terms, expected = verified.terms, verified.expected.documents
    findings = [_document("Statement", "--statement", terms.model, yours=expected.model is not None)]
    if terms.market is not None:
        findings.append(_document("Market", "--market", terms.market, yours=expected.market is not None))
    findings += [
        _prices("Market prices", prices, yours=expected.market is not None)
        for prices in market_prices(terms.market)
    ]
    findings += [
        _prices("Prices", prices, yours=expected.model is not None) for prices in inline_prices(terms.model)
    ]
    return findings


def _document(subject: str, option: str, data: bytes, *, yours: bool) -> Finding:
    if yours:
        return Finding(subject, "the document that you gave, byte for byte", Level.RECOMPUTED)
    text = f"chosen by whoever made the certificate (SHA-256 {hashlib.sha256(data).hexdigest()}); "
    return Finding(subject, text + f"insist on yours with {option}", Level.CLAIMED)


def _prices(subject: str, prices: PriceList, *, yours: bool) -> Finding:
    entries = [f"{asset} {price}" for asset, price in prices.prices.items()]
    rest = f" and {len(entries) - _SHOWN_LINES:,} more" if len(entries) > _SHOWN_LINES else ""
    chosen = "your own" if yours else "chosen by whoever made the certificate: compare them with the market's"
    text = f"in {prices.quote!r}: {', '.join(entries[:_SHOWN_LINES])}{rest} ({chosen})"
    return Finding(subject, text, Level.RECOMPUTED if yours else Level.CLAIMED)


def documents_expected(verified: Shown) -> bool:
    """Whether the reader insisted on every document."""
    expected = verified.expected.documents
    return expected.model is not None and (verified.terms.market is None or expected.market is not None)


def audience_findings(verified: Shown) -> list[Finding]:
    """For whom it was made."""
    audience = verified.terms.audience
    if verified.expected.audience is not None:
        return [Finding("Made for", f"{audience!r}, as you expect; the proof is bound to it", Level.PROVEN)]
    if audience is None:
        text = "nobody in particular: anybody who has the file can show it"
    else:
        text = f"{audience!r}: if that is not you, it was made for somebody else; insist with --audience"
    return [Finding("Made for", text, Level.CLAIMED)]


def place_findings(verified: Shown) -> list[Finding]:
    """The leaf, the root and whose book it is."""
    terms, signed = verified.terms, verified.signed
    book = terms.book
    found = "published at this index of the bundle; " if signed is not None else ""
    included = f"{found}in the sum under root {book.root.hash.hex()}"
    findings = [Finding(f"Leaf {terms.leaf.index}", included, Level.RECOMPUTED)]
    if signed is not None:
        return [*findings, *issuer_findings(book, signed)]
    level = Level.RECOMPUTED if verified.book_bound else Level.CLAIMED
    why = (
        "part of the book digest that you gave" if verified.book_bound else "the root hash does not cover it"
    )
    return [
        *findings,
        Finding("Issuer", f"{book.issuer} ({why})", level),
        Finding("As of", f"{format_time(book.as_of)} ({why})", level),
    ]


def _limits(verified: VerifiedCertificate) -> list[Finding]:
    """What nobody should read into it."""
    book = verified.terms.book
    used = set(used_assets(verified.statement))
    others = [asset for asset in book.assets if asset not in used]
    silent = (
        [
            Finding(
                "Other assets",
                f"{_names(others)}: the account may hold or owe any amount",
                Level.NOT_PROVEN,
            )
        ]
        if others
        else []
    )
    return [
        *silent,
        Finding("Exact positions", "inside the commitment", Level.HIDDEN),
        Finding(
            "Whose account it is",
            "the maker knows what the leaf holds: its holder, the issuer, or somebody whom they told",
            Level.NOT_PROVEN,
        ),
        Finding(
            "Still true today",
            f"the book is as of {format_time(book.as_of)}; nothing later",
            Level.NOT_PROVEN,
        ),
        Finding("Debts elsewhere", "other accounts and other issuers are not looked at", Level.NOT_PROVEN),
        Finding(
            "Reserves behind it",
            "a certificate says what the issuer sealed, not what it has",
            Level.NOT_PROVEN,
        ),
    ]


def _names(assets: list[Asset] | tuple[Asset, ...]) -> str:
    names = [asset.id for asset in assets[:_SHOWN_LINES]]
    rest = len(assets) - len(names)
    return ", ".join(names) + (f" and {rest:,} more" if rest else "")
