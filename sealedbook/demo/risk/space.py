"""The files of the risk steps: two small books, each in a folder, and the figures.

<out>/risk/desk/       a trading firm's sub-accounts, with options: capital, and Greeks of the whole book
<out>/risk/venue/      a venue for perpetual futures: new prices, a top-up, shortfalls and the fund
<out>/risk/figures/    one SVG for each step
<out>/risk.html        all of them on one page, for the desk alone
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PRIVATE_FOLDER: Final = 0o700


class BookSpace:
    """The folder of one book: its export, and what is made of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accounts = folder / "accounts.csv"
        self.assets = folder / "assets.json"
        self.book = folder / "book"
        self.bundle = folder / "bundle"


class DeskSpace(BookSpace):
    """The trading firm."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.market = folder / "market.json"
        self.closes = folder / "closes.csv"
        self.with_history = folder / "market-with-history.json"
        self.loss_market = folder / "loss-market.json"
        self.loss_model = folder / "expected-shortfall.json"
        self.greeks_market = folder / "greeks-market.json"
        self.greeks_model = folder / "balanced-book.json"


class VenueSpace(BookSpace):
    """The venue for perpetual futures."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.noon = folder / "noon.json"
        self.drop = folder / "drop.json"
        self.crash = folder / "crash.json"
        self.margin = folder / "margin.json"
        self.opening = folder / "opening.json"
        self.policy = folder / "policy.json"
        self.transfers = folder / "transfers.csv"
        self.buffer = folder / "buffer.json"
        self.top_up = folder / "top-up.json"
        self.insured = folder / "insured.json"
        self.filled = folder / "book-with-shortfalls"
        self.filled_bundle = folder / "bundle-with-shortfalls"
        self.small_fund = folder / "fund-too-small.json"
        self.fund = folder / "fund.json"


class RiskSpace:
    """All of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "risk"
        self.figures = self.folder / "figures"
        self.report = folder / "risk.html"
        self.desk = DeskSpace(self.folder / "desk")
        self.venue = VenueSpace(self.folder / "venue")

    @property
    def made(self) -> tuple[Path, ...]:
        """Everything that the steps make."""
        return self.folder, self.report

    def prepare(self) -> None:
        """Make the folders; what an earlier run made is gone already."""
        for folder in (self.folder, self.figures, self.desk.folder, self.venue.folder):
            folder.mkdir(mode=_PRIVATE_FOLDER)
