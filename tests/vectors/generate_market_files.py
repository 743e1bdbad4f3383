"""Writes tests/vectors/market: signed markets with conditions that they meet or fail, and markets in Parquet.

``signed.json`` holds

- ``keys``: sources by name, with the 32-byte private key (SHA-256 of "seed" and the name) and the public key;
- ``markets``: market documents by name, as text (their bytes count), each with its digest;
- ``accepted``: ``name``, ``market``, ``signatures`` (the document as text, or null), ``policy``, and what is found:
  ``signed_by`` (names of the policy), ``age_seconds``, and of each comparison ``largest``, ``new``, ``gone``;
- ``rejected``: the same without findings, with ``check`` and ``reason`` (part of the error's text).

A policy has ``moment``, ``source_keys`` (name to public key), ``sources_required``, ``max_age``, ``tolerance`` (in s),
``previous``, ``others`` (names of markets) and ``max_deviation`` (basis points, decimal text); all may be absent.

``market.parquet`` and ``prices.parquet`` are ``market.json`` and the market ``prices`` as files. Parquet names the
library version that wrote it, so with another version of pyarrow bytes differ, and contents alone are compared.
Run: ``python tests/vectors/generate_market_files.py``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from primitives.market_signatures import MarketSignatures, market_digest, sign_market
from primitives.signing import public_key_bytes
from prover.market_parquet import market_to_parquet

FOLDER: Final = Path(__file__).parent / "market"
MOMENT: Final = "2026-01-31T08:00:00Z"
SOURCES: Final = ("Alpha Index", "Beta Index", "Gamma Data")
STRANGER: Final = "Delta"

Document = dict[str, Any]


def private_key(source: str) -> ECC.EccKey:
    return eddsa.import_private_key(seed_of(source))


def seed_of(source: str) -> bytes:
    return hashlib.sha256(b"seed" + source.encode()).digest()


def prices(as_of: str = MOMENT, quote: str = "USD", **figures: str) -> str:
    entries = [{"asset": asset, "price": price} for asset, price in figures.items()]
    document = {
        "format": "sealedbook/prices/v1",
        "as_of": as_of,
        "quote": quote,
        "scale": 9,
        "prices": entries,
    }
    return json.dumps(document)


def edited(market: str, **changes: str) -> str:
    """The market of instruments with the field of an instrument changed: ``BTC_PERP__mark="1"``."""
    document = json.loads(market)
    by_id = {entry["id"]: entry for entry in document["instruments"]}
    for name, value in changes.items():
        instrument, _, field = name.partition("__")
        by_id[instrument.replace("_", "-")][field] = value
    return json.dumps(document)


def markets() -> dict[str, str]:
    instruments = (FOLDER / "market.json").read_text()
    return {
        "prices": prices(BTC="65000.1", ETH="3000", USDT="1"),
        "an hour before": prices("2026-01-31T07:00:00Z", BTC="64000", ETH="3001.5", USDT="1"),
        "a second later": prices("2026-01-31T08:00:01Z", BTC="65000.1", ETH="3000", USDT="1"),
        "in another quote": prices(quote="EUR", BTC="60000", ETH="2800", USDT="0.92"),
        "of other assets": prices(SOL="150"),
        "from zero": prices(BTC="0", ETH="3000", USDT="1"),
        "instruments": instruments,
        "mark moved": edited(instruments, BTC_PERP__mark=moved_mark(instruments)),
        "multiplier changed": edited(instruments, BTC_PERP__multiplier="1000"),
        "imported": json.dumps(
            {
                "format": "sealedbook/source-market/v1",
                "source": "example",
                "quote": "USD",
                "assets": [
                    {
                        "asset": "BTC",
                        "decimals": 8,
                        "price": {"text": "65000.10", "units": "6500010", "scale": 2},
                    }
                ],
            }
        ),
    }


def moved_mark(instruments: str) -> str:
    """The mark of BTC-PERP, 1 % up: with one more decimal place or two, exactly."""
    (mark,) = (e["mark"] for e in json.loads(instruments)["instruments"] if e["id"] == "BTC-PERP")
    digits = int(mark.replace(".", "")) * 101
    places = len(mark.partition(".")[2]) + 2
    return f"{digits // 10**places}.{digits % 10**places:0{places}}".rstrip("0")


def signatures(market: str, *sources: str) -> str:
    found = MarketSignatures(())
    for source in sources:
        found = found.with_signature(sign_market(market.encode(), private_key(source), source))
    return found.to_bytes().decode()


def public(source: str) -> str:
    return public_key_bytes(private_key(source)).hex()


def keys_of(*sources: str) -> dict[str, str]:
    return {source: public(source) for source in sources}


def accepted(found: dict[str, str]) -> list[Document]:
    two = signatures(found["prices"], "Alpha Index", STRANGER)
    hour = {"previous": ["an hour before"], "max_deviation": "156.265625"}
    return [
        {"name": "nothing asked", "market": "prices", "signatures": None, "policy": {}},
        {
            "name": "one source",
            "market": "prices",
            "signatures": two,
            "policy": {"source_keys": keys_of("Alpha Index")},
        },
        {
            "name": "one of three",
            "market": "prices",
            "signatures": two,
            "policy": {"source_keys": keys_of(*SOURCES), "sources_required": 1},
        },
        {
            "name": "another name for a key",
            "market": "prices",
            "signatures": two,
            "policy": {"source_keys": {"mine": public("Alpha Index")}},
        },
        {
            "name": "as old as allowed",
            "market": "an hour before",
            "signatures": None,
            "policy": {"moment": MOMENT, "max_age": 3600},
        },
        {
            "name": "as late as tolerated",
            "market": "a second later",
            "signatures": None,
            "policy": {"moment": MOMENT, "max_age": 0, "tolerance": 1},
        },
        {"name": "exactly as far as allowed", "market": "prices", "signatures": None, "policy": hour},
        {
            "name": "the reference of its quote",
            "market": "prices",
            "signatures": None,
            "policy": {"others": ["in another quote", "an hour before"], "max_deviation": "160"},
        },
        {
            "name": "a mark one per cent up",
            "market": "mark moved",
            "signatures": None,
            "policy": {"previous": ["instruments"], "max_deviation": "100"},
        },
    ]


def rejected(found: dict[str, str]) -> list[Document]:
    good = signatures(found["prices"], "Alpha Index", "Beta Index")
    alpha = json.loads(good)["signatures"][0]

    def altered(name: str, reason: str, change: Document | None, **more: Any) -> Document:
        """Signatures of the market with the first entry changed, or dropped for what `more` says."""
        document = json.loads(good)
        if change is not None:
            document["signatures"][0] |= change
        document |= more
        return {
            "name": name, "market": "prices", "signatures": json.dumps(document), "policy": {},
            "check": "M2-signatures", "reason": reason,
        }  # fmt: skip

    def case(
        check: str, name: str, reason: str, market: str, text: str | None = None, **policy: Any
    ) -> Document:
        return {
            "name": name, "market": market, "signatures": text, "policy": policy, "check": check, "reason": reason,
        }  # fmt: skip

    flipped = f"{alpha['signature'][:-1]}{'1' if alpha['signature'][-1] == '0' else '0'}"
    far = "from 64000 to 65000.1: 156.27 basis points; you allow 156.27; 1 of 3 figures"
    return [
        case("M1-market", "no market", "format", "not a market"),
        altered("a signature altered", "'Alpha Index': .* does not match|not authentic", {"signature": flipped}),
        altered("a signature under another name", "does not match", {"source": "Alpha"}),
        altered("a key of small order", "small order", {"public_key": "01" + "00" * 31}),
        altered("a key beyond the field", "canonical|not the encoding", {"public_key": "ee" + "ff" * 30 + "7f"}),
        altered("a short signature", "expected 64 bytes", {"signature": alpha["signature"][:-2]}),
        altered("an unknown field", "unknown field 'weight'", {"weight": "2"}),
        altered("no signature", "is empty", None, signatures=[]),
        altered("one twice", "a source appears twice", None, signatures=[alpha, alpha]),
        altered("one key under two names", "a public key appears twice", None,
                signatures=[alpha, alpha | {"source": "Beta Index"}]),
        altered("names out of order", "not in order", None, signatures=json.loads(good)["signatures"][::-1]),
        altered("another format", "expected 'sealedbook/market-signatures/v1'", None, format="x"),
        altered("too many", "more than 64", None, signatures=[alpha] * 65),
        case("M2-signatures", "of the same figures in another layout", "does not match", "prices again", good),
        case("M3-sources", "nobody signed", "0 of the 2 sources that you named signed it, you require 1", "prices",
             source_keys=keys_of("Alpha Index", "Beta Index"), sources_required=1),
        case("M3-sources", "all are required unless said", "without a signature: Gamma Data", "prices", good,
             source_keys=keys_of(*SOURCES)),
        case("M3-sources", "a stranger's key under a trusted name", "0 of the 1", "prices",
             signatures_as(found["prices"], "Gamma Data", STRANGER), source_keys=keys_of("Gamma Data")),
        case("M4-time", "too old", "3,600 s before 2026-01-31T08:00:00Z; you allow 3,599 s", "an hour before",
             moment=MOMENT, max_age=3599),
        case("M4-time", "of the future", "1 s after 2026-01-31T08:00:00Z; you allow 0 s", "a second later",
             moment=MOMENT, max_age=3600),
        case("M4-time", "no time stated", "states no time", "imported", moment=MOMENT, max_age=3600),
        case("M4-time", "before the previous one", "before your previous market", "an hour before",
             previous=["prices"]),
        case("M5-deviation", "a hair beyond what is allowed", far, "prices",
             previous=["an hour before"], max_deviation="156.265624"),
        case("M5-deviation", "from zero", "unbounded", "prices", others=["from zero"], max_deviation="1000000"),
        case("M5-deviation", "another quote", "format and quote currency", "prices",
             others=["in another quote"], max_deviation="100"),
        case("M5-deviation", "another format", "format and quote currency", "prices", others=["instruments"]),
        case("M5-deviation", "nothing in common", "no figure in common", "prices", others=["of other assets"]),
        case("M5-deviation", "other terms", "other terms than in your market: BTC-PERP", "multiplier changed",
             previous=["instruments"], max_deviation="100"),
        case("M5-deviation", "a mark beyond what is allowed", "mark of BTC-PERP", "mark moved",
             others=["instruments"], max_deviation="99.99"),
    ]  # fmt: skip


def signatures_as(market: str, name: str, signer: str) -> str:
    """A stranger signs under another's name."""
    return MarketSignatures((sign_market(market.encode(), private_key(signer), name),)).to_bytes().decode()


def generate() -> dict[str, bytes]:
    found = markets()
    found |= {
        "prices again": json.dumps(json.loads(found["prices"]), indent=1),
        "not a market": '{"format": "x"}',
    }
    document = {
        "description": __doc__.splitlines()[0] if __doc__ else "",
        "keys": [
            {"source": source, "private_key": seed_of(source).hex(), "public_key": public(source)}
            for source in (*SOURCES, STRANGER)
        ],
        "markets": [
            {"name": name, "document": text, "digest": market_digest(text.encode()).hex()}
            for name, text in found.items()
        ],
        "accepted": [vector | findings(vector, found) for vector in accepted(found)],
        "rejected": rejected(found),
    }
    return {
        "signed.json": json.dumps(document, indent=1).encode() + b"\n",
        "market.parquet": market_to_parquet(found["instruments"].encode()),
        "prices.parquet": market_to_parquet(found["prices"].encode()),
    }


def findings(vector: Document, found: dict[str, str]) -> Document:
    """What `tests/market_support.py` finds; imported there, so that this file needs no verifier to be read."""
    from market_support import findings_of, verify_vector

    return findings_of(verify_vector(vector, found))


def write() -> None:
    for name, data in generate().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parent.parent))
    write()
