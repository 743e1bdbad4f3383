"""Kernels of the range argument's prover: row commitments, sumcheck by round, sums over positions.

All on one thread, in microseconds of its processor time per bit that the statement proves (U accounts times
W bits, all of them random), beside the targets.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bench.commit import one_thread, random_points, random_scalars
from bench.figures import Figure, median_cpu_seconds, print_figures
from bench.synthetic import random_rows
from circuits.positions import PositionBatch
from primitives.argument_parameters import ArgumentShape, batch_profile
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.kernel_choice import get_kernels
from primitives.kernels import PackedBits
from primitives.parameters import GROUP_ORDER

_ROWS_TARGET = 0.042
_SUMCHECK_TARGET = 0.011
_SHOWN_ROUNDS = 8
_ASSETS = 16


@dataclass(frozen=True)
class _Sizes:
    """A statement of which only the sizes matter."""

    bit_count: int
    assets: tuple[Asset, ...] = tuple(Asset(f"asset-{index}", 0) for index in range(_ASSETS))


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of the kernels."""
    backend = get_backend("native")
    figures: list[Figure] = []
    for accounts, rows in ((1 << 8, 1), (1 << 6, 33)) if quick else ((1 << 13, 1), (1 << 13, 33)):
        shape = batch_profile(_Sizes(96 * rows), accounts)
        bits = _random_bits(shape)
        label = f"{accounts:,} accounts x {rows} rows of 96 bits"
        figures += _row_commitment_figures(backend, shape, bits, label)
        figures += _sumcheck_figures(backend, shape, bits, label)
    figures += _position_figures(backend, 1 << 8 if quick else 1 << 14)
    print_figures("kernels of the range argument", figures, as_json=as_json)


def _random_bits(shape: ArgumentShape) -> PackedBits:
    if shape.bits % 8:
        raise ValueError("bits are drawn as whole bytes")
    return np.random.default_rng(1).integers(0, 256, (shape.accounts, shape.bits // 8), np.uint8)


def _per_bit(seconds: float, shape: ArgumentShape) -> float:
    return seconds / (shape.accounts * shape.bits) * 1e6


def _row_commitment_figures(
    backend: Backend, shape: ArgumentShape, bits: PackedBits, label: str
) -> list[Figure]:
    columns, blinding_generator = random_points(backend, shape.columns), random_points(backend, 1)
    blindings = random_scalars(backend, shape.row_count)
    key = get_kernels(backend).row_commitment_key(columns, blinding_generator)
    with one_thread():
        start = time.process_time()
        key.commit(bits, shape, blindings)
        first = time.process_time() - start
        key.commit(bits, shape, blindings)
        seconds = median_cpu_seconds(lambda: key.commit(bits, shape, blindings), 3)
    note = f"R = {shape.columns:,}, {shape.row_count:,} rows"
    return [
        Figure(f"row commitments, {label}", _per_bit(seconds, shape), "us/bit", _ROWS_TARGET, note=note),
        Figure("  first use, tables included", _per_bit(first, shape), "us/bit"),
    ]


def _sumcheck_figures(backend: Backend, shape: ArgumentShape, bits: PackedBits, label: str) -> list[Figure]:
    repeats = 3
    samples = [_sumcheck_seconds(backend, shape, bits) for _ in range(repeats)]
    rounds = np.median(np.array(samples), axis=0)
    figures = [
        Figure(
            f"account sumcheck, {label}", _per_bit(float(rounds.sum()), shape), "us/bit", _SUMCHECK_TARGET,
            note=f"{shape.account_variables} rounds",
        )
    ]  # fmt: skip
    for index, seconds in enumerate(rounds[:_SHOWN_ROUNDS], start=1):
        figures.append(Figure(f"  round {index}", _per_bit(float(seconds), shape), "us/bit"))
    rest = float(rounds[_SHOWN_ROUNDS:].sum())
    figures.append(Figure("  later rounds", _per_bit(rest, shape), "us/bit"))
    return figures


def _sumcheck_seconds(backend: Backend, shape: ArgumentShape, bits: PackedBits) -> list[float]:
    """Seconds of each round, begin and end counted to the first and the last."""
    scalars = random_scalars(backend, shape.variables + shape.account_variables).to_ints()
    tau, challenges = scalars[: shape.variables], scalars[shape.variables :]
    times = []
    with one_thread():
        start = time.process_time()
        state = get_kernels(backend).account_sumcheck(bits, shape, tau)
        for index, challenge in enumerate(challenges):
            state.round_coefficients()
            state.bind(challenge)
            if index == shape.account_variables - 1:
                state.table()
            times.append(time.process_time() - start)
            start = time.process_time()
    return times


def _position_figures(backend: Backend, accounts: int) -> list[Figure]:
    positions = PositionBatch(*random_rows(accounts, _ASSETS, 40))
    weights, coefficients = random_scalars(backend, accounts), random_scalars(backend, _ASSETS)
    kernels = get_kernels(backend)
    with one_thread():
        summed = median_cpu_seconds(lambda: kernels.sum_positions(positions, weights, _ASSETS))
        evaluated = median_cpu_seconds(
            lambda: kernels.evaluate_positions(positions, coefficients, GROUP_ORDER - 1)
        )
    entries = len(positions.amounts)
    note = f"{accounts:,} accounts with {_ASSETS} assets"
    return [
        Figure("weighted sum of positions", summed / entries * 1e6, "us/entry", 0.03, note=note),
        Figure("linear form of positions", evaluated / entries * 1e6, "us/entry", 0.03, note=note),
    ]
