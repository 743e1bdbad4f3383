"""HTTP as uvicorn speaks it with httptools, with a bound on heads.

Neither httptools nor uvicorn limits how long a request line, a header, or all of them together may be, or how long they
may take; a proxy in front does, but a service must not fall over where there is none. Bodies are bounded by
`api.middleware`.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 << 10
"""Bytes that may come without bringing a request or its body any further."""
HEAD_SECONDS: Final = 30.0
"""Within which the head of the first request on a connection has to be complete, and of each further one from its
first byte."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """A connection that is closed where a head, a trailer or the framing of chunks is too long, or a head too slow.

    What is counted is what came since anything was brought to an end: a head, a piece of a body, a request. So the
    bound holds for endless headers, trailers and chunk extensions alike.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle_bytes = 0
        self._in_head = True
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A new connection: its first head has to come in time."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More bytes; the connection is closed once too many came without effect."""
        self._idle_bytes += len(data)
        if self._in_head and self._head_timer is None:
            self._expect_head()
        super().data_received(data)
        if self._idle_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._idle_bytes, self._in_head = 0, False
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._idle_bytes, self._in_head = 0, True
        super().on_message_complete()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
