"""The demonstration: its book, its market, its steps, what it says, and that it fails loudly."""

from __future__ import annotations

import copy
import io
import json
import math
import re
import shutil
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console
from sealing_support import fastest_backend
from typer.testing import CliRunner

from circuits.market.document import parse_market
from circuits.prices import parse_price_document
from primitives.parameters import AMOUNT_LIMIT
from primitives.reserves import Reserves
from primitives.strict_json import canonical_json, parse_json
from prover.book import import_book
from prover.prove_book import StatementFailsError
from prover.solvency import InsufficientReservesError
from prover.vault import Vault
from sealedbook.__main__ import app
from sealedbook.demo import exchange_steps, holder_steps, reserves
from sealedbook.demo.book import MAXIMUM_ACCOUNTS, MINIMUM_ACCOUNTS, STRESS, DemoBook, decimal_text, make_book
from sealedbook.demo.cheating import ATTEMPTS, Attempt, PrivateRefusal, judges, run_attempt
from sealedbook.demo.documents import MODEL, HolderStatement
from sealedbook.demo.errors import DemoFailedError, DemoFolderError
from sealedbook.demo.keep import tell_what_is_there
from sealedbook.demo.margin import (
    evaluate_margins,
    margin_market,
    margin_model,
    short_by_one,
    with_enough_margin,
)
from sealedbook.demo.market import Kind, black_76, demo_market
from sealedbook.demo.run import run_demo
from sealedbook.demo.scene import DemoOptions, Scene
from sealedbook.demo.service import DemoService
from sealedbook.demo.stage import ShownCommand, Stage, wrap_command
from sealedbook.demo.steps import STEPS
from sealedbook.demo.workspace import MARKER_NAME, Workspace
from sealedbook.output import ExitCode
from verifier.checks import Check, VerificationError
from verifier.findings import Level
from verifier.ownership import Ownership, find_ownership
from verifier.report import bundle_report

ACCOUNTS = 40


@dataclass(frozen=True)
class Performance:
    """One run with what it printed."""

    scene: Scene
    text: str


def perform(out: Path, *, width: int = 100, seed: int = 1) -> Performance:
    output = io.StringIO()
    stage = Stage(Console(file=output, width=width), Console(file=io.StringIO()))
    scene = run_demo(DemoOptions(out, ACCOUNTS, seed), fastest_backend(), stage)
    return Performance(scene, output.getvalue())


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Performance:
    return perform(tmp_path_factory.mktemp("demo") / "run")


# The book.


@pytest.fixture(scope="module")
def book() -> DemoBook:
    return make_book(3_000, seed=5)


def test_same_seed_same_book_other_seed_other_book() -> None:
    assert make_book(100, 3).to_csv() == make_book(100, 3).to_csv()
    assert make_book(100, 3).to_csv() != make_book(100, 4).to_csv()


@pytest.mark.parametrize("count", [MINIMUM_ACCOUNTS - 1, MAXIMUM_ACCOUNTS + 1])
def test_number_of_accounts_is_bounded(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} accounts are not"):
        make_book(count, 1)


def test_ids_are_distinct_and_as_many_as_asked_for(book: DemoBook) -> None:
    assert len(set(book.ids)) == len(book.ids) == len(book.accounts) == 3_000


@pytest.mark.parametrize("seed", range(6))
def test_every_account_stays_solvent_at_published_prices(seed: int) -> None:
    values = make_book(400, seed).net_values()
    assert min(values) >= 0
    assert sum(value == 0 for value in values) == make_book(400, seed).empty_count


def test_every_account_stays_solvent_under_stress(book: DemoBook) -> None:
    units = [10**item.decimals for item in book.market.instruments]
    for move, factor in STRESS:
        prices = book.market.shocked_prices(move, factor)
        worst = min(sum(a / units[c] * prices[c] for c, a in account.items()) for account in book.accounts)
        assert worst >= 0


def test_derivatives_net_to_zero_and_money_does_not(book: DemoBook) -> None:
    traded = book.market.columns(Kind.PERPETUAL, Kind.COST, Kind.CALL, Kind.PUT)
    totals = book.totals()
    assert [totals[column] for column in traded] == [0] * len(traded)
    assert all(totals[column] > 0 for column in book.market.columns(Kind.SPOT, Kind.STABLE))


def test_every_kind_of_position_is_there_long_and_short(book: DemoBook) -> None:
    for column in range(len(book.assets)):
        amounts = [account[column] for account in book.accounts if column in account]
        assert min(amounts) < 0 < max(amounts) or book.assets[column].id in ("XRP", "DOGE")
    assert min(book.empty_count, book.borrower_count, book.derivatives_count) > 100


def test_sizes_are_heavy_tailed(book: DemoBook) -> None:
    values = sorted(book.net_values())
    assert sum(values[-30:]) > 0.3 * sum(values)
    assert values[len(values) // 2] < sum(values) / len(values) / 3


def test_amounts_and_totals_fit(book: DemoBook) -> None:
    assert all(0 < abs(a) < AMOUNT_LIMIT for account in book.accounts for a in account.values())
    assert all(abs(total) < AMOUNT_LIMIT for total in book.totals())


def test_a_perpetual_has_its_cost_and_a_cost_its_perpetual(book: DemoBook) -> None:
    for column in book.market.columns(Kind.PERPETUAL):
        assert book.assets[column + 1].id == f"{book.assets[column].id}:quote"
        customers = [account for account in book.accounts if column in account or column + 1 in account]
        assert all(column in account and column + 1 in account for account in customers)


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (-150_000_000, 8, "-1.5"),
        (1_234_567, 0, "1234567"),
        (1, 6, "0.000001"),
        (10, 1, "1"),
        (-5, 2, "-0.05"),
    ],
)
def test_decimal_text(amount: int, decimals: int, text: str) -> None:
    assert decimal_text(amount, decimals) == text


def test_the_export_reads_back_as_the_book(book: DemoBook, tmp_path: Path) -> None:
    export = tmp_path / "accounts.csv"
    export.write_text(book.to_csv())
    (tmp_path / "assets.json").write_bytes(book.assets_json())
    report = import_book("generic-long", [export], tmp_path / "book", assets=tmp_path / "assets.json")
    assert (report.accounts_accepted, report.positions) == (3_000, book.position_count)


# The market.


def test_market_document_is_canonical_and_prices_every_asset_exactly() -> None:
    market = demo_market()
    data = market.to_bytes()
    document = parse_price_document(data)
    assert canonical_json(parse_json(data)) == data
    assert [document.prices.unit_value(asset) for asset in market.assets] == market.unit_values()
    assert min(market.unit_values()) > 0
    assert len(document.prices.prices) == len(market.instruments) == 23


def test_black_76_against_a_published_value_and_parity() -> None:
    # J. Hull, "Options, Futures, and Other Derivatives", the futures option of the chapter on Black's model:
    # F = K = 20, four months, 25 %, 9 % interest: the put is worth 1.12 after discounting.
    put = black_76(20, 20, 4 / 12, 0.25, call=False)
    assert round(put * math.exp(-0.09 * 4 / 12), 2) == 1.12
    call = black_76(80, 70, 0.5, 0.6, call=True)
    assert call - black_76(80, 70, 0.5, 0.6, call=False) == pytest.approx(10)


def test_a_shock_moves_coins_and_leaves_stablecoins_and_costs() -> None:
    market = demo_market()
    down = dict(zip(market.assets.ids, market.shocked_prices(-0.2, 1.0), strict=True))
    assert down["BTC"] == pytest.approx(0.8 * 76420.5)
    assert (down["USDT"], down["BTC-PERP:quote"]) == (1.0, 1.0)
    flat = dict(zip(market.assets.ids, market.shocked_prices(0.0, 1.0), strict=True))
    assert down["BTC-25DEC26-80000-C"] < flat["BTC-25DEC26-80000-C"]
    assert down["BTC-25DEC26-60000-P"] > flat["BTC-25DEC26-60000-P"]
    for instrument in market.instruments:
        assert flat[instrument.id] == pytest.approx(float(instrument.price), abs=0.006)


# The run.


def test_a_run_checks_three_different_accounts_and_refuses_every_attempt(shown: Performance) -> None:
    assert len({opening.account for opening in shown.scene.opened}) == len(shown.scene.checked) == 3
    assert [(r.attempt, r.check) for r in shown.scene.refusals] == [
        (attempt.name, attempt.expected.value) for attempt in ATTEMPTS
    ]


def test_the_attempts_cover_everybody_who_checks() -> None:
    assert {attempt.expected for attempt in ATTEMPTS} == {
        Check.BUNDLE_DIGESTS,
        Check.BUNDLE_ROOT_HASH,
        Check.BUNDLE_ISSUER,
        Check.OPENING_ROOT,
        Check.OPENING_COMMITMENT,
        Check.OPENING_ACCOUNT,
        Check.OPENING_TAG,
        PrivateRefusal.PROVE,
        Check.CLAIM_STATEMENT,
        Check.CLAIM_PROOFS,
        PrivateRefusal.PROVE_SOLVENCY,
        Check.SOLVENCY_PROOF,
        Check.CERTIFICATE_AUDIENCE,
        Check.CERTIFICATE_PROOF,
    }


def test_every_step_has_a_heading_and_a_time(shown: Performance) -> None:
    for number, step in enumerate(STEPS, start=1):
        assert f"{number} of {len(STEPS)}  {step.title}" in shown.text
    assert shown.text.count("Done ") == len(STEPS) == len(shown.scene.seconds)


def _by_level(shown: Performance) -> dict[Level, str]:
    by_level: dict[Level, str] = {}
    for finding in shown.scene.findings:
        by_level[finding.level] = by_level.get(finding.level, "") + f"{finding.subject}: {finding.text}; "
    return by_level


def test_the_closing_table_says_what_is_proven_and_what_not(shown: Performance) -> None:
    by_level = _by_level(shown)
    assert set(by_level) == set(Level)
    for subject in ("Every account", "Margin", "Reserves", "One account", "Margin of one account"):
        assert f"{subject}: " in by_level[Level.PROVEN]
    for subject in ("Capital", "Balanced book", "New prices", "Top-up", "Insurance fund"):
        assert f"{subject}: " in by_level[Level.PROVEN]
    for subject in ("Other markets", "One book for everybody", "Who is in the sum", "The top-up as paid"):
        assert f"{subject}: " in by_level[Level.NOT_PROVEN]
    assert "The reserves themselves: " in by_level[Level.CLAIMED]
    assert "every total" in by_level[Level.HIDDEN]


def test_the_closing_table_calls_proven_only_what_the_verifier_does(shown: Performance) -> None:
    verified = bundle_report(shown.scene.verified).findings
    # A margin model has a line for each of its conditions.
    proven = dict.fromkeys(finding.subject for finding in verified if finding.level is Level.PROVEN)
    assert list(proven) == [
        "Every account (accounts)",
        "Every account (margin)",
        "Stated reserves (solvency)",
    ]
    assert not [finding.subject for finding in verified if finding.level is Level.NOT_PROVEN]
    assert Check.CERTIFICATE_PROOF in {attempt.expected for attempt in ATTEMPTS}


def test_the_auditor_insists_on_model_and_prices_and_the_lender_on_everything(shown: Performance) -> None:
    names = [claim.claim.name for claim in shown.scene.verified.claims if claim.documents_expected]
    assert names == ["accounts", "margin"]
    expected = shown.scene.certified.expected
    assert expected.audience == holder_steps.AUDIENCE
    assert expected.documents.model == shown.scene.space.statement.read_bytes()
    assert expected.documents.market == shown.scene.space.market.read_bytes()


@pytest.mark.parametrize("width", [80, 100])
def test_text_fits_the_terminal_and_has_no_control_characters(width: int, tmp_path: Path) -> None:
    out = Path("out") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        text = perform(out, width=width).text
    assert max(map(len, text.splitlines())) <= width
    assert all(character.isprintable() or character == "\n" for character in text)


def test_nothing_secret_is_in_the_bundle(shown: Performance) -> None:
    scene = shown.scene
    published = b"".join(judges.contents(scene.space.bundle).values())
    published += scene.space.certificate.read_bytes() + scene.space.margin_certificate.read_bytes()
    for opening in scene.opened:
        secrets = [
            opening.account.encode(),
            opening.salt,
            opening.salt.hex().encode(),
            opening.blinding.to_bytes(32, "big"),
            opening.blinding.to_bytes(32, "big").hex().encode(),
            *(
                str(position.amount).encode()
                for position in opening.positions
                if abs(position.amount) > 10**5
            ),
        ]
        assert not [secret for secret in secrets if secret in published]


def test_private_files_are_for_their_owner_alone(shown: Performance) -> None:
    space = shown.scene.space
    private = [space.accounts, space.margins, space.vault / "issuer.key", *space.openings.iterdir()]
    desk, venue = space.risk.desk, space.risk.venue
    private += [space.risk.report, *space.risk.figures.iterdir(), desk.accounts, desk.closes]
    private += [venue.accounts, venue.opening, venue.transfers]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in private)


_MAKERS = {"init", "import", "commit", "prove", "prove-solvency", "open", "certify", "margin"}


def _elsewhere(command: ShownCommand, space: Workspace, folder: Path) -> list[str]:
    """The arguments of a command that makes something, with `folder` in place of the demonstration's."""
    return [word.replace(str(space.folder), str(folder)) for word in command.words[1:]]


def _give_what_the_commands_start_from(space: Workspace, folder: Path) -> None:
    public = (
        space.assets,
        space.market,
        space.model,
        space.reserves,
        space.margin_model,
        space.margin_market,
    )
    for path in (space.accounts, space.statement, *public):
        shutil.copy(path, folder)
    _give_what_the_risk_desk_starts_from(space, folder)
    exports = [f"{name}/accounts.csv" for name in ("left-out", "short-account", "short-margin")]
    for name in (*exports, "too-little/reserves.json"):
        (folder / "cheating" / name).parent.mkdir(parents=True)
        shutil.copy(space.cheating / name, folder / "cheating" / name)


def _give_what_the_risk_desk_starts_from(space: Workspace, folder: Path) -> None:
    desk, venue = space.risk.desk, space.risk.venue
    of_desk = (desk.accounts, desk.assets, desk.market, desk.closes, desk.loss_model)
    of_greeks = (desk.greeks_model, desk.greeks_market)
    of_venue = (venue.accounts, venue.assets, venue.noon, venue.drop, venue.crash, venue.margin)
    of_crash = (venue.policy, venue.buffer, venue.insured, venue.small_fund, venue.fund)
    for path in (*of_desk, *of_greeks, *of_venue, *of_crash):
        copied = folder / path.relative_to(space.folder)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)


def test_the_commands_shown_do_what_the_text_says(shown: Performance, tmp_path: Path) -> None:
    space, copied = shown.scene.space, tmp_path / "cheating" / "too-little" / "bundle"
    _give_what_the_commands_start_from(space, tmp_path)
    codes = set()
    for command in shown.scene.stage.commands:
        if _address_in(command) or str(space.fetched) in command.words:
            continue  # of the service: see the next test
        program, name = command.words[:2]
        assert program == "sealedbook"
        arguments = list(command.words[1:])
        if name in _MAKERS or not any("cheating" in word for word in arguments):
            # Altered copies exist only where the demonstration made them; everything else is made anew.
            arguments = _elsewhere(command, space, tmp_path)
        if str(copied) in arguments:
            shutil.copytree(tmp_path / "bundle", copied)
        outcome = CliRunner().invoke(app, arguments)
        assert outcome.exit_code == command.exit_code, (arguments, outcome.output)
        codes.add(int(command.exit_code))
    assert codes == {ExitCode.ACCEPTED, ExitCode.REJECTED, ExitCode.REFUSED_INPUT}
    for path in (space.risk.desk.with_history, space.risk.desk.loss_market, space.risk.venue.transfers):
        assert (tmp_path / path.relative_to(space.folder)).read_bytes() == path.read_bytes()
    assert not (tmp_path / "risk" / "venue" / "before.json").exists(), "refused, so nothing was written"


def _address_in(command: ShownCommand) -> str | None:
    return next((word for word in command.words if word.startswith("http://")), None)


def test_the_commands_of_the_service_do_what_the_text_says(shown: Performance, tmp_path: Path) -> None:
    """Against the service as the demonstration left it, which has stopped and is started again."""
    scene, fetched = shown.scene, shown.scene.space.fetched
    commands = [
        command for command in scene.stage.commands if _address_in(command) or str(fetched) in command.words
    ]
    assert [command.words[1] for command in commands] == [
        "publish",
        "check",
        "fetch",
        "verify",
        "check",
        "monitor",
    ]
    with DemoService(scene.space.service).running(scene.engine.name) as url:
        for command in commands:
            arguments = [
                url if word == _address_in(command) else word.replace(str(fetched), str(tmp_path / "fetched"))
                for word in command.words[1:]
            ]
            arguments = [word.replace(str(tmp_path / "fetched-opening"), str(scene.space.folder / "fetched-opening"))
                         for word in arguments]  # fmt: skip
            outcome = CliRunner().invoke(app, arguments)
            assert outcome.exit_code == command.exit_code, (arguments, outcome.output)
    assert (tmp_path / "fetched" / "leaves.bin").is_file()


def test_a_demonstration_says_how_to_look_at_its_service(shown: Performance) -> None:
    output = io.StringIO()
    stage = Stage(Console(file=output, width=140), Console(file=io.StringIO()))
    settings = tell_what_is_there(shown.scene.space.folder, stage, 8080)
    assert settings == shown.scene.space.service / "service.toml"
    for text in (
        "http://127.0.0.1:8080/",
        shown.scene.verified.attestation.book.digest().hex(),
        shown.scene.issuer_key.hex(),
    ):
        assert text in output.getvalue()


def test_a_service_that_was_never_published_to_is_not_kept_up(tmp_path: Path) -> None:
    with pytest.raises(DemoFolderError, match="holds no demonstration that published"):
        tell_what_is_there(tmp_path, Stage(Console(quiet=True), Console(quiet=True)), 8080)


def test_the_exchange_alone_is_told_who_is_short_and_by_how_much(shown: Performance) -> None:
    details = {refusal.attempt: refusal.detail for refusal in shown.scene.refusals}
    account = shown.scene.opened[0].account
    short = re.search(rf"account '{account}': net value: -([\d,]+) \(short by \1\)", details["short-account"])
    assert short is not None
    assert 0 < int(short[1].replace(",", "")) <= 10**5, "at most one base unit of USDT"
    assert "BTC: " in details["too-little"]
    assert "short by 0.00000001" in details["too-little"]
    assert details["short-account"].splitlines()[0] in shown.text
    trader = shown.scene.opened[-1].account
    margin = re.search(
        rf"account '{trader}': margin: short by ([\d.]+) USDT; equity [\d,.]+ USDT, requirement [\d,.]+ USDT, "
        "worst scenario [A-Z]+: ",
        details["short-margin"],
    )
    assert margin is not None
    assert 0 < float(margin[1]) <= 1e-6, "at most one base unit of USDT"


# Margin.


def test_every_account_of_a_book_has_enough_margin_after_its_margin_calls(book: DemoBook) -> None:
    made = with_enough_margin(book)
    assert 0 < (~evaluate_margins(book, book.accounts).sufficient).sum() < len(book.accounts) / 10
    assert evaluate_margins(made, made.accounts).sufficient.all()
    cash = made.assets.index("USDT")
    for before, after in zip(book.accounts, made.accounts, strict=True):
        assert after == before or after == {**before, cash: after[cash]}
        assert after.get(cash, 0) >= before.get(cash, 0)


def test_one_unit_short_is_one_unit_short(book: DemoBook) -> None:
    made = with_enough_margin(book)
    account = next(account for account in made.accounts if account)
    short = short_by_one(made, account)
    cash = made.assets.index("USDT")
    enough = {**short, cash: short.get(cash, 0) + 1}
    assert evaluate_margins(made, [short, enough]).sufficient.tolist() == [False, True]


def test_the_margin_market_has_every_asset_at_its_published_price(shown: Performance) -> None:
    made, space = shown.scene.made, shown.scene.space
    document = parse_market(space.margin_market.read_bytes())
    assert document.to_bytes() == margin_market(made.market).to_bytes()
    assert document.risk_array is not None
    entries = zip(made.market.instruments, document.risk_array.values.tolist(), strict=True)
    for (instrument, entry), unit in zip(entries, made.market.unit_values(), strict=True):
        assert entry == unit if not instrument.is_option else abs(entry - unit) <= unit / 100
    assert (space.bundle / "model-margin.json").read_bytes() == margin_model()
    assert (space.bundle / "market-margin.json").read_bytes() == space.margin_market.read_bytes()


def test_a_book_that_is_short_of_margin_fails_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_steps, "with_enough_margin", lambda made: _impoverished(made))
    with pytest.raises(DemoFailedError, match="1 accounts of the made-up book are short of margin"):
        perform(tmp_path / "demo")


def _impoverished(made: DemoBook) -> DemoBook:
    accounts = list(with_enough_margin(made).accounts)
    place = next(place for place, account in enumerate(accounts) if account)
    accounts[place] = short_by_one(made, accounts[place])
    return replace(made, accounts=tuple(accounts))


# Documents.


def test_the_model_is_about_every_position_and_the_value_of_all(shown: Performance) -> None:
    statement = shown.scene.verified.claims[0].statement
    assert (shown.scene.space.bundle / "model.json").read_bytes() == MODEL
    labels = [row.label for row in statement.rows]
    assert labels == ["net value", *(f"{asset.id} bounded" for asset in shown.scene.made.assets)]


@pytest.mark.parametrize("seed", range(3))
def test_a_holders_thresholds_are_true_and_round(seed: int) -> None:
    book = make_book(60, seed)
    units = book.market.unit_values()
    for account in book.accounts:
        if not account:
            continue
        at_least, worth = json.loads(HolderStatement(book, account).document)["models"]
        column = book.assets.index(at_least["asset"])
        held = account[column] / 10 ** book.assets[column].decimals
        value = sum(amount * units[place] for place, amount in account.items()) / 10**book.market.prices.scale
        assert held / 10 <= float(at_least["amount"]) <= held
        assert value / 10 <= float(worth["value"]) <= value
        assert len(at_least["amount"].strip("0.")) == len(worth["value"].strip("0.")) == 1


def test_reserves_are_a_little_above_what_is_owed_and_nothing_for_contracts(book: DemoBook) -> None:
    made = reserves_of(book)
    contracts = set(book.market.columns(Kind.PERPETUAL, Kind.COST, Kind.CALL, Kind.PUT))
    for column, (entry, total) in enumerate(zip(made.assets, book.totals(), strict=True)):
        assert entry.asset == book.assets[column]
        if column in contracts:
            assert entry.total == total == 0
        else:
            assert 1.005 * total <= entry.total <= 1.035 * total


def reserves_of(book: DemoBook, seed: int = 1) -> Reserves:
    return Reserves.parse(reserves.make_reserves(book, seed, "Exchange", bytes(32)), tuple(book.assets))


def test_reserves_cover_books_that_owe_less_than_nothing_of_an_asset(book: DemoBook) -> None:
    account = {book.assets.index("BTC"): -1}
    entries = reserves_of(replace(book, ids=("U1",), accounts=(account,))).assets
    assert {entry.total for entry in entries} == {0}


def test_addresses_sign_for_this_book(book: DemoBook) -> None:
    pytest.importorskip("eth_account")
    found = [find_ownership(address, bytes(32)) for address in reserves_of(book).addresses()]
    assert found == [Ownership.SIGNED, Ownership.SIGNED, Ownership.SIGNED, Ownership.UNSIGNED]


def test_without_eth_account_no_address_is_signed(
    book: DemoBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "eth_account", None)
    assert not any(address.signature for address in reserves_of(book).addresses())
    performance = perform(tmp_path / "demo")
    assert "of which 0 sign" in performance.text
    assert "Addresses: " not in _by_level(performance)[Level.SIGNED]


def test_a_certificate_that_holds_a_secret_fails_the_demonstration(
    shown: Performance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = shown.scene.opened[-1].account
    monkeypatch.setattr(holder_steps, "AUDIENCE", f"for {account}")
    with pytest.raises(DemoFailedError, match="holds a secret: account id"):
        perform(tmp_path / "demo")


@pytest.mark.parametrize(
    ("words", "width", "lines"),
    [
        (["sealedbook", "verify", "a b"], 80, ["$ sealedbook verify 'a b'"]),
        (
            ["sealedbook", "commit", "book", "--out", "bundle", "--vault", "vault"],
            34,
            ["$ sealedbook commit book \\", "     --out bundle --vault vault"],
        ),
    ],
)
def test_commands_wrap_between_options(words: list[str], width: int, lines: list[str]) -> None:
    assert wrap_command(words, width) == lines


# Failing loudly.


_JUDGES = (
    "verify_bundle",
    "verify_opening_in_bundle",
    "verify_certificate_in_bundle",
    "prove_book",
    "prove_solvency",
)


def test_a_verifier_that_accepts_everything_fails_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judges, "verify_bundle", lambda *_, **__: None)
    with pytest.raises(DemoFailedError, match="was NOT refused"):
        perform(tmp_path / "demo")


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_each_attempt_fails_where_it_is_not_refused(
    attempt: Attempt, shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for judge in _JUDGES:
        monkeypatch.setattr(judges, judge, lambda *_, **__: None)
    with pytest.raises(DemoFailedError, match=f"{attempt.name} was NOT refused"):
        run_attempt(_ready_for(attempt, shown, tmp_path / "copy"), attempt)


def _attempt(name: str) -> Attempt:
    return next(attempt for attempt in ATTEMPTS if attempt.name == name)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("altered-leaf", InsufficientReservesError(())),
        ("too-little", StatementFailsError((), 1)),
    ],
)
def test_a_refusal_to_prove_for_another_reason_fails(
    name: str, error: Exception, shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(judges, "verify_bundle", refuse)
    monkeypatch.setattr(judges, "prove_solvency", refuse)
    attempt = _attempt(name)
    with pytest.raises(DemoFailedError, match=f"{name} could not be proven"):
        run_attempt(_ready_for(attempt, shown, tmp_path / "copy"), attempt)


@pytest.mark.parametrize("name", ["short-account", "short-margin", "too-little"])
def test_a_bundle_that_changes_although_nothing_is_proven_fails(
    name: str, shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def write_and_refuse(bundle: Path, *_: object, **__: object) -> None:
        (bundle / "failures.txt").write_text("private")
        raise StatementFailsError((), 1)

    monkeypatch.setattr(judges, "prove_book", write_and_refuse)
    monkeypatch.setattr(judges, "prove_solvency", write_and_refuse)
    attempt = _attempt(name)
    with pytest.raises(DemoFailedError, match="was changed although nothing could be proven"):
        run_attempt(_ready_for(attempt, shown, tmp_path / "copy"), attempt)


def test_a_refusal_by_another_check_fails(
    shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise VerificationError(Check.BUNDLE_FILES, "something else")

    monkeypatch.setattr(judges, "verify_bundle", refuse)
    with pytest.raises(DemoFailedError, match="was refused by B1-files, not by B6-digests"):
        run_attempt(_ready_for(ATTEMPTS[0], shown, tmp_path / "copy"), ATTEMPTS[0])


def test_a_bundle_that_left_an_account_out_has_to_be_whole(
    shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise VerificationError(Check.BUNDLE_ROOT_HASH, "something else")

    monkeypatch.setattr(judges, "verify_bundle", refuse)
    left_out = _attempt("left-out")
    with pytest.raises(DemoFailedError, match="should be whole in itself"):
        run_attempt(_ready_for(left_out, shown, tmp_path / "copy"), left_out)


def _ready_for(attempt: Attempt, shown: Performance, folder: Path) -> Scene:
    """The scene in a copy of its folder, before `attempt` was made."""
    shutil.copytree(shown.scene.space.folder, folder)
    scene = copy.copy(shown.scene)
    scene.space = Workspace(folder)
    scene.stage = Stage(Console(quiet=True), Console(quiet=True))
    scene.vault = Vault.open(scene.space.vault)
    shutil.rmtree(scene.space.cheating / attempt.name)
    shutil.rmtree(scene.space.cheating / "impostor-vault")
    return scene


# The folder.


def test_running_again_replaces_what_was_made_and_nothing_else(tmp_path: Path) -> None:
    first = perform(tmp_path / "demo")
    (tmp_path / "demo" / "notes.txt").write_text("mine")
    second = perform(tmp_path / "demo")
    assert (tmp_path / "demo" / "notes.txt").read_text() == "mine"
    digests = {run.scene.verified.attestation.book.digest() for run in (first, second)}
    assert len(digests) == 2, "sealed with fresh secrets"


@pytest.mark.parametrize("name", ["bundle", "accounts.csv", "holiday.jpg"])
def test_a_folder_that_is_not_ours_is_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(DemoFolderError, match="not of an earlier demonstration"):
        Workspace.prepare(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "precious")]


def test_a_marker_with_other_contents_does_not_count(tmp_path: Path) -> None:
    (tmp_path / MARKER_NAME).write_text("")
    with pytest.raises(DemoFolderError, match="not of an earlier demonstration"):
        Workspace.prepare(tmp_path)


def test_files_and_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(DemoFolderError, match="is not a folder"):
            Workspace.prepare(tmp_path / name)


def test_a_link_inside_is_removed_but_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("")
    space = Workspace.prepare(tmp_path / "demo")
    space.bundle.symlink_to(elsewhere)
    Workspace.prepare(tmp_path / "demo")
    assert (elsewhere / "precious").exists()
    assert not space.bundle.is_symlink()


# The command.


def _invoke(*arguments: object) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["demo", *map(str, arguments)])
    return outcome.exit_code, outcome.output


def test_the_command_prints_a_summary_for_programs(tmp_path: Path) -> None:
    code, output = _invoke(
        "--out", tmp_path / "demo", "--accounts", 20, "--backend", fastest_backend().name, "--json"
    )
    summary = json.loads(output)
    assert code == ExitCode.ACCEPTED
    assert (summary["format"], summary["result"], summary["accounts"]) == ("sealedbook/demo/v1", "passed", 20)
    assert [refusal["check"] for refusal in summary["refusals"]] == [a.expected.value for a in ATTEMPTS]
    files = judges.contents(tmp_path / "demo" / "bundle")
    assert summary["accounts_proof"]["bytes"] == len(files["proofs/accounts-000000.narg"])
    assert summary["margin_proof"]["bytes"] == len(files["proofs/margin-000000.narg"])
    assert summary["solvency_proof"]["bytes"] == len(files["proofs/solvency.narg"])
    assert summary["certificate"]["bytes"] == (tmp_path / "demo" / "certificate.json").stat().st_size
    risk, folder = summary["risk"], tmp_path / "demo" / "risk"
    assert Path(risk["page"]).is_file()
    assert sorted(risk["figures"]) == sorted(path.name for path in (folder / "figures").iterdir())
    assert risk["expected_shortfall"]["proof_bytes"] == sum(
        path.stat().st_size for path in (folder / "desk" / "bundle" / "proofs").glob("capital-*.narg")
    )
    assert risk["top_up"]["bytes"] == (folder / "venue" / "top-up.json").stat().st_size


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_fails_loudly(as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "verify_bundle", lambda *_, **__: None)
    options = ["--out", tmp_path / "demo", "--accounts", 20, "--backend", fastest_backend().name]
    code, output = _invoke(*options, *(["--json"] if as_json else []))
    assert code == ExitCode.INTERNAL
    if as_json:
        assert json.loads(output)["result"] == "failed"
    else:
        assert "THE DEMONSTRATION FAILED" in output
        assert "PASSED" not in output
    assert "altered-leaf was NOT refused" in output


def test_the_command_refuses_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("precious")
    code, output = _invoke("--out", tmp_path, "--accounts", 20, "--backend", fastest_backend().name)
    assert code == ExitCode.REFUSED_INPUT
    assert "not of an earlier demonstration" in " ".join(output.split())
