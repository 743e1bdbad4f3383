"""What the tests of markets share: vectors as calls of the verifier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from circuits.public_market import parse_public_market
from primitives.attestation import parse_time
from verifier.market_checks import MarketPolicy, VerifiedMarket, verify_market
from verifier.market_report import figures_of

Vector = Mapping[str, Any]


def policy_of(policy: Vector, markets: Mapping[str, str]) -> MarketPolicy:
    def read(names: list[str]) -> tuple[Any, ...]:
        return tuple(parse_public_market(markets[name].encode()) for name in names)

    age, bound = policy.get("max_age"), policy.get("max_deviation")
    return MarketPolicy(
        source_keys={name: bytes.fromhex(key) for name, key in policy.get("source_keys", {}).items()},
        sources_required=policy.get("sources_required"),
        max_age=None if age is None else timedelta(seconds=age),
        tolerance=timedelta(seconds=policy.get("tolerance", 0)),
        previous=read(policy.get("previous", [])),
        others=read(policy.get("others", [])),
        max_deviation=None if bound is None else Fraction(bound),
    )


def verify_vector(vector: Vector, markets: Mapping[str, str]) -> VerifiedMarket:
    text, moment = vector["signatures"], vector["policy"].get("moment")
    return verify_market(
        markets[vector["market"]].encode(),
        None if text is None else text.encode(),
        policy_of(vector["policy"], markets),
        moment=None if moment is None else parse_time(moment, "moment"),
    )


def findings_of(verified: VerifiedMarket) -> dict[str, Any]:
    """The findings that accepted vectors state."""
    figures: Any = figures_of(verified)
    return {
        "signed_by": [signer.known_as for signer in verified.known_signers],
        "age_seconds": figures["age_seconds"],
        "comparisons": [
            {name: comparison[name] for name in ("largest", "new", "gone")}
            for comparison in figures["comparisons"]
        ],
    }
