"""Errors of reading and storing a book.

Messages of import errors name accounts and values: they are for the operator, who owns the book, and
belong in no public log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives.errors import UnwritableError
from prover.errors import ProverError

if TYPE_CHECKING:
    from prover.book.report import ImportReport


class BookError(ProverError):
    """Base of everything that can go wrong between an export and a book folder."""


class BookFormatError(BookError):
    """A folder is not a book, or its contents are not what ``book.json`` says."""


class BookExistsError(BookError):
    """The output path is taken; nothing was changed."""


class BookWriteError(BookError, UnwritableError):
    """The book could not be written (disk full, no permission); what was there before is untouched."""


class ImportOptionsError(BookError):
    """The request itself makes no sense: unknown source format, missing asset list, no input."""


class ImportFailedError(BookError):
    """The input has faults, so no book was written; `report` lists the first and counts all of them."""

    def __init__(self, report: ImportReport) -> None:
        self.report = report
        super().__init__("\n".join(report.summary_lines()))
