"""The stepwise witness: numpy and native code against the definition in Python integers, and what it costs."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelling_support import batch_of, small_model

from circuits.assignment import RowAssigner, assign_bits
from circuits.modelling import (
    Model,
    absolute_value,
    maximum,
    minimum,
    sign_test,
    stepped_charge,
    sum_of_largest,
)
from circuits.modelling.booleans import is_active
from circuits.positions import PositionBatch
from circuits.rows import Form
from circuits.wide_integers import WideIntegers
from circuits.witness import (
    Indicator,
    Maximum,
    Minimum,
    OrderStatistic,
    Step,
    StepwiseWitness,
    form_value,
    step_value,
)
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.errors import BackendUnavailableError

ASSET_COUNT = 4
LIMIT = 2**63 - 1


@pytest.fixture(scope="module")
def native() -> Backend:
    try:
        return get_backend("native")
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def by_definition(steps: Sequence[Step], batch: PositionBatch) -> list[list[int]]:
    table = []
    for account in range(batch.account_count):
        values: list[int] = []
        for step in steps:
            values.append(
                step_value(step, [form_value(form, batch.account(account), values) for form in step.forms])
            )
        table.append(values)
    return table


@st.composite
def forms(draw: st.DrawFn, variables: int, bits: int) -> Form:
    coefficients = st.one_of(
        st.sampled_from([1, -1, 2**bits - 1, 1 - 2**bits]), st.integers(-(2**bits), 2**bits)
    )
    positions = draw(st.dictionaries(st.integers(0, ASSET_COUNT - 1), coefficients.filter(bool), max_size=3))
    small = st.sampled_from([1, -1, 2, -3])
    auxiliaries = draw(st.dictionaries(st.integers(0, variables - 1), small, max_size=2)) if variables else {}
    constant = draw(st.sampled_from([0, 1, -1, 7, -(2**70), 2**70]))
    return Form(tuple(sorted(positions.items())), tuple(sorted(auxiliaries.items())), constant)


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    bits = draw(st.sampled_from([2, 30, 55]))
    made: list[Step] = []
    for index in range(draw(st.integers(1, 5))):
        chosen = tuple(draw(st.lists(forms(index, bits), min_size=1, max_size=4)))
        kind = draw(st.sampled_from(["maximum", "minimum", "indicator", "order"]))
        if kind == "indicator":
            made.append(Indicator(chosen[0]))
        elif kind == "order":
            made.append(OrderStatistic(chosen, draw(st.integers(1, len(chosen)))))
        else:
            made.append(Maximum(chosen) if kind == "maximum" else Minimum(chosen))
    return made


amounts = st.one_of(
    st.integers(-9, 9), st.integers(-LIMIT, LIMIT), st.sampled_from([LIMIT, -LIMIT, 2**31, -(2**32)])
)
accounts = st.lists(st.dictionaries(st.integers(0, ASSET_COUNT), amounts), min_size=0, max_size=5)


@given(steps=steps(), accounts=accounts)
@settings(deadline=None, max_examples=200)
def test_numpy_and_native_compute_the_definition(
    steps: list[Step], accounts: list[dict[int, int]], native: Backend
) -> None:
    """With assets that no step uses, empty accounts, empty batches, and values of up to 127 bits."""
    from circuits.native_witness import NativeWitness

    assert native.name == "native"
    witness = StepwiseWitness(steps)
    batch = PositionBatch.from_mappings(accounts)
    expected = by_definition(steps, batch)
    assert witness(batch).shape == (len(accounts), len(steps))
    assert witness(batch).to_ints() == expected
    assert NativeWitness(witness)(batch).to_ints() == expected
    assert list(witness.zero_values) == by_definition(steps, PositionBatch.zeros(1))[0]


def test_a_large_batch_is_cut_without_a_trace(native: Backend) -> None:
    from circuits.native_witness import NativeWitness

    assert native.name == "native"
    steps: list[Step] = [
        Maximum((Form(((0, 3),)), Form(((1, -2),), (), 5))),
        Minimum((Form(((1, 1),)), Form((), ((0, 1),), -4))),
        OrderStatistic((Form((), ((0, 1),)), Form((), ((1, 1),)), Form(((0, 1),))), 2),
    ]
    source = np.random.default_rng(7)
    table = source.integers(-50, 50, ((1 << 14) + 3, 2))
    batch = batch_of(table.tolist())
    witness = StepwiseWitness(steps)
    values = witness(batch).to_ints()
    assert values == NativeWitness(witness)(batch).to_ints()
    for account in (0, 1, (1 << 14) - 1, 1 << 14, (1 << 14) + 2):
        one = batch.accounts(account, account + 1)
        assert values[account] == by_definition(steps, one)[0]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([OrderStatistic((Form(),), 0)], "rank 0 is not in 1..1"),
        ([OrderStatistic((Form(),), 2)], "rank 2 is not in 1..1"),
        ([Indicator(Form((), ((0, 1),)))], "not computed before it"),
        ([Maximum(())], "no form"),
    ],
)
def test_malformed_steps(steps: list[Step], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StepwiseWitness(steps)


def test_products_of_wide_integers() -> None:
    source = random.Random("products")
    factors = [
        0,
        1,
        -1,
        3,
        -(2**31),
        2**32,
        2**63,
        -(2**64),
        2**90 - 1,
        *(source.randrange(-(2**60), 2**60) for _ in range(5)),
    ]
    values = [
        0,
        1,
        -1,
        2**31,
        -(2**63),
        2**64,
        -(2**100),
        *(source.randrange(-(2**66), 2**66) for _ in range(5)),
    ]
    for factor in factors:
        fitting = [value for value in values if abs(value * factor) < 2**127]
        table = WideIntegers.from_ints([[value] for value in fitting], 1)
        assert table.times(factor).to_ints() == [[value * factor] for value in fitting]


def test_positions_beyond_the_last_asset_are_left_out() -> None:
    batch = PositionBatch.from_mappings([{0: 1, 2: 5}, {}, {3: 7}, {1: -2, 3: 1}])
    kept = batch.only_assets_below(2)
    assert [kept.account(account) for account in range(4)] == [{0: 1}, {}, {}, {1: -2}]


# What it costs


def wide_model(assets: int) -> Model:
    """A haircut-like gadget of four pieces for every asset."""
    model = Model([Asset(f"X{i}", 0) for i in range(assets)], cap=1 << 60)
    values = []
    for index in range(assets):
        position = model.position(f"X{index}", non_negative=True)
        values.append(minimum(*((4 - k) * position + 1000 * k for k in range(4)), 5000))
    model.require(model.sum(values) >= 0)
    return model


def sparse_batch(assets: int, accounts: int, held: int) -> PositionBatch:
    source = random.Random("sparse")
    return PositionBatch.from_mappings(
        [
            {asset: source.randrange(1, 9999) for asset in source.sample(range(assets), held)}
            for _ in range(accounts)
        ]
    )


def test_an_account_costs_what_it_holds() -> None:
    """The work follows the positions held, not the assets of the book."""
    witnesses = {}
    for assets in (20, 200):
        witness = wide_model(assets).compile().witness
        assert isinstance(witness, StepwiseWitness)
        witnesses[assets] = witness
    work = {
        (assets, held): witnesses[assets].work(sparse_batch(assets, 100, held))
        for assets in (20, 200)
        for held in (0, 3, 6)
    }
    assert work[20, 0] == work[200, 0] == 0
    assert work[20, 3] == work[200, 3] == 100 * 3 * 4
    assert work[20, 6] == work[200, 6] == 2 * work[20, 3]


def test_a_model_grows_with_its_gadgets_alone() -> None:
    """Ten times the assets, ten times the row terms: nothing is dense or repeated."""
    terms = {}
    for assets in (20, 200):
        statement = wide_model(assets).compile()
        terms[assets] = sum(len(row.positions) + len(row.auxiliaries) for row in statement.rows)
        assert len(statement.rows) == 5 * assets + 1
    assert terms[200] == 10 * terms[20]


def test_the_assigner_computes_what_the_definition_does(native: Backend) -> None:
    """Through all kinds of gadgets, with booleans and order statistics."""
    model = small_model()
    a, b, c = (model.position(name) for name in "ABC")
    requirement = (
        maximum(a, b, c, exact=True)
        + sum_of_largest([absolute_value(x) for x in (a, b, c)], 3, denominator=2)
        + 7 * is_active([a, b])
        + stepped_charge(absolute_value(c), [(4, 1), (16, 2), (63, 5)])
        - 3 * sign_test(a - b)
    )
    model.require(model.position("CASH") - requirement >= 0, "margin")
    statement = model.compile()
    source = random.Random("assigner")
    batch = batch_of([[source.randrange(-63, 64) for _ in range(3)] + [5000] for _ in range(60)])
    assert np.array_equal(RowAssigner(statement, native).assign(batch), assign_bits(statement, batch))
