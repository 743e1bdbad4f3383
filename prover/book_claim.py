"""Proving limits on the sum of all accounts of a sealed book.

1. Compile the statement from model and market, exactly as a verifier will.
2. Add up the book. If the totals break a limit, stop: nothing is written but a private report.
3. Prove by a range argument about the root's sum (U = 1) that it opens to totals that satisfy the statement.
4. Put documents and proof into a copy of the bundle, sign it, and exchange it with the old one.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from circuits.book_statement import BookStatement, Breach, book_bits, compile_book, find_breaches
from primitives.attestation import Attestation, SealedBook
from primitives.backend import Backend
from primitives.book_claim import book_context, book_instance
from primitives.claims import BOOK_KIND, BookClaim, check_claim_name
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.market_signatures import MARKET_SIGNATURES_NAME, MarketSignatures
from prover.argument import ArgumentProver, ProofRandomness, TotalsWitness
from prover.book_totals import BookTotals, sum_book
from prover.errors import ProverError, PublicationWriteError
from prover.issuer import Issuer
from prover.progress import Progress, no_progress
from prover.prove_book import (
    MARKET_NAME,
    document_name,
    only_run,
    publish_claim,
    read_attestation,
    without_claim,
)
from prover.vault import VaultBook

BOOK_MODEL_NAME: Final = "book-model.json"


class BookOutOfLimitsError(ProverError):
    """The sum of all accounts breaks limits, so nothing was proven or written. Private: `breaches` tell of totals."""

    def __init__(self, breaches: tuple[Breach, ...]) -> None:
        self.breaches = breaches
        lines = [f"the book is beyond {len(breaches):,} of its limits; nothing was written."]
        super().__init__("\n".join([*lines, *(f"  {breach.describe()}" for breach in breaches)]))


@dataclass(frozen=True)
class BookClaimProof:
    """What was proven: the claim, its statement, and the length of the proof."""

    claim: BookClaim
    compiled: BookStatement
    proof_bytes: int


def prove_book_claim(
    bundle: Path,
    book: VaultBook,
    issuer: Issuer,
    backend: Backend,
    *,
    model: bytes,
    market: bytes,
    signatures: bytes | None = None,
    name: str = BOOK_KIND,
    progress: Progress = no_progress,
) -> BookClaimProof:
    """Prove that the sum of all accounts of the bundle's book satisfies `model` at `market`.

    Both become public, and so do `signatures` of sources over exactly these bytes of the market; totals do not. A
    claim of the same `name` is replaced, other claims stay.

    Raises `BookOutOfLimitsError`, `circuits.claim_statement.ClaimDocumentError`, `PublicationError`, `ProverError`. The
    bundle changes in one step at the very end or not at all.
    """
    check_claim_name(name)
    _check_signatures(market, signatures)
    with only_run(book):
        attestation = without_claim(read_attestation(bundle, book.book, issuer), name)
        compiled = compile_book(model, market, book.book.assets, book.book.leaf_count)
        summed = sum_book(book, backend, Generators(backend), progress)
        if breaches := find_breaches(compiled, summed.totals):
            raise BookOutOfLimitsError(tuple(breaches))
        context = book_context(name, book.book, model, market, compiled.statement.digest())
        proof = make_book_proof(book.book, compiled, summed, context, backend)
        progress("Proving", 1, 1)
        claim, documents = _claim_and_documents(attestation, name, compiled, model, market, signatures)
        _publish(bundle, book, attestation, claim, documents, proof, issuer)
        return BookClaimProof(claim, compiled, len(proof))


def make_book_proof(
    book: SealedBook,
    compiled: BookStatement,
    summed: BookTotals,
    context: bytes,
    backend: Backend,
    *,
    randomness: ProofRandomness | None = None,
) -> bytes:
    """The proof alone: that the root's sum opens to totals that satisfy the statement.

    `randomness` is for test vectors only.
    """
    witness = TotalsWitness(
        backend=backend,
        positions=backend.scalars_from_ints(summed.totals),
        bits=book_bits(compiled, summed.totals),
        leaf_blindings=backend.scalars_from_ints([summed.blinding]),
    )
    prover = ArgumentProver(backend, get_kernels(backend), Generators(backend))
    return prover.prove(book_instance(compiled.statement, context, book.root.sum), witness, randomness)


def _check_signatures(market: bytes, signatures: bytes | None) -> None:
    """A bundle with a signature that does not hold would be refused by everybody (check M2)."""
    if signatures is None:
        return
    try:
        MarketSignatures.parse(signatures).verify(market)
    except DecodingError as error:
        raise ProverError(f"the market's signatures: {error}") from error


def _claim_and_documents(
    attestation: Attestation,
    name: str,
    compiled: BookStatement,
    model: bytes,
    market: bytes,
    signatures: bytes | None,
) -> tuple[BookClaim, dict[str, bytes]]:
    """The claim, and its documents by the names that they get in the bundle."""
    model_name = document_name(attestation, BOOK_MODEL_NAME, model, name)
    market_name = document_name(attestation, MARKET_NAME, market, name)
    documents = {model_name: model, market_name: market}
    signatures_name = None
    if signatures is not None:
        signatures_name = document_name(attestation, MARKET_SIGNATURES_NAME, signatures, name)
        documents[signatures_name] = signatures
    return BookClaim(name, model_name, market_name, compiled.statement.digest(), signatures_name), documents


def _publish(
    bundle: Path,
    book: VaultBook,
    attestation: Attestation,
    claim: BookClaim,
    documents: dict[str, bytes],
    proof: bytes,
    issuer: Issuer,
) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=book.folder, prefix=".book-claim-") as work:
            path = Path(work) / "proof.narg"
            path.write_bytes(proof)
            publish_claim(bundle, attestation, claim, documents, {claim.proof_name: path}, issuer)
    except OSError as error:
        raise PublicationWriteError(f"cannot write {bundle}: {error.strerror or error}") from error
