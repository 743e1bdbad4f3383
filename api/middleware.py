"""Around every request: its id, its log line, its metrics, headers that every answer carries, and unexpected errors.

Plain ASGI: what wraps every request must cost next to nothing.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import frames_of
from api.metrics import REQUESTS, SECONDS
from api.problems import Problem, unexpected_problem
from primitives.strict_json import MAX_JSON_BYTES

API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_REQUEST_ID: Final = re.compile(r"\A[A-Za-z0-9_-]{8,64}\Z")
_PRIVATE: Final = ("/v1/me", "/v1/publications")
_READING: Final = frozenset({"GET", "HEAD"})
_EXPOSED: Final = "ETag, Accept-Ranges, Content-Range, Content-Length, Retry-After, X-Request-ID"
_TRANSPORT: Final = "max-age=31536000; includeSubDomains"
_CLIENT_GONE: Final = 499
_MAX_BODY: Final = 4 << 20
_MAX_ATTESTATION_BODY: Final = 2 * MAX_JSON_BYTES + (1 << 16)
"""An attestation as text inside JSON: quotes and backslashes are escaped."""

_log = structlog.get_logger("sealedbook.requests")


def is_public(method: str, path: str) -> bool:
    """Whether any web page may ask for this: reading, and nothing of one account or of the operator."""
    return method in _READING and path.startswith("/v1/") and not path.startswith(_PRIVATE)


def body_limit(path: str) -> int:
    """Bytes that a body may have that is read into memory before it is looked at, credentials included."""
    return _MAX_ATTESTATION_BODY if path == "/v1/publications" else _MAX_BODY


class ServiceMiddleware:
    """The one middleware of the service."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send)
        try:
            if request.is_preflight():
                await request.answer(Response(status_code=204, headers=_preflight_headers()), receive)
            elif request.announces_too_much():
                await request.answer(_too_large().response(request.id), receive)
            else:
                await self._app(scope, request.bounded(receive), request.send)
        except ClientDisconnect:
            request.status = _CLIENT_GONE
        except Exception as error:
            _log.error(
                "unexpected-error", request_id=request.id, kind=type(error).__name__, frames=frames_of(error)
            )
            if request.status is None:
                await request.answer(unexpected_problem().response(request.id), receive)
        finally:
            request.finish()


class _Request:
    def __init__(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.id = given if _REQUEST_ID.match(given) else secrets.token_hex(12)
        self.status: int | None = None
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()
        self._method: str = scope["method"]
        # Elsewhere than in a preflight it means nothing: who sends it with a GET must not change what caches keep.
        self._asks_for = headers.get("access-control-request-method", "") if self._method == "OPTIONS" else ""
        self._path: str = scope["path"]
        self._public = is_public(self._asks_for or self._method, self._path)
        # Uploads are streamed to disk and bounded by their route.
        self._limit = None if self._method == "PUT" else body_limit(self._path)
        scope.setdefault("state", {})["request_id"] = self.id

    def is_preflight(self) -> bool:
        return self._method == "OPTIONS" and bool(self._asks_for) and self._public

    def announces_too_much(self) -> bool:
        length = Headers(scope=self._scope).get("content-length", "")
        return self._limit is not None and length.isdecimal() and int(length[:20]) > self._limit

    def bounded(self, receive: Receive) -> Receive:
        """`receive`, but for bodies that are read into memory: an error once they exceed their limit."""
        if self._limit is None:
            return receive
        limit, received = self._limit, 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large()
            return message

        return counting

    async def answer(self, response: Response, receive: Receive) -> None:
        await response(self._scope, receive, self.send)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
        await self._send(message)

    def _add_headers(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self.id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Content-Security-Policy", API_POLICY)
        if self._scope.get("scheme") == "https":
            headers["Strict-Transport-Security"] = _TRANSPORT
        if self._public:
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Access-Control-Expose-Headers"] = _EXPOSED
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        else:
            headers["Cross-Origin-Resource-Policy"] = "same-origin"

    def finish(self) -> None:
        route = route_of(self._scope)
        status = self.status or 500
        seconds = time.perf_counter() - self._started
        REQUESTS.labels(self._method if self._method in _METHODS else "other", route, str(status)).inc()
        SECONDS.labels(route).observe(seconds)
        _log.info(
            "request",
            request_id=self.id,
            method=self._method if self._method in _METHODS else "other",
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 2),
        )


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def route_of(scope: Scope) -> str:
    """The template of the route that answered, never the path itself: leaf indices and tags are in paths."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "none"


def _too_large() -> Problem:
    return Problem(413, "too-large", "The request is too large")


def _preflight_headers() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "Range, If-None-Match, If-Range, If-Match, X-Request-ID",
        "Access-Control-Max-Age": "86400",
        "Vary": "Access-Control-Request-Method",
    }
