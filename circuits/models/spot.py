"""Spot accounts: nothing is owed, or only what the rest of the account is worth (docs/models/spot.md).

q_a >= 0                 for every asset that cannot be borrowed
sum_a p_a q_a >= 0       over all assets with a price, if any can be borrowed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from circuits.modelling.definition import ModelDefinition, Numbers, expect_market
from circuits.modelling.errors import ModelError
from circuits.modelling.model import Model
from circuits.modelling.words import ModelWords, listed
from circuits.prices import PriceDocument, PriceError
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS
from primitives.strict_json import Json, JsonError, JsonObject

SPOT_NUMBERS: Final = Numbers(position_bits=63)


@dataclass(frozen=True)
class Spot(ModelDefinition):
    """``{"kind": "spot", "version": 1, "borrowable": [ids], "numbers": {...}}``; both last fields are optional.

    Without ``borrowable`` no price is needed, and the scale is of no account.
    """

    kind: ClassVar[str] = "spot"

    borrowable: tuple[str, ...] = ()
    _numbers: Numbers = SPOT_NUMBERS

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read ``borrowable`` and ``numbers``."""
        borrowable: tuple[str, ...] = ()
        if fields.has("borrowable"):
            borrowable = tuple(fields.array("borrowable", _asset_id, max_items=MAX_ASSETS))
            if len(set(borrowable)) != len(borrowable):
                raise fields.fail("borrowable", "names an asset twice")
        return cls(borrowable, Numbers.from_json(fields, SPOT_NUMBERS))

    @property
    def numbers(self) -> Numbers:
        """Positions of up to 63 bits by default."""
        return self._numbers

    @property
    def has_concave_slack(self) -> bool:
        """Values are linear."""
        return True

    @property
    def has_net_equity(self) -> bool:
        """The value of all positions."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        if not self.borrowable:
            return ModelWords("spot accounts", ("owes nothing in any asset",), ())
        return ModelWords(
            "spot accounts with borrowing",
            (
                f"owes nothing in any asset but {listed(self.borrowable)}",
                "net value: what it holds is worth at least what it owes, at the prices of the market",
            ),
            (),
        )

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; with borrowing, every asset of the book needs a price."""
        for asset_id in self.borrowable:
            if asset_id not in model.assets:
                raise ModelError(f"borrowable asset {asset_id!r} is not in the book")
        for asset in model.assets:
            model.position(asset.id, non_negative=asset.id not in self.borrowable)
        if self.borrowable:
            self._require_value(model, market)

    def _require_value(self, model: Model, market: PublicMarket | None) -> None:
        prices = expect_market(market, PriceDocument).prices
        if prices.scale != self.numbers.scale:
            raise ModelError(
                f"the prices count in 10^-{prices.scale} {prices.quote}, the model in 10^-{self.numbers.scale}"
            )
        try:
            values = {asset.id: prices.unit_value(asset) for asset in model.assets}
        except PriceError as error:
            raise ModelError(str(error)) from error
        model.require_margin(model.linear(values), model.constant(0), label="net value")


def _asset_id(value: Json, path: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ASSET_ID_BYTES:
        raise JsonError(path, "expected the id of an asset")
    return value
