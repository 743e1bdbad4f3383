"""Errors raised below the protocol layer."""

from __future__ import annotations


class SealedbookError(Exception):
    """Base of every error that this product raises on purpose."""


class DecodingError(SealedbookError):
    """Bytes are not the canonical encoding of what they should be.

    `index` is the element (0-based) inside a vector, or None where the whole input is at fault.
    """

    def __init__(self, reason: str, *, index: int | None = None) -> None:
        self.reason = reason
        self.index = index
        super().__init__(reason if index is None else f"element {index}: {reason}")


class UnwritableError(SealedbookError):
    """A file or folder cannot be written, whatever would be in it: disk full, no permission, read-only."""


class UnreachableError(SealedbookError):
    """A service cannot be reached, or does not answer: whether what it holds is right stays open."""


class BackendUnavailableError(SealedbookError):
    """The requested backend cannot be loaded on this machine."""


class MissingToolError(SealedbookError):
    """A program or library that something optional needs is not installed; the message says what to install."""
