"""Point arithmetic and encodings of the reference backend, over py_ecc's field and curve.

Symbols: ``E: y^2 = x^3 + 4`` over the field of p elements; G1 is its subgroup of prime order r. A
`Point` is py_ecc's projective triple ``(X : Y : Z)`` for ``x = X/Z, y = Y/Z``; the identity is any
triple with ``Z = 0``. Scalars are non-negative integers and are never reduced modulo r here, so that
every function is right for points of E outside G1 too.

Encodings are those of ZCash, as the CFRG drafts use them (draft-irtf-cfrg-pairing-friendly-curves,
appendix C): x (then y) as 48 bytes big-endian, with three flags in the top bits of the first byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from py_ecc.fields import optimized_bls12_381_FQ as FQ
from py_ecc.optimized_bls12_381.optimized_curve import add, curve_order, double, field_modulus

from primitives.decoding_reasons import (
    COMPRESSION_FLAG,
    COMPRESSION_FLAG_SET,
    COORDINATE_RANGE,
    IDENTITY_BITS,
    NOT_ON_CURVE,
    SIGN_FLAG,
)
from primitives.errors import DecodingError
from primitives.reference_scalars import split

Point = tuple[FQ, FQ, FQ]
Affine = tuple[int, int] | None
"""``(x, y)`` with ``0 <= x, y < p``, or None for the identity."""

CHARACTERISTIC: Final[int] = field_modulus
"""p, the characteristic of the base field; ``p = 3 (mod 4)``."""
CURVE_CONSTANT: Final = 4
EFFECTIVE_COFACTOR: Final = 0xD201000000010001
"""h_eff of RFC 9380, section 8.8.1."""

COORDINATE_BYTES: Final = 48
COMPRESSED_BYTES: Final = COORDINATE_BYTES
UNCOMPRESSED_BYTES: Final = 2 * COORDINATE_BYTES

_COMPRESSED: Final = 0x80
_INFINITY: Final = 0x40
_SIGN: Final = 0x20
_FLAGS: Final = _COMPRESSED | _INFINITY | _SIGN

IDENTITY: Final[Point] = (FQ(1), FQ(1), FQ(0))


def is_identity(point: Point) -> bool:
    """True for the neutral element of E."""
    return point[2].n == 0


def in_subgroup(point: Point) -> bool:
    """True where ``r P`` is the identity, that is for the points of G1."""
    return is_identity(multiply(point, curve_order))


def multiply(point: Point, scalar: int) -> Point:
    """``scalar * P`` for a non-negative integer, by double-and-add from the top bit."""
    result = IDENTITY
    for bit in bin(scalar)[2:]:
        result = double(result)
        if bit == "1":
            result = add(result, point)
    return result


def add_all(points: Sequence[Point]) -> Point:
    """The sum of all points."""
    result = IDENTITY
    for point in points:
        result = add(result, point)
    return result


def multi_scalar_multiply(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """``sum_i s_i P_i`` by Pippenger's bucket method; the two sequences have equal lengths.

    Write ``s_i = sum_j d_ij 2^(c j)`` with digits ``0 <= d_ij < 2^c``. For each j, from the top:
    multiply the result by 2^c and add ``sum_i d_ij P_i``, found by first adding up the points of equal
    digit (`_bucket_sum`).
    """
    bits = max((scalar.bit_length() for scalar in scalars), default=0)
    window = _window_bits(len(points), bits)
    mask = (1 << window) - 1
    result = IDENTITY
    for shift in reversed(range(0, bits, window)):
        for _ in range(window):
            result = double(result)
        digits = [(scalar >> shift) & mask for scalar in scalars]
        result = add(result, _bucket_sum(points, digits, mask))
    return result


def _window_bits(count: int, bits: int) -> int:
    """The c with the fewest additions: per digit, one for each point and two for each of 2^c buckets."""
    return min(range(1, 17), key=lambda c: -(-bits // c) * (count + 2 * (1 << c)))


def _bucket_sum(points: Sequence[Point], digits: Sequence[int], largest: int) -> Point:
    """``sum_i d_i P_i = sum_d d B_d``, where B_d is the sum of the points with digit d.

    The right-hand side is the sum of all suffix sums ``B_d + B_(d+1) + ... + B_largest``, d >= 1.
    """
    buckets = [IDENTITY] * (largest + 1)
    for point, digit in zip(points, digits, strict=True):
        if digit != 0:
            buckets[digit] = add(buckets[digit], point)
    suffix = total = IDENTITY
    for bucket in reversed(buckets[1:]):
        suffix = add(suffix, bucket)
        total = add(total, suffix)
    return total


def to_affine(points: Sequence[Point]) -> list[Affine]:
    """Affine coordinates of all points, with one field inversion (Montgomery's trick).

    With prefix products ``c_i = Z_0 ... Z_i`` over the points that are not the identity, walking down
    from ``c_last^-1`` gives each ``Z_i^-1 = c_i^-1 c_(i-1)`` and ``c_(i-1)^-1 = c_i^-1 Z_i``.
    """
    prefixes = [1]
    for point in points:
        if not is_identity(point):
            prefixes.append(prefixes[-1] * point[2].n % CHARACTERISTIC)
    inverse = pow(prefixes.pop(), -1, CHARACTERISTIC)
    affine: list[Affine] = []
    for point in reversed(points):
        if is_identity(point):
            affine.append(None)
            continue
        x, y, z = (coordinate.n for coordinate in point)
        inverse_z = inverse * prefixes.pop() % CHARACTERISTIC
        affine.append((x * inverse_z % CHARACTERISTIC, y * inverse_z % CHARACTERISTIC))
        inverse = inverse * z % CHARACTERISTIC
    affine.reverse()
    return affine


def encode_compressed(points: Sequence[Point]) -> bytes:
    """48 bytes a point: flags and x; the sign flag says that y is the larger of the two roots."""
    return b"".join(_compress(affine) for affine in to_affine(points))


def encode_uncompressed(points: Sequence[Point]) -> bytes:
    """96 bytes a point: x and y; for the identity the infinity flag and zeros."""
    return b"".join(_flatten(affine) for affine in to_affine(points))


def _compress(affine: Affine) -> bytes:
    if affine is None:
        return bytes([_COMPRESSED | _INFINITY]) + bytes(COMPRESSED_BYTES - 1)
    x, y = affine
    flags = _COMPRESSED | (_SIGN if _is_larger_root(y) else 0)
    return ((flags << (8 * COMPRESSED_BYTES - 8)) | x).to_bytes(COMPRESSED_BYTES, "big")


def _flatten(affine: Affine) -> bytes:
    if affine is None:
        return bytes([_INFINITY]) + bytes(UNCOMPRESSED_BYTES - 1)
    x, y = affine
    return x.to_bytes(COORDINATE_BYTES, "big") + y.to_bytes(COORDINATE_BYTES, "big")


def _is_larger_root(y: int) -> bool:
    return y > (CHARACTERISTIC - 1) // 2


def decode_compressed(data: bytes) -> tuple[Point, ...]:
    """Strict inverse of `encode_compressed`; the reasons are those of `primitives.decoding_reasons`."""
    return _decode_each(split(data, COMPRESSED_BYTES), _decompress)


def decode_uncompressed(data: bytes) -> tuple[Point, ...]:
    """Strict inverse of `encode_uncompressed`; checks the curve equation."""
    return _decode_each(split(data, UNCOMPRESSED_BYTES), _unflatten)


def _decode_each(elements: Sequence[bytes], decode: Callable[[bytes], Point]) -> tuple[Point, ...]:
    points = []
    for index, element in enumerate(elements):
        try:
            points.append(decode(element))
        except DecodingError as error:
            raise DecodingError(error.reason, index=index) from None
    return tuple(points)


def _decompress(element: bytes) -> Point:
    if not element[0] & _COMPRESSED:
        raise DecodingError(COMPRESSION_FLAG)
    if element[0] & _INFINITY:
        return _decode_identity(element, _COMPRESSED | _INFINITY)
    x = _decode_coordinate(bytes([element[0] & ~_FLAGS]) + element[1:])
    y_squared = _curve_right_side(x)
    # p = 3 (mod 4): if y_squared has a root, this power is one.
    y = pow(y_squared, (CHARACTERISTIC + 1) // 4, CHARACTERISTIC)
    if y * y % CHARACTERISTIC != y_squared:
        raise DecodingError(NOT_ON_CURVE)
    if _is_larger_root(y) != bool(element[0] & _SIGN):
        y = CHARACTERISTIC - y
    return (FQ(x), FQ(y), FQ(1))


def _unflatten(element: bytes) -> Point:
    if element[0] & _COMPRESSED:
        raise DecodingError(COMPRESSION_FLAG_SET)
    if element[0] & _INFINITY:
        return _decode_identity(element, _INFINITY)
    if element[0] & _SIGN:
        raise DecodingError(SIGN_FLAG)
    x = _decode_coordinate(element[:COORDINATE_BYTES])
    y = _decode_coordinate(element[COORDINATE_BYTES:])
    if y * y % CHARACTERISTIC != _curve_right_side(x):
        raise DecodingError(NOT_ON_CURVE)
    return (FQ(x), FQ(y), FQ(1))


def _decode_identity(element: bytes, flags: int) -> Point:
    if element[0] != flags or any(element[1:]):
        raise DecodingError(IDENTITY_BITS)
    return IDENTITY


def _decode_coordinate(data: bytes) -> int:
    value = int.from_bytes(data, "big")
    if value >= CHARACTERISTIC:
        raise DecodingError(COORDINATE_RANGE)
    return value


def _curve_right_side(x: int) -> int:
    return (x * x * x + CURVE_CONSTANT) % CHARACTERISTIC
