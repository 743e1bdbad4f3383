"""Which columns the rows of each kind have, what columns hold, and what the file's header says.

The header is JSON in the file's metadata, under the key ``sealedbook.market``: the fields of the document that are not
lists of things. Rows of a document of format ``sealedbook/market/v1`` (and of the one inside
``sealedbook/pmrm2-market/v1``) have a ``kind``; ``underlying`` and ``forward`` are rows for an underlying and for
one of its expiries, ``risk`` for one asset of the published risk array, the others are the kinds of instruments.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

HEADER_KEY: Final = b"sealedbook.market"
MAX_PARQUET_BYTES: Final = 64 << 20
MAX_UNCOMPRESSED_BYTES: Final = 256 << 20
MAX_ROWS: Final = 1 << 18
MAX_CELL_CHARACTERS: Final = 1024


class Holds(Enum):
    """What the cells of a column are."""

    TEXT = "text"
    FIGURE = "a figure: decimal, integer or decimal text"
    TIME = "a time: a timestamp in UTC, or text"
    COUNT = "an integer"
    COUNTS = "a list of integers"
    TIERS = "a list of tiers: from, to, percent"


ROW_COLUMNS: Final[Mapping[str, Holds]] = MappingProxyType(
    {
        "kind": Holds.TEXT,
        "id": Holds.TEXT,
        "underlying": Holds.TEXT,
        "expiry": Holds.TIME,
        "settlement": Holds.TEXT,
        "right": Holds.TEXT,
        "multiplier": Holds.FIGURE,
        "strike": Holds.FIGURE,
        "price": Holds.FIGURE,
        "index": Holds.FIGURE,
        "forward": Holds.FIGURE,
        "rate": Holds.FIGURE,
        "mark": Holds.FIGURE,
        "volatility": Holds.FIGURE,
        "decimals": Holds.COUNT,
        "value": Holds.COUNT,
        "profits": Holds.COUNTS,
        "greeks": Holds.COUNTS,
    }
)
"""Columns of ``sealedbook/market/v1``, in the order in which they are written."""

UNDERLYING: Final = "underlying"
FORWARD: Final = "forward"
RISK: Final = "risk"

KIND_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        UNDERLYING: ("id", "index"),
        FORWARD: ("underlying", "expiry", "forward", "rate"),
        "cash": ("id", "price"),
        "spot": ("id", "underlying"),
        "perpetual": ("id", "underlying", "settlement", "multiplier", "mark"),
        "future": ("id", "underlying", "settlement", "multiplier", "mark", "expiry"),
        "option": ("id", "underlying", "expiry", "strike", "right", "multiplier", "volatility"),
        RISK: ("id", "decimals", "value", "profits", "greeks"),
    }
)
"""The columns that rows of a kind fill; all others are null there."""
OPTIONAL: Final = frozenset({(UNDERLYING, "index")})
"""What a row may leave null all the same."""

PRICE_COLUMNS: Final[Mapping[str, Holds]] = MappingProxyType({"asset": Holds.TEXT, "price": Holds.FIGURE})
"""Columns of ``sealedbook/prices/v1``."""

POOL_COLUMNS: Final = ("loan", "margin", "portfolio")
SOURCE_COLUMNS: Final[Mapping[str, Holds]] = MappingProxyType(
    {"asset": Holds.TEXT, "decimals": Holds.COUNT, "price": Holds.TEXT}
    | dict.fromkeys(POOL_COLUMNS, Holds.TIERS)
)
"""Columns of ``sealedbook/source-market/v1``; the price is text as it was published, with its final zeros."""
