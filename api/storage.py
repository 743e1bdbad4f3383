"""Where published bundles are kept: a folder of this machine, or any place that fsspec reaches.

    <storage>/<attestation digest>/<file of the bundle>

A bundle is put there whole before the database names it, and never changed or removed after: what readers find by the
database is complete. A folder takes a bundle by one rename.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from primitives.errors import SealedbookError
from prover.book.atomic import sync_tree

_INCOMING: Final = ".incoming-"
_COPY_BYTES: Final = 1 << 20


class StorageError(SealedbookError):
    """The storage does not hold what it should, or cannot be reached."""


class Storage(Protocol):
    """Bundles by the digest of their attestation, files by their names inside the bundle."""

    def put(self, digest: str, folder: Path, names: Iterable[str]) -> None:
        """Store the files `names` of `folder`; doing it twice changes nothing. Raises `OSError`."""

    def has(self, digest: str) -> bool:
        """Whether the bundle is here, whole; what is never removed need not be looked up."""

    def open(self, digest: str, name: str) -> BinaryIO:
        """A file for reading, seekable; `StorageError` if it is not there."""

    def check(self) -> None:
        """`StorageError` or `OSError` where the storage cannot be reached."""

    def stored(self) -> Iterable[tuple[str, float]]:
        """``(digest, age in seconds)`` of every bundle here."""

    def remove(self, digest: str) -> None:
        """Remove a bundle that was never published."""


def open_storage(address: str, *, create: bool) -> Storage:
    """The storage at a folder or an fsspec URL."""
    filesystem, path = fsspec.core.url_to_fs(address)
    if isinstance(filesystem, LocalFileSystem):
        return FolderStorage(Path(path), create=create)
    return RemoteStorage(filesystem, path)


class FolderStorage:
    """A folder of this machine, or one that several mount."""

    def __init__(self, root: Path, *, create: bool) -> None:
        self.root = root
        if create:
            root.mkdir(parents=True, exist_ok=True, mode=0o755)

    def put(self, digest: str, folder: Path, names: Iterable[str]) -> None:
        """Store a bundle by one rename, by hard links where both folders are on one file system."""
        target = self.root / digest
        if target.is_dir():
            return
        incoming = self.root / f"{_INCOMING}{digest}-{os.getpid()}-{time.monotonic_ns()}"
        try:
            for name in names:
                place = incoming / name
                place.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(folder / name, place)
            for path in (incoming, *incoming.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            sync_tree(incoming)
            try:
                incoming.rename(target)
            except OSError as error:
                # Somebody else put the same bundle there; its contents are the same, by digest.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            handle = os.open(self.root, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def has(self, digest: str) -> bool:
        """Bundles appear by a rename: one that is here is whole."""
        return (self.root / digest).is_dir()

    def open(self, digest: str, name: str) -> BinaryIO:
        """The file, unbuffered: what reads it reads large pieces."""
        try:
            return cast("BinaryIO", (self.root / digest / name).open("rb", buffering=0))
        except OSError as error:
            raise StorageError(f"{digest[:16]}…/{name}: {error.strerror}") from error

    def check(self) -> None:
        """The folder can be listed."""
        with os.scandir(self.root):
            pass

    def stored(self) -> Iterable[tuple[str, float]]:
        """Bundles, and what killed runs left under other names."""
        now = time.time()
        for entry in list(os.scandir(self.root)):
            with contextlib.suppress(FileNotFoundError):
                yield entry.name, now - entry.stat(follow_symlinks=False).st_mtime

    def remove(self, digest: str) -> None:
        """Rename it away first, so that no half of a bundle is ever found under its name."""
        doomed = self.root / f"{_INCOMING}removed-{time.monotonic_ns()}"
        with contextlib.suppress(FileNotFoundError):
            (self.root / digest).rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


class RemoteStorage:
    """Anything behind fsspec. Uploads are whole objects; the attestation goes last."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    def put(self, digest: str, folder: Path, names: Iterable[str]) -> None:
        """Upload what is not there in full length yet."""
        for name in sorted(names, key=lambda each: (each.startswith("attestation."), each)):
            target = f"{self._root}/{digest}/{name}"
            size = (folder / name).stat().st_size
            if self._filesystem.exists(target) and self._filesystem.size(target) == size:
                continue
            self._filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._filesystem.put_file(str(folder / name), target)

    def has(self, digest: str) -> bool:
        """What `put` uploaded stays: nothing here removes objects."""
        return True

    def open(self, digest: str, name: str) -> BinaryIO:
        """The object, read in blocks as they are asked for."""
        try:
            return cast("BinaryIO", self._filesystem.open(f"{self._root}/{digest}/{name}", "rb"))
        except OSError as error:
            raise StorageError(f"{digest[:16]}…/{name} cannot be read") from error

    def check(self) -> None:
        """The root can be asked for."""
        self._filesystem.exists(self._root)

    def stored(self) -> Iterable[tuple[str, float]]:
        """Nothing: objects stay until the operator removes them (a lifecycle rule, say)."""
        return ()

    def remove(self, digest: str) -> None:
        """Nothing is removed from a remote storage."""


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        with source.open("rb") as reader, target.open("xb") as writer:
            shutil.copyfileobj(reader, writer, _COPY_BYTES)
