"""The command line: exit codes, what goes where, and never a traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from sealing_support import ACCOUNTS, ISSUER, Sealed, resign, write_book
from typer.testing import CliRunner

from primitives.opening import Opening
from prover.vault import Vault
from sealedbook.__main__ import app
from sealedbook.commands import verify_command
from sealedbook.options import PASSPHRASE_VARIABLE
from verifier.checks import Check

ROOT: Final = Path(__file__).parent.parent
ACCEPTED, REJECTED, USAGE, REFUSED, ENVIRONMENT, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Both streams on one line, whatever the width of the terminal."""
        return " ".join((self.out + self.err).split())


def run(*arguments: object, text: str | None = None) -> Outcome:
    """The command in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=text)
    outcome = Outcome(result.exit_code, result.stdout, result.stderr)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in outcome.said
    return outcome


def command(arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "sealedbook", *map(str, arguments)]


def run_process(*arguments: object, stdout: int = subprocess.PIPE, **environment: str) -> Outcome:
    """The command in a process of its own."""
    done = subprocess.run(
        command(arguments),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    outcome = Outcome(done.returncode, done.stdout or "", done.stderr)
    assert "Traceback" not in outcome.said, outcome.said
    return outcome


@pytest.fixture
def opening(sealed_once: Sealed, tmp_path: Path) -> Path:
    """Alice's."""
    path = tmp_path / "alice.json"
    path.write_bytes(sealed_once.opening("alice").to_bytes())
    return path


def test_the_whole_way(tmp_path: Path) -> None:
    """In processes of their own: init, commit, verify, open, check, inspect."""
    write_book(tmp_path / "book")
    vault, bundle = tmp_path / "vault", tmp_path / "bundle"
    made = run_process("init", "--vault", vault, "--name", ISSUER, "--json").document
    key = (vault / "issuer.pub").read_text().strip()
    assert made == {"vault": str(vault), "issuer": ISSUER, "public_key": key, "encrypted": False}
    sealing = run_process("commit", tmp_path / "book", "--out", bundle, "--vault", vault, "--json")
    assert sealing.code == ACCEPTED
    assert sealing.document["issuer_key"] == key
    verified = run_process("verify", bundle, "--issuer-key", vault / "issuer.pub")
    assert (verified.code, verified.err) == (ACCEPTED, "")
    assert verified.out.startswith("ACCEPTED  The bundle is whole")
    opened = run_process(
        "open", bundle, "--vault", vault, "--account", "alice", "--out", tmp_path / "alice.json"
    )
    assert opened.code == ACCEPTED
    checked = run_process(
        "check", tmp_path / "alice.json", "--account", " alice ", "--bundle", bundle, "--issuer-key", key
    )
    assert (checked.code, checked.err) == (ACCEPTED, "")
    assert "1.5" in checked.out
    inspected = run_process("inspect", bundle)
    assert (inspected.code, "Nothing was checked" in inspected.out) == (ACCEPTED, True)


# Accepted: what is printed


def test_commit_as_json(tmp_path: Path) -> None:
    write_book(tmp_path / "book")
    done = run(
        "commit", tmp_path / "book", "--out", tmp_path / "b", "--vault", tmp_path / "v", "--issuer", ISSUER,
        "--as-of", "2026-01-31T00:00:00Z", "--minimum-leaves", 9, "--json",
    )  # fmt: skip
    assert done.code == ACCEPTED
    assert "Made a new vault" in done.err
    document = done.document
    attested = json.loads((tmp_path / "b" / "attestation.json").read_bytes())["book"]
    assert document == {
        "bundle": str(tmp_path / "b"),
        "book_digest": document["book_digest"],
        "root_hash": attested["root"]["hash"],
        "root_sum": attested["root"]["sum"],
        "leaf_count": 16,
        "issuer_key": attested["issuer"]["public_key"],
        "accounts_private": len(ACCOUNTS),
    }
    assert attested["issuer"]["name"] == ISSUER
    assert attested["as_of"] == "2026-01-31T00:00:00Z"
    assert Vault.open(tmp_path / "v").book_folder(bytes.fromhex(document["book_digest"])).is_dir()


def test_commit_in_words(tmp_path: Path, sealed_once: Sealed) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    done = run("commit", copy.folder / "book", "--out", copy.bundle, "--vault", copy.vault.folder)
    assert done.code == ACCEPTED
    assert "Sealed 5 accounts as 8 leaves into" in done.said
    assert "Publish the bundle. Keep the vault." in done.said
    assert done.err == ""


@pytest.mark.parametrize("pinned", [True, False])
def test_verify_as_json(sealed_once: Sealed, pinned: bool) -> None:
    key = sealed_once.issuer.public_key.hex()
    done = run("verify", sealed_once.bundle, "--json", *(["--issuer-key", key.upper()] if pinned else []))
    assert (done.code, done.err) == (ACCEPTED, "")
    document = done.document
    assert (document["format"], document["result"]) == ("sealedbook/report/v1", "accepted")
    assert document["kind"] == "bundle"
    names = [check["name"] for check in document["checks"]]
    not_asked = {Check.BUNDLE_CLAIMS} if pinned else {Check.BUNDLE_CLAIMS, Check.BUNDLE_ISSUER}
    expected = [c.value for c in Check if c.value[0] == "B" and c not in not_asked]
    assert names[: len(expected)] == expected
    assert all(check["passed"] is True and check["title"] for check in document["checks"])
    levels = {finding["subject"]: finding["level"] for finding in document["findings"]}
    assert levels["Issuer"] == levels["As of"] == levels["Assets"] == ("signed" if pinned else "claimed")
    assert levels["Root"] == levels["Leaves"] == "recomputed"
    assert levels["Reserves cover the totals"] == "not yet proven"
    figures = document["figures"]
    assert figures["issuer_key_expected"] is pinned
    assert figures["root_hash"] == sealed_once.result.book.root.hash.hex()
    assert (figures["leaf_count"], figures["issuer_key"]) == (8, key)
    assert figures["book_digest"] == sealed_once.result.digest.hex()


def test_verify_in_words(sealed_once: Sealed) -> None:
    done = run("verify", sealed_once.bundle)
    assert (done.code, done.err) == (ACCEPTED, "")
    assert "ACCEPTED" in done.out
    assert "compare it, or give --issuer-key" in done.said
    assert "claimed: stated in the data; nothing stands behind it" in done.said


@pytest.mark.parametrize("against", ["bundle", "root", "digest"])
def test_check_as_json(sealed_once: Sealed, opening: Path, against: str) -> None:
    book = sealed_once.result.book
    choices: dict[str, list[object]] = {
        "bundle": ["--bundle", sealed_once.bundle],
        "root": ["--root", book.root.hash.hex()],
        "digest": ["--book-digest", book.digest().hex()],
    }
    done = run("check", opening, "--account", "alice", "--json", *choices[against])
    assert (done.code, done.err) == (ACCEPTED, "")
    document = done.document
    assert (document["result"], document["kind"]) == ("accepted", "opening")
    names = {check["name"] for check in document["checks"]}
    own = {check.value for check in Check if check.value[0] == "O" and check is not Check.OPENING_LEAF}
    assert own <= names
    assert ("O7-leaf" in names) == ("B4-signature" in names) == (against == "bundle")
    assert document["figures"]["positions"] == [
        {"asset": "BTC", "amount": "150000000", "decimals": 8},
        {"asset": "USD", "amount": "2500075", "decimals": 2},
    ]
    levels = {finding["subject"]: finding["level"] for finding in document["findings"]}
    assert levels["Issuer"] == ("recomputed" if against == "digest" else "claimed")


def test_check_of_an_empty_account_in_words(sealed_once: Sealed, tmp_path: Path) -> None:
    path = tmp_path / "carol.json"
    path.write_bytes(sealed_once.opening("carol").to_bytes())
    done = run("check", path, "--account", "carol", "--bundle", sealed_once.bundle)
    assert done.code == ACCEPTED
    assert "none: this account is empty" in done.said


def test_open_one_and_all(sealed_once: Sealed, tmp_path: Path) -> None:
    options = [sealed_once.bundle, "--vault", sealed_once.vault.folder]
    one = run("open", *options, "--account", "Jos\u00e9", "--out", tmp_path / "new" / "o.json", "--json")
    assert one.code == ACCEPTED
    opening = Opening.parse((tmp_path / "new" / "o.json").read_bytes())
    assert one.document == {
        "opening": str(tmp_path / "new" / "o.json"),
        "leaf_index": opening.leaf_index,
        "book_digest": sealed_once.result.digest.hex(),
    }
    assert stat.S_IMODE((tmp_path / "new" / "o.json").stat().st_mode) == 0o600
    # An older opening is replaced, and nothing is left beside it.
    again = run("open", *options, "--account", "bob", "--out", tmp_path / "new" / "o.json")
    assert again.code == ACCEPTED
    assert "hand it to the account's holder and to nobody else" in again.said
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["o.json"]
    every = run("open", *options, "--all", "--out", tmp_path / "all", "--json")
    assert every.document == {
        "folder": str(tmp_path / "all"),
        "openings": len(ACCOUNTS),
        "book_digest": sealed_once.result.digest.hex(),
    }
    assert stat.S_IMODE((tmp_path / "all").stat().st_mode) == 0o700
    made = {Opening.parse(path.read_bytes()).account for path in (tmp_path / "all").iterdir()}
    assert made == set(ACCOUNTS)
    # File names do not tell whose they are.
    assert not any(account in path.name for account in ACCOUNTS for path in (tmp_path / "all").iterdir())
    assert "openings to" in run("open", *options, "--all", "--out", tmp_path / "all").said


def test_inspect_everything(sealed_once: Sealed, opening: Path) -> None:
    kinds = {
        sealed_once.bundle: "a bundle",
        sealed_once.bundle / "attestation.json": "an attestation",
        opening: "an opening (private to its holder)",
        sealed_once.folder / "book": "a book (private)",
        sealed_once.vault.folder: "a vault (private)",
    }
    for path, kind in kinds.items():
        done = run("inspect", path, "--json")
        assert done.code == ACCEPTED
        assert (done.document["kind"], done.document["checked"]) == (kind, False)
        assert kind in run("inspect", path).said


def test_the_version() -> None:
    done = run("--version")
    assert done.code == ACCEPTED
    assert done.out.startswith("sealedbook ")


# 1: rejected


def test_a_rejected_bundle(tampered_once: Sealed) -> None:
    (tampered_once.bundle / "market.json").write_bytes(b"{}")
    done = run("verify", tampered_once.bundle, "--json")
    assert (done.code, done.err) == (REJECTED, "")
    assert done.document == {
        "result": "rejected",
        "check": "B6-digests",
        "title": Check.BUNDLE_DIGESTS.title,
        "detail": "market.json has 2 bytes, attested are 15",
        "exit_code": REJECTED,
    }
    done = run("verify", tampered_once.bundle)
    assert (done.code, done.out) == (REJECTED, "")
    assert "REJECTED check B6-digests failed: market.json has 2 bytes" in done.said


def test_a_rejected_opening(sealed_once: Sealed, opening: Path, tmp_path: Path) -> None:
    bundle = ["--bundle", sealed_once.bundle]
    assert run("check", opening, "--account", "bob", *bundle, "--json").document["check"] == "O2-account"
    garbage = tmp_path / "garbage"
    garbage.write_bytes(bytes(range(256)))
    assert run("check", garbage, "--account", "alice", *bundle, "--json").document["check"] == "O1-form"
    done = run("check", opening, "--account", "alice", "--root", "00" * 32)
    assert (done.code, done.out) == (REJECTED, "")
    assert "O3-root" in done.err


def test_a_rejected_issuer(sealed_once: Sealed, opening: Path) -> None:
    for arguments in (
        ["verify", sealed_once.bundle],
        ["check", opening, "--account", "alice", "--bundle", sealed_once.bundle],
    ):
        done = run(*arguments, "--issuer-key", "00" * 32, "--json")
        assert (done.code, done.document["check"]) == (REJECTED, "B3-issuer")


def test_what_a_bundle_says_cannot_steer_the_terminal(tampered_once: Sealed) -> None:
    """Markup of the library that prints, in the one text that is the issuer's choice, and escapes in a name."""

    def change(document: Any) -> None:
        document["book"]["issuer"]["name"] = "[bold red]ACCEPTED[/] [link=https://evil.example]x[/link]"

    resign(tampered_once.bundle, tampered_once.issuer, change)
    done = run("verify", tampered_once.bundle)
    assert done.code == ACCEPTED
    assert "[bold red]ACCEPTED[/] [link=https://evil.example]x[/link]" in done.said
    (tampered_once.bundle / "\x1b[2J").touch()
    done = run("verify", tampered_once.bundle)
    assert done.code == REJECTED
    assert "\x1b" not in done.out + done.err


# 2: usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["verify"],
        ["verify", "bundle", "--nonsense"],
        ["check", "opening"],
        ["init", "--name", "x"],
        ["commit", "book", "--out", "b", "--vault", "v", "--minimum-leaves", "1"],
        ["commit", "book", "--out", "b", "--vault", "v", "--minimum-leaves", "many"],
    ],
)
def test_usage(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (USAGE, "")
    assert "Usage:" in done.err


# 3: refused input


def refused(detail: str, *arguments: object, code: int = REFUSED, text: str | None = None) -> None:
    """In words on standard error; as JSON on standard output."""
    done = run(*arguments, text=text)
    assert (done.code, done.out) == (code, ""), done
    assert detail in done.said
    done = run(*arguments, "--json", text=text)
    assert done.code == code
    assert set(done.document) == {"result", "error", "detail", "exit_code"}
    assert (done.document["result"], done.document["exit_code"]) == ("error", code)
    assert detail in " ".join(done.document["detail"].split())


def test_refused_options(sealed_once: Sealed, opening: Path, tmp_path: Path) -> None:
    bundle, vault, book = sealed_once.bundle, sealed_once.vault.folder, sealed_once.folder / "book"
    to_check = ["check", opening, "--account", "alice"]
    digits = "expected 64 hexadecimal digits, or a file with them"
    refused("give one of --bundle FOLDER, --root HEX, --book-digest HEX or --service URL", *to_check)
    refused("give one of --bundle", *to_check, "--bundle", bundle, "--root", "00" * 32)
    refused("--issuer-key goes with --bundle", *to_check, "--root", "00" * 32, "--issuer-key", "00" * 32)
    for value in ("", "00", "zz" * 32, "00" * 33, "00 " * 21 + "0"):
        refused(f"--root: {digits}", *to_check, "--root", value)
        refused(f"--book-digest: {digits}", *to_check, "--book-digest", value)
        key, fault = value or "x", "is neither 64 hexadecimal digits nor a file"
        refused(digits if len(key) == 64 else fault, "verify", bundle, "--issuer-key", key)
    (tmp_path / "large").write_bytes(bytes(1 << 17))
    refused("has more than 65536 bytes", "verify", bundle, "--issuer-key", tmp_path / "large")
    (tmp_path / "garbage").write_bytes(bytes(range(256)))
    refused(f"--issuer-key: {digits}", "verify", bundle, "--issuer-key", tmp_path / "garbage")
    to_open = ["open", bundle, "--vault", vault, "--out", tmp_path / "o"]
    refused("give either --account ID or --all", *to_open)
    refused("give either --account ID or --all", *to_open, "--account", "alice", "--all")
    refused("the book has no account 'Alice'", *to_open, "--account", "Alice")
    refused("not a canonical account id", *to_open, "--account", "alice ")
    place = tmp_path / "new"
    for moment in ("yesterday", "2026-01-31", "2026-02-30T00:00:00Z"):
        to_commit = ["commit", book, "--out", place, "--vault", tmp_path / "new-vault"]
        refused("is not a UTC time such as 2026-01-31T00:00:00Z", *to_commit, "--as-of", moment)
    assert not place.exists()
    assert not (tmp_path / "new-vault").exists()


def test_refused_places(sealed_once: Sealed, tmp_path: Path) -> None:
    copy = sealed_once.copy(tmp_path / "copy")
    bundle, vault, book = copy.bundle, copy.vault.folder, copy.folder / "book"
    refused("is not a book", "commit", tmp_path, "--out", tmp_path / "x", "--vault", vault)
    refused("is not a book", "commit", tmp_path / "nowhere", "--out", tmp_path / "x", "--vault", vault)
    refused("is not something this command wrote", "commit", book, "--out", book, "--vault", vault)
    apart = "must not lie inside one another"
    refused(apart, "commit", book, "--out", vault / "b", "--vault", vault)
    # Nor is a vault made where it must not be, before that is noticed.
    refused(apart, "commit", book, "--out", bundle, "--vault", bundle / "vault")
    refused(apart, "commit", book, "--out", tmp_path / "n", "--vault", tmp_path / "n" / "vault")
    assert not (bundle / "vault").exists()
    assert not (tmp_path / "n").exists()
    refused("lies inside the bundle", "init", "--vault", bundle / "vault", "--name", "x")
    refused("is already a vault", "init", "--vault", vault, "--name", "x")
    refused("is not empty", "init", "--vault", book, "--name", "x")
    refused("is not a vault", "open", bundle, "--vault", book, "--account", "alice", "--out", tmp_path / "o")
    other = tmp_path / "other-vault"
    Vault.create(other, "Other", None)
    refused("has no book", "open", bundle, "--vault", other, "--account", "alice", "--out", tmp_path / "o")
    to_open = ["open", bundle, "--vault", vault, "--account", "alice", "--out"]
    refused("lies in the bundle, which is public", *to_open, bundle / "alice.json")
    refused(
        "lies in the bundle, which is public", *to_open, tmp_path / "copy" / "vault" / ".." / "bundle" / "x"
    )
    refused("exists and is not an opening", *to_open, vault / "issuer.key")
    refused("exists and is not an opening", *to_open, tmp_path)
    refused("is a folder, but not a bundle, a book or a vault", "inspect", tmp_path)
    (tmp_path / "garbage").write_bytes(bytes(range(256)))
    refused("is not an opening, an attestation, or a folder of ours", "inspect", tmp_path / "garbage")
    assert run("verify", bundle).code == ACCEPTED


def test_garbage_in_place_of_files(sealed_once: Sealed, tmp_path: Path) -> None:
    """Of every file that a command reads, one at a time."""
    for relative in ("bundle/attestation.json", "vault/vault.json", "book/book.json"):
        copy = sealed_once.copy(tmp_path / relative.replace("/", "-"))
        (copy.folder / relative).write_bytes(bytes(range(256)))
        folder = (copy.folder / relative).parent
        done = run("inspect", folder)
        assert (done.code, done.out) == (REFUSED, ""), relative
    copy = sealed_once.copy(tmp_path / "keys")
    (copy.vault.folder / "issuer.pub").write_bytes(b"\xff\xfe")
    assert run("inspect", copy.vault.folder).code == ACCEPTED
    (copy.vault.folder / "issuer.key").write_bytes(bytes(range(256)))
    refused("are damaged", "commit", copy.folder / "book", "--out", copy.bundle, "--vault", copy.vault.folder)
    assert run("verify", copy.bundle).code == ACCEPTED


def test_passphrases(tmp_path: Path, sealed_once: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    from prover import secret_file

    monkeypatch.setattr(secret_file, "_SCRYPT_COST", 1 << 4)
    book, vault, bundle = sealed_once.folder / "book", tmp_path / "vault", tmp_path / "bundle"
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse\n")
    wrong.write_text("incorrect horse\n")
    prompted = run("init", "--vault", vault, "--name", "x", "--ask-passphrase", text="correct horse\n" * 2)
    assert prompted.code == ACCEPTED
    assert "encrypted with your passphrase" in prompted.said
    assert "correct horse" not in prompted.said
    to_commit = ["commit", book, "--out", bundle, "--vault", vault]
    refused("is encrypted: give its passphrase", *to_commit)
    refused("wrong passphrase", *to_commit, "--passphrase-file", wrong)
    assert not bundle.exists()
    assert run(*to_commit, "--passphrase-file", right).code == ACCEPTED
    to_open = ["open", bundle, "--vault", vault, "--account", "alice", "--out", tmp_path / "o.json"]
    refused("is encrypted: give its passphrase", *to_open)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    assert run(*to_open).code == ACCEPTED
    refused("wrong passphrase", *to_open, "--passphrase-file", wrong)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "\udcff")
    refused(f"{PASSPHRASE_VARIABLE} is not UTF-8", *to_open)
    for data, detail in ((b"", "is empty"), (b"\n", "is empty"), (b"\xff", "is not UTF-8")):
        (tmp_path / "bad").write_bytes(data)
        refused(f"bad {detail}", *to_open, "--passphrase-file", tmp_path / "bad")


# 4: the environment


def test_missing_places(sealed_once: Sealed, opening: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    said = f"{gone}: No such file or directory"
    refused(said, "verify", gone, code=ENVIRONMENT)
    refused(said, "inspect", gone, code=ENVIRONMENT)
    refused(said, "check", gone, "--account", "alice", "--bundle", sealed_once.bundle, code=ENVIRONMENT)
    refused(said, "check", opening, "--account", "alice", "--bundle", gone, code=ENVIRONMENT)
    to_open = ["--vault", sealed_once.vault.folder, "--account", "alice", "--out", tmp_path / "o"]
    refused(said, "open", gone, *to_open, code=ENVIRONMENT)
    refused(said, "open", sealed_once.bundle, *to_open, "--passphrase-file", gone, code=ENVIRONMENT)
    refused(f"{opening}: Not a directory", "verify", opening, code=ENVIRONMENT)
    refused("Is a directory", "check", tmp_path, "--account", "a", "--root", "00" * 32, code=ENVIRONMENT)


def test_places_that_cannot_be_written(sealed_once: Sealed, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    below = tmp_path / "file" / "new"
    vault = sealed_once.vault.folder
    book = sealed_once.folder / "book"
    refused(f"cannot write {below}", "commit", book, "--out", below, "--vault", vault, code=ENVIRONMENT)
    refused(f"cannot make the vault {below}", "init", "--vault", below, "--name", "X", code=ENVIRONMENT)


def test_an_unknown_backend(sealed_once: Sealed) -> None:
    refused("unknown backend 'abacus'", "verify", sealed_once.bundle, "--backend", "abacus", code=ENVIRONMENT)


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (
            PermissionError(13, "Permission denied", "/the/vault"),
            ENVIRONMENT,
            "/the/vault: Permission denied",
        ),
        (OSError(28, "No space left on device"), ENVIRONMENT, "No space left on device"),
        (OSError("strange"), ENVIRONMENT, "strange"),
        (MemoryError(), ENVIRONMENT, "fewer workers"),
        (RuntimeError("alice holds 12345"), INTERNAL, "RuntimeError"),
        (ModuleNotFoundError("No module named 'x'", name="x"), INTERNAL, "ModuleNotFoundError"),
    ],
)
def test_every_error_has_a_code_and_no_traceback(
    sealed_once: Sealed, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, detail: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(verify_command, "verify_bundle", fail)
    refused(detail, "verify", sealed_once.bundle, code=code)
    # What went wrong inside may speak of positions.
    assert "12345" not in run("verify", sealed_once.bundle).said


def test_an_unreadable_vault(sealed_once: Sealed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Simulated, since the superuser reads every file."""

    def refuse(_: Path) -> Vault:
        raise PermissionError(13, "Permission denied", "vault.json")

    options = ["--vault", sealed_once.vault.folder, "--account", "alice", "--out", tmp_path / "o"]
    monkeypatch.setattr(Vault, "open", staticmethod(refuse))
    refused("vault.json: Permission denied", "open", sealed_once.bundle, *options, code=ENVIRONMENT)


# Interruptions and streams that end


def test_an_interrupt(sealed_once: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_command, "verify_bundle", interrupt)
    done = run("verify", sealed_once.bundle)
    assert (done.code, done.out) == (INTERRUPTED, "")
    assert "interrupted; what was there before is untouched" in done.said


def test_a_passphrase_prompt_that_is_left(tmp_path: Path) -> None:
    done = run("init", "--vault", tmp_path / "vault", "--name", "x", "--ask-passphrase", text="")
    assert done.code == INTERRUPTED
    assert not (tmp_path / "vault").exists()


def open_when_read(pipe: Path, process: subprocess.Popen[str]) -> int:
    """The pipe opened for writing as soon as the process reads it; a process that ends instead fails the test."""
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_control_c_in_a_process(sealed_once: Sealed, tmp_path: Path) -> None:
    """The process waits for a passphrase from a pipe when the signal comes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    book, vault = sealed_once.folder / "book", tmp_path / "vault"
    arguments = ["commit", book, "--out", tmp_path / "b", "--vault", vault, "--passphrase-file", pipe]
    # A background job of a shell ignores the signal and so would its children: give it back its meaning.
    with subprocess.Popen(
        command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        writer = open_when_read(pipe, process)
        process.send_signal(signal.SIGINT)
        # Should the signal come just before the process waits in `read`, the end of the pipe wakes it up.
        os.close(writer)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert err.startswith("interrupted")
    assert not (tmp_path / "b").exists()
    assert not vault.exists()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_full_disk_under_standard_output(sealed_once: Sealed, as_json: bool) -> None:
    """What the caller does not get to read is not reported as success."""
    with Path("/dev/full").open("w") as full:
        done = run_process(
            "verify", sealed_once.bundle, *(["--json"] if as_json else []), stdout=full.fileno()
        )
    assert done.code == ENVIRONMENT
    assert as_json or "No space left on device" in done.err


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_goes_away(sealed_once: Sealed, as_json: bool) -> None:
    """`sealedbook verify | head -0`: neither accepted nor rejected."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run_process("verify", sealed_once.bundle, *(["--json"] if as_json else []), stdout=writer)
    os.close(writer)
    assert done.code == ENVIRONMENT


def test_a_rejection_stays_one_without_a_reader(tampered_once: Sealed) -> None:
    (tampered_once.bundle / "market.json").unlink()
    with Path("/dev/full").open("w") as full:
        done = run_process("verify", tampered_once.bundle, "--json", stdout=full.fileno())
    assert done.code == REJECTED


def test_output_in_any_encoding(sealed_once: Sealed, tmp_path: Path) -> None:
    """A terminal that has no accents, and a file name that is no text."""
    opening = tmp_path / os.fsdecode(b"jos\xe9.json")
    opening.write_bytes(sealed_once.opening("Jos\u00e9").to_bytes())
    arguments = ["check", opening, "--account", "Jos\u00e9", "--bundle", sealed_once.bundle]
    done = run_process(*arguments, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert done.code == ACCEPTED
    assert "Jos\\xe9" in done.out
    done = run_process(*arguments, "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert done.document["figures"]["account"] == "Jos\u00e9"
    done = run_process("inspect", opening.with_name(os.fsdecode(b"\xff")))
    assert done.code == ENVIRONMENT


def test_the_reference_backend_is_announced(sealed_once: Sealed, tmp_path: Path) -> None:
    """Chosen by name it is what was asked for; as a fallback it says so loudly, and not in the JSON."""
    done = run_process("verify", sealed_once.bundle, "--backend", "reference")
    assert (done.code, done.err) == (ACCEPTED, "")
    program = (
        "import sys\n"
        "sys.modules['native._kernels'] = None\n"
        "from sealedbook.__main__ import main\n"
        f"sys.argv = ['sealedbook', 'verify', {str(sealed_once.bundle)!r}, '--json']\n"
        "main()\n"
    )
    fallback = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert fallback.returncode == ACCEPTED, fallback.stderr
    assert json.loads(fallback.stdout)["result"] == "accepted"
    assert "WARNING running on the reference backend, hundreds of times slower" in fallback.stderr


def test_a_failed_opening_leaves_nothing(
    sealed_once: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = tmp_path / "openings"
    arguments: list[object] = ["open", sealed_once.bundle, "--vault", sealed_once.vault.folder]
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        done = run(*arguments, "--account", "alice", "--out", folder / "o.json")
    assert done.code == ENVIRONMENT
    assert list(folder.iterdir()) == []
    shutil.rmtree(folder)


REPAIRS: Final[dict[str, Callable[[Sealed], object]]] = {
    "signature": lambda copy: (copy.bundle / "attestation.sig").write_text("00" * 64 + "\n"),
    "attestation": lambda copy: (copy.bundle / "attestation.json").unlink(),
}


@pytest.mark.parametrize("case", REPAIRS)
def test_open_insists_on_a_signed_bundle(tampered_once: Sealed, tmp_path: Path, case: str) -> None:
    REPAIRS[case](tampered_once)
    options = ["--vault", tampered_once.vault.folder, "--account", "alice", "--out", tmp_path / "o"]
    assert run("open", tampered_once.bundle, *options).code == REJECTED
    assert not (tmp_path / "o").exists()
