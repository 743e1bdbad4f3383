"""A claim about the whole book, published: its statement in readable and compiled form."""

from __future__ import annotations

import hashlib
from pathlib import Path

from service_support import attestation_of, running, service_settings
from test_book_claim import prove, prove_accounts, sealed_example

from circuits.statement_encoding import STATEMENT_DIGEST_LABEL


def test_what_is_claimed_of_the_sum_of_all_accounts_can_be_read(tmp_path: Path) -> None:
    sealed = sealed_example(tmp_path / "sealed")
    prove(sealed)
    prove_accounts(sealed)
    with running(service_settings(tmp_path / "service", sealed)) as service:
        digest = service.publish(sealed.bundle)
        address = f"/v1/attestations/{digest}/statements/book"
        view, compiled = service.client.get(address).json(), service.client.get(f"{address}.bin").content
    (claim,) = [each for each in attestation_of(sealed.bundle)["claims"] if each["kind"] == "book"]
    found = hashlib.sha256(STATEMENT_DIGEST_LABEL + compiled).hexdigest()
    assert found == claim["statement"] == view["statement"]["sha256"]
    assert (view["about"], view["model"]) == ("the sum of all accounts", "balanced-book")
    assert {entry["role"] for entry in view["documents"]} == {"model", "market"}
    assert all(text.startswith("The whole book: ") for text in view["plain_words"])
    assert view["plain_words"]
