"""Checking how a book follows on another one whose bundle is at hand (checks U1 to U4).

With leaves ``L_u = tag_u || C_u`` of the new book, n of them, and ``L'_u`` of its predecessor, n':

    form "changed"   n = n', the lists of assets are the same, and for every u either L_u = L'_u, byte for byte,
                     or both the tag and the commitment differ
    form "anew"      no tag and no commitment of the predecessor stands in the new book again

The previous bundle's attestation is checked (B1, B2, B4) and its leaves are compared with the digest in it. Whether
its tree and claims are in order is a question of its own: verify it by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from primitives.attestation import LEAVES_NAME, Attestation, Predecessor, UpdateForm, format_time
from primitives.parameters import LEAF_BYTES, TAG_BYTES
from primitives.sum_tree import CHUNK_HEIGHT
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.checks import Check, VerificationError
from verifier.files import Progress, compare_digest, no_progress, open_regular

_CHUNK: Final = 1 << CHUNK_HEIGHT
_FINGERPRINT_BYTES: Final = 8


@dataclass(frozen=True)
class VerifiedUpdate:
    """How a verified book follows on the previous one: `differing` leaves of `leaf_count` are not the same."""

    previous: SignedAttestation
    form: UpdateForm
    leaf_count: int
    differing: int


def verify_update(
    folder: Path, attestation: Attestation, previous: Path, *, progress: Progress = no_progress
) -> VerifiedUpdate:
    """Check that the book of the bundle in `folder` follows on that of the bundle in `previous`.

    `attestation` is that of a bundle whose signature, digests and leaves were checked (B1 to B9).
    `VerificationError` names the check that fails.
    """
    # U1: predecessor
    predecessor = _predecessor(attestation)
    with _about_previous():
        signed = verify_attestation(previous, issuer_key=None)
    old, new = signed.attestation, attestation
    if old.book.digest() != predecessor.digest:
        raise VerificationError(
            Check.UPDATE_PREDECESSOR,
            f"the book's predecessor is {predecessor.digest.hex()}, the previous bundle holds "
            f"{old.book.digest().hex()}",
        )
    # U2: issuer
    if old.book.public_key != new.book.public_key:
        raise VerificationError(
            Check.UPDATE_ISSUER,
            f"the previous bundle is signed with {old.book.public_key.hex()}, "
            f"this one with {new.book.public_key.hex()}",
        )
    # U3: time
    if new.book.as_of <= old.book.as_of:
        raise VerificationError(
            Check.UPDATE_TIME,
            f"the book is as of {format_time(new.book.as_of)}, its predecessor as of {format_time(old.book.as_of)}",
        )
    # U4: leaves
    ours, theirs = _LeafFile(folder, new, is_previous=False), _LeafFile(previous, old, is_previous=True)
    theirs.check()
    if predecessor.form is UpdateForm.CHANGED:
        differing = _count_changed(ours, theirs, progress)
    else:
        _refuse_common(ours, theirs)
        differing = new.book.leaf_count
    return VerifiedUpdate(signed, predecessor.form, new.book.leaf_count, differing)


def _predecessor(attestation: Attestation) -> Predecessor:
    if attestation.book.predecessor is None:
        raise VerificationError(
            Check.UPDATE_PREDECESSOR, "you gave a previous bundle, and the book names no predecessor"
        )
    return attestation.book.predecessor


@contextlib.contextmanager
def _about_previous() -> Iterator[None]:
    """Say of checks B1 to B6 that fail inside that they failed for the previous bundle."""
    try:
        yield
    except VerificationError as error:
        raise VerificationError(error.check, f"the previous bundle: {error.detail}") from error


@dataclass(frozen=True)
class _LeafFile:
    """The leaves of one of the two bundles, which must be the attested ones."""

    folder: Path
    attestation: Attestation
    is_previous: bool = field(kw_only=True)

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """Chunks of leaves, ``(n, 80)`` bytes; after the last one the digest of all is compared."""
        with _about_previous() if self.is_previous else contextlib.nullcontext():
            yield from self._read()

    def check(self) -> None:
        """Read all leaves once: a damaged file must not be reported as leaves that changed."""
        for _ in self.chunks():
            pass

    def _read(self) -> Iterator[NDArray[np.uint8]]:
        count = self.attestation.book.leaf_count
        digest = hashlib.sha256()
        try:
            with open_regular(self.folder / LEAVES_NAME) as file:
                for start in range(0, count, _CHUNK):
                    size = min(_CHUNK, count - start) * LEAF_BYTES
                    data = file.read(size)
                    if len(data) != size:
                        raise VerificationError(
                            Check.BUNDLE_DIGESTS, f"{LEAVES_NAME} is shorter than attested"
                        )
                    digest.update(data)
                    yield np.frombuffer(data, dtype=np.uint8).reshape(-1, LEAF_BYTES)
                if file.read(1):
                    raise VerificationError(Check.BUNDLE_DIGESTS, f"{LEAVES_NAME} is longer than attested")
        except OSError as error:
            raise VerificationError(
                Check.BUNDLE_FILES, f"{LEAVES_NAME}: {error.strerror or error}"
            ) from error
        compare_digest(self.attestation.file(LEAVES_NAME), digest.digest())

    def fingerprints(self, start: int, stop: int) -> NDArray[np.uint64]:
        """The last 8 bytes of one field of every leaf."""
        return np.concatenate([_fingerprints(leaves[:, start:stop]) for leaves in self.chunks()])

    def whole(self, start: int, stop: int, candidates: NDArray[np.uint64]) -> set[bytes]:
        """One field of those leaves whose fingerprint is among `candidates`."""
        found: set[bytes] = set()
        for leaves in self.chunks():
            fields = leaves[:, start:stop]
            found |= {one.tobytes() for one in fields[np.isin(_fingerprints(fields), candidates)]}
        return found


def _count_changed(ours: _LeafFile, theirs: _LeafFile, progress: Progress) -> int:
    """How many leaves differ; `VerificationError` if one does in half, or the books are not of one shape."""
    new, old = ours.attestation.book, theirs.attestation.book
    if new.leaf_count != old.leaf_count:
        raise VerificationError(
            Check.UPDATE_LEAVES, f"the book has {new.leaf_count} leaves, its predecessor {old.leaf_count}"
        )
    if new.assets != old.assets:
        raise VerificationError(
            Check.UPDATE_LEAVES, "the book has another list of assets than its predecessor"
        )
    differing = done = 0
    for here, there in zip(ours.chunks(), theirs.chunks(), strict=True):
        tags = (here[:, :TAG_BYTES] != there[:, :TAG_BYTES]).any(axis=1)
        commitments = (here[:, TAG_BYTES:] != there[:, TAG_BYTES:]).any(axis=1)
        if (halves := np.flatnonzero(tags != commitments)).size:
            place = int(halves[0])
            kept, other = ("commitment", "tag") if tags[place] else ("tag", "commitment")
            raise VerificationError(
                Check.UPDATE_LEAVES,
                f"leaf {done + place} has the {kept} of its predecessor, and another {other}: it was not sealed anew",
            )
        differing += int(tags.sum())
        done += len(here)
        progress("Comparing leaves", done, new.leaf_count)
    return differing


def _refuse_common(ours: _LeafFile, theirs: _LeafFile) -> None:
    """`VerificationError` if a tag or a commitment of the predecessor stands in the book again."""
    for what, start, stop in (("tag", 0, TAG_BYTES), ("commitment", TAG_BYTES, LEAF_BYTES)):
        candidates = np.intersect1d(theirs.fingerprints(start, stop), ours.fingerprints(start, stop))
        if not candidates.size:
            continue
        # Equal in eight bytes: with many leaves that may be chance, so these few are compared in full.
        again = theirs.whole(start, stop, candidates) & ours.whole(start, stop, candidates)
        if again:
            raise VerificationError(
                Check.UPDATE_LEAVES,
                f"a {what} of the predecessor stands in the book again: {min(again).hex()}",
            )


def _fingerprints(fields: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(fields[:, -_FINGERPRINT_BYTES:]).view(">u8").ravel().astype(np.uint64)
