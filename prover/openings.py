"""Making openings: what each account holder receives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from primitives.account_id import canonical_account_id
from primitives.account_tag import account_tag
from primitives.backend import Backend, PointVector
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.opening import Opening, Position
from primitives.sum_tree import IdentitySumError, SumNode, climb_path
from prover.errors import VaultError
from prover.vault import VaultBook


def make_opening(
    vault_book: VaultBook, account_id: str, backend: Backend, generators: Generators | None = None
) -> Opening:
    """The opening of one account; `VaultError` if the book has no such account.

    Everything that the holder will check is checked here first, so that a damaged vault is noticed before a
    holder is alarmed. Who makes many openings gives `generators`, which remember what they derived.
    """
    account = canonical_account_id(account_id)
    leaf = vault_book.find_leaf(account)
    if leaf is None:
        raise VaultError(f"the book has no account {account!r} (ids are compared exactly, capitals included)")
    assets = vault_book.book.assets
    rows = vault_book.rows(leaf, leaf + 1)
    salt = vault_book.leaf_salts(leaf, leaf + 1)
    blindings = vault_book.leaf_blindings(backend, leaf, leaf + 1)
    if ((rows.columns < 0) | (rows.columns >= len(assets))).any():
        raise VaultError(f"the vault is damaged: leaf {leaf} holds an asset that the book does not have")
    order = np.argsort(rows.columns, kind="stable")
    positions = tuple(
        Position(assets[int(rows.columns[k])], int(rows.amounts[k])) for k in order if rows.amounts[k]
    )
    generators = generators or Generators(backend)
    held = generators.assets([position.asset for position in positions])
    amounts = backend.scalars_from_ints([position.amount for position in positions])
    commitment = backend.multi_scalar_multiply(held.concat(generators.blinding()), amounts.concat(blindings))
    tag = account_tag(salt, account)
    path = vault_book.path(leaf)
    _check_against_root(vault_book, tag, commitment, leaf, path, backend)
    return Opening(
        book=vault_book.book,
        account=account,
        positions=positions,
        blinding=blindings.to_ints()[0],
        salt=salt,
        leaf_index=leaf,
        tag=tag,
        commitment=commitment.to_compressed(),
        path=path,
    )


def make_all_openings(vault_book: VaultBook, backend: Backend) -> Iterator[Opening]:
    """The openings of every account, in order of ids."""
    generators = Generators(backend)
    for account, _ in vault_book.accounts():
        yield make_opening(vault_book, account, backend, generators)


def _check_against_root(
    vault_book: VaultBook,
    tag: bytes,
    commitment: PointVector,
    leaf: int,
    path: Sequence[SumNode],
    backend: Backend,
) -> None:
    try:
        root = climb_path(backend, tag, commitment, leaf, path)
    except (DecodingError, IdentitySumError) as error:
        raise VaultError(f"the vault is damaged: the path of leaf {leaf}: {error}") from error
    if root != vault_book.book.root:
        raise VaultError(
            f"the vault is damaged: what it holds for leaf {leaf} does not lead to the root of the book"
        )
