"""What the demonstration wants proven: a model for every account, and a statement for one holder."""

from __future__ import annotations

import json
from typing import Final

from circuits.model_document import MODEL_FORMAT
from primitives.amounts_text import format_amount, plain_amount
from sealedbook.demo.book import Account, DemoBook


def _all_of(*models: dict[str, str]) -> bytes:
    return json.dumps({"format": MODEL_FORMAT, "kind": "all", "models": models}).encode() + b"\n"


MODEL: Final = _all_of({"kind": "bounded"}, {"kind": "net-value"})
"""Every position is a whole number of base units, and net value at the market's prices is not negative."""


class HolderStatement:
    """ "At least so much of one asset, and worth at least so much": true of `account`, and not too close to it.

    Both thresholds are the account's own figures, cut to their first digit. `words` is for people, `document` for
    programs.
    """

    def __init__(self, book: DemoBook, account: Account) -> None:
        units = book.market.unit_values()
        column = max(account, key=lambda place: account[place] * units[place])
        asset, prices = book.assets[column], book.market.prices
        amount = _first_digit(account[column])
        worth = _first_digit(sum(amount * units[place] for place, amount in account.items()))
        self.words = (
            f"at least {format_amount(amount, asset.decimals)} {asset.id}, and worth at least "
            f"{format_amount(worth, prices.scale)} {prices.quote}"
        )
        self.document = _all_of(
            {"kind": "at-least", "asset": asset.id, "amount": plain_amount(amount, asset.decimals)},
            {"kind": "net-value-at-least", "value": plain_amount(worth, prices.scale)},
        )


def _first_digit(amount: int) -> int:
    """The largest ``d 10^k`` with one digit d that is **below** `amount`, which is above 1."""
    unit = int(10 ** (len(str(amount - 1)) - 1))
    return (amount - 1) // unit * unit
