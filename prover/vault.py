"""The vault: everything secret that an issuer keeps, in one private folder.

    vault/vault.json                 format marker
    vault/issuer.key .pub .json      see `prover.issuer`
    vault/books/<book digest>/       one folder per sealed book:
        book.json                    the `book` object, how many accounts are real, how many epoch keys there are
        epoch.key                    the epoch keys: leaf blindings and salts follow from them (and, in a book that
                                     was not updated, the order)
        leaf_generation.npy leaf_element.npy   with several keys: where each leaf's secrets come from
        accounts.sqlite              account id <-> leaf index
        entry_start.npy entry_count.npy   per leaf: where its entries are, and how many
        columns.npy amounts.npy      entries in the order of the book: asset index, base units
        tree.bin                     every node of the sum tree, leaves first (public, kept for speed)

Folders have mode 0700 and files 0600. Nothing here may ever be copied under a bundle.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from primitives.attestation import ATTESTATION_NAME, SealedBook
from primitives.backend import Backend, ScalarVector
from primitives.parameters import HASH_BYTES, NODE_BYTES
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json
from primitives.sum_tree import SumNode, level_offset, split_nodes, tree_height
from prover.errors import PublicationWriteError, VaultError
from prover.issuer import Issuer, check_issuer_name, create_issuer, load_issuer
from prover.leaf_secrets import GENERATION_ARRAYS, MAX_GENERATIONS, LeafOrigins, LeafSecrets
from prover.randomness import KEY_BYTES, SecretStream
from prover.secret_file import copy_private, passphrase_bytes, read_secret, write_private

VAULT_FORMAT: Final = "sealedbook/vault/v1"
VAULT_BOOK_FORMAT: Final = "sealedbook/vault-book/v1"
MARKER_NAME: Final = "vault.json"
BOOKS_NAME: Final = "books"
BOOK_NAME: Final = "book.json"
EPOCH_KEY_NAME: Final = "epoch.key"
EPOCH_KEY_KIND: Final = "epoch-key"
ACCOUNTS_NAME: Final = "accounts.sqlite"
TREE_NAME: Final = "tree.bin"
ENTRY_ARRAYS: Final = {"entry_start": "<i8", "entry_count": "<i4", "columns": "<i4", "amounts": "<i8"}
"""The arrays of `EntryStore` and their types, all one-dimensional."""

_MAX_BOOK_JSON: Final = 64 << 20


class Vault:
    """An existing vault folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def issuer(self, passphrase: str | None) -> Issuer:
        """The issuer with the private key; `VaultError` if it is damaged or locked."""
        return load_issuer(self.folder, passphrase)

    @staticmethod
    def create(folder: Path, issuer_name: str, passphrase: str | None) -> Vault:
        """Make a new vault with a new issuer key. An existing vault is refused, never altered."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            what = "already a vault" if (folder / MARKER_NAME).exists() else "not empty"
            raise VaultError(f"{folder} is {what}: choose another place, or use it as it is")
        for parent in folder.resolve().parents:
            if (parent / ATTESTATION_NAME).exists():
                raise VaultError(
                    f"{folder} lies inside the bundle {parent}, which is public: choose another place"
                )
        check_issuer_name(issuer_name)
        if passphrase is not None:
            passphrase_bytes(passphrase)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            (folder / BOOKS_NAME).mkdir(mode=0o700)
        except OSError as error:
            raise PublicationWriteError(f"cannot make the vault {folder}: {error.strerror}") from error
        create_issuer(folder, issuer_name, passphrase)
        write_private(folder / MARKER_NAME, canonical_json({"format": VAULT_FORMAT}) + b"\n")
        return Vault(folder)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether `folder` holds a vault."""
        return (folder / MARKER_NAME).is_file()

    @staticmethod
    def open(folder: Path) -> Vault:
        """The vault in `folder`; `VaultError` if there is none."""
        if not Vault.exists(folder):
            raise VaultError(f"{folder} is not a vault: make one with `sealedbook init --vault {folder}`")
        try:
            fields = JsonObject(parse_json((folder / MARKER_NAME).read_bytes()))
            fields.constant("format", VAULT_FORMAT)
            fields.finish()
        except (OSError, JsonError) as error:
            raise VaultError(f"{folder / MARKER_NAME} is damaged: {error}") from error
        return Vault(folder)

    @property
    def books_folder(self) -> Path:
        """The folder of all books."""
        return self.folder / BOOKS_NAME

    def book_folder(self, digest: bytes) -> Path:
        """Where the secrets of the book with this digest are or will be."""
        return self.books_folder / digest.hex()

    def open_book(self, digest: bytes, passphrase: str | None) -> VaultBook:
        """The secrets of one book; `VaultError` if this vault does not have them."""
        folder = self.book_folder(digest)
        if not folder.is_dir():
            raise VaultError(
                f"the vault {self.folder} has no book {digest.hex()[:16]}…: it was sealed with another "
                "vault, or its secrets were removed"
            )
        return VaultBook.open(folder, digest, passphrase)


@dataclass(frozen=True)
class AccountRows:
    """Entries of consecutive leaves in compressed sparse row form (see `CommitmentKey.commit`)."""

    row_offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    amounts: NDArray[np.int64]


class VaultBook:
    """The secrets of one sealed book, read on demand."""

    def __init__(self, folder: Path, book: SealedBook, account_count: int, keys: bytes) -> None:
        """Use `open`; `keys` are the epoch keys, one after the other."""
        self.folder = folder
        self.book = book
        self.account_count = account_count
        self.epoch_keys = [keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES)]
        streams = [SecretStream(key) for key in self.epoch_keys]
        self.secrets = LeafSecrets(streams, _open_origins(folder) if len(streams) > 1 else None)
        self.entries = EntryStore.open(folder)

    def __repr__(self) -> str:
        return f"VaultBook({self.book.digest().hex()})"

    @staticmethod
    def open(folder: Path, digest: bytes, passphrase: str | None) -> VaultBook:
        """Open one book folder and check that it is the book with this digest."""
        path = folder / BOOK_NAME
        try:
            with path.open("rb") as file:
                fields = JsonObject(parse_json(file.read(_MAX_BOOK_JSON)))
            fields.constant("format", VAULT_BOOK_FORMAT)
            book = SealedBook.parse(fields.raw("book"))
            count = fields.integer("accounts", minimum=0, maximum=book.leaf_count)
            generations = 1
            if fields.has("generations"):
                generations = fields.integer("generations", minimum=2, maximum=MAX_GENERATIONS)
            fields.finish()
        except OSError as error:
            raise VaultError(f"cannot read {path}: {error.strerror}") from error
        except JsonError as error:
            raise VaultError(f"{path} is damaged: {error}") from error
        if book.digest() != digest:
            raise VaultError(f"{path} describes another book than its folder is named after")
        size = generations * KEY_BYTES
        keys = read_secret(folder / EPOCH_KEY_NAME, EPOCH_KEY_KIND, size, passphrase)
        return VaultBook(folder, book, count, keys)

    def leaf_blindings(self, backend: Backend, start: int, stop: int) -> ScalarVector:
        """rho_u for the leaves ``start <= u < stop``."""
        return self.secrets.blindings(backend, start, stop)

    def leaf_salts(self, start: int, stop: int) -> bytes:
        """salt_u for the leaves ``start <= u < stop``, 32 bytes each."""
        return self.secrets.salts(start, stop)

    def find_leaf(self, account_id: str) -> int | None:
        """The leaf of an account (canonical id), or None if there is no such account."""
        leaf = int(self.find_leaves([account_id])[0])
        return None if leaf < 0 else leaf

    def find_leaves(self, account_ids: Sequence[str]) -> NDArray[np.int64]:
        """The leaf of each account (canonical ids), -1 where there is no such account."""
        with self._accounts() as connection:
            query = "SELECT leaf FROM accounts WHERE id = ?"
            rows = [connection.execute(query, (account,)).fetchone() for account in account_ids]
        leaves = np.array([-1 if row is None else int(row[0]) for row in rows], dtype=np.int64)
        self._check_leaves(leaves[leaves >= 0])
        return leaves

    def account_at(self, leaf_index: int) -> str | None:
        """The account id at a leaf, or None for padding."""
        return self.accounts_at([leaf_index])[0]

    def accounts_at(self, leaf_indices: Sequence[int]) -> list[str | None]:
        """The account id at each leaf, None for padding."""
        with self._accounts() as connection:
            query = "SELECT id FROM accounts WHERE leaf = ?"
            rows = [connection.execute(query, (leaf,)).fetchone() for leaf in leaf_indices]
        return [None if row is None else str(row[0]) for row in rows]

    def accounts_between(self, start: int, stop: int) -> list[tuple[str, int]]:
        """Every ``(account id, leaf index)`` with ``start <= leaf < stop``, in order of leaves."""
        with self._accounts() as connection:
            query = "SELECT id, leaf FROM accounts WHERE leaf >= ? AND leaf < ? ORDER BY leaf"
            return [(str(account), int(leaf)) for account, leaf in connection.execute(query, (start, stop))]

    def occupied(self) -> NDArray[np.bool_]:
        """Which leaves hold an account; the others are padding."""
        with self._accounts() as connection:
            leaves = np.fromiter(
                (row[0] for row in connection.execute("SELECT leaf FROM accounts")), np.int64
            )
        self._check_leaves(leaves)
        mask = np.zeros(self.book.leaf_count, dtype=np.bool_)
        mask[leaves] = True
        return mask

    def _check_leaves(self, leaves: NDArray[np.int64]) -> None:
        if ((leaves < 0) | (leaves >= self.book.leaf_count)).any():
            raise VaultError(f"{self.folder / ACCOUNTS_NAME} names a leaf that the book does not have")

    def accounts(self) -> Iterator[tuple[str, int]]:
        """Every ``(account id, leaf index)``, in order of ids."""
        with self._accounts() as connection:
            for account, leaf in connection.execute("SELECT id, leaf FROM accounts ORDER BY id"):
                yield str(account), int(leaf)

    def rows(self, start: int, stop: int) -> AccountRows:
        """The entries of the leaves ``start <= u < stop``; padding leaves have none."""
        return self.entries.rows(start, stop)

    def leaf_node(self, leaf_index: int) -> SumNode:
        """The node of a leaf: its hash and its commitment."""
        return self._nodes([(0, leaf_index)])[0]

    def leaf_commitments(self, start: int, stop: int) -> bytes:
        """The compressed commitments of the leaves ``start <= u < stop``, 48 bytes each."""
        path = self.folder / TREE_NAME
        try:
            with path.open("rb") as file:
                file.seek(level_offset(self.book.leaf_count, 0) + NODE_BYTES * start)
                data = file.read(NODE_BYTES * (stop - start))
        except OSError as error:
            raise VaultError(f"{path} cannot be read: {error.strerror}") from error
        if len(data) != NODE_BYTES * (stop - start):
            raise VaultError(f"{path} is too short: the vault is damaged")
        return np.frombuffer(data, dtype=np.uint8).reshape(-1, NODE_BYTES)[:, HASH_BYTES:].tobytes()

    def path(self, leaf_index: int) -> tuple[SumNode, ...]:
        """The siblings of a leaf, lowest first."""
        height = tree_height(self.book.leaf_count)
        return tuple(self._nodes([(level, (leaf_index >> level) ^ 1) for level in range(height)]))

    def _nodes(self, places: list[tuple[int, int]]) -> list[SumNode]:
        """The nodes at ``(level, index)``."""
        nodes: list[SumNode] = []
        path = self.folder / TREE_NAME
        try:
            with path.open("rb") as file:
                for level, index in places:
                    file.seek(level_offset(self.book.leaf_count, level) + NODE_BYTES * index)
                    nodes += split_nodes(file.read(NODE_BYTES))
        except (OSError, ValueError) as error:
            raise VaultError(f"{path} cannot be read: {error}") from error
        if len(nodes) != len(places):
            raise VaultError(f"{path} is too short: the vault is damaged")
        return nodes

    @contextlib.contextmanager
    def _accounts(self) -> Iterator[sqlite3.Connection]:
        path = self.folder / ACCOUNTS_NAME
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            with contextlib.closing(connection):
                yield connection
        except sqlite3.Error as error:
            raise VaultError(f"{path} cannot be read: {error}") from error


def write_description(folder: Path, book: SealedBook, account_count: int, generations: int = 1) -> None:
    """Write ``book.json`` into the folder of a book being made; `generations` is the number of its epoch keys."""
    description: dict[str, Json] = {
        "format": VAULT_BOOK_FORMAT,
        "book": book.to_json(),
        "accounts": account_count,
    }
    if generations != 1:
        description["generations"] = generations
    write_private(folder / BOOK_NAME, canonical_json(description) + b"\n")


class AccountIndexWriter:
    """Writes ``accounts.sqlite``: a table (id, leaf) with unique indexes on both."""

    def __init__(self, folder: Path, *, previous: Path | None = None) -> None:
        """Start with no accounts, or with those of the book folder `previous`."""
        self._path = folder / ACCOUNTS_NAME
        if previous is None:
            write_private(self._path, b"")
        else:
            copy_private(previous / ACCOUNTS_NAME, self._path)
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        with self._reported():
            self._connection.execute("PRAGMA journal_mode = OFF")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("BEGIN")
            if previous is None:
                self._connection.execute(
                    "CREATE TABLE accounts (leaf INTEGER PRIMARY KEY, id TEXT NOT NULL) STRICT"
                )

    def __enter__(self) -> AccountIndexWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def add(self, ids: list[str], leaves: NDArray[np.int64]) -> None:
        """Record the leaf of each account."""
        with self._reported():
            self._connection.executemany(
                "INSERT INTO accounts (id, leaf) VALUES (?, ?)", zip(ids, leaves.tolist(), strict=True)
            )

    def finish(self) -> None:
        """Build the index over ids, which refuses an id given twice, and write everything."""
        with self._reported():
            self._connection.execute("CREATE UNIQUE INDEX IF NOT EXISTS accounts_id ON accounts (id)")
            self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise VaultError("the book names one account twice") from error
        except sqlite3.Error as error:
            # A full disk is no OSError here. The message of SQLite holds no values.
            raise PublicationWriteError(f"cannot write {self._path}: {error}") from error


@dataclass(frozen=True)
class EntryStore:
    """The entries of all leaves, memory-mapped."""

    start: NDArray[np.int64] = field(repr=False)
    count: NDArray[np.int32] = field(repr=False)
    columns: NDArray[np.int32] = field(repr=False)
    amounts: NDArray[np.int64] = field(repr=False)

    @staticmethod
    def open(folder: Path) -> EntryStore:
        """Map the four arrays of a book folder and check that they fit each other."""
        start, count, columns, amounts = (
            _map_array(folder / f"{name}.npy", kind) for name, kind in ENTRY_ARRAYS.items()
        )
        if len(start) != len(count) or len(columns) != len(amounts):
            raise VaultError(f"the entry arrays in {folder} do not fit each other")
        return EntryStore(start, count, columns, amounts)

    def rows(self, first: int, stop: int) -> AccountRows:
        """The entries of the leaves ``first <= u < stop``; `VaultError` where the arrays do not hold them."""
        return self._gather(self.start[first:stop], self.count[first:stop], stop - first)

    def rows_at(self, leaves: NDArray[np.int64]) -> AccountRows:
        """The entries of some leaves, in their order; raises like `rows`."""
        if len(leaves) and not 0 <= int(leaves.min()) <= int(leaves.max()) < len(self.start):
            raise VaultError("the entry arrays are shorter than the book: the vault is damaged")
        return self._gather(self.start[leaves], self.count[leaves], len(leaves))

    def _gather(self, starts: NDArray[np.int64], counts: NDArray[np.int32], expected: int) -> AccountRows:
        start, count = np.asarray(starts), np.asarray(counts, dtype=np.int64)
        if len(start) != expected or ((count < 0) | (start < 0) | (start > len(self.columns) - count)).any():
            raise VaultError("the entry arrays do not hold the entries of every leaf: the vault is damaged")
        offsets = np.zeros(len(count) + 1, dtype=np.int64)
        np.cumsum(count, out=offsets[1:])
        where = np.arange(offsets[-1], dtype=np.int64) + np.repeat(start - offsets[:-1], count)
        return AccountRows(offsets, self.columns[where], self.amounts[where])


def _open_origins(folder: Path) -> LeafOrigins:
    generation, element = (
        _map_array(folder / f"{name}.npy", kind) for name, kind in GENERATION_ARRAYS.items()
    )
    return LeafOrigins(generation, element)


def _map_array(path: Path, kind: str) -> NDArray[Any]:
    """Map a one-dimensional ``.npy`` file with elements of `kind`."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise VaultError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged header can make NumPy's parser raise nearly anything
        raise VaultError(f"{path} is damaged: not an array file") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != np.dtype(kind):
        raise VaultError(f"{path} is damaged: not a one-dimensional array of type {kind}")
    return array
