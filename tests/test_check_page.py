"""The check page in a browser: what holders see of real openings, certificates and bundles, and that nothing leaves."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from certificate_support import AUDIENCE, at_least
from check_page_margin_support import (
    BalancedCase,
    MarginCase,
    balanced_case,
    following_bundle,
    margin_case,
    with_another_row,
)
from check_page_support import (
    WEB,
    Watched,
    build_page,
    chromium,
    deep_opening,
    serious,
    served,
    watch,
    what_is_missing,
)
from playwright.sync_api import Browser, BrowserContext, Locator, expect
from sealing_support import Sealed, fastest_backend, resign, seal
from solvency_support import SOLVENT, TOTALS, prove, prove_accounts, reserves_document

from api.check_page import load_check_page
from prover.certificate import make_certificate

MISSING: Final = what_is_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

OpenPage = Callable[..., Watched]
BATCH_FILES: Final = ("attestation.json", "attestation.sig", "leaves.bin", "model.json")


@pytest.fixture(scope="session")
def built_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_page(tmp_path_factory.mktemp("check-page"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def open_page(browser: Browser, built_page: Path) -> Iterator[OpenPage]:
    """Opens the page, from disk unless an address is given; afterwards it must have been silent."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def open_one(address: str | None = None, **options: Any) -> Watched:
        context = browser.new_context(reduced_motion="reduce", **options)
        watched = watch(context, address or built_page.as_uri())
        opened.append((context, watched))
        return watched

    yield open_one
    for context, watched in opened:
        watched.assert_silent()
        context.close()


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """A bundle with a claim about every account and one about reserves, totals hidden. Not to be changed."""
    sealed = seal(tmp_path_factory.mktemp("proven"), fastest_backend(), SOLVENT, documents={})
    prove_accounts(sealed)
    prove(sealed, reserves_document({"BTC": 300_000_000, "ETH": 3, "USD": 2_500_075}))
    return sealed


@pytest.fixture(scope="module")
def certificate(sealed_once: Sealed) -> bytes:
    """Of Alice, who has 1.5 BTC."""
    opening = sealed_once.opening("alice")
    made = make_certificate(opening, sealed_once.backend, model=at_least("1"), audience=AUDIENCE)
    return made.to_bytes()


def opening_of(sealed: Sealed, account: str = "alice") -> bytes:
    return sealed.opening(account).to_bytes()


def altered(data: bytes, change: Callable[[Any], object]) -> bytes:
    document = json.loads(data)
    change(document)
    return json.dumps(document).encode()


def key_of(sealed: Sealed) -> str:
    return sealed.issuer.public_key.hex()


def check_opening(page: Watched, opening: bytes, account: str = "alice") -> None:
    page.add(("opening.json", opening))
    page.type("Your account id", account)
    page.check()


# Openings that are right.


def test_opening_in_a_bundle_from_disk(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    page.add(("opening.json", opening_of(sealed_once)))
    page.type("Your account id", "alice")
    page.type("The exchange’s public key", key_of(sealed_once))
    page.check()
    page.assert_accepted("is in the book that Test Exchange sealed for 2026-01-31 00:00")
    rows = page.page.locator(".amounts tbody tr")
    expect(rows).to_have_text([re.compile(r"BTC\s*1\.5$"), re.compile(r"USD\s*25,000\.75$")])
    expect(page.page.locator(".path-drawing")).to_have_attribute(
        "aria-label", re.compile(r"3 levels.*of 8 up to the root\. Every level fits")
    )
    expect(page.page.locator(".path-level")).to_have_count(4)
    expect(page.page.locator(".path-ok")).to_have_count(4)
    digest = page.page.locator(".digest-row").filter(has_text="Book digest").locator("code")
    assert digest.inner_text().replace("\n", "").replace(" ", "") == sealed_once.result.digest.hex()
    expect(page.page.locator(".check-skipped")).to_have_count(0)


def test_opening_over_http(open_page: OpenPage, sealed_once: Sealed, built_page: Path) -> None:
    with served(built_page.parent) as address:
        page = open_page(address)
        page.add_folder(sealed_once.bundle)
        check_opening(page, opening_of(sealed_once))
        page.assert_accepted("exactly these balances")
        page.assert_silent()


def test_without_network(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page(offline=True)
    page.add_folder(sealed_once.bundle)
    check_opening(page, opening_of(sealed_once))
    page.assert_accepted("exactly these balances")


def test_key_that_came_with_the_files_names_nobody(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    check_opening(page, opening_of(sealed_once))
    page.assert_accepted("signed in the name of Test Exchange")
    page.assert_accepted("you gave no key to compare with")


def test_without_leaves_the_check_of_the_leaf_is_skipped_and_said_so(
    open_page: OpenPage, sealed_once: Sealed
) -> None:
    page = open_page()
    page.add(sealed_once.bundle / "attestation.json", sealed_once.bundle / "attestation.sig")
    check_opening(page, opening_of(sealed_once))
    page.page.locator(".panel-checks summary").first.click()
    expect(page.page.locator(".check-skipped")).to_contain_text(["O7-leaf"])


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("dave", r"USD\s*−777,777\.77\s*debt"),
        ("José", r"ETH\s*7\.000000000000000003"),
        ("  Jose\u0301 ", r"ETH\s*7\.000000000000000003"),
    ],
    ids=["debt", "18 decimals", "typed in another normal form"],
)
def test_balances_are_exact(open_page: OpenPage, sealed_once: Sealed, account: str, shown: str) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    name = "dave" if account == "dave" else "José"
    check_opening(page, opening_of(sealed_once, name), account)
    expect(page.page.locator(".amounts tbody tr")).to_have_text(re.compile(shown))


def test_empty_account(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    check_opening(page, opening_of(sealed_once, "carol"), "carol")
    expect(page.page.locator(".panel-positions")).to_contain_text("this account is empty in this book")


def test_book_digest_is_enough(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add(("opening.json", opening_of(sealed_once)))
    page.type("Book digest", sealed_once.result.digest.hex().upper())
    page.type("Your account id", "alice")
    page.check()
    page.assert_accepted("the book that Test Exchange sealed")


def test_root_hash_is_enough_but_names_nobody(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add(("opening.json", opening_of(sealed_once)))
    page.type("Root hash", sealed_once.result.book.root.hash.hex())
    page.type("Your account id", "alice")
    page.check()
    page.assert_accepted("under the root hash that you gave")
    expect(page.page.locator(".verdict")).not_to_contain_text("Test Exchange")


def test_nothing_to_compare_with_is_not_accepted(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    check_opening(page, opening_of(sealed_once))
    verdict = page.verdict()
    expect(verdict).to_contain_text("Fits together, not compared")
    expect(verdict).not_to_contain_text("Accepted")


# Openings that are not.


def lower_balance(document: Any) -> None:
    document["positions"][0]["amount"] = "140000000"


def other_sibling(document: Any) -> None:
    document["path"][1]["hash"] = "00" * 32


def cut_path(document: Any) -> None:
    document["path"].pop()


@pytest.mark.parametrize(
    ("change", "account", "check", "words"),
    [
        (lower_balance, "alice", "O6-commitment", "not the ones that were sealed"),
        (other_sibling, "alice", "O9-root-hash", "does not lead to the root"),
        (cut_path, "alice", "O8-path", "malformed"),
        (lambda document: None, "bob", "O2-account", "another account id than the one you typed"),
        (lambda document: document.pop("salt"), "alice", "O1-form", "damaged"),
    ],
    ids=["balance", "sibling", "cut path", "wrong id", "form"],
)
def test_altered_opening_is_rejected(
    open_page: OpenPage,
    sealed_once: Sealed,
    change: Callable[[Any], object],
    account: str,
    check: str,
    words: str,
) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    check_opening(page, altered(opening_of(sealed_once), change), account)
    page.assert_rejected(check, words)
    # Balances that were not shown to be sealed are not shown as if they were.
    expect(page.page.locator(".amounts")).to_have_count(0)


def test_drawing_shows_where_the_path_breaks(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    check_opening(page, altered(opening_of(sealed_once), other_sibling))
    failed = page.page.locator(".path-failed")
    expect(failed).to_have_count(1)
    expect(failed).to_have_attribute("aria-label", re.compile(r"^Root, .*Does not fit"))
    expect(page.page.locator(".path-details")).to_contain_text("attested")


def test_opening_of_an_older_book(open_page: OpenPage, sealed_once: Sealed, proven: Sealed) -> None:
    page = open_page()
    page.add_folder(proven.bundle)
    check_opening(page, opening_of(sealed_once))
    page.assert_rejected("O3-root", "another book")
    expect(page.page.locator(".advice")).to_contain_text("same date")


@pytest.mark.parametrize("label", ["Book digest", "Root hash"])
def test_a_bundle_does_not_outweigh_what_was_typed(
    open_page: OpenPage, sealed_once: Sealed, label: str
) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    page.add(("opening.json", opening_of(sealed_once)))
    page.type("Your account id", "alice")
    page.type(label, "ab" * 32)
    page.check()
    page.assert_rejected("O3-root", "another book")


def test_other_key(open_page: OpenPage, sealed_once: Sealed, proven: Sealed) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    page.add(("opening.json", opening_of(sealed_once)))
    page.type("Your account id", "alice")
    page.type("The exchange’s public key", key_of(proven))
    page.check()
    page.assert_rejected("B3-issuer", "another key")


def test_altered_attestation(open_page: OpenPage, tampered_once: Sealed) -> None:
    path = tampered_once.bundle / "attestation.json"
    path.write_bytes(path.read_bytes().replace(b"2026-01-31", b"2026-01-30"))
    page = open_page()
    page.add_folder(tampered_once.bundle)
    check_opening(page, opening_of(tampered_once))
    page.assert_rejected("B4-signature", "signature does not fit")


def test_replaced_leaf(open_page: OpenPage, tampered_once: Sealed) -> None:
    opening = tampered_once.opening("alice")
    path = tampered_once.bundle / "leaves.bin"
    leaves = bytearray(path.read_bytes())
    leaves[80 * opening.leaf_index] ^= 1
    path.write_bytes(bytes(leaves))
    page = open_page()
    page.add_folder(tampered_once.bundle)
    check_opening(page, opening.to_bytes())
    page.assert_rejected("B6-digests", "not the one that was signed")


def test_account_id_has_to_be_typed(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add(("opening.json", opening_of(sealed_once)))
    page.press("Check")
    expect(page.page.locator("#account-error")).to_have_text("Type your account id first.")
    expect(page.page.get_by_label("Your account id")).to_be_focused()
    expect(page.page.locator(".verdict")).to_have_count(0)


def test_digest_that_is_none(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add(("opening.json", opening_of(sealed_once)))
    page.type("Your account id", "alice")
    page.type("Book digest", "abc")
    page.press("Check")
    expect(page.page.locator("#book-digest-error")).to_contain_text("not 64 hexadecimal digits")
    expect(page.page.locator(".verdict")).to_have_count(0)


def test_result_goes_when_what_it_rests_on_changes(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    check_opening(page, opening_of(sealed_once))
    page.type("Your account id", "bob")
    expect(page.page.locator(".verdict")).to_have_count(0)
    page.check()
    page.assert_rejected("O2-account", "another account id")


# Files that are of no use.


def test_huge_file_is_refused_without_being_read(open_page: OpenPage, tmp_path: Path) -> None:
    huge = tmp_path / "opening.json"
    with huge.open("wb") as file:
        file.truncate(3 << 30)
    page = open_page()
    page.add(huge)
    expect(page.problem()).to_contain_text(
        "opening.json is too large for this page (3 GiB; the limit is 32 MiB)"
    )
    expect(page.page.get_by_role("button", name="Check", exact=True)).to_be_disabled()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("photo.pdf", b"%PDF-1.7 nothing", "is not a file that this page knows"),
        ("opening.json", b"", "is empty"),
        ("opening.json", b'{"format": "sealedbook/opening/v1", "acc', "cut off or altered"),
        ("data.json", b'{"hello": 1}', "not a file of sealedbook"),
        ("report.json", b'{"format": "sealedbook/report/v1"}', "is a report, not an opening"),
        ("vault.json", b'{"format": "sealedbook/vault/v1"}', "must stay secret"),
        ("book-digest.txt", b"ab" * 32, "Put them into the field they belong to"),
    ],
    ids=["pdf", "empty", "cut", "other json", "report", "vault", "digest"],
)
def test_wrong_files_are_named(open_page: OpenPage, name: str, data: bytes, words: str) -> None:
    page = open_page()
    page.add((name, data))
    expect(page.problem()).to_contain_text(words)
    expect(page.problem()).to_contain_text(name)
    expect(page.page.locator(".files li")).to_have_count(0)


def test_contents_are_never_markup(open_page: OpenPage, sealed_once: Sealed) -> None:
    name = "<img src=x onerror=alert(1)>"
    page = open_page()
    page.add(
        (f"{name}.json".replace("/", ""), altered(opening_of(sealed_once), lambda d: d.update(account=name)))
    )
    page.type("Your account id", "alice")
    page.check()
    page.assert_rejected("O2-account", "another account id")
    expect(page.page.locator(".files")).to_contain_text(name)
    expect(page.page.locator("img")).to_have_count(0)


# Certificates.


def certificate_page(open_page: OpenPage, sealed: Sealed, data: bytes, audience: str = AUDIENCE) -> Watched:
    page = open_page()
    page.add_folder(sealed.bundle)
    page.add(("certificate.json", data))
    page.type("Made for", audience)
    return page


def test_certificate(open_page: OpenPage, sealed_once: Sealed, certificate: bytes) -> None:
    page = certificate_page(open_page, sealed_once, certificate)
    page.type("The exchange’s public key", key_of(sealed_once))
    page.check()
    page.assert_accepted("The account holds at least 1 BTC: proven for leaf")
    audience = page.page.locator(".findings li").filter(has_text=AUDIENCE)
    expect(audience.locator(".level")).to_have_text("proven")
    expect(page.page.locator(".panel-limits")).to_contain_text("Whose account it is")


def test_certificate_for_somebody_else(open_page: OpenPage, sealed_once: Sealed, certificate: bytes) -> None:
    page = certificate_page(open_page, sealed_once, certificate, "Another Lender")
    page.check()
    page.assert_rejected("K3-audience", "made for somebody else")


def test_certificate_passed_on(open_page: OpenPage, sealed_once: Sealed, certificate: bytes) -> None:
    data = altered(certificate, lambda document: document.update(audience="Another Lender"))
    page = certificate_page(open_page, sealed_once, data, "Another Lender")
    page.check()
    page.assert_rejected("K10-proof", "the proof does not hold".capitalize())


def test_certificate_altered_to_say_more(
    open_page: OpenPage, sealed_once: Sealed, certificate: bytes
) -> None:
    data = altered(certificate, lambda document: document.update(model=at_least("2").decode()))
    page = certificate_page(open_page, sealed_once, data)
    page.check()
    page.assert_rejected("K9-statement", "altered after the certificate was made")


def test_statement_of_ones_own(open_page: OpenPage, sealed_once: Sealed, certificate: bytes) -> None:
    page = certificate_page(open_page, sealed_once, certificate)
    page.add(("statement.json", at_least("1.25")))
    expect(page.page.locator("form")).to_contain_text("You insist on the statement in statement.json")
    page.check()
    page.assert_rejected("K8-documents", "not those you insist on")


def test_certificate_with_nothing_to_compare(open_page: OpenPage, certificate: bytes) -> None:
    page = open_page()
    page.add(("certificate.json", certificate))
    page.check()
    expect(page.verdict()).to_contain_text("Fits together, not compared")


# Margin models, which the page does not compile: with their compiled statements.


@pytest.fixture(
    scope="module",
    params=[("deribit-cross-portfolio-margin", "hedged"), ("paradex-portfolio-margin", "hedger")],
    ids=["deribit", "paradex"],
)
def margin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MarginCase:
    """A book under a margin model, with a claim about every account and a certificate of one."""
    return margin_case(tmp_path_factory.mktemp("margin"), *request.param)


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> BalancedCase:
    """A book with a claim about the whole of it."""
    return balanced_case(tmp_path_factory.mktemp("balanced"))


def margin_page(open_page: OpenPage, case: MarginCase, **options: Any) -> Watched:
    page = open_page(**options)
    page.add_folder(case.sealed.bundle)
    page.add(("certificate.json", case.certificate))
    page.type("Made for", AUDIENCE)
    return page


def finding(page: Watched, subject: str) -> Locator:
    return page.page.locator(".findings li").filter(has_text=subject)


def test_margin_certificate_with_its_statement(
    open_page: OpenPage, margin: MarginCase, tmp_path: Path
) -> None:
    """The proof is proven for the rows; that they are the model's is claimed, and said so."""
    page = margin_page(open_page, margin, viewport={"width": 900, "height": 1200})
    page.add(("statement.bin", margin.account_statement))
    expect(page.page.locator("form")).to_contain_text("Compiled statement added: statement.bin")
    page.type("The exchange’s public key", key_of(margin.sealed))
    page.check()
    page.assert_accepted("satisfies the compiled statement that you added")
    expect(finding(page, "Rows are what the model says").locator(".level")).to_have_text("claimed")
    expect(finding(page, "0 <= ").first.locator(".level")).to_have_text("proven")
    shown = page.page.locator(".panel-model-certificate")
    expect(shown).to_contain_text("this page does not compile such models")
    expect(shown).to_contain_text(f"“{margin.kind}”: read its document")
    page.page.screenshot(path=tmp_path / "margin.png", full_page=True)
    page.page.evaluate((WEB / "node_modules/axe-core/axe.min.js").read_text())
    assert serious(page.page.evaluate("axe.run()")["violations"]) == []


def test_margin_certificate_without_its_statement_is_not_decided(
    open_page: OpenPage, margin: MarginCase
) -> None:
    page = margin_page(open_page, margin)
    page.check()
    verdict = page.verdict()
    expect(verdict).to_contain_text("Not decided: a file is missing")
    expect(verdict).to_contain_text("sealedbook model compile")
    for word in ("Accepted", "Rejected"):
        expect(verdict).not_to_contain_text(word)
    expect(page.page.locator(".check-failed")).to_have_count(0)
    page.add(("statement.bin", margin.account_statement))
    page.check()
    page.assert_accepted("satisfies the compiled statement")


def test_margin_certificate_with_another_statement(open_page: OpenPage, margin: MarginCase) -> None:
    page = margin_page(open_page, margin)
    page.add(("statement.bin", with_another_row(margin.account_statement)))
    page.check()
    page.assert_rejected("K9-statement", "altered after the certificate was made")


def test_margin_bundle_with_the_statement_of_the_service(open_page: OpenPage, margin: MarginCase) -> None:
    page = open_page()
    page.add_folder(margin.sealed.bundle)
    page.check()
    expect(page.verdict()).to_contain_text("Not decided")
    page.add(("accounts.bin", margin.book_statement))
    page.check()
    page.assert_accepted("The bundle is whole")
    expect(finding(page, "Rows are what the model says").locator(".level")).to_have_text("claimed")


def test_one_batch_with_its_statement(open_page: OpenPage, balanced: BalancedCase) -> None:
    """The model of accounts is a margin model too; the other claim's files are not there."""
    page = open_page()
    names = (*BATCH_FILES, "market.json", "market.sources.json", "proofs/accounts-000000.narg")
    page.add(*(balanced.sealed.bundle / name for name in names))
    page.add(*((f"statement-{i}.bin", data) for i, data in enumerate(balanced.statements)))
    page.choose_task("The proofs that I added")
    page.check()
    page.assert_accepted("Every account of batch 0 satisfies the compiled statement that you added")
    expect(finding(page, "Rows are what the model says").locator(".level")).to_have_text("claimed")


def test_whole_book_within_its_limits(open_page: OpenPage, balanced: BalancedCase) -> None:
    page = open_page()
    page.add_folder(balanced.sealed.bundle)
    page.add(*((f"statement-{i}.bin", data) for i, data in enumerate(balanced.statements)))
    page.type("The exchange’s public key", key_of(balanced.sealed))
    page.check()
    page.assert_accepted("The bundle is whole")
    expect(finding(page, "Totals of the whole book").locator(".level")).to_have_text("proven")
    said = finding(page, "What the model of 'book' says")
    expect(said).to_contain_text("the book's net delta in BTC is within ±5")
    expect(said.locator(".level")).to_have_text("claimed")
    panel = page.page.locator(".panel-model-book")
    expect(panel).to_contain_text("about the sums over all accounts")
    signed = finding(page, "Market of 'book'").filter(has_text="compare the key with its source")
    expect(signed).to_contain_text("Example Index")


def test_claims_of_other_kinds_are_named_beside_an_opening(
    open_page: OpenPage, balanced: BalancedCase
) -> None:
    page = open_page()
    page.add_folder(balanced.sealed.bundle)
    check_opening(page, opening_of(balanced.sealed))
    page.assert_accepted("exactly these balances")
    claims = page.page.locator(".panel-claims")
    expect(claims).to_contain_text("The book as a whole (book)")
    expect(claims).to_contain_text("stay within the limits in book-model.json")
    expect(claims).to_contain_text("comes with signatures of its sources (")


def test_one_proof_about_the_whole_book(open_page: OpenPage, balanced: BalancedCase) -> None:
    page = open_page()
    names = ("attestation.json", "attestation.sig", "book-model.json", "market.json", "proofs/book.narg")
    page.add(*(balanced.sealed.bundle / name for name in names))
    page.add(*((f"statement-{i}.bin", data) for i, data in enumerate(balanced.statements)))
    page.choose_task("The proofs that I added")
    page.check()
    page.assert_accepted("satisfies the statement about the whole book")
    expect(finding(page, "Whole amounts").locator(".level")).to_have_text("not yet proven")


def test_book_that_follows_another(open_page: OpenPage, tampered_once: Sealed) -> None:
    bundle = following_bundle(tampered_once)
    page = open_page()
    page.add(bundle / "attestation.json", bundle / "attestation.sig")
    page.type("The exchange’s public key", key_of(tampered_once))
    page.check()
    line = finding(page, "This book follows")
    expect(line).to_contain_text(tampered_once.result.digest.hex())
    expect(line.locator(".level")).to_have_text("signed")


# Bundles and proofs.


def test_whole_bundle(open_page: OpenPage, proven: Sealed) -> None:
    page = open_page()
    page.add_folder(proven.bundle)
    page.type("The exchange’s public key", key_of(proven))
    page.check()
    page.assert_accepted("The bundle is whole")
    bars = page.page.locator(".asset")
    expect(bars).to_have_count(3)
    expect(bars.first).to_contain_text("3 BTC")
    expect(bars.first).to_contain_text("reserves stated are at least the total")
    expect(bars.first.locator(".cover .level")).to_have_text("proven")
    # A hidden total has no length.
    expect(bars.first.locator(".bar-fill")).to_have_count(1)
    expect(page.page.locator(".panel-model-accounts")).to_contain_text("No balance is below zero.")


def test_public_totals_are_drawn_to_scale(open_page: OpenPage, tmp_path: Path) -> None:
    sealed = seal(tmp_path, fastest_backend(), SOLVENT, documents={})
    prove_accounts(sealed)
    prove(sealed, reserves_document({**TOTALS, "BTC": 400_000_000}), publish_totals=True)
    page = open_page()
    page.add_folder(sealed.bundle)
    page.check()
    page.assert_accepted("The bundle is whole")
    bars = page.page.locator(".asset").first
    widths = [float(fill.get_attribute("width") or 0) for fill in bars.locator(".bar-fill").all()]
    assert widths == [240, 120]
    expect(bars).to_contain_text("2 BTC")


@pytest.mark.parametrize(
    ("name", "check"), [("proofs/accounts-000000.narg", "B6-digests"), ("leaves.bin", "B6-digests")]
)
def test_altered_bundle(open_page: OpenPage, proven: Sealed, tmp_path: Path, name: str, check: str) -> None:
    copy = proven.copy(tmp_path / "copy")
    data = bytearray((copy.bundle / name).read_bytes())
    data[100] ^= 1
    (copy.bundle / name).write_bytes(bytes(data))
    page = open_page()
    page.add_folder(copy.bundle)
    page.check()
    page.assert_rejected(check, "not the one that was signed")


def test_one_proof_alone(open_page: OpenPage, proven: Sealed) -> None:
    page = open_page()
    page.add(*(proven.bundle / name for name in BATCH_FILES), proven.bundle / "proofs/accounts-000000.narg")
    page.check()
    page.assert_accepted("Every account of batch 0 satisfies the statement")


def test_one_false_proof_alone(open_page: OpenPage, proven: Sealed, tmp_path: Path) -> None:
    """The issuer signs a proof that does not hold."""
    copy = proven.copy(tmp_path / "copy")
    path = copy.bundle / "proofs/accounts-000000.narg"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    def list_anew(document: Any) -> None:
        for entry in document["files"]:
            if entry["name"] == "proofs/accounts-000000.narg":
                entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()

    resign(copy.bundle, copy.issuer, list_anew)
    page = open_page()
    page.add(*(copy.bundle / name for name in BATCH_FILES), path)
    page.check()
    page.assert_rejected("C4-proofs", "A proof about the accounts does not hold")
    expect(page.page.locator(".advice")).to_contain_text("Do not rely on the claim")


def test_proof_without_its_model_is_not_called_checked(open_page: OpenPage, proven: Sealed) -> None:
    page = open_page()
    files = [name for name in BATCH_FILES if name != "model.json"]
    page.add(*(proven.bundle / name for name in files), proven.bundle / "proofs/accounts-000000.narg")
    page.check()
    expect(page.verdict()).to_contain_text("was not checked: add model.json as well")
    expect(page.verdict()).not_to_contain_text("satisfies")


def test_a_running_check_can_be_cancelled(open_page: OpenPage, tmp_path: Path) -> None:
    sealed = seal(tmp_path, fastest_backend(), SOLVENT, documents={}, minimum_leaves=1 << 13)
    prove_accounts(sealed)
    page = open_page()
    page.add_folder(sealed.bundle)
    page.press("Check")
    expect(page.page.get_by_role("progressbar")).to_be_visible()
    page.press("Cancel")
    expect(page.page.locator("form .status")).to_have_text("Cancelled. Nothing was decided.")
    expect(page.page.locator(".verdict")).to_have_count(0)
    # The next check has a worker of its own.
    check_opening(page, opening_of(sealed))
    page.assert_accepted("exactly these balances")


# Other ways in and out.


def test_sample_is_what_its_generator_makes() -> None:
    subprocess.run([sys.executable, WEB / "src/page/sample/generate.py", "--check"], check=True)


@pytest.mark.parametrize(
    ("button", "label"),
    [
        ("Try a sample", "Accepted"),
        ("Try an altered sample", "Rejected"),
        ("Try a sample certificate", "Accepted"),
    ],
)
def test_samples(open_page: OpenPage, button: str, label: str) -> None:
    page = open_page()
    page.press(button)
    expect(page.verdict()).to_contain_text(label)
    expect(page.verdict()).to_contain_text("Sample: a made-up exchange")


def test_own_files_never_mix_with_the_sample(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.press("Try a sample")
    page.verdict()
    check_opening(page, opening_of(sealed_once))
    expect(page.verdict()).to_contain_text("Fits together, not compared")
    expect(page.verdict()).not_to_contain_text("Sample")


def test_files_dropped_anywhere(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    transfer = page.page.evaluate_handle(
        "(text) => { const transfer = new DataTransfer();"
        " transfer.items.add(new File([text], 'opening.json')); return transfer; }",
        opening_of(sealed_once).decode(),
    )
    page.page.dispatch_event("h1", "drop", {"dataTransfer": transfer})
    expect(page.page.locator(".files li")).to_contain_text("opening.json")


def test_qr_codes_carry_an_opening_to_another_device(
    open_page: OpenPage, sealed_once: Sealed, tmp_path: Path
) -> None:
    deep = deep_opening(sealed_once.opening("alice"), 20, sealed_once.backend)
    sender = open_page(viewport={"width": 900, "height": 1200})
    check_opening(sender, deep.to_bytes())
    sender.press("Show as QR codes")
    codes = sender.page.locator(".codes svg")
    expect(codes.nth(1)).to_be_visible()
    pictures = []
    for number, code in enumerate(codes.all()):
        path = tmp_path / f"code-{number}.png"
        code.screenshot(path=path)
        pictures.append(path)
    assert len(pictures) > 2
    receiver = open_page()
    receiver.press("Scan a QR code")
    chooser = receiver.page.get_by_label("Choose pictures of QR codes").and_(receiver.page.locator("input"))
    chooser.set_input_files(pictures[1:])
    expect(receiver.page.locator(".scanner .status")).to_contain_text(
        f"{len(pictures) - 1} of {len(pictures)} codes read."
    )
    chooser.set_input_files(pictures[0])
    expect(receiver.page.locator(".files li")).to_contain_text("QR code")
    receiver.type("Your account id", "alice")
    receiver.type("Book digest", deep.book.digest().hex())
    receiver.check()
    receiver.assert_accepted("exactly these balances")


def test_picture_without_a_code(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    path = tmp_path / "picture.png"
    page.page.screenshot(path=path)
    page.add(path)
    expect(page.page.locator(".scanner .status")).to_contain_text("No QR code was found in picture.png")


def test_without_a_camera_the_page_says_so(open_page: OpenPage) -> None:
    page = open_page()
    page.press("Scan a QR code")
    page.press("Use the camera")
    expect(page.page.locator(".scanner .status")).to_contain_text("No camera can be used here")
    expect(page.page.locator("video")).to_be_hidden()


def test_build_is_reproducible(built_page: Path, tmp_path: Path) -> None:
    """Holders compare the hash of the file: the same sources have to give the same bytes."""
    assert build_page(tmp_path / "again").read_bytes() == built_page.read_bytes()


def test_clearing_leaves_nothing(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    page.add_folder(sealed_once.bundle)
    check_opening(page, opening_of(sealed_once))
    page.press("Clear everything")
    expect(page.page.locator("#announcement")).to_contain_text("Cleared")
    text = page.page.content()
    for private in ("25,000.75", "alice", sealed_once.result.digest.hex()[:8]):
        assert private not in text
    expect(page.page.get_by_label("Your account id")).to_have_value("")
    stored = page.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert stored == [0, 0, ""]


def test_print_shows_the_result_alone(open_page: OpenPage) -> None:
    page = open_page()
    page.press("Try a sample")
    page.verdict()
    page.page.emulate_media(media="print")
    expect(page.page.locator(".verdict")).to_be_visible()
    expect(page.page.locator(".amounts")).to_be_visible()
    expect(page.page.locator(".cards")).to_be_hidden()
    expect(page.page.locator("button:visible")).to_have_count(0)


def test_policy_of_the_file(built_page: Path) -> None:
    """Every directive by name: a policy that lost one would still let everything above pass."""
    html = built_page.read_text()
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert found is not None
    directives = dict(part.split(" ", 1) for part in found[1].split("; "))
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", directives.pop("script-src"))
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", directives.pop("style-src"))
    assert directives == {
        "default-src": "'none'",
        "connect-src": "'none'",
        "img-src": "data:",
        "worker-src": "blob:",
        "form-action": "'none'",
        "base-uri": "'none'",
    }
    assert html.index("Content-Security-Policy") < html.index("<script")
    # The service says the same in its header, which has to be as strict: a browser holds a page to both.
    header = dict(part.split(" ", 1) for part in load_check_page(built_page).policy.split("; "))
    assert header.pop("frame-ancestors") == "'none'"
    assert header == dict(part.split(" ", 1) for part in found[1].split("; "))
    assert [file.name for file in built_page.parent.iterdir()] == ["index.html"]


def test_policy_refuses_connections(browser: Browser, built_page: Path) -> None:
    """The watcher sees what is tried: with the page's own silence this shows that nothing is."""
    context = browser.new_context()
    page = watch(context, built_page.as_uri())
    refused = page.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    assert page.page.evaluate("window.policyViolations") == ["connect-src http://127.0.0.1:9/"]
    context.close()


# For everybody.


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "button", [None, "Try a sample", "Try an altered sample", "Try a sample certificate"]
)
def test_accessible(open_page: OpenPage, scheme: str, button: str | None) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": 360, "height": 740})
    if button is not None:
        page.press(button)
        page.verdict()
        for summary in page.page.locator("#result-body > section > details > summary").all():
            summary.click()
    page.page.evaluate((WEB / "node_modules/axe-core/axe.min.js").read_text())
    found = page.page.evaluate("axe.run()")
    assert serious(found["violations"]) == []


def test_keyboard_alone(open_page: OpenPage, sealed_once: Sealed) -> None:
    page = open_page()
    keyboard = page.page.keyboard

    def tab_to(name: str) -> None:
        for _ in range(40):
            keyboard.press("Tab")
            focused = page.page.evaluate(
                "document.activeElement.labels?.[0]?.textContent ?? document.activeElement.ariaLabel"
                " ?? document.activeElement.textContent"
            )
            if focused.strip() == name:
                outline = page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{name} shows no focus"
                return
        raise AssertionError(f"{name} is not reached by the keyboard")

    tab_to("Paste")
    keyboard.press("Enter")
    keyboard.insert_text(opening_of(sealed_once).decode())
    tab_to("Add this text")
    keyboard.press("Enter")
    expect(page.page.locator(".files li")).to_contain_text("pasted text")
    tab_to("Your account id")
    keyboard.insert_text("alice")
    tab_to("Book digest")
    keyboard.insert_text(sealed_once.result.digest.hex())
    keyboard.press("Enter")
    page.assert_accepted("exactly these balances")
    expect(page.page.get_by_role("heading", name="Result")).to_be_focused()
    levels = page.page.locator(".path-level")
    for _ in range(5):
        keyboard.press("Tab")
        if page.page.evaluate("document.activeElement.classList.contains('path-level')"):
            break
    expect(levels.nth(0)).to_be_focused()
    keyboard.press("ArrowUp")
    expect(levels.nth(1)).to_be_focused()
    expect(page.page.locator(".path-details")).to_contain_text("From level 1 to level 2")
    keyboard.press("End")
    expect(levels.nth(3)).to_be_focused()
    expect(page.page.locator(".path-details")).to_contain_text("The root")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_tall_tree_fits_every_screen(
    open_page: OpenPage, sealed_once: Sealed, tmp_path: Path, width: int
) -> None:
    """Thirty-two levels, the most there can be; pictures are kept for looking at."""
    deep = deep_opening(sealed_once.opening("alice"), 32, sealed_once.backend)
    page = open_page(
        viewport={"width": width, "height": 800}, color_scheme="dark" if width == 768 else "light"
    )
    check_opening(page, deep.to_bytes())
    expect(page.page.locator(".path-ok")).to_have_count(33)
    page.page.screenshot(path=tmp_path / f"tall-{width}.png", full_page=True)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    for box in (level.bounding_box() for level in page.page.locator(".path-level").all()):
        assert box is not None
        assert box["height"] >= 24, "too small for a finger"
    sizes = page.page.evaluate(
        "[...document.querySelectorAll('.path-drawing text')].map((text) => text.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 9
