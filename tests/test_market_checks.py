"""Conditions on markets: signatures of sources, age, deviation; every vector, and what policies refuse to be."""

from __future__ import annotations

import json
import re
import runpy
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from Crypto.Signature import eddsa
from market_support import findings_of, policy_of, verify_vector

from circuits.market_figures import basis_points_text, compare_markets, exact_text, market_figures
from circuits.public_market import parse_public_market
from primitives.market_signatures import (
    MAX_MARKET_SIGNATURES,
    MarketSignature,
    MarketSignatureError,
    MarketSignatures,
    SourceNameError,
    market_digest,
    sign_market,
)
from primitives.signing import public_key_bytes
from verifier.checks import Check, VerificationError
from verifier.findings import Level
from verifier.market_checks import MarketPolicy, MarketPolicyError, VerifiedMarket, verify_market
from verifier.market_report import findings_of as report_lines
from verifier.market_report import market_report

VECTORS: Final = Path(__file__).parent / "vectors"
SIGNED: Final[dict[str, Any]] = json.loads((VECTORS / "market" / "signed.json").read_text())
MARKETS: Final = {entry["name"]: entry["document"] for entry in SIGNED["markets"]}
KEYS: Final = {
    entry["source"]: eddsa.import_private_key(bytes.fromhex(entry["private_key"])) for entry in SIGNED["keys"]
}
PUBLIC: Final = {entry["source"]: bytes.fromhex(entry["public_key"]) for entry in SIGNED["keys"]}
MOMENT: Final = datetime(2026, 1, 31, 8, tzinfo=UTC)


def by_name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def accepted(name: str) -> VerifiedMarket:
    (vector,) = (each for each in SIGNED["accepted"] if each["name"] == name)
    return verify_vector(vector, MARKETS)


# Vectors


@pytest.mark.parametrize("vector", SIGNED["accepted"], ids=by_name)
def test_accepted_vectors(vector: dict[str, Any]) -> None:
    found = findings_of(verify_vector(vector, MARKETS))
    assert found == {name: vector[name] for name in found}


@pytest.mark.parametrize("vector", SIGNED["rejected"], ids=by_name)
def test_rejected_vectors(vector: dict[str, Any]) -> None:
    with pytest.raises(VerificationError) as caught:
        verify_vector(vector, MARKETS)
    assert caught.value.check.value == vector["check"], caught.value
    assert re.search(vector["reason"], caught.value.detail), caught.value.detail


def test_every_check_has_a_rejected_vector() -> None:
    checks = {check.value for check in Check if check.value.startswith("M")}
    assert {vector["check"] for vector in SIGNED["rejected"]} == checks


@pytest.mark.parametrize("entry", SIGNED["markets"], ids=by_name)
def test_digests(entry: dict[str, str]) -> None:
    assert market_digest(entry["document"].encode()).hex() == entry["digest"]


def test_vectors_are_what_the_generator_writes() -> None:
    written: dict[str, bytes] = runpy.run_path(str(VECTORS / "generate_market_files.py"))["generate"]()
    assert written["signed.json"] == (VECTORS / "market" / "signed.json").read_bytes()


# Signatures documents


def test_a_signature_covers_document_and_name() -> None:
    market = MARKETS["prices"].encode()
    own = sign_market(market, KEYS["Alpha Index"], "Alpha Index")
    MarketSignatures((own,)).verify(market)
    for other in (
        MarketSignature("Alpha", own.public_key, own.signature),
        MarketSignature(own.source, PUBLIC["Beta Index"], own.signature),
    ):
        with pytest.raises(MarketSignatureError, match=f"'{other.source}': .*does not match"):
            MarketSignatures((other,)).verify(market)
    with pytest.raises(MarketSignatureError, match="does not match"):
        MarketSignatures((own,)).verify(market + b" ")


def test_an_attestation_signature_is_none_of_a_market() -> None:
    """Each purpose has its own label."""
    from primitives.signing import sign_attestation

    market = MARKETS["prices"].encode()
    message = market_digest(market) + b"Alpha Index"
    stolen = MarketSignature(
        "Alpha Index", PUBLIC["Alpha Index"], sign_attestation(KEYS["Alpha Index"], message)
    )
    with pytest.raises(MarketSignatureError, match="does not match"):
        MarketSignatures((stolen,)).verify(market)


def test_a_source_that_signs_again_replaces_its_signature() -> None:
    market = MARKETS["prices"].encode()
    first = sign_market(b"older", KEYS["Alpha Index"], "Alpha Index")
    other = sign_market(market, KEYS["Beta Index"], "Beta Index")
    both = MarketSignatures((first,)).with_signature(other)
    both = both.with_signature(sign_market(market, KEYS["Alpha Index"], "Alpha Index"))
    assert [entry.source for entry in both.signatures] == ["Alpha Index", "Beta Index"]
    both.verify(market)
    assert MarketSignatures.parse(both.to_bytes()) == both


def test_one_key_cannot_sign_under_two_names() -> None:
    market = MARKETS["prices"].encode()
    own = MarketSignatures((sign_market(market, KEYS["Alpha Index"], "Alpha Index"),))
    with pytest.raises(MarketSignatureError, match="under another name"):
        own.with_signature(sign_market(market, KEYS["Alpha Index"], "Alpha"))


def test_signatures_are_bounded_in_number() -> None:
    full = MarketSignatures(
        tuple(MarketSignature(f"s{i:02}", bytes([i]) * 32, bytes(64)) for i in range(MAX_MARKET_SIGNATURES))
    )
    with pytest.raises(MarketSignatureError, match="there are 64 already"):
        full.with_signature(sign_market(b"", KEYS["Alpha Index"], "Alpha Index"))


@pytest.mark.parametrize("name", ["", " x", "x\n", "a=b", "x" * 101, "e\u0301", "\u202e"])
def test_names_of_sources(name: str) -> None:
    with pytest.raises(SourceNameError, match="source name"):
        sign_market(b"", KEYS["Alpha Index"], name)


def test_signatures_have_a_bounded_length() -> None:
    with pytest.raises(VerificationError, match="more than 131072 bytes"):
        verify_market(MARKETS["prices"].encode(), b" " * (1 << 18), MarketPolicy(), moment=None)


# Policies


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"source_keys": {"a": PUBLIC["Alpha Index"], "b": PUBLIC["Alpha Index"]}},
            "one key, and would count twice",
        ),
        ({"source_keys": {"a": PUBLIC["Alpha Index"]}, "sources_required": 2}, "2 sources are required"),
        ({"source_keys": {"a": PUBLIC["Alpha Index"]}, "sources_required": 0}, "0 sources are required"),
        ({"sources_required": 1}, "keys of 0 are given"),
        ({"source_keys": {"a": bytes([1]) + bytes(31)}}, "small order"),
        ({"source_keys": {"a": bytes(31)}}, "31 bytes"),
        ({"source_keys": {"a=b": PUBLIC["Alpha Index"]}}, "source name"),
        ({"max_age": timedelta(-1)}, "age of a market is negative"),
        ({"tolerance": timedelta(1)}, "goes with a greatest age"),
        ({"tolerance": timedelta(-1), "max_age": timedelta(1)}, "not negative"),
        ({"max_deviation": Fraction(1)}, "needs a market to deviate from"),
        (
            {"max_deviation": Fraction(-1), "previous": (parse_public_market(MARKETS["prices"].encode()),)},
            "deviation is negative",
        ),
    ],
)
def test_policies_that_contradict_themselves(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(MarketPolicyError, match=reason):
        MarketPolicy(**options)


def test_a_policy_bounds_the_number_of_sources() -> None:
    from Crypto.PublicKey import ECC

    keys = {f"s{i}": public_key_bytes(ECC.generate(curve="Ed25519")) for i in range(65)}
    with pytest.raises(MarketPolicyError, match="more than 64 sources"):
        MarketPolicy(source_keys=keys)


def test_an_age_needs_a_moment() -> None:
    with pytest.raises(MarketPolicyError, match="a moment to count from"):
        verify_market(MARKETS["prices"].encode(), None, MarketPolicy(max_age=timedelta(1)), moment=None)


def test_what_is_a_condition() -> None:
    assert not MarketPolicy().is_condition
    for policy in (
        {"source_keys": {"a": PUBLIC["Alpha Index"].hex()}},
        {"max_age": 0},
        {"others": ["prices"]},
        {"previous": ["prices"]},
    ):
        assert policy_of(policy, MARKETS).is_condition


def test_keys_of_a_policy_cannot_be_changed_later() -> None:
    keys = {"a": PUBLIC["Alpha Index"]}
    policy = MarketPolicy(source_keys=keys)
    keys.clear()
    assert policy.required == 1


# Figures


def test_figures_of_a_market_of_instruments() -> None:
    names = {
        str(name) for name in market_figures(parse_public_market(MARKETS["instruments"].encode())).figures
    }
    kinds = {name.partition(" of ")[0] for name in names}
    assert kinds == {"price", "index", "forward", "rate", "mark", "volatility"}
    assert {"index of BTC", "mark of BTC-PERP"} <= names


def test_rates_and_confidences_deviate_absolutely() -> None:
    """From 0.8 to 0.6 is 2,000 basis points of a confidence, and 2,500 of a price."""

    def market(figure: str, rate: str) -> Any:
        document = json.loads((VECTORS.parent.parent / "examples/models/pmrm2/market.json").read_text())
        document["confidences"]["spot"] = figure
        document["market"]["underlyings"][0]["expiries"][0]["rate"] = rate
        document["market"]["underlyings"][0]["index"] = f"{figure[2:]}000"
        return parse_public_market(json.dumps(document).encode())

    comparison = compare_markets(market("0.8", "0"), market("0.6", "0.04"))
    moved = {each.name.kind.value: each.basis_points for each in comparison.deviations if each.basis_points}
    assert moved == {"index": 2500, "confidence": 2000, "rate": 400}
    assert comparison.largest.name.kind.value == "index"


def test_new_and_vanished_figures_are_told() -> None:
    document = json.loads(MARKETS["prices"])
    document["prices"][2] = {"asset": "SOL", "price": "150"}
    policy = policy_of({"previous": ["prices"], "max_deviation": "0"}, MARKETS)
    verified = verify_market(json.dumps(document).encode(), None, policy, moment=None)
    lines = {line.text: line.level for line in market_report(verified).findings}
    which = "your previous market of 2026-01-31T08:00:00Z"
    assert lines[f"{which}: 1 not in it, so compared with nothing: price of SOL"] is Level.NOT_PROVEN
    assert lines[f"{which}: 1 in it, and no longer here: price of USDT"] is Level.RECOMPUTED
    assert lines[f"2 figures compared with {which}; none differs"] is Level.RECOMPUTED


def test_changed_terms_are_told_where_no_deviation_is_bound() -> None:
    policy = policy_of({"others": ["instruments"]}, MARKETS)
    verified = verify_market(MARKETS["multiplier changed"].encode(), None, policy, moment=None)
    found = [line for line in market_report(verified).findings if "other terms" in line.text]
    assert [line.level for line in found] == [Level.NOT_PROVEN]


@pytest.mark.parametrize(
    ("instrument", "field", "value"),
    [
        ("BTC-PERP", "underlying", "OIL"),
        ("BTC-PERP", "settlement", "inverse"),
        ("BTC-PERP", "multiplier", "100"),
        ("BTC-PERP", "kind", "future"),
        ("OIL-JUN", "expiry", "2026-07-26T08:00:00Z"),
        ("OIL-JUN-60-P", "strike", "70"),
        ("OIL-JUN-60-P", "right", "call"),
        ("OIL-JUN-60-P", "multiplier", "100"),
        ("BTC-JUN-60000-C", "expiry", "2026-02-07T08:00:00Z"),
        ("BTC", "kind", "cash"),
    ],
)
def test_every_term_counts(instrument: str, field: str, value: str) -> None:
    """Under one id, another contract: its figure may be the same, what a position is worth is not."""
    document = json.loads(MARKETS["instruments"])
    (entry,) = (each for each in document["instruments"] if each["id"] == instrument)
    entry[field] = value
    if value == "future":
        entry["expiry"] = "2026-06-26T08:00:00Z"
    if value == "cash":
        entry["price"] = "70000.12"
        del entry["underlying"]
    reference = parse_public_market(MARKETS["instruments"].encode())
    comparison = compare_markets(reference, parse_public_market(json.dumps(document).encode()))
    assert comparison.changed_terms == (instrument,)


def test_tiers_and_decimals_of_imported_prices_are_terms() -> None:
    reference = parse_public_market(MARKETS["imported"].encode())
    document = json.loads(MARKETS["imported"])
    document["assets"][0]["pools"] = {"loan": [{"from": "0", "to": "1", "percent": 100}]}
    changed = compare_markets(reference, parse_public_market(json.dumps(document).encode()))
    assert changed.changed_terms == ("BTC",)


@pytest.mark.parametrize(
    ("points", "text"),
    [(Fraction(0), "0.00"), (Fraction(1, 1000), "0.01"), (Fraction(10001, 64), "156.27"), (None, "unbounded (from 0)"),
     (Fraction(123456789), "123,456,789.00")],
)  # fmt: skip
def test_deviations_shown_are_never_below_the_true_ones(points: Fraction | None, text: str) -> None:
    assert basis_points_text(points) == text


@pytest.mark.parametrize(
    "text", ["0", "-0.5", "12.000000000000000000000000000000000001", "123456789012345678901234567890.5"]
)
def test_figures_are_shown_exactly(text: str) -> None:
    assert exact_text(Fraction(text)) == text


# Report


def test_levels_of_those_who_signed() -> None:
    lines = {line.subject: line for line in market_report(accepted("one source")).findings}
    assert lines["Sources of the market"].level is Level.SIGNED
    assert (
        "signed by Alpha Index, by the keys you gave (1 of 1; you require 1)"
        in lines["Sources of the market"].text
    )
    assert lines["Other signatures of the market"].level is Level.CLAIMED
    assert "Delta (" in lines["Other signatures of the market"].text
    assert lines["Time of the market"].level is Level.SIGNED


def test_levels_where_nobody_signed() -> None:
    report = market_report(accepted("nothing asked"))
    assert {line.level for line in report.findings} == {Level.CLAIMED}
    assert report.verdict.endswith("You set no conditions on it.")
    assert [check.value for check in report.checks] == ["M1-market"]


def test_a_market_that_decides_nothing_is_said_to() -> None:
    lines = report_lines(accepted("one source"), "market of 'x'", insisted=False, counts=False)
    assert any("decides nothing" in line.text for line in lines)


def test_the_age_is_shown() -> None:
    texts = [line.text for line in market_report(accepted("as old as allowed")).findings]
    assert "2026-01-31T07:00:00Z, 3,600 s before 2026-01-31T08:00:00Z (you allow 3,600 s)" in texts
    texts = [line.text for line in market_report(accepted("as late as tolerated")).findings]
    assert any(", 1 s after 2026-01-31T08:00:00Z" in text for text in texts)


def test_checks_made_are_listed() -> None:
    made = [check.value for check in market_report(accepted("exactly as far as allowed")).checks]
    assert made == ["M1-market", "M4-time", "M5-deviation"]
