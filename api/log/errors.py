"""Errors of the transparency log."""

from __future__ import annotations

from primitives.errors import SealedbookError


class TransparencyLogError(SealedbookError):
    """Base of what the log raises; messages are public."""


class LogSettingsError(TransparencyLogError):
    """The log cannot be run with these settings: key, origin and database do not belong together."""


class LogNotReadyError(TransparencyLogError):
    """This process cannot do that: it has no signing key, or nothing was ever signed."""


class LogRangeError(TransparencyLogError):
    """There is no such entry, checkpoint or size."""


class LogDivergedError(TransparencyLogError):
    """What is in the database is not what was signed before. Nothing more is signed until the operator has looked."""


class CosignatureError(TransparencyLogError):
    """A note is not one of our checkpoints cosigned by a witness that is configured here."""
