"""Errors of the prover that an operator can do something about."""

from __future__ import annotations

from primitives.errors import SealedbookError, UnwritableError


class ProverError(SealedbookError):
    """What is wrong, where, and what to do; never holds a secret, a position or a balance."""


class VaultError(ProverError):
    """The vault is missing, damaged, locked by a passphrase, or does not hold what was asked for."""


class PublicationError(ProverError):
    """A bundle or vault entry could not be written; what was there before is untouched."""


class PublicationWriteError(PublicationError, UnwritableError):
    """The same, because the operating system refuses: disk full, no permission, read-only."""
