"""Options that several commands share, and reading what they name."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from primitives.attestation import parse_time
from primitives.errors import SealedbookError
from primitives.signing import PUBLIC_KEY_BYTES
from primitives.strict_json import JsonError

PASSPHRASE_VARIABLE: Final = "SEALEDBOOK_PASSPHRASE"
MAX_OPENING_BYTES: Final = 64 << 20
_MAX_SMALL_FILE: Final = 1 << 16

BackendOption = Annotated[
    str | None,
    typer.Option("--backend", metavar="NAME", help="native or reference; the fastest one here if not given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
RowsOption = Annotated[
    bool, typer.Option("--rows", help="Print every row of the statements as a formula, in base units.")
]
VaultOption = Annotated[Path, typer.Option("--vault", help="The private vault folder.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help=f"File with the vault's passphrase (or set {PASSPHRASE_VARIABLE}).",
    ),
]
IssuerKeyOption = Annotated[
    str | None,
    typer.Option(
        "--issuer-key",
        metavar="HEX|FILE",
        help="The issuer's public key as you know it: 64 hexadecimal digits, or a file with them.",
    ),
]


class OptionError(SealedbookError):
    """The value of an option cannot be used."""


def read_passphrase(file: Path | None) -> str | None:
    """The passphrase from `file`, else from the environment, else None."""
    if file is None:
        passphrase = os.environ.get(PASSPHRASE_VARIABLE) or None
        if passphrase is not None and not is_text(passphrase):
            raise OptionError(f"{PASSPHRASE_VARIABLE} is not UTF-8")
        return passphrase
    data = read_small_file(file, "--passphrase-file")
    try:
        passphrase = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise OptionError(f"--passphrase-file: {file} is not UTF-8") from error
    if not passphrase:
        raise OptionError(f"--passphrase-file: {file} is empty")
    return passphrase


def is_text(value: str) -> bool:
    """Whether `value` has a UTF-8 form: arguments and variables that have none arrive with surrogates."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def existing_folder(path: Path) -> Path:
    """`path`, if it is a folder; `OSError` otherwise: a mistyped place is no rejected bundle."""
    if path.is_dir():
        return path
    code = errno.ENOTDIR if path.exists() else errno.ENOENT
    raise OSError(code, os.strerror(code), str(path))


def read_issuer_key(value: str | None) -> bytes | None:
    """The 32-byte key from hexadecimal digits or from a file that holds them."""
    if value is None:
        return None
    text = value.strip()
    if len(text) != 2 * PUBLIC_KEY_BYTES:
        if not Path(value).exists():
            raise OptionError(
                f"--issuer-key: {value} is neither {2 * PUBLIC_KEY_BYTES} hexadecimal digits nor a file"
            )
        text = read_small_file(Path(value), "--issuer-key").decode("ascii", errors="replace").strip()
    return parse_hex(text, PUBLIC_KEY_BYTES, "--issuer-key")


def parse_hex(text: str, size: int, option: str) -> bytes:
    """Exactly `size` bytes from hexadecimal digits."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size or len(text) != 2 * size:
        raise OptionError(f"{option}: expected {2 * size} hexadecimal digits, or a file with them")
    return data


def parse_as_of(text: str | None) -> datetime | None:
    """A UTC time such as 2026-01-31T00:00:00Z."""
    if text is None:
        return None
    try:
        return parse_time(text, "--as-of")
    except JsonError as error:
        raise OptionError(str(error)) from error


def read_small_file(path: Path, option: str, maximum: int = _MAX_SMALL_FILE) -> bytes:
    """The bytes of a file of at most `maximum` bytes."""
    with path.open("rb") as file:
        data = file.read(maximum + 1)
    if len(data) > maximum:
        raise OptionError(f"{option}: {path} has more than {maximum} bytes")
    return data
