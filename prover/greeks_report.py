"""Greeks of every account and of the book, by underlying and expiry: for the operator alone.

    account, underlying, expiry, delta, gamma, vega, theta

One row for each account, underlying and expiry in which it holds something; ``expiry`` is a day, or ``perpetual`` for
what never expires. The book's own rows come last, with an empty account. Figures are exact decimal text: sums of
entries of the risk array, which limits are compiled from, times positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, faults_of, find_margin_model, read_market
from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek, compute_risk_array
from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Contract, Instrument, Option
from circuits.models.greek_conditions import Condition
from circuits.models.greek_limit_document import WITHOUT_EXPIRY, Measure
from circuits.models.greeks_limits import BalancedBook, LimitModel
from circuits.models.risk_inputs import underlying_of
from primitives.amounts_text import plain_amount
from primitives.attestation import format_time
from prover.book.store import AccountBatch, Book
from prover.private_table import check_place, private_table
from prover.progress import Progress, no_progress

COLUMNS: Final = ("account", "underlying", "expiry", *(greek.value for greek in Greek))
Place: TypeAlias = tuple[str, str]
"""Underlying and expiry."""
Sums: TypeAlias = list[int]
"""One for each `Greek`, in units of its scale."""
_LISTED: Final = 10
_ACCOUNTS_AT_ONCE: Final = 1 << 13


@dataclass(frozen=True)
class LimitUse:
    """A limit, and where the accounts or the book stand.

    `breaking` counts accounts beyond it. `value` is the book's figure as decimal text, None where limits are about
    accounts.
    """

    words: str
    breaking: int = field(repr=False)
    value: str | None = field(repr=False)
    is_met: bool = field(repr=False)


@dataclass(frozen=True)
class GreeksSummary:
    """What came out; private. `book` has the sums of all accounts by underlying and expiry.

    `largest` has, for each Greek, the accounts with the largest absolute sums by underlying, as account, underlying and
    figure.
    """

    accounts: int
    title: str
    as_of: str
    scales: Mapping[Greek, int]
    book: Mapping[Place, Sequence[int]] = field(repr=False)
    limits: tuple[LimitUse, ...] = field(repr=False)
    largest: Mapping[Greek, Sequence[tuple[str, str, int]]] = field(repr=False)

    def text(self, greek: Greek, units: int) -> str:
        """A figure as decimal text."""
        return plain_amount(units, self.scales[greek])


def write_greeks_report(
    book: Book,
    out: Path,
    *,
    model: bytes,
    market: bytes,
    replace: bool = False,
    progress: Progress = no_progress,
) -> GreeksSummary:
    """Sum up Greeks of `book` at `market` into `out`, Parquet or CSV by its name, and compare them with limits.

    `model` is of the kind ``greeks-limits`` or ``balanced-book``; limits of the first are compared with every account,
    of the second with the book. The file has mode 0600 and appears whole or not at all. Raises `ClaimDocumentError`,
    `ProverError` and `PublicationError`.
    """
    check_place(out, replace=replace)
    evaluation = _Evaluation(book, model, market)
    done = 0
    with private_table(out, COLUMNS) as table:
        for batch in book.iter_batches(_ACCOUNTS_AT_ONCE):
            table.add(evaluation.rows(batch))
            done += len(batch.ids)
            progress("Adding up Greeks", done, book.account_count)
        table.add(evaluation.book_rows())
    return evaluation.summary(done)


class _Evaluation:
    def __init__(self, book: Book, model: bytes, market: bytes) -> None:
        definition = find_margin_model(model)
        if not isinstance(definition, LimitModel):
            raise ClaimDocumentError(MODEL_ROLE, "$.kind: is not 'greeks-limits' or 'balanced-book'")
        public_market = read_market(market)
        with faults_of(MODEL_ROLE):
            inputs = definition.inputs(book.assets.assets, public_market)
            self._conditions = definition.conditions(book.assets.assets, public_market)
            self._entries = _all_greeks(definition, public_market, book)
        self._definition = definition
        self._ids = [asset.id for asset in book.assets]
        self._places = [_place(inputs.instruments.get(asset_id)) for asset_id in self._ids]
        self._as_of = format_time(inputs.snapshot.as_of)
        self._book: dict[Place, Sums] = {}
        self._totals = [0] * len(self._ids)
        self._limits = [
            [each for each in self._conditions if each.limit is limit] for limit in definition.document.limits
        ]
        self._breaking = [0] * len(self._limits)
        self._largest: dict[Greek, list[tuple[str, str, int]]] = {greek: [] for greek in Greek}

    def rows(self, batch: AccountBatch) -> list[tuple[str, ...]]:
        """The rows of some accounts."""
        found = []
        for place, account in enumerate(batch.ids):
            start, stop = int(batch.row_offsets[place]), int(batch.row_offsets[place + 1])
            held = dict(
                zip(batch.columns[start:stop].tolist(), batch.amounts[start:stop].tolist(), strict=True)
            )
            sums = self._sums(held)
            found += [self._row(account, where, values) for where, values in sorted(sums.items())]
            self._note(account, held, sums)
        return found

    def book_rows(self) -> list[tuple[str, ...]]:
        """Those of all accounts together."""
        return [self._row("", where, values) for where, values in sorted(self._book.items())]

    def summary(self, accounts: int) -> GreeksSummary:
        """Of everything so far."""
        totals = dict(zip(self._ids, self._totals, strict=True))
        of_book = isinstance(self._definition, BalancedBook)
        uses = []
        for conditions, breaking in zip(self._limits, self._breaking, strict=True):
            limit = conditions[0].limit
            words = limit.words(
                "the book's" if of_book else "an account's", self._definition.document.scales[limit.greek]
            )
            met = _all_hold(conditions, totals) if of_book else not breaking
            figure = min((self._figure(each, totals) for each in conditions), key=float) if of_book else None
            uses.append(LimitUse(words, breaking, figure, is_met=met))
        return GreeksSummary(
            accounts,
            self._definition.words().title,
            self._as_of,
            self._definition.document.scales,
            dict(sorted(self._book.items())),
            tuple(uses),
            {greek: tuple(entries) for greek, entries in self._largest.items()},
        )

    def _figure(self, condition: Condition, totals: Mapping[str, int]) -> str:
        """What the limit is about, of the book: net or gross, in units of the Greek; of equity, what of it is left."""
        limit = condition.limit
        scale = self._definition.document.scales[limit.greek]
        if condition.is_value:
            slack = condition.value(totals) // condition.scale
            return plain_amount(slack, self._definition.numbers.scale)
        if limit.measure is Measure.GROSS:
            return plain_amount(condition.constant - condition.value(totals), scale)
        value = condition.value(totals)
        return plain_amount(
            (limit.greatest or 0) - value if limit.least is None else value + limit.least, scale
        )

    def _sums(self, held: Mapping[int, int]) -> dict[Place, Sums]:
        result: dict[Place, Sums] = {}
        for column, amount in held.items():
            where = self._places[column]
            if where is not None:
                sums = result.setdefault(where, [0] * len(Greek))
                for number, entries in enumerate(self._entries):
                    sums[number] += entries[column] * amount
        return result

    def _note(self, account: str, held: Mapping[int, int], sums: Mapping[Place, Sums]) -> None:
        for column, amount in held.items():
            self._totals[column] += amount
        for where, values in sums.items():
            total = self._book.setdefault(where, [0] * len(Greek))
            for number, value in enumerate(values):
                total[number] += value
        if not isinstance(self._definition, BalancedBook):
            amounts = {self._ids[column]: amount for column, amount in held.items()}
            for number, conditions in enumerate(self._limits):
                self._breaking[number] += not _all_hold(conditions, amounts)
        self._note_largest(account, sums)

    def _note_largest(self, account: str, sums: Mapping[Place, Sums]) -> None:
        by_underlying: dict[str, Sums] = {}
        for (underlying, _), values in sums.items():
            total = by_underlying.setdefault(underlying, [0] * len(Greek))
            for number, value in enumerate(values):
                total[number] += value
        for number, greek in enumerate(Greek):
            entries = self._largest[greek]
            entries += [(account, underlying, values[number]) for underlying, values in by_underlying.items()]
            entries.sort(key=lambda entry: (-abs(entry[2]), entry[:2]))
            del entries[_LISTED:]

    def _row(self, account: str, where: Place, values: Sequence[int]) -> tuple[str, ...]:
        scales = self._definition.document.scales
        return (
            account,
            *where,
            *(plain_amount(value, scales[greek]) for greek, value in zip(Greek, values, strict=True)),
        )


def _all_hold(conditions: Sequence[Condition], amounts: Mapping[str, int]) -> bool:
    return all(condition.holds(amounts) for condition in conditions)


def _all_greeks(definition: LimitModel, market: object, book: Book) -> list[list[int]]:
    """Entries of every Greek for every asset of the book: as published, and else computed; 0 for ignored ones."""
    if not isinstance(market, MarketDocument):
        raise ClaimDocumentError(MODEL_ROLE, "needs a market snapshot")
    document = definition.document
    assets = [asset for asset in book.assets if asset.id not in document.ignored]
    array = compute_risk_array(market.snapshot, ScenarioSet(()), assets, document.scales)
    rows = {row.greek: row.entries.tolist() for row in array.greeks}
    if market.risk_array is not None:
        rows |= {
            row.greek: row.entries.tolist()
            for row in market.risk_array.greeks
            if row.scale == document.scales[row.greek]
        }
    by_asset = {greek: dict(zip((a.id for a in assets), rows[greek], strict=True)) for greek in Greek}
    return [[by_asset[greek].get(asset.id, 0) for asset in book.assets] for greek in Greek]


def _place(instrument: Instrument | None) -> Place | None:
    """None for cash and what is ignored."""
    underlying = None if instrument is None else underlying_of(instrument)
    if underlying is None:
        return None
    expiry = instrument.expiry if isinstance(instrument, Option | Contract) else None
    return underlying, WITHOUT_EXPIRY if expiry is None else expiry.date().isoformat()
