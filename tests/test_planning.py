"""Plans satisfy the model, and no cheaper ones exist: by brute force where numbers are small, by bounds elsewhere."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.model_document import read_definition
from circuits.modelling import ModelError
from circuits.models.allocation import Allocation
from circuits.planning import Plan, PlanError, Planner
from circuits.planning.program import Program
from circuits.prices import PriceDocument
from circuits.public_market import PublicMarket, parse_public_market
from primitives.assets import Asset

EXAMPLE = Path(__file__).parent.parent / "examples" / "models" / "allocation"
NAMES = ("A", "B", "CASH")


def market(prices: Mapping[str, str], scale: int = 0) -> PublicMarket:
    document = {
        "format": "sealedbook/prices/v1", "as_of": "2026-08-20T08:00:00Z", "quote": "USD", "scale": scale,
        "prices": [{"asset": asset, "price": price} for asset, price in prices.items()],
    }  # fmt: skip
    return parse_public_market(json.dumps(document).encode())


def definition(**fields: Any) -> Allocation:
    numbers = {"scale": fields.pop("scale", 0), "position_bits": fields.pop("bits", 40)}
    document = {
        "format": "sealedbook/model/v1",
        "kind": "allocation",
        "version": 1,
        "numbers": numbers,
        **fields,
    }
    made = read_definition(json.dumps(document).encode())
    assert isinstance(made, Allocation)
    return made


def band(asset: str, least: int | str | None, greatest: int | str | None) -> dict[str, str]:
    ends = {"least": least, "greatest": greatest}
    return {"asset": asset, **{name: str(end) for name, end in ends.items() if end is not None}}


def small_planner(prices: tuple[int, int], fee: Fraction, **fields: Any) -> Planner:
    quoted = market({"A": str(prices[0]), "B": str(prices[1]), "CASH": "1"})
    return Planner(
        definition(**fields), tuple(Asset(name, 0) for name in NAMES), quoted, cash="CASH", fee=fee
    )


def brute_force(planner: Planner, amounts: Mapping[str, int], reach: int) -> tuple[int, int] | None:
    """The least traded value, and the fewest trades of that value, over all trades of up to `reach` base units."""
    best = None
    for x in itertools.product(range(-reach, reach + 1), repeat=2):
        trades = dict(zip(NAMES, x, strict=False))
        if planner.problem.failing(planner.problem.settle(amounts, trades)):
            continue
        key = planner.problem.traded(trades), sum(map(bool, x))
        best = key if best is None else min(best, key)
    return best


MODELS: list[dict[str, Any]] = [
    {"bands": [band("A", 20, 45), band("B", 10, 40)]},
    {"bands": [band("A", 30, None)], "sectors": [{"name": "both", "assets": ["A", "B"], "greatest": "60"}]},
    {"single_name": {"greatest": "50"}, "largest": [{"count": 2, "greatest": "80"}]},
    {"target": {"weights": [{"asset": "A", "weight": "40"}, {"asset": "B", "weight": "40"},
                            {"asset": "CASH", "weight": "20"}], "drift": "30"}},
    {"holdings": {"least": 2, "share": "20"}, "bands": [band("CASH", 5, 70)]},
    {"positions": "signed", "leverage": "1.5", "bands": [band("A", -20, 40)]},
    {"bands": [band("A", 33, 34), band("B", 33, 34)]},
]  # fmt: skip


@pytest.mark.parametrize("fee", [Fraction(0), Fraction(1, 100)], ids=["free", "1 %"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: "+".join(model))
def test_no_cheaper_plan_exists(model: dict[str, Any], fee: Fraction) -> None:
    random = np.random.default_rng(7)
    signed = model.get("positions") == "signed"
    found = 0
    for _ in range(6):
        prices = tuple(random.integers(1, 5, size=2).tolist())
        planner = small_planner((prices[0], prices[1]), fee, **model)
        held = random.integers(-3 if signed else 0, 12, size=3).tolist()
        amounts = dict(zip(NAMES, held, strict=True))
        best = brute_force(planner, amounts, 36)
        if best is None:
            with pytest.raises(PlanError):
                planner.plan(amounts)
            continue
        plan = planner.plan(amounts)
        assert (plan.traded, len(plan.trades)) == best
        assert plan.excess == 0
        assert planner.is_within(plan.after)
        found += 1
    assert found


def random_portfolio(random: np.random.Generator, assets: int) -> tuple[Planner, dict[str, int]]:
    names = [f"asset-{place}" for place in range(assets)]
    prices = {name: str(int(random.integers(1, 90_000))) for name in names} | {"USD": "1"}
    share = 100 // assets
    fields: dict[str, Any] = {
        "bands": [band(name, max(0, share - 4), share + 6) for name in names],
        "sectors": [{"name": "first", "assets": names[: assets // 2], "greatest": "55"}],
        "largest": [{"count": 2, "greatest": str(2 * share + 9)}],
        "holdings": {"least": assets // 2, "share": "2"},
    }
    listed = (*(Asset(name, 6) for name in names), Asset("USD", 6))
    planner = Planner(
        definition(scale=8, bits=50, **fields), listed, market(prices, 8), fee=Fraction(10, 10_000)
    )
    held = {name: int(random.integers(0, 10**13) // int(prices[name])) for name in names}
    return planner, held | {"USD": int(random.integers(0, 10**12))}


def gross_value(planner: Planner, amounts: Mapping[str, int]) -> int:
    return sum(planner.problem.values(amounts).values())


@pytest.mark.parametrize("seed", range(4))
def test_plans_of_large_portfolios(seed: int) -> None:
    planner, amounts = random_portfolio(np.random.default_rng(seed), 4 + 2 * seed)
    plan = planner.plan(amounts)
    assert plan.trades
    assert planner.is_within(plan.after)
    assert plan.after == planner.problem.settle(amounts, {trade.asset: trade.amount for trade in plan.trades})
    # A few base units of each asset, and what floats leave open.
    largest_unit = max(planner.problem.prices.values())
    assert plan.excess <= 4 * len(amounts) * largest_unit + gross_value(planner, amounts) // 10**8
    unit = planner.problem.prices["USD"]
    assert plan.traded * planner.problem.fee <= plan.cost < plan.traded * planner.problem.fee + unit
    for trade in plan.trades:
        smaller = {each.asset: each.amount for each in plan.trades}
        smaller[trade.asset] -= 1 if trade.amount > 0 else -1
        assert not planner.is_within(planner.problem.settle(amounts, smaller))
    assert planner.plan(amounts) == plan
    assert not planner.plan(plan.after).trades


def example() -> Planner:
    prices = parse_public_market((EXAMPLE / "market.json").read_bytes())
    model = read_definition((EXAMPLE / "model.json").read_bytes())
    assert isinstance(model, Allocation)
    assert isinstance(prices, PriceDocument)
    return Planner(model, (Asset("BTC", 8), Asset("ETH", 8), Asset("USDC", 6)), prices)


WORKED = {"BTC": 120_000_000, "ETH": 2_000_000_000, "USDC": 66_000_000_000}


def test_what_is_within_needs_no_trade() -> None:
    planner = example()
    for amounts in (WORKED, {}):
        plan = planner.plan(amounts)
        assert (plan.trades, plan.traded, plan.cost, plan.excess) == ((), 0, 0, 0)
        assert plan.before == plan.after


def test_nothing_of_a_plan_is_in_its_repr() -> None:
    plan = example().plan({"BTC": 123_456_789})
    assert plan.trades
    assert "123456789" not in repr(plan)
    assert str(plan.trades[0].amount) not in repr(plan.trades[0])


def test_fewer_trades_among_plans_of_one_value() -> None:
    """B and C alike can be sold for A: one of them does."""
    quoted = market({"A": "1", "B": "1", "C": "1", "D": "1", "CASH": "1"}, 6)
    assets = tuple(Asset(name, 6) for name in ("A", "B", "C", "D", "CASH"))
    planner = Planner(
        definition(scale=6, bands=[band("A", 20, None), band("CASH", 10, 10)]), assets, quoted, cash="CASH"
    )
    held = dict.fromkeys(("B", "C", "D"), 30 * 10**6) | {"CASH": 10 * 10**6}
    plan = planner.plan(held)
    assert len(plan.trades) == 2
    assert plan.traded == 40 * 10**6
    assert {"A"} < {trade.asset for trade in plan.trades}


CONFLICT = [band("A", 60, None), band("B", 50, None), band("CASH", 1, None)]


def test_a_conflict_is_named_and_irreducible() -> None:
    planner = small_planner((1, 1), Fraction(0), bands=CONFLICT)
    with pytest.raises(
        PlanError, match=r"cannot hold together: A at least \(\$.bands\[0\]\); B at least"
    ) as caught:
        planner.plan({"CASH": 1000})
    conflict = caught.value.conflict
    assert conflict is not None
    assert conflict.labels[:2] == ("A at least", "B at least")
    assert sum(percent for _, percent in conflict.relaxations) >= 10
    everything = {condition.label for condition in planner.problem.conditions}
    for label in conflict.labels:
        others = everything - set(conflict.labels) | {label}
        assert Program(planner.problem, {"CASH": 1000}, without=others).solve() is not None
    assert Program(planner.problem, {"CASH": 1000}, without=everything - set(conflict.labels)).solve() is None


def test_limits_narrower_than_a_base_unit() -> None:
    planner = small_planner((3, 7), Fraction(0), bands=[band("A", "33.3333", "33.3334")])
    with pytest.raises(PlanError, match="no trades in whole base units") as caught:
        planner.plan({"CASH": 10})
    assert caught.value.conflict is None


def test_a_portfolio_beyond_the_model_is_told() -> None:
    planner = Planner(
        definition(bands=[band("A", 50, 60)], bits=4),
        (Asset("A", 0), Asset("CASH", 0)),
        market({"A": "1", "CASH": "1"}),
        cash="CASH",
    )
    with pytest.raises(PlanError, match="beyond the bounds of the model"):
        planner.plan({"CASH": 10_000})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "cash: 2 assets have a price of 1"),
        ({"cash": "EUR"}, "cash: asset 'EUR' is not in the book"),
        ({"cash": "B"}, "cash: 'B' has no value"),
        ({"cash": "A", "fee": Fraction(1)}, "fees: are not at least 0"),
        ({"cash": "A", "fee": Fraction(-1, 10)}, "fees: are not at least 0"),
    ],
)
def test_what_cannot_be_planned_with(options: dict[str, Any], reason: str) -> None:
    assets = (Asset("A", 0), Asset("B", 0), Asset("CASH", 0))
    with pytest.raises(ModelError, match=reason):
        Planner(
            definition(bands=[band("A", 1, None)]),
            assets,
            market({"A": "1", "B": "0", "CASH": "1"}),
            **options,
        )


def test_without_an_asset_of_price_one() -> None:
    with pytest.raises(ModelError, match="cash: no asset has a price of 1"):
        Planner(definition(bands=[band("A", 1, None)]), (Asset("A", 0),), market({"A": "2"}))


def test_a_plan_that_the_statement_refuses_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    planner = example()
    monkeypatch.setattr("circuits.planning.planner.Planner._large", lambda *_: ({"BTC": -1}, 0))
    with pytest.raises(PlanError, match="a plan was found that the model's statement refuses"):
        planner.plan({"BTC": 10**8})


def test_plans_are_compared_by_what_they_do() -> None:
    assert isinstance(example().plan(WORKED), Plan)
