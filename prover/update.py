"""Updating a sealed book: some accounts have new positions, and a new book takes the old one's place.

Two forms (`primitives.attestation.UpdateForm`):

*changed*  Only the leaves of these accounts are sealed anew (`prover.resealing`). Everybody can see which leaves
           those are, and that no other leaf changed.
*anew*     The whole book is sealed anew: fresh key, order, padding. Nothing links the leaves of the two books.

The new book names its predecessor. Claims are not carried over, since their proofs are bound to the old book;
public documents are. As in sealing, the vault's entry is put in place first, then the bundle, each by one rename.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from primitives.attestation import LEAVES_NAME, Attestation, Predecessor, SealedBook, UpdateForm, format_time
from primitives.backend import Backend
from primitives.claims import PROOF_FOLDER, AccountsClaim, BookClaim, SolvencyClaim
from prover.book import atomic
from prover.book_changes import BookChanges, choose_leaves
from prover.bundle import add_documents, describe_file, is_bundle, write_attestation
from prover.commit import BookSource, refuse_nesting, seal_book, whole_seconds
from prover.errors import ProverError
from prover.issuer import Issuer
from prover.merged_book import MergedBook
from prover.progress import Progress, no_progress
from prover.prove_book import only_run, read_attestation
from prover.publication import publish_folder, working_folder
from prover.resealing import Resealing
from prover.vault import Vault, VaultBook


@dataclass(frozen=True)
class UpdateResult:
    """What came of an update: the new book, and what did not come along.

    `resealed` is the number of leaves that were sealed anew: public where the form is *changed*, all of them where
    it is *anew*. How many accounts the changes listed, how many of them are new and how many there are now is private.
    """

    book: SealedBook
    digest: bytes
    resealed: int
    claims_dropped: tuple[str, ...]
    listed: int = field(repr=False)
    new_accounts: int = field(repr=False)
    account_count: int = field(repr=False)


@dataclass(frozen=True)
class _Update:
    """What both forms start from."""

    old: VaultBook
    issuer: Issuer
    changes: BookChanges
    moment: datetime
    predecessor: Predecessor
    documents: Mapping[str, Path]


def update_book(
    bundle: Path,
    vault: Vault,
    source: BookSource,
    *,
    out: Path,
    backend: Backend,
    passphrase: str | None = None,
    as_of: datetime | None = None,
    form: UpdateForm = UpdateForm.CHANGED,
    cover: int = 0,
    progress: Progress = no_progress,
) -> UpdateResult:
    """Seal the book of `bundle` with the accounts of `source` changed, into a bundle at `out`.

    `source` holds the accounts that change, each with its new full positions (none: it is empty from now on), under
    the same list of assets; accounts that the book does not have yet become part of it. `as_of` (now if None) must be
    later than that of the old book. `cover` leaves that do not change, chosen at random, are sealed anew as well, to
    blur how many changed and which; for the form *changed* only.

    `out` may be `bundle` itself, which is then replaced at the very end. Raises `ProverError` and its kinds.
    """
    issuer = vault.issuer(passphrase)
    refuse_nesting(out, vault.folder)
    if cover and form is not UpdateForm.CHANGED:
        raise ProverError(
            "a cover is for the fast form: where all leaves are sealed anew there is nothing to blur"
        )
    attestation = read_attestation(bundle, None, issuer)
    old = vault.open_book(attestation.book.digest(), passphrase)
    moment = whole_seconds(as_of)
    if moment <= old.book.as_of:
        raise ProverError(
            f"the new book would be as of {format_time(moment)}, the old one is as of {format_time(old.book.as_of)}: "
            "an update has to be later"
        )
    if not (bundle / LEAVES_NAME).is_file():
        raise ProverError(f"{bundle} has no {LEAVES_NAME}: it is not whole")
    with only_run(old):
        changes = BookChanges.read(source, old)
        update = _Update(
            old,
            issuer,
            changes,
            moment,
            Predecessor(old.book.digest(), form),
            carried_documents(bundle, attestation, changes.documents),
        )
        if form is UpdateForm.CHANGED:
            result = _reseal(bundle, vault, update, out, backend, passphrase, cover, progress)
        else:
            result = _seal_anew(vault, update, out, backend, passphrase, progress)
    dropped = tuple(claim.name for claim in attestation.claims)
    book, resealed, new_accounts, count = result
    return UpdateResult(book, book.digest(), resealed, dropped, len(changes.ids), new_accounts, count)


def carried_documents(
    bundle: Path, attestation: Attestation, replacements: Mapping[str, Path]
) -> dict[str, Path]:
    """The documents of the new bundle: those of the old one, and `replacements` in place of any of the same name.

    Left out: proofs, public totals (which name the old book), and signatures of a market that is replaced. Raises
    `ProverError` where a file is not the one that was attested.
    """
    left_out = {LEAVES_NAME}
    for claim in attestation.claims:
        if isinstance(claim, SolvencyClaim) and claim.totals is not None:
            left_out.add(claim.totals)
        if isinstance(claim, AccountsClaim | BookClaim) and claim.signatures and claim.market in replacements:
            left_out.add(claim.signatures)
    carried = {}
    for entry in attestation.files:
        if entry.name in left_out | replacements.keys() or entry.name.startswith(PROOF_FOLDER):
            continue
        try:
            found = describe_file(bundle, entry.name)
        except OSError as error:
            raise ProverError(f"{bundle / entry.name}: {error.strerror}") from error
        if found != entry:
            raise ProverError(f"{bundle / entry.name} is not the file that was attested; seal the book again")
        carried[entry.name] = bundle / entry.name
    return {**carried, **replacements}


def _seal_anew(
    vault: Vault, update: _Update, out: Path, backend: Backend, passphrase: str | None, progress: Progress
) -> tuple[SealedBook, int, int, int]:
    merged = MergedBook(update.old, update.changes, update.documents)
    result = seal_book(
        merged,
        bundle=out,
        vault=vault,
        backend=backend,
        passphrase=passphrase,
        as_of=update.moment,
        minimum_leaves=update.old.book.leaf_count,
        predecessor=update.predecessor,
        progress=progress,
    )
    return result.book, result.book.leaf_count, merged.new_accounts, result.account_count


def _reseal(
    bundle: Path,
    vault: Vault,
    update: _Update,
    out: Path,
    backend: Backend,
    passphrase: str | None,
    cover: int,
    progress: Progress,
) -> tuple[SealedBook, int, int, int]:
    old = update.old
    leaves = choose_leaves(old, update.changes, cover)
    account_count = old.account_count + len(leaves.new_ids)
    with publish_folder(out, replaceable=is_bundle) as public:
        # The vault's entry is in place before a bundle refers to it.
        with working_folder(vault.books_folder / "incoming") as private:
            resealing = Resealing(old, leaves, backend, progress)
            root, leaves_sha256 = resealing.write(
                bundle / LEAVES_NAME, public / LEAVES_NAME, private, passphrase
            )
            book = SealedBook(
                issuer=update.issuer.name,
                public_key=update.issuer.public_key,
                as_of=update.moment,
                assets=old.book.assets,
                leaf_count=old.book.leaf_count,
                leaves_sha256=leaves_sha256,
                root=root,
                predecessor=update.predecessor,
            )
            resealing.describe(private, book, account_count)
            atomic.put_in_place(private, vault.book_folder(book.digest()))
        files = [describe_file(public, LEAVES_NAME), *add_documents(public, update.documents)]
        write_attestation(public, book, files, (), update.issuer)
    return book, len(leaves), len(leaves.new_ids), account_count
