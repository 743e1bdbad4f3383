"""Checking an opening: this account, with exactly these positions, is in the sealed book.

    tag  = SHA-256("sealedbook/v1/account-tag" 00 || salt || id)
    C    = sum_a q_a G_a + rho H
    node = leaf (tag, C), then per level  hash = SHA-256(01 || h_l || S_l || h_r || S_r),  S = S_l + S_r
    the last node is the root

id: the account id as its owner types it; q_a, rho, salt: from the opening; G_a, H: generators derived
here from the asset ids and decimals; root: from the bundle or from the caller.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from primitives.account_id import AccountIdError, typed_account_id
from primitives.account_tag import account_tag
from primitives.attestation import Attestation, SealedBook
from primitives.backend import Backend
from primitives.generators import Generators
from primitives.opening import Opening
from primitives.strict_json import JsonError
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.checks import Check, VerificationError
from verifier.files import read_leaf
from verifier.path import PathChecks, verify_path

_PATH_CHECKS: Final = PathChecks(Check.OPENING_PATH, Check.OPENING_ROOT_HASH, Check.OPENING_ROOT_SUM)


@dataclass(frozen=True)
class TrustedRoot:
    """A root hash or a book digest (32 bytes each) that the caller knows from elsewhere."""

    root_hash: bytes | None = None
    book_digest: bytes | None = None

    def __post_init__(self) -> None:
        if (self.root_hash is None) == (self.book_digest is None):
            raise ValueError("give either a root hash or a book digest")

    def verify(self, book: SealedBook, kind: str, check: Check) -> None:
        """`VerificationError` of `check` unless `book`, which a document of `kind` states, is the trusted one."""
        if self.root_hash is not None:
            stated, expected, what = book.root.hash, self.root_hash, "root hash"
        else:
            stated, expected, what = book.digest(), self.book_digest or b"", "book digest"
        if stated != expected:
            raise VerificationError(
                check, f"the {kind} has {what} {stated.hex()}, you trust {expected.hex()}"
            )


@dataclass(frozen=True)
class VerifiedOpening:
    """What a verified opening showed, and what its statements stand on."""

    opening: Opening
    signed: SignedAttestation | None
    book_bound: bool
    """Whether issuer, time and asset list are bound to what the caller trusts, not just the root."""


def verify_opening_in_bundle(
    data: bytes, account: str, bundle: Path, backend: Backend, *, issuer_key: bytes | None
) -> VerifiedOpening:
    """Check an opening (file bytes) for `account` (as typed) against a bundle.

    The attestation's signature and the one published leaf are checked; the rest of the tree follows from
    the path. Raises `VerificationError` naming the check.
    """
    signed = verify_attestation(bundle, issuer_key=issuer_key)
    opening = _parse(data)
    _verify_account(opening, account)
    # O3: same book, all of it
    attested = signed.attestation.book
    if opening.book != attested:
        raise VerificationError(
            Check.OPENING_ROOT,
            f"the opening is for book {opening.book.digest().hex()}, "
            f"the bundle holds {attested.digest().hex()}",
        )
    _verify_leaf_contents(opening, account, backend)
    _verify_published_leaf(opening, bundle, signed.attestation)
    _verify_path_to_root(opening, backend)
    return VerifiedOpening(opening, signed, book_bound=True)


def verify_opening_against_root(
    data: bytes, account: str, trusted: TrustedRoot, backend: Backend
) -> VerifiedOpening:
    """Check an opening (file bytes) for `account` (as typed) against a root hash or a book digest."""
    opening = _parse(data)
    _verify_account(opening, account)
    # O3: the root, or the whole book, is the one the caller knows
    trusted.verify(opening.book, "opening", Check.OPENING_ROOT)
    _verify_leaf_contents(opening, account, backend)
    _verify_path_to_root(opening, backend)
    return VerifiedOpening(opening, None, book_bound=trusted.book_digest is not None)


def verify_own_opening(data: bytes, account: str | None, backend: Backend) -> Opening:
    """Check an opening (file bytes) against the root that it states itself, for whoever received it.

    O1 to O10 without O3 and O7: the leaf opens to these positions and lies under the stated root; whether
    that is the published root is for others to check. `account` as typed; None takes the opening's own.
    """
    opening = _parse(data)
    typed = opening.account if account is None else account
    _verify_account(opening, typed)
    _verify_leaf_contents(opening, typed, backend)
    _verify_path_to_root(opening, backend)
    return opening


def _parse(data: bytes) -> Opening:
    """O1: the file's form."""
    try:
        return Opening.parse(data)
    except JsonError as error:
        raise VerificationError(Check.OPENING_FORM, str(error)) from error


def _verify_account(opening: Opening, account: str) -> None:
    """O2: the id in the file is the id that was typed."""
    try:
        typed = typed_account_id(account)
    except AccountIdError as error:
        raise VerificationError(
            Check.OPENING_ACCOUNT, f"what you typed is not an account id: {error}"
        ) from error
    if typed != opening.account:
        raise VerificationError(
            Check.OPENING_ACCOUNT, f"you typed {typed!r}, the opening is for {opening.account!r}"
        )


def _verify_leaf_contents(opening: Opening, account: str, backend: Backend) -> None:
    """O4 to O6: the leaf says exactly this account and these positions."""
    # O4: tag = SHA-256(label || salt || id as typed)
    if account_tag(opening.salt, typed_account_id(account)) != opening.tag:
        raise VerificationError(
            Check.OPENING_TAG, "salt and account id give another tag: this leaf was made for somebody else"
        )
    # O5: assets of the book, each at most once, in the book's order
    places = {asset: place for place, asset in enumerate(opening.book.assets)}
    order = [places.get(position.asset, -1) for position in opening.positions]
    if -1 in order:
        unknown = opening.positions[order.index(-1)].asset
        raise VerificationError(
            Check.OPENING_POSITIONS,
            f"{unknown.id!r} with {unknown.decimals} decimals is not an asset of the book",
        )
    if any(later <= earlier for earlier, later in itertools.pairwise(order)):
        raise VerificationError(Check.OPENING_POSITIONS, "an asset stands twice or out of the book's order")
    # O6: C = sum_a q_a G_a + rho H, compared as bytes
    generators = Generators(backend)
    bases = generators.assets([p.asset for p in opening.positions]).concat(generators.blinding())
    scalars = backend.scalars_from_ints([*(p.amount for p in opening.positions), opening.blinding])
    commitment = backend.multi_scalar_multiply(bases, scalars)
    if commitment.identity_mask()[0]:
        raise VerificationError(Check.OPENING_COMMITMENT, "the commitment is the identity")
    if commitment.to_compressed() != opening.commitment:
        raise VerificationError(
            Check.OPENING_COMMITMENT, "positions and blinding give another commitment than the leaf's"
        )


def _verify_published_leaf(opening: Opening, bundle: Path, attestation: Attestation) -> None:
    """O7: ``leaves.bin`` holds this leaf at this index."""
    if opening.leaf_index >= attestation.book.leaf_count:
        raise VerificationError(
            Check.OPENING_LEAF,
            f"leaf {opening.leaf_index} of a book with {attestation.book.leaf_count} leaves",
        )
    if read_leaf(bundle, attestation, opening.leaf_index) != opening.tag + opening.commitment:
        raise VerificationError(
            Check.OPENING_LEAF, f"the bundle has another leaf at index {opening.leaf_index}"
        )


def _verify_path_to_root(opening: Opening, backend: Backend) -> None:
    """O8 to O10: from the leaf up to the root. The commitment is what O6 computed, so it decodes."""
    commitment = backend.points_from_compressed(opening.commitment)
    verify_path(
        opening.book, opening.leaf_index, opening.tag, commitment, opening.path, backend, _PATH_CHECKS
    )
