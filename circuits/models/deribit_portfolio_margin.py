"""Deribit portfolio margin, segregated and cross (docs/models/deribit-portfolio-margin.md).

Per pair (an underlying) with index S, price range R, scenario losses loss_s of the account's positions, and delta
values N_e = S sum_{i in e} delta_i q_i per expiry, N over all:

    worst = max(0, loss_s for s in the standard table,
                   ratio_k loss_k - dampener_k for k in the extended table)
    roll  = sum_e |N_e| max(minimum_move, annual_move years_e)
    shock = a convex majorant of min(increment x (x - T/S), maximum x) S,  x = |N| / S

    requirement = f sum (worst + roll + shock),    f = 1 for initial, 0.8 for maintenance margin

Pairs of a correlation set move together: of each pair's gain a ratio counts, up to a cap, and none in the extended
table, so that the worst loss of the set stays convex and needs no boolean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from math import ceil, floor
from typing import ClassVar, Final, Self

from circuits.market.decimals import power_of_ten
from circuits.market.entries import round_fraction
from circuits.market.risk_array import Greek
from circuits.market.scenarios import MarketScenario, ScenarioSet
from circuits.market.snapshot import YEAR_SECONDS, Contract, Instrument, Option, Settlement, Spot
from circuits.modelling import Expression, Model, ModelError, absolute_value, maximum, positive_part
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers
from circuits.modelling.words import ModelWords, counted, listed, share_of
from circuits.models.deribit_parameters import (
    MAX_PAIRS,
    CorrelationSet,
    ExtendedMove,
    Numeraire,
    Pair,
    check_sets,
    parse_pair,
    parse_set,
)
from circuits.models.margin_evaluation import evaluate_scenario_margin
from circuits.models.risk_inputs import (
    RiskInputs,
    confined,
    fraction_field,
    rounded,
    underlying_id,
)
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSETS, Asset
from primitives.backend import Backend
from primitives.strict_json import JsonObject

DELTA_SCALE: Final = 10
"""Of deltas in the risk array, per contract and times its multiplier, which may be 1,000."""
SLOPE_SCALE: Final = 10_000
"""Slopes of chords are rounded up to a multiple of ``1 / SLOPE_SCALE``."""


@dataclass(frozen=True)
class DeribitPortfolioMargin(ModelDefinition):
    """``{"kind": "deribit-portfolio-margin", "version": 1, "margin", "numeraire", "pairs", "sets", ...}``."""

    kind: ClassVar[str] = "deribit-portfolio-margin"

    factor: Fraction
    """1 for the initial margin."""
    numeraire: Numeraire
    pairs: tuple[Pair, ...]
    sets: tuple[CorrelationSet, ...]
    ignored: tuple[str, ...]
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields of the kind (docs/models/deribit-portfolio-margin.md)."""
        margin = fields.text("margin", max_length=16)
        if margin not in ("initial", "maintenance"):
            raise fields.fail("margin", f"{margin!r} is not 'initial' or 'maintenance'")
        factor = fraction_field(fields, "maintenance_factor", maximum=1)
        if factor == 0:
            raise fields.fail("maintenance_factor", "is zero")
        numeraire = fields.text("numeraire", max_length=16)
        if numeraire not in tuple(Numeraire):
            raise fields.fail("numeraire", f"{numeraire!r} is not 'coin' or 'quote'")
        pairs = tuple(fields.array("pairs", parse_pair, max_items=MAX_PAIRS))
        sets = tuple(fields.array("sets", parse_set, max_items=MAX_PAIRS)) if fields.has("sets") else ()
        check_sets(fields, pairs, sets)
        if numeraire == Numeraire.COIN and len(pairs) != 1:
            raise fields.fail(
                "pairs", "in the numeraire 'coin' there is one pair: state a model for each coin"
            )
        ignored: tuple[str, ...] = ()
        if fields.has("ignored"):
            ignored = tuple(fields.array("ignored", underlying_id, max_items=MAX_ASSETS))
        return cls(
            Fraction(1) if margin == "initial" else factor,
            Numeraire(numeraire),
            pairs,
            sets,
            ignored,
            Numbers.from_json(fields, Numbers()),
        )

    @property
    def numbers(self) -> Numbers:
        """10^-6 by default."""
        return self._numbers

    @property
    def has_net_equity(self) -> bool:
        """The value of all positions."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        kind = "initial" if self.factor == 1 else "maintenance"
        scenarios = sorted({len(each.standard) + len(each.extended) for each in self.pairs})
        count = " or ".join(f"{each:,}" for each in scenarios)
        is_coin = self.numeraire == Numeraire.COIN
        conditions = [
            f"{kind} margin: all positions at mark prices are together worth at least {share_of(self.factor)}the sum "
            f"of the worst loss over {count} scenarios of the standard and the extended table, the roll shock by "
            f"expiry and the delta shock, of {counted(len(self.pairs), 'pair')}"
        ]
        held = [each for each in self.pairs if each.delta_shock.chords == 0]
        if held:
            names = listed([each.underlying for each in held])
            conditions.append(f"delta: stays within the threshold of the delta shock, for {names}")
        conservative = []
        if len(held) < len(self.pairs):
            conservative.append("the delta shock is charged by straight lines that are never below it")
        if self.sets:
            conservative.append("a gain in the extended table does not offset the loss of another pair")
        if len(self.pairs) > 1:
            conservative.append("pairs outside a correlation set do not offset each other")
        if self.ignored:
            conservative.append(
                f"left out, and not covered by what is proven here: {listed(self.ignored)} count nothing, held or owed"
            )
        conservative.append("rounding: prices, losses and deltas to the nearest unit, slopes up")
        title = "Deribit portfolio margin, " + ("segregated, counted in its coin" if is_coin else "cross")
        return ModelWords(title, tuple(conditions), tuple(conservative))

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; every asset that is not ignored must be an instrument of the market and of a pair, or cash."""
        for asset in self.ignored:
            if asset not in model.assets:
                raise ModelError(f"ignored asset {asset!r} is not in the book")
        scales = {Greek.DELTA: DELTA_SCALE}
        inputs = RiskInputs.of(market, model, self.scenario_set, self.numbers, scales, self.ignored)
        for asset, instrument in inputs.instruments.items():
            self._check_instrument(asset, instrument)
        held = [
            _PairRows(model, inputs, pair, self.numeraire)
            for pair in self.pairs
            if inputs.members(pair.underlying)
        ]
        scenarios: dict[str, Expression] = {}
        charges = [_alone(pair, scenarios) for pair in held if self._set_of(pair.pair) is None]
        for members in self.sets:
            present = [pair for pair in held if pair.pair.underlying in members.pairs]
            if present:
                charges.append(_together(model, members, present, self.numbers, scenarios))
        charges += [pair.roll_shock() for pair in held]
        shocks = [shock for pair in held if (shock := pair.delta_shock(self.numbers)) is not None]
        scale = self._scale
        share = self.factor.numerator * (scale // self.factor.denominator)
        requirement = share * model.sum(charges)
        if shocks:
            requirement = requirement + share // SLOPE_SCALE * model.sum(shocks)
        model.require_margin(
            scale * model.linear(inputs.values()), requirement, scenarios=scenarios, scale=scale
        )

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """In whole value units, the requirement rounded up; in numpy, with any backend."""
        del backend
        return partial(evaluate_scenario_margin, self.model(assets, market), scale=self._scale)

    @property
    def _scale(self) -> int:
        """Of the margin condition: makes the factor and the slopes of chords integers."""
        has_chords = any(pair.delta_shock.chords for pair in self.pairs)
        return self.factor.denominator * (SLOPE_SCALE if has_chords else 1)

    def scenario_set(self, underlyings: Sequence[str]) -> ScenarioSet:
        """The scenarios of a book with these underlyings; those of a pair leave the others alone."""
        known = [pair.underlying for pair in self.pairs]
        for underlying in underlyings:
            if underlying not in known:
                raise ModelError(f"underlying {underlying!r} is no pair of the model")
        return ScenarioSet(
            tuple(
                confined(scenario, pair.label(scenario), [pair.underlying])
                for pair in self.pairs
                if pair.underlying in underlyings
                for scenario in pair.scenarios
            )
        )

    def _set_of(self, pair: Pair) -> CorrelationSet | None:
        return next((members for members in self.sets if pair.underlying in members.pairs), None)

    def _check_instrument(self, asset: str, instrument: Instrument) -> None:
        if self.numeraire is Numeraire.QUOTE or isinstance(instrument, Spot | Option):
            return
        if isinstance(instrument, Contract) and instrument.settlement is Settlement.INVERSE:
            return
        raise ModelError(
            f"asset {asset!r}: in the numeraire 'coin' there are the coin itself, inverse contracts and options; "
            "list others as ignored"
        )


class _PairRows:
    """The expressions of one pair, in value units."""

    def __init__(self, model: Model, inputs: RiskInputs, pair: Pair, numeraire: Numeraire) -> None:
        self.pair = pair
        self._model = model
        self._inputs = inputs
        self._members = inputs.members(pair.underlying)
        self._index = inputs.index(pair.underlying)
        self._is_coin = numeraire is Numeraire.COIN

    def standard_loss(self, scenario: MarketScenario, ratio: Fraction = Fraction(1)) -> Expression:
        """In the quote currency, or in coin at the shocked price and counted at today's index; times `ratio`."""
        (move,) = scenario.moves
        return self._loss(scenario, Fraction(move.multiple) if self._is_coin else Fraction(1), ratio)

    def extended_loss(self, move: ExtendedMove) -> Expression:
        """``ratio_k loss_k - dampener_k``, in coin at the price at the edge of the range."""
        edge = self._edge(move) if self._is_coin else Fraction(1)
        relief = floor(move.dampener * power_of_ten(self._inputs.array.scale) / edge)
        return self._loss(move.scenario, edge, move.ratio) - relief

    def _edge(self, move: ExtendedMove) -> Fraction:
        (shock,) = move.scenario.moves
        return 1 + self.pair.price_range if shock.multiple > 1 else 1 - self.pair.price_range

    def _loss(self, scenario: MarketScenario, divisor: Fraction, ratio: Fraction) -> Expression:
        """``ratio (V - V')``; in coin, with the price m times what it is, ``ratio (V m - V') / divisor``.

        V and V' are values now and shocked, from the risk array: ``V m - V' = S m (V / S - V' / (S m))`` is the
        loss in coin, counted at m times the index S. Coefficients are rounded to the nearest unit.
        """
        (move,) = scenario.moves
        losses = self._inputs.losses(self.pair.label(scenario), self._members)
        values = self._inputs.values()
        growth = Fraction(move.multiple) - 1 if self._is_coin else Fraction(0)
        terms = {
            asset: round_fraction(ratio * (loss + growth * values[asset]) / divisor)
            for asset, loss in losses.items()
            # The coin itself has no profit in coin; its rounded figures would say a little.
            if not (self._is_coin and isinstance(self._inputs.instruments[asset], Spot))
        }
        return self._model.linear(terms)

    def roll_shock(self) -> Expression:
        """``sum_e |sum_i rate_e S delta_i q_i|``, coefficients to the nearest unit."""
        deltas = self._contract_deltas()
        by_expiry: dict[str, dict[str, int]] = {}
        for asset, delta in deltas.items():
            rate, expiry = self._roll_rate(self._inputs.instruments[asset])
            by_expiry.setdefault(expiry, {})[asset] = round_fraction(rate * delta)
        return self._model.sum(
            absolute_value(self._model.linear(terms), label=f"{self.pair.underlying} roll {expiry}")
            for expiry, terms in by_expiry.items()
        )

    def _roll_rate(self, instrument: Instrument) -> tuple[Fraction, str]:
        expiry = instrument.expiry if isinstance(instrument, Contract | Option) else None
        if expiry is None:
            return self.pair.minimum_move, "perpetual"
        years = Fraction(self._inputs.snapshot.seconds_to(expiry)) / YEAR_SECONDS
        return max(self.pair.minimum_move, self.pair.annual_move * years), expiry.isoformat()

    def _contract_deltas(self) -> dict[str, Fraction]:
        """Delta values per base unit of contracts and options; of inverse contracts ``multiplier / mark`` coins."""
        values = self._inputs.delta_values(DELTA_SCALE)
        result = {}
        for asset in self._members:
            instrument = self._inputs.instruments[asset]
            if isinstance(instrument, Contract) and instrument.settlement is Settlement.INVERSE:
                coins = Fraction(instrument.multiplier) / Fraction(instrument.mark)
                units = power_of_ten(self._inputs.array.scale - self._inputs.decimals[asset])
                result[asset] = coins * self._index * units
            elif not isinstance(instrument, Spot):
                result[asset] = values[asset]
        return result

    def delta_shock(self, numbers: Numbers) -> Expression | None:
        """In ``1 / SLOPE_SCALE`` value unit. Without chords the model requires a delta within the threshold: None."""
        shock, name = self.pair.delta_shock, self.pair.underlying
        if self._is_coin:
            deltas: Mapping[str, Fraction] = self._contract_deltas()
        else:
            everything = self._inputs.delta_values(DELTA_SCALE)
            deltas = {asset: everything[asset] for asset in self._members}
        net = self._model.linear(rounded(deltas))
        if not shock.chords:
            limit = floor(shock.threshold * numbers.units)
            self._model.require(limit - net >= 0, f"{name} long delta within the threshold")
            self._model.require(limit + net >= 0, f"{name} short delta within the threshold")
            return None
        size = absolute_value(net, label=f"{name} net delta")
        pieces: dict[str, Expression | int] = {"below the threshold": 0}
        for number, ((x0, y0), (x1, y1)) in enumerate(pairwise(shock.knots(self._index)), start=1):
            slope = ceil(SLOPE_SCALE * (y1 - y0) / (x1 - x0))
            level = ceil((SLOPE_SCALE * y0 - slope * x0) * numbers.units)
            pieces[f"chord {number}"] = slope * size + level
        return maximum(pieces, label=f"{name} delta shock", scale=SLOPE_SCALE)


def _alone(rows: _PairRows, scenarios: dict[str, Expression]) -> Expression:
    """The worst loss of a pair in no set; adds its losses to `scenarios`."""
    pair = rows.pair
    pieces = {scenario.label: rows.standard_loss(scenario) for scenario in pair.standard}
    pieces |= {move.scenario.label: rows.extended_loss(move) for move in pair.extended}
    scenarios |= {f"{pair.underlying}: {label}": loss for label, loss in pieces.items()}
    return maximum(pieces | {"nothing": 0}, label=f"{pair.underlying} worst loss")


def _together(
    model: Model,
    members: CorrelationSet,
    held: Sequence[_PairRows],
    numbers: Numbers,
    scenarios: dict[str, Expression],
) -> Expression:
    """The worst loss of a set of pairs; adds its losses to `scenarios`.

    Of a pair with loss p in a standard scenario ``max(p, gain_ratio p, -gain_cap)`` counts, in an extended one
    ``max(p, 0)``.
    """
    name = "+".join(members.pairs)
    cap = floor(members.gain_cap * numbers.units)
    losses: dict[str, Expression] = {}
    for place, (bucket, change) in enumerate(held[0].pair.cells):
        counted = []
        for rows in held:
            own = rows.pair.standard[place]
            pieces: dict[str, Expression | int] = {
                "loss": rows.standard_loss(own),
                "gain": rows.standard_loss(own, members.gain_ratio),
                "cap": -cap,
            }
            counted.append(maximum(pieces, label=f"{rows.pair.label(own)} counted"))
        losses[f"bucket {bucket:+d}, volatility {change}"] = model.sum(counted)
    for place, move in enumerate(held[0].pair.extended):
        losses[move.scenario.label] = model.sum(
            positive_part(
                rows.extended_loss(rows.pair.extended[place]),
                label=f"{rows.pair.label(move.scenario)} counted",
            )
            for rows in held
        )
    scenarios |= {f"{name}: {label}": loss for label, loss in losses.items()}
    return maximum(losses | {"nothing": 0}, label=f"{name} worst loss")
