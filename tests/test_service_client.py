"""The client of a service: bounds, retries, and what each failure is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from primitives.errors import UnreachableError
from sealedbook.service_client import (
    MAX_PAUSE_SECONDS,
    Pace,
    ServiceAnswerError,
    ServiceClient,
    ServiceRefusedError,
)

URL = "http://service.example.com"
Handler = Callable[[httpx.Request], httpx.Response]


class Pieces(httpx.SyncByteStream):
    """A body of pieces, without a length."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces


def client(handler: Handler, pauses: list[float] | None = None, pace: Pace | None = None) -> ServiceClient:
    sleep = pauses.append if pauses is not None else (lambda _: None)
    return ServiceClient(URL, pace=pace, transport=httpx.MockTransport(handler), sleep=sleep)


def answering(*responses: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    """A handler that gives these one after the other, and the requests it saw."""
    left, seen = list(responses), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        response = left.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    return handle, seen


def test_an_answer_within_its_bound() -> None:
    handle, seen = answering(httpx.Response(200, stream=Pieces([b"ab", b"cd"])))
    assert client(handle).get("/v1/x", {"a": 1}, maximum=4) == b"abcd"
    assert str(seen[0].url) == f"{URL}/v1/x?a=1"
    assert seen[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (httpx.Response(200, content=b"12345"), "answers with 5 bytes, more than 4"),
        (httpx.Response(200, stream=Pieces([b"123", b"45"])), "more than 4 bytes"),
        (httpx.Response(200, headers={"Content-Encoding": "br"}, stream=Pieces([b"1"])), "encoding"),
        (httpx.Response(307, headers={"Location": "http://elsewhere.example.com"}), "redirects"),
    ],
)
def test_an_answer_that_is_not_taken(response: httpx.Response, reason: str) -> None:
    handle, seen = answering(response)
    with pytest.raises(ServiceAnswerError, match=reason):
        client(handle).get("/", maximum=4)
    assert len(seen) == 1


def test_an_answer_that_drips_is_given_up() -> None:
    handle, _ = answering(httpx.Response(200, stream=Pieces([b"1"] * 3)))
    with pytest.raises(UnreachableError, match="more than -1 seconds"):
        client(handle, pace=Pace(deadline=-1)).get("/", maximum=4)


def test_json_is_strict() -> None:
    handle, _ = answering(httpx.Response(200, content=b'{"a":1}'), httpx.Response(200, content=b'{"a":1.5}'))
    assert client(handle).get_json("/", maximum=99) == {"a": 1}
    with pytest.raises(ServiceAnswerError, match="not an integer"):
        client(handle).get_json("/", maximum=99)


def problem(status: int, headers: dict[str, str] | None = None) -> httpx.Response:
    body = b'{"type":"about:blank","title":"No","status":404,"code":"not-found","detail":"such a thing"}'
    return httpx.Response(
        status,
        content=body,
        headers={"Content-Type": "application/problem+json; charset=utf-8", **(headers or {})},
    )


def test_a_refusal_says_what_the_service_said() -> None:
    handle, _ = answering(problem(404), httpx.Response(403, content=b"<html>"))
    with pytest.raises(ServiceRefusedError, match="404: No: such a thing") as caught:
        client(handle).get("/", maximum=9)
    assert (caught.value.status, caught.value.code, caught.value.detail) == (404, "not-found", "such a thing")
    with pytest.raises(ServiceRefusedError, match="403: no reason given"):
        client(handle).get("/", maximum=9)


def test_what_is_busy_is_asked_again() -> None:
    pauses: list[float] = []
    handle, seen = answering(
        problem(503), problem(429, {"Retry-After": "7"}), problem(429, {"Retry-After": "999999"}),
        httpx.Response(200, content=b"ok"),
    )  # fmt: skip
    assert client(handle, pauses).get("/", maximum=9) == b"ok"
    assert len(seen) == 4
    assert pauses == [0.5, 7.0, MAX_PAUSE_SECONDS]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_service_that_stays_busy_is_unreachable(status: int) -> None:
    handle, seen = answering(*(problem(status) for _ in range(3)))
    with pytest.raises(UnreachableError, match=f"answered {status}: No"):
        client(handle, pace=Pace(attempts=3)).get("/", maximum=9)
    assert len(seen) == (1 if status in (500, 502) else 3)


def test_a_lost_connection_is_tried_again_where_nothing_can_happen_twice() -> None:
    lost = httpx.ReadTimeout("")
    handle, seen = answering(lost, httpx.ConnectError("refused"), httpx.Response(200, content=b"ok"))
    assert client(handle).get("/", maximum=9) == b"ok"
    handle, seen = answering(httpx.ConnectError("refused"), httpx.Response(200, content=b"ok"))
    assert client(handle).post("/", b"body", content_type="text/plain", maximum=9) == b"ok"
    assert (seen[1].content, seen[1].headers["Content-Type"]) == (b"body", "text/plain")
    handle, seen = answering(lost, httpx.Response(200))
    with pytest.raises(UnreachableError, match="no answer in time"):
        client(handle).post("/", b"body", content_type="text/plain", maximum=9)
    assert len(seen) == 1
    handle, _ = answering(*[httpx.ConnectError("refused")] * 2)
    with pytest.raises(UnreachableError, match="refused"):
        client(handle, pace=Pace(attempts=2)).get("/", maximum=9)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "service",
        "ftp://service",
        "http://",
        "http://user:word@host",
        "http://host?x=1",
        "http://host#x",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ServiceAnswerError, match="address"):
        ServiceClient(url)


def test_a_path_before_the_routes_is_kept() -> None:
    with ServiceClient("https://host.example.com/book/") as service:
        assert service.url == "https://host.example.com/book"
