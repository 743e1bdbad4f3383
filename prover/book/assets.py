"""Reading an asset list from a file: JSON (``sealedbook/assets/v1``) or CSV (``id,decimals``)."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from primitives.assets import AssetList, AssetListError, parse_assets_json
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from prover.book.errors import ImportOptionsError

_DECIMALS = re.compile(r"0|[1-9][0-9]?")


def load_assets(path: Path) -> AssetList:
    """The asset list in the file; CSV if its name ends in ``.csv``, JSON otherwise.

    Raises `ImportOptionsError` naming the file and, where it applies, the entry at fault.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        raise ImportOptionsError(f"asset list {path}: {error.strerror}") from error
    try:
        return parse_assets_csv(data) if path.suffix == ".csv" else parse_assets_json(data)
    except (AssetListError, JsonError) as error:
        raise ImportOptionsError(f"asset list {path}: {error}") from error


def parse_assets_csv(data: bytes) -> AssetList:
    """The asset list in CSV with the header ``id,decimals``; `AssetListError` with the reason."""
    if len(data) > MAX_JSON_BYTES:
        raise AssetListError(f"longer than {MAX_JSON_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines(), strict=True))
    except UnicodeDecodeError as error:
        raise AssetListError(f"not UTF-8 at byte {error.start}") from None
    except csv.Error as error:
        raise AssetListError(f"not CSV: {error}") from None
    if not rows or rows[0] != ["id", "decimals"]:
        raise AssetListError("the first line is not the header id,decimals")
    pairs: list[tuple[str, int]] = []
    for position, row in enumerate(rows[1:]):
        if len(row) != 2:
            raise AssetListError(f"{len(row)} fields instead of id,decimals", position=position)
        if not _DECIMALS.fullmatch(row[1]):
            raise AssetListError(f"decimals {row[1][:20]!r} is not a number from 0 to 18", position=position)
        pairs.append((row[0], int(row[1])))
    return AssetList.of(pairs)
