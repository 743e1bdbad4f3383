"""``sealedbook demo`` (the demonstration itself is in `sealedbook.demo`)."""

from __future__ import annotations


def demo() -> None:
    """Placeholder until the demonstration lands."""
