"""Market documents as Parquet files: one row for each thing that a market lists (docs/market.md, section 5).

A Parquet file is a way to bring a market in, and to look at one. What is published, signed and proven is the
canonical JSON document that it is read as.
"""

from prover.market_parquet.errors import MarketFileError
from prover.market_parquet.reading import market_from_parquet
from prover.market_parquet.writing import market_to_parquet

__all__ = ["MarketFileError", "market_from_parquet", "market_to_parquet"]
