"""The model document of a target: the margin model with a multiple of its requirement.

    {"kind": "capital-adequacy", "margin": the model, "numerator", "denominator"}

It is what a top-up is certified under, and what plans are checked with: the statement that it compiles to is the judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from circuits.assignment import NotSatisfiedError, RowAssigner
from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, compile_claim, find_margin_model
from circuits.model_document import MODEL_FORMAT
from circuits.positions import Int64Array
from circuits.rows import Scope
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.strict_json import Json, canonical_json, parse_json
from prover.rebalancing.margin_function import batch_of


def target_document(model: bytes, multiple: Fraction) -> bytes:
    """Canonical JSON. Raises `ClaimDocumentError` where `model` is no margin model, or cannot be wrapped."""
    if find_margin_model(model) is None:
        raise ClaimDocumentError(MODEL_ROLE, "is no margin model: it has no equity and no requirement")
    inner = parse_json(model)
    if not isinstance(inner, dict):  # pragma: no cover (a margin model is an object)
        raise ClaimDocumentError(MODEL_ROLE, "is no object")
    document: dict[str, Json] = {
        "format": MODEL_FORMAT,
        "kind": "capital-adequacy",
        "version": 1,
        "margin": {name: value for name, value in inner.items() if name != "format"},
        "numerator": multiple.numerator,
        "denominator": multiple.denominator,
    }
    data = canonical_json(document) + b"\n"
    find_margin_model(data)
    return data


def failing_rows(
    document: bytes, market: bytes | None, assets: Sequence[Asset], table: Int64Array, backend: Backend
) -> dict[int, str]:
    """The first row of the compiled statement that an account fails, by its line in `table`; none where it holds.

    Raises `ClaimDocumentError`.
    """
    statement = compile_claim(document, market, assets, scope=Scope.ACCOUNT)
    try:
        RowAssigner(statement, backend).assign(batch_of(table))
    except NotSatisfiedError as error:
        return {violation.account: violation.label for violation in error.violations}
    return {}
