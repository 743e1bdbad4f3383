"""Checking a certificate: what it says about one account of a sealed book is proven.

    leaf (tag, C) at its index  ->  path  ->  root, which the caller trusts
    statement = what model and market make of the book's assets, compiled here
    proof     : some q, rho with C = sum_a q_a G_a + rho H satisfy the statement

The proof absorbs book, leaf, documents, statement and audience. Shape, lengths and rows all come from the
statement compiled here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from circuits.claim_statement import ClaimDocumentError, compile_claim
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.attestation import Attestation
from primitives.backend import Backend, PointVector
from primitives.certificate import Certificate, CertificateTerms
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.strict_json import JsonError
from verifier.argument import ArgumentError, ArgumentVerifier
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.checks import Check, VerificationError
from verifier.claims import ExpectedDocuments
from verifier.files import read_leaf
from verifier.opening import TrustedRoot
from verifier.path import PathChecks, verify_path

_PATH_CHECKS: Final = PathChecks(
    Check.CERTIFICATE_PATH, Check.CERTIFICATE_ROOT_HASH, Check.CERTIFICATE_ROOT_SUM
)


@dataclass(frozen=True)
class ExpectedTerms:
    """What the caller insists on: the audience (in canonical form) and the documents; None accepts any."""

    audience: str | None = None
    documents: ExpectedDocuments = field(default_factory=ExpectedDocuments)


@dataclass(frozen=True)
class VerifiedCertificate:
    """What a verified certificate showed, and what that stands on."""

    certificate: Certificate
    statement: Statement
    """Compiled here from the certificate's documents."""
    signed: SignedAttestation | None
    book_bound: bool
    """Whether issuer, time and asset list are bound to what the caller trusts, not just the root."""
    expected: ExpectedTerms

    @property
    def terms(self) -> CertificateTerms:
        """What is certified, about which leaf, to whom."""
        return self.certificate.terms


def verify_certificate_in_bundle(
    data: bytes,
    bundle: Path,
    backend: Backend,
    *,
    issuer_key: bytes | None,
    expected: ExpectedTerms | None = None,
) -> VerifiedCertificate:
    """Check a certificate (file bytes) against a bundle: the attestation's signature, the published leaf.

    The rest of the tree follows from the path. Raises `VerificationError` naming the check.
    """
    signed = verify_attestation(bundle, issuer_key=issuer_key)
    certificate = _parse(data)
    # K2: same book, all of it
    stated, attested = certificate.terms.book, signed.attestation.book
    if stated != attested:
        raise VerificationError(
            Check.CERTIFICATE_ROOT,
            f"the certificate is for book {stated.digest().hex()}, "
            f"the bundle holds {attested.digest().hex()}",
        )
    terms = ExpectedTerms() if expected is None else expected
    _verify_audience(certificate.terms, terms.audience)
    _verify_published_leaf(certificate.terms, bundle, signed.attestation)
    statement = _verify_contents(certificate, terms, backend)
    return VerifiedCertificate(certificate, statement, signed, book_bound=True, expected=terms)


def verify_certificate_against_root(
    data: bytes, trusted: TrustedRoot, backend: Backend, *, expected: ExpectedTerms | None = None
) -> VerifiedCertificate:
    """Check a certificate (file bytes) against a root hash or a book digest that the caller trusts."""
    certificate = _parse(data)
    # K2: the root, or the whole book, is the one the caller knows
    trusted.verify(certificate.terms.book, "certificate", Check.CERTIFICATE_ROOT)
    terms = ExpectedTerms() if expected is None else expected
    _verify_audience(certificate.terms, terms.audience)
    statement = _verify_contents(certificate, terms, backend)
    bound = trusted.book_digest is not None
    return VerifiedCertificate(certificate, statement, None, book_bound=bound, expected=terms)


def _parse(data: bytes) -> Certificate:
    """K1: the file's form."""
    try:
        return Certificate.parse(data)
    except JsonError as error:
        raise VerificationError(Check.CERTIFICATE_FORM, str(error)) from error


def _verify_audience(terms: CertificateTerms, expected: str | None) -> None:
    """K3: made for whom the caller says, if they say. The proof binds the text (K10)."""
    if expected is None or terms.audience == expected:
        return
    made_for = "nobody in particular" if terms.audience is None else repr(terms.audience)
    raise VerificationError(
        Check.CERTIFICATE_AUDIENCE, f"the certificate was made for {made_for}, you expect {expected!r}"
    )


def _verify_published_leaf(terms: CertificateTerms, bundle: Path, attestation: Attestation) -> None:
    """K4, with a bundle: ``leaves.bin`` holds this leaf at this index."""
    leaf = terms.leaf
    if leaf.index >= attestation.book.leaf_count:
        raise VerificationError(
            Check.CERTIFICATE_LEAF, f"leaf {leaf.index} of a book with {attestation.book.leaf_count} leaves"
        )
    if read_leaf(bundle, attestation, leaf.index) != leaf.tag + leaf.commitment:
        raise VerificationError(Check.CERTIFICATE_LEAF, f"the bundle has another leaf at index {leaf.index}")


def _verify_contents(certificate: Certificate, expected: ExpectedTerms, backend: Backend) -> Statement:
    """K4 to K10, whatever the root is trusted for."""
    terms = certificate.terms
    commitment = _decode_commitment(terms, backend)
    # K5 to K7
    verify_path(
        terms.book, terms.leaf.index, terms.leaf.tag, commitment, certificate.path, backend, _PATH_CHECKS
    )
    # K8: documents
    _compare_documents(terms, expected.documents)
    try:
        statement = compile_claim(terms.model, terms.market, terms.book.assets, scope=Scope.ACCOUNT)
    except ClaimDocumentError as error:
        raise VerificationError(Check.CERTIFICATE_DOCUMENTS, str(error)) from error
    # K9: statement
    if statement.digest() != terms.statement_digest:
        raise VerificationError(
            Check.CERTIFICATE_STATEMENT,
            f"compiled {statement.digest().hex()}, certified {terms.statement_digest.hex()}",
        )
    # K10: proof
    try:
        ArgumentVerifier(backend, Generators(backend)).verify(terms.instance(statement), certificate.proof)
    except ArgumentError as error:
        raise VerificationError(Check.CERTIFICATE_PROOF, str(error)) from error
    return statement


def _decode_commitment(terms: CertificateTerms, backend: Backend) -> PointVector:
    """K4: the commitment is the canonical encoding of a point of E other than the identity."""
    try:
        commitment = backend.points_from_compressed(terms.leaf.commitment)
    except DecodingError as error:
        raise VerificationError(
            Check.CERTIFICATE_LEAF, f"commitment of leaf {terms.leaf.index}: {error.reason}"
        ) from error
    if commitment.identity_mask()[0]:
        raise VerificationError(
            Check.CERTIFICATE_LEAF, f"commitment of leaf {terms.leaf.index} is the identity"
        )
    return commitment


def _compare_documents(terms: CertificateTerms, expected: ExpectedDocuments) -> None:
    """K8: byte for byte those that the caller insists on."""
    pairs = (("model", terms.model, expected.model), ("market", terms.market, expected.market))
    for role, found, wanted in pairs:
        if wanted is not None and found != wanted:
            what = f"without a {role}" if found is None else f"with another {role} than yours"
            raise VerificationError(Check.CERTIFICATE_DOCUMENTS, f"the certificate was made {what}")
