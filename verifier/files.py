"""Reading a bundle's files: regular ones only, of bounded size, and exactly what was attested."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from primitives.attestation import LEAVES_NAME, Attestation, BundleFile
from primitives.parameters import LEAF_BYTES
from verifier.checks import Check, VerificationError

Progress = Callable[[str, int, int], None]


def no_progress(stage: str, done: int, total: int) -> None:
    """Report to nobody."""


def read_regular_file(folder: Path, name: str, *, maximum: int) -> bytes:
    """The bytes of a regular file (no link, no device) of at most `maximum` bytes; failing is check B1."""
    try:
        with open_regular(folder / name) as file:
            data = file.read(maximum + 1)
    except OSError as error:
        raise VerificationError(Check.BUNDLE_FILES, f"{name}: {error.strerror or error}") from error
    if len(data) > maximum:
        raise VerificationError(Check.BUNDLE_FILES, f"{name} has more than {maximum} bytes")
    return data


def read_attested_file(folder: Path, attestation: Attestation, name: str, *, maximum: int) -> bytes:
    """The bytes of a listed file, compared with the attested length and digest again as they are used."""
    entry = attestation.file(name)
    data = read_regular_file(folder, name, maximum=min(maximum, entry.size))
    compare_digest(entry, hashlib.sha256(data).digest())
    return data


def read_range(folder: Path, name: str, start: int, size: int) -> bytes:
    """`size` bytes of a file from `start`; failing is check B1."""
    try:
        with open_regular(folder / name) as file:
            file.seek(start)
            data = file.read(size)
    except OSError as error:
        raise VerificationError(Check.BUNDLE_FILES, f"{name}: {error.strerror or error}") from error
    if len(data) != size:
        raise VerificationError(Check.BUNDLE_FILES, f"{name} is shorter than attested")
    return data


def read_leaf(folder: Path, attestation: Attestation, index: int) -> bytes:
    """The 80 bytes of one published leaf; failing is check B1."""
    try:
        with open_regular(folder / LEAVES_NAME) as file:
            if os.fstat(file.fileno()).st_size != attestation.book.leaf_count * LEAF_BYTES:
                raise VerificationError(Check.BUNDLE_FILES, f"{LEAVES_NAME} has not the attested length")
            file.seek(index * LEAF_BYTES)
            return file.read(LEAF_BYTES)
    except OSError as error:
        raise VerificationError(Check.BUNDLE_FILES, f"{LEAVES_NAME}: {error.strerror or error}") from error


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; `OSError` for a link, a device, a folder or a pipe."""
    # O_NONBLOCK: opening a named pipe must not wait for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path.name} is not a regular file")
    return os.fdopen(handle, "rb")


def compare_digest(entry: BundleFile, digest: bytes) -> None:
    """Check B6 for one file."""
    if digest != entry.sha256:
        raise VerificationError(
            Check.BUNDLE_DIGESTS,
            f"{entry.name} has SHA-256 {digest.hex()}, attested is {entry.sha256.hex()}",
        )
