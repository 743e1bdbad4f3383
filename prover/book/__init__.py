"""Reading an exchange's book: exports in, a verified book folder out. No cryptography here.

`import_book` makes a book from the exports of a source format (`IMPORTERS`); `Book` reads it. The formats
are described in docs/book-format.md.
"""

from prover.book.assets import load_assets
from prover.book.errors import (
    BookError,
    BookExistsError,
    BookFormatError,
    BookWriteError,
    ImportFailedError,
    ImportOptionsError,
)
from prover.book.importers import IMPORTERS
from prover.book.intake import ReadOptions
from prover.book.pipeline import import_book
from prover.book.report import CsvProblemFile, ImportReport, Problem, RejectSink
from prover.book.store import AccountBatch, Book

__all__ = [
    "IMPORTERS",
    "AccountBatch",
    "Book",
    "BookError",
    "BookExistsError",
    "BookFormatError",
    "BookWriteError",
    "CsvProblemFile",
    "ImportFailedError",
    "ImportOptionsError",
    "ImportReport",
    "Problem",
    "ReadOptions",
    "RejectSink",
    "import_book",
    "load_assets",
]
