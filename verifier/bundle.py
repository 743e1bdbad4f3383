"""Checking a bundle: signature, form, digests, and the tree computed anew from the leaves.

    level 0     hash = SHA-256(00 || t_u || C_u)                              S = C_u
    level k+1   hash = SHA-256(01 || hash_l || S_l || hash_r || S_r)          S = S_l + S_r

t_u, C_u: tag and commitment of leaf u (80 bytes in ``leaves.bin``); l, r: the two children. The attestation
states hash and S of the root.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from primitives.attestation import ATTESTATION_NAME, LEAVES_NAME, SIGNATURE_NAME, Attestation, BundleFile
from primitives.backend import Backend, PointVector
from primitives.claims import ACCOUNTS_KIND, BOOK_KIND, SOLVENCY_KIND, AccountsClaim, BookClaim
from primitives.errors import DecodingError
from primitives.parameters import LEAF_BYTES, TAG_BYTES
from primitives.signing import SIGNATURE_BYTES
from primitives.sum_tree import CHUNK_HEIGHT, IdentitySumError, SumNode, build_tree, split_leaves
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.book_claim import InsistedDocuments, VerifiedBookClaim, verify_book_claim
from verifier.checks import Check, VerificationError
from verifier.claims import ExpectedDocuments, VerifiedClaim, verify_accounts_claim
from verifier.files import Progress, compare_digest, no_progress, open_regular
from verifier.market_checks import NO_POLICY, MarketPolicy
from verifier.solvency import VerifiedSolvency, verify_solvency_claim
from verifier.update import VerifiedUpdate, verify_update

_SIGNATURE_FILE_BYTES: Final = 2 * SIGNATURE_BYTES + 1
_READ_BYTES: Final = 1 << 20
_MAX_LISTED: Final = 1 << 17


@dataclass(frozen=True)
class VerifiedBundle:
    """What a verified bundle says: `claims` are those about every account, `solvency` those about reserves, `books`
    those about the sum of all accounts.

    `update` is how its book follows on the previous one, if that was compared.
    """

    signed: SignedAttestation
    root: SumNode
    claims: tuple[VerifiedClaim, ...]
    solvency: tuple[VerifiedSolvency, ...] = ()
    required: tuple[str, ...] = ()
    update: VerifiedUpdate | None = None
    books: tuple[VerifiedBookClaim, ...] = ()

    @property
    def attestation(self) -> Attestation:
        """The attestation."""
        return self.signed.attestation


def verify_bundle(
    folder: Path,
    backend: Backend,
    *,
    issuer_key: bytes | None,
    expected: ExpectedDocuments | None = None,
    required: Collection[str] = (),
    market_policy: MarketPolicy = NO_POLICY,
    previous: Path | None = None,
    progress: Progress = no_progress,
) -> VerifiedBundle:
    """Check everything that a bundle says about itself; `VerificationError` names the check that fails.

    `issuer_key` is the 32-byte public key that the caller trusts. With None the key is taken from the
    attestation, and the result says so (`key_expected` false): the signature then shows only that one hand
    wrote the whole bundle, not whose. `expected` holds the model and market that the caller insists on,
    `required` the kinds or names of claims ("accounts", "solvency") without which the bundle is refused.
    `market_policy` holds for the market of every claim; there must be one that counts. `previous` is the bundle
    whose book this one must follow on (`verifier.update`).
    """
    signed = verify_attestation(folder, issuer_key=issuer_key)
    _verify_required(signed.attestation, required)
    _verify_listing(folder, signed.attestation)
    _verify_digests(folder, signed.attestation, progress)
    root = _verify_tree(folder, signed.attestation, backend, progress)
    update = None
    if previous is not None:
        update = verify_update(folder, signed.attestation, previous, progress=progress)
    insisted = InsistedDocuments.of(expected or ExpectedDocuments())
    claims: list[VerifiedClaim] = []
    solvency: list[VerifiedSolvency] = []
    books: list[VerifiedBookClaim] = []
    for claim in signed.attestation.claims:
        if isinstance(claim, AccountsClaim):
            claims.append(
                verify_accounts_claim(
                    folder,
                    signed.attestation,
                    claim,
                    backend,
                    expected=insisted.accounts,
                    market_policy=market_policy,
                    progress=progress,
                )
            )
        elif isinstance(claim, BookClaim):
            books.append(
                verify_book_claim(
                    folder,
                    signed.attestation,
                    claim,
                    root.sum,
                    backend,
                    insisted=insisted,
                    market_policy=market_policy,
                    progress=progress,
                )
            )
        else:
            solvency.append(
                verify_solvency_claim(folder, signed.attestation, claim, root.sum, backend, progress=progress)
            )
    if insisted.demands_accounts and not claims:
        # Insisting on a model is insisting on a claim: a bundle without any must not pass for a proven one.
        raise VerificationError(
            Check.CLAIM_DOCUMENTS,
            "you insist on model or market, and the bundle has no claim about every account",
        )
    if insisted.book_models and not books:
        raise VerificationError(
            Check.BOOK_DOCUMENTS,
            "you insist on a model of the whole book, and the bundle has no claim about the whole book",
        )
    valued = any(claim.market and claim.weighs_positions for claim in claims) or bool(books)
    if market_policy.is_condition and not valued:
        # Signed prices beside a statement that uses none must not pass for prices that count.
        raise VerificationError(
            Check.MARKET_DOCUMENT,
            "you set conditions on the market, and no claim about every account values positions with one",
        )
    return VerifiedBundle(signed, root, tuple(claims), tuple(solvency), tuple(required), update, tuple(books))


def _verify_required(attestation: Attestation, required: Collection[str]) -> None:
    """B10: whole is not proven: who needs a claim says so."""
    made = {claim.kind for claim in attestation.claims}
    # A name never stands for a kind: any claim may be called "solvency".
    made |= {claim.name for claim in attestation.claims} - {ACCOUNTS_KIND, SOLVENCY_KIND, BOOK_KIND}
    if missing := sorted(set(required) - made):
        raise VerificationError(
            Check.BUNDLE_CLAIMS, f"you require a claim {missing[0]!r}, the bundle makes none"
        )


def _verify_listing(folder: Path, attestation: Attestation) -> None:
    """B5: nothing missing, nothing more; folders only where a listed file lies in one."""
    listed = {entry.name for entry in attestation.files} | {ATTESTATION_NAME, SIGNATURE_NAME}
    parents = {name.rpartition("/")[0] for name in listed}
    found: set[str] = set()
    try:
        for path, folders, names in os.walk(folder, onerror=_raise):
            relative = Path(path).relative_to(folder)
            # A link to a folder counts as a file, and so does a folder that has no business here.
            entered = [
                name
                for name in folders
                if (relative / name).as_posix() in parents and not (Path(path) / name).is_symlink()
            ]
            found |= {(relative / name).as_posix() for name in [*names, *(set(folders) - set(entered))]}
            folders[:] = entered
            if len(found) > _MAX_LISTED:
                raise VerificationError(Check.BUNDLE_LISTING, f"more than {_MAX_LISTED} files")
    except OSError as error:
        raise VerificationError(Check.BUNDLE_LISTING, f"cannot list {folder}: {error.strerror}") from error
    if missing := sorted(listed - found):
        raise VerificationError(Check.BUNDLE_LISTING, f"{missing[0]} is missing")
    if extra := sorted(found - listed):
        raise VerificationError(Check.BUNDLE_LISTING, f"{extra[0]!r} is not in the attestation")


def _raise(error: OSError) -> None:
    raise error


def _verify_digests(folder: Path, attestation: Attestation, progress: Progress) -> None:
    """B6: lengths first, then SHA-256."""
    total = sum(entry.size for entry in attestation.files)
    done = 0
    for entry in attestation.files:
        try:
            with open_regular(folder / entry.name) as file:
                size = os.fstat(file.fileno()).st_size
                if size != entry.size:
                    raise VerificationError(
                        Check.BUNDLE_DIGESTS, f"{entry.name} has {size} bytes, attested are {entry.size}"
                    )
                digest = hashlib.sha256()
                while block := file.read(_READ_BYTES):
                    digest.update(block)
                    done += len(block)
                    progress("Checking digests", done, total)
        except OSError as error:
            raise VerificationError(Check.BUNDLE_FILES, f"{entry.name}: {error.strerror or error}") from error
        compare_digest(entry, digest.digest())


def _verify_tree(folder: Path, attestation: Attestation, backend: Backend, progress: Progress) -> SumNode:
    """B7 to B9: decode every leaf, compute the root, compare hash and sum."""
    book = attestation.book
    expected = book.leaf_count * LEAF_BYTES
    listed = attestation.file(LEAVES_NAME)
    if listed.size != expected:
        raise VerificationError(
            Check.BUNDLE_LEAVES,
            f"{LEAVES_NAME} has {listed.size} bytes, {book.leaf_count} leaves take {expected}",
        )
    tag_prefixes = np.empty(book.leaf_count, dtype=np.uint64)
    try:
        with open_regular(folder / LEAVES_NAME) as file:
            root = build_tree(
                backend,
                _read_leaves(file, listed, book.leaf_count, tag_prefixes, backend, progress),
                book.leaf_count,
            )
            _verify_distinct_tags(file, tag_prefixes)
    except OSError as error:
        raise VerificationError(Check.BUNDLE_FILES, f"{LEAVES_NAME}: {error.strerror or error}") from error
    except IdentitySumError as error:
        raise VerificationError(Check.BUNDLE_LEAVES, str(error)) from error
    if root.hash != book.root.hash:
        raise VerificationError(
            Check.BUNDLE_ROOT_HASH,
            f"the leaves have root {root.hash.hex()}, attested is {book.root.hash.hex()}",
        )
    if root.sum != book.root.sum:
        raise VerificationError(
            Check.BUNDLE_ROOT_SUM, f"the leaves sum to {root.sum.hex()}, attested is {book.root.sum.hex()}"
        )
    return root


def _read_leaves(
    file: BinaryIO,
    listed: BundleFile,
    leaf_count: int,
    tag_prefixes: NDArray[np.uint64],
    backend: Backend,
    progress: Progress,
) -> Iterator[tuple[bytes, PointVector]]:
    """Chunks of ``(tags, commitments)``; the digest is taken again over the very bytes that are used."""
    chunk = min(leaf_count, 1 << CHUNK_HEIGHT)
    digest = hashlib.sha256()
    for start in range(0, leaf_count, chunk):
        data = file.read(chunk * LEAF_BYTES)
        if len(data) != chunk * LEAF_BYTES:
            raise VerificationError(Check.BUNDLE_DIGESTS, f"{LEAVES_NAME} changed while it was read")
        digest.update(data)
        tags, commitments = split_leaves(data)
        prefixes = np.frombuffer(tags, dtype=">u8").reshape(-1, TAG_BYTES // 8)[:, 0]
        tag_prefixes[start : start + chunk] = prefixes
        try:
            points = backend.points_from_compressed(commitments)
        except DecodingError as error:
            place = start + (error.index or 0)
            raise VerificationError(
                Check.BUNDLE_LEAVES, f"commitment of leaf {place}: {error.reason}"
            ) from error
        yield tags, points
        progress("Checking leaves", start + chunk, leaf_count)
    compare_digest(listed, digest.digest())


def _verify_distinct_tags(file: BinaryIO, prefixes: NDArray[np.uint64]) -> None:
    """No tag stands twice. Prefixes of 8 bytes are sorted; only equal ones are compared in full."""
    order = np.argsort(prefixes, kind="stable")
    equal = np.flatnonzero(prefixes[order[1:]] == prefixes[order[:-1]])
    seen: dict[bytes, int] = {}
    for place in sorted({int(i) for k in equal for i in (order[k], order[k + 1])}):
        file.seek(place * LEAF_BYTES)
        tag = file.read(TAG_BYTES)
        if tag in seen:
            raise VerificationError(Check.BUNDLE_LEAVES, f"leaves {seen[tag]} and {place} have one tag")
        seen[tag] = place
