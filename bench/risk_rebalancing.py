"""Rebalancing: top-ups computed, top-up certificates proven and verified, backtests walked.

Top-ups and backtests are those of `prover.rebalancing.crash_example`: linear perpetuals in two markets, five tiers. Run
alone (``python -m bench.risk_rebalancing``) it prints its figures.
"""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Final

from bench.figures import Figure, median_seconds, print_figures
from circuits.claim_statement import find_margin_model, read_market
from circuits.wrappers.shocks import PriceMove, Shock, shocked_market
from primitives.account_tag import account_tag
from primitives.attestation import SealedBook
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.generators import Generators
from primitives.opening import Opening, Position
from primitives.parameters import GROUP_ORDER, SALT_BYTES
from primitives.sum_tree import SumNode, leaf_hash
from primitives.top_up import HiddenAmount
from prover.rebalancing.crash_example import ASSETS, crash_backtest, crash_example
from prover.rebalancing.margin_function import MarginFunction
from prover.rebalancing.planning import Planner
from prover.rebalancing.policy import RebalancingPolicy
from prover.rebalancing.rebalance import AccountTable
from prover.rebalancing.target import target_document
from prover.top_up import TopUpRequest, make_top_up
from verifier.opening import TrustedRoot
from verifier.top_up import verify_top_up_against_root

_FALL: Final = Decimal("-0.1")
_BLINDING: Final = 0x5EA1
_CERTIFICATE_TARGET: Final = 100.0
_VERIFY_TARGET: Final = 50.0
_PLAN_TARGET: Final = 50.0
_BACKTEST_TARGET: Final = 2.5e5
"""Account-steps a second: 10^4 accounts and 250 steps in ten seconds."""


def rebalancing_figures(*, quick: bool) -> list[Figure]:
    """All of them; on a small book with `quick`."""
    accounts, steps = (1_000, 50) if quick else (10_000, 250)
    backend = get_backend(None)
    return [
        *_planning_figures(accounts),
        *_certificate_figures(backend),
        *_backtest_figures(accounts, steps),
    ]


def _planning_figures(accounts: int) -> list[Figure]:
    """The market falls by a tenth, and the policy is applied once."""
    example = crash_example(accounts)
    definition = find_margin_model(example.model)
    if definition is None:
        raise TypeError("expected a margin model")
    moves = tuple(PriceMove(name, _FALL, Decimal(0)) for name in ("BTC", "ETH"))
    fallen = shocked_market(read_market(example.market), Shock("fall", moves))
    function = MarginFunction(definition, ASSETS, fallen)
    planner = Planner(RebalancingPolicy.parse(example.policy), ASSETS, example.table.places)
    plan = planner.plan(function, example.table.amounts)
    seconds = median_seconds(lambda: planner.plan(function, example.table.amounts), 3)
    called = int(plan.called.sum())
    return [
        Figure("accounts called after a fall of 10 %", called, "accounts", note=f"of {accounts:,}"),
        Figure("plan, per account", seconds / accounts * 1e6, "us/account", _PLAN_TARGET),
        Figure("top-up computed, per account called", seconds / max(1, called) * 1e6, "us/account"),
    ]


def _certificate_figures(backend: Backend) -> list[Figure]:
    example = crash_example(1)
    opening = _opening(example.table, backend)
    target = target_document(example.model, Fraction(10))
    amount = 10**12
    figures = []
    for name, request in (
        ("public amount", TopUpRequest("USDT", amount)),
        ("hidden amount", TopUpRequest("USDT", amount, hidden=HiddenAmount(48))),
    ):
        make = partial(make_top_up, opening, backend, request, model=target, market=example.market)
        data = make().to_bytes()
        check = partial(
            verify_top_up_against_root, data, TrustedRoot(book_digest=opening.book.digest()), backend
        )
        figures += [
            Figure(
                f"top-up certificate, {name}: prove", median_seconds(make, 5) * 1e3, "ms", _CERTIFICATE_TARGET
            ),
            Figure("  verify", median_seconds(check, 5) * 1e3, "ms", _VERIFY_TARGET),
            Figure("  size", len(data), "bytes", note="documents included"),
        ]
    return figures


def _backtest_figures(accounts: int, steps: int) -> list[Figure]:
    example = crash_example(accounts, steps)
    seconds = median_seconds(lambda: crash_backtest(example), 1)
    rate = accounts * (steps + 1) / seconds
    note = f"{accounts:,} accounts, {steps} steps, both runs in {seconds:.1f} s"
    return [Figure("backtest, accounts x steps", rate, "1/s", _BACKTEST_TARGET, better="higher", note=note)]


def _opening(table: AccountTable, backend: Backend) -> Opening:
    """Of a book that is one leaf."""
    line = table.amounts[0].tolist()
    generators = Generators(backend)
    bases = generators.assets(ASSETS).concat(generators.blinding())
    commitment = backend.multi_scalar_multiply(
        bases, backend.scalars_from_ints([amount % GROUP_ORDER for amount in (*line, _BLINDING)])
    ).to_compressed()
    salt = bytes(SALT_BYTES)
    tag = account_tag(salt, table.ids[0])
    root = SumNode(leaf_hash(tag, commitment), commitment)
    book = SealedBook(
        "Bench", bytes(32), datetime(2026, 11, 20, tzinfo=UTC), ASSETS, 1,
        hashlib.sha256(tag + commitment).digest(), root,
    )  # fmt: skip
    positions = tuple(Position(asset, amount) for asset, amount in zip(ASSETS, line, strict=True) if amount)
    return Opening(book, table.ids[0], positions, _BLINDING, salt, 0, tag, commitment, ())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small book")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    print_figures("rebalancing", rebalancing_figures(quick=arguments.quick), as_json=arguments.json)


if __name__ == "__main__":
    main()
