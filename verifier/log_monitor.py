"""A monitor: what it remembers of a log, and how it takes a later state of that log in.

It keeps the last checkpoint and all entries under it. A later state is taken in only if the
log's signature, the witnesses, the proof of consistency, every new entry and the tree over all of them hold (checks L1
to L8). What the entries then say is judged apart (`LogHistory`; checks L9 to L11): the log did its duty in showing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from primitives.attestation import format_time
from primitives.errors import DecodingError
from primitives.log_entry import AttestationEntry, LogEntry, LogEntryError, parse_log_entry
from primitives.log_tree import Frontier, leaf_hash
from primitives.signed_note import MAX_KEY_TEXT_LENGTH, MAX_NOTE_BYTES
from primitives.strict_json import Json, JsonObject, canonical_json, parse_json
from verifier.checks import Check, VerificationError
from verifier.log_history import Conflict, LogEvent, LogHistory
from verifier.transparency import (
    LogPolicy,
    VerifiedCheckpoint,
    verify_checkpoint,
    verify_consistency,
    verify_not_smaller,
)

STATE_FORMAT: Final = "sealedbook/monitor-state/v1"
MAX_CHUNK: Final = 1000
"""Entries asked for at once."""
MAX_LOG_ENTRIES: Final = 1 << 20
MAX_LOG_BYTES: Final = 1 << 30
"""A log that states more entries, or brings more bytes, is not read: whoever signs it could fill the memory of all who
look."""


class MonitorStateError(DecodingError):
    """What the monitor remembered is damaged, or is of another log."""


class LogSource(Protocol):
    """Where the log is read from. What it returns is not trusted."""

    def checkpoint(self, cosignatures: int) -> bytes:
        """The latest signed note with at least so many cosignatures."""

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """The hashes of a proof of consistency."""

    def entries(self, start: int, count: int) -> list[bytes]:
        """At most `count` entries from index `start`."""


@dataclass(frozen=True)
class LogContents:
    """The entries of a log from the first, as bytes and as what they say, and the frontier of the tree over them."""

    entries: tuple[bytes, ...] = ()
    parsed: tuple[LogEntry, ...] = ()
    frontier: Frontier = field(default_factory=Frontier)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.entries)

    def extended(self, entries: Sequence[bytes]) -> LogContents:
        """With further entries; check L8 is that each is well-formed."""
        parsed = []
        for index, data in enumerate(entries, self.size):
            try:
                parsed.append(parse_log_entry(data))
            except LogEntryError as error:
                raise VerificationError(Check.LOG_ENTRIES, f"entry {index}: {error}") from error
        frontier = self.frontier.appended(leaf_hash(data) for data in entries)
        return LogContents((*self.entries, *entries), (*self.parsed, *parsed), frontier)


@dataclass(frozen=True)
class MonitorState:
    """What is remembered: the verified checkpoint and everything that is in the log under it."""

    policy: LogPolicy
    checkpoint: VerifiedCheckpoint
    contents: LogContents

    def to_bytes(self) -> bytes:
        """The state as a file: a line of JSON with the checkpoint, then the entries, one on each line."""
        head: Json = {
            "format": STATE_FORMAT,
            "log_key": self.policy.log_key.to_text(),
            "checkpoint": self.checkpoint.note.decode("utf-8"),
        }
        return b"".join(line + b"\n" for line in (canonical_json(head), *self.contents.entries))

    @staticmethod
    def parse(data: bytes, policy: LogPolicy) -> MonitorState:
        """The inverse of `to_bytes`, for the log of `policy`; `MonitorStateError` says what does not fit.

        The tree is computed again, so that a damaged state is noticed. Witnesses may have been added to the policy
        since: their cosignatures are not asked of an old checkpoint.
        """
        head, *entries = data.removesuffix(b"\n").split(b"\n")
        try:
            fields = JsonObject(parse_json(head))
            fields.constant("format", STATE_FORMAT)
            log_key = fields.text("log_key", max_length=MAX_KEY_TEXT_LENGTH)
            note = fields.text("checkpoint", max_length=MAX_NOTE_BYTES).encode("utf-8")
            fields.finish()
            if log_key != policy.log_key.to_text():
                raise MonitorStateError(f"it is of the log with the key {log_key}")
            checkpoint = verify_checkpoint(note, LogPolicy(policy.log_key, origin=policy.origin), now=0)
            contents = LogContents().extended(entries)
        except (VerificationError, DecodingError) as error:
            raise MonitorStateError(f"the monitor's state cannot be used: {error}") from error
        if (contents.size, contents.frontier.root()) != (checkpoint.size, checkpoint.root):
            raise MonitorStateError(
                "the monitor's state cannot be used: entries and checkpoint do not belong together"
            )
        return MonitorState(policy, checkpoint, contents)


@dataclass(frozen=True)
class Observation:
    """What one look at the log showed: the state to remember, what is new, which rules are broken, and all together."""

    state: MonitorState
    previous_size: int | None
    events: tuple[LogEvent, ...]
    conflicts: tuple[Conflict, ...]
    history: LogHistory

    def with_conflict(self, conflict: Conflict) -> Observation:
        """The same with a further conflict."""
        return replace(self, conflicts=(*self.conflicts, conflict))


class LogMismatchError(VerificationError):
    """The log is not what it was: with the two notes and the proof, which are the evidence."""

    def __init__(
        self, error: VerificationError, seen: bytes | None, shown: bytes, proof: list[bytes]
    ) -> None:
        self.seen = seen
        self.shown = shown
        self.proof = proof
        super().__init__(error.check, error.detail)


def observe(source: LogSource, policy: LogPolicy, state: MonitorState | None, *, now: int) -> Observation:
    """Look at the log once: checks L1 to L8 against `state` (None: nothing is remembered yet).

    Raises `VerificationError`, a `LogMismatchError` where the log's signature holds and something else does not.
    """
    # L1 to L4
    note = source.checkpoint(policy.threshold)
    checkpoint = verify_checkpoint(note, policy, now=now)
    proof: list[bytes] = []
    try:
        if state is not None:
            # L7, L6
            verify_not_smaller(state.checkpoint, checkpoint)
            if 0 < state.checkpoint.size < checkpoint.size:
                proof = source.consistency_proof(state.checkpoint.size, checkpoint.size)
            verify_consistency(state.checkpoint, checkpoint, proof)
        # L8
        known = state.contents if state is not None else LogContents()
        contents = _contents(source, known, checkpoint)
    except VerificationError as error:
        seen = state.checkpoint.note if state is not None else None
        raise LogMismatchError(error, seen, note, proof) from error
    history = LogHistory()
    events = [history.add(index, entry) for index, entry in enumerate(contents.parsed)]
    return Observation(
        MonitorState(policy, checkpoint, contents),
        state.checkpoint.size if state is not None else None,
        tuple(events[known.size :]),
        history.conflicts(),
        history,
    )


def verify_freshness(observation: Observation, *, max_age: int, now: int) -> None:
    """Check L9: a book not older than `max_age` seconds, and cosignatures as many as wanted that are not."""
    state = observation.state
    dates = [entry.as_of for entry in state.contents.parsed if isinstance(entry, AttestationEntry)]
    if not dates:
        raise VerificationError(Check.LOG_FRESHNESS, "the log has no attestation yet")
    newest = max(dates)
    oldest_allowed = datetime.fromtimestamp(now - max_age, UTC)
    if newest < oldest_allowed:
        raise VerificationError(
            Check.LOG_FRESHNESS,
            f"the newest book is as of {format_time(newest)}, you allow {format_time(oldest_allowed)} and later",
        )
    fresh = [each for each in state.checkpoint.cosignatures if (each.timestamp or 0) >= now - max_age]
    if len(fresh) < state.policy.threshold:
        raise VerificationError(
            Check.LOG_FRESHNESS,
            f"{len(fresh)} cosignatures are not older than you allow, you want {state.policy.threshold}",
        )


def _contents(source: LogSource, known: LogContents, checkpoint: VerifiedCheckpoint) -> LogContents:
    """Check L8: `known` and the entries after it, which lead to the root of `checkpoint`."""
    if checkpoint.size > MAX_LOG_ENTRIES:
        detail = f"the log has {checkpoint.size:,} entries, more than the {MAX_LOG_ENTRIES:,} that are read"
        raise VerificationError(Check.LOG_ENTRIES, detail)
    new: list[bytes] = []
    left = MAX_LOG_BYTES - sum(len(entry) for entry in known.entries)
    for chunk in _chunks(source, known.size, checkpoint.size):
        new += chunk
        left -= sum(len(entry) for entry in chunk)
        if left < 0:
            detail = f"the log's entries have more than the {MAX_LOG_BYTES:,} bytes that are read"
            raise VerificationError(Check.LOG_ENTRIES, detail)
    contents = known.extended(new)
    if contents.frontier.root() != checkpoint.root:
        raise VerificationError(Check.LOG_ENTRIES, "the entries do not lead to the root of the checkpoint")
    return contents


def _chunks(source: LogSource, start: int, end: int) -> Iterator[list[bytes]]:
    while start < end:
        wanted = min(end - start, MAX_CHUNK)
        chunk = source.entries(start, wanted)
        if not 0 < len(chunk) <= wanted:
            raise VerificationError(
                Check.LOG_ENTRIES, f"{len(chunk)} entries came from {start} on, {wanted} were asked for"
            )
        yield chunk
        start += len(chunk)
