"""Reserves: what an issuer says it holds of each asset, and at which addresses (docs/protocol.md, Solvency).

The document is public and free in its layout; every proof of a solvency claim is bound to its bytes. What it
says of chains is the issuer's word: no chain data is read here. A signature by the key of an address shows
who controls it, and counts for one book if the message that was signed contains that book's digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from primitives.amounts_text import MAX_UNITS_TEXT, parse_units
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS, Asset
from primitives.attestation import parse_time
from primitives.strict_json import MAX_SAFE_INTEGER, Json, JsonError, JsonObject, parse_json

RESERVES_FORMAT: Final = "sealedbook/reserves/v1"
RESERVES_LIMIT: Final = 1 << 96
"""Reserves of one asset are below this many base units; totals are below 2^32 leaves times 2^63."""
MAX_ADDRESSES: Final = 1 << 16
"""In one document, over all assets: verifying a signature takes milliseconds."""
MAX_MESSAGE_LENGTH: Final = 4096
_MAX_CHAIN_LENGTH: Final = 64
_MAX_ADDRESS_LENGTH: Final = 256
_MAX_SCHEME_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class AddressSignature:
    """A message and its signature under the key of an address, by the scheme of this name."""

    scheme: str
    message: str
    signature: str

    def names_book(self, book_digest: bytes) -> bool:
        """Whether the message contains the book digest, 64 lower-case hexadecimal digits."""
        return book_digest.hex() in self.message


@dataclass(frozen=True, slots=True)
class ReserveAddress:
    """One address: chain and address as text, its balance in base units, at a block if one is named."""

    chain: str
    address: str
    balance: int
    block_height: int | None
    signature: AddressSignature | None

    @property
    def key(self) -> tuple[str, str]:
        """What tells addresses apart. Case is ignored: several chains write one address in two cases."""
        return self.chain.casefold(), self.address.casefold()


@dataclass(frozen=True, slots=True)
class AssetReserves:
    """Reserves of one asset: `total` base units, of which `unlisted` are at no address that is listed."""

    asset: Asset
    total: int
    unlisted: int
    addresses: tuple[ReserveAddress, ...]


@dataclass(frozen=True, slots=True)
class Reserves:
    """The whole document. Assets are in its order, none twice."""

    as_of: datetime
    assets: tuple[AssetReserves, ...]

    def addresses(self) -> Iterator[ReserveAddress]:
        """Every address of every asset."""
        for entry in self.assets:
            yield from entry.addresses

    @staticmethod
    def parse(data: bytes, book_assets: Sequence[Asset]) -> Reserves:
        """Read the document strictly, for a book with these assets; `JsonError` names the field.

        Amounts are exact in the book's decimals, not negative, below 2^96 base units; where addresses are
        listed, their balances and what is unlisted add up to the total; an address is listed once per asset.
        """
        fields = JsonObject(parse_json(data))
        fields.constant("format", RESERVES_FORMAT)
        as_of = parse_time(fields.text("as_of"), fields.path("as_of"))
        known = {asset.id: asset for asset in book_assets}
        entries = fields.array(
            "assets", lambda value, path: _parse_asset(value, path, known), max_items=MAX_ASSETS
        )
        fields.finish()
        if not entries:
            raise fields.fail("assets", "is empty")
        seen: set[str] = set()
        for entry in entries:
            if entry.asset.id in seen:
                raise fields.fail("assets", f"asset {entry.asset.id!r} appears twice")
            seen.add(entry.asset.id)
        if sum(len(entry.addresses) for entry in entries) > MAX_ADDRESSES:
            raise fields.fail("assets", f"more than {MAX_ADDRESSES} addresses")
        return Reserves(as_of, tuple(entries))


def _parse_asset(value: Json, path: str, known: Mapping[str, Asset]) -> AssetReserves:
    fields = JsonObject(value, path)
    asset_id = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
    if asset_id not in known:
        raise fields.fail("asset", f"{asset_id!r} is not an asset of the book")
    asset = known[asset_id]
    total = _amount(fields, "total", asset)
    unlisted = _amount(fields, "unlisted", asset) if fields.has("unlisted") else None
    addresses = (
        fields.array(
            "addresses", lambda item, place: _parse_address(item, place, asset), max_items=MAX_ADDRESSES
        )
        if fields.has("addresses")
        else []
    )
    fields.finish()
    if unlisted is None:
        unlisted = 0 if addresses else total
    if sum(address.balance for address in addresses) + unlisted != total:
        raise fields.fail("total", "is not the sum of the balances listed and of what is unlisted")
    _check_distinct(fields, addresses)
    return AssetReserves(asset, total, unlisted, tuple(addresses))


def _check_distinct(fields: JsonObject, addresses: Sequence[ReserveAddress]) -> None:
    seen: set[tuple[str, str]] = set()
    for address in addresses:
        if address.key in seen:
            raise fields.fail("addresses", f"{address.chain} address {address.address} appears twice")
        seen.add(address.key)


def _parse_address(value: Json, path: str, asset: Asset) -> ReserveAddress:
    fields = JsonObject(value, path)
    chain = _printable(fields, "chain", _MAX_CHAIN_LENGTH)
    address = _printable(fields, "address", _MAX_ADDRESS_LENGTH)
    balance = _amount(fields, "balance", asset)
    height = (
        fields.integer("block_height", minimum=0, maximum=MAX_SAFE_INTEGER)
        if fields.has("block_height")
        else None
    )
    signature = _parse_signature(fields)
    fields.finish()
    return ReserveAddress(chain, address, balance, height, signature)


def _parse_signature(fields: JsonObject) -> AddressSignature | None:
    """``scheme``, ``message`` and ``signature``: all three or none."""
    if not any(fields.has(name) for name in ("scheme", "message", "signature")):
        return None
    return AddressSignature(
        scheme=_printable(fields, "scheme", _MAX_SCHEME_LENGTH),
        message=fields.text("message", max_length=MAX_MESSAGE_LENGTH),
        signature=fields.text("signature", max_length=MAX_MESSAGE_LENGTH),
    )


def _printable(fields: JsonObject, name: str, max_length: int) -> str:
    text = fields.text(name, max_length=max_length)
    if not text.isprintable() or text != text.strip():
        raise fields.fail(name, "has control characters or surrounding blanks")
    return text


def _amount(fields: JsonObject, name: str, asset: Asset) -> int:
    text = fields.text(name, max_length=MAX_UNITS_TEXT)
    try:
        units = parse_units(text, asset.decimals)
    except ValueError as error:
        raise fields.fail(name, f"{text!r} {error}") from error
    if not 0 <= units < RESERVES_LIMIT:
        raise JsonError(fields.path(name), "is negative, or not below 2^96 base units")
    return units
