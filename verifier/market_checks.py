"""Conditions on a market: who signed it, how old it is, how far it is from markets that the caller has.

    M1  the document is a market, and what the statement weighs positions with
    M2  every signature that comes with it covers its exact bytes
    M3  at least n of the sources whose keys the caller gave are among the signers
    M4  -tolerance <= moment - as_of <= greatest age, and as_of is not before that of a previous market
    M5  10^4 |v - w| / w <= bound for every figure v of the market that a reference has as w (`circuits.market_figures`)

*moment* is the book's, or one that the caller names. Every parameter is the caller's; nothing that decides is taken
from what is checked: a name in the signatures document counts for nothing, its key is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from circuits.market_figures import (
    IncomparableMarketsError,
    MarketComparison,
    basis_points_text,
    compare_markets,
    is_comparable,
    names_text,
)
from circuits.public_market import PublicMarket, parse_public_market, time_of
from primitives.attestation import format_time
from primitives.errors import DecodingError, SealedbookError
from primitives.market_signatures import (
    MAX_MARKET_SIGNATURES,
    MarketSignatureError,
    MarketSignatures,
    SourceNameError,
    check_source_name,
)
from primitives.signing import import_public_key
from primitives.strict_json import JsonError
from verifier.checks import Check, VerificationError

MAX_SIGNATURES_BYTES: Final = 1 << 17
"""Of a signatures document, in any layout."""


class MarketPolicyError(SealedbookError):
    """Conditions that contradict themselves, or that nothing could fail."""


@dataclass(frozen=True)
class MarketPolicy:
    """What the caller requires of a market; the default requires nothing.

    `source_keys` maps names of the caller's choice to 32-byte public keys; `sources_required` of these must have
    signed, all of them if it is None. `max_age` is how far the market may lie before the moment it is used for,
    `tolerance` how far after. `previous` are earlier markets and `others` markets of the same time from elsewhere;
    a market is compared with each of its own format and quote currency, of which there must be one.
    `max_deviation` is in basis points; with None, deviations are computed for the report and bound by nothing.

    Raises `MarketPolicyError`.
    """

    source_keys: Mapping[str, bytes] = field(default_factory=dict)
    sources_required: int | None = None
    max_age: timedelta | None = None
    tolerance: timedelta = timedelta(0)
    previous: tuple[PublicMarket, ...] = ()
    others: tuple[PublicMarket, ...] = ()
    max_deviation: Fraction | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_keys", MappingProxyType(dict(self.source_keys)))
        self._check_sources()
        if self.max_age is not None and self.max_age < timedelta(0):
            raise MarketPolicyError("the greatest age of a market is negative")
        if self.tolerance < timedelta(0) or (self.tolerance and self.max_age is None):
            raise MarketPolicyError("a tolerance of time is not negative, and goes with a greatest age")
        if self.max_deviation is not None and not self.references:
            raise MarketPolicyError("a greatest deviation needs a market to deviate from")
        if self.max_deviation is not None and self.max_deviation < 0:
            raise MarketPolicyError("the greatest deviation is negative")

    @property
    def references(self) -> tuple[PublicMarket, ...]:
        """All markets to compare with."""
        return self.previous + self.others

    @property
    def required(self) -> int:
        """How many of the named sources must have signed."""
        return len(self.source_keys) if self.sources_required is None else self.sources_required

    @property
    def checks_time(self) -> bool:
        """Whether the market's time is checked."""
        return self.max_age is not None or bool(self.previous)

    @property
    def is_condition(self) -> bool:
        """Whether anything is required."""
        return bool(self.source_keys) or self.checks_time or bool(self.references)

    def _check_sources(self) -> None:
        for name, key in self.source_keys.items():
            try:
                check_source_name(name)
                import_public_key(key)
            except (SourceNameError, DecodingError) as error:
                raise MarketPolicyError(f"source {name[:40]!r}: {error}") from error
        if len(set(self.source_keys.values())) != len(self.source_keys):
            raise MarketPolicyError("two sources have one key, and would count twice")
        if len(self.source_keys) > MAX_MARKET_SIGNATURES:
            raise MarketPolicyError(f"more than {MAX_MARKET_SIGNATURES} sources")
        if self.sources_required is not None and not 1 <= self.sources_required <= len(self.source_keys):
            raise MarketPolicyError(
                f"{self.sources_required} sources are required, and keys of {len(self.source_keys)} are given"
            )


NO_POLICY: Final = MarketPolicy()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a market: `source` as the document has it, `known_as` the caller's name for the key, if any."""

    source: str
    public_key: bytes
    known_as: str | None


@dataclass(frozen=True)
class ReferenceComparison:
    """How the market differs from one that the caller gave, of `reference_time`."""

    reference_time: datetime | None
    is_previous: bool
    comparison: MarketComparison


@dataclass(frozen=True)
class VerifiedMarket:
    """A market that met the caller's conditions, and what was found on the way."""

    market: PublicMarket
    moment: datetime | None
    signers: tuple[Signer, ...]
    comparisons: tuple[ReferenceComparison, ...]
    policy: MarketPolicy
    has_signatures: bool

    @property
    def as_of(self) -> datetime | None:
        """The moment that the market says it is of."""
        return time_of(self.market)

    @property
    def age(self) -> timedelta | None:
        """From the market's moment to the one it is used for; negative if it is of a later one."""
        as_of = self.as_of
        return None if as_of is None or self.moment is None else self.moment - as_of

    @property
    def known_signers(self) -> tuple[Signer, ...]:
        """Those whose keys the caller gave."""
        return tuple(signer for signer in self.signers if signer.known_as is not None)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks that were made."""
        made = (
            (Check.MARKET_DOCUMENT, self.policy.is_condition),
            (Check.MARKET_SIGNATURES, self.has_signatures),
            (Check.MARKET_SOURCES, bool(self.policy.source_keys)),
            (Check.MARKET_TIME, self.policy.checks_time),
            (Check.MARKET_DEVIATION, bool(self.policy.references)),
        )
        return tuple(check for check, was_made in made if was_made)


def verify_market(
    market: bytes,
    signatures: bytes | None,
    policy: MarketPolicy,
    *,
    moment: datetime | None,
    subject: str = "the market",
) -> VerifiedMarket:
    """Check a market document under `policy`; `VerificationError` names the check, and `subject` whose market it is.

    `signatures` is the signatures document that came with it. `moment` is when the market is used for, None if that
    is not known: then its age cannot be required (`MarketPolicyError`).
    """
    if moment is None and policy.max_age is not None:
        raise MarketPolicyError("a greatest age needs a moment to count from")
    # M1: the document
    try:
        parsed = parse_public_market(market)
    except SealedbookError as error:
        raise VerificationError(Check.MARKET_DOCUMENT, f"{subject}: {error}") from error
    # M2: signatures
    signers = _verify_signatures(market, signatures, policy, subject)
    # M3: sources
    _verify_sources(signers, policy, subject)
    # M4: time
    _verify_time(parsed, policy, moment, subject)
    # M5: deviation
    comparisons = _compare(parsed, policy, subject)
    for each in comparisons:
        _verify_deviation(each, policy, subject)
    return VerifiedMarket(parsed, moment, signers, comparisons, policy, signatures is not None)


def _verify_signatures(
    market: bytes, signatures: bytes | None, policy: MarketPolicy, subject: str
) -> tuple[Signer, ...]:
    if signatures is None:
        return ()
    if len(signatures) > MAX_SIGNATURES_BYTES:
        raise VerificationError(
            Check.MARKET_SIGNATURES, f"{subject}: signatures have more than {MAX_SIGNATURES_BYTES} bytes"
        )
    try:
        parsed = MarketSignatures.parse(signatures)
        parsed.verify(market)
    except (JsonError, MarketSignatureError) as error:
        raise VerificationError(Check.MARKET_SIGNATURES, f"{subject}: {error}") from error
    names = {key: name for name, key in policy.source_keys.items()}
    return tuple(
        Signer(entry.source, entry.public_key, names.get(entry.public_key)) for entry in parsed.signatures
    )


def _verify_sources(signers: tuple[Signer, ...], policy: MarketPolicy, subject: str) -> None:
    # No key stands twice, in the document or in the policy, so that no source counts twice.
    signed = {signer.known_as for signer in signers if signer.known_as is not None}
    if len(signed) < policy.required:
        missing = names_text(sorted(policy.source_keys.keys() - signed))
        raise VerificationError(
            Check.MARKET_SOURCES,
            f"{subject}: {len(signed)} of the {len(policy.source_keys)} sources that you named signed it, "
            f"you require {policy.required}; without a signature: {missing}",
        )


def _verify_time(market: PublicMarket, policy: MarketPolicy, moment: datetime | None, subject: str) -> None:
    if not policy.checks_time:
        return
    as_of = time_of(market)
    if as_of is None:
        raise VerificationError(Check.MARKET_TIME, f"{subject}: it states no time, as its format has none")
    if policy.max_age is not None and moment is not None:
        age = moment - as_of
        if -age > policy.tolerance:
            raise VerificationError(
                Check.MARKET_TIME,
                f"{subject}: it is of {format_time(as_of)}, {_seconds(-age)} after {format_time(moment)}; "
                f"you allow {_seconds(policy.tolerance)}",
            )
        if age > policy.max_age:
            raise VerificationError(
                Check.MARKET_TIME,
                f"{subject}: it is of {format_time(as_of)}, {_seconds(age)} before {format_time(moment)}; "
                f"you allow {_seconds(policy.max_age)}",
            )
    for previous in policy.previous:
        earlier = time_of(previous)
        if is_comparable(previous, market) and earlier is not None and as_of < earlier:
            raise VerificationError(
                Check.MARKET_TIME,
                f"{subject}: it is of {format_time(as_of)}, before your previous market of {format_time(earlier)}",
            )


def _compare(market: PublicMarket, policy: MarketPolicy, subject: str) -> tuple[ReferenceComparison, ...]:
    if not policy.references:
        return ()
    given = [(each, True) for each in policy.previous] + [(each, False) for each in policy.others]
    comparable = [(each, is_previous) for each, is_previous in given if is_comparable(each, market)]
    if not comparable:
        raise VerificationError(
            Check.MARKET_DEVIATION,
            f"{subject}: none of the markets that you gave has its format and quote currency",
        )
    try:
        return tuple(
            ReferenceComparison(time_of(each), is_previous, compare_markets(each, market))
            for each, is_previous in comparable
        )
    except IncomparableMarketsError as error:
        raise VerificationError(Check.MARKET_DEVIATION, f"{subject}: {error}") from error


def _verify_deviation(found: ReferenceComparison, policy: MarketPolicy, subject: str) -> None:
    bound, comparison = policy.max_deviation, found.comparison
    if bound is None:
        return
    if comparison.changed_terms:
        raise VerificationError(
            Check.MARKET_DEVIATION,
            f"{subject}: under one id, other terms than in your market: {names_text(comparison.changed_terms)}",
        )
    largest = comparison.largest
    if largest.exceeds(bound):
        count = sum(deviation.exceeds(bound) for deviation in comparison.deviations)
        raise VerificationError(
            Check.MARKET_DEVIATION,
            f"{subject}: {largest.describe()}; you allow {basis_points_text(bound)}; "
            f"{count:,} of {len(comparison.deviations):,} figures differ by more",
        )


def _seconds(interval: timedelta) -> str:
    return f"{interval // timedelta(seconds=1):,} s"
