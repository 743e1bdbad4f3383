"""Models as data: a model document of some kind and version, and the model it makes of a market and a book."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self, TypeAlias, TypeVar

from circuits.modelling.errors import ModelError
from circuits.modelling.evaluation import MarginEvaluator, MarginResult
from circuits.modelling.model import DEFAULT_POSITION_BOUND, Model
from circuits.modelling.words import ModelWords
from circuits.positions import PositionBatch
from circuits.prices import MAX_DECIMAL_LENGTH, MAX_SCALE, scaled_decimal
from circuits.public_market import PublicMarket
from circuits.rows import Scope
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.strict_json import JsonObject

_Market = TypeVar("_Market")

Evaluator: TypeAlias = Callable[[PositionBatch], MarginResult]

DEFAULT_CAP: Final = 1 << 40
"""Whole units of the quote currency."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The units and bounds of a model: which accounts are provable, and how wide rows get.

    Values count in units of ``10^-scale`` of the quote currency; `cap` is the largest gross value of an account,
    in whole units of it; absolute positions stay below ``2^position_bits`` base units.
    """

    scale: int = 6
    cap: int = DEFAULT_CAP
    position_bits: int = DEFAULT_POSITION_BOUND.bit_length() - 1

    @property
    def units(self) -> int:
        """Value units per whole unit of the quote currency."""
        units: int = 10**self.scale
        return units

    @property
    def value_cap(self) -> int:
        """The cap in value units."""
        return self.cap * self.units

    @classmethod
    def from_json(cls, fields: JsonObject, default: Numbers) -> Numbers:
        """The optional object ``numbers`` with the optional fields ``scale``, ``cap`` and ``position_bits``."""
        numbers = fields.optional_object("numbers")
        if numbers is None:
            return default
        scale, cap, bits = default.scale, default.cap, default.position_bits
        if numbers.has("scale"):
            scale = numbers.integer("scale", minimum=0, maximum=MAX_SCALE)
        if numbers.has("cap"):
            cap = numbers.decimal_integer("cap", minimum=1, maximum=1 << 80)
        if numbers.has("position_bits"):
            bits = numbers.integer("position_bits", minimum=1, maximum=63)
        numbers.finish()
        return cls(scale, cap, bits)


class ModelDefinition(ABC):
    """A model document that has been read: everything of the model but the market and the book's assets.

    A kind of model subclasses it, implements `from_json`, `words` and `build`, and registers in `circuits.models`.
    """

    kind: ClassVar[str]
    """The field ``kind`` of its documents."""
    version: ClassVar[int] = 1
    """The field ``version``: a document of another version is refused."""

    @classmethod
    @abstractmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields of the kind; the caller has read ``format``, ``kind`` and ``version``, and finishes.

        Raises `JsonError`.
        """

    @property
    @abstractmethod
    def numbers(self) -> Numbers:
        """Units and bounds of the model."""

    @property
    def has_concave_slack(self) -> bool:
        """Whether equity less requirement is a concave function of prices, of a book without options and inverse
        contracts: an account that is sufficient at two markets is so on the straight line between them.
        """
        return False

    @property
    def has_rising_charges(self) -> bool:
        """Whether equity is linear in the prices of contracts, and no requirement falls where prices rise."""
        return False

    @property
    def has_equity(self) -> bool:
        """Whether its margin conditions compare equity with a requirement, and not a public amount or a share of it."""
        return True

    @property
    def has_net_equity(self) -> bool:
        """Whether the equity of each margin condition counts all that is owed there, so that who has less than none
        is bankrupt: nothing that is owed stands among the requirements.
        """
        return False

    @abstractmethod
    def words(self) -> ModelWords:
        """What is proven of an account that satisfies the model, for people."""

    @abstractmethod
    def build(self, model: Model, market: PublicMarket | None) -> None:
        """Add the constraints, the margin condition among them. Raises `ModelError`."""

    def value_cap(self, assets: Sequence[Asset], market: PublicMarket | None) -> int:
        """What no row of an account within the cap exceeds, in value units. Raises `ModelError`."""
        del assets, market
        return self.numbers.value_cap

    def model(self, assets: Iterable[Asset], market: PublicMarket | None, scope: Scope = Scope.BOOK) -> Model:
        """The model for a book with these `assets`, ready to compile."""
        listed = tuple(assets)
        cap = self.value_cap(listed, market)
        model = Model(listed, scope=scope, cap=cap, position_bound=1 << self.numbers.position_bits)
        self.build(model, market)
        return model

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """`evaluate` for many batches: what does not depend on positions is made once. Raises `ModelError`."""
        return MarginEvaluator(self.model(assets, market), backend)

    def evaluate(
        self, positions: PositionBatch, assets: Iterable[Asset], market: PublicMarket | None
    ) -> MarginResult:
        """Equity, requirement, sufficiency and worst scenario per account; `sufficient` is what is provable."""
        return self.evaluator(assets, market)(positions)


def decimal_field(fields: JsonObject, name: str, *, decimals: int) -> int:
    """A field with canonical decimal text, in units of ``10^-decimals``; `JsonError` if that is not exact."""
    text = fields.text(name, max_length=MAX_DECIMAL_LENGTH)
    try:
        return scaled_decimal(text, decimals)
    except ValueError as error:
        raise fields.fail(name, f"{text!r} is {error}") from error


def expect_market(market: PublicMarket | None, kind: type[_Market]) -> _Market:
    """`market` if it is of this kind; `ModelError` otherwise."""
    if not isinstance(market, kind):
        found = "no market" if market is None else f"a {type(market).__name__}"
        raise ModelError(f"this model needs a {kind.__name__}, and was given {found}")
    return market
