"""Checking a claim about every account: the statement compiled anew, every batch proven.

Nothing of the statement is taken from the attestation: model and market are compiled here, and the plan of
batches, all shapes and lengths follow from the result and from the number of leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, overload

from circuits.claim_statement import ClaimDocumentError, claim_documents, compile_claim, model_words
from circuits.document_prices import inline_prices
from circuits.integrality import is_range_of_one_position
from circuits.modelling.words import ModelWords
from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape, ArgumentShapeError
from primitives.attestation import LEAVES_NAME, Attestation
from primitives.backend import Backend
from primitives.claims import ACCOUNTS_KIND, ACCOUNTS_SESSION, AccountsClaim, BatchPlan, context_digest
from primitives.generators import Generators
from primitives.parameters import LEAF_BYTES
from primitives.strict_json import MAX_JSON_BYTES
from primitives.sum_tree import split_leaves
from verifier.argument import ArgumentClaim, ArgumentError, ArgumentVerifier
from verifier.checks import Check, VerificationError
from verifier.files import Progress, compare_digest, no_progress, read_attested_file, read_range
from verifier.market_checks import (
    MAX_SIGNATURES_BYTES,
    NO_POLICY,
    MarketPolicy,
    VerifiedMarket,
    verify_market,
)

_PROOF_LIMIT: Final = 1 << 31


@dataclass(frozen=True)
class ExpectedDocuments:
    """Model and market that the caller insists on; None accepts what the bundle has.

    With `others`, every claim must have been made with one of the models, and one of the markets, given in all.
    """

    model: bytes | None = None
    market: bytes | None = None
    others: tuple[ExpectedDocuments, ...] = ()


@dataclass(frozen=True)
class VerifiedClaim:
    """A claim that was verified: the statement compiled here, and whose documents it was made from.

    `market` is what was found of its market document, None if it has none. `words` say what the model demands, if
    it is a margin model.
    """

    claim: AccountsClaim
    statement: Statement
    batches: int
    documents_expected: bool
    market: VerifiedMarket | None = None
    words: ModelWords | None = None

    @property
    def weighs_positions(self) -> bool:
        """Whether the statement says more than in which interval each position lies by itself.

        Only then anything of it can depend on a market.
        """
        return weighs_positions(self.statement)


def verify_accounts_claim(
    folder: Path,
    attestation: Attestation,
    claim: AccountsClaim,
    backend: Backend,
    *,
    expected: ExpectedDocuments,
    market_policy: MarketPolicy = NO_POLICY,
    progress: Progress = no_progress,
) -> VerifiedClaim:
    """Check one claim of a bundle whose files were checked; `VerificationError` names the check."""
    # C1: documents
    model = read_attested_file(folder, attestation, claim.model, maximum=MAX_JSON_BYTES)
    market = None
    if claim.market is not None:
        market = read_attested_file(folder, attestation, claim.market, maximum=MAX_JSON_BYTES)
    _compare_documents(claim, model, market, expected)
    try:
        statement = compile_claim(model, market, attestation.book.assets)
        words = model_words(model)
    except ClaimDocumentError as error:
        raise VerificationError(Check.CLAIM_DOCUMENTS, f"claim {claim.name!r}: {error}") from error
    # M1 to M5: the market
    verified_market = _verify_market(folder, attestation, claim, model, market, statement, market_policy)
    # C2: statement
    if statement.digest() != claim.statement_digest:
        raise VerificationError(
            Check.CLAIM_STATEMENT,
            f"claim {claim.name!r}: compiled {statement.digest().hex()}, "
            f"claimed {claim.statement_digest.hex()}",
        )
    # C3: proof files
    plan, shape = _plan(claim, statement, attestation)
    # C4: proofs
    context = context_digest(
        ACCOUNTS_KIND,
        claim.name,
        attestation.book.digest(),
        claim_documents(model, market),
        statement.digest(),
    )
    batches = _Batches(folder, attestation, claim, statement, plan, shape, context, progress)
    try:
        ArgumentVerifier(backend, Generators(backend)).verify_all(batches)
    except ArgumentError as error:
        where = claim.name if error.proof is None else claim.proof_name(error.proof)
        raise VerificationError(Check.CLAIM_PROOFS, f"{where}: {error.check}: {error.reason}") from error
    batches.check_leaves()
    whole = expected.model is not None and (market is None or expected.market is not None)
    return VerifiedClaim(claim, statement, plan.count, whole, market=verified_market, words=words)


def weighs_positions(statement: Statement) -> bool:
    """Whether some row does more than bound one position by itself."""
    return not all(is_range_of_one_position(row) for row in statement.rows)


def _verify_market(
    folder: Path,
    attestation: Attestation,
    claim: AccountsClaim,
    model: bytes,
    market: bytes | None,
    statement: Statement,
    policy: MarketPolicy,
) -> VerifiedMarket | None:
    """M1 to M5. Conditions on the market must not be evaded by prices that stand in the model instead."""
    subject = f"claim {claim.name!r}"
    if policy.is_condition and weighs_positions(statement):
        if inline_prices(model):
            raise VerificationError(
                Check.MARKET_DOCUMENT,
                f"{subject}: prices stand in its model, where your conditions on the market do not reach",
            )
        if market is None:
            raise VerificationError(
                Check.MARKET_DOCUMENT, f"{subject}: has no market for your conditions to be about"
            )
    if market is None:
        return None
    signatures = None
    if claim.signatures is not None:
        signatures = read_attested_file(folder, attestation, claim.signatures, maximum=MAX_SIGNATURES_BYTES)
    return verify_market(market, signatures, policy, moment=attestation.book.as_of, subject=subject)


def _compare_documents(
    claim: AccountsClaim, model: bytes, market: bytes | None, expected: ExpectedDocuments
) -> None:
    insisted = (expected, *expected.others)
    for role, found, wanted in (
        ("model", model, [each.model for each in insisted if each.model is not None]),
        ("market", market, [each.market for each in insisted if each.market is not None]),
    ):
        if wanted and found not in wanted:
            raise VerificationError(
                Check.CLAIM_DOCUMENTS, f"claim {claim.name!r} was made with another {role} than yours"
            )


def _plan(
    claim: AccountsClaim, statement: Statement, attestation: Attestation
) -> tuple[BatchPlan, ArgumentShape]:
    try:
        plan = BatchPlan.for_statement(statement, attestation.book.leaf_count)
        shape = plan.shape(statement)
    except ArgumentShapeError as error:
        raise VerificationError(Check.CLAIM_STATEMENT, f"claim {claim.name!r}: {error}") from error
    if claim.batches != plan.count:
        raise VerificationError(
            Check.CLAIM_PROOF_FILES,
            f"claim {claim.name!r} has {claim.batches} proofs, {plan.count} batches make up all leaves",
        )
    for batch in range(plan.count):
        size = attestation.file(claim.proof_name(batch)).size
        if size != shape.proof_bytes:
            raise VerificationError(
                Check.CLAIM_PROOF_FILES,
                f"{claim.proof_name(batch)} has {size} bytes, a proof of this shape has {shape.proof_bytes}",
            )
    return plan, shape


class _Batches(Sequence[ArgumentClaim]):
    """Instance and proof of each batch, read when it is asked for, so that memory stays bounded."""

    def __init__(
        self,
        folder: Path,
        attestation: Attestation,
        claim: AccountsClaim,
        statement: Statement,
        plan: BatchPlan,
        shape: ArgumentShape,
        context: bytes,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._attestation = attestation
        self._claim = claim
        self._statement = statement
        self._plan = plan
        self._shape = shape
        self._context = context
        self._progress = progress
        self._leaves_digest = hashlib.sha256()
        self._leaves_read = 0

    def __len__(self) -> int:
        return self._plan.count

    @overload
    def __getitem__(self, index: int) -> ArgumentClaim: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ArgumentClaim]: ...
    def __getitem__(self, index: int | slice) -> ArgumentClaim | Sequence[ArgumentClaim]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        size = self._plan.size
        leaves = read_range(self._folder, LEAVES_NAME, index * size * LEAF_BYTES, size * LEAF_BYTES)
        if index == self._leaves_read:
            self._leaves_digest.update(leaves)
            self._leaves_read += 1
        proof = read_attested_file(
            self._folder, self._attestation, self._claim.proof_name(index), maximum=_PROOF_LIMIT
        )
        instance = ArgumentInstance(
            statement=self._statement,
            shape=self._shape,
            session=ACCOUNTS_SESSION,
            context_digest=self._context,
            batch_index=index,
            leaf_commitments=split_leaves(leaves)[1],
        )
        self._progress(f"Checking proofs of {self._claim.name!r}", (index + 1) * size, self._plan.leaf_count)
        return ArgumentClaim(instance, proof)

    def check_leaves(self) -> None:
        """The leaves that the proofs were checked for are the attested ones, all of them."""
        if self._leaves_read != len(self):
            raise VerificationError(Check.CLAIM_PROOF_FILES, "not every batch was read")
        compare_digest(self._attestation.file(LEAVES_NAME), self._leaves_digest.digest())
