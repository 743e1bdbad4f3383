"""``python -m circuits.pmrm2 CASE.json``: initial and maintenance margin of a case file, as JSON.

With ``--statement`` the margins by the integer definition, and the size of the statement that proves both.

Exit codes: 0 computed, 2 wrong usage, 3 the case is refused (the reason is on standard error).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from circuits.market.errors import MarketError
from circuits.modelling import ModelError
from circuits.modelling.explanation import explain
from circuits.pmrm2.case_documents import case_documents
from circuits.pmrm2.case_file import Case, load_case
from circuits.pmrm2.definition import Contingency, Margin, gam, margin, naked_shorts, unsettled
from circuits.pmrm2.parameters import MarginInputError
from circuits.pmrm2.unit_prices import Terms, down_multiplier, unit_prices, up_multiplier
from circuits.pricing import PricingError
from primitives.amounts_text import plain_amount
from primitives.strict_json import JsonError

COMPUTED: Final = 0
REFUSED: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with the arguments of the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m circuits.pmrm2", description="Margin of a case file, as JSON."
    )
    parser.add_argument("case", type=Path, metavar="CASE.json", help="the case file")
    parser.add_argument("--all", action="store_true", help="print every intermediate quantity")
    parser.add_argument(
        "--statement", action="store_true", help="print exact margins and the size of the statement instead"
    )
    options = parser.parse_args(arguments)
    try:
        case = load_case(options.case)
        figures = (
            statement_figures(case) if options.statement else float_figures(case, everything=options.all)
        )
    except (JsonError, MarginInputError, MarketError, ModelError, PricingError) as error:
        print(f"{options.case.name}: {error}", file=sys.stderr)
        return REFUSED
    for path in case.unused:
        print(f"{options.case.name}: {path}: not a field of the format, passed over", file=sys.stderr)
    print(json.dumps(figures, indent=2))
    return COMPUTED


def float_figures(case: Case, *, everything: bool) -> dict[str, object]:
    """IM and MM by the definition in floats, and what they are made of if `everything` is wanted."""
    result = margin(case.market, case.parameters, case.position)
    figures: dict[str, object] = {"IM": result.im, "MM": result.mm}
    return figures | (intermediates(case, result) if everything else {})


def statement_figures(case: Case) -> dict[str, object]:
    """IM and MM by the integer definition, as exact decimals, and what the statement of both consists of."""
    documents = case_documents(case)
    definition, market = documents.definition(), documents.public_market()
    positions = documents.batch([documents.positions])
    exact_margin = definition.evaluate_exactly(positions, documents.assets, market)
    size = explain(definition.model(documents.assets, market))
    scale = definition.numbers.scale
    return {
        "IM": plain_amount(exact_margin.im[0], scale),
        "MM": plain_amount(exact_margin.mm[0], scale),
        "worst_scenario_IM": exact_margin.worst_initial[0],
        "worst_scenario_MM": exact_margin.worst_maintenance[0],
        "rounded_amounts": list(documents.rounded),
        "assets": size.assets,
        "rows": size.rows,
        "variables": size.auxiliaries,
        "booleans": size.booleans,
        "bits": size.bits,
    }


def intermediates(case: Case, result: Margin) -> dict[str, object]:
    """Everything that IM and MM are made of, by the symbols of docs/models/pmrm2.md."""
    terms, prices = Terms.of(case.market), unit_prices(case.market, case.parameters)
    shock = case.parameters.volatility_shock
    values = result.values
    return {
        "V": result.value,
        "u": unsettled(case.position),
        "f_MM": result.f_mm,
        "f_IM": result.f_im,
        "omega": result.omega,
        "beta": result.beta,
        "scenarios": [
            {
                "m": scenario.spot,
                "kind": scenario.shock.value,
                "d": scenario.dampening,
                "phi": result.phi[s].item(),
                "X": values.shocked[s].tolist(),
                "y": result.y[s].tolist(),
                "x": prices.shocked[s].tolist(),
            }
            for s, scenario in enumerate(case.parameters.scenarios)
        ],
        "expiries": {
            "T": terms.seconds.tolist(),
            "t": terms.years.tolist(),
            "r": terms.rate.tolist(),
            "D": terms.discount.tolist(),
            "F": terms.forward.tolist(),
            "V": terms.moving.tolist(),
            "H": terms.fixed.tolist(),
            "lambda": result.lam.tolist(),
            "mu": result.mu.tolist(),
            "gamma": gam(terms, case.parameters.basis).tolist(),
            "M": values.mark.tolist(),
            "X+": values.up.tolist(),
            "X-": values.down.tolist(),
            "up_multiplier": up_multiplier(terms, shock).tolist(),
            "down_multiplier": down_multiplier(terms, shock).tolist(),
        },
        "options": {"p": prices.mark.tolist(), "p+": prices.up.tolist(), "p-": prices.down.tolist()},
        "collateral_value": result.collateral_value.tolist(),
        "naked_shorts": naked_shorts(case.market, case.position),
        "contingencies": {
            "perp": _contingency(result.perp),
            "short_options": _contingency(result.short_options),
            "collateral": _contingency(result.collateral),
            "confidence": _contingency(result.confidence),
        },
    }


def _contingency(charge: Contingency) -> dict[str, float]:
    return {"MM": charge.maintenance, "added_for_IM": charge.added_for_initial}


if __name__ == "__main__":
    sys.exit(main())
