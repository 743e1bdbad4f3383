"""Proving a statement about every leaf of a sealed book.

1. Compile the statement from the public model and market, exactly as a verifier will.
2. Evaluate it for every account, padding included. If one fails, stop: nothing is written but a private report.
3. Prove batch by batch (`primitives.claims.BatchPlan`). Batches depend on each other in nothing, so they run in
   threads; each finished proof is put into the vault at once, whole.
4. Put documents and proofs into a copy of the bundle, sign it, and exchange it with the old one.

A run that is killed is taken up where it was: finished proofs are used as they are, the others are made with
fresh randomness. A proof that was under way when the run died was seen by nobody, so no randomness ever serves
two transcripts that anybody sees (DESIGN 4.7).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from circuits.assignment import NotSatisfiedError, RowAssigner
from circuits.claim_statement import claim_documents, compile_claim
from circuits.positions import PositionBatch
from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape
from primitives.attestation import ATTESTATION_NAME, Attestation, BundleFile, SealedBook
from primitives.backend import Backend
from primitives.claims import (
    ACCOUNTS_KIND,
    ACCOUNTS_SESSION,
    MAX_BATCHES,
    PROOF_FOLDER,
    AccountsClaim,
    BatchPlan,
    Claim,
    check_claim_name,
    context_digest,
)
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.market_signatures import MARKET_SIGNATURES_NAME, MarketSignatures
from primitives.strict_json import JsonError
from prover.argument import ArgumentProver, ArgumentWitness
from prover.bundle import describe_file, is_bundle, write_attestation
from prover.errors import ProverError, PublicationWriteError
from prover.failure_terms import FailureExplainer, FailureTerms
from prover.issuer import Issuer
from prover.progress import Progress, no_progress
from prover.publication import publish_folder
from prover.vault import VaultBook

LISTED_FAILURES: Final = 20
MODEL_NAME: Final = "model.json"
MARKET_NAME: Final = "market.json"
WORK_NAME: Final = "proving"
_EVALUATED_AT_ONCE: Final = 1 << 13


@dataclass(frozen=True)
class Failure:
    """One account that does not satisfy the statement: for the operator only, kept out of the repr."""

    account: str = field(repr=False)
    row: str = field(repr=False)
    value: int = field(repr=False)
    shortfall: int = field(repr=False)
    """How far the value is below zero (0 if it is not)."""
    excess: int = field(repr=False)
    """How far it is above the largest that the row allows (0 if it is not)."""
    terms: FailureTerms | None = field(default=None, repr=False)
    """The same in the terms of a margin model: units of the quote currency, equity, requirement."""

    def describe(self) -> str:
        """One line: which account, which row, how short."""
        if self.terms is not None:
            return f"account {self.account!r}: {self.row}: {self.terms.describe()}"
        short = f"short by {self.shortfall:,}" if self.shortfall else f"above its bound by {self.excess:,}"
        return f"account {self.account!r}: {self.row}: {self.value:,} ({short})"


class StatementFailsError(ProverError):
    """Accounts do not satisfy the statement, so nothing was proven or written.

    `failures` holds the first of them, `count` is how many there are; `claim` is the name of the claim where
    several are made at once. Private: names accounts.
    """

    def __init__(self, failures: tuple[Failure, ...], count: int, claim: str | None = None) -> None:
        self.failures = failures
        self.count = count
        self.claim = claim
        where = "" if claim is None else f"claim {claim!r}: "
        lines = [f"{where}{count:,} account(s) do not satisfy the statement; nothing was written."]
        lines += [f"  {failure.describe()}" for failure in failures]
        if count > len(failures):
            lines.append(f"  … and {count - len(failures):,} more.")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class BookProof:
    """What was proven: the claim, its statement and how many proofs were taken over from an earlier run."""

    claim: AccountsClaim
    statement: Statement
    proof_bytes: int
    resumed: int


@dataclass(frozen=True)
class ClaimJob:
    """One claim to be proven: everything that its batches have in common."""

    book: VaultBook
    statement: Statement
    plan: BatchPlan
    shape: ArgumentShape
    context: bytes
    backend: Backend
    assigner: RowAssigner

    @staticmethod
    def prepare(
        book: VaultBook, backend: Backend, *, name: str, model: bytes, market: bytes | None
    ) -> ClaimJob:
        """Compile the statement; raises `ProverError`, `circuits.claim_statement.ClaimDocumentError`."""
        check_claim_name(name)
        statement = compile_claim(model, market, book.book.assets)
        plan = BatchPlan.for_statement(statement, book.book.leaf_count)
        if plan.count > MAX_BATCHES:
            raise ProverError(f"{plan.count} batches are more than {MAX_BATCHES}")
        context = context_digest(
            ACCOUNTS_KIND, name, book.book.digest(), claim_documents(model, market), statement.digest()
        )
        shape = plan.shape(statement)
        return ClaimJob(book, statement, plan, shape, context, backend, RowAssigner(statement, backend))

    @property
    def work(self) -> Path:
        """Where finished proofs wait for the others."""
        return self.book.folder / WORK_NAME / self.context.hex()

    def proof_files(self, claim: AccountsClaim) -> dict[str, Path]:
        """The proofs, by the names that they have in the bundle."""
        return {claim.proof_name(batch): self.work / _batch_name(batch) for batch in range(self.plan.count)}

    @property
    def proof_bytes(self) -> int:
        """The length of all proofs together."""
        return self.plan.count * self.shape.proof_bytes

    def instance(self, batch: int) -> ArgumentInstance:
        """What the proof of one batch is about."""
        start = batch * self.plan.size
        return ArgumentInstance(
            statement=self.statement,
            shape=self.shape,
            session=ACCOUNTS_SESSION,
            context_digest=self.context,
            batch_index=batch,
            leaf_commitments=self.book.leaf_commitments(start, start + self.plan.size),
        )

    def positions(self, start: int, stop: int) -> PositionBatch:
        """What the leaves ``start <= u < stop`` hold."""
        rows = self.book.rows(start, stop)
        return PositionBatch(rows.row_offsets, rows.columns, rows.amounts)

    def witness(self, batch: int) -> ArgumentWitness:
        """Positions, bits and blindings of one batch."""
        start, stop = batch * self.plan.size, (batch + 1) * self.plan.size
        positions = self.positions(start, stop)
        return ArgumentWitness(
            positions=positions,
            bits=self.assigner.assign(positions),
            leaf_blindings=self.book.leaf_blindings(self.backend, start, stop),
        )


def prove_book(
    bundle: Path,
    book: VaultBook,
    issuer: Issuer,
    backend: Backend,
    *,
    model: bytes,
    market: bytes | None,
    signatures: bytes | None = None,
    name: str = ACCOUNTS_KIND,
    workers: int | None = None,
    progress: Progress = no_progress,
) -> BookProof:
    """Prove that every leaf of the bundle's book satisfies `model` at the prices of `market`.

    `model` and `market` are the documents' bytes and become public, and so do `signatures` of sources over exactly
    these bytes of the market (`primitives.market_signatures`). A claim of the same `name` is replaced,
    other claims stay. `workers` is the number of batches under way at once (default: one per core).

    Raises `StatementFailsError` with the accounts at fault, `circuits.claim_statement.ClaimDocumentError`,
    `PublicationError`, `ProverError`. The bundle changes in one step at the very end or not at all.
    """
    with only_run(book):
        return _prove_alone(bundle, book, issuer, backend, model, market, signatures, name, workers, progress)


def _prove_alone(
    bundle: Path,
    book: VaultBook,
    issuer: Issuer,
    backend: Backend,
    model: bytes,
    market: bytes | None,
    signatures: bytes | None,
    name: str,
    workers: int | None,
    progress: Progress,
) -> BookProof:
    check_signatures(market, signatures)
    attestation = read_attestation(bundle, book.book, issuer)
    job = ClaimJob.prepare(book, backend, name=name, model=model, market=market)
    check_every_account(job, FailureExplainer(model, market, job.statement), progress)
    claim = AccountsClaim(
        name=name,
        model=document_name(attestation, MODEL_NAME, model, name),
        market=None if market is None else document_name(attestation, MARKET_NAME, market, name),
        statement_digest=job.statement.digest(),
        batches=job.plan.count,
        signatures=_signatures_name(attestation, signatures, name),
    )
    resumed = prove_batches(job, workers or os.cpu_count() or 1, progress)
    documents = {claim.model: model}
    for place, data in ((claim.market, market), (claim.signatures, signatures)):
        if place is not None and data is not None:
            documents[place] = data
    publish_claim(bundle, attestation, claim, documents, job.proof_files(claim), issuer)
    shutil.rmtree(job.work, ignore_errors=True)
    return BookProof(claim, job.statement, job.proof_bytes, resumed)


def check_signatures(market: bytes | None, signatures: bytes | None) -> None:
    """A bundle with a signature that does not hold would be refused by everybody (check M2)."""
    if signatures is None:
        return
    if market is None:
        raise ProverError("there are signatures of a market, and no market")
    try:
        MarketSignatures.parse(signatures).verify(market)
    except DecodingError as error:
        raise ProverError(f"the market's signatures: {error}") from error


def _signatures_name(attestation: Attestation, signatures: bytes | None, name: str) -> str | None:
    if signatures is None:
        return None
    # Those of the claim that is replaced leave the bundle: their name is free.
    return document_name(without_claim(attestation, name), MARKET_SIGNATURES_NAME, signatures, name)


def read_attestation(bundle: Path, book: SealedBook | None, issuer: Issuer) -> Attestation:
    """The bundle's attestation, if it is this issuer's and about this book (any, if None)."""
    try:
        attestation = Attestation.parse((bundle / ATTESTATION_NAME).read_bytes())
    except (OSError, JsonError) as error:
        raise ProverError(f"{bundle} is not a bundle: {error}") from error
    if book is not None and attestation.book != book:
        raise ProverError(f"{bundle} holds another book than the vault's")
    if attestation.book.public_key != issuer.public_key:
        raise ProverError(f"{bundle} was sealed with another issuer key than the vault's")
    return attestation


def check_every_account(
    job: ClaimJob, explainer: FailureExplainer, progress: Progress, claim: str | None = None
) -> None:
    """Evaluate the statement for all leaves; `StatementFailsError` names who fails, and `claim` if it is given."""
    failures: list[Failure] = []
    count = 0
    leaves = job.plan.leaf_count
    step = min(_EVALUATED_AT_ONCE, job.plan.size)
    for start in range(0, leaves, step):
        positions = job.positions(start, start + step)
        try:
            job.assigner.assign(positions)
        except NotSatisfiedError as error:
            count += len(error.violations)
            for violation in error.violations[: LISTED_FAILURES - len(failures)]:
                account = job.book.account_at(start + violation.account) or "(padding)"
                place = violation.account
                terms = explainer.explain(violation, positions.accounts(place, place + 1))
                amounts = violation.value, violation.shortfall, violation.excess
                failures.append(Failure(account, violation.label, *amounts, terms))
        progress("Evaluating the statement", start + step, leaves)
    if count:
        raise StatementFailsError(tuple(failures), count, claim)


def prove_batches(job: ClaimJob, workers: int, progress: Progress) -> int:
    """Put the proofs that are not there yet into ``job.work``; returns how many were."""
    work = job.work
    try:
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PublicationWriteError(f"cannot write {work}: {error.strerror}") from error
    missing = [batch for batch in range(job.plan.count) if not _is_finished(job, work, batch)]
    done = resumed = job.plan.count - len(missing)
    progress("Proving", done * job.plan.size, job.plan.leaf_count)
    prover = ArgumentProver(job.backend, get_kernels(job.backend), Generators(job.backend))
    for _ in _in_threads(job, prover, work, missing, workers):
        done += 1
        progress("Proving", done * job.plan.size, job.plan.leaf_count)
    return resumed


def _in_threads(
    job: ClaimJob, prover: ArgumentProver, work: Path, batches: list[int], workers: int
) -> Iterator[None]:
    """Prove `batches`, at most `workers` at once; the first failure stops the rest."""

    def prove_one(batch: int) -> None:
        _store_proof(work / _batch_name(batch), prover.prove(job.instance(batch), job.witness(batch)))

    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(prove_one, batch) for batch in batches]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _batch_name(batch: int) -> str:
    return f"{batch:06d}.narg"


def _is_finished(job: ClaimJob, work: Path, batch: int) -> bool:
    path = work / _batch_name(batch)
    return path.is_file() and path.stat().st_size == job.shape.proof_bytes


def _store_proof(path: Path, proof: bytes) -> None:
    """Whole or not at all, and on the disk before anything counts on it."""
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            file.write(proof)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise PublicationWriteError(f"cannot write {path}: {error.strerror}") from error


@contextlib.contextmanager
def only_run(book: VaultBook) -> Iterator[None]:
    """Hold the lock of a book while a claim about it is made: claims of two runs would overwrite each other.

    `ProverError` if another run holds it; the lock goes with the process, however it ends.
    """
    work = book.folder / WORK_NAME
    try:
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(work, os.O_RDONLY)
    except OSError as error:
        raise PublicationWriteError(f"cannot write {work}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ProverError("another run is proving claims about this book; wait for it, or stop it") from error
    finally:
        os.close(handle)


def document_name(attestation: Attestation, preferred: str, data: bytes, claim_name: str) -> str:
    """The name under which a document stands in the bundle: the preferred one if it is free or the same."""
    digest = hashlib.sha256(data).digest()
    for entry in attestation.files:
        if entry.name == preferred and entry.sha256 != digest:
            stem, _, suffix = preferred.rpartition(".")
            return f"{stem}-{claim_name}.{suffix}"
    return preferred


def without_claim(attestation: Attestation, name: str) -> Attestation:
    """The attestation without the claim of this name and the files that nothing else needs then."""
    claims = tuple(claim for claim in attestation.claims if claim.name != name)
    needed = {file for claim in claims for file in claim.file_names}
    dropped = [claim for claim in attestation.claims if claim.name == name]
    proofs = {file for claim in dropped for file in claim.file_names if file.startswith(PROOF_FOLDER)}
    obsolete = (proofs | {file for claim in dropped for file in claim.own_documents}) - needed
    files = tuple(entry for entry in attestation.files if entry.name not in obsolete)
    return Attestation(attestation.book, files, claims)


@dataclass(frozen=True)
class NewClaim:
    """A claim with its documents, by the names that they have in the bundle, and its proofs, by where they are."""

    claim: Claim
    documents: dict[str, bytes]
    proofs: dict[str, Path]


def publish_claim(
    bundle: Path,
    attestation: Attestation,
    claim: Claim,
    documents: dict[str, bytes],
    proofs: dict[str, Path],
    issuer: Issuer,
) -> Attestation:
    """Put a claim into the bundle, in one step; a claim of the same name goes, others stay."""
    others = without_claim(attestation, claim.name)
    return publish_claims(bundle, others, [NewClaim(claim, documents, proofs)], issuer)


def publish_claims(
    bundle: Path, others: Attestation, added: Sequence[NewClaim], issuer: Issuer
) -> Attestation:
    """Put claims into the bundle, all in one step; of what is there now, what `others` names stays."""
    documents = {name: data for new in added for name, data in new.documents.items()}
    proofs = {name: source for new in added for name, source in new.proofs.items()}
    kept = [entry for entry in others.files if entry.name not in documents.keys() | proofs.keys()]
    with publish_folder(bundle, replaceable=is_bundle) as folder:
        for entry in kept:
            _take_over(bundle, folder, entry)
        for name, data in documents.items():
            (folder / name).write_bytes(data)
        (folder / PROOF_FOLDER).mkdir(exist_ok=True)
        for name, source in proofs.items():
            shutil.copyfile(source, folder / name)
        files = [*kept, *(describe_file(folder, name) for name in (*documents, *proofs))]
        claims = [*others.claims, *(new.claim for new in added)]
        return write_attestation(folder, others.book, files, claims, issuer)


def _take_over(bundle: Path, folder: Path, entry: BundleFile) -> None:
    """Bring an unchanged file into the new folder, and make sure that it is what was attested."""
    target = folder / entry.name
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(bundle / entry.name, target)
    if describe_file(folder, entry.name) != entry:
        raise ProverError(f"{bundle / entry.name} is not the file that was attested; seal the book again")
