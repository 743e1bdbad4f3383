"""The rows that prove ``MM >= 0``, ``IM >= 0`` or both, of the integer definition (docs/models/pmrm2.md, section 6).

Every term of the margin becomes an expression that the prover can at most under-state, and that they can make
exact; the modelling language checks it. One final row per scenario and margin then says that the margin under
that scenario is not negative:

    den_s Q + num_s phi_s >= 0       Q: the margin without its loss;   num_s / den_s = f d_s

Auxiliary variables are shared by all scenarios with the same shock, and by both margins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from circuits.modelling import (
    Expression,
    Model,
    absolute_value,
    either_or,
    is_active,
    maximum,
    minimum,
    sign_test,
    split,
)
from circuits.pmrm2.gadgets import capped_positive_part, discounted_loss
from circuits.pmrm2.integers import Coefficients, Discount, Factor, Figures, ScenarioFigures


class MarginKind(StrEnum):
    """Which margin is proven not to be negative."""

    MAINTENANCE = "maintenance"
    INITIAL = "initial"


class PerpHolding(StrEnum):
    """What is public about q."""

    PRIVATE = "private"
    HELD = "held"
    """Every account holds a perp: the rows prove q != 0."""
    NONE = "none"
    """No account does: the rows prove q = 0."""


@dataclass(frozen=True)
class Columns:
    """Asset ids of the columns of an account, and the bounds on their amounts in base units.

    `options` and `collaterals` are in the market's order; `others` count nothing and must not be negative.
    """

    cash: str
    perp: str | None
    unsettled: str | None
    options: tuple[str, ...]
    collaterals: tuple[str, ...]
    others: tuple[str, ...]
    bounds: Mapping[str, int]


def add_rows(
    model: Model,
    figures: Figures,
    columns: Columns,
    *,
    margins: Collection[MarginKind],
    holding: PerpHolding = PerpHolding.PRIVATE,
) -> None:
    """Add all constraints to `model`."""
    _Rows(model, figures, columns, holding).add(margins)


class _Rows:
    def __init__(self, model: Model, figures: Figures, columns: Columns, holding: PerpHolding) -> None:
        self._model = model
        self._figures = figures
        self._columns = columns
        self._holding = holding
        self._cash = self._position(columns.cash)
        self._options = [self._position(name) for name in columns.options]
        # 1. Collateral sign, and that of assets outside the margin.
        self._collaterals = [self._position(name, non_negative=True) for name in columns.collaterals]
        for name in columns.others:
            self._position(name, non_negative=True)
        self._zero = model.constant(0)
        self._perp = self._zero if columns.perp is None else self._position(columns.perp)
        self._require_holding()
        self._mark = [self._expiry_sum(e, figures.mark) for e in range(len(figures.options_of))]

    def add(self, margins: Collection[MarginKind]) -> None:
        phi = [self._phi(scenario) for scenario in self._figures.scenarios]
        beta = self._beta()
        for kind in MarginKind:
            if kind in margins:
                value, charges = self._value(), self._charges(kind)
                self._final(f"{kind}: basis", value, charges, getattr(self._figures, f"basis_{kind}"), beta)
                for scenario, loss in zip(self._figures.scenarios, phi, strict=True):
                    label = f"{kind}: scenario {scenario.name}"
                    self._final(label, value, charges, getattr(scenario, kind), loss)

    def _final(
        self, label: str, value: Expression, charges: Expression, factor: Factor, loss: Expression
    ) -> None:
        """9. ``den Q + num phi >= 0``, as equity ``den V`` and requirement ``den charges - num phi``."""
        scale = factor.denominator
        requirement = scale * charges - factor.numerator * loss
        self._model.require_margin(scale * value, requirement, label=label, scale=scale, is_reported=False)

    # The margin without its loss, Q = V - charges.

    def _value(self) -> Expression:
        """V, concave."""
        return self._model.sum(
            [
                self._figures.cash * self._cash,
                self._unsettled(),
                *self._mark,
                self._collateral_sum(self._figures.collaterals),
            ]
        )

    def _charges(self, kind: MarginKind) -> Expression:
        """What MM or IM is charged, convex."""
        figures = self._figures
        is_initial = kind is MarginKind.INITIAL
        perp = figures.perp_charge.maintenance
        collateral = [charge.maintenance for charge in figures.collateral_charges]
        short = [charge.maintenance for charge in figures.short_option_charges]
        charges = []
        if is_initial:
            perp += figures.perp_charge.added_for_initial + figures.perp_confidence
            collateral = [
                taken + charge.added_for_initial + confidence
                for taken, charge, confidence in zip(
                    collateral, figures.collateral_charges, figures.collateral_confidence, strict=True
                )
            ]
            short = [
                taken + charge.added_for_initial
                for taken, charge in zip(short, figures.short_option_charges, strict=True)
            ]
            charges += self._gross_charges()
        if perp:
            charges.append(perp * self._perp_size())
        charges.append(self._collateral_sum(collateral))
        charges += [
            charge * self._naked_shorts(legs)
            for legs, charge in zip(figures.strikes, short, strict=True)
            if charge
        ]
        return self._model.sum(charges)

    def _unsettled(self) -> Expression:
        """``u [q != 0]`` in value units, concave; the flag is exact, in either direction."""
        name = self._columns.unsettled
        if name is None or self._holding is PerpHolding.NONE:
            return self._zero
        u = self._position(name)
        if self._holding is PerpHolding.PRIVATE:
            u = self._model.memo(("counts", u.key()), lambda: self._gated(u, name))
        return self._figures.unsettled * u

    def _gated(self, u: Expression, name: str) -> Expression:
        bound, flag = self._columns.bounds[name], self._is_held()
        pieces = {"as it is": u + bound * (1 - flag), "without perp": bound * flag}
        return minimum(pieces, label=f"{name} that counts")

    def _is_held(self) -> Expression:
        """1 if q != 0, else 0, exactly: two booleans."""
        return self._model.memo(("perp is held", self._perp.key()), self._make_held)

    def _make_held(self) -> Expression:
        long = sign_test(self._perp - 1, label=f"{self._columns.perp} is long", exact=True)
        return long + sign_test(-self._perp - 1, label=f"{self._columns.perp} is short", exact=True)

    def _require_holding(self) -> None:
        name = self._columns.perp
        if name is None or self._holding is PerpHolding.PRIVATE:
            return
        if self._holding is PerpHolding.NONE:
            self._model.require(self._perp == 0, f"{name}: none is held")
        else:
            held = either_or(self._perp - 1 >= 0, -self._perp - 1 >= 0)
            self._model.require(held, f"{name}: some is held")

    def _perp_size(self) -> Expression:
        """2. ``|q|``, convex."""
        return absolute_value(self._perp, label=self._columns.perp)

    def _naked_shorts(self, legs: Sequence[int]) -> Expression:
        """3. ``max(0, -sum of the legs)``, convex."""
        return split(self._model.sum(self._options[i] for i in legs), label=self._strike_label(legs)).negative

    def _gross_charges(self) -> list[Expression]:
        """4. and 8. Confidence charges on ``|a_i|``, by whether a perp is held, convex."""
        figures = self._figures
        without, held = figures.gross_without_perp, figures.gross_with_perp
        if self._holding is PerpHolding.HELD:
            return self._gross(held)
        charges = self._gross(without)
        if self._columns.perp is None or self._holding is PerpHolding.NONE or without == held:
            return charges
        added = self._model.sum(self._gross([b - a for a, b in zip(without, held, strict=True)]))
        flag = (
            self._is_held()
            if self._columns.unsettled is not None
            else is_active([self._perp], label=f"{self._columns.perp} is held")
        )
        bound = self._model.clip(added.interval).greatest
        return [*charges, maximum(added - bound * (1 - flag), 0, label="confidence of the perp feed")]

    def _gross(self, rates: Sequence[int]) -> list[Expression]:
        return [
            rate * absolute_value(self._options[i], label=self._columns.options[i])
            for i, rate in enumerate(rates)
            if rate
        ]

    # Losses.

    def _phi(self, scenario: ScenarioFigures) -> Expression:
        """phi_s without its dampening, concave."""
        changes = [self._change(e, scenario) for e in range(len(self._figures.options_of))]
        moved = [scenario.perp * self._perp, self._collateral_sum(scenario.collaterals)]
        return self._model.sum([*moved, *changes])

    def _change(self, e: int, scenario: ScenarioFigures) -> Expression:
        """y_{e,s}, concave."""
        places = self._figures.options_of[e]
        is_skew = scenario.scenario.shock.is_skew
        discount = self._figures.discounts[e]
        if len(places) == 1 and discount is not Discount.CONVEX:
            (i,) = places
            return self._single_change(i, scenario.long[i], scenario.short[i], is_skew=is_skew)
        mark = self._mark[e]
        long, short = self._expiry_sum(e, scenario.long), self._expiry_sum(e, scenario.short)
        label = f"expiry {e + 1}, scenario {scenario.name}"
        if discount is Discount.LINEAR:
            return -absolute_value(long - mark, label=label) if is_skew else long - mark
        if not is_skew:
            # 6. min(L, U) = L - max(0, L - U);  max(L, U) = U + max(0, L - U).
            if discount is Discount.CONCAVE:
                return long - split(short - long, label=label).negative - mark
            return short + capped_positive_part(long - short, label=label) - mark
        # 7. Skew.
        if discount is Discount.CONCAVE:
            return -discounted_loss(long, short, mark, label=label)
        return -discounted_loss(-long, -short, -mark, label=label)

    def _single_change(self, i: int, long: int, short: int, *, is_skew: bool) -> Expression:
        """y of an expiry with the one option i, ``long <= short``: linear in both parts of a_i."""
        parts = split(self._options[i], label=self._columns.options[i])
        mark = self._figures.mark[i]
        if is_skew:
            return -abs(long - mark) * parts.positive - abs(mark - short) * parts.negative
        return (long - mark) * self._options[i] - (short - long) * parts.negative

    def _beta(self) -> Expression:
        """5. beta, concave."""
        figures = self._figures
        losses = []
        for e, places in enumerate(figures.options_of):
            if len(places) == 1:
                (i,) = places
                parts = split(self._options[i], label=self._columns.options[i])
                up, down = figures.basis_up[i], figures.basis_down[i]
                losses.append(min(0, up, down) * parts.positive + min(0, -up, -down) * parts.negative)
            elif places:
                up_loss = -self._expiry_sum(e, figures.basis_up)
                down_loss = -self._expiry_sum(e, figures.basis_down)
                losses.append(-maximum({"up": up_loss, "down": down_loss, "none": 0}, label=f"basis {e + 1}"))
        return self._model.sum(losses)

    # Sums and names.

    def _position(self, name: str, *, non_negative: bool = False) -> Expression:
        return self._model.position(name, bound=self._columns.bounds[name], non_negative=non_negative)

    def _expiry_sum(self, e: int, coefficients: Coefficients) -> Expression:
        ids = self._columns.options
        return self._model.linear({ids[i]: coefficients[i] for i in self._figures.options_of[e]})

    def _collateral_sum(self, coefficients: Sequence[int]) -> Expression:
        return self._model.linear(dict(zip(self._columns.collaterals, coefficients, strict=True)))

    def _strike_label(self, legs: Sequence[int]) -> str:
        return " + ".join(self._columns.options[i] for i in legs)
