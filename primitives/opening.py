"""The opening: what an account holder receives, privately, to check their own inclusion.

It holds the account id, all non-zero positions, the blinding rho and salt of the leaf, the leaf itself and
the path to the root, and the `book` object that the attestation carries. Whoever has it can read the
positions: it belongs to its holder alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from primitives.account_id import AccountIdError, canonical_account_id
from primitives.assets import Asset
from primitives.attestation import MAX_ASSETS, SealedBook, node_to_json, parse_node, read_asset
from primitives.parameters import (
    AMOUNT_LIMIT,
    GROUP_ORDER,
    MAX_TREE_HEIGHT,
    POINT_BYTES,
    SALT_BYTES,
    SCALAR_BYTES,
    TAG_BYTES,
)
from primitives.strict_json import Json, JsonObject, canonical_json, parse_json
from primitives.sum_tree import SumNode

OPENING_FORMAT: Final = "sealedbook/opening/v1"


@dataclass(frozen=True)
class Position:
    """`amount` base units of an asset, ``0 < |amount| < 2^63``."""

    asset: Asset
    amount: int


@dataclass(frozen=True)
class Opening:
    """One account's opening. Secret fields are kept out of the repr."""

    book: SealedBook
    account: str = field(repr=False)
    positions: tuple[Position, ...] = field(repr=False)
    blinding: int = field(repr=False)
    salt: bytes = field(repr=False)
    leaf_index: int
    tag: bytes
    commitment: bytes
    path: tuple[SumNode, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """The file: canonical JSON and a final newline."""
        document: Json = {
            "format": OPENING_FORMAT,
            "book": self.book.to_json(),
            "account": self.account,
            "positions": [
                {"asset": p.asset.id, "decimals": p.asset.decimals, "amount": str(p.amount)}
                for p in self.positions
            ],
            "blinding": self.blinding.to_bytes(SCALAR_BYTES, "big").hex(),
            "salt": self.salt.hex(),
            "leaf": {"index": self.leaf_index, "tag": self.tag.hex(), "commitment": self.commitment.hex()},
            "path": [node_to_json(node) for node in self.path],
        }
        return canonical_json(document) + b"\n"

    @staticmethod
    def parse(data: bytes) -> Opening:
        """Read an opening strictly; layout and white space are free. `JsonError` names the field.

        Ranges, order and canonical form of every field are checked here; what they mean is checked by
        `verifier.opening`.
        """
        fields = JsonObject(parse_json(data))
        fields.constant("format", OPENING_FORMAT)
        book = SealedBook.parse(fields.raw("book"), fields.path("book"))
        account = fields.text("account", max_length=256)
        try:
            canonical_account_id(account)
        except AccountIdError as error:
            raise fields.fail("account", str(error)) from error
        positions = fields.array("positions", _parse_position, max_items=MAX_ASSETS)
        blinding = int.from_bytes(fields.hex("blinding", SCALAR_BYTES), "big")
        if blinding >= GROUP_ORDER:
            raise fields.fail("blinding", "is not below the group order")
        salt = fields.hex("salt", SALT_BYTES)
        leaf = fields.object("leaf")
        index = leaf.integer("index", minimum=0, maximum=(1 << MAX_TREE_HEIGHT) - 1)
        tag = leaf.hex("tag", TAG_BYTES)
        commitment = leaf.hex("commitment", POINT_BYTES)
        leaf.finish()
        path = fields.array("path", parse_node, max_items=MAX_TREE_HEIGHT)
        fields.finish()
        return Opening(
            book, account, tuple(positions), blinding, salt, index, tag, commitment, tuple(path)
        )  # fmt: skip


def _parse_position(value: Json, path: str) -> Position:
    fields = JsonObject(value, path)
    asset = read_asset(fields, "asset")
    amount = fields.decimal_integer("amount", minimum=-AMOUNT_LIMIT + 1, maximum=AMOUNT_LIMIT - 1)
    if amount == 0:
        raise fields.fail("amount", "is zero; only non-zero positions are listed")
    fields.finish()
    return Position(asset, amount)
