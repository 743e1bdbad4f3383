"""What a verified solvency claim shows, in plain words and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from circuits.modelling.words import ColumnWords
from circuits.position_guarantees import Guarantee, PositionGuarantee, PositionGuarantees
from primitives.amounts_text import format_amount
from primitives.assets import Asset
from primitives.attestation import SealedBook, format_time
from primitives.strict_json import Json
from verifier.checks import Check
from verifier.claims import VerifiedClaim
from verifier.findings import Finding, Level
from verifier.ownership import Ownership
from verifier.solvency import AssetCover, VerifiedSolvency, assess_cover

_SHOWN_ASSETS: Final = 6
_PUBLIC_ONLY: Final = (Check.SOLVENCY_TOTALS, Check.SOLVENCY_COVER)


class SolvencyReport:
    """The part of a bundle's report that is about one solvency claim.

    `accounts` are the verified claims about every account of the same bundle.
    """

    def __init__(
        self, book: SealedBook, verified: VerifiedSolvency, accounts: Sequence[VerifiedClaim]
    ) -> None:
        self._book = book
        self._verified = verified
        self._accounts = accounts
        self._assets = verified.statement.assets
        self._cover = assess_cover(verified, accounts)
        self._meanings = self._find_meanings()

    @property
    def verdict(self) -> str:
        """One sentence, or two if columns that are no coins are covered as well."""
        coins = [cover for cover in self._cover if self._asset(cover).id not in self._meanings]
        others = [self._column_finding(cover) for cover in self._cover if cover not in coins]
        sentences = [self._coins_verdict(coins)] if coins else []
        if others:
            is_shown = all(finding.level is not Level.NOT_PROVEN for finding in others)
            sentences.append(
                "What it states of columns that are no coins covers their totals."
                if is_shown
                else "What it shows of columns that are no coins is not enough by itself."
            )
        return " ".join(sentences)

    def _coins_verdict(self, coins: Sequence[AssetCover]) -> str:
        if all(cover.rests_on.makes_totals_count for cover in coins):
            names = _names(self._asset(cover) for cover in coins)
            if any(cover.counts_columns for cover in coins):
                return (
                    f"The stated reserves cover the totals of {names}, if what it states of columns that are no coins "
                    "is there as well."
                )
            if any(self._at_issuers_prices(cover.rests_on) for cover in coins):
                return (
                    f"The stated reserves cover the totals of {names}, if the issuer's own prices are sound."
                )
            return f"The stated reserves cover the totals of {names}."
        return "What it shows of reserves is not enough by itself: read the lines that are not yet proven."

    @property
    def findings(self) -> list[Finding]:
        """Cover, totals, what is stated of reserves, who controls addresses, and what is left out."""
        return [
            *self._cover_findings(),
            *(
                self._column_finding(cover)
                for cover in self._cover
                if self._asset(cover).id in self._meanings
            ),
            *self._totals_findings(),
            self._stated_finding(),
            *self._control_findings(),
            *self._left_out_findings(),
        ]

    @property
    def figures(self) -> dict[str, Json]:
        """For programs; amounts are base units, as text."""
        verified = self._verified
        return {
            "name": verified.claim.name,
            "statement": verified.statement.digest().hex(),
            "ratio": str(verified.claim.ratio),
            "totals": "hidden" if verified.totals is None else "public",
            "reserves_as_of": format_time(verified.reserves.as_of),
            "assets": [self._asset_figures(cover) for cover in self._cover],
            "not_covered": [asset.id for asset in self._left_out()],
        }

    def _asset(self, cover: AssetCover) -> Asset:
        return self._assets[cover.column]

    def _level(self, cover: AssetCover) -> Level:
        """Of the sentence that reserves cover the total."""
        if not cover.rests_on.makes_totals_count:
            return Level.NOT_PROVEN
        if cover.counts_columns or self._at_issuers_prices(cover.rests_on):
            return Level.CLAIMED
        return Level.PROVEN if self._verified.totals is None else Level.RECOMPUTED

    def _at_issuers_prices(self, rests_on: PositionGuarantee) -> bool:
        """Whether debts count as outweighed only at prices that nobody but the issuer stands behind.

        With one worthless coin priced absurdly, a made-up account that owes what customers are owed is "worth"
        more than nothing, and lowers the total. Prices that the caller insists on rule that out.
        """
        if rests_on.guarantee is not Guarantee.OUTWEIGHED or rests_on.statement is None:
            return False
        return not self._accounts[rests_on.statement].documents_expected

    def _cover_findings(self) -> list[Finding]:
        """One for all assets whose totals rest on the same."""
        groups: dict[tuple[PositionGuarantee, bool], list[AssetCover]] = {}
        for cover in self._cover:
            if self._asset(cover).id not in self._meanings:
                groups.setdefault((cover.rests_on, cover.counts_columns), []).append(cover)
        ratio = self._verified.claim.ratio
        times = "the total" if ratio.numerator == ratio.denominator else f"{ratio} times the total"
        subject = f"Stated reserves ({self._verified.claim.name})"
        return [
            Finding(
                subject,
                f"{_names(map(self._asset, covers))}: at least {times} of all accounts{self._reason(covers[0])}",
                self._level(covers[0]),
            )
            for covers in groups.values()
        ]

    def _find_meanings(self) -> dict[str, ColumnWords]:
        """What models of verified claims say of columns that are no coins; nothing where less than all is covered."""
        ratio = self._verified.claim.ratio
        if ratio.numerator < ratio.denominator:
            return {}
        words = [claim.words for claim in self._accounts if claim.words is not None]
        return {column.asset: column for each in words for column in each.columns}

    def _column_finding(self, cover: AssetCover) -> Finding:
        """Of a column that is no coin."""
        asset = self._asset(cover)
        words = self._meanings[asset.id]
        amount = format_amount(cover.ownership.reserves.total, asset.decimals)
        subject = f"Column {asset.id} ({self._verified.claim.name})"
        text = f"{words.meaning}; stated are {amount}, which are no coins and at no address"
        if words.marker is None:
            return Finding(subject, f"{text}{self._reason(cover)}", self._level(cover))
        if self._marks_one(words.marker):
            if self._level(cover) in (Level.PROVEN, Level.RECOMPUTED):
                return Finding(subject, text, self._level(cover))
            # The marked account could hold what nobody has, at prices that nobody but the issuer stands behind.
            worth = (
                "; the marked account is worth that at the prices of the claim, of assets that not all have reserves "
                "here or prices that you gave"
            )
            return Finding(subject, f"{text}{worth}", Level.CLAIMED)
        why = f"but this claim does not show that {words.marker} marks one account at most"
        return Finding(subject, f"{text}, {why}", Level.NOT_PROVEN)

    def _marks_one(self, marker: str) -> bool:
        """Whether the total of a column of zeros and ones is shown to be 1 at most."""
        return any(
            cover.ownership.reserves.total <= 1 and cover.rests_on.guarantee is Guarantee.NON_NEGATIVE
            for cover in self._cover
            if self._asset(cover).id == marker
        )

    def _reason(self, cover: AssetCover) -> str:
        """What the total rests on, to follow "of all accounts"."""
        rests_on = cover.rests_on
        if rests_on.guarantee is Guarantee.NON_NEGATIVE:
            return "; no account is below zero"
        if rests_on.guarantee is Guarantee.NONE or rests_on.statement is None:
            return ", but no claim bounds what an account holds: made-up accounts could hide what is owed"
        if rests_on.guarantee is Guarantee.BOUNDED:
            return (
                ", debts deducted, but no claim is seen to show that an account's assets outweigh its debts: "
                "made-up debts could hide what is owed"
            )
        claim = self._accounts[rests_on.statement].claim.name
        if rests_on.uncovered:
            names = _names(self._assets[column] for column in rests_on.uncovered)
            return (
                f", debts deducted, but of what outweighs debts, no reserves are shown for {names}: made-up debts "
                "could hide what is owed"
            )
        outweighed = (
            f", debts deducted; in every account other assets outweigh them at the prices of {claim!r}"
        )
        if self._at_issuers_prices(rests_on):
            outweighed += ", which are the issuer's: give yours with --model and --market"
        if cover.counts_columns:
            outweighed += (
                "; columns that are no coins count among these, and what is stated of them need not be there"
            )
        return outweighed

    def _totals_findings(self) -> list[Finding]:
        totals = self._verified.totals
        if totals is None:
            return []
        text = f"{_amounts(zip(self._assets, totals, strict=True))}: what the root's sum opens to"
        if all(self._are_bounded()):
            return [Finding("Totals of all accounts", text, Level.PROVEN)]
        text += ", but no claim bounds what an account holds in every asset"
        return [Finding("Totals of all accounts", text, Level.NOT_PROVEN)]

    def _are_bounded(self) -> list[bool]:
        """For every asset of the book, whether each account's position is proven to be an integer."""
        guarantees = PositionGuarantees([claim.statement for claim in self._accounts])
        columns = range(len(self._assets))
        return [guarantees.of(column, ()).guarantee is not Guarantee.NONE for column in columns]

    def _stated_finding(self) -> Finding:
        reserves = self._verified.reserves
        amounts = _amounts((entry.asset, entry.total) for entry in reserves.assets)
        count = sum(len(entry.addresses) for entry in reserves.assets)
        listed = {0: "no address listed", 1: "1 address listed"}.get(count, f"{count:,} addresses listed")
        moment = f"as of {format_time(reserves.as_of)}"
        if reserves.as_of != self._book.as_of:
            moment += f" (the book: {format_time(self._book.as_of)})"
        return Finding(
            "Amounts in reserve", f"{amounts}, {moment}; {listed}; no chain was read", Level.CLAIMED
        )

    def _control_findings(self) -> list[Finding]:
        counts: Counter[Ownership] = Counter()
        for entry in self._verified.ownership:
            counts.update(entry.counts)
        signed, listed = counts.pop(Ownership.SIGNED, 0), counts.total()
        findings = []
        if signed:
            text = f"{signed:,} of {signed + listed:,} signed a message that names this book"
            findings.append(Finding("Control of addresses", text, Level.SIGNED))
        if counts:
            text = "; ".join(f"{counts[found]:,} {found.value}" for found in Ownership if found in counts)
            findings.append(Finding("Addresses that do not count as signed", text, Level.CLAIMED))
        return findings

    def _left_out(self) -> list[Asset]:
        covered = {cover.column for cover in self._cover}
        return [asset for column, asset in enumerate(self._assets) if column not in covered]

    def _left_out_findings(self) -> list[Finding]:
        left_out = self._left_out()
        if not left_out:
            return []
        return [Finding("No reserves shown", f"for {_names(left_out)}", Level.NOT_PROVEN)]

    def _asset_figures(self, cover: AssetCover) -> dict[str, Json]:
        asset, rests_on, ownership = self._asset(cover), cover.rests_on, cover.ownership
        is_column = asset.id in self._meanings
        level = self._column_finding(cover).level if is_column else self._level(cover)
        by_claim = None if rests_on.statement is None else self._accounts[rests_on.statement].claim.name
        return {
            "asset": asset.id,
            "decimals": asset.decimals,
            "reserves": str(ownership.reserves.total),
            "unlisted": str(ownership.reserves.unlisted),
            "total": None if cover.total is None else str(cover.total),
            "level": level.value,
            "accounts_are": rests_on.guarantee.value,
            "accounts_claim": by_claim,
            "outweighed_by_uncovered": [self._assets[column].id for column in rests_on.uncovered],
            "addresses": {found.name.lower(): ownership.counts[found] for found in Ownership},
            "signed_balance": str(ownership.signed_balance),
            "meaning": self._meanings[asset.id].meaning if is_column else None,
        }


def solvency_checks(verified: Sequence[VerifiedSolvency]) -> list[Check]:
    """The checks that these claims passed."""
    if not verified:
        return []
    public = any(solvency.totals is not None for solvency in verified)
    return [check for check in Check if check.value.startswith("S") and (public or check not in _PUBLIC_ONLY)]


def _names(assets: Iterable[Asset]) -> str:
    names = [asset.id for asset in assets]
    return _shortened(names, ", ")


def _amounts(amounts: Iterable[tuple[Asset, int]]) -> str:
    return _shortened(
        [f"{format_amount(amount, asset.decimals)} {asset.id}" for asset, amount in amounts], "; "
    )


def _shortened(texts: Sequence[str], separator: str) -> str:
    rest = f" and {len(texts) - _SHOWN_ASSETS:,} more" if len(texts) > _SHOWN_ASSETS else ""
    return separator.join(texts[:_SHOWN_ASSETS]) + rest
