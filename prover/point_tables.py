"""Integer tables of the points of a model of kind ``survives``, for its document.

Prices of options are floats before they are integers, and floats differ in their last bits between machines. Rows are
compiled from published integers, which whoever verifies computes again, within one unit (docs/market.md, section 4).
"""

from __future__ import annotations

from typing import cast

from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, find_margin_model, read_market
from circuits.modelling.errors import ModelError
from circuits.wrappers.survives import Survives
from primitives.assets import AssetList
from primitives.strict_json import Json, canonical_json, parse_json


def with_point_tables(model: bytes, market: bytes | None, assets: AssetList) -> tuple[bytes, int]:
    """The document in canonical form with the tables of all its points, and how many these are.

    Tables that it has already are kept. Raises `ClaimDocumentError`.
    """
    definition = find_margin_model(model)
    if not isinstance(definition, Survives):
        raise ClaimDocumentError(MODEL_ROLE, f"is not of kind {Survives.kind!r}")
    try:
        tables = definition.tables(assets.assets, read_market(market))
    except ModelError as error:
        raise ClaimDocumentError(MODEL_ROLE, str(error)) from error
    document = cast(dict[str, Json], parse_json(model))
    document["published"] = tables
    return canonical_json(document), len(cast(list[Json], tables))
