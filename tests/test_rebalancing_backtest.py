"""Backtests of rebalancing policies: paths, steps, and what is reported."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pytest
from top_up_support import ASSETS, LEAVES, MARKET, inner_model, market
from typer.testing import CliRunner

from circuits.claim_statement import ClaimDocumentError, find_margin_model, read_market
from circuits.market.document import MarketDocument
from circuits.prices import PriceDocument
from primitives.strict_json import JsonError, parse_canonical_json
from prover.rebalancing.backtest import Backtest, market_at, run_backtest
from prover.rebalancing.backtest_report import (
    backtest_html,
    backtest_svg,
    backtest_to_bytes,
    backtest_to_json,
)
from prover.rebalancing.bound_asset import PolicyError
from prover.rebalancing.crash_example import ASSETS as CRASH_ASSETS
from prover.rebalancing.crash_example import crash_backtest, crash_example, csv_of
from prover.rebalancing.margin_function import MarginFunction
from prover.rebalancing.policy import RebalancingPolicy
from prover.rebalancing.price_path import (
    PricePath,
    PricePathError,
    parse_csv_path,
    parse_history_path,
    parse_process_path,
)
from prover.rebalancing.rebalance import AccountTable
from sealedbook.__main__ import app
from sealedbook.output import ExitCode

MODEL: Final = json.dumps(inner_model()).encode()
PAIR: Final = 2
ONE: Final = {"margin_ratio": {"numerator": 1, "denominator": 1}}
DOUBLE: Final = {"buffer": {"numerator": 1, "denominator": 1}}


def table() -> AccountTable:
    lines = [[amounts.get(asset.id, 0) for asset in ASSETS] for _, amounts in LEAVES]
    return AccountTable(tuple(name for name, _ in LEAVES), ASSETS, np.array(lines, np.int64))


def path_of(*bitcoin: str) -> PricePath:
    times = tuple(f"2026-11-{day:02d}T00:00:00Z" for day in range(1, len(bitcoin) + 1))
    return PricePath(times, ("BTC",), tuple((Decimal(price),) for price in bitcoin), "made up")


def policy(**more: Any) -> RebalancingPolicy:
    asset = {"asset": "USDT", "reserve": {"column": "wallet USDT"}, **more.pop("asset", {})}
    document = {
        "format": "sealedbook/rebalancing-policy/v1",
        "trigger": DOUBLE,
        "target": DOUBLE,
        "assets": [asset],
        **more,
    }
    return RebalancingPolicy.parse(json.dumps(document).encode())


def walk(path: PricePath, chosen: RebalancingPolicy) -> Backtest:
    """From 70,000, where the account "pair" has 425,000 over 99,600."""
    definition = find_margin_model(MODEL)
    assert definition is not None
    return run_backtest(table(), definition, read_market(market("70000")), path, chosen)


# Steps.


def test_a_top_up_avoids_a_liquidation() -> None:
    """Short 100 BTC: 145,000 at 72,800 under 2 x 102,400, topped up by 59,800; 19,000 + 59,800 more at 74,060."""
    found = walk(path_of("70000", "72800", "74060"), policy())
    assert [step.liquidated for step in found.without.steps] == [0, 0, 1]
    assert [step.liquidated for step in found.with_policy.steps] == [0, 0, 1]
    found = walk(path_of("70000", "72800", "73600"), policy())
    assert [step.liquidated for step in found.without.steps] == [0, 0, 1]
    assert [step.liquidated for step in found.with_policy.steps] == [0, 0, 0]
    assert found.avoided == 1
    assert [step.called for step in found.with_policy.steps] == [0, 1, 1]
    assert found.with_policy.top_ups == 2
    # 2 R - E at the second step, then what is left of the wallet.
    assert found.with_policy.moved == (60_000 * 10**6,)
    assert found.without.moved == (0,)
    assert found.without.shortfall == 0


def test_what_arrives_late_arrives_too_late() -> None:
    found = walk(path_of("70000", "72800", "73600"), policy(asset={"latency": 1}))
    assert found.avoided == 1
    assert [step.called for step in found.with_policy.steps] == [0, 1, 1]
    late = walk(path_of("70000", "72800", "73600", "73600"), policy(asset={"latency": 2}))
    assert late.avoided == 0
    assert [step.called for step in late.with_policy.steps] == [0, 1, 0, 0]
    assert late.with_policy.top_ups == 1


def test_shortfalls_of_liquidated_accounts() -> None:
    """10 BTC too far: E = 400,000 - 600,000 + 75,000 at 75,500."""
    found = walk(path_of("70000", "75500"), policy())
    assert found.without.liquidated == found.with_policy.liquidated == 1
    assert found.without.shortfall == 125_000 * 10**6


def test_fees_and_withdrawals_are_counted() -> None:
    found = walk(path_of("70000", "72800"), policy(asset={"fee": {"fixed": "3"}}))
    assert found.with_policy.fees == (3 * 10**6,)
    rich = policy(withdraw={"above": {"buffer": {"numerator": 3, "denominator": 1}}, "down_to": DOUBLE})
    found = walk(path_of("70000", "70000"), rich)
    assert found.with_policy.withdrawn > 0
    assert found.with_policy.liquidated == 0


def test_the_book_is_left_as_it_was() -> None:
    before = table().amounts
    accounts = table()
    definition = find_margin_model(MODEL)
    assert definition is not None
    run_backtest(accounts, definition, read_market(MARKET), path_of("1", "1.1"), policy())
    assert (accounts.amounts == before).all()


def test_buffers_are_equity_over_requirement() -> None:
    found = walk(path_of("70000", "72800"), policy())
    worst = found.without.steps[0].buffers[0]
    assert worst == pytest.approx(425_000 / 99_600)
    assert found.without.steps[0].under_buffer == 0
    assert found.without.steps[1].under_buffer == found.without.under_buffer == 1


def test_credits_are_no_part_of_a_book() -> None:
    credit = {"decimals": 8, "price": "1", "tiers": [{"ratio": "0.9"}]}
    pledged = policy(asset={"reserve": {"unlimited": True}, "credit": credit})
    with pytest.raises(PolicyError, match="a credit from outside is none"):
        walk(path_of("1", "2"), pledged)


# Markets along a path.


def test_prices_move_by_what_the_path_changes() -> None:
    start = read_market(market("70000"))
    moved = market_at(start, path_of("3", "2"), 1, ASSETS)
    assert isinstance(moved, MarketDocument)
    marks = {entry.id: getattr(entry, "mark", None) for entry in moved.snapshot.instruments}
    assert marks["BTCUSDT"] == Decimal("70000") * (1 + Decimal("-0.333333333333"))
    assert marks["ETHUSDT"] == Decimal("3500")
    assert moved.snapshot.index_of("BTC") == marks["BTCUSDT"]


def test_price_lists_stay_exact() -> None:
    document = {
        "format": "sealedbook/prices/v1",
        "as_of": "2026-11-20T00:00:00Z",
        "quote": "USD",
        "scale": 6,
        "prices": [{"asset": "BTC", "price": "70000"}],
    }
    start = read_market(json.dumps(document).encode())
    from primitives.assets import Asset

    moved = market_at(start, path_of("3", "2"), 1, (Asset("BTC", 5),))
    assert isinstance(moved, PriceDocument)
    assert moved.prices.prices["BTC"] == "46666.7"
    assert moved.prices.unit_value(Asset("BTC", 5)) == 466_667


def test_series_that_the_market_has_not() -> None:
    path = PricePath(("a", "b"), ("XRP",), ((Decimal(1),), (Decimal(2),)), "made up")
    with pytest.raises(ClaimDocumentError, match="no underlying or price of 'XRP'"):
        walk(path, policy())


# Reading paths.

LINES: Final = (
    "time,asset,price",
    "2026-01-01T00:00:00Z,BTC,70000",
    "2026-01-01T00:00:00Z,ETH,3500",
    "2026-01-02T00:00:00Z,BTC,69000.5",
    "2026-01-02T00:00:00Z,ETH,3400",
    "2026-01-03T00:00:00Z,ETH,3300",
    "2026-01-03T00:00:00Z,BTC,68000",
)


def _csv(changes: Mapping[int, str | None]) -> bytes:
    lines = [changes.get(number, line) for number, line in enumerate(LINES)]
    return ("\n".join(line for line in lines if line is not None) + "\n").encode()


def test_a_path_in_csv() -> None:
    path = parse_csv_path(_csv({}))
    assert path.series == ("BTC", "ETH")
    assert path.prices[1] == (Decimal("69000.5"), Decimal(3400))
    assert path.change(2, 0) == Decimal(round(Fraction(-2, 70) * 10**12)) / 10**12


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({0: "time,asset"}, "line 1: expected the header"),
        ({3: "2026-01-02T00:00:00Z,BTC,NaN"}, "line 4: 'NaN' is no price"),
        ({3: "2026-01-02T00:00:00Z,BTC,1e5"}, "line 4: '1e5' is no price"),
        ({3: "2026-01-02T00:00:00Z,BTC,"}, "line 4: '' is no price"),
        ({3: "2026-01-02T00:00:00Z,BTC,1.2.3"}, "line 4: '1.2.3' is no price"),
        ({3: "2026-01-02T00:00:00Z,BTC,-1"}, "line 4: the price of 'BTC' at 2026-01-02T00:00:00Z is -1, not above 0"),
        ({3: "2026-01-02T00:00:00Z,BTC,0"}, "is 0, not above 0"),
        ({3: "2026-01-02,BTC,1"}, "line 4: '2026-01-02' is no UTC time"),
        ({3: "2026-01-02T00:00:00Z,BTC"}, "line 4: 2 fields"),
        ({3: None}, "gap: 'BTC' has no price at 2026-01-02T00:00:00Z"),
        ({3: "2026-01-02T00:00:00Z,ETH,3400"}, "line 5: 'ETH' has two prices"),
        ({3: None, 4: None}, "a path has|gap: there are no prices|comes"),
        ({5: "2026-01-04T00:00:00Z,ETH,1", 6: "2026-01-04T00:00:00Z,BTC,1"}, "gap: there are no prices at 2026-01-03"),
        ({5: "2026-01-02T12:00:00Z,ETH,1", 6: "2026-01-02T12:00:00Z,BTC,1"}, "comes too early"),
        ({5: "2025-01-03T00:00:00Z,ETH,1", 6: "2025-01-03T00:00:00Z,BTC,1"}, "comes after"),
        ({6: "2026-01-01T00:00:00Z,BTC,1"}, "line 7: 2026-01-01T00:00:00Z was over before"),
        ({6: '2026-01-03T00:00:00Z,"BTC,1'}, "line"),
        (dict.fromkeys(range(1, 7)), "the file has no prices"),
    ],
)  # fmt: skip
def test_paths_in_csv_that_are_refused(changes: Mapping[int, str | None], reason: str) -> None:
    data = _csv(changes)
    if reason.startswith("a path has"):
        assert parse_csv_path(data).times[1] == "2026-01-03T00:00:00Z"  # two times are always evenly spaced
        return
    with pytest.raises(PricePathError, match=reason):
        parse_csv_path(data)
    with pytest.raises(PricePathError, match="not UTF-8"):
        parse_csv_path(b"\xff")


def test_a_path_is_two_times_at_least() -> None:
    with pytest.raises(PricePathError, match="2 to 16,384 times, not 1"):
        parse_csv_path(_csv(dict.fromkeys(range(3, 7))))


def test_a_price_history() -> None:
    document = {
        "format": "sealedbook/price-history/v1",
        "quote": "USDT",
        "step": "day",
        "sources": [],
        "times": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
        "series": [
            {"underlying": "BTC", "closes": ["70000", "69000.5"]},
            {"underlying": "ETH", "closes": ["3500", "3400"]},
        ],
    }
    path = parse_history_path(json.dumps(document).encode())
    assert (path.times, path.series, path.prices) == (
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("BTC", "ETH"),
        ((Decimal(70000), Decimal(3500)), (Decimal("69000.5"), Decimal(3400))),
    )
    document["series"][0]["closes"][1] = None  # type: ignore[index]
    with pytest.raises(JsonError, match="is null"):
        parse_history_path(json.dumps(document).encode())


def process(**changes: Any) -> bytes:
    document = json.loads(crash_example(accounts=1).process)
    return json.dumps({**document, **changes}).encode()


def test_a_seed_makes_the_same_path_everywhere() -> None:
    path = parse_process_path(process())
    digest = hashlib.sha256(repr(path.prices).encode()).hexdigest()
    assert digest == PROCESS_DIGEST
    assert len(path.times) == 251
    assert path.times[1] == "2026-11-20T04:00:00Z"
    assert min(price for line in path.prices for price in line) > 0
    other = parse_process_path(process(seed=9))
    assert other.prices[1:] != path.prices[1:]
    longer = parse_process_path(process(steps=300))
    assert longer.prices[:251] == path.prices


PROCESS_DIGEST: Final = "fb25e61100c367edd8fa638ffd4c40cc1ef484001fc89469250b4c560e61ed69"


def test_a_common_factor_moves_all_alike() -> None:
    series = [{"of": name, "volatility": "0.5"} for name in ("BTC", "ETH")]
    alike = parse_process_path(process(series=series, common="1"))
    assert all(line[0] == line[1] for line in alike.prices)
    apart = parse_process_path(process(series=series, common="0"))
    assert not any(line[0] == line[1] for line in apart.prices[1:])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "x"}, r"\$\.format"),
        ({"seed": -1}, r"\$\.seed"),
        ({"steps": 0}, r"\$\.steps"),
        ({"steps": 16_384}, r"\$\.steps"),
        ({"step_hours": 8_760, "steps": 9_000}, "go beyond the calendar"),
        ({"common": "1.1"}, "is not between 0 and 1"),
        ({"series": []}, "is empty"),
        ({"series": [{"of": "BTC", "volatility": "1"}] * 2}, "twice"),
        ({"series": [{"of": "BTC", "volatility": "-1"}]}, "is not between 0 and 10"),
        ({"series": [{"of": "BTC", "volatility": 1}]}, "expected text"),
        ({"series": [{"of": "BTC", "volatility": "1", "x": 1}]}, "unknown field"),
    ],
)
def test_processes_that_are_refused(changes: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(JsonError, match=reason):
        parse_process_path(process(**changes))


# The example, and reports.


def small_crash() -> Backtest:
    return crash_backtest(crash_example(accounts=60, steps=60))


def test_top_ups_help_in_the_crash() -> None:
    found = small_crash()
    assert found.avoided > 0
    assert found.with_policy.shortfall <= found.without.shortfall
    assert [step.liquidated for step in found.without.steps] == sorted(
        step.liquidated for step in found.without.steps
    )


def test_reports_are_the_same_bytes_for_the_same_figures() -> None:
    first, second = small_crash(), small_crash()
    assert backtest_to_bytes(first) == backtest_to_bytes(second)
    assert backtest_svg(first) == backtest_svg(second)
    assert parse_canonical_json(backtest_to_bytes(first)[:-1]) == backtest_to_json(first)
    ElementTree.fromstring(backtest_svg(first))  # noqa: S314 (made here)
    page = backtest_html(first)
    assert backtest_svg(first) in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", page)


def test_the_example_starts_above_its_requirement() -> None:
    example = crash_example(accounts=200)
    definition = find_margin_model(example.model)
    assert definition is not None
    function = MarginFunction(definition, CRASH_ASSETS, read_market(example.market))
    assert (function.slack(example.table.amounts, Fraction(1)) >= 0).all()


def test_the_files_of_the_example_are_what_their_generator_writes() -> None:
    from vectors.generate_rebalancing_examples import DIRECTORY, files

    for name, text in files().items():
        assert (DIRECTORY / name).read_text("ascii") == text, name


def test_the_command(tmp_path: Path) -> None:
    example = crash_example(accounts=30, steps=20)
    (tmp_path / "ledger.csv").write_text(csv_of(example.table))
    for name in ("model", "market", "policy", "process"):
        (tmp_path / f"{name}.json").write_bytes(getattr(example, name))
    assets = [{"id": asset.id, "decimals": asset.decimals} for asset in CRASH_ASSETS]
    (tmp_path / "assets.json").write_text(json.dumps({"format": "sealedbook/assets/v1", "assets": assets}))

    def run(*words: str) -> tuple[int, str]:
        parts = [str(tmp_path / word) if "." in word or word == "book" else word for word in words]
        result = CliRunner().invoke(app, parts)
        return result.exit_code, result.stdout

    code, _ = run(
        "import", "ledger.csv", "--from", "generic-long", "--assets", "assets.json", "--document", "market.json",
        "--out", "book",
    )  # fmt: skip
    assert code == 0
    words = (
        "margin",
        "backtest",
        "book",
        "--model",
        "model.json",
        "--policy",
        "policy.json",
        "--out",
        "out.json",
    )
    code, text = run(*words, "--process", "process.json", "--svg", "a.svg", "--html", "a.html", "--json")
    assert code == 0
    printed = json.loads(text)
    written = json.loads((tmp_path / "out.json").read_bytes())
    assert printed == {key: value for key, value in written.items() if key != "series"}
    assert len(written["series"]) == printed["steps"] == 21
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o600 for name in ("out.json", "a.svg", "a.html"))
    code, text = run(*words, "--process", "process.json", "--json")
    assert code == ExitCode.REFUSED_INPUT
    assert "exists" in json.loads(text)["detail"]
    (tmp_path / "attestation.json").write_text("{}")
    code, text = run(*words, "--replace", "--process", "process.json", "--json")
    assert code == ExitCode.REFUSED_INPUT
    assert "lies inside the bundle" in json.loads(text)["detail"]
    (tmp_path / "attestation.json").unlink()
    for extra in ((), ("--process", "process.json", "--path", "ledger.csv")):
        code, text = run(*words, "--replace", *extra, "--json")
        assert code == ExitCode.REFUSED_INPUT
        assert "give one of --path" in json.loads(text)["detail"]
