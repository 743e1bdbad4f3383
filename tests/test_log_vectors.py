"""Vectors of the log: the files are what the generator writes, and every one of them comes out as it says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from log_support import unsigned_checkpoint

from primitives.errors import DecodingError
from primitives.log_checkpoint import Checkpoint
from primitives.log_entry import LogEntryError, parse_log_entry
from primitives.log_tree import EMPTY_ROOT, Frontier, leaf_hash
from primitives.signed_note import NoteSigner, SignedNote, VerifierKey, open_note
from verifier.checks import VerificationError
from verifier.log_history import LogHistory
from verifier.transparency import LogPolicy, verify_checkpoint, verify_consistency, verify_inclusion

VECTORS: Final = Path(__file__).parent / "vectors"
Vector = dict[str, Any]


def load(name: str) -> Vector:
    document: Vector = json.loads((VECTORS / "log" / name).read_text(encoding="utf-8"))
    return document


ACCEPTED: Final = load("accepted.json")
REJECTED: Final = load("rejected.json")
PUBLISHED: Final = load("published.json")
TREE: Final = PUBLISHED["tree"]


def named(vectors: list[Vector]) -> list[Any]:
    return [pytest.param(vector, id=str(vector.get("name", number))) for number, vector in enumerate(vectors)]


def check_checkpoint(vector: Vector) -> Any:
    policy = LogPolicy(
        VerifierKey.parse(vector["log_key"]),
        tuple(VerifierKey.parse(key) for key in vector["witness_keys"]),
        vector["threshold"],
        vector["origin"],
    )
    return verify_checkpoint(vector["note"].encode(), policy, now=vector["now"])


def check_inclusion(vector: Vector) -> None:
    checkpoint = unsigned_checkpoint(vector["size"], bytes.fromhex(vector["root"]))
    verify_inclusion(vector["entry"].encode(), vector["index"], hashes(vector), checkpoint)


def check_consistency(vector: Vector) -> None:
    first, second = (
        unsigned_checkpoint(vector[name], bytes.fromhex(vector[f"{name}_root"]))
        for name in ("first", "second")
    )
    verify_consistency(first, second, hashes(vector))


def hashes(vector: Vector) -> list[bytes]:
    return [bytes.fromhex(each) for each in vector["hashes"]]


def load_generator() -> ModuleType:
    path = VECTORS / "generate_log.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["accepted.json", "rejected.json"])
def test_the_files_are_what_the_generator_writes(name: str) -> None:
    assert (VECTORS / "log" / name).read_text(encoding="utf-8") == load_generator().files()[name]


@pytest.mark.parametrize("vector", named(ACCEPTED["checkpoints"]))
def test_checkpoints_to_accept(vector: Vector) -> None:
    verified = check_checkpoint(vector)
    assert (verified.size, verified.root.hex()) == (vector["size"], vector["root"])
    assert [each.key.name for each in verified.cosignatures] == vector["cosigned_by"]


@pytest.mark.parametrize("vector", named(ACCEPTED["inclusions"]))
def test_inclusions_to_accept(vector: Vector) -> None:
    check_inclusion(vector)


@pytest.mark.parametrize("vector", named(ACCEPTED["consistencies"]))
def test_consistencies_to_accept(vector: Vector) -> None:
    check_consistency(vector)


@pytest.mark.parametrize("vector", named(ACCEPTED["entries"]))
def test_entries_to_accept(vector: Vector) -> None:
    data = vector["entry"].encode()
    assert parse_log_entry(data).kind == vector["kind"]
    assert leaf_hash(data).hex() == vector["leaf_hash"]


@pytest.mark.parametrize("vector", named(ACCEPTED["histories"]))
def test_histories(vector: Vector) -> None:
    texts = {each["name"]: each["entry"] for each in ACCEPTED["entries"]}
    history = LogHistory()
    for index, name in enumerate(vector["entries"]):
        history.add(index, parse_log_entry(texts[name].encode()))
    found = [{"check": each.check.value, "entries": list(each.indexes)} for each in history.conflicts()]
    assert found == vector["conflicts"]


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("checkpoints", check_checkpoint),
        ("inclusions", check_inclusion),
        ("consistencies", check_consistency),
    ],
)
def test_what_is_to_be_refused(kind: str, check: Any) -> None:
    for vector in REJECTED[kind]:
        with pytest.raises(VerificationError) as caught:
            check(vector)
        assert (caught.value.check.value, vector["detail"] in caught.value.detail) == (
            vector["check"],
            True,
        ), vector


@pytest.mark.parametrize("vector", named(REJECTED["entries"]))
def test_entries_to_refuse(vector: Vector) -> None:
    with pytest.raises(LogEntryError) as caught:
        parse_log_entry(vector["entry"].encode())
    assert vector["detail"] in str(caught.value)


# The formats' own examples


@pytest.mark.parametrize("vector", PUBLISHED["notes"], ids=lambda vector: vector["source"])
def test_published_notes(vector: Vector) -> None:
    keys = [VerifierKey.parse(text) for text in vector["verifier_keys"]]
    assert [key.to_text() for key in keys] == vector["verifier_keys"]
    data = vector["note"].encode()
    note, verified = open_note(data, keys)
    assert note.to_bytes() == data
    assert [each.key for each in verified] == keys
    if "signer_key" in vector:
        signer = NoteSigner.parse(vector["signer_key"])
        assert signer.to_secret_text() == vector["signer_key"]
        assert SignedNote(note.text, (signer.sign(note.text),)) == note


@pytest.mark.parametrize("vector", PUBLISHED["refused_verifier_keys"], ids=lambda vector: vector["source"])
def test_published_keys_to_refuse(vector: Vector) -> None:
    with pytest.raises(DecodingError, match=vector["detail"]):
        VerifierKey.parse(vector["key"])


@pytest.mark.parametrize("vector", PUBLISHED["unkeyed_notes"], ids=lambda vector: vector["source"])
def test_published_notes_whose_keys_are_not(vector: Vector) -> None:
    note = SignedNote.parse(vector["note"].encode())
    assert note.to_bytes() == vector["note"].encode()
    assert [each.name for each in note.signatures] == vector["names"]
    assert [each.key_id.hex() for each in note.signatures] == vector["key_ids"]
    for signature, timestamp in zip(note.signatures, vector["timestamps"], strict=True):
        assert len(signature.signature) == (64 if timestamp is None else 72)
        assert timestamp is None or int.from_bytes(signature.signature[:8], "big") == timestamp
    if "checkpoint" in vector:
        stated = vector["checkpoint"]
        expected = Checkpoint(stated["origin"], stated["size"], bytes.fromhex(stated["root"]))
        assert Checkpoint.parse(note.text) == expected
        assert expected.to_text() == note.text


def test_published_trees() -> None:
    data = [bytes.fromhex(each) for each in TREE["leaves"]]
    assert bytes.fromhex(TREE["empty_root"]) == EMPTY_ROOT == Frontier().root()
    checkpoints = [unsigned_checkpoint(0, EMPTY_ROOT)]
    for size, root in enumerate(TREE["roots"], 1):
        assert Frontier().appended(leaf_hash(each) for each in data[:size]).root().hex() == root
        checkpoints.append(unsigned_checkpoint(size, bytes.fromhex(root)))
    for vector in TREE["inclusions"]:
        verify_inclusion(data[vector["index"]], vector["index"], hashes(vector), checkpoints[vector["size"]])
    for vector in TREE["consistencies"]:
        verify_consistency(checkpoints[vector["first"]], checkpoints[vector["second"]], hashes(vector))
