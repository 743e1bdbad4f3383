"""Signed markets in bundles: they travel with the claim, and conditions on them cannot be evaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from Crypto.PublicKey import ECC
from sealing_support import Sealed, describe_files_anew, fastest_backend, rejected, resign, seal
from solvency_support import NON_NEGATIVE, SOLVENT
from test_cli import run

import verifier.claims
from circuits.public_market import parse_public_market
from primitives.attestation import ATTESTATION_NAME, Attestation
from primitives.claims import parse_claim
from primitives.market_signatures import MARKET_SIGNATURES_NAME, MarketSignatures, sign_market
from primitives.signing import public_key_bytes
from primitives.strict_json import JsonError
from prover.errors import ProverError
from prover.market_parquet import market_to_parquet
from prover.prove_book import prove_book
from sealedbook.output import ExitCode
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import Check
from verifier.findings import Level
from verifier.market_checks import MarketPolicy
from verifier.report import bundle_report

KEY: Final = ECC.generate(curve="Ed25519")
INDEX: Final = {"Index": public_key_bytes(KEY)}
PRICED: Final = (("BTC", "65000"), ("ETH", "0"), ("USD", "1"))
VALUE: Final = b'{"format":"sealedbook/model/v1","kind":"net-value"}'


def prices(as_of: str = "2026-01-31T00:00:00Z", **changed: str) -> bytes:
    entries = [{"asset": asset, "price": changed.get(asset, price)} for asset, price in PRICED]
    head = {"format": "sealedbook/prices/v1", "as_of": as_of, "quote": "USD", "scale": 8}
    return json.dumps({**head, "prices": entries}).encode()


def signed(market: bytes, key: ECC.EccKey = KEY, name: str = "Example Index") -> bytes:
    return MarketSignatures((sign_market(market, key, name),)).to_bytes()


def prove(sealed: Sealed, *, market: bytes | None, model: bytes = VALUE, **options: Any) -> Any:
    book = sealed.vault.open_book(sealed.result.digest, None)
    return prove_book(
        sealed.bundle, book, sealed.issuer, sealed.backend, model=model, market=market, workers=1, **options
    )


def verify(sealed: Sealed, **policy: Any) -> VerifiedBundle:
    return verify_bundle(
        sealed.bundle,
        sealed.backend,
        issuer_key=sealed.issuer.public_key,
        market_policy=MarketPolicy(**policy),
    )


@pytest.fixture(scope="module")
def unproven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    return seal(tmp_path_factory.mktemp("markets") / "s", fastest_backend(), SOLVENT, documents={})


@pytest.fixture(scope="module")
def proven(unproven: Sealed, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    made = unproven.copy(tmp_path_factory.mktemp("proven") / "s")
    prove(made, market=prices(), signatures=signed(prices()))
    return made


def levels(verified: VerifiedBundle) -> Mapping[str, Level]:
    return {line.subject: line.level for line in bundle_report(verified).findings}


def test_a_signed_market_is_called_signed(proven: Sealed) -> None:
    verified = verify(proven, source_keys=INDEX, max_age=timedelta(0))
    report = bundle_report(verified)
    assert levels(verified)["Sources of the market of 'accounts'"] is Level.SIGNED
    assert levels(verified)["Time of the market of 'accounts'"] is Level.SIGNED
    assert [c.value for c in report.checks if c.value.startswith("M")] == [
        "M1-market",
        "M2-signatures",
        "M3-sources",
        "M4-time",
    ]
    markets: Any = report.figures["markets"]
    assert [(each["claim"], each["sources_signed"], each["age_seconds"]) for each in markets] == [
        ("accounts", 1, 0)
    ]


def test_without_the_sources_key_it_is_claimed(proven: Sealed) -> None:
    found = levels(verify(proven))
    assert found["Other signatures of the market of 'accounts'"] is Level.CLAIMED
    assert found["Time of the market of 'accounts'"] is Level.CLAIMED


def test_the_file_is_listed_and_named_by_the_claim(proven: Sealed) -> None:
    attestation = Attestation.parse((proven.bundle / ATTESTATION_NAME).read_bytes())
    (claim,) = attestation.claims
    assert MARKET_SIGNATURES_NAME in claim.file_names
    assert attestation.file(MARKET_SIGNATURES_NAME).size == len(signed(prices()))


def test_a_claim_without_signatures_is_written_as_before(unproven: Sealed, tmp_path: Path) -> None:
    sealed = unproven.copy(tmp_path / "s")
    prove(sealed, market=prices())
    document = json.loads((sealed.bundle / ATTESTATION_NAME).read_bytes())
    assert set(document["claims"][0]) == {"kind", "name", "model", "market", "statement", "batches"}
    found = levels(verify(sealed))
    assert found["Sources of the market of 'accounts'"] is Level.CLAIMED


def test_signatures_may_be_added_after_proving(unproven: Sealed, tmp_path: Path) -> None:
    """No proof absorbs them: the same proofs serve, under a new signature of the attestation alone."""
    sealed = unproven.copy(tmp_path / "s")
    prove(sealed, market=prices())
    (sealed.bundle / "sigs.json").write_bytes(signed(prices()))

    def change(document: Any) -> None:
        document["claims"][0]["signatures"] = "sigs.json"
        document["files"].append({"name": "sigs.json", "bytes": 0, "sha256": "00" * 32})
        document["files"].sort(key=lambda entry: entry["name"])
        describe_files_anew(sealed.bundle)(document)

    resign(sealed.bundle, sealed.issuer, change)
    assert levels(verify(sealed, source_keys=INDEX))["Sources of the market of 'accounts'"] is Level.SIGNED


def test_proving_again_replaces_them(proven: Sealed, tmp_path: Path) -> None:
    sealed = proven.copy(tmp_path / "s")
    prove(sealed, market=prices(), signatures=signed(prices(), name="Renamed"))
    assert (
        MarketSignatures.parse((sealed.bundle / MARKET_SIGNATURES_NAME).read_bytes()).signatures[0].source
        == "Renamed"
    )
    prove(sealed, market=prices())
    assert not (sealed.bundle / MARKET_SIGNATURES_NAME).exists()
    verify(sealed)


def test_two_claims_with_markets_of_their_own(proven: Sealed, tmp_path: Path) -> None:
    sealed, other = proven.copy(tmp_path / "s"), prices(BTC="66000")
    prove(sealed, market=other, signatures=signed(other), name="second")
    verified = verify(sealed, source_keys=INDEX)
    assert [claim.market is not None and len(claim.market.known_signers) for claim in verified.claims] == [
        1,
        1,
    ]
    assert (sealed.bundle / "market.sources-second.json").is_file()


@pytest.mark.parametrize(
    ("market", "signatures", "reason"),
    [
        (prices(), signed(prices(BTC="1")), "does not match"),
        (prices(), b"{}", "field 'format' is missing"),
        (None, signed(prices()), "and no market"),
    ],
)
def test_signatures_that_do_not_hold_are_not_published(
    unproven: Sealed, market: bytes | None, signatures: bytes, reason: str
) -> None:
    with pytest.raises(ProverError, match=reason):
        prove(unproven, market=market, signatures=signatures, model=NON_NEGATIVE)


# What an issuer may try


def test_a_signature_of_another_market(proven: Sealed, tmp_path: Path) -> None:
    sealed = proven.copy(tmp_path / "s")
    (sealed.bundle / MARKET_SIGNATURES_NAME).write_bytes(signed(prices(BTC="1")))
    resign(sealed.bundle, sealed.issuer, describe_files_anew(sealed.bundle))
    with rejected(
        Check.MARKET_SIGNATURES, "claim 'accounts': signature of source 'Example Index': .*does not match"
    ):
        verify(sealed)


def test_a_signatures_document_of_absurd_length(proven: Sealed, tmp_path: Path) -> None:
    sealed = proven.copy(tmp_path / "s")
    (sealed.bundle / MARKET_SIGNATURES_NAME).write_bytes(signed(prices()) + b" " * (1 << 18))
    resign(sealed.bundle, sealed.issuer, describe_files_anew(sealed.bundle))
    with rejected(Check.BUNDLE_FILES, "more than 131072 bytes"):
        verify(sealed)


def test_leaving_signatures_out(unproven: Sealed, tmp_path: Path) -> None:
    sealed = unproven.copy(tmp_path / "s")
    prove(sealed, market=prices())
    with rejected(Check.MARKET_SOURCES, "claim 'accounts': 0 of the 1 sources"):
        verify(sealed, source_keys=INDEX)


def test_a_key_of_the_issuers_own(unproven: Sealed, tmp_path: Path) -> None:
    sealed, own = unproven.copy(tmp_path / "s"), ECC.generate(curve="Ed25519")
    prove(sealed, market=prices(), signatures=signed(prices(), own, "Index"))
    with rejected(Check.MARKET_SOURCES, "without a signature: Index"):
        verify(sealed, source_keys=INDEX)


@pytest.mark.parametrize(
    ("as_of", "reason"),
    [("2026-01-30T23:59:58Z", "2 s before 2026-01-31"), ("2026-01-31T00:00:01Z", "1 s after 2026-01-31")],
)
def test_a_market_of_another_time(unproven: Sealed, tmp_path: Path, as_of: str, reason: str) -> None:
    sealed = unproven.copy(tmp_path / "s")
    prove(sealed, market=prices(as_of))
    with rejected(Check.MARKET_TIME, reason):
        verify(sealed, max_age=timedelta(seconds=1))


def test_a_market_far_from_the_last(proven: Sealed) -> None:
    previous = (parse_public_market(prices("2026-01-30T00:00:00Z", BTC="64000")),)
    verify(proven, previous=previous, max_deviation=Fraction("156.25"))
    with rejected(Check.MARKET_DEVIATION, "price of BTC, from 64000 to 65000: 156.25 basis points"):
        verify(proven, previous=previous, max_deviation=Fraction("156.24"))


def test_prices_in_the_model_beside_a_signed_market(unproven: Sealed, tmp_path: Path) -> None:
    """The statement counts with the model's prices; the signed ones only stand beside it."""
    sealed = unproven.copy(tmp_path / "s")
    own = {"quote": "USD", "scale": 8, "prices": [{"asset": "BTC", "price": "999999"}]}
    model = json.dumps(
        {"format": "sealedbook/model/v1", "kind": "net-value", "prices": own, "assets": ["BTC"]}
    )
    prove(sealed, market=prices(), signatures=signed(prices()), model=model.encode())
    verify(sealed)
    with rejected(Check.MARKET_DOCUMENT, "prices stand in its model"):
        verify(sealed, source_keys=INDEX)


def test_prices_in_the_model_and_no_market(
    unproven: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = unproven.copy(tmp_path / "s")
    own = {
        "quote": "USD",
        "scale": 8,
        "prices": [{"asset": asset, "price": price} for asset, price in PRICED],
    }
    model = json.dumps({"format": "sealedbook/model/v1", "kind": "net-value", "prices": own})
    prove(sealed, market=None, model=model.encode())
    with rejected(Check.MARKET_DOCUMENT, "prices stand in its model"):
        verify(sealed, max_age=timedelta(1))
    # A kind of model that hides its prices better: whatever weighs positions has a market.
    monkeypatch.setattr(verifier.claims, "inline_prices", lambda model: ())
    with rejected(Check.MARKET_DOCUMENT, "has no market for your conditions to be about"):
        verify(sealed, max_age=timedelta(1))


def test_a_signed_market_beside_a_claim_that_uses_none(unproven: Sealed, tmp_path: Path) -> None:
    sealed = unproven.copy(tmp_path / "s")
    prove(sealed, market=prices(), signatures=signed(prices()), model=NON_NEGATIVE)
    assert levels(verify(sealed))["Use of the market of 'accounts'"] is Level.RECOMPUTED
    with rejected(Check.MARKET_DOCUMENT, "no claim about every account values positions"):
        verify(sealed, source_keys=INDEX)


def test_a_bundle_without_claims(unproven: Sealed) -> None:
    with rejected(Check.MARKET_DOCUMENT, "no claim about every account values positions"):
        verify(unproven, source_keys=INDEX)


def test_a_claim_that_needs_no_market_does_not_stand_in_the_way(proven: Sealed, tmp_path: Path) -> None:
    sealed = proven.copy(tmp_path / "s")
    prove(sealed, market=None, model=NON_NEGATIVE, name="floors")
    assert len(verify(sealed, source_keys=INDEX).claims) == 2


def test_signatures_of_no_market_are_no_claim() -> None:
    claim: Any = {
        "kind": "accounts", "name": "a", "model": "model.json", "signatures": "s.json",
        "statement": "00" * 32, "batches": 1,
    }  # fmt: skip
    with pytest.raises(JsonError, match="signatures: are of a market, and the claim has none"):
        parse_claim(claim, "$")


# Commands


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a market in JSON and Parquet and a source's key, as the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("market.json").write_bytes(prices())
    Path("market.parquet").write_bytes(market_to_parquet(prices()))
    Path("model.json").write_bytes(VALUE)
    assert run("market", "new-key", "index.key").code == ExitCode.ACCEPTED
    return tmp_path


def test_from_a_parquet_file_to_a_bundle_with_signatures(unproven: Sealed, desk: Path) -> None:
    sealed = unproven.copy(desk / "s")
    assert run("market", "sign", "market.parquet", "--key", "index.key", "--source", "Index").code == 0
    done = run("prove", sealed.bundle, "--vault", sealed.folder / "vault", "--model", "model.json",
               "--market", "market.parquet", "--market-signatures", MARKET_SIGNATURES_NAME)  # fmt: skip
    assert done.code == 0, done.said
    document = (sealed.bundle / "market.json").read_bytes()
    assert document == json.dumps(json.loads(document), separators=(",", ":"), sort_keys=True).encode()
    conditions = ("--source-key", "My index=index.pub", "--max-market-age", "0", "--previous-market", "market.parquet",
                  "--max-deviation", "0")  # fmt: skip
    done = run("verify", sealed.bundle, *conditions)
    assert done.code == 0, done.said
    assert "signed by My index, by the keys you gave (1 of 1; you require 1)" in " ".join(done.said.split())
    done = run("verify", sealed.bundle, *conditions, "--sources-required", "2")
    assert done.code == ExitCode.REFUSED_INPUT
    assert "2 sources are required, and keys of 1 are given" in done.said
    done = run("verify", sealed.bundle, "--market", "market.parquet")
    assert done.code == ExitCode.REFUSED_INPUT
    assert "is Parquet, and what is published is JSON" in " ".join(done.said.split())


def test_a_bundle_proven_again_keeps_its_markets_signatures(proven: Sealed, desk: Path) -> None:
    sealed = proven.copy(desk / "s")
    done = run("prove", sealed.bundle, "--vault", sealed.folder / "vault", "--model", "model.json")
    assert done.code == 0, done.said
    verify(sealed, source_keys=INDEX)


def test_model_explain_and_margin_take_parquet(desk: Path, unproven: Sealed) -> None:
    sealed = unproven.copy(desk / "s")
    explained = [
        run(
            "model", "explain", "model.json", "--bundle", sealed.bundle, "--market", market, "--json"
        ).document
        for market in ("market.json", "market.parquet")
    ]
    assert explained[0]["statement"] == explained[1]["statement"]
    Path("spot.parquet").write_bytes(b"PAR1" + bytes(20))
    done = run("model", "explain", "model.json", "--bundle", sealed.bundle, "--market", "spot.parquet")
    assert done.code == ExitCode.REFUSED_INPUT
    assert "--market: spot.parquet: the Parquet file is cut off" in done.said


def test_convert(desk: Path) -> None:
    assert run("market", "convert", "market.parquet", "back.json").code == 0
    assert (
        run("market", "convert", "back.json", "again.parquet", "--json").document["format"]
        == "sealedbook/prices/v1"
    )
    assert Path("again.parquet").read_bytes() == Path("market.parquet").read_bytes()
    for arguments, reason in (
        (("market.json", "back.json"), "back.json exists: choose another place, or --replace it"),
        (("market.json", "market.csv"), "is named neither .json nor .parquet"),
        (("model.json", "x.parquet"), "is not one of sealedbook/prices/v1"),
        (("index.key", "x.json"), "not JSON"),
    ):
        done = run("market", "convert", *arguments)
        assert (done.code, reason in " ".join(done.said.split())) == (ExitCode.REFUSED_INPUT, True), done.said
    assert run("market", "convert", "market.json", "back.json", "--replace").code == 0


def test_sign_adds_to_what_is_there(desk: Path) -> None:
    run("market", "new-key", "desk.key")
    for key, name in (("index.key", "Index"), ("desk.key", "Desk")):
        done = run(
            "market", "sign", "market.json", "--key", key, "--source", name, "--out", "s.json", "--json"
        )
        assert done.document["source"] == name
    assert [e.source for e in MarketSignatures.parse(Path("s.json").read_bytes()).signatures] == [
        "Desk",
        "Index",
    ]
    Path("other.json").write_bytes(prices(BTC="1"))
    for arguments, reason in (
        (("other.json", "--source", "Index"), "s.json is there, and is not of this market"),
        (("market.json", "--source", "Other"), "its key signed already, under another name"),
        (("market.json", "--source", "a=b"), "source name"),
        (("model.json", "--source", "Index"), "is not one of sealedbook/prices/v1"),
    ):
        done = run("market", "sign", *arguments, "--key", "index.key", "--out", "s.json")
        assert (done.code, reason in " ".join(done.said.split())) == (ExitCode.REFUSED_INPUT, True), done.said
    done = run("market", "sign", "market.json", "--key", "index.pub", "--source", "Index", "--out", "t.json")
    assert "not an Ed25519 private key" in done.said
    done = run(
        "market", "sign", "market.json", "--key", "index.key", "--source", "Index", "--out", "model.json"
    )
    assert "holds no signatures of a market" in " ".join(done.said.split())


def test_keys_are_private_and_never_overwritten(desk: Path) -> None:
    assert Path("index.key").stat().st_mode & 0o777 == 0o600
    assert "is never overwritten" in run("market", "new-key", "index.key").said
    assert "is what the public key is called" in run("market", "new-key", "x.pub").said
    Path("passphrase").write_text("p\n")
    assert run("market", "new-key", "locked.key", "--passphrase-file", "passphrase").code == 0
    sign = ("market", "sign", "market.json", "--key", "locked.key", "--source", "L")
    assert "is encrypted: give its passphrase" in run(*sign).said
    assert run(*sign, "--passphrase-file", "passphrase").code == 0


def test_check(desk: Path) -> None:
    run("market", "sign", "market.json", "--key", "index.key", "--source", "Index", "--out", "s.json")
    Path("old.json").write_bytes(prices("2026-01-30T00:00:00Z", BTC="64000"))
    conditions = ("--signatures", "s.json", "--source-key", f"Index={Path('index.pub').read_text().strip()}",
                  "--required", "1",
                  "--at", "2026-01-31T00:00:05Z", "--max-age", "5", "--previous", "old.json",
                  "--max-deviation-bps", "156.25")  # fmt: skip
    accepted = run("market", "check", "market.json", *conditions, "--json").document
    assert [check["name"] for check in accepted["checks"]] == [c.value for c in Check if c.value[0] == "M"]
    assert run("market", "check", "market.parquet", "--other", "old.json").code == 0
    # Signed was the layout of market.json, and the Parquet file stands for the canonical document.
    for arguments, reason in (
        (("market.parquet", *conditions), "M2-signatures"),
        (("market.json", *conditions, "--max-age", "4"), "M4-time"),
        (("market.json", *conditions, "--max-deviation-bps", "156"), "M5-deviation"),
        (("market.json", "--source-key", "Index=index.pub"), "M3-sources"),
        (("model.json",), "M1-market"),
    ):
        done = run("market", "check", *arguments)
        assert (done.code, reason in done.said) == (ExitCode.REJECTED, True), done.said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--max-age", "5"), "a greatest age needs a moment"),
        (("--at", "yesterday"), "is not a UTC time"),
        (("--source-key", "index.pub"), "is not NAME=HEX or NAME=FILE"),
        (("--source-key", "a=nowhere"), "neither 64 hexadecimal digits nor a file"),
        (("--source-key", "a=model.json"), "expected 64 hexadecimal digits"),
        (("--source-key", "a=index.pub", "--source-key", "a=index.pub"), "is named twice"),
        (("--source-key", "a=index.pub", "--source-key", "b=index.pub"), "would count twice"),
        (("--max-deviation-bps", "5"), "needs a market to deviate from"),
        (("--previous", "market.json", "--max-deviation-bps", "5.0"), "'5.0' is not canonical"),
        (("--previous", "model.json"), "--previous-market: model.json"),
    ],
)
def test_conditions_that_cannot_be_used(desk: Path, arguments: tuple[str, ...], reason: str) -> None:
    done = run("market", "check", "market.json", *arguments)
    assert (done.code, reason in " ".join(done.said.split())) == (ExitCode.REFUSED_INPUT, True), done.said
