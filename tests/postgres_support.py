"""A PostgreSQL server for tests: started here, in a folder of its own, reached through a socket in that folder."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PLACES: Final = Path("/usr/lib/postgresql")
_COUNTER: Final = itertools.count()
MISSING: Final = (
    "PostgreSQL is not installed here (/usr/lib/postgresql/*/bin): the service was tested on SQLite alone"
)


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, of the newest version."""
    found = [path.parent for path in _PLACES.glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name.partition(".")[0]), default=None)


def _unprivileged() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


@contextmanager
def postgres_server() -> Iterator[Callable[[], str]]:
    """A running server; call the value for the URL of a new, empty database."""
    folder, user = binaries(), _unprivileged()
    if folder is None or user is None:
        raise FileNotFoundError(MISSING)
    root = Path(tempfile.mkdtemp(prefix="sealedbook-postgres-"))
    os.chown(root, user.pw_uid, user.pw_gid)

    def become() -> None:
        if os.geteuid() == 0:
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)

    def run(*arguments: str) -> None:
        done = subprocess.run(
            arguments,
            preexec_fn=become,
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    data = str(root / "data")
    try:
        run(str(folder / "initdb"), "-D", data, "-U", "tester", "-A", "trust", "--no-sync")
        options = f"-k {root} -c listen_addresses='' -c fsync=off"
        run(str(folder / "pg_ctl"), "-D", data, "-o", options, "-l", str(root / "server.log"), "-w", "start")
        try:

            def new_database() -> str:
                name = f"service{next(_COUNTER)}"
                run(str(folder / "createdb"), "-h", str(root), "-U", "tester", name)
                return f"postgresql://tester@/{name}?host={root}"

            yield new_database
        finally:
            run(str(folder / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
