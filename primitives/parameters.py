"""Protocol constants: the curve, the labels and the sizes of protocol version 1.

Every byte string here is repeated in docs/protocol.md; changing one makes a new protocol version.
"""

from __future__ import annotations

from typing import Final

# BLS12-381 (draft-irtf-cfrg-pairing-friendly-curves, section 4.2.1).
GROUP_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""r, the order of G1 and of the scalar field F."""
FIELD_CHARACTERISTIC: Final = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    16,
)
"""p, the characteristic of the base field."""
COFACTOR_MULTIPLIER: Final = 0xD201000000010001
"""h_eff of RFC 9380, section 8.8.1: multiplying by it maps every point of E into G1."""

SCALAR_BYTES: Final = 32
POINT_BYTES: Final = 48
UNCOMPRESSED_POINT_BYTES: Final = 96
HASH_BYTES: Final = 32

HASH_TO_CURVE_DOMAIN: Final = b"SEALEDBOOK-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
ACCOUNT_TAG_LABEL: Final = b"sealedbook/v1/account-tag\x00"
BOOK_DIGEST_LABEL: Final = b"sealedbook/v1/book-digest\x00"
CLAIM_CONTEXT_LABEL: Final = b"sealedbook/v1/claim-context\x00"
CERTIFICATE_CONTEXT_LABEL: Final = b"sealedbook/v1/certificate-context\x00"
TOP_UP_CONTEXT_LABEL: Final = b"sealedbook/v1/top-up-context\x00"
SIGNATURE_LABEL: Final = b"sealedbook/v1/attestation-signature\x00"
MARKET_DIGEST_LABEL: Final = b"sealedbook/v1/market-digest\x00"
MARKET_SIGNATURE_LABEL: Final = b"sealedbook/v1/market-signature\x00"

SALT_BYTES: Final = 32
TAG_BYTES: Final = 32
LEAF_BYTES: Final = TAG_BYTES + POINT_BYTES
NODE_BYTES: Final = HASH_BYTES + POINT_BYTES

MAX_TREE_HEIGHT: Final = 32
"""At most 2^32 leaves."""
AMOUNT_LIMIT: Final = 1 << 63
"""|amount| < 2^63 base units."""
