"""Makes tests/vectors/cfrg/*.json from the vector files of the two CFRG drafts.

    python tests/vectors/generate_cfrg.py FOLDER

FOLDER holds the drafts' own JSON files (poc/vectors in the repository named in `SOURCE`). What is kept are
the figures; statements are stored once, and refused proofs refer to the accepted proof they were made from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

SOURCE: Final = "github.com/mmaker/draft-irtf-cfrg-sigma-protocols, commit 91cc933, poc/vectors"
TARGET: Final = Path(__file__).parent / "cfrg"
SPONGE_FILE: Final = "fiatShamirShake128Vectors.json"
CODEC_FILE: Final = "fiatShamirCodecVectors.json"
ACCEPTED_FILE: Final = "sigma-proofs_Shake128_BLS12381.json"
REFUSED_FILE: Final = "sigma-proofs-invalid_Shake128_BLS12381.json"

Record = dict[str, Any]


def convert(folder: Path) -> dict[str, Record]:
    """Our files, by name, from the drafts' files in `folder`."""
    sponge, codec = _load(folder, SPONGE_FILE), _load(folder, CODEC_FILE)
    accepted, refused = _load(folder, ACCEPTED_FILE), _load(folder, REFUSED_FILE)
    return {
        "sponge.json": {"source": f"{SOURCE}/{SPONGE_FILE}", **_sponge(sponge)},
        "codec.json": {"source": f"{SOURCE}/{CODEC_FILE}", **_codec(codec)},
        "sumcheck.json": {
            "source": [f"{SOURCE}/{SPONGE_FILE}", f"{SOURCE}/{CODEC_FILE}"],
            "proofs": [_sumcheck(record) for record in sponge + codec if record["Function"] == "Sumcheck"],
        },
        "sigma.json": {
            "source": [f"{SOURCE}/{ACCEPTED_FILE}", f"{SOURCE}/{REFUSED_FILE}"],
            **_sigma(accepted, refused),
        },
    }


def _load(folder: Path, name: str) -> list[Record]:
    records: list[Record] = json.loads((folder / name).read_text(encoding="utf-8"))
    return records


def _sponge(records: list[Record]) -> Record:
    traces, session_ids = [], []
    for record in records:
        if record["Function"] == "DeriveSessionID":
            session_ids.append({"tag": record["Tag"], "session_id": record["Output"]})
        elif "Operations" in record:
            traces.append(
                {
                    "name": record["Name"],
                    "session_id": record["SessionId"],
                    "steps": [_step(operation) for operation in record["Operations"]],
                    "squeezed": record["Output"],
                    **_challenge(record),
                }
            )
    return {"traces": traces, "session_ids": session_ids}


def _step(operation: Record) -> list[Any]:
    argument = operation["data"] if operation["type"] == "absorb" else operation["length"]
    return [operation["type"], argument]


def _challenge(record: Record) -> Record:
    if "Challenge" not in record:
        return {}
    return {"modulus": record["Modulus"], "challenge": record["Challenge"]}


def _codec(records: list[Record]) -> Record:
    cases = []
    for record in records:
        if record["Function"] == "Sumcheck":
            continue
        values = {
            "modulus": record.get("Modulus"),
            "degree": record.get("ExtensionDegree"),
            "input": record.get("Input", record.get("Value")),
            "output": record.get("Output", record.get("Coordinates", record.get("Challenge"))),
        }
        case = {"name": record["Name"], "function": record["Function"]}
        case |= {key: value for key, value in values.items() if value is not None}
        case["refused"] = record.get("Expected") == "reject"
        cases.append(case)
    return {"cases": cases}


def _sumcheck(record: Record) -> Record:
    return {
        "name": record["Name"],
        "session_id": record["SessionId"],
        "modulus": record["Modulus"],
        "variables": record["NumVariables"],
        "claimed_sum": record["ClaimedSum"],
        "witness": record.get("Witness"),
        "narg": record["Narg"],
        "final_evaluation": record.get("FinalEvaluation"),
    }


def _sigma(accepted: list[Record], refused: list[Record]) -> Record:
    statements: Record = {}
    proofs: Record = {}
    for record in accepted:
        statement = {"instance": record["Instance"], "witness": record["Witness"]}
        if statements.setdefault(record["Relation"], statement) != statement:
            raise ValueError(f"two statements are called {record['Relation']}")
        proofs[_short(record["Id"])] = {
            "relation": record["Relation"],
            "flavour": record["Flavor"],
            "tag": record["Tag"],
            "session_id": record["SessionId"],
            "narg": record["NargString"],
        }
    return {
        "statements": statements,
        "accepted": proofs,
        "refused": {_short(r["Id"]): _refusal(r) for r in refused if r["Expected"] == "reject"},
        "accepted_again": {_short(r["Id"]): _decision(r) for r in refused if r["Expected"] == "accept"},
    }


def _short(identifier: str) -> str:
    """``relation/flavour[/case]``."""
    return identifier.removeprefix("sigma-protocols/bls12381/")


def _decision(record: Record) -> Record:
    return {
        "flavour": record["Flavor"],
        "tag": record["Tag"],
        "instance": record["Instance"],
        "narg": record["NargString"],
    }


def _refusal(record: Record) -> Record:
    return {"base": _short(record["BaseId"]), "why": record["Comment"], **_decision(record)}


def render(content: Record) -> str:
    """The text of one file."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    for name, content in convert(Path(arguments[0])).items():
        (TARGET / name).write_text(render(content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
