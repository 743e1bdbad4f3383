"""The risk steps of the demonstration: books, what is shown, figures, page, and that they fail loudly."""

from __future__ import annotations

import html
import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from rich.console import Console
from sealing_support import fastest_backend

from circuits.book_statement import compile_book, find_breaches
from primitives.amounts_text import plain_amount
from prover.rebalancing.rebalance import rebalance as true_rebalance
from prover.vault import Vault
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.risk import balance, capital, insurance, page, remark, top_up
from sealedbook.demo.risk.closing import risk_proven
from sealedbook.demo.risk.desk import LIMITS, OVERLAY, Desk, greeks_of, make_desk
from sealedbook.demo.risk.figures.drawing import WIDTH, Canvas, Figure, Scale, round_step
from sealedbook.demo.risk.record import proven_line
from sealedbook.demo.risk.venue import CRASH, DROP, NOON, TRIGGER, Venue, make_venue
from sealedbook.demo.scene import DemoOptions, Scene
from sealedbook.demo.stage import Stage
from sealedbook.demo.workspace import Workspace
from sealedbook.report.page import content_security_policy
from verifier.findings import Level

ACCOUNTS = 40
STEPS: tuple[Callable[[Scene], None], ...] = (
    capital.prove_capital,
    balance.prove_balance,
    remark.prove_and_remark,
    top_up.top_up,
    insurance.insure,
    page.write_page,
)
NAMES = ["expected-shortfall", "balanced-book", "remark", "top-up", "insurance-fund"]


@dataclass(frozen=True)
class Day:
    """The risk steps alone, with what they printed."""

    scene: Scene
    text: str


def begin(out: Path, seed: int = 1) -> tuple[Scene, io.StringIO]:
    output = io.StringIO()
    stage = Stage(Console(file=output, width=100), Console(file=io.StringIO()))
    scene = Scene(DemoOptions(out, ACCOUNTS, seed), Workspace.prepare(out), stage, fastest_backend())
    scene.vault = Vault.create(scene.space.vault, "Demo Exchange", None)
    return scene, output


def go(out: Path, seed: int = 1, steps: int = len(STEPS)) -> Day:
    scene, output = begin(out, seed)
    for step in STEPS[:steps]:
        step(scene)
    return Day(scene, output.getvalue())


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return go(tmp_path_factory.mktemp("risk") / "run")


# The books.


@pytest.mark.parametrize("accounts", [14, 16, 40, 300])
@pytest.mark.parametrize("seed", range(6))
def test_every_venue_has_one_account_to_call_after_the_drop_and_some_that_are_short_after_the_crash(
    accounts: int, seed: int
) -> None:
    venue = make_venue(accounts, seed)
    assert venue.noon.sufficient.all()
    assert venue.drop.sufficient.all()
    assert max(venue.utilisation(venue.noon)) <= TRIGGER
    pairs = zip(venue.drop.requirement.tolist(), venue.drop.equity.tolist(), strict=True)
    called = [venue.book.ids[place] for place, (r, e) in enumerate(pairs) if r > TRIGGER * e]
    assert called == [venue.called]
    assert min(venue.margins(CRASH).equity.tolist()) < 0
    for column in (2, 3):
        assert sum(account.get(column, 0) for account in venue.book.accounts) == 0, "a short for every long"


@pytest.mark.parametrize("accounts", [14, 16, 200])
@pytest.mark.parametrize("seed", range(4))
def test_every_desk_keeps_what_it_promises(accounts: int, seed: int) -> None:
    desk = make_desk(accounts, 20, seed)
    assert all(abs(line.net) <= line.most for line in balance.greek_lines(desk))
    assert len(desk.book.ids) == len(set(desk.book.ids)) == accounts
    assert desk.book.ids[-1] == OVERLAY


def test_same_seed_same_books() -> None:
    assert make_desk(20, 20, 3).book.to_csv() == make_desk(20, 20, 3).book.to_csv()
    assert make_desk(20, 20, 3).closes_csv() != make_desk(20, 20, 4).closes_csv()
    assert make_venue(20, 3).book.to_csv() == make_venue(20, 3).book.to_csv()
    assert make_venue(20, 3).book.to_csv() != make_venue(20, 4).book.to_csv()


def test_net_greeks_of_the_figure_are_those_of_the_statement(day: Day) -> None:
    """A band that ends at the net holds, and one that ends a unit below it does not: for each limit."""
    desk = day.scene.risk.desk
    scales = {row.greek: row.scale for row in greeks_of(desk.book.assets, desk.snapshot).greeks}
    totals = [
        sum(account.get(column, 0) for account in desk.book.accounts)
        for column in range(len(desk.book.assets))
    ]
    for place, (line, (_, greek, *_)) in enumerate(zip(balance.greek_lines(desk), LIMITS, strict=True)):
        net = round(line.net * 10 ** scales[greek])
        for units, holds in ((net, True), (net - 1, False)):
            document = json.loads(desk.greeks_model)
            limit = document["limits"][place]
            limit["greatest"] = plain_amount(units, scales[greek])
            limit["least"] = plain_amount(units - 10 ** scales[greek], scales[greek])
            document["limits"] = [limit]
            compiled = compile_book(
                json.dumps(document).encode(), desk.greeks_market.to_bytes(), desk.book.assets.assets, 64
            )
            assert (not find_breaches(compiled, totals)) == holds, line.name


def test_tails_by_their_definitions() -> None:
    # 2.5 % of forty days are one day: its loss, and the second largest as Value at Risk.
    assert capital.tail_of([float(each) for each in range(40)]) == (38.0, 39.0)
    # Of 250 days 6.25: (249 + 248 + 247 + 246 + 245 + 244 + 243 / 4) / 6.25
    value_at_risk, shortfall = capital.tail_of([float(each) for each in range(250)])
    assert value_at_risk == 243
    assert shortfall == pytest.approx((249 + 248 + 247 + 246 + 245 + 244 + 243 / 4) / 6.25)
    assert capital.tail_of([-1.0] * 40) == (0.0, 0.0), "a gain is no loss"


# What is said.


def test_each_step_proves_what_it_says(day: Day) -> None:
    sections = day.scene.risk.sections
    assert [section.figure.name for section in sections] == NAMES
    for section in sections:
        assert any(finding.level is Level.PROVEN for finding in section.findings)
        assert section.commands
    assert [finding.level for finding in risk_proven(day.scene)] == [Level.PROVEN] * 5
    assert day.text.count("PROVEN") == 5
    assert day.text.count("REFUSED") == 1


def test_what_is_not_proven_stays_so_on_the_page(day: Day) -> None:
    by_name = {section.figure.name: section for section in day.scene.risk.sections}
    open_lines = {
        name: {finding.subject for finding in by_name[name].findings if finding.level is Level.NOT_PROVEN}
        for name in ("balanced-book", "top-up")
    }
    assert open_lines["balanced-book"] == {"Who is in the sum (balance)"}
    assert {"Whether it happened", "Whose account it is"} <= open_lines["top-up"]


def test_nothing_of_the_books_is_in_what_is_published(day: Day) -> None:
    space = day.scene.space.risk
    folders = (space.desk.bundle, space.venue.bundle, space.venue.filled_bundle)
    published = b"".join(p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file())
    published += space.venue.top_up.read_bytes()
    assert not [account for account in day.scene.risk.venue.book.ids if account.encode() in published]
    assert OVERLAY.encode() not in published
    opening = day.scene.risk.opening
    assert opening.blinding.to_bytes(32, "big") not in published


def test_the_sealed_book_is_that_of_noon_at_the_prices_of_three(day: Day) -> None:
    space = day.scene.space.risk.venue
    market = (space.bundle / "market.json").read_bytes()
    assert market == DROP.document() != NOON.document()


# Figures.

_SVG = "{http://www.w3.org/2000/svg}"


def test_figures_are_svg_files_of_their_own(day: Day) -> None:
    folder = day.scene.space.risk.figures
    assert sorted(path.stem for path in folder.iterdir()) == sorted(NAMES)
    for path in folder.iterdir():
        root = ElementTree.parse(path).getroot()  # noqa: S314 (of our own making)
        assert root.tag == f"{_SVG}svg"
        assert root.findtext(f"{_SVG}title")
        assert root.get("aria-label")
        tags = {element.tag.removeprefix(_SVG) for element in root.iter()}
        assert tags <= {"svg", "title", "style", "rect", "line", "polyline", "circle", "text"}
        classes = {name for element in root.iter() for name in element.get("class", "").split()}
        style = root.findtext(f"{_SVG}style") or ""
        assert all(f".{name} " in style for name in classes - {"plot"}), "every class has a style"


@pytest.mark.parametrize("name", NAMES)
def test_everything_drawn_is_inside_the_figure(name: str, day: Day) -> None:
    root = ElementTree.parse(day.scene.space.risk.figures / f"{name}.svg").getroot()  # noqa: S314
    height = float(root.get("height", "0"))
    for element in root.iter():
        across = [float(element.get(key, "0")) for key in ("x", "x1", "x2", "cx")]
        down = [float(element.get(key, "0")) for key in ("y", "y1", "y2", "cy")]
        if element.tag == f"{_SVG}rect":
            across.append(across[0] + float(element.get("width", "0")))
            down.append(down[0] + float(element.get("height", "0")))
        if element.tag == f"{_SVG}text":
            # About 7.5 pixels for a character at the most.
            length = 7.5 * len(element.text or "")
            share = {"start": 0.0, "middle": 0.5, "end": 1.0}[element.get("text-anchor", "start")]
            across += [across[0] - share * length, across[0] + (1 - share) * length]
        assert min(across) >= -10
        assert max(across) <= WIDTH + 10, ElementTree.tostring(element)
        assert min(down) >= 0
        assert max(down) <= height


def test_one_seed_one_set_of_figures(day: Day, tmp_path: Path) -> None:
    again = go(tmp_path / "again")
    figures = [section.figure.alone() for section in day.scene.risk.sections]
    assert [section.figure.alone() for section in again.scene.risk.sections] == figures
    other = go(tmp_path / "other", seed=2)
    assert all(
        section.figure.alone() != figure
        for section, figure in zip(other.scene.risk.sections, figures, strict=True)
        if section.figure.name != "top-up"  # of one account, which is the same for every seed
    )


def test_figures_show_the_figures(day: Day) -> None:
    by_name = {section.figure.name: section.figure for section in day.scene.risk.sections}
    assert by_name["balanced-book"].inline().count('class="f-dot"') == len(LIMITS) + 1
    short = [each for each in day.scene.risk.venue.margins(CRASH).equity.tolist() if each < 0]
    assert by_name["insurance-fund"].inline().count('class="f-tail"') == len(short)
    assert "2,053.857143 USDT" in day.text
    assert "10,042.86" in by_name["top-up"].inline()


@pytest.mark.parametrize(
    ("least", "step"), [(1.0, 1), (1.1, 2), (2.1, 5), (5.1, 10), (430.0, 500), (0.03, 0.05), (0.1, 0.1)]
)
def test_steps_of_scales_are_round(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)


def test_ticks_lie_on_their_scale() -> None:
    assert Scale(0, 160, 300, 72).ticks() == [0, 50, 100, 150]
    assert Scale(-12_000, 32_000, 0, 100).ticks() == [-10_000, 0, 10_000, 20_000, 30_000]
    assert Scale(10, 20, 0, 100)(15) == 50


def test_words_of_figures_are_escaped_and_numbers_have_minus_signs() -> None:
    canvas = Canvas()
    canvas.text(-0.001, 1.5, "<a> -5 and sub-024")
    assert canvas.shapes == [
        '<text class="f-text" x="0" y="1.5" text-anchor="start">&lt;a&gt; −5 and sub-024</text>'
    ]
    assert 'aria-label="&lt;b&gt; &quot;c&quot;"' in Figure("n", "t", '<b> "c"', 1, ()).inline()


# The page.


def test_the_page_refers_to_nothing_outside_and_runs_nothing(day: Day) -> None:
    text = day.scene.space.risk.report.read_text()
    assert "http:" not in text
    assert "https:" not in text
    assert not re.search(r"<(script|link|iframe|object|embed|img|base|form)\b", text)
    assert not re.search(r"\b(src|srcset|style|on\w+)=", text)
    assert "@import" not in text
    targets = set(re.findall(r'href="([^"]*)"', text))
    anchors = {f"#{name}" for name in re.findall(r'id="([^"]*)"', text)}
    assert targets <= anchors
    assert re.findall(r"url\(([^)]*)\)", text) == ["#hatch"]


def test_the_page_admits_its_own_style_sheet_alone(day: Day) -> None:
    text = day.scene.space.risk.report.read_text()
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert content_security_policy(style).replace("'", "&#39;") in text.replace("'", "&#39;")


def test_the_page_has_every_figure_and_every_finding(day: Day) -> None:
    text = day.scene.space.risk.report.read_text()
    for section in day.scene.risk.sections:
        assert section.figure.inline() in text
        assert section.proven.text[1:] in html.unescape(text)
        for command in section.commands:
            assert command.words[1] in text
    assert text.count('class="badge proven"') >= 5
    assert "private" in text


# Failing loudly.


def _until(out: Path, steps: int) -> Scene:
    return go(out, steps=steps).scene


def test_capital_that_is_too_little_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def poor(count: int, returns: int, seed: int) -> Desk:
        desk = make_desk(count, returns, seed)
        place = next(place for place, account in enumerate(desk.book.accounts) if account.get(0))
        accounts = list(desk.book.accounts)
        accounts[place] = {**accounts[place], 0: 1}
        return replace(desk, book=replace(desk.book, accounts=tuple(accounts)))

    monkeypatch.setattr(capital, "make_desk", poor)
    with pytest.raises(DemoFailedError, match="less capital than its Expected Shortfall"):
        _until(tmp_path / "run", 1)


def test_a_model_that_disagrees_with_its_losses_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capital, "tail_of", lambda losses: (1.0, max(losses)))
    with pytest.raises(DemoFailedError, match=r"the model requires [\d.]+ of sub-\d+, and its losses say"):
        _until(tmp_path / "run", 1)


def test_a_book_beyond_its_bands_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = _until(tmp_path / "run", 1)
    lines = balance.greek_lines(scene.risk.desk)
    monkeypatch.setattr(balance, "greek_lines", lambda _: [replace(lines[0], most=0.0), *lines[1:]])
    with pytest.raises(DemoFailedError, match="beyond what it promises: BTC delta"):
        balance.prove_balance(scene)


def test_a_venue_without_the_call_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def calm(count: int, seed: int) -> Venue:
        venue = make_venue(count, seed)
        place = venue.book.ids.index(venue.called)
        accounts = list(venue.book.accounts)
        accounts[place] = {}
        return replace(venue, book=replace(venue.book, accounts=tuple(accounts)))

    monkeypatch.setattr(remark, "make_venue", calm)
    scene, _ = begin(tmp_path / "run")
    with pytest.raises(DemoFailedError, match="0 accounts are to be topped up at noon and 0 after the drop"):
        remark.prove_and_remark(scene)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene, _ = begin(tmp_path_factory.mktemp("risk") / "marked")
    remark.prove_and_remark(scene)
    return scene


def test_a_crash_that_is_proven_to_be_none_fails(marked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remark, "remark_claims", lambda *_, **__: ())
    with pytest.raises(DemoFailedError, match="accounts without margin were proven to have it"):
        insurance.insure(marked)


def test_a_buffer_that_is_certified_before_the_top_up_fails(
    marked: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top_up, "make_certificate", lambda *_, **__: None)
    marked.space.risk.venue.transfers.unlink(missing_ok=True)
    with pytest.raises(DemoFailedError, match="an account without its buffer was certified to have it"):
        top_up.top_up(marked)


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_top_up_that_is_not_the_smallest_fails(
    difference: int, marked: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = true_rebalance

    def rebalance(*arguments: object, **options: object) -> object:
        result = honest(*arguments, **options)  # type: ignore[arg-type]
        transfer = result.plan.transfers[0]
        amounts = transfer.amounts.copy()
        amounts[amounts > 0] += difference
        transfers = (replace(transfer, amounts=amounts),)
        return replace(result, plan=replace(result.plan, transfers=transfers))

    monkeypatch.setattr(top_up, "rebalance", rebalance)
    marked.space.risk.venue.transfers.unlink(missing_ok=True)
    with pytest.raises(DemoFailedError, match="not the smallest that restores the account"):
        top_up.top_up(marked)


def test_shortfalls_that_are_not_the_true_ones_fail(marked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = SimpleNamespace(short=1, total="5")
    monkeypatch.setattr(insurance, "write_shortfalls", lambda *_, **__: summary)
    with pytest.raises(DemoFailedError, match="shortfalls of 1 accounts are stated"):
        insurance.insure(marked)


def test_a_fund_that_is_too_small_and_covers_fails(marked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insurance, "prove_solvency", lambda *_, **__: None)
    with pytest.raises(DemoFailedError, match="a fund that is too small was proven"):
        insurance.insure(marked)


def test_a_section_of_which_nothing_is_proven_fails(day: Day) -> None:
    findings = day.scene.risk.sections[0].findings
    assert proven_line("Capital", "text", findings).level is Level.PROVEN
    weaker = [replace(finding, level=Level.CLAIMED) for finding in findings]
    with pytest.raises(DemoFailedError, match="nothing is proven of 'Capital'"):
        proven_line("Capital", "text", weaker)


def test_without_jinja2_there_are_figures_and_no_page(
    day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, output = begin(tmp_path / "run")
    scene.risk = day.scene.risk
    page._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    page.write_page(scene)
    page._environment.cache_clear()
    assert "none: jinja2 is not installed" in output.getvalue()
    assert not scene.space.risk.report.exists()
    assert len(list(scene.space.risk.figures.iterdir())) == len(NAMES)
