"""From the public documents of a claim to its statement: the same code for prover and verifier."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.model_document import compile_model, find_definition
from circuits.modelling.definition import ModelDefinition
from circuits.public_market import PublicMarket, parse_public_market
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.assets import Asset
from primitives.errors import SealedbookError
from primitives.strict_json import JsonError

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
    try:
        return compile_model(model, assets, public_market, scope=scope)
    except JsonError as error:
        raise ClaimDocumentError(MODEL_ROLE, str(error)) from error


def read_market(market: bytes | None) -> PublicMarket | None:
    """The public market of a claim, if it has one. Raises `ClaimDocumentError`."""
    if market is None:
        return None
    try:
        return parse_public_market(market)
    except JsonError as error:
        raise ClaimDocumentError(MARKET_ROLE, str(error)) from error


def find_margin_model(model: bytes) -> ModelDefinition | None:
    """The margin model that a document defines, None if its kind is a simple one. Raises `ClaimDocumentError`."""
    try:
        return find_definition(model)
    except JsonError as error:
        raise ClaimDocumentError(MODEL_ROLE, str(error)) from error


def claim_documents(model: bytes, market: bytes | None) -> dict[str, bytes]:
    """The documents by role, as `primitives.claims.context_digest` wants them."""
    documents = {MODEL_ROLE: model}
    if market is not None:
        documents[MARKET_ROLE] = market
    return documents
