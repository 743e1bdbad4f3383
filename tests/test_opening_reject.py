"""Openings that must be rejected, each by the check that is there for it."""

from __future__ import annotations

import contextlib
import json
import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from sealing_support import (
    ACCOUNTS,
    IDENTITY,
    ORDER_THREE,
    Change,
    Sealed,
    negated,
    plus,
    read_leaves,
    rejected,
    resign,
    seal,
    write_leaves,
)

from primitives import decoding_reasons
from primitives.account_tag import account_tag
from primitives.attestation import LEAVES_NAME
from primitives.opening import Opening, Position
from primitives.parameters import GROUP_ORDER, LEAF_BYTES
from primitives.strict_json import MAX_JSON_BYTES
from primitives.sum_tree import SumNode
from verifier.checks import Check, VerificationError
from verifier.opening import (
    TrustedRoot,
    VerifiedOpening,
    verify_opening_against_root,
    verify_opening_in_bundle,
)
from verifier.report import Level, opening_report

JOSE: Final = "Jos\u00e9"


def check(
    sealed: Sealed, opening: Opening | bytes, account: str = "alice", issuer_key: bytes | None = None
) -> VerifiedOpening:
    data = opening if isinstance(opening, bytes) else opening.to_bytes()
    return verify_opening_in_bundle(data, account, sealed.bundle, sealed.backend, issuer_key=issuer_key)


def check_root(sealed: Sealed, opening: Opening, account: str = "alice") -> VerifiedOpening:
    trusted = TrustedRoot(root_hash=sealed.result.book.root.hash)
    return verify_opening_against_root(opening.to_bytes(), account, trusted, sealed.backend)


def check_digest(sealed: Sealed, opening: Opening, account: str = "alice") -> VerifiedOpening:
    trusted = TrustedRoot(book_digest=sealed.result.digest)
    return verify_opening_against_root(opening.to_bytes(), account, trusted, sealed.backend)


@pytest.fixture(scope="module")
def opening(sealed: Sealed) -> Opening:
    """Alice's."""
    return sealed.opening("alice")


# Accepted


@pytest.mark.parametrize("account", ACCOUNTS)
def test_every_account_finds_itself(sealed: Sealed, account: str) -> None:
    own = sealed.opening(account)
    for verified in (
        check(sealed, own, account),
        check(sealed, own, account, sealed.issuer.public_key),
        check_root(sealed, own, account),
        check_digest(sealed, own, account),
    ):
        assert {p.asset.id: p.amount for p in verified.opening.positions} == dict(ACCOUNTS[account])


def test_equal_balances_never_share_a_leaf(sealed: Sealed) -> None:
    alice, bob = sealed.opening("alice"), sealed.opening("bob")
    assert alice.positions == bob.positions
    for field in ("leaf_index", "tag", "commitment", "salt", "blinding"):
        assert getattr(alice, field) != getattr(bob, field)


@pytest.mark.parametrize("typed", [f"  {JOSE}\t", unicodedata.normalize("NFD", JOSE), f"{JOSE}\n"])
def test_an_id_may_be_typed_in_any_normal_form_and_with_blanks_around(sealed: Sealed, typed: str) -> None:
    assert typed != JOSE
    assert check(sealed, sealed.opening(JOSE), typed).opening.account == JOSE


def test_layout_is_free(sealed: Sealed, opening: Opening) -> None:
    check(sealed, json.dumps(json.loads(opening.to_bytes()), indent=7).encode())


# O1: form


def altered(opening: Opening, change: Change) -> bytes:
    document = json.loads(opening.to_bytes())
    change(document)
    return json.dumps(document).encode()


def put(*path: str | int) -> Callable[[Any], Change]:
    def to(value: Any) -> Change:
        def change(document: Any) -> None:
            for key in path[:-1]:
                document = document[key]
            document[path[-1]] = value

        return change

    return to


def amount(value: Any) -> Change:
    return put("positions", 0, "amount")(value)


NODE: Final = {"hash": "00" * 32, "sum": "c0" + "00" * 47}
FORMS: Final[dict[str, tuple[Change, str]]] = {
    "other format": (put("format")("sealedbook/opening/v2"), r"\$\.format: expected"),
    "unknown field": (put("extra")(1), "unknown field 'extra'"),
    "unknown field of a position": (put("positions", 0, "x")(1), r"positions\[0\]: unknown field 'x'"),
    "unknown field of the leaf": (put("leaf", "x")(1), r"leaf: unknown field 'x'"),
    "unknown field of a node": (put("path", 0, "x")(1), r"path\[0\]: unknown field 'x'"),
    "unknown field of the book": (put("book", "x")(1), r"book: unknown field 'x'"),
    "no salt": (lambda d: d.pop("salt"), "field 'salt' is missing"),
    "a book of three leaves": (put("book", "leaves", "count")(3), "not a power of two"),
    "account with a blank": (put("account")("alice "), "white space at an end"),
    "account in another normal form": (put("account")("Jose\u0301"), "Normalization Form C"),
    "account with a control character": (put("account")("ali\x00ce"), "control character"),
    "empty account": (put("account")(""), "is empty"),
    "account of 257 bytes": (put("account")("\u00e9" * 128 + "x"), "257 bytes in UTF-8"),
    "account of 257 characters": (put("account")("x" * 257), "longer than 256"),
    "zero": (amount("0"), "is zero; only non-zero positions are listed"),
    "minus zero": (amount("-0"), "canonical decimal text"),
    "plus": (amount("+5"), "canonical decimal text"),
    "leading zero": (amount("05"), "canonical decimal text"),
    "fraction": (amount("5.0"), "canonical decimal text"),
    "exponent": (amount("5e3"), "canonical decimal text"),
    "blank": (amount(" 5"), "canonical decimal text"),
    "newline": (amount("5\n"), "canonical decimal text"),
    "other digits": (amount("\u0665"), "canonical decimal text"),
    "a number": (amount(5), "expected text, found a number"),
    "2^63": (amount(str(1 << 63)), "integer out of range"),
    "-2^63": (amount(str(-1 << 63)), "integer out of range"),
    "far out of range": (amount("9" * 97), "longer than 96"),
    "19 decimals": (put("positions", 0, "decimals")(19), "decimals is not an integer from 0 to 18"),
    "blinding + r": (
        lambda d: d.update(blinding=f"{int(d['blinding'], 16) + GROUP_ORDER:064x}"),
        "blinding: is not below the group order",
    ),
    "blinding = r": (put("blinding")(f"{GROUP_ORDER:064x}"), "is not below the group order"),
    "short blinding": (put("blinding")("00" * 31), "expected 32 bytes"),
    "short salt": (put("salt")("00" * 31), "expected 32 bytes"),
    "short tag": (put("leaf", "tag")("00" * 31), "expected 32 bytes"),
    "long commitment": (put("leaf", "commitment")("00" * 49), "longer than 96|expected 48 bytes"),
    "negative index": (put("leaf", "index")(-1), "-1 is not between 0"),
    "index 2^32": (put("leaf", "index")(1 << 32), "is not between 0 and 4294967295"),
    "index as text": (put("leaf", "index")("1"), "expected an integer, found text"),
    "index is true": (put("leaf", "index")(True), "expected an integer, found true/false"),
    "a path of 33 levels": (put("path")([NODE] * 33), "33 entries, more than 32"),
    "path is an object": (put("path")({}), "expected an array"),
    "no object": (put("leaf")(None), "expected an object, found null"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMS)
def test_the_form_of_an_opening(sealed_once: Sealed, case: str) -> None:
    change, detail = FORMS[case]
    with rejected(Check.OPENING_FORM, detail):
        check(sealed_once, altered(sealed_once.opening("alice"), change))


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "expected an object, found an array"),
        (b'{"a":' * 100_000, "nested more than 64 levels deep"),
        (b'{"format":1,"format":1}', "'format' appears twice"),
        (b" " * (MAX_JSON_BYTES + 1), f"more than {MAX_JSON_BYTES}"),
    ],
)
def test_bytes_that_are_no_opening(sealed_once: Sealed, data: bytes, detail: str) -> None:
    with rejected(Check.OPENING_FORM, detail):
        check(sealed_once, data)


# O2: the account that its owner types


@pytest.mark.parametrize("typed", ["bob", "Alice", "ALICE", "alice2", "a lice", "\u0430lice"])
def test_another_account_is_rejected(sealed_once: Sealed, typed: str) -> None:
    """The last one begins with the Cyrillic letter that looks like a Latin one."""
    for verify in (check, check_root, check_digest):
        with rejected(Check.OPENING_ACCOUNT, "you typed .*, the opening is for 'alice'"):
            verify(sealed_once, sealed_once.opening("alice"), typed)


@pytest.mark.parametrize("typed", ["", "   ", "ali\x00ce", "ali\nce", "\ud800", "x" * 257])
def test_what_is_no_account_id_is_rejected(sealed_once: Sealed, typed: str) -> None:
    with rejected(Check.OPENING_ACCOUNT, "what you typed is not an account id"):
        check(sealed_once, sealed_once.opening("alice"), typed)


# O3: the book that its owner trusts


@pytest.fixture(scope="module")
def other_book(tmp_path_factory: pytest.TempPathFactory, sealed_once: Sealed) -> Sealed:
    return seal(tmp_path_factory.mktemp("other"), sealed_once.backend)


def test_an_opening_of_another_book_is_rejected(sealed_once: Sealed, other_book: Sealed) -> None:
    foreign = other_book.opening("alice")
    stated = other_book.result
    with rejected(Check.OPENING_ROOT, f"is for book {stated.digest.hex()}, the bundle holds "):
        check(sealed_once, foreign)
    with rejected(Check.OPENING_ROOT, f"has root hash {stated.book.root.hash.hex()}, you trust "):
        check_root(sealed_once, foreign)
    with rejected(Check.OPENING_ROOT, f"has book digest {stated.digest.hex()}, you trust "):
        check_digest(sealed_once, foreign)


BOOK_CHANGES: Final[dict[str, Change]] = {
    "issuer": put("book", "issuer", "name")("Somebody Else"),
    "key": put("book", "issuer", "public_key")("00" * 32),
    "time": put("book", "as_of")("2027-01-31T00:00:00Z"),
    "asset": put("book", "assets", 1, "id")("ETX"),
    "decimals": put("book", "assets", 1, "decimals")(17),
    "more assets": lambda d: d["book"]["assets"].append({"id": "XYZ", "decimals": 0}),
    "order of assets": lambda d: d["book"]["assets"].reverse(),
    "leaf count": put("book", "leaves", "count")(16),
    "leaves": put("book", "leaves", "sha256")("00" * 32),
    "root hash": put("book", "root", "hash")("00" * 32),
    "root sum": put("book", "root", "sum")(IDENTITY.hex()),
}


@pytest.mark.parametrize("case", BOOK_CHANGES)
def test_an_altered_book_section_is_rejected(sealed_once: Sealed, case: str) -> None:
    data = altered(sealed_once.opening("alice"), BOOK_CHANGES[case])
    with rejected(Check.OPENING_ROOT, "the opening is for book"):
        check(sealed_once, data)
    with rejected(Check.OPENING_ROOT, "the opening has book digest"):
        check_digest(sealed_once, Opening.parse(data))


@pytest.mark.parametrize("case", ["issuer", "key", "time", "leaves"])
def test_what_the_root_hash_does_not_cover_is_called_claimed(sealed_once: Sealed, case: str) -> None:
    data = altered(sealed_once.opening("alice"), BOOK_CHANGES[case])
    verified = check_root(sealed_once, Opening.parse(data))
    assert not verified.book_bound
    levels = {finding.subject: finding.level for finding in opening_report(verified).findings}
    assert levels["Issuer"] is levels["As of"] is Level.CLAIMED
    assert levels["Included"] is levels["BTC"] is Level.RECOMPUTED


def test_the_bundles_signature_and_key_are_checked_first(tampered_once: Sealed) -> None:
    opening = tampered_once.opening("alice")
    with rejected(Check.BUNDLE_ISSUER, "you expect"):
        check(tampered_once, opening, issuer_key=bytes(32))
    (tampered_once.bundle / "attestation.sig").write_text("00" * 64 + "\n")
    with rejected(Check.BUNDLE_SIGNATURE, "does not match"):
        check(tampered_once, opening)


def test_one_root_or_one_digest_is_trusted() -> None:
    for arguments in ({}, {"root_hash": bytes(32), "book_digest": bytes(32)}):
        with pytest.raises(ValueError, match="either a root hash or a book digest"):
            TrustedRoot(**arguments)


# O4: the tag binds the id


def test_anothers_opening_under_ones_own_name_is_rejected(sealed: Sealed, opening: Opening) -> None:
    """Two holders of equal balances shown one leaf: the totals would count one of them."""
    forged = replace(sealed.opening("bob"), account="alice")
    for verify in (check, check_root, check_digest):
        with rejected(Check.OPENING_TAG, "this leaf was made for somebody else"):
            verify(sealed, forged)


def test_another_salt_or_tag_is_rejected(sealed: Sealed, opening: Opening) -> None:
    for forged in (
        replace(opening, salt=bytes([opening.salt[0] ^ 1]) + opening.salt[1:]),
        replace(opening, tag=bytes([opening.tag[0] ^ 1]) + opening.tag[1:]),
        replace(opening, salt=sealed.opening("bob").salt),
    ):
        with rejected(Check.OPENING_TAG, "salt and account id give another tag"):
            check(sealed, forged)


def test_a_padding_leaf_is_nobodys(sealed: Sealed) -> None:
    """Its tag is made with the empty id, which nobody can type."""
    secrets = sealed.vault.open_book(sealed.result.digest, None)
    leaf = next(u for u in range(8) if secrets.account_at(u) is None)
    salt = secrets.leaf_salts(leaf, leaf + 1)
    padding = replace(
        sealed.opening("carol"),
        blinding=secrets.leaf_blindings(sealed.backend, leaf, leaf + 1).to_ints()[0],
        salt=salt,
        leaf_index=leaf,
        tag=account_tag(salt, ""),
        commitment=secrets.leaf_node(leaf).sum,
        path=secrets.path(leaf),
    )
    with rejected(Check.OPENING_TAG, "somebody else"):
        check(sealed, padding, "carol")
    with rejected(Check.OPENING_FORM, "account: is empty"):
        check(sealed, replace(padding, account=""), "")


# O5 and O6: exactly these positions


def test_a_changed_unit_is_rejected(sealed: Sealed, opening: Opening) -> None:
    """The same integer under other decimals is another quantity."""
    asset = opening.positions[0].asset
    for change, named in (
        ({"decimals": asset.decimals - 1}, "'BTC' with 7"),
        ({"id": "XBT"}, "'XBT' with 8"),
    ):
        position = Position(replace(asset, **change), opening.positions[0].amount)
        forged = replace(opening, positions=(position, *opening.positions[1:]))
        for verify in (check, check_root):
            with rejected(Check.OPENING_POSITIONS, f"{named} decimals is not an asset of the book"):
                verify(sealed, forged)


def test_a_changed_unit_of_book_and_position_is_another_commitment(sealed: Sealed, opening: Opening) -> None:
    """The root hash does not cover the asset list; the generators do."""
    asset = replace(opening.positions[0].asset, decimals=7)
    book = replace(opening.book, assets=(asset, *opening.book.assets[1:]))
    position = Position(asset, opening.positions[0].amount)
    forged = replace(opening, book=book, positions=(position, *opening.positions[1:]))
    with rejected(Check.OPENING_COMMITMENT, "positions and blinding give another commitment"):
        check_root(sealed, forged)


def test_positions_stand_once_in_the_books_order(sealed: Sealed, opening: Opening) -> None:
    first, second = opening.positions
    halves = (Position(first.asset, first.amount - 1), Position(first.asset, 1), second)
    for positions in ((second, first), halves, (first, first)):
        with rejected(Check.OPENING_POSITIONS, "an asset stands twice or out of the book's order"):
            check(sealed, replace(opening, positions=positions))


def commitment_of(sealed: Sealed, opening: Opening) -> list[Opening]:
    """Openings with other positions or another blinding, all else kept."""
    first, second = opening.positions
    more = Position(first.asset, first.amount + 1)
    less = Position(first.asset, -first.amount)
    return [
        replace(opening, positions=(more, second)),
        replace(opening, positions=(less, second)),
        replace(opening, positions=(first,)),
        replace(opening, positions=()),
        replace(opening, positions=(first, Position(opening.book.assets[1], 1), second)),
        replace(opening, blinding=(opening.blinding + 1) % GROUP_ORDER),
        replace(opening, blinding=GROUP_ORDER - opening.blinding),
        replace(opening, blinding=0),
        replace(opening, blinding=sealed.opening("bob").blinding),
    ]


def test_other_positions_or_another_blinding_are_rejected(sealed: Sealed, opening: Opening) -> None:
    for forged in commitment_of(sealed, opening):
        for verify in (check, check_root):
            with rejected(Check.OPENING_COMMITMENT, "give another commitment than the leaf's"):
                verify(sealed, forged)


def test_another_commitment_is_rejected(sealed: Sealed, opening: Opening) -> None:
    for point in (
        sealed.opening("bob").commitment,
        negated(sealed.backend, opening.commitment),
        plus(sealed.backend, opening.commitment, ORDER_THREE),
        IDENTITY,
        bytes(48),
    ):
        with rejected(Check.OPENING_COMMITMENT, "give another commitment than the leaf's"):
            check(sealed, replace(opening, commitment=point))


def test_an_identity_commitment_is_rejected(sealed: Sealed, opening: Opening) -> None:
    """Nothing held and nothing blinded: a commitment that hides nothing."""
    with rejected(Check.OPENING_COMMITMENT, "the commitment is the identity"):
        check(sealed, replace(opening, positions=(), blinding=0, commitment=IDENTITY))


# O7: the published leaf


def test_the_published_leaf_at_the_index_is_compared(tampered: Sealed) -> None:
    opening = tampered.opening("alice")
    other = tampered.opening("bob").leaf_index
    with rejected(Check.OPENING_LEAF, f"the bundle has another leaf at index {other}"):
        check(tampered, replace(opening, leaf_index=other))
    leaves = read_leaves(tampered.bundle)
    mine = leaves[opening.leaf_index]
    for offset in (0, 31, 32, 79):
        changed = bytearray(mine)
        changed[offset] ^= 1
        leaves[opening.leaf_index] = bytes(changed)
        write_leaves(tampered.bundle, leaves)
        with rejected(Check.OPENING_LEAF, f"the bundle has another leaf at index {opening.leaf_index}"):
            check(tampered, opening)


@pytest.mark.parametrize("index", [8, 9, (1 << 32) - 1])
def test_a_leaf_beyond_the_last_is_rejected(sealed: Sealed, opening: Opening, index: int) -> None:
    """Leaves that verify for their holders and are in no total."""
    forged = replace(opening, leaf_index=index)
    with rejected(Check.OPENING_LEAF, f"leaf {index} of a book with 8 leaves"):
        check(sealed, forged)
    with rejected(Check.OPENING_PATH, f"leaf index {index} does not fit a tree of 2\\^3 leaves"):
        check_root(sealed, forged)


def test_the_leaves_are_a_regular_file_of_the_attested_length(tampered_once: Sealed) -> None:
    opening = tampered_once.opening("alice")
    path = tampered_once.bundle / LEAVES_NAME
    data = path.read_bytes()
    for length in (0, len(data) - 1, len(data) + 1, len(data) - LEAF_BYTES):
        path.write_bytes((data + data)[:length])
        with rejected(Check.BUNDLE_FILES, "leaves.bin has not the attested length"):
            check(tampered_once, opening)
    path.unlink()
    with rejected(Check.BUNDLE_FILES, "leaves.bin: No such file"):
        check(tampered_once, opening)
    os.mkfifo(path)
    with rejected(Check.BUNDLE_FILES, "leaves.bin is not a regular file"):
        check(tampered_once, opening)


# O8 to O10: the path


def with_sibling(opening: Opening, level: int, **fields: bytes) -> Opening:
    path = list(opening.path)
    path[level] = replace(path[level], **fields)
    return replace(opening, path=tuple(path))


def test_the_path_has_the_height_of_the_tree(sealed: Sealed, opening: Opening) -> None:
    path = opening.path
    for forged in ((), path[:-1], path[1:], (*path, path[0]), path + path):
        for verify in (check, check_root, check_digest):
            with rejected(Check.OPENING_PATH, f"the path has {len(forged)} levels, the tree has 3"):
                verify(sealed, replace(opening, path=forged))


def test_a_height_stated_along_with_the_path_leads_elsewhere(sealed: Sealed, opening: Opening) -> None:
    """A root hash alone does not state the height: leaves and nodes are hashed apart, so it need not."""
    for count, path in ((4, opening.path[:-1]), (16, (*opening.path, opening.path[0]))):
        book = replace(opening.book, leaf_count=count)
        forged = replace(opening, book=book, path=path, leaf_index=opening.leaf_index % 4)
        with rejected(Check.OPENING_ROOT_HASH, "leaf and path give"):
            check_root(sealed, forged)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_siblings_are_points_and_no_sum_vanishes(sealed: Sealed, opening: Opening, level: int) -> None:
    off_curve = bytes([0x80]) + bytes(46) + b"\x01"
    with rejected(Check.OPENING_PATH, f"sibling sum at level {level}: {decoding_reasons.NOT_ON_CURVE}"):
        check(sealed, with_sibling(opening, level, sum=off_curve))
    with rejected(Check.OPENING_PATH, f"sibling sum at level {level}: {decoding_reasons.COMPRESSION_FLAG}"):
        check(sealed, with_sibling(opening, level, sum=bytes(48)))
    place = (opening.leaf_index >> level) ^ 1
    with rejected(Check.OPENING_PATH, f"sum at level {level}, node {place}, is the identity"):
        check(sealed, with_sibling(opening, level, sum=IDENTITY))


def test_a_sibling_that_cancels_is_rejected(sealed: Sealed, opening: Opening) -> None:
    """The sums above would not depend on this account."""
    forged = with_sibling(opening, 0, sum=negated(sealed.backend, opening.commitment))
    with rejected(Check.OPENING_PATH, f"sum at level 1, node {opening.leaf_index >> 1}, is the identity"):
        check(sealed, forged)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_altered_siblings_lead_elsewhere(sealed: Sealed, opening: Opening, level: int) -> None:
    node = opening.path[level]
    other = sealed.opening("bob").path[level] if level < 2 else opening.path[0]
    for fields in (
        {"hash": bytes([node.hash[0] ^ 1]) + node.hash[1:]},
        {"sum": plus(sealed.backend, node.sum, node.sum)},
        {"sum": plus(sealed.backend, node.sum, ORDER_THREE)},
        {"sum": negated(sealed.backend, node.sum)},
        {"hash": bytes(32), "sum": other.sum},
    ):
        for verify in (check, check_root):
            with rejected(Check.OPENING_ROOT_HASH, "leaf and path give .*, the root is"):
                verify(sealed, with_sibling(opening, level, **fields))


def test_swapped_siblings_lead_elsewhere(sealed: Sealed, opening: Opening) -> None:
    first, second, third = opening.path
    for path in ((second, first, third), (first, third, second), (third, second, first)):
        with rejected(Check.OPENING_ROOT_HASH, "leaf and path give"):
            check(sealed, replace(opening, path=path))


def test_the_root_hash_covers_the_place_of_a_leaf(sealed: Sealed, opening: Opening) -> None:
    for bit in (1, 2, 4, 7):
        with rejected(Check.OPENING_ROOT_HASH, "leaf and path give"):
            check_root(sealed, replace(opening, leaf_index=opening.leaf_index ^ bit))


def test_the_sum_is_computed_and_not_read(sealed: Sealed, opening: Opening) -> None:
    """With a root hash alone, the root's sum in the opening is the exchange's word."""
    honest = opening.book.root.sum
    for forged in (plus(sealed.backend, honest, honest), plus(sealed.backend, honest, ORDER_THREE), IDENTITY):
        book = replace(opening.book, root=SumNode(opening.book.root.hash, forged))
        with rejected(Check.OPENING_ROOT_SUM, f"add up to {honest.hex()}, the root has {forged.hex()}"):
            check_root(sealed, replace(opening, book=book))


def test_a_root_sum_that_the_issuer_signs_wrongly_is_found_by_holders(tampered: Sealed) -> None:
    opening = tampered.opening("alice")
    forged = negated(tampered.backend, opening.book.root.sum)
    resign(tampered.bundle, tampered.issuer, put("book", "root", "sum")(forged.hex()))
    book = replace(opening.book, root=SumNode(opening.book.root.hash, forged))
    with rejected(Check.OPENING_ROOT_SUM, "add up to"):
        check(tampered, replace(opening, book=book))


# Flipped bytes


def test_any_flipped_bit_of_an_opening_is_rejected(sealed_once: Sealed) -> None:
    """Every byte of the file in turn; what is accepted says the same."""
    opening = sealed_once.opening("alice")
    data = opening.to_bytes()
    trusted = TrustedRoot(book_digest=sealed_once.result.digest)
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        with contextlib.suppress(VerificationError):
            verified = verify_opening_against_root(bytes(changed), "alice", trusted, sealed_once.backend)
            assert verified.opening == opening, f"byte {offset}"
