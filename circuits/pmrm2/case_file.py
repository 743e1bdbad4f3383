"""Case files: one account, the market and the parameters in a JSON file, with the exchange's field names.

Format in docs/models/pmrm2.md. Every field is required and checked. Numbers may be JSON numbers or decimal
text. Fields that no formula uses are passed over, and listed for the reader; results in the file are not read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from circuits.pmrm2.inputs import Collateral, Expiry, Market, Option, Position
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
from primitives.strict_json import JsonError, refuse_deep_nesting

MAX_CASE_BYTES: Final = 16 * 1024 * 1024
MAX_ENTRIES: Final = 10_000
"""Of each list."""
DISPLAY_SUFFIX: Final = "_NORMAL"
"""Fields with this ending are sums for display."""
SMILE_LENGTH: Final = 7

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Case:
    """What a case file says. `unused` are the paths of fields that were passed over."""

    market: Market
    parameters: Parameters
    position: Position
    unused: tuple[str, ...] = ()


def load_case(path: Path) -> Case:
    """Read the case file at `path`. Raises `JsonError`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CASE_BYTES + 1)
    except OSError as error:
        raise JsonError("$", f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_CASE_BYTES:
        raise JsonError("$", f"has more than {MAX_CASE_BYTES} bytes")
    return parse_case(data)


def parse_case(data: bytes) -> Case:
    """Read the text of a case file, UTF-8. Raises `JsonError`."""
    try:
        text = data.decode("utf-8")
        refuse_deep_nesting(text)
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise JsonError("$", f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise JsonError("$", f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except ValueError as error:
        raise JsonError("$", "holds an integer of too many digits") from error
    unused: list[str] = []
    top = _Fields(value, "$", unused)
    scenario, parameters = top.section("Scenario"), top.section("Parameters")
    market, position = _read_scenario(scenario)
    return Case(market, _read_parameters(parameters), position, tuple(unused))


class _Fields:
    """One JSON object, read field by field."""

    def __init__(self, value: object, path: str, unused: list[str]) -> None:
        if not isinstance(value, dict):
            raise JsonError(path, "expected an object")
        self._values = dict(value)
        self._path = path
        self._unused = unused

    def take(self, name: str) -> object:
        """The value of field `name`, whatever it is."""
        if name not in self._values:
            raise JsonError(self._path, f"field {name!r} is missing")
        return self._values.pop(name)

    def fail(self, name: str, reason: str) -> JsonError:
        """An error about field `name`."""
        return JsonError(f"{self._path}.{name}", reason)

    def number(self, name: str) -> float:
        """A finite number, or decimal text of one."""
        return _number(self.take(name), f"{self._path}.{name}")

    def flag(self, name: str) -> bool:
        """True or false, or 1 or 0."""
        value = self.take(name)
        if isinstance(value, (bool, int, float)) and value in (0, 1):
            return bool(value)
        raise self.fail(name, "expected true, false, 1 or 0")

    def text(self, name: str) -> str:
        """A string."""
        value = self.take(name)
        if not isinstance(value, str):
            raise self.fail(name, "expected text")
        return value

    def section(self, name: str) -> _Fields:
        """A nested object."""
        return _Fields(self.take(name), f"{self._path}.{name}", self._unused)

    def entries(self, name: str) -> list[_Fields]:
        """A list of objects."""
        value = self.take(name)
        if not isinstance(value, list):
            raise self.fail(name, "expected a list")
        if len(value) > MAX_ENTRIES:
            raise self.fail(name, f"has {len(value)} entries, more than {MAX_ENTRIES}")
        return [_Fields(item, f"{self._path}.{name}[{i}]", self._unused) for i, item in enumerate(value)]

    def make(self, maker: Callable[..., _Made], names: Mapping[str, str], /, **given: object) -> _Made:
        """``maker(argument=number of the field, ..., **given)``, its complaints under the fields' names."""
        numbers = {argument: self.number(name) for argument, name in names.items()}
        try:
            made = maker(**numbers, **given)
        except MarginInputError as error:
            field = names.get(error.field, error.field)
            raise JsonError(f"{self._path}.{field}", error.reason) from error
        self.finish()
        return made

    def finish(self) -> None:
        """Note the fields that were not read."""
        left = [name for name in self._values if not name.endswith(DISPLAY_SUFFIX)]
        self._unused += [f"{self._path}.{name}" for name in left]


def _read_scenario(fields: _Fields) -> tuple[Market, Position]:
    """Section "Scenario": the market, and the position in it."""
    feeds, feed_fields = [], fields.entries("OptionFeeds")
    place_of: dict[float, int] = {}
    for place, feed in enumerate(feed_fields):
        feeds.append(_read_feed(feed))
        if place_of.setdefault(feeds[-1].seconds, place) != place:
            raise feed.fail("FeedExpiry", "there is a feed of this expiry already")
    options = [_read_option(option, place_of) for option in fields.entries("Options")]
    collaterals = [_read_collateral(collateral) for collateral in fields.entries("Collaterals")]
    unsettled = fields.number("UnrealisedPerpPNL") + fields.number("UnrealisedFunding")
    perp, cash = fields.number("NumPerps"), fields.number("Cash")
    fields.number("StableConfidence")  # there, and not used
    names = {
        "spot": "SpotPrice", "spot_confidence": "SpotConfidence", "perp": "PerpPrice",
        "perp_confidence": "PerpConfidence", "stable": "StablePrice",
    }  # fmt: skip
    market = fields.make(
        Market,
        names,
        expiries=tuple(feeds),
        options=tuple(option for option, _ in options),
        collaterals=tuple(collateral for collateral, _ in collaterals),
    )
    amounts = tuple(amount for _, amount in options)
    return market, Position(amounts, perp, unsettled, cash, tuple(amount for _, amount in collaterals))


def _read_feed(fields: _Fields) -> Expiry:
    smile = fields.take("SVIparam")
    if not isinstance(smile, list) or len(smile) != SMILE_LENGTH:
        raise fields.fail("SVIparam", f"expected a list of {SMILE_LENGTH} numbers")
    for place, value in enumerate(smile):
        _number(value, f"{fields.fail('SVIparam', '').path}[{place}]")
    names = {
        "seconds": "FeedExpiry", "forward": "Forward", "rate": "Rate",
        "volatility_confidence": "OptionVolConfidences", "forward_confidence": "ForwardConfidence",
        "rate_confidence": "RateConfidence",
    }  # fmt: skip
    return fields.make(Expiry, names)


def _read_option(fields: _Fields, place_of: Mapping[float, int]) -> tuple[Option, float]:
    seconds = fields.number("Expiry")
    if seconds not in place_of:
        raise fields.fail("Expiry", "no entry of OptionFeeds has this expiry")
    amount, is_call = fields.number("Amount"), fields.flag("IsCall")
    names = {"strike": "Strike", "volatility": "MarkVol"}
    return fields.make(Option, names, expiry=place_of[seconds], is_call=is_call), amount


def _read_collateral(fields: _Fields) -> tuple[Collateral, float]:
    name, amount = fields.text("Name"), fields.number("Amount")
    if amount < 0.0:
        raise fields.fail("Amount", "is below 0")
    names = {
        "price": "Price", "confidence": "Confidence",
        "maintenance_haircut": "MMHaircut", "initial_haircut": "IMHaircut",
    }  # fmt: skip
    cancelling = fields.flag("IsRiskCancelling")
    return fields.make(Collateral, names, name=name, is_risk_cancelling=cancelling), amount


def _read_parameters(fields: _Fields) -> Parameters:
    """Section "Parameters"."""
    scenarios = tuple(_read_shock(scenario) for scenario in fields.entries("Scenarios"))
    parameters = Parameters(
        scenarios,
        fields.section("VolShock").make(VolatilityShock, VOLATILITY_SHOCK_NAMES),
        fields.section("SkewShock").make(SkewShock, SKEW_SHOCK_NAMES),
        fields.section("Margin").make(LossFactors, LOSS_FACTOR_NAMES),
        fields.section("BasisContingency").make(BasisContingency, BASIS_NAMES),
        fields.section("OtherContingency").make(OtherContingencies, OTHER_NAMES),
    )
    fields.finish()
    return parameters


def _read_shock(fields: _Fields) -> Scenario:
    direction = fields.text("VolShockDirection")
    try:
        shock = Shock.parse(direction)
    except MarginInputError as error:
        raise fields.fail("VolShockDirection", error.reason) from error
    return fields.make(Scenario, {"spot": "SpotShock", "dampening": "DampeningFactor"}, shock=shock)


VOLATILITY_SHOCK_NAMES: Final = {
    "range_up": "VOLRANGEUP",
    "range_down": "VOLRANGEDOWN",
    "minimum_shocked": "MIN_VOL_EVAL_SHOCKED",
    "short_term_power": "SHORTTERMPOWER",
    "long_term_power": "LONGTERMPOWER",
    "floor_days": "DTE_FLOOR",
}
SKEW_SHOCK_NAMES: Final = {
    "linear_cap": "LINEAR_SCALE_CAP",
    "linear_cap_slope": "LINEAR_CBASE",
    "abs_cap": "ABS_SCALE_CAP",
    "abs_cap_slope": "ABS_CBASE",
    "minimum_k_star": "MIN_K_STAR",
    "minimum_width_scale": "MIN_WIDTH_SCALE",
    "static_parameter": "VOL_PARAM_STATIC",
    "scale_parameter": "VOL_PARAM_SCALE",
}
LOSS_FACTOR_NAMES: Final = {
    "maintenance_factor": "MM_LOSS_FACTOR",
    "initial_factor": "IM_LOSS_FACTOR",
    "short_rate_multiple": "SHORT_RATE_MULTSCALE",
    "long_rate_multiple": "LONG_RATE_MULTSCALE",
    "short_rate_addition": "SHORT_RATE_ADDSCALE",
    "long_rate_addition": "LONG_RATE_ADDSCALE",
    "long_base": "BASE_STATIC_DISCOUNT",
    "short_base": "BASE_STATIC_DISCOUNT_NEG",
}
BASIS_NAMES: Final = {
    "spot_up": "SCENARIO_SPOT_UP",
    "spot_down": "SCENARIO_SPOT_DOWN",
    "addition": "BASIS_CONT_ADD_FACTOR",
    "multiple": "BASIS_CONT_MULT_FACTOR",
}
OTHER_NAMES: Final = {
    "peg_threshold": "PEG_LOSS_THRESHOLD",
    "peg_factor": "PEG_LOSS_FACTOR",
    "confidence_threshold": "CONF_THRESHOLD",
    "confidence_margin": "CONF_MARGIN",
    "maintenance_perp": "MM_PERP_PERCENT",
    "initial_perp": "IM_PERP_PERCENT",
    "maintenance_option": "MM_OPTION_PERCENT",
    "initial_option": "IM_OPTION_PERCENT",
}


def _number(value: object, path: str) -> float:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise JsonError(path, f"{value[:40]!r} is not a number")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise JsonError(path, "expected a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise JsonError(path, "exceeds the range of floating-point numbers")
    return number


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for place, name in enumerate(names) if name in names[:place])
        raise JsonError("$", f"field {repeated[:64]!r} appears twice in one object")
    return result


def _no_constant(text: str) -> object:
    raise JsonError("$", f"{text} is not a number")
