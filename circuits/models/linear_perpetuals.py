"""Linear perpetuals in cross and isolated margin, charged by tables of rates (docs/models/linear-perpetuals.md).

Of an account with collateral x_j (worth w_j each) and positions q_m (worth p_m each):

    cross      sum_j w_j x_j + sum_m p_m q_m  >=  sum_m charge_m(q_m)
    isolated   sum_j w_j x_j + p_m q_m        >=  charge_m(q_m)         for every isolated position m, with its own x_j

What positions cost, with a minus sign, is collateral of price 1: the profit ``p q - cost`` is then linear, and no entry
price has to be known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Cash, Contract, Settlement
from circuits.modelling import Expression, Model, ModelError
from circuits.modelling.constraints import BoolArray
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers
from circuits.modelling.evaluation import MarginResult
from circuits.modelling.expressions import Values
from circuits.modelling.words import ModelWords, counted, listed
from circuits.models.margin_evaluation import ACCOUNTS_AT_ONCE, NarrowNumeric
from circuits.models.perpetual_charges import PerpetualMarket, RateTable, StepTable, position_charge
from circuits.models.perpetual_documents import Compartment, CompartmentReader, parse_tables, read_rate_table
from circuits.models.risk_inputs import RiskInputs
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSETS, Asset
from primitives.backend import Backend
from primitives.parameters import AMOUNT_LIMIT
from primitives.strict_json import JsonObject

AMOUNT_BITS: Final = AMOUNT_LIMIT.bit_length() - 1
_NO_SCENARIOS: Final = ScenarioSet(())


@dataclass(frozen=True, eq=False)
class Condition:
    """``equity >= requirement`` of one compartment, in value units."""

    label: str
    equity: Expression
    requirement: Expression


@dataclass(frozen=True)
class LinearPerpetuals(ModelDefinition):
    """``{"kind": "linear-perpetuals", "version": 1, "tables", "cross", "isolated", "uncounted", "numbers"}``.

    ``tables`` lists ``{"name", "tiers": [{"from", "rate", "cum"?}]}`` or, for rates on the whole notional,
    ``{"name", "steps": [{"to", "rate"}]}``. ``cross`` is ``{"collateral": [ids], "markets": [market]}``, ``isolated``
    a list of ``{"collateral": [ids], "market": market}``, and a market ``{"asset", "table", "fee_rate"?, "orders"?:
    {"buy", "sell"}}``. Assets in ``uncounted`` count nothing and must not be negative. One of ``cross`` and
    ``isolated`` is needed.
    """

    kind: ClassVar[str] = "linear-perpetuals"
    title: ClassVar[str] = "linear perpetuals, charged by tables of rates"

    cross: Compartment | None
    isolated: tuple[Compartment, ...]
    uncounted: tuple[str, ...]
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields; errors name the entry."""
        numbers = Numbers.from_json(fields, Numbers())
        reader = CompartmentReader(cls.read_tables(fields, numbers))
        cross = reader.cross(fields.object("cross")) if fields.has("cross") else None
        isolated: list[Compartment] = []
        if fields.has("isolated"):
            isolated = fields.array("isolated", reader.isolated, max_items=MAX_ASSETS)
        if cross is None and not isolated:
            raise fields.fail("cross", "is missing, and nothing is isolated")
        uncounted: list[str] = []
        if fields.has("uncounted"):
            uncounted = fields.array("uncounted", reader.asset, max_items=MAX_ASSETS)
        return cls(cross, tuple(isolated), tuple(uncounted), numbers)

    @classmethod
    def read_tables(cls, fields: JsonObject, numbers: Numbers) -> dict[str, RateTable]:
        """The field ``tables``, by name; `numbers` are the model's."""
        del numbers
        return parse_tables(fields, read_rate_table)

    @property
    def numbers(self) -> Numbers:
        """10^-6 by default; ``position_bits`` are those of perpetuals and orders, collateral goes to the cap."""
        return self._numbers

    @property
    def has_concave_slack(self) -> bool:
        """Charges by brackets are the largest of lines; those on the whole notional jump."""
        markets = [market for each in self._compartments() for market in each.markets]
        return not any(isinstance(market.table, StepTable) for market in markets)

    @property
    def has_rising_charges(self) -> bool:
        """Rates are not negative, and do not decrease."""
        return True

    @property
    def has_net_equity(self) -> bool:
        """Cash and positions at marks, what is owed among them; requirements are charges."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        conditions, conservative = [], []
        if self.cross is not None:
            what = counted(len(self.cross.markets), "position")
            charged = _charged(self.cross.markets, what=what)
            conditions.append(f"cross margin: collateral and positions {charged}")
        if self.isolated:
            markets = [market for each in self.isolated for market in each.markets]
            names = listed([market.asset for market in markets])
            conditions.append(
                f"isolated margin, for each of {names} by itself: its collateral and position "
                f"{_charged(markets, what='the position')}"
            )
        if self.uncounted:
            conditions.append(f"owes nothing in {listed(self.uncounted)} (not counted)")
        markets_of = [market for each in self._compartments() for market in each.markets]
        if any(market.orders for market in markets_of):
            conservative.append("open orders are charged as if those of one side were all filled")
        conservative.append("rounding: charges up, by less than one value unit per base unit of the position")
        return ModelWords(self.title, tuple(conditions), tuple(conservative))

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; every asset of the book must have a part in the model."""
        self._add(model, market)

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """As every model's; with isolated positions, of the compartment with the least to spare, and its name.

        Compartments without equity and requirement are passed over; an empty account has no name there.
        """
        if not self.isolated:
            return super().evaluator(assets, market, backend)
        numbers = self.numbers
        model = Model(assets, cap=numbers.value_cap, position_bound=1 << numbers.position_bits)
        return partial(_evaluate, model, self._add(model, market))

    def _add(self, model: Model, market: PublicMarket | None) -> list[Condition]:
        """Require the condition of every compartment."""
        self._check_parts(model)
        inputs = RiskInputs.of(
            market, model, lambda _: _NO_SCENARIOS, self.numbers, ignored=self._without_price()
        )
        values = inputs.values()
        conditions = []
        if self.cross is not None:
            condition = self._condition(model, inputs, values, self.cross, is_isolated=False)
            model.require_margin(condition.equity, condition.requirement, label=condition.label)
            conditions.append(condition)
        for compartment in self.isolated:
            condition = self._condition(model, inputs, values, compartment, is_isolated=True)
            model.require_margin(
                condition.equity,
                condition.requirement,
                label=condition.label,
                compartment=condition.label,
                is_reported=False,
            )
            conditions.append(condition)
        for asset in self.uncounted:
            model.position(asset, non_negative=True)
        return conditions

    def _condition(
        self,
        model: Model,
        inputs: RiskInputs,
        values: dict[str, int],
        compartment: Compartment,
        *,
        is_isolated: bool,
    ) -> Condition:
        for asset in compartment.collateral:
            if not isinstance(inputs.instruments[asset], Cash):
                raise ModelError(f"collateral {asset!r} is not cash in the market")
            model.position(asset, bound=collateral_bound(values[asset], self.numbers))
        for market in compartment.markets:
            _check_market(model, inputs, values, market)
        charges = [
            position_charge(model, market, values[market.asset], self.numbers.units, at_top=is_isolated)
            for market in compartment.markets
        ]
        held = [*compartment.collateral, *(market.asset for market in compartment.markets)]
        equity = model.linear({asset: values[asset] for asset in held})
        return Condition(compartment.label, equity, model.sum(charges))

    def _compartments(self) -> tuple[Compartment, ...]:
        return self.isolated if self.cross is None else (self.cross, *self.isolated)

    def _without_price(self) -> set[str]:
        orders = [market.orders for each in self._compartments() for market in each.markets]
        return {asset for order in orders if order for asset in (order.buy, order.sell)} | set(self.uncounted)

    def _check_parts(self, model: Model) -> None:
        """Every asset of the model is in the book, and the other way round."""
        parts = self._without_price()
        for compartment in self._compartments():
            parts |= {*compartment.collateral, *(market.asset for market in compartment.markets)}
        for asset_id in sorted(parts):
            if asset_id not in model.assets:
                raise ModelError(f"asset {asset_id!r} is not in the book")
        for asset in model.assets:
            if asset.id not in parts:
                raise ModelError(f"asset {asset.id!r} of the book has no part in the model")


def _charged(markets: Sequence[PerpetualMarket], *, what: str) -> str:
    """What equity must reach."""
    has_steps = any(isinstance(market.table, StepTable) for market in markets)
    how = "on the whole notional" if has_steps else "tier by tier of the notional"
    fees = ", and fees" if any(market.fee_rate for market in markets) else ""
    return f"at mark prices are worth at least the charge on {what}, {how}, by the tables of the model{fees}"


def collateral_bound(unit_value: int, numbers: Numbers) -> int:
    """A power of two that an account within the cap does not reach: costs are larger than positions in base units."""
    if unit_value == 0:
        return 1 << numbers.position_bits
    return 1 << min(AMOUNT_BITS, (numbers.value_cap // unit_value).bit_length())


def _check_market(model: Model, inputs: RiskInputs, values: dict[str, int], market: PerpetualMarket) -> None:
    instrument = inputs.instruments[market.asset]
    if not isinstance(instrument, Contract) or instrument.settlement is not Settlement.LINEAR:
        raise ModelError(f"market {market.asset!r} is not a linear contract in the market")
    if values[market.asset] == 0:
        raise ModelError(f"a base unit of {market.asset!r} is worth nothing at this scale: take a finer one")
    if market.orders is None:
        return
    for asset in (market.orders.buy, market.orders.sell):
        if model.assets[model.assets.index(asset)].decimals != inputs.decimals[market.asset]:
            raise ModelError(f"orders {asset!r} have other decimals than {market.asset!r}")


def _evaluate(model: Model, conditions: Sequence[Condition], batch: PositionBatch) -> MarginResult:
    starts = range(0, max(1, batch.account_count), ACCOUNTS_AT_ONCE)
    parts = [
        _evaluate_part(
            model, conditions, batch.accounts(start, min(start + ACCOUNTS_AT_ONCE, batch.account_count))
        )
        for start in starts
    ]
    equity, requirement, sufficient, worst = (np.concatenate(column) for column in zip(*parts, strict=True))
    names = [*(condition.label for condition in conditions), None]
    return MarginResult(equity, requirement, sufficient, tuple(names[index] for index in worst.tolist()))


def _evaluate_part(
    model: Model, conditions: Sequence[Condition], batch: PositionBatch
) -> tuple[Values, Values, BoolArray, NDArray[np.intp]]:
    numeric = NarrowNumeric(model, batch)
    equity = np.stack([numeric.value(each.equity).astype(object) for each in conditions])
    requirement = np.stack([numeric.value(each.requirement).astype(object) for each in conditions])
    slack = equity - requirement
    is_empty = (equity == 0) & (requirement == 0)
    slack[is_empty] = slack.max(initial=0) + 1
    worst = np.argmin(slack, axis=0)
    accounts = np.arange(batch.account_count)
    named = np.where(is_empty.all(axis=0), len(conditions), worst)
    return equity[worst, accounts], requirement[worst, accounts], numeric.satisfied(), named
