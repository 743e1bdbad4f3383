"""Market snapshots and scenarios: what they may hold, and their JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import runpy
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.market.decimals import check_number, decimal_places, decimal_text, parse_decimal
from circuits.market.document import MarketDocument, parse_market
from circuits.market.errors import MarketCode, MarketError
from circuits.market.scenarios import (
    MarketScenario,
    Move,
    ScenarioSet,
    VolatilityMove,
    parse_scenarios,
    scenarios_to_json,
)
from circuits.market.snapshot import (
    Cash,
    Contract,
    ExpiryPoint,
    MarketSnapshot,
    Option,
    Settlement,
    Spot,
    Underlying,
)
from primitives.strict_json import Json, JsonError, canonical_json

VECTORS: Final = Path(__file__).parent / "vectors"
MARKET: Final = (VECTORS / "market" / "market.json").read_bytes()
SCENARIOS: Final = (VECTORS / "market" / "scenarios.json").read_bytes()
GENERATOR: Final = runpy.run_path(str(VECTORS / "generate_market.py"))
DOCUMENT: Final = json.loads(MARKET)
PLACE: Final = {entry["id"]: place for place, entry in enumerate(DOCUMENT["instruments"])}


def edited(data: bytes, path: str, value: Any) -> bytes:
    """`data` with the field at `path` changed, or removed if `value` is None. Instruments may be named by id."""
    document = json.loads(data)
    inner = document
    *parents, last = path.split(".")
    for key in parents:
        inner = (
            inner[PLACE.get(key, int(key) if key.isdigit() else 0)] if isinstance(inner, list) else inner[key]
        )
    if value is None:
        del inner[int(last) if isinstance(inner, list) else last]
    else:
        inner[int(last) if isinstance(inner, list) else last] = value
    return canonical_json(document)


# The vectors.


def test_the_market_vector_is_what_the_generator_makes() -> None:
    document = parse_market(MARKET)
    assert document.snapshot == GENERATOR["market"]()
    assert document.risk_array is not None
    assert document.to_bytes() == MARKET
    plain = MarketDocument(document.snapshot)
    assert parse_market(plain.to_bytes()) == plain


def test_the_scenario_vector_is_what_the_generator_makes() -> None:
    scenario_set = parse_scenarios(SCENARIOS)
    assert scenario_set == GENERATOR["scenario_set"]()
    assert (
        canonical_json({"format": "sealedbook/scenarios/v1", **scenarios_to_json(scenario_set)}) == SCENARIOS
    )


def test_price_vectors_are_those_of_the_other_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("QuantLib")
    stored, made = json.loads((VECTORS / "market" / "black76.json").read_text()), GENERATOR["files"]()
    # The others are of `generate_market_files.py`.
    others = {"market.parquet", "prices.parquet", "signed.json"}
    assert set(made) | others == {path.name for path in (VECTORS / "market").iterdir()}
    for before, now in zip(stored["vectors"], json.loads(made["black76.json"])["vectors"], strict=True):
        assert before.pop("kind") == now.pop("kind")
        assert before == pytest.approx(now, rel=1e-9, abs=1e-9)


def test_the_page_explains_every_code_and_kind() -> None:
    page = (VECTORS.parent.parent / "docs" / "market.md").read_text()
    table = page.partition("| code | meaning |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`[a-z`, -]+`) \|", table, re.MULTILINE)
    assert {code for row in rows for code in re.findall("`(.*?)`", row)} == set(MarketCode)
    kinds = re.findall(
        r"^\| `(\w+)` \|", page.partition("| kind | fields")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert set(kinds) == {entry["kind"] for entry in DOCUMENT["instruments"]}


# Decimals.


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=8))
def test_decimal_text_is_canonical(number: Decimal) -> None:
    assert parse_decimal(decimal_text(number)) == number


@pytest.mark.parametrize("number", [Decimal("-0"), Decimal("0.00"), Decimal("0E+3")])
def test_zero_has_one_text(number: Decimal) -> None:
    assert decimal_text(number) == "0"


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_numbers_are_finite(number: str) -> None:
    with pytest.raises(MarketError, match=r"^here: .* is not a finite number") as error:
        check_number("here", Decimal(number))
    assert error.value.code is MarketCode.NUMBER


def test_decimal_places() -> None:
    from fractions import Fraction

    assert decimal_places([]) == 0
    assert decimal_places([Fraction(3), Fraction(1, 4), Fraction(-7, 10)]) == 2


# Documents that are refused.

REFUSED: Final[dict[str, tuple[str, Any, str]]] = {
    "format": ("format", "sealedbook/market/v2", r"^\$\.format: expected 'sealedbook/market/v1'"),
    "unknown-field": ("comment", "x", r"^\$: unknown field 'comment'"),
    "as-of": ("as_of", "2026-01-31", r"^\$\.as_of: .* is not a UTC time"),
    "scale": ("scale", 37, r"^\$\.scale: 37 is not between 0 and 36"),
    "float": ("scale", 6.5, r"^\$: 6.5 is not an integer"),
    "source": ("sources.0.name", "", r"^\$\.sources\[0\]\.name: is empty"),
    "source-field": ("sources.0.url", "x", r"^\$\.sources\[0\]: unknown field 'url'"),
    "price-number": ("instruments.USDC.price", 1, r"^\$\.instruments\[\d+\]\.price: expected text"),
    "price-nan": ("instruments.USDC.price", "NaN", r"\.price: 'NaN' is not canonical decimal text"),
    "price-exponent": ("instruments.USDC.price", "1e5", r"\.price: '1e5' is not canonical decimal text"),
    "price-zeros": ("instruments.USDC.price", "1.50", r"\.price: '1.50' is not canonical decimal text"),
    "price-long": ("instruments.USDC.price", "1" * 61, r"\.price: longer than 60 characters"),
    "price-huge": ("instruments.USDC.price", "1" + "0" * 25, r"\.price: is beyond 10\^24 \(number\)"),
    "price-negative": ("instruments.USDC.price", "-0.1", r"\.price: -0.1 is below 0 \(number\)"),
    "index-zero": ("underlyings.0.index", "0", r"^\$\.underlyings\[0\]\.index: 0 is not above 0"),
    "forward-negative": (
        "underlyings.0.expiries.1.forward", "-1", r"^\$\.underlyings\[0\]\.expiries\[1\]\.forward: -1 is not above 0",
    ),
    "rate": ("underlyings.0.expiries.0.rate", "-1.5", r"\.expiries\[0\]\.rate: is beyond 1, 100 % a year"),
    "far-expiry": ("underlyings.0.expiries.1.expiry", "2126-02-01T08:00:00Z", "is more than 100 years away"),
    "mark-zero": ("instruments.BTC-PERP.mark", "0", r"\.mark: 0 is not above 0 \(number\)"),
    "mark-negative": ("instruments.BTC-PERP.mark", "-5", r"\.mark: -5 is not above 0"),
    "multiplier": ("instruments.BTC-PERP.multiplier", "0", r"\.multiplier: 0 is not above 0"),
    "strike": ("instruments.BTC-FEB-65000-C.strike", "0", r"\.strike: 0 is not above 0"),
    "option-multiplier": ("instruments.BTC-FEB-65000-C.multiplier", "-1", r"\.multiplier: -1 is not above 0"),
    "volatility": ("instruments.BTC-FEB-65000-C.volatility", "-0.01", r"\.volatility: -0.01 is below 0"),
    "volatility-missing": ("instruments.BTC-FEB-65000-C.volatility", None, "field 'volatility' is missing"),
    "right": ("instruments.BTC-FEB-65000-C.right", "both", r"\.right: 'both' is unknown; there are call, put"),
    "settlement": ("instruments.BTC-PERP.settlement", "quanto", r"'quanto' is unknown; there are linear, inverse"),
    "kind": ("instruments.BTC.kind", "swap", r"'swap' is unknown; there are cash, spot, perpetual, future, option"),
    "future-without-expiry": ("instruments.BTC-JUN.expiry", None, "field 'expiry' is missing"),
    "perpetual-with-expiry": ("instruments.BTC-PERP.expiry", "2026-02-07T08:00:00Z", "unknown field 'expiry'"),
    "missing-forward": (
        "instruments.BTC-FEB-65000-C.expiry", "2026-02-08T08:00:00Z",
        r"\.expiry: underlying 'BTC' has no forward at this expiry \(missing-forward\)",
    ),
    "missing-index-inverse": (
        "instruments.OIL-JUN.settlement", "inverse", r"underlying 'OIL' has no index, .* \(missing-index\)",
    ),
    "missing-index-spot": ("instruments.BTC.underlying", "OIL", r"has no index, .* \(missing-index\)"),
    "unknown-underlying": (
        "instruments.BTC.underlying", "ETH", r"\.underlying: the market has no underlying 'ETH' \(unknown-underlying\)",
    ),
    "duplicate-instrument": ("instruments.1.id", DOCUMENT["instruments"][0]["id"], r"instruments\[1\].*\(duplicate\)"),
    "unsorted-instruments": ("instruments.1.id", "A", r"^\$\.instruments\[1\]: A comes after .* \(order\)"),
    "duplicate-underlying": ("underlyings.1.id", "BTC", r"^\$\.underlyings\[1\]: BTC is there already \(duplicate\)"),
    "unsorted-underlyings": ("underlyings.1.id", "AAA", r"^\$\.underlyings\[1\]: AAA comes after BTC \(order\)"),
    "duplicate-expiry": (
        "underlyings.0.expiries.1.expiry", "2026-02-07T08:00:00Z", r"expiries\[1\]: .* is there already \(duplicate\)",
    ),
    "unsorted-expiries": (
        "underlyings.0.expiries.1.expiry", "2026-02-06T08:00:00Z", r"expiries\[1\]: .* comes after .* \(order\)",
    ),
    "array-format": ("risk_array.format", "x", r"^\$\.risk_array\.format: expected 'sealedbook/risk-array/v1'"),
    "array-field": ("risk_array.extra", "x", r"^\$\.risk_array: unknown field 'extra'"),
    "array-assets": ("risk_array.assets.0.decimals", 19, r"^\$\.risk_array\.assets\[0\]\.decimals: 19 is not"),
    "array-row": ("risk_array.values", ["1"], r"^\$\.risk_array\.values: has 1 entries for 16 assets"),
    "array-values": ("risk_array.values", {}, r"^\$\.risk_array\.values: expected an array"),
    "array-number": ("risk_array.values.2", 5, r"^\$\.risk_array\.values\[2\]: expected an integer in canonical"),
    "array-text": ("risk_array.profits.1.2", "05", r"^\$\.risk_array\.profits\[1\]\[2\]: expected an integer"),
    "array-range": ("risk_array.values.2", str(1 << 63), r"values\[2\]: exceeds 64 bits"),
    "array-rows": ("risk_array.profits", [], r"^\$\.risk_array\.profits: has 0 rows for 5 scenarios"),
    "array-label": ("risk_array.scenarios.0", "", r"^\$\.risk_array\.scenarios\[0\]: expected text of 1 to 200"),
    "array-greek": ("risk_array.greeks.0.greek", "rho", r"'rho' is unknown; there are delta, gamma, vega, theta"),
    "underlying-field": ("underlyings.0.name", "x", r"^\$\.underlyings\[0\]: unknown field 'name'"),
    "expiry-field": ("underlyings.0.expiries.1.spot", "1", r"expiries\[1\]: unknown field 'spot'"),
    "array-greek-field": ("risk_array.greeks.0.extra", "x", r"greeks\[0\]: unknown field 'extra'"),
    "array-greek-row": ("risk_array.greeks.0.entries", [], r"greeks\[0\]\.entries: has 0 entries for 16 assets"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_markets_that_are_refused(name: str) -> None:
    path, value, reason = REFUSED[name]
    with pytest.raises(JsonError, match=reason):
        parse_market(edited(MARKET, path, value))


def test_lists_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = parse_market(MARKET).snapshot
    for name, limit in (
        ("sources", "MAX_SOURCES"),
        ("underlyings", "MAX_UNDERLYINGS"),
        ("instruments", "MAX_INSTRUMENTS"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"circuits.market.snapshot.{limit}", 0)
            with pytest.raises(MarketError, match=f"^{name}: has .* entries, more than 0"):
                dataclasses.replace(snapshot)
    monkeypatch.setattr("circuits.market.snapshot.MAX_EXPIRIES", 1)
    with pytest.raises(MarketError, match=r"^underlyings\[0\]\.expiries: has 2 entries, more than 1"):
        dataclasses.replace(snapshot)


def test_a_scale_out_of_range_is_refused() -> None:
    with pytest.raises(MarketError, match=r"^scale: -1 is not between 0 and 36"):
        MarketSnapshot(datetime(2026, 1, 1, tzinfo=UTC), "USD", -1, (), (), ())


def test_figures_that_are_no_numbers_are_refused_whatever_they_are_read_from() -> None:
    moment, nan = datetime(2026, 1, 1, tzinfo=UTC), Decimal("NaN")
    underlying = Underlying("X", Decimal(1), (ExpiryPoint(moment, Decimal(1), nan),))
    with pytest.raises(
        MarketError, match=r"^underlyings\[0\]\.expiries\[0\]\.rate: NaN is not a finite number"
    ):
        MarketSnapshot(moment, "USD", 2, (), (underlying,), ())
    move = Move(volatility=VolatilityMove(long_power=nan))
    with pytest.raises(MarketError, match=r"volatility\.long_power: NaN is not a finite number"):
        ScenarioSet((MarketScenario("x", (move,)),))


def test_an_empty_market_is_one() -> None:
    snapshot = MarketSnapshot(datetime(2026, 1, 1, tzinfo=UTC), "USD", 2, (), (), ())
    assert parse_market(MarketDocument(snapshot).to_bytes()).snapshot == snapshot
    with pytest.raises(MarketError, match="the market has no instrument 'BTC'"):
        snapshot.instrument("BTC")
    with pytest.raises(MarketError, match="the market has no underlying 'BTC'"):
        snapshot.underlying("BTC")


def test_snapshots_need_no_document() -> None:
    """Figures may come from anywhere; decimals are kept as they are."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    snapshot = MarketSnapshot(
        moment,
        "USD",
        4,
        (),
        (Underlying("X", Decimal("1.10"), ()),),
        (
            Cash("A", Decimal("1.000")),
            Contract(
                "B", "X", Settlement.INVERSE, Decimal("1E+2"), Decimal("1.2"), moment + timedelta(days=1)
            ),
            Spot("C", "X"),
        ),
    )
    assert parse_market(MarketDocument(snapshot).to_bytes()).snapshot == snapshot
    option = Option("O", "X", moment, Decimal(1), is_call=True, multiplier=Decimal(1), volatility=Decimal(1))
    assert snapshot.index_of("X") == Decimal("1.1")
    without = dataclasses.replace(snapshot, underlyings=(Underlying("X", None, ()),), instruments=())
    with pytest.raises(MarketError, match=r"underlying 'X' has no index \(missing-index\)"):
        without.index_of("X")
    with pytest.raises(MarketError, match=r"^instruments.0..expiry: .*missing-forward"):
        dataclasses.replace(snapshot, instruments=(option,))


# Scenarios that are refused.

SCENARIOS_REFUSED: Final[dict[str, tuple[str, Any, str]]] = {
    "format": ("format", "x", r"^\$\.format: expected"),
    "past-expiry": ("past_expiry", "ignore", r"^\$\.past_expiry: 'ignore' is unknown; there are refuse, intrinsic"),
    "unknown-field": ("x", 1, r"^\$: unknown field 'x'"),
    "label": ("scenarios.0.label", "", r"^\$\.scenarios\[0\]\.label: is empty"),
    "duplicate-label": (
        "scenarios.1.label", "unchanged", r"^\$\.scenarios\[1\]\.label: 'unchanged' is there already \(duplicate\)",
    ),
    "weight": ("scenarios.1.weight", "-1", r"^\$\.scenarios\[1\]\.weight: -1 is below 0"),
    "elapsed": ("scenarios.1.elapsed_days", "-1", r"^\$\.scenarios\[1\]\.elapsed_days: -1 is below 0"),
    "multiple": ("scenarios.1.moves.0.multiple", "-0.5", r"scenarios\[1\]\.moves\[0\]\.multiple: -0.5 is below 0"),
    "multiple-text": ("scenarios.1.moves.0.multiple", "1,5", r"multiple: '1,5' is not canonical decimal text"),
    "addition": ("scenarios.1.moves.0.addition", "1" + "0" * 30, r"addition: is beyond 10\^24"),
    "minimum": ("scenarios.1.moves.0.volatility.minimum", "-1", r"volatility\.minimum: -1 is below 0"),
    "change": ("scenarios.1.moves.0.volatility.change", "1" + "0" * 30, r"volatility\.change: is beyond"),
    "points": ("scenarios.1.moves.0.volatility.points", "1" + "0" * 30, r"volatility\.points: is beyond"),
    "reference": ("scenarios.1.moves.0.volatility.reference_days", "0", r"reference_days: 0 is not above 0"),
    "floor": ("scenarios.1.moves.0.volatility.floor_days", "0", r"floor_days: 0 is not above 0"),
    "short-power": ("scenarios.1.moves.0.volatility.short_power", "1.1", r"short_power: is beyond 1"),
    "long-power": ("scenarios.1.moves.0.volatility.long_power", "-1.1", r"long_power: is beyond 1"),
    "volatility-field": ("scenarios.1.moves.0.volatility.kind", "up", r"volatility: unknown field 'kind'"),
    "move-field": ("scenarios.1.moves.0.spot", "1", r"moves\[0\]: unknown field 'spot'"),
    "scenario-field": ("scenarios.1.spot", "1", r"scenarios\[1\]: unknown field 'spot'"),
    "two-defaults": (
        "scenarios.0.moves", [{}, {}], r"^\$\.scenarios\[0\]\.moves\[1\]: a move of all others is there already",
    ),
    "two-of-one": (
        "scenarios.0.moves", [{"underlying": "A"}, {"underlying": "A"}], r"moves\[1\]: a move of 'A' is there already",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS_REFUSED)
def test_scenarios_that_are_refused(name: str) -> None:
    path, value, reason = SCENARIOS_REFUSED[name]
    with pytest.raises(JsonError, match=reason):
        parse_scenarios(edited(SCENARIOS, path, value))


def test_too_many_scenarios_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("circuits.market.scenarios.MAX_SCENARIOS", 0)
    with pytest.raises(MarketError, match=r"^scenarios: more than 0"):
        ScenarioSet((MarketScenario("x", ()),))


def test_what_a_scenario_leaves_out_does_not_move() -> None:
    scenarios: list[Json] = [{"label": "x", "moves": [{"underlying": "BTC", "multiple": "1.1"}, {}]}]
    document: Json = {
        "format": "sealedbook/scenarios/v1", "past_expiry": "intrinsic", "scenarios": scenarios,
    }  # fmt: skip
    found = parse_scenarios(canonical_json(document))
    assert found.values_past_expiry
    scenario = found.scenarios[0]
    assert scenario.move_of("BTC") == Move("BTC", Decimal("1.1"), Decimal(0), VolatilityMove())
    assert scenario.move_of("ETH") == Move()
    assert (scenario.weight, scenario.elapsed_days) == (Decimal(1), Decimal(0))
