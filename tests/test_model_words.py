"""Margin models in plain words: of every kind, what changes with the document, and where reports show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sealing_support import Sealed, fastest_backend
from test_cli import run
from test_margin_product import BOOK, CASE, MARKET, MODEL, prove, seal_accounts, verify

import sealedbook.commands.model_command
import sealedbook.output
from circuits.claim_statement import model_words
from circuits.model_document import read_definition
from circuits.modelling.words import ModelWords, listed, share_of
from circuits.models import MODEL_DEFINITIONS
from circuits.rows import Row
from circuits.statement import Statement
from primitives.assets import Asset
from prover.certificate import make_certificate
from sealedbook.output import ExitCode, print_report
from verifier.certificate import verify_certificate_against_root
from verifier.certificate_report import certificate_report
from verifier.findings import Finding, Level, Report
from verifier.model_findings import condition_findings
from verifier.opening import TrustedRoot
from verifier.report import bundle_report

EXAMPLES = Path(__file__).parent.parent / "examples" / "models"
DOCUMENTS = sorted([*EXAMPLES.glob("*/model.json"), *EXAMPLES.glob("*.json")])


def words_of(path: str, **changes: Any) -> ModelWords:
    document = json.loads((EXAMPLES / path).read_bytes()) | changes
    return read_definition(json.dumps(document).encode()).words()


def said(words: ModelWords) -> str:
    return "\n".join([words.title, *words.conditions, *words.conservative])


def test_every_kind_has_an_example_that_is_put_into_words() -> None:
    kinds = {read_definition(path.read_bytes()).kind for path in DOCUMENTS}
    assert kinds == set(MODEL_DEFINITIONS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_the_words_are_sentences(path: Path) -> None:
    words = read_definition(path.read_bytes()).words()
    assert words.title
    assert words.conditions
    for text in (words.title, *words.conditions, *words.conservative):
        assert text.isprintable()
        assert not text.endswith((".", " "))
        assert "  " not in text
        assert "0 <=" not in text


def pmrm2(**changes: Any) -> ModelWords:
    return words_of("pmrm2/model.json", **changes)


def test_pmrm2_says_which_margins_and_how_many_scenarios() -> None:
    both = pmrm2()
    assert both.title == "PMRM 2, scenario portfolio margin of options and perpetuals on ETH"
    maintenance, initial, signs = both.conditions
    assert maintenance == (
        "maintenance margin: net value, less 0.75 times the worst of 29 scenarios and the basis moves, less "
        "contingencies for perpetuals, short options and collateral, is not negative"
    )
    assert initial.startswith(
        "initial margin: net value, less 1.1 (more while the cash asset is below its peg)"
    )
    assert "collateral and uncertain price feeds" in initial
    assert signs == "owes no collateral, and nothing in assets outside the margin"
    assert pmrm2(margins=["maintenance"]).conditions == (maintenance, signs)
    assert pmrm2(margins=["initial"]).conditions == (initial, signs)


def test_pmrm2_does_not_count_scenarios_without_weight() -> None:
    scenarios = json.loads((EXAMPLES / "pmrm2" / "model.json").read_bytes())["scenarios"]
    scenarios[0]["dampening"] = "0"
    assert "worst of 28 scenarios" in pmrm2(scenarios=scenarios).conditions[0]


def test_pmrm2_says_what_is_public_about_perpetuals() -> None:
    assert "holds or owes some ETH-PERP" in pmrm2(perp_holding="held").conditions
    none = pmrm2(perp_holding="none")
    assert "holds and owes no ETH-PERP" in none.conditions
    assert any("counts nothing, as no perpetual is held" in text for text in none.conservative)
    assert "ETH-PERP" not in said(pmrm2())


def test_paradex_says_margin_and_netting() -> None:
    initial = words_of("paradex-portfolio-margin/model.json")
    assert initial.conditions[0].startswith("initial margin: all positions at mark prices")
    assert "at least the sum over underlyings" in initial.conditions[0]
    assert "worst of 24 weighted scenario losses" in initial.conditions[0]
    maintenance = words_of("paradex-portfolio-margin/model.json", margin="maintenance")
    assert maintenance.conditions[0].startswith("maintenance margin")
    assert "at least 50 % of the sum over underlyings" in maintenance.conditions[0]
    assert "funding that one perpetual is to receive" not in said(initial)
    funding = json.loads((EXAMPLES / "paradex-portfolio-margin" / "model.json").read_bytes())["funding"]
    alone = words_of("paradex-portfolio-margin/model.json", funding={**funding, "netting": "none"})
    assert "funding that one perpetual is to receive" in said(alone)


def test_deribit_names_what_is_left_out_and_how_delta_is_charged() -> None:
    path = "deribit-segregated-portfolio-margin/model.json"
    words = words_of(path, ignored=["OTHER"])
    assert words.title == "Deribit portfolio margin, segregated, counted in its coin"
    assert any(
        "not covered by what is proven here: OTHER count nothing" in text for text in words.conservative
    )
    assert "delta: stays within the threshold of the delta shock, for BTC" in words.conditions
    cross = words_of("deribit-cross-portfolio-margin/model.json", margin="maintenance")
    assert cross.title == "Deribit portfolio margin, cross"
    assert cross.conditions[0].startswith("maintenance margin")
    assert "at least 80 % of the sum" in cross.conditions[0]
    assert "the delta shock is charged by straight lines that are never below it" in cross.conservative


def test_derive_standard_margin_says_how_spreads_count() -> None:
    path = "derive-standard-margin/model.json"
    better, isolated = words_of(path), words_of(path, spreads="isolated", margin="maintenance")
    assert better.conditions[0].startswith("initial margin")
    assert "the smaller of two" in better.conditions[0]
    assert isolated.conditions[0].startswith("maintenance margin")
    assert "the smaller of two" not in said(isolated)
    assert "no relief for spreads" in isolated.conservative


def test_perpetuals_say_in_which_compartments_they_are_charged() -> None:
    cross = words_of("linear-perpetuals-cross/model.json")
    assert cross.conditions[0].startswith("cross margin")
    isolated = words_of("linear-perpetuals-isolated/model.json")
    assert isolated.conditions[0].startswith("isolated margin, for each of BTCUSDT, ETHUSDT by itself")
    assert "owes nothing in USDT (not counted)" in isolated.conditions
    orders = words_of("linear-perpetuals-orders/model.json")
    assert orders.conditions[0].endswith("and fees")
    assert any("open orders" in text for text in orders.conservative)
    tiers = words_of("hyperliquid-perpetuals/model.json")
    assert tiers.title.startswith("Hyperliquid")
    assert "tier by tier of the notional" in tiers.conditions[0]
    steps = words_of("hyperliquid-perpetuals/model.json", margin="initial")
    assert "on the whole notional" in steps.conditions[0]


def test_collateral_says_layout_and_rounding() -> None:
    exact = words_of("cross-collateral-pools.json")
    assert exact.title.startswith("Binance's proof of solvency")
    assert len(exact.conditions) == 3
    assert "not conservative: haircuts are exact" in said(exact)
    fold = words_of("cross-collateral-pools.json", rounding="fold", numbers={"scale": 8})
    assert "collateral down and debts up, by less than 10^-8" in said(fold)
    assert "not conservative" not in said(fold)
    signed = words_of("cross-collateral-signed.json")
    assert "owes nothing in any other asset" in signed.conditions


def test_span_and_spot_say_what_is_optional() -> None:
    counts, ignored = (
        words_of("span/model.json", excess_option_value=choice) for choice in ("counts", "ignored")
    )
    assert len(counts.conditions) == 1
    assert "cash and futures: their value is not negative without that of options" in ignored.conditions
    assert words_of("spot.json").conditions[0] == "owes nothing in any asset but USD"
    plain = read_definition(b'{"format": "sealedbook/model/v1", "kind": "spot", "version": 1}')
    assert plain.words().conditions == ("owes nothing in any asset",)


def test_simple_kinds_have_none() -> None:
    assert model_words(b'{"format": "sealedbook/model/v1", "kind": "non-negative"}') is None


def test_long_lists_are_cut() -> None:
    assert listed([str(n) for n in range(14)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"
    assert listed(["a"]) == "a"
    assert share_of(read_definition(MODEL).factor) == ""  # type: ignore[attr-defined]


# In reports


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    sealed = seal_accounts(tmp_path_factory.mktemp("words") / "s", BOOK)
    prove(sealed)
    return sealed


def texts(report: Report, subject: str) -> list[tuple[str, Level]]:
    return [(each.text, each.level) for each in report.findings if each.subject == subject]


def test_a_bundle_is_reported_in_words(proven: Sealed) -> None:
    report = bundle_report(verify(proven))
    words = read_definition(MODEL).words()
    assert texts(report, "Every account (accounts)") == [(text, Level.PROVEN) for text in words.conditions]
    assert texts(report, "Conservative (accounts)") == [
        (text, Level.RECOMPUTED) for text in words.conservative
    ]
    ((model, level),) = texts(report, "Margin model (accounts)")
    statement = CASE.model.compile()
    assert level is Level.RECOMPUTED
    assert model == (
        f"Paradex portfolio margin; {len(statement.rows)} rows, {len(statement.auxiliaries)} auxiliary variables of "
        f"which 0 booleans, {statement.bit_count:,} bits an account"
    )
    assert not any("0 <=" in finding.text for finding in report.findings)
    assert "What it claims about every account is proven." in report.verdict


def test_rows_are_reported_if_asked_for(proven: Sealed) -> None:
    report = bundle_report(verify(proven), rows=True)
    statement = CASE.model.compile()
    found = texts(report, "Row (accounts)")
    assert len(found) == len(statement.rows) + len(statement.auxiliaries)
    assert all("0 <=" in text for text, _ in found)
    assert texts(report, "Every account (accounts)") == texts(
        bundle_report(verify(proven)), "Every account (accounts)"
    )


def test_programs_get_words_and_size(proven: Sealed) -> None:
    done = run("verify", proven.bundle, "--json")
    (claim,) = done.document["figures"]["claims"]
    assert claim["model"]["title"] == "Paradex portfolio margin"
    assert claim["model"]["conditions"] == list(read_definition(MODEL).words().conditions)
    assert (claim["booleans"], claim["rows"]) == (0, len(CASE.model.compile().rows))


def test_the_commands_print_them(proven: Sealed) -> None:
    condition = "initial margin: all positions at mark prices are together worth at least"
    done = run("verify", proven.bundle)
    assert done.code == ExitCode.ACCEPTED
    assert condition in done.said
    assert "< 2^" not in done.out
    assert "< 2^" in run("verify", proven.bundle, "--rows").out
    inspected = run("inspect", proven.bundle)
    assert "Nothing was checked" in inspected.out
    assert condition in inspected.said


def test_a_bundle_whose_model_is_missing_is_inspected_all_the_same(proven: Sealed, tmp_path: Path) -> None:
    (tmp_path / "attestation.json").write_bytes((proven.bundle / "attestation.json").read_bytes())
    assert "its model is none that this version can read" in run("inspect", tmp_path).said


def test_a_certificate_is_reported_in_words(proven: Sealed, tmp_path: Path) -> None:
    opening = proven.opening("hedger")
    data = make_certificate(opening, proven.backend, model=MODEL, market=MARKET).to_bytes()
    verified = verify_certificate_against_root(
        data, TrustedRoot(root_hash=opening.book.root.hash), fastest_backend()
    )
    report = certificate_report(verified)
    words = read_definition(MODEL).words()
    assert report.verdict == f"The account at leaf {opening.leaf_index} meets Paradex portfolio margin."
    assert texts(report, "The account") == [(text, Level.PROVEN) for text in words.conditions]
    assert report.figures["facts"] == list(words.conditions)
    assert not any("0 <=" in finding.text for finding in report.findings)
    assert len(texts(certificate_report(verified, rows=True), "Row")) == len(
        verified.statement.rows + verified.statement.auxiliaries
    )
    path = tmp_path / "c.cert"
    path.write_bytes(data)
    assert words.conditions[0][:60] in run("inspect", path).said


def test_model_explain_begins_with_them() -> None:
    folder = EXAMPLES / "paradex-portfolio-margin"
    done = run(
        "model", "explain", folder / "model.json", "--market", folder / "market.json",
        "--assets", folder / "assets.json",
    )  # fmt: skip
    assert "What every account must satisfy: Paradex portfolio margin" in done.said
    assert "What is conservative or left out requirements of several underlyings are added up" in done.said
    assert done.said.index("worst of 24 weighted") < done.said.index("What it consists of")


def test_conditions_on_positions_that_need_not_be_whole_are_not_called_proven() -> None:
    statement = Statement((Asset("BTC", 8),), (Row("net", ((0, 3),), (), 0, 80),), ())
    (finding,) = condition_findings("Every account", ModelWords("made up", ("net is fine",), ()), statement)
    assert finding == Finding(
        "Every account",
        "net is fine: modulo the group order only, because no row makes BTC whole numbers",
        Level.NOT_PROVEN,
    )


HOSTILE = "x\x1b[31m\n[bold]proven[/] all is well\u202e"


def test_names_in_a_model_cannot_act_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ModelWords(HOSTILE, (HOSTILE,), (HOSTILE,))
    console = Console(record=True, width=200, highlight=False)
    monkeypatch.setattr(sealedbook.output, "console", console)
    monkeypatch.setattr(sealedbook.commands.model_command, "console", console)
    findings = tuple(Finding(HOSTILE, text, Level.PROVEN) for text in words.conditions)
    print_report(Report("bundle", HOSTILE, (), findings, {}), as_json=False)
    sealedbook.commands.model_command._print_words(words)
    printed = console.export_text()
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert printed.count("x\\x1b[31m\\n[bold]proven[/] all is well\\u202e") == 6
