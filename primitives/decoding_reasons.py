"""Why an encoding is refused: the reason texts of `primitives.errors.DecodingError`.

Both backends refuse the same bytes with the same reason; callers and tests may compare against
these constants. Encodings are checked in the order in which the constants are listed, and the first
check that fails names the reason; among several bad elements the one with the lowest index is named.
"""

from __future__ import annotations

from typing import Final

LENGTH: Final = "length is not a multiple of the element size"
"""The whole input is at fault: `DecodingError.index` is None."""

SCALAR_RANGE: Final = "scalar is not below the group order"

COMPRESSION_FLAG: Final = "compression flag is not set"
"""A compressed point was expected; the top bit of its first byte is clear."""

COMPRESSION_FLAG_SET: Final = "compression flag is set"
"""An uncompressed point was expected; the top bit of its first byte is set."""

IDENTITY_BITS: Final = "identity encoding has stray bits"
"""The infinity flag (second bit) is set, and some bit other than the form's own flags is too."""

SIGN_FLAG: Final = "sign flag is set in an uncompressed encoding"
"""The third bit says which root y is; the uncompressed form carries y itself and must leave it clear."""

COORDINATE_RANGE: Final = "coordinate is not below the field characteristic"
"""x (either form) or y (uncompressed form)."""

NOT_ON_CURVE: Final = "point is not on the curve"
