"""Checking a solvency claim: reserves cover the totals that the root's sum opens to.

    S     the root's sum, computed here from all leaves         R_a   reserves, from the public document
    T_a   total of asset a over all leaves                      n/d   the ratio claimed

S1 reserves: the document is well-formed and about assets of this book.
S2 statement: rows ``0 <= d R_a - n T_a < 2^w``, compiled here, are what is claimed.
S3 totals (where public): one total for every asset of the book.
S4 proof: hidden totals, the range argument shows that S opens to T with these rows; public totals, the sigma
   proof shows that S opens to exactly the published T.
S5 cover (where totals are public): the rows hold for the published totals, computed here.

What S4 shows concerns elements of the scalar field. That T_a is the sum of what accounts hold, unspoilt by
made-up accounts, rests on what is proven of every account: `assess_cover`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.position_guarantees import PositionGuarantee, PositionGuarantees
from circuits.solvency_statement import compile_solvency, covered_columns, find_shortages
from circuits.statement import Statement
from primitives.attestation import Attestation
from primitives.backend import Backend
from primitives.claims import SolvencyClaim
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.instance_validation import InstanceError
from primitives.parameters import POINT_BYTES, SCALAR_BYTES
from primitives.reserves import Reserves
from primitives.sigma import VerificationError as SigmaVerificationError
from primitives.sigma import verify_batchable
from primitives.solvency import TOTALS_TAG, solvency_context, solvency_instance, totals_relation
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from primitives.totals import parse_totals
from verifier.argument import ArgumentError
from verifier.argument import verify as verify_argument
from verifier.checks import Check, VerificationError
from verifier.claims import VerifiedClaim
from verifier.files import Progress, no_progress, read_attested_file
from verifier.ownership import AssetOwnership, count_ownership

_SIGMA_PROOF_BYTES = POINT_BYTES + SCALAR_BYTES


@dataclass(frozen=True)
class VerifiedSolvency:
    """A solvency claim that was verified.

    `totals` holds the public totals of every asset of the book in base units, or None where they are hidden.
    """

    claim: SolvencyClaim
    statement: Statement
    reserves: Reserves
    totals: tuple[int, ...] | None
    ownership: tuple[AssetOwnership, ...]


@dataclass(frozen=True)
class AssetCover:
    """One asset that the reserves name: its column, what is held, and what the total rests on.

    `counts_columns`: debts are outweighed, and by what has reserves, only if a column that is no coin counts, of which
    more than nothing is stated: a shortfall that a fund is to pay.
    """

    column: int
    ownership: AssetOwnership
    total: int | None
    rests_on: PositionGuarantee
    counts_columns: bool


def verify_solvency_claim(
    folder: Path,
    attestation: Attestation,
    claim: SolvencyClaim,
    root_sum: bytes,
    backend: Backend,
    *,
    progress: Progress = no_progress,
) -> VerifiedSolvency:
    """Check one claim of a bundle whose files and tree were checked; `VerificationError` names the check.

    `root_sum` is S, compressed, as computed from the leaves.
    """
    book = attestation.book
    # S1: reserves
    reserves_bytes = read_attested_file(folder, attestation, claim.reserves, maximum=MAX_JSON_BYTES)
    try:
        reserves = Reserves.parse(reserves_bytes, book.assets)
    except JsonError as error:
        raise _failed(Check.SOLVENCY_RESERVES, claim, f"{claim.reserves}: {error}") from error
    # S2: statement
    statement = compile_solvency(reserves, claim.ratio, book.assets, book.leaf_count)
    if statement.digest() != claim.statement_digest:
        detail = f"compiled {statement.digest().hex()}, claimed {claim.statement_digest.hex()}"
        raise _failed(Check.SOLVENCY_STATEMENT, claim, detail)
    # S3: totals
    totals_bytes, totals = _read_totals(folder, attestation, claim)
    # S4: proof
    context = solvency_context(claim.name, book, reserves_bytes, totals_bytes, statement.digest())
    if totals is None:
        _verify_hidden(folder, attestation, claim, statement, context, root_sum, backend)
    else:
        _verify_public(folder, attestation, claim, totals, context, root_sum, backend)
        # S5: cover
        if shortages := find_shortages(statement, reserves, claim.ratio, totals):
            raise _failed(Check.SOLVENCY_COVER, claim, shortages[0].describe())
    ownership = count_ownership(reserves, book.digest(), progress)
    return VerifiedSolvency(claim, statement, reserves, totals, ownership)


def assess_cover(solvency: VerifiedSolvency, accounts: Sequence[VerifiedClaim]) -> list[AssetCover]:
    """For each asset with reserves, in the book's order: what its total rests on.

    `accounts` are the verified claims about every account of the same book. A flag is worth nothing: that one is
    stated to be there outweighs no debt.
    """
    columns, assets = covered_columns(solvency.statement), solvency.statement.assets
    guarantees = PositionGuarantees([claim.statement for claim in accounts])
    owned = {entry.reserves.asset: entry for entry in solvency.ownership}
    words = {
        each.asset: each for claim in accounts if claim.words is not None for each in claim.words.columns
    }
    worth = [column for column in columns if not (found := words.get(assets[column].id)) or not found.is_flag]
    coins = [
        column
        for column in worth
        if assets[column].id not in words or not owned[assets[column]].reserves.total
    ]
    covers = []
    for column in columns:
        rests_on = guarantees.of(column, worth)
        by_coins = guarantees.of(column, [*coins, column])
        covers.append(
            AssetCover(
                column=column,
                ownership=owned[assets[column]],
                total=None if solvency.totals is None else solvency.totals[column],
                rests_on=rests_on,
                counts_columns=rests_on.makes_totals_count and not by_coins.makes_totals_count,
            )
        )
    return covers


def _read_totals(
    folder: Path, attestation: Attestation, claim: SolvencyClaim
) -> tuple[bytes | None, tuple[int, ...] | None]:
    if claim.totals is None:
        return None, None
    data = read_attested_file(folder, attestation, claim.totals, maximum=MAX_JSON_BYTES)
    try:
        return data, parse_totals(data, attestation.book)
    except JsonError as error:
        raise _failed(Check.SOLVENCY_TOTALS, claim, f"{claim.totals}: {error}") from error


def _verify_hidden(
    folder: Path,
    attestation: Attestation,
    claim: SolvencyClaim,
    statement: Statement,
    context: bytes,
    root_sum: bytes,
    backend: Backend,
) -> None:
    instance = solvency_instance(statement, context, root_sum)
    proof = _read_proof(folder, attestation, claim, instance.shape.proof_bytes)
    try:
        verify_argument(backend, Generators(backend), instance, proof)
    except ArgumentError as error:
        raise _failed(Check.SOLVENCY_PROOF, claim, f"{error.check}: {error.reason}") from error


def _verify_public(
    folder: Path,
    attestation: Attestation,
    claim: SolvencyClaim,
    totals: Sequence[int],
    context: bytes,
    root_sum: bytes,
    backend: Backend,
) -> None:
    proof = _read_proof(folder, attestation, claim, _SIGMA_PROOF_BYTES)
    try:
        relation = totals_relation(backend, Generators(backend), attestation.book, root_sum, totals)
        verify_batchable(relation, proof, tag=TOTALS_TAG, session=context)
    except (DecodingError, InstanceError, SigmaVerificationError) as error:
        raise _failed(Check.SOLVENCY_PROOF, claim, str(error)) from error


def _read_proof(folder: Path, attestation: Attestation, claim: SolvencyClaim, expected: int) -> bytes:
    size = attestation.file(claim.proof_name).size
    if size != expected:
        detail = f"{claim.proof_name} has {size} bytes, a proof of this statement has {expected}"
        raise _failed(Check.SOLVENCY_PROOF, claim, detail)
    return read_attested_file(folder, attestation, claim.proof_name, maximum=expected)


def _failed(check: Check, claim: SolvencyClaim, detail: str) -> VerificationError:
    return VerificationError(check, f"claim {claim.name!r}: {detail}")
