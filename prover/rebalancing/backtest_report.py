"""A backtest as JSON, as a figure (SVG) and as a page; the same bytes for the same figures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

from primitives.amounts_text import plain_amount
from primitives.strict_json import Json, canonical_json
from prover.rebalancing.backtest import QUANTILES, Backtest, RunFigures

BACKTEST_FORMAT: Final = "sealedbook/backtest/v1"
_WIDTH: Final = 960
_PANEL: Final = 250
_LEFT: Final = 70
_RIGHT: Final = 20
_TOP: Final = 50
_GAP: Final = 70
_WHOLE: Final = 100.0
"""Percent: a margin ratio at which an account is liquidated."""


def backtest_to_json(backtest: Backtest) -> dict[str, Json]:
    """All figures; amounts as decimal text."""
    return {
        "format": BACKTEST_FORMAT,
        "accounts": backtest.accounts,
        "steps": len(backtest.path.times),
        "path": {
            "source": backtest.path.source,
            "from": backtest.path.times[0],
            "to": backtest.path.times[-1],
            "series": list(backtest.path.series),
        },
        "liquidations_avoided": backtest.avoided,
        "without": _run_to_json(backtest, backtest.without),
        "with": {**_run_to_json(backtest, backtest.with_policy), **_cost_to_json(backtest)},
        "quantiles_percent": list(QUANTILES),
        "series": [
            {
                "time": time,
                "prices": [_number(float(price)) for price in prices],
                "liquidated_without": without.liquidated,
                "liquidated_with": with_policy.liquidated,
                "under_buffer_without": without.under_buffer,
                "under_buffer_with": with_policy.under_buffer,
                "called": with_policy.called,
                "buffers_without": [_number(value) for value in without.buffers],
                "buffers_with": [_number(value) for value in with_policy.buffers],
            }
            for time, prices, without, with_policy in zip(
                backtest.path.times,
                backtest.path.prices,
                backtest.without.steps,
                backtest.with_policy.steps,
                strict=True,
            )
        ],
    }


def backtest_to_bytes(backtest: Backtest) -> bytes:
    """Canonical JSON and a final newline."""
    return canonical_json(backtest_to_json(backtest)) + b"\n"


def backtest_svg(backtest: Backtest) -> str:
    """Two panels over the steps: equity over requirement with and without the policy, and liquidations."""
    height = _TOP + 2 * _PANEL + _GAP + 40
    liquidations = [
        [step.liquidated for step in run.steps] for run in (backtest.without, backtest.with_policy)
    ]
    most = max(1, *liquidations[0], *liquidations[1])
    second = _TOP + _PANEL + _GAP
    title = f"{backtest.avoided:,} of {backtest.without.liquidated:,} liquidations avoided"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" font-family="sans-serif" font-size="13">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="16" font-weight="bold">{html.escape(title)}</text>',
        _text(
            _LEFT,
            _TOP - 8,
            "requirement in % of equity: what 5 % of the accounts left exceed; band: with the policy, to what 95 % do",
        ),
        *_axes(_TOP, _WHOLE, (0, 20, 40, 60, 80, 100)),
        _band(backtest.with_policy, _TOP),
        _line(_ratios(backtest.without, 0), _TOP, _WHOLE, "#b3421f", "6 4"),
        _line(_ratios(backtest.with_policy, 0), _TOP, _WHOLE, "#1f5fb3", ""),
        _text(_LEFT, second - 8, "liquidated accounts so far"),
        *_axes(second, most, sorted({0, most // 2, most})),
        _line(list(map(float, liquidations[0])), second, most, "#b3421f", "6 4"),
        _line(list(map(float, liquidations[1])), second, most, "#1f5fb3", ""),
        _text(_LEFT, second + _PANEL + 22, backtest.path.times[0]),
        f'<text x="{_WIDTH - _RIGHT}" y="{second + _PANEL + 22}" text-anchor="end">{backtest.path.times[-1]}</text>',
        _legend(second),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def backtest_html(backtest: Backtest) -> str:
    """The figure and the totals on one page, without scripts."""
    document = backtest_to_json(backtest)
    lines = [
        ("accounts", f"{backtest.accounts:,}"),
        ("steps", f"{len(backtest.path.times):,}"),
        ("path", backtest.path.source),
        ("liquidated without the policy", f"{backtest.without.liquidated:,}"),
        ("liquidated with it", f"{backtest.with_policy.liquidated:,}"),
        ("account-steps under the trigger, without", f"{backtest.without.under_buffer:,}"),
        ("account-steps under the trigger, with", f"{backtest.with_policy.under_buffer:,}"),
        ("top-ups", f"{backtest.with_policy.top_ups:,}"),
    ]
    run = document["with"]
    if isinstance(run, dict):
        for name in ("moved", "fees"):
            entries = run[name]
            if isinstance(entries, dict):
                lines += [(f"{name}: {asset}", str(amount)) for asset, amount in entries.items()]
    rows = "\n".join(f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in lines)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Backtest of a rebalancing policy</title>\n'
        "<style>body{font-family:sans-serif;max-width:1000px;margin:2em auto}th{text-align:left;padding-right:2em;"
        "font-weight:normal}td{text-align:right}</style></head><body>\n<h1>Backtest of a rebalancing policy</h1>\n"
        f"{backtest_svg(backtest)}<table>\n{rows}\n</table>\n</body></html>\n"
    )


def _run_to_json(backtest: Backtest, run: RunFigures) -> dict[str, Json]:
    return {
        "liquidated": run.liquidated,
        "shortfall_of_liquidated": plain_amount(run.shortfall, backtest.scale),
        "account_steps_under_buffer": run.under_buffer,
    }


def _cost_to_json(backtest: Backtest) -> dict[str, Json]:
    run, entries = backtest.with_policy, backtest.policy.assets
    pairs = list(zip(entries, backtest.decimals, strict=True))
    moved: dict[str, Json] = {
        entry.asset: plain_amount(amount, decimals)
        for (entry, decimals), amount in zip(pairs, run.moved, strict=True)
    }
    fees: dict[str, Json] = {
        entry.asset: plain_amount(amount, decimals)
        for (entry, decimals), amount in zip(pairs, run.fees, strict=True)
    }
    return {
        "top_ups": run.top_ups,
        "moved": moved,
        "fees": fees,
        "withdrawn": plain_amount(run.withdrawn, backtest.decimals[0]),
    }


def _number(value: float) -> str:
    """Ten significant digits: a number as text, since canonical documents have integers alone."""
    return f"{value:.10g}"


def _ratios(run: RunFigures, quantile: int) -> list[float]:
    """The margin ratio in percent, step by step; 0 where no account has a requirement."""
    buffers = [step.buffers[quantile] if step.buffers else 0.0 for step in run.steps]
    return [
        min(_WHOLE, _WHOLE / buffer) if buffer > 0 else _WHOLE * bool(step.buffers)
        for buffer, step in zip(buffers, run.steps, strict=True)
    ]


def _band(run: RunFigures, top: int) -> str:
    upper, lower = _points(_ratios(run, 0), top, _WHOLE), _points(_ratios(run, -1), top, _WHOLE)
    points = [*upper, *reversed(lower)]
    return f'<polygon fill="#1f5fb3" fill-opacity="0.15" points="{" ".join(points)}"/>'


def _line(values: Sequence[float], top: int, largest: float, colour: str, dashes: str) -> str:
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    points = " ".join(_points(values, top, largest))
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="{points}"/>'


def _points(values: Sequence[float], top: int, largest: float) -> list[str]:
    span = _WIDTH - _LEFT - _RIGHT
    last = max(1, len(values) - 1)
    return [
        f"{_LEFT + span * place / last:.2f},{top + _PANEL * (1 - min(1.0, max(0.0, value / largest))):.2f}"
        for place, value in enumerate(values)
    ]


def _axes(top: int, largest: float, ticks: Sequence[int]) -> list[str]:
    lines = []
    for tick in ticks:
        y = f"{top + _PANEL * (1 - tick / largest):.2f}"
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#dddddd"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end">{tick:,}</text>')
    return lines


def _legend(second: int) -> str:
    y = second - 8
    return (
        f'<text x="{_WIDTH - _RIGHT}" y="{y}" text-anchor="end"><tspan fill="#b3421f">- - without the policy</tspan>'
        '<tspan dx="16" fill="#1f5fb3">— with it</tspan></text>'
    )


def _text(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{html.escape(text)}</text>'
