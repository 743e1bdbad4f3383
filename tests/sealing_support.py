"""What the tests of sealing, bundles, openings and commands share: small sealed books, and ways to forge them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from primitives.assets import AssetList
from primitives.attestation import ATTESTATION_NAME, LEAVES_NAME, SIGNATURE_NAME
from primitives.backend import Backend, PointVector
from primitives.backends import BACKEND_NAMES, get_backend
from primitives.errors import BackendUnavailableError
from primitives.opening import Opening
from primitives.parameters import LEAF_BYTES, POINT_BYTES
from primitives.strict_json import canonical_json
from primitives.sum_tree import SumNode, build_tree, split_leaves
from prover.book.store import Book, BookWriter
from prover.commit import SealingResult, seal_book
from prover.issuer import Issuer
from prover.openings import make_opening
from prover.vault import Vault
from verifier.checks import Check, VerificationError

ASSETS: Final = AssetList.of([("BTC", 8), ("ETH", 18), ("USD", 2)])
ACCOUNTS: Final[Mapping[str, Mapping[str, int]]] = {
    "alice": {"BTC": 150_000_000, "USD": 2_500_075},
    "bob": {"BTC": 150_000_000, "USD": 2_500_075},
    "carol": {},
    "dave": {"USD": -77_777_777},
    "Jos\u00e9": {"ETH": 7_000_000_000_000_000_003},
}
"""Two with the same balances, one empty, one in debt, one whose id has two Unicode spellings."""
DOCUMENTS: Final = {"market.json": b'{"BTC":"97000"}', "model.json": b'{"cut":"2/100"}'}
"""Two public documents of one length."""
AS_OF: Final = datetime(2026, 1, 31, tzinfo=UTC)
ISSUER: Final = "Test Exchange"
IDENTITY: Final = bytes([0xC0]) + bytes(47)
ORDER_THREE: Final = bytes([0x80]) + bytes(47)
"""The point (0, 2) of E: order 3, outside G1."""

Change = Callable[[Any], object]
"""Alters a parsed JSON document in place."""


def _available() -> list[str]:
    names = []
    for name in BACKEND_NAMES:
        with contextlib.suppress(BackendUnavailableError):
            names.append(get_backend(name).name)
    return names


AVAILABLE_BACKENDS: Final = _available()
needs_native = pytest.mark.skipif("native" not in AVAILABLE_BACKENDS, reason="native backend not built")


def fastest_backend() -> Backend:
    """The native backend where it is built."""
    return get_backend(AVAILABLE_BACKENDS[0])


def write_book(
    folder: Path,
    accounts: Mapping[str, Mapping[str, int]] = ACCOUNTS,
    assets: AssetList = ASSETS,
    documents: Mapping[str, bytes] = DOCUMENTS,
) -> Book:
    """A book folder of `accounts` (id to asset to base units)."""
    folder.mkdir(mode=0o700)
    writer = BookWriter(folder, assets)
    ids = sorted(accounts, key=lambda name: name.encode())
    rows = [
        (name, *row)
        for name in ids
        for row in sorted((assets.index(a), q) for a, q in accounts[name].items())
    ]
    writer.add_part(
        pa.table({"account": ids, "positions": pa.array([len(accounts[i]) for i in ids], pa.int32())}),
        pa.table(
            {
                "account": pa.array([row[0] for row in rows], pa.string()),
                "asset": pa.array([row[1] for row in rows], pa.int32()),
                "amount": pa.array([row[2] for row in rows], pa.int64()),
            }
        ),
    )
    for name, data in documents.items():
        writer.add_document(name, data)
    writer.finish({"kind": "test"})
    return Book.open(folder)


@dataclass(frozen=True)
class Sealed:
    """A sealed book: ``book``, ``vault`` and ``bundle`` under one folder."""

    folder: Path
    backend: Backend
    result: SealingResult

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def vault(self) -> Vault:
        return Vault.open(self.folder / "vault")

    @property
    def vault_entry(self) -> Path:
        """The secrets of this one book."""
        return self.vault.book_folder(self.result.digest)

    @property
    def issuer(self) -> Issuer:
        return self.vault.issuer(None)

    def opening(self, account: str) -> Opening:
        return make_opening(self.vault.open_book(self.result.digest, None), account, self.backend)

    def copy(self, target: Path) -> Sealed:
        """The same in another place, to be tampered with."""
        shutil.copytree(self.folder, target)
        return Sealed(target, self.backend, self.result)


def seal(
    folder: Path,
    backend: Backend,
    accounts: Mapping[str, Mapping[str, int]] = ACCOUNTS,
    assets: AssetList = ASSETS,
    documents: Mapping[str, bytes] = DOCUMENTS,
    minimum_leaves: int = 2,
) -> Sealed:
    """Make a book, a vault and a bundle under `folder`."""
    folder.mkdir(exist_ok=True)
    book = write_book(folder / "book", accounts, assets, documents)
    vault = Vault.create(folder / "vault", ISSUER, None)
    result = seal_book(
        book,
        bundle=folder / "bundle",
        vault=vault,
        backend=backend,
        as_of=AS_OF,
        minimum_leaves=minimum_leaves,
    )
    return Sealed(folder, backend, result)


@contextlib.contextmanager
def rejected(check: Check, detail: str) -> Iterator[None]:
    """The block must raise a `VerificationError` of `check` whose detail matches the pattern `detail`."""
    with pytest.raises(VerificationError) as caught:
        yield
    assert caught.value.check is check, str(caught.value)
    assert re.search(detail, caught.value.detail), caught.value.detail


def sign(bundle: Path, data: bytes, issuer: Issuer) -> None:
    """Put `data` in place as the attestation, signed by `issuer`, whatever it says."""
    (bundle / ATTESTATION_NAME).write_bytes(data)
    (bundle / SIGNATURE_NAME).write_bytes(issuer.sign(data).hex().encode() + b"\n")


def resign(bundle: Path, issuer: Issuer, change: Change = lambda document: None) -> None:
    """Alter the attestation and sign it anew."""
    document = json.loads((bundle / ATTESTATION_NAME).read_bytes())
    change(document)
    sign(bundle, canonical_json(document), issuer)


def describe_files_anew(bundle: Path) -> Change:
    """Lengths and digests of the bundle's files as they are now, those of the leaves in the book as well."""

    def change(document: Any) -> None:
        for entry in document["files"]:
            data = (bundle / entry["name"]).read_bytes()
            entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            if entry["name"] == LEAVES_NAME:
                document["book"]["leaves"]["sha256"] = entry["sha256"]

    return change


def state_root_anew(bundle: Path, backend: Backend) -> Change:
    """The root over the leaves as they are now."""

    def change(document: Any) -> None:
        root = root_of((bundle / LEAVES_NAME).read_bytes(), backend)
        document["book"]["root"] = {"hash": root.hash.hex(), "sum": root.sum.hex()}

    return change


def root_of(leaves: bytes, backend: Backend) -> SumNode:
    tags, commitments = split_leaves(leaves)
    return build_tree(
        backend, [(tags, backend.points_from_compressed(commitments))], len(leaves) // LEAF_BYTES
    )


def read_leaves(bundle: Path) -> list[bytes]:
    data = (bundle / LEAVES_NAME).read_bytes()
    return [data[i : i + LEAF_BYTES] for i in range(0, len(data), LEAF_BYTES)]


def write_leaves(bundle: Path, leaves: list[bytes]) -> None:
    (bundle / LEAVES_NAME).write_bytes(b"".join(leaves))


def tag_of(leaf: bytes) -> bytes:
    return leaf[:-POINT_BYTES]


def point_of(leaf: bytes) -> bytes:
    return leaf[-POINT_BYTES:]


def point(backend: Backend, data: bytes) -> PointVector:
    return backend.points_from_compressed(data)


def negated(backend: Backend, data: bytes) -> bytes:
    return point(backend, data).negate().to_compressed()


def plus(backend: Backend, first: bytes, second: bytes) -> bytes:
    return point(backend, first).add(point(backend, second)).to_compressed()
