"""What account holders get, who is let in, and that nothing tells who is a customer or what their token is."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from sealing_support import Sealed, fastest_backend
from service_support import (
    PUBLISHER,
    SECRET,
    TOKEN_AUDIENCE,
    TOKEN_ISSUER,
    TOKEN_PRIVATE,
    TOKEN_PUBLIC,
    Service,
    as_holder,
    proven,
    running,
    service_settings,
    token,
)

from api.logs import configure_logs
from api.middleware import body_limit
from api.settings import SettingsError, load_settings
from api.tokens import create_token_key, read_public_keys
from prover import openings
from verifier.certificate import verify_certificate_against_root
from verifier.opening import TrustedRoot, verify_opening_in_bundle

NON_NEGATIVE = '{"format":"sealedbook/model/v1","kind":"non-negative"}'
AT_LEAST = '{"format": "sealedbook/model/v1", "kind": "at-least", "asset": "BTC", "amount": "9"}'


@pytest.fixture(scope="module")
def sealed_and_proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return proven(tmp_path_factory.mktemp("sealed-for-holders"))


@pytest.fixture(scope="module")
def service(sealed_and_proven: Sealed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = service_settings(tmp_path_factory.mktemp("service"), sealed_and_proven)
    with running(settings) as started:
        started.publish(sealed_and_proven.bundle)
        yield started


def opening(service: Service, headers: Any, **query: str) -> Any:
    return service.client.get("/v1/me/opening", headers=headers, params=query)


def test_a_holder_gets_their_own_opening(service: Service, sealed_and_proven: Sealed) -> None:
    answer = opening(service, as_holder("alice"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    verified = verify_opening_in_bundle(
        answer.content, "alice", sealed_and_proven.bundle, fastest_backend(),
        issuer_key=sealed_and_proven.issuer.public_key,
    )  # fmt: skip
    assert verified.opening.account == "alice"
    digest = service.client.get("/v1/attestations/latest").json()["digest"]
    assert opening(service, as_holder("alice"), attestation=digest).content == answer.content


def test_a_holder_gets_a_certificate(service: Service, sealed_and_proven: Sealed) -> None:
    answer = service.client.post(
        "/v1/me/certificates", headers=as_holder("bob"), json={"model": NON_NEGATIVE, "audience": "Lender"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    trusted = TrustedRoot(book_digest=sealed_and_proven.result.digest)
    verified = verify_certificate_against_root(answer.content, trusted, fastest_backend())
    assert verified.terms.audience == "Lender"
    assert b"bob" not in answer.content


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": "{}"}, "no-statement"),
        ({"model": "no json"}, "no-statement"),
        ({"audience": " blank"}, "invalid-audience"),
        ({"market": "{}"}, "no-statement"),
        ({"extra": 1}, "invalid-request"),
        ({"model": "x" * (1 << 19)}, "invalid-request"),
        ({"attestation": "newest"}, "invalid-request"),
    ],
)
def test_certificates_that_cannot_be_made(service: Service, change: dict[str, Any], code: str) -> None:
    body = {"model": NON_NEGATIVE, **change}
    answer = service.client.post("/v1/me/certificates", headers=as_holder("alice"), json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_statement_that_does_not_hold_is_told_to_the_holder_alone(service: Service) -> None:
    answer = service.client.post("/v1/me/certificates", headers=as_holder("alice"), json={"model": AT_LEAST})
    assert (answer.status_code, answer.json()["code"]) == (422, "not-satisfied")
    assert "short by 7.5 BTC" in answer.json()["detail"]


def test_unknown_accounts_and_unknown_books_read_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same status, headers, body; and an opening is made in either case, so that time tells little."""
    made: list[str] = []
    original = openings.make_opening

    def counting(book: Any, account: str, *rest: Any) -> Any:
        made.append(account)
        return original(book, account, *rest)

    monkeypatch.setattr("api.holder_service.make_opening", counting)
    opening(service, as_holder("alice"))
    unknown = opening(service, as_holder("mallory"))
    assert len(made) == 2
    assert unknown.status_code == 404
    monkeypatch.setattr(service.app.state.holders, "_books", {})
    monkeypatch.setattr(service.app.state.holders._vault, "folder", Path("/nowhere"))
    other = opening(service, as_holder("alice"))

    def telling(answer: Any) -> Any:
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
        headers = {n: v for n, v in answer.headers.items() if n not in ("x-request-id", "content-length")}
        return answer.status_code, body, headers

    assert telling(unknown) == telling(other)


def raw_token(
    claims: dict[str, Any], *, key: Any = None, algorithm: str = "EdDSA", headers: Any = None
) -> str:
    signing: Any = load_pem_private_key(TOKEN_PRIVATE, None) if key is None else key
    return jwt.encode(claims, signing, algorithm=algorithm, headers=headers)


def good_claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": TOKEN_ISSUER, "aud": TOKEN_AUDIENCE, "sub": "alice", "iat": now, "nbf": now, "exp": now + 300,
        "jti": "one", "scope": "opening certificate",
    }  # fmt: skip
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def test_the_claims_that_the_refusals_below_change_are_good(service: Service) -> None:
    assert opening(service, {"Authorization": f"Bearer {raw_token(good_claims())}"}).status_code == 200


@dataclass(frozen=True)
class FromNow:
    """A moment so many seconds after the test begins: test ids and what is refused must not depend on the clock."""

    seconds: float


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "scope")),
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"exp": FromNow(-60)},
        {"nbf": FromNow(600)},
        {"iat": FromNow(600), "exp": FromNow(700)},
        {"exp": FromNow(90_000)},
        {"iat": FromNow(-10_000)},
        {"exp": FromNow(300.5)},
        {"sub": ""},
        {"sub": " alice"},
        {"sub": 7},
        {"jti": ""},
        {"jti": "x" * 129},
        {"scope": ["opening"]},
    ],
    ids=str,
)
def test_tokens_that_are_not_in_order(service: Service, changes: dict[str, Any]) -> None:
    now = int(time.time())
    changes = {
        name: now + value.seconds if isinstance(value, FromNow) else value for name, value in changes.items()
    }
    answer = opening(service, {"Authorization": f"Bearer {raw_token(good_claims(**changes))}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_keys_and_algorithms_are_pinned(service: Service) -> None:
    public = load_pem_public_key(TOKEN_PUBLIC).public_bytes(Encoding.Raw, PublicFormat.Raw)
    none = f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(good_claims())}."
    for forged in (
        raw_token(good_claims(), key=Ed25519PrivateKey.generate()),
        raw_token(good_claims(), key=Ed448PrivateKey.generate()),
        raw_token(good_claims(), key=public, algorithm="HS256"),
        raw_token(good_claims(), headers={"kid": "unknown"}),
        raw_token(good_claims(), headers={"typ": "other"}),
        raw_token(good_claims(), headers={"crit": ["b64"], "b64": True}),
        none,
        "x" * 5000,
        "..",
        "",
        SECRET,
    ):
        answer = opening(service, {"Authorization": f"Bearer {forged}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), forged[:60]
    assert opening(service, {}).status_code == 401
    assert opening(service, {"Authorization": f"Basic {token('alice')}"}).status_code == 401


def _part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_scopes_are_needed(service: Service) -> None:
    only = as_holder("alice", scopes=["certificate"])
    assert opening(service, only).json()["code"] == "insufficient-scope"
    body = {"model": NON_NEGATIVE}
    other = as_holder("alice", scopes=["opening"])
    answer = service.client.post("/v1/me/certificates", headers=other, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")


def test_keys_of_tokens_from_a_jwks(sealed_and_proven: Sealed) -> None:
    public = load_pem_public_key(TOKEN_PUBLIC).public_bytes(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    entry = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "2026-01"}
    assert list(read_public_keys(json.dumps({"keys": [entry]}))) == ["2026-01"]
    for wrong, reason in (
        ({"keys": []}, "Ed25519 public keys are needed"),
        ({"keys": [{**entry, "d": x}]}, "a private key is among them"),
        ({"keys": [{**entry, "crv": "Ed448"}]}, "Ed25519 public keys are needed"),
        ({"keys": [{"kty": "oct", "k": x, "kid": "a"}]}, "Ed25519 public keys are needed"),
        ({"keys": [entry, entry]}, "a kid of its own"),
        ({"keys": [{**entry, "x": "AAAA"}]}, "neither a JWKS document nor PEM"),
        ({}, "neither a JWKS document nor PEM"),
    ):
        with pytest.raises(SettingsError, match=reason):
            read_public_keys(json.dumps(wrong))
    pem = (
        Ed448PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for text in (pem.decode(), TOKEN_PRIVATE.decode(), TOKEN_PUBLIC.decode() * 2, ""):
        with pytest.raises(SettingsError, match="token_keys"):
            read_public_keys(text)


@pytest.mark.parametrize(
    ("limits", "requests"),
    [({"holder_rate": "2/hour"}, ["alice"] * 3), ({"address_rate": "2/hour"}, ["alice", "bob", "carol"])],
)
def test_rates_are_limited(
    sealed_and_proven: Sealed, tmp_path: Path, limits: Any, requests: list[str]
) -> None:
    with running(service_settings(tmp_path, sealed_and_proven, **limits)) as started:
        started.publish(sealed_and_proven.bundle)
        statuses = [opening(started, as_holder(account)).status_code for account in requests]
        assert statuses == [200, 200, 429]
        refused = opening(started, as_holder(requests[-1]))
        assert refused.json()["code"] == "too-many-requests"
        assert 0 < int(refused.headers["retry-after"]) <= 3600


def test_refused_credentials_count_against_their_address(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    with running(service_settings(tmp_path, sealed_and_proven, address_rate="2/hour")) as started:
        wrong = {"Authorization": "Bearer sbp_" + "A" * 43}
        address = f"/v1/publications/{'0' * 64}"
        assert [started.client.get(address, headers=wrong).status_code for _ in range(3)] == [401, 401, 429]
        assert started.client.get(address, headers=PUBLISHER).status_code == 404


def test_certificates_have_a_limit_of_their_own(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    with running(service_settings(tmp_path, sealed_and_proven, certificate_rate="1/hour")) as started:
        body = {"model": NON_NEGATIVE}
        statuses = [
            started.client.post("/v1/me/certificates", headers=as_holder("alice"), json=body).status_code
            for _ in range(2)
        ]
        assert statuses == [404, 429]


def test_nothing_secret_is_logged(
    sealed_and_proven: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after success, refusal, or an unexpected error whose message quotes everything."""
    stream = io.StringIO()
    with redirect_stderr(stream):
        configure_logs("debug")
    import structlog

    try:
        settings = service_settings(tmp_path, sealed_and_proven)
        with running(settings, raise_server_exceptions=False) as started:
            digest = started.publish(sealed_and_proven.bundle)
            held = token("alice")
            headers = {"Authorization": f"Bearer {held}"}
            assert opening(started, headers).status_code == 200
            assert opening(started, as_holder("mallory-the-unknown")).status_code == 404
            tag = started.client.get(f"/v1/attestations/{digest}/paths/2").json()["leaf"]["tag"]
            started.client.get(f"/v1/attestations/{digest}/tags/{tag}?secret-query=1")
            body = {"model": NON_NEGATIVE, "audience": "Lender-AG"}
            assert started.client.post("/v1/me/certificates", headers=headers, json=body).status_code == 200

            def explode(*_: object) -> Any:
                raise RuntimeError(f"alice has 1.5 BTC, {held}")

            monkeypatch.setattr(started.app.state.holders, "opening", explode)
            failed = opening(started, headers)
            assert (failed.status_code, failed.json()["code"]) == (500, "internal-error")
            assert "alice" not in failed.text
    finally:
        structlog.reset_defaults()
    logged = stream.getvalue()
    lines = [json.loads(line) for line in logged.splitlines()]
    assert {"request", "published", "unexpected-error"} <= {line["event"] for line in lines}
    assert any(line.get("route") == "/v1/attestations/{digest}/tags/{tag}" for line in lines)
    for secret in (
        "alice",
        "mallory",
        held,
        held.split(".")[2],
        SECRET,
        tag,
        "secret-query",
        "Lender-AG",
        "1.5 BTC",
    ):
        assert secret not in logged
    unexpected = next(line for line in lines if line["event"] == "unexpected-error")
    assert unexpected["kind"] == "RuntimeError"
    assert any("explode" in frame for frame in unexpected["frames"])


def test_settings_never_show_secrets(sealed_and_proven: Sealed, tmp_path: Path) -> None:
    settings = service_settings(
        tmp_path,
        sealed_and_proven,
        database_url="postgresql://user:hunter2@host/name",
        vault_passphrase="hunter3",
    )
    shown = f"{settings!r} {settings} {settings.model_dump_json()}"
    for secret in ("hunter2", "hunter3", "PRIVATE", SECRET):
        assert secret not in shown


def test_settings_from_variables_files_and_toml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed_and_proven: Sealed
) -> None:
    key = sealed_and_proven.issuer.public_key.hex()
    secret, config = tmp_path / "log.key", tmp_path / "service.toml"
    secret.write_text("from-file\n")
    lines = [
        f'issuer_key = "{key}"',
        f'log_key_file = "{secret}"',
        "token_leeway_seconds = 3",
        'holder_rate = "1/day"',
    ]
    config.write_text("\n".join(lines))
    monkeypatch.setenv("SEALEDBOOK_CONFIG", str(config))
    monkeypatch.setenv("SEALEDBOOK_HOLDER_RATE", "9/day")
    settings = load_settings()
    assert settings.log_key is not None
    assert settings.log_key.get_secret_value() == "from-file"
    assert (settings.holder_rate, settings.token_leeway_seconds) == ("9/day", 3)
    monkeypatch.setenv("SEALEDBOOK_VAULT", "/vault")
    with pytest.raises(SettingsError, match="a vault needs token_keys"):
        load_settings()
    monkeypatch.delenv("SEALEDBOOK_VAULT")
    config.write_text(f'issuer_key = "{key}"\nunknown = 1\n')
    with pytest.raises(SettingsError, match="unknown"):
        load_settings()
    config.write_text(f'issuer_key = "{key}"\nlog_key_file = "/nowhere"\n')
    with pytest.raises(SettingsError, match="log_key: cannot read /nowhere"):
        load_settings()


def test_a_new_pair_of_keys_works(service: Service) -> None:
    private, public = create_token_key()
    assert load_pem_private_key(private, None).private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    assert read_public_keys(public.decode()).keys() == {None}
    assert opening(service, as_holder("alice", key=private)).status_code == 401


def test_bodies_are_bounded_before_anything_looks_at_them(service: Service) -> None:
    """Announced or not, by anybody: what is read into memory has a limit."""
    for address in ("/v1/me/certificates", "/v1/log/entries", "/v1/publications", "/v1/attestations"):
        limit = body_limit(address)
        announced = service.client.post(address, content=b" " * (limit + 1))
        assert (announced.status_code, announced.json()["code"]) == (413, "too-large")

    def pieces() -> Iterator[bytes]:
        for _ in range(6):
            yield bytes(1 << 20)

    answer = service.client.post("/v1/me/certificates", content=pieces(), headers=as_holder("alice"))
    assert answer.status_code in (400, 413)
    assert answer.headers["content-type"] == "application/problem+json"
