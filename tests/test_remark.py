"""Marking claims and certificates to new markets: same book and model, other prices, proofs made anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from sealing_support import AS_OF, AVAILABLE_BACKENDS, Sealed, fastest_backend, seal
from solvency_support import NON_NEGATIVE, SOLVENT
from test_cli import run
from test_market_in_bundle import INDEX, prices, signed

from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.public_market import parse_public_market
from circuits.rows import Scope
from primitives import claims
from primitives.attestation import ATTESTATION_NAME, Attestation
from primitives.backends import get_backend
from primitives.claims import AccountsClaim
from primitives.market_signatures import MARKET_SIGNATURES_NAME
from prover import remark as module
from prover.certificate import CertificateRefusedError, make_certificate
from prover.certificate_marker import CertificateMarker
from prover.errors import ProverError
from prover.market_parquet import market_to_parquet
from prover.prove_book import WORK_NAME, BookProof, StatementFailsError, only_run, prove_book
from prover.remark import remark_claims
from sealedbook.output import ExitCode
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.certificate import ExpectedTerms, verify_certificate_in_bundle
from verifier.market_checks import MarketPolicy

VALUE: Final = b'{"format":"sealedbook/model/v1","kind":"net-value"}'
OTHER: Final = b'{"format":"sealedbook/model/v1","kind":"net-value","width":90}'
LATER: Final = "2026-01-31T00:00:01Z"
EARLIER: Final = "2026-01-30T23:59:59Z"
IN_DEBT: Final = {**SOLVENT, "dave": {"BTC": 100_000_000, "USD": -5_000_000_00}}
"""Dave owes 5,000,000.00 USD against 1 BTC: enough above 5 million for a BTC."""
KILLED: Final = Path(__file__).parent / "remark_killed.py"


def claim_of(sealed: Sealed, name: str) -> AccountsClaim:
    found = Attestation.parse((sealed.bundle / ATTESTATION_NAME).read_bytes()).claims
    (claim,) = (claim for claim in found if claim.name == name)
    assert isinstance(claim, AccountsClaim)
    return claim


def prove(
    sealed: Sealed, name: str, model: bytes = VALUE, market: bytes | None = None, **options: Any
) -> None:
    book = sealed.vault.open_book(sealed.result.digest, None)
    prove_book(
        sealed.bundle, book, sealed.issuer, sealed.backend, model=model, market=market, name=name, workers=1, **options
    )  # fmt: skip


def remark(sealed: Sealed, market: bytes, **options: Any) -> tuple[BookProof, ...]:
    book = sealed.vault.open_book(sealed.result.digest, None)
    return remark_claims(
        sealed.bundle, book, sealed.issuer, sealed.backend, market=market, workers=1, **options
    )


def verify(sealed: Sealed, **policy: Any) -> VerifiedBundle:
    return verify_bundle(
        sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key, market_policy=MarketPolicy(**policy)
    )  # fmt: skip


def snapshot(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def document(sealed: Sealed, name: str | None) -> bytes:
    assert name is not None
    return (sealed.bundle / name).read_bytes()


@pytest.fixture(scope="module")
def proven_once(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """Two claims with one market, a third without any."""
    sealed = seal(tmp_path_factory.mktemp("remark") / "s", fastest_backend(), SOLVENT, documents={})
    prove(sealed, "first", VALUE, prices())
    prove(sealed, "second", OTHER, prices())
    prove(sealed, "third", NON_NEGATIVE)
    return sealed


@pytest.fixture
def proven(proven_once: Sealed, tmp_path: Path) -> Sealed:
    return proven_once.copy(tmp_path / "copy")


# Bundles


def test_all_claims_with_a_market_are_marked_anew(proven: Sealed) -> None:
    before, opening = snapshot(proven.bundle), proven.opening("alice").to_bytes()
    market = prices(LATER, BTC="66000")
    proofs = remark(proven, market)
    assert [proof.claim.name for proof in proofs] == ["first", "second"]
    verified = verify(proven)
    statements = {claim.claim.name: claim.statement.digest() for claim in verified.claims}
    assert {proof.claim.name: proof.statement.digest() for proof in proofs}.items() <= statements.items()
    after = snapshot(proven.bundle)
    assert after["market.json"] == market
    assert set(after) == set(before)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        "attestation.json", "attestation.sig", "market.json", "proofs/first-000000.narg", "proofs/second-000000.narg",
    }  # fmt: skip
    assert verified.attestation.book == proven.result.book
    assert proven.opening("alice").to_bytes() == opening


@pytest.mark.parametrize("backend", AVAILABLE_BACKENDS)
def test_every_backend(tmp_path: Path, backend: str) -> None:
    sealed = seal(tmp_path / "s", get_backend(backend), SOLVENT, documents={})
    prove(sealed, "accounts", VALUE, prices())
    remark(sealed, prices(LATER, BTC="1"))
    assert len(verify(sealed).claims) == 1


def test_named_claims_alone_get_a_market_of_their_own(proven: Sealed) -> None:
    before = snapshot(proven.bundle)
    market = prices(LATER, BTC="66000")
    remark(proven, market, names=["second"])
    verify(proven)
    assert document(proven, claim_of(proven, "second").market) == market
    assert claim_of(proven, "first").market == "market.json"
    assert snapshot(proven.bundle)["market.json"] == before["market.json"]
    # Marked once more, the document of its own is replaced; marked together, each keeps its document's name.
    again = prices("2026-01-31T00:00:02Z", BTC="67000")
    remark(proven, again, names=["second"])
    assert document(proven, claim_of(proven, "second").market) == again
    last = prices("2026-01-31T00:00:03Z", BTC="68000")
    remark(proven, last)
    verify(proven)
    assert [document(proven, claim_of(proven, name).market) for name in ("first", "second")] == [last, last]
    assert set(snapshot(proven.bundle)) == {*before, "market-second.json"}


def test_marked_to_the_same_market_proofs_share_nothing(proven: Sealed) -> None:
    before = document(proven, "proofs/first-000000.narg")
    remark(proven, prices())
    after = document(proven, "proofs/first-000000.narg")
    assert len(before) == len(after)
    size = 32
    pieces = {before[i : i + size] for i in range(0, len(before) - size, 16)}
    assert not pieces & {after[i : i + size] for i in range(0, len(after) - size, 16)}
    verify(proven)


def test_signatures_come_with_the_new_market(proven: Sealed) -> None:
    market = prices(LATER)
    remark(proven, market, signatures=signed(market))
    verify(proven, source_keys=INDEX)
    assert document(proven, MARKET_SIGNATURES_NAME) == signed(market)
    # Those of the old market do not outlive it.
    remark(proven, prices("2026-01-31T00:00:02Z"))
    assert not (proven.bundle / MARKET_SIGNATURES_NAME).exists()
    with pytest.raises(ProverError, match="the market's signatures: "):
        remark(proven, prices("2026-01-31T00:00:03Z"), signatures=signed(market))


def test_an_older_market_is_refused_unless_allowed(proven: Sealed) -> None:
    before = snapshot(proven.bundle)
    with pytest.raises(
        ProverError, match=f"'first' .* market of 2026-01-31T00:00:00Z, this one is of {EARLIER}"
    ):
        remark(proven, prices(EARLIER))
    assert snapshot(proven.bundle) == before
    remark(proven, prices(EARLIER), allow_older=True)
    assert document(proven, "market.json") == prices(EARLIER)
    verify(proven)


def test_a_market_of_no_time_does_not_replace_one_of_some_time(
    proven: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = prices(LATER)
    known = parse_public_market(new)
    monkeypatch.setattr(module, "time_of", lambda market: None if market == known else AS_OF)
    with pytest.raises(ProverError, match="this one is of no stated time"):
        remark(proven, new)
    # The other way round nothing can be compared.
    monkeypatch.setattr(module, "time_of", lambda market: AS_OF if market == known else None)
    remark(proven, new)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["first", "missing"], "the bundle has no claim 'missing' about every account"),
        (["third"], "claim 'third' was made without a market"),
    ],
)
def test_claims_that_cannot_be_marked(proven: Sealed, names: list[str], reason: str) -> None:
    before = snapshot(proven.bundle)
    with pytest.raises(ProverError, match=reason):
        remark(proven, prices(LATER), names=names)
    assert snapshot(proven.bundle) == before


def test_a_bundle_without_such_claims(tmp_path: Path) -> None:
    sealed = seal(tmp_path / "s", fastest_backend(), SOLVENT, documents={})
    with pytest.raises(ProverError, match="no claim about every account that was made with a market"):
        remark(sealed, prices())


def test_a_market_that_does_not_fit_the_model(proven: Sealed) -> None:
    before = snapshot(proven.bundle)
    with pytest.raises(ClaimDocumentError, match=r"^market: "):
        remark(proven, b"{}", allow_older=True)
    short = json.loads(prices(LATER))
    short["prices"] = []
    with pytest.raises(ClaimDocumentError):
        remark(proven, json.dumps(short).encode())
    assert snapshot(proven.bundle) == before


@pytest.mark.parametrize("name", ["model.json", "market.json", "leaves.bin"])
def test_an_altered_file_is_not_used(proven: Sealed, name: str) -> None:
    path = proven.bundle / name
    path.write_bytes(path.read_bytes() + b" ")
    names = ["first"]
    if name == "market.json":
        # Read only for its time.
        with pytest.raises(ProverError, match="is not the file that was attested"):
            remark(proven, prices(LATER), names=names)
        return
    with pytest.raises(ProverError, match="is not the file that was attested"):
        remark(proven, prices(LATER), names=names)


# Accounts that fail


@pytest.fixture
def indebted(tmp_path: Path) -> Sealed:
    """Two claims that hold at 6 million for a BTC; the second counts BTC alone, and always holds."""
    sealed = seal(tmp_path / "s", fastest_backend(), IN_DEBT, documents={})
    coins = {**json.loads(VALUE), "assets": ["BTC", "ETH"]}
    prove(sealed, "coins", json.dumps(coins).encode(), prices(BTC="6000000"))
    prove(sealed, "value", VALUE, prices(BTC="6000000"))
    return sealed


def test_if_an_account_fails_every_old_claim_stays(indebted: Sealed) -> None:
    before = snapshot(indebted.bundle)
    with pytest.raises(StatementFailsError, match=r"claim 'value': 1 account\(s\) do not satisfy") as caught:
        remark(indebted, prices(LATER, BTC="4000000"))
    (failure,) = caught.value.failures
    assert (failure.account, failure.row) == ("dave", "net value")
    assert caught.value.claim == "value"
    assert snapshot(indebted.bundle) == before
    assert not any((indebted.vault_entry / WORK_NAME).iterdir())
    verify(indebted)
    remark(indebted, prices(LATER, BTC="4000000"), names=["coins"])
    remark(indebted, prices(LATER, BTC="7000000"))
    verify(indebted)


def test_it_is_told_on_the_command_line(indebted: Sealed) -> None:
    path = indebted.folder / "new.json"
    path.write_bytes(prices(LATER, BTC="4000000"))
    arguments = ("remark", indebted.bundle, "--vault", indebted.vault.folder, "--market", path)
    done = run(*arguments)
    assert done.code == ExitCode.REFUSED_INPUT
    assert "claim 'value': 1 account(s) do not satisfy the statement; nothing was written." in done.said
    assert "account 'dave': net value" in done.said
    told = json.loads(run(*arguments, "--json").out)
    assert (told["claim"], told["failing_accounts"], told["exit_code"]) == ("value", 1, 3)
    assert told["first"][0]["account"] == "dave"


def test_the_command(indebted: Sealed) -> None:
    path = indebted.folder / "new.parquet"
    market = prices(LATER, BTC="7000000")
    path.write_bytes(market_to_parquet(market))
    arguments = ("remark", indebted.bundle, "--vault", indebted.vault.folder, "--market", path)
    done = run(*arguments)
    assert done.code == ExitCode.ACCEPTED, done
    assert "Marked claim 'coins' to the new market" in done.out
    assert "openings and their paths stay good" in done.out
    told = json.loads(run(*arguments, "--json", "--name", "value").out)
    assert [claim["claim"] for claim in told["claims"]] == ["value"]
    path = indebted.folder / "old.json"
    path.write_bytes(prices(EARLIER, BTC="7000000"))
    arguments = ("remark", indebted.bundle, "--vault", indebted.vault.folder, "--market", path)
    assert "--allow-older" in run(*arguments).said
    assert run(*arguments, "--allow-older").code == ExitCode.ACCEPTED
    verify(indebted)


def test_one_run_at_a_time(proven: Sealed) -> None:
    book = proven.vault.open_book(proven.result.digest, None)
    with only_run(book), pytest.raises(ProverError, match="another run"):
        remark(proven, prices(LATER))


def test_a_bundle_of_another_book_is_refused(proven: Sealed, tmp_path: Path) -> None:
    other = seal(tmp_path / "other", fastest_backend(), SOLVENT, documents={})
    book = other.vault.open_book(other.result.digest, None)
    with pytest.raises(ProverError, match="holds another book than the vault's"):
        remark_claims(proven.bundle, book, proven.issuer, proven.backend, market=prices(LATER))


@pytest.mark.parametrize("survive", [0, 1, 2, 5, 7])
def test_a_killed_run_leaves_the_old_claims_and_goes_on_where_it_was(
    proven_once: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survive: int
) -> None:
    monkeypatch.setattr(claims, "MAX_BATCH_ACCOUNTS", 1)
    sealed = seal(tmp_path / "s", fastest_backend(), SOLVENT, documents={})
    prove(sealed, "first", VALUE, prices())
    prove(sealed, "second", OTHER, prices())
    before, market = snapshot(sealed.bundle), prices(LATER, BTC="66000")
    (tmp_path / "market.json").write_bytes(market)
    words = [sealed.bundle, sealed.vault.folder, sealed.backend.name, tmp_path / "market.json", survive]
    done = subprocess.run(
        [sys.executable, str(KILLED), *map(str, words)], check=False, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(KILLED.parent.parent)}, cwd=KILLED.parent.parent,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert snapshot(sealed.bundle) == before
    verify(sealed)
    proofs = remark(sealed, market)
    assert sum(proof.resumed for proof in proofs) == survive
    assert [claim.batches for claim in verify(sealed).claims] == [4, 4]
    assert not any((sealed.vault_entry / WORK_NAME).iterdir())


# Certificates


def test_a_certificate_at_one_market_after_another(proven: Sealed) -> None:
    marker = CertificateMarker(proven.opening("alice"), proven.backend, model=VALUE, audience="Lender AG")
    seen = set()
    for second in range(4):
        market = prices(f"2026-01-31T00:00:0{second}Z", BTC=str(60_000 + second))
        certificate = marker.mark(market)
        verified = verify_certificate_in_bundle(
            certificate.to_bytes(), proven.bundle, proven.backend, issuer_key=proven.issuer.public_key,
            expected=ExpectedTerms("Lender AG"),
        )  # fmt: skip
        assets = proven.result.book.assets
        statement = compile_claim(VALUE, market, assets, scope=Scope.ACCOUNT)
        assert verified.statement.digest() == statement.digest()
        seen.add(certificate.proof)
    seen |= {marker.mark(market).proof for _ in range(2)}
    assert len(seen) == 6
    assert "alice" not in repr(marker)
    assert "150000000" not in repr(marker)


def test_a_marker_refuses_as_certificates_do(indebted: Sealed) -> None:
    marker = CertificateMarker(indebted.opening("dave"), indebted.backend, model=VALUE)
    marker.mark(prices(BTC="6000000"))
    with pytest.raises(CertificateRefusedError) as marked:
        marker.mark(prices(BTC="4000000"))
    with pytest.raises(CertificateRefusedError) as made:
        make_certificate(
            indebted.opening("dave"), indebted.backend, model=VALUE, market=prices(BTC="4000000")
        )
    assert str(marked.value) == str(made.value)
    assert "short by 1000000 USD" in str(made.value).replace(",", "")
    with pytest.raises(ClaimDocumentError, match=r"^market: "):
        marker.mark(b"{}")
    with pytest.raises(ClaimDocumentError, match=r"^model: "):
        marker.mark(None)


def test_a_margin_model_is_read_once(indebted: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [{"asset": name, "ratio": "0.9"} for name in ("BTC", "ETH")] + [{"asset": "USD", "ratio": "1"}]
    model = json.dumps(
        {"format": "sealedbook/model/v1", "kind": "cross-collateral", "version": 1, "layout": "signed",
         "assets": [{**entry, "debt_weight": "1"} if entry["asset"] != "USD" else entry for entry in listed]}
    ).encode()  # fmt: skip
    market = prices(BTC="6000000")
    marker = CertificateMarker(indebted.opening("dave"), indebted.backend, model=model)
    monkeypatch.setattr("prover.certificate_marker.compile_claim", lambda *_, **__: pytest.fail("read again"))
    certificate = marker.mark(market)
    monkeypatch.undo()
    verify_certificate_in_bundle(
        certificate.to_bytes(), indebted.bundle, indebted.backend, issuer_key=indebted.issuer.public_key
    )
    with pytest.raises(ClaimDocumentError, match=r"^model: .*was given no market"):
        marker.mark(None)
