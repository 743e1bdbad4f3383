"""The vectors of tests/vectors/update: fresh ones are the same, and each has the outcome that it states."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from sealing_support import rejected

from primitives.attestation import (
    ATTESTATION_NAME,
    LEAVES_NAME,
    SIGNATURE_NAME,
    Attestation,
    BundleFile,
    Predecessor,
    SealedBook,
    UpdateForm,
)
from primitives.parameters import SIGNATURE_LABEL
from primitives.signing import public_key_bytes
from primitives.strict_json import JsonError
from verifier.checks import Check
from verifier.update import verify_update

DIRECTORY: Final = Path(__file__).parent / "vectors" / "update"
KEY: Final = ECC.generate(curve="Ed25519")
BOOKS: Final = json.loads((DIRECTORY / "books.json").read_bytes())
LEAVES: Final = json.loads((DIRECTORY / "leaves.json").read_bytes())


def generator() -> ModuleType:
    """``generate_update.py``, which is no module of a package."""
    specification = importlib.util.spec_from_file_location(
        "generate_update", DIRECTORY.parent / "generate_update.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_files_are_what_the_generator_writes() -> None:
    made = generator()
    assert (DIRECTORY / "books.json").read_bytes() == made.serialise(made.generate_books())
    assert (DIRECTORY / "leaves.json").read_bytes() == made.serialise(made.generate_leaves())


@pytest.mark.parametrize("vector", BOOKS["accepted"], ids=lambda vector: vector["digest"][:8])
def test_books_are_read_back(vector: Any) -> None:
    book = SealedBook.parse(vector["book"])
    assert book.to_json() == vector["book"]
    assert book.digest().hex() == vector["digest"]


@pytest.mark.parametrize(
    "vector", BOOKS["rejected"], ids=lambda vector: json.dumps(vector["predecessor"])[:40]
)
def test_malformed_predecessors_are_refused(vector: Any) -> None:
    book = {**BOOKS["accepted"][0]["book"], "predecessor": vector["predecessor"]}
    with pytest.raises(JsonError, match=re.escape(vector["reason"])) as caught:
        SealedBook.parse(book)
    assert caught.value.path.startswith("$.predecessor")


def write_bundle(folder: Path, leaves: list[bytes], change: Any) -> Attestation:
    """Attestation, signature and leaves: all that is looked at."""
    folder.mkdir()
    data = b"".join(leaves)
    digest = hashlib.sha256(data).digest()
    book = change(
        replace(
            SealedBook.parse(BOOKS["accepted"][2]["book"]),
            public_key=public_key_bytes(KEY), leaf_count=len(leaves), leaves_sha256=digest,
        )
    )  # fmt: skip
    attestation = Attestation(book, (BundleFile(LEAVES_NAME, len(data), digest),))
    text = attestation.to_bytes()
    signature = eddsa.new(KEY, "rfc8032").sign(SIGNATURE_LABEL + text)
    (folder / LEAVES_NAME).write_bytes(data)
    (folder / ATTESTATION_NAME).write_bytes(text)
    (folder / SIGNATURE_NAME).write_bytes(signature.hex().encode() + b"\n")
    return attestation


@pytest.mark.parametrize("vector", LEAVES, ids=lambda vector: vector["name"])
def test_leaves_are_compared(vector: Any, tmp_path: Path) -> None:
    before = [bytes.fromhex(leaf) for leaf in vector["before"]]
    after = [bytes.fromhex(leaf) for leaf in vector["after"]]
    old = write_bundle(tmp_path / "old", before, lambda book: book)

    def follow(book: SealedBook) -> SealedBook:
        predecessor = Predecessor(old.book.digest(), UpdateForm(vector["form"]))
        return replace(book, as_of=book.as_of + timedelta(seconds=1), predecessor=predecessor)

    new = write_bundle(tmp_path / "new", after, follow)
    if vector["differing"] is None:
        with rejected(Check.UPDATE_LEAVES, vector["reason"]):
            verify_update(tmp_path / "new", new, tmp_path / "old")
        return
    found = verify_update(tmp_path / "new", new, tmp_path / "old")
    assert (found.differing, found.leaf_count) == (vector["differing"], len(after))
