"""Make one certificate in a process of its own: what a holder's documents cost is bounded by limits of the process.

    python -m api.certificate_process < request > answer

Request: ``{"opening": base64, "model": text, "market": text or null, "audience": text or null}``. Answer:
``{"result": "made", "certificate": base64}`` or ``{"result": "refused", "code", "title", "detail"}``. The opening goes
through a pipe; nothing is written anywhere.
"""

from __future__ import annotations

import base64
import json
import resource
import sys
from typing import Any, Final

from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.rows import Scope
from primitives.backends import get_backend
from primitives.certificate import AudienceError, canonical_audience
from primitives.opening import Opening
from prover.certificate import CertificateRefusedError, make_certificate
from verifier.certificate import verify_certificate_against_root
from verifier.opening import TrustedRoot

MAX_STATEMENT_BITS: Final = 1 << 17
_CPU_SECONDS: Final = 100
_MEMORY_BYTES: Final = 8 << 30


def answer_request(request: dict[str, Any]) -> dict[str, str]:
    """The answer to one request."""
    opening = Opening.parse(base64.b64decode(request["opening"]))
    model = request["model"].encode()
    market = None if request["market"] is None else request["market"].encode()
    try:
        audience = None if request["audience"] is None else canonical_audience(request["audience"])
        statement = compile_claim(model, market, opening.book.assets, scope=Scope.ACCOUNT)
        if statement.bit_count > MAX_STATEMENT_BITS:
            bits = f"{statement.bit_count} bits, more than {MAX_STATEMENT_BITS}: prove it on your own machine"
            return _refused("too-costly", "This takes too long", bits)
        certificate = make_certificate(
            opening, get_backend(), model=model, market=market, audience=audience
        ).to_bytes()
    except ClaimDocumentError as error:
        return _refused("no-statement", "The documents make no statement about this book", str(error))
    except AudienceError as error:
        return _refused("invalid-audience", "This cannot name an audience", str(error))
    except CertificateRefusedError as error:
        return _refused("not-satisfied", "Your account does not satisfy the statement", str(error))
    # What is handed out has passed the check that others will make.
    verify_certificate_against_root(
        certificate, TrustedRoot(book_digest=opening.book.digest()), get_backend()
    )
    return {"result": "made", "certificate": base64.b64encode(certificate).decode()}


def _refused(code: str, title: str, detail: str) -> dict[str, str]:
    return {"result": "refused", "code": code, "title": title, "detail": detail[:2000]}


def main() -> None:
    """Limit this process, then answer."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps(answer_request(json.load(sys.stdin))))


if __name__ == "__main__":
    main()
