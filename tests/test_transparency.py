"""Proofs of the log against RFC 6962 as it is written, against pymerkle, and against alterations; checkpoints."""

from __future__ import annotations

from dataclasses import replace

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_support import (
    LOG_SIGNER,
    NOW,
    ORIGIN,
    POLICY,
    WITNESSES,
    audit_path,
    consistency_path,
    entries,
    seed,
    signed_checkpoint,
    tree_hash,
    unsigned_checkpoint,
)

from primitives.errors import DecodingError
from primitives.log_tree import Frontier, leaf_hash
from primitives.signed_note import KeyType, NoteSigner, SignedNote
from verifier.checks import Check, VerificationError
from verifier.transparency import (
    MAX_CLOCK_SKEW_SECONDS,
    LogPolicy,
    LogPolicyError,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
)

SIZES = 130
DATA = [b"entry %d" % number for number in range(SIZES)]
LEAVES = [leaf_hash(each) for each in DATA]
CHECKPOINTS = [unsigned_checkpoint(size, tree_hash(LEAVES[:size])) for size in range(SIZES + 1)]
NODES = st.binary(min_size=32, max_size=32)


def test_every_inclusion_of_every_size() -> None:
    for size in range(1, SIZES + 1):
        for index in range(size):
            verify_inclusion(DATA[index], index, audit_path(index, LEAVES[:size]), CHECKPOINTS[size])


def test_every_consistency_of_every_two_sizes() -> None:
    for second in range(1, SIZES + 1):
        for first in range(1, second + 1):
            proof = consistency_path(first, LEAVES[:second])
            verify_consistency(CHECKPOINTS[first], CHECKPOINTS[second], proof)


def test_an_inclusion_at_another_index_or_size_is_refused() -> None:
    """A proof for one place proves no other one, in trees of up to 33 entries."""
    for size in range(1, 34):
        for index in range(size):
            proof = audit_path(index, LEAVES[:size])
            for other in range(size):
                if other != index:
                    with pytest.raises(VerificationError, match="L5-inclusion"):
                        verify_inclusion(DATA[index], other, proof, CHECKPOINTS[size])
            for other_size in {size - 1, size + 1} - {0}:
                with pytest.raises(VerificationError, match="L5-inclusion"):
                    verify_inclusion(DATA[index], index, proof, CHECKPOINTS[other_size])


def test_pymerkle_finds_the_same_roots_and_its_own_proofs_hold() -> None:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for size, data in enumerate(DATA, 1):
        tree.append_entry(data)
        assert tree.get_root() == CHECKPOINTS[size].root
    for size in (1, 2, 3, 7, 64, 65, SIZES):
        for index in range(size):
            proof = tree.prove_inclusion(index + 1, size)
            pymerkle.verify_inclusion(LEAVES[index], CHECKPOINTS[size].root, proof)
            verify_inclusion(DATA[index], index, proof.path[1:], CHECKPOINTS[size])


@given(first=st.integers(1, SIZES), second=st.integers(1, SIZES), data=st.data())
@settings(deadline=None)
def test_any_other_consistency_proof_is_refused(first: int, second: int, data: st.DataObject) -> None:
    first, second = sorted((first, second))
    proof = consistency_path(first, LEAVES[:second])
    changed = data.draw(
        st.one_of(
            st.just(proof[:-1]),
            st.just([*proof, bytes(32)]),
            st.just(proof[::-1]),
            st.builds(lambda at, node: [*proof[:at], node, *proof[at + 1 :]], st.integers(0, 8), NODES),
        )
    )
    if changed != proof:
        with pytest.raises(VerificationError, match="L6-consistency"):
            verify_consistency(CHECKPOINTS[first], CHECKPOINTS[second], changed)


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(0, 40))
@settings(deadline=None)
def test_a_frontier_grows_to_the_same_root_in_any_steps(data: list[bytes], cut: int) -> None:
    leaves = [leaf_hash(each) for each in data]
    frontier = Frontier().appended(leaves[:cut]).appended(leaves[cut:])
    assert (frontier.size, frontier.root()) == (len(leaves), tree_hash(leaves))


@pytest.mark.parametrize(
    ("size", "index", "alter", "reason"),
    [
        (8, 8, list, "not among the 8"),
        (8, -1, list, "not among the 8"),
        (8, 3, lambda proof: proof[:-1], "fewer hashes than the tree has levels"),
        (8, 3, lambda proof: [*proof, proof[0]], "more hashes than the tree has levels"),
        (7, 6, lambda proof: [*proof, proof[0]], "more hashes than the tree has levels"),
        (8, 3, lambda proof: [proof[0][:-1], *proof[1:]], "has not 32 bytes"),
        (8, 3, lambda proof: [bytes(32), *proof[1:]], "do not lead to the checkpoint's root"),
        (8, 3, lambda proof: proof * 30, "more than 64"),
        (1, 0, lambda proof: [bytes(32)], "more hashes than the tree has levels"),
    ],
)
def test_an_altered_inclusion_proof_is_refused(size: int, index: int, alter, reason: str) -> None:  # type: ignore[no-untyped-def]
    proof = alter(audit_path(index % size, LEAVES[:size]))
    with pytest.raises(VerificationError, match=f"L5-inclusion.*{reason}"):
        verify_inclusion(DATA[index % size], index, proof, CHECKPOINTS[size])


def test_another_entry_is_not_included() -> None:
    with pytest.raises(VerificationError, match="do not lead to the checkpoint's root"):
        verify_inclusion(b"another", 3, audit_path(3, LEAVES[:8]), CHECKPOINTS[8])


def test_a_node_does_not_pass_for_an_entry() -> None:
    """Leaves and nodes are hashed apart: the two halves of a tree are not an entry of a smaller one."""
    halves = tree_hash(LEAVES[:1]) + tree_hash(LEAVES[1:2])
    with pytest.raises(VerificationError, match="do not lead"):
        verify_inclusion(halves, 0, [], unsigned_checkpoint(1, CHECKPOINTS[2].root))


@pytest.mark.parametrize(
    ("first", "second", "proof", "reason"),
    [
        (3, 8, [], "there is no proof"),
        (8, 8, [bytes(32)], "a proof where nothing is to be proven"),
        (0, 8, [bytes(32)], "a proof where nothing is to be proven"),
        (3, 8, [b"short"], "has not 32 bytes"),
        (3, 8, [bytes(32)] * 65, "more than 64"),
        (4, 8, [bytes(32)] * 2, "more hashes than"),
        (3, 8, [bytes(32)] * 2, "fewer hashes than"),
        (3, 8, [bytes(32)] * 4, "does not lead to the root of the earlier"),
    ],
)
def test_an_altered_consistency_proof_is_refused(
    first: int, second: int, proof: list[bytes], reason: str
) -> None:
    with pytest.raises(VerificationError, match=f"L6-consistency.*{reason}"):
        verify_consistency(CHECKPOINTS[first], CHECKPOINTS[second], proof)


def test_both_roots_of_a_consistency_proof_count() -> None:
    proof = consistency_path(3, LEAVES[:8])
    with pytest.raises(VerificationError, match="the root of the earlier log"):
        verify_consistency(unsigned_checkpoint(3, bytes(32)), CHECKPOINTS[8], proof)
    with pytest.raises(VerificationError, match="the root of the later log"):
        verify_consistency(CHECKPOINTS[3], unsigned_checkpoint(8, bytes(32)), proof)


def test_two_roots_for_one_size_and_a_smaller_log_are_refused() -> None:
    with pytest.raises(VerificationError, match=r"L6-consistency.*two checkpoints of 8 entries"):
        verify_consistency(CHECKPOINTS[8], unsigned_checkpoint(8, bytes(32)), [])
    with pytest.raises(VerificationError, match=r"L7-rollback.*7 entries, it had 8"):
        verify_consistency(CHECKPOINTS[8], CHECKPOINTS[7], [])
    verify_consistency(CHECKPOINTS[0], CHECKPOINTS[7], [])
    verify_consistency(CHECKPOINTS[7], CHECKPOINTS[7], [])


# Checkpoints

KEYS = tuple(witness.verifier_key for witness in WITNESSES)
TWO_OF_THREE = LogPolicy(LOG_SIGNER.verifier_key, KEYS, 2)
OTHER_SIGNER = NoteSigner.from_seed(ORIGIN, KeyType.ED25519, seed("other log"))
OTHER_NAME = NoteSigner.from_seed("elsewhere.example.com/log", KeyType.ED25519, seed("log"))


def test_a_checkpoint_cosigned_by_enough_witnesses() -> None:
    verified = verify_checkpoint(signed_checkpoint(entries(3), cosigners=2), TWO_OF_THREE, now=NOW)
    assert verified.size == 3
    assert [each.key for each in verified.cosignatures] == list(KEYS[:2])
    assert {each.timestamp for each in verified.cosignatures} == {NOW}


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (b"no note", "L1-checkpoint.*no empty line"),
        (signed_checkpoint(entries(2)).replace(b"\n2\n", b"\n02\n"), "L1-checkpoint.*leading zeros"),
        (signed_checkpoint(entries(2), origin="elsewhere.example.com/log"), "L2-origin.*elsewhere"),
        (signed_checkpoint(entries(2), signer=OTHER_SIGNER), "L3-log-signature.*did not sign"),
        (signed_checkpoint(entries(2), signer=OTHER_NAME), "L3-log-signature.*did not sign"),
        (signed_checkpoint(entries(2)).replace(b"\n2\n", b"\n3\n"), "L3-log-signature.*does not hold"),
        (signed_checkpoint(entries(2), cosigners=1), "L4-witnesses.*1 of your 3"),
        (
            signed_checkpoint(entries(2), cosigners=2, at=NOW + MAX_CLOCK_SKEW_SECONDS + 1),
            "L4-witnesses.*in the future",
        ),
    ],
)
def test_a_checkpoint_that_is_refused(note: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        verify_checkpoint(note, TWO_OF_THREE, now=NOW)


def test_a_witness_counts_once_and_with_its_newest_time() -> None:
    parsed = SignedNote.parse(signed_checkpoint(entries(2), cosigners=1))
    again = parsed.with_signatures([WITNESSES[0].sign(parsed.text, timestamp=NOW - 5)])
    with pytest.raises(VerificationError, match="1 of your 3"):
        verify_checkpoint(again.to_bytes(), TWO_OF_THREE, now=NOW)
    one = replace(TWO_OF_THREE, threshold=1)
    (only,) = verify_checkpoint(again.to_bytes(), one, now=NOW).cosignatures
    assert only.timestamp == NOW


def test_a_witness_that_cosigned_something_else_is_refused() -> None:
    parsed = SignedNote.parse(signed_checkpoint(entries(2), cosigners=2))
    other = WITNESSES[2].sign(parsed.text + "more\n", timestamp=NOW)
    with pytest.raises(VerificationError, match=r"L4-witnesses.*does not hold"):
        verify_checkpoint(parsed.with_signatures([other]).to_bytes(), TWO_OF_THREE, now=NOW)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: LogPolicy(KEYS[0]), "a witness's key, not one that signs"),
        (
            lambda: LogPolicy(LOG_SIGNER.verifier_key, (OTHER_SIGNER.verifier_key,)),
            "not one for cosignatures",
        ),
        (lambda: LogPolicy(LOG_SIGNER.verifier_key, (KEYS[0], KEYS[0])), "have one key"),
        (lambda: LogPolicy(LOG_SIGNER.verifier_key, (replace(KEYS[0], name="a"), KEYS[0])), "have one key"),
        (
            lambda: LogPolicy(
                LOG_SIGNER.verifier_key, (replace(KEYS[0], public_key=LOG_SIGNER.verifier_key.public_key),)
            ),
            "have one key",
        ),
        (lambda: LogPolicy(LOG_SIGNER.verifier_key, KEYS, 4), "4 of 3 witnesses"),
        (lambda: LogPolicy(LOG_SIGNER.verifier_key, KEYS, -1), "-1 of 3 witnesses"),
    ],
)
def test_a_policy_that_makes_no_sense(make, reason: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LogPolicyError, match=reason):
        make()


def test_the_origin_may_differ_from_the_name_of_the_key() -> None:
    note = signed_checkpoint(entries(1), signer=OTHER_NAME)
    policy = LogPolicy(OTHER_NAME.verifier_key, origin=ORIGIN)
    assert verify_checkpoint(note, policy, now=NOW).size == 1
    with pytest.raises(VerificationError, match=Check.LOG_ORIGIN.value):
        verify_checkpoint(note, LogPolicy(OTHER_NAME.verifier_key), now=NOW)
    assert issubclass(LogPolicyError, DecodingError)
    assert POLICY.expected_origin == ORIGIN
