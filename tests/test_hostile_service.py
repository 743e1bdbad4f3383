"""A service that means harm to who talks to it: publishers, holders and monitors."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest
from sealing_support import Sealed, fastest_backend, seal

from primitives.attestation import ATTESTATION_NAME
from sealedbook.publishing_client import PublishingClient
from sealedbook.service_client import ServiceAnswerError

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
