"""Proving that reserves cover the totals of a sealed book.

1. Read the reserves, and compile the statement from them and the ratio, exactly as a verifier will.
2. Add up the book. If the reserves do not cover it, stop: nothing is written but a private report.
3. Prove: hidden totals by a range argument about the root's sum (U = 1), public totals by a sigma proof that
   the root's sum opens to them.
4. Put documents and proof into a copy of the bundle, sign it, and exchange it with the old one.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from circuits.solvency_statement import Shortage, compile_solvency, find_shortages, totals_bits
from circuits.statement import Statement
from primitives.attestation import Attestation, SealedBook
from primitives.backend import Backend
from primitives.claims import SOLVENCY_KIND, SolvencyClaim, check_claim_name
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.ratio import ONE, Ratio
from primitives.reserves import Reserves
from primitives.sigma import NonceSource, fresh_nonces, prove_batchable
from primitives.solvency import TOTALS_TAG, solvency_context, solvency_instance, totals_relation
from primitives.strict_json import JsonError
from primitives.totals import totals_document
from prover.argument import ArgumentProver, ProofRandomness, TotalsWitness
from prover.book_totals import BookTotals, sum_book
from prover.errors import ProverError, PublicationWriteError
from prover.issuer import Issuer
from prover.progress import Progress, no_progress
from prover.prove_book import document_name, only_run, publish_claim, read_attestation, without_claim
from prover.vault import VaultBook

RESERVES_NAME: Final = "reserves.json"
TOTALS_NAME: Final = "totals.json"


class ReservesDocumentError(ProverError):
    """The reserves document is malformed, or does not fit the book."""


class InsufficientReservesError(ProverError):
    """Reserves do not cover the totals, so nothing was proven or written. Private: `shortages` tells totals."""

    def __init__(self, shortages: tuple[Shortage, ...]) -> None:
        self.shortages = shortages
        lines = [f"reserves do not cover {len(shortages):,} asset(s); nothing was written."]
        super().__init__("\n".join([*lines, *(f"  {shortage.describe()}" for shortage in shortages)]))


@dataclass(frozen=True)
class SolvencyRandomness:
    """Where the randomness of a proof comes from; anything but the default is for test vectors."""

    argument: ProofRandomness | None = None
    nonces: NonceSource = fresh_nonces


@dataclass(frozen=True)
class SolvencyProof:
    """What was proven: the claim, its statement, the reserves, and the length of the proof."""

    claim: SolvencyClaim
    statement: Statement
    reserves: Reserves
    proof_bytes: int


def prove_solvency(
    bundle: Path,
    book: VaultBook,
    issuer: Issuer,
    backend: Backend,
    *,
    reserves: bytes,
    publish_totals: bool = False,
    ratio: Ratio = ONE,
    name: str = SOLVENCY_KIND,
    progress: Progress = no_progress,
) -> SolvencyProof:
    """Prove that `reserves` (the document's bytes) are at least `ratio` times the totals of the book.

    With `publish_totals` the totals of **all** assets of the book become public; else nothing of them does. A
    claim of the same `name` is replaced, other claims stay.

    Raises `InsufficientReservesError`, `ReservesDocumentError`, `PublicationError`, `ProverError`. The bundle
    changes in one step at the very end or not at all.
    """
    with only_run(book):
        return _prove_alone(bundle, book, issuer, backend, reserves, publish_totals, ratio, name, progress)


def _prove_alone(
    bundle: Path,
    book: VaultBook,
    issuer: Issuer,
    backend: Backend,
    reserves: bytes,
    publish_totals: bool,  # noqa: FBT001 (handed on by the only caller)
    ratio: Ratio,
    name: str,
    progress: Progress,
) -> SolvencyProof:
    check_claim_name(name)
    attestation = without_claim(read_attestation(bundle, book.book, issuer), name)
    assets = book.book.assets
    try:
        parsed = Reserves.parse(reserves, assets)
    except JsonError as error:
        raise ReservesDocumentError(f"reserves: {error}") from error
    statement = compile_solvency(parsed, ratio, assets, book.book.leaf_count)
    summed = sum_book(book, backend, Generators(backend), progress)
    if shortages := find_shortages(statement, parsed, ratio, summed.totals):
        raise InsufficientReservesError(tuple(shortages))
    totals = totals_document(book.book, summed.totals) if publish_totals else None
    context = solvency_context(name, book.book, reserves, totals, statement.digest())
    proof = make_proof(book.book, statement, summed, context, backend, public=publish_totals)
    progress("Proving", 1, 1)
    claim, documents = _claim_and_documents(attestation, name, ratio, statement, reserves, totals)
    _publish(bundle, book, attestation, claim, documents, proof, issuer)
    return SolvencyProof(claim, statement, parsed, len(proof))


def _claim_and_documents(
    attestation: Attestation,
    name: str,
    ratio: Ratio,
    statement: Statement,
    reserves: bytes,
    totals: bytes | None,
) -> tuple[SolvencyClaim, dict[str, bytes]]:
    """The claim, and its documents by the names that they get in the bundle."""
    reserves_name = document_name(attestation, RESERVES_NAME, reserves, name)
    documents = {reserves_name: reserves}
    totals_name = None
    if totals is not None:
        totals_name = document_name(attestation, TOTALS_NAME, totals, name)
        documents[totals_name] = totals
    return SolvencyClaim(name, reserves_name, totals_name, ratio, statement.digest()), documents


def make_proof(
    book: SealedBook,
    statement: Statement,
    summed: BookTotals,
    context: bytes,
    backend: Backend,
    *,
    public: bool,
    randomness: SolvencyRandomness | None = None,
) -> bytes:
    """The proof alone: that the root's sum opens to totals that satisfy `statement`, or to `summed` in public."""
    chosen = randomness or SolvencyRandomness()
    generators = Generators(backend)
    if public:
        relation = totals_relation(backend, generators, book, book.root.sum, summed.totals)
        return prove_batchable(
            relation, [summed.blinding], tag=TOTALS_TAG, session=context, nonces=chosen.nonces
        )
    witness = TotalsWitness(
        backend=backend,
        positions=backend.scalars_from_ints(summed.totals),
        bits=totals_bits(statement, summed.totals),
        leaf_blindings=backend.scalars_from_ints([summed.blinding]),
    )
    prover = ArgumentProver(backend, get_kernels(backend), generators)
    return prover.prove(solvency_instance(statement, context, book.root.sum), witness, chosen.argument)


def _publish(
    bundle: Path,
    book: VaultBook,
    attestation: Attestation,
    claim: SolvencyClaim,
    documents: dict[str, bytes],
    proof: bytes,
    issuer: Issuer,
) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=book.folder, prefix=".solvency-") as work:
            path = Path(work) / "proof.narg"
            path.write_bytes(proof)
            publish_claim(bundle, attestation, claim, documents, {claim.proof_name: path}, issuer)
    except OSError as error:
        raise PublicationWriteError(f"cannot write {bundle}: {error.strerror or error}") from error
