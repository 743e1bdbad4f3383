"""Bundles that must be rejected, each by the check that is there for it."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from Crypto.PublicKey import ECC
from sealing_support import (
    IDENTITY,
    ORDER_THREE,
    Change,
    Sealed,
    describe_files_anew,
    negated,
    plus,
    point_of,
    read_leaves,
    rejected,
    resign,
    sign,
    state_root_anew,
    tag_of,
    write_leaves,
)

from primitives import decoding_reasons, sum_tree
from primitives.attestation import ATTESTATION_NAME, LEAVES_NAME, SIGNATURE_NAME
from primitives.parameters import FIELD_CHARACTERISTIC, LEAF_BYTES, TAG_BYTES
from primitives.signing import public_key_bytes
from primitives.strict_json import MAX_JSON_BYTES, canonical_json
from prover.issuer import Issuer
from verifier import bundle as bundle_module
from verifier.attestation import verify_attestation
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import Check, VerificationError
from verifier.files import read_attested_file, read_range

TESTS: Final = Path(__file__).parent
STATED_FILES: Final = (LEAVES_NAME, "market.json", "model.json")
SIGNED_FILES: Final = (ATTESTATION_NAME, SIGNATURE_NAME)


def verify(sealed: Sealed, issuer_key: bytes | None = None) -> VerifiedBundle:
    return verify_bundle(sealed.bundle, sealed.backend, issuer_key=issuer_key)


def attacker() -> Issuer:
    key = ECC.generate(curve="Ed25519")
    return Issuer("Attacker", public_key_bytes(key), key)


# Accepted


def test_an_untouched_bundle_is_accepted(sealed: Sealed) -> None:
    verified = verify(sealed, sealed.issuer.public_key)
    assert verified.signed.key_expected
    assert verified.attestation.book == sealed.result.book
    assert verified.root == sealed.result.book.root
    assert not verify(sealed).signed.key_expected


def test_the_tree_is_the_same_whatever_the_chunks(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    for height in (0, 1, 2):
        monkeypatch.setattr(sum_tree, "CHUNK_HEIGHT", height)
        monkeypatch.setattr(bundle_module, "CHUNK_HEIGHT", height)
        assert verify(sealed).root == sealed.result.book.root


# Every check has a test


def test_every_check_has_a_test_that_asks_for_it() -> None:
    """Every check of bundles and openings is named in some test."""
    named = {
        node.attr
        for path in TESTS.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Check"
    }
    checks = [check for check in Check if check.value.startswith(("B", "O"))]
    assert len(checks) == 20
    assert [check.name for check in checks if check.name not in named] == []


def test_an_error_names_the_check_and_what_it_asks() -> None:
    error = VerificationError(Check.BUNDLE_FILES, "a detail")
    assert str(error).startswith("check B1-files failed (")
    assert Check.BUNDLE_FILES.title in str(error)
    assert str(error).endswith(": a detail")


# Flipped bytes: every byte of every file


@pytest.mark.parametrize("name", [*SIGNED_FILES, *STATED_FILES])
@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_any_flipped_bit_is_rejected(tampered_once: Sealed, name: str, mask: int) -> None:
    """Upper and lower case of a letter differ by 0x20: hexadecimal digits have one form."""
    path = tampered_once.bundle / name
    honest = path.read_bytes()
    expected = {
        ATTESTATION_NAME: {Check.BUNDLE_ATTESTATION, Check.BUNDLE_SIGNATURE},
        SIGNATURE_NAME: {Check.BUNDLE_SIGNATURE},
    }.get(name, {Check.BUNDLE_DIGESTS})
    stride = 5 if name == LEAVES_NAME or mask != 0x01 else 1
    for offset in [*range(0, len(honest), stride), len(honest) - 1]:
        changed = bytearray(honest)
        changed[offset] ^= mask
        path.write_bytes(changed)
        with pytest.raises(VerificationError) as caught:
            verify(tampered_once)
        assert caught.value.check in expected, f"{name}, byte {offset}: {caught.value}"


def test_a_flipped_bit_of_a_leaf_is_rejected_also_when_the_issuer_signs_it(tampered: Sealed) -> None:
    """The digests are made to fit: the tree decides."""
    honest = (tampered.bundle / LEAVES_NAME).read_bytes()
    issuer = tampered.issuer
    stride = 3 if tampered.backend.name == "native" else 37
    for offset in [*range(0, len(honest), stride), len(honest) - 1]:
        changed = bytearray(honest)
        changed[offset] ^= 1 << (offset % 8)
        (tampered.bundle / LEAVES_NAME).write_bytes(changed)
        resign(tampered.bundle, issuer, describe_files_anew(tampered.bundle))
        with pytest.raises(VerificationError) as caught:
            verify(tampered)
        checks = {Check.BUNDLE_ROOT_HASH} if offset % LEAF_BYTES < TAG_BYTES else {
            Check.BUNDLE_LEAVES, Check.BUNDLE_ROOT_HASH,
        }  # fmt: skip
        assert caught.value.check in checks, f"byte {offset}: {caught.value}"


@pytest.mark.parametrize("name", [*SIGNED_FILES, *STATED_FILES])
def test_cut_extended_and_emptied_files_are_rejected(tampered_once: Sealed, name: str) -> None:
    path = tampered_once.bundle / name
    honest = path.read_bytes()
    for data in (b"", honest[:-1], honest[:1], honest[1:], honest + b"\n", honest + b"\0", honest + honest):
        path.write_bytes(data)
        with pytest.raises(VerificationError) as caught:
            verify(tampered_once)
        if name == ATTESTATION_NAME:
            assert caught.value.check is Check.BUNDLE_ATTESTATION
        elif name == SIGNATURE_NAME:
            too_long = len(data) > len(honest)
            assert caught.value.check is (Check.BUNDLE_FILES if too_long else Check.BUNDLE_SIGNATURE)
        else:
            assert caught.value.check is Check.BUNDLE_DIGESTS
            assert caught.value.detail.startswith(f"{name} has ")


# B1: files


def replace_by_link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


REPLACEMENTS: Final[dict[str, tuple[Callable[[Path], None], str]]] = {
    "link": (replace_by_link, "symbolic link"),
    "pipe": (replace_by_pipe, "not a regular file"),
    "folder": (replace_by_folder, "not a regular file"),
    "nothing": (Path.unlink, "No such file"),
}


@pytest.mark.parametrize("name", SIGNED_FILES)
@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_attestation_and_signature_are_regular_files(tampered_once: Sealed, name: str, kind: str) -> None:
    replace, detail = REPLACEMENTS[kind]
    replace(tampered_once.bundle / name)
    with rejected(Check.BUNDLE_FILES, f"{name}: .*{detail}|{name} is {detail}"):
        verify(tampered_once)


@pytest.mark.parametrize("name", STATED_FILES)
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_listed_files_are_regular_files(tampered_once: Sealed, name: str, kind: str) -> None:
    replace, detail = REPLACEMENTS[kind]
    replace(tampered_once.bundle / name)
    with rejected(Check.BUNDLE_FILES, f"{name}.*{detail}"):
        verify(tampered_once)


@pytest.mark.parametrize("name", [*SIGNED_FILES, *STATED_FILES])
def test_a_file_that_cannot_be_read_is_rejected(
    sealed_once: Sealed, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated, since the superuser reads every file."""
    opened = os.open

    def refuse(path: Any, *rest: Any, **named: Any) -> int:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    with rejected(Check.BUNDLE_FILES, f"{name}: Permission denied"):
        verify(sealed_once)


def test_leaves_that_cannot_be_read_a_second_time_are_rejected(
    sealed_once: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, times = os.open, [0]

    def refuse(path: Any, *rest: Any, **named: Any) -> int:
        times[0] += Path(path).name == LEAVES_NAME
        if times[0] == 2:
            raise OSError(5, "Input/output error", str(path))
        return opened(path, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    with rejected(Check.BUNDLE_FILES, f"{LEAVES_NAME}: Input/output error"):
        verify(sealed_once)


def test_an_oversize_attestation_is_not_parsed(tampered_once: Sealed) -> None:
    os.truncate(tampered_once.bundle / ATTESTATION_NAME, MAX_JSON_BYTES + 1)
    with rejected(Check.BUNDLE_FILES, f"{ATTESTATION_NAME} has more than {MAX_JSON_BYTES} bytes"):
        verify(tampered_once)


def test_a_missing_folder_and_a_file_in_its_place_are_rejected(tmp_path: Path, sealed_once: Sealed) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, detail in (("nothing", "No such file"), ("file", "Not a directory")):
        with rejected(Check.BUNDLE_FILES, f"{ATTESTATION_NAME}: {detail}"):
            verify_bundle(tmp_path / name, sealed_once.backend, issuer_key=None)


def test_parts_of_files_are_whole(tampered_once: Sealed) -> None:
    """What claims read: a range of a file, and a listed file compared with its digest as it is used."""
    bundle, attestation = tampered_once.bundle, verify(tampered_once).attestation
    leaves = read_leaves(bundle)
    assert read_range(bundle, LEAVES_NAME, 80, 160) == leaves[1] + leaves[2]
    with rejected(Check.BUNDLE_FILES, f"{LEAVES_NAME} is shorter than attested"):
        read_range(bundle, LEAVES_NAME, 80 * 8 - 1, 2)
    with rejected(Check.BUNDLE_FILES, "nothing: No such file"):
        read_range(bundle, "nothing", 0, 1)
    market = (bundle / "market.json").read_bytes()
    assert read_attested_file(bundle, attestation, "market.json", maximum=100) == market
    with rejected(Check.BUNDLE_FILES, r"market\.json has more than 14 bytes"):
        read_attested_file(bundle, attestation, "market.json", maximum=14)
    (bundle / "market.json").write_bytes(market[::-1])
    with rejected(Check.BUNDLE_DIGESTS, r"market\.json has SHA-256"):
        read_attested_file(bundle, attestation, "market.json", maximum=100)


# B2: the attestation's form, signed by the issuer itself


def put(*path: str | int) -> Callable[[Any], Change]:
    """``put("a", 0, "b")(value)`` is the change ``document["a"][0]["b"] = value``."""

    def to(value: Any) -> Change:
        def change(document: Any) -> None:
            for key in path[:-1]:
                document = document[key]
            document[path[-1]] = value

        return change

    return to


def drop(*path: str | int) -> Change:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def shifted_file(name: str) -> Change:
    return put("files", 1, "name")(name)


FORMS: Final[dict[str, tuple[Change, str]]] = {
    "other format": (put("format")("sealedbook/attestation/v2"), r"\$\.format: expected 'sealedbook"),
    "other book format": (put("book", "format")("x"), r"\$\.book\.format: expected"),
    "no format": (drop("format"), "field 'format' is missing"),
    "unknown field": (put("extra")(1), "unknown field 'extra'"),
    "unknown field in the book": (put("book", "extra")(1), r"\$\.book: unknown field"),
    "unknown field of the issuer": (put("book", "issuer", "web")("x"), r"issuer: unknown field"),
    "unknown field of an asset": (put("book", "assets", 0, "name")("x"), r"assets\[0\]: unknown field"),
    "unknown field of the leaves": (put("book", "leaves", "x")(1), r"leaves: unknown field"),
    "unknown field of the root": (put("book", "root", "x")(1), r"root: unknown field"),
    "unknown field of a file": (put("files", 0, "x")(1), r"files\[0\]: unknown field"),
    "no root": (drop("book", "root"), "field 'root' is missing"),
    "no claims": (drop("claims"), "field 'claims' is missing"),
    "book is text": (put("book")("x"), "expected an object, found text"),
    "files is an object": (put("files")({}), "expected an array, found an object"),
    "name too long": (put("book", "issuer", "name")("x" * 201), "longer than 200"),
    "empty name": (put("book", "issuer", "name")(""), "is empty"),
    "blank at the end of the name": (put("book", "issuer", "name")("x "), "surrounding blanks"),
    "escape sequence in the name": (put("book", "issuer", "name")("\x1b[2J"), "control characters"),
    "short key": (put("book", "issuer", "public_key")("00" * 31), "expected 32 bytes"),
    "capital digits": (put("book", "root", "hash")("AB" * 32), "expected 32 bytes in lower-case"),
    "short sum": (put("book", "root", "sum")("c0" + "00" * 46), "expected 48 bytes"),
    "30 February": (put("book", "as_of")("2026-02-30T00:00:00Z"), "is not a UTC time"),
    "24 o'clock": (put("book", "as_of")("2026-01-31T24:00:00Z"), "is not a UTC time"),
    "other zone": (put("book", "as_of")("2026-01-31T00:00:00+01:00"), "is not a UTC time"),
    "other digits": (put("book", "as_of")("\u0662026-01-31T00:00:00Z"), "is not a UTC time"),
    "fraction of a second": (put("book", "as_of")("2026-01-31T00:00:00.5Z"), "is not a UTC time"),
    "no assets": (put("book", "assets")([]), "0 assets"),
    "an asset twice": (put("book", "assets", 1, "id")("BTC"), "'BTC' is already asset 0"),
    "19 decimals": (put("book", "assets", 0, "decimals")(19), "decimals is not an integer from 0 to 18"),
    "decimals are true": (put("book", "assets", 0, "decimals")(True), "expected an integer"),
    "unprintable asset": (put("book", "assets", 0, "id")("B\u202eTC"), "cannot be printed"),
    "three leaves": (put("book", "leaves", "count")(3), "leaf count 3 is not a power of two"),
    "no leaves": (put("book", "leaves", "count")(0), "0 is not between 1 and"),
    "2^33 leaves": (put("book", "leaves", "count")(1 << 33), "is not between 1 and 4294967296"),
    "leaves of another digest": (put("book", "leaves", "sha256")("00" * 32), "is not listed with the digest"),
    "leaves not listed": (drop("files", 0), "is not listed with the digest"),
    "unsorted files": (lambda d: d["files"].reverse(), "not in order of their names"),
    "a file twice": (shifted_file("model.json"), "or one appears twice"),
    "a file outside": (shifted_file("../market.json"), "not a name a bundle file may have"),
    "an absolute file": (shifted_file("/etc/passwd"), "not a name a bundle file may have"),
    "a hidden file": (shifted_file(".market.json"), "not a name a bundle file may have"),
    "a capital": (shifted_file("Market.json"), "not a name a bundle file may have"),
    "two folders": (shifted_file("m/n/o.json"), "not a name a bundle file may have"),
    "newline after the name": (shifted_file("market.json\n"), "not a name a bundle file may have"),
    "the attestation lists itself": (shifted_file(ATTESTATION_NAME), "not a name a bundle file may have"),
    "the attestation lists its signature": (shifted_file(SIGNATURE_NAME), "not a name a bundle file"),
    "negative length": (put("files", 1, "bytes")(-1), "-1 is not between 0"),
    "length as text": (put("files", 1, "bytes")("1"), "expected an integer, found text"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMS)
def test_the_form_of_the_attestation(tampered_once: Sealed, case: str) -> None:
    change, detail = FORMS[case]
    resign(tampered_once.bundle, tampered_once.issuer, change)
    with rejected(Check.BUNDLE_ATTESTATION, detail):
        verify(tampered_once)


@pytest.mark.parametrize(
    ("edit", "detail"),
    [
        (lambda data: data + b"\n", "not in canonical form"),
        (lambda data: data.replace(b'"files":', b'"files": '), "not in canonical form"),
        (lambda data: data.replace(b'"claims":[],', b"")[:-1] + b',"claims":[]}', "not in canonical form"),
        (lambda data: data.replace(b"Test", b"T\\u0065st"), "not in canonical form"),
        (lambda data: data.replace(b'"decimals":8', b'"decimals":8.0'), "8.0 is not an integer"),
        (lambda data: data.replace(b'"decimals":8', b'"decimals":NaN'), "NaN is not an integer"),
        (lambda data: data.replace(b'"decimals":8', b'"decimals":8,"decimals":8'), "appears twice"),
        (lambda data: b"\xef\xbb\xbf" + data, "not JSON"),
        (lambda data: b"\xff" + data, "not UTF-8 at byte 0"),
        (lambda data: b"[" * 100_000, "nested more than 64 levels"),
        (lambda data: b"null", "expected an object, found null"),
        (lambda data: b"", "not JSON"),
    ],
)
def test_one_form_of_the_bytes(tampered_once: Sealed, edit: Callable[[bytes], bytes], detail: str) -> None:
    data = (tampered_once.bundle / ATTESTATION_NAME).read_bytes()
    changed = edit(data)
    assert changed != data
    sign(tampered_once.bundle, changed, tampered_once.issuer)
    with rejected(Check.BUNDLE_ATTESTATION, detail):
        verify(tampered_once)


# B3 and B4: who signed


def test_the_issuer_key_is_pinned(sealed_once: Sealed) -> None:
    key = sealed_once.issuer.public_key
    other = attacker().public_key
    with rejected(Check.BUNDLE_ISSUER, f"signed by {key.hex()}, you expect {other.hex()}"):
        verify(sealed_once, other)
    with rejected(Check.BUNDLE_ISSUER, "you expect"):
        verify(sealed_once, key[:-1])
    with rejected(Check.BUNDLE_ISSUER, "you expect"):
        verify(sealed_once, b"")


def test_a_bundle_of_the_attackers_own_is_caught_by_the_pinned_key_alone(tampered_once: Sealed) -> None:
    """Without a pinned key, the result says that the key is nobody's in particular."""
    honest, other = tampered_once.issuer, attacker()
    resign(tampered_once.bundle, other, put("book", "issuer", "public_key")(other.public_key.hex()))
    assert not verify(tampered_once).signed.key_expected
    with rejected(Check.BUNDLE_ISSUER, "you expect"):
        verify(tampered_once, honest.public_key)


def test_the_signature_is_the_named_keys(tampered_once: Sealed) -> None:
    resign(tampered_once.bundle, attacker())
    with rejected(Check.BUNDLE_SIGNATURE, "does not match the attestation and the key"):
        verify(tampered_once)


def test_the_signature_is_over_the_labelled_bytes(tampered_once: Sealed) -> None:
    from Crypto.Signature import eddsa

    data = (tampered_once.bundle / ATTESTATION_NAME).read_bytes()
    bare = eddsa.new(tampered_once.issuer._private_key, "rfc8032").sign(data)
    (tampered_once.bundle / SIGNATURE_NAME).write_bytes(bare.hex().encode() + b"\n")
    with rejected(Check.BUNDLE_SIGNATURE, "does not match"):
        verify(tampered_once)


@pytest.mark.parametrize(
    ("edit", "detail"),
    [
        (lambda text: text.upper(), "lower-case hexadecimal digits"),
        (lambda text: b" " + text[:-2] + b"\n", "lower-case hexadecimal digits"),
        (lambda text: text[:-1], "is not 128 hexadecimal digits and a newline"),
        (lambda text: text[:-1] + b"0", "is not 128 hexadecimal digits and a newline"),
        (lambda text: b"0" * 128 + b"\n", "does not match|malformed"),
    ],
)
def test_the_form_of_the_signature(
    tampered_once: Sealed, edit: Callable[[bytes], bytes], detail: str
) -> None:
    path = tampered_once.bundle / SIGNATURE_NAME
    path.write_bytes(edit(path.read_bytes()))
    with rejected(Check.BUNDLE_SIGNATURE, detail):
        verify(tampered_once)


def test_a_second_form_of_a_signature_is_rejected(tampered_once: Sealed) -> None:
    """s + L for the group order L of Ed25519: RFC 8032, section 5.1.7 has s below L."""
    order = 2**252 + 27742317777372353535851937790883648493
    path = tampered_once.bundle / SIGNATURE_NAME
    signature = bytes.fromhex(path.read_text())
    s = int.from_bytes(signature[32:], "little") + order
    path.write_text((signature[:32] + s.to_bytes(32, "little")).hex() + "\n")
    with rejected(Check.BUNDLE_SIGNATURE, "its scalar is not below the group order"):
        verify(tampered_once)


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        (b"\x01" + bytes(31), "small order"),
        (bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "small order"),
        (b"\x01" + bytes(30) + b"\x80", "not in canonical form"),
        (b"\x02" + bytes(31), "not the encoding of a curve point"),
    ],
)
def test_issuer_keys_that_anybody_can_sign_for_are_rejected(
    tampered_once: Sealed, key: bytes, detail: str
) -> None:
    """R = identity, s = 0 verifies under a key of small order, for (nearly) every message."""
    resign(tampered_once.bundle, attacker(), put("book", "issuer", "public_key")(key.hex()))
    (tampered_once.bundle / SIGNATURE_NAME).write_text("01" + "00" * 63 + "\n")
    with rejected(Check.BUNDLE_SIGNATURE, detail):
        verify_attestation(tampered_once.bundle, issuer_key=key)


# B5: exactly the files listed


def test_a_missing_file_is_named(tampered_once: Sealed) -> None:
    for name in STATED_FILES:
        hidden = tampered_once.folder / "hidden"
        (tampered_once.bundle / name).rename(hidden)
        with rejected(Check.BUNDLE_LISTING, f"{name} is missing"):
            verify(tampered_once)
        hidden.rename(tampered_once.bundle / name)


def test_a_renamed_file_is_missing(tampered_once: Sealed) -> None:
    (tampered_once.bundle / "market.json").rename(tampered_once.bundle / "market2.json")
    with rejected(Check.BUNDLE_LISTING, r"market\.json is missing"):
        verify(tampered_once)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda bundle: (bundle / "zzz").write_bytes(b""), "'zzz'"),
        (lambda bundle: (bundle / ".hidden").write_bytes(b"x"), "'.hidden'"),
        (lambda bundle: (bundle / "aaa\n\x1b[2J").write_bytes(b""), r"'aaa\\n\\x1b\[2J'"),
        (lambda bundle: (bundle / "empty").mkdir(), "'empty'"),
        (lambda bundle: (bundle / "deep" / "er").mkdir(parents=True), "'deep'"),
        (lambda bundle: os.symlink(bundle.parent / "vault", bundle / "folder-link"), "'folder-link'"),
        (lambda bundle: os.symlink("nowhere", bundle / "dangling"), "'dangling'"),
        (lambda bundle: os.mkfifo(bundle / "pipe"), "'pipe'"),
    ],
)
def test_an_added_file_is_named(tampered_once: Sealed, make: Callable[[Path], object], name: str) -> None:
    make(tampered_once.bundle)
    with rejected(Check.BUNDLE_LISTING, f"{name} is not in the attestation"):
        verify(tampered_once)


def in_a_folder(sealed: Sealed) -> Path:
    """The market document, listed in a folder of its own."""
    folder = sealed.bundle / "public"
    folder.mkdir()
    (sealed.bundle / "market.json").rename(folder / "market.json")

    def change(document: Any) -> None:
        document["files"][1]["name"] = "public/market.json"
        document["files"].sort(key=lambda entry: entry["name"])

    resign(sealed.bundle, sealed.issuer, change)
    return folder


def test_folders_with_listed_files_are_entered_and_nothing_else_may_be_there(tampered_once: Sealed) -> None:
    folder = in_a_folder(tampered_once)
    verify(tampered_once)
    (folder / "more").write_bytes(b"")
    with rejected(Check.BUNDLE_LISTING, "'public/more' is not in the attestation"):
        verify(tampered_once)


def test_a_link_to_a_folder_with_listed_files_is_rejected(tampered_once: Sealed) -> None:
    folder = in_a_folder(tampered_once)
    shutil.move(folder, tampered_once.folder / "public")
    folder.symlink_to(tampered_once.folder / "public")
    with rejected(Check.BUNDLE_LISTING, "public/market.json is missing"):
        verify(tampered_once)


def test_a_folder_that_cannot_be_listed_is_rejected(
    tampered_once: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """os.walk passes over such folders in silence unless told otherwise."""
    in_a_folder(tampered_once)
    scan = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "public":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with rejected(Check.BUNDLE_LISTING, "cannot list .*: Permission denied"):
        verify(tampered_once)


def test_the_number_of_files_is_bounded(tampered_once: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "_MAX_LISTED", 4)
    with rejected(Check.BUNDLE_LISTING, "more than 4 files"):
        verify(tampered_once)


# B6: digests


def test_swapped_files_are_rejected(tampered_once: Sealed) -> None:
    """The two documents have one length."""
    first, second = tampered_once.bundle / "market.json", tampered_once.bundle / "model.json"
    one, other = first.read_bytes(), second.read_bytes()
    assert len(one) == len(other)
    first.write_bytes(other)
    second.write_bytes(one)
    with rejected(Check.BUNDLE_DIGESTS, r"market\.json has SHA-256 .* attested is"):
        verify(tampered_once)


def test_a_wrong_length_is_found_before_the_digest(tampered_once: Sealed) -> None:
    resign(tampered_once.bundle, tampered_once.issuer, put("files", 1, "bytes")(7))
    with rejected(Check.BUNDLE_DIGESTS, r"market\.json has 15 bytes, attested are 7"):
        verify(tampered_once)


@pytest.mark.parametrize("change", ["other tag", "shorter"])
def test_leaves_that_change_between_two_readings_are_rejected(tampered_once: Sealed, change: str) -> None:
    """The digest is taken again over the very bytes that the tree is made of."""
    path = tampered_once.bundle / LEAVES_NAME

    def interfere(stage: str, done: int, total: int) -> None:
        if stage == "Checking digests" and done == total:
            data = path.read_bytes()
            path.write_bytes(bytes([data[0] ^ 1]) + data[1:] if change == "other tag" else data[:-1])

    detail = "has SHA-256" if change == "other tag" else "changed while it was read"
    with rejected(Check.BUNDLE_DIGESTS, f"{LEAVES_NAME} {detail}"):
        verify_bundle(tampered_once.bundle, tampered_once.backend, issuer_key=None, progress=interfere)


# B7: leaves, signed by the issuer with digests that fit


def forge_leaves(sealed: Sealed, edit: Callable[[list[bytes]], list[bytes]], *, root: bool = False) -> None:
    """Alter the leaves, then make digests (and the root, if asked for) fit and sign."""
    write_leaves(sealed.bundle, edit(read_leaves(sealed.bundle)))
    resign(sealed.bundle, sealed.issuer, describe_files_anew(sealed.bundle))
    if root:
        resign(sealed.bundle, sealed.issuer, state_root_anew(sealed.bundle, sealed.backend))


def with_point(index: int, encoding: bytes) -> Callable[[list[bytes]], list[bytes]]:
    def edit(leaves: list[bytes]) -> list[bytes]:
        leaves[index] = tag_of(leaves[index]) + encoding
        return leaves

    return edit


OFF_CURVE: Final = bytes([0x80]) + bytes(46) + b"\x01"
TOO_LARGE: Final = (FIELD_CHARACTERISTIC | 1 << 383).to_bytes(48, "big")
ENCODINGS: Final = {
    "x off the curve": (OFF_CURVE, decoding_reasons.NOT_ON_CURVE),
    "x = p": (TOO_LARGE, decoding_reasons.COORDINATE_RANGE),
    "no flag": (bytes([0x00]) + ORDER_THREE[1:], decoding_reasons.COMPRESSION_FLAG),
    "identity and more": (IDENTITY[:-1] + b"\x01", decoding_reasons.IDENTITY_BITS),
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_a_leaf_that_is_no_canonical_point_is_rejected(tampered: Sealed, case: str) -> None:
    encoding, reason = ENCODINGS[case]
    forge_leaves(tampered, with_point(5, encoding))
    with rejected(Check.BUNDLE_LEAVES, f"commitment of leaf 5: {reason}"):
        verify(tampered)


def test_the_leaf_is_named_across_chunks(tampered_once: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sum_tree, "CHUNK_HEIGHT", 1)
    monkeypatch.setattr(bundle_module, "CHUNK_HEIGHT", 1)
    forge_leaves(tampered_once, with_point(5, OFF_CURVE))
    with rejected(Check.BUNDLE_LEAVES, "commitment of leaf 5: "):
        verify(tampered_once)


def test_an_identity_leaf_is_rejected(tampered: Sealed) -> None:
    forge_leaves(tampered, with_point(3, IDENTITY))
    with rejected(Check.BUNDLE_LEAVES, "sum at level 0, node 3, is the identity"):
        verify(tampered)


@pytest.mark.parametrize(
    ("sources", "level", "node"), [({6: 7}, 1, 3), ({2: 0, 3: 1}, 2, 0), ({4: 0, 5: 1, 6: 2, 7: 3}, 3, 0)]
)
@pytest.mark.parametrize("chunk_height", [14, 1])
def test_leaves_that_cancel_are_rejected(
    tampered: Sealed,
    monkeypatch: pytest.MonkeyPatch,
    sources: dict[int, int],
    level: int,
    node: int,
    chunk_height: int,
) -> None:
    """An inner sum that vanishes says nothing about what lies under it; the root's least of all."""
    monkeypatch.setattr(sum_tree, "CHUNK_HEIGHT", chunk_height)
    monkeypatch.setattr(bundle_module, "CHUNK_HEIGHT", chunk_height)

    def edit(leaves: list[bytes]) -> list[bytes]:
        for target, source in sources.items():
            leaves[target] = tag_of(leaves[target]) + negated(tampered.backend, point_of(leaves[source]))
        return leaves

    forge_leaves(tampered, edit)
    with rejected(Check.BUNDLE_LEAVES, f"sum at level {level}, node {node}, is the identity"):
        verify(tampered)


def test_two_leaves_with_one_tag_are_rejected(tampered: Sealed) -> None:
    def edit(leaves: list[bytes]) -> list[bytes]:
        leaves[6] = tag_of(leaves[1]) + point_of(leaves[6])
        return leaves

    forge_leaves(tampered, edit, root=True)
    with rejected(Check.BUNDLE_LEAVES, "leaves 1 and 6 have one tag"):
        verify(tampered)


def test_tags_that_begin_alike_are_no_duplicates(tampered_once: Sealed) -> None:
    def edit(leaves: list[bytes]) -> list[bytes]:
        return [leaves[0][:8] + leaf[8:] for leaf in leaves]

    forge_leaves(tampered_once, edit, root=True)
    verify(tampered_once)


@pytest.mark.parametrize("count", [4, 16])
def test_the_leaves_take_the_bytes_that_their_number_says(tampered_once: Sealed, count: int) -> None:
    resign(tampered_once.bundle, tampered_once.issuer, put("book", "leaves", "count")(count))
    with rejected(Check.BUNDLE_LEAVES, f"has 640 bytes, {count} leaves take {80 * count}"):
        verify(tampered_once)


def test_a_leaf_outside_the_subgroup_is_left_to_its_holder(tampered: Sealed) -> None:
    """Group equations are checked times the cofactor, and a holder compares the leaf as bytes (O6, O7)."""

    def edit(leaves: list[bytes]) -> list[bytes]:
        leaves[0] = tag_of(leaves[0]) + plus(tampered.backend, point_of(leaves[0]), ORDER_THREE)
        return leaves

    forge_leaves(tampered, edit, root=True)
    verify(tampered)


# B8 and B9: the root


def test_a_wrong_root_hash_is_rejected(tampered: Sealed) -> None:
    honest = tampered.result.book.root.hash.hex()
    resign(tampered.bundle, tampered.issuer, put("book", "root", "hash")("00" * 32))
    with rejected(Check.BUNDLE_ROOT_HASH, f"have root {honest}, attested is {'00' * 32}"):
        verify(tampered)


def test_leaves_in_another_order_have_another_root(tampered: Sealed) -> None:
    forge_leaves(tampered, lambda leaves: [*leaves[1::-1], *leaves[2:]])
    with rejected(Check.BUNDLE_ROOT_HASH, "have root"):
        verify(tampered)


def test_a_left_out_account_changes_the_root(tampered: Sealed) -> None:
    """Its leaf is taken by one of the attacker's own; sums of padding leaves look like any other."""
    other = plus(tampered.backend, point_of(read_leaves(tampered.bundle)[0]), tampered.result.book.root.sum)
    forge_leaves(tampered, with_point(0, other))
    with rejected(Check.BUNDLE_ROOT_HASH, "have root"):
        verify(tampered)


@pytest.mark.parametrize("kind", ["doubled", "negated", "identity", "torsion", "not a point"])
def test_a_wrong_root_sum_is_rejected(tampered: Sealed, kind: str) -> None:
    honest = tampered.result.book.root.sum
    forged = {
        "doubled": plus(tampered.backend, honest, honest),
        "negated": negated(tampered.backend, honest),
        "identity": IDENTITY,
        "torsion": plus(tampered.backend, honest, ORDER_THREE),
        "not a point": bytes(48),
    }[kind]
    resign(tampered.bundle, tampered.issuer, put("book", "root", "sum")(forged.hex()))
    with rejected(Check.BUNDLE_ROOT_SUM, f"sum to {honest.hex()}, attested is {forged.hex()}"):
        verify(tampered)


def test_canonical_bytes_and_json_agree(sealed_once: Sealed) -> None:
    """What `resign` does without a change is nothing: the tests above alter what they say and no more."""
    data = (sealed_once.bundle / ATTESTATION_NAME).read_bytes()
    assert canonical_json(json.loads(data)) == data


def test_a_file_that_is_not_listed_has_no_entry(sealed_once: Sealed) -> None:
    attestation = verify(sealed_once).attestation
    assert attestation.file(LEAVES_NAME).size == 8 * LEAF_BYTES
    with pytest.raises(KeyError, match="nothing"):
        attestation.file("nothing")
