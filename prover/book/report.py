"""What an import found: problems with place and reason, counts, and the file of rejected records."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TextIO

from primitives.strict_json import Json
from prover.book.errors import BookWriteError

LISTED_PROBLEMS: Final = 20
SHOWN_VALUE: Final = 60
SHOWN_ACCOUNT: Final = 80

ADVICE: Final[Mapping[str, str]] = {
    # about a whole file: no book can be made while they last
    "missing-file": "check the path",
    "not-a-file": "give a file, not a folder",
    "unreadable-file": "check the permissions of the file and the disk under it",
    "empty-file": "export the file again",
    "utf-16": "convert the file to UTF-8, for example with iconv -f UTF-16 -t UTF-8",
    "not-text": "decompress the file if it is Parquet inside gzip, or export it as text",
    "unsupported-compression": "decompress the file first; only gzip is read directly",
    "damaged-gzip": "transfer or export the file again",
    "truncated-parquet": "transfer or export the file again",
    "damaged-parquet": "transfer or export the file again",
    "inexact-column": "export the column as decimal or text: floating point numbers are not exact",
    "unsupported-column": "export the column as text, integer or decimal",
    "missing-header": "name the columns of the file in the import options, or export it with them",
    "duplicate-header": "export the file again with every column once",
    "unexpected-header": "check that the file has the source format that was named",
    "unknown-column": "add the asset to the asset list, or name the column among those to ignore",
    "bad-quoting": "export the file again with quotation marks doubled inside quoted fields",
    "record-too-long": "check the quotation marks of the record",
    "changed-file": "import from a copy that nobody writes to",
    "no-accounts": "check that the right file was given",
    "malformed-json": "export the file again",
    "inconsistent-decimals": "round prices and balances so that the two numbers of decimals add up alike",
    "missing-price": "add the asset to the price file",
    "malformed-price": "correct the price file",
    "malformed-tiers": "correct the price file",
    "unattributable-row": "export the file again: nobody can tell which account this row belongs to",
    # about one record: the account can be left out and reported
    "bad-encoding": "export the file in UTF-8",
    "wrong-column-count": "export the record again; a text with the delimiter inside must be quoted",
    "empty-id": "give the record its account id",
    "bad-id": "correct the id where it is kept, so that its holder knows the same text",
    "unknown-asset": "add the asset to the asset list, or correct the record",
    "empty-amount": "write 0 where nothing is held",
    "malformed-amount": "write a plain decimal number such as -1234.5",
    "too-many-decimals": "raise the decimals of the asset in the asset list, or correct the record",
    "out-of-range": "lower the decimals of the asset, or correct the record",
    "negative-amount": "correct the record: this column cannot be negative",
    "duplicate-row": "leave one row for every account and asset",
    # records of a rejected account that have no fault of their own
    "account-rejected": "correct the other record of this account",
    # rules of the source about a well-formed account
    "collateral-exceeds-equity": "look into the account: more is pledged than it holds",
    "debt-exceeds-collateral": "look into the account: its collateral does not cover its debt",
    "negative-equity": "look into the account: it owes more than it holds",
}
"""What to do about each problem, by its stable code."""


def printable(text: str, limit: int) -> str:
    """`text` shortened to `limit` characters, with what cannot be printed escaped."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in the input.

    `line` counts from 1: the line in text (the first one of a record), the row in Parquet, the account's
    number in JSON; 0 where the file as a whole is meant. `account`, `column` (asset or column name) and
    `value` are empty where they do not apply.
    """

    code: str
    file: str
    reason: str
    line: int = 0
    account: str = ""
    column: str = ""
    value: str = ""

    def describe(self) -> str:
        """One line for people: where, whose, what, why, and what to do."""
        where = f"{self.file}, line {self.line}" if self.line else self.file
        parts = []
        if self.account:
            parts.append(f"account {printable(self.account, SHOWN_ACCOUNT)}")
        if self.column:
            parts.append(printable(self.column, SHOWN_VALUE))
        if self.value:
            parts.append(f"value '{printable(self.value, SHOWN_VALUE)}'")
        subject = f" {', '.join(parts)}:" if parts else ""
        return f"{where}:{subject} {self.reason} [{self.code}]; {ADVICE[self.code]}"

    def to_json(self) -> dict[str, Json]:
        """The fields, texts shortened as in `describe`."""
        return {
            "code": self.code,
            "file": self.file,
            "line": self.line,
            "account": printable(self.account, SHOWN_ACCOUNT),
            "column": printable(self.column, SHOWN_VALUE),
            "value": printable(self.value, SHOWN_VALUE),
            "reason": self.reason,
            "advice": ADVICE[self.code],
        }


class RejectSink(Protocol):
    """Receives every record that is left out of the book."""

    def write(self, problem: Problem) -> None:
        """Take one record."""
        ...

    def finish(self) -> None:
        """The book is in place: make what was written durable and visible."""
        ...

    def discard(self) -> None:
        """The import failed: leave nothing behind."""
        ...


_COLUMNS: Final = ("file", "line", "account", "asset", "value", "code", "reason")


class CsvProblemFile:
    """A `RejectSink` that writes a CSV file (file,line,account,asset,value,code,reason), mode 0600.

    It is written beside its place and renamed there by `finish`, so an older file stays until then.
    Raises `BookWriteError` where the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._partial = path.with_name(f".{path.name}.partial")
        try:
            self._partial.unlink(missing_ok=True)
            handle = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise BookWriteError(f"cannot write {path}: {error.strerror}") from error
        self._file: TextIO = os.fdopen(handle, "w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(_COLUMNS)

    def write(self, problem: Problem) -> None:
        """Append one record."""
        self.count += 1
        place = (problem.file, problem.line, problem.account, problem.column)
        self._writer.writerow((*place, problem.value, problem.code, problem.reason))

    def finish(self) -> None:
        """Flush to the disk and rename into place."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self.path)

    def discard(self) -> None:
        """Remove what was written."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


class ProblemLog:
    """Counts problems by code, keeps the first few, and passes rejected records on to the sink."""

    def __init__(self, *, listed: int = LISTED_PROBLEMS, sink: RejectSink | None = None) -> None:
        self._listed = listed
        self._sink = sink
        self.counts: Counter[str] = Counter()
        self.first: list[Problem] = []
        self.warning_counts: Counter[str] = Counter()
        self.first_warnings: list[Problem] = []
        self.warning_file: CsvProblemFile | None = None
        self.rule_breakers = 0
        self._fatal_problems = 0

    @property
    def fatal(self) -> bool:
        """Whether a fault of a whole file was found."""
        return self._fatal_problems > 0

    @property
    def rejects(self) -> bool:
        """Whether faulty accounts are left out (else any fault fails the import)."""
        return self._sink is not None

    @property
    def failed(self) -> bool:
        """Whether no book may be written."""
        return self.fatal or (bool(self.counts) and not self.rejects)

    def add(self, problem: Problem) -> None:
        """A fault of one record."""
        self.counts[problem.code] += 1
        if len(self.first) < self._listed:
            self.first.append(problem)
        if self._sink is not None:
            self._sink.write(problem)

    def add_fatal(self, problem: Problem) -> None:
        """A fault that makes a book impossible, whatever is left out."""
        self.counts[problem.code] += 1
        # such faults come first in the list: the rest may follow from them
        self.first.insert(self._fatal_problems, problem)
        self._fatal_problems += 1
        del self.first[self._listed :]

    def left_out(self, problem: Problem) -> None:
        """A faultless record of a rejected account."""
        if self._sink is not None:
            self._sink.write(problem)

    def warn(self, problem: Problem) -> None:
        """A rule of the source that a well-formed account breaks; the account stays in the book."""
        self.warning_counts[problem.code] += 1
        if len(self.first_warnings) < self._listed:
            self.first_warnings.append(problem)
        if self.warning_file is not None:
            self.warning_file.write(problem)


@dataclass(frozen=True)
class ImportReport:
    """The outcome of an import. Names accounts: it is private.

    `accounts_seen == accounts_accepted + accounts_rejected`; `rule_breakers` of them break a rule of the
    source. `problems` and `warnings` count by code,
    `first_problems` and `first_warnings` hold the first of them.
    """

    source: str
    files: tuple[str, ...]
    out: str
    rows: int
    accounts_seen: int
    accounts_accepted: int
    accounts_rejected: int
    positions: int
    rule_breakers: int = 0
    problems: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    first_problems: tuple[Problem, ...] = ()
    first_warnings: tuple[Problem, ...] = ()
    written: bool = False

    def summary_lines(self) -> list[str]:
        """The report in plain words, one sentence per line."""
        if self.written:
            lines = [
                f"Book {self.out}: {self.accounts_accepted:,} accounts with {self.positions:,} positions, "
                f"from {self.rows:,} records of {len(self.files)} file(s)."
            ]
        else:
            lines = [f"No book was written: {sum(self.problems.values()):,} problem(s) in the input."]
        if self.accounts_rejected and self.written:
            lines.append(
                f"Rejected: {self.accounts_rejected:,} of {self.accounts_seen:,} accounts seen; "
                "they are left out of the book and listed in the reject file."
            )
        lines += _listing("problem", self.problems, self.first_problems)
        if self.warnings:
            lines.append(
                f"{self.rule_breakers:,} account(s) break a rule of the source. They stay in the book, since "
                "what is owed to them is owed all the same, and are listed in its reports:"
            )
        lines += _listing("warning", self.warnings, self.first_warnings)
        return lines

    def to_json(self) -> dict[str, Json]:
        """The report as JSON."""
        return {
            "source": self.source,
            "files": list(self.files),
            "out": self.out,
            "written": self.written,
            "rows": self.rows,
            "accounts": {
                "seen": self.accounts_seen,
                "accepted": self.accounts_accepted,
                "rejected": self.accounts_rejected,
                "rule_breakers": self.rule_breakers,
            },
            "positions": self.positions,
            "problems": dict(sorted(self.problems.items())),
            "warnings": dict(sorted(self.warnings.items())),
            "first_problems": [problem.to_json() for problem in self.first_problems],
            "first_warnings": [problem.to_json() for problem in self.first_warnings],
        }


def _listing(word: str, counts: Mapping[str, int], first: tuple[Problem, ...]) -> list[str]:
    lines = [f"  {problem.describe()}" for problem in first]
    total = sum(counts.values())
    if total > len(first):
        lines.append(f"  … and {total - len(first):,} more.")
    lines += [f"{count:,} {word}(s) of kind {code}" for code, count in sorted(counts.items())]
    return lines
