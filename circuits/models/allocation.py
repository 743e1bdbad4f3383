"""How a portfolio may be divided: bands, sectors, concentration, leverage, drift (docs/models/allocation.md).

w_a = p_a q_a / V,  V = sum_a p_a q_a. Shares of V are linear in what is held, so that nothing is divided:

    l <= w_a <= u                      d p_a q_a - n V >= 0 for l = n/d, and the other way round for u
    k largest at most c                n V - d sum_of_largest(p_a |q_a|, k) >= 0
    gross leverage at most L           n V - d sum_a p_a |q_a| >= 0
    sum_a |w_a - b_a| <= c             n D V - d sum_a |D p_a q_a - B_a V| >= 0,   b_a = B_a / D
    m assets of at least s             booleans z_a, 1 only if d p_a q_a - n V >= 0;  sum z_a - m >= 0
    V >= 0                             always: of a negative V, a share says nothing
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import ClassVar, Final, Self

from circuits.modelling.booleans import sign_test
from circuits.modelling.definition import ModelDefinition, Numbers, expect_market
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression
from circuits.modelling.gadgets import absolute_value, sum_of_largest
from circuits.modelling.model import Model
from circuits.modelling.words import ModelWords
from circuits.models.allocation_conditions import TOTAL, Condition, Linear, all_of, plus
from circuits.models.allocation_document import AllocationDocument, ShareBand
from circuits.prices import PriceDocument, PriceError
from circuits.public_market import PublicMarket
from primitives.assets import Asset
from primitives.strict_json import JsonObject

NET_VALUE: Final = "net value"
LEVERAGE: Final = "leverage"


@dataclass(frozen=True)
class Allocation(ModelDefinition):
    """``{"kind": "allocation", "version": 1, "bands": [...], ...}``."""

    kind: ClassVar[str] = "allocation"

    document: AllocationDocument
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the limits, and ``numbers``."""
        return cls(AllocationDocument.from_json(fields), Numbers.from_json(fields, Numbers()))

    @property
    def numbers(self) -> Numbers:
        """10^-6 by default."""
        return self._numbers

    def words(self) -> ModelWords:
        """For people."""
        owes = ("owes nothing in any asset",) if self.document.is_long else ("net value is not negative",)
        return ModelWords("allocation of a portfolio", (*self.document.words(), *owes), ())

    def unit_values(self, assets: Iterable[Asset], market: PublicMarket | None) -> dict[str, int]:
        """p_a: value units per base unit of every asset. Raises `ModelError`."""
        prices = expect_market(market, PriceDocument).prices
        if prices.scale != self.numbers.scale:
            raise ModelError(
                f"the prices count in 10^-{prices.scale} {prices.quote}, the model in 10^-{self.numbers.scale}"
            )
        try:
            return {asset.id: prices.unit_value(asset) for asset in assets}
        except PriceError as error:
            raise ModelError(str(error)) from error

    def conditions(self, assets: Sequence[str]) -> tuple[Condition, ...]:
        """All conditions but signs of positions, for a book with these assets. Raises `ModelError` naming the entry."""
        return tuple(_Conditions(self.document, assets).all())

    def value_cap(self, assets: Sequence[Asset], market: PublicMarket | None) -> int:
        """Gadgets count in fractions of a value unit: as many as the target and the test of holdings take."""
        del market
        factors = [1]
        for condition in self.conditions([asset.id for asset in assets]):
            factors += [max(map(abs, form.values())) for _, form in condition.absolutes if len(form) > 1]
            factors += [max(map(abs, form.values())) for form in condition.tests]
        return self.numbers.value_cap * max(factors)

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; every asset of the book needs a price."""
        prices = self.unit_values(model.assets, market)
        for asset in prices:
            model.position(asset, non_negative=self.document.is_long)
        leverage = self.document.leverage
        for condition in self.conditions(list(prices)):
            if condition.label == (NET_VALUE if leverage is None else LEVERAGE):
                _require_margin(model, condition, prices, leverage)
            else:
                _require(model, condition, prices, self.numbers)


class _Conditions:
    def __init__(self, document: AllocationDocument, assets: Sequence[str]) -> None:
        self._document = document
        self._assets = tuple(assets)
        self._known = frozenset(assets)
        self._total: Linear = {TOTAL: 1}

    def all(self) -> Iterator[Condition]:
        """In the order of the document's fields; last that the portfolio is not worth less than nothing."""
        document = self._document
        for band in document.bands:
            yield from self._band(band.name, band)
        for sector in document.sectors:
            yield from self._band(f"sector {sector.name}", sector)
        if document.single_name is not None:
            yield from self._single_name()
        for each in document.largest:
            numerator, denominator = each.greatest.numerator, each.greatest.denominator
            if each.count > len(self._assets):
                raise ModelError(f"{_place(each.path)}.count: the book has {len(self._assets)} assets")
            yield Condition(
                f"{each.count} largest",
                each.path,
                plus({}, self._total, numerator),
                max(numerator, denominator),
                largest_of=self._assets,
                largest_count=each.count,
                largest_weight=denominator,
            )
        if document.leverage is not None:
            yield self._sizes(LEVERAGE, "$.leverage", document.leverage, self._assets)
        if document.target is not None:
            yield self._drift()
        if document.holdings is not None:
            yield self._holdings()
        yield Condition(NET_VALUE, "$", self._total)

    def _band(self, label: str, band: ShareBand) -> Iterator[Condition]:
        self._check_known(band.assets, band.path)
        part = dict.fromkeys(band.assets, 1)
        for side, share, sign in (("at least", band.least, 1), ("at most", band.greatest, -1)):
            if share is not None:
                form = plus(plus({}, part, sign * share.denominator), self._total, -sign * share.numerator)
                scale = max(abs(share.numerator), share.denominator)
                yield Condition(f"{label} {side}", band.path, form, scale)

    def _single_name(self) -> Iterator[Condition]:
        cap = self._document.single_name
        if cap is None:
            return
        self._check_known(cap.exempt, f"{cap.path}.except")
        for asset in self._assets:
            if asset not in cap.exempt:
                yield self._sizes(f"single name {asset}", cap.path, cap.greatest, (asset,))

    def _sizes(self, label: str, path: str, share: Fraction, assets: Sequence[str]) -> Condition:
        """``n V - d sum |v_a| >= 0``."""
        numerator, denominator = share.numerator, share.denominator
        linear, scale = plus({}, self._total, numerator), max(numerator, denominator)
        if self._document.is_long:
            return Condition(label, path, plus(linear, all_of(assets), -denominator), scale)
        sizes: tuple[tuple[int, Linear], ...] = tuple((denominator, {asset: 1}) for asset in assets)
        return Condition(label, path, linear, scale, absolutes=sizes)

    def _drift(self) -> Condition:
        target = self._document.target
        if target is None:
            raise ModelError("target: there is none")
        self._check_known(target.weights, f"{target.path}.weights")
        common = lcm(*(weight.denominator for weight in target.weights.values()))
        share = target.drift
        forms = []
        for asset in self._assets:
            weight = target.weights.get(asset, Fraction(0))
            form = plus({asset: common}, self._total, -int(weight * common))
            forms.append((share.denominator, form))
        linear = plus({}, self._total, share.numerator * common)
        # At least twice V, in these units: the largest drift that a long portfolio has.
        scale = common * max(share.numerator, 2 * share.denominator)
        return Condition("drift from the target", target.path, linear, scale, absolutes=tuple(forms))

    def _holdings(self) -> Condition:
        holdings = self._document.holdings
        if holdings is None:
            raise ModelError("holdings: there are none")
        if holdings.least > len(self._assets):
            raise ModelError(f"{_place(holdings.path)}.least: the book has {len(self._assets)} assets")
        share = holdings.share
        tests = tuple(
            plus({asset: share.denominator}, self._total, -share.numerator) for asset in self._assets
        )
        return Condition("number of holdings", holdings.path, {}, tests=tests, least_passed=holdings.least)

    def _check_known(self, assets: Iterable[str], path: str) -> None:
        for asset in assets:
            if asset not in self._known:
                raise ModelError(f"{_place(path)}: asset {asset!r} is not in the book")


def _place(path: str) -> str:
    return path.removeprefix("$.")


def _require(model: Model, condition: Condition, prices: Mapping[str, int], numbers: Numbers) -> None:
    if condition.tests:
        passed = [
            sign_test(_form(model, test, prices), label=f"{asset} is a holding")
            for asset, test in zip(prices, condition.tests, strict=True)
        ]
        slack = model.sum(passed) - condition.least_passed
        model.require(slack >= 0, condition.label, width=max(1, len(passed).bit_length()))
        return
    expression = _form(model, condition.linear, prices)
    for weight, form in condition.absolutes:
        expression = expression - weight * _size(model, form, prices, condition.label)
    if condition.largest_of:
        operands = [_size(model, {asset: 1}, prices, "") for asset in condition.largest_of]
        top = sum_of_largest(operands, condition.largest_count, label=condition.label)
        expression = expression - condition.largest_weight * top
    width = (numbers.value_cap * condition.scale - 1).bit_length()
    model.require(expression >= 0, condition.label, width=width)


def _require_margin(
    model: Model, condition: Condition, prices: Mapping[str, int], leverage: Fraction | None
) -> None:
    """The condition that is reported as equity and requirement: leverage, or else that V is not negative."""
    value = model.linear(prices)
    if leverage is None:
        model.require_margin(value, model.constant(0), label=condition.label)
        return
    gross = model.sum(price * absolute_value(model.position(asset)) for asset, price in prices.items())
    numerator, denominator = leverage.numerator, leverage.denominator
    model.require_margin(numerator * value, denominator * gross, label=condition.label, scale=numerator)


def _form(model: Model, form: Linear, prices: Mapping[str, int]) -> Expression:
    whole = form.get(TOTAL, 0)
    return model.linear({asset: (form.get(asset, 0) + whole) * price for asset, price in prices.items()})


def _size(model: Model, form: Linear, prices: Mapping[str, int], label: str) -> Expression:
    """``|form|``; of one asset by the split of its position, which other rows share."""
    if len(form) == 1 and TOTAL not in form:
        ((asset, coefficient),) = form.items()
        return abs(coefficient) * prices[asset] * absolute_value(model.position(asset))
    return absolute_value(_form(model, form, prices), label=f"{label}: {next(iter(form))}")
