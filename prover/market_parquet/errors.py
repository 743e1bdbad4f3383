"""Why a Parquet file is no market, or a market cannot be a Parquet file."""

from __future__ import annotations

from prover.errors import ProverError


class MarketFileError(ProverError):
    """What is at fault, and where: a row (from 1) and a column, or the file's header."""
