"""Generators with unknown relations, from labels (RFC 9380), with a cache on disk.

    generator(label) = hash_to_curve(label; DST = HASH_TO_CURVE_DOMAIN)

| generator | label |
|---|---|
| G_a, asset of `decimals` d and id a | ``"asset" 00 d a`` (d one byte, a UTF-8) |
| H, blinding                          | ``"blinding"`` |
| B_c, bit-row column c                | ``"bit-column" 00 c`` (c four bytes, big-endian) |
| M_j, mask j                          | ``"mask" 00 j`` (four bytes, big-endian) |
| E, linear forms                      | ``"linear-form"`` |

The decimals are part of an asset's label: the same integer under another number of decimals is
another quantity, and opens to another commitment.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import platformdirs

from primitives.assets import Asset
from primitives.backend import Backend, PointVector
from primitives.errors import DecodingError
from primitives.parameters import HASH_TO_CURVE_DOMAIN, UNCOMPRESSED_POINT_BYTES

BLINDING_LABEL: Final = b"blinding"
LINEAR_FORM_LABEL: Final = b"linear-form"

_CACHE_DIGEST_BYTES: Final = 32
_SPOT_CHECKS: Final = 2
_CACHE_WORTHWHILE: Final = 16

_log = logging.getLogger(__name__)


def asset_label(asset: Asset) -> bytes:
    """The label of G_a."""
    return b"asset\x00" + bytes([asset.decimals]) + asset.id.encode("utf-8")


def column_label(index: int) -> bytes:
    """The label of B_c; ``0 <= index < 2^32``."""
    return b"bit-column\x00" + index.to_bytes(4, "big")


def mask_label(index: int) -> bytes:
    """The label of M_j; ``0 <= index < 2^32``."""
    return b"mask\x00" + index.to_bytes(4, "big")


def default_cache_directory() -> Path:
    """Where derived generators are kept: ``SEALEDBOOK_CACHE`` or the user's cache directory."""
    configured = os.environ.get("SEALEDBOOK_CACHE")
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("sealedbook"))


class Generators:
    """Derives generators through one backend and remembers them: all in memory, columns and masks on disk.

    Generators of assets are never written to disk: which assets are asked for may be what an account holds, and
    a list from outside would leave a file behind for everything that is verified.

    The cache saves time only (a reference backend needs 5 ms a generator). A file holds the SHA-256 of
    its labels and points; its length and digest are checked, every point must lie on the curve, and a
    few randomly chosen ones are derived anew, so that a damaged or stale file is noticed and replaced.
    Whoever can write to the cache directory can also replace the program: it is the user's own.
    """

    def __init__(self, backend: Backend, *, cache_directory: Path | None = None) -> None:
        self._backend = backend
        self._directory = default_cache_directory() if cache_directory is None else cache_directory
        self._memory: dict[bytes, PointVector] = {}
        self._of_assets: dict[bytes, bytes] = {}

    def assets(self, assets: Sequence[Asset]) -> PointVector:
        """G_a for each asset, in order."""
        labels = [asset_label(asset) for asset in assets]
        missing = [label for label in dict.fromkeys(labels) if label not in self._of_assets]
        derived = self._backend.hash_to_curve(missing, HASH_TO_CURVE_DOMAIN).to_uncompressed()
        for place, label in enumerate(missing):
            start = place * UNCOMPRESSED_POINT_BYTES
            self._of_assets[label] = derived[start : start + UNCOMPRESSED_POINT_BYTES]
        return self._backend.points_from_uncompressed(b"".join(self._of_assets[label] for label in labels))

    def blinding(self) -> PointVector:
        """H, a vector of length one."""
        return self._derive([BLINDING_LABEL])

    def linear_form(self) -> PointVector:
        """E, a vector of length one."""
        return self._derive([LINEAR_FORM_LABEL])

    def columns(self, count: int) -> PointVector:
        """B_0 .. B_{count-1}."""
        return self._derive([column_label(index) for index in range(count)])

    def masks(self, count: int) -> PointVector:
        """M_0 .. M_{count-1}."""
        return self._derive([mask_label(index) for index in range(count)])

    def _derive(self, labels: Sequence[bytes]) -> PointVector:
        key = _labels_digest(labels)
        points = self._memory.get(key)
        if points is None:
            points = self._read(key, labels)
        if points is None:
            points = self._backend.hash_to_curve(labels, HASH_TO_CURVE_DOMAIN)
            self._write(key, points)
        self._memory[key] = points
        return points

    def _path(self, key: bytes) -> Path:
        return self._directory / f"generators-{key.hex()}.bin"

    def _read(self, key: bytes, labels: Sequence[bytes]) -> PointVector | None:
        if len(labels) < _CACHE_WORTHWHILE:
            return None
        expected = len(labels) * UNCOMPRESSED_POINT_BYTES
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        body = data[_CACHE_DIGEST_BYTES:]
        if len(body) != expected or hashlib.sha256(key + body).digest() != data[:_CACHE_DIGEST_BYTES]:
            _log.warning("generator cache file %s is damaged; deriving anew", self._path(key))
            return None
        try:
            points = self._backend.points_from_uncompressed(body)
        except DecodingError:
            _log.warning("generator cache file %s does not decode; deriving anew", self._path(key))
            return None
        for _ in range(_SPOT_CHECKS):
            index = secrets.randbelow(len(labels))
            fresh = self._backend.hash_to_curve([labels[index]], HASH_TO_CURVE_DOMAIN)
            if fresh.to_compressed() != points.slice(index, index + 1).to_compressed():
                _log.warning("generator cache file %s holds other points; deriving anew", self._path(key))
                return None
        return points

    def _write(self, key: bytes, points: PointVector) -> None:
        if len(points) < _CACHE_WORTHWHILE:
            return
        body = points.to_uncompressed()
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._directory)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(key + body).digest() + body)
                os.replace(name, self._path(key))
            except OSError:
                os.unlink(name)
                raise
        except OSError as error:
            _log.info("generator cache not written: %s", error)


def _labels_digest(labels: Sequence[bytes]) -> bytes:
    digest = hashlib.sha256(HASH_TO_CURVE_DOMAIN)
    for label in labels:
        digest.update(len(label).to_bytes(4, "big") + label)
    return digest.digest()
