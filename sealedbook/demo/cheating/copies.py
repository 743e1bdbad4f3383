"""Altered copies: of a bundle, signed again by whoever alters it, and of the whole book."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, Attestation, SealedBook
from primitives.claims import Claim
from prover.book import Book, import_book
from prover.bundle import describe_file, write_attestation
from prover.commit import seal_book
from prover.issuer import Issuer
from prover.secret_file import write_private
from sealedbook.demo.book import Account
from sealedbook.demo.market import AS_OF
from sealedbook.demo.scene import MOMENT, Scene

MARKET_NAME: Final = "market.json"


def copy_bundle(scene: Scene, folder: Path) -> Attestation:
    """The published bundle, copied to `folder`; returns its attestation."""
    shutil.copytree(scene.space.bundle, folder)
    return scene.verified.attestation


def sign_again(
    folder: Path, issuer: Issuer, *, book: SealedBook | None = None, claims: Sequence[Claim] | None = None
) -> None:
    """Describe the files of the bundle in `folder` anew, and sign; `book` and `claims` replace what is there."""
    earlier = Attestation.parse((folder / ATTESTATION_NAME).read_bytes())
    files = [describe_file(folder, entry.name) for entry in earlier.files]
    write_attestation(
        folder,
        earlier.book if book is None else book,
        files,
        earlier.claims if claims is None else claims,
        issuer,
    )


def seal_other_book(scene: Scene, folder: Path, alter: Callable[[dict[str, Account]], object]) -> None:
    """Import and seal the book anew after `alter` changed its accounts (by id); the market stays attached.

    Makes ``accounts.csv``, ``book`` and ``bundle`` in `folder`, and shows the commands.
    """
    accounts = dict(zip(scene.made.ids, scene.made.accounts, strict=True))
    alter(accounts)
    altered = replace(scene.made, ids=tuple(accounts), accounts=tuple(accounts.values()))
    folder.mkdir(mode=0o700)
    export, book, bundle, space = folder / "accounts.csv", folder / "book", folder / "bundle", scene.space
    scene.stage.command(
        "sealedbook", "import", export, "--assets", space.assets, "--document", space.market, "--out", book
    )
    scene.stage.command(
        "sealedbook", "commit", book, "--out", bundle, "--vault", space.vault, "--as-of", MOMENT
    )
    with scene.stage.working("Sealing another book") as bars:
        write_private(export, altered.to_csv().encode())
        documents = {MARKET_NAME: space.market.read_bytes()}
        import_book("generic-long", [export], book, assets=space.assets, documents=documents)
        seal_book(
            Book.open(book),
            bundle=bundle,
            vault=scene.vault,
            backend=scene.engine,
            as_of=AS_OF,
            progress=bars,
        )
