"""The simple kinds of model: balances, bounds, and values at public prices (docs/statements.md).

Each function reads the fields of one model object and adds its rows to the builder. Symbols: q_a is the
position of asset a in base units, d_a its decimals, p_a its price in value units per base unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from circuits.builder import StatementBuilder
from circuits.prices import MAX_DECIMAL_LENGTH, PriceError, PriceList, parse_price_fields, scaled_decimal
from circuits.rows import MAX_WIDTH, Scope
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS, Asset
from primitives.parameters import AMOUNT_LIMIT
from primitives.strict_json import Json, JsonError, JsonObject

MAX_MEMBERS: Final = 64
"""Models in one ``all``."""


@dataclass(frozen=True)
class ModelContext:
    """What a model is compiled against: the statement under construction and the market's prices, if any."""

    builder: StatementBuilder
    prices: PriceList | None


ModelCompiler = Callable[[JsonObject, ModelContext], None]


def compile_non_negative(fields: JsonObject, context: ModelContext) -> None:
    """``0 <= q_a < 2^63`` for every asset, or for those in the optional field ``assets``."""
    for asset in _chosen_assets(fields, context.builder):
        context.builder.add_non_negative(asset)


def compile_bounded(fields: JsonObject, context: ModelContext) -> None:
    """``0 <= q_a + 2^63 < 2^64`` for every asset, or for those in the optional field ``assets``."""
    for asset in _chosen_assets(fields, context.builder):
        context.builder.require_bounded(asset)


def compile_at_least(fields: JsonObject, context: ModelContext) -> None:
    """``0 <= q_a - X 10^{d_a} < 2^w`` with X the field ``amount``, in whole units of ``asset``."""
    builder = context.builder
    index = _asset(fields.text("asset", max_length=MAX_ASSET_ID_BYTES), fields.path("asset"), builder)
    asset = builder.assets[index]
    text, amount = _decimal(fields, "amount", asset.decimals)
    if abs(amount) >= AMOUNT_LIMIT:
        raise fields.fail("amount", "not within +-(2^63 - 1) base units")
    _check_scope(fields, "amount", amount, context)
    width = (AMOUNT_LIMIT - 1 - amount).bit_length()
    builder.add_row(f"{asset.id} at least {text}", {index: 1}, constant=-amount, width=max(1, width))


def compile_net_value(fields: JsonObject, context: ModelContext) -> None:
    """``0 <= sum_a p_a q_a < 2^w`` over every asset, or those in the optional field ``assets``."""
    _add_net_value(fields, context.builder, _prices(fields, context), "net value", 0)


def compile_net_value_at_least(fields: JsonObject, context: ModelContext) -> None:
    """``0 <= sum_a p_a q_a - V 10^scale < 2^w`` with V the field ``value``, in whole units of the quote."""
    prices = _prices(fields, context)
    text, value = _decimal(fields, "value", prices.scale)
    _check_scope(fields, "value", value, context)
    _add_net_value(fields, context.builder, prices, f"net value at least {text} {prices.quote}", value)


def compile_all(fields: JsonObject, context: ModelContext) -> None:
    """Every model of the field ``models`` at once."""
    members = fields.array("models", JsonObject, max_items=MAX_MEMBERS)
    if not members:
        raise fields.fail("models", "is empty")
    for member in members:
        _compile_object(member, context, _MEMBER_KINDS)


def compile_object(fields: JsonObject, context: ModelContext) -> None:
    """Add the rows of one model object, chosen by its field ``kind``; every field must be known."""
    _compile_object(fields, context, MODEL_KINDS)


def _compile_object(fields: JsonObject, context: ModelContext, kinds: Mapping[str, ModelCompiler]) -> None:
    kind = fields.text("kind", max_length=64)
    if kind not in kinds:
        raise fields.fail("kind", f"{kind!r} is not one of {', '.join(kinds)}")
    kinds[kind](fields, context)
    fields.finish()


_MEMBER_KINDS: Final[Mapping[str, ModelCompiler]] = MappingProxyType(
    {
        "non-negative": compile_non_negative,
        "bounded": compile_bounded,
        "at-least": compile_at_least,
        "net-value": compile_net_value,
        "net-value-at-least": compile_net_value_at_least,
    }
)
MODEL_KINDS: Final[Mapping[str, ModelCompiler]] = MappingProxyType({**_MEMBER_KINDS, "all": compile_all})
"""Every kind of model, by the name it has in documents."""


def _add_net_value(
    fields: JsonObject, builder: StatementBuilder, prices: PriceList, label: str, minimum: int
) -> None:
    values = {
        index: _unit_value(fields, prices, builder.assets[index]) for index in _chosen_assets(fields, builder)
    }
    priced = {index: value for index, value in values.items() if value}
    if not priced:
        raise fields.fail("prices", "no asset has a price above zero")
    largest = sum(priced.values()) * (AMOUNT_LIMIT - 1) - minimum
    builder.add_row(label, priced, constant=-minimum, width=_value_width(fields, largest))
    if _are_positions_bounded(fields, builder.scope):
        for index in priced:
            builder.require_bounded(index)


def _prices(fields: JsonObject, context: ModelContext) -> PriceList:
    """The prices written in the model (field ``prices``), else those of the market."""
    inline = fields.optional_object("prices")
    if inline is None:
        if context.prices is None:
            raise fields.fail("prices", "the model has no prices, and no market was given")
        return context.prices
    prices = parse_price_fields(inline)
    inline.finish()
    for asset in prices.prices:
        if asset not in context.builder.assets:
            raise inline.fail("prices", f"asset {asset!r} is not in the book")
    return prices


def _unit_value(fields: JsonObject, prices: PriceList, asset: Asset) -> int:
    try:
        return prices.unit_value(asset)
    except PriceError as error:
        raise fields.fail("prices", str(error)) from error


def _value_width(fields: JsonObject, largest: int) -> int:
    """The field ``width``, else the smallest width that holds the `largest` value any account can have."""
    if largest < 0:
        raise fields.fail("value", "no account can have so much")
    if fields.has("width"):
        return fields.integer("width", minimum=1, maximum=MAX_WIDTH)
    width = max(1, largest.bit_length())
    if width > MAX_WIDTH:
        reason = f"values of {width} bits are possible at these prices, more than {MAX_WIDTH}: give a width"
        raise fields.fail("width", reason)
    return width


def _are_positions_bounded(fields: JsonObject, scope: Scope) -> bool:
    """The field ``positions``: ``bounded`` (default) or ``summed``, which rests on range-checked totals."""
    choice = fields.text("positions", max_length=16) if fields.has("positions") else "bounded"
    if choice not in ("bounded", "summed"):
        raise fields.fail("positions", f"{choice!r} is not 'bounded' or 'summed'")
    if choice == "summed" and scope is Scope.ACCOUNT:
        raise fields.fail("positions", "one account has no totals to rest on: 'summed' is for a book")
    return choice == "bounded"


def _check_scope(fields: JsonObject, name: str, minimum: int, context: ModelContext) -> None:
    if minimum > 0 and context.builder.scope is Scope.BOOK:
        raise fields.fail(name, "an empty account cannot satisfy this: only one account alone can prove it")


def _chosen_assets(fields: JsonObject, builder: StatementBuilder) -> list[int]:
    """Indices from the optional field ``assets`` (distinct ids), else of all assets; increasing."""
    if not fields.has("assets"):
        return list(range(len(builder.assets)))
    chosen = fields.array(
        "assets", lambda value, path: _listed_asset(value, path, builder), max_items=MAX_ASSETS
    )
    if not chosen:
        raise fields.fail("assets", "is empty")
    if len(set(chosen)) != len(chosen):
        raise fields.fail("assets", "names an asset twice")
    return sorted(chosen)


def _listed_asset(value: Json, path: str, builder: StatementBuilder) -> int:
    if not isinstance(value, str):
        raise JsonError(path, "expected the id of an asset")
    return _asset(value, path, builder)


def _asset(asset_id: str, path: str, builder: StatementBuilder) -> int:
    if asset_id not in builder.assets:
        raise JsonError(path, f"asset {asset_id[:MAX_ASSET_ID_BYTES]!r} is not in the book")
    return builder.assets.index(asset_id)


def _decimal(fields: JsonObject, name: str, decimals: int) -> tuple[str, int]:
    """The text of a field, and what it is in units of ``10^-decimals``; both exact."""
    text = fields.text(name, max_length=MAX_DECIMAL_LENGTH)
    try:
        return text, scaled_decimal(text, decimals)
    except ValueError as error:
        raise fields.fail(name, f"{text!r} is {error}") from error
