"""What the tests of the service share: services over SQLite or PostgreSQL, bundles to publish, publishing by hand."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import FastAPI
from sealing_support import Sealed, fastest_backend, seal
from solvency_support import SOLVENT, prove, prove_accounts, reserves_document

from api.application import service_app
from api.credentials import create_credential
from api.settings import Settings
from api.tokens import create_token_key, issue_token
from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME
from primitives.signed_note import KeyType, NoteSigner

TOKEN_ISSUER: Final = "https://login.example.com"
TOKEN_AUDIENCE: Final = "sealedbook"
LOG_NAME: Final = "log.example.com/sealedbook"
SECRET, SECRET_LINE = create_credential("operations")
TOKEN_PRIVATE, TOKEN_PUBLIC = create_token_key()
LOG_SIGNER: Final = NoteSigner.generate(LOG_NAME, KeyType.ED25519)
PUBLISHER: Final = {"Authorization": f"Bearer {SECRET}"}
Document = dict[str, Any]

with warnings.catch_warnings():
    # Starlette prefers another name of the HTTP client's package; the client is the same.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient as TestClient


def proven(folder: Path) -> Sealed:
    """A book, sealed and proven solvent, in the default layout of `Sealed`."""
    sealed = seal(folder, fastest_backend(), SOLVENT, documents={})
    prove_accounts(sealed)
    prove(sealed, reserves_document({"BTC": 200_000_000, "ETH": 3, "USD": 2_500_075}))
    return sealed


def service_settings(folder: Path, sealed: Sealed, **more: Any) -> Settings:
    """Settings of a service under `folder` that publishes for the issuer of `sealed` and has its vault."""
    values: Document = {
        "issuer_key": sealed.issuer.public_key.hex(),
        "data": folder / "service",
        "log_key": LOG_SIGNER.to_secret_text(),
        "publishers": SECRET_LINE,
        "vault": sealed.folder / "vault",
        "token_keys": TOKEN_PUBLIC.decode(),
        "token_issuer": TOKEN_ISSUER,
        "token_audience": TOKEN_AUDIENCE,
        "address_rate": "100000/minute",
        "holder_rate": "100000/minute",
        "certificate_rate": "100000/minute",
    }
    return Settings(**{**values, **more})


@dataclass
class Service:
    """A service in this process, and a client that talks to it."""

    app: FastAPI
    client: TestClient
    settings: Settings

    def publish(self, bundle: Path) -> str:
        """Publish a bundle the way a publisher does; the attestation's digest."""
        digest: str = begin(self.client, bundle)["id"]
        upload_missing(self.client, bundle, digest)
        answer = self.client.post(f"/v1/publications/{digest}/commit", headers=PUBLISHER)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "published"
        return digest


@contextmanager
def running(settings: Settings, **client_options: Any) -> Iterator[Service]:
    """The service of `settings`, in this process."""
    app = service_app(settings)
    with TestClient(app, **client_options) as client:
        yield Service(app, client, settings)


def begin(client: httpx.Client, bundle: Path) -> Document:
    """``POST /v1/publications``, which must be taken."""
    answer = client.post(
        "/v1/publications",
        headers=PUBLISHER,
        json={
            "attestation": (bundle / ATTESTATION_NAME).read_text("utf-8"),
            "signature": (bundle / SIGNATURE_NAME).read_text("ascii"),
        },
    )
    assert answer.status_code in (200, 201), answer.text
    document: Document = answer.json()
    return document


def upload_missing(client: httpx.Client, bundle: Path, digest: str) -> None:
    """Bring every file that is missing, each whole."""
    state = client.get(f"/v1/publications/{digest}", headers=PUBLISHER).json()
    for entry in state["missing"]:
        answer = client.put(
            f"/v1/publications/{digest}/files/{entry['name']}",
            headers=PUBLISHER,
            content=(bundle / entry["name"]).read_bytes(),
        )
        assert answer.status_code == 204, answer.text


def token(account: str, *, key: bytes = TOKEN_PRIVATE, **changes: Any) -> str:
    """A token for `account` in good order, but for `changes`."""
    values: Document = {
        "issuer": TOKEN_ISSUER,
        "audience": TOKEN_AUDIENCE,
        "account": account,
        "scopes": ["opening", "certificate"],
        "lifetime": 300,
        **changes,
    }
    return issue_token(key, **values)


def as_holder(account: str, **changes: Any) -> Mapping[str, str]:
    """Headers of a request by the holder of `account`."""
    return {"Authorization": f"Bearer {token(account, **changes)}"}


def attestation_of(bundle: Path) -> Document:
    document: Document = json.loads((bundle / ATTESTATION_NAME).read_bytes())
    return document
