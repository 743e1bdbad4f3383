"""What the margin is computed from: the public market, and one account's private position."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from circuits.pmrm2.parameters import MarginInputError, check_finite, check_positive, check_range


@dataclass(frozen=True, slots=True)
class Expiry:
    """Expiry e. `seconds` below 0 count as 0, which is T_e; likewise `rate`, which is r_e."""

    seconds: float  # FeedExpiry
    forward: float  # Forward, F_e
    rate: float  # Rate
    volatility_confidence: float  # OptionVolConfidences, kV_e
    forward_confidence: float  # ForwardConfidence, kF_e
    rate_confidence: float  # RateConfidence, kR_e

    def __post_init__(self) -> None:
        check_finite(self)
        check_positive(self, ("forward",))
        check_range(self, ("volatility_confidence", "forward_confidence", "rate_confidence"), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Option:
    """Option i: `expiry` is the place of its expiry in the market."""

    expiry: int
    strike: float  # Strike, K_i
    is_call: bool  # IsCall
    volatility: float  # MarkVol, v_i

    def __post_init__(self) -> None:
        check_finite(self)
        check_positive(self, ("strike",))
        check_range(self, ("volatility",), 0.0)


@dataclass(frozen=True, slots=True)
class Collateral:
    """Collateral j."""

    name: str
    price: float  # Price, P_j
    confidence: float  # Confidence, kC_j
    is_risk_cancelling: bool  # IsRiskCancelling, rc_j
    maintenance_haircut: float  # MMHaircut, eta_j
    initial_haircut: float  # IMHaircut, theta_j, on top of eta_j

    def __post_init__(self) -> None:
        check_finite(self)
        check_range(self, ("price", "maintenance_haircut", "initial_haircut"), 0.0)
        check_range(self, ("confidence",), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Market:
    """The public figures. Raises `MarginInputError` on a repeated expiry or option."""

    spot: float  # SpotPrice, S
    spot_confidence: float  # SpotConfidence, kS
    perp: float  # PerpPrice, G
    perp_confidence: float  # PerpConfidence, kG
    stable: float  # StablePrice, Z
    expiries: tuple[Expiry, ...]
    options: tuple[Option, ...]
    collaterals: tuple[Collateral, ...]

    def __post_init__(self) -> None:
        check_finite(self)
        check_positive(self, ("spot", "stable"))
        check_range(self, ("perp",), 0.0)
        check_range(self, ("spot_confidence", "perp_confidence"), 0.0, 1.0)
        for option in self.options:
            if not 0 <= option.expiry < len(self.expiries):
                raise MarginInputError("options", f"there is no expiry {option.expiry}")
        _check_distinct("expiries", (expiry.seconds for expiry in self.expiries))
        _check_distinct("options", ((o.expiry, o.strike, o.is_call) for o in self.options))


@dataclass(frozen=True, slots=True)
class Position:
    """One account. Amounts are in the order of the market's options and collaterals."""

    options: tuple[float, ...]  # Amount, a_i
    perp: float  # NumPerps, q
    unsettled: float  # UnrealisedPerpPNL + UnrealisedFunding, u
    cash: float  # Cash, c
    collaterals: tuple[float, ...]  # Amount, w_j

    def __post_init__(self) -> None:
        check_finite(self)
        for name, amounts in (("options", self.options), ("collaterals", self.collaterals)):
            for place, amount in enumerate(amounts):
                if not math.isfinite(amount):
                    raise MarginInputError(f"{name}[{place}]", f"{amount} is not a finite number")
                if amount < 0.0 and name == "collaterals":
                    raise MarginInputError(f"{name}[{place}]", "the amount of a collateral is below 0")

    def check_fits(self, market: Market) -> None:
        """`MarginInputError` unless there is one amount for each option and collateral of `market`."""
        for name, amounts, listed in (
            ("options", self.options, market.options),
            ("collaterals", self.collaterals, market.collaterals),
        ):
            if len(amounts) != len(listed):
                raise MarginInputError(name, f"{len(amounts)} amounts for the market's {len(listed)}")


def _check_distinct(name: str, keys: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for place, key in enumerate(keys):
        if key in seen:
            raise MarginInputError(f"{name}[{place}]", f"{key} is there already")
        seen.add(key)
