"""Who asks: holders by tokens, publishers by credentials. Refused attempts count against their address."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.credentials import Publishers
from api.rate_limits import RateLimits
from api.tokens import Holder, TokenVerifier

_holder_scheme = HTTPBearer(
    scheme_name="holder",
    bearerFormat="JWT",
    description="A token of the exchange's backend",
    auto_error=False,
)
_publisher_scheme = HTTPBearer(
    scheme_name="publisher", description="A publisher's credential", auto_error=False
)


def holder(request: Request, _: Annotated[object, Depends(_holder_scheme)]) -> Holder:
    """The account holder whose token the request carries; problems 401 and 429."""
    limits: RateLimits = request.app.state.limits
    verifier: TokenVerifier = request.app.state.tokens
    limits.check_address(client_address(request))
    found = verifier.verify(_bearer(request))
    limits.check_holder(found.account)
    return found


def publisher(request: Request, _: Annotated[object, Depends(_publisher_scheme)]) -> str:
    """The name of the publisher whose credential the request carries; problems 401 and 429."""
    limits: RateLimits = request.app.state.limits
    publishers: Publishers = request.app.state.publishers
    address = client_address(request)
    try:
        return publishers.verify(_bearer(request))
    except Exception:
        # Uploads come in many pieces: only refused credentials count.
        limits.check_address(address)
        raise


def client_address(request: Request) -> str:
    """Where the request comes from; proxies that are trusted have been looked through (`api.application`)."""
    return request.client.host if request.client else "unknown"


def _bearer(request: Request) -> str:
    """The credential of ``Authorization: Bearer``, empty where there is none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


HolderDependency = Annotated[Holder, Depends(holder)]
PublisherDependency = Annotated[str, Depends(publisher)]
