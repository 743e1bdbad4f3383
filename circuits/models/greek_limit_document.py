"""Limits on Greeks as model documents state them: read, and put into words (docs/models/greeks-limits.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeVar

from circuits.market.decimals import read_decimal
from circuits.market.risk_array import MAX_GREEK_SCALE, Greek
from circuits.market.snapshot import Contract, Instrument, MarketSnapshot, Option
from circuits.modelling.words import percent_of
from circuits.models.risk_inputs import underlying_id, underlying_of
from circuits.prices import MAX_DECIMAL_LENGTH, scaled_decimal
from primitives.amounts_text import plain_amount
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS
from primitives.strict_json import Json, JsonError, JsonObject

MAX_LIMITS: Final = 1024
MAX_NAME: Final = 80
MAX_DAYS: Final = 36_500
DEFAULT_SCALES: Final[Mapping[Greek, int]] = MappingProxyType(
    {Greek.DELTA: 10, Greek.GAMMA: 14, Greek.VEGA: 8, Greek.THETA: 8}
)
"""Of the entries of the risk array: fine enough for options in lots of 0.01."""
WITHOUT_EXPIRY: Final = "perpetual"
_PERCENT: Final = 100
_Kind = TypeVar("_Kind", bound=StrEnum)


class Measure(StrEnum):
    """What of a Greek is limited."""

    NET = "net"
    """``sum_i g_i q_i``."""
    HEDGED = "hedged"
    """``sum_i g_i (q_i + h_i)`` with the public hedge h of the document."""
    GROSS = "gross"
    """``sum_i |g_i q_i|``."""
    EQUITY = "equity"
    """``S |sum_i delta_i q_i|`` against equity, S the index."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Instruments that expire more than `after_days` and at most `to_days` after the market's moment.

    None leaves a side open. `is_perpetual`: those that never expire, in place of that.
    """

    after_days: int | None = None
    to_days: int | None = None
    is_perpetual: bool = False

    def holds(self, instrument: Instrument, moment: datetime) -> bool:
        """Whether an instrument is of the bucket."""
        expiry = instrument.expiry if isinstance(instrument, Option | Contract) else None
        if self.is_perpetual or expiry is None:
            return self.is_perpetual and expiry is None
        left = expiry - moment
        is_after = self.after_days is None or left > timedelta(days=self.after_days)
        return is_after and (self.to_days is None or left <= timedelta(days=self.to_days))

    def words(self) -> str:
        """To follow what it is about."""
        if self.is_perpetual:
            return " of what never expires"
        if self.after_days is None:
            return f" of expiries within {self.to_days:,} days"
        if self.to_days is None:
            return f" of expiries beyond {self.after_days:,} days"
        return f" of expiries beyond {self.after_days:,} and within {self.to_days:,} days"


@dataclass(frozen=True, slots=True)
class GreekLimit:
    """One entry of ``limits``. `least` and `greatest` are in units of the Greek's scale; None leaves a side open.

    `share` is that of equity, for `Measure.EQUITY`. `path` is where the entry stands, for errors.
    """

    name: str
    greek: Greek
    underlying: str
    bucket: Bucket | None
    measure: Measure
    least: int | None
    greatest: int | None
    share: Fraction | None
    path: str

    def members(self, instruments: Mapping[str, Instrument], snapshot: MarketSnapshot) -> list[str]:
        """The assets that the limit is about, in the book's order."""
        return [
            asset
            for asset, instrument in instruments.items()
            if underlying_of(instrument) == self.underlying
            and (self.bucket is None or self.bucket.holds(instrument, snapshot.as_of))
        ]

    def words(self, owner: str, scale: int) -> str:
        """A sentence without its full stop: ``the book's net delta in BTC is within -5 and 5``."""
        what = f"{self.greek.value} in {self.underlying}{'' if self.bucket is None else self.bucket.words()}"
        if self.measure is Measure.EQUITY and self.share is not None:
            share = f"{percent_of(self.share)} of its equity"
            return f"{owner} {what}, at the index, is worth at most {share} either way"
        if self.measure is Measure.GROSS:
            return f"{owner} gross {what} is at most {_text(self.greatest, scale)}"
        subject = f"{owner} net {what}"
        if self.measure is Measure.HEDGED:
            subject += ", after the hedge of the document,"
        return f"{subject} is {self._range_words(scale)}"

    def _range_words(self, scale: int) -> str:
        if self.least is None:
            return f"at most {_text(self.greatest, scale)}"
        if self.greatest is None:
            return "not negative" if self.least == 0 else f"at least {_text(self.least, scale)}"
        if self.least == -self.greatest:
            return "zero" if self.least == 0 else f"within +-{_text(self.greatest, scale)}"
        return f"at least {_text(self.least, scale)} and at most {_text(self.greatest, scale)}"


@dataclass(frozen=True)
class LimitDocument:
    """What documents of limits have in common."""

    limits: tuple[GreekLimit, ...]
    scales: Mapping[Greek, int]
    hedge: Mapping[str, Decimal]
    """Whole units by asset id."""
    ignored: tuple[str, ...]
    """Assets of the book that no instrument of the market stands for."""

    @property
    def greek_scales(self) -> dict[Greek, int]:
        """Of the Greeks that some limit is about: the risk array's."""
        used = {limit.greek for limit in self.limits}
        return {greek: self.scales[greek] for greek in Greek if greek in used}

    @classmethod
    def from_json(cls, fields: JsonObject) -> LimitDocument:
        """Read ``limits`` and the optional ``scales``, ``hedge`` and ``ignored``. Raises `JsonError`."""
        scales = _parse_scales(fields.optional_object("scales"))
        hedge = _parse_hedge(fields)
        ignored = (
            tuple(fields.array("ignored", underlying_id, max_items=MAX_ASSETS))
            if fields.has("ignored")
            else ()
        )
        limits = tuple(
            fields.array(
                "limits",
                lambda value, path: _parse_limit(value, path, scales, has_hedge=bool(hedge)),
                max_items=MAX_LIMITS,
            )
        )
        if not limits:
            raise fields.fail("limits", "is empty")
        seen: dict[str, str] = {}
        for limit in limits:
            if limit.name in seen:
                raise JsonError(
                    f"{limit.path}.name", f"{limit.name!r} is the name of {seen[limit.name]} already"
                )
            seen[limit.name] = limit.path
        if hedge and not any(limit.measure is Measure.HEDGED for limit in limits):
            raise fields.fail("hedge", "is there, and no limit has the measure 'hedged'")
        return cls(limits, scales, hedge, ignored)


def _parse_limit(value: Json, path: str, scales: Mapping[Greek, int], *, has_hedge: bool) -> GreekLimit:
    fields = JsonObject(value, path)
    name = fields.text("name", max_length=MAX_NAME)
    if not name.isprintable() or name != name.strip():
        raise fields.fail("name", "is not printable text without white space at either end")
    greek = _choice(fields, "greek", Greek)
    underlying = fields.text("underlying", max_length=MAX_ASSET_ID_BYTES)
    bucket = _parse_bucket(fields) if fields.has("expiries") else None
    measure = _choice(fields, "measure", Measure) if fields.has("measure") else Measure.NET
    least = greatest = share = None
    if measure is Measure.EQUITY:
        if greek is not Greek.DELTA:
            raise fields.fail("measure", f"'equity' is a measure of delta, not of {greek.value}")
        share = Fraction(read_decimal(fields, "share"))
        if not 0 < share <= _PERCENT:
            raise fields.fail("share", "is not above 0 and at most 100 (1 is all of the equity)")
    else:
        least = _bound(fields, "least", scales[greek]) if measure is not Measure.GROSS else None
        greatest = _bound(fields, "greatest", scales[greek])
        _check_range(fields, measure, least, greatest)
    if measure is Measure.HEDGED and not has_hedge:
        raise fields.fail("measure", "is 'hedged', and the document has no hedge")
    fields.finish()
    return GreekLimit(name, greek, underlying, bucket, measure, least, greatest, share, path)


def _check_range(fields: JsonObject, measure: Measure, least: int | None, greatest: int | None) -> None:
    if measure is Measure.GROSS and (greatest is None or greatest < 0):
        raise fields.fail("greatest", "a gross limit needs one, not negative")
    if least is None and greatest is None:
        raise fields.fail("greatest", "neither it nor 'least' is there: nothing is limited")
    if least is not None and greatest is not None and least > greatest:
        raise fields.fail("least", "is above 'greatest'")


def _parse_bucket(fields: JsonObject) -> Bucket:
    value = fields.peek("expiries")
    if isinstance(value, str):
        fields.constant("expiries", WITHOUT_EXPIRY)
        return Bucket(is_perpetual=True)
    inner = fields.object("expiries")
    after, to = (
        inner.integer(name, minimum=0, maximum=MAX_DAYS) if inner.has(name) else None
        for name in ("after_days", "to_days")
    )
    inner.finish()
    if after is None and to is None:
        raise fields.fail("expiries", f"needs 'after_days' or 'to_days', or is {WITHOUT_EXPIRY!r}")
    if after is not None and to is not None and after >= to:
        raise fields.fail("expiries", "holds no moment: 'to_days' is not above 'after_days'")
    return Bucket(after, to)


def _parse_scales(fields: JsonObject | None) -> Mapping[Greek, int]:
    if fields is None:
        return DEFAULT_SCALES
    scales = {
        greek: fields.integer(greek.value, minimum=0, maximum=MAX_GREEK_SCALE)
        if fields.has(greek.value)
        else DEFAULT_SCALES[greek]
        for greek in Greek
    }
    fields.finish()
    return scales


def _parse_hedge(fields: JsonObject) -> Mapping[str, Decimal]:
    if not fields.has("hedge"):
        return {}
    entries = fields.array("hedge", _parse_hedge_entry, max_items=MAX_ASSETS)
    hedge = dict(entries)
    if not entries or len(hedge) != len(entries):
        raise fields.fail("hedge", "is empty, or names an asset twice")
    return hedge


def _parse_hedge_entry(value: Json, path: str) -> tuple[str, Decimal]:
    fields = JsonObject(value, path)
    asset, amount = underlying_id(fields.raw("asset"), fields.path("asset")), read_decimal(fields, "amount")
    fields.finish()
    return asset, amount


def _bound(fields: JsonObject, name: str, scale: int) -> int | None:
    if not fields.has(name):
        return None
    text = fields.text(name, max_length=MAX_DECIMAL_LENGTH)
    try:
        bound = scaled_decimal(text, scale)
    except ValueError as error:
        raise fields.fail(name, f"{text!r} is {error}") from error
    if abs(bound).bit_length() > 100:
        raise fields.fail(name, "is beyond any book")
    return bound


def _choice(fields: JsonObject, name: str, kind: type[_Kind]) -> _Kind:
    text = fields.text(name, max_length=16)
    if text not in tuple(kind):
        raise fields.fail(name, f"{text!r} is not one of {', '.join(kind)}")
    return kind(text)


def _text(units: int | None, scale: int) -> str:
    return plain_amount(units or 0, scale)
