"""Issuer keys, secret files and vaults: with and without passphrase, damaged, and silent about secrets."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, Final

import pytest
from Crypto.PublicKey import ECC
from sealing_support import AS_OF, AVAILABLE_BACKENDS, ISSUER, write_book

from primitives.backends import get_backend
from primitives.errors import DecodingError
from primitives.signing import (
    SignatureMismatchError,
    public_key_bytes,
    sign_attestation,
    verify_attestation_signature,
)
from prover import secret_file
from prover.commit import seal_book
from prover.errors import PublicationError, VaultError
from prover.issuer import KEY_NAME, NAME_NAME, check_issuer_name, create_issuer, load_issuer
from prover.openings import make_opening
from prover.secret_file import read_secret, write_private, write_secret
from prover.vault import Vault

SECRET: Final = bytes(range(100, 132))
KIND: Final = "epoch-key"
PASSPHRASES: Final = [
    "correct horse",
    "\u043f\u0430\u0440\u043e\u043b\u044c",
    "\u5bc6\u7801 \U0001f511",
    "x" * 2000,
]


@pytest.fixture
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost is a number in the code of secret files: less of it here (the real one has a test too)."""
    monkeypatch.setattr(secret_file, "_SCRYPT_COST", 1 << 4)


def rewrite(path: Path, **fields: Any) -> None:
    document = json.loads(path.read_bytes()) | fields
    path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))


# Private files


def test_private_files_are_new_and_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.umask(0)
    try:
        write_private(path, b"data")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(PublicationError, match=r"cannot write .*file: File exists"):
        write_private(path, b"other")
    assert path.read_bytes() == b"data"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    with pytest.raises(PublicationError, match="File exists"):
        write_private(link, b"data")
    assert not (tmp_path / "target").exists()


def test_a_private_file_that_cannot_be_finished_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(PublicationError, match="No space left on device"):
        write_private(tmp_path / "file", b"data")
    assert list(tmp_path.iterdir()) == []


# Secret files


@pytest.mark.parametrize("passphrase", [None, *PASSPHRASES])
@pytest.mark.usefixtures("cheap_scrypt")
def test_a_secret_is_read_back(tmp_path: Path, passphrase: str | None) -> None:
    path = tmp_path / "secret"
    write_secret(path, KIND, SECRET, passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secret(path, KIND, 32, passphrase) == SECRET
    assert (SECRET.hex().encode() in path.read_bytes()) == (passphrase is None)


def test_the_cost_of_a_passphrase(tmp_path: Path) -> None:
    """N = 2^17, r = 8, p = 1, AES-256-GCM with the kind authenticated: computed here by the standards' names."""
    import hashlib

    from Crypto.Cipher import AES

    path = tmp_path / "secret"
    write_secret(path, KIND, SECRET, "correct horse")
    assert read_secret(path, KIND, 32, "correct horse") == SECRET
    document = json.loads(path.read_bytes())
    raw = {name: bytes.fromhex(document[name]) for name in ("salt", "nonce", "tag", "data")}
    key = hashlib.scrypt(b"correct horse", salt=raw["salt"], n=1 << 17, r=8, p=1, dklen=32, maxmem=1 << 28)
    cipher = AES.new(key, AES.MODE_GCM, nonce=raw["nonce"], mac_len=16)
    cipher.update(KIND.encode())
    assert cipher.decrypt_and_verify(raw["data"], raw["tag"]) == SECRET
    assert [len(raw[name]) for name in ("salt", "nonce", "tag")] == [16, 12, 16]


@pytest.mark.usefixtures("cheap_scrypt")
def test_salt_and_nonce_are_fresh(tmp_path: Path) -> None:
    documents = []
    for name in ("first", "second"):
        write_secret(tmp_path / name, KIND, SECRET, "correct horse")
        documents.append(json.loads((tmp_path / name).read_bytes()))
    for field in ("salt", "nonce", "data", "tag"):
        assert documents[0][field] != documents[1][field]


@pytest.mark.usefixtures("cheap_scrypt")
def test_a_passphrase_is_needed_and_must_be_right(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_secret(path, KIND, SECRET, "correct horse")
    with pytest.raises(VaultError, match="is encrypted: give its passphrase"):
        read_secret(path, KIND, 32, None)
    for wrong in ("Correct horse", "correct horse ", "", "\u043f\u0430\u0440\u043e\u043b\u044c"):
        with pytest.raises(VaultError, match="wrong passphrase, or the file was altered") as caught:
            read_secret(path, KIND, 32, wrong)
        assert not wrong or wrong not in str(caught.value)
    with pytest.raises(VaultError, match="not UTF-8 text"):
        read_secret(path, KIND, 32, "\udcff")
    with pytest.raises(VaultError, match="not UTF-8 text"):
        write_secret(tmp_path / "other", KIND, SECRET, "\udcff")
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("cheap_scrypt")
def test_every_part_of_an_encrypted_secret_is_authenticated(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_secret(path, KIND, SECRET, "correct horse")
    honest = path.read_bytes()
    document = json.loads(honest)
    for field in ("salt", "nonce", "tag", "data"):
        first = "0" if document[field][0] != "0" else "1"
        rewrite(path, **{field: first + document[field][1:]})
        with pytest.raises(VaultError, match="wrong passphrase, or the file was altered"):
            read_secret(path, KIND, 32, "correct horse")
        path.write_bytes(honest)
    # A secret of another kind is not taken for this one, even by whoever renames its kind.
    with pytest.raises(VaultError, match=r"\$\.kind: expected 'proof-seed'"):
        read_secret(path, "proof-seed", 32, "correct horse")
    rewrite(path, kind="proof-seed")
    with pytest.raises(VaultError, match="wrong passphrase, or the file was altered"):
        read_secret(path, "proof-seed", 32, "correct horse")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"format": "sealedbook/secret/v2"}, r"\$\.format: expected"),
        ({"protection": "rot13"}, r"\$\.protection: 'rot13' is not a protection known here"),
        ({"protection": None}, "field 'protection' is missing"),
        ({"data": "00" * 31}, "expected 32 bytes"),
        ({"data": "AB" * 32}, "expected 32 bytes in lower-case"),
        ({"extra": "x"}, "unknown field 'extra'"),
    ],
)
def test_the_form_of_a_secret_file(tmp_path: Path, fields: dict[str, Any], detail: str) -> None:
    path = tmp_path / "secret"
    write_secret(path, KIND, SECRET, None)
    rewrite(path, **fields)
    with pytest.raises(VaultError, match=detail) as caught:
        read_secret(path, KIND, 32, None)
    assert SECRET.hex() not in str(caught.value)


def test_no_secret_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"cannot read .*: No such file"):
        read_secret(tmp_path / "nothing", KIND, 32, None)
    (tmp_path / "garbage").write_bytes(b"\xff\x00")
    with pytest.raises(VaultError, match="is not a secret file of kind 'epoch-key'"):
        read_secret(tmp_path / "garbage", KIND, 32, None)


# The issuer


@pytest.mark.parametrize("passphrase", [None, "correct horse", "\u5bc6\u7801 \U0001f511"])
def test_an_issuer_is_read_back_and_signs(tmp_path: Path, passphrase: str | None) -> None:
    made = create_issuer(tmp_path, ISSUER, passphrase)
    read = load_issuer(tmp_path, passphrase)
    assert (read.name, read.public_key) == (made.name, made.public_key) == (ISSUER, made.public_key)
    assert (tmp_path / "issuer.pub").read_text() == made.public_key.hex() + "\n"
    assert ("ENCRYPTED" in (tmp_path / KEY_NAME).read_text()) == (passphrase is not None)
    assert read.sign(b"attestation") == made.sign(b"attestation")
    verify_attestation_signature(made.public_key, b"attestation", read.sign(b"attestation"))
    with pytest.raises(SignatureMismatchError, match="does not match"):
        verify_attestation_signature(made.public_key, b"attestation ", read.sign(b"attestation"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {KEY_NAME: 0o600, NAME_NAME: 0o600, "issuer.pub": 0o644}
    if passphrase is not None:
        with pytest.raises(VaultError, match="is encrypted: give its passphrase"):
            load_issuer(tmp_path, None)
        with pytest.raises(VaultError, match="wrong passphrase, or the file was altered"):
            load_issuer(tmp_path, passphrase + "x")


def test_an_issuer_key_is_never_overwritten(tmp_path: Path) -> None:
    made = create_issuer(tmp_path, ISSUER, None)
    with pytest.raises(VaultError, match="already holds an issuer key; it is never overwritten"):
        create_issuer(tmp_path, "Other", None)
    assert load_issuer(tmp_path, None).public_key == made.public_key


@pytest.mark.parametrize("name", ["", " x", "x ", "x\ny", "\x1b[2J", "x" * 201, "\udcff", "x\u202ey"])
def test_names_that_attestations_refuse(tmp_path: Path, name: str) -> None:
    with pytest.raises(VaultError, match="is not 1 to 200 printable characters"):
        check_issuer_name(name)
    with pytest.raises(VaultError, match="is not 1 to 200 printable characters"):
        Vault.create(tmp_path / "vault", name, None)
    assert not (tmp_path / "vault").exists()


def test_damaged_issuer_files_are_reported(tmp_path: Path) -> None:
    """Flipped bytes: a `VaultError`, or a key that still signs for somebody."""
    create_issuer(tmp_path, ISSUER, None)
    path = tmp_path / KEY_NAME
    honest = path.read_bytes()
    noticed = 0
    for offset in range(len(honest)):
        changed = bytearray(honest)
        changed[offset] ^= 0x05
        path.write_bytes(changed)
        try:
            load_issuer(tmp_path, None)
        except VaultError:
            noticed += 1
    assert noticed > len(honest) // 2
    for data in (b"", b"\xff", honest[: len(honest) // 2], b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"):
        path.write_bytes(data)
        with pytest.raises(VaultError, match=r"damaged|not an Ed25519 private key|wrong passphrase"):
            load_issuer(tmp_path, "passphrase")


def test_other_keys_are_no_issuer_keys(tmp_path: Path) -> None:
    create_issuer(tmp_path, ISSUER, None)
    own = ECC.import_key((tmp_path / KEY_NAME).read_text())
    for pem in (
        ECC.generate(curve="P-256").export_key(format="PEM"),
        ECC.generate(curve="Ed448").export_key(format="PEM"),
        own.public_key().export_key(format="PEM"),
    ):
        (tmp_path / KEY_NAME).write_text(pem)
        with pytest.raises(VaultError, match="not an Ed25519 private key"):
            load_issuer(tmp_path, None)


@pytest.mark.parametrize(
    ("name", "data", "detail"),
    [
        (NAME_NAME, b"", "are damaged"),
        (NAME_NAME, b'{"name":1}', "is damaged: .*expected text"),
        (NAME_NAME, b'{"name":"x","y":1}', "is damaged: .*unknown field"),
        (NAME_NAME, b'{"name":" x"}', "is not 1 to 200 printable"),
        (NAME_NAME, None, "cannot read .*issuer.json: No such file"),
        (KEY_NAME, None, "cannot read .*issuer.key: No such file"),
    ],
)
def test_the_form_of_the_issuer_files(tmp_path: Path, name: str, data: bytes | None, detail: str) -> None:
    create_issuer(tmp_path, ISSUER, None)
    (tmp_path / name).unlink()
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(VaultError, match=detail):
        load_issuer(tmp_path, None)


def test_reprs_and_errors_show_no_key(tmp_path: Path) -> None:
    issuer = create_issuer(tmp_path, ISSUER, None)
    key = issuer._private_key
    for shown in (repr(issuer), str(issuer)):
        assert key.seed.hex() not in shown
        assert str(int(key.d)) not in shown
        assert "private" not in shown


def test_keys_and_signatures_have_exact_lengths() -> None:
    key = ECC.generate(curve="Ed25519")
    public = public_key_bytes(key)
    for length in (0, 31, 33):
        with pytest.raises(DecodingError, match=f"public key has {length} bytes, expected 32"):
            verify_attestation_signature(bytes(length), b"", bytes(64))
    for length in (0, 63, 65):
        with pytest.raises(DecodingError, match=f"signature has {length} bytes, expected 64"):
            verify_attestation_signature(public, b"", bytes(length))


# The vault


@pytest.mark.parametrize("added", [1, 2])
def test_a_signature_has_one_encoding(added: int) -> None:
    key = ECC.generate(curve="ed25519")
    order = 2**252 + 27742317777372353535851937790883648493
    signature = sign_attestation(key, b"{}")
    verify_attestation_signature(public_key_bytes(key), b"{}", signature)
    scalar = int.from_bytes(signature[32:], "little") + added * order
    for other in (scalar, order):
        altered = signature[:32] + other.to_bytes(32, "little")
        with pytest.raises(
            DecodingError, match="not in canonical form: its scalar is not below the group order"
        ):
            verify_attestation_signature(public_key_bytes(key), b"{}", altered)


def test_a_vault_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    vault = Vault.create(folder, ISSUER, None)
    assert Vault.open(folder).issuer(None).public_key == vault.issuer(None).public_key
    with pytest.raises(VaultError, match="is already a vault"):
        Vault.create(folder, ISSUER, None)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    for place, what in (("other", "is not empty"), ("other/file", "is not empty")):
        with pytest.raises(VaultError, match=what):
            Vault.create(tmp_path / place, ISSUER, None)
    (tmp_path / "empty").mkdir(mode=0o755)
    Vault.create(tmp_path / "empty", ISSUER, None)
    assert stat.S_IMODE((tmp_path / "empty").stat().st_mode) == 0o700


def test_what_is_no_vault(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="is not a vault: make one with"):
        Vault.open(tmp_path)
    for data, detail in ((b"{}", "field 'format' is missing"), (b"", "not JSON")):
        (tmp_path / "vault.json").write_bytes(data)
        with pytest.raises(VaultError, match=f"is damaged: .*{detail}"):
            Vault.open(tmp_path)


def test_a_vault_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PublicationError, match=r"cannot make the vault .*: Not a directory"):
        Vault.create(tmp_path / "file" / "vault", ISSUER, None)
    with pytest.raises(VaultError, match="not UTF-8 text"):
        Vault.create(tmp_path / "vault", ISSUER, "\udcff")
    assert not (tmp_path / "vault").exists()


@pytest.mark.usefixtures("cheap_scrypt")
def test_a_vault_with_a_passphrase_needs_it(tmp_path: Path) -> None:
    """For sealing (both keys) and for openings (the epoch key)."""
    backend = get_backend(AVAILABLE_BACKENDS[0])
    book = write_book(tmp_path / "book")
    vault = Vault.create(tmp_path / "vault", ISSUER, "correct horse")
    for passphrase, detail in ((None, "give its passphrase"), ("wrong", "wrong passphrase")):
        with pytest.raises(VaultError, match=detail):
            seal_book(
                book,
                bundle=tmp_path / "bundle",
                vault=vault,
                backend=backend,
                passphrase=passphrase,
                as_of=AS_OF,
            )
        assert not (tmp_path / "bundle").exists()
    result = seal_book(
        book,
        bundle=tmp_path / "bundle",
        vault=vault,
        backend=backend,
        passphrase="correct horse",
        as_of=AS_OF,
    )
    for passphrase, detail in ((None, "give its passphrase"), ("wrong", "wrong passphrase")):
        with pytest.raises(VaultError, match=detail):
            vault.open_book(result.digest, passphrase)
    opening = make_opening(vault.open_book(result.digest, "correct horse"), "alice", backend)
    assert opening.account == "alice"
    epoch_key = vault.book_folder(result.digest) / "epoch.key"
    assert json.loads(epoch_key.read_bytes())["protection"] == "scrypt-aes256-gcm"
