"""Deribit portfolio margin: published vectors, rows against the formula, refusals, proofs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest
from modelling_support import batch_of
from scenario_model_support import (
    Account,
    Case,
    check_boundary,
    check_proof,
    load_example,
    needs_native,
    refuse_compilation,
    refuse_document,
)
from vectors.generate_scenario_examples import (
    INDEX,
    contract,
    deribit_model,
    deribit_pair,
    option,
    snapshot,
    underlying,
)

from circuits.market.risk_array import Greek, compute_risk_array
from circuits.market.snapshot import Cash, Contract, Option, Settlement, Spot
from circuits.modelling import Numeric
from circuits.modelling.explanation import explain
from circuits.models.deribit_parameters import DeltaShock, Numeraire, Pair
from circuits.models.deribit_portfolio_margin import DELTA_SCALE, SLOPE_SCALE, DeribitPortfolioMargin
from primitives.assets import Asset

SEGREGATED, SEGREGATED_BOOK = load_example("deribit-segregated-portfolio-margin")
CROSS, CROSS_BOOK = load_example("deribit-cross-portfolio-margin")
NO_SHOCK: Any = {"threshold": "20000000", "increment": "0", "maximum": "0", "chords": 0}
NO_ROLL: Any = {"minimum_move": "0", "annual_move": "0"}


def sample_case(name: str, index: str, *, is_major: bool, margin: str = "initial") -> Case:
    """Inverse contracts of one coin each, counted in 10^-9 coin."""
    inverse = Settlement.INVERSE
    market = snapshot(
        [underlying(name, index, (20,))],
        [
            Spot("COIN", name),
            contract("PERP", name, index, settlement=inverse, multiplier=index),
            contract("FUTURE", name, index, days=20, settlement=inverse, multiplier=index),
        ],
        scale=18,
    )
    document = deribit_model([deribit_pair(name, is_major=is_major)], scale=18, margin=margin)
    return Case(document, market, (Asset("COIN", 9), Asset("PERP", 9), Asset("FUTURE", 9)))


def coins(case: Case, units: int) -> float:
    """Value units in the coin of the first underlying."""
    snapshot_ = case.market.snapshot
    return float(Fraction(units) / 10**snapshot_.scale / Fraction(str(snapshot_.underlyings[0].index)))


def losses_of(case: Case, account: Account) -> dict[str, int]:
    margin = case.model.margin_condition
    assert margin is not None
    numeric = Numeric(case.model, batch_of([account]))
    return {name: int(numeric.value(loss)[0]) for name, loss in margin.scenarios.items()}


def roll_of(case: Case, account: Account) -> int:
    """The requirement without the worst loss, far below the threshold of the delta shock."""
    return case.requirement(account) - max(0, *losses_of(case, account).values())


# Figures


def test_published_response_of_btc() -> None:
    case = sample_case("BTC", INDEX, is_major=True)
    account = case.account(PERP="0.314538364", FUTURE="-0.001187534")
    alone = losses_of(case, case.account(PERP="0.314538364"))
    assert round(coins(case, -alone["BTC: price -16 %, volatility same"]), 10) == -0.0599120693
    assert round(coins(case, -alone["BTC: price +16 %, volatility same"]), 10) == 0.0433846019
    # The extended table, too, is at the edges of the range: what remains after its dampener is less.
    result = case.evaluate([account])
    assert result.worst_scenario == ("BTC: price -16 %, volatility up",)
    worst = max(losses_of(case, account).values())
    assert round(coins(case, worst), 10) == 0.0596858724
    assert round(coins(case, roll_of(case, account)), 11) == 0.00315725898
    assert round(coins(case, int(result.requirement[0])), 10) == 0.0628431314
    maintenance = sample_case("BTC", INDEX, is_major=True, margin="maintenance")
    assert round(coins(case, maintenance.requirement(account)), 10) == 0.0502745051


def test_published_response_of_eth() -> None:
    case = sample_case("ETH", "3250.4", is_major=False)
    account = case.account(PERP="-0.999487053")
    worst = max(losses_of(case, account).values())
    assert round(coins(case, worst), 10) == 0.1524641267
    assert round(coins(case, roll_of(case, account)), 10) == 0.0049974353
    assert round(coins(case, case.requirement(account)), 10) == 0.1574615620
    maintenance = sample_case("ETH", "3250.4", is_major=False, margin="maintenance")
    assert round(coins(case, maintenance.requirement(account)), 10) == 0.1259692496


def test_published_offset_of_a_gain() -> None:
    """0.219399597 of a gain counts as 0.131639758."""
    market = snapshot(
        [underlying("A", "1", ()), underlying("B", "1", ())],
        [contract("A-PERP", "A", "1"), contract("B-PERP", "B", "1")],
        scale=18,
    )
    pairs = [deribit_pair(name, delta_shock=NO_SHOCK, roll=NO_ROLL) for name in ("A", "B")]
    sets: Any = [{"pairs": ["A", "B"], "gain_ratio": "0.6", "gain_cap": "20000000"}]
    document = deribit_model(pairs, numeraire="quote", scale=18, sets=sets)
    case = Case(document, market, (Asset("A-PERP", 11), Asset("B-PERP", 11)))
    account = case.account(A_PERP="1.37124748125", B_PERP="-6.25")
    assert round(1 - case.requirement(account) / 10**18, 9) == 0.131639758
    capped = case.altered(lambda d: d["sets"][0].update(gain_cap="0.1"))
    assert capped.requirement(account) == 9 * 10**17


def linear_case(*, chords: int = 0) -> Case:
    market = snapshot(
        [underlying("BTC", INDEX, (30,))],
        [
            Cash("USDC", Decimal(1)),
            contract("FUTURE", "BTC", INDEX, days=30),
            option("C80", "BTC", 30, "call", "80000", "0.6"),
            option("P52", "BTC", 30, "put", "52000", "0.65"),
        ],
    )
    assets = (Asset("USDC", 6), Asset("FUTURE", 4), Asset("C80", 2), Asset("P52", 2))
    document = deribit_model([deribit_pair("BTC", chords=chords)], numeraire="quote", scale=6)
    return Case(document, market, assets)


def test_worked_linear_book() -> None:
    case = linear_case()
    account = case.account(C80="-60", P52="-60", FUTURE="10")
    losses = {name: int(loss) / 10**6 for name, loss in losses_of(case, account).items()}
    assert case.evaluate([account]).worst_scenario == ("BTC: price -16 %, volatility up",)
    assert round(losses["BTC: price -16 %, volatility up"]) == 330_361
    assert round(losses["BTC: extended, price -33 %"]) == 260_195  # 366,445 less 106,250
    assert round(losses["BTC: extended, price +500 %"]) == 495_269 - 3_025_000
    assert round(roll_of(case, account) / 10**6) == 4_403
    check_boundary(case, [account], "USDC")


@pytest.mark.parametrize(("chords", "most"), [(1, 3.28), (2, 0.82), (4, 0.21)])
def test_chords_are_a_majorant_and_cost_what_the_page_says(chords: int, most: float) -> None:
    index = Fraction(INDEX)
    shock = DeltaShock(Fraction(20_000_000), Fraction("0.00005"), Fraction("0.1"), chords)
    knots = shock.knots(index)
    assert len(knots) == chords + 1
    assert [float(part) for part in knots[0]] == [20_000_000, 0]
    assert round(float(knots[-1][0]) / 10**6, 1) == 151.3
    if chords == 1:
        (x0, y0), (x1, y1) = knots
        assert round(float((y1 - y0) / (x1 - x0)), 4) == 0.1152
    case, without = linear_case(chords=chords), linear_case()
    excess = []
    for futures in range(0, 4000, 25):
        account = case.account(FUTURE=str(futures))
        size = futures * index
        above = max(Fraction(0), size - 20_000_000)
        exact = min(shock.increment * (size / index) * above, shock.maximum * size)
        charged = Fraction(case.requirement(account) - without.requirement(account), 10**6)
        assert charged >= exact
        if size <= knots[-1][0]:
            excess.append(float(charged - exact) / 10**6)
    assert most * 0.95 < max(excess) < most * 1.05


def test_without_chords_the_delta_stays_within_the_threshold() -> None:
    """To the unit: a base unit of the perpetual has a delta of 10^-6."""
    market = snapshot([underlying("A", "1", ())], [Cash("USD", Decimal(1)), contract("PERP", "A", "1")])
    shock: Any = {**NO_SHOCK, "threshold": "5"}
    document = deribit_model([deribit_pair("A", delta_shock=shock)], numeraire="quote", scale=6)
    case = Case(document, market, (Asset("USD", 6), Asset("PERP", 6)))
    for sign, name in ((1, "long"), (-1, "short")):
        inside, outside = [10**9, sign * 5_000_000], [10**9, sign * 5_000_001]
        assert case.evaluate([inside, outside]).sufficient.tolist() == [True, False]
        assert Numeric(case.model, batch_of([outside])).failing(0) == [f"A {name} delta within the threshold"]


@pytest.mark.parametrize("in_a_set", [True, False])
def test_a_table_of_gains_takes_nothing_off_the_shocks(*, in_a_set: bool) -> None:
    """Whoever publishes the risk array may be off by a unit, in the scenario without any move as well."""
    straddle = [option(right[0], "BTC", 30, right, "65666", "0.6") for right in ("call", "put")]
    market = snapshot([underlying("BTC", INDEX, (30,))], straddle)
    calm: Any = deribit_pair("BTC")["volatility"]
    none: Any = {"factor": "1", "dampener": "0", "moves": []}
    still = {**calm, "up": "0", "down": "0", "minimum_up": "0"}
    pair = deribit_pair("BTC", volatility=still, extended=none)
    more: Any = (
        {"sets": [{"pairs": ["BTC", "ETH"], "gain_ratio": "0.6", "gain_cap": "100"}]} if in_a_set else {}
    )
    document = deribit_model([pair, deribit_pair("ETH", extended=none)], numeraire="quote", scale=6, **more)
    if not in_a_set:
        document["pairs"] = [pair]
    case = Case(document, market, (Asset("c", 2), Asset("p", 2)))
    definition = case.definition
    assert isinstance(definition, DeribitPortfolioMargin)
    array = compute_risk_array(
        market.snapshot, definition.scenario_set(["BTC"]), case.assets, {Greek.DELTA: DELTA_SCALE}
    )
    exact = case.requirement([1000, 1000])
    assert max(losses_of(case, [1000, 1000]).values()) == 0
    array.profits[array.profits == 0] += 1
    off = replace(case, market=replace(market, risk_array=array))
    assert off.requirement([1000, 1000]) == exact


def test_the_coin_has_no_profit_in_coin_however_its_value_is_rounded() -> None:
    """3.49 units are counted as 3, and 0.84 of them as one less: a loss of 0.619 that is none."""
    market = snapshot([underlying("A", "0.00000349", ())], [Spot("COIN", "A")])
    case = Case(deribit_model([deribit_pair("A")], scale=6), market, (Asset("COIN", 0),))
    assert case.requirement([10**6]) == 0


# Rows


def requirement_by_formula(case: Case, account: Account) -> Fraction:
    """The definition in words, from the integer risk array; in value units."""
    definition = case.definition
    assert isinstance(definition, DeribitPortfolioMargin)
    held = sorted({each.underlying for each in instruments_of(case).values() if not isinstance(each, Cash)})
    assets = [asset for asset in case.assets if asset.id not in definition.ignored]
    array = compute_risk_array(
        case.market.snapshot, definition.scenario_set(held), assets, {Greek.DELTA: DELTA_SCALE}
    )
    amounts = {asset.id: amount for asset, amount in zip(case.assets, account, strict=True)}
    table = _Table(case, definition, array, amounts)
    total = Fraction(0)
    for pair in definition.pairs:
        if pair.underlying in held:
            total += table.roll(pair) + table.shock(pair)
    grouped = [
        [pair for pair in definition.pairs if pair.underlying in members.pairs] for members in definition.sets
    ]
    alone = [[pair] for pair in definition.pairs if not any(pair in group for group in grouped)]
    for group in alone:
        total += max(0, *(table.losses(group[0], Fraction(1))), *table.extended(group[0]))
    for members, group in zip(definition.sets, grouped, strict=True):
        present = [pair for pair in group if pair.underlying in held]
        cap = floor(members.gain_cap * definition.numbers.units)
        counted = [
            [
                max(full, gain, -cap)
                for full, gain in zip(
                    table.losses(pair, Fraction(1)), table.losses(pair, members.gain_ratio), strict=True
                )
            ]
            + [max(0, loss) for loss in table.extended(pair)]
            for pair in present
        ]
        total += max(0, *(sum(column) for column in zip(*counted, strict=True)))
    return definition.factor * total


def instruments_of(case: Case) -> Mapping[str, Any]:
    definition = case.definition
    assert isinstance(definition, DeribitPortfolioMargin)
    ids = [asset.id for asset in case.assets if asset.id not in definition.ignored]
    return {each: case.market.snapshot.instrument(each) for each in ids}


class _Table:
    def __init__(
        self, case: Case, definition: DeribitPortfolioMargin, array: Any, amounts: Mapping[str, int]
    ) -> None:
        self.case, self.definition, self.array, self.amounts = case, definition, array, amounts
        self.instruments = instruments_of(case)
        self.values = dict(zip(self.instruments, array.values.tolist(), strict=True))
        self.deltas = dict(zip(self.instruments, array.greeks[0].entries.tolist(), strict=True))
        self.is_coin = definition.numeraire is Numeraire.COIN

    def sum(self, pair: Pair, label: str, unit: Any) -> int:
        row = dict(
            zip(self.instruments, self.array.profits[self.array.scenarios.index(label)].tolist(), strict=True)
        )
        return sum(
            round(unit(self.values[each], self.values[each] + row[each])) * self.amounts[each]
            for each in self.members(pair)
            if not (self.is_coin and isinstance(self.instruments[each], Spot))
        )

    def members(self, pair: Pair) -> list[str]:
        return [
            each
            for each, made in self.instruments.items()
            if getattr(made, "underlying", None) == pair.underlying
        ]

    def losses(self, pair: Pair, ratio: Fraction) -> list[int]:
        result = []
        for scenario in pair.standard:
            m = Fraction(scenario.moves[0].multiple) if self.is_coin else Fraction(1)
            result.append(
                self.sum(pair, pair.label(scenario), lambda old, new, m=m: ratio * (old * m - new) / m)
            )
        return result

    def extended(self, pair: Pair) -> list[int]:
        result = []
        for move in pair.extended:
            m = Fraction(move.scenario.moves[0].multiple)
            edge = Fraction(1)
            if self.is_coin:
                edge = 1 + pair.price_range if m > 1 else 1 - pair.price_range
            at = m if self.is_coin else Fraction(1)
            loss = self.sum(
                pair,
                pair.label(move.scenario),
                lambda old, new, at=at, edge=edge, move=move: move.ratio * (old * at - new) / edge,
            )
            result.append(loss - floor(move.dampener * self.definition.numbers.units / edge))
        return result

    def index(self, pair: Pair) -> Fraction:
        return Fraction(str(self.case.market.snapshot.underlying(pair.underlying).index))

    def delta_value(self, pair: Pair, each: str, *, inverse_in_coin: bool) -> Fraction:
        scale = self.case.market.snapshot.scale
        made = self.instruments[each]
        if inverse_in_coin and isinstance(made, Contract) and made.settlement is Settlement.INVERSE:
            decimals = next(asset.decimals for asset in self.case.assets if asset.id == each)
            size = Fraction(str(made.multiplier)) / Fraction(str(made.mark)) / 10**decimals
            return Fraction(size * self.index(pair) * 10**scale)
        return Fraction(int(self.deltas[each]) * self.index(pair) * Fraction(10) ** (scale - DELTA_SCALE))

    def roll(self, pair: Pair) -> int:
        nets: dict[datetime | None, int] = {}
        for each in self.members(pair):
            made = self.instruments[each]
            if isinstance(made, Spot):
                continue
            expiry = made.expiry if isinstance(made, Contract | Option) else None
            rate = pair.minimum_move
            if expiry is not None:
                years = Fraction(self.case.market.snapshot.seconds_to(expiry)) / (365 * 86_400)
                rate = max(rate, pair.annual_move * years)
            unit = round(rate * self.delta_value(pair, each, inverse_in_coin=True))
            nets[expiry] = nets.get(expiry, 0) + unit * self.amounts[each]
        return sum(abs(net) for net in nets.values())

    def shock(self, pair: Pair) -> Fraction:
        if not pair.delta_shock.chords:
            return Fraction(0)
        net = abs(
            sum(
                round(self.delta_value(pair, each, inverse_in_coin=self.is_coin)) * self.amounts[each]
                for each in self.members(pair)
                if not (self.is_coin and isinstance(self.instruments[each], Spot))
            )
        )
        best = Fraction(0)
        for (x0, y0), (x1, y1) in pairwise(pair.delta_shock.knots(self.index(pair))):
            slope = ceil(SLOPE_SCALE * (y1 - y0) / (x1 - x0))
            level = ceil((SLOPE_SCALE * y0 - slope * x0) * self.definition.numbers.units)
            best = max(best, Fraction(slope * net + level, SLOPE_SCALE))
        return best


def random_accounts(sizes: list[int], count: int, seed: str) -> list[Account]:
    source = random.Random(seed)
    return [[source.choice([0, 1, -1]) * source.randint(0, size) for size in sizes] for _ in range(count)]


def small_case(numeraire: str, *, margin: str = "initial", chords: int = 1) -> Case:
    """Small numbers, so that an integer solver is exact; one base unit of CASH or COIN is one value unit."""
    extended = {"factor": "1", "dampener": "3", "moves": ["-0.5", "1"]}
    shock = {
        "threshold": "300" if chords else "5000",
        "increment": "0.05",
        "maximum": "0.2",
        "chords": chords,
    }
    changed: dict[str, Any] = {"buckets": 1, "extended": extended, "delta_shock": shock}
    inverse = Settlement.INVERSE
    assets: tuple[Asset, ...]
    option_on_a = option("A-PUT", "A", 7, "put", "95", "0.9")
    if numeraire == "coin":
        market = snapshot(
            [underlying("A", "100", (7,))],
            [
                Spot("COIN", "A"),
                contract("A-PERP", "A", "101", settlement=inverse, multiplier="10"),
                option_on_a,
            ],
            scale=2,
        )
        pairs = [deribit_pair("A", **changed)]
        assets = (Asset("COIN", 4), Asset("A-PERP", 0), Asset("A-PUT", 0))
        more: dict[str, Any] = {}
    else:
        market = snapshot(
            [underlying("A", "100", (7,)), underlying("B", "30", (90,))],
            [
                Cash("CASH", Decimal(1)),
                contract("A-PERP", "A", "101"),
                option_on_a,
                contract("B-90D", "B", "31", days=90),
                Spot("B", "B"),
            ],
            scale=2,
        )
        pairs = [deribit_pair("A", **changed), deribit_pair("B", is_major=False, **changed)]
        assets = (Asset("CASH", 2), Asset("A-PERP", 0), Asset("A-PUT", 0), Asset("B-90D", 0), Asset("B", 1))
        more = {"sets": [{"pairs": ["A", "B"], "gain_ratio": "0.6", "gain_cap": "150"}]}
    numbers: Any = {"scale": 2, "cap": "40000", "position_bits": 23}
    document = deribit_model(pairs, numeraire=numeraire, margin=margin, **more) | {"numbers": numbers}
    return Case(document, market, assets)


@pytest.mark.parametrize("margin", ["initial", "maintenance"])
@pytest.mark.parametrize(("numeraire", "cash"), [("coin", "COIN"), ("quote", "CASH")])
def test_rows_and_witness_agree_with_the_formula(numeraire: str, cash: str, margin: str) -> None:
    case = small_case(numeraire, margin=margin, chords=2)
    accounts = random_accounts([0, 60, 40, 30, 90][: len(case.assets)], 40, numeraire + margin)
    for account in accounts:
        assert case.requirement(account) == ceil(requirement_by_formula(case, account))
    check_boundary(case, accounts, cash)


@pytest.mark.parametrize(("numeraire", "cash"), [("coin", "COIN"), ("quote", "CASH")])
def test_a_solver_finds_no_other_witness(numeraire: str, cash: str) -> None:
    case = small_case(numeraire, chords=0)
    accounts = random_accounts([0, 3, 4, 8, 30][: len(case.assets)], 10, numeraire)
    check_boundary(case, accounts, cash, solver=True)


def test_a_solver_finds_no_other_witness_with_chords() -> None:
    case = small_case("quote")
    check_boundary(case, random_accounts([0, 20, 20, 0, 0], 6, "chords"), "CASH", solver=True)


def test_pairs_in_no_set_offset_nothing() -> None:
    together = small_case("quote", chords=0)
    alone = together.altered(lambda d: d.pop("sets"))
    account = together.account(A_PERP="2", B_90D="-4")
    assert alone.requirement(account) > together.requirement(account)
    assert alone.requirement(account) == ceil(requirement_by_formula(alone, account))
    check_boundary(alone, random_accounts([0, 3, 4, 8, 30], 10, "alone"), "CASH")


def test_realistic_accounts_at_the_boundary() -> None:
    accounts = random_accounts([0, 10**8, 5_000, 5_000, 100, 100, 100], 40, "segregated")
    for account in accounts[:20]:
        assert SEGREGATED.requirement(account) == requirement_by_formula(SEGREGATED, account)
    check_boundary(SEGREGATED, accounts, "BTC")
    accounts = random_accounts([0, 10**9, 10**6, 10**4, 10**10, 10**7, 10**4], 20, "cross")
    for account in accounts:
        assert CROSS.requirement(account) == ceil(requirement_by_formula(CROSS, account))
    check_boundary(CROSS, accounts, "USDC")


def test_empty_accounts_pass() -> None:
    for case, book in ((SEGREGATED, SEGREGATED_BOOK), (CROSS, CROSS_BOOK)):
        result = case.evaluate([book["empty"]])
        assert (result.requirement[0], result.sufficient[0]) == (0, True)


def test_the_coin_itself_has_no_profit_in_coin() -> None:
    assert SEGREGATED.requirement(SEGREGATED_BOOK["holder"]) == 0
    assert CROSS.requirement(CROSS_BOOK["lender"]) > 0


def test_size_of_the_statement() -> None:
    """MODELS, section 0: 41 instruments, 7 expiries: 10 variables, 45 rows, 3.8 kbit, no boolean."""
    days = (7, 14, 30, 60, 90, 180, 365)
    strikes = (55_000, 65_000, 75_000)
    options = [
        option(f"{right[0]}{strike}-{day}", "BTC", day, right, str(strike), "0.6")
        for day in days
        for strike in strikes
        for right in ("call", "put")
    ][:40]
    market = snapshot([underlying("BTC", INDEX, days)], [contract("PERP", "BTC", INDEX), *options])
    assets = (Asset("PERP", 4), *(Asset(each.id, 2) for each in options))
    size = explain(
        Case(deribit_model([deribit_pair("BTC")], numeraire="quote", scale=6), market, assets).model
    )
    assert (size.auxiliaries, size.booleans, size.integrality_rows) == (9, 0, 41)
    # 34 scenarios (the one without any move says nothing), 8 parts of deltas, 2 rows of the threshold, the margin
    assert size.rows - size.integrality_rows == 34 + 8 + 2 + 1
    assert size.bits == 60 * (34 + 1) + 8 * 120 + 60 * 3 + 41 * 51


# Refusals


def test_documents_that_are_refused() -> None:
    refuse_document(
        CROSS, lambda d: d["sets"][0].update(gain_ratio="1.01"), "$.sets[0].gain_ratio", "not be concave"
    )
    refuse_document(CROSS, lambda d: d["sets"][0].update(pairs=["BTC"]), "$.sets[0].pairs", "fewer than two")
    refuse_document(
        CROSS, lambda d: d["sets"][0].update(pairs=["BTC", "SOL"]), "$.sets[0].pairs", "'SOL' is no pair"
    )
    refuse_document(CROSS, lambda d: d["sets"].append(d["sets"][0]), "$.sets[1].pairs", "in a set already")
    refuse_document(CROSS, lambda d: d["pairs"][1].update(buckets=3), "$.sets[0].pairs", "as many buckets")
    refuse_document(
        CROSS,
        lambda d: d["pairs"][1]["extended"]["moves"].pop(),
        "$.sets[0].pairs",
        "the same extended moves",
    )
    refuse_document(CROSS, lambda d: d["pairs"][1].update(underlying="BTC"), "$.pairs", "listed twice")
    refuse_document(
        CROSS, lambda d: d["pairs"][1].update(buckets=7), "$.pairs[1].buckets", "no decimal number"
    )
    refuse_document(
        CROSS, lambda d: d["pairs"][1].update(price_range="1"), "$.pairs[1].price_range", "between"
    )
    refuse_document(
        CROSS,
        lambda d: d["pairs"][0]["volatility"].update(down="-0.1"),
        "$.pairs[0].volatility",
        "not negative",
    )
    refuse_document(
        CROSS,
        lambda d: d["pairs"][0]["extended"]["moves"].append("0"),
        "$.pairs[0].extended.moves[8]",
        "is zero",
    )
    refuse_document(
        CROSS,
        lambda d: d["pairs"][0]["extended"]["moves"].append(1),
        "$.pairs[0].extended.moves[8]",
        "decimal text",
    )
    refuse_document(
        CROSS,
        lambda d: d["pairs"][0]["extended"]["moves"].append("1.0"),
        "$.pairs[0].extended.moves[8]",
        "'1.0' is",
    )
    refuse_document(
        CROSS,
        lambda d: d["pairs"][0]["extended"]["moves"].append("1"),
        "$.pairs[0].extended.moves",
        "a move twice",
    )
    refuse_document(
        CROSS,
        lambda d: d["pairs"][0]["extended"]["moves"].append("-2"),
        "$.pairs[0].extended.moves[8]",
        "below 0",
    )
    refuse_document(
        CROSS,
        lambda d: d["pairs"][0]["delta_shock"].update(increment="0"),
        "$.pairs[0].delta_shock.chords",
        "need",
    )
    refuse_document(
        CROSS, lambda d: d["pairs"][0]["roll"].update(annual_move="-1"), "$.pairs[0].roll.annual_move", "neg"
    )
    refuse_document(CROSS, lambda d: d.update(numeraire="usd"), "$.numeraire", "is not 'coin' or 'quote'")
    refuse_document(CROSS, lambda d: d.update(numeraire="coin"), "$.pairs", "there is one pair")
    refuse_document(CROSS, lambda d: d.update(margin="full"), "$.margin", "is not 'initial'")
    refuse_document(CROSS, lambda d: d.update(maintenance_factor="0"), "$.maintenance_factor", "is zero")


def test_books_and_markets_that_are_refused() -> None:
    document, market, assets = SEGREGATED.document, SEGREGATED.market, SEGREGATED.assets
    more = replace(
        market,
        snapshot=replace(
            market.snapshot,
            underlyings=(*market.snapshot.underlyings, underlying("ETH", "3000", ())),
            instruments=(*market.snapshot.instruments, Spot("ETH", "ETH"), Cash("USD", Decimal(1))),
        ),
    )
    refuse_compilation(document, more, (*assets, Asset("USD", 2)), "asset 'USD': in the numeraire 'coin'")
    refuse_compilation(document, more, (*assets, Asset("ETH", 8)), "'ETH' is no pair")
    linear = snapshot([underlying("BTC", INDEX, ())], [contract("L", "BTC", INDEX)], scale=9)
    refuse_compilation(document, linear, (Asset("L", 4),), "asset 'L': in the numeraire 'coin'")
    refuse_compilation(
        document | {"ignored": ["SOL"]}, market, assets, "ignored asset 'SOL' is not in the book"
    )


def test_assets_of_other_coins_can_be_ignored() -> None:
    """They need not be in the market, and change nothing."""
    case = Case(
        SEGREGATED.document | {"ignored": ["ETH"]}, SEGREGATED.market, (Asset("ETH", 8), *SEGREGATED.assets)
    )
    accounts = [[-5 * 10**10, *account] for account in SEGREGATED_BOOK.values()]
    ours, theirs = case.evaluate(accounts), SEGREGATED.evaluate(list(SEGREGATED_BOOK.values()))
    assert ours.requirement.tolist() == theirs.requirement.tolist()
    assert ours.equity.tolist() == theirs.equity.tolist()
    assert all(asset != 0 for row in case.model.compile().rows for asset, _ in row.positions)


@needs_native
@pytest.mark.parametrize(
    ("kind", "account", "cash"),
    [
        ("deribit-segregated-portfolio-margin", "strangle", "BTC"),
        ("deribit-cross-portfolio-margin", "spread", "USDC"),
    ],
)
def test_a_book_is_proven_and_one_unit_short_is_refused(
    kind: str, account: str, cash: str, tmp_path: Path
) -> None:
    check_proof(tmp_path, kind, account, cash)
