"""Publishing, for the operator: stage, upload, commit."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.authorization import PublisherDependency
from api.bodies import body_schema, read_body
from api.metrics import PUBLICATIONS
from api.problems import NO_STORE, Problem, invalid_request, not_found
from api.publication.committing import Publisher
from api.publication.records import find_attestation, find_file
from api.publication.staging import StagedPublication, Staging, Upload
from api.schemas import DigestPath, PublicationRequest, PublicationState, problems

router = APIRouter(prefix="/v1/publications", tags=["publishing"])

_WAIT_SECONDS: Final = 25
_BUFFER: Final = 1 << 20
_CONTENT_RANGE: Final = re.compile(r"\Abytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})\Z")
_STATE: Final[dict[int | str, dict[str, Any]]] = {200: {"model": PublicationState}}


async def _publication_request(request: Request, publisher: PublisherDependency) -> PublicationRequest:
    return await read_body(request, PublicationRequest)


@router.post(
    "",
    response_model=PublicationState,
    responses={**_STATE, 201: {"model": PublicationState}, **problems(400, 401, 403, 413, 422, 429, 507)},
    openapi_extra=body_schema(PublicationRequest),
)
def begin(request: Request, body: Annotated[PublicationRequest, Depends(_publication_request)]) -> Response:
    """Begin a publication, or find the one that was begun: what is missing of the files that it lists."""
    staging: Staging = request.app.state.staging
    attestation = body.attestation.encode()
    digest = hashlib.sha256(attestation).digest()
    with request.app.state.database.read() as session:
        published = find_attestation(session, digest) is not None
    if published:  # staged once more, it would lie there until the next start
        return _answer(request, digest, None)
    staged = staging.begin(attestation, body.signature.encode())
    return _answer(request, staged.digest, staged, status=201)


@router.get("/{digest}", response_model=PublicationState, responses=problems(401, 404, 422, 429))
def state(digest: DigestPath, request: Request, publisher: PublisherDependency) -> Response:
    """How far a publication is."""
    return _answer(request, bytes.fromhex(digest), request.app.state.staging.find(bytes.fromhex(digest)))


@router.put(
    "/{digest}/files/{name:path}",
    status_code=204,
    response_class=Response,
    responses={
        204: {"description": "These bytes are here now"},
        **problems(400, 401, 404, 409, 413, 422, 429, 507),
    },
    openapi_extra={
        "requestBody": {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        }
    },
)
async def upload(
    digest: DigestPath,
    name: str,
    request: Request,
    publisher: PublisherDependency,
    content_range: Annotated[
        str | None, Header(description="`bytes first-last/size`, for a file that comes in several pieces")
    ] = None,
) -> Response:
    """Bring a file, or a piece of it that begins where the last one ended. What is here already changes nothing."""
    try:
        await _take(request, digest, name, content_range)
    except Problem as problem:
        # Another publisher brought the rest and committed meanwhile: then this file is here.
        if problem.status != 404 or not await run_in_threadpool(_is_published, request, digest, name):
            raise
    return Response(status_code=204, headers={"Cache-Control": NO_STORE})


async def _take(request: Request, digest: str, name: str, content_range: str | None) -> None:
    staged = await run_in_threadpool(request.app.state.staging.find, bytes.fromhex(digest))
    if staged is None:
        raise not_found("staged publication")
    start, expected = _piece(staged, name, content_range, request.headers.get("content-length"))
    limit = request.app.state.settings.max_upload_bytes
    if expected is not None and expected > limit:
        raise Problem(413, "too-large", "Too much for one request", f"bring at most {limit} bytes at once")
    receiving = await run_in_threadpool(staged.upload, name, start)
    try:
        await _receive(request, receiving, limit)
        await run_in_threadpool(receiving.finish, expected)
    finally:
        await run_in_threadpool(receiving.close)


def _is_published(request: Request, digest: str, name: str) -> bool:
    with request.app.state.database.read() as session:
        return find_file(session, bytes.fromhex(digest), name) is not None


async def _receive(request: Request, receiving: Upload, limit: int) -> None:
    buffer, total = bytearray(), 0
    async for piece in request.stream():
        total += len(piece)
        if total > limit:
            raise Problem(
                413, "too-large", "Too much for one request", f"bring at most {limit} bytes at once"
            )
        buffer += piece
        if len(buffer) >= _BUFFER:
            await run_in_threadpool(receiving.write, bytes(buffer))
            buffer.clear()
    await run_in_threadpool(receiving.write, bytes(buffer))


def _piece(
    staged: StagedPublication, name: str, content_range: str | None, length: str | None
) -> tuple[int, int | None]:
    """``(start, bytes to come)``."""
    entry = staged.entry(name)
    announced = int(length) if length is not None and length.isascii() and length.isdecimal() else None
    if content_range is None:
        return 0, entry.size
    match = _CONTENT_RANGE.match(content_range)
    if match is None:
        raise invalid_request("header.content-range: expected `bytes first-last/size`")
    first, last, size = (int(group) for group in match.groups())
    if size != entry.size or not first <= last < size:
        raise invalid_request(f"header.content-range: does not fit a file of {entry.size} bytes")
    if announced is not None and announced != last - first + 1:
        raise invalid_request("header.content-range: is not as long as the body")
    return first, last - first + 1


@router.post(
    "/{digest}/commit",
    response_model=PublicationState,
    responses={
        200: {"model": PublicationState, "description": "Published"},
        202: {"model": PublicationState, "description": "Under way: ask for the state"},
        **problems(401, 404, 409, 422, 429, 500, 503, 507),
    },
)
def commit(digest: DigestPath, request: Request, publisher: PublisherDependency) -> Response:
    """Verify the whole bundle and publish it. Safe to ask again, at any time, whatever happened."""
    staging: Staging = request.app.state.staging
    publishing: Publisher = request.app.state.publisher
    staged = staging.find(bytes.fromhex(digest))
    if staged is None:
        return _answer(request, bytes.fromhex(digest), None)
    running = publishing.start(staged)
    if not running.done.wait(_WAIT_SECONDS):
        return _answer(request, staged.digest, staged, status=202)
    if running.problem is not None:
        PUBLICATIONS.labels(running.problem.code).inc()
        raise running.problem
    PUBLICATIONS.labels("published").inc()
    return _answer(request, staged.digest, None)


def _answer(request: Request, digest: bytes, staged: StagedPublication | None, status: int = 200) -> Response:
    """The state of a publication; a 404 problem where there is none."""
    app_state = request.app.state
    body: dict[str, Any] = {
        "id": digest.hex(),
        "state": "published",
        "missing": [],
        "max_upload_bytes": app_state.settings.max_upload_bytes,
        "failure": None,
        "log_index": None,
    }
    with app_state.database.read() as session:
        row = find_attestation(session, digest)
        body["log_index"] = None if row is None else row.log_index
    if row is not None:
        return JSONResponse(body, headers={"Cache-Control": NO_STORE})
    if staged is None:
        raise not_found("publication")
    missing = staged.missing()
    failure = staged.failure()
    body["missing"] = [{**each.file.to_json(), "received": each.received} for each in missing]  # type: ignore[dict-item]
    body["failure"] = failure
    if missing:
        body["state"] = "uploading"
    elif staged.is_locked():
        body["state"] = "committing"
    else:
        body["state"] = "complete" if failure is None else "rejected"
    return JSONResponse(body, status_code=status, headers={"Cache-Control": NO_STORE})
