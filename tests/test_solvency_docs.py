"""The guide to reserves: its commands print what it quotes, and it names every check."""

from __future__ import annotations

import re
from pathlib import Path

from test_docs import ROOT, Shell, _broken_links, find_missing, read_commands

from verifier.checks import Check

GUIDE = ROOT / "docs" / "guide-reserves.md"


def test_commands_run_and_print_what_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    commands = read_commands(GUIDE.read_text(encoding="utf-8"))
    assert sum("prove-solvency" in command.text for command in commands) == 2
    shell = Shell(tmp_path / "work", tmp_path / "bin")
    for command, following in zip(commands, [*commands[1:], None], strict=True):
        printed = shell.run(command.text)
        where = f"line {command.line}: {command.text}\n{printed}"
        missing = find_missing(command.output, printed)
        assert missing is None, f"not printed: {missing!r}\n{where}"
        if following is None or following.text != "echo $?":
            assert shell.exit_code == 0, where


def test_links_resolve() -> None:
    assert _broken_links(GUIDE) == []


def test_every_check_is_explained() -> None:
    for path in (GUIDE, ROOT / "docs" / "protocol.md", ROOT / "docs" / "guide-auditor.md"):
        rows = re.findall(r"^\| `?(S\d+-[a-z]+)`? \|", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert rows == [check.value for check in Check if check.value.startswith("S")]
