"""The folder that a demonstration fills. It clears what an earlier run made, and nothing else.

<out>/.sealedbook-demo     marker: this folder is ours
<out>/accounts.csv assets.json market.json     the made-up export and the public prices
<out>/model.json reserves.json                 what is proven of every account, and of reserves
<out>/margin.json margin-market.json           margin rules, and the market they are applied to
<out>/margins.csv                              the exchange's own list of margins
<out>/book/ vault/ bundle/ openings/           what the steps make
<out>/statement.json certificate.json          what a holder proves to a lender
<out>/margin-certificate.json                  what a holder proves to a counterparty
<out>/service/ fetched/ fetched-opening.json   the service's keys and data, and what came from it
<out>/monitor.json                             what a monitor of its log remembers
<out>/cheating/                                altered copies, one for every attempt
<out>/risk/ risk.html                          the risk desk's books, figures and report: `sealedbook.demo.risk.space`
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from prover.secret_file import write_private
from sealedbook.demo.errors import DemoFolderError
from sealedbook.demo.risk.space import RiskSpace

MARKER_NAME: Final = ".sealedbook-demo"
_MARKER: Final = b"A demonstration of sealedbook; `sealedbook demo` replaces what it made here.\n"


class Workspace:
    """Paths of one demonstration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accounts = folder / "accounts.csv"
        self.assets = folder / "assets.json"
        self.market = folder / "market.json"
        self.model = folder / "model.json"
        self.reserves = folder / "reserves.json"
        self.margin_model = folder / "margin.json"
        self.margin_market = folder / "margin-market.json"
        self.margins = folder / "margins.csv"
        self.margin_certificate = folder / "margin-certificate.json"
        self.statement = folder / "statement.json"
        self.certificate = folder / "certificate.json"
        self.book = folder / "book"
        self.vault = folder / "vault"
        self.bundle = folder / "bundle"
        self.openings = folder / "openings"
        self.service = folder / "service"
        self.fetched = folder / "fetched"
        self.fetched_opening = folder / "fetched-opening.json"
        self.monitor_state = folder / "monitor.json"
        self.cheating = folder / "cheating"
        self.risk = RiskSpace(folder)

    @property
    def made(self) -> tuple[Path, ...]:
        """Everything that a run makes."""
        files = (self.accounts, self.assets, self.market, self.model, self.reserves)
        margins = (self.margin_model, self.margin_market, self.margins, self.margin_certificate)
        shown = (self.statement, self.certificate)
        served = (self.service, self.fetched, self.fetched_opening, self.monitor_state)
        folders = (self.book, self.vault, self.bundle, self.openings, self.cheating)
        return (*files, *margins, *shown, *served, *folders, *self.risk.made)

    @staticmethod
    def prepare(folder: Path) -> Workspace:
        """Make `folder`, or clear what an earlier demonstration made in it; other files stay.

        Raises `DemoFolderError` where `folder` is a file, a link, or a folder with something in it that
        is not of a demonstration. Nothing is removed then.
        """
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise DemoFolderError(f"--out: {folder} is not a folder; choose another place")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker = folder / MARKER_NAME
        if not _is_regular(marker, _MARKER):
            if any(folder.iterdir()):
                raise DemoFolderError(
                    f"--out: {folder} holds something that is not of an earlier demonstration; "
                    "it was left alone, choose another place"
                )
            write_private(marker, _MARKER)
        space = Workspace(folder)
        for path in space.made:
            _remove(path)
        space.openings.mkdir(mode=0o700)
        space.cheating.mkdir(mode=0o700)
        space.risk.prepare()
        return space


def _is_regular(path: Path, content: bytes) -> bool:
    return not path.is_symlink() and path.is_file() and path.read_bytes()[: len(content) + 1] == content


def _remove(path: Path) -> None:
    """Remove a file or folder; of a link only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
