"""The asset list: what a book counts, and in which units.

An amount of an asset is an integer number of base units, ``10^-decimals`` of one whole unit. The
position of an asset in the list is its column in every book, commitment and statement, so the order is
part of the meaning.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from primitives.errors import SealedbookError
from primitives.strict_json import Json, JsonObject, parse_json

ASSETS_FORMAT = "sealedbook/assets/v1"
MAX_ASSETS = 65_536
MAX_ASSET_ID_BYTES = 64
MAX_DECIMALS = 18


class AssetListError(SealedbookError):
    """An asset, or a list of them, breaks a rule; `position` is the asset's place in the list (0-based)."""

    def __init__(self, reason: str, *, position: int | None = None) -> None:
        self.reason = reason
        self.position = position
        super().__init__(reason if position is None else f"asset {position}: {reason}")


def _id_fault(asset_id: object) -> str | None:
    """Why `asset_id` is not an asset id, or None."""
    if not isinstance(asset_id, str):
        return "id is not text"
    if not asset_id:
        return "id is empty"
    if not asset_id.isprintable():
        return "id has a character that cannot be printed"
    if asset_id != asset_id.strip():
        return "id has white space at an end"
    if len(asset_id.encode("utf-8")) > MAX_ASSET_ID_BYTES:
        return f"id is longer than {MAX_ASSET_ID_BYTES} bytes in UTF-8"
    if not unicodedata.is_normalized("NFC", asset_id):
        return "id is not in Unicode Normalization Form C"
    return None


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset: `id` is 1 to 64 UTF-8 bytes, NFC, printable, untrimmed; `decimals` is 0 to 18.

    Raises `AssetListError` where a rule is broken.
    """

    id: str
    decimals: int

    def __post_init__(self) -> None:
        fault = _id_fault(self.id)
        if fault is not None:
            raise AssetListError(fault)
        # bool is an int to Python, and not a number of decimals to anybody
        if type(self.decimals) is not int or not 0 <= self.decimals <= MAX_DECIMALS:
            raise AssetListError(f"decimals is not an integer from 0 to {MAX_DECIMALS}")


def validate_assets(assets: Sequence[Asset]) -> None:
    """`AssetListError` unless `assets` are 1 to 65,536 assets with distinct ids."""
    if not 1 <= len(assets) <= MAX_ASSETS:
        raise AssetListError(f"{len(assets)} assets, 1 to {MAX_ASSETS} are allowed")
    first_with: dict[str, int] = {}
    for position, asset in enumerate(assets):
        first = first_with.setdefault(asset.id, position)
        if first != position:
            raise AssetListError(f"id {asset.id!r} is already asset {first}", position=position)


@dataclass(frozen=True)
class AssetList:
    """1 to 65,536 assets with distinct ids, in the order of their columns.

    Raises `AssetListError` on an empty or too long list and on a repeated id.
    """

    assets: tuple[Asset, ...]
    _index_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        validate_assets(self.assets)
        index_of = {asset.id: position for position, asset in enumerate(self.assets)}
        object.__setattr__(self, "_index_of", index_of)

    def __len__(self) -> int:
        return len(self.assets)

    def __iter__(self) -> Iterator[Asset]:
        return iter(self.assets)

    def __getitem__(self, index: int) -> Asset:
        return self.assets[index]

    def __contains__(self, asset_id: object) -> bool:
        return asset_id in self._index_of

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(asset.id for asset in self.assets)

    def index(self, asset_id: str) -> int:
        """The column of `asset_id`; `AssetListError` if it is not in the list."""
        try:
            return self._index_of[asset_id]
        except KeyError:
            raise AssetListError(f"no asset {asset_id!r} in the list") from None

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, int]]) -> AssetList:
        """From ``(id, decimals)`` pairs; errors name the pair's position."""
        assets = []
        for position, (asset_id, decimals) in enumerate(pairs):
            if position >= MAX_ASSETS:
                raise AssetListError(f"more than {MAX_ASSETS} assets")
            try:
                assets.append(Asset(asset_id, decimals))
            except AssetListError as error:
                raise AssetListError(error.reason, position=position) from None
        return cls(tuple(assets))

    def to_json(self) -> list[Json]:
        """``[{"id": ..., "decimals": ...}, ...]``, as it stands in documents."""
        return [{"id": asset.id, "decimals": asset.decimals} for asset in self.assets]

    @classmethod
    def parse(cls, value: Json, path: str) -> AssetList:
        """Strict inverse of `to_json`; `JsonError` names the field at fault."""
        entries = JsonObject({"assets": value}, path)
        assets = entries.array("assets", _parse_asset, max_items=MAX_ASSETS)
        try:
            return cls(tuple(assets))
        except AssetListError as error:
            raise entries.fail("assets", str(error)) from error


def _parse_asset(value: Json, path: str) -> Asset:
    fields = JsonObject(value, path)
    asset_id = fields.text("id")
    decimals = fields.integer("decimals", minimum=0, maximum=MAX_DECIMALS)
    fields.finish()
    try:
        return Asset(asset_id, decimals)
    except AssetListError as error:
        raise fields.fail("id", str(error)) from error


def parse_assets_json(data: bytes) -> AssetList:
    """The asset list in a JSON document of format ``sealedbook/assets/v1``.

    ``{"format": "sealedbook/assets/v1", "assets": [{"id": "BTC", "decimals": 8}, ...]}`` with no
    other members. Raises `JsonError` naming the field.
    """
    fields = JsonObject(parse_json(data))
    fields.constant("format", ASSETS_FORMAT)
    assets = AssetList.parse(fields.raw("assets"), "$")
    fields.finish()
    return assets
