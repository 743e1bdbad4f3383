"""The canonical form of a statement in bytes, as docs/statements.md specifies it.

All integers are big-endian. Labels are left out, because they do not change what is proved; asset ids
and decimals are in. `decode_parts` is the strict inverse of `encode_parts`: it accepts one byte string
for one list of parts. It serves test vectors and tools; a verifier compiles the statement anew from
model and market and never parses it from the data being checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from circuits.rows import Auxiliary, Row
from primitives.assets import Asset, AssetListError
from primitives.errors import DecodingError

STATEMENT_LABEL: Final = b"sealedbook/v1/statement\x00"
STATEMENT_DIGEST_LABEL: Final = b"sealedbook/v1/statement-digest\x00"

_COUNT_BYTES: Final = 4
_MAX_MAGNITUDE_BYTES: Final = 32
_Item = TypeVar("_Item")


def encode_parts(assets: Sequence[Asset], rows: Sequence[Row], auxiliaries: Sequence[Auxiliary]) -> bytes:
    """``label || assets || auxiliary variables || rows``, each list behind its count."""
    parts = [STATEMENT_LABEL, _count(len(assets))]
    for asset in assets:
        identifier = asset.id.encode("utf-8")
        parts += [len(identifier).to_bytes(2, "big"), identifier, asset.decimals.to_bytes(1, "big")]
    parts.append(_count(len(auxiliaries)))
    parts += [auxiliary.width.to_bytes(1, "big") for auxiliary in auxiliaries]
    parts.append(_count(len(rows)))
    for row in rows:
        parts += [row.width.to_bytes(1, "big"), _integer(row.constant)]
        parts += [_terms(row.positions), _terms(row.auxiliaries)]
    return b"".join(parts)


def decode_parts(data: bytes) -> tuple[tuple[Asset, ...], tuple[Row, ...], tuple[Auxiliary, ...]]:
    """Strict inverse of `encode_parts`; labels become ``row 0``, ``row 1``, ... and ``auxiliary 0``, ...

    Raises `primitives.errors.DecodingError` saying what is wrong and at which byte.
    """
    reader = _Reader(data)
    if reader.take(len(STATEMENT_LABEL)) != STATEMENT_LABEL:
        raise reader.fail("not a statement of this version")
    assets = reader.items(lambda _: reader.asset())
    auxiliaries = reader.items(lambda index: Auxiliary(f"auxiliary {index}", reader.unsigned(1)))
    rows = reader.items(reader.row)
    reader.finish()
    return assets, rows, auxiliaries


def _count(value: int) -> bytes:
    return value.to_bytes(_COUNT_BYTES, "big")


def _integer(value: int) -> bytes:
    """Sign byte (1 if negative), length byte, magnitude without leading zeros; zero is ``00 00``."""
    magnitude = abs(value)
    length = (magnitude.bit_length() + 7) // 8
    return bytes([int(value < 0), length]) + magnitude.to_bytes(length, "big")


def _terms(terms: Sequence[tuple[int, int]]) -> bytes:
    encoded = [_count(index) + _integer(coefficient) for index, coefficient in terms]
    return _count(len(terms)) + b"".join(encoded)


class _Reader:
    """Reads forward through untrusted bytes; never past the end, never guessing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def fail(self, reason: str) -> DecodingError:
        return DecodingError(f"statement, byte {self._position}: {reason}")

    def take(self, size: int) -> bytes:
        piece = self._data[self._position : self._position + size]
        if len(piece) != size:
            raise self.fail(f"{size} more bytes expected, {len(piece)} left")
        self._position += size
        return piece

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def items(self, read: Callable[[int], _Item]) -> tuple[_Item, ...]:
        """A counted list. The count bounds no allocation: every item takes at least one byte."""
        return tuple(read(index) for index in range(self.unsigned(_COUNT_BYTES)))

    def integer(self) -> int:
        sign, length = self.take(2)
        if sign > 1 or (sign == 1 and length == 0):
            raise self.fail("sign of an integer is not canonical")
        if length > _MAX_MAGNITUDE_BYTES:
            raise self.fail(f"integer of {length} bytes, more than {_MAX_MAGNITUDE_BYTES}")
        magnitude = self.take(length)
        if length and magnitude[0] == 0:
            raise self.fail("integer with a leading zero byte")
        value = int.from_bytes(magnitude, "big")
        return -value if sign else value

    def asset(self) -> Asset:
        raw = self.take(self.unsigned(2))
        try:
            identifier = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fail("asset id is not UTF-8") from error
        decimals = self.unsigned(1)
        try:
            return Asset(identifier, decimals)
        except AssetListError as error:
            raise self.fail(str(error)) from error

    def row(self, index: int) -> Row:
        width, constant = self.unsigned(1), self.integer()
        positions, auxiliaries = self.items(self.term), self.items(self.term)
        return Row(f"row {index}", positions, auxiliaries, constant, width)

    def term(self, _: int) -> tuple[int, int]:
        index = self.unsigned(_COUNT_BYTES)
        return index, self.integer()

    def finish(self) -> None:
        if self._position != len(self._data):
            raise self.fail(f"{len(self._data) - self._position} bytes after the end")
