"""Making a certificate: what an account holder proves about their own account, from the opening alone.

leaf     C = sum_a q_a G_a + rho H, under the root of a sealed book
proof    the range argument for U = 1: q satisfies the statement that model and market make about the
         book's whole list of assets, so that nothing hides in an asset that is left out
"""

from __future__ import annotations

from primitives.backend import Backend
from primitives.certificate import Certificate
from primitives.opening import Opening
from prover.argument import ProofRandomness
from prover.certificate_marker import CertificateMarker
from prover.certificate_refusal import CertificateRefusedError, Shortfall

__all__ = ["CertificateRefusedError", "Shortfall", "make_certificate"]


def make_certificate(
    opening: Opening,
    backend: Backend,
    *,
    model: bytes,
    market: bytes | None = None,
    audience: str | None = None,
    randomness: ProofRandomness | None = None,
) -> Certificate:
    """The certificate that the account of `opening` satisfies `model` at the prices of `market`.

    `opening` has passed `verifier.opening.verify_own_opening`. `audience` (see
    `primitives.certificate.canonical_audience`) says for whom the certificate is made. `randomness` is drawn
    from the operating system unless given (for test vectors). For many markets make one `CertificateMarker`.

    Raises `circuits.claim_statement.ClaimDocumentError`, and `CertificateRefusedError` where the account does
    not satisfy the statement.
    """
    marker = CertificateMarker(opening, backend, model=model, audience=audience)
    return marker.mark(market, randomness)
