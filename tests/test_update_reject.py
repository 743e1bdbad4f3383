"""Books that do not follow on the bundle they name: every check that compares the two, and what stands in the book."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sealing_support import (
    ACCOUNTS,
    ASSETS,
    Sealed,
    describe_files_anew,
    point_of,
    read_leaves,
    rejected,
    resign,
    seal,
    state_root_anew,
    tag_of,
    write_leaves,
)
from update_support import Updated, later, update

from primitives.assets import AssetList
from primitives.attestation import LEAVES_NAME, UpdateForm, format_time
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import Check
from verifier.opening import verify_opening_in_bundle


@pytest.fixture
def old(sealed_once: Sealed, tmp_path: Path) -> Sealed:
    return sealed_once.copy(tmp_path / "copy")


@pytest.fixture
def updated(old: Sealed) -> Updated:
    return update(old)


def verify(bundle: Path, sealed: Sealed, previous: Path | None) -> VerifiedBundle:
    return verify_bundle(bundle, sealed.backend, issuer_key=None, previous=previous)


def set_book(name: str, value: Any) -> Any:
    def change(document: Any) -> None:
        document["book"][name] = value

    return change


def follow(bundle: Path, sealed: Sealed, old: Sealed, form: str = "changed") -> None:
    """Make the book of `bundle` say that it follows on `old`."""
    predecessor = {"book": old.result.digest.hex(), "form": form}
    resign(bundle, sealed.issuer, set_book("predecessor", predecessor))
    resign(bundle, sealed.issuer, set_book("as_of", format_time(later(1))))


def forge_leaves(updated: Updated, leaves: list[bytes]) -> None:
    write_leaves(updated.bundle, leaves)
    resign(updated.bundle, updated.issuer, describe_files_anew(updated.bundle))
    resign(updated.bundle, updated.issuer, state_root_anew(updated.bundle, updated.backend))


def test_every_check_is_rejected_somewhere_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert not [
        check.name for check in Check if check.value.startswith("U") and f"Check.{check.name}" not in text
    ]


# U1


def test_a_book_without_a_predecessor(old: Sealed) -> None:
    with rejected(Check.UPDATE_PREDECESSOR, "the book names no predecessor"):
        verify(old.bundle, old, old.bundle)


def test_another_previous_bundle(old: Sealed, updated: Updated, tmp_path: Path) -> None:
    again = update(updated, {"alice": {}}, hours=2)
    verify(again.bundle, old, updated.bundle)
    for previous in (old.bundle, again.bundle, seal(tmp_path / "other", old.backend).bundle):
        with rejected(Check.UPDATE_PREDECESSOR, "the book's predecessor is .*, the previous bundle holds"):
            verify(again.bundle, old, previous)


def test_a_tampered_predecessor(old: Sealed, updated: Updated) -> None:
    opening = updated.opening("alice").to_bytes()
    digest = bytearray(old.result.digest)
    digest[0] ^= 1
    resign(updated.bundle, updated.issuer, set_book("predecessor", {"book": digest.hex(), "form": "changed"}))
    with rejected(Check.UPDATE_PREDECESSOR, digest.hex()):
        verify(updated.bundle, old, old.bundle)
    # The book digest covers it: openings of the book are not of this one.
    with rejected(Check.OPENING_ROOT, "the opening is for book"):
        verify_opening_in_bundle(opening, "alice", updated.bundle, updated.backend, issuer_key=None)


def test_a_predecessor_is_not_altered_without_the_key(updated: Updated, tmp_path: Path) -> None:
    other = seal(tmp_path / "other", updated.backend)
    resign(updated.bundle, other.issuer, lambda document: document["book"].pop("predecessor"))
    with rejected(Check.BUNDLE_SIGNATURE, "signature"):
        verify(updated.bundle, updated, None)


@pytest.mark.parametrize(
    ("predecessor", "detail"),
    [
        (None, "expected an object, found null"),
        ("", "expected an object, found text"),
        ({}, r"\$\.book\.predecessor: field 'book' is missing"),
        ({"book": "00" * 32}, "field 'form' is missing"),
        ({"form": "changed"}, "field 'book' is missing"),
        ({"book": "00" * 31, "form": "changed"}, "expected 32 bytes in lower-case hexadecimal"),
        ({"book": "00" * 33, "form": "changed"}, "longer than 64 characters"),
        ({"book": "AA" * 32, "form": "changed"}, "expected 32 bytes in lower-case hexadecimal"),
        ({"book": "00" * 32, "form": "Changed"}, "'Changed' is not one of changed, anew"),
        ({"book": "00" * 32, "form": "fast"}, "'fast' is not one of changed, anew"),
        ({"book": "00" * 32, "form": ["changed"]}, "expected text, found an array"),
        ({"book": "00" * 32, "form": "anew", "leaves": 3}, r"\$\.book\.predecessor: unknown field 'leaves'"),
    ],
)
def test_malformed_predecessors(updated: Updated, predecessor: object, detail: str) -> None:
    resign(updated.bundle, updated.issuer, set_book("predecessor", predecessor))
    with rejected(Check.BUNDLE_ATTESTATION, detail):
        verify(updated.bundle, updated, None)


# U2 and U3


def test_another_issuer(old: Sealed, updated: Updated, tmp_path: Path) -> None:
    other = seal(tmp_path / "other", old.backend)
    follow(other.bundle, other, old)
    with rejected(Check.UPDATE_ISSUER, f"{old.issuer.public_key.hex()}.*{other.issuer.public_key.hex()}"):
        verify(other.bundle, other, old.bundle)


@pytest.mark.parametrize("hours", [0, -1])
def test_a_book_that_is_not_later(old: Sealed, updated: Updated, hours: int) -> None:
    resign(updated.bundle, updated.issuer, set_book("as_of", format_time(later(hours))))
    with rejected(Check.UPDATE_TIME, "as of 2026-01-3"):
        verify(updated.bundle, old, old.bundle)


# U4


def sealed_with_the_key_of(old: Sealed, folder: Path, **options: Any) -> Sealed:
    """Another book, signed with the same key."""
    made = seal(folder, old.backend, **options)

    def change(document: Any) -> None:
        document["book"]["issuer"]["public_key"] = old.issuer.public_key.hex()

    resign(made.bundle, old.issuer, change)
    return made


def test_another_number_of_leaves(old: Sealed, tmp_path: Path) -> None:
    made = sealed_with_the_key_of(old, tmp_path / "made", minimum_leaves=16)
    follow(made.bundle, old, old)
    with rejected(Check.UPDATE_LEAVES, "the book has 16 leaves, its predecessor 8"):
        verify(made.bundle, old, old.bundle)
    follow(made.bundle, old, old, "anew")
    verified = verify(made.bundle, old, old.bundle)
    assert verified.update is not None
    assert (verified.update.differing, verified.update.leaf_count) == (16, 16)


@pytest.mark.parametrize("other", [("USD", 3), ("EUR", 2)])
def test_other_assets(old: Sealed, tmp_path: Path, other: tuple[str, int]) -> None:
    assets = AssetList.of([*((asset.id, asset.decimals) for asset in ASSETS.assets[:2]), other])
    accounts: dict[str, dict[str, int]] = {name: {} for name in ACCOUNTS}
    made = sealed_with_the_key_of(old, tmp_path / "made", assets=assets, accounts=accounts)
    follow(made.bundle, old, old)
    with rejected(Check.UPDATE_LEAVES, "another list of assets"):
        verify(made.bundle, old, old.bundle)


def test_a_leaf_that_differs_in_half(old: Sealed, updated: Updated) -> None:
    before, after = read_leaves(old.bundle), read_leaves(updated.bundle)
    place = next(u for u in range(8) if before[u] != after[u])
    forge_leaves(
        updated, [*after[:place], tag_of(before[place]) + point_of(after[place]), *after[place + 1 :]]
    )
    with rejected(
        Check.UPDATE_LEAVES, f"leaf {place} has the tag of its predecessor, and another commitment"
    ):
        verify(updated.bundle, old, old.bundle)
    forge_leaves(
        updated, [*after[:place], tag_of(after[place]) + point_of(before[place]), *after[place + 1 :]]
    )
    with rejected(
        Check.UPDATE_LEAVES, f"leaf {place} has the commitment of its predecessor, and another tag"
    ):
        verify(updated.bundle, old, old.bundle)


def test_leaves_that_change_places_count_as_changed(old: Sealed) -> None:
    updated = update(old, {"alice": {}})
    after = read_leaves(updated.bundle)
    same = [u for u, leaf in enumerate(read_leaves(old.bundle)) if leaf == after[u]]
    after[same[0]], after[same[1]] = after[same[1]], after[same[0]]
    forge_leaves(updated, after)
    verified = verify(updated.bundle, old, old.bundle)
    assert verified.update is not None
    assert verified.update.differing == 3


def test_a_changed_book_does_not_pass_for_one_sealed_anew(old: Sealed, updated: Updated) -> None:
    follow(updated.bundle, updated, old, "anew")
    with rejected(Check.UPDATE_LEAVES, "a tag of the predecessor stands in the book again"):
        verify(updated.bundle, old, old.bundle)


@pytest.mark.parametrize("part", ["tag", "commitment"])
def test_one_leaf_of_the_predecessor_in_a_book_sealed_anew(old: Sealed, part: str) -> None:
    updated = update(old, form=UpdateForm.ANEW)
    before, after = read_leaves(old.bundle), read_leaves(updated.bundle)
    if part == "tag":
        after[3] = tag_of(before[5]) + point_of(after[3])
    else:
        after[3] = tag_of(after[3]) + point_of(before[5])
    forge_leaves(updated, after)
    with rejected(Check.UPDATE_LEAVES, f"a {part} of the predecessor stands in the book again"):
        verify(updated.bundle, old, old.bundle)


def test_equal_fingerprints_are_compared_in_full(old: Sealed) -> None:
    updated = update(old, form=UpdateForm.ANEW)
    before, after = read_leaves(old.bundle), read_leaves(updated.bundle)
    after[3] = tag_of(after[3])[:-8] + tag_of(before[5])[-8:] + point_of(after[3])
    forge_leaves(updated, after)
    assert verify(updated.bundle, old, old.bundle).update is not None


# The previous bundle


@pytest.mark.parametrize("form", list(UpdateForm))
def test_a_damaged_previous_bundle(old: Sealed, form: UpdateForm) -> None:
    updated = update(old, form=form)
    path = old.bundle / LEAVES_NAME
    data = path.read_bytes()
    # Wherever the leaves that did not change are: one whose tag alone differs would be said to be sealed wrongly.
    every = b"".join(bytes([data[at] ^ 1]) + data[at + 1 : at + 80] for at in range(0, len(data), 80))
    for damaged, detail in (
        (every, "has SHA-256"),
        (bytes([data[0] ^ 1]) + data[1:], "has SHA-256"),
        (data[:-1], "shorter than attested"),
        (data + b"x", "longer than attested"),
    ):
        path.write_bytes(damaged)
        with rejected(Check.BUNDLE_DIGESTS, f"the previous bundle: .*{detail}"):
            verify(updated.bundle, old, old.bundle)
    path.unlink()
    with rejected(Check.BUNDLE_FILES, "the previous bundle: leaves.bin: No such file"):
        verify(updated.bundle, old, old.bundle)
    path.symlink_to(updated.bundle / LEAVES_NAME)
    with rejected(Check.BUNDLE_FILES, r"the previous bundle: leaves\.bin"):
        verify(updated.bundle, old, old.bundle)


def test_a_previous_bundle_that_nobody_signed(old: Sealed, updated: Updated) -> None:
    path = old.bundle / "attestation.json"
    document = json.loads(path.read_bytes())
    document["files"] = [entry for entry in document["files"] if entry["name"] == LEAVES_NAME]
    path.write_bytes(json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
    with rejected(Check.BUNDLE_SIGNATURE, "the previous bundle: "):
        verify(updated.bundle, old, old.bundle)
    path.unlink()
    with rejected(Check.BUNDLE_FILES, "the previous bundle: "):
        verify(updated.bundle, old, old.bundle)
