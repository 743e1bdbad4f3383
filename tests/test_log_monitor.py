"""The monitor: what entries contradict, what a log that is not what it was leads to, and all of it over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from log_support import (
    ALICE,
    AS_OF,
    BOB,
    CAROL,
    LOG_SIGNER,
    NOW,
    POLICY,
    WITNESSES,
    ListSource,
    attestation,
    entries,
    seed,
    serve,
    served,
    signed_checkpoint,
    stored_log,
)
from typer.testing import CliRunner

from primitives.log_entry import LogEntry
from primitives.signed_note import KeyType, NoteSigner, SignedNote
from sealedbook import service_client
from sealedbook.__main__ import app
from sealedbook.commands import monitor_command
from verifier.checks import VerificationError
from verifier.log_history import LogHistory
from verifier.log_monitor import (
    LogMismatchError,
    MonitorState,
    MonitorStateError,
    Observation,
    observe,
    verify_freshness,
)
from verifier.transparency import LogPolicy

FIRST = attestation(1)
OTHER_BOOK = attestation(2, day=1)
SAME_BOOK = attestation(3, day=1, book=1)


def told(log: Sequence[LogEntry]) -> tuple[list[str], list[str]]:
    """Kinds of events, and names of failed checks."""
    history = LogHistory()
    events = [history.add(index, entry).kind.value for index, entry in enumerate(log)]
    return events, [conflict.check.value for conflict in history.conflicts()]


@pytest.mark.parametrize(
    ("log", "events", "checks"),
    [
        ([FIRST, attestation(4)], ["attestation", "attestation"], []),
        ([FIRST, SAME_BOOK], ["attestation", "attestation-of-known-book"], []),
        ([FIRST, OTHER_BOOK], ["attestation", "attestation"], ["L10-one-book"]),
        ([FIRST, ALICE.revoke(FIRST), OTHER_BOOK], ["attestation", "revocation", "attestation"], []),
        ([FIRST, OTHER_BOOK, ALICE.revoke(FIRST)], ["attestation", "attestation", "revocation"], []),
        # every attestation of a book has to be taken back
        (
            [FIRST, SAME_BOOK, ALICE.revoke(FIRST), OTHER_BOOK],
            ["attestation", "attestation-of-known-book", "revocation", "attestation"],
            ["L10-one-book"],
        ),
        # a revocation by another key, of nothing, or before there is something to revoke
        (
            [FIRST, BOB.revoke(FIRST), OTHER_BOOK],
            ["attestation", "revocation-without-effect", "attestation"],
            ["L10-one-book"],
        ),
        (
            [ALICE.revoke(FIRST), FIRST, OTHER_BOOK],
            ["revocation-without-effect", "attestation", "attestation"],
            ["L10-one-book"],
        ),
        # another issuer, another book: no contradiction, but a key that is new to the name
        (
            [FIRST, attestation(2, day=1, key=BOB)],
            ["attestation", "attestation-by-new-key"],
            [],
        ),
        ([FIRST, attestation(2, day=1, key=BOB, name="Another")], ["attestation", "attestation"], []),
        # a change of key continues the line
        (
            [FIRST, ALICE.rotate(BOB), attestation(2, day=1, key=BOB)],
            ["attestation", "key-rotation", "attestation"],
            ["L10-one-book"],
        ),
        (
            [FIRST, ALICE.rotate(BOB), BOB.revoke(FIRST), attestation(2, day=1, key=BOB)],
            ["attestation", "key-rotation", "revocation", "attestation"],
            [],
        ),
        # also where the new key had signed before the change, and over two changes
        (
            [FIRST, attestation(2, day=1, key=BOB, name="B"), ALICE.rotate(BOB)],
            ["attestation", "attestation", "key-rotation"],
            ["L10-one-book"],
        ),
        (
            [FIRST, ALICE.rotate(BOB), BOB.rotate(CAROL), attestation(2, day=1, key=CAROL)],
            ["attestation", "key-rotation", "key-rotation", "attestation"],
            ["L10-one-book"],
        ),
        (
            [FIRST, BOB.rotate(CAROL), ALICE.rotate(BOB)],
            ["attestation", "key-rotation", "key-rotation-without-effect"],
            ["L11-issuer-keys"],
        ),
        # what was given up signs nothing
        (
            [ALICE.rotate(BOB), FIRST],
            ["key-rotation", "attestation"],
            ["L11-issuer-keys"],
        ),
        (
            [ALICE.rotate(BOB), FIRST, BOB.revoke(FIRST)],
            ["key-rotation", "attestation", "revocation"],
            [],
        ),
        (
            [FIRST, ALICE.rotate(BOB), ALICE.revoke(FIRST), attestation(2, day=1, key=BOB)],
            ["attestation", "key-rotation", "revocation-without-effect", "attestation"],
            ["L10-one-book"],
        ),
        (
            [ALICE.rotate(BOB), ALICE.rotate(CAROL)],
            ["key-rotation", "key-rotation-without-effect"],
            ["L11-issuer-keys"],
        ),
        # a lie about an attestation, so that its revocation by a stranger would seem to count
        (
            [replace(FIRST, issuer_key=BOB.public), BOB.revoke(FIRST), FIRST, OTHER_BOOK],
            ["attestation", "revocation", "attestation-by-new-key", "attestation"],
            ["L8-entries", "L10-one-book"],
        ),
    ],
)
def test_what_entries_say_together(log: list[LogEntry], events: list[str], checks: list[str]) -> None:
    assert told(log) == (events, checks)


def test_a_revocation_is_found_by_what_it_revokes() -> None:
    history = LogHistory()
    revoked, standing = attestation(1), attestation(2)
    log: list[LogEntry] = [revoked, standing, BOB.revoke(standing), ALICE.revoke(revoked)]
    for index, entry in enumerate(log):
        history.add(index, entry)
    assert history.revocation_of(revoked) == (3, ALICE.revoke(revoked))
    assert history.revocation_of(standing) is None
    assert history.revocation_of(replace(revoked, issuer_key=BOB.public)) is None


def state_of(data: list[bytes]) -> MonitorState:
    return observe(ListSource(data), POLICY, None, now=NOW).state


DATA = entries(12)


def test_a_log_that_grows_is_taken_in() -> None:
    state = None
    for size in (0, 1, 1, 5, 12):
        observation = observe(ListSource(DATA[:size]), POLICY, state, now=NOW)
        assert observation.state.contents.entries == tuple(DATA[:size])
        assert len(observation.events) == size - (state.checkpoint.size if state else 0)
        state = observation.state
        assert MonitorState.parse(state.to_bytes(), POLICY) == state


class Lying(ListSource):
    """Answers one question with something else."""

    def __init__(self, data: list[bytes], **answers: Any) -> None:
        super().__init__(data)
        self.answers = answers

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        return self.answers.get("proof") or super().consistency_proof(first, second)

    def entries(self, start: int, count: int) -> list[bytes]:
        change = self.answers.get("entries")
        return change(super().entries(start, count)) if change else super().entries(start, count)


REWRITTEN = [attestation(99).to_bytes(), *DATA[1:]]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (ListSource(DATA[:4]), "L7-rollback.*4 entries, it had 5"),
        (ListSource([]), "L7-rollback"),
        (ListSource(REWRITTEN[:5]), "L6-consistency.*two checkpoints of 5 entries"),
        (ListSource(REWRITTEN), "L6-consistency.*earlier log"),
        (Lying(DATA, proof=[bytes(32)] * 4), "L6-consistency"),
        (Lying(DATA, entries=lambda found: [*found[:-1], DATA[0]]), "L8-entries.*do not lead to the root"),
        (Lying(DATA, entries=lambda found: []), "L8-entries.*0 entries came from 5 on, 7 were asked for"),
        (Lying(DATA, entries=lambda found: [*found, DATA[0]]), "L8-entries.*8 entries came from 5 on"),
        (ListSource([*DATA, b"{}"]), "L8-entries.*entry 12: not an entry"),
    ],
)
def test_a_log_that_is_not_what_it_was(source: ListSource, reason: str) -> None:
    state = state_of(DATA[:5])
    with pytest.raises(LogMismatchError, match=reason) as caught:
        observe(source, POLICY, state, now=NOW)
    assert caught.value.seen == state.checkpoint.note
    assert caught.value.shown == source.checkpoint(0)


def test_entries_may_come_in_smaller_pieces() -> None:
    source = Lying(DATA, entries=lambda found: found[:2])
    assert observe(source, POLICY, state_of(DATA[:5]), now=NOW).state.contents.entries == tuple(DATA)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data.replace(b"monitor-state/v1", b"monitor-state/v2"), r"\$.format"),
        (
            lambda data: data.replace(b"log.example.com/sealedbook+", b"elsewhere.example.com+"),
            "of the log with the key",
        ),
        (lambda data: data.removesuffix(DATA[4] + b"\n"), "do not belong together"),
        (lambda data: data.replace(DATA[4], DATA[5]), "do not belong together"),
        (lambda data: data[:-20], "entry 4"),
        (lambda data: data.replace(b"\\n5\\n", b"\\n6\\n"), "L3-log-signature"),
        (lambda data: b"", "not JSON"),
    ],
)
def test_a_state_that_is_damaged(change: Any, reason: str) -> None:
    with pytest.raises(MonitorStateError, match=reason):
        MonitorState.parse(change(state_of(DATA[:5]).to_bytes()), POLICY)


DAY = 86_400
NEWEST = int(AS_OF.timestamp()) + 11 * DAY


def fresh(*, cosigners: int = 0, at: int = NEWEST) -> Observation:
    keys = tuple(witness.verifier_key for witness in WITNESSES)
    policy = LogPolicy(LOG_SIGNER.verifier_key, keys, cosigners)
    return observe(ListSource(DATA, cosigners=cosigners, at=at), policy, None, now=NEWEST + DAY)


def test_freshness() -> None:
    verify_freshness(fresh(), max_age=DAY, now=NEWEST + DAY)
    with pytest.raises(VerificationError, match=r"L9-freshness.*newest book is as of 2026-02-11T00:00:00Z"):
        verify_freshness(fresh(), max_age=DAY, now=NEWEST + DAY + 1)
    verify_freshness(fresh(cosigners=2), max_age=DAY, now=NEWEST + DAY)
    with pytest.raises(VerificationError, match=r"L9-freshness.*0 cosignatures are not older"):
        verify_freshness(fresh(cosigners=2, at=NEWEST - 1), max_age=DAY, now=NEWEST + DAY)
    empty = observe(ListSource([]), POLICY, None, now=NOW)
    with pytest.raises(VerificationError, match=r"L9-freshness.*no attestation yet"):
        verify_freshness(empty, max_age=DAY, now=NOW)


# Through a service on loopback


class Command:
    """``sealedbook monitor`` against an address, with one state."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.key = folder / "log.pub"
        self.key.write_text(LOG_SIGNER.verifier_key.to_text() + "\n")

    def __call__(self, url: str, *more: str) -> tuple[int, Any]:
        arguments = [
            "monitor",
            url,
            "--log-key",
            str(self.key),
            "--state",
            str(self.state),
            "--once",
            "--json",
        ]
        result = CliRunner().invoke(app, [*arguments, *more])
        return result.exit_code, json.loads(result.stdout)

    def evidence(self) -> list[Path]:
        return sorted(self.state.with_name("state.evidence").iterdir())


def test_growth_fork_rollback_and_rewriting_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_client, "FIRST_PAUSE_SECONDS", 0.01)
    command = Command(tmp_path)
    stored = stored_log(tmp_path / "log")
    forked = stored_log(tmp_path / "forked")
    forked.append([*DATA[:3], *DATA[7:9]])
    with served(stored) as (url, application):
        assert command(url)[1]["size"] == 0
        stored.append(DATA[:3])
        code, report = command(url)
        assert (code, report["size"], report["previous_size"]) == (0, 3, 0)
        assert [event["kind"] for event in report["events"]] == ["attestation"] * 3
        stored.append(DATA[3:5])
        assert [event["index"] for event in command(url)[1]["events"]] == [3, 4]
        remembered = command.state.read_bytes()

        serve(application, forked)
        code, report = command(url)
        assert (code, report["check"]) == (1, "L6-consistency")
        forked.append(DATA[9:10])
        assert command(url)[1]["check"] == "L6-consistency"
        serve(application, stored_log(tmp_path / "fresh"))
        code, report = command(url)
        assert (code, report["check"]) == (1, "L7-rollback")
        assert command.state.read_bytes() == remembered

        serve(application, stored)
        assert command(url)[0] == 0
    same_size, larger, smaller = command.evidence()
    for folder, note in ((same_size, forked.read("checkpoint", size=5)), (larger, forked.read("checkpoint"))):
        assert (folder / "shown.note").read_bytes() == note
        assert (folder / "seen.note").read_bytes() == stored.read("checkpoint")
    assert json.loads((smaller / "report.json").read_bytes())["check"] == "L7-rollback"
    # nobody answers any more
    code, report = command(url)
    assert (code, report["error"]) == (4, "cannot reach")


def test_two_books_for_one_time_over_http(tmp_path: Path) -> None:
    command = Command(tmp_path)
    stored = stored_log(tmp_path / "log")
    stored.append([FIRST.to_bytes(), OTHER_BOOK.to_bytes()])
    with served(stored) as (url, _):
        for _again in range(2):
            code, report = command(url)
            assert (code, report["result"]) == (1, "rejected")
            assert [conflict["entries"] for conflict in report["conflicts"]] == [[0, 1]]
        stored.append([ALICE.revoke(FIRST).to_bytes()])
        assert command(url)[0] == 0
        arguments = ["monitor", url, "--log-key", str(command.key), "--state", str(tmp_path / "new")]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0
        assert "3 entries, 3 new" in result.stdout
        assert "takes back attestation" in result.stdout
        code, report = command(url, "--max-age", "1")
        assert (code, report["conflicts"][0]["check"]) == (1, "L9-freshness")


def test_witnesses_over_http(tmp_path: Path) -> None:
    command = Command(tmp_path)
    stored = stored_log(tmp_path / "log", clock=lambda: 1e12)
    stored.append(DATA[:3])
    options = [
        part for witness in WITNESSES[:2] for part in ("--witness-key", witness.verifier_key.to_text())
    ]
    with served(stored) as (url, _):
        code, report = command(url, *options)
        assert (code, report["check"]) == (1, "L4-witnesses")
        note = SignedNote.parse(httpx.get(f"{url}/v1/log/checkpoint").content)
        lines = [witness.sign(note.text, timestamp=NOW) for witness in WITNESSES[:2]]
        body = SignedNote(note.text, tuple(lines)).to_bytes()
        answer = httpx.post(f"{url}/v1/log/cosignatures", content=body)
        assert (answer.status_code, answer.json()) == (200, {"kept": 2})
        stored.append(DATA[3:4])
        code, report = command(url, *options)
        assert (code, report["size"]) == (0, 3)
        assert [each["witness"] for each in report["cosignatures"]] == [
            w.verifier_key.name for w in WITNESSES[:2]
        ]
        listed = httpx.get(f"{url}/v1/log/witnesses").json()
        assert [each["size"] for each in listed["witnesses"]] == [3, 3, None]


def test_another_log_key_and_a_wrong_option(tmp_path: Path) -> None:
    command = Command(tmp_path)
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:1])
    with served(stored) as (url, _):
        other = NoteSigner.from_seed(POLICY.log_key.name, KeyType.ED25519, seed("another"))
        command.key.write_text(other.verifier_key.to_text())
        code, report = command(url)
        assert (code, report["check"]) == (1, "L3-log-signature")
        assert not command.state.exists()
        assert command(url, "--interval", "5")[0] == 3
        command.key.write_text("nonsense")
        assert command(url)[0] == 3
    assert signed_checkpoint(DATA[:1]) == stored.read("checkpoint")


def test_looking_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command(tmp_path)
    stored = stored_log(tmp_path / "log")
    stored.append(DATA[:1])
    rounds: list[float] = []

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        stored.append(DATA[len(rounds) : len(rounds) + 1])

    monkeypatch.setattr(
        monitor_command, "time", SimpleNamespace(sleep=sleep, time=time.time, monotonic=time.monotonic)
    )
    with served(stored) as (url, _):
        arguments = ["monitor", url, "--log-key", str(command.key), "--state", str(command.state)]
        result = CliRunner().invoke(app, [*arguments, "--interval", "60", "--json"])
    assert result.exit_code == 130
    reports = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(each["size"], len(each["events"])) for each in reports] == [(1, 1), (2, 1), (3, 1)]
    assert rounds == [60.0] * 3


def test_a_log_that_stays_silent_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_client, "FIRST_PAUSE_SECONDS", 0.0)
    moments = iter(range(0, 100_000, 1800))
    clock = SimpleNamespace(sleep=lambda _: None, time=time.time, monotonic=lambda: next(moments))
    monkeypatch.setattr(monitor_command, "time", clock)
    command = Command(tmp_path)
    with served(stored_log(tmp_path / "log")) as (url, _):
        pass
    arguments = ["monitor", url, "--log-key", str(command.key), "--state", str(command.state)]
    result = CliRunner().invoke(app, [*arguments, "--interval", "60", "--max-age", "1", "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["check"], "did not answer" in report["detail"]) == ("L9-freshness", True)
