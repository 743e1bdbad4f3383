"""The risk array: formulas written a second time, published examples, rounding, and what a check refuses."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.market.document import parse_market
from circuits.market.entries import IntArray, round_exact, round_floats
from circuits.market.errors import MarketCode, MarketError, RiskArrayCode, RiskArrayError
from circuits.market.risk_array import Greek, RiskArray, check_risk_array, compute_risk_array
from circuits.market.scenarios import MarketScenario, Move, ScenarioSet, VolatilityMove, parse_scenarios
from circuits.market.snapshot import (
    Cash,
    Contract,
    ExpiryPoint,
    Instrument,
    MarketSnapshot,
    Option,
    Settlement,
    Spot,
    Underlying,
)
from primitives.assets import Asset

VECTORS: Final = Path(__file__).parent / "vectors" / "market"
DOCUMENT: Final = parse_market((VECTORS / "market.json").read_bytes())
MARKET: Final = DOCUMENT.snapshot
SCENARIOS: Final = parse_scenarios((VECTORS / "scenarios.json").read_bytes())
assert DOCUMENT.risk_array is not None
PUBLISHED: Final[RiskArray] = DOCUMENT.risk_array
ASSETS: Final = PUBLISHED.assets
SCALES: Final = {row.greek: row.scale for row in PUBLISHED.greeks}
NOW: Final = datetime(2026, 1, 31, 8, tzinfo=UTC)
ONE: Final = Decimal(1)


def d(text: str | int) -> Decimal:
    return Decimal(text)


# The formulas, a second time: scalar, from docs/market.md, with the error function of the standard library.


def plain_option(
    option: Option, multiple: float, addition: float, volatility: VolatilityMove, elapsed: float
) -> tuple[float, float, float]:
    """Price, delta and gamma of one contract."""
    point = MARKET.underlying(option.underlying).point(option.expiry)
    assert point is not None
    days = (option.expiry - MARKET.as_of) / timedelta(days=1)
    power = float(volatility.short_power if days <= volatility.reference_days else volatility.long_power)
    g = (float(volatility.reference_days) / max(days, float(volatility.floor_days))) ** power
    v = float(option.volatility) * max(0.0, 1.0 + float(volatility.change) * g) + float(volatility.points)
    v = max(v, float(volatility.minimum), 0.0)
    forward, strike = float(point.forward) * multiple + addition, float(option.strike)
    years = max(0.0, days - elapsed) / 365.0
    discount, z = math.exp(-float(point.rate) * years), v * math.sqrt(years)
    d1 = math.log(forward / strike) / z + z / 2.0

    def normal(x: float) -> float:
        return math.erfc(-x / math.sqrt(2.0)) / 2.0

    sign = 1.0 if option.is_call else -1.0
    price = discount * sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - z)))
    gamma = discount * math.exp(-d1 * d1 / 2.0) / math.sqrt(2.0 * math.pi) / (forward * z)
    size = float(option.multiplier)
    return size * price, size * sign * discount * normal(sign * d1), size * gamma


def plain_value(instrument: Instrument, multiple: Fraction, addition: Fraction) -> Fraction:
    if isinstance(instrument, Cash):
        return Fraction(instrument.price)
    assert not isinstance(instrument, Option)
    index = MARKET.underlying(instrument.underlying).index
    if isinstance(instrument, Spot):
        assert index is not None
        return Fraction(index) * multiple + addition
    mark = Fraction(instrument.mark) * multiple + addition
    if instrument.settlement is Settlement.LINEAR:
        return Fraction(instrument.multiplier) * mark
    assert index is not None
    return -Fraction(instrument.multiplier) * (Fraction(index) * multiple + addition) / mark


@pytest.mark.parametrize("place", range(len(ASSETS)), ids=[asset.id for asset in ASSETS])
def test_entries_are_those_of_the_formulas(place: int) -> None:
    instrument, unit = (
        MARKET.instrument(ASSETS[place].id),
        Fraction(10) ** (MARKET.scale - ASSETS[place].decimals),
    )
    greeks = {row.greek: int(row.entries[place]) for row in PUBLISHED.greeks}
    greek_unit = {greek: Fraction(10) ** (scale - ASSETS[place].decimals) for greek, scale in SCALES.items()}
    if isinstance(instrument, Option):
        now, delta, gamma = plain_option(instrument, 1.0, 0.0, VolatilityMove(), 0.0)
        assert abs(PUBLISHED.values[place] - now * float(unit)) <= 0.51
        assert abs(greeks[Greek.DELTA] - delta * float(greek_unit[Greek.DELTA])) <= 0.51
        assert abs(greeks[Greek.GAMMA] - gamma * float(greek_unit[Greek.GAMMA])) <= 0.51
        bumped = plain_option(instrument, 1.0, 0.0, VolatilityMove(points=d("0.00001")), 0.0)[0]
        assert greeks[Greek.VEGA] == pytest.approx(
            (bumped - now) * 1000 * float(greek_unit[Greek.VEGA]), rel=1e-3
        )
        later = plain_option(instrument, 1.0, 0.0, VolatilityMove(), 0.001)[0]
        assert greeks[Greek.THETA] == pytest.approx(
            (later - now) * 1000 * float(greek_unit[Greek.THETA]), rel=1e-2
        )
    else:
        assert PUBLISHED.values[place] == round(plain_value(instrument, Fraction(1), Fraction(0)) * unit)
        assert greeks[Greek.GAMMA] == greeks[Greek.VEGA] == greeks[Greek.THETA] == 0
    for s, scenario in enumerate(SCENARIOS.scenarios):
        profit = int(PUBLISHED.profits[s, place])
        move = Move() if isinstance(instrument, Cash) else scenario.move_of(instrument.underlying)
        assert move is not None
        if isinstance(instrument, Option):
            multiple, addition = float(move.multiple), float(move.addition)
            then = plain_option(
                instrument, multiple, addition, move.volatility, float(scenario.elapsed_days)
            )[0]
            assert abs(profit - float(scenario.weight) * (then - now) * float(unit)) <= 0.51
        else:
            change = plain_value(instrument, Fraction(move.multiple), Fraction(move.addition)) - plain_value(
                instrument, Fraction(1), Fraction(0)
            )
            assert profit == round(Fraction(scenario.weight) * change * unit)


def test_deltas_of_what_is_no_option() -> None:
    delta = {asset.id: int(entry) for asset, entry in zip(ASSETS, PUBLISHED.greeks[0].entries, strict=True)}
    expected = {
        "USDC": 0,
        "BTC": 10**2,
        "BTC-PERP": 10**6,
        "BTC-JUN": 10**5,
        "BTC-PERP-INVERSE": 0,
        "OIL-JUN": 10**9,
    }
    assert {name: delta[name] for name in expected} == expected


def test_the_published_array_is_accepted() -> None:
    check_risk_array(PUBLISHED, MARKET, SCENARIOS, ASSETS, SCALES)


def test_inverse_contracts_keep_their_quote_value_and_the_entry_leg_moves() -> None:
    """A long inverse perpetual: ``multiplier (1/entry - 1/mark)`` of the coin, here with index = mark."""
    underlying = Underlying("BTC", d(70_000), ())
    instruments = (Spot("BTC", "BTC"), Contract("P", "BTC", Settlement.INVERSE, d(10), d(70_000)))
    market = MarketSnapshot(NOW, "USD", 8, (), (underlying,), instruments)
    scenarios = ScenarioSet((MarketScenario("up", (Move(None, d("1.25")),)),))
    array = compute_risk_array(market, scenarios, (Asset("BTC", 8), Asset("P", 0)))
    # 3500 contracts from 70,000: entry leg 0.5 coins. At 87,500 the profit is 3500 * 10 * (1/70000 - 1/87500) coins.
    position = np.array([50_000_000, 3_500])
    profit = Fraction(int(array.profits[0] @ position), 10**8)
    assert profit == Fraction(35_000) * (Fraction(1, 70_000) - Fraction(1, 87_500)) * 87_500


# Examples with figures of their own.


def paradex() -> tuple[MarketSnapshot, ScenarioSet, tuple[Asset, ...]]:
    near, far = NOW + timedelta(days=7), NOW + timedelta(days=30)
    points = tuple(ExpiryPoint(expiry, d(70_000), d(0)) for expiry in (near, far))
    market = MarketSnapshot(
        NOW, "USD", 6, (), (Underlying("BTC", d(70_000), points),),
        (
            Option("C", "BTC", near, d(75_000), is_call=True, multiplier=ONE, volatility=d("0.55")),
            Option("P", "BTC", far, d(65_000), is_call=False, multiplier=ONE, volatility=d("0.6")),
            Contract("PERP", "BTC", Settlement.LINEAR, ONE, d(70_000)),
        ),
    )  # fmt: skip
    up = VolatilityMove(change=d("0.4"), minimum=d("0.4"), short_power=d("0.3"), long_power=d("0.13"))
    scenarios = ScenarioSet(
        (
            MarketScenario("+16", (Move(None, d("1.16"), volatility=up),)),
            MarketScenario("-16", (Move(None, d("0.84"), volatility=up),)),
            MarketScenario("+50", (Move(None, d("1.5"), volatility=up),), d("0.24")),
            MarketScenario("+500", (Move(None, d(6), volatility=up),), d("0.024")),
        )
    )
    return market, scenarios, (Asset("C", 2), Asset("P", 2), Asset("PERP", 4))


def test_a_portfolio_margin_with_tail_weights() -> None:
    """1 perpetual, -5 calls, +2 puts: marks, deltas and losses as worked out by hand elsewhere."""
    array = compute_risk_array(*paradex(), {Greek.DELTA: 8})
    assert [round(value / 10**4, 2) for value in array.values[:2].tolist()] == [548.13, 2547.96]
    assert [round(entry / 10**6, 4) for entry in array.greeks[0].entries[:2].tolist()] == [0.1928, -0.3026]
    losses = [-profit / 10**6 for profit in (array.profits @ np.array([-500, 200, 10_000])).tolist()]
    assert [round(loss) for loss in losses[:3]] == [26_349, -5_145, 28_095]
    assert round(losses[3], 2) == 33_056.53


def test_a_scan_with_price_ranges_points_and_a_day() -> None:
    """SPAN: +10 and -8 futures, -12 calls; scan range 300, 6 volatility points, one day of look-ahead."""
    expiry = NOW + timedelta(days=60)
    point = ExpiryPoint(expiry, d(5_000), d(0))
    market = MarketSnapshot(
        NOW, "USD", 2, (), (Underlying("X", None, (point,)),),
        (
            Option("C", "X", expiry, d(5_300), is_call=True, multiplier=d(50), volatility=d("0.16")),
            Contract("F", "X", Settlement.LINEAR, d(50), d(5_000), expiry),
        ),
    )  # fmt: skip
    up = VolatilityMove(points=d("0.06"))
    scenarios = ScenarioSet(
        (
            MarketScenario("+1 up", (Move(None, addition=d(300), volatility=up),), elapsed_days=ONE),
            MarketScenario("+2/3 up", (Move(None, addition=d(200), volatility=up),), elapsed_days=ONE),
            MarketScenario("-1 up", (Move(None, addition=d(-300), volatility=up),), elapsed_days=ONE),
        )
    )
    array = compute_risk_array(market, scenarios, (Asset("C", 0), Asset("F", 0)))
    losses = [-profit / 100 for profit in (array.profits @ np.array([-12, 2])).tolist()]
    assert losses[0] == pytest.approx(61_993.67, abs=0.07)
    assert [round(loss, -1) for loss in losses[1:]] == [43_500, 20_450]


# Expiry.


def one_option(expiry: datetime, forward: str = "70000", volatility: str = "0.5") -> MarketSnapshot:
    underlying = Underlying("BTC", None, (ExpiryPoint(expiry, d(forward), d("0.04")),))
    option = Option("C", "BTC", expiry, d(60_000), is_call=True, multiplier=ONE, volatility=d(volatility))
    future = Contract("F", "BTC", Settlement.LINEAR, ONE, d(forward), expiry)
    return MarketSnapshot(NOW, "USD", 2, (), (underlying,), (option, future))


UP: Final = (MarketScenario("up", (Move(None, d("1.1")),)),)


def test_options_at_expiry_are_worth_their_intrinsic_value() -> None:
    array = compute_risk_array(
        one_option(NOW), ScenarioSet(UP), (Asset("C", 0),), {Greek.DELTA: 4, Greek.VEGA: 4}
    )
    assert array.values.tolist() == [10_000_00]
    assert array.profits.tolist() == [[7_000_00]]
    assert [row.entries.tolist() for row in array.greeks] == [[10_000], [0]]


@pytest.mark.parametrize("name", ["C", "F"])
def test_instruments_past_expiry_are_refused_unless_the_scenarios_say_otherwise(name: str) -> None:
    market, assets = one_option(NOW - timedelta(seconds=1)), (Asset(name, 0),)
    with pytest.raises(MarketError, match=rf"^instrument '{name}': is past its expiry, .*\(past-expiry\)"):
        compute_risk_array(market, ScenarioSet(UP), assets)
    array = compute_risk_array(market, ScenarioSet(UP, values_past_expiry=True), assets)
    assert array.values.tolist() == [10_000_00 if name == "C" else 70_000_00]


def test_an_instrument_that_is_not_asked_for_may_be_past_expiry() -> None:
    market = one_option(NOW - timedelta(seconds=1))
    market = dataclasses.replace(market, instruments=(*market.instruments, Cash("USD", ONE)))
    assert compute_risk_array(market, ScenarioSet(UP), (Asset("USD", 2),)).values.tolist() == [1]


def test_elapsed_days_end_at_expiry() -> None:
    scenarios = ScenarioSet((MarketScenario("later", (Move(),), elapsed_days=d(9)),))
    array = compute_risk_array(one_option(NOW + timedelta(days=7)), scenarios, (Asset("C", 0),))
    assert array.values[0] + array.profits[0, 0] == 10_000_00


# Errors of computing.


@pytest.mark.parametrize(
    ("scenario", "asset", "reason"),
    [
        ((), "C", r"^scenarios\[0\]\.moves: none is of underlying 'BTC' \(missing-move\)"),
        ((Move("ETH"), Move()), "C", r"the market has no underlying 'ETH' \(unknown-underlying\)"),
        (
            (Move(addition=d(-70_001)),),
            "C",
            r"^scenarios\[0\]: the forward of an option .* \(negative-price\)",
        ),
        ((Move(addition=d(-70_001)),), "F", r"^scenarios\[0\]: the price of 'F' would be negative"),
    ],
)
def test_scenarios_that_do_not_fit(scenario: tuple[Move, ...], asset: str, reason: str) -> None:
    market = one_option(NOW + timedelta(days=7))
    with pytest.raises(MarketError, match=reason):
        compute_risk_array(market, ScenarioSet((MarketScenario("x", scenario),)), (Asset(asset, 0),))


def test_prices_may_fall_to_zero() -> None:
    scenarios = ScenarioSet((MarketScenario("x", (Move(addition=d(-70_000)),)),))
    assets = (Asset("C", 0), Asset("F", 0))
    array = compute_risk_array(one_option(NOW + timedelta(days=7)), scenarios, assets)
    assert (array.values + array.profits[0]).tolist() == [0, 0]


def test_an_inverse_contract_at_zero_is_refused() -> None:
    scenarios = ScenarioSet((MarketScenario("x", (Move(None, d(0)),)),))
    with pytest.raises(
        MarketError, match="'BTC-PERP-INVERSE' would be negative, or that of an inverse contract zero"
    ):
        compute_risk_array(MARKET, scenarios, (Asset("BTC-PERP-INVERSE", 0),))


def test_an_asset_without_an_instrument_is_refused() -> None:
    with pytest.raises(MarketError, match=r"the market has no instrument 'DOGE' \(unknown-instrument\)"):
        compute_risk_array(MARKET, SCENARIOS, (Asset("DOGE", 8),))


@pytest.mark.parametrize("scale", [-1, 37])
def test_a_greek_scale_out_of_range_is_refused(scale: int) -> None:
    with pytest.raises(MarketError, match=r"^scale of delta: is not between 0 and 36 \(number\)"):
        compute_risk_array(MARKET, SCENARIOS, ASSETS, {Greek.DELTA: scale})


def test_a_scale_too_fine_for_floats_is_refused() -> None:
    market = dataclasses.replace(one_option(NOW + timedelta(days=7)), scale=10)
    with pytest.raises(MarketError, match=r"^instrument 'C': its figures are above 2\^48 units") as error:
        compute_risk_array(market, ScenarioSet(()), (Asset("C", 0),))
    assert error.value.code is MarketCode.PRECISION
    # The value would fit; six times the forward does not.
    market, scenarios = (
        dataclasses.replace(market, scale=9),
        ScenarioSet((MarketScenario("x", (Move(None, d(6)),)),)),
    )
    compute_risk_array(market, ScenarioSet(()), (Asset("C", 0),))
    with pytest.raises(MarketError, match=r"2\^48 units"):
        compute_risk_array(market, scenarios, (Asset("C", 0),))
    with pytest.raises(MarketError, match=r"^instrument 'C': its figures are above 2\^44 units"):
        compute_risk_array(market, ScenarioSet(()), (Asset("C", 0),), {Greek.DELTA: 14})


def test_an_entry_beyond_64_bits_is_refused() -> None:
    market = dataclasses.replace(one_option(NOW + timedelta(days=7)), scale=15)
    with pytest.raises(MarketError, match=r"an entry exceeds 64 bits.*\(range\)"):
        compute_risk_array(market, ScenarioSet(()), (Asset("F", 0),))


def test_nothing_to_compute() -> None:
    array = compute_risk_array(MARKET, ScenarioSet(()), (Asset("USDC", 6),))
    assert array.profits.shape == (0, 1)
    check_risk_array(array, MARKET, ScenarioSet(()), (Asset("USDC", 6),))


# Rounding.


@given(st.lists(st.integers(-(10**21), 10**21), min_size=1, max_size=20), st.sampled_from([1, 2, 10, 1000]))
def test_exact_rounding_is_to_the_nearest_ties_to_even(numerators: list[int], denominator: int) -> None:
    numerators = [max(-(2**62), min(2**62, numerator)) for numerator in numerators]
    found = round_exact(np.array(numerators, dtype=object), denominator)
    assert found.tolist() == [round(Fraction(numerator, denominator)) for numerator in numerators]


def test_floats_are_rounded_the_same_way() -> None:
    figures = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 1.4999])
    assert round_floats(figures, np.abs(figures), 10.0, list("abcdef")).tolist() == [0, 2, 2, 0, -2, 1]


@pytest.mark.parametrize("figure", [math.nan, math.inf, 11.0])
def test_floats_that_are_none_or_too_large_are_refused(figure: float) -> None:
    figures = np.array([[1.0, 1.0], [1.0, figure]])
    with pytest.raises(MarketError, match="instrument 'b'"):
        round_floats(figures, np.abs(figures), 10.0, ["a", "b"])


# What a check refuses.


def altered(**changes: Any) -> RiskArray:
    return dataclasses.replace(PUBLISHED, **changes)


def off_by(row: IntArray, place: int | tuple[int, int], difference: int) -> IntArray:
    result = row.copy()
    result[place] += difference
    return result


def place_of(asset_id: str) -> int:
    return [asset.id for asset in ASSETS].index(asset_id)


OPTION: Final = place_of("BTC-FEB-75000-C")
PERP: Final = place_of("BTC-PERP")


def check(array: RiskArray) -> None:
    check_risk_array(array, MARKET, SCENARIOS, ASSETS, SCALES)


@pytest.mark.parametrize("sign", [1, -1])
def test_options_may_differ_by_one_unit_and_no_more(sign: int) -> None:
    # Whoever computes it elsewhere may find a neighbour: start from what is computed here.
    computed = compute_risk_array(MARKET, SCENARIOS, ASSETS, SCALES)

    def with_entry(difference: int) -> list[RiskArray]:
        greeks = [
            dataclasses.replace(row, entries=off_by(row.entries, OPTION, difference))
            for row in computed.greeks
        ]
        return [
            dataclasses.replace(computed, values=off_by(computed.values, OPTION, difference)),
            dataclasses.replace(computed, profits=off_by(computed.profits, (2, OPTION), difference)),
            *(
                dataclasses.replace(
                    computed, greeks=(*computed.greeks[:place], row, *computed.greeks[place + 1 :])
                )
                for place, row in enumerate(greeks)
            ),
        ]

    for array in with_entry(sign):
        check(array)
    names = ["value", "profit in scenario 'spot down, volatility down'", "delta", "gamma", "vega", "theta"]
    for name, array in zip(names, with_entry(2 * sign), strict=True):
        with pytest.raises(RiskArrayError, match="may differ by 1") as error:
            check(array)
        assert (error.value.code, error.value.where) == (RiskArrayCode.ENTRY, f"{name} of 'BTC-FEB-75000-C'")


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_computed_exactly_may_not_differ(sign: int) -> None:
    for array, name in (
        (altered(values=off_by(PUBLISHED.values, PERP, sign)), "value"),
        (altered(profits=off_by(PUBLISHED.profits, (0, PERP), sign)), "profit in scenario 'unchanged'"),
    ):
        with pytest.raises(
            RiskArrayError, match=f"^{name} of 'BTC-PERP': published .*, may differ by 0"
        ) as error:
            check(array)
        assert error.value.code is RiskArrayCode.ENTRY


@pytest.mark.parametrize("entry", [2**63 - 1, -(2**63)])
def test_differences_do_not_wrap_around(entry: int) -> None:
    values = PUBLISHED.values.copy()
    values[OPTION] = entry
    with pytest.raises(RiskArrayError, match=f"published {entry}, computed"):
        check(altered(values=values))


HEADERS: Final[dict[str, tuple[RiskArray, str]]] = {
    "assets": (altered(assets=ASSETS[::-1]), "^assets: not those"),
    "decimals": (altered(assets=(Asset(ASSETS[0].id, 0), *ASSETS[1:])), "^assets: not those"),
    "scenarios": (altered(scenarios=PUBLISHED.scenarios[::-1]), "^scenarios: not those"),
    "scale": (altered(scale=7), "^scale: not those"),
    "no-greeks": (altered(greeks=()), "^greeks: not those asked for"),
    "greek-order": (altered(greeks=PUBLISHED.greeks[::-1]), "^greeks: not those asked for"),
    "greek-scale": (
        altered(greeks=(dataclasses.replace(PUBLISHED.greeks[0], scale=3), *PUBLISHED.greeks[1:])), "^greeks: not",
    ),
    "short-values": (altered(values=PUBLISHED.values[1:]), "^value: is not one 64-bit integer for each asset"),
    "scenario-missing": (altered(profits=PUBLISHED.profits[1:]), "^profits: is not one row for each scenario"),
    "asset-missing": (altered(profits=PUBLISHED.profits[:, 1:]), "^profit in scenario 'unchanged': is not one"),
    "floats": (altered(values=PUBLISHED.values.astype(np.float64)), "^value: is not one 64-bit integer"),
    "short-greek": (
        altered(greeks=(dataclasses.replace(PUBLISHED.greeks[0], entries=PUBLISHED.values[1:]), *PUBLISHED.greeks[1:])),
        "^delta: is not one 64-bit integer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_headers_must_agree(name: str) -> None:
    array, reason = HEADERS[name]
    with pytest.raises(RiskArrayError, match=reason) as error:
        check(array)
    assert error.value.code is RiskArrayCode.HEADER


def changed_price(place: int, **figures: Decimal) -> MarketSnapshot:
    instruments: Sequence[Any] = MARKET.instruments
    return dataclasses.replace(
        MARKET,
        instruments=(
            *instruments[:place], dataclasses.replace(instruments[place], **figures), *instruments[place + 1 :],
        ),
    )  # fmt: skip


def test_another_market_or_another_scenario_is_found_out() -> None:
    with pytest.raises(RiskArrayError, match=r"^value of 'BTC-PERP'"):
        check_risk_array(PUBLISHED, changed_price(PERP, mark=d("70011.4")), SCENARIOS, ASSETS, SCALES)
    with pytest.raises(RiskArrayError, match=r"^value of 'BTC-FEB-75000-C'"):
        check_risk_array(PUBLISHED, changed_price(OPTION, volatility=d("0.5501")), SCENARIOS, ASSETS, SCALES)
    heavier = dataclasses.replace(SCENARIOS.scenarios[3], weight=d("0.121"))
    scenarios = ScenarioSet((*SCENARIOS.scenarios[:3], heavier, *SCENARIOS.scenarios[4:]))
    with pytest.raises(RiskArrayError, match=r"^profit in scenario 'spot doubles' of 'BTC'"):
        check_risk_array(PUBLISHED, MARKET, scenarios, ASSETS, SCALES)


def test_order_of_assets_is_that_of_the_book() -> None:
    """Columns follow the assets, whatever the order of instruments in the market."""
    reversed_array = compute_risk_array(MARKET, SCENARIOS, ASSETS[::-1], SCALES)
    computed = compute_risk_array(MARKET, SCENARIOS, ASSETS, SCALES)
    assert reversed_array.profits[:, ::-1].tolist() == computed.profits.tolist()
    assert json.dumps(reversed_array.values[::-1].tolist()) == json.dumps(computed.values.tolist())
