"""From a complete staged bundle to a published one.

1. verify the whole bundle, as `sealedbook verify` does, and compute the derived files (a process of its own)
2. put the bundle into the storage, whole
3. one transaction: the attestation, its files, the log's entry and a new checkpoint
4. remove what was staged

Killed at any step, nothing is half published: readers find attestations by the database, which step 3 changes at once
or not at all, and every step done twice changes nothing. Publishers at once are kept apart by the lock of the staged
publication, and in the database by the writing transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from api.database.engine import Database
from api.log import TransparencyLog
from api.problems import Problem, key_given_up, second_book, unexpected_problem
from api.publication.records import AcceptedBundle, find_attestation, find_other_book, insert_attestation
from api.publication.staging import StagedPublication, disk_problems, rejected_problem
from api.storage import Storage
from api.verification_process import VerificationProcessError, verify_in_process
from primitives.attestation import SealedBook
from primitives.log_entry import AttestationEntry

_log = structlog.get_logger("sealedbook.publication")
Verify = Callable[[Path, Path, bytes], dict[str, Any]]


def reached(step: str) -> None:
    """Called between steps; tests of killed runs put their own function here."""


@dataclass
class Commit:
    """A commit under way or done in this process."""

    done: threading.Event
    problem: Problem | None = None


class Publisher:
    """Commits staged publications, each in a thread of its own."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        log: TransparencyLog,
        *,
        derived: Path,
        issuer_key: bytes,
        verify: Verify = verify_in_process,
    ) -> None:
        self._database = database
        self._storage = storage
        self._log = log
        self._derived = derived
        self._issuer_key = issuer_key
        self._verify = verify
        self._lock = threading.Lock()
        self._running: dict[bytes, Commit] = {}

    def start(self, staged: StagedPublication) -> Commit:
        """Begin to commit, or join the commit of this publication that runs here."""
        with self._lock:
            running = self._running.get(staged.digest)
            if running is not None:
                return running
            commit = self._running[staged.digest] = Commit(threading.Event())
            threading.Thread(target=self._run, args=(staged, commit), daemon=True).start()
            return commit

    def _run(self, staged: StagedPublication, commit: Commit) -> None:
        try:
            self.commit(staged)
        except Problem as problem:
            commit.problem = problem
        except Exception as error:  # the thread's last: told without details, logged by kind
            _log.error("commit-failed", attestation=staged.digest.hex(), kind=type(error).__name__)
            commit.problem = unexpected_problem()
        finally:
            with self._lock:
                self._running.pop(staged.digest, None)
            commit.done.set()

    def commit(self, staged: StagedPublication) -> None:
        """All steps; a `Problem` says what stood in the way."""
        with staged.locked(seconds=0):
            with self._database.read() as session:
                published = find_attestation(session, staged.digest) is not None
                if not published:
                    _refuse_second_book(session, staged.attestation.book)
            if not published:
                self._publish(staged)
            staged.remove()
            reached("cleaned")

    def _publish(self, staged: StagedPublication) -> None:
        if missing := staged.missing():
            detail = f"{len(missing)} file(s) are missing, the first is {missing[0].file.name}"
            raise Problem(409, "incomplete", "The publication is not complete", detail)
        reached("begun")
        bundle = self._verified(staged)
        reached("verified")
        with disk_problems():
            self._storage.put(staged.digest.hex(), staged.bundle, [file.name for file in bundle.files()])
        reached("stored")
        with self._database.write() as session:
            if find_attestation(session, staged.digest) is None:
                if not self._storage.has(staged.digest.hex()):
                    raise _interrupted()  # swept just now, as an orphan of an earlier run
                if self._log.keys(session).is_given_up(self._issuer_key):
                    raise key_given_up()
                _refuse_second_book(session, bundle.attestation.book)
                index = self._log.append(session, AttestationEntry.of(bundle.attestation_bytes).to_bytes())
                insert_attestation(session, bundle, index)
                reached("inserted")
        reached("committed")
        _log.info("published", attestation=staged.digest.hex())

    def _verified(self, staged: StagedPublication) -> AcceptedBundle:
        try:
            result = self._verify(staged.bundle, self._derived / staged.digest.hex(), self._issuer_key)
        except VerificationProcessError as error:
            _log.error("verification-process-failed", attestation=staged.digest.hex(), reason=str(error))
            raise _interrupted() from error
        if result["result"] != "accepted":
            problem = rejected_problem(result["check"], result["detail"])
            staged.fail(problem)
            raise problem
        return AcceptedBundle.of(staged.digest, staged.attestation, staged.bundle, result["report"])


def _refuse_second_book(session: Session, book: SealedBook) -> None:
    """Before the work, and again in the transaction: two publishers may bring two books."""
    other = find_other_book(session, book)
    if other is not None:
        raise second_book(other.digest.hex())


def _interrupted() -> Problem:
    return Problem(
        503,
        "commit-interrupted",
        "The bundle could not be verified and stored to the end",
        "nothing is lost: commit again when the machine has room and memory",
        headers={"Retry-After": "30"},
    )
