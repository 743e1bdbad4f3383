"""Parquet in batches: exact column types only, rows numbered from 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prover.book.amounts import AmountError, parse_amount, parse_amounts, scale_units
from prover.book.report import Problem
from prover.book.text_input import PARQUET_MAGIC, InputFaultError

Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_BATCH_CELLS: Final = 1 << 20
_MAX_BATCH_ROWS: Final = 1 << 16


def is_parquet(path: Path) -> bool:
    """Whether the file is Parquet by its first bytes or by its name."""
    with path.open("rb") as file:
        return file.read(4) == PARQUET_MAGIC or path.suffix == ".parquet"


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def text_column(column: pa.Array) -> pa.Array:
    """A text or integer column as text; integers in decimal."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.string())


class ParquetInput:
    """One Parquet file; faults of the file or of a column's type raise `InputFaultError`."""

    def __init__(self, path: Path, *, on_bytes: Callable[[int], None]) -> None:
        self.name = str(path)
        self._on_bytes = on_bytes
        self._size = path.stat().st_size
        self._check_ends(path)
        try:
            self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
            self._schema = self._file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise self._fault("damaged-parquet", f"cannot be read: {_first_line(error)}") from None
        self.column_names: list[str] = list(self._schema.names)
        if len(set(self.column_names)) != len(self.column_names):
            raise self._fault("duplicate-header", "a column name appears twice")

    def _fault(self, code: str, reason: str, line: int = 0, column: str = "") -> InputFaultError:
        return InputFaultError(Problem(code, self.name, reason, line, column=column))

    def _check_ends(self, path: Path) -> None:
        """Parquet starts and ends with the same four bytes; a transfer that broke off lacks the second."""
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(max(0, self._size - 4))
            end = file.read(4)
        if start != PARQUET_MAGIC:
            raise self._fault("damaged-parquet", "does not start as a Parquet file does")
        if end != PARQUET_MAGIC or self._size < 12:
            raise self._fault("truncated-parquet", "the Parquet file is cut off")

    def check_text_columns(self, names: Sequence[str]) -> None:
        """Account and asset columns: text, or integers."""
        for name in names:
            kind = self._schema.field(name).type
            if not _is_text(kind) and not pa.types.is_integer(kind):
                raise self._fault("unsupported-column", f"is of type {kind}, text is needed", column=name)

    def check_amount_columns(self, names: Sequence[str]) -> None:
        """Amount columns: integer, decimal or text; floating point is refused."""
        for name in names:
            kind = self._schema.field(name).type
            if pa.types.is_floating(kind):
                reason = f"is of type {kind}, whose values are rounded: it cannot be a balance"
                raise self._fault("inexact-column", reason, column=name)
            if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
                reason = f"is of type {kind}; integer, decimal or text is needed"
                raise self._fault("unsupported-column", reason, column=name)

    def batches(self, names: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches of the named columns, each with the number of its first row (from 1)."""
        rows = min(_MAX_BATCH_ROWS, max(256, _BATCH_CELLS // len(names)))
        total = max(1, self._file.metadata.num_rows)
        row, reported = 1, 0
        try:
            for batch in self._file.iter_batches(batch_size=rows, columns=list(names), use_threads=False):
                yield row, batch
                row += batch.num_rows
                done = self._size * (row - 1) // total
                self._on_bytes(done - reported)
                reported = done
        except (pa.ArrowException, OSError) as error:
            raise self._fault("damaged-parquet", f"cannot be read: {_first_line(error)}", row) from None
        self._on_bytes(self._size - reported)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["unknown error"])[0][:200]


def blanks_to_zero(column: pa.Array) -> pa.Array:
    """A text column with ``0`` in place of empty text."""
    return pc.if_else(pc.equal(column, ""), pa.scalar("0", column.type), column)


class AmountColumn:
    """A column of amounts as integer, decimal or text.

    A missing value is an empty amount; with `blank_is_zero` missing values and empty text are 0.
    """

    def __init__(self, column: pa.Array, *, blank_is_zero: bool = False) -> None:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if blank_is_zero and not _is_text(column.type):
            column = column.fill_null(0)
        elif blank_is_zero:
            column = blanks_to_zero(column.fill_null(""))
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def texts(self) -> list[str]:
        """Every value as text in the grammar of `prover.book.amounts`; missing values are empty."""
        return ["" if value is None else str(value) for value in self._column.to_pylist()]

    def parse(self, decimals: Int64Array) -> tuple[Int64Array, BoolArray]:
        """As `prover.book.amounts.parse_amounts`."""
        kind = self._column.type
        if _is_text(kind):
            return parse_amounts(pl.Series(self._column.cast(pa.large_string())), decimals)
        if self._column.null_count == 0 and pa.types.is_integer(kind) and kind != pa.uint64():
            unscaled = self._column.cast(pa.int64()).to_numpy(zero_copy_only=False)
            return self._scaled(unscaled, 0, decimals)
        if self._column.null_count == 0 and pa.types.is_decimal128(kind) and 0 <= kind.scale <= 18:
            return self._scaled(self._low_words(), kind.scale, decimals)
        return self._one_by_one(decimals, np.zeros(len(self), np.int64), np.zeros(len(self), np.bool_))

    def _low_words(self) -> Int64Array:
        """The unscaled integers where they fit 64 bits; else the least int64, which never settles."""
        column = self._column
        words = np.frombuffer(column.buffers()[1], np.int64)
        pairs = words[2 * column.offset : 2 * (column.offset + len(column))].reshape(-1, 2)
        fits = pairs[:, 1] == pairs[:, 0] >> 63
        return np.where(fits, pairs[:, 0], np.iinfo(np.int64).min)

    def _scaled(self, unscaled: Int64Array, scale: int, decimals: Int64Array) -> tuple[Int64Array, BoolArray]:
        small = np.abs(np.maximum(unscaled, -(10**18))) < 10**18
        values, settled = scale_units(np.where(small, unscaled, 0), np.full(len(unscaled), scale), decimals)
        good = small & settled
        return self._one_by_one(decimals, np.where(good, values, 0), good)

    def _one_by_one(
        self, decimals: Int64Array, values: Int64Array, good: BoolArray
    ) -> tuple[Int64Array, BoolArray]:
        rest = np.flatnonzero(~good)
        for row, value in zip(rest.tolist(), self._column.take(pa.array(rest)).to_pylist(), strict=True):
            try:
                values[row] = parse_amount("" if value is None else str(value), int(decimals[row]))
            except AmountError:
                continue
            good[row] = True
        return values, good
