"""Reserves against totals, asset by asset, and the addresses that reserves are said to lie at.

A hidden total is drawn as what is known of it: somewhere up to the reserves divided by the proven ratio.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from circuits.position_guarantees import Guarantee
from primitives.amounts_text import format_amount
from primitives.attestation import format_time
from primitives.claims import SolvencyClaim
from sealedbook.report.bars import COVER_WIDTH, Part, Segment, position, stacked
from sealedbook.report.examination import Accepted
from sealedbook.report.text import percent_down
from verifier.findings import Level
from verifier.ownership import Ownership, find_ownership
from verifier.solvency import AssetCover, VerifiedSolvency, assess_cover

_SHOWN_ASSETS: Final = 100
_SHOWN_ADDRESSES: Final = 200
_SHOWN_NAMES: Final = 40

GUARANTEE_WORDS: Final = {
    Guarantee.NON_NEGATIVE: "no account owes any of it",
    Guarantee.OUTWEIGHED: "debts are outweighed by other assets of the account",
    Guarantee.BOUNDED: "amounts are bounded, debts are not shown to be outweighed",
    Guarantee.NONE: "nothing is proven of single accounts",
}
"""What is proven of every account in an asset, on which its total rests."""


@dataclass(frozen=True)
class CoverBars:
    """Two bars on one scale: reserves in their parts above, the total below.

    `hidden_to` is how far a hidden total may reach; None where it is public, or where no bound of it counts.
    """

    reserves: tuple[Segment, ...]
    total: tuple[Segment, ...]
    hidden_to: str | None
    words: str


@dataclass(frozen=True)
class AssetLine:
    """One asset: amounts as text, cover as a ratio rounded down, and its level."""

    asset: str
    reserves: str
    signed: str
    total: str | None
    cover: str
    level: Level
    bars: CoverBars


@dataclass(frozen=True)
class AddressLine:
    """One address: what it is said to hold, and who signed for it."""

    asset: str
    chain: str
    address: str
    balance: str
    block: str
    ownership: str
    is_signed: bool
    level: Level


@dataclass(frozen=True)
class SolvencySection:
    """One claim that reserves cover the totals."""

    name: str
    ratio: str
    public: bool
    as_of: str
    reserves_name: str
    statement: str
    assets: tuple[AssetLine, ...]
    more_assets: int
    rests_on: tuple[tuple[str, str], ...]
    not_covered: str
    addresses: tuple[AddressLine, ...]
    more_addresses: int
    address_counts: tuple[tuple[str, int], ...]


def solvency_sections(accepted: Accepted) -> tuple[SolvencySection, ...]:
    """One for each verified claim about reserves, levels as the verifier's report gives them."""
    figures = accepted.report.figures["solvency"]
    levels = figures if isinstance(figures, list) else []
    return tuple(
        _section(accepted, solvency, _levels(entry), _meanings(entry))
        for solvency, entry in zip(accepted.verified.solvency, levels, strict=True)
    )


def _levels(figures: object) -> dict[str, Level]:
    """The level of the sentence about each asset, from the figures of one claim."""
    entries = figures.get("assets", []) if isinstance(figures, dict) else []
    return {entry["asset"]: Level(entry["level"]) for entry in entries}


def _meanings(figures: object) -> dict[str, str]:
    """What the totals of columns mean that are no coins, from the figures of one claim."""
    entries = figures.get("assets", []) if isinstance(figures, dict) else []
    return {entry["asset"]: entry["meaning"] for entry in entries if entry["meaning"] is not None}


def _section(
    accepted: Accepted, solvency: VerifiedSolvency, levels: dict[str, Level], meanings: dict[str, str]
) -> SolvencySection:
    book = accepted.verified.attestation.book
    covers = assess_cover(solvency, accepted.verified.claims)
    covered = {cover.column for cover in covers}
    lines = [_asset_line(solvency, cover, levels, meanings) for cover in covers[:_SHOWN_ASSETS]]
    addresses = list(_addresses(solvency, book.digest()))
    count = sum(len(entry.addresses) for entry in solvency.reserves.assets)
    return SolvencySection(
        name=solvency.claim.name,
        ratio=str(solvency.claim.ratio),
        public=solvency.totals is not None,
        as_of=format_time(solvency.reserves.as_of),
        reserves_name=solvency.claim.reserves,
        statement=solvency.statement.digest().hex(),
        assets=tuple(lines),
        more_assets=len(covers) - len(lines),
        rests_on=_rests_on(solvency, covers),
        not_covered=_names([asset.id for column, asset in enumerate(book.assets) if column not in covered]),
        addresses=tuple(addresses),
        more_addresses=count - len(addresses),
        address_counts=_address_counts(solvency),
    )


def _rests_on(solvency: VerifiedSolvency, covers: Sequence[AssetCover]) -> tuple[tuple[str, str], ...]:
    """What is proven of every account, with the assets that it is proven in."""
    groups: dict[Guarantee, list[str]] = {}
    for cover in covers:
        groups.setdefault(cover.rests_on.guarantee, []).append(solvency.statement.assets[cover.column].id)
    return tuple((GUARANTEE_WORDS[found], _names(names)) for found, names in groups.items())


def _names(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _address_counts(solvency: VerifiedSolvency) -> tuple[tuple[str, int], ...]:
    counts: Counter[Ownership] = Counter()
    for entry in solvency.ownership:
        counts.update(entry.counts)
    return tuple((found.value, counts[found]) for found in Ownership if counts[found])


def _asset_line(
    solvency: VerifiedSolvency, cover: AssetCover, levels: dict[str, Level], meanings: dict[str, str]
) -> AssetLine:
    asset = solvency.statement.assets[cover.column]
    reserves, level = cover.ownership.reserves, levels[asset.id]
    total = None if cover.total is None else format_amount(cover.total, asset.decimals)
    covered = _cover_words(solvency.claim, cover, level)
    held = format_amount(reserves.total, asset.decimals)
    signed = format_amount(cover.ownership.signed_balance, asset.decimals)
    words = f"{asset.id}: reserves {held}, of which {signed} at addresses that signed; "
    words += f"total of all accounts {'hidden' if total is None else total}; cover: {covered}"
    return AssetLine(
        asset=f"{asset.id} (no coin: {meanings[asset.id]})" if asset.id in meanings else asset.id,
        reserves=held,
        signed=signed,
        total=total,
        cover=covered,
        level=level,
        bars=_bars(solvency.claim, cover, level, words),
    )


def _cover_words(claim: SolvencyClaim, cover: AssetCover, level: Level) -> str:
    """The ratio of reserves to total where it is public, else the bound that was proven."""
    if cover.total is None:
        if level is Level.NOT_PROVEN:
            return "not yet proven"
        if cover.ownership.reserves.total == 0:
            return "total at most zero"
        return f"at least {percent_down(Fraction(claim.ratio.numerator, claim.ratio.denominator))}"
    if cover.total <= 0:
        return "nothing owed"
    return percent_down(Fraction(cover.ownership.reserves.total, cover.total))


def _bars(claim: SolvencyClaim, cover: AssetCover, level: Level, words: str) -> CoverBars:
    reserves = cover.ownership.reserves
    listed = reserves.total - reserves.unlisted
    parts = [
        Part("bar-signed", "at addresses that signed", cover.ownership.signed_balance),
        Part("bar-listed", "at other addresses", listed - cover.ownership.signed_balance),
        Part("bar-unlisted", "at no address", reserves.unlisted),
    ]
    full = max(reserves.total, cover.total or 0)
    total: tuple[Segment, ...] = ()
    hidden_to = None
    if cover.total is not None:
        total = stacked([Part("bar-total", "total", cover.total)], COVER_WIDTH, full=full)
    elif full > 0 and level is not Level.NOT_PROVEN:
        bound = Fraction(reserves.total * claim.ratio.denominator, claim.ratio.numerator)
        hidden_to = position(bound, full, COVER_WIDTH)
    return CoverBars(stacked(parts, COVER_WIDTH, full=full), total, hidden_to, words)


def _addresses(solvency: VerifiedSolvency, book_digest: bytes) -> Iterator[AddressLine]:
    """The first addresses of the document, each with what its signature shows."""
    left = _SHOWN_ADDRESSES
    for entry in solvency.reserves.assets:
        for address in entry.addresses[:left]:
            found = find_ownership(address, book_digest)
            yield AddressLine(
                asset=entry.asset.id,
                chain=address.chain,
                address=address.address,
                balance=format_amount(address.balance, entry.asset.decimals),
                block="" if address.block_height is None else f"{address.block_height:,}",
                ownership="the key of this address, for this book"
                if found is Ownership.SIGNED
                else found.value,
                is_signed=found is Ownership.SIGNED,
                level=Level.SIGNED if found is Ownership.SIGNED else Level.CLAIMED,
            )
        left -= min(left, len(entry.addresses))
