"""A file of a bundle as an answer: whole, a range, or nothing but its headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.conditional import IMMUTABLE, check_match, not_modified, requested_range
from api.database.tables import PublishedFile
from api.problems import Problem
from api.storage import Storage, StorageError

_PIECE: Final = 1 << 18
_WHOLE: Final = 1 << 16
"""Answers up to this size are read at once and sent without streaming."""

_log = structlog.get_logger("sealedbook.files")


def file_response(request: Request, storage: Storage, digest: str, entry: PublishedFile) -> Response:
    """The answer for one published file; blocking, for a thread."""
    etag = f'"{entry.sha256.hex()}"'
    headers = {"ETag": etag, "Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    check_match(request.headers, etag)
    if not_modified(request.headers, etag):
        return Response(status_code=304, headers=headers)
    part = requested_range(request.headers, etag, entry.size) if request.method == "GET" else None
    start, stop = part or (0, entry.size)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{entry.size}"
    headers["Content-Length"] = str(stop - start)
    headers["Content-Type"] = _media_type(entry.name)
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    try:
        file = storage.open(digest, entry.name)
        file.seek(start)
    except (StorageError, OSError) as error:
        _log.error("file-not-readable", attestation=digest, name=entry.name, kind=type(error).__name__)
        raise Problem(503, "storage-unavailable", "The file cannot be read at the moment") from None
    if stop - start <= _WHOLE:
        with file:
            return Response(_read_exactly(file, stop - start), status_code=status, headers=headers)
    return StreamingResponse(_pieces(file, stop - start), status_code=status, headers=headers)


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    return b"".join(_pieces(file, size))


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    with file:
        while size:
            piece = file.read(min(_PIECE, size))
            if not piece:
                # Ending early breaks the connection: the client sees that the answer is not whole.
                raise StorageError("a stored file is shorter than attested")
            size -= len(piece)
            yield piece


def _media_type(name: str) -> str:
    if name.endswith(".json"):
        return "application/json"
    return "text/plain; charset=utf-8" if name.endswith(".sig") else "application/octet-stream"
