"""The staging area: bundles on their way in, on a disk of this machine (or one that all publishing machines share).

    <data>/staging/<attestation digest>/
        lock                 held by whoever completes a file or commits
        bundle/              the bundle as far as it is complete
        partial/<name>       the beginning of a file ("/" in names is "~" here)
        incoming/<random>    the piece that one request brings
        failure.json         why the bundle was refused

A piece counts once it is whole; a file is moved into ``bundle`` once its length and SHA-256 are those that the
attestation lists. So a publisher that was cut off asks what is missing and goes on from there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from api.problems import Problem
from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME, Attestation, BundleFile
from primitives.strict_json import MAX_JSON_BYTES
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.checks import Check, VerificationError

BUNDLE: Final = "bundle"
_PARTIAL: Final = "partial"
_INCOMING: Final = "incoming"
_LOCK: Final = "lock"
_FAILURE: Final = "failure.json"
_NEW: Final = ".new-"
_DONE: Final = ".done-"
_COPY_BYTES: Final = 1 << 20
_LOCK_SECONDS: Final = 10.0
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class MissingFile:
    """A file that is not complete yet, and how many bytes of it are here."""

    file: BundleFile
    received: int


class Staging:
    """The staging area of one machine."""

    def __init__(self, root: Path, *, issuer_key: bytes, max_bundle_bytes: int) -> None:
        self.root = root
        self._issuer_key = issuer_key
        self._max_bundle_bytes = max_bundle_bytes
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def begin(self, attestation: bytes, signature: bytes) -> StagedPublication:
        """Stage a publication, or find the one that is staged: its attestation is signed by the pinned key.

        A `Problem` otherwise: 403 for another issuer, 422 for what is no signed attestation, 413 for too much, 507.
        """
        digest = hashlib.sha256(attestation).hexdigest()
        new = self.root / f"{_NEW}{secrets.token_hex(8)}"
        try:
            with disk_problems():
                for name in (BUNDLE, _PARTIAL, _INCOMING):
                    (new / name).mkdir(parents=True, mode=0o700)
                _write(new / BUNDLE / ATTESTATION_NAME, attestation)
                _write(new / BUNDLE / SIGNATURE_NAME, signature)
                _write(new / _LOCK, b"")
                signed = self._verify(new / BUNDLE)
                self._check_room(signed.attestation)
                _rename_unless_there(new, self.root / digest)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        staged = self.find(bytes.fromhex(digest))
        if staged is None:
            raise _gone()
        (staged.folder / _FAILURE).unlink(missing_ok=True)
        return staged

    def find(self, digest: bytes) -> StagedPublication | None:
        """The staged publication of an attestation, if there is one."""
        folder = self.root / digest.hex()
        try:
            with (folder / BUNDLE / ATTESTATION_NAME).open("rb") as file:
                data = file.read(MAX_JSON_BYTES + 1)
        except OSError:
            return None
        return StagedPublication(folder, digest, Attestation.parse(data))

    def all(self) -> Iterator[Path]:
        """The folders of all staged publications, and what killed runs left."""
        yield from [
            Path(entry.path) for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False)
        ]

    def _verify(self, bundle: Path) -> SignedAttestation:
        try:
            return verify_attestation(bundle, issuer_key=self._issuer_key)
        except VerificationError as error:
            if error.check is Check.BUNDLE_ISSUER:
                raise Problem(
                    403, "foreign-issuer", "This service publishes for another issuer", error.detail
                ) from error
            raise rejected_problem(error.check.value, error.detail) from error

    def _check_room(self, attestation: Attestation) -> None:
        total = sum(entry.size for entry in attestation.files)
        if total > self._max_bundle_bytes:
            detail = f"the bundle lists {total} bytes, more than {self._max_bundle_bytes}"
            raise Problem(413, "bundle-too-large", "The bundle is larger than this service takes", detail)
        if total > shutil.disk_usage(self.root).free:
            raise no_space()


class StagedPublication:
    """One publication on its way in."""

    def __init__(self, folder: Path, digest: bytes, attestation: Attestation) -> None:
        self.folder = folder
        self.digest = digest
        self.attestation = attestation

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.folder / BUNDLE

    def missing(self) -> list[MissingFile]:
        """What is not complete yet, in the order of the attestation."""
        return [
            MissingFile(entry, self._received(entry.name))
            for entry in self.attestation.files
            if not (self.bundle / entry.name).is_file()
        ]

    def _received(self, name: str) -> int:
        try:
            return self._partial(name).stat().st_size
        except OSError:
            return 0

    def _partial(self, name: str) -> Path:
        return self.folder / _PARTIAL / name.replace("/", "~")

    def entry(self, name: str) -> BundleFile:
        """The file of this name in the attestation; a 404 problem if there is none."""
        try:
            return self.attestation.file(name)
        except KeyError:
            raise Problem(
                404, "not-listed", "The attestation lists no such file", "upload only what it lists"
            ) from None

    def upload(self, name: str, start: int) -> Upload:
        """Begin to take the bytes of a file from `start` on."""
        entry = self.entry(name)
        if start > entry.size:
            raise _wrong_length(entry)
        path = self.folder / _INCOMING / secrets.token_hex(8)
        try:
            with disk_problems():
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            raise _gone() from None
        return Upload(self, entry, start, path, os.fdopen(handle, "w+b"))

    @contextlib.contextmanager
    def locked(self, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Hold the lock of this publication; a 409 problem where somebody else does for longer than `seconds`."""
        try:
            handle = os.open(self.folder / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            raise _gone() from None
        try:
            deadline = time.monotonic() + seconds
            while not _try_lock(handle):
                if time.monotonic() >= deadline:
                    raise Problem(
                        409,
                        "publication-busy",
                        "This publication is being worked on",
                        "ask for its state, then try again",
                    )
                time.sleep(0.02)
            if not (self.folder / _LOCK).exists():
                raise _gone()
            yield
        finally:
            os.close(handle)

    def is_locked(self) -> bool:
        """Whether somebody holds the lock at this moment."""
        try:
            with self.locked(seconds=0):
                return False
        except Problem as problem:
            return problem.code == "publication-busy"

    def take(self, entry: BundleFile, start: int, size: int, piece: BinaryIO, path: Path) -> None:
        """Add a piece of `size` bytes that arrived whole at `path`; one that is here already changes nothing."""
        target, partial = self.bundle / entry.name, self._partial(entry.name)
        if target.is_file():
            return
        with self.locked(), disk_problems():
            received = self._received(entry.name)
            if target.is_file() or (start + size <= received and size):
                return
            if start != received:
                raise Problem(
                    409,
                    "wrong-offset",
                    "The piece does not begin where the last one ended",
                    f"{received} bytes of {entry.name} are here",
                )
            if start == 0:
                os.replace(path, partial)
            else:
                _append(piece, partial)
            if partial.stat().st_size == entry.size:
                _complete(partial, target, entry)

    def fail(self, problem: Problem) -> None:
        """Remember why the bundle was refused, for whoever asks."""
        document = {
            "status": problem.status,
            "code": problem.code,
            "title": problem.title,
            "detail": problem.detail,
        }
        with contextlib.suppress(OSError):
            _write(self.folder / _FAILURE, json.dumps(document).encode())

    def failure(self) -> dict[str, Any] | None:
        """Why the bundle was refused, if it was."""
        try:
            document: dict[str, Any] = json.loads((self.folder / _FAILURE).read_bytes())
        except (OSError, ValueError):
            return None
        return document

    def remove(self) -> None:
        """Remove everything; whoever holds the lock may do this."""
        remove_folder(self.folder)


class Upload:
    """One piece of a file, on its way in."""

    def __init__(
        self, publication: StagedPublication, entry: BundleFile, start: int, path: Path, file: BinaryIO
    ) -> None:
        self._publication = publication
        self._entry = entry
        self._start = start
        self._file = file
        self._path = path
        self._size = 0

    def write(self, data: bytes) -> None:
        """More bytes; a 413 problem once they exceed the file."""
        self._size += len(data)
        if self._start + self._size > self._entry.size:
            raise _wrong_length(self._entry)
        with disk_problems():
            self._file.write(data)

    def finish(self, expected: int | None) -> None:
        """The piece is whole, if it has the `expected` length: add it to what is here."""
        if expected is not None and self._size != expected:
            detail = f"{expected} bytes were announced, {self._size} came"
            raise Problem(400, "truncated", "The piece did not arrive whole", detail)
        with disk_problems():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.seek(0)
        self._publication.take(self._entry, self._start, self._size, self._file, self._path)

    def close(self) -> None:
        """Give up what was not finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Rename a publication's folder away, then remove it: no half of one is ever found."""
    doomed = folder.with_name(f"{_DONE}{secrets.token_hex(8)}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


@contextlib.contextmanager
def disk_problems() -> Iterator[None]:
    """A full disk is a 507 problem; nothing that was there before is lost."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise no_space() from error
        raise


def no_space() -> Problem:
    """507."""
    return Problem(
        507,
        "insufficient-storage",
        "The service has no room for this",
        "what was uploaded before is kept: make room, then go on",
    )


def rejected_problem(check: str, detail: str) -> Problem:
    """422: the bundle fails a check of the verifier."""
    return Problem(422, "bundle-rejected", "The bundle does not verify", f"check {check}: {detail}")


def _gone() -> Problem:
    return Problem(404, "not-found", "There is no such thing here", "there is no such staged publication")


def _wrong_length(entry: BundleFile) -> Problem:
    detail = f"{entry.name} has {entry.size} bytes by the attestation"
    return Problem(413, "longer-than-listed", "More bytes than the attestation lists", detail)


def _append(piece: BinaryIO, partial: Path) -> None:
    before = partial.stat().st_size
    with partial.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        try:
            shutil.copyfileobj(piece, file, _COPY_BYTES)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


def _complete(partial: Path, target: Path, entry: BundleFile) -> None:
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    if digest != entry.sha256:
        partial.unlink()
        detail = f"{entry.name} has SHA-256 {digest.hex()}, attested is {entry.sha256.hex()}"
        raise Problem(422, "digest-mismatch", "The file is not the one that was attested", detail)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, target)


def _rename_unless_there(new: Path, place: Path) -> None:
    try:
        new.rename(place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
