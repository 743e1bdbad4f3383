"""What accounts miss is a column of the book, and a fund covers its sum (docs/models/insured.md).

    E, R   equity and requirement of the inner model      s   the shortfall: the account's entry in a column of the book

    s >= 0;   s + E >= R  (measure "margin")   or   s + E >= 0  (measure "bankruptcy")

Too large a shortfall makes the fund's task harder and nothing easier, so that no boolean is needed. In compartments,
whose equity cannot be moved, what each misses adds up: ``s >= sum_c max(0, R_c - E_c)``. The total of the column is
bounded by a solvency claim whose reserves of the column are the fund.

With ``count``, a column c counts the accounts that miss something (M is public):   c in {0, 1};   s <= M c.
With ``fund``, a column f marks the fund's own account, whose entry s may be negative, by what its equity is above its
requirement: a fund inside the book, of hidden size.                               f in {0, 1};   s + M f >= 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import lcm
from typing import ClassVar, Final, Self

import numpy as np

from circuits.modelling import Expression, Model, ModelError, band, maximum
from circuits.modelling.constraints import row_pieces
from circuits.modelling.definition import ModelDefinition
from circuits.modelling.expressions import Values
from circuits.modelling.model import Margin
from circuits.modelling.words import ColumnWords, ModelWords
from circuits.models.margin_evaluation import ACCOUNTS_AT_ONCE, NarrowNumeric
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket
from circuits.wrappers.wrapper import Wrapper, pass_on, read_inner
from primitives.assets import MAX_ASSET_ID_BYTES, Asset
from primitives.parameters import AMOUNT_LIMIT
from primitives.strict_json import JsonObject

MAX_LARGEST: Final = 1 << 80


class Measure(StrEnum):
    """What an account misses something of."""

    MARGIN = "margin"
    """The requirement of the inner model."""
    BANKRUPTCY = "bankruptcy"
    """Zero: what it owes beyond all it has."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A column of zeros and ones, and the largest entry of the shortfall column that a one allows, in whole units."""

    column: str
    largest: int


@dataclass(frozen=True)
class Insured(Wrapper):
    """``{"kind": "insured", "version": 1, "margin", "shortfall", "measure", "count"?, "fund"?}``.

    ``shortfall`` names the column, an asset of the book that counts in the quote currency; ``count`` and ``fund`` are
    ``{"column", "largest"}``, ``largest`` in whole units of the quote currency.
    """

    kind: ClassVar[str] = "insured"

    shortfall: str
    measure: Measure
    count: Flag | None
    fund: Flag | None

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields; errors name the entry."""
        inner = read_inner(fields, cls)
        shortfall = fields.text("shortfall", max_length=MAX_ASSET_ID_BYTES)
        measure = fields.text("measure", max_length=16)
        if measure not in tuple(Measure):
            raise fields.fail("measure", f"{measure!r} is not {' or '.join(map(repr, map(str, Measure)))}")
        if not inner.has_equity:
            raise fields.fail(
                "margin", "compares losses with a limit, and not equity with what is required of it"
            )
        if measure == Measure.BANKRUPTCY and not inner.has_net_equity:
            raise fields.fail(
                "measure",
                "'bankruptcy' needs a model whose equity counts all that is owed: in this one part of it is "
                "required of the equity instead, or not looked at",
            )
        count = _parse_flag(fields.object("count")) if fields.has("count") else None
        fund = _parse_flag(fields.object("fund")) if fields.has("fund") else None
        result = cls(inner, shortfall, Measure(measure), count, fund)
        if len(set(result.columns)) != len(result.columns):
            raise fields.fail("shortfall", "and the other columns must differ")
        return result

    @property
    def columns(self) -> tuple[str, ...]:
        """Shortfall, count and fund."""
        return (self.shortfall, *(flag.column for flag in (self.count, self.fund) if flag is not None))

    @property
    def has_concave_slack(self) -> bool:
        """As the inner model: the shortfall does not change with prices."""
        return self.inner.has_concave_slack

    @property
    def subject(self) -> str:
        """For people."""
        return "shortfalls stated account by account"

    def words(self) -> ModelWords:
        """For people; the fund's part is another claim's."""
        missing = (
            "what equity misses of the requirement"
            if self.measure is Measure.MARGIN
            else "what it owes beyond its equity"
        )
        conditions = [
            f"shortfall: its entry in {self.shortfall} is at least {missing}, wherever the model below asks for margin"
        ]
        if self.fund is None:
            conditions.append(
                f"the entry in {self.shortfall} is not negative: what one account has to spare covers no other"
            )
        else:
            conditions.append(
                f"the entry in {self.shortfall} is not negative, except in accounts that {self.fund.column} marks "
                f"with 1 (its entries are 0 or 1): there it is at least -{self.fund.largest:,}, and "
                f"{'equity less requirement' if self.measure is Measure.MARGIN else 'equity'} covers what is below zero"
            )
        if self.count is not None:
            conditions.append(
                f"its entry in {self.count.column} is 1 if there is a shortfall, and 0 or 1 otherwise; no shortfall "
                f"is above {self.count.largest:,}"
            )
        conservative = (
            f"what is short of margin here is no breach: an insurance fund covers the sum of shortfalls if a solvency "
            f"claim of this bundle shows reserves of at least the total of {self.shortfall}",
            "a stated shortfall may be larger than the true one",
        )
        required = (
            "" if self.measure is Measure.MARGIN else ", and nothing in the place of what margin requires"
        )
        when = f"with the shortfall as equity{required}: "
        return self.words_around(conditions, conservative, when=when, columns=self._column_words())

    def _column_words(self) -> list[ColumnWords]:
        if self.fund is None:
            result = [
                ColumnWords(self.shortfall, "insurance fund covers the sum of shortfalls of all accounts")
            ]
        else:
            meaning = (
                "insurance fund, which one account of the book holds, covers the sum of shortfalls of all others; how "
                "large it is stays hidden"
            )
            result = [
                ColumnWords(self.shortfall, meaning, marker=self.fund.column),
                ColumnWords(
                    self.fund.column, "no more accounts hold the insurance fund than stated", is_flag=True
                ),
            ]
        if self.count is not None:
            result.append(
                ColumnWords(self.count.column, "no more accounts are short than stated", is_flag=True)
            )
        return result

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The inner model, every margin condition with the shortfall in it."""
        column = self._column(model)
        pools = self._add_inner(model, market)
        if len(pools) == 1:
            for margin in pools[0]:
                relief = margin.scale * column.unit * column.entry
                pass_on(
                    model,
                    margin,
                    equity=margin.equity + relief,
                    requirement=self._required(model, margin),
                    scenarios=None if self.measure is Measure.MARGIN else {},
                )
        else:
            if self.fund is not None:
                raise ModelError("a fund inside the book needs a model without isolated compartments")
            self._require_sum(model, column, pools)

    def shortfalls(
        self, assets: Sequence[Asset], market: PublicMarket | None
    ) -> Callable[[PositionBatch], Values]:
        """What accounts miss exactly, in base units of the column and rounded up: the least entries that pass.

        `assets` are those of the book with the column. Raises `ModelError`.
        """
        numbers = self.numbers
        listed = tuple(assets)
        model = Model(listed, cap=self.value_cap(listed, market), position_bound=1 << numbers.position_bits)
        column = self._column(model)
        pools = self._add_inner(model, market)
        needs = [
            [(margin.scale, self._required(model, margin) - margin.equity) for margin in pool]
            for pool in pools
        ]

        def part(batch: PositionBatch) -> Values:
            numeric = NarrowNumeric(model, batch)
            missing: Values = np.zeros(batch.account_count, object)
            for pool in needs:
                # -(x // -scale): rounded up.
                short = [-(numeric.value(need).astype(object) // -scale) for scale, need in pool]
                missing = missing + np.maximum(0, np.maximum.reduce(short))
            result: Values = -(missing // -column.unit)
            return result

        def of(batch: PositionBatch) -> Values:
            count = batch.account_count
            starts = range(0, count, ACCOUNTS_AT_ONCE)
            parts = [part(batch.accounts(start, min(start + ACCOUNTS_AT_ONCE, count))) for start in starts]
            return np.concatenate(parts) if parts else np.zeros(0, object)

        return of

    def _add_inner(self, model: Model, market: PublicMarket | None) -> list[list[Margin]]:
        """The inner model without its margin conditions; these are returned by compartment."""
        pools: dict[str, list[Margin]] = {}
        with model.embedded(
            margins=lambda margin: pools.setdefault(margin.compartment, []).append(margin),
            hidden=self.columns,
        ):
            self.inner.build(model, market)
        if not pools:
            raise ModelError("the inner model has no margin condition: nothing can be short")
        return list(pools.values())

    def _required(self, model: Model, margin: Margin) -> Expression:
        return margin.requirement if self.measure is Measure.MARGIN else model.constant(0)

    def _require_sum(self, model: Model, column: _Column, pools: Iterable[Sequence[Margin]]) -> None:
        """``s >= sum_c max(0, R_c - E_c)``, in a common fraction of a value unit."""
        listed = list(pools)
        scale = lcm(*(margin.scale for pool in listed for margin in pool))
        missing = []
        for pool in listed:
            pieces: dict[str, Expression | int] = {"nothing": 0}
            for margin in pool:
                factor = scale // margin.scale
                slack = margin.equity - self._required(model, margin)
                for name, piece in row_pieces(slack):
                    pieces[f"{margin.label}: {name}" if name else margin.label] = -factor * piece
            label = pool[0].compartment or pool[0].label
            missing.append(maximum(pieces, label=f"{label}: shortfall", scale=scale))
        model.require_margin(
            scale * column.unit * column.entry,
            model.sum(missing),
            label=f"{self.shortfall} covers all compartments",
            scale=scale,
            is_reported=False,
        )

    def _column(self, model: Model) -> _Column:
        """The entries, with the rows that bind their signs and flags."""
        decimals = self._decimals(model, self.shortfall)
        places = self.numbers.scale - decimals
        if places < 0:
            raise ModelError(
                f"column {self.shortfall!r} has {decimals} decimals, more than the model's scale, {self.numbers.scale}"
            )
        unit = 10**places
        cap = self.numbers.value_cap // unit
        bound = min(AMOUNT_LIMIT, 1 << cap.bit_length())
        entry = model.position(self.shortfall, bound=bound, non_negative=self.fund is None)
        if self.count is not None:
            flag = self._flag(model, self.count)
            limit = self.count.largest * 10**decimals
            model.require(limit * flag - entry >= 0, label=f"{self.shortfall}: counted")
        if self.fund is not None:
            flag = self._flag(model, self.fund)
            limit = self.fund.largest * 10**decimals
            model.require(entry + limit * flag >= 0, label=f"{self.shortfall}: negative in the fund alone")
        return _Column(entry, unit)

    def _flag(self, model: Model, flag: Flag) -> Expression:
        if self._decimals(model, flag.column) != 0:
            raise ModelError(f"column {flag.column!r} holds zeros and ones: it must have 0 decimals")
        entry = model.position(flag.column, bound=2)
        model.require(band(entry, 0, 1), label=f"{flag.column}: 0 or 1")
        return entry

    @staticmethod
    def _decimals(model: Model, column: str) -> int:
        if column not in model.assets:
            raise ModelError(f"column {column!r} is not in the book")
        return model.assets[model.assets.index(column)].decimals


@dataclass(frozen=True, eq=False)
class _Column:
    """The account's entry, and how many value units a base unit of it is."""

    entry: Expression
    unit: int


def find_insured(definition: ModelDefinition) -> Insured | None:
    """The shortfall column's model in a stack of wrappers; None if there is none."""
    while isinstance(definition, Wrapper):
        if isinstance(definition, Insured):
            return definition
        definition = definition.inner
    return None


def _parse_flag(fields: JsonObject) -> Flag:
    flag = Flag(
        fields.text("column", max_length=MAX_ASSET_ID_BYTES),
        fields.decimal_integer("largest", minimum=1, maximum=MAX_LARGEST),
    )
    fields.finish()
    return flag
