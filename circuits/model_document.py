"""Model documents: format ``sealedbook/model/v1`` to a statement (docs/statements.md).

Prover and verifier both compile the public model and market with this module; the statement is never
taken from what is being checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from circuits.builder import StatementBuilder
from circuits.modelling.definition import ModelDefinition
from circuits.modelling.errors import ModelError
from circuits.models import MODEL_DEFINITIONS
from circuits.prices import PriceDocument
from circuits.public_market import PublicMarket
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
    market: PublicMarket | None = None,
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
    definition = _margin_model(fields)
    if definition is not None:
        return _compile_definition(definition, assets, market, scope)
    builder = StatementBuilder(assets, scope)
    prices = market.prices if isinstance(market, PriceDocument) else None
    compile_object(fields, ModelContext(builder, prices))
    try:
        return builder.build()
    except StatementError as error:
        raise JsonError("$", f"no valid statement comes of this model: {error}") from error


def find_definition(document: bytes | Json) -> ModelDefinition | None:
    """The margin model of a document, None if its kind is a simple one; `JsonError` for what is at fault in it."""
    value = parse_json(document) if isinstance(document, bytes) else document
    fields = JsonObject(value)
    fields.constant("format", MODEL_FORMAT)
    return _margin_model(fields)


def read_definition(document: bytes | Json) -> ModelDefinition:
    """The margin model of a document; `JsonError` for other kinds and for what is at fault in it."""
    value = parse_json(document) if isinstance(document, bytes) else document
    definition = find_definition(value)
    if definition is None:
        raise JsonObject(value).fail("kind", f"is not one of {', '.join(MODEL_DEFINITIONS)}")
    return definition


def _margin_model(fields: JsonObject) -> ModelDefinition | None:
    """The margin model that the fields describe; None, with nothing read, if their kind is a simple one."""
    kind = fields.peek("kind")
    if not isinstance(kind, str) or kind not in MODEL_DEFINITIONS:
        return None
    definition = MODEL_DEFINITIONS[kind]
    fields.constant("kind", kind)
    fields.integer("version", minimum=definition.version, maximum=definition.version)
    made = definition.from_json(fields)
    fields.finish()
    return made


def _compile_definition(
    definition: ModelDefinition, assets: Sequence[Asset], market: PublicMarket | None, scope: Scope
) -> Statement:
    try:
        return definition.model(assets, market, scope).compile()
    except (ModelError, StatementError) as error:
        raise JsonError("$", f"no valid statement comes of this model: {error}") from error
