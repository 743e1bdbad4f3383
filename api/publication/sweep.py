"""Cleaning up at start: uploads that nobody finished, and what killed processes left.

Never touches a published bundle: what the database names stays, and what may become published within the time that
publishers are given stays too.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

import structlog
from sqlalchemy import select

from api.database.engine import Database
from api.database.tables import PublishedAttestation
from api.problems import Problem
from api.publication.staging import Staging
from api.storage import Storage

_log = structlog.get_logger("sealedbook.sweep")


def sweep(staging: Staging, storage: Storage, database: Database, *, hours: float) -> int:
    """Remove what is older than `hours` and was not published, and staged copies of what was; how many."""
    removed = 0
    with database.read() as session:
        published = {digest.hex() for digest in session.scalars(select(PublishedAttestation.digest))}
    for folder in staging.all():
        if folder.name in published or _age(folder) > hours * 3600:
            removed += _remove_staged(staging, folder)
    staged = {folder.name for folder in staging.all()}
    for name, age in storage.stored():
        if name not in published and name not in staged and age > hours * 3600:
            removed += _remove_stored(storage, database, name)
    if removed:
        _log.info("swept", removed=removed)
    return removed


def _remove_stored(storage: Storage, database: Database, name: str) -> int:
    """Remove a stored bundle that nobody published, in the turn of a writer: publishers look again in theirs."""
    with database.write() as session:
        published = {digest.hex() for digest in session.scalars(select(PublishedAttestation.digest))}
        if name in published:
            return 0
        storage.remove(name)
    return 1


def _age(folder: Path) -> float:
    """Seconds since anything in the folder changed."""
    newest = 0.0
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            newest = max(newest, path.stat().st_mtime)
    return time.time() - newest


def _remove_staged(staging: Staging, folder: Path) -> int:
    """Remove one staged publication, unless somebody works on it."""
    try:
        digest = bytes.fromhex(folder.name)
    except ValueError:
        shutil.rmtree(folder, ignore_errors=True)
        return 1
    found = staging.find(digest)
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)
        return 1
    try:
        with found.locked(seconds=0):
            found.remove()
    except Problem:
        return 0
    return 1
