"""The generic tables: long (account, asset, amount) and wide (account, one column per asset)."""

from __future__ import annotations

from pathlib import Path

from primitives.assets import AssetList
from prover.book.importers.base import Importer, ImportRequest, PreparedSource
from prover.book.intake import Intake, ReadOptions
from prover.book.parquet_input import is_parquet
from prover.book.read_long import read_long
from prover.book.read_wide import WideColumn, WidePlan, missing_header, read_wide_csv, read_wide_parquet
from prover.book.report import Problem
from prover.book.text_input import InputFaultError


def _prepare_long(request: ImportRequest) -> PreparedSource:
    request.refuse_prices("generic-long")

    def read(path: Path, intake: Intake) -> None:
        read_long(path, intake, request.options)

    return PreparedSource(request.required_assets("generic-long"), read)


def _wide_plan(header: list[str], name: str, assets: AssetList, options: ReadOptions) -> WidePlan:
    if options.account_column not in header:
        raise missing_header(name, options.account_column, header)
    columns = []
    for place, column in enumerate(header):
        if column == options.account_column or column in options.ignore_columns:
            continue
        if column not in assets:
            reason = "is neither an asset nor among the columns to ignore"
            raise InputFaultError(Problem("unknown-column", name, reason, 1, column=column))
        index = assets.index(column)
        decimals = 0 if options.base_units else assets[index].decimals
        columns.append(WideColumn(place, column, index, decimals))
    if not columns:
        raise missing_header(name, "like an asset", header)
    return WidePlan(
        header.index(options.account_column),
        len(header),
        tuple(columns),
        delimiter=options.delimiter,
        blank_is_zero=options.blank_is_zero,
    )


def _prepare_wide(request: ImportRequest) -> PreparedSource:
    request.refuse_prices("generic-wide")
    assets = request.required_assets("generic-wide")
    options = request.options

    def plan_for(header: list[str], name: str) -> WidePlan:
        return _wide_plan(header, name, assets, options)

    def read(path: Path, intake: Intake) -> None:
        if is_parquet(path):
            read_wide_parquet(path, intake, plan_for)
        else:
            read_wide_csv(
                path, intake, plan_for, delimiter=options.delimiter, chunk_bytes=options.chunk_bytes
            )

    return PreparedSource(assets, read)


GENERIC_LONG = Importer("generic-long", "CSV or Parquet, one row per account and asset", _prepare_long)
GENERIC_WIDE = Importer(
    "generic-wide", "CSV or Parquet, one row per account, one column per asset", _prepare_wide
)
