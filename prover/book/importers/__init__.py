"""The source formats, by the name the command line knows them under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prover.book.importers.base import Importer, ImportRequest, PreparedSource
from prover.book.importers.binance import BINANCE
from prover.book.importers.generic import GENERIC_LONG, GENERIC_WIDE
from prover.book.importers.ottersec import OTTERSEC
from prover.book.importers.plain_csv import BITMEX, DAPOL, SUMMA

IMPORTERS: Final[Mapping[str, Importer]] = {
    importer.name: importer
    for importer in (GENERIC_LONG, GENERIC_WIDE, BINANCE, OTTERSEC, SUMMA, BITMEX, DAPOL)
}

__all__ = ["IMPORTERS", "ImportRequest", "Importer", "PreparedSource"]
