"""``/v1/log``: the transparency log, for monitors and witnesses. Everything here is public.

Notes and entries travel as the bytes that were signed and hashed: a checkpoint as ``text/plain``, entries one on each
line (canonical JSON holds no newline). Proofs are JSON lists of hashes in hexadecimal, in the order of RFC 6962.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from api.dependencies import DatabaseDependency, Log, ReadSession
from api.log import CosignatureError, LogNotReadyError, LogRangeError, LogSettingsError
from api.log.transparency_log import MAX_ENTRIES, TransparencyLog
from api.problems import Problem
from primitives.log_checkpoint import MAX_LOG_SIZE
from primitives.log_tree import leaf_hash
from primitives.parameters import HASH_BYTES
from primitives.signed_note import MAX_NOTE_BYTES

NOTE_TYPE: Final = "text/plain; charset=utf-8"
ENTRIES_TYPE: Final = "application/x-ndjson"
ENTRY_TYPE: Final = "application/json"
_CHANGING: Final = {"Cache-Control": "no-cache"}
_LASTING: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
"""An entry, and a proof for stated sizes, never change."""

_NOTE_REQUEST: Final = {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}

router = APIRouter(prefix="/v1/log", tags=["transparency log"])
"""Routes that read."""
write_router = APIRouter(prefix="/v1/log", tags=["transparency log"])
"""Routes that write, for services that are not read-only."""

Size = Annotated[int, Query(ge=0, le=MAX_LOG_SIZE)]
Digest = Annotated[str, Query(pattern=rf"^[0-9a-f]{{{2 * HASH_BYTES}}}$")]


class InclusionProof(BaseModel):
    """The entry at `index` is in the log of `size` entries: the audit path, from the leaf upwards."""

    index: int
    size: int
    leaf_hash: str
    hashes: list[str]


class ConsistencyProof(BaseModel):
    """The log of `first` entries is the beginning of that of `second`."""

    first: int
    second: int
    hashes: list[str]


class Witness(BaseModel):
    """A witness whose cosignatures are taken; `size` and `time` of the newest one (seconds since 1970)."""

    name: str
    key: str
    size: int | None
    time: int | None


class Witnesses(BaseModel):
    """The log as witnesses need it: its origin, its key, and who cosigns."""

    origin: str
    log_key: str | None
    witnesses: list[Witness]


class KeptCosignatures(BaseModel):
    """How many of the cosignatures sent were new."""

    kept: int


@router.get("/checkpoint", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def get_checkpoint(
    session: ReadSession,
    log: Log,
    size: Annotated[int | None, Query(ge=0, le=MAX_LOG_SIZE)] = None,
    cosignatures: Annotated[int, Query(ge=0, le=100)] = 0,
) -> Response:
    """The latest checkpoint, a signed note; that of `size` entries, or the latest with so many `cosignatures`."""
    with _as_problems():
        note = log.checkpoint(session, size=size, cosignatures=cosignatures)
    return Response(note, media_type=NOTE_TYPE, headers=_CHANGING)


@router.get("/entries", response_class=Response, responses={200: {"content": {ENTRIES_TYPE: {}}}})
def get_entries(
    session: ReadSession,
    log: Log,
    start: Size,
    count: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = MAX_ENTRIES,
) -> Response:
    """Entries from index `start`, one on each line, at most `count`; fewer at the end of the log."""
    with _as_problems():
        entries = log.entries(session, start, count)
    headers = _LASTING if len(entries) == count else _CHANGING
    return Response(b"".join(entry + b"\n" for entry in entries), media_type=ENTRIES_TYPE, headers=headers)


@router.get("/entries/{index}", response_class=Response, responses={200: {"content": {ENTRY_TYPE: {}}}})
def get_entry(session: ReadSession, log: Log, index: Annotated[int, Path(le=MAX_LOG_SIZE)]) -> Response:
    """The bytes of one entry."""
    return Response(_entry(session, log, index), media_type=ENTRY_TYPE, headers=_LASTING)


@router.get("/proof/inclusion")
def get_inclusion_proof(
    session: ReadSession,
    log: Log,
    response: Response,
    size: Annotated[int | None, Query(ge=1, le=MAX_LOG_SIZE)] = None,
    index: Annotated[int | None, Query(ge=0, le=MAX_LOG_SIZE)] = None,
    digest: Digest | None = None,
    attestation: Digest | None = None,
) -> InclusionProof:
    """That an entry is among the first `size` (all, if not given).

    The entry is named by exactly one of `index`, `digest` (its leaf hash) and `attestation` (the SHA-256 of
    attestation.json).
    """
    if sum(each is not None for each in (index, digest, attestation)) != 1:
        raise Problem(
            422,
            "invalid-request",
            "The request is not of the form that this route wants",
            "give exactly one of index, digest and attestation",
        )
    if digest is not None:
        index = log.index_of(session, bytes.fromhex(digest))
    elif attestation is not None:
        index = log.index_of_attestation(session, bytes.fromhex(attestation))
    if index is None:
        raise _not_found("there is no entry with that digest in the log")
    stated = size if size is not None else log.size(session)
    with _as_problems():
        hashes = log.inclusion_proof(session, index, stated)
        leaf = leaf_hash(_entry(session, log, index))
    response.headers.update(_LASTING if size is not None else _CHANGING)
    return InclusionProof(
        index=index, size=stated, leaf_hash=leaf.hex(), hashes=[each.hex() for each in hashes]
    )


@router.get("/proof/consistency")
def get_consistency_proof(
    session: ReadSession, log: Log, response: Response, first: Size, second: Size
) -> ConsistencyProof:
    """That the log of `first` entries is the beginning of that of `second`."""
    with _as_problems():
        hashes = log.consistency_proof(session, first, second)
    response.headers.update(_LASTING)
    return ConsistencyProof(first=first, second=second, hashes=[each.hex() for each in hashes])


@router.get("/witnesses")
def get_witnesses(session: ReadSession, log: Log, response: Response) -> Witnesses:
    """The witnesses whose cosignatures the log takes. Whom you trust is for you to choose."""
    response.headers.update(_CHANGING)
    return Witnesses(
        origin=log.origin,
        log_key=log.stated_key(session),
        witnesses=[
            Witness(name=state.key.name, key=state.key.to_text(), size=state.size, time=state.timestamp)
            for state in log.witness_states(session)
        ],
    )


async def note_body(request: Request) -> bytes:
    """The body, of at most the size of a note."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_NOTE_BYTES:
            raise Problem(413, "too-large", "The request is too large", f"more than {MAX_NOTE_BYTES} bytes")
    return bytes(body)


@write_router.post("/cosignatures", openapi_extra={"requestBody": _NOTE_REQUEST})
def post_cosignatures(
    note: Annotated[bytes, Depends(note_body)], database: DatabaseDependency, log: Log
) -> KeptCosignatures:
    """Take cosignatures: a checkpoint of this log, an empty line, and the lines that a witness answered with.

    No credential is asked for: what counts is the signature of a witness that the log is configured with. The database
    is asked for its one writing session, for which publishers queue, only if there is something new: anybody can send a
    cosignature again that the log itself shows.
    """
    with _as_problems():
        with database.read() as session:
            if not log.brings_cosignatures(session, note):
                return KeptCosignatures(kept=0)
        with database.write() as session:
            return KeptCosignatures(kept=log.add_cosignature(session, note))


def _entry(session: ReadSession, log: TransparencyLog, index: int) -> bytes:
    with _as_problems():
        entries = log.entries(session, index, 1)
    if not entries:
        raise _not_found(f"there is no entry {index} in the log")
    return entries[0]


def _not_found(detail: str) -> Problem:
    return Problem(404, "not-found", "There is no such thing here", detail)


@contextlib.contextmanager
def _as_problems() -> Iterator[None]:
    """What the log raises, as answers."""
    try:
        yield
    except LogRangeError as error:
        raise _not_found(str(error)) from error
    except CosignatureError as error:
        raise Problem(422, "cosignature-refused", "The cosignature was not taken", str(error)) from error
    except (LogNotReadyError, LogSettingsError) as error:
        raise Problem(503, "log-not-ready", "The log cannot answer that here", str(error)) from error
