"""Parameters and scenarios of the margin, validated when they are made.

Field names spell out the names of case files, which stand beside them; docs/models/pmrm2.md has both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum

from primitives.errors import SealedbookError


class MarginInputError(SealedbookError):
    """A parameter, market figure or position that the margin is not defined for; `field` names it."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class Shock(StrEnum):
    """What a scenario does to volatilities [VolShockDirection]."""

    NONE = "None"
    UP = "Up"
    DOWN = "Down"
    LINEAR = "Linear"
    """Skew: by the signed log-moneyness, no spot move."""
    ABS = "Abs"
    """Skew: by the absolute log-moneyness, no spot move."""

    @property
    def is_skew(self) -> bool:
        """Whether the absolute loss is taken per expiry."""
        return self in (Shock.LINEAR, Shock.ABS)

    @classmethod
    def parse(cls, text: str) -> Shock:
        """The shock of that name, in any mixture of small and capital letters."""
        for shock in cls:
            if shock.value.casefold() == text.casefold():
                return shock
        known = ", ".join(cls)
        raise MarginInputError("VolShockDirection", f"{text[:40]!r} is unknown; there are {known}")


def check_finite(owner: object) -> None:
    """`MarginInputError` if a float field of the dataclass `owner` is infinite or not a number."""
    for field in fields(owner):  # type: ignore[arg-type]
        value = getattr(owner, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise MarginInputError(field.name, f"{value} is not a finite number")


def check_range(owner: object, names: Iterable[str], minimum: float, maximum: float = math.inf) -> None:
    """`MarginInputError` unless each named field of `owner` lies in ``[minimum, maximum]``."""
    for name in names:
        value = getattr(owner, name)
        if not minimum <= value <= maximum:
            limit = f"at least {minimum:g}" if maximum == math.inf else f"between {minimum:g} and {maximum:g}"
            raise MarginInputError(name, f"{value} is not {limit}")


def check_positive(owner: object, names: Iterable[str]) -> None:
    """`MarginInputError` unless each named field of `owner` is above 0."""
    for name in names:
        if not getattr(owner, name) > 0:
            raise MarginInputError(name, f"{getattr(owner, name)} is not above 0")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Scenario s: spot multiple m_s, shock, dampening d_s."""

    spot: float
    shock: Shock
    dampening: float = 1.0

    def __post_init__(self) -> None:
        check_finite(self)
        check_range(self, ("spot", "dampening"), 0.0)
        if self.shock.is_skew and self.spot != 1.0:
            raise MarginInputError(
                "spot", f"a skew scenario ({self.shock}) may not move the spot, here by {self.spot}"
            )


@dataclass(frozen=True, slots=True)
class VolatilityShock:
    """[VolShock]: how Up and Down move volatilities."""

    range_up: float  # VOLRANGEUP
    range_down: float  # VOLRANGEDOWN
    minimum_shocked: float  # MIN_VOL_EVAL_SHOCKED
    short_term_power: float  # SHORTTERMPOWER
    long_term_power: float  # LONGTERMPOWER
    floor_days: float  # DTE_FLOOR

    def __post_init__(self) -> None:
        check_finite(self)
        check_range(self, ("range_up", "range_down", "minimum_shocked", "floor_days"), 0.0)


@dataclass(frozen=True, slots=True)
class SkewShock:
    """[SkewShock]: how Linear and Abs move volatilities."""

    linear_cap: float  # LINEAR_SCALE_CAP
    linear_cap_slope: float  # LINEAR_CBASE
    abs_cap: float  # ABS_SCALE_CAP
    abs_cap_slope: float  # ABS_CBASE
    minimum_k_star: float  # MIN_K_STAR
    minimum_width_scale: float  # MIN_WIDTH_SCALE
    static_parameter: float  # VOL_PARAM_STATIC
    scale_parameter: float  # VOL_PARAM_SCALE

    def __post_init__(self) -> None:
        check_finite(self)
        check_range(self, ("minimum_k_star",), 0.0)


@dataclass(frozen=True, slots=True)
class LossFactors:
    """[Margin]: loss factors and the static discount."""

    maintenance_factor: float  # MM_LOSS_FACTOR, f_MM
    initial_factor: float  # IM_LOSS_FACTOR, f_IM0
    short_rate_multiple: float  # SHORT_RATE_MULTSCALE
    long_rate_multiple: float  # LONG_RATE_MULTSCALE
    short_rate_addition: float  # SHORT_RATE_ADDSCALE
    long_rate_addition: float  # LONG_RATE_ADDSCALE
    long_base: float  # BASE_STATIC_DISCOUNT
    short_base: float  # BASE_STATIC_DISCOUNT_NEG

    def __post_init__(self) -> None:
        check_finite(self)
        check_range(self, ("maintenance_factor", "initial_factor", "long_base", "short_base"), 0.0)


@dataclass(frozen=True, slots=True)
class BasisContingency:
    """[BasisContingency]: two spot moves that compete with the scenarios."""

    spot_up: float  # SCENARIO_SPOT_UP
    spot_down: float  # SCENARIO_SPOT_DOWN
    addition: float  # BASIS_CONT_ADD_FACTOR
    multiple: float  # BASIS_CONT_MULT_FACTOR

    def __post_init__(self) -> None:
        check_finite(self)
        check_range(self, ("spot_up", "spot_down", "addition", "multiple"), 0.0)


@dataclass(frozen=True, slots=True)
class OtherContingencies:
    """[OtherContingency]: peg loss, confidence, and rates on perps and short options."""

    peg_threshold: float  # PEG_LOSS_THRESHOLD
    peg_factor: float  # PEG_LOSS_FACTOR
    confidence_threshold: float  # CONF_THRESHOLD
    confidence_margin: float  # CONF_MARGIN
    maintenance_perp: float  # MM_PERP_PERCENT
    initial_perp: float  # IM_PERP_PERCENT
    maintenance_option: float  # MM_OPTION_PERCENT
    initial_option: float  # IM_OPTION_PERCENT

    def __post_init__(self) -> None:
        check_finite(self)
        check_range(self, [field.name for field in fields(self)], 0.0)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything that the risk manager sets."""

    scenarios: tuple[Scenario, ...]
    volatility_shock: VolatilityShock
    skew_shock: SkewShock
    loss_factors: LossFactors
    basis: BasisContingency
    other: OtherContingencies


def trusted_scenarios(basis: BasisContingency) -> tuple[Scenario, ...]:
    """The three scenarios by which MM >= 0 is tested for a trusted caller: spot up, spot down, spot as it is."""
    return tuple(Scenario(spot, Shock.NONE) for spot in (basis.spot_up, basis.spot_down, 1.0))
