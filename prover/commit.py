"""Sealing a book: from positions to leaves, sum tree, bundle and vault.

    C_u = sum_a q[u,a] G_a + rho_u H          one commitment per account, padding included
    leaf u = tag_u || C_u                     80 bytes; order secret, count a power of two

1. Each account of the book gets a leaf by a secret permutation; its tag is computed and its entries are
   stored in the vault as they come.
2. The leaves are committed in order, a chunk at a time; the sum tree grows along.
3. The vault's entry is put in place, then the bundle. A run killed in between leaves the old bundle and, in
   the vault, an entry that no bundle refers to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from primitives.account_tag import account_tag
from primitives.assets import AssetList
from primitives.attestation import LEAVES_NAME, Predecessor, SealedBook
from primitives.backend import Backend, PointVector
from primitives.generators import Generators
from primitives.parameters import (
    HASH_BYTES,
    MAX_TREE_HEIGHT,
    NODE_BYTES,
    POINT_BYTES,
    SALT_BYTES,
    TAG_BYTES,
)
from primitives.sum_tree import CHUNK_HEIGHT, SumNode, build_tree, join_records, level_offset
from prover.book import atomic
from prover.book.store import AccountBatch
from prover.bundle import add_documents, describe_file, is_bundle, write_attestation
from prover.errors import ProverError
from prover.issuer import Issuer
from prover.private_arrays import ArrayWriter, private_file, save_array
from prover.progress import Progress, no_progress
from prover.publication import publish_folder, working_folder
from prover.randomness import SecretStream
from prover.secret_file import write_secret
from prover.vault import (
    EPOCH_KEY_KIND,
    EPOCH_KEY_NAME,
    TREE_NAME,
    AccountIndexWriter,
    EntryStore,
    Vault,
    write_description,
)

_BATCH_ACCOUNTS: Final = 1 << 15


class BookSource(Protocol):
    """What is sealed: an imported book (`prover.book.store.Book`), or one put together from another source."""

    @property
    def assets(self) -> AssetList:
        """Every asset, in order."""
        ...

    @property
    def account_count(self) -> int:
        """Number of accounts, at least one."""
        ...

    @property
    def documents(self) -> Mapping[str, Path]:
        """Public documents that travel in the bundle: name to path."""
        ...

    def iter_batches(self, max_accounts: int) -> Iterator[AccountBatch]:
        """All accounts, each once, at most `max_accounts` at a time."""
        ...


@dataclass(frozen=True)
class SealingResult:
    """What was sealed. The real number of accounts is private: the bundle shows the padded one."""

    book: SealedBook
    digest: bytes
    account_count: int = field(repr=False)


def padded_leaf_count(account_count: int, minimum: int = 2) -> int:
    """The smallest power of two that is at least `account_count` and `minimum`."""
    count = 1 << max(account_count - 1, minimum - 1, 1).bit_length()
    if count > 1 << MAX_TREE_HEIGHT:
        raise ProverError(f"{account_count} accounts are more than 2^{MAX_TREE_HEIGHT} leaves")
    return count


def seal_book(
    source: BookSource,
    *,
    bundle: Path,
    vault: Vault,
    backend: Backend,
    passphrase: str | None = None,
    as_of: datetime | None = None,
    minimum_leaves: int = 2,
    predecessor: Predecessor | None = None,
    progress: Progress = no_progress,
) -> SealingResult:
    """Seal `source` into a signed bundle at `bundle`; secrets go into `vault`.

    `as_of` is the time the book speaks of (now if None; whole seconds, UTC). `predecessor` names the book that
    this one takes up (`prover.update`). An older bundle at the same
    place is replaced in one step at the very end. Raises `ProverError` and its kinds; nothing public is
    written before everything is.
    """
    issuer = vault.issuer(passphrase)
    moment = whole_seconds(as_of)
    leaf_count = padded_leaf_count(source.account_count, minimum_leaves)
    refuse_nesting(bundle, vault.folder)
    with publish_folder(bundle, replaceable=is_bundle) as public:
        # The vault's entry is in place before a bundle refers to it.
        with working_folder(vault.books_folder / "incoming") as private:
            book = _seal_into(
                public,
                private,
                source,
                issuer,
                moment,
                leaf_count,
                predecessor,
                backend,
                passphrase,
                progress,
            )
            digest = book.digest()
            atomic.put_in_place(private, vault.book_folder(digest))
        files = [describe_file(public, LEAVES_NAME), *add_documents(public, source.documents)]
        write_attestation(public, book, files, (), issuer)
    return SealingResult(book, digest, source.account_count)


def whole_seconds(moment: datetime | None) -> datetime:
    """The moment in UTC without fractions of a second, as books state it; now if None."""
    return (moment or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)


def _seal_into(
    public: Path,
    private: Path,
    source: BookSource,
    issuer: Issuer,
    moment: datetime,
    leaf_count: int,
    predecessor: Predecessor | None,
    backend: Backend,
    passphrase: str | None,
    progress: Progress,
) -> SealedBook:
    key = SecretStream.fresh_key()
    stream = SecretStream(key)
    write_secret(private / EPOCH_KEY_NAME, EPOCH_KEY_KIND, key, passphrase)
    tags = _place_accounts(private, source, stream, leaf_count, progress)
    root, leaves_sha256 = _commit_leaves(public, private, source, stream, tags, leaf_count, backend, progress)
    book = SealedBook(
        issuer=issuer.name,
        public_key=issuer.public_key,
        as_of=moment,
        assets=source.assets.assets,
        leaf_count=leaf_count,
        leaves_sha256=leaves_sha256,
        root=root,
        predecessor=predecessor,
    )
    write_description(private, book, source.account_count)
    return book


def _place_accounts(
    private: Path, source: BookSource, stream: SecretStream, leaf_count: int, progress: Progress
) -> NDArray[np.uint8]:
    """Give every account a leaf and store its entries; returns all tags, ``(leaf_count, 32)`` bytes."""
    order = stream.leaf_order(leaf_count)
    salts = np.frombuffer(stream.leaf_salts(0, leaf_count), dtype=np.uint8).reshape(-1, SALT_BYTES)
    tags = np.empty((leaf_count, TAG_BYTES), dtype=np.uint8)
    entry_start = np.zeros(leaf_count, dtype=np.int64)
    entry_count = np.zeros(leaf_count, dtype=np.int32)
    placed = entries = 0
    with (
        AccountIndexWriter(private) as accounts,
        ArrayWriter(private / "columns.npy", np.int32) as columns,
        ArrayWriter(private / "amounts.npy", np.int64) as amounts,
    ):
        for batch in source.iter_batches(_BATCH_ACCOUNTS):
            leaves = order[placed : placed + len(batch.ids)]
            if len(leaves) != len(batch.ids):
                raise ProverError("the book holds more accounts than it says")
            accounts.add(batch.ids, leaves)
            tags[leaves] = account_tags(salts[leaves], batch.ids)
            entry_start[leaves] = entries + batch.row_offsets[:-1]
            entry_count[leaves] = np.diff(batch.row_offsets)
            columns.append(batch.columns)
            amounts.append(batch.amounts)
            placed += len(batch.ids)
            entries += len(batch.columns)
            progress("Placing accounts", placed, source.account_count)
        accounts.finish()
    if placed != source.account_count:
        raise ProverError(f"the book holds {placed} accounts but says {source.account_count}")
    padding = order[placed:]
    tags[padding] = account_tags(salts[padding], [""] * len(padding))
    save_array(private / "entry_start.npy", entry_start)
    save_array(private / "entry_count.npy", entry_count)
    return tags


def account_tags(salts: NDArray[np.uint8], ids: list[str]) -> NDArray[np.uint8]:
    """The tags of accounts, ``(n, 32)`` bytes, from their salts; padding has the id ''."""
    data = salts.tobytes()
    joined = b"".join(
        account_tag(data[SALT_BYTES * i : SALT_BYTES * (i + 1)], account) for i, account in enumerate(ids)
    )
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, TAG_BYTES)


def _commit_leaves(
    public: Path,
    private: Path,
    source: BookSource,
    stream: SecretStream,
    tags: NDArray[np.uint8],
    leaf_count: int,
    backend: Backend,
    progress: Progress,
) -> tuple[SumNode, bytes]:
    """Commit to every leaf, write ``leaves.bin`` and ``tree.bin``; returns the root and leaves' digest."""
    generators = Generators(backend)
    key = backend.commitment_key(generators.assets(source.assets.assets), generators.blinding(), leaf_count)
    entries = EntryStore.open(private)
    digest = hashlib.sha256()
    chunk_leaves = min(leaf_count, 1 << CHUNK_HEIGHT)

    def chunks(leaves_file: BinaryIO) -> Iterator[tuple[bytes, PointVector]]:
        for start in range(0, leaf_count, chunk_leaves):
            stop = start + chunk_leaves
            rows = entries.rows(start, stop)
            blindings = stream.leaf_blindings(backend, start, stop)
            commitments = key.commit(rows.row_offsets, rows.columns, rows.amounts, blindings)
            chunk_tags = tags[start:stop].tobytes()
            records = join_records(chunk_tags, TAG_BYTES, commitments.to_compressed(), POINT_BYTES)
            leaves_file.write(records)
            digest.update(records)
            yield chunk_tags, commitments
            progress("Sealing leaves", stop, leaf_count)

    with (public / LEAVES_NAME).open("wb") as leaves_file, private_file(private / TREE_NAME) as tree_file:
        root = build_tree(backend, chunks(leaves_file), leaf_count, sink=_tree_sink(tree_file, leaf_count))
    return root, digest.digest()


def _tree_sink(file: BinaryIO, leaf_count: int) -> Callable[[int, int, bytes, bytes], None]:
    def sink(level: int, first: int, hashes: bytes, sums: bytes) -> None:
        file.seek(level_offset(leaf_count, level) + NODE_BYTES * first)
        file.write(join_records(hashes, HASH_BYTES, sums, POINT_BYTES))

    return sink


def refuse_nesting(bundle: Path, vault: Path) -> None:
    """`ProverError` where one lies inside the other: secrets must not end up under what is published."""
    public, private = bundle.resolve(), vault.resolve()
    if public == private or public in private.parents or private in public.parents:
        raise ProverError(f"the bundle {bundle} and the vault {vault} must not lie inside one another")
