"""The vectors of the portfolio margin, and case files made of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

VECTORS: Final = Path(__file__).parent / "vectors" / "pmrm2"
PARAMETER_SETS: Final[dict[str, Any]] = json.loads((VECTORS / "parameters.json").read_text(encoding="utf-8"))
CASES: Final[list[dict[str, Any]]] = json.loads((VECTORS / "cases.json").read_text(encoding="utf-8"))["cases"]
BY_NAME: Final[dict[str, dict[str, Any]]] = {case["name"]: case for case in CASES}


def case_document(case: dict[str, Any]) -> dict[str, Any]:
    """The case file of a vector, without results: what the generator read."""
    parameters = copy.deepcopy(PARAMETER_SETS[case["parameters"]])
    parameters["Scenarios"] = [
        {"SpotShock": spot, "VolShockDirection": kind, "DampeningFactor": dampening}
        for spot, kind, dampening in parameters["Scenarios"]
    ]
    position = case["position"]
    scenario = {
        "Cash": position["cash"],
        "Collaterals": [
            {
                "Name": name, "Amount": amount, "Price": price, "Confidence": confidence,
                "IsRiskCancelling": cancelling, "IMHaircut": initial, "MMHaircut": maintenance,
            }
            for name, price, confidence, cancelling, maintenance, initial, amount in case["collaterals"]
        ],
        "SpotPrice": case["spot"][0], "SpotConfidence": case["spot"][1],
        "NumPerps": position["perp"], "PerpPrice": case["perp"][0], "PerpConfidence": case["perp"][1],
        "UnrealisedPerpPNL": position["pnl"], "UnrealisedFunding": position["funding"],
        "StablePrice": case["stable"][0], "StableConfidence": case["stable"][1],
        "Options": [
            {
                "Expiry": case["expiries"][expiry][0], "Strike": strike, "IsCall": int(kind == "C"),
                "Amount": amount, "MarkVol": volatility,
            }
            for expiry, strike, kind, volatility, amount in case["options"]
        ],
        "OptionFeeds": [
            {
                "FeedExpiry": seconds, "Forward": forward, "ForwardConfidence": forward_confidence,
                "Rate": rate, "RateConfidence": rate_confidence,
                # The files give all of a smile but the forward as text.
                "SVIparam": [number if place == 5 else str(number) for place, number in enumerate(smile)],
                "OptionVolConfidences": volatility_confidence,
            }
            for seconds, forward, rate, volatility_confidence, forward_confidence, rate_confidence, smile
            in case["expiries"]
        ],
    }  # fmt: skip
    return {"Scenario": scenario, "Parameters": parameters}


def document(name: str) -> dict[str, Any]:
    """The case file of the vector called `name`, to be changed at will."""
    return case_document(BY_NAME[name])
