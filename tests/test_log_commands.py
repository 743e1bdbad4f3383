"""Commands around the log: keys, entries that an issuer signs, whether an attestation is in the log; the routes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from log_support import LOG_SIGNER, WITNESSES, attestation, entries, served, stored_log
from sealing_support import Sealed
from typer.testing import CliRunner

from primitives.log_entry import AttestationEntry, RevocationEntry, RotationEntry, parse_log_entry
from primitives.log_tree import leaf_hash
from primitives.signed_note import KeyType, NoteSigner, VerifierKey
from prover.vault import Vault
from sealedbook.__main__ import app
from verifier.checks import Check


def run(*arguments: object) -> tuple[int, Any]:
    result = CliRunner().invoke(app, [*(str(each) for each in arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_log_key_is_made_once_and_shown(tmp_path: Path) -> None:
    key = tmp_path / "log.key"
    code, made = run("log-key", "new", "--name", "log.example.com/x", "--out", key)
    assert code == 0
    assert key.stat().st_mode & 0o777 == 0o600
    signer = NoteSigner.parse(key.read_text().strip())
    assert (
        made["verifier_key"]
        == signer.verifier_key.to_text()
        == (tmp_path / "log.key.pub").read_text().strip()
    )
    assert signer.verifier_key.type is KeyType.ED25519
    assert run("log-key", "show", key) == (0, {"verifier_key": made["verifier_key"]})
    before = key.read_bytes()
    assert run("log-key", "new", "--name", "log.example.com/x", "--out", key)[0] == 4
    assert key.read_bytes() == before
    code, witness = run("log-key", "new", "--name", "w", "--out", tmp_path / "w.key", "--witness")
    assert VerifierKey.parse(witness["verifier_key"]).type is KeyType.COSIGNATURE
    assert run("log-key", "new", "--name", "two words", "--out", tmp_path / "x")[0] == 3
    shown = CliRunner().invoke(app, ["log-key", "new", "--name", "n", "--out", str(tmp_path / "n.key")])
    assert "PRIVATE" not in shown.output
    (tmp_path / "bad").write_text("PRIVATE+KEY+nonsense")
    code, refused = run("log-key", "show", tmp_path / "bad")
    assert code == 3
    assert "nonsense" not in refused["detail"]


def test_revoke_writes_an_entry_that_a_log_takes(sealed_once: Sealed, tmp_path: Path) -> None:
    vault, out = sealed_once.folder / "vault", tmp_path / "revocation.json"
    code, _ = run("revoke", sealed_once.bundle, "--vault", vault, "--reason", "wrong prices", "--out", out)
    assert code == 0
    entry = parse_log_entry(out.read_bytes())
    assert isinstance(entry, RevocationEntry)
    data = (sealed_once.bundle / "attestation.json").read_bytes()
    assert entry.attestation_sha256 == AttestationEntry.of(data).attestation_sha256
    assert (entry.issuer_key, entry.reason) == (sealed_once.issuer.public_key, "wrong prices")
    arguments = ["revoke", "ab" * 32, "--vault", vault, "--reason"]
    assert run(*arguments, "x", "--out", out)[0] == 3
    assert run(*arguments, "x", "--out", tmp_path / "other")[0] == 0
    assert run(*arguments, "x\ny", "--out", tmp_path / "third")[0] == 3
    assert run("revoke", "ab" * 31, "--vault", vault, "--reason", "x", "--out", tmp_path / "third")[0] == 3
    assert not (tmp_path / "third").exists()


def test_rotate_is_signed_by_both_keys(tmp_path: Path) -> None:
    old, new = (Vault.create(tmp_path / name, "Example", None).issuer(None) for name in ("old", "new"))
    out = tmp_path / "rotation.json"
    assert run("rotate", "--vault", tmp_path / "old", "--new-vault", tmp_path / "new", "--out", out)[0] == 0
    entry = parse_log_entry(out.read_bytes())
    assert isinstance(entry, RotationEntry)
    assert (entry.old_key, entry.new_key, entry.issuer) == (old.public_key, new.public_key, "Example")
    Vault.create(tmp_path / "third", "Another", None)
    for other, reason in (("third", "is of 'Example'"), ("old", "is the old key")):
        code, refused = run(
            "rotate", "--vault", tmp_path / "old", "--new-vault", tmp_path / other, "--out", tmp_path / "x"
        )
        assert (code, reason in refused["detail"]) == (3, True)


def test_verify_logged(sealed_once: Sealed, tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(entries(6))
    key = LOG_SIGNER.verifier_key.to_text()
    with served(stored) as (url, _):
        arguments = ("verify-logged", sealed_once.bundle, url, "--log-key", key)
        code, report = run(*arguments)
        assert (code, report["check"]) == (1, "L5-inclusion")
        data = (sealed_once.bundle / "attestation.json").read_bytes()
        stored.append([AttestationEntry.of(data).to_bytes(), *entries(3, 6)])
        code, report = run(*arguments)
        assert (code, report["result"], report["figures"]["log_index"]) == (0, "accepted", 6)
        assert [check["name"] for check in report["checks"]][-2:] == ["L3-log-signature", "L5-inclusion"]
        witness = WITNESSES[0].verifier_key.to_text()
        assert run(*arguments, "--witness-key", witness)[1]["check"] == "L4-witnesses"
        assert run(*arguments, "--witness-key", witness, "--witnesses", 2)[0] == 3


def test_routes_of_the_log(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    data = entries(5)
    stored.append(data)
    with served(stored) as (url, _), httpx.Client(base_url=f"{url}/v1/log") as client:
        assert client.get("/checkpoint").content == stored.read("checkpoint")
        assert client.get("/checkpoint").headers["Content-Type"] == "text/plain; charset=utf-8"
        assert client.get("/checkpoint", params={"size": 2}).content == stored.read("checkpoint", size=2)
        assert client.get("/entries", params={"start": 1, "count": 2}).content == b"".join(
            e + b"\n" for e in data[1:3]
        )
        assert client.get("/entries/4").content == data[4]
        by_index = client.get("/proof/inclusion", params={"index": 3, "size": 5}).json()
        assert by_index["hashes"] == [each.hex() for each in stored.read("inclusion_proof", 3, 5)]
        for name, digest in (
            ("digest", leaf_hash(data[3])),
            ("attestation", attestation(3).attestation_sha256),
        ):
            assert client.get("/proof/inclusion", params={name: digest.hex()}).json() == by_index
        consistency = client.get("/proof/consistency", params={"first": 3, "second": 5}).json()
        assert consistency["hashes"] == [each.hex() for each in stored.read("consistency_proof", 3, 5)]
        assert client.get("/witnesses").json()["log_key"] == LOG_SIGNER.verifier_key.to_text()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/checkpoint?size=9", 404),
        ("/checkpoint?size=-1", 422),
        ("/checkpoint?cosignatures=1", 404),
        ("/entries", 422),
        ("/entries?start=4", 404),
        ("/entries?start=0&count=1001", 422),
        ("/entries?start=99999999999999999999", 422),
        ("/entries/3", 404),
        ("/entries/-1", 404),
        ("/entries/99999999999999999999", 422),
        ("/proof/inclusion", 422),
        ("/proof/inclusion?index=0&digest=" + "00" * 32, 422),
        ("/proof/inclusion?digest=00", 422),
        ("/proof/inclusion?digest=" + "00" * 32, 404),
        ("/proof/inclusion?attestation=" + "00" * 32, 404),
        ("/proof/inclusion?index=3&size=3", 404),
        ("/proof/inclusion?index=0&size=4", 404),
        ("/proof/consistency?first=2&second=1", 404),
        ("/proof/consistency?first=1&second=4", 404),
    ],
)
def test_what_the_routes_refuse(tmp_path: Path, path: str, status: int) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(entries(3))
    with served(stored) as (url, _):
        answer = httpx.get(f"{url}/v1/log{path}")
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_cosignatures_that_the_route_refuses(tmp_path: Path) -> None:
    stored = stored_log(tmp_path / "log")
    stored.append(entries(3))
    with served(stored) as (url, _):
        refused = httpx.post(f"{url}/v1/log/cosignatures", content=stored.read("checkpoint"))
        assert (refused.status_code, refused.json()["code"]) == (422, "cosignature-refused")
        assert httpx.post(f"{url}/v1/log/cosignatures", content=b"x" * ((1 << 20) + 1)).status_code == 413


@pytest.mark.parametrize(
    ("page", "left_out"),
    # what a monitor does not check is told on the protocol's page alone
    [("protocol.md", set()), ("transparency.md", {"L5-inclusion", "L12-not-revoked"})],
)
def test_the_pages_tell_every_check_of_the_log(page: str, left_out: set[str]) -> None:
    lines = (Path(__file__).parent.parent / "docs" / page).read_text(encoding="utf-8").splitlines()
    rows = " ".join(line.split("|")[1] for line in lines if line.startswith("| L"))
    names = {check.value for check in Check if re.match(r"L\d", check.value)}
    assert set(re.findall(r"L\d+-[a-z-]+", rows)) == names - left_out
