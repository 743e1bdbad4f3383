"""Updating sealed books: what changed opens to what is new, what did not stays as it was, no secret serves twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sealing_support import (
    ACCOUNTS,
    ASSETS,
    AVAILABLE_BACKENDS,
    Sealed,
    point_of,
    read_leaves,
    rejected,
    root_of,
    seal,
    tag_of,
    write_book,
)
from solvency_support import NON_NEGATIVE, prove_accounts, reserves_document
from solvency_support import prove as prove_reserves
from update_support import CHANGES, Updated, changes_book, later, update

from primitives.account_tag import account_tag
from primitives.assets import AssetList
from primitives.attestation import ATTESTATION_NAME, LEAVES_NAME, Attestation, Predecessor, UpdateForm
from primitives.backend import Backend
from primitives.parameters import NODE_BYTES
from primitives.sum_tree import IdentitySumError, build_tree, split_leaves
from prover import leaf_secrets, resealing, tree_update
from prover import update as update_module
from prover.book import atomic
from prover.book_changes import BookChanges
from prover.certificate import make_certificate
from prover.commit import seal_book
from prover.errors import ProverError, PublicationError, VaultError
from prover.leaf_secrets import LeafOrigins, LeafSecrets
from prover.openings import make_all_openings, make_opening
from prover.prove_book import only_run
from prover.randomness import BLOCK, SecretStream
from prover.tree_update import TreeUpdate
from prover.vault import Vault
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.certificate import verify_certificate_in_bundle
from verifier.checks import Check
from verifier.findings import Level
from verifier.opening import TrustedRoot, verify_opening_against_root, verify_opening_in_bundle
from verifier.report import bundle_report

SCRIPT = Path(__file__).parent / "seal_interrupted.py"
FORMS = list(UpdateForm)
MERGED = {**ACCOUNTS, **CHANGES}


@pytest.fixture
def old(sealed_once: Sealed, tmp_path: Path) -> Sealed:
    """A sealed book of five accounts and eight leaves, to update."""
    return sealed_once.copy(tmp_path / "copy")


def verify(updated: Sealed, previous: Sealed | None = None) -> VerifiedBundle:
    key = updated.issuer.public_key
    folder = None if previous is None else previous.bundle
    return verify_bundle(updated.bundle, updated.backend, issuer_key=key, previous=folder)


def positions(updated: Sealed, account: str) -> dict[str, int]:
    """What the holder of an account finds in the new bundle."""
    data = updated.opening(account).to_bytes()
    verified = verify_opening_in_bundle(
        data, account, updated.bundle, updated.backend, issuer_key=updated.issuer.public_key
    )
    return {position.asset.id: position.amount for position in verified.opening.positions}


def secrets_of(sealed: Sealed) -> list[tuple[int, bytes]]:
    """Blinding and salt of every leaf."""
    book = sealed.vault.open_book(sealed.result.digest, None)
    count = book.book.leaf_count
    salts = book.leaf_salts(0, count)
    blindings = book.leaf_blindings(sealed.backend, 0, count).to_ints()
    return [(rho, salts[32 * u : 32 * u + 32]) for u, rho in enumerate(blindings)]


def differing(old: Sealed, new: Sealed) -> list[int]:
    pairs = enumerate(zip(read_leaves(old.bundle), read_leaves(new.bundle), strict=True))
    return [place for place, (before, after) in pairs if before != after]


def leaf(sealed: Sealed, account: str) -> int:
    return sealed.opening(account).leaf_index


# What comes out


@pytest.mark.parametrize("form", FORMS)
def test_changed_unchanged_new_and_emptied_accounts_open(tampered: Sealed, form: UpdateForm) -> None:
    updated = update(tampered, form=form)
    verified = verify(updated, tampered)
    assert verified.update is not None
    assert verified.update.form is form
    assert {account: positions(updated, account) for account in MERGED} == MERGED
    assert updated.result.account_count == 6
    assert (updated.result.listed, updated.result.new_accounts) == (3, 1)
    assert updated.result.book.predecessor == Predecessor(tampered.result.digest, form)
    # The old bundle and its secrets are as they were.
    verify(tampered)
    assert positions(tampered, "alice") == ACCOUNTS["alice"]


def test_the_fast_form_changes_these_leaves_and_no_other(old: Sealed) -> None:
    updated = update(old)
    changed = sorted([leaf(old, "alice"), leaf(old, "bob"), leaf(updated, "erin")])
    assert differing(old, updated) == changed
    for place in changed:
        before, after = read_leaves(old.bundle)[place], read_leaves(updated.bundle)[place]
        assert tag_of(before) != tag_of(after)
        assert point_of(before) != point_of(after)
    assert updated.result.resealed == 3
    verified = verify(updated, old)
    assert verified.update is not None
    assert (verified.update.differing, verified.update.leaf_count) == (3, 8)


def test_the_unlinkable_form_has_nothing_in_common_with_the_old_book(old: Sealed) -> None:
    updated = update(old, form=UpdateForm.ANEW)
    before, after = read_leaves(old.bundle), read_leaves(updated.bundle)
    assert not {tag_of(one) for one in before} & {tag_of(one) for one in after}
    assert not {point_of(one) for one in before} & {point_of(one) for one in after}
    assert updated.result.resealed == 8
    book = updated.vault.open_book(updated.result.digest, None)
    assert len(book.epoch_keys) == 1
    assert book.epoch_keys != old.vault.open_book(old.result.digest, None).epoch_keys


def test_an_unchanged_account_needs_a_new_path_only(old: Sealed) -> None:
    before = old.opening("dave")
    after = update(old).opening("dave")
    assert (before.blinding, before.salt, before.leaf_index, before.tag, before.commitment) == (
        after.blinding, after.salt, after.leaf_index, after.tag, after.commitment,
    )  # fmt: skip
    assert before.path != after.path


@pytest.mark.parametrize("form", FORMS)
def test_old_openings_fail_against_the_new_root(old: Sealed, form: UpdateForm) -> None:
    openings = {name: old.opening(name).to_bytes() for name in ACCOUNTS}
    updated = update(old, form=form)
    key = updated.issuer.public_key
    trusted = TrustedRoot(root_hash=updated.result.book.root.hash)
    for account, data in openings.items():
        with rejected(Check.OPENING_ROOT, "the opening is for book"):
            verify_opening_in_bundle(data, account, updated.bundle, updated.backend, issuer_key=key)
        with rejected(Check.OPENING_ROOT, "root hash"):
            verify_opening_against_root(data, account, trusted, updated.backend)


@pytest.mark.parametrize(
    ("account", "check"), [("alice", Check.OPENING_LEAF), ("dave", Check.OPENING_ROOT_HASH)]
)
def test_an_old_opening_in_a_new_book_fails(old: Sealed, account: str, check: Check) -> None:
    """With the new `book` object put into it: the leaf is another one, or the path leads to another root."""
    updated = update(old)
    document = json.loads(old.opening(account).to_bytes())
    document["book"] = updated.result.book.to_json()
    with rejected(check, "leaf|root"):
        verify_opening_in_bundle(
            json.dumps(document).encode(), account, updated.bundle, updated.backend, issuer_key=None
        )


def test_the_tree_is_what_building_it_anew_gives(old: Sealed) -> None:
    updated = update(old)
    leaves = (updated.bundle / LEAVES_NAME).read_bytes()
    assert root_of(leaves, updated.backend) == updated.result.book.root
    tags, commitments = split_leaves(leaves)
    nodes: dict[tuple[int, int], bytes] = {}

    def sink(level: int, first: int, hashes: bytes, sums: bytes) -> None:
        for i in range(len(hashes) // 32):
            nodes[level, first + i] = hashes[32 * i : 32 * i + 32] + sums[48 * i : 48 * i + 48]

    build_tree(updated.backend, [(tags, updated.backend.points_from_compressed(commitments))], 8, sink=sink)
    stored = (updated.vault_entry / "tree.bin").read_bytes()
    assert stored == b"".join(nodes[key] for key in sorted(nodes))


def test_public_documents_come_along_and_new_ones_take_their_place(old: Sealed) -> None:
    source = changes_book(old.folder, CHANGES, documents={"market.json": b"{}", "note.txt": b"x"})
    updated = update(old, source=source)
    assert (updated.bundle / "market.json").read_bytes() == b"{}"
    assert (updated.bundle / "model.json").read_bytes() == (old.bundle / "model.json").read_bytes()
    assert (updated.bundle / "note.txt").read_bytes() == b"x"
    verify(updated, old)


@pytest.mark.parametrize("form", FORMS)
def test_claims_are_proven_anew(old: Sealed, form: UpdateForm) -> None:
    paid = {"dave": {"USD": 5}}
    prove_accounts(old, b'{"format":"sealedbook/model/v1","kind":"bounded"}')
    updated = update(old, {**CHANGES, **paid}, form=form)
    assert updated.result.claims_dropped == ("accounts",)
    assert verify(updated).claims == ()
    assert not (updated.bundle / "proofs").exists()
    prove_accounts(updated, NON_NEGATIVE)
    held = {"BTC": 149_000_000, "ETH": 7_000_000_000_000_000_008, "USD": 1_234_572}
    prove_reserves(updated, reserves_document(held))
    prove_reserves(updated, reserves_document(held), publish_totals=True, name="public")
    verified = verify(updated, old)
    assert len(verified.claims) == 1
    assert {claim.claim.name for claim in verified.solvency} == {"solvency", "public"}
    # Public totals are of one book: they are left behind by the next update, reserves are not.
    again = update(updated, {"carol": {"USD": 1}}, hours=2, form=form)
    names = {path.name for path in again.bundle.iterdir()}
    assert "reserves.json" in names
    assert not any(name.startswith("totals") for name in names)
    verify(again, updated)


@pytest.mark.parametrize("form", FORMS)
def test_certificates_are_made_from_new_openings(old: Sealed, form: UpdateForm) -> None:
    updated = update(old, form=form)
    for account in ("alice", "erin", "carol"):
        certificate = make_certificate(updated.opening(account), updated.backend, model=NON_NEGATIVE)
        verify_certificate_in_bundle(
            certificate.to_bytes(), updated.bundle, updated.backend, issuer_key=updated.issuer.public_key
        )


# Secrets


def all_pairs(books: list[Sealed]) -> Iterator[tuple[int, bytes, bytes]]:
    """``(blinding, salt, leaf)`` of every leaf of every book."""
    for book in books:
        for (rho, salt), record in zip(secrets_of(book), read_leaves(book.bundle), strict=True):
            yield rho, salt, record


def test_no_blinding_and_no_salt_serves_two_contents(old: Sealed) -> None:
    """Over updates of updates, forks from one book, covers, and accounts that change back."""
    first = update(old)
    books: list[Sealed] = [old, first]
    books.append(update(first, {"alice": ACCOUNTS["alice"], "dave": {"USD": 1}}, hours=2))
    books.append(update(first, {"alice": {"BTC": 1}}, hours=2))
    books.append(update(books[2], {"alice": ACCOUNTS["alice"], "bob": {"USD": 7}}, hours=3, cover=2))
    books.append(update(books[-1], {"erin": {}}, hours=4, form=UpdateForm.ANEW))
    books.append(update(books[-1], {"erin": {"USD": 2}}, hours=5))
    contents: dict[int, bytes] = {}
    salts: dict[bytes, bytes] = {}
    for rho, salt, record in all_pairs(books):
        assert contents.setdefault(rho, record) == record
        assert salts.setdefault(salt, record) == record
    assert len(contents) == len(salts) > 8 + 3 + 2 + 1 + 4 + 8 + 1 - 1
    for book in books:
        verify(book)
        list(make_all_openings(book.vault.open_book(book.result.digest, None), book.backend))


def test_blindings_of_changed_leaves_differ_and_others_stay(old: Sealed) -> None:
    updated = update(old)
    before, after = secrets_of(old), secrets_of(updated)
    changed = set(differing(old, updated))
    for place in range(8):
        same = [one == other for one, other in zip(before[place], after[place], strict=True)]
        assert same == [place not in changed] * 2


def test_a_change_to_the_same_positions_is_sealed_anew_all_the_same(old: Sealed) -> None:
    updated = update(old, {"alice": ACCOUNTS["alice"]})
    assert differing(old, updated) == [leaf(old, "alice")]
    assert positions(updated, "alice") == ACCOUNTS["alice"]


def test_keys_that_no_leaf_uses_are_left_out(old: Sealed) -> None:
    book: Sealed = old
    for hours in range(1, 5):
        book = update(book, {"alice": {"BTC": hours}}, hours=hours)
        assert len(book.vault.open_book(book.result.digest, None).epoch_keys) == 2
    everyone = {name: {"USD": 1} for name in ACCOUNTS}
    book = update(book, everyone, hours=9, cover=3)
    assert len(book.vault.open_book(book.result.digest, None).epoch_keys) == 1
    assert not (book.vault_entry / "leaf_generation.npy").exists()
    verify(update(book, {"alice": {"BTC": 3}}, hours=10), book)


def test_a_book_of_too_many_sealings_has_to_be_sealed_anew(
    old: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "MAX_GENERATIONS", 2)
    first = update(old, {"alice": {}})
    with pytest.raises(ProverError, match="come from 2 sealings: seal it anew"):
        update(first, {"bob": {}}, hours=2)


def test_old_positions_are_not_kept_in_the_new_entry(old: Sealed) -> None:
    updated = update(old, {"José": {"ETH": 3}, "alice": {}})
    amounts = np.load(updated.vault_entry / "amounts.npy")
    assert sorted(amounts.tolist()) == sorted([150_000_000, 2_500_075, -77_777_777, 3])


def test_secrets_of_leaves_are_found_wherever_they_come_from() -> None:
    streams = [SecretStream(bytes([i]) * 32) for i in range(3)]
    random = np.random.default_rng(5)
    count = 3 * BLOCK
    origins = LeafOrigins(random.integers(0, 3, count).astype(np.int32), random.permutation(count))
    found = LeafSecrets(streams, origins).salts(100, count - 100)
    for place in range(100, count - 100, 97):
        element = int(origins.element[place])
        wanted = streams[int(origins.generation[place])].leaf_salts(element, element + 1)
        assert found[32 * (place - 100) : 32 * (place - 99)] == wanted


@pytest.mark.parametrize(
    ("generation", "element", "reason"),
    [([0, 2], [0, 0], "a key that the vault does not have"), ([0, -1], [0, 0], "a key that"),
     ([0, 1], [0, -1], "no valid place"), ([0, 1], [0, 1 << 32], "no valid place"),
     ([0], [0], "shorter than the book")],
)  # fmt: skip
def test_damaged_origins_are_noticed(generation: list[int], element: list[int], reason: str) -> None:
    streams = [SecretStream(bytes([i]) * 32) for i in range(2)]
    origins = LeafOrigins(np.array(generation, np.int32), np.array(element, np.int64))
    with pytest.raises(VaultError, match=reason):
        LeafSecrets(streams, origins).salts(0, 2)
    with pytest.raises(ValueError, match="nothing says which leaf uses which"):
        LeafSecrets(streams, None)


def test_nothing_of_the_vault_is_in_the_new_bundle(old: Sealed) -> None:
    updated = update(old, cover=1)
    found = b"".join(path.read_bytes() for path in updated.bundle.rglob("*") if path.is_file())
    book = updated.vault.open_book(updated.result.digest, None)
    hidden = list(book.epoch_keys)
    for rho, salt in secrets_of(updated):
        hidden += [rho.to_bytes(32, "big"), salt]
    for secret in hidden:
        assert secret not in found
        assert secret[::-1] not in found
        assert secret.hex().encode() not in found
    for account in MERGED:
        assert account.encode() not in found
    for path in [updated.vault_entry, *updated.vault_entry.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_results_show_nothing_private_in_their_repr(old: Sealed) -> None:
    updated = update(old)
    book = updated.vault.open_book(updated.result.digest, None)
    shown = f"{updated.result!r} {book!r} {book.secrets!r} {book.secrets.origins(8)!r}"
    shown += repr(BookChanges.read(changes_book(old.folder, CHANGES), book))
    for private in ("alice", "account_count", "listed", "149000000", "[0"):
        assert private not in shown


def test_a_passphrase_protects_all_keys(tmp_path: Path) -> None:
    book = write_book(tmp_path / "book")
    vault = Vault.create(tmp_path / "vault", "Test Exchange", "secret")
    where: dict[str, Any] = {"vault": vault, "backend": _fastest(), "passphrase": "secret"}
    seal_book(book, bundle=tmp_path / "old", as_of=later(0), **where)
    source = changes_book(tmp_path, CHANGES)
    result = update_module.update_book(
        tmp_path / "old", source=source, out=tmp_path / "new", as_of=later(1), **where
    )
    with pytest.raises(VaultError, match="wrong passphrase"):
        vault.open_book(result.digest, "guess")
    opened = vault.open_book(result.digest, "secret")
    stored = (vault.book_folder(result.digest) / "epoch.key").read_text()
    assert len(opened.epoch_keys) == 2
    assert not any(key.hex() in stored for key in opened.epoch_keys)


def _fastest() -> Backend:
    from primitives.backends import get_backend

    return get_backend(AVAILABLE_BACKENDS[0])


# Covers and new accounts


def test_a_cover_reseals_as_many_leaves_more(old: Sealed) -> None:
    updated = update(old, cover=4)
    assert len(differing(old, updated)) == 7
    assert updated.result.resealed == 7
    assert {account: positions(updated, account) for account in MERGED} == MERGED
    salts, leaves = secrets_of(updated), read_leaves(updated.bundle)
    padding = set(range(8)) - {leaf(updated, account) for account in MERGED}
    for place in padding:
        assert tag_of(leaves[place]) == account_tag(salts[place][1], "")
    verify(updated, old)


def test_covers_are_drawn_from_all_other_leaves(old: Sealed) -> None:
    seen = {
        place
        for hours in range(1, 30)
        for place in differing(old, update(old, {"alice": {}}, hours=hours, cover=3))
    }
    assert seen == set(range(8))


def test_a_cover_larger_than_what_is_left(old: Sealed) -> None:
    with pytest.raises(ProverError, match="a cover of 8 leaves is asked for, and 7 do not change"):
        update(old, {"alice": {}}, cover=8)
    with pytest.raises(ProverError, match="a cover is for the fast form"):
        update(old, cover=1, form=UpdateForm.ANEW)


def test_new_accounts_take_padding_until_there_is_none(old: Sealed) -> None:
    newcomers = {f"new-{i}": {"USD": i + 1} for i in range(3)}
    full = update(old, newcomers)
    assert full.result.account_count == 8
    assert {name: positions(full, name) for name in newcomers} == newcomers
    with pytest.raises(ProverError, match="1 accounts are new, and the sealed book has padding for 0"):
        update(full, {"one-more": {}}, hours=2)
    grown = update(full, {"one-more": {"USD": 1}}, hours=2, form=UpdateForm.ANEW)
    assert grown.result.book.leaf_count == 16
    assert positions(grown, "one-more") == {"USD": 1}
    verify(grown, full)


def test_padding_is_taken_at_random(old: Sealed) -> None:
    assert len({leaf(update(old, {"erin": {}}, hours=hours), "erin") for hours in range(1, 30)}) == 3


def test_many_leaves_in_several_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (resealing, tree_update):
        for name, value in (("_CHUNK", 4), ("_PARENTS_AT_ONCE", 3)):
            monkeypatch.setattr(module, name, value, raising=False)
    monkeypatch.setattr("verifier.update._CHUNK", 8)
    accounts = {f"account-{i}": {"USD": i + 1, "BTC": 3 * i + 1} for i in range(30)}
    sealed = seal(tmp_path / "made", _fastest(), accounts)
    changed = {f"account-{i}": {"ETH": i} for i in range(1, 30, 4)}
    for form in FORMS:
        updated = update(sealed, changed, form=form, cover=5 if form is UpdateForm.CHANGED else 0)
        verify(updated, sealed)
        assert {name: positions(updated, name) for name in accounts} == {**accounts, **changed}
        assert (
            root_of((updated.bundle / LEAVES_NAME).read_bytes(), sealed.backend) == updated.result.book.root
        )


def test_the_smallest_book(tmp_path: Path) -> None:
    sealed = seal(tmp_path / "made", _fastest(), {"a": {"USD": 1}})
    updated = update(sealed, {"a": {"USD": 2}, "b": {"USD": 3}})
    assert differing(sealed, updated) == [0, 1]
    verify(updated, sealed)


# What is refused


def test_other_assets_are_refused(old: Sealed) -> None:
    for assets in ([("BTC", 8), ("ETH", 18)], [("BTC", 8), ("ETH", 18), ("USD", 3)]):
        source = changes_book(old.folder, {"alice": {}}, assets=AssetList.of(assets))
        for form in FORMS:
            with pytest.raises(ProverError, match="another list of assets"):
                update(old, source=source, form=form)
    assert len(ASSETS) == 3


@pytest.mark.parametrize("form", FORMS)
def test_an_update_is_later(old: Sealed, form: UpdateForm) -> None:
    for hours in (0, -1):
        with pytest.raises(ProverError, match="an update has to be later"):
            update(old, hours=hours, form=form)


def test_another_run_about_the_book_is_waited_for(old: Sealed) -> None:
    book = old.vault.open_book(old.result.digest, None)
    with only_run(book), pytest.raises(ProverError, match="another run"):
        update(old)


def test_the_bundle_may_be_replaced_in_place(old: Sealed) -> None:
    result = update_module.update_book(
        old.bundle,
        old.vault,
        changes_book(old.folder, CHANGES),
        out=old.bundle,
        backend=old.backend,
        as_of=later(1),
    )
    verified = verify_bundle(old.bundle, old.backend, issuer_key=None)
    assert verified.attestation.book.digest() == result.digest


def test_bundle_and_vault_lie_apart(old: Sealed) -> None:
    with pytest.raises(ProverError, match="must not lie inside one another"):
        update_module.update_book(
            old.bundle,
            old.vault,
            changes_book(old.folder, CHANGES),
            out=old.vault.folder / "public",
            backend=old.backend,
        )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [LEAVES_NAME, "market.json"])
def test_an_altered_file_is_not_taken_over(old: Sealed, form: UpdateForm, name: str) -> None:
    path = old.bundle / name
    before = path.read_bytes()
    for data in (bytes([before[0] ^ 1]) + before[1:], before[:-1], before + b"x"):
        path.write_bytes(data)
        if (name, form) == (LEAVES_NAME, UpdateForm.ANEW):
            update(old, form=form)  # needs no leaf of the old bundle
            continue
        with pytest.raises(ProverError, match="is not the file that was attested"):
            update(old, form=form)
    path.unlink()
    with pytest.raises(ProverError, match=r"No such file|has no leaves\.bin"):
        update(old, form=form)


@pytest.mark.parametrize("form", FORMS)
def test_a_vault_that_does_not_have_the_book(old: Sealed, tmp_path: Path, form: UpdateForm) -> None:
    other = seal(tmp_path / "other", old.backend)
    shutil.rmtree(old.bundle)
    shutil.copytree(other.bundle, old.bundle)
    with pytest.raises(ProverError, match="another issuer key"):
        update(old, form=form)


def test_a_damaged_tree_is_noticed(old: Sealed) -> None:
    """Every node that is read for the new paths counts: siblings, parents and the root."""
    path = old.vault_entry / "tree.bin"
    before = path.read_bytes()
    changed = leaf(old, "alice")
    offsets = [0, 8, 12, 14]
    for level in range(3):
        for place in (changed >> level, (changed >> level) ^ 1):
            for part in (0, 40):
                data = bytearray(before)
                data[NODE_BYTES * (offsets[level] + place) + part] ^= 1
                path.write_bytes(data)
                with pytest.raises(VaultError, match="do not lead to the root"):
                    update(old, {"alice": {}})
    data = bytearray(before)
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(VaultError, match="the tree of another book"):
        update(old, {"alice": {}})
    path.write_bytes(before[:-1])
    with pytest.raises(VaultError, match="does not have one node for each"):
        update(old, {"alice": {}})


def test_sums_that_vanish_are_refused(old: Sealed) -> None:
    tree = TreeUpdate(old.vault_entry / "tree.bin", 8, old.result.book.root, old.backend)
    first = point_of(read_leaves(old.bundle)[0])
    negated = old.backend.points_from_compressed(first).negate().to_compressed()
    with pytest.raises(IdentitySumError, match="level 1, node 0"):
        tree.replace(np.array([0, 1]), bytes(64), first + negated)
    with pytest.raises(IdentitySumError, match="level 0, node 3"):
        tree.replace(np.array([3]), bytes(32), bytes([0xC0]) + bytes(47))


@pytest.mark.parametrize("array", ["leaf_generation", "leaf_element"])
def test_a_damaged_array_of_origins_is_noticed(old: Sealed, array: str) -> None:
    updated = update(old)
    path = updated.vault_entry / f"{array}.npy"
    values = np.load(path)
    np.save(path, values[:4])
    with pytest.raises(VaultError, match="damaged"):
        update(updated, {"alice": {}}, hours=2)
    np.save(path, (values + 7).astype(values.dtype))
    with pytest.raises(VaultError, match="damaged"):
        make_opening(updated.vault.open_book(updated.result.digest, None), "alice", updated.backend)
    if array == "leaf_generation":
        with pytest.raises(VaultError, match="damaged"):
            update(updated, {"alice": {}}, hours=2)
    path.unlink()
    with pytest.raises(VaultError, match="cannot read"):
        updated.vault.open_book(updated.result.digest, None)


def test_numbers_of_keys_are_checked(old: Sealed) -> None:
    path = old.vault_entry / "book.json"
    document = json.loads(path.read_bytes())
    for count, reason in (
        (1, "not between"),
        (leaf_secrets.MAX_GENERATIONS + 1, "not between"),
        (2, "expected 64 bytes"),
    ):
        path.write_text(json.dumps({**document, "generations": count}))
        with pytest.raises(VaultError, match=reason):
            old.vault.open_book(old.result.digest, None)


# Runs that die


def leftovers(sealed: Sealed) -> list[Path]:
    return [*sealed.folder.glob(".*"), *sealed.vault.books_folder.glob(".*")]


def whole(sealed: Sealed) -> bytes:
    """The digest of the bundle, which is sound and whose secrets the vault has."""
    verified = verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)
    digest = verified.attestation.book.digest()
    make_opening(sealed.vault.open_book(digest, None), "alice", sealed.backend)
    return digest


def run_script(mode: str, copies: list[Sealed]) -> tuple[list[int], str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), mode, AVAILABLE_BACKENDS[0], *(str(copy.folder) for copy in copies)],
        capture_output=True, text=True, check=False, cwd=SCRIPT.parent.parent,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout)
    return codes, done.stderr


def copies_with_changes(sealed: Sealed, folder: Path, numbers: list[int]) -> list[Sealed]:
    copies = [sealed.copy(folder / str(number)) for number in numbers]
    for copy in copies:
        made = changes_book(copy.folder, CHANGES)
        Path(made.path).rename(copy.folder / "changes")
    return copies


def test_a_killed_update_leaves_the_old_bundle_or_the_new_one(sealed_once: Sealed, tmp_path: Path) -> None:
    """At every step: the bundle at its place is replaced by its own update."""
    # A run has about 165 events; the bundle is put in place near number 155, and the last one is never seen.
    events = [*range(1, 100, 4), *range(100, 170), 100_000]
    copies = copies_with_changes(sealed_once, tmp_path, events)
    codes, said = run_script("update-killed", copies)
    assert set(codes) <= {-9, 0}, said
    stopped = [copy for copy, code in zip(copies, codes, strict=True) if code == -9]
    assert len(stopped) > 15
    assert 0 in codes
    is_old = [whole(copy) == sealed_once.result.digest for copy in copies]
    assert any(is_old)
    assert not all(is_old)
    assert any(leftovers(copy) for copy in stopped)
    # The next run cleans up after the killed one.
    for copy in stopped[:: max(1, len(stopped) // 6)]:
        update_module.update_book(
            copy.bundle, copy.vault, changes_book(copy.folder, {"carol": {"USD": 1}}), out=copy.bundle,
            backend=copy.backend, as_of=later(9),
        )  # fmt: skip
        whole(copy)
        assert leftovers(copy) == []


def test_a_full_disk_leaves_the_old_bundle_and_says_so(sealed_once: Sealed, tmp_path: Path) -> None:
    copies = copies_with_changes(sealed_once, tmp_path, [0, 40, 150, 400, 640, 900, 1100, 4096, 8192])
    codes, said = run_script("update-limited", copies)
    assert codes == [3] * len(copies), said
    for line in said.splitlines():
        assert line.startswith(("cannot write ", "cannot copy ")), line
    for copy in copies:
        assert whole(copy) == sealed_once.result.digest
        assert leftovers(copy) == []
        assert len(list(copy.vault.books_folder.iterdir())) == 1


def test_an_error_in_the_middle_leaves_nothing_behind(old: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(KeyboardInterrupt):
        update(old, progress=interrupt)
    with monkeypatch.context() as patched:
        patched.setattr(atomic, "put_in_place", refuse)
        with pytest.raises(PublicationError, match=r"No space left .* what was there before is untouched"):
            update(old)
    assert leftovers(old) == []
    assert len(list(old.vault.books_folder.iterdir())) == 1


# What the report says


def findings(verified: VerifiedBundle) -> dict[str, tuple[str, Level]]:
    return {finding.subject: (finding.text, finding.level) for finding in bundle_report(verified).findings}


def test_without_the_previous_bundle_the_link_is_signed_only(old: Sealed) -> None:
    updated = update(old)
    verified = verify(updated)
    text, level = findings(verified)["Predecessor"]
    assert old.result.digest.hex() in text
    assert level is Level.SIGNED
    assert "Leaves since the predecessor" not in findings(verified)
    report = bundle_report(verified)
    assert not {check for check in report.checks if check.value.startswith("U")}
    assert report.figures["predecessor"] == {
        "book_digest": old.result.digest.hex(), "form": "changed", "compared": False,
    }  # fmt: skip
    unknown = verify_bundle(updated.bundle, updated.backend, issuer_key=None)
    assert findings(unknown)["Predecessor"][1] is Level.CLAIMED
    assert "Predecessor" not in findings(verify(old))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (UpdateForm.CHANGED, "3 others, in tag and commitment; 5 the same, byte for byte"),
        (UpdateForm.ANEW, "all others: no tag"),
    ],
)
def test_with_the_previous_bundle_the_leaves_are_compared(old: Sealed, form: UpdateForm, text: str) -> None:
    updated = update(old, form=form)
    verified = verify(updated, old)
    found = findings(verified)
    assert found["Predecessor"][1] is Level.RECOMPUTED
    assert found["Leaves since the predecessor"][1] is Level.RECOMPUTED
    assert found["Leaves since the predecessor"][0].startswith(text)
    names = [check.value for check in bundle_report(verified).checks if check.value.startswith("U")]
    assert names == ["U1-predecessor", "U2-issuer", "U3-later", "U4-leaves"]
    figures: Any = bundle_report(verified).figures["predecessor"]
    assert figures["leaves_sealed_anew"] + figures["leaves_unchanged"] == 8


def test_attestations_with_a_predecessor_are_read_as_written(old: Sealed) -> None:
    updated = update(old)
    data = (updated.bundle / ATTESTATION_NAME).read_bytes()
    parsed = Attestation.parse(data)
    assert parsed.to_bytes() == data
    assert parsed.book.predecessor == Predecessor(old.result.digest, UpdateForm.CHANGED)
    assert b"predecessor" not in (old.bundle / ATTESTATION_NAME).read_bytes()
    assert isinstance(updated, Updated)
    assert updated.result.book.as_of - old.result.book.as_of == timedelta(hours=1)
