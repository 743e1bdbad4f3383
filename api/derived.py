"""Files computed from published ones, on this machine: inclusion tree, compiled statements, readable documents.

    <data>/derived/<attestation digest>/tree.bin tags.bin order.bin
                                        statements/<claim>.bin .json
                                        reserves/<claim>.json

They appear whole or not at all, can be removed at any time, and are made again where they are missing: at publication,
else in the background when somebody first asks.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from api.inclusion_tree import InclusionTree, write_inclusion_files
from api.problems import Problem
from api.statement_view import compile_statement, reserves_view, statement_view
from api.storage import Storage
from primitives.attestation import ATTESTATION_NAME, LEAVES_NAME, Attestation
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.claims import AccountsClaim, BookClaim, SolvencyClaim
from primitives.errors import SealedbookError
from primitives.strict_json import MAX_JSON_BYTES, canonical_json
from prover.publication import publish_folder

STATEMENTS: Final = "statements"
RESERVES: Final = "reserves"
_OPEN_TREES: Final = 64
_RETRY_SECONDS: Final = 5
_FAILED_SECONDS: Final = 300.0
"""How long what could not be made is not tried again, whoever asks."""

_log = structlog.get_logger("sealedbook.derived")
OpenFile = Callable[[str], BinaryIO]


class DerivedFileError(SealedbookError):
    """What is stored does not make up what was attested: the storage is damaged."""


def build_derived_files(
    attestation: Attestation,
    open_file: OpenFile,
    destination: Path,
    backend: Backend,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Compute everything into `destination`, atomically; `DerivedFileError` where the root is another one."""

    def read(name: str) -> bytes:
        entry = attestation.file(name)
        with open_file(name) as file:
            data = file.read(min(entry.size, MAX_JSON_BYTES) + 1)
        if hashlib.sha256(data).digest() != entry.sha256:
            raise DerivedFileError(f"{name} is not the file that was attested")
        return data

    destination.parent.mkdir(parents=True, exist_ok=True)
    # Two publishers of one bundle in two processes: one after the other, or they exchange the folder under each other.
    with (
        _exclusive(destination.with_name(f".{destination.name}.publishing")),
        publish_folder(destination, replaceable=lambda _: True) as work,
    ):
        with open_file(LEAVES_NAME) as leaves:
            root = write_inclusion_files(leaves, attestation.book.leaf_count, work, backend, progress)
        if root != attestation.book.root:
            raise DerivedFileError("the stored leaves do not make up the attested root")
        (work / STATEMENTS).mkdir()
        (work / RESERVES).mkdir()
        for claim in attestation.claims:
            if not isinstance(claim, AccountsClaim | BookClaim | SolvencyClaim):
                continue
            statement = compile_statement(attestation, claim, read)
            (work / STATEMENTS / f"{claim.name}.bin").write_bytes(statement.canonical_bytes())
            view = statement_view(attestation, claim, statement, read)
            (work / STATEMENTS / f"{claim.name}.json").write_bytes(canonical_json(view))
            if isinstance(claim, SolvencyClaim):
                reserves = reserves_view(attestation, claim, read(claim.reserves))
                (work / RESERVES / f"{claim.name}.json").write_bytes(canonical_json(reserves))


class DerivedFiles:
    """The derived files of all attestations, opened as they are asked for and made where they are missing."""

    def __init__(self, root: Path, storage: Storage) -> None:
        self._root = root
        self._storage = storage
        self._lock = threading.Lock()
        self._trees: OrderedDict[bytes, InclusionTree] = OrderedDict()
        self._building: set[bytes] = set()
        self._failed: dict[bytes, float] = {}
        root.mkdir(parents=True, exist_ok=True)

    def folder(self, digest: bytes) -> Path:
        """Where the files of one attestation are or will be."""
        return self._root / digest.hex()

    def open_tree(self, digest: bytes) -> InclusionTree | None:
        """The tree of an attestation that was asked for before in this process."""
        return self._trees.get(digest)

    def tree(self, digest: bytes, book_digest: bytes, leaf_count: int) -> InclusionTree:
        """The tree of a published attestation; a 503 problem while it is being made."""
        if (tree := self._trees.get(digest)) is not None:
            return tree
        try:
            tree = InclusionTree(self.folder(digest), digest, book_digest, leaf_count)
        except (OSError, ValueError):
            raise self._start_building(digest) from None
        with self._lock:
            self._trees[digest] = tree
            while len(self._trees) > _OPEN_TREES:
                self._trees.popitem(last=False)
        return tree

    def read(self, digest: bytes, name: str) -> bytes:
        """A statement or document of a published attestation; a 503 problem while it is being made."""
        try:
            return (self.folder(digest) / name).read_bytes()
        except OSError:
            raise self._start_building(digest) from None

    def build(self, digest: bytes) -> None:
        """Make the files of a published attestation, unless another process just did."""
        with _exclusive(self._root / f"{digest.hex()}.lock"):
            if (self.folder(digest) / STATEMENTS).is_dir() and self._is_whole(digest):
                return
            with self._storage.open(digest.hex(), ATTESTATION_NAME) as file:
                data = file.read(MAX_JSON_BYTES)
            if hashlib.sha256(data).digest() != digest:
                raise DerivedFileError("the stored attestation is another one")
            build_derived_files(
                Attestation.parse(data),
                lambda name: self._storage.open(digest.hex(), name),
                self.folder(digest),
                get_backend(),
            )

    def _is_whole(self, digest: bytes) -> bool:
        with self._storage.open(digest.hex(), ATTESTATION_NAME) as file:
            book = Attestation.parse(file.read(MAX_JSON_BYTES)).book
        try:
            InclusionTree(self.folder(digest), digest, book.digest(), book.leaf_count)
        except (OSError, ValueError):
            return False
        return True

    def _start_building(self, digest: bytes) -> Problem:
        with self._lock:
            # One at a time: each costs memory and computing by its leaves, and anybody can ask for all of them.
            failed = self._failed.get(digest)
            rests = failed is not None and time.monotonic() - failed < _FAILED_SECONDS
            if not self._building and not rests:
                self._building.add(digest)
                threading.Thread(target=self._build_and_forget, args=(digest,), daemon=True).start()
        return Problem(
            503,
            "being-prepared",
            "This is being prepared from the published files",
            "try again in a moment",
            headers={"Retry-After": str(_RETRY_SECONDS)},
        )

    def _build_and_forget(self, digest: bytes) -> None:
        try:
            self.build(digest)
            _log.info("derived-files-made", attestation=digest.hex())
        except (SealedbookError, OSError, ValueError) as error:
            _log.error("derived-files-failed", attestation=digest.hex(), kind=type(error).__name__)
            with self._lock:
                self._failed[digest] = time.monotonic()
        finally:
            with self._lock:
                self._building.discard(digest)


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
