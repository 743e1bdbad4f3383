"""Every wrapper around every margin model: meaning, witness and evaluator agree, and the model inside is unchanged."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from modelling_support import batch_of, by_meaning, by_witness
from scenario_model_support import EXAMPLES, Account
from sealing_support import fastest_backend
from vectors.generate_wrapper_examples import wrapped

from circuits.market.document import MarketDocument
from circuits.market.snapshot import Option
from circuits.model_document import read_definition
from circuits.modelling import HaircutTable
from circuits.modelling.definition import ModelDefinition, Numbers
from circuits.modelling.errors import ModelError
from circuits.models import MODEL_DEFINITIONS
from circuits.models.cross_collateral import CrossCollateral, SignedCollateral
from circuits.prices import scaled_decimal
from circuits.public_market import PublicMarket, parse_public_market
from circuits.wrappers.shocks import PriceMove, Shock, shocked_market
from circuits.wrappers.wrapper import Wrapper
from primitives.assets import Asset, parse_assets_json
from primitives.strict_json import JsonError

COLUMN = Asset("own column", 0)


def folders() -> Iterator[Path]:
    """Examples of margin models that are no wrappers, and prove every account by itself."""
    for place in sorted(EXAMPLES.glob("*/model.json")):
        kind = json.loads(place.read_bytes())["kind"]
        names = {path.name for path in place.parent.iterdir()}
        if kind in KINDS and {"market.json", "assets.json", "book.csv"} <= names:
            yield place.parent


KINDS = {
    "derive-standard-margin",
    "deribit-portfolio-margin",
    "hyperliquid-perpetuals",
    "linear-perpetuals",
    "paradex-portfolio-margin",
    "pmrm2",
    "span",
}


def load(folder: Path) -> tuple[dict[str, Any], PublicMarket, tuple[Asset, ...], list[Account]]:
    document = json.loads((folder / "model.json").read_bytes())
    market = parse_public_market((folder / "market.json").read_bytes())
    assets = tuple(parse_assets_json((folder / "assets.json").read_bytes()))
    places = {asset.id: place for place, asset in enumerate(assets)}
    accounts: dict[str, Account] = {}
    with (folder / "book.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            held = accounts.setdefault(row["account"], [0] * (len(assets) + 1))
            place = places[row["asset"]]
            held[place] = scaled_decimal(row["amount"], assets[place].decimals)
    twice = [[2 * amount for amount in held] for held in accounts.values()]
    mirrored = [[-amount for amount in held] for held in accounts.values()]
    # Without the first asset, which is cash in most.
    poor = [[0, *held[1:]] for held in accounts.values()]
    return document, market, assets, [*accounts.values(), *twice, *mirrored, *poor]


def definition_of(document: dict[str, Any]) -> ModelDefinition:
    return read_definition(json.dumps(document).encode())


def check(
    document: dict[str, Any], assets: tuple[Asset, ...], market: PublicMarket, accounts: list[Account]
) -> list[bool]:
    """The verdicts, three ways, with either backend's evaluator."""
    definition = definition_of(document)
    model = definition.model(assets, market)
    verdicts = by_meaning(model, accounts)
    assert by_witness(model.compile(), accounts) == verdicts
    for backend in (None, fastest_backend()):
        result = definition.evaluator(assets, market, backend)(batch_of(accounts))
        assert result.sufficient.tolist() == verdicts
        slack = result.equity - result.requirement
        assert all(not ok or spare >= 0 for ok, spare in zip(verdicts, slack.tolist(), strict=True))
    return verdicts


@pytest.mark.parametrize("folder", list(folders()), ids=lambda folder: folder.name)
def test_wrappers_around(folder: Path) -> None:
    document, market, assets, accounts = load(folder)
    plain = [account[:-1] for account in accounts]
    inner = definition_of(document).model(assets, market)
    expected = by_meaning(inner, plain)
    assert True in expected
    now: list[Any] = [{"name": "now", "moves": []}]
    assert check(wrapped("survives", document, points=now), assets, market, plain) == expected
    same = wrapped("capital-adequacy", document, numerator=1, denominator=1)
    assert check(same, assets, market, plain) == expected
    more = wrapped("capital-adequacy", document, numerator=3, denominator=2)
    stricter = check(more, assets, market, plain)
    assert all(ok or not strict for ok, strict in zip(expected, stricter, strict=True))
    columns = (*assets, COLUMN)
    insured = wrapped("insured", document, shortfall=COLUMN.id, measure="margin")
    assert check(insured, columns, market, accounts) == expected
    bankrupt = wrapped("insured", document, shortfall=COLUMN.id, measure="bankruptcy")
    if not definition_of(document).has_net_equity:
        with pytest.raises(JsonError, match="needs a model whose equity counts all that is owed"):
            definition_of(bankrupt)
        return
    relaxed = check(bankrupt, columns, market, accounts)
    assert all(loose or not ok for ok, loose in zip(expected, relaxed, strict=True))


@pytest.mark.parametrize("folder", list(folders()), ids=lambda folder: folder.name)
def test_stated_shortfalls_let_every_account_pass_that_only_misses_margin(folder: Path) -> None:
    """The exact shortfall passes, in whole units, and a unit less does not."""
    document, market, assets, accounts = load(folder)
    columns = (*assets, COLUMN)
    insured = wrapped("insured", document, shortfall=COLUMN.id, measure="margin")
    definition = definition_of(insured)
    missing = definition.shortfalls(columns, market)(batch_of(accounts)).tolist()  # type: ignore[attr-defined]
    filled = [[*held[:-1], short] for held, short in zip(accounts, missing, strict=True)]
    beyond = [[*held[:-1], 1 << 40] for held in accounts]
    passes = by_meaning(definition.model(columns, market), filled)
    # What no shortfall mends is another condition of the inner model.
    assert passes == by_meaning(definition.model(columns, market), beyond)
    short = [place for place, each in enumerate(missing) if each and passes[place]]
    assert short
    less = [[*filled[place][:-1], missing[place] - 1] for place in short]
    assert not any(by_meaning(definition.model(columns, market), less))


@pytest.mark.parametrize("folder", list(folders()), ids=lambda folder: folder.name)
def test_what_is_withdrawn_is_what_the_account_does_not_have(folder: Path) -> None:
    """The verdict on an account that withdraws W is that on one with W less."""
    document, market, assets, accounts = load(folder)
    place, asset = next(
        (place, asset)
        for place, asset in enumerate(assets)
        if any(account[place] > 0 for account in accounts)
    )
    column = Asset("W", asset.decimals)
    wrapper = wrapped("withdrawable", document, asset=asset.id, column=column.id)
    try:
        definition_of(wrapper).model((*assets, column), market)
    except ModelError as error:
        pytest.fail(str(error))
    inner = definition_of(document).model(assets, market)
    for part in (0, 2, 1):
        amounts = [max(0, account[place]) // part if part else 0 for account in accounts]
        left = [
            [held - (amount if at == place else 0) for at, held in enumerate(account[:-1])]
            for account, amount in zip(accounts, amounts, strict=True)
        ]
        expected = [
            ok and account[place] >= 0 for ok, account in zip(by_meaning(inner, left), left, strict=True)
        ]
        asked = [[*account[:-1], amount] for account, amount in zip(accounts, amounts, strict=True)]
        assert check(wrapper, (*assets, column), market, asked) == expected


def test_the_list_of_kinds_is_complete() -> None:
    """Kinds without a market of their own in an example, or that are no margin of single accounts, are elsewhere."""
    others = {"spot", "cross-collateral"}
    known = {kind for kind, each in MODEL_DEFINITIONS.items() if not issubclass(each, Wrapper)}
    assert KINDS | others <= known


# What survives relies on: equity less requirement is concave in prices


CONCAVE = [
    "derive-standard-margin",
    "hyperliquid-perpetuals",
    "linear-perpetuals-cross",
    "linear-perpetuals-isolated",
    "linear-perpetuals-orders",
    "paradex-portfolio-margin",
    "span",
]


def concave_parts(name: str) -> tuple[ModelDefinition, MarketDocument, tuple[Asset, ...]]:
    """An example without its options."""
    document, market, assets, _ = load(EXAMPLES / name)
    assert isinstance(market, MarketDocument)
    curved = {each.id for each in market.snapshot.instruments if isinstance(each, Option)}
    return definition_of(document), market, tuple(asset for asset in assets if asset.id not in curved)


@pytest.mark.parametrize("name", CONCAVE)
def test_slack_is_concave_in_prices(name: str) -> None:
    """At the middle of two joint moves it is at least the mean of both ends, but for rounding."""
    definition, market, assets = concave_parts(name)
    assert definition.has_concave_slack
    underlyings = [each.id for each in market.snapshot.underlyings]
    source = random.Random(name)
    accounts = [
        [source.randrange(0 if asset.id.endswith(("buys", "sells")) else -(10**9), 10**9) for asset in assets]
        for _ in range(200)
    ]
    batch = batch_of(accounts)
    tolerance = 4 * max(sum(map(abs, account)) for account in accounts)
    strict = 0
    for _ in range(6):
        ends = [[Decimal(source.randrange(-90, 300)) / 100 for _ in underlyings] for _ in range(2)]
        middle = [(a + b) / 2 for a, b in zip(*ends, strict=True)]
        slack = []
        for changes in (*ends, middle):
            moves = tuple(PriceMove(of, by, Decimal(0)) for of, by in zip(underlyings, changes, strict=True))
            result = definition.evaluate(batch, assets, shocked_market(market, Shock("x", moves)))
            slack.append(result.equity - result.requirement)
        above = 2 * slack[2] - slack[0] - slack[1]
        assert min(above.tolist()) >= -2 * tolerance
        strict += int(max(above.tolist()) > 2 * tolerance)
    assert strict or name in LINEAR


LINEAR = {"span", "derive-standard-margin", "paradex-portfolio-margin", "linear-perpetuals-orders"}
"""Requirements at these sizes are proportional to prices, or do not depend on them."""


def test_collateral_with_haircuts_is_concave_in_prices() -> None:
    half = HaircutTable(((Fraction(10_000), Fraction(9, 10)), (None, Fraction(1, 2))))
    listed = tuple(SignedCollateral(name, half, Fraction(11, 10)) for name in ("A", "B"))
    definition = CrossCollateral(listed, is_exact=False, _numbers=Numbers(scale=8))
    assert definition.has_concave_slack
    assets = (Asset("A", 4), Asset("B", 4))
    source = random.Random("haircuts")
    batch = batch_of([[source.randrange(-(10**5), 10**5) for _ in assets] for _ in range(300)])
    strict = 0
    for _ in range(6):
        ends = [[source.randrange(1, 10**4) * 2 for _ in assets] for _ in range(2)]
        slack = []
        for prices in (*ends, [(a + b) // 2 for a, b in zip(*ends, strict=True)]):
            document = {
                "format": "sealedbook/prices/v1", "as_of": "2026-01-31T00:00:00Z", "quote": "USD", "scale": 8,
                "prices": [
                    {"asset": asset.id, "price": str(price)} for asset, price in zip(assets, prices, strict=True)
                ],
            }  # fmt: skip
            result = definition.evaluate(batch, assets, parse_public_market(json.dumps(document).encode()))
            slack.append(result.equity - result.requirement)
        above = 2 * slack[2] - slack[0] - slack[1]
        assert min(above.tolist()) >= -8 * 10**5
        strict += int(max(above.tolist()) > 8 * 10**5)
    assert strict


def test_which_models_say_that_they_are_concave() -> None:
    """The others are refused as segments: nothing is known of them."""
    saying = {
        kind
        for kind, each in MODEL_DEFINITIONS.items()
        if not issubclass(each, Wrapper)
        and any("has_concave_slack" in vars(base) for base in each.__mro__ if base is not ModelDefinition)
    }
    tested = {json.loads((EXAMPLES / name / "model.json").read_bytes())["kind"] for name in CONCAVE}
    # Those with losses in scenarios are tested in test_model_losses.
    assert saying == tested | {"cross-collateral", "spot", "expected-shortfall", "stress"}
