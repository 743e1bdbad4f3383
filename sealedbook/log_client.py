"""The transparency log of a service, over HTTP: what a monitor reads (`verifier.log_monitor.LogSource`).

A request that the log refuses where it cannot rightly (a proof about its own checkpoints) is a failed check; one that
it does not answer leaves everything open and is a `primitives.errors.UnreachableError`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from primitives.errors import UnreachableError
from primitives.log_checkpoint import MAX_LOG_SIZE
from primitives.log_entry import MAX_ENTRY_BYTES
from primitives.parameters import HASH_BYTES
from primitives.signed_note import MAX_NOTE_BYTES
from primitives.strict_json import Json, JsonError, JsonObject
from sealedbook.service_client import ServiceAnswerError, ServiceClient, ServiceRefusedError
from verifier.checks import Check, VerificationError
from verifier.transparency import MAX_PROOF_HASHES

LOG_PATH: Final = "/v1/log"
MAX_LOOK_SECONDS: Final = 3600.0
"""From asking for a checkpoint to its last entry: a log that brings one entry every other minute does not answer."""
_MAX_PROOF_BYTES: Final = 1 << 16


@dataclass(frozen=True)
class ServedInclusion:
    """An inclusion proof as the log gave it; nothing is checked yet."""

    index: int
    hashes: list[bytes]


class LogClient(ServiceClient):
    """The routes below ``/v1/log``."""

    _look_ends: float | None = None

    def checkpoint(self, cosignatures: int = 0) -> bytes:
        """The latest signed note with at least so many cosignatures."""
        self._look_ends = time.monotonic() + MAX_LOOK_SECONDS
        query = {"cosignatures": cosignatures} if cosignatures else None
        with _refusal_is(Check.LOG_WITNESSES if cosignatures else Check.LOG_CHECKPOINT):
            return self.get(f"{LOG_PATH}/checkpoint", query, maximum=MAX_NOTE_BYTES)

    def entries(self, start: int, count: int) -> list[bytes]:
        """At most `count` entries from index `start`."""
        if self._look_ends is not None and time.monotonic() > self._look_ends:
            raise UnreachableError(
                f"{self.url}: the log's entries took more than {MAX_LOOK_SECONDS:g} seconds"
            )
        with _refusal_is(Check.LOG_ENTRIES):
            data = self.get(
                f"{LOG_PATH}/entries",
                {"start": start, "count": count},
                maximum=count * (MAX_ENTRY_BYTES + 1),
            )
        return data.removesuffix(b"\n").split(b"\n") if data else []

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """The hashes of a proof that the log of `first` entries is the beginning of that of `second`."""
        with _refusal_is(Check.LOG_CONSISTENCY):
            fields = self._proof("consistency", {"first": first, "second": second})
            fields.integer("first", minimum=first, maximum=first)
            fields.integer("second", minimum=second, maximum=second)
            hashes = fields.array("hashes", _parse_hash, max_items=MAX_PROOF_HASHES)
            fields.finish()
            return hashes

    def inclusion_proof(self, leaf: bytes, size: int) -> ServedInclusion:
        """Where the log of `size` entries has the one with this leaf hash, and the hashes of the proof."""
        with _refusal_is(Check.LOG_INCLUSION):
            fields = self._proof("inclusion", {"digest": leaf.hex(), "size": size})
            index = fields.integer("index", minimum=0, maximum=MAX_LOG_SIZE)
            fields.integer("size", minimum=size, maximum=size)
            fields.constant("leaf_hash", leaf.hex())
            hashes = fields.array("hashes", _parse_hash, max_items=MAX_PROOF_HASHES)
            fields.finish()
            return ServedInclusion(index, hashes)

    def _proof(self, kind: str, query: dict[str, str | int]) -> JsonObject:
        return JsonObject(self.get_json(f"{LOG_PATH}/proof/{kind}", query, maximum=_MAX_PROOF_BYTES))


@contextmanager
def _refusal_is(check: Check) -> Iterator[None]:
    """A refusal, or an answer that is none, fails `check`."""
    try:
        yield
    except (ServiceRefusedError, ServiceAnswerError, JsonError) as error:
        raise VerificationError(check, str(error)) from error


def _parse_hash(value: Json, path: str) -> bytes:
    return JsonObject({"hash": value}, path).hex("hash", HASH_BYTES)
