"""Entries that an issuer signed: revocations and changes of key, for the log."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.authorization import PublisherDependency
from api.database.engine import Database
from api.log import TransparencyLog
from api.problems import NO_STORE, Problem, invalid_request
from api.publication.records import find_attestation, mark_revoked
from api.schemas import LogEntryAnswer, problems
from primitives.log_entry import (
    MAX_ENTRY_BYTES,
    AttestationEntry,
    LogEntry,
    LogEntryError,
    RevocationEntry,
    parse_log_entry,
)

router = APIRouter(prefix="/v1/log", tags=["publishing"])

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "description": "See the page on the log"}}
        },
    }
}


@router.post(
    "/entries",
    response_model=LogEntryAnswer,
    responses={**problems(401, 403, 404, 409, 413, 422, 429, 503)},
    openapi_extra=_BODY,
)
async def append(request: Request, publisher: PublisherDependency) -> Response:
    """Append a revocation or a change of key, in its canonical bytes. Doing it twice changes nothing."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_ENTRY_BYTES:
            raise Problem(413, "too-large", "Larger than any entry", f"at most {MAX_ENTRY_BYTES} bytes")
    index, kind = await run_in_threadpool(_append, request, bytes(body))
    return JSONResponse({"index": index, "kind": kind}, headers={"Cache-Control": NO_STORE})


def _append(request: Request, data: bytes) -> tuple[int, str]:
    state = request.app.state
    log: TransparencyLog = state.log
    database: Database = state.database
    try:
        entry = parse_log_entry(data)
    except LogEntryError as error:
        raise invalid_request(str(error)) from error
    if isinstance(entry, AttestationEntry):
        raise invalid_request("attestations enter the log when they are published")
    with database.write() as session:
        row = None
        if isinstance(entry, RevocationEntry):
            row = find_attestation(session, entry.attestation_sha256)
            if row is None:
                raise Problem(404, "not-found", "There is no such thing here", "there is no such attestation")
            _require_issuer(entry, {row.issuer_key, state.settings.issuer_key_bytes})
        else:
            _require_issuer(entry, {state.settings.issuer_key_bytes})
        index = log.append(session, data)
        if row is not None and isinstance(entry, RevocationEntry) and not row.is_revoked:
            mark_revoked(session, row, entry, index)
    return index, entry.kind


def _require_issuer(entry: LogEntry, keys: set[bytes]) -> None:
    """A 403 problem unless the entry is signed by one of `keys` (a change of key: by the old or the new one)."""
    signers = {entry.issuer_key} if isinstance(entry, RevocationEntry) else _both_keys(entry)
    if not signers & keys:
        raise Problem(403, "foreign-issuer", "Another issuer signed this entry")


def _both_keys(entry: LogEntry) -> set[bytes]:
    return set() if isinstance(entry, AttestationEntry | RevocationEntry) else {entry.old_key, entry.new_key}
