"""Conditional requests and ranges (RFC 9110, sections 13 and 14), for answers with strong entity tags."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers

from api.problems import Problem

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""For what a digest in the address names."""
SHORT_LIVED: Final = "public, max-age=5"
"""For what changes with the next publication or revocation."""
_RANGE: Final = re.compile(r"\Abytes=(?:([0-9]{1,19})-([0-9]{1,19})?|-([0-9]{1,19}))\Z")


def not_modified(headers: Headers, etag: str) -> bool:
    """Whether the client has this version (If-None-Match)."""
    given = headers.get("if-none-match")
    return given is not None and _matches(given, etag, weak=True)


def check_match(headers: Headers, etag: str) -> None:
    """A 412 problem if the client insists on another version (If-Match)."""
    given = headers.get("if-match")
    if given is not None and not _matches(given, etag, weak=False):
        raise Problem(412, "precondition-failed", "This is another version than the one you have")


def requested_range(headers: Headers, etag: str, size: int) -> tuple[int, int] | None:
    """``(start, stop)`` of the one range asked for, None for the whole; a 416 problem beyond the end.

    What is no single range of bytes, and ranges of another version (If-Range), get the whole.
    """
    match = _RANGE.match(headers.get("range", ""))
    if match is None:
        return None
    condition = headers.get("if-range")
    if condition is not None and condition.strip() != etag:
        return None
    if match[3] is not None:
        start, stop = max(0, size - int(match[3])), size
        satisfiable = int(match[3]) > 0 and size > 0
    else:
        start = int(match[1])
        stop = size if match[2] is None else min(size, int(match[2]) + 1)
        if match[2] is not None and int(match[2]) < start:
            return None
        satisfiable = start < size
    if not satisfiable:
        raise Problem(
            416,
            "range-not-satisfiable",
            "The range is not within the file",
            f"the file has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, stop


def _matches(given: str, etag: str, *, weak: bool) -> bool:
    if given.strip() == "*":
        return True
    tags = [part.strip() for part in given.split(",")]
    return etag in ([tag.removeprefix("W/") for tag in tags] if weak else tags)
