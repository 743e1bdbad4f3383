"""Equity, requirement, surplus and worst scenario of every account of a book: for the operator alone.

Accounts are read, evaluated and written some thousand at a time, so that memory does not grow with the book. The
statement itself is evaluated too: the column ``fails`` names the first row that an account fails, exactly as
`prover.prove_book` finds it, and is empty for accounts that can be proven.

    account, equity, requirement, surplus, worst_scenario, sufficient, fails

``worst_scenario`` is empty where nothing is required. Figures are exact decimal text in the quote currency
(`circuits.margin_units`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from circuits.assignment import NotSatisfiedError, RowAssigner
from circuits.bits import packed_bytes
from circuits.claim_statement import (
    MODEL_ROLE,
    ClaimDocumentError,
    compile_claim,
    find_margin_model,
    read_market,
)
from circuits.margin_units import MarginUnits, account_margin
from circuits.modelling.errors import ModelError
from circuits.positions import PositionBatch
from primitives.backend import Backend
from prover.book.store import AccountBatch, Book
from prover.private_table import Row, check_place, private_table
from prover.progress import Progress, no_progress

COLUMNS: Final = ("account", "equity", "requirement", "surplus", "worst_scenario", "sufficient", "fails")
_WORST: Final = COLUMNS.index("worst_scenario")

MAX_ACCOUNTS_AT_ONCE: Final = 1 << 13
_MAX_TABLE_BYTES: Final = 1 << 26
"""Of the bits of all rows of the accounts under way."""


@dataclass(frozen=True)
class MarginSummary:
    """What came out, as far as it is not about single accounts; private all the same.

    `insufficient` accounts break a constraint of the model; `unprovable` ones can not be proven, which beside
    these are accounts beyond the bounds of the model. `total_shortfall` is the sum of what is missing, in `quote`.
    `worst_scenarios` says for how many accounts with a requirement a scenario is the worst.
    """

    accounts: int
    insufficient: int
    unprovable: int
    quote: str
    total_shortfall: str = field(repr=False)
    worst_scenarios: tuple[tuple[str, int], ...] = field(repr=False)


def write_margin_report(
    book: Book,
    out: Path,
    backend: Backend,
    *,
    model: bytes,
    market: bytes | None,
    replace: bool = False,
    progress: Progress = no_progress,
) -> MarginSummary:
    """Evaluate every account of `book` under `model` at `market`, and write `out`: Parquet or CSV, by its name.

    The file has mode 0600 and appears whole or not at all; one that is there is kept unless `replace`. Raises
    `ClaimDocumentError`, `ProverError` and `PublicationError`.
    """
    check_place(out, replace=replace)
    evaluation = _Evaluation(book, backend, model, market)
    with private_table(out, COLUMNS, truths=("sufficient",)) as table:
        done = 0
        for batch in book.iter_batches(evaluation.accounts_at_once):
            table.add(evaluation.rows(batch))
            done += len(batch.ids)
            progress("Evaluating margins", done, book.account_count)
    return evaluation.summary()


class _Evaluation:
    """Evaluates batches, and counts."""

    def __init__(self, book: Book, backend: Backend, model: bytes, market: bytes | None) -> None:
        definition = find_margin_model(model)
        if definition is None:
            raise ClaimDocumentError(MODEL_ROLE, "is no margin model: it has no equity and no requirement")
        statement = compile_claim(model, market, book.assets.assets)
        public_market = read_market(market)
        try:
            self._evaluate = definition.evaluator(book.assets.assets, public_market, backend)
        except ModelError as error:
            raise ClaimDocumentError(MODEL_ROLE, str(error)) from error
        self._definition = definition
        self._market = public_market
        self._assigner = RowAssigner(statement, backend)
        self.accounts_at_once = max(1, min(MAX_ACCOUNTS_AT_ONCE, _MAX_TABLE_BYTES // packed_bytes(statement)))
        self._units = MarginUnits.of(definition, public_market, 1)
        self._accounts = self._insufficient = self._unprovable = self._shortfall = 0
        self._worst: Counter[str] = Counter()

    def rows(self, batch: AccountBatch) -> list[Row]:
        """One row of the report for each account."""
        positions = PositionBatch(batch.row_offsets, batch.columns, batch.amounts)
        result = self._evaluate(positions)
        self._units = units = MarginUnits.of(self._definition, self._market, result.scale)
        fails = self._failing_rows(positions)
        rows: list[Row] = []
        for place, account in enumerate(batch.ids):
            margin = account_margin(result, place, units)
            verdict = "true" if result.sufficient[place] else "false"
            worst = (margin.worst_scenario or "") if result.requirement[place] > 0 else ""
            figures = (margin.equity, margin.requirement, margin.surplus)
            rows.append((account, *figures, worst, verdict, fails.get(place, "")))
        self._accounts += len(rows)
        self._insufficient += int((~result.sufficient).sum())
        self._unprovable += len(fails)
        self._shortfall += int(result.shortfall.sum()) if len(rows) else 0
        self._worst.update(row[_WORST] for row in rows if row[_WORST])
        return rows

    def _failing_rows(self, positions: PositionBatch) -> dict[int, str]:
        try:
            self._assigner.assign(positions)
        except NotSatisfiedError as error:
            return {violation.account: violation.label for violation in error.violations}
        return {}

    def summary(self) -> MarginSummary:
        """Of everything so far."""
        return MarginSummary(
            self._accounts,
            self._insufficient,
            self._unprovable,
            self._units.quote,
            self._units.up(self._shortfall),
            tuple(self._worst.most_common()),
        )
