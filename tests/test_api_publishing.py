"""Publishing, on SQLite and on PostgreSQL: complete, idempotent, by two at once, killed at any step, on a full disk."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres_support import MISSING, binaries, postgres_server
from sealing_support import Sealed, fastest_backend, resign, seal
from service_support import PUBLISHER, Service, begin, proven, running, service_settings, upload_missing

from api.problems import Problem
from api.publication import staging as staging_module
from api.publication.sweep import sweep
from verifier.bundle import verify_bundle

HERE = Path(__file__).parent
STEPS = ("begun", "verified", "stored", "inserted", "committed", "cleaned")


@pytest.fixture(scope="module")
def sealed_and_proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return proven(tmp_path_factory.mktemp("sealed-for-publishing"))


@pytest.fixture(scope="module")
def new_postgres_database() -> Iterator[Callable[[], str] | None]:
    if binaries() is None:
        yield None
        return
    with postgres_server() as new_database:
        yield new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgres_database: Callable[[], str] | None
) -> str:
    """A new, empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.sqlite'}"
    if new_postgres_database is None:
        pytest.skip(MISSING)
    return new_postgres_database()


@pytest.fixture
def service(sealed_and_proven: Sealed, tmp_path: Path, database_url: str) -> Iterator[Service]:
    with running(service_settings(tmp_path, sealed_and_proven, database_url=database_url)) as started:
        yield started


def state_of(service: Service, digest: str) -> Any:
    return service.client.get(f"/v1/publications/{digest}", headers=PUBLISHER).json()


def commit(service: Service, digest: str) -> Any:
    return service.client.post(f"/v1/publications/{digest}/commit", headers=PUBLISHER)


def put(service: Service, digest: str, name: str, data: bytes, **headers: str) -> Any:
    address = f"/v1/publications/{digest}/files/{name}"
    return service.client.put(address, headers={**PUBLISHER, **headers}, content=data)


def assert_published_once(service: Service, digest: str, sealed: Sealed) -> None:
    """One attestation, one log entry, nothing staged, a stored bundle that verifies."""
    listed = service.client.get("/v1/attestations").json()["attestations"]
    assert [each["digest"] for each in listed] == [digest]
    assert service.client.get("/v1/log/checkpoint").text.splitlines()[1] == "1"
    entry = json.loads(service.client.get("/v1/log/entries/0").content)
    assert entry["attestation"]["sha256"] == digest
    assert list(service.settings.staging.iterdir()) == []
    stored = Path(service.settings.storage_address)
    assert [path.name for path in stored.iterdir()] == [digest]
    verify_bundle(stored / digest, fastest_backend(), issuer_key=sealed.issuer.public_key)


def test_a_publication_from_beginning_to_end(service: Service, sealed_and_proven: Sealed) -> None:
    bundle = sealed_and_proven.bundle
    first = begin(service.client, bundle)
    digest = first["id"]
    assert first["state"] == "uploading"
    assert [each["received"] for each in first["missing"]] == [0] * len(first["missing"])
    assert (commit(service, digest).status_code, commit(service, digest).json()["code"]) == (
        409,
        "incomplete",
    )
    upload_missing(service.client, bundle, digest)
    assert state_of(service, digest)["state"] == "complete"
    assert service.client.get("/v1/attestations").json()["attestations"] == []
    answer = commit(service, digest)
    assert (answer.status_code, answer.json()["state"], answer.json()["log_index"]) == (200, "published", 0)
    assert_published_once(service, digest, sealed_and_proven)
    assert commit(service, digest).json()["state"] == "published"
    assert begin(service.client, bundle)["state"] == "published"
    sweep(service.app.state.staging, service.app.state.storage, service.app.state.database, hours=48)
    assert_published_once(service, digest, sealed_and_proven)


def test_pieces_go_on_where_the_last_one_ended(service: Service, sealed_and_proven: Sealed) -> None:
    digest = begin(service.client, sealed_and_proven.bundle)["id"]
    leaves = (sealed_and_proven.bundle / "leaves.bin").read_bytes()
    total = len(leaves)

    def piece(start: int, stop: int) -> Any:
        header = {"Content-Range": f"bytes {start}-{stop - 1}/{total}"}
        return put(service, digest, "leaves.bin", leaves[start:stop], **header)

    assert piece(0, 100).status_code == 204
    wrong = piece(200, 300)
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["detail"]) == (
        409,
        "wrong-offset",
        "100 bytes of leaves.bin are here",
    )
    assert piece(0, 100).status_code == 204  # once more: nothing changes
    assert (
        next(e for e in state_of(service, digest)["missing"] if e["name"] == "leaves.bin")["received"] == 100
    )
    assert piece(100, total).status_code == 204
    assert "leaves.bin" not in [each["name"] for each in state_of(service, digest)["missing"]]
    assert piece(100, total).status_code == 204


def test_a_file_that_is_another_one_is_dropped(service: Service, sealed_and_proven: Sealed) -> None:
    digest = begin(service.client, sealed_and_proven.bundle)["id"]
    answer = put(service, digest, "leaves.bin", bytes(320))
    assert (answer.status_code, answer.json()["code"]) == (422, "digest-mismatch")
    assert next(e for e in state_of(service, digest)["missing"] if e["name"] == "leaves.bin")["received"] == 0


@pytest.mark.parametrize(
    ("name", "size", "header", "status", "code"),
    [
        ("leaves.bin", 321, {}, 413, "longer-than-listed"),
        ("leaves.bin", 319, {}, 400, "truncated"),
        ("absent.bin", 1, {}, 404, "not-listed"),
        ("attestation.json", 1, {}, 404, "not-listed"),
        ("../lock", 1, {}, 404, None),
        ("leaves.bin", 10, {"Content-Range": "bytes 0-9/999"}, 422, "invalid-request"),
        ("leaves.bin", 10, {"Content-Range": "bytes 0-8/320"}, 422, "invalid-request"),
        ("leaves.bin", 10, {"Content-Range": "bytes 9-0/320"}, 422, "invalid-request"),
        ("leaves.bin", 10, {"Content-Range": "all"}, 422, "invalid-request"),
    ],
)
def test_uploads_that_are_refused(
    sealed_and_proven: Sealed,
    tmp_path: Path,
    name: str,
    size: int,
    header: dict[str, str],
    status: int,
    code: str | None,
) -> None:
    with running(service_settings(tmp_path, sealed_and_proven)) as service:
        digest = begin(service.client, sealed_and_proven.bundle)["id"]
        answer = put(service, digest, name, bytes(size), **header)
        assert answer.status_code == status, answer.text
        assert code is None or answer.json()["code"] == code
        assert list((service.settings.staging / digest / "incoming").iterdir()) == []


def test_only_publishers_publish(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    from service_support import as_holder

    with running(service_settings(tmp_path, sealed_and_proven)) as service:
        digest = begin(service.client, sealed_and_proven.bundle)["id"]
        wrong = "sbp_" + "A" * 43
        for headers in (
            {},
            {"Authorization": f"Bearer {wrong}"},
            {"Authorization": "Basic x"},
            as_holder("alice"),
        ):
            for method, address in (
                ("POST", "/v1/publications"),
                ("GET", f"/v1/publications/{digest}"),
                ("PUT", f"/v1/publications/{digest}/files/leaves.bin"),
                ("POST", f"/v1/publications/{digest}/commit"),
                ("POST", "/v1/log/entries"),
            ):
                answer = service.client.request(method, address, headers=dict(headers))
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (method, address)


def test_foreign_issuers_and_forged_signatures_are_refused(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    stranger = seal(tmp_path / "stranger", fastest_backend())
    forged = sealed_and_proven.copy(tmp_path / "forged")
    resign(forged.bundle, stranger.issuer)
    with running(service_settings(tmp_path, sealed_and_proven)) as service:
        for bundle, status, code in (
            (stranger.bundle, 403, "foreign-issuer"),
            (forged.bundle, 422, "bundle-rejected"),
        ):
            body = {
                "attestation": (bundle / "attestation.json").read_text(),
                "signature": (bundle / "attestation.sig").read_text(),
            }
            answer = service.client.post("/v1/publications", headers=PUBLISHER, json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert list(service.settings.staging.iterdir()) == []


def test_a_bundle_that_does_not_verify_is_never_published(
    service: Service, sealed_and_proven: Sealed, tmp_path: Path
) -> None:
    """Signed by the right issuer, every digest right, and a proof that does not hold."""
    from sealing_support import describe_files_anew

    bad = sealed_and_proven.copy(tmp_path / "bad")
    proof = bad.bundle / "proofs" / "solvency.narg"
    data = bytearray(proof.read_bytes())
    data[-1] ^= 1
    proof.write_bytes(data)
    resign(bad.bundle, bad.issuer, describe_files_anew(bad.bundle))
    digest = begin(service.client, bad.bundle)["id"]
    upload_missing(service.client, bad.bundle, digest)
    answer = commit(service, digest)
    assert (answer.status_code, answer.json()["code"]) == (422, "bundle-rejected")
    assert "S4-proof" in answer.json()["detail"]
    state = state_of(service, digest)
    assert (state["state"], state["failure"]["code"]) == ("rejected", "bundle-rejected")
    assert service.client.get("/v1/attestations").json()["attestations"] == []
    assert service.client.get("/v1/log/checkpoint").text.splitlines()[1] == "0"


def test_two_publishers_at_once(service: Service, sealed_and_proven: Sealed) -> None:
    """Both upload and commit the same bundle; one does the work, both are told that it is published."""
    bundle, answers = sealed_and_proven.bundle, []
    digest = begin(service.client, bundle)["id"]

    def publish() -> None:
        upload_missing(service.client, bundle, digest)
        answers.append(commit(service, digest).json()["state"])

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["published", "published"]
    assert_published_once(service, digest, sealed_and_proven)


def test_two_processes_commit_at_once(service: Service, sealed_and_proven: Sealed) -> None:
    """Past the lock of the staged publication, the writing transaction still keeps them apart."""
    digest = begin(service.client, sealed_and_proven.bundle)["id"]
    upload_missing(service.client, sealed_and_proven.bundle, digest)
    publisher, staged = service.app.state.publisher, service.app.state.staging.find(bytes.fromhex(digest))
    barrier = threading.Barrier(2)

    def meet(folder: Path, derived: Path, key: bytes) -> Any:
        result = verify(folder, derived, key)
        barrier.wait(60)
        return result

    verify, publisher._verify = publisher._verify, meet
    threads = [threading.Thread(target=publisher._publish, args=(staged,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    staged.remove()
    assert_published_once(service, digest, sealed_and_proven)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_done_again(
    sealed_and_proven: Sealed, tmp_path: Path, database_url: str, step: str
) -> None:
    settings = service_settings(tmp_path, sealed_and_proven, database_url=database_url)
    request = {
        "step": step,
        "bundle": str(sealed_and_proven.bundle),
        "issuer_key": settings.issuer_key,
        "data": str(settings.data),
        "database_url": database_url,
        "log_key": settings.log_key.get_secret_value() if settings.log_key else "",
    }
    run = subprocess.run(
        [sys.executable, str(HERE / "publish_killed.py")],
        input=json.dumps(request),
        text=True,
        check=False,
        capture_output=True,
        cwd=HERE.parent,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    with running(settings) as service:
        published = service.client.get("/v1/attestations").json()["attestations"]
        assert bool(published) == (step in ("committed", "cleaned"))
        digest = service.publish(sealed_and_proven.bundle)
        assert_published_once(service, digest, sealed_and_proven)


def test_sweeping_removes_what_is_old_and_never_what_is_published(
    service: Service, sealed_and_proven: Sealed, tmp_path: Path
) -> None:
    published = service.publish(sealed_and_proven.bundle)
    later = sealed_and_proven.copy(tmp_path / "later")
    resign(later.bundle, later.issuer, lambda document: document["claims"].clear() or document.update(
        files=[entry for entry in document["files"] if not entry["name"].startswith("proofs/")]
    ))  # fmt: skip
    waiting = begin(service.client, later.bundle)["id"]
    state, storage = service.app.state, Path(service.settings.storage_address)
    orphan, leftover = storage / ("ab" * 32), storage / ".incoming-x"
    for folder in (orphan, leftover, service.settings.staging / ".new-x"):
        folder.mkdir()
    sweep(state.staging, state.storage, state.database, hours=1)
    assert orphan.exists()
    assert (service.settings.staging / waiting).exists()
    old = time.time() - 7200
    for folder in (service.settings.staging, storage):
        for path in folder.rglob("*"):
            os.utime(path, (old, old))
    with state.staging.find(bytes.fromhex(waiting)).locked():
        sweep(state.staging, state.storage, state.database, hours=1)
        assert (service.settings.staging / waiting).exists()
    for path in (service.settings.staging / waiting).rglob("*"):
        os.utime(path, (old, old))
    os.utime(service.settings.staging / waiting, (old, old))
    sweep(state.staging, state.storage, state.database, hours=1)
    assert list(service.settings.staging.iterdir()) == []
    assert [path.name for path in storage.iterdir()] == [published]
    verify_bundle(storage / published, fastest_backend(), issuer_key=None)


def test_a_full_disk_loses_nothing(
    sealed_and_proven: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(service_settings(tmp_path, sealed_and_proven)) as service:
        digest = begin(service.client, sealed_and_proven.bundle)["id"]
        leaves = (sealed_and_proven.bundle / "leaves.bin").read_bytes()
        header = {"Content-Range": "bytes 0-99/320"}
        assert put(service, digest, "leaves.bin", leaves[:100], **header).status_code == 204

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(staging_module, "_append", full)
            answer = put(
                service, digest, "leaves.bin", leaves[100:], **{"Content-Range": "bytes 100-319/320"}
            )
            assert (answer.status_code, answer.json()["code"]) == (507, "insufficient-storage")
            assert answer.headers["content-type"] == "application/problem+json"
        assert (
            next(e for e in state_of(service, digest)["missing"] if e["name"] == "leaves.bin")["received"]
            == 100
        )
        upload_missing_from(service, sealed_and_proven, digest)
        with monkeypatch.context() as patched:
            patched.setattr(type(service.app.state.storage), "put", full)
            assert commit(service, digest).status_code == 507
        assert commit(service, digest).json()["state"] == "published"
        assert_published_once(service, digest, sealed_and_proven)


def upload_missing_from(service: Service, sealed: Sealed, digest: str) -> None:
    """Every missing file, from where it ends here."""
    for entry in state_of(service, digest)["missing"]:
        data, start = (sealed.bundle / entry["name"]).read_bytes(), entry["received"]
        header = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        assert put(service, digest, entry["name"], data[start:], **header).status_code == 204


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small file system")
def test_a_disk_that_is_really_full(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    disk = tmp_path / "small"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], check=False
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with running(
            service_settings(
                tmp_path,
                sealed_and_proven,
                data=disk / "service",
                storage=str(tmp_path / "bundles"),
                database_url=f"sqlite:///{tmp_path / 's.sqlite'}",
            )
        ) as service:
            digest = begin(service.client, sealed_and_proven.bundle)["id"]
            filler = disk / "filler"
            with pytest.raises(OSError, match="No space left"):
                filler.write_bytes(bytes(1 << 20))
            proof = (sealed_and_proven.bundle / "proofs" / "accounts-000000.narg").read_bytes()
            answer = put(service, digest, "proofs/accounts-000000.narg", proof)
            assert (answer.status_code, answer.json()["code"]) == (507, "insufficient-storage")
            filler.unlink()
            upload_missing(service.client, sealed_and_proven.bundle, digest)
            assert commit(service, digest).json()["state"] == "published"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_bundle_larger_than_allowed_is_refused_at_once(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    huge = sealed_and_proven.copy(tmp_path / "huge")

    def enlarge(document: Any) -> None:
        next(e for e in document["files"] if e["name"] == "model.json")["bytes"] = 1 << 40

    resign(huge.bundle, huge.issuer, enlarge)
    with running(service_settings(tmp_path, sealed_and_proven)) as service:
        body = {
            "attestation": (huge.bundle / "attestation.json").read_text(),
            "signature": (huge.bundle / "attestation.sig").read_text(),
        }
        answer = service.client.post("/v1/publications", headers=PUBLISHER, json=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "bundle-too-large")


def test_a_verification_that_breaks_off_says_so(service: Service, sealed_and_proven: Sealed) -> None:
    digest = begin(service.client, sealed_and_proven.bundle)["id"]
    upload_missing(service.client, sealed_and_proven.bundle, digest)
    publisher = service.app.state.publisher

    def breaks(*_: object) -> Any:
        from api.verification_process import VerificationProcessError

        raise VerificationProcessError("killed")

    verify, publisher._verify = publisher._verify, breaks
    answer = commit(service, digest)
    assert (answer.status_code, answer.json()["code"]) == (503, "commit-interrupted")
    publisher._verify = verify
    assert commit(service, digest).json()["state"] == "published"


def test_a_publication_that_is_worked_on_is_busy(service: Service, sealed_and_proven: Sealed) -> None:
    digest = begin(service.client, sealed_and_proven.bundle)["id"]
    staged = service.app.state.staging.find(bytes.fromhex(digest))
    with staged.locked():
        assert staged.is_locked()
        with pytest.raises(Problem, match="publication-busy"), staged.locked(seconds=0):
            pass
        assert commit(service, digest).json()["code"] == "publication-busy"
    assert not staged.is_locked()


def test_a_long_commit_is_answered_at_once(
    service: Service, sealed_and_proven: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202, then the state, while the verification runs; a second request joins it."""
    digest = begin(service.client, sealed_and_proven.bundle)["id"]
    upload_missing(service.client, sealed_and_proven.bundle, digest)
    monkeypatch.setattr("api.routes.publications._WAIT_SECONDS", 0.01)
    publisher, go_on = service.app.state.publisher, threading.Event()

    def waits(*arguments: Any) -> Any:
        go_on.wait()
        return verify(*arguments)

    verify, publisher._verify = publisher._verify, waits
    for _ in range(2):
        answer = commit(service, digest)
        assert (answer.status_code, answer.json()["state"]) == (202, "committing")
    assert state_of(service, digest)["state"] == "committing"
    running = publisher.start(service.app.state.staging.find(bytes.fromhex(digest)))
    go_on.set()
    assert running.done.wait(120)
    assert running.problem is None
    assert_published_once(service, digest, sealed_and_proven)


def test_a_storage_behind_fsspec(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    """Here one in memory; objects are put whole, read in ranges, and never removed."""
    with running(
        service_settings(tmp_path, sealed_and_proven, storage=f"memory://{tmp_path.name}")
    ) as service:
        digest = service.publish(sealed_and_proven.bundle)
        leaves = (sealed_and_proven.bundle / "leaves.bin").read_bytes()
        address = f"/v1/attestations/{digest}/files/leaves.bin"
        assert service.client.get(address).content == leaves
        assert service.client.get(address, headers={"Range": "bytes=80-159"}).content == leaves[80:160]
        assert service.client.get("/v1/health/ready").status_code == 200
        storage = service.app.state.storage
        storage.put(digest, sealed_and_proven.bundle, ["leaves.bin"])
        storage.remove(digest)
        assert service.client.get(address).content == leaves
        storage._filesystem.rm(f"{storage._root}/{digest}/leaves.bin")
        lost = service.client.get(address)
        assert (lost.status_code, lost.json()["code"]) == (503, "storage-unavailable")
