"""The reserves of the demonstration: made up, a little above what the book owes, some addresses signed.

Perpetuals, their costs and options have reserves of zero. For every long there is a short, so their totals are
zero, and a proof that zero covers them is a proof that no more of them is owed than is due. Without it an
account with made-up contracts could outweigh a made-up debt in coins, and hide coins that are owed to others.

The keys of the addresses come from the seed: whoever knows the seed has them. They control nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from primitives.address_signature import EIP_191
from primitives.amounts_text import plain_amount
from primitives.reserves import RESERVES_FORMAT
from primitives.strict_json import Json, canonical_json
from sealedbook.demo.book import DemoBook
from sealedbook.demo.market import Kind
from sealedbook.demo.scene import MOMENT

_LEAST_ABOVE: Final = 0.005
_MOST_ABOVE: Final = 0.03
_DIGITS: Final = 4
"""Reserves are rounded up to so many significant digits."""
_CHAIN: Final = "ethereum"


@dataclass(frozen=True)
class _Address:
    """A part in a hundred of an asset's reserves, at an address whose key signs or does not."""

    percent: int
    signs: bool


_ADDRESSES: Final = {
    "ETH": (_Address(60, signs=True), _Address(25, signs=True)),
    "USDT": (_Address(80, signs=True),),
    "USDC": (_Address(100, signs=False),),
}


def can_sign() -> bool:
    """Whether the library for addresses, eth-account, is installed."""
    try:
        import eth_account  # noqa: F401
    except ImportError:
        return False
    return True


def make_reserves(book: DemoBook, seed: int, issuer: str, book_digest: bytes) -> bytes:
    """``reserves.json`` for `book`, sealed with this digest; signatures only where `can_sign`."""
    draw = random.Random(f"sealedbook demo reserves {seed}")
    message = f"{issuer} controls this address. sealedbook book {book_digest.hex()}"
    assets: list[Json] = []
    totals = book.totals()
    with_reserves = book.market.columns(Kind.SPOT, Kind.STABLE)
    for column, asset in enumerate(book.assets):
        above = 1 + draw.uniform(_LEAST_ABOVE, _MOST_ABOVE)
        held = _rounded_up(int(max(0, totals[column]) * above)) if column in with_reserves else 0
        entry: dict[str, Json] = {"asset": asset.id, "total": plain_amount(held, asset.decimals)}
        plans = _ADDRESSES.get(asset.id, ())
        if held and plans:
            balances = [held * plan.percent // 100 for plan in plans]
            entry["addresses"] = [
                {**address, "balance": plain_amount(balance, asset.decimals)}
                for address, balance in zip(_addresses(draw, plans, message), balances, strict=True)
            ]
            entry["unlisted"] = plain_amount(held - sum(balances), asset.decimals)
        assets.append(entry)
    return canonical_json({"format": RESERVES_FORMAT, "as_of": MOMENT, "assets": assets}) + b"\n"


def _rounded_up(amount: int) -> int:
    unit = int(10 ** max(0, len(str(amount)) - _DIGITS))
    return -(-amount // unit) * unit


def _addresses(draw: random.Random, plans: tuple[_Address, ...], message: str) -> Iterator[dict[str, Json]]:
    for plan in plans:
        key = draw.randbytes(32)
        if plan.signs and can_sign():
            yield {"chain": _CHAIN, **_signed(key, message)}
        else:
            yield {"chain": _CHAIN, "address": "0x" + key[:20].hex()}


def _signed(key: bytes, message: str) -> dict[str, Json]:
    """The key's address, and its signature of `message` as wallets make it (EIP-191)."""
    from eth_account import Account
    from eth_account.messages import encode_defunct

    signature = Account.sign_message(encode_defunct(text=message), private_key=key).signature
    return {
        "address": str(Account.from_key(key).address),
        "scheme": EIP_191,
        "message": message,
        "signature": "0x" + bytes(signature).hex(),
    }
