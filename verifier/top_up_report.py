"""What a verified top-up certificate shows, and what it does not."""

from __future__ import annotations

import hashlib

from circuits.claim_statement import model_words
from circuits.describe import describe
from circuits.plain_words import account_facts
from primitives.amounts_text import format_amount
from primitives.strict_json import Json
from primitives.top_up import HiddenAmount, TopUpTerms
from verifier.certificate_report import (
    audience_findings,
    document_findings,
    documents_expected,
    place_findings,
    whole_amounts,
)
from verifier.checks import Check
from verifier.findings import Finding, Level, Report
from verifier.model_findings import condition_findings, model_findings, row_findings, words_figures
from verifier.report import attestation_checks, book_figures
from verifier.top_up import VerifiedTopUp


def top_up_report(verified: VerifiedTopUp, *, rows: bool = False) -> Report:
    """The report for whoever the certificate was shown to; with `rows`, every row as a formula."""
    terms, statement = verified.terms, verified.statement
    words = model_words(terms.model)
    return Report(
        kind="top-up",
        verdict=_verdict(terms, "its statement" if words is None else words.title),
        checks=tuple(check for check in Check if _was_made(check, verified)),
        findings=(
            *_after(verified),
            whole_amounts(statement),
            *_amount(terms),
            *_payer(terms),
            *_minimal(terms),
            *(row_findings("", statement) if rows else ()),
            *document_findings(verified),
            *audience_findings(verified),
            *place_findings(verified),
            *_limits(terms),
        ),
        figures={
            **book_figures(terms.book),
            "leaf_index": terms.leaf.index,
            "leaf_tag": terms.leaf.tag.hex(),
            "before": terms.leaf.commitment.hex(),
            "after": terms.after.hex(),
            "top_up": terms.amount_to_json(),
            "taken_from": None if terms.taken_from is None else terms.taken_from.id,
            "source_leaf_index": None if terms.source is None else terms.source.leaf.index,
            "source_after": None if terms.source is None else terms.source.after.hex(),
            "smallest_step": None if terms.minimal is None else str(terms.minimal.step),
            "model": None if words is None else words_figures(words),
            "rows": list[Json](describe(statement)),
            "statement": statement.digest().hex(),
            "model_sha256": hashlib.sha256(terms.model).hexdigest(),
            "market_sha256": None if terms.market is None else hashlib.sha256(terms.market).hexdigest(),
            "documents_expected": documents_expected(verified),
            "audience": terms.audience,
            "audience_expected": verified.expected.audience is not None,
            "issuer_key_expected": verified.signed.key_expected if verified.signed else False,
        },
    )


def amount_words(terms: TopUpTerms) -> str:
    """How much of what is added, as far as the certificate says."""
    asset, amount = terms.asset, terms.amount
    if not isinstance(amount, HiddenAmount):
        return f"{format_amount(amount.base_units, asset.decimals)} {asset.id}"
    largest = (1 << amount.bits) - 1 if amount.limit is None else amount.limit
    return f"a hidden amount of {asset.id}, at most {format_amount(largest, asset.decimals)}"


def _was_made(check: Check, verified: VerifiedTopUp) -> bool:
    terms = verified.terms
    if check is Check.TOP_UP_AUDIENCE:
        return verified.expected.audience is not None
    if check in (Check.TOP_UP_SOURCE, Check.TOP_UP_CONSERVED, Check.TOP_UP_SOURCE_PROOF):
        return terms.source is not None
    if check is Check.TOP_UP_MINIMAL:
        return terms.minimal is not None
    signed = verified.signed
    return check.value.startswith("T") or (signed is not None and check in attestation_checks(signed))


def _verdict(terms: TopUpTerms, title: str) -> str:
    return f"The account at leaf {terms.leaf.index}, with {amount_words(terms)} more, meets {title}."


def _after(verified: VerifiedTopUp) -> list[Finding]:
    statement, words = verified.statement, model_words(verified.terms.model)
    if words is None:
        return [Finding("After the top-up", fact, Level.PROVEN) for fact in account_facts(statement)]
    return [*condition_findings("After the top-up", words, statement), *model_findings("", words, statement)]


def _amount(terms: TopUpTerms) -> list[Finding]:
    text = f"{amount_words(terms)}, and no other change of any asset"
    if terms.taken_from is not None:
        text = (
            f"{amount_words(terms)}, which the account's column {terms.taken_from.id} loses; no other change"
        )
    return [Finding("The top-up", text, Level.PROVEN)]


def _payer(terms: TopUpTerms) -> list[Finding]:
    """Where the amount comes from: the reader must not take it for new money that is there."""
    if terms.taken_from is not None:
        text = "the same account: what one column gains the other one loses"
        return [Finding("Conservation", text, Level.PROVEN)]
    if terms.source is not None:
        text = (
            f"the account at leaf {terms.source.leaf.index} loses what this one gains, in every asset, and meets the "
            "statement after it has paid"
        )
        return [Finding("Conservation", text, Level.PROVEN)]
    text = (
        "nothing shows where the amount comes from: it must leave some other account, or be new reserves; see the next "
        "sealed book and its claim about reserves"
    )
    return [Finding("Conservation", text, Level.NOT_PROVEN)]


def _minimal(terms: TopUpTerms) -> list[Finding]:
    if terms.minimal is None:
        return [
            Finding(
                "Smallest amount",
                "less might have been enough; the account may not have been short",
                Level.NOT_PROVEN,
            )
        ]
    step = format_amount(terms.minimal.step, terms.asset.decimals)
    text = (
        f"with {step} {terms.asset.id} less the account would not meet the statement: it was short before; the rows "
        "that show it tell which tiers and which sides of zero are active"
    )
    return [Finding("Smallest amount", text, Level.PROVEN)]


def _limits(terms: TopUpTerms) -> list[Finding]:
    """What nobody should read into it."""
    return [
        Finding("Exact positions", "inside the commitments", Level.HIDDEN),
        Finding(
            "Whether it happened",
            "the certificate is of an account as it would be; that the amount was booked shows in a later book only",
            Level.NOT_PROVEN,
        ),
        Finding(
            "Whose account it is",
            "the maker knows what the leaf holds: its holder, the issuer, or somebody whom they told",
            Level.NOT_PROVEN,
        ),
    ]
