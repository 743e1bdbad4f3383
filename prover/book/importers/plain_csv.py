"""Liability lists of other proof systems that are plain CSV in base units, without negative balances.

* ``bitmex``: ``account,amount`` in satoshi (BitMEX/proof-of-reserves-liabilities, generate_liabilities.py);
* ``dapol``: columns ``id`` and ``liability`` anywhere, others ignored (silversixpence-crypto/dapol,
  src/entity/entities_parser.rs; its command line help calls the first one ``entity_id``);
* ``summa``: ``username,balance_<symbol>_<chain>,...`` (summa-dev/summa-solvency,
  zk_prover/src/merkle_sum_tree/utils/csv_parser.rs).
"""

from __future__ import annotations

import re
from pathlib import Path

from primitives.assets import AssetList, AssetListError
from prover.book.csv_input import CsvInput
from prover.book.errors import ImportOptionsError
from prover.book.importers.base import Importer, ImportRequest, PreparedSource
from prover.book.intake import Intake
from prover.book.read_wide import PlanFor, WideColumn, WidePlan, missing_header, read_wide_csv
from prover.book.report import Problem
from prover.book.text_input import InputFaultError, TextInput

_BALANCE = re.compile(r"balance_([^_]+_[^_]+)")


def _prepared(request: ImportRequest, assets: AssetList, plan_for: PlanFor) -> PreparedSource:
    def read(path: Path, intake: Intake) -> None:
        read_wide_csv(path, intake, plan_for, delimiter=",", chunk_bytes=request.options.chunk_bytes)

    return PreparedSource(assets, read)


def _one_asset(request: ImportRequest, source: str, default: str) -> AssetList:
    request.refuse_prices(source)
    if request.assets is None:
        return AssetList.of([(default, 0)])
    if len(request.assets) != 1:
        raise ImportOptionsError(f"source {source} has one asset, the asset list has {len(request.assets)}")
    return request.assets


def _prepare_bitmex(request: ImportRequest) -> PreparedSource:
    def plan_for(header: list[str], name: str) -> WidePlan:
        if header != ["account", "amount"]:
            reason = f"the header is {','.join(header[:12])} instead of account,amount"
            raise InputFaultError(Problem("unexpected-header", name, reason, 1))
        return WidePlan(0, 2, (WideColumn(1, "amount", 0, 0, non_negative=True),))

    return _prepared(request, _one_asset(request, "bitmex", "XBt"), plan_for)


def _prepare_dapol(request: ImportRequest) -> PreparedSource:
    def plan_for(header: list[str], name: str) -> WidePlan:
        account = next((wanted for wanted in ("id", "entity_id") if wanted in header), None)
        if account is None or "liability" not in header:
            raise missing_header(name, "id and liability", header)
        column = WideColumn(header.index("liability"), "liability", 0, 0, non_negative=True)
        return WidePlan(header.index(account), len(header), (column,))

    return _prepared(request, _one_asset(request, "dapol", "liability"), plan_for)


def _summa_assets(header: list[str], name: str) -> list[str]:
    """``<symbol>_<chain>`` of every balance column."""
    if header[:1] != ["username"] or len(header) < 2:
        raise missing_header(name, "username in the first place, with balances after it", header)
    ids = []
    for column in header[1:]:
        match = _BALANCE.fullmatch(column)
        if match is None:
            reason = "is not of the form balance_<symbol>_<chain>"
            raise InputFaultError(Problem("unexpected-header", name, reason, 1, column=column))
        ids.append(match.group(1))
    return ids


def read_csv_header(path: Path, request: ImportRequest) -> list[str]:
    """The header of a CSV file, for sources whose asset list is in it."""
    text = TextInput(path, chunk_bytes=request.options.chunk_bytes, on_bytes=lambda _: None)
    header, _ = CsvInput(text, ",").read_header()
    return header


def _prepare_summa(request: ImportRequest) -> PreparedSource:
    request.refuse_prices("summa")
    first = request.inputs[0]
    assets = request.assets
    if assets is None:
        try:
            assets = AssetList.of(
                (asset, 0) for asset in _summa_assets(read_csv_header(first, request), str(first))
            )
        except AssetListError as error:
            raise InputFaultError(Problem("unexpected-header", str(first), str(error), 1)) from None

    def plan_for(header: list[str], name: str) -> WidePlan:
        columns = []
        for place, asset in enumerate(_summa_assets(header, name), start=1):
            if asset not in assets:
                reason = f"asset {asset} is not in the asset list"
                raise InputFaultError(Problem("unknown-column", name, reason, 1, column=header[place]))
            columns.append(WideColumn(place, header[place], assets.index(asset), 0, non_negative=True))
        return WidePlan(0, len(header), tuple(columns))

    return _prepared(request, assets, plan_for)


BITMEX = Importer("bitmex", "BitMEX liabilities: account,amount in satoshi", _prepare_bitmex)
DAPOL = Importer("dapol", "DAPOL+ entities: id,liability", _prepare_dapol)
SUMMA = Importer("summa", "Summa entries: username,balance_<symbol>_<chain>,...", _prepare_summa)
