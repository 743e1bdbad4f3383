"""Public totals: what all accounts together hold of every asset of a book (docs/protocol.md, Solvency)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from primitives.amounts_text import MAX_UNITS_TEXT, parse_units, plain_amount
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS, Asset
from primitives.attestation import SealedBook
from primitives.parameters import AMOUNT_LIMIT, HASH_BYTES
from primitives.strict_json import Json, JsonObject, canonical_json, parse_json

TOTALS_FORMAT: Final = "sealedbook/totals/v1"


def totals_bound(leaf_count: int) -> int:
    """The largest absolute value that the sum of `leaf_count` amounts can have, each below 2^63."""
    return leaf_count * (AMOUNT_LIMIT - 1)


def totals_document(book: SealedBook, totals: Sequence[int]) -> bytes:
    """The document: one total for each asset of the book, in its order; canonical JSON and a newline."""
    entries: list[Json] = [
        {"asset": asset.id, "total": plain_amount(total, asset.decimals)}
        for asset, total in zip(book.assets, totals, strict=True)
    ]
    document: Json = {"format": TOTALS_FORMAT, "book": book.digest().hex(), "totals": entries}
    return canonical_json(document) + b"\n"


def parse_totals(data: bytes, book: SealedBook) -> tuple[int, ...]:
    """The strict inverse of `totals_document` up to layout; `JsonError` names the field.

    Totals of every asset, in the order of the book, in base units; none beyond what the leaves can hold.
    """
    fields = JsonObject(parse_json(data))
    fields.constant("format", TOTALS_FORMAT)
    if fields.hex("book", HASH_BYTES) != book.digest():
        raise fields.fail("book", "is the digest of another book")
    entries = fields.array("totals", JsonObject, max_items=MAX_ASSETS)
    fields.finish()
    if len(entries) != len(book.assets):
        raise fields.fail("totals", f"has {len(entries)} entries, the book has {len(book.assets)} assets")
    bound = totals_bound(book.leaf_count)
    return tuple(_read_total(entry, asset, bound) for entry, asset in zip(entries, book.assets, strict=True))


def _read_total(fields: JsonObject, asset: Asset, bound: int) -> int:
    asset_id = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
    if asset_id != asset.id:
        raise fields.fail("asset", f"is {asset_id!r}, the book has {asset.id!r} in this place")
    text = fields.text("total", max_length=MAX_UNITS_TEXT)
    fields.finish()
    try:
        total = parse_units(text, asset.decimals)
    except ValueError as error:
        raise fields.fail("total", f"{text!r} {error}") from error
    if plain_amount(total, asset.decimals) != text:
        raise fields.fail("total", f"{text!r} has superfluous zeros")
    if abs(total) > bound:
        raise fields.fail("total", "is beyond what so many leaves can hold")
    return total
