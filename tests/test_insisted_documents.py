"""Insisting on a model or a market is insisting on a claim: a bundle without one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from sealing_support import fastest_backend, write_book

from prover.commit import seal_book
from prover.vault import Vault
from verifier.bundle import verify_bundle
from verifier.checks import Check, VerificationError
from verifier.claims import ExpectedDocuments

MODEL = b'{"format": "sealedbook/model/v1", "kind": "non-negative"}'


@pytest.fixture(scope="module")
def unproven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unproven")
    vault = Vault.create(folder / "vault", "Example Exchange", None)
    seal_book(write_book(folder / "book"), bundle=folder / "bundle", vault=vault, backend=fastest_backend())
    return folder / "bundle"


@pytest.mark.parametrize(
    "expected",
    [ExpectedDocuments(model=MODEL), ExpectedDocuments(market=b"{}"), ExpectedDocuments(MODEL, b"{}")],
)
def test_a_bundle_without_claims_does_not_pass_for_a_proven_one(
    expected: ExpectedDocuments, unproven: Path
) -> None:
    with pytest.raises(VerificationError, match="has no claim about every account") as caught:
        verify_bundle(unproven, fastest_backend(), issuer_key=None, expected=expected)
    assert caught.value.check is Check.CLAIM_DOCUMENTS


@pytest.mark.parametrize("expected", [None, ExpectedDocuments()])
def test_without_insisting_it_is_accepted_for_what_it_is(
    expected: ExpectedDocuments | None, unproven: Path
) -> None:
    assert verify_bundle(unproven, fastest_backend(), issuer_key=None, expected=expected).claims == ()
