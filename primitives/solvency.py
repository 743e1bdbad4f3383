"""What the proof of a solvency claim is about: the same for prover and verifier (docs/protocol.md, Solvency).

    hidden totals   range argument, U = 1: the root's sum S, as the one commitment, opens to totals T that
                    satisfy the solvency statement
    public totals   sigma proof: S - sum_a T_a G_a = P H for a P that the prover knows; the statement is then
                    evaluated in the clear

Both absorb the context digest, which binds book, claim name, reserves, totals and statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from primitives.argument_instance import ArgumentInstance, StatementForm
from primitives.argument_parameters import certificate_profile
from primitives.attestation import SealedBook
from primitives.backend import Backend
from primitives.claims import SOLVENCY_KIND, SOLVENCY_SESSION, TOTALS_APPLICATION, context_digest
from primitives.generators import Generators
from primitives.linear_relation import LinearRelation
from primitives.pedersen_relations import public_opening
from primitives.sigma import BATCHABLE_MARKER, sigma_tag

TOTALS_TAG: Final = sigma_tag(TOTALS_APPLICATION, BATCHABLE_MARKER)
RESERVES_ROLE: Final = "reserves"
TOTALS_ROLE: Final = "totals"


def solvency_context(
    name: str, book: SealedBook, reserves: bytes, totals: bytes | None, statement_digest: bytes
) -> bytes:
    """The context digest of a solvency claim; `reserves` and `totals` are the documents' bytes."""
    documents = {RESERVES_ROLE: reserves}
    if totals is not None:
        documents[TOTALS_ROLE] = totals
    return context_digest(SOLVENCY_KIND, name, book.digest(), documents, statement_digest)


def solvency_instance(statement: StatementForm, context: bytes, root_sum: bytes) -> ArgumentInstance:
    """The range argument's instance for hidden totals; `root_sum` is S, compressed."""
    return ArgumentInstance(
        statement=statement,
        shape=certificate_profile(statement),
        session=SOLVENCY_SESSION,
        context_digest=context,
        batch_index=0,
        leaf_commitments=root_sum,
    )


def totals_relation(
    backend: Backend, generators: Generators, book: SealedBook, root_sum: bytes, totals: Sequence[int]
) -> LinearRelation:
    """The relation for public totals, one for each asset of the book; `root_sum` is S, compressed.

    Raises `primitives.errors.DecodingError` and `primitives.instance_validation.InstanceError`.
    """
    return public_opening(
        backend,
        generators=generators.assets(book.assets),
        blinding_generator=generators.blinding(),
        commitment=backend.points_from_compressed(root_sum),
        amounts=totals,
    )
