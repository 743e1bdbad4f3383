"""The statement about a hidden amount that is moved into an account, from outside or from another column.

    t    what the asset a gains        u    what the column b gains, if the amount is taken from one

    0 <= t < 2^w;    0 <= L - t < 2^w  if there is a limit L;    0 <= t - s < 2^w  if s less is not enough
    t + u = 0  if there is a column b

Who shows that s less is not enough shows that the account was short before: with t < s that would not follow.
It is about the difference of two commitments, which opens to these numbers and to nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.rows import Row, Scope
from circuits.statement import Statement
from primitives.assets import Asset
from primitives.top_up import HiddenAmount, MinimalTerms


def amount_statement(
    assets: Sequence[Asset], amount: HiddenAmount, minimal: MinimalTerms | None = None
) -> Statement:
    """The statement; `assets` are the one that gains and, if there is one, the one that loses."""
    rows = [Row("amount", ((0, 1),), (), 0, amount.bits)]
    if amount.limit is not None:
        rows.append(Row("amount within the limit", ((0, -1),), (), amount.limit, amount.bits))
    if minimal is not None:
        rows.append(Row("amount not below the step", ((0, 1),), (), -minimal.step, amount.bits))
    if len(assets) > 1:
        rows.append(Row("taken from the other column", ((0, 1), (1, 1)), (), 0, 0))
    return Statement(tuple(assets), tuple(rows), scope=Scope.ACCOUNT)
