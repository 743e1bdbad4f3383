"""Wide tables: one record per account, with a column for every asset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from primitives.account_id import AccountIdError, canonical_account_id
from prover.book.amounts import AmountError, parse_amount, parse_amounts
from prover.book.csv_input import CsvInput, columns_of, is_plain_text, records_of
from prover.book.grouping import ACCOUNT_ROW
from prover.book.intake import Intake, id_fault, ids_are_canonical
from prover.book.parquet_input import AmountColumn, ParquetInput, blanks_to_zero, text_column
from prover.book.read_long import record_fault
from prover.book.report import Problem
from prover.book.text_input import Chunk, InputFaultError, TextInput

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WideColumn:
    """One amount column: its `place` among the fields, and the asset (column of the book) it fills."""

    place: int
    name: str
    asset: int
    decimals: int
    non_negative: bool = False


@dataclass(frozen=True, slots=True)
class RuleBreak:
    """A well-formed account (by its row in a batch) that breaks a rule of its source."""

    row: int
    code: str
    column: str
    value: str
    reason: str


RuleCheck = Callable[[Int64Array], Iterator[RuleBreak]]
"""Finds the rule breakers in a matrix of amounts, one row per account, one column per `WideColumn`."""


class AccountRule:
    """What an account id of the source must look like: here, canonical as it is."""

    def text(self, account: str) -> str:
        """The id for the text in one record; `AccountIdError` if it is none."""
        return canonical_account_id(account)

    def column(self, accounts: pa.Array, *, plain: bool) -> pa.Array | None:
        """`text` on a whole column, or None if any of them is no id; `plain` as in `ids_are_canonical`."""
        return accounts if ids_are_canonical(accounts, plain=plain) else None


CANONICAL = AccountRule()


@dataclass(frozen=True)
class WidePlan:
    """How to read the records of one file: `width` fields, `account` the place of the account id."""

    account: int
    width: int
    columns: tuple[WideColumn, ...]
    delimiter: str = ","
    blank_is_zero: bool = False
    account_rule: AccountRule = CANONICAL
    find_rule_breaks: RuleCheck | None = None


PlanFor = Callable[[list[str], str], WidePlan]
"""The plan for a file from its header and name; raises `InputFaultError` where the header does not fit."""


@dataclass
class WideRows:
    """Accounts of one file on their way into the intake, each with one amount per column of the plan."""

    intake: Intake
    file: int
    name: str
    plan: WidePlan
    _accounts: list[str] = field(default_factory=list)
    _values: list[list[int]] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._assets = np.array([column.asset for column in self.plan.columns], np.int32)
        self._decimals = np.array([column.decimals for column in self.plan.columns], np.int64)
        self._signed = np.array([not column.non_negative for column in self.plan.columns])

    def add_texts(
        self, accounts: pa.Array, columns: Sequence[pa.Array], lines: Int64Array, *, plain: bool
    ) -> bool:
        """All accounts at once from text columns; False, and nothing is taken, unless all are faultless."""
        texts = pa.concat_arrays(columns)
        if self.plan.blank_is_zero:
            texts = blanks_to_zero(texts)
        decimals = np.repeat(self._decimals, len(accounts))
        values, good = parse_amounts(pl.Series(texts), decimals)
        if not good.all():
            return False
        return self._add_matrix(accounts, values.reshape(len(columns), -1).T, lines, plain=plain)

    def add_columns(self, accounts: pa.Array, columns: Sequence[AmountColumn], lines: Int64Array) -> bool:
        """The same from typed columns."""
        values = np.empty((len(accounts), len(columns)), np.int64)
        for place, (column, decimals) in enumerate(zip(columns, self._decimals, strict=True)):
            values[:, place], good = column.parse(np.full(len(accounts), decimals))
            if not good.all():
                return False
        return self._add_matrix(accounts, values, lines, plain=False)

    def _add_matrix(self, accounts: pa.Array, values: Int64Array, lines: Int64Array, *, plain: bool) -> bool:
        ids = self.plan.account_rule.column(accounts, plain=plain)
        if ids is None or ((values < 0) & ~self._signed).any():
            return False
        self.intake.rows += len(ids)
        self._emit(ids, values, lines)
        self._check_rules(ids, values, lines)
        return True

    def _emit(self, ids: pa.Array, values: Int64Array, lines: Int64Array) -> None:
        rows, places = np.nonzero(values)
        none = np.zeros(len(ids), np.int64)
        self.intake.add(ids, np.full(len(ids), ACCOUNT_ROW, np.int32), none, self.file, lines)
        self.intake.add(
            ids.take(pa.array(rows)), self._assets[places], values[rows, places], self.file, lines[rows]
        )

    def _check_rules(self, ids: pa.Array, values: Int64Array, lines: Int64Array) -> None:
        if self.plan.find_rule_breaks is None:
            return
        breaks = sorted(self.plan.find_rule_breaks(values), key=lambda found: found.row)
        self.intake.log.rule_breakers += len({found.row for found in breaks})
        for found in breaks:
            place = (int(lines[found.row]), ids[found.row].as_py(), found.column, found.value)
            self.intake.rule_broken(Problem(found.code, self.name, found.reason, *place), self.file)

    def add_record(self, line: int, account: str, amounts: Sequence[str | int]) -> None:
        """One account: taken, or rejected with every fault it has.

        An amount is text, or an integer in base units.
        """
        self.intake.rows += 1
        values, faults = [], []
        for column, amount in zip(self.plan.columns, amounts, strict=True):
            value, fault = self._value(column, amount)
            values.append(value)
            if fault is not None:
                faults.append((*fault, column.name, str(amount)))
        bad_id = id_fault(account, self.plan.account_rule.text)
        if bad_id is not None:
            faults.insert(0, (*bad_id, "", ""))
        for code, reason, name, amount_text in faults:
            self.intake.reject(Problem(code, self.name, reason, line, account, name, amount_text), self.file)
        if bad_id is None:
            account = self.plan.account_rule.text(account)
        if bad_id is None and not faults:
            self._accounts.append(account)
            self._values.append(values)
            self._lines.append(line)
        elif bad_id is None:
            # its good amounts are listed with the rejected account
            matrix = np.array([values], np.int64)
            self._emit(pa.array([account], pa.string()), matrix, np.array([line], np.int64))

    def _value(self, column: WideColumn, amount: str | int) -> tuple[int, tuple[str, str] | None]:
        """The amount in base units, or 0 with code and reason."""
        if amount == "" and self.plan.blank_is_zero:
            return 0, None
        if isinstance(amount, int):
            value = amount
            if abs(value) >= 1 << 63:
                return 0, ("out-of-range", "not below 2^63 base units")
        else:
            try:
                value = parse_amount(amount, column.decimals)
            except AmountError as error:
                return 0, (error.code, error.reason)
        if column.non_negative and value < 0:
            return 0, ("negative-amount", "this column cannot be negative")
        return value, None

    def flush(self) -> None:
        """Pass collected accounts on."""
        if self._accounts:
            ids = pa.array(self._accounts, pa.string())
            values, lines = np.array(self._values, np.int64), np.array(self._lines, np.int64)
            self._emit(ids, values, lines)
            self._check_rules(ids, values, lines)
            self._accounts, self._values, self._lines = [], [], []
        self.intake.flush()


def read_wide_csv(path: Path, intake: Intake, plan_for: PlanFor, *, delimiter: str, chunk_bytes: int) -> None:
    """Read one wide CSV file; ``plan_for(header, name)`` says how, or raises `InputFaultError`."""
    source = CsvInput(TextInput(path, chunk_bytes=chunk_bytes, on_bytes=intake.on_bytes), delimiter)
    header, chunks = source.read_header()
    plan = plan_for(header, source.name)
    rows = WideRows(intake, intake.grouper.file_number(source.name), source.name, plan)
    for chunk in chunks:
        if chunk.data and not _add_plain_chunk(chunk, rows, plan):
            _add_records(chunk, rows, plan)
        rows.flush()


def _add_plain_chunk(chunk: Chunk, rows: WideRows, plan: WidePlan) -> bool:
    columns = columns_of(chunk, plan.delimiter, plan.width)
    if columns is None:
        return False
    accounts = columns[plan.account]
    lines = np.arange(chunk.first_line, chunk.first_line + len(accounts), dtype=np.int64)
    plain = is_plain_text(chunk)
    return rows.add_texts(accounts, [columns[column.place] for column in plan.columns], lines, plain=plain)


def _add_records(chunk: Chunk, rows: WideRows, plan: WidePlan) -> None:
    for record in records_of(chunk, plan.delimiter, rows.name):
        fault = record_fault(record, plan.width, plan.account, rows.name)
        account = record.fields[plan.account]
        if fault is None:
            rows.add_record(record.line, account, [record.fields[column.place] for column in plan.columns])
            continue
        code, reason = fault
        rows.intake.rows += 1
        problem = Problem(code, rows.name, reason, record.line, _id_or_raw(account, plan.account_rule))
        rows.intake.reject(problem, rows.file)


def _id_or_raw(account: str, rule: AccountRule) -> str:
    try:
        return rule.text(account)
    except AccountIdError:
        return account


def read_wide_parquet(path: Path, intake: Intake, plan_for: PlanFor) -> None:
    """Read one wide Parquet file; ``plan_for`` as in `read_wide_csv`."""
    source = ParquetInput(path, on_bytes=intake.on_bytes)
    plan = plan_for(source.column_names, source.name)
    rows = WideRows(intake, intake.grouper.file_number(source.name), source.name, plan)
    account = source.column_names[plan.account]
    names = [column.name for column in plan.columns]
    source.check_text_columns([account])
    source.check_amount_columns(names)
    for first_row, batch in source.batches([account, *names]):
        ids = text_column(batch.column(account))
        columns = [AmountColumn(batch.column(name), blank_is_zero=plan.blank_is_zero) for name in names]
        lines = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
        if not rows.add_columns(ids, columns, lines):
            texts = [column.texts() for column in columns]
            for line, text, *amounts in zip(lines.tolist(), ids.to_pylist(), *texts, strict=True):
                rows.add_record(line, text or "", amounts)
        rows.flush()


def missing_header(name: str, wanted: str, header: list[str]) -> InputFaultError:
    """The fault of a file without a column it needs."""
    reason = f"no column named {wanted}; the header is {', '.join(header[:12])}"
    return InputFaultError(Problem("missing-header", name, reason, 1))
