"""Claims in readable form: what is stated of every account or of the totals, from which documents.

Everything here is compiled from the published documents by the code that verifiers use; it is a help to readers, and
shows nothing that they could not compute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from circuits.book_statement import compile_book
from circuits.claim_statement import compile_claim, model_words
from circuits.describe import describe
from circuits.integrality import loose_positions
from circuits.plain_words import account_facts
from circuits.solvency_statement import compile_solvency
from circuits.statement import Statement
from primitives.amounts_text import format_amount, plain_amount
from primitives.attestation import Attestation, format_time
from primitives.claims import AccountsClaim, BookClaim, SolvencyClaim
from primitives.reserves import AssetReserves, ReserveAddress, Reserves
from primitives.strict_json import Json, JsonObject, parse_json

STATEMENT_VIEW_FORMAT: Final = "sealedbook/statement-view/v1"
RESERVES_VIEW_FORMAT: Final = "sealedbook/reserves-view/v1"
MAX_LINES: Final = 4096
"""Formulas and facts beyond that many are left out of the readable form; the compiled statement has them all."""

ViewedClaim = AccountsClaim | BookClaim | SolvencyClaim
"""Claims that have a readable form here; others are served as the files that they are."""
_SUBJECTS: Final = {
    AccountsClaim: "every account",
    BookClaim: "the sum of all accounts",
    SolvencyClaim: "the totals of all accounts",
}
ReadDocument = Callable[[str], bytes]
"""The bytes of a file of the bundle, by name."""


def compile_statement(attestation: Attestation, claim: ViewedClaim, read: ReadDocument) -> Statement:
    """The statement of one claim, compiled anew."""
    book = attestation.book
    if isinstance(claim, AccountsClaim):
        market = None if claim.market is None else read(claim.market)
        return compile_claim(read(claim.model), market, book.assets)
    if isinstance(claim, BookClaim):
        return compile_book(read(claim.model), read(claim.market), book.assets, book.leaf_count).statement
    reserves = Reserves.parse(read(claim.reserves), book.assets)
    return compile_solvency(reserves, claim.ratio, book.assets, book.leaf_count)


def statement_view(
    attestation: Attestation, claim: ViewedClaim, statement: Statement, read: ReadDocument
) -> Json:
    """One claim for people and programs."""
    formulas = describe(statement)
    document: dict[str, Json] = {
        "format": STATEMENT_VIEW_FORMAT,
        "claim": claim.to_json(),
        "about": _SUBJECTS[type(claim)],
        "statement": {
            "sha256": statement.digest().hex(),
            "rows": len(statement.rows),
            "auxiliary_variables": len(statement.auxiliaries),
            "bits": statement.bit_count,
        },
        "documents": [
            {
                "role": role,
                "name": name,
                "bytes": attestation.file(name).size,
                "sha256": attestation.file(name).sha256.hex(),
            }
            for role, name in _documents(claim)
        ],
        "formulas": list[Json](formulas[:MAX_LINES]),
        "formulas_left_out": max(0, len(formulas) - MAX_LINES),
    }
    if isinstance(claim, AccountsClaim):
        facts = account_facts(statement)
        document["model"] = JsonObject(parse_json(read(claim.model))).text("kind")
        document["plain_words"] = [f"The account {fact}." for fact in facts[:MAX_LINES]]
        document["positions_are_integers"] = not loose_positions(statement.rows, statement.auxiliaries)
    elif isinstance(claim, BookClaim):
        words = model_words(read(claim.model))
        document["model"] = JsonObject(parse_json(read(claim.model))).text("kind")
        document["plain_words"] = (
            [] if words is None else [f"The whole book: {each}." for each in words.conditions]
        )
    else:
        ratio = f"{claim.ratio.numerator}/{claim.ratio.denominator}"
        document["plain_words"] = [
            f"The stated reserves are at least {ratio} times the total of all accounts, asset by asset."
        ]
    return document


def reserves_view(attestation: Attestation, claim: SolvencyClaim, data: bytes) -> Json:
    """The reserves document of a claim; what it says of chains is the issuer's word."""
    reserves = Reserves.parse(data, attestation.book.assets)
    return {
        "format": RESERVES_VIEW_FORMAT,
        "claim": claim.to_json(),
        "document": {"name": claim.reserves, "sha256": hashlib.sha256(data).hexdigest()},
        "as_of": format_time(reserves.as_of),
        "word": "Amounts and addresses are stated by the issuer; no chain was asked.",
        "assets": [_asset_view(entry, attestation.book.digest()) for entry in reserves.assets],
    }


def _asset_view(entry: AssetReserves, book: bytes) -> Json:
    decimals = entry.asset.decimals
    return {
        "asset": entry.asset.id,
        "decimals": decimals,
        "total": plain_amount(entry.total, decimals),
        "total_readable": f"{format_amount(entry.total, decimals)} {entry.asset.id}",
        "unlisted": plain_amount(entry.unlisted, decimals),
        "addresses": [_address_view(address, decimals, book) for address in entry.addresses],
    }


def _address_view(address: ReserveAddress, decimals: int, book: bytes) -> Json:
    view: dict[str, Json] = {
        "chain": address.chain,
        "address": address.address,
        "balance": plain_amount(address.balance, decimals),
    }
    if address.block_height is not None:
        view["block_height"] = address.block_height
    if address.signature is not None:
        view["signature_scheme"] = address.signature.scheme
        view["message_names_this_book"] = address.signature.names_book(book)
    return view


def _documents(claim: ViewedClaim) -> list[tuple[str, str]]:
    if isinstance(claim, AccountsClaim | BookClaim):
        named = [("model", claim.model), ("market", claim.market), ("signatures", claim.signatures)]
    else:
        named = [("reserves", claim.reserves), ("totals", claim.totals)]
    return [(role, name) for role, name in named if name is not None]
