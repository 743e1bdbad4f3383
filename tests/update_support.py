"""What the tests of updates share: a small sealed book, changes to it, and updates of updates."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sealing_support import AS_OF, Sealed, write_book

from primitives.attestation import UpdateForm
from prover.book.store import Book
from prover.update import UpdateResult, update_book

Accounts = Mapping[str, Mapping[str, int]]

CHANGES: Final[Accounts] = {
    "alice": {"BTC": 149_000_000, "ETH": 5},
    "bob": {},
    "erin": {"USD": 1_234_567},
}
"""One account with other positions, one emptied, one new; carol, dave and José stay as they are."""
_numbers = itertools.count()


@dataclass(frozen=True)
class Updated(Sealed):
    """A book that was updated: beside the old bundle, in the same vault."""

    result: UpdateResult  # type: ignore[assignment]

    @property
    def bundle(self) -> Path:
        return self.folder / self.name

    @property
    def name(self) -> str:
        """The folder of the new bundle."""
        return f"bundle-{self.result.digest.hex()[:16]}"


def later(hours: int) -> datetime:
    return AS_OF + timedelta(hours=hours)


def changes_book(folder: Path, accounts: Accounts, **options: Any) -> Book:
    """A book folder of `accounts`, without documents unless given."""
    return write_book(folder / f"changes-{next(_numbers)}", accounts, **{"documents": {}, **options})


def update(
    sealed: Sealed,
    accounts: Accounts = CHANGES,
    *,
    hours: int = 1,
    form: UpdateForm = UpdateForm.CHANGED,
    cover: int = 0,
    **options: Any,
) -> Updated:
    """The book of `sealed` updated by `accounts`, `hours` after `AS_OF`."""
    out = sealed.folder / f"incoming-{next(_numbers)}"
    result = update_book(
        sealed.bundle,
        sealed.vault,
        options.pop("source", None) or changes_book(sealed.folder, accounts),
        out=out,
        backend=sealed.backend,
        as_of=later(hours),
        form=form,
        cover=cover,
        **options,
    )
    updated = Updated(sealed.folder, sealed.backend, result)
    out.rename(updated.bundle)
    return updated
