"""The portfolio margin in floats: all 40 vectors, every quantity; properties that hold of any account; the command."""

from __future__ import annotations

import dataclasses
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pmrm2_support import BY_NAME, CASES, VECTORS, document

from circuits.pmrm2.case_file import Case, load_case, parse_case
from circuits.pmrm2.definition import disc, margin, naked_shorts, rate, trusted_margin, unsettled
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
    trusted_scenarios,
)
from circuits.pmrm2.unit_prices import Terms, down_multiplier, smile_volatility, unit_prices, up_multiplier
from primitives.strict_json import JsonError

ROOT: Final = Path(__file__).parent.parent
ORIGINALS: Final = ROOT.parent / "shared" / "data" / "pmrm2"
NEEDS_ORIGINALS: Final = pytest.mark.skipif(
    not ORIGINALS.is_dir(), reason=f"the case files are not at hand ({ORIGINALS.name})"
)
NAMES: Final = list(BY_NAME)


def close(expected: Any) -> Any:
    """Within 1e-11 relative. Differences of large numbers that cancel to less than 1e-11 are noise."""
    return pytest.approx(expected, rel=1e-11, abs=1e-11)


def read(name: str) -> Case:
    return parse_case(json.dumps(document(name)).encode())


def changed(case: Case, **position: Any) -> Position:
    return dataclasses.replace(case.position, **position)


# The vectors.


@pytest.mark.parametrize("name", NAMES)
def test_every_quantity_of_the_vectors(name: str) -> None:
    case, expected = read(name), BY_NAME[name]["results"]
    result = margin(case.market, case.parameters, case.position)
    assert case.unused == ()
    assert result.phi.tolist() == close(expected["phi"])
    assert result.beta == close(expected["beta"])
    assert result.omega == close(min([expected["beta"], *expected["phi"]]))
    assert {str(e): value for e, value in enumerate(result.values.mark) if str(e) in expected["M"]} == close(
        expected["M"]
    )
    for expiry, discounts in expected["discounts"].items():
        assert [result.lam[int(expiry)], result.mu[int(expiry)]] == close(discounts)
    assert result.collateral_value.sum() == close(expected["collateral_value"])
    assert result.value == close(expected["V"])
    assert unsettled(case.position) == close(expected["u"])
    assert [result.f_mm, result.f_im] == close([expected["f_MM"], expected["f_IM"]])
    for charge in ("perp", "short_options", "collateral"):
        found = getattr(result, charge)
        assert [found.maintenance, found.added_for_initial] == close(expected[charge])
    assert result.confidence.maintenance == 0.0
    assert result.confidence.added_for_initial == close(expected["confidence"])
    assert [result.mm, result.im] == close([expected["MM"], expected["IM"]])


@pytest.mark.parametrize("name", NAMES)
def test_volatility_multipliers_of_the_vectors(name: str) -> None:
    case, expected = read(name), BY_NAME[name]["results"]
    terms, shock = Terms.of(case.market), case.parameters.volatility_shock
    assert up_multiplier(terms, shock)[terms.expiry].tolist() == close(expected["up_multipliers"])
    assert down_multiplier(terms, shock)[terms.expiry].tolist() == close(expected["down_multipliers"])


def test_mark_volatilities_come_from_the_stored_smiles() -> None:
    compared = 0
    for case in CASES:
        for expiry, strike, _, volatility, _ in case["options"]:
            smile = tuple(case["expiries"][expiry][-1])
            assert smile_volatility(strike, smile) == pytest.approx(volatility, rel=1e-12)
            compared += 1
    assert compared == 402


def test_vectors_reach_both_orders_of_the_discounts() -> None:
    pairs = [pair for case in CASES for pair in case["results"]["discounts"].values()]
    assert {np.sign(mu - lam) for lam, mu in pairs} == {-1.0, 0.0, 1.0}


@NEEDS_ORIGINALS
def test_vectors_are_what_the_generator_writes() -> None:
    generator = runpy.run_path(str(ROOT / "tests" / "vectors" / "generate_pmrm2.py"))
    assert {path.name: path.read_text() for path in VECTORS.iterdir()} == generator["files"](ORIGINALS)


@NEEDS_ORIGINALS
def test_the_case_files_themselves() -> None:
    paths = sorted(ORIGINALS.glob("*.json"))
    assert [path.stem for path in paths] == NAMES
    for path in paths:
        case, expected = load_case(path), json.loads(path.read_text())["Result"]
        result = margin(case.market, case.parameters, case.position)
        assert [result.im, result.mm] == close([expected["IM"], expected["MM"]]), path.name
        assert case.unused == ()


# What holds of any account.


def test_an_empty_account_has_no_margin_and_needs_none() -> None:
    for name in NAMES:
        case = read(name)
        empty = Position(
            (0.0,) * len(case.market.options), 0.0, 0.0, 0.0, (0.0,) * len(case.market.collaterals)
        )
        result = margin(case.market, case.parameters, empty)
        assert (result.im, result.mm, result.omega) == (0.0, 0.0, 0.0)


@given(st.sampled_from(NAMES), st.floats(0.001, 1000.0))
@settings(max_examples=60)
def test_margin_scales_with_the_position(name: str, factor: float) -> None:
    case, position = read(name), read(name).position
    scaled = Position(
        tuple(factor * amount for amount in position.options),
        factor * position.perp,
        factor * position.unsettled,
        factor * position.cash,
        tuple(factor * amount for amount in position.collaterals),
    )
    one, many = (margin(case.market, case.parameters, each) for each in (position, scaled))
    assert [many.im, many.mm] == pytest.approx(
        [factor * one.im, factor * one.mm], rel=1e-9, abs=1e-6 * factor
    )


@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_initial_margin_is_never_above_maintenance_margin(name: str, seed: int) -> None:
    case, random = read(name), np.random.default_rng(seed)
    options = tuple(random.normal(size=len(case.market.options)).tolist())
    position = changed(case, options=options, perp=float(random.normal()))
    result = margin(case.market, case.parameters, position)
    assert result.omega <= 0.0
    assert result.beta <= 0.0
    assert case.parameters.loss_factors.maintenance_factor <= result.f_im
    assert result.im <= result.mm


def test_each_charge_by_hand() -> None:
    """One expiry, so far away in rates and volatilities that nothing but the charges is left."""
    market = Market(
        2000.0, 0.5, 2010.0, 0.4, 0.9,
        (Expiry(0, 1000.0, 0.0, 0.45, 1.0, 1.0),),
        (Option(0, 1000.0, True, 0.0), Option(0, 1000.0, False, 0.0)),
        (Collateral("C", 9.0, 0.3, True, 0.1, 0.2),),
    )  # fmt: skip
    other = dataclasses.replace(
        read("e8_strike_pairs").parameters.other,
        confidence_threshold=0.6, confidence_margin=1.0, maintenance_perp=0.01, initial_perp=0.02,
        maintenance_option=0.001, initial_option=0.002, peg_threshold=1.0, peg_factor=10.0,
    )  # fmt: skip
    parameters = dataclasses.replace(read("e8_strike_pairs").parameters, scenarios=(), other=other)
    held = Position((-3.0, 1.0), -2.0, 7.0, 11.0, (4.0,))
    result = margin(market, parameters, held)
    assert result.collateral_value.tolist() == [40.0]
    assert (result.perp.maintenance, result.perp.added_for_initial) == (40.0, 80.0)
    assert naked_shorts(market, held) == 2.0
    assert (result.short_options.maintenance, result.short_options.added_for_initial) == (4.0, 8.0)
    assert (result.collateral.maintenance, result.collateral.added_for_initial) == (4.0, 8.0)
    # kP = 0.4 for perp and expiry; for the collateral min(kS, kC) = 0.3, which the perp feed has no part in.
    assert result.confidence.added_for_initial == pytest.approx(0.6 * 2000 * 2 + 0.6 * 2000 * 4 + 0.7 * 40)
    assert result.value == 11.0 + 7.0 + 40.0
    without = margin(market, parameters, dataclasses.replace(held, perp=0.0))
    assert without.value == 11.0 + 40.0
    # Without a perp min(kS, kV) = 0.45.
    assert without.confidence.added_for_initial == pytest.approx(0.55 * 2000 * 4 + 0.7 * 40)
    assert result.f_im == pytest.approx(parameters.loss_factors.initial_factor + 0.1 * 10.0)


def test_confidence_at_the_threshold_costs_nothing() -> None:
    other = read("g00").parameters.other
    assert rate(other.confidence_threshold, other) == 0.0
    below = np.nextafter(other.confidence_threshold, 0.0).item()
    assert rate(below, other) == pytest.approx((1.0 - below) * other.confidence_margin)


def test_static_discount_goes_by_the_sign() -> None:
    values = np.array([2.0, 0.0, -2.0])
    assert disc(values, np.full(3, 0.5), np.full(3, 3.0)).tolist() == [1.0, 0.0, -6.0]


def test_skew_takes_the_absolute_loss_per_expiry() -> None:
    """A gain in one expiry does not pay for the loss in another."""
    case = read("g14")
    result = margin(case.market, case.parameters, case.position)
    skew = [s for s, scenario in enumerate(case.parameters.scenarios) if scenario.shock.is_skew]
    change = disc(result.values.shocked[skew], result.lam, result.mu) - result.values.mark
    assert len({*np.sign(change[0]).tolist()}) == 2, "both signs occur"
    assert result.phi[skew].tolist() == pytest.approx((-np.abs(change).sum(axis=1)).tolist())


def test_expired_options_are_worth_their_intrinsic_value_in_all_scenarios() -> None:
    case = read("e2_expired")
    prices = unit_prices(case.market, case.parameters)
    assert case.market.expiries[0].seconds == 0
    assert prices.mark[:2].tolist() == [249.0, 251.0]
    assert (prices.shocked[:, :2] == prices.mark[:2]).all(), "the whole forward is fixed"


def test_the_trusted_check_has_three_scenarios() -> None:
    case = read("g01")
    basis = case.parameters.basis
    assert trusted_scenarios(basis) == tuple(
        Scenario(spot, Shock.NONE, 1.0) for spot in (basis.spot_up, basis.spot_down, 1.0)
    )
    trusted = trusted_margin(case.market, case.parameters, case.position)
    assert trusted.phi.shape == (3,)
    assert trusted.mm > margin(case.market, case.parameters, case.position).mm


def test_a_position_must_fit_the_market() -> None:
    case = read("g00")
    for name, listed in (("options", case.market.options), ("collaterals", case.market.collaterals)):
        short = changed(case, **{name: getattr(case.position, name)[1:]})
        with pytest.raises(MarginInputError, match=f"^{name}: {len(listed) - 1} amounts for the market's"):
            margin(case.market, case.parameters, short)


@pytest.mark.parametrize(
    ("cash", "options"), [(1e308, 1e308), (-1e308, -1e308)], ids=["infinite", "not-a-number"]
)
def test_what_overflows_is_refused(cash: float, options: float) -> None:
    case = read("g00")
    with pytest.raises(MarginInputError, match="exceeds the range"):
        margin(
            case.market,
            case.parameters,
            changed(case, cash=cash, options=(options,) * len(case.market.options)),
        )


# What parameters and inputs may be.


def nothing(cls: Any) -> dict[str, float]:
    return {field.name: 0.5 for field in dataclasses.fields(cls)}


@pytest.mark.parametrize(
    ("cls", "field", "value", "reason"),
    [
        (VolatilityShock, "range_up", -0.1, "not at least 0"),
        (VolatilityShock, "range_down", -0.1, "not at least 0"),
        (VolatilityShock, "minimum_shocked", -0.1, "not at least 0"),
        (VolatilityShock, "floor_days", -0.1, "not at least 0"),
        (VolatilityShock, "long_term_power", float("nan"), "not a finite"),
        (SkewShock, "minimum_k_star", -0.1, "not at least 0"),
        (SkewShock, "abs_cap", float("inf"), "not a finite"),
        (LossFactors, "initial_factor", -1.0, "not at least 0"),
        (LossFactors, "maintenance_factor", -1.0, "not at least 0"),
        (LossFactors, "long_base", -1.0, "not at least 0"),
        (LossFactors, "short_base", -1.0, "not at least 0"),
        (LossFactors, "short_rate_multiple", float("nan"), "not a finite"),
        (BasisContingency, "addition", -1.0, "not at least 0"),
        (BasisContingency, "multiple", float("nan"), "not a finite"),
        (OtherContingencies, "peg_factor", float("nan"), "not a finite"),
        (OtherContingencies, "initial_option", -0.1, "not at least 0"),
        (Expiry, "forward", 0.0, "not above 0"),
        (Expiry, "rate", float("nan"), "not a finite"),
        (Expiry, "volatility_confidence", 1.1, "not between 0 and 1"),
        (Expiry, "forward_confidence", -0.1, "not between 0 and 1"),
        (Expiry, "rate_confidence", 1.1, "not between 0 and 1"),
    ],
)
def test_figures_out_of_range_are_refused(cls: Any, field: str, value: float, reason: str) -> None:
    cls(**nothing(cls))
    with pytest.raises(MarginInputError, match=f"^{field}: .* {reason}"):
        cls(**{**nothing(cls), field: value})


EXPIRY: Final = Expiry(100.0, 50.0, 0.0, 1.0, 1.0, 1.0)
OPTION: Final = Option(0, 50.0, True, 0.5)
NAN: Final = float("nan")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Option(0, NAN, True, 0.5), "^strike: nan is not a finite"),
        (lambda: Option(0, 50.0, True, NAN), "^volatility: nan is not a finite"),
        (lambda: Collateral("C", NAN, 1.0, True, 0.0, 0.0), "^price: nan is not a finite"),
        (lambda: Collateral("C", 1.0, 1.1, True, 0.0, 0.0), "^confidence: 1.1 is not between 0 and 1"),
        (lambda: Market(NAN, 1.0, 1.0, 1.0, 1.0, (), (), ()), "^spot: nan is not a finite"),
        (lambda: Market(1.0, 1.0, 1.0, 1.0, 1.0, (), (OPTION,), ()), "^options: there is no expiry 0"),
        (
            lambda: Market(1.0, 1.0, 1.0, 1.0, 1.0, (EXPIRY,) * 2, (), ()),
            "^expiries.1.: 100.0 is there already",
        ),
        (
            lambda: Market(1.0, 1.0, 1.0, 1.0, 1.0, (EXPIRY,), (OPTION,) * 2, ()),
            "^options.1.: .* is there already",
        ),
        (lambda: Position((), NAN, 0.0, 0.0, ()), "^perp: nan is not a finite"),
        (lambda: Position((1.0, NAN), 0.0, 0.0, 0.0, ()), "^options.1.: nan is not a finite"),
        (lambda: Position((), 0.0, 0.0, 0.0, (1.0, NAN)), "^collaterals.1.: nan is not a finite"),
        (
            lambda: Position((), 0.0, 0.0, 0.0, (1.0, -1.0)),
            "^collaterals.1.: the amount of a collateral is below 0",
        ),
    ],
)
def test_inputs_are_validated(make: Any, reason: str) -> None:
    with pytest.raises(MarginInputError, match=reason):
        make()


def test_rates_below_zero_and_expiries_past_count_as_zero() -> None:
    market = Market(1.0, 1.0, 1.0, 1.0, 1.0, (Expiry(-5.0, 100.0, -0.3, 1.0, 1.0, 1.0),), (), ())
    terms = Terms.of(market)
    assert (terms.seconds.item(), terms.rate.item(), terms.discount.item()) == (0.0, 0.0, 1.0)
    assert (terms.moving.item(), terms.fixed.item()) == (0.0, 100.0)


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ((1.1, Shock.LINEAR), "skew scenario .Linear. may not move the spot, here by 1.1"),
        ((0.9, Shock.ABS, 0.0), "skew scenario .Abs. may not move the spot"),
        ((-0.1, Shock.UP), "spot: -0.1 is not at least 0"),
        ((1.0, Shock.UP, -1.0), "dampening: -1.0 is not at least 0"),
        ((float("nan"), Shock.UP), "spot: nan is not a finite number"),
    ],
)
def test_scenarios_are_validated(scenario: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(MarginInputError, match=reason):
        Scenario(*scenario)


def test_shocks_are_read_in_any_case_and_nothing_else() -> None:
    assert [Shock.parse(text) for text in ("UP", "down", "None", "LINEAR", "Abs")] == [
        Shock.UP, Shock.DOWN, Shock.NONE, Shock.LINEAR, Shock.ABS,
    ]  # fmt: skip
    with pytest.raises(
        MarginInputError, match="'sideways' is unknown; there are None, Up, Down, Linear, Abs"
    ):
        Shock.parse("sideways")


def with_parameters(case: Case, section: str, **values: float) -> Parameters:
    return dataclasses.replace(
        case.parameters, **{section: dataclasses.replace(getattr(case.parameters, section), **values)}
    )


def test_k_star_of_zero_is_an_error() -> None:
    case = read("e2_expired")
    parameters = with_parameters(case, "skew_shock", minimum_k_star=0.0)
    with pytest.raises(MarginInputError, match=r"expiries\[0\]: k\* is 0"):
        margin(case.market, parameters, case.position)


def test_no_days_and_no_floor_is_an_error() -> None:
    case = read("e2_expired")
    parameters = with_parameters(case, "volatility_shock", floor_days=0.0)
    with pytest.raises(MarginInputError, match="DTE_FLOOR: is 0"):
        margin(case.market, parameters, case.position)


# Case files.


def edit(path: str, value: Any) -> Any:
    """A change to the case file ``e9_large_all_terms``: the field at `path` becomes `value`, or goes if it is None."""

    def change(case: dict[str, Any]) -> None:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        inner: Any = case
        for key in parents:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value

    return change


REFUSED: Final[dict[str, tuple[str, Any, str]]] = {
    "no-scenario": ("Scenario", None, r"^\$: field 'Scenario' is missing"),
    "no-parameters": ("Parameters", None, r"^\$: field 'Parameters' is missing"),
    "no-cash": ("Scenario.Cash", None, r"^\$\.Scenario: field 'Cash' is missing"),
    "no-confidence": ("Scenario.StableConfidence", None, "field 'StableConfidence' is missing"),
    "no-parameter": ("Parameters.Margin.MM_LOSS_FACTOR", None, r"^\$\.Parameters\.Margin: field 'MM_LOSS_FACTOR'"),
    "text": ("Scenario.Cash", "1,000", r"^\$\.Scenario\.Cash: '1,000' is not a number"),
    "nan-text": ("Scenario.SpotPrice", "NaN", r"SpotPrice: 'NaN' is not a number"),
    "nan": ("Scenario.SpotPrice", float("nan"), r"^\$: NaN is not a number"),
    "infinity": ("Scenario.SpotPrice", float("-inf"), r"^\$: -Infinity is not a number"),
    "huge": ("Scenario.SpotPrice", "1e999", "SpotPrice: exceeds the range"),
    "huge-integer": ("Scenario.SpotPrice", 10**400, "SpotPrice: exceeds the range"),
    "truth": ("Scenario.SpotPrice", True, "SpotPrice: expected a number"),
    "zero-spot": ("Scenario.SpotPrice", 0, r"SpotPrice: 0\.0 is not above 0"),
    "zero-stable": ("Scenario.StablePrice", 0, r"StablePrice: 0\.0 is not above 0"),
    "negative-perp-price": ("Scenario.PerpPrice", -1, "PerpPrice: -1.0 is not at least 0"),
    "spot-confidence": ("Scenario.SpotConfidence", 1.5, "SpotConfidence: 1.5 is not between 0 and 1"),
    "perp-confidence": ("Scenario.PerpConfidence", -0.5, "PerpConfidence: -0.5 is not between 0 and 1"),
    "options-object": ("Scenario.Options", {}, r"Options: expected a list"),
    "many-options": ("Scenario.Options", [0] * 10_001, "Options: has 10001 entries, more than 10000"),
    "option-number": ("Scenario.Options.0", 3, r"Options\[0\]: expected an object"),
    "strike": ("Scenario.Options.1.Strike", -5, r"Options\[1\]\.Strike: -5\.0 is not above 0"),
    "volatility": ("Scenario.Options.1.MarkVol", -0.1, r"Options\[1\]\.MarkVol: -0\.1 is not at least 0"),
    "call": ("Scenario.Options.0.IsCall", 2, r"Options\[0\]\.IsCall: expected true, false, 1 or 0"),
    "call-text": ("Scenario.Options.0.IsCall", "1", r"IsCall: expected true, false, 1 or 0"),
    "no-feed": ("Scenario.Options.0.Expiry", 17, r"Options\[0\]\.Expiry: no entry of OptionFeeds has this expiry"),
    "zero-forward": ("Scenario.OptionFeeds.1.Forward", 0, r"OptionFeeds\[1\]\.Forward: 0\.0 is not above 0"),
    "volatility-confidence": (
        "Scenario.OptionFeeds.0.OptionVolConfidences", 2, r"OptionFeeds\[0\]\.OptionVolConfidences: 2\.0 is not",
    ),
    "smile": ("Scenario.OptionFeeds.0.SVIparam", [1, 2], "SVIparam: expected a list of 7 numbers"),
    "smile-text": ("Scenario.OptionFeeds.0.SVIparam.3", "x", r"SVIparam\[3\]: 'x' is not a number"),
    "collateral-name": ("Scenario.Collaterals.0.Name", 5, r"Collaterals\[0\]\.Name: expected text"),
    "collateral-amount": ("Scenario.Collaterals.0.Amount", -1, r"Collaterals\[0\]\.Amount: is below 0"),
    "collateral-price": ("Scenario.Collaterals.1.Price", -1, r"Collaterals\[1\]\.Price: -1\.0 is not at least 0"),
    "collateral-haircut": ("Scenario.Collaterals.0.MMHaircut", -1, "MMHaircut: -1.0 is not at least 0"),
    "collateral-flag": ("Scenario.Collaterals.0.IsRiskCancelling", "yes", "expected true, false, 1 or 0"),
    "direction": (
        "Parameters.Scenarios.2.VolShockDirection", "Sideways",
        r"Scenarios\[2\]\.VolShockDirection: 'Sideways' is unknown; there are None, Up",
    ),
    "direction-null": ("Parameters.Scenarios.2.VolShockDirection", 1, r"VolShockDirection: expected text"),
    "skew-with-spot": (
        "Parameters.Scenarios.27.SpotShock", 1.05, r"Scenarios\[27\]\.SpotShock: a skew scenario .* by 1\.05",
    ),
    "dampening": ("Parameters.Scenarios.0.DampeningFactor", -1, r"Scenarios\[0\]\.DampeningFactor: -1\.0 is not"),
    "loss-factor": ("Parameters.Margin.IM_LOSS_FACTOR", -1, r"Margin\.IM_LOSS_FACTOR: -1\.0 is not at least 0"),
    "k-star": ("Parameters.SkewShock.MIN_K_STAR", -1, r"SkewShock\.MIN_K_STAR: -1\.0 is not at least 0"),
    "shock-range": ("Parameters.VolShock.VOLRANGEUP", -1, r"VolShock\.VOLRANGEUP: -1\.0 is not at least 0"),
    "basis": ("Parameters.BasisContingency.SCENARIO_SPOT_UP", -1, "SCENARIO_SPOT_UP: -1.0 is not at least 0"),
    "charge": ("Parameters.OtherContingency.CONF_MARGIN", -1, "CONF_MARGIN: -1.0 is not at least 0"),
}  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "circuits.pmrm2", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


@pytest.mark.parametrize("name", REFUSED)
def test_case_files_that_are_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from circuits.pmrm2.__main__ import main

    path, value, reason = REFUSED[name]
    case = document("e9_large_all_terms")
    edit(path, value)(case)
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    with pytest.raises(JsonError, match=reason) as error:
        load_case(file)
    assert main([str(file)]) == 3
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"case.json: {error.value}\n")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"^\$: not JSON at line 1"),
        (b"\xff", r"^\$: not UTF-8 at byte 0"),
        (b"[]", r"^\$: expected an object"),
        (b'{"Scenario": {}, "Scenario": {}}', "'Scenario' appears twice in one object"),
        (b'{"Scenario": ' + b"1" * 5000 + b"}", "holds an integer of too many digits"),
        (b'{"Scenario": ' + b"[" * 100_000 + b"}", "nested more than 64 levels deep"),
    ],
    ids=["empty", "not-utf-8", "list", "twice", "digits", "deep"],
)
def test_texts_that_are_no_case(data: bytes, reason: str) -> None:
    with pytest.raises(JsonError, match=reason):
        parse_case(data)


def test_listed_twice_is_refused() -> None:
    case = document("g00")
    case["Scenario"]["Options"].append(case["Scenario"]["Options"][0])
    with pytest.raises(JsonError, match=r"^\$\.Scenario\.options\[\d+\]: .* is there already"):
        parse_case(json.dumps(case).encode())
    case = document("g00")
    case["Scenario"]["OptionFeeds"].append(case["Scenario"]["OptionFeeds"][0])
    with pytest.raises(
        Exception, match=r"OptionFeeds\[1\]\.FeedExpiry: there is a feed of this expiry already"
    ):
        parse_case(json.dumps(case).encode())


def test_a_case_too_large_or_absent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JsonError, match="cannot be read: No such file"):
        load_case(tmp_path / "none.json")
    monkeypatch.setattr("circuits.pmrm2.case_file.MAX_CASE_BYTES", 10)
    (tmp_path / "large.json").write_text(json.dumps(document("g00")))
    with pytest.raises(JsonError, match="has more than 10 bytes"):
        load_case(tmp_path / "large.json")


def test_numbers_may_be_text_and_names_that_no_formula_uses_are_told() -> None:
    plain, case = document("g01"), document("g01")
    case["Scenario"]["SpotPrice"] = str(case["Scenario"]["SpotPrice"])
    case["Scenario"]["NumPerps_NORMAL"] = 1
    case["Scenario"]["Comment"] = "x"
    case["Parameters"]["Margin"]["EXTRA"] = 1
    case["Parameters"]["Other"] = {}
    found = parse_case(json.dumps(case).encode())
    assert found.unused == ("$.Scenario.Comment", "$.Parameters.Margin.EXTRA", "$.Parameters.Other")
    assert dataclasses.replace(found, unused=()) == parse_case(json.dumps(plain).encode())


def test_the_command_prints_both_margins(tmp_path: Path) -> None:
    case = document("e9_large_all_terms")
    case["Scenario"]["Comment"] = "x"
    (tmp_path / "case.json").write_text(json.dumps(case))
    done = run(str(tmp_path / "case.json"))
    assert done.returncode == 0
    assert done.stderr == "case.json: $.Scenario.Comment: not a field of the format, passed over\n"
    expected = BY_NAME["e9_large_all_terms"]["results"]
    assert json.loads(done.stdout) == close({"IM": expected["IM"], "MM": expected["MM"]})


def test_the_command_prints_every_intermediate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from circuits.pmrm2.__main__ import main

    (tmp_path / "case.json").write_text(json.dumps(document("e9_large_all_terms")))
    assert main([str(tmp_path / "case.json"), "--all"]) == 0
    printed, expected = json.loads(capsys.readouterr().out), BY_NAME["e9_large_all_terms"]["results"]
    assert [scenario["phi"] for scenario in printed["scenarios"]] == close(expected["phi"])
    assert printed["contingencies"]["confidence"]["added_for_IM"] == close(expected["confidence"])
    assert printed["expiries"]["lambda"] == close([pair[0] for pair in expected["discounts"].values()])
    charges = printed["contingencies"].values()
    maintenance = sum(charge["MM"] for charge in charges)
    added = sum(charge["added_for_IM"] for charge in charges)
    value, omega = printed["V"], printed["omega"]
    assert printed["MM"] == close(value + printed["f_MM"] * omega - maintenance)
    assert printed["IM"] == close(value + printed["f_IM"] * omega - maintenance - added)


def test_wrong_usage_exits_with_2() -> None:
    done = run()
    assert done.returncode == 2
    assert "CASE.json" in done.stderr
