"""Structured logs: one JSON object a line, on standard error.

Logged are what happened, when, under which request id, and digests of what is public. Never: account ids, tokens,
credentials, bodies, query strings, tags, leaf indices, or the messages of unexpected errors (they may quote values).
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Final

import structlog

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(level: str) -> None:
    """Log from `level` on, in this process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def frames_of(error: BaseException) -> list[str]:
    """Where an error came from: files, lines and functions; no message, no source, no values."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
