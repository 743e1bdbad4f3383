"""The generic tables: long (account, asset, amount) and wide (account, one column per asset)."""

from __future__ import annotations

from pathlib import Path

from prover.book.importers.base import Importer, ImportRequest, PreparedSource
from prover.book.intake import Intake
from prover.book.read_long import read_long


def _prepare_long(request: ImportRequest) -> PreparedSource:
    request.refuse_prices("generic-long")

    def read(path: Path, intake: Intake) -> None:
        read_long(path, intake, request.options)

    return PreparedSource(request.required_assets("generic-long"), read)


GENERIC_LONG = Importer("generic-long", "CSV or Parquet, one row per account and asset", _prepare_long)
