"""The SHAKE128 duplex sponge of draft-irtf-cfrg-fiat-shamir, and session identifiers."""

from __future__ import annotations

import hashlib
from typing import Final

RATE_BYTES: Final = 168
"""The rate of SHAKE128: the session identifier is padded to it, so that all else starts a fresh block."""
SESSION_ID_BYTES: Final = 32
_SESSION_ID_DOMAIN: Final = b"irtf-cfrg-fiat-shamir/session-id"
_FIELD_SEPARATOR: Final = b"\x00"


class DuplexSponge:
    """``Squeeze`` yields ``SHAKE128(session_id || 0^136 || everything absorbed)`` as one stream.

    Consecutive squeezes continue the stream; absorbing a non-empty string starts it anew, over the longer
    input. Squeezed bytes are never fed back.
    """

    def __init__(self, session_id: bytes) -> None:
        if len(session_id) != SESSION_ID_BYTES:
            raise ValueError(f"a session identifier has {SESSION_ID_BYTES} bytes, not {len(session_id)}")
        self._hash = hashlib.shake_128(session_id + bytes(RATE_BYTES - SESSION_ID_BYTES))
        self._squeezed = 0

    def absorb(self, data: bytes) -> None:
        """Append `data` to the input; absorbing nothing changes nothing."""
        if data:
            self._hash.update(data)
            self._squeezed = 0

    def squeeze(self, length: int) -> bytes:
        """The next `length` bytes of the stream.

        hashlib reads a stream from its start only, so the cost is that of all bytes since the last absorb.
        """
        start, stop = self._squeezed, self._squeezed + length
        self._squeezed = stop
        return self._hash.digest(stop)[start:]


def derive_session_id(tag: bytes) -> bytes:
    """DeriveSessionID: 32 bytes that stand for the application, the protocol and its context."""
    sponge = DuplexSponge(_SESSION_ID_DOMAIN)
    sponge.absorb(tag)
    return sponge.squeeze(SESSION_ID_BYTES)


def compose_tag(protocol_id: bytes, session: bytes) -> bytes:
    """The tag of one protocol in one session: ``protocol_id``, then, unless empty, ``00 || session``.

    Unambiguous, because `protocol_id` must be printable ASCII (`ValueError` otherwise) and so ends at the
    first zero byte. It names application, protocol, codecs and suite; `session` is any context.
    """
    if not protocol_id or any(not 0x21 <= byte <= 0x7E for byte in protocol_id):
        raise ValueError("a protocol identifier is a non-empty string of printable ASCII without spaces")
    return protocol_id + _FIELD_SEPARATOR + session if session else protocol_id
