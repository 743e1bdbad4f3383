"""Scenarios: what happens to prices and volatilities, and their JSON form.

A move of an underlying takes each of its prices P (index, marks, forwards) and volatilities v, at expiry in
`days`, to

    P' = multiple P + addition
    v' = max(minimum, v max(0, 1 + change g) + points, 0)
    g  = (reference / max(days, floor))^power,    power: short for days <= reference, else long.

An expiry that is t years away is max(0, t - elapsed_days/365) years away in the scenario; `days` stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from circuits.market.decimals import check_number, decimal_text, read_decimal
from circuits.market.errors import MarketCode, MarketError
from circuits.market.snapshot import MAX_UNDERLYINGS
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.strict_json import Json, JsonError, JsonObject, parse_json

SCENARIOS_FORMAT: Final = "sealedbook/scenarios/v1"
MAX_SCENARIOS: Final = 4_096
MAX_LABEL: Final = 200
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class VolatilityMove:
    """How volatilities change; the default leaves them as they are."""

    change: Decimal = ZERO
    points: Decimal = ZERO
    minimum: Decimal = ZERO
    short_power: Decimal = ZERO
    long_power: Decimal = ZERO
    reference_days: Decimal = Decimal(30)
    floor_days: Decimal = ONE

    def check(self, where: str) -> None:
        """`MarketError` if a figure is out of range."""
        check_number(f"{where}.change", self.change)
        check_number(f"{where}.points", self.points)
        check_number(f"{where}.minimum", self.minimum, minimum=0)
        check_number(f"{where}.reference_days", self.reference_days, above=0)
        check_number(f"{where}.floor_days", self.floor_days, above=0)
        for name, power in (("short_power", self.short_power), ("long_power", self.long_power)):
            check_number(f"{where}.{name}", power)
            if abs(power) > 1:
                raise MarketError(MarketCode.NUMBER, f"{where}.{name}", "is beyond 1")


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to `underlying`; None stands for every underlying that has no move of its own."""

    underlying: str | None = None
    multiple: Decimal = ONE
    addition: Decimal = ZERO
    volatility: VolatilityMove = VolatilityMove()

    def check(self, where: str) -> None:
        """`MarketError` if a figure is out of range."""
        check_number(f"{where}.multiple", self.multiple, minimum=0)
        check_number(f"{where}.addition", self.addition)
        self.volatility.check(f"{where}.volatility")


@dataclass(frozen=True, slots=True)
class MarketScenario:
    """Joint moves. Profits and losses alike count `weight` times; options have `elapsed_days` less to expiry."""

    label: str
    moves: tuple[Move, ...]
    weight: Decimal = ONE
    elapsed_days: Decimal = ZERO

    def move_of(self, underlying: str) -> Move | None:
        """The move of `underlying`, its own or the one of all others."""
        default = None
        for move in self.moves:
            if move.underlying == underlying:
                return move
            if move.underlying is None:
                default = move
        return default


@dataclass(frozen=True, slots=True)
class ScenarioSet:
    """Scenarios with distinct labels. Raises `MarketError`.

    Instruments past their expiry are refused, or, with `values_past_expiry`, valued as at expiry.
    """

    scenarios: tuple[MarketScenario, ...]
    values_past_expiry: bool = False

    def __post_init__(self) -> None:
        if len(self.scenarios) > MAX_SCENARIOS:
            raise MarketError(MarketCode.LIMIT, "scenarios", f"more than {MAX_SCENARIOS}")
        labels: set[str] = set()
        for place, scenario in enumerate(self.scenarios):
            where = f"scenarios[{place}]"
            if scenario.label in labels:
                raise MarketError(
                    MarketCode.DUPLICATE, f"{where}.label", f"{scenario.label!r} is there already"
                )
            labels.add(scenario.label)
            check_number(f"{where}.weight", scenario.weight, minimum=0)
            check_number(f"{where}.elapsed_days", scenario.elapsed_days, minimum=0)
            _check_moves(scenario, where)


def _check_moves(scenario: MarketScenario, where: str) -> None:
    moved: set[str | None] = set()
    for place, move in enumerate(scenario.moves):
        if move.underlying in moved:
            of = "all others" if move.underlying is None else repr(move.underlying)
            raise MarketError(
                MarketCode.DUPLICATE, f"{where}.moves[{place}]", f"a move of {of} is there already"
            )
        moved.add(move.underlying)
        move.check(f"{where}.moves[{place}]")


def parse_scenarios(data: bytes) -> ScenarioSet:
    """A document of format ``sealedbook/scenarios/v1``; `JsonError` names the field at fault."""
    document = JsonObject(parse_json(data))
    document.constant("format", SCENARIOS_FORMAT)
    scenario_set = parse_scenario_fields(document)
    document.finish()
    return scenario_set


def parse_scenario_fields(document: JsonObject) -> ScenarioSet:
    """The fields ``past_expiry`` and ``scenarios`` of a scenario document or of a model."""
    past_expiry = document.text("past_expiry")
    if past_expiry not in ("refuse", "intrinsic"):
        raise document.fail("past_expiry", f"{past_expiry[:40]!r} is unknown; there are refuse, intrinsic")
    scenarios = document.array("scenarios", _parse_scenario, max_items=MAX_SCENARIOS)
    try:
        return ScenarioSet(tuple(scenarios), past_expiry == "intrinsic")
    except MarketError as error:
        raise JsonError(document.path(error.where), f"{error.reason} ({error.code})") from error


def scenarios_to_json(scenario_set: ScenarioSet) -> dict[str, Json]:
    """The fields that `parse_scenario_fields` reads."""
    return {
        "past_expiry": "intrinsic" if scenario_set.values_past_expiry else "refuse",
        "scenarios": [_scenario_to_json(scenario) for scenario in scenario_set.scenarios],
    }


def _parse_scenario(value: Json, path: str) -> MarketScenario:
    given = JsonObject(value, path)
    label = given.text("label", max_length=MAX_LABEL)
    moves = given.array("moves", _parse_move, max_items=MAX_UNDERLYINGS)
    numbers = {name: read_decimal(given, name) for name in ("weight", "elapsed_days") if given.has(name)}
    given.finish()
    return MarketScenario(label, tuple(moves), **numbers)


def _parse_move(value: Json, path: str) -> Move:
    given = JsonObject(value, path)
    numbers = {name: read_decimal(given, name) for name in ("multiple", "addition") if given.has(name)}
    underlying = given.text("underlying", max_length=MAX_ASSET_ID_BYTES) if given.has("underlying") else None
    nested = given.optional_object("volatility")
    volatility = _parse_volatility(nested) if nested is not None else VolatilityMove()
    given.finish()
    return Move(underlying=underlying, volatility=volatility, **numbers)


def _parse_volatility(given: JsonObject) -> VolatilityMove:
    names = [field.name for field in fields(VolatilityMove)]
    numbers = {name: read_decimal(given, name) for name in names if given.has(name)}
    given.finish()
    return VolatilityMove(**numbers)


def _scenario_to_json(scenario: MarketScenario) -> Json:
    moves: list[Json] = [_move_to_json(move) for move in scenario.moves]
    return {
        "label": scenario.label,
        "weight": decimal_text(scenario.weight),
        "elapsed_days": decimal_text(scenario.elapsed_days),
        "moves": moves,
    }


def _move_to_json(move: Move) -> Json:
    result: dict[str, Json] = {} if move.underlying is None else {"underlying": move.underlying}
    result |= {"multiple": decimal_text(move.multiple), "addition": decimal_text(move.addition)}
    volatility: dict[str, Json] = {
        field.name: decimal_text(getattr(move.volatility, field.name)) for field in fields(VolatilityMove)
    }
    return {**result, "volatility": volatility}
