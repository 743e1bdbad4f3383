"""The Fiat-Shamir transform of draft-irtf-cfrg-fiat-shamir over SHAKE128, for prover and verifier.

Both sides begin with the same protocol identifier and session, absorb the same public statement, and
then handle the prover's messages in the same order. A message is absorbed and written (prover), or read
and absorbed (verifier), in one call, so that none can be hashed and not sent, sent and not hashed, or
taken out of order.

    prover:   absorb_public(statement), write_points(A), e = challenge_scalar(), write_scalars(z), narg()
    verifier: absorb_public(statement), read_points(1), e = challenge_scalar(), read_scalars(1), finish()

Scalars are 32 bytes big-endian and points 48 bytes compressed, in the hash as in the string. Challenges are
little-endian integers, as the draft decodes them for every field.
"""

from __future__ import annotations

from typing import Final

from primitives.backend import Backend, PointVector, ScalarVector
from primitives.codec import decode_integer, decoding_bytes, serialize_length
from primitives.narg import NargReader
from primitives.parameters import GROUP_ORDER
from primitives.sponge import DuplexSponge, compose_tag, derive_session_id

SHORT_CHALLENGE_BYTES: Final = 16


class _Transcript:
    """What both sides do alike: start, absorb the statement, draw challenges."""

    def __init__(self, protocol_id: bytes, session: bytes) -> None:
        self._sponge = DuplexSponge(derive_session_id(compose_tag(protocol_id, session)))
        self._has_statement = False

    def absorb_public(self, *fields: bytes) -> None:
        """Absorb parts of the statement, each preceded by its length (so that no two statements collide).

        Sequences whose number is not fixed by the protocol need their count among the fields.
        """
        for field in fields:
            self._sponge.absorb(serialize_length(len(field)))
            self._sponge.absorb(field)
            self._has_statement = True

    def absorb_encoded(self, statement: bytes) -> None:
        """Absorb bytes as they are: for statements whose encoding is already prefix-free."""
        if not statement:
            raise ValueError("the encoding of a statement cannot be empty")
        self._sponge.absorb(statement)
        self._has_statement = True

    def challenge_scalar(self) -> int:
        """A challenge in ``[0, r)``, of bias below 2^-128."""
        return self.challenge_scalars(1)[0]

    def challenge_scalars(self, count: int) -> list[int]:
        """`count` challenges in ``[0, r)``: the same as as many calls of `challenge_scalar`."""
        width = decoding_bytes(GROUP_ORDER)
        stream = self._squeeze(count * width)
        chunks = (stream[start : start + width] for start in range(0, count * width, width))
        return [decode_integer(chunk, GROUP_ORDER) for chunk in chunks]

    def challenge_128(self) -> int:
        """A challenge in ``[0, 2^128)``."""
        return int.from_bytes(self._squeeze(SHORT_CHALLENGE_BYTES), "little")

    def _squeeze(self, length: int) -> bytes:
        self._require_statement()
        return self._sponge.squeeze(length)

    def _absorb_message(self, data: bytes) -> None:
        self._require_statement()
        self._sponge.absorb(data)

    def _require_statement(self) -> None:
        """A transform that hashes no statement proves any: refuse to run one ("weak Fiat-Shamir")."""
        if not self._has_statement:
            raise ValueError("the statement must be absorbed before the first message or challenge")


class ProverTranscript(_Transcript):
    """The prover's side: collects the NARG string."""

    def __init__(self, protocol_id: bytes, session: bytes = b"") -> None:
        super().__init__(protocol_id, session)
        self._messages: list[bytes] = []

    def write_points(self, points: PointVector, *, allow_identity: bool = False) -> None:
        """Send points; `ValueError` for the identity where the verifier refuses it."""
        if not allow_identity and points.identity_mask().any():
            raise ValueError("the identity cannot be sent where the verifier refuses it")
        self.write_bytes(points.to_compressed())

    def write_scalars(self, scalars: ScalarVector) -> None:
        """Send scalars."""
        self.write_bytes(scalars.to_bytes())

    def write_bytes(self, data: bytes) -> None:
        """Send a byte string of a length that the verifier knows."""
        self._absorb_message(data)
        self._messages.append(data)

    def narg(self) -> bytes:
        """All messages so far, in order: the proof, once the last one is written."""
        return b"".join(self._messages)


class VerifierTranscript(_Transcript):
    """The verifier's side: reads the NARG string.

    Every read raises `primitives.narg.NargError`, which names `label`, on bytes that are not the
    canonical encoding of exactly what is asked for.
    """

    def __init__(self, backend: Backend, protocol_id: bytes, session: bytes = b"", *, narg: bytes) -> None:
        super().__init__(protocol_id, session)
        self._reader = NargReader(backend, narg)

    def expect_remaining(self, length: int, label: str) -> None:
        """Check that exactly `length` bytes remain, before reading any of them."""
        self._reader.expect_remaining(length, label)

    def read_points(self, count: int, label: str, *, allow_identity: bool = False) -> PointVector:
        """Receive points of E, **not** checked to be in G1 (see `NargReader.read_points`)."""
        start = self._reader.offset
        points = self._reader.read_points(count, label, allow_identity=allow_identity)
        self._absorb_message(self._reader.bytes_since(start))
        return points

    def read_subgroup_points(self, count: int, label: str) -> PointVector:
        """Receive points of G1, none of them the identity."""
        start = self._reader.offset
        points = self._reader.read_subgroup_points(count, label)
        self._absorb_message(self._reader.bytes_since(start))
        return points

    def read_scalars(self, count: int, label: str) -> ScalarVector:
        """Receive scalars."""
        start = self._reader.offset
        scalars = self._reader.read_scalars(count, label)
        self._absorb_message(self._reader.bytes_since(start))
        return scalars

    def read_bytes(self, length: int, label: str) -> bytes:
        """Receive a byte string of known length."""
        data = self._reader.read_bytes(length, label)
        self._absorb_message(data)
        return data

    def finish(self) -> None:
        """Check that the NARG string ends here; without this call it could be extended at will."""
        self._reader.finish()
