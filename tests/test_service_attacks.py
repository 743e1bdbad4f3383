"""What strangers send to the service, and what it must not do for them."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from log_support import NOW, WITNESSES, entries, served, stored_log
from sealing_support import AS_OF, Sealed, fastest_backend, resign, seal
from service_support import (
    PUBLISHER,
    TOKEN_AUDIENCE,
    TOKEN_ISSUER,
    TOKEN_PRIVATE,
    Service,
    as_holder,
    begin,
    proven,
    running,
    service_settings,
    upload_missing,
)

from api import http_protocol
from api.database.engine import Database
from api.derived import DerivedFileError
from api.http_protocol import MAX_HEAD_BYTES, BoundedHttpProtocol
from api.problems import Problem
from api.publication.records import find_file
from primitives.log_entry import RevocationEntry, RotationEntry
from primitives.signed_note import SignedNote
from prover.book.store import Book
from prover.commit import seal_book
from prover.log_entries import make_revocation, make_rotation


@pytest.fixture(scope="module")
def sealed_and_proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return proven(tmp_path_factory.mktemp("sealed-for-attacks"))


@pytest.fixture(scope="module")
def service(sealed_and_proven: Sealed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("attacked")
    with running(service_settings(folder, sealed_and_proven), raise_server_exceptions=False) as started:
        yield started


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("/v1/publications", {}, 401),
        ("/v1/publications", {"Authorization": "Bearer sbp_" + "A" * 43}, 401),
        ("/v1/me/certificates", {}, 401),
        ("/v1/me/certificates", {"Authorization": "Bearer a.b.c"}, 401),
        ("/v1/me/certificates", {"Authorization": "of another scope"}, 403),
        ("/v1/log/entries", {}, 401),
    ],
)
def test_bodies_of_strangers_are_not_even_read(
    service: Service, address: str, headers: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty megabytes of JSON took twenty seconds and two gigabytes before the credential was looked at."""

    async def never(*_: Any) -> None:
        raise AssertionError("read before the credential was checked")

    monkeypatch.setattr("api.routes.publications.read_body", never)
    monkeypatch.setattr("api.routes.me.read_body", never)
    if status == 403:
        headers = dict(as_holder("alice", scopes=["opening"]))  # made here: it expires
    for body in (b'{"model":[', b"x", b"[" * 100_000):
        answer = service.client.post(
            address, content=body, headers={**headers, "Content-Type": "application/json"}
        )
        assert answer.status_code == status, answer.text


def test_bodies_that_are_no_request_are_refused_without_their_contents(service: Service) -> None:
    for body in (
        b"",
        b"{",
        b"[" * 100_000,
        b'{"model":"\\ud800"}',
        b'{"model":"secret-1","extra":"secret-2"}',
        b'{"model":["secret-3"]}',
        b"\xff\xfe",
        b'{"model":"{}","attestation":"secret-4"}',
    ):
        answer = service.client.post("/v1/me/certificates", content=body, headers=as_holder("alice"))
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), body[:40]
        assert "secret" not in answer.text


def test_nobody_decides_what_caches_keep_for_others(service: Service, sealed_and_proven: Sealed) -> None:
    """A GET that looks like a preflight of a POST lost its CORS headers, and could be cached so for a year."""
    digest = service.publish(sealed_and_proven.bundle)
    address = f"/v1/attestations/{digest}/files/leaves.bin"
    plain = service.client.get(address)
    strange = service.client.get(
        address,
        headers={
            "Access-Control-Request-Method": "POST",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "evil.example.com",
            "Host": "evil.example.com",
        },
    )
    own = {"x-request-id", "date"}
    assert {name: value for name, value in strange.headers.items() if name not in own} == {
        name: value for name, value in plain.headers.items() if name not in own
    }
    assert strange.headers["access-control-allow-origin"] == "*"


async def _small_application(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def listening() -> Iterator[int]:
    """The port of a server with the service's protocol and a small application."""
    config = uvicorn.Config(
        _small_application, port=0, http=BoundedHttpProtocol, ws="none", lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    place = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield place.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def answer_to(port: int, *pieces: bytes) -> bytes:
    """What comes back until the server closes, whether it takes all of this or not."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while data := connection.recv(1 << 16):
                received += data
        except ConnectionError:
            pass
    return received


START = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = 64 * [b"a" * MAX_HEAD_BYTES]


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET /", *ENDLESS, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        (START + b"A: ", *ENDLESS, b"\r\n\r\n"),
        (START, *(64 * [b"A: a\r\n" * (MAX_HEAD_BYTES // 6)]), b"\r\n"),
        (CHUNKED + b"1;", *ENDLESS, b"\r\na\r\n0\r\n\r\n"),
        (CHUNKED + b"1\r\na\r\n0\r\nA: ", *ENDLESS, b"\r\n\r\n"),
        (CHUNKED + b"1\r\na\r\n0\r\n", *(64 * [b"A: a\r\n" * (MAX_HEAD_BYTES // 6)]), b"\r\n"),
    ],
    ids=["address", "one header", "many headers", "chunk extension", "one trailer", "many trailers"],
)
def test_endless_heads_are_not_kept(pieces: tuple[bytes, ...]) -> None:
    with listening() as port:
        assert b"200 OK" not in answer_to(port, *pieces)


def test_what_is_long_and_in_order_is_taken() -> None:
    with listening() as port:
        head = START + b"A: " + b"a" * (MAX_HEAD_BYTES // 2) + b"\r\nContent-Length: 1000000\r\n\r\n"
        assert answer_to(port, head, bytes(1_000_000)).endswith(b"ok")
        chunks = CHUNKED + b"".join(b"1\r\na\r\n" for _ in range(MAX_HEAD_BYTES)) + b"0\r\n\r\n"
        assert answer_to(port, chunks).endswith(b"ok")
        twice = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + START + b"Content-Length: 0\r\n\r\n"
        assert answer_to(port, twice).count(b"200 OK") == 2


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: x", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /"]
)
def test_a_head_that_never_ends_is_given_up(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    with listening() as port:
        assert answer_to(port, begun).count(b"200 OK") == begun.count(b"\r\n\r\n")


def test_a_key_that_was_given_up_signs_nothing_more(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    """What a thief of the old key signs after the change must not count here either: monitors say it has no effect."""
    old, new = sealed_and_proven.issuer, seal(tmp_path / "new", fastest_backend()).issuer
    stranger = seal(tmp_path / "stranger", fastest_backend()).issuer
    time = datetime(2026, 2, 1, tzinfo=UTC)
    with running(service_settings(tmp_path, sealed_and_proven)) as started:

        def post(entry: RevocationEntry | RotationEntry) -> tuple[int, str]:
            answer = started.client.post("/v1/log/entries", headers=PUBLISHER, content=entry.to_bytes())
            return answer.status_code, answer.json().get("code", answer.json().get("kind"))

        digest = started.publish(sealed_and_proven.bundle)
        attested = bytes.fromhex(digest)
        rotation = make_rotation(old, new, time)
        assert [post(rotation), post(rotation)] == [(200, "key-rotation")] * 2
        refused = (409, "key-given-up")
        assert post(make_revocation(old, attested, "stolen", time)) == refused
        assert post(make_rotation(old, stranger, time)) == refused
        assert post(make_rotation(stranger, old, time)) == refused
        assert post(make_revocation(stranger, attested, "no", time)) == (403, "foreign-issuer")
        assert started.client.get("/v1/attestations/latest").json()["digest"] == digest
        # Neither is anything published that was signed with it.
        again = sealed_and_proven.copy(tmp_path / "again")
        resign(again.bundle, old, lambda document: document["files"].append(_added_to(again.bundle)))
        begun = begin(started.client, again.bundle)["id"]
        upload_missing(started.client, again.bundle, begun)
        answer = started.client.post(f"/v1/publications/{begun}/commit", headers=PUBLISHER)
        assert (answer.status_code, answer.json()["code"]) == refused
        assert post(make_revocation(new, attested, "sealed on the wrong day", time)) == (200, "revocation")
        assert started.client.get(f"/v1/attestations/{digest}").json()["status"] == "revoked"


def test_a_second_book_of_one_moment_waits_until_the_first_is_taken_back(
    sealed_and_proven: Sealed, tmp_path: Path
) -> None:
    """Both in the log would fail L10 for everybody, for ever."""
    second = tmp_path / "second"
    seal_book(
        Book.open(sealed_and_proven.folder / "book"),
        bundle=second,
        vault=sealed_and_proven.vault,
        backend=sealed_and_proven.backend,
        as_of=AS_OF,
    )
    with running(service_settings(tmp_path, sealed_and_proven)) as started:
        first = started.publish(sealed_and_proven.bundle)
        begun = begin(started.client, second)["id"]
        upload_missing(started.client, second, begun)

        def commit() -> tuple[int, str]:
            answer = started.client.post(f"/v1/publications/{begun}/commit", headers=PUBLISHER)
            return answer.status_code, answer.json().get("code", answer.json().get("state"))

        assert commit() == (409, "second-book")
        assert started.client.get("/v1/attestations").json()["attestations"][0]["digest"] == first
        entry = make_revocation(sealed_and_proven.issuer, bytes.fromhex(first), "the wrong day", AS_OF)
        assert started.client.post(
            "/v1/log/entries", headers=PUBLISHER, content=entry.to_bytes()
        ).is_success  # fmt: skip
        assert commit() == (200, "published")


def _added_to(bundle: Path) -> dict[str, Any]:
    data = b'{"more":1}'
    (bundle / "zz.json").write_bytes(data)
    return {"name": "zz.json", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_a_replayed_cosignature_does_not_queue_for_the_one_writer(tmp_path: Path) -> None:
    """The log shows every cosignature it has: anybody can send them back, as often as they like."""
    stored = stored_log(tmp_path / "log", witnesses=tuple(each.verifier_key for each in WITNESSES))
    stored.append(entries(2))
    checkpoint = stored.read("checkpoint")
    note = SignedNote.parse(checkpoint)
    line = WITNESSES[0].sign(note.text, timestamp=NOW)
    cosigned = note.with_signatures([line]).to_bytes()
    with served(stored) as (url, app):

        def kept(body: bytes) -> object:
            return httpx.post(f"{url}/v1/log/cosignatures", content=body).json()

        assert kept(cosigned) == {"kept": 1}
        app.state.database = Readable(stored.database)
        assert kept(cosigned) == {"kept": 0}
        older = WITNESSES[0].sign(note.text, timestamp=NOW - 1)
        assert kept(note.with_signatures([older]).to_bytes()) == {"kept": 0}


class Readable:
    """A database that refuses to be written to."""

    def __init__(self, database: Database) -> None:
        self.read = database.read


def test_strangers_start_one_build_of_derived_files_at_a_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths of all books at once cost the memory of one; what cannot be made is not tried over and over."""
    derived = service.app.state.derived
    waiting, started = threading.Event(), list[bytes]()

    def build(digest: bytes) -> None:
        started.append(digest)
        waiting.wait(60)
        raise DerivedFileError("damaged")

    monkeypatch.setattr(derived, "build", build)
    for number in range(20):
        with pytest.raises(Problem, match="being-prepared"):
            derived.read(bytes([number]) * 32, "tree.bin")
    waiting.set()
    while derived._building:
        threading.Event().wait(0.01)
    assert started == [bytes(32)]
    for number in (0, 1, 1):
        with pytest.raises(Problem, match="being-prepared"):
            derived.read(bytes([number]) * 32, "tree.bin")
        while derived._building:
            threading.Event().wait(0.01)
    assert started == [bytes(32), b"\x01" * 32]


@pytest.mark.parametrize("audience", [[TOKEN_AUDIENCE], [TOKEN_AUDIENCE, "another"], [], None])
def test_a_token_has_one_audience(service: Service, audience: object) -> None:
    """Who gets a token that is for others too could use it here."""
    now = int(time.time())
    claims = {
        "iss": TOKEN_ISSUER,
        "aud": audience,
        "sub": "alice",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "jti": "1",
        "scope": "opening",
    }
    made = jwt.encode(claims, TOKEN_PRIVATE, algorithm="EdDSA")
    answer = service.client.get("/v1/me/opening", headers={"Authorization": f"Bearer {made}"})
    assert answer.status_code == 401


def test_a_name_that_a_database_cannot_be_asked_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses NUL in text with an error of its own: it must not come to that."""
    with service.app.state.database.read() as session:
        monkeypatch.setattr(session, "execute", None)
        assert find_file(session, bytes(32), "leaves.bin\0") is None
    answer = service.client.get(f"/v1/attestations/{'00' * 32}/files/leaves.bin%00")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_what_is_published_is_not_staged_again(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    with running(service_settings(tmp_path, sealed_and_proven)) as started:
        digest = started.publish(sealed_and_proven.bundle)
        state = begin(started.client, sealed_and_proven.bundle)
        assert (state["id"], state["state"], state["missing"]) == (digest, "published", [])
        assert list(started.settings.staging.iterdir()) == []
