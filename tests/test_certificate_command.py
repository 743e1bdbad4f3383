"""``sealedbook certify`` and ``sealedbook verify-certificate``, run as a program."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from certificate_support import AUDIENCE, at_least, model
from sealing_support import Sealed

from primitives.certificate import Certificate
from primitives.opening import Opening
from sealedbook.output import ExitCode

ROOT = Path(__file__).parent.parent
PRICES = {"quote": "USD", "scale": 18, "prices": [
    {"asset": "BTC", "price": "65000"}, {"asset": "ETH", "price": "3000"}, {"asset": "USD", "price": "1"}]}  # fmt: skip
MARKET = {"format": "sealedbook/prices/v1", "as_of": "2026-01-31T00:00:00Z", **PRICES}


@dataclass
class Desk:
    """A folder with a holder's opening, the public bundle, and documents."""

    folder: Path
    sealed: Sealed
    opening: Opening

    def run(self, *words: str, umask: int = 0o022) -> tuple[int, str]:
        """The exit code, and all that is printed."""
        result = subprocess.run(
            [sys.executable, "-m", "sealedbook", *words],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "HOME": os.environ.get("HOME", "/"),
                "SEALEDBOOK_BACKEND": self.sealed.backend.name,
                "COLUMNS": "200",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            umask=umask,
            timeout=300,
            check=False,
        )
        for position in self.opening.positions:
            assert str(position.amount) not in result.stdout
        return result.returncode, result.stdout

    def certify(self, *words: str, statement: str = "one.json", out: str = "out.json") -> tuple[int, str]:
        return self.run("certify", "opening.json", "--statement", statement, "--out", out, *words)

    def verify(self, *words: str, certificate: str = "certificate.json") -> tuple[int, str]:
        return self.run("verify-certificate", certificate, *words)

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture(scope="module")
def desk(sealed_once: Sealed, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    opening = sealed_once.opening("alice")
    (folder / "opening.json").write_bytes(opening.to_bytes())
    (folder / "one.json").write_bytes(at_least("1"))
    (folder / "two.json").write_bytes(at_least("2"))
    (folder / "net.json").write_bytes(model("net-value-at-least", value="100000"))
    (folder / "prices.json").write_text(json.dumps(MARKET))
    (folder / "key.pub").write_text(sealed_once.issuer.public_key.hex() + "\n")
    (folder / "bundle").symlink_to(sealed_once.bundle)
    desk = Desk(folder, sealed_once, opening)
    code, _ = desk.certify("--audience", AUDIENCE, out="certificate.json")
    assert code == ExitCode.ACCEPTED
    return desk


# certify


def test_certify_and_verify(desk: Desk) -> None:
    code, printed = desk.certify("--market", "prices.json", "--account", " alice ", statement="net.json")
    path = desk.folder / "out.json"
    certificate = Certificate.parse(path.read_bytes())
    path.unlink()
    assert code == ExitCode.ACCEPTED, printed
    assert (
        f"{len(certificate.to_bytes()):,} bytes, of which the proof has {len(certificate.proof):,}" in printed
    )
    assert "meets 'net value at least 100000 USD', counting BTC, ETH, USD" in printed
    assert "nobody in particular" in printed
    assert certificate.terms.audience is None


def test_a_certificate_is_readable_by_everybody_whatever_the_umask(desk: Desk) -> None:
    words = ("certify", "opening.json", "--statement", "one.json", "--out", "new/folder/out.json")
    code, printed = desk.run(*words, umask=0o077)
    path = desk.folder / "new" / "folder" / "out.json"
    assert code == ExitCode.ACCEPTED, printed
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["out.json"]


def test_certify_as_json(desk: Desk) -> None:
    code, printed = desk.certify("--json", "--audience", f"  {AUDIENCE} ", out="json.json")
    document = json.loads(printed)
    data = (desk.folder / "json.json").read_bytes()
    assert code == ExitCode.ACCEPTED
    assert document["bytes"] == len(data)
    assert document["proof_bytes"] == len(Certificate.parse(data).proof)
    assert (document["audience"], document["facts"]) == (AUDIENCE, ["holds at least 1 BTC"])
    code, printed = desk.certify(out="json.json")
    assert code == ExitCode.ACCEPTED
    assert (desk.folder / "json.json").read_bytes() != data


def test_an_account_that_falls_short_gets_nothing_and_is_told_how_short(desk: Desk) -> None:
    before = desk.names()
    code, printed = desk.certify(statement="two.json", out="short.json")
    assert code == ExitCode.REFUSED_INPUT
    assert "BTC at least 2: short by 0.5 BTC" in printed
    code, printed = desk.certify("--json", statement="two.json", out="short.json")
    assert code == ExitCode.REFUSED_INPUT
    assert json.loads(printed) == {
        "result": "refused",
        "row": "BTC at least 2",
        "shortfall": "50000000",
        "excess": None,
        "text": "0.5 BTC",
        "exit_code": 3,
    }
    assert desk.names() == before


def test_an_opening_that_does_not_hold_is_refused_by_the_check(desk: Desk) -> None:
    document: dict[str, Any] = json.loads((desk.folder / "opening.json").read_bytes())
    document["positions"][0]["amount"] = "900000000"
    (desk.folder / "richer.json").write_text(json.dumps(document))
    before = desk.names()
    code, printed = desk.run("certify", "richer.json", "--statement", "two.json", "--out", "rich.json")
    assert code == ExitCode.REJECTED
    assert "O6-commitment" in printed
    code, printed = desk.certify("--account", "bob", out="rich.json")
    assert code == ExitCode.REJECTED
    assert "O2-account" in printed
    assert desk.names() == before


@pytest.mark.parametrize(
    ("words", "statement", "out", "code", "message"),
    [
        ((), "opening.json", "out.json", ExitCode.REFUSED_INPUT, "model: $.format"),
        ((), "net.json", "out.json", ExitCode.REFUSED_INPUT, "no market was given"),
        (("--market", "one.json"), "net.json", "out.json", ExitCode.REFUSED_INPUT, "market: $.format"),
        ((), "one.json", "opening.json", ExitCode.REFUSED_INPUT, "exists and is not a certificate"),
        ((), "one.json", "bundle", ExitCode.REFUSED_INPUT, "exists and is not a certificate"),
        ((), "one.json", "key.pub/out.json", ExitCode.ENVIRONMENT, "key.pub"),
        ((), "none.json", "out.json", ExitCode.ENVIRONMENT, "none.json"),
        (("--audience", ""), "one.json", "out.json", ExitCode.REFUSED_INPUT, "1 to 200 characters, not 0"),
        (("--audience", "a\x07b"), "one.json", "out.json", ExitCode.REFUSED_INPUT, "control characters"),
        (("--audience", "\udcff"), "one.json", "out.json", ExitCode.REFUSED_INPUT, "--audience is not UTF-8"),
        (("--backend", "none"), "one.json", "out.json", ExitCode.ENVIRONMENT, "unknown backend"),
    ],
)
def test_what_certify_refuses(
    desk: Desk, words: tuple[str, ...], statement: str, out: str, code: ExitCode, message: str
) -> None:
    before = desk.names()
    opening = (desk.folder / "opening.json").read_bytes()
    returned, printed = desk.certify(*words, statement=statement, out=out)
    assert (returned, message in printed) == (code, True), printed
    assert desk.names() == before
    assert (desk.folder / "opening.json").read_bytes() == opening


# verify-certificate


@pytest.mark.parametrize("place", ["bundle/out.json", "bundle/proofs/deeper/out.json"])
def test_nothing_is_put_into_a_bundle(desk: Desk, place: str) -> None:
    before = sorted(desk.sealed.bundle.rglob("*"))
    code, said = desk.certify(out=place)
    assert code == 3
    assert "lies in the bundle" in said
    assert sorted(desk.sealed.bundle.rglob("*")) == before


def test_verify_against_each_kind_of_trust(desk: Desk) -> None:
    book = desk.opening.book
    for words, level in (
        (("--bundle", "bundle", "--issuer-key", "key.pub"), "signed"),
        (("--bundle", "bundle"), "claimed"),
        (("--book-digest", book.digest().hex()), "recomputed"),
        (("--root", book.root.hash.hex()), "claimed"),
    ):
        code, printed = desk.verify(*words, "--json")
        document = json.loads(printed)
        assert code == ExitCode.ACCEPTED
        assert document["kind"] == "certificate"
        assert document["verdict"].endswith("holds at least 1 BTC.")
        (issuer,) = (found for found in document["findings"] if found["subject"] == "Issuer")
        assert issuer["level"] == level, words


def test_the_report_is_in_plain_words(desk: Desk) -> None:
    code, printed = desk.verify("--bundle", "bundle", "--audience", AUDIENCE, "--statement", "one.json")
    assert code == ExitCode.ACCEPTED
    assert f"The account at leaf {desk.opening.leaf_index} holds at least 1 BTC." in printed
    assert "K3-audience" in printed


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--bundle", "bundle", "--audience", "Somebody else"), ExitCode.REJECTED, "K3-audience"),
        (("--bundle", "bundle", "--statement", "two.json"), ExitCode.REJECTED, "another model than yours"),
        (("--bundle", "bundle", "--market", "prices.json"), ExitCode.REJECTED, "without a market"),
        (("--bundle", "bundle", "--issuer-key", "00" * 32), ExitCode.REJECTED, "B3-issuer"),
        (("--root", "00" * 32), ExitCode.REJECTED, "K2-root"),
        (("--book-digest", "00" * 32), ExitCode.REJECTED, "K2-root"),
        ((), ExitCode.REFUSED_INPUT, "give one of --bundle"),
        (("--bundle", "bundle", "--root", "00" * 32), ExitCode.REFUSED_INPUT, "give one of --bundle"),
        (("--root", "00"), ExitCode.REFUSED_INPUT, "--root: expected 64"),
        (("--root", "00" * 32, "--issuer-key", "key.pub"), ExitCode.REFUSED_INPUT, "goes with --bundle"),
        (("--bundle", "bundle", "--audience", " "), ExitCode.REFUSED_INPUT, "not 0"),
        (("--bundle", "nowhere"), ExitCode.ENVIRONMENT, "nowhere"),
    ],
)
def test_what_verify_certificate_refuses(
    desk: Desk, words: tuple[str, ...], code: ExitCode, message: str
) -> None:
    returned, printed = desk.verify(*words)
    assert (returned, message in printed) == (code, True), printed


def test_a_rejection_as_json(desk: Desk) -> None:
    code, printed = desk.verify("--bundle", "bundle", "--json", certificate="opening.json")
    document = json.loads(printed)
    assert code == document["exit_code"] == ExitCode.REJECTED
    assert (document["result"], document["check"]) == ("rejected", "K1-form")


def test_inspect_shows_a_certificate_without_checking_it(desk: Desk) -> None:
    code, printed = desk.run("inspect", "certificate.json", "--json")
    document = json.loads(printed)
    assert code == ExitCode.ACCEPTED
    assert document["kind"] == "a certificate"
    assert document["checked"] is False
    assert document["audience"] == AUDIENCE
    assert document["statement"] == [at_least("1").decode()]
    assert document["leaf_index"] == desk.opening.leaf_index
