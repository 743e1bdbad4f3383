"""How a portfolio may be divided, as model documents state it: read, and put into words (docs/models/allocation.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from circuits.market.decimals import read_decimal
from circuits.modelling.words import exact_number, listed, percent_of
from circuits.models.risk_inputs import underlying_id
from primitives.assets import MAX_ASSETS
from primitives.strict_json import Json, JsonError, JsonObject

MAX_ENTRIES: Final = 4096
MAX_NAME: Final = 80
UNITS: Final = {"percent": 100, "basis-points": 10_000}
_MOST: Final = 1_000
"""No share is above that many times the portfolio: a typing error is likelier."""
_DECIMALS: Final = 4

HERFINDAHL_REMEDY: Final = (
    "a sum of squares of weights is quadratic in what is secret, and no row expresses it. The index of a long "
    "portfolio is at most its largest weight: state single_name.greatest, or an entry of largest"
)


@dataclass(frozen=True, slots=True)
class ShareBand:
    """The share of some assets together; None leaves a side open."""

    name: str
    assets: tuple[str, ...]
    least: Fraction | None
    greatest: Fraction | None
    path: str


@dataclass(frozen=True, slots=True)
class SingleName:
    """The largest share of any asset but `exempt`."""

    greatest: Fraction
    exempt: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest share of the `count` largest assets together."""

    count: int
    greatest: Fraction
    path: str


@dataclass(frozen=True)
class Target:
    """Weights b_a, and the most that ``sum |w_a - b_a|`` may be."""

    weights: Mapping[str, Fraction]
    drift: Fraction
    path: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """At least `least` assets with a share of at least `share` each."""

    least: int
    share: Fraction
    path: str


@dataclass(frozen=True)
class AllocationDocument:
    """All that a document states. Shares are parts of one."""

    is_long: bool
    bands: tuple[ShareBand, ...]
    sectors: tuple[ShareBand, ...]
    single_name: SingleName | None
    largest: tuple[Largest, ...]
    leverage: Fraction | None
    target: Target | None
    holdings: Holdings | None

    @classmethod
    def from_json(cls, fields: JsonObject) -> AllocationDocument:
        """Read the fields of the kind; the caller reads ``numbers``. Raises `JsonError`."""
        if fields.has("herfindahl"):
            raise fields.fail("herfindahl", HERFINDAHL_REMEDY)
        positions = fields.text("positions", max_length=16) if fields.has("positions") else "long"
        if positions not in ("long", "signed"):
            raise fields.fail("positions", f"{positions!r} is not 'long' or 'signed'")
        unit_name = fields.text("unit", max_length=16) if fields.has("unit") else "percent"
        if unit_name not in UNITS:
            raise fields.fail("unit", f"{unit_name!r} is not one of {', '.join(UNITS)}")
        reader = _Reader(UNITS[unit_name])
        made = cls(
            positions == "long",
            reader.bands(fields, "bands"),
            reader.bands(fields, "sectors"),
            reader.single_name(fields.optional_object("single_name")),
            reader.largest(fields),
            reader.leverage(fields),
            reader.target(fields.optional_object("target")),
            reader.holdings(fields.optional_object("holdings")),
        )
        if not made.words():
            raise fields.fail("bands", "is absent, and so is everything else that could be limited")
        return made

    def words(self) -> tuple[str, ...]:
        """A sentence for every limit, without a full stop."""
        lines = [_band_words(listed(band.assets), band) for band in self.bands]
        lines += [_band_words(f"{sector.name} ({listed(sector.assets)})", sector) for sector in self.sectors]
        if self.single_name is not None:
            but = f" but {listed(self.single_name.exempt)}" if self.single_name.exempt else ""
            lines.append(
                f"no asset{but} is more than {share_text(self.single_name.greatest)} of the portfolio"
            )
        lines += [
            f"the {each.count} largest assets are together at most {share_text(each.greatest)} of the portfolio"
            for each in self.largest
        ]
        if self.leverage is not None:
            lines.append(
                f"what is held and owed together is at most {exact_number(self.leverage)} times equity"
            )
        if self.target is not None:
            lines.append(
                f"weights differ from the target by at most {share_text(self.target.drift)} in all, an active share of "
                f"{share_text(self.target.drift / 2)}"
            )
        if self.holdings is not None:
            lines.append(
                f"at least {self.holdings.least} assets are {share_text(self.holdings.share)} of the portfolio or more"
            )
        return tuple(lines)


def share_text(share: Fraction) -> str:
    """``25 %``."""
    return percent_of(share)


def _band_words(subject: str, band: ShareBand) -> str:
    if band.least is None:
        return f"{subject}: at most {share_text(band.greatest or Fraction(0))} of the portfolio"
    if band.greatest is None:
        return f"{subject}: at least {share_text(band.least)} of the portfolio"
    return f"{subject}: from {share_text(band.least)} to {share_text(band.greatest)} of the portfolio"


class _Reader:
    """Reads shares that are in units of ``1/unit``."""

    def __init__(self, unit: int) -> None:
        self._unit = unit

    def share(self, fields: JsonObject, name: str, *, signed: bool = False) -> Fraction:
        """A share with at most four decimals."""
        number = Fraction(read_decimal(fields, name))
        if (number * 10**_DECIMALS).denominator != 1:
            raise fields.fail(name, f"has more than {_DECIMALS} decimals")
        share = number / self._unit
        if share < 0 and not signed:
            raise fields.fail(name, "is negative")
        if abs(share) > _MOST:
            raise fields.fail(name, f"is more than {_MOST} times the portfolio")
        return share

    def bands(self, fields: JsonObject, name: str) -> tuple[ShareBand, ...]:
        """``bands`` (one asset each) or ``sectors`` (a name and assets)."""
        if not fields.has(name):
            return ()
        parse = self._band if name == "bands" else self._sector
        found = tuple(fields.array(name, parse, max_items=MAX_ENTRIES))
        names: set[str] = set()
        for band in found:
            if band.name in names:
                raise JsonError(band.path, f"{band.name!r} has an entry already")
            names.add(band.name)
        return found

    def _band(self, value: Json, path: str) -> ShareBand:
        fields = JsonObject(value, path)
        asset = underlying_id(fields.raw("asset"), fields.path("asset"))
        return self._ends(fields, asset, (asset,), path)

    def _sector(self, value: Json, path: str) -> ShareBand:
        fields = JsonObject(value, path)
        name = fields.text("name", max_length=MAX_NAME)
        if not name.isprintable():
            raise fields.fail("name", "is not printable")
        return self._ends(fields, name, _assets(fields, "assets"), path)

    def _ends(self, fields: JsonObject, name: str, assets: tuple[str, ...], path: str) -> ShareBand:
        least = self.share(fields, "least", signed=True) if fields.has("least") else None
        greatest = self.share(fields, "greatest", signed=True) if fields.has("greatest") else None
        if least is None and greatest is None:
            raise fields.fail("greatest", "neither it nor 'least' is there: nothing is limited")
        if least is not None and greatest is not None and least > greatest:
            raise fields.fail("least", "is above 'greatest'")
        fields.finish()
        return ShareBand(name, assets, least, greatest, path)

    def single_name(self, fields: JsonObject | None) -> SingleName | None:
        """``{"greatest", "except"}``."""
        if fields is None:
            return None
        greatest = self.share(fields, "greatest")
        exempt = _assets(fields, "except") if fields.has("except") else ()
        fields.finish()
        return SingleName(greatest, exempt, fields.path("").removesuffix("."))

    def largest(self, fields: JsonObject) -> tuple[Largest, ...]:
        """``[{"count", "greatest"}, ...]``."""
        if not fields.has("largest"):
            return ()
        found = tuple(fields.array("largest", self._largest, max_items=MAX_ENTRIES))
        if len({each.count for each in found}) != len(found):
            raise fields.fail("largest", "has two entries of one count")
        return found

    def _largest(self, value: Json, path: str) -> Largest:
        fields = JsonObject(value, path)
        count, greatest = (
            fields.integer("count", minimum=1, maximum=MAX_ASSETS),
            self.share(fields, "greatest"),
        )
        fields.finish()
        return Largest(count, greatest, path)

    def leverage(self, fields: JsonObject) -> Fraction | None:
        """``leverage``, in times equity, not in percent."""
        if not fields.has("leverage"):
            return None
        leverage = Fraction(read_decimal(fields, "leverage"))
        if not 0 < leverage <= _MOST or (leverage * 10**_DECIMALS).denominator != 1:
            raise fields.fail(
                "leverage", f"is not above 0 and at most {_MOST}, with at most {_DECIMALS} decimals"
            )
        return leverage

    def target(self, fields: JsonObject | None) -> Target | None:
        """``{"weights": [{"asset", "weight"}, ...], "drift"}``."""
        if fields is None:
            return None
        entries = fields.array("weights", self._weight, max_items=MAX_ENTRIES)
        weights = dict(entries)
        if len(weights) != len(entries):
            raise fields.fail("weights", "names an asset twice")
        if sum(weights.values()) != 1:
            raise fields.fail(
                "weights", f"add up to {share_text(sum(weights.values(), Fraction(0)))}, not to 100 %"
            )
        drift = self.share(fields, "drift")
        fields.finish()
        return Target(weights, drift, fields.path("").removesuffix("."))

    def _weight(self, value: Json, path: str) -> tuple[str, Fraction]:
        fields = JsonObject(value, path)
        asset = underlying_id(fields.raw("asset"), fields.path("asset"))
        weight = self.share(fields, "weight", signed=True)
        fields.finish()
        return asset, weight

    def holdings(self, fields: JsonObject | None) -> Holdings | None:
        """``{"least", "share"}``."""
        if fields is None:
            return None
        least = fields.integer("least", minimum=1, maximum=MAX_ASSETS)
        share = self.share(fields, "share")
        if share == 0:
            raise fields.fail("share", "is zero: an asset of which nothing is held would count")
        fields.finish()
        return Holdings(least, share, fields.path("").removesuffix("."))


def _assets(fields: JsonObject, name: str) -> tuple[str, ...]:
    assets = tuple(fields.array(name, underlying_id, max_items=MAX_ASSETS))
    if not assets or len(set(assets)) != len(assets):
        raise fields.fail(name, "is empty, or names an asset twice")
    return assets
