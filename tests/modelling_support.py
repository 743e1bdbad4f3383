"""Three answers to "does this account satisfy the model": its meaning, the witness, and an integer solver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.evaluate import evaluate_account
from circuits.modelling import Model, Numeric
from circuits.positions import PositionBatch
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.assets import Asset

ASSETS = tuple(Asset(name, 0) for name in ("A", "B", "C", "CASH"))
CASH = 3


def small_model(bound: int = 64, *, scope: Scope = Scope.BOOK) -> Model:
    """Three positions below `bound`, and cash in a wide range."""
    model = Model(ASSETS, position_bound=bound, scope=scope)
    model.position("CASH", bound=1 << 20)
    return model


def batch_of(accounts: Sequence[Sequence[int]]) -> PositionBatch:
    """Accounts given as lists of amounts."""
    return PositionBatch.from_mappings([dict(enumerate(account)) for account in accounts])


def by_meaning(model: Model, accounts: Sequence[Sequence[int]]) -> list[bool]:
    """By the definitions of the gadgets."""
    return [bool(value) for value in Numeric(model, batch_of(accounts)).satisfied()]


def by_witness(statement: Statement, accounts: Sequence[Sequence[int]]) -> list[bool]:
    """By the witness function and the rows."""
    try:
        assign_bits(statement, batch_of(accounts))
    except NotSatisfiedError as error:
        failing = {violation.account for violation in error.violations}
    else:
        failing = set()
    return [account not in failing for account in range(len(accounts))]


def by_solver(statement: Statement, account: Sequence[int]) -> bool:
    """Whether any auxiliary values satisfy the rows, by HiGHS; a solution is checked in exact integers."""
    positions = dict(enumerate(account))
    zeros = [0] * len(statement.auxiliaries)
    fixed = evaluate_account(statement.rows, positions, zeros)
    upper = [(1 << row.width) - 1 for row in statement.rows]
    if not statement.auxiliaries:
        return all(0 <= value <= top for value, top in zip(fixed, upper, strict=True))
    matrix = np.zeros((len(statement.rows), len(statement.auxiliaries)))
    for index, row in enumerate(statement.rows):
        for variable, coefficient in row.auxiliaries:
            matrix[index, variable] = coefficient
    tops = np.array([(1 << auxiliary.width) - 1 for auxiliary in statement.auxiliaries], float)
    low = -np.array(fixed, float)
    result = milp(
        np.zeros(len(tops)),
        constraints=LinearConstraint(matrix, low, low + np.array(upper, float)),
        bounds=Bounds(np.zeros(len(tops)), tops),
        integrality=np.ones(len(tops), np.int64),
    )
    assert result.status in (0, 2), result.message
    if result.status == 2:
        return False
    values = [round(value) for value in result.x]
    rows = evaluate_account(statement.rows, positions, values)
    assert all(0 <= value <= top for value, top in zip(rows, upper, strict=True)), "solution is not exact"
    return True


def check_agreement(
    model: Model, accounts: Sequence[Sequence[int]], expected: Sequence[bool] | None = None
) -> None:
    """Meaning, witness and solver say the same of every account, and what is expected."""
    statement = model.compile()
    meaning = by_meaning(model, accounts)
    assert by_witness(statement, accounts) == meaning
    assert [by_solver(statement, account) for account in accounts] == meaning
    if expected is not None:
        assert meaning == list(expected)
