"""Equity, requirement, surplus and worst scenario of every account of a book: for the operator alone.

Accounts are read, evaluated and written some thousand at a time, so that memory does not grow with the book. The
statement itself is evaluated too: the column ``fails`` names the first row that an account fails, exactly as
`prover.prove_book` finds it, and is empty for accounts that can be proven.

    account, equity, requirement, surplus, worst_scenario, sufficient, fails

``worst_scenario`` is empty where nothing is required. Figures are exact decimal text in the quote currency
(`circuits.margin_units`).
"""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

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
from primitives.attestation import ATTESTATION_NAME
from primitives.backend import Backend
from prover.book.store import AccountBatch, Book
from prover.errors import ProverError, PublicationWriteError
from prover.progress import Progress, no_progress

COLUMNS: Final = ("account", "equity", "requirement", "surplus", "worst_scenario", "sufficient", "fails")
_WORST: Final = COLUMNS.index("worst_scenario")
Row: TypeAlias = tuple[str, ...]
"""Of `COLUMNS`."""

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
    _check_place(out, replace=replace)
    evaluation = _Evaluation(book, backend, model, market)
    with _private_file(out) as path:
        table = _ParquetTable(path) if out.suffix == ".parquet" else _CsvTable(path)
        with contextlib.closing(table):
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


class _Table(ABC):
    """A table that is written row group by row group."""

    @abstractmethod
    def add(self, rows: Sequence[Row]) -> None:
        """Append rows with the `COLUMNS`."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


class _CsvTable(_Table):
    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def add(self, rows: Sequence[Row]) -> None:
        self._writer.writerows(rows)

    def close(self) -> None:
        self._file.close()


class _ParquetTable(_Table):
    _SCHEMA = pa.schema([(name, pa.bool_() if name == "sufficient" else pa.string()) for name in COLUMNS])

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, self._SCHEMA, compression="zstd")

    def add(self, rows: Sequence[Row]) -> None:
        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        arrays = {
            name: [value == "true" for value in values] if name == "sufficient" else values
            for name, values in columns.items()
        }
        self._writer.write_table(pa.table(arrays, schema=self._SCHEMA))

    def close(self) -> None:
        self._writer.close()


def _check_place(out: Path, *, replace: bool) -> None:
    if out.suffix not in (".csv", ".parquet"):
        raise ProverError(f"{out}: name the report .csv or .parquet")
    if os.path.lexists(out) and not (replace and out.is_file()):
        raise ProverError(f"{out} exists: choose another place, or replace it")
    for parent in out.resolve().parents:
        if (parent / ATTESTATION_NAME).exists():
            raise ProverError(f"{out} lies inside the bundle {parent}, which is public; margins are private")


@contextlib.contextmanager
def _private_file(out: Path) -> Iterator[Path]:
    """A new file, readable by its owner alone, that becomes `out` if the block succeeds."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
    except OSError as error:
        raise PublicationWriteError(f"cannot write {out}: {error.strerror}") from error
    os.close(handle)
    path = Path(name)
    try:
        yield path
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(out)
    finally:
        path.unlink(missing_ok=True)
