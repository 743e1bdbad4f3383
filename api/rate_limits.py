"""How often one account holder, and one address, may ask for private things.

Counts are kept under keyed digests, so that a shared storage holds neither account ids nor addresses in the clear.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from api.problems import Problem
from api.settings import Settings, SettingsError

_KEY_BYTES: Final = 16
_IPV6_PREFIX: Final = 64
"""A customer of an IPv6 network has 2^64 addresses: they count as one."""


class RateLimits:
    """The limits of the settings; each method raises a 429 problem once one is used up."""

    def __init__(self, settings: Settings) -> None:
        try:
            storage = storage_from_string(settings.rate_limit_storage.get_secret_value())
            self._holder = parse(settings.holder_rate)
            self._certificates = parse(settings.certificate_rate)
            self._address = parse(settings.address_rate)
        except Exception as error:  # libraries of storages raise what they like; the URL may hold a password
            raise SettingsError(f"rate limits cannot be used ({type(error).__name__})") from None
        self._limiter = FixedWindowRateLimiter(storage)
        self._key = hashlib.sha256(b"sealedbook rate limits " + settings.issuer_key_bytes).digest()

    def check_address(self, address: str) -> None:
        """One request to private routes from `address`."""
        self._hit(self._address, "address", _network(address))

    def check_holder(self, account: str) -> None:
        """One request for an opening."""
        self._hit(self._holder, "holder", account)

    def check_certificates(self, account: str) -> None:
        """One request for a certificate."""
        self._hit(self._certificates, "certificates", account)

    def _hit(self, item: RateLimitItem, kind: str, subject: str) -> None:
        key = hashlib.blake2b(subject.encode(), digest_size=_KEY_BYTES, key=self._key).hexdigest()
        if self._limiter.hit(item, kind, key):
            return
        reset = self._limiter.get_window_stats(item, kind, key).reset_time
        wait = max(1, round(reset - time.time()))
        raise Problem(
            429,
            "too-many-requests",
            "Too many requests",
            f"try again in {wait} seconds",
            headers={"Retry-After": str(wait)},
        )


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
