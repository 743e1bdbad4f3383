"""Why a range argument is refused."""

from __future__ import annotations

from enum import StrEnum

from primitives.errors import SealedbookError


class ArgumentCheck(StrEnum):
    """One name per check of `verifier.argument`; stable across releases."""

    INSTANCE = "instance"
    """A leaf commitment is not the encoding of a point of the curve, or is the identity."""
    LENGTH = "length"
    """The proof is not exactly as long as its shape says."""
    ENCODING = "encoding"
    """A scalar is not below the group order, or a point is not canonical or not on the curve."""
    IDENTITY = "identity"
    """A point of the proof is the identity."""
    CHALLENGE = "challenge-degenerate"
    """A challenge has one of the few values for which the argument is not defined."""
    EQUATION = "opening-equation"
    """All is well formed, and the verification equation does not hold: the claim is not proved."""


class ArgumentError(SealedbookError):
    """A range argument is refused; `check` names the check that failed.

    `proof` is the position of the proof among those verified together (0-based), or None for a single one.
    """

    def __init__(self, check: ArgumentCheck, reason: str, *, proof: int | None = None) -> None:
        self.check = check
        self.reason = reason
        self.proof = proof
        super().__init__(f"{check}: {reason}" if proof is None else f"proof {proof}: {check}: {reason}")
