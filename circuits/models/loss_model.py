"""What models of scenario losses have in common: what a loss is compared with, charges beside it, units.

    R    the measure of loss: a sum over parts of the document, each at least 0
    E    value of all positions at the market        A    charges on gross positions

    margin          E >= R + A
    amount          C >= R            with a public amount C
    share           f E >= R          with a public share f of the equity

Losses are integers per base unit in units of ``10^-scale``, the scale of the model's numbers; the market's scale k may
be finer, and values stay in its units. A loss of the risk array is rounded to the coarser unit, ties to the even
integer: that is the definition, of which no side has an advantage, and it saves 3.3 bits a digit in every row.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil, lcm
from typing import Final

import numpy as np

from circuits.market.decimals import decimal_text, power_of_ten, read_decimal
from circuits.market.document import MarketDocument
from circuits.market.entries import round_fraction
from circuits.market.errors import MarketError
from circuits.market.risk_array import RiskArray
from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Cash, Contract, Instrument, MarketSnapshot, Option, Spot
from circuits.modelling import Expression, Model, ModelError, absolute_value
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers, expect_market
from circuits.modelling.evaluation import MarginResult
from circuits.modelling.words import share_of
from circuits.models.margin_evaluation import evaluate_scenario_margin
from circuits.models.risk_inputs import RiskInputs, fraction_field, underlying_id
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSETS, Asset
from primitives.backend import Backend
from primitives.strict_json import JsonObject

DEFAULT_NUMBERS: Final = Numbers(scale=4)
MIN_LOSS_UNITS: Final = 1_000
"""Of the gross value of a base unit of whatever moves: a loss of 1 % is then off by a twentieth at the most."""
_CHARGED: Final = ("spot", "perpetual", "future", "option")


class BoundKind(StrEnum):
    """What a loss is compared with."""

    MARGIN = "margin"
    AMOUNT = "amount"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Bound:
    """``factor E + amount``, the amount in whole units of the quote currency."""

    kind: BoundKind
    factor: Fraction
    amount: Decimal

    @property
    def words(self) -> str:
        """What has to be at least the loss, for people."""
        if self.kind is BoundKind.AMOUNT:
            return f"limit: {decimal_text(self.amount)} in the quote currency is at least"
        if self.kind is BoundKind.SHARE:
            return f"limit: {share_of(self.factor)}the value of all positions at mark prices together is at least"
        return "margin: all positions at mark prices are together worth at least"


@dataclass(frozen=True, slots=True)
class Term:
    """``factor value`` of a measure, with a value in whole units of losses."""

    factor: Fraction
    value: Expression
    label: str
    scale: int
    """Of the value: it counts in units of ``1/scale`` loss unit."""


@dataclass(frozen=True, eq=False)
class Losses:
    """What an account loses in every scenario of a risk array, in loss units.

    Loss units are `fineness` times as large as those of the market, in which the array counts.
    """

    by_label: Mapping[str, Expression]
    fineness: int

    @classmethod
    def of(cls, model: Model, array: RiskArray, fineness: int) -> Losses:
        """Each entry of the array rounded to loss units."""
        ids = [asset.id for asset in array.assets]
        return cls(
            {
                label: model.linear(
                    {
                        asset: -_coarser(entry, fineness)
                        for asset, entry in zip(ids, row, strict=True)
                        if entry
                    }
                )
                for label, row in zip(array.scenarios, array.profits.tolist(), strict=True)
            },
            fineness,
        )


def _coarser(entry: int, fineness: int) -> int:
    return entry if fineness == 1 else round_fraction(Fraction(entry, fineness))


@dataclass(frozen=True)
class LossModel(ModelDefinition):
    """A model whose requirement is a loss in scenarios."""

    bound: Bound
    charges: Mapping[str, Fraction]
    """Rates of the gross value of spot, perpetuals, futures, and of the notional of options; may be empty."""
    ignored: tuple[str, ...]
    _numbers: Numbers

    @property
    def numbers(self) -> Numbers:
        """Those of the document; `scale` is that of losses."""
        return self._numbers

    @property
    def has_equity(self) -> bool:
        """A limit compares the loss with an amount, or with a share of the equity."""
        return self.bound.kind is BoundKind.MARGIN

    @property
    def has_net_equity(self) -> bool:
        """The value of all positions, if none is ignored."""
        return self.has_equity and not self.ignored

    @abstractmethod
    def scenario_set(self, document: MarketDocument, underlyings: Sequence[str]) -> ScenarioSet:
        """The scenarios of a book on these underlyings. Raises `MarketError`."""

    @abstractmethod
    def measure(self, model: Model, losses: Losses) -> list[Term]:
        """What is summed up to the measure of loss; every value is at least 0 and convex."""

    def prepared(self, document: MarketDocument) -> MarketSnapshot:
        """The market that losses are computed with. Raises `MarketError`."""
        return document.snapshot

    def inputs(self, assets: Iterable[Asset], market: PublicMarket | None) -> RiskInputs:
        """Instruments and risk array of a book's assets. Raises `ModelError`."""
        return self._inputs(Model(assets), market)

    def _inputs(self, model: Model, market: PublicMarket | None) -> RiskInputs:
        document = expect_market(market, MarketDocument)
        scale = document.snapshot.scale
        if scale < self.numbers.scale:
            raise ModelError(
                f"losses count in 10^-{self.numbers.scale}, finer than the market's 10^-{scale}: see numbers.scale"
            )
        for asset in self.ignored:
            if asset not in model.assets:
                raise ModelError(f"ignored: asset {asset!r} is not in the book")
        try:
            prepared = replace(document, snapshot=self.prepared(document))
        except MarketError as error:
            raise ModelError(f"market: {error}") from error
        return RiskInputs.of(
            prepared,
            model,
            lambda underlyings: self.scenario_set(prepared, underlyings),
            replace(self.numbers, scale=scale),
            ignored=self.ignored,
        )

    def risk_array(self, assets: Iterable[Asset], market: PublicMarket | None) -> RiskArray:
        """The array to publish with the market, for a book of these assets. Raises `ModelError`."""
        document = expect_market(market, MarketDocument)
        return self.inputs(assets, replace(document, risk_array=None)).array

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; every asset of the book that is not ignored must be an instrument of the market."""
        snapshot = expect_market(market, MarketDocument).snapshot
        inputs = self._inputs(model, market)
        losses = Losses.of(model, inputs.array, self._fineness(market))
        _check_units(snapshot, inputs, losses.fineness)
        terms = self.measure(model, losses)
        equity, charges = model.linear(inputs.values()), self._charges(model, snapshot, inputs)
        factors = [term.factor / term.scale for term in terms]
        common = lcm(*(factor.denominator for factor in factors), self.bound.factor.denominator)
        amount = Fraction(self.bound.amount) * power_of_ten(snapshot.scale)
        if amount.denominator != 1:
            raise ModelError(f"bound.amount: is no multiple of 10^-{snapshot.scale}, the market's unit")
        available = int(self.bound.factor * common) * equity + common * int(amount)
        required = model.sum(
            losses.fineness * int(factor * common) * term.value
            for factor, term in zip(factors, terms, strict=True)
        )
        model.require_margin(
            available,
            required + common * charges,
            label=self.bound.kind.value,
            scenarios=losses.by_label,
            scale=common * losses.fineness,
        )

    def _fineness(self, market: PublicMarket | None) -> int:
        fineness: int = 10 ** (expect_market(market, MarketDocument).snapshot.scale - self.numbers.scale)
        return fineness

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """What is available and the loss, in the market's units, the loss rounded up; in numpy, with any backend."""
        del backend
        model, fineness = self.model(assets, market), self._fineness(market)
        margin = model.margin_condition
        scale = 1 if margin is None else margin.scale // fineness
        model.compile()

        def evaluate(batch: PositionBatch) -> MarginResult:
            return replace(evaluate_scenario_margin(model, batch, scale=scale), scale=fineness)

        return evaluate

    def _charges(self, model: Model, snapshot: MarketSnapshot, inputs: RiskInputs) -> Expression:
        """``sum_i ceil(rate_i size_i) |q_i|`` in the market's units."""
        charged = []
        for asset, value in inputs.values().items():
            kind = _charged_kind(snapshot.instrument(asset))
            rate = self.charges.get(kind, Fraction(0))
            size = _size(snapshot, snapshot.instrument(asset), value, inputs.decimals[asset])
            if rate and size:
                charged.append(ceil(rate * size) * absolute_value(model.position(asset)))
        return model.sum(charged)

    def _words_of_charges(self) -> str:
        return " plus charges on gross positions" if self.charges else ""


def _charged_kind(instrument: Instrument) -> str:
    if isinstance(instrument, Cash):
        return ""
    if isinstance(instrument, Contract):
        return "perpetual" if instrument.expiry is None else "future"
    return "spot" if isinstance(instrument, Spot) else "option"


def _size(snapshot: MarketSnapshot, instrument: Instrument, value: int, decimals: int) -> Fraction:
    """Gross value of a base unit at the mark; of an option, multiplier times forward."""
    if not isinstance(instrument, Option):
        return Fraction(abs(value))
    point = snapshot.underlying(instrument.underlying).point(instrument.expiry)
    forward = Fraction(0) if point is None else Fraction(point.forward)
    return Fraction(instrument.multiplier) * forward * power_of_ten(snapshot.scale - decimals)


def _check_units(snapshot: MarketSnapshot, inputs: RiskInputs, fineness: int) -> None:
    """`ModelError` if rounding to loss units says little of what a base unit loses."""
    moving: list[bool] = np.asarray(inputs.array.profits.any(axis=0)).tolist()
    for (asset, value), moves in zip(inputs.values().items(), moving, strict=True):
        size = _size(snapshot, snapshot.instrument(asset), value, inputs.decimals[asset])
        if moves and size < MIN_LOSS_UNITS * fineness:
            raise ModelError(
                f"asset {asset!r}: a base unit is worth {float(size / fineness):g} units of losses, and losses are "
                f"rounded to whole units: it has to be {MIN_LOSS_UNITS} at least. Count finer (numbers.scale, and "
                "the market's), or list the asset with fewer decimals"
            )


def parse_bound(fields: JsonObject) -> Bound:
    """``{"kind": "margin"}``, ``{"kind": "amount", "amount"}`` or ``{"kind": "share", "share"}``."""
    bound = fields.object("bound")
    name = bound.text("kind", max_length=16)
    if name not in tuple(BoundKind):
        raise bound.fail("kind", f"{name!r} is unknown; there are {', '.join(BoundKind)}")
    kind, factor, amount = BoundKind(name), Fraction(1), Decimal(0)
    if kind is BoundKind.AMOUNT:
        factor, amount = Fraction(0), read_decimal(bound, "amount")
        if amount < 0:
            raise bound.fail("amount", "is negative: an empty account loses nothing, and would not pass")
    elif kind is BoundKind.SHARE:
        factor = fraction_field(bound, "share", maximum=1)
        if factor == 0:
            raise bound.fail("share", "is zero")
    bound.finish()
    return Bound(kind, factor, amount)


def parse_charges(fields: JsonObject, bound: Bound) -> dict[str, Fraction]:
    """The optional object ``charges``: rates by kind of instrument, for a margin alone."""
    charges = fields.optional_object("charges")
    if charges is None:
        return {}
    if bound.kind is not BoundKind.MARGIN:
        raise fields.fail("charges", f"belong to a margin, and the bound is of kind {bound.kind.value!r}")
    rates = {kind: fraction_field(charges, kind, maximum=1) for kind in _CHARGED if charges.has(kind)}
    charges.finish()
    if not any(rates.values()):
        raise fields.fail("charges", "charges nothing")
    return rates


def parse_ignored(fields: JsonObject) -> tuple[str, ...]:
    """The optional list ``ignored`` of assets of the book that count nothing."""
    if not fields.has("ignored"):
        return ()
    ignored = fields.array("ignored", underlying_id, max_items=MAX_ASSETS)
    if len(set(ignored)) != len(ignored):
        raise fields.fail("ignored", "names an asset twice")
    return tuple(ignored)


def common_words(definition: LossModel) -> tuple[str, ...]:
    """What is conservative or left out in every model of losses, for people."""
    result = [
        "rounding: prices and losses to the nearest unit, which favours nobody; charges up",
        "what the market lists as cash loses nothing, whatever coin it is, unless a price history is given of it",
    ]
    if definition.ignored:
        result.append(
            f"not covered by what is proven here: {', '.join(definition.ignored)} count nothing, be they held or owed"
        )
    return tuple(result)
