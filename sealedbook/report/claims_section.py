"""The claims about every account: model, prices and rows in plain words, and what their proofs consist of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from circuits.claim_statement import ClaimDocumentError, read_market
from circuits.describe import describe
from circuits.integrality import is_range_of_one_position, loose_positions
from circuits.plain_words import account_facts, is_mere_bound
from circuits.prices import PriceDocument
from circuits.public_market import format_of, quote_of, time_of
from circuits.statement import Statement
from primitives.attestation import Attestation, format_time
from primitives.claims import BatchPlan
from primitives.parameters import POINT_BYTES, SCALAR_BYTES
from primitives.strict_json import JsonError, JsonObject, parse_json
from sealedbook.report.bars import STACK_WIDTH, Part, Segment, stacked
from sealedbook.report.examination import Accepted
from sealedbook.report.text import shortened
from verifier.claims import VerifiedClaim
from verifier.findings import Level

_SHOWN_FACTS: Final = 8
_SHOWN_ROWS: Final = 6
_SHOWN_PRICES: Final = 40
_ROW_LENGTH: Final = 480

KIND_WORDS: Final = {
    "non-negative": "No account is below zero in any asset that the model names.",
    "bounded": "Amounts are whole numbers within fixed bounds; debts are allowed.",
    "at-least": "An account holds at least the amount that the model names.",
    "net-value": "What an account holds is worth at least what it owes, at the prices of the claim.",
    "net-value-at-least": "What an account holds, less what it owes, is worth at least the value that the model names.",
    "all": "Several demands at once, all of which every account meets.",
    "spot": "Nothing is owed, or only what the rest of the account is worth at the prices of the claim.",
    "cross-collateral": "Collateral after haircuts, in tiers of value, covers the debts of every account.",
    "linear-perpetuals": "Collateral and unrealised profit cover the margin charged on perpetual positions.",
    "hyperliquid-perpetuals": "Collateral and unrealised profit cover margin tiers with a maximal leverage.",
    "derive-standard-margin": "Equity covers standard margin of options by expiry, perpetuals and collateral.",
    "deribit-portfolio-margin": "Equity covers the worst loss over scenarios of price and volatility, and the "
    "further charges of a portfolio margin model.",
    "paradex-portfolio-margin": "Equity covers the worst of 24 scenarios, a minimum for delta, and provisions.",
    "span": "Equity covers the worst of 16 scenarios, spread charges and the minimum for short options.",
    "pmrm2": "Equity covers the worst loss of a portfolio risk model over its scenarios and contingencies.",
    "withdrawable": "An amount can be withdrawn at once, and the margin model inside still holds of what is left.",
    "capital-adequacy": "Equity is at least the stated multiple of what the margin model inside requires.",
    "survives": "The margin model inside holds at other prices as well, which the model names.",
    "greeks-limits": "Greeks of every account stay within limits, by underlying and expiry.",
    "balanced-book": "Greeks of the sum of all accounts stay within limits.",
    "allocation": "Every account is divided among assets within bands, caps and a drift from a target.",
    "expected-shortfall": "Equity covers the mean of the worst losses over a history of prices, or that mean is "
    "within a limit.",
    "value-at-risk": "Equity covers all but the worst losses over a history of prices, or those are within a limit.",
    "stress": "Equity covers the worst loss over the scenarios that the model names, or that loss is within a limit.",
    "insured": "What an account misses of its margin is stated in a column, whose total a fund is to cover.",
}
"""What each kind of model demands, in one sentence."""


@dataclass(frozen=True)
class Composition:
    """A whole in parts: a bar, and a table beside it. `unit` is what the sizes count."""

    title: str
    unit: str
    parts: tuple[Part, ...]
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """The whole."""
        return sum(part.size for part in self.parts)

    @property
    def words(self) -> str:
        """The plot for those who do not see it."""
        listed = ", ".join(f"{part.name} {part.size:,}" for part in self.parts)
        return f"{self.title}: {listed}; {self.total:,} {self.unit} in all"

    @staticmethod
    def of(title: str, unit: str, parts: Sequence[Part]) -> Composition:
        """Of the parts that are not empty."""
        shown = tuple(part for part in parts if part.size > 0)
        return Composition(title, unit, shown, stacked(shown, STACK_WIDTH))


@dataclass(frozen=True)
class MarketLine:
    """The prices that a claim was made with."""

    name: str
    sha256: str
    format: str
    quote: str
    as_of: str | None
    prices: tuple[tuple[str, str], ...]
    more_prices: int


@dataclass(frozen=True)
class ClaimSection:
    """One claim about every account; `sound` is false where some rows are proven modulo the group order only."""

    name: str
    sound: bool
    kind: str
    words: str
    level: Level
    model_name: str
    model_sha256: str
    documents_level: Level
    documents_words: str
    market: MarketLine | None
    statement: str
    facts: tuple[str, ...]
    more_facts: int
    rows: tuple[str, ...]
    more_rows: int
    row_count: int
    auxiliaries: int
    bits: int
    proofs: int
    proof_bytes: int
    accounts_per_proof: int
    bits_plot: Composition
    bytes_plot: Composition


def claim_sections(accepted: Accepted) -> tuple[ClaimSection, ...]:
    """One for each verified claim about every account."""
    return tuple(_section(accepted, claim) for claim in accepted.verified.claims)


def _section(accepted: Accepted, claim: VerifiedClaim) -> ClaimSection:
    statement, attestation = claim.statement, accepted.verified.attestation
    sound = not loose_positions(statement.rows, statement.auxiliaries)
    facts, rows = _grouped_facts(statement) if sound else [], describe(statement)
    kind = _kind(accepted.documents[claim.claim.model])
    plan = BatchPlan.for_statement(statement, attestation.book.leaf_count)
    level, words = _documents(accepted, claim)
    return ClaimSection(
        name=claim.claim.name,
        sound=sound,
        kind=kind,
        words=KIND_WORDS.get(kind, "A model that this report has no words for: read its document."),
        level=Level.PROVEN if sound else Level.NOT_PROVEN,
        model_name=claim.claim.model,
        model_sha256=hashlib.sha256(accepted.documents[claim.claim.model]).hexdigest(),
        documents_level=level,
        documents_words=words,
        market=_market(accepted, claim),
        statement=statement.digest().hex(),
        facts=tuple(shortened(fact, _ROW_LENGTH) for fact in facts[:_SHOWN_FACTS]),
        more_facts=max(0, len(facts) - _SHOWN_FACTS),
        rows=tuple(shortened(row, _ROW_LENGTH) for row in rows[:_SHOWN_ROWS]),
        more_rows=max(0, len(rows) - _SHOWN_ROWS),
        row_count=len(statement.rows),
        auxiliaries=len(statement.auxiliaries),
        bits=statement.bit_count,
        proofs=claim.batches,
        proof_bytes=_proof_bytes(attestation, claim),
        accounts_per_proof=plan.size,
        bits_plot=_bits_plot(statement),
        bytes_plot=_bytes_plot(statement, plan),
    )


def _grouped_facts(statement: Statement) -> list[str]:
    """What the rows say of an account; rows whose labels begin alike ("loss: price up", "loss: ...") in one line."""
    rows = [row for row in statement.rows if not is_mere_bound(row)]
    groups: dict[str, list[str]] = {}
    for row, fact in zip(rows, account_facts(statement), strict=True):
        groups.setdefault(row.label.partition(":")[0], []).append(fact)
    return [
        facts[0] if len(facts) == 1 else f"meets {label!r} in each of {len(facts):,} rows"
        for label, facts in groups.items()
    ]


def _kind(model: bytes) -> str:
    """The field ``kind`` of a document that has been compiled."""
    try:
        return JsonObject(parse_json(model)).text("kind")
    except JsonError:
        return "unknown"


def _documents(accepted: Accepted, claim: VerifiedClaim) -> tuple[Level, str]:
    if claim.documents_expected:
        return Level.RECOMPUTED, "model and prices are byte for byte those that were insisted on"
    level = Level.SIGNED if accepted.verified.signed.key_expected else Level.CLAIMED
    return level, "model and prices are the issuer's choice: nobody insisted on others"


def _market(accepted: Accepted, claim: VerifiedClaim) -> MarketLine | None:
    name = claim.claim.market
    if name is None:
        return None
    data = accepted.documents[name]
    try:
        market = read_market(data)
    except ClaimDocumentError:
        market = None
    if market is None:
        return None
    moment = time_of(market)
    prices = list(market.prices.prices.items()) if isinstance(market, PriceDocument) else []
    return MarketLine(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        format=format_of(market),
        quote=quote_of(market),
        as_of=None if moment is None else format_time(moment),
        prices=tuple(prices[:_SHOWN_PRICES]),
        more_prices=max(0, len(prices) - _SHOWN_PRICES),
    )


def _proof_bytes(attestation: Attestation, claim: VerifiedClaim) -> int:
    names = {claim.claim.proof_name(batch) for batch in range(claim.batches)}
    return sum(entry.size for entry in attestation.files if entry.name in names)


def _bits_plot(statement: Statement) -> Composition:
    ranges = sum(row.width for row in statement.rows if is_range_of_one_position(row))
    demands = sum(row.width for row in statement.rows) - ranges
    choices = sum(auxiliary.width for auxiliary in statement.auxiliaries if auxiliary.width == 1)
    values = sum(auxiliary.width for auxiliary in statement.auxiliaries) - choices
    parts = [
        Part("part-1", "demands on the account", demands),
        Part("part-2", "bounds of single amounts", ranges),
        Part("part-3", "intermediate values", values),
        Part("part-4", "yes-or-no choices", choices),
    ]
    return Composition.of("Bits proven of every account", "bits", parts)


def _bytes_plot(statement: Statement, plan: BatchPlan) -> Composition:
    shape = plan.shape(statement)
    parts = [
        Part("part-1", "commitments to the rows of bits", POINT_BYTES * shape.row_count),
        Part("part-2", "opening of the last linear form", SCALAR_BYTES * shape.folded_length),
        Part(
            "part-3",
            "rounds of the sumcheck and folding",
            shape.proof_bytes - POINT_BYTES * shape.row_count - SCALAR_BYTES * shape.folded_length,
        ),
    ]
    return Composition.of("Bytes of one proof", "bytes", parts)
