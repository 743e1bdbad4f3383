"""Figures of margins as exact decimal text in the quote currency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from circuits.modelling.definition import ModelDefinition
from circuits.modelling.evaluation import MarginResult
from circuits.public_market import PublicMarket, quote_of
from primitives.amounts_text import format_amount, plain_amount

_MAX_EXTRA_DECIMALS: Final = 18


@dataclass(frozen=True)
class MarginUnits:
    """What an integer figure of a `MarginResult` counts: ``multiplier / divisor`` times ``10^-decimals`` of `quote`.

    The divisor is 1 unless the figures have no finite decimal form (a factor such as 2/3). Then figures are
    rounded against the account, to whole value units: equity and surplus down, requirement up.
    """

    quote: str
    decimals: int
    multiplier: int
    divisor: int

    @classmethod
    def of(cls, definition: ModelDefinition, market: PublicMarket | None, scale: int) -> MarginUnits:
        """For results in units of ``1/scale`` value unit."""
        quote = "" if market is None else quote_of(market)
        places = definition.numbers.scale
        for extra in range(_MAX_EXTRA_DECIMALS + 1):
            if 10**extra % scale == 0:
                return cls(quote, places + extra, 10**extra // scale, 1)
        return cls(quote, places, 1, scale)

    def down(self, figure: int) -> str:
        """An equity or a surplus, without separators."""
        return plain_amount(figure * self.multiplier // self.divisor, self.decimals)

    def up(self, figure: int) -> str:
        """A requirement or a shortfall, without separators."""
        return plain_amount(-(-figure * self.multiplier // self.divisor), self.decimals)

    def shown(self, text: str) -> str:
        """`text` from `down` or `up` for people, with the currency."""
        whole, point, fraction = text.partition(".")
        sign = "-" if whole.startswith("-") else ""
        return f"{sign}{format_amount(abs(int(whole)), 0)}{point}{fraction} {self.quote}".rstrip()


@dataclass(frozen=True)
class AccountMargin:
    """The figures of one account in the quote currency; private."""

    equity: str
    requirement: str
    surplus: str
    worst_scenario: str | None


def account_margin(result: MarginResult, account: int, units: MarginUnits) -> AccountMargin:
    """The figures of account number `account` of a result."""
    equity, requirement = int(result.equity[account]), int(result.requirement[account])
    return AccountMargin(
        units.down(equity),
        units.up(requirement),
        units.down(equity - requirement),
        result.worst_scenario[account],
    )
