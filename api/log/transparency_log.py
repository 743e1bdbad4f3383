"""The transparency log over SQLAlchemy: entries, proofs, signed checkpoints, cosignatures.

Whatever is appended becomes visible with the caller's commit: the entry, the nodes of the tree, the signed checkpoint,
and the caller's own rows, or nothing of it. A signature over a state that was rolled back is dropped with it. Writers
are serial (`api.database.engine`; the head row is locked besides), so that no two workers sign different trees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import event, func, insert, select
from sqlalchemy.orm import Session

from api.database.log_tables import HEAD_ID, LogCheckpoint, LogCosignature, LogHead, LogRecord
from api.log.anchor import Anchor
from api.log.audit import audit_rows
from api.log.errors import (
    CosignatureError,
    LogDivergedError,
    LogNotReadyError,
    LogRangeError,
    LogSettingsError,
)
from api.log.tree import DatabaseTree
from primitives.errors import DecodingError
from primitives.log_checkpoint import MAX_ORIGIN_LENGTH, Checkpoint
from primitives.log_entry import (
    ATTESTATION_KIND,
    ROTATION_KIND,
    AttestationEntry,
    LogEntry,
    RevocationEntry,
    parse_log_entry,
)
from primitives.log_tree import EMPTY_ROOT, leaf_hash
from primitives.signed_note import (
    KeyType,
    NoteSignature,
    NoteSigner,
    SignedNote,
    VerifiedSignature,
    VerifierKey,
)
from verifier.log_history import LogHistory

MAX_WITNESSES: Final = 50
MAX_ENTRIES: Final = 1000
"""Entries in one answer."""
MAX_CLOCK_SKEW_SECONDS: Final = 600
_PENDING_ANCHOR: Final = "sealedbook_log_anchor"

_log = structlog.get_logger("sealedbook.log")


@dataclass(frozen=True)
class WitnessState:
    """A witness that is configured here, and the newest checkpoint that it cosigned (None: none yet)."""

    key: VerifierKey
    size: int | None
    timestamp: int | None


@dataclass(frozen=True)
class VerifiedLine:
    """A cosignature that holds, and the line it came in."""

    signature: NoteSignature
    verified: VerifiedSignature

    @property
    def timestamp(self) -> int:
        """Seconds since 1970."""
        return self.verified.timestamp or 0


class TransparencyLog:
    """The append-only log of one origin, in the caller's sessions. Raises `TransparencyLogError`s."""

    def __init__(
        self,
        origin: str,
        signer: NoteSigner | None,
        *,
        witnesses: Sequence[VerifierKey] = (),
        anchor: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not origin or len(origin) > MAX_ORIGIN_LENGTH or "\n" in origin:
            raise LogSettingsError(f"the log's origin is not one line of 1 to {MAX_ORIGIN_LENGTH} characters")
        if any(key.type is not KeyType.COSIGNATURE for key in witnesses):
            raise LogSettingsError("a witness's key is not one for cosignatures")
        if len(witnesses) > MAX_WITNESSES or len({key.public_key for key in witnesses}) != len(witnesses):
            raise LogSettingsError(
                f"the witnesses are more than {MAX_WITNESSES}, or two of them have one key"
            )
        self.origin = origin
        self.witnesses = tuple(witnesses)
        self._signer = signer
        self._anchor = (
            Anchor(anchor, signer.verifier_key) if anchor is not None and signer is not None else None
        )
        self._clock = clock

    def __repr__(self) -> str:
        return f"TransparencyLog({self.origin!r})"

    @property
    def verifier_key(self) -> VerifierKey | None:
        """The key that monitors need, None in a process without the signing key."""
        return self._signer.verifier_key if self._signer is not None else None

    def stated_key(self, session: Session) -> str | None:
        """The verifier key of the log as the database has it: for show, nobody should trust a log's own word for it."""
        return session.scalar(select(LogHead.log_key)) or (
            self._signer.verifier_key.to_text() if self._signer is not None else None
        )

    # Appending

    def append(self, session: Session, entry: bytes) -> int:
        """Append `entry` (a `primitives.log_entry`) and sign the new checkpoint; the entry's index.

        An entry that is in the log already keeps its index, and nothing changes. `session` must be a writing one; the
        caller commits. Raises `LogEntryError`, `LogNotReadyError`, `LogSettingsError` and `LogDivergedError`.
        """
        parsed = parse_log_entry(entry)
        signer = self._require_signer()
        head = self._locked_head(session, signer)
        leaf = leaf_hash(entry)
        known = self.index_of(session, leaf)
        if known is not None:
            return known
        tree = DatabaseTree(session, head.size)
        self._refuse_other_history(session, tree, head.size)
        index = head.size
        session.execute(insert(LogRecord), [_record(index, leaf, entry, parsed)])
        tree.append_leaf(entry)
        head.size = index + 1
        session.flush()
        self._sign(session, signer, index + 1, tree.root_of(index + 1))
        return index

    def _require_signer(self) -> NoteSigner:
        if self._signer is None:
            raise LogNotReadyError("this process has no log key, it can only read the log")
        return self._signer

    def _locked_head(self, session: Session, signer: NoteSigner) -> LogHead:
        """The head row, locked until the caller's transaction ends; made where the database is new."""
        head = session.get(LogHead, HEAD_ID, with_for_update=True, populate_existing=True)
        key = signer.verifier_key.to_text()
        if head is None:
            head = LogHead(id=HEAD_ID, origin=self.origin, log_key=key, size=0)
            session.add(head)
            session.flush()
        if (head.origin, head.log_key) != (self.origin, key):
            raise LogSettingsError(
                f"the database holds the log {head.origin!r} of the key {head.log_key}, "
                f"the settings name {self.origin!r} and the key {key}"
            )
        return head

    def _refuse_other_history(self, session: Session, tree: DatabaseTree, size: int) -> None:
        """`LogDivergedError` unless the tree is the one that was signed last, here or on this machine before."""
        signed = session.execute(
            select(LogCheckpoint.size, LogCheckpoint.root).order_by(LogCheckpoint.size.desc()).limit(1)
        ).one_or_none()
        signed_size, signed_root = (signed.size, bytes(signed.root)) if signed else (0, EMPTY_ROOT)
        if signed_size != size:
            raise LogDivergedError(f"the log has {size} entries, but {signed_size} were signed last")
        if tree.root_of(size) != signed_root:
            raise LogDivergedError(f"the tree over {size} entries is not the one that was signed")
        anchored = self._anchor.read() if self._anchor is not None else None
        if anchored is None:
            return
        if anchored.origin != self.origin or anchored.size > size:
            raise LogDivergedError(
                f"this machine signed {anchored.size} entries of {anchored.origin!r}, the database has {size}: "
                "was it restored from an old backup?"
            )
        if tree.root_of(anchored.size) != anchored.root:
            raise LogDivergedError(
                f"the first {anchored.size} entries are not those that this machine signed"
            )

    def _sign(self, session: Session, signer: NoteSigner, size: int, root: bytes) -> None:
        note = self._signed(signer, size, root)
        text = note.to_bytes().decode("utf-8")
        session.execute(insert(LogCheckpoint), [{"size": size, "root": root, "note": text}])
        if self._anchor is not None:
            _after_commit(session, self._anchor, size, note.to_bytes())

    def _signed(self, signer: NoteSigner, size: int, root: bytes) -> SignedNote:
        text = Checkpoint(self.origin, size, root).to_text()
        return SignedNote(text, (signer.sign(text),))

    # Reading

    def size(self, session: Session) -> int:
        """The number of entries that the last checkpoint covers."""
        return session.scalar(select(func.max(LogCheckpoint.size))) or 0

    def checkpoint(self, session: Session, *, size: int | None = None, cosignatures: int = 0) -> bytes:
        """The latest signed note with its cosignatures: of `size` entries, or with at least so many cosignatures.

        Raises `LogRangeError` where there is none, `LogNotReadyError` where nothing was ever signed.
        """
        statement = select(LogCheckpoint.size, LogCheckpoint.note)
        if size is not None:
            statement = statement.where(LogCheckpoint.size == size)
        if cosignatures > 0:
            count = (
                select(func.count())
                .select_from(LogCosignature)
                .where(LogCosignature.size == LogCheckpoint.size)
                .scalar_subquery()
            )
            statement = statement.where(count >= cosignatures)
        row = session.execute(statement.order_by(LogCheckpoint.size.desc()).limit(1)).one_or_none()
        if row is None:
            return self._empty_checkpoint(session, size, cosignatures)
        lines = session.scalars(
            select(LogCosignature.line)
            .where(LogCosignature.size == row.size)
            .order_by(LogCosignature.witness)
        )
        return str(row.note).encode("utf-8") + "".join(lines).encode("utf-8")

    def _empty_checkpoint(self, session: Session, size: int | None, cosignatures: int) -> bytes:
        """The checkpoint of a log without entries: it has no row, the signature is the same each time."""
        if cosignatures > 0 or size not in (None, 0) or (size is None and self.size(session) > 0):
            raise LogRangeError("no checkpoint of that size, or with that many cosignatures")
        return self._signed(self._require_signer(), 0, EMPTY_ROOT).to_bytes()

    def entries(self, session: Session, start: int, count: int) -> list[bytes]:
        """Entries ``start``, ``start + 1``, ...: at most `count` and `MAX_ENTRIES`, none beyond the last one."""
        size = self.size(session)
        if not 0 <= start <= size or count < 0:
            raise LogRangeError(f"there is no entry {start}: the log has {size}")
        end = min(size, start + min(count, MAX_ENTRIES))
        rows = session.scalars(
            select(LogRecord.entry)
            .where(LogRecord.entry_index >= start, LogRecord.entry_index < end)
            .order_by(LogRecord.entry_index)
        )
        return [bytes(entry) for entry in rows]

    def index_of(self, session: Session, leaf: bytes) -> int | None:
        """The index of the entry with that leaf hash, None where there is none."""
        return session.scalar(select(LogRecord.entry_index).where(LogRecord.leaf_hash == leaf))

    def index_of_attestation(self, session: Session, attestation_sha256: bytes) -> int | None:
        """The index of the entry of an attestation, None where it was not published."""
        return session.scalar(
            select(func.min(LogRecord.entry_index)).where(
                LogRecord.attestation_sha256 == attestation_sha256, LogRecord.kind == ATTESTATION_KIND
            )
        )

    def keys(self, session: Session) -> LogHistory:
        """The changes of keys so far, folded as monitors fold them: which keys are given up, and which belong together.

        In a writing session it is what it will be for the entry that is appended next.
        """
        history = LogHistory()
        rows = session.execute(
            select(LogRecord.entry_index, LogRecord.entry)
            .where(LogRecord.kind == ROTATION_KIND)
            .order_by(LogRecord.entry_index)
        )
        for row in rows:
            history.add(row.entry_index, parse_log_entry(bytes(row.entry)))
        return history

    def inclusion_proof(self, session: Session, index: int, size: int) -> list[bytes]:
        """PATH(index, D[size]) of RFC 6962: the hashes from the leaf upwards."""
        if not 0 <= index < size <= self.size(session):
            raise LogRangeError(f"there is no entry {index} among the first {size} of the log")
        return DatabaseTree(session, size).audit_path(index, size)

    def consistency_proof(self, session: Session, first: int, second: int) -> list[bytes]:
        """PROOF(first, D[second]) of RFC 6962; empty for a `first` of 0."""
        if not 0 <= first <= second <= self.size(session):
            raise LogRangeError(f"the log does not grow from {first} to {second} entries")
        return DatabaseTree(session, second).consistency_path(first, second) if first else []

    def audit(self, session: Session) -> None:
        """Compute the whole tree again from the entries; `LogDivergedError` where rows were changed or lost."""
        size = self.size(session)
        audit_rows(session, size)
        self._refuse_other_history(session, DatabaseTree(session, size), size)

    # Witnesses

    def verify_cosignatures(self, note: bytes) -> tuple[Checkpoint, str, list[VerifiedLine]]:
        """The checkpoint in `note`, its text, and the cosignatures by configured witnesses; `CosignatureError` if none.

        Lines by other keys are ignored; one that claims to be by a configured witness and does not hold is an error.
        Whether the checkpoint is ours is not looked at.
        """
        try:
            parsed = SignedNote.parse(note)
            checkpoint = Checkpoint.parse(parsed.text)
            lines = [
                VerifiedLine(signature, key.verify(parsed.text, signature))
                for signature in parsed.signatures
                for key in self.witnesses
                if key.matches(signature)
            ]
        except DecodingError as error:
            raise CosignatureError(str(error)) from error
        if not lines:
            raise CosignatureError("no witness that this log takes cosignatures of has signed")
        if any(line.timestamp > self._clock() + MAX_CLOCK_SKEW_SECONDS for line in lines):
            raise CosignatureError("a cosignature is dated in the future")
        return checkpoint, parsed.text, lines

    def add_cosignature(self, session: Session, note: bytes) -> int:
        """Keep the cosignatures in `note` by configured witnesses; how many are new or newer than those here.

        The note's text must be a checkpoint that this log signed. Raises `CosignatureError`.
        """
        checkpoint, lines = self._cosigned(session, note)
        return sum(_keep(session, checkpoint.size, line) for line in lines)

    def brings_cosignatures(self, session: Session, note: bytes) -> bool:
        """Whether `add_cosignature` would keep anything; a reading session will do. Raises `CosignatureError`."""
        checkpoint, lines = self._cosigned(session, note)
        return any(_is_newer(_kept(session, checkpoint.size, line), line) for line in lines)

    def _cosigned(self, session: Session, note: bytes) -> tuple[Checkpoint, list[VerifiedLine]]:
        """A checkpoint that this log signed, and the cosignatures on it."""
        checkpoint, text, lines = self.verify_cosignatures(note)
        ours = session.scalar(select(LogCheckpoint.note).where(LogCheckpoint.size == checkpoint.size))
        if ours is None or SignedNote.parse(ours.encode("utf-8")).text != text:
            raise CosignatureError("the text is not a checkpoint that this log signed")
        return checkpoint, lines

    def witness_states(self, session: Session) -> list[WitnessState]:
        """The configured witnesses, each with the newest checkpoint that it cosigned."""
        states = []
        for key in self.witnesses:
            row = session.execute(
                select(LogCosignature.size, LogCosignature.timestamp)
                .where(LogCosignature.witness == key.name, LogCosignature.key_id == key.key_id)
                .order_by(LogCosignature.size.desc())
                .limit(1)
            ).one_or_none()
            states.append(WitnessState(key, row.size if row else None, row.timestamp if row else None))
        return states


def _record(index: int, leaf: bytes, entry: bytes, parsed: LogEntry) -> dict[str, object]:
    about = parsed.attestation_sha256 if isinstance(parsed, AttestationEntry | RevocationEntry) else None
    return {
        "entry_index": index,
        "leaf_hash": leaf,
        "kind": parsed.kind,
        "attestation_sha256": about,
        "entry": entry,
    }


def _keep(session: Session, size: int, line: VerifiedLine) -> bool:
    """Store a cosignature unless this witness's here is as new; whether it was stored."""
    key = line.verified.key
    row = _kept(session, size, line, with_for_update=True)
    if not _is_newer(row, line):
        return False
    if row is None:
        row = LogCosignature(size=size, witness=key.name, key_id=key.key_id)
        session.add(row)
    row.timestamp, row.line = line.timestamp, line.signature.line()
    session.flush()
    return True


def _kept(
    session: Session, size: int, line: VerifiedLine, *, with_for_update: bool = False
) -> LogCosignature | None:
    """The cosignature by the same witness that is here."""
    key = line.verified.key
    return session.get(LogCosignature, (size, key.name, key.key_id), with_for_update=with_for_update or None)


def _is_newer(row: LogCosignature | None, line: VerifiedLine) -> bool:
    return row is None or row.timestamp < line.timestamp


def _after_commit(session: Session, anchor: Anchor, size: int, note: bytes) -> None:
    """Advance the anchor once the transaction is committed, not if any of it is rolled back."""

    def forget(*_: object) -> None:
        session.info.pop(_PENDING_ANCHOR, None)

    def advance(_: Session) -> None:
        # What is committed stays so: an anchor that cannot be written protects less, and is no failure of the append.
        pending = session.info.pop(_PENDING_ANCHOR, None)
        try:
            if pending is not None:
                anchor.advance(*pending)
        except (OSError, LogDivergedError, LogSettingsError) as error:
            _log.error("log-anchor-not-written", reason=str(error))

    if _PENDING_ANCHOR not in session.info:
        event.listen(session, "after_soft_rollback", forget, once=True)
        event.listen(session, "after_commit", advance, once=True)
    session.info[_PENDING_ANCHOR] = (size, note)
