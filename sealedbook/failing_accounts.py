"""Accounts that do not satisfy a statement, told to the operator alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from primitives.strict_json import Json
from sealedbook.output import ExitCode, print_json


@contextlib.contextmanager
def failing_accounts(*, as_json: bool) -> Iterator[None]:
    """Print the failing accounts of a run in the block as JSON, if that is wanted, and exit; else let the error go."""
    from prover.prove_book import StatementFailsError

    try:
        yield
    except StatementFailsError as error:
        if not as_json:
            raise
        failures: list[Json] = [
            {
                "account": failure.account,
                "row": failure.row,
                "value": str(failure.value),
                "shortfall": str(failure.shortfall),
                "excess": str(failure.excess),
                "text": failure.describe(),
            }
            for failure in error.failures
        ]
        document: dict[str, Json] = {
            "result": "refused",
            "failing_accounts": error.count,
            "first": failures,
            "exit_code": int(ExitCode.REFUSED_INPUT),
        }
        if error.claim is not None:
            document["claim"] = error.claim
        print_json(document)
        raise SystemExit(ExitCode.REFUSED_INPUT) from error
