"""Publishing a bundle to a service: what is missing is asked for, brought in pieces, and committed.

Everything can be interrupted and done again: the service says how far it is, and takes nothing twice.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import httpx

from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME, Attestation
from primitives.errors import SealedbookError, UnreachableError
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json
from sealedbook.service_client import Pace, ServiceAnswerError, ServiceClient, ServiceRefusedError, visible

PUBLICATIONS_PATH: Final = "/v1/publications"
ENTRIES_PATH: Final = "/v1/log/entries"
PIECE_BYTES: Final = 8 << 20
MAX_INTERRUPTIONS: Final = 20
"""Times in a row that a lost connection is met by asking how far the service is."""
_TIMEOUT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 2.0
_MAX_STATE_BYTES: Final = 64 << 20
_JSON: Final = "application/json"
_PASSING: Final = ("wrong-offset", "publication-busy")
"""Refusals that another publisher of the same bundle causes."""


class PublishReport(Protocol):
    """Is told how far a publication is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` bytes of `stage`."""


class PublicationRefusedError(SealedbookError):
    """The service verified the bundle and refused it."""


@dataclass(frozen=True)
class Missing:
    """A file of which the service has `received` of `size` bytes."""

    name: str
    size: int
    received: int


@dataclass(frozen=True)
class PublicationStatus:
    """How far a publication is, as the service says."""

    id: str
    state: str
    missing: tuple[Missing, ...]
    log_index: int | None
    failure: str

    @property
    def remaining(self) -> int:
        """Bytes that are still to be brought."""
        return sum(each.size - each.received for each in self.missing)


class PublishingClient(ServiceClient):
    """The routes below ``/v1/publications``, with a publisher's credential.

    What the service says is missing decides what is sent, so it is held against the bundle's own attestation: a service
    must not be able to name a file beside the bundle, a key for instance, and have it brought.
    """

    def __init__(self, url: str, credential: str, *, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(
            url,
            pace=Pace(timeout=_TIMEOUT_SECONDS, deadline=None),
            headers={"Authorization": f"Bearer {credential}"},
            transport=transport,
        )

    def publish(self, bundle: Path, report: PublishReport) -> PublicationStatus:
        """Publish the bundle in this folder, or go on where an earlier run stopped; its status, published.

        Raises `PublicationRefusedError`, `ServiceRefusedError`, `UnreachableError`, `ServiceAnswerError`, `OSError`.
        """
        own = _Own.read(bundle)
        interruptions, least = 0, self._begin(own).remaining
        while True:
            try:
                status = self._begin(own)
                if status.remaining < least:
                    interruptions, least = 0, status.remaining
                while status.missing:
                    self._bring(bundle, status, report)
                    status = self._status(own)
                return self._commit(own, report)
            except (UnreachableError, ServiceRefusedError) as error:
                if isinstance(error, ServiceRefusedError) and error.code not in _PASSING:
                    raise
                interruptions += 1
                if interruptions > MAX_INTERRUPTIONS:
                    raise
                time.sleep(min(interruptions, 10) * 0.2)

    def publish_entry(self, entry: bytes) -> int:
        """Bring a signed revocation or change of key to the log; the index that it has there."""
        data = self.post(ENTRIES_PATH, entry, content_type=_JSON, maximum=_MAX_STATE_BYTES)
        try:
            fields = JsonObject(parse_json(data))
            index: int = fields.integer("index", minimum=0, maximum=1 << 40)
        except JsonError as error:
            raise ServiceAnswerError(f"the service's answer is none: {error}") from error
        return index

    def _begin(self, own: _Own) -> PublicationStatus:
        body = canonical_json({"attestation": own.attestation, "signature": own.signature})
        return own.checked(self.post(PUBLICATIONS_PATH, body, content_type=_JSON, maximum=_MAX_STATE_BYTES))

    def _status(self, own: _Own) -> PublicationStatus:
        return own.checked(self.get(f"{PUBLICATIONS_PATH}/{own.id}", maximum=_MAX_STATE_BYTES))

    def _bring(self, bundle: Path, status: PublicationStatus, report: PublishReport) -> None:
        total = sum(each.size for each in status.missing)
        done = sum(each.received for each in status.missing)
        for missing in status.missing:
            with (bundle / missing.name).open("rb") as file:
                file.seek(missing.received)
                start = missing.received
                while start < missing.size or missing.size == 0:
                    piece = file.read(min(PIECE_BYTES, missing.size - start))
                    if len(piece) < min(PIECE_BYTES, missing.size - start):
                        raise ServiceAnswerError(f"{missing.name} is shorter than the attestation lists")
                    self._put(status.id, missing, start, piece)
                    start += len(piece)
                    done += len(piece)
                    report("Uploading", done, total)
                    if missing.size == 0:
                        break

    def _put(self, publication: str, missing: Missing, start: int, piece: bytes) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        if len(piece) < missing.size:
            headers["Content-Range"] = f"bytes {start}-{start + len(piece) - 1}/{missing.size}"
        path = f"{PUBLICATIONS_PATH}/{publication}/files/{missing.name}"
        with self._answer("PUT", path, None, _MAX_STATE_BYTES, body=piece, headers=headers) as chunks:
            for _ in chunks:
                pass

    def _commit(self, own: _Own, report: PublishReport) -> PublicationStatus:
        path = f"{PUBLICATIONS_PATH}/{own.id}/commit"
        status = own.checked(self.post(path, b"", content_type=_JSON, maximum=_MAX_STATE_BYTES))
        while status.state == "committing":
            report("Verifying at the service", 0, 1)
            time.sleep(_POLL_SECONDS)
            status = self._status(own)
        if status.state == "complete":  # the service was restarted meanwhile
            raise UnreachableError("the service stopped while it verified the bundle")
        if status.state != "published":
            raise PublicationRefusedError(f"the service refused the bundle: {status.failure or status.state}")
        report("Verifying at the service", 1, 1)
        return status


@dataclass(frozen=True)
class _Own:
    """What is to be published, from our own files: the exact text of the two files that name it, and what they list."""

    id: str
    attestation: str
    signature: str
    sizes: Mapping[str, int]

    @staticmethod
    def read(bundle: Path) -> _Own:
        """From the bundle's folder. Raises `JsonError` and `OSError`."""
        data = (bundle / ATTESTATION_NAME).read_bytes()
        sizes = {entry.name: entry.size for entry in Attestation.parse(data).files}
        signature = (bundle / SIGNATURE_NAME).read_bytes().decode("utf-8", errors="replace")
        return _Own(hashlib.sha256(data).hexdigest(), data.decode("utf-8"), signature, sizes)

    def checked(self, data: bytes) -> PublicationStatus:
        """The status in an answer; `ServiceAnswerError` unless it is of this bundle and asks for its files alone."""
        status = _parse_status(data)
        if status.id != self.id:
            raise ServiceAnswerError(f"the service speaks of another publication than {self.id}")
        for missing in status.missing:
            if self.sizes.get(missing.name) != missing.size:
                raise ServiceAnswerError(
                    f"the service asks for {missing.name[:100]!r}, which the attestation does not list so"
                )
        return status


def _parse_status(data: bytes) -> PublicationStatus:
    try:
        fields = JsonObject(parse_json(data))
        missing = fields.array("missing", _parse_missing, max_items=1 << 16)
        failure = fields.raw("failure")
        log_index = fields.raw("log_index")
        return PublicationStatus(
            fields.hex("id", 32).hex(),
            fields.text("state"),
            tuple(missing),
            log_index if isinstance(log_index, int) else None,
            _failure_text(failure),
        )
    except JsonError as error:
        raise ServiceAnswerError(f"the service's answer is none: {error}") from error


def _parse_missing(value: Json, path: str) -> Missing:
    fields = JsonObject(value, path)
    size = fields.integer("bytes", minimum=0, maximum=1 << 42)
    return Missing(fields.text("name"), size, fields.integer("received", minimum=0, maximum=size))


def _failure_text(value: Json) -> str:
    if not isinstance(value, Mapping):
        return ""
    said = ": ".join(str(value.get(name, ""))[:1000] for name in ("title", "detail"))
    return visible(said)
