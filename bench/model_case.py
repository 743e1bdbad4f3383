"""A margin model of a realistic size, and a book of sufficient accounts for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from circuits.model_document import read_definition
from circuits.modelling import Model
from circuits.modelling.definition import Evaluator, ModelDefinition
from circuits.models.cross_collateral import DEBT, EQUITY
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket, parse_public_market
from circuits.source_market import POOLS
from primitives.assets import Asset
from primitives.backend import Backend

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """Rows, bits and booleans of the catalogue's table, for comparison; its values have 60 bits."""

    rows: int
    kilobits: float
    booleans: int = 0


@dataclass(frozen=True)
class ModelCase:
    """A model for a market and a book, `cash` being an asset that accounts are made sufficient with.

    `held` is how many of the assets in `varied` (all but `cash`, if empty) an account holds; `amount` the largest,
    in base units.
    """

    name: str
    document: Document
    market_document: Document | None
    assets: tuple[Asset, ...]
    cash: str
    amount: int
    published: Published | None = None
    held: int = 8
    is_long: bool = False
    varied: tuple[str, ...] = ()

    @cached_property
    def definition(self) -> ModelDefinition:
        """The model document, read."""
        return read_definition(json.dumps(self.document).encode())

    @cached_property
    def market(self) -> PublicMarket | None:
        """The market document, read."""
        if self.market_document is None:
            return None
        return parse_public_market(json.dumps(self.market_document).encode())

    @cached_property
    def model(self) -> Model:
        """The compiled model."""
        return self.definition.model(self.assets, self.market)

    def evaluator(self, backend: Backend) -> Evaluator:
        """As the report of margins uses it."""
        return self.definition.evaluator(self.assets, self.market, backend)

    def accounts(self, count: int, backend: Backend) -> PositionBatch:
        """`count` random accounts, each with enough cash."""
        random = np.random.default_rng(5)
        ids = [asset.id for asset in self.assets]
        place = ids.index(self.cash)
        others = [ids.index(name) for name in self.varied or ids if name != self.cash]
        held = min(self.held, len(others))
        least = 1 if self.is_long else -self.amount
        rows: list[dict[int, int]] = []
        for _ in range(count):
            chosen = random.choice(others, held, replace=False)
            amounts = random.integers(least, self.amount, size=held).tolist()
            rows.append({int(asset): amount for asset, amount in zip(chosen, amounts, strict=True)})
        if self.model.margin_condition is None and self.definition.kind == "spot":
            return PositionBatch.from_mappings([{**row, place: 10**9} for row in rows])
        shortfall = self.evaluator(backend)(PositionBatch.from_mappings(rows)).shortfall
        (unit,) = self._cash_units(backend, place)
        return PositionBatch.from_mappings(
            [
                {**row, place: 2 * int(short) // unit + 10**9}
                for row, short in zip(rows, shortfall, strict=True)
            ]
        )

    def _cash_units(self, backend: Backend, place: int) -> list[int]:
        """What a base unit of cash counts, in the units of the evaluator."""
        sample = 10**12
        result = self.evaluator(backend)(PositionBatch.from_mappings([{place: sample}]))
        return [max(1, int(result.equity[0] - result.requirement[0]) // sample)]


class PoolsCase(ModelCase):
    """Cross-collateral in three pools: assets are called ``X:equity``, ``X:debt`` and ``X:`` and each pool."""

    def accounts(self, count: int, backend: Backend) -> PositionBatch:
        """`count` random accounts; the portfolio pool of `cash` covers what they owe."""
        random = np.random.default_rng(5)
        place = {asset.id: index for index, asset in enumerate(self.assets)}
        symbols = sorted({asset.id.partition(":")[0] for asset in self.assets} - {self.cash})
        rows: list[dict[int, int]] = []
        for _ in range(count):
            row: dict[int, int] = {}
            for symbol in random.choice(symbols, self.held, replace=False).tolist():
                debt, pledged = random.integers(1, self.amount, size=2).tolist()
                row[place[f"{symbol}:{DEBT}"]] = debt
                row[place[f"{symbol}:{POOLS[int(random.integers(len(POOLS)))]}"]] = pledged
                row[place[f"{symbol}:{EQUITY}"]] = pledged + debt
            rows.append(row)
        covering = [place[f"{self.cash}:{EQUITY}"], place[f"{self.cash}:{POOLS[-1]}"]]
        unit = self._unit(covering, backend)
        shortfall = self.evaluator(backend)(PositionBatch.from_mappings(rows)).shortfall
        return PositionBatch.from_mappings(
            [
                {**row, **dict.fromkeys(covering, int(short) // unit + 10**6)}
                for row, short in zip(rows, shortfall, strict=True)
            ]
        )

    def _unit(self, covering: list[int], backend: Backend) -> int:
        """What a base unit of cash counts, in the units of the evaluator."""
        sample = 10**6
        result = self.evaluator(backend)(PositionBatch.from_mappings([dict.fromkeys(covering, sample)]))
        return int(result.equity[0]) // sample
