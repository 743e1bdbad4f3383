"""Allocations: the worked example of the catalogue, every limit at its boundary, and what is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from modelling_support import batch_of, by_meaning, by_solver, by_witness
from scenario_model_support import EXAMPLES
from test_planning import band, definition, market

from circuits.model_document import read_definition
from circuits.modelling import ModelError, Numeric
from circuits.modelling.definition import ModelDefinition
from circuits.models.allocation import Allocation
from circuits.public_market import parse_public_market
from circuits.rows import Scope
from primitives.assets import Asset
from primitives.strict_json import JsonError

ASSETS = (Asset("A", 0), Asset("B", 0), Asset("C", 0))
PRICES = {"A": "7", "B": "3", "C": "1"}
SPOT = (Asset("BTC", 8), Asset("ETH", 8), Asset("USDC", 6))
WORKED = [120_000_000, 2_000_000_000, 66_000 * 10**6]


def small(**fields: Any) -> Allocation:
    numbers = {"scale": 0, "cap": "4096", "position_bits": 9}
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


def holds_by_conditions(model: Allocation, account: Sequence[int]) -> bool:
    """By the conditions that planning uses."""
    prices = model.unit_values(ASSETS, market(PRICES))
    values = {asset.id: prices[asset.id] * amount for asset, amount in zip(ASSETS, account, strict=True)}
    signs = not model.document.is_long or min(account) >= 0
    return signs and all(
        condition.holds(values) for condition in model.conditions([asset.id for asset in ASSETS])
    )


MODELS: list[dict[str, Any]] = [
    {"bands": [band("A", 25, 40), band("B", None, "33.33"), band("C", 10, None)]},
    {"sectors": [{"name": "first", "assets": ["A", "B"], "least": "20", "greatest": "70"}]},
    {"single_name": {"greatest": "50", "except": ["C"]}},
    {"single_name": {"greatest": "60"}, "positions": "signed"},
    {"largest": [{"count": 2, "greatest": "80"}, {"count": 1, "greatest": "55"}]},
    {"largest": [{"count": 2, "greatest": "130"}], "positions": "signed"},
    {"leverage": "1.5", "positions": "signed"},
    {"target": {"weights": [{"asset": "A", "weight": "50"}, {"asset": "B", "weight": "50"}], "drift": "40"}},
    {"target": {"weights": [{"asset": "A", "weight": "120"}, {"asset": "B", "weight": "-20"}], "drift": "60"},
     "positions": "signed"},
    {"holdings": {"least": 2, "share": "25"}},
    {"bands": [band("A", 2500, 4000)], "unit": "basis-points"},
]  # fmt: skip


@pytest.mark.parametrize("fields", MODELS, ids=lambda fields: "+".join(fields))
def test_meaning_witness_solver_and_conditions_agree(fields: dict[str, Any]) -> None:
    """On accounts at the boundary of every condition and one base unit off it, found among all small accounts."""
    model = small(**fields)
    made = model.model(ASSETS, market(PRICES))
    statement = made.compile()
    low = -2 if fields.get("positions") == "signed" else -1
    everything = [
        list(account) for account in itertools.product(range(low, 9), range(low, 12), range(low, 16, 3))
    ]
    meaning = by_meaning(made, everything)
    assert by_witness(statement, everything) == meaning
    assert [holds_by_conditions(model, account) for account in everything] == meaning
    assert any(meaning)
    verdicts = dict(zip(map(tuple, everything), meaning, strict=True))
    edge = [
        account
        for account in everything
        if any(
            verdicts.get((account[0] + step, *account[1:]), verdicts[tuple(account)])
            != verdicts[tuple(account)]
            for step in (-1, 1)
        )
    ]
    assert edge
    chosen = np.random.default_rng(3).permutation(len(edge))[:24].tolist()
    for account in (edge[place] for place in chosen):
        assert by_solver(statement, account) == verdicts[tuple(account)], account


@pytest.mark.parametrize("fields", MODELS, ids=lambda fields: "+".join(fields))
def test_a_portfolio_of_nothing_passes(fields: dict[str, Any]) -> None:
    statement = small(**fields).model(ASSETS, market(PRICES)).compile()
    assert by_witness(statement, [[0, 0, 0]]) == [True]
    assert by_solver(statement, [0, 0, 0])


def example() -> ModelDefinition:
    return read_definition((EXAMPLES / "allocation" / "model.json").read_bytes())


def prices() -> Any:
    return parse_public_market((EXAMPLES / "allocation" / "market.json").read_bytes())


def test_the_worked_example_of_the_catalogue() -> None:
    """V = 220,000; 38.18, 31.82 and 30.00 %; within bands of 25 to 40 %; the two largest are 70 %."""
    model = example()
    assert isinstance(model, Allocation)
    result = model.evaluate(batch_of([WORKED]), SPOT, prices())
    assert result.equity.tolist() == [220_000 * 10**9]
    assert result.sufficient.tolist() == [True]
    top = definition(scale=9, bits=55, largest=[{"count": 2, "greatest": "70"}])
    one_more = [WORKED[0] + 1, *WORKED[1:]]
    assert by_witness(top.model(SPOT, prices()).compile(), [WORKED, one_more]) == [True, False]
    failing = Numeric(model.model(SPOT, prices()), batch_of([[150_000_000, *WORKED[1:]]])).failing(0)
    assert failing[0] == "BTC at most"


def test_bands_at_realistic_sizes_to_the_last_unit() -> None:
    """A quarter of 100,000 in BTC, and one unit of either leg less or more."""
    model = definition(scale=9, bits=55, bands=[band("BTC", 25, None)]).model(SPOT, prices())
    exact = [35_714_286, 0, 75_000 * 10**6 + 600]
    cases = [exact, [exact[0] - 1, *exact[1:]], [*exact[:2], exact[2] + 1]]
    values = [70_000 * 10 * 4 * each[0] - (70_000 * 10 * each[0] + 10**3 * each[2]) for each in cases]
    assert by_witness(model.compile(), cases) == [value >= 0 for value in values]
    assert [value >= 0 for value in values] == [True, False, False]


def test_leverage_is_a_requirement() -> None:
    model = small(leverage="1.5", positions="signed")
    result = model.evaluate(batch_of([[10, -5, -1], [10, 0, -14]]), ASSETS, market(PRICES))
    assert result.scale == 3
    assert result.equity.tolist() == [3 * 54, 3 * 56]
    assert result.requirement.tolist() == [2 * 86, 2 * 84]
    assert result.sufficient.tolist() == [False, True]


def test_it_compiles_for_one_account() -> None:
    assert example().model(SPOT, prices(), Scope.ACCOUNT).compile().digest()


def test_no_booleans_but_for_the_number_of_holdings() -> None:
    for fields in MODELS:
        statement = small(**fields).model(ASSETS, market(PRICES)).compile()
        booleans = sum(auxiliary.width == 1 for auxiliary in statement.auxiliaries)
        assert booleans == (len(ASSETS) if "holdings" in fields else 0)


def test_words() -> None:
    assert example().words().conditions == (
        "BTC: from 25 % to 40 % of the portfolio",
        "ETH: from 25 % to 40 % of the portfolio",
        "USDC: from 25 % to 40 % of the portfolio",
        "coins (BTC, ETH): at most 75 % of the portfolio",
        "no asset but USDC is more than 40 % of the portfolio",
        "the 2 largest assets are together at most 75 % of the portfolio",
        "weights differ from the target by at most 10 % in all, an active share of 5 %",
        "at least 3 assets are 5 % of the portfolio or more",
        "owes nothing in any asset",
    )
    signed = small(positions="signed", leverage="1.5", bands=[band("A", -20, None), band("B", None, "0.5")])
    assert signed.words().conditions == (
        "A: at least -20 % of the portfolio",
        "B: at most 0.5 % of the portfolio",
        "what is held and owed together is at most 1.5 times equity",
        "net value is not negative",
    )


TARGET = {"weights": [{"asset": "A", "weight": "100"}], "drift": "1"}


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"herfindahl": "0.2"}, "$.herfindahl", "quadratic in what is secret.*state single_name.greatest"),
        ({}, "$.bands", "is absent, and so is everything else"),
        ({"bands": [{"asset": "A"}]}, "$.bands[0].greatest", "neither it nor 'least'"),
        ({"bands": [band("A", 5, 4)]}, "$.bands[0].least", "is above 'greatest'"),
        ({"bands": [band("A", "0.00001", None)]}, "$.bands[0].least", "more than 4 decimals"),
        ({"bands": [band("A", "1000000", None)]}, "$.bands[0].least", "more than 1000 times"),
        ({"bands": [band("A", 1, 2), band("A", 1, 2)]}, "$.bands[1]", "'A' has an entry already"),
        ({"bands": [{"asset": "A", "least": "1", "x": 1}]}, "$.bands[0]", "unknown field 'x'"),
        ({"sectors": [{"name": "s", "assets": [], "least": "1"}]}, "$.sectors[0].assets", "is empty"),
        ({"sectors": [{"name": "s", "assets": ["A", "A"], "least": "1"}]}, "$.sectors[0].assets", "an asset twice"),
        ({"single_name": {"greatest": "-1"}}, "$.single_name.greatest", "is negative"),
        ({"largest": [{"count": 0, "greatest": "1"}]}, "$.largest[0].count", "0 is not between"),
        ({"largest": [{"count": 1, "greatest": "1"}] * 2}, "$.largest", "two entries of one count"),
        ({"leverage": "0"}, "$.leverage", "is not above 0"),
        ({"target": {**TARGET, "weights": [{"asset": "A", "weight": "99"}]}}, "$.target.weights", "add up to 99 %"),
        ({"target": {**TARGET, "weights": TARGET["weights"] * 2}}, "$.target.weights", "names an asset twice"),  # type: ignore[operator]
        ({"target": {"weights": TARGET["weights"]}}, "$.target", "field 'drift' is missing"),
        ({"holdings": {"least": 0, "share": "1"}}, "$.holdings.least", "0 is not between"),
        ({"holdings": {"least": 2, "share": "0"}}, "$.holdings.share", "is zero"),
        ({"bands": [band("A", 1, 2)], "unit": "permille"}, "$.unit", "'permille' is not one of percent, basis-points"),
        ({"bands": [band("A", 1, 2)], "positions": "short"}, "$.positions", "'short' is not 'long' or 'signed'"),
    ],
)  # fmt: skip
def test_what_is_refused(fields: dict[str, Any], path: str, reason: str) -> None:
    with pytest.raises(JsonError, match=reason) as caught:
        small(**fields)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"bands": [band("X", 1, 2)]}, r"^bands\[0\]: asset 'X' is not in the book"),
        ({"sectors": [{"name": "s", "assets": ["X"], "least": "1"}]}, r"^sectors\[0\]: asset 'X'"),
        ({"single_name": {"greatest": "9", "except": ["X"]}}, r"^single_name.except: asset 'X'"),
        (
            {"target": {"weights": [{"asset": "X", "weight": "100"}], "drift": "1"}},
            r"^target.weights: asset 'X'",
        ),
        ({"largest": [{"count": 4, "greatest": "9"}]}, r"^largest\[0\].count: the book has 3 assets"),
        ({"holdings": {"least": 4, "share": "1"}}, r"^holdings.least: the book has 3 assets"),
    ],
)
def test_what_does_not_fit_the_book(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        small(**fields).model(ASSETS, market(PRICES))


def test_markets_that_do_not_fit() -> None:
    model = small(bands=[band("A", 1, 2)])
    with pytest.raises(ModelError, match="no price for asset 'C'"):
        model.model(ASSETS, market({"A": "7", "B": "3"}))
    with pytest.raises(ModelError, match="this model needs a PriceDocument, and was given no market"):
        model.model(ASSETS, None)
    with pytest.raises(ModelError, match=r"the prices count in 10\^-2 USD, the model in 10\^-0"):
        model.model(ASSETS, market(PRICES, 2))
