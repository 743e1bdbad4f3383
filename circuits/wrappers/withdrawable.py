"""At least so much can be withdrawn, and the margin still holds (docs/models/withdrawable.md).

    q_a   what the account holds of the asset a that is withdrawn     W   the amount, public or a column of the book

    W >= 0;   q_a - W >= 0;   the inner model of the account with q_a - W in the place of q_a

with a further floor, if the document names a share s of the open notional:

    equity - value of W  >=  s sum_m p_m |q_m|        in every compartment
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from circuits.modelling import Expression, Model, ModelError
from circuits.modelling.model import Margin
from circuits.modelling.words import ModelWords, share_of
from circuits.models.risk_inputs import fraction_field
from circuits.prices import MAX_DECIMAL_LENGTH, scaled_decimal
from circuits.public_market import PublicMarket
from circuits.wrappers.contracts import contract_charge
from circuits.wrappers.wrapper import Wrapper, pass_on, read_inner
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.strict_json import JsonObject


@dataclass(frozen=True)
class Withdrawable(Wrapper):
    """``{"kind": "withdrawable", "version": 1, "margin", "asset", "amount" or "column", "open_notional_share"?}``.

    ``amount`` is decimal text in whole units of ``asset``; ``column`` names an asset of the book that holds every
    account's own amount, with the decimals of ``asset``. An amount above zero is no demand on a whole book, whose
    padding is empty accounts.
    """

    kind: ClassVar[str] = "withdrawable"
    refuses: ClassVar = {"insured": "what an account can withdraw is no matter for a fund"}

    asset: str
    amount: str | None
    column: str | None
    open_notional_share: Fraction

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields; errors name the entry."""
        inner = read_inner(fields, cls)
        asset = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
        amount = _read_amount(fields) if fields.has("amount") else None
        column = fields.text("column", max_length=MAX_ASSET_ID_BYTES) if fields.has("column") else None
        if (amount is None) == (column is None):
            raise fields.fail("amount", "or 'column' is needed, and not both")
        if column == asset:
            raise fields.fail("column", "is the asset that is withdrawn")
        share = Fraction(0)
        if fields.has("open_notional_share"):
            share = fraction_field(fields, "open_notional_share", maximum=1)
            if not inner.has_rising_charges:
                raise fields.fail(
                    "open_notional_share", f"is of perpetuals, and {inner.kind!r} is no model of these"
                )
        return cls(inner, asset, amount, column, share)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one with the amounts, if there is one."""
        return () if self.column is None else (self.column,)

    @property
    def has_concave_slack(self) -> bool:
        """As the inner model: the amount does not change with prices."""
        return self.inner.has_concave_slack

    @property
    def subject(self) -> str:
        """For people."""
        return f"withdrawable {self.asset}"

    def words(self) -> ModelWords:
        """For people."""
        amount = f"{self.amount} {self.asset}" if self.column is None else f"the amount in {self.column}"
        conditions = [
            f"withdrawal: it holds at least {amount} in {self.asset}, all of which can be withdrawn at once"
        ]
        if self.column is not None:
            conditions.append(f"the amount in {self.column} is not negative")
        if self.open_notional_share:
            conditions.append(
                f"after the withdrawal: equity is at least {share_of(self.open_notional_share)}the open notional of "
                "the contracts it covers"
            )
        return self.words_around(conditions, when="after the withdrawal: ")

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows of the inner model, once, of what is left."""
        amount = self._amount(model)

        def require(margin: Margin) -> None:
            pass_on(model, margin)
            if self.open_notional_share:
                floor = contract_charge(model, market, margin, self.open_notional_share)
                model.require_margin(
                    margin.equity,
                    floor,
                    label=f"{margin.label}: open notional",
                    scale=margin.scale,
                    compartment=margin.compartment,
                    is_reported=False,
                )

        with model.embedded(
            margins=require, hidden=self.columns, replaced={self.asset: lambda position: position - amount}
        ):
            self.inner.build(model, market)
            model.position(self.asset, non_negative=True)

    def _amount(self, model: Model) -> Expression:
        """In base units of the asset."""
        if self.asset not in model.assets:
            raise ModelError(f"asset {self.asset!r} is not in the book")
        decimals = model.assets[model.assets.index(self.asset)].decimals
        if self.column is not None:
            amount = model.position(self.column, non_negative=True)
            if model.assets[model.assets.index(self.column)].decimals != decimals:
                raise ModelError(f"column {self.column!r} has other decimals than {self.asset!r}")
            return amount
        try:
            return model.constant(scaled_decimal(self.amount or "", decimals))
        except ValueError as error:
            raise ModelError(
                f"amount: {self.amount} of {self.asset!r} ({decimals} decimals) is {error}"
            ) from error


def _read_amount(fields: JsonObject) -> str:
    """Canonical decimal text that is not negative."""
    text = fields.text("amount", max_length=MAX_DECIMAL_LENGTH)
    try:
        number = scaled_decimal(text, MAX_DECIMAL_LENGTH)
    except ValueError as error:
        raise fields.fail("amount", f"{text!r} is {error}") from error
    if number < 0:
        raise fields.fail("amount", "is negative")
    return text
