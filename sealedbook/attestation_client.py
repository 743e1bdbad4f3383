"""Fetching from a service: attestations and their files, checked against the digests that name them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME, BundleFile
from primitives.errors import SealedbookError
from primitives.strict_json import MAX_JSON_BYTES, Json, JsonError, JsonObject
from sealedbook.log_client import LogClient
from sealedbook.service_client import ServiceAnswerError
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.checks import Check, VerificationError

ATTESTATIONS_PATH: Final = "/v1/attestations"
_MAX_LIST_BYTES: Final = 16 << 20
_MAX_SIGNATURE_BYTES: Final = 1 << 10
_ATTEMPTS: Final = 5
Report = Callable[[str, int, int], None]


class FetchError(SealedbookError):
    """What was asked for cannot be fetched here: too large, or something else stands in its place."""


@dataclass(frozen=True)
class ServedAttestation:
    """What a service says of an attestation: to be checked, all of it."""

    digest: bytes
    revoked: str | None


class AttestationClient(LogClient):
    """The routes below ``/v1/attestations``, besides those of the log."""

    def find(self, which: str) -> ServedAttestation:
        """``latest``, or the attestation with this digest in hexadecimal."""
        answer = self.get_json(f"{ATTESTATIONS_PATH}/{which}", maximum=_MAX_LIST_BYTES)
        found = _parse_served(answer)
        if which != "latest" and found.digest.hex() != which:
            raise ServiceAnswerError(f"the service answers with another attestation than {which}")
        return found

    def find_book(self, book_digest: bytes) -> ServedAttestation | None:
        """The attestation of this book that was published last, one that stands before one that was taken back."""
        query: dict[str, str | int] = {"book": book_digest.hex(), "limit": 100}
        answer = JsonObject(self.get_json(ATTESTATIONS_PATH, query, maximum=_MAX_LIST_BYTES))
        found = answer.array("attestations", lambda value, _: _parse_served(value), max_items=100)
        return next((each for each in found if each.revoked is None), found[0] if found else None)

    def fetch_attestation(
        self, digest: bytes, folder: Path, *, issuer_key: bytes | None
    ) -> SignedAttestation:
        """Put ``attestation.json`` and ``attestation.sig`` into `folder`, and check them (B1 to B4)."""
        for name, maximum in ((ATTESTATION_NAME, MAX_JSON_BYTES), (SIGNATURE_NAME, _MAX_SIGNATURE_BYTES)):
            data = self.get(f"{ATTESTATIONS_PATH}/{digest.hex()}/files/{name}", maximum=maximum)
            if name == ATTESTATION_NAME and hashlib.sha256(data).digest() != digest:
                raise VerificationError(
                    Check.BUNDLE_DIGESTS,
                    f"the service's {ATTESTATION_NAME} does not have the digest that names it",
                )
            (folder / name).write_bytes(data)
        return verify_attestation(folder, issuer_key=issuer_key)

    def fetch_range(self, digest: bytes, name: str, start: int, size: int) -> bytes:
        """`size` bytes of a file from `start`."""
        path = f"{ATTESTATIONS_PATH}/{digest.hex()}/files/{name}"
        headers = {"Range": f"bytes={start}-{start + size - 1}"}
        with self._answer("GET", path, None, size, headers=headers) as chunks:
            data = b"".join(chunks)
        if len(data) != size:
            raise ServiceAnswerError(f"{self.url}{path}: {len(data)} bytes came, {size} were asked for")
        return data

    def fetch_file(
        self, digest: bytes, entry: BundleFile, target: Path, progress: Callable[[int], None]
    ) -> None:
        """Fetch one file, or the rest of one, and check its length and SHA-256.

        A beginning that turns out wrong is dropped and fetched anew. `VerificationError` (B6) if the whole is wrong.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file() and _has_digest(target, entry):
            progress(entry.size)
            return
        partial = target.with_name(target.name + ".partial")
        for attempt in range(1, _ATTEMPTS + 1):
            resumed = self._append_rest(digest, entry, partial, progress)
            if _has_digest(partial, entry):
                os.replace(partial, target)
                return
            whole = partial.stat().st_size >= entry.size
            if whole:
                partial.unlink()
            if (whole and not resumed) or attempt == _ATTEMPTS:
                break
        raise VerificationError(
            Check.BUNDLE_DIGESTS, f"the service's {entry.name} does not have the attested length and SHA-256"
        )

    def _append_rest(
        self, digest: bytes, entry: BundleFile, partial: Path, progress: Callable[[int], None]
    ) -> bool:
        """Fetch what is missing of a file; whether a beginning was there."""
        begun = have = partial.stat().st_size if partial.is_file() else 0
        if have > entry.size:
            partial.unlink()
            begun = have = 0
        with partial.open("ab") as file:
            if have < entry.size:
                path = f"{ATTESTATIONS_PATH}/{digest.hex()}/files/{entry.name}"
                headers = {"Range": f"bytes={have}-{entry.size - 1}"} if have else None
                with self._answer("GET", path, None, entry.size - have, headers=headers) as chunks:
                    for chunk in chunks:
                        file.write(chunk)
                        have += len(chunk)
                        progress(have)
            file.flush()
            os.fsync(file.fileno())
        return begun > 0


def fetch_bundle(
    client: AttestationClient,
    which: str,
    out: Path,
    *,
    issuer_key: bytes | None,
    max_bytes: int,
    report: Report,
) -> SignedAttestation:
    """Fetch a whole bundle to `out`, which appears whole or not at all; an interrupted run is gone on with.

    Signature, lengths and digests are checked (B1 to B6); proofs and tree are for `sealedbook verify`.
    """
    digest = client.find(which).digest
    if out.is_dir() and any(out.iterdir()):
        return _already_there(out, digest, issuer_key)
    if os.path.lexists(out) and not out.is_dir():
        raise FetchError(f"{out} exists and is no folder; choose another place")
    work = out.absolute().with_name(f".{out.name}.fetching-{digest.hex()[:16]}")
    work.mkdir(parents=True, exist_ok=True)
    _refuse_foreign_folder(work)
    signed = client.fetch_attestation(digest, work, issuer_key=issuer_key)
    files = signed.attestation.files
    total = sum(entry.size for entry in files)
    if total > max_bytes:
        shutil.rmtree(work, ignore_errors=True)
        raise FetchError(
            f"the bundle has {total:,} bytes, more than the {max_bytes:,} that you allow (--max-bytes)"
        )
    done = 0
    for entry in files:
        client.fetch_file(digest, entry, work / entry.name, _Share(report, done, total))
        done += entry.size
    report("Fetching", total, total)
    if out.is_dir():
        out.rmdir()
    os.rename(work, out)
    return signed


def _refuse_foreign_folder(work: Path) -> None:
    """`FetchError` unless the folder is one, and ours: its name can be foreseen, and what lies in it is gone on with.

    In a folder that everybody may write to, somebody else could put links there that lead to files of ours.
    """
    found = work.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise FetchError(f"{work} was made by somebody else; remove it or choose another place")


@dataclass(frozen=True)
class _Share:
    """Reports the progress of one file as progress of the whole."""

    report: Report
    before: int
    total: int

    def __call__(self, size: int) -> None:
        self.report("Fetching", self.before + size, self.total)


def _already_there(out: Path, digest: bytes, issuer_key: bytes | None) -> SignedAttestation:
    """A bundle that was fetched before is left as it is."""
    try:
        same = hashlib.sha256((out / ATTESTATION_NAME).read_bytes()).digest() == digest
    except OSError:
        same = False
    if not same:
        raise FetchError(f"{out} exists and holds something else; choose another place")
    return verify_attestation(out, issuer_key=issuer_key)


def _has_digest(path: Path, entry: BundleFile) -> bool:
    if path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest() == entry.sha256


def _parse_served(value: Json) -> ServedAttestation:
    try:
        fields = JsonObject(value)
        digest = fields.hex("digest", 32)
        revocation = fields.raw("revocation")
        if revocation is None:
            return ServedAttestation(digest, None)
        return ServedAttestation(digest, JsonObject(revocation).text("reason"))
    except JsonError as error:
        raise ServiceAnswerError(f"the service's answer is none: {error}") from error
