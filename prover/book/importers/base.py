"""What every importer is: a source format that turns input files into records of an `Intake`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from primitives.assets import AssetList
from primitives.strict_json import Json
from prover.book.errors import ImportOptionsError
from prover.book.intake import Intake, ReadOptions


@dataclass(frozen=True)
class ImportRequest:
    """What the operator asked for: readable `inputs`, and whatever the source format may need."""

    inputs: tuple[Path, ...]
    assets: AssetList | None
    prices: Path | None
    options: ReadOptions

    def required_assets(self, source: str) -> AssetList:
        """The asset list, or `ImportOptionsError` if none was given."""
        if self.assets is None:
            raise ImportOptionsError(
                f"source {source} needs an asset list: which assets there are, and how many decimals each has"
            )
        return self.assets

    def refuse_prices(self, source: str) -> None:
        """`ImportOptionsError` if a price file was given to a source that has no use for it."""
        if self.prices is not None:
            raise ImportOptionsError(f"source {source} takes no price file")


def _no_documents() -> Mapping[str, bytes]:
    return {}


def _no_description() -> Mapping[str, Json]:
    return {}


@dataclass(frozen=True)
class PreparedSource:
    """A source whose assets are known.

    `read` takes one input file. The others are called after all files: `documents` gives the public
    documents to attach, `description` what ``book.json`` says about the source besides its files.
    """

    assets: AssetList
    read: Callable[[Path, Intake], None]
    documents: Callable[[], Mapping[str, bytes]] = _no_documents
    description: Callable[[], Mapping[str, Json]] = _no_description


@dataclass(frozen=True)
class Importer:
    """One source format. `prepare` raises `ImportOptionsError` or, for a file at fault, `InputFaultError`."""

    name: str
    summary: str
    prepare: Callable[[ImportRequest], PreparedSource]
