"""Published attestations: the list, one by its digest, its signature and files, the report."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.conditional import IMMUTABLE, SHORT_LIVED, not_modified
from api.database.tables import PublishedAttestation
from api.dependencies import DatabaseDependency, ReadSession
from api.file_response import file_response
from api.problems import invalid_request, not_found
from api.publication.records import find_attestation, find_file, latest_attestation, list_attestations
from api.schemas import (
    HEX32,
    AttestationDetail,
    AttestationPage,
    DigestPath,
    ServerReport,
    problems,
)
from primitives.attestation import format_time

router = APIRouter(prefix="/v1/attestations", tags=["attestations"])

_MAX_PAGE = 100
_RANGES: dict[int | str, dict[str, Any]] = {
    206: {"description": "The range asked for"},
    304: {"description": "You have this version"},
}
_BYTES: dict[str, Any] = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}


def summary(row: PublishedAttestation) -> dict[str, Any]:
    """`AttestationSummary` of a row."""
    return {
        "digest": row.digest.hex(),
        "book_digest": row.book_digest.hex(),
        "issuer": row.issuer,
        "issuer_key": row.issuer_key.hex(),
        "as_of": format_time(row.as_of),
        "leaf_count": row.leaf_count,
        "root_hash": row.root_hash.hex(),
        "root_sum": row.root_sum.hex(),
        "published_at": format_time(row.published_at),
        "log_index": row.log_index,
        **revocation_state(row),
        "claims": json.loads(row.claims),
    }


def revocation_state(row: PublishedAttestation) -> dict[str, Any]:
    """`status` and `revocation`, for everything that speaks of an attestation."""
    if row.revoked_at is None:
        return {"status": "published", "revocation": None}
    return {
        "status": "revoked",
        "revocation": {
            "time": format_time(row.revoked_at),
            "reason": row.revocation_reason,
            "log_index": row.revocation_log_index,
        },
    }


def require_attestation(session: Session, digest: str) -> PublishedAttestation:
    """The published attestation, or a 404 problem."""
    row = find_attestation(session, bytes.fromhex(digest))
    if row is None:
        raise not_found("attestation")
    return row


@router.get("", response_model=AttestationPage, responses=problems(422))
def list_published(
    session: ReadSession,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 20,
    cursor: Annotated[
        str | None, Query(pattern="^[0-9a-f]{1,16}$", description="`next` of the page before")
    ] = None,
    book: Annotated[
        str | None, Query(pattern=HEX32, description="Of the book with this digest alone")
    ] = None,
) -> Response:
    """All published attestations, newest first."""
    before = None if cursor is None else int(cursor, 16)
    if before is not None and before >= 1 << 63:
        raise invalid_request("query.cursor: is none of this service's")
    rows = list_attestations(
        session, before=before, limit=limit + 1, book=None if book is None else bytes.fromhex(book)
    )
    following = f"{rows[limit - 1].id:x}" if len(rows) > limit else None
    body = {"attestations": [summary(row) for row in rows[:limit]], "next": following}
    return JSONResponse(body, headers={"Cache-Control": SHORT_LIVED})


@router.get("/latest", response_model=AttestationDetail, responses=problems(404))
def latest(session: ReadSession) -> Response:
    """The attestation that was published last and stands."""
    row = latest_attestation(session)
    if row is None:
        raise not_found("attestation")
    return _detail(row)


@router.get("/{digest}", response_model=AttestationDetail, responses=problems(404, 422))
def one(digest: DigestPath, session: ReadSession) -> Response:
    """One attestation. Its own bytes are its file `attestation.json`."""
    return _detail(require_attestation(session, digest))


def _detail(row: PublishedAttestation) -> Response:
    files = [{"name": file.name, "bytes": file.size, "sha256": file.sha256.hex()} for file in row.files]
    return JSONResponse({**summary(row), "files": files}, headers={"Cache-Control": SHORT_LIVED})


@router.get(
    "/{digest}/signature",
    response_class=Response,
    responses={
        200: {
            "description": "128 hexadecimal digits and a newline",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        304: _RANGES[304],
        **problems(404, 422),
    },
)
def signature(digest: DigestPath, request: Request, session: ReadSession) -> Response:
    """The issuer's signature, as the file `attestation.sig` holds it."""
    row = require_attestation(session, digest)
    headers = {"ETag": f'"{row.signature.hex()[:64]}"', "Cache-Control": IMMUTABLE}
    if not_modified(request.headers, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(row.signature.hex() + "\n", media_type="text/plain", headers=headers)


@router.get(
    "/{digest}/files/{name:path}",
    response_class=Response,
    responses={200: {"description": "The file", **_BYTES}, **_RANGES, **problems(404, 412, 416, 422, 503)},
)
@router.head("/{digest}/files/{name:path}", include_in_schema=False)
async def file(digest: DigestPath, name: str, request: Request, database: DatabaseDependency) -> Response:
    """A file of the bundle, byte for byte; ranges, HEAD and conditional requests as in RFC 9110.

    Its entity tag is its SHA-256.
    """

    def find() -> tuple[PublishedAttestation, Any] | None:
        with database.read() as session:
            return find_file(session, bytes.fromhex(digest), name)

    found = await run_in_threadpool(find)
    if found is None:
        raise not_found("file")
    attestation, entry = found
    response = await run_in_threadpool(file_response, request, request.app.state.storage, digest, entry)
    if attestation.is_revoked:
        response.headers["Sealedbook-Status"] = "revoked"
    return response


@router.get("/{digest}/report", response_model=ServerReport, responses=problems(404, 422))
def report(digest: DigestPath, session: ReadSession) -> Response:
    """What this server's verifier found when it took the bundle: the server's word, nothing more."""
    row = require_attestation(session, digest)
    body = {
        "whose_word": "server",
        "notice": (
            "This is what the server says that it found. Whoever does not trust the server repeats it: the files are"
            " here, and the verifier needs nothing from this server but them."
        ),
        "how_to_repeat": [
            f"sealedbook fetch URL --attestation {digest} --out bundle",
            f"sealedbook verify bundle --issuer-key {row.issuer_key.hex()}",
        ],
        "attestation": digest,
        **revocation_state(row),
        "report": json.loads(row.report),
    }
    return JSONResponse(body, headers={"Cache-Control": SHORT_LIVED})
