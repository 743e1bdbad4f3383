"""Checking a claim about the whole book: limits on the totals that the root's sum opens to.

    S     the root's sum, computed here from all leaves
    T_a   sum over all leaves of the position in asset a

W1 documents: model and market are those that the caller insists on, and compile to a statement about totals.
M1 to M5: the market, by the caller's conditions (`verifier.market_checks`).
W2 statement: what is compiled here is what is claimed.
W3 proof: of exact length, and the range argument shows that S opens to T that satisfy the statement.

The statement makes every T_a that it uses an integer (`circuits.book_statement`). That it is the sum of whole
amounts of single accounts rests on what is proven of every account: `verifier.book_report`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from circuits.book_statement import BookStatement, compile_book, is_book_model
from circuits.claim_statement import ClaimDocumentError
from circuits.modelling.words import ModelWords
from primitives.attestation import Attestation
from primitives.backend import Backend
from primitives.book_claim import book_context, book_instance
from primitives.claims import BookClaim
from primitives.generators import Generators
from primitives.strict_json import MAX_JSON_BYTES
from verifier.argument import ArgumentError
from verifier.argument import verify as verify_argument
from verifier.checks import Check, VerificationError
from verifier.claims import ExpectedDocuments
from verifier.files import Progress, no_progress, read_attested_file
from verifier.market_checks import (
    MAX_SIGNATURES_BYTES,
    NO_POLICY,
    MarketPolicy,
    VerifiedMarket,
    verify_market,
)


@dataclass(frozen=True)
class InsistedDocuments:
    """What the caller insists on, told apart: models of whole books, and all else; markets are meant for both."""

    accounts: ExpectedDocuments
    book_models: tuple[bytes, ...]
    markets: tuple[bytes, ...]

    @classmethod
    def of(cls, expected: ExpectedDocuments) -> InsistedDocuments:
        """A model that cannot be read counts as one of accounts: no claim was made with it."""
        every = (expected, *expected.others)
        models = [each.model for each in every if each.model is not None]
        markets = [each.market for each in every if each.market is not None]
        book_models = [model for model in models if _is_book_model(model)]
        others = [model for model in models if model not in book_models]
        if not book_models:
            return cls(expected, (), tuple(markets))
        longest = max(len(others), len(markets), 1)
        pairs = [
            ExpectedDocuments(
                others[i] if i < len(others) else None, markets[i] if i < len(markets) else None
            )
            for i in range(longest)
        ]
        accounts = ExpectedDocuments(pairs[0].model, pairs[0].market, tuple(pairs[1:]))
        return cls(accounts, tuple(book_models), tuple(markets))

    @property
    def demands_accounts(self) -> bool:
        """Whether there must be a claim about every account."""
        if self.book_models:
            return any(each.model is not None for each in (self.accounts, *self.accounts.others))
        return self.accounts != ExpectedDocuments()


@dataclass(frozen=True)
class VerifiedBookClaim:
    """A claim about the whole book that was verified, with the statement compiled here."""

    claim: BookClaim
    compiled: BookStatement
    words: ModelWords
    documents_expected: bool
    market: VerifiedMarket

    @property
    def weighs_positions(self) -> bool:
        """Its rows are made of figures of the market."""
        return True


def verify_book_claim(
    folder: Path,
    attestation: Attestation,
    claim: BookClaim,
    root_sum: bytes,
    backend: Backend,
    *,
    insisted: InsistedDocuments,
    market_policy: MarketPolicy = NO_POLICY,
    progress: Progress = no_progress,
) -> VerifiedBookClaim:
    """Check one claim of a bundle whose files and tree were checked; `VerificationError` names the check.

    `root_sum` is S, compressed, as computed from the leaves.
    """
    book = attestation.book
    # W1: documents
    model = read_attested_file(folder, attestation, claim.model, maximum=MAX_JSON_BYTES)
    market = read_attested_file(folder, attestation, claim.market, maximum=MAX_JSON_BYTES)
    for role, found, wanted in (
        ("model", model, insisted.book_models),
        ("market", market, insisted.markets),
    ):
        if wanted and found not in wanted:
            raise _failed(Check.BOOK_DOCUMENTS, claim, f"was made with another {role} than yours")
    try:
        compiled = compile_book(model, market, book.assets, book.leaf_count)
    except ClaimDocumentError as error:
        raise _failed(Check.BOOK_DOCUMENTS, claim, str(error)) from error
    # M1 to M5: the market
    signatures = None
    if claim.signatures is not None:
        signatures = read_attested_file(folder, attestation, claim.signatures, maximum=MAX_SIGNATURES_BYTES)
    verified_market = verify_market(
        market, signatures, market_policy, moment=book.as_of, subject=f"claim {claim.name!r}"
    )
    # W2: statement
    statement = compiled.statement
    if statement.digest() != claim.statement_digest:
        detail = f"compiled {statement.digest().hex()}, claimed {claim.statement_digest.hex()}"
        raise _failed(Check.BOOK_STATEMENT, claim, detail)
    # W3: proof
    context = book_context(claim.name, book, model, market, statement.digest())
    instance = book_instance(statement, context, root_sum)
    expected, size = instance.shape.proof_bytes, attestation.file(claim.proof_name).size
    if size != expected:
        detail = f"{claim.proof_name} has {size} bytes, a proof of this statement has {expected}"
        raise _failed(Check.BOOK_PROOF, claim, detail)
    proof = read_attested_file(folder, attestation, claim.proof_name, maximum=expected)
    try:
        verify_argument(backend, Generators(backend), instance, proof)
    except ArgumentError as error:
        raise _failed(Check.BOOK_PROOF, claim, f"{error.check}: {error.reason}") from error
    progress(f"Checking the proof of {claim.name!r}", 1, 1)
    whole = bool(insisted.book_models and insisted.markets)
    return VerifiedBookClaim(claim, compiled, compiled.definition.words(), whole, verified_market)


def _is_book_model(model: bytes) -> bool:
    try:
        return is_book_model(model)
    except ClaimDocumentError:
        return False


def _failed(check: Check, claim: BookClaim, detail: str) -> VerificationError:
    return VerificationError(check, f"claim {claim.name!r}: {detail}")
