"""``sealedbook import``: read an exchange's export into a book folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.options import JsonOption, OptionError, read_small_file
from sealedbook.output import ExitCode, console, notes, print_json, progress_bar, reported_errors

_SOURCES = "generic-long, generic-wide, binance, ottersec, summa, bitmex, dapol"


def import_(
    inputs: Annotated[
        list[Path], typer.Argument(help="The exported files: CSV, Parquet or JSON, by source.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The book folder to make (private).")],
    source: Annotated[
        str, typer.Option("--from", metavar="SOURCE", help=f"One of {_SOURCES}.")
    ] = "generic-long",
    assets: Annotated[
        Path | None,
        typer.Option("--assets", help="Asset list (id, decimals): JSON or CSV; for generic sources."),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option("--prices", help="The source's public price (and tier) file, if it has one."),
    ] = None,
    document: Annotated[
        list[Path] | None,
        typer.Option(
            "--document", help="A public document (market.json, model.json) to attach; may be repeated."
        ),
    ] = None,
    reject_file: Annotated[
        Path | None,
        typer.Option(
            "--reject-file", help="Leave faulty accounts out, whole, and list all their records here."
        ),
    ] = None,
    reject_rule_breakers: Annotated[
        bool,
        typer.Option(
            "--reject-rule-breakers",
            help="Send accounts that break the source's own rules to the reject file too.",
        ),
    ] = False,
    account_column: Annotated[
        str, typer.Option(help="Name of the account column (generic sources).")
    ] = "account",
    asset_column: Annotated[str, typer.Option(help="Name of the asset column (generic-long).")] = "asset",
    amount_column: Annotated[str, typer.Option(help="Name of the amount column (generic-long).")] = "amount",
    delimiter: Annotated[str, typer.Option(help="Delimiter of CSV files (generic sources).")] = ",",
    ignore_column: Annotated[
        list[str] | None, typer.Option(help="A column to pass over (generic-wide); may be repeated.")
    ] = None,
    blank_is_zero: Annotated[
        bool, typer.Option("--blank-is-zero", help="An empty cell means nothing held (generic-wide).")
    ] = False,
    base_units: Annotated[
        bool, typer.Option("--base-units", help="Amounts are base units already (generic sources).")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite a book that is already there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read exported files into a book folder, exactly and completely.

    Without --reject-file, any fault in the input stops the import, with file, line, account and reason.
    With it, accounts with a fault are left out as a whole and listed there; nothing is dropped silently.
    """
    with reported_errors(as_json=as_json):
        from prover.book import (
            BookExistsError,
            CsvProblemFile,
            ImportFailedError,
            ReadOptions,
            import_book,
        )

        options = ReadOptions(
            account_column=account_column,
            asset_column=asset_column,
            amount_column=amount_column,
            delimiter=delimiter,
            ignore_columns=tuple(ignore_column or ()),
            blank_is_zero=blank_is_zero,
            base_units=base_units,
        )
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        sink = CsvProblemFile(reject_file) if reject_file is not None else None
        try:
            with progress_bar() as bars:
                report = import_book(
                    source,
                    inputs,
                    out,
                    assets=assets,
                    prices=prices,
                    documents={
                        path.name: read_small_file(path, "--document", MAX_JSON_BYTES)
                        for path in document or ()
                    },
                    options=options,
                    reject_sink=sink,
                    reject_rule_breakers=reject_rule_breakers,
                    progress=lambda done, total: bars("Reading", done, total),
                    replace=replace,
                )
        except BookExistsError as error:
            hint = "" if replace else " (--replace overwrites it)"
            raise OptionError(f"{error}{hint}") from error
        except ImportFailedError as error:
            if as_json:
                print_json(
                    {"result": "error", "exit_code": int(ExitCode.REFUSED_INPUT), **error.report.to_json()}
                )
                raise SystemExit(ExitCode.REFUSED_INPUT) from error
            raise
        if as_json:
            print_json({"result": "imported", **report.to_json()})
            return
        for line in report.summary_lines():
            console.print(escape(line))
        if report.accounts_rejected and reject_file is not None:
            notes.print(f"Rejected records: {escape(str(reject_file))}")
