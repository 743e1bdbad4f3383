"""Entries that an issuer signed: revocations and changes of key, for the log."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.authorization import PublisherDependency
from api.database.engine import Database
from api.log import TransparencyLog
from api.problems import NO_STORE, Problem, invalid_request, key_given_up
from api.publication.records import find_attestation, mark_revoked
from api.schemas import LogEntryAnswer, problems
from primitives.log_entry import (
    MAX_ENTRY_BYTES,
    AttestationEntry,
    LogEntryError,
    RevocationEntry,
    RotationEntry,
    parse_log_entry,
)
from primitives.log_tree import leaf_hash
from verifier.log_history import LogHistory

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
        # What is in the log already is answered as it was, whatever its keys may do today.
        if log.index_of(session, leaf_hash(data)) is None:
            issuer_key = state.settings.issuer_key_bytes if row is None else row.issuer_key
            _require_effect(entry, issuer_key, log.keys(session))
        index = log.append(session, data)
        if row is not None and isinstance(entry, RevocationEntry) and not row.is_revoked:
            mark_revoked(session, row, entry, index)
    return index, entry.kind


def _require_effect(entry: RevocationEntry | RotationEntry, issuer_key: bytes, keys: LogHistory) -> None:
    """A problem unless monitors will say that the entry has effect, by the rules of `verifier.log_history`.

    403: it is signed by nobody whose key is or was `issuer_key` (a change of key: neither the old nor the new one is);
    409: by a key that was given up, which may be a thief's by now.
    """
    if isinstance(entry, RevocationEntry):
        signers = {entry.issuer_key}
        foreign = not keys.are_of_one_line(entry.issuer_key, issuer_key)
    else:
        signers = {entry.old_key, entry.new_key}
        foreign = issuer_key not in signers
    if foreign:
        raise Problem(403, "foreign-issuer", "Another issuer signed this entry")
    if any(keys.is_given_up(key) for key in signers):
        raise key_given_up()
