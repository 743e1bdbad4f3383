"""The pages on balances and on the insurance fund: their commands run and print what is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_docs import ROOT, Shell, find_missing, read_commands


@pytest.mark.parametrize("page", ["docs/balances.md", "docs/models/insured.md"])
def test_the_commands_of_the_page(page: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    shell = Shell(folder, tmp_path / "programs")
    commands = read_commands((ROOT / page).read_text(encoding="utf-8"))
    assert len(commands) > 4
    for place, command in enumerate(commands):
        printed = shell.run(command.text)
        missing = find_missing(command.output, printed)
        assert missing is None, f"{page}, line {command.line}: {missing!r} is not printed:\n{printed}"
        is_checked = place + 1 < len(commands) and commands[place + 1].text == "echo $?"
        if not is_checked:
            assert shell.exit_code == 0, f"{page}, line {command.line}: {printed}"
