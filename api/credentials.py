"""Credentials of publishers: random secrets of 256 bits, kept as SHA-256 alone.

A secret of 256 random bits needs no slow hash: nobody can try them out. It allows publishing and nothing else; holders'
tokens and publishers' secrets are never taken for each other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

from api.problems import Problem
from api.settings import Settings, SettingsError

SECRET_PREFIX: Final = "sbp_"  # noqa: S105 (what all secrets begin with)
_SECRET: Final = re.compile(r"\Asbp_[A-Za-z0-9_-]{43}\Z")
_LINE: Final = re.compile(r"\A([A-Za-z0-9._-]{1,64})[ \t]+([0-9a-f]{64})\Z")


class Publishers:
    """Who may publish, by the digests of their secrets."""

    def __init__(self, settings: Settings) -> None:
        self._digests: list[tuple[str, bytes]] = []
        for line in settings.publishers.get_secret_value().splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            match = _LINE.match(line.strip())
            if match is None:
                raise SettingsError("publishers: a line is not a name and 64 hexadecimal digits")
            self._digests.append((match[1], bytes.fromhex(match[2])))

    def __repr__(self) -> str:
        return f"Publishers({[name for name, _ in self._digests]})"

    def verify(self, secret: str) -> str:
        """The name of the publisher with this secret; a 401 problem, the same for every reason."""
        digest = hashlib.sha256(secret.encode("utf-8", errors="replace")).digest()
        found: str | None = None
        for name, known in self._digests:  # all of them, so that time tells nothing
            if hmac.compare_digest(digest, known):
                found = name
        if found is None or not _SECRET.match(secret):
            raise Problem(
                401,
                "unauthorized",
                "A publisher's credential is needed",
                "it is missing, or is none of this service's",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found


def create_credential(name: str) -> tuple[str, str]:
    """A new secret, and the line for the service's settings that lets it in."""
    secret = SECRET_PREFIX + secrets.token_urlsafe(32)
    line = f"{name} {hashlib.sha256(secret.encode()).hexdigest()}"
    if not _LINE.match(line):
        raise SettingsError(f"{name[:70]!r} is not 1 to 64 letters, digits, dots, hyphens and underscores")
    return secret, line
