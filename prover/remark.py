"""Marking claims to a new market: the same model about the same sealed book, at other prices.

Commitments, leaves and root stay; only statement and proofs follow the market. What `prover.prove_book` does for one
claim is done here for several at once, and they are published in one step:

1. Read model and old market of each claim from the bundle, and compile the statement with the new market.
2. Evaluate all of them for every account. If one fails, stop: nothing is written but a private report.
3. Prove, with fresh randomness for every proof. A run that was killed goes on where it was.
4. Exchange the bundle with one in which the new claims have taken the places of the old ones.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from circuits.claim_statement import read_market
from circuits.public_market import time_of
from primitives.attestation import Attestation, format_time
from primitives.backend import Backend
from primitives.claims import AccountsClaim
from primitives.market_signatures import MARKET_SIGNATURES_NAME
from prover.errors import ProverError
from prover.failure_terms import FailureExplainer
from prover.issuer import Issuer
from prover.progress import Progress, no_progress
from prover.prove_book import (
    BookProof,
    ClaimJob,
    NewClaim,
    check_every_account,
    check_signatures,
    document_name,
    only_run,
    prove_batches,
    publish_claims,
    read_attestation,
    without_claim,
)
from prover.vault import VaultBook


def remark_claims(
    bundle: Path,
    book: VaultBook,
    issuer: Issuer,
    backend: Backend,
    *,
    market: bytes,
    signatures: bytes | None = None,
    names: Collection[str] = (),
    allow_older: bool = False,
    workers: int | None = None,
    progress: Progress = no_progress,
) -> tuple[BookProof, ...]:
    """Prove the bundle's claims about every account anew at the prices of `market`, each with its own model.

    `names` chooses claims; without any, all that have a market are marked anew. `market` and `signatures` are as in
    `prover.prove_book.prove_book`. A market that speaks of an earlier time than the one it replaces is refused unless
    `allow_older`; so is one that speaks of no time where the other does.

    Raises `prover.prove_book.StatementFailsError` with the accounts at fault,
    `circuits.claim_statement.ClaimDocumentError`, `ProverError`. All claims change in one step, or none does.
    """
    with only_run(book):
        check_signatures(market, signatures)
        attestation = read_attestation(bundle, book.book, issuer)
        chosen = _choose_claims(attestation, names)
        for claim in chosen:
            if not allow_older:
                _refuse_older(bundle, attestation, claim, market)
        jobs = [_prepare(bundle, attestation, claim, book, backend, market) for claim in chosen]
        for claim, (job, explainer) in zip(chosen, jobs, strict=True):
            check_every_account(job, explainer, progress, claim.name)
        others = _without(attestation, chosen)
        claims = [
            _marked(others, claim, job, market, signatures)
            for claim, (job, _) in zip(chosen, jobs, strict=True)
        ]
        resumed = [prove_batches(job, workers or os.cpu_count() or 1, progress) for job, _ in jobs]
        added = [
            NewClaim(claim, _documents(claim, market, signatures), job.proof_files(claim))
            for claim, (job, _) in zip(claims, jobs, strict=True)
        ]
        publish_claims(bundle, others, added, issuer)
        for job, _ in jobs:
            shutil.rmtree(job.work, ignore_errors=True)
    return tuple(
        BookProof(claim, job.statement, job.proof_bytes, count)
        for claim, (job, _), count in zip(claims, jobs, resumed, strict=True)
    )


def _choose_claims(attestation: Attestation, names: Collection[str]) -> list[AccountsClaim]:
    """The claims to mark anew; `ProverError` where a name is none of a claim that has a market."""
    claims = {claim.name: claim for claim in attestation.claims if isinstance(claim, AccountsClaim)}
    for name in names:
        if name not in claims:
            raise ProverError(f"the bundle has no claim {name[:50]!r} about every account")
        if claims[name].market is None:
            raise ProverError(f"claim {name!r} was made without a market: there is nothing to mark anew")
    chosen = [
        claim for claim in claims.values() if claim.market is not None and (not names or claim.name in names)
    ]
    if not chosen:
        raise ProverError("the bundle has no claim about every account that was made with a market")
    return chosen


def _refuse_older(bundle: Path, attestation: Attestation, claim: AccountsClaim, market: bytes) -> None:
    """`ProverError` if `market` speaks of an earlier time than the market of `claim`."""
    old = read_market(_read_document(bundle, attestation, claim.market))
    new = read_market(market)
    before = None if old is None else time_of(old)
    after = None if new is None else time_of(new)
    if before is None or (after is not None and after >= before):
        return
    moment = "of no stated time" if after is None else f"of {format_time(after)}"
    raise ProverError(
        f"claim {claim.name!r} was made with a market of {format_time(before)}, this one is {moment}: "
        "give a later one, or allow an older one expressly (--allow-older)"
    )


def _read_document(bundle: Path, attestation: Attestation, name: str | None) -> bytes | None:
    """A document of the bundle, as attested."""
    if name is None:
        return None
    try:
        data = (bundle / name).read_bytes()
    except OSError as error:
        raise ProverError(f"{bundle / name}: {error.strerror}") from error
    if hashlib.sha256(data).digest() != attestation.file(name).sha256:
        raise ProverError(f"{bundle / name} is not the file that was attested; seal the book again")
    return data


def _prepare(
    bundle: Path,
    attestation: Attestation,
    claim: AccountsClaim,
    book: VaultBook,
    backend: Backend,
    market: bytes,
) -> tuple[ClaimJob, FailureExplainer]:
    model = _read_document(bundle, attestation, claim.model) or b""
    job = ClaimJob.prepare(book, backend, name=claim.name, model=model, market=market)
    return job, FailureExplainer(model, market, job.statement)


def _without(attestation: Attestation, chosen: list[AccountsClaim]) -> Attestation:
    """The attestation without these claims, their proofs and signatures, and markets that no other claim needs."""
    others = attestation
    for claim in chosen:
        others = without_claim(others, claim.name)
    needed = {name for claim in others.claims for name in claim.file_names}
    replaced = {claim.market for claim in chosen} - needed
    files = tuple(entry for entry in others.files if entry.name not in replaced)
    return Attestation(others.book, files, others.claims)


def _marked(
    others: Attestation, old: AccountsClaim, job: ClaimJob, market: bytes, signatures: bytes | None
) -> AccountsClaim:
    """The claim that takes the place of `old`, its market under the same name unless another claim keeps that."""
    return AccountsClaim(
        name=old.name,
        model=old.model,
        market=document_name(others, old.market or "", market, old.name),
        statement_digest=job.statement.digest(),
        batches=job.plan.count,
        signatures=None
        if signatures is None
        else document_name(others, MARKET_SIGNATURES_NAME, signatures, old.name),
    )


def _documents(claim: AccountsClaim, market: bytes, signatures: bytes | None) -> dict[str, bytes]:
    documents = {}
    for place, data in ((claim.market, market), (claim.signatures, signatures)):
        if place is not None and data is not None:
            documents[place] = data
    return documents
