"""Model documents: format ``sealedbook/model/v1`` to a statement (docs/statements.md).

Prover and verifier both compile the public model and market with this module; the statement is never
taken from what is being checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from circuits.builder import StatementBuilder
from circuits.prices import PriceDocument
from circuits.rows import Scope
from circuits.simple_models import ModelContext, compile_object
from circuits.statement import Statement
from circuits.statement_errors import StatementError
from primitives.assets import Asset
from primitives.strict_json import Json, JsonError, JsonObject, parse_json

MODEL_FORMAT: Final = "sealedbook/model/v1"


def compile_model(
    document: bytes | Json,
    assets: Sequence[Asset],
    market: PriceDocument | None = None,
    *,
    scope: Scope = Scope.BOOK,
) -> Statement:
    """The statement that a model document makes about a book with these `assets`, at the prices of `market`.

    `document` is JSON text in UTF-8, or what `primitives.strict_json.parse_json` made of it. `scope` is the
    caller's choice: every account of a book, or one account alone.

    Raises `primitives.strict_json.JsonError` whose path names the field at fault, and
    `primitives.assets.AssetListError` if `assets` is no valid list.
    """
    value = parse_json(document) if isinstance(document, bytes) else document
    fields = JsonObject(value)
    fields.constant("format", MODEL_FORMAT)
    builder = StatementBuilder(assets, scope)
    compile_object(fields, ModelContext(builder, market.prices if market is not None else None))
    try:
        return builder.build()
    except StatementError as error:
        raise JsonError("$", f"no valid statement comes of this model: {error}") from error
