"""What belongs to one account holder. Only in processes that were given a vault."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.authorization import HolderDependency
from api.bodies import body_schema, read_body
from api.database.engine import Database
from api.dependencies import DatabaseDependency
from api.holder_service import HolderService
from api.problems import NO_STORE, not_found
from api.publication.records import latest_attestation
from api.routes.attestations import require_attestation
from api.schemas import CertificateRequest, problems
from api.tokens import CERTIFICATE_SCOPE, OPENING_SCOPE

router = APIRouter(prefix="/v1/me", tags=["account holders"])

_LATEST: Final = "latest"
_HEADERS: Final = {"Cache-Control": NO_STORE, "Pragma": "no-cache"}
_JSON: Final[dict[str, Any]] = {"content": {"application/json": {"schema": {"type": "object"}}}}


@router.get(
    "/opening",
    response_class=Response,
    responses={
        200: {"description": "Your opening: private, see the guide for account holders", **_JSON},
        **problems(401, 403, 404, 422, 429, 503),
    },
)
def opening(
    request: Request,
    holder: HolderDependency,
    database: DatabaseDependency,
    attestation: Annotated[str, Query(pattern=r"^(latest|[0-9a-f]{64})$")] = _LATEST,
) -> Response:
    """The opening of the account that the token is for."""
    holder.require(OPENING_SCOPE)
    service: HolderService = request.app.state.holders
    made = service.opening(_book_digest(database, attestation), holder.account)
    headers = {**_HEADERS, "Content-Disposition": 'attachment; filename="opening.json"'}
    return Response(made.to_bytes(), media_type="application/json", headers=headers)


async def _certificate_request(request: Request, holder: HolderDependency) -> CertificateRequest:
    holder.require(CERTIFICATE_SCOPE)
    return await read_body(request, CertificateRequest)


@router.post(
    "/certificates",
    response_class=Response,
    responses={
        200: {"description": "A certificate, to show to others", **_JSON},
        **problems(400, 401, 403, 404, 413, 422, 429, 503),
    },
    openapi_extra=body_schema(CertificateRequest),
)
def certificates(
    request: Request,
    holder: HolderDependency,
    database: DatabaseDependency,
    body: Annotated[CertificateRequest, Depends(_certificate_request)],
) -> Response:
    """A certificate that the account of the token satisfies a model."""
    request.app.state.limits.check_certificates(holder.account)
    service: HolderService = request.app.state.holders
    made = service.opening(_book_digest(database, body.attestation), holder.account)
    certificate = service.certificate(made, model=body.model, market=body.market, audience=body.audience)
    headers = {**_HEADERS, "Content-Disposition": 'attachment; filename="certificate.json"'}
    return Response(certificate, media_type="application/json", headers=headers)


def _book_digest(database: Database, attestation: str) -> bytes:
    with database.read() as session:
        return _find(session, attestation)


def _find(session: Session, attestation: str) -> bytes:
    if attestation != _LATEST:
        return require_attestation(session, attestation).book_digest
    row = latest_attestation(session)
    if row is None:
        raise not_found("attestation")
    return row.book_digest
