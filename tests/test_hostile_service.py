"""A service that means harm to who talks to it: publishers, holders and monitors."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from log_support import AS_OF, LOG_SIGNER, NOW, POLICY, ListSource, attestation, entries, seed
from sealing_support import Sealed, fastest_backend, seal

from primitives.attestation import ATTESTATION_NAME, format_time
from primitives.errors import UnreachableError
from primitives.log_entry import AttestationEntry, LogEntry
from primitives.signed_note import SignedNote
from prover.log_entries import make_revocation, make_rotation
from sealedbook.attestation_client import AttestationClient, FetchError, fetch_bundle
from sealedbook.log_client import MAX_LOOK_SECONDS
from sealedbook.publishing_client import PublishingClient
from sealedbook.service_check import check_service, service_report
from sealedbook.service_client import Pace, ServiceAnswerError, ServiceClient, ServiceRefusedError
from verifier import log_monitor
from verifier.checks import VerificationError
from verifier.findings import Level
from verifier.log_history import LogHistory
from verifier.log_monitor import LogMismatchError, observe
from verifier.transparency import verify_checkpoint

URL = "http://service.example.com"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return seal(tmp_path_factory.mktemp("sealed-for-hostile-service"), fastest_backend())


def digest_of(sealed: Sealed) -> str:
    return hashlib.sha256((sealed.bundle / ATTESTATION_NAME).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "../vault/issuer.key"}, "does not list so"),
        ({"name": "{folder}/vault/issuer.key"}, "does not list so"),
        ({"name": "notes.txt"}, "does not list so"),
        ({"bytes": 3}, "does not list so"),
        ({"id": "00" * 32}, "another publication"),
    ],
)
def test_a_publisher_brings_nothing_but_the_files_of_the_bundle(
    sealed: Sealed, changes: dict[str, Any], reason: str
) -> None:
    """What is missing is the service's word: it must not name a key of the vault and have it brought."""
    (sealed.bundle / "notes.txt").write_bytes(b"not listed")
    secret = (sealed.folder / "vault" / "issuer.key").stat().st_size
    missing: dict[str, Any] = {"name": "leaves.bin", "bytes": secret, "sha256": "00" * 32, "received": 0}
    status: dict[str, Any] = {
        "id": digest_of(sealed),
        "state": "uploading",
        "failure": None,
        "log_index": None,
    }
    for name, value in changes.items():
        place = status if name == "id" else missing
        place[name] = value.format(folder=sealed.folder) if isinstance(value, str) else value
    brought = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            brought.append(request.content)
            return httpx.Response(204)
        return httpx.Response(200, content=json.dumps({**status, "missing": [missing]}))

    with (
        PublishingClient(URL, "sbp_", transport=httpx.MockTransport(handle)) as client,
        pytest.raises(ServiceAnswerError, match=reason),
    ):
        client.publish(sealed.bundle, lambda *_: None)
    assert brought == []


class HostileLog:
    """A service with one attestation and a log of one's choice."""

    def __init__(self, sealed: Sealed, log: Sequence[LogEntry]) -> None:
        self.bundle = sealed.bundle
        self.digest = digest_of(sealed)
        self.source = ListSource([entry.to_bytes() for entry in log])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/attestations/latest":
            return httpx.Response(200, json={"digest": self.digest, "revocation": None})
        if "/files/" in path:
            return httpx.Response(200, content=(self.bundle / path.partition("/files/")[2]).read_bytes())
        if path == "/v1/log/checkpoint":
            return httpx.Response(200, content=self.source.checkpoint(0))
        start, count = (int(request.url.params[name]) for name in ("start", "count"))
        found = self.source.entries(start, count)
        return httpx.Response(200, content=b"".join(entry + b"\n" for entry in found))

    def client(self) -> AttestationClient:
        return AttestationClient(URL, transport=httpx.MockTransport(self), sleep=lambda _: None)


def test_what_a_given_up_key_takes_back_stands(sealed: Sealed, tmp_path: Path) -> None:
    """Protocol, section 13.4: a thief of the old key cannot make holders' checks fail."""
    old, new = sealed.issuer, seal(tmp_path / "new", fastest_backend()).issuer
    entry = AttestationEntry.of((sealed.bundle / ATTESTATION_NAME).read_bytes())
    rotation = make_rotation(old, new, AS_OF)
    by_old, by_new = (
        make_revocation(issuer, entry.attestation_sha256, "because", AS_OF) for issuer in (old, new)
    )

    def check(*log: LogEntry) -> int:
        with HostileLog(sealed, log).client() as client:
            return check_service(client, POLICY, issuer_key=old.public_key).log_index

    assert check(entry, rotation, by_old) == 0
    assert check(by_old, entry) == 1  # it takes nothing back that was not there
    refused: list[list[LogEntry]] = [[entry, by_old, rotation], [entry, rotation, by_old, by_new]]
    for log in refused:
        with pytest.raises(VerificationError, match=r"L12-not-revoked.*because"):
            check(*log)


def test_a_log_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the log's key can state any size, and bring entries for ever."""
    data = entries(5)
    monkeypatch.setattr(log_monitor, "MAX_LOG_ENTRIES", 4)
    with pytest.raises(LogMismatchError, match=r"L8-entries.*5 entries, more than the 4"):
        observe(ListSource(data), POLICY, None, now=NOW)
    monkeypatch.setattr(log_monitor, "MAX_LOG_ENTRIES", 5)
    monkeypatch.setattr(log_monitor, "MAX_LOG_BYTES", sum(map(len, data)) - 1)
    state = observe(ListSource(data[:4]), POLICY, None, now=NOW).state
    for remembered in (None, state):
        with pytest.raises(LogMismatchError, match=r"L8-entries.*bytes that are read"):
            observe(ListSource(data), POLICY, remembered, now=NOW)


def test_many_books_and_keys_cost_no_more_than_their_number() -> None:
    """Entries of attestations need no signature: a log can hold as many as it likes, of one name and one time."""
    looked_up = 0

    class Counting(LogHistory):
        def _line(self, key: bytes) -> bytes:
            nonlocal looked_up
            looked_up += 1
            return super()._line(key)

    history = Counting()
    for number in range(500):
        other = attestation(1000 + number, day=0)
        history.add(number, replace(other, issuer_key=seed(f"key {number}")))
        history.add(number, attestation(number, day=0))
    assert looked_up < 5 * 1000
    (conflict,) = history.conflicts()
    assert "and 480 more" in conflict.detail
    assert len(conflict.indexes) == 500


def test_a_log_that_drips_does_not_answer(monkeypatch: pytest.MonkeyPatch, sealed: Sealed) -> None:
    """Without a bound on a whole look, a monitor that is fed one entry at a time never tells anything."""
    hostile = HostileLog(sealed, [attestation(number) for number in range(5)])
    clock = [0.0]
    monkeypatch.setattr("sealedbook.log_client.time.monotonic", lambda: clock[0])
    whole = hostile.source.entries

    def drip(start: int, count: int) -> list[bytes]:
        clock[0] += MAX_LOOK_SECONDS / 3
        return whole(start, 1)

    monkeypatch.setattr(hostile.source, "entries", drip)
    with (
        AttestationClient(URL, transport=httpx.MockTransport(hostile), pace=Pace(deadline=None)) as client,
        pytest.raises(UnreachableError, match="took more than 3600 seconds"),
    ):
        observe(client, POLICY, None, now=NOW)


@pytest.mark.parametrize(
    ("part", "error", "reason"),
    [
        ("headers", UnreachableError, r"took more than 0\.4 seconds"),
        ("body", UnreachableError, r"took more than 0\.4 seconds"),
        ("problem", ServiceRefusedError, "404: no reason given"),
    ],
)
def test_an_answer_that_drips_is_cut_off(part: str, error: type[Exception], reason: str) -> None:
    """A byte now and then keeps every single wait short: headers alone could take days."""
    begin = {
        "headers": b"HTTP/1.1 200 OK\r\n",
        "body": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "problem": b"HTTP/1.1 404 No\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n",
    }[part]
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(begin)
            while not stopped.wait(0.05):
                connection.sendall(b"X")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        pace = Pace(deadline=0.4, attempts=3)
        with (
            ServiceClient(f"http://127.0.0.1:{listening.getsockname()[1]}", pace=pace) as client,
            pytest.raises(error, match=reason),
        ):
            client.get("/", maximum=1 << 20)
    finally:
        stopped.set()
        thread.join()
        listening.close()


def test_what_a_service_says_stays_on_its_line() -> None:
    """A line break in a refusal could print a verdict of its own; so could an escape sequence."""
    said = {"title": "No\nACCEPTED", "detail": "\x1b[2Jyou\u202e are in the book", "code": "x"}

    def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json=said, headers={"Content-Type": "application/problem+json"})

    with (
        ServiceClient(URL, transport=httpx.MockTransport(handle)) as client,
        pytest.raises(ServiceRefusedError) as caught,
    ):
        client.get("/", maximum=9)
    assert str(caught.value).isprintable()
    assert "No\\nACCEPTED: \\x1b[2Jyou\\u202e are" in str(caught.value)


@pytest.mark.parametrize("whose", ["link", "stranger"])
def test_a_bundle_is_not_fetched_into_what_somebody_else_prepared(
    sealed: Sealed, tmp_path: Path, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder's name can be foreseen, and partial files in it are gone on with: they could be links."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    work = tmp_path / f".bundle.fetching-{digest_of(sealed)[:16]}"
    if whose == "link":
        work.symlink_to(elsewhere)
    else:
        work.mkdir()
        monkeypatch.setattr("sealedbook.attestation_client.os.geteuid", lambda: os.getuid() + 1)
    with HostileLog(sealed, []).client() as client, pytest.raises(FetchError, match="made by somebody else"):
        fetch_bundle(
            client, "latest", tmp_path / "bundle", issuer_key=None, max_bytes=1 << 30, report=lambda *_: None
        )
    assert list(elsewhere.iterdir()) == []
    assert list(work.iterdir()) == []


def test_an_old_book_shown_as_the_latest_is_told(sealed: Sealed, tmp_path: Path) -> None:
    """A service may point `latest` wherever it likes: the log tells what is newer."""
    old, stranger = sealed.issuer, seal(tmp_path / "stranger", fastest_backend()).issuer
    entry = AttestationEntry.of((sealed.bundle / ATTESTATION_NAME).read_bytes())

    def later(days: int, key: bytes) -> AttestationEntry:
        moment = entry.as_of + timedelta(days=days)
        return replace(attestation(days), issuer_key=key, as_of=moment)

    withdrawn = later(2, old.public_key)
    revocation = make_revocation(old, withdrawn.attestation_sha256, "because", AS_OF)
    log: list[LogEntry] = [entry, withdrawn, revocation, later(3, stranger.public_key)]
    for more, expected in (
        ([], "has no later one"),
        ([later(1, old.public_key)], f"as of {format_time(entry.as_of + timedelta(days=1))}"),
    ):
        with HostileLog(sealed, [*log, *more]).client() as client:
            report = service_report(URL, check_service(client, POLICY, issuer_key=old.public_key))
        findings = {finding.subject: finding for finding in report.findings}
        assert expected in findings["Newest book"].text
        assert findings["How new the log is"].level is Level.NOT_PROVEN


@pytest.mark.parametrize(("count", "reason"), [(1, None), (16, None), (17, "more than 16 extension lines")])
def test_extension_lines_change_nothing(count: int, reason: str | None) -> None:
    """Other logs put them there: they are signed, and mean nothing here; a log without end of them is refused."""
    source = ListSource(entries(3))
    plain = SignedNote.parse(source.checkpoint(0)).text
    text = plain + "".join(f"extension {number}\n" for number in range(count))
    note = SignedNote(text, (LOG_SIGNER.sign(text),)).to_bytes()
    if reason is not None:
        with pytest.raises(VerificationError, match=f"L1-checkpoint.*{reason}"):
            verify_checkpoint(note, POLICY, now=NOW)
        return
    checkpoint = verify_checkpoint(note, POLICY, now=NOW)
    assert (checkpoint.size, checkpoint.root) == (
        3,
        verify_checkpoint(source.checkpoint(0), POLICY, now=NOW).root,
    )
    unsigned = note.replace(b"extension 0", b"extension 1")
    with pytest.raises(VerificationError, match="L3-log-signature"):
        verify_checkpoint(unsigned, POLICY, now=NOW)
