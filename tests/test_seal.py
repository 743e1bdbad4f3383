"""Sealing: what comes out, what stays secret, and what a run that dies leaves behind."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from sealing_support import (
    ACCOUNTS,
    AS_OF,
    ASSETS,
    AVAILABLE_BACKENDS,
    DOCUMENTS,
    ISSUER,
    Sealed,
    needs_native,
    read_leaves,
    resign,
    seal,
    tag_of,
    write_book,
)

from primitives import sum_tree
from primitives.account_tag import account_tag
from primitives.assets import AssetList
from primitives.attestation import ATTESTATION_NAME, LEAVES_NAME, SIGNATURE_NAME, Attestation
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.generators import Generators
from primitives.opening import Opening
from primitives.parameters import MAX_TREE_HEIGHT
from prover import bundle as bundle_module
from prover import commit, publication
from prover.book import atomic
from prover.book.store import AccountBatch, Book
from prover.bundle import add_documents
from prover.commit import padded_leaf_count, seal_book
from prover.errors import ProverError, PublicationError, VaultError
from prover.openings import make_all_openings, make_opening
from prover.randomness import SecretStream
from prover.vault import Vault
from verifier.bundle import verify_bundle
from verifier.opening import TrustedRoot, verify_opening_against_root

SCRIPT: Final = Path(__file__).parent / "seal_interrupted.py"
LIMITS: Final = np.iinfo(np.int64)


def accepted(sealed: Sealed, opening: Opening) -> dict[str, int]:
    """The positions of an opening that its holder accepts."""
    trusted = TrustedRoot(book_digest=sealed.result.digest)
    data, account = opening.to_bytes(), opening.account
    verified = verify_opening_against_root(data, account, trusted, sealed.backend)
    return {position.asset.id: position.amount for position in verified.opening.positions}


def verify(sealed: Sealed) -> None:
    verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)


def seal_again(sealed: Sealed, **arguments: object) -> Sealed:
    """Seal the same book once more, into the same bundle and vault."""
    result = seal_book(
        Book.open(sealed.folder / "book"),
        bundle=sealed.bundle,
        vault=sealed.vault,
        backend=sealed.backend,
        **arguments,  # type: ignore[arg-type]
    )
    return Sealed(sealed.folder, sealed.backend, result)


# What comes out


@pytest.mark.parametrize(
    ("accounts", "minimum", "leaves"),
    [
        (1, 2, 2), (2, 2, 2), (3, 2, 4), (4, 2, 4), (5, 2, 8), (8, 2, 8), (9, 2, 16), (1, 3, 4), (5, 8, 8),
        (5, 9, 16), ((1 << 20) + 1, 2, 1 << 21), (1 << MAX_TREE_HEIGHT, 2, 1 << MAX_TREE_HEIGHT),
    ],
)  # fmt: skip
def test_the_number_of_leaves_is_padded_to_a_power_of_two(accounts: int, minimum: int, leaves: int) -> None:
    assert padded_leaf_count(accounts, minimum) == leaves


def test_more_leaves_than_a_tree_can_have_are_refused() -> None:
    with pytest.raises(ProverError, match=r"more than 2\^32 leaves"):
        padded_leaf_count((1 << MAX_TREE_HEIGHT) + 1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_books_of_every_size(tmp_path: Path, count: int) -> None:
    accounts = {f"account-{i}": {"USD": i + 1} for i in range(count)}
    sealed = seal(tmp_path / "made", get_backend(AVAILABLE_BACKENDS[0]), accounts)
    assert sealed.result.book.leaf_count == padded_leaf_count(count)
    assert sealed.result.account_count == count
    verify(sealed)
    for account, positions in accounts.items():
        assert accepted(sealed, sealed.opening(account)) == positions


def test_padding_to_a_chosen_number_hides_how_many_there_are(tmp_path: Path) -> None:
    sealed = seal(tmp_path / "made", get_backend(AVAILABLE_BACKENDS[0]), {"a": {"USD": 1}}, minimum_leaves=33)
    assert sealed.result.book.leaf_count == 64
    verify(sealed)


def test_the_attestation_says_what_was_sealed(sealed: Sealed) -> None:
    book = sealed.result.book
    assert (book.issuer, book.public_key, book.as_of) == (ISSUER, sealed.issuer.public_key, AS_OF)
    assert book.assets == ASSETS.assets
    document = json.loads((sealed.bundle / ATTESTATION_NAME).read_bytes())
    assert [entry["name"] for entry in document["files"]] == [LEAVES_NAME, *sorted(DOCUMENTS)]
    for name, data in DOCUMENTS.items():
        assert (sealed.bundle / name).read_bytes() == data


def test_the_time_is_utc_in_whole_seconds(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    moment = datetime.fromisoformat("2026-03-01T01:02:03.999999+05:30")
    again = seal_again(copy, as_of=moment)
    assert again.result.book.as_of == datetime(2026, 2, 28, 19, 32, 3, tzinfo=UTC)
    verify(again)


def test_years_with_leading_zeros_are_read_back(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    again = seal_again(copy, as_of=datetime(33, 4, 3, tzinfo=UTC))
    assert b'"as_of":"0033-04-03T00:00:00Z"' in (again.bundle / ATTESTATION_NAME).read_bytes()
    verify(again)


@pytest.mark.parametrize("amount", [LIMITS.max, -LIMITS.max, 1, -1, 1 << 62, -(1 << 32)])
def test_amounts_of_every_size(tmp_path: Path, backend: Backend, amount: int) -> None:
    sealed = seal(tmp_path / "made", backend, {"a": {"BTC": amount, "USD": -amount}, "b": {"BTC": amount}})
    verify(sealed)
    assert accepted(sealed, sealed.opening("a")) == {"BTC": amount, "USD": -amount}


def test_a_book_of_empty_accounts(tmp_path: Path, backend: Backend) -> None:
    sealed = seal(tmp_path / "made", backend, {"a": {}, "b": {}, "c": {}})
    verify(sealed)
    assert accepted(sealed, sealed.opening("b")) == {}


def test_leaves_are_a_permutation_of_accounts_and_padding(sealed: Sealed) -> None:
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    placed = dict(secrets.accounts())
    assert sorted(placed) == sorted(ACCOUNTS)
    assert len(set(placed.values())) == len(ACCOUNTS)
    assert all(secrets.find_leaf(account) == leaf for account, leaf in placed.items())
    assert secrets.find_leaf("nobody") is None
    padding = [leaf for leaf in range(8) if secrets.account_at(leaf) is None]
    assert sorted([*placed.values(), *padding]) == list(range(8))


def test_padding_leaves_open_to_nothing(sealed: Sealed) -> None:
    """C = rho H with a tag of the empty id: a zero account like any other."""
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    blinding = Generators(sealed.backend).blinding()
    leaves = read_leaves(sealed.bundle)
    for leaf in (u for u in range(8) if secrets.account_at(u) is None):
        rho = secrets.leaf_blindings(sealed.backend, leaf, leaf + 1)
        tag = account_tag(secrets.leaf_salts(leaf, leaf + 1), "")
        assert leaves[leaf] == tag + blinding.scale(rho).to_compressed()
        assert len(secrets.rows(leaf, leaf + 1).amounts) == 0


def test_the_order_depends_on_the_key_and_covers_every_leaf() -> None:
    orders = [SecretStream(bytes([key]) * 32).leaf_order(64) for key in range(3)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(64))
        assert order.tolist() != list(range(64))
    assert len({tuple(order.tolist()) for order in orders}) == 3


def test_many_leaves_are_committed_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "CHUNK_HEIGHT", 2)
    monkeypatch.setattr(sum_tree, "CHUNK_HEIGHT", 2)
    monkeypatch.setattr(commit, "_BATCH_ACCOUNTS", 3)
    accounts = {f"account-{i:02}": {"USD": i, "BTC": -i} if i else {} for i in range(20)}
    sealed = seal(tmp_path / "made", get_backend(AVAILABLE_BACKENDS[0]), accounts)
    monkeypatch.undo()
    verify(sealed)
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    for opening in make_all_openings(secrets, sealed.backend):
        assert accepted(sealed, opening) == accounts[opening.account]


# Unlinkable


def test_the_same_book_sealed_twice_has_nothing_in_common(sealed: Sealed, tmp_path: Path) -> None:
    again = seal_again(sealed.copy(tmp_path / "copy"), as_of=AS_OF)
    first, second = read_leaves(sealed.bundle), read_leaves(again.bundle)
    assert not {tag_of(leaf) for leaf in first} & {tag_of(leaf) for leaf in second}
    assert not {leaf[32:] for leaf in first} & {leaf[32:] for leaf in second}
    for account in ACCOUNTS:
        one, other = sealed.opening(account), again.opening(account)
        assert one.positions == other.positions
        assert one.salt != other.salt
        assert one.blinding != other.blinding
    assert sealed.result.digest != again.result.digest


def test_a_vault_keeps_the_secrets_of_every_book(sealed_once: Sealed, tmp_path: Path) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    again = seal_again(copy)
    for made in (copy, again):
        assert accepted(made, made.opening("alice")) == ACCOUNTS["alice"]


def test_all_blindings_and_salts_of_a_book_differ(sealed: Sealed) -> None:
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    assert len(set(secrets.leaf_blindings(sealed.backend, 0, 8).to_ints())) == 8
    salts = secrets.leaf_salts(0, 8)
    assert len({salts[i : i + 32] for i in range(0, len(salts), 32)}) == 8


def test_any_range_of_a_stream_is_derived_alike() -> None:
    stream = SecretStream(bytes(range(32)))
    whole = stream.expand(b"purpose", 0, 3000, 8)
    for start, stop in ((0, 1), (1023, 1025), (1024, 2048), (2999, 3000), (5, 5), (0, 3000)):
        assert stream.expand(b"purpose", start, stop, 8) == whole[8 * start : 8 * stop]
    assert stream.expand(b"other", 0, 10, 8) != whole[:80]
    assert SecretStream(bytes(32)).expand(b"purpose", 0, 10, 8) != whole[:80]
    for start, stop in ((-1, 1), (2, 1)):
        with pytest.raises(ValueError, match="range is not"):
            stream.expand(b"purpose", start, stop, 8)
    with pytest.raises(ValueError, match="key has 31 bytes"):
        SecretStream(bytes(31))


@needs_native
def test_both_backends_seal_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SecretStream, "fresh_key", staticmethod(lambda: bytes(range(32))))
    first = seal(tmp_path / "native", get_backend("native"))
    other = tmp_path / "reference"
    other.mkdir()
    for name in ("book", "vault"):
        shutil.copytree(first.folder / name, other / name)
    shutil.rmtree(first.vault.books_folder / first.result.digest.hex(), ignore_errors=False)
    shutil.rmtree(other / "vault" / "books")
    second = seal_again(Sealed(other, get_backend("reference"), first.result), as_of=AS_OF)
    assert second.result.digest == first.result.digest
    for path in first.bundle.iterdir():
        assert path.read_bytes() == (second.bundle / path.name).read_bytes(), path.name
    verify_bundle(first.bundle, get_backend("reference"), issuer_key=None)


# Secret


def test_everything_in_the_vault_is_private_and_everything_in_the_bundle_public(sealed_once: Sealed) -> None:
    paths = [sealed_once.vault.folder, *sealed_once.vault.folder.rglob("*")]
    for path in paths:
        expected = 0o700 if path.is_dir() else 0o644 if path.name == "issuer.pub" else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    for path in [sealed_once.bundle, *sealed_once.bundle.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        sealed = seal(tmp_path / "made", get_backend(AVAILABLE_BACKENDS[0]))
    finally:
        os.umask(before)
    test_everything_in_the_vault_is_private_and_everything_in_the_bundle_public(sealed)


def forms(secret: bytes) -> Iterable[bytes]:
    """A secret as it may stand in a file: raw, hexadecimal, base64 at every offset, decimal."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        # The middle of the base64 text does not depend on what stands before and after.
        text = base64.b64encode(bytes(shift) + secret)[4 : -4 if (shift + len(secret)) % 3 else None]
        if len(text) > 8:
            yield text
    yield str(int.from_bytes(secret, "big")).encode()
    yield str(int.from_bytes(secret, "little")).encode()


def test_nothing_of_the_vault_or_the_book_is_in_the_bundle(tmp_path: Path) -> None:
    accounts = {
        f"holder-{name}-{number}": {"BTC": 918_273_645_546_372 + number, "USD": -817_263_540_918_273 - number}
        for number, name in enumerate(("anna", "berta", "caesar"))
    }
    sealed = seal(tmp_path / "made", get_backend(AVAILABLE_BACKENDS[0]), accounts)
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    amounts = [amount for positions in accounts.values() for amount in positions.values()]
    count = sealed.result.book.leaf_count
    salts = secrets.leaf_salts(0, count)
    blindings = secrets.leaf_blindings(sealed.backend, 0, count).to_ints()
    epoch_key = bytes.fromhex(json.loads((sealed.vault_entry / "epoch.key").read_bytes())["data"])
    seed = sealed.issuer._private_key.seed
    needles = [
        *(form for account in accounts for form in forms(account.encode())),
        *(form for i in range(count) for form in forms(salts[32 * i : 32 * i + 32])),
        *(form for rho in blindings for form in forms(rho.to_bytes(32, "big"))),
        *(form for rho in blindings for form in forms(rho.to_bytes(32, "little"))),
        *forms(epoch_key),
        *forms(seed),
        *(str(abs(amount)).encode() for amount in amounts),
        *(f"{abs(amount):x}".encode() for amount in amounts),
        *(amount.to_bytes(8, order, signed=True) for amount in amounts for order in ("little", "big")),
        str(sealed.folder / "vault").encode(),
        str(sealed.folder).encode(),
    ]
    assert all(len(needle) >= 8 for needle in needles)
    public = b"".join(path.read_bytes() for path in sorted(sealed.bundle.rglob("*")) if path.is_file())
    assert [needle for needle in needles if needle in public] == []
    # The search finds what is there.
    private = b"".join(path.read_bytes() for path in sorted(sealed.vault_entry.iterdir()))
    found = {needle for needle in needles if needle in private}
    assert {*(account.encode() for account in accounts), epoch_key.hex().encode()} <= found
    assert {amount.to_bytes(8, "little", signed=True) for amount in amounts} <= found
    # The number of real accounts is not there either: only the padded one is.
    document = json.loads((sealed.bundle / ATTESTATION_NAME).read_bytes())
    assert document["book"]["leaves"]["count"] == 4
    assert set(document["book"]) == {"format", "issuer", "as_of", "assets", "leaves", "root"}


def test_results_and_secrets_show_nothing_in_their_repr(sealed_once: Sealed) -> None:
    opening = sealed_once.opening("alice")
    secrets = sealed_once.vault.open_book(sealed_once.result.digest, None)
    shown = f"{opening!r} {secrets!r} {secrets.secrets!r} {sealed_once.result!r} {sealed_once.issuer!r}"
    shown += repr(secrets.entries)
    for secret in (
        "alice",
        "150000000",
        opening.salt.hex(),
        str(opening.blinding),
        "account_count",
        "_private",
    ):
        assert secret not in shown
    for position in opening.positions:
        assert str(position.amount) not in shown


# Places


@pytest.mark.parametrize(
    ("bundle", "vault"), [("x/b", "x"), ("x", "x/v"), ("x", "x"), ("x/a/../b", "x/a/..")]
)
def test_bundle_and_vault_lie_apart(tmp_path: Path, sealed_once: Sealed, bundle: str, vault: str) -> None:
    book = write_book(tmp_path / "book")
    (tmp_path / "x" / "a").mkdir(parents=True)
    shutil.copytree(sealed_once.folder / "vault", tmp_path / vault, dirs_exist_ok=True)
    with pytest.raises(ProverError, match="must not lie inside one another"):
        seal_book(
            book, bundle=tmp_path / bundle, vault=Vault.open(tmp_path / vault), backend=sealed_once.backend
        )


def test_links_do_not_hide_that_they_lie_inside_one_another(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    (tmp_path / "link").symlink_to(copy.vault.folder)
    book = write_book(tmp_path / "book")
    with pytest.raises(ProverError, match="must not lie inside one another"):
        seal_book(book, bundle=tmp_path / "link" / "b", vault=copy.vault, backend=copy.backend)


def test_a_vault_is_not_made_inside_a_bundle(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    (tmp_path / "link").symlink_to(copy.bundle)
    for place in (copy.bundle / "vault", copy.bundle / "a" / "b", tmp_path / "link" / "vault"):
        with pytest.raises(VaultError, match=r"lies inside the bundle .*, which is public"):
            Vault.create(place, ISSUER, None)
    verify(copy)


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    file = tmp_path / "file"
    file.write_text("x")
    link = tmp_path / "link"
    link.symlink_to(copy.bundle)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    book = write_book(tmp_path / "book")
    for place in (foreign, file, link, dangling):
        with pytest.raises(PublicationError, match="is not something this command wrote"):
            seal_book(book, bundle=place, vault=copy.vault, backend=copy.backend)
    assert (foreign / "thesis.txt").read_text() == "years of work"
    assert link.is_symlink()
    verify(copy)


def test_a_folder_that_appears_meanwhile_is_not_replaced(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    place = tmp_path / "place"

    def interfere(stage: str, done: int, total: int) -> None:
        place.mkdir(exist_ok=True)
        (place / "thesis.txt").write_text("years of work")

    with pytest.raises(PublicationError, match="is not something this command wrote"):
        seal_book(
            write_book(tmp_path / "book"),
            bundle=place,
            vault=copy.vault,
            backend=copy.backend,
            progress=interfere,
        )
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_and_an_old_bundle_are_replaced(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    (copy.bundle / "proofs").mkdir()
    again = seal_again(copy)
    verify(again)
    assert not (again.bundle / "proofs").exists()
    shutil.rmtree(copy.bundle)
    copy.bundle.mkdir()
    verify(seal_again(copy))


def test_missing_folders_on_the_way_are_made(tmp_path: Path, sealed_once: Sealed) -> None:
    place = tmp_path / "a" / "b" / "bundle"
    copy = sealed_once.copy(tmp_path / "copy")
    seal_book(write_book(tmp_path / "book"), bundle=place, vault=copy.vault, backend=copy.backend)
    verify_bundle(place, copy.backend, issuer_key=None)


@pytest.mark.parametrize("name", [LEAVES_NAME, ATTESTATION_NAME, SIGNATURE_NAME])
def test_a_document_does_not_take_the_place_of_the_bundles_own_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(PublicationError, match=f"a public document cannot be called {name}"):
        seal(tmp_path / "made", get_backend(AVAILABLE_BACKENDS[0]), documents={name: b"{}"})
    assert not (tmp_path / "made" / "bundle").exists()


def test_a_document_that_vanishes_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PublicationError, match=r"cannot copy the public document .*: No such file"):
        add_documents(tmp_path, {"market.json": tmp_path / "nowhere"})


def test_what_verifiers_could_not_read_is_not_signed(
    tmp_path: Path, sealed_once: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    monkeypatch.setattr(bundle_module, "sorted_files", lambda files: tuple(reversed(files)))
    with pytest.raises(PublicationError, match="would not be well-formed"):
        seal_again(copy)
    verify(copy)


def test_what_would_be_read_otherwise_is_not_signed(
    tmp_path: Path, sealed_once: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    other = Attestation.parse((copy.bundle / ATTESTATION_NAME).read_bytes())
    with monkeypatch.context() as patched:
        patched.setattr(Attestation, "parse", staticmethod(lambda data: other))
        with pytest.raises(PublicationError, match="would not be read as it was written"):
            seal_again(copy)
    verify(copy)


class ClaimingBook(Book):
    """A book whose batches are not what it says: one that reads itself more carelessly than ours does."""

    def iter_batches(self, max_accounts: int) -> Iterator[AccountBatch]:
        batches = list(super().iter_batches(max_accounts))
        self.account_count = self.claimed  # type: ignore[attr-defined]
        yield from batches


@pytest.mark.parametrize(
    ("claimed", "detail"), [(6, "the book holds 5 accounts but says 6"), (4, "5 accounts but says 4")]
)
def test_a_book_that_holds_more_or_less_than_it_says(
    tmp_path: Path, sealed_once: Sealed, claimed: int, detail: str
) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    book = ClaimingBook.open(copy.folder / "book")
    book.claimed = claimed  # type: ignore[attr-defined]
    with pytest.raises(ProverError, match=detail):
        seal_book(book, bundle=copy.bundle, vault=copy.vault, backend=copy.backend)
    assert whole(copy) == sealed_once.result.digest


def test_a_book_with_more_accounts_than_leaves(tmp_path: Path, sealed_once: Sealed) -> None:
    class Overfull(Book):
        def iter_batches(self, max_accounts: int) -> Iterator[AccountBatch]:
            yield from list(super().iter_batches(max_accounts)) * 2

    copy = sealed_once.copy(tmp_path / "copy")
    book = Overfull.open(copy.folder / "book")
    with pytest.raises(ProverError, match="the book holds more accounts than it says"):
        seal_book(book, bundle=copy.bundle, vault=copy.vault, backend=copy.backend)


def test_entries_of_another_type_are_refused(tmp_path: Path, sealed_once: Sealed) -> None:
    """They would be written under a header that says otherwise."""

    class Wide(Book):
        def iter_batches(self, max_accounts: int) -> Iterator[AccountBatch]:
            for batch in super().iter_batches(max_accounts):
                yield replace(batch, columns=batch.columns.astype(np.int64))

    copy = sealed_once.copy(tmp_path / "copy")
    book = Wide.open(copy.folder / "book")
    with pytest.raises(TypeError, match="values are int64, expected int32"):
        seal_book(book, bundle=copy.bundle, vault=copy.vault, backend=copy.backend)
    assert leftovers(copy) == []


# A damaged vault


def damage(path: Path, offset: int, mask: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= mask
    path.write_bytes(data)


VAULT_FILES: Final = [
    "book.json", "epoch.key", "accounts.sqlite", "tree.bin",
    "entry_start.npy", "entry_count.npy", "columns.npy", "amounts.npy",
]  # fmt: skip


@pytest.mark.parametrize("name", VAULT_FILES)
def test_a_damaged_vault_gives_no_wrong_opening(tampered_once: Sealed, name: str) -> None:
    """Flipped bytes: either a `VaultError`, or an opening that its holder accepts."""
    path = tampered_once.vault_entry / name
    honest = path.read_bytes()
    noticed = 0
    samples = 100 if tampered_once.backend.name == "native" else 20
    offsets = range(0, len(honest), max(1, len(honest) // samples))
    for offset in offsets:
        damage(path, offset, 0x11)
        try:
            opening = tampered_once.opening("alice")
        except VaultError:
            noticed += 1
        else:
            assert accepted(tampered_once, opening) == ACCOUNTS["alice"], f"{name}, byte {offset}"
        path.write_bytes(honest)
    assert noticed > 0


@pytest.mark.parametrize("name", VAULT_FILES)
def test_cut_and_missing_files_of_a_vault_are_reported(tampered_once: Sealed, name: str) -> None:
    path = tampered_once.vault_entry / name
    honest = path.read_bytes()
    for length in (0, 1, len(honest) // 2):
        path.write_bytes(honest[:length])
        with pytest.raises(VaultError):
            [tampered_once.opening(account) for account in ACCOUNTS]
    path.unlink()
    with pytest.raises(VaultError):
        tampered_once.opening("alice")


def test_swapped_leaves_in_the_account_index_are_noticed(tampered_once: Sealed) -> None:
    """Balances are equal and both leaves sound: only the tag tells."""
    import sqlite3

    secrets = tampered_once.vault.open_book(tampered_once.result.digest, None)
    alice, bob = secrets.find_leaf("alice"), secrets.find_leaf("bob")
    connection = sqlite3.connect(tampered_once.vault_entry / "accounts.sqlite")
    for leaf, account in ((100, "alice"), (alice, "bob"), (bob, "alice")):
        connection.execute("UPDATE accounts SET leaf = ? WHERE id = ?", (leaf, account))
    connection.commit()
    connection.close()
    with pytest.raises(VaultError, match="does not lead to the root of the book"):
        tampered_once.opening("alice")


def test_a_leaf_that_the_book_does_not_have_is_noticed(tampered_once: Sealed) -> None:
    import sqlite3

    connection = sqlite3.connect(tampered_once.vault_entry / "accounts.sqlite")
    connection.execute("UPDATE accounts SET leaf = 8 WHERE id = 'alice'")
    connection.commit()
    connection.close()
    with pytest.raises(VaultError, match="names a leaf that the book does not have"):
        tampered_once.opening("alice")


def test_an_asset_that_the_book_does_not_have_is_noticed(tampered_once: Sealed) -> None:
    path = tampered_once.vault_entry / "columns.npy"
    columns = np.load(path)
    for value in (len(ASSETS), -1):
        columns[:] = value
        np.save(path, columns)
        with pytest.raises(VaultError, match="holds an asset that the book does not have"):
            tampered_once.opening("alice")


@pytest.mark.parametrize(
    ("name", "change", "detail"),
    [
        (
            "amounts",
            lambda array: array.astype(np.int32),
            "amounts.npy is damaged: not a one-dimensional array",
        ),
        ("columns", lambda array: array.astype(">i4"), "columns.npy is damaged: not a one-dimensional array"),
        (
            "columns",
            lambda array: array.reshape(1, -1),
            "columns.npy is damaged: not a one-dimensional array",
        ),
        ("amounts", lambda array: array[:-1], "do not fit each other"),
        ("entry_count", lambda array: array[:-1], "do not fit each other"),
        ("entry_start", lambda array: array + 1000, "do not hold the entries of every leaf"),
        ("entry_start", lambda array: array - 1000, "do not hold the entries of every leaf"),
        ("entry_count", lambda array: array - 1000, "do not hold the entries of every leaf"),
        ("entry_count", lambda array: array + 1000, "do not hold the entries of every leaf"),
    ],
)
def test_entry_arrays_that_do_not_fit_are_noticed(
    tampered_once: Sealed,
    name: str,
    change: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    detail: str,
) -> None:
    path = tampered_once.vault_entry / f"{name}.npy"
    np.save(path, change(np.load(path)))
    with pytest.raises(VaultError, match=detail):
        tampered_once.opening("alice")


def test_an_array_file_of_another_kind_is_noticed(tampered_once: Sealed) -> None:
    """An archive of arrays under the name of one."""
    path = tampered_once.vault_entry / "amounts.npy"
    np.savez(path.with_name("x.npz"), a=np.zeros(3))
    path.with_name("x.npz").rename(path)
    with pytest.raises(VaultError, match=r"amounts\.npy is damaged"):
        tampered_once.opening("alice")


def test_a_stored_tree_that_is_cut_or_missing_is_named(tampered_once: Sealed) -> None:
    secrets = tampered_once.vault.open_book(tampered_once.result.digest, None)
    leaves = read_leaves(tampered_once.bundle)
    assert secrets.leaf_commitments(2, 5) == b"".join(leaf[32:] for leaf in leaves[2:5])
    path = tampered_once.vault_entry / "tree.bin"
    reads: list[Callable[[], object]] = [
        lambda: secrets.leaf_commitments(0, 8), lambda: secrets.path(0), lambda: secrets.leaf_node(7),
    ]  # fmt: skip
    os.truncate(path, 8 * 80 - 1)
    for read in reads:
        with pytest.raises(VaultError, match=r"tree\.bin (is too short|cannot be read)"):
            read()
    path.unlink()
    for read in reads:
        with pytest.raises(VaultError, match=r"tree\.bin cannot be read: .*No such file"):
            read()


def test_a_vault_folder_of_another_book_is_noticed(tampered_once: Sealed) -> None:
    entry = tampered_once.vault_entry
    other = entry.with_name("00" * 32)
    entry.rename(other)
    with pytest.raises(VaultError, match="describes another book than its folder is named after"):
        tampered_once.vault.open_book(bytes(32), None)
    with pytest.raises(VaultError, match="has no book"):
        tampered_once.opening("alice")


def test_an_unknown_account_is_named(sealed_once: Sealed) -> None:
    secrets = sealed_once.vault.open_book(sealed_once.result.digest, None)
    with pytest.raises(VaultError, match="the book has no account 'Alice'"):
        make_opening(secrets, "Alice", sealed_once.backend)


def test_an_account_named_twice_is_refused(tmp_path: Path) -> None:
    """The reader of books refuses it first; the vault does not rely on that."""
    from prover.vault import AccountIndexWriter

    with AccountIndexWriter(tmp_path) as writer:
        writer.add(["a", "b"], np.array([0, 1]))
        writer.add(["a"], np.array([2]))
        with pytest.raises(VaultError, match="names one account twice"):
            writer.finish()


# Runs that die


def run_script(mode: str, folders: Iterable[Path]) -> tuple[list[int], str]:
    """Exit codes (negative: signals) of the runs in `seal_interrupted.py`, and what they said."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), mode, AVAILABLE_BACKENDS[0], *map(str, folders)],
        capture_output=True,
        text=True,
        check=False,
        cwd=SCRIPT.parent.parent,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)},
    )
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout)
    return codes, done.stderr


def leftovers(sealed: Sealed) -> list[Path]:
    """Hidden build folders beside the bundle and inside the vault."""
    return [*sealed.folder.glob(".*"), *sealed.vault.books_folder.glob(".*")]


def whole(sealed: Sealed) -> bytes:
    """The digest of the bundle, which is sound and whose secrets the vault has."""
    verified = verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)
    digest = verified.attestation.book.digest()
    secrets = sealed.vault.open_book(digest, None)
    make_opening(secrets, "alice", sealed.backend)
    return digest


def test_a_killed_run_leaves_the_old_bundle_or_the_new_one(sealed_once: Sealed, tmp_path: Path) -> None:
    # A run has about 135 events; the bundle is put in place near number 123, and the last one is never seen.
    events = [*range(1, 80, 6), *range(80, 118, 3), *range(118, 136), 100_000]
    copies = [sealed_once.copy(tmp_path / str(event)) for event in events]
    codes, _ = run_script("killed", [copy.folder for copy in copies])
    assert set(codes) <= {-9, 0}
    stopped = [copy for copy, code in zip(copies, codes, strict=True) if code == -9]
    assert len(stopped) > 10
    assert 0 in codes
    digests = [whole(copy) for copy in copies]
    old = [digest == sealed_once.result.digest for digest in digests]
    assert any(leftovers(copy) for copy in stopped)
    assert any(old)
    assert not all(old)
    # The next run cleans up after the killed one.
    for copy in stopped[:: max(1, len(stopped) // 8)]:
        whole(seal_again(copy))
        assert leftovers(copy) == []


def test_a_full_disk_leaves_the_old_bundle_and_says_so(sealed_once: Sealed, tmp_path: Path) -> None:
    limits = [0, 1, 40, 100, 130, 140, 150, 200, 400, 600, 639, 700, 900, 1000, 1200, 4096, 8192, 12_287]
    copies = [sealed_once.copy(tmp_path / str(limit)) for limit in limits]
    codes, said = run_script("limited", [copy.folder for copy in copies])
    assert codes == [3] * len(limits), said
    for line in said.splitlines():
        assert line.startswith("cannot write "), line
    for copy in copies:
        assert whole(copy) == sealed_once.result.digest
        assert leftovers(copy) == []
        assert len(list(copy.vault.books_folder.iterdir())) == 1


def test_two_runs_at_once_do_not_mix(sealed_once: Sealed, tmp_path: Path) -> None:
    copies = [sealed_once.copy(tmp_path / str(number)) for number in range(4)]
    for copy in copies[2:]:
        shutil.rmtree(copy.bundle)
    codes, said = run_script("together", [copy.folder for copy in copies])
    assert set(codes) <= {0, 3}, said
    for number, copy in enumerate(copies):
        if 0 in codes[2 * number : 2 * number + 2]:
            assert whole(copy) != sealed_once.result.digest
        assert leftovers(copy) == []


def test_an_error_in_the_middle_leaves_nothing_behind(
    sealed_once: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = sealed_once.copy(tmp_path / "copy")

    def interrupt(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seal_again(copy, progress=interrupt)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for module, name in ((atomic, "put_in_place"), (publication, "_make_public")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, refuse)
            with pytest.raises(
                PublicationError, match=r"No space left .* what was there before is untouched"
            ):
                seal_again(copy)
    assert whole(copy) == sealed_once.result.digest
    assert leftovers(copy) == []


def test_resigning_without_a_change_changes_nothing(tampered_once: Sealed) -> None:
    """Ed25519 signatures are deterministic: what the forgeries in the tests rely on."""
    before = (tampered_once.bundle / SIGNATURE_NAME).read_bytes()
    resign(tampered_once.bundle, tampered_once.issuer)
    assert (tampered_once.bundle / SIGNATURE_NAME).read_bytes() == before


def test_an_asset_list_of_the_largest_size_is_read_back(tmp_path: Path) -> None:
    assets = AssetList.of([(f"A{i}", i % 19) for i in range(300)])
    accounts = {"a": {f"A{i}": i + 1 for i in range(300)}, "b": {"A299": 1}}
    sealed = seal(tmp_path / "made", get_backend(AVAILABLE_BACKENDS[0]), accounts, assets)
    verify(sealed)
    assert accepted(sealed, sealed.opening("a")) == accounts["a"]
