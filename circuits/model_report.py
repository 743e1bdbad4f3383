"""What a model document comes to for a book: its demands in formulas, its rows, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from circuits.claim_statement import (
    MODEL_ROLE,
    ClaimDocumentError,
    compile_claim,
    find_margin_model,
    read_market,
)
from circuits.describe import describe
from circuits.modelling.errors import ModelError
from circuits.modelling.explanation import Explanation, explain, explain_statement
from circuits.modelling.words import ModelWords
from circuits.statement import Statement
from circuits.statement_errors import StatementError
from primitives.assets import AssetList
from primitives.strict_json import JsonObject, parse_json


@dataclass(frozen=True)
class ModelReport:
    """A compiled model.

    `constraints` are pairs (label, formula), `words` its conditions in plain words: of margin models only. Simple kinds
    are rows and nothing else.
    """

    kind: str
    statement: Statement
    explanation: Explanation
    constraints: tuple[tuple[str, str], ...]
    words: ModelWords | None = None

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """One formula per row, then one per auxiliary variable."""
        return tuple(describe(self.statement))


def report_model(model: bytes, market: bytes | None, assets: AssetList) -> ModelReport:
    """Compile `model` for a book with these `assets`, at the prices of `market`, and say what came of it.

    Raises `circuits.claim_statement.ClaimDocumentError`.
    """
    definition = find_margin_model(model)
    if definition is None:
        statement = compile_claim(model, market, assets.assets)
        kind = JsonObject(parse_json(model)).text("kind")
        return ModelReport(kind, statement, explain_statement(statement), ())
    try:
        made = definition.model(assets.assets, read_market(market))
        statement = made.compile()
    except (ModelError, StatementError) as error:
        raise ClaimDocumentError(MODEL_ROLE, f"no valid statement comes of this model: {error}") from error
    constraints = tuple((each.label, str(each.constraint)) for each in made.requirements)
    return ModelReport(definition.kind, statement, explain(made), constraints, definition.words())
