"""README and guides: their commands run and print what is quoted, their links resolve, their tables are complete.

A block marked ``console`` holds commands after ``$ `` and, below each, what it prints. Blocks of one page run in
order in one folder. Of the output, quoted lines have to appear in this order; ``…`` stands for anything, runs of
blanks count as one. A command has to succeed unless ``$ echo $?`` follows with its exit code.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sealing_support import fastest_backend

from primitives.assets import AssetList
from prover.book import import_book
from prover.book.importers import IMPORTERS
from prover.book.store import Book
from prover.commit import seal_book
from prover.openings import make_opening
from prover.prove_book import prove_book
from prover.solvency import prove_solvency
from prover.vault import Vault
from sealedbook.__main__ import app
from sealedbook.demo.cheating import ATTEMPTS
from sealedbook.output import ExitCode
from verifier.bundle import verify_bundle
from verifier.checks import Check
from verifier.findings import Level
from verifier.report import bundle_report

ROOT: Final = Path(__file__).parent.parent
README: Final = ROOT / "README.md"
HOLDER: Final = ROOT / "docs" / "guide-account-holder.md"
AUDITOR: Final = ROOT / "docs" / "guide-auditor.md"
EXCHANGE: Final = ROOT / "docs" / "guide-exchange.md"
CERTIFICATES: Final = ROOT / "docs" / "guide-certificates.md"
RESERVES_GUIDE: Final = ROOT / "docs" / "guide-reserves.md"
REAL_TIME: Final = ROOT / "docs" / "real-time.md"
REBALANCING: Final = ROOT / "docs" / "rebalancing.md"
PAGES: Final = (README, HOLDER, AUDITOR, EXCHANGE, CERTIFICATES, RESERVES_GUIDE, REAL_TIME, REBALANCING)
"""Pages whose commands run."""
INDEX: Final = ROOT / "docs" / "README.md"
ALL_PAGES: Final = (README, *sorted((ROOT / "docs").rglob("*.md")))
SAMPLES: Final = ROOT / "tests" / "vectors" / "books" / "published_samples.json"
MODEL: Final = b'{"format": "sealedbook/model/v1", "kind": "net-value"}\n'
PRICES: Final = (("BTC", "65000.1"), ("ETH", "3000"), ("USDT", "1"))
RESERVES: Final = (("BTC", "1.6"), ("ETH", "4"), ("USDT", "2501"))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEREDOC = re.compile(r"<<'(\w+)'$")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_CHECK = re.compile(r"\b[BCKMOSTU]\d+-[a-z-]+")


@dataclass
class Command:
    """One command of a page, and what the page says it prints."""

    line: int
    text: str
    output: list[str]


def read_commands(page: str) -> list[Command]:
    """The commands of all console blocks, in order."""
    commands: list[Command] = []
    for block in _FENCE.finditer(page):
        if block[1] != "console":
            continue
        first = page.count("\n", 0, block.start()) + 2
        lines = iter(enumerate(block[2].splitlines(), start=first))
        for number, line in lines:
            if not line.startswith("$ "):
                assert commands, f"line {number}: output without a command"
                commands[-1].output.append(line)
                continue
            commands.append(Command(number, line[2:] + _document(line, lines), []))
    return commands


def _document(line: str, lines: Iterator[tuple[int, str]]) -> str:
    """The rest of a here-document that `line` begins."""
    begin = _HEREDOC.search(line)
    if begin is None:
        return ""
    text = ""
    for _, more in lines:
        text += f"\n{more}"
        if more == begin[1]:
            return text + "\n"
    raise AssertionError(f"here-document without end: {line}")


def find_missing(quoted: list[str], printed: str) -> str | None:
    """The first quoted line that is not printed after the ones before it, or None."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    place = 0
    for quote in quoted:
        wanted = " ".join(quote.split())
        if wanted in ("", "…"):
            continue
        pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
        found = next((k for k in range(place, len(lines)) if pattern.fullmatch(lines[k])), None)
        if found is None:
            return quote
        place = found + 1
    return None


class Shell:
    """Runs the commands of a page in `folder`, with ``sealedbook`` from this source tree."""

    def __init__(self, folder: Path, programs: Path) -> None:
        programs.mkdir()
        python = shlex.quote(sys.executable)
        for name, words in (("sealedbook", f"{python} -m sealedbook"), ("python3", python)):
            (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (programs / name).chmod(0o755)
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL") if name in os.environ}
        self._folder = folder
        self._environment = {
            **kept,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "COLUMNS": "200",
            "SEALEDBOOK_BACKEND": fastest_backend().name,
        }
        self.exit_code = 0

    def run(self, command: str) -> str:
        """What the command prints, errors included; `exit_code` is its exit code."""
        result = subprocess.run(
            ["bash", "-c", f"(exit {self.exit_code})\n{command}"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        self.exit_code = result.returncode
        return result.stdout


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What holders and auditors have: a proven bundle, key, agreed model and prices, and Alice's opening."""
    folder = tmp_path_factory.mktemp("published")
    private = tmp_path_factory.mktemp("private")
    ledger = private / "ledger.csv"
    ledger.write_text("account,asset,amount\nalice,BTC,1.5\nalice,USDT,2500.75\nbob,ETH,3.25\ncarol,BTC,0\n")
    assets = AssetList.of([("BTC", 8), ("ETH", 9), ("USDT", 6)])
    import_book("generic-long", [ledger], private / "book", assets=assets)
    vault = Vault.create(private / "vault", "Example Exchange", None)
    engine, bundle = fastest_backend(), folder / "bundle"
    result = seal_book(Book.open(private / "book"), bundle=bundle, vault=vault, backend=engine)
    secrets, issuer = vault.open_book(result.digest, None), vault.issuer(None)
    prove_book(bundle, secrets, issuer, engine, model=MODEL, market=_market())
    prove_solvency(bundle, secrets, issuer, engine, reserves=_reserves())
    (folder / "model.json").write_bytes(MODEL)
    (folder / "market.json").write_bytes(_market())
    opening = make_opening(secrets, "alice", engine)
    (folder / "opening.json").write_bytes(opening.to_bytes())
    (folder / "exchange.pub").write_text(result.book.public_key.hex() + "\n")
    (folder / "book-digest.txt").write_text(result.digest.hex() + "\n")
    (folder / "root-hash.txt").write_text(result.book.root.hash.hex() + "\n")
    return folder


_MOMENT: Final = "2026-01-31T00:00:00Z"


def _market() -> bytes:
    prices = [{"asset": asset, "price": price} for asset, price in PRICES]
    head = {"format": "sealedbook/prices/v1", "as_of": _MOMENT, "quote": "USDT", "scale": 9}
    return json.dumps({**head, "prices": prices}).encode()


def _reserves() -> bytes:
    assets = [{"asset": asset, "total": total} for asset, total in RESERVES]
    return json.dumps({"format": "sealedbook/reserves/v1", "as_of": _MOMENT, "assets": assets}).encode()


def _write_binance_sample(place: Path) -> None:
    """Four users of the published sample, under the names of its files."""
    sample = json.loads(SAMPLES.read_text(encoding="utf-8"))["binance"]
    for name, rows in (("sample_users0.csv", sample["users"]), ("cex_assets_info.csv", sample["prices"])):
        with (place / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.fixture
def folder(page: Path, published: Path, tmp_path: Path) -> Path:
    """The folder that a reader of `page` starts in: with what they were given, and the examples."""
    place = tmp_path / "work"
    place.mkdir()
    (place / "examples").symlink_to(ROOT / "examples")
    if page == EXCHANGE:
        _write_binance_sample(place)
    if page in (HOLDER, AUDITOR, CERTIFICATES):
        subprocess.run(["cp", "-r", f"{published}/.", str(place)], check=True)
    return place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_run_and_print_what_is_quoted(page: Path, folder: Path, tmp_path: Path) -> None:
    commands = read_commands(page.read_text(encoding="utf-8"))
    assert any(command.text.startswith("sealedbook ") for command in commands)
    shell = Shell(folder, tmp_path / "bin")
    for command, following in zip(commands, [*commands[1:], None], strict=True):
        printed = shell.run(command.text)
        where = f"{page.name}, line {command.line}: {command.text}\n{printed}"
        missing = find_missing(command.output, printed)
        assert missing is None, f"not printed: {missing!r}\n{where}"
        if following is None or following.text != "echo $?":
            assert shell.exit_code == 0, where


def test_console_blocks_are_read_whole() -> None:
    page = "text\n```console\n$ cat > x <<'END'\n$ 1\nEND\n$ cat x\n$ 1\n```\n```sh\n$ ignored\n```\n"
    assert [(c.text, c.output) for c in read_commands(page)] == [
        ("cat > x <<'END'\n$ 1\nEND\n", []),
        ("cat x", []),
        ("1", []),
    ]


@pytest.mark.parametrize(
    ("quoted", "missing"),
    [
        (["a 1", "…", "c"], None),
        (["a … 1"], None),
        (["b  two"], None),
        (["c", "a 1"], "a 1"),
        (["a"], "a"),
        (["d…"], "d…"),
    ],
)
def test_quoted_output_is_compared_in_order(quoted: list[str], missing: str | None) -> None:
    assert find_missing(quoted, "a   1\na x 1\nb two\nc\n") == missing


# Links.


def _anchors(page: Path) -> set[str]:
    """Anchors of the headings, made the way code hosts make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_links(page: Path) -> list[str]:
    broken = []
    for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        if (
            not other.is_relative_to(ROOT)
            or not other.is_file()
            or (anchor and anchor not in _anchors(other))
        ):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    assert _broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](#a-heading) [b](#nothing) [c](missing.md) [d](https://example.org)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "ROOT", tmp_path)
        assert _broken_links(page) == ["#nothing", "missing.md"]


def test_readme_leads_to_every_guide() -> None:
    targets = set(_LINK.findall(README.read_text(encoding="utf-8")))
    guides = {f"docs/{path.name}" for path in (ROOT / "docs").glob("guide-*.md")}
    assert guides <= targets
    assert {"docs/protocol.md", "docs/architecture.md", "docs/README.md"} <= targets


def test_the_index_lists_every_page() -> None:
    targets = {target.partition("#")[0] for target in _LINK.findall(INDEX.read_text(encoding="utf-8"))}
    pages = {page.relative_to(INDEX.parent).as_posix() for page in ALL_PAGES if page not in (README, INDEX)}
    assert pages <= targets, "pages that docs/README.md does not list"


# What the pages say about the program.


def _options() -> set[str]:
    from typer.main import get_command

    found = {"--help", "--version"}
    waiting = [get_command(app)]
    while waiting:
        command = waiting.pop()
        found |= {option for parameter in command.params for option in parameter.opts}
        waiting += getattr(command, "commands", {}).values()
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_option_and_command_named_exists(page: Path) -> None:
    from typer.main import get_command

    text = page.read_text(encoding="utf-8")
    assert set(_OPTION.findall(text)) <= _options()
    commands = set(re.findall(r"(?:`|\$ )sealedbook ([a-z]\w*)", text))
    assert commands <= set(get_command(app).commands)  # type: ignore[attr-defined]


def _table_codes(page: Path) -> set[str]:
    """Check names that begin a row of a table."""
    return set(re.findall(r"^\| `([BCKMOSU]\d+-[a-z-]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE))


def _names(*letters: str) -> set[str]:
    return {check.value for check in Check if check.value[0] in letters and check.value[1].isdigit()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_check_named_exists(page: Path) -> None:
    assert set(_CHECK.findall(page.read_text(encoding="utf-8"))) <= {check.value for check in Check}


def test_auditors_are_told_every_check_of_a_bundle() -> None:
    assert _table_codes(AUDITOR) == _names("B", "C", "M", "S")


def test_holders_are_told_what_to_do_about_every_check_of_an_opening() -> None:
    attestation = {"B1-files", "B2-attestation", "B3-issuer", "B4-signature"}
    assert _table_codes(HOLDER) == _names("O") | attestation


def test_those_who_are_shown_a_certificate_are_told_every_check() -> None:
    assert _table_codes(CERTIFICATES) == _names("K")


def test_those_who_compare_with_a_previous_bundle_are_told_every_check() -> None:
    assert _table_codes(REAL_TIME) == _names("U")


@pytest.mark.parametrize("page", [REBALANCING, ROOT / "docs" / "protocol.md"], ids=lambda page: page.stem)
def test_those_who_are_shown_a_top_up_are_told_every_check(page: Path) -> None:
    named = set(_CHECK.findall(page.read_text(encoding="utf-8")))
    assert {check for check in named if check[0] == "T"} == _names("T")


def test_those_who_read_about_reserves_are_told_every_check() -> None:
    assert _table_codes(RESERVES_GUIDE) == _names("S")


@pytest.mark.parametrize("level", list(Level), ids=lambda level: level.name)
def test_auditors_are_told_every_level(level: Level) -> None:
    assert f"\n| {level.value} | " in AUDITOR.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_every_exit_code_is_explained(code: ExitCode) -> None:
    assert f"\n| {int(code)} | " in AUDITOR.read_text(encoding="utf-8")
    summary = re.search(r"Exit codes: (.*?)\. ", README.read_text(encoding="utf-8"), re.DOTALL)
    assert summary is not None
    assert re.search(rf"(?<!\d){int(code)} ", summary[1])


def test_the_fields_of_a_report_are_those_explained(published: Path) -> None:
    report = bundle_report(verify_bundle(published / "bundle", fastest_backend(), issuer_key=None)).to_json()
    section = (
        AUDITOR.read_text(encoding="utf-8").partition("Accepted, exit code 0:")[2].partition("Rejected")[0]
    )
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(report)


def test_wrong_usage_is_no_json(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "bin")
    assert "No such option" in shell.run("sealedbook verify bundle --json --nonsense 2>&1 >/dev/null")
    assert shell.exit_code == ExitCode.USAGE


def test_exchanges_are_told_every_source() -> None:
    text = EXCHANGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (`[a-z`, -]+`) \|", text.partition("| source |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)} == set(IMPORTERS)


_NUMBERS: Final = dict(
    enumerate(["fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"], start=15)
)


def test_readme_counts_the_attempts_of_the_demonstration_right() -> None:
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert f"tries {_NUMBERS[len(ATTEMPTS)]} ways to cheat" in text


def test_make_has_the_two_commands_of_the_readme() -> None:
    blocks = [block[2] for block in _FENCE.finditer(README.read_text(encoding="utf-8")) if block[1] == "sh"]
    targets = set(re.findall(r"^make (\w+)", "\n".join(blocks), re.MULTILINE))
    rules = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= targets <= rules
