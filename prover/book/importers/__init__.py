"""The source formats, by the name the command line knows them under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prover.book.importers.base import Importer, ImportRequest, PreparedSource
from prover.book.importers.generic import GENERIC_LONG

IMPORTERS: Final[Mapping[str, Importer]] = {importer.name: importer for importer in (GENERIC_LONG,)}

__all__ = ["IMPORTERS", "ImportRequest", "Importer", "PreparedSource"]
