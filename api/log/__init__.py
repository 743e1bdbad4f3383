"""The transparency log of the service: an append-only tree of entries in the database, and what it signs about it."""

from api.log.errors import (
    CosignatureError,
    LogDivergedError,
    LogNotReadyError,
    LogRangeError,
    LogSettingsError,
    TransparencyLogError,
)
from api.log.opening import open_log
from api.log.transparency_log import TransparencyLog

__all__ = [
    "CosignatureError",
    "LogDivergedError",
    "LogNotReadyError",
    "LogRangeError",
    "LogSettingsError",
    "TransparencyLog",
    "TransparencyLogError",
    "open_log",
]
