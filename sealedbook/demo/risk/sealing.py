"""The way from an export to a sealed bundle, which both books of the risk steps go."""

from __future__ import annotations

from pathlib import Path

from primitives.opening import Opening
from prover.book import Book, import_book
from prover.commit import seal_book
from prover.openings import make_opening
from prover.secret_file import write_private
from prover.vault import VaultBook
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import AS_OF
from sealedbook.demo.risk.small_book import SmallBook
from sealedbook.demo.risk.space import BookSpace
from sealedbook.demo.scene import MOMENT, Scene


def import_and_seal(scene: Scene, space: BookSpace, made: SmallBook) -> None:
    """Write the export, import it and seal it, and show the commands."""
    stage = scene.stage
    stage.command("sealedbook", "import", space.accounts, "--assets", space.assets, "--out", space.book)
    write_private(space.accounts, made.to_csv().encode())
    space.assets.write_bytes(made.assets_json())
    report = import_book("generic-long", [space.accounts], space.book, assets=space.assets)
    if report.accounts_accepted != len(made.ids):
        raise DemoFailedError("the import did not read what was made")
    seal(scene, space.book, space.bundle)


def seal(scene: Scene, book: Path, bundle: Path) -> int:
    """Seal a book folder; returns the number of leaves."""
    scene.stage.command(
        "sealedbook", "commit", book, "--out", bundle, "--vault", scene.space.vault, "--as-of", MOMENT
    )
    with scene.stage.working("Sealing") as bars:
        sealed = seal_book(
            Book.open(book),
            bundle=bundle,
            vault=scene.vault,
            backend=scene.engine,
            as_of=AS_OF,
            progress=bars,
        )
    return sealed.book.leaf_count


def secrets_of(scene: Scene, bundle: Path) -> VaultBook:
    """What the vault keeps of the book in `bundle`."""
    return scene.vault.open_book(scene.book_digest(bundle), None)


def open_account(scene: Scene, bundle: Path, account: str) -> Opening:
    """The opening of one account."""
    return make_opening(secrets_of(scene, bundle), account, scene.engine)
