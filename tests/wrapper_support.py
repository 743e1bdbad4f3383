"""What the tests of models around a margin model share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from modelling_support import by_meaning, by_solver, by_witness
from scenario_model_support import Account, Case

from circuits.market.document import MarketDocument
from circuits.model_document import read_definition
from primitives.assets import Asset
from primitives.strict_json import JsonError


def case_of(
    document: Mapping[str, Any], market: MarketDocument, assets: Sequence[Asset], *more: Asset
) -> Case:
    return Case(dict(document), market, (*assets, *more))


def extended(account: Account, *more: int) -> Account:
    """With amounts of further columns."""
    return [*account, *more]


def three_ways(
    case: Case, accounts: Sequence[Account], expected: Sequence[bool], *, solver: bool = True
) -> None:
    """Meaning, witness, the wrapper's evaluator and, unless it takes too long, an integer solver."""
    model = case.model
    statement = model.compile()
    assert by_meaning(model, accounts) == list(expected)
    assert by_witness(statement, accounts) == list(expected)
    assert case.evaluate(accounts).sufficient.tolist() == list(expected)
    if solver:
        assert [by_solver(statement, account) for account in accounts] == list(expected)


def refused(document: Mapping[str, Any], path: str, reason: str) -> None:
    """Reading the document fails at `path`, for `reason`."""
    with pytest.raises(JsonError, match=reason) as caught:
        read_definition(json.dumps(document).encode())
    assert caught.value.path == path
