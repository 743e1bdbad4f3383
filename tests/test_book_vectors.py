"""The vectors of claims about the whole book (tests/vectors/generate_book.py): accepted, refused, made again."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sealing_support import rejected

from circuits.book_statement import compile_book
from primitives.attestation import Attestation, BundleFile, SealedBook
from primitives.backend import Backend
from primitives.book_claim import book_context
from primitives.claims import BookClaim, parse_claim
from prover.argument import ProofRandomness
from prover.book_claim import make_book_proof
from prover.book_totals import BookTotals
from verifier.book_claim import InsistedDocuments, VerifiedBookClaim, verify_book_claim
from verifier.checks import Check
from verifier.claims import ExpectedDocuments

DIRECTORY = Path(__file__).parent / "vectors" / "book"
ACCEPTED: list[dict[str, Any]] = json.loads((DIRECTORY / "accepted.json").read_text("ascii"))
REJECTED: list[dict[str, Any]] = json.loads((DIRECTORY / "rejected.json").read_text("ascii"))
BASES = {vector["name"]: vector for vector in ACCEPTED}


def generator() -> ModuleType:
    path = DIRECTORY.parent / "generate_book.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(vectors: list[dict[str, Any]]) -> list[str]:
    return [vector["name"] for vector in vectors]


def altered(vector: dict[str, Any]) -> dict[str, Any]:
    """The claim, book and files of a reject vector."""
    result = dict(BASES[vector["base"]])
    for field, value in vector["changes"].items():
        result[field] = {**result[field], **value} if field in ("book", "claim") else value
    return result


def verify(vector: dict[str, Any], folder: Path, backend: Backend) -> VerifiedBookClaim:
    """Write the files of a vector and check its claim, as `verify_bundle` does after the tree."""
    claim = parse_claim(vector["claim"], "$")
    assert isinstance(claim, BookClaim)
    contents = {
        claim.model: vector["model"].encode(),
        claim.market: vector["market"].encode(),
        claim.proof_name: bytes.fromhex(vector["proof"]),
    }
    (folder / "proofs").mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    files = [BundleFile(name, len(data), hashlib.sha256(data).digest()) for name, data in contents.items()]
    attestation = Attestation(SealedBook.parse(vector["book"]), tuple(files), (claim,))
    insisted = InsistedDocuments.of(ExpectedDocuments())
    return verify_book_claim(
        folder, attestation, claim, attestation.book.root.sum, backend, insisted=insisted
    )


def test_the_files_are_what_the_generator_writes() -> None:
    for name, text in generator().files().items():
        assert (DIRECTORY / name).read_text("ascii") == text


def test_every_vector_has_a_name_of_its_own() -> None:
    for vectors in (ACCEPTED, REJECTED):
        assert len(set(names(vectors))) == len(vectors)


def test_every_check_has_a_vector() -> None:
    assert {vector["check"] for vector in REJECTED} == {c.value for c in Check if c.value.startswith("W")}


@pytest.mark.parametrize("vector", ACCEPTED, ids=names(ACCEPTED))
def test_accepted(vector: dict[str, Any], backend: Backend, tmp_path: Path) -> None:
    verified = verify(vector, tmp_path, backend)
    assert verified.compiled.statement.canonical_bytes().hex() == vector["statement"]


@pytest.mark.parametrize("vector", REJECTED, ids=names(REJECTED))
def test_rejected(vector: dict[str, Any], backend: Backend, tmp_path: Path) -> None:
    check = next(check for check in Check if check.value == vector["check"])
    with rejected(check, re.escape(vector["detail"])):
        verify(altered(vector), tmp_path, backend)


@pytest.mark.parametrize("vector", ACCEPTED, ids=names(ACCEPTED))
def test_proof_from_witness_and_randomness(vector: dict[str, Any], backend: Backend) -> None:
    """Every backend makes the same bytes."""
    book = SealedBook.parse(vector["book"])
    model, market = vector["model"].encode(), vector["market"].encode()
    compiled = compile_book(model, market, book.assets, book.leaf_count)
    context = book_context("book", book, model, market, compiled.statement.digest())
    assert context.hex() == vector["context_digest"]
    witness = vector["witness"]
    summed = BookTotals(tuple(map(int, witness["totals"])), int(witness["blinding"], 16))
    randomness = ProofRandomness(bytes.fromhex(vector["seed"]))
    proof = make_book_proof(book, compiled, summed, context, backend, randomness=randomness)
    assert proof.hex() == vector["proof"]
