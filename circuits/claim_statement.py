"""From the public documents of a claim to its statement: the same code for prover and verifier."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from circuits.model_document import compile_model, find_definition
from circuits.modelling.definition import ModelDefinition
from circuits.modelling.words import ModelWords
from circuits.public_market import PublicMarket, parse_public_market
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.assets import Asset
from primitives.errors import SealedbookError

MODEL_ROLE = "model"
MARKET_ROLE = "market"


class ClaimDocumentError(SealedbookError):
    """A model or market document does not make a statement about this book; says which and why."""

    def __init__(self, role: str, reason: str) -> None:
        self.role = role
        self.reason = reason
        super().__init__(f"{role}: {reason}")


def compile_claim(
    model: bytes, market: bytes | None, assets: Sequence[Asset], *, scope: Scope = Scope.BOOK
) -> Statement:
    """The statement that `model` makes about a book with `assets`, at the prices of `market`.

    `scope` says whether it must hold for every account of a book (zero accounts included) or for one alone.
    Raises `ClaimDocumentError`.
    """
    public_market = read_market(market)
    with faults_of(MODEL_ROLE):
        return compile_model(model, assets, public_market, scope=scope)


def read_market(market: bytes | None) -> PublicMarket | None:
    """The public market of a claim, if it has one. Raises `ClaimDocumentError`."""
    with faults_of(MARKET_ROLE):
        return None if market is None else parse_public_market(market)


def find_margin_model(model: bytes) -> ModelDefinition | None:
    """The margin model that a document defines, None if its kind is a simple one. Raises `ClaimDocumentError`."""
    with faults_of(MODEL_ROLE):
        return find_definition(model)


def model_words(model: bytes) -> ModelWords | None:
    """What a margin model demands, in plain words; None for simple kinds, whose rows are plain enough.

    Raises `ClaimDocumentError`.
    """
    definition = find_margin_model(model)
    return None if definition is None else definition.words()


@contextlib.contextmanager
def faults_of(role: str) -> Iterator[None]:
    """What cannot be computed from a document is the document's fault: it all follows from public text.

    Numbers that no arithmetic can hold (overflow, division by zero, too many digits) are among it, so that a
    verifier refuses them by name, and does not fail itself.
    """
    try:
        yield
    except SealedbookError as error:
        raise ClaimDocumentError(role, str(error)) from error
    except ArithmeticError as error:
        reason = f"$: its numbers cannot be computed with ({type(error).__name__})"
        raise ClaimDocumentError(role, reason) from error


def claim_documents(model: bytes, market: bytes | None) -> dict[str, bytes]:
    """The documents by role, as `primitives.claims.context_digest` wants them."""
    documents = {MODEL_ROLE: model}
    if market is not None:
        documents[MARKET_ROLE] = market
    return documents
