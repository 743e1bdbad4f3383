"""Tails of weighted losses: meaning, witness and an integer solver say the same, at the boundary and one off it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from modelling_support import batch_of, check_agreement, small_model

from circuits.modelling import CurvatureError, Model, ModelError, absolute_value
from circuits.modelling.explanation import explain
from circuits.modelling.expressions import Expression
from circuits.modelling.tails import quantiles, tail_quantile, tail_sum, tail_sums
from circuits.rows import Form
from circuits.wide_integers import WideIntegers
from circuits.witness import StepwiseWitness, WeightedOrderStatistic, step_value

PNL = [(5, -3, 1), (-7, 2, 4), (1, 1, -6), (-2, -9, 3), (8, 0, -1), (-4, 6, 2), (3, -5, -5)]
WEIGHTS = (4, 1, 3, 1, 2, 7, 1)


def losses_of(model: Model, pnl: Sequence[tuple[int, ...]] = PNL) -> dict[str, Expression]:
    return {
        f"s{number}": model.linear(dict(zip("ABC", (-each for each in row), strict=True)))
        for number, row in enumerate(pnl)
    }


def plain_losses(account: Sequence[int], pnl: Sequence[tuple[int, ...]] = PNL) -> list[int]:
    return [-sum(a * b for a, b in zip(account, row, strict=False)) for row in pnl]


def plain_tail(losses: Sequence[int], weights: Sequence[int], tail: Fraction) -> Fraction:
    """The definition of Rockafellar and Uryasev: the least over t, which is reached at one of the losses."""
    return min(
        tail * t + sum(w * max(0, loss - t) for loss, w in zip(losses, weights, strict=True)) for t in losses
    )


def plain_quantile(losses: Sequence[int], weights: Sequence[int], allowed: int) -> int:
    return next(
        v
        for v in sorted({0, *(max(0, loss) for loss in losses)})
        if sum(w for loss, w in zip(losses, weights, strict=True) if loss > v) <= allowed
    )


@pytest.mark.parametrize("weights", [(1,) * 7, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("tail", [Fraction(1, 3), Fraction(2), Fraction(5, 2), Fraction(7)])
def test_expected_shortfall_at_the_boundary(weights: tuple[int, ...], tail: Fraction) -> None:
    generator = random.Random(11)
    model = small_model()
    form = tail_sum(losses_of(model), weights, tail.numerator, tail.denominator, label="tail")
    model.require(tail.numerator * model.position("CASH") - form >= 0, "margin")
    accounts, expected = [], []
    for _ in range(6):
        held = [generator.randint(-63, 63) for _ in range(3)]
        shortfall = plain_tail(plain_losses(held), weights, tail) / tail
        needed = -(-shortfall.numerator // shortfall.denominator)
        accounts += [[*held, needed], [*held, needed - 1], [*held, needed + 1]]
        expected += [True, False, True]
    check_agreement(model, accounts, expected)


@pytest.mark.parametrize("weights", [(1,) * 7, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("allowed", [0, 1, 3, 6])
def test_value_at_risk_at_the_boundary(weights: tuple[int, ...], allowed: int) -> None:
    generator = random.Random(12)
    model = small_model()
    value = tail_quantile(losses_of(model), weights, allowed, label="tail")
    model.require(model.position("CASH") - value >= 0, "margin")
    accounts, expected = [], []
    for _ in range(6):
        held = [generator.randint(-63, 63) for _ in range(3)]
        needed = plain_quantile(plain_losses(held), weights, allowed)
        accounts += [[*held, needed], [*held, needed - 1], [*held, needed + 1]]
        expected += [True, False, True]
    check_agreement(model, accounts, expected)


def test_a_tail_of_gains_is_negative_and_a_quantile_of_gains_zero() -> None:
    pnl = [(1, 0, 0), (2, 0, 0), (3, 0, 0)]
    model = small_model()
    form = tail_sum(losses_of(model, pnl), (1, 1, 1), 3, 2, label="tail")
    model.require(3 * model.position("CASH") - form >= 0, "margin")
    # The tail of weight 3/2 of losses -10, -20, -30: (-10 - 10) / (3/2) = -13.3
    check_agreement(model, [[10, 0, 0, -13], [10, 0, 0, -14]], [True, False])
    other = small_model()
    value = tail_quantile(losses_of(other, pnl), (1, 1, 1), 1, label="tail")
    other.require(other.position("CASH") - value >= 0, "margin")
    check_agreement(other, [[10, 0, 0, 0], [10, 0, 0, -1]], [True, False])


def test_a_quantile_and_a_gain_of_the_greatest_size_fit_a_row() -> None:
    model = small_model()
    held = model.position("A")
    value = tail_quantile({"up": held, "down": -held}, (1, 1), 0, label="tail")
    model.require(model.position("CASH") - value >= 0, "margin")
    check_agreement(model, [[63, 0, 0, 63], [-63, 0, 0, 63], [63, 0, 0, 62]], [True, True, False])


def test_meanings_are_those_of_integers_of_any_size() -> None:
    big = [np.array([value * 2**70], object) for value in (5, -3, 9)]
    assert tail_sums((1, 2, 1), 3, 2, big)[0] == 2**70 * (2 * 9 + 5)
    assert quantiles((1, 2, 1), 1, big)[0] == 5 * 2**70
    # Here sums of 64-bit products would wrap.
    narrow: list[Any] = [np.array([value << 60], np.int64) for value in (3, 2, 1)]
    assert tail_sums((1, 2, 1), 4, 1, narrow)[0] == 8 << 60


def test_what_it_costs() -> None:
    """N + 1 variables and N rows of a shortfall; N booleans, one variable, N + 1 rows of a quantile."""
    model = small_model()
    model.require(
        model.position("CASH") - tail_sum(losses_of(model), WEIGHTS, 2, 1, label="tail") >= 0, "margin"
    )
    size = explain(model)
    assert (size.auxiliaries, size.booleans) == (8, 0)
    assert (size.rows, size.integrality_rows) == (7 + 1 + 3, 3)
    other = small_model()
    other.require(
        other.position("CASH") - tail_quantile(losses_of(other), WEIGHTS, 2, label="tail") >= 0, "margin"
    )
    size = explain(other)
    assert (size.auxiliaries, size.booleans) == (8, 7)
    assert (size.rows, size.integrality_rows) == (7 + 1 + 1 + 3, 3)


def test_refusals() -> None:
    model = small_model()
    losses = losses_of(model)
    with pytest.raises(ModelError, match="8/1 is not in"):
        tail_sum(losses, (1,) * 7, 8, 1, label="x")
    with pytest.raises(ModelError, match="0/1 is not in"):
        tail_sum(losses, (1,) * 7, 0, 1, label="x")
    with pytest.raises(ModelError, match="7 is not in"):
        tail_quantile(losses, (1,) * 7, 7, label="x")
    with pytest.raises(ModelError, match="6 weights for 7 losses"):
        tail_sum(losses, (1,) * 6, 1, 1, label="x")
    with pytest.raises(ModelError, match="integers of at least 1"):
        tail_sum(losses, (0, *WEIGHTS[1:]), 1, 1, label="x")
    with pytest.raises(ModelError, match="2\\^40"):
        tail_quantile(losses, (1 << 40, *WEIGHTS[1:]), 1, label="x")
    size = absolute_value(model.position("A"))
    with pytest.raises(CurvatureError, match="tail sum"):
        tail_sum({"s": -size, "t": size}, (1, 1), 1, 1, label="x")
    with pytest.raises(CurvatureError, match="tail quantile"):
        tail_quantile({"s": size, "t": -size}, (1, 1), 1, label="x")


# The witness step.


def test_the_weighted_order_statistic_counts_weights() -> None:
    forms = tuple(Form(((asset, 1),), (), 0) for asset in range(4))
    amounts = [7, -2, 5, 5]
    for rank, expected in ((1, 7), (2, 7), (3, 5), (9, 5), (10, 0), (12, 0)):
        step = WeightedOrderStatistic(forms, rank, (2, 3, 4, 3))
        assert step_value(step, amounts) == expected
        batch = batch_of([amounts])
        assert StepwiseWitness([step])(batch).to_ints() == [[expected]]


def test_the_weighted_order_statistic_of_wide_values() -> None:
    forms = tuple(Form(((asset, 1 << 60),), (), 0) for asset in range(3))
    step = WeightedOrderStatistic(forms, 4, (2, 3, 4))
    table = StepwiseWitness([step])(batch_of([[9, 5, -1], [1, 2, 3]]))
    assert isinstance(table, WideIntegers)
    assert table.to_ints() == [[5 << 60], [3 << 60]]


def test_random_steps_agree_with_their_definition() -> None:
    generator = random.Random(5)
    for _ in range(40):
        count = generator.randint(1, 6)
        forms = tuple(
            Form(
                ((0, generator.randint(-3, 3)), (1, generator.choice([-2, 1, 5]))),
                (),
                generator.randint(-4, 4),
            )
            for _ in range(count)
        )
        forms = tuple(Form(tuple(t for t in form.positions if t[1]), (), form.constant) for form in forms)
        weights = tuple(generator.randint(1, 5) for _ in range(count))
        step = WeightedOrderStatistic(forms, generator.randint(1, sum(weights)), weights)
        accounts = [[generator.randint(-9, 9), generator.randint(-9, 9)] for _ in range(5)]
        values = StepwiseWitness([step])(batch_of(accounts)).to_ints()
        for account, (value,) in zip(accounts, values, strict=True):
            found = [f.constant + sum(c * account[a] for a, c in f.positions) for f in forms]
            assert value == step_value(step, found)


def test_steps_that_make_no_sense_are_refused() -> None:
    forms = (Form(((0, 1),), (), 0),) * 2
    for rank, weights in ((0, (1, 1)), (3, (1, 1)), (1, (1,)), (1, (1, 0)), (1, (1, 1 << 40))):
        with pytest.raises(ValueError, match="weight"):
            StepwiseWitness([WeightedOrderStatistic(forms, rank, weights)])


def test_the_native_kernel_is_not_asked_for_weights() -> None:
    pytest.importorskip("native._kernels")
    from circuits.native_witness import NativeWitness

    step = WeightedOrderStatistic((Form(((0, 1),), (), 0),), 1, (3,))
    witness = StepwiseWitness([step])
    assert witness.has_weights
    with pytest.raises(ValueError, match="weights"):
        NativeWitness(witness)
