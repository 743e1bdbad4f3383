"""From a case file to what a proof is made of: a book's assets, a model and a market document, and the positions.

Cash and unsettled cash count in value units. Other amounts become integers in base units of as many decimals as
they need, options all of the same, at least `MIN_OPTION_DECIMALS` so that float prices are precise enough. What
has more than `MAX_DECIMALS` is rounded to the nearest base unit, ties to even, and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from circuits.market.snapshot import (
    Cash,
    Contract,
    ExpiryPoint,
    Instrument,
    MarketSnapshot,
    Settlement,
    Underlying,
)
from circuits.market.snapshot import Option as ListedOption
from circuits.model_document import MODEL_FORMAT, read_definition
from circuits.modelling.definition import Numbers
from circuits.pmrm2.case_file import Case
from circuits.pmrm2.inputs import Market, Option
from circuits.pmrm2.integers import exact
from circuits.pmrm2.market_document import (
    Confidences,
    ExpiryConfidences,
    Pmrm2Market,
    parse_pmrm2_market,
    shortest_decimal,
)
from circuits.pmrm2.model import PortfolioMargin
from circuits.pmrm2.model_document import DEFAULT_NUMBERS, CollateralTerms, ModelFields, model_to_json
from circuits.pmrm2.parameters import MarginInputError
from circuits.pmrm2.rows import MarginKind, PerpHolding
from circuits.positions import PositionBatch
from primitives.assets import Asset, AssetListError
from primitives.strict_json import Json, canonical_json

AS_OF: Final = datetime(2026, 1, 1, tzinfo=UTC)
UNDERLYING: Final = "UNDERLYING"
CASH: Final = "CASH"
PERP: Final = "PERP"
UNSETTLED: Final = "UNSETTLED"
MIN_OPTION_DECIMALS: Final = 4
MAX_DECIMALS: Final = 6
BOTH: Final = (MarginKind.MAINTENANCE, MarginKind.INITIAL)


@dataclass(frozen=True)
class CaseDocuments:
    """A case as public documents and private positions, asset id to base units.

    `rounded` are the ids of assets whose amount in the case is not a whole number of base units.
    """

    assets: tuple[Asset, ...]
    model: bytes
    market: bytes
    positions: Mapping[str, int] = field(repr=False)
    rounded: tuple[str, ...]

    def definition(self) -> PortfolioMargin:
        """The model, read from its document."""
        definition = read_definition(self.model)
        if not isinstance(definition, PortfolioMargin):
            raise TypeError("the model document is of another kind")
        return definition

    def public_market(self) -> Pmrm2Market:
        """The market, read from its document."""
        return parse_pmrm2_market(self.market)

    def batch(self, accounts: Iterable[Mapping[str, int]]) -> PositionBatch:
        """Accounts that hold `accounts` of these assets, asset id to base units."""
        places = {asset.id: place for place, asset in enumerate(self.assets)}
        return PositionBatch.from_mappings(
            [{places[name]: amount for name, amount in account.items()} for account in accounts]
        )


def case_documents(
    case: Case,
    *,
    numbers: Numbers = DEFAULT_NUMBERS,
    margins: tuple[MarginKind, ...] = BOTH,
    holding: PerpHolding = PerpHolding.PRIVATE,
) -> CaseDocuments:
    """The documents of `case`, with the integer prices published in the market.

    Expiries are counted from `AS_OF`. Raises `MarginInputError` for an expiry that is no whole number of seconds.
    """
    market, position = case.market, case.position
    has_perp = market.perp > 0.0
    if not has_perp and position.perp != 0.0:
        raise MarginInputError("PerpPrice", "is 0, and the account holds a perp")
    options = [_option_id(market, option) for option in market.options]
    collaterals = _collateral_ids(market)
    sized = dict(zip([*options, *collaterals], [*position.options, *position.collaterals], strict=True))
    values = {CASH: position.cash}
    if has_perp:
        sized[PERP] = position.perp
        values[UNSETTLED] = position.unsettled
    decimals = {name: _decimals([amount], 0) for name, amount in sized.items()}
    decimals |= dict.fromkeys(options, _decimals(position.options, MIN_OPTION_DECIMALS))
    assets = tuple(Asset(name, numbers.scale) for name in values)
    assets += tuple(Asset(name, decimals[name]) for name in sized)
    amounts = values | sized
    units = {asset.id: exact(amounts[asset.id]) * 10**asset.decimals for asset in assets}
    fields = ModelFields(
        UNDERLYING,
        CASH,
        PERP if has_perp else None,
        UNSETTLED if has_perp else None,
        tuple(
            CollateralTerms(name, each.is_risk_cancelling, each.maintenance_haircut, each.initial_haircut)
            for name, each in zip(collaterals, market.collaterals, strict=True)
        ),
        margins,
        holding if has_perp else PerpHolding.PRIVATE,
        case.parameters,
        numbers,
    )
    document = market_document(market, collaterals, numbers.scale)
    prices = PortfolioMargin(fields).published_prices(assets, document)
    return CaseDocuments(
        assets,
        model_document(fields),
        replace(document, unit_prices=prices).to_bytes(),
        {name: round(amount) for name, amount in units.items()},
        tuple(name for name, amount in units.items() if amount.denominator != 1),
    )


def model_document(fields: ModelFields) -> bytes:
    """The canonical model document."""
    document: dict[str, Json] = {"format": MODEL_FORMAT, "kind": PortfolioMargin.kind, "version": 1}
    return canonical_json(document | model_to_json(fields))


def market_document(market: Market, collaterals: Sequence[str], scale: int) -> Pmrm2Market:
    """The market of a case as of `AS_OF`, its collaterals called as given, without integer prices."""
    times = [_time(expiry.seconds) for expiry in market.expiries]
    points = [
        (ExpiryPoint(time, _decimal(expiry.forward), _decimal(expiry.rate)), expiry)
        for time, expiry in sorted(zip(times, market.expiries, strict=True), key=lambda pair: pair[0])
    ]
    instruments: list[Instrument] = [Cash(CASH, _decimal(market.stable))]
    if market.perp > 0.0:
        instruments.append(Contract(PERP, UNDERLYING, Settlement.LINEAR, Decimal(1), _decimal(market.perp)))
    instruments += [
        Cash(name, _decimal(each.price)) for name, each in zip(collaterals, market.collaterals, strict=True)
    ]
    instruments += [
        ListedOption(
            _option_id(market, option),
            UNDERLYING,
            times[option.expiry],
            _decimal(option.strike),
            option.is_call,
            Decimal(1),
            _decimal(option.volatility),
        )
        for option in market.options
    ]
    snapshot = MarketSnapshot(
        AS_OF,
        "USD",
        scale,
        (),
        (Underlying(UNDERLYING, _decimal(market.spot), tuple(point for point, _ in points)),),
        tuple(sorted(instruments, key=lambda each: each.id)),
    )
    confidences = Confidences(
        market.spot_confidence,
        market.perp_confidence,
        {
            point.expiry: ExpiryConfidences(
                expiry.volatility_confidence, expiry.forward_confidence, expiry.rate_confidence
            )
            for point, expiry in points
        },
        {name: each.confidence for name, each in zip(collaterals, market.collaterals, strict=True)},
    )
    return Pmrm2Market(snapshot, confidences)


def _time(seconds: float) -> datetime:
    if seconds != int(seconds):
        raise MarginInputError("FeedExpiry", f"{seconds} is not a whole number of seconds")
    return AS_OF + timedelta(seconds=int(seconds))


def _option_id(market: Market, option: Option) -> str:
    time = _time(market.expiries[option.expiry].seconds)
    return f"{time:%Y%m%dT%H%M%S}-{shortest_decimal(option.strike)}-{'C' if option.is_call else 'P'}"


def _collateral_ids(market: Market) -> list[str]:
    """The names of the case where they are distinct asset ids, else by number."""
    taken = {CASH, PERP, UNSETTLED} | {_option_id(market, option) for option in market.options}
    result = []
    for number, each in enumerate(market.collaterals, start=1):
        name = each.name if _is_asset_id(each.name) and each.name not in taken else f"COLLATERAL-{number}"
        taken.add(name)
        result.append(name)
    return result


def _decimals(amounts: Iterable[float], least: int) -> int:
    """The fewest decimals from `least` to `MAX_DECIMALS` that express all amounts, `MAX_DECIMALS` if none do."""
    exact_amounts = [exact(amount) for amount in amounts]
    for decimals in range(least, MAX_DECIMALS):
        if all((amount * 10**decimals).denominator == 1 for amount in exact_amounts):
            return decimals
    return MAX_DECIMALS


def _decimal(figure: float) -> Decimal:
    return Decimal(repr(figure))


def _is_asset_id(name: str) -> bool:
    try:
        Asset(name, 0)
    except AssetListError:
        return False
    return True
