"""Signed notes and checkpoints: the published examples of the formats, round trips, and what is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_support import LOG_SIGNER, NOW, WITNESSES, seed

from primitives.errors import DecodingError
from primitives.log_checkpoint import Checkpoint, CheckpointError
from primitives.signed_note import (
    MAX_NOTE_BYTES,
    MAX_NOTE_SIGNATURES,
    KeyType,
    NoteError,
    NoteSignature,
    NoteSignatureError,
    NoteSigner,
    SignedNote,
    VerifierKey,
    key_id,
    open_note,
)

TEXT = "two lines,\n\nan empty one between them\n"
SIGNER = NoteSigner.from_seed("signer.example.com", KeyType.ED25519, seed("signer"))
KEY = SIGNER.verifier_key
NOTE = SignedNote(TEXT, (SIGNER.sign(TEXT),)).to_bytes()
LINE = SIGNER.sign(TEXT).line()
# every letter a note may hold: no control characters but the newline
LETTERS = st.characters(min_codepoint=0x20, codec="utf-8")
TEXTS = st.lists(st.text(LETTERS, max_size=20), min_size=1, max_size=6).map(
    lambda lines: "\n".join(lines) + "\n"
)


@given(TEXTS)
def test_a_note_comes_back_as_it_was(text: str) -> None:
    signed = SignedNote(text, (SIGNER.sign(text),))
    parsed, verified = open_note(signed.to_bytes(), [KEY])
    assert parsed == signed
    assert [each.key for each in verified] == [KEY]


@given(st.binary(max_size=200))
def test_bytes_are_a_note_that_comes_back_or_are_refused(data: bytes) -> None:
    try:
        note = SignedNote.parse(data)
    except NoteError:
        return
    assert note.to_bytes() == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no empty line"),
        (TEXT.encode() + LINE.encode(), "not an em dash"),
        (f"line\n{LINE}".encode(), "no empty line"),
        (NOTE[:-1], "does not end with"),
        (NOTE + b"\n", "does not end with"),
        (NOTE + b"\n\n", "does not end with"),
        (NOTE.replace("—".encode(), b"--"), "not an em dash"),
        (NOTE.replace(b"signer.example.com ", b"signer.example.com  "), "not an em dash"),
        (NOTE.replace(b"signer.example.com", b"signer+example.com"), "a plus sign"),
        (NOTE.replace(b"signer.example.com", "signer\u2003example.com".encode()), "a blank"),
        (NOTE.replace(b"two lines", b"two\tlines"), "control character"),
        (NOTE.replace(b"two lines,\n", b"two lines,\r\n"), "control character"),
        (NOTE.replace(b"two lines", b"two \xff"), "not UTF-8 at byte 4"),
        (TEXT.encode() + "\n— name AAAA\n".encode(), "holds no signature"),
        (TEXT.encode() + "\n— name AAAAA\n".encode(), "not base64"),
        (TEXT.encode() + "\n— name AAAAAAB=\n".encode(), "not in canonical form"),
        (TEXT.encode() + "\n— name AAAA_AA=\n".encode(), "not base64"),
        (TEXT.encode() + b"\n" + LINE.encode() * (MAX_NOTE_SIGNATURES + 1), "101 signatures"),
        (b"x" * MAX_NOTE_BYTES + b"\n\n" + LINE.encode(), "more than 1048576"),
    ],
)
def test_a_note_that_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        SignedNote.parse(data)


def test_sixteen_signatures_at_least_are_taken() -> None:
    assert len(SignedNote.parse(TEXT.encode() + b"\n" + LINE.encode() * 16).signatures) == 16


def test_lines_by_unknown_keys_are_ignored_and_known_ones_must_hold() -> None:
    stranger = NoteSigner.from_seed("signer.example.com", KeyType.ED25519, seed("stranger"))
    note = SignedNote(TEXT, (stranger.sign(TEXT), SIGNER.sign(TEXT)))
    _, verified = open_note(note.to_bytes(), [KEY])
    assert len(verified) == 1
    with pytest.raises(NoteSignatureError, match="none of the keys"):
        open_note(SignedNote(TEXT, (stranger.sign(TEXT),)).to_bytes(), [KEY])
    with pytest.raises(NoteSignatureError, match="does not hold"):
        open_note(NOTE.replace(b"two", b"six"), [KEY])
    # The right name and ID before another key's signature, as anybody can write it.
    claimed = NoteSignature(KEY.name, KEY.key_id, stranger.sign(TEXT).signature)
    with pytest.raises(NoteSignatureError, match="does not hold"):
        open_note(SignedNote(TEXT, (SIGNER.sign(TEXT), claimed)).to_bytes(), [KEY])


def test_a_cosignature_is_no_plain_signature_and_signs_its_time() -> None:
    witness = WITNESSES[0]
    line = witness.sign(TEXT, timestamp=NOW)
    assert witness.verifier_key.verify(TEXT, line).timestamp == NOW
    later = NoteSignature(line.name, line.key_id, (NOW + 1).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(NoteSignatureError, match="does not hold"):
        witness.verifier_key.verify(TEXT, later)
    beyond = NoteSignature(line.name, line.key_id, (1 << 63).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(NoteSignatureError, match="beyond 2"):
        witness.verifier_key.verify(TEXT, beyond)
    with pytest.raises(NoteSignatureError, match="wrong length"):
        witness.verifier_key.verify(TEXT, NoteSignature(line.name, line.key_id, line.signature[:-1]))
    plain = VerifierKey(line.name, KeyType.ED25519, witness.verifier_key.public_key)
    assert not plain.matches(line)


@pytest.mark.parametrize(
    ("signer", "timestamp", "reason"),
    [
        (SIGNER, NOW, "a cosignature states a time"),
        (WITNESSES[0], None, "a cosignature states a time"),
        (WITNESSES[0], -1, "not between 0"),
        (WITNESSES[0], 1 << 63, "not between 0"),
    ],
)
def test_a_time_belongs_to_cosignatures(signer: NoteSigner, timestamp: int | None, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        signer.sign(TEXT, timestamp=timestamp)


@pytest.mark.parametrize("text", ["no newline", "a\x00\n", "\ud800\n", "x" * MAX_NOTE_BYTES + "\n"])
def test_what_cannot_be_a_text_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError, match="text of a note"):
        SIGNER.sign(text)


def encoded(name: str, key_type: int, material: bytes) -> str:
    """A verifier key of any type and length, its ID in order."""
    data = base64.b64encode(bytes([key_type]) + material).decode()
    return f"{name}+{key_id(name, key_type, material).hex()}+{data}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a name, 8 hexadecimal"),
        ("name+0011223+AA==", "not a name, 8 hexadecimal"),
        (KEY.to_text().upper(), "not a name|not base64|does not belong|not known"),
        (KEY.to_text().replace(KEY.key_id.hex(), "00000000"), "does not belong to its name"),
        ("x" + KEY.to_text(), "does not belong to its name"),
        (encoded("na me", 1, KEY.public_key), "a blank"),
        (encoded("name", 2, KEY.public_key), "not known here"),
        (encoded("name", 1, KEY.public_key[:-1]), "31 bytes of key"),
        (encoded("name", 1, KEY.public_key + b"\x00"), "33 bytes of key"),
        (encoded("name", 1, bytes(32)), "small order|not the encoding"),
        (encoded("name", 1, b"\xff" * 32), "not the encoding|canonical"),
        (encoded("x" * 256, 1, KEY.public_key), "256 characters"),
        (encoded("x" * 1000, 1, KEY.public_key), "not a name"),
    ],
)
def test_a_verifier_key_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DecodingError, match=reason):
        VerifierKey.parse(text)


def test_a_signer_key_comes_back_and_is_never_shown() -> None:
    text = SIGNER.to_secret_text()
    again = NoteSigner.parse(text)
    assert again.verifier_key == KEY
    assert again.sign(TEXT) == SIGNER.sign(TEXT)
    secret = text.rpartition("+")[2]
    assert secret not in repr(SIGNER)
    for bad in (
        text[:-4],
        text.replace(KEY.key_id.hex(), "00000000"),
        text.replace("signer.", "other."),
        "x" + text,
    ):
        with pytest.raises(NoteError) as caught:
            NoteSigner.parse(bad)
        assert secret not in str(caught.value)
    with pytest.raises(NoteError, match="31 bytes of seed"):
        NoteSigner.from_seed("name", KeyType.ED25519, bytes(31))


@given(
    st.text(LETTERS, min_size=1, max_size=40),
    st.integers(0, (1 << 62) - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text(LETTERS, min_size=1, max_size=10), max_size=3),
)
def test_a_checkpoint_comes_back_as_it_was(
    origin: str, size: int, root: bytes, extensions: list[str]
) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert Checkpoint.parse(checkpoint.to_text()) == checkpoint


ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"origin\n7\n{ROOT}", "does not end in a newline"),
        ("origin\n7\n", "2 lines"),
        (f"\n7\n{ROOT}\n", "an empty line"),
        (f"origin\n7\n{ROOT}\n\nmore\n", "an empty line"),
        (f"origin\n07\n{ROOT}\n", "leading zeros"),
        (f"origin\n+7\n{ROOT}\n", "leading zeros"),
        (f"origin\n-7\n{ROOT}\n", "leading zeros"),
        (f"origin\n7 \n{ROOT}\n", "leading zeros"),
        (f"origin\n\u0667\n{ROOT}\n", "leading zeros"),
        (f"origin\n{1 << 62}\n{ROOT}\n", "leading zeros"),
        (f"origin\n{'9' * 5000}\n{ROOT}\n", "leading zeros"),
        ("origin\n7\nAAAA\n", "not 32 bytes"),
        (f"origin\n7\n{ROOT[:-2]}J=\n", "not 32 bytes in canonical"),
        ("origin\n7\n!!!!\n", "not base64"),
        (f"{'o' * 256}\n7\n{ROOT}\n", "more than 255"),
        (f"origin\n7\n{ROOT}\n" + "x\n" * 17, "more than 16 extension"),
    ],
)
def test_a_checkpoint_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        Checkpoint.parse(text)
    assert issubclass(CheckpointError, NoteError)


def test_the_empty_log_is_written_with_a_zero() -> None:
    assert Checkpoint.parse(f"origin\n0\n{ROOT}\n").size == 0
    assert LOG_SIGNER.verifier_key.type is KeyType.ED25519
