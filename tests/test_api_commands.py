"""The commands against a real server: serve, publish, fetch, check, token; killed servers, hostile services."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from sealing_support import AS_OF, Sealed, fastest_backend, resign, seal
from service_support import (
    LOG_SIGNER,
    PUBLISHER,
    SECRET,
    SECRET_LINE,
    TOKEN_AUDIENCE,
    TOKEN_ISSUER,
    TestClient,
    begin,
    proven,
    service_settings,
)
from typer.testing import CliRunner

from api.application import create_app
from primitives.log_entry import AttestationEntry
from prover.log_entries import make_revocation
from sealedbook.__main__ import app
from sealedbook.publishing_client import PublishingClient
from verifier.bundle import verify_bundle

ROOT = Path(__file__).parent.parent
LOG_KEY = LOG_SIGNER.verifier_key.to_text()


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def result(*arguments: object) -> Any:
    """The JSON that a command prints, with its exit code."""
    done = run(*arguments, "--json")
    return {**json.loads(done.stdout), "code": done.exit_code}


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


class Server:
    """`sealedbook serve` in a process of its own."""

    def __init__(self, folder: Path, sealed: Sealed, *, workers: int = 1, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = folder / "service"
        key = folder / "token.pem"
        if not key.exists():
            assert run("token", "key", "--out", key).exit_code == 0
        self.token_key = key
        environment = {
            **os.environ,
            "SEALEDBOOK_ISSUER_KEY": sealed.issuer.public_key.hex(),
            "SEALEDBOOK_DATA": str(self.data),
            "SEALEDBOOK_LOG_KEY": LOG_SIGNER.to_secret_text(),
            "SEALEDBOOK_PUBLISHERS": SECRET_LINE,
            "SEALEDBOOK_VAULT": str(sealed.folder / "vault"),
            "SEALEDBOOK_TOKEN_KEYS_FILE": f"{key}.pub",
            "SEALEDBOOK_TOKEN_ISSUER": TOKEN_ISSUER,
            "SEALEDBOOK_TOKEN_AUDIENCE": TOKEN_AUDIENCE,
        }
        self.log = (folder / "server.log").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sealedbook",
                "serve",
                "--port",
                str(self.port),
                "--workers",
                str(workers),
            ],
            env=environment,
            cwd=ROOT,
            stdout=self.log,
            stderr=self.log,
        )

    def wait(self) -> None:
        """Until it answers."""
        while True:
            assert self.process.poll() is None, "the server ended"
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{self.url}/v1/health/live")
                return
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait()
        self.log.close()


@contextlib.contextmanager
def serving(folder: Path, sealed: Sealed, **options: Any) -> Iterator[Server]:
    server = Server(folder, sealed, **options)
    try:
        server.wait()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="module")
def sealed_and_proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return proven(tmp_path_factory.mktemp("sealed-for-commands"))


@pytest.fixture(scope="module")
def credential(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("credential") / "publisher"
    path.write_text(SECRET + "\n")
    return path


@pytest.fixture(scope="module")
def server(
    sealed_and_proven: Sealed, tmp_path_factory: pytest.TempPathFactory, credential: Path
) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), sealed_and_proven, workers=2) as started:
        done = result(
            "publish", sealed_and_proven.bundle, "--service", started.url, "--credential-file", credential
        )
        assert (done["code"], done["result"], done["log_index"]) == (0, "published", 0)
        yield started


def test_publishing_twice_changes_nothing(
    server: Server, sealed_and_proven: Sealed, credential: Path
) -> None:
    done = run("publish", sealed_and_proven.bundle, "--service", server.url, "--credential-file", credential)
    assert done.exit_code == 0
    assert "entry 0 of the log" in done.stdout


def test_fetching_gives_a_bundle_that_verifies(
    server: Server, sealed_and_proven: Sealed, tmp_path: Path
) -> None:
    key = sealed_and_proven.issuer.public_key
    out = tmp_path / "bundle"
    done = result("fetch", server.url, "--out", out, "--issuer-key", key.hex())
    assert (done["code"], done["issuer_key_expected"]) == (0, True)
    verify_bundle(out, fastest_backend(), issuer_key=key)
    again = result("fetch", server.url, "--attestation", done["attestation_digest"], "--out", out)
    assert again["code"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_fetching_goes_on_where_it_was(server: Server, sealed_and_proven: Sealed, tmp_path: Path) -> None:
    """A right beginning is kept; a wrong one is noticed by its digest and fetched anew."""
    digest = result("inspect", sealed_and_proven.bundle).get("attestation_digest")
    digest = digest or httpx.get(f"{server.url}/v1/attestations/latest").json()["digest"]
    work = tmp_path / f".bundle.fetching-{digest[:16]}"
    (work / "proofs").mkdir(parents=True)
    proof = (sealed_and_proven.bundle / "proofs" / "solvency.narg").read_bytes()
    (work / "proofs" / "solvency.narg.partial").write_bytes(proof[:100])
    (work / "leaves.bin.partial").write_bytes(bytes(80))
    assert run("fetch", server.url, "--out", tmp_path / "bundle").exit_code == 0
    verify_bundle(tmp_path / "bundle", fastest_backend(), issuer_key=None)


def test_fetching_is_refused(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("mine")
    for out, more, reason in (
        (other, [], "holds something else"),
        (other / "file", [], "is no folder"),
        (tmp_path / "new", ["--max-bytes", "1000"], "more than the 1,000 that you allow"),
        (tmp_path / "new", ["--attestation", "newest"], "expected latest or 64"),
    ):
        done = run("fetch", server.url, "--out", out, *more)
        assert done.exit_code == 3
        assert reason in done.stderr.replace("\n", " ")
    assert (other / "file").read_text() == "mine"
    wrong = run("fetch", server.url, "--out", tmp_path / "x", "--issuer-key", "00" * 32)
    assert (wrong.exit_code, "B3-issuer" in wrong.stderr) == (1, True)
    assert run("fetch", f"http://127.0.0.1:{free_port()}", "--out", tmp_path / "y").exit_code == 4


def opening_of(server: Server, account: str, tmp_path: Path) -> Path:
    """The opening that the holder of `account` gets, with a token from the command."""
    issued = run(
        "token", "issue", "--key", server.token_key, "--issuer", TOKEN_ISSUER, "--audience", TOKEN_AUDIENCE,
        "--account", account, "--scope", "opening",
    )  # fmt: skip
    assert issued.exit_code == 0
    headers = {"Authorization": f"Bearer {issued.stdout.strip()}"}
    answer = httpx.get(f"{server.url}/v1/me/opening", headers=headers)
    assert answer.status_code == 200
    path = tmp_path / "opening.json"
    path.write_bytes(answer.content)
    return path


def test_a_holder_checks_against_the_service(
    server: Server, sealed_and_proven: Sealed, tmp_path: Path
) -> None:
    path, key = opening_of(server, "alice", tmp_path), sealed_and_proven.issuer.public_key.hex()
    trust = ["--service", server.url, "--issuer-key", key, "--log-key", LOG_KEY]
    done = result("check", path, "--account", "alice", *trust)
    assert (done["code"], done["result"]) == (0, "accepted")
    passed = {check["name"] for check in done["checks"]}
    assert {"B3-issuer", "B4-signature", "O6-commitment", "O9-root-hash", "L3-log-signature", "L5-inclusion",
            "L12-not-revoked"} <= passed  # fmt: skip
    assert "O7-leaf" not in passed
    assert result("check", path, "--account", "bob", *trust)["check"] == "O2-account"
    wrong = ["--service", server.url, "--issuer-key", "00" * 32, "--log-key", LOG_KEY]
    assert result("check", path, "--account", "alice", *wrong)["check"] == "B3-issuer"
    assert run("check", path, *trust).exit_code == 2
    without = run("check", path, "--account", "alice", "--service", server.url)
    assert (without.exit_code, "--log-key" in without.stderr) == (3, True)


def test_an_opening_of_another_book_is_refused(
    server: Server, sealed_and_proven: Sealed, tmp_path: Path
) -> None:
    other = seal(tmp_path / "other", fastest_backend())
    path = tmp_path / "opening.json"
    path.write_bytes(other.opening("alice").to_bytes())
    done = result("check", path, "--account", "alice", "--service", server.url, "--log-key", LOG_KEY)
    assert (done["code"], done["check"]) == (1, "O3-root")


def test_an_outsider_checks_the_service(server: Server, sealed_and_proven: Sealed) -> None:
    key = sealed_and_proven.issuer.public_key.hex()
    done = result("check", server.url, "--issuer-key", key, "--log-key", LOG_KEY)
    assert (done["code"], done["kind"], done["figures"]["log_size"]) == (0, "service", 1)
    levels = {finding["subject"]: finding["level"] for finding in done["findings"]}
    assert levels["What the attestation claims"] == "not yet proven"
    stranger = seal_log_key()
    assert (
        result("check", server.url, "--issuer-key", key, "--log-key", stranger)["check"] == "L3-log-signature"
    )


def seal_log_key() -> str:
    from primitives.signed_note import KeyType, NoteSigner

    return NoteSigner.generate(LOG_SIGNER.verifier_key.name, KeyType.ED25519).verifier_key.to_text()


def test_a_revoked_attestation_is_refused(
    sealed_and_proven: Sealed, tmp_path: Path, credential: Path
) -> None:
    with serving(tmp_path, sealed_and_proven) as server:
        where = ["--service", server.url, "--credential-file", credential]
        digest = result("publish", sealed_and_proven.bundle, *where)["attestation"]
        path = opening_of(server, "alice", tmp_path)
        entry = tmp_path / "revocation.json"
        entry.write_bytes(
            make_revocation(sealed_and_proven.issuer, bytes.fromhex(digest), "wrong prices", AS_OF).to_bytes()
        )
        for _ in range(2):
            done = result("publish", entry, *where)
            assert (done["code"], done["kind"], done["log_index"]) == (0, "revocation", 1)
        done = result("check", path, "--account", "alice", "--service", server.url, "--log-key", LOG_KEY)
        assert (done["code"], done["check"]) == (1, "L12-not-revoked")
        assert "wrong prices" in done["detail"]


def test_only_entries_that_an_issuer_signed_are_published(
    sealed_and_proven: Sealed, tmp_path: Path, credential: Path
) -> None:
    entry = tmp_path / "entry.json"
    where = ["--service", "http://127.0.0.1:9", "--credential-file", credential]
    entry.write_bytes(b'{"format":"sealedbook/log-entry/v2"}')
    assert "neither a bundle nor an entry of the log" in run("publish", entry, *where).stderr
    attestation = (sealed_and_proven.bundle / "attestation.json").read_bytes()
    entry.write_bytes(AttestationEntry.of(attestation).to_bytes())
    done = run("publish", entry, *where)
    assert done.exit_code == 3
    assert "the entry of an attestation; publish its bundle" in " ".join(done.stderr.split())


def test_a_server_killed_while_a_publisher_uploads(
    sealed_and_proven: Sealed, tmp_path: Path, credential: Path
) -> None:
    """kill -9 in the middle of a file, then again in the middle of the commit; the same command finishes it."""
    bundle = sealed_and_proven.bundle
    server = Server(tmp_path, sealed_and_proven)
    server.wait()
    with httpx.Client(base_url=server.url) as client:
        digest = begin(client, bundle)["id"]
        half = (bundle / "leaves.bin").read_bytes()[:100]
        address = f"/v1/publications/{digest}/files/leaves.bin"
        header = {**PUBLISHER, "Content-Range": "bytes 0-99/320"}
        assert client.put(address, headers=header, content=half).status_code == 204
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            f"PUT {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n"
            "Content-Range: bytes 100-319/320\r\nContent-Length: 220\r\n\r\n".encode()
            + bytes(50)
        )
        incoming = server.data / "staging" / digest / "incoming"
        while not list(incoming.iterdir()):
            time.sleep(0.05)
        server.stop(signal.SIGKILL)
    server = Server(tmp_path, sealed_and_proven, port=server.port)
    server.wait()
    assert httpx.get(f"{server.url}/v1/attestations").json()["attestations"] == []
    arguments = ["publish", bundle, "--service", server.url, "--credential-file", credential, "--json"]
    publishing = subprocess.Popen(
        [sys.executable, "-m", "sealedbook", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    state = f"{server.url}/v1/publications/{digest}"
    while httpx.get(state, headers=PUBLISHER).json()["missing"]:
        time.sleep(0.02)
    server.stop(signal.SIGKILL)
    server = Server(tmp_path, sealed_and_proven, port=server.port)
    server.wait()
    try:
        printed, _ = publishing.communicate()
        assert publishing.returncode == 0
        assert json.loads(printed)["attestation"] == digest
        listed = httpx.get(f"{server.url}/v1/attestations").json()["attestations"]
        assert [each["digest"] for each in listed] == [digest]
        assert httpx.get(f"{server.url}/v1/log/checkpoint").text.splitlines()[1] == "1"
        assert list((server.data / "staging").iterdir()) == []
    finally:
        server.stop()


def test_publishing_goes_on_after_a_lost_connection(
    server: Server, sealed_and_proven: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = sealed_and_proven.copy(tmp_path / "copy")
    (copy.bundle / "notes.json").write_text('{"more":1}')

    def add(document: Any) -> None:
        data = (copy.bundle / "notes.json").read_bytes()
        entry = {"name": "notes.json", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        document["files"] = sorted([*document["files"], entry], key=lambda each: each["name"])

    resign(copy.bundle, copy.issuer, add)
    monkeypatch.setattr("sealedbook.publishing_client.PIECE_BYTES", 100)
    transport, sent = httpx.HTTPTransport(), [0]

    class Flaky(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "PUT":
                sent[0] += 1
                if sent[0] % 40 == 3:
                    raise httpx.ReadError("gone", request=request)
            return transport.handle_request(request)

        def close(self) -> None:
            transport.close()

    with PublishingClient(server.url, SECRET, transport=Flaky()) as client:
        status = client.publish(copy.bundle, lambda *_: None)
    assert status.state == "published"
    assert sent[0] > 40


def test_publishing_is_refused(
    server: Server, sealed_and_proven: Sealed, tmp_path: Path, credential: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("sbp_" + "A" * 43)
    done = run("publish", sealed_and_proven.bundle, "--service", server.url, "--credential-file", wrong)
    assert (done.exit_code, "401" in done.stderr) == (3, True)
    stranger = seal(tmp_path / "stranger", fastest_backend())
    done = run("publish", stranger.bundle, "--service", server.url, "--credential-file", credential)
    assert (done.exit_code, "another issuer" in done.stderr) == (3, True)
    (tmp_path / "empty").write_text("")
    done = run("publish", stranger.bundle, "--service", server.url, "--credential-file", tmp_path / "empty")
    assert (done.exit_code, "does not hold one credential" in done.stderr) == (3, True)
    done = run("publish", tmp_path / "absent", "--service", server.url, "--credential-file", credential)
    assert done.exit_code == 4


def test_a_service_that_serves_other_bytes_is_caught(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    """Its digest names an attestation; files and attestation have to match, whatever it answers."""
    bundle = sealed_and_proven.bundle
    digest = hashlib.sha256((bundle / "attestation.json").read_bytes()).hexdigest()
    served: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/v1/attestations/latest":
                data = json.dumps({"digest": digest, "revocation": None}).encode()
            else:
                name = self.path.partition("/files/")[2]
                data = served.get(name) or (bundle / name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{listening.server_port}"
    try:
        served["leaves.bin"] = bytes(320)
        done = result("fetch", url, "--out", tmp_path / "a")
        assert (done["code"], done["check"]) == (1, "B6-digests")
        served.clear()
        served["attestation.json"] = (bundle / "attestation.json").read_bytes().replace(b"2026", b"2027", 1)
        assert result("fetch", url, "--out", tmp_path / "b")["check"] == "B6-digests"
        served["attestation.json"] = b"x" * (33 << 20)
        assert run("fetch", url, "--out", tmp_path / "c").exit_code == 3
        assert not (tmp_path / "a").exists()
    finally:
        listening.shutdown()
        listening.server_close()


def test_settings_that_cannot_work_are_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALEDBOOK_DATA", str(tmp_path / "service"))
    monkeypatch.setenv("SEALEDBOOK_MIGRATE", "true")  # the command sets it: put back in the end
    done = run("serve")
    assert (done.exit_code, "SEALEDBOOK_ISSUER_KEY" in done.stderr) == (3, True)
    monkeypatch.setenv("SEALEDBOOK_ISSUER_KEY", "00" * 32)
    done = run("serve")
    assert (done.exit_code, "log_key" in done.stderr) == (3, True)
    monkeypatch.setenv("SEALEDBOOK_LOG_ORIGIN", "log.example.com")
    done = run("serve", "--no-migrate")
    assert (done.exit_code, "sealedbook service migrate" in done.stderr) == (3, True)
    assert run("service", "migrate").exit_code == 0
    done = run("service", "credential", "--name", "a b", "--out", tmp_path / "c")
    assert done.exit_code == 3


def test_a_credential_is_made_once_and_private(tmp_path: Path) -> None:
    out = tmp_path / "credential"
    done = result("service", "credential", "--name", "ops", "--out", out)
    assert done["line"] == f"ops {hashlib.sha256(out.read_bytes().strip()).hexdigest()}"
    assert out.stat().st_mode & 0o777 == 0o600
    assert run("service", "credential", "--name", "ops", "--out", out).exit_code == 4


@pytest.mark.parametrize(
    ("trusted", "client", "believed"),
    [
        ((), "192.0.2.7", False),
        (("192.0.2.0/24",), "203.0.113.9", False),
        (("192.0.2.0/24",), "192.0.2.7", True),
    ],
)
def test_forwarded_addresses_are_believed_of_trusted_proxies_alone(
    sealed_and_proven: Sealed, tmp_path: Path, trusted: tuple[str, ...], client: str, believed: bool
) -> None:
    settings = service_settings(tmp_path, sealed_and_proven, trusted_proxies=trusted)
    try:
        with TestClient(create_app(settings), client=(client, 5)) as opened:
            headers = opened.get("/v1/health/live", headers={"X-Forwarded-Proto": "https"}).headers
            assert ("strict-transport-security" in headers) == believed
    finally:
        structlog.reset_defaults()
