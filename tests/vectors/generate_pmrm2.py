"""Writes tests/vectors/pmrm2 from a folder of case files in the format of docs/models/pmrm2.md.

The figures come from an independent program: nothing of ``circuits`` is imported here. `tests/test_pmrm2_definition.py`
compares the files with a fresh run where the folder is at hand.
Run: ``python tests/vectors/generate_pmrm2.py FOLDER``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

DIRECTORY: Final = Path(__file__).parent / "pmrm2"
SOURCE: Final = (
    "Inputs made up; figures by an independent program that reproduces, to 1e-11, the published test cases of the "
    "portfolio margin manager PMRM 2 of the exchange Derive (github.com/derivexyz/v2-core)"
)
SECTIONS: Final = ("VolShock", "SkewShock", "Margin", "BasisContingency", "OtherContingency")


def compact_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Scenarios as ``[spot, kind, dampening]``, the rest as it is."""
    scenarios = [
        [shock["SpotShock"], shock["VolShockDirection"], shock["DampeningFactor"]]
        for shock in parameters["Scenarios"]
    ]
    return {"Scenarios": scenarios, **{section: parameters[section] for section in SECTIONS}}


def compact_case(name: str, parameters: str, case: dict[str, Any]) -> dict[str, Any]:
    """Inputs as rows of numbers, results by the symbols of the definition. Charges are positive here."""
    inputs, result = case["Scenario"], case["Result"]
    feeds = inputs["OptionFeeds"]
    place = {feed["FeedExpiry"]: index for index, feed in enumerate(feeds)}
    losses = result["reg_losses"] + result["tail_losses"] + result["skew_losses"]
    return {
        "name": name,
        "parameters": parameters,
        "spot": [inputs["SpotPrice"], inputs["SpotConfidence"]],
        "perp": [inputs["PerpPrice"], inputs["PerpConfidence"]],
        "stable": [inputs["StablePrice"], inputs["StableConfidence"]],
        "position": {
            "cash": inputs["Cash"],
            "perp": inputs["NumPerps"],
            "pnl": inputs["UnrealisedPerpPNL"],
            "funding": inputs["UnrealisedFunding"],
        },
        "expiries": [
            [
                feed["FeedExpiry"], feed["Forward"], feed["Rate"], feed["OptionVolConfidences"],
                feed["ForwardConfidence"], feed["RateConfidence"], [float(number) for number in feed["SVIparam"]],
            ]
            for feed in feeds
        ],
        "options": [
            [place[option["Expiry"]], option["Strike"], "CP"[not option["IsCall"]], option["MarkVol"], option["Amount"]]
            for option in inputs["Options"]
        ],
        "collaterals": [
            [
                entry["Name"], entry["Price"], entry["Confidence"], entry["IsRiskCancelling"],
                entry["MMHaircut"], entry["IMHaircut"], entry["Amount"],
            ]
            for entry in inputs["Collaterals"]
        ],
        "results": {
            "phi": [float(loss[-1]) for loss in losses],
            "beta": result["ForwardContingency"],
            "M": dict(zip(_expiries_held(inputs, place), result["OptionMTMPerExpiry"], strict=True)),
            "discounts": dict(zip(_expiries_held(inputs, place), result["discount_factors"], strict=True)),
            "up_multipliers": result["VolShockUpMultiplier"],
            "down_multipliers": result["VolShockDownMultiplier"],
            "collateral_value": result["CollateralMTM"],
            "u": result["PerpMTM"],
            "V": result["PortfolioMTM"],
            "f_MM": result["MMLossFactor"],
            "f_IM": result["IMLossFactor"],
            "perp": [-result["MMPerpCont"], -result["IMPerpCont"]],
            "short_options": [-result["MMOptionCont"], -result["IMOptionCont"]],
            "collateral": [-result["MMBaseCont"], -result["IMBaseCont"]],
            "confidence": -result["OracleCont"],
            "MM": result["MM"],
            "IM": result["IM"],
        },
    }  # fmt: skip


def files(folder: Path) -> dict[str, str]:
    """Name and text of each vector file."""
    parameter_sets: dict[str, str] = {}
    cases = []
    for path in sorted(folder.glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        text = json.dumps(compact_parameters(case["Parameters"]))
        name = parameter_sets.setdefault(text, f"parameters-{len(parameter_sets)}")
        cases.append(json.dumps(compact_case(path.stem, name, case)))
    sets = [f"{json.dumps(name)}: {text}" for text, name in parameter_sets.items()]
    return {
        "parameters.json": "{\n" + ",\n".join(sets) + "\n}\n",
        "cases.json": f'{{"source": {json.dumps(SOURCE)},\n"cases": [\n' + ",\n".join(cases) + "\n]}\n",
    }


def _expiries_held(inputs: dict[str, Any], place: dict[int, int]) -> list[int]:
    """Places of the expiries with options, in the order of their first option."""
    return list(dict.fromkeys(place[option["Expiry"]] for option in inputs["Options"]))


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for file_name, content in files(Path(sys.argv[1])).items():
        (DIRECTORY / file_name).write_text(content, encoding="utf-8")
