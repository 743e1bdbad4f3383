"""How long work reports its progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives ``(stage, done, total)``: `stage` in plain words, `done` of `total` units."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note that `done` of `total` units of `stage` are finished."""
        ...


def no_progress(stage: str, done: int, total: int) -> None:
    """Report to nobody."""
