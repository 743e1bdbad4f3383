"""A program for `test_seal` and `test_update`: seal or update a book again and again in children that are stopped.

Every child is a fork, so that the slow imports happen once. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from primitives.backend import Backend
from primitives.backends import get_backend
from prover.book.store import Book
from prover.commit import seal_book
from prover.errors import ProverError
from prover.update import update_book
from prover.vault import Vault

SEALED, REFUSED, OTHER_ERROR, NEVER_STOPPED = 0, 3, 9, 10


def seal(folder: Path, backend: Backend) -> None:
    """Seal ``folder/book`` into ``folder/bundle``."""
    book = Book.open(folder / "book")
    seal_book(book, bundle=folder / "bundle", vault=Vault.open(folder / "vault"), backend=backend)


def update(folder: Path, backend: Backend) -> None:
    """Update ``folder/bundle`` in its place by ``folder/changes``."""
    changes, vault = Book.open(folder / "changes"), Vault.open(folder / "vault")
    moment = datetime(2026, 1, 31, 1, tzinfo=UTC)
    update_book(folder / "bundle", vault, changes, out=folder / "bundle", backend=backend, as_of=moment)


Work = Callable[[Path, Backend], None]


def child(run: Callable[[], None]) -> int:
    """The process id of a fork that ends with one of the codes above, or by a signal."""
    process = os.fork()
    if process:
        return process
    code = OTHER_ERROR
    try:
        run()
        code = SEALED
    except ProverError as error:
        print(error, file=sys.stderr)
        code = REFUSED
    except BaseException as error:
        print(repr(error), file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def outcome(process: int) -> int:
    """The exit code, or minus the signal."""
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def kill_at(event: int) -> None:
    """Kill this process without warning at its event number `event`: files opened, renamed, removed, ..."""
    seen = 0

    def hook(name: str, _: object) -> None:
        nonlocal seen
        if not name.startswith(("open", "os.", "shutil.", "sqlite3.", "ctypes.", "tempfile.", "fcntl.")):
            return
        seen += 1
        if seen == event:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def killed(folders: list[Path], backend: Backend, work: Work = seal) -> list[int]:
    """One run per folder, killed at events spread over the whole run; ends when a run is not reached any more."""

    def run(folder: Path, event: int) -> Callable[[], None]:
        def go() -> None:
            kill_at(event)
            work(folder, backend)

        return go

    return [outcome(child(run(folder, int(folder.name)))) for folder in folders]


def limited(folders: list[Path], backend: Backend, work: Work = seal) -> list[int]:
    """One run per folder, with no file longer than the folder's name says: like a disk that fills up."""

    def run(folder: Path, limit: int) -> Callable[[], None]:
        def go() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            work(folder, backend)

        return go

    return [outcome(child(run(folder, int(folder.name)))) for folder in folders]


def together(folders: list[Path], backend: Backend) -> list[int]:
    """Two runs at once per folder."""
    codes = []
    for folder in folders:
        codes += [outcome(p) for p in [child(lambda: seal(folder, backend)) for _ in range(2)]]  # noqa: B023
    return codes


def main() -> None:
    """``seal_interrupted.py MODE BACKEND FOLDER...``"""
    mode, name, *places = sys.argv[1:]
    modes: dict[str, Callable[[list[Path], Backend], list[int]]] = {
        "killed": killed,
        "limited": limited,
        "together": together,
        "update-killed": partial(killed, work=update),
        "update-limited": partial(limited, work=update),
    }
    print(json.dumps(modes[mode]([Path(place) for place in places], get_backend(name))))


if __name__ == "__main__":
    main()
