"""What the tests of scenario models share: examples, accounts at the boundary, and a proof of a small book."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest
from modelling_support import batch_of, by_meaning, by_solver, by_witness
from sealing_support import Sealed, needs_native, seal

from circuits.market.document import MarketDocument, parse_market
from circuits.model_document import compile_model, read_definition
from circuits.modelling import Model
from circuits.modelling.definition import ModelDefinition
from circuits.modelling.evaluation import MarginResult, evaluate_margin
from circuits.prices import scaled_decimal
from primitives.assets import Asset, AssetList, parse_assets_json
from primitives.backends import get_backend
from primitives.strict_json import JsonError
from prover.prove_book import StatementFailsError, prove_book
from verifier.bundle import verify_bundle

EXAMPLES: Final = Path(__file__).parent.parent / "examples" / "models"

Account = list[int]
"""Base units, one per asset."""
Change = Callable[[Any], object]
"""Alters a parsed JSON document in place."""


@dataclass(frozen=True)
class Case:
    """A model document with the market and the assets that it is compiled for."""

    document: dict[str, Any]
    market: MarketDocument
    assets: tuple[Asset, ...]

    @cached_property
    def definition(self) -> ModelDefinition:
        return read_definition(json.dumps(self.document).encode())

    @cached_property
    def model(self) -> Model:
        return self.definition.model(self.assets, self.market)

    def altered(self, change: Change) -> Case:
        """With another model document."""
        document = json.loads(json.dumps(self.document))
        change(document)
        return Case(document, self.market, self.assets)

    def account(self, **held: str) -> Account:
        """Amounts in whole units; underscores stand for hyphens in ids."""
        return self.account_of({name.replace("_", "-"): amount for name, amount in held.items()})

    def account_of(self, held: Mapping[str, str]) -> Account:
        places = {asset.id: place for place, asset in enumerate(self.assets)}
        account = [0] * len(self.assets)
        for asset_id, amount in held.items():
            place = places[asset_id]
            account[place] = scaled_decimal(amount, self.assets[place].decimals)
        return account

    def evaluate(self, accounts: Sequence[Account]) -> MarginResult:
        return self.definition.evaluate(batch_of(accounts), self.assets, self.market)

    def requirement(self, account: Account) -> int:
        return int(self.evaluate([account]).requirement[0])

    def place(self, asset_id: str) -> int:
        return [asset.id for asset in self.assets].index(asset_id)

    def unit_value(self, cash: str) -> int:
        """Of a base unit of `cash`, which no requirement depends on."""
        one = [int(place == self.place(cash)) for place in range(len(self.assets))]
        result = self.evaluate([one])
        assert result.requirement[0] == 0
        return int(result.equity[0])

    def balanced(self, accounts: Sequence[Account], cash: str) -> list[Account]:
        """With the least amount of `cash` with which equity reaches the requirement."""
        result = self.evaluate(accounts)
        unit = self.unit_value(cash)
        missing = [-(-short // unit) for short in (result.requirement - result.equity).tolist()]
        return [
            moved(account, self.place(cash), short) for account, short in zip(accounts, missing, strict=True)
        ]


def moved(account: Account, place: int, step: int) -> Account:
    """The account with `step` more of one asset."""
    return [amount + (step if asset == place else 0) for asset, amount in enumerate(account)]


def load_example(kind: str) -> tuple[Case, dict[str, Account]]:
    """The example as a case, and its accounts."""
    folder = EXAMPLES / kind
    case = Case(
        json.loads((folder / "model.json").read_bytes()),
        parse_market((folder / "market.json").read_bytes()),
        tuple(parse_assets_json((folder / "assets.json").read_bytes())),
    )
    held: dict[str, dict[str, str]] = {}
    with (folder / "book.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            held.setdefault(row["account"], {})[row["asset"]] = row["amount"]
    return case, {name: case.account_of(amounts) for name, amounts in held.items()}


def check_boundary(case: Case, accounts: Sequence[Account], cash: str, *, solver: bool = False) -> None:
    """With enough cash accounts pass, and fail with one base unit of it less: by meaning and by witness.

    The evaluator of the model agrees with that of the modelling language. With `solver`, an integer solver agrees.
    """
    statement, unit = case.model.compile(), case.unit_value(cash)
    balanced = case.balanced(accounts, cash)
    for step, expected in ((0, True), (-1, False), (1, True)):
        batch = [moved(account, case.place(cash), step) for account in balanced]
        assert by_meaning(case.model, batch) == [expected] * len(batch)
        assert by_witness(statement, batch) == [expected] * len(batch)
        result = case.evaluate(batch)
        assert result.sufficient.tolist() == [expected] * len(batch)
        slack = (result.equity - result.requirement).tolist()
        assert all(step * unit <= each < (step + 1) * unit for each in slack)
        generic = evaluate_margin(case.model, batch_of(batch))
        assert generic.sufficient.tolist() == result.sufficient.tolist()
        assert generic.worst_scenario == result.worst_scenario
        if solver:
            assert [by_solver(statement, account) for account in batch] == [expected] * len(batch)


def refuse_document(case: Case, change: Change, path: str, reason: str) -> None:
    """Reading the altered document fails at `path`, for `reason`."""
    with pytest.raises(JsonError, match=reason) as caught:
        _ = case.altered(change).definition
    assert caught.value.path == path


def refuse_compilation(
    document: Mapping[str, Any], market: MarketDocument, assets: Sequence[Asset], reason: str
) -> None:
    """The document is read, and has no statement for this market and book."""
    data = json.dumps(document).encode()
    read_definition(data)
    with pytest.raises(JsonError, match=reason):
        compile_model(data, assets, market)


def check_proof(
    folder: Path, kind: str, account: str, cash: str, market: MarketDocument | None = None
) -> None:
    """The example's book is proven in zero knowledge; with one unit less in `account` the prover refuses.

    `account` is first brought to the boundary. `market` replaces the example's.
    """
    case, book = load_example(kind)
    document = (EXAMPLES / kind / "model.json").read_bytes()
    public = (EXAMPLES / kind / "market.json").read_bytes() if market is None else market.to_bytes()
    (boundary,) = case.balanced([book[account]], cash)
    sealed = _seal(folder / "enough", case, book | {account: boundary})
    _prove(sealed, document, public)
    verified = verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)
    assert [claim.name for claim in verified.attestation.claims] == ["accounts"]
    short = moved(boundary, case.place(cash), -1)
    with pytest.raises(StatementFailsError) as caught:
        _prove(_seal(folder / "short", case, book | {account: short}), document, public)
    (failure,) = caught.value.failures
    assert (failure.account, failure.row) == (account, "margin")
    assert failure.shortfall > 0


def _seal(folder: Path, case: Case, book: Mapping[str, Account]) -> Sealed:
    ids = [asset.id for asset in case.assets]
    accounts = {
        name: {asset: amount for asset, amount in zip(ids, account, strict=True) if amount}
        for name, account in book.items()
    }
    return seal(folder, get_backend("native"), accounts, AssetList(case.assets), {})


def _prove(sealed: Sealed, model: bytes, market: bytes) -> None:
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(sealed.bundle, secrets, sealed.issuer, sealed.backend, model=model, market=market, workers=1)


__all__ = [
    "Account",
    "Case",
    "check_boundary",
    "check_proof",
    "load_example",
    "needs_native",
    "refuse_compilation",
    "refuse_document",
]
