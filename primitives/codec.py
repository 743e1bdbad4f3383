"""Codecs of draft-irtf-cfrg-fiat-shamir: values to bytes and back, and hash output to challenges.

Serialisation is total on canonical values (`ValueError` on others: a mistake of the caller).
Deserialisation is its strict inverse on bytes from outside: it takes the unread remainder of the
input, returns the value and what is left, and raises `DecodingError` on anything else.

Decoding (`decode_integer`) is not deserialisation: it maps uniform hash output to a nearly uniform
integer and cannot fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from primitives.errors import DecodingError

TRUNCATED: Final = "fewer bytes remain than needed"
INTEGER_RANGE: Final = "integer is not below the modulus"

LENGTH_BYTES: Final = 4
UINT32_MODULUS: Final = 1 << 32
OVERSAMPLING_BYTES: Final = 16
"""Bytes squeezed beyond the width of the modulus, so that the bias of the reduction is below 2^-128."""


def integer_bytes(modulus: int) -> int:
    """Ns, the smallest width with ``256^Ns >= modulus``."""
    return ((modulus - 1).bit_length() + 7) // 8


def serialize_byte_string(data: bytes) -> bytes:
    """SerializeVarLenString: the length as 4 bytes little-endian, then the bytes."""
    return serialize_length(len(data)) + data


def serialize_length(length: int) -> bytes:
    """The prefix of a byte string of that length; `ValueError` from 2^32 on."""
    return serialize_integer(length, UINT32_MODULUS)


def deserialize_byte_string(data: bytes) -> tuple[bytes, bytes]:
    """DeserializeVarLenString: the byte string and the unread remainder."""
    length, rest = deserialize_integer(data, UINT32_MODULUS)
    return deserialize_bytes(rest, length)


def deserialize_bytes(data: bytes, length: int) -> tuple[bytes, bytes]:
    """DeserializeBytes: the next `length` bytes and the unread remainder."""
    if len(data) < length:
        raise DecodingError(TRUNCATED)
    return data[:length], data[length:]


def serialize_integer(value: int, modulus: int) -> bytes:
    """SerializeUint: the representative in ``[0, modulus)``, little-endian, Ns bytes."""
    if not 0 <= value < modulus:
        raise ValueError(f"{INTEGER_RANGE}, or negative")
    return value.to_bytes(integer_bytes(modulus), "little")


def deserialize_integer(data: bytes, modulus: int) -> tuple[int, bytes]:
    """DeserializeUint: an integer in ``[0, modulus)`` and the unread remainder."""
    encoded, rest = deserialize_bytes(data, integer_bytes(modulus))
    value = int.from_bytes(encoded, "little")
    if value >= modulus:
        raise DecodingError(INTEGER_RANGE)
    return value, rest


def serialize_field(coordinates: Sequence[int], characteristic: int) -> bytes:
    """SerializeField, default (little-endian) form: the coordinates over the prime field, in order."""
    return b"".join(serialize_integer(coordinate, characteristic) for coordinate in coordinates)


def deserialize_field(data: bytes, characteristic: int, degree: int) -> tuple[tuple[int, ...], bytes]:
    """DeserializeField: `degree` coordinates over the prime field, and the unread remainder."""
    coordinates = []
    for _ in range(degree):
        coordinate, data = deserialize_integer(data, characteristic)
        coordinates.append(coordinate)
    return tuple(coordinates), data


def serialize_field_big_endian(coordinates: Sequence[int], characteristic: int) -> bytes:
    """SerializeField for fields whose own standard is big-endian (P-256, BLS12-381), by I2OSP."""
    return b"".join(serialize_integer(value, characteristic)[::-1] for value in coordinates)


def decoding_bytes(modulus: int) -> int:
    """How many bytes of hash output `decode_integer` takes: Ns + 16."""
    return integer_bytes(modulus) + OVERSAMPLING_BYTES


def decode_integer(uniform: bytes, modulus: int) -> int:
    """DecodeUint: ``Ns + 16`` uniform bytes, little-endian, reduced; `ValueError` on other lengths."""
    if len(uniform) != decoding_bytes(modulus):
        raise ValueError(f"expected {decoding_bytes(modulus)} bytes, got {len(uniform)}")
    return int.from_bytes(uniform, "little") % modulus
