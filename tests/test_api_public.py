"""What the service shows to everybody: attestations, files, paths, statements, reports, health, the check page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealing_support import AS_OF, Sealed, fastest_backend, rejected
from service_support import PUBLISHER, Service, attestation_of, proven, running, service_settings

from api.check_page import load_check_page
from api.inclusion_tree import InclusionTree
from circuits.statement_encoding import STATEMENT_DIGEST_LABEL
from primitives.attestation import parse_node
from primitives.parameters import LEAF_BYTES
from primitives.sum_tree import climb_path
from prover.log_entries import make_revocation
from verifier.bundle import verify_bundle
from verifier.checks import Check


@pytest.fixture(scope="module")
def sealed_and_proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return proven(tmp_path_factory.mktemp("sealed-for-service"))


@pytest.fixture(scope="module")
def service(sealed_and_proven: Sealed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = service_settings(tmp_path_factory.mktemp("service"), sealed_and_proven)
    with running(settings) as started:
        yield started


@pytest.fixture(scope="module")
def digest(service: Service, sealed_and_proven: Sealed) -> str:
    return service.publish(sealed_and_proven.bundle)


def test_the_summary_says_what_the_attestation_says(
    service: Service, sealed_and_proven: Sealed, digest: str
) -> None:
    document = attestation_of(sealed_and_proven.bundle)
    latest = service.client.get("/v1/attestations/latest").json()
    assert latest == service.client.get(f"/v1/attestations/{digest}").json()
    assert (
        latest["digest"]
        == hashlib.sha256((sealed_and_proven.bundle / "attestation.json").read_bytes()).hexdigest()
    )
    assert latest["root_hash"] == document["book"]["root"]["hash"]
    assert latest["claims"] == document["claims"]
    assert latest["status"] == "published"
    names = {entry["name"] for entry in latest["files"]}
    assert names == {entry["name"] for entry in document["files"]} | {"attestation.json", "attestation.sig"}


def test_every_file_is_served_byte_for_byte(
    service: Service, sealed_and_proven: Sealed, digest: str, tmp_path: Path
) -> None:
    """And together they verify."""
    for entry in service.client.get(f"/v1/attestations/{digest}").json()["files"]:
        answer = service.client.get(f"/v1/attestations/{digest}/files/{entry['name']}")
        assert answer.content == (sealed_and_proven.bundle / entry["name"]).read_bytes()
        assert answer.headers["etag"] == f'"{entry["sha256"]}"'
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        place = tmp_path / entry["name"]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(answer.content)
    verify_bundle(tmp_path, fastest_backend(), issuer_key=sealed_and_proven.issuer.public_key)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-79", 0, 80), ("bytes=80-", 80, 320), ("bytes=-10", 310, 320), ("bytes=300-9999", 300, 320)],
)
def test_ranges(
    service: Service, sealed_and_proven: Sealed, digest: str, asked: str, start: int, stop: int
) -> None:
    leaves = (sealed_and_proven.bundle / "leaves.bin").read_bytes()
    answer = service.client.get(f"/v1/attestations/{digest}/files/leaves.bin", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == leaves[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(leaves)}"


@pytest.mark.parametrize("asked", ["bytes=320-", "bytes=-0", "bytes=999-1000"])
def test_a_range_beyond_the_end_is_refused(service: Service, digest: str, asked: str) -> None:
    answer = service.client.get(f"/v1/attestations/{digest}/files/leaves.bin", headers={"Range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range-not-satisfiable")
    assert answer.headers["content-range"] == "bytes */320"


@pytest.mark.parametrize("asked", ["bytes=9-2", "bytes=0-1,3-4", "leaves=1-2", "bytes=a-b"])
def test_what_is_no_single_range_gets_the_whole(service: Service, digest: str, asked: str) -> None:
    answer = service.client.get(f"/v1/attestations/{digest}/files/leaves.bin", headers={"Range": asked})
    assert (answer.status_code, len(answer.content)) == (200, 320)


def test_conditional_requests(service: Service, digest: str) -> None:
    address = f"/v1/attestations/{digest}/files/leaves.bin"
    tag = service.client.head(address).headers["etag"]
    client = service.client
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(address, headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    assert client.get(address, headers={"If-None-Match": '"x"'}).status_code == 200
    assert client.get(address, headers={"If-Match": '"x"'}).status_code == 412
    assert client.get(address, headers={"If-Match": tag}).status_code == 200
    assert client.get(address, headers={"Range": "bytes=0-1", "If-Range": '"x"'}).status_code == 200
    assert client.get(address, headers={"Range": "bytes=0-1", "If-Range": tag}).status_code == 206


def test_head_tells_the_length_and_sends_nothing(service: Service, digest: str) -> None:
    answer = service.client.head(f"/v1/attestations/{digest}/files/leaves.bin")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "320", b"")


@pytest.mark.parametrize("name", ["../issuer.key", "absent.bin", "%2e%2e/%2e%2e/etc/passwd", "proofs"])
def test_files_that_are_not_listed_do_not_exist(service: Service, digest: str, name: str) -> None:
    answer = service.client.get(f"/v1/attestations/{digest}/files/{name}")
    assert answer.status_code == 404


def test_every_path_leads_to_the_root(service: Service, sealed_and_proven: Sealed, digest: str) -> None:
    backend, leaves = fastest_backend(), (sealed_and_proven.bundle / "leaves.bin").read_bytes()
    root = sealed_and_proven.result.book.root
    for index in range(len(leaves) // LEAF_BYTES):
        document = service.client.get(f"/v1/attestations/{digest}/paths/{index}").json()
        tag, commitment = (bytes.fromhex(document["leaf"][name]) for name in ("tag", "commitment"))
        assert tag + commitment == leaves[index * LEAF_BYTES : (index + 1) * LEAF_BYTES]
        siblings = [parse_node(node, "$") for node in document["path"]]
        assert climb_path(backend, tag, backend.points_from_compressed(commitment), index, siblings) == root
        assert parse_node(document["root"], "$") == root
        by_tag = service.client.get(f"/v1/attestations/{digest}/tags/{tag.hex()}")
        assert by_tag.json() == document
        assert by_tag.headers["cache-control"] == "public, max-age=31536000, immutable"
        binary = service.client.get(f"/v1/attestations/{digest}/paths/{index}?format=binary").content
        assert binary == tag + commitment + b"".join(node.hash + node.sum for node in siblings)


def test_paths_that_do_not_exist(service: Service, digest: str) -> None:
    client, unknown = service.client, "ab" * 32
    assert client.get(f"/v1/attestations/{digest}/paths/4").status_code == 404
    assert client.get(f"/v1/attestations/{digest}/tags/{unknown}").status_code == 404
    assert client.get(f"/v1/attestations/{unknown}/paths/0").status_code == 404
    assert client.get(f"/v1/attestations/{digest}/paths/-1").status_code == 422
    assert client.get(f"/v1/attestations/{digest}/tags/{unknown.upper()}").status_code == 422


def test_derived_files_are_made_again_where_they_are_missing(
    sealed_and_proven: Sealed, service: Service, digest: str, tmp_path: Path
) -> None:
    """By a replica that has the storage and the database, and nothing else."""
    settings = service_settings(
        tmp_path,
        sealed_and_proven,
        read_only=True,
        vault=None,
        database_url=service.settings.database_address,
        storage=service.settings.storage_address,
        log_key=None,
        log_origin="log.example.com/sealedbook",
    )
    with running(settings) as replica:
        first = replica.client.get(f"/v1/attestations/{digest}/paths/1")
        assert (first.status_code, first.json()["code"]) == (503, "being-prepared")
        assert first.headers["retry-after"] == "5"
        replica.app.state.derived.build(bytes.fromhex(digest))
        address = f"/v1/attestations/{digest}/paths/1"
        assert replica.client.get(address).content == service.client.get(address).content
        assert replica.client.post("/v1/publications", headers=PUBLISHER, json={}).status_code == 404
        assert replica.client.get("/v1/me/opening").status_code == 404


def test_a_damaged_derived_file_is_not_used(
    sealed_and_proven: Sealed, service: Service, digest: str, tmp_path: Path
) -> None:
    folder = tmp_path / "derived"
    shutil.copytree(service.settings.derived / digest, folder)
    (folder / "tags.bin").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"tags\.bin has 5 bytes, expected 128"):
        InclusionTree(folder, bytes.fromhex(digest), bytes(32), 4)


def test_statements_in_readable_and_compiled_form(
    service: Service, sealed_and_proven: Sealed, digest: str
) -> None:
    for claim in attestation_of(sealed_and_proven.bundle)["claims"]:
        address = f"/v1/attestations/{digest}/statements/{claim['name']}"
        view, compiled = service.client.get(address).json(), service.client.get(f"{address}.bin").content
        found = hashlib.sha256(STATEMENT_DIGEST_LABEL + compiled).hexdigest()
        assert found == claim["statement"] == view["statement"]["sha256"]
        assert view["status"] == "published"
        assert view["formulas_left_out"] == 0
    view = service.client.get(f"/v1/attestations/{digest}/statements/accounts").json()
    assert view["model"] == "non-negative"
    assert "The account owes no BTC." in view["plain_words"]
    assert view["positions_are_integers"] is True
    assert service.client.get(f"/v1/attestations/{digest}/statements/absent").status_code == 404


def test_reserves_in_readable_form(service: Service, digest: str) -> None:
    view = service.client.get(f"/v1/attestations/{digest}/reserves/solvency").json()
    assert (view["assets"][0]["asset"], view["assets"][0]["total"]) == ("BTC", "2")
    assert "stated by the issuer" in view["word"]
    assert service.client.get(f"/v1/attestations/{digest}/reserves/accounts").status_code == 404


def test_the_report_says_whose_word_it_is(service: Service, sealed_and_proven: Sealed, digest: str) -> None:
    body = service.client.get(f"/v1/attestations/{digest}/report").json()
    assert body["whose_word"] == "server"
    assert body["report"]["result"] == "accepted"
    assert body["report"]["figures"]["issuer_key_expected"] is True
    key = sealed_and_proven.issuer.public_key.hex()
    assert body["how_to_repeat"][1] == f"sealedbook verify bundle --issuer-key {key}"


def test_pages_are_cut_by_cursors(service: Service, digest: str) -> None:
    client = service.client
    first = client.get("/v1/attestations", params={"limit": 1}).json()
    assert [each["digest"] for each in first["attestations"]] == [digest]
    assert first["next"] is None
    assert client.get("/v1/attestations", params={"cursor": "1"}).json()["attestations"] == []
    assert client.get("/v1/attestations", params={"cursor": "ffffffffffffffff"}).status_code == 422
    assert client.get("/v1/attestations", params={"limit": 0}).status_code == 422
    book = client.get(f"/v1/attestations/{digest}").json()["book_digest"]
    assert len(client.get("/v1/attestations", params={"book": book}).json()["attestations"]) == 1
    assert client.get("/v1/attestations", params={"book": "00" * 32}).json()["attestations"] == []


def test_health_and_metrics(service: Service, digest: str) -> None:
    assert service.client.get("/v1/health/live").json() == {"status": "ok"}
    ready = service.client.get("/v1/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    text = service.client.get("/metrics").text
    assert 'sealedbook_requests_total{method="GET",route="/v1/health/live",status="200"}' in text
    assert digest not in text


def test_readiness_notices_a_lost_storage(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    with running(service_settings(tmp_path, sealed_and_proven)) as started:
        shutil.rmtree(started.settings.storage_address)
        answer = started.client.get("/v1/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready", "database": True, "storage": False, "log": True}


def test_public_routes_are_for_any_origin_and_private_ones_for_none(service: Service, digest: str) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    preflight = {**origin, "Access-Control-Request-Method": "GET"}
    public = service.client.get("/v1/attestations", headers=origin)
    assert public.headers["access-control-allow-origin"] == "*"
    assert service.client.options("/v1/attestations", headers=preflight).status_code == 204
    for address in ("/v1/me/opening", f"/v1/publications/{digest}"):
        for answer in (
            service.client.get(address, headers=origin),
            service.client.options(address, headers=preflight),
        ):
            assert answer.status_code in (401, 405)
            assert "access-control-allow-origin" not in answer.headers
    posting = {**origin, "Access-Control-Request-Method": "POST"}
    assert (
        "access-control-allow-origin"
        not in service.client.options("/v1/log/entries", headers=posting).headers
    )


def test_every_answer_carries_the_headers_of_security(service: Service) -> None:
    for address in ("/", "/v1/attestations", "/v1/me/opening", "/nowhere"):
        headers = service.client.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" not in headers
        assert re.fullmatch("[0-9a-f]{24}", headers["x-request-id"])


def test_https_is_remembered(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    with running(service_settings(tmp_path, sealed_and_proven), base_url="https://testserver") as started:
        headers = started.client.get("/v1/health/live").headers
        assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_errors_are_problem_documents(service: Service) -> None:
    for method, address, status, code in (
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/v1/attestations", 405, "method-not-allowed"),
        ("GET", "/v1/attestations/xyz", 422, "invalid-request"),
    ):
        answer = service.client.request(method, address, headers={"X-Request-ID": "my-own-id"})
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
        assert body["request_id"] == answer.headers["x-request-id"] == "my-own-id"


def test_the_check_page_runs_only_what_it_was_built_with(tmp_path: Path) -> None:
    script, style = "const a = 1 < 2;\n", "p { color: red }"
    page = tmp_path / "index.html"
    page.write_text(
        f"<html><style>{style}</style><script type=module>{script}</script><script src=x></script></html>"
    )
    policy = load_check_page(page).policy
    for text in (script, style):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == 2
    assert "connect-src 'none'" in policy
    assert "worker-src blob:" in policy
    assert "unsafe" not in policy


def test_the_check_page_is_served_with_its_policy(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(b"<script>1</script>")
    with running(service_settings(tmp_path, sealed_and_proven, check_page=page)) as started:
        answer = started.client.get("/")
        assert answer.content == page.read_bytes()
        assert "script-src 'sha256-" in answer.headers["content-security-policy"]
        again = started.client.get("/", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304


def test_a_revoked_attestation_is_shown_as_revoked_everywhere(
    sealed_and_proven: Sealed, tmp_path: Path
) -> None:
    issuer = sealed_and_proven.issuer
    with running(service_settings(tmp_path, sealed_and_proven)) as started:
        digest = started.publish(sealed_and_proven.bundle)
        entry = make_revocation(issuer, bytes.fromhex(digest), "wrong prices", AS_OF).to_bytes()
        for _ in range(2):
            answer = started.client.post("/v1/log/entries", headers=PUBLISHER, content=entry)
            assert answer.json() == {"index": 1, "kind": "revocation"}
        client = started.client
        assert client.get("/v1/attestations/latest").status_code == 404
        listed = client.get("/v1/attestations").json()["attestations"][0]
        for body in (
            listed,
            client.get(f"/v1/attestations/{digest}").json(),
            client.get(f"/v1/attestations/{digest}/report").json(),
            client.get(f"/v1/attestations/{digest}/statements/accounts").json(),
            client.get(f"/v1/attestations/{digest}/reserves/solvency").json(),
        ):
            assert body["status"] == "revoked"
            assert body["revocation"] == {
                "time": "2026-01-31T00:00:00Z",
                "reason": "wrong prices",
                "log_index": 1,
            }
        files = client.get(f"/v1/attestations/{digest}/files/leaves.bin")
        assert files.headers["sealedbook-status"] == "revoked"


def test_entries_by_others_are_not_taken(
    sealed_and_proven: Sealed, service: Service, digest: str, tmp_path: Path
) -> None:
    from sealing_support import seal

    stranger = seal(tmp_path / "stranger", fastest_backend()).issuer
    entry = make_revocation(stranger, bytes.fromhex(digest), "no", AS_OF).to_bytes()
    post = service.client.post
    answer = post("/v1/log/entries", headers=PUBLISHER, content=entry)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-issuer")
    ours = make_revocation(sealed_and_proven.issuer, bytes(32), "no", AS_OF).to_bytes()
    assert post("/v1/log/entries", headers=PUBLISHER, content=ours).status_code == 404
    assert post("/v1/log/entries", headers=PUBLISHER, content=b"{}").status_code == 422
    assert post("/v1/log/entries", headers=PUBLISHER, content=b" " * 20_000).status_code == 413
    assert post("/v1/log/entries", content=entry).status_code == 401
    logged = json.loads(service.client.get("/v1/log/entries/0").content)
    with_bundle = logged["attestation"]["sha256"]
    assert with_bundle == digest
    attestation_entry = service.client.get("/v1/log/entries/0").content
    again = post("/v1/log/entries", headers=PUBLISHER, content=attestation_entry)
    assert (again.status_code, again.json()["code"]) == (422, "invalid-request")


def test_a_served_bundle_that_was_altered_does_not_verify(
    service: Service, sealed_and_proven: Sealed, digest: str, tmp_path: Path
) -> None:
    """The verifier needs nothing from the service but bytes."""
    copy = sealed_and_proven.copy(tmp_path / "copy")
    data = bytearray(service.client.get(f"/v1/attestations/{digest}/files/leaves.bin").content)
    data[5] ^= 1
    (copy.bundle / "leaves.bin").write_bytes(data)
    with rejected(Check.BUNDLE_DIGESTS, "leaves.bin"):
        verify_bundle(copy.bundle, fastest_backend(), issuer_key=None)
