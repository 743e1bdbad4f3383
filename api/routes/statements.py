"""What is claimed: statements in readable and in compiled form, reserves in readable form."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from api.conditional import IMMUTABLE, SHORT_LIVED
from api.database.tables import PublishedAttestation
from api.dependencies import ReadSession
from api.derived import RESERVES, STATEMENTS
from api.problems import not_found
from api.routes.attestations import require_attestation, revocation_state
from api.schemas import ClaimPath, DigestPath, problems
from primitives.claims import ACCOUNTS_KIND, BOOK_KIND, SOLVENCY_KIND

router = APIRouter(prefix="/v1/attestations/{digest}", tags=["statements"])

_VIEW: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The claim in readable form",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    **problems(404, 422, 503),
}


@router.get(
    "/statements/{claim}.bin",
    response_class=Response,
    responses={
        200: {
            "description": "The canonical form of docs/statements.md",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(404, 422, 503),
    },
)
def compiled(digest: DigestPath, claim: ClaimPath, request: Request, session: ReadSession) -> Response:
    """The compiled statement of a claim, as bytes."""
    row, _ = _claim(session, digest, claim)
    data: bytes = request.app.state.derived.read(row.digest, f"{STATEMENTS}/{claim}.bin")
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": IMMUTABLE})


@router.get("/statements/{claim}", response_class=Response, responses=_VIEW)
def readable(digest: DigestPath, claim: ClaimPath, request: Request, session: ReadSession) -> Response:
    """A claim in readable form: model, plain words, documents, formulas, digest of the statement."""
    row, _ = _claim(session, digest, claim)
    return _view(row, request.app.state.derived.read(row.digest, f"{STATEMENTS}/{claim}.json"))


@router.get("/reserves/{claim}", response_class=Response, responses=_VIEW)
def reserves(digest: DigestPath, claim: ClaimPath, request: Request, session: ReadSession) -> Response:
    """The reserves behind a claim about them, in readable form: the issuer's word."""
    row, kind = _claim(session, digest, claim)
    if kind != SOLVENCY_KIND:
        raise not_found("claim about reserves")
    return _view(row, request.app.state.derived.read(row.digest, f"{RESERVES}/{claim}.json"))


def _claim(session: Session, digest: str, claim: str) -> tuple[PublishedAttestation, str]:
    """The attestation that makes this claim, and the claim's kind."""
    row = require_attestation(session, digest)
    kinds = {each["name"]: each["kind"] for each in json.loads(row.claims)}
    if kinds.get(claim) not in (ACCOUNTS_KIND, BOOK_KIND, SOLVENCY_KIND):
        raise not_found("claim with a readable form")
    return row, kinds[claim]


def _view(row: PublishedAttestation, data: bytes) -> Response:
    body = {"attestation": row.digest.hex(), **revocation_state(row), **json.loads(data)}
    return JSONResponse(body, headers={"Cache-Control": SHORT_LIVED})
