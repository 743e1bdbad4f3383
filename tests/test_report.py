"""The auditor's report: what it says, that hostile text stays text, that it loads nothing, and how it is written."""

from __future__ import annotations

import base64
import builtins
import hashlib
import importlib
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from sealing_support import (
    Sealed,
    describe_files_anew,
    fastest_backend,
    point_of,
    read_leaves,
    resign,
    seal,
)
from solvency_support import (
    NON_NEGATIVE,
    SOLVENT,
    TOTALS,
    prove,
    prove_accounts,
    reserves_document,
    signed_address,
    summa_address,
)
from typer.testing import CliRunner

import sealedbook.report.page as page_module
import sealedbook.report.pdf as pdf_module
from circuits.models import MODEL_DEFINITIONS
from circuits.position_guarantees import Guarantee
from circuits.simple_models import MODEL_KINDS
from primitives.assets import AssetList
from primitives.errors import MissingToolError
from primitives.ratio import Ratio
from sealedbook.__main__ import app
from sealedbook.report import Accepted, Examination, PinnedFile, Pins, build_report, examine, report_contents
from sealedbook.report.bars import Part, stacked
from sealedbook.report.checks import ORDER, Status, check_groups
from sealedbook.report.claims_section import KIND_WORDS
from sealedbook.report.page import GENERATOR, content_security_policy
from sealedbook.report.pdf import PdfError, find_browser, is_report_pdf, print_pdf
from sealedbook.report.solvency_section import GUARANTEE_WORDS
from sealedbook.report.text import is_digest, percent_down, shell_word, shortened_inside, visible
from sealedbook.report.words import GLOSSARY
from verifier.checks import Check, VerificationError
from verifier.findings import Finding, Level
from verifier.market_checks import MarketPolicy

AT: Final = datetime(2026, 2, 1, 12, 30, tzinfo=UTC)
STAMP: Final = "2026-02-01T12:30:00Z"
INJECTION: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"
VOID: Final = frozenset({"meta", "br", "link", "img", "input", "hr"})
LOADING: Final = frozenset(
    {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "video",
        "audio",
        "source",
        "form",
        "base",
        "image",
    }
)


@dataclass
class Element:
    """One element: its tag, attributes, children and the text in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str | None = None) -> Iterator[Element]:
        for child in self.children:
            if tag in (None, child.tag):
                yield child
            yield from child.all(tag)

    def one(self, tag: str, **attributes: str) -> Element:
        found = [e for e in self.all(tag) if attributes.items() <= e.attributes.items()]
        assert len(found) == 1, (tag, attributes, len(found))
        return found[0]


class Page(HTMLParser):
    """Reads a page strictly: every element is closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert self._open == [self.root], f"{self._open[-1].tag} is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag}: an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag, f"{tag} closes another element"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)


def read(html: str) -> Element:
    return Page(html).root


def text_of(html: str) -> str:
    """What a reader sees, without the style sheet."""
    return read(html).one("body").text


def assert_self_contained(html: str) -> None:
    """Nothing is loaded or run, and the policy admits the one style sheet and nothing else."""
    page = read(html)
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"@import|https?:|url\((?!#)", style[1])
    for element in page.all():
        assert element.tag not in LOADING, element
        for name, value in element.attributes.items():
            assert not name.startswith("on"), element
            assert name not in ("src", "style", "srcset", "data", "action", "xlink:href"), element
            assert name != "href" or value.startswith("#"), element
    assert [e.tag for e in page.all("style")] == ["style"]


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """A bundle with a claim about every account and one about reserves, hidden totals. Not to be changed."""
    sealed = seal(tmp_path_factory.mktemp("proven"), fastest_backend(), SOLVENT)
    prove_accounts(sealed)
    signed = signed_address(f"book {sealed.result.digest.hex()}", balance="2")
    addresses = {"BTC": [signed, summa_address("1")]}
    prove(sealed, _reserves(addresses), ratio=Ratio.parse("1.5"))
    return sealed


def _reserves(addresses: dict[str, list[dict[str, Any]]]) -> bytes:
    """Twice the totals; of BTC, 2 at an address that signed, 1 at another, 1 at none."""
    held = {asset: 2 * units for asset, units in TOTALS.items()}
    document = json.loads(reserves_document(held, addresses))
    next(entry for entry in document["assets"] if entry["asset"] == "BTC")["unlisted"] = "1"
    return json.dumps(document).encode()


def pins_of(sealed: Sealed) -> Pins:
    return Pins(
        issuer_key=sealed.issuer.public_key,
        models=(PinnedFile("model.json", NON_NEGATIVE),),
        required=("accounts", "solvency"),
    )


@pytest.fixture(scope="module")
def page(proven: Sealed) -> str:
    """The report on `proven` under every pin, at a fixed time."""
    return build_report(proven.bundle, pins_of(proven), backend=proven.backend, at=AT)


@pytest.fixture
def copy(proven: Sealed, tmp_path: Path) -> Sealed:
    return proven.copy(tmp_path / "copy")


def examined(sealed: Sealed, pins: Pins | None = None) -> Examination:
    return examine(sealed.bundle, pins or Pins(), sealed.backend)


def status_of(examination: Examination, check: Check) -> Status:
    lines = [line for group in check_groups(examination) for line in group.lines]
    return next(line.status for line in lines if line.name == check.value)


# Accepted.


def test_the_verdict_comes_first(page: str, proven: Sealed) -> None:
    root = read(page)
    verdict = root.one("section", id="verdict").text
    assert next(root.one("main").all("section")).attributes["id"] == "verdict"
    assert "ACCEPTED This bundle is accepted: all 17 checks made of it passed, and no point" in verdict
    assert "The stated reserves cover the totals of BTC, ETH, USD." in verdict
    assert proven.result.digest.hex() in verdict
    assert proven.issuer.public_key.hex() in verdict
    assert root.one("head").one("title").text == "Accepted: Test Exchange: verification of a sealed book"


def test_every_finding_of_the_verifier_stands_in_it_with_its_level(page: str, proven: Sealed) -> None:
    outcome = examined(proven, pins_of(proven)).outcome
    assert isinstance(outcome, Accepted)
    section = read(page).one("section", id="findings")
    rows = {row.text for row in section.all("tr")}
    for finding in outcome.report.findings:
        assert f"{finding.subject} {finding.text}" in rows
    levels = [heading.text.partition(" a ")[0] for heading in section.all("h3")]
    present = [level for level in Level if any(f.level is level for f in outcome.report.findings)]
    assert len(levels) == len(present)
    assert all(
        f"{level.value} {level.meaning}" == heading.text
        for level, heading in zip(present, section.all("h3"), strict=True)
    )


def test_findings_and_figures_that_nobody_here_knows_are_printed(proven: Sealed) -> None:
    """What the verifier comes to say later needs no change of the report."""
    examination = examined(proven)
    assert isinstance(examination.outcome, Accepted)
    report = examination.outcome.report
    report = replace(
        report,
        findings=(*report.findings, Finding("Weather <b>", "fair & dry", Level.NOT_PROVEN)),
        figures={**report.figures, "weather_stations": [{"name": "north <i>", "signed": True, "age": 1200}]},
    )
    html = report_page_of(replace(examination, outcome=replace(examination.outcome, report=report)))
    assert "Weather <b> fair & dry" in text_of(html)
    assert "Weather stations Name: north <i>; Signed: yes; Age: 1,200" in text_of(html)
    assert "1 point is not yet proven" in text_of(html)
    assert not list(read(html).all("i"))


def report_page_of(examination: Examination) -> str:
    return page_module.render(report_contents(examination, AT, with_duration=False))


def test_every_check_is_listed_with_its_words_and_outcome(page: str, proven: Sealed) -> None:
    rows = [row.text for row in read(page).one("section", id="checks").all("tr")]
    outcome = examined(proven, pins_of(proven)).outcome
    assert isinstance(outcome, Accepted)
    for check in Check:
        if check.value[0] in "BCS":
            (row,) = (row for row in rows if row.startswith(f"{check.value} "))
            assert row.startswith(f"{check.value} {check.title}")
            assert row.endswith(" passed") == (check in outcome.report.checks)
        elif check.value[0] in "OK":
            assert not any(row.startswith(f"{check.value} ") for row in rows)
    assert any(row.startswith("S3-totals ") and row.endswith("nothing to check") for row in rows)


def test_what_was_not_asked_is_not_called_passed(proven: Sealed) -> None:
    examination = examined(proven)
    assert status_of(examination, Check.BUNDLE_ISSUER) is Status.NOT_ASKED
    assert status_of(examination, Check.BUNDLE_CLAIMS) is Status.NOT_ASKED
    text = text_of(report_page_of(examination))
    assert "no issuer key was given: who made the bundle is claimed only" in text
    assert "No issuer key was pinned." in text
    assert "Model and prices are the issuer's choice." in text
    assert "No claim was required." in text
    assert "Who made the bundle: the issuer's key was not pinned." in text


def test_with_every_pin_there_is_no_such_advice(page: str) -> None:
    text = text_of(page)
    assert "was pinned." not in text
    assert "the issuer's choice" not in text
    assert "No claim was required" not in text
    assert "model and prices are byte for byte those that were insisted on" in text


def test_the_figures(page: str, proven: Sealed) -> None:
    outcome = examined(proven).outcome
    assert isinstance(outcome, Accepted)
    text = read(page).one("section", id="figures").text
    (claim,) = outcome.verified.claims
    bits, leaves = claim.statement.bit_count, proven.result.book.leaf_count
    total = sum(path.stat().st_size for path in proven.bundle.rglob("*") if path.is_file())
    proofs = sum(path.stat().st_size for path in proven.bundle.rglob("*.narg"))
    assert f"Leaves, padding included {leaves:,} Assets 3" in text
    assert f"Rows proven of every account {len(claim.statement.rows)}" in text
    assert f"Bits proven of every account {bits:,} Bits proven of the book {bits * leaves:,}" in text
    assert f"Proofs checked 2 Bytes of proofs {proofs:,} Bytes of the bundle {total:,}" in text
    assert f"Bytes of the bundle: {total:,}" in text


def test_the_parts_of_plots_add_up(proven: Sealed) -> None:
    contents = report_contents(examined(proven), AT, with_duration=False)
    (claim,) = contents.claims
    assert claim.bits_plot.total == claim.bits
    assert claim.bytes_plot.total * claim.proofs == claim.proof_bytes
    assert contents.bundle_plot is not None
    assert contents.bundle_plot.total == contents.files_bytes


def test_claims_in_plain_words(page: str) -> None:
    text = read(page).one("section", id="claims").text
    assert "No account is below zero in any asset that the model names." in text
    assert "Of every account it is shown that it owes no BTC; owes no ETH; owes no USD." in text
    assert "0 <= BTC < 2^63" in text


def test_every_kind_of_model_and_guarantee_has_words() -> None:
    assert {*MODEL_KINDS, *MODEL_DEFINITIONS} == set(KIND_WORDS)
    assert set(GUARANTEE_WORDS) == set(Guarantee)


def test_hidden_totals_are_drawn_as_what_is_known(page: str, proven: Sealed) -> None:
    section = read(page).one("section", id="reserves")
    assert "reserves are at least 1.5 times the total, asset by asset" in section.text
    rows = [row.text for row in section.all("tr")]
    assert any(row.startswith("BTC 4 hidden at least 150.00 %") and row.endswith("proven") for row in rows)
    (bars, *_) = (svg for svg in section.all("svg") if "BTC" in svg.attributes.get("aria-label", ""))
    label = bars.attributes["aria-label"]
    assert label.startswith(
        "BTC: reserves 4, of which 2 at addresses that signed; total of all accounts hidden"
    )
    widths = {rect.attributes["class"]: rect.attributes["width"] for rect in bars.all("rect")}
    assert widths["hatched"] == "200.00"  # of 300: the reserves divided by 1.5
    assert widths["bar-signed"] == "150.00"
    assert widths["bar-listed"] == widths["bar-unlisted"] == "75.00"
    assert "bar-total" not in widths
    # Nothing tells the total: 2 BTC would be half of the reserves.
    contents = report_contents(examined(proven), AT, with_duration=False)
    assert all(line.total is None and not line.bars.total for line in contents.solvency[0].assets)


def test_public_totals_are_drawn_and_cover_is_rounded_down(copy: Sealed) -> None:
    prove(copy, reserves_document({**TOTALS, "USD": TOTALS["USD"] + 3_333}), publish_totals=True)
    contents = report_contents(examined(copy), AT, with_duration=False)
    lines = {line.asset: line for line in contents.solvency[0].assets}
    assert (lines["USD"].total, lines["USD"].cover) == ("25,000.75", "100.13 %")
    assert (lines["BTC"].total, lines["BTC"].cover) == ("2", "100.00 %")
    assert lines["BTC"].level is Level.RECOMPUTED
    assert lines["BTC"].bars.hidden_to is None
    assert lines["BTC"].bars.total[0].width == "300.00"
    html = report_page_of(examined(copy))
    assert "hidden total" not in text_of(html)


def test_what_is_not_proven_of_totals_is_not_drawn(tmp_path: Path) -> None:
    """Without a claim about every account a total is worth nothing."""
    sealed = seal(tmp_path / "alone", fastest_backend(), SOLVENT)
    prove(sealed, reserves_document(TOTALS))
    contents = report_contents(examined(sealed), AT, with_duration=False)
    for line in contents.solvency[0].assets:
        assert (line.level, line.cover, line.bars.hidden_to) == (Level.NOT_PROVEN, "not yet proven", None)
    text = text_of(report_page_of(examined(sealed)))
    assert "BTC, ETH, USD: nothing is proven of single accounts." in text
    assert "Anything about single accounts: no claim about every account is in this bundle." in text
    assert re.search(r"all 1\d checks made of it passed, and [23] points are not yet proven", text)


def test_addresses_and_who_signed(page: str) -> None:
    section = read(page).one("section", id="reserves")
    rows = [row.text for row in section.all("tr")]
    assert any("signed the key of this address, for this book" in row for row in rows)
    assert any(
        summa_address()["address"] in row and row.endswith("the message does not name this book")
        for row in rows
    )
    assert "1 signed; 1 signed, but the message does not name this book" in section.text


def test_a_bundle_without_claims(sealed_once: Sealed) -> None:
    html = build_report(sealed_once.bundle, backend=sealed_once.backend, at=AT)
    text = text_of(html)
    ids = {section.attributes["id"] for section in read(html).all("section")}
    assert ids == {"verdict", "findings", "checks", "figures", "not-shown", "files", "repeat", "glossary"}
    assert "That there are any reserves: no claim about them is in this bundle." in text
    assert "the bundle holds nothing of this kind" in text
    assert_self_contained(html)


def test_files_are_listed_with_their_digests(page: str, proven: Sealed) -> None:
    rows = [row.text for row in read(page).one("section", id="files").all("tr")]
    for path in proven.bundle.rglob("*"):
        if path.is_file():
            name, data = path.relative_to(proven.bundle).as_posix(), path.read_bytes()
            assert f"{name} {len(data):,} {hashlib.sha256(data).hexdigest()}" in rows


def test_how_to_repeat_it_is_exact(proven: Sealed, page: str, tmp_path: Path) -> None:
    """The commands of the report, run as they stand, accept the bundle and make the same report."""
    first, verify, again = (pre.texts for pre in read(page).one("section", id="repeat").all("pre"))
    attestation = hashlib.sha256((proven.bundle / "attestation.json").read_bytes()).hexdigest()
    assert f"{attestation}  {proven.bundle}/attestation.json\n" in "".join(first)
    (tmp_path / "model.json").write_bytes(pins_of(proven).models[0].data)
    for texts, made in (("".join(verify), None), ("".join(again), tmp_path / "report.html")):
        words = texts.replace("sealedbook --version\n", "").replace("\\\n", " ").split()
        assert words.pop(0) == "sealedbook"
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        assert made is None or made.read_text(encoding="utf-8") == page


# Rejected.


def _alter_leaves(sealed: Sealed) -> None:
    with (sealed.bundle / "leaves.bin").open("ab") as file:
        file.write(b"x")


def _add_file(sealed: Sealed) -> None:
    (sealed.bundle / "extra.json").write_bytes(b"{}")


def _break_form(sealed: Sealed) -> None:
    (sealed.bundle / "attestation.json").write_bytes(b"{")


def _break_signature(sealed: Sealed) -> None:
    (sealed.bundle / "attestation.sig").write_bytes(b"0" * 128 + b"\n")


def _swap_root(sealed: Sealed) -> None:
    resign(sealed.bundle, sealed.issuer, lambda document: document["book"]["root"].update(hash="00" * 32))


def _break_proof(sealed: Sealed) -> None:
    path = next((sealed.bundle / "proofs").glob("accounts-*.narg"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    resign(sealed.bundle, sealed.issuer, describe_files_anew(sealed.bundle))


def _break_solvency(sealed: Sealed) -> None:
    path = sealed.bundle / "proofs" / "solvency.narg"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    resign(sealed.bundle, sealed.issuer, describe_files_anew(sealed.bundle))


def _remove_attestation(sealed: Sealed) -> None:
    (sealed.bundle / "attestation.json").unlink()


REJECTED: Final = [
    (Check.BUNDLE_FILES, _remove_attestation),
    (Check.BUNDLE_ATTESTATION, _break_form),
    (Check.BUNDLE_SIGNATURE, _break_signature),
    (Check.BUNDLE_LISTING, _add_file),
    (Check.BUNDLE_DIGESTS, _alter_leaves),
    (Check.BUNDLE_ROOT_HASH, _swap_root),
    (Check.CLAIM_PROOFS, _break_proof),
    (Check.SOLVENCY_PROOF, _break_solvency),
]


@pytest.mark.parametrize(("check", "damage"), REJECTED, ids=lambda value: getattr(value, "value", ""))
def test_a_rejected_bundle_gets_a_report(
    copy: Sealed, check: Check, damage: Callable[[Sealed], None]
) -> None:
    damage(copy)
    examination = examined(copy)
    assert isinstance(examination.outcome, VerificationError)
    assert examination.outcome.check is check
    html = report_page_of(examination)
    root = read(html)
    verdict = root.one("section", id="verdict").text
    assert f"REJECTED This bundle is rejected: check {check.value} failed." in verdict
    assert f"The check asks: {check.title}." in verdict
    assert examination.outcome.detail in verdict
    assert "Exit code 1. Nothing that this bundle claims is established" in verdict
    assert root.one("head").one("title").text.startswith("REJECTED: ")
    ids = {section.attributes["id"] for section in root.all("section")}
    assert ids == {"verdict", "checks", "files", "repeat", "glossary"}
    assert "ACCEPTED" not in root.one("body").text
    assert_self_contained(html)
    # What is said of the other checks: only those that certainly passed before it.
    assert status_of(examination, check) is Status.FAILED
    before = ORDER[: ORDER.index(check)] if check in ORDER else ORDER
    for other in Check:
        if other.value[0] not in "BCS" or other is check:
            continue
        status = status_of(examination, other)
        if other in before:
            asked = other not in (Check.BUNDLE_ISSUER, Check.BUNDLE_CLAIMS)
            assert status is (Status.PASSED if asked else Status.NOT_ASKED)
        else:
            assert status is Status.NOT_REACHED, other


def test_a_rejected_bundle_is_identified_as_claimed(copy: Sealed) -> None:
    _alter_leaves(copy)
    html = report_page_of(examined(copy))
    verdict = read(html).one("section", id="verdict").text
    assert "What the bundle says of itself, claimed only" in verdict
    assert copy.result.digest.hex() in verdict
    files = [row.text for row in read(html).one("section", id="files").all("tr")]
    assert any(
        re.match(r"leaves\.bin \d+ \d+ bytes found, expected \d+ differs; attested is [0-9a-f]{64}$", row)
        for row in files
    ), files


def test_checks_of_the_bundle_are_made_in_the_order_that_reports_rely_on(copy: Sealed) -> None:
    """Everything is wrong at once; put right one by one, the checks fail in their order."""
    bundle, issuer = copy.bundle, copy.issuer
    attestation, leaves = (bundle / "attestation.json").read_bytes(), (bundle / "leaves.bin").read_bytes()
    root = json.loads(attestation)["book"]["root"]

    def spoil(document: Any) -> None:
        document["book"]["root"] = {"hash": "00" * 32, "sum": json.loads(attestation)["book"]["root"]["sum"]}

    def damage_leaves(document: Any) -> None:
        spoil(document)
        # A tag twice, and digests that know of it.
        (bundle / "leaves.bin").write_bytes(leaves[:32] + leaves[32:80] + leaves[:32] + leaves[112:])
        describe_files_anew(bundle)(document)

    resign(bundle, issuer, damage_leaves)
    signature = (bundle / "attestation.sig").read_bytes()
    signed = (bundle / "attestation.json").read_bytes()
    (bundle / "extra.json").write_bytes(b"{}")
    (bundle / "attestation.json").write_bytes(signed + b" ")
    (bundle / "attestation.sig").write_bytes(b"0" * 128 + b"\n")
    model = next(bundle.glob("model*.json"))
    model_bytes = model.read_bytes()
    model.write_bytes(model_bytes + b" ")
    strict, required, none = Pins(bytes(32), required=("nothing",)), Pins(required=("nothing",)), Pins()

    steps: list[tuple[Check, Pins, Callable[[], object]]] = [
        (Check.BUNDLE_ATTESTATION, strict, lambda: (bundle / "attestation.json").write_bytes(signed)),
        (Check.BUNDLE_ISSUER, strict, lambda: None),
        (Check.BUNDLE_SIGNATURE, required, lambda: (bundle / "attestation.sig").write_bytes(signature)),
        (Check.BUNDLE_CLAIMS, required, lambda: None),
        (Check.BUNDLE_LISTING, none, (bundle / "extra.json").unlink),
        (Check.BUNDLE_DIGESTS, none, lambda: model.write_bytes(model_bytes)),
    ]
    for check, pins, repair in steps:
        outcome = examined(copy, pins).outcome
        assert isinstance(outcome, VerificationError)
        assert outcome.check is check
        repair()
    outcome = examined(copy).outcome
    assert isinstance(outcome, VerificationError)
    # With the same tag twice, hash and tag are wrong: leaves are read before the root is compared.
    assert outcome.check is Check.BUNDLE_LEAVES
    (bundle / "leaves.bin").write_bytes(leaves)

    def both_roots_wrong(document: Any) -> None:
        describe_files_anew(bundle)(document)
        document["book"]["root"] = {"hash": "00" * 32, "sum": point_of(read_leaves(bundle)[0]).hex()}

    resign(bundle, issuer, both_roots_wrong)
    outcome = examined(copy).outcome
    assert isinstance(outcome, VerificationError)
    assert outcome.check is Check.BUNDLE_ROOT_HASH

    def sum_wrong(document: Any) -> None:
        document["book"]["root"]["hash"] = root["hash"]

    resign(bundle, issuer, sum_wrong)
    outcome = examined(copy).outcome
    assert isinstance(outcome, VerificationError)
    assert outcome.check is Check.BUNDLE_ROOT_SUM
    tested = [check for check, _, _ in steps]
    tested += [Check.BUNDLE_LEAVES, Check.BUNDLE_ROOT_HASH, Check.BUNDLE_ROOT_SUM]
    assert (Check.BUNDLE_FILES, *tested) == ORDER


# Hostile text.


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = "\u05d0<img/src=x>"
    assets = AssetList.of([("<b>BTC", 8), ("ETH&amp;", 9)])
    accounts = {"alice": {"<b>BTC": 5, "ETH&amp;": 7}}
    sealed = seal(tmp_path / "hostile", fastest_backend(), accounts, assets, documents={})
    renamed = sealed.copy(tmp_path / "renamed")
    resign(renamed.bundle, renamed.issuer, lambda d: d["book"]["issuer"].update(name=name + INJECTION))
    html = build_report(renamed.bundle, backend=sealed.backend, at=AT)
    assert name + INJECTION in text_of(html)
    assert_self_contained(html)
    prove_accounts(sealed, b'{"format":"sealedbook/model/v1","kind":"non-negative","assets":["<b>BTC"]}')
    chain = signed_address("x", chain="<svg onload=x>") | {"balance": "0.00000005"}
    reserves = {
        "format": "sealedbook/reserves/v1",
        "as_of": "2026-01-31T00:00:00Z",
        "assets": [{"asset": "<b>BTC", "total": "0.00000005", "addresses": [chain]}],
    }
    prove(sealed, json.dumps(reserves).encode())
    html = build_report(sealed.bundle, backend=sealed.backend, at=AT)
    text = text_of(html)
    assert "owes no <b>BTC" in text
    assert "<svg onload=x>" in text
    assert "No reserves are shown for ETH&amp;." in text
    assert not list(read(html).one("section", id="reserves").all("img"))
    assert_self_contained(html)


def test_hostile_paths_and_pins_stay_text(sealed_once: Sealed, tmp_path: Path) -> None:
    bundle = tmp_path / "a'\n<script>b\x1b[1m"
    shutil.copytree(sealed_once.bundle, bundle)
    pins = Pins(required=(INJECTION,), models=(PinnedFile("<i>m\u202e.json", b"{}"),))
    html = build_report(bundle, pins, backend=sealed_once.backend, at=AT)
    text = text_of(html)
    assert INJECTION in text
    assert "<i>m\\u202e.json" in text
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "\\'\\x0a<script>b\\x1b[1m'" in text
    assert_self_contained(html)


def test_a_hostile_detail_of_a_rejection_stays_text(copy: Sealed) -> None:
    (copy.bundle / "<script>x").write_bytes(b"")
    html = report_page_of(examined(copy))
    assert "'<script>x' is not in the attestation" in text_of(html)
    assert_self_contained(html)


def test_texts_of_any_length_are_shortened_and_say_so(proven: Sealed) -> None:
    examination = examined(proven)
    assert isinstance(examination.outcome, Accepted)
    long = Finding("Long", "begin" + "x" * 100_000 + "end", Level.NOT_PROVEN)
    report = replace(examination.outcome.report, findings=(long,))
    html = report_page_of(replace(examination, outcome=replace(examination.outcome, report=report)))
    assert re.search(r"beginx+ … \(99,108 characters left out\) … x+end", text_of(html))


# Form.


def test_it_loads_nothing(page: str) -> None:
    assert_self_contained(page)


def test_the_checker_of_self_containment_finds_faults(page: str) -> None:
    for old, new in (
        ("<main>", "<main><script>1</script>"),
        ("<main>", '<main><img src="x">'),
        ("<main>", '<main><a href="https://example.org">x</a>'),
        ("<main>", '<main><p onclick="x">x</p>'),
        ("</style>", " </style>"),
        ("style-src ", "style-src 'unsafe-inline' "),
    ):
        assert old in page
        with pytest.raises(AssertionError):
            assert_self_contained(page.replace(old, new, 1))


def test_structure_for_those_who_do_not_see_it(page: str) -> None:
    root = read(page)
    assert root.one("html").attributes["lang"] == "en"
    body = root.one("body")
    assert {child.tag for child in body.one("div", **{"class": "page"}).children} == {
        "header",
        "main",
        "footer",
    }
    assert len(list(root.all("h1"))) == 1
    ids = [element.attributes["id"] for element in root.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in root.all():
        if "href" in element.attributes:
            assert element.attributes["href"][1:] in ids, element
        if "aria-labelledby" in element.attributes:
            assert element.attributes["aria-labelledby"] in ids, element
        if element.tag == "table":
            headers = list(element.one("thead").all("th"))
            assert headers
            assert all(header.attributes["scope"] == "col" and header.text for header in headers)
            assert all(
                next(row.all("th")).attributes["scope"] == "row" for row in element.one("tbody").all("tr")
            )
        if element.tag == "svg":
            assert element.attributes.get("aria-hidden") == "true" or (
                element.attributes["role"] == "img" and element.attributes["aria-label"]
            )
    sections = [section.attributes["id"] for section in root.one("main").all("section")]
    assert sections == [
        "verdict",
        "findings",
        "checks",
        "figures",
        "claims",
        "reserves",
        "not-shown",
        "files",
        "repeat",
        "glossary",
    ]


def test_every_class_has_a_style_and_every_icon_a_drawing(page: str) -> None:
    style = read(page).one("style").text
    for level in Level:
        assert f".{level.name.lower().replace('_', '-')} {{ color:" in style
        assert f'id="icon-{level.name.lower().replace("_", "-")}"' in page
    for status in Status:
        assert f".{status.key}" in style
        assert f'id="icon-{status.key}"' in page


def test_glossary_and_levels_are_explained(page: str) -> None:
    text = read(page).one("section", id="glossary").text
    assert all(f"{term} {meaning}" in text for term, meaning in GLOSSARY)
    assert all(f"{level.value} {level.meaning}" in text for level in Level)
    assert [term for term, _ in GLOSSARY] == sorted(term for term, _ in GLOSSARY)


def test_it_is_the_same_each_time(proven: Sealed, page: str) -> None:
    assert build_report(proven.bundle, pins_of(proven), backend=proven.backend, at=AT) == page
    assert f"Made at {STAMP}" in page
    assert "not recorded: the time of this report was given" in page


def test_without_a_given_time_it_says_when_and_how_long(proven: Sealed) -> None:
    text = text_of(build_report(proven.bundle, backend=proven.backend))
    assert re.search(r"Time of the verification [\d,]+\.\d\d s", text)
    assert re.search(r"Made at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ by sealedbook", text)


# Small parts.


def test_cover_is_never_rounded_up() -> None:
    assert percent_down(Fraction(99_999_999, 100_000_000)) == "99.99 %"
    assert percent_down(Fraction(1)) == "100.00 %"
    assert percent_down(Fraction(123_456_789, 1_000)) == "12,345,678.90 %"


def test_words_of_a_shell_survive_it(tmp_path: Path) -> None:
    for text in (
        "plain",
        "two words",
        "it's",
        "$(x) `y`",
        "line\nbreak",
        "é\u202e",
        "\\'\x1b",
        os.fsdecode(b"\xff\n"),
    ):
        printed = subprocess.run(
            ["bash", "-c", f"printf %s {shell_word(text)}"], capture_output=True, check=True
        ).stdout
        assert printed == os.fsencode(text), text
        assert shell_word(text).isprintable()


def test_visible_text() -> None:
    assert visible("a\x1b[1m\u202e\u200b\nb é") == "a\\x1b[1m\\u202e\\u200b\\nb é"
    assert shortened_inside("abcdefghi", 6) == "abcd … (3 characters left out) … hi"
    assert shortened_inside("abcdef", 6) == "abcdef"
    assert is_digest("0" * 64)
    assert not is_digest("0" * 63)
    assert not is_digest("Z" * 64)


def test_parts_that_are_not_nothing_are_seen() -> None:
    parts = [Part("a", "a", 1), Part("b", "b", 10**9), Part("c", "c", 0), Part("d", "d", -5)]
    assert [(s.style, s.width) for s in stacked(parts, 100)] == [("a", "1.50"), ("b", "100.00")]
    assert stacked([Part("a", "a", 0)], 100) == ()


# The command.


@dataclass
class Run:
    """The command in this process."""

    code: int
    out: str
    said: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def run(*arguments: object) -> Run:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Run(result.exit_code, result.stdout, " ".join((result.stdout + result.stderr).split()))


def test_the_command_writes_it(proven: Sealed, tmp_path: Path) -> None:
    out = tmp_path / "new" / "report.html"
    done = run(proven.bundle, "--out", out, "--issuer-key", proven.issuer.public_key.hex(), "--at", STAMP)
    assert done.code == 0
    assert done.said.startswith("ACCEPTED The bundle is whole")
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    assert re.search(rf"report\.html: SHA-256 {digest}", done.said)
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    assert out.read_text(encoding="utf-8") == build_report(
        proven.bundle, Pins(issuer_key=proven.issuer.public_key), backend=proven.backend, at=AT
    )
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_for_programs(proven: Sealed, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = run(proven.bundle, "--out", out, "--json")
    data = out.read_bytes()
    assert done.code == 0
    assert done.document["result"] == "accepted"
    assert done.document["format"] == "sealedbook/report/v1"
    assert done.document["written"] == {
        "html": {"path": str(out), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    }


def test_a_rejection_is_written_and_ends_with_1(copy: Sealed, tmp_path: Path) -> None:
    _alter_leaves(copy)
    out = tmp_path / "report.html"
    done = run(copy.bundle, "--out", out)
    assert done.code == 1
    assert "REJECTED check B6-digests failed: leaves.bin has" in done.said
    assert "Wrote" in done.said
    assert "REJECTED This bundle is rejected: check B6-digests failed." in text_of(
        out.read_text(encoding="utf-8")
    )
    done = run(copy.bundle, "--out", out, "--json")
    assert done.code == 1
    assert {key: done.document[key] for key in ("result", "check", "exit_code")} == {
        "result": "rejected",
        "check": "B6-digests",
        "exit_code": 1,
    }
    assert done.document["written"]["html"]["path"] == str(out)


@pytest.mark.parametrize(
    ("option", "value", "check"),
    [
        ("--issuer-key", "00" * 32, "B3-issuer"),
        ("--require", "margin", "B10-claims"),
        ("--model", "other.json", "C1-documents"),
        ("--market", "other.json", "C1-documents"),
    ],
)
def test_every_pin_is_insisted_on(
    proven: Sealed, tmp_path: Path, option: str, value: str, check: str
) -> None:
    (tmp_path / "other.json").write_bytes(b"{}")
    given = tmp_path / value if value.endswith(".json") else value
    done = run(proven.bundle, "--out", tmp_path / "report.html", option, given)
    assert done.code == 1
    assert f"check {check} failed" in done.said


def test_conditions_on_markets_are_set_and_repeated(proven: Sealed, tmp_path: Path) -> None:
    """Here no claim values positions with a market, so that conditions cannot be met (check M1)."""
    out, key = tmp_path / "report.html", tmp_path / "desk.pub"
    public = proven.issuer.public_key.hex()
    key.write_text(public + "\n")
    options = ["--source-key", f"desk={key}", "--sources-required", "1", "--max-market-age", "60"]
    done = run(proven.bundle, "--out", out, *options)
    assert done.code == 1
    assert "check M1-market failed" in done.said
    text = text_of(out.read_text(encoding="utf-8"))
    said = f"--source-key desk={public} --sources-required 1 --max-market-age 60"
    assert f"Conditions on markets {said}" in text
    assert f"{said} \\ --backend" in text
    examination = examine(
        proven.bundle, Pins(market_policy=MarketPolicy(max_age=timedelta(0))), proven.backend
    )
    assert status_of(examination, Check.MARKET_DOCUMENT) is Status.FAILED
    assert status_of(examination, Check.BUNDLE_ROOT_SUM) is Status.PASSED
    assert status_of(examination, Check.CLAIM_PROOFS) is Status.NOT_REACHED


def test_only_a_report_is_replaced(proven: Sealed, tmp_path: Path) -> None:
    out, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    assert run(proven.bundle, "--out", out).code == 0
    assert run(proven.bundle, "--out", out).code == 0
    for path, data in (
        (out, b"<!DOCTYPE html>\n<html>mine</html>"),
        (out, f'x<meta name="generator" content="{GENERATOR} 1">'.encode()),
        (pdf, b"%PDF-1.4\n/Creator (somebody)"),
    ):
        path.write_bytes(data)
        arguments = ["--out", out] if path == out else ["--out", tmp_path / "other.html", "--pdf", pdf]
        done = run(proven.bundle, *arguments)
        assert done.code == 3
        assert "exists and is not a report; choose another place" in done.said
        assert path.read_bytes() == data
        assert not (tmp_path / "other.html").exists()


def test_no_report_goes_into_a_bundle(copy: Sealed) -> None:
    done = run(copy.bundle, "--out", copy.bundle / "report.html")
    assert done.code == 3
    assert "lies in the bundle" in done.said
    assert not (copy.bundle / "report.html").exists()


def test_what_is_refused(proven: Sealed, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = run(proven.bundle, "--out", out, "--at", "yesterday")
    assert (done.code, "--at" in done.said) == (3, True)
    done = run(proven.bundle, "--out", out, "--pdf", out)
    assert (done.code, "--out and --pdf name one file" in done.said) == (3, True)
    done = run(tmp_path / "nowhere", "--out", out)
    assert (done.code, "nowhere: No such file" in done.said) == (4, True)
    done = run(proven.bundle, "--out", out, "--model", tmp_path / "nowhere.json")
    assert (done.code, "nowhere.json: No such file" in done.said) == (4, True)
    assert not out.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(proven: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report.html"
    assert run(proven.bundle, "--out", out).code == 0
    before = out.read_bytes()
    opened = os.fdopen

    def full(handle: int, mode: str = "r") -> Any:
        if mode != "wb":
            return opened(handle, mode)
        os.close(handle)
        return opened(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr("os.fdopen", full)
    done = run(proven.bundle, "--out", out)
    assert done.code == 4
    assert "report.html: No space left on device" in done.said
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written(proven: Sealed, copy: Sealed, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = run(proven.bundle, "--out", tmp_path / "file" / "report.html")
    assert done.code == 4
    assert "CANNOT READ OR WRITE" in done.said
    # A rejection is not lost behind it.
    _alter_leaves(copy)
    done = run(copy.bundle, "--out", tmp_path / "file" / "report.html")
    assert done.code == 1
    assert "NOT WRITTEN" in done.said
    assert "REJECTED check B6-digests" in done.said
    done = run(copy.bundle, "--out", tmp_path / "file" / "report.html", "--json")
    assert (done.code, done.document["written"]) == (1, {})


def test_jinja2_is_asked_for_by_name(proven: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "jinja2":
            raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
        return real(name, *arguments, **named)

    page_module._environment.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingToolError, match="jinja2 is not installed: `pip install"):
        page_module._environment()
    done = run(proven.bundle, "--out", tmp_path / "report.html")
    monkeypatch.undo()
    assert done.code == 4
    assert "CANNOT RUN HERE jinja2 is not installed" in done.said


# PDF.

_IMPORT: Final = importlib.import_module
needs_browser = pytest.mark.skipif(
    find_browser() is None, reason="NO CHROMIUM HERE: that reports print as PDF is not tested"
)


@needs_browser
def test_a_pdf_is_printed(proven: Sealed, tmp_path: Path) -> None:
    out, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    done = run(proven.bundle, "--out", out, "--pdf", pdf, "--at", STAMP, "--json")
    assert done.code == 0, done.said
    data = pdf.read_bytes()
    assert done.document["written"]["pdf"] == {
        "path": str(pdf),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert data.startswith(b"%PDF-")
    assert is_report_pdf(data)
    assert b"/CreationDate (D:20260201123000+00'00')" in data
    assert b"HeadlessChrome" not in data
    assert len(re.findall(rb"/Type /Page\b", data)) > 3
    # Replaced, since it is ours, and the same file again.
    assert run(proven.bundle, "--out", out, "--pdf", pdf, "--at", STAMP).code == 0
    assert pdf.read_bytes() == data


def test_without_anything_that_prints_the_html_is_written(
    proven: Sealed, copy: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, "BROWSERS", ("no-such-browser",))
    monkeypatch.setattr("importlib.import_module", _no_weasyprint)
    out, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    done = run(proven.bundle, "--out", out, "--pdf", pdf)
    assert done.code == 4
    assert "install chromium (`apt install chromium`), or WeasyPrint" in done.said
    assert out.is_file()
    assert not pdf.exists()
    _alter_leaves(copy)
    done = run(copy.bundle, "--out", out, "--pdf", pdf)
    assert done.code == 1
    assert "NOT WRITTEN a PDF needs a browser" in done.said


def _no_weasyprint(name: str, package: str | None = None) -> Any:
    if name == "weasyprint":
        raise ModuleNotFoundError(name=name)
    return _IMPORT(name, package)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "failed with exit code 3"),
        ("exit 0", "printed nothing"),
        ('for a; do case $a in --print-to-pdf=*) echo no > "${a#*=}";; esac; done', "is no PDF"),
        ("sleep 600", "did not finish within 1 seconds"),
    ],
)
def test_a_browser_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\n{script}\n")
    browser.chmod(0o755)
    monkeypatch.setattr(pdf_module, "BROWSERS", (str(browser),))
    monkeypatch.setattr(pdf_module, "_SECONDS", 1)
    with pytest.raises(PdfError, match=words):
        print_pdf("<p>x", AT)


def test_the_flags_of_the_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile of its own, no network of its own accord, and no sandbox given up but by root."""
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\n'
        'for a; do case $a in --print-to-pdf=*) printf "%%PDF-1.4\\n%%%%EOF\\n" > "${a#*=}";; esac; done\n'
    )
    browser.chmod(0o755)
    monkeypatch.setattr(pdf_module, "BROWSERS", (str(browser),))
    for user in (0, 1000):
        monkeypatch.setattr("os.geteuid", lambda user=user: user)
        assert print_pdf("<p>x", AT).startswith(b"%PDF-")
        flags = seen.read_text().splitlines()
        assert {
            "--headless",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        } <= set(flags)
        assert ("--no-sandbox" in flags) == (user == 0)
        profile = next(flag for flag in flags if flag.startswith("--user-data-dir=")).partition("=")[2]
        assert not Path(profile).parent.exists()


def test_the_policy_is_that_of_the_style() -> None:
    assert content_security_policy("a") != content_security_policy("b")
    assert "script" not in content_security_policy("a")
