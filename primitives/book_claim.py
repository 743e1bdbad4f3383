"""What the proof of a claim about the whole book is about (docs/protocol.md, section 14).

A range argument with U = 1: the root's sum S, as the one commitment, opens to totals T that satisfy the statement. The
context digest binds book, claim name, model, market and statement.
"""

from __future__ import annotations

from typing import Final

from primitives.argument_instance import ArgumentInstance, StatementForm
from primitives.argument_parameters import certificate_profile
from primitives.attestation import SealedBook
from primitives.claims import BOOK_KIND, BOOK_SESSION, context_digest

MODEL_ROLE: Final = "model"
MARKET_ROLE: Final = "market"


def book_context(name: str, book: SealedBook, model: bytes, market: bytes, statement_digest: bytes) -> bytes:
    """The context digest of a claim about the whole book; `model` and `market` are the documents' bytes."""
    documents = {MODEL_ROLE: model, MARKET_ROLE: market}
    return context_digest(BOOK_KIND, name, book.digest(), documents, statement_digest)


def book_instance(statement: StatementForm, context: bytes, root_sum: bytes) -> ArgumentInstance:
    """The range argument's instance; `root_sum` is S, compressed."""
    return ArgumentInstance(
        statement=statement,
        shape=certificate_profile(statement),
        session=BOOK_SESSION,
        context_digest=context,
        batch_index=0,
        leaf_commitments=root_sum,
    )
