"""A folder that appears whole or not at all.

The new folder is built beside its place, made durable (fsync of every file and directory), and then put
in place by one rename. Where a folder is replaced, ``renameat2(RENAME_EXCHANGE)`` swaps the two in one
step (Linux); elsewhere the old one is renamed away first and `recover` puts it back if the process dies
in between. Every build folder is locked while its process lives, so that the next run can tell a
leftover from a build under way.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BUILD_MARK: Final = ".building-"
_OLD_MARK: Final = ".replaced-"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def _build_prefix(target: Path) -> str:
    return f".{target.name}{_BUILD_MARK}"


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(root: Path) -> None:
    """fsync every file and directory below and including `root`."""
    for directory, _, names in os.walk(root):
        for name in names:
            handle = os.open(Path(directory, name), os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        _sync_directory(Path(directory))


def _try_lock(path: Path) -> int | None:
    """A file descriptor that holds the exclusive lock on directory `path`, or None if another does."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def remove_leftovers(target: Path) -> list[Path]:
    """Remove build folders that killed runs left beside `target`; those of live runs stay."""
    removed = []
    for path in target.parent.glob(f"{_glob_escape(_build_prefix(target))}*"):
        with contextlib.suppress(OSError):
            handle = _try_lock(path)
            if handle is None:
                continue
            try:
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)
            removed.append(path)
    return removed


def _glob_escape(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def recover(target: Path) -> None:
    """Put a folder back that was renamed away by a run killed between the two renames of a replacement."""
    for path in target.parent.glob(f"{_glob_escape('.' + target.name + _OLD_MARK)}*"):
        if not target.exists() and any(path.iterdir()):
            path.rename(target)
            continue
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def build_folder(target: Path) -> Iterator[Path]:
    """A fresh folder (mode 0700) on the file system of `target`, removed on leaving if it still exists."""
    remove_leftovers(target)
    path, handle = _locked_folder(target)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _locked_folder(target: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_build_prefix(target), dir=target.parent))
        handle = _try_lock(path)
        if handle is not None:
            # another run may have taken it for a leftover before it was locked
            if path.exists():
                return path, handle
            os.close(handle)


def put_in_place(built: Path, target: Path) -> None:
    """Make the finished folder `built` durable and rename it to `target`, replacing a folder there.

    A process killed at any moment leaves either the old or the new folder at `target` (possibly after
    `recover`). Raises `OSError`.
    """
    sync_tree(built)
    if target.is_dir() and any(target.iterdir()):
        _exchange(built, target)
    else:
        built.rename(target)
    _sync_directory(target.parent)


def _exchange(built: Path, target: Path) -> None:
    if _rename_exchange(built, target):
        shutil.rmtree(built, ignore_errors=True)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}{_OLD_MARK}", dir=target.parent))
    target.rename(old)
    built.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _rename_exchange(first: Path, second: Path) -> bool:
    """Swap two paths atomically; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    flags = ctypes.c_uint(_RENAME_EXCHANGE)
    if function(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(second))
