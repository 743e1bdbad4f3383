"""The anchor: the last checkpoint that this machine signed, in a file outside of the database.

A database that is restored from an old backup does not know what was signed since; the anchor does. A log that does
not contain all that the anchor names is not signed any more (`LogDivergedError`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.log.errors import LogDivergedError, LogSettingsError
from primitives.errors import DecodingError
from primitives.log_checkpoint import Checkpoint
from primitives.signed_note import MAX_NOTE_BYTES, VerifierKey, open_note


class Anchor:
    """A file with a signed note, moved forward only; safe for several processes of one machine."""

    def __init__(self, path: Path, log_key: VerifierKey) -> None:
        self._path = path
        self._log_key = log_key

    def read(self) -> Checkpoint | None:
        """The checkpoint, None where nothing was signed here yet."""
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_NOTE_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogSettingsError(f"cannot read {self._path}: {error.strerror}") from error
        try:
            note, _ = open_note(data, [self._log_key])
            return Checkpoint.parse(note.text)
        except DecodingError as error:
            raise LogDivergedError(f"{self._path} is no checkpoint of this log's key: {error}") from error

    def advance(self, size: int, note: bytes) -> None:
        """Put `note`, of a log of `size` entries, in place, unless a later one is there. Raises `OSError`."""
        with self._locked():
            current = self.read()
            if current is not None and current.size >= size:
                return
            fresh = self._path.with_name(f".{self._path.name}.new")
            with fresh.open("wb") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
