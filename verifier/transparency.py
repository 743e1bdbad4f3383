"""Verification of the transparency log: checkpoints, cosignatures, inclusion and consistency proofs (checks L1 to L6).

Log key, origin, witnesses and threshold are the user's; sizes, indexes and roots come from verified checkpoints. From
the log itself come bytes to be checked, nothing else. Sources: RFC 9162 (sections 2.1.3.2 and 2.1.4.2; its tree is that
of RFC 6962), c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from primitives.errors import DecodingError
from primitives.log_checkpoint import Checkpoint
from primitives.log_tree import leaf_hash, node_hash
from primitives.parameters import HASH_BYTES
from primitives.signed_note import (
    KeyType,
    NoteError,
    NoteSignatureError,
    SignedNote,
    VerifiedSignature,
    VerifierKey,
    verified_signatures,
)
from verifier.checks import Check, VerificationError

MAX_PROOF_HASHES: Final = 64
"""A tree of fewer than 2^62 leaves has paths of at most 62 hashes; consistency proofs have one more."""
MAX_CLOCK_SKEW_SECONDS: Final = 600
"""How far ahead of our clock the time of a cosignature may be."""


class LogPolicyError(DecodingError):
    """What the user wants to insist on makes no sense: a threshold that the witnesses cannot reach, a wrong key."""


@dataclass(frozen=True)
class LogPolicy:
    """Whom the user trusts: the log's key and origin, witnesses, and how many of them must have cosigned.

    A log's key carries the origin as its name, so that `origin` is needed only where they differ.
    """

    log_key: VerifierKey
    witnesses: tuple[VerifierKey, ...] = ()
    threshold: int = 0
    origin: str = ""

    def __post_init__(self) -> None:
        if self.log_key.type is not KeyType.ED25519:
            raise LogPolicyError("the log's key is a witness's key, not one that signs checkpoints")
        if any(key.type is not KeyType.COSIGNATURE for key in self.witnesses):
            raise LogPolicyError("a witness's key is not one for cosignatures")
        # By key bytes: one witness under two names, or the log under another, must not count twice.
        distinct = {key.public_key for key in self.witnesses}
        if len(distinct) != len(self.witnesses) or self.log_key.public_key in distinct:
            raise LogPolicyError("two witnesses, or the log and a witness, have one key")
        if not 0 <= self.threshold <= len(self.witnesses):
            raise LogPolicyError(f"{self.threshold} of {len(self.witnesses)} witnesses cannot have cosigned")

    @property
    def expected_origin(self) -> str:
        """The first line that checkpoints must have."""
        return self.origin or self.log_key.name


@dataclass(frozen=True)
class VerifiedCheckpoint:
    """A checkpoint signed by the log, the note it came in, and the witnesses' cosignatures that hold.

    `cosignatures` has at most one for each witness, the newest.
    """

    checkpoint: Checkpoint
    note: bytes
    cosignatures: tuple[VerifiedSignature, ...]

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root of the tree over them."""
        return self.checkpoint.root


def verify_checkpoint(note: bytes, policy: LogPolicy, *, now: int) -> VerifiedCheckpoint:
    """Checks L1 to L4 on the bytes of a signed note; `now` is the time in seconds since 1970."""
    # L1: form
    try:
        parsed = SignedNote.parse(note)
        checkpoint = Checkpoint.parse(parsed.text)
    except NoteError as error:
        raise VerificationError(Check.LOG_CHECKPOINT, str(error)) from error
    # L2: which log
    if checkpoint.origin != policy.expected_origin:
        raise VerificationError(
            Check.LOG_ORIGIN,
            f"the checkpoint is of {checkpoint.origin!r}, you expect {policy.expected_origin!r}",
        )
    # L3: signed by it
    try:
        by_log = verified_signatures(parsed, [policy.log_key])
    except NoteSignatureError as error:
        raise VerificationError(Check.LOG_SIGNATURE, str(error)) from error
    if not by_log:
        raise VerificationError(
            Check.LOG_SIGNATURE, f"the log's key {policy.log_key.to_text()} did not sign the checkpoint"
        )
    # L4: seen by enough witnesses
    return VerifiedCheckpoint(checkpoint, note, verify_cosignatures(parsed, policy, now=now))


def verify_cosignatures(note: SignedNote, policy: LogPolicy, *, now: int) -> tuple[VerifiedSignature, ...]:
    """Check L4: the newest cosignature of each witness; `VerificationError` unless they reach the threshold."""
    try:
        found = verified_signatures(note, policy.witnesses)
    except NoteSignatureError as error:
        raise VerificationError(Check.LOG_WITNESSES, str(error)) from error
    newest: dict[bytes, VerifiedSignature] = {}
    for each in found:
        if (each.timestamp or 0) > now + MAX_CLOCK_SKEW_SECONDS:
            raise VerificationError(
                Check.LOG_WITNESSES, f"the cosignature of {each.key.name!r} is dated in the future"
            )
        known = newest.get(each.key.public_key)
        if known is None or (each.timestamp or 0) > (known.timestamp or 0):
            newest[each.key.public_key] = each
    if len(newest) < policy.threshold:
        raise VerificationError(
            Check.LOG_WITNESSES,
            f"{len(newest)} of your {len(policy.witnesses)} witnesses cosigned, you want {policy.threshold}",
        )
    return tuple(newest.values())


def verify_inclusion(
    entry: bytes, index: int, proof: Sequence[bytes], checkpoint: VerifiedCheckpoint
) -> None:
    """Check L5: `entry` is the one at `index` (from 0) of the log that `checkpoint` states.

    RFC 9162, section 2.1.3.2, with fn, sn, r as there; `proof` is the audit path of RFC 6962, section 2.1.1.
    """
    _check_proof(proof, Check.LOG_INCLUSION)
    # 1. leaf_index < tree_size
    if not 0 <= index < checkpoint.size:
        raise VerificationError(
            Check.LOG_INCLUSION, f"entry {index} is not among the {checkpoint.size} of the checkpoint"
        )
    # 2., 3. fn = leaf_index, sn = tree_size - 1, r = hash
    fn, sn, r = index, checkpoint.size - 1, leaf_hash(entry)
    # 4. for each p of the path
    for p in proof:
        if sn == 0:
            raise VerificationError(Check.LOG_INCLUSION, "the proof has more hashes than the tree has levels")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    # 5. sn == 0 and r == root_hash
    if sn != 0:
        raise VerificationError(Check.LOG_INCLUSION, "the proof has fewer hashes than the tree has levels")
    if r != checkpoint.root:
        raise VerificationError(Check.LOG_INCLUSION, "entry and proof do not lead to the checkpoint's root")


def verify_consistency(first: VerifiedCheckpoint, second: VerifiedCheckpoint, proof: Sequence[bytes]) -> None:
    """Check L6: the log of `second` begins with all of the log of `first`; `first` is not the larger one.

    RFC 9162, section 2.1.4.2, with fn, sn, fr, sr as there; `proof` as in RFC 6962, section 2.1.2. A smaller second
    tree is check L7 (`verify_not_smaller`).
    """
    _check_proof(proof, Check.LOG_CONSISTENCY)
    verify_not_smaller(first, second)
    if first.size in (0, second.size):
        if proof:
            raise VerificationError(Check.LOG_CONSISTENCY, "there is a proof where nothing is to be proven")
        if first.size == second.size and first.root != second.root:
            raise VerificationError(
                Check.LOG_CONSISTENCY, f"two checkpoints of {first.size} entries have different roots"
            )
        return
    fr, sr = _consistent_roots(first, second, proof)
    if fr != first.root:
        raise VerificationError(
            Check.LOG_CONSISTENCY, "the proof does not lead to the root of the earlier log"
        )
    if sr != second.root:
        raise VerificationError(Check.LOG_CONSISTENCY, "the proof does not lead to the root of the later log")


def verify_not_smaller(first: VerifiedCheckpoint, second: VerifiedCheckpoint) -> None:
    """Check L7: a log never has fewer entries than it had."""
    if second.size < first.size:
        raise VerificationError(
            Check.LOG_ROLLBACK, f"the log has {second.size} entries, it had {first.size} when you last looked"
        )


def _consistent_roots(
    first: VerifiedCheckpoint, second: VerifiedCheckpoint, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Steps 1 to 6 of RFC 9162, section 2.1.4.2: the two roots that the proof leads to (0 < first < second)."""
    # 1. the path must not be empty
    if not proof:
        raise VerificationError(Check.LOG_CONSISTENCY, "there is no proof")
    # 2. if first is a power of two, first_hash leads the path
    path = [first.root, *proof] if first.size & (first.size - 1) == 0 else list(proof)
    # 3. fn = first - 1, sn = second - 1
    fn, sn = first.size - 1, second.size - 1
    # 4. shift out the ones
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    # 5. fr = sr = first element
    fr = sr = path[0]
    # 6. for each further element c
    for c in path[1:]:
        if sn == 0:
            raise VerificationError(
                Check.LOG_CONSISTENCY, "the proof has more hashes than the tree has levels"
            )
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    # 7. (in part) sn == 0
    if sn != 0:
        raise VerificationError(Check.LOG_CONSISTENCY, "the proof has fewer hashes than the tree has levels")
    return fr, sr


def _check_proof(proof: Sequence[bytes], check: Check) -> None:
    if len(proof) > MAX_PROOF_HASHES:
        raise VerificationError(check, f"the proof has {len(proof)} hashes, more than {MAX_PROOF_HASHES}")
    if any(len(each) != HASH_BYTES for each in proof):
        raise VerificationError(check, f"the proof holds a hash that has not {HASH_BYTES} bytes")
