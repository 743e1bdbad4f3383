"""Cross-collateral and spot: published examples, the published rule on random accounts, sizes, documents."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelling_support import by_witness

from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.model_document import compile_model, read_definition
from circuits.modelling import Model, ModelError, Numeric
from circuits.modelling.definition import Numbers
from circuits.modelling.explanation import explain
from circuits.models.cross_collateral import POOL_NUMBERS, CrossCollateral
from circuits.positions import PositionBatch
from circuits.prices import PriceDocument, parse_price_document
from circuits.source_market import SourceMarket, parse_source_market
from primitives.assets import Asset, parse_assets_json
from primitives.strict_json import JsonError
from prover.book.importers.binance import KINDS, debt_and_collateral, load_prices
from prover.book.importers.market_document import (
    MarketAsset,
    PublishedPrice,
    Tier,
    market_document,
    parse_tiers,
)

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "models"
REAL_TABLE = ROOT.parent / "shared" / "data" / "binance" / "cex_assets_info_484.csv"
BTC_TIERS = (
    "[0-30000000:100,30000000-50000000:98,50000000-100000000:95,100000000-200000000:90,200000000-350000000:80,"
    "350000000-500000000:70,500000000-800000000:60,800000000-1500000000:50,1500000000-2500000000:30]"
)
BNB_TIERS = (
    "[0-3000000:100,3000000-6000000:95,6000000-8000000:90,8000000-10000000:85,10000000-20000000:75,"
    "20000000-30000000:60,30000000-50000000:30,50000000-150000000:20,150000000-200000000:10]"
)
UNIT = 10**8
"""Base units of an asset with 8 decimals."""


def entry(symbol: str, price: str, **pools: str) -> MarketAsset:
    tiers = {pool: parse_tiers(pools.get(pool, "[]")) for pool in ("loan", "margin", "portfolio")}
    return MarketAsset(symbol, 8, PublishedPrice.parse(price), tiers)


PUBLISHED = (
    entry("ETH", "2000.00", loan="[0-1000:100,1000-2000:90]"),
    entry("USDT", "1.00", loan="[0-10000:100,10000-20000:90]"),
    entry("BTC", "115770.00", margin=BTC_TIERS),
    entry("BNB", "783.13", margin=BNB_TIERS, portfolio="[0-18446744073709551615:95]"),
)


def assets_of(market: Sequence[MarketAsset]) -> tuple[Asset, ...]:
    return tuple(Asset(f"{entry.asset}:{kind}", entry.decimals) for entry in market for kind in KINDS)


def parsed(market: Sequence[MarketAsset]) -> SourceMarket:
    return parse_source_market(market_document("binance", "USDT", market))


def pools_model(market: Sequence[MarketAsset], *, is_exact: bool = True) -> Model:
    return CrossCollateral(None, is_exact, POOL_NUMBERS).model(assets_of(market), parsed(market))


def account(market: Sequence[MarketAsset], **amounts: int) -> dict[int, int]:
    """From keywords such as ``ETH_debt=2 * UNIT``."""
    names = {asset.id: place for place, asset in enumerate(assets_of(market))}
    return {names[key.replace("_", ":")]: amount for key, amount in amounts.items() if amount}


ALICE = {
    "ETH_equity": UNIT, "ETH_debt": 2 * UNIT, "ETH_loan": UNIT,
    "USDT_equity": 13_000 * UNIT, "USDT_debt": 1_000 * UNIT, "USDT_loan": 10_000 * UNIT,
}  # fmt: skip


def credit_of(**amounts: int) -> Fraction:
    """Collateral after haircut in USDT, by the meaning of the model."""
    model = pools_model(PUBLISHED)
    margin = model.margin_condition
    assert margin is not None
    batch = PositionBatch.from_mappings([account(PUBLISHED, **amounts)])
    (value,) = Numeric(model, batch).value(margin.equity)
    return Fraction(value, 100 * 10**16)


def test_published_examples() -> None:
    assert credit_of(**ALICE) == 11_900
    assert credit_of(BTC_equity=700 * UNIT, BTC_margin=700 * UNIT) == 79_087_050
    assert credit_of(BNB_equity=12_000 * UNIT, BNB_margin=12_000 * UNIT) == 8_837_926
    assert credit_of(BNB_equity=100 * UNIT, BNB_portfolio=100 * UNIT) == Fraction("74397.35")


def test_alice_passes_until_her_debt_exceeds_her_collateral() -> None:
    model = pools_model(PUBLISHED)
    limit = ALICE["USDT_debt"] + (11_900 - 5_000) * UNIT
    accounts = [{**ALICE, "USDT_debt": debt} for debt in (ALICE["USDT_debt"], limit, limit + 1)]
    batch = PositionBatch.from_mappings([account(PUBLISHED, **amounts) for amounts in accounts])
    assert provable(model, batch) == [True, True, False]


def provable(model: Model, batch: PositionBatch) -> list[bool]:
    places = range(batch.account_count)
    return by_witness(
        model.compile(),
        [[batch.account(place).get(a, 0) for a in range(len(model.assets))] for place in places],
    )


@pytest.mark.parametrize(
    "change",
    [
        {"ETH_debt": -1},
        {"ETH_loan": -1},
        {"ETH_margin": 1},
        {"BTC_equity": -1},
        {"BTC_debt": 1, "USDT_loan": 0},
    ],
)
def test_what_an_account_must_not_do(change: Mapping[str, int]) -> None:
    """Debts and pledges are not negative, pledges do not exceed equity, and what is not pledged does not count."""
    amounts = {**ALICE, "ETH_debt": 0, "USDT_debt": 0, **change}
    amounts = amounts if "BTC_debt" not in change else {"BTC_debt": 1, "USDT_equity": 5 * UNIT}
    model = pools_model(PUBLISHED)
    batch = PositionBatch.from_mappings([account(PUBLISHED, **amounts)])
    assert provable(model, batch) == [False]
    assert not Numeric(model, batch).satisfied()[0]


def reference_slack(market: Sequence[MarketAsset], amounts: Mapping[int, int]) -> int:
    """Collateral minus debt as the published verifier computes them, in 10^-16 USDT."""
    table = [[amounts.get(5 * place + kind, 0) for kind in range(5)] for place in range(len(market))]
    debt, collateral = debt_and_collateral(table, market)
    return collateral - debt


@pytest.mark.parametrize("is_exact", [True, False])
def test_random_accounts_agree_with_the_published_rule(*, is_exact: bool) -> None:
    """Debt is moved to where the published rule changes its answer; they differ by the rounding of tiers at most."""
    source = random.Random("pools")
    model = pools_model(PUBLISHED, is_exact=is_exact)
    accounts, expected = [], []
    for _ in range(40):
        amounts: dict[int, int] = {}
        for place in range(len(PUBLISHED)):
            pools = [source.choice([0, source.randrange(10**13)]) for _ in range(3)]
            amounts |= dict(zip(range(5 * place + 2, 5 * place + 5), pools, strict=True))
            amounts[5 * place] = sum(pools) + source.randrange(100)
            amounts[5 * place + 1] = source.choice([0, source.randrange(10**8)])
        # One base unit of USDT is 10^8 of the rule's units, more than all its rounding.
        slack = reference_slack(PUBLISHED, amounts)
        if slack // UNIT + amounts[6] > 0:
            amounts[6] += slack // UNIT
            accounts += [amounts, {**amounts, 6: amounts[6] + 1}]
            expected += [True, False]
    batch = PositionBatch.from_mappings(accounts)
    meaning = [bool(value) for value in Numeric(model, batch).satisfied()]
    assert provable(model, batch) == meaning
    if is_exact:
        assert meaning == expected
    else:
        assert all(e or not m for e, m in zip(expected, meaning, strict=True))  # never more generous


def test_evaluation_agrees_with_the_meaning() -> None:
    source = random.Random("evaluation")
    definition = CrossCollateral(None, is_exact=True, _numbers=POOL_NUMBERS)
    accounts = [{a: source.choice([0, 1, source.randrange(10**12)]) for a in range(20)} for _ in range(50)]
    batch = PositionBatch.from_mappings([*accounts, {}, account(PUBLISHED, **ALICE)])
    result = definition.evaluate(batch, assets_of(PUBLISHED), parsed(PUBLISHED))
    model = pools_model(PUBLISHED)
    numeric, margin = Numeric(model, batch), model.margin_condition
    assert margin is not None
    assert result.equity.tolist() == numeric.value(margin.equity).tolist()
    assert result.requirement.tolist() == numeric.value(margin.requirement).tolist()
    assert np.array_equal(result.sufficient, numeric.satisfied())
    assert result.sufficient.tolist()[-2:] == [True, True]
    assert 0 < sum(result.sufficient.tolist()) < len(accounts)
    assert result.worst_scenario == (None,) * len(result.sufficient)
    assert "equity" not in repr(result)


@pytest.mark.skipif(not REAL_TABLE.exists(), reason=f"no table of 483 assets at {REAL_TABLE.name}")
@pytest.mark.parametrize(("count", "most_bits"), [(50, 80_000), (483, 290_000)])
def test_size_with_the_published_table(count: int, most_bits: int) -> None:
    """In 10^-16 USDT; rows of values in 10^-6 would be 34 bits narrower, and could not price the cheap assets."""
    market = list(load_prices(REAL_TABLE).values())
    market = sorted(market, key=lambda e: -sum(len(tiers) for tiers in e.pools.values()))[:count]
    explanation = explain(pools_model(market))
    assert explanation.booleans == explanation.integrality_rows == 0
    assert explanation.widest <= 100
    assert explanation.bits < most_bits
    multi = [tiers for e in market for tiers in e.pools.values() if len(tiers) > 1]
    assert explanation.auxiliaries >= len(multi)
    # Five rows an asset at most 61 bits, a row per tier, the margin row.
    assert explanation.rows <= 5 * count + sum(len(tiers) for tiers in multi) + explanation.auxiliaries + 1


# Refusals


@pytest.mark.parametrize(
    ("market", "assets", "message"),
    [
        (PUBLISHED, (Asset("ETH", 8),), "'ETH' is not of the form X:equity|debt|loan|margin|portfolio"),
        (PUBLISHED, (Asset("ETH:equity", 8),), "no debt, loan, margin, portfolio of asset 'ETH'"),
        (PUBLISHED[1:], assets_of(PUBLISHED), "the market has no asset 'ETH'"),
        (
            PUBLISHED,
            tuple(Asset(f"ETH:{kind}", 7) for kind in KINDS),
            "'ETH' has 7 decimals, in the market 8",
        ),
        (
            (entry("ETH", "1.0", loan="[0-10:50,10-20:60]"),),
            tuple(Asset(f"ETH:{kind}", 8) for kind in KINDS),
            "ETH, pool loan: haircut table: the ratio rises from 1/2 to 3/5",
        ),
    ],
)
def test_books_and_markets_that_do_not_fit(
    market: Sequence[MarketAsset], assets: tuple[Asset, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=message.replace("|", r"\|")):
        CrossCollateral(None, is_exact=True, _numbers=POOL_NUMBERS).model(assets, parsed(market))


def signed_document(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EXAMPLES / "cross-collateral-signed.json").read_bytes())
    return document | changes


BOOK = (Asset("BTC", 8), Asset("ETH", 8), Asset("SOL", 8), Asset("USD", 6))


def price_market(**prices: str) -> PriceDocument:
    listed = [{"asset": asset, "price": price} for asset, price in prices.items()]
    document = {"format": "sealedbook/prices/v1", "as_of": "2026-01-31T00:00:00Z", "quote": "USD", "scale": 8}
    return parse_price_document(json.dumps(document | {"prices": listed}).encode())


MARKET = price_market(BTC="70000", ETH="3500.5", USD="1")


@pytest.mark.parametrize(
    ("amounts", "value"),
    [
        # Unit prices are 700 and 35.005 per base unit, ratios folded down, weights up.
        ({0: UNIT}, 665 * UNIT),
        ({0: -UNIT}, -700 * UNIT),
        ({1: UNIT}, 31 * UNIT),
        ({1: -UNIT}, -37 * UNIT),
        ({0: 200 * UNIT}, 9_500_000_000_000 + 200 * 630 * UNIT - 9_000_000_000_000),
        ({0: 1000 * UNIT}, 350 * 1000 * UNIT + 500_000 * 10**6 + 12_000_000 * 10**6),
        ({3: -7}, -7),
        ({0: UNIT, 1: -UNIT, 3: 5}, (665 - 37) * UNIT + 5),
    ],
)
def test_signed_balances(amounts: dict[int, int], value: int) -> None:
    definition = read_definition(json.dumps(signed_document()).encode())
    model = definition.model(BOOK, MARKET)
    margin = model.margin_condition
    assert margin is not None
    batch = PositionBatch.from_mappings([amounts])
    assert Numeric(model, batch).value(margin.equity).tolist() == [value]
    at = {**amounts, 3: amounts.get(3, 0) - value}
    batch = PositionBatch.from_mappings([at, {**at, 3: at[3] - 1}, {**at, 2: -1}])
    assert provable(model, batch) == [True, False, False]
    assert definition.evaluate(batch, BOOK, MARKET).sufficient.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, r"\$.version"),
        ({"layout": "both"}, r"\$.layout: 'both'"),
        ({"layout": "pools"}, "unknown field 'assets'"),
        ({"layout": "pools", "rounding": "up"}, r"\$.rounding: 'up'"),
        ({"layout": "pools", "numbers": {"scale": 6}}, r"\$.rounding: 'exact' is what"),
        ({"assets": []}, r"\$.assets: is empty"),
        ({"assets": [{"asset": "BTC", "ratio": "1"}] * 2}, "lists an asset twice"),
        ({"assets": [{"asset": "BTC", "ratio": "1.5"}]}, "a ratio is above 1"),
        ({"assets": [{"asset": "BTC", "ratio": "-1"}]}, "is negative"),
        ({"assets": [{"asset": "BTC", "ratio": "1", "debt_weight": "0.9"}]}, r"debt_weight: is below 1"),
        (
            {"assets": [{"asset": "BTC", "tiers": [{"to": "5", "ratio": "0.5"}, {"ratio": "0.6"}]}]},
            "ratio rises",
        ),
        ({"assets": [{"asset": "BTC", "tiers": [{"ratio": "0.5"}, {"ratio": "0.4"}]}]}, "only the last tier"),
        ({"assets": [{"asset": "BTC", "ratio": "0.1234567"}]}, "not a multiple"),
        ({"assets": [{"asset": "XMR", "ratio": "1"}]}, "'XMR' is not in the book"),
        ({"assets": [{"asset": "SOL", "ratio": "1"}]}, "no price for asset 'SOL'"),
        ({"numbers": {"scale": 6, "bits": 3}}, "unknown field 'bits'"),
    ],
)
def test_documents_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(JsonError, match=message):
        compile_model(json.dumps(signed_document(**changes)).encode(), BOOK, MARKET)


def test_the_market_has_to_be_of_the_kind_that_the_layout_needs() -> None:
    pools = json.loads((EXAMPLES / "cross-collateral-pools.json").read_bytes())
    with pytest.raises(JsonError, match="needs a SourceMarket, and was given a PriceDocument"):
        compile_model(pools, assets_of(PUBLISHED), MARKET)
    with pytest.raises(JsonError, match="needs a MarketDocument, and was given no market"):
        compile_model(signed_document(), BOOK)


def test_a_claim_compiles_from_the_documents_of_a_book() -> None:
    """The market that the importer writes is the one that the model reads."""
    document = market_document("binance", "USDT", PUBLISHED)
    model = (EXAMPLES / "cross-collateral-pools.json").read_bytes()
    statement = compile_claim(model, document, assets_of(PUBLISHED))
    assert statement == pools_model(PUBLISHED).compile()
    with pytest.raises(ClaimDocumentError, match=r"market: \$.format: 'x' is not one of"):
        compile_claim(model, b'{"format":"x"}', assets_of(PUBLISHED))


def test_positions_that_tiers_cannot_reach_cost_nothing() -> None:
    """A tier that starts beyond what 61 bits of the asset are worth is left out, and changes no value."""
    cheap = MarketAsset(
        "CHEAP",
        8,
        PublishedPrice.parse("0.00000100"),
        {"loan": (Tier(0, 10**6, 100), Tier(10**6, 10**7, 50)), "margin": (), "portfolio": ()},
    )
    model = pools_model([cheap])
    assert explain(model).auxiliaries == 0


def test_spot() -> None:
    assets = parse_assets_json((ROOT / "examples" / "statements" / "assets.json").read_bytes()).assets
    prices = parse_price_document((ROOT / "examples" / "statements" / "prices.json").read_bytes())
    document = json.loads((EXAMPLES / "spot.json").read_bytes())
    plain = compile_model({key: document[key] for key in ("format", "kind", "version")}, assets)
    assert [row.width for row in plain.rows] == [63] * len(assets)
    document["numbers"] = {"scale": prices.prices.scale}
    statement = compile_model(document, assets, prices)
    usd = next(place for place, asset in enumerate(assets) if asset.id == "USD")
    others = {place: 10**asset.decimals for place, asset in enumerate(assets) if place != usd}
    worth = sum(prices.prices.unit_value(assets[place]) * amount for place, amount in others.items())
    owed = worth // prices.prices.unit_value(assets[usd])
    accounts = [[others.get(place, -owed - extra) for place in range(len(assets))] for extra in (0, 1)]
    assert by_witness(statement, accounts) == [True, False]
    with pytest.raises(JsonError, match="needs a PriceDocument"):
        compile_model(document, assets)
    with pytest.raises(JsonError, match="'DOGE' is not in the book"):
        compile_model(document | {"borrowable": ["DOGE"]}, assets, prices)
    with pytest.raises(JsonError, match="the model in 10\\^-3"):
        compile_model(document | {"numbers": {"scale": 3}}, assets, prices)


def test_numbers() -> None:
    numbers = Numbers()
    assert (numbers.units, numbers.value_cap.bit_length()) == (10**6, 60)
