"""The vectors of sealing: made anew byte for byte, met by the code that seals, judged by both backends."""

from __future__ import annotations

import copy
import importlib.util
import json
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from sealing_support import AVAILABLE_BACKENDS, rejected, write_book

from primitives import sum_tree
from primitives.assets import AssetList
from primitives.attestation import Attestation
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.opening import Opening
from primitives.strict_json import canonical_json
from primitives.sum_tree import SumNode
from prover.commit import seal_book
from prover.issuer import KEY_NAME
from prover.openings import make_opening
from prover.randomness import SecretStream
from prover.vault import Vault
from verifier.bundle import verify_bundle
from verifier.checks import Check
from verifier.opening import TrustedRoot, verify_opening_against_root, verify_opening_in_bundle

VECTORS: Final = Path(__file__).parent / "vectors"
Record = dict[str, Any]


def read(name: str) -> Record:
    document: Record = json.loads((VECTORS / "seal" / name).read_text(encoding="utf-8"))
    return document


def load_generator() -> ModuleType:
    path = VECTORS / "generate_seal.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate_seal: Final = load_generator()
VALUES: Final = read("values.json")
BUNDLE: Final = read("bundle.json")
OPENING: Final = read("opening.json")
CHECKS: Final = {check.value: check for check in Check}


def test_the_vectors_are_made_anew_byte_for_byte(backend: Backend) -> None:
    made = generate_seal.vectors(backend)
    assert set(made) == {path.name for path in (VECTORS / "seal").iterdir()}
    for name, record in made.items():
        assert generate_seal.serialize(record) == (VECTORS / "seal" / name).read_text(encoding="utf-8"), name


def write_bundle(folder: Path, case: Record) -> Path:
    """The accepted bundle with the changes of a case."""
    folder.mkdir()
    leaves = bytearray.fromhex(BUNDLE["accepted"]["leaves.bin"])
    for index, leaf in case.get("leaves", {}).items():
        leaves[80 * int(index) : 80 * int(index) + 80] = bytes.fromhex(leaf)
    (folder / "leaves.bin").write_bytes(leaves)
    for name, text in {**BUNDLE["accepted"]["files"], **case.get("replace", {})}.items():
        if text is not None:
            (folder / name).write_bytes(text.encode())
    return folder


def test_the_accepted_bundle(backend: Backend, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", {})
    key = bytes.fromhex(BUNDLE["accepted"]["issuer_key"])
    verified = verify_bundle(bundle, backend, issuer_key=key)
    assert verified.attestation.book.digest().hex() == VALUES["book_digest"]
    assert canonical_json(verified.attestation.book.to_json()).decode() == VALUES["book"]
    assert verified.attestation == Attestation.parse(verified.attestation.to_bytes())


@pytest.mark.parametrize("case", BUNDLE["rejected"], ids=lambda case: f"{case['check']}: {case['comment']}")
def test_the_rejected_bundles(backend: Backend, tmp_path: Path, case: Record) -> None:
    bundle = write_bundle(tmp_path / "bundle", case)
    key = bytes.fromhex(case["issuer_key"]) if "issuer_key" in case else None
    with rejected(CHECKS[case["check"]], ""):
        verify_bundle(bundle, backend, issuer_key=key)


def check(document: Record, typed: str, against: str, bundle: Path, backend: Backend) -> Opening:
    data = json.dumps(document).encode()
    if against == "bundle":
        return verify_opening_in_bundle(data, typed, bundle, backend, issuer_key=None).opening
    trusted = {
        "root": TrustedRoot(root_hash=bytes.fromhex(OPENING["root_hash"])),
        "digest": TrustedRoot(book_digest=bytes.fromhex(OPENING["book_digest"])),
    }[against]
    return verify_opening_against_root(data, typed, trusted, backend).opening


@pytest.mark.parametrize("against", ["bundle", "root", "digest"])
@pytest.mark.parametrize("case", OPENING["accepted"], ids=lambda case: case["opening"]["account"])
def test_the_accepted_openings(backend: Backend, tmp_path: Path, case: Record, against: str) -> None:
    bundle = write_bundle(tmp_path / "bundle", {})
    opening = check(case["opening"], case["typed"], against, bundle, backend)
    assert json.loads(opening.to_bytes()) == case["opening"]


@pytest.mark.parametrize("case", OPENING["rejected"], ids=lambda case: f"{case['check']}: {case['comment']}")
def test_the_rejected_openings(backend: Backend, tmp_path: Path, case: Record) -> None:
    """Changes of the first accepted opening."""
    document = copy.deepcopy(OPENING["accepted"][0]["opening"])
    for path, value in case["changes"]:
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    with rejected(CHECKS[case["check"]], ""):
        check(document, case["typed"], case["against"], write_bundle(tmp_path / "bundle", {}), backend)


def test_every_check_has_a_vector() -> None:
    """Required claims (B10) are a matter of the verifier's options: this book makes none."""
    named = {case["check"] for case in [*BUNDLE["rejected"], *OPENING["rejected"]]}
    own = {check for check in Check if check.value[0] in "BO" and check is not Check.BUNDLE_CLAIMS}
    assert named == {check.value for check in own}


@pytest.mark.parametrize("tree", VALUES["trees"], ids=lambda tree: f"{tree['leaves']} leaves")
def test_trees(backend: Backend, tree: Record) -> None:
    leaves = VALUES["leaves"][: tree["leaves"]]
    tags = b"".join(bytes.fromhex(leaf["tag"]) for leaf in leaves)
    commitments = backend.points_from_compressed(
        bytes.fromhex("".join(leaf["commitment"] for leaf in leaves))
    )
    root = sum_tree.build_tree(backend, [(tags, commitments)], tree["leaves"])
    (expected,) = tree["levels"][-1]
    assert root == SumNode(bytes.fromhex(expected["hash"]), bytes.fromhex(expected["sum"]))


@pytest.mark.parametrize("name", AVAILABLE_BACKENDS)
def test_sealing_gives_the_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The generator shares no code with `prover.commit`."""
    assets = AssetList.of(generate_seal.ASSETS)
    accounts = {
        account: {assets[asset].id: amount for asset, amount in positions}
        for account, positions in generate_seal.ACCOUNTS
    }
    book = write_book(tmp_path / "book", accounts, assets, generate_seal.DOCUMENTS)
    vault = Vault.create(tmp_path / "vault", generate_seal.ISSUER, None)
    key = generate_seal.private_key(generate_seal.ISSUER_SEED)
    (vault.folder / KEY_NAME).write_text(key.export_key(format="PEM", use_pkcs8=True))
    monkeypatch.setattr(SecretStream, "fresh_key", staticmethod(lambda: generate_seal.EPOCH_KEY))
    backend = get_backend(name)
    as_of = datetime.fromisoformat(generate_seal.AS_OF)
    result = seal_book(book, bundle=tmp_path / "bundle", vault=vault, backend=backend, as_of=as_of)
    assert result.digest.hex() == VALUES["book_digest"]
    expected = write_bundle(tmp_path / "expected", {})
    assert {path.name for path in expected.iterdir()} == {p.name for p in (tmp_path / "bundle").iterdir()}
    for path in expected.iterdir():
        assert path.read_bytes() == (tmp_path / "bundle" / path.name).read_bytes(), path.name
    secrets = vault.open_book(result.digest, None)
    for case in OPENING["accepted"]:
        opening = make_opening(secrets, case["opening"]["account"], backend)
        assert opening.to_bytes() == canonical_json(case["opening"]) + b"\n"
