"""Writing a bundle: the attestation, its signature and the files it lists."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from primitives.attestation import (
    ATTESTATION_NAME,
    SIGNATURE_NAME,
    Attestation,
    BundleFile,
    SealedBook,
    sorted_claims,
    sorted_files,
)
from primitives.claims import Claim
from primitives.strict_json import JsonError
from prover.errors import PublicationError, PublicationWriteError
from prover.issuer import Issuer

_COPY_BYTES: Final = 1 << 20


def describe_file(folder: Path, name: str) -> BundleFile:
    """Length and SHA-256 of one file of a bundle being built."""
    digest = hashlib.sha256()
    size = 0
    with (folder / name).open("rb") as file:
        while block := file.read(_COPY_BYTES):
            digest.update(block)
            size += len(block)
    return BundleFile(name, size, digest.digest())


def add_documents(folder: Path, documents: Mapping[str, Path]) -> list[BundleFile]:
    """Copy public documents (bundle name -> source) into a bundle being built.

    Raises `PublicationError` where a document would take the name of a file that the bundle has already.
    """
    for name, source in documents.items():
        if name in (ATTESTATION_NAME, SIGNATURE_NAME) or (folder / name).exists():
            raise PublicationError(
                f"a public document cannot be called {name}: the bundle has a file of that name"
            )
        try:
            shutil.copyfile(source, folder / name)
        except OSError as error:
            raise PublicationWriteError(
                f"cannot copy the public document {source}: {error.strerror}"
            ) from error
    return [describe_file(folder, name) for name in documents]


def write_attestation(
    folder: Path, book: SealedBook, files: Sequence[BundleFile], claims: Sequence[Claim], issuer: Issuer
) -> Attestation:
    """Write and sign the attestation; `PublicationError` if verifiers could not read it."""
    attestation = Attestation(book, sorted_files(files), sorted_claims(claims))
    data = attestation.to_bytes()
    try:
        readable = Attestation.parse(data) == attestation
    except JsonError as error:
        raise PublicationError(f"the attestation would not be well-formed: {error}") from error
    if not readable:
        raise PublicationError("the attestation would not be read as it was written")
    (folder / ATTESTATION_NAME).write_bytes(data)
    (folder / SIGNATURE_NAME).write_bytes(issuer.sign(data).hex().encode() + b"\n")
    return attestation


def is_bundle(path: Path) -> bool:
    """Whether `path` is a folder that looks like a bundle of this product."""
    return path.is_dir() and (path / ATTESTATION_NAME).is_file() and (path / SIGNATURE_NAME).is_file()
