"""Many proofs in one combined equation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import overload

import pytest
from argument_support import (
    SEED,
    Case,
    case,
    fast_backend,
    generators_of,
    mixed_statement,
    prover_of,
    range_statement,
    thin,
    verifier_of,
)

import verifier.argument.combination
from primitives.argument_instance import ArgumentInstance
from primitives.parameters import GROUP_ORDER, SCALAR_BYTES
from verifier.argument import ArgumentCheck, ArgumentClaim, ArgumentError, ArgumentVerifier
from verifier.argument.combination import EquationSum
from verifier.argument.equation import GroupEquation

FAST = fast_backend()


def claim(made: Case) -> ArgumentClaim:
    return ArgumentClaim(made.instance, prover_of(FAST).prove(made.instance, made.witness, SEED))


@pytest.fixture(scope="module")
def claims() -> list[ArgumentClaim]:
    """Other numbers of columns, masks and assets in each, and assets in common."""
    return [
        claim(case(FAST, range_statement(1, 3), 1, 1, 0)),
        claim(case(FAST, range_statement(2, 4), 3, 2, 2)),
        claim(case(FAST, mixed_statement(5), 2, 5, 3)),
        claim(case(FAST, range_statement(2, 4), 2, 0, 1)),
    ]


def damaged(entry: ArgumentClaim) -> ArgumentClaim:
    """Still well formed: the last scalar is one more."""
    value = int.from_bytes(entry.proof[-SCALAR_BYTES:], "big")
    scalar = ((value + 1) % GROUP_ORDER).to_bytes(SCALAR_BYTES, "big")
    return dataclasses.replace(entry, proof=entry.proof[:-SCALAR_BYTES] + scalar)


def test_many_proofs_are_accepted(claims: list[ArgumentClaim]) -> None:
    verifier_of(FAST).verify_all(claims)
    verifier_of(FAST).verify_all(claims[::-1])
    verifier_of(FAST).verify_all(tuple(claims[:1]))


@pytest.mark.parametrize("points_held", [1, 20])
def test_points_are_summed_in_parts(
    claims: list[ArgumentClaim], points_held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifier.argument.combination, "POINTS_HELD", points_held)
    verifier_of(FAST).verify_all(claims)
    for position in thin(range(len(claims)), 1):
        wrong = [damaged(entry) if index == position else entry for index, entry in enumerate(claims)]
        with pytest.raises(ArgumentError, match=f"^proof {position}: opening-equation: "):
            verifier_of(FAST).verify_all(wrong)


def test_points_held_are_bounded(claims: list[ArgumentClaim], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier.argument.combination, "POINTS_HELD", 20)
    checker = verifier_of(FAST)
    total = EquationSum(FAST, generators_of(FAST))
    held = []
    for entry in claims:
        equation = checker._equation(entry.instance, entry.proof)
        total.add(equation, entry.instance.statement.assets, 1)
        held.append(len(total._points))
    assert 0 < max(held) < 20
    assert 0 in held
    assert total.holds()


@pytest.mark.parametrize("position", thin(range(4), 2))
def test_the_wrong_one_is_named(claims: list[ArgumentClaim], position: int) -> None:
    wrong = [damaged(entry) if index == position else entry for index, entry in enumerate(claims)]
    with pytest.raises(ArgumentError, match=f"^proof {position}: opening-equation: ") as caught:
        verifier_of(FAST).verify_all(wrong)
    assert (caught.value.check, caught.value.proof) == (ArgumentCheck.EQUATION, position)


def test_the_first_of_several_is_named(claims: list[ArgumentClaim]) -> None:
    wrong = [claims[0], damaged(claims[1]), claims[2], damaged(claims[3])]
    with pytest.raises(ArgumentError, match=r"^proof 1: opening-equation: "):
        verifier_of(FAST).verify_all(wrong)


def test_swapped_proofs(claims: list[ArgumentClaim]) -> None:
    """Two batches of one shape whose proofs are exchanged."""
    twins = [claim(case(FAST, range_statement(1, 3), 2, 1, 1, batch_index=index)) for index in (0, 1)]
    exchanged = [
        dataclasses.replace(twins[0], proof=twins[1].proof),
        dataclasses.replace(twins[1], proof=twins[0].proof),
    ]
    verifier_of(FAST).verify_all([*claims, *twins])
    with pytest.raises(ArgumentError, match=r"^proof 4: opening-equation: "):
        verifier_of(FAST).verify_all([*claims, *exchanged])


def test_malformed_proof_is_named(claims: list[ArgumentClaim]) -> None:
    short = dataclasses.replace(claims[2], proof=claims[2].proof[:-1])
    with pytest.raises(ArgumentError, match=r"^proof 1: length: ") as caught:
        verifier_of(FAST).verify_all([claims[0], short])
    assert (caught.value.check, caught.value.proof) == (ArgumentCheck.LENGTH, 1)


def test_no_proofs() -> None:
    with pytest.raises(ValueError, match="no proofs to verify"):
        verifier_of(FAST).verify_all([])


def opposite_errors(claims: list[ArgumentClaim]) -> list[ArgumentClaim]:
    """z_H + 1 in one proof and z_H - 1 in another: with f = 0, X = 1 and nothing is drawn after z_H."""
    plain = claim(case(FAST, range_statement(1, 3), 1, 1, 0))
    length = plain.instance.shape.folded_length
    offset = len(plain.proof) - SCALAR_BYTES * (length + 1)
    wrong = []
    for change in (1, -1):
        value = int.from_bytes(plain.proof[offset : offset + SCALAR_BYTES], "big")
        scalar = ((value + change) % GROUP_ORDER).to_bytes(SCALAR_BYTES, "big")
        proof = plain.proof[:offset] + scalar + plain.proof[offset + SCALAR_BYTES :]
        wrong.append(dataclasses.replace(plain, proof=proof))
    return [*wrong, *claims]


def test_errors_that_cancel_without_random_weights(
    claims: list[ArgumentClaim], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = opposite_errors(claims)
    with pytest.raises(ArgumentError, match=r"^proof 0: opening-equation: "):
        verifier_of(FAST).verify_all(wrong)
    # control: with equal weights the two errors cancel
    monkeypatch.setattr("secrets.randbelow", lambda _: 0)
    verifier_of(FAST).verify_all(wrong)


def test_weights_are_drawn_for_each_proof(
    claims: list[ArgumentClaim], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    def randbelow(limit: int) -> int:
        limits.append(limit)
        return limit - 1

    monkeypatch.setattr("secrets.randbelow", randbelow)
    verifier_of(FAST).verify_all(claims)
    assert limits == [(1 << 128) - 1] * len(claims)


def test_claims_are_loaded_one_at_a_time(claims: list[ArgumentClaim]) -> None:
    class Loader(Sequence[ArgumentClaim]):
        def __init__(self) -> None:
            self.loaded: list[int] = []

        @overload
        def __getitem__(self, index: int) -> ArgumentClaim: ...
        @overload
        def __getitem__(self, index: slice) -> Sequence[ArgumentClaim]: ...
        def __getitem__(self, index: int | slice) -> ArgumentClaim | Sequence[ArgumentClaim]:
            assert isinstance(index, int)
            self.loaded.append(index)
            return claims[index]

        def __len__(self) -> int:
            return len(claims)

    loader = Loader()
    verifier_of(FAST).verify_all(loader)
    assert loader.loaded == list(range(len(claims)))


def test_combined_equation_that_fails_alone_is_refused(claims: list[ArgumentClaim]) -> None:
    """A combination that fails is never accepted, even if every single check passes."""

    class Inconsistent(ArgumentVerifier):
        def _equation(self, instance: ArgumentInstance, proof: bytes) -> GroupEquation:
            equation = super()._equation(instance, proof)
            self.equations = getattr(self, "equations", 0) + 1
            if self.equations > len(claims):
                return equation
            return dataclasses.replace(equation, blinding=(equation.blinding + 1) % GROUP_ORDER)

    verifier_of_this = Inconsistent(FAST, verifier_of(FAST)._generators)
    with pytest.raises(ArgumentError, match=r"^opening-equation: the combined equation does not hold"):
        verifier_of_this.verify_all(claims)
