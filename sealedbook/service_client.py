"""Talking to a sealedbook service over HTTP: every answer bounded in size and time, every failure typed.

What comes from a service is checked by its caller; this module makes sure that a hostile or broken one can neither fill
memory nor hold the program for ever, and that passing faults (429, 503, a lost connection) are tried again.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from primitives.errors import SealedbookError, UnreachableError
from primitives.strict_json import Json, JsonError, JsonObject, parse_json

MAX_PROBLEM_BYTES: Final = 1 << 16
DEFAULT_TIMEOUT_SECONDS: Final = 30.0
DEFAULT_DEADLINE_SECONDS: Final = 120.0
DEFAULT_ATTEMPTS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 30.0
_BUSY: Final = (429, 503)
_PROBLEM_TYPE: Final = "application/problem+json"

Query = Mapping[str, str | int]


class ServiceAnswerError(SealedbookError):
    """The service answered, but not with what was asked for: too large, too slow, no JSON, a redirect."""


class ServiceRefusedError(SealedbookError):
    """The service refused the request.

    `status` is the HTTP status; `code` and `detail` are of its problem document (RFC 9457), empty where it gave none.
    """

    def __init__(self, url: str, status: int, code: str = "", title: str = "", detail: str = "") -> None:
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        said = ": ".join(part for part in (title, detail) if part) or "no reason given"
        super().__init__(f"{url} answered {status}: {said}")


@dataclass(frozen=True)
class Pace:
    """How long a request may take, and how often it is tried.

    `timeout` bounds each wait for the network in seconds, `deadline` one attempt from the request to the answer's last
    byte, None for no such bound.
    """

    timeout: float = DEFAULT_TIMEOUT_SECONDS
    deadline: float | None = DEFAULT_DEADLINE_SECONDS
    attempts: int = DEFAULT_ATTEMPTS


class ServiceClient:
    """Requests to one service; a context manager.

    Redirects are not followed (a token must not travel to where an answer points), and bodies travel uncompressed, so
    that a bound on bytes is a bound on memory.
    """

    def __init__(
        self,
        url: str,
        *,
        pace: Pace | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = base_url(url)
        self._pace = pace or Pace()
        self._sleep = sleep
        self._client = httpx.Client(
            timeout=self._pace.timeout,
            headers={"User-Agent": "sealedbook", **(headers or {}), "Accept-Encoding": "identity"},
            follow_redirects=False,
            transport=transport,
        )
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, query: Query | None = None, *, maximum: int) -> bytes:
        """The body at `path` below the service's address, at most `maximum` bytes."""
        with self.stream(path, query, maximum=maximum) as chunks:
            return b"".join(chunks)

    def get_json(self, path: str, query: Query | None = None, *, maximum: int) -> Json:
        """The JSON document at `path`, at most `maximum` bytes."""
        data = self.get(path, query, maximum=maximum)
        try:
            return parse_json(data)
        except JsonError as error:
            raise ServiceAnswerError(f"{self.url}{path}: {error}") from error

    def post(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str,
        maximum: int,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Send `body`; the answer's body, at most `maximum` bytes.

        Tried again only where the service cannot have acted: it was busy, or there was no connection.
        """
        request_headers = {**(headers or {}), "Content-Type": content_type}
        with self._answer("POST", path, None, maximum, body=body, headers=request_headers) as chunks:
            return b"".join(chunks)

    @contextlib.contextmanager
    def stream(self, path: str, query: Query | None = None, *, maximum: int) -> Iterator[Iterator[bytes]]:
        """The body at `path` piece by piece; `ServiceAnswerError` once it exceeds `maximum` bytes."""
        with self._answer("GET", path, query, maximum) as chunks:
            yield chunks

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        query: Query | None,
        maximum: int,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[bytes]]:
        url = f"{self.url}{path}"
        watchdog = _Watchdog(url, self._pace.deadline)
        with watchdog:
            response = self._send(method, url, query, body, headers, watchdog)
            try:
                with watchdog.named(), _as_typed_errors(url):
                    if not response.is_success:
                        raise self._refusal(url, response, watchdog)
                    yield self._chunks(url, response, maximum, watchdog)
            finally:
                response.close()

    def _send(
        self,
        method: str,
        url: str,
        query: Query | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        watchdog: _Watchdog,
    ) -> httpx.Response:
        """The response to the request, its body unread, after as many attempts as are allowed."""
        for attempt in range(1, self._pace.attempts + 1):
            last = attempt == self._pace.attempts
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), MAX_PAUSE_SECONDS)
            request = self._client.build_request(
                method,
                url,
                params=dict(query) if query else None,
                content=body,
                headers=headers,
                extensions={"trace": self._remember_connection},
            )
            watchdog.begin(self._connection)
            try:
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                watchdog.check()
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if last or not (unsent or method == "GET"):
                    raise UnreachableError(f"{url}: {_words(error)}") from error
            else:
                if last or response.status_code not in _BUSY:
                    return response
                pause = max(pause, _asked_pause(response))
                response.close()
            watchdog.stop()
            self._sleep(pause)
        raise UnreachableError(f"{url}: no attempt was allowed")

    def _remember_connection(self, event: str, details: Mapping[str, Any]) -> None:
        """Told by the HTTP library what happens: keeps the stream of the newest connection."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = details.get("return_value")

    def _connection(self) -> socket.socket | None:
        """The socket of the newest connection, None where there is none (yet)."""
        found = None if self._stream is None else self._stream.get_extra_info("socket")
        return found if isinstance(found, socket.socket) else None

    def _chunks(
        self, url: str, response: httpx.Response, maximum: int, watchdog: _Watchdog
    ) -> Iterator[bytes]:
        stated = response.headers.get("Content-Length", "")
        if stated.isdecimal() and int(stated[:20]) > maximum:
            raise ServiceAnswerError(f"{url} answers with {stated[:20]} bytes, more than {maximum}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ServiceAnswerError(f"{url} answers in an encoding that was not asked for")
        received = 0
        for chunk in response.iter_bytes():  # as it came: no encoding is let through above
            received += len(chunk)
            if received > maximum:
                raise ServiceAnswerError(f"{url} answers with more than {maximum} bytes")
            watchdog.check()
            yield chunk
        watchdog.check()  # a body whose connection was cut may look whole

    def _refusal(self, url: str, response: httpx.Response, watchdog: _Watchdog) -> SealedbookError:
        """What a response that is no success says."""
        status = response.status_code
        if 300 <= status < 400:
            return ServiceAnswerError(f"{url} redirects ({status}); give the address that it redirects to")
        code = title = detail = ""
        if response.headers.get("Content-Type", "").partition(";")[0].strip() == _PROBLEM_TYPE:
            with contextlib.suppress(SealedbookError), _as_typed_errors(url):
                code, title, detail = _problem(
                    b"".join(self._chunks(url, response, MAX_PROBLEM_BYTES, watchdog))
                )
        if status >= 500 or status == 429:
            said = f": {title}" if title else ""
            return UnreachableError(f"{url} answered {status}{said}")
        return ServiceRefusedError(url, status, code, title, detail)


class _Watchdog:
    """The deadline of one attempt, from the request on: a context manager.

    Waits for the network are bounded one by one (`Pace.timeout`), which a service that sends a byte now and then never
    exceeds: headers could take days. So the connection is shut down from outside when the time is over.
    """

    def __init__(self, url: str, deadline: float | None) -> None:
        self._url = url
        self._deadline = deadline
        self._ends: float | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def begin(self, connection: Callable[[], socket.socket | None]) -> None:
        """From now on; `connection` finds the socket that is in use when the time is over."""
        self.stop()
        if self._deadline is None:
            return
        self._ends = time.monotonic() + self._deadline

        def cut() -> None:
            found = connection()
            if found is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(found, socket.SHUT_RDWR)

        self._timer = threading.Timer(max(0.0, self._deadline), cut)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Not any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check(self) -> None:
        """`UnreachableError` once the time is over."""
        if self._ends is not None and time.monotonic() > self._ends:
            raise UnreachableError(f"{self._url} took more than {self._deadline:g} seconds to answer")

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """What fails once the time is over, fails because of that."""
        try:
            yield
        except UnreachableError as error:
            try:
                self.check()
            except UnreachableError as late:
                raise late from error
            raise


def base_url(url: str) -> str:
    """`url` without a slash at its end; `ServiceAnswerError` unless it is a plain http or https address."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise ServiceAnswerError(f"{url[:200]!r} is not an address") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ServiceAnswerError(f"{url[:200]!r} is not an http or https address")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ServiceAnswerError("the address of a service has no user, query or fragment")
    return str(parsed).rstrip("/")


def _problem(data: bytes) -> tuple[str, str, str]:
    """``code``, ``title`` and ``detail`` of a problem document; what is no short text is left out.

    Line breaks and the like stand in escapes: they end up in messages, where a line of their own could pass for ours.
    """
    fields = JsonObject(parse_json(data))
    values = []
    for name in ("code", "title", "detail"):
        value = fields.peek(name)
        values.append(visible(value[:1000]) if isinstance(value, str) else "")
    return values[0], values[1], values[2]


def visible(text: str) -> str:
    """`text` of a service with everything unprintable in escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _asked_pause(response: httpx.Response) -> float:
    """The seconds of ``Retry-After``, bounded; 0 where it is absent or a date."""
    text = response.headers.get("Retry-After", "")
    return (
        min(float(text), MAX_PAUSE_SECONDS) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0
    )


@contextlib.contextmanager
def _as_typed_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
        raise UnreachableError(f"{url}: {_words(error)}") from error


def _words(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return str(error) or type(error).__name__
