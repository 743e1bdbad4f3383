"""``sealedbook margin rebalance``: which accounts a policy tops up, with how much; private."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from primitives.backends import get_backend
from primitives.strict_json import MAX_JSON_BYTES, Json
from sealedbook.market_options import read_market_file
from sealedbook.options import MAX_OPENING_BYTES, BackendOption, JsonOption, OptionError, read_small_file
from sealedbook.output import console, print_json, reported_errors, shown
from sealedbook.written_file import write_whole
from verifier.opening import verify_own_opening

if TYPE_CHECKING:
    from prover.rebalancing.rebalance import AccountTable, RebalancingSummary


def rebalance(
    source: Annotated[
        Path, typer.Argument(metavar="BOOK|OPENING", help="A book folder, or the opening of one account.")
    ],
    model: Annotated[Path, typer.Option("--model", help="A margin model, without a buffer of its own.")],
    policy: Annotated[
        Path, typer.Option("--policy", help="When and with what: sealedbook/rebalancing-policy/v1.")
    ],
    market: Annotated[
        Path | None, typer.Option("--market", help="The market; the book's market.json if not given.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="This account alone; others keep what they have.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The table of transfers to write, .csv or .parquet (private)."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--target", help="The model of the target to write, which top-ups are certified under (public)."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite what is there.")] = False,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the smallest top-ups that bring accounts back to their target, and the largest withdrawals above it.

    Every result is checked with the compiled statement of the target: it holds after the transfers, and one lot less
    would not do. Nothing is moved: a transfer has to leave some other account or column, or be new reserves.
    """
    with reported_errors(as_json=as_json):
        from prover.rebalancing.rebalance import rebalance as apply
        from prover.rebalancing.rebalance import write_rebalancing

        engine = get_backend(backend)
        table, place = _accounts(source, backend)
        chosen = market if market is not None else place
        result = apply(
            table,
            engine,
            policy=read_small_file(policy, "--policy", MAX_JSON_BYTES),
            model=read_small_file(model, "--model", MAX_JSON_BYTES),
            market=None if chosen is None else read_market_file(chosen, "--market"),
            account=account,
        )
        if target is not None and target.exists() and not replace:
            raise OptionError(f"--target: {target} exists: choose another place, or --replace it")
        if out is not None:
            write_rebalancing(result, out, replace=replace)
        if target is not None:
            write_whole(target, result.target)
        summary = result.summary()
        if as_json:
            transfers: list[Json] = []
            if len(table.ids) == 1 or account is not None:
                transfers = [dict(zip(_FIELDS, row, strict=True)) for row in result.rows()]
            print_json(
                {"transfers": transfers, **_to_json(summary), "report": None if out is None else str(out)}
            )
            return
        if len(table.ids) == 1 or account is not None:
            for row in result.rows():
                _print_transfer(dict(zip(_FIELDS, row, strict=True)))
        _print(summary, out)


_FIELDS = (
    "account", "status", "kind", "asset", "amount", "fee", "counterpart", "latency", "smallest", "fails",
)  # fmt: skip


def _accounts(source: Path, backend: str | None) -> tuple[AccountTable, Path | None]:
    """The accounts, and the market of the book if there is one."""
    from prover.book.store import Book
    from prover.rebalancing.rebalance import AccountTable

    if source.is_dir():
        book = Book.open(source)
        return AccountTable.of_book(book), book.documents.get("market.json")
    if not source.exists():
        raise OptionError(f"{source}: there is no such book or opening")
    data = read_small_file(source, "OPENING", MAX_OPENING_BYTES)
    return AccountTable.of_opening(verify_own_opening(data, None, get_backend(backend))), None


def _to_json(summary: RebalancingSummary) -> dict[str, Json]:
    return {
        "accounts": summary.accounts,
        "by_status": dict(summary.by_status),
        "unconfirmed": summary.unconfirmed,
        "exact": summary.is_exact,
        "moved": dict(summary.moved),
        "fees": dict(summary.fees),
    }


def _print_transfer(row: dict[str, str]) -> None:
    if not row["kind"]:
        console.print("The account is below the trigger, and nothing that the policy permits helps.")
        return
    fee = f", fee {row['fee']}" if row["fee"] != "0" else ""
    least = "; one lot less would not do" if row["smallest"] == "true" else ""
    console.print(
        f"{shown(row['kind'])}: [bold]{row['amount']} {shown(row['asset'])}[/], {shown(row['counterpart'])}{fee}{least}"
    )
    if row["fails"]:
        console.print(f"  but the statement does not hold after it: {shown(row['fails'])}")


def _print(summary: RebalancingSummary, out: Path | None) -> None:
    parts = ", ".join(f"{count:,} {name}" for name, count in summary.by_status.items() if count)
    console.print(f"{summary.accounts:,} accounts: {parts}.")
    for asset, amount in summary.moved.items():
        if amount != "0":
            fee = f", fees {summary.fees[asset]}" if summary.fees[asset] != "0" else ""
            console.print(f"  {amount} {shown(asset)} moved in top-ups{fee}")
    if summary.unconfirmed:
        console.print(
            f"{summary.unconfirmed:,} restored accounts fail another row of the statement; see `fails`."
        )
    if not summary.is_exact:
        console.print("The model is not concave: amounts are the smallest only where more never hurts.")
    if out is not None:
        console.print(
            f"Wrote [bold]{shown(str(out))}[/]. It is private: it names accounts and their transfers."
        )
