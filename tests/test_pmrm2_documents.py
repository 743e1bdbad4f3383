"""Documents of the portfolio margin: models, markets and cases read, written, and refused by the field at fault."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import re
import runpy
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from modelling_support import by_witness
from pmrm2_statements import prepared, read_case
from pmrm2_support import BY_NAME, document

from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.model_document import compile_model, read_definition
from circuits.pmrm2.__main__ import main
from circuits.pmrm2.case_documents import (
    AS_OF,
    CASH,
    MAX_DECIMALS,
    PERP,
    UNSETTLED,
    case_documents,
    model_document,
)
from circuits.pmrm2.definition import margin
from circuits.pmrm2.market_document import Pmrm2Market, parse_pmrm2_market, shortest_decimal
from circuits.pmrm2.model import PortfolioMargin
from circuits.pmrm2.parameters import MarginInputError
from circuits.pmrm2.rows import MarginKind, PerpHolding
from circuits.positions import PositionBatch
from circuits.public_market import parse_public_market
from primitives.assets import parse_assets_json
from primitives.strict_json import Json, JsonError, canonical_json

ROOT: Final = Path(__file__).parent.parent
EXAMPLE: Final = ROOT / "examples" / "models" / "pmrm2"
NAMES: Final = list(BY_NAME)
REMOVE: Final = object()


def example(name: str) -> bytes:
    return (EXAMPLE / name).read_bytes()


def edited(data: bytes, path: str, value: Any) -> bytes:
    """The document with the field at `path`, such as ``scenarios.0.spot``, replaced or removed."""
    changed: Any = json.loads(data)
    *parents, last = path.split(".")
    place = changed
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    key: Any = int(last) if isinstance(place, list) else last
    if value is REMOVE:
        del place[key]
    else:
        place[key] = copy.deepcopy(value)
    return json.dumps(changed).encode()


# What is written is read.


@pytest.mark.parametrize("name", NAMES)
def test_documents_of_a_case_say_what_the_case_says(name: str) -> None:
    case = read_case(name)
    documents = case_documents(case)
    definition, market = documents.definition(), documents.public_market()
    assert definition.fields.parameters == case.parameters
    assert parse_pmrm2_market(market.to_bytes()).to_bytes() == documents.market
    assert model_document(definition.fields) == documents.model
    read = definition.book(documents.assets, market).market
    assert (read.spot, read.perp, read.stable) == (case.market.spot, case.market.perp, case.market.stable)
    assert (read.spot_confidence, read.perp_confidence) == (
        case.market.spot_confidence,
        case.market.perp_confidence,
    )
    held = {option.expiry for option in case.market.options}
    assert set(read.expiries) == {case.market.expiries[expiry] for expiry in held}
    for ours, theirs in zip(read.options, case.market.options, strict=True):
        assert dataclasses.replace(ours, expiry=0) == dataclasses.replace(theirs, expiry=0)
        assert read.expiries[ours.expiry] == case.market.expiries[theirs.expiry]
    assert [dataclasses.replace(each, name="") for each in read.collaterals] == [
        dataclasses.replace(each, name="") for each in case.market.collaterals
    ]


@pytest.mark.parametrize("name", NAMES)
def test_positions_of_a_case_are_exact(name: str) -> None:
    case = read_case(name)
    documents = case_documents(case)
    decimals = {asset.id: asset.decimals for asset in documents.assets}
    whole = {asset: Fraction(amount, 10 ** decimals[asset]) for asset, amount in documents.positions.items()}
    assert whole[CASH] == Fraction(Decimal(repr(case.position.cash)))
    assert whole[PERP] == Fraction(Decimal(repr(case.position.perp)))
    # The case's two parts are added as floats, which may leave a digit in the seventeenth place.
    assert abs(whole[UNSETTLED] - Fraction(case.position.unsettled)) < Fraction(1, 10**9)
    assert set(documents.rounded) <= {UNSETTLED}


def test_amounts_with_too_many_decimals_are_rounded_and_named() -> None:
    case = document("g00")
    case["Scenario"]["Options"][2]["Amount"] = 1.00000055
    case["Scenario"]["Collaterals"][0]["Amount"] = 0.1
    documents = case_documents(read_case_text(case))
    option = documents.rounded[0]
    assert documents.positions[option] == 1_000_001
    assert {asset.decimals for asset in documents.assets if asset.id == option} == {MAX_DECIMALS}
    assert len(documents.rounded) == 1


def read_case_text(case: dict[str, Any]) -> Any:
    from circuits.pmrm2.case_file import parse_case

    return parse_case(json.dumps(case).encode())


def test_collaterals_keep_their_names_where_these_are_asset_ids() -> None:
    case = document("e9_large_all_terms")
    for entry, name in zip(case["Scenario"]["Collaterals"], ("  x", "weETH", CASH), strict=True):
        entry["Name"] = name
    documents = case_documents(read_case_text(case))
    assert [each.asset for each in documents.definition().fields.collaterals] == [
        "COLLATERAL-1",
        "weETH",
        "COLLATERAL-3",
    ]


def test_a_market_without_a_perp_makes_a_model_without_one() -> None:
    case = document("e1_settlement_window")
    case["Scenario"]["PerpPrice"] = 0
    documents = case_documents(read_case_text(case))
    assert documents.definition().fields.perp is None
    assert {PERP, UNSETTLED}.isdisjoint(asset.id for asset in documents.assets)
    expected = margin(*_parts(case))
    margins = documents.definition().evaluate_exactly(
        documents.batch([documents.positions]), documents.assets, documents.public_market()
    )
    assert margins.mm[0] / 10**10 == pytest.approx(expected.mm, rel=1e-9)
    case["Scenario"]["NumPerps"] = 1
    with pytest.raises(MarginInputError, match="PerpPrice: is 0, and the account holds a perp"):
        case_documents(read_case_text(case))


def _parts(case: dict[str, Any]) -> tuple[Any, Any, Any]:
    read = read_case_text(case)
    return read.market, read.parameters, read.position


def test_an_expiry_between_seconds_is_refused() -> None:
    case = document("e1_settlement_window")
    case["Scenario"]["OptionFeeds"][0]["FeedExpiry"] = 900.5
    for option in case["Scenario"]["Options"]:
        option["Expiry"] = {900: 900.5}.get(option["Expiry"], option["Expiry"])
    with pytest.raises(MarginInputError, match=r"FeedExpiry: 900\.5 is not a whole number of seconds"):
        case_documents(read_case_text(case))


def test_a_past_expiry_is_settled() -> None:
    case = document("e2_expired")
    case["Scenario"]["OptionFeeds"][0]["FeedExpiry"] = -3600
    for option in case["Scenario"]["Options"]:
        option["Expiry"] = {0: -3600}.get(option["Expiry"], option["Expiry"])
    documents = case_documents(read_case_text(case))
    assert min(point.expiry for point in documents.public_market().snapshot.underlyings[0].expiries) < AS_OF
    margins = documents.definition().evaluate_exactly(
        documents.batch([documents.positions]), documents.assets, documents.public_market()
    )
    assert margins.mm.tolist() == prepared("e2_expired").margin([prepared("e2_expired").account]).mm.tolist()


@pytest.mark.parametrize("figure", [0.1, 1e-7, 123456789.125, 2.0, 0.0, 1e22, 0.30000000000000004])
def test_shortest_decimals_are_read_as_the_same_float(figure: float) -> None:
    text = shortest_decimal(figure)
    assert float(text) == figure
    assert "e" not in text


# The example.


def test_the_example_is_what_the_generator_writes() -> None:
    """Integer prices may differ by one unit between machines; compiling the example checks them."""
    generator = runpy.run_path(str(ROOT / "tests" / "vectors" / "generate_pmrm2_examples.py"))
    fresh: dict[str, str] = generator["files"]()
    assert {path.name for path in EXAMPLE.iterdir()} == fresh.keys()
    for name, text in fresh.items():
        if name == "market.json":
            ours, theirs = (edited(data, "unit_prices", REMOVE) for data in (text.encode(), example(name)))
            assert ours == theirs
        else:
            assert text.encode() == example(name)


def test_the_example_compiles_and_its_account_has_these_margins() -> None:
    """By the published integer prices, so that every machine finds the same integers."""
    assets = parse_assets_json(example("assets.json")).assets
    statement = compile_claim(example("model.json"), example("market.json"), assets)
    places = {asset.id: place for place, asset in enumerate(assets)}
    account = [0] * len(assets)
    for line in csv.DictReader(example("book.csv").decode().splitlines()):
        place = places[line["asset"]]
        account[place] = int(Decimal(line["amount"]).scaleb(assets[place].decimals))
    assert by_witness(statement, [account, [0] * len(assets)]) == [True, True]
    definition, market = read_definition(example("model.json")), parse_public_market(example("market.json"))
    assert isinstance(definition, PortfolioMargin)
    assert isinstance(market, Pmrm2Market)
    result = definition.evaluate_exactly(
        PositionBatch.from_mappings([dict(enumerate(account))]), assets, market
    )
    assert (result.mm.tolist(), result.im.tolist()) == ([322_651_113_286_596], [77_882_126_816_622])


def test_any_set_of_margins_and_any_holding_can_be_written() -> None:
    definition = read_definition(example("model.json"))
    assert isinstance(definition, PortfolioMargin)
    for margins in ((MarginKind.INITIAL,), (MarginKind.MAINTENANCE,), tuple(MarginKind)):
        for holding in PerpHolding:
            fields = dataclasses.replace(definition.fields, margins=margins, holding=holding)
            assert read_definition(model_document(fields)) == PortfolioMargin(fields)


# What is refused.

MODELS: Final[dict[str, tuple[str, Any, str]]] = {
    "version": ("version", 2, r"^\$\.version: "),
    "unknown-field": ("more", "1", r"^\$: unknown field 'more'"),
    "no-cash": ("cash", REMOVE, "field 'cash' is missing"),
    "no-underlying": ("underlying", REMOVE, "field 'underlying' is missing"),
    "unsettled-alone": ("perp", REMOVE, r"^\$\.unsettled: counts only with a perp"),
    "one-role": ("cash", "ETH-PERP", r"^\$\.collaterals: one asset has two roles"),
    "holding": ("perp_holding", "secret", r"^\$\.perp_holding: 'secret' is not one of private, held, none"),
    "no-margins": ("margins", [], r"^\$\.margins: is empty"),
    "margin-twice": ("margins", ["initial", "initial"], r"^\$\.margins: is empty, or names a margin twice"),
    "margin": ("margins", ["other"], r"^\$\.margins\[0\]: is not one of maintenance, initial"),
    "shock": ("scenarios.1.shock", "up", r"^\$\.scenarios\[1\]\.shock: 'up' is not one of None, Up"),
    "dampening": ("scenarios.1.dampening", "-1", r"^\$\.scenarios\[1\]\.dampening: -1\.0 is not at least 0"),
    "skew-spot": ("scenarios.27.spot", "1.1", r"^\$\.scenarios\[27\]\.spot: a skew scenario"),
    "scenario-field": ("scenarios.0.weight", "1", r"^\$\.scenarios\[0\]: unknown field 'weight'"),
    "many-scenarios": ("scenarios", [{}] * 1025, r"^\$\.scenarios: has 1025 entries"),
    "number": ("basis.addition", 1, r"^\$\.basis\.addition: expected text"),
    "decimal": ("basis.addition", "1e3", r"^\$\.basis\.addition: '1e3' is not canonical decimal text"),
    "negative": ("other.confidence_margin", "-1", r"^\$\.other\.confidence_margin: -1\.0 is not at least 0"),
    "section-field": ("other.more", "1", r"^\$\.other: unknown field 'more'"),
    "section-missing": ("skew_shock.abs_cap", REMOVE, r"^\$\.skew_shock: field 'abs_cap' is missing"),
    "haircut": (
        "collaterals.0.initial_haircut", "-0.1", r"^\$\.collaterals\[0\]\.initial_haircut: is negative",
    ),
    "cancelling": (
        "collaterals.0.risk_cancelling", "yes", r"^\$\.collaterals\[0\]\.risk_cancelling: expected true or false",
    ),
    "collateral-field": ("collaterals.0.price", "1", r"^\$\.collaterals\[0\]: unknown field 'price'"),
    "scale": ("numbers.scale", 99, r"^\$\.numbers\.scale: 99 is not between"),
    "not-in-market": ("collaterals.0.asset", "WBTC", "the market has no confidence for collateral 'WBTC'"),
    "not-cash": ("cash", "ETH-20260113T000000-3100-C", "is neither cash nor spot"),
    "k-star": ("skew_shock.minimum_k_star", "-1", r"^\$\.skew_shock\.minimum_k_star: -1\.0 is not at least 0"),
    "discount": ("loss_factors.long_base", "300", "BASE_STATIC_DISCOUNT: makes a static discount above 256"),
    "held-by-all": ("perp_holding", "held", "no valid statement comes of this model: .*zero account"),
}  # fmt: skip

MARKETS: Final[dict[str, tuple[str, Any, str]]] = {
    "unknown-field": ("more", "1", r"^\$: unknown field 'more'"),
    "no-snapshot": ("market", REMOVE, "field 'market' is missing"),
    "snapshot": ("market.scale", 99, r"^\$\.market\.scale: 99 is not between 0 and"),
    "snapshot-order": ("market.instruments.0.id", "Z", r"^\$\.market\.instruments\[1\]"),
    "confidence": ("confidences.spot", "1.5", r"^\$\.confidences\.spot: is not between 0 and 1"),
    "confidences-field": ("confidences.more", "1", r"^\$\.confidences: unknown field 'more'"),
    "expiry-confidence": (
        "confidences.expiries.0.rate", "-0.5", r"^\$\.confidences\.expiries\[0\]\.rate: is not between 0 and 1",
    ),
    "expiry-field": ("confidences.expiries.0.more", "1", r"^\$\.confidences\.expiries\[0\]: unknown field"),
    "expiry-twice": (
        "confidences.expiries.1.expiry", "2026-01-13T00:00:00Z", r"^\$\.confidences\.expiries: names something twice",
    ),
    "collateral-twice": (
        "confidences.collaterals", [{"asset": "WETH", "confidence": "1"}] * 2, "collaterals: names something twice",
    ),
    "collateral-field": ("confidences.collaterals.0.more", "1", r"collaterals\[0\]: unknown field"),
    "prices-field": ("unit_prices.more", "1", r"^\$\.unit_prices: unknown field 'more'"),
    "prices-length": ("unit_prices.mark", ["1"], r"^\$\.unit_prices\.mark: has 1 entries instead of 3"),
    "prices-type": ("unit_prices.mark", "1", r"^\$\.unit_prices\.mark: expected an array"),
    "prices-integer": ("unit_prices.up.0", "01", r"^\$\.unit_prices\.up\[0\]: expected an integer"),
    "prices-number": ("unit_prices.up.0", 1, r"^\$\.unit_prices\.up\[0\]: expected an integer"),
    "prices-range": ("unit_prices.up.0", "9223372036854775808", r"^\$\.unit_prices\.up\[0\]: exceeds 64 bits"),
    "prices-rows": ("unit_prices.shocked", [], r"^\$\.unit_prices\.shocked: has 0 rows for 29 shocks"),
    "prices-shock": ("unit_prices.shocks.0.shock", "Side", r"^\$\.unit_prices\.shocks\[0\]\.shock: 'Side' is unknown"),
    "prices-shock-field": ("unit_prices.shocks.0.more", "1", r"^\$\.unit_prices\.shocks\[0\]: unknown field"),
    "prices-expiry": ("unit_prices.expiries.0", 5, r"^\$\.unit_prices\.expiries\[0\]: expected text"),
    "prices-asset": ("unit_prices.assets.0.decimals", 99, r"^\$\.unit_prices\.assets\[0\]\.decimals: "),
    "prices-scale": ("unit_prices.scale", -1, r"^\$\.unit_prices\.scale: -1 is not between"),
}  # fmt: skip


def compile_example(model: bytes, market: bytes) -> None:
    compile_claim(model, market, parse_assets_json(example("assets.json")).assets)


@pytest.mark.parametrize("name", MODELS)
def test_models_that_are_refused(name: str) -> None:
    path, value, reason = MODELS[name]
    with pytest.raises(ClaimDocumentError) as error:
        compile_example(edited(example("model.json"), path, value), example("market.json"))
    assert error.value.role == "model"
    assert re.search(reason, error.value.reason)


@pytest.mark.parametrize("name", MARKETS)
def test_markets_that_are_refused(name: str) -> None:
    path, value, reason = MARKETS[name]
    with pytest.raises(JsonError, match=reason):
        parse_public_market(edited(example("market.json"), path, value))


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("confidences.expiries.0", REMOVE, "no forward or no confidences for the expiry 2026-01-13"),
        ("confidences.collaterals.0", REMOVE, "no confidence for collateral 'WETH'"),
        ("market.underlyings.0.index", REMOVE, "underlying 'ETH' has no index"),
        (
            "market.instruments.0.underlying",
            "BTC",
            "'ETH-PERP' is inverse, or of another underlying|no underlying",
        ),
        ("unit_prices.mark.0", "0", r"unit_prices\.mark\[0\]: 0 is published, \d+ computed"),
    ],
)
def test_markets_that_do_not_fit_the_model(path: str, value: Any, reason: str) -> None:
    with pytest.raises(ClaimDocumentError, match=reason):
        compile_example(example("model.json"), edited(example("market.json"), path, value))


def test_a_model_without_a_perp_says_nothing_about_holding_one() -> None:
    model = edited(edited(example("model.json"), "perp", REMOVE), "unsettled", REMOVE)
    with pytest.raises(JsonError, match=r"^\$\.perp_holding: the model has no perp"):
        read_definition(model)
    assert isinstance(read_definition(edited(model, "perp_holding", REMOVE)), PortfolioMargin)


def test_inverse_and_dated_contracts_are_no_perps() -> None:
    instruments = json.loads(example("market.json"))["market"]["instruments"]
    place = next(place for place, each in enumerate(instruments) if each["id"] == "ETH-PERP")
    inverse = edited(example("market.json"), f"market.instruments.{place}.settlement", "inverse")
    with pytest.raises(ClaimDocumentError, match="perpetual 'ETH-PERP' is inverse, or of another underlying"):
        compile_example(example("model.json"), inverse)
    dated = {**instruments[place], "kind": "future", "expiry": "2026-03-17T00:00:00Z"}
    with pytest.raises(ClaimDocumentError, match="'ETH-PERP' is not a perpetual"):
        compile_example(
            example("model.json"), edited(example("market.json"), f"market.instruments.{place}", dated)
        )


def test_a_snapshot_with_a_risk_array_is_refused() -> None:
    array: Json = {
        "format": "sealedbook/risk-array/v1", "scale": 10, "assets": [{"id": "USDC", "decimals": 6}],
        "scenarios": [], "values": ["1"], "profits": [], "greeks": [],
    }  # fmt: skip
    with pytest.raises(JsonError, match=r"^\$\.market: has a risk array, which this margin does not use"):
        parse_public_market(edited(example("market.json"), "market.risk_array", array))


def test_k_star_of_zero_is_refused_when_the_market_makes_it_so() -> None:
    model = example("model.json")
    for field in ("minimum_k_star", "minimum_width_scale"):
        model = edited(model, f"skew_shock.{field}", "0")
    with pytest.raises(ClaimDocumentError, match=r"k\* is 0, so the skew shock is not defined"):
        compile_example(model, example("market.json"))


# The command.


def run(case: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    (folder / "case.json").write_text(json.dumps(case))
    code = main([str(folder / "case.json"), "--statement"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if printed.out else None, printed.err


def test_the_command_prints_exact_margins_and_sizes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed, errors = run(document("g14"), tmp_path, capsys)
    made = prepared("g14")
    result = made.margin([made.account])
    assert (code, errors) == (0, "")
    assert Fraction(printed["IM"]) * 10**10 == result.im[0]
    assert Fraction(printed["MM"]) * 10**10 == result.mm[0]
    assert printed["worst_scenario_IM"] == result.worst_initial[0]
    assert printed["worst_scenario_MM"] == result.worst_maintenance[0]
    statement = made.statement
    assert [printed[name] for name in ("assets", "rows", "variables", "booleans", "bits")] == [
        len(statement.assets),
        len(statement.rows),
        len(statement.auxiliaries),
        sum(auxiliary.width == 1 for auxiliary in statement.auxiliaries),
        statement.bit_count,
    ]
    assert printed["rounded_amounts"] == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda case: case["Scenario"].update(PerpPrice=1e30), "instruments.*: is beyond 10"),
        (lambda case: case["Scenario"]["OptionFeeds"][0].update(Rate=3), "rate: is beyond 1"),
        (lambda case: case["Parameters"]["Margin"].update(BASE_STATIC_DISCOUNT=300), "above 256"),
    ],
)
def test_the_command_says_why_a_case_makes_no_statement(
    change: Callable[[dict[str, Any]], Any], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = document("g14")
    change(case)
    code, printed, errors = run(case, tmp_path, capsys)
    assert (code, printed) == (3, None)
    assert re.search(reason, errors)


def test_compiled_models_do_not_depend_on_how_documents_are_written() -> None:
    assets = parse_assets_json(example("assets.json")).assets
    market = parse_public_market(example("market.json"))
    canonical = canonical_json(json.loads(example("model.json")))
    digests = {compile_model(model, assets, market).digest() for model in (example("model.json"), canonical)}
    assert len(digests) == 1
