"""The log in the database: tree, proofs, checkpoints, cosignatures; crashes, two processes, another history."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from log_support import (
    ALICE,
    LOG_SIGNER,
    NOW,
    ORIGIN,
    POLICY,
    WITNESSES,
    attestation,
    audit_path,
    consistency_path,
    entries,
    seed,
    signed_checkpoint,
    stored_log,
    tree_hash,
)
from sqlalchemy import delete, update

from api.database.log_tables import LogCheckpoint, LogNode, LogRecord
from api.log import (
    CosignatureError,
    LogDivergedError,
    LogNotReadyError,
    LogRangeError,
    LogSettingsError,
    TransparencyLog,
    open_log,
)
from api.log.tree import DatabaseTree, node_number
from api.settings import Settings
from primitives.log_entry import LogEntryError
from primitives.log_tree import leaf_hash
from primitives.signed_note import KeyType, NoteSigner, SignedNote
from verifier.transparency import verify_checkpoint, verify_consistency, verify_inclusion

SIZE = 70
DATA = entries(SIZE)
LEAVES = [leaf_hash(each) for each in DATA]


def test_every_root_and_proof_is_that_of_rfc_6962(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    for index, data in enumerate(DATA):
        assert stored.append([data]) == [index]
    with stored.database.read() as session:
        for size in range(SIZE + 1):
            checkpoint = verify_checkpoint(stored.log.checkpoint(session, size=size), POLICY, now=NOW)
            assert checkpoint.root == tree_hash(LEAVES[:size])
        for size in range(1, SIZE + 1):
            for index in range(0, size, 3):
                assert stored.log.inclusion_proof(session, index, size) == audit_path(index, LEAVES[:size])
            for first in range(1, size + 1, 2):
                proof = stored.log.consistency_proof(session, first, size)
                assert proof == consistency_path(first, LEAVES[:size])
        assert stored.log.consistency_proof(session, 0, SIZE) == []
        assert stored.log.entries(session, 10, 5) == DATA[10:15]
        assert stored.log.entries(session, SIZE, 5) == []
        assert stored.log.index_of(session, LEAVES[33]) == 33
        assert stored.log.index_of_attestation(session, attestation(33).attestation_sha256) == 33
        assert stored.log.index_of_attestation(session, bytes(32)) is None
        stored.log.audit(session)


def test_pymerkle_verifies_the_proofs_of_the_tree_in_the_database(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:20])
    with stored.database.read() as session:
        for size in range(1, 21):
            tree = DatabaseTree(session, size)
            for index in range(1, size + 1):
                proof = tree._computed(lambda: tree.prove_inclusion(index, size))  # noqa: B023
                proof.verify(LEAVES[index - 1], tree_hash(LEAVES[:size]))
                consistency = tree._computed(lambda: tree.prove_consistency(index, size))  # noqa: B023
                consistency.verify(tree_hash(LEAVES[:index]), tree_hash(LEAVES[:size]))


def test_an_entry_twice_is_one_entry(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    assert stored.append([DATA[0], DATA[1], DATA[0]]) == [0, 1, 0]
    assert stored.append([DATA[1]]) == [1]
    assert stored.read("size") == 2


def test_what_is_no_entry_is_not_appended(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    with pytest.raises(LogEntryError, match="not an entry"):
        stored.append([b"{}"])
    assert stored.read("size") == 0


def test_a_restart_and_another_worker_see_the_same(tmp_path: Path) -> None:
    first, second = stored_log(tmp_path / "log"), stored_log(tmp_path / "log")
    first.append(DATA[:3])
    assert second.append(DATA[2:5]) == [2, 3, 4]
    assert first.read("checkpoint") == second.read("checkpoint")
    assert stored_log(tmp_path / "log").read("entries", 0, 10) == DATA[:5]


def test_nothing_of_a_transaction_that_fails_stays(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log", anchor=tmp_path / "anchor")
    stored.append(DATA[:3])
    before = stored.read("checkpoint"), (tmp_path / "anchor").read_bytes()

    def fail_after_append() -> None:
        with stored.database.write() as session:
            stored.log.append(session, DATA[3])
            raise RuntimeError("the caller's own rows did not go in")

    with pytest.raises(RuntimeError):
        fail_after_append()
    assert (stored.read("checkpoint"), (tmp_path / "anchor").read_bytes()) == before
    assert stored.append([DATA[4]]) == [3]
    stored.read("audit")


def test_a_process_without_the_key_reads_and_does_not_append(tmp_path: Path) -> None:
    stored_log(tmp_path / "log").append(DATA[:2])
    reader = stored_log(tmp_path / "log")
    reader.log = TransparencyLog(ORIGIN, None)
    assert verify_checkpoint(reader.read("checkpoint"), POLICY, now=NOW).size == 2
    with pytest.raises(LogNotReadyError, match="no log key"):
        reader.append([DATA[2]])
    empty = stored_log(tmp_path / "empty")
    empty.log = TransparencyLog(ORIGIN, None)
    with pytest.raises(LogNotReadyError, match="no log key"):
        empty.read("checkpoint")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("entries", (6, 1)),
        ("entries", (-1, 1)),
        ("inclusion_proof", (5, 5)),
        ("inclusion_proof", (0, 6)),
        ("inclusion_proof", (-1, 5)),
        ("consistency_proof", (4, 3)),
        ("consistency_proof", (4, 6)),
        ("consistency_proof", (-1, 5)),
    ],
)
def test_what_is_not_there_is_an_error(tmp_path: Path, method: str, arguments: tuple[int, ...]) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:5])
    with pytest.raises(LogRangeError):
        stored.read(method, *arguments)
    with pytest.raises(LogRangeError):
        stored.read("checkpoint", size=6)
    with pytest.raises(LogRangeError):
        stored.read("checkpoint", cosignatures=1)


# Another history than the one that was signed


def test_another_key_or_origin_does_not_sign_this_log(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:2])
    for origin, text in ((ORIGIN, "another log key"), ("elsewhere.example.com/log", "log")):
        stored.log = TransparencyLog(origin, NoteSigner.from_seed(origin, KeyType.ED25519, seed(text)))
        with pytest.raises(LogSettingsError, match="the database holds the log"):
            stored.append([DATA[2]])


Tampering = Callable[[Any], None]


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (
            lambda s: s.execute(delete(LogCheckpoint).where(LogCheckpoint.size == 5)),
            "5 entries, but 4 were signed",
        ),
        (
            lambda s: s.execute(
                update(LogNode).where(LogNode.number == node_number(2, 0)).values(hash=bytes(32))
            ),
            "not the one that was signed",
        ),
        (
            lambda s: s.execute(delete(LogNode).where(LogNode.number == node_number(2, 0))),
            "nodes .* are missing",
        ),
    ],
)
def test_a_tree_that_was_not_signed_is_not_grown(tmp_path: Path, tamper: Tampering, reason: str) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:5])
    with stored.database.write() as session:
        tamper(session)
    with pytest.raises(LogDivergedError, match=reason):
        stored.append([DATA[5]])


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (
            lambda s: s.execute(delete(LogRecord).where(LogRecord.entry_index == 1)),
            "entries 0 to 4, some are missing",
        ),
        (
            lambda s: s.execute(update(LogRecord).where(LogRecord.entry_index == 1).values(entry=DATA[9])),
            "entry 1 was changed",
        ),
        (
            lambda s: s.execute(
                update(LogNode).where(LogNode.number == node_number(1, 0)).values(hash=bytes(32))
            ),
            "nodes above the entries 0 to 4",
        ),
        (
            lambda s: s.execute(
                update(LogNode).where(LogNode.number == node_number(2, 0)).values(hash=bytes(32))
            ),
            "nodes above the entries 0 to 4",
        ),
    ],
)
def test_an_audit_finds_rows_that_were_changed(tmp_path: Path, tamper: Tampering, reason: str) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:5])
    with stored.database.write() as session:
        tamper(session)
    with pytest.raises(LogDivergedError, match=reason):
        stored.read("audit")


def test_a_database_from_an_old_backup_is_not_signed_again(tmp_path: Path) -> None:
    anchor = tmp_path / "state" / "anchor"
    stored_log(tmp_path / "old", anchor=anchor).append(DATA[:3])
    (tmp_path / "backup").write_bytes((tmp_path / "old").read_bytes())
    stored = stored_log(tmp_path / "new", anchor=None)
    stored.append(DATA[:5])
    anchor.write_bytes(stored.read("checkpoint"))
    restored = stored_log(tmp_path / "old", anchor=anchor)
    with pytest.raises(LogDivergedError, match=r"signed 5 entries .* the database has 3: was it restored"):
        restored.append([DATA[7]])
    other = stored_log(tmp_path / "other", anchor=None)
    other.append([DATA[9], *DATA[1:6]])
    other.log = stored_log(tmp_path / "other", anchor=anchor).log
    with pytest.raises(LogDivergedError, match="the first 5 entries are not those"):
        other.append([DATA[7]])
    anchor.write_bytes(b"not a note")
    with pytest.raises(LogDivergedError, match="is no checkpoint of this log's key"):
        restored.append([DATA[7]])


def test_the_anchor_moves_forward_only(tmp_path: Path) -> None:
    anchor = tmp_path / "anchor"
    stored = stored_log(tmp_path / "log", anchor=anchor)
    stored.append(DATA[:4])
    assert verify_checkpoint(anchor.read_bytes(), POLICY, now=NOW).size == 4
    assert stored.log._anchor is not None
    stored.log._anchor.advance(2, signed_checkpoint(DATA[:2]))
    assert verify_checkpoint(anchor.read_bytes(), POLICY, now=NOW).size == 4


# Cosignatures


def cosigned(note: bytes, *signers: NoteSigner, at: int = NOW) -> bytes:
    parsed = SignedNote.parse(note)
    return parsed.with_signatures([each.sign(parsed.text, timestamp=at) for each in signers]).to_bytes()


def test_cosignatures_are_kept_and_served(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:3])
    note = stored.read("checkpoint")
    assert stored.write("add_cosignature", cosigned(note, WITNESSES[0])) == 1
    assert stored.write("add_cosignature", cosigned(note, WITNESSES[0])) == 0
    assert stored.write("add_cosignature", cosigned(note, *WITNESSES[:2], at=NOW + 1)) == 2
    assert stored.write("add_cosignature", cosigned(note, WITNESSES[0], at=NOW - 9)) == 0
    assert stored.read("checkpoint") == cosigned(note, *WITNESSES[:2], at=NOW + 1)
    stored.append(DATA[3:5])
    assert verify_checkpoint(stored.read("checkpoint"), POLICY, now=NOW).size == 5
    assert verify_checkpoint(stored.read("checkpoint", cosignatures=2), POLICY, now=NOW).size == 3
    with pytest.raises(LogRangeError, match="with that many cosignatures"):
        stored.read("checkpoint", cosignatures=3)
    states = stored.read("witness_states")
    assert [(state.size, state.timestamp) for state in states] == [(3, NOW + 1), (3, NOW + 1), (None, None)]


def test_cosignatures_that_are_refused(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:3])
    note = stored.read("checkpoint")
    stranger = NoteSigner.generate("stranger.example.com/w", KeyType.COSIGNATURE)
    for bad, reason in (
        (b"no note", "no empty line"),
        (note, "no witness that this log takes"),
        (cosigned(note, stranger), "no witness that this log takes"),
        (cosigned(note, WITNESSES[0], at=NOW + 601), "dated in the future"),
        (cosigned(note, WITNESSES[0]).replace(b"\n3\n", b"\n2\n"), "does not hold"),
        (cosigned(signed_checkpoint(DATA[5:8]), WITNESSES[0]), "not a checkpoint that this log signed"),
        (cosigned(signed_checkpoint(DATA[:4]), WITNESSES[0]), "not a checkpoint that this log signed"),
    ):
        with pytest.raises(CosignatureError, match=reason):
            stored.write("add_cosignature", bad)
    assert stored.read("checkpoint") == note


# Settings


def test_the_log_of_settings(tmp_path: Path) -> None:
    values: dict[str, Any] = {"issuer_key": ALICE.public.hex(), "data": tmp_path}
    key = LOG_SIGNER.to_secret_text()
    signing: dict[str, Any] = {"log_key": key}
    witness = WITNESSES[0].verifier_key.to_text()
    log = open_log(Settings(**values, **signing, log_witnesses=(witness,)))
    assert (log.origin, log.verifier_key) == (ORIGIN, LOG_SIGNER.verifier_key)
    assert log.witnesses == (WITNESSES[0].verifier_key,)
    assert open_log(Settings(**values, log_origin="elsewhere.example.com/x", **signing)).origin.startswith(
        "else"
    )
    assert open_log(Settings(**values, log_origin=ORIGIN)).verifier_key is None
    for wrong, reason in (
        ({}, "neither log_origin nor log_key"),
        ({"log_key": key[:-4]}, "cannot be used"),
        ({"log_key": WITNESSES[0].to_secret_text()}, "a witness's key"),
        ({"log_key": key, "log_witnesses": (LOG_SIGNER.verifier_key.to_text(),)}, "not one for cosignatures"),
        ({"log_key": key, "log_witnesses": (witness, witness)}, "two of them have one key"),
        ({"log_key": key, "log_witnesses": ("nonsense",)}, "cannot be used"),
    ):
        with pytest.raises(LogSettingsError, match=reason) as caught:
            open_log(Settings(**values, **wrong))
        assert key not in str(caught.value)


# Processes

KILLED = """
import os, sys
sys.path[:0] = {path!r}
from pathlib import Path
from log_support import entries, stored_log
from api.log import anchor, transparency_log, tree

def die(*_, **__):
    os._exit(9)

stored = stored_log(Path({folder!r}) / "log", anchor=Path({folder!r}) / "anchor")
{patch}
stored.append(entries(4)[3:])
"""
APPENDS = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from log_support import entries, stored_log
stored = stored_log(Path({folder!r}) / "log", anchor=Path({folder!r}) / "anchor")
for entry in entries(25, int(sys.argv[1])):
    stored.append([entry])
"""
PATHS = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]


@pytest.mark.parametrize(
    ("patch", "size"),
    [
        ("tree.DatabaseTree.append_leaf = die", 3),
        ("transparency_log.TransparencyLog._sign = die", 3),
        ("transparency_log._after_commit = die", 3),
        ("anchor.Anchor.advance = die", 4),
    ],
)
def test_a_process_killed_between_steps_leaves_the_old_log_or_the_new_one(
    tmp_path: Path, patch: str, size: int
) -> None:
    stored = stored_log(tmp_path / "log", anchor=tmp_path / "anchor")
    stored.append(DATA[:3])
    before = stored.read("checkpoint")
    program = KILLED.format(path=PATHS, folder=str(tmp_path), patch=patch)
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert stored.read("size") == size
    assert (stored.read("checkpoint") == before) == (size == 3)
    assert stored.append(DATA[3:6]) == [3, 4, 5]
    stored.read("audit")


def test_two_processes_append_at_once(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log", anchor=tmp_path / "anchor")
    program = APPENDS.format(path=PATHS, folder=str(tmp_path))
    running = [subprocess.Popen([sys.executable, "-c", program, first]) for first in ("0", "15")]
    assert [each.wait() for each in running] == [0, 0]
    with stored.database.read() as session:
        stored.log.audit(session)
        found = stored.log.entries(session, 0, 100)
        # 0 to 24 and 15 to 39: the ten that both have are in the log once
        assert sorted(found) == sorted(entries(40))
        last = verify_checkpoint(stored.log.checkpoint(session), POLICY, now=NOW)
        for size in range(1, 41):
            earlier = verify_checkpoint(stored.log.checkpoint(session, size=size), POLICY, now=NOW)
            verify_consistency(earlier, last, stored.log.consistency_proof(session, size, 40))
        for index, data in enumerate(found):
            verify_inclusion(data, index, stored.log.inclusion_proof(session, index, 40), last)
