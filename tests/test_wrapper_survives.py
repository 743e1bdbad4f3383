"""Other prices: worked figures, points, segments and grids, independent moves, what is refused and why."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from modelling_support import batch_of, by_solver, by_witness
from scenario_model_support import (
    EXAMPLES,
    Account,
    Case,
    load_example,
    moved,
    needs_native,
    refuse_compilation,
)
from sealing_support import seal, write_book
from test_cli import run
from test_pmrm2_documents import EXAMPLE as PMRM2_FOLDER
from vectors.generate_perpetual_examples import (
    CROSS_ASSETS,
    CROSS_BOOK,
    CROSS_MARKET,
    HYPERLIQUID_ASSETS,
    HYPERLIQUID_MARKET,
    ISOLATED_ASSETS,
    ISOLATED_BOOK,
    cross_model,
    hyperliquid_model,
    isolated_market,
    isolated_model,
    perpetual_market,
    perpetuals,
    step_table,
)
from vectors.generate_wrapper_examples import move, survives_model, wrapped
from wrapper_support import case_of, refused, three_ways

from bench.model_cases import model_cases
from circuits.claim_statement import ClaimDocumentError
from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek
from circuits.market.risk_array_document import risk_array_to_json
from circuits.market.snapshot import Contract, Settlement
from circuits.model_document import compile_model, read_definition
from circuits.modelling.explanation import explain
from circuits.models.paradex_portfolio_margin import DELTA_SCALE, ParadexPortfolioMargin
from circuits.models.risk_inputs import RiskInputs
from circuits.pmrm2.market_document import Pmrm2Market, parse_pmrm2_market, unit_prices_to_json
from circuits.pmrm2.model import PortfolioMargin
from circuits.prices import scaled_decimal
from circuits.public_market import PublicMarket, parse_public_market
from circuits.statement import Statement
from circuits.wrappers.shocks import PriceMove, Shock, between, shocked_market
from primitives.assets import Asset, AssetList, parse_assets_json
from primitives.backends import get_backend
from primitives.strict_json import Json, JsonError
from prover.point_tables import with_point_tables
from prover.prove_book import StatementFailsError, prove_book
from verifier.bundle import verify_bundle

USD = 10**6
CASE, BOOK = load_example("survives")
PARADEX, PARADEX_BOOK = load_example("paradex-portfolio-margin")
SMALL = [60_000 * USD, -700_000 * USD, 10 * 10**5, 0, 0]
"""Long 10 BTC from 70,000, worth 60,000."""


def points(*changes: tuple[str, Mapping[str, str]]) -> list[Json]:
    return [{"name": name, "moves": [move(of, by) for of, by in moves.items()]} for name, moves in changes]


def hyperliquid(**fields: Json) -> Case:
    return case_of(wrapped("survives", hyperliquid_model(), **fields), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS)


def test_the_published_formula_of_the_liquidation_price() -> None:
    """Long 10 at 70,000, worth 60,000, maintenance 1/80: slack 16,687.5 at -5 %, -4,050 at -8 %, zero at 64,810.13."""
    market = perpetual_market(
        {"BTC": ("BTC", "70000"), "ETH": ("ETH", "3500"), "SOL": ("SOL", "150.25")},
        ("USDC", "entry notional"),
        scale=12,
    )

    def hyperliquid(**fields: Json) -> Case:
        inner = hyperliquid_model() | {"numbers": {"scale": 12}}
        return case_of(wrapped("survives", inner, **fields), market, HYPERLIQUID_ASSETS)

    here = hyperliquid(points=points(("-5 %", {"BTC": "-0.05"})))
    result = here.evaluate([SMALL])
    assert int(result.equity[0] - result.requirement[0]) == 16_687_500_000_000_000
    assert result.worst_scenario == ("-5 %: margin",)
    there = hyperliquid(points=points(("-8 %", {"BTC": "-0.08"}))).evaluate([SMALL])
    assert int(there.equity[0] - there.requirement[0]) == -4_050 * USD**2
    price = Fraction(70_000) - Fraction(60_000 - 8_750, 10) / (1 - Fraction(1, 80))
    assert round(float(price), 2) == 64_810.13
    above = hyperliquid(points=points(("a", {"BTC": "-0.07414104"})))
    below = hyperliquid(points=points(("b", {"BTC": "-0.07414106"})))
    three_ways(above, [SMALL], [True], solver=False)
    three_ways(below, [SMALL], [False], solver=False)


def test_the_account_of_two_positions() -> None:
    """BTC +3 %: 215,000 against 101,700; BTC +5 %: 75,000 against 103,100; both +10 %: 250,000 against 111,850."""
    account = Case(cross_model(), CROSS_MARKET, CROSS_ASSETS).account_of(CROSS_BOOK["pair"])
    for moves, equity, requirement in (
        ({"BTC": "0.03"}, 215_000, 101_700),
        ({"BTC": "0.05"}, 75_000, 103_100),
        ({"BTC": "0.1", "ETH": "0.1"}, 250_000, 111_850),
    ):
        around = wrapped("survives", cross_model(), points=points(("p", moves)))
        case = case_of(around, CROSS_MARKET, CROSS_ASSETS)
        result = case.evaluate([account])
        assert (result.equity[0], result.requirement[0]) == (equity * USD, requirement * USD)
        assert result.sufficient.tolist() == [equity >= requirement]
        boundary = moved(account, 0, (requirement - equity) * USD)
        three_ways(case, [boundary, moved(boundary, 0, -1)], [True, False])


def test_points_share_the_splits_of_positions() -> None:
    one = explain(hyperliquid(points=points(("now", {}))).model)
    two = explain(hyperliquid(points=points(("now", {}), ("up", {"BTC": "0.03", "SOL": "0.1"}))).model)
    # Three requirements with two tiers each, and a margin row.
    assert (two.auxiliaries - one.auxiliaries, two.rows - one.rows) == (3, 7)
    labels = [row.label for row in hyperliquid(points=points(("up", {"BTC": "0.03"}))).model.compile().rows]
    assert {"BTC: positive part", "up: BTC requirement: from 0", "up: margin"} <= set(labels)
    assert not any(label.startswith("up: BTC: ") for label in labels)


def test_the_example_at_its_boundary() -> None:
    accounts = list(BOOK.values())
    assert CASE.evaluate(accounts).sufficient.all()
    result = CASE.evaluate(accounts)
    slack = (result.equity - result.requirement).tolist()
    assert slack[0] == 0
    edges = [moved(account, 0, -spare) for account, spare in zip(accounts, slack, strict=True)]
    three_ways(CASE, edges, [True] * len(edges))
    three_ways(CASE, [moved(edge, 0, -1) for edge in edges], [False] * len(edges))


def accounts_at_random(count: int, seed: str) -> list[Account]:
    source = random.Random(seed)
    return [
        [source.randrange(10**6, 10**12), 0, *(source.randrange(-(10**k), 10**k) for k in (6, 5, 5))]
        for _ in range(count)
    ]


def test_between_two_points_nothing_goes_wrong() -> None:
    """What passes at both ends passes at every point of the line, but for rounding of one unit per base unit."""
    document: dict[str, Any] = survives_model(independent=[])
    del document["independent"]
    ends = case_of(document, HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS)
    accounts = accounts_at_random(600, "segments")
    passing = [a for a, ok in zip(accounts, ends.evaluate(accounts).sufficient, strict=True) if ok]
    assert 50 < len(passing) < 550
    definition = ends.definition
    inner = Case(hyperliquid_model(), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS).definition
    start, crash, rally = definition.points  # type: ignore[attr-defined]
    for end in (crash, rally):
        for step in range(1, 12):
            market = shocked_market(HYPERLIQUID_MARKET, between(start, end, step, 12))
            result = inner.evaluate(batch_of(passing), HYPERLIQUID_ASSETS, market)
            sizes = [sum(map(abs, account[2:])) for account in passing]
            assert all(
                e - r >= -2 * n for e, r, n in zip(result.equity, result.requirement, sizes, strict=True)
            )


def test_independent_moves_are_survived_in_every_corner() -> None:
    """Whoever passes survives all 27 corners and middles; whoever is one unit off the charge does not."""
    case = hyperliquid(independent=[{"name": "any 3 %", "price": "0.03"}])
    accounts = accounts_at_random(300, "corners")
    result = case.evaluate(accounts)
    spare = (result.equity - result.requirement).tolist()
    edges = [moved(account, 0, -each) for account, each in zip(accounts, spare, strict=True)]
    three_ways(case, edges[:12], [True] * 12)
    three_ways(case, [moved(edge, 0, -1) for edge in edges[:12]], [False] * 12)
    assert case.evaluate(edges).sufficient.all()
    inner = Case(hyperliquid_model(), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS).definition
    changes = [Decimal("-0.03"), Decimal(0), Decimal("0.03")]
    for corner in range(27):
        moves = tuple(
            PriceMove(of, changes[corner // 3**k % 3], Decimal(0))
            for k, of in enumerate(("BTC", "ETH", "SOL"))
        )
        market = shocked_market(HYPERLIQUID_MARKET, Shock("corner", moves))
        assert inner.evaluate(batch_of(edges), HYPERLIQUID_ASSETS, market).sufficient.all()


def test_the_charge_of_independent_moves() -> None:
    """Long 10 BTC at 70,000, 2 %: 14,000 of loss, and 1/80 of 714,000 as requirement."""
    case = hyperliquid(independent=[{"name": "2 %", "price": "0.02"}])
    result = case.evaluate([SMALL])
    assert result.equity.tolist() == [(60_000 - 14_000) * USD]
    assert result.requirement.tolist() == [714_000 * USD // 80]
    isolated = wrapped("survives", isolated_model(), independent=[{"name": "2 %", "price": "0.02"}])
    one = case_of(isolated, isolated_market(), ISOLATED_ASSETS)
    short = one.account_of(ISOLATED_BOOK["short"])
    # 250,000 less 140,000 of loss; 1 % of 7.14 M less 11,450.
    edge = moved(short, one.place("BTCUSDT margin"), -(250_000 - 140_000 - 59_950) * USD)
    three_ways(one, [short, edge, moved(edge, one.place("BTCUSDT margin"), -1)], [True, True, False])


# Segments that are not proven by their ends


def test_options_break_a_segment() -> None:
    """A long straddle is worth least in the middle: both ends pass, and the segment is refused."""
    line: dict[str, Json] = {"segments": [{"from": "down", "to": "up"}]}
    ends = points(("down", {"BTC": "-0.2"}), ("up", {"BTC": "0.2"}))
    inner = {k: v for k, v in PARADEX.document.items() if k != "format"}
    document = wrapped("survives", inner, points=ends, **line)
    refuse_compilation(document, PARADEX.market, PARADEX.assets, "is an option.*long gamma")
    options = [asset for asset in PARADEX.assets if "-PERP" not in asset.id and "USDC" not in asset.id]
    assert options
    futures = [asset for asset in PARADEX.assets if asset not in options]
    compile_model(json.dumps(document).encode(), futures, PARADEX.market)
    grid = wrapped("survives", inner, points=ends, segments=[{"from": "down", "to": "up", "steps": 4}])
    case = case_of(grid, PARADEX.market, PARADEX.assets)
    names = [point.name for point in case.definition.all_points]  # type: ignore[attr-defined]
    assert names == ["down", "up", "down to up, 1 of 4", "down to up, 2 of 4", "down to up, 3 of 4"]
    words = "\n".join(case.definition.words().conditions)
    assert "at 3 points between, evenly spaced, and nothing is said of prices between those" in words
    assert "everywhere" not in words


def test_a_long_straddle_passes_at_both_ends_and_fails_between() -> None:
    """Why that is refused."""
    inner = {k: v for k, v in PARADEX.document.items() if k != "format"}
    ends = points(("down", {"BTC": "-0.3"}), ("up", {"BTC": "0.3"}))
    option_ids = [a.id for a in PARADEX.assets if a.id.startswith("BTC") and a.id.endswith(("-C", "-P"))]
    assert option_ids
    apart = case_of(wrapped("survives", inner, points=ends), PARADEX.market, PARADEX.assets)
    grid = wrapped("survives", inner, points=ends, segments=[{"from": "down", "to": "up", "steps": 8}])
    between_ends = case_of(grid, PARADEX.market, PARADEX.assets)
    call = next(name for name in option_ids if name.endswith("-C"))
    put = next(name for name in option_ids if name.endswith("-P"))
    account = apart.account_of({call: "10", put: "10"})
    result = apart.evaluate([account])
    edge = moved(account, 0, -int((result.equity - result.requirement)[0]))
    assert apart.evaluate([edge]).sufficient.all()
    assert by_witness(apart.model.compile(), [edge]) == [True]
    assert not between_ends.evaluate([edge]).sufficient.any()
    assert by_witness(between_ends.model.compile(), [edge]) == [False]


def test_models_whose_ends_prove_nothing() -> None:
    line: dict[str, Json] = {
        "points": points(("a", {}), ("b", {"BTC": "0.1"})),
        "segments": [{"from": "a", "to": "b"}],
    }
    steps = perpetuals(
        [step_table("BTC", [("100000", "0.01"), ("1000000", "0.02")])],
        cross={"collateral": ["USDC"], "markets": [{"asset": "BTC", "table": "BTC"}]},
    )
    refused(wrapped("survives", steps, **line), "$.segments", "not known to be concave.*'steps'")
    refused(
        wrapped("survives", hyperliquid_model("initial"), **line), "$.segments", "not known to be concave"
    )
    deribit, _ = load_example("deribit-cross-portfolio-margin")
    refused(wrapped("survives", deribit.document, **line), "$.segments", "not known to be concave")
    three = load_example("span")[0].document
    assert read_definition(json.dumps(wrapped("survives", three, **line)).encode())


def test_an_inverse_contract_breaks_a_segment() -> None:
    snapshot = HYPERLIQUID_MARKET.snapshot
    inverse = [
        replace(each, settlement=Settlement.INVERSE)
        if isinstance(each, Contract) and each.id == "SOL"
        else each
        for each in snapshot.instruments
    ]
    market = MarketDocument(replace(snapshot, instruments=tuple(inverse)))
    refuse_compilation(survives_model(), market, HYPERLIQUID_ASSETS, "'SOL' is an inverse contract")


def test_documents_that_are_refused() -> None:
    refused(wrapped("survives", hyperliquid_model()), "$.points", "or 'independent' is needed")
    twice = points(("a", {}), ("a", {}))
    refused(wrapped("survives", hyperliquid_model(), points=twice), "$.points", "two points have one name")
    below = points(("a", {"BTC": "-1"}))
    refused(
        wrapped("survives", hyperliquid_model(), points=below), "$.points[0].moves[0].price", "not above -1"
    )
    again: list[Json] = [{"name": "a", "moves": [move("BTC", "0.1"), move("BTC", "0.2")]}]
    refused(wrapped("survives", hyperliquid_model(), points=again), "$.points[0].moves", "one thing twice")
    refused(survives_model(segments=[{"from": "now", "to": "x"}]), "$.segments[0].to", "is no point")
    refused(survives_model(segments=[{"from": "now", "to": "now"}]), "$.segments[0].to", "the same point")
    many: list[Json] = [{"from": "now", "to": "crash", "steps": 64}] * 5
    refused(survives_model(segments=many), "$.points", "two points have one name")
    refused(survives_model(independent=[{"name": "x", "price": "1"}]), "$.independent[0].price", "below 1")
    refused(
        survives_model(published=[{"name": "x", "risk_array": {}}]), "$.published[0].risk_array", "missing"
    )
    spot: dict[str, Json] = {"kind": "spot", "version": 1, "borrowable": ["BTC"]}
    moves: list[Json] = [{"name": "x", "price": "0.1"}]
    refused(wrapped("survives", spot, independent=moves), "$.independent", "charges rise with prices")
    inside = wrapped("survives", survives_model(), points=points(("a", {})))
    refused(inside, "$.margin.kind", "stands inside another 'survives'")
    refused(survives_model(points=[{"name": "a ", "moves": []}]), "$.points[0].name", "blanks")


def test_moves_of_what_the_market_has_not() -> None:
    document = wrapped("survives", hyperliquid_model(), points=points(("a", {"DOGE": "0.1"})))
    refuse_compilation(
        document, HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS, "point 'a': the market has no .*'DOGE'"
    )


def test_a_depeg_is_a_move_of_cash() -> None:
    """At a scale of 6 a price of 0.96 would round to 1, and nothing would be survived."""
    depeg = points(("depeg", {"USDC": "-0.04"}))
    document = wrapped("survives", hyperliquid_model(), points=depeg)
    refuse_compilation(
        document, HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS, "'USDC' is worth 0.96 .* finer scale"
    )
    market = perpetual_market(
        {"BTC": ("BTC", "70000"), "ETH": ("ETH", "3500"), "SOL": ("SOL", "150.25")},
        ("USDC", "entry notional"),
        scale=8,
    )
    finer = wrapped("survives", hyperliquid_model() | {"numbers": {"scale": 8}}, points=depeg)
    result = case_of(finer, market, HYPERLIQUID_ASSETS).evaluate([[100 * USD, 0, 0, 0, 0]])
    assert result.equity.tolist() == [96 * 10**8]


# Integer tables of shocked prices


def test_published_tables_of_points_are_used_and_checked() -> None:
    """An entry of an option may be one off what is computed here, and no more."""
    inner = {k: v for k, v in PARADEX.document.items() if k != "format"}
    document = wrapped("survives", inner, points=points(("down", {"BTC": "-0.1"})))
    definition = PARADEX.definition
    assert isinstance(definition, ParadexPortfolioMargin)
    shock = Shock("down", (PriceMove("BTC", Decimal("-0.1"), Decimal(0)),))
    market = shocked_market(PARADEX.market, shock)
    inputs = RiskInputs.of(
        market, PARADEX.model, definition.scenario_set, definition.numbers, {Greek.DELTA: DELTA_SCALE}
    )
    option = next(p for p, asset in enumerate(PARADEX.assets) if asset.id.endswith("-C"))
    plain = compile_model(json.dumps(document).encode(), PARADEX.assets, PARADEX.market).digest()

    def digest(step: int) -> bytes:
        array = replace(inputs.array, profits=inputs.array.profits.copy())
        array.profits[0, option] += step
        published: Json = [{"name": "down", "risk_array": risk_array_to_json(array)}]
        data = json.dumps(document | {"published": published}).encode()
        return compile_model(data, PARADEX.assets, PARADEX.market).digest()

    assert digest(0) == plain
    assert digest(1) != plain
    with pytest.raises(JsonError, match="may differ by 1"):
        digest(2)
    refused(document | {"published": [{"name": "x", "risk_array": risk_array_to_json(inputs.array)}]},
            "$.published", "'x' is no point")  # fmt: skip


def test_pmrm2_at_other_prices() -> None:
    """Repriced by its own formulas; its published unit prices are of the market, and left out."""
    assets = tuple(parse_assets_json((PMRM2_FOLDER / "assets.json").read_bytes()))
    market = parse_pmrm2_market((PMRM2_FOLDER / "market.json").read_bytes())
    model = json.loads((PMRM2_FOLDER / "model.json").read_bytes())
    inner = {k: v for k, v in model.items() if k != "format"}
    changes = {"price": "-0.1", "volatility": "0.25"}
    document = wrapped("survives", inner, points=[{"name": "d", "moves": [{"of": "ETH", **changes}]}])
    definition = read_definition(json.dumps(document).encode())
    own = read_definition(json.dumps(model).encode())
    assert isinstance(own, PortfolioMargin)
    shocked = shocked_market(market, Shock("d", (PriceMove("ETH", Decimal("-0.1"), Decimal("0.25")),)))
    assert isinstance(shocked, Pmrm2Market)
    table = own.published_prices(assets, shocked)
    assert table is not None
    published: Json = [{"name": "d", "unit_prices": unit_prices_to_json(table)}]
    with_table = compile_model(json.dumps(document | {"published": published}).encode(), assets, market)
    assert with_table.digest() == compile_model(json.dumps(document).encode(), assets, market).digest()
    places = {asset.id: place for place, asset in enumerate(assets)}
    held: dict[str, dict[int, int]] = {}
    with (PMRM2_FOLDER / "book.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            place = places[row["asset"]]
            held.setdefault(row["account"], {})[place] = scaled_decimal(row["amount"], assets[place].decimals)
    accounts = [[account.get(place, 0) for place in range(len(assets))] for account in held.values()]
    expected = own.evaluate(batch_of(accounts), assets, shocked)
    found = definition.evaluate(batch_of(accounts), assets, market)
    assert found.sufficient.tolist() == expected.sufficient.tolist()
    slack = (found.equity - found.requirement) - (expected.equity - expected.requirement)
    assert all(abs(each) <= 1 for each in slack.tolist())


@needs_native
def test_a_book_is_proven_at_other_prices(tmp_path: Path) -> None:
    model = (EXAMPLES / "survives" / "model.json").read_bytes()
    market = (EXAMPLES / "survives" / "market.json").read_bytes()
    ids = [asset.id for asset in CASE.assets]
    result = CASE.evaluate([BOOK["large"]])
    edge = moved(BOOK["large"], 0, -int((result.equity - result.requirement)[0]))
    for step in (0, -1):
        book = BOOK | {"large": moved(edge, 0, step)}
        accounts = {name: {a: v for a, v in zip(ids, held, strict=True) if v} for name, held in book.items()}
        sealed = seal(tmp_path / str(-step), get_backend("native"), accounts, AssetList(CASE.assets), {})
        secrets = sealed.vault.open_book(sealed.result.digest, None)
        documents: dict[str, Any] = {"model": model, "market": market}
        if step:
            with pytest.raises(StatementFailsError) as caught:
                prove_book(sealed.bundle, secrets, sealed.issuer, sealed.backend, **documents, workers=1)
            (failure,) = caught.value.failures
            assert failure.account == "large"
            assert failure.row == "any 2 %: margin"
            continue
        prove_book(sealed.bundle, secrets, sealed.issuer, sealed.backend, **documents, workers=1)
        assert verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key).claims


# Bounds of positions follow prices, and are those of the first point


def compiled(document: Mapping[str, Any], market: PublicMarket, assets: Sequence[Asset]) -> Statement:
    return compile_model(json.dumps(document).encode(), tuple(assets), market)


@pytest.mark.parametrize("order", [1, -1])
def test_pmrm2_at_several_points(order: int) -> None:
    assets = tuple(parse_assets_json((PMRM2_FOLDER / "assets.json").read_bytes()))
    market = parse_pmrm2_market((PMRM2_FOLDER / "market.json").read_bytes())
    inner = {k: v for k, v in json.loads((PMRM2_FOLDER / "model.json").read_bytes()).items() if k != "format"}
    far = points(("now", {}), ("half", {"ETH": "-0.6"}), ("double", {"ETH": "1.5"}))[::order]
    one = compiled(wrapped("survives", inner, points=far[:1]), market, assets)
    three = compiled(wrapped("survives", inner, points=far), market, assets)
    assert len(three.rows) > 2 * len(one.rows) - 60


def test_markets_that_price_assets_one_by_one() -> None:
    """Borrowed BTC against USD: survives +10 %, and not +11 %; prices that the scale cannot express are refused."""
    prices = {
        "format": "sealedbook/prices/v1", "as_of": "2026-01-31T00:00:00Z", "quote": "USD", "scale": 8,
        "prices": [{"asset": "BTC", "price": "50000"}, {"asset": "USD", "price": "1"}],
    }  # fmt: skip
    market = parse_public_market(json.dumps(prices).encode())
    assets = (Asset("BTC", 8), Asset("USD", 6))
    spot: dict[str, Json] = {
        "kind": "spot", "version": 1, "borrowable": ["BTC"], "numbers": {"scale": 8, "position_bits": 60}
    }  # fmt: skip
    account = [-(10**8), 55_000 * USD]
    for change, expected in (("0.1", True), ("0.11", False)):
        at = points(("now", {}), ("up", {"BTC": change}))
        document = wrapped("survives", spot, points=at, segments=[{"from": "now", "to": "up"}])
        statement = compiled(document, market, assets)
        assert by_witness(statement, [account]) == [expected]
        assert by_solver(statement, account) == expected
    fine = wrapped("survives", spot, points=points(("up", {"BTC": "0.000001"})))
    with pytest.raises(JsonError, match="is not a multiple of 10\\^-8 per base unit"):
        compiled(fine, market, assets)
    with pytest.raises(JsonError, match="no underlying or price of 'ETH'"):
        compiled(wrapped("survives", spot, points=points(("up", {"ETH": "0.1"}))), market, assets)


def test_collateral_pools_at_other_prices() -> None:
    """Haircut tables are of value: both points, with bounds of positions that follow prices."""
    case = next(case for case in model_cases(quick=True) if case.document.get("layout") == "pools")
    assert case.market is not None
    inner = {k: v for k, v in case.document.items() if k != "format"}
    symbol = case.assets[0].id.partition(":")[0]
    at = points(("now", {}), ("crash", {symbol: "-0.5"}), ("rally", {symbol: "1"}))
    statement = compiled(wrapped("survives", inner, points=at), case.market, case.assets)
    plain = compiled(case.document, case.market, case.assets)
    assert len(statement.rows) > 2 * len(plain.rows) - 4 * len(case.assets)


def test_a_depeg_beside_the_market_as_it_is() -> None:
    market = perpetual_market(
        {"BTC": ("BTC", "70000"), "ETH": ("ETH", "3500"), "SOL": ("SOL", "150.25")},
        ("USDC", "entry notional"),
        scale=8,
    )
    inner = hyperliquid_model() | {"numbers": {"scale": 8}}
    at = points(("gone", {"USDC": "-0.99"}), ("now", {}), ("double", {"USDC": "1"}))
    case = case_of(wrapped("survives", inner, points=at), market, HYPERLIQUID_ASSETS)
    result = case.evaluate(
        [[100 * USD, 0, 0, 0, 0], [100 * USD, -1, 0, 0, 0], [100 * USD, -2 * USD, 0, 0, 0]]
    )
    assert result.sufficient.tolist() == [True, True, False]
    assert result.equity.tolist()[0] == 10**8


def test_tables_are_written_into_the_document(tmp_path: Path) -> None:
    """The statement stays the same here; a second run keeps what is there, and books without options need none."""
    inner = {k: v for k, v in PARADEX.document.items() if k != "format"}
    document = wrapped("survives", inner, points=points(("now", {}), ("down", {"BTC": "-0.1"})))
    market, assets = PARADEX.market.to_bytes(), AssetList(PARADEX.assets)
    filled, count = with_point_tables(json.dumps(document).encode(), market, assets)
    assert count == 2
    assert [entry["name"] for entry in json.loads(filled)["published"]] == ["now", "down"]
    plain = compile_model(json.dumps(document).encode(), PARADEX.assets, PARADEX.market)
    assert compile_model(filled, PARADEX.assets, PARADEX.market).digest() == plain.digest()
    assert with_point_tables(filled, market, assets) == (filled, 2)
    line = json.dumps(survives_model()).encode()
    assert with_point_tables(line, HYPERLIQUID_MARKET.to_bytes(), AssetList(HYPERLIQUID_ASSETS))[1] == 0
    with pytest.raises(ClaimDocumentError, match="is not of kind 'survives'"):
        with_point_tables(json.dumps(PARADEX.document).encode(), market, assets)
    names = [asset.id for asset in PARADEX.assets]
    account = PARADEX_BOOK[next(iter(PARADEX_BOOK))]
    held = {name: amount for name, amount in zip(names, account, strict=True) if amount}
    write_book(tmp_path / "book", {"one": held}, assets, {"market.json": market})
    (tmp_path / "model.json").write_bytes(json.dumps(document).encode())
    places = [tmp_path / "book", "--model", tmp_path / "model.json", "--out", tmp_path / "filled.json"]
    done = run("margin", "tables", *places)
    assert done.code == 0, done.said
    assert "with the tables of 2 points" in done.said
    assert (tmp_path / "filled.json").read_bytes() == filled
    assert run("margin", "tables", *places).code != 0


def test_pmrm2_tables(tmp_path: Path) -> None:
    """Also where a wrapper lies between."""
    assets = AssetList(tuple(parse_assets_json((PMRM2_FOLDER / "assets.json").read_bytes())))
    market = (PMRM2_FOLDER / "market.json").read_bytes()
    inner = json.loads((PMRM2_FOLDER / "model.json").read_bytes())
    ratio = wrapped("capital-adequacy", inner, numerator=11, denominator=10)
    document = wrapped("survives", ratio, points=points(("up", {"ETH": "0.05"})))
    filled, count = with_point_tables(json.dumps(document).encode(), market, assets)
    assert count == 1
    digests = {
        compile_model(each, assets.assets, parse_pmrm2_market(market)).digest()
        for each in (filled, json.dumps(document).encode())
    }
    assert len(digests) == 1
