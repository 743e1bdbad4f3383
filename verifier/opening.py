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

from primitives.account_id import AccountIdError, typed_account_id
from primitives.account_tag import account_tag
from primitives.attestation import Attestation
from primitives.backend import Backend
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.opening import Opening
from primitives.strict_json import JsonError
from primitives.sum_tree import IdentitySumError, climb_path, tree_height
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.checks import Check, VerificationError
from verifier.files import read_leaf


@dataclass(frozen=True)
class TrustedRoot:
    """A root hash or a book digest (32 bytes each) that the caller knows from elsewhere."""

    root_hash: bytes | None = None
    book_digest: bytes | None = None

    def __post_init__(self) -> None:
        if (self.root_hash is None) == (self.book_digest is None):
            raise ValueError("give either a root hash or a book digest")


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
    _verify_path(opening, backend)
    return VerifiedOpening(opening, signed, book_bound=True)


def verify_opening_against_root(
    data: bytes, account: str, trusted: TrustedRoot, backend: Backend
) -> VerifiedOpening:
    """Check an opening (file bytes) for `account` (as typed) against a root hash or a book digest."""
    opening = _parse(data)
    _verify_account(opening, account)
    # O3: the root, or the whole book, is the one the caller knows
    if trusted.root_hash is not None:
        stated, expected, what = opening.book.root.hash, trusted.root_hash, "root hash"
    else:
        stated, expected, what = opening.book.digest(), trusted.book_digest or b"", "book digest"
    if stated != expected:
        raise VerificationError(
            Check.OPENING_ROOT, f"the opening has {what} {stated.hex()}, you trust {expected.hex()}"
        )
    _verify_leaf_contents(opening, account, backend)
    _verify_path(opening, backend)
    return VerifiedOpening(opening, None, book_bound=trusted.book_digest is not None)


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


def _verify_path(opening: Opening, backend: Backend) -> None:
    """O8 to O10: from the leaf up to the root."""
    # O8: as many siblings as the tree is high, each a point, none of the sums the identity
    book = opening.book
    height = tree_height(book.leaf_count)
    if len(opening.path) != height:
        raise VerificationError(
            Check.OPENING_PATH, f"the path has {len(opening.path)} levels, the tree has {height}"
        )
    try:
        commitment = backend.points_from_compressed(opening.commitment)
        root = climb_path(backend, opening.tag, commitment, opening.leaf_index, opening.path)
    except DecodingError as error:
        raise VerificationError(
            Check.OPENING_PATH, f"sibling sum at level {error.index}: {error.reason}"
        ) from error
    except IdentitySumError as error:
        raise VerificationError(Check.OPENING_PATH, str(error)) from error
    except ValueError as error:
        raise VerificationError(Check.OPENING_PATH, str(error)) from error
    # O9: root hash
    if root.hash != book.root.hash:
        raise VerificationError(
            Check.OPENING_ROOT_HASH,
            f"leaf and path give {root.hash.hex()}, the root is {book.root.hash.hex()}",
        )
    # O10: root sum
    if root.sum != book.root.sum:
        raise VerificationError(
            Check.OPENING_ROOT_SUM,
            f"leaf and path add up to {root.sum.hex()}, the root has {book.root.sum.hex()}",
        )
