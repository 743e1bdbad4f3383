"""What whoever reads a report insists on: the same pins as those of ``sealedbook verify``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import zip_longest

from verifier.claims import ExpectedDocuments
from verifier.market_checks import NO_POLICY, MarketPolicy


@dataclass(frozen=True)
class PinnedFile:
    """A document that was insisted on: under which name it was given, and its bytes."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Its digest, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Pins:
    """What is insisted on: issuer key (32 bytes), models, markets, the kinds or names of claims, conditions on markets.

    Nothing is insisted on by default; a report then says of whom and of what model it speaks as *claimed*.
    `market_options` are the words of the command line that set `market_policy`, for the report to repeat them, and
    `references` the files that they name.
    """

    issuer_key: bytes | None = None
    models: tuple[PinnedFile, ...] = ()
    markets: tuple[PinnedFile, ...] = ()
    required: tuple[str, ...] = ()
    market_policy: MarketPolicy = NO_POLICY
    market_options: tuple[str, ...] = ()
    references: tuple[PinnedFile, ...] = ()

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """Every file that was given."""
        return (*self.models, *self.markets, *self.references)

    @property
    def documents(self) -> ExpectedDocuments:
        """Models and markets as the verifier wants them."""
        pairs = zip_longest((file.data for file in self.models), (file.data for file in self.markets))
        first, *others = [ExpectedDocuments(*pair) for pair in pairs] or [ExpectedDocuments()]
        return replace(first, others=tuple(others))
