"""What an attempt to cheat is, and that it has to fail for the right reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prover.prove_book import StatementFailsError
from prover.solvency import InsufficientReservesError
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import QUOTE, SCALE
from sealedbook.demo.scene import Refusal, Scene
from verifier.checks import Check, VerificationError


class PrivateRefusal(Enum):
    """A command that refuses to prove what is not so, and tells its user alone why."""

    title: str
    units: str
    error: type[Exception]

    def __new__(cls, name: str, title: str, units: str, error: type[Exception]) -> PrivateRefusal:
        """A member from the command's name, what it insists on, what it counts in, and the error it raises."""
        member = object.__new__(cls)
        member._value_ = name
        member.title = title
        member.units = units
        member.error = error
        return member

    PROVE = (
        "prove",
        "every account satisfies the model, or nothing is written",
        f"10^-{SCALE} {QUOTE}",
        StatementFailsError,
    )
    PROVE_SOLVENCY = (
        "prove-solvency",
        "reserves cover every total, or nothing is written",
        "whole units",
        InsufficientReservesError,
    )


@dataclass(frozen=True)
class Attempt:
    """One attempt: what somebody does, and what has to refuse it.

    `prepare` alters copies in a folder of its own; `judge` runs what has to refuse, prints the command that does
    the same, and lets its error through.
    """

    name: str
    story: str
    expected: Check | PrivateRefusal
    prepare: Callable[[Scene, Path], None]
    judge: Callable[[Scene, Path], None]
    units: str = ""
    """What a private refusal counts in, if not in the units of the command."""


def run_attempt(scene: Scene, attempt: Attempt) -> Refusal:
    """Prepare and judge one attempt; `DemoFailedError` unless what is expected refuses it."""
    folder = scene.space.cheating / attempt.name
    attempt.prepare(scene, folder)
    try:
        attempt.judge(scene, folder)
    except VerificationError as error:
        if error.check is not attempt.expected:
            raise DemoFailedError(
                f"{attempt.name} was refused by {error.check.value}, not by {attempt.expected.value}: {error}"
            ) from error
        return Refusal(attempt.name, error.check.value, error.detail)
    except (StatementFailsError, InsufficientReservesError) as error:
        expected = attempt.expected
        if not isinstance(expected, PrivateRefusal) or not isinstance(error, expected.error):
            raise DemoFailedError(
                f"{attempt.name} could not be proven, and {expected.value} should have refused it: {error}"
            ) from error
        return Refusal(attempt.name, expected.value, str(error))
    raise DemoFailedError(f"{attempt.name} was NOT refused: {attempt.story}")
