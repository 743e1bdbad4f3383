"""Bearer tokens of account holders: JSON Web Tokens (RFC 7519) by the exchange's own backend, EdDSA over Ed25519.

| claim | |
|---|---|
| `iss`, `aud` | as set: who issued it, and that it is for this service |
| `sub` | the account id, exactly as in the book |
| `iat`, `nbf`, `exp` | seconds since 1970; ``exp - iat`` at most the longest lifetime that is set |
| `jti` | 1 to 128 characters, new for every token |
| `scope` | words: `opening`, `certificate` |

The algorithm is pinned; keys come from the settings alone, never from the token. Every refusal reads the same.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from api.problems import Problem
from api.settings import Settings, SettingsError
from primitives.account_id import AccountIdError, canonical_account_id

ALGORITHM: Final = "EdDSA"
OPENING_SCOPE: Final = "opening"
CERTIFICATE_SCOPE: Final = "certificate"
MAX_TOKEN_LENGTH: Final = 4096
_MAX_ID_LENGTH: Final = 128
_REQUIRED: Final = ("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "scope")
_TYPES: Final = frozenset({"JWT", "at+jwt"})
_PEM_END: Final = "-----END PUBLIC KEY-----"


@dataclass(frozen=True)
class Holder:
    """Who a token speaks for, and what it allows."""

    account: str = field(repr=False)
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """A 403 problem unless the token has `scope`."""
        if scope not in self.scopes:
            raise Problem(
                403,
                "insufficient-scope",
                "The token does not allow this",
                f"it needs the scope {scope}",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )


class TokenVerifier:
    """Checks tokens against the keys and expectations of the settings."""

    def __init__(
        self,
        keys: Mapping[str | None, Ed25519PublicKey],
        *,
        issuer: str,
        audience: str,
        lifetime: int,
        leeway: int,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._lifetime = lifetime
        self._leeway = leeway

    @staticmethod
    def from_settings(settings: Settings) -> TokenVerifier:
        """As set; `SettingsError` where the keys cannot be used."""
        text = settings.token_keys.get_secret_value() if settings.token_keys else ""
        return TokenVerifier(
            read_public_keys(text),
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            lifetime=settings.token_lifetime_seconds,
            leeway=settings.token_leeway_seconds,
        )

    def verify(self, token: str) -> Holder:
        """Whose token this is; a 401 problem, always the same, for anything that is not in order."""
        try:
            claims = self._claims(token)
            account = canonical_account_id(claims["sub"])
        except (jwt.PyJWTError, AccountIdError, ValueError, TypeError, KeyError, RecursionError):
            raise unauthorized() from None
        return Holder(account, frozenset(claims["scope"].split(" ")))

    def _claims(self, token: str) -> dict[str, Any]:
        # 1. sizes, header: the pinned algorithm, a key that we have
        if len(token) > MAX_TOKEN_LENGTH:
            raise ValueError("too long")
        header = jwt.get_unverified_header(token)
        if header.get("alg") != ALGORITHM or header.get("typ", "JWT") not in _TYPES or "crit" in header:
            raise ValueError("header")
        # 2. signature, issuer, audience, times
        claims: dict[str, Any] = jwt.decode(
            token,
            self._key(header.get("kid")),
            algorithms=[ALGORITHM],
            issuer=self._issuer,
            audience=self._audience,
            leeway=self._leeway,
            # A token for several audiences could be used here by whoever receives it as one of the others.
            options={"require": list(_REQUIRED), "strict_aud": True},
        )
        # 3. forms, and a lifetime that is not longer than allowed
        if not all(isinstance(claims[name], str) for name in ("sub", "jti", "scope")):
            raise ValueError("types")
        if not all(type(claims[name]) is int for name in ("iat", "nbf", "exp")):
            raise ValueError("types")
        if not 1 <= len(claims["jti"]) <= _MAX_ID_LENGTH:
            raise ValueError("jti")
        if not 0 < claims["exp"] - claims["iat"] <= self._lifetime:
            raise ValueError("lifetime")
        return claims

    def _key(self, key_id: object) -> Ed25519PublicKey:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if not isinstance(key_id, str):
            raise ValueError("kid")
        return self._keys[key_id]


def unauthorized() -> Problem:
    """401, the same for every reason."""
    return Problem(
        401,
        "unauthorized",
        "A valid token is needed",
        "the token is missing, expired, made for another service, or otherwise not in order",
        headers={"WWW-Authenticate": "Bearer"},
    )


def read_public_keys(text: str) -> dict[str | None, Ed25519PublicKey]:
    """Keys by their ids from a JWKS document, or one key without an id from PEM. Raises `SettingsError`."""
    try:
        keys = _from_jwks(json.loads(text)) if text.lstrip().startswith("{") else _from_pem(text)
    except (ValueError, KeyError, TypeError, jwt.PyJWTError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"token_keys: neither a JWKS document nor PEM ({type(error).__name__})") from None
    if not keys or not all(isinstance(key, Ed25519PublicKey) for key in keys.values()):
        raise SettingsError("token_keys: Ed25519 public keys are needed, and nothing else")
    return keys


def _from_jwks(document: Any) -> dict[str | None, Any]:
    keys: dict[str | None, Any] = {}
    for entry in document["keys"]:
        if "d" in entry:
            raise SettingsError("token_keys: a private key is among them: give the service public keys alone")
        if (entry.get("kty"), entry.get("crv")) != ("OKP", "Ed25519"):
            raise SettingsError("token_keys: Ed25519 public keys are needed, and nothing else")
        if not isinstance(entry.get("kid"), str) or entry["kid"] in keys:
            raise SettingsError("token_keys: every key needs a kid of its own")
        keys[entry["kid"]] = jwt.PyJWK(entry, algorithm=ALGORITHM).key
    return keys


def _from_pem(text: str) -> dict[str | None, Any]:
    if text.count(_PEM_END) != 1:
        raise SettingsError("token_keys: PEM holds exactly one key; use a JWKS document for several")
    return {None: load_pem_public_key(text.encode())}


def create_token_key() -> tuple[bytes, bytes]:
    """A new key pair: private and public, both PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def issue_token(
    private_key: bytes,
    *,
    issuer: str,
    audience: str,
    account: str,
    scopes: Sequence[str],
    lifetime: int,
    key_id: str | None = None,
    now: int | None = None,
) -> str:
    """A token as an exchange's backend makes one. `ValueError` where the key is no Ed25519 private key in PEM."""
    key = load_pem_private_key(private_key, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 private key")
    issued = int(time.time()) if now is None else now
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": canonical_account_id(account),
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
        "jti": secrets.token_urlsafe(16),
        "scope": " ".join(scopes),
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={} if key_id is None else {"kid": key_id})
