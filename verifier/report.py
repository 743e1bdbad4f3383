"""The reports on bundles and openings (see `verifier.findings` for what a report is)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from circuits.describe import describe
from circuits.integrality import is_range_of_one_position, loose_positions
from circuits.plain_words import used_assets
from circuits.statement import Statement
from primitives.amounts_text import format_amount
from primitives.assets import Asset
from primitives.attestation import SealedBook, format_time
from primitives.strict_json import Json
from verifier.attestation import SignedAttestation
from verifier.book_report import BookReport, book_checks
from verifier.bundle import VerifiedBundle
from verifier.checks import Check
from verifier.findings import REPORT_FORMAT, Finding, Level, Report
from verifier.market_report import ValuedClaim, market_checks, market_figures, market_findings
from verifier.model_findings import condition_findings, model_figures, model_findings, row_findings
from verifier.opening import VerifiedOpening
from verifier.solvency_report import SolvencyReport, solvency_checks
from verifier.update_report import UPDATE_CHECKS, update_figures, update_findings

__all__ = [
    "REPORT_FORMAT",
    "Finding",
    "Level",
    "Report",
    "attestation_checks",
    "book_figures",
    "bundle_report",
    "issuer_findings",
    "opening_report",
]

_SHOWN_ROWS: Final = 6


def _was_asked(check: Check, verified: VerifiedBundle) -> bool:
    """Two checks of a bundle are made only for those who state what they expect."""
    if check is Check.BUNDLE_ISSUER:
        return verified.signed.key_expected
    return check is not Check.BUNDLE_CLAIMS or bool(verified.required)


def bundle_report(verified: VerifiedBundle, *, rows: bool = False) -> Report:
    """The report on a verified bundle; with `rows`, every row of the claims' statements as a formula."""
    signed, book = verified.signed, verified.attestation.book
    solvency = [SolvencyReport(book, claim, verified.claims) for claim in verified.solvency]
    statements = [claim.statement for claim in verified.claims]
    books = [BookReport(claim, statements, _signed_level(signed)) for claim in verified.books]
    valued: tuple[ValuedClaim, ...] = (*verified.claims, *verified.books)
    findings = [
        *issuer_findings(book, signed),
        Finding("Leaves", f"{book.leaf_count:,} sealed accounts, padding included", Level.RECOMPUTED),
        Finding("Root", f"{verified.root.hash.hex()}, from every leaf", Level.RECOMPUTED),
        Finding(
            "Completeness of totals",
            "the root's sum is the sum of all leaves, none left out",
            Level.RECOMPUTED,
        ),
        *update_findings(book, verified.update, _signed_level(signed)),
        Finding("Assets", _names(book.assets), _signed_level(signed)),
        Finding("Number of real accounts", "at most the number of leaves", Level.HIDDEN),
        Finding(_what_is_hidden(verified), "inside the commitments", Level.HIDDEN),
        *_claim_findings(verified, rows=rows),
        *(finding for each in books for finding in each.findings),
        *market_findings(valued),
        *(finding for report in solvency for finding in report.findings),
    ]
    if not solvency:
        text = "no proof of it is in this bundle"
        findings.append(Finding("Reserves cover the totals", text, Level.NOT_PROVEN))
    return Report(
        kind="bundle",
        verdict=" ".join(
            [
                "The bundle is whole: its leaves make up the attested root, and the attestation is signed.",
                *_claims_verdict(verified),
                *(report.verdict for report in books),
                *(report.verdict for report in solvency),
            ]
        ),
        checks=tuple(
            check
            for check in Check
            if (check.value.startswith("B") and _was_asked(check, verified))
            or (check.value.startswith("C") and verified.claims)
            or check in (*market_checks(valued), *solvency_checks(verified.solvency))
            or check in book_checks(verified.books)
            or (check in UPDATE_CHECKS and verified.update is not None)
        ),
        findings=tuple(findings),
        figures={
            **book_figures(book),
            "attestation_digest": signed.digest.hex(),
            **({} if book.predecessor is None else {"predecessor": update_figures(book, verified.update)}),
            "claims": [
                {
                    "name": claim.claim.name,
                    "statement": claim.statement.digest().hex(),
                    **model_figures(claim.words, claim.statement),
                    "proofs": claim.batches,
                    "documents_expected": claim.documents_expected,
                    "integral": not loose_positions(claim.statement.rows, claim.statement.auxiliaries),
                }
                for claim in verified.claims
            ],
            "markets": market_figures(valued),
            "solvency": [report.figures for report in solvency],
            "books": [report.figures for report in books],
            "issuer_key_expected": signed.key_expected,
        },
    )


def _what_is_hidden(verified: VerifiedBundle) -> str:
    public = any(claim.totals is not None for claim in verified.solvency)
    return "Positions" if public else "Positions and totals"


def _claims_verdict(verified: VerifiedBundle) -> list[str]:
    if not verified.claims:
        return []
    if any(loose_positions(claim.statement.rows, claim.statement.auxiliaries) for claim in verified.claims):
        return [
            "Not all that it claims about every account is proven: read the lines that are not yet proven."
        ]
    return ["What it claims about every account is proven."]


def _claim_findings(verified: VerifiedBundle, *, rows: bool) -> list[Finding]:
    """What is proven about every account, in the words of the statements compiled here."""
    if not verified.claims:
        text = "no proof about them is in this bundle, not even that none is negative"
        return [Finding("Accounts", text, Level.NOT_PROVEN)]
    findings = []
    for claim in verified.claims:
        name = f" ({claim.claim.name})"
        if claim.words is None:
            findings += _statement_findings(claim.claim.name, claim.statement)
        else:
            findings += condition_findings(f"Every account{name}", claim.words, claim.statement)
            findings += model_findings(name, claim.words, claim.statement)
        if rows:
            findings += row_findings(name, claim.statement)
        if claim.documents_expected:
            text, level = "the model and prices that you gave", Level.RECOMPUTED
        else:
            text = "model and prices of the bundle: read them, or insist on yours with --model and --market"
            level = _signed_level(verified.signed)
        findings.append(Finding(f"Model of {claim.claim.name!r}", text, level))
    used = {asset for claim in verified.claims for asset in used_assets(claim.statement)}
    others = [asset for asset in verified.attestation.book.assets if asset not in used]
    if others:
        text = f"{_names(others)}: no claim speaks of them; an account may hold or owe any amount"
        findings.append(Finding("Other assets", text, Level.NOT_PROVEN))
    return findings


def _statement_findings(name: str, statement: Statement) -> list[Finding]:
    """The rows, apart those that rest on positions which need not be integers (`circuits.integrality`).

    Such a row is proven modulo the group order, which one account can satisfy whatever it owes: a fraction of
    another asset makes up for it.
    """
    loose = set(loose_positions(statement.rows, statement.auxiliaries))
    resting = [
        not is_range_of_one_position(row) and any(asset in loose for asset, _ in row.positions)
        for row in statement.rows
    ]
    resting += [False] * len(statement.auxiliaries)
    lines = list(zip(describe(statement), resting, strict=True))
    sound, unsound = ([line for line, rests in lines if rests is wanted] for wanted in (False, True))
    findings = [Finding(f"Every account ({name})", _rows(sound), Level.PROVEN)] if sound else []
    if unsound:
        names = _names([statement.assets[asset] for asset in sorted(loose)])
        text = f"{_rows(unsound)}: modulo the group order only, because no row makes {names} whole numbers"
        findings.append(Finding(f"Each single account ({name})", text, Level.NOT_PROVEN))
    return findings


def _rows(lines: Sequence[str]) -> str:
    rest = f"; and {len(lines) - _SHOWN_ROWS:,} more" if len(lines) > _SHOWN_ROWS else ""
    return "; ".join(lines[:_SHOWN_ROWS]) + rest


def opening_report(verified: VerifiedOpening) -> Report:
    """The report on a verified opening: private, for its holder."""
    opening, signed = verified.opening, verified.signed
    book = opening.book
    in_bundle = signed is not None
    findings = [
        Finding("Account", f"{opening.account!r}, bound into leaf {opening.leaf_index}", Level.RECOMPUTED),
        *(
            Finding(
                position.asset.id, format_amount(position.amount, position.asset.decimals), Level.RECOMPUTED
            )
            for position in opening.positions
        ),
    ]
    if not opening.positions:
        findings.append(Finding("Positions", "none: this account is empty", Level.RECOMPUTED))
    findings.append(Finding("Included", f"in the sum under root {book.root.hash.hex()}", Level.RECOMPUTED))
    findings += _opening_issuer_findings(verified)
    findings += [
        Finding("Other accounts", "their commitments only", Level.HIDDEN),
        Finding("No account is negative", "inclusion alone does not show it", Level.NOT_PROVEN),
    ]
    return Report(
        kind="opening",
        verdict="This account, with exactly these positions, is in the sealed book.",
        checks=tuple(
            check
            for check in Check
            if (check.value.startswith("O") and (in_bundle or check is not Check.OPENING_LEAF))
            or (signed is not None and check in attestation_checks(signed))
        ),
        findings=tuple(findings),
        figures={
            **book_figures(book),
            "account": opening.account,
            "leaf_index": opening.leaf_index,
            "positions": [
                {
                    "asset": position.asset.id,
                    "amount": str(position.amount),
                    "decimals": position.asset.decimals,
                }
                for position in opening.positions
            ],
            "issuer_key_expected": signed.key_expected if signed else False,
        },
    )


def attestation_checks(signed: SignedAttestation) -> Sequence[Check]:
    """What was checked of an attestation without its files."""
    checks = [Check.BUNDLE_FILES, Check.BUNDLE_ATTESTATION, Check.BUNDLE_SIGNATURE]
    return [*checks, Check.BUNDLE_ISSUER] if signed.key_expected else checks


def _opening_issuer_findings(verified: VerifiedOpening) -> list[Finding]:
    book = verified.opening.book
    if verified.signed is not None:
        return issuer_findings(book, verified.signed)
    level = Level.RECOMPUTED if verified.book_bound else Level.CLAIMED
    why = (
        "part of the book digest that you gave" if verified.book_bound else "the root hash does not cover it"
    )
    return [
        Finding("Issuer", f"{book.issuer} ({why})", level),
        Finding("As of", f"{format_time(book.as_of)} ({why})", level),
    ]


def _signed_level(signed: SignedAttestation) -> Level:
    return Level.SIGNED if signed.key_expected else Level.CLAIMED


def issuer_findings(book: SealedBook, signed: SignedAttestation) -> list[Finding]:
    """Who signed, and as of when."""
    key = book.public_key.hex()
    if signed.key_expected:
        text = f"{book.issuer}, by the key you gave ({key})"
    else:
        text = f"{book.issuer}, by the key {key} found in the bundle: compare it, or give --issuer-key"
    return [
        Finding("Issuer", text, _signed_level(signed)),
        Finding("As of", format_time(book.as_of), _signed_level(signed)),
    ]


def _names(assets: Sequence[Asset], shown: int = 12) -> str:
    listed = ", ".join(asset.id for asset in assets[:shown])
    return listed if len(assets) <= shown else f"{listed} and {len(assets) - shown} more"


def book_figures(book: SealedBook) -> dict[str, Json]:
    """What names a book, for programs."""
    return {
        "book_digest": book.digest().hex(),
        "root_hash": book.root.hash.hex(),
        "root_sum": book.root.sum.hex(),
        "leaf_count": book.leaf_count,
        "issuer": book.issuer,
        "issuer_key": book.public_key.hex(),
        "as_of": format_time(book.as_of),
        "assets": len(book.assets),
    }
