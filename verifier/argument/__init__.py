"""The verifier of the range argument (docs/protocol-proofs.md)."""

from verifier.argument.errors import ArgumentCheck, ArgumentError
from verifier.argument.range_argument import ArgumentClaim, ArgumentVerifier, verify

__all__ = ["ArgumentCheck", "ArgumentClaim", "ArgumentError", "ArgumentVerifier", "verify"]
