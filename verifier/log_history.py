"""What the entries of a log say, in their order: books, revocations, changes of keys, and where they contradict.

Keys of an issuer form a *line*: a key, those it was changed to, and so on. A book belongs to a line and a time. Rules:

- of one line there is at most one book (book digest) for one time that was not taken back (check L10);
- a key that was given up signs nothing any more: no attestation, revocation or change of keys after that (check L11);
- of one attestation the log states one thing (check L8).

Several attestations of one book are no contradiction: proofs that are added later make a new attestation of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from primitives.attestation import format_time
from primitives.log_entry import AttestationEntry, LogEntry, RevocationEntry, RotationEntry
from verifier.checks import Check

_MAX_LISTED: Final = 20
"""Entries that the detail of one conflict names."""


class EventKind(StrEnum):
    """What an entry brought."""

    ATTESTATION = "attestation"
    KNOWN_BOOK = "attestation-of-known-book"
    NEW_KEY = "attestation-by-new-key"
    REVOCATION = "revocation"
    REVOCATION_WITHOUT_EFFECT = "revocation-without-effect"
    ROTATION = "key-rotation"
    ROTATION_WITHOUT_EFFECT = "key-rotation-without-effect"


@dataclass(frozen=True)
class LogEvent:
    """One entry, in words."""

    index: int
    kind: EventKind
    text: str


@dataclass(frozen=True)
class Conflict:
    """A rule that the entries at `indexes` break together."""

    check: Check
    indexes: tuple[int, ...]
    detail: str


@dataclass(frozen=True)
class _Book:
    """An attestation entry and its place."""

    index: int
    entry: AttestationEntry


@dataclass
class _Keys:
    """Keys, and the lines they are of as of the `rotations`-th rotation: looked up for every entry of a hostile log."""

    keys: set[bytes] = field(default_factory=set)
    lines: set[bytes] = field(default_factory=set)
    rotations: int = 0


class LogHistory:
    """The entries so far, folded; `add` them in the order of the log."""

    def __init__(self) -> None:
        self.newest_as_of: datetime | None = None
        """The latest time that any book is of, None before the first."""
        self._first_of_line: dict[bytes, bytes] = {}
        self._given_up: set[bytes] = set()
        self._rotations = 0
        self._keys_of_name: dict[str, _Keys] = defaultdict(_Keys)
        self._keys_of_book: dict[tuple[datetime, bytes], _Keys] = defaultdict(_Keys)
        self._books: dict[bytes, _Book] = {}
        self._books_at: dict[datetime, list[_Book]] = defaultdict(list)
        self._revocations: dict[bytes, list[tuple[int, RevocationEntry]]] = defaultdict(list)
        self._by_given_up_keys: list[tuple[int, str, AttestationEntry | None]] = []
        self._contradictions: list[Conflict] = []

    def add(self, index: int, entry: LogEntry) -> LogEvent:
        """Take the entry at `index` in; what it brought."""
        if isinstance(entry, AttestationEntry):
            return self._add_attestation(_Book(index, entry))
        if isinstance(entry, RevocationEntry):
            return self._add_revocation(index, entry)
        return self._add_rotation(index, entry)

    def conflicts(self) -> tuple[Conflict, ...]:
        """Every rule that is broken as things stand, in the order of the log."""
        found = [*self._contradictions, *self._two_books(), *self._given_up_keys()]
        return tuple(sorted(found, key=lambda each: each.indexes[-1]))

    def revocation_of(self, entry: AttestationEntry) -> tuple[int, RevocationEntry] | None:
        """The first revocation that has effect on this attestation, with its index; None if it stands."""
        line = self._line(entry.issuer_key)
        for index, revocation in self._revocations.get(entry.attestation_sha256, ()):
            if self._line(revocation.issuer_key) == line:
                return index, revocation
        return None

    def is_given_up(self, key: bytes) -> bool:
        """Whether an issuer changed from `key` to another one: it signs nothing any more."""
        return key in self._given_up

    def are_of_one_line(self, first: bytes, second: bytes) -> bool:
        """Whether two keys are one issuer's: one and the same, or one was changed to the other."""
        return self._line(first) == self._line(second)

    def _add_attestation(self, book: _Book) -> LogEvent:
        index, entry = book.index, book.entry
        self.newest_as_of = max(self.newest_as_of or entry.as_of, entry.as_of)
        first = self._books.setdefault(entry.attestation_sha256, book)
        if first.entry != entry:
            detail = (
                f"two entries state different things of one attestation: entries {first.index} and {index}"
            )
            self._contradictions.append(Conflict(Check.LOG_ENTRIES, (first.index, index), detail))
        if entry.issuer_key in self._given_up:
            text = f"an attestation of {entry.issuer!r} is signed by a key that was given up before"
            self._by_given_up_keys.append((index, text, entry))
        known = self._note(self._keys_of_book[entry.as_of, entry.book_digest], entry.issuer_key)
        self._books_at[entry.as_of].append(book)
        keys = self._keys_of_name[entry.issuer]
        named_before = bool(keys.keys)
        new_key = not self._note(keys, entry.issuer_key) and named_before
        what = f"{entry.issuer!r} as of {format_time(entry.as_of)}: book {entry.book_digest.hex()}"
        if known:
            return LogEvent(index, EventKind.KNOWN_BOOK, f"{what}, attested again with other files")
        if new_key:
            text = f"{what}; signed by {entry.issuer_key.hex()}, which no key of that name was changed to"
            return LogEvent(index, EventKind.NEW_KEY, text)
        return LogEvent(index, EventKind.ATTESTATION, what)

    def _add_revocation(self, index: int, entry: RevocationEntry) -> LogEvent:
        book = self._books.get(entry.attestation_sha256)
        what = f"attestation {entry.attestation_sha256.hex()}, because: {entry.reason}"
        if entry.issuer_key in self._given_up:
            text = f"taken back by a key that was given up before: {what}"
            return LogEvent(index, EventKind.REVOCATION_WITHOUT_EFFECT, text)
        if book is None or self._line(book.entry.issuer_key) != self._line(entry.issuer_key):
            text = f"taken back by a key that is not its issuer's: {what}"
            return LogEvent(index, EventKind.REVOCATION_WITHOUT_EFFECT, text)
        self._revocations[entry.attestation_sha256].append((index, entry))
        return LogEvent(index, EventKind.REVOCATION, f"{book.entry.issuer!r} takes back {what}")

    def _add_rotation(self, index: int, entry: RotationEntry) -> LogEvent:
        if self._given_up & {entry.old_key, entry.new_key}:
            text = f"{entry.issuer!r} wants to change its key, with or to one that was given up before"
            self._by_given_up_keys.append((index, text, None))
            return LogEvent(index, EventKind.ROTATION_WITHOUT_EFFECT, text)
        self._given_up.add(entry.old_key)
        self._rotations += 1
        # The new key may have signed already: its line becomes part of the old key's. Neither key being given up
        # before, the two lines are different ones.
        old_line, new_line = self._line(entry.old_key), self._line(entry.new_key)
        members = [key for key, first in self._first_of_line.items() if first == new_line]
        self._first_of_line.update(dict.fromkeys([*members, new_line], old_line))
        text = f"{entry.issuer!r} signs with {entry.new_key.hex()} from now on, no longer with {entry.old_key.hex()}"
        return LogEvent(index, EventKind.ROTATION, text)

    def _line(self, key: bytes) -> bytes:
        """What names the line of `key`: its first key."""
        return self._first_of_line.get(key, key)

    def _note(self, keys: _Keys, key: bytes) -> bool:
        """Add `key` to `keys`; whether one of its line was among them."""
        if keys.rotations != self._rotations:
            keys.lines, keys.rotations = {self._line(each) for each in keys.keys}, self._rotations
        line = self._line(key)
        known = line in keys.lines
        keys.lines.add(line)
        keys.keys.add(key)
        return known

    def _two_books(self) -> Iterator[Conflict]:
        for as_of, books in self._books_at.items():
            standing: dict[bytes, list[_Book]] = defaultdict(list)
            for book in books if len(books) > 1 else ():
                if self.revocation_of(book.entry) is None:
                    standing[self._line(book.entry.issuer_key)].append(book)
            for of_one_line in standing.values():
                count = len({book.entry.book_digest for book in of_one_line})
                if count > 1:
                    yield _two_books_conflict(as_of, of_one_line, count)

    def _given_up_keys(self) -> Iterator[Conflict]:
        for index, text, attestation in self._by_given_up_keys:
            if attestation is None or self.revocation_of(attestation) is None:
                yield Conflict(Check.LOG_ISSUER_KEYS, (index,), f"{text}: entry {index}")


def _two_books_conflict(as_of: datetime, books: list[_Book], count: int) -> Conflict:
    indexes = tuple(sorted(book.index for book in books))
    listed = " and ".join(str(index) for index in indexes[:_MAX_LISTED])
    if len(indexes) > _MAX_LISTED:
        listed += f" and {len(indexes) - _MAX_LISTED:,} more"
    what = f"{books[0].entry.issuer!r} has {count} books as of {format_time(as_of)}"
    return Conflict(Check.LOG_ONE_BOOK, indexes, f"{what}, none taken back: entries {listed}")
