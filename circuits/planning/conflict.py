"""Why no trades help: conditions that contradict each other, and by how much they would have to give way."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.planning.problem import Amounts, PlanningProblem
from circuits.planning.program import Program

_NOTICEABLE = 1e-7


@dataclass(frozen=True)
class Conflict:
    """`labels` are conditions that cannot all hold, though without any one of them the rest can; `paths` their entries.

    `relaxations` are the smallest changes, in sum, that make all conditions hold: shares of the portfolio's gross
    value by condition, in percent. Of a number of holdings it is the share of its tests that are missing.
    """

    labels: tuple[str, ...]
    paths: tuple[str, ...]
    relaxations: tuple[tuple[str, float], ...]

    def describe(self) -> str:
        """For people."""
        named = "; ".join(f"{label} ({path})" for label, path in zip(self.labels, self.paths, strict=True))
        text = f"These cannot hold together: {named}."
        if self.relaxations:
            amounts = "; ".join(f"{label} by {percent:.4g} %" for label, percent in self.relaxations)
            text += f" It would be enough to relax {amounts} of the portfolio."
        return text


def find_conflict(problem: PlanningProblem, amounts: Amounts) -> Conflict | None:
    """An irreducible set of conditions that no trades satisfy together; None if there is none.

    By deletion: a condition is left out for good if the others still contradict each other without it.
    """
    if Program(problem, amounts).solve() is not None:
        return None
    left_out: list[str] = []
    for condition in problem.conditions:
        if Program(problem, amounts, without=[*left_out, condition.label]).solve() is None:
            left_out.append(condition.label)
    kept = [condition for condition in problem.conditions if condition.label not in left_out]
    return Conflict(
        tuple(condition.label for condition in kept),
        tuple(condition.path for condition in kept),
        _relaxations(problem, amounts),
    )


def _relaxations(problem: PlanningProblem, amounts: Amounts) -> tuple[tuple[str, float], ...]:
    program = Program(problem, amounts, elastic=True)
    solution = program.solve()
    if solution is None:
        return ()
    found = ((label, 100 * solution.values[slack]) for label, slack in program.slacks.items())
    return tuple((label, percent) for label, percent in found if percent > 100 * _NOTICEABLE)
