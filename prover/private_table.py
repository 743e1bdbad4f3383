"""Tables about single accounts, for the operator alone: CSV or Parquet, with mode 0600, whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from primitives.attestation import ATTESTATION_NAME
from prover.errors import ProverError, PublicationWriteError

Row: TypeAlias = tuple[str, ...]
"""One text for each column; "true" or "false" in columns of truth values."""


class PrivateTable(ABC):
    """A table that is written row group by row group."""

    @abstractmethod
    def add(self, rows: Sequence[Row]) -> None:
        """Append rows with the table's columns."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


@contextlib.contextmanager
def private_table(out: Path, columns: Sequence[str], *, truths: Sequence[str] = ()) -> Iterator[PrivateTable]:
    """A new table, which becomes `out` if the block succeeds: Parquet or CSV, by its name.

    `truths` are the columns with truth values; all others are text.
    """
    with _private_file(out) as path:
        is_parquet = out.suffix == ".parquet"
        table = _ParquetTable(path, columns, truths) if is_parquet else _CsvTable(path, columns)
        with contextlib.closing(table):
            yield table


def check_place(out: Path, *, replace: bool, suffixes: Sequence[str] = (".csv", ".parquet")) -> None:
    """`ProverError` unless a private file may be put at `out`: one of `suffixes`, nothing there or `replace`."""
    if out.suffix not in suffixes:
        raise ProverError(f"{out}: name the report {' or '.join(suffixes)}")
    if os.path.lexists(out) and not (replace and out.is_file()):
        raise ProverError(f"{out} exists: choose another place, or replace it")
    for parent in out.resolve().parents:
        if (parent / ATTESTATION_NAME).exists():
            raise ProverError(f"{out} lies inside the bundle {parent}, which is public; margins are private")


class _CsvTable(PrivateTable):
    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, rows: Sequence[Row]) -> None:
        self._writer.writerows(rows)

    def close(self) -> None:
        self._file.close()


class _ParquetTable(PrivateTable):
    def __init__(self, path: Path, columns: Sequence[str], truths: Sequence[str]) -> None:
        self._schema = pa.schema([(name, pa.bool_() if name in truths else pa.string()) for name in columns])
        self._truths = frozenset(truths)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        columns = dict(zip(self._schema.names, zip(*rows, strict=True), strict=True))
        arrays = {
            name: [value == "true" for value in values] if name in self._truths else values
            for name, values in columns.items()
        }
        self._writer.write_table(pa.table(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


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
