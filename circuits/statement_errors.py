"""Why a statement is refused."""

from __future__ import annotations

from enum import StrEnum

from primitives.errors import SealedbookError


class StatementCode(StrEnum):
    """One code per check of `circuits.statement.Statement`; stable across releases."""

    EMPTY = "empty"
    LIMIT = "limit"
    ASSETS = "assets"
    LABEL = "label"
    DUPLICATE_LABEL = "duplicate-label"
    TYPE = "type"
    WIDTH = "width"
    INDEX_RANGE = "index-range"
    INDEX_ORDER = "index-order"
    ZERO_COEFFICIENT = "zero-coefficient"
    WRAP = "wrap"
    WITNESS = "witness"
    ZERO_ACCOUNT = "zero-account"


class StatementError(SealedbookError):
    """A statement is malformed or could not mean what it says; `code` names the failed check."""

    def __init__(self, code: StatementCode, reason: str) -> None:
        self.code = code
        super().__init__(f"{code}: {reason}")
