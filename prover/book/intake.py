"""The way of every record into a book: one place for ids, amounts, problems and rejected accounts.

Readers of the source formats call an `Intake`; what they cannot settle column-wise they pass record by
record, and both ways obey the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from primitives.account_id import MAX_ACCOUNT_ID_BYTES, AccountIdError, canonical_account_id
from primitives.assets import AssetList
from prover.book.errors import ImportOptionsError
from prover.book.grouping import REJECTED, Grouper
from prover.book.report import Problem, ProblemLog
from prover.book.text_input import CHUNK_BYTES

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]

AccountCheck = Callable[[str], str]
"""Gives the canonical id for the text in the source, or raises `AccountIdError`."""

_UNUSABLE_MARK: Final = "\x00"


@dataclass(frozen=True)
class ReadOptions:
    """How to read the generic formats; the named sources fix most of this themselves.

    `blank_is_zero`: an empty cell of a wide file (null in Parquet) means no position, instead of an
    error. `base_units`: numbers are base units already, so no decimal places may appear.
    """

    account_column: str = "account"
    asset_column: str = "asset"
    amount_column: str = "amount"
    delimiter: str = ","
    ignore_columns: tuple[str, ...] = ()
    blank_is_zero: bool = False
    base_units: bool = False
    chunk_bytes: int = CHUNK_BYTES

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n\0':
            raise ImportOptionsError(f"{self.delimiter!r} cannot separate fields: give one ASCII character")
        if self.chunk_bytes < 1:
            raise ImportOptionsError("chunk_bytes must be at least 1")


@dataclass
class Intake:
    """Receives records and faults; `rows` counts the records read."""

    assets: AssetList
    grouper: Grouper
    log: ProblemLog
    on_bytes: Callable[[int], None]
    reject_rule_breakers: bool = False
    rows: int = 0
    _pending: dict[tuple[int, int], tuple[list[str], list[int]]] = field(default_factory=dict)

    def add(
        self, accounts: pa.Array, assets: Int32Array, amounts: Int64Array, file: int, lines: Int64Array
    ) -> None:
        """Clean rows: canonical account ids, column indices or a marker, base units, lines."""
        self.grouper.add(accounts, assets, amounts, file, lines)

    def reject(self, problem: Problem, file: int) -> None:
        """A record that cannot be used: its account is rejected as a whole.

        The account in `problem` is the text as it was read, undecodable bytes as lone surrogates.
        """
        self.log.add(
            replace(
                problem,
                account=escaped(problem.account),
                column=escaped(problem.column),
                value=escaped(problem.value),
            )
        )
        self.mark(REJECTED, account_key(problem.account), file, problem.line)

    def rule_broken(self, problem: Problem, file: int) -> None:
        """A well-formed account breaks a rule of its source: kept with a warning, or rejected on request."""
        if self.reject_rule_breakers:
            self.reject(problem, file)
        else:
            self.log.warn(problem)

    def mark(self, marker: int, account: str, file: int, line: int) -> None:
        """Note a marker of `prover.book.grouping` for one record; `flush` passes the notes on."""
        accounts, lines = self._pending.setdefault((marker, file), ([], []))
        accounts.append(account)
        lines.append(line)

    def flush(self) -> None:
        """Pass noted markers on; called after every chunk."""
        for (marker, file), (accounts, lines) in self._pending.items():
            self.grouper.mark(accounts, marker, file, lines)
        self._pending.clear()


def escaped(text: str) -> str:
    """`text` with lone surrogates, which cannot be written, as ``\\xNN`` (undecoded bytes) or ``\\uNNNN``."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        data = b"".join(_escaped_character(character) for character in text)
        return data.decode("utf-8", "backslashreplace")
    return text


def _escaped_character(character: str) -> bytes:
    if "\udc80" <= character <= "\udcff":
        return character.encode("utf-8", "surrogateescape")
    return character.encode("utf-8", "backslashreplace")


def account_key(account: str) -> str:
    """The id under which a rejected account is counted: its text, if that is an id.

    Other texts get a mark in front that no id can have, so that a garbled id never strikes the holder of
    an id that looks like it.
    """
    try:
        return canonical_account_id(account)
    except AccountIdError:
        return _UNUSABLE_MARK + escaped(account)


def ids_are_canonical(ids: pa.Array, *, plain: bool) -> bool:
    """Whether every id of the column is canonical; `plain` promises ASCII without controls and blanks."""
    if not len(ids):
        return True
    if ids.null_count:
        return False
    extremes = pc.min_max(pc.binary_length(ids)).as_py()
    if extremes["min"] < 1 or extremes["max"] > MAX_ACCOUNT_ID_BYTES:
        return False
    if plain:
        return True
    unusual = pc.invert(pc.match_substring_regex(ids, r"\A[!-~](?:[ -~]*[!-~])?\z"))
    try:
        for text in pc.unique(ids.filter(unusual)).to_pylist():
            canonical_account_id(text)
    except AccountIdError:
        return False
    return True


def id_fault(account: str, check: AccountCheck = canonical_account_id) -> tuple[str, str] | None:
    """Code and reason if `account` is no id."""
    if not account:
        return "empty-id", "the account id is empty"
    try:
        check(account)
    except AccountIdError as error:
        return "bad-id", f"the account id is not canonical: {error.reason}"
    return None
