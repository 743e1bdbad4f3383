"""Making openings: what each account holder receives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from primitives.account_id import canonical_account_id
from primitives.account_tag import account_tag
from primitives.backend import Backend
from primitives.generators import Generators
from primitives.opening import Opening, Position
from prover.errors import VaultError
from prover.vault import VaultBook


def make_opening(vault_book: VaultBook, account_id: str, backend: Backend) -> Opening:
    """The opening of one account; `VaultError` if the book has no such account.

    The commitment is computed anew from the positions and compared with the stored tree, so that a
    damaged vault is noticed before a holder is.
    """
    account = canonical_account_id(account_id)
    leaf = vault_book.find_leaf(account)
    if leaf is None:
        raise VaultError(f"the book has no account {account!r} (ids are compared exactly, capitals included)")
    assets = vault_book.book.assets
    rows = vault_book.rows(leaf, leaf + 1)
    salt = vault_book.stream.leaf_salts(leaf, leaf + 1)
    blindings = vault_book.stream.leaf_blindings(backend, leaf, leaf + 1)
    order = np.argsort(rows.columns, kind="stable")
    positions = tuple(
        Position(assets[int(rows.columns[k])], int(rows.amounts[k])) for k in order if rows.amounts[k]
    )
    generators = Generators(backend)
    held = generators.assets([position.asset for position in positions])
    amounts = backend.scalars_from_ints([position.amount for position in positions])
    commitment = backend.multi_scalar_multiply(held.concat(generators.blinding()), amounts.concat(blindings))
    opening = Opening(
        book=vault_book.book,
        account=account,
        positions=positions,
        blinding=blindings.to_ints()[0],
        salt=salt,
        leaf_index=leaf,
        tag=account_tag(salt, account),
        commitment=commitment.to_compressed(),
        path=vault_book.path(leaf),
    )
    _check_against_vault(vault_book, opening)
    return opening


def make_all_openings(vault_book: VaultBook, backend: Backend) -> Iterator[Opening]:
    """The openings of every account, in order of ids."""
    for account, _ in vault_book.accounts():
        yield make_opening(vault_book, account, backend)


def _check_against_vault(vault_book: VaultBook, opening: Opening) -> None:
    stored = vault_book.leaf_node(opening.leaf_index)
    if stored.sum != opening.commitment:
        raise VaultError(
            f"the vault is damaged: leaf {opening.leaf_index} does not open to the positions stored for it"
        )
