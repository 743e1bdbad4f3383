"""The demonstration: its book, its market, its steps, what it says, and that it fails loudly."""

from __future__ import annotations

import copy
import io
import json
import math
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from sealing_support import fastest_backend
from typer.testing import CliRunner

from circuits.prices import parse_price_document
from primitives.parameters import AMOUNT_LIMIT
from primitives.strict_json import canonical_json, parse_json
from prover.book import import_book
from sealedbook.__main__ import app
from sealedbook.demo import cheating
from sealedbook.demo.book import MAXIMUM_ACCOUNTS, MINIMUM_ACCOUNTS, STRESS, DemoBook, decimal_text, make_book
from sealedbook.demo.cheating import ATTEMPTS, run_attempt
from sealedbook.demo.errors import DemoFailedError, DemoFolderError
from sealedbook.demo.market import Kind, black_76, demo_market
from sealedbook.demo.run import run_demo
from sealedbook.demo.scene import DemoOptions, Scene
from sealedbook.demo.stage import Stage, wrap_command
from sealedbook.demo.steps import STEPS
from sealedbook.demo.workspace import MARKER_NAME, Workspace
from sealedbook.output import ExitCode
from verifier.checks import Check, VerificationError
from verifier.report import Level

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


def test_the_attempts_cover_the_auditor_and_the_holder() -> None:
    assert {attempt.expected for attempt in ATTEMPTS} == {
        Check.BUNDLE_DIGESTS,
        Check.BUNDLE_ROOT_HASH,
        Check.BUNDLE_ISSUER,
        Check.OPENING_ROOT,
        Check.OPENING_COMMITMENT,
        Check.OPENING_ACCOUNT,
        Check.OPENING_TAG,
    }


def test_every_step_has_a_heading_and_a_time(shown: Performance) -> None:
    for number, step in enumerate(STEPS, start=1):
        assert f"{number} of {len(STEPS)}  {step.title}" in shown.text
    assert shown.text.count("Done ") == len(STEPS) == len(shown.scene.seconds)


def test_the_closing_table_says_what_is_not_proven(shown: Performance) -> None:
    by_level: dict[Level, str] = {}
    for finding in shown.scene.findings:
        by_level[finding.level] = by_level.get(finding.level, "") + f"{finding.subject}: {finding.text}; "
    assert set(by_level) == set(Level)
    assert "no zero-knowledge proof" in by_level[Level.PROVEN]
    for subject in ("No account is negative", "Margin", "Reserves"):
        assert subject in by_level[Level.NOT_PROVEN]
    assert "not yet proven" in shown.text


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
    published = b"".join(path.read_bytes() for path in scene.space.bundle.iterdir())
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
    private = [space.accounts, space.vault / "issuer.key", *space.openings.iterdir()]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in private)


def _commands(scene: Scene) -> Iterator[tuple[list[str], int]]:
    """Every command shown, without the program's name, and the exit code that the text promises."""
    cheats = str(scene.space.cheating)
    for program, *arguments in scene.stage.commands:
        assert program == "sealedbook"
        refused = any(argument.startswith(cheats) for argument in arguments)
        whole = arguments[0] == "verify" and arguments[1].endswith("/left-out")
        yield arguments, ExitCode.REJECTED if refused and not whole else ExitCode.ACCEPTED


def test_the_commands_shown_do_what_the_text_says(shown: Performance, tmp_path: Path) -> None:
    space = shown.scene.space
    for path in (space.accounts, space.assets):
        shutil.copy(path, tmp_path)
    codes = set()
    for arguments, expected in _commands(shown.scene):
        altered = any("cheating" in argument for argument in arguments)
        again = [argument.replace(str(space.folder), str(tmp_path)) for argument in arguments]
        # Altered copies exist only where the demonstration made them; everything else is made anew.
        outcome = CliRunner().invoke(app, arguments if altered else again)
        assert outcome.exit_code == expected, (arguments, outcome.output)
        codes.add(int(expected))
    assert codes == {0, 1}


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


@pytest.mark.parametrize("verifier", ["verify_bundle", "verify_opening_in_bundle"])
def test_a_verifier_that_accepts_everything_fails_the_demonstration(
    verifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cheating, verifier, lambda *_, **__: None)
    with pytest.raises(DemoFailedError, match="was NOT refused"):
        perform(tmp_path / "demo")


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_each_attempt_fails_where_it_is_not_refused(
    attempt: cheating.Attempt, shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cheating, "verify_bundle", lambda *_, **__: None)
    monkeypatch.setattr(cheating, "verify_opening_in_bundle", lambda *_, **__: None)
    with pytest.raises(DemoFailedError, match=f"{attempt.name} was NOT refused"):
        run_attempt(_ready_for(attempt, shown, tmp_path / "copy"), attempt)


def test_a_refusal_by_another_check_fails(
    shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise VerificationError(Check.BUNDLE_FILES, "something else")

    monkeypatch.setattr(cheating, "verify_bundle", refuse)
    with pytest.raises(DemoFailedError, match="was refused by B1-files, not by B6-digests"):
        run_attempt(_ready_for(ATTEMPTS[0], shown, tmp_path / "copy"), ATTEMPTS[0])


def test_a_bundle_that_left_an_account_out_has_to_be_whole(
    shown: Performance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise VerificationError(Check.BUNDLE_ROOT_HASH, "something else")

    monkeypatch.setattr(cheating, "verify_bundle", refuse)
    left_out = next(attempt for attempt in ATTEMPTS if attempt.name == "left-out")
    with pytest.raises(DemoFailedError, match="should be whole in itself"):
        run_attempt(_ready_for(left_out, shown, tmp_path / "copy"), left_out)


def _ready_for(attempt: cheating.Attempt, shown: Performance, folder: Path) -> Scene:
    """The scene in a copy of its folder, before `attempt` was made."""
    shutil.copytree(shown.scene.space.folder, folder)
    scene = copy.copy(shown.scene)
    scene.space = Workspace(folder)
    scene.stage = Stage(Console(quiet=True), Console(quiet=True))
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


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_fails_loudly(as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cheating, "verify_bundle", lambda *_, **__: None)
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
