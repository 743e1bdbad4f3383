"""What the portfolio margin demands of an account, in plain words."""

from __future__ import annotations

from circuits.modelling.words import ModelWords, counted
from circuits.pmrm2.model_document import ModelFields
from circuits.pmrm2.rows import MarginKind, PerpHolding


def words_of(fields: ModelFields) -> ModelWords:
    """Of all margins that the model proves."""
    conditions = [_margin(fields, kind) for kind in MarginKind if kind in fields.margins]
    if fields.holding is PerpHolding.HELD:
        conditions.append(f"holds or owes some {fields.perp}")
    elif fields.holding is PerpHolding.NONE:
        conditions.append(f"holds and owes no {fields.perp}")
    conditions.append("owes no collateral, and nothing in assets outside the margin")
    conservative = ["assets outside the margin count nothing"]
    if fields.holding is PerpHolding.NONE and fields.unsettled is not None:
        conservative.append(f"{fields.unsettled} counts nothing, as no perpetual is held")
    conservative.append(
        f"rounding: prices and charges to the nearest 10^-{fields.numbers.scale} of the quote currency per base unit, "
        "the worst loss against the account"
    )
    return ModelWords(
        f"PMRM 2, scenario portfolio margin of options and perpetuals on {fields.underlying}",
        tuple(conditions),
        tuple(conservative),
    )


def _margin(fields: ModelFields, kind: MarginKind) -> str:
    counting = sum(scenario.dampening > 0.0 for scenario in fields.parameters.scenarios)
    factors = fields.parameters.loss_factors
    if kind is MarginKind.MAINTENANCE:
        factor = f"{factors.maintenance_factor:g}"
        contingencies = "perpetuals, short options and collateral"
    else:
        factor = f"{factors.initial_factor:g}"
        contingencies = "perpetuals, short options, collateral and uncertain price feeds"
        if fields.parameters.other.peg_factor:
            factor += " (more while the cash asset is below its peg)"
    return (
        f"{kind.value} margin: net value, less {factor} times the worst of {counted(counting, 'scenario')} and the "
        f"basis moves, less contingencies for {contingencies}, is not negative"
    )
