"""``python -m bench NAME [--json]``."""

from __future__ import annotations

import argparse
import importlib

BENCHES = {
    "commit": ("bench.commit", "sealing a book: commitments, tree, multi-scalar multiplication, memory"),
    "prove": (
        "bench.prove",
        "the range argument: time per bit, certificates, whole books, verification, memory",
    ),
    "kernels": (
        "bench.argument_kernels",
        "the range argument's prover: row commitments, sumcheck, positions",
    ),
    "models": (
        "bench.models",
        "margin models: size, evaluation, proving and verification of an account, certificates, wide sparse books",
    ),
    "api": (
        "bench.api",
        "the service: inclusion paths under load, memory, publishing; the check page in a browser",
    ),
    "faults": (
        "bench.faults",
        "publishers and services killed at random moments: what is left, and how long it takes",
    ),
    "risk": (
        "bench.risk",
        "models of risk around margin: size, evaluation, proving, verification; re-marking and updating sealed books",
    ),
}
"""Name, module, what it measures."""


def main() -> None:
    """Run one bench."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    listing = "; ".join(f"{name}: {what}" for name, (_, what) in BENCHES.items())
    parser.add_argument("name", choices=sorted(BENCHES), help=listing)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: a smoke test, not a measurement")
    arguments = parser.parse_args()
    importlib.import_module(BENCHES[arguments.name][0]).run(as_json=arguments.json, quick=arguments.quick)


if __name__ == "__main__":
    main()
