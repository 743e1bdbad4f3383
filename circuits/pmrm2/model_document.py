"""The fields of model documents of kind ``pmrm2`` (docs/models/pmrm2.md, section 7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from circuits.modelling.definition import Numbers
from circuits.pmrm2.market_document import MAX_SHOCKS, read_float, shortest_decimal
from circuits.pmrm2.parameters import (
    BasisContingency,
    LossFactors,
    MarginInputError,
    OtherContingencies,
    Parameters,
    Scenario,
    Shock,
    SkewShock,
    VolatilityShock,
)
from circuits.pmrm2.rows import MarginKind, PerpHolding
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS
from primitives.strict_json import Json, JsonError, JsonObject

DEFAULT_NUMBERS: Final = Numbers(scale=10, cap=1 << 33, position_bits=63)
"""Values in 10^-10 of the quote currency, accounts of up to 8.6 billion of it."""

_Section = TypeVar(
    "_Section", VolatilityShock, SkewShock, LossFactors, BasisContingency, OtherContingencies, Scenario
)


@dataclass(frozen=True, slots=True)
class CollateralTerms:
    """What the risk manager says of a collateral; its price and confidence come with the market."""

    asset: str
    is_risk_cancelling: bool
    maintenance_haircut: float
    initial_haircut: float


@dataclass(frozen=True)
class ModelFields:
    """Everything that a model document says."""

    underlying: str
    cash: str
    perp: str | None
    unsettled: str | None
    collaterals: tuple[CollateralTerms, ...]
    margins: tuple[MarginKind, ...]
    holding: PerpHolding
    parameters: Parameters
    numbers: Numbers


def read_model(document: JsonObject) -> ModelFields:
    """All fields but ``format``, ``kind`` and ``version``. Raises `JsonError`."""
    underlying, cash = _id(document, "underlying"), _id(document, "cash")
    perp = _id(document, "perp") if document.has("perp") else None
    unsettled = _id(document, "unsettled") if document.has("unsettled") else None
    if unsettled is not None and perp is None:
        raise document.fail("unsettled", "counts only with a perp, and the model has none")
    holding = PerpHolding.PRIVATE
    if document.has("perp_holding"):
        if perp is None:
            raise document.fail("perp_holding", "the model has no perp")
        holding = _one_of(document, "perp_holding", PerpHolding)
    collaterals = tuple(document.array("collaterals", _parse_collateral, max_items=MAX_ASSETS))
    columns = [cash, perp, unsettled, *(collateral.asset for collateral in collaterals)]
    named = [column for column in columns if column is not None]
    if len(set(named)) != len(named):
        raise document.fail("collaterals", "one asset has two roles")
    margins = tuple(document.array("margins", _parse_margin, max_items=len(MarginKind)))
    if not margins or len(set(margins)) != len(margins):
        raise document.fail("margins", "is empty, or names a margin twice")
    parameters = _parse_parameters(document)
    numbers = Numbers.from_json(document, DEFAULT_NUMBERS)
    return ModelFields(underlying, cash, perp, unsettled, collaterals, margins, holding, parameters, numbers)


def model_to_json(model: ModelFields) -> dict[str, Json]:
    """The fields that `read_model` reads."""
    parameters = model.parameters
    result: dict[str, Json] = {"underlying": model.underlying, "cash": model.cash}
    if model.perp is not None:
        result |= {"perp": model.perp, "perp_holding": model.holding.value}
    if model.unsettled is not None:
        result["unsettled"] = model.unsettled
    return result | {
        "collaterals": [
            {
                "asset": each.asset,
                "risk_cancelling": each.is_risk_cancelling,
                "maintenance_haircut": shortest_decimal(each.maintenance_haircut),
                "initial_haircut": shortest_decimal(each.initial_haircut),
            }
            for each in model.collaterals
        ],
        "margins": [margin.value for margin in model.margins],
        "scenarios": [
            {
                "spot": shortest_decimal(each.spot),
                "shock": each.shock.value,
                "dampening": shortest_decimal(each.dampening),
            }
            for each in parameters.scenarios
        ],
        "volatility_shock": _section_to_json(parameters.volatility_shock),
        "skew_shock": _section_to_json(parameters.skew_shock),
        "loss_factors": _section_to_json(parameters.loss_factors),
        "basis": _section_to_json(parameters.basis),
        "other": _section_to_json(parameters.other),
        "numbers": {
            "scale": model.numbers.scale,
            "cap": str(model.numbers.cap),
            "position_bits": model.numbers.position_bits,
        },
    }


def _parse_parameters(document: JsonObject) -> Parameters:
    scenarios = tuple(document.array("scenarios", _parse_scenario, max_items=MAX_SHOCKS))
    return Parameters(
        scenarios,
        _section(document.object("volatility_shock"), VolatilityShock),
        _section(document.object("skew_shock"), SkewShock),
        _section(document.object("loss_factors"), LossFactors),
        _section(document.object("basis"), BasisContingency),
        _section(document.object("other"), OtherContingencies),
    )


def _parse_scenario(value: Json, path: str) -> Scenario:
    given = JsonObject(value, path)
    shock = _one_of(given, "shock", Shock)
    spot, dampening = read_float(given, "spot"), read_float(given, "dampening")
    return _made(given, lambda: Scenario(spot, shock, dampening))


def _section(given: JsonObject, kind: type[_Section]) -> _Section:
    """An object with one decimal per field of the dataclass `kind`."""
    numbers = {field.name: read_float(given, field.name) for field in fields(kind)}
    return _made(given, lambda: kind(**numbers))  # type: ignore[arg-type]


def _made(given: JsonObject, make: Callable[[], _Section]) -> _Section:
    given.finish()
    try:
        return make()
    except MarginInputError as error:
        raise given.fail(error.field, error.reason) from error


def _section_to_json(section: object) -> Json:
    return {field.name: shortest_decimal(getattr(section, field.name)) for field in fields(section)}  # type: ignore[arg-type]


def _parse_collateral(value: Json, path: str) -> CollateralTerms:
    given = JsonObject(value, path)
    cancelling = given.raw("risk_cancelling")
    if not isinstance(cancelling, bool):
        raise given.fail("risk_cancelling", "expected true or false")
    asset = _id(given, "asset")
    haircuts = [read_float(given, name) for name in ("maintenance_haircut", "initial_haircut")]
    for name, haircut in zip(("maintenance_haircut", "initial_haircut"), haircuts, strict=True):
        if haircut < 0.0:
            raise given.fail(name, "is negative")
    given.finish()
    return CollateralTerms(asset, cancelling, haircuts[0], haircuts[1])


def _parse_margin(value: Json, path: str) -> MarginKind:
    if value not in tuple(MarginKind):
        raise JsonError(path, f"is not one of {', '.join(MarginKind)}")
    return MarginKind(value)


_Name = TypeVar("_Name", Shock, PerpHolding)


def _one_of(given: JsonObject, name: str, kind: type[_Name]) -> _Name:
    text = given.text(name, max_length=64)
    if text not in tuple(kind):
        raise given.fail(name, f"{text!r} is not one of {', '.join(kind)}")
    return kind(text)


def _id(given: JsonObject, name: str) -> str:
    return given.text(name, max_length=MAX_ASSET_ID_BYTES)
