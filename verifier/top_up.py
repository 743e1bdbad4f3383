"""Checking a top-up certificate: an account of a sealed book, with so much more, satisfies a statement.

    leaf (tag, C) at its index  ->  path  ->  root, which the caller trusts
    C' - C = t G_a [- t G_b] + d H          t public, or hidden in [0, 2^w)
    C' satisfies the statement that model and market make of the book's assets, compiled here
    [ C_2 under the same root;  C' + C_2' = C + C_2 + d H;  C_2' satisfies the statement ]
    [ C' with one step less cannot satisfy it ]

Every proof absorbs book, leaves, asset, amount, the commitments after, documents, statement and audience. Shapes,
lengths and rows all come from statements compiled here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.insufficiency import InsufficiencyError, insufficiency_statement
from circuits.rows import Scope
from circuits.statement import Statement
from circuits.top_up_statement import amount_statement
from primitives.argument_instance import ArgumentInstance
from primitives.attestation import Attestation
from primitives.backend import Backend, PointVector
from primitives.certificate import CertifiedLeaf
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.instance_validation import InstanceError
from primitives.linear_relation import LinearRelation
from primitives.narg import NargError
from primitives.sigma import VerificationError as SigmaVerificationError
from primitives.sigma import verify_batchable
from primitives.strict_json import JsonError
from primitives.top_up import (
    CONSERVATION_TAG,
    DIFFERENCE_TAG,
    HiddenAmount,
    PublicAmount,
    SourceProofs,
    SourceTerms,
    TopUpCertificate,
    TopUpTerms,
    conservation_relation,
    difference_relation,
    subtract,
)
from verifier.argument import ArgumentError, ArgumentVerifier
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.certificate import ExpectedTerms
from verifier.checks import Check, VerificationError
from verifier.files import read_leaf
from verifier.opening import TrustedRoot
from verifier.path import PathChecks, verify_path

_PATH_CHECKS: Final = PathChecks(Check.TOP_UP_PATH, Check.TOP_UP_ROOT_HASH, Check.TOP_UP_ROOT_SUM)
_SOURCE_CHECKS: Final = PathChecks(Check.TOP_UP_SOURCE, Check.TOP_UP_SOURCE, Check.TOP_UP_SOURCE)


@dataclass(frozen=True)
class VerifiedTopUp:
    """What a verified certificate showed, and what that stands on."""

    certificate: TopUpCertificate
    statement: Statement
    """Compiled here from the certificate's documents."""
    signed: SignedAttestation | None
    book_bound: bool
    """Whether issuer, time and asset list are bound to what the caller trusts, not just the root."""
    expected: ExpectedTerms

    @property
    def terms(self) -> TopUpTerms:
        """What is certified, about which leaf, to whom."""
        return self.certificate.terms


def verify_top_up_in_bundle(
    data: bytes,
    bundle: Path,
    backend: Backend,
    *,
    issuer_key: bytes | None,
    expected: ExpectedTerms | None = None,
) -> VerifiedTopUp:
    """Check a certificate (file bytes) against a bundle: the attestation's signature, the published leaves.

    Raises `VerificationError` naming the check.
    """
    signed = verify_attestation(bundle, issuer_key=issuer_key)
    certificate = _parse(data)
    # T2: same book, all of it
    terms = certificate.terms
    stated, attested = terms.book, signed.attestation.book
    if stated != attested:
        raise VerificationError(
            Check.TOP_UP_ROOT,
            f"the certificate is for book {stated.digest().hex()}, the bundle holds {attested.digest().hex()}",
        )
    wanted = ExpectedTerms() if expected is None else expected
    _verify_audience(terms, wanted.audience)
    _verify_published_leaf(terms.leaf, bundle, signed.attestation, Check.TOP_UP_LEAF)
    if terms.source is not None:
        _verify_published_leaf(terms.source.leaf, bundle, signed.attestation, Check.TOP_UP_SOURCE)
    statement = _Contents(certificate, backend).verify(wanted)
    return VerifiedTopUp(certificate, statement, signed, book_bound=True, expected=wanted)


def verify_top_up_against_root(
    data: bytes, trusted: TrustedRoot, backend: Backend, *, expected: ExpectedTerms | None = None
) -> VerifiedTopUp:
    """Check a certificate (file bytes) against a root hash or a book digest that the caller trusts."""
    certificate = _parse(data)
    # T2: the root, or the whole book, is the one the caller knows
    trusted.verify(certificate.terms.book, "certificate", Check.TOP_UP_ROOT)
    wanted = ExpectedTerms() if expected is None else expected
    _verify_audience(certificate.terms, wanted.audience)
    statement = _Contents(certificate, backend).verify(wanted)
    bound = trusted.book_digest is not None
    return VerifiedTopUp(certificate, statement, None, book_bound=bound, expected=wanted)


def _parse(data: bytes) -> TopUpCertificate:
    """T1: the file's form."""
    try:
        return TopUpCertificate.parse(data)
    except JsonError as error:
        raise VerificationError(Check.TOP_UP_FORM, str(error)) from error


def _verify_audience(terms: TopUpTerms, expected: str | None) -> None:
    """T3: made for whom the caller says, if they say. The proofs bind the text (T13, T14)."""
    if expected is None or terms.audience == expected:
        return
    made_for = "nobody in particular" if terms.audience is None else repr(terms.audience)
    raise VerificationError(
        Check.TOP_UP_AUDIENCE, f"the certificate was made for {made_for}, you expect {expected!r}"
    )


def _verify_published_leaf(leaf: CertifiedLeaf, bundle: Path, attestation: Attestation, check: Check) -> None:
    """T4 or T12, with a bundle: ``leaves.bin`` holds this leaf at this index."""
    if leaf.index >= attestation.book.leaf_count:
        raise VerificationError(
            check, f"leaf {leaf.index} of a book with {attestation.book.leaf_count} leaves"
        )
    if read_leaf(bundle, attestation, leaf.index) != leaf.tag + leaf.commitment:
        raise VerificationError(check, f"the bundle has another leaf at index {leaf.index}")


@dataclass(frozen=True)
class _Source:
    """The account that pays, decoded."""

    terms: SourceTerms
    proofs: SourceProofs
    before: PointVector
    after: PointVector


class _Contents:
    """T4 to T17, whatever the root is trusted for."""

    def __init__(self, certificate: TopUpCertificate, backend: Backend) -> None:
        self._certificate = certificate
        self._terms = certificate.terms
        self._backend = backend
        self._generators = Generators(backend)
        self._verifier = ArgumentVerifier(backend, self._generators)

    def verify(self, expected: ExpectedTerms) -> Statement:
        """The statement, if every check passes."""
        terms = self._terms
        # T4 to T7: the account before
        before = self._decode(
            terms.leaf.commitment, f"commitment of leaf {terms.leaf.index}", Check.TOP_UP_LEAF
        )
        verify_path(
            terms.book, terms.leaf.index, terms.leaf.tag, before, self._certificate.path, self._backend, _PATH_CHECKS
        )  # fmt: skip
        self._verify_assets()
        statement = self._compile(expected)
        # T11: the account after
        after = self._decode(terms.after, "the commitment after the top-up", Check.TOP_UP_AFTER)
        if subtract(after, before).identity_mask()[0]:
            raise VerificationError(Check.TOP_UP_AFTER, "the commitments before and after are the same")
        # T12: the account that pays
        source = None if terms.source is None else self._verify_source(terms.source)
        # T13 and T14
        self._verify_difference(before, after)
        self._verify_argument(terms.after_instance(statement), self._certificate.proof, Check.TOP_UP_PROOF)
        # T15 and T16
        if source is not None:
            self._verify_payment(source, statement, before, after)
        self._verify_minimal(statement)
        return statement

    def _verify_assets(self) -> None:
        """T8."""
        terms = self._terms
        for asset in terms.moved_assets:
            if asset not in terms.book.assets:
                raise VerificationError(
                    Check.TOP_UP_ASSET,
                    f"{asset.id!r} with {asset.decimals} decimals is not an asset of the book",
                )
        source = terms.taken_from
        if source is not None and (source == terms.asset or source.decimals != terms.asset.decimals):
            raise VerificationError(
                Check.TOP_UP_ASSET,
                f"{source.id!r} is not another column with the decimals of {terms.asset.id!r}",
            )

    def _compile(self, expected: ExpectedTerms) -> Statement:
        """T9 and T10."""
        terms, documents = self._terms, expected.documents
        pairs = (("model", terms.model, documents.model), ("market", terms.market, documents.market))
        for role, found, wanted in pairs:
            if wanted is not None and found != wanted:
                what = f"without a {role}" if found is None else f"with another {role} than yours"
                raise VerificationError(Check.TOP_UP_DOCUMENTS, f"the certificate was made {what}")
        try:
            statement = compile_claim(terms.model, terms.market, terms.book.assets, scope=Scope.ACCOUNT)
        except ClaimDocumentError as error:
            raise VerificationError(Check.TOP_UP_DOCUMENTS, str(error)) from error
        if statement.digest() != terms.statement_digest:
            raise VerificationError(
                Check.TOP_UP_STATEMENT,
                f"compiled {statement.digest().hex()}, certified {terms.statement_digest.hex()}",
            )
        return statement

    def _verify_difference(self, before: PointVector, after: PointVector) -> None:
        """T13."""
        terms = self._terms
        if isinstance(terms.amount, HiddenAmount):
            statement = amount_statement(terms.moved_assets, terms.amount, terms.minimal)
            difference = subtract(after, before).to_compressed()
            instance = terms.amount_instance(statement, difference)
            self._verify_argument(instance, self._certificate.difference, Check.TOP_UP_AMOUNT)
            return
        try:
            relation = difference_relation(self._backend, self._generators, terms, terms.amount.base_units)
        except InstanceError as error:
            raise VerificationError(Check.TOP_UP_AMOUNT, str(error)) from error
        self._verify_sigma(relation, self._certificate.difference, DIFFERENCE_TAG, Check.TOP_UP_AMOUNT)

    def _verify_source(self, source: SourceTerms) -> _Source:
        """T12: another leaf under the same root; what it is after it has paid decodes."""
        terms, proofs, check = self._terms, self._certificate.source, Check.TOP_UP_SOURCE
        if proofs is None:
            raise VerificationError(check, "there are no proofs about the account that pays")
        if source.leaf.index == terms.leaf.index:
            raise VerificationError(check, f"leaf {source.leaf.index} would pay itself")
        before = self._decode(source.leaf.commitment, f"commitment of leaf {source.leaf.index}", check)
        verify_path(
            terms.book, source.leaf.index, source.leaf.tag, before, proofs.path, self._backend, _SOURCE_CHECKS
        )
        after = self._decode(source.after, "the commitment of the account that pays", check)
        return _Source(source, proofs, before, after)

    def _verify_payment(
        self, source: _Source, statement: Statement, before: PointVector, after: PointVector
    ) -> None:
        """T15 and T16."""
        try:
            relation = conservation_relation(
                self._backend, self._generators, before.concat(source.before), after.concat(source.after)
            )
        except InstanceError as error:
            raise VerificationError(Check.TOP_UP_CONSERVED, str(error)) from error
        proofs = source.proofs
        self._verify_sigma(relation, proofs.conservation, CONSERVATION_TAG, Check.TOP_UP_CONSERVED)
        instance = self._terms.source_instance(statement, source.terms.after)
        self._verify_argument(instance, proofs.proof, Check.TOP_UP_SOURCE_PROOF)

    def _verify_minimal(self, statement: Statement) -> None:
        """T17."""
        terms, proof = self._terms, self._certificate.minimal
        if terms.minimal is None or proof is None:
            return
        if isinstance(terms.amount, PublicAmount) and terms.minimal.step > terms.amount.base_units:
            # With more taken away than was added, nothing is said of the account before. Hidden amounts: T13.
            raise VerificationError(Check.TOP_UP_MINIMAL, "the step is larger than the amount")
        signs = zip(terms.moved_assets, (1, -1), strict=False)
        moves = {terms.book.assets.index(asset): sign for asset, sign in signs}
        try:
            made = insufficiency_statement(statement, terms.minimal.multipliers, moves, terms.minimal.step)
        except InsufficiencyError as error:
            raise VerificationError(Check.TOP_UP_MINIMAL, str(error)) from error
        self._verify_argument(terms.minimal_instance(made), proof, Check.TOP_UP_MINIMAL)

    def _verify_argument(self, instance: ArgumentInstance, proof: bytes, check: Check) -> None:
        try:
            self._verifier.verify(instance, proof)
        except ArgumentError as error:
            raise VerificationError(check, str(error)) from error

    def _verify_sigma(self, relation: LinearRelation, proof: bytes, tag: bytes, check: Check) -> None:
        try:
            verify_batchable(relation, proof, tag=tag, session=self._terms.context_digest())
        except (NargError, SigmaVerificationError) as error:
            raise VerificationError(check, str(error)) from error

    def _decode(self, data: bytes, what: str, check: Check) -> PointVector:
        """The canonical encoding of a point of E other than the identity."""
        try:
            point = self._backend.points_from_compressed(data)
        except DecodingError as error:
            raise VerificationError(check, f"{what}: {error.reason}") from error
        if point.identity_mask()[0]:
            raise VerificationError(check, f"{what} is the identity")
        return point
