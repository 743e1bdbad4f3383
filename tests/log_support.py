"""What the tests of the transparency log share: keys, entries, logs in databases of their own, a service of the log."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import uvicorn
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from fastapi import FastAPI

from api.database.base import Base
from api.database.engine import Database
from api.log import TransparencyLog
from api.problems import add_problem_handlers
from api.routes import log as log_routes
from primitives.log_checkpoint import Checkpoint
from primitives.log_entry import AttestationEntry, RevocationEntry, RotationEntry
from primitives.log_tree import EMPTY_ROOT, leaf_hash, node_hash
from primitives.signed_note import KeyType, NoteSigner, SignedNote
from primitives.signing import public_key_bytes, sign_message
from verifier.transparency import LogPolicy, VerifiedCheckpoint

ORIGIN: Final = "log.example.com/sealedbook"
NOW: Final = 1_790_000_000
AS_OF: Final = datetime(2026, 1, 31, tzinfo=UTC)


def seed(text: str) -> bytes:
    return hashlib.sha256(b"sealedbook log tests " + text.encode()).digest()


LOG_SIGNER: Final = NoteSigner.from_seed(ORIGIN, KeyType.ED25519, seed("log"))
WITNESSES: Final = tuple(
    NoteSigner.from_seed(f"witness{number}.example.com/w", KeyType.COSIGNATURE, seed(f"witness {number}"))
    for number in range(3)
)
POLICY: Final = LogPolicy(LOG_SIGNER.verifier_key)


class IssuerKey:
    """An issuer's key for entries."""

    def __init__(self, name: str) -> None:
        self.private: ECC.EccKey = eddsa.import_private_key(seed(f"issuer {name}"))
        self.public = public_key_bytes(self.private)

    def revoke(self, entry: AttestationEntry, reason: str = "made with the wrong prices") -> RevocationEntry:
        unsigned = RevocationEntry(entry.attestation_sha256, self.public, reason, AS_OF)
        return replace(unsigned, signature=sign_message(self.private, unsigned.message()))

    def rotate(self, new: IssuerKey, issuer: str = "Example Exchange") -> RotationEntry:
        unsigned = RotationEntry(issuer, self.public, new.public, AS_OF)
        return replace(
            unsigned,
            old_signature=sign_message(self.private, unsigned.message()),
            new_signature=sign_message(new.private, unsigned.message()),
        )


ALICE: Final = IssuerKey("alice")
BOB: Final = IssuerKey("bob")
CAROL: Final = IssuerKey("carol")


def attestation(
    number: int, *, key: IssuerKey = ALICE, day: int | None = None, book: int | None = None, name: str = ""
) -> AttestationEntry:
    """An entry; `day` and `book` are those of `number` if not given."""
    return AttestationEntry(
        seed(f"attestation {number}"),
        1000 + number,
        seed(f"book {number if book is None else book}"),
        name or "Example Exchange",
        key.public,
        AS_OF + timedelta(days=number if day is None else day),
    )


def entries(count: int, first: int = 0) -> list[bytes]:
    return [attestation(first + number).to_bytes() for number in range(count)]


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def audit_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, section 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if m < k:
        return [*audit_path(m, leaves[:k]), tree_hash(leaves[k:])]
    return [*audit_path(m - k, leaves[k:]), tree_hash(leaves[:k])]


def consistency_path(m: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962, section 2.1.2, as it is written there."""
    if m == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if m <= k:
        return [*consistency_path(m, leaves[:k], whole=whole), tree_hash(leaves[k:])]
    return [*consistency_path(m - k, leaves[k:], whole=False), tree_hash(leaves[:k])]


def unsigned_checkpoint(size: int, root: bytes) -> VerifiedCheckpoint:
    """As if it had been verified."""
    return VerifiedCheckpoint(Checkpoint(ORIGIN, size, root), b"", ())


def signed_checkpoint(
    data: Sequence[bytes],
    *,
    signer: NoteSigner = LOG_SIGNER,
    origin: str = ORIGIN,
    cosigners: int = 0,
    at: int = NOW,
) -> bytes:
    """The note over a log of these entries, cosigned by the first of the witnesses."""
    text = Checkpoint(origin, len(data), tree_hash([leaf_hash(each) for each in data])).to_text()
    lines = [signer.sign(text), *(witness.sign(text, timestamp=at) for witness in WITNESSES[:cosigners])]
    return SignedNote(text, tuple(lines)).to_bytes()


class ListSource:
    """A log that is a list: honest, unless a test changes its answers."""

    def __init__(self, data: Sequence[bytes], *, cosigners: int = 0, at: int = NOW) -> None:
        self.data = list(data)
        self.cosigners = cosigners
        self.at = at

    def checkpoint(self, cosignatures: int) -> bytes:
        return signed_checkpoint(self.data, cosigners=self.cosigners, at=self.at)

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        return consistency_path(first, [leaf_hash(each) for each in self.data[:second]])

    def entries(self, start: int, count: int) -> list[bytes]:
        return self.data[start : start + count]


@dataclass
class StoredLog:
    """A log and its database."""

    database: Database
    log: TransparencyLog

    def append(self, data: Sequence[bytes]) -> list[int]:
        """In one transaction."""
        with self.database.write() as session:
            return [self.log.append(session, each) for each in data]

    def read(self, method: str, *arguments: Any, **more: Any) -> Any:
        with self.database.read() as session:
            return getattr(self.log, method)(session, *arguments, **more)

    def write(self, method: str, *arguments: Any) -> Any:
        with self.database.write() as session:
            return getattr(self.log, method)(session, *arguments)


def database_at(url: str) -> Database:
    """A database with the tables of the service."""
    database = Database(url)
    with database.write() as session:
        Base.metadata.create_all(session.connection())
    return database


def stored_log(place: Path | str, **options: Any) -> StoredLog:
    """A log in a SQLite file or at the URL of a database, new or not."""
    witnesses = [witness.verifier_key for witness in WITNESSES]
    values = {"witnesses": witnesses, "clock": lambda: NOW, **options}
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    return StoredLog(database_at(url), TransparencyLog(ORIGIN, LOG_SIGNER, **values))


@contextmanager
def served(stored: StoredLog) -> Iterator[tuple[str, FastAPI]]:
    """The routes of the log over HTTP on loopback: address, and application whose state a test may exchange."""
    app = FastAPI()
    add_problem_handlers(app)
    app.include_router(log_routes.router)
    app.include_router(log_routes.write_router)
    serve(app, stored)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", app
    finally:
        server.should_exit = True
        thread.join()


def serve(app: FastAPI, stored: StoredLog) -> None:
    """From now on `app` serves this log."""
    app.state.database, app.state.log = stored.database, stored.log
