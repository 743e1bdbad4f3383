"""The log in PostgreSQL: the same proofs, writers one after the other, and nothing of what was rolled back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_support import NOW, POLICY, WITNESSES, StoredLog, entries, stored_log
from postgres_support import MISSING, binaries, postgres_server

from primitives.signed_note import SignedNote
from verifier.transparency import verify_checkpoint, verify_consistency, verify_inclusion

APPENDS = """
import sys
sys.path[:0] = {path!r}
from log_support import entries, stored_log
stored = stored_log({url!r})
for entry in entries(15, int(sys.argv[1])):
    stored.append([entry])
stored.database.close()
"""
PATHS = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if binaries() is None:
        pytest.skip(MISSING)
    with postgres_server() as new_database:
        yield new_database()


@pytest.fixture
def stored(url: str) -> Iterator[StoredLog]:
    opened = stored_log(url)
    yield opened
    opened.database.close()


def test_two_processes_append_at_once_and_every_proof_holds(url: str, stored: StoredLog) -> None:
    program = APPENDS.format(path=PATHS, url=url)
    running = [subprocess.Popen([sys.executable, "-c", program, first]) for first in ("0", "10")]
    assert [each.wait() for each in running] == [0, 0]
    with stored.database.read() as session:
        stored.log.audit(session)
        found = stored.log.entries(session, 0, 100)
        assert sorted(found) == sorted(entries(25))
        last = verify_checkpoint(stored.log.checkpoint(session), POLICY, now=NOW)
        for size in range(1, 26):
            earlier = verify_checkpoint(stored.log.checkpoint(session, size=size), POLICY, now=NOW)
            verify_consistency(earlier, last, stored.log.consistency_proof(session, size, 25))
        for index, data in enumerate(found):
            verify_inclusion(data, index, stored.log.inclusion_proof(session, index, 25), last)


def fail_after_append(stored: StoredLog) -> None:
    with stored.database.write() as session:
        stored.log.append(session, entries(1, 50)[0])
        raise RuntimeError("the caller's own rows did not go in")


def test_a_rollback_leaves_nothing(stored: StoredLog) -> None:
    stored.append(entries(1, 49))
    before = stored.read("checkpoint")
    with pytest.raises(RuntimeError):
        fail_after_append(stored)
    assert stored.read("checkpoint") == before
    stored.append(entries(1, 51))
    stored.read("audit")


def test_cosignatures_are_kept(stored: StoredLog) -> None:
    stored.append(entries(1, 60))
    note = SignedNote.parse(stored.read("checkpoint"))
    for at in (NOW, NOW + 1):
        lines = [witness.sign(note.text, timestamp=at) for witness in WITNESSES[:2]]
        assert stored.write("add_cosignature", SignedNote(note.text, tuple(lines)).to_bytes()) == 2
    served = stored.read("checkpoint", cosignatures=2)
    assert served == note.with_signatures(lines).to_bytes()
