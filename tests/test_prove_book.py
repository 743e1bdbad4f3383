"""Proving whole books: what is proven verifies, who fails stops everything, a killed run goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sealing_support import AVAILABLE_BACKENDS, Sealed, fastest_backend, rejected, resign, seal

from circuits.claim_statement import ClaimDocumentError
from primitives import claims
from primitives.argument_parameters import ArgumentShape
from primitives.attestation import ATTESTATION_NAME, Attestation
from primitives.claims import BatchPlan, ClaimNameError
from prover.argument import ArgumentProver
from prover.errors import ProverError
from prover.prove_book import WORK_NAME, StatementFailsError, only_run, prove_book
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import Check
from verifier.report import bundle_report

HERE = Path(__file__).parent
BOUNDED = json.dumps({"format": "sealedbook/model/v1", "kind": "bounded"}).encode()
NON_NEGATIVE = json.dumps({"format": "sealedbook/model/v1", "kind": "non-negative"}).encode()
SOME_NON_NEGATIVE = json.dumps(
    {"format": "sealedbook/model/v1", "kind": "non-negative", "assets": ["BTC", "ETH"]}
).encode()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "MAX_BATCH_ACCOUNTS", 2)


def prove(sealed: Sealed, model: bytes, **options: Any) -> Any:
    book = sealed.vault.open_book(sealed.result.digest, None)
    return prove_book(sealed.bundle, book, sealed.issuer, sealed.backend, model=model, market=None, **options)


def verify(sealed: Sealed) -> VerifiedBundle:
    return verify_bundle(sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_leaf_is_proven(tampered: Sealed) -> None:
    seen: list[tuple[str, int, int]] = []
    proof = prove(tampered, BOUNDED, progress=lambda *event: seen.append(event))
    (claim,) = verify(tampered).claims
    assert claim.statement.digest() == proof.statement.digest()
    assert proof.resumed == 0
    assert ("Evaluating the statement", 8, 8) in seen
    assert seen[-1] == ("Proving", 8, 8)


def test_openings_from_before_the_proof_stay_good(tampered_once: Sealed) -> None:
    before = tampered_once.opening("alice")
    prove(tampered_once, BOUNDED)
    assert verify(tampered_once).attestation.book == before.book


@pytest.mark.usefixtures("small_batches")
def test_batches_cover_all_leaves(tampered_once: Sealed) -> None:
    proof = prove(tampered_once, BOUNDED)
    assert proof.claim.batches == 4
    names = sorted(path.name for path in (tampered_once.bundle / "proofs").iterdir())
    assert names == [f"accounts-{batch:06d}.narg" for batch in range(4)]
    assert verify(tampered_once).claims[0].batches == 4


def test_one_failing_account_stops_the_run(tampered_once: Sealed) -> None:
    before = snapshot(tampered_once.bundle)
    with pytest.raises(StatementFailsError, match=r"1 account\(s\) do not satisfy") as caught:
        prove(tampered_once, NON_NEGATIVE)
    (failure,) = caught.value.failures
    assert (failure.account, failure.row, failure.value) == ("dave", "USD non-negative", -77_777_777)
    assert failure.shortfall == 77_777_777
    assert "dave" not in repr(failure)
    assert snapshot(tampered_once.bundle) == before
    assert not any((tampered_once.vault_entry / WORK_NAME).iterdir())


def test_a_value_above_its_bound_is_told_with_how_far(tampered_once: Sealed) -> None:
    prices = {"quote": "USD", "scale": 2, "prices": [{"asset": "USD", "price": "1"}]}
    model = {"kind": "net-value", "assets": ["USD"], "prices": prices, "width": 21}
    with pytest.raises(StatementFailsError) as caught:
        prove(tampered_once, json.dumps({"format": "sealedbook/model/v1", **model}).encode())
    failure = next(failure for failure in caught.value.failures if failure.account == "alice")
    assert (failure.value, failure.shortfall, failure.excess) == (2_500_075, 0, 402_924)
    assert failure.describe().endswith("2,500,075 (above its bound by 402,924)")


def test_only_the_first_failures_are_listed(tmp_path: Path) -> None:
    debtors = {f"debtor {number:03d}": {"USD": -number} for number in range(1, 41)}
    sealed = seal(tmp_path / "book", fastest_backend(), debtors)
    with pytest.raises(StatementFailsError, match="and 20 more") as caught:
        prove(sealed, NON_NEGATIVE)
    assert (caught.value.count, len(caught.value.failures)) == (40, 20)


def test_claims_stand_side_by_side_and_are_replaced_by_name(tampered_once: Sealed) -> None:
    prove(tampered_once, BOUNDED, name="bounds")
    prove(tampered_once, SOME_NON_NEGATIVE, name="coins")
    assert [claim.claim.name for claim in verify(tampered_once).claims] == ["bounds", "coins"]
    prove(tampered_once, BOUNDED, name="coins")
    verified = verify(tampered_once)
    assert [len(claim.statement.rows) for claim in verified.claims] == [3, 3]
    assert [claim.claim.name for claim in verified.claims] == ["bounds", "coins"]


def test_two_proofs_of_one_claim_share_nothing(tampered_once: Sealed) -> None:
    prove(tampered_once, BOUNDED)
    first = (tampered_once.bundle / "proofs/accounts-000000.narg").read_bytes()
    prove(tampered_once, BOUNDED)
    second = (tampered_once.bundle / "proofs/accounts-000000.narg").read_bytes()
    chunks = {first[i : i + 32] for i in range(0, len(first), 16)}
    assert not any(second[i : i + 32] in chunks for i in range(0, len(second), 16))


@pytest.mark.parametrize("survive", [0, 1, 3])
@pytest.mark.usefixtures("small_batches")
def test_a_killed_run_goes_on_where_it_was(tampered_once: Sealed, survive: int) -> None:
    before = snapshot(tampered_once.bundle)
    backend = tampered_once.backend.name
    arguments = [tampered_once.bundle, tampered_once.folder / "vault", backend, BOUNDED.decode(), survive]
    killed = subprocess.run(
        [sys.executable, HERE / "prove_killed.py", *map(str, arguments)],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])},
    )
    assert killed.returncode == -signal.SIGKILL
    assert snapshot(tampered_once.bundle) == before
    (work,) = (tampered_once.vault_entry / WORK_NAME).iterdir()
    finished = {path.name: path.read_bytes() for path in work.glob("*.narg")}
    assert len(finished) == survive
    proof = prove(tampered_once, BOUNDED)
    assert proof.resumed == survive
    for name, data in finished.items():
        assert (tampered_once.bundle / f"proofs/accounts-{name}").read_bytes() == data
    verify(tampered_once)
    assert not work.exists()


@pytest.mark.usefixtures("small_batches")
def test_a_failing_batch_leaves_the_bundle(tampered_once: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(tampered_once.bundle)

    def fail(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(ArgumentProver, "prove", fail)
    with pytest.raises(MemoryError):
        prove(tampered_once, BOUNDED)
    assert snapshot(tampered_once.bundle) == before


def test_one_run_at_a_time(tampered_once: Sealed) -> None:
    book = tampered_once.vault.open_book(tampered_once.result.digest, None)
    with only_run(book), pytest.raises(ProverError, match="another run is proving claims about this book"):
        prove(tampered_once, BOUNDED)
    prove(tampered_once, BOUNDED)


def test_a_bundle_of_another_book_is_refused(tampered_once: Sealed, tmp_path: Path) -> None:
    other = seal(tmp_path / "other", tampered_once.backend)
    book = tampered_once.vault.open_book(tampered_once.result.digest, None)
    with pytest.raises(ProverError, match="holds another book than the vault's"):
        prove_book(
            other.bundle, book, tampered_once.issuer, tampered_once.backend, model=BOUNDED, market=None
        )


def test_an_altered_file_is_not_signed_anew(tampered_once: Sealed) -> None:
    path = tampered_once.bundle / "market.json"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(ProverError, match="is not the file that was attested"):
        prove(tampered_once, BOUNDED)


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a" * 41, "a/b", "-a"])
def test_names_that_cannot_stand_in_files(tampered_once: Sealed, name: str) -> None:
    with pytest.raises(ClaimNameError):
        prove(tampered_once, BOUNDED, name=name)


def test_a_model_that_makes_no_statement(tampered_once: Sealed) -> None:
    with pytest.raises(ClaimDocumentError, match=r"^model: \$.kind: 'wish' is not one of"):
        prove(tampered_once, b'{"format":"sealedbook/model/v1","kind":"wish"}')


@pytest.mark.parametrize("name", AVAILABLE_BACKENDS)
def test_batches_are_planned_by_bits(name: str) -> None:
    """The largest power of two within 2^15 accounts and 2^27 cells, whatever the backend."""

    class Sized:
        def __init__(self, bits: int) -> None:
            self.bit_count = bits
            self.assets = ("one",)

    for bits, leaves, size in (
        (1, 1 << 20, 1 << 15),
        (4096, 1 << 20, 1 << 15),
        (4097, 1 << 20, 1 << 14),
        (1 << 23, 1 << 20, 16),
        (64, 16, 16),
        (64, 1, 1),
    ):
        plan = BatchPlan.for_statement(Sized(bits), leaves)  # type: ignore[arg-type]
        assert (plan.size, plan.count) == (size, leaves // size)


def test_forged_numbers_of_batches(tampered_once: Sealed) -> None:
    prove(tampered_once, BOUNDED)
    proof = (tampered_once.bundle / "proofs/accounts-000000.narg").read_bytes()
    (tampered_once.bundle / "proofs/accounts-000001.narg").write_bytes(proof)

    def two_batches(document: Any) -> None:
        (first,) = [entry for entry in document["files"] if entry["name"].startswith("proofs/")]
        document["files"].append({**first, "name": "proofs/accounts-000001.narg"})
        document["files"].sort(key=lambda entry: entry["name"])
        document["claims"][0]["batches"] = 2

    resign(tampered_once.bundle, tampered_once.issuer, two_batches)
    with rejected(Check.CLAIM_PROOF_FILES, "has 2 proofs, 1 batches make up all leaves"):
        verify(tampered_once)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda claim: claim.update(batches=0), r"claims\[0\].batches: 0 is not between"),
        (lambda claim: claim.update(kind="wish"), "unknown kind 'wish'"),
        (lambda claim: claim.update(model="leaves.json"), "leaves.json is claimed but not listed"),
        (lambda claim: claim.update(name="other"), "proofs/other-000000.narg is claimed but not listed"),
        (lambda claim: claim.update(extra=1), "unknown field 'extra'"),
    ],
)
def test_forged_claims(tampered_once: Sealed, change: Callable[[Any], None], detail: str) -> None:
    prove(tampered_once, BOUNDED)
    resign(tampered_once.bundle, tampered_once.issuer, lambda document: change(document["claims"][0]))
    with rejected(Check.BUNDLE_ATTESTATION, detail):
        verify(tampered_once)


def test_a_proof_without_a_claim_is_foreign(tampered_once: Sealed) -> None:
    """Proofs that nobody checks must not travel in a bundle as if they were."""
    prove(tampered_once, BOUNDED)
    resign(tampered_once.bundle, tampered_once.issuer, lambda document: document.update(claims=[]))
    with rejected(Check.BUNDLE_ATTESTATION, "proofs/accounts-000000.narg belongs to no claim"):
        verify(tampered_once)


def test_attestations_with_claims_are_read_as_written(tampered_once: Sealed) -> None:
    prove(tampered_once, BOUNDED)
    data = (tampered_once.bundle / ATTESTATION_NAME).read_bytes()
    assert Attestation.parse(data).to_bytes() == data


def test_the_shape_follows_from_the_statement(tampered_once: Sealed) -> None:
    proof = prove(tampered_once, BOUNDED)
    assert isinstance(BatchPlan.for_statement(proof.statement, 8).shape(proof.statement), ArgumentShape)


@pytest.mark.parametrize("required", ["solvency", "missing"])
def test_a_bundle_without_a_required_claim(tampered_once: Sealed, required: str) -> None:
    """A claim about accounts does not stand for solvency because it is called so."""
    prove(tampered_once, BOUNDED, name="solvency")
    with rejected(Check.BUNDLE_CLAIMS, f"you require a claim '{required}', the bundle makes none"):
        verify_bundle(
            tampered_once.bundle, tampered_once.backend, issuer_key=None, required=["accounts", required]
        )


def test_a_bundle_with_the_required_claims(tampered_once: Sealed) -> None:
    prove(tampered_once, BOUNDED, name="bounds")
    verified = verify_bundle(
        tampered_once.bundle, tampered_once.backend, issuer_key=None, required=["accounts", "bounds"]
    )
    assert Check.BUNDLE_CLAIMS in bundle_report(verified).checks
    assert Check.BUNDLE_CLAIMS not in bundle_report(verify(tampered_once)).checks
