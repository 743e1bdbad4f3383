"""The vector files: written anew they are the same, and read on their own they do what they say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from argument_support import fast_backend, prover_of, verifier_of

from circuits.positions import PositionBatch
from circuits.rows import Scope
from circuits.statement import parse_canonical
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape
from primitives.backend import Backend
from primitives.reference_backend import ReferenceBackend
from prover.argument import ArgumentWitness, ProofRandomness
from verifier.argument import ArgumentCheck, ArgumentClaim, ArgumentError

DIRECTORY = Path(__file__).parent / "vectors" / "argument"
FAST = fast_backend()
VALID: list[dict[str, Any]] = json.loads((DIRECTORY / "valid.json").read_text("ascii"))
INVALID: list[dict[str, Any]] = json.loads((DIRECTORY / "invalid.json").read_text("ascii"))


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_argument", DIRECTORY.parent / "generate_argument.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def instance_of(vector: dict[str, Any]) -> ArgumentInstance:
    statement = parse_canonical(bytes.fromhex(vector["statement"]), scope=Scope.ACCOUNT)
    shape = ArgumentShape(
        vector["accounts"],
        statement.bit_count,
        len(statement.assets),
        vector["row_variables"],
        vector["folding_rounds"],
    )
    return ArgumentInstance(
        statement,
        shape,
        bytes.fromhex(vector["session"]),
        bytes.fromhex(vector["context_digest"]),
        vector["batch_index"],
        bytes.fromhex(vector["leaf_commitments"]),
    )


def witness_of(backend: Backend, vector: dict[str, Any]) -> ArgumentWitness:
    witness = vector["witness"]
    accounts = [{int(asset): amount for asset, amount in line.items()} for line in witness["positions"]]
    bits = np.array([list(bytes.fromhex(line)) for line in witness["bits"]], np.uint8)
    blindings = backend.scalars_from_bytes(bytes.fromhex("".join(witness["leaf_blindings"])))
    return ArgumentWitness(PositionBatch.from_mappings(accounts), bits, blindings)


def test_files_are_what_the_generator_writes() -> None:
    for name, text in generator().files(FAST).items():
        assert (DIRECTORY / name).read_text("ascii") == text, name


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["name"])
def test_valid(vector: dict[str, Any]) -> None:
    instance, proof = instance_of(vector), bytes.fromhex(vector["proof"])
    assert len(proof) == instance.shape.proof_bytes
    verifier_of(FAST).verify(instance, proof)


@pytest.mark.parametrize("name", ["certificate", "three accounts in one row"])
def test_valid_on_the_reference_backend(name: str) -> None:
    backend = ReferenceBackend()
    vector = next(vector for vector in VALID if vector["name"] == name)
    instance, proof = instance_of(vector), bytes.fromhex(vector["proof"])
    verifier_of(backend).verify(instance, proof)
    seed = ProofRandomness(bytes.fromhex(vector["witness"]["seed"]))
    assert prover_of(backend).prove(instance, witness_of(backend, vector), seed) == proof


@pytest.mark.parametrize(
    "vector", [vector for vector in VALID if "witness" in vector], ids=lambda vector: vector["name"]
)
def test_proof_from_witness_and_seed(vector: dict[str, Any]) -> None:
    seed = ProofRandomness(bytes.fromhex(vector["witness"]["seed"]))
    proof = prover_of(FAST).prove(instance_of(vector), witness_of(FAST, vector), seed)
    assert proof.hex() == vector["proof"]


def test_all_valid_together() -> None:
    claims = [ArgumentClaim(instance_of(vector), bytes.fromhex(vector["proof"])) for vector in VALID]
    verifier_of(FAST).verify_all(claims)


@pytest.mark.parametrize("vector", INVALID, ids=lambda vector: vector["name"])
def test_invalid(vector: dict[str, Any]) -> None:
    instance, proof = instance_of(vector), bytes.fromhex(vector["proof"])
    with pytest.raises(ArgumentError, match=f"^{vector['check']}: ") as alone:
        verifier_of(FAST).verify(instance, proof)
    assert alone.value.check.value == vector["check"]
    accepted = ArgumentClaim(instance_of(VALID[0]), bytes.fromhex(VALID[0]["proof"]))
    with pytest.raises(ArgumentError, match=f"^proof 1: {vector['check']}: "):
        verifier_of(FAST).verify_all([accepted, ArgumentClaim(instance, proof)])


def test_every_check_but_the_degenerate_challenge_has_a_vector() -> None:
    checks = {vector["check"] for vector in INVALID}
    assert checks == {check.value for check in ArgumentCheck} - {ArgumentCheck.CHALLENGE.value}
