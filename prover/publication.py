"""Folders of a bundle or vault appear whole or not at all (see `prover.book.atomic`), with our errors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from prover.book import atomic
from prover.errors import PublicationError, PublicationWriteError

PUBLIC_FOLDER_MODE = 0o755
PUBLIC_FILE_MODE = 0o644


@contextlib.contextmanager
def publish_folder(destination: Path, *, replaceable: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield an empty folder to fill; on a clean exit it becomes `destination`, readable by everybody.

    An existing destination is replaced only if it is an empty folder or ``replaceable(destination)``.
    Raises `PublicationError` where it is something else, or where the disk refuses; the destination is then
    as it was and nothing is left beside it.
    """
    destination = destination.absolute()
    with working_folder(destination) as work:
        _refuse_to_replace(destination, replaceable)
        yield work
        _make_public(work)
        # Again, for what appeared there in the meantime.
        _refuse_to_replace(destination, replaceable)
        atomic.put_in_place(work, destination)


@contextlib.contextmanager
def working_folder(destination: Path) -> Iterator[Path]:
    """Yield a new private folder beside `destination`; what is left of it on exit is removed.

    What killed runs left there is removed first. An `OSError` inside the block (a full disk, say) becomes a
    `PublicationError`.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        atomic.recover(destination)
        with atomic.build_folder(destination) as work:
            yield work
    except OSError as error:
        raise PublicationWriteError(
            f"cannot write {destination}: {error.strerror or error}; what was there before is untouched"
        ) from error


def _refuse_to_replace(destination: Path, replaceable: Callable[[Path], bool]) -> None:
    if not destination.is_symlink():
        if not destination.exists() or replaceable(destination):
            return
        if destination.is_dir() and not any(destination.iterdir()):
            return
    raise PublicationError(
        f"{destination} exists and is not something this command wrote: choose another place or remove it"
    )


def _make_public(folder: Path) -> None:
    """Modes for everybody to read, whatever the umask."""
    folder.chmod(PUBLIC_FOLDER_MODE)
    for path in folder.rglob("*"):
        path.chmod(PUBLIC_FOLDER_MODE if path.is_dir() else PUBLIC_FILE_MODE)
